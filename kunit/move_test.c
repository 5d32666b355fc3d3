// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables that move: out of frozen memory, to be changed. Each change is compared
 * with the model, byte by byte, the frozen ones included.
 *
 * Points of the behaviour's description that have a case here: 13 (a move is
 * counted first), 16, 18, 28 (parents up to the root), 29 (their flags are
 * kept), 30 (it goes on in the new table), 31 (the frozen one stays). That each
 * kind of change moves what it must is in cells_test.c.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

/* An entry that vmem wouldn't make: user, odd bits, not accessed. */
static u64 odd_entry(struct bench *b, u64 table)
{
	return (b->rules->table(&b->model.cpu, table, VMEM_RWXU) & ~b->rules->accessed_dirty) |
	       b->rules->software;
}

static struct bench *begin(struct kunit *test)
{
	struct bench *b = bench_begin(test);

	bench_movable(b, true);
	return b;
}

static void reset(struct bench *b)
{
	bench_reset(b);
	bench_movable(b, true);
}

/*
 * Below the space's root a path of frozen tables from @highest down to level 0,
 * which holds a leaf at its last address; frozen tables from number 0 on.
 */
static void put_frozen(struct bench *b, unsigned int highest, u64 va)
{
	unsigned int level = highest, i;
	u64 table = 0, below;

	if (highest == bench_top(b)) {
		table = bench_frozen_table(b);
		bench_adopt(b, table);
	} else {
		table = bench_frozen_table(b);
		bench_put(b, bench_root(b), va, highest + 1, odd_entry(b, table));
	}
	for (; level; level--, table = below) {
		below = bench_frozen_table(b);
		bench_write(b, table, entry_index(b->rules, va, level),
			    odd_entry(b, below));
	}
	i = bench_last_index(b);
	bench_write(b, table, i, bench_leaf(b, bench_data(b, 9)));
}

/* The entry for @va of the table of @level, as the space has it now. */
static u64 entry_at(struct bench *b, unsigned int level, u64 va)
{
	return bench_read(b, bench_path(b, bench_root(b), va, level),
			  entry_index(b->rules, va, level));
}

static void expect_mapped(struct bench *b, u64 va, u64 gpa)
{
	struct vmem_translation t;

	bench_translate(b, &b->space, va, &t);
	KUNIT_EXPECT_EQ(b->test, t.status, VMEM_OK);
	KUNIT_EXPECT_EQ(b->test, t.gpa, gpa);
}

/* 28, 31: from each level down; 29 */
static void move_frozen_path(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), root, va;
	unsigned int highest, level;

	for (highest = 0; highest < b->rules->levels; highest++) {
		va = highest & 1 ? bench_upper(b) : 0;
		reset(b);
		put_frozen(b, highest, va);
		root = bench_root(b);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, bench_data(b, 1), page,
						   RWX, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
		KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_MOVED);
		KUNIT_EXPECT_EQ(test, bench_root(b) != root,
				highest == bench_top(b));
		/* with a root of ours, where that is another one */
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used,
				highest + 1 + (highest < bench_top(b)));
		for (level = 1; level <= highest; level++)
			KUNIT_EXPECT_EQ(test, entry_at(b, level, va),
				odd_entry(b, bench_path(b, bench_root(b), va,
							level - 1)));
		expect_mapped(b, va, bench_data(b, 1));
		/* what was there came along */
		expect_mapped(b, va + bench_last_index(b) * page, bench_data(b, 9));
		/* 31: the frozen one of leaves is as it was */
		KUNIT_EXPECT_EQ(test, bench_read(b, bench_frozen(b, highest), 0), 0);
		/* and now nothing moves any more */
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, page, RWX,
						   VMEM_CHANGE_REPLACE |
						   VMEM_CHANGE_ALONE));
		KUNIT_EXPECT_EQ(test, b->change.answer.changes, 0);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
	}
}

