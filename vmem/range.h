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

#include "install.h"
#include "map.h"
#include "unmap.h"
#include "protect.h"
#include "promote.h"
#include "link.h"

/* What is to be done about the entries in hand: a run of leaves, or one above them. */
static __always_inline int vmem_range_look(const struct vmem_env *e)
{
	bool leaves = !e->at->level;

	if (e->at->level == e->facts->nr_levels)
		return VMEM_DOWN;
	if (!leaves)
		vmem_look(e);
	switch (e->at->m->kind) {
	case VMEM_KIND_UNMAPPED:
		return leaves ? vmem_unmap_leaves(e) : vmem_unmap_entry(e);
	case VMEM_KIND_PROTECT:
		return leaves ? vmem_protect_leaves(e) : vmem_protect_entry(e);
	case VMEM_KIND_PROMOTE:
		return leaves ? 0 : vmem_promote_entry(e);
	case VMEM_KIND_MAKE:
		return vmem_link_make(e);
	case VMEM_KIND_LINK:
		return vmem_link_entry(e);
	case VMEM_KIND_UNSHARE:
		return vmem_link_unshare(e);
	default:
		return leaves ? vmem_map_leaves(e) : vmem_map_entry(e);
	}
}

/* May the child be entered? */
static __always_inline int vmem_range_may_enter(const struct vmem_env *e)
{
	unsigned int level = e->at->level;
	u32 more;
	int ret;

	if (level == e->facts->nr_levels)
		return vmem_owned(e, e->at->child, level - 1, VMEM_NO_TABLE, 0, 0,
				  &e->at->links);
	/* the copy of the table above */
	more = !e->at->apply && vmem_need_moves(e, level);
	ret = vmem_owned(e, e->at->child, level - 1, e->at->path.table[level],
			 vmem_slot(e, level), more, &e->at->links);
	/* but for those of copies that were made since pass 1, it has one */
	if (ret == -EMLINK && e->at->apply && e->at->m->kind != VMEM_KIND_PROMOTE &&
	    (int)e->at->links <= 1 + vmem_link_marked(e->pages, e->at->child,
						      VMEM_MARK_COPIED,
						      e->pass->number))
		ret = 0;
	if (e->at->m->kind == VMEM_KIND_UNMAPPED)
		return vmem_unmap_entered(e, ret);
	/* one that others have is read, but what hangs below it stays as it is */
	e->at->held = e->at->m->kind == VMEM_KIND_PROMOTE && ret == -EMLINK;
	if (e->at->held)
		return 0;
	return !ret && vmem_mapping_maps(e->at->m) ? vmem_map_entered(e) : ret;
}

