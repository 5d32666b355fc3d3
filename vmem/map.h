/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Changes: map and unmap, and how both passes go over a range.
 *
 * Both passes go over a range in the same way, vmem_change_range(): down to
 * the table of leaves, a run of its entries at once, and up again. Pass 1
 * reads, counts the tables that pass 2 will make, and asks for each table that
 * pass 2 will write. Pass 2 writes, and looks again at what it overwrites.
 * A place in a range that was reached is passed only when all that belongs to
 * it is done, and doing it twice is harmless: so each can be stopped where the
 * ops say so, and resumed from the root.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_MAP_H
#define _VMEM_MAP_H

#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "cursor.h"
#include "move.h"
#include "protect.h"

/* Tables are visited once in each pass, however often it is resumed. */
static inline int vmem_change_visit(struct vmem_change *change,
				    unsigned int level, u64 nr)
{
	if (change->low <= level)
		return 0;
	change->low = level;
	if (nr <= change->budget - change->visited)
		change->visited += nr;
	else if (nr <= change->spare)
		change->spare -= nr;
	else
		return -E2BIG;
	return 0;
}

/*
 * May a change go on in a table of @level, which @slot of @parent names? Not
 * where one of ours is named by the guest, or is shared and that isn't meant,
 * nor where it is of another pool, as no table hangs below one of another pool.
 * @links: out: how many it has, with @more that it will have; 0: not ours.
 */
static __always_inline int
vmem_change_owned(const struct vmem_env *e, const struct vmem_change *change,
		  vmem_table_t table, unsigned int level, vmem_table_t parent,
		  unsigned int slot, u32 more, u32 *links)
{
	switch (e->ops->owner(e->ctx, table, level, parent, slot, links)) {
	case VMEM_MISUSED:
		return -EEXIST;
	case VMEM_OTHERS:
		return -EINVAL;
	case VMEM_MINE:
		*links += more;
		return *links > 1 && !(change->flags & VMEM_CHANGE_SHARED_OK) ?
		       -EMLINK : 0;
	default:
		*links = 0;
		return 0;
	}
}

/*
 * Does a table of ours, below an entry of @level that is unmapped as a whole,
 * only lose a link? It does where others have it, but for the last of its links
 * that pass 2 will come to; so has a frozen table that moves, and stays as it
 * was. Return: VMEM_FROZEN: yes; 0; VMEM_ABSENT.
 */
static __always_inline int
vmem_unmap_unlinks(const struct vmem_env *e, const struct vmem_change *change,
		   struct vmem_place *place, unsigned int level,
		   unsigned int slot, u32 links)
{
	vmem_pte_t *host;
	int ret;

	if (!links)
		return 0;
	if (!place->apply && vmem_move_counted(e, change, place, level))
		return VMEM_FROZEN;
	if (e->ops->movability == VMEM_MAY_MOVE_TABLE &&
	    !(place->writable & BIT(level))) {
		ret = vmem_change_reach(e, place->path.table[level], &host);
		if (ret > 0)
			return ret;
		if (!ret) {
			place->path.host[level] = host;
			place->writable |= BIT(level);
		}
	}
	if (links > 1 && !place->apply && e->ops->mark)
		links -= e->ops->mark(e->ctx, place->child,
				      place->path.table[level], slot,
				      VMEM_MARK_LEAVES, change->check);
	return links > 1 ? VMEM_FROZEN : 0;
}

/*
 * Map, pass 1: a shared table that is come to by two of its links. What is a
 * hole now is mapped when pass 2 comes by the second.
 */
static __always_inline int
vmem_map_twice(const struct vmem_env *e, const struct vmem_change *change,
	       const struct vmem_place *place, vmem_table_t parent,
	       unsigned int slot, u32 links)
{
	if (links < 2 || place->apply || parent == VMEM_NO_TABLE ||
	    (place->kind != VMEM_KIND_BASIC && place->kind != VMEM_KIND_COW) ||
	    change->flags & VMEM_CHANGE_REPLACE || !e->ops->mark)
		return 0;
	return e->ops->mark(e->ctx, place->child, parent, slot,
			    VMEM_MARK_ENTERED, change->check) ? -EEXIST : 0;
}

/* Enter the child. */
static __always_inline int vmem_change_enter(const struct vmem_env *e,
					     struct vmem_change *change,
					     struct vmem_place *place)
{
	unsigned int level = place->level - 1, slot = 0;
	vmem_table_t parent = VMEM_NO_TABLE;
	bool known = change->low <= level;
	u32 links, more = 0;
	int ret;

