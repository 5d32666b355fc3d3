// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * backends: what a guest does to its tables by itself, the same in both guests.
 */
#include "backends.h"
#include "libvmem.h"

/* What a guest may write into a table, or anywhere. */
void do_poke(void)
{
	__u64 gpa = chance(3) ? POOL_GPA + 8 * chance(POOL_LEN / 8) :
				8 * chance(MEMORY_LEN / 8);
	__u64 entry = some_entry();

	doing = "a poke";
	/* no table by hand at another level */
	if (entry & 1 && (entry & 0xffffffffff000) - FROZEN_GPA < FROZEN_LEN)
		entry -= FROZEN_LEN;
	by_hand(gpa, entry);
}

/*
 * A guest has tables of its own where memory is frozen most of the time: the
 * path to an address, from one of few roots.
 */
void do_tree(void)
{
	__u32 format = 1 + (__u32)chance(2);
	__u64 table = by_hand_root(format, chance(NR_ROOTS)), va = some_va(), next;
	int level = format == VMEM_IOC_FORMAT_X86_64_5LEVEL ? 4 : 3, i;
	unsigned long at;

	doing = "tables by hand";
	for (; level > 0; level--) {
		at = table + 8 * (va >> (12 + 9 * level) & 511);
		memcpy(&next, sides[0].memory + at, sizeof(next));
		if ((next & 0x81) != 1 ||
		    (next & 0xffffffffff000) - FROZEN_GPA >= FROZEN_LEN) {
			next = by_hand_table(level - 1);
			next |= chance(8) ? 0x27 : 1 | chance(8) << 1;
			next &= chance(3) ? ~0ULL : ~0x20ULL;
			next |= chance(12) ? 0 : 1ULL << 63;
			by_hand(at, next);
		}
		table = next & 0xffffffffff000;
	}
	at = va >> 12 & 511;
	for (i = (int)chance(80); i >= 0; i--)
		by_hand(table + 8 * ((at + (unsigned int)i) & 511),
			(some_gpa() & ~4095ULL & ((1ULL << 36) - 1)) |
			(chance(3) ? 0x61 : 1 | chance(4) << 5) | chance(4) << 1);
}

/* A guest has a large page where tables were, or where there is nothing. */
void do_large(void)
{
	__u64 words[VMEM_IOC_LEVELS_MAX], va = some_va(), entry, gpa;
	struct vmem_ioc_result result;
	struct vmem_ioc_translate arg = {
		.size		= sizeof(arg),
		.space		= sides[0].spaces[some_space()],
		.nr		= 1,
		.vas		= (__u64)(unsigned long)&va,
		.results	= (__u64)(unsigned long)&result,
		.entries	= (__u64)(unsigned long)words,
	};

	doing = "a large page";
	if (vmem_space_translate(sides[0].guest, &arg))
		return;
	gpa = (words[2] & 0xffffffffff000) + 8 * (va >> 21 & 511);
	if ((words[2] & 0x81) != 1 || gpa >= MEMORY_LEN)
		return;
	entry = (__u64)chance(64) << 21 | 0xe3;
	by_hand(gpa, entry);
}
