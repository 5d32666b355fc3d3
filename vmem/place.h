/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The entry in hand of a change, and what may be done to it: look at it, see that
 * its table can be written, exchange it, install a table below it or remove one.
 * The kinds of change are made of this, and know nothing of each other.
 *
 * A table that is frozen is copied before it is written. Pass 1 counts the copies;
 * pass 2 makes them from the highest down, so that each is linked by an entry that
 * is seen at once and the change can end between any two of them.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_PLACE_H
#define _VMEM_PLACE_H

#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "cursor.h"
#include "records.h"

/* Exchanges with an entry that a vCPU keeps changing, before it is left: EBUSY. */
#define VMEM_LINK_TRIES		16

/**
 * struct vmem_update_parent - the path of a change, from the root down
 * @host:	host addresses of its tables, by level; good in this piece
 * @table:	and their guest-physical addresses
 *
 * When a table moves, the entry above that names it is written, in a table
 * that has moved before if it had to, up to the root.
 */
struct vmem_update_parent {
	vmem_pte_t *host[VMEM_LEVELS_MAX];
	vmem_table_t table[VMEM_LEVELS_MAX];
};

/* The one of ops that never move a table: nothing is repaired. */
#define VMEM_UPDATE_PARENT_NONE	((struct vmem_update_parent *)NULL)

/* A branch that such ops can't reach: that it is left fails the build. */
static __always_inline void vmem_void(void)
{
	BUILD_BUG();
}

/* A place in a range. */
struct vmem_place {
	/* the range, and what is to be done to it in this pass */
	const struct vmem_mapping *m;
	u64 leaf;		/* its first one, of the smallest size */
	u64 away;		/* from an address to what it is mapped to */
	u32 attrs;		/* of its leaves */
	u32 needs;		/* what the path must grant, for a leaf */
	u8 levels;		/* bit n: leaves of level n are made, or need no table */
	unsigned int lowest;	/* level of the tables whose entries are changed */
	vmem_virt_t last;
	bool apply;		/* pass 2 */
	/* where it is */
	struct vmem_update_parent path;
	vmem_virt_t va;
	unsigned int level;	/* of the table in hand; nr_levels: none yet */
	unsigned int tries;	/* of the entry in hand */
	u64 entry;		/* the one in hand, above level 0 */
	enum vmem_class class;
	vmem_table_t child;	/* that it names */
	u32 links;		/* which so many name; 0: it isn't ours */
	bool begun;		/* something was done since the call began */
	bool cut;		/* a link was: a table of the path may be free */
	bool leaving;		/* the table in hand is done */
	u8 want;		/* the level of a table that is to be written */
	u8 writable;		/* bit n: it can be written, at path.host[n] */
	u8 shared;		/* bit n: others may show the table of level n by then */
	/* of unmapping */
	vmem_virt_t first;	/* where the pass begins */
	unsigned int keep;	/* tables of this level and above stay, if empty */
	bool sweep;		/* nothing is done but that empty ones go */
	bool drop;		/* the frozen table of leaves goes whole */
	/* of promoting */
	bool held;		/* others have the table in hand: it is only read */
	u8 skips[VMEM_LEVELS_MAX]; /* enum vmem_skip, of tables that are left */
};

/* The index of the entry of @level. */
static __always_inline unsigned int vmem_slot(const struct vmem_env *e,
					      unsigned int level)
{
	return vmem_index(e->fmt, e->at->va, level);
}

/* The last index that the range has in the table in hand. */
static __always_inline unsigned int vmem_place_end(const struct vmem_env *e)
{
	vmem_virt_t last = e->at->va | vmem_table_mask(e->fmt, e->at->level);

	return vmem_index(e->fmt, min(last, e->at->last), e->at->level);
}

/* Is all that an entry of @level translates in the mapping? */
static __always_inline bool vmem_place_covers(const struct vmem_env *e,
					      unsigned int level)
{
	u64 mask = vmem_entry_mask(e->fmt, level);

	return (e->at->va & ~mask) >= e->at->m->virt_base &&
	       (e->at->va | mask) <= e->at->last;
}

