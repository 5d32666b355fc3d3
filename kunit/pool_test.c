// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool: free pages, reservations, roots, quarantine; without an engine.
 *
 * Points of the behaviour's description that have a case here: 13 (what is ours
 * goes with its last link), 16 (nothing is kept when there is not enough).
 */
#include "pool_test.h"

static void init_counts_pages(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);

	KUNIT_EXPECT_EQ(test, f->pool.capacity, NR_PAGES);
	pool_expect(test, f, NR_PAGES, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_oldest_generation(&f->pool));
}

static void reserve_gives_the_lowest(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u32 i;

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES, 0));
	pool_expect(test, f, 0, NR_PAGES, 0, 0);
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, pool_gpa(i),
				vmem_table_gpa(vmem_pool_reserved(&f->pages.res, i)));
	/* in any order */
	for (i = NR_PAGES; i--;)
		KUNIT_EXPECT_EQ(test, pool_gpa(i),
				vmem_table_gpa(vmem_pool_reserved(&f->pages.res, i)));
	KUNIT_EXPECT_TRUE(test, vmem_pool_reserved(&f->pages.res, NR_PAGES) ==
			  VMEM_NO_TABLE);
}

/* It says how many in all, and those that are there count. */
static void reserve_adds_what_lacks(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 2, 0));
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 5, 0));
	pool_expect(test, f, NR_PAGES - 5, 5, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 0, 0));
	pool_expect(test, f, NR_PAGES - 5, 5, 0, 0);
	vmem_pool_unreserve(&f->pool, &f->pages.res);
	pool_expect(test, f, NR_PAGES, 0, 0, 0);
	KUNIT_EXPECT_TRUE(test, vmem_pool_reserved(&f->pages.res, 0) ==
			  VMEM_NO_TABLE);
}

/* Whatever came back, the lowest is next. */
static void reserve_after_release(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u32 i;

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 2, 0));
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES - 2, 0));
	vmem_pool_unreserve(&f->pool, &f->pages.res);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 1, 0));
	KUNIT_EXPECT_EQ(test, pool_gpa(0),
			vmem_table_gpa(vmem_pool_reserved(&f->pages.res, 0)));
	vmem_pool_unreserve(&f->pool, &f->other);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES, 0));
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, pool_gpa(i),
				vmem_table_gpa(vmem_pool_reserved(&f->pages.res, i)));
}

/* 16 */
static void reserve_too_many(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 3, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES + 1, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->pages.res, U64_MAX, 0));
	/* the others' pages would do, but not its own once more */
	KUNIT_EXPECT_EQ(test, -EBUSY,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES, 0));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES - 2, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES + 1, 0));
	pool_expect(test, f, NR_PAGES - 3, 3, 0, 0);
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES - 3, 0));
	vmem_pool_unreserve(&f->pool, &f->pages.res);
	KUNIT_EXPECT_EQ(test, 0,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES, 0));
	vmem_pool_unreserve(&f->pool, &f->other);
	pool_expect(test, f, NR_PAGES, 0, 0, 0);
}

/* -EAGAIN if the quarantine would do, -EBUSY with what others hold, else -ENOSPC */
static void reserve_quarantined(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u32 i;

	f->pool.generation = 7;
	for (i = 0; i < 3; i++) {
		pool_take(test, f, 0, 0x5000, i);
		pool_put(f, i);
	}
	pool_expect(test, f, NR_PAGES - 3, 0, 0, 3);
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES - 2, 0));
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES + 1, 0));
	pool_expect(test, f, NR_PAGES - 3, 0, 0, 3);
	/* the generation before is not enough */
	vmem_pool_flushed(&f->pool, 6);
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES, 0));
	/* what others hold is asked for behind it */
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->other, 2, 0));
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES - 2, 0));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES - 1, 0));
	KUNIT_EXPECT_EQ(test, -EBUSY,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES + 1, 0));
	vmem_pool_unreserve(&f->pool, &f->other);
	vmem_pool_flushed(&f->pool, 7);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES, 0));
}

