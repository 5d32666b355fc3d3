// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: making them, freezing, mapping owned ones, and their end.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../vmem/call.h"
#include "calls.h"
#include "compat.h"
#include "pools.h"
#include "region.h"
#include "scratch.h"

static void vmem_region_free(struct kref *refs)
{
	struct vmem_region *region =
		container_of(refs, struct vmem_region, refs);

	if (region->kind == VMEM_IOC_REGION_OWNED)
		vmem_owned_exit(&region->owned, region->len, &region->blocks);
	vmem_blocks_free(&region->blocks);
	vmem_blocks_free(&region->dirty);
	if (region->mm)
		vmem_mm_put(region->mm);
	kfree(region);
}

/**
 * vmem_region_get() - take a reference
 * @region:	a region that is live, or referenced
 *
 * Context: any.
 */
void vmem_region_get(struct vmem_region *region)
{
	kref_get(&region->refs);
}

/**
 * vmem_region_put() - drop a reference
 * @region:	the region
 *
 * Context: sleeps when it is the last one.
 */
void vmem_region_put(struct vmem_region *region)
{
	kref_put(&region->refs, vmem_region_free);
}

/**
 * vmem_region_at() - the region that an address lies in
 * @guest:	the guest
 * @gpa:	any address
 *
 * Context: residency is held.
 * Return: a region that is live and whose address space isn't dead; NULL.
 */
struct vmem_region *vmem_region_at(struct vmem_guest *guest, vmem_phys_t gpa)
{
	struct interval_tree_node *node;
	struct vmem_region *region;

	node = interval_tree_iter_first(&guest->regions, gpa, gpa);
	if (!node)
		return NULL;
	region = container_of(node, struct vmem_region, node);
	return vmem_region_reachable(region) ? region : NULL;
}

/**
 * vmem_region_claim() - a pool has a range of memory, or has it no more
 * @guest:	the guest
 * @first:	its first address
 * @last:	its last address
 * @delta:	1, -1: added to the count of each region that it touches
 *
 * Context: vmem_guest.lock is held for writing; takes residency.
 * Return: 0; -ENXIO: part of it is in no region; -EROFS: part of it is frozen;
 * nothing was added then.
 */
int vmem_region_claim(struct vmem_guest *guest, vmem_phys_t first,
		      vmem_phys_t last, int delta)
{
	struct interval_tree_node *node;
	struct vmem_region *region;
	vmem_phys_t at = first;
	int ret = 0;

	read_lock(&guest->residency);
	for (node = interval_tree_iter_first(&guest->regions, first, last);
	     node; node = interval_tree_iter_next(node, first, last)) {
		region = container_of(node, struct vmem_region, node);
		if (delta > 0 && (!region->live || region->gpa > at))
			break;
		if (delta > 0 && region->frozen) {
			ret = -EROFS;
			break;
		}
		region->pool_ranges += delta;
		at = region->gpa + region->len;
	}
	read_unlock(&guest->residency);
	if (delta > 0 && !ret && at <= last)
		ret = -ENXIO;
	if (ret && at > first)
		vmem_region_claim(guest, first, at - 1, -1);
	return ret;
}

/*
 * Into the map of regions, where it is in the way of others but not reached
 * before it is published.
 */
static int vmem_region_insert(struct vmem_region *region)
{
	struct vmem_guest *guest = region->object.guest;
	struct vmem_span *span;
	int ret = 0;

	write_lock(&guest->residency);
	if (interval_tree_iter_first(&guest->regions, region->node.start,
				     region->node.last))
		ret = -EEXIST;
	else
		interval_tree_insert(&region->node, &guest->regions);
	write_unlock(&guest->residency);
	if (ret || region->kind == VMEM_IOC_REGION_OWNED)
		return ret;

	span = vmem_mm_attach(guest, region->user_addr, region->len,
			      &region->blocks);
	if (IS_ERR(span))
		return PTR_ERR(span);
	region->span = span;
	region->mm = span->mm;
	return 0;
}

