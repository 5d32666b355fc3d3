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

/* A range under way: what both passes need at hand. */
struct vmem_place {
	const struct vmem_mapping *m;
	u64 leaf;		/* its leaves, without the address */
	u32 needs;		/* what the path must grant */
	bool apply;		/* pass 2 */
	bool free;		/* tables left empty go */
	bool sweep;		/* and nothing else is done */
	bool moved;		/* something was done since the call began */
	vmem_virt_t va;
	vmem_virt_t last;
	unsigned int level;
	vmem_pte_t *host[VMEM_LEVELS_MAX];
	vmem_table_t table[VMEM_LEVELS_MAX];
};

/* What is to be done after an entry of a table above level 0. */
#define VMEM_DONE	0
#define VMEM_DOWN	16

static __always_inline void vmem_change_flush(struct vmem_change *change,
					      vmem_virt_t first,
					      vmem_virt_t last)
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

static __always_inline void vmem_change_flush_all(struct vmem_change *change)
{
	change->flush = VMEM_FLUSH_ALL;
	change->flush_first = 0;
	change->flush_last = U64_MAX;
}

static __always_inline int vmem_change_stop(struct vmem_change *change,
					    vmem_virt_t va, unsigned int level,
					    int err)
{
	if (err < 0) {
		change->at_va = va;
		change->at_level = level;
	}
	return err;
}

/* The host's address of a table for writing. */
static __always_inline int
vmem_change_reach(const struct vmem_table_ops *ops, void *ctx,
		  vmem_table_t table, vmem_pte_t **host)
{
	int ret = ops->from_phys(ctx, table, VMEM_WRITE, host);

	return ret == VMEM_OUTSIDE ? -ENXIO : ret;
}

