/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Protecting: other attributes for leaves that are there.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_PROTECT_H
#define _VMEM_PROTECT_H

#include "cursor.h"
#include "move.h"

/* What protecting makes of an entry; itself when it isn't a leaf. */
static __always_inline u64 vmem_protect_entry(const struct vmem_env *e,
					      const struct vmem_place *place,
					      u64 entry, unsigned int level)
{
	if (vmem_classify(e, entry, level) != VMEM_CLASS_LEAF)
		return entry;
	return e->fmt->protect(e->facts, entry, place->m->protect.set,
			       place->m->protect.clear);
}

/*
 * Protect, pass 2: an entry of the table in hand. A and D, which a vCPU may set
 * meanwhile, aren't lost.
 */
static __always_inline int vmem_protect_leaf(const struct vmem_env *e,
					     struct vmem_change *change,
					     const struct vmem_place *place,
					     vmem_pte_t *host, unsigned int i,
					     vmem_virt_t va)
{
	u64 mask = vmem_entry_mask(e->fmt, place->level), entry, new;
	unsigned int tries;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(host, i);
		new = vmem_protect_entry(e, place, entry, place->level);
		if (new == entry)
			return 0;
		if (!vmem_change_entry(change, host, i, entry, new))
			continue;
		change->pages += (mask + 1) >> e->fmt->page_lg2;
		vmem_change_flush(change, place, va, va | mask);
		return 0;
	}
	return -EEXIST;
}

/*
 * Protect, both passes: there is a leaf, and an entry above denies what is to be
 * set. The highest such entry is where it stops, as mapping would.
 */
static __always_inline int vmem_protect_denied(const struct vmem_env *e,
					       struct vmem_place *place)
{
	unsigned int level = vmem_top(e->fmt);

	while (!(place->denies & BIT(level)))
		level--;
	place->level = level;
	place->va = max(place->va & ~vmem_entry_mask(e->fmt, level),
			place->m->virt_base);
	return -EEXIST;
}

/* Protect, both passes: a run of entries of a table of level 0. */
static __always_inline int vmem_protect_leaves(const struct vmem_env *e,
					       struct vmem_change *change,
					       struct vmem_place *place)
{
	unsigned int i = vmem_index(e->fmt, place->va, 0);
	unsigned int end = vmem_place_end(e->fmt, place);
	u64 page = BIT_ULL(e->fmt->page_lg2), entry;
	vmem_virt_t va = place->va;
	vmem_pte_t *host = place->path.host[0];
	bool denied = place->denies >> 1;
	int ret;

	for (;; i++, va += page) {
		entry = vmem_read(host, i);
		if (denied ? vmem_classify(e, entry, 0) == VMEM_CLASS_LEAF :
			     vmem_protect_entry(e, place, entry, 0) != entry)
			break;
		if (i == end)
			return 0;
	}
	if (denied)
		return vmem_protect_denied(e, place);
	ret = vmem_change_want(place, 0);
	if (ret || !place->apply)
		return ret;
	for (; !ret && i <= end; i++, va += page)
		ret = vmem_protect_leaf(e, change, place, host, i, va);
	return ret;
}

/* Protect, both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_protect_large(const struct vmem_env *e,
					      struct vmem_change *change,
					      struct vmem_place *place)
{
	unsigned int level = place->level;
	int ret;

	/* of the entries above, as those below aren't looked at yet */
	place->denies &= ~(BIT(level + 1) - 1);
	if (place->class == VMEM_CLASS_TABLE) {
		if (place->needs & ~vmem_table_perms(e, place->entry))
			place->denies |= BIT(level);
		return VMEM_DOWN;
	}
	if (place->denies && place->class == VMEM_CLASS_LEAF)
		return vmem_protect_denied(e, place);
	if (vmem_protect_entry(e, place, place->entry, level) == place->entry)
		return 0;
	if (!vmem_place_covers(e, place, level))
		return -ERANGE;
	ret = vmem_change_want(place, level);
	if (ret || !place->apply)
		return ret;
	return vmem_protect_leaf(e, change, place, place->path.host[level],
				 vmem_index(e->fmt, place->va, level),
				 place->va);
}

#endif /* _VMEM_PROTECT_H */
