// SPDX-License-Identifier: GPL-2.0-only
/*
 * Splitting: MAP, UNMAP and PROTECT of a part of a larger leaf.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "sizes.h"

#define VA		(4 * GIB)	/* of a leaf of 1 GiB, or of 2 MiB */
#define GPA		(8 * GIB)
#define SPLIT		VMEM_IOC_MAP_SPLIT
#define REPLACE		VMEM_IOC_MAP_REPLACE

/* One leaf of @level at VA, of ours. */
static void one_leaf(struct pool_guest *p, u32 format, unsigned int level, u32 attrs,
		     u64 pages)
{
	pool_guest(p, format, pages);
	ASSERT_OK(map_sized(p, VA, GPA, entry_span(level), attrs, entry_span(level), 0,
			    NULL));
	expect_leaves(p, 1);
}

/* All of it but @except, of @len bytes, is mapped as before. */
static void expect_same(struct pool_guest *p, unsigned int level, u64 except, u64 len)
{
	struct vmem_ioc_result result;
	u64 at;

	for (at = 0; at < entry_span(level); at += entry_span(level) / 512) {
		if (at + entry_span(level) / 512 > except && at < except + len)
			continue;
		ASSERT_OK(translate(p->fd, p->space, VA + at, &result));
		if (!EXPECT_EQ(result.status, VMEM_IOC_OK))
			return;
		EXPECT_EQ(result.gpa, GPA + at);
	}
}

static void unmap_part(u32 format)
{
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pool_guest p;

	one_leaf(&p, format, 1, R | W, 16);
	EXPECT_ERR(unmap(p.fd, p.space, VA + PAGE, VA + 3 * PAGE - 1, &change), ERANGE);
	EXPECT_EQ(change.out_at_va, VA + PAGE);
	EXPECT_EQ(change.out_at_level, 1);
	ASSERT_OK(unmap_flags(p.fd, p.space, VA + PAGE, VA + 3 * PAGE - 1, SPLIT, &change));
	EXPECT_EQ(change.out_pages, 2);
	/* a vCPU may have all of the leaf that was */
	expect_flush(&change, VA, VA + 2 * MIB - 1);
	EXPECT_EQ(change.out_changes, 0);
	EXPECT_EQ(change.out_overwritten, 0);
	expect_pool(&p, levels, 0);
	expect_leaves(&p, 510);
	expect_same(&p, 1, PAGE, 2 * PAGE);
	EXPECT_EQ(entry_at(&p, VA, 0), leaf(GPA, 0, X86_RW));
	EXPECT_EQ(entry_at(&p, VA + PAGE, 0), 0);
	EXPECT_EQ(entry_at(&p, VA + 3 * PAGE, 0), leaf(GPA + 3 * PAGE, 0, X86_RW));
	/* what is left goes as anything does */
	ASSERT_OK(unmap(p.fd, p.space, VA, VA + 2 * MIB - 1, &change));
	EXPECT_EQ(change.out_pages, 510);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	expect_leaves(&p, 0);

	/* of the whole there is nothing to split */
	one_leaf(&p, format, 1, R | W, 16);
	ASSERT_OK(unmap_flags(p.fd, p.space, VA, VA + 2 * MIB - 1, SPLIT, &change));
	EXPECT_EQ(change.out_pages, 512);
	expect_leaves(&p, 0);
}
EACH_FORMAT(unmap_part)

/* Of 1 GiB two levels are split, where the range begins and where it ends. */
static void unmap_part_of_1g(u32 format)
{
	unsigned int levels = levels_of(format);
	const u64 start = 5 * 2 * MIB + PAGE, len = 4 * 2 * MIB;
	struct vmem_ioc_change change;
	struct pool_guest p;

	one_leaf(&p, format, 2, R | W | X, 16);
	ASSERT_OK(unmap_flags(p.fd, p.space, VA + start, VA + start + len - 1, SPLIT,
			      &change));
	EXPECT_EQ(change.out_pages, len / PAGE);
	expect_flush(&change, VA, VA + GIB - 1);
	/* 5 of 2 MiB, a page, the rest of the ninth, all behind it */
	expect_leaves(&p, 5 + 1 + 511 + 512 - 10);
	expect_pool(&p, levels - 2 + 1 + 2, 0);
	expect_same(&p, 2, start, len);
	EXPECT_EQ(entry_at(&p, VA, 1), leaf(GPA, 1, X86_RW) & ~X86_NX);
	EXPECT_EQ(entry_at(&p, VA + start + len, 0),
		  leaf(GPA + start + len, 0, X86_RW) & ~X86_NX);
	/* a part that ends with a leaf of 2 MiB splits but once */
	one_leaf(&p, format, 2, R | W | X, 16);
	ASSERT_OK(unmap_flags(p.fd, p.space, VA, VA + GIB / 2 - 1, SPLIT, &change));
	expect_leaves(&p, 256);
	expect_pool(&p, levels - 2 + 1, 0);
}
EACH_FORMAT(unmap_part_of_1g)

