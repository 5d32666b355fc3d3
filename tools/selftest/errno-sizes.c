// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of page sizes, of splitting and promoting, of attributes, and of LINK that
 * makes and copies.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "errno-cells.h"
#include "ktap.h"

#define P4K		BIT(12)
#define P2M		BIT(21)
#define P1G		BIT(30)
#define SPLIT		VMEM_IOC_MAP_SPLIT
#define REPLACE		VMEM_IOC_MAP_REPLACE
#define WIDEN		VMEM_IOC_MAP_WIDEN
#define ATTR(name)	VMEM_IOC_ATTR_##name
#define SOFT(n)		(1U << (VMEM_IOC_ATTR_SOFT_SHIFT + (n)))

/* MAP: its list, which holds one of 8 pages */
SET(map_flag_high, args->flags = BIT(7))
SET(map_flag_top, args->flags = BIT(30))
SET(map_mapping_flag, args->mappings[0].flags = BIT(2))
SET(map_kind_high, args->mappings[0].kind = VMEM_IOC_KIND_RAW + 1)
SET(map_attr_soft, args->mappings[0].attrs |= SOFT(10))
SET(map_attr_soft_last, args->mappings[0].attrs |= SOFT(15))
SET(map_attr_a, args->mappings[0].attrs |= ATTR(A))
SET(map_attr_d, args->mappings[0].attrs |= ATTR(D))
SET(map_attr_enc, args->mappings[0].attrs |= ATTR(ENC))
SET(map_cow_soft, args->mappings[0].kind = VMEM_IOC_KIND_COW;
    args->mappings[0].attrs = R | SOFT(1))
SET(map_size_small, args->mappings[0].page_sizes = P4K | BIT(11))
SET(map_size_top, args->mappings[0].page_sizes = P4K | BIT(63))
SET(map_unmapped_sizes, args->mappings[0] = (struct vmem_ioc_mapping){
    .va = FX_VA_FREE, .len = 2 * MIB, .page_sizes = P4K | P2M })
SET(map_unmapped_ad, args->mappings[0] = (struct vmem_ioc_mapping){
    .va = FX_VA_FREE, .len = PAGE, .flags = VMEM_IOC_MAPPING_AD })

/* A large leaf that is right, where nothing is */
#define LARGE(size)	args->mappings[0].page_sizes = (size);			\
			args->mappings[0].va = (size) * 4096;			\
			args->mappings[0].gpa = (size);				\
			args->mappings[0].len = (size)
SET(map_large_va, LARGE(P2M); args->mappings[0].va += PAGE)
SET(map_large_gpa, LARGE(P2M); args->mappings[0].gpa += PAGE)
SET(map_large_len, LARGE(P2M); args->mappings[0].len += PAGE)
SET(map_huge_va, LARGE(P1G); args->mappings[0].va += 2 * MIB)
SET(map_large_end, LARGE(P2M); args->mappings[0].gpa = BIT(52))
SET(map_large_budget, LARGE(P2M); args->map.budget = 2)

/* A space where nothing says Cow */
static u32 without_cow(struct fixture *fx)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_COW_NONE,
		.format = FMT4,
		.pool = fx->pool,
	};

	return ASSERT_OK(space_create(fx->g.fd, &create));
}

SET(map_cow_none, args->map.space = without_cow(fx); args->mappings[0].attrs = R;
    args->mappings[0].kind = VMEM_IOC_KIND_COW)
SET(protect_set_cow_none, args->protect.space = without_cow(fx);
    args->protect.set = ATTR(COW); args->protect.clear = 0)
SET(protect_clear_cow_none, args->protect.space = without_cow(fx);
    args->protect.clear = ATTR(COW))

/* Kind raw */
#define RAW(entry)	args->mappings[0] = (struct vmem_ioc_mapping){		\
				.va = FX_VA_FREE, .len = PAGE, .gpa = (entry),	\
				.kind = VMEM_IOC_KIND_RAW }