static void flushed_by_generation(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 tables[4];
	u32 i;

	for (i = 0; i < 4; i++)
		tables[i] = pool_take(test, f, 0, 0x5000, i);
	for (i = 0; i < 4; i++) {
		f->pool.generation = 10 + i / 2;
		pool_put(f, 3 - i);
	}
	KUNIT_EXPECT_EQ(test, 10, vmem_pool_oldest_generation(&f->pool));
	vmem_pool_flushed(&f->pool, 9);
	pool_expect(test, f, NR_PAGES - 4, 0, 0, 4);
	vmem_pool_flushed(&f->pool, 10);
	pool_expect(test, f, NR_PAGES - 2, 0, 0, 2);
	KUNIT_EXPECT_EQ(test, 11, vmem_pool_oldest_generation(&f->pool));
	/* those freed first came back: pages 3 and 2 */
	KUNIT_EXPECT_EQ(test, tables[2], pool_take(test, f, 1, 0x5000, 0));
	vmem_pool_flushed(&f->pool, U64_MAX);
	pool_expect(test, f, NR_PAGES - 1, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_oldest_generation(&f->pool));
	KUNIT_EXPECT_EQ(test, tables[0], pool_take(test, f, 1, 0x5000, 1));
	/* an empty quarantine fills again */
	pool_put(f, 1);
	KUNIT_EXPECT_EQ(test, 11, vmem_pool_oldest_generation(&f->pool));
}

static void owner_of_any_address(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 table = pool_take(test, f, 2, 0x5000, 9);
	u32 links = 0, i;

	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 2, 9, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_EQ(test, VMEM_OTHERS, pool_owner(f, table, 1, 9, &links));
	for (i = 1; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
				pool_owner(f, pool_gpa(i), 0, 9, &links));
	for (i = 0; i < NR_RANGES; i++) {
		KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
				pool_owner(f, layout[i].gpa - 4096, 0, 9, &links));
		KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
				pool_owner(f, layout[i].gpa + layout[i].len, 0, 9,
					   &links));
	}
	KUNIT_EXPECT_EQ(test, VMEM_FOREIGN, pool_owner(f, 0, 0, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
			vmem_pool_owner(&f->pool, VMEM_NO_TABLE, 0,
					vmem_table(0x5000), 9, &links));
}

/* 13: only by the very slot that vmem wrote */
static void owner_by_its_link(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 table = pool_take(test, f, 0, 0x5000, 9);
	u32 links;

	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 0, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, pool_owner(f, table, 0, 8, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(table), 0,
					vmem_table(0x6000), 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			pool_owner(f, pool_gpa(1), 0, 9, &links));
	pool_put(f, 9);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, pool_owner(f, table, 0, 9, &links));
}

static int adopt(struct pool_bench *f, u64 table, unsigned int level, u32 nr)
{
	bool mine = vmem_pool_find(&f->pool, vmem_table(table));

	return vmem_root_adopt(&f->store, mine ? &f->pool : NULL, vmem_table(table),
			       level, &f->roots[nr]);
}

static void adopt_root_twice(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u32 links = 0;

	pool_make_root(test, f, 0, 3);
	KUNIT_EXPECT_EQ(test, -EINVAL, adopt(f, pool_gpa(0), 2, 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, adopt(f, pool_gpa(1), 3, 1));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	KUNIT_EXPECT_EQ(test, 0, adopt(f, pool_gpa(0), 3, 1));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 1);
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(pool_gpa(0)), 3,
					VMEM_NO_TABLE, 0, &links));
	KUNIT_EXPECT_EQ(test, links, 2);
	KUNIT_EXPECT_EQ(test, vmem_root_links(f->roots[1]), 2);
	/* whichever goes first: it dies with the last */
	KUNIT_EXPECT_FALSE(test, pool_leave_root(f, 0));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	KUNIT_EXPECT_EQ(test, vmem_root_links(f->roots[1]), 1);
	KUNIT_EXPECT_TRUE(test, pool_leave_root(f, 1));
	pool_expect(test, f, NR_PAGES - 1, 0, 0, 1);
}

