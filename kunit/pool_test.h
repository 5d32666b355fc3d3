/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the pool share: a pool without an engine.
 */
#ifndef _VMEM_KUNIT_POOL_TEST_H
#define _VMEM_KUNIT_POOL_TEST_H

#include "bench.h"

#define TABLE_LG2	12
#define NR_RANGES	3
#define NR_PAGES	(5 + 1 + 130)
#define NR_GROWN	32	/* ranges that there is room for */
#define NR_LINKED	12
#define NR_RECORDS	(4 * NR_LINKED)

/* Three ranges, the last one of more pages than a word has bits. */
static const struct {
	u64 gpa;
	u64 len;
} layout[NR_RANGES] = {
	{ .gpa = 0x10000, .len = 5 << TABLE_LG2 },
	{ .gpa = 0x20000, .len = 1 << TABLE_LG2 },
	{ .gpa = 0x100000000ULL, .len = 130 << TABLE_LG2 },
};

struct pool_bench {
	struct vmem_pool pool;
	struct vmem_link_store store;
	struct vmem_pool_range ranges[NR_GROWN];
	struct vmem_pages pages;
	struct vmem_reservation other;
	struct vmem_root *roots[2];
	struct vmem_root root_storage[2];
	struct vmem_link records[NR_RECORDS];
	u32 lent;		/* of them */
	u32 used[NR_PAGES];	/* slots, by random_calls() */
	struct {
		u32 slots[4];
		u32 nr;
	} linked[NR_LINKED];	/* by random_links() */
};

/* A pool without a page, but with buckets for so many. */
static inline void pool_empty(struct kunit *test, struct vmem_pool *pool,
			      struct vmem_pool_range *ranges,
			      struct vmem_link_store *store, u32 nr)
{
	u32 nr_buckets = vmem_pool_buckets(nr);
	void *buckets = kunit_kzalloc(test, nr_buckets * sizeof(struct vmem_link *),
				      GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buckets);
	vmem_pool_init(pool, ranges, TABLE_LG2, store, buckets, nr_buckets, 7);
}

/* It has so many pages more, from @gpa on. */
static inline void pool_add(struct kunit *test, struct vmem_pool *pool, u64 gpa, u32 nr)
{
	void *storage = kunit_kzalloc(test, vmem_pool_bytes(nr), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, storage);
	vmem_pool_add(pool, gpa, (u64)nr << TABLE_LG2, storage);
}

/* With no page in it. */
static inline struct pool_bench *pool_bench(struct kunit *test, u32 nr)
{
	struct pool_bench *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	vmem_root_lend(&f->store, &f->root_storage[0]);
	vmem_root_lend(&f->store, &f->root_storage[1]);
	pool_empty(test, &f->pool, f->ranges, &f->store, nr);
	f->pages.pool = &f->pool;
	f->pages.res = (struct vmem_reservation){};
	f->other = (struct vmem_reservation){};
	return f;
}

static inline struct pool_bench *pool_begin(struct kunit *test)
{
	struct pool_bench *f = pool_bench(test, NR_PAGES);
	u32 i;

	for (i = 0; i < NR_RANGES; i++)
		pool_add(test, &f->pool, layout[i].gpa, layout[i].len >> TABLE_LG2);
	return f;
}

/* The address of the n-th page, lowest first. */
static inline u64 pool_gpa(u32 n)
{
	u32 i = 0;

	while (n >= layout[i].len >> TABLE_LG2)
		n -= layout[i++].len >> TABLE_LG2;
	return layout[i].gpa + ((u64)n << TABLE_LG2);
}

static inline void pool_expect(struct kunit *test, const struct pool_bench *f,
			       u32 nr_free, u32 nr_reserved, u32 nr_used,
			       u32 nr_quarantined)
{
	KUNIT_EXPECT_EQ(test, f->pool.nr_free, nr_free);
	KUNIT_EXPECT_EQ(test, f->pool.nr_reserved, nr_reserved);
	KUNIT_EXPECT_EQ(test, f->pool.nr_used, nr_used);
	KUNIT_EXPECT_EQ(test, f->pool.nr_quarantined, nr_quarantined);
}

/* Of those set aside the one that is taken after @n others; VMEM_NO_TABLE: none. */
static inline vmem_table_t pool_reserved(const struct vmem_reservation *res, u32 n)
{
	const struct vmem_pool_page *page = res->first;

	if (n >= res->nr)
		return VMEM_NO_TABLE;
	while (n--)
		page = page->next;
	return page->table;
}

/* One table, of @level, named by @slot of @parent. */
static inline u64 pool_take(struct kunit *test, struct pool_bench *f,
			    unsigned int level, u64 parent, u32 slot)
{
	u64 gpa;

	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 1, 0));
	gpa = vmem_table_gpa(pool_reserved(&f->pages.res, 0));
	vmem_pool_take(&f->pool, &f->pages.res, level, vmem_table(parent), slot, 1);
	return gpa;
}

/* The link goes by which @slot of 0x5000 names a table. */
static inline bool pool_put(struct pool_bench *f, u32 slot)
{
	bool gone = vmem_pool_put(&f->pool, vmem_table(0x5000), slot) == VMEM_CHANGED_FREED;

	while (vmem_pool_drop_below(&f->pool))
		;
	return gone;
}

/* Of a table that @slot of 0x5000 names. */
static inline enum vmem_owner pool_owner(struct pool_bench *f, u64 table,
					 unsigned int level, u32 slot, u32 *links)
{
	return vmem_pool_owner(&f->pool, vmem_table(table), level,
			       vmem_table(0x5000), slot, links);
}

static inline void pool_make_root(struct kunit *test, struct pool_bench *f,
				  u32 nr, u32 level)
{
	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 1, 0));
	f->roots[nr] = vmem_root_make(&f->pool, &f->pages.res, level);
}

/* A space leaves its root: whether that went. */
static inline bool pool_leave_root(struct pool_bench *f, u32 nr)
{
	bool gone = vmem_root_leave(&f->store, f->roots[nr]);

	while (vmem_pool_drop_below(&f->pool))
		;
	return gone;
}

/* Memory goes in which tables of the guest's own lie. */
static inline void pool_drop_foreign(struct pool_bench *f,
				     const struct vmem_pool_range *ranges, u32 nr)
{
	struct vmem_link **at = NULL;

	while (vmem_pool_drop_foreign(&f->pool, ranges, nr, &at))
		;
	while (vmem_pool_drop_below(&f->pool))
		;
}

#endif /* _VMEM_KUNIT_POOL_TEST_H */