/* Each bit that a leaf may have is that of the smaller ones, and D where W is. */
static void bits_are_kept(void)
{
	static const struct {
		u64 large, small;
	} bits[] = {
		{ X86_P, X86_P },
		{ X86_P | X86_A, X86_P | X86_A },
		{ X86_P | X86_D, X86_P | X86_D },
		{ X86_P | X86_RW, X86_P | X86_RW | X86_D },
		{ X86_P | X86_RW | X86_A, X86_P | X86_RW | X86_A | X86_D },
		{ X86_P | X86_US, X86_P | X86_US },
		{ X86_P | X86_PWT, X86_P | X86_PWT },
		{ X86_P | X86_PCD, X86_P | X86_PCD },
		{ X86_P | X86_PAT_LARGE, X86_P | X86_PAT },
		{ X86_P | X86_G, X86_P | X86_G },
		{ X86_P | 7ULL << 9, X86_P | 7ULL << 9 },
		{ X86_P | 0x7fULL << 52, X86_P | 0x7fULL << 52 },
		{ X86_P | 0xfULL << 59, X86_P | 0xfULL << 59 },
		{ X86_P | X86_NX, X86_P | X86_NX },
	};
	struct pool_guest p;
	u64 root;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		pool_guest(&p, FMT4, 8);
		p.g.next = MAP_BY_HAND;
		root = guest_root(&p.g);
		guest_map(&p.g, root, VA, 1, GPA | X86_PS | bits[i].large, X86_TABLE);
		p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, root));
		ASSERT_OK(unmap_flags(p.fd, p.space, VA + PAGE, VA + 2 * PAGE - 1, SPLIT,
				      NULL));
		EXPECT_EQ(entry_at(&p, VA, 0), GPA | bits[i].small);
		EXPECT_EQ(entry_at(&p, VA + 511 * PAGE, 0),
			  (GPA + 511 * PAGE) | bits[i].small);
		/* the leaves decide */
		EXPECT_EQ(entry_at(&p, VA, 1), (MAP_POOL + PAGE) | X86_TABLE | X86_US);
	}
	/* and once more between the larger sizes: PAT is at the same bit there */
	pool_guest(&p, FMT4, 8);
	p.g.next = MAP_BY_HAND;
	root = guest_root(&p.g);
	guest_map(&p.g, root, VA, 2, GPA | X86_P | X86_PS | X86_PAT_LARGE | X86_G,
		  X86_TABLE);
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, root));
	ASSERT_OK(unmap_flags(p.fd, p.space, VA, VA + 2 * MIB - 1, SPLIT, NULL));
	EXPECT_EQ(entry_at(&p, VA + 2 * MIB, 1),
		  (GPA + 2 * MIB) | X86_P | X86_PS | X86_PAT_LARGE | X86_G);
}

/* In a root of the guest's, it is everything that has to be flushed; ALONE: a range. */
static void below_the_guests_own(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 root, i;

	pool_guest(&p, FMT4, 8);
	p.g.next = MAP_BY_HAND;
	root = guest_root(&p.g);
	for (i = 0; i < 2; i++)
		guest_map(&p.g, root, VA + i * 2 * MIB, 1,
			  (GPA + i * 2 * MIB) | X86_LEAF | X86_PS, X86_TABLE);
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, root));
	ASSERT_OK(unmap_flags(p.fd, p.space, VA, VA + PAGE - 1, SPLIT, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_changes, 0);
	ASSERT_OK(unmap_flags(p.fd, p.space, VA + 2 * MIB, VA + 2 * MIB + PAGE - 1,
			      SPLIT | VMEM_IOC_RANGE_ALONE, &change));
	expect_flush(&change, VA + 2 * MIB, VA + 4 * MIB - 1);
}