/* Of what is no page of a pool the spaces are counted, too. */
static void adopt_root_foreign(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 table = pool_take(test, f, 2, 0x5000, 0);
	struct vmem_root *root;
	u32 links;

	KUNIT_EXPECT_EQ(test, 0, adopt(f, 0x5000, 3, 0));
	root = f->roots[0];
	KUNIT_EXPECT_EQ(test, vmem_root_links(root), 1);
	KUNIT_EXPECT_EQ(test, 0, adopt(f, 0x5000, 3, 1));
	KUNIT_EXPECT_TRUE(test, root == f->roots[1]);
	KUNIT_EXPECT_EQ(test, vmem_root_links(root), 2);
	KUNIT_EXPECT_FALSE(test, pool_leave_root(f, 0));
	KUNIT_EXPECT_EQ(test, vmem_root_links(root), 1);
	/* another one beside it */
	KUNIT_EXPECT_EQ(test, 0, adopt(f, 0x6000, 3, 0));
	KUNIT_EXPECT_TRUE(test, root != f->roots[0]);
	KUNIT_EXPECT_FALSE(test, pool_leave_root(f, 1));
	KUNIT_EXPECT_FALSE(test, pool_leave_root(f, 0));
	KUNIT_EXPECT_FALSE(test, f->store.roots);
	/* what hangs below it stays */
	pool_expect(test, f, NR_PAGES - 1, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 2, 0, &links));
}

/* No entry names a root, not the one of which nothing was ever recorded either. */
static void owner_of_a_root(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	vmem_table_t root = vmem_table(pool_gpa(0));
	u32 links;

	pool_make_root(test, f, 0, 3);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, root, 3, vmem_table(0), 0, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, root, 3, VMEM_NO_TABLE, 0,
					&links));
	KUNIT_EXPECT_EQ(test, VMEM_OTHERS,
			vmem_pool_owner(&f->pool, root, 2, VMEM_NO_TABLE, 0,
					&links));
}

/* A root is adopted as often as a table may have links. */
static void adopt_root_too_often(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u32 i;

	pool_make_root(test, f, 0, 3);
	for (i = 1; i < VMEM_LINKS_MAX; i++)
		KUNIT_ASSERT_EQ(test, 0, adopt(f, pool_gpa(0), 3, 1));
	KUNIT_EXPECT_EQ(test, -EMLINK, adopt(f, pool_gpa(0), 3, 1));
	KUNIT_EXPECT_EQ(test, f->ranges[0].pages[0].nr_links, VMEM_LINKS_MAX);
}

/* A space goes with its tables, in whatever order they lie. */
static void drop_root_with_all_below(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 root = pool_gpa(0), a, b, other;
	u32 i;

	pool_make_root(test, f, 0, 3);
	a = pool_take(test, f, 2, root, 0);
	b = pool_take(test, f, 1, a, 5);
	for (i = 0; i < 4; i++)
		pool_take(test, f, 0, b, i);
	/* of another space, whose root is the guest's own */
	other = pool_take(test, f, 2, 0x5000, 0);
	pool_take(test, f, 1, other, 0);
	f->pool.generation = 3;
	KUNIT_EXPECT_TRUE(test, pool_leave_root(f, 0));
	pool_expect(test, f, NR_PAGES - 9, 0, 2, 7);
	KUNIT_EXPECT_EQ(test, 3, vmem_pool_oldest_generation(&f->pool));
	vmem_pool_flushed(&f->pool, 3);
	pool_expect(test, f, NR_PAGES - 2, 0, 2, 0);
	KUNIT_EXPECT_EQ(test, root, pool_take(test, f, 3, 0x5000, 1));
}

/*
 * A guest zeroes entries of tables, which are freed then: what hung below them
 * goes with them, whichever levels lie between, and nothing remembers it.
 */
