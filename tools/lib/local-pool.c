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

/* Ranges that a call brings, with storage, and buckets for its pool. */
struct lent {
	struct vmem_pool_range ranges[VMEM_POOL_RANGES_MAX];
	u32 nr;
	u64 capacity;
	struct vmem_link **buckets;
};

/* What was lent is none of it. */
static void lent_free(struct lent *lent)
{
	u32 i;

	for (i = 0; i < lent->nr; i++)
		free(lent->ranges[i].pages);
	free(lent->buckets);
}

/* What is asked for, checked as far as it tells by itself, and sorted. */
static int lent_read(struct lent *lent, u64 ranges, u32 nr)
{
	const struct vmem_ioc_range *asked = (const void *)(uintptr_t)ranges;
	u32 i;
	int ret = vmem_ioc_ranges_check(nr);

	for (i = 0; i < nr && !ret; i++)
		ret = vmem_ioc_range_read(&asked[i], &lent->ranges[i]);
	if (ret)
		return ret;
	qsort(lent->ranges, nr, sizeof(*lent->ranges), vmem_pool_range_compare);
	return vmem_pool_ranges_check(lent->ranges, nr, &lent->capacity);
}

/* Storage for what was read, and so many buckets. */
static int lent_alloc(struct lent *lent, u32 nr, u32 nr_buckets)
{
	struct vmem_pool_range *range;

	if (nr_buckets) {
		lent->buckets = calloc(nr_buckets, sizeof(*lent->buckets));
		if (!lent->buckets)
			return -ENOMEM;
	}
	for (; lent->nr < nr; lent->nr++) {
		range = &lent->ranges[lent->nr];
		range->pages = calloc(1, vmem_pool_bytes(range->len >> VMEM_POOL_PAGE_LG2));
		if (!range->pages)
			return -ENOMEM;
	}
	return 0;
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

static void ranges_leave(struct local_guest *lg, const struct vmem_pool_range *ranges,
			 u32 nr)
{
	while (nr--)
		region_use(lg, ranges[nr].gpa, ranges[nr].len, -1);
}

/* Take all that was lent for the pool, or none. */
static int pool_enter(struct local_guest *lg, struct pool *pool, struct lent *lent)
{
	const struct vmem_pool_range *range;
	u32 i;
	int ret;

	for (i = 0; i < lent->nr; i++) {
		range = &lent->ranges[i];
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
	/* a table of the guest's own was there: what it named is let go of */
	if (pools_drop(lg, lent->ranges, lent->nr) || pool->pool.nr_ranges)
		lg->generation++;
	for (i = 0; i < lent->nr; i++) {
		range = &lent->ranges[i];
		vmem_pool_add(&pool->pool, range->gpa, range->len, range->pages);
	}
	lent->nr = 0;
	return 0;
err:
	ranges_leave(lg, lent->ranges, i);
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
	u32 i;

	while (*at != pool)
		at = &(*at)->next;
	*at = pool->next;
	ranges_leave(lg, pool->ranges, pool->pool.nr_ranges);
	object_remove(lg, object);
	while ((buckets = vmem_buckets_take_back(&pool->pool)))
		free(buckets);
	for (i = 0; i < pool->pool.nr_ranges; i++)
		free(pool->ranges[i].pages);
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
	struct lent lent = { .nr = 0 };
	struct pool *pool;
	u32 nr_buckets;
	int ret;

	ret = lent_read(&lent, arg->ranges, arg->nr_ranges);
	if (ret)
		return ret;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	nr_buckets = vmem_pool_buckets(lent.capacity);
	ret = lent_alloc(&lent, arg->nr_ranges, nr_buckets);
	if (ret)
		goto err_pool;
	vmem_pool_init(&pool->pool, pool->ranges, VMEM_POOL_PAGE_LG2, &lg->links,
		       lent.buckets, nr_buckets, lg->seed);
	ret = object_add(lg, &pool->object, &pool_ops);
	if (ret)
		goto err_pool;
	ret = pool_enter(lg, pool, &lent);
	if (ret)
		goto err_object;
	pool->next = lg->pools;
	lg->pools = pool;
	arg->out_id = pool->object.id;
	arg->out_capacity = pool->pool.capacity;
	return 0;

err_object:
	object_remove(lg, &pool->object);
err_pool:
	lent_free(&lent);
	free(pool);
	return ret;
}

int local_pool_grow(struct local_guest *lg, void *p)
{
	struct vmem_ioc_pool_grow *arg = p;
	struct lent lent = { .nr = 0 };
	struct object *object;
	struct pool *pool;
	u32 nr_buckets;
	int ret;

	ret = lent_read(&lent, arg->ranges, arg->nr_ranges);
	if (ret)
		return ret;
	object = object_find(lg, arg->id, &pool_ops, &ret);
	if (!object)
		return ret;
	pool = to_pool(object);
	if (!vmem_pool_has_room(&pool->pool, arg->nr_ranges, lent.capacity))
		return -E2BIG;
	nr_buckets = vmem_pool_wanted(&pool->pool, pool->pool.capacity + lent.capacity);
	ret = lent_alloc(&lent, arg->nr_ranges, nr_buckets) ?: pool_enter(lg, pool, &lent);
	if (!ret) {
		if (nr_buckets)
			lent.buckets = vmem_buckets_lend(&pool->pool, lent.buckets,
							 nr_buckets);
		arg->out_capacity = pool->pool.capacity;
	}
	lent_free(&lent);
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
