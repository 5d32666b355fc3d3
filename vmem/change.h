/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A change as a whole: a list of mappings, checked, counted, reserved for and
 * then done, each of them or all together, by the two passes of map.h. It can
 * be stopped between any two tables and resumed.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_CHANGE_H
#define _VMEM_CHANGE_H

#include <linux/overflow.h>

#include "cursor.h"
#include "map.h"
#include "move.h"

/* The attributes of the leaves that a mapping makes. */
static inline u32 vmem_mapping_attrs(const struct vmem_mapping *m)
{
	return m->kind == VMEM_KIND_COW ? m->cow.attrs | VMEM_COW :
					  m->basic.attrs;
}

/* Can table entries be made that grant just what was given? */
static __always_inline int
vmem_path_check(const struct vmem_format *fmt, const struct vmem_facts *facts,
		const struct vmem_mapping *m, unsigned int level)
{
	u32 all = GENMASK(4 * fmt->nr_levels - 1, 4 * level), perms;
	u64 entry;

	if (!m->path_given)
		return 0;
	if (m->path & ~all)
		return -EINVAL;
	for (; level < fmt->nr_levels; level++) {
		perms = m->path >> (4 * level) & VMEM_RWXU;
		entry = fmt->make_table(facts, vmem_table(0), perms);
		if (fmt->classify(facts, entry, level) != VMEM_CLASS_TABLE ||
		    fmt->path(fmt->nibble(entry)) != perms)
			return -EOPNOTSUPP;
	}
	return 0;
}

