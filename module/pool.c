// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools: parts of regions that new tables are taken from.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "../vmem/call.h"
#include "calls.h"
#include "pool.h"
#include "pools.h"
#include "region.h"

static void vmem_pool_object_retire(struct vmem_object *object)
{
	struct vmem_pool_object *pool = vmem_to_pool(object);
	void *buckets;

	while (pool->storage && (buckets = vmem_pool_shrink(&pool->pool)))
		kvfree(buckets);
	kvfree(pool->storage);
	kvfree(pool->nodes);
	kvfree(pool->ranges);
	kfree(pool);
}

/* The caller's ranges, checked as far as they themselves tell. */
static int vmem_pool_copy_ranges(struct vmem_pool_object *pool,
				 const struct vmem_ioc_pool_create *create,
				 u64 *capacity)
{
	const struct vmem_ioc_range __user *user =
		u64_to_user_ptr(create->ranges);
	struct vmem_ioc_range range;
	int ret;
	u32 i;

	for (i = 0; i < pool->nr_ranges; i++) {
		if (copy_from_user(&range, &user[i], sizeof(range)))
			return -EFAULT;
		ret = vmem_ioc_range_read(&range, &pool->ranges[i]);
		if (ret)
			return ret;
	}
	sort(pool->ranges, pool->nr_ranges, sizeof(pool->ranges[0]),
	     vmem_pool_range_compare, NULL);
	return vmem_pool_ranges_check(pool->ranges, pool->nr_ranges, capacity);
}

static int vmem_pool_fill(struct vmem_pool_object *pool,
			  struct vmem_guest *guest,
			  const struct vmem_ioc_pool_create *create)
{
	u64 capacity;
	int ret;

	pool->nr_ranges = create->nr_ranges;
	pool->ranges = kvcalloc(pool->nr_ranges, sizeof(*pool->ranges),
				GFP_KERNEL_ACCOUNT);
	pool->nodes = kvcalloc(pool->nr_ranges, sizeof(*pool->nodes),
			       GFP_KERNEL_ACCOUNT);
	if (!pool->ranges || !pool->nodes)
		return -ENOMEM;
	ret = vmem_pool_copy_ranges(pool, create, &capacity);
	if (ret)
		return ret;
	pool->storage = kvzalloc(vmem_pool_bytes(capacity),
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pool->storage)
		return -ENOMEM;
	vmem_pool_init(&pool->pool, pool->ranges, pool->nr_ranges,
		       VMEM_POOL_PAGE_LG2, &guest->links, pool->storage,
		       get_random_u64());
	return vmem_object_reserve(&pool->object, guest, &vmem_pool_ops);
}

/* Take the pool's first @nr ranges out of the guest's memory. */
static void vmem_pool_leave(struct vmem_guest *guest,
			    struct vmem_pool_object *pool, u32 nr)
{
	struct interval_tree_node *node;

	lockdep_assert_held_write(&guest->lock);
	while (nr--) {
		node = &pool->nodes[nr].node;
		interval_tree_remove(node, &guest->pool_ranges);
		vmem_region_claim(guest, node->start, node->last, -1);
	}
}

static int vmem_pool_enter_range(struct vmem_guest *guest,
				 struct vmem_pool_object *pool, u32 nr)
{
	struct interval_tree_node *node = &pool->nodes[nr].node;
	u64 len = pool->ranges[nr].len;
	int ret;

	pool->nodes[nr].pool = pool;
	node->start = pool->ranges[nr].gpa;
	node->last = node->start + (len - 1);
	ret = vmem_region_claim(guest, node->start, node->last, 1);
	if (ret)
		return ret;
	if (interval_tree_iter_first(&guest->pool_ranges, node->start,
				     node->last))
		ret = -EEXIST;
	else if (vmem_root_within(guest, node->start, len))
		ret = -EBUSY;
	if (ret)
		vmem_region_claim(guest, node->start, node->last, -1);
	else
		interval_tree_insert(node, &guest->pool_ranges);
	return ret;
}

static int vmem_pool_enter(struct vmem_guest *guest,
			   struct vmem_pool_object *pool)
{
	u32 i;
	int ret;

	lockdep_assert_held_write(&guest->lock);
	for (i = 0; i < pool->nr_ranges; i++) {
		ret = vmem_pool_enter_range(guest, pool, i);
		if (ret) {
			vmem_pool_leave(guest, pool, i);
			return ret;
		}
	}
	/* a table of the guest's own was there: what it named is let go of */
	if (vmem_pools_drop(guest, pool->ranges, pool->nr_ranges))
		guest->generation++;
	list_add_tail(&pool->link, &guest->pools);
	return 0;
}