/* The number of the span of a table of @level: both halves have one root. */
static __always_inline u64 vmem_place_span(const struct vmem_env *e,
					   unsigned int level)
{
	return (e->at->va & vmem_table_mask(e->fmt, vmem_top(e->facts))) >>
	       vmem_table_lg2(e->fmt, level);
}

/* Does a mapping make leaves, or what lies in their place? */
static inline bool vmem_mapping_maps(const struct vmem_mapping *m)
{
	return m->kind >= VMEM_KIND_BASIC && m->kind <= VMEM_KIND_RAW;
}

/* The attributes that they have. D without W would be a page of a shadow stack. */
static inline u32 vmem_mapping_attrs(const struct vmem_facts *facts,
				     const struct vmem_mapping *m)
{
	u32 attrs = m->kind == VMEM_KIND_COW ? m->cow.attrs | VMEM_COW :
					       m->basic.attrs;

	return m->ad_given ? attrs :
	       (attrs & ~(u32)VMEM_D) | VMEM_A |
	       (attrs & VMEM_W || !facts->shadow ? VMEM_D : 0);
}

/* The levels of its leaves, whatever the vCPU allows; 0: there is no such size. */
static __always_inline u8 vmem_mapping_levels(const struct vmem_format *fmt,
					      const struct vmem_mapping *m)
{
	u64 sizes = m->page_sizes, all = 0;
	u8 level, levels = 0;

	if (likely(!sizes))
		return BIT(0);
	for (level = 0; level < fmt->nr_levels; level++) {
		if (!(fmt->leaf_levels & BIT(level)))
			continue;
		all |= BIT_ULL(fmt->entry_lg2(level));
		levels |= sizes & BIT_ULL(fmt->entry_lg2(level)) ? BIT(level) : 0;
	}
	return sizes & ~all ? 0 : levels;
}

/* Can a leaf of @level map all that the entry translates? */
static __always_inline bool vmem_place_fits(const struct vmem_env *e,
					    unsigned int level)
{
	u64 mask = vmem_entry_mask(e->fmt, level), va = e->at->va;

	return e->at->levels & BIT(level) && !((va | (va + e->at->away)) & mask) &&
	       mask <= e->at->last - va;
}

/* Is the entry in hand a leaf of which a part is to be changed, and may be? */
static __always_inline bool vmem_place_splits(const struct vmem_env *e)
{
	return e->at->class == VMEM_CLASS_LEAF &&
	       e->asked->flags & VMEM_CHANGE_SPLIT &&
	       e->facts->leaf_levels & BIT(e->at->level - 1) &&
	       !vmem_place_covers(e, e->at->level);
}

/* What place->va is to be mapped by, at @level. */
static __always_inline u64 vmem_place_leaf(const struct vmem_env *e,
					   unsigned int level)
{
	u64 pages = (e->at->va - e->at->m->virt_base) >> e->fmt->page_lg2;

	VMEM_ASSERT(e->at->va >= e->at->m->virt_base && vmem_mapping_maps(e->at->m));
	return unlikely(level) ? e->fmt->make_leaf(e->facts, e->at->attrs, level,
						   e->at->va + e->at->away) :
	       e->at->leaf + (e->at->m->kind == VMEM_KIND_RAW ? 0 : pages * e->fmt->step(0));
}

/* The same for the entries from @i on up to @end. */
static __always_inline void vmem_place_fill(const struct vmem_env *e,
					    vmem_pte_t *host, unsigned int level,
					    unsigned int i, unsigned int end)
{
	vmem_fill(host, i, end, vmem_place_leaf(e, level),
		  e->at->m->kind == VMEM_KIND_RAW ? 0 : e->fmt->step(level));
}

/* What a table entry of @level that is made grants. */
static __always_inline u32 vmem_place_perms(const struct vmem_env *e,
					    unsigned int level)
{
	return e->at->m->path_given ?
	       e->at->m->path >> (4 * level) & VMEM_RWXU :
	       VMEM_R | VMEM_W | VMEM_X | (e->at->needs & VMEM_U);
}

/* Flushing */

/* All; @changes: what of VMEM_CHANGED_* is why. */
static inline void vmem_flush_all(struct vmem_change *change, u32 changes)
{
	change->answer.changes |= changes;
	change->answer.flush = VMEM_FLUSH_ALL;
	change->answer.flush_first = 0;
	change->answer.flush_last = U64_MAX;
}

