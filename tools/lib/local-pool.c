// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pools: which pages new tables are taken from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/overflow.h>

#include "local.h"

#define TABLE_LG2	12	/* of every format that there is */
#define TABLE_MASK	((1ULL << TABLE_LG2) - 1)

/* The pool that @table is a page of, or NULL. */
struct pool *pool_of(struct local_guest *lg, vmem_table_t table)
{
	struct pool *pool;

	for (pool = lg->pools; pool; pool = pool->next)
		if (vmem_pool_find(&pool->pool, table) != VMEM_POOL_NONE)
			break;
	return pool;
}

static int range_compare(const void *a, const void *b)
{
	const struct vmem_pool_range *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

static bool ranges_overlap(const struct vmem_pool_range *a,
			   const struct vmem_pool_range *b)
{
	return a->gpa < b->gpa + b->len && b->gpa < a->gpa + a->len;
}

/* Check the ranges that were asked for, each and against each other. */
static int ranges_check(struct local_guest *lg,
			const struct vmem_pool_range *ranges, u32 nr,
			u64 *capacity)
{
	const struct pool *pool;
	u32 i, j;

	for (i = 0; i < nr; i++) {
		const struct vmem_pool_range *range = &ranges[i];
		const struct region *region;

		region = region_at(lg, range->gpa, range->len);
		if (!region)
			return -ENXIO;
		if (region->frozen)
			return -EROFS;
		if (i && ranges_overlap(range, range - 1))
			return -EEXIST;
		*capacity += range->len >> TABLE_LG2;
	}
	for (pool = lg->pools; pool; pool = pool->next)
		for (i = 0; i < nr; i++)
			for (j = 0; j < pool->pool.nr_ranges; j++)
				if (ranges_overlap(&ranges[i], &pool->ranges[j]))
					return -EEXIST;
	return *capacity > VMEM_POOL_CAPACITY_MAX ? -E2BIG : 0;
}

static void ranges_use(struct local_guest *lg, const struct pool *pool, int by)
{
	u32 i;

	for (i = 0; i < pool->pool.nr_ranges; i++)
		region_at(lg, pool->ranges[i].gpa,
			  pool->ranges[i].len)->uses += by;
}

int pool_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_pool_create *arg = p;
	const struct vmem_ioc_range *asked =
		(const struct vmem_ioc_range *)(uintptr_t)arg->ranges;
	u32 i, nr = arg->nr_ranges;
	struct pool *pool;
	u64 capacity = 0, last;
	int ret;

	if (arg->flags)
		return -EOPNOTSUPP;
	if (!nr)
		return -EINVAL;
	if (nr > LOCAL_POOL_RANGES_MAX)
		return -E2BIG;
	for (i = 0; i < nr; i++) {
		if (!asked[i].len || (asked[i].gpa | asked[i].len) & TABLE_MASK)
			return -EINVAL;
		if (check_add_overflow(asked[i].gpa, asked[i].len - 1, &last))
			return -EOVERFLOW;
	}
	if (lg->nr_pools == LOCAL_POOLS_MAX)
		return -ENOMEM;

	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->ranges = calloc(nr, sizeof(*pool->ranges));
	if (!pool->ranges) {
		ret = -ENOMEM;
		goto err_pool;
	}
	for (i = 0; i < nr; i++) {
		pool->ranges[i].gpa = asked[i].gpa;
		pool->ranges[i].len = asked[i].len;
	}
	qsort(pool->ranges, nr, sizeof(*pool->ranges), range_compare);
	ret = ranges_check(lg, pool->ranges, nr, &capacity);
	if (ret)
		goto err_ranges;
	pool->storage = calloc(1, vmem_pool_bytes(capacity));
	if (!pool->storage) {
		ret = -ENOMEM;
		goto err_ranges;
	}
	vmem_pool_init(&pool->pool, pool->ranges, nr, TABLE_LG2, pool->storage);
	ret = object_add(lg, &pool->object, VMEM_IOC_LIST_POOLS);
	if (ret)
		goto err_storage;
	ranges_use(lg, pool, 1);
	pool->next = lg->pools;
	lg->pools = pool;
	lg->nr_pools++;
	arg->out_id = pool->object.id;
	arg->out_capacity = capacity;
	return 0;

err_storage:
	free(pool->storage);
err_ranges:
	free(pool->ranges);
err_pool:
	free(pool);
	return ret;
}

int pool_stat(struct local_guest *lg, void *p)
{
	struct vmem_ioc_pool_stat *arg = p;
	const struct vmem_pool *pool;
	struct object *object;
	int ret;

	if (arg->flags || arg->__reserved)
		return -EOPNOTSUPP;
	object = object_find(lg, arg->id, VMEM_IOC_LIST_POOLS, &ret);
	if (!object)
		return ret;
	pool = &container_of(object, struct pool, object)->pool;
	arg->out_capacity = pool->capacity;
	arg->out_free = pool->nr_free;
	arg->out_used = pool->nr_used;
	arg->out_reserved = pool->nr_reserved;
	arg->out_quarantined = pool->nr_quarantined;
	arg->out_shared = pool->nr_shared;
	arg->out_oldest_generation = vmem_pool_oldest_generation(pool);
	return 0;
}

int pool_flushed(struct local_guest *lg, void *p)
{
	struct vmem_ioc_flushed *arg = p;
	struct pool *pool;

	if (arg->flags)
		return -EOPNOTSUPP;
	if (arg->generation > lg->generation)
		return -EINVAL;
	for (pool = lg->pools; pool; pool = pool->next)
		vmem_pool_flushed(&pool->pool, arg->generation);
	return 0;
}

/* In use: tables, quarantined ones too, and spaces that take from it. */
int pool_destroy(struct local_guest *lg, struct pool *pool)
{
	if (pool->spaces || pool->pool.nr_used || pool->pool.nr_quarantined)
		return -EBUSY;
	pool_free(lg, pool);
	return 0;
}

void pool_free(struct local_guest *lg, struct pool *pool)
{
	struct pool **at = &lg->pools;

	while (*at != pool)
		at = &(*at)->next;
	*at = pool->next;
	lg->nr_pools--;
	ranges_use(lg, pool, -1);
	object_remove(lg, &pool->object);
	free(pool->storage);
	free(pool->ranges);
	free(pool);
}
