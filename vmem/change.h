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
#include "short.h"

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
		    fmt->perms(entry, 0) != perms)
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
	u8 levels = vmem_mapping_levels(fmt, m);
	unsigned int smallest;

	if ((m->virt_base | m->len | (m->kind == VMEM_KIND_RAW ? 0 : m->phys_base)) & low)
		return -EINVAL;
	if (!m->len)
		return 0;
	if (check_add_overflow(m->virt_base, m->len - 1, &virt_last))
		return -EOVERFLOW;
	if (m->virt_base <= facts->gap.last && virt_last >= facts->gap.first)
		return -EINVAL;
	switch (m->kind) {
	case VMEM_KIND_UNMAPPED:
	case VMEM_KIND_MAKE:
	case VMEM_KIND_UNSHARE:
		return 0;
	case VMEM_KIND_PROTECT:
		return m->protect.set & m->protect.clear ? -EINVAL :
		       fmt->can_protect(facts, m->protect.set, m->protect.clear);
	case VMEM_KIND_PROMOTE:
		return m->promote.leaf_levels & ~(fmt->leaf_levels & ~BIT(0)) ?
		       -EOPNOTSUPP : 0;
	case VMEM_KIND_LINK:
		return vmem_path_check(fmt, facts, m, m->link.level + 1U);
	case VMEM_KIND_RAW:
		if (!m->phys_base ||
		    fmt->classify(facts, m->phys_base, 0) != VMEM_CLASS_NONE)
			return -EINVAL;
		return levels == BIT(0) ? vmem_path_check(fmt, facts, m, 1) : -EOPNOTSUPP;
	default:
		if (!vmem_mapping_maps(m))
			return -EOPNOTSUPP;
	}
	if (check_add_overflow(m->phys_base, m->len - 1, &phys_last) ||
	    !vmem_nameable(facts, m->phys_base, phys_last))
		return -EOVERFLOW;
	levels &= facts->leaf_levels;
	if (!levels)
		return -EOPNOTSUPP;
	smallest = __builtin_ctz(levels);
	low = vmem_entry_mask(fmt, smallest);
	return (m->virt_base | m->phys_base | m->len) & low ? -EINVAL :
	       m->kind == VMEM_KIND_BASIC && m->basic.attrs & VMEM_COW ? -EOPNOTSUPP :
	       fmt->can_map(facts, vmem_mapping_attrs(facts, m), smallest) ?:
	       vmem_path_check(fmt, facts, m, smallest + 1);
}

/*
 * Are tables that are left empty freed at the end, as another mapping of the
 * list may need them? Those of a list of our own are apart, or see below.
 */
static __always_inline bool vmem_change_sweeps(const struct vmem_env *e)
{
	return e->asked->flags & VMEM_CHANGE_ATOMIC &&
	       e->asked->list != e->change->own;
}

/* How many of the list the pass in hand is about, from its beginning. */
static __always_inline u32 vmem_change_end(const struct vmem_env *e)
{
	return e->asked->flags & VMEM_CHANGE_ATOMIC ? e->asked->nr : e->answer->done + 1;
}

/*
 * Before pass 1: the next mapping, or the list. Is what is asked for well-formed, and if
 * need be in ascending order, and apart? Return: as vmem_map().
 */
static __always_inline int vmem_change_begin(const struct vmem_env *e)
{
	const struct vmem_asked *asked = e->asked;
	const struct vmem_mapping *m, *before = NULL;
	/* those of a list of ours are in order */
	bool apart = vmem_change_sweeps(e);
	u32 i;
	int ret;

	if (e->answer->done == asked->nr) {
		e->pass->phase = VMEM_PHASE_DONE;
		return 0;
	}
	e->answer->at_level = 0;
	e->pass->recounts = 0;
	for (i = e->answer->done; i < vmem_change_end(e); i++) {
		e->answer->at_va = asked->list[i].virt_base;
		ret = vmem_mapping_check(e->fmt, e->facts, &asked->list[i]);
		if (ret)
			return ret;
	}
	for (i = 0; apart && i < asked->nr; i++) {
		m = &asked->list[asked->order[i]];
		e->answer->at_va = m->virt_base;
		if (m->len && before && before->virt_base + (before->len - 1) >= m->virt_base)
			return -EINVAL;
		before = m->len ? m : before;
	}
	e->pass->phase = VMEM_PHASE_CHECK;
	vmem_change_recheck(e->change);
	return 0;
}

