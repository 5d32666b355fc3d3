// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool: free pages, reservations, links, quarantine; without an engine.
 *
 * Points of the behaviour's description that have a case here: 13 (what is ours
 * goes with its last link), 16 (nothing is kept when there is not enough), 39
 * (each user of a table is counted, and records of links come back).
 */
#include "bench.h"

#define TABLE_LG2	12
#define NR_RANGES	3
#define NR_PAGES	(5 + 1 + 130)
#define NR_LINKED	12
#define NR_RECORDS	(4 * NR_LINKED)

/* Three ranges, the last one of more pages than a word has bits. */
static const struct vmem_pool_range layout[NR_RANGES] = {
	{ .gpa = 0x10000, .len = 5 << TABLE_LG2 },
	{ .gpa = 0x20000, .len = 1 << TABLE_LG2 },
	{ .gpa = 0x100000000ULL, .len = 130 << TABLE_LG2 },
};

struct fixture {
	struct vmem_pool pool;
	struct vmem_link_store store;
	struct vmem_pool_range ranges[NR_RANGES];
	struct vmem_reservation res;
	struct vmem_reservation other;
	struct vmem_link links[2];
	struct vmem_link records[NR_RECORDS];
	u32 lent;		/* of them */
	u64 used[NR_PAGES];	/* by random_calls() */
	struct {
		u32 slots[4];
		u32 nr;
	} linked[NR_LINKED];	/* by random_links() */
};

static struct fixture *begin(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	void *storage;

	KUNIT_ASSERT_NOT_NULL(test, f);
	storage = kunit_kzalloc(test, vmem_pool_bytes(NR_PAGES), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, storage);
	memcpy(f->ranges, layout, sizeof(layout));
	vmem_pool_init(&f->pool, f->ranges, NR_RANGES, TABLE_LG2, &f->store,
		       storage);
	vmem_reservation_init(&f->res);
	vmem_reservation_init(&f->other);
	return f;
}

/* The address of the n-th page, lowest first. */
static u64 page_gpa(u32 n)
{
	u32 i = 0;

	while (n >= layout[i].len >> TABLE_LG2)
		n -= layout[i++].len >> TABLE_LG2;
	return layout[i].gpa + ((u64)n << TABLE_LG2);
}

static void expect_counts(struct kunit *test, const struct fixture *f,
			  u32 nr_free, u32 nr_reserved, u32 nr_used,
			  u32 nr_quarantined)
{
	KUNIT_EXPECT_EQ(test, f->pool.nr_free, nr_free);
	KUNIT_EXPECT_EQ(test, f->pool.nr_reserved, nr_reserved);
	KUNIT_EXPECT_EQ(test, f->pool.nr_used, nr_used);
	KUNIT_EXPECT_EQ(test, f->pool.nr_quarantined, nr_quarantined);
}

/* One table, of @level, named by @slot of @parent. */
static u64 take(struct kunit *test, struct fixture *f, unsigned int level,
		u64 parent, u32 slot)
{
	u64 gpa;

	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 1, 0));
	gpa = vmem_table_gpa(vmem_pool_reserved(&f->pool, &f->res, 0));
	vmem_pool_take(&f->pool, &f->res, level, vmem_table(parent), slot);
	return gpa;
}

/* Its first link goes. */
static bool put(struct fixture *f, u64 table)
{
	u32 page = vmem_pool_find(&f->pool, vmem_table(table));
	const struct vmem_link *link = f->pool.pages[page].links;

	return vmem_pool_put(&f->pool, vmem_table(table), link->parent,
			     link->slot);
}

static void init_counts_pages(struct kunit *test)
{
	struct fixture *f = begin(test);

	KUNIT_EXPECT_EQ(test, f->pool.capacity, NR_PAGES);
	expect_counts(test, f, NR_PAGES, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_oldest_generation(&f->pool));
}

static void reserve_gives_the_lowest(struct kunit *test)
{
	struct fixture *f = begin(test);
	u32 i;

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, NR_PAGES, 0));
	expect_counts(test, f, 0, NR_PAGES, 0, 0);
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, page_gpa(i),
				vmem_table_gpa(vmem_pool_reserved(&f->pool,
								  &f->res, i)));
	/* in any order */
	for (i = NR_PAGES; i--;)
		KUNIT_EXPECT_EQ(test, page_gpa(i),
				vmem_table_gpa(vmem_pool_reserved(&f->pool,
								  &f->res, i)));
	KUNIT_EXPECT_TRUE(test, vmem_pool_reserved(&f->pool, &f->res, NR_PAGES) ==
			  VMEM_NO_TABLE);
}

