// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links of the tables of a pool: made, cut, and records lent for them.
 *
 * Points of the behaviour's description that have a case here: 13 (what is ours
 * goes with its last link), 39 (each user of a table is counted, and records of
 * links come back).
 */
#include "pool_test.h"

/* 13: a table lives as long as it has a link, and is entered by any of them */
static void put_one_of_two(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 table = pool_take(test, f, 2, 0x5000, 9);
	u32 links = 0;

	KUNIT_EXPECT_EQ(test, 0, vmem_root_adopt(&f->store, &f->pool,
						 vmem_table(table), 2, &f->roots[0]));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 2, 9, &links));
	KUNIT_EXPECT_EQ(test, links, 2);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, pool_owner(f, table, 2, 8, &links));
	KUNIT_EXPECT_FALSE(test, pool_put(f, 9));
	pool_expect(test, f, NR_PAGES - 1, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, pool_owner(f, table, 2, 9, &links));
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(table), 2,
					VMEM_NO_TABLE, 0, &links));
	KUNIT_EXPECT_TRUE(test, pool_leave_root(f, 0));
	pool_expect(test, f, NR_PAGES - 1, 0, 0, 1);
}

/* One more link of a table: 0; else what reserving the record said. */
static int share(struct pool_bench *f, u64 table, u64 parent, u32 slot)
{
	int ret = vmem_pool_reserve(&f->pool, &f->pages.res, 0, 1);

	if (!ret)
		vmem_pool_share(&f->pool, &f->pages.res, vmem_table(table),
				vmem_table(parent), slot);
	return ret;
}

static void lend(struct pool_bench *f, u32 nr)
{
	while (nr--)
		vmem_link_lend(&f->store, &f->records[f->lent++]);
}

/* Records are set aside before anything is done, and are asked for if there is none. */
static void reserve_links(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);

	KUNIT_EXPECT_EQ(test, VMEM_LINKS,
			vmem_pool_reserve(&f->pool, &f->pages.res, 2, 3));
	pool_expect(test, f, NR_PAGES, 0, 0, 0);
	lend(f, 2);
	KUNIT_EXPECT_EQ(test, VMEM_LINKS,
			vmem_pool_reserve(&f->pool, &f->pages.res, 2, 3));
	KUNIT_EXPECT_EQ(test, f->store.nr, 2);
	lend(f, 1);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res, 2, 3));
	KUNIT_EXPECT_EQ(test, f->store.nr, 0);
	KUNIT_EXPECT_EQ(test, f->pages.res.links, 3);
	pool_expect(test, f, NR_PAGES - 2, 2, 0, 0);
	/* what is set aside for one isn't for another */
	KUNIT_EXPECT_EQ(test, VMEM_LINKS,
			vmem_pool_reserve(&f->pool, &f->other, 0, 1));
	/* for want of pages no record is taken */
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vmem_pool_reserve(&f->pool, &f->other, NR_PAGES + 1, 0));
	KUNIT_EXPECT_FALSE(test, vmem_pool_unreserve(&f->pool, &f->pages.res));
	KUNIT_EXPECT_EQ(test, f->store.nr, 3);
}

/* 13: each of its links is one by which it is entered; each can be let go of. */
static void share_in_any_order(struct kunit *test)
{
	struct pool_bench *f;
	u32 order, links = 0, i;
	u64 table;

	/* the first link is stored with the table, the others are records */
	for (order = 0; order < 27; order++) {
		u32 slots[3] = { order % 3, order / 3 % 3, order / 9 };

		if (BIT(slots[0]) + BIT(slots[1]) + BIT(slots[2]) != 7)
			continue;
		f = pool_begin(test);
		lend(f, 2);
		table = pool_take(test, f, 1, 0x5000, 0);
		for (i = 1; i < 3; i++)
			KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, i));
		KUNIT_EXPECT_EQ(test, VMEM_LINKS, share(f, table, 0x5000, 3));
		for (i = 0; i < 3; i++)
			KUNIT_EXPECT_EQ(test, VMEM_MINE,
					pool_owner(f, table, 1, i, &links));
		KUNIT_EXPECT_EQ(test, links, 3);
		KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 1);
		for (i = 0; i < 3; i++) {
			KUNIT_EXPECT_EQ(test, i == 2 ? VMEM_CHANGED_FREED :
						       VMEM_CHANGED_UNSHARED,
					vmem_pool_put(&f->pool, vmem_table(0x5000), slots[i]));
			KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
					pool_owner(f, table, 1, slots[i], &links));
			KUNIT_EXPECT_EQ(test, f->pool.nr_shared, i < 1);
		}
		KUNIT_EXPECT_EQ(test, f->store.nr, 2);
		pool_expect(test, f, NR_PAGES - 1, 0, 0, 1);
	}
}

