// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest and its objects: allocate, publish, abort, list, destroy.
 *
 * An object is made in steps: it reserves an id, is filled in, the caller is
 * answered, and only then it is published, which can't fail. Destroying it
 * takes it out of the ids first.
 */
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "guest.h"
#include "pages.h"
#include "pool.h"
#include "space.h"

static const u32 vmem_object_max[VMEM_OBJECT_KINDS] = {
	[VMEM_OBJECT_REGION]	= VMEM_REGIONS_MAX,
	[VMEM_OBJECT_POOL]	= VMEM_POOLS_MAX,
	[VMEM_OBJECT_SPACE]	= VMEM_SPACES_MAX,
};

static atomic64_t vmem_guest_number;

static struct vmem_region *vmem_to_region(struct vmem_object *object)
{
	return container_of(object, struct vmem_region, object);
}

static void vmem_guest_free(struct kref *memory)
{
	kfree(container_of(memory, struct vmem_guest, memory));
}

/**
 * vmem_guest_hold() - keep the struct, but not the life, of a guest
 * @guest:	a guest that is alive, or held
 */
void vmem_guest_hold(struct vmem_guest *guest)
{
	kref_get(&guest->memory);
}

/**
 * vmem_guest_drop() - the end of vmem_guest_hold()
 * @guest:	the guest
 */
void vmem_guest_drop(struct vmem_guest *guest)
{
	kref_put(&guest->memory, vmem_guest_free);
}

static void vmem_object_end(struct vmem_guest *guest,
			    struct vmem_object *object)
{
	xa_erase(&guest->ids, object->id);
	switch (object->kind) {
	case VMEM_OBJECT_REGION:
		vmem_region_kill(vmem_to_region(object));
		vmem_region_retire(vmem_to_region(object));
		break;
	case VMEM_OBJECT_POOL:
		vmem_pool_object_free(vmem_to_pool(object));
		break;
	case VMEM_OBJECT_SPACE:
		vmem_space_free(vmem_to_space(object));
		break;
	case VMEM_OBJECT_KINDS:
		break;
	}
}

/* All goes, whoever is still looking through debugfs. */
static void vmem_guest_end(struct kref *life)
{
	struct vmem_guest *guest = container_of(life, struct vmem_guest, life);
	struct vmem_object *object;
	unsigned int kind;
	unsigned long id;

	/* Waits for an open() under way there, but for no reader. */
	debugfs_remove(guest->dir);
	down_write(&guest->lock);
	guest->dead = true;
	up_write(&guest->lock);

	/* Nobody is left who could name an object: no lock is needed. */
	for (kind = VMEM_OBJECT_KINDS; kind--;)
		xa_for_each(&guest->ids, id, object)
			if (object->kind == kind)
				vmem_object_end(guest, object);
	vmem_link_chunks_free(guest->link_chunks);
	vmem_roots_free(&guest->links);
	xa_destroy(&guest->ids);
	vmem_guest_drop(guest);
}

/**
 * vmem_guest_get() - one descriptor more
 * @guest:	a guest that is alive
 */
void vmem_guest_get(struct vmem_guest *guest)
{
	kref_get(&guest->life);
}

/**
 * vmem_guest_put() - one descriptor less
 * @guest:	the guest, which ends with its last one
 *
 * Context: sleeps; no lock is held.
 */
void vmem_guest_put(struct vmem_guest *guest)
{
	kref_put(&guest->life, vmem_guest_end);
}

/**
 * vmem_guest_open() - a new guest
 *
 * Return: a view with all rights, or an ERR_PTR(): -ENOMEM.
 */
struct vmem_view *vmem_guest_open(void)
{
	struct vmem_guest *guest;
	struct vmem_view *view;

	view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	guest = kzalloc(sizeof(*guest), GFP_KERNEL_ACCOUNT);
	if (!view || !guest) {
		kfree(view);
		kfree(guest);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&guest->life);
	kref_init(&guest->memory);
	guest->number = atomic64_inc_return(&vmem_guest_number);
	init_rwsem(&guest->lock);
	INIT_LIST_HEAD(&guest->spaces);
	INIT_LIST_HEAD(&guest->pools);
	guest->pool_ranges = RB_ROOT_CACHED;
	xa_init_flags(&guest->ids, XA_FLAGS_ACCOUNT);
	rwlock_init(&guest->residency);
	guest->regions = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&guest->mms);

	view->guest = guest;
	view->rights = VMEM_RIGHTS_ALL;
	return view;
}

