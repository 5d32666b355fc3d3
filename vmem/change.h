/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A change as a whole: a list of mappings, checked, counted, reserved for and
 * then done, each of them or all together, by the two passes of range.h. It can
 * be stopped between any two tables and resumed.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_CHANGE_H
#define _VMEM_CHANGE_H

#include <linux/overflow.h>

#include "range.h"

/* Can table entries be made that grant just what was given? */
static __always_inline int
vmem_path_check(const struct vmem_format *fmt, const struct vmem_facts *facts,
		const struct vmem_mapping *m, unsigned int level)
{
	u32 all = GENMASK(4 * facts->nr_levels - 1, 4 * level), perms;
	u64 entry;

	if (!m->path_given)
		return 0;
	if (m->path & ~all)
		return -EINVAL;
	for (; level < facts->nr_levels; level++) {
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
		   const struct vmem_facts *facts, const struct vmem_mapping *m)
{
	u64 low = BIT_ULL(fmt->page_lg2) - 1, virt_last, phys_last;

	if ((m->virt_base | m->phys_base | m->len) & low)
		return -EINVAL;
	if (!m->len)
		return 0;
	if (check_add_overflow(m->virt_base, m->len - 1, &virt_last))
		return -EOVERFLOW;
	if (m->virt_base <= facts->gap.last && virt_last >= facts->gap.first)
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
	return fmt->can_map(facts, vmem_mapping_attrs(m), 0) ?:
	       vmem_path_check(fmt, facts, m, 1);
}

/* In ascending order. Return: 0; -EINVAL: two overlap, or it isn't the order. */
static inline int vmem_change_apart(struct vmem_change *change)
{
	const struct vmem_asked *asked = &change->asked;
	const struct vmem_mapping *before = NULL, *m;
	u32 i;

	for (i = 0; i < asked->nr; i++) {
		m = &asked->list[asked->order[i]];
		if (!m->len)
			continue;
		if (before && before->virt_base + (before->len - 1) >= m->virt_base) {
			change->answer.at_va = m->virt_base;
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
	const struct vmem_asked *asked = &change->asked;
	bool atomic = asked->flags & VMEM_CHANGE_ATOMIC;
	u32 i, end = atomic ? asked->nr : change->answer.done + 1;
	int ret;

	change->answer.at_level = 0;
	change->pass.recounts = 0;
	for (i = change->answer.done; i < end; i++) {
		ret = vmem_mapping_check(e->fmt, e->facts, &asked->list[i]);
		if (ret) {
			change->answer.at_va = asked->list[i].virt_base;
			return ret;
		}
	}
	/* those of a list of ours are in order */
	if (atomic && asked->list != change->own) {
		ret = vmem_change_apart(change);
		if (ret)
			return ret;
	}
	change->pass.phase = VMEM_PHASE_CHECK;
	vmem_change_recheck(change);
	return 0;
}

/* The n-th mapping of the list in ascending order. */
static inline u32 vmem_change_nth(const struct vmem_change *change, u32 n)
{
	return change->asked.list == change->own ? n : change->asked.order[n];
}

/* The first one that isn't done, or not all of it. */
static inline const struct vmem_mapping *
vmem_change_undone(const struct vmem_change *change)
{
	return &change->asked.list[change->answer.done];
}

/* The mapping in hand in pass 1, NULL when all were read. */
static inline const struct vmem_mapping *
vmem_change_unread(struct vmem_change *change)
{
	const struct vmem_asked *asked = &change->asked;
	struct vmem_pass *pass = &change->pass;

	if (!(asked->flags & VMEM_CHANGE_ATOMIC))
		return pass->item == change->answer.done ?
		       &asked->list[pass->item] : NULL;
	while (pass->item < asked->nr &&
	       vmem_change_nth(change, pass->item) < change->answer.done)
		pass->item++;
	return pass->item < asked->nr ?
	       &asked->list[vmem_change_nth(change, pass->item)] : NULL;
}

/* The next one that was unmapped, NULL when there is none. */
static inline const struct vmem_mapping *
vmem_change_unswept(struct vmem_change *change)
{
	const struct vmem_asked *asked = &change->asked;
	struct vmem_pass *pass = &change->pass;

	while (pass->item < asked->nr &&
	       asked->list[pass->item].kind != VMEM_KIND_UNMAPPED)
		pass->item++;
	return pass->item < asked->nr ? &asked->list[pass->item] : NULL;
}

/*
 * Are tables that are left empty freed at the end, as another mapping of the
 * list may need them? Those of a list of our own are apart, or see below.
 */
static inline bool vmem_change_sweeps(const struct vmem_change *change)
{
	return change->asked.flags & VMEM_CHANGE_ATOMIC &&
	       change->asked.list != change->own;
}

/* What is unmapped for a link leaves the table that holds the entry. */
static inline unsigned int vmem_change_keep(const struct vmem_change *change)
{
	const struct vmem_mapping *m = &change->asked.list[change->asked.nr - 1];

	return change->asked.list == change->own && m->kind == VMEM_KIND_LINK ?
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
	const struct vmem_mapping *undone = vmem_change_undone(change), *m;
	struct vmem_pass *pass = &change->pass;

	switch (pass->phase) {
	case VMEM_PHASE_CHECK:
		m = vmem_change_unread(change);
		if (m == undone)
			pass->offset = max(pass->offset, change->answer.done_len);
		break;
	case VMEM_PHASE_SWEEP:
		m = vmem_change_unswept(change);
		break;
	default:
		m = undone;
	}
	if (!m)
		return NULL;

	place->m = m;
	place->kind = m->kind;
	place->apply = pass->phase != VMEM_PHASE_CHECK;
	place->sweep = pass->phase == VMEM_PHASE_SWEEP;
	place->free = place->sweep || !vmem_change_sweeps(change);
	place->keep = vmem_change_keep(change);
	place->lowest = m->kind == VMEM_KIND_LINK ? m->link.level + 1U : 0;
	place->first = m->virt_base + (m == undone ? change->answer.done_len : 0);
	place->needs = m->kind == VMEM_KIND_LINK ? VMEM_R | VMEM_W | VMEM_X :
		       (m->kind == VMEM_KIND_PROTECT ? m->protect.set :
			vmem_mapping_attrs(m)) & VMEM_RWXU;
	/* that it can be made was seen before pass 1 */
	place->leaf = vmem_mapping_maps(m) ?
		      e->fmt->make_leaf(e->facts, vmem_mapping_attrs(m), 0, m->phys_base) : 0;
	return pass->phase == VMEM_PHASE_APPLY ? &change->answer.done_len :
						 &pass->offset;
}

/*
 * One pass more begins. An atomic list has made tables by then, or will; what it
 * unmaps comes by each of them, and by as many more as there are mappings, a level.
 */
static inline void vmem_change_again(const struct vmem_env *e,
				     struct vmem_change *change)
{
	change->pass.visited = 0;
	change->pass.spare = change->asked.flags & VMEM_CHANGE_ATOMIC ?
			     change->need.tables +
			     (u64)change->asked.nr * e->facts->nr_levels : 0;
}

/* A range is done, in the phase in hand. */
static __always_inline void vmem_change_passed(const struct vmem_env *e,
					       struct vmem_change *change)
{
	struct vmem_pass *pass = &change->pass;

	pass->keeps = 0;
	if (pass->phase != VMEM_PHASE_APPLY) {
		pass->item++;
		pass->offset = 0;
		return;
	}
	change->answer.done++;
	change->answer.done_len = 0;
	if (!(change->asked.flags & VMEM_CHANGE_ATOMIC)) {
		pass->phase = VMEM_PHASE_BEGIN;
	} else if (change->answer.done == change->asked.nr) {
		pass->phase = vmem_change_sweeps(change) ? VMEM_PHASE_SWEEP :
							   VMEM_PHASE_DONE;
		pass->item = 0;
		pass->offset = 0;
		vmem_change_again(e, change);
	}
}

/* Between the passes: all that pass 2 will fill is at hand. */
static __always_inline int vmem_change_touch(const struct vmem_env *e,
					     struct vmem_change *change)
{
	struct vmem_need *need = &change->need;
	bool begun = false;
	vmem_table_t table;
	vmem_pte_t *host;
	int ret;

	for (; need->touched < need->tables; need->touched++) {
		if (begun && e->read->pause(e->ctx, 1))
			return VMEM_PAUSE;
		table = vmem_pool_reserved(e->pages->pool, &e->pages->res,
					   need->touched);
		/* an entry can't name it */
		if (!vmem_nameable(e->facts, vmem_table_gpa(table),
				   vmem_table_gpa(table)))
			return -EOVERFLOW;
		ret = vmem_reach(e, table, &host);
		if (ret)
			return ret;
		begun = true;
	}
	return 0;
}

/* And before that: it is set aside. */
static __always_inline int vmem_change_reserve(const struct vmem_env *e,
					       struct vmem_change *change)
{
	const struct vmem_need *need = &change->need;
	struct vmem_pages *pages = e->pages;

	change->answer.at_va = vmem_change_undone(change)->virt_base +
			       change->answer.done_len;
	change->answer.at_level = 0;
	change->answer.lacking = vmem_pool_lacking(pages->pool, &pages->res,
						   need->tables);
	return vmem_pool_reserve(pages->pool, &pages->res, need->tables,
				 need->links);
}

static __always_inline void vmem_change_recheck(struct vmem_change *change)
{
	struct vmem_pass *pass = &change->pass;
	struct vmem_need *need = &change->need;

	pass->number++;
	if (pass->phase == VMEM_PHASE_BEGIN || pass->phase >= VMEM_PHASE_SWEEP)
		return;
	pass->phase = VMEM_PHASE_CHECK;
	pass->item = change->asked.flags & VMEM_CHANGE_ATOMIC ?
		     0 : change->answer.done;
	pass->offset = 0;
	pass->visited = 0;
	pass->spare = 0;
	pass->keeps = 0;
	pass->low = VMEM_LEVELS_MAX;
	need->tables = 0;
	need->links = 0;
	need->touched = 0;
	need->counting = 0;
	need->moving = 0;
}

/* The next mapping, or the list. Return: as vmem_map(). */
static __always_inline int vmem_change_next(const struct vmem_env *e,
					    const struct vmem_space *space,
					    struct vmem_change *change)
{
	int ret;

	if (change->answer.done == change->asked.nr) {
		change->pass.phase = VMEM_PHASE_DONE;
		return 0;
	}
	ret = vmem_change_begin(e, change);
	if (ret || change->asked.flags & VMEM_CHANGE_ATOMIC ||
	    !vmem_map_short(e, space, change))
		return ret;
	change->pass.phase = VMEM_PHASE_BEGIN;
	return change->answer.done < change->asked.nr &&
	       e->read->pause(e->ctx, e->facts->nr_levels) ? VMEM_PAUSE : 0;
}

static __always_inline int
vmem_map(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	 void *ctx, struct vmem_space *space, struct vmem_change *change)
{
	const struct vmem_env e = {
		fmt, &ops->read, ctx, &space->facts, ops, ops->pages(ctx),
	};
	struct vmem_pass *pass = &change->pass;
	struct vmem_place place;
	u64 *offset;
	int ret;

	/* the rest when it is needed: not for what is short */
	place.space = NULL;
	do {
		ret = vmem_settle(&e);
		if (ret)
			break;
		switch (pass->phase) {
		case VMEM_PHASE_BEGIN:
			ret = vmem_change_next(&e, space, change);
			break;
		case VMEM_PHASE_RESERVE:
			ret = vmem_change_reserve(&e, change);
			if (!ret)
				pass->phase = VMEM_PHASE_TOUCH;
			break;
		case VMEM_PHASE_TOUCH:
			ret = vmem_change_touch(&e, change);
			if (ret)
				break;
			pass->phase = VMEM_PHASE_APPLY;
			vmem_change_again(&e, change);
			break;
		case VMEM_PHASE_DONE:
			return 0;
		case VMEM_PHASE_CHECK:
		case VMEM_PHASE_APPLY:
		case VMEM_PHASE_SWEEP:
			if (pass->waits) {
				pass->waits--;
				return VMEM_PAUSE;
			}
			if (!place.space)
				place = (struct vmem_place){ .space = space };
			offset = vmem_change_pick(&e, change, &place);
			if (!offset) {
				pass->phase = pass->phase == VMEM_PHASE_SWEEP ?
					      VMEM_PHASE_DONE :
					      VMEM_PHASE_RESERVE;
				break;
			}
			ret = vmem_range(&e, change, &place, offset);
			if (!ret)
				vmem_change_passed(&e, change);
			break;
		}
	} while (!ret);
	return ret;
}

static __always_inline int
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

static __always_inline int
vmem_link_list(const struct vmem_format *fmt, struct vmem_change *change,
	       vmem_virt_t our_va, const struct vmem_link_mapping *link)
{
	const struct vmem_facts *facts = &link->owner->facts;
	struct vmem_mapping *m = change->own;
	u64 mask;

	if (link->level >= vmem_top(facts))
		return -EINVAL;
	mask = vmem_table_mask(fmt, link->level);
	if ((our_va | link->their_va) & mask ||
	    !vmem_is_canonical(&facts->gap, our_va) ||
	    !vmem_is_canonical(&facts->gap, link->their_va))
		return -EINVAL;
	change->asked.nr = 0;
	if (change->asked.flags & VMEM_CHANGE_REPLACE) {
		m[change->asked.nr++] = (struct vmem_mapping){
			.virt_base = our_va, .len = mask + 1,
			.kind = VMEM_KIND_UNMAPPED,
		};
	}
	m[change->asked.nr++] = (struct vmem_mapping){
		.virt_base = our_va, .len = mask + 1,
		.kind = VMEM_KIND_LINK, .link = *link,
	};
	vmem_change_own(change);
	return 0;
}

static __always_inline int
vmem_space_aware_map(const struct vmem_format *fmt,
		     const struct vmem_table_ops *ops, void *ctx,
		     struct vmem_space *space,
		     const struct vmem_space_aware_mapping *reference,
		     const struct vmem_space *built, u32 nr_built,
		     struct vmem_change *change)
{
	struct vmem_link_mapping link = {
		.their_va	= reference->ref.their_va,
		.level		= vmem_top(&space->facts) - reference->detail,
	};
	struct vmem_mapping *m;
	int ret;

	if (!change->asked.list) {
		if (reference->ref.owner >= nr_built)
			return -ENOENT;
		link.owner = &built[reference->ref.owner];
		ret = vmem_link_list(fmt, change, reference->va, &link);
		if (ret)
			return ret;
		m = &change->own[change->asked.nr - 1];
		m->path_given = true;
		m->path = reference->path;
	}
	return vmem_map(fmt, ops, ctx, space, change);
}

#endif /* _VMEM_CHANGE_H */
