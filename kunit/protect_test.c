// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protecting, beside what cells_test.c has. Each change is compared with the model,
 * byte by byte.
 *
 * Points of the behaviour's description that have a case here: 8 (what can't be
 * expressed), 9 (Cow isn't made writable), 15, 24, 25 (NXE off), 38 (the budget), 52
 * (shadow stacks), 57.
 */
#include "bench.h"

#include "../vmem/fmt_x86_64.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)
#define RW	(VMEM_R | VMEM_W)

static int protect(struct bench *b, u64 va, u64 len, u32 set, u32 clear)
{
	struct vmem_mapping m = bench_protected(va, len, set, clear);

	return bench_change(b, &m, 1, 0);
}

static u64 leaf_at(struct bench *b, unsigned int level)
{
	return bench_read(b, bench_path(b, bench_root(b), 0, level), 0);
}

/* Of each kind of leaf each of four attributes is set, cleared, or left. */
static void protect_each_attribute(struct kunit *test)
{
	static const u32 attrs[] = { VMEM_R, VMEM_W, VMEM_X, VMEM_COW };
	struct bench *b = bench_begin(test);
	u32 leaf, set, clear, i;
	u64 entry, path;

	path = bench_path(b, bench_root(b), 0, 0);
	for (leaf = 0; leaf < 48 && !b->differs; leaf++) {
		entry = default_leaf(b->rules, &b->model.cpu, bench_data(b, 2),
				     (leaf & 1 ? VMEM_W : 0) |
				     (leaf & 2 ? VMEM_X : 0) |
				     (leaf & 4 ? VMEM_COW : 0) | VMEM_R, 0);
		if (leaf & 8)
			entry &= ~b->rules->accessed_dirty;
		/* software bits that don't say Cow, or too many of them */
		if (leaf & 16)
			entry |= b->rules->software & (b->rules->software - 1);
		if (leaf & 32)
			entry |= BIT_ULL(57);
		for (i = 0; i < 256 && !b->differs; i++) {
			u32 j;

			for (j = 0, set = 0, clear = 0; j < 4; j++) {
				set |= i >> (2 * j) & 1 ? attrs[j] : 0;
				clear |= i >> (2 * j) & 2 ? attrs[j] : 0;
			}
			/* to be both is refused, whatever the others are */
			if (set & clear && set != clear)
				continue;
			bench_write(b, path, 0, entry);
			protect(b, 0, bench_page(b), set, clear);
			KUNIT_EXPECT_EQ(test, b->change.answer.pages,
					bench_read(b, path, 0) != entry);
		}
	}
}

/* 9: writable it is made only as it ceases to be Cow */
static void protect_cow(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping m = bench_cow(0, 0, page, VMEM_R | VMEM_X);
	u64 cow;

	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	cow = leaf_at(b, 0);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, RW, 0));
	KUNIT_EXPECT_EQ(test, leaf_at(b, 0), cow);
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, RW, VMEM_COW));
	KUNIT_EXPECT_EQ(test, leaf_at(b, 0), bench_leaf(b, 0));
	/* and what becomes Cow is writable no more */
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_COW, 0));
	KUNIT_EXPECT_EQ(test, leaf_at(b, 0), cow);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_COW | RW, 0));
	KUNIT_EXPECT_EQ(test, leaf_at(b, 0), cow);
	/* one that the guest made writable isn't Cow, whatever else it has */
	bench_put(b, bench_root(b), 0, 0, cow | b->rules->writable);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_R, VMEM_X));
	KUNIT_EXPECT_TRUE(test, leaf_at(b, 0) & b->rules->writable);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, RW, VMEM_COW));
	KUNIT_EXPECT_TRUE(test, leaf_at(b, 0) & b->rules->writable);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_COW | VMEM_X, 0));
	KUNIT_EXPECT_EQ(test, leaf_at(b, 0), cow);
}

