// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks of many spaces together.
 *
 * Points of the behaviour's description that have a case here: 32 (one list a
 * root, ids are indexes), 33 (shared tables give references), 33b (permissions
 * of leaf and path apart), 34 (earlier or the same), 35 (only whole spans), 36
 * (roots count as seen), 37 (follow agrees; the memory of what was seen).
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define WHOLE	0, U64_MAX

/* Two spaces whose roots share a table of @level, at other addresses. */
static void share(struct bench *b, unsigned int level, struct vmem_space spaces[2],
		  u64 vas[2])
{
	u64 span = bench_span(b, level + 1), table;

	bench_reset(b);
	vas[0] = 0;
	vas[1] = level + 1 == bench_top(b) ? bench_upper(b) : span;
	spaces[0] = b->space;
	spaces[1] = bench_space(b, bench_table(b));
	table = bench_path(b, bench_root(b), vas[0], level);
	bench_put(b, bench_root(b), vas[0], 0, bench_leaf(b, bench_data(b, 1)));
	bench_put(b, vmem_table_gpa(spaces[1].root), vas[1], level + 1,
		  bench_read_only(b, bench_table_entry(b, table)));
}

/* 33: at each level, with where it is in both spaces; 33b */
static void walk_spaces_shared_at_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	const struct vmem_space_aware_mapping *rec;
	struct vmem_space spaces[2];
	unsigned int level;
	u64 vas[2];

	for (level = 0; level < bench_top(b); level++) {
		share(b, level, spaces, vas);
		bench_check_walks(b, spaces, 2, WHOLE);
		bench_walk(b, spaces, 2, WHOLE, 0, U64_MAX);
		KUNIT_ASSERT_EQ(test, b->nr_out, 2);
		rec = &b->out[1];
		KUNIT_EXPECT_EQ(test, rec->type, VMEM_REC_REFERENCE);
		KUNIT_EXPECT_EQ(test, rec->detail, bench_top(b) - level);
		KUNIT_EXPECT_EQ(test, rec->space, 1);
		KUNIT_EXPECT_EQ(test, rec->va, vas[1]);
		KUNIT_EXPECT_EQ(test, rec->ref.owner, 0);
		KUNIT_EXPECT_EQ(test, rec->ref.their_va, vas[0]);
		KUNIT_EXPECT_EQ(test, rec->ref.span, bench_span(b, level + 1));
		KUNIT_EXPECT_NE(test, bench_can_deny(b),
				!!(rec->path >> (4 * (level + 1)) & VMEM_W));
		KUNIT_EXPECT_TRUE(test, b->out[0].leaf & VMEM_W);
		/* and without it, the leaf itself */
		bench_walk(b, spaces, 2, WHOLE, VMEM_WALK_FOLLOW, U64_MAX);
		KUNIT_ASSERT_EQ(test, b->nr_out, 2);
		rec = &b->out[1];
		KUNIT_EXPECT_EQ(test, rec->type, VMEM_REC_MAPPING);
		KUNIT_EXPECT_EQ(test, rec->va, vas[1]);
		KUNIT_EXPECT_TRUE(test, rec->leaf & VMEM_W);
		KUNIT_EXPECT_NE(test, bench_can_deny(b), !!(rec->effective & VMEM_W));
	}
}

/* 33: one behind the other, and behind holes; each has its entry's permissions */
static void walk_spaces_references_in_one_table(struct kunit *test)
{
	static const unsigned int gaps[] = { 1, 2, 9, 17 };
	struct bench *b = bench_begin(test);
	struct vmem_space spaces[2];
	u64 vas[2], span, root, table;
	unsigned int level, i;

	for (level = 0; level < bench_top(b); level++) {
		share(b, level, spaces, vas);
		span = bench_span(b, level + 1);
		root = vmem_table_gpa(spaces[1].root);
		table = bench_path(b, bench_root(b), vas[0] + span, level);
		bench_put(b, bench_root(b), vas[0] + span, 0,
			  bench_leaf(b, bench_data(b, 2)));
		for (i = 0; i < ARRAY_SIZE(gaps); i++) {
			/* in the same table */
			if ((vas[1] ^ (vas[1] + gaps[i] * span)) >=
			    bench_span(b, level + 2))
				break;
			bench_put(b, root, vas[1] + gaps[i] * span, level + 1,
				  i % 2 ? bench_read_only(b, bench_table_entry(b, table)) :
					  bench_table_entry(b, table));
			bench_check_walks(b, spaces, 2, WHOLE);
			/* of the last one the range has a part */
			bench_check_walks(b, spaces, 2, 0, vas[1] + (gaps[i] + 1) * span -
					  BIT_ULL(b->e->fmt->page_lg2) - 1);
		}
		KUNIT_EXPECT_EQ(test, i, ARRAY_SIZE(gaps));
		/* at each of them there can be a pause */
		guest_calm(&b->guest);
		bench_walk(b, spaces, 2, WHOLE, 0, U64_MAX);
		KUNIT_EXPECT_GE(test, b->guest.pauses, b->walk.refs);
		b->guest.pause_one_in = 2;
		bench_check_walks(b, spaces, 2, WHOLE);
		guest_calm(&b->guest);
	}
}

