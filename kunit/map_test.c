// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping, beside what cells_test.c has. Each change is compared with the model,
 * byte by byte.
 *
 * Points of the behaviour's description that have a case here: 5, 6, 7, 8, 14, 15,
 * 16. Each refusal leaves all as it was.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

/* Tables of ours, the root included. */
static u32 nr_used(struct bench *b)
{
	return b->guest.pool.nr_used;
}

/* 5 */
static void map_nothing(struct kunit *test)
{
	struct bench *b = bench_begin(test);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, 0, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, 0));
	KUNIT_EXPECT_EQ(test, nr_used(b), 1);
	KUNIT_EXPECT_EQ(test, 0, bench_run(b, NULL, 0, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, 0, bench_run(b, NULL, 0, VMEM_CHANGE_ATOMIC, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
}

/* 6 */
static void map_misaligned(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, -EINVAL, bench_map(b, 1, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_map(b, 0, page / 2, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_map(b, 0, 0, page + 1, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_map(b, 0, 0, page - 1, RWX, 0));
}

/* 7: above the width of the space's addresses */
static void map_frame_too_high(struct kunit *test)
{
	static const u32 widths[] = { 36, 40, 48, 52 };
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), end;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		if (b->e == &engine_toy && i)
			break;
		b = bench_begin_cpu(test, b->e == &engine_toy ? 16 : widths[i],
				    false, 0);
		end = 1ULL << b->model.cpu.phys_bits;
		KUNIT_EXPECT_EQ(test, -EOVERFLOW,
				bench_map(b, 0, end, page, RWX, 0));
		KUNIT_EXPECT_EQ(test, -EOVERFLOW,
				bench_map(b, 0, end - page, 2 * page, RWX, 0));
		KUNIT_EXPECT_EQ(test, -EOVERFLOW,
				bench_map(b, 0, -page, 2 * page, RWX, 0));
		KUNIT_EXPECT_EQ(test, nr_used(b), 1);
		/* a leaf whose frame is no memory is a mapping like any other */
		KUNIT_EXPECT_EQ(test, 0,
				bench_map(b, 0, end - page, page, RWX, 0));
	}
}

/* 7: so for the tables themselves: an entry could not name them */
static void map_table_too_high(struct kunit *test)
{
	struct bench *b = bench_begin_cpu(test, 0, false, 0);
	struct vmem_mapping m = bench_basic(0, 0, bench_page(b), VMEM_R);

	bench_adopt(b, bench_table(b));
	b->guest.pool_range.gpa = 1ULL << b->model.cpu.phys_bits;
	b->guest.pool.hint = b->guest.pool_range.gpa;
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, bench_run(b, &m, 1, 0, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	bench_check_same(b, "a pool that is too high");
}

/* 8: what the format can't express is refused, not ignored */
static void map_inexpressible(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	u32 attr, refused = 0;
	int want;

	for (attr = VMEM_U; attr; attr <<= 1) {
		want = attr != VMEM_COW &&
		       b->rules->expressible(&b->model.cpu, RWX | attr) ?
		       0 : -EOPNOTSUPP;
		bench_reset(b);
		refused += !!want;
		KUNIT_EXPECT_EQ(test, want, bench_map(b, 0, 0, page, RWX | attr, 0));
	}
	KUNIT_EXPECT_GE(test, refused, 8);
	bench_reset(b);
	KUNIT_EXPECT_EQ(test, bench_map(b, 0, 0, page, VMEM_W, 0),
			b->e == &engine_toy ? 0 : -EOPNOTSUPP);
}

static void map_unknown_kind(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_mapping m = bench_basic(0, 0, bench_page(b), VMEM_R);

	m.kind = VMEM_KIND_UNSHARE + 1;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, bench_change(b, &m, 1, 0));
}

/* 14: the last page, of each half, and over it */
static void map_last_page(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, -page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, -upper - page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, upper, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			bench_map(b, -2 * page, 0, 3 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, bench_unmap(b, -page, 2 * page));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, -page, page));
}