/* Tables are visited once in each pass, however often it is resumed. */
static __always_inline int vmem_change_visit(struct vmem_change *change,
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

/* Enter @table: it may be a stranger's, and it may be shared. */
static __always_inline int
vmem_change_enter(const struct vmem_format *fmt,
		  const struct vmem_table_ops *ops, void *ctx,
		  struct vmem_change *change, struct vmem_place *place,
		  vmem_table_t table, unsigned int level)
{
	bool known = change->low <= level;
	u32 links;
	int ret;

	switch (ops->owner(ctx, table, level, &links)) {
	case VMEM_MISUSED:
		return -EEXIST;
	case VMEM_MINE:
		if (links > 1)
			return -EMLINK;
		break;
	case VMEM_FOREIGN:
		break;
	}
	if (!known && place->moved && ops->pause(ctx))
		return VMEM_PAUSE;
	ret = ops->from_phys(ctx, table, VMEM_READ, &place->host[level]);
	if (ret)
		return ret;
	ret = vmem_change_visit(change, level, 1);
	if (ret)
		return ret;
	if (!known)
		change->keeps &= ~BIT(level);
	place->moved |= !known;
	place->table[level] = table;
	place->level = level;
	return 0;
}

/* The first and the last index that the range has in the table in hand. */
static __always_inline unsigned int
vmem_place_end(const struct vmem_format *fmt, const struct vmem_place *place)
{
	vmem_virt_t last = place->va | vmem_table_mask(fmt, place->level);

	return vmem_index(fmt, min(last, place->last), place->level);
}

/* Does any entry from @i up to @end, included, have one of @bits? */
static __always_inline bool vmem_any(const vmem_pte_t *host, unsigned int i,
				     unsigned int end, u64 bits)
{
	u64 any = 0;

	for (; i + 7 <= end; i += 8) {
		any = vmem_eight_or(host, i);
		if (any & bits)
			return true;
	}
	for (any = 0; i <= end; i++)
		any |= vmem_read(host, i);
	return any & bits;
}

/*
 * Map: tables that are missing below an entry of @level, from @first to
 * @last. Neighbours in the list may need the same ones, so each is counted
 * once: the mappings come in ascending order, and the last one is remembered.
 */
static __always_inline u64
vmem_change_missing(const struct vmem_format *fmt, struct vmem_change *change,
		    unsigned int level, vmem_virt_t first, vmem_virt_t last)
{
	u64 nr = 0;

	while (level--) {
		unsigned int lg2 = vmem_table_lg2(fmt, level);

		nr += (last >> lg2) - (first >> lg2) + 1;
		if (change->counting & BIT(level) &&
		    change->counted[level] == first >> lg2)
			nr--;
		change->counting |= BIT(level);
		change->counted[level] = last >> lg2;
	}
	return nr;
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
static __always_inline void vmem_fill(vmem_pte_t *host, unsigned int i,
				      unsigned int end, u64 leaf, u64 page)
{
	for (; i + 7 <= end; i += 8, leaf += 8 * page) {
		WRITE_ONCE(host[i], cpu_to_le64(leaf));
		WRITE_ONCE(host[i + 1], cpu_to_le64(leaf + page));
		WRITE_ONCE(host[i + 2], cpu_to_le64(leaf + 2 * page));
		WRITE_ONCE(host[i + 3], cpu_to_le64(leaf + 3 * page));
		WRITE_ONCE(host[i + 4], cpu_to_le64(leaf + 4 * page));
		WRITE_ONCE(host[i + 5], cpu_to_le64(leaf + 5 * page));
		WRITE_ONCE(host[i + 6], cpu_to_le64(leaf + 6 * page));
		WRITE_ONCE(host[i + 7], cpu_to_le64(leaf + 7 * page));
	}
	for (; i <= end; i++, leaf += page)
		WRITE_ONCE(host[i], cpu_to_le64(leaf));
}

/* Map, both passes: a run of leaves in a table of level 0. */
static __always_inline int
vmem_map_leaves(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		void *ctx, struct vmem_change *change, struct vmem_place *place)
{
	unsigned int i = vmem_index(fmt, place->va, 0);
	unsigned int end = vmem_place_end(fmt, place);
	u64 page = BIT_ULL(fmt->page_lg2), leaf;
	vmem_pte_t *host = place->host[0];
	vmem_virt_t va = place->va;
	bool present;
	int ret;

	ret = vmem_change_reach(ops, ctx, place->table[0], &host);
	if (ret)
		return vmem_change_stop(change, va, 0, ret);

	present = vmem_any(host, i, end, fmt->present);
	if (present && !(change->flags & VMEM_CHANGE_REPLACE)) {
		while (!(vmem_read(host, i) & fmt->present) && i < end) {
			i++;
			va += page;
		}
		return vmem_change_stop(change, va, 0, -EEXIST);
	}
	if (!place->apply)
		return 0;

	if (present)
		vmem_change_flush(change, va, va + (end - i) * page + page - 1);
	leaf = place->leaf + place->m->phys_base + (va - place->m->virt_base);
	change->pages += end - i + 1;
	change->dirty = true;
	vmem_fill(host, i, end, leaf, page);
	return 0;
}

/*
 * Map, pass 2: make the table that an entry lacks. A table of leaves is linked
 * when it is filled. One above is linked empty, so that at most one table is
 * taken and not yet linked. Return: VMEM_DONE: all leaves below the entry are
 * mapped; VMEM_DOWN: look at the entry again.
 */
static __always_inline int
vmem_map_table(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	       void *ctx, struct vmem_change *change, struct vmem_place *place,
	       u64 old, bool present)
{
	u64 page = BIT_ULL(fmt->page_lg2), leaf;
	unsigned int level = place->level;
	unsigned int slot = vmem_index(fmt, place->va, level);
	vmem_table_t table = ops->reserved(ctx, 0);
	vmem_virt_t last = min(place->va | vmem_entry_mask(fmt, level),
			       place->last);
	unsigned int nr = vmem_nr_entries(fmt), first, end;
	vmem_pte_t *host, *parent;
	int ret;

	/* others took tables away: count again what is still to be made */
	if (table == VMEM_NO_TABLE) {
		vmem_change_recheck(change);
		return VMEM_PAUSE;
	}
	ret = vmem_change_reach(ops, ctx, place->table[level], &parent);
	if (ret)
		return ret;
	ret = vmem_change_reach(ops, ctx, table, &host);
	if (ret)
		return ret;

	first = vmem_index(fmt, place->va, 0);
	end = vmem_index(fmt, last, 0);
	leaf = place->leaf + place->m->phys_base + (place->va - place->m->virt_base);
	if (level > 1) {
		memset(host, 0, nr * sizeof(*host));
	} else {
		memset(host, 0, first * sizeof(*host));
		vmem_fill(host, first, end, leaf, page);
		memset(host + end + 1, 0, (nr - 1 - end) * sizeof(*host));
	}

	/* cmpxchg is a full barrier: a vCPU sees the table filled */
	if (!vmem_change_entry(change, parent, slot, old,
			       fmt->make_table(table, VMEM_R | VMEM_W | VMEM_X)))
		return VMEM_DOWN;
	ops->take(ctx, level - 1, place->table[level], slot);
	if (present)
		vmem_change_flush(change, place->va, last);
	ret = vmem_change_visit(change, level - 1, 1);
	if (ret)
		return ret;
	if (level > 1)
		return VMEM_DOWN;
	change->pages += end - first + 1;
	return VMEM_DONE;
}

/* Map, both passes: an entry of a table above level 0. */
static __always_inline int
vmem_map_entry(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	       void *ctx, const struct vmem_facts *facts,
	       struct vmem_change *change, struct vmem_place *place)
{
	unsigned int level = place->level, tries;
	unsigned int index = vmem_index(fmt, place->va, level);
	vmem_virt_t end = place->va | vmem_entry_mask(fmt, level);
	vmem_virt_t last = min(end, place->last);
	bool whole = end <= place->last &&
		     !(place->va & vmem_entry_mask(fmt, level));
	enum vmem_class class;
	u64 entry, missing;
	vmem_pte_t *host;
	int ret;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(place->host[level], index);
		class = fmt->classify(facts, entry, level);
		if (class == VMEM_CLASS_TABLE) {
			if (place->needs & ~fmt->table_perms(entry))
				break;
			ret = vmem_change_enter(fmt, ops, ctx, change, place,
						vmem_table(fmt->entry_phys(facts, entry,
									   level, class)),
						level - 1);
			if (ret == VMEM_OUTSIDE)
				ret = -ENXIO;
			if (!ret)
				return VMEM_DOWN;
			return vmem_change_stop(change, place->va, level, ret);
		}
		if (class != VMEM_CLASS_NONE) {
			if (!(change->flags & VMEM_CHANGE_REPLACE))
				break;
			if (!whole)
				return vmem_change_stop(change, place->va, level,
							-ERANGE);
		}
		if (!place->apply) {
			ret = vmem_change_reach(ops, ctx, place->table[level],
						&host);
			if (ret)
				return vmem_change_stop(change, place->va, level, ret);
			missing = vmem_change_missing(fmt, change, level,
						      place->va, last);
			change->need += missing;
			if (missing > change->budget - change->visited)
				return vmem_change_stop(change, place->va, level,
							-E2BIG);
			change->visited += missing;
			return VMEM_DONE;
		}
		ret = vmem_map_table(fmt, ops, ctx, change, place, entry,
				     class != VMEM_CLASS_NONE);
		if (ret != VMEM_DOWN)
			return ret > 0 || !ret ? ret :
			       vmem_change_stop(change, place->va, level, ret);
	}
	return vmem_change_stop(change, place->va, level, -EEXIST);
}

/* Unmap, both passes: a run of entries of a table of level 0. */
static __always_inline int
vmem_unmap_leaves(const struct vmem_format *fmt,
		  const struct vmem_table_ops *ops, void *ctx,
		  const struct vmem_facts *facts, struct vmem_change *change,
		  struct vmem_place *place)
{
	unsigned int i = vmem_index(fmt, place->va, 0);
	unsigned int end = vmem_place_end(fmt, place);
	vmem_virt_t base = place->va & ~vmem_table_mask(fmt, 0);
	unsigned int nr = vmem_nr_entries(fmt);
	vmem_pte_t *host = place->host[0];
	vmem_virt_t va;
	u64 entry;
	int ret;

	if (place->sweep)
		return 0;
	if (!place->apply &&
	    ((i && vmem_any(host, 0, i - 1, U64_MAX)) ||
	     (end + 1 < nr && vmem_any(host, end + 1, nr - 1, U64_MAX))))
		change->keeps |= BIT(0);
	if (!vmem_any(host, i, end, U64_MAX))
		return 0;
	ret = vmem_change_reach(ops, ctx, place->table[0], &host);
	if (ret)
		return vmem_change_stop(change, place->va, 0, ret);
	if (!place->apply)
		return 0;

	for (; i <= end; i++) {
		entry = vmem_read(host, i);
		if (!entry)
			continue;
		va = base + ((u64)i << fmt->page_lg2);
		WRITE_ONCE(host[i], 0);
		change->dirty = true;
		if (!(entry & fmt->present))
			continue;
		vmem_change_flush(change, va, va | vmem_entry_mask(fmt, 0));
		if (fmt->classify(facts, entry, 0) == VMEM_CLASS_LEAF)
			change->pages++;
	}
	return 0;
}

/* Unmap: a leaf, or what can't be entered, above level 0. */
static __always_inline int
vmem_unmap_whole(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		 void *ctx, struct vmem_change *change,
		 struct vmem_place *place, u64 entry, enum vmem_class class)
{
	unsigned int level = place->level;
	u64 mask = vmem_entry_mask(fmt, level);
	vmem_pte_t *host;
	int ret;

	ret = vmem_change_reach(ops, ctx, place->table[level], &host);
	if (ret)
		return vmem_change_stop(change, place->va, level, ret);
	if (!place->apply)
		return VMEM_DONE;
	WRITE_ONCE(host[vmem_index(fmt, place->va, level)], 0);
	change->dirty = true;
	if (class != VMEM_CLASS_NONE)
		vmem_change_flush(change, place->va & ~mask, place->va | mask);
	if (class == VMEM_CLASS_LEAF)
		change->pages += (mask + 1) >> fmt->page_lg2;
	return VMEM_DONE;
}

/* Unmap, both passes: an entry of a table above level 0. */
static __always_inline int
vmem_unmap_entry(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		 void *ctx, const struct vmem_facts *facts,
		 struct vmem_change *change, struct vmem_place *place)
{
	unsigned int level = place->level;
	u64 mask = vmem_entry_mask(fmt, level);
	u64 entry = vmem_read(place->host[level],
			      vmem_index(fmt, place->va, level));
	enum vmem_class class = fmt->classify(facts, entry, level);
	bool whole = (place->va & ~mask) >= place->m->virt_base &&
		     (place->va | mask) <= place->last;
	int err = -ERANGE, ret;

	if (place->sweep && class != VMEM_CLASS_TABLE)
		return VMEM_DONE;
	if (class == VMEM_CLASS_TABLE) {
		ret = vmem_change_enter(fmt, ops, ctx, change, place,
					vmem_table(fmt->entry_phys(facts, entry,
								   level, class)),
					level - 1);
		if (!ret)
			return VMEM_DOWN;
		if (place->sweep && (ret < 0 || ret == VMEM_OUTSIDE))
			return VMEM_DONE;
		if (ret != VMEM_OUTSIDE && ret != -EEXIST)
			return vmem_change_stop(change, place->va, level, ret);
		/* no table to go through, so the entry is like a leaf */
		err = ret == VMEM_OUTSIDE ? -ENXIO : ret;
	} else if (class == VMEM_CLASS_NONE) {
		if (!entry)
			return VMEM_DONE;
		err = 0;
	}
	if (whole)
		return vmem_unmap_whole(fmt, ops, ctx, change, place, entry,
					class);
	/* a hole that holds bits, in part: it stays */
	change->keeps |= BIT(level);
	return vmem_change_stop(change, place->va, level, err);
}

/* Unmap: before a table above level 0 is gone through, what lies beside. */
static __always_inline void
vmem_unmap_beside(const struct vmem_format *fmt, struct vmem_change *change,
		  const struct vmem_place *place)
{
	unsigned int level = place->level, nr = vmem_nr_entries(fmt);
	unsigned int end = vmem_place_end(fmt, place), i = 0;
	u64 base = place->va & ~vmem_table_mask(fmt, level);

	if (place->m->virt_base > base)
		i = vmem_index(fmt, place->m->virt_base, level);
	if ((i && vmem_any(place->host[level], 0, i - 1, U64_MAX)) ||
	    (end + 1 < nr &&
	     vmem_any(place->host[level], end + 1, nr - 1, U64_MAX)))
		change->keeps |= BIT(level);
}

/* Unmap, both passes: a table is done. One of ours goes if it is empty. */
static __always_inline int
vmem_unmap_leave(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		 void *ctx, const struct vmem_facts *facts,
		 struct vmem_change *change, struct vmem_place *place)
{
	unsigned int level = place->level + 1, tries;
	unsigned int slot = vmem_index(fmt, place->va, level);
	vmem_table_t table = place->table[level - 1];
	vmem_pte_t *host;
	u64 entry;
	int ret;

	if (!ops->links_me(ctx, table, place->table[level], slot))
		goto keep;
	if (place->apply) {
		if (!place->free ||
		    vmem_any(place->host[level - 1], 0,
			     vmem_nr_entries(fmt) - 1, U64_MAX))
			return 0;
	} else if (change->keeps & BIT(level - 1)) {
		goto keep;
	}
	ret = vmem_change_reach(ops, ctx, place->table[level], &host);
	if (ret)
		return vmem_change_stop(change, place->va, level, ret);
	if (!place->apply)
		return 0;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(host, slot);
		if (fmt->classify(facts, entry, level) != VMEM_CLASS_TABLE ||
		    fmt->entry_phys(facts, entry, level, VMEM_CLASS_TABLE) !=
		    vmem_table_gpa(table))
			return 0;
		if (!vmem_change_entry(change, host, slot, entry, 0))
			continue;
		ops->put(ctx, table, place->table[level], slot);
		vmem_change_flush_all(change);
		change->changes |= VMEM_CHANGED_FREED;
		return 0;
	}
	return 0;
keep:
	change->keeps |= BIT(level);
	return 0;
}