	if (level < vmem_top(e->fmt)) {
		parent = place->path.table[level + 1];
		slot = vmem_index(e->fmt, place->va, level + 1);
		/* the copy of the table above */
		more = !place->apply &&
		       vmem_move_counted(e, change, place, level + 1);
	}
	ret = vmem_change_owned(e, change, place->child, level, parent, slot,
				more, &links);
	/* seen before the table above moved; after a recheck, in pass 1 too */
	if (ret == -EMLINK && change->copied)
		ret = 0;
	if ((!ret || ret == -EMLINK) && parent != VMEM_NO_TABLE &&
	    place->kind == VMEM_KIND_UNMAPPED &&
	    vmem_place_covers(e, place, level + 1)) {
		ret = vmem_unmap_unlinks(e, change, place, level + 1, slot,
					 links);
		ret = ret == VMEM_FROZEN ? -EMLINK : ret;
	}
	ret = ret ?: vmem_map_twice(e, change, place, parent, slot, links);
	if (ret)
		return ret;
	if (!known && place->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	ret = e->read->from_phys(e->ctx, place->child, VMEM_READ,
				 &place->path.host[level]);
	if (ret)
		return ret;
	ret = vmem_change_visit(change, level, 1);
	if (ret)
		return ret;
	if (!known) {
		change->keeps &= ~BIT(level);
		place->begun = true;
	}
	place->shared &= ~BIT(level);
	/* what else names one that vmem didn't make isn't known */
	if (links ? links > 1 : !(change->flags & VMEM_CHANGE_ALONE))
		place->shared |= BIT(level);
	place->writable &= ~BIT(level);
	place->drop = false;
	place->path.table[level] = place->child;
	place->level = level;
	return 0;
}

/* What a table entry of @level that is made grants. */
static __always_inline u32 vmem_place_perms(const struct vmem_place *place,
					    unsigned int level)
{
	return place->m->path_given ?
	       place->m->path >> (4 * level) & VMEM_RWXU :
	       VMEM_R | VMEM_W | VMEM_X;
}

/*
 * Map: tables that are missing below the entry in hand, down to one of level
 * @lowest, up to @last. Pass 2 will visit all of them. Neighbours in the list
 * may need the same ones, so each is needed once, by all with the same
 * permissions: the mappings come in ascending order, and the last one is
 * remembered.
 */
static __always_inline int
vmem_change_missing(const struct vmem_format *fmt, struct vmem_change *change,
		    const struct vmem_place *place, unsigned int lowest,
		    vmem_virt_t last)
{
	unsigned int level = place->level;
	vmem_virt_t first = place->va;
	u64 nr = 0, twice = 0;

	while (level-- > lowest) {
		u32 perms = vmem_nibble(level + 1,
					vmem_place_perms(place, level + 1));
		u32 nibble = vmem_nibble(level + 1, VMEM_RWXU);
		unsigned int lg2 = vmem_table_lg2(fmt, level);

		nr += (last >> lg2) - (first >> lg2) + 1;
		if (change->counting & BIT(level) &&
		    change->counted[level] == first >> lg2) {
			if ((change->counted_path ^ perms) & nibble)
				return -EEXIST;
			twice++;
		}
		change->counting |= BIT(level);
		change->counted[level] = last >> lg2;
		change->counted_path &= ~nibble;
		change->counted_path |= perms;
	}
	if (nr > change->budget - change->visited)
		return -E2BIG;
	change->visited += nr;
	change->need += nr - twice;
	return 0;
}

/* What the page of place->va is to be mapped by. */
static __always_inline u64 vmem_place_leaf(const struct vmem_place *place)
{
	return place->leaf + place->m->phys_base +
	       (place->va - place->m->virt_base);
}

/*
 * Map, pass 2: what the entry was that something else is in place of: not present,
 * but bits; a leaf that loses W, and so D, as none of a shadow stack is made.
 */
static noinline void vmem_map_over(struct vmem_change *change, u64 shadow,
				   u64 writable, u64 entry, enum vmem_class class,
				   u64 leaf)
{
	if (class == VMEM_CLASS_NONE)
		change->overwritten += !!entry;
	else if (class == VMEM_CLASS_LEAF && entry & shadow &&
		 entry & ~leaf & writable)
		change->lost_dirty++;
}

/* Map, both passes: something is there, or was, in a run of leaves. */
static __always_inline int
vmem_map_onto(const struct vmem_env *e, struct vmem_change *change,
	      struct vmem_place *place, unsigned int i, unsigned int end)
{
	const vmem_pte_t *host = place->path.host[0];
	u64 page = BIT_ULL(e->fmt->page_lg2), shadow = e->facts->shadow, entry;

