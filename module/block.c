// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache of host addresses of a region, in two levels; bits of its pages likewise.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "block.h"

static void vmem_block_free(struct vmem_block *block)
{
	free_page((unsigned long)block);
}

/**
 * vmem_block_make() - see that a block of addresses is there
 * @blocks:	of the region
 * @offset:	in the region
 *
 * Context: sleeps.
 * Return: the block, good until the notifier comes; NULL: no memory.
 */
struct vmem_block *vmem_block_make(struct xarray *blocks, u64 offset)
{
	struct vmem_block *block, *old;

	BUILD_BUG_ON(sizeof(*block) != PAGE_SIZE);
	block = vmem_block_at(blocks, offset);
	if (block)
		return block;
	block = (struct vmem_block *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!block)
		return NULL;
	old = xa_cmpxchg(blocks, offset >> VMEM_BLOCK_LG2, NULL, block,
			 GFP_KERNEL_ACCOUNT);
	if (!old)
		return block;
	vmem_block_free(block);
	return xa_is_err(old) ? NULL : old;
}

/**
 * vmem_block_drop() - forget addresses
 * @blocks:	of the region
 * @nr:		number of a block
 * @block:	the block, which goes when all of it is dropped
 * @first:	number of the first page; it may lie below the block
 * @last:	and of the last one; it may lie above
 *
 * Context: vmem_guest.residency is held for writing.
 */
void vmem_block_drop(struct xarray *blocks, unsigned long nr,
		     struct vmem_block *block, u64 first, u64 last)
{
	u64 base = (u64)nr << VMEM_BLOCK_WORDS_LG2;
	u64 end = base + VMEM_BLOCK_WORDS - 1;

	if (first <= base && last >= end) {
		xa_erase(blocks, nr);
		vmem_block_free(block);
		return;
	}
	first = max(first, base);
	last = min(last, end);
	memset(&block->host[first - base], 0,
	       (last - first + 1) * sizeof(block->host[0]));
}

/**
 * vmem_blocks_free() - forget all addresses of a region
 * @blocks:	of the region, which nobody reaches any more
 *
 * Context: any.
 */
void vmem_blocks_free(struct xarray *blocks)
{
	struct vmem_block *block;
	unsigned long nr;

	xa_for_each(blocks, nr, block)
		vmem_block_free(block);
	xa_destroy(blocks);
}