static void put_with_what_was_hidden(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 a, b, c, shared;
	u32 links = 0;

	a = pool_take(test, f, 2, 0x5000, 0);
	b = pool_take(test, f, 1, a, 0);
	c = pool_take(test, f, 0, b, 511);
	/* one that has another link, too */
	shared = pool_take(test, f, 1, a, 7);
	vmem_link_lend(&f->store, &f->records[0]);
	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_share(&f->pool, &f->pages.res,
						 vmem_table(shared),
						 vmem_table(0x5000), 3));
	KUNIT_EXPECT_TRUE(test, pool_put(f, 0));
	pool_expect(test, f, NR_PAGES - 4, 0, 1, 3);
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, shared, 1, 3, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	vmem_pool_flushed(&f->pool, U64_MAX);
	KUNIT_EXPECT_EQ(test, a, pool_take(test, f, 2, 0x5000, 0));
	KUNIT_EXPECT_EQ(test, b, pool_take(test, f, 1, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(c), 0,
					vmem_table(b), 511, &links));
	KUNIT_EXPECT_TRUE(test, !f->ranges[0].pages[0].below);
	KUNIT_EXPECT_EQ(test, c, pool_take(test, f, 0, b, 511));
	KUNIT_EXPECT_TRUE(test, pool_put(f, 1));
	KUNIT_EXPECT_TRUE(test, pool_put(f, 3));
	pool_expect(test, f, NR_PAGES - 4, 0, 1, 3);
	KUNIT_EXPECT_EQ(test, f->store.nr, 1);
}

/* A guest zeroes an entry, which then names another table: the first one goes. */
static void take_where_one_was_hidden(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 a = pool_take(test, f, 1, 0x5000, 9), b;
	u32 links = 0;

	pool_take(test, f, 0, a, 1);
	KUNIT_ASSERT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 1, 0));
	b = vmem_table_gpa(vmem_pool_reserved(&f->pages.res, 0));
	KUNIT_EXPECT_EQ(test, VMEM_CHANGED_FREED,
			vmem_pool_take(&f->pool, &f->pages.res, 1,
				       vmem_table(0x5000), 9));
	KUNIT_EXPECT_TRUE(test, vmem_pool_drops(&f->pool));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, pool_owner(f, a, 1, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, b, 1, 9, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_FALSE(test, vmem_pool_drop_below(&f->pool));
	KUNIT_EXPECT_FALSE(test, vmem_pool_drops(&f->pool));
	pool_expect(test, f, NR_PAGES - 3, 0, 1, 2);
}

static void drop_foreign(struct pool_bench *f, const struct vmem_pool_range *ranges,
			 u32 nr)
{
	struct vmem_link **at = NULL;

	while (vmem_pool_drop_foreign(&f->pool, ranges, nr, &at))
		;
	while (vmem_pool_drop_below(&f->pool))
		;
}

/* Memory goes with tables of the guest's own in it. */
static void drop_foreign_parents(struct kunit *test)
{
	static const struct vmem_pool_range some[] = {
		{ .gpa = 0x3000, .len = 0x1000 }, { .gpa = 0x6000, .len = 0x1000 },
		{ .gpa = 0x8000, .len = 0x1000 },
	}, all = { .len = U64_MAX };
	struct pool_bench *f = pool_begin(test);
	u32 links = 0, nr;
	u64 a, b, c, d;

	a = pool_take(test, f, 1, 0x5000, 0);
	b = pool_take(test, f, 1, 0x6000, 511);
	c = pool_take(test, f, 1, 0x7000, 1);
	d = pool_take(test, f, 0, b, 3);
	for (nr = 1; nr < 3; nr++) {
		drop_foreign(f, some, nr);
		pool_expect(test, f, NR_PAGES - 4, 0, nr == 1 ? 4 : 2,
			    nr == 1 ? 0 : 2);
	}
	drop_foreign(f, &some[2], 1);
	pool_expect(test, f, NR_PAGES - 4, 0, 2, 2);
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, a, 1, 0, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(c), 1,
					vmem_table(0x7000), 1, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(d), 0,
					vmem_table(b), 3, &links));
	drop_foreign(f, &all, 1);
	pool_expect(test, f, NR_PAGES - 4, 0, 0, 4);
	KUNIT_EXPECT_TRUE(test, !f->pool.foreign);
}

