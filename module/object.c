// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects: ids, publish, abort, list, destroy. What a kind does is in its ops.
 *
 * An object is made in steps: it reserves an id, is filled in, the caller is
 * answered, and only then it is published, which can't fail. Destroying it
 * takes it out of the ids first.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../vmem/call.h"
#include "calls.h"
#include "object.h"
#include "scratch.h"

/**
 * vmem_object_reserve() - an id for an object that is being made
 * @object:	the object, of which all is filled in here
 * @guest:	the guest
 * @ops:	of its kind
 *
 * Context: sleeps.
 * Return: 0; -E2BIG: there are as many of this kind as there may be; -ENOMEM.
 */
int vmem_object_reserve(struct vmem_object *object, struct vmem_guest *guest,
			const struct vmem_object_ops *ops)
{
	int ret = -E2BIG;

	object->guest = guest;
	object->ops = ops;
	xa_lock(&guest->ids);
	if (guest->nr[ops->kind] < ops->max && guest->last_id < U32_MAX) {
		guest->nr[ops->kind]++;
		object->id = ++guest->last_id;
		ret = 0;
	}
	xa_unlock(&guest->ids);
	if (ret)
		return ret;

	ret = xa_reserve(&guest->ids, object->id, GFP_KERNEL_ACCOUNT);
	if (ret)
		vmem_object_unreserve(object);
	return ret;
}

/**
 * vmem_object_unreserve() - an object isn't there, or not any more
 * @object:	it has an id
 *
 * Context: takes the lock of ids.
 */
void vmem_object_unreserve(struct vmem_object *object)
{
	struct vmem_guest *guest = object->guest;

	xa_lock(&guest->ids);
	__xa_erase(&guest->ids, object->id);
	guest->nr[object->ops->kind]--;
	xa_unlock(&guest->ids);
}

/**
 * vmem_object_publish() - an object is there from now on
 * @object:	it has an id
 *
 * Context: takes the lock of ids, and residency.
 */
void vmem_object_publish(struct vmem_object *object)
{
	if (object->ops->publish)
		object->ops->publish(object);
	/* The place was reserved: nothing is allocated. */
	xa_store(&object->guest->ids, object->id, object, 0);
}

/**
 * vmem_object_abort() - an object won't be published
 * @object:	it is complete
 *
 * Context: sleeps; no lock is held.
 */
void vmem_object_abort(struct vmem_object *object)
{
	vmem_object_unreserve(object);
	object->ops->abort(object);
}

/**
 * vmem_object_find() - the object of an id
 * @guest:	the guest
 * @id:		the caller's
 * @ops:	of the kind that it must be of
 *
 * Context: vmem_guest.lock is held; the object is good as long as it is.
 * Return: the object, or an ERR_PTR(): -ENOENT; -EINVAL: of another kind.
 */
struct vmem_object *vmem_object_find(struct vmem_guest *guest, u32 id,
				     const struct vmem_object_ops *ops)
{
	struct vmem_object *object;

	lockdep_assert_held(&guest->lock);
	object = xa_load(&guest->ids, id);
	if (!object)
		return ERR_PTR(-ENOENT);
	return object->ops == ops ? object : ERR_PTR(-EINVAL);
}

/**
 * vmem_objects_end() - all objects of a guest go, the highest kind first
 * @guest:	a guest that is dead: nobody is left who could name an object, and
 *		no lock is needed
 *
 * Context: sleeps; no lock is held.
 */
void vmem_objects_end(struct vmem_guest *guest)
{
	struct vmem_object *object;
	unsigned long id;
	u32 kind;

	for (kind = VMEM_OBJECT_KINDS; kind--;)
		xa_for_each(&guest->ids, id, object) {
			if (object->ops->kind != kind)
				continue;
			xa_erase(&guest->ids, id);
			object->ops->retire(object);
		}
	xa_destroy(&guest->ids);
}

#define VMEM_LIST_BATCH		(PAGE_SIZE / sizeof(struct vmem_ioc_item))

/*
 * Items of ids above @list->out_cursor, at most @max. Return: how many, or
 * -EINTR; @list->out_cursor is 0 when there are no more.
 */
static int vmem_list_batch(struct vmem_guest *guest, struct vmem_ioc_list *list,
			   struct vmem_ioc_item *items, u32 max)
{
	struct vmem_object *object;
	unsigned long id;
	u32 nr = 0;

	if (down_read_killable(&guest->lock))
		return -EINTR;
	xa_for_each_start(&guest->ids, id, object,
			  (unsigned long)list->out_cursor + 1) {
		if (object->ops->kind != list->kind)
			continue;
		if (nr == max)
			break;
		memset(&items[nr], 0, sizeof(*items));
		items[nr].id = id;
		object->ops->item(object, &items[nr++]);
		list->out_cursor = id;
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
	struct vmem_ioc_list *list = arg;
	struct vmem_ioc_item __user *user = u64_to_user_ptr(list->items);
	struct vmem_ioc_item *items;
	int ret;

	ret = vmem_ioc_list_check(list);
	if (ret)
		return ret;
	items = vmem_scratch_alloc(PAGE_SIZE);
	if (!items)
		return -ENOMEM;
	list->out_cursor = list->cursor;
	do {
		u32 cursor = list->out_cursor;

		ret = vmem_list_batch(call->guest, list, items,
				      min_t(u32, list->nr - list->out_nr,
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
 * vmem_ioctl_destroy() - DESTROY
 * @call:	the call
 * @arg:	struct vmem_ioc_destroy
 *
 * Context: takes the guest's lock.
 * Return: 0, -ENOENT, -EBUSY, -EINTR.
 */
int vmem_ioctl_destroy(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_destroy *destroy = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_object *object;
	int ret = -ENOENT;

	if (down_write_killable(&guest->lock))
		return -EINTR;
	object = xa_load(&guest->ids, destroy->id);
	if (object)
		ret = object->ops->destroy(object, destroy);
	if (!ret) {
		vmem_object_unreserve(object);
		guest->generation++;
		if (object->ops->settle)
			object->ops->settle(guest);
		destroy->out_generation = guest->generation;
	}
	up_write(&guest->lock);
	if (!ret)
		object->ops->retire(object);
	return ret;
}
