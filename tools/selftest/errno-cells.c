// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases that make one field wrong.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "errno-cells.h"
#include "ktap.h"

#define TOP		(1ULL << 63)

/* A page that may not be touched. */
static u64 nowhere(void)
{
	void *mem = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	ASSERT(mem != MAP_FAILED);
	return (uintptr_t)mem;
}

/* INFO, VIEW, LIST, FLUSHED */
SET(info_formats, args->info.formats = nowhere())
SET(view_rights, args->view.rights = 1U << 3)
SET(view_more, args->view.rights = VMEM_IOC_RIGHT_CHANGE)
SET(list_kind, args->list.kind = 9)
SET(list_kind_zero, args->list.kind = 0)
SET(list_items_nowhere, args->list.items = nowhere())
SET(list_none, args->list.nr = 0)
SET(list_long, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->list.nr = i.out_list_max + 1)
SET(flushed_future, args->flushed.generation += 1000000)
SET(flushed_never, args->flushed.generation = ~0ULL)

/* REGION_CREATE */
SET(region_kind, args->region_create.kind = 3)
SET(region_kind_zero, args->region_create.kind = 0)
SET(region_gpa_odd, args->region_create.gpa += 8)
SET(region_len_odd, args->region_create.len += 8)
SET(region_len_zero, args->region_create.len = 0)
SET(region_addr_odd, args->region_create.user_addr += 8)
SET(region_addr_kernel, args->region_create.user_addr = TOP)
SET(region_addr_end, args->region_create.user_addr = BIT(56) - 2 * PAGE)
SET(region_addr_wrap, args->region_create.user_addr = -PAGE)
SET(region_owned_addr, args->region_create.kind = VMEM_IOC_REGION_OWNED)
SET(region_wrap, args->region_create.gpa = -PAGE)
SET(region_wide, args->region_create.gpa = BIT(52))
SET(region_wide_end, args->region_create.gpa = BIT(52) - PAGE)
SET(region_same, args->region_create.gpa = GUEST_GPA)
SET(region_overlap_begin, args->region_create.gpa = GUEST_GPA - PAGE)
SET(region_overlap_end, args->region_create.gpa = GUEST_GPA + FX_LEN - PAGE)
SET(region_overlap_owned, args->region_create.gpa = FX_OWNED)
SET(region_long, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->region_create.kind = VMEM_IOC_REGION_OWNED;
    args->region_create.user_addr = 0;
    args->region_create.gpa = FX_OWNED + FX_OWNED_LEN;
    args->region_create.len = i.out_region_len_max + PAGE)

/* REGION_SET */
SET(set_unknown, args->region_set.id = NO_ID)
SET(set_zero, args->region_set.id = 0)
SET(set_kind, args->region_set.id = fx->pool)
SET(set_mask, args->region_set.mask |= 2)
SET(set_value, args->region_set.value |= 2)
SET(set_pool, args->region_set.id = fx->g.region)

/* REGION_DIRTY */
SET(dirty_unknown, args->region_dirty.id = NO_ID)
SET(dirty_zero, args->region_dirty.id = 0)
SET(dirty_kind, args->region_dirty.id = fx->pool)
SET(dirty_gpa_odd, args->region_dirty.gpa += 8)
SET(dirty_len_odd, args->region_dirty.len += 8)
SET(dirty_len_zero, args->region_dirty.len = 0)
SET(dirty_wrap, args->region_dirty.gpa = -PAGE; args->region_dirty.len = 2 * PAGE)
SET(dirty_long, args->region_dirty.len = VMEM_IOC_DIRTY_LEN_MAX + PAGE)
SET(dirty_outside, args->region_dirty.gpa = FX_FREE)
SET(dirty_other, args->region_dirty.gpa = FX_OWNED; args->region_dirty.len = PAGE)
SET(dirty_before, args->region_dirty.gpa = GUEST_GPA - PAGE)
SET(dirty_beyond, args->region_dirty.gpa = GUEST_GPA + FX_LEN - PAGE)
SET(dirty_most, args->region_dirty.len = VMEM_IOC_DIRTY_LEN_MAX)
SET(dirty_flag, args->region_dirty.flags = 2)
SET(dirty_nowhere, args->region_dirty.bitmap = nowhere())
SET(dirty_null, args->region_dirty.bitmap = 0)