/* A table that comes back has the links of its new use only. */
static void share_after_a_flush(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 table = pool_take(test, f, 1, 0x5000, 0);
	u32 links = 0;

	lend(f, 1);
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x6000, 7));
	vmem_pool_put(&f->pool, vmem_table(0x5000), 0);
	vmem_pool_put(&f->pool, vmem_table(0x6000), 7);
	vmem_pool_flushed(&f->pool, U64_MAX);
	KUNIT_EXPECT_EQ(test, table, pool_take(test, f, 1, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 1, 1, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED, pool_owner(f, table, 1, 0, &links));
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, 0));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 1, 0, &links));
	KUNIT_EXPECT_EQ(test, links, 2);
}

/* An entry that a guest took away is made again: it is the link that it was. */
static void share_again(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 table = pool_take(test, f, 1, 0x5000, 0);

	lend(f, 2);
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, 0));
	KUNIT_EXPECT_EQ(test, f->ranges[0].pages[0].nr_links, 2);
	KUNIT_EXPECT_EQ(test, f->store.nr, 1);
	KUNIT_EXPECT_EQ(test, 0, share(f, table, 0x5000, 2));
	KUNIT_EXPECT_EQ(test, VMEM_LINKS, share(f, table, 0x5000, 3));
}

static u32 mark(struct pool_bench *f, u64 table, u32 slot, enum vmem_mark what,
		u32 check)
{
	return vmem_link_mark(&f->pages, vmem_table(table),
			      vmem_table(0x5000), slot, what, check);
}