/*
 * The mapping in hand in pass 1, which reads those that aren't done in ascending
 * order, or the next one that was unmapped, to be swept; NULL: there is none left.
 */
static __always_inline const struct vmem_mapping *
vmem_change_listed(const struct vmem_env *e)
{
	bool sweep = e->pass->phase == VMEM_PHASE_SWEEP;
	bool sorted = !sweep && vmem_change_sweeps(e);
	const struct vmem_mapping *m;
	u32 i;

	for (; e->pass->item < vmem_change_end(e); e->pass->item++) {
		i = sorted ? e->asked->order[e->pass->item] : e->pass->item;
		m = &e->asked->list[i];
		if (sweep ? m->kind == VMEM_KIND_UNMAPPED : i >= e->answer->done)
			return m;
	}
	return NULL;
}

/*
 * The range that the phase in hand is to go over. Return: where the place in
 * it is kept; NULL: there is none left.
 */
static __always_inline u64 *vmem_change_pick(const struct vmem_env *e)
{
	const struct vmem_mapping *undone = &e->asked->list[e->answer->done];
	const struct vmem_mapping *end = &e->asked->list[e->asked->nr - 1], *m;
	struct vmem_pass *pass = e->pass;

	m = pass->phase == VMEM_PHASE_APPLY ? undone : vmem_change_listed(e);
	if (!m)
		return NULL;
	if (m == undone)
		pass->offset = max(pass->offset, e->answer->done_len);

	e->at->m = m;
	e->at->apply = pass->phase != VMEM_PHASE_CHECK;
	e->at->sweep = pass->phase == VMEM_PHASE_SWEEP;
	/* what is unmapped for a link leaves the table that holds the entry */
	e->at->keep = pass->phase == VMEM_PHASE_APPLY && vmem_change_sweeps(e) ? 0 :
		      e->asked->list == e->change->own && end->kind == VMEM_KIND_LINK ?
		      end->link.level + 1U : VMEM_LEVELS_MAX;
	e->at->lowest = m->kind == VMEM_KIND_MAKE ? m->link.level :
			m->kind > VMEM_KIND_MAKE ? m->link.level + 1U : 0;
	e->at->first = m->virt_base + (m == undone ? e->answer->done_len : 0);
	e->at->needs = m->kind == VMEM_KIND_PROTECT ? m->protect.set & VMEM_RWXU :
		       m->kind >= VMEM_KIND_MAKE ? VMEM_R | VMEM_W | VMEM_X : 0;
	e->at->levels = m->kind >= VMEM_KIND_MAKE ? 0 : e->facts->leaf_levels;
	e->at->away = 0;
	if (m->kind == VMEM_KIND_PROMOTE) {
		e->at->levels &= m->promote.leaf_levels ?: U8_MAX;
	} else if (m->kind == VMEM_KIND_RAW) {
		e->at->levels = BIT(0);
		e->at->leaf = m->phys_base;
	} else if (vmem_mapping_maps(m)) {
		e->at->levels &= vmem_mapping_levels(e->fmt, m);
		e->at->away = m->phys_base - m->virt_base;
		e->at->attrs = vmem_mapping_attrs(e->facts, m);
		e->at->needs = e->at->attrs & VMEM_RWXU;
		/* that it can be made was seen before pass 1 */
		e->at->leaf = e->fmt->make_leaf(e->facts, e->at->attrs, 0, m->phys_base);
	}
	return pass->phase == VMEM_PHASE_APPLY ? &e->answer->done_len :
						 &pass->offset;
}

/*
 * One pass more begins. An atomic list has made tables by then, or will; what it
 * unmaps comes by each of them, and by as many more as there are mappings, a level.
 */
