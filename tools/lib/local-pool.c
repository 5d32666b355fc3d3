// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pools: which pages new tables are taken from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

static bool ranges_overlap(const struct vmem_pool_range *a,
			   const struct vmem_pool_range *b)
{
	return a->gpa < b->gpa + b->len && b->gpa < a->gpa + a->len;
}

/* What is asked for, checked as far as it tells by itself, and sorted. */
static int ranges_read(const struct vmem_ioc_range *asked, u32 nr,
		       struct vmem_pool_range *ranges, u64 *capacity)
{
	u32 i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = vmem_ioc_range_read(&asked[i], &ranges[i]);
		if (ret)
			return ret;
	}
	qsort(ranges, nr, sizeof(*ranges), vmem_pool_range_compare);
	return vmem_pool_ranges_check(ranges, nr, capacity);
}

static bool range_taken(const struct local_guest *lg,
			const struct vmem_pool_range *range)
{
	const struct pool *pool;
	u32 i;

	for (pool = lg->pools; pool; pool = pool->next)
		for (i = 0; i < pool->pool.nr_ranges; i++)
			if (ranges_overlap(range, &pool->ranges[i]))
				return true;
	return false;
}

static void pool_leave(struct local_guest *lg, const struct pool *pool, u32 nr)
{
	while (nr--)
		region_use(lg, pool->ranges[nr].gpa, pool->ranges[nr].len, -1);
}

/* Take all ranges of the pool, or none. */
static int pool_enter(struct local_guest *lg, const struct pool *pool)
{
	u32 i;
	int ret;

	for (i = 0; i < pool->pool.nr_ranges; i++) {
		const struct vmem_pool_range *range = &pool->ranges[i];

		ret = region_use(lg, range->gpa, range->len, 1);
		if (ret)
			goto err;
		if (range_taken(lg, range)) {
			i++;
			ret = -EEXIST;
			goto err;
		}
		if (vmem_roots_within(&lg->links, range->gpa, range->len)) {
			i++;
			ret = -EBUSY;
			goto err;
		}
	}
	return 0;
err:
	pool_leave(lg, pool, i);
	return ret;
}

/* In use: tables, quarantined ones too, and spaces that take from it. */
static int pool_destroy(struct local_guest *lg, struct object *object,
			struct vmem_ioc_destroy *answer)
{
	const struct pool *pool = to_pool(object);

	return vmem_pool_unused(&pool->pool, pool->spaces) ? 0 : -EBUSY;
}

static void pool_free(struct local_guest *lg, struct object *object)
{
	struct pool *pool = to_pool(object), **at = &lg->pools;
	void *buckets;

	while (*at != pool)
		at = &(*at)->next;
	*at = pool->next;
	pool_leave(lg, pool, pool->pool.nr_ranges);
	object_remove(lg, object);
	while ((buckets = vmem_pool_shrink(&pool->pool)))
		free(buckets);
	free(pool->storage);
	free(pool->ranges);
	free(pool);
}

static void pool_item(const struct object *object, struct vmem_ioc_item *item)
{
	vmem_ioc_item_pool(item, &to_pool(object)->pool);
}

const struct object_ops pool_ops = {
	.kind		= VMEM_IOC_LIST_POOLS,
	.max		= VMEM_POOLS_MAX,
	.item		= pool_item,
	.destroy	= pool_destroy,
	.free		= pool_free,
};

int local_pool_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_pool_create *arg = p;
	u32 nr = arg->nr_ranges;
	struct pool *pool;
	u64 capacity;
	int ret;

	ret = vmem_ioc_pool_create_check(arg);
	if (ret)
		return ret;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->ranges = calloc(nr, sizeof(*pool->ranges));
	if (!pool->ranges) {
		ret = -ENOMEM;
		goto err_pool;
	}
	ret = ranges_read((const void *)(uintptr_t)arg->ranges, nr,
			  pool->ranges, &capacity);
	if (ret)
		goto err_ranges;
	pool->storage = calloc(1, vmem_pool_bytes(capacity));
	if (!pool->storage) {
		ret = -ENOMEM;
		goto err_ranges;
	}
	vmem_pool_init(&pool->pool, pool->ranges, nr, VMEM_POOL_PAGE_LG2, &lg->links,
		       pool->storage, lg->seed);
	ret = object_add(lg, &pool->object, &pool_ops);
	if (ret)
		goto err_storage;
	ret = pool_enter(lg, pool);
	if (ret)
		goto err_object;
	/* a table of the guest's own was there: what it named is let go of */
	lg->generation += pools_drop(lg, pool->ranges, nr);
	pool->next = lg->pools;
	lg->pools = pool;
	arg->out_id = pool->object.id;
	arg->out_capacity = capacity;
	return 0;

err_object:
	object_remove(lg, &pool->object);
err_storage:
	free(pool->storage);
err_ranges:
	free(pool->ranges);
err_pool:
	free(pool);
	return ret;
}

int local_pool_stat(struct local_guest *lg, void *p)
{
	struct vmem_ioc_pool_stat *arg = p;
	struct object *object;
	int ret;

	ret = vmem_ioc_pool_stat_check(arg);
	if (ret)
		return ret;
	object = object_find(lg, arg->id, &pool_ops, &ret);
	if (!object)
		return ret;
	vmem_ioc_pool_stat_fill(arg, &to_pool(object)->pool);
	return 0;
}

int local_flushed(struct local_guest *lg, void *p)
{
	struct vmem_ioc_flushed *arg = p;
	int ret = vmem_ioc_flushed_check(arg, lg->generation);
	struct pool *pool;

	if (ret)
		return ret;
	for (pool = lg->pools; pool; pool = pool->next)
		while (vmem_pool_flushed(&pool->pool, arg->generation))
			;
	return 0;
}
