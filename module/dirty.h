/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages of a region vmem wrote: an xarray of blocks of bits, one a page of
 * REGION_DIRTY. A block is made before the first of its pages is written and stays as
 * long as the region, whatever becomes of the host's pages.
 */
#ifndef _VMEM_MODULE_DIRTY_H
#define _VMEM_MODULE_DIRTY_H

#include <linux/bitops.h>
#include <linux/xarray.h>

#include "../vmem/uapi.h"

#define VMEM_DIRTY_BITS_LG2	9
#define VMEM_DIRTY_BITS		BIT(VMEM_DIRTY_BITS_LG2)
#define VMEM_DIRTY_LG2		(VMEM_DIRTY_PAGE_LG2 + VMEM_DIRTY_BITS_LG2)

struct vmem_dirty {
	unsigned long bits[VMEM_DIRTY_BITS / BITS_PER_LONG];
};

/* The block of an offset in a region, NULL: there is none. */
static inline struct vmem_dirty *vmem_dirty_at(struct xarray *blocks, u64 offset)
{
	return xa_load(blocks, offset >> VMEM_DIRTY_LG2);
}

/* The page of an offset in the region was written, or is about to be. */
static inline void vmem_dirty_mark(struct vmem_dirty *dirty, u64 offset)
{
	set_bit((offset >> VMEM_DIRTY_PAGE_LG2) % VMEM_DIRTY_BITS, dirty->bits);
}

bool vmem_dirty_make(struct xarray *blocks, u64 offset);
void vmem_dirty_take(struct xarray *blocks, u64 first, u32 nr,
		     unsigned long *bitmap, bool clear);
void vmem_dirty_put(struct xarray *blocks, u64 first, u32 nr,
		    const unsigned long *bitmap);
void vmem_dirty_free(struct xarray *blocks);

#endif /* _VMEM_MODULE_DIRTY_H */