/* 15, 24 */
static void map_non_canonical(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b);

	KUNIT_EXPECT_EQ(test, -EINVAL, bench_map(b, -upper, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			bench_map(b, -upper - page, 0, 2 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			bench_map(b, upper - page, 0, 2 * page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			bench_unmap(b, -upper - page, 2 * (upper + page)));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_unmap(b, 0, upper + page));
}

/* 16: with each number of tables left, as it was or done */
static void map_pool_empty(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 i, left, need = 2 * (b->rules->levels - 1), others;
	struct vmem_mapping list[2] = {
		bench_basic(0, 0, bench_page(b), RWX),
		bench_basic(bench_upper(b), 0, bench_page(b), RWX),
	};
	int ret;

	for (i = 0; i < 2 * (need + 1); i++) {
		left = i / 2;
		others = POOL_TABLES - 1 - left;
		bench_reset(b);
		if (i & 1)
			bench_hold(b, others);
		else
			bench_use_up(b, others);
		ret = bench_change(b, list, 2, VMEM_CHANGE_ATOMIC);
		KUNIT_EXPECT_EQ(test, ret, left == need ? 0 :
				i & 1 ? -EBUSY : -ENOSPC);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_free,
				left < need ? left : 0);
		/* called again, when the other one is through */
		bench_unhold(b);
		if (ret == -EBUSY)
			KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 2,
							VMEM_CHANGE_ATOMIC));
	}
}

/* Neighbours in a list need the same tables: these are counted once. */
static void map_pool_just_enough(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 need = b->rules->levels - 1, nr;
	struct vmem_mapping list[4];
	struct vmem_reservation hog;

	for (nr = 1; nr <= 2; nr++) {
		bench_reset(b);
		list[0] = bench_basic(bench_page(b), 0, bench_page(b), RWX);
		list[1] = bench_basic(0, 0, bench_page(b), RWX);
		hog = (struct vmem_reservation){};
		KUNIT_ASSERT_EQ(test, 0,
				vmem_pool_reserve(&b->guest.pool, &hog,
						  POOL_TABLES - 1 - need, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_run(b, list, nr, VMEM_CHANGE_ATOMIC,
						   U64_MAX));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_free, 0);
		vmem_pool_unreserve(&b->guest.pool, &hog);
	}
}

/* A page of the pool may hold anything: a guest can write there. */
static void map_into_pages_that_hold_bits(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	u32 table, i;

	for (table = 1; table < 2 * b->rules->levels; table++)
		for (i = 0; i < nr_entries(b->rules); i++)
			bench_write(b, guest_gpa(&b->guest, PART_POOL, table), i,
				    bench_leaf(b, bench_data(b, 7)));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, page, bench_data(b, 1), page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, bench_upper(b), bench_data(b, 1), page,
					   RWX, 0));
	bench_check_walk(b, &b->space, 1, 0, U64_MAX, 0);
	KUNIT_EXPECT_EQ(test, b->nr_out, 2);
}

/* Not enough until the quarantine is flushed */
static void map_quarantine_full(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	u32 round, again = 0;
	int ret;

	for (round = 0; round < POOL_TABLES; round++) {
		ret = bench_map(b, 0, 0, page, RWX, 0);
		if (ret) {
			KUNIT_EXPECT_EQ(test, ret, -EAGAIN);
			/* flushed too early in time: nothing comes back */
			vmem_pool_flushed(&b->guest.pool, 0);
			KUNIT_EXPECT_EQ(test, -EAGAIN,
					bench_map(b, 0, 0, page, RWX, 0));
			bench_flushed(b);
			KUNIT_EXPECT_EQ(test, 0,
					bench_map(b, 0, 0, page, RWX, 0));
			again++;
		}
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
		KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
	}
	KUNIT_EXPECT_GE(test, again, 1);
}

/* A list is done one by one, up to the one that is refused. */
static void map_list_stops_where_refused(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping list[4] = {
		bench_basic(page, 0, page, RWX),
		bench_basic(0, 0, page, VMEM_R),
		bench_basic(0, 0, 2 * page, VMEM_R),
		bench_basic(2 * page, 0, page, VMEM_R),
	};

	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, list, 4, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.done, 2);
	KUNIT_EXPECT_EQ(test, b->change.answer.at_va, 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 2);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &list[3], 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 4, VMEM_CHANGE_REPLACE));
}

