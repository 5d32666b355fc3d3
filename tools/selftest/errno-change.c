// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of PROTECT and LINK, and of what they have in common with MAP and
 * UNMAP: tables that are shared, tables that move.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "errno-cells.h"
#include "ktap.h"

#define RWX	(R | W | X)
/* What vmem grants by itself, above leaves. */
#define PATH_RWX	0x7770U

/* PROTECT */
#define RANGE(from, to)	args->protect.start = (from); args->protect.last = (to)
SET(protect_unknown, args->protect.space = NO_ID)
SET(protect_kind_of_id, args->protect.space = fx->pool)
SET(protect_no_pool, args->protect.space = fx->reading)
SET(protect_reversed, RANGE(FX_VA + PAGE, FX_VA - 1))
SET(protect_odd, args->protect.start += 8)
SET(protect_last_odd, args->protect.last -= 8)
SET(protect_high, RANGE(NON_CANONICAL, NON_CANONICAL + PAGE - 1))
SET(protect_end_high, RANGE(0, NON_CANONICAL + PAGE - 1))
SET(protect_both, args->protect.set = X; args->protect.clear = X | W)
SET(protect_cow_both, args->protect.set = args->protect.clear =
    VMEM_IOC_ATTR_COW)
SET(protect_flag, args->flags = BIT(0))
SET(protect_cow_soft, args->protect.set = VMEM_IOC_ATTR_COW;
    args->protect.clear = 1 << VMEM_IOC_ATTR_SOFT_SHIFT)
SET(protect_set_enc, args->protect.set = VMEM_IOC_ATTR_ENC)
SET(protect_set_high, args->protect.set = BIT(31))
SET(protect_clear_high, args->protect.clear = BIT(31))
SET(protect_denied_user, args->protect.set = U; args->protect.clear = 0)
SET(protect_unreadable, args->protect.clear = R)
SET(protect_budget, args->protect.budget = 1)
SET(protect_outside, args->protect.space = fx->by_hand;
    RANGE(FX_VA_OUTSIDE, FX_VA_OUTSIDE + PAGE - 1))
SET(protect_frozen, args->protect.space = fx->in_frozen)
SET(protect_unwritable, args->protect.space = fx->in_unwritable)
SET(protect_in_large, args->protect.space = fx->by_hand;
    RANGE(FX_VA_LARGE, FX_VA_LARGE + PAGE - 1))

/* All that have a pool go: they agree in what a vCPU is. */
static void no_spaces(struct fixture *fx)
{
	const u32 ids[] = {
		fx->space, fx->space5, fx->owner, fx->by_hand, fx->twin[0],
		fx->twin[1], fx->in_frozen, fx->in_unwritable, fx->movable,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		ASSERT_OK(destroy(fx->g.fd, ids[i]));
}

/* A space whose vCPU has no NX. */
static u32 without_nx(struct fixture *fx)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_NXE_OFF,
		.format = FMT4,
		.pool = fx->pool,
	};
	u32 space;

	no_spaces(fx);
	space = ASSERT_OK(space_create(fx->g.fd, &create));
	ASSERT_OK(map_one(fx->g.fd, space, FX_VA, FX_DATA, FX_VA_LEN, RWX, 0,
			  NULL));
	return space;
}

SET(protect_no_nx, args->protect.space = without_nx(fx);
    args->protect.clear = X)

/* The guest names a free page of the pool as a table of leaves. */
#define MISUSED		0x40000000ULL
static void misuse(struct fixture *fx)
{
	guest_map(&fx->g, fx->g.root, MISUSED, 1,
		  (FX_POOL + FX_POOL_LEN - PAGE) | X86_TABLE, X86_TABLE);
}

SET(protect_misused, misuse(fx); args->protect.space = fx->by_hand;
    RANGE(MISUSED, MISUSED + PAGE - 1))

/* The table of leaves of owner is also at FX_VA_FREE in space. */
static void share(struct fixture *fx)
{
	ASSERT_OK(link_table(fx->g.fd, fx->space, FX_VA_FREE, fx->owner, FX_VA,
			     3, 0, NULL));
}

SET(protect_shared, share(fx);
    RANGE(FX_VA_FREE, FX_VA_FREE + 4 * PAGE - 1))