/* 30: of many entries of each level, in one call, all stay */
static void move_goes_on_in_the_new_table(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), span;
	struct vmem_mapping list[3];
	unsigned int level, i, nr;

	for (level = 0; level < b->rules->levels; level++) {
		/* the toy has but two entries a table, and two halves */
		span = bench_span(b, level);
		nr = nr_entries(b->rules) > 2 ? 3 : 2;
		reset(b);
		put_frozen(b, bench_top(b), 0);
		for (i = 0; i < nr; i++)
			list[i] = bench_basic(sign_extend(b->rules, i * span),
					      bench_data(b, i), page, RWX);
		KUNIT_EXPECT_EQ(test, nr_entries(b->rules) > 2 || level ? 0 : -EEXIST,
				bench_change(b, list, nr, VMEM_CHANGE_ATOMIC));
		KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, nr,
						      VMEM_CHANGE_ATOMIC |
						      VMEM_CHANGE_REPLACE));
		for (i = 0; i < nr; i++)
			expect_mapped(b, sign_extend(b->rules, i * span),
				      bench_data(b, i));
	}
	/* one mapping of three pages and more */
	reset(b);
	put_frozen(b, bench_top(b), 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, bench_data(b, 0), 3 * page, RWX,
					   VMEM_CHANGE_REPLACE));
	for (i = 0; i < 3; i++)
		expect_mapped(b, i * page, bench_data(b, i));
}

/* 30: over the end of one frozen table of leaves into the next */
static void move_over_many_tables(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), table;

	put_frozen(b, bench_top(b), 0);
	/* the second is frozen too, the third is missing, on x86-64 */
	table = bench_frozen_table(b);
	bench_write(b, bench_path(b, bench_root(b), 0, 1), 1, odd_entry(b, table));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, page, bench_data(b, 0),
					   2 * span - page, VMEM_R | VMEM_W,
					   VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels + 1);
	bench_check_walk(b, &b->space, 1, 0, U64_MAX, 0);
	if (bench_top(b) > 2)
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, 2 * span - page, 0, 2 * page,
						   RWX, VMEM_CHANGE_REPLACE));
}

/* Frozen, then one of the guest's that isn't, then frozen: only the last moves. */
static void move_below_one_that_stays(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 frozen, table = bench_table(b), below = bench_frozen_table(b);

	bench_put(b, bench_root(b), 0, 2, odd_entry(b, table));
	bench_write(b, table, 0, odd_entry(b, below));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, bench_page(b), RWX, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 2);
	KUNIT_EXPECT_EQ(test, bench_path(b, bench_root(b), 0, 1), table);
	/* a frozen root above: what is below can be written stays linked by it */
	reset(b);
	frozen = bench_frozen_table(b);
	bench_adopt(b, frozen);
	table = bench_table(b);
	bench_write(b, frozen, 0, odd_entry(b, table));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, bench_page(b), RWX, 0));
	KUNIT_EXPECT_EQ(test, bench_root(b), frozen);
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, 0);
}

/* A frozen table in two places, of one level: it moves where it is changed. */
static void move_one_of_two_places(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), va, frozen;
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		reset(b);
		put_frozen(b, level, 0);
		frozen = bench_frozen(b, 0);
		va = sign_extend(b->rules, bench_span(b, level + 1));
		bench_put(b, bench_root(b), va, level + 1, odd_entry(b, frozen));
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
		KUNIT_EXPECT_EQ(test, entry_at(b, level + 1, va),
				odd_entry(b, frozen));
		KUNIT_EXPECT_NE(test, entry_at(b, level + 1, 0),
				odd_entry(b, frozen));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 2 + level);
		/* and once more at the other place */
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, page, RWX, 0));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 3 + 2 * level);
	}
}

/* Two spaces over one frozen tree: the other's stays. */
static void move_one_of_two_spaces(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b);
	struct vmem_translation t;

	put_frozen(b, bench_top(b), 0);
	bench_share_root(b, 1, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, bench_data(b, 1), page, RWX, 0));
	KUNIT_EXPECT_NE(test, bench_root(b), vmem_table_gpa(b->spaces[1].root));
	bench_use(b, 1);
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_NOT_PRESENT);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, bench_data(b, 2), page, RWX, 0));
	expect_mapped(b, 0, bench_data(b, 2));
	bench_use(b, 0);
	expect_mapped(b, 0, bench_data(b, 1));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 2 * b->rules->levels);
	/* each has a root of its own now, which goes with it */
	bench_drop_space(b, 1);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels);
}

/* Higher ones are, and then go if they are empty, but for a root. */
static void move_unmap_whole_tree(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b);
	unsigned int highest;

	for (highest = 0; highest < b->rules->levels; highest++) {
		reset(b);
		put_frozen(b, highest, 0);
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, -bench_upper(b)));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
		/* in a list that is done together, at its end */
		reset(b);
		put_frozen(b, highest, 0);
		KUNIT_EXPECT_EQ(test, 0,
				bench_change(b, (struct vmem_mapping[]){
						bench_unmapped(0, -bench_upper(b)),
						bench_basic(bench_upper(b), 0, page,
							    RWX),
					     }, 2, VMEM_CHANGE_ATOMIC));
	}
}

