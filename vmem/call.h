/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The calls, as the module and the library without it share them: what is checked in
 * their structs, what becomes of them in the core, what is answered. Limits, and
 * what the structs look like, are in uapi.h.
 *
 * All structs are in memory of whoever includes this: to copy them from and to the
 * caller, to allocate, to lock and to look ids up is the includer's. Which errno
 * means what is in Documentation/uapi.rst. What is named vmem_ioc_*_check() looks at
 * a struct, vmem_ioc_*_read() makes of it what the core takes, too, and
 * vmem_ioc_*_fill() sets its outputs, which vmem_call_begin() has zeroed.
 *
 * What is called for several calls is noinline, so that there is one copy of it.
 *
 * Context of every function: any; those that look at a pool or a root need what
 * guards it.
 */
#include "vmem.h"

#ifndef _VMEM_CALL_H
#define _VMEM_CALL_H

#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>

#include "call_change.h"
#include "formats.h"
#include "records.h"
#include "uapi.h"

/**
 * vmem_call_begin() - what is the same for all calls
 * @shape:	of the call
 * @arg:	its struct, which is @shape->size bytes; its outputs are zeroed
 * @rights:	that the caller has
 *
 * Return: 0; -EACCES; -EOPNOTSUPP: unknown flags.
 */
static inline int vmem_call_begin(const struct vmem_call_shape *shape,
				  union vmem_call_arg *arg, u32 rights)
{
	unsigned int i;

	for (i = 0; i < VMEM_CALL_OUTS; i++)
		memset((char *)arg + shape->out[i].start, 0, shape->out[i].len);
	if (shape->right & ~rights)
		return -EACCES;
	return arg->head.flags & ~shape->flags ? -EOPNOTSUPP : 0;
}

/* INFO */

/* As much of a text as fits into @size zeroed bytes, with a NUL. */
static inline void vmem_call_text(char *to, const char *from, size_t size)
{
	while (--size && *from)
		*to++ = *from++;
}

/**
 * vmem_ioc_info_fill() - INFO, but for the formats themselves
 * @info:	the call
 * @rights:	of the descriptor
 * @release:	of the program
 *
 * Return: 0; -EOPNOTSUPP.
 */
static inline int vmem_ioc_info_fill(struct vmem_ioc_info *info, u32 rights,
				     const char *release)
{
	static const struct vmem_ioc_info all = {
		.out_nr_formats		= VMEM_NR_FORMATS,
		.out_version		= VMEM_IOC_VERSION,
		.out_features		= VMEM_IOC_FEATURE_MAP |
					  VMEM_IOC_FEATURE_COW |
					  VMEM_IOC_FEATURE_PATH |
					  VMEM_IOC_FEATURE_PROTECT |
					  VMEM_IOC_FEATURE_LINK |
					  VMEM_IOC_FEATURE_MOVABLE |
					  VMEM_IOC_FEATURE_ALONE |
					  VMEM_IOC_FEATURE_FACTS |
					  VMEM_IOC_FEATURE_NONPRESENT |
					  VMEM_IOC_FEATURE_MISSING |
					  VMEM_IOC_FEATURE_GROW |
					  VMEM_IOC_FEATURE_DIRTY |
					  VMEM_IOC_FEATURE_SIZES |
					  VMEM_IOC_FEATURE_PROMOTE |
					  VMEM_IOC_FEATURE_ATTRS |
					  VMEM_IOC_FEATURE_MAKE |
					  VMEM_IOC_FEATURE_ACCESS,
		.out_region_len_max	= VMEM_REGION_LEN_MAX,
		.out_regions_max	= VMEM_REGIONS_MAX,
		.out_pool_ranges_max	= VMEM_POOL_RANGES_MAX,
		.out_pools_max		= VMEM_POOLS_MAX,
		.out_spaces_max		= VMEM_SPACES_MAX,
		.out_map_max		= VMEM_MAP_MAX,
		.out_translate_max	= VMEM_TRANSLATE_MAX,
		.out_list_max		= VMEM_LIST_MAX,
		.out_walk_spaces_max	= VMEM_WALK_SPACES_MAX,
		.out_read_max		= VMEM_READ_MAX,
		.out_seen_max		= VMEM_SEEN_MAX,
		.out_change_budget	= VMEM_CHANGE_BUDGET,
	};
	u64 formats = info->formats;
	u32 nr = info->nr_formats;

	if (info->__reserved)
		return -EOPNOTSUPP;
	*info = all;
	info->formats = formats;
	info->nr_formats = nr;
	info->out_rights = rights;
	vmem_call_text(info->out_release, release, sizeof(info->out_release));
	return 0;
}

