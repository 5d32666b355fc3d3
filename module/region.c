// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: making them, freezing, mapping owned ones, and their end.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "compat.h"
#include "pages.h"

/* Owned regions are locked memory of the user who creates them. */
static int vmem_region_lock_memory(struct vmem_region *region)
{
	unsigned long pages = region->len >> PAGE_SHIFT;
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();
	long locked;

	if (capable(CAP_IPC_LOCK))
		return 0;
	locked = atomic_long_add_return(pages, &user->locked_vm);
	if (locked > limit) {
		atomic_long_sub(pages, &user->locked_vm);
		return -ENOMEM;
	}
	region->user = get_uid(user);
	return 0;
}

static void vmem_region_unlock_memory(struct vmem_region *region)
{
	if (!region->user)
		return;
	atomic_long_sub(region->len >> PAGE_SHIFT, &region->user->locked_vm);
	free_uid(region->user);
}

static void vmem_region_free(struct kref *refs)
{
	struct vmem_region *region =
		container_of(refs, struct vmem_region, refs);
	struct vmem_block *block;
	unsigned long nr;

	if (region->kind == VMEM_IOC_REGION_OWNED) {
		vmem_owned_release(region);
		vmem_region_unlock_memory(region);
		mem_cgroup_put(region->memcg);
	}
	xa_for_each(&region->blocks, nr, block)
		vmem_block_free(block);
	xa_destroy(&region->blocks);
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

/* Alignment, width and overflow of what the caller asks for. */
static int vmem_region_check(const struct vmem_ioc_region_create *arg)
{
	u64 align = arg->gpa | arg->len | arg->user_addr, last;

	if (!arg->len || !PAGE_ALIGNED(align))
		return -EINVAL;
	if (check_add_overflow(arg->gpa, arg->len - 1, &last) ||
	    last >> VMEM_GPA_BITS)
		return -EOVERFLOW;
	if (arg->kind == VMEM_IOC_REGION_OWNED) {
		if (arg->user_addr)
			return -EOPNOTSUPP;
	} else {
		if (check_add_overflow(arg->user_addr, arg->len - 1, &last))
			return -EOVERFLOW;
		if (last >= TASK_SIZE)
			return -EINVAL;
	}
	return arg->len > VMEM_REGION_LEN_MAX ? -E2BIG : 0;
}

/*
 * Into the map of regions, where it is in the way of others but not reached
 * before it is published.
 */
static int vmem_region_insert(struct vmem_region *region)
{
	struct vmem_guest *guest = region->guest;
	int ret = 0;

	write_lock(&guest->residency);
	if (interval_tree_iter_first(&guest->regions, region->node.start,
				     region->node.last))
		ret = -EEXIST;
	else
		interval_tree_insert(&region->node, &guest->regions);
	write_unlock(&guest->residency);
	return ret;
}

/**
 * vmem_region_publish() - a region is reached from now on
 * @region:	made by REGION_CREATE
 *
 * Context: takes residency.
 */
void vmem_region_publish(struct vmem_region *region)
{
	write_lock(&region->guest->residency);
	region->live = true;
	write_unlock(&region->guest->residency);
}

/**
 * vmem_region_kill() - a region isn't reached any more
 * @region:	published or not
 *
 * Context: takes residency.
 */
void vmem_region_kill(struct vmem_region *region)
{
	struct vmem_guest *guest = region->guest;

	write_lock(&guest->residency);
	region->live = false;
	interval_tree_remove(&region->node, &guest->regions);
	write_unlock(&guest->residency);
}

/**
 * vmem_region_retire() - drop the guest's reference to a region
 * @region:	killed, and out of the ids
 *
 * Context: sleeps; no lock is held.
 */
void vmem_region_retire(struct vmem_region *region)
{
	if (region->mm)
		vmem_mm_detach(region);
	vmem_region_put(region);
}

/**
 * vmem_region_flags() - flags as LIST tells them
 * @region:	the region
 *
 * Context: vmem_guest.lock is held.
 */
u64 vmem_region_flags(const struct vmem_region *region)
{
	return region->frozen ? VMEM_IOC_REGION_FROZEN : 0;
}

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

	if (create->flags & ~VMEM_IOC_REGION_FROZEN ||
	    (create->kind != VMEM_IOC_REGION_USER &&
	     create->kind != VMEM_IOC_REGION_OWNED))
		return -EOPNOTSUPP;
	ret = vmem_region_check(create);
	if (ret)
		return ret;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	kref_init(&region->refs);
	region->guest = guest;
	region->kind = create->kind;
	region->gpa = create->gpa;
	region->len = create->len;
	region->node.start = create->gpa;
	region->node.last = create->gpa + (create->len - 1);
	region->frozen = create->flags & VMEM_IOC_REGION_FROZEN;
	region->user_addr = create->user_addr;
	xa_init_flags(&region->blocks, XA_FLAGS_ACCOUNT);

	if (region->kind == VMEM_IOC_REGION_OWNED) {
		region->memcg = get_mem_cgroup_from_mm(current->mm);
		ret = vmem_region_lock_memory(region);
		if (ret)
			goto err_region;
	}
	ret = vmem_object_reserve(guest, &region->object, VMEM_OBJECT_REGION);
	if (ret)
		goto err_region;
	ret = vmem_region_insert(region);
	if (ret)
		goto err_object;
	if (region->kind == VMEM_IOC_REGION_USER) {
		ret = vmem_mm_attach(region);
		if (ret)
			goto err_inserted;
	}

	create->out_id = region->object.id;
	if (region->kind == VMEM_IOC_REGION_OWNED)
		create->out_mmap_offset = region->gpa;
	call->made = &region->object;
	return 0;

err_inserted:
	vmem_region_kill(region);
err_object:
	vmem_object_unreserve(guest, &region->object);
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
	bool frozen;
	int ret = 0;

	if (set->flags || set->__reserved ||
	    (set->mask | set->value) & ~VMEM_IOC_REGION_FROZEN)
		return -EOPNOTSUPP;
	if (set->value & ~set->mask)
		return -EINVAL;

	if (down_write_killable(&guest->lock))
		return -EINTR;
	object = vmem_object_find(guest, set->id, VMEM_OBJECT_REGION);
	if (IS_ERR(object)) {
		ret = PTR_ERR(object);
		goto out;
	}
	region = container_of(object, struct vmem_region, object);
	frozen = set->mask ? set->value : region->frozen;
	if (frozen == region->frozen)
		goto out;
	if (frozen && region->pool_ranges) {
		ret = -EBUSY;
		goto out;
	}
	write_lock(&guest->residency);
	region->frozen = frozen;
	write_unlock(&guest->residency);
	guest->generation++;
out:
	up_write(&guest->lock);
	return ret;
}

