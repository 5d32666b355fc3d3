/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Unmapping: entries are zeroed, tables of ours that are left empty go, and a
 * table that others have loses the link that it has in the range.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_UNMAP_H
#define _VMEM_UNMAP_H

#include "place.h"

/*
 * Before a table is entered, below an entry of @level, and @ret is what speaks against
 * it: one of ours only loses a link where others have it, if the entry is unmapped as
 * a whole, but for the last of its links that pass 2 will come to; so does one below
 * a frozen table that moves, and stays as it was. In pass 1, @links becomes what pass
 * 2 will find. Return: -EMLINK: it does; 0; VMEM_ABSENT, VMEM_PAUSE, -EBUSY.
 */
static __always_inline int
vmem_unmap_entered(const struct vmem_env *e, struct vmem_change *change,
		   struct vmem_place *place, unsigned int level,
		   unsigned int slot, u32 *links, int ret)
{
	bool whole = vmem_place_covers(e, place, level);
	vmem_pte_t *host;
	int marked;

	if (!*links)
		return ret;
	if (whole && !place->apply && vmem_need_moves(e, change, place, level))
		return -EMLINK;
	if (whole && e->ops->movability == VMEM_MAY_MOVE_TABLE &&
	    !(place->writable & BIT(level))) {
		ret = vmem_reach(e, place->path.table[level], &host);
		if (ret == VMEM_FROZEN)
			return -EMLINK;
		if (ret > 0)
			return ret;
		/* an errno is for who comes to write there: see vmem_want() */
		if (!ret) {
			place->path.host[level] = host;
			place->writable |= BIT(level);
		}
	}
	if (*links > 1 && !place->apply) {
		marked = vmem_link_mark(e->pages, place->child,
					whole ? place->path.table[level] : VMEM_NO_TABLE,
					slot, VMEM_MARK_LEAVES, change->pass.number);
		if (marked < 0)
			return vmem_remark(change);
		*links -= marked;
	}
	return !whole ? ret : *links > 1 ? -EMLINK : 0;
}

/* Pass 1: will something be left beside the range in the table in hand? */
static __always_inline void vmem_unmap_beside(const struct vmem_format *fmt,
					      struct vmem_change *change,
					      const struct vmem_place *place)
{
	unsigned int level = place->level, nr = vmem_nr_entries(fmt, level);
	unsigned int end = vmem_place_end(fmt, place), i = 0;
	const vmem_pte_t *host = place->path.host[level];

	if (place->first > (place->va & ~vmem_table_mask(fmt, level)))
		i = vmem_index(fmt, place->first, level);
	if ((i && vmem_any(host, 0, i - 1, U64_MAX)) ||
	    (end + 1 < nr && vmem_any(host, end + 1, nr - 1, U64_MAX)))
		change->pass.keeps |= BIT(level);
}

/* Pass 2: zero the entries of a table of level 0 from @i on up to @end. */
static __always_inline void vmem_unmap_run(const struct vmem_env *e,
					   struct vmem_change *change,
					   const struct vmem_place *place,
					   unsigned int i, unsigned int end)
{
	vmem_virt_t base = place->va & ~vmem_table_mask(e->fmt, 0);
	unsigned int page = e->fmt->page_lg2, first = end + 1, last = 0;
	vmem_pte_t *host = place->path.host[0];
	u64 entry, pages = 0;

	for (; i <= end; i++) {
		entry = vmem_read(host, i);
		if (!entry)
			continue;
		/* one that a vCPU makes present now would have to be flushed */
		if (likely(entry & e->fmt->present))
			WRITE_ONCE(host[i], 0);
		else
			entry = le64_to_cpu(xchg(&host[i], 0));
		if (!(entry & e->fmt->present))
			continue;
		first = min(first, i);
		last = i;
		pages += vmem_classify(e, entry, 0) == VMEM_CLASS_LEAF;
	}
	change->answer.dirty = true;
	change->answer.pages += pages;
	if (first <= end)
		vmem_flush(change, place, base + ((u64)first << page),
			   (base + ((u64)last << page)) | vmem_entry_mask(e->fmt, 0));
}

/* Both passes: a run of entries of a table of level 0. */
static __always_inline int vmem_unmap_leaves(const struct vmem_env *e,
					     struct vmem_change *change,
					     struct vmem_place *place)
{
	unsigned int i = vmem_index(e->fmt, place->va, 0);
	unsigned int end = vmem_place_end(e->fmt, place);
	int ret;

	if (place->sweep || !vmem_any(place->path.host[0], i, end, U64_MAX))
		return 0;
	if (place->drop)
		return vmem_want(place, 1);
	ret = vmem_want(place, 0);
	if (!ret && place->apply)
		vmem_unmap_run(e, change, place, i, end);
	return ret;
}

/*
 * Both passes: the entry in hand can't be gone through, because of @err; 0: there is
 * nothing below it. It can only go whole: VMEM_CLEAR.
 */
static __always_inline int
vmem_unmap_whole(const struct vmem_env *e, struct vmem_change *change,
		 const struct vmem_place *place, int err)
{
	if (place->sweep || !place->entry)
		return 0;
	if (vmem_place_covers(e, place, place->level))
		return VMEM_CLEAR;
	/* a hole that holds bits, in part: it stays */
	change->pass.keeps |= BIT(place->level);
	return err;
}