#define NR_LARGE	(2 * VMEM_POOL_STEP + 100)

/* However much there is to do, a step of it does no more than a step. */
static void steps_of_a_large_pool(struct kunit *test)
{
	struct pool_bench *f = pool_bench(test, NR_LARGE);
	u32 i;

	pool_add(test, &f->pool, 0, NR_LARGE);
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->pages.res, NR_LARGE + 1, 0));
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, VMEM_PAUSE,
				vmem_pool_reserve(&f->pool, &f->pages.res, NR_LARGE, 0));
		KUNIT_EXPECT_EQ(test, f->pages.res.nr, i * VMEM_POOL_STEP);
	}
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, NR_LARGE, 0));
	pool_expect(test, f, 0, NR_LARGE, 0, 0);
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, vmem_pool_unreserve(&f->pool, &f->pages.res));
		KUNIT_EXPECT_EQ(test, f->pool.nr_free, i * VMEM_POOL_STEP);
	}
	KUNIT_EXPECT_FALSE(test, vmem_pool_unreserve(&f->pool, &f->pages.res));

	/* a root, a table below it, tables below that, and leaves for the rest */
	pool_make_root(test, f, 0, 3);
	pool_take(test, f, 2, 0, 0);
	for (i = 2; i < 7; i++)
		pool_take(test, f, 1, 1 << TABLE_LG2, i);
	for (i = 7; i < NR_LARGE; i++)
		pool_take(test, f, 0, (u64)(2 + (i - 7) / 512) << TABLE_LG2,
			  511 - (i - 7) % 512);
	pool_expect(test, f, 0, 0, NR_LARGE, 0);
	f->pool.generation = 1;
	KUNIT_EXPECT_TRUE(test, vmem_root_leave(&f->store, f->roots[0]));
	for (i = 0; vmem_pool_drop_below(&f->pool); i++)
		KUNIT_ASSERT_LE(test, f->pool.nr_quarantined,
				(i + 1) * (VMEM_POOL_STEP + 1));
	/* each link once, however far apart they lie */
	KUNIT_EXPECT_LE(test, i, NR_LARGE / VMEM_POOL_STEP + 1);
	pool_expect(test, f, 0, 0, 0, NR_LARGE);
	for (i = 1; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, vmem_pool_flushed(&f->pool, 1));
		KUNIT_EXPECT_EQ(test, f->pool.nr_free, i * VMEM_POOL_STEP);
	}
	KUNIT_EXPECT_FALSE(test, vmem_pool_flushed(&f->pool, 1));
	pool_expect(test, f, NR_LARGE, 0, 0, 0);
}

/* A root that no vCPU has seen waits for no flush; one with a user stays. */
static void unmake_root(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);

	pool_make_root(test, f, 0, 3);
	KUNIT_EXPECT_EQ(test, 0, adopt(f, pool_gpa(0), 3, 1));
	vmem_root_unmake(f->roots[0]);
	pool_expect(test, f, NR_PAGES - 1, 0, 1, 0);
	vmem_root_unmake(f->roots[1]);
	pool_expect(test, f, NR_PAGES, 0, 0, 0);
	KUNIT_EXPECT_FALSE(test, f->store.roots);
	pool_make_root(test, f, 0, 2);
	pool_expect(test, f, NR_PAGES - 1, 0, 1, 0);
}