/* A writable leaf and one that isn't, below an entry that denies @perm. */
static u64 put_denied(struct bench *b, unsigned int leaf, unsigned int denies,
		      u32 perm)
{
	u64 span = bench_span(b, leaf), frame = leaf ? bench_frame(b, leaf) : 0;
	u64 entry = leaf ? bench_large(b, frame) : bench_leaf(b, frame), table;

	bench_reset(b);
	bench_put(b, bench_root(b), 0, leaf, entry);
	bench_put(b, bench_root(b), span, leaf, b->rules->protect(&b->model.cpu,
			bench_read_only(b, entry), leaf, 0, VMEM_X));
	table = bench_path(b, bench_root(b), 0, denies);
	entry = bench_read(b, table, 0);
	bench_write(b, table, 0, b->rules->table(&b->model.cpu, bench_path(b, bench_root(b), 0,
							    denies - 1),
						 RWX & ~perm));
	return span;
}

/*
 * 57: what an entry above denies can't be set, as it can't be mapped, whether a
 * leaf has it already or not; but only where there is a leaf
 */
static void protect_what_the_path_denies(struct kunit *test)
{
	static const u32 perms[] = { VMEM_W, VMEM_X };
	struct bench *b = bench_begin(test);
	u64 half = bench_span(b, b->rules->levels) / 2, span;
	unsigned int leaf, denies, i;

	bench_needs_deny(b);
	for (leaf = 0; leaf < bench_top(b); leaf++) {
		if (!(b->e->fmt->leaf_levels & BIT(leaf)))
			continue;
		for (denies = leaf + 1; denies < b->rules->levels; denies++) {
			for (i = 0; i < ARRAY_SIZE(perms); i++) {
				struct vmem_mapping m = bench_protected(0, 0, perms[i], 0);

				span = put_denied(b, leaf, denies, perms[i]);
				m.len = span;
				KUNIT_EXPECT_EQ(test, -EEXIST,
						bench_change_stopped(b, &m, 1, 0));
				KUNIT_EXPECT_EQ(test, b->change.answer.at_va, 0);
				KUNIT_EXPECT_EQ(test, b->change.answer.at_level, denies);
				KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
				KUNIT_EXPECT_EQ(test, -EEXIST,
						protect(b, span, span, perms[i], 0));
				KUNIT_EXPECT_EQ(test, b->change.answer.at_level, denies);
				/* with others, and in part of a large leaf */
				KUNIT_EXPECT_EQ(test, -EEXIST,
						protect(b, 0, 2 * span, RWX, 0));
				KUNIT_EXPECT_EQ(test, -EEXIST,
						protect(b, 0, bench_page(b),
							perms[i], VMEM_COW));
				/* the other one is granted */
				KUNIT_EXPECT_EQ(test, 0,
						protect(b, 0, 2 * span,
							perms[!i], perms[i]));
				/* and in the span beside it nothing denies */
				if (bench_span(b, denies) == half)
					continue;
				KUNIT_EXPECT_EQ(test, -EEXIST,
						protect(b, 0, bench_span(b, denies) + span,
							perms[i], 0));
				KUNIT_EXPECT_EQ(test, 0,
						protect(b, bench_span(b, denies),
							span, perms[i], 0));
			}
		}
	}
}

