// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmapping. Each change is compared with the model, byte by byte.
 *
 * Points of the behaviour's description that have a case here: 4, 13, 14, 17,
 * 18, 24, 38 (hostile tables and the budget).
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

/* Where no other place shows the guest's own tables above. */
static int unmap_alone(struct bench *b, u64 va, u64 len)
{
	struct vmem_mapping m = bench_unmapped(va, len);

	return bench_change(b, &m, 1, VMEM_CHANGE_ALONE);
}

/* 13: a hole is no error, and nothing is allocated */
static void unmap_hole(struct kunit *test)
{
	struct bench *b = bench_begin(test);

	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_page(b)));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, bench_upper(b), -bench_upper(b)));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_NONE);
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
}

/* 13: tables of ours go when they are empty, but for the root */
static void unmap_frees_empty_tables(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 2 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_first, 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_last, page - 1);
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, 0);

	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, page, page));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_quarantined, b->rules->levels - 1);
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
	KUNIT_EXPECT_EQ(test, bench_read(b, bench_root(b), 0), 0);
}

/* 13: those above stay while anything else is in them */
static void unmap_keeps_tables_in_use(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	unsigned int level;
	u32 used;

	for (level = 0; level < b->rules->levels - 1; level++) {
		bench_reset(b);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
		used = b->guest.pool.nr_used;
		/* beside it, in the table of this level */
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, bench_span(b, level), 0,
						   page, RWX, 0));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used + level);
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, bench_span(b, level), page));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used);
	}
}

/* 13: the guest's own are emptied, and stay */
static void unmap_keeps_foreign_tables(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level, bench_junk(b));
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_span(b, level)));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_quarantined, 0);
		KUNIT_EXPECT_NE(test, bench_read(b, bench_root(b), 0), 0);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_NONE);
	}
}

/* 13: entries that hold bits are zeroed, but not where only a part is meant */
static void unmap_junk(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;
	u64 table;

	for (level = 0; level < bench_top(b); level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level, bench_junk(b));
		table = bench_path(b, bench_root(b), 0, level);
		if (level) {
			KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_page(b)));
			KUNIT_EXPECT_EQ(test, bench_read(b, table, 0),
					bench_junk(b));
		}
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_span(b, level)));
		KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), 0);
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
	}
}

static void unmap_leaf_of_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span;
	unsigned int level;

	for (level = 0; level < b->rules->levels; level++) {
		if (!(b->e->fmt->leaf_levels & BIT(level)))
			continue;
		bench_reset(b);
		span = bench_span(b, level);
		bench_put(b, bench_root(b), 0, level,
			  level ? bench_large(b, bench_frame(b, level)) :
				  bench_leaf(b, 0));
		if (level) {
			KUNIT_EXPECT_EQ(test, -ERANGE, bench_unmap(b, 0, span - page));
			KUNIT_EXPECT_EQ(test, -ERANGE,
					bench_unmap(b, page, span - page));
			KUNIT_EXPECT_EQ(test, b->change.answer.at_level, level);
		}
		KUNIT_EXPECT_EQ(test, 0, unmap_alone(b, 0, span));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, span / page);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush_last, span - 1);
	}
}

/* What can't be gone through goes as a whole, or is refused. */
static void unmap_malformed_entry(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;
	u64 span;

	for (level = 0; level < bench_top(b); level++) {
		bench_reset(b);
		span = bench_span(b, level);
		bench_put(b, bench_root(b), 0, level,
			  bench_reserved(b, bench_leaf(b, 0)));
		if (level)
			KUNIT_EXPECT_EQ(test, -ERANGE,
					bench_unmap(b, 0, bench_page(b)));
		KUNIT_EXPECT_EQ(test, 0, unmap_alone(b, 0, span));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
	}
}

/* 4 */
static void unmap_table_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;

	for (level = 1; level < bench_top(b); level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level,
			  bench_table_entry(b, bench_outside(b)));
		KUNIT_EXPECT_EQ(test, -ENXIO, bench_unmap(b, 0, bench_page(b)));
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_span(b, level)));
	}
	bench_reset(b);
	bench_adopt(b, bench_outside(b));
	KUNIT_EXPECT_EQ(test, -ENXIO, bench_unmap(b, 0, bench_page(b)));
}