SET(map_raw_zero, RAW(0))
SET(map_raw_present, RAW(BIT(40) | 1))
SET(map_raw_len, RAW(2); args->mappings[0].len = 8)
SET(map_raw_va, RAW(2); args->mappings[0].va += 8)
SET(map_raw_attrs, RAW(2); args->mappings[0].attrs = R)
SET(map_raw_large, RAW(2); args->mappings[0].page_sizes = P2M)
SET(map_raw_ad, RAW(2); args->mappings[0].flags = VMEM_IOC_MAPPING_AD)
SET(map_raw_twice, RAW(2); args->mappings[0].va = FX_VA)
SET(map_raw_wrap, RAW(2); args->mappings[0].va = -PAGE; args->mappings[0].len = 2 * PAGE)

/* Something in the way: a table, leaves, a word that isn't present */
SET(map_large_onto_table, LARGE(P2M); args->mappings[0].va = FX_VA)
SET(map_large_for_table, LARGE(P2M); args->mappings[0].va = FX_VA;
    args->map.space = fx->by_hand; args->mappings[0].va = FX_VA_SMALL;
    args->flags = REPLACE)
SET(map_large_onto_large, LARGE(P2M); args->map.space = fx->by_hand;
    args->mappings[0].va = FX_VA_LARGE)
SET(map_huge_for_tables, LARGE(P1G); args->mappings[0].va = 0; args->flags = REPLACE)

static void word_at_free(struct fixture *fx, u32 flags, struct args *args)
{
	args->map.space = fx->by_hand;
	args->mappings[0].va = FX_VA_SMALL + 16 * PAGE;
	guest_map(&fx->g, fx->g.root, FX_VA_SMALL + 20 * PAGE, 0, 0x1230, X86_TABLE);
	args->flags = flags;
}

SET(map_keep, word_at_free(fx, VMEM_IOC_MAP_KEEP, args))
SET(map_keep_replace, word_at_free(fx, VMEM_IOC_MAP_KEEP | REPLACE, args))

/* Widening */
static void widen_at(struct fixture *fx, struct args *args, u32 space)
{
	args->map.space = space;
	args->mappings[0].va = FX_VA + 16 * PAGE;
	args->mappings[0].attrs = R | U;
	args->flags = WIDEN;
}

SET(map_widen_path, args->mappings[0].va = FX_VA + MIB; args->flags = WIDEN;
    args->mappings[0].flags = VMEM_IOC_MAPPING_PATH;
    args->mappings[0].path = 0x7770 | U << 4)
SET(map_widen_frozen, widen_at(fx, args, fx->in_frozen))
SET(map_widen_unwritable, widen_at(fx, args, fx->in_unwritable))
SET(map_widen_shared, share(fx); widen_at(fx, args, fx->space);
    args->mappings[0].va = FX_VA_FREE + MIB)
SET(map_widen_enospc, widen_at(fx, args, movable_of(fx, tiny_pool(fx, 3))))
SET(protect_widen_frozen, args->protect.space = fx->in_frozen;
    args->protect.set = U; args->protect.clear = 0; args->flags = WIDEN)
SET(protect_widen_shared, share(fx); args->protect.set = U; args->protect.clear = 0;
    args->protect.start = FX_VA_FREE; args->protect.last = FX_VA_FREE + PAGE - 1;
    args->flags = WIDEN)

/* Splitting: a part of a leaf of 2 MiB */

static void full_of_leaves(u8 *mem, u64 gpa)
{
	u64 *table = (u64 *)mem;
	unsigned int i;

	for (i = 0; i < 512; i++)
		table[i] = (gpa + i * PAGE) | X86_LEAF | X86_RW;
}

void full_tables(struct fixture *fx)
{
	full_of_leaves(fx->frozen_mem + 3 * PAGE, 64 * GIB);
	full_of_leaves(fx->frozen_mem + (FX_MOVABLE - FX_FROZEN) + 3 * PAGE, 64 * GIB);
}

u32 large_in(struct fixture *fx, u32 pool)
{
	u32 space = ASSERT_OK(space_new(fx->g.fd, FMT4, pool));
	struct vmem_ioc_mapping m = {
		.va = FX_VA,
		.gpa = 64 * GIB,
		.len = 2 * MIB,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R | W,
		.page_sizes = P2M,
	};

	ASSERT_OK(map_list(fx->g.fd, space, &m, 1, 0, NULL));
	return space;
}

