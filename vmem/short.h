/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Short changes: what lies in one table of leaves that is there, and makes or frees no
 * table. Both passes in one, as nothing is to be counted. What isn't so, or is refused,
 * goes the long way, which finds out why.
 *
 * A space remembers its last way to such a table: its entries are read again, as a
 * guest changes them when it will, but whose tables they name holds as long as no
 * record of a link changes.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_SHORT_H
#define _VMEM_SHORT_H

#include "install.h"

/* Does the way lead to the table of leaves of @va, as it is now? */
static __always_inline bool vmem_way_holds(const struct vmem_env *e, vmem_virt_t va)
{
	const struct vmem_way *way = &e->space->way;
	vmem_pte_t *host;
	int level;

	if (way->epoch != e->pages->pool->store->epoch + 1 ||
	    way->table[vmem_top(e->facts)] != e->space->root ||
	    (way->va ^ va) >> vmem_table_lg2(e->fmt, 0))
		return false;
#pragma GCC unroll 5
	for (level = VMEM_LEVELS_MAX - 1; level > 0; level--) {
		/* no format has fewer than three */
		if (level > 2 && level >= e->facts->nr_levels)
			continue;
		if (e->read->from_phys(e->ctx, way->table[level], VMEM_READ, &host) ||
		    vmem_read(host, vmem_index(e->fmt, va, level)) != way->entry[level])
			return false;
	}
	return true;
}

/* Find it: through tables that others don't have. Return: whether there is one. */
static __always_inline bool vmem_way_find(const struct vmem_env *e, vmem_virt_t va)
{
	struct vmem_way *way = &e->space->way;
	vmem_table_t table = e->space->root, parent = VMEM_NO_TABLE;
	unsigned int level = vmem_top(e->facts), slot = 0;
	enum vmem_owner whose;
	vmem_pte_t *host;
	u32 links;
	u64 entry;

	*way = (struct vmem_way){ .va = va, .perms = VMEM_RWXU };
	for (;; level--) {
		whose = e->ops->owner(e->ctx, table, level, parent, slot, &links);
		if (whose == VMEM_FOREIGN)
			way->foreign = true;
		else if (whose != VMEM_MINE || links > 1)
			return false;
		way->table[level] = table;
		if (!level)
			break;
		if (e->read->from_phys(e->ctx, table, VMEM_READ, &host))
			return false;
		slot = vmem_index(e->fmt, va, level);
		entry = vmem_read(host, slot);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE)
			return false;
		way->entry[level] = entry;
		way->perms &= e->fmt->perms(entry, 0);
		parent = table;
		table = vmem_entry_table(e, entry, level);
	}
	way->epoch = e->pages->pool->store->epoch + 1;
	return true;
}

/* Leaves into holes from @i up to @end. Return: whether that may be. */
static __always_inline bool
vmem_short_map(const struct vmem_env *e, const struct vmem_mapping *m,
	       vmem_pte_t *host, unsigned int i, unsigned int end)
{
	struct vmem_way *way = &e->space->way;
	u32 attrs;

	if (!way->leaf || m->kind != way->kind || m->basic.attrs != way->attrs ||
	    m->ad_given != way->ad_given) {
		attrs = vmem_mapping_attrs(e->facts, m);
		if ((m->kind == VMEM_KIND_BASIC && attrs & VMEM_COW) ||
		    e->fmt->can_map(e->facts, attrs, 0))
			return false;
		way->ad_given = m->ad_given;
		way->kind = m->kind;
		way->attrs = m->basic.attrs;
		way->needs = attrs & VMEM_RWXU;
		way->leaf = e->fmt->make_leaf(e->facts, attrs, 0, 0);
	}
	if (way->needs & ~way->perms ||
	    (i == end ? vmem_read(host, i) : vmem_any(host, i, end, U64_MAX)))
		return false;
	if (e->ops->written)
		e->ops->written(e->ctx, way->table[0]);
	vmem_fill(host, i, end, way->leaf + (m->phys_base >> e->fmt->page_lg2) *
				e->fmt->step(0), e->fmt->step(0));
	return true;
}