/* Marks are a pass's own, and each link has one of a sort. */
static void marks_of_a_pass(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 a = pool_take(test, f, 1, 0x5000, 0), b = pool_take(test, f, 1, 0x5000, 9);

	lend(f, 2);
	KUNIT_EXPECT_EQ(test, 0, share(f, a, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, 0, share(f, a, 0x5000, 2));
	KUNIT_EXPECT_EQ(test, 0, mark(f, a, 0, VMEM_MARK_LEAVES, 1));
	KUNIT_EXPECT_EQ(test, 0, mark(f, a, 0, VMEM_MARK_LEAVES, 1));
	KUNIT_EXPECT_EQ(test, 1, mark(f, a, 1, VMEM_MARK_LEAVES, 1));
	KUNIT_EXPECT_EQ(test, 0, mark(f, b, 9, VMEM_MARK_LEAVES, 1));
	KUNIT_EXPECT_EQ(test, 2, mark(f, a, 2, VMEM_MARK_LEAVES, 1));
	KUNIT_EXPECT_EQ(test, 2, mark(f, a, 0, VMEM_MARK_LEAVES, 1));
	/* the next pass of the call; another call */
	KUNIT_EXPECT_EQ(test, 0, mark(f, a, 1, VMEM_MARK_LEAVES, 2));
	KUNIT_EXPECT_EQ(test, 1, mark(f, a, 2, VMEM_MARK_LEAVES, 2));
	vmem_pool_unreserve(&f->pool, &f->pages.res);
	KUNIT_EXPECT_EQ(test, 0, mark(f, a, 0, VMEM_MARK_LEAVES, 2));
	/* the other sort */
	KUNIT_EXPECT_EQ(test, 0, mark(f, a, 1, VMEM_MARK_ENTERED, 2));
	KUNIT_EXPECT_EQ(test, 1, mark(f, a, 0, VMEM_MARK_ENTERED, 2));
}

/* What is malformed for one space and not for another hides links. */
static void admit_equal_facts(struct kunit *test)
{
	struct vmem_facts facts = { .tells = { BIT_ULL(51) }, .gpa = BIT_ULL(51) - 1 };
	struct pool_bench *f = pool_begin(test);

	KUNIT_EXPECT_TRUE(test, vmem_link_admit(&f->store, &facts, true));
	KUNIT_EXPECT_TRUE(test, vmem_link_admit(&f->store, &facts, false));
	facts.tells[4] |= BIT_ULL(63);
	KUNIT_EXPECT_FALSE(test, vmem_link_admit(&f->store, &facts, false));
	facts.tells[4] = 0;
	facts.leaf_levels = BIT(2);
	KUNIT_EXPECT_FALSE(test, vmem_link_admit(&f->store, &facts, false));
	facts.leaf_levels = 0;
	facts.gpa = BIT_ULL(50) - 1;
	KUNIT_EXPECT_FALSE(test, vmem_link_admit(&f->store, &facts, false));
	KUNIT_EXPECT_TRUE(test, vmem_link_admit(&f->store, &facts, true));
	KUNIT_EXPECT_TRUE(test, vmem_link_admit(&f->store, &facts, false));
}

/* 39: what two roots have stays with the one that is left. */
static void drop_root_that_shares(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 first = pool_gpa(0), second, mine, low, shared, below, other;
	u32 links = 0;

	lend(f, 4);
	pool_make_root(test, f, 0, 3);
	pool_make_root(test, f, 1, 3);
	second = vmem_table_gpa(f->roots[1]->table);
	mine = pool_take(test, f, 2, first, 0);
	low = pool_take(test, f, 1, mine, 3);
	shared = pool_take(test, f, 1, mine, 0);
	below = pool_take(test, f, 0, shared, 0);
	other = pool_take(test, f, 2, second, 9);
	/* of the shared one three links, two of them the first root's */
	KUNIT_EXPECT_EQ(test, 0, share(f, shared, mine, 1));
	KUNIT_EXPECT_EQ(test, 0, share(f, shared, other, 2));
	/* what is below has one in a table that dies */
	KUNIT_EXPECT_EQ(test, 0, share(f, below, low, 5));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 2);
	KUNIT_EXPECT_EQ(test, f->store.nr, 1);

	KUNIT_EXPECT_TRUE(test, pool_leave_root(f, 0));
	pool_expect(test, f, NR_PAGES - 7, 0, 4, 3);
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
	KUNIT_EXPECT_TRUE(test, pool_leave_root(f, 1));
	pool_expect(test, f, NR_PAGES - 7, 0, 0, 7);
	KUNIT_EXPECT_EQ(test, f->store.nr, 4);
}

