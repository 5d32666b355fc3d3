// SPDX-License-Identifier: GPL-2.0-only
/*
 * Promoting, and splitting. Each change is compared with the model, byte by byte.
 *
 * Points of the behaviour's description that have a case here: 13 (unmapping a part
 * of a leaf), 19 (split, promotion), 52 (shadow stacks), 58.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)
#define ALONE	VMEM_CHANGE_ALONE

static int promote(struct bench *b, u64 va, u64 len, u32 targets, u32 flags)
{
	struct vmem_mapping m = bench_promoted(va, len, targets);

	return bench_change_stopped(b, &m, 1, flags);
}

/* A full table of leaves at 0, ours, that could be merged; the first is at @gpa. */
static u64 full(struct bench *b, u64 gpa)
{
	bench_reset(b);
	KUNIT_ASSERT_EQ(b->test, 0, bench_map(b, 0, gpa, bench_span(b, 1), RWX, 0));
	return bench_path(b, bench_root(b), 0, 0);
}

static u64 large_at(struct bench *b)
{
	return bench_read(b, bench_path(b, bench_root(b), 0, 1), 0);
}

/* Nothing of the table is merged, for just this reason. */
static void skipped(struct bench *b, enum vmem_skip reason)
{
	KUNIT_EXPECT_EQ(b->test, 0, promote(b, 0, bench_span(b, 1), 0, 0));
	KUNIT_EXPECT_EQ(b->test, b->change.answer.skipped[reason], 1);
	KUNIT_EXPECT_EQ(b->test, b->change.answer.pages, 0);
	KUNIT_EXPECT_EQ(b->test, b->change.answer.flush, VMEM_FLUSH_NONE);
	KUNIT_EXPECT_FALSE(b->test, b->change.answer.dirty);
}

static void promote_a_full_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), ad = b->rules->accessed_dirty, table;
	u32 used;

	table = full(b, span);
	bench_write(b, table, 1, bench_read(b, table, 1) & ~ad);
	used = b->guest.pool.nr_used;
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(test, large_at(b), bench_large(b, span));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used - 1);
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, span / bench_page(b));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
	/* again: there is none left */
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
}

/* Each reason, and a part of the range that is too small for one. */
static void promote_skipped(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), table;
	unsigned int last = bench_last_index(b);
	u32 i;

	table = full(b, span);
	bench_write(b, table, last, 0);
	skipped(b, VMEM_SKIP_HOLES);
	bench_write(b, table, last, bench_reserved(b, bench_leaf(b, 0)));
	skipped(b, VMEM_SKIP_HOLES);
	table = full(b, span);
	bench_write(b, table, last, bench_leaf(b, 0));
	skipped(b, VMEM_SKIP_APART);
	/* in one attribute */
	table = full(b, span);
	bench_write(b, table, last, bench_read_only(b, bench_read(b, table, last)));
	skipped(b, VMEM_SKIP_ATTRS);
	full(b, span + page);
	skipped(b, VMEM_SKIP_UNALIGNED);
	/* the first one that speaks against it counts */
	table = full(b, span + page);
	bench_write(b, table, last, 0);
	skipped(b, VMEM_SKIP_HOLES);
	full(b, span);
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span - page, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, promote(b, page, span - page, 0, 0));
	for (i = 1; i < VMEM_NR_SKIPS; i++)
		KUNIT_EXPECT_EQ(test, b->change.answer.skipped[i], 0);
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
}

/* What the entry above denies isn't granted by a larger leaf. */
static void promote_below_what_denies(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 table, entry;

	bench_needs_deny(b);
	full(b, bench_span(b, 1));
	table = bench_path(b, bench_root(b), 0, 1);
	entry = bench_read(b, table, 0);
	bench_write(b, table, 0, bench_read_only(b, entry));
	skipped(b, VMEM_SKIP_ATTRS);
	bench_write(b, table, 0, entry);
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, bench_span(b, 1), 0, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
}

/* A table of the guest's stays as it is; others of ours with two links, too. */
static void promote_foreign_and_shared(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), table, above;
	unsigned int i;
	u32 flags;

	for (flags = 0; flags < 2; flags++) {
		bench_reset(b);
		table = bench_path(b, bench_root(b), 0, 0);
		for (i = 0; i <= bench_last_index(b); i++)
			bench_write(b, table, i, bench_leaf(b, i * bench_page(b)));
		KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, flags ? ALONE : 0));
		KUNIT_EXPECT_EQ(test, large_at(b), bench_large(b, 0));
		KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), bench_leaf(b, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.changes, 0);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush,
				flags ? VMEM_FLUSH_RANGE : VMEM_FLUSH_ALL);
	}
	table = full(b, 0);
	above = bench_path(b, bench_root(b), 0, 1);
	bench_add_link(b, 0, above, 0, bench_table(b), 0);
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_UNSHARED);
	KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), bench_leaf(b, 0));
	/* what hangs below one that others have */
	full(b, 0);
	bench_add_link(b, 1, bench_path(b, bench_root(b), 0, 2), 0, bench_table(b), 1);
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.skipped[VMEM_SKIP_SHARED], 1);
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, large_at(b), bench_large(b, 0));
}

