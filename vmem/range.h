/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How both passes go over a range: down to the table of leaves, a run of its
 * entries at once, and up again.
 *
 * Pass 1 reads, counts the tables that pass 2 will make, and asks for each table
 * that pass 2 will write. Pass 2 writes, and looks again at what it overwrites. A
 * place in a range that was reached is passed only when all that belongs to it is
 * done, and doing it twice is harmless: so each can be stopped where the ops say
 * so, and resumed from the root.
 *
 * The kinds of change are peers: each has a function for a run of leaves, for an
 * entry above them, before the table is entered that one names, and when a table is
 * left, as far as it needs them. They are told apart here, and nowhere else.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_RANGE_H
#define _VMEM_RANGE_H

#include "place.h"
#include "map.h"
#include "unmap.h"
#include "protect.h"
#include "link.h"

/* What is to be done about the entries in hand. */
static __always_inline int vmem_range_look(const struct vmem_env *e,
					   struct vmem_change *change,
					   struct vmem_place *place)
{
	if (place->level == e->facts->nr_levels)
		return VMEM_DOWN;
	if (!place->level) {
		switch (place->kind) {
		case VMEM_KIND_UNMAPPED:
			return vmem_unmap_leaves(e, change, place);
		case VMEM_KIND_PROTECT:
			return vmem_protect_leaves(e, change, place);
		default:
			return vmem_map_leaves(e, change, place);
		}
	}
	vmem_look(e, place);
	switch (place->kind) {
	case VMEM_KIND_UNMAPPED:
		return vmem_unmap_entry(e, change, place);
	case VMEM_KIND_PROTECT:
		return vmem_protect_entry(e, change, place);
	case VMEM_KIND_LINK:
		return vmem_link_entry(e, change, place);
	default:
		return vmem_map_entry(e, change, place);
	}
}

/* May the child be entered, which @slot of @parent names? */
static __always_inline int
vmem_range_may_enter(const struct vmem_env *e, struct vmem_change *change,
		     struct vmem_place *place, vmem_table_t parent,
		     unsigned int slot, u32 *links)
{
	unsigned int level = place->level - 1;
	u32 more = 0;
	int ret;

	/* the copy of the table above */
	if (parent != VMEM_NO_TABLE && !place->apply)
		more = vmem_need_moves(e, change, place, level + 1);
	ret = vmem_owned(e, change, place->child, level, parent, slot, more, links);
	/* but for those of copies that were made since pass 1, it has one */
	if (ret == -EMLINK && place->apply && parent != VMEM_NO_TABLE &&
	    (int)*links <= 1 + vmem_link_mark(e->pages, place->child, VMEM_NO_TABLE, 0,
					      VMEM_MARK_COPIED, change->pass.number))
		ret = 0;
	switch (place->kind) {
	case VMEM_KIND_UNMAPPED:
		if ((!ret || ret == -EMLINK) && parent != VMEM_NO_TABLE)
			ret = vmem_unmap_entered(e, change, place, level + 1,
						 slot, links, ret);
		return ret;
	case VMEM_KIND_BASIC:
	case VMEM_KIND_COW:
		return ret ?: vmem_map_entered(e, change, place, parent, slot,
					       *links);
	default:
		return ret;
	}
}

/* Enter the child. */
static __always_inline int vmem_range_enter(const struct vmem_env *e,
					    struct vmem_change *change,
					    struct vmem_place *place)
{
	unsigned int level = place->level - 1, slot = 0;
	bool known = change->pass.low <= level;
	vmem_table_t parent = VMEM_NO_TABLE;
	u32 links;
	int ret;