/* Any order of calls, against counts that are kept beside. */
static void random_calls(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	struct vt_random random = { .state = 3 };
	u32 *used = f->used;
	u32 nr_used = 0, nr_quarantined = 0, nr_reserved = 0, i, round;
	int ret;

	for (round = 0; round < 20000; round++) {
		switch (vt_random_below(&random, 5)) {
		case 0:
			i = vt_random_below(&random, 10);
			ret = vmem_pool_reserve(&f->pool, &f->pages.res, i, 0);
			KUNIT_EXPECT_EQ(test, ret == 0, i <= nr_reserved ||
					i - nr_reserved <= NR_PAGES - nr_used -
					nr_quarantined - nr_reserved);
			if (!ret && i > nr_reserved)
				nr_reserved = i;
			break;
		case 1:
			if (!nr_reserved)
				break;
			used[nr_used++] = round;
			vmem_pool_take(&f->pool, &f->pages.res, 0, vmem_table(0x5000),
				       round);
			nr_reserved--;
			break;
		case 2:
			if (!nr_used)
				break;
			i = vt_random_below(&random, nr_used);
			f->pool.generation = round;
			pool_put(f, used[i]);
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
			vmem_pool_unreserve(&f->pool, &f->pages.res);
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

/* The lowest free page comes first, wherever it was added, and whatever is held. */
static void add_anywhere(struct kunit *test)
{
	/* below all ranges, between each two of them, right behind one, above all */
	static const u64 more[] = { 0x200000000ULL, 0x18000, 0x8000, 0x21000, 0x9000 };
	struct pool_bench *f = pool_begin(test);
	u64 table, gpa, last = 0;
	u32 links = 0, i;

	/* a table in use, one that waits, and what another call has set aside */
	table = pool_take(test, f, 2, 0x5000, 9);
	pool_take(test, f, 0, table, 511);
	pool_take(test, f, 0, 0x5000, 8);
	f->pool.generation = 4;
	pool_put(f, 8);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->other, 100, 0));
	gpa = vmem_table_gpa(vmem_pool_reserved(&f->other, 99));
	KUNIT_EXPECT_EQ(test, gpa, pool_gpa(102));
	for (i = 0; i < ARRAY_SIZE(more); i++)
		pool_add(test, &f->pool, more[i], 1 + i % 2);
	KUNIT_EXPECT_EQ(test, f->pool.capacity, NR_PAGES + 7);
	KUNIT_EXPECT_EQ(test, f->pool.nr_ranges, NR_RANGES + ARRAY_SIZE(more));
	KUNIT_EXPECT_EQ(test, f->pool.ranges[0].gpa, 0x8000);
	pool_expect(test, f, NR_PAGES + 7 - 103, 100, 2, 1);
	KUNIT_EXPECT_EQ(test, gpa, vmem_table_gpa(vmem_pool_reserved(&f->other, 99)));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 2, 9, &links));
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
				pool_owner(f, more[i], 0, 9, &links));
		KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
				pool_owner(f, more[i] + 0x2000, 0, 9, &links));
	}
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res,
						   f->pool.nr_free, 0));
	for (i = 0; i < f->pages.res.nr; i++) {
		gpa = vmem_table_gpa(vmem_pool_reserved(&f->pages.res, i));
		KUNIT_EXPECT_GT(test, gpa, last);
		last = gpa;
	}
	KUNIT_EXPECT_EQ(test, gpa, 0x200000000ULL);
	/* what was held and what waited comes back between them */
	vmem_pool_unreserve(&f->pool, &f->other);
	vmem_pool_unreserve(&f->pool, &f->pages.res);
	vmem_pool_flushed(&f->pool, 4);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res,
						   NR_PAGES + 7 - 2, 0));
	last = 0;
	for (i = 0; i < f->pages.res.nr; i++) {
		gpa = vmem_table_gpa(vmem_pool_reserved(&f->pages.res, i));
		KUNIT_EXPECT_GT(test, gpa, last);
		last = gpa;
	}
	pool_expect(test, f, 0, NR_PAGES + 7 - 2, 2, 0);
}

