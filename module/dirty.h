/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages of a region vmem wrote: a bit a page of REGION_DIRTY, in words that lie
 * in blocks as host addresses do. A block is made before the first of its pages is
 * written and stays as long as the region, whatever becomes of the host's pages.
 */
#ifndef _VMEM_MODULE_DIRTY_H
#define _VMEM_MODULE_DIRTY_H

#include <linux/bitops.h>

#include "../vmem/uapi.h"
#include "block.h"

#define VMEM_DIRTY_WORD_LG2	(VMEM_DIRTY_PAGE_LG2 + 6)

/* Bits of a block. */
#define VMEM_DIRTY_BITS_LG2	(VMEM_BLOCK_WORDS_LG2 + 6)
#define VMEM_DIRTY_BITS		BIT(VMEM_DIRTY_BITS_LG2)

/* Where an address would lie that is in the place of the word of an offset. */
static inline u64 vmem_dirty_place(u64 offset)
{
	return offset >> VMEM_DIRTY_WORD_LG2 << PAGE_SHIFT;
}

/* The word of an offset in a region, NULL: there is none. */
static inline unsigned long *vmem_dirty_at(struct xarray *blocks, u64 offset)
{
	struct vmem_block *block = vmem_block_at(blocks, vmem_dirty_place(offset));

	return block ? vmem_block_word(block, vmem_dirty_place(offset)) : NULL;
}

/* The page of an offset in the region was written, or is about to be. */
static inline void vmem_dirty_mark(unsigned long *word, u64 offset)
{
	set_bit((offset >> VMEM_DIRTY_PAGE_LG2) % BITS_PER_LONG, word);
}

void vmem_dirty_take(struct xarray *blocks, u64 first, u32 nr,
		     unsigned long *bitmap, bool clear, bool back);

#endif /* _VMEM_MODULE_DIRTY_H */