static u32 large_full(struct fixture *fx)
{
	return large_in(fx, tiny_pool(fx, 3));
}

/* What a page would be taken for is in quarantine. */
static u32 large_quarantined(struct fixture *fx)
{
	u32 pool = tiny_pool(fx, 4);

	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
	return large_in(fx, pool);
}

/* In frozen memory, and shared. */
static u32 large_frozen(struct fixture *fx)
{
	((u64 *)(fx->frozen_mem + 2 * PAGE))[index_of(FX_VA, 1)] =
		(64 * GIB) | X86_LEAF | X86_RW | X86_PS;
	return fx->in_frozen;
}

static u32 large_shared(struct fixture *fx)
{
	u32 space = large_in(fx, fx->pool);

	ASSERT_OK(link_table(fx->g.fd, space, FX_VA_FREE & -GIB, space, FX_VA & -GIB, 2, 0,
			     NULL));
	return space;
}

/* Its pool is out of the vCPU's reach. */
static u32 large_narrow(struct fixture *fx)
{
	struct guest *g = &fx->g;
	u64 root = guest_page(g);

	guest_map(g, root, FX_VA, 1, GIB | X86_LEAF | X86_RW | X86_PS, X86_TABLE);
	return only_narrow(fx, 0, root);
}

#define SPLITS(name, of)						\
	SET(map_split_##name, args->map.space = of(fx);				\
	    args->mappings[0].va = FX_VA + PAGE;				\
	    args->flags = REPLACE | SPLIT)				\
	SET(unmap_split_##name, args->unmap.space = of(fx);			\
	    args->flags = SPLIT)						\
	SET(protect_split_##name, args->protect.space = of(fx);			\
	    args->flags = SPLIT)
SPLITS(enospc, large_full)
SPLITS(eagain, large_quarantined)
SPLITS(frozen, large_frozen)
SPLITS(shared, large_shared)
SPLITS(wide, large_narrow)
SET(map_split_only, args->map.space = large_in(fx, fx->pool); args->mappings[0].va = FX_VA;
    args->flags = SPLIT)
SET(map_split_path, args->map.space = large_in(fx, fx->pool); args->mappings[0].va = FX_VA;
    args->flags = REPLACE | SPLIT; args->mappings[0].flags = VMEM_IOC_MAPPING_PATH;
    args->mappings[0].path = 0x7770)
SET(map_part_of_large, args->map.space = large_in(fx, fx->pool);
    args->mappings[0].va = FX_VA; args->flags = REPLACE)
SET(unmap_part_of_large, args->unmap.space = large_in(fx, fx->pool))
SET(protect_part_of_large, args->protect.space = large_in(fx, fx->pool))
SET(unmap_split_budget, args->unmap.space = large_in(fx, fx->pool); args->flags = SPLIT;
    args->unmap.budget = 2)
SET(protect_split_budget, args->protect.space = large_in(fx, fx->pool);
    args->flags = SPLIT; args->protect.budget = 2)
SET(unmap_keep, args->flags = VMEM_IOC_MAP_KEEP)
SET(unmap_replace, args->flags = REPLACE)
SET(unmap_flag_high, args->flags = BIT(7))
SET(protect_keep, args->flags = VMEM_IOC_MAP_KEEP)
SET(protect_flag_high, args->flags = BIT(7))
SET(protect_set_soft, args->protect.set = SOFT(10); args->protect.clear = 0)
SET(protect_clear_soft, args->protect.clear = SOFT(15))
SET(protect_clear_enc, args->protect.clear = ATTR(ENC))
SET(protect_soft_and_cow, args->protect.set = SOFT(0) | ATTR(COW); args->protect.clear = 0)
SET(protect_both_key, args->protect.set = 3 << VMEM_IOC_ATTR_KEY_SHIFT;
    args->protect.clear = 1 << VMEM_IOC_ATTR_KEY_SHIFT)
SET(protect_both_a, args->protect.set = args->protect.clear = ATTR(A))

/* The page of the pool that a split would take, and its memory */
static u32 last_of_four(struct fixture *fx)
{
	return large_in(fx, tiny_pool(fx, 4));
}

