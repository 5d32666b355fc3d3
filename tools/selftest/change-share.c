// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables that are shown at more than one place.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "change.h"

/*
 * Two spaces: in the first, a leaf at 0, and three more in other tables of
 * level 0, at OWN(1), OWN(2) and OWN(3), so that tables of each depth hold
 * something.
 */
struct pair {
	struct pool_guest p;	/* p.space is the owner */
	u32 other;
	u64 tables;		/* of the owner */
};

static u64 own(u32 format, unsigned int n)
{
	return n < levels_of(format) ? entry_span(n) : 0;
}

static void pair_init(struct pair *t, u32 format)
{
	unsigned int levels = levels_of(format), n;
	struct vmem_ioc_pool_stat stat;

	memset(t, 0, sizeof(*t));
	pool_guest(&t->p, format, 64);
	for (n = 0; n < levels; n++)
		ASSERT_OK(map_one(t->p.fd, t->p.space, n ? own(format, n) : 0,
				  MAP_DATA + n * PAGE, PAGE, R | W, 0, NULL));
	t->other = ASSERT_OK(space_new(t->p.fd, format, t->p.pool));
	ASSERT_OK(pool_stat(t->p.fd, t->p.pool, &stat));
	t->tables = stat.out_used - 1;
}

static void expect_gpa(int fd, u32 space, u64 va, u64 gpa)
{
	struct vmem_ioc_result result;

	ASSERT_OK(translate(fd, space, va, &result));
	EXPECT_EQ(result.status, gpa ? VMEM_IOC_OK : VMEM_IOC_NOT_PRESENT);
	EXPECT_EQ(result.gpa, gpa);
}

/* The model over the other space. */
static void expect_other(struct pair *t, u64 leaves)
{
	struct pool_guest p = t->p;

	p.space = t->other;
	p.g.root = space_root(p.fd, p.space);
	expect_leaves(&p, leaves);
}

/* A link at each depth: who counts what, and what is left when it goes. */
static void link_counts(u32 format)
{
	unsigned int levels = levels_of(format), depth, level;
	struct vmem_ioc_space_get get;
	struct vmem_ioc_change change;
	struct pair t;
	u64 va, span;

	pair_init(&t, format);
	expect_shared(&t.p, 0);
	for (depth = 1; depth < levels; depth++) {
		level = levels - 1 - depth;
		span = entry_span(level + 1);
		va = 3 * span;
		/* Leaves below: its own, and those at its further entries. */
		ASSERT_OK(link_table(t.p.fd, t.other, va, t.p.space, 0, depth,
				     0, &change));
		EXPECT_EQ(change.out_done, 1);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		EXPECT_EQ(change.out_changes, 0);
		EXPECT_EQ(change.out_pages, 0);
		EXPECT_EQ(change.out_root, space_root(t.p.fd, t.other));
		expect_shared(&t.p, 1);
		/* Its root, those above the link. */
		expect_pool(&t.p, t.tables + depth, 0);
		ASSERT_OK(space_get(t.p.fd, t.other, &get));
		EXPECT_EQ(get.out_tables, depth);
		EXPECT_EQ(get.out_links, 0);
		ASSERT_OK(space_get(t.p.fd, t.p.space, &get));
		EXPECT_EQ(get.out_tables, t.tables);
		EXPECT_EQ(get.out_links, 0);
		expect_gpa(t.p.fd, t.other, va, MAP_DATA);
		expect_other(&t, level + 1);
		expect_leaves(&t.p, levels);

		/* Once more, at another place; then what isn't needed goes. */
		ASSERT_OK(link_table(t.p.fd, t.other, va + span, t.p.space, 0,
				     depth, 0, NULL));
		expect_shared(&t.p, 1);
		expect_other(&t, level + 1);
		ASSERT_OK(unmap(t.p.fd, t.other, va + span, va + 2 * span - 1,
				&change));
		EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
		EXPECT_EQ(change.out_pages, 0);
		expect_shared(&t.p, 1);
		ASSERT_OK(unmap(t.p.fd, t.other, va, va + span - 1, &change));
		EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED |
			  (depth > 1 ? VMEM_IOC_CHANGE_FREED : 0));
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
		expect_shared(&t.p, 0);
		expect_pool(&t.p, t.tables + 1, depth - 1);
		expect_leaves(&t.p, levels);
		expect_other(&t, 0);
		ASSERT_OK(flushed(t.p.fd, change.out_generation));
		expect_pool(&t.p, t.tables + 1, 0);
	}
}
EACH_FORMAT(link_counts)

