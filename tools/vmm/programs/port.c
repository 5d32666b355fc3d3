// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Writes to the port by which it ends in ring 0: in ring 3 a #GP, error 0x0. */
#include "runtime.h"

int program(const struct program_info *info)
{
	out32(PORT_EXIT, 0);
	return 1;
}