/* 33: within one space too */
static void walk_spaces_shared_in_one(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 table = bench_path(b, bench_root(b), 0, bench_top(b) - 1);

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 0)));
	bench_put(b, bench_root(b), bench_upper(b), bench_top(b),
		  bench_table_entry(b, table));
	bench_check_walks(b, &b->space, 1, WHOLE);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 2);
	KUNIT_EXPECT_EQ(test, b->out[1].type, VMEM_REC_REFERENCE);
	KUNIT_EXPECT_EQ(test, b->out[1].ref.owner, 0);
	KUNIT_EXPECT_EQ(test, b->out[1].ref.their_va, 0);
}

/* 32, 33: a root given twice is a reference of depth 0 */
static void walk_spaces_same_root_twice(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	static struct vmem_space spaces[3];

	spaces[0] = b->space;
	spaces[1] = b->space;
	spaces[2] = b->space;
	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 0)));
	bench_check_walks(b, spaces, 3, WHOLE);
	bench_walk(b, spaces, 3, WHOLE, 0, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 3);
	KUNIT_EXPECT_EQ(test, b->out[2].type, VMEM_REC_REFERENCE);
	KUNIT_EXPECT_EQ(test, b->out[2].detail, 0);
	KUNIT_EXPECT_EQ(test, b->out[2].space, 2);
	KUNIT_EXPECT_EQ(test, b->out[2].ref.owner, 0);
}

/* 32: in the order given, none and empty ones too */
static void walk_spaces_in_order(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space *spaces = b->spaces;
	u32 i;

	for (i = 0; i < 4; i++) {
		spaces[i] = bench_space(b, bench_table(b));
		if (i != 2)
			bench_write(b, vmem_table_gpa(spaces[i].root), 0,
				    bench_reserved(b, bench_leaf(b, 0)));
	}
	bench_check_walks(b, spaces, 4, WHOLE);
	bench_walk(b, spaces, 4, WHOLE, 0, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 3);
	KUNIT_EXPECT_EQ(test, b->out[1].space, 1);
	KUNIT_EXPECT_EQ(test, b->out[2].space, 3);
	bench_check_walks(b, spaces, 0, WHOLE);
}

/* 34: a reference names its own space or an earlier one */
static void walk_spaces_references_go_back(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vt_random random = { .state = 8 };
	struct vmem_space *spaces = b->spaces;
	u32 round, i, j;

	for (round = 0; round < 30 && !b->differs; round++) {
		bench_reset(b);
		for (i = 0; i < 4; i++)
			spaces[i] = bench_space(b, guest_gpa(&b->guest,
							     PART_FOREIGN, i));
		for (i = 0; i < 12; i++)
			for (j = 0; j < 6; j++)
				bench_write(b, guest_gpa(&b->guest, PART_FOREIGN, i),
					    vt_random_below(&random, nr_entries(b->rules)),
					    bench_table_entry(b, guest_gpa(&b->guest,
						PART_FOREIGN,
						vt_random_below(&random, 12))));
		bench_check_walk(b, spaces, 4, WHOLE, 0);
		for (i = 0; i < b->nr_out; i++) {
			const struct vmem_space_aware_mapping *rec = &b->out[i];

			if (rec->type != VMEM_REC_REFERENCE)
				continue;
			KUNIT_EXPECT_LE(test, rec->ref.owner, rec->space);
			if (rec->ref.owner == rec->space)
				KUNIT_EXPECT_LT(test, rec->ref.their_va,
						rec->va + !rec->va);
		}
	}
}

/* 35: what the range covers in part is walked each time */
static void walk_spaces_span_in_part(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space spaces[2];
	u64 vas[2], span, page = bench_page(b);
	unsigned int level;
	u32 i, cut;

	for (level = 0; level < bench_top(b); level++) {
		for (cut = 0; cut < 4; cut++) {
			share(b, level, spaces, vas);
			span = bench_span(b, level + 1);
			/* at 0 as well in the second space, to cut both */
			bench_put(b, vmem_table_gpa(spaces[1].root), 0, level + 1,
				  bench_read(b, bench_path(b, bench_root(b), 0,
							   level + 1), 0));
			bench_check_walks(b, spaces, 2, cut & 1 ? page : 0,
					  span - 1 - (cut & 2 ? page : 0));
			for (i = 0; i < b->nr_out; i++)
				if (cut)
					KUNIT_EXPECT_NE(test, b->out[i].type,
							VMEM_REC_REFERENCE);
		}
	}
}

