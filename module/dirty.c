// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of a region vmem wrote.
 *
 * Bits are set by those who change tables, who have the guest alone, and read and
 * cleared by those who share it: so that each is told to one of them, and what is
 * told is how it was between two changes.
 */
#include <linux/minmax.h>
#include <linux/slab.h>

#include "dirty.h"

/**
 * vmem_dirty_make() - see that a block of bits is there
 * @blocks:	of the region
 * @offset:	in the region
 *
 * Context: sleeps.
 * Return: whether it is; else there is no memory.
 */
bool vmem_dirty_make(struct xarray *blocks, u64 offset)
{
	struct vmem_dirty *new, *old;

	if (vmem_dirty_at(blocks, offset))
		return true;
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return false;
	old = xa_cmpxchg(blocks, offset >> VMEM_DIRTY_LG2, NULL, new,
			 GFP_KERNEL_ACCOUNT);
	if (!old)
		return true;
	kfree(new);
	return !xa_is_err(old);
}

/**
 * vmem_dirty_take() - which pages were written
 * @blocks:	of the region
 * @first:	number of the first page
 * @nr:		how many, at least 1
 * @bitmap:	zeroed; out: a bit a page, as in the caller's
 * @clear:	those that are told aren't any more
 *
 * Context: vmem_guest.lock is held.
 */
void vmem_dirty_take(struct xarray *blocks, u64 first, u32 nr,
		     unsigned long *bitmap, bool clear)
{
	struct vmem_dirty *dirty;
	unsigned long i, bit;
	u64 page, last = first + (nr - 1);

	xa_for_each_range(blocks, i, dirty, first >> VMEM_DIRTY_BITS_LG2,
			  last >> VMEM_DIRTY_BITS_LG2)
		for_each_set_bit(bit, dirty->bits, VMEM_DIRTY_BITS) {
			page = ((u64)i << VMEM_DIRTY_BITS_LG2) + bit;
			if (page < first || page > last ||
			    (clear && !test_and_clear_bit(bit, dirty->bits)))
				continue;
			__set_bit_le(page - first, bitmap);
		}
}

/**
 * vmem_dirty_put() - what was taken and cleared wasn't told
 * @blocks:	of the region, as for vmem_dirty_take()
 * @first:	likewise
 * @nr:		likewise
 * @bitmap:	from vmem_dirty_take()
 *
 * Context: vmem_guest.lock is held.
 */
void vmem_dirty_put(struct xarray *blocks, u64 first, u32 nr,
		    const unsigned long *bitmap)
{
	unsigned long bit;
	u64 offset;

	for (bit = find_next_bit_le(bitmap, nr, 0); bit < nr;
	     bit = find_next_bit_le(bitmap, nr, bit + 1)) {
		offset = (first + bit) << VMEM_DIRTY_PAGE_LG2;
		vmem_dirty_mark(vmem_dirty_at(blocks, offset), offset);
	}
}

/**
 * vmem_dirty_free() - forget them all
 * @blocks:	of a region that nobody reaches any more
 *
 * Context: any.
 */
void vmem_dirty_free(struct xarray *blocks)
{
	struct vmem_dirty *dirty;
	unsigned long i;

	xa_for_each(blocks, i, dirty)
		kfree(dirty);
	xa_destroy(blocks);
}
