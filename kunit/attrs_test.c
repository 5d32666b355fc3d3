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

/* 8: all there are, at each level, to entries and back by a translation */
static void attrs_to_entry_and_back(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	struct vmem_mapping m;
	unsigned int level;
	u32 attrs, done = 0;

	for (level = 0; b->rules->leaves(&b->model.cpu, level); level++) {
		/* of a key some bits are enough */
		for (attrs = 0; attrs < 0x4000 && !b->differs; attrs++) {
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
	EACH_FORMAT(attrs_raw_and_keep),
	{}
};

static struct kunit_suite attrs_suite = {
	.name = "vmem_attrs",
	.test_cases = attrs_cases,
};

kunit_test_suite(attrs_suite);
