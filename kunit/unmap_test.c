// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmapping, beside what cells_test.c has. Each change is compared with the model,
 * byte by byte.
 *
 * Points of the behaviour's description that have a case here: 13, 24, 38 (hostile
 * tables and the budget).
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

/* It stays when something in it stays, though it is cleared in part. */
static void unmap_part_of_junk_below_frozen_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 frozen = guest_gpa(&b->guest, PART_FROZEN, 0), table;
	u64 span = bench_span(b, 1), page = bench_page(b);

	/* the table of level 2 is a frozen one; the toy's is the root */
	if (bench_top(b) == 2)
		bench_adopt(b, frozen);
	else
		bench_put(b, bench_root(b), 0, 3, bench_table_entry(b, frozen));
	table = bench_take(b, 1, frozen, 0);
	bench_write(b, table, 0, bench_junk(b));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	bench_write(b, table, 1, bench_junk(b));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span));
	KUNIT_EXPECT_EQ(test, -EROFS, bench_unmap(b, span, span));
}

/* A table of ours that the guest names elsewhere is changed by our link only. */
static void unmap_through_an_entry_of_the_guest(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	bench_write(b, bench_root(b), entry_index(b->rules, upper, bench_top(b)),
		    bench_read(b, bench_root(b), 0));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_unmap(b, upper, page));
	KUNIT_EXPECT_EQ(test, -EEXIST,
			bench_map(b, upper + page, 0, page, RWX, 0));
	/* whole, the guest's entry goes, and our table stays */
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, upper, -upper));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_quarantined, 0);
	KUNIT_EXPECT_NE(test, bench_read(b, bench_root(b), 0), 0);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, bench_read(b, bench_root(b), 0), 0);
}

/* 24: a range over both halves is two mappings */
static void unmap_list_over_both_halves(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b);
	struct vmem_mapping what = {};
	struct vmem_change change = {};
	const struct vmem_mapping *list = change.own;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, -page, 0, page, RWX, 0));
	KUNIT_ASSERT_EQ(test, 0, bench_range_list(b, &change, 0, U64_MAX, &what));
	KUNIT_ASSERT_EQ(test, change.asked.nr, 2);
	KUNIT_EXPECT_EQ(test, change.asked.flags, VMEM_CHANGE_ATOMIC);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, change.asked.nr,
						      VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 2);

	KUNIT_ASSERT_EQ(test, 0, bench_range_list(b, &change, 0, -upper - 1, &what));
	KUNIT_EXPECT_EQ(test, change.asked.nr, 1);
	KUNIT_EXPECT_EQ(test, list[0].len, -upper);
	KUNIT_ASSERT_EQ(test, 0, bench_range_list(b, &change, upper, U64_MAX, &what));
	KUNIT_EXPECT_EQ(test, change.asked.nr, 1);
	KUNIT_EXPECT_EQ(test, list[0].virt_base, upper);
	KUNIT_EXPECT_EQ(test, list[0].len, -upper);
	KUNIT_ASSERT_EQ(test, 0, bench_range_list(b, &change, page, upper + page - 1,
						  &what));
	KUNIT_ASSERT_EQ(test, change.asked.nr, 2);
	KUNIT_EXPECT_EQ(test, list[0].virt_base, page);
	KUNIT_EXPECT_EQ(test, list[0].len, -upper - page);
	KUNIT_EXPECT_EQ(test, list[1].virt_base, upper);
	KUNIT_EXPECT_EQ(test, list[1].len, page);
}

static void unmap_list_refused(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b);
	struct vmem_mapping what = {};
	struct vmem_change change = {};

	KUNIT_EXPECT_EQ(test, -EINVAL, bench_range_list(b, &change, 1, page - 1, &what));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_range_list(b, &change, 0, page, &what));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			bench_range_list(b, &change, 2 * page, page - 1, &what));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_range_list(b, &change, -upper, U64_MAX, &what));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_range_list(b, &change, 0, upper - 1, &what));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			bench_range_list(b, &change, -upper, upper - 1, &what));
}

/* 38: unmapping all of a hostile tree keeps within its budget */
static void check_hostile(struct bench *b)
{
	struct vmem_mapping what = {};
	struct vmem_change change = {};
	u64 budget;
	int ret;

	KUNIT_ASSERT_EQ(b->test, 0, bench_range_list(b, &change, 0, U64_MAX, &what));
	for (budget = 1; budget <= 1000; budget *= 10) {
		b->guest.calls = 0;
		ret = bench_run(b, change.own, change.asked.nr, VMEM_CHANGE_ATOMIC, budget);
		KUNIT_EXPECT_EQ(b->test, ret, -E2BIG);
		KUNIT_EXPECT_FALSE(b->test, b->change.answer.dirty);
		/* for reading, and the tables of leaves for writing */
		KUNIT_EXPECT_LE(b->test, b->guest.calls, 2 * budget + 2);
	}
}

static void unmap_hostile_tables(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 tables[2];
	u32 i, t;

	/* tables of the guest's own that name themselves and each other */
	for (t = 0; t < 2; t++)
		tables[t] = bench_table(b);
	bench_adopt(b, tables[0]);
	for (t = 0; t < 2; t++)
		for (i = 0; i < nr_entries(b->rules); i++)
			bench_write(b, tables[t], i,
				    bench_table_entry(b, tables[(t + i) % 2]));
	check_hostile(b);
}

static struct kunit_case unmap_cases[] = {
	EACH_FORMAT(unmap_part_of_junk_below_frozen_table),
	EACH_FORMAT(unmap_through_an_entry_of_the_guest),
	EACH_FORMAT(unmap_list_over_both_halves),
	EACH_FORMAT(unmap_list_refused),
	/* the toy has but seven tables */
	EACH_X86_64(unmap_hostile_tables),
	{}
};

static struct kunit_suite unmap_suite = {
	.name = "vmem_unmap",
	.test_cases = unmap_cases,
};

kunit_test_suite(unmap_suite);