	if (vmem_any(host, i, end, e->fmt->present)) {
		if (!(change->flags & VMEM_CHANGE_REPLACE)) {
			while (i++ < end && !(vmem_read(host, i - 1) & e->fmt->present))
				place->va += page;
			return -EEXIST;
		}
		if (place->apply)
			vmem_change_flush(change, place, place->va,
					  place->va + (end - i + 1) * page - 1);
	}
	for (; place->apply && i <= end; i++) {
		entry = vmem_read(host, i);
		if (!(entry & e->fmt->present) || shadow)
			vmem_map_over(change, shadow, e->fmt->writable, entry,
				      vmem_classify(e, entry, 0), place->leaf);
	}
	return 0;
}

/* Map, both passes: a run of leaves in a table of level 0. */
static __always_inline int vmem_map_leaves(const struct vmem_env *e,
					   struct vmem_change *change,
					   struct vmem_place *place)
{
	unsigned int i = vmem_index(e->fmt, place->va, 0);
	unsigned int end = vmem_place_end(e->fmt, place);
	vmem_pte_t *host = place->path.host[0];
	int ret;

	ret = vmem_change_want(place, 0);
	if (ret)
		return ret;
	ret = vmem_any(host, i, end, U64_MAX) ?
	      vmem_map_onto(e, change, place, i, end) : 0;
	if (ret || !place->apply)
		return ret;
	vmem_fill(host, i, end, vmem_place_leaf(place),
		  BIT_ULL(e->fmt->page_lg2));
	change->pages += end - i + 1;
	change->dirty = true;
	return 0;
}

/*
 * Map, pass 2: make the table that the entry in hand lacks. A table of leaves
 * is linked when it is filled, and then all below the entry is done. One above
 * is linked empty, so that at most one table is taken and not yet linked.
 */
static __always_inline int vmem_map_table(const struct vmem_env *e,
					  struct vmem_change *change,
					  struct vmem_place *place)
{
	unsigned int nr = vmem_nr_entries(e->fmt), first, end;
	unsigned int level = place->level;
	unsigned int slot = vmem_index(e->fmt, place->va, level);
	vmem_virt_t last = min(place->va | vmem_entry_mask(e->fmt, level),
			       place->last);
	bool fill = level == 1 && place->kind != VMEM_KIND_LINK;
	vmem_table_t table;
	vmem_pte_t *host;
	int ret;

