/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The calls that change tables: MAP, UNMAP, PROTECT, PROMOTE, LINK. A part of call.h,
 * which says what the names mean.
 */
#include "vmem.h"

#ifndef _VMEM_CALL_CHANGE_H
#define _VMEM_CALL_CHANGE_H

#include <linux/overflow.h>

#include "formats.h"
#include "uapi.h"

/**
 * struct vmem_change_ask - what a changing call is asked for
 * @space:	id of the space
 * @owner:	LINK: of the one that has the table
 * @asked:	for the core; MAP: but for the list, which is read by
 *		vmem_ioc_mapping_read()
 * @what:	UNMAP, PROTECT, PROMOTE: what the range is to be
 * @start:	the first address of the range
 * @last:	the last one
 * @link:	LINK: as the caller said it; it stays as long as the change; else NULL
 */
struct vmem_change_ask {
	u32 space;
	u32 owner;
	struct vmem_asked asked;
	struct vmem_mapping what;
	vmem_virt_t start;
	vmem_virt_t last;
	const struct vmem_ioc_link *link;
};

/**
 * vmem_ioc_map_read() - MAP, but for its list
 * @map:	the call
 * @ask:	zeroed; out: what is asked for
 *
 * Return: 0; -EINVAL: no mapping; -E2BIG: too many.
 */
static inline int vmem_ioc_map_read(const struct vmem_ioc_map *map,
				    struct vmem_change_ask *ask)
{
	ask->space = map->space;
	ask->asked.nr = map->nr;
	ask->asked.flags = map->flags;
	ask->asked.budget = map->budget;
	if (!map->nr)
		return -EINVAL;
	return map->nr > VMEM_MAP_MAX ? -E2BIG : 0;
}

/**
 * vmem_ioc_mapping_read() - a mapping of a MAP
 * @asked:	the caller's
 * @m:		out: the core's
 *
 * Structure first, then what isn't to be had.
 *
 * Return: 0; -EINVAL: alignment, length 0; -EOVERFLOW: a sum wraps; -EOPNOTSUPP.
 */
static inline int vmem_ioc_mapping_read(const struct vmem_ioc_mapping *asked,
					struct vmem_mapping *m)
{
	const u32 ad = VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D;
	bool leaves = asked->kind == VMEM_IOC_KIND_BASIC ||
		      asked->kind == VMEM_IOC_KIND_COW;
	bool raw = asked->kind == VMEM_IOC_KIND_RAW;
	const u64 low = BIT_ULL(VMEM_PAGE_LG2_MIN) - 1;
	u64 last;

	if (!asked->len || (asked->va | asked->len | (raw ? 0 : asked->gpa)) & low)
		return -EINVAL;
	if (check_add_overflow(asked->va, asked->len - 1, &last) ||
	    (!raw && check_add_overflow(asked->gpa, asked->len - 1, &last)))
		return -EOVERFLOW;
	if (asked->kind > VMEM_IOC_KIND_RAW ||
	    asked->flags & ~(VMEM_IOC_MAPPING_PATH | VMEM_IOC_MAPPING_AD) ||
	    (asked->path && !(asked->flags & VMEM_IOC_MAPPING_PATH)) ||
	    (asked->attrs & ad && !(asked->flags & VMEM_IOC_MAPPING_AD)) ||
	    (!leaves && (asked->attrs || asked->page_sizes & ~(low + 1) ||
			 asked->flags & VMEM_IOC_MAPPING_AD)) ||
	    (asked->kind == VMEM_IOC_KIND_UNMAPPED && (asked->gpa || asked->flags)))
		return -EOPNOTSUPP;