/* It says how many in all, and those that are there count. */
static void reserve_adds_what_lacks(struct kunit *test)
{
	struct fixture *f = begin(test);

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 2, 0));
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 5, 0));
	expect_counts(test, f, NR_PAGES - 5, 5, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 0, 0));
	expect_counts(test, f, NR_PAGES - 5, 5, 0, 0);
	vmem_pool_unreserve(&f->pool, &f->res);
	expect_counts(test, f, NR_PAGES, 0, 0, 0);
	KUNIT_EXPECT_TRUE(test, vmem_pool_reserved(&f->pool, &f->res, 0) ==
			  VMEM_NO_TABLE);
}

/* Whatever came back, the lowest is next. */
static void reserve_after_release(struct kunit *test)
{
	struct fixture *f = begin(test);
	u32 i;

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 2, 0));
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES - 2, 0));
	vmem_pool_unreserve(&f->pool, &f->res);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 1, 0));
	KUNIT_EXPECT_EQ(test, page_gpa(0),
			vmem_table_gpa(vmem_pool_reserved(&f->pool, &f->res, 0)));
	vmem_pool_unreserve(&f->pool, &f->other);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, NR_PAGES, 0));
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, page_gpa(i),
				vmem_table_gpa(vmem_pool_reserved(&f->pool,
								  &f->res, i)));
}

/* 16 */
static void reserve_too_many(struct kunit *test)
{
	struct fixture *f = begin(test);

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 3, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES - 2, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->res, U64_MAX, 0));
	expect_counts(test, f, NR_PAGES - 3, 3, 0, 0);
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES - 3, 0));
	vmem_pool_unreserve(&f->pool, &f->res);
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES, 0));
	vmem_pool_unreserve(&f->pool, &f->other);
	expect_counts(test, f, NR_PAGES, 0, 0, 0);
}

/* -EAGAIN if the quarantine would do, -ENOSPC if not even that */
static void reserve_quarantined(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 gpa;
	u32 i;

	f->pool.generation = 7;
	for (i = 0; i < 3; i++) {
		gpa = take(test, f, 0, 0x5000, i);
		put(f, gpa);
	}
	expect_counts(test, f, NR_PAGES - 3, 0, 0, 3);
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmem_pool_reserve(&f->pool, &f->res, NR_PAGES - 2, 0));
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmem_pool_reserve(&f->pool, &f->res, NR_PAGES, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->res, NR_PAGES + 1, 0));
	expect_counts(test, f, NR_PAGES - 3, 0, 0, 3);
	/* the generation before is not enough */
	vmem_pool_flushed(&f->pool, 6);
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmem_pool_reserve(&f->pool, &f->res, NR_PAGES, 0));
	vmem_pool_flushed(&f->pool, 7);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, NR_PAGES, 0));
}

static void flushed_by_generation(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 tables[4];
	u32 i;

	for (i = 0; i < 4; i++)
		tables[i] = take(test, f, 0, 0x5000, i);
	for (i = 0; i < 4; i++) {
		f->pool.generation = 10 + i / 2;
		put(f, tables[3 - i]);
	}
	KUNIT_EXPECT_EQ(test, 10, vmem_pool_oldest_generation(&f->pool));
	vmem_pool_flushed(&f->pool, 9);
	expect_counts(test, f, NR_PAGES - 4, 0, 0, 4);
	vmem_pool_flushed(&f->pool, 10);
	expect_counts(test, f, NR_PAGES - 2, 0, 0, 2);
	KUNIT_EXPECT_EQ(test, 11, vmem_pool_oldest_generation(&f->pool));
	/* those freed first came back: pages 3 and 2 */
	KUNIT_EXPECT_EQ(test, tables[2], take(test, f, 1, 0x5000, 0));
	vmem_pool_flushed(&f->pool, U64_MAX);
	expect_counts(test, f, NR_PAGES - 1, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_oldest_generation(&f->pool));
	KUNIT_EXPECT_EQ(test, tables[0], take(test, f, 1, 0x5000, 0));
	/* an empty quarantine fills again */
	put(f, tables[0]);
	KUNIT_EXPECT_EQ(test, 11, vmem_pool_oldest_generation(&f->pool));
}