	ret = vmem_change_want(place, level);
	if (ret)
		return ret;
	/* nothing of it is done: it may wait for the next piece */
	if (place->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	place->begun = true;

	/* a vCPU took tables away: count again what is still to be made */
	table = e->ops->reserved(e->ctx, 0);
	if (table == VMEM_NO_TABLE)
		return vmem_change_recount(change);
	ret = vmem_change_reach(e, table, &host) ?:
	      vmem_change_visit(change, level - 1, 1);
	if (ret)
		return ret;

	first = fill ? vmem_index(e->fmt, place->va, 0) : nr;
	end = fill ? vmem_index(e->fmt, last, 0) + 1 : nr;
	if (first)
		memset(host, 0, first * sizeof(*host));
	if (first < end)
		vmem_fill(host, first, end - 1, vmem_place_leaf(place),
			  BIT_ULL(e->fmt->page_lg2));
	if (end < nr)
		memset(host + end, 0, (nr - end) * sizeof(*host));

	/* a full barrier, so that a vCPU sees the table filled */
	if (!vmem_change_entry(change, place->path.host[level], slot,
			       place->entry,
			       e->fmt->make_table(e->facts, table,
						  vmem_place_perms(place, level))))
		return VMEM_AGAIN;
	e->ops->take(e->ctx, level - 1, place->path.table[level], slot);
	place->tries = 0;
	if (place->class != VMEM_CLASS_NONE)
		vmem_change_flush(change, place, place->va, last);
	if (unlikely(place->entry))
		vmem_map_over(change, e->facts->shadow, e->fmt->writable,
			      place->entry, place->class, place->leaf);
	change->pages += end - first;
	return fill ? 0 : VMEM_AGAIN;
}

/* In link.h: the table that the mapping in hand links to. */
static __always_inline int vmem_link_find(const struct vmem_env *e,
					  const struct vmem_change *change,
					  const struct vmem_place *place,
					  vmem_table_t *table);

/* Map, both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_map_entry(const struct vmem_env *e,
					  struct vmem_change *change,
					  struct vmem_place *place)
{
	u64 mask = vmem_entry_mask(e->fmt, place->level);
	vmem_virt_t end = place->va | mask;
	vmem_table_t target;
	int ret;

	if (place->class == VMEM_CLASS_TABLE) {
		u32 perms = vmem_table_perms(e, place->entry);

		if (place->m->path_given ?
		    perms != vmem_place_perms(place, place->level) :
		    place->needs & ~perms)
			return -EEXIST;
		return VMEM_DOWN;
	}
	if (place->class != VMEM_CLASS_NONE) {
		if (!(change->flags & VMEM_CHANGE_REPLACE))
			return -EEXIST;
		if (place->va & mask || end > place->last)
			return -ERANGE;
	}
	if (place->apply)
		return place->tries++ < VMEM_LINK_TRIES ?
		       vmem_map_table(e, change, place) : -EBUSY;

	ret = place->kind == VMEM_KIND_LINK ?
	      vmem_link_find(e, change, place, &target) : 0;
	ret = ret ?: vmem_change_want(place, place->level);
	if (ret)
		return ret;
	if (place->kind == VMEM_KIND_LINK)
		change->need_links++;
	return vmem_change_missing(e->fmt, change, place,
				   place->kind == VMEM_KIND_LINK ?
				   place->m->link.level + 1 : 0,
				   min(end, place->last));
}

/* Unmap, both passes: a run of entries of a table of level 0. */
static __always_inline int vmem_unmap_leaves(const struct vmem_env *e,
					     struct vmem_change *change,
					     struct vmem_place *place)
{
	unsigned int i = vmem_index(e->fmt, place->va, 0);
	unsigned int end = vmem_place_end(e->fmt, place);
	vmem_virt_t base = place->va & ~vmem_table_mask(e->fmt, 0), va;
	vmem_pte_t *host = place->path.host[0];
	u64 entry;
	int ret;

	if (place->sweep || !vmem_any(host, i, end, U64_MAX))
		return 0;
	if (place->drop)
		return vmem_change_want(place, 1);
	ret = vmem_change_want(place, 0);
	if (ret || !place->apply)
		return ret;

	for (; i <= end; i++) {
		entry = vmem_read(host, i);
		if (!entry)
			continue;
		/* one that a vCPU makes present now would have to be flushed */
		if (entry & e->fmt->present)
			WRITE_ONCE(host[i], 0);
		else
			entry = le64_to_cpu(xchg(&host[i], 0));
		change->dirty = true;
		if (!(entry & e->fmt->present))
			continue;
		va = base + ((u64)i << e->fmt->page_lg2);
		vmem_change_flush(change, place, va, va | vmem_entry_mask(e->fmt, 0));
		change->pages += vmem_classify(e, entry, 0) == VMEM_CLASS_LEAF;
	}
	return 0;
}

/* Unmap, both passes: zero the entry in hand, which isn't gone through. */
static __always_inline int vmem_unmap_clear(const struct vmem_env *e,
					    struct vmem_change *change,
					    struct vmem_place *place)
{
	unsigned int slot = vmem_index(e->fmt, place->va, place->level);
	u64 mask = vmem_entry_mask(e->fmt, place->level);
	u32 links;
	int ret;