static void gone(struct fixture *fx, enum call call, struct args *args)
{
	args->unmap.space = last_of_four(fx);
	args->flags = call == MAP ? REPLACE | SPLIT : SPLIT;
	if (call == MAP)
		args->mappings[0].va = FX_VA + PAGE;
	ASSERT(!munmap(tiny_host(fx) + 3 * PAGE, PAGE));
	without_memory(fx, call, args, ENXIO);
}

static void map_split_gone(struct fixture *fx, struct args *args)
{
	gone(fx, MAP, args);
}

static void unmap_split_gone(struct fixture *fx, struct args *args)
{
	gone(fx, UNMAP, args);
}

static void protect_split_readonly(struct fixture *fx, struct args *args)
{
	args->protect.space = last_of_four(fx);
	args->flags = SPLIT;
	ASSERT(!mprotect(tiny_host(fx) + 3 * PAGE, PAGE, PROT_READ));
	without_memory(fx, PROTECT, args, EROFS);
}

/* PROMOTE of a table that is full */

#define AT_FX_VA	args->promote.start = FX_VA;				\
			args->promote.last = FX_VA + 2 * MIB - 1
SET(promote_flag_replace, args->flags = REPLACE)
SET(promote_flag_atomic, args->flags = VMEM_IOC_MAP_ATOMIC)
SET(promote_flag_keep, args->flags = VMEM_IOC_MAP_KEEP)
SET(promote_flag_high, args->flags = BIT(7))
SET(promote_level_root, args->promote.leaf_levels = BIT(4))
SET(promote_level_five, args->promote.leaf_levels = BIT(5))
SET(promote_frozen, full_tables(fx); AT_FX_VA; args->promote.space = fx->in_frozen)
SET(promote_unwritable, AT_FX_VA; args->promote.space = fx->in_unwritable;
    ASSERT(!mprotect(fx->unwritable_mem, FX_SIDE_LEN, PROT_READ | PROT_WRITE));
    full_of_leaves(fx->unwritable_mem + 3 * PAGE, 64 * GIB);
    ASSERT(!mprotect(fx->unwritable_mem, FX_SIDE_LEN, PROT_READ)))
SET(promote_move_enospc, full_tables(fx); AT_FX_VA;
    args->promote.space = movable_of(fx, tiny_pool(fx, 2)))

static u32 quarantined(struct fixture *fx, u64 pages)
{
	u32 pool = tiny_pool(fx, pages);

	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
	return movable_of(fx, pool);
}

SET(promote_move_eagain, full_tables(fx); AT_FX_VA;
    args->promote.space = quarantined(fx, 3))
SET(promote_move_wide, AT_FX_VA;
    full_of_leaves(fx->frozen_mem + (FX_MOVABLE - FX_FROZEN) + 3 * PAGE, GIB);
    args->promote.space = only_narrow(fx, VMEM_IOC_SPACE_MOVABLE, FX_MOVABLE))
SET(promote_budget, full_tables(fx); AT_FX_VA; args->promote.space = fx->movable;
    args->promote.budget = 3)

/* A root that is gone: what is below one is left, but there is nothing else */
static void promote_gone(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 4);

	args->promote.space = space_of(fx, pool);
	ASSERT(!munmap(tiny_host(fx), PAGE));
	without_memory(fx, PROMOTE, args, ENXIO);
}

static void promote_poisoned(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, FX_VA_FREE, 2, FX_TINY | X86_TABLE, X86_TABLE);
	poison(fx);
	args->promote.space = fx->by_hand;
	args->promote.start = FX_VA_FREE & -GIB;
	args->promote.last = (FX_VA_FREE & -GIB) + GIB - 1;
	without_memory(fx, PROMOTE, args, EIO);
}

