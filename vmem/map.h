/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Changes: map and unmap, in two passes.
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

/* Exchanges with an entry that a vCPU keeps changing, before it is left. */
#define VMEM_LINK_TRIES		16

/* What is to be done about an entry, beside 0: it is done, and -errno. */
#define VMEM_DOWN		16	/* enter the table that it names */
#define VMEM_CLEAR		17	/* zero it */
#define VMEM_AGAIN		18	/* look at it again */

/* A range under way. */
struct vmem_place {
	const struct vmem_mapping *m;
	u64 leaf;		/* its leaves, without the address */
	u32 needs;		/* what the path must grant */
	bool map;		/* else unmap */
	bool apply;		/* pass 2 */
	bool free;		/* tables left empty go */
	bool sweep;		/* and nothing else is done */
	bool moved;		/* something was done since the call began */
	vmem_virt_t first;	/* where the pass begins */
	vmem_virt_t va;
	vmem_virt_t last;
	unsigned int level;	/* of the table in hand; nr_levels: none yet */
	unsigned int tries;	/* of the entry in hand */
	u64 entry;		/* the one in hand */
	enum vmem_class class;
	vmem_table_t child;	/* that it names */
	vmem_pte_t *host[VMEM_LEVELS_MAX];
	vmem_table_t table[VMEM_LEVELS_MAX];
};

static inline void vmem_change_flush(struct vmem_change *change,
				     vmem_virt_t first, vmem_virt_t last)
{
	if (change->flush == VMEM_FLUSH_ALL)
		return;
	if (change->flush == VMEM_FLUSH_NONE) {
		change->flush = VMEM_FLUSH_RANGE;
		change->flush_first = first;
		change->flush_last = last;
		return;
	}
	change->flush_first = min(change->flush_first, first);
	change->flush_last = max(change->flush_last, last);
}

static inline void vmem_change_flush_all(struct vmem_change *change)
{
	change->flush = VMEM_FLUSH_ALL;
	change->flush_first = 0;
	change->flush_last = U64_MAX;
}

/* The host's address of a table for writing. */
static __always_inline int vmem_change_reach(const struct vmem_env *e,
					     vmem_table_t table,
					     vmem_pte_t **host)
{
	int ret = e->ops->from_phys(e->ctx, table, VMEM_WRITE, host);

	return ret == VMEM_OUTSIDE ? -ENXIO : ret;
}

/* Tables are visited once in each pass, however often it is resumed. */
static inline int vmem_change_visit(struct vmem_change *change,
				    unsigned int level, u64 nr)
{
	if (change->low <= level)
		return 0;
	if (nr > change->budget - change->visited)
		return -E2BIG;
	change->visited += nr;
	change->low = level;
	return 0;
}

/*
 * May a change go on in a table of @level, which @slot of @parent names? Not
 * where one of ours is named by the guest, or is shared.
 */
static __always_inline int
vmem_change_owned(const struct vmem_env *e, vmem_table_t table,
		  unsigned int level, vmem_table_t parent, unsigned int slot)
{
	u32 links;

	switch (e->ops->owner(e->ctx, table, level, parent, slot, &links)) {
	case VMEM_MISUSED:
		return -EEXIST;
	case VMEM_MINE:
		return links > 1 ? -EMLINK : 0;
	default:
		return 0;
	}
}

/* Enter the child. */
static __always_inline int vmem_change_enter(const struct vmem_env *e,
					     struct vmem_change *change,
					     struct vmem_place *place)
{
	unsigned int level = place->level - 1;
	bool known = change->low <= level;
	int ret;

	ret = level == vmem_top(e->fmt) ?
	      vmem_change_owned(e, place->child, level, VMEM_NO_TABLE, 0) :
	      vmem_change_owned(e, place->child, level, place->table[level + 1],
				vmem_index(e->fmt, place->va, level + 1));
	if (ret)
		return ret;
	if (!known && place->moved && e->ops->pause(e->ctx, 1))
		return VMEM_PAUSE;
	ret = e->ops->from_phys(e->ctx, place->child, VMEM_READ,
				&place->host[level]);
	if (ret)
		return ret;
	ret = vmem_change_visit(change, level, 1);
	if (ret)
		return ret;
	if (!known) {
		change->keeps &= ~BIT(level);
		place->moved = true;
	}
	place->table[level] = place->child;
	place->level = level;
	return 0;
}

/* The last index that the range has in the table in hand. */
static __always_inline unsigned int
vmem_place_end(const struct vmem_format *fmt, const struct vmem_place *place)
{
	vmem_virt_t last = place->va | vmem_table_mask(fmt, place->level);

	return vmem_index(fmt, min(last, place->last), place->level);
}

