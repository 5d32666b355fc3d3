// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rebuilding what was walked: references one by one, and many spaces whole.
 *
 * Points of the behaviour's description that have a case here: 10 (the path is
 * rebuilt equal), 33b (leaf and path apart), 34 (references go back, so that
 * one pass suffices), 40 (no owner), 42 (the round trip).
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

#define RWX		(VMEM_R | VMEM_W | VMEM_X)
#define SPACES_MAX	8

static int aware_map(struct bench *b, struct vmem_space *space,
		     const struct vmem_space_aware_mapping *rec,
		     const struct vmem_space *built, u32 nr_built, u32 flags)
{
	struct vmem_change *change = &b->change;
	u32 tries = 0;
	int ret;

	*change = (struct vmem_change){
		.asked = { .flags = flags, .budget = U64_MAX },
	};
	b->guest.pool.generation++;
	bench_watch(b, space);
	do {
		ret = b->e->space_aware_map(b->e->fmt, &b->guest, space, rec, built,
					    nr_built, change);
		if (ret == VMEM_LINKS)
			ret = guest_lend(&b->guest) ?: VMEM_LINKS;
		if (++tries == 10000)
			KUNIT_FAIL_AND_ABORT(b->test, "no progress");
	} while (ret > 0);
	guest_unreserve(&b->guest);
	bench_watched(b, space, ret);
	return ret;
}

/* What a walk would tell of a table of @level that space 0 has at 0. */
static struct vmem_space_aware_mapping reference(struct bench *b, u64 va,
						 unsigned int level)
{
	struct vmem_space_aware_mapping rec = {
		.type	= VMEM_REC_REFERENCE,
		.level	= level + 1,
		.detail	= bench_top(b) - level,
		.space	= 1,
		.va	= va,
		.path	= bench_same_path(b, level + 1, bench_granted(b)),
	};

	rec.ref.span = bench_span(b, level + 1);
	return rec;
}

static void begin(struct bench *b)
{
	bench_reset(b);
	bench_new_space(b, 1);
	KUNIT_ASSERT_EQ(b->test, 0, bench_map(b, 0, bench_data(b, 1),
					      bench_page(b), RWX, 0));
}

/* 40: an owner that isn't built, or that has nothing there */
static void aware_map_no_owner(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space_aware_mapping rec;
	struct vmem_space built[2];
	u32 used;

	begin(b);
	built[0] = b->space;
	built[1] = b->spaces[1];
	used = b->guest.pool.nr_used;
	rec = reference(b, bench_upper(b), 0);
	KUNIT_EXPECT_EQ(test, -ENOENT, aware_map(b, &built[1], &rec, built, 0, 0));
	KUNIT_EXPECT_EQ(test, -ENOENT, aware_map(b, &built[1], &rec, NULL, 0, 0));
	rec.ref.owner = 2;
	KUNIT_EXPECT_EQ(test, -ENOENT, aware_map(b, &built[1], &rec, built, 2, 0));
	rec.ref.owner = U32_MAX;
	KUNIT_EXPECT_EQ(test, -ENOENT, aware_map(b, &built[1], &rec, built, 2, 0));
	rec.ref.owner = 1;
	KUNIT_EXPECT_EQ(test, -ENOENT, aware_map(b, &built[1], &rec, built, 2, 0));
	rec.ref.owner = 0;
	rec.ref.their_va = bench_upper(b);
	KUNIT_EXPECT_EQ(test, -ENOENT, aware_map(b, &built[1], &rec, built, 2, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used);
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	rec.ref.their_va = 0;
	KUNIT_EXPECT_EQ(test, 0, aware_map(b, &built[1], &rec, built, 2, 0));
}

/* A root is no table below one; nor is there anything below the leaves. */
static void aware_map_any_depth(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space_aware_mapping rec;
	struct vmem_space built[2];
	u32 depth;

	begin(b);
	built[0] = b->space;
	built[1] = b->spaces[1];
	for (depth = 0; depth < 256; depth++) {
		if (depth && depth < b->rules->levels)
			continue;
		rec = reference(b, 0, 0);
		rec.detail = depth;
		KUNIT_EXPECT_EQ(test, -EINVAL,
				aware_map(b, &built[1], &rec, built, 2, 0));
	}
	/* what a walk wouldn't say */
	rec = reference(b, bench_page(b), 0);
	KUNIT_EXPECT_EQ(test, -EINVAL, aware_map(b, &built[1], &rec, built, 2, 0));
	rec = reference(b, 0, 0);
	rec.path |= 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, aware_map(b, &built[1], &rec, built, 2, 0));
	rec = reference(b, 0, 0);
	rec.ref.their_va = -bench_upper(b);
	KUNIT_EXPECT_EQ(test, -EINVAL, aware_map(b, &built[1], &rec, built, 2, 0));
}

