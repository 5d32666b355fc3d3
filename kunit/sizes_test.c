// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping with leaves of all sizes. Each change is compared with the model, byte by
 * byte; the choice of sizes with all choices that there are.
 *
 * Points of the behaviour's description that have a case here: 6 (alignment), 11 and
 * 12 (what is there), 18 (flushes), 19 (the largest size that fits), 49 (no pages of
 * 1 GiB), 54 (entries that hold bits).
 */
#include "bench.h"

#include "flat.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

static struct vmem_mapping sized(struct bench *b, u64 va, u64 gpa, u64 len, u32 levels)
{
	return bench_sized(b, bench_basic(va, gpa, len, RWX), levels);
}

static int map(struct bench *b, struct vmem_mapping m, u32 flags)
{
	return bench_change(b, &m, 1, flags);
}

static noinline int map_sized(struct bench *b, u64 va, u64 gpa, u64 len, u32 levels,
			      u32 flags)
{
	return map(b, sized(b, va, gpa, len, levels), flags);
}

/* The leaves of a range into b->out, each once, whatever part of it is memory. */
static void leaves(struct bench *b, u64 va, u64 len)
{
	u32 i, nr = 0;

	bench_walk(b, &b->space, 1, va, va + (len - 1),
		   VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES, U64_MAX);
	for (i = 0; i < b->nr_out; i++)
		if (!nr || b->out[i].entry != b->out[nr - 1].entry)
			b->out[nr++] = b->out[i];
	b->nr_out = nr;
}

/* Leaves of each level in a range. */
static void count(struct bench *b, u64 va, u64 len, u32 nr[VMEM_LEVELS_MAX])
{
	u32 i;

	memset(nr, 0, VMEM_LEVELS_MAX * sizeof(*nr));
	leaves(b, va, len);
	for (i = 0; i < b->nr_out; i++)
		nr[b->out[i].level]++;
}

/* The fewest leaves of these levels that show @len bytes, and each where it can be. */
static u32 fewest(struct bench *b, u64 va, u64 gpa, u64 len, u32 levels)
{
	u64 span = bench_page(b);
	unsigned int level;
	u32 nr = 0;

	while (len) {
		for (level = b->rules->levels; level--;) {
			span = bench_span(b, level);
			if (levels & BIT(level) && span <= len && va % span == 0 &&
			    gpa % span == 0)
				break;
		}
		va += span;
		gpa += span;
		len -= span;
		nr++;
	}
	return nr;
}

/* Would a larger leaf have been allowed somewhere in its place? */
static bool could_be_larger(struct bench *b, const struct vmem_mapping *m, u32 levels,
			    const struct vmem_space_aware_mapping *leaf)
{
	unsigned int level;
	u64 span, base;

	for (level = leaf->level + 1; level < b->rules->levels; level++) {
		span = bench_span(b, level);
		base = leaf->va - leaf->va % span;
		if (levels & BIT(level) && base >= m->virt_base &&
		    base + (span - 1) <= m->virt_base + (m->len - 1) &&
		    (m->phys_base + (base - m->virt_base)) % span == 0)
			return true;
	}
	return false;
}

