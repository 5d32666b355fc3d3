// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes by sizes and attributes, tried by failnth: larger leaves, what splits and
 * what merges them, entries that are widened, tables that LINK makes and copies.
 */
#define _GNU_SOURCE
#include "failnth.h"

/* Leaves of 1 GiB and of 2 MiB, to be cut; tables of 2 MiB, to be merged. */
#define LARGE_VA	(64 * GIB)

static void large_leaves(struct fixture *fx, u64 sizes, u64 len)
{
	struct vmem_ioc_mapping m = {
		.va = LARGE_VA,
		.gpa = 64 * GIB,
		.len = len,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R | W,
		.page_sizes = sizes,
	};

	ASSERT_OK(map_list(fx->g.fd, fx->space, &m, 1, 0, NULL));
	fresh_pool(fx);
}

static void map_sizes(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->mappings[0].va = args->mappings[0].gpa = LARGE_VA - 2 * MIB - PAGE;
	args->mappings[0].len = GIB + 4 * MIB + 2 * PAGE;
	args->mappings[0].page_sizes = BIT(12) | BIT(21) | BIT(30);
}

/* In place of a table, which is freed. */
static void map_large_onto_table(struct fixture *fx, struct args *args)
{
	args->mappings[0].va = FX_VA;
	args->mappings[0].gpa = 2 * MIB;
	args->mappings[0].len = 2 * MIB;
	args->mappings[0].page_sizes = BIT(21);
	args->flags = VMEM_IOC_MAP_REPLACE;
}

static void map_split(struct fixture *fx, struct args *args)
{
	large_leaves(fx, BIT(30), GIB);
	args->mappings[0].va = LARGE_VA + GIB / 2 - PAGE;
	args->mappings[0].len = 3 * MIB;
	args->flags = VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SPLIT;
}

static void unmap_split(struct fixture *fx, struct args *args)
{
	large_leaves(fx, BIT(30), GIB);
	args->unmap.start = LARGE_VA + PAGE;
	args->unmap.last = LARGE_VA + GIB - PAGE - 1;
	args->flags = VMEM_IOC_RANGE_SPLIT;
}

static void protect_split(struct fixture *fx, struct args *args)
{
	large_leaves(fx, BIT(21), 4 * MIB);
	args->protect.start = LARGE_VA + MIB;
	args->protect.last = LARGE_VA + 3 * MIB - 1;
	args->flags = VMEM_IOC_RANGE_SPLIT;
}

static void protect_widen(struct fixture *fx, struct args *args)
{
	args->protect.clear = 0;
	args->protect.set = VMEM_IOC_ATTR_U;
	args->flags = VMEM_IOC_RANGE_WIDEN;
}

static void map_widen_raw(struct fixture *fx, struct args *args)
{
	args->map.nr = 2;
	args->mappings[0].va = FX_VA + MIB;
	args->mappings[0].attrs |= U;
	args->mappings[1] = (struct vmem_ioc_mapping){
		.va = FX_VA_FREE,
		.gpa = 0x1230,
		.len = 3 * MIB,
		.kind = VMEM_IOC_KIND_RAW,
	};
	args->flags = VMEM_IOC_MAP_WIDEN | VMEM_IOC_MAP_ATOMIC;
}

static void promote_some(struct fixture *fx, struct args *args)
{
	large_leaves(fx, BIT(12), 8 * MIB);
	args->promote.start = LARGE_VA;
	args->promote.last = LARGE_VA + GIB - 1;
}

/* The tables of the frozen space move, that of leaves but for what is missing. */
static void promote_move(struct fixture *fx, struct args *args)
{
	u64 *leaves = (u64 *)(fx->frozen_mem + (FX_MOVABLE - FX_FROZEN) + 3 * PAGE);
	unsigned int i;

	fresh_pool(fx);
	for (i = 0; i < 512; i++)
		leaves[i] = (64 * GIB + i * PAGE) | X86_LEAF | X86_RW;
	args->promote.space = fx->movable;
	args->promote.start = FX_VA;
	args->promote.last = FX_VA + 2 * MIB - 1;
}

static void promote_shared(struct fixture *fx, struct args *args)
{
	large_leaves(fx, BIT(12), 2 * MIB);
	ASSERT_OK(link_table(fx->g.fd, fx->owner, LARGE_VA, fx->space, LARGE_VA, 2, 0,
			     NULL));
	args->promote.start = LARGE_VA;
	args->promote.last = LARGE_VA + GIB - 1;
	args->flags = VMEM_IOC_RANGE_SHARED_OK;
}

static void link_make(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->link.their_va = LARGE_VA;
	args->flags = VMEM_IOC_LINK_MAKE;
}

static void link_unshare(struct fixture *fx, struct args *args)
{
	share(fx);
	fresh_pool(fx);
	args->link.owner = 0;
	args->link.their_va = 0;
	args->flags = VMEM_IOC_LINK_UNSHARE;
}

static void link_unshare_move(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->link.space = fx->movable;
	args->link.our_va = FX_VA;
	args->link.owner = 0;
	args->link.their_va = 0;
	args->flags = VMEM_IOC_LINK_UNSHARE;
}

const struct trial size_trials[] = {
	{ "MAP_sizes", MAP, map_sizes, NULL, NULL, true },
	{ "MAP_large_onto_table", MAP, map_large_onto_table, NULL, NULL, true },
	{ "MAP_split", MAP, map_split, NULL, NULL, true },
	{ "UNMAP_split", UNMAP, unmap_split, NULL, NULL, true },
	{ "PROTECT_split", PROTECT, protect_split, NULL, NULL, true },
	{ "PROTECT_widen", PROTECT, protect_widen, NULL, NULL, true },
	{ "MAP_widen_raw", MAP, map_widen_raw, NULL, NULL, true },
	{ "PROMOTE", PROMOTE, promote_some, NULL, NULL, true },
	{ "PROMOTE_move", PROMOTE, promote_move, NULL, NULL, true },
	{ "PROMOTE_shared", PROMOTE, promote_shared, NULL, NULL, true },
	{ "LINK_make", LINK, link_make, NULL, NULL, true },
	{ "LINK_unshare", LINK, link_unshare, NULL, NULL, true },
	{ "LINK_unshare_move", LINK, link_unshare_move, NULL, NULL, true },
};

const size_t nr_size_trials = ARRAY_SIZE(size_trials);