/* A pool that is used up has pages again, and those below come first. */
static void add_when_used_up(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 above = 0x200000000ULL, below = 0x8000;

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->other, NR_PAGES, 0));
	KUNIT_EXPECT_EQ(test, 2, vmem_pool_lacking(&f->pool, &f->pages.res, 2));
	KUNIT_EXPECT_EQ(test, -EBUSY, vmem_pool_reserve(&f->pool, &f->pages.res, 2, 0));
	pool_add(test, &f->pool, above, 1);
	KUNIT_EXPECT_EQ(test, above, pool_take(test, f, 0, 0x5000, 0));
	pool_add(test, &f->pool, below, 2);
	pool_expect(test, f, 2, NR_PAGES, 1, 0);
	KUNIT_EXPECT_EQ(test, below, pool_take(test, f, 0, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, below + 0x1000, pool_take(test, f, 0, 0x5000, 2));
	KUNIT_EXPECT_EQ(test, -EBUSY, vmem_pool_reserve(&f->pool, &f->pages.res, 1, 0));
}

/* What was a table of the guest's own, with a link below it, is a page from now on. */
static void add_a_foreign_parent(struct kunit *test)
{
	const struct vmem_pool_range range = { .gpa = 0x5000, .len = 0x1000 };
	struct pool_bench *f = pool_begin(test);
	u64 a = pool_take(test, f, 1, 0x5000, 0), b;
	u32 links = 0;

	drop_foreign(f, &range, 1);
	pool_expect(test, f, NR_PAGES - 1, 0, 0, 1);
	/* the parent asked for last */
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(a), 1,
					vmem_table(0x5000), 0, &links));
	pool_add(test, &f->pool, 0x5000, 1);
	pool_make_root(test, f, 0, 1);
	KUNIT_EXPECT_EQ(test, 0x5000, vmem_table_gpa(f->roots[0]->table));
	b = pool_take(test, f, 0, 0x5000, 0);
	KUNIT_EXPECT_TRUE(test, !f->pool.foreign);
	KUNIT_EXPECT_TRUE(test, pool_leave_root(f, 0));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(b), 0,
					vmem_table(0x5000), 0, &links));
	pool_expect(test, f, NR_PAGES + 1 - 3, 0, 0, 3);
}

/* A pool of pages that are not neighbours, one a bit: which are free, and whose. */
#define NR_MODEL	256

struct grown {
	u8 state[NR_MODEL];	/* enum vmem_pool_state, or ABSENT */
	u64 generation[NR_MODEL];
	u32 held[NR_MODEL];	/* in the order of the reservation */
	u32 nr_held;
};

#define ABSENT		255
#define MODEL_GPA(n)	(0x100000 + ((u64)(n) << TABLE_LG2))

static u32 model_lowest(const struct grown *m)
{
	u32 n = 0;

	while (n < NR_MODEL && m->state[n] != VMEM_POOL_FREE)
		n++;
	return n;
}

static u32 model_nr(const struct grown *m, u8 state)
{
	u32 n, nr = 0;

	for (n = 0; n < NR_MODEL; n++)
		nr += m->state[n] == state;
	return nr;
}

/* A run of pages that are not there, if that is one, is added. */
static void grow_somewhere(struct kunit *test, struct pool_bench *f, struct grown *m,
			   struct vt_random *random)
{
	u32 first = vt_random_below(random, NR_MODEL), nr, n;

	for (nr = 0; nr < 70 && first + nr < NR_MODEL; nr++)
		if (m->state[first + nr] != ABSENT)
			break;
	if (!nr || f->pool.nr_ranges == NR_GROWN)
		return;
	nr = 1 + vt_random_below(random, nr);
	pool_add(test, &f->pool, MODEL_GPA(first), nr);
	for (n = 0; n < nr; n++)
		m->state[first + n] = VMEM_POOL_FREE;
}