/* 19: at random places, against all choices that there are */
static void sizes_are_the_largest(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), page = bench_page(b), va, gpa, len, room;
	u32 i, j, levels, large = 0;
	struct vmem_mapping m;

	room = b->rules->halves ? -bench_upper(b) : bench_span(b, 3) / 2;
	b->guest.random.state = 19;
	for (i = 0; i < 60 && !b->differs; i++) {
		levels = 1 | (vt_random(&b->guest.random) & b->rules->leaf_levels);
		va = (span * vt_random_below(&b->guest.random, 4) +
		      page * vt_random_below(&b->guest.random, 3)) % room;
		gpa = va % span + span * vt_random_below(&b->guest.random, 4);
		if (i % 5 == 0)
			gpa += page;
		len = page * (1 + vt_random_below(&b->guest.random,
						  3 * nr_entries(b->rules)));
		len = min(len, room - va);
		if (b->e != &engine_toy && i % 3 == 0) {
			va = (va & -span) + bench_span(b, 2) - span;
			gpa = (gpa & -span) + bench_span(b, 2) - span;
			len = bench_span(b, 2) + 2 * span;
			levels |= 2;
		}
		bench_reset(b);
		m = sized(b, va, gpa, len, levels);
		KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, len / page);
		leaves(b, va, len);
		KUNIT_EXPECT_EQ(test, b->nr_out, fewest(b, va, gpa, len, levels));
		for (j = 0; j < b->nr_out; j++) {
			KUNIT_EXPECT_EQ(test, b->out[j].gpa - gpa, b->out[j].va - va);
			KUNIT_EXPECT_TRUE(test, BIT(b->out[j].level) & levels);
			KUNIT_EXPECT_FALSE(test, could_be_larger(b, &m, levels,
								 &b->out[j]));
			large += b->out[j].level > 0;
		}
	}
	KUNIT_EXPECT_GE(test, large, 10);
}

/*
 * Of the page-table tests of Linux: pages 0x3fe400 up to 0x4c0600, which begin and end
 * in the midst of all: 14 leaves of 2 MiB, 3 of 1 GiB, 3 of 2 MiB, in this order
 */
static void sizes_of_a_long_run(struct kunit *test)
{
	static const u8 levels[] = {
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1,
	};
	struct bench *b = bench_begin(test);
	u64 va = 0x3fe400ULL << 12, last = 0x4c0600ULL << 12, at = va;
	u32 nr[VMEM_LEVELS_MAX], i;

	KUNIT_EXPECT_EQ(test, 0, map_sized(b, va, va, last - va, 7, 0));
	count(b, 0, 2 * last, nr);
	KUNIT_EXPECT_EQ(test, nr[0], 0);
	KUNIT_EXPECT_EQ(test, nr[1], 14 + 3);
	KUNIT_EXPECT_EQ(test, nr[2], 3);
	KUNIT_ASSERT_EQ(test, b->nr_out, ARRAY_SIZE(levels));
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		KUNIT_EXPECT_EQ(test, b->out[i].level, levels[i]);
		KUNIT_EXPECT_EQ(test, b->out[i].va, at);
		KUNIT_EXPECT_EQ(test, b->out[i].gpa, at);
		at += levels[i] == 1 ? 0x200000 : 0x40000000;
	}
	KUNIT_EXPECT_EQ(test, at, last);
}

/* And one whose two addresses aren't congruent, but as pages */
static void sizes_not_congruent(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 va = 0xfef80000, gpa = 0x208b95d000, len = 0x20000, at;
	struct vmem_translation t;
	u32 nr[VMEM_LEVELS_MAX];

	KUNIT_EXPECT_EQ(test, 0, map_sized(b, va, gpa, len, 7, 0));
	count(b, 0, 2 * va, nr);
	KUNIT_EXPECT_EQ(test, nr[0], 32);
	KUNIT_EXPECT_EQ(test, b->nr_out, 32);
	for (at = 0; at < len; at += 0x1000) {
		bench_translate(b, &b->space, va + at, &t);
		KUNIT_EXPECT_EQ(test, t.status, VMEM_OK);
		KUNIT_EXPECT_EQ(test, t.gpa, gpa + at);
	}
	bench_translate(b, &b->space, va - 1, &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_NOT_PRESENT);
	bench_translate(b, &b->space, va + len, &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_NOT_PRESENT);
}

/* So many leaves of each of the two lowest levels are in [0, @len). */
static void expect_leaves(struct bench *b, u64 len, u32 small, u32 large)
{
	u32 nr[VMEM_LEVELS_MAX];

	count(b, 0, len, nr);
	KUNIT_EXPECT_EQ(b->test, nr[0], small);
	KUNIT_EXPECT_EQ(b->test, nr[1], large);
	KUNIT_EXPECT_EQ(b->test, b->nr_out, small + large);
}