/* Is a mapping one that could be made? */
static __always_inline int
vmem_mapping_check(const struct vmem_format *fmt,
		   const struct vmem_facts *facts, const struct vmem_mapping *m,
		   u64 *leaf)
{
	u64 low = BIT_ULL(fmt->page_lg2) - 1, half, virt_last, phys_last;

	if ((m->virt_base | m->phys_base | m->len) & low)
		return -EINVAL;
	if (!m->len)
		return 0;
	if (check_add_overflow(m->virt_base, m->len - 1, &virt_last))
		return -EOVERFLOW;
	half = BIT_ULL(vmem_virt_bits(fmt) - 1);
	if (!vmem_is_canonical(fmt, m->virt_base) ||
	    (m->virt_base & ~(half - 1)) != (virt_last & ~(half - 1)))
		return -EINVAL;
	switch (m->kind) {
	case VMEM_KIND_UNMAPPED:
		return 0;
	case VMEM_KIND_PROTECT:
		if (m->protect.set & m->protect.clear)
			return -EINVAL;
		return fmt->can_protect(facts, m->protect.set,
					m->protect.clear);
	case VMEM_KIND_LINK:
		return vmem_path_check(fmt, facts, m, m->link.level + 1U);
	case VMEM_KIND_BASIC:
		if (m->basic.attrs & VMEM_COW)
			return -EOPNOTSUPP;
		break;
	case VMEM_KIND_COW:
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (check_add_overflow(m->phys_base, m->len - 1, &phys_last) ||
	    !vmem_nameable(facts, m->phys_base, phys_last))
		return -EOVERFLOW;
	return fmt->make_leaf(facts, vmem_mapping_attrs(m), 0, leaf) ?:
	       vmem_path_check(fmt, facts, m, 1);
}

/* In ascending order. Return: 0; -EINVAL: two overlap, or it isn't the order. */
static inline int vmem_change_apart(struct vmem_change *change)
{
	const struct vmem_mapping *before = NULL, *m;
	u32 i;

	for (i = 0; i < change->nr; i++) {
		m = &change->list[change->order[i]];
		if (!m->len)
			continue;
		if (before && before->virt_base + (before->len - 1) >= m->virt_base) {
			change->at_va = m->virt_base;
			return -EINVAL;
		}
		before = m;
	}
	return 0;
}

/* Before pass 1: is what is asked for well-formed? */
static __always_inline int vmem_change_begin(const struct vmem_env *e,
					     struct vmem_change *change)
{
	bool atomic = change->flags & VMEM_CHANGE_ATOMIC;
	u32 i, end = atomic ? change->nr : change->done + 1;
	u64 leaf;
	int ret;

	change->at_level = 0;
	change->copied = false;
	for (i = change->done; i < end; i++) {
		ret = vmem_mapping_check(e->fmt, e->facts, &change->list[i],
					 &leaf);
		if (ret) {
			change->at_va = change->list[i].virt_base;
			return ret;
		}
	}
	/* those of a list of ours are in order */
	if (atomic && change->list != change->own) {
		ret = vmem_change_apart(change);
		if (ret)
			return ret;
	}
	change->phase = VMEM_PHASE_CHECK;
	vmem_change_recheck(change);
	return 0;
}

/* The n-th mapping of the list in ascending order. */
static inline u32 vmem_change_nth(const struct vmem_change *change, u32 n)
{
	return change->list == change->own ? n : change->order[n];
}

/* The mapping in hand in pass 1, NULL when all were read. */
static inline const struct vmem_mapping *
vmem_change_unread(struct vmem_change *change)
{
	if (!(change->flags & VMEM_CHANGE_ATOMIC))
		return change->item == change->done ?
		       &change->list[change->item] : NULL;
	while (change->item < change->nr &&
	       vmem_change_nth(change, change->item) < change->done)
		change->item++;
	return change->item < change->nr ?
	       &change->list[vmem_change_nth(change, change->item)] : NULL;
}

/*
 * Are tables that are left empty freed at the end, as another mapping of the
 * list may need them? Those of a list of our own are apart, or see below.
 */
static inline bool vmem_change_sweeps(const struct vmem_change *change)
{
	return change->flags & VMEM_CHANGE_ATOMIC && change->list != change->own;
}

/* What is unmapped for a link leaves the table that holds the entry. */
static inline unsigned int vmem_change_keep(const struct vmem_change *change)
{
	const struct vmem_mapping *m = &change->list[change->nr - 1];

	return change->list == change->own && m->kind == VMEM_KIND_LINK ?
	       m->link.level + 1U : VMEM_LEVELS_MAX;
}

/*
 * The range that the phase in hand is to go over. Return: where the place in
 * it is kept; NULL: there is none left.
 */
static __always_inline u64 *vmem_change_pick(const struct vmem_env *e,
					     struct vmem_change *change,
					     struct vmem_place *place)
{
	place->apply = change->phase != VMEM_PHASE_CHECK;
	place->sweep = change->phase == VMEM_PHASE_SWEEP;
	place->free = place->sweep || !vmem_change_sweeps(change);
	place->keep = vmem_change_keep(change);
	switch (change->phase) {
	case VMEM_PHASE_CHECK:
		place->m = vmem_change_unread(change);
		if (place->m == &change->list[change->done] &&
		    change->offset < change->done_len)
			change->offset = change->done_len;
		break;
	case VMEM_PHASE_SWEEP:
		while (change->item < change->nr &&
		       change->list[change->item].kind != VMEM_KIND_UNMAPPED)
			change->item++;
		place->m = change->item < change->nr ?
			   &change->list[change->item] : NULL;
		break;
	default:
		place->m = &change->list[change->done];
	}
	if (!place->m)
		return NULL;

	place->first = place->m->virt_base;
	if (place->m == &change->list[change->done])
		place->first += change->done_len;
	place->kind = place->m->kind;
	place->needs = place->kind == VMEM_KIND_LINK ?
		       VMEM_R | VMEM_W | VMEM_X :
		       (place->kind == VMEM_KIND_PROTECT ?
			place->m->protect.set :
			vmem_mapping_attrs(place->m)) & VMEM_RWXU;
	/* that a leaf can be made was seen before pass 1 */
	if ((place->kind != VMEM_KIND_BASIC && place->kind != VMEM_KIND_COW) ||
	    e->fmt->make_leaf(e->facts, vmem_mapping_attrs(place->m), 0,
			      &place->leaf))
		place->leaf = 0;
	return change->phase == VMEM_PHASE_APPLY ? &change->done_len :
						   &change->offset;
}

/*
 * One pass more begins. An atomic list has made tables by then, or will; what it
 * unmaps comes by each of them, and by as many more as there are mappings, a level.
 */
static inline void vmem_change_again(const struct vmem_format *fmt,
				     struct vmem_change *change)
{
	change->visited = 0;
	change->spare = change->flags & VMEM_CHANGE_ATOMIC ?
			change->need + (u64)change->nr * fmt->nr_levels : 0;
}

/* A range is done, in the phase in hand. */
static __always_inline void vmem_change_passed(const struct vmem_format *fmt,
					       struct vmem_change *change)
{
	change->keeps = 0;
	if (change->phase != VMEM_PHASE_APPLY) {
		change->item++;
		change->offset = 0;
		return;
	}
	change->done++;
	change->done_len = 0;
	if (!(change->flags & VMEM_CHANGE_ATOMIC)) {
		change->phase = VMEM_PHASE_BEGIN;
	} else if (change->done == change->nr) {
		change->phase = vmem_change_sweeps(change) ? VMEM_PHASE_SWEEP :
							     VMEM_PHASE_DONE;
		change->item = 0;
		change->offset = 0;
		vmem_change_again(fmt, change);
	}
}

/* Between the passes: all that pass 2 will fill is at hand. */
static __always_inline int vmem_change_touch(const struct vmem_env *e,
					     struct vmem_change *change)
{
	bool begun = false;
	vmem_table_t table;
	vmem_pte_t *host;
	int ret;

	for (; change->touched < change->need; change->touched++) {
		if (begun && e->read->pause(e->ctx, 1))
			return VMEM_PAUSE;
		table = e->ops->reserved(e->ctx, change->touched);
		/* an entry can't name it */
		if (!vmem_nameable(e->facts, vmem_table_gpa(table),
				   vmem_table_gpa(table)))
			return -EOVERFLOW;
		ret = vmem_change_reach(e, table, &host);
		if (ret)
			return ret;
		begun = true;
	}
	return 0;
}

static __always_inline void vmem_change_recheck(struct vmem_change *change)
{
	change->check++;
	if (change->phase == VMEM_PHASE_BEGIN || change->phase >= VMEM_PHASE_SWEEP)
		return;
	change->phase = VMEM_PHASE_CHECK;
	change->item = change->flags & VMEM_CHANGE_ATOMIC ? 0 : change->done;
	change->offset = 0;
	change->need = 0;
	change->need_links = 0;
	change->touched = 0;
	change->visited = 0;
	change->spare = 0;
	change->counting = 0;
	change->moving = 0;
	change->copying = VMEM_NO_TABLE;
	change->keeps = 0;
	change->low = VMEM_LEVELS_MAX;
}

/*
 * A mapping that lies in one table of leaves, which is there: both passes in
 * one, as nothing is to be counted. Return: whether it is done; if not, nothing
 * is, and why is for the passes to find out.
 */
static __always_inline bool vmem_map_short(const struct vmem_env *e,
					   const struct vmem_space *space,
					   struct vmem_change *change)
{
	const struct vmem_mapping *m = &change->list[change->done];
	vmem_virt_t va = m->virt_base, last = va + (m->len - 1);
	unsigned int level = vmem_top(e->fmt), slot = 0, end;
	vmem_table_t table = space->root, parent = VMEM_NO_TABLE;
	u32 attrs = vmem_mapping_attrs(m), links;
	vmem_pte_t *host;
	u64 entry, leaf;

	if ((m->kind != VMEM_KIND_BASIC && m->kind != VMEM_KIND_COW) ||
	    !m->len || m->path_given || change->budget < e->fmt->nr_levels ||
	    (va ^ last) >> vmem_table_lg2(e->fmt, 0))
		return false;
	for (;; level--) {
		if (vmem_change_owned(e, change, table, level, parent, slot, 0,
				      &links) ||
		    e->read->from_phys(e->ctx, table,
				       level ? VMEM_READ : VMEM_WRITE, &host))
			return false;
		slot = vmem_index(e->fmt, va, level);
		if (!level)
			break;
		entry = vmem_read(host, slot);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE ||
		    attrs & VMEM_RWXU & ~vmem_table_perms(e, entry))
			return false;
		parent = table;
		table = vmem_entry_table(e, entry, level);
	}

	end = vmem_index(e->fmt, last, 0);
	if (vmem_any(host, slot, end, U64_MAX) ||
	    e->fmt->make_leaf(e->facts, attrs, 0, &leaf))
		return false;
	vmem_fill(host, slot, end, leaf + m->phys_base,
		  BIT_ULL(e->fmt->page_lg2));
	change->pages += end - slot + 1;
	change->dirty = true;
	change->done++;
	return true;
}