/* Of a table that @slot of 0x5000 names. */
static enum vmem_owner owner(struct fixture *f, u64 table, unsigned int level,
			     u32 slot, u32 *links)
{
	return vmem_pool_owner(&f->pool, vmem_table(table), level,
			       vmem_table(0x5000), slot, links);
}

static void owner_of_any_address(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 table = take(test, f, 2, 0x5000, 9);
	u32 links = 0, i;

	KUNIT_EXPECT_EQ(test, VMEM_MINE, owner(f, table, 2, 9, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, owner(f, table, 1, 9, &links));
	for (i = 1; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
				owner(f, page_gpa(i), 0, 9, &links));
	for (i = 0; i < NR_RANGES; i++) {
		KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
				owner(f, layout[i].gpa - 4096, 0, 9, &links));
		KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
				owner(f, layout[i].gpa + layout[i].len, 0, 9,
				      &links));
	}
	KUNIT_EXPECT_EQ(test, VMEM_FOREIGN, owner(f, 0, 0, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
			vmem_pool_owner(&f->pool, VMEM_NO_TABLE, 0,
					vmem_table(0x5000), 9, &links));
}

/* 13: only by the very slot that vmem wrote */
static void owner_by_its_link(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 table = take(test, f, 0, 0x5000, 9);
	u32 links;

	KUNIT_EXPECT_EQ(test, VMEM_MINE, owner(f, table, 0, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, owner(f, table, 0, 8, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(table), 0,
					vmem_table(0x6000), 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(table), 0,
					VMEM_NO_TABLE, 0, &links));
	put(f, table);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, owner(f, table, 0, 9, &links));
}

static void take_root(struct kunit *test, struct fixture *f, u32 level)
{
	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 1, 0));
	vmem_pool_take_root(&f->pool, &f->res, level, &f->links[0]);
}

static void link_root_twice(struct kunit *test)
{
	struct fixture *f = begin(test);
	vmem_table_t root = vmem_table(page_gpa(0));
	u32 links = 0;

	take_root(test, f, 3);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vmem_pool_link_root(&f->pool, root, 2, &f->links[1]));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vmem_pool_link_root(&f->pool, vmem_table(page_gpa(1)), 3,
					    &f->links[1]));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_link_root(&f->pool, root, 3, &f->links[1]));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 1);
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, root, 3, VMEM_NO_TABLE, 0,
					&links));
	KUNIT_EXPECT_EQ(test, links, 2);
	/* the first goes first, then the other: it dies with the last */
	KUNIT_EXPECT_FALSE(test, vmem_pool_drop_root(&f->pool, root, 3,
						     &f->links[0]));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	KUNIT_EXPECT_TRUE(test, vmem_pool_drop_root(&f->pool, root, 3,
						    &f->links[1]));
	expect_counts(test, f, NR_PAGES - 1, 0, 0, 1);
}

static void link_root_foreign(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 table = take(test, f, 2, 0x5000, 0);
	u32 links;

	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_link_root(&f->pool, vmem_table(0x5000), 3,
					    &f->links[0]));
	KUNIT_EXPECT_FALSE(test, vmem_pool_drop_root(&f->pool, vmem_table(0x5000),
						     3, &f->links[0]));
	/* what hangs below it stays */
	expect_counts(test, f, NR_PAGES - 1, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, VMEM_MINE, owner(f, table, 2, 0, &links));
}

static void drop_root(struct kunit *test, struct fixture *f, u64 root,
		      unsigned int level)
{
	KUNIT_EXPECT_TRUE(test, vmem_pool_drop_root(&f->pool, vmem_table(root),
						    level, &f->links[0]));
	while (vmem_pool_drop_below(&f->pool))
		;
}

/* A space goes with its tables, in whatever order they lie. */
static void drop_root_with_all_below(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 root = page_gpa(0), a, b, other;
	u32 i;

	take_root(test, f, 3);
	a = take(test, f, 2, root, 0);
	b = take(test, f, 1, a, 5);
	for (i = 0; i < 4; i++)
		take(test, f, 0, b, i);
	/* of another space, whose root is the guest's own */
	other = take(test, f, 2, 0x5000, 0);
	take(test, f, 1, other, 0);
	f->pool.generation = 3;
	drop_root(test, f, root, 3);
	expect_counts(test, f, NR_PAGES - 9, 0, 2, 7);
	KUNIT_EXPECT_EQ(test, 3, vmem_pool_oldest_generation(&f->pool));
	vmem_pool_flushed(&f->pool, 3);
	expect_counts(test, f, NR_PAGES - 2, 0, 2, 0);
	KUNIT_EXPECT_EQ(test, root, take(test, f, 3, 0x5000, 1));
}