/**
 * vmem_view_close() - a descriptor's last file is closed
 * @view:	of the file
 *
 * Context: sleeps; no lock is held.
 */
void vmem_view_close(struct vmem_view *view)
{
	vmem_guest_put(view->guest);
	kfree(view);
}

/**
 * vmem_object_reserve() - an id for an object that is being made
 * @guest:	the guest
 * @object:	the object
 * @kind:	of it
 *
 * Context: sleeps.
 * Return: 0; -E2BIG: there are as many of this kind as there may be; -ENOMEM.
 */
int vmem_object_reserve(struct vmem_guest *guest, struct vmem_object *object,
			enum vmem_object_kind kind)
{
	int ret = -E2BIG;

	xa_lock(&guest->ids);
	if (guest->nr[kind] < vmem_object_max[kind] &&
	    guest->last_id < U32_MAX) {
		guest->nr[kind]++;
		object->kind = kind;
		object->id = ++guest->last_id;
		ret = 0;
	}
	xa_unlock(&guest->ids);
	if (ret)
		return ret;

	ret = xa_reserve(&guest->ids, object->id, GFP_KERNEL_ACCOUNT);
	if (ret) {
		xa_lock(&guest->ids);
		guest->nr[kind]--;
		xa_unlock(&guest->ids);
	}
	return ret;
}

/**
 * vmem_object_publish() - an object is there from now on
 * @guest:	the guest
 * @object:	it has an id
 */
void vmem_object_publish(struct vmem_guest *guest, struct vmem_object *object)
{
	if (object->kind == VMEM_OBJECT_REGION)
		vmem_region_publish(vmem_to_region(object));
	/* The place was reserved: nothing is allocated. */
	xa_store(&guest->ids, object->id, object, 0);
}

/**
 * vmem_object_unreserve() - an object isn't there, or not any more
 * @guest:	the guest
 * @object:	it has an id
 */
void vmem_object_unreserve(struct vmem_guest *guest,
			   struct vmem_object *object)
{
	xa_lock(&guest->ids);
	__xa_erase(&guest->ids, object->id);
	guest->nr[object->kind]--;
	xa_unlock(&guest->ids);
}

/**
 * vmem_object_abort() - an object won't be published
 * @guest:	the guest
 * @object:	it is complete
 *
 * Context: sleeps; no lock is held.
 */
void vmem_object_abort(struct vmem_guest *guest, struct vmem_object *object)
{
	vmem_object_unreserve(guest, object);
	switch (object->kind) {
	case VMEM_OBJECT_REGION:
		vmem_region_kill(vmem_to_region(object));
		vmem_region_retire(vmem_to_region(object));
		break;
	case VMEM_OBJECT_POOL:
		vmem_pool_object_abort(guest, vmem_to_pool(object));
		break;
	case VMEM_OBJECT_SPACE:
		vmem_space_abort(guest, vmem_to_space(object));
		break;
	case VMEM_OBJECT_KINDS:
		break;
	}
}

/**
 * vmem_object_find() - the object of an id
 * @guest:	the guest
 * @id:		the caller's
 * @kind:	that it must be of
 *
 * Context: vmem_guest.lock is held; the object is good as long as it is.
 * Return: the object, or an ERR_PTR(): -ENOENT; -EINVAL: of another kind.
 */
struct vmem_object *vmem_object_find(struct vmem_guest *guest, u32 id,
				     enum vmem_object_kind kind)
{
	struct vmem_object *object;

	lockdep_assert_held(&guest->lock);
	object = xa_load(&guest->ids, id);
	if (!object)
		return ERR_PTR(-ENOENT);
	if (object->kind != kind)
		return ERR_PTR(-EINVAL);
	return object;
}

/**
 * vmem_call_file() - a file that a call makes
 * @call:	the call
 * @name:	of its inode
 * @fops:	its operations; release() lets @data go
 * @data:	its private_data
 * @flags:	O_*
 *
 * Return: 0; -EMFILE, -ENFILE, -ENOMEM: @data is still the caller's.
 */