/* A range of this space; all, where other places may show a table on the path. */
static inline void vmem_flush(struct vmem_change *change, bool shared,
			      vmem_virt_t first, vmem_virt_t last)
{
	struct vmem_answer *answer = &change->answer;

	VMEM_ASSERT(first <= last);
	if (shared)
		vmem_flush_all(change, 0);
	if (answer->flush == VMEM_FLUSH_ALL)
		return;
	if (answer->flush == VMEM_FLUSH_NONE || first < answer->flush_first)
		answer->flush_first = first;
	answer->flush = VMEM_FLUSH_RANGE;
	answer->flush_last = max(answer->flush_last, last);
}

/* What the entry of @level translates. */
static __always_inline void vmem_flush_entry(const struct vmem_env *e,
					     unsigned int level)
{
	u64 mask = vmem_entry_mask(e->fmt, level);

	vmem_flush(e->change, e->at->shared >> level, e->at->va & ~mask, e->at->va | mask);
}

/* And that many pages were changed. */
static __always_inline void vmem_count_entry(const struct vmem_env *e,
					     unsigned int level)
{
	e->answer->pages += BIT_ULL(e->fmt->entry_lg2(level) - e->fmt->page_lg2);
}

/* A link was recorded, and @changes is what became of one that was hidden. */
static __always_inline void vmem_linked(const struct vmem_env *e, u32 changes)
{
	if (likely(!changes))
		return;
	e->at->cut = true;
	vmem_flush_all(e->change, changes);
}

/* Looking, and writing what is there */

/* The host's address of a table. One that pass 2 wants to write is told of. */
static __always_inline int
vmem_reach(const struct vmem_env *e, vmem_table_t table, enum vmem_intent intent,
	   vmem_pte_t **host)
{
	int ret = e->read->from_phys(e->ctx, table, intent, host);

	if (e->ops->written && intent == VMEM_WRITE && !ret &&
	    e->pass->phase >= VMEM_PHASE_APPLY)
		e->ops->written(e->ctx, table);
	return ret == VMEM_OUTSIDE ? -ENXIO : ret;
}

/* Write an entry, if it is still @old: a full barrier. */
static __always_inline bool vmem_exchanged(vmem_pte_t *entry, u64 old, u64 new)
{
	vmem_pte_t expected = cpu_to_le64(old);

	return cmpxchg(entry, expected, cpu_to_le64(new)) == expected;
}

/* The same, of the table at @host; the answer says so. */
static __always_inline bool
vmem_exchange(const struct vmem_env *e, vmem_pte_t *host, unsigned int index,
	      u64 old, u64 new)
{
	VMEM_ASSERT(host && e->at->apply);
	if (!vmem_exchanged(&host[index], old, new))
		return false;
	e->answer->dirty = true;
	return true;
}

/*
 * The entry of @level, which names the table of the path below, is to name @to and to
 * grant @perms, too, or for VMEM_NO_TABLE to be @leaf. Return: 1; 0: it names that one
 * no more; -EBUSY.
 */
static __always_inline int
vmem_rename(const struct vmem_env *e, unsigned int level, vmem_table_t to, u32 perms,
	    u64 leaf)
{
	const struct vmem_update_parent *path = &e->at->path;
	unsigned int slot = vmem_slot(e, level), tries;
	u64 entry, new = leaf;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(path->host[level], slot);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE ||
		    vmem_entry_table(e, entry, level) != path->table[level - 1])
			return 0;
		if (to != VMEM_NO_TABLE)
			new = e->fmt->move_table(e->facts, entry, to, perms);
		/* a vCPU sees a copy filled */
		if (vmem_exchange(e, path->host[level], slot, entry, new))
			return 1;
	}
	return -EBUSY;
}

/* Read the entry in hand. */
static __always_inline void vmem_look(const struct vmem_env *e)
{
	unsigned int level = e->at->level;

	VMEM_ASSERT(level && level <= vmem_top(e->facts));
	e->at->entry = vmem_read(e->at->path.host[level], vmem_slot(e, level));
	e->at->class = vmem_classify(e, e->at->entry, level);
	if (e->at->class == VMEM_CLASS_TABLE)
		e->at->child = vmem_entry_table(e, e->at->entry, level);
}