/**
 * vmem_ioc_format_fill() - what INFO tells of a format
 * @format:	all of it is set
 * @ops:	the format
 */
static inline void vmem_ioc_format_fill(struct vmem_ioc_format *format,
					const struct vmem_format_ops *ops)
{
	const struct vmem_format *fmt = ops->fmt;
	unsigned int level;

	*format = (struct vmem_ioc_format){
		.id		= ops->id,
		.levels		= fmt->nr_levels,
		.virt_bits	= ops->engine->table_lg2(fmt, fmt->nr_levels - 1),
		.phys_bits	= fmt->phys_bits,
	};
	for (level = 0; level < fmt->nr_levels; level++)
		if (fmt->leaf_levels & BIT(level))
			format->page_sizes |=
				BIT_ULL(ops->engine->entry_lg2(fmt, level));
	format->map_page_sizes = format->page_sizes;
	vmem_call_text(format->name, fmt->name, sizeof(format->name));
}

/* REGION_CREATE, REGION_SET, REGION_DIRTY */

/**
 * vmem_ioc_region_create_check() - what of REGION_CREATE can be told by itself
 * @create:	the call
 * @page:	bytes of a page of the host, which a page of no format exceeds
 * @end:	of the addresses that a caller may have
 *
 * Return: 0; -EOPNOTSUPP, -EINVAL, -EOVERFLOW; -E2BIG: its length.
 */
static inline int
vmem_ioc_region_create_check(const struct vmem_ioc_region_create *create,
			     u64 page, u64 end)
{
	u64 last;

	if (create->kind != VMEM_IOC_REGION_USER &&
	    create->kind != VMEM_IOC_REGION_OWNED)
		return -EOPNOTSUPP;
	if (!create->len ||
	    (create->gpa | create->len | create->user_addr) & (page - 1))
		return -EINVAL;
	if (check_add_overflow(create->gpa, create->len - 1, &last) ||
	    last >> VMEM_GPA_BITS)
		return -EOVERFLOW;
	if (create->kind == VMEM_IOC_REGION_OWNED) {
		if (create->user_addr)
			return -EOPNOTSUPP;
	} else {
		if (check_add_overflow(create->user_addr, create->len - 1, &last))
			return -EOVERFLOW;
		if (last >= end)
			return -EINVAL;
	}
	return create->len > VMEM_REGION_LEN_MAX ? -E2BIG : 0;
}

/**
 * vmem_ioc_region_set_check() - what of REGION_SET can be told by itself
 * @set:	the call
 *
 * Return: 0; -EOPNOTSUPP; -EINVAL: a value that isn't in the mask.
 */
static inline int
vmem_ioc_region_set_check(const struct vmem_ioc_region_set *set)
{
	if (set->__reserved ||
	    (set->mask | set->value) & ~VMEM_IOC_REGION_FROZEN)
		return -EOPNOTSUPP;
	return set->value & ~set->mask ? -EINVAL : 0;
}

/**
 * vmem_ioc_region_set_frozen() - freeze a region, or thaw it
 * @set:	the call
 * @frozen:	whether the region is
 * @used:	part of it is a pool
 *
 * Return: 1: it isn't any more, or is from now on; 0: it is as it was; -EBUSY.
 */
static inline int
vmem_ioc_region_set_frozen(const struct vmem_ioc_region_set *set, bool frozen,
			   bool used)
{
	if (!set->mask || !!set->value == frozen)
		return 0;
	return !frozen && used ? -EBUSY : 1;
}

/**
 * vmem_ioc_region_dirty_check() - what of REGION_DIRTY can be told by itself
 * @dirty:	the call
 *
 * Return: 0; -EOPNOTSUPP; -EINVAL: alignment, length 0; -EOVERFLOW; -E2BIG: its
 * length.
 */
