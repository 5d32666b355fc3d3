// SPDX-License-Identifier: GPL-2.0-only
/*
 * Promoting, and splitting. Each change is compared with the model, byte by byte.
 *
 * Points of the behaviour's description that have a case here: 13 (unmapping a part
 * of a leaf), 19 (split, promotion), 52 (shadow stacks), 58.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

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

/* A full table: writable or not; each accessed and dirty, or just the odd ones. */
static u64 full_of(struct bench *b, bool writable, bool dirty, bool odd)
{
	u64 table = full(b, 0), ad = b->rules->accessed_dirty, entry;
	unsigned int i;

	for (i = 0; i <= bench_last_index(b); i++) {
		entry = bench_read(b, table, i) & ~ad;
		if (dirty || (odd && i & 1))
			entry |= ad;
		bench_write(b, table, i, writable ? entry : bench_read_only(b, entry));
	}
	return table;
}

/*
 * 52, 58: where RW=0, D says whether a page is one of a shadow stack, with CET: it is
 * the same of all and of the larger leaf, or they stay, and are counted
 */
static void promote_shadow_stack(struct kunit *test)
{
	struct bench *b = bench_begin_cet(test);
	u64 span = bench_span(b, 1), dirty = b->rules->dirty, table;
	struct vmem_translation t;
	u32 all;

	for (all = 0; all < 2; all++) {
		full_of(b, false, all, false);
		KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
		KUNIT_EXPECT_EQ(test, large_at(b), (bench_read_only(b, bench_large(b, 0)) &
						    ~dirty) | (all ? dirty : 0));
		bench_translate(b, &b->space, 0, &t);
		KUNIT_EXPECT_EQ(test, !!(t.effective & VMEM_SHADOW), all);
	}
	full_of(b, false, false, true);
	skipped(b, VMEM_SKIP_ATTRS);
	/* in the last one alone */
	table = full_of(b, false, true, false);
	bench_write(b, table, bench_last_index(b),
		    bench_read(b, table, bench_last_index(b)) & ~dirty);
	skipped(b, VMEM_SKIP_ATTRS);
	/* A may differ */
	table = full_of(b, false, true, false);
	bench_write(b, table, 1, bench_read(b, table, 1) & (dirty | ~b->rules->accessed_dirty));
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(test, large_at(b), bench_read_only(b, bench_large(b, 0)));
	/* writable ones are none, and their D may differ */
	full_of(b, true, false, true);
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(test, large_at(b), bench_large(b, 0));
}

/* 52: the entry above denied W: a larger leaf without it would become one */
static void promote_makes_no_shadow_stack(struct kunit *test)
{
	struct bench *b = bench_begin_cet(test);
	u64 span = bench_span(b, 1), table;
	u32 dirty;

	bench_needs_deny(b);
	for (dirty = 0; dirty < 2; dirty++) {
		full_of(b, false, dirty, false);
		table = bench_path(b, bench_root(b), 0, 1);
		bench_write(b, table, 0, bench_read_only(b, bench_read(b, table, 0)));
		if (dirty) {
			skipped(b, VMEM_SKIP_ATTRS);
			continue;
		}
		KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
	}
}

/* 58: without CET what is dirty is no more than that: one is enough */
static void promote_dirty(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), ad = b->rules->accessed_dirty, leaf;
	u32 i;

	for (i = 0; i < 6; i++) {
		/* none, some, all */
		full_of(b, i & 1, i / 2 == 2, i / 2 == 1);
		KUNIT_EXPECT_EQ(test, 0, promote(b, 0, span, 0, 0));
		leaf = i & 1 ? bench_large(b, 0) : bench_read_only(b, bench_large(b, 0));
		/* A in any case, D if one was, or where it can be written */
		KUNIT_EXPECT_EQ(test, large_at(b), i ? leaf :
				(leaf & ~ad) | (ad & ~b->rules->dirty));
	}
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

/*
 * 58: two tables of ours below a frozen one, which moves for the first of them: the
 * second has two links from then on, and what is below it stays
 */