/* No leaves from @i up to @end, where the table stays since there are others beside. */
static __always_inline bool vmem_short_unmap(const struct vmem_env *e, vmem_pte_t *host,
					     unsigned int i, unsigned int end)
{
	if (!(i && vmem_read(host, i - 1)) &&
	    !(end + 1 < vmem_nr_entries(e->fmt, 0) && vmem_read(host, end + 1)))
		return false;
	if (!vmem_all_leaves(e, host, i, end))
		return false;
	if (e->ops->written)
		e->ops->written(e->ctx, e->space->way.table[0]);
	/* a vCPU adds bits at most: there is nothing that isn't flushed */
	vmem_fill(host, i, end, 0, 0);
	return true;
}

/* Does the mapping make leaves of level 0, of frames that can be named? */
static __always_inline bool
vmem_short_maps(const struct vmem_env *e, const struct vmem_mapping *m)
{
	return m->kind <= VMEM_KIND_COW && !m->path_given &&
	       !(m->phys_base & (BIT_ULL(e->fmt->page_lg2) - 1)) &&
	       vmem_nameable(e->facts, m->phys_base, m->phys_base + (m->len - 1)) &&
	       vmem_mapping_levels(e->fmt, m) & BIT(0) &&
	       (!m->page_sizes || m->len <= vmem_table_mask(e->fmt, 0));
}

/**
 * vmem_map_short() - map into holes, or unmap leaves, of one table that is there
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space
 * @m:		what to do
 * @flags:	VMEM_CHANGE_*; of an atomic list it is the only one
 *
 * All of it, as vmem_map() would: it neither makes nor frees tables, and reads less
 * than one a level.
 *
 * Context: as vmem_map().
 * Return: what is to be flushed of @m, enum vmem_flush; < 0: it is longer, or is to be
 * refused; nothing was done.
 */
static __always_inline int
vmem_map_short(const struct vmem_format *fmt, const struct vmem_table_ops *ops, void *ctx,
	       struct vmem_space *space, const struct vmem_mapping *m, u32 flags)
{
	const struct vmem_env e = {
		.fmt = fmt, .read = &ops->read, .ctx = ctx, .facts = &space->facts,
		.ops = ops, .pages = ops->pages(ctx), .space = space,
	};
	vmem_virt_t va = m->virt_base, last = va + (m->len - 1);
	bool unmap = m->kind == VMEM_KIND_UNMAPPED;
	unsigned int i, end;
	vmem_pte_t *host;

	/* of length 0 there is more than a table */
	if (m->len - 1 > vmem_table_mask(fmt, 0) ||
	    (va ^ last) >> vmem_table_lg2(fmt, 0) ||
	    (va | m->len) & (BIT_ULL(fmt->page_lg2) - 1) ||
	    !vmem_is_canonical(&space->facts.gap, va) || vmem_pool_drops(e.pages->pool) ||
	    !(unmap || vmem_short_maps(&e, m)) ||
	    !(vmem_way_holds(&e, va) || vmem_way_find(&e, va)) ||
	    ops->read.from_phys(ctx, space->way.table[0], VMEM_WRITE, &host))
		return -1;
	i = vmem_index(fmt, va, 0);
	end = vmem_index(fmt, last, 0);
	if (!unmap)
		return vmem_short_map(&e, m, host, i, end) ? VMEM_FLUSH_NONE : -1;
	if (!vmem_short_unmap(&e, host, i, end))
		return -1;
	return space->way.foreign && !(flags & VMEM_CHANGE_ALONE) ? VMEM_FLUSH_ALL :
								    VMEM_FLUSH_RANGE;
}

#endif /* _VMEM_SHORT_H */
