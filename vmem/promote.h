/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Promoting: one larger leaf in the place of a table that is full of leaves which do
 * together what it does. From the leaves up: pass 1 foresees which tables will be full.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_PROMOTE_H
#define _VMEM_PROMOTE_H

#include "install.h"

/*
 * The leaf that does what the table in hand does, which an entry names that grants
 * @granted. Return: 0: there is none, and @why. In pass 1 tables below it are leaves
 * by then, if none is known to stay.
 */
static __always_inline u64 vmem_promote_leaf(const struct vmem_env *e, u32 granted,
					     enum vmem_skip *why)
{
	unsigned int level = e->at->level, i, nr = vmem_nr_entries(e->fmt, level);
	const vmem_pte_t *host = e->at->path.host[level];
	u64 first = vmem_read(host, 0), any = 0, ad = e->fmt->ad, leaf, entry, differs;
	bool will = !e->at->apply && !(e->pass->keeps & BIT(level));
	enum vmem_class class;
	u16 needs;

	if (will && e->pass->leaf[level])
		first = e->pass->leaf[level];
	/* what is dirty is what makes a page of a shadow stack */
	if (!(first & e->fmt->writable))
		ad &= ~e->facts->shadow;
	for (i = 0, leaf = first; i < nr; i++, leaf += e->fmt->step(level)) {
		entry = vmem_read(host, i);
		class = vmem_classify(e, entry, level);
		if (class == VMEM_CLASS_TABLE && will)
			continue;
		differs = (entry ^ leaf) & ~ad;
		*why = class == VMEM_CLASS_TABLE ? VMEM_SKIP_TABLES :
		       class != VMEM_CLASS_LEAF ? VMEM_SKIP_HOLES :
		       differs & ~e->fmt->leaf_addr(e->facts, level) ? VMEM_SKIP_ATTRS :
		       differs ? VMEM_SKIP_APART : 0;
		if (*why)
			return 0;
		any |= entry;
	}
	*why = VMEM_SKIP_UNALIGNED;
	if (vmem_leaf_phys(e, first, level) & vmem_table_mask(e->fmt, level))
		return 0;
	leaf = e->fmt->join(e->facts, first | (any & e->fmt->ad), level);
	/* the entry that goes may be what denied something */
	*why = VMEM_SKIP_ATTRS;
	vmem_leaf_attrs(e, leaf, level + 1, VMEM_RWXU, &needs);
	if ((needs | (needs & VMEM_SHADOW ? VMEM_W : 0)) & VMEM_RWXU & ~granted)
		return 0;
	/* a vCPU that remembers an entry of the table can make it dirty unseen */
	return leaf | e->fmt->bits(e->facts, leaf & e->fmt->writable ?
				   VMEM_A | VMEM_D : VMEM_A, level + 1);
}

/* Both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_promote_entry(const struct vmem_env *e)
{
	unsigned int level = e->at->level;

	if (e->at->class != VMEM_CLASS_TABLE)
		return 0;
	if (!e->at->held && e->at->levels & GENMASK(level, 1))
		return VMEM_DOWN;
	e->pass->keeps |= BIT(level);
	if (e->at->held && e->at->levels & BIT(level) && vmem_place_covers(e, level))
		e->at->skips[level - 1] = VMEM_SKIP_SHARED;
	return 0;
}

/* Both passes: the table that the entry in hand names can't be entered. */
static __always_inline int vmem_promote_refused(const struct vmem_env *e, int err)
{
	if (err != -ENXIO && err != -EEXIST && err != -EINVAL)
		return err;
	e->pass->keeps |= BIT(e->at->level);
	return 0;
}

/* Both passes: the table in hand is done, and may become a leaf. */
static __always_inline int vmem_promote_left(const struct vmem_env *e)
{
	unsigned int level = e->at->level + 1, slot = vmem_slot(e, level);
	vmem_table_t table = e->at->path.table[e->at->level];
	u64 mask = vmem_entry_mask(e->fmt, level);
	enum vmem_skip why = 0;
	u64 leaf = 0, *first = &e->pass->leaf[level], other;
	u32 links;
	int ret;

	if (e->at->levels & BIT(level) && vmem_place_covers(e, level))
		leaf = vmem_promote_leaf(e, vmem_path_perms(e, level), &why);
	if (!leaf) {
		e->at->skips[level - 1] = why;
		e->pass->keeps |= BIT(level);
		return 0;
	}
	ret = vmem_want(e, level);
	if (ret)
		return ret;
	if (!e->at->apply) {
		other = *first;
		*first = leaf - slot * e->fmt->step(level);
		if (other && (other ^ *first) & ~e->fmt->ad)
			e->pass->keeps |= BIT(level);
		return 0;
	}
	ret = vmem_rename(e, level, VMEM_NO_TABLE, 0, leaf);
	if (ret <= 0)
		return ret;
	vmem_count_entry(e, level);
	vmem_flush(e->change, e->at->shared, e->at->va & ~mask, e->at->va | mask);
	if (vmem_look_mine(e, level, table, &links))
		vmem_remove(e, level);
	return 0;
}

#endif /* _VMEM_PROMOTE_H */