/*
 * What the entry was that a leaf is in place of: not present, but bits; a leaf that
 * loses W, and so D, as none of a shadow stack is made.
 */
static __always_inline void vmem_look_back(const struct vmem_env *e, u64 entry,
					   unsigned int level, u64 leaf)
{
	if (!(entry & e->fmt->present))
		e->answer->overwritten += !!entry;
	else if (entry & e->facts->shadow && entry & ~leaf & e->fmt->writable &&
		 e->at->m->kind != VMEM_KIND_RAW &&
		 vmem_classify(e, entry, level) == VMEM_CLASS_LEAF)
		e->answer->lost_dirty++;
}

/* Is the table one of ours that the entry of @level names, which is @child? */
static __always_inline bool vmem_look_mine(const struct vmem_env *e, unsigned int level,
					   vmem_table_t child, u32 *links)
{
	return e->ops->owner(e->ctx, child, level - 1, e->at->path.table[level],
			     vmem_slot(e, level), links) == VMEM_MINE;
}

/* Whose table does this entry of the table at @host name, if it names one? */
static __always_inline enum vmem_owner
vmem_look_owner(const struct vmem_env *e, const vmem_pte_t *host,
		unsigned int level, vmem_table_t parent, unsigned int slot,
		vmem_table_t *child, u32 *links)
{
	u64 entry = vmem_read(host, slot);

	if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE)
		return VMEM_FOREIGN;
	*child = vmem_entry_table(e, entry, level);
	return e->ops->owner(e->ctx, *child, level - 1, parent, slot, links);
}

/* Counting */

/**
 * vmem_change_recheck() - tables may have changed: begin pass 1 again
 * @change:	a change under way
 *
 * For what is left of it. What is reserved stays so.
 */
static noinline void vmem_change_recheck(struct vmem_change *change)
{
	struct vmem_pass *pass = &change->pass;

	pass->number++;
	if (pass->phase == VMEM_PHASE_BEGIN || pass->phase >= VMEM_PHASE_SWEEP)
		return;
	*pass = (struct vmem_pass){
		.phase = VMEM_PHASE_CHECK, .number = pass->number,
		.waits = pass->waits, .recounts = pass->recounts,
		.item = change->asked.flags & VMEM_CHANGE_ATOMIC ?
			0 : change->answer.done,
		.low = VMEM_LEVELS_MAX,
	};
	change->need = (struct vmem_need){};
}

/* What was counted doesn't suffice: others changed tables. Count again. */
static __always_inline int vmem_recount(const struct vmem_env *e)
{
	if (++e->pass->recounts > VMEM_LINK_TRIES)
		return -EBUSY;
	vmem_change_recheck(e->change);
	return VMEM_PAUSE;
}

/*
 * Another call marked links meanwhile. Mark again; the oftener that comes, the longer
 * the other is waited for, which may do the same.
 */
static __always_inline int vmem_remark(const struct vmem_env *e)
{
	e->pass->waits = BIT(e->pass->recounts);
	return vmem_recount(e);
}

/* Tables are visited once in each pass, however often it is resumed. */
static __always_inline int vmem_visit(const struct vmem_env *e, unsigned int level)
{
	struct vmem_pass *pass = e->pass;

	if (pass->low <= level)
		return 0;
	pass->low = level;
	if (pass->visited < e->asked->budget)
		pass->visited++;
	else if (pass->spare)
		pass->spare--;
	else
		return -E2BIG;
	return 0;
}

/*
 * Pass 1: tables that are missing below the entry in hand, for what of the range
 * lies there and isn't mapped by larger leaves: at its beginning and its end. Pass 2
 * will visit all of them. Neighbours in the list may need the same ones, so each is
 * needed once, by all with the same permissions: the mappings come in ascending
 * order, and the last one is remembered.
 */