/* POOL_CREATE */
SET(pool_none, args->pool_create.nr_ranges = 0)
SET(pool_odd, args->ranges[1].gpa += 8)
SET(pool_len_odd, args->ranges[1].len += 8)
SET(pool_len_zero, args->ranges[1].len = 0)
SET(pool_wrap, args->ranges[1].gpa = -PAGE; args->ranges[1].len = 2 * PAGE)
SET(pool_wide, args->ranges[1].gpa = BIT(53))
SET(pool_nowhere, args->pool_create.ranges = nowhere())
SET(pool_outside, args->ranges[1].gpa = FX_FREE)
SET(pool_beyond, args->ranges[1].gpa = GUEST_GPA + FX_LEN - PAGE;
    args->ranges[1].len = 2 * PAGE)
SET(pool_frozen, args->ranges[1].gpa = FX_FROZEN)
SET(pool_other, args->ranges[1].gpa = FX_POOL + FX_POOL_LEN - PAGE)
SET(pool_itself, args->ranges[1].gpa = args->ranges[0].gpa + PAGE)
SET(pool_on_root, args->ranges[1].gpa = fx->g.root; args->ranges[1].len = PAGE)
SET(pool_long, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->pool_create.nr_ranges = i.out_pool_ranges_max + 1)

/* POOL_GROW, beside what is a matter of the ranges */
SET(grow_none, args->pool_grow.nr_ranges = 0)
SET(grow_nowhere, args->pool_grow.ranges = nowhere())
SET(grow_long, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->pool_grow.nr_ranges = i.out_pool_ranges_max + 1)
SET(grow_large, args->ranges[0].gpa = FX_FREE;
    args->ranges[0].len = (BIT(20) - FX_POOL_LEN / PAGE) * PAGE)
SET(grow_unknown, args->pool_grow.id = NO_ID)
SET(grow_zero, args->pool_grow.id = 0)
SET(grow_kind, args->pool_grow.id = fx->space)
SET(grow_another, ASSERT_OK(pool_create(fx->g.fd, FX_ROOM + 5 * PAGE, PAGE));
    args->ranges[1].len = 2 * PAGE)

/* POOL_STAT, SPACE_GET, DESTROY */
SET(stat_unknown, args->pool_stat.id = NO_ID)
SET(stat_kind, args->pool_stat.id = fx->space)
SET(get_unknown, args->space_get.id = NO_ID)
SET(get_kind, args->space_get.id = fx->g.region)
SET(destroy_unknown, args->destroy.id = NO_ID)
SET(destroy_zero, args->destroy.id = 0)
SET(destroy_pool, args->destroy.id = fx->pool)
SET(destroy_region_of_pool, args->destroy.id = fx->g.region)
SET(destroy_region_of_root, args->destroy.id = fx->frozen)
SET(destroy_mapped,
    ASSERT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fx->g.fd,
		(off_t)fx->owned_offset) != MAP_FAILED);
    args->destroy.id = fx->owned)

/* SPACE_CREATE */
SET(space_format, args->space_create.format = 9)
SET(space_format_zero, args->space_create.format = 0)
SET(space_flag, args->flags = BIT(12))
SET(space_enc_low, args->space_create.enc_bit = 31)
SET(space_enc_high, args->space_create.enc_bit = 52)
SET(space_enc_shared, args->flags = VMEM_IOC_SPACE_ENC_SHARED)
SET(space_cow_none, args->flags = VMEM_IOC_SPACE_COW_NONE;
    args->space_create.cow = 1)
SET(space_tags, args->flags = VMEM_IOC_SPACE_UAI | VMEM_IOC_SPACE_LAM57)
SET(space_pcid, args->space_create.root |= 0x3)
SET(space_high_bits, args->space_create.root |= TOP)
SET(space_wide, args->space_create.phys_bits = 36;
    args->space_create.root = BIT(36))
SET(space_outside, args->space_create.root = FX_FREE)
SET(space_pool_unknown, args->space_create.pool = NO_ID)
SET(space_pool_kind, args->space_create.pool = fx->g.region)
SET(space_bits_many, args->space_create.phys_bits = 53)
SET(space_bits_few, args->space_create.phys_bits = 8)
SET(space_cow, args->space_create.cow = 8)
SET(space_new_no_pool, args->flags = VMEM_IOC_SPACE_NEW;
    args->space_create.root = 0; args->space_create.pool = 0)