	/* member by member: a string store takes as long as a short mapping */
	m->virt_base = asked->va;
	m->phys_base = asked->gpa;
	m->len = asked->len;
	m->kind = asked->kind;
	m->ad_given = asked->flags & VMEM_IOC_MAPPING_AD;
	m->path_given = asked->flags & VMEM_IOC_MAPPING_PATH;
	m->path = asked->path;
	m->page_sizes = asked->page_sizes;
	if (asked->kind == VMEM_IOC_KIND_BASIC)
		m->basic.attrs = asked->attrs;
	else if (asked->kind == VMEM_IOC_KIND_COW)
		m->cow.attrs = asked->attrs;
	return 0;
}

/**
 * vmem_mapping_compare() - the order of a MAP with ATOMIC, for sort_r() and qsort_r()
 * @a:		an index of the list, u32
 * @b:		another one
 * @list:	the mappings
 *
 * Return: below, at or above 0, as the one of @a begins below, at or above that of @b.
 */
static inline int vmem_mapping_compare(const void *a, const void *b,
				       const void *list)
{
	const struct vmem_mapping *mappings = list;
	vmem_virt_t x = mappings[*(const u32 *)a].virt_base;
	vmem_virt_t y = mappings[*(const u32 *)b].virt_base;

	return x < y ? -1 : x > y;
}

/**
 * vmem_ioc_range_check() - the range of a UNMAP, PROTECT or PROMOTE
 * @start:	its first address
 * @last:	its last one
 *
 * Return: 0; -EINVAL: reversed, not whole pages.
 */
static inline int vmem_ioc_range_check(u64 start, u64 last)
{
	const u64 low = BIT_ULL(VMEM_PAGE_LG2_MIN) - 1;

	return start > last || (start | ~last) & low ? -EINVAL : 0;
}

static_assert(VMEM_SAME_PLACE(vmem_ioc_unmap, space, vmem_ioc_protect, space) &&
	      VMEM_SAME_PLACE(vmem_ioc_unmap, start, vmem_ioc_protect, start) &&
	      VMEM_SAME_PLACE(vmem_ioc_unmap, last, vmem_ioc_protect, last) &&
	      VMEM_SAME_PLACE(vmem_ioc_unmap, budget, vmem_ioc_protect, budget) &&
	      VMEM_SAME_PLACE(vmem_ioc_unmap, space, vmem_ioc_promote, space) &&
	      VMEM_SAME_PLACE(vmem_ioc_unmap, start, vmem_ioc_promote, start) &&
	      VMEM_SAME_PLACE(vmem_ioc_unmap, last, vmem_ioc_promote, last) &&
	      VMEM_SAME_PLACE(vmem_ioc_unmap, budget, vmem_ioc_promote, budget));

/*
 * UNMAP, or what begins as it does. Return: 0; -EINVAL: the range; -EOPNOTSUPP: a flag
 * not among @known, or @reserved.
 */
static noinline int
vmem_ioc_change_range_read(const struct vmem_ioc_unmap *range, u32 known,
			   u32 reserved, struct vmem_change_ask *ask)
{
	ask->space = range->space;
	ask->asked.flags = range->flags;
	ask->asked.budget = range->budget;
	ask->start = range->start;
	ask->last = range->last;
	return vmem_ioc_range_check(range->start, range->last) ?:
	       range->flags & ~known || reserved ? -EOPNOTSUPP : 0;
}

/**
 * vmem_ioc_unmap_read() - UNMAP
 * @unmap:	the call
 * @ask:	zeroed; out: what is asked for
 *
 * Return: 0; -EINVAL: the range; -EOPNOTSUPP.
 */
static inline int vmem_ioc_unmap_read(const struct vmem_ioc_unmap *unmap,
				      struct vmem_change_ask *ask)
{
	return vmem_ioc_change_range_read(unmap, VMEM_CALL_UNMAP_FLAGS, unmap->__reserved, ask);
}

/**
 * vmem_ioc_protect_read() - PROTECT
 * @protect:	the call
 * @ask:	zeroed; out: what is asked for
 *
 * Return: 0; -EINVAL: the range; -EOPNOTSUPP.
 */