/* A round trip: from one guest into another. */
struct trip {
	struct bench *from;
	struct bench *to;
	u32 nr;			/* spaces */
	bool equal;		/* the same addresses in all of them */
	bool trouble;		/* absent tables, pauses */
	bool twice;		/* the last space is the first one again */
	struct vmem_space spaces[SPACES_MAX];
	struct vmem_space built[SPACES_MAX];
	u64 shared[VMEM_LEVELS_MAX];
	u32 tables;
};

/* The guest makes them by itself, in memory that is a pool elsewhere. */
static u64 table_of_guest(struct trip *trip)
{
	return guest_gpa(&trip->from->guest, PART_POOL, trip->tables++);
}

/* Permissions that differ from each other, in some order. */
static u64 entry(struct trip *trip, u64 table, u32 salt)
{
	static const u32 perms[] = {
		RWX, RWX | VMEM_U, VMEM_R, VMEM_R | VMEM_X,
		VMEM_R | VMEM_W, VMEM_R | VMEM_U, VMEM_R | VMEM_W | VMEM_U,
	};

	return trip->from->rules->table(&trip->from->model.cpu, table, perms[salt % ARRAY_SIZE(perms)]);
}

static void put_leaves(struct trip *trip, u64 table, u32 salt)
{
	static const u32 attrs[] = {
		RWX, VMEM_R, VMEM_R | VMEM_X | VMEM_COW, VMEM_R | VMEM_W,
		VMEM_R | VMEM_COW,
	};
	struct bench *b = trip->from;
	u32 i, nr = min(nr_entries(b->rules), 9U);

	for (i = 0; i < nr; i++)
		if ((i + salt) % 4 || nr == 2)
			bench_write(b, table, bench_last_index(b) - i,
				    default_leaf(b->rules, &b->model.cpu,
						 bench_data(b, (salt + nr - i) %
							    DATA_PAGES),
						 attrs[(i / 2 + salt) %
						       ARRAY_SIZE(attrs)], 0));
}

/* Down from a table of @level, one table a level. */
static void put_chain(struct trip *trip, u64 table, unsigned int level, u32 salt)
{
	u64 below;

	for (; level; level--, table = below) {
		below = table_of_guest(trip);
		bench_write(trip->from, table,
			    (salt + level) % nr_entries(trip->from->rules),
			    entry(trip, below, salt + level));
	}
	put_leaves(trip, table, salt);
}

/*
 * A space has a table of its own of each level, but for that of leaves if there
 * are many spaces; of each, one entry names a table that all spaces share.
 */
