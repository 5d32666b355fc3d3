/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mapping: leaves where nothing is, or in place of what is there.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_MAP_H
#define _VMEM_MAP_H

#include "install.h"

/*
 * Pass 1: a shared table that is come to by two of its links. What is a hole now is
 * mapped when pass 2 comes by the second.
 */
static __always_inline int vmem_map_entered(const struct vmem_env *e)
{
	int marked;

	if (e->at->links < 2 || e->at->apply ||
	    e->asked->flags & VMEM_CHANGE_REPLACE)
		return 0;
	marked = vmem_link_mark(e->pages, e->at->child,
				e->at->path.table[e->at->level],
				vmem_slot(e, e->at->level), VMEM_MARK_ENTERED,
				e->pass->number);
	return marked < 0 ? vmem_remark(e) : marked ? -EEXIST : 0;
}

/* Both passes: something is there, or was, in a run of leaves. */
static __always_inline int
vmem_map_onto(const struct vmem_env *e, unsigned int i, unsigned int end)
{
	const vmem_pte_t *host = e->at->path.host[0];
	bool replace = e->asked->flags & VMEM_CHANGE_REPLACE;
	bool keep = e->asked->flags & VMEM_CHANGE_KEEP;
	u64 page = BIT_ULL(e->fmt->page_lg2), entry;
	unsigned int n;

	for (n = i; n <= end && (keep || !replace); n++) {
		entry = vmem_read(host, n);
		if (entry & e->fmt->present ? !replace : entry && keep) {
			e->at->va += (n - i) * page;
			return -EEXIST;
		}
	}
	if (!e->at->apply)
		return 0;
	if (vmem_any(host, i, end, e->fmt->present))
		vmem_flush(e->change, e->at->shared, e->at->va,
			   e->at->va + (end - i + 1) * page - 1);
	for (n = i; n <= end; n++)
		vmem_look_back(e, vmem_read(host, n), 0, e->at->leaf);
	return 0;
}

/* Both passes: a run of leaves in a table of level 0. */
static __always_inline int vmem_map_leaves(const struct vmem_env *e)
{
	unsigned int i = vmem_slot(e, 0), end = vmem_place_end(e);
	vmem_pte_t *host = e->at->path.host[0];
	int ret = vmem_want(e, 0);

	if (ret)
		return ret;
	ret = vmem_any(host, i, end, U64_MAX) ? vmem_map_onto(e, i, end) : 0;
	if (ret || !e->at->apply)
		return ret;
	vmem_place_fill(e, host, 0, i, end);
	e->answer->pages += end - i + 1;
	e->answer->dirty = true;
	return 0;
}

/*
 * Both passes: may the table go that the entry in hand names, for a leaf? One of ours
 * that nothing else names, in which nothing lies, with REPLACE also if there are no
 * tables below it. Where the one in hand is frozen its copy would be another link.
 * Return: 0; VMEM_DOWN: it stays; VMEM_ABSENT, VMEM_PAUSE, -E2BIG.
 */
static __always_inline int vmem_map_frees(const struct vmem_env *e, vmem_pte_t **host)
{
	unsigned int level = e->at->level, i, nr = vmem_nr_entries(e->fmt, level - 1);
	vmem_table_t table = e->at->path.table[level];
	enum vmem_class class;
	u32 links;
	u64 entry;
	int ret;

	if (!vmem_look_mine(e, level, e->at->child, &links) ||
	    links + (!e->at->apply && vmem_need_moves(e, level)) > 1 ||
	    vmem_link_marked(e->pages, e->at->child, VMEM_MARK_COPIED, e->pass->number))
		return VMEM_DOWN;
	if (e->pass->low >= level && e->at->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	ret = vmem_reach(e, table, VMEM_WRITE, host);
	if (ret)
		return ret == VMEM_ABSENT ? ret : VMEM_DOWN;
	ret = vmem_reach(e, e->at->child, VMEM_READ, host) ?: vmem_visit(e, level - 1);
	for (i = 0; !ret && i < nr; i++) {
		entry = vmem_read(*host, i);
		class = vmem_classify(e, entry, level - 1);
		if (entry && (!(e->asked->flags & VMEM_CHANGE_REPLACE) ||
			      class == VMEM_CLASS_TABLE ||
			      (class == VMEM_CLASS_NONE &&
			       e->asked->flags & VMEM_CHANGE_KEEP)))
			return VMEM_DOWN;
	}
	e->at->begun = true;
	return ret;
}

/*
 * Both passes: larger leaves, from the entry in hand on, as far as there are holes, or
 * one in the place of what is there: @table, if that is one.
 */
static __always_inline int vmem_map_large(const struct vmem_env *e,
					  const vmem_pte_t *table)
{
	unsigned int level = e->at->level, i = vmem_slot(e, level), end = i, stop = i, n;
	u64 mask = vmem_entry_mask(e->fmt, level), leaf = vmem_place_leaf(e, level);
	vmem_pte_t *host = e->at->path.host[level];
	int ret = vmem_want(e, level);

	if (ret)
		return ret;
	/* the entry that the range ends in may be so in part */
	if (!e->at->entry)
		stop = vmem_index(e->fmt, min(e->at->va | vmem_table_mask(e->fmt, level),
					      e->at->last - mask), level);
	if (end < stop && !vmem_any(host, end + 1, stop, U64_MAX))
		end = stop;
	while (end < stop && !vmem_read(host, end + 1))
		end++;
	if (e->at->apply && e->at->entry) {
		ret = vmem_replace(e, leaf);
		if (ret)
			return ret;
		vmem_look_back(e, e->at->entry, level, leaf);
		for (n = 0; table && n < vmem_nr_entries(e->fmt, level - 1); n++)
			vmem_look_back(e, vmem_read(table, n), level - 1, leaf);
	} else if (e->at->apply) {
		vmem_place_fill(e, host, level, i, end);
		e->answer->dirty = true;
	}
	if (e->at->apply)
		e->answer->pages += (end - i + 1) * ((mask + 1) >> e->fmt->page_lg2);
	e->at->va += (end - i) * (mask + 1);
	return 0;
}

/* Both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_map_entry(const struct vmem_env *e)
{
	bool table = e->at->class == VMEM_CLASS_TABLE;
	vmem_pte_t *host = NULL;
	int ret;

	if (vmem_place_fits(e, e->at->level)) {
		ret = table ? vmem_map_frees(e, &host) : vmem_path_taken(e) ? -EEXIST : 0;
		if (ret != VMEM_DOWN)
			return ret ?: vmem_map_large(e, host);
		if (!(e->at->levels & (BIT(e->at->level) - 1)))
			return e->asked->flags & VMEM_CHANGE_REPLACE ? -ERANGE : -EEXIST;
	}
	return vmem_path_look(e) ?: VMEM_MAKE;
}

#endif /* _VMEM_MAP_H */