static void vmem_pool_object_abort(struct vmem_object *object)
{
	struct vmem_pool_object *pool = vmem_to_pool(object);
	struct vmem_guest *guest = object->guest;

	/* What isn't published must go, whatever signal there is. */
	down_write(&guest->lock);
	vmem_pool_leave(guest, pool, pool->nr_ranges);
	list_del(&pool->link);
	up_write(&guest->lock);
	vmem_pool_object_retire(object);
}

static int vmem_pool_object_destroy(struct vmem_object *object,
				    struct vmem_ioc_destroy *answer)
{
	struct vmem_pool_object *pool = vmem_to_pool(object);

	if (!vmem_pool_unused(&pool->pool, pool->spaces))
		return -EBUSY;
	vmem_pool_leave(object->guest, pool, pool->nr_ranges);
	list_del(&pool->link);
	return 0;
}

static void vmem_pool_object_item(struct vmem_object *object,
				  struct vmem_ioc_item *item)
{
	const struct vmem_pool_object *pool = vmem_to_pool(object);

	vmem_ioc_item_pool(item, &pool->pool);
}

const struct vmem_object_ops vmem_pool_ops = {
	.kind		= VMEM_IOC_LIST_POOLS,
	.max		= VMEM_POOLS_MAX,
	.item		= vmem_pool_object_item,
	.abort		= vmem_pool_object_abort,
	.destroy	= vmem_pool_object_destroy,
	.retire		= vmem_pool_object_retire,
};

/**
 * vmem_ioctl_pool_create() - POOL_CREATE
 * @call:	the call
 * @arg:	struct vmem_ioc_pool_create
 *
 * Context: takes the guest's lock.
 * Return: 0, -EINVAL, -E2BIG, -EOVERFLOW, -EFAULT, -EEXIST,
 * -ENXIO, -EROFS, -EBUSY, -ENOMEM, -EINTR.
 */
int vmem_ioctl_pool_create(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_pool_create *create = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_pool_object *pool;
	int ret;

	ret = vmem_ioc_pool_create_check(create);
	if (ret)
		return ret;
	pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return -ENOMEM;
	ret = vmem_pool_fill(pool, guest, create);
	if (ret)
		goto err_pool;
	ret = down_write_killable(&guest->lock);
	if (!ret) {
		ret = vmem_pool_enter(guest, pool);
		vmem_pools_settle(guest);
		up_write(&guest->lock);
	}
	if (ret)
		goto err_object;

	create->out_id = pool->object.id;
	create->out_capacity = pool->pool.capacity;
	call->made = &pool->object;
	return 0;

err_object:
	vmem_object_unreserve(&pool->object);
err_pool:
	vmem_pool_object_retire(&pool->object);
	return ret;
}

/**
 * vmem_ioctl_pool_stat() - POOL_STAT
 * @call:	the call
 * @arg:	struct vmem_ioc_pool_stat
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EINVAL, -EINTR.
 */
int vmem_ioctl_pool_stat(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_pool_stat *stat = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_object *object;
	int ret = vmem_ioc_pool_stat_check(stat);

	if (ret)
		return ret;
	if (down_read_killable(&guest->lock))
		return -EINTR;
	object = vmem_object_find(guest, stat->id, &vmem_pool_ops);
	if (IS_ERR(object)) {
		ret = PTR_ERR(object);
		goto out;
	}
	vmem_ioc_pool_stat_fill(stat, &vmem_to_pool(object)->pool);
out:
	up_read(&guest->lock);
	return ret;
}

/**
 * vmem_ioctl_flushed() - FLUSHED
 * @call:	the call
 * @arg:	struct vmem_ioc_flushed
 *
 * Context: takes the guest's lock.
 * Return: 0, -EINVAL, -EINTR.
 */
int vmem_ioctl_flushed(struct vmem_call *call, void *arg)
{
	const struct vmem_ioc_flushed *flushed = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_pool_object *pool;
	bool more;
	int ret;

	do {
		if (down_write_killable(&guest->lock))
			return -EINTR;
		ret = vmem_ioc_flushed_check(flushed, guest->generation);
		more = false;
		list_for_each_entry(pool, &guest->pools, link) {
			if (ret || more)
				break;
			more = vmem_pool_flushed(&pool->pool,
						 flushed->generation);
		}
		up_write(&guest->lock);
		cond_resched();
	} while (more);
	return ret;
}