	if (level < vmem_top(e->facts)) {
		parent = place->path.table[level + 1];
		slot = vmem_index(e->fmt, place->va, level + 1);
	}
	ret = vmem_range_may_enter(e, change, place, parent, slot, &links);
	if (ret)
		return ret;
	if (!known && place->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	ret = e->read->from_phys(e->ctx, place->child, VMEM_READ,
				 &place->path.host[level]) ?:
	      vmem_visit(change, level, 1);
	if (ret)
		return ret;
	if (!known) {
		change->pass.keeps &= ~BIT(level);
		place->begun = true;
	}
	place->shared &= ~BIT(level);
	/* what else names one that vmem didn't make isn't known */
	if (links ? links > 1 : !(change->asked.flags & VMEM_CHANGE_ALONE))
		place->shared |= BIT(level);
	place->writable &= ~BIT(level);
	place->drop = false;
	place->path.table[level] = place->child;
	place->level = level;
	if (place->kind == VMEM_KIND_UNMAPPED && !place->apply)
		vmem_unmap_beside(e->fmt, change, place);
	return 0;
}

/* The child can't be entered. */
static __always_inline int vmem_range_refused(const struct vmem_env *e,
					      struct vmem_change *change,
					      struct vmem_place *place, int ret)
{
	if (ret == VMEM_OUTSIDE)
		ret = -ENXIO;
	return place->kind == VMEM_KIND_UNMAPPED && ret < 0 &&
	       place->level < e->facts->nr_levels ?
	       vmem_unmap_refused(e, change, place, ret) : ret;
}

/*
 * Up, out of each table that ends with the entry in hand, or in which the range
 * ends, and on behind that. Return: 0; else stay.
 */
static __always_inline int vmem_range_up(const struct vmem_env *e,
					 struct vmem_change *change,
					 struct vmem_place *place)
{
	vmem_virt_t end = place->va | vmem_entry_mask(e->fmt, place->level);
	bool finished;
	int ret;

	if (!place->level)
		end |= vmem_table_mask(e->fmt, 0);
	finished = end >= place->last;
	while (place->level < vmem_top(e->facts) &&
	       (finished || !((end + 1) & vmem_table_mask(e->fmt, place->level)))) {
		if (place->kind == VMEM_KIND_UNMAPPED) {
			ret = vmem_unmap_left(e, change, place);
			if (ret)
				return ret;
		}
		place->shared &= ~BIT(place->level);
		place->drop = false;
		place->level++;
	}
	place->leaving = false;
	place->begun = true;
	place->tries = 0;
	if (change->pass.low < place->level)
		change->pass.low = place->level;
	place->va = finished ? place->last : end + 1;
	return 0;
}

/* One step: down, along, or up. Return: 0; else as vmem_range(). */
static __always_inline int vmem_range_step(const struct vmem_env *e,
					   struct vmem_change *change,
					   struct vmem_place *place)
{
	int ret = vmem_settle(e);

	if (!ret && !place->leaving)
		ret = vmem_range_look(e, change, place);
	if (ret == VMEM_DOWN) {
		ret = vmem_range_enter(e, change, place);
		if (!ret)
			return VMEM_AGAIN;
		ret = vmem_range_refused(e, change, place, ret);
	}
	if (ret == VMEM_MAKE)
		ret = vmem_path_make(e, change, place);
	if (ret == VMEM_CLEAR)
		ret = vmem_unmap_clear(e, change, place);
	if (!ret) {
		place->leaving = true;
		ret = vmem_range_up(e, change, place);
	}
	if (ret == VMEM_WANT)
		ret = vmem_wanted(e, change, place) ?: VMEM_AGAIN;
	return ret;
}

/*
 * One pass over what is left of a mapping; *@offset is how far it came.
 * Return: 0: all of it.
 */
static __always_inline int vmem_range(const struct vmem_env *e,
				      struct vmem_change *change,
				      struct vmem_place *place, u64 *offset)
{
	int ret;

	place->last = place->m->virt_base + (place->m->len - 1);
	place->cut = true;

	while (*offset < place->m->len) {
		/* from the root, also where a table of the path is in use no more */
		if (place->cut) {
			place->va = place->m->virt_base + *offset;
			place->level = e->facts->nr_levels;
			place->child = place->space->root;
			place->tries = 0;
			place->shared = 0;
			place->denies = 0;
			place->writable = 0;
			place->cut = false;
			place->drop = false;
			place->stays = false;
			place->leaving = false;
		}
		ret = vmem_range_step(e, change, place);
		if (ret == VMEM_AGAIN)
			continue;
		if (ret) {
			change->answer.at_va = place->va;
			change->answer.at_level = place->level;
			return ret;
		}
		*offset = place->va == place->last ? place->m->len :
			  place->va - place->m->virt_base;
	}
	change->pass.low = e->facts->nr_levels;
	return 0;
}

#endif /* _VMEM_RANGE_H */
