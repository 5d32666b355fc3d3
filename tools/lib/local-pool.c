// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pools: which pages new tables are taken from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/overflow.h>

#include "local.h"

#define TABLE_MASK	((1ULL << VMEM_POOL_PAGE_LG2) - 1)

/* The pool that @table is a page of, or NULL. */
struct pool *pool_of(struct local_guest *lg, vmem_table_t table)
{
	struct pool *pool;

	for (pool = lg->pools; pool; pool = pool->next)
		if (vmem_pool_find(&pool->pool, table) != VMEM_POOL_NONE)
			break;
	return pool;
}

/* No space has a pool, and no pool a table. */
bool pools_idle(const struct local_guest *lg)
{
	const struct pool *pool;

	for (pool = lg->pools; pool; pool = pool->next)
		if (pool->spaces || pool->pool.nr_used)
			return false;
	return true;
}

/*
 * Memory goes, or becomes a pool's, in which tables may lie that name some of
 * pools: these lose those links. Return: whether tables went into quarantine.
 */
bool pools_drop(struct local_guest *lg, const struct vmem_pool_range *ranges, u32 nr)
{
	struct vmem_link **at;
	bool dropped = false;
	struct pool *pool;
	u32 used;

	for (pool = lg->pools; pool; pool = pool->next) {
		pool->pool.generation = lg->generation + 1;
		used = pool->pool.nr_used;
		at = NULL;
		while (vmem_pool_drop_foreign(&pool->pool, ranges, nr, &at))
			;
		while (vmem_pool_drop_below(&pool->pool))
			;
		dropped |= pool->pool.nr_used != used;
	}
	return dropped;
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

/* What is asked for, checked as far as it tells by itself, and sorted. */
static int ranges_read(const struct vmem_ioc_range *asked, u32 nr,
		       struct vmem_pool_range *ranges, u64 *capacity)
{
	u64 last;
	u32 i;

	*capacity = 0;
	for (i = 0; i < nr; i++) {
		if (!asked[i].len || (asked[i].gpa | asked[i].len) & TABLE_MASK)
			return -EINVAL;
		if (check_add_overflow(asked[i].gpa, asked[i].len - 1, &last) ||
		    last >> LOCAL_GPA_BITS)
			return -EOVERFLOW;
		ranges[i].gpa = asked[i].gpa;
		ranges[i].len = asked[i].len;
		*capacity += asked[i].len >> VMEM_POOL_PAGE_LG2;
	}
	if (*capacity > VMEM_POOL_CAPACITY_MAX)
		return -E2BIG;
	qsort(ranges, nr, sizeof(*ranges), range_compare);
	for (i = 1; i < nr; i++)
		if (ranges_overlap(&ranges[i], &ranges[i - 1]))
			return -EEXIST;
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
		if (space_root_within(lg, range->gpa, range->len)) {
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

int pool_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_pool_create *arg = p;
	u32 nr = arg->nr_ranges;
	struct pool *pool;
	u64 capacity;
	int ret;

	if (arg->flags)
		return -EOPNOTSUPP;
	if (!nr)
		return -EINVAL;
	if (nr > LOCAL_POOL_RANGES_MAX)
		return -E2BIG;
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
	ret = lg->nr_pools < LOCAL_POOLS_MAX ? pool_enter(lg, pool) : -E2BIG;
	if (ret)
		goto err_storage;
	ret = object_add(lg, &pool->object, VMEM_IOC_LIST_POOLS);
	if (ret)
		goto err_enter;
	/* a table of the guest's own was there: what it named is let go of */
	lg->generation += pools_drop(lg, pool->ranges, nr);
	pool->next = lg->pools;
	lg->pools = pool;
	lg->nr_pools++;
	arg->out_id = pool->object.id;
	arg->out_capacity = capacity;
	return 0;

err_enter:
	pool_leave(lg, pool, nr);
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
		while (vmem_pool_flushed(&pool->pool, arg->generation))
			;
	return 0;
}

/* In use: tables, quarantined ones too, and spaces that take from it. */
int pool_destroy(struct local_guest *lg, struct pool *pool)
{
	if (pool->spaces || pool->pool.nr_free != pool->pool.capacity)
		return -EBUSY;
	pool_free(lg, pool);
	return 0;
}

void pool_free(struct local_guest *lg, struct pool *pool)
{
	struct pool **at = &lg->pools;
	void *buckets;

	while (*at != pool)
		at = &(*at)->next;
	*at = pool->next;
	lg->nr_pools--;
	pool_leave(lg, pool, pool->pool.nr_ranges);
	object_remove(lg, &pool->object);
	while ((buckets = vmem_pool_shrink(&pool->pool)))
		free(buckets);
	free(pool->storage);
	free(pool->ranges);
	free(pool);
}
