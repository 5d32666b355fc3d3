// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The smallest program. */
#include "runtime.h"

int program(const struct program_info *info)
{
	print(info->levels == 5 ? "hello through 5 levels\n" :
				  "hello through 4 levels\n");
	return 0;
}