static __always_inline int vmem_need_tables(const struct vmem_env *e)
{
	struct vmem_need *need = e->need;
	unsigned int level = e->at->level;
	bool split = vmem_place_splits(e), given = e->at->m->path_given;
	u64 mask = vmem_entry_mask(e->fmt, level), base = e->at->va & ~mask;
	/* bytes into the entry: the range, and of it [@from, @to) in larger leaves */
	u64 first = e->at->va - base, end = min(mask, e->at->last - base) + 1;
	u64 from = end, to = end, nr = 0, twice = 0;

	while (level-- > e->at->lowest) {
		u64 part = vmem_entry_mask(e->fmt, level + 1);
		bool cuts = split && (first | end) & part;
		u32 perms = cuts ? VMEM_RWXU : vmem_place_perms(e, level + 1);
		u32 other = (need->counted_path ^ vmem_nibble(level + 1, perms)) &
			    vmem_nibble(level + 1, VMEM_RWXU);
		unsigned int lg2 = vmem_table_lg2(e->fmt, level);
		u64 low, high;

		if (cuts && given && perms != vmem_place_perms(e, level + 1))
			return -EEXIST;
		if (e->at->levels & BIT(level + 1) && !(e->at->away & part) &&
		    ((first + part) & ~part) < (end & ~part)) {
			from = (first + part) & ~part;
			to = end & ~part;
		}
		if (from == first && to == end)
			continue;
		low = (base + (from > first ? first : to)) >> lg2;
		high = (base + (end > to ? end : from) - 1) >> lg2;
		nr += high - low + 1;
		if (from > first && end > to)
			nr -= (to - from) >> lg2;
		if (need->counting & BIT(level) && need->counted[level] == low) {
			if (other && (given || need->counted_given & BIT(level) ||
				      !(e->asked->flags & VMEM_CHANGE_WIDEN)))
				return -EEXIST;
			twice++;
		}
		need->counting |= BIT(level);
		need->counted[level] = high;
		need->counted_path ^= other;
		need->counted_given &= ~BIT(level);
		need->counted_given |= given << level;
	}
	if (nr > e->asked->budget - e->pass->visited)
		return -E2BIG;
	e->pass->visited += nr;
	need->tables += nr - twice;
	return 0;
}

/* Will the table in hand of @level move, as pass 1 counted? */
static __always_inline bool
vmem_need_moves(const struct vmem_env *e, unsigned int level)
{
	return e->need->moving & BIT(level) &&
	       e->need->moved[level] == vmem_place_span(e, level);
}

/*
 * Both passes: how many entries of a table of @level name tables of ours, by links
 * that are those of @table. A copy has a link for each. In @most the most links
 * that one of them has. Or -EINVAL: one is of another pool.
 */
static __always_inline int
vmem_need_links(const struct vmem_env *e, const vmem_pte_t *host,
		unsigned int level, vmem_table_t table, u32 *most)
{
	unsigned int i, nr = level ? vmem_nr_entries(e->fmt, level) : 0;
	enum vmem_owner whose;
	vmem_table_t child;
	int links_of_ours = 0;
	u32 links;

	*most = 0;
	for (i = 0; i < nr; i++) {
		whose = vmem_look_owner(e, host, level, table, i, &child, &links);
		if (whose == VMEM_OTHERS)
			return -EINVAL;
		if (whose == VMEM_MINE) {
			links_of_ours++;
			*most = max(*most, links);
		}
	}
	return links_of_ours;
}

/* Pass 1: the table in hand of @level will move. */
static __always_inline int
vmem_need_copy(const struct vmem_env *e, unsigned int level)
{
	u32 most;
	int nr = vmem_need_links(e, e->at->path.host[level], level,
				 e->at->path.table[level], &most);

	if (nr < 0)
		return nr;
	e->need->links += nr;
	/* whichever of them gets them all */
	if (most && most + e->need->links > VMEM_LINKS_MAX)
		return -EMLINK;
	e->need->tables++;
	e->need->moving |= BIT(level);
	e->need->moved[level] = vmem_place_span(e, level);
	return 0;
}

/* Writing */

/*
 * Both passes: may the table in hand of @level be written? VMEM_WANT: see to that,
 * and look again; so there is one copy of how.
 */
static __always_inline int vmem_want(const struct vmem_env *e, unsigned int level)
{
	VMEM_ASSERT(level <= vmem_top(e->facts));
	e->at->want = level;
	return e->at->writable & BIT(level) ? 0 : VMEM_WANT;
}

#endif /* _VMEM_PLACE_H */
