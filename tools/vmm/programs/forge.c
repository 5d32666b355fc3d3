// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Jumps to where a system call enters, with flags that would give it all ports, and
 * comes back without them: #GP, error 0x0. For ring 3.
 */
#include "runtime.h"

#define ENTRY		0x520UL		/* where ../vectors.S has it */
#define RFLAGS_IOPL	(3UL << 12)

int program(const struct program_info *info)
{
	__asm__ volatile("lea	1f(%%rip), %%rcx\n"
			 "	mov	%0, %%r11\n"
			 "	mov	$-1, %%eax\n"
			 "	jmp	*%1\n"
			 "1:"
			 :
			 : "r"(RFLAGS_IOPL), "r"(info->system_va + ENTRY)
			 : "rax", "rcx", "r11", "memory");
	out32(PORT_EXIT, 0);
	return 1;
}
