/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of linked and of shared tables have in common.
 */
#ifndef _VMEM_KUNIT_LINK_TEST_H
#define _VMEM_KUNIT_LINK_TEST_H

#include "bench.h"

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

/* Two spaces: 0 is in hand, with a page at the first address of @va. */
static inline void link_begin(struct bench *b, u64 va)
{
	bench_reset(b);
	bench_new_space(b, 1);
	KUNIT_ASSERT_EQ(b->test, 0, bench_map(b, va, bench_data(b, 1),
					      bench_page(b), RWX, 0));
}

/* Where the second span of a table of @level begins, the other half's if not. */
static inline u64 link_second(struct bench *b, unsigned int level)
{
	return sign_extend(b->rules, bench_span(b, level + 1));
}

/* A table that space 0 has at 0, to be shown at @our_va. */
static inline struct bench_link link_of(unsigned int level, u64 our_va)
{
	return (struct bench_link){ .our_va = our_va, .level = level };
}

static inline struct bench_link with_path(struct bench *b,
					  struct bench_link link, u32 perms)
{
	link.path_given = true;
	link.path = bench_same_path(b, link.level + 1, perms);
	return link;
}

/* The table of ours that space @nr has there. */
static inline struct vmem_pool_page *link_page(struct bench *b, u32 nr, u64 va,
					       unsigned int level)
{
	u64 root = vmem_table_gpa(bench_space_nr(b, nr)->root);

	return vmem_pool_find(&b->guest.pool,
			      vmem_table(bench_path(b, root, va, level)));
}

/* Each of its pages in both, at whatever address. */
static inline void link_expect_same(struct bench *b, u64 our_va, u64 their_va,
				    u64 len)
{
	struct vmem_translation ours, theirs;
	u64 at, step = len / nr_entries(b->rules);

	for (at = 0; at < len; at += step) {
		bench_translate(b, &b->space, our_va + at, &ours);
		bench_translate(b, bench_space_nr(b, 0), their_va + at, &theirs);
		KUNIT_EXPECT_EQ(b->test, ours.status, theirs.status);
		KUNIT_EXPECT_EQ(b->test, ours.gpa, theirs.gpa);
		KUNIT_EXPECT_EQ(b->test, ours.leaf, theirs.leaf);
	}
}

#endif /* _VMEM_KUNIT_LINK_TEST_H */