static inline int vmem_ioc_protect_read(const struct vmem_ioc_protect *protect,
					struct vmem_change_ask *ask)
{
	ask->what.kind = VMEM_KIND_PROTECT;
	ask->what.protect.set = protect->set;
	ask->what.protect.clear = protect->clear;
	return vmem_ioc_change_range_read((const struct vmem_ioc_unmap *)protect,
				   VMEM_CALL_PROTECT_FLAGS, protect->__reserved, ask);
}

/**
 * vmem_ioc_promote_read() - PROMOTE
 * @promote:	the call
 * @ask:	zeroed; out: what is asked for
 *
 * Return: 0; -EINVAL: the range; -EOPNOTSUPP.
 */
static inline int vmem_ioc_promote_read(const struct vmem_ioc_promote *promote,
					struct vmem_change_ask *ask)
{
	u32 beyond = promote->leaf_levels >> VMEM_LEVELS_MAX;

	ask->what.kind = VMEM_KIND_PROMOTE;
	ask->what.promote.leaf_levels = promote->leaf_levels;
	return vmem_ioc_change_range_read((const struct vmem_ioc_unmap *)promote,
				   VMEM_CALL_PROMOTE_FLAGS, beyond, ask);
}

/**
 * vmem_ioc_link_read() - LINK
 * @link:	the call
 * @ask:	zeroed; out: what is asked for
 *
 * Return: 0; -EOPNOTSUPP.
 */
static inline int vmem_ioc_link_read(const struct vmem_ioc_link *link,
				     struct vmem_change_ask *ask)
{
	bool unshare = link->flags & VMEM_IOC_LINK_UNSHARE;

	ask->space = link->space;
	ask->owner = unshare ? link->space : link->owner;
	ask->asked.flags = link->flags;
	ask->asked.budget = link->budget;
	ask->link = link;
	return link->__reserved || link->path_given > 1 ||
	       (link->path && !link->path_given) ||
	       (unshare && (link->owner || link->their_va || link->path_given ||
			    link->flags & (VMEM_IOC_LINK_REPLACE | VMEM_IOC_LINK_MAKE))) ?
	       -EOPNOTSUPP : 0;
}

/**
 * vmem_change_init() - a change that begins
 * @change:	zeroed
 * @ask:	what is asked for
 */
static inline void vmem_change_init(struct vmem_change *change,
				    const struct vmem_change_ask *ask)
{
	vmem_change_start(change);
	change->asked = ask->asked;
	if (!change->asked.budget)
		change->asked.budget = VMEM_CHANGE_BUDGET;
}

/**
 * vmem_range_list() - a range to be unmapped or protected, as mappings
 * @fmt:	format
 * @change:	@own and the list are set: one mapping, or two to be done
 *		together where the range has a part on each side of the addresses
 *		that aren't canonical
 * @start:	first address
 * @last:	last address, included
 * @what:	kind, and for VMEM_KIND_PROTECT what to set and to clear
 *
 * Return: 0; -EINVAL: not whole pages, reversed, or an end isn't canonical.
 */
static inline int
vmem_range_list(const struct vmem_format *fmt, struct vmem_change *change,
		vmem_virt_t start, vmem_virt_t last,
		const struct vmem_mapping *what)
{
	u64 low = BIT_ULL(fmt->page_lg2) - 1;
	struct vmem_mapping *m = change->own;

	if (start & low || ~last & low || start > last ||
	    !vmem_is_canonical(&fmt->gap, start) ||
	    !vmem_is_canonical(&fmt->gap, last))
		return -EINVAL;
	m[0] = *what;
	m[0].virt_base = start;
	m[0].len = last - start + 1;
	change->asked.nr = 1;
	if (start < fmt->gap.first && last > fmt->gap.last) {
		m[1] = *what;
		m[1].virt_base = fmt->gap.last + 1;
		m[1].len = last - fmt->gap.last;
		m[0].len = fmt->gap.first - start;
		change->asked.nr = 2;
	}
	vmem_change_own(change);
	return 0;
}

