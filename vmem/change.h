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

#include <linux/minmax.h>
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

static __always_inline void vmem_change_sift(const struct vmem_change *change,
					     u32 parent, u32 nr)
{
	u32 *order = change->order;
	u32 child;

	for (; (child = 2 * parent + 1) < nr; parent = child) {
		if (child + 1 < nr &&
		    change->list[order[child]].virt_base <
		    change->list[order[child + 1]].virt_base)
			child++;
		if (change->list[order[parent]].virt_base >=
		    change->list[order[child]].virt_base)
			return;
		swap(order[parent], order[child]);
	}
}

/*
 * Put the list in ascending order, by a heap: bounded for any list. Empty
 * mappings are no part of it. Return: how many; -EINVAL: two overlap.
 */
static __always_inline int vmem_change_sort(struct vmem_change *change)
{
	const struct vmem_mapping *before, *m;
	u32 i, nr = 0;

	for (i = 0; i < change->nr; i++)
		if (change->list[i].len)
			change->order[nr++] = i;
	for (i = nr / 2; i--;)
		vmem_change_sift(change, i, nr);
	for (i = nr; i > 1; i--) {
		swap(change->order[0], change->order[i - 1]);
		vmem_change_sift(change, 0, i - 1);
	}
	for (i = 1; i < nr; i++) {
		before = &change->list[change->order[i - 1]];
		m = &change->list[change->order[i]];
		if (before->virt_base + (before->len - 1) >= m->virt_base)
			return vmem_change_stop(change, m->virt_base, 0, -EINVAL);
	}
	return nr;
}

/* The mapping in hand in pass 1, NULL when all were read. */
static __always_inline const struct vmem_mapping *
vmem_change_next(struct vmem_change *change, u32 nr_sorted)
{
	if (!(change->flags & VMEM_CHANGE_ATOMIC))
		return change->item == change->done ?
		       &change->list[change->item] : NULL;
	while (change->item < nr_sorted &&
	       change->order[change->item] < change->done)
		change->item++;
	return change->item < nr_sorted ?
	       &change->list[change->order[change->item]] : NULL;
}

/* Before pass 1: is what is asked for well-formed? */
static __always_inline int
vmem_change_begin(const struct vmem_format *fmt,
		  const struct vmem_facts *facts, struct vmem_change *change)
{
	bool atomic = change->flags & VMEM_CHANGE_ATOMIC;
	u32 i, end = atomic ? change->nr : change->done + 1;
	u64 leaf;
	int ret;

	for (i = change->done; i < end; i++) {
		ret = vmem_mapping_check(fmt, facts, &change->list[i], &leaf);
		if (ret)
			return vmem_change_stop(change, change->list[i].virt_base,
						0, ret);
	}
	ret = atomic ? vmem_change_sort(change) : 0;
	if (ret < 0)
		return ret;
	change->nr_sorted = ret;
	vmem_change_recheck(change);
	return 0;
}

/* Pass 1 */
static __always_inline int
vmem_change_check(const struct vmem_format *fmt,
		  const struct vmem_table_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_change *change)
{
	struct vmem_place place = {};
	int ret;

	while ((place.m = vmem_change_next(change, change->nr_sorted))) {
		bool part = place.m == &change->list[change->done];

		if (part && change->offset < change->done_len)
			change->offset = change->done_len;
		if (place.m->kind == VMEM_KIND_BASIC)
			place.needs = place.m->basic.attrs & VMEM_RWXU;
		if (change->offset < place.m->len) {
			ret = vmem_change_range(fmt, ops, ctx, space, change,
						&place, &change->offset);
			if (ret)
				return ret;
		}
		change->item++;
		change->offset = 0;
		change->low = fmt->nr_levels;
		change->keeps = 0;
	}
	return 0;
}

/* Between the passes: all that pass 2 will fill is at hand. */
static __always_inline int
vmem_change_touch(const struct vmem_table_ops *ops, void *ctx,
		  struct vmem_change *change)
{
	bool moved = false;
	vmem_table_t table;
	vmem_pte_t *host;
	int ret;