/* One VMA more, unless the region was destroyed meanwhile. */
static bool vmem_region_count(struct vmem_region *region)
{
	struct xarray *ids = &region->guest->ids;
	bool there;

	xa_lock(ids);
	there = xa_load(ids, region->object.id) == &region->object;
	if (there)
		region->mappings++;
	xa_unlock(ids);
	return there;
}

/**
 * vmem_region_idle() - take a region out of the ids if no VMA maps it
 * @region:	one that is published
 *
 * Context: takes the lock of ids.
 * Return: whether it was taken out.
 */
bool vmem_region_idle(struct vmem_region *region)
{
	struct xarray *ids = &region->guest->ids;
	bool idle;

	xa_lock(ids);
	idle = !region->mappings;
	if (idle)
		__xa_erase(ids, region->object.id);
	xa_unlock(ids);
	return idle;
}

static void vmem_vma_open(struct vm_area_struct *vma)
{
	struct vmem_region *region = vma->vm_private_data;

	vmem_region_get(region);
	xa_lock(&region->guest->ids);
	region->mappings++;
	xa_unlock(&region->guest->ids);
}

static void vmem_vma_close(struct vm_area_struct *vma)
{
	struct vmem_region *region = vma->vm_private_data;

	xa_lock(&region->guest->ids);
	region->mappings--;
	xa_unlock(&region->guest->ids);
	vmem_region_put(region);
}

static vm_fault_t vmem_vma_fault(struct vm_fault *vmf)
{
	struct vmem_region *region = vmf->vma->vm_private_data;
	u64 offset = ((u64)vmf->pgoff << PAGE_SHIFT) - region->gpa;

	if (offset >= region->len)
		return VM_FAULT_SIGBUS;
	return vmem_owned_fault(region, vmf, offset);
}

static const struct vm_operations_struct vmem_vma_ops = {
	.open	= vmem_vma_open,
	.close	= vmem_vma_close,
	.fault	= vmem_vma_fault,
};

/* The owned region that all of a VMA lies in, referenced, or NULL. */
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
	return region;
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
	if (!vmem_region_count(region)) {
		vma->vm_ops = NULL;
		vma->vm_private_data = NULL;
		vmem_region_put(region);
		return -EINVAL;
	}
	return 0;
}