/* Does any entry from @i up to @end, included, have one of @bits? */
static inline bool vmem_any(const vmem_pte_t *host, unsigned int i,
			    unsigned int end, u64 bits)
{
	u64 any = 0;

	for (; i + 7 <= end; i += 8)
		if (vmem_eight_or(host, i) & bits)
			return true;
	for (; i <= end; i++)
		any |= vmem_read(host, i);
	return any & bits;
}

/*
 * Map: tables that are missing below an entry of @level, from @first to @last.
 * Pass 2 will visit all of them. Neighbours in the list may need the same ones,
 * so each is needed once: the mappings come in ascending order, and the last
 * one is remembered.
 */
static inline int
vmem_change_missing(const struct vmem_format *fmt, struct vmem_change *change,
		    unsigned int level, vmem_virt_t first, vmem_virt_t last)
{
	u64 nr = 0, twice = 0;

	while (level--) {
		unsigned int lg2 = vmem_table_lg2(fmt, level);

		nr += (last >> lg2) - (first >> lg2) + 1;
		twice += change->counting & BIT(level) &&
			 change->counted[level] == first >> lg2;
		change->counting |= BIT(level);
		change->counted[level] = last >> lg2;
	}
	if (nr > change->budget - change->visited)
		return -E2BIG;
	change->visited += nr;
	change->need += nr - twice;
	return 0;
}

/* Write the entry in hand, if it is still @old. */
static __always_inline bool
vmem_change_entry(struct vmem_change *change, vmem_pte_t *host,
		  unsigned int index, u64 old, u64 new)
{
	vmem_pte_t expected = cpu_to_le64(old);

	if (cmpxchg(&host[index], expected, cpu_to_le64(new)) != expected)
		return false;
	change->dirty = true;
	return true;
}

/* Leaves from @i up to @end, included; unrolled, which compilers don't. */
static inline void vmem_fill(vmem_pte_t *host, unsigned int i,
			     unsigned int end, u64 leaf, u64 page)
{
	vmem_pte_t *at = host + i, *behind = host + end + 1;

	for (; behind - at >= 8; at += 8, leaf += 8 * page) {
		WRITE_ONCE(at[0], cpu_to_le64(leaf));
		WRITE_ONCE(at[1], cpu_to_le64(leaf + page));
		WRITE_ONCE(at[2], cpu_to_le64(leaf + 2 * page));
		WRITE_ONCE(at[3], cpu_to_le64(leaf + 3 * page));
		WRITE_ONCE(at[4], cpu_to_le64(leaf + 4 * page));
		WRITE_ONCE(at[5], cpu_to_le64(leaf + 5 * page));
		WRITE_ONCE(at[6], cpu_to_le64(leaf + 6 * page));
		WRITE_ONCE(at[7], cpu_to_le64(leaf + 7 * page));
	}
	for (; at < behind; at++, leaf += page)
		WRITE_ONCE(*at, cpu_to_le64(leaf));
}

/* What the page of place->va is to be mapped by. */
static __always_inline u64 vmem_place_leaf(const struct vmem_place *place)
{
	return place->leaf + place->m->phys_base +
	       (place->va - place->m->virt_base);
}

/* Map, both passes: a run of leaves in a table of level 0. */
static __always_inline int vmem_map_leaves(const struct vmem_env *e,
					   struct vmem_change *change,
					   struct vmem_place *place)
{
	unsigned int i = vmem_index(e->fmt, place->va, 0);
	unsigned int end = vmem_place_end(e->fmt, place);
	u64 page = BIT_ULL(e->fmt->page_lg2);
	vmem_pte_t *host;
	int ret;

	ret = vmem_change_reach(e, place->table[0], &host);
	if (ret)
		return ret;
	if (vmem_any(host, i, end, e->fmt->present)) {
		if (!(change->flags & VMEM_CHANGE_REPLACE)) {
			while (i++ < end && !(vmem_read(host, i - 1) & e->fmt->present))
				place->va += page;
			return -EEXIST;
		}
		if (place->apply)
			vmem_change_flush(change, place->va,
					  place->va + (end - i + 1) * page - 1);
	}
	if (!place->apply)
		return 0;
	vmem_fill(host, i, end, vmem_place_leaf(place), page);
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
	vmem_table_t table = e->ops->reserved(e->ctx, 0);
	vmem_pte_t *host, *parent;
	int ret;

