// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks of one space.
 *
 * Points of the behaviour's description that have a case here: 1 (entries in
 * part), 3, 4 (outside), 20 (extents), 21 (holes), 22 (no range), 23, 24 (both
 * halves), 25 (permissions), 26 (address 0), 36 (a table at another level), 38
 * (hostile tables, the budget).
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define WHOLE	0, U64_MAX

static void check_whole(struct bench *b)
{
	bench_check_walks(b, &b->space, 1, WHOLE);
}

static void walk_empty_root(struct kunit *test)
{
	struct bench *b = bench_begin(test);

	check_whole(b);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
	/* 21: two halves are one hole each, of the root's level */
	bench_walk(b, &b->space, 1, WHOLE, VMEM_WALK_HOLES, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 2);
	KUNIT_EXPECT_EQ(test, b->out[0].va, 0);
	KUNIT_EXPECT_EQ(test, b->out[0].len, -bench_upper(b));
	KUNIT_EXPECT_EQ(test, b->out[0].level, bench_top(b));
	KUNIT_EXPECT_EQ(test, b->out[1].va, bench_upper(b));
}

/* 20: contiguous leaves are one record, over the ends of tables too */
static void walk_extent_over_tables(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int last = bench_last_index(b);
	u64 page = bench_page(b), va = last * page;

	bench_put(b, bench_root(b), va, 0, bench_leaf(b, bench_data(b, 4)));
	bench_put(b, bench_root(b), va + page, 0, bench_leaf(b, bench_data(b, 5)));
	check_whole(b);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 1);
	KUNIT_EXPECT_EQ(test, b->out[0].va, va);
	KUNIT_EXPECT_EQ(test, b->out[0].len, 2 * page);
	KUNIT_EXPECT_EQ(test, b->out[0].gpa, bench_data(b, 4));
	bench_walk(b, &b->space, 1, WHOLE, VMEM_WALK_LEAVES, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 2);
}

/* 20: but not with another bit, another path, another order of frames */
static void walk_extent_ends(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int i;
	u64 page = bench_page(b), leaf;

	for (i = 0; i < 64; i++) {
		bench_reset(b);
		leaf = bench_leaf(b, bench_data(b, 4));
		bench_put(b, bench_root(b), 0, 0, leaf);
		bench_put(b, bench_root(b), page, 0,
			  bench_leaf(b, bench_data(b, 5)) ^ BIT_ULL(i));
		check_whole(b);
	}
	bench_reset(b);
	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 5)));
	bench_put(b, bench_root(b), page, 0, bench_leaf(b, bench_data(b, 4)));
	check_whole(b);
}

static void walk_extent_other_path(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), va = bench_last_index(b) * page, table;

	bench_needs_deny(b);
	bench_put(b, bench_root(b), va, 0, bench_leaf(b, bench_data(b, 4)));
	bench_put(b, bench_root(b), va + page, 0, bench_leaf(b, bench_data(b, 5)));
	table = bench_path(b, bench_root(b), 0, 1);
	bench_write(b, table, 0, bench_read_only(b, bench_read(b, table, 0)));
	check_whole(b);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 2);
}

static void walk_extent_ignores_ad(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), leaf = bench_leaf(b, bench_data(b, 4));

	bench_put(b, bench_root(b), 0, 0, leaf);
	bench_put(b, bench_root(b), page, 0,
		  bench_leaf(b, bench_data(b, 5)) & ~b->rules->accessed_dirty);
	check_whole(b);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 2);
	bench_walk(b, &b->space, 1, WHOLE, VMEM_WALK_IGNORE_AD, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 1);
}

/* Runs of many lengths at many places, for loops that take eight at once. */
static void walk_runs_of_each_length(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 nr = nr_entries(b->rules), from, len, i;
	u64 table = bench_path(b, bench_root(b), 0, 0), page = bench_page(b);

	for (from = 0; from < nr && from < 20 && !b->differs; from += 3) {
		for (len = 1; len <= 24 && from + len <= nr; len++) {
			memset(guest_host(&b->guest, table), 0, nr * sizeof(u64));
			for (i = 0; i < len; i++)
				bench_write(b, table, from + i,
					    bench_leaf(b, bench_data(b, 0) + i * page));
			if (len > 9)
				bench_write(b, table, from + 9, 0);
			bench_check_walk(b, &b->space, 1, WHOLE, 0);
			bench_check_walk(b, &b->space, 1, WHOLE, VMEM_WALK_HOLES);
		}
	}
}

