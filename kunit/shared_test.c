// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing tables that are shown at several places. Each change is compared with
 * the model, byte by byte, and link by link.
 *
 * Points of the behaviour's description that have a case here: 13 (shared
 * tables), 16, 18, 39 (users are counted).
 */
#include "link_test.h"

DEFINE_ENGINE_PARAMS

/*
 * All places of a table in one range, or in a list: what keeps it from being
 * emptied at the last of them is seen before the first is done.
 */
static void shared_unmap_all_places(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), table;
	struct vmem_mapping list[2];
	struct bench_link link;
	u64 budget;
	int ret;

	/* two places side by side, below them a table of leaves */
	link_begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, page, 0, page, RWX, 0));
	link = link_of(0, span);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_unmapped(0, 2 * span);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 2);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 2);

	/* it has room for the root, one below, and no more than one of these */
	link_begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, span, 0, page, RWX, 0));
	link = link_of(bench_top(b) - 1, bench_upper(b));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_unmapped(bench_upper(b), -bench_upper(b));
	list[1] = bench_unmapped(0, -bench_upper(b));
	for (budget = 0; budget < 10; budget++) {
		ret = bench_run(b, list, 2, VMEM_CHANGE_ATOMIC, budget);
		if (!ret)
			break;
		KUNIT_EXPECT_EQ(test, ret, -E2BIG);
		bench_check_same(b, "over the budget at the last place");
	}
	KUNIT_EXPECT_EQ(test, 0, ret);
	KUNIT_EXPECT_GT(test, budget, bench_top(b));

	/* what is below may not be written */
	link_begin(b, 0);
	table = bench_frozen_table(b);
	bench_write(b, table, 0, bench_leaf(b, 0));
	bench_put(b, bench_root(b), span, 1, bench_table_entry(b, table));
	link = link_of(bench_top(b) - 1, bench_upper(b));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	KUNIT_EXPECT_EQ(test, -EROFS,
			bench_change(b, list, 2, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	/* each of them is the last, as long as the other is there */
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_UNSHARED);
	KUNIT_EXPECT_EQ(test, -EROFS, bench_change(b, &list[1], 1, 0));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
}

/* A table that names another one twice is replaced: both of its links go. */
static void shared_twice_below_replaced(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = link_of(0, bench_span(b, 1));

	link_begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	bench_use(b, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, bench_page(b), RWX, 0));
	bench_use(b, 0);
	link = link_of(1, 0);
	link.owner = 1;
	KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link, VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes,
			VMEM_CHANGED_FREED | VMEM_CHANGED_UNSHARED);
}

/* The one above may not be written: that it would go is seen before all. */
static void shared_twice_below_frozen(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), upper = bench_upper(b);
	struct bench_link link = link_of(0, span);
	const struct vmem_mapping what = {};

	/* of level 2, which is the root or not */
	if (bench_top(b) == 2)
		bench_adopt(b, bench_table(b));
	else
		bench_put(b, bench_root(b), 0, 3,
			  bench_table_entry(b, bench_table(b)));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	bench_freeze(b, true);
	KUNIT_EXPECT_EQ(test, -EROFS, bench_unmap(b, 0, bench_span(b, 2)));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	bench_freeze(b, false);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_span(b, 2)));

	/* one place as a whole, and of the other what is left there */
	link_begin(b, span);
	bench_put(b, bench_root(b), upper, 2, bench_table_entry(b, bench_table(b)));
	link = link_of(0, upper);
	link.their_va = span;
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	bench_freeze(b, true);
	KUNIT_EXPECT_EQ(test, -EROFS, bench_range(b, span, upper + page - 1, &what,
						  VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	bench_freeze(b, false);
	KUNIT_EXPECT_EQ(test, 0, bench_range_stopped(b, span, upper + page - 1, &what,
						     VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes,
			VMEM_CHANGED_FREED | VMEM_CHANGED_UNSHARED);
}

/* Mapping by two places of one table: what the one fills is a hole to the other. */
static void shared_map_twice(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	u32 meant = VMEM_CHANGE_SHARED_OK;
	struct bench_link link = link_of(0, span);
	struct vmem_mapping list[2];

	link_begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_basic(page, 0, page, RWX);
	list[1] = bench_basic(span + page, 0, page, RWX);
	KUNIT_EXPECT_EQ(test, -EEXIST,
			bench_change(b, list, 2, meant | VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 2, meant |
			VMEM_CHANGE_ATOMIC | VMEM_CHANGE_REPLACE));
	/* one by one, the first is there */
	list[0] = bench_unmapped(0, page);
	list[1] = bench_unmapped(span + page, page);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 2, meant));
	list[0] = bench_basic(0, 0, 2 * span, RWX);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, list, 1, meant));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	list[0] = bench_basic(0, 0, span, RWX);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, meant));
}

/* That is seen, too, where a third of its places is unmapped in between. */
static void shared_map_twice_around(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), upper = bench_upper(b);
	u32 flags = VMEM_CHANGE_SHARED_OK | VMEM_CHANGE_ATOMIC;
	struct bench_link link = link_of(0, span);
	struct vmem_mapping list[3];

	link_begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	link.our_va = upper;
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_basic(page, 0, page, RWX);
	list[1] = bench_unmapped(span, span);
	list[2] = bench_basic(upper + page, 0, page, RWX);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change_stopped(b, list, 3, flags));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	/* and one that loses its last but one, and is mapped into by that */
	list[0] = bench_unmapped(0, span);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 3, flags));
	KUNIT_EXPECT_EQ(test, link_page(b, 0, upper, 0)->nr_links, 1);
}

/* Tables of ours within a shared one: each has but one link. */
static void shared_in_shared(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), va = link_second(b, 1);
	struct bench_link link = link_of(1, va);
	struct vmem_mapping m;

	link_begin(b, 0);
	bench_use(b, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	/* one below it is linked once more, through the link of the other */
	link = link_of(0, bench_span(b, 1));
	link.owner = 1;
	link.their_va = va;
	if (bench_top(b) > 2) {
		KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link, 0));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 2);
	}
	/* within the shared one: it has to be meant */
	link.our_va = va + bench_span(b, 1);
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_link(b, &link, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, VMEM_CHANGE_SHARED_OK));
	m = bench_unmapped(va, page);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	m = bench_unmapped(va, bench_span(b, 1));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_UNSHARED);
}

/* A root that two spaces have: changes are seen in both, if they are meant. */
static void shared_root(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping m = bench_basic(0, bench_data(b, 2), page, RWX);
	struct vmem_translation t;

	bench_join_root(b, 1, bench_root(b), bench_top(b));
	b->spaces[1] = b->space;
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_NONE);
	bench_translate(b, &b->spaces[1], 0, &t);
	KUNIT_EXPECT_EQ(test, t.gpa, bench_data(b, 2));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK |
					      VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
	/* of all there is: a root is emptied, and isn't let go of */
	m = bench_unmapped(0, -bench_upper(b));
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	bench_drop_space(b, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
}

static struct kunit_case shared_cases[] = {
	EACH_FORMAT(shared_unmap_all_places),
	EACH_FORMAT(shared_twice_below_replaced),
	EACH_FORMAT(shared_twice_below_frozen),
	EACH_FORMAT(shared_map_twice),
	EACH_FORMAT(shared_map_twice_around),
	EACH_FORMAT(shared_in_shared),
	EACH_FORMAT(shared_root),
	{}
};

static struct kunit_suite shared_suite = {
	.name = "vmem_shared",
	.test_cases = shared_cases,
};

kunit_test_suite(shared_suite);