/* Two deny it: the upper is told. Behind them, it is granted again. */
static void protect_denied_twice(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level, top = bench_top(b);
	u64 page = bench_page(b), table, far = bench_span(b, top);

	bench_needs_deny(b);
	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0));
	bench_put(b, bench_root(b), sign_extend(b->rules, far), 0,
		  bench_leaf(b, 0));
	for (level = 1; level <= top; level++) {
		table = bench_path(b, bench_root(b), 0, level);
		bench_write(b, table, 0,
			    bench_read_only(b, bench_read(b, table, 0)));
		KUNIT_EXPECT_EQ(test, -EEXIST, protect(b, 0, page, VMEM_W, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.at_level, level);
	}
	KUNIT_EXPECT_EQ(test, 0, protect(b, sign_extend(b->rules, far), page,
					 VMEM_W, VMEM_X));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
	/* a range that begins inside of what the entry translates */
	KUNIT_EXPECT_EQ(test, 0, protect(b, page, page, VMEM_W, 0));
	bench_put(b, bench_root(b), 3 * page, 0, bench_leaf(b, 0));
	KUNIT_EXPECT_EQ(test, -EEXIST, protect(b, page, 3 * page, VMEM_W, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_va, page);
	KUNIT_EXPECT_EQ(test, b->change.answer.at_level, top);
}

/* Below the entry that denies it there is no leaf, and beside it nothing denies. */
static void protect_beside_what_denies(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;
	u64 table;

	bench_needs_deny(b);
	for (level = 1; level < bench_top(b); level++) {
		u64 span = bench_span(b, level);

		bench_reset(b);
		bench_path(b, bench_root(b), 0, 0);
		bench_put(b, bench_root(b), span, 0, bench_leaf(b, 0));
		table = bench_path(b, bench_root(b), 0, level);
		bench_write(b, table, 0,
			    bench_read_only(b, bench_read(b, table, 0)));
		KUNIT_EXPECT_EQ(test, 0, protect(b, 0, 2 * span, VMEM_W, VMEM_X));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
	}
}

/* 52: a leaf that loses W loses D, where the two mean a shadow stack */
static void protect_loses_dirty(struct kunit *test)
{
	struct bench *b = bench_begin_cet(test);
	u64 page = bench_page(b), span = bench_span(b, 1);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 2 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, 2 * page, 0, VMEM_W));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 2);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, 2 * page, 0, VMEM_X));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 0);
	bench_put(b, bench_root(b), span, 1, bench_large(b, 0));
	KUNIT_EXPECT_EQ(test, 0, protect(b, span, span, VMEM_COW, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 1);
}

/* 52: counted is what lost W and was dirty, whether the caller gives it D again or not */
static void protect_loses_w_and_is_given_dirty(struct kunit *test)
{
	struct bench *b = bench_begin_cet(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_translation t;
	struct vmem_mapping m;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 2 * page, RWX, 0));
	/* one that wasn't dirty before */
	KUNIT_EXPECT_EQ(test, 0, protect(b, page, page, 0, VMEM_D));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 0);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, 2 * page, VMEM_D, VMEM_W));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 1);
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_TRUE(test, t.leaf & VMEM_D);
	KUNIT_EXPECT_TRUE(test, t.effective & VMEM_SHADOW);
	/* it is a page of a shadow stack by now, which has no W to lose */
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, 2 * page, 0, VMEM_D));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 0);
	/* a larger one */
	bench_put(b, bench_root(b), span, 1, bench_large(b, 0));
	KUNIT_EXPECT_EQ(test, 0, protect(b, span, span, VMEM_D, VMEM_W));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 1);
	KUNIT_EXPECT_EQ(test, 0, protect(b, span, span, VMEM_W, VMEM_X));
	KUNIT_EXPECT_EQ(test, 0, protect(b, span, span, 0, VMEM_D));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 0);
	/* and MAP with REPLACE, of each size */
	KUNIT_EXPECT_EQ(test, 0, protect(b, span, span, VMEM_D, 0));
	m = bench_sized(b, bench_basic(span, 0, span, VMEM_R | VMEM_A | VMEM_D), 2);
	m.ad_given = true;
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 1);
	bench_translate(b, &b->space, span, &t);
	KUNIT_EXPECT_TRUE(test, t.effective & VMEM_SHADOW);
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_W | VMEM_D, 0));
	m = bench_basic(0, 0, 2 * page, VMEM_R | VMEM_D);
	m.ad_given = true;
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, b->change.answer.lost_dirty, 1);
}