SET(space_new_root, args->flags = VMEM_IOC_SPACE_NEW)
SET(space_root_free, args->space_create.root = FX_POOL + FX_POOL_LEN - PAGE)
SET(space_root_level, args->space_create.root = space_root(fx->g.fd,
							    fx->space5))

/* MAP */
SET(map_unknown, args->map.space = NO_ID)
SET(map_kind_of_id, args->map.space = fx->pool)
SET(map_none, args->map.nr = 0)
SET(map_long, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->map.nr = i.out_map_max + 1)
SET(map_nowhere, args->map.mappings = nowhere())
SET(map_va_odd, args->mappings[0].va += 8)
SET(map_gpa_odd, args->mappings[0].gpa += 8)
SET(map_len_odd, args->mappings[0].len += 8)
SET(map_len_zero, args->mappings[0].len = 0)
SET(map_high, args->mappings[0].va = NON_CANONICAL)
SET(map_over_hole, args->mappings[0].va = NON_CANONICAL - PAGE)
SET(map_last_odd, args->map.nr = 2; args->mappings[1] = args->mappings[0];
    args->mappings[1].va = FX_VA + MIB + 8; args->flags = VMEM_IOC_MAP_ATOMIC)
SET(map_overlap, args->map.nr = 2; args->mappings[1] = args->mappings[0];
    args->mappings[1].va += 4 * PAGE; args->flags = VMEM_IOC_MAP_ATOMIC)
SET(map_no_pool, args->map.space = fx->reading)
SET(map_kind, args->mappings[0].kind = 9)
SET(map_attr, args->mappings[0].attrs |= BIT(11))
SET(map_attr_high, args->mappings[0].attrs |= BIT(31))
SET(map_unreadable, args->mappings[0].attrs = W)
SET(map_attrs_none, args->mappings[0].attrs = 0)
SET(map_flags, args->mappings[0].flags = BIT(5))
SET(map_sizes, args->mappings[0].page_sizes = BIT(13))
SET(map_sizes_high, args->mappings[0].page_sizes = BIT(12) | BIT(39))
SET(map_large_only, args->mappings[0].page_sizes = BIT(21))
SET(map_budget, args->map.budget = 1)
SET(map_wrap, args->mappings[0].va = -4 * PAGE)
SET(map_gpa_wrap, args->mappings[0].gpa = -4 * PAGE)
SET(map_gpa_wide, args->mappings[0].gpa = BIT(52))
SET(map_gpa_wide_end, args->mappings[0].gpa = BIT(52) - PAGE)
SET(map_outside, args->map.space = fx->by_hand;
    args->mappings[0].va = FX_VA_OUTSIDE)
SET(map_frozen, args->map.space = fx->in_frozen)
SET(map_frozen_leaves, args->map.space = fx->in_frozen;
    args->mappings[0].va = FX_VA + 8 * PAGE)
SET(map_unwritable, args->map.space = fx->in_unwritable)
SET(map_twice, args->mappings[0].va = FX_VA + FX_VA_LEN - PAGE)
SET(map_atomic_twice, args->map.nr = 2; args->mappings[1] = args->mappings[0];
    args->mappings[1].va = FX_VA; args->flags = VMEM_IOC_MAP_ATOMIC)
SET(map_large_leaf, args->map.space = fx->by_hand;
    args->mappings[0].va = FX_VA_LARGE)
SET(map_above, args->map.space = fx->by_hand;
    args->mappings[0].va = FX_VA_READONLY + 16 * PAGE)
SET(map_in_large, args->map.space = fx->by_hand;
    args->mappings[0].va = FX_VA_LARGE + 16 * PAGE;
    args->flags = VMEM_IOC_MAP_REPLACE)
SET(map_twin, args->map.space = fx->twin[0])
SET(map_unmapped_attrs, args->mappings[0].kind = VMEM_IOC_KIND_UNMAPPED;
    args->mappings[0].gpa = 0)
SET(map_unmapped_gpa, args->mappings[0].kind = VMEM_IOC_KIND_UNMAPPED;
    args->mappings[0].attrs = 0)

/* UNMAP, PROTECT and its like */
#define RANGE(from, to)	args->unmap.start = (from); args->unmap.last = (to)
SET(unmap_unknown, args->unmap.space = NO_ID)
SET(unmap_kind_of_id, args->unmap.space = fx->pool)
SET(unmap_no_pool, args->unmap.space = fx->reading;
    RANGE(FX_VA_SMALL, FX_VA_SMALL + PAGE - 1))
