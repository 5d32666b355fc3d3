// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Writes to its own live tables all the time, while others may walk them: takes
 * accessed and dirty bits away, and sees the vCPU set them. Wants --ring=0 --window.
 */
#include "tables.h"

#define PAGES	16
#define ROUNDS	1000

static unsigned char pages[PAGES][4096] __attribute__((aligned(4096)));

int program(const struct program_info *info)
{
	unsigned long i, round, va, *leaf;

	if (!info->window_va)
		return 1;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < PAGES; i++) {
			va = (unsigned long)pages[i];
			/*
			 * Not of CR3: where KVM shadows tables, what it holds
			 * is KVM's to say, and QEMU 10.0 doesn't ask.
			 */
			leaf = leaf_of(info, info->cr3[0], va);
			__atomic_and_fetch(leaf, ~(ENTRY_A | ENTRY_D), __ATOMIC_SEQ_CST);
			forget(va);
			peek(va);
			if (!(__atomic_load_n(leaf, __ATOMIC_SEQ_CST) & ENTRY_A))
				return 2;
			poke(va, round);
			if (!(__atomic_load_n(leaf, __ATOMIC_SEQ_CST) & ENTRY_D))
				return 3;
		}
	}
	print("accessed and dirty bits come and go\n");
	return 0;
}