	for (; change->touched < change->need; change->touched++) {
		table = ops->reserved(ctx, change->touched);
		if (moved && ops->pause(ctx))
			return VMEM_PAUSE;
		ret = vmem_change_reach(ops, ctx, table, &host);
		if (ret)
			return ret;
		moved = true;
	}
	return 0;
}

/* Pass 2, of one mapping or of all */
static __always_inline int
vmem_change_apply(const struct vmem_format *fmt,
		  const struct vmem_table_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_change *change)
{
	bool atomic = change->flags & VMEM_CHANGE_ATOMIC;
	struct vmem_place place = { .apply = true, .free = !atomic };
	int ret;

	do {
		place.m = &change->list[change->done];
		ret = vmem_mapping_check(fmt, &space->facts, place.m,
					 &place.leaf);
		if (ret)
			return ret;
		if (place.m->kind == VMEM_KIND_BASIC)
			place.needs = place.m->basic.attrs & VMEM_RWXU;
		if (change->done_len < place.m->len) {
			ret = vmem_change_range(fmt, ops, ctx, space, change,
						&place, &change->done_len);
			if (ret)
				return ret;
		}
		change->done++;
		change->done_len = 0;
		change->low = fmt->nr_levels;
	} while (atomic && change->done < change->nr);
	return 0;
}

/* After pass 2 of a list that is refused whole or not at all */
static __always_inline int
vmem_change_sweep(const struct vmem_format *fmt,
		  const struct vmem_table_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_change *change)
{
	struct vmem_place place = { .apply = true, .free = true, .sweep = true };
	int ret;

	for (; change->item < change->nr; change->item++) {
		place.m = &change->list[change->item];
		if (place.m->kind == VMEM_KIND_UNMAPPED &&
		    change->offset < place.m->len) {
			ret = vmem_change_range(fmt, ops, ctx, space, change,
						&place, &change->offset);
			if (ret)
				return ret;
		}
		change->offset = 0;
		change->low = fmt->nr_levels;
	}
	return 0;
}

static __always_inline void vmem_change_recheck(struct vmem_change *change)
{
	if (change->phase >= VMEM_PHASE_SWEEP)
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

static __always_inline int
vmem_map(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	 void *ctx, const struct vmem_space *space, struct vmem_change *change)
{
	int ret = 0;

	for (;;) {
		switch (change->phase) {
		case VMEM_PHASE_BEGIN:
			if (change->done == change->nr) {
				change->phase = VMEM_PHASE_DONE;
				break;
			}
			ret = vmem_change_begin(fmt, &space->facts, change);
			break;
		case VMEM_PHASE_CHECK:
			ret = vmem_change_check(fmt, ops, ctx, space, change);
			if (!ret)
				change->phase = VMEM_PHASE_RESERVE;
			break;
		case VMEM_PHASE_RESERVE:
			ret = ops->reserve(ctx, change->need);
			if (!ret)
				change->phase = VMEM_PHASE_TOUCH;
			break;
		case VMEM_PHASE_TOUCH:
			ret = vmem_change_touch(ops, ctx, change);
			if (ret)
				break;
			change->phase = VMEM_PHASE_APPLY;
			change->visited = 0;
			change->low = fmt->nr_levels;
			break;
		case VMEM_PHASE_APPLY:
			ret = vmem_change_apply(fmt, ops, ctx, space, change);
			if (ret)
				break;
			change->phase = VMEM_PHASE_BEGIN;
			if (change->flags & VMEM_CHANGE_ATOMIC) {
				change->phase = VMEM_PHASE_SWEEP;
				change->item = 0;
				change->offset = 0;
				change->visited = 0;
			}
			break;
		case VMEM_PHASE_SWEEP:
			ret = vmem_change_sweep(fmt, ops, ctx, space, change);
			if (!ret)
				change->phase = VMEM_PHASE_DONE;
			break;
		case VMEM_PHASE_DONE:
			return 0;
		}
		if (ret)
			return ret;
	}
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
