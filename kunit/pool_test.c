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
				vmem_table_gpa(pool_reserved(&f->pages.res, i)));
	/* in any order */
	for (i = NR_PAGES; i--;)
		KUNIT_EXPECT_EQ(test, pool_gpa(i),
				vmem_table_gpa(pool_reserved(&f->pages.res, i)));
	KUNIT_EXPECT_TRUE(test, pool_reserved(&f->pages.res, NR_PAGES) ==
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
	KUNIT_EXPECT_TRUE(test, pool_reserved(&f->pages.res, 0) ==
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
			vmem_table_gpa(pool_reserved(&f->pages.res, 0)));
	vmem_pool_unreserve(&f->pool, &f->other);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, NR_PAGES, 0));
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, pool_gpa(i),
				vmem_table_gpa(pool_reserved(&f->pages.res, i)));
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
	b = vmem_table_gpa(pool_reserved(&f->pages.res, 0));
	KUNIT_EXPECT_EQ(test, VMEM_CHANGED_FREED,
			vmem_pool_take(&f->pool, &f->pages.res, 1,
				       vmem_table(0x5000), 9, 1));
	KUNIT_EXPECT_TRUE(test, vmem_pool_drops(&f->pool));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, pool_owner(f, a, 1, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, b, 1, 9, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_FALSE(test, vmem_pool_drop_below(&f->pool));
	KUNIT_EXPECT_FALSE(test, vmem_pool_drops(&f->pool));
	pool_expect(test, f, NR_PAGES - 3, 0, 1, 2);
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
		pool_drop_foreign(f, some, nr);
		pool_expect(test, f, NR_PAGES - 4, 0, nr == 1 ? 4 : 2,
			    nr == 1 ? 0 : 2);
	}
	pool_drop_foreign(f, &some[2], 1);
	pool_expect(test, f, NR_PAGES - 4, 0, 2, 2);
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, a, 1, 0, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(c), 1,
					vmem_table(0x7000), 1, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(d), 0,
					vmem_table(b), 3, &links));
	pool_drop_foreign(f, &all, 1);
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
				       round, 1);
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
	{}
};

static struct kunit_suite pool_suite = {
	.name = "vmem_pool",
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);