static void map_atomic_list(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping list[5] = {
		bench_basic(bench_upper(b), 0, 2 * page, RWX),
		bench_basic(3 * page, 0, page, VMEM_R),
		bench_basic(page, 0, 0, VMEM_R),
		bench_basic(0, 0, 2 * page, VMEM_R),
		bench_unmapped(2 * page, page),
	};

	KUNIT_EXPECT_EQ(test, 0,
			bench_change_stopped(b, list, 5, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, -EEXIST,
			bench_change(b, list, 5, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, b->change.answer.done, 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.at_va, 0);
	/* the last one only is bad: nothing of the others is done */
	list[4].len = 1;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			bench_change(b, list, 5, VMEM_CHANGE_ATOMIC |
				     VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
}

static void map_atomic_list_overlaps(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	u32 first, second, len;

	for (first = 0; first < 4; first++)
		for (second = 0; second < 4; second++)
			for (len = 1; len < 3; len++) {
				struct vmem_mapping list[2] = {
					bench_basic(first * page, 0, page, RWX),
					bench_basic(second * page, 0,
						    len * page, RWX),
				};
				bool overlap = first >= second &&
					       first < second + len;

				if (second + len > 4)
					continue;
				bench_reset(b);
				KUNIT_EXPECT_EQ(test, overlap ? -EINVAL : 0,
						bench_change(b, list, 2,
							     VMEM_CHANGE_ATOMIC));
			}
}

/* More tables than the budget: refused before anything is done. */
static void map_over_budget(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_mapping m = bench_basic(0, 0, bench_page(b), RWX);

	bench_over_budget(b, &m);
}

/* A vCPU writes while it is mapped and unmapped: only tables suffer. */
static void write_something(struct guest *guest)
{
	struct bench *b = guest->private;
	u32 part = vt_random_below(&guest->random, 2), index;
	u64 table, entry = 0;

	if (vt_random_below(&guest->random, 4))
		return;
	table = guest_gpa(guest, part, vt_random_below(&guest->random, 8));
	index = vt_random_below(&guest->random, 2) ? 0 :
		vt_random_below(&guest->random, nr_entries(b->rules));
	switch (vt_random_below(&guest->random, 4)) {
	case 0:
		entry = bench_table_entry(b, guest_gpa(guest, part,
					vt_random_below(&guest->random, 8)));
		break;
	case 1:
		entry = bench_leaf(b, 0);
		break;
	case 2:
		entry = bench_junk(b);
		break;
	}
	guest_write(guest, table, index, entry);
}

static void map_while_tables_change(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	const struct vmem_pool *pool = &b->guest.pool;
	u64 page = bench_page(b);
	u32 round, i, done = 0;

	b->guest.private = b;
	for (round = 0; round < 2000; round++) {
		struct vmem_mapping list[3] = {
			bench_basic(bench_last_index(b) * page, 0, 2 * page, RWX),
			bench_unmapped(0, bench_span(b, bench_top(b))),
			bench_basic(0, 0, page, RWX),
		};

		if (round % 8 == 0)
			bench_reset(b);
		b->guest.random.state = round;
		b->guest.change = write_something;
		b->guest.pause_one_in = 4;
		b->guest.absent_one_in = round & 1 ? 20 : 0;
		b->recheck = round & 2;
		done += !bench_run(b, &list[round % 3], 1, round & 4 ?
				   VMEM_CHANGE_REPLACE : 0, 1000);
		KUNIT_EXPECT_EQ(test, pool->nr_reserved, 0);
		KUNIT_EXPECT_EQ(test, POOL_TABLES, pool->nr_free + pool->nr_used +
				pool->nr_quarantined);
		KUNIT_EXPECT_EQ(test, b->guest.pool_range.pages[0].state, VMEM_POOL_USED);
		for (i = 0; i < POOL_TABLES; i++)
			if (b->guest.pool_range.pages[i].state == VMEM_POOL_USED)
				KUNIT_EXPECT_EQ(test, b->guest.pool_range.pages[i].nr_links, 1);
		/* what was never a table is as it was */
		KUNIT_EXPECT_TRUE(test, !memcmp(b->guest.parts[PART_FROZEN].bytes,
						b->model.guest.parts[PART_FROZEN].bytes,
						b->guest.parts[PART_FROZEN].len));
	}
	KUNIT_EXPECT_GE(test, done, 100);
}

/* A vCPU makes a leaf of what was a hole: it isn't overwritten. */
static void write_before_pass_2(struct guest *guest)
{
	struct bench *b = guest->private;

	if (b->change.pass.phase != VMEM_PHASE_APPLY)
		return;
	guest->change = NULL;
	bench_put(b, bench_root(b), bench_span(b, 1), 0, bench_junk(b) |
		  b->rules->present);
}

static void map_onto_what_came_meanwhile(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_mapping m = bench_basic(span - page, 0, 2 * page, RWX);
	u64 leaf = bench_junk(b) | b->rules->present;

	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	m.kind = VMEM_KIND_UNMAPPED;
	bench_put(b, bench_root(b), 0, 0, leaf);
	bench_put(b, bench_root(b), 2 * span - page, 0, leaf);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	m = bench_basic(span - page, 0, 2 * page, RWX);
	b->guest.private = b;
	b->guest.change = write_before_pass_2;
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_run(b, &m, 1, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, b->change.answer.done_len, page);
	KUNIT_EXPECT_EQ(test, b->change.answer.at_va, span);
	KUNIT_EXPECT_EQ(test, leaf, bench_read(b, bench_path(b, bench_root(b), span, 0),
					       0));
}

/* Between two tables that it makes there can always be a pause. */
static void map_asks_at_every_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 len = 3 * bench_span(b, 1);

	if (bench_top(b) < 3)
		len = bench_span(b, 2);
	guest_calm(&b->guest);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, len, VMEM_R, 0));
	KUNIT_EXPECT_EQ(test, b->guest.made_most, 1);
}

