// SPDX-License-Identifier: GPL-2.0-only
/*
 * Short changes: those that lie in one table of leaves, to which a space remembers
 * its way. Each change is compared with the model, byte by byte; so what becomes of the
 * way between two of them is to be seen by the second.
 */
#include "link_test.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define LIVES	150
#define CHANGES	60

/* One page, at @nr of the table at @va. */
static int map_one(struct bench *b, u64 va, u32 nr, u32 attrs, u32 flags)
{
	return bench_map(b, va + nr * bench_page(b), bench_data(b, nr), bench_page(b),
			 attrs, flags);
}

static int unmap_one(struct bench *b, u64 va, u32 nr)
{
	return bench_unmap(b, va + nr * bench_page(b), bench_page(b));
}

/* The table is another one now, or its entry denies something. */
static void short_entry_changes(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 first, other;
	unsigned int level;

	for (level = 1; level <= bench_top(b); level++) {
		bench_reset(b);
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 0, RWX, 0));
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 1, RWX, 0));
		first = bench_read(b, bench_path(b, bench_root(b), 0, level), 0);
		other = bench_table_entry(b, bench_table(b));
		bench_put(b, bench_root(b), 0, level, other);
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 2, RWX, 0));
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 3, RWX, 0));
		KUNIT_EXPECT_EQ(test, 0, unmap_one(b, 0, 2));
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
		if (bench_can_deny(b)) {
			bench_put(b, bench_root(b), 0, level, bench_read_only(b, other));
			KUNIT_EXPECT_EQ(test, -EEXIST, map_one(b, 0, 2, RWX, 0));
			KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 2, VMEM_R | VMEM_X, 0));
			KUNIT_EXPECT_EQ(test, -EEXIST, map_one(b, 0, 4, RWX, 0));
		}
		bench_put(b, bench_root(b), 0, level, 0);
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 4, RWX, 0));
		/* its link went when another table took its place */
		bench_put(b, bench_root(b), 0, level, first);
		KUNIT_EXPECT_EQ(test, -EEXIST, map_one(b, 0, 5, RWX, 0));
	}
}

/* Others have a table of the way, and have it no more. */
static void short_way_is_shared(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		link_begin(b, 0);
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 2, RWX, 0));
		link = link_of(level, bench_upper(b));
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		KUNIT_EXPECT_EQ(test, -EMLINK, map_one(b, 0, 3, RWX, 0));
		KUNIT_EXPECT_EQ(test, -EMLINK, unmap_one(b, 0, 2));
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 3, RWX, VMEM_CHANGE_SHARED_OK));
		KUNIT_EXPECT_EQ(test, -EMLINK, map_one(b, 0, 4, RWX, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, link.our_va,
						     bench_span(b, level + 1)));
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 4, RWX, 0));
	}
	link_begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 2, RWX, 0));
	bench_drop_space(b, 1);
	bench_share_root(b, 1, 0);
	KUNIT_EXPECT_EQ(test, -EMLINK, map_one(b, 0, 3, RWX, 0));
	bench_drop_space(b, 1);
	KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 3, RWX, 0));
}

/* The last page takes the table along, and only it. */
static void short_unmap_last(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 last = bench_last_index(b), i;
	const u32 order[] = { 5, 4, 6, last, last - 1, 0, 1, 7 };

	for (i = 0; i < ARRAY_SIZE(order); i++)
		KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, order[i], RWX, 0));
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, b->rules->levels);
		KUNIT_EXPECT_EQ(test, 0, unmap_one(b, 0, order[i]));
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
	}
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	/* what isn't present, but holds bits, is no page */
	KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 1, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, map_one(b, 0, 2, RWX, 0));
	bench_put(b, bench_root(b), 0, 0, bench_junk(b));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, 2 * bench_page(b)));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 1);
}

static u32 below(struct bench *b, u32 nr)
{
	return vt_random_below(&b->guest.random, nr);
}

/* What a guest writes into an entry above the leaves. */
static u64 some_entry(struct bench *b, u64 entry, const u64 *tables)
{
	switch (below(b, 8)) {
	case 0:
		return 0;
	case 1:
		return bench_junk(b);
	case 2:
		return bench_reserved(b, entry);
	case 3:
		return bench_can_deny(b) ? bench_read_only(b, entry) : entry;
	default:
		return bench_table_entry(b, tables[below(b, 3)]);
	}
}

static void some_step(struct bench *b, const u64 *places, const u64 *tables)
{
	static const u32 attrs[] = { RWX, VMEM_R, VMEM_R | VMEM_W, RWX | VMEM_U };
	static const u32 flags[] = {
		0, 0, 0, VMEM_CHANGE_REPLACE, VMEM_CHANGE_SHARED_OK, VMEM_CHANGE_ALONE,
	};
	u64 va = places[below(b, 3)], root = bench_root(b);
	u32 last = bench_last_index(b), what = below(b, 32);
	u32 nr = below(b, 8) ? below(b, min(last, 5U)) : last;
	unsigned int level = 1 + below(b, bench_top(b)), at = level;
	struct bench_link link;

	if (what < 14) {
		map_one(b, va, nr, attrs[below(b, ARRAY_SIZE(attrs))],
			flags[below(b, ARRAY_SIZE(flags))]);
	} else if (what < 26) {
		unmap_one(b, va, nr);
	} else if (what < 28) {
		link = (struct bench_link){
			.our_va = places[below(b, 3)], .their_va = va,
		};
		bench_link(b, &link, flags[below(b, 4)]);
	} else if (what < 31) {
		/* a table that can be found; what is missing isn't made */
		root = bench_find(b, root, va, &at);
		at = va >> __builtin_ctzll(bench_span(b, at)) & bench_last_index(b);
		bench_write(b, root, at, some_entry(b, bench_read(b, root, at), tables));
	} else {
		bench_share_root(b, 1, 0);
		map_one(b, va, nr, RWX, 0);
		bench_drop_space(b, 1);
	}
}

static void short_random(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	const u64 places[] = { 0, bench_span(b, 1), bench_upper(b) };
	u64 tables[3];
	u32 life, i;

	for (life = 0; life < LIVES && !b->differs; life++) {
		bench_reset(b);
		for (i = 0; i < 2; i++)
			tables[i] = bench_table(b);
		KUNIT_ASSERT_EQ(test, 0, map_one(b, 0, 0, RWX, 0));
		tables[2] = bench_path(b, bench_root(b), 0, 0);
		for (i = 0; i < CHANGES && !b->differs; i++)
			some_step(b, places, tables);
	}
}

static struct kunit_case short_cases[] = {
	EACH_X86_64(short_entry_changes),
	EACH_X86_64(short_way_is_shared),
	EACH_X86_64(short_unmap_last),
	EACH_FORMAT(short_random),
	{}
};

static struct kunit_suite short_suite = {
	.name = "vmem_short",
	.test_cases = short_cases,
};

kunit_test_suite(short_suite);