static __always_inline void vmem_change_again(const struct vmem_env *e)
{
	e->pass->visited = 0;
	e->pass->spare = e->asked->flags & VMEM_CHANGE_ATOMIC ?
			 e->need->tables +
			 (u64)e->asked->nr * e->facts->nr_levels : 0;
}

/* A range is done, in the phase in hand. */
static __always_inline void vmem_change_passed(const struct vmem_env *e)
{
	struct vmem_pass *pass = e->pass;

	pass->keeps = 0;
	/* tables that were counted are those of another space */
	if (e->at->m->kind == VMEM_KIND_MAKE &&
	    e->at->m->link.owner->root != e->space->root) {
		e->need->counting = 0;
		e->need->moving = 0;
	}
	if (pass->phase != VMEM_PHASE_APPLY) {
		pass->item++;
		pass->offset = 0;
		return;
	}
	VMEM_ASSERT(e->answer->done < e->asked->nr);
	e->answer->done++;
	e->answer->done_len = 0;
	if (!(e->asked->flags & VMEM_CHANGE_ATOMIC)) {
		pass->phase = VMEM_PHASE_BEGIN;
	} else if (e->answer->done == e->asked->nr) {
		pass->phase = vmem_change_sweeps(e) ? VMEM_PHASE_SWEEP :
						      VMEM_PHASE_DONE;
		pass->item = 0;
		pass->offset = 0;
		vmem_change_again(e);
	}
}

/* Between the passes: all that pass 2 will fill is set aside, and at hand. */
static __always_inline int vmem_change_reserve(const struct vmem_env *e)
{
	struct vmem_need *need = e->need;
	struct vmem_reservation *res = &e->pages->res;
	struct vmem_pool_page *page;
	u64 n = need->touched;
	vmem_table_t table;
	vmem_pte_t *host;
	int ret;

	e->answer->at_va = e->asked->list[e->answer->done].virt_base +
			   e->answer->done_len;
	e->answer->at_level = 0;
	e->answer->lacking = vmem_pool_lacking(e->pages->pool, res, need->tables);
	ret = vmem_pool_reserve(e->pages->pool, res, need->tables, need->links);
	if (ret)
		return ret;
	for (page = n ? need->page : res->first; n < need->tables; n++, page = page->next) {
		table = page->table;
		/* an entry can't name it */
		ret = n > need->touched && e->read->pause(e->ctx, 1) ? VMEM_PAUSE :
		      !vmem_nameable(e->facts, vmem_table_gpa(table), vmem_table_gpa(table)) ?
		      -EOVERFLOW : vmem_reach(e, table, VMEM_WRITE, &host);
		if (ret)
			break;
	}
	need->touched = n;
	need->page = page;
	return ret;
}

/**
 * vmem_change_shorts() - what is short at the beginning of what is left of a list
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space
 * @change:	what to do
 * @map_short:	vmem_map_short() for these, a compile-time constant
 *
 * Context: as vmem_map(), before which it need not be called.
 * Return: 0: all is done; VMEM_PAUSE; VMEM_AGAIN: vmem_map() is to go on.
 */
static __always_inline int
vmem_change_shorts(const struct vmem_format *fmt, const struct vmem_table_ops *ops, void *ctx,
		   struct vmem_space *space, struct vmem_change *change,
		   int (*map_short)(const struct vmem_format *fmt, void *ctx,
				    struct vmem_space *space, const struct vmem_mapping *m,
				    u32 flags))
{
	const struct vmem_asked *asked = &change->asked;
	struct vmem_answer *answer = &change->answer;
	const struct vmem_mapping *m;
	int ret;

	if (change->pass.phase != VMEM_PHASE_BEGIN || asked->flags & VMEM_CHANGE_ATOMIC ||
	    asked->budget < space->facts.nr_levels)
		return VMEM_AGAIN;
	while (answer->done < asked->nr) {
		m = &asked->list[answer->done];
		ret = map_short(fmt, ctx, space, m, asked->flags);
		if (ret < 0)
			return VMEM_AGAIN;
		if (ret)
			vmem_flush(change, ret == VMEM_FLUSH_ALL, m->virt_base,
				   m->virt_base + (m->len - 1));
		answer->pages += m->len >> fmt->page_lg2;
		answer->dirty = true;
		if (++answer->done < asked->nr && ops->read.pause(ctx, space->facts.nr_levels))
			return VMEM_PAUSE;
	}
	change->pass.phase = VMEM_PHASE_DONE;
	return 0;
}

