// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is to be flushed after a change: who else may show the table is known of
 * those that vmem made, and of the guest's own only when the call says ALONE.
 *
 * Points of the behaviour's description that have a case here: 18, 56.
 */
#include "link_test.h"

DEFINE_ENGINE_PARAMS

static enum vmem_flush flush_of(struct bench *b, struct vmem_mapping m, u32 flags)
{
	KUNIT_EXPECT_EQ(b->test, 0, bench_change_stopped(b, &m, 1, flags));
	return b->change.answer.flush;
}

/*
 * Of each kind, on leaves that are there from the third page of @va on. None of
 * them leaves a table empty.
 */
static void expect_flush(struct bench *b, u64 va, u32 flags,
			 enum vmem_flush flush)
{
	u64 page = bench_page(b), at = va + 2 * page;
	struct vmem_mapping unmapped = bench_unmapped(at, page);

	KUNIT_EXPECT_EQ(b->test, flush,
			flush_of(b, bench_basic(at, 0, page, RWX),
				 flags | VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(b->test, flush,
			flush_of(b, bench_protected(at, page, 0, VMEM_W), flags));
	KUNIT_EXPECT_EQ(b->test, flush,
			flush_of(b, unmapped, flags));
	/* what wasn't present is in no vCPU, wherever it is shown */
	KUNIT_EXPECT_EQ(b->test, VMEM_FLUSH_NONE, flush_of(b, unmapped, flags));
	KUNIT_EXPECT_EQ(b->test, VMEM_FLUSH_NONE,
			flush_of(b, bench_basic(at, 0, page, RWX), flags));
	KUNIT_EXPECT_EQ(b->test, VMEM_FLUSH_NONE,
			flush_of(b, bench_protected(at, page, VMEM_R | VMEM_W, 0), flags));
}

/* And of a list the most. */
static void expect_flush_of_list(struct bench *b, u64 va, u32 flags,
				 enum vmem_flush flush)
{
	u64 page = bench_page(b), at = va + 2 * page;
	struct vmem_mapping list[2];

	list[0] = bench_basic(va + page, 0, page, RWX);
	list[1] = bench_protected(at, page, VMEM_R, VMEM_X);
	KUNIT_EXPECT_EQ(b->test, 0, bench_change(b, list, 2, flags));
	KUNIT_EXPECT_EQ(b->test, flush, b->change.answer.flush);
	KUNIT_EXPECT_EQ(b->test, 0, bench_unmap(b, va + page, page));
	KUNIT_EXPECT_EQ(b->test, flush,
			flush_of(b, bench_protected(at, page, VMEM_X, 0), flags));
}

/* Pages at the begin of @va: one, a hole, one, and one in the next table. */
static void populate(struct bench *b, u64 va)
{
	u64 page = bench_page(b);

	KUNIT_ASSERT_EQ(b->test, 0, bench_map(b, va, 0, page, RWX, 0));
	KUNIT_ASSERT_EQ(b->test, 0, bench_map(b, va + 2 * page, 0, 2 * page,
					      RWX, 0));
}

/* And a root of ours, with one of the guest's below it, shown a second time. */
static void flush_table_that_guest_shows_twice(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 second, table;
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		bench_reset(b);
		second = link_second(b, bench_top(b) - 1);
		table = bench_path(b, bench_root(b), 0, level);
		bench_put(b, bench_root(b), second, level + 1,
			  bench_table_entry(b, table));
		populate(b, 0);
		expect_flush(b, 0, 0, VMEM_FLUSH_ALL);
		expect_flush_of_list(b, 0, 0, VMEM_FLUSH_ALL);
		/* a range would be that of one place */
		KUNIT_EXPECT_EQ(test, VMEM_FLUSH_ALL,
				flush_of(b, bench_protected(second, bench_page(b),
							    0, VMEM_W), 0));
		link_expect_same(b, second, 0, bench_span(b, level + 1));
	}
}

/* Beside the guest's own, the whole path to a leaf is ours. */
static void flush_beside_tables_of_the_guest(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 second = link_second(b, bench_top(b) - 1), page = bench_page(b);
	struct vmem_mapping list[2];

	populate(b, second);
	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0));
	expect_flush(b, second, 0, VMEM_FLUSH_RANGE);
	expect_flush_of_list(b, second, 0, VMEM_FLUSH_RANGE);
	/* after one, and after both */
	list[0] = bench_protected(0, page, 0, VMEM_W);
	list[1] = bench_protected(second, page, 0, VMEM_W);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 2, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
	list[0].protect = list[1].protect = (struct vmem_protect_mapping){
		.set = VMEM_R, .clear = VMEM_X,
	};
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 2, VMEM_CHANGE_ALONE));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_first, 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_last, second + page - 1);
}

/* What vmem knows of its own tables, the caller can't say otherwise. */
static void flush_alone_that_is_not(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), va;
	struct bench_link link;
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		link_begin(b, 0);
		bench_use(b, 1);
		va = link_second(b, level);
		link = link_of(level, va);
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, VMEM_CHANGE_ALONE));
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_NONE);
		KUNIT_EXPECT_EQ(test, VMEM_FLUSH_ALL,
				flush_of(b, bench_protected(va, page, 0, VMEM_W),
					 VMEM_CHANGE_ALONE |
					 VMEM_CHANGE_SHARED_OK));
		/* a link that goes, and a table that is freed */
		KUNIT_EXPECT_EQ(test, VMEM_FLUSH_ALL,
				flush_of(b, bench_unmapped(va, bench_span(b, level + 1)),
					 VMEM_CHANGE_ALONE));
		bench_use(b, 0);
		KUNIT_EXPECT_EQ(test, VMEM_FLUSH_ALL,
				flush_of(b, bench_unmapped(0, page),
					 VMEM_CHANGE_ALONE));
	}
	/* one that moves */
	bench_reset(b);
	bench_movable(b, true);
	bench_adopt(b, bench_frozen_table(b));
	KUNIT_EXPECT_EQ(test, VMEM_FLUSH_ALL,
			flush_of(b, bench_basic(0, 0, page, RWX),
				 VMEM_CHANGE_ALONE));
}

static struct kunit_case flush_cases[] = {
	EACH_FORMAT(flush_table_that_guest_shows_twice),
	EACH_FORMAT(flush_beside_tables_of_the_guest),
	EACH_FORMAT(flush_alone_that_is_not),
	{}
};

static struct kunit_suite flush_suite = {
	.name = "vmem_flush",
	.test_cases = flush_cases,
};

kunit_test_suite(flush_suite);