/* Cow: it wouldn't be made writable, but is refused as the others */
static void protect_denied_cow(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping m = bench_cow(0, 0, page, VMEM_R | VMEM_X);

	bench_needs_deny(b);
	m = bench_with_path(m, bench_same_path(b, 1, VMEM_R | VMEM_X));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, -EEXIST, protect(b, 0, page, VMEM_W, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_level, bench_top(b));
	KUNIT_EXPECT_EQ(test, -EEXIST, protect(b, 0, page, VMEM_W, VMEM_COW));
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_X, VMEM_COW));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
}

/* A vCPU denies it after it was checked: what is done stays. */
static void deny_at_second_page(struct guest *guest)
{
	struct bench *b = guest->private;

	if (!b->change.answer.done_len)
		return;
	guest->change = NULL;
	bench_write(b, bench_root(b), 0,
		    bench_read_only(b, bench_read(b, bench_root(b), 0)));
}

static void protect_denied_meanwhile(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_mapping m = bench_protected(0, 2 * span, VMEM_W, 0);

	bench_needs_deny(b);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 2 * span, VMEM_R, 0));
	b->guest.private = b;
	b->guest.change = deny_at_second_page;
	b->guest.pause_one_in = 1;
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_run(b, &m, 1, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_level, bench_top(b));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, span / page);
	KUNIT_EXPECT_EQ(test, b->change.answer.done_len, span);
	KUNIT_EXPECT_TRUE(test, leaf_at(b, 0) & b->rules->writable);
}

/* Refused as a whole: leaves before the one that is in the way stay too. */
static void protect_refused_changes_nothing(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, span, RWX, 0));
	bench_put(b, bench_root(b), span, 1, bench_large(b, bench_frame(b, 1)));
	KUNIT_EXPECT_EQ(test, -ERANGE, protect(b, 0, span + page, 0, VMEM_W));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	KUNIT_EXPECT_EQ(test, 0, protect(b, page, 2 * span - page, 0, VMEM_W));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_first, page);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_last, 2 * span - 1);
}

static void protect_inexpressible(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	int set, clear;
	u32 attr;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX | VMEM_U, 0));
	for (attr = VMEM_R; attr; attr <<= 1) {
		set = b->rules->protectable(&b->model.cpu, attr, 0) ? 0 : -EOPNOTSUPP;
		clear = b->rules->protectable(&b->model.cpu, 0, attr) ? 0 : -EOPNOTSUPP;
		KUNIT_EXPECT_EQ(test, set, protect(b, 0, page, attr, 0));
		KUNIT_EXPECT_EQ(test, clear, protect(b, 0, page, 0, attr));
		KUNIT_EXPECT_EQ(test, -EINVAL, protect(b, 0, page, attr, attr));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				protect(b, 0, page, VMEM_W | attr, VMEM_W));
	}
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, 0, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, protect(b, 1, page, VMEM_W, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, protect(b, 0, page + 1, VMEM_W, 0));
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, 0, VMEM_W, VMEM_W));
}

/* 25 */
static void protect_without_nxe(struct kunit *test)
{
	struct bench *b = bench_begin_cpu(test, 0, true, 0);
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, protect(b, 0, page, 0, VMEM_X));
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_X, VMEM_W));
	/* one with that bit is malformed, and stays */
	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0) | BIT_ULL(63));
	KUNIT_EXPECT_EQ(test, 0, protect(b, 0, page, VMEM_X, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
}

/* 24 */
static void protect_over_both_halves(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b);
	struct vmem_mapping what = bench_protected(0, 0, 0, VMEM_W);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, -upper - page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, upper, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, -page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_range_stopped(b, 0, U64_MAX, &what, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 3);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_first, -upper - page);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush_last, U64_MAX);
	/* together: the upper half refuses, and the lower stays */
	bench_put(b, bench_root(b), upper, 1,
		  bench_table_entry(b, bench_outside(b)));
	what = bench_protected(0, 0, RW, 0);
	KUNIT_EXPECT_EQ(test, -ENXIO, bench_range_stopped(b, 0, U64_MAX, &what, 0));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	/* 15, and what isn't whole pages */
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_range(b, -upper, U64_MAX, &what, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_range(b, 0, page, &what, 0));
	what = bench_protected(0, 0, VMEM_W, VMEM_W);
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_range(b, 0, U64_MAX, &what, 0));
}

