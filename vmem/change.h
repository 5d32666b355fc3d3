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
	case VMEM_KIND_BASIC:
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (check_add_overflow(m->phys_base, m->len - 1, &phys_last) ||
	    phys_last >> facts->phys_bits)
		return -EOVERFLOW;
	return fmt->make_leaf(facts, m->basic.attrs, 0, leaf);
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
	for (i = change->done; i < end; i++) {
		ret = vmem_mapping_check(e->fmt, e->facts, &change->list[i],
					 &leaf);
		if (ret) {
			change->at_va = change->list[i].virt_base;
			return ret;
		}
	}
	if (atomic) {
		ret = vmem_change_apart(change);
		if (ret)
			return ret;
	}
	change->phase = VMEM_PHASE_CHECK;
	vmem_change_recheck(change);
	return 0;
}

/* The mapping in hand in pass 1, NULL when all were read. */
static inline const struct vmem_mapping *
vmem_change_unread(struct vmem_change *change)
{
	if (!(change->flags & VMEM_CHANGE_ATOMIC))
		return change->item == change->done ?
		       &change->list[change->item] : NULL;
	while (change->item < change->nr &&
	       change->order[change->item] < change->done)
		change->item++;
	return change->item < change->nr ?
	       &change->list[change->order[change->item]] : NULL;
}

/*
 * The range that the phase in hand is to go over. Return: where the place in
 * it is kept; NULL: there is none left.
 */
static __always_inline u64 *vmem_change_pick(const struct vmem_env *e,
					     struct vmem_change *change,
					     struct vmem_place *place)
{
	bool atomic = change->flags & VMEM_CHANGE_ATOMIC;

	place->apply = change->phase != VMEM_PHASE_CHECK;
	place->sweep = change->phase == VMEM_PHASE_SWEEP;
	place->free = place->sweep || !atomic;
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
	place->map = place->m->kind != VMEM_KIND_UNMAPPED;
	place->needs = place->m->basic.attrs & VMEM_RWXU;
	/* that it can be made was seen before pass 1 */
	if (place->map && e->fmt->make_leaf(e->facts, place->m->basic.attrs, 0,
					    &place->leaf))
		place->leaf = 0;
	return change->phase == VMEM_PHASE_APPLY ? &change->done_len :
						   &change->offset;
}

/* A range is done, in the phase in hand. */
static __always_inline void vmem_change_passed(struct vmem_change *change)
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
		change->phase = VMEM_PHASE_SWEEP;
		change->item = 0;
		change->offset = 0;
		change->visited = 0;
	}
}

/* Between the passes: all that pass 2 will fill is at hand. */
static __always_inline int vmem_change_touch(const struct vmem_env *e,
					     struct vmem_change *change)
{
	bool moved = false;
	vmem_table_t table;
	vmem_pte_t *host;
	int ret;

	for (; change->touched < change->need; change->touched++) {
		if (moved && e->ops->pause(e->ctx, 1))
			return VMEM_PAUSE;
		table = e->ops->reserved(e->ctx, change->touched);
		/* an entry can't name it */
		if (vmem_table_gpa(table) >> e->facts->phys_bits)
			return -EOVERFLOW;
		ret = vmem_change_reach(e, table, &host);
		if (ret)
			return ret;
		moved = true;
	}
	return 0;
}

static __always_inline void vmem_change_recheck(struct vmem_change *change)
{
	if (change->phase == VMEM_PHASE_BEGIN || change->phase >= VMEM_PHASE_SWEEP)
		return;
	change->phase = VMEM_PHASE_CHECK;
	change->item = change->flags & VMEM_CHANGE_ATOMIC ? 0 : change->done;
	change->offset = 0;
	change->need = 0;
	change->touched = 0;
	change->visited = 0;
	change->counting = 0;
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
	vmem_pte_t *host;
	u64 entry, leaf;

	if (m->kind != VMEM_KIND_BASIC || !m->len ||
	    change->budget < e->fmt->nr_levels ||
	    (va ^ last) >> vmem_table_lg2(e->fmt, 0))
		return false;
	for (;; level--) {
		if (vmem_change_owned(e, table, level, parent, slot) ||
		    e->ops->from_phys(e->ctx, table,
				      level ? VMEM_READ : VMEM_WRITE, &host))
			return false;
		slot = vmem_index(e->fmt, va, level);
		if (!level)
			break;
		entry = vmem_read(host, slot);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE ||
		    m->basic.attrs & VMEM_RWXU & ~vmem_table_perms(e, entry))
			return false;
		parent = table;
		table = vmem_entry_table(e, entry, level);
	}

	end = vmem_index(e->fmt, last, 0);
	if (vmem_any(host, slot, end, e->fmt->present) ||
	    e->fmt->make_leaf(e->facts, m->basic.attrs, 0, &leaf))
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
	 void *ctx, const struct vmem_space *space, struct vmem_change *change)
{
	const struct vmem_env e = { fmt, ops, ctx, &space->facts };
	struct vmem_place place = {};
	u64 *offset;
	int ret = 0;

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
			    ops->pause(ctx, fmt->nr_levels))
				ret = VMEM_PAUSE;
			break;
		case VMEM_PHASE_RESERVE:
			change->at_va = change->list[change->done].virt_base +
					change->done_len;
			change->at_level = 0;
			ret = ops->reserve(ctx, change->need);
			if (!ret)
				change->phase = VMEM_PHASE_TOUCH;
			break;
		case VMEM_PHASE_TOUCH:
			ret = vmem_change_touch(&e, change);
			if (ret)
				break;
			change->phase = VMEM_PHASE_APPLY;
			change->visited = 0;
			break;
		case VMEM_PHASE_DONE:
			return 0;
		case VMEM_PHASE_CHECK:
		case VMEM_PHASE_APPLY:
		case VMEM_PHASE_SWEEP:
			offset = vmem_change_pick(&e, change, &place);
			if (!offset) {
				change->phase = place.sweep ? VMEM_PHASE_DONE :
							      VMEM_PHASE_RESERVE;
				break;
			}
			ret = vmem_change_range(&e, change, &place, space->root,
						offset);
			if (!ret)
				vmem_change_passed(change);
			break;
		}
	}
	return ret;
}

static __always_inline int
vmem_unmap_list(const struct vmem_format *fmt, vmem_virt_t start,
		vmem_virt_t last, struct vmem_mapping list[2], u32 *nr)
{
	u64 low = BIT_ULL(fmt->page_lg2) - 1, upper = vmem_upper(fmt);

	if (start & low || ~last & low || start > last ||
	    !vmem_is_canonical(fmt, start) || !vmem_is_canonical(fmt, last))
		return -EINVAL;
	list[0] = (struct vmem_mapping){ .virt_base = start };
	*nr = 1;
	if (start < upper && last >= upper) {
		list[0].len = ~upper + 1 - start;
		list[1] = (struct vmem_mapping){
			.virt_base	= upper,
			.len		= last - upper + 1,
		};
		*nr = 2;
		return 0;
	}
	list[0].len = last - start + 1;
	return 0;
}

#endif /* _VMEM_CHANGE_H */