/* Enter the child. */
static __always_inline int vmem_range_enter(const struct vmem_env *e)
{
	unsigned int level = e->at->level - 1;
	bool known = e->pass->low <= level;
	int ret;

	ret = vmem_range_may_enter(e);
	if (ret)
		return ret;
	if (!known && e->at->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	ret = vmem_reach(e, e->at->child, VMEM_READ, &e->at->path.host[level]) ?:
	      vmem_visit(e, level);
	if (ret)
		return ret;
	if (!known) {
		e->pass->keeps &= ~BIT(level);
		e->pass->leaf[level] = 0;
		e->at->begun = true;
	}
	VMEM_ASSERT(e->pass->low <= level);
	/* what else names one that vmem didn't make isn't known */
	if (e->at->links ? e->at->links > 1 :
			   !(e->asked->flags & VMEM_CHANGE_ALONE))
		e->at->shared |= BIT(level);
	e->at->writable &= ~BIT(level);
	e->at->drop = false;
	e->at->path.table[level] = e->at->child;
	e->at->level = level;
	return 0;
}

/*
 * Up, out of each table that ends with the entry in hand, or in which the range
 * ends, and on behind that. Return: 0; else stay.
 */
static __always_inline int vmem_range_up(const struct vmem_env *e)
{
	vmem_virt_t end = e->at->va | vmem_entry_mask(e->fmt, e->at->level);
	unsigned int i;
	bool finished;
	int ret;

	if (!e->at->level)
		end |= vmem_table_mask(e->fmt, 0);
	finished = end >= e->at->last;
	while (e->at->level < vmem_top(e->facts) &&
	       (finished || !((end + 1) & vmem_table_mask(e->fmt, e->at->level)))) {
		ret = e->at->m->kind == VMEM_KIND_UNMAPPED ? vmem_unmap_left(e) :
		      e->at->m->kind == VMEM_KIND_PROMOTE ? vmem_promote_left(e) : 0;
		if (ret)
			return ret;
		e->at->shared &= ~BIT(e->at->level);
		e->at->drop = false;
		e->at->held = false;
		e->at->level++;
	}
	for (i = 0; e->at->m->kind == VMEM_KIND_PROMOTE && i < VMEM_LEVELS_MAX; i++) {
		e->answer->skipped[e->at->skips[i]] += e->at->apply;
		e->at->skips[i] = 0;
	}
	e->at->leaving = false;
	e->at->begun = true;
	e->at->tries = 0;
	if (e->pass->low < e->at->level)
		e->pass->low = e->at->level;
	e->at->va = finished ? e->at->last : end + 1;
	VMEM_ASSERT(e->at->va <= e->at->last);
	return 0;
}

/* Both passes, VMEM_WANT: a table is to be written. The address is good in this piece. */
static __always_inline int vmem_range_want(const struct vmem_env *e)
{
	unsigned int level = e->at->want;
	vmem_pte_t *host;
	int ret;

	ret = vmem_reach(e, e->at->path.table[level], VMEM_WRITE, &host);
	if (!ret)
		e->at->path.host[level] = host;
	else if (e->at->m->kind == VMEM_KIND_UNMAPPED &&
		 vmem_unmap_spares(e, level, ret))
		return 0;
	if (e->ops->movability == VMEM_MAY_MOVE_TABLE && ret == VMEM_FROZEN)
		ret = e->at->m->kind == VMEM_KIND_MAKE ? -EROFS : vmem_copy_path(e, level);
	if (ret)
		return ret;
	VMEM_ASSERT(e->at->path.host[level]);
	e->at->writable |= BIT(level);
	return 0;
}

/* One step: down, along, or up. Return: 0; else as vmem_range(). */
static __always_inline int vmem_range_step(const struct vmem_env *e)
{
	int ret = vmem_settle(e);

	if (!ret && !e->at->leaving)
		ret = vmem_range_look(e);
	if (ret == VMEM_DOWN) {
		ret = vmem_range_enter(e);
		if (!ret)
			return VMEM_AGAIN;
		if (e->at->level == e->facts->nr_levels)
			return ret;
		if (e->at->m->kind == VMEM_KIND_UNMAPPED)
			ret = vmem_unmap_refused(e, ret);
		else if (e->at->m->kind == VMEM_KIND_PROMOTE)
			ret = vmem_promote_refused(e, ret);
	}
	if (ret == VMEM_WIDEN)
		ret = vmem_path_widen(e);
	if (ret == VMEM_MAKE)
		ret = vmem_path_make(e);
	if (ret == VMEM_CLEAR)
		ret = vmem_unmap_clear(e);
	if (!ret) {
		e->at->leaving = true;
		ret = vmem_range_up(e);
	}
	if (ret == VMEM_WANT)
		ret = vmem_range_want(e) ?: VMEM_AGAIN;
	return ret;
}

/*
 * One pass over what is left of a mapping; *@offset is how far it came.
 * Return: 0: all of it.
 */
static __always_inline int vmem_range(const struct vmem_env *e, u64 *offset)
{
	int ret;

	e->at->last = e->at->m->virt_base + (e->at->m->len - 1);
	e->at->cut = true;

	while (*offset < e->at->m->len) {
		/* from the root, also where a table of the path may be in use no more */
		if (e->at->cut) {
			e->at->va = e->at->m->virt_base + *offset;
			e->at->level = e->facts->nr_levels;
			e->at->child = e->at->m->kind == VMEM_KIND_MAKE ?
				       e->at->m->link.owner->root : e->space->root;
			e->at->shared = 0;
			e->at->cut = false;
			e->at->leaving = false;
		}
		ret = vmem_range_step(e);
		if (ret == VMEM_AGAIN)
			continue;
		if (ret) {
			e->answer->at_va = e->at->va;
			e->answer->at_level = e->at->level;
			return ret;
		}
		*offset = e->at->va == e->at->last ? e->at->m->len :
			  e->at->va - e->at->m->virt_base;
	}
	e->pass->low = e->facts->nr_levels;
	return 0;
}

#endif /* _VMEM_RANGE_H */