/* 4: an extent is split where memory begins and ends */
static void walk_frames_partly_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 nr = nr_entries(b->rules), i;

	/* from before memory to behind it; the toy only has room for four */
	nr = nr > 4 ? 128 : 4;
	for (i = 0; i < nr; i++)
		bench_put(b, bench_root(b), i * bench_page(b), 0,
			  bench_leaf(b, (DATA_FIRST - nr / 2 + i) * bench_page(b)));
	check_whole(b);
	bench_check_walks(b, &b->space, 1, bench_page(b), 3 * bench_page(b));
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_EXPECT_GE(test, b->nr_out, 2);
}

static void walk_large_leaves(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;
	u64 span, last, gpa;

	for (level = 1; level < b->rules->levels; level++) {
		if (!(b->e->fmt->leaf_levels & BIT(level)))
			continue;
		bench_reset(b);
		span = bench_span(b, level);
		bench_put(b, bench_root(b), 0, level, bench_large(b, 0));
		bench_put(b, bench_root(b), span, level, bench_large(b, span));
		check_whole(b);
		/* 4: one that begins in memory */
		bench_put(b, bench_root(b), -span, level,
			  bench_large(b, bench_frame(b, level)));
		bench_put(b, bench_root(b), -2 * span, level,
			  bench_large(b, bench_frame(b, level) - span));
		check_whole(b);
		bench_check_walks(b, &b->space, 1, -span + bench_page(b), U64_MAX);
		bench_check_walks(b, &b->space, 1, 0, -span + bench_page(b) - 1);
		/* 1: in part */
		last = 2 * span - 1 - bench_page(b);
		bench_check_walks(b, &b->space, 1, bench_page(b), last);
		bench_walk(b, &b->space, 1, bench_page(b), last, 0, U64_MAX);
		KUNIT_ASSERT_GE(test, b->nr_out, 1);
		KUNIT_EXPECT_EQ(test, b->out[0].va, bench_page(b));
		KUNIT_EXPECT_EQ(test, b->out[0].gpa, bench_page(b));
		KUNIT_EXPECT_EQ(test, b->out[0].detail,
				b->e->fmt->entry_lg2(level));
		/* 4: memory begins or ends behind one of which there is but a part */
		for (gpa = 0; gpa <= bench_outside(b); gpa += span) {
			bench_put(b, bench_root(b), 0, level, bench_large(b, gpa));
			bench_put(b, bench_root(b), span, level,
				  bench_large(b, (gpa + 2 * span) % (4 * span)));
			bench_check_walks(b, &b->space, 1, span - bench_page(b), U64_MAX);
			bench_put(b, bench_root(b), span, level, bench_large(b, gpa + span));
			bench_check_walks(b, &b->space, 1, span - bench_page(b), U64_MAX);
		}
	}
}

/* 50: entries that count on through the bit that says encrypted */
static void walk_through_enc_bit(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	unsigned int bit, level, i;
	struct bench *b;
	u64 root, gpa;

	for (bit = 32; bit < 44; bit += 3) {
		const struct cpu cpu = {
			.phys_bits = 46, .cow = 1, .enc_bit = bit,
		};

		b = bench_begin_facts(test, e, &cpu);
		for (level = 1; level < 3; level++) {
			bench_reset(b);
			root = bench_path(b, bench_root(b), 0, level);
			for (i = 0; i < nr_entries(b->rules); i++) {
				gpa = (u64)i * bench_span(b, level) + (level == 1 ?
				      (1ULL << bit) - 7 * bench_span(b, 1) : 0);
				bench_write(b, root, i, bench_large(b, gpa));
			}
			bench_check_walks(b, &b->space, 1, 0, U64_MAX);
		}
	}
}

/* 3 */
static void walk_table_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;

	for (level = 1; level < b->rules->levels; level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level,
			  bench_table_entry(b, bench_outside(b)));
		bench_put(b, bench_root(b), bench_span(b, level), 0,
			  bench_leaf(b, bench_data(b, 0)));
		check_whole(b);
		bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
		/* and it goes on behind it */
		KUNIT_ASSERT_EQ(test, b->nr_out, 2);
		KUNIT_EXPECT_EQ(test, b->out[0].type, VMEM_REC_BAD);
		KUNIT_EXPECT_EQ(test, b->out[0].detail, VMEM_BAD_OUTSIDE);
		KUNIT_EXPECT_EQ(test, b->out[0].gpa, bench_outside(b));
		KUNIT_EXPECT_EQ(test, b->out[0].level, level);
		KUNIT_EXPECT_EQ(test, b->out[1].type, VMEM_REC_MAPPING);
	}
}