	ret = vmem_change_want(place, place->level);
	if (ret || !place->apply)
		return ret;
	if (!vmem_change_entry(change, place->path.host[place->level], slot,
			       place->entry, 0))
		return place->tries++ < VMEM_LINK_TRIES ? VMEM_AGAIN : -EBUSY;
	if (place->class != VMEM_CLASS_NONE)
		vmem_change_flush(change, place, place->va & ~mask,
				  place->va | mask);
	if (place->class == VMEM_CLASS_LEAF)
		change->pages += (mask + 1) >> e->fmt->page_lg2;
	/* a table that others use lives on, without our link */
	if (place->class == VMEM_CLASS_TABLE &&
	    e->ops->owner(e->ctx, place->child, place->level - 1,
			  place->path.table[place->level], slot,
			  &links) == VMEM_MINE) {
		e->ops->put(e->ctx, place->child, place->path.table[place->level],
			    slot);
		vmem_change_flush_all(change);
		change->changes |= links > 1 ? VMEM_CHANGED_UNSHARED : 0;
	}
	return 0;
}

/*
 * Unmap, both passes: the entry in hand can't be gone through, because of
 * @err; 0: there is nothing below it. It can only go whole.
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
	change->keeps |= BIT(place->level);
	return err;
}

/* Unmap, pass 1: will something be left beside the range in this table? */
static __always_inline void vmem_unmap_beside(const struct vmem_format *fmt,
					      struct vmem_change *change,
					      const struct vmem_place *place)
{
	unsigned int level = place->level, nr = vmem_nr_entries(fmt);
	unsigned int end = vmem_place_end(fmt, place), i = 0;
	const vmem_pte_t *host = place->path.host[level];

	if (place->first > (place->va & ~vmem_table_mask(fmt, level)))
		i = vmem_index(fmt, place->first, level);
	if ((i && vmem_any(host, 0, i - 1, U64_MAX)) ||
	    (end + 1 < nr && vmem_any(host, end + 1, nr - 1, U64_MAX)))
		change->keeps |= BIT(level);
}

/* Unmap, pass 2: the frozen table of leaves below the entry @slot is let go of. */
static __always_inline void vmem_unmap_dropped(const struct vmem_env *e,
					       struct vmem_change *change,
					       const struct vmem_place *place)
{
	unsigned int i, nr = vmem_nr_entries(e->fmt);
	const vmem_pte_t *host = place->path.host[0];

	for (i = 0; i < nr; i++)
		change->pages += vmem_classify(e, vmem_read(host, i), 0) ==
				 VMEM_CLASS_LEAF;
	vmem_change_flush_all(change);
}

/* Unmap, pass 2: the entry above a table goes. */
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
		if (!vmem_change_entry(change, host, slot, entry, 0))
			continue;
		if (place->drop) {
			vmem_unmap_dropped(e, change, place);
			return 0;
		}
		e->ops->put(e->ctx, table, place->path.table[level], slot);
		vmem_change_flush_all(change);
		change->changes |= VMEM_CHANGED_FREED;
		return 0;
	}
	/* one of ours may stay, empty; what a frozen one maps may not */
	return place->drop ? -EBUSY : 0;
}

/*
 * Unmap, pass 1: will the table in hand go when it is empty? One of ours, and
 * one that will be: a copy of a frozen one.
 */
static __always_inline bool vmem_unmap_goes(const struct vmem_env *e,
					    const struct vmem_change *change,
					    const struct vmem_place *place)
{
	unsigned int level = place->level;
	vmem_table_t parent = place->path.table[level + 1];
	u32 links;

	if (!place->apply && vmem_move_counted(e, change, place, level))
		return true;
	return e->ops->owner(e->ctx, place->path.table[level], level, parent,
			     vmem_index(e->fmt, place->va, level + 1),
			     &links) == VMEM_MINE && links == 1;
}

/* Unmap, both passes: a table is done. One of ours goes if it is empty. */
static __always_inline int vmem_unmap_leave(const struct vmem_env *e,
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
				 vmem_nr_entries(e->fmt) - 1, U64_MAX);
	} else {
		stays = stays || change->keeps & BIT(level - 1);
	}
	goes = place->drop || vmem_unmap_goes(e, change, place);
	if (stays || !goes) {
		change->keeps |= BIT(level);
		/* a link can't replace what something hangs below */
		return goes && level == place->keep && !place->apply ?
		       -EEXIST : 0;
	}
	ret = vmem_change_want(place, level);
	if (ret || !place->apply)
		return ret;
	return vmem_unmap_table(e, change, place, level);
}

/* In link.h: the entry in hand, which is to name a table of another place. */
static __always_inline int vmem_link_entry(const struct vmem_env *e,
					   struct vmem_change *change,
					   struct vmem_place *place);

/* What is to be done about the entries in hand. */
static __always_inline int vmem_change_look(const struct vmem_env *e,
					    struct vmem_change *change,
					    struct vmem_place *place)
{
	unsigned int level = place->level;