/* Two pools of a guest lend from one store. */
static void store_of_two_pools(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test), *g = pool_begin(test);
	u64 a, b;

	g->pool.store = &f->store;
	lend(f, 1);
	a = pool_take(test, f, 1, 0x5000, 0);
	b = pool_take(test, g, 1, 0x5000, 0);
	KUNIT_EXPECT_EQ(test, 0, share(f, a, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, VMEM_LINKS, share(g, b, 0x5000, 1));
	vmem_pool_put(&f->pool, vmem_table(0x5000), 1);
	KUNIT_EXPECT_EQ(test, 0, share(g, b, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, VMEM_LINKS, share(f, a, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, f->pool.nr_shared, 0);
	KUNIT_EXPECT_EQ(test, g->pool.nr_shared, 1);
}

/* Any order of links made and cut, against a list that is kept beside. */
static void random_links(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	struct vt_random random = { .state = 4 };
	u32 round, page, at, i, links = 0, all;
	u64 table;

	lend(f, NR_RECORDS);
	for (page = 0; page < NR_LINKED; page++) {
		pool_take(test, f, 1, 0x5000, page);
		f->linked[page].slots[f->linked[page].nr++] = page;
	}
	for (round = 0; round < 20000; round++) {
		u32 *slots, *nr;

		page = vt_random_below(&random, NR_LINKED);
		slots = f->linked[page].slots;
		nr = &f->linked[page].nr;
		table = pool_gpa(page);
		at = vt_random_below(&random, 4);
		if (at >= *nr) {
			slots[(*nr)++] = 100 + round;
			KUNIT_ASSERT_EQ(test, 0, share(f, table, 0x5000,
						       100 + round));
		} else if (*nr > 1) {
			KUNIT_EXPECT_EQ(test, VMEM_CHANGED_UNSHARED,
				vmem_pool_put(&f->pool, vmem_table(0x5000), slots[at]));
			slots[at] = slots[--*nr];
		}
		for (i = 0; i < *nr; i++)
			KUNIT_ASSERT_EQ(test, VMEM_MINE,
					pool_owner(f, table, 1, slots[i], &links));
		KUNIT_ASSERT_EQ(test, links, *nr);
		for (i = 0, all = 0; i < NR_LINKED; i++)
			all += f->linked[i].nr > 1;
		for (i = 0, links = 0; i <= f->pool.mask; i++) {
			const struct vmem_link *link = f->pool.buckets[i];

			for (; link; link = link->next)
				links += link != &link->page->first;
		}
		KUNIT_ASSERT_EQ(test, f->pool.nr_shared, all);
		KUNIT_ASSERT_EQ(test, f->store.nr + links, NR_RECORDS);
	}
}

#define NR_MANY	600

/* Links of one page: more and more buckets, and each is found at any time. */
static void buckets_grow(struct kunit *test)
{
	static const struct vmem_pool_range all = { .len = U64_MAX };
	struct vmem_link *records = kunit_kzalloc(test, NR_MANY * sizeof(*records),
						  GFP_KERNEL);
	struct pool_bench *f = pool_bench(test, 1);
	struct vmem_link **buckets, **at = NULL;
	u32 i, j, links = 0, grown = 0, given_back = 0;
	struct vmem_pool *pool = &f->pool;
	void *old;
	u64 table;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, records);
	pool_add(test, pool, 0x10000, 1);
	table = pool_take(test, f, 1, 0x100000, 0);
	for (i = 1; i < NR_MANY; i++) {
		vmem_link_lend(&f->store, &records[i]);
		ret = share(f, table, 0x100000 + 0x1000 * (i / 7), i % 512);
		if (ret == VMEM_LINKS) {
			KUNIT_ASSERT_GE(test, pool->wanted, pool->mask + 2);
			buckets = kunit_kzalloc(test, pool->wanted * sizeof(*buckets),
						GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, buckets);
			old = vmem_buckets_lend(pool, buckets, pool->wanted);
			given_back += !!old;
			KUNIT_EXPECT_TRUE(test, buckets ==
					  vmem_buckets_lend(pool, buckets, pool->wanted));
			grown++;
			ret = share(f, table, 0x100000 + 0x1000 * (i / 7), i % 512);
		}
		KUNIT_ASSERT_EQ(test, ret, 0);
		for (j = i & 15; j <= i; j += 16)
			KUNIT_ASSERT_EQ(test, VMEM_MINE,
					vmem_pool_owner(pool, vmem_table(table), 1,
							vmem_table(0x100000 + 0x1000 * (j / 7)),
							j % 512, &links));
		KUNIT_ASSERT_LE(test, pool->nr_hashed, 2 * (pool->mask + 1));
	}
	KUNIT_EXPECT_GE(test, grown, 4);
	/* all but those in use, and those that are emptied */
	KUNIT_EXPECT_EQ(test, given_back, grown - 1);
	for (i = 0; i < NR_MANY; i += 2)
		KUNIT_EXPECT_EQ(test, VMEM_CHANGED_UNSHARED,
				vmem_pool_put(pool, vmem_table(0x100000 + 0x1000 * (i / 7)),
					      i % 512));
	while (vmem_pool_drop_foreign(pool, &all, 1, &at))
		;
	KUNIT_EXPECT_EQ(test, pool->nr_hashed, 0);
	KUNIT_EXPECT_EQ(test, pool->nr_quarantined, 1);
	KUNIT_EXPECT_EQ(test, f->store.nr, NR_MANY - 1);
	for (i = 0; vmem_buckets_take_back(pool); i++)
		;
	KUNIT_EXPECT_EQ(test, i, 2);
}

/* Links stay what they were when ranges are put below, between and above. */
static void links_when_it_grows(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 a = pool_take(test, f, 1, 0x5000, 0), b = pool_take(test, f, 0, a, 7), c;
	u32 links = 0, i;

	lend(f, 3);
	KUNIT_EXPECT_EQ(test, 0, share(f, b, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, 0, mark(f, b, 1, VMEM_MARK_LEAVES, 1));
	for (i = 0; i < 3; i++)
		pool_add(test, &f->pool, i * 0xc000, 1);
	/* the same pass goes on */
	KUNIT_EXPECT_EQ(test, 1, vmem_link_mark(&f->pages, vmem_table(b), vmem_table(a),
						7, VMEM_MARK_LEAVES, 1));
	c = pool_take(test, f, 1, 0x5000, 2);
	KUNIT_EXPECT_EQ(test, c, 0);
	KUNIT_EXPECT_EQ(test, 0, share(f, b, c, 3));
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(b), 0, vmem_table(c), 3,
					&links));
	KUNIT_EXPECT_EQ(test, links, 3);
	KUNIT_EXPECT_EQ(test, VMEM_MINE,
			vmem_pool_owner(&f->pool, vmem_table(b), 0, vmem_table(a), 7,
					&links));
	KUNIT_EXPECT_TRUE(test, pool_put(f, 0));
	KUNIT_EXPECT_TRUE(test, pool_put(f, 2));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, b, 0, 1, &links));
	KUNIT_EXPECT_EQ(test, links, 1);
	KUNIT_EXPECT_TRUE(test, pool_put(f, 1));
	pool_expect(test, f, NR_PAGES + 3 - 3, 0, 0, 3);
	KUNIT_EXPECT_EQ(test, f->store.nr, 3);
}