/*
 * One pass over what is left of a mapping; *@offset is how far it came.
 * Return: 0: all of it.
 */
static __always_inline int
vmem_change_range(const struct vmem_format *fmt,
		  const struct vmem_table_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_change *change,
		  struct vmem_place *place, u64 *offset)
{
	const unsigned int top = vmem_top(fmt);
	bool map = place->m->kind != VMEM_KIND_UNMAPPED, finished;
	vmem_virt_t end;
	int ret;

	place->last = place->m->virt_base + (place->m->len - 1);
	place->va = place->m->virt_base + *offset;
	ret = vmem_change_enter(fmt, ops, ctx, change, place, space->root, top);
	if (ret == VMEM_OUTSIDE)
		ret = -ENXIO;
	if (ret)
		return vmem_change_stop(change, place->va, fmt->nr_levels, ret);
	if (!map && !place->apply && top)
		vmem_unmap_beside(fmt, change, place);

	for (;;) {
		if (map)
			ret = place->level ?
			      vmem_map_entry(fmt, ops, ctx, &space->facts,
					     change, place) :
			      vmem_map_leaves(fmt, ops, ctx, change, place);
		else
			ret = place->level ?
			      vmem_unmap_entry(fmt, ops, ctx, &space->facts,
					       change, place) :
			      vmem_unmap_leaves(fmt, ops, ctx, &space->facts,
						change, place);
		if (ret == VMEM_DOWN) {
			if (!map && !place->apply && place->level)
				vmem_unmap_beside(fmt, change, place);
			continue;
		}
		if (ret)
			return ret;

		/* up, out of each table that ends here */
		end = place->va | (place->level ? vmem_entry_mask(fmt, place->level) :
						  vmem_table_mask(fmt, 0));
		finished = end >= place->last;
		while (place->level < top &&
		       (finished ||
			!((end + 1) & vmem_table_mask(fmt, place->level)))) {
			if (!map) {
				ret = vmem_unmap_leave(fmt, ops, ctx,
						       &space->facts, change,
						       place);
				if (ret)
					return ret;
			}
			place->level++;
		}
		place->moved = true;
		if (change->low < place->level)
			change->low = place->level;
		if (finished) {
			*offset = place->m->len;
			change->low = fmt->nr_levels;
			return 0;
		}
		place->va = end + 1;
		*offset = place->va - place->m->virt_base;
	}
}

#endif /* _VMEM_MAP_H */