static void protect_part(u32 format)
{
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pool_guest p;

	one_leaf(&p, format, 1, R | W, 16);
	EXPECT_ERR(protect(p.fd, p.space, VA + PAGE, VA + 2 * PAGE - 1, 0, W, 0, &change),
		   ERANGE);
	EXPECT_EQ(change.out_at_va, VA + PAGE);
	EXPECT_EQ(change.out_at_level, 1);
	/* what is so already isn't split, and needs no flag for it */
	ASSERT_OK(protect(p.fd, p.space, VA + PAGE, VA + 2 * PAGE - 1, W, X, 0, &change));
	EXPECT_EQ(change.out_pages, 0);
	ASSERT_OK(protect(p.fd, p.space, VA + PAGE, VA + 2 * PAGE - 1, W, X, SPLIT,
			  &change));
	EXPECT_EQ(change.out_pages, 0);
	expect_no_flush(&change);
	expect_leaves(&p, 1);

	ASSERT_OK(protect(p.fd, p.space, VA + PAGE, VA + 2 * PAGE - 1, 0, W, SPLIT,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	expect_flush(&change, VA, VA + 2 * MIB - 1);
	expect_leaves(&p, 512);
	expect_pool(&p, levels, 0);
	expect_same(&p, 1, 0, 0);
	EXPECT_EQ(entry_at(&p, VA + PAGE, 0), leaf(GPA + PAGE, 0, 0));
	EXPECT_EQ(entry_at(&p, VA + 2 * PAGE, 0), leaf(GPA + 2 * PAGE, 0, X86_RW));

	/* the whole of a leaf stays one */
	one_leaf(&p, format, 2, R | W, 16);
	ASSERT_OK(protect(p.fd, p.space, VA, VA + GIB - 1, 0, W, SPLIT, &change));
	EXPECT_EQ(change.out_pages, GIB / PAGE);
	expect_leaves(&p, 1);
	/* of 1 GiB to a part of 2 MiB: both are split */
	ASSERT_OK(protect(p.fd, p.space, VA + 2 * MIB, VA + 2 * MIB + PAGE - 1, X, 0, SPLIT,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	expect_leaves(&p, 511 + 512);
	expect_same(&p, 2, 0, 0);
}
EACH_FORMAT(protect_part)

static void map_over_part(u32 format)
{
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pool_guest p;

	one_leaf(&p, format, 1, R | W, 16);
	EXPECT_ERR(map_one(p.fd, p.space, VA + PAGE, MAP_DATA, PAGE, R, SPLIT, &change),
		   EEXIST);
	EXPECT_ERR(map_one(p.fd, p.space, VA + PAGE, MAP_DATA, PAGE, R, REPLACE, &change),
		   ERANGE);
	EXPECT_EQ(change.out_at_va, VA + PAGE);
	EXPECT_EQ(change.out_at_level, 1);
	ASSERT_OK(map_one(p.fd, p.space, VA + PAGE, MAP_DATA, PAGE, R, REPLACE | SPLIT,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	expect_flush(&change, VA, VA + 2 * MIB - 1);
	expect_leaves(&p, 512);
	expect_pool(&p, levels, 0);
	expect_same(&p, 1, PAGE, PAGE);
	EXPECT_EQ(entry_at(&p, VA + PAGE, 0), leaf(MAP_DATA, 0, 0));

	/* of 1 GiB: the whole of a leaf of 2 MiB, by small ones */
	one_leaf(&p, format, 2, R | W, 16);
	ASSERT_OK(map_one(p.fd, p.space, VA, MAP_DATA, 2 * MIB, R, REPLACE | SPLIT,
			  &change));
	EXPECT_EQ(change.out_pages, 512);
	expect_leaves(&p, 512 + 511);
	expect_same(&p, 2, 0, 2 * MIB);
	/* by one of 2 MiB */
	one_leaf(&p, format, 2, R | W, 16);
	ASSERT_OK(map_sized(&p, VA, 0, 2 * MIB, R, P2M, REPLACE | SPLIT, &change));
	expect_leaves(&p, 512);
	expect_pool(&p, levels - 1, 0);
	/* kind unmapped, in a list */
	ASSERT_OK(map_list(p.fd, p.space, &(struct vmem_ioc_mapping){ .va = VA + 2 * MIB,
			   .len = PAGE }, 1, SPLIT, &change));
	EXPECT_EQ(change.out_pages, 1);
	expect_leaves(&p, 511 + 511);
}
EACH_FORMAT(map_over_part)

/* A leaf that several of an atomic list cut is split once. */
static void list_splits_once(void)
{
	struct vmem_ioc_mapping m[3];
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 i;

	/* the root and two above it, and one */
	one_leaf(&p, FMT4, 1, R | W, 4);
	for (i = 0; i < 3; i++)
		m[i] = (struct vmem_ioc_mapping){
			.va = VA + (2 * i + 1) * PAGE,
			.gpa = MAP_DATA,
			.len = PAGE,
			.kind = i == 1 ? VMEM_IOC_KIND_UNMAPPED : VMEM_IOC_KIND_BASIC,
			.attrs = i == 1 ? 0 : R,
		};
	m[1].gpa = 0;
	ASSERT_OK(map_list(p.fd, p.space, m, 3, REPLACE | SPLIT | VMEM_IOC_MAP_ATOMIC,
			   &change));
	EXPECT_EQ(change.out_pages, 3);
	EXPECT_EQ(change.out_done, 3);
	expect_leaves(&p, 511);
	expect_pool(&p, 4, 0);
}

/* The entry of the table that is made grants all: another path is refused. */
static void path_of_split(void)
{
	struct vmem_ioc_mapping m = {
		.va = VA + PAGE,
		.gpa = MAP_DATA,
		.len = PAGE,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R,
		.flags = VMEM_IOC_MAPPING_PATH,
		.path = 0x7770,
	};
	struct vmem_ioc_change change;
	struct pool_guest p;

	one_leaf(&p, FMT4, 1, R | W, 8);
	EXPECT_ERR(map_list(p.fd, p.space, &m, 1, REPLACE | SPLIT, &change), EEXIST);
	EXPECT_EQ(change.out_at_level, 1);
	m.path = 0x77f0;
	ASSERT_OK(map_list(p.fd, p.space, &m, 1, REPLACE | SPLIT, NULL));
	expect_leaves(&p, 512);
}

/* What it takes is counted before anything is done. */
static void split_pool_just_enough(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;

	/* root, PDPT; a PD, and a PT at each end */
	one_leaf(&p, FMT4, 2, R | W, 2 + 2);
	EXPECT_ERR(unmap_flags(p.fd, p.space, VA + PAGE, VA + GIB - PAGE - 1, SPLIT,
			       &change), ENOSPC);
	EXPECT_EQ(change.out_missing, 1);
	EXPECT_EQ(change.out_done_len, 0);
	expect_leaves(&p, 1);
	expect_pool(&p, 2, 0);
	ASSERT_OK(pool_grow(p.fd, p.pool, MAP_POOL + 4 * PAGE, PAGE));
	p.pages++;
	ASSERT_OK(unmap_flags(p.fd, p.space, VA + PAGE, VA + GIB - PAGE - 1, SPLIT,
			      &change));
	EXPECT_EQ(change.out_pages, GIB / PAGE - 2);
	expect_leaves(&p, 2);
	expect_pool(&p, 5, 0);

	/* in quarantine */
	one_leaf(&p, FMT4, 1, R | W, 4);
	ASSERT_OK(destroy(p.fd, ASSERT_OK(space_new(p.fd, FMT4, p.pool))));
	EXPECT_ERR(protect(p.fd, p.space, VA, VA + PAGE - 1, 0, W, SPLIT, &change), EAGAIN);
	EXPECT_EQ(change.out_missing, 1);
	ASSERT_OK(flushed(p.fd, change.out_generation));
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, 0, W, SPLIT, NULL));
}

/* Tables that are visited, and those that are made, count. */
static void budget_of_split(void)
{
	struct vmem_ioc_unmap arg = {
		.size = sizeof(arg),
		.flags = SPLIT,
		.start = VA + PAGE,
		.last = VA + 2 * PAGE - 1,
	};
	struct pool_guest p = {};
	u64 budget;
	int ret = -E2BIG;

	for (budget = 1; ret; budget++) {
		one_leaf(&p, FMT4, 2, R | W, 8);
		arg.space = p.space;
		arg.budget = budget;
		ret = vcall(p.fd, VMEM_IOC_UNMAP, &arg);
		if (!ret)
			break;
		ASSERT_EQ(ret, -E2BIG);
		expect_leaves(&p, 1);
		expect_pool(&p, 2, 0);
	}
	/* root, PDPT, and the two that are made */
	EXPECT(budget >= 2 && budget <= 4);
	expect_leaves(&p, 511 + 511);
}

/* A shared table: SHARED_OK, and then it is so at all of its places. */
static void below_a_shared_table(void)
{
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;

	one_leaf(&p, FMT4, 1, R | W, 16);
	/* the table of level 1 that holds the leaf, once more at 0 */
	ASSERT_OK(link_table(p.fd, p.space, 0, p.space, VA, 2, 0, NULL));
	EXPECT_ERR(unmap_flags(p.fd, p.space, VA, VA + PAGE - 1, SPLIT, &change), EMLINK);
	expect_leaves(&p, 1);
	ASSERT_OK(unmap_flags(p.fd, p.space, VA, VA + PAGE - 1,
			      SPLIT | VMEM_IOC_RANGE_SHARED_OK, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	ASSERT_OK(translate(p.fd, p.space, 0, &result));
	EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
	ASSERT_OK(translate(p.fd, p.space, PAGE, &result));
	EXPECT_EQ(result.gpa, GPA + PAGE);
	EXPECT_EQ(result.page_lg2, 12);
}

/* A large leaf in frozen memory: refused, or its table moves first. */
static void in_frozen_memory(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 frozen = 32 * MIB, sum;
	u8 *mem = map_anon(4 * PAGE);

	pool_guest(&p, FMT4, 16);
	((u64 *)mem)[0] = (frozen + PAGE) | X86_TABLE;
	((u64 *)(mem + PAGE))[4] = (frozen + 2 * PAGE) | X86_TABLE;
	((u64 *)(mem + 2 * PAGE))[0] = GPA | X86_LEAF | X86_PS | X86_RW;
	sum = checksum(mem, 4 * PAGE);
	ASSERT_OK(region_user(p.fd, frozen, mem, 4 * PAGE, VMEM_IOC_REGION_FROZEN));
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, frozen));
	EXPECT_ERR(unmap_flags(p.fd, p.space, VA, VA + PAGE - 1, SPLIT, NULL), EROFS);
	EXPECT_ERR(protect(p.fd, p.space, VA, VA + PAGE - 1, 0, W, SPLIT, NULL), EROFS);
	EXPECT_ERR(map_one(p.fd, p.space, VA, MAP_DATA, PAGE, R, REPLACE | SPLIT, NULL),
		   EROFS);
	ASSERT_OK(destroy(p.fd, p.space));
	p.space = ASSERT_OK(space_movable(p.fd, FMT4, p.pool, frozen));
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, 0, W, SPLIT, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_pages, 1);
	/* three moved, and one was made; beside it there is the first space's root */
	expect_pool(&p, 1 + 4, 0);
	EXPECT_EQ(checksum(mem, 4 * PAGE), sum);
	expect_same(&p, 1, 0, 0);
}

const struct ktap_case split_cases[] = {
	CASE_FORMATS(unmap_part),
	CASE_FORMATS(unmap_part_of_1g),
	CASE(bits_are_kept),
	CASE(below_the_guests_own),
	CASE_FORMATS(protect_part),
	CASE_FORMATS(map_over_part),
	CASE(list_splits_once),
	CASE(path_of_split),
	CASE(split_pool_just_enough),
	CASE(budget_of_split),
	CASE(below_a_shared_table),
	CASE(in_frozen_memory),
};

const size_t nr_split_cases = ARRAY_SIZE(split_cases);
