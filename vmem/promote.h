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
 * The leaf that does what the table in hand does. Return: 0: there is none, and @why.
 * In pass 1 tables below it are leaves by then, if none is known to stay.
 */
static __always_inline u64 vmem_promote_leaf(const struct vmem_env *e,
					     enum vmem_skip *why)
{
	unsigned int level = e->at->level, i, nr = vmem_nr_entries(e->fmt, level);
	const vmem_pte_t *host = e->at->path.host[level];
	u64 first = vmem_read(host, 0), any = 0, ad = e->fmt->ad, leaf, entry;
	bool will = !e->at->apply && !(e->pass->keeps & BIT(level));
	enum vmem_class class;

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
		*why = class == VMEM_CLASS_TABLE ? VMEM_SKIP_TABLES :
		       class != VMEM_CLASS_LEAF ? VMEM_SKIP_HOLES :
		       (entry ^ leaf) & ~ad & ~e->fmt->leaf_addr(e->facts, level) ?
		       VMEM_SKIP_ATTRS : VMEM_SKIP_APART;
		if (*why < VMEM_SKIP_APART || *why == VMEM_SKIP_TABLES ||
		    (entry ^ leaf) & ~ad)
			return 0;
		any |= entry;
	}
	*why = VMEM_SKIP_UNALIGNED;
	if (vmem_leaf_phys(e, first, level) & vmem_table_mask(e->fmt, level))
		return 0;
	leaf = e->fmt->join(e->facts, first | (any & e->fmt->ad), level);
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
	unsigned int level = e->at->level + 1, slot = vmem_index(e->fmt, e->at->va, level);
	u64 mask = vmem_entry_mask(e->fmt, level), leaf, first;
	bool asked = e->at->levels & BIT(level) && vmem_place_covers(e, level);
	enum vmem_skip why = 0;
	u32 links, granted;
	u16 needs;
	int ret;

	leaf = asked ? vmem_promote_leaf(e, &why) : 0;
	/* the entry that goes may be what denied something */
	granted = vmem_table_perms(e, vmem_read(e->at->path.host[level], slot));
	vmem_leaf_attrs(e, leaf, level, VMEM_RWXU, &needs);
	needs |= needs & VMEM_SHADOW ? VMEM_W : 0;
	if (leaf && needs & VMEM_RWXU & ~granted) {
		why = VMEM_SKIP_ATTRS;
		leaf = 0;
	}
	if (!leaf) {
		e->at->skips[level - 1] = why;
		e->pass->keeps |= BIT(level);
		return 0;
	}
	ret = vmem_want(e, level);
	if (ret)
		return ret;
	if (!e->at->apply) {
		first = leaf - slot * e->fmt->step(level);
		if (e->pass->leaf[level] && (e->pass->leaf[level] ^ first) & ~e->fmt->ad)
			e->pass->keeps |= BIT(level);
		e->pass->leaf[level] = first;
		return 0;
	}
	ret = vmem_rename(e, &e->at->path, level, VMEM_NO_TABLE, 0, leaf);
	if (ret <= 0)
		return ret;
	e->answer->pages += (mask + 1) >> e->fmt->page_lg2;
	vmem_flush(e->change, e->at->shared, e->at->va & ~mask, e->at->va | mask);
	if (e->ops->owner(e->ctx, e->at->path.table[level - 1], level - 1,
			  e->at->path.table[level], slot, &links) == VMEM_MINE)
		vmem_remove(e, level);
	return 0;
}

#endif /* _VMEM_PROMOTE_H */