SET(unmap_reversed, RANGE(FX_VA + PAGE, FX_VA - 1))
SET(unmap_odd, args->unmap.start += 8)
SET(unmap_last_odd, args->unmap.last -= 8)
SET(unmap_high, RANGE(NON_CANONICAL, NON_CANONICAL + PAGE - 1))
SET(unmap_end_high, RANGE(0, NON_CANONICAL + PAGE - 1))
SET(unmap_widen, args->flags = VMEM_IOC_RANGE_WIDEN)
SET(unmap_budget, args->unmap.budget = 1)
SET(promote_split, args->flags = VMEM_IOC_RANGE_SPLIT)
SET(promote_smallest, args->promote.leaf_levels = BIT(0) | BIT(1))
SET(promote_no_leaves, args->promote.leaf_levels = BIT(3))
SET(promote_no_level, args->promote.leaf_levels = BIT(31))
SET(promote_twin, args->promote.space = fx->twin[0])
SET(unmap_outside, args->unmap.space = fx->by_hand;
    RANGE(FX_VA_OUTSIDE, FX_VA_OUTSIDE + PAGE - 1))
SET(unmap_frozen, args->unmap.space = fx->in_frozen)
SET(unmap_unwritable, args->unmap.space = fx->in_unwritable)
SET(unmap_in_large, args->unmap.space = fx->by_hand;
    RANGE(FX_VA_LARGE, FX_VA_LARGE + PAGE - 1))

static void map_misused(struct fixture *fx, struct args *args)
{
	/* The guest names a free page of the pool as a table. */
	guest_map(&fx->g, fx->g.root, 0x40000000ULL, 1,
		  (FX_POOL + FX_POOL_LEN - PAGE) | X86_TABLE, X86_TABLE);
	args->map.space = fx->by_hand;
	args->mappings[0].va = 0x40000000ULL;
}

static void unmap_misused(struct fixture *fx, struct args *args)
{
	map_misused(fx, args);
	args_init(fx, UNMAP, args);
	args->unmap.space = fx->by_hand;
	RANGE(0x40000000ULL, 0x40000fffULL);
}

/* TRANSLATE */
SET(tr_unknown, args->translate.space = NO_ID)
SET(tr_kind, args->translate.space = fx->pool)
SET(tr_long, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->translate.nr = i.out_translate_max + 1)
SET(tr_vas, args->translate.vas = nowhere())
SET(tr_results, args->translate.results = nowhere())
SET(tr_entries, args->translate.entries = nowhere())
SET(tr_access, args->translate.access = BIT(0) | BIT(7))
SET(tr_access_high, args->translate.access = BIT(0) | BIT(16))
SET(tr_mode, args->translate.access = 1; args->translate.mode = BIT(6))
SET(tr_reserved, args->translate.__reserved = 1)
SET(tr_no_access, args->translate.mode = 1)
SET(tr_no_access_pkru, args->translate.pkru = 1)
SET(tr_no_access_pkrs, args->translate.pkrs = 1)
SET(tr_no_kind, args->translate.access = VMEM_IOC_ACCESS_USER)
SET(tr_two_kinds, args->translate.access = VMEM_IOC_ACCESS_READ | VMEM_IOC_ACCESS_WRITE)
SET(tr_user_implicit, args->translate.access = VMEM_IOC_ACCESS_READ |
    VMEM_IOC_ACCESS_USER | VMEM_IOC_ACCESS_IMPLICIT)
SET(tr_fetch_implicit, args->translate.access = VMEM_IOC_ACCESS_FETCH |
    VMEM_IOC_ACCESS_IMPLICIT)
SET(tr_fetch_shadow, args->translate.access = VMEM_IOC_ACCESS_FETCH |
    VMEM_IOC_ACCESS_SHADOW)
SET(tr_shadow_no_cet, args->translate.access = VMEM_IOC_ACCESS_READ |
    VMEM_IOC_ACCESS_SHADOW; args->translate.mode = VMEM_IOC_MODE_WP)
SET(tr_wide, args->translate.access = VMEM_IOC_ACCESS_READ |
    64 << VMEM_IOC_ACCESS_LEN_SHIFT)

static void tr_sets(struct args *args)
{
	args->translate.access = VMEM_IOC_ACCESS_WRITE | VMEM_IOC_ACCESS_SET_AD;
}