/* Any order of calls and growth, against a state a page that is kept beside. */
static void random_growth(struct kunit *test)
{
	struct grown *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct vt_random random = { .state = 11 };
	struct pool_bench *f = NULL;
	u32 round, n, i, links, grown = 0;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (round = 0; round < 20000; round++) {
		if (round % 1000 == 0) {
			f = pool_bench(test, NR_MODEL);
			*m = (struct grown){};
			memset(m->state, ABSENT, sizeof(m->state));
			pool_add(test, &f->pool, MODEL_GPA(100), 3);
			memset(&m->state[100], VMEM_POOL_FREE, 3);
		}
		n = vt_random_below(&random, NR_MODEL);
		f->pool.generation = round;
		switch (vt_random_below(&random, 6)) {
		case 0:
			if (vt_random_below(&random, 8))
				break;
			grow_somewhere(test, f, m, &random);
			grown += f->pool.nr_ranges > 1;
			break;
		case 1:
			i = m->nr_held + vt_random_below(&random, 6);
			ret = vmem_pool_reserve(&f->pool, &f->pages.res, i, 0);
			KUNIT_ASSERT_EQ(test, !ret, i - m->nr_held <=
					model_nr(m, VMEM_POOL_FREE));
			while (!ret && m->nr_held < i) {
				n = model_lowest(m);
				m->state[n] = VMEM_POOL_RESERVED;
				m->held[m->nr_held++] = n;
			}
			break;
		case 2:
			if (!m->nr_held)
				break;
			/* linked by the slot of its number */
			n = m->held[0];
			vmem_pool_take(&f->pool, &f->pages.res, 0,
				       vmem_table(0x5000), n);
			m->state[n] = VMEM_POOL_USED;
			memmove(m->held, m->held + 1, --m->nr_held * sizeof(m->held[0]));
			break;
		case 3:
			if (m->state[n] != VMEM_POOL_USED)
				break;
			KUNIT_ASSERT_TRUE(test, pool_put(f, n));
			m->state[n] = VMEM_POOL_QUARANTINED;
			m->generation[n] = round;
			break;
		case 4:
			i = round - vt_random_below(&random, 100);
			vmem_pool_flushed(&f->pool, i);
			for (n = 0; n < NR_MODEL; n++)
				if (m->state[n] == VMEM_POOL_QUARANTINED &&
				    m->generation[n] <= i)
					m->state[n] = VMEM_POOL_FREE;
			break;
		case 5:
			if (vt_random_below(&random, 10))
				break;
			vmem_pool_unreserve(&f->pool, &f->pages.res);
			while (m->nr_held)
				m->state[m->held[--m->nr_held]] = VMEM_POOL_FREE;
			break;
		}
		pool_expect(test, f, model_nr(m, VMEM_POOL_FREE), m->nr_held,
			    model_nr(m, VMEM_POOL_USED),
			    model_nr(m, VMEM_POOL_QUARANTINED));
		KUNIT_ASSERT_EQ(test, f->pool.capacity, NR_MODEL - model_nr(m, ABSENT));
		for (i = 0; i < m->nr_held; i++)
			KUNIT_ASSERT_EQ(test, MODEL_GPA(m->held[i]),
					vmem_table_gpa(vmem_pool_reserved(&f->pages.res, i)));
		n = vt_random_below(&random, NR_MODEL);
		KUNIT_ASSERT_EQ(test, pool_owner(f, MODEL_GPA(n), 0, n, &links),
				m->state[n] == ABSENT ? VMEM_FOREIGN :
				m->state[n] == VMEM_POOL_USED ? VMEM_MINE : VMEM_MISUSED);
	}
	KUNIT_EXPECT_GE(test, grown, 100);
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
	KUNIT_CASE(owner_of_a_root),
	KUNIT_CASE(adopt_root_twice),
	KUNIT_CASE(adopt_root_foreign),
	KUNIT_CASE(adopt_root_too_often),
	KUNIT_CASE(drop_root_with_all_below),
	KUNIT_CASE(put_with_what_was_hidden),
	KUNIT_CASE(take_where_one_was_hidden),
	KUNIT_CASE(drop_foreign_parents),
	KUNIT_CASE(steps_of_a_large_pool),
	KUNIT_CASE(unmake_root),
	KUNIT_CASE(random_calls),
	KUNIT_CASE(add_anywhere),
	KUNIT_CASE(add_when_used_up),
	KUNIT_CASE(add_a_foreign_parent),
	KUNIT_CASE(random_growth),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "vmem_pool",
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