static __always_inline int
vmem_map(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	 void *ctx, struct vmem_space *space, struct vmem_change *change)
{
	struct vmem_place place = {};
	const struct vmem_env e = {
		.fmt = fmt, .read = &ops->read, .ctx = ctx,
		.facts = &space->facts, .ops = ops, .pages = ops->pages(ctx),
		.space = space, .change = change, .asked = &change->asked,
		.answer = &change->answer, .pass = &change->pass,
		.need = &change->need, .at = &place,
	};
	struct vmem_pass *pass = &change->pass;
	u64 *offset;
	int ret;

	do {
		ret = vmem_settle(&e);
		if (ret)
			break;
		switch (pass->phase) {
		case VMEM_PHASE_BEGIN:
			ret = vmem_change_begin(&e);
			break;
		case VMEM_PHASE_RESERVE:
			ret = vmem_change_reserve(&e);
			if (ret)
				break;
			pass->phase = VMEM_PHASE_APPLY;
			vmem_change_again(&e);
			break;
		case VMEM_PHASE_DONE:
			return 0;
		default:
			if (pass->waits) {
				pass->waits--;
				return VMEM_PAUSE;
			}
			offset = vmem_change_pick(&e);
			if (!offset) {
				pass->phase = pass->phase == VMEM_PHASE_SWEEP ?
					      VMEM_PHASE_DONE :
					      VMEM_PHASE_RESERVE;
				break;
			}
			ret = vmem_range(&e, offset);
			if (!ret)
				vmem_change_passed(&e);
			break;
		}
	} while (!ret);
	return ret;
}

/* The list is the change's own: together, if there are several. */
static inline void vmem_change_own(struct vmem_change *change)
{
	change->asked.list = change->own;
	if (change->asked.nr > 1)
		change->asked.flags |= VMEM_CHANGE_ATOMIC;
}

/**
 * vmem_link_list() - a table of another place to be linked, as mappings
 * @fmt:	format
 * @change:	@own and the list are set, from the flags too: with
 *		VMEM_CHANGE_REPLACE what is there is unmapped
 * @our_va:	where it is to be linked, a multiple of its span
 * @link:	the table; a table of ours
 *
 * Return: 0; -EINVAL: not the base of a span, not canonical, or a root.
 */
static __always_inline int
vmem_link_list(const struct vmem_format *fmt, struct vmem_change *change,
	       vmem_virt_t our_va, const struct vmem_link_mapping *link)
{
	const struct vmem_facts *facts = &link->owner->facts;
	struct vmem_mapping *m = change->own;
	u32 flags = change->asked.flags;
	u64 mask;

	if (link->level >= vmem_top(facts))
		return -EINVAL;
	mask = vmem_table_mask(fmt, link->level);
	if ((our_va | link->their_va) & mask ||
	    !vmem_is_canonical(&facts->gap, our_va) ||
	    !vmem_is_canonical(&facts->gap, link->their_va))
		return -EINVAL;
	*m = (struct vmem_mapping){ .virt_base = our_va, .len = mask + 1, .link = *link };
	/* what is made lies at one place, which isn't in the way of the link */
	if (flags & VMEM_CHANGE_MAKE) {
		change->asked.flags &= ~VMEM_CHANGE_SHARED_OK;
		m[1] = *m;
		m->virt_base = link->their_va;
		m++->kind = VMEM_KIND_MAKE;
	}
	if (flags & VMEM_CHANGE_REPLACE) {
		m[1] = *m;
		m++->kind = VMEM_KIND_UNMAPPED;
	}
	m++->kind = flags & VMEM_CHANGE_UNSHARE ? VMEM_KIND_UNSHARE : VMEM_KIND_LINK;
	change->asked.nr = m - change->own;
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