/* 13, 16: a refusal moves nothing */
static void move_refused(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), last = bench_last_index(b) * page;
	struct vmem_mapping list[2] = {
		bench_basic(0, 0, page, RWX), bench_basic(last, 0, page, RWX),
	};

	put_frozen(b, bench_top(b), 0);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, list, 2, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_map(b, 0, 0, last + page, RWX, 0));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	KUNIT_EXPECT_EQ(test, bench_root(b), bench_frozen(b, 0));
	/* and where they may not, they are read-only */
	bench_movable(b, false);
	KUNIT_EXPECT_EQ(test, -EROFS, bench_map(b, 0, 0, page, RWX, 0));
	bench_movable(b, true);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, list, 2, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.done, 1);
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_MOVED);
}

/* 16: with each number of tables left, as it was or done */
static void move_pool_empty(struct kunit *test)
{
	struct bench *b = begin(test);
	u32 i, left, need = b->rules->levels + bench_top(b);
	struct vmem_mapping list[2] = {
		bench_basic(0, 0, bench_page(b), RWX),
		bench_basic(bench_upper(b), 0, bench_page(b), RWX),
	};
	int ret;

	for (i = 0; i < 2 * (need + 1); i++) {
		left = i / 2;
		reset(b);
		put_frozen(b, bench_top(b), 0);
		if (i & 1)
			bench_hold(b, POOL_TABLES - left);
		else
			bench_use_up(b, POOL_TABLES - left);
		ret = bench_change(b, list, 2, VMEM_CHANGE_ATOMIC);
		KUNIT_EXPECT_EQ(test, ret, left == need ? 0 :
				i & 1 ? -EBUSY : -ENOSPC);
		bench_unhold(b);
	}
}

/* 13: unmapping and protecting are counted as mapping is, when tables move */
static void move_pool_empty_for_less(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), last = bench_last_index(b) * page;
	struct vmem_mapping kinds[2];
	u32 left, i;
	int ret;

	/* of two leaves one is kept, so that the tables are */
	kinds[0] = bench_unmapped(last, page);
	kinds[1] = bench_protected(last, page, 0, VMEM_W);
	for (i = 0; i < 2; i++) {
		for (left = 0; left <= b->rules->levels; left++) {
			reset(b);
			put_frozen(b, bench_top(b), 0);
			bench_write(b, bench_path(b, bench_root(b), 0, 0), 0,
				    bench_leaf(b, bench_data(b, 8)));
			bench_hold(b, POOL_TABLES - left);
			ret = bench_change(b, &kinds[i], 1, 0);
			KUNIT_EXPECT_EQ(test, ret, left < b->rules->levels ?
					-EBUSY : 0);
			bench_unhold(b);
		}
	}
}

/* A stop at each place, and the same in the same bytes. */
static void move_stopped_everywhere(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_mapping list[2];
	unsigned int highest;

	for (highest = 0; highest < b->rules->levels; highest++) {
		reset(b);
		put_frozen(b, highest, 0);
		list[0] = bench_basic(0, 0, 2 * span, RWX);
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1,
							VMEM_CHANGE_REPLACE));
		reset(b);
		put_frozen(b, highest, 0);
		list[0] = bench_unmapped(0, span);
		list[1] = bench_basic(span, 0, page, RWX);
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 2,
							VMEM_CHANGE_ATOMIC));
		reset(b);
		put_frozen(b, highest, 0);
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 2, 0));
		list[0] = bench_unmapped(0, -bench_upper(b));
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
		/* and where the host's addresses change as well: 2 */
		reset(b);
		put_frozen(b, highest, 0);
		b->elsewhere = true;
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
		b->elsewhere = false;
	}
}

/* A vCPU writes while tables move: what is frozen stays, and it ends. */
static void write_something(struct guest *guest)
{
	struct bench *b = guest->private;
	u64 table = guest_gpa(guest, PART_POOL, vt_random_below(&guest->random, 10));
	u64 entry = odd_entry(b, bench_frozen(b, vt_random_below(&guest->random, 6)));

	switch (vt_random_below(&guest->random, 8)) {
	case 0:
		guest_write(guest, table, 0, entry);
		break;
	case 1:
		guest_write(guest, table, 0, 0);
		break;
	}
}

