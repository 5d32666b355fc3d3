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

#include "place.h"

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
				vmem_place_slot(e), VMEM_MARK_ENTERED,
				e->pass->number);
	return marked < 0 ? vmem_remark(e) : marked ? -EEXIST : 0;
}

/* Both passes: something is there, or was, in a run of leaves. */
static __always_inline int
vmem_map_onto(const struct vmem_env *e, unsigned int i, unsigned int end)
{
	const vmem_pte_t *host = e->at->path.host[0];
	u64 page = BIT_ULL(e->fmt->page_lg2), shadow = e->facts->shadow, entry;

	if (vmem_any(host, i, end, e->fmt->present)) {
		if (!(e->asked->flags & VMEM_CHANGE_REPLACE)) {
			while (i++ < end && !(vmem_read(host, i - 1) & e->fmt->present))
				e->at->va += page;
			return -EEXIST;
		}
		if (e->at->apply)
			vmem_flush(e->change, e->at->shared, e->at->va,
				   e->at->va + (end - i + 1) * page - 1);
	}
	for (; e->at->apply && i <= end; i++) {
		entry = vmem_read(host, i);
		if (!(entry & e->fmt->present) || shadow)
			vmem_look_back(e->answer, shadow, e->fmt->writable, entry,
				       vmem_classify(e, entry, 0), e->at->leaf);
	}
	return 0;
}

/* Both passes: a run of leaves in a table of level 0. */
static __always_inline int vmem_map_leaves(const struct vmem_env *e)
{
	unsigned int i = vmem_index(e->fmt, e->at->va, 0);
	unsigned int end = vmem_place_end(e);
	vmem_pte_t *host = e->at->path.host[0];
	int ret;

	ret = vmem_want(e, 0);
	if (ret)
		return ret;
	ret = vmem_any(host, i, end, U64_MAX) ? vmem_map_onto(e, i, end) : 0;
	if (ret || !e->at->apply)
		return ret;
	vmem_fill(host, i, end, vmem_place_leaf(e), e->fmt->step(0));
	e->answer->pages += end - i + 1;
	e->answer->dirty = true;
	return 0;
}

/*
 * A mapping that lies in one table of leaves, which is there: both passes in one, as
 * nothing is to be counted. Return: whether it is done; if not, nothing is, and why
 * is for the passes to find out.
 */
static __always_inline bool vmem_map_short(const struct vmem_env *e)
{
	const struct vmem_mapping *m = &e->asked->list[e->answer->done];
	vmem_virt_t va = m->virt_base, last = va + (m->len - 1);
	unsigned int level = vmem_top(e->facts), slot = 0, end;
	vmem_table_t table = e->space->root, parent = VMEM_NO_TABLE;
	u32 attrs = vmem_mapping_attrs(m), links;
	vmem_pte_t *host;
	u64 entry;

	if (!vmem_mapping_maps(m) || !m->len || m->path_given ||
	    e->asked->budget < e->facts->nr_levels ||
	    (va ^ last) >> vmem_table_lg2(e->fmt, 0))
		return false;
	for (;; level--) {
		if (vmem_owned(e, table, level, parent, slot, 0, &links) ||
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
	if (vmem_any(host, slot, end, U64_MAX))
		return false;
	if (e->ops->written)
		e->ops->written(e->ctx, table);
	vmem_fill(host, slot, end, e->fmt->make_leaf(e->facts, attrs, 0, m->phys_base),
		  e->fmt->step(0));
	e->answer->pages += end - slot + 1;
	e->answer->dirty = true;
	e->answer->done++;
	return true;
}

#endif /* _VMEM_MAP_H */