	/* nothing of it is done: it may wait for the next piece */
	if (place->moved && e->ops->pause(e->ctx, 1))
		return VMEM_PAUSE;
	place->moved = true;

	/* a vCPU took tables away: count again what is still to be made */
	if (table == VMEM_NO_TABLE) {
		if (++change->recounts > VMEM_LINK_TRIES)
			return -EEXIST;
		vmem_change_recheck(change);
		return VMEM_PAUSE;
	}
	ret = vmem_change_reach(e, place->table[level], &parent) ?:
	      vmem_change_reach(e, table, &host) ?:
	      vmem_change_visit(change, level - 1, 1);
	if (ret)
		return ret;

	first = level == 1 ? vmem_index(e->fmt, place->va, 0) : nr;
	end = level == 1 ? vmem_index(e->fmt, last, 0) + 1 : nr;
	if (first)
		memset(host, 0, first * sizeof(*host));
	if (first < end)
		vmem_fill(host, first, end - 1, vmem_place_leaf(place),
			  BIT_ULL(e->fmt->page_lg2));
	if (end < nr)
		memset(host + end, 0, (nr - end) * sizeof(*host));

	/* a full barrier, so that a vCPU sees the table filled */
	if (!vmem_change_entry(change, parent, slot, place->entry,
			       e->fmt->make_table(table, VMEM_R | VMEM_W | VMEM_X)))
		return VMEM_AGAIN;
	e->ops->take(e->ctx, level - 1, place->table[level], slot);
	place->tries = 0;
	if (place->class != VMEM_CLASS_NONE)
		vmem_change_flush(change, place->va, last);
	change->pages += end - first;
	return level > 1 ? VMEM_AGAIN : 0;
}

/* Map, both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_map_entry(const struct vmem_env *e,
					  struct vmem_change *change,
					  struct vmem_place *place)
{
	u64 mask = vmem_entry_mask(e->fmt, place->level);
	vmem_virt_t end = place->va | mask;
	vmem_pte_t *host;
	int ret;

	if (place->class == VMEM_CLASS_TABLE)
		return place->needs & ~vmem_table_perms(e, place->entry) ?
		       -EEXIST : VMEM_DOWN;
	if (place->class != VMEM_CLASS_NONE) {
		if (!(change->flags & VMEM_CHANGE_REPLACE))
			return -EEXIST;
		if (place->va & mask || end > place->last)
			return -ERANGE;
	}
	if (place->apply)
		return place->tries++ < VMEM_LINK_TRIES ?
		       vmem_map_table(e, change, place) : -EEXIST;

	ret = vmem_change_reach(e, place->table[place->level], &host);
	if (ret)
		return ret;
	return vmem_change_missing(e->fmt, change, place->level, place->va,
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
	vmem_pte_t *host = place->host[0];
	u64 entry;
	int ret;

	if (place->sweep || !vmem_any(host, i, end, U64_MAX))
		return 0;
	ret = vmem_change_reach(e, place->table[0], &host);
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
		vmem_change_flush(change, va, va | vmem_entry_mask(e->fmt, 0));
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
	vmem_pte_t *host;
	u32 links;
	int ret;

	ret = vmem_change_reach(e, place->table[place->level], &host);
	if (ret || !place->apply)
		return ret;
	if (!vmem_change_entry(change, host, slot, place->entry, 0))
		return place->tries++ < VMEM_LINK_TRIES ? VMEM_AGAIN : -EEXIST;
	if (place->class != VMEM_CLASS_NONE)
		vmem_change_flush(change, place->va & ~mask, place->va | mask);
	if (place->class == VMEM_CLASS_LEAF)
		change->pages += (mask + 1) >> e->fmt->page_lg2;
	/* a table that others use lives on, without our link */
	if (place->class == VMEM_CLASS_TABLE &&
	    e->ops->owner(e->ctx, place->child, place->level - 1,
			  place->table[place->level], slot,
			  &links) == VMEM_MINE) {
		e->ops->put(e->ctx, place->child, place->table[place->level],
			    slot);
		vmem_change_flush_all(change);
	}
	return 0;
}

/*
 * Unmap, both passes: the entry in hand can't be gone through, because of
 * @err; 0: there is nothing below it. It can only go whole.
 */