static void move_while_tables_change(struct kunit *test)
{
	struct bench *b = begin(test);
	const struct vmem_pool *pool = &b->guest.pool;
	u64 span = bench_span(b, 1);
	u32 round, done = 0;

	b->guest.private = b;
	for (round = 0; round < 1000; round++) {
		struct vmem_mapping list[2] = {
			bench_basic(0, 0, 2 * span, RWX),
			bench_unmapped(0, -bench_upper(b)),
		};

		if (round % 4 == 0) {
			reset(b);
			put_frozen(b, bench_top(b), 0);
		}
		b->guest.random.state = round;
		b->guest.change = write_something;
		b->guest.pause_one_in = 4;
		b->recheck = round & 2;
		done += !bench_run(b, &list[round & 1], 1, VMEM_CHANGE_REPLACE,
				   1000);
		KUNIT_EXPECT_EQ(test, pool->nr_reserved, 0);
		KUNIT_EXPECT_EQ(test, POOL_TABLES, pool->nr_free + pool->nr_used +
				pool->nr_quarantined);
		KUNIT_EXPECT_TRUE(test, !memcmp(b->guest.parts[PART_FROZEN].bytes,
						b->model.guest.parts[PART_FROZEN].bytes,
						b->guest.parts[PART_FROZEN].len));
	}
	KUNIT_EXPECT_GE(test, done, 100);
}

/*
 * A table of the guest's, frozen since one of ours was linked by its first
 * entry: a copy of it links to that too. It is of level 1.
 */
static u64 freeze_above_ours(struct bench *b)
{
	u64 table, ours;

	reset(b);
	table = bench_table(b);
	bench_put(b, bench_root(b), 0, 2, odd_entry(b, table));
	ours = bench_take(b, 0, table, 0);
	bench_write(b, ours, 0, bench_leaf(b, bench_data(b, 0)));
	bench_write(b, ours, 1, bench_leaf(b, bench_data(b, 1)));
	bench_freeze(b, true);
	return ours;
}

static u32 nr_links(struct bench *b, u64 table)
{
	return vmem_pool_find(&b->guest.pool, vmem_table(table))->nr_links;
}

static void move_what_names_ours(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), ours;
	struct vmem_mapping list[2];

	/* it is changed in place: nothing else is written */
	ours = freeze_above_ours(b);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, page));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, page, page));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 1);

	/* beside it, so that the table above moves: a link more */
	ours = freeze_above_ours(b);
	list[0] = bench_basic(span, 0, page, RWX);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 2);
	KUNIT_EXPECT_EQ(test, b->guest.lent, 1);
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_unmap(b, 0, page));
	list[0] = bench_unmapped(0, page);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 1, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_UNSHARED);
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 1);

	/* as a whole: the frozen table keeps it as it is */
	ours = freeze_above_ours(b);
	list[0] = bench_unmapped(0, span);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
	/* the copy is empty then, and is freed */
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_MOVED |
			VMEM_CHANGED_UNSHARED | VMEM_CHANGED_FREED);
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 1);
	KUNIT_EXPECT_EQ(test, bench_read(b, ours, 1), bench_leaf(b, bench_data(b, 1)));
}

/* It isn't copied with the name of a table of another pool. */
static void move_what_names_others(struct kunit *test)
{
	struct bench *b = begin(test);
	struct vmem_mapping m = bench_basic(bench_span(b, 1), 0, bench_page(b),
					    RWX);

	b->guest.others = vmem_table(freeze_above_ours(b));
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_run(b, &m, 1, 0, U64_MAX));
	bench_check_same(b, "a copy that names a table of another pool");
	b->guest.others = VMEM_NO_TABLE;
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
}

/* One of ours that many entries name: links enough to stop between two of them. */
static void move_many_links(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 span = bench_span(b, 1), table, ours;
	struct bench_link link = { .level = 0 };
	struct vmem_mapping m = bench_unmapped(0, span);
	u32 nr = min(24U, nr_entries(b->rules)), i;

	table = bench_table(b);
	bench_put(b, bench_root(b), 0, 2, odd_entry(b, table));
	ours = bench_take(b, 0, table, 0);
	for (i = 1; i < nr; i++) {
		link.our_va = i * span;
		KUNIT_ASSERT_EQ(test, 0, bench_link(b, &link, 0));
	}
	bench_freeze(b, true);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_MOVED |
			VMEM_CHANGED_UNSHARED);
	/* those of the frozen table, and of the copy but for one */
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 2 * nr - 1);
}