/* Tables that died with another root don't take these along. */
static void drop_root_after_another(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 first = page_gpa(0), second, a;

	take_root(test, f, 1);
	a = take(test, f, 0, first, 0);
	drop_root(test, f, first, 1);
	expect_counts(test, f, NR_PAGES - 2, 0, 0, 2);
	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 1, 0));
	second = vmem_table_gpa(vmem_pool_reserved(&f->pool, &f->res, 0));
	vmem_pool_take_root(&f->pool, &f->res, 1, &f->links[0]);
	/* a stale link, from a table that is in quarantine for another reason */
	take(test, f, 0, a, 0);
	drop_root(test, f, second, 1);
	expect_counts(test, f, NR_PAGES - 4, 0, 1, 3);
}

#define NR_LARGE	(2 * VMEM_POOL_STEP + 100)

/* However much there is to do, a step of it does no more than a step. */
static void steps_of_a_large_pool(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	void *storage = kunit_kzalloc(test, vmem_pool_bytes(NR_LARGE), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_NOT_NULL(test, storage);
	f->ranges[0] = (struct vmem_pool_range){ .len = NR_LARGE << TABLE_LG2 };
	vmem_pool_init(&f->pool, f->ranges, 1, TABLE_LG2, &f->store, storage);
	vmem_reservation_init(&f->res);

	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->res, NR_LARGE + 1, 0));
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, VMEM_PAUSE,
				vmem_pool_reserve(&f->pool, &f->res, NR_LARGE, 0));
		KUNIT_EXPECT_EQ(test, f->res.nr, i * VMEM_POOL_STEP);
	}
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, NR_LARGE, 0));
	expect_counts(test, f, 0, NR_LARGE, 0, 0);
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, vmem_pool_unreserve(&f->pool, &f->res));
		KUNIT_EXPECT_EQ(test, f->pool.nr_free, i * VMEM_POOL_STEP);
	}
	KUNIT_EXPECT_FALSE(test, vmem_pool_unreserve(&f->pool, &f->res));

	/* a root, a table of each level below it, and leaves for the rest */
	take_root(test, f, 3);
	take(test, f, 2, 0, 0);
	take(test, f, 1, 1 << TABLE_LG2, 0);
	for (i = 3; i < NR_LARGE; i++)
		take(test, f, 0, 2 << TABLE_LG2, i);
	expect_counts(test, f, 0, 0, NR_LARGE, 0);
	f->pool.generation = 1;
	KUNIT_EXPECT_TRUE(test, vmem_pool_drop_root(&f->pool, vmem_table(0), 3,
						    &f->links[0]));
	for (i = 0; vmem_pool_drop_below(&f->pool); i++)
		KUNIT_ASSERT_LE(test, f->pool.nr_quarantined,
				1 + (i + 1) * VMEM_POOL_STEP);
	/* three levels, and nothing else is looked at */
	KUNIT_EXPECT_LE(test, i, 3 * NR_LARGE / VMEM_POOL_STEP + 1);
	expect_counts(test, f, 0, 0, 0, NR_LARGE);
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, vmem_pool_flushed(&f->pool, 1));
		KUNIT_EXPECT_EQ(test, f->pool.nr_free, i * VMEM_POOL_STEP);
	}
	KUNIT_EXPECT_FALSE(test, vmem_pool_flushed(&f->pool, 1));
	expect_counts(test, f, NR_LARGE, 0, 0, 0);
}

/* 13: a table lives as long as it has a link, and is entered by any of them */
static void put_one_of_two(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 table = take(test, f, 2, 0x5000, 9);
	u32 links = 0;

	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_link_root(&f->pool, vmem_table(table), 2,
					    &f->links[0]));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, owner(f, table, 2, 9, &links));
	KUNIT_EXPECT_EQ(test, links, 2);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, owner(f, table, 2, 8, &links));
	KUNIT_EXPECT_FALSE(test, vmem_pool_put(&f->pool, vmem_table(table),
					       vmem_table(0x5000), 9));
	expect_counts(test, f, NR_PAGES - 1, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, owner(f, table, 2, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(table), 2,
					VMEM_NO_TABLE, 0, &links));
	KUNIT_EXPECT_TRUE(test, put(f, table));
	expect_counts(test, f, NR_PAGES - 1, 0, 0, 1);
}