static void promote_below_what_moves(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 2), small = bench_span(b, 1), top, table, first, second;
	u32 level, i;

	bench_adopt(b, bench_frozen_table(b));
	bench_movable(b, true);
	for (top = bench_root(b), level = bench_top(b); level > 2; level--) {
		table = bench_frozen_table(b);
		bench_write(b, top, 0, bench_table_entry(b, table));
		top = table;
	}
	first = bench_take(b, 1, top, 0);
	second = bench_take(b, 1, top, 1);
	table = bench_take(b, 0, second, 0);
	for (i = 0; i <= bench_last_index(b); i++) {
		bench_write(b, first, i, bench_large(b, i * small));
		bench_write(b, table, i, bench_leaf(b, i * bench_page(b)));
	}
	KUNIT_EXPECT_EQ(test, 0, promote(b, 0, 2 * span, 0, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.skipped[VMEM_SKIP_SHARED], 1);
	KUNIT_EXPECT_EQ(test, bench_read(b, second, 0), bench_table_entry(b, table));
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

/* What is shown at our place is the very table of theirs. */
static void expect_linked(struct bench *b, const struct bench_link *link)
{
	u64 theirs = bench_path(b, vmem_table_gpa(bench_space_nr(b, link->owner)->root),
				link->their_va, link->level);

	KUNIT_EXPECT_EQ(b->test, bench_path(b, bench_root(b), link->our_va, link->level),
			theirs);
	KUNIT_EXPECT_EQ(b->test, vmem_pool_find(&b->guest.pool,
						vmem_table(theirs))->nr_links, 2);
	KUNIT_EXPECT_EQ(b->test, b->guest.pool.nr_shared, 1);
}

/* What is at our place: a table of ours above a page, a leaf where one can be, bits. */
enum ours { OUR_TABLE, OUR_LEAF, OUR_BITS, NR_OURS };

static void put_ours(struct bench *b, enum ours ours, unsigned int level)
{
	bench_reset(b);
	bench_new_space(b, 1);
	if (ours == OUR_TABLE)
		KUNIT_EXPECT_EQ(b->test, 0, bench_map(b, 0, 0, bench_page(b), RWX, 0));
	else if (ours == OUR_BITS)
		bench_put(b, bench_root(b), 0, level, bench_junk(b));
	else if (b->rules->leaves(&b->model.cpu, level))
		bench_put(b, bench_root(b), 0, level, bench_large(b, 0));
}

static void check_make_and_replace(struct bench *b, struct bench_link link,
				   enum ours ours)
{
	u32 both = VMEM_CHANGE_MAKE | VMEM_CHANGE_REPLACE, used;
	u32 need = bench_top(b) - link.level;
	u64 frame = bench_data(b, 0);
	struct vmem_translation t;

	put_ours(b, ours, link.level + 1);
	used = b->guest.pool.nr_used;
	if (ours == OUR_TABLE)
		KUNIT_EXPECT_EQ(b->test, -EEXIST, bench_link(b, &link, VMEM_CHANGE_MAKE));
	KUNIT_EXPECT_EQ(b->test, -ENOENT, bench_link(b, &link, VMEM_CHANGE_REPLACE));
	/* one page less than it takes */
	bench_save(b);
	bench_use_up(b, b->guest.pool.nr_free - need + 1);
	KUNIT_EXPECT_EQ(b->test, -ENOSPC, bench_link(b, &link, both));
	bench_restore(b);
	KUNIT_EXPECT_EQ(b->test, 0, bench_link_stopped(b, &link, both));
	KUNIT_EXPECT_EQ(b->test, b->change.answer.overwritten, 0);
	if (ours == OUR_TABLE) {
		KUNIT_EXPECT_EQ(b->test, b->change.answer.changes, VMEM_CHANGED_FREED);
		KUNIT_EXPECT_EQ(b->test, b->change.answer.flush, VMEM_FLUSH_ALL);
		KUNIT_EXPECT_EQ(b->test, b->guest.pool.nr_quarantined, link.level + 1);
		KUNIT_EXPECT_EQ(b->test, b->guest.pool.nr_used,
				used + need - (link.level + 1));
	}
	expect_linked(b, &link);
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_EQ(b->test, t.status, VMEM_NOT_PRESENT);
	/* what is mapped by the one is there by the other */
	KUNIT_EXPECT_EQ(b->test, 0, bench_map(b, 0, frame, bench_page(b), RWX,
					      VMEM_CHANGE_SHARED_OK));
	bench_translate(b, bench_space_nr(b, link.owner), link.their_va, &t);
	KUNIT_EXPECT_EQ(b->test, t.status, VMEM_OK);
	KUNIT_EXPECT_EQ(b->test, t.gpa, frame);
	/* there is one by now: that is linked, and nothing made */
	link.our_va = sign_extend(b->rules, bench_span(b, link.level + 1));
	if (link.our_va == link.their_va)
		return;
	KUNIT_EXPECT_EQ(b->test, 0, bench_link(b, &link, both));
	bench_translate(b, &b->space, link.our_va, &t);
	KUNIT_EXPECT_EQ(b->test, t.gpa, frame);
}

/*
 * 41: what is at our place goes, and an empty table that is made at theirs is shown
 * there: both, or neither
 */
static void make_and_replace(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = {};
	enum ours ours;

	for (; link.level < bench_top(b); link.level++) {
		for (ours = 0; ours < NR_OURS; ours++) {
			link.owner = 0;
			link.their_va = bench_upper(b);
			check_make_and_replace(b, link, ours);
			link.owner = 1;
			link.their_va = 0;
			check_make_and_replace(b, link, ours);
		}
	}
}

/* 41: a place that is in the way of the table that is to be made stays */
static void make_where_something_is(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 both = VMEM_CHANGE_MAKE | VMEM_CHANGE_REPLACE;
	struct bench_link link = { .their_va = bench_upper(b) };
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	bench_put(b, bench_root(b), link.their_va, 1, bench_large(b, 0));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_link_stopped(b, &link, both));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_va, link.their_va);
	bench_put(b, bench_root(b), link.their_va, 1, bench_reserved(b, bench_large(b, 0)));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_link_stopped(b, &link, both));
	/* bits are overwritten, and counted */
	bench_put(b, bench_root(b), link.their_va, 1, bench_junk(b));
	KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link, both));
	KUNIT_EXPECT_EQ(test, b->change.answer.overwritten, 1);
	expect_linked(b, &link);
	/* and of itself nothing is made, nor unmapped */
	bench_reset(b);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	link.their_va = 0;
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_link_stopped(b, &link, both));
}

