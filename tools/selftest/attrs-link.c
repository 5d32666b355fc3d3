// SPDX-License-Identifier: GPL-2.0-only
/*
 * LINK that makes what it shows, and LINK that takes a copy of it.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "attrs.h"

#define VA		(4 * GIB)	/* the owner's */
#define OURS		(64 * GIB)
#define GPA		(8 * GIB)
#define MAKE		VMEM_IOC_LINK_MAKE
#define UNSHARE		VMEM_IOC_LINK_UNSHARE

static int unshare(struct pool_guest *p, u32 space, u64 va, u32 depth, u32 flags,
		   struct vmem_ioc_change *change)
{
	return link_table(p->fd, space, va, 0, 0, depth, UNSHARE | flags, change);
}

static u64 gpa_of(struct pool_guest *p, u32 space, u64 va)
{
	struct vmem_ioc_result result;

	ASSERT_OK(translate(p->fd, space, va, &result));
	return result.status == VMEM_IOC_OK ? result.gpa : 0;
}

/* At each depth: what is missing on both sides is made, and is one table. */
static void make_each_depth(u32 format)
{
	unsigned int levels = levels_of(format), depth;
	struct vmem_ioc_space_get get;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u32 other;

	for (depth = 1; depth < levels; depth++) {
		u64 span = entry_span(levels - depth), entries[VMEM_IOC_LEVELS_MAX];
		unsigned int level;

		pool_guest(&p, format, 32);
		other = ASSERT_OK(space_new(p.fd, format, p.pool));
		EXPECT_ERR(link_table(p.fd, other, 3 * span, p.space, 2 * span, depth, 0,
				      NULL), ENOENT);
		ASSERT_OK(link_table(p.fd, other, 3 * span, p.space, 2 * span, depth, MAKE,
				     &change));
		EXPECT_EQ(change.out_done, 1);
		EXPECT_EQ(change.out_pages, 0);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		EXPECT_EQ(change.out_changes, 0);
		EXPECT_EQ(change.out_root, space_root(p.fd, other));
		/* the roots; the owner's down to it, the other's above it */
		expect_pool(&p, 2 + depth + depth - 1, 0);
		expect_shared(&p, 1);
		ASSERT_OK(space_get(p.fd, p.space, &get));
		EXPECT_EQ(get.out_links, 0);
		entries_of(&p, 2 * span, entries);
		for (level = levels - 1; level >= levels - depth; level--)
			EXPECT_EQ(entries[level] & ~X86_ADDR, X86_TABLE);
		EXPECT_EQ(entries[levels - depth - 1], 0);
		/* what is mapped by one is there for the other */
		ASSERT_OK(map_one(p.fd, p.space, 2 * span + 5 * PAGE, GPA, PAGE, R,
				  VMEM_IOC_MAP_SHARED_OK, NULL));
		EXPECT_EQ(gpa_of(&p, other, 3 * span + 5 * PAGE), GPA);
		/* there is one: nothing is made, and the rest is as without MAKE */
		ASSERT_OK(link_table(p.fd, other, 4 * span, p.space, 2 * span, depth, MAKE,
				     NULL));
		EXPECT_EQ(gpa_of(&p, other, 4 * span + 5 * PAGE), GPA);
	}
}
EACH_FORMAT(make_each_depth)

/* In one space; by a path; in place of something. */
static void make_with_the_rest(void)
{
	struct vmem_ioc_link arg = {
		.size = sizeof(arg),
		.flags = MAKE,
		.our_va = BIT(40),
		.their_va = VA,
		.depth = 3,
		.path_given = 1,
		.path = 0x1110,
	};
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	arg.space = arg.owner = p.space;
	ASSERT_OK(vcall(p.fd, VMEM_IOC_LINK, &arg));
	/* the path is ours alone */
	EXPECT_EQ(entry_at(&p, BIT(40), 1) & ~X86_ADDR, X86_P | X86_A | X86_NX);
	EXPECT_EQ(entry_at(&p, VA, 1) & ~X86_ADDR, X86_TABLE);
	EXPECT_EQ(entry_at(&p, VA, 1) & X86_ADDR, entry_at(&p, BIT(40), 1) & X86_ADDR);

	ASSERT_OK(map_one(p.fd, p.space, 2 * OURS, GPA, PAGE, R, 0, NULL));
	EXPECT_ERR(link_table(p.fd, p.space, 2 * OURS, p.space, 2 * VA, 3, MAKE, &change),
		   EEXIST);
	EXPECT_EQ(entry_at(&p, 2 * VA, 1), 0);
	ASSERT_OK(link_table(p.fd, p.space, 2 * OURS, p.space, 2 * VA, 3,
			     MAKE | VMEM_IOC_LINK_REPLACE, &change));
	EXPECT_EQ(change.out_pages, 1);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(entry_at(&p, 2 * VA, 1) & X86_ADDR, entry_at(&p, 2 * OURS, 1) & X86_ADDR);
	/* a place is no other place */
	EXPECT_ERR(link_table(p.fd, p.space, 5 * VA, p.space, 5 * VA, 3, MAKE, NULL), EINVAL);
	EXPECT_EQ(entry_at(&p, 5 * VA, 2), 0);
}