/* One more link of a table: 0; else what reserving the record said. */
static int share(struct fixture *f, u64 table, u64 parent, u32 slot)
{
	int ret = vmem_pool_reserve(&f->pool, &f->res, 0, 1);

	if (!ret)
		vmem_pool_share(&f->pool, &f->res, vmem_table(table),
				vmem_table(parent), slot);
	return ret;
}

static void lend(struct fixture *f, u32 nr)
{
	while (nr--)
		vmem_link_lend(&f->store, &f->records[f->lent++]);
}

/* Records are set aside before anything is done, and are asked for if there is none. */
static void reserve_links(struct kunit *test)
{
	struct fixture *f = begin(test);

	KUNIT_EXPECT_EQ(test, VMEM_LINKS,
			vmem_pool_reserve(&f->pool, &f->res, 2, 3));
	expect_counts(test, f, NR_PAGES, 0, 0, 0);
	lend(f, 2);
	KUNIT_EXPECT_EQ(test, VMEM_LINKS,
			vmem_pool_reserve(&f->pool, &f->res, 2, 3));
	KUNIT_EXPECT_EQ(test, f->store.nr, 2);
	lend(f, 1);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 2, 3));
	KUNIT_EXPECT_EQ(test, f->store.nr, 0);
	KUNIT_EXPECT_EQ(test, f->res.links, 3);
	expect_counts(test, f, NR_PAGES - 2, 2, 0, 0);
	/* what is set aside for one isn't for another */
	KUNIT_EXPECT_EQ(test, VMEM_LINKS,
			vmem_pool_reserve(&f->pool, &f->other, 0, 1));
	/* for want of pages no record is taken */
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES, 0));
	KUNIT_EXPECT_FALSE(test, vmem_pool_unreserve(&f->pool, &f->res));
	KUNIT_EXPECT_EQ(test, f->store.nr, 3);
}

/* 13: each of its links is one by which it is entered; each can be let go of. */
static void share_in_any_order(struct kunit *test)
{
	struct fixture *f;
	u32 order, links = 0, i;
	u64 table;

	/* the first link is stored with the table, the others are records */
	for (order = 0; order < 27; order++) {
		u32 slots[3] = { order % 3, order / 3 % 3, order / 9 };

		if (BIT(slots[0]) + BIT(slots[1]) + BIT(slots[2]) != 7)
			continue;
		f = begin(test);
		lend(f, 2);
		table = take(test, f, 1, 0x5000, 0);
		for (i = 1; i < 3; i++)
			KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, i));
		KUNIT_EXPECT_EQ(test, VMEM_LINKS, share(f, table, 0x5000, 3));
		for (i = 0; i < 3; i++)
			KUNIT_EXPECT_EQ(test, VMEM_MINE,
					owner(f, table, 1, i, &links));
		KUNIT_EXPECT_EQ(test, links, 3);
		KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 1);
		for (i = 0; i < 3; i++) {
			KUNIT_EXPECT_EQ(test, i == 2,
					vmem_pool_put(&f->pool, vmem_table(table),
						      vmem_table(0x5000),
						      slots[i]));
			KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
					owner(f, table, 1, slots[i], &links));
			KUNIT_EXPECT_EQ(test, f->pool.nr_shared, i < 1);
		}
		KUNIT_EXPECT_EQ(test, f->store.nr, 2);
		expect_counts(test, f, NR_PAGES - 1, 0, 0, 1);
	}
}

/* A table that comes back has the links of its new use only. */
static void share_after_a_flush(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 table = take(test, f, 1, 0x5000, 0);
	u32 links = 0;

	lend(f, 1);
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x6000, 7));
	vmem_pool_put(&f->pool, vmem_table(table), vmem_table(0x5000), 0);
	vmem_pool_put(&f->pool, vmem_table(table), vmem_table(0x6000), 7);
	vmem_pool_flushed(&f->pool, U64_MAX);
	KUNIT_EXPECT_EQ(test, table, take(test, f, 1, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, owner(f, table, 1, 1, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, owner(f, table, 1, 0, &links));
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, 0));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, owner(f, table, 1, 0, &links));
	KUNIT_EXPECT_EQ(test, links, 2);
}