int vmem_call_file(struct vmem_call *call, const char *name,
		   const struct file_operations *fops, void *data, int flags)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(flags);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, data, flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	call->file = file;
	call->fd = fd;
	return 0;
}

/**
 * vmem_ioctl_view() - VIEW
 * @call:	the call
 * @arg:	struct vmem_ioc_view
 *
 * Return: 0, -EOPNOTSUPP, -EACCES, -EMFILE, -ENFILE, -ENOMEM.
 */
int vmem_ioctl_view(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_view *ask = arg;
	struct vmem_view *view;
	int ret;

	if (ask->flags || ask->rights & ~VMEM_RIGHTS_ALL)
		return -EOPNOTSUPP;
	if (ask->rights & ~call->view->rights)
		return -EACCES;

	view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	if (!view)
		return -ENOMEM;
	view->guest = call->guest;
	view->rights = ask->rights;
	ret = vmem_call_file(call, "[vmem]", &vmem_fops, view,
			     O_RDWR | O_CLOEXEC);
	if (ret) {
		kfree(view);
		return ret;
	}
	vmem_guest_get(call->guest);
	ask->out_fd = call->fd;
	return 0;
}

static bool vmem_item_fill(struct vmem_guest *guest,
			   struct vmem_object *object,
			   enum vmem_object_kind kind,
			   struct vmem_ioc_item *item)
{
	struct vmem_region *region;

	if (object->kind != kind)
		return false;
	memset(item, 0, sizeof(*item));
	item->id = object->id;
	switch (kind) {
	case VMEM_OBJECT_REGION:
		region = vmem_to_region(object);
		item->kind = region->kind;
		item->flags = vmem_region_flags(region);
		item->gpa = region->gpa;
		item->len = region->len;
		if (region->kind == VMEM_IOC_REGION_OWNED)
			item->offset = region->gpa;
		item->uses = READ_ONCE(region->mappings) + region->pool_ranges;
		break;
	case VMEM_OBJECT_POOL:
		vmem_pool_object_item(vmem_to_pool(object), item);
		break;
	case VMEM_OBJECT_SPACE:
		vmem_space_item(vmem_to_space(object), item);
		break;
	case VMEM_OBJECT_KINDS:
		break;
	}
	return true;
}

#define VMEM_LIST_BATCH		(PAGE_SIZE / sizeof(struct vmem_ioc_item))

/*
 * Items of ids above @list->out_cursor, at most @max. Return: how many, or
 * -EINTR; @list->out_cursor is 0 when there are no more.
 */
static int vmem_list_batch(struct vmem_guest *guest,
			   enum vmem_object_kind kind,
			   struct vmem_ioc_list *list,
			   struct vmem_ioc_item *items, u32 max)
{
	struct vmem_object *object;
	unsigned long id;
	u32 nr = 0;

	if (down_read_killable(&guest->lock))
		return -EINTR;
	xa_for_each_start(&guest->ids, id, object,
			  (unsigned long)list->out_cursor + 1) {
		if (nr == max)
			break;
		if (vmem_item_fill(guest, object, kind, &items[nr])) {
			list->out_cursor = id;
			nr++;
		}
	}
	if (!object)
		list->out_cursor = 0;
	up_read(&guest->lock);
	return nr;
}

/**
 * vmem_ioctl_list() - LIST
 * @call:	the call
 * @arg:	struct vmem_ioc_list
 *
 * Context: takes the guest's lock, a batch at a time.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -E2BIG, -ENOMEM, -EFAULT, -EINTR.
 */