static void promote_unanswered(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_space_get was, is;
	struct vmem_ioc_result result;
	struct vmem_ioc_mapping m = {
		.va = FX_VA_FREE,
		.gpa = 64 * GIB,
		.len = 2 * MIB,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R,
	};

	ASSERT_OK(map_list(fx->g.fd, fx->space, &m, 1, 0, NULL));
	args->promote.start = FX_VA_FREE;
	args->promote.last = FX_VA_FREE + 2 * MIB - 1;
	ASSERT_OK(space_get(fx->g.fd, fx->space, &was));
	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_PROMOTE, readonly_copy(args)), EFAULT);
	ASSERT_OK(translate(fx->g.fd, fx->space, FX_VA_FREE, &result));
	EXPECT_EQ(result.page_lg2, 21);
	ASSERT_OK(space_get(fx->g.fd, fx->space, &is));
	EXPECT(is.out_generation > was.out_generation);
	EXPECT_EQ(is.out_tables, was.out_tables - 1);
}

/* LINK with MAKE, of a table that the owner lacks */
#define MAKES		args->flags = VMEM_IOC_LINK_MAKE;			\
			args->link.their_va = FX_VA_FREE + GIB
SET(make_unknown, MAKES; args->link.space = NO_ID)
SET(make_owner_unknown, MAKES; args->link.owner = NO_ID)
SET(make_owner_no_pool, MAKES; args->link.owner = fx->reading)
SET(make_itself, MAKES; args->link.owner = fx->space;
    args->link.our_va = args->link.their_va)
SET(make_odd, MAKES; args->link.their_va += PAGE)
SET(make_high, MAKES; args->link.their_va = NON_CANONICAL)
SET(make_depth, MAKES; args->link.depth = 4)
SET(make_other_pool, MAKES; args->link.owner = space_of(fx, tiny_pool(fx, 8)))
SET(make_flag, MAKES; args->flags |= VMEM_IOC_MAP_SHARED_OK)
SET(make_flag_high, MAKES; args->flags |= BIT(9))
SET(make_widen, MAKES; args->flags |= WIDEN)
SET(make_onto_leaf, MAKES; args->link.owner = fx->by_hand; args->link.their_va = FX_VA_LARGE)
SET(make_onto_leaves, MAKES; args->link.our_va = FX_VA)
SET(make_below_outside, MAKES; args->link.owner = fx->by_hand;
    args->link.their_va = FX_VA_OUTSIDE)
SET(make_frozen_owner, MAKES; args->link.owner = fx->movable)
SET(make_frozen, MAKES; args->link.space = fx->in_frozen)
SET(make_unwritable, MAKES; args->link.owner = fx->in_unwritable)
SET(make_twin_owner, MAKES; args->link.owner = fx->twin[0])
SET(make_twin, MAKES; args->link.space = fx->twin[0])
SET(make_budget, MAKES; args->link.budget = 1)
SET(make_enospc, MAKES; args->link.owner = args->link.space =
    space_of(fx, tiny_pool(fx, 4 + 3)))

static void make_eagain(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 4 + 4);

	MAKES;
	args->link.owner = args->link.space = space_of(fx, pool);
	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
}

/* LINK with UNSHARE, of the table that two places show */
static void unshares(struct fixture *fx, struct args *args, u32 space, u64 va)
{
	args->link.space = space;
	args->link.owner = 0;
	args->link.our_va = va;
	args->link.their_va = 0;
	args->flags = VMEM_IOC_LINK_UNSHARE;
}

#define SHARED		share(fx); unshares(fx, args, fx->space, FX_VA_FREE)
SET(unshare_unknown, SHARED; args->link.space = NO_ID)
SET(unshare_no_pool, SHARED; args->link.space = fx->reading)
SET(unshare_nothing, SHARED; args->link.our_va = FX_VA_FREE + 2 * MIB)
SET(unshare_leaf, SHARED; args->link.space = fx->by_hand; args->link.our_va = FX_VA_LARGE)
SET(unshare_odd, SHARED; args->link.our_va += PAGE)
SET(unshare_high, SHARED; args->link.our_va = NON_CANONICAL)
SET(unshare_depth_zero, SHARED; args->link.depth = 0)
SET(unshare_depth, SHARED; args->link.depth = 4)
SET(unshare_owner, SHARED; args->link.owner = fx->owner)
SET(unshare_their_va, SHARED; args->link.their_va = FX_VA)
SET(unshare_path, SHARED; args->link.path_given = 1; args->link.path = 0x7770)
SET(unshare_make, SHARED; args->flags |= VMEM_IOC_LINK_MAKE)
SET(unshare_replace, SHARED; args->flags |= VMEM_IOC_LINK_REPLACE)
SET(unshare_shared_ok, SHARED; args->flags |= VMEM_IOC_MAP_SHARED_OK)
SET(unshare_budget, SHARED; args->link.budget = 1)
SET(unshare_frozen, unshares(fx, args, fx->in_frozen, FX_VA))
SET(unshare_unwritable, unshares(fx, args, fx->in_unwritable, FX_VA))
SET(unshare_outside, unshares(fx, args, fx->by_hand, FX_VA_OUTSIDE))
SET(unshare_below_shared, share(fx);
    ASSERT_OK(link_table(fx->g.fd, fx->space, (FX_VA_FREE & -GIB) + GIB, fx->space,
			 FX_VA_FREE & -GIB, 2, 0, NULL));
    unshares(fx, args, fx->space, FX_VA_FREE))