	if (!level) {
		switch (place->kind) {
		case VMEM_KIND_UNMAPPED:
			return vmem_unmap_leaves(e, change, place);
		case VMEM_KIND_PROTECT:
			return vmem_protect_leaves(e, change, place);
		default:
			return vmem_map_leaves(e, change, place);
		}
	}
	if (level == e->fmt->nr_levels)
		return VMEM_DOWN;
	place->entry = vmem_read(place->path.host[level],
				 vmem_index(e->fmt, place->va, level));
	place->class = vmem_classify(e, place->entry, level);
	if (place->class == VMEM_CLASS_TABLE)
		place->child = vmem_entry_table(e, place->entry, level);
	switch (place->kind) {
	case VMEM_KIND_UNMAPPED:
		if (place->class == VMEM_CLASS_TABLE)
			return VMEM_DOWN;
		return vmem_unmap_whole(e, change, place,
					place->class == VMEM_CLASS_NONE ?
					0 : -ERANGE);
	case VMEM_KIND_PROTECT:
		return vmem_protect_large(e, change, place);
	case VMEM_KIND_LINK:
		if (level == place->m->link.level + 1U)
			return vmem_link_entry(e, change, place);
		return vmem_map_entry(e, change, place);
	default:
		return vmem_map_entry(e, change, place);
	}
}

/* The child can't be entered. */
static __always_inline int
vmem_change_no_entry(const struct vmem_env *e, struct vmem_change *change,
		     const struct vmem_place *place, int ret)
{
	if (ret == VMEM_OUTSIDE)
		ret = -ENXIO;
	if (place->kind != VMEM_KIND_UNMAPPED ||
	    place->level == e->fmt->nr_levels || ret > 0)
		return ret;
	if (place->sweep)
		return 0;
	/* no table to go through, so its entry is like a leaf */
	return ret == -ENXIO || ret == -EEXIST || ret == -EMLINK ?
	       vmem_unmap_whole(e, change, place, ret) : ret;
}

/*
 * Up, out of each table that ends with the entry in hand, or in which the
 * range ends, and on behind that. Return: 0; else stay.
 */
static __always_inline int vmem_change_up(const struct vmem_env *e,
					  struct vmem_change *change,
					  struct vmem_place *place)
{
	vmem_virt_t end = place->va | vmem_entry_mask(e->fmt, place->level);
	bool finished;
	int ret;

	if (!place->level)
		end |= vmem_table_mask(e->fmt, 0);
	finished = end >= place->last;
	while (place->level < vmem_top(e->fmt) &&
	       (finished || !((end + 1) & vmem_table_mask(e->fmt, place->level)))) {
		if (place->kind == VMEM_KIND_UNMAPPED) {
			ret = vmem_unmap_leave(e, change, place);
			if (ret)
				return ret;
		}
		place->shared &= ~BIT(place->level);
		place->drop = false;
		place->level++;
	}
	place->leaving = false;
	place->begun = true;
	place->tries = 0;
	if (change->low < place->level)
		change->low = place->level;
	place->va = finished ? place->last : end + 1;
	return 0;
}

/*
 * One pass over what is left of a mapping; *@offset is how far it came.
 * Return: 0: all of it.
 */
static __always_inline int
vmem_change_range(const struct vmem_env *e, struct vmem_change *change,
		  struct vmem_place *place, u64 *offset)
{
	int ret;

	place->last = place->m->virt_base + (place->m->len - 1);
	place->va = place->m->virt_base + *offset;
	place->level = e->fmt->nr_levels;
	place->child = place->space->root;
	place->tries = 0;
	place->shared = 0;
	place->denies = 0;
	place->writable = 0;
	place->drop = false;
	place->stays = false;
	place->leaving = false;

	while (*offset < place->m->len) {
		ret = place->leaving ? 0 : vmem_change_look(e, change, place);
		if (ret == VMEM_DOWN) {
			ret = vmem_change_enter(e, change, place);
			if (!ret) {
				if (place->kind == VMEM_KIND_UNMAPPED &&
				    !place->apply)
					vmem_unmap_beside(e->fmt, change, place);
				continue;
			}
			ret = vmem_change_no_entry(e, change, place, ret);
		}
		if (ret == VMEM_CLEAR)
			ret = vmem_unmap_clear(e, change, place);
		if (ret == VMEM_AGAIN)
			continue;
		if (!ret) {
			place->leaving = true;
			ret = vmem_change_up(e, change, place);
		}
		if (ret == VMEM_WANT) {
			ret = vmem_change_wanted(e, change, place);
			if (!ret)
				continue;
		}
		if (ret) {
			change->at_va = place->va;
			change->at_level = place->level;
			return ret;
		}
		*offset = place->va == place->last ? place->m->len :
			  place->va - place->m->virt_base;
	}
	change->low = e->fmt->nr_levels;
	return 0;
}

#endif /* _VMEM_MAP_H */