static void promote_refused(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), table;
	unsigned int i;

	full(b, 0);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			promote(b, 0, span, BIT(bench_top(b)), 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, promote(b, 1, span, 0, 0));
	/* the table that has the entry is frozen; nothing is done before it either */
	bench_reset(b);
	bench_adopt(b, bench_frozen_table(b));
	for (table = bench_root(b), i = bench_top(b); i > 1; i--) {
		bench_write(b, table, 0, bench_table_entry(b, bench_frozen(b, b->used_frozen)));
		table = bench_frozen_table(b);
	}
	bench_write(b, table, 0, bench_table_entry(b, bench_table(b)));
	table = bench_path(b, bench_root(b), 0, 0);
	for (i = 0; i <= bench_last_index(b); i++)
		bench_write(b, table, i, bench_leaf(b, i * bench_page(b)));
	KUNIT_EXPECT_EQ(test, -EROFS, promote(b, 0, span, 0, 0));
	bench_movable(b, true);
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_MOVED);
	KUNIT_EXPECT_EQ(test, large_at(b), bench_large(b, 0));
}

/* 58: split by each change that can, and back to what it was */
static void split_and_promote(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span, ad = b->rules->accessed_dirty, leaf;
	struct vmem_mapping m[4];
	unsigned int level;
	u32 i, writable;

	for (level = 1; b->rules->leaves(&b->model.cpu, level); level++) {
		span = bench_span(b, level);
		m[0] = bench_unmapped(page, span - page);
		m[1] = bench_protected(0, page, 0, VMEM_W);
		m[2] = bench_protected(span - page, page, VMEM_U, 0);
		m[3] = bench_basic(0, 5 * page, page, RWX);
		for (i = 0; i < 8; i++) {
			u32 flags = VMEM_CHANGE_SPLIT | VMEM_CHANGE_REPLACE |
				    VMEM_CHANGE_WIDEN;

			writable = i & 4;
			leaf = bench_large(b, span) & ~ad;
			bench_reset(b);
			bench_put(b, bench_root(b), 0, level,
				  writable ? leaf : bench_read_only(b, leaf));
			/* 1: nothing would change */
			if ((i & 3) != 1 || writable)
				KUNIT_EXPECT_EQ(test, (i & 3) == 3 ? -EEXIST : -ERANGE,
						bench_change(b, &m[i & 3], 1,
							     VMEM_CHANGE_WIDEN));
			KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m[i & 3], 1,
								      flags));
			KUNIT_EXPECT_EQ(test, b->change.answer.pages,
					(i & 3) == 0 ? span / page - 1 :
					(i & 3) == 1 && !writable ? 0 : 1);
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1 +
					((i & 3) == 1 && !writable ? 0 : level));
		}
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level, bench_large(b, span));
		KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m[1], 1,
						      VMEM_CHANGE_SPLIT | ALONE));
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush_first, 0);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush_last, span - 1);
		m[1] = bench_protected(0, page, VMEM_W, 0);
		KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m[1], 1, 0));
		KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, level > 1 ?
				(span + bench_span(b, 1)) / page : span / page);
		KUNIT_EXPECT_EQ(test, bench_read(b, bench_path(b, bench_root(b), 0, level),
						 0), bench_large(b, span));
	}
}

/* A pool with one page less than splitting takes; neighbours split once. */
static void split_pool_just_enough(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_mapping list[] = {
		bench_unmapped(0, page),
		bench_protected(span - page, page, 0, VMEM_W),
	};
	u32 flags = VMEM_CHANGE_SPLIT | VMEM_CHANGE_ATOMIC, spare;

	for (spare = 0; spare < 2; spare++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, 1, bench_large(b, 0));
		bench_use_up(b, b->guest.pool.nr_free - spare);
		KUNIT_EXPECT_EQ(test, spare ? 0 : -ENOSPC,
				bench_change_stopped(b, list, 2, flags));
	}
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_free, 0);
}

/* LINK with MAKE, of a place to itself: nothing is made. */
static void make_of_itself(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = {};

	KUNIT_EXPECT_EQ(test, -EINVAL, bench_link_stopped(b, &link, VMEM_CHANGE_MAKE));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	/* where it isn't, it is made and linked, and unshared again */
	link.our_va = sign_extend(b->rules, bench_span(b, 1));
	KUNIT_EXPECT_EQ(test, -ENOENT, bench_link(b, &link, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link, VMEM_CHANGE_MAKE));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link, VMEM_CHANGE_UNSHARE));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_UNSHARED);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, VMEM_CHANGE_UNSHARE));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
}

static struct kunit_case promote_cases[] = {
	EACH_FORMAT(promote_a_full_table),
	EACH_FORMAT(promote_skipped),
	EACH_FORMAT(promote_below_what_denies),
	EACH_FORMAT(promote_foreign_and_shared),
	EACH_FORMAT(promote_refused),
	EACH_FORMAT(split_and_promote),
	EACH_FORMAT(split_pool_just_enough),
	EACH_FORMAT(make_of_itself),
	{}
};

static struct kunit_suite promote_suite = {
	.name = "vmem_promote",
	.test_cases = promote_cases,
};

kunit_test_suite(promote_suite);