/* A list of all kinds, whole or not at all */
static void protect_in_a_list(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping list[4] = {
		bench_protected(page, page, VMEM_COW, 0),
		bench_basic(3 * page, 0, page, RWX),
		bench_unmapped(2 * page, page),
		bench_protected(0, page, 0, VMEM_W),
	};

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 3 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 4,
						      VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 4);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change_stopped(b, list, 4,
							    VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change_stopped(b, list, 4, 0));
}

static void protect_over_budget(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_mapping m = bench_protected(0, bench_page(b), 0, VMEM_W);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, bench_page(b), RWX, 0));
	bench_over_budget(b, &m);
}

/* A vCPU uses the page in each moment in which the engine asks for a table. */
static void use_page(struct guest *guest)
{
	struct bench *b = guest->private;
	u64 ad = b->rules->accessed_dirty, bit;

	/* one of the two after the other, then both are cleared */
	bit = guest->calls % 3 == 0 ? ad & -ad : ad;
	guest_write(guest, b->out[0].gpa, 0,
		    (guest_read(guest, b->out[0].gpa, 0) & ~ad) |
		    (guest->calls % 3 == 2 ? 0 : bit));
}

/* What a vCPU says of a page between the reads and the write is kept. */
static void protect_keeps_accessed_and_dirty(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), ad = b->rules->accessed_dirty, want, table;
	struct vmem_mapping m;
	u32 round;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	table = bench_path(b, bench_root(b), 0, 0);
	b->guest.private = b;
	b->out[0].gpa = table;
	for (round = 0; round < 30; round++) {
		m = round & 1 ? bench_protected(0, page, RW, 0) :
				bench_protected(0, page, 0, VMEM_W);
		b->guest.calls = round;
		b->guest.change = use_page;
		KUNIT_EXPECT_EQ(test, 0, bench_run(b, &m, 1, 0, U64_MAX));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
		/* as of the last call */
		b->guest.change = NULL;
		want = guest_read(&b->guest, table, 0);
		use_page(&b->guest);
		KUNIT_EXPECT_EQ(test, guest_read(&b->guest, table, 0), want);
		KUNIT_EXPECT_EQ(test, want & ~ad, (round & 1 ?
				bench_leaf(b, 0) :
				bench_read_only(b, bench_leaf(b, 0))) & ~ad);
	}
}

/* A vCPU writes anything: only tables suffer, and it ends. */
static void write_something(struct guest *guest)
{
	struct bench *b = guest->private;
	u64 table = guest_gpa(guest, PART_POOL, vt_random_below(&guest->random, 8));
	u64 entry = bench_table_entry(b, guest_gpa(guest, PART_POOL,
					vt_random_below(&guest->random, 8)));

	if (vt_random_below(&guest->random, 2))
		entry = bench_leaf(b, 0);
	if (vt_random_below(&guest->random, 4) == 0)
		guest_write(guest, table, 0, entry);
}

static void protect_while_tables_change(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 len = bench_span(b, 1), used;
	u32 round, done = 0;

	b->guest.private = b;
	for (round = 0; round < 500; round++) {
		struct vmem_mapping m = bench_protected(0, 2 * len, round & 1 ?
							VMEM_COW : VMEM_W, 0);

		bench_reset(b);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, len, VMEM_R, 0));
		used = b->guest.pool.nr_used;
		b->guest.random.state = round;
		b->guest.change = write_something;
		b->guest.pause_one_in = 3;
		b->recheck = round & 2;
		done += !bench_run(b, &m, 1, 0, 1000);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_reserved, 0);
	}
	KUNIT_EXPECT_GE(test, done, 50);
}