static inline int
vmem_ioc_region_dirty_check(const struct vmem_ioc_region_dirty *dirty)
{
	u64 last;

	if (dirty->__reserved)
		return -EOPNOTSUPP;
	if (!dirty->len || (dirty->gpa | dirty->len) & (VMEM_IOC_DIRTY_PAGE - 1))
		return -EINVAL;
	if (check_add_overflow(dirty->gpa, dirty->len - 1, &last))
		return -EOVERFLOW;
	return dirty->len > VMEM_IOC_DIRTY_LEN_MAX ? -E2BIG : 0;
}

/**
 * vmem_ioc_region_dirty_within() - does what REGION_DIRTY asks for lie in a region?
 * @dirty:	the call, checked
 * @gpa:	the first address of the region
 * @len:	bytes
 * @first:	out: the number of its first page there
 *
 * Return: how many pages; -ENXIO: it doesn't.
 */
static inline int
vmem_ioc_region_dirty_within(const struct vmem_ioc_region_dirty *dirty, u64 gpa,
			     u64 len, u64 *first)
{
	if (dirty->gpa - gpa >= len || dirty->len > len - (dirty->gpa - gpa))
		return -ENXIO;
	*first = (dirty->gpa - gpa) >> VMEM_DIRTY_PAGE_LG2;
	return dirty->len >> VMEM_DIRTY_PAGE_LG2;
}

/**
 * vmem_ioc_region_dirty_bytes() - how much of its bitmap REGION_DIRTY writes
 * @dirty:	the call, checked
 *
 * Return: bytes, a multiple of 8.
 */
static inline u32
vmem_ioc_region_dirty_bytes(const struct vmem_ioc_region_dirty *dirty)
{
	u32 pages = dirty->len >> VMEM_DIRTY_PAGE_LG2;

	return (pages + 63) / 64 * 8;
}

/* POOL_CREATE, POOL_GROW, POOL_STAT, FLUSHED */

/**
 * vmem_ioc_ranges_check() - how many ranges a POOL_CREATE or a POOL_GROW has
 * @nr:		so many
 *
 * Return: 0; -EINVAL; -E2BIG.
 */
static inline int vmem_ioc_ranges_check(u32 nr)
{
	if (!nr)
		return -EINVAL;
	return nr > VMEM_POOL_RANGES_MAX ? -E2BIG : 0;
}

/**
 * vmem_ioc_range_read() - a range of a pool
 * @asked:	the caller's
 * @range:	out: the core's
 *
 * Return: 0; -EINVAL: alignment, length 0; -EOVERFLOW.
 */
static inline int vmem_ioc_range_read(const struct vmem_ioc_range *asked,
				      struct vmem_pool_range *range)
{
	u64 last;

	if (!asked->len ||
	    (asked->gpa | asked->len) & (BIT_ULL(VMEM_POOL_PAGE_LG2) - 1))
		return -EINVAL;
	if (check_add_overflow(asked->gpa, asked->len - 1, &last) ||
	    last >> VMEM_GPA_BITS)
		return -EOVERFLOW;
	range->gpa = asked->gpa;
	range->len = asked->len;
	return 0;
}

/**
 * vmem_pool_range_compare() - the order of a pool's ranges, for sort() and qsort()
 * @a:		a struct vmem_pool_range
 * @b:		another one
 *
 * Return: below, at or above 0, as @a lies below, at or above @b.
 */
