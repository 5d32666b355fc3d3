// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a change tells to be written. That no table is written untold is looked at
 * after each change of each suite, see bench_change.c; here, that little more is told.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

static bool told(struct bench *b, unsigned int level, u64 va)
{
	return guest_was_told(&b->guest, bench_path(b, bench_root(b), va, level));
}

/* Those of the path to @va from @first to @last, and no other. */
static void expect_told(struct bench *b, u64 va, unsigned int first,
			unsigned int last)
{
	unsigned int level;

	KUNIT_EXPECT_EQ(b->test, guest_nr_told(&b->guest), last - first + 1);
	for (level = first; level <= last; level++)
		KUNIT_EXPECT_TRUE(b->test, told(b, level, va));
}

static void written_by_map(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), va = bench_upper(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, page, RWX, 0));
	expect_told(b, va, 0, bench_top(b));
	/* one in a table of leaves, and what takes both passes */
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, va + page, 0, page, RWX, 0));
	expect_told(b, va, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, page, page, RWX,
					   VMEM_CHANGE_REPLACE));
	expect_told(b, va, 0, 0);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_map(b, va, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, guest_nr_told(&b->guest), 0);
}

static void written_by_protect(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping m = bench_protected(0, page, 0, VMEM_W);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 2 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	expect_told(b, 0, 0, 0);
	/* it is so already */
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, guest_nr_told(&b->guest), 0);
}

/* A part, and the rest: with it go the tables, by the root's entry. */
static void written_by_unmap(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 2 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	expect_told(b, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, guest_nr_told(&b->guest), 0);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, page, page));
	KUNIT_EXPECT_EQ(test, guest_nr_told(&b->guest), bench_top(b) + 1);
}

/* What an atomic list leaves empty goes at its end. */
static void written_by_sweep(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), far = bench_upper(b);
	struct vmem_mapping list[2] = {
		bench_unmapped(0, page),
		bench_basic(far, 0, page, RWX),
	};
	u64 low;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	low = bench_path(b, bench_root(b), 0, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 2, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_TRUE(test, guest_was_told(&b->guest, low));
	KUNIT_EXPECT_TRUE(test, told(b, bench_top(b), far));
	KUNIT_EXPECT_TRUE(test, told(b, 0, far));
}

/* The table that is shown isn't written, that which shows it is. */
static void written_by_link(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), far = bench_upper(b);
	struct bench_link link = { .our_va = far };

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	expect_told(b, far, 1, bench_top(b));
}

/* A frozen table isn't written; its copy is, and what names that. */
static void written_by_move(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), frozen = bench_frozen_table(b);
	struct vmem_mapping m = bench_basic(page, 0, page, RWX);

	bench_movable(b, true);
	bench_put(b, bench_root(b), 0, 1, bench_table_entry(b, frozen));
	bench_write(b, frozen, 0, bench_leaf(b, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_MOVED);
	KUNIT_EXPECT_FALSE(test, guest_was_told(&b->guest, frozen));
	expect_told(b, 0, 0, 1);
}

static struct kunit_case written_cases[] = {
	EACH_FORMAT(written_by_map),
	EACH_FORMAT(written_by_protect),
	EACH_FORMAT(written_by_unmap),
	EACH_FORMAT(written_by_sweep),
	EACH_FORMAT(written_by_link),
	EACH_FORMAT(written_by_move),
	{}
};

static struct kunit_suite written_suite = {
	.name = "vmem_written",
	.test_cases = written_cases,
};

kunit_test_suite(written_suite);