static void walk_root_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space space = bench_space(b, bench_outside(b));

	bench_check_walks(b, &space, 1, WHOLE);
	bench_check_walks(b, &space, 1, bench_page(b), U64_MAX);
}

static void walk_malformed_entries(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;

	for (level = 0; level < b->rules->levels; level++) {
		bench_put(b, bench_root(b), bench_upper(b) | bench_span(b, level),
			  level, bench_reserved(b, bench_leaf(b, 0)));
		bench_put(b, bench_root(b), 0, level, bench_leaf(b, 0));
		check_whole(b);
		bench_reset(b);
	}
	bench_write(b, bench_root(b), 0, bench_large(b, 0));
	check_whole(b);
	if (b->e->fmt->leaf_levels & BIT(bench_top(b)))
		return;
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 1);
	KUNIT_EXPECT_EQ(test, b->out[0].detail, VMEM_BAD_LARGE);
}

/* 22, 24: ranges in, over and beside the addresses that aren't canonical */
static void walk_ranges(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b);
	u64 edges[] = { 0, 1, page - 1, 3 * page, -upper - page, -upper - 1,
			-upper, upper - 1, upper, upper + page - 1, U64_MAX };
	u32 i, j;

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 0)));
	bench_put(b, bench_root(b), page, 0, bench_leaf(b, bench_data(b, 1)));
	bench_put(b, bench_root(b), -upper - 1, 0, bench_leaf(b, bench_data(b, 2)));
	bench_put(b, bench_root(b), upper, 0, bench_leaf(b, bench_data(b, 3)));
	bench_put(b, bench_root(b), U64_MAX, 0, bench_leaf(b, 0));
	for (i = 0; i < ARRAY_SIZE(edges); i++)
		for (j = i; j < ARRAY_SIZE(edges) && !b->differs; j++)
			bench_check_walks(b, &b->space, 1, edges[i], edges[j]);
}

/* 22: the last address before the first, in a page or not: nothing */
static void walk_no_range(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 0)));
	bench_put(b, bench_root(b), page, 0, bench_leaf(b, bench_data(b, 1)));
	bench_walk(b, &b->space, 1, 1, 0, VMEM_WALK_HOLES, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
	bench_walk(b, &b->space, 1, page + 1, page, VMEM_WALK_HOLES, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
	bench_walk(b, &b->space, 1, 2 * page, page, VMEM_WALK_HOLES, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
	bench_walk(b, &b->space, 1, U64_MAX, 0, VMEM_WALK_HOLES, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
}

/* 24: leaves before and behind that hole are no extent */
static void walk_halves_are_apart(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 upper = bench_upper(b);

	bench_put(b, bench_root(b), -upper - 1, 0, bench_leaf(b, bench_data(b, 2)));
	bench_put(b, bench_root(b), upper, 0, bench_leaf(b, bench_data(b, 3)));
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 2);
	KUNIT_EXPECT_EQ(test, b->out[1].va, upper);
}

/* 21 */
static void walk_holes_of_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;

	bench_put(b, bench_root(b), 0, 0, bench_junk(b));
	check_whole(b);
	bench_walk(b, &b->space, 1, WHOLE, VMEM_WALK_HOLES, U64_MAX);
	KUNIT_ASSERT_GE(test, b->nr_out, b->rules->levels);
	for (level = 0; level < b->rules->levels; level++) {
		KUNIT_EXPECT_EQ(test, b->out[level].type, VMEM_REC_HOLE);
		KUNIT_EXPECT_EQ(test, b->out[level].level, level);
	}
}

/* 20 to 26 by the iterator: one result a call, the end at last */
static void virt_to_phys_one_by_one(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space_aware_mapping rec;
	struct vmem_walk walk;
	u32 i = 0;

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 1)));
	bench_put(b, bench_root(b), bench_page(b), 0, bench_leaf(b, bench_data(b, 1)));
	bench_put(b, bench_root(b), U64_MAX, 0, bench_leaf(b, bench_data(b, 0)));
	bench_check_walk(b, &b->space, 1, WHOLE, VMEM_WALK_FOLLOW);
	b->e->core->walk_init(b->e->fmt, &walk, WHOLE, VMEM_WALK_FOLLOW, U64_MAX, NULL);
	for (;;) {
		KUNIT_ASSERT_EQ(test, 0, b->e->virt_to_phys(b->e->fmt, &b->guest, &b->space,
							    &walk, &rec));
		if (rec.type == VMEM_REC_END)
			break;
		KUNIT_ASSERT_LE(test, i + 1, b->nr_out);
		KUNIT_EXPECT_TRUE(test, bench_same_record(&rec, &b->out[i]));
		i++;
	}
	KUNIT_EXPECT_EQ(test, i, b->nr_out);
	KUNIT_EXPECT_EQ(test, i, 3);
	KUNIT_EXPECT_TRUE(test, walk.finished);
}