static void unmap_misused_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;

	for (level = 1; level < bench_top(b); level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level,
			  bench_table_entry(b, bench_root(b)));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_unmap(b, 0, bench_page(b)));
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_span(b, level)));
	}
}

/* Only what has to be written must be writable. */
static void unmap_frozen_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 frozen = guest_gpa(&b->guest, PART_FROZEN, 0), page = bench_page(b);

	bench_put(b, bench_root(b), 0, 1, bench_table_entry(b, frozen));
	bench_write(b, frozen, 1, bench_leaf(b, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, -EROFS, bench_unmap(b, 0, 2 * page));
	KUNIT_EXPECT_EQ(test, -EROFS, bench_unmap(b, page, page));
}

/* A table of ours below a frozen one: emptied it would have to go. */
static void unmap_below_frozen_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 frozen = guest_gpa(&b->guest, PART_FROZEN, 0), page = bench_page(b);
	u64 table;

	bench_put(b, bench_root(b), 0, 2, bench_table_entry(b, frozen));
	table = bench_take(b, 0, frozen, 0);
	bench_write(b, table, 0, bench_leaf(b, 0));
	bench_write(b, table, 1, bench_leaf(b, 0));
	KUNIT_EXPECT_EQ(test, -EROFS, bench_unmap(b, 0, 2 * page));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, -EROFS, bench_unmap(b, page, page));
}

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

/* 13: of a table that others use, the whole span; our link goes, it stays */
static void unmap_shared_whole(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, bench_top(b));
	u64 table = guest_gpa(&b->guest, PART_POOL, 1);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	bench_join_root(b, 1, table, bench_top(b) - 1);
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span));
	KUNIT_EXPECT_EQ(test, bench_read(b, bench_root(b), 0), 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_UNSHARED);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels);
	KUNIT_EXPECT_EQ(test, b->guest.pool.pages[1].nr_links, 1);
	/* what is below it is as it was, for the other user */
	KUNIT_EXPECT_TRUE(test, vmem_root_leave(&b->guest.store,
						b->guest.roots[1]));
	guest_unreserve(&b->guest);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
}

/* The guest took our entry away: the table stays ours, until that names another. */
static void unmap_after_the_guest_did(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	bench_write(b, bench_root(b), 0, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_quarantined, b->rules->levels - 1);
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

static void unmap_stopped_everywhere(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_mapping m;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, span - page, 0, 2 * page, RWX, 0));
	m = bench_unmapped(span - page, page);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
	m = bench_unmapped(0, -bench_upper(b));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
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
	EACH_FORMAT(unmap_hole),
	EACH_FORMAT(unmap_frees_empty_tables),
	EACH_FORMAT(unmap_keeps_tables_in_use),
	EACH_FORMAT(unmap_keeps_foreign_tables),
	EACH_FORMAT(unmap_junk),
	EACH_FORMAT(unmap_leaf_of_each_level),
	EACH_FORMAT(unmap_malformed_entry),
	EACH_FORMAT(unmap_table_outside),
	EACH_FORMAT(unmap_misused_table),
	EACH_FORMAT(unmap_frozen_table),
	EACH_FORMAT(unmap_below_frozen_table),
	EACH_FORMAT(unmap_part_of_junk_below_frozen_table),
	EACH_FORMAT(unmap_through_an_entry_of_the_guest),
	EACH_FORMAT(unmap_shared_whole),
	EACH_FORMAT(unmap_after_the_guest_did),
	EACH_FORMAT(unmap_list_over_both_halves),
	EACH_FORMAT(unmap_list_refused),
	EACH_FORMAT(unmap_stopped_everywhere),
	/* the toy has but seven tables */
	EACH_X86_64(unmap_hostile_tables),
	{}
};

static struct kunit_suite unmap_suite = {
	.name = "vmem_unmap",
	.test_cases = unmap_cases,
};

kunit_test_suite(unmap_suite);
