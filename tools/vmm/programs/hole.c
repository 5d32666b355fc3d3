// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Reads where nothing is mapped: #PF, error 0x4, in ring 0 0x0. */
#include "runtime.h"

#define HOLE	0x123456789000UL

int program(const struct program_info *info)
{
	return (int)peek(HOLE + 8) | 1;
}