/* One of two larger leaves is changed in part, or promoted again, and the other is, too. */
static noinline void one_given_up(struct bench *b, u32 which, const u64 *vas, u32 nr_vas)
{
	u64 page = bench_page(b), span = bench_span(b, 1), upper = bench_upper(b);
	u32 flags = VMEM_CHANGE_ATOMIC | VMEM_CHANGE_SPLIT | VMEM_CHANGE_REPLACE |
		    VMEM_CHANGE_WIDEN;
	struct vmem_mapping list[] = {
		bench_promoted(0, span, 0), bench_promoted(upper, span, 0),
	};

	if (which == 0)
		list[0] = bench_unmapped(page, span - page);
	else if (which == 1)
		list[0] = bench_protected(0, page, VMEM_U, VMEM_W);
	else if (which == 2)
		list[0] = bench_basic(0, 0, page, VMEM_R);
	full(b, 0);
	KUNIT_EXPECT_EQ(b->test, 0, bench_map(b, upper, span, span, RWX, 0));
	/* the one is split, the other promoted */
	if (which < 3)
		KUNIT_EXPECT_EQ(b->test, 0, promote(b, 0, span, 0, 0));
	KUNIT_EXPECT_EQ(b->test, 0, bench_change_given_up(b, list, 2, flags, vas, nr_vas));
}

/* Given up anywhere: of each page what was there, or what is to be, or to be done. */
static void split_and_promote_given_up(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), upper = bench_upper(b);
	const u64 vas[] = {
		0, page, span - page, upper, upper + page, upper + span - page,
	};
	u32 both = VMEM_CHANGE_MAKE | VMEM_CHANGE_REPLACE, i;
	struct bench_link link = { .their_va = upper };

	for (i = 0; i < 4 && !b->differs; i++)
		one_given_up(b, i, vas, ARRAY_SIZE(vas));
	full(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_link_given_up(b, &link, both, vas, ARRAY_SIZE(vas)));
	KUNIT_EXPECT_EQ(test, 0, bench_link_given_up(b, &link, VMEM_CHANGE_UNSHARE, vas,
						     ARRAY_SIZE(vas)));
	KUNIT_EXPECT_GE(test, b->given_up, 20);
}

static struct kunit_case promote_cases[] = {
	EACH_FORMAT(promote_a_full_table),
	EACH_FORMAT(promote_skipped),
	EACH_FORMAT(promote_below_what_denies),
	EACH_FORMAT(promote_shadow_stack),
	EACH_FORMAT(promote_makes_no_shadow_stack),
	EACH_FORMAT(promote_dirty),
	EACH_FORMAT(promote_foreign_and_shared),
	EACH_X86_64(promote_below_what_moves),
	EACH_FORMAT(promote_refused),
	EACH_FORMAT(split_and_promote),
	EACH_FORMAT(split_pool_just_enough),
	EACH_FORMAT(make_of_itself),
	EACH_FORMAT(make_and_replace),
	EACH_FORMAT(make_where_something_is),
	EACH_FORMAT(split_and_promote_given_up),
	{}
};

static struct kunit_suite promote_suite = {
	.name = "vmem_promote",
	.test_cases = promote_cases,
};

kunit_test_suite(promote_suite);