/* Buckets are wanted for what is added when it is more than twice as much. */
static void buckets_wanted(struct kunit *test)
{
	struct pool_bench *f = pool_bench(test, 64);

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_wanted(&f->pool, 0));
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_wanted(&f->pool, 128));
	KUNIT_EXPECT_EQ(test, 256, vmem_pool_wanted(&f->pool, 129));
	KUNIT_EXPECT_EQ(test, 256, vmem_pool_wanted(&f->pool, 256));
	KUNIT_EXPECT_EQ(test, BIT(26), vmem_pool_wanted(&f->pool, U64_MAX));
}

static struct kunit_case pool_link_cases[] = {
	KUNIT_CASE(put_one_of_two),
	KUNIT_CASE(reserve_links),
	KUNIT_CASE(share_in_any_order),
	KUNIT_CASE(share_after_a_flush),
	KUNIT_CASE(share_again),
	KUNIT_CASE(marks_of_a_pass),
	KUNIT_CASE(admit_equal_facts),
	KUNIT_CASE(drop_root_that_shares),
	KUNIT_CASE(store_of_two_pools),
	KUNIT_CASE(random_links),
	KUNIT_CASE(buckets_grow),
	KUNIT_CASE(links_when_it_grows),
	KUNIT_CASE(buckets_wanted),
	{}
};

static struct kunit_suite pool_link_suite = {
	.name = "vmem_pool_link",
	.test_cases = pool_link_cases,
};

kunit_test_suite(pool_link_suite);
