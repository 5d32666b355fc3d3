// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves of each size, as MAP makes them: which is taken where, and what they may
 * take the place of. Splitting, promoting, and both while others look are the
 * subject of the other parts.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "sizes.h"

void expect_no_flush(const struct vmem_ioc_change *change)
{
	EXPECT_EQ(change->out_flush, VMEM_IOC_FLUSH_NONE);
	EXPECT_EQ(change->out_changes, 0);
}

static void expect_page(struct pool_guest *p, u64 va, u64 gpa, u32 page_lg2)
{
	struct vmem_ioc_result result;

	ASSERT_OK(translate(p->fd, p->space, va, &result));
	if (!EXPECT_EQ(result.status, VMEM_IOC_OK))
		return;
	EXPECT_EQ(result.gpa, gpa);
	EXPECT_EQ(result.page_lg2, page_lg2);
	EXPECT_EQ(result.level, (page_lg2 - 12) / 9);
}

/* A page, some large ones, a very large one, and the same again behind it. */
static void each_size(u32 format)
{
	const u64 va = GIB - 3 * 2 * MIB - PAGE, gpa = 5 * GIB + va;
	const u64 len = 2 * (PAGE + 3 * 2 * MIB) + GIB;
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, format, 32);
	ASSERT_OK(map_sized(&p, va, gpa, len, R | W, P4K | P2M | P1G, 0, &change));
	EXPECT_EQ(change.out_pages, len / PAGE);
	EXPECT_EQ(change.out_done, 1);
	EXPECT_EQ(change.out_done_len, 0);
	expect_no_flush(&change);
	expect_page(&p, va, gpa, 12);
	expect_page(&p, va + PAGE, gpa + PAGE, 21);
	expect_page(&p, GIB - 8, gpa - va + GIB - 8, 21);
	expect_page(&p, GIB + 0x12345678, gpa - va + GIB + 0x12345678, 30);
	expect_page(&p, 2 * GIB, gpa - va + 2 * GIB, 21);
	expect_page(&p, va + len - 1, gpa + len - 1, 12);
	EXPECT_EQ(entry_at(&p, GIB, 2), leaf(6 * GIB, 2, X86_RW));
	EXPECT_EQ(entry_at(&p, GIB - 1, 1), leaf(6 * GIB - 2 * MIB, 1, X86_RW));
	EXPECT_EQ(entry_at(&p, va, 0), leaf(gpa, 0, X86_RW));
	/* root and PDPT, of each side a PD and a PT */
	expect_pool(&p, levels - 2 + 4, 0);
	expect_leaves(&p, 2 * 4 + 1);

	ASSERT_OK(unmap(p.fd, p.space, va, va + len - 1, &change));
	EXPECT_EQ(change.out_pages, len / PAGE);
	expect_leaves(&p, 0);
}
EACH_FORMAT(each_size)

/* Without the small size, what is shorter can't be mapped; and 0 is the smallest. */
static void sizes_asked_for(u32 format)
{
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, format, 32);
	ASSERT_OK(map_sized(&p, 0, 0, 2 * MIB, R, P2M, 0, &change));
	EXPECT_EQ(change.out_pages, 512);
	expect_page(&p, PAGE, PAGE, 21);
	/* no table of the smallest leaves */
	expect_pool(&p, levels_of(format) - 1, 0);
	ASSERT_OK(map_sized(&p, GIB, GIB, 2 * GIB, R, P1G, 0, &change));
	EXPECT_EQ(change.out_pages, 2 * GIB / PAGE);
	expect_page(&p, 2 * GIB, 2 * GIB, 30);
	expect_pool(&p, levels_of(format) - 1, 0);
	expect_leaves(&p, 3);
	/* 2 MiB isn't asked for */
	ASSERT_OK(map_sized(&p, 4 * GIB - 2 * MIB, 4 * GIB - 2 * MIB, GIB + 2 * MIB, R,
			    P4K | P1G, 0, NULL));
	expect_page(&p, 4 * GIB - 2 * MIB, 4 * GIB - 2 * MIB, 12);
	expect_page(&p, 4 * GIB, 4 * GIB, 30);
	expect_leaves(&p, 3 + 512 + 1);
	ASSERT_OK(map_sized(&p, 8 * GIB, 0, 2 * MIB, R, 0, 0, NULL));
	expect_page(&p, 8 * GIB, 0, 12);
}
EACH_FORMAT(sizes_asked_for)