SET(protect_shared_owner, share(fx); args->protect.space = fx->owner)
SET(protect_shared_whole, share(fx);
    RANGE(FX_VA_FREE, FX_VA_FREE + 2 * MIB - 1))
SET(map_shared, share(fx); args->mappings[0].va = FX_VA_FREE + 64 * PAGE)
SET(map_shared_path, share(fx); args->mappings[0].va = FX_VA_FREE + 64 * PAGE;
    args->mappings[0].flags = VMEM_IOC_MAPPING_PATH;
    args->mappings[0].path = PATH_RWX)
SET(map_shared_unmapped, share(fx);
    args->mappings[0] = (struct vmem_ioc_mapping){ .va = FX_VA_FREE,
						   .len = PAGE })
SET(unmap_shared, share(fx); args->unmap.start = FX_VA_FREE;
    args->unmap.last = FX_VA_FREE + PAGE - 1)
SET(unmap_shared_owner, share(fx); args->unmap.space = fx->owner)

/* MAP: kind Cow, and permissions of the path */
SET(map_cow_writable, args->mappings[0].kind = VMEM_IOC_KIND_COW)
SET(map_cow_unreadable, args->mappings[0].kind = VMEM_IOC_KIND_COW;
    args->mappings[0].attrs = X)
SET(map_cow_attr, args->mappings[0].attrs = R | VMEM_IOC_ATTR_COW)
SET(map_cow_no_nx, args->map.space = without_nx(fx);
    args->mappings[0].kind = VMEM_IOC_KIND_COW; args->mappings[0].attrs = R)
SET(map_no_nx, args->map.space = without_nx(fx))

#define PATH(bits)	args->mappings[0].flags = VMEM_IOC_MAPPING_PATH; \
			args->mappings[0].path = (bits)
SET(map_path_unreadable, PATH(0x7670))
SET(map_path_none, PATH(0))
SET(map_path_missing, PATH(0x7700))
SET(map_path_not_given, args->mappings[0].path = PATH_RWX)
SET(map_path_of_leaf, PATH(PATH_RWX | R))
SET(map_path_beyond, PATH(PATH_RWX | R << 16))
SET(map_path_no_nx, args->map.space = without_nx(fx);
    args->mappings[0].attrs = RWX; PATH(0x7370))
SET(map_path_unmapped, args->mappings[0] = (struct vmem_ioc_mapping){
    .va = FX_VA_FREE, .len = PAGE, .flags = VMEM_IOC_MAPPING_PATH })
SET(map_path_less, args->mappings[0].va = FX_VA + MIB; PATH(0x7770 & ~(W << 8)))
SET(map_path_more, args->mappings[0].va = FX_VA + MIB; PATH(PATH_RWX | U << 4))
SET(map_path_by_hand, args->map.space = fx->by_hand;
    args->mappings[0].va = FX_VA_READONLY + MIB; args->mappings[0].attrs = R;
    PATH(PATH_RWX))

/* LINK */
SET(link_unknown, args->link.space = NO_ID)
SET(link_owner_unknown, args->link.owner = NO_ID)
SET(link_nothing, args->link.their_va = FX_VA_FREE)
SET(link_leaf, args->link.owner = fx->by_hand; args->link.their_va = FX_VA_LARGE)
SET(link_kind_of_id, args->link.space = fx->pool)
SET(link_owner_kind, args->link.owner = fx->pool)
SET(link_no_pool, args->link.space = fx->reading)
SET(link_owner_no_pool, args->link.owner = fx->reading)
SET(link_format, args->link.owner = fx->space5)
SET(link_depth_zero, args->link.depth = 0)
SET(link_depth_leaf, args->link.depth = 4)
SET(link_depth_large, args->link.depth = ~0U)
SET(link_our_odd, args->link.our_va += PAGE)
SET(link_their_odd, args->link.their_va += PAGE)
SET(link_our_high, args->link.our_va = NON_CANONICAL)
SET(link_their_high, args->link.their_va = NON_CANONICAL)
SET(link_by_hand, args->link.owner = fx->by_hand;
    args->link.their_va = FX_VA_SMALL)
SET(link_onto_itself, args->link.owner = fx->space;
    args->link.our_va = FX_VA; args->flags = VMEM_IOC_LINK_REPLACE)