/* Both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_unmap_entry(const struct vmem_env *e,
					    struct vmem_change *change,
					    const struct vmem_place *place)
{
	return place->class == VMEM_CLASS_TABLE ? VMEM_DOWN :
	       vmem_unmap_whole(e, change, place,
				place->class == VMEM_CLASS_NONE ? 0 : -ERANGE);
}

/* Both passes: the table that the entry in hand names can't be entered. */
static __always_inline int vmem_unmap_refused(const struct vmem_env *e,
					      struct vmem_change *change,
					      const struct vmem_place *place,
					      int err)
{
	if (place->sweep)
		return 0;
	/* no table to go through, so its entry is like a leaf */
	return err == -ENXIO || err == -EEXIST || err == -EMLINK ?
	       vmem_unmap_whole(e, change, place, err) : err;
}

/* Both passes, VMEM_CLEAR: zero the entry in hand, which isn't gone through. */
static __always_inline int vmem_unmap_clear(const struct vmem_env *e,
					    struct vmem_change *change,
					    struct vmem_place *place)
{
	unsigned int level = place->level, slot = vmem_place_slot(e->fmt, place);
	u64 mask = vmem_entry_mask(e->fmt, level);
	u32 links;
	int ret;

	ret = vmem_want(place, level);
	if (ret || !place->apply)
		return ret;
	if (!vmem_exchange(change, place->path.host[level], slot, place->entry, 0))
		return place->tries++ < VMEM_LINK_TRIES ? VMEM_AGAIN : -EBUSY;
	if (place->class != VMEM_CLASS_NONE)
		vmem_flush(change, place, place->va & ~mask, place->va | mask);
	if (place->class == VMEM_CLASS_LEAF)
		change->answer.pages += (mask + 1) >> e->fmt->page_lg2;
	if (place->class == VMEM_CLASS_TABLE &&
	    e->ops->owner(e->ctx, place->child, level - 1,
			  place->path.table[level], slot, &links) == VMEM_MINE)
		vmem_remove(e, change, place, level, slot);
	return 0;
}

/* Pass 2: the frozen table of leaves in hand is let go of. */
static __always_inline void vmem_unmap_dropped(const struct vmem_env *e,
					       struct vmem_change *change,
					       const struct vmem_place *place)
{
	unsigned int i, nr = vmem_nr_entries(e->fmt, 0);
	const vmem_pte_t *host = place->path.host[0];

	for (i = 0; i < nr; i++)
		change->answer.pages += vmem_classify(e, vmem_read(host, i), 0) ==
					VMEM_CLASS_LEAF;
	vmem_flush_all(change);
}

/* Pass 2: the entry of @level above the table in hand goes. */
static __always_inline int
vmem_unmap_table(const struct vmem_env *e, struct vmem_change *change,
		 const struct vmem_place *place, unsigned int level)
{
	vmem_pte_t *host = place->path.host[level];
	unsigned int slot = vmem_index(e->fmt, place->va, level), tries;
	vmem_table_t table = place->path.table[level - 1];
	u64 entry;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(host, slot);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE ||
		    vmem_entry_table(e, entry, level) != table)
			return 0;
		if (!vmem_exchange(change, host, slot, entry, 0))
			continue;
		if (place->drop)
			vmem_unmap_dropped(e, change, place);
		else
			vmem_remove(e, change, place, level, slot);
		return 0;
	}
	/* one of ours may stay, empty; what a frozen one maps may not */
	return place->drop ? -EBUSY : 0;
}

/*
 * Will the table in hand go when it is empty? One of ours, by its last link; and in
 * pass 1 one that will be: a copy of a frozen one.
 */
static __always_inline bool vmem_unmap_goes(const struct vmem_env *e,
					    const struct vmem_change *change,
					    const struct vmem_place *place)
{
	unsigned int level = place->level;
	vmem_table_t parent = place->path.table[level + 1];
	u32 links;

	if (!place->apply && vmem_need_moves(e, change, place, level))
		return true;
	return e->ops->owner(e->ctx, place->path.table[level], level, parent,
			     vmem_index(e->fmt, place->va, level + 1),
			     &links) == VMEM_MINE &&
	       (place->apply ? links == 1 : !(place->shared & BIT(level)));
}

/* Both passes: the table in hand is done. One of ours goes if it is empty. */
static __always_inline int vmem_unmap_left(const struct vmem_env *e,
					   struct vmem_change *change,
					   struct vmem_place *place)
{
	unsigned int level = place->level + 1;
	bool stays = place->stays || place->level >= place->keep, goes;
	int ret;

	place->stays = false;
	if (place->drop) {
		if (!place->apply)
			return 0;
	} else if (place->apply) {
		stays = stays || !place->free ||
			vmem_any(place->path.host[level - 1], 0,
				 vmem_nr_entries(e->fmt, level - 1) - 1, U64_MAX);
	} else {
		stays = stays || change->pass.keeps & BIT(level - 1);
	}
	goes = place->drop || vmem_unmap_goes(e, change, place);
	if (stays || !goes) {
		change->pass.keeps |= BIT(level);
		/* a link can't replace what something hangs below */
		return goes && level == place->keep && !place->apply ?
		       -EEXIST : 0;
	}
	ret = vmem_want(place, level);
	if (ret || !place->apply)
		return ret;
	return vmem_unmap_table(e, change, place, level);
}

#endif /* _VMEM_UNMAP_H */