static void walk_absent_reported(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;
	u64 table;

	for (level = 0; level < b->rules->levels; level++) {
		bench_reset(b);
		table = bench_path(b, bench_root(b), 0, level);
		bench_put(b, bench_root(b), U64_MAX, 0, bench_leaf(b, 0));
		b->guest.gone = vmem_table(table);
		bench_check_walk(b, &b->space, 1, WHOLE,
				 VMEM_WALK_RESIDENT_ONLY);
		bench_check_walk(b, &b->space, 1, bench_page(b), U64_MAX,
				 VMEM_WALK_RESIDENT_ONLY | VMEM_WALK_HOLES);
		KUNIT_ASSERT_GE(test, b->nr_out, 1);
		KUNIT_EXPECT_EQ(test, b->out[0].type, VMEM_REC_ABSENT);
		KUNIT_EXPECT_EQ(test, b->out[0].gpa, table);
		b->guest.gone = VMEM_NO_TABLE;
	}
}

/* 38: with each budget the walk stops, and goes on where it says */
static void walk_budget_resumes(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	const struct vmem_space_aware_mapping *end;
	u64 page = bench_page(b), budget, va, leaves, visited;
	u32 flags = VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES, i, last;

	for (i = 0; i < 4; i++)
		bench_put(b, bench_root(b), (i & 1 ? bench_upper(b) : 0) +
			  (i & 2 ? 2 * page : 0), 0,
			  bench_leaf(b, bench_data(b, 9 * i)));
	bench_put(b, bench_root(b), U64_MAX, 0, bench_leaf(b, bench_data(b, 3)));
	bench_walk(b, &b->space, 1, WHOLE, flags, U64_MAX);
	visited = U64_MAX - b->walk.budget;
	leaves = b->nr_out;
	for (budget = b->rules->levels; budget <= visited + 1; budget++) {
		u64 nr = 0, last_va = 0;

		for (va = 0, i = 0; i < 100; i++) {
			bench_walk(b, &b->space, 1, va, U64_MAX, flags, budget);
			for (last = 0; last < b->nr_out; last++, nr++)
				last_va = b->out[last].va;
			end = &b->out[b->nr_out];
			if (end->detail == VMEM_END_COMPLETE)
				break;
			KUNIT_EXPECT_EQ(test, end->detail, VMEM_END_BUDGET);
			KUNIT_EXPECT_EQ(test, b->walk.budget, 0);
			va = end->va;
		}
		KUNIT_EXPECT_EQ(test, nr, leaves);
		KUNIT_EXPECT_EQ(test, last_va, -page);
		KUNIT_EXPECT_EQ(test, i == 0, budget >= visited);
	}
	bench_walk(b, &b->space, 1, WHOLE, flags, 0);
	KUNIT_EXPECT_EQ(test, b->out[0].type, VMEM_REC_END);
	KUNIT_EXPECT_EQ(test, b->out[0].detail, VMEM_END_BUDGET);
}

/*
 * 38: what a hostile guest makes of its tables. A walk enters each table once
 * a level, whatever they say; one that follows ends with its budget.
 */
static void check_hostile(struct bench *b, u32 nr_tables)
{
	u64 most = (u64)nr_tables * b->rules->levels;

	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_EXPECT_LE(b->test, U64_MAX - b->walk.budget, most);
	bench_check_walk(b, &b->space, 1, WHOLE, 0);
	bench_check_walk(b, &b->space, 1, WHOLE, VMEM_WALK_HOLES);

	b->guest.calls = 0;
	bench_walk(b, &b->space, 1, bench_page(b), -bench_page(b) - 1,
		   VMEM_WALK_FOLLOW, 12);
	KUNIT_EXPECT_LE(b->test, b->guest.calls, 13);
}