/* Addresses that don't go together have small pages only. */
static void not_congruent(void)
{
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	ASSERT_OK(map_sized(&p, 0, PAGE, 4 * MIB, R, P4K | P2M | P1G, 0, NULL));
	expect_page(&p, 2 * MIB, 2 * MIB + PAGE, 12);
	expect_leaves(&p, 1024);
	/* those of 2 MiB do, those of 1 GiB don't */
	ASSERT_OK(map_sized(&p, GIB, 2 * MIB, GIB, R, P4K | P2M | P1G, 0, NULL));
	expect_page(&p, GIB + PAGE, 2 * MIB + PAGE, 21);
	expect_leaves(&p, 1024 + 512);
}

/* A vCPU that has none of 1 GiB. */
static void facts_without_1g(void)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_NO_1G,
		.format = FMT4,
	};
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	ASSERT_OK(destroy(p.fd, p.space));
	create.pool = p.pool;
	p.space = ASSERT_OK(space_create(p.fd, &create));
	p.g.root = create.out_root;
	EXPECT_ERR(map_sized(&p, 0, 0, GIB, R, P1G, 0, NULL), EOPNOTSUPP);
	ASSERT_OK(map_sized(&p, 0, 0, GIB, R, P2M | P1G, 0, NULL));
	expect_page(&p, PAGE, PAGE, 21);
	expect_leaves(&p, 512);
	/* what is left is 4 KiB, so that is what addresses have to be multiples of */
	ASSERT_OK(map_sized(&p, GIB + PAGE, 0, PAGE, R, P4K | P1G, 0, NULL));
	expect_page(&p, GIB + PAGE, 0, 12);
}

/* Kind Cow has large leaves like basic. */
static void large_and_cow(void)
{
	struct vmem_ioc_mapping m = {
		.len = 2 * MIB,
		.gpa = 4 * MIB,
		.kind = VMEM_IOC_KIND_COW,
		.attrs = R | X,
		.page_sizes = P2M,
	};
	struct vmem_ioc_result result;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(map_list(p.fd, p.space, &m, 1, 0, NULL));
	EXPECT_EQ(entry_at(&p, 0, 1), leaf(4 * MIB, 1, X86_COW) & ~X86_NX);
	ASSERT_OK(translate(p.fd, p.space, 0, &result));
	EXPECT(result.leaf & VMEM_IOC_ATTR_COW);
}

/* A path is one of entries above the leaves that are made. */
static void path_of_large(void)
{
	struct vmem_ioc_mapping m = {
		.len = 2 * MIB,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R,
		.page_sizes = P2M,
		.flags = VMEM_IOC_MAPPING_PATH,
		.path = R << VMEM_IOC_PATH_SHIFT(2) |
			(R | W) << VMEM_IOC_PATH_SHIFT(3),
	};
	struct vmem_ioc_result result;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(map_list(p.fd, p.space, &m, 1, 0, NULL));
	ASSERT_OK(translate(p.fd, p.space, 0, &result));
	EXPECT_EQ(result.path, m.path);
	/* with the small size, there is an entry more to give */
	m.va = 2 * MIB;
	m.page_sizes |= P4K;
	EXPECT_ERR(map_list(p.fd, p.space, &m, 1, 0, NULL), EOPNOTSUPP);
	m.path |= R << VMEM_IOC_PATH_SHIFT(1);
	ASSERT_OK(map_list(p.fd, p.space, &m, 1, 0, NULL));
}