/* The leaf of the first page lacks A, that of the second has it. */
static void tr_lacks(u8 *mem)
{
	((u64 *)mem)[1536 + index_of(FX_VA, 0)] &= ~X86_A;
}

SET(tr_right, tr_sets(args))
SET(tr_frozen, tr_sets(args); tr_lacks(fx->frozen_mem);
    args->translate.space = fx->in_frozen)
/* its tables lie behind those of in_frozen */
SET(tr_frozen_movable, tr_sets(args); tr_lacks(fx->frozen_mem + FX_MOVABLE - FX_FROZEN);
    args->translate.space = fx->movable)
SET(tr_unwritable, tr_sets(args);
    ASSERT(!mprotect(fx->unwritable_mem, FX_SIDE_LEN, PROT_READ | PROT_WRITE));
    tr_lacks(fx->unwritable_mem);
    ASSERT(!mprotect(fx->unwritable_mem, FX_SIDE_LEN, PROT_READ));
    args->translate.space = fx->in_unwritable)

/* WALK_CREATE */
SET(walk_none, args->walk_create.nr = 0)
SET(walk_reversed, args->walk_create.start = PAGE; args->walk_create.last = 0)
SET(walk_formats, args->spaces[1] = fx->space5)
SET(walk_kind, args->spaces[1] = fx->pool)
SET(walk_unknown, args->spaces[1] = NO_ID)
SET(walk_nowhere, args->walk_create.spaces = nowhere())
SET(walk_flags, args->flags = BIT(6))
SET(walk_long, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->walk_create.nr = i.out_walk_spaces_max + 1)
SET(walk_cap, struct vmem_ioc_info i; info(fx->g.fd, &i);
    args->walk_create.seen_max = i.out_seen_max + 1)

/* mmap */
SET(mmap_private, args->map_flags = MAP_PRIVATE)
SET(mmap_beyond, args->len += PAGE)
SET(mmap_behind, args->offset += FX_OWNED_LEN)
SET(mmap_before, args->offset -= PAGE)
SET(mmap_nothing, args->offset = FX_FREE)
SET(mmap_user, args->offset = GUEST_GPA)
SET(mmap_read, args->prot = PROT_READ)

/* read */
SET(read_zero, args->count = 0)
SET(read_small, args->count = sizeof(struct vmem_ioc_record) - 1)
SET(read_nowhere, args->to = (void *)(uintptr_t)nowhere())
SET(read_destroyed, ASSERT_OK(destroy(fx->g.fd, fx->space)))

