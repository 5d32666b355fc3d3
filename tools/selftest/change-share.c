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

/* Below a shared table: refused, unless it is meant. */
static void shared_ok(u32 format)
{
	unsigned int levels = levels_of(format), depth, by;
	struct vmem_ioc_change change;
	struct picture before, after;
	struct pair t;
	u64 vas[2], at;
	u32 spaces[2];

	for (depth = 1; depth < levels; depth++) {
		pair_init(&t, format);
		vas[0] = 0;
		vas[1] = 5 * entry_span(levels - depth);
		spaces[0] = t.p.space;
		spaces[1] = t.other;
		ASSERT_OK(link_table(t.p.fd, t.other, vas[1], t.p.space, 0,
				     depth, 0, NULL));
		for (by = 0; by < 2; by++) {
			at = vas[by] + (8 + 8 * by) * PAGE;
			before = picture_take(t.p.fd, t.p.g.mem, t.p.g.len);
			EXPECT_ERR(map_one(t.p.fd, spaces[by], at, MAP_DATA,
					   4 * PAGE, R, 0, &change), EMLINK);
			EXPECT_EQ(change.out_at_va, at);
			EXPECT_EQ(change.out_at_level, levels - depth);
			EXPECT_ERR(protect(t.p.fd, spaces[by], vas[by],
					   vas[by] + PAGE - 1, 0, W, 0, NULL),
				   EMLINK);
			EXPECT_ERR(unmap(t.p.fd, spaces[by], vas[by],
					 vas[by] + PAGE - 1, NULL), EMLINK);
			after = picture_take(t.p.fd, t.p.g.mem, t.p.g.len);
			EXPECT(picture_same(&before, &after));

			ASSERT_OK(map_one(t.p.fd, spaces[by], at, MAP_DATA,
					  4 * PAGE, R | W,
					  VMEM_IOC_MAP_SHARED_OK, &change));
			EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
			expect_gpa(t.p.fd, spaces[0], vas[0] + at - vas[by] +
				   3 * PAGE, MAP_DATA + 3 * PAGE);
			expect_gpa(t.p.fd, spaces[1], vas[1] + at - vas[by] +
				   3 * PAGE, MAP_DATA + 3 * PAGE);
			/* A leaf that was: all that show it must forget it. */
			ASSERT_OK(protect(t.p.fd, spaces[by], at, at + PAGE - 1,
					  0, W, VMEM_IOC_RANGE_SHARED_OK,
					  &change));
			EXPECT_EQ(change.out_pages, 1);
			EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
			EXPECT_EQ(change.out_changes, 0);
			ASSERT_OK(unmap_flags(t.p.fd, spaces[by], at,
					      at + 2 * PAGE - 1,
					      VMEM_IOC_RANGE_SHARED_OK,
					      &change));
			EXPECT_EQ(change.out_pages, 2);
			EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
			expect_gpa(t.p.fd, spaces[!by], vas[!by] + at - vas[by],
				   0);
			ASSERT_OK(map_one(t.p.fd, spaces[by], at + 2 * PAGE,
					  MAP_DATA + MIB, PAGE, R,
					  VMEM_IOC_MAP_SHARED_OK |
					  VMEM_IOC_MAP_REPLACE, &change));
			EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
			expect_gpa(t.p.fd, spaces[!by], vas[!by] + at - vas[by] +
				   2 * PAGE, MAP_DATA + MIB);
			expect_shared(&t.p, 1);
		}
		expect_leaves(&t.p, levels + 4);
		expect_other(&t, levels - depth + 4);
	}
}
EACH_FORMAT(shared_ok)