static __always_inline int
vmem_map(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	 void *ctx, struct vmem_space *space, struct vmem_change *change)
{
	const struct vmem_env e = { fmt, &ops->read, ctx, &space->facts, ops };
	struct vmem_place place;
	u64 *offset;
	int ret = 0;

	/* the rest when it is needed: not for what is short */
	place.space = NULL;
	while (!ret) {
		switch (change->phase) {
		case VMEM_PHASE_BEGIN:
			if (change->done == change->nr) {
				change->phase = VMEM_PHASE_DONE;
				break;
			}
			ret = vmem_change_begin(&e, change);
			if (ret || change->flags & VMEM_CHANGE_ATOMIC ||
			    !vmem_map_short(&e, space, change))
				break;
			change->phase = VMEM_PHASE_BEGIN;
			if (change->done < change->nr &&
			    ops->read.pause(ctx, fmt->nr_levels))
				ret = VMEM_PAUSE;
			break;
		case VMEM_PHASE_RESERVE:
			change->at_va = change->list[change->done].virt_base +
					change->done_len;
			change->at_level = 0;
			ret = ops->reserve(ctx, change->need, change->need_links,
					   &change->lacking);
			if (!ret)
				change->phase = VMEM_PHASE_TOUCH;
			break;
		case VMEM_PHASE_TOUCH:
			ret = vmem_change_touch(&e, change);
			if (ret)
				break;
			change->phase = VMEM_PHASE_APPLY;
			vmem_change_again(fmt, change);
			break;
		case VMEM_PHASE_DONE:
			return 0;
		case VMEM_PHASE_CHECK:
		case VMEM_PHASE_APPLY:
		case VMEM_PHASE_SWEEP:
			if (!place.space)
				place = (struct vmem_place){ .space = space };
			offset = vmem_change_pick(&e, change, &place);
			if (!offset) {
				change->phase = place.sweep ? VMEM_PHASE_DONE :
							      VMEM_PHASE_RESERVE;
				break;
			}
			ret = vmem_change_range(&e, change, &place, offset);
			if (!ret)
				vmem_change_passed(fmt, change);
			break;
		}
	}
	return ret;
}

static __always_inline int
vmem_range_list(const struct vmem_format *fmt, struct vmem_change *change,
		vmem_virt_t start, vmem_virt_t last,
		const struct vmem_mapping *what)
{
	u64 low = BIT_ULL(fmt->page_lg2) - 1, upper = vmem_upper(fmt);
	struct vmem_mapping *m = change->own;

	if (start & low || ~last & low || start > last ||
	    !vmem_is_canonical(fmt, start) || !vmem_is_canonical(fmt, last))
		return -EINVAL;
	m[0] = *what;
	m[0].virt_base = start;
	m[0].len = last - start + 1;
	change->nr = 1;
	if (start < upper && last >= upper) {
		m[1] = *what;
		m[1].virt_base = upper;
		m[1].len = last - upper + 1;
		m[0].len = ~upper + 1 - start;
		change->nr = 2;
	}
	vmem_change_own(change);
	return 0;
}

#endif /* _VMEM_CHANGE_H */