/*
 * And the third: small leaves are mapped and unmapped again, so that the table is empty
 * and free; a large one comes in its place; half of that is unmapped, and mapped small
 */
static void sizes_small_then_large(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), page = bench_page(b), half = span / 2;
	u32 nr = span / page, top = bench_top(b);
	const struct vmem_pool *pool = &b->guest.pool;
	struct vmem_mapping m;

	KUNIT_EXPECT_EQ(test, 0, map_sized(b, 0, span, span, 1, 0));
	expect_leaves(b, span, nr, 0);
	KUNIT_EXPECT_EQ(test, pool->nr_used, 1 + top);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span));
	expect_leaves(b, span, 0, 0);
	KUNIT_EXPECT_EQ(test, pool->nr_used, 1);
	KUNIT_EXPECT_EQ(test, pool->nr_quarantined, top);
	m = sized(b, 0, span, span, 3);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
	expect_leaves(b, span, 0, 1);
	KUNIT_EXPECT_EQ(test, pool->nr_used, top);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_NONE);
	/* a half of it: the table comes again */
	m = bench_unmapped(half, half);
	KUNIT_EXPECT_EQ(test, -ERANGE, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, VMEM_CHANGE_SPLIT));
	expect_leaves(b, span, nr / 2, 0);
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, nr / 2);
	KUNIT_EXPECT_EQ(test, pool->nr_used, top + 1);
	m = sized(b, half, span + half, half, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
	expect_leaves(b, span, nr, 0);
	KUNIT_EXPECT_EQ(test, pool->nr_used, top + 1);
	KUNIT_EXPECT_EQ(test, pool->nr_free + pool->nr_quarantined + top + 1, POOL_TABLES);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span));
	KUNIT_EXPECT_EQ(test, pool->nr_used, 1);
	bench_flushed(b);
	KUNIT_EXPECT_EQ(test, pool->nr_free, POOL_TABLES - 1);
}

/* A table that was emptied makes way, and comes again. */
static void sizes_small_large_small(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), page = bench_page(b), half = span / 2;
	struct vmem_mapping m = sized(b, 0, span, span, 3);
	u32 used;

	KUNIT_EXPECT_EQ(test, 0, map_sized(b, 0, page, span, 3, 0));
	used = b->guest.pool.nr_used;
	KUNIT_EXPECT_EQ(test, -EEXIST, map(b, m, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_level, 0);
	/* emptied by the guest it stays */
	bench_put(b, bench_root(b), 0, 0, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span - page));
	bench_put(b, bench_root(b), span - page, 0, 0);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used - 1);
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, span / page);
	/* half of it goes again, and comes as small ones */
	m = bench_unmapped(0, half);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SPLIT));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used);
	KUNIT_EXPECT_EQ(test, 0, map_sized(b, 0, page, half, 3, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
}

/* 12: full ones make way where they may be replaced, but for tables below them */
static void sizes_replace_a_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level, top = bench_top(b);
	u64 page = bench_page(b), span;
	u32 both, flags, used;

	for (level = 1; level < top && b->rules->leaves(&b->model.cpu, level); level++) {
		span = bench_span(b, level);
		for (both = 0; both < 2; both++) {
			u32 levels = BIT(level) | (both ? 1 : 0);

			bench_reset(b);
			KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
			used = b->guest.pool.nr_used;
			flags = both ? VMEM_CHANGE_REPLACE | VMEM_CHANGE_KEEP :
				       VMEM_CHANGE_REPLACE;
			KUNIT_EXPECT_EQ(test, -EEXIST,
					map_sized(b, 0, 0, span, levels, 0));
			/* small ones in the place of small ones: too many here */
			if (both && level > 1)
				continue;
			KUNIT_EXPECT_EQ(test, level > 1 ? -ERANGE : 0,
					map_sized(b, 0, 0, span, levels, flags));
			if (level > 1)
				continue;
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used - 1);
			KUNIT_EXPECT_EQ(test, b->change.answer.changes,
					VMEM_CHANGED_FREED);
			/* and entries that hold bits, unless they are to be kept */
			bench_reset(b);
			KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
			bench_put(b, bench_root(b), page, 0, bench_junk(b));
			KUNIT_EXPECT_EQ(test, -EEXIST,
					map_sized(b, 0, 0, span, 2, VMEM_CHANGE_KEEP));
			KUNIT_EXPECT_EQ(test, -ERANGE,
					map_sized(b, 0, 0, span, 2,
					    VMEM_CHANGE_KEEP | VMEM_CHANGE_REPLACE));
			KUNIT_EXPECT_EQ(test, 0,
					map_sized(b, 0, 0, span, 2,
					    VMEM_CHANGE_REPLACE));
			KUNIT_EXPECT_EQ(test, b->change.answer.overwritten, 1);
		}
	}
}