/* 39: what two roots have stays with the one that is left. */
static void drop_root_that_shares(struct kunit *test)
{
	struct fixture *f = begin(test);
	u64 first = page_gpa(0), second, mine, low, shared, below, other;
	u32 links = 0;

	lend(f, 4);
	take_root(test, f, 3);
	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->res, 1, 0));
	second = vmem_table_gpa(vmem_pool_reserved(&f->pool, &f->res, 0));
	vmem_pool_take_root(&f->pool, &f->res, 3, &f->links[1]);
	mine = take(test, f, 2, first, 0);
	low = take(test, f, 1, mine, 3);
	shared = take(test, f, 1, mine, 0);
	below = take(test, f, 0, shared, 0);
	other = take(test, f, 2, second, 9);
	/* of the shared one three links, two of them the first root's */
	KUNIT_EXPECT_EQ(test, 0, share(f, shared, mine, 1));
	KUNIT_EXPECT_EQ(test, 0, share(f, shared, other, 2));
	/* what is below has one in a table that dies */
	KUNIT_EXPECT_EQ(test, 0, share(f, below, low, 5));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 2);
	KUNIT_EXPECT_EQ(test, f->store.nr, 1);

	drop_root(test, f, first, 3);
	expect_counts(test, f, NR_PAGES - 7, 0, 4, 3);
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	/* two records came back; the third is in use, for all that it was last */
	KUNIT_EXPECT_EQ(test, f->store.nr, 3);
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(shared), 1,
					vmem_table(other), 2, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(below), 0,
					vmem_table(shared), 0, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_TRUE(test, vmem_pool_drop_root(&f->pool, vmem_table(second),
						    3, &f->links[1]));
	while (vmem_pool_drop_below(&f->pool))
		;
	expect_counts(test, f, NR_PAGES - 7, 0, 0, 7);
	KUNIT_EXPECT_EQ(test, f->store.nr, 4);
}