static void vmem_region_publish(struct vmem_object *object)
{
	rwlock_t *residency = &object->guest->residency;

	write_lock(residency);
	vmem_to_region(object)->live = true;
	write_unlock(residency);
}

/* It isn't reached any more, nor in the way of others. */
static void vmem_region_kill(struct vmem_region *region)
{
	struct vmem_guest *guest = region->object.guest;

	write_lock(&guest->residency);
	guest->gone++;
	region->live = false;
	if (!RB_EMPTY_NODE(&region->node.rb))
		interval_tree_remove(&region->node, &guest->regions);
	RB_CLEAR_NODE(&region->node.rb);
	write_unlock(&guest->residency);
}

/* The guest's reference goes. Published or not, killed or not. */
static void vmem_region_retire(struct vmem_object *object)
{
	struct vmem_region *region = vmem_to_region(object);

	vmem_region_kill(region);
	if (region->span)
		vmem_mm_detach(region->span);
	vmem_region_put(region);
}

static void vmem_region_item(struct vmem_object *object,
			     struct vmem_ioc_item *item)
{
	const struct vmem_region *region = vmem_to_region(object);

	vmem_ioc_item_region(item, region->kind, region->frozen, region->gpa,
			     region->len,
			     READ_ONCE(region->mappings) + region->pool_ranges);
}

/* Take it out of the ids if no VMA maps it. */
static bool vmem_region_idle(struct vmem_region *region)
{
	struct xarray *ids = &region->object.guest->ids;
	bool idle;

	xa_lock(ids);
	idle = !region->mappings;
	if (idle)
		__xa_erase(ids, region->object.id);
	xa_unlock(ids);
	return idle;
}

static int vmem_region_destroy(struct vmem_object *object,
			       struct vmem_ioc_destroy *answer)
{
	struct vmem_region *region = vmem_to_region(object);
	const struct vmem_pool_range range = { .gpa = region->gpa, .len = region->len };
	struct vmem_guest *guest = object->guest;

	lockdep_assert_held_write(&guest->lock);
	if (region->pool_ranges ||
	    vmem_root_within(guest, region->gpa, region->len) ||
	    !vmem_region_idle(region))
		return -EBUSY;
	vmem_region_kill(region);
	if (vmem_pools_drop(guest, &range, 1))
		answer->out_flush = VMEM_IOC_FLUSH_ALL;
	return 0;
}

const struct vmem_object_ops vmem_region_ops = {
	.kind		= VMEM_IOC_LIST_REGIONS,
	.max		= VMEM_REGIONS_MAX,
	.publish	= vmem_region_publish,
	.item		= vmem_region_item,
	.abort		= vmem_region_retire,
	.destroy	= vmem_region_destroy,
	.settle		= vmem_pools_settle,
	.retire		= vmem_region_retire,
};

/**
 * vmem_ioctl_region_create() - REGION_CREATE
 * @call:	the call
 * @arg:	struct vmem_ioc_region_create
 *
 * Context: sleeps; takes mmap_lock.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -EOVERFLOW, -E2BIG, -EEXIST, -ENOMEM,
 * -EINTR.
 */
int vmem_ioctl_region_create(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_region_create *create = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_region *region;
	int ret;

	ret = vmem_ioc_region_create_check(create, PAGE_SIZE, TASK_SIZE);
	if (ret)
		return ret;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	kref_init(&region->refs);
	region->kind = create->kind;
	region->gpa = create->gpa;
	region->len = create->len;
	region->node.start = create->gpa;
	region->node.last = create->gpa + (create->len - 1);
	RB_CLEAR_NODE(&region->node.rb);
	region->frozen = create->flags & VMEM_IOC_REGION_FROZEN;
	region->user_addr = create->user_addr;
	xa_init_flags(&region->blocks, XA_FLAGS_ACCOUNT);
	xa_init_flags(&region->dirty, XA_FLAGS_ACCOUNT);

	if (region->kind == VMEM_IOC_REGION_OWNED) {
		ret = vmem_owned_init(&region->owned, region->len);
		if (ret)
			goto err_region;
	}
	ret = vmem_object_reserve(&region->object, guest, &vmem_region_ops);
	if (ret)
		goto err_region;
	ret = vmem_region_insert(region);
	if (ret)
		goto err_object;

	create->out_id = region->object.id;
	if (region->kind == VMEM_IOC_REGION_OWNED)
		create->out_mmap_offset = region->gpa;
	call->made = &region->object;
	return 0;

err_object:
	vmem_object_abort(&region->object);
	return ret;
err_region:
	vmem_region_put(region);
	return ret;
}