const struct cell cells[] = {
#define C(call, err, fn)	{ call, err, #fn, fn, 0 }
	C(INFO, EFAULT, info_formats),
	C(VIEW, EOPNOTSUPP, view_rights),
	{ VIEW, EACCES, "view_more", view_more, CELL_READ_VIEW },
	{ VIEW, EACCES, "view_of_blind", NULL, CELL_BLIND_VIEW },
	C(LIST, EOPNOTSUPP, list_kind),
	C(LIST, EOPNOTSUPP, list_kind_zero),
	C(LIST, EFAULT, list_items_nowhere),
	C(LIST, EINVAL, list_none),
	C(LIST, E2BIG, list_long),
	C(FLUSHED, EINVAL, flushed_future),
	C(FLUSHED, EINVAL, flushed_never),

	C(REGION_CREATE, EOPNOTSUPP, region_kind),
	C(REGION_CREATE, EOPNOTSUPP, region_kind_zero),
	C(REGION_CREATE, EOPNOTSUPP, region_owned_addr),
	C(REGION_CREATE, EINVAL, region_gpa_odd),
	C(REGION_CREATE, EINVAL, region_len_odd),
	C(REGION_CREATE, EINVAL, region_len_zero),
	C(REGION_CREATE, EINVAL, region_addr_odd),
	C(REGION_CREATE, EINVAL, region_addr_kernel),
	C(REGION_CREATE, EINVAL, region_addr_end),
	C(REGION_CREATE, EOVERFLOW, region_addr_wrap),
	C(REGION_CREATE, EOVERFLOW, region_wrap),
	C(REGION_CREATE, EOVERFLOW, region_wide),
	C(REGION_CREATE, EOVERFLOW, region_wide_end),
	C(REGION_CREATE, EEXIST, region_same),
	C(REGION_CREATE, EEXIST, region_overlap_begin),
	C(REGION_CREATE, EEXIST, region_overlap_end),
	C(REGION_CREATE, EEXIST, region_overlap_owned),
	C(REGION_CREATE, E2BIG, region_long),
	C(REGION_SET, ENOENT, set_unknown),
	C(REGION_SET, ENOENT, set_zero),
	C(REGION_SET, EINVAL, set_kind),
	C(REGION_SET, EOPNOTSUPP, set_mask),
	C(REGION_SET, EOPNOTSUPP, set_value),
	C(REGION_SET, EBUSY, set_pool),

	C(REGION_DIRTY, ENOENT, dirty_unknown),
	C(REGION_DIRTY, ENOENT, dirty_zero),
	C(REGION_DIRTY, EINVAL, dirty_kind),
	C(REGION_DIRTY, EINVAL, dirty_gpa_odd),
	C(REGION_DIRTY, EINVAL, dirty_len_odd),
	C(REGION_DIRTY, EINVAL, dirty_len_zero),
	C(REGION_DIRTY, EOVERFLOW, dirty_wrap),
	C(REGION_DIRTY, E2BIG, dirty_long),
	C(REGION_DIRTY, ENXIO, dirty_outside),
	C(REGION_DIRTY, ENXIO, dirty_other),
	C(REGION_DIRTY, ENXIO, dirty_before),
	C(REGION_DIRTY, ENXIO, dirty_beyond),
	C(REGION_DIRTY, ENXIO, dirty_most),
	C(REGION_DIRTY, EOPNOTSUPP, dirty_flag),
	C(REGION_DIRTY, EFAULT, dirty_nowhere),
	C(REGION_DIRTY, EFAULT, dirty_null),

	C(POOL_CREATE, EINVAL, pool_none),
	C(POOL_CREATE, EINVAL, pool_odd),
	C(POOL_CREATE, EINVAL, pool_len_odd),
	C(POOL_CREATE, EINVAL, pool_len_zero),
	C(POOL_CREATE, EOVERFLOW, pool_wrap),
	C(POOL_CREATE, EOVERFLOW, pool_wide),
	C(POOL_CREATE, EFAULT, pool_nowhere),
	C(POOL_CREATE, ENXIO, pool_outside),
	C(POOL_CREATE, ENXIO, pool_beyond),
	C(POOL_CREATE, EROFS, pool_frozen),
	C(POOL_CREATE, EEXIST, pool_other),
	C(POOL_CREATE, EEXIST, pool_itself),
	C(POOL_CREATE, E2BIG, pool_long),
	C(POOL_CREATE, EBUSY, pool_on_root),
	C(POOL_GROW, EINVAL, grow_none),
	C(POOL_GROW, EINVAL, pool_odd),
	C(POOL_GROW, EINVAL, pool_len_odd),
	C(POOL_GROW, EINVAL, pool_len_zero),
	C(POOL_GROW, EINVAL, grow_kind),
	C(POOL_GROW, EOVERFLOW, pool_wrap),
	C(POOL_GROW, EOVERFLOW, pool_wide),
	C(POOL_GROW, EFAULT, grow_nowhere),
	C(POOL_GROW, ENXIO, pool_outside),
	C(POOL_GROW, ENXIO, pool_beyond),
	C(POOL_GROW, EROFS, pool_frozen),
	C(POOL_GROW, EEXIST, pool_other),
	C(POOL_GROW, EEXIST, pool_itself),
	C(POOL_GROW, EEXIST, grow_another),
	C(POOL_GROW, E2BIG, grow_long),
	C(POOL_GROW, E2BIG, grow_large),
	C(POOL_GROW, EBUSY, pool_on_root),
	C(POOL_GROW, ENOENT, grow_unknown),
	C(POOL_GROW, ENOENT, grow_zero),
	C(POOL_STAT, ENOENT, stat_unknown),
	C(POOL_STAT, EINVAL, stat_kind),

	C(SPACE_CREATE, EOPNOTSUPP, space_format),
	C(SPACE_CREATE, EOPNOTSUPP, space_format_zero),
	C(SPACE_CREATE, EOPNOTSUPP, space_flag),
	C(SPACE_CREATE, EINVAL, space_pcid),
	C(SPACE_CREATE, EOVERFLOW, space_high_bits),
	C(SPACE_CREATE, EOVERFLOW, space_wide),
	C(SPACE_CREATE, ENXIO, space_outside),
	C(SPACE_CREATE, ENOENT, space_pool_unknown),
	C(SPACE_CREATE, EINVAL, space_pool_kind),
	C(SPACE_CREATE, EINVAL, space_bits_many),
	C(SPACE_CREATE, EINVAL, space_bits_few),
	C(SPACE_CREATE, EINVAL, space_cow),
	C(SPACE_CREATE, EINVAL, space_enc_low),
	C(SPACE_CREATE, EINVAL, space_enc_high),
	C(SPACE_CREATE, EINVAL, space_enc_shared),
	C(SPACE_CREATE, EINVAL, space_cow_none),
	C(SPACE_CREATE, EINVAL, space_tags),
	C(SPACE_CREATE, EINVAL, space_new_no_pool),
	C(SPACE_CREATE, EINVAL, space_new_root),
	C(SPACE_CREATE, EINVAL, space_root_free),
	C(SPACE_CREATE, EINVAL, space_root_level),
	C(SPACE_GET, ENOENT, get_unknown),
	C(SPACE_GET, EINVAL, get_kind),

	C(MAP, ENOENT, map_unknown),
	C(MAP, EINVAL, map_kind_of_id),
	C(MAP, EINVAL, map_none),
	C(MAP, E2BIG, map_long),
	C(MAP, EFAULT, map_nowhere),
	C(MAP, EINVAL, map_va_odd),
	C(MAP, EINVAL, map_gpa_odd),
	C(MAP, EINVAL, map_len_odd),
	C(MAP, EINVAL, map_len_zero),
	C(MAP, EINVAL, map_high),
	C(MAP, EINVAL, map_over_hole),
	C(MAP, EINVAL, map_last_odd),
	C(MAP, EINVAL, map_overlap),
	C(MAP, EINVAL, map_no_pool),
	C(MAP, EOPNOTSUPP, map_kind),
	C(MAP, EOPNOTSUPP, map_attr),
	C(MAP, EOPNOTSUPP, map_attr_high),
	C(MAP, EOPNOTSUPP, map_unreadable),
	C(MAP, EOPNOTSUPP, map_attrs_none),
	C(MAP, EOPNOTSUPP, map_flags),
	C(MAP, EOPNOTSUPP, map_sizes),
	C(MAP, EOPNOTSUPP, map_sizes_high),
	C(MAP, EINVAL, map_large_only),
	C(MAP, EOPNOTSUPP, map_unmapped_attrs),
	C(MAP, EOPNOTSUPP, map_unmapped_gpa),
	C(MAP, E2BIG, map_budget),
	C(MAP, EOVERFLOW, map_wrap),
	C(MAP, EOVERFLOW, map_gpa_wrap),
	C(MAP, EOVERFLOW, map_gpa_wide),
	C(MAP, EOVERFLOW, map_gpa_wide_end),
	C(MAP, ENXIO, map_outside),
	C(MAP, EROFS, map_frozen),
	C(MAP, EROFS, map_frozen_leaves),
	C(MAP, EROFS, map_unwritable),
	C(MAP, EEXIST, map_twice),
	C(MAP, EEXIST, map_atomic_twice),
	C(MAP, EEXIST, map_large_leaf),
	C(MAP, EEXIST, map_above),
	C(MAP, EEXIST, map_misused),
	C(MAP, ERANGE, map_in_large),
	C(MAP, EMLINK, map_twin),

	C(UNMAP, ENOENT, unmap_unknown),
	C(UNMAP, EINVAL, unmap_kind_of_id),
	C(UNMAP, EINVAL, unmap_no_pool),
	C(UNMAP, EINVAL, unmap_reversed),
	C(UNMAP, EINVAL, unmap_odd),
	C(UNMAP, EINVAL, unmap_last_odd),
	C(UNMAP, EINVAL, unmap_high),
	C(UNMAP, EINVAL, unmap_end_high),
	C(UNMAP, EOPNOTSUPP, unmap_widen),
	C(UNMAP, E2BIG, unmap_budget),
	C(UNMAP, ENXIO, unmap_outside),
	C(UNMAP, EROFS, unmap_frozen),
	C(UNMAP, EROFS, unmap_unwritable),
	C(UNMAP, EEXIST, unmap_misused),
	C(UNMAP, ERANGE, unmap_in_large),

	/* it begins as UNMAP does */
	C(PROMOTE, ENOENT, unmap_unknown),
	C(PROMOTE, EINVAL, unmap_kind_of_id),
	C(PROMOTE, EINVAL, unmap_no_pool),
	C(PROMOTE, EINVAL, unmap_reversed),
	C(PROMOTE, EINVAL, unmap_odd),
	C(PROMOTE, EINVAL, unmap_last_odd),
	C(PROMOTE, EINVAL, unmap_high),
	C(PROMOTE, EINVAL, unmap_end_high),
	C(PROMOTE, EOPNOTSUPP, unmap_widen),
	C(PROMOTE, EOPNOTSUPP, promote_split),
	C(PROMOTE, EOPNOTSUPP, promote_smallest),
	C(PROMOTE, EOPNOTSUPP, promote_no_leaves),
	C(PROMOTE, EOPNOTSUPP, promote_no_level),
	C(PROMOTE, E2BIG, unmap_budget),
	C(PROMOTE, EMLINK, promote_twin),

	C(TRANSLATE, ENOENT, tr_unknown),
	C(TRANSLATE, EINVAL, tr_kind),
	C(TRANSLATE, E2BIG, tr_long),
	C(TRANSLATE, EFAULT, tr_vas),
	C(TRANSLATE, EFAULT, tr_results),
	C(TRANSLATE, EFAULT, tr_entries),
	C(TRANSLATE, EOPNOTSUPP, tr_access),
	C(TRANSLATE, EOPNOTSUPP, tr_access_high),
	C(TRANSLATE, EOPNOTSUPP, tr_mode),
	C(TRANSLATE, EOPNOTSUPP, tr_reserved),
	C(TRANSLATE, EINVAL, tr_no_access),
	C(TRANSLATE, EINVAL, tr_no_access_pkru),
	C(TRANSLATE, EINVAL, tr_no_access_pkrs),
	C(TRANSLATE, EINVAL, tr_no_kind),
	C(TRANSLATE, EINVAL, tr_two_kinds),
	C(TRANSLATE, EINVAL, tr_user_implicit),
	C(TRANSLATE, EINVAL, tr_fetch_implicit),
	C(TRANSLATE, EINVAL, tr_fetch_shadow),
	C(TRANSLATE, EINVAL, tr_shadow_no_cet),
	C(TRANSLATE, EINVAL, tr_wide),
	{ TRANSLATE, EACCES, "tr_right", tr_right, CELL_READ_VIEW },
	C(TRANSLATE, EROFS, tr_frozen),
	C(TRANSLATE, EROFS, tr_frozen_movable),
	C(TRANSLATE, EROFS, tr_unwritable),

	C(WALK_CREATE, EINVAL, walk_none),
	C(WALK_CREATE, EINVAL, walk_reversed),
	C(WALK_CREATE, EINVAL, walk_formats),
	C(WALK_CREATE, EINVAL, walk_kind),
	C(WALK_CREATE, ENOENT, walk_unknown),
	C(WALK_CREATE, EFAULT, walk_nowhere),
	C(WALK_CREATE, EOPNOTSUPP, walk_flags),
	C(WALK_CREATE, E2BIG, walk_long),
	C(WALK_CREATE, E2BIG, walk_cap),

	C(DESTROY, ENOENT, destroy_unknown),
	C(DESTROY, ENOENT, destroy_zero),
	C(DESTROY, EBUSY, destroy_pool),
	C(DESTROY, EBUSY, destroy_region_of_pool),
	C(DESTROY, EBUSY, destroy_region_of_root),
	C(DESTROY, EBUSY, destroy_mapped),

	C(MMAP, EINVAL, mmap_private),
	C(MMAP, EINVAL, mmap_beyond),
	C(MMAP, EINVAL, mmap_behind),
	C(MMAP, EINVAL, mmap_before),
	C(MMAP, EINVAL, mmap_nothing),
	C(MMAP, EINVAL, mmap_user),
	{ MMAP, EACCES, "mmap_write", NULL, CELL_READ_VIEW },
	{ MMAP, EACCES, "mmap_read", mmap_read, CELL_BLIND_VIEW },
	C(READ, EINVAL, read_zero),
	C(READ, EINVAL, read_small),
	C(READ, EFAULT, read_nowhere),
	C(READ, ENOENT, read_destroyed),
};

const size_t nr_cells = ARRAY_SIZE(cells);