/* What others have, or the guest made, stays: small ones are mapped into it. */
static void sizes_tables_that_stay(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1);
	u64 table = bench_path(b, bench_root(b), 0, 1);

	/* of the guest's */
	bench_path(b, bench_root(b), 0, 0);
	KUNIT_EXPECT_EQ(test, -EEXIST, map_sized(b, 0, 0, span, 2, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_level, 1);
	KUNIT_EXPECT_EQ(test, -ERANGE,
			map_sized(b, 0, 0, span, 2, VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, 0, map_sized(b, 0, 0, span, 3, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_NONE);
	KUNIT_EXPECT_EQ(test, bench_read(b, bench_path(b, bench_root(b), 0, 0), 0),
			bench_leaf(b, 0));
	/* ours, with two links */
	bench_reset(b);
	table = bench_path(b, bench_root(b), 0, 1);
	bench_take(b, 0, table, 0);
	bench_add_link(b, 0, table, 0, table, 1);
	KUNIT_EXPECT_EQ(test, -ERANGE,
			map_sized(b, 0, 0, span, 2, VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, -EMLINK,
			map_sized(b, 0, 0, span, 3, VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, 0, map_sized(b, 0, 0, span, 3,
				     VMEM_CHANGE_REPLACE | VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 1);
}

/* 11, 12: each size onto each */
static void sizes_onto_leaves(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), table;
	struct vmem_mapping m;
	u32 levels;

	for (levels = 2; levels < 4; levels++) {
		bench_reset(b);
		table = bench_path(b, bench_root(b), 0, 1);
		bench_write(b, table, 0, bench_large(b, 3 * span));
		m = sized(b, 0, span, span, levels);
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, &m, 1, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1,
					VMEM_CHANGE_REPLACE | VMEM_CHANGE_ALONE));
		KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), bench_large(b, span));
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush_first, 0);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush_last, span - 1);
		/* a malformed one, and bits of one that isn't present */
		bench_write(b, table, 0, bench_reserved(b, bench_large(b, 0)));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, &m, 1, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_REPLACE));
		bench_write(b, table, 0, bench_junk(b));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, &m, 1, VMEM_CHANGE_KEEP |
							    VMEM_CHANGE_REPLACE));
		KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.overwritten, 1);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_NONE);
	}
	/* small ones in the place of a large one that goes as a whole */
	m = sized(b, 0, bench_page(b), span, 3);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_REPLACE));
}