static __always_inline int vmem_unmap_whole(const struct vmem_env *e,
					    struct vmem_change *change,
					    const struct vmem_place *place,
					    int err)
{
	u64 mask = vmem_entry_mask(e->fmt, place->level);

	if (place->sweep || !place->entry)
		return 0;
	if ((place->va & ~mask) >= place->m->virt_base &&
	    (place->va | mask) <= place->last)
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
	const vmem_pte_t *host = place->host[level];

	if (place->first > (place->va & ~vmem_table_mask(fmt, level)))
		i = vmem_index(fmt, place->first, level);
	if ((i && vmem_any(host, 0, i - 1, U64_MAX)) ||
	    (end + 1 < nr && vmem_any(host, end + 1, nr - 1, U64_MAX)))
		change->keeps |= BIT(level);
}

/* Unmap, both passes: a table is done. One of ours goes if it is empty. */
static __always_inline int vmem_unmap_leave(const struct vmem_env *e,
					    struct vmem_change *change,
					    struct vmem_place *place)
{
	unsigned int level = place->level + 1, tries;
	unsigned int slot = vmem_index(e->fmt, place->va, level);
	vmem_table_t table = place->table[level - 1];
	vmem_pte_t *host;
	u64 entry;
	u32 links;
	int ret;

	if (place->apply ? !place->free || vmem_any(place->host[level - 1], 0,
						    vmem_nr_entries(e->fmt) - 1,
						    U64_MAX) :
			   change->keeps & BIT(level - 1)) {
		change->keeps |= BIT(level);
		return 0;
	}
	if (e->ops->owner(e->ctx, table, level - 1, place->table[level], slot,
			  &links) != VMEM_MINE || links > 1) {
		change->keeps |= BIT(level);
		return 0;
	}
	ret = vmem_change_reach(e, place->table[level], &host);
	/* emptied by two mappings of a list: not foreseen, so it stays */
	if (ret < 0 && place->sweep)
		return 0;
	if (ret || !place->apply)
		return ret;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(host, slot);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE ||
		    vmem_entry_table(e, entry, level) != table)
			return 0;
		if (!vmem_change_entry(change, host, slot, entry, 0))
			continue;
		e->ops->put(e->ctx, table, place->table[level], slot);
		vmem_change_flush_all(change);
		change->changes |= VMEM_CHANGED_FREED;
		return 0;
	}
	return 0;
}

/* What is to be done about the entries in hand. */
static __always_inline int vmem_change_look(const struct vmem_env *e,
					    struct vmem_change *change,
					    struct vmem_place *place)
{
	unsigned int level = place->level;

	if (!level)
		return place->map ? vmem_map_leaves(e, change, place) :
				    vmem_unmap_leaves(e, change, place);
	if (level == e->fmt->nr_levels)
		return VMEM_DOWN;
	place->entry = vmem_read(place->host[level],
				 vmem_index(e->fmt, place->va, level));
	place->class = vmem_classify(e, place->entry, level);
	if (place->class == VMEM_CLASS_TABLE)
		place->child = vmem_entry_table(e, place->entry, level);
	if (place->map)
		return vmem_map_entry(e, change, place);
	if (place->class == VMEM_CLASS_TABLE)
		return VMEM_DOWN;
	return vmem_unmap_whole(e, change, place,
				place->class == VMEM_CLASS_NONE ? 0 : -ERANGE);
}

/* The child can't be entered. */
static __always_inline int vmem_change_no_entry(const struct vmem_env *e,
						struct vmem_change *change,
						const struct vmem_place *place,
						int ret)
{
	if (ret == VMEM_OUTSIDE)
		ret = -ENXIO;
	if (place->map || place->level == e->fmt->nr_levels || ret > 0)
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
		if (!place->map) {
			ret = vmem_unmap_leave(e, change, place);
			if (ret)
				return ret;
		}
		place->level++;
	}
	place->moved = true;
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
static __always_inline int vmem_change_range(const struct vmem_env *e,
					     struct vmem_change *change,
					     struct vmem_place *place,
					     vmem_table_t root, u64 *offset)
{
	int ret;

	place->last = place->m->virt_base + (place->m->len - 1);
	place->va = place->m->virt_base + *offset;
	place->level = e->fmt->nr_levels;
	place->child = root;
	place->tries = 0;

	while (*offset < place->m->len) {
		ret = vmem_change_look(e, change, place);
		if (ret == VMEM_DOWN) {
			ret = vmem_change_enter(e, change, place);
			if (!ret) {
				if (!place->map && !place->apply)
					vmem_unmap_beside(e->fmt, change, place);
				continue;
			}
			ret = vmem_change_no_entry(e, change, place, ret);
		}
		if (ret == VMEM_CLEAR)
			ret = vmem_unmap_clear(e, change, place);
		if (ret == VMEM_AGAIN)
			continue;
		if (!ret)
			ret = vmem_change_up(e, change, place);
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
