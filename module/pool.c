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

/**
 * struct vmem_pool_lent - ranges that a call brings for a pool
 * @ranges:	in ascending order, @pages of each in a struct vmem_pool_part
 * @nr:		how many, which aren't the pool's yet
 * @capacity:	pages in them
 * @links:	buckets for the pool
 */
struct vmem_pool_lent {
	struct vmem_pool_range *ranges;
	u32 nr;
	u64 capacity;
	struct vmem_link_lent links;
};

static struct vmem_pool_part *vmem_pool_part(const struct vmem_pool_range *range)
{
	return container_of((void *)range->pages, struct vmem_pool_part, storage);
}

static void vmem_pool_parts_free(const struct vmem_pool_range *ranges, u32 nr)
{
	while (nr--)
		kvfree(vmem_pool_part(&ranges[nr]));
}

static void vmem_pool_object_retire(struct vmem_object *object)
{
	struct vmem_pool_object *pool = vmem_to_pool(object);
	void *buckets;

	while ((buckets = vmem_buckets_take_back(&pool->pool)))
		kvfree(buckets);
	vmem_pool_parts_free(pool->ranges, pool->pool.nr_ranges);
	kfree(pool);
}

/* The caller's ranges, checked as far as they themselves tell. */
static int vmem_pool_copy_ranges(struct vmem_pool_lent *lent, u64 ranges, u32 nr)
{
	const struct vmem_ioc_range __user *user = u64_to_user_ptr(ranges);
	struct vmem_ioc_range range;
	int ret;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (copy_from_user(&range, &user[i], sizeof(range)))
			return -EFAULT;
		ret = vmem_ioc_range_read(&range, &lent->ranges[i]);
		if (ret)
			return ret;
	}
	sort(lent->ranges, nr, sizeof(*lent->ranges), vmem_pool_range_compare, NULL);
	return vmem_pool_ranges_check(lent->ranges, nr, &lent->capacity);
}

static int vmem_pool_lent_read(struct vmem_pool_lent *lent, u64 ranges, u32 nr)
{
	int ret = vmem_ioc_ranges_check(nr);

	if (ret)
		return ret;
	lent->ranges = kvcalloc(nr, sizeof(*lent->ranges), GFP_KERNEL_ACCOUNT);
	if (!lent->ranges)
		return -ENOMEM;
	return vmem_pool_copy_ranges(lent, ranges, nr);
}

/* Storage for what was read. */
static int vmem_pool_lent_alloc(struct vmem_pool_lent *lent, u32 nr)
{
	struct vmem_pool_part *part;
	u64 bytes;

	for (; lent->nr < nr; lent->nr++) {
		bytes = vmem_pool_bytes(lent->ranges[lent->nr].len >> VMEM_POOL_PAGE_LG2);
		part = kvzalloc(sizeof(*part) + bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!part)
			return -ENOMEM;
		lent->ranges[lent->nr].pages = (void *)part->storage;
	}
	return 0;
}

static void vmem_pool_lent_free(struct vmem_pool_lent *lent)
{
	vmem_pool_parts_free(lent->ranges, lent->nr);
	kvfree(lent->ranges);
	vmem_link_lent_free(&lent->links);
}

/* Take ranges of a pool out of the guest's memory. */
static void vmem_pool_leave(struct vmem_guest *guest,
			    const struct vmem_pool_range *ranges, u32 nr)
{
	struct interval_tree_node *node;

	lockdep_assert_held_write(&guest->lock);
	while (nr--) {
		node = &vmem_pool_part(&ranges[nr])->node;
		interval_tree_remove(node, &guest->pool_ranges);
		vmem_region_claim(guest, node->start, node->last, -1);
	}
}

static int vmem_pool_enter_range(struct vmem_guest *guest,
				 struct vmem_pool_object *pool,
				 const struct vmem_pool_range *range)
{
	struct vmem_pool_part *part = vmem_pool_part(range);
	struct interval_tree_node *node = &part->node;
	int ret;

	part->pool = pool;
	node->start = range->gpa;
	node->last = range->gpa + (range->len - 1);
	ret = vmem_region_claim(guest, node->start, node->last, 1);
	if (ret)
		return ret;
	if (interval_tree_iter_first(&guest->pool_ranges, node->start,
				     node->last))
		ret = -EEXIST;
	else if (vmem_root_within(guest, range->gpa, range->len))
		ret = -EBUSY;
	if (ret)
		vmem_region_claim(guest, node->start, node->last, -1);
	else
		interval_tree_insert(node, &guest->pool_ranges);
	return ret;
}

/* All that was lent is the pool's from now on, or none of it. */
static int vmem_pool_enter(struct vmem_guest *guest, struct vmem_pool_object *pool,
			   struct vmem_pool_lent *lent)
{
	const struct vmem_pool_range *range;
	u32 i;
	int ret;