/* Both are one change: what one of them lacks, leaves the other undone. */
static void make_is_one_change(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u32 other;

	/* two roots; the owner takes three, we take two */
	pool_guest(&p, FMT4, 2 + 4);
	other = ASSERT_OK(space_new(p.fd, FMT4, p.pool));
	EXPECT_ERR(link_table(p.fd, other, OURS, p.space, VA, 3, MAKE, &change), ENOSPC);
	EXPECT_EQ(change.out_missing, 1);
	expect_pool(&p, 2, 0);
	ASSERT_OK(pool_grow(p.fd, p.pool, MAP_POOL + 6 * PAGE, PAGE));
	p.pages++;
	ASSERT_OK(link_table(p.fd, other, OURS, p.space, VA, 3, MAKE, NULL));
	expect_pool(&p, 7, 0);
}

/* What is in the owner's way. */
static void make_refused(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u32 other;

	pool_guest(&p, FMT4, 32);
	other = ASSERT_OK(space_new(p.fd, FMT4, p.pool));
	/* a leaf */
	ASSERT_OK(map_sized(&p, VA, GPA, 2 * MIB, R, P2M, 0, NULL));
	EXPECT_ERR(link_table(p.fd, other, OURS, p.space, VA, 3, MAKE, &change), EEXIST);
	EXPECT_EQ(change.out_at_va, VA);
	EXPECT_EQ(change.out_at_level, 1);
	/* a table with more than one link above it */
	ASSERT_OK(link_table(p.fd, p.space, 2 * VA, p.space, VA, 2, 0, NULL));
	EXPECT_ERR(link_table(p.fd, other, OURS, p.space, VA + 2 * MIB, 3, MAKE, &change),
		   EMLINK);
	expect_pool(&p, 4, 0);
	/* and ours */
	EXPECT_ERR(link_table(p.fd, p.space, 2 * VA + 2 * MIB, p.space, OURS, 3, MAKE, NULL),
		   EMLINK);
	EXPECT_EQ(entry_at(&p, OURS, 2), 0);
}

