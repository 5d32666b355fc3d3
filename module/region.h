/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions of a guest's memory.
 *
 * A user region follows the mapping of its process, as KVM's memslots do: no
 * reference to a page is kept, and the notifier takes an address away before
 * the page goes. An owned region has pages of its own, which stay.
 */
#ifndef _VMEM_MODULE_REGION_H
#define _VMEM_MODULE_REGION_H

#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "../vmem/vmem.h"
#include "dirty.h"
#include "mm.h"
#include "object.h"
#include "owned.h"

struct file;
struct vm_area_struct;

/**
 * struct vmem_region - a range of guest-physical memory
 * @object:	its id
 * @refs:	the guest, mappings, and those who make pages resident
 * @kind:	VMEM_IOC_REGION_*, immutable
 * @gpa:	first address, immutable
 * @len:	bytes, immutable
 * @node:	in vmem_guest.regions; guarded by residency
 * @live:	published and not destroyed; guarded by residency
 * @frozen:	nothing is written here; guarded by vmem_guest.lock and by
 *		residency: either suffices for reading
 * @mappings:	VMAs of it; guarded by the lock of ids
 * @pool_ranges: ranges of pools that touch it; guarded by vmem_guest.lock
 * @blocks:	struct vmem_block by their number. Of a user region: the words
 *		are guarded by residency, and so is taking a block out. Of an
 *		owned one: nothing is taken out or changed once it is there.
 * @dirty:	blocks of bits, none of which is taken out. Bits are guarded by
 *		vmem_guest.lock, and atomic.
 * @mm:		user: where it lies, immutable
 * @user_addr:	user: address there, immutable
 * @span:	user: likewise; guarded by residency
 * @owned:	owned: whose its pages are
 */
struct vmem_region {
	struct vmem_object object;
	struct kref refs;
	u32 kind;
	u64 gpa;
	u64 len;
	struct interval_tree_node node;
	bool live;
	bool frozen;
	u32 mappings;
	u32 pool_ranges;
	struct xarray blocks;
	struct xarray dirty;

	struct vmem_mm *mm;
	unsigned long user_addr;
	struct vmem_span *span;

	struct vmem_owned owned;
};

static inline struct vmem_region *vmem_to_region(struct vmem_object *object)
{
	return container_of(object, struct vmem_region, object);
}

/* May its pages be reached? Under residency. */
static inline bool vmem_region_reachable(const struct vmem_region *region)
{
	return region->live && !(region->mm && region->mm->dead);
}

extern const struct vmem_object_ops vmem_region_ops;

void vmem_region_get(struct vmem_region *region);
void vmem_region_put(struct vmem_region *region);
struct vmem_region *vmem_region_at(struct vmem_guest *guest, vmem_phys_t gpa);
int vmem_region_claim(struct vmem_guest *guest, vmem_phys_t first,
		      vmem_phys_t last, int delta);
int vmem_region_mmap(struct file *file, struct vm_area_struct *vma);

#endif /* _VMEM_MODULE_REGION_H */