/* 6, 19, 49: what is refused */
static void sizes_refused(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_mapping m = sized(b, 0, 0, span, 2);
	unsigned int i;

	m.virt_base = page;
	KUNIT_EXPECT_EQ(test, -EINVAL, map(b, m, 0));
	m = sized(b, 0, page, span, 2);
	KUNIT_EXPECT_EQ(test, -EINVAL, map(b, m, 0));
	m = sized(b, 0, 0, span + page, 2);
	KUNIT_EXPECT_EQ(test, -EINVAL, map(b, m, 0));
	/* sizes that no leaf has */
	for (i = 0; i < 64; i++) {
		bench_reset(b);
		m = sized(b, 0, 0, span, 1);
		m.page_sizes |= BIT_ULL(i);
		KUNIT_EXPECT_EQ_MSG(test, map(b, m, 0),
				    BIT_ULL(i) == page || BIT_ULL(i) == span ||
				    (BIT_ULL(i) == bench_span(b, 2) &&
				     b->rules->leaves(&b->model.cpu, 2)) ?
				    0 : -EOPNOTSUPP, "bit %u", i);
	}
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
}

/* 49: where there are no pages of 1 GiB, those of 2 MiB, if they are asked for */
static void sizes_without_1g(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	const struct cpu cpu = { .phys_bits = 48, .cow = 1, .no_1g = true };
	struct bench *b = bench_begin_facts(test, e, &cpu);
	u64 span = bench_span(b, 2);
	u32 nr[VMEM_LEVELS_MAX];

	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, map_sized(b, 0, 0, span, 4, 0));
	KUNIT_EXPECT_EQ(test, 0, map_sized(b, 0, 0, span, 6, 0));
	count(b, 0, span, nr);
	KUNIT_EXPECT_EQ(test, nr[1], 512);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, bench_top(b));
}

/* A path names the tables above the leaves, and no others. */
static void sizes_with_a_path(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1);
	struct vmem_mapping m = sized(b, 0, 0, span, 2);

	m = bench_with_path(m, bench_same_path(b, 1, bench_granted(b)));
	KUNIT_EXPECT_EQ(test, -EINVAL, map(b, m, 0));
	m.path = bench_same_path(b, 2, bench_granted(b));
	KUNIT_EXPECT_EQ(test, 0, map(b, m, 0));
}