SET(link_split, args->flags = VMEM_IOC_MAP_SPLIT)
SET(link_atomic, args->flags = VMEM_IOC_MAP_ATOMIC)
SET(link_shared_ok, args->flags = VMEM_IOC_MAP_SHARED_OK)
SET(link_given, args->link.path_given = 2; args->link.path = PATH_RWX)
SET(link_path_not_given, args->link.path = PATH_RWX)
SET(link_budget, args->link.budget = 1)

#define GIVEN(bits)	args->link.path_given = 1; args->link.path = (bits)
SET(link_path_none, GIVEN(0))
SET(link_path_unreadable, GIVEN(0x7670))
SET(link_path_no_nx, args->link.space = args->link.owner = without_nx(fx);
    GIVEN(0x7370))
SET(link_path_of_leaf, GIVEN(PATH_RWX | R))
SET(link_path_of_table, args->link.our_va &= -GIB; args->link.their_va = 0;
    args->link.depth = 2; GIVEN(PATH_RWX))
SET(link_path_beyond, GIVEN(PATH_RWX | R << 16))
SET(link_path_other, args->link.our_va = FX_VA + 2 * MIB; GIVEN(0x7370))

SET(link_onto_leaves, args->link.our_va = FX_VA)
SET(link_onto_large, args->link.space = fx->by_hand;
    args->link.our_va = FX_VA_LARGE)
SET(link_above, args->link.space = fx->by_hand;
    args->link.our_va = FX_VA_READONLY + 2 * MIB)
SET(link_misused, misuse(fx); args->link.owner = fx->by_hand;
    args->link.their_va = MISUSED)
SET(link_outside, args->link.space = fx->by_hand;
    args->link.our_va = FX_VA_OUTSIDE)
SET(link_their_outside, args->link.owner = fx->by_hand;
    args->link.their_va = FX_VA_OUTSIDE)
SET(link_frozen, args->link.space = fx->in_frozen)
SET(link_unwritable, args->link.space = fx->in_unwritable)
SET(link_twin, args->link.space = fx->twin[0])

/* Below a table of the guest's that is one of ours by its address. */
static void link_below_misused(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, 64 * GIB, 2,
		  (FX_POOL + FX_POOL_LEN - PAGE) | X86_TABLE, X86_TABLE);
	args->link.space = fx->by_hand;
	args->link.our_va = 64 * GIB;
}

/* A leaf of 1 GiB, of which the table is but a part. */
static void link_in_large(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, 64 * GIB, 2, X86_LEAF | X86_PS, X86_TABLE);
	args->link.space = fx->by_hand;
	args->link.our_va = 64 * GIB + 2 * MIB;
	args->flags = VMEM_IOC_LINK_REPLACE;
}

/* Below a table that is shared. */
static void link_shared(struct fixture *fx, struct args *args)
{
	ASSERT_OK(link_table(fx->g.fd, fx->space, FX_VA_FREE & -GIB, fx->owner,
			     0, 2, 0, NULL));
	args->link.owner = fx->space;
	args->link.our_va = (FX_VA_FREE & -GIB) + 8 * MIB;
}

/* As many links as a table may have. */
static void link_many(struct fixture *fx, struct args *args)
{
	const u32 most = 4096;
	u32 i;

	for (i = 1; i < most; i++)
		ASSERT_OK(link_table(fx->g.fd, fx->space,
				     FX_VA_FREE + GIB + i * 2 * MIB, fx->owner,
				     FX_VA, 3, 0, NULL));
}

/*
 * A table below a root of 5 levels is one that a space of 4 could have: but all
 * entries of eight such roots name it.
 */
static void space_root_many(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 8 + 4), spaces[8], i;
	u64 va;

	for (i = 0; i < 8; i++)
		spaces[i] = ASSERT_OK(space_new(fx->g.fd, FMT5, pool));
	ASSERT_OK(map_one(fx->g.fd, spaces[0], 0, FX_DATA, PAGE, R, 0, NULL));
	for (i = 1; i < 8 * 512; i++) {
		va = (u64)((s64)((u64)i << 55) >> 7);
		ASSERT_OK(link_table(fx->g.fd, spaces[i / 512], va, spaces[0],
				     0, 1, 0, NULL));
	}
	args->space_create.pool = pool;
	args->space_create.root = entry_get(&fx->g, space_root(fx->g.fd,
						spaces[0]), 0) & X86_ADDR;
}