/* Tables of leaves: one that is empty, one with leaves, one with more than that. */
static void tables_that_go(u32 format)
{
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 table;

	pool_guest(&p, format, 32);
	/* empty: somebody else zeroed it */
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	table = entry_at(&p, 0, 1) & X86_ADDR;
	entry_set(&p.g, table, 0, 0);
	ASSERT_OK(map_sized(&p, 0, 0, 2 * MIB, R, SMALL_AND_LARGE, 0, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_pages, 512);
	expect_page(&p, PAGE, PAGE, 21);
	expect_pool(&p, levels - 1, 1);

	/* leaves: with REPLACE alone */
	ASSERT_OK(map_one(p.fd, p.space, 2 * MIB, MAP_DATA, 3 * PAGE, R, 0, NULL));
	EXPECT_ERR(map_sized(&p, 2 * MIB, 0, 2 * MIB, R, P2M, 0, &change), EEXIST);
	EXPECT_EQ(change.out_at_va, 2 * MIB);
	EXPECT_EQ(change.out_at_level, 1);
	EXPECT_ERR(map_sized(&p, 2 * MIB, 0, 2 * MIB, R, SMALL_AND_LARGE, 0, &change),
		   EEXIST);
	EXPECT_EQ(change.out_at_level, 0);
	/* words that aren't present go with them, and are counted */
	table = entry_at(&p, 2 * MIB, 1) & X86_ADDR;
	entry_set(&p.g, table, 100, 0x1230);
	entry_set(&p.g, table, 511, 0x4560);
	ASSERT_OK(map_sized(&p, 2 * MIB, 0, 2 * MIB, R, P2M, VMEM_IOC_MAP_REPLACE,
			    &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_overwritten, 2);
	expect_page(&p, 2 * MIB + PAGE, PAGE, 21);
	expect_pool(&p, levels - 1, 2);
	expect_leaves(&p, 2);

	/* leaves of 2 MiB for one of 1 GiB */
	ASSERT_OK(map_sized(&p, 0, 0, GIB, R, P1G, VMEM_IOC_MAP_REPLACE, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(change.out_pages, GIB / PAGE);
	expect_page(&p, 3 * MIB, 3 * MIB, 30);
	expect_pool(&p, levels - 2, 3);
	expect_leaves(&p, 1);
}
EACH_FORMAT(tables_that_go)

/* Those that stay: the small size is taken, or it's refused. */
static void stays(struct pool_guest *p, u64 va)
{
	struct vmem_ioc_change change;

	EXPECT_ERR(map_sized(p, va, 0, 2 * MIB, R, P2M, VMEM_IOC_MAP_SHARED_OK,
			     &change), EEXIST);
	EXPECT_EQ(change.out_at_va, va);
	EXPECT_EQ(change.out_at_level, 1);
	EXPECT_ERR(map_sized(p, va, 0, 2 * MIB, R, P2M,
			     VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SHARED_OK, &change),
		   ERANGE);
	EXPECT_EQ(change.out_at_va, va);
	EXPECT_EQ(change.out_at_level, 1);
	ASSERT_OK(map_sized(p, va, 0, 2 * MIB, R, SMALL_AND_LARGE,
			    VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SHARED_OK, &change));
	EXPECT_EQ(change.out_changes, 0);
	EXPECT_EQ(change.out_pages, 512);
	expect_page(p, va + PAGE, PAGE, 12);
}

static void tables_that_stay(u32 format)
{
	unsigned int levels = levels_of(format);
	struct pool_guest p;
	u64 table;

	/* one with two links */
	pool_guest(&p, format, 32);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(link_table(p.fd, p.space, 2 * MIB, p.space, 0, levels - 1, 0, NULL));
	stays(&p, 0);
	expect_page(&p, 2 * MIB + 2 * PAGE, 2 * PAGE, 12);
	expect_shared(&p, 1);

	/* one that the guest made, empty */
	pool_guest(&p, format, 32);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	p.g.next = MAP_BY_HAND;
	guest_map(&p.g, p.g.root, 4 * MIB, 0, 0, X86_TABLE);
	stays(&p, 4 * MIB);

	/* a table below: leaves of 1 GiB can't take its place, and of 2 MiB may */
	pool_guest(&p, format, 32);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	EXPECT_ERR(map_sized(&p, 0, 0, GIB, R, P1G, 0, NULL), EEXIST);
	EXPECT_ERR(map_sized(&p, 0, 0, GIB, R, P1G, VMEM_IOC_MAP_REPLACE, NULL), ERANGE);
	ASSERT_OK(map_sized(&p, 0, 0, GIB, R, P1G | P2M, VMEM_IOC_MAP_REPLACE, NULL));
	expect_leaves(&p, 512);
	expect_pool(&p, levels - 1, 1);

	/* a word that isn't present, with KEEP */
	pool_guest(&p, format, 32);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	table = entry_at(&p, 0, 1) & X86_ADDR;
	entry_set(&p.g, table, 7, 0x70);
	EXPECT_ERR(map_sized(&p, 0, 0, 2 * MIB, R, P2M, VMEM_IOC_MAP_REPLACE |
			     VMEM_IOC_MAP_KEEP, NULL), ERANGE);
	EXPECT_ERR(map_sized(&p, 0, 0, 2 * MIB, R, SMALL_AND_LARGE, VMEM_IOC_MAP_REPLACE |
			     VMEM_IOC_MAP_KEEP, NULL), EEXIST);
	entry_set(&p.g, table, 7, 0);
	ASSERT_OK(map_sized(&p, 0, 0, 2 * MIB, R, P2M, VMEM_IOC_MAP_REPLACE |
			    VMEM_IOC_MAP_KEEP, NULL));
}
EACH_FORMAT(tables_that_stay)

/* A frozen table that names one of ours: it would move, and there'd be two links. */
static void below_a_frozen_table(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 frozen = 32 * MIB;
	u8 *mem = map_anon(4 * PAGE);
	u32 region;

	pool_guest(&p, FMT4, 32);
	((u64 *)mem)[0] = (frozen + PAGE) | X86_TABLE;
	((u64 *)(mem + PAGE))[0] = (frozen + 2 * PAGE) | X86_TABLE;
	region = ASSERT_OK(region_user(p.fd, frozen, mem, 4 * PAGE, 0));
	p.space = ASSERT_OK(space_movable(p.fd, FMT4, p.pool, frozen));
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(region_freeze(p.fd, region, true));
	EXPECT_ERR(map_sized(&p, 0, 0, 2 * MIB, R, P2M, VMEM_IOC_MAP_REPLACE, NULL), ERANGE);
	ASSERT_OK(region_freeze(p.fd, region, false));
	ASSERT_OK(map_sized(&p, 0, 0, 2 * MIB, R, P2M, VMEM_IOC_MAP_REPLACE, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	expect_page(&p, PAGE, PAGE, 21);
	/* a hole of a frozen table: it moves, and the others above it */
	ASSERT_OK(region_freeze(p.fd, region, true));
	ASSERT_OK(map_sized(&p, 2 * MIB, 0, 2 * MIB, R, P2M, 0, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT(change.out_root != frozen);
	expect_page(&p, 3 * MIB, MIB, 21);
}

/* The last table that it takes is missing, and then it is there. */
static void pool_just_enough(void)
{
	const u64 va = GIB - 2 * MIB - PAGE, len = 2 * (PAGE + 2 * MIB) + GIB;
	const u64 sizes = P4K | P2M | P1G;
	struct vmem_ioc_change change;
	struct pool_guest p;

	/* beside the root */
	pool_guest(&p, FMT4, 1 + 4);
	EXPECT_ERR(map_sized(&p, va, va, len, R, sizes, 0, &change), ENOSPC);
	EXPECT_EQ(change.out_missing, 1);
	expect_pool(&p, 1, 0);
	ASSERT_OK(pool_grow(p.fd, p.pool, MAP_POOL + 5 * PAGE, PAGE));
	p.pages++;
	ASSERT_OK(map_sized(&p, va, va, len, R, sizes, 0, NULL));
	expect_pool(&p, 6, 0);
}

/* Neighbours of an atomic list share what they need. */
static void list_of_sizes(void)
{
	struct vmem_ioc_mapping m[3] = {
		{ .va = 0, .gpa = 0, .len = 2 * MIB, .page_sizes = P2M },
		{ .va = 2 * MIB, .gpa = MAP_DATA, .len = PAGE, .page_sizes = P4K },
		{ .va = 2 * MIB + PAGE, .gpa = MAP_DATA, .len = 4 * MIB - PAGE,
		  .page_sizes = P4K | P2M },
	};
	struct vmem_ioc_change change;
	struct pool_guest p;
	u32 i;

	/* the root, two above, and one of the smallest leaves */
	pool_guest(&p, FMT4, 4);
	for (i = 0; i < 3; i++) {
		m[i].kind = VMEM_IOC_KIND_BASIC;
		m[i].attrs = R | W;
	}
	EXPECT_ERR(map_list(p.fd, p.space, m, 3, VMEM_IOC_MAP_ATOMIC, &change), ENOSPC);
	EXPECT_EQ(change.out_missing, 1);
	EXPECT_EQ(change.out_done, 0);
	m[2].gpa += PAGE;
	ASSERT_OK(map_list(p.fd, p.space, m, 3, VMEM_IOC_MAP_ATOMIC, &change));
	EXPECT_EQ(change.out_done, 3);
	EXPECT_EQ(change.out_pages, 3 * 512);
	expect_pool(&p, 4, 0);
	expect_leaves(&p, 1 + 512 + 1);
	expect_page(&p, 4 * MIB, MAP_DATA + 2 * MIB, 21);
}

/* Sizes that are none; and what counts of a multiple. */
static void sizes_refused(void)
{
	static const struct {
		u64 va, gpa, len, sizes;
		int err;
	} wrong[] = {
		{ 0, 0, 2 * MIB, P2M | BIT(11), EOPNOTSUPP },
		{ 0, 0, 2 * MIB, P2M | BIT(13), EOPNOTSUPP },
		{ 0, 0, 2 * MIB, P2M | BIT(39), EOPNOTSUPP },
		{ 0, 0, 2 * MIB, P2M | BIT(63), EOPNOTSUPP },
		{ 0, 0, 2 * MIB, P2M | 1, EOPNOTSUPP },
		{ PAGE, 0, 2 * MIB, P2M, EINVAL },
		{ 0, PAGE, 2 * MIB, P2M, EINVAL },
		{ 0, 0, 2 * MIB + PAGE, P2M, EINVAL },
		{ 0, 0, PAGE, P2M | P1G, EINVAL },
		{ 2 * MIB, 0, GIB, P1G, EINVAL },
		{ 0, 2 * MIB, GIB, P1G, EINVAL },
		{ 0, 0, 2 * MIB, P1G, EINVAL },
		{ 0, BIT(52) - 2 * MIB, 4 * MIB, P2M, EOVERFLOW },
	};
	struct vmem_ioc_change change = {};
	struct pool_guest p;
	size_t i;

	pool_guest(&p, FMT4, 32);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (!EXPECT_ERR(map_sized(&p, wrong[i].va, wrong[i].gpa, wrong[i].len, R,
					  wrong[i].sizes, 0, &change), wrong[i].err))
			ktap_msg("%zu", i);
		EXPECT_EQ(change.out_at_va, wrong[i].va);
		EXPECT_EQ(change.out_at_level, 0);
	}
	expect_pool(&p, 1, 0);
}

static const struct ktap_case map_cases[] = {
	CASE_FORMATS(each_size),
	CASE_FORMATS(sizes_asked_for),
	CASE(not_congruent),
	CASE(facts_without_1g),
	CASE(large_and_cow),
	CASE(path_of_large),
	CASE_FORMATS(tables_that_go),
	CASE_FORMATS(tables_that_stay),
	CASE(below_a_frozen_table),
	CASE(pool_just_enough),
	CASE(list_of_sizes),
	CASE(sizes_refused),
};

int main(int argc, char **argv)
{
	static struct ktap_case cases[128];
	const struct {
		const struct ktap_case *cases;
		size_t nr;
	} parts[] = {
		{ map_cases, ARRAY_SIZE(map_cases) },
		{ split_cases, nr_split_cases },
		{ promote_cases, nr_promote_cases },
		{ beside_cases, nr_beside_cases },
	};
	size_t i, j, nr = 0;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		for (j = 0; j < parts[i].nr && nr < ARRAY_SIZE(cases); j++)
			cases[nr++] = parts[i].cases[j];
	return ktap_main(cases, nr, argc, argv);
}