static inline int vmem_pool_range_compare(const void *a, const void *b)
{
	const struct vmem_pool_range *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/**
 * vmem_pool_ranges_check() - the ranges of a call together
 * @ranges:	in order
 * @nr:		how many
 * @capacity:	out: pages in all
 *
 * Return: 0; -E2BIG: too many pages; -EEXIST: two overlap.
 */
static inline int vmem_pool_ranges_check(const struct vmem_pool_range *ranges,
					 u32 nr, u64 *capacity)
{
	bool overlap = false;
	u32 i;

	*capacity = 0;
	for (i = 0; i < nr; i++) {
		*capacity += ranges[i].len >> VMEM_POOL_PAGE_LG2;
		overlap |= i && ranges[i].gpa - ranges[i - 1].gpa < ranges[i - 1].len;
	}
	if (*capacity > VMEM_POOL_CAPACITY_MAX)
		return -E2BIG;
	return overlap ? -EEXIST : 0;
}

/**
 * vmem_pool_has_room() - may a pool have so much more?
 * @pool:	the pool
 * @nr:		ranges
 * @capacity:	pages
 */
static inline bool vmem_pool_has_room(const struct vmem_pool *pool, u32 nr, u64 capacity)
{
	return pool->nr_ranges + nr <= VMEM_POOL_RANGES_MAX &&
	       pool->capacity + capacity <= VMEM_POOL_CAPACITY_MAX;
}

/**
 * vmem_ioc_pool_stat_check() - POOL_STAT
 * @stat:	the call
 *
 * Return: 0; -EOPNOTSUPP.
 */
static inline int vmem_ioc_pool_stat_check(const struct vmem_ioc_pool_stat *stat)
{
	return stat->__reserved ? -EOPNOTSUPP : 0;
}

/**
 * vmem_ioc_flushed_check() - FLUSHED
 * @flushed:	the call
 * @generation:	of the guest
 *
 * Return: 0; -EINVAL: a generation from the future.
 */
static inline int vmem_ioc_flushed_check(const struct vmem_ioc_flushed *flushed,
					 u64 generation)
{
	return flushed->generation > generation ? -EINVAL : 0;
}

/**
 * vmem_ioc_pool_stat_fill() - what POOL_STAT answers
 * @stat:	the call
 * @pool:	the pool
 */
static inline void vmem_ioc_pool_stat_fill(struct vmem_ioc_pool_stat *stat,
					   const struct vmem_pool *pool)
{
	stat->out_capacity = pool->capacity;
	stat->out_free = pool->nr_free;
	stat->out_used = pool->nr_used;
	stat->out_reserved = pool->nr_reserved;
	stat->out_quarantined = pool->nr_quarantined;
	stat->out_shared = pool->nr_shared;
	stat->out_oldest_generation = vmem_pool_oldest_generation(pool);
}

/**
 * vmem_pool_unused() - may a pool be destroyed?
 * @pool:	the pool
 * @spaces:	how many take from it
 */
static inline bool vmem_pool_unused(const struct vmem_pool *pool, u32 spaces)
{
	return !spaces && pool->nr_free == pool->capacity;
}

/* SPACE_CREATE, SPACE_GET */

/**
 * vmem_ioc_space_create_read() - what of SPACE_CREATE can be told by itself
 * @create:	the call
 * @ops:	out: the format
 * @space:	out: the facts, and the root that was given
 *
 * Return: 0; -EOPNOTSUPP: the format; -EINVAL: a root with NEW, no pool with NEW or
 * MOVABLE, facts that no vCPU has, a root that is no page; -EOVERFLOW: a root beyond
 * the width.
 */
static inline int
vmem_ioc_space_create_read(const struct vmem_ioc_space_create *create,
			   const struct vmem_format_ops **ops,
			   struct vmem_space *space)
{
	const struct vmem_vcpu vcpu = {
		.phys_bits	= create->phys_bits,
		.flags		= create->flags & VMEM_VCPU_FLAGS,
		.cow		= create->cow,
		.enc_bit	= create->enc_bit,
	};
	vmem_phys_t root;
	int ret;

	*ops = vmem_format_find(create->format);
	if (!*ops)
		return -EOPNOTSUPP;
	if ((create->flags & VMEM_IOC_SPACE_NEW && create->root) ||
	    (create->flags & (VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_MOVABLE) &&
	     !create->pool))
		return -EINVAL;
	ret = (*ops)->engine->facts((*ops)->fmt, &space->facts, &vcpu);
	if (ret)
		return ret;
	/* as in an entry, the encryption bit is no part of the address */
	root = create->root & ~space->facts.enc;
	if (root & (BIT_ULL((*ops)->fmt->page_lg2) - 1))
		return -EINVAL;
	space->root = vmem_table(root);
	return vmem_nameable(&space->facts, root, root) ? 0 : -EOVERFLOW;
}

/**
 * vmem_ioc_space_get_fill() - what SPACE_GET answers, but for the generation
 * @get:	the call
 * @space:	the space
 * @root:	its root among those of the guest
 * @flags:	that it was created with
 * @tables:	made by calls on it less those that they freed
 */
static inline void vmem_ioc_space_get_fill(struct vmem_ioc_space_get *get,
					   const struct vmem_space *space,
					   const struct vmem_root *root, u32 flags,
					   s64 tables)
{
	get->out_links = vmem_root_links(root) - 1;
	get->out_root = vmem_table_gpa(space->root);
	get->out_tables = max_t(s64, tables, 0);
	get->out_flags = flags;
	get->out_phys_bits = space->facts.vcpu.phys_bits;
	get->out_cow = space->facts.vcpu.cow;
	get->out_enc_bit = space->facts.vcpu.enc_bit;
}

/**
 * vmem_roots_within() - does the root of a space lie here?
 * @store:	of the guest
 * @gpa:	where
 * @len:	bytes
 */
static inline bool vmem_roots_within(const struct vmem_link_store *store,
				     vmem_phys_t gpa, u64 len)
{
	const struct vmem_root *root;

	for (root = store->roots; root; root = root->next)
		if (vmem_table_gpa(root->table) - gpa < len)
			return true;
	return false;
}

/* WALK_CREATE, LIST */

/**
 * vmem_ioc_walk_create_check() - WALK_CREATE
 * @create:	the call
 *
 * Return: 0; -EINVAL: no space, the range is reversed; -E2BIG.
 */
static inline int
vmem_ioc_walk_create_check(const struct vmem_ioc_walk_create *create)
{
	if (!create->nr || create->start > create->last)
		return -EINVAL;
	return create->nr > VMEM_WALK_SPACES_MAX ||
	       create->seen_max > VMEM_SEEN_MAX ? -E2BIG : 0;
}

/**
 * vmem_ioc_list_check() - LIST
 * @list:	the call
 *
 * Return: 0; -EOPNOTSUPP: the kind; -EINVAL: no room; -E2BIG.
 */
static inline int vmem_ioc_list_check(const struct vmem_ioc_list *list)
{
	if (list->__reserved || !list->kind || list->kind >= VMEM_OBJECT_KINDS)
		return -EOPNOTSUPP;
	if (!list->nr)
		return -EINVAL;
	return list->nr > VMEM_LIST_MAX ? -E2BIG : 0;
}

/**
 * vmem_ioc_item_region() - what LIST tells of a region
 * @item:	zeroed but for the id
 * @kind:	VMEM_IOC_REGION_*
 * @frozen:	whether it is
 * @gpa:	its first address
 * @len:	bytes
 * @uses:	mappings and ranges of pools
 */
static inline void vmem_ioc_item_region(struct vmem_ioc_item *item, u32 kind,
					bool frozen, u64 gpa, u64 len, u64 uses)
{
	item->kind = kind;
	item->flags = frozen ? VMEM_IOC_REGION_FROZEN : 0;
	item->gpa = gpa;
	item->len = len;
	item->offset = kind == VMEM_IOC_REGION_OWNED ? gpa : 0;
	item->uses = uses;
}

/**
 * vmem_ioc_item_pool() - what LIST tells of a pool
 * @item:	zeroed but for the id
 * @pool:	the pool
 */
static inline void vmem_ioc_item_pool(struct vmem_ioc_item *item,
				      const struct vmem_pool *pool)
{
	item->gpa = pool->ranges[0].gpa;
	item->len = pool->capacity;
	item->uses = pool->nr_used + pool->nr_quarantined;
}

/**
 * vmem_ioc_item_space() - what LIST tells of a space
 * @item:	zeroed but for the id
 * @ops:	its format
 * @space:	the space
 * @flags:	that it was created with
 * @pool:	id of its pool, 0: none
 * @tables:	made by calls on it less those that they freed
 */
static inline void vmem_ioc_item_space(struct vmem_ioc_item *item,
				       const struct vmem_format_ops *ops,
				       const struct vmem_space *space, u32 flags,
				       u32 pool, s64 tables)
{
	item->kind = ops->id;
	item->flags = flags;
	item->pool = pool;
	item->gpa = vmem_table_gpa(space->root);
	item->len = max_t(s64, tables, 0);
}

#endif /* _VMEM_CALL_H */