static void put_space(struct trip *trip, u32 nr)
{
	struct bench *b = trip->from;
	u32 entries = nr_entries(b->rules), slot, level;
	u64 table = vmem_table_gpa(trip->spaces[nr].root), below;

	for (level = bench_top(b); level; level--, table = below) {
		slot = trip->equal ? 0 : nr * (entries / 3 + 1);
		bench_write(b, table, slot % entries,
			    entry(trip, trip->shared[level - 1], nr + level));
		/* and another one the same once more */
		if (entries > 2 && nr % 3 == 1)
			bench_write(b, table, (slot + 5) % entries,
				    entry(trip, trip->shared[level - 1], nr));
		if (level == 1 && trip->nr > 2)
			break;
		below = table_of_guest(trip);
		bench_write(b, table, (slot + 1) % entries,
			    entry(trip, below, nr + 2 * level));
	}
	if (!level)
		put_leaves(trip, table, 3 * nr);
}

static void make_spaces(struct trip *trip)
{
	struct bench *b = trip->from;
	unsigned int level;
	u32 i;

	trip->tables = 0;
	for (level = 0; level < bench_top(b); level++) {
		trip->shared[level] = table_of_guest(trip);
		put_chain(trip, trip->shared[level], level, level);
	}
	for (i = 0; i < trip->nr; i++) {
		if (trip->twice && i + 1 == trip->nr) {
			trip->spaces[i] = trip->spaces[0];
			continue;
		}
		trip->spaces[i] = bench_space(b, table_of_guest(trip));
		put_space(trip, i);
	}
}

/* A space of the other guest, from a record of the walk. */
static void rebuild(struct trip *trip, const struct vmem_space_aware_mapping *rec)
{
	struct bench *b = trip->to;
	struct vmem_mapping m;

	KUNIT_EXPECT_LE(b->test, rec->space, trip->nr - 1);
	b->guest.space = rec->space;
	if (rec->type == VMEM_REC_MAPPING) {
		m = rec->leaf & VMEM_COW ?
		    bench_cow(rec->va, rec->gpa, rec->len, rec->leaf & RWX) :
		    bench_basic(rec->va, rec->gpa, rec->len, rec->leaf & RWX);
		m = bench_with_path(m, rec->path);
		b->space = trip->built[rec->space];
		KUNIT_EXPECT_EQ(b->test, 0, bench_run(b, &m, 1, 0, U64_MAX));
		return;
	}
	KUNIT_ASSERT_EQ(b->test, rec->type, VMEM_REC_REFERENCE);
	if (!rec->detail) {
		trip->built[rec->space] = trip->built[rec->ref.owner];
		KUNIT_EXPECT_EQ(b->test, 0,
				vmem_root_adopt(&b->guest.store, &b->guest.pool,
						trip->built[rec->space].root,
						bench_top(b),
						&b->guest.roots[rec->space]));
		return;
	}
	KUNIT_EXPECT_EQ(b->test, 0,
			aware_map(b, &trip->built[rec->space], rec, trip->built,
				  rec->space + 1, 0));
}

/* But for where the tables are. */
static bool same(const struct vmem_space_aware_mapping *a,
		 const struct vmem_space_aware_mapping *b)
{
	struct vmem_space_aware_mapping c = *b;

	if (a->type == VMEM_REC_REFERENCE && b->type == VMEM_REC_REFERENCE)
		c.ref.entry = a->ref.entry;
	return bench_same_record(a, &c);
}