/* A pause between two mappings, and another call meanwhile: both are checked. */
static void map_checked_after_a_pause(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping list[2] = {
		bench_basic(0, 0, page, RWX),
		bench_basic(page, BIT_ULL(b->model.cpu.phys_bits), page, RWX),
	};

	/* so that the table of leaves is there */
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			bench_change_stopped(b, list, 2, VMEM_CHANGE_REPLACE));
	list[1] = bench_basic(bench_upper(b) - page, 0, page, RWX);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			bench_change_stopped(b, list, 2, VMEM_CHANGE_REPLACE));
	list[1] = bench_basic(page, 0, page, VMEM_G);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			bench_change_stopped(b, list, 2, VMEM_CHANGE_REPLACE));
	/* and where the first one has a path of its own */
	list[0] = bench_basic(2 * page, 0, page, RWX);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, bench_change_stopped(b, list, 2, 0));
}

/* With each budget up to one that is enough, all of a list is done or nothing. */
static void all_or_nothing(struct bench *b, const struct vmem_mapping *list,
			   u32 nr)
{
	u32 refused = 0;
	u64 budget;
	int ret;

	bench_save(b);
	for (budget = 1; budget < 60; budget++) {
		ret = bench_run(b, list, nr, VMEM_CHANGE_ATOMIC, budget);
		if (ret) {
			KUNIT_EXPECT_EQ(b->test, ret, -E2BIG);
			KUNIT_EXPECT_EQ(b->test, b->change.answer.done, 0);
			bench_check_same(b, "over the budget");
			refused++;
		} else {
			KUNIT_EXPECT_EQ(b->test, b->change.answer.done, nr);
		}
		bench_touched(b);
		bench_restore(b);
	}
	KUNIT_EXPECT_GT(b->test, refused, 2);
	KUNIT_EXPECT_EQ(b->test, ret, 0);
}

/* Neighbours of a list share the tables made for them. */
static void map_atomic_over_budget(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_mapping list[4];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = bench_basic(i * bench_page(b), 0, bench_page(b), RWX);
	all_or_nothing(b, list, ARRAY_SIZE(list));
}

/* What a list unmaps comes by the tables that it makes itself. */
static void map_atomic_over_budget_unmapped(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = (bench_last_index(b) + 1) * page;
	struct vmem_mapping list[] = {
		{ .virt_base = 0, .len = page, .kind = VMEM_KIND_UNMAPPED },
		bench_basic(page, 0, page, RWX),
		bench_basic(span, 0, page, RWX),
		{ .virt_base = span + page, .len = page,
		  .kind = VMEM_KIND_UNMAPPED },
	};

	all_or_nothing(b, list, ARRAY_SIZE(list));
}

static struct kunit_case map_cases[] = {
	EACH_FORMAT(map_asks_at_every_table),
	EACH_FORMAT(map_checked_after_a_pause),
	EACH_FORMAT(map_atomic_over_budget),
	EACH_FORMAT(map_atomic_over_budget_unmapped),
	EACH_FORMAT(map_nothing),
	EACH_FORMAT(map_misaligned),
	EACH_FORMAT(map_frame_too_high),
	EACH_FORMAT(map_table_too_high),
	EACH_FORMAT(map_inexpressible),
	EACH_FORMAT(map_unknown_kind),
	EACH_FORMAT(map_last_page),
	EACH_FORMAT(map_non_canonical),
	EACH_FORMAT(map_pool_empty),
	EACH_FORMAT(map_pool_just_enough),
	EACH_FORMAT(map_into_pages_that_hold_bits),
	EACH_FORMAT(map_quarantine_full),
	EACH_FORMAT(map_list_stops_where_refused),
	EACH_FORMAT(map_atomic_list),
	EACH_FORMAT(map_atomic_list_overlaps),
	EACH_FORMAT(map_over_budget),
	EACH_FORMAT(map_while_tables_change),
	EACH_FORMAT(map_onto_what_came_meanwhile),
	{}
};

static struct kunit_suite map_suite = {
	.name = "vmem_map",
	.test_cases = map_cases,
};

kunit_test_suite(map_suite);