int vmem_ioctl_list(struct vmem_call *call, void *arg)
{
	static const enum vmem_object_kind kinds[] = {
		[VMEM_IOC_LIST_REGIONS]	= VMEM_OBJECT_REGION,
		[VMEM_IOC_LIST_POOLS]	= VMEM_OBJECT_POOL,
		[VMEM_IOC_LIST_SPACES]	= VMEM_OBJECT_SPACE,
	};
	struct vmem_ioc_list *list = arg;
	struct vmem_ioc_item __user *user = u64_to_user_ptr(list->items);
	struct vmem_ioc_item *items;
	int ret;

	if (list->flags || list->__reserved ||
	    list->kind < VMEM_IOC_LIST_REGIONS ||
	    list->kind > VMEM_IOC_LIST_SPACES)
		return -EOPNOTSUPP;
	if (!list->nr)
		return -EINVAL;
	if (list->nr > VMEM_LIST_MAX)
		return -E2BIG;

	items = vmem_scratch_alloc(PAGE_SIZE);
	if (!items)
		return -ENOMEM;
	list->out_cursor = list->cursor;
	do {
		u32 cursor = list->out_cursor;

		ret = vmem_list_batch(call->guest, kinds[list->kind], list,
				      items, min_t(u32, list->nr - list->out_nr,
						   VMEM_LIST_BATCH));
		if (ret <= 0)
			break;
		if (copy_to_user(&user[list->out_nr], items,
				 ret * sizeof(*items))) {
			list->out_cursor = cursor;
			ret = -EFAULT;
			break;
		}
		list->out_nr += ret;
		ret = 0;
	} while (list->out_cursor && list->out_nr < list->nr);
	vmem_scratch_free(items, PAGE_SIZE);
	return ret;
}

/**
 * vmem_guest_root_within() - does the root of a space lie here?
 * @guest:	the guest
 * @gpa:	where
 * @len:	bytes
 *
 * Context: vmem_guest.lock is held.
 */
bool vmem_guest_root_within(struct vmem_guest *guest, u64 gpa, u64 len)
{
	struct vmem_space_object *space;

	lockdep_assert_held(&guest->lock);
	list_for_each_entry(space, &guest->spaces, link)
		if (vmem_table_gpa(space->space.root) - gpa < len)
			return true;
	return false;
}

static int vmem_region_destroy(struct vmem_guest *guest,
			       struct vmem_region *region,
			       struct vmem_ioc_destroy *answer)
{
	lockdep_assert_held_write(&guest->lock);
	if (region->pool_ranges ||
	    vmem_guest_root_within(guest, region->gpa, region->len) ||
	    !vmem_region_idle(region))
		return -EBUSY;
	vmem_region_kill(region);
	if (vmem_pool_objects_drop(guest, region->gpa, region->len))
		answer->out_flush = VMEM_IOC_FLUSH_ALL;
	return 0;
}

/**
 * vmem_ioctl_destroy() - DESTROY
 * @call:	the call
 * @arg:	struct vmem_ioc_destroy
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EBUSY, -EINTR.
 */
int vmem_ioctl_destroy(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_destroy *destroy = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_object *object;
	int ret = 0;

	if (destroy->flags)
		return -EOPNOTSUPP;
	if (down_write_killable(&guest->lock))
		return -EINTR;
	object = xa_load(&guest->ids, destroy->id);
	if (!object) {
		up_write(&guest->lock);
		return -ENOENT;
	}

	switch (object->kind) {
	case VMEM_OBJECT_REGION:
		ret = vmem_region_destroy(guest, vmem_to_region(object),
					  destroy);
		break;
	case VMEM_OBJECT_POOL:
		ret = vmem_pool_object_destroy(guest, vmem_to_pool(object));
		break;
	case VMEM_OBJECT_SPACE:
		vmem_space_destroy(guest, vmem_to_space(object), destroy);
		break;
	case VMEM_OBJECT_KINDS:
		break;
	}
	if (ret) {
		up_write(&guest->lock);
		return ret;
	}
	vmem_object_unreserve(guest, object);
	guest->generation++;
	destroy->out_generation = guest->generation;
	up_write(&guest->lock);

	switch (object->kind) {
	case VMEM_OBJECT_REGION:
		vmem_region_retire(vmem_to_region(object));
		break;
	case VMEM_OBJECT_POOL:
		vmem_pool_object_free(vmem_to_pool(object));
		break;
	case VMEM_OBJECT_SPACE:
		debugfs_remove(vmem_to_space(object)->file);
		vmem_space_free(vmem_to_space(object));
		break;
	case VMEM_OBJECT_KINDS:
		break;
	}
	return 0;
}