static void round_trip(struct trip *trip)
{
	struct bench *a = trip->from, *b = trip->to;
	struct kunit *test = a->test;
	u32 i, flags, shared = bench_top(a);

	bench_reset(a);
	bench_reset(b);
	make_spaces(trip);
	b->guest.absent_one_in = trip->trouble ? 4 : 0;
	b->guest.pause_one_in = trip->trouble ? 3 : 0;
	trip->built[0] = b->space;
	for (i = 1; i < trip->nr; i++) {
		if (trip->twice && i + 1 == trip->nr) {
			/* what one space has once isn't shared */
			shared = trip->nr == 2 ? 1 : shared + 1;
			break;
		}
		bench_new_space(b, i);
		trip->built[i] = b->spaces[i];
	}
	bench_check_walk(a, trip->spaces, trip->nr, 0, U64_MAX, 0);
	for (i = 0; i < a->nr_out && !b->differs; i++)
		rebuild(trip, &a->out[i]);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, trip->tables);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, shared);
	for (flags = 0; flags <= VMEM_WALK_FOLLOW; flags++) {
		bench_walk(a, trip->spaces, trip->nr, 0, U64_MAX, flags, U64_MAX);
		bench_walk(b, trip->built, trip->nr, 0, U64_MAX, flags, U64_MAX);
		KUNIT_ASSERT_EQ(test, a->nr_out, b->nr_out);
		for (i = 0; i < a->nr_out; i++)
			if (!same(&a->out[i], &b->out[i]))
				KUNIT_FAIL_AND_ABORT(test, "record %u: type %u level %u va %llx path %x, rebuilt %u %u %llx %x",
						     i, a->out[i].type,
						     a->out[i].level, a->out[i].va,
						     a->out[i].path, b->out[i].type,
						     b->out[i].level, b->out[i].va,
						     b->out[i].path);
	}
}

/* 42: two spaces and eight, at equal and at other addresses */
static void rebuild_round_trip(struct kunit *test)
{
	struct trip *trip = kunit_kzalloc(test, sizeof(*trip), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, trip);
	trip->from = bench_begin(test);
	trip->to = bench_begin(test);
	for (i = 0; i < 8; i++) {
		trip->nr = i & 1 ? SPACES_MAX : 2;
		trip->equal = i & 2;
		trip->twice = i & 4;
		round_trip(trip);
	}
}

/* 42: with a stop here and there */
static void rebuild_stopped(struct kunit *test)
{
	struct trip *trip = kunit_kzalloc(test, sizeof(*trip), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, trip);
	trip->from = bench_begin(test);
	trip->to = bench_begin(test);
	for (i = 0; i < 8; i++) {
		trip->nr = i & 1 ? 5 : 3;
		trip->equal = i & 2;
		trip->twice = i & 4;
		trip->trouble = true;
		trip->to->guest.random.state = i;
		trip->to->elsewhere = i & 1;
		round_trip(trip);
	}
}

/* What is rebuilt goes with its spaces, whichever goes first. */
static void rebuild_then_drop(struct kunit *test)
{
	struct trip *trip = kunit_kzalloc(test, sizeof(*trip), GFP_KERNEL);
	u32 round, i, nr;

	KUNIT_ASSERT_NOT_NULL(test, trip);
	trip->from = bench_begin(test);
	trip->to = bench_begin(test);
	trip->nr = 4;
	for (round = 0; round < 8; round++) {
		struct vmem_pool *pool = &trip->to->guest.pool;

		trip->equal = round & 1;
		round_trip(trip);
		for (i = 0; i < 4; i++) {
			nr = (i * 3 + round) % 4;
			pool->generation++;
			vmem_root_leave(pool->store, trip->to->guest.roots[nr]);
			guest_unreserve(&trip->to->guest);
			/* the one that is left has no other's leaves any less */
			if (i < 2)
				bench_check_walk(trip->to,
						 &trip->built[(nr + 3) % 4], 1, 0,
						 U64_MAX, VMEM_WALK_FOLLOW);
		}
		KUNIT_EXPECT_EQ(test, pool->nr_used, 0);
		KUNIT_EXPECT_EQ(test, pool->nr_shared, 0);
		KUNIT_EXPECT_EQ(test, trip->to->guest.store.nr,
				trip->to->guest.lent);
	}
}

static struct kunit_case rebuild_cases[] = {
	EACH_FORMAT(aware_map_no_owner),
	EACH_FORMAT(aware_map_any_depth),
	EACH_FORMAT(rebuild_round_trip),
	EACH_FORMAT(rebuild_stopped),
	EACH_FORMAT(rebuild_then_drop),
	{}
};

static struct kunit_suite rebuild_suite = {
	.name = "vmem_rebuild",
	.test_cases = rebuild_cases,
};

kunit_test_suite(rebuild_suite);