/**
 * vmem_ioctl_region_set() - REGION_SET
 * @call:	the call
 * @arg:	struct vmem_ioc_region_set
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -ENOENT, -EBUSY, -EINTR.
 */
int vmem_ioctl_region_set(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_region_set *set = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_object *object;
	struct vmem_region *region;
	int ret;

	ret = vmem_ioc_region_set_check(set);
	if (ret)
		return ret;
	if (down_write_killable(&guest->lock))
		return -EINTR;
	object = vmem_object_find(guest, set->id, &vmem_region_ops);
	if (IS_ERR(object)) {
		ret = PTR_ERR(object);
		goto out;
	}
	region = vmem_to_region(object);
	ret = vmem_ioc_region_set_frozen(set, region->frozen,
					 region->pool_ranges);
	if (ret <= 0)
		goto out;
	write_lock(&guest->residency);
	region->frozen = !region->frozen;
	write_unlock(&guest->residency);
	/* a frozen root counts no links where it would move */
	guest->links.epoch++;
	guest->generation++;
	ret = 0;
out:
	up_write(&guest->lock);
	return ret;
}

/* Take what was written, or @back: put it back. Return: 0, -ENOENT, -EINVAL, -ENXIO. */
static int vmem_region_written(struct vmem_guest *guest,
			       const struct vmem_ioc_region_dirty *dirty,
			       unsigned long *bitmap, bool back)
{
	struct vmem_object *object;
	struct vmem_region *region;
	u64 first;
	int nr;

	object = vmem_object_find(guest, dirty->id, &vmem_region_ops);
	if (IS_ERR(object))
		return PTR_ERR(object);
	region = vmem_to_region(object);
	nr = vmem_ioc_region_dirty_within(dirty, region->gpa, region->len, &first);
	if (nr < 0)
		return nr;
	vmem_dirty_take(&region->dirty, first, nr, bitmap,
			dirty->flags & VMEM_IOC_DIRTY_CLEAR, back);
	return 0;
}

/**
 * vmem_ioctl_region_dirty() - REGION_DIRTY
 * @call:	the call
 * @arg:	struct vmem_ioc_region_dirty
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -EOVERFLOW, -E2BIG, -ENOENT, -ENXIO, -EFAULT,
 * -ENOMEM, -EINTR.
 */
int vmem_ioctl_region_dirty(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_region_dirty *dirty = arg;
	struct vmem_guest *guest = call->guest;
	unsigned long *bitmap;
	u32 bytes;
	int ret;

	ret = vmem_ioc_region_dirty_check(dirty);
	if (ret)
		return ret;
	bytes = vmem_ioc_region_dirty_bytes(dirty);
	bitmap = vmem_scratch_alloc(bytes);
	if (!bitmap)
		return -ENOMEM;
	if (down_read_killable(&guest->lock)) {
		ret = -EINTR;
		goto out;
	}
	ret = vmem_region_written(guest, dirty, bitmap, false);
	up_read(&guest->lock);
	if (ret)
		goto out;
	if (copy_to_user(u64_to_user_ptr(dirty->bitmap), bitmap, bytes)) {
		ret = -EFAULT;
		/* They are told another time, whatever signal there is. */
		down_read(&guest->lock);
		if (dirty->flags & VMEM_IOC_DIRTY_CLEAR)
			vmem_region_written(guest, dirty, bitmap, true);
		up_read(&guest->lock);
	}
out:
	vmem_scratch_free(bitmap, bytes);
	return ret;
}