/*
 * A format in which a vCPU writes to a page between each read of its leaf and
 * the write, so often: D changes in memory as the engine makes up its mind.
 */
static struct {
	struct guest *guest;
	u64 table;
	u32 times;
} race;

static __always_inline u64 racing_protect(const struct vmem_facts *facts,
					  u64 entry, u32 set, u32 clear,
					  u64 yes, u64 no)
{
	if (race.times) {
		race.times--;
		guest_write(race.guest, race.table, 0,
			    guest_read(race.guest, race.table, 0) ^ X86_64_D);
	}
	return vmem_x86_64_protect(facts, entry, set, clear, yes, no);
}

static noinline int racing_map(const struct vmem_format *fmt, void *guest,
			       struct vmem_space *space,
			       struct vmem_change *change)
{
	static struct vmem_format racing;

	racing = vmem_fmt_x86_64_4level;
	racing.protect = racing_protect;
	return vmem_map(&racing, &guest_ops, guest, space, change);
}

/* Its D is kept, however late; if it never ends, that is said. */
static void protect_races_with_a_vcpu(struct kunit *test)
{
	struct bench *b = bench_begin_engine(test, &engine_x86_64_4level, 48, false,
					     0);
	static struct vmem_engine core;
	static struct engine racing;
	struct vmem_mapping m = bench_protected(0, bench_page(b), 0, VMEM_W);
	u64 leaf;
	u32 times;

	core = *b->e->core;
	core.map = racing_map;
	racing = *b->e;
	racing.core = &core;
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, bench_page(b), RWX, 0));
	b->e = &racing;
	b->racing = true;
	race.guest = &b->guest;
	race.table = bench_path(b, bench_root(b), 0, 0);
	leaf = bench_leaf(b, 0);
	for (times = 0; times < 15; times++) {
		guest_write(&b->guest, race.table, 0, leaf);
		race.times = times;
		KUNIT_EXPECT_EQ(test, 0, bench_run(b, &m, 1, 0, U64_MAX));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
		KUNIT_EXPECT_EQ(test, race.times, 0);
		KUNIT_EXPECT_EQ(test, guest_read(&b->guest, race.table, 0),
				bench_read_only(b, leaf) ^
				(times & 1 ? X86_64_D : 0));
	}
	guest_write(&b->guest, race.table, 0, leaf);
	race.times = U32_MAX;
	KUNIT_EXPECT_EQ(test, -EBUSY, bench_run(b, &m, 1, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
	KUNIT_EXPECT_EQ(test, leaf & ~X86_64_D,
			guest_read(&b->guest, race.table, 0) & ~X86_64_D);
	race.times = 0;
}

static struct kunit_case protect_cases[] = {
	EACH_FORMAT(protect_each_attribute),
	EACH_FORMAT(protect_cow),
	EACH_FORMAT(protect_what_the_path_denies),
	EACH_FORMAT(protect_denied_twice),
	EACH_FORMAT(protect_beside_what_denies),
	EACH_FORMAT(protect_loses_dirty),
	EACH_FORMAT(protect_loses_w_and_is_given_dirty),
	EACH_FORMAT(protect_denied_cow),
	EACH_FORMAT(protect_denied_meanwhile),
	EACH_FORMAT(protect_refused_changes_nothing),
	EACH_FORMAT(protect_inexpressible),
	EACH_X86_64(protect_without_nxe),
	EACH_FORMAT(protect_over_both_halves),
	EACH_FORMAT(protect_in_a_list),
	EACH_FORMAT(protect_over_budget),
	EACH_FORMAT(protect_keeps_accessed_and_dirty),
	EACH_FORMAT(protect_while_tables_change),
	KUNIT_CASE(protect_races_with_a_vcpu),
	{}
};

static struct kunit_suite protect_suite = {
	.name = "vmem_protect",
	.test_cases = protect_cases,
};

kunit_test_suite(protect_suite);