/* Frozen ones of the owner's don't move for it; ours do. */
static void make_and_frozen(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 frozen = 32 * MIB;
	u8 *mem = map_anon(4 * PAGE);
	u32 theirs;

	pool_guest(&p, FMT4, 32);
	((u64 *)mem)[0] = (frozen + PAGE) | X86_TABLE;
	ASSERT_OK(region_user(p.fd, frozen, mem, 4 * PAGE, VMEM_IOC_REGION_FROZEN));
	theirs = ASSERT_OK(space_movable(p.fd, FMT4, p.pool, frozen));
	EXPECT_ERR(link_table(p.fd, p.space, OURS, theirs, VA, 3, MAKE, NULL), EROFS);
	EXPECT_EQ(space_root(p.fd, theirs), frozen);
	expect_pool(&p, 1, 0);
	ASSERT_OK(link_table(p.fd, theirs, OURS, p.space, VA, 3, MAKE, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
	EXPECT(change.out_root != frozen);
}

/* A table that two places show: one gets a copy, and they part. */
static void unshare_each_depth(u32 format)
{
	unsigned int levels = levels_of(format), depth;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 entry, theirs;
	u32 other;

	for (depth = 1; depth < levels; depth++) {
		unsigned int level = levels - depth;
		u64 span = entry_span(level);

		pool_guest(&p, format, 32);
		ASSERT_OK(map_one(p.fd, p.space, 0, GPA, 8 * PAGE, R | W, 0, NULL));
		other = ASSERT_OK(space_new(p.fd, format, p.pool));
		ASSERT_OK(link_table(p.fd, other, 3 * span, p.space, 0, depth, 0, NULL));
		p.g.root = space_root(p.fd, other);
		entry = entry_at(&p, 3 * span, level);
		ASSERT_OK(unshare(&p, other, 3 * span, depth, 0, &change));
		EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
		EXPECT_EQ(change.out_done, 1);
		EXPECT_EQ(change.out_pages, 0);
		/* what it named of the pool is named twice now */
		expect_shared(&p, level > 1);
		theirs = entry;
		entry = entry_at(&p, 3 * span, level);
		EXPECT_EQ(entry & ~X86_ADDR, theirs & ~X86_ADDR);
		EXPECT(entry != theirs);
		EXPECT(!memcmp(guest_host(&p.g, entry & X86_ADDR),
			       guest_host(&p.g, theirs & X86_ADDR), PAGE));
		EXPECT_EQ(gpa_of(&p, other, 3 * span + 7 * PAGE), GPA + 7 * PAGE);
		/* alone: there is nothing to be done */
		ASSERT_OK(unshare(&p, other, 3 * span, depth, 0, &change));
		EXPECT_EQ(change.out_changes, 0);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		EXPECT_EQ(entry_at(&p, 3 * span, level), entry);
		if (level > 1)
			continue;
		ASSERT_OK(unmap(p.fd, other, 3 * span, 3 * span + PAGE - 1, NULL));
		EXPECT_EQ(gpa_of(&p, p.space, 0), GPA);
		EXPECT_EQ(gpa_of(&p, other, 3 * span), 0);
	}
}
EACH_FORMAT(unshare_each_depth)

/* A fork: the tree is linked, parted from the top down, and each goes its way. */
static void fork_of_a_space(u32 format)
{
	unsigned int levels = levels_of(format), depth;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 used;
	u32 child;

	pool_guest(&p, format, 32);
	ASSERT_OK(map_one(p.fd, p.space, 0, GPA, 8 * PAGE, R | W, 0, NULL));
	child = ASSERT_OK(space_new(p.fd, format, p.pool));
	ASSERT_OK(link_table(p.fd, child, 0, p.space, 0, 1, 0, NULL));
	for (depth = 1; depth < levels; depth++)
		ASSERT_OK(unshare(&p, child, 0, depth, 0, NULL));
	expect_shared(&p, 0);
	used = 2 * levels;
	expect_pool(&p, used, 0);
	ASSERT_OK(protect(p.fd, child, 0, 8 * PAGE - 1, VMEM_IOC_ATTR_COW, W, 0, &change));
	EXPECT_EQ(change.out_pages, 8);
	expect_flush(&change, 0, 8 * PAGE - 1);
	EXPECT_EQ(entry_at(&p, 0, 0), GPA | X86_LEAF | X86_NX | X86_RW);
	ASSERT_OK(destroy(p.fd, p.space));
	EXPECT_EQ(gpa_of(&p, child, PAGE), GPA + PAGE);
	p.space = child;
	p.g.root = space_root(p.fd, child);
	EXPECT_EQ(entry_at(&p, 0, 0), GPA | X86_LEAF | X86_NX | X86_COW);
	expect_leaves(&p, 8);
	ASSERT_OK(unmap(p.fd, child, 0, ~0ULL, NULL));
	expect_pool(&p, 1, used - 1);
}
EACH_FORMAT(fork_of_a_space)

/* A table of the guest's own is copied, whoever else has it. */
static void unshare_of_the_guests(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 table;

	pool_guest(&p, FMT4, 32);
	p.g.next = MAP_BY_HAND;
	guest_root(&p.g);
	table = guest_map(&p.g, p.g.root, 0, 0, GPA | X86_LEAF, X86_TABLE | X86_US | X86_PWT);
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, p.g.root));
	ASSERT_OK(unshare(&p, p.space, 0, 3, 0, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(entry_at(&p, 0, 1), (MAP_POOL + PAGE) | X86_TABLE | X86_US | X86_PWT);
	EXPECT_EQ(entry_get(&p.g, table, 0), GPA | X86_LEAF);
	EXPECT_EQ(entry_at(&p, 0, 0), GPA | X86_LEAF);
	expect_pool(&p, 2, 0);
}

/* What isn't there, isn't ours, or isn't asked for as it has to be. */
static void unshare_refused(void)
{
	const struct {
		struct vmem_ioc_link link;
		int err;
	} wrong[] = {
		{ { .our_va = OURS, .depth = 3 }, ENOENT },
		{ { .our_va = VA + 2 * MIB, .depth = 3 }, ENOENT },
		{ { .our_va = VA + PAGE, .depth = 3 }, EINVAL },
		{ { .our_va = VA, .depth = 0 }, EINVAL },
		{ { .our_va = VA, .depth = 4 }, EINVAL },
		{ { .our_va = BIT(47), .depth = 3 }, EINVAL },
		{ { .our_va = VA, .depth = 3, .owner = 1 }, EOPNOTSUPP },
		{ { .our_va = VA, .depth = 3, .their_va = VA }, EOPNOTSUPP },
		{ { .our_va = VA, .depth = 3, .path = 0x7770, .path_given = 1 },
		  EOPNOTSUPP },
		{ { .our_va = VA, .depth = 3, .path_given = 1 }, EOPNOTSUPP },
		{ { .our_va = VA, .depth = 3, .flags = MAKE }, EOPNOTSUPP },
		{ { .our_va = VA, .depth = 3, .flags = VMEM_IOC_LINK_REPLACE },
		  EOPNOTSUPP },
	};
	struct vmem_ioc_link link;
	struct pool_guest p;
	size_t i;

	pool_guest(&p, FMT4, 32);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA, PAGE, R, 0, NULL));
	ASSERT_OK(map_sized(&p, VA + 2 * MIB, GPA, 2 * MIB, R, P2M, 0, NULL));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		link = wrong[i].link;
		link.size = sizeof(link);
		link.space = p.space;
		link.flags |= UNSHARE;
		if (!EXPECT_ERR(vcall(p.fd, VMEM_IOC_LINK, &link), wrong[i].err))
			ktap_msg("%zu", i);
	}
	expect_pool(&p, 4, 0);
	/* one that the guest named there itself */
	entry_set(&p.g, entry_at(&p, VA, 2) & X86_ADDR, 7, (MAP_POOL + 31 * PAGE) | X86_TABLE);
	EXPECT_ERR(unshare(&p, p.space, VA + 14 * MIB, 3, 0, NULL), EEXIST);
	/* no page for the copy; below a table that is shared itself */
	pool_guest(&p, FMT4, 5);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA, PAGE, R, 0, NULL));
	ASSERT_OK(link_table(p.fd, p.space, VA + 2 * MIB, p.space, VA, 3, 0, NULL));
	ASSERT_OK(map_one(p.fd, p.space, VA + 4 * MIB, GPA, PAGE, R, 0, NULL));
	EXPECT_ERR(unshare(&p, p.space, VA, 3, 0, NULL), ENOSPC);
	ASSERT_OK(link_table(p.fd, p.space, VA + GIB, p.space, VA, 2, 0, NULL));
	EXPECT_ERR(unshare(&p, p.space, VA, 3, 0, NULL), EMLINK);
}