/* Of a shared table that is left empty, nothing goes: others name it. */
static void shared_emptied(u32 format)
{
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pair t;

	pair_init(&t, format);
	ASSERT_OK(link_table(t.p.fd, t.other, 8 * MIB, t.p.space, 0, levels - 1,
			     0, NULL));
	ASSERT_OK(unmap_flags(t.p.fd, t.other, 8 * MIB, 8 * MIB + PAGE - 1,
			      VMEM_IOC_RANGE_SHARED_OK, &change));
	EXPECT_EQ(change.out_pages, 1);
	EXPECT_EQ(change.out_changes, 0);
	expect_shared(&t.p, 1);
	expect_other(&t, 0);
	expect_leaves(&t.p, levels - 1);
	ASSERT_OK(map_one(t.p.fd, t.p.space, PAGE, MAP_DATA, PAGE, R,
			  VMEM_IOC_MAP_SHARED_OK, NULL));
	expect_gpa(t.p.fd, t.other, 8 * MIB + PAGE, MAP_DATA);
	/* As a whole it is let go of, whether or not that is meant. */
	ASSERT_OK(unmap_flags(t.p.fd, t.other, 8 * MIB, 10 * MIB - 1,
			      VMEM_IOC_RANGE_SHARED_OK, &change));
	EXPECT(change.out_changes & VMEM_IOC_CHANGE_UNSHARED);
	EXPECT_EQ(change.out_pages, 0);
	expect_gpa(t.p.fd, t.p.space, PAGE, MAP_DATA);
	expect_shared(&t.p, 0);
	/* The last one to show it may do what it likes. */
	ASSERT_OK(unmap(t.p.fd, t.p.space, PAGE, 2 * PAGE - 1, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	expect_leaves(&t.p, levels - 1);
}
EACH_FORMAT(shared_emptied)

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

/* REPLACE onto a table of ours, onto a shared one, onto leaves. */
static void link_replaces(u32 format)
{
	unsigned int levels = levels_of(format), depth = levels - 1;
	struct vmem_ioc_change change;
	struct pair t;

	pair_init(&t, format);
	ASSERT_OK(map_one(t.p.fd, t.other, 0, MAP_DATA + MIB, 600 * PAGE, R, 0,
			  NULL));
	EXPECT_ERR(link_table(t.p.fd, t.other, 0, t.p.space, 0, depth, 0, NULL),
		   EEXIST);
	ASSERT_OK(link_table(t.p.fd, t.other, 0, t.p.space, 0, depth,
			     VMEM_IOC_LINK_REPLACE, &change));
	EXPECT_EQ(change.out_pages, 512);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_done, 1);
	expect_other(&t, 1 + 88);
	expect_shared(&t.p, 1);
	/* Another in its place: the first is its owner's alone again. */
	ASSERT_OK(link_table(t.p.fd, t.other, 0, t.p.space, own(format, 1),
			     depth, VMEM_IOC_LINK_REPLACE, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	expect_gpa(t.p.fd, t.other, 0, MAP_DATA + PAGE);
	expect_shared(&t.p, 1);
	ASSERT_OK(map_one(t.p.fd, t.p.space, PAGE, MAP_DATA, PAGE, R, 0, NULL));
	/* In place of a whole tree, a level above. */
	ASSERT_OK(link_table(t.p.fd, t.other, 0, t.p.space, 0, depth - 1,
			     VMEM_IOC_LINK_REPLACE, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED |
		  VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(change.out_pages, 88);
	expect_other(&t, 3);
	expect_leaves(&t.p, levels + 1);
	/* A hole needs no REPLACE, and may have it. */
	ASSERT_OK(link_table(t.p.fd, t.other, 8 * GIB, t.p.space, 0, depth - 1,
			     VMEM_IOC_LINK_REPLACE, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
	expect_other(&t, 3);
}
EACH_FORMAT(link_replaces)

/* In one space, at another place; and through entries with other permissions. */
static void link_in_one_space(u32 format)
{
	unsigned int levels = levels_of(format), depth;
	u64 entries[VMEM_IOC_LEVELS_MAX], va, span;
	const struct vmem_ioc_record *ref;
	struct vmem_ioc_result result;
	struct records rs;
	struct pair t;
	u32 path;
	size_t i;

	pair_init(&t, format);
	for (depth = 1; depth < levels; depth++) {
		span = entry_span(levels - depth);
		va = 7 * span;
		path = path_of(format, levels - depth, RWX | U) &
		       ~((W | X) << VMEM_IOC_PATH_SHIFT(levels - depth));
		if (depth > 1)
			va += entry_span(levels - 1) * (depth + 20);
		ASSERT_OK(link_path(t.p.fd, t.p.space, va, t.p.space, 0, depth,
				    path, 0, NULL));
		entries_of(&t.p, va, entries);
		EXPECT_EQ(entries[levels - depth] & ~X86_ADDR,
			  X86_P | X86_A | X86_US | X86_NX);
		ASSERT_OK(translate(t.p.fd, t.p.space, va, &result));
		EXPECT_EQ(result.gpa, MAP_DATA);
		EXPECT_EQ(result.leaf & RWX, R | W);
		EXPECT_EQ(result.effective, R);
		/* Another path to the same place isn't there any more. */
		EXPECT_ERR(link_path(t.p.fd, t.p.space, va + span, t.p.space, 0,
				     depth, path ^
				     U << VMEM_IOC_PATH_SHIFT(levels - 1), 0,
				     NULL), depth > 1 ? EEXIST : 0);
		if (depth == 1)
			ASSERT_OK(unmap(t.p.fd, t.p.space, va + span,
					va + 2 * span - 1, NULL));

		rs = walk_all(t.p.fd, t.p.space, 0, ~0ULL, 0);
		for (ref = NULL, i = 0; i < rs.nr; i++)
			if (rs.r[i].type == VMEM_IOC_REC_REFERENCE &&
			    rs.r[i].va == va)
				ref = &rs.r[i];
		ASSERT(ref);
		EXPECT_EQ(ref->detail, depth);
		EXPECT_EQ(ref->their_va, 0);
		EXPECT_EQ(ref->len, span);
		EXPECT_EQ(ref->owner, 0);
		EXPECT_EQ(ref->path, path);
		EXPECT_EQ(ref->entry, entries[levels - depth]);
		records_free(&rs);
		expect_leaves(&t.p, levels);
	}
	expect_shared(&t.p, levels - 1);
}
EACH_FORMAT(link_in_one_space)

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

/* What a guest does to the entry of a link is of no account. */
static void link_unnamed_by_guest(void)
{
	struct vmem_ioc_change change;
	struct pair t;
	u64 root;

	pair_init(&t, FMT4);
	ASSERT_OK(link_table(t.p.fd, t.other, 0, t.p.space, 0, 1, 0, NULL));
	root = space_root(t.p.fd, t.other);
	entry_set(&t.p.g, root, 9, entry_get(&t.p.g, root, 0));
	entry_set(&t.p.g, root, 0, 0);
	/* It has a link still, though nobody shows it there. */
	expect_shared(&t.p, 1);
	EXPECT_ERR(map_one(t.p.fd, t.p.space, PAGE, MAP_DATA, PAGE, R, 0, NULL),
		   EMLINK);
	EXPECT_ERR(map_one(t.p.fd, t.other, 9 * entry_span(3) + PAGE, MAP_DATA,
			   PAGE, R, VMEM_IOC_MAP_SHARED_OK, NULL), EEXIST);
	EXPECT_ERR(link_table(t.p.fd, t.p.space, 9 * entry_span(3), t.other,
			      9 * entry_span(3), 1, 0, NULL), EEXIST);
	ASSERT_OK(unmap(t.p.fd, t.other, 9 * entry_span(3),
			10 * entry_span(3) - 1, &change));
	EXPECT_EQ(change.out_changes, 0);
	expect_shared(&t.p, 1);
	ASSERT_OK(destroy(t.p.fd, t.other));
	expect_shared(&t.p, 0);
	expect_leaves(&t.p, 4);
}

const struct ktap_case share_cases[] = {
	CASE_FORMATS(link_counts),
	CASE_FORMATS(shared_ok),
	CASE_FORMATS(shared_emptied),
	CASE_FORMATS(linked_table_outlives_its_owner),
	CASE_FORMATS(linked_table_outlives_its_user),
	CASE_FORMATS(link_replaces),
	CASE_FORMATS(link_in_one_space),
	CASE(link_many_spaces),
	CASE(link_unnamed_by_guest),
};

const size_t nr_share_cases = ARRAY_SIZE(share_cases);
