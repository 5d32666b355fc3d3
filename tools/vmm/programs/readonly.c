// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Writes to its own read-only data: #PF, error 0x7, in ring 0 0x3. */
#include "runtime.h"

/* read-only data only if it isn't volatile */
static const unsigned long constant[1] = { 1 };

int program(const struct program_info *info)
{
	poke((unsigned long)constant, 2);
	return 1;
}