/* Two pools of a guest lend from one store. */
static void store_of_two_pools(struct kunit *test)
{
	struct fixture *f = begin(test), *g = begin(test);
	u64 a, b;

	vmem_pool_init(&g->pool, g->ranges, NR_RANGES, TABLE_LG2, &f->store,
		       g->pool.pages);
	lend(f, 1);
	a = take(test, f, 1, 0x5000, 0);
	b = take(test, g, 1, 0x5000, 0);
	KUNIT_EXPECT_EQ(test, 0, share(f, a, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, VMEM_LINKS, share(g, b, 0x5000, 1));
	vmem_pool_put(&f->pool, vmem_table(a), vmem_table(0x5000), 1);
	KUNIT_EXPECT_EQ(test, 0, share(g, b, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, VMEM_LINKS, share(f, a, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	KUNIT_EXPECT_EQ(test, g->pool.nr_shared, 1);
}

/* Any order of links made and cut, against a list that is kept beside. */
static void random_links(struct kunit *test)
{
	struct fixture *f = begin(test);
	struct vt_random random = { .state = 4 };
	u32 round, page, at, i, links = 0, all;
	u64 table;

	lend(f, NR_RECORDS);
	for (page = 0; page < NR_LINKED; page++) {
		take(test, f, 1, 0x5000, page);
		f->linked[page].slots[f->linked[page].nr++] = page;
	}
	for (round = 0; round < 20000; round++) {
		u32 *slots, *nr;

		page = vt_random_below(&random, NR_LINKED);
		slots = f->linked[page].slots;
		nr = &f->linked[page].nr;
		table = page_gpa(page);
		at = vt_random_below(&random, 4);
		if (at >= *nr) {
			slots[(*nr)++] = 100 + round;
			KUNIT_ASSERT_EQ(test, 0, share(f, table, 0x5000,
						       100 + round));
		} else if (*nr > 1) {
			KUNIT_EXPECT_FALSE(test,
				vmem_pool_put(&f->pool, vmem_table(table),
					      vmem_table(0x5000), slots[at]));
			slots[at] = slots[--*nr];
		}
		for (i = 0; i < *nr; i++)
			KUNIT_ASSERT_EQ(test, VMEM_MINE,
					owner(f, table, 1, slots[i], &links));
		KUNIT_ASSERT_EQ(test, links, *nr);
		for (i = 0, all = 0, links = 0; i < NR_LINKED; i++) {
			const struct vmem_link *link = f->pool.pages[i].links;

			all += f->linked[i].nr > 1;
			for (; link; link = link->next)
				links += link != &f->pool.pages[i].first;
		}
		KUNIT_ASSERT_EQ(test, f->pool.nr_shared, all);
		KUNIT_ASSERT_EQ(test, f->store.nr + links, NR_RECORDS);
	}
}

/* A root that no vCPU has seen waits for no flush; one with a user stays. */
static void untake_root(struct kunit *test)
{
	struct fixture *f = begin(test);
	vmem_table_t root = vmem_table(page_gpa(0));

	take_root(test, f, 3);
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_link_root(&f->pool, root, 3, &f->links[1]));
	vmem_pool_untake_root(&f->pool, root, &f->links[0]);
	expect_counts(test, f, NR_PAGES - 1, 0, 1, 0);
	vmem_pool_untake_root(&f->pool, root, &f->links[1]);
	expect_counts(test, f, NR_PAGES, 0, 0, 0);
	take_root(test, f, 2);
	expect_counts(test, f, NR_PAGES - 1, 0, 1, 0);
}

/* Any order of calls, against counts that are kept beside. */
static void random_calls(struct kunit *test)
{
	struct fixture *f = begin(test);
	struct vt_random random = { .state = 3 };
	u64 *used = f->used;
	u32 nr_used = 0, nr_quarantined = 0, nr_reserved = 0, i, round;
	int ret;

	for (round = 0; round < 20000; round++) {
		switch (vt_random_below(&random, 5)) {
		case 0:
			i = vt_random_below(&random, 10);
			ret = vmem_pool_reserve(&f->pool, &f->res, i, 0);
			KUNIT_EXPECT_EQ(test, ret == 0, i <= nr_reserved ||
					i - nr_reserved <= NR_PAGES - nr_used -
					nr_quarantined - nr_reserved);
			if (!ret && i > nr_reserved)
				nr_reserved = i;
			break;
		case 1:
			if (!nr_reserved)
				break;
			used[nr_used++] =
				vmem_table_gpa(vmem_pool_reserved(&f->pool,
								  &f->res, 0));
			vmem_pool_take(&f->pool, &f->res, 0, vmem_table(0x5000),
				       round);
			nr_reserved--;
			break;
		case 2:
			if (!nr_used)
				break;
			i = vt_random_below(&random, nr_used);
			f->pool.generation = round;
			put(f, used[i]);
			used[i] = used[--nr_used];
			nr_quarantined++;
			break;
		case 3:
			if (vt_random_below(&random, 10))
				break;
			vmem_pool_flushed(&f->pool, round);
			nr_quarantined = 0;
			break;
		case 4:
			if (vt_random_below(&random, 3))
				break;
			vmem_pool_unreserve(&f->pool, &f->res);
			nr_reserved = 0;
			break;
		}
		KUNIT_ASSERT_EQ(test, f->pool.nr_used, nr_used);
		KUNIT_ASSERT_EQ(test, f->pool.nr_quarantined, nr_quarantined);
		KUNIT_ASSERT_EQ(test, f->pool.nr_reserved, nr_reserved);
		KUNIT_ASSERT_EQ(test, f->pool.nr_free, NR_PAGES - nr_used -
				nr_quarantined - nr_reserved);
	}
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(init_counts_pages),
	KUNIT_CASE(reserve_gives_the_lowest),
	KUNIT_CASE(reserve_adds_what_lacks),
	KUNIT_CASE(reserve_after_release),
	KUNIT_CASE(reserve_too_many),
	KUNIT_CASE(reserve_quarantined),
	KUNIT_CASE(flushed_by_generation),
	KUNIT_CASE(owner_of_any_address),
	KUNIT_CASE(owner_by_its_link),
	KUNIT_CASE(link_root_twice),
	KUNIT_CASE(link_root_foreign),
	KUNIT_CASE(drop_root_with_all_below),
	KUNIT_CASE(drop_root_after_another),
	KUNIT_CASE(steps_of_a_large_pool),
	KUNIT_CASE(put_one_of_two),
	KUNIT_CASE(reserve_links),
	KUNIT_CASE(share_in_any_order),
	KUNIT_CASE(share_after_a_flush),
	KUNIT_CASE(drop_root_that_shares),
	KUNIT_CASE(store_of_two_pools),
	KUNIT_CASE(random_links),
	KUNIT_CASE(untake_root),
	KUNIT_CASE(random_calls),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "vmem_pool",
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
