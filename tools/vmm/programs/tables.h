/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A program's own tables, seen through the window. */
#ifndef _VMM_TABLES_H
#define _VMM_TABLES_H

#include "runtime.h"

#define ENTRY_P		(1UL << 0)
#define ENTRY_A		(1UL << 5)
#define ENTRY_D		(1UL << 6)
#define ENTRY_ADDR	0x000ffffffffff000UL

/* The leaf of a page that is mapped by one of 4 KiB, below a root. */
static inline unsigned long *leaf_of(const struct program_info *info,
				     unsigned long table, unsigned long va)
{
	unsigned long *entry;
	int level;

	for (level = info->levels - 1;; level--) {
		entry = (unsigned long *)(info->window_va + (table & ENTRY_ADDR)) +
			(va >> (12 + 9 * level) & 511);
		if (!level)
			return entry;
		table = *entry;
	}
}

static inline unsigned long read_cr3(void)
{
	unsigned long cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return cr3;
}

static inline void forget(unsigned long va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

#endif /* _VMM_TABLES_H */