	lockdep_assert_held_write(&guest->lock);
	for (i = 0; i < lent->nr; i++) {
		ret = vmem_pool_enter_range(guest, pool, &lent->ranges[i]);
		if (ret) {
			vmem_pool_leave(guest, lent->ranges, i);
			return ret;
		}
	}
	/*
	 * A table of the guest's own was there: what it named is let go of, and what
	 * has this pool isn't to go on in it.
	 */
	if (vmem_pools_drop(guest, lent->ranges, lent->nr) || pool->pool.nr_ranges)
		guest->generation++;
	for (range = lent->ranges; lent->nr; lent->nr--, range++)
		vmem_pool_add(&pool->pool, range->gpa, range->len, range->pages);
	return 0;
}

static void vmem_pool_object_abort(struct vmem_object *object)
{
	struct vmem_pool_object *pool = vmem_to_pool(object);
	struct vmem_guest *guest = object->guest;

	/* What isn't published must go, whatever signal there is. */
	down_write(&guest->lock);
	vmem_pool_leave(guest, pool->ranges, pool->pool.nr_ranges);
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
	vmem_pool_leave(object->guest, pool->ranges, pool->pool.nr_ranges);
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
	struct vmem_pool_lent lent = {};
	struct vmem_pool_object *pool = NULL;
	int ret;

	ret = vmem_pool_lent_read(&lent, create->ranges, create->nr_ranges);
	if (ret)
		goto out;
	lent.links.nr_buckets = vmem_pool_buckets(lent.capacity);
	ret = vmem_link_lent_alloc(&lent.links, 0) ?:
	      vmem_pool_lent_alloc(&lent, create->nr_ranges);
	if (ret)
		goto out;
	ret = -ENOMEM;
	pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);
	if (!pool)
		goto out;
	vmem_pool_init(&pool->pool, pool->ranges, VMEM_POOL_PAGE_LG2, &guest->links,
		       lent.links.buckets, lent.links.nr_buckets, get_random_u64());
	lent.links.buckets = NULL;
	ret = vmem_object_reserve(&pool->object, guest, &vmem_pool_ops);
	if (ret)
		goto err_pool;
	ret = down_write_killable(&guest->lock);
	if (!ret) {
		ret = vmem_pool_enter(guest, pool, &lent);
		if (!ret) {
			list_add_tail(&pool->link, &guest->pools);
			vmem_pools_settle(guest);
		}
		up_write(&guest->lock);
	}
	if (ret)
		goto err_object;

	create->out_id = pool->object.id;
	create->out_capacity = pool->pool.capacity;
	call->made = &pool->object;
	goto out;

err_object:
	vmem_object_unreserve(&pool->object);
err_pool:
	vmem_pool_object_retire(&pool->object);
out:
	vmem_pool_lent_free(&lent);
	return ret;
}

/* Return: 0, -errno; VMEM_LINKS: with no lock held, storage is to be allocated. */
static int vmem_pool_try_grow(struct vmem_guest *guest, struct vmem_ioc_pool_grow *grow,
			      struct vmem_pool_lent *lent)
{
	struct vmem_pool_object *object;
	struct vmem_object *found;
	struct vmem_pool *pool;
	int ret;

	found = vmem_object_find(guest, grow->id, &vmem_pool_ops);
	if (IS_ERR(found))
		return PTR_ERR(found);
	object = vmem_to_pool(found);
	pool = &object->pool;
	if (!vmem_pool_has_room(pool, grow->nr_ranges, lent->capacity))
		return -E2BIG;
	if (!lent->nr) {
		lent->links.nr_buckets =
			vmem_pool_wanted(pool, pool->capacity + lent->capacity);
		return VMEM_LINKS;
	}
	ret = vmem_pool_enter(guest, object, lent);
	if (ret)
		return ret;
	vmem_link_lend_all(guest, pool, &lent->links);
	grow->out_capacity = pool->capacity;
	vmem_pools_settle(guest);
	return 0;
}

/**
 * vmem_ioctl_pool_grow() - POOL_GROW
 * @call:	the call
 * @arg:	struct vmem_ioc_pool_grow
 *
 * Context: takes the guest's lock.
 * Return: 0, -EINVAL, -E2BIG, -EOVERFLOW, -EFAULT, -ENOENT, -EEXIST,
 * -ENXIO, -EROFS, -EBUSY, -ENOMEM, -EINTR.
 */
int vmem_ioctl_pool_grow(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_pool_grow *grow = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_pool_lent lent = {};
	int ret;

	ret = vmem_pool_lent_read(&lent, grow->ranges, grow->nr_ranges);
	while (!ret) {
		ret = down_write_killable(&guest->lock);
		if (ret)
			break;
		ret = vmem_pool_try_grow(guest, grow, &lent);
		up_write(&guest->lock);
		if (ret != VMEM_LINKS)
			break;
		ret = vmem_link_lent_alloc(&lent.links, 0) ?:
		      vmem_pool_lent_alloc(&lent, grow->nr_ranges);
	}
	vmem_pool_lent_free(&lent);
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