/* Entries that are malformed for the one and not for the other. */
SET(space_bits_other, args->space_create.phys_bits = 40)
SET(space_nxe_other, args->flags = VMEM_IOC_SPACE_NXE_OFF)
SET(space_new_other, args->space_create.root = 0;
    args->flags = VMEM_IOC_SPACE_NXE_OFF | VMEM_IOC_SPACE_NEW)

/* Pools that are used up. */

static u32 space_of(struct fixture *fx, u32 pool)
{
	u32 space = ASSERT_OK(space_new(fx->g.fd, FMT4, pool));

	ASSERT_OK(map_one(fx->g.fd, space, FX_VA, FX_DATA, PAGE, R | W, 0,
			  NULL));
	return space;
}

/* One table is left, and the link takes two. */
static void link_enospc(struct fixture *fx, struct args *args)
{
	args->link.owner = args->link.space = space_of(fx, tiny_pool(fx, 5));
}

static void link_eagain(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 6);

	args->link.owner = args->link.space = space_of(fx, pool);
	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
}

static void link_pool_other(struct fixture *fx, struct args *args)
{
	args->link.owner = space_of(fx, tiny_pool(fx, 4));
}

/* The four tables of the frozen space, and not as many pages. */
static u32 movable_of(struct fixture *fx, u32 pool)
{
	return ASSERT_OK(space_movable(fx->g.fd, FMT4, pool, FX_MOVABLE));
}

static u32 movable_few(struct fixture *fx)
{
	return movable_of(fx, tiny_pool(fx, 3));
}

static u32 movable_quarantined(struct fixture *fx)
{
	u32 pool = tiny_pool(fx, 4);

	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
	return movable_of(fx, pool);
}

SET(map_move_enospc, args->map.space = movable_few(fx);
    args->mappings[0].va = FX_VA + MIB)
SET(map_move_eagain, args->map.space = movable_quarantined(fx);
    args->mappings[0].va = FX_VA + MIB)
SET(unmap_move_enospc, args->unmap.space = movable_few(fx))
SET(unmap_move_eagain, args->unmap.space = movable_quarantined(fx))
SET(protect_move_enospc, args->protect.space = movable_few(fx))
SET(protect_move_eagain, args->protect.space = movable_quarantined(fx))

/* A root and one below it move, and two are made. */
static void link_move_enospc(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 4 + 2);

	args->link.owner = space_of(fx, pool);
	args->link.space = movable_of(fx, pool);
}

SET(map_move_budget, args->map.space = fx->movable; args->map.budget = 3)
SET(unmap_move_budget, args->unmap.space = fx->movable; args->unmap.budget = 3)
SET(protect_move_budget, args->protect.space = fx->movable;
    args->protect.budget = 3)

/* Pages of a pool that a vCPU with few address bits can't reach. */

#define FX_HIGH		BIT(40)

static u32 high_pool(struct fixture *fx)
{
	ASSERT_OK(region_owned(fx->g.fd, FX_HIGH, 16 * PAGE, NULL));
	return ASSERT_OK(pool_create(fx->g.fd, FX_HIGH, 16 * PAGE));
}

static u32 narrow(struct fixture *fx, u32 flags, u32 pool, u64 root)
{
	struct vmem_ioc_space_create create = {
		.flags = flags,
		.format = FMT4,
		.pool = pool,
		.root = root,
		.phys_bits = 36,
	};

	return ASSERT_OK(space_create(fx->g.fd, &create));
}

static u32 only_narrow(struct fixture *fx, u32 flags, u64 root)
{
	no_spaces(fx);
	return narrow(fx, flags, high_pool(fx), root);
}

SET(map_table_wide, args->map.space = only_narrow(fx, 0, guest_page(&fx->g)))
SET(map_move_wide, args->map.space = only_narrow(fx, VMEM_IOC_SPACE_MOVABLE,
						 FX_MOVABLE);
    args->mappings[0].va = FX_VA + MIB)
SET(unmap_move_wide, args->unmap.space = only_narrow(fx, VMEM_IOC_SPACE_MOVABLE,
						     FX_MOVABLE))
