/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host addresses of the pages of a region: an xarray of blocks of them. A word is
 * the address of a page, or 0. VMEM_HOST_WRITE tells that it was got for writing,
 * VMEM_HOST_OWNED that no notifier takes it away when the page is poisoned.
 */
#ifndef _VMEM_MODULE_BLOCK_H
#define _VMEM_MODULE_BLOCK_H

#include <linux/mm.h>
#include <linux/xarray.h>

#define VMEM_BLOCK_WORDS_LG2	(PAGE_SHIFT - 3)
#define VMEM_BLOCK_WORDS	BIT(VMEM_BLOCK_WORDS_LG2)
#define VMEM_BLOCK_LG2		(PAGE_SHIFT + VMEM_BLOCK_WORDS_LG2)
#define VMEM_HOST_WRITE		BIT(0)
#define VMEM_HOST_OWNED		BIT(1)

struct vmem_block {
	unsigned long host[VMEM_BLOCK_WORDS];
};

/* The block of an offset in a region, NULL: there is none. */
static inline struct vmem_block *vmem_block_at(struct xarray *blocks, u64 offset)
{
	return xa_load(blocks, offset >> VMEM_BLOCK_LG2);
}

static inline unsigned long *vmem_block_word(struct vmem_block *block, u64 offset)
{
	return &block->host[(offset >> PAGE_SHIFT) % VMEM_BLOCK_WORDS];
}

/* The page of a word that isn't 0. */
static inline struct page *vmem_host_page(unsigned long word)
{
	return virt_to_page((void *)(word & PAGE_MASK));
}

/* Is there a page, and may it be reached? */
static inline bool vmem_host_reached(unsigned long word)
{
	return word && !(word & VMEM_HOST_OWNED && PageHWPoison(vmem_host_page(word)));
}

struct vmem_block *vmem_block_make(struct xarray *blocks, u64 offset);
void vmem_block_drop(struct xarray *blocks, unsigned long nr,
		     struct vmem_block *block, u64 first, u64 last);
void vmem_blocks_free(struct xarray *blocks);

#endif /* _VMEM_MODULE_BLOCK_H */