static u32 linked_in(struct fixture *fx, u32 pool)
{
	u32 space = space_of(fx, pool);

	ASSERT_OK(link_table(fx->g.fd, space, FX_VA + 2 * MIB, space, FX_VA, 3, 0, NULL));
	return space;
}

SET(unshare_enospc, unshares(fx, args, linked_in(fx, tiny_pool(fx, 4)), FX_VA))

static void unshare_eagain(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 5);

	unshares(fx, args, linked_in(fx, pool), FX_VA);
	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
}

/* The guest names a free page of the pool there. */
static void unshare_misused(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, GIB, 1, (FX_POOL + FX_POOL_LEN - PAGE) | X86_TABLE,
		  X86_TABLE);
	unshares(fx, args, fx->by_hand, GIB);
}

/* What a table of the guest's own names by a link is of another pool. */
static void unshare_names_another_pool(struct fixture *fx, struct args *args)
{
	ASSERT_OK(map_one(fx->g.fd, fx->by_hand, FX_VA_SMALL + 2 * MIB, FX_DATA, PAGE, R, 0,
			  NULL));
	ASSERT_OK(destroy(fx->g.fd, fx->by_hand));
	unshares(fx, args, ASSERT_OK(space_adopt(fx->g.fd, FMT4, tiny_pool(fx, 8),
						 fx->g.root)), 0);
	args->link.depth = 2;
}

/* One of another pool itself. */
static void unshare_another_pool(struct fixture *fx, struct args *args)
{
	unshare_names_another_pool(fx, args);
	args->link.our_va = FX_VA_SMALL + 2 * MIB;
	args->link.depth = 3;
}

/* What it names has as many links as it may have. */
static void unshare_many(struct fixture *fx, struct args *args)
{
	const u32 most = 4096;
	u32 i;

	/* of many calls, not each is looked at; and this one is to be */
	refused_quiet(true);
	ASSERT_OK(link_table(fx->g.fd, fx->owner, 2 * GIB, fx->owner, 0, 2, 0, NULL));
	for (i = 1; i < most; i++)
		ASSERT_OK(link_table(fx->g.fd, fx->space, FX_VA_FREE + GIB + i * 2 * MIB,
				     fx->owner, FX_VA, 3, 0, NULL));
	refused_quiet(false);
	unshares(fx, args, fx->owner, 0);
	args->link.depth = 2;
}

static u32 small_narrow(struct fixture *fx)
{
	struct guest *g = &fx->g;
	u64 root = guest_page(g);

	guest_map(g, root, FX_VA, 0, GIB | X86_LEAF, X86_TABLE);
	return only_narrow(fx, 0, root);
}

SET(unshare_wide, unshares(fx, args, small_narrow(fx), FX_VA))

static void unshare_poisoned(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, FX_VA_FREE, 1, FX_TINY | X86_TABLE, X86_TABLE);
	poison(fx);
	unshares(fx, args, fx->by_hand, FX_VA_FREE);
	without_memory(fx, LINK, args, EIO);
}