/**
 * vmem_change_list() - the list of a change that brings none
 * @change:	from vmem_change_init(); if it has its list, only the owner of LINK is
 *		set
 * @ask:	what is asked for
 * @ops:	the format of the space
 * @owner:	LINK: the space that has the table, of the same format; it stays as
 *		long as @change is worked on
 *
 * Return: 0; -EINVAL: as vmem_range_list() and vmem_link_list(), and the depth.
 */
static inline int vmem_change_list(struct vmem_change *change,
				   const struct vmem_change_ask *ask,
				   const struct vmem_format_ops *ops,
				   const struct vmem_space *owner)
{
	const struct vmem_format *fmt = ops->fmt;
	const struct vmem_ioc_link *asked = ask->link;
	struct vmem_link_mapping link = { .owner = owner };
	struct vmem_mapping *m;
	int ret;

	if (!asked)
		return change->asked.list ? 0 :
		       vmem_range_list(fmt, change, ask->start, ask->last,
				       &ask->what);
	if (!change->asked.list) {
		if (!asked->depth || asked->depth >= fmt->nr_levels)
			return -EINVAL;
		link.level = fmt->nr_levels - 1 - asked->depth;
		link.their_va = asked->their_va;
		ret = ops->engine->link_list(fmt, change, asked->our_va, &link);
		if (ret)
			return ret;
	}
	for (m = change->own; m < &change->own[change->asked.nr]; m++)
		m->link.owner = owner;
	m[-1].path = asked->path;
	m[-1].path_given = asked->path_given;
	return 0;
}

/**
 * vmem_root_twins() - is a root one that several spaces have, and no table of a pool?
 * @root:	the root
 */
static inline bool vmem_root_twins(const struct vmem_root *root)
{
	return !root->pool && root->spaces > 1;
}

/**
 * vmem_root_flush() - what is to be flushed when a change lets its guest go
 * @root:	of the space
 * @flush:	what is to be in this space
 *
 * A root of twins could have moved, and didn't: others show the same.
 */
static inline enum vmem_flush vmem_root_flush(const struct vmem_root *root,
					      enum vmem_flush flush)
{
	return flush == VMEM_FLUSH_RANGE && vmem_root_twins(root) ? VMEM_FLUSH_ALL : flush;
}

/**
 * vmem_ioc_change_fill() - what a change answers, but for root and generation
 * @out:	the answer
 * @change:	the change
 * @ret:	what the call returns
 */
static inline void vmem_ioc_change_fill(struct vmem_ioc_change *out,
					const struct vmem_change *change, int ret)
{
	const struct vmem_answer *answer = &change->answer;
	u64 most;
	u32 i;

	out->out_flush = answer->flush;
	if (answer->flush == VMEM_FLUSH_RANGE) {
		out->out_flush_start = answer->flush_first;
		out->out_flush_last = answer->flush_last;
	}
	out->out_changes = answer->changes;
	out->out_pages = answer->pages;
	out->out_overwritten = answer->overwritten;
	out->out_missing = answer->lacking;
	out->out_dirty = answer->lost_dirty;
	for (i = 1, most = 0; i < VMEM_NR_SKIPS; i++) {
		out->out_skipped += answer->skipped[i];
		if (answer->skipped[i] > most) {
			most = answer->skipped[i];
			out->out_skip_reason = i;
		}
	}
	out->out_done = answer->done;
	out->out_done_len = answer->done_len;
	if (change->asked.list == change->own) {
		/* The parts are one to the caller. */
		out->out_done = !ret;
		for (i = 0; ret && i < answer->done; i++)
			out->out_done_len += change->own[i].len;
	}
	if (ret) {
		out->out_at_va = answer->at_va;
		out->out_at_level = answer->at_level;
	}
}

#endif /* _VMEM_CALL_CHANGE_H */