/* One VMA more, unless the region was destroyed meanwhile. */
static bool vmem_region_count(struct vmem_region *region)
{
	struct xarray *ids = &region->object.guest->ids;
	bool there;

	xa_lock(ids);
	there = xa_load(ids, region->object.id) == &region->object;
	if (there)
		region->mappings++;
	xa_unlock(ids);
	return there;
}

static void vmem_vma_open(struct vm_area_struct *vma)
{
	struct vmem_region *region = vma->vm_private_data;

	vmem_region_get(region);
	xa_lock(&region->object.guest->ids);
	region->mappings++;
	xa_unlock(&region->object.guest->ids);
}

static void vmem_vma_close(struct vm_area_struct *vma)
{
	struct vmem_region *region = vma->vm_private_data;

	xa_lock(&region->object.guest->ids);
	region->mappings--;
	xa_unlock(&region->object.guest->ids);
	vmem_region_put(region);
}

/* The page is referenced, and not locked, as it has no mapping. */
static vm_fault_t vmem_vma_fault(struct vm_fault *vmf)
{
	struct vmem_region *region = vmf->vma->vm_private_data;
	u64 offset = ((u64)vmf->pgoff << PAGE_SHIFT) - region->gpa;
	struct page *page;

	if (offset >= region->len)
		return VM_FAULT_SIGBUS;
	page = vmem_owned_page(&region->owned, &region->blocks, offset);
	if (!page)
		return VM_FAULT_OOM;
	if (PageHWPoison(page))
		return VM_FAULT_HWPOISON;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vmem_vma_ops = {
	.open	= vmem_vma_open,
	.close	= vmem_vma_close,
	.fault	= vmem_vma_fault,
};

/* The owned region that all of a VMA lies in, referenced and counted, or NULL. */
static struct vmem_region *vmem_region_of_vma(struct vmem_guest *guest,
					      const struct vm_area_struct *vma)
{
	u64 len = vma->vm_end - vma->vm_start;
	struct vmem_region *region = NULL;
	u64 gpa;

	if (vma->vm_pgoff > (ULONG_MAX >> PAGE_SHIFT))
		return NULL;
	gpa = (u64)vma->vm_pgoff << PAGE_SHIFT;
	read_lock(&guest->residency);
	region = vmem_region_at(guest, gpa);
	if (region && (region->kind != VMEM_IOC_REGION_OWNED ||
		       len > region->len || gpa - region->gpa > region->len - len))
		region = NULL;
	if (region)
		vmem_region_get(region);
	read_unlock(&guest->residency);
	if (!region || vmem_region_count(region))
		return region;
	vmem_region_put(region);
	return NULL;
}

/**
 * vmem_region_mmap() - mmap() of an owned region, whose offset is its address
 *			in the guest
 * @file:	a descriptor of the guest
 * @vma:	the mapping
 *
 * Context: under mmap_lock; takes leaf locks only.
 * Return: 0; -EACCES; -EINVAL: not shared, or not wholly in an owned region.
 */
int vmem_region_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct vmem_view *view = file->private_data;
	unsigned long clear = 0;
	struct vmem_region *region;

	if (!(view->rights & VMEM_IOC_RIGHT_READ))
		return -EACCES;
	if (!(view->rights & VMEM_IOC_RIGHT_CHANGE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		clear = VM_MAYWRITE;
	}
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	region = vmem_region_of_vma(view->guest, vma);
	if (!region)
		return -EINVAL;

	vmem_vma_flags(vma, VM_DONTEXPAND | VM_DONTDUMP, clear);
	vma->vm_private_data = region;
	vma->vm_ops = &vmem_vma_ops;
	return 0;
}