/* 36: a root counts as seen, and is met again at its level only */
static void walk_spaces_root_named_below(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space spaces[2];

	spaces[0] = bench_space(b, bench_table(b));
	spaces[1] = b->space;
	bench_write(b, bench_root(b), 0,
		    bench_table_entry(b, vmem_table_gpa(spaces[0].root)));
	bench_write(b, vmem_table_gpa(spaces[0].root), bench_last_index(b),
		    bench_table_entry(b, bench_root(b)));
	bench_check_walks(b, spaces, 2, WHOLE);
}

/* 37: following, each space has all of its leaves; references lead to them */
static void walk_spaces_follow_agrees(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space spaces[2];
	u64 vas[2], refs, leaves;
	unsigned int level;
	u32 i;

	for (level = 0; level < bench_top(b); level++) {
		share(b, level, spaces, vas);
		bench_walk(b, spaces, 2, WHOLE, VMEM_WALK_LEAVES, U64_MAX);
		leaves = b->out[b->nr_out].gpa;
		refs = b->out[b->nr_out].len;
		for (i = 0; i < b->nr_out; i++) {
			struct vmem_space_aware_mapping ref = b->out[i];

			if (ref.type != VMEM_REC_REFERENCE)
				continue;
			/* what it refers to, walked there */
			bench_walk(b, &spaces[ref.ref.owner], 1, ref.ref.their_va,
				   ref.ref.their_va + (ref.ref.span - 1),
				   VMEM_WALK_FOLLOW, U64_MAX);
			leaves += b->out[b->nr_out].gpa;
			refs--;
			bench_walk(b, spaces, 2, WHOLE, VMEM_WALK_LEAVES, U64_MAX);
		}
		KUNIT_EXPECT_EQ(test, refs, 0);
		bench_walk(b, spaces, 2, WHOLE, VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES,
			   U64_MAX);
		KUNIT_EXPECT_EQ(test, b->out[b->nr_out].gpa, leaves);
	}
}

/* 37: the memory of what was seen is full: -ENOBUFS, and it goes on with more */
static void walk_spaces_memory_grows(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 i;

	for (i = 0; i < nr_entries(b->rules) && i < 12; i++)
		bench_put(b, bench_root(b), i * bench_span(b, bench_top(b) - 1),
			  bench_top(b) - 1,
			  bench_table_entry(b, guest_gpa(&b->guest, PART_FROZEN,
							 i % FROZEN_TABLES)));
	bench_put(b, bench_root(b), bench_upper(b), 0, bench_leaf(b, 0));
	bench_check_walks(b, &b->space, 1, WHOLE);
	bench_walk(b, &b->space, 1, WHOLE, 0, U64_MAX);
	KUNIT_EXPECT_GE(test, b->seen.nr, 5);
}

/* 37: it may not grow: the walk ends with a record that says so */
static void walk_spaces_memory_capped(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_walk *walk = &b->walk;
	u32 nr = 0, cap;
	int ret;

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0));
	for (cap = 1; cap < b->rules->levels; cap++) {
		memset(b->slots[0], 0, sizeof(**b->slots) << 4);
		vmem_seen_init(&b->seen, b->slots[0], 4);
		b->seen.max = cap;
		b->e->core->walk_init(b->e->fmt, walk, WHOLE, 0, U64_MAX, &b->seen);
		ret = b->e->walk(b->e->fmt, &b->guest, &b->space, 1, walk, b->out, 8, &nr);
		KUNIT_EXPECT_EQ(test, ret, -ENOBUFS);
		KUNIT_EXPECT_EQ(test, nr, 0);
		/* again: no more is lost by trying */
		ret = b->e->walk(b->e->fmt, &b->guest, &b->space, 1, walk, b->out, 8, &nr);
		KUNIT_EXPECT_EQ(test, ret, -ENOBUFS);
		walk->ending = true;
		walk->end = VMEM_END_CAP;
		b->e->core->walk_end(b->e->fmt, &b->guest, walk, b->out, 8, &nr);
		KUNIT_ASSERT_EQ(test, nr, 1);
		KUNIT_EXPECT_EQ(test, b->out[0].type, VMEM_REC_END);
		KUNIT_EXPECT_EQ(test, b->out[0].detail, VMEM_END_CAP);
		KUNIT_EXPECT_EQ(test, b->out[0].va, 0);
		KUNIT_EXPECT_TRUE(test, walk->finished);
		nr = 0;
	}
}