SET(protect_move_wide, args->protect.space =
    only_narrow(fx, VMEM_IOC_SPACE_MOVABLE, FX_MOVABLE))

/* The owner has the pages that can be reached, and the link takes tables. */
static void link_table_wide(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_range ranges[2] = {
		{ FX_TINY, 4 * PAGE }, { FX_HIGH, 16 * PAGE },
	};
	struct vmem_ioc_pool_create create = {
		.size = sizeof(create),
		.ranges = (uintptr_t)ranges,
		.nr_ranges = 2,
	};

	no_spaces(fx);
	ASSERT_OK(region_owned(fx->g.fd, FX_HIGH, 16 * PAGE, NULL));
	ASSERT_OK(vcall(fx->g.fd, VMEM_IOC_POOL_CREATE, &create));
	args->link.owner = narrow(fx, VMEM_IOC_SPACE_NEW, create.out_id, 0);
	ASSERT_OK(map_one(fx->g.fd, args->link.owner, FX_VA, FX_DATA, PAGE,
			  R | W, 0, NULL));
	args->link.space = narrow(fx, 0, create.out_id, guest_page(&fx->g));
}

SET(space_movable_no_pool, args->flags = VMEM_IOC_SPACE_MOVABLE;
    args->space_create.pool = 0)
SET(space_movable_outside, args->flags = VMEM_IOC_SPACE_MOVABLE;
    args->space_create.root = FX_FREE)

/* Memory that the host takes away. */

static void protect_poisoned(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, FX_VA_FREE, 2, FX_TINY | X86_TABLE,
		  X86_TABLE);
	poison(fx);
	args->protect.space = fx->by_hand;
	args->protect.start = FX_VA_FREE;
	args->protect.last = FX_VA_FREE + PAGE - 1;
	without_memory(fx, PROTECT, args, EIO);
	EXPECT_EQ(args->protect.change.out_at_va, FX_VA_FREE);
}

static void link_poisoned(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, FX_VA_FREE, 2, FX_TINY | X86_TABLE,
		  X86_TABLE);
	poison(fx);
	args->link.space = fx->by_hand;
	without_memory(fx, LINK, args, EIO);
	EXPECT_EQ(args->link.change.out_at_va, FX_VA_FREE);
}

/* On the way to the table. */
static void link_their_poisoned(struct fixture *fx, struct args *args)
{
	guest_map(&fx->g, fx->g.root, FX_VA_FREE, 2, FX_TINY | X86_TABLE,
		  X86_TABLE);
	poison(fx);
	args->link.owner = fx->by_hand;
	args->link.their_va = FX_VA_FREE;
	without_memory(fx, LINK, args, EIO);
}

/* A page that the copy of the root would take. */
static void map_move_poisoned(struct fixture *fx, struct args *args)
{
	args->map.space = movable_of(fx, tiny_pool(fx, 4));
	args->mappings[0].va = FX_VA + MIB;
	poison(fx);
	without_memory(fx, MAP, args, EIO);
	EXPECT_EQ(space_root(fx->g.fd, args->map.space), FX_MOVABLE);
}

static void protect_move_gone(struct fixture *fx, struct args *args)
{
	args->protect.space = movable_of(fx, tiny_pool(fx, 4));
	ASSERT(!munmap(tiny_host(fx) + 3 * PAGE, PAGE));
	without_memory(fx, PROTECT, args, ENXIO);
	EXPECT_EQ(space_root(fx->g.fd, args->protect.space), FX_MOVABLE);
}

static void unmap_move_readonly(struct fixture *fx, struct args *args)
{
	args->unmap.space = movable_of(fx, tiny_pool(fx, 4));
	ASSERT(!mprotect(tiny_host(fx) + 2 * PAGE, PAGE, PROT_READ));
	without_memory(fx, UNMAP, args, EROFS);
	EXPECT_EQ(space_root(fx->g.fd, args->unmap.space), FX_MOVABLE);
}

/* What isn't answered is done. */