static void walk_tables_naming_themselves(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 i;

	for (i = 0; i < nr_entries(b->rules); i++)
		bench_write(b, bench_root(b), i,
			    bench_table_entry(b, bench_root(b)));
	check_hostile(b, 1);
}

static void walk_one_table_named_by_all(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 table = bench_root(b), below;
	u32 level, i;

	for (level = bench_top(b); level; level--, table = below) {
		below = bench_table(b);
		for (i = 0; i < nr_entries(b->rules); i++)
			bench_write(b, table, i, bench_table_entry(b, below));
	}
	for (i = 0; i < nr_entries(b->rules); i++)
		bench_write(b, table, i, bench_leaf(b, bench_data(b, 0)));
	check_hostile(b, b->rules->levels);
}

static void walk_cycles_over_levels(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 tables[4] = { bench_root(b) };
	u32 t, i;

	for (t = 1; t < 4; t++)
		tables[t] = bench_table(b);
	for (t = 0; t < 4; t++)
		for (i = 0; i < nr_entries(b->rules); i++)
			bench_write(b, tables[t], i,
				    bench_table_entry(b, tables[(t + 1 + i) % 4]));
	check_hostile(b, 4);
}

static void walk_random_bytes(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vt_random random = { .state = 5 };
	u64 keep = ~(b->rules->reserved | b->rules->large);
	u32 round, page, i;

	for (round = 0; round < 20 && !b->differs; round++) {
		for (page = 0; page < 4; page++) {
			for (i = 0; i < nr_entries(b->rules); i++) {
				u64 entry = vt_random(&random);

				/* half of them name one of four tables */
				if (entry & BIT_ULL(57))
					entry = (entry & keep & 0x7ff0000000000000ULL) |
						b->rules->present |
						guest_gpa(&b->guest, PART_POOL, i % 4);
				bench_write(b, guest_gpa(&b->guest, PART_POOL, page),
					    i, entry);
			}
		}
		/* 4, and those of the other parts that a random address hits */
		bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
		KUNIT_EXPECT_LE(test, U64_MAX - b->walk.budget,
				(4 + DATA_PAGES + FOREIGN_TABLES + FROZEN_TABLES +
				 POOL_TABLES) * b->rules->levels);
		bench_check_walk(b, &b->space, 1, WHOLE, VMEM_WALK_HOLES);
	}
}

/* 36: met at another level, a table is walked as usual */
static void walk_table_at_two_levels(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 table = bench_table(b), other = bench_table(b);

	/* as the table of leaves, and as the one above it */
	bench_put(b, bench_root(b), 0, 1, bench_table_entry(b, table));
	bench_put(b, bench_root(b), bench_upper(b), 2, bench_table_entry(b, table));
	bench_write(b, table, 0, bench_table_entry(b, other));
	bench_write(b, other, 1, bench_leaf(b, bench_data(b, 0)));
	check_whole(b);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_EXPECT_EQ(test, b->out[b->nr_out].len, 0);
}

/* A table that another vCPU reads in another way is walked for each. */
static void walk_apart_by_facts(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 bits = b->space.facts.vcpu.phys_bits;
	const struct cpu narrow = { .phys_bits = bits - 1 };
	static struct vmem_space spaces[3];
	u64 page = bench_page(b);
	u32 nr;

	spaces[0] = b->space;
	spaces[1] = b->space;
	spaces[2] = b->space;
	KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(b->e, &spaces[1].facts, &narrow));
	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, BIT_ULL(bits - 2)));
	bench_put(b, bench_root(b), page, 0, bench_leaf(b, BIT_ULL(bits - 1)));
	bench_walk(b, spaces, 3, WHOLE, 0, U64_MAX);
	nr = b->nr_out;
	KUNIT_ASSERT_EQ(test, nr, 5);
	KUNIT_EXPECT_EQ(test, b->out[0].type, VMEM_REC_MAPPING);
	KUNIT_EXPECT_EQ(test, b->out[1].type, VMEM_REC_MAPPING);
	KUNIT_EXPECT_EQ(test, b->out[2].type, VMEM_REC_MAPPING);
	KUNIT_EXPECT_EQ(test, b->out[2].space, 1);
	KUNIT_EXPECT_EQ(test, b->out[3].type, VMEM_REC_BAD);
	KUNIT_EXPECT_EQ(test, b->out[3].space, 1);
	KUNIT_EXPECT_EQ(test, b->out[4].type, VMEM_REC_REFERENCE);
	KUNIT_EXPECT_EQ(test, b->out[4].ref.owner, 0);
}