static void walk_spaces_root_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space spaces[3] = {
		b->space, bench_space(b, bench_outside(b)), b->space,
	};

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0));
	bench_check_walks(b, spaces, 3, WHOLE);
	bench_check_walks(b, spaces, 3, bench_page(b), U64_MAX);
}

/* A vCPU writes while it is walked: records stay well-formed, in order. */
static void write_something(struct guest *guest)
{
	struct bench *b = guest->private;
	u32 index = vt_random_below(&guest->random, nr_entries(b->rules));
	u64 table = guest_gpa(guest, PART_FOREIGN,
			      vt_random_below(&guest->random, 8));
	u64 entry = bench_table_entry(b, guest_gpa(guest, PART_FOREIGN,
					vt_random_below(&guest->random, 8)));

	if (vt_random_below(&guest->random, 2))
		entry = bench_leaf(b, bench_data(b, index % DATA_PAGES));
	guest_write(guest, table, index, entry);
}

static void walk_spaces_while_tables_change(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	static struct vmem_space spaces[3];
	const struct vmem_space_aware_mapping *rec, *before;
	u32 round, i;

	b->guest.private = b;
	for (round = 0; round < 40; round++) {
		bench_reset(b);
		for (i = 0; i < 3; i++)
			spaces[i] = bench_space(b, guest_gpa(&b->guest,
							     PART_FOREIGN, i));
		b->guest.random.state = round;
		for (i = 0; i < 50; i++)
			write_something(&b->guest);
		b->guest.change = write_something;
		b->guest.pause_one_in = 3;
		b->slices = 1 + round % 5;
		bench_walk(b, spaces, 3, WHOLE, round & 1 ? VMEM_WALK_HOLES : 0,
			   2000);
		for (i = 1; i < b->nr_out; i++) {
			rec = &b->out[i];
			before = &b->out[i - 1];
			KUNIT_EXPECT_LE(test, before->space, rec->space);
			if (rec->space != before->space)
				continue;
			KUNIT_EXPECT_LT(test, before->va, rec->va);
			if (before->type != VMEM_REC_REFERENCE)
				KUNIT_EXPECT_LE(test, before->va + (before->len - 1),
						rec->va);
		}
	}
}

/* Equal leaves of two vCPUs that aren't equal. */
static void walk_spaces_of_other_facts(struct kunit *test)
{
	struct bench *b = bench_begin_cpu(test, 0, false, 1);
	u64 leaf = bench_read_only(b, bench_leaf(b, bench_data(b, 4)));
	struct vmem_space spaces[2] = {
		b->space, bench_space(b, bench_table(b)),
	};
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(b->e, &spaces[1].facts, 0, 0, 2));
	leaf |= spaces[0].facts.cow;
	for (i = 0; i < 2; i++)
		bench_put(b, vmem_table_gpa(spaces[i].root), 0, 0, leaf);
	bench_walk(b, spaces, 2, WHOLE, 0, U64_MAX);
	KUNIT_ASSERT_EQ(test, b->nr_out, 2);
	KUNIT_EXPECT_TRUE(test, b->out[0].leaf & VMEM_COW);
	KUNIT_EXPECT_FALSE(test, b->out[1].leaf & VMEM_COW);
}

static struct kunit_case spaces_cases[] = {
	EACH_X86_64(walk_spaces_of_other_facts),
	EACH_FORMAT(walk_spaces_shared_at_each_level),
	EACH_X86_64(walk_spaces_references_in_one_table),
	EACH_FORMAT(walk_spaces_shared_in_one),
	EACH_FORMAT(walk_spaces_same_root_twice),
	EACH_FORMAT(walk_spaces_in_order),
	EACH_FORMAT(walk_spaces_references_go_back),
	EACH_FORMAT(walk_spaces_span_in_part),
	EACH_FORMAT(walk_spaces_root_named_below),
	EACH_FORMAT(walk_spaces_follow_agrees),
	EACH_FORMAT(walk_spaces_memory_grows),
	EACH_FORMAT(walk_spaces_memory_capped),
	EACH_FORMAT(walk_spaces_root_outside),
	EACH_FORMAT(walk_spaces_while_tables_change),
	{}
};

static struct kunit_suite spaces_suite = {
	.name = "vmem_spaces",
	.test_cases = spaces_cases,
};

kunit_test_suite(spaces_suite);