/* The owner goes; its table stays for the other, and goes with that one. */
static void linked_table_outlives_its_owner(u32 format)
{
	unsigned int levels = levels_of(format), depth;
	struct vmem_ioc_destroy end = { .size = sizeof(end) };
	struct vmem_ioc_pool_stat stat;
	struct vmem_ioc_change change;
	u64 kept, generation;
	struct pair t;

	for (depth = 1; depth < levels; depth++) {
		pair_init(&t, format);
		ASSERT_OK(link_table(t.p.fd, t.other, 0, t.p.space, 0, depth, 0,
				     NULL));
		end.id = t.p.space;
		ASSERT_OK(vcall(t.p.fd, VMEM_IOC_DESTROY, &end));
		EXPECT_EQ(end.out_flush, VMEM_IOC_FLUSH_ALL);
		expect_shared(&t.p, 0);
		expect_gpa(t.p.fd, t.other, 0, MAP_DATA);
		expect_other(&t, levels - depth);
		ASSERT_OK(pool_stat(t.p.fd, t.p.pool, &stat));
		EXPECT_EQ(stat.out_oldest_generation, end.out_generation);
		/* What was the owner's alone is in quarantine. */
		kept = stat.out_used;
		EXPECT_EQ(stat.out_quarantined, t.tables + depth - kept);
		EXPECT(kept > depth && stat.out_quarantined >= depth);
		ASSERT_OK(flushed(t.p.fd, end.out_generation));
		expect_pool(&t.p, kept, 0);

		/* It is the other's own now. */
		ASSERT_OK(map_one(t.p.fd, t.other, PAGE, MAP_DATA + PAGE, PAGE,
				  R, 0, &change));
		expect_other(&t, levels - depth + 1);
		generation = change.out_generation;
		ASSERT_OK(unmap(t.p.fd, t.other, 0, ~0ULL, &change));
		EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
		EXPECT_EQ(change.out_pages, levels - depth + 1);
		EXPECT(change.out_generation > generation);
		expect_pool(&t.p, 1, kept - 1);
		ASSERT_OK(flushed(t.p.fd, change.out_generation - 1));
		expect_pool(&t.p, 1, kept - 1);
		ASSERT_OK(flushed(t.p.fd, change.out_generation));
		expect_pool(&t.p, 1, 0);
		ASSERT_OK(destroy(t.p.fd, t.other));
	}
}
EACH_FORMAT(linked_table_outlives_its_owner)

/* The other goes first: nothing of the owner's does. */
static void linked_table_outlives_its_user(u32 format)
{
	unsigned int levels = levels_of(format), depth;
	struct pair t;

	for (depth = 1; depth < levels; depth++) {
		pair_init(&t, format);
		ASSERT_OK(link_table(t.p.fd, t.other, 0, t.p.space, 0, depth, 0,
				     NULL));
		ASSERT_OK(destroy(t.p.fd, t.other));
		expect_shared(&t.p, 0);
		expect_pool(&t.p, t.tables, depth);
		expect_leaves(&t.p, levels);
		ASSERT_OK(unmap(t.p.fd, t.p.space, 0, ~0ULL, NULL));
		expect_pool(&t.p, 1, t.tables + depth - 1);
	}
}
EACH_FORMAT(linked_table_outlives_its_user)

/* Many spaces of one table: each in its turn lets go of it. */
static void link_many_spaces(void)
{
	struct vmem_ioc_change change;
	u32 spaces[32], i, j;
	struct pair t;

	pair_init(&t, FMT4);
	for (i = 0; i < 32; i++) {
		spaces[i] = ASSERT_OK(space_new(t.p.fd, FMT4, t.p.pool));
		ASSERT_OK(link_table(t.p.fd, spaces[i],
				     entry_span(3) * (i + 1), i ? spaces[i - 1] :
				     t.p.space, i ? entry_span(3) * i : 0, 1, 0,
				     NULL));
	}
	expect_shared(&t.p, 1);
	ASSERT_OK(map_one(t.p.fd, spaces[7], entry_span(3) * 8 + PAGE,
			  MAP_DATA, PAGE, R, VMEM_IOC_MAP_SHARED_OK, NULL));
	/* In an order of no meaning; 19 and 32 have no common divisor. */
	for (i = 0; i < 32; i++) {
		j = i * 19 % 32;
		expect_gpa(t.p.fd, spaces[j], entry_span(3) * (j + 1) + PAGE,
			   MAP_DATA);
		if (i % 2)
			ASSERT_OK(destroy(t.p.fd, spaces[j]));
		else
			ASSERT_OK(unmap(t.p.fd, spaces[j], 0, ~0ULL, &change));
		expect_shared(&t.p, i < 31);
		expect_gpa(t.p.fd, t.p.space, PAGE, MAP_DATA);
	}
	ASSERT_OK(map_one(t.p.fd, t.p.space, 2 * PAGE, MAP_DATA, PAGE, R, 0,
			  NULL));
	expect_leaves(&t.p, 4 + 2);
}

const struct ktap_case share_cases[] = {
	CASE_FORMATS(link_counts),
	CASE_FORMATS(linked_table_outlives_its_owner),
	CASE_FORMATS(linked_table_outlives_its_user),
	CASE(link_many_spaces),
};

const size_t nr_share_cases = ARRAY_SIZE(share_cases);