/* Frozen tables above it move. */
static void unshare_in_frozen_memory(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 frozen = 32 * MIB, sum;
	u8 *mem = map_anon(4 * PAGE);

	pool_guest(&p, FMT4, 16);
	((u64 *)mem)[0] = (frozen + PAGE) | X86_TABLE;
	((u64 *)(mem + PAGE))[4] = (frozen + 2 * PAGE) | X86_TABLE;
	((u64 *)(mem + 2 * PAGE))[0] = (frozen + 3 * PAGE) | X86_TABLE;
	((u64 *)(mem + 3 * PAGE))[0] = GPA | X86_LEAF;
	sum = checksum(mem, 4 * PAGE);
	ASSERT_OK(region_user(p.fd, frozen, mem, 4 * PAGE, VMEM_IOC_REGION_FROZEN));
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, frozen));
	EXPECT_ERR(unshare(&p, p.space, VA, 3, 0, NULL), EROFS);
	ASSERT_OK(destroy(p.fd, p.space));
	p.space = ASSERT_OK(space_movable(p.fd, FMT4, p.pool, frozen));
	ASSERT_OK(unshare(&p, p.space, VA, 3, 0, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED | VMEM_IOC_CHANGE_UNSHARED);
	expect_pool(&p, 1 + 4, 0);
	EXPECT_EQ(checksum(mem, 4 * PAGE), sum);
	EXPECT_EQ(gpa_of(&p, p.space, VA), GPA);
}

const struct ktap_case link_cases[] = {
	CASE_FORMATS(make_each_depth),
	CASE(make_with_the_rest),
	CASE(make_is_one_change),
	CASE(make_refused),
	CASE(make_and_frozen),
	CASE_FORMATS(unshare_each_depth),
	CASE_FORMATS(fork_of_a_space),
	CASE(unshare_of_the_guests),
	CASE(unshare_refused),
	CASE(unshare_in_frozen_memory),
};

const size_t nr_link_cases = ARRAY_SIZE(link_cases);