/* 16: pages of the pool are counted exactly */
static void sizes_pool_just_enough(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), page = bench_page(b);
	/* a page, a large leaf, a page: two tables of leaves, and those above */
	u32 need = bench_top(b) - 1 + 2;
	struct vmem_mapping m;

	if (b->e == &engine_toy)
		need = 1 + 1 + 2;
	m = sized(b, span - page, span - page, span + 2 * page, 3);
	if (b->e == &engine_toy)
		m = sized(b, page, page, 2 * page, 3);
	need = b->e == &engine_toy ? 3 : need;
	bench_use_up(b, b->guest.pool.nr_free - need + 1);
	KUNIT_EXPECT_EQ(test, -ENOSPC, map(b, m, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.lacking, 1);
	bench_reset(b);
	bench_use_up(b, b->guest.pool.nr_free - need);
	KUNIT_EXPECT_EQ(test, 0, map(b, m, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_free, 0);
}

#define RANGES		128

/* What a plain list of pages says is mapped. */
struct plain {
	u64 va[RANGES];
	u64 gpa[RANGES];
	u64 len[RANGES];
	u32 nr;
};

static bool plain_has(const struct plain *plain, u64 va, u64 *gpa)
{
	u32 i;

	/* the last one that was put there counts */
	for (i = plain->nr; i--;) {
		if (va < plain->va[i] || va - plain->va[i] >= plain->len[i])
			continue;
		*gpa = plain->gpa[i] + (va - plain->va[i]);
		return plain->gpa[i] != U64_MAX;
	}
	return false;
}

static void plain_check(struct bench *b, const struct plain *plain, u64 va)
{
	struct vmem_translation t;
	u64 gpa = 0;
	bool is;

	bench_translate(b, &b->space, va, &t);
	is = plain_has(plain, va, &gpa);
	KUNIT_ASSERT_EQ_MSG(b->test, t.status, is ? VMEM_OK : VMEM_NOT_PRESENT,
			    "%llx", va);
	if (is)
		KUNIT_ASSERT_EQ_MSG(b->test, t.gpa, gpa, "%llx", va);
}

/* All goes again, and with it each table but the root. */
static void plain_clear(struct bench *b, struct plain *plain, u64 room)
{
	u32 i;

	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(b->test, 0, bench_unmap(b, i * bench_upper(b), room));
	KUNIT_ASSERT_EQ(b->test, b->guest.pool.nr_used, 1);
	plain->nr = 0;
}

/* 1,000 random maps and unmaps in both halves, against a list of ranges */
static void sizes_against_a_list_of_ranges(struct kunit *test)
{
	struct plain *plain = kunit_kzalloc(test, sizeof(*plain), GFP_KERNEL);
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), room, va, gpa, len;
	struct vmem_mapping m;
	u32 i, j, nr;

	KUNIT_ASSERT_NOT_NULL(test, plain);
	room = b->rules->halves ? -bench_upper(b) : bench_span(b, 3) / 2;
	room = min(room, 6 * span);
	for (i = 0; i < 1000 && !b->differs; i++) {
		struct vt_random *random = &b->guest.random;

		if (plain->nr == RANGES)
			plain_clear(b, plain, room);
		nr = 1 + vt_random_below(random, vt_random_below(random, 2) ? 4 :
					 room / page);
		len = min(nr * page, room);
		va = page * vt_random_below(random, (room - len) / page + 1);
		if (vt_random_below(random, 3) == 0) {
			len = max(len & -span, span);
			va = min(va & -span, room - len);
		}
		gpa = va % span + span * vt_random_below(random, 8);
		if (vt_random_below(random, 4) == 0)
			gpa += page;
		va += vt_random_below(random, 2) * bench_upper(b);
		m = sized(b, va, gpa, len, 3);
		if (vt_random_below(random, 3) == 0) {
			m = bench_unmapped(va, len);
			gpa = U64_MAX;
		}
		KUNIT_ASSERT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SPLIT |
						      VMEM_CHANGE_REPLACE));
		bench_flushed(b);
		plain->va[plain->nr] = va;
		plain->gpa[plain->nr] = gpa;
		plain->len[plain->nr++] = len;
		plain_check(b, plain, va);
		plain_check(b, plain, va + len - 1);
		if (va & (room - 1) && va != bench_upper(b))
			plain_check(b, plain, va - 1);
		for (j = 0; j < 8; j++)
			plain_check(b, plain, (j & 1) * bench_upper(b) + page *
				    vt_random_below(random, room / page));
	}
	KUNIT_EXPECT_EQ(test, i, 1000);
	/* each page of both halves, once */
	for (va = 0; va < 2 * room; va += page)
		plain_check(b, plain, va < room ? va : bench_upper(b) + (va - room));
	plain_clear(b, plain, room);
	bench_flushed(b);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_free, POOL_TABLES - 1);
}

static struct kunit_case sizes_cases[] = {
	EACH_FORMAT(sizes_are_the_largest),
	EACH_X86_64(sizes_of_a_long_run),
	EACH_X86_64(sizes_not_congruent),
	EACH_FORMAT(sizes_small_then_large),
	EACH_FORMAT(sizes_small_large_small),
	EACH_FORMAT(sizes_replace_a_table),
	EACH_FORMAT(sizes_tables_that_stay),
	EACH_FORMAT(sizes_onto_leaves),
	EACH_FORMAT(sizes_refused),
	EACH_X86_64(sizes_without_1g),
	EACH_FORMAT(sizes_with_a_path),
	EACH_FORMAT(sizes_pool_just_enough),
	EACH_FORMAT(sizes_against_a_list_of_ranges),
	{}
};

static struct kunit_suite sizes_suite = {
	.name = "vmem_sizes",
	.test_cases = sizes_cases,
};

kunit_test_suite(sizes_suite);
