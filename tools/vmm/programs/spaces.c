// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Switches between its spaces: the same address is another page in each, and
 * keeps what was written to it. Wants --ring=0, since it loads CR3.
 */
#include "runtime.h"

static void use(const struct program_info *info, unsigned long i)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(info->cr3[i]) : "memory");
}

int program(const struct program_info *info)
{
	unsigned long va = info->private_va, i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < info->nr_spaces; i++) {
			use(info, i);
			if (peek(va) != i || peek(va + 8) != round * (i + 1))
				return 1;
			poke(va + 8, (round + 1) * (i + 1));
		}
	}
	use(info, 0);
	print("each space has its own\n");
	return 0;
}