/* In one call, that the table above moves for another entry is foreseen. */
static void move_what_names_ours_before(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), table, ours;
	struct vmem_mapping list[2];
	u32 flags;

	for (flags = 0; flags <= VMEM_CHANGE_SHARED_OK; flags += VMEM_CHANGE_SHARED_OK) {
		reset(b);
		table = bench_table(b);
		bench_put(b, bench_root(b), 0, 2, odd_entry(b, table));
		bench_write(b, table, 0, bench_large(b, bench_frame(b, 1)));
		ours = bench_take(b, 0, table, 1);
		bench_write(b, ours, 0, bench_leaf(b, 0));
		bench_freeze(b, true);
		list[0] = bench_unmapped(0, span + page);
		KUNIT_EXPECT_EQ(test, flags ? 0 : -EMLINK,
				bench_change_stopped(b, list, 1, flags));
		if (!flags)
			KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
		list[0] = bench_unmapped(0, span);
		list[1] = bench_basic(span + page, 0, page, RWX);
		if (flags)
			continue;
		KUNIT_EXPECT_EQ(test, -EMLINK,
				bench_change_stopped(b, list, 2,
						     VMEM_CHANGE_ATOMIC));
		/* one by one the first is done */
		KUNIT_EXPECT_EQ(test, -EMLINK, bench_change_stopped(b, list, 2, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.done, 1);
	}
}

/* What is below was changed first, and the table above then moves. */
static void move_what_names_ours_behind(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), ours;
	struct vmem_mapping list[2];

	ours = freeze_above_ours(b);
	list[0] = bench_unmapped(0, page);
	list[1] = bench_basic(span, 0, page, RWX);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 2,
						      VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 2);
	/* in whatever order they are given */
	ours = freeze_above_ours(b);
	swap(list[0], list[1]);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 2, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 2);
}

/* Records of the links of a copy run out; or a table has all that it may have. */
static void move_links_run_out(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), ours;
	struct vmem_mapping m = bench_basic(span, 0, page, RWX);
	const struct bench_link link = { .our_va = span };
	struct vmem_pool_page *desc;

	ours = freeze_above_ours(b);
	b->guest.lend_most = 0;
	KUNIT_EXPECT_EQ(test, -ENOMEM, bench_run(b, &m, 1, 0, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	bench_check_same(b, "no record of a link");
	b->guest.lend_most = 1;
	desc = vmem_pool_find(&b->guest.pool, vmem_table(ours));
	desc->nr_links = VMEM_LINKS_MAX;
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_run(b, &m, 1, 0, U64_MAX));
	/* the copy has one link of it, and then there is none for the other entry */
	desc->nr_links = VMEM_LINKS_MAX - 1;
	KUNIT_EXPECT_EQ(test, -EMLINK,
			bench_run_link(b, &link, VMEM_CHANGE_SHARED_OK, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	desc->nr_links = 1;
	bench_check_same(b, "too many links");
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
}

/* The copy goes with its space; what the frozen one names of ours stays. */
static void move_then_drop_space(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 page = bench_page(b), frozen, ours, table;

	table = bench_table(b);
	ours = bench_take(b, bench_top(b) - 1, table, 0);
	bench_adopt(b, table);
	bench_freeze(b, true);
	frozen = bench_root(b);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, bench_upper(b), 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 2);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels + 1);
	bench_drop_space(b, 0);
	KUNIT_EXPECT_EQ(test, nr_links(b, ours), 1);
	KUNIT_EXPECT_EQ(test, bench_read(b, frozen, 0), bench_table_entry(b, ours));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
}

static struct kunit_case move_cases[] = {
	EACH_FORMAT(move_frozen_path),
	EACH_FORMAT(move_goes_on_in_the_new_table),
	EACH_FORMAT(move_over_many_tables),
	EACH_FORMAT(move_below_one_that_stays),
	EACH_FORMAT(move_one_of_two_places),
	EACH_FORMAT(move_one_of_two_spaces),
	EACH_FORMAT(move_unmap_whole_tree),
	EACH_FORMAT(move_refused),
	EACH_FORMAT(move_pool_empty),
	EACH_FORMAT(move_pool_empty_for_less),
	EACH_FORMAT(move_stopped_everywhere),
	EACH_FORMAT(move_while_tables_change),
	EACH_FORMAT(move_what_names_ours),
	EACH_FORMAT(move_what_names_others),
	EACH_FORMAT(move_many_links),
	EACH_FORMAT(move_what_names_ours_before),
	EACH_FORMAT(move_what_names_ours_behind),
	EACH_FORMAT(move_links_run_out),
	EACH_FORMAT(move_then_drop_space),
	{}
};

static struct kunit_suite move_suite = {
	.name = "vmem_move",
	.test_cases = move_cases,
};

kunit_test_suite(move_suite);