const struct cell size_cells[] = {
#define C(call, err, fn)	{ call, err, #fn, fn, 0 }
#define S(call, err, fn)	{ call, err, #fn, fn, CELL_RUNS }
#define EACH(err, name)							\
	C(MAP, err, map_split_##name),						\
	C(UNMAP, err, unmap_split_##name),					\
	C(PROTECT, err, protect_split_##name)
	C(MAP, EOPNOTSUPP, map_flag_high),
	C(MAP, EOPNOTSUPP, map_flag_top),
	C(MAP, EOPNOTSUPP, map_mapping_flag),
	C(MAP, EOPNOTSUPP, map_kind_high),
	C(MAP, EOPNOTSUPP, map_attr_soft),
	C(MAP, EOPNOTSUPP, map_attr_soft_last),
	C(MAP, EOPNOTSUPP, map_attr_a),
	C(MAP, EOPNOTSUPP, map_attr_d),
	C(MAP, EOPNOTSUPP, map_attr_enc),
	C(MAP, EOPNOTSUPP, map_cow_soft),
	C(MAP, EOPNOTSUPP, map_cow_none),
	C(PROTECT, EOPNOTSUPP, protect_set_cow_none),
	C(PROTECT, EOPNOTSUPP, protect_clear_cow_none),
	C(MAP, EOPNOTSUPP, map_size_small),
	C(MAP, EOPNOTSUPP, map_size_top),
	C(MAP, EOPNOTSUPP, map_unmapped_sizes),
	C(MAP, EOPNOTSUPP, map_unmapped_ad),
	C(MAP, EINVAL, map_large_va),
	C(MAP, EINVAL, map_large_gpa),
	C(MAP, EINVAL, map_large_len),
	C(MAP, EINVAL, map_huge_va),
	C(MAP, EOVERFLOW, map_large_end),
	C(MAP, E2BIG, map_large_budget),
	C(MAP, EINVAL, map_raw_zero),
	C(MAP, EINVAL, map_raw_present),
	C(MAP, EINVAL, map_raw_len),
	C(MAP, EINVAL, map_raw_va),
	C(MAP, EOPNOTSUPP, map_raw_attrs),
	C(MAP, EOPNOTSUPP, map_raw_large),
	C(MAP, EOPNOTSUPP, map_raw_ad),
	C(MAP, EEXIST, map_raw_twice),
	C(MAP, EOVERFLOW, map_raw_wrap),
	C(MAP, EEXIST, map_large_onto_table),
	C(MAP, ERANGE, map_large_for_table),
	C(MAP, EEXIST, map_large_onto_large),
	C(MAP, ERANGE, map_huge_for_tables),
	C(MAP, EEXIST, map_keep),
	C(MAP, EEXIST, map_keep_replace),
	C(MAP, EEXIST, map_widen_path),
	C(MAP, EROFS, map_widen_frozen),
	C(MAP, EROFS, map_widen_unwritable),
	C(MAP, EMLINK, map_widen_shared),
	C(MAP, ENOSPC, map_widen_enospc),
	C(PROTECT, EROFS, protect_widen_frozen),
	C(PROTECT, EMLINK, protect_widen_shared),

	EACH(ENOSPC, enospc),
	EACH(EAGAIN, eagain),
	EACH(EROFS, frozen),
	EACH(EMLINK, shared),
	EACH(EOVERFLOW, wide),
	C(MAP, EEXIST, map_split_only),
	C(MAP, EEXIST, map_split_path),
	C(MAP, ERANGE, map_part_of_large),
	C(UNMAP, ERANGE, unmap_part_of_large),
	C(PROTECT, ERANGE, protect_part_of_large),
	C(UNMAP, E2BIG, unmap_split_budget),
	C(PROTECT, E2BIG, protect_split_budget),
	C(UNMAP, EOPNOTSUPP, unmap_keep),
	C(UNMAP, EOPNOTSUPP, unmap_replace),
	C(UNMAP, EOPNOTSUPP, unmap_flag_high),
	C(PROTECT, EOPNOTSUPP, protect_keep),
	C(PROTECT, EOPNOTSUPP, protect_flag_high),
	C(PROTECT, EOPNOTSUPP, protect_set_soft),
	C(PROTECT, EOPNOTSUPP, protect_clear_soft),
	C(PROTECT, EOPNOTSUPP, protect_clear_enc),
	C(PROTECT, EOPNOTSUPP, protect_soft_and_cow),
	C(PROTECT, EINVAL, protect_both_key),
	C(PROTECT, EINVAL, protect_both_a),
	S(MAP, ENXIO, map_split_gone),
	S(UNMAP, ENXIO, unmap_split_gone),
	S(PROTECT, EROFS, protect_split_readonly),

	C(PROMOTE, EOPNOTSUPP, promote_flag_replace),
	C(PROMOTE, EOPNOTSUPP, promote_flag_atomic),
	C(PROMOTE, EOPNOTSUPP, promote_flag_keep),
	C(PROMOTE, EOPNOTSUPP, promote_flag_high),
	C(PROMOTE, EOPNOTSUPP, promote_level_root),
	C(PROMOTE, EOPNOTSUPP, promote_level_five),
	C(PROMOTE, EROFS, promote_frozen),
	C(PROMOTE, EROFS, promote_unwritable),
	C(PROMOTE, ENOSPC, promote_move_enospc),
	C(PROMOTE, EAGAIN, promote_move_eagain),
	C(PROMOTE, EOVERFLOW, promote_move_wide),
	C(PROMOTE, E2BIG, promote_budget),
	S(PROMOTE, ENXIO, promote_gone),
	S(PROMOTE, EIO, promote_poisoned),
	S(PROMOTE, EFAULT, promote_unanswered),

	C(LINK, ENOENT, make_unknown),
	C(LINK, ENOENT, make_owner_unknown),
	C(LINK, EINVAL, make_owner_no_pool),
	C(LINK, EINVAL, make_itself),
	C(LINK, EINVAL, make_odd),
	C(LINK, EINVAL, make_high),
	C(LINK, EINVAL, make_depth),
	C(LINK, EINVAL, make_other_pool),
	C(LINK, EOPNOTSUPP, make_flag),
	C(LINK, EOPNOTSUPP, make_flag_high),
	C(LINK, EOPNOTSUPP, make_widen),
	C(LINK, EEXIST, make_onto_leaf),
	C(LINK, EEXIST, make_onto_leaves),
	C(LINK, ENXIO, make_below_outside),
	C(LINK, EROFS, make_frozen_owner),
	C(LINK, EROFS, make_frozen),
	C(LINK, EROFS, make_unwritable),
	C(LINK, EMLINK, make_twin_owner),
	C(LINK, EMLINK, make_twin),
	C(LINK, E2BIG, make_budget),
	C(LINK, ENOSPC, make_enospc),
	C(LINK, EAGAIN, make_eagain),
	C(LINK, ENOENT, unshare_unknown),
	C(LINK, ENOENT, unshare_nothing),
	C(LINK, ENOENT, unshare_leaf),
	C(LINK, EINVAL, unshare_no_pool),
	C(LINK, EINVAL, unshare_odd),
	C(LINK, EINVAL, unshare_high),
	C(LINK, EINVAL, unshare_depth_zero),
	C(LINK, EINVAL, unshare_depth),
	C(LINK, EINVAL, unshare_names_another_pool),
	C(LINK, EINVAL, unshare_another_pool),
	C(LINK, EOPNOTSUPP, unshare_owner),
	C(LINK, EOPNOTSUPP, unshare_their_va),
	C(LINK, EOPNOTSUPP, unshare_path),
	C(LINK, EOPNOTSUPP, unshare_make),
	C(LINK, EOPNOTSUPP, unshare_replace),
	C(LINK, EOPNOTSUPP, unshare_shared_ok),
	C(LINK, E2BIG, unshare_budget),
	C(LINK, EOVERFLOW, unshare_wide),
	C(LINK, EROFS, unshare_frozen),
	C(LINK, EROFS, unshare_unwritable),
	C(LINK, ENXIO, unshare_outside),
	C(LINK, EMLINK, unshare_below_shared),
	C(LINK, EMLINK, unshare_many),
	C(LINK, ENOSPC, unshare_enospc),
	C(LINK, EAGAIN, unshare_eagain),
	C(LINK, EEXIST, unshare_misused),
	S(LINK, EIO, unshare_poisoned),
};

const size_t nr_size_cells = ARRAY_SIZE(size_cells);
