/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The address spaces that user regions lie in.
 */
#ifndef _VMEM_MODULE_MM_H
#define _VMEM_MODULE_MM_H

#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "guest.h"

/* Addresses of a process, both ends included. */
struct vmem_range {
	unsigned long start;
	unsigned long last;
};

/**
 * struct vmem_mm - an address space that user regions of a guest lie in
 * @notifier:	tells what happens to its pages
 * @guest:	immutable; outlives the notifier's registration
 * @mm:		immutable; grabbed, as the notifier's own reference goes with its
 *		registration, while a page may still be made resident
 * @refs:	the regions, and those who make pages resident
 * @link:	in vmem_guest.mms
 * @spans:	where regions lie in it
 * @regions:	how many regions there are
 * @dead:	the address space has ended
 * @sequence:	invalidations of a span that have ended
 * @ranges:	what is being invalidated, of whatever, in no order
 * @nr_ranges:	how many these are
 * @max_ranges: and how many there is room for
 * @nr_rest:	invalidations under way that there was no room for
 * @rest:	what they invalidate, all together
 * @full:	there was no room since more was made
 * @wait:	for the end of invalidations, for @dead and dead regions
 *
 * All from @link to @full is guarded by vmem_guest.residency.
 */
struct vmem_mm {
	struct mmu_notifier notifier;
	struct vmem_guest *guest;
	struct mm_struct *mm;
	struct kref refs;
	struct list_head link;
	struct rb_root_cached spans;
	unsigned int regions;
	bool dead;
	u64 sequence;
	struct vmem_range *ranges;
	unsigned int nr_ranges;
	unsigned int max_ranges;
	unsigned long nr_rest;
	struct vmem_range rest;
	bool full;
	wait_queue_head_t wait;
};

/* Where a region lies in an address space. Guarded by residency, but for @mm. */
struct vmem_span {
	struct interval_tree_node node;
	struct vmem_mm *mm;		/* immutable */
	struct xarray *blocks;		/* NULL: gone, and out of the tree */
	unsigned int users;		/* who hold it, without the lock */
};

struct vmem_span *vmem_mm_attach(struct vmem_guest *guest, unsigned long addr,
				 u64 len, struct xarray *blocks);
void vmem_mm_detach(struct vmem_span *span);
void vmem_mm_put(struct vmem_mm *mm);
u64 vmem_mm_sample(struct vmem_mm *mm);
bool vmem_mm_busy(const struct vmem_mm *mm, unsigned long addr);
int vmem_mm_wait(struct vmem_mm *mm, unsigned long addr, const bool *live);

#endif /* _VMEM_MODULE_MM_H */
