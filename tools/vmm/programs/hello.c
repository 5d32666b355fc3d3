// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The smallest program. To build it, where start.S lies:
 *
 * cc -O2 -ffreestanding -fno-pic -fno-stack-protector -fcf-protection=none
 *	-mgeneral-regs-only -mno-red-zone -nostdlib -static -Wl,-z,separate-code
 *	-o hello.elf hello.c start.S
 */
#include "runtime.h"

int program(const struct program_info *info)
{
	print(info->levels == 5 ? "hello through 5 levels\n" :
				  "hello through 4 levels\n");
	return 0;
}
