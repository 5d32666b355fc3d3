// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of a region vmem wrote.
 *
 * Bits are set by those who change tables and have the guest alone, and read and
 * cleared by those who share it: so each is told to one of them, and what is told is how
 * it was between two changes. Who only sets A and D in tables shares the guest as well,
 * and sets the bit of a page behind the write: what is told has been done.
 */
#include <linux/minmax.h>

#include "dirty.h"

/**
 * vmem_dirty_take() - which pages were written
 * @blocks:	of the region
 * @first:	number of the first page
 * @nr:		how many, at least 1
 * @bitmap:	a bit a page, as in the caller's; zeroed
 * @clear:	those that are told aren't any more
 * @back:	instead, those of @bitmap, which were told to nobody, are again
 *
 * Context: vmem_guest.lock is held.
 */
void vmem_dirty_take(struct xarray *blocks, u64 first, u32 nr,
		     unsigned long *bitmap, bool clear, bool back)
{
	u64 base, last = first + (nr - 1);
	struct vmem_block *block;
	unsigned long i, bit, end;

	xa_for_each_range(blocks, i, block, first >> VMEM_DIRTY_BITS_LG2,
			  last >> VMEM_DIRTY_BITS_LG2) {
		base = (u64)i << VMEM_DIRTY_BITS_LG2;
		end = min_t(u64, last + 1 - base, VMEM_DIRTY_BITS);
		for (bit = max(first, base) - base; bit < end; bit++) {
			if (back) {
				if (test_bit_le(base + bit - first, bitmap))
					set_bit(bit, block->host);
				continue;
			}
			bit = find_next_bit(block->host, end, bit);
			if (bit < end &&
			    (!clear || test_and_clear_bit(bit, block->host)))
				__set_bit_le(base + bit - first, bitmap);
		}
	}
}