/* Stopped anywhere, by an absent table or a pause: the same records. */
static void walk_stopped_everywhere(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	static const u32 flags[] = { 0, VMEM_WALK_HOLES,
				     VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES };
	u64 page = bench_page(b), at, calls, pauses;
	u32 i;

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 0)));
	bench_put(b, bench_root(b), bench_last_index(b) * page, 0,
		  bench_leaf(b, bench_data(b, 1)));
	bench_put(b, bench_root(b), (bench_last_index(b) + 1) * page, 0,
		  bench_leaf(b, bench_data(b, 2)));
	bench_put(b, bench_root(b), bench_upper(b), bench_top(b),
		  bench_table_entry(b, bench_path(b, bench_root(b), 0,
						  bench_top(b) - 1)));
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		guest_calm(&b->guest);
		bench_check_walk(b, &b->space, 1, WHOLE, flags[i]);
		calls = b->guest.calls;
		pauses = b->guest.pauses;
		for (at = 1; at <= calls + pauses && !b->differs; at++) {
			guest_calm(&b->guest);
			b->guest.absent_at = at <= calls ? at : 0;
			b->guest.pause_at = at <= calls ? 0 : at - calls;
			bench_check_walk(b, &b->space, 1, WHOLE, flags[i]);
			b->slices = 1;
			bench_check_walk(b, &b->space, 1, WHOLE, flags[i]);
			b->slices = 0;
		}
	}
}

/* 25: the frame behind the last one that there can be is no frame */
static void walk_leaf_behind_the_last_frame(struct kunit *test)
{
	struct bench *b = bench_begin_cpu(test, 52, false, 0);
	u64 span = bench_span(b, 1), last = BIT_ULL(52) - span;
	u64 leaf = bench_large(b, last);
	u32 i;

	/* all that lies above the address is set */
	bench_put(b, bench_root(b), 0, 1, leaf | ~(BIT_ULL(52) - 1));
	bench_put(b, bench_root(b), span, 1, leaf - last);
	check_whole(b);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	/* the second one's frame is memory in parts */
	KUNIT_ASSERT_GE(test, b->nr_out, 2);
	KUNIT_EXPECT_FALSE(test, b->out[0].effective & VMEM_X);
	for (i = 1; i < b->nr_out; i++) {
		KUNIT_EXPECT_TRUE(test, b->out[i].effective & VMEM_X);
		KUNIT_EXPECT_EQ(test, b->out[i].entry, leaf - last);
	}
}

static struct kunit_case walk_cases[] = {
	EACH_X86_64(walk_leaf_behind_the_last_frame),
	EACH_FORMAT(walk_empty_root),
	EACH_FORMAT(walk_extent_over_tables),
	EACH_FORMAT(walk_extent_ends),
	EACH_FORMAT(walk_extent_other_path),
	EACH_FORMAT(walk_extent_ignores_ad),
	EACH_FORMAT(walk_runs_of_each_length),
	EACH_FORMAT(walk_frames_partly_outside),
	EACH_FORMAT(walk_large_leaves),
	EACH_FORMAT(walk_table_outside),
	EACH_FORMAT(walk_root_outside),
	EACH_FORMAT(walk_malformed_entries),
	EACH_FORMAT(walk_ranges),
	EACH_FORMAT(walk_no_range),
	EACH_FORMAT(walk_halves_are_apart),
	EACH_FORMAT(walk_holes_of_each_level),
	EACH_FORMAT(virt_to_phys_one_by_one),
	EACH_FORMAT(walk_absent_reported),
	EACH_FORMAT(walk_budget_resumes),
	EACH_FORMAT(walk_tables_naming_themselves),
	EACH_FORMAT(walk_one_table_named_by_all),
	EACH_FORMAT(walk_cycles_over_levels),
	EACH_FORMAT(walk_random_bytes),
	EACH_FORMAT(walk_table_at_two_levels),
	EACH_FORMAT(walk_apart_by_facts),
	EACH_FORMAT(walk_stopped_everywhere),
	EACH_X86_64(walk_through_enc_bit),
	{}
};

static struct kunit_suite walk_suite = {
	.name = "vmem_walk",
	.test_cases = walk_cases,
};

kunit_test_suite(walk_suite);