static void protect_unanswered(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_space_get was, is;
	struct vmem_ioc_result result;

	ASSERT_OK(space_get(fx->g.fd, fx->space, &was));
	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_PROTECT, readonly_copy(args)),
		   EFAULT);
	ASSERT_OK(translate(fx->g.fd, fx->space, FX_VA, &result));
	EXPECT_EQ(result.effective, R);
	ASSERT_OK(space_get(fx->g.fd, fx->space, &is));
	EXPECT(is.out_generation > was.out_generation);
	EXPECT_EQ(is.out_tables, was.out_tables);
}

static void link_unanswered(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_space_get was, is;
	struct vmem_ioc_result result;

	ASSERT_OK(space_get(fx->g.fd, fx->space, &was));
	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_LINK, readonly_copy(args)), EFAULT);
	ASSERT_OK(translate(fx->g.fd, fx->space, FX_VA_FREE, &result));
	EXPECT_EQ(result.gpa, FX_DATA);
	ASSERT_OK(space_get(fx->g.fd, fx->space, &is));
	EXPECT(is.out_generation > was.out_generation);
	EXPECT_EQ(is.out_tables, was.out_tables + 2);
}

const struct cell change_cells[] = {
#define C(call, err, fn)	{ call, err, #fn, fn, 0 }
#define S(call, err, fn)	{ call, err, #fn, fn, CELL_RUNS }
	C(PROTECT, ENOENT, protect_unknown),
	C(PROTECT, EINVAL, protect_kind_of_id),
	C(PROTECT, EINVAL, protect_no_pool),
	C(PROTECT, EINVAL, protect_reversed),
	C(PROTECT, EINVAL, protect_odd),
	C(PROTECT, EINVAL, protect_last_odd),
	C(PROTECT, EINVAL, protect_high),
	C(PROTECT, EINVAL, protect_end_high),
	C(PROTECT, EINVAL, protect_both),
	C(PROTECT, EINVAL, protect_cow_both),
	C(PROTECT, EOPNOTSUPP, protect_flag),
	C(PROTECT, EOPNOTSUPP, protect_cow_soft),
	C(PROTECT, EOPNOTSUPP, protect_set_enc),
	C(PROTECT, EOPNOTSUPP, protect_set_high),
	C(PROTECT, EOPNOTSUPP, protect_clear_high),
	C(PROTECT, EOPNOTSUPP, protect_unreadable),
	C(PROTECT, EOPNOTSUPP, protect_no_nx),
	C(PROTECT, E2BIG, protect_budget),
	C(PROTECT, E2BIG, protect_move_budget),
	C(PROTECT, EOVERFLOW, protect_move_wide),
	C(PROTECT, ENXIO, protect_outside),
	S(PROTECT, ENXIO, protect_move_gone),
	C(PROTECT, EROFS, protect_frozen),
	C(PROTECT, EROFS, protect_unwritable),
	C(PROTECT, EEXIST, protect_denied_user),
	C(PROTECT, EEXIST, protect_misused),
	C(PROTECT, ERANGE, protect_in_large),
	C(PROTECT, EMLINK, protect_shared),
	C(PROTECT, EMLINK, protect_shared_owner),
	C(PROTECT, EMLINK, protect_shared_whole),
	C(PROTECT, ENOSPC, protect_move_enospc),
	C(PROTECT, EAGAIN, protect_move_eagain),
	S(PROTECT, EIO, protect_poisoned),
	S(PROTECT, EFAULT, protect_unanswered),

	C(MAP, EOPNOTSUPP, map_cow_writable),
	C(MAP, EOPNOTSUPP, map_cow_unreadable),
	C(MAP, EOPNOTSUPP, map_cow_attr),
	C(MAP, EOPNOTSUPP, map_cow_no_nx),
	C(MAP, EOPNOTSUPP, map_no_nx),
	C(MAP, EOPNOTSUPP, map_path_unreadable),
	C(MAP, EOPNOTSUPP, map_path_none),
	C(MAP, EOPNOTSUPP, map_path_missing),
	C(MAP, EOPNOTSUPP, map_path_not_given),
	C(MAP, EOPNOTSUPP, map_path_no_nx),
	C(MAP, EOPNOTSUPP, map_path_unmapped),
	C(MAP, EINVAL, map_path_of_leaf),
	C(MAP, EINVAL, map_path_beyond),
	C(MAP, EEXIST, map_path_less),
	C(MAP, EEXIST, map_path_more),
	C(MAP, EEXIST, map_path_by_hand),
	C(MAP, EMLINK, map_shared),
	C(MAP, EMLINK, map_shared_path),
	C(MAP, EMLINK, map_shared_unmapped),
	C(MAP, E2BIG, map_move_budget),
	C(MAP, EOVERFLOW, map_table_wide),
	C(MAP, EOVERFLOW, map_move_wide),
	C(MAP, ENOSPC, map_move_enospc),
	C(MAP, EAGAIN, map_move_eagain),
	S(MAP, EIO, map_move_poisoned),

	C(UNMAP, EMLINK, unmap_shared),
	C(UNMAP, EMLINK, unmap_shared_owner),
	C(UNMAP, E2BIG, unmap_move_budget),
	C(UNMAP, EOVERFLOW, unmap_move_wide),
	C(UNMAP, ENOSPC, unmap_move_enospc),
	C(UNMAP, EAGAIN, unmap_move_eagain),
	S(UNMAP, EROFS, unmap_move_readonly),

	C(LINK, ENOENT, link_unknown),
	C(LINK, ENOENT, link_owner_unknown),
	C(LINK, ENOENT, link_nothing),
	C(LINK, ENOENT, link_leaf),
	C(LINK, EINVAL, link_kind_of_id),
	C(LINK, EINVAL, link_owner_kind),
	C(LINK, EINVAL, link_no_pool),
	C(LINK, EINVAL, link_owner_no_pool),
	C(LINK, EINVAL, link_format),
	C(LINK, EINVAL, link_depth_zero),
	C(LINK, EINVAL, link_depth_leaf),
	C(LINK, EINVAL, link_depth_large),
	C(LINK, EINVAL, link_our_odd),
	C(LINK, EINVAL, link_their_odd),
	C(LINK, EINVAL, link_our_high),
	C(LINK, EINVAL, link_their_high),
	C(LINK, EINVAL, link_by_hand),
	C(LINK, EINVAL, link_onto_itself),
	C(LINK, EINVAL, link_pool_other),
	C(LINK, EINVAL, link_path_of_leaf),
	C(LINK, EINVAL, link_path_of_table),
	C(LINK, EINVAL, link_path_beyond),
	C(LINK, EOPNOTSUPP, link_split),
	C(LINK, EOPNOTSUPP, link_atomic),
	C(LINK, EOPNOTSUPP, link_shared_ok),
	C(LINK, EOPNOTSUPP, link_given),
	C(LINK, EOPNOTSUPP, link_path_not_given),
	C(LINK, EOPNOTSUPP, link_path_none),
	C(LINK, EOPNOTSUPP, link_path_unreadable),
	C(LINK, EOPNOTSUPP, link_path_no_nx),
	C(LINK, E2BIG, link_budget),
	C(LINK, EOVERFLOW, link_table_wide),
	C(LINK, ENXIO, link_outside),
	C(LINK, ENXIO, link_their_outside),
	C(LINK, EROFS, link_frozen),
	C(LINK, EROFS, link_unwritable),
	C(LINK, EEXIST, link_path_other),
	C(LINK, EEXIST, link_onto_leaves),
	C(LINK, EEXIST, link_onto_large),
	C(LINK, EEXIST, link_above),
	C(LINK, EEXIST, link_misused),
	C(LINK, EEXIST, link_below_misused),
	C(LINK, ERANGE, link_in_large),
	C(LINK, EMLINK, link_shared),
	C(LINK, EMLINK, link_many),
	C(LINK, EMLINK, link_twin),
	C(LINK, ENOSPC, link_enospc),
	C(LINK, ENOSPC, link_move_enospc),
	C(LINK, EAGAIN, link_eagain),
	S(LINK, EIO, link_poisoned),
	S(LINK, EIO, link_their_poisoned),
	S(LINK, EFAULT, link_unanswered),

	C(SPACE_CREATE, EINVAL, space_movable_no_pool),
	C(SPACE_CREATE, ENXIO, space_movable_outside),
	C(SPACE_CREATE, EMLINK, space_root_many),
	C(SPACE_CREATE, EINVAL, space_bits_other),
	C(SPACE_CREATE, EINVAL, space_nxe_other),
	C(SPACE_CREATE, EINVAL, space_new_other),
};

const size_t nr_change_cells = ARRAY_SIZE(change_cells);
