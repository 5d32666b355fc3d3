// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of leaves, what they need of the entries above, and entries that are not
 * present but hold bits. Each change is compared with the model, byte by byte.
 *
 * Points of the behaviour's description that have a case here: 8, 10, 54.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

/* 8: all that a translation tells, at each level, to entries and back */
static void attrs_to_entry_and_back(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	struct vmem_mapping m;
	unsigned int level;
	u32 attrs, done = 0;

	b->quick = true;
	for (level = 0; b->rules->leaves(&b->model.cpu, level); level++) {
		for (attrs = 0; attrs < 0x10000 && !b->differs; attrs++) {
			if (attrs & VMEM_COW ||
			    !b->rules->expressible(&b->model.cpu, attrs))
				continue;
			m = bench_sized(b, bench_basic(0, bench_span(b, level),
						       bench_span(b, level), attrs),
					BIT(level));
			m.ad_given = true;
			KUNIT_ASSERT_EQ(test, 0,
					bench_change(b, &m, 1, VMEM_CHANGE_REPLACE |
						     VMEM_CHANGE_WIDEN));
			bench_translate(b, &b->space, 0, &t);
			KUNIT_ASSERT_EQ(test, t.leaf, attrs);
			KUNIT_ASSERT_EQ(test, t.effective & VMEM_RWXU,
					attrs & VMEM_RWXU);
			KUNIT_ASSERT_EQ(test, t.level, level);
			done++;
		}
	}
	b->quick = false;
	bench_check_same(b, "each attribute");
	KUNIT_EXPECT_GE(test, done, 64);
}

/* 10: an entry that denies is widened if that is asked, where no path is given */
static void attrs_widen(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_mapping m[2] = {
		bench_basic(0, 0, bench_page(b), RWX),
		bench_basic(bench_page(b), 0, bench_page(b), RWX | VMEM_U),
	};
	struct vmem_translation t;

	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, m, 2, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, m, 2, VMEM_CHANGE_ATOMIC |
						      VMEM_CHANGE_WIDEN));
	bench_translate(b, &b->space, bench_page(b), &t);
	KUNIT_EXPECT_EQ(test, t.effective & VMEM_RWXU, RWX | VMEM_U);
	bench_reset(b);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, m, 1, 0));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, &m[1], 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_level, bench_top(b));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m[1], 1, VMEM_CHANGE_WIDEN));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
	/* nothing where there is no leaf */
	bench_reset(b);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, m, 1, 0));
	m[0] = bench_protected(bench_page(b), bench_page(b), VMEM_U, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, m, 1, VMEM_CHANGE_WIDEN));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	m[0].virt_base = 0;
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, m, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, m, 1, VMEM_CHANGE_WIDEN));
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_TRUE(test, t.effective & VMEM_U);
}

/*
 * 10: three of a list that come by the same entries, of which each needs something
 * else of them: where these are to be made, and where they are there and grant less.
 */
static void widen_three(struct bench *b, const u32 attrs[3], bool there, bool backwards,
			bool stopped)
{
	u32 flags = VMEM_CHANGE_ATOMIC | VMEM_CHANGE_WIDEN;
	u64 page = bench_page(b), va;
	u32 i, all = 0, used, small = nr_entries(b->rules) < 3;
	struct vmem_translation t;
	struct vmem_mapping m[3];

	bench_reset(b);
	m[0] = bench_with_path(bench_basic(3 * page, 0, page, VMEM_R),
			       bench_same_path(b, 1, VMEM_R | VMEM_X));
	if (there)
		KUNIT_EXPECT_EQ(b->test, 0, bench_change(b, m, 1, 0));
	used = b->guest.pool.nr_used;
	for (i = 0; i < 3; i++) {
		va = (backwards ? 2 - i : i) * page;
		m[i] = bench_basic(va, va, page, attrs[i]);
		all |= attrs[i];
	}
	/* what the first needs is enough for none of the others */
	KUNIT_EXPECT_EQ(b->test, -EEXIST, bench_change(b, m, 3, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_EQ(b->test, 0, stopped ? bench_change_stopped(b, m, 3, flags) :
					      bench_change(b, m, 3, flags));
	for (i = 0; i < 3; i++) {
		bench_translate(b, &b->space, m[i].virt_base, &t);
		KUNIT_EXPECT_EQ(b->test, t.status, VMEM_OK);
		KUNIT_EXPECT_EQ(b->test, t.leaf & VMEM_RWXU, attrs[i]);
		/* each has what it asks for, of entries that grant it to all */
		KUNIT_EXPECT_EQ(b->test, t.effective & VMEM_RWXU, attrs[i]);
		KUNIT_EXPECT_EQ(b->test, all & ~(t.path >> (4 * bench_top(b))), 0);
	}
	/* one path, made once; of a toy the third page has a table of its own */
	KUNIT_EXPECT_EQ(b->test, b->guest.pool.nr_used - used,
			(there ? 0 : bench_top(b)) + small);
}

static void attrs_widen_three_in_one_list(struct kunit *test)
{
	static const u32 needs[] = { RWX | VMEM_U, RWX, VMEM_R | VMEM_U, VMEM_R | VMEM_W };
	struct bench *b = bench_begin(test);
	u32 i, done = 0;

	bench_needs_deny(b);
	for (i = 0; i < 4 * 4 * 4 * 4 && !b->differs; i++) {
		const u32 attrs[3] = {
			needs[i / 4 % 4], needs[i / 16 % 4], needs[i / 64],
		};
		u32 users = !!(attrs[0] & VMEM_U) + !!(attrs[1] & VMEM_U) +
			    !!(attrs[2] & VMEM_U);

		/* where nothing is, it is U in which they can differ */
		if (!(i & 1) && users % 3 == 0)
			continue;
		widen_three(b, attrs, i & 1, i & 2, done++ % 16 == 0);
	}
	KUNIT_EXPECT_GE(test, done, 200);
}

/* 54: written, kept, and what no such entry is */
static void attrs_raw_and_keep(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), junk = bench_junk(b);
	struct vmem_mapping raw = bench_raw(0, junk, 2 * page);
	struct vmem_mapping m = bench_basic(page, 0, page, RWX);

	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &raw, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.pages, 2);
	KUNIT_EXPECT_EQ(test, bench_read(b, bench_path(b, bench_root(b), 0, 0), 1), junk);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, &m, 1, VMEM_CHANGE_KEEP));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, &m, 1, VMEM_CHANGE_KEEP |
						    VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.overwritten, 1);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, &raw, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &raw, 1, VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_RANGE);
	raw.phys_base = 0;
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_change(b, &raw, 1, 0));
	raw.phys_base = bench_leaf(b, 0);
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_change(b, &raw, 1, 0));
	raw = bench_sized(b, bench_raw(0, junk, bench_span(b, 1)), 2);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, bench_change(b, &raw, 1, 0));
}

static struct kunit_case attrs_cases[] = {
	EACH_FORMAT(attrs_to_entry_and_back),
	EACH_FORMAT(attrs_widen),
	EACH_FORMAT(attrs_widen_three_in_one_list),
	EACH_FORMAT(attrs_raw_and_keep),
	{}
};

static struct kunit_suite attrs_suite = {
	.name = "vmem_attrs",
	.test_cases = attrs_cases,
};

kunit_test_suite(attrs_suite);
