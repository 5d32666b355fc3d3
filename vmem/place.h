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
	u64 leaf;		/* its first one */
	u32 needs;		/* what the path must grant, for a leaf */
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
	u8 denies;		/* protect, bit n: the entry of level n denies it */
	/* of unmapping */
	vmem_virt_t first;	/* where the pass begins */
	unsigned int keep;	/* tables of this level and above stay, if empty */
	bool sweep;		/* nothing is done but that empty ones go */
	bool drop;		/* the frozen table of leaves goes whole */
};

/* The index of the entry in hand. */
static __always_inline unsigned int vmem_place_slot(const struct vmem_env *e)
{
	return vmem_index(e->fmt, e->at->va, e->at->level);
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

/* Does a mapping make leaves? */
static inline bool vmem_mapping_maps(const struct vmem_mapping *m)
{
	return m->kind == VMEM_KIND_BASIC || m->kind == VMEM_KIND_COW;
}

/* The attributes that they have. */
static inline u32 vmem_mapping_attrs(const struct vmem_mapping *m)
{
	return m->kind == VMEM_KIND_COW ? m->cow.attrs | VMEM_COW :
					  m->basic.attrs;
}

/* What the page of place->va is to be mapped by. */
static __always_inline u64 vmem_place_leaf(const struct vmem_env *e)
{
	u64 pages = (e->at->va - e->at->m->virt_base) >> e->fmt->page_lg2;

	VMEM_ASSERT(e->at->va >= e->at->m->virt_base && vmem_mapping_maps(e->at->m));
	return e->at->leaf + pages * e->fmt->step(0);
}

/* What a table entry of @level that is made grants. */
static __always_inline u32 vmem_place_perms(const struct vmem_env *e,
					    unsigned int level)
{
	return e->at->m->path_given ?
	       e->at->m->path >> (4 * level) & VMEM_RWXU :
	       VMEM_R | VMEM_W | VMEM_X;
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
static __always_inline bool
vmem_exchange(const struct vmem_env *e, vmem_pte_t *host, unsigned int index,
	      u64 old, u64 new)
{
	vmem_pte_t expected = cpu_to_le64(old);

	VMEM_ASSERT(host && e->at->apply);
	if (cmpxchg(&host[index], expected, cpu_to_le64(new)) != expected)
		return false;
	e->answer->dirty = true;
	return true;
}

/*
 * The entry of @level, which names the table of the path below, is to name @to, or
 * for VMEM_NO_TABLE to be zero. Return: 1; 0: it names that one no more; -EBUSY.
 */
static __always_inline int
vmem_rename(const struct vmem_env *e, const struct vmem_update_parent *path,
	    unsigned int level, vmem_table_t to)
{
	unsigned int slot = vmem_index(e->fmt, e->at->va, level), tries;
	u64 entry, new = 0;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(path->host[level], slot);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE ||
		    vmem_entry_table(e, entry, level) != path->table[level - 1])
			return 0;
		if (to != VMEM_NO_TABLE)
			new = e->fmt->move_table(e->facts, entry, to);
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
	e->at->entry = vmem_read(e->at->path.host[level], vmem_place_slot(e));
	e->at->class = vmem_classify(e, e->at->entry, level);
	if (e->at->class == VMEM_CLASS_TABLE)
		e->at->child = vmem_entry_table(e, e->at->entry, level);
}

/*
 * What the entry was that something else is in place of: not present, but bits; a
 * leaf that loses W, and so D, as none of a shadow stack is made.
 */
static noinline void vmem_look_back(struct vmem_answer *answer, u64 shadow,
				    u64 writable, u64 entry,
				    enum vmem_class class, u64 leaf)
{
	if (class == VMEM_CLASS_NONE)
		answer->overwritten += !!entry;
	else if (class == VMEM_CLASS_LEAF && entry & shadow &&
		 entry & ~leaf & writable)
		answer->lost_dirty++;
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
 * lies there. Pass 2 will visit all of them. Neighbours in the list may need the
 * same ones, so each is needed once, by all with the same permissions: the mappings
 * come in ascending order, and the last one is remembered.
 */
static __always_inline int vmem_need_tables(const struct vmem_env *e)
{
	struct vmem_need *need = e->need;
	unsigned int level = e->at->level;
	vmem_virt_t first = e->at->va;
	vmem_virt_t last = min(first | vmem_entry_mask(e->fmt, level), e->at->last);
	u64 nr = 0, twice = 0;

	while (level-- > e->at->lowest) {
		u32 perms = vmem_nibble(level + 1,
					vmem_place_perms(e, level + 1));
		u32 other = (need->counted_path ^ perms) &
			    vmem_nibble(level + 1, VMEM_RWXU);
		unsigned int lg2 = vmem_table_lg2(e->fmt, level);

		nr += (last >> lg2) - (first >> lg2) + 1;
		if (need->counting & BIT(level) &&
		    need->counted[level] == first >> lg2) {
			if (other)
				return -EEXIST;
			twice++;
		}
		need->counting |= BIT(level);
		need->counted[level] = last >> lg2;
		need->counted_path ^= other;
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

/* Installing tables, and removing them */

/* Pass 2: the next table that was set aside, to be filled and then linked. */
static __always_inline int vmem_install_begin(const struct vmem_env *e,
					      vmem_table_t *table,
					      vmem_pte_t **host)
{
	/* nothing of it is done: it may wait for the next piece */
	if (e->at->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	e->at->begun = true;
	/* a vCPU took tables away: count again what is still to be made */
	if (!e->pages->res.nr)
		return vmem_recount(e);
	*table = vmem_pool_table(e->pages->pool, e->pages->res.first);
	VMEM_ASSERT(vmem_nameable(e->facts, vmem_table_gpa(*table),
				  vmem_table_gpa(*table)));
	return vmem_reach(e, *table, VMEM_WRITE, host);
}

/* It is linked by the entry of @level. */
static __always_inline void vmem_install_end(const struct vmem_env *e,
					     unsigned int level)
{
	vmem_linked(e, vmem_pool_take(e->pages->pool, &e->pages->res, level - 1,
				      e->at->path.table[level],
				      vmem_index(e->fmt, e->at->va, level)));
}

/* Leaves for what of the range lies up to @last, and zeroes. */
static __always_inline void vmem_install_leaves(const struct vmem_env *e,
						vmem_pte_t *host, vmem_virt_t last)
{
	unsigned int first = vmem_index(e->fmt, e->at->va, 0);
	unsigned int end = vmem_index(e->fmt, last, 0) + 1;
	unsigned int nr = vmem_nr_entries(e->fmt, 0);

	if (first)
		memset(host, 0, first * sizeof(*host));
	vmem_fill(host, first, end - 1, vmem_place_leaf(e), e->fmt->step(0));
	if (end < nr)
		memset(host + end, 0, (nr - end) * sizeof(*host));
}

/*
 * Pass 2: make the table that the entry in hand lacks. With @leaves it is one of
 * leaves, which is linked when it is filled, and then all below the entry is done.
 * Else it is linked empty, so that at most one table is taken and not yet linked.
 */
static __always_inline int vmem_install(const struct vmem_env *e, bool leaves)
{
	unsigned int level = e->at->level, slot = vmem_place_slot(e);
	vmem_virt_t last = min(e->at->va | vmem_entry_mask(e->fmt, level),
			       e->at->last);
	vmem_table_t table;
	vmem_pte_t *host;
	int ret;

	ret = vmem_install_begin(e, &table, &host) ?: vmem_visit(e, level - 1);
	if (ret)
		return ret;
	if (leaves)
		vmem_install_leaves(e, host, last);
	else
		memset(host, 0, vmem_nr_entries(e->fmt, level - 1) * sizeof(*host));

	/* a vCPU sees the table filled */
	if (!vmem_exchange(e, e->at->path.host[level], slot, e->at->entry,
			   e->fmt->make_table(e->facts, table,
					      vmem_place_perms(e, level))))
		return VMEM_AGAIN;
	vmem_install_end(e, level);
	e->at->tries = 0;
	if (e->at->class != VMEM_CLASS_NONE)
		vmem_flush(e->change, e->at->shared, e->at->va, last);
	if (unlikely(e->at->entry))
		vmem_look_back(e->answer, e->facts->shadow, e->fmt->writable,
			       e->at->entry, e->at->class, e->at->leaf);
	if (!leaves)
		return VMEM_AGAIN;
	e->answer->pages += ((last - e->at->va) >> e->fmt->page_lg2) + 1;
	return 0;
}

/* Pass 2: the link is gone by which the entry of @level named one of ours. */
static __always_inline void vmem_remove(const struct vmem_env *e, unsigned int level)
{
	vmem_flush_all(e->change,
		       vmem_pool_put(e->pages->pool, e->at->path.table[level],
				     vmem_index(e->fmt, e->at->va, level)));
}

/* What hung below tables that were freed goes before anything else is done. */
static __always_inline int vmem_settle(const struct vmem_env *e)
{
	struct vmem_pool *pool = e->pages->pool;

	while (unlikely(vmem_pool_drops(pool)))
		if (vmem_pool_drop_below(pool) && e->read->pause(e->ctx, 1))
			return VMEM_PAUSE;
	return 0;
}

/* Copying frozen tables */

/*
 * Make the entry above name the copy, if it still names the table. Without tables
 * that move there is no path to be repaired.
 */
static __always_inline int
vmem_copy_link(const struct vmem_env *e, unsigned int level, vmem_table_t copy)
{
	const struct vmem_update_parent *path =
		e->ops->movability == VMEM_MAY_MOVE_TABLE ?
		&e->at->path : VMEM_UPDATE_PARENT_NONE;

	/* where a sanitizer lets it be known */
	if (__builtin_constant_p(path == VMEM_UPDATE_PARENT_NONE) &&
	    path == VMEM_UPDATE_PARENT_NONE)
		vmem_void();
	if (level == vmem_top(e->facts)) {
		e->ops->update_root(e->ctx, level);
		e->space->root = copy;
		e->answer->dirty = true;
		return 0;
	}
	if (vmem_rename(e, path, level + 1, copy) <= 0)
		return vmem_recount(e);
	vmem_install_end(e, level + 1);
	return 0;
}

/* Pass 2: the table in hand of @level moves; the one above can be written. */
static __always_inline int
vmem_copy_table(const struct vmem_env *e, unsigned int level)
{
	struct vmem_update_parent *path = &e->at->path;
	unsigned int i, nr = vmem_nr_entries(e->fmt, level);
	vmem_table_t old = path->table[level], copy, child;
	struct vmem_pages *pages = e->pages;
	vmem_pte_t *host;
	u32 links, most;
	int ret;

	ret = vmem_install_begin(e, &copy, &host);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		WRITE_ONCE(host[i], READ_ONCE(path->host[level][i]));
	ret = vmem_need_links(e, host, level, old, &most);
	if (ret > (s64)pages->res.links)
		return vmem_recount(e);
	ret = ret < 0 ? ret : vmem_copy_link(e, level, copy);
	if (ret)
		return ret;
	/* what a vCPU made equal again since has no record to spare */
	for (i = 0; level && i < nr && pages->res.links; i++) {
		if (vmem_look_owner(e, host, level, old, i, &child,
				    &links) != VMEM_MINE)
			continue;
		vmem_pool_share(pages->pool, &pages->res, child, copy, i);
		vmem_link_mark(pages, child, copy, i, VMEM_MARK_COPIED,
			       e->pass->number);
	}
	path->table[level] = copy;
	path->host[level] = host;
	vmem_flush_all(e->change, VMEM_CHANGED_MOVED);
	return 0;
}

/*
 * Both passes: the frozen table in hand of @level moves, those above that have
 * to before it.
 */
static __always_inline int
vmem_copy_path(const struct vmem_env *e, unsigned int level)
{
	int ret = VMEM_FROZEN;
	unsigned int at;
	vmem_pte_t *host;

	for (at = level + 1; at <= vmem_top(e->facts) && ret == VMEM_FROZEN; at++)
		ret = vmem_reach(e, e->at->path.table[at], VMEM_WRITE, &host);
	if (!ret)
		e->at->path.host[--at] = host;
	else if (ret != VMEM_FROZEN)
		return ret;
	do {
		at--;
		if (e->at->apply)
			ret = vmem_copy_table(e, at);
		else
			ret = vmem_need_moves(e, at) ? 0 : vmem_need_copy(e, at);
	} while (!ret && at > level);
	return ret;
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

/* The way down */

/*
 * May a change go on in a table of @level, which @slot of @parent names? Not
 * where one of ours is named by the guest, or is shared and that isn't meant,
 * nor where it is of another pool, as no table hangs below one of another pool.
 * @links: out: how many it has, with @more that it will have; 0: not ours.
 */
static __always_inline int
vmem_owned(const struct vmem_env *e,
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
		return *links > 1 && !(e->asked->flags & VMEM_CHANGE_SHARED_OK) ?
		       -EMLINK : 0;
	default:
		*links = 0;
		return 0;
	}
}

/* Both passes, of what maps: VMEM_DOWN; 0: a table is missing below the entry in hand. */
static __always_inline int vmem_path_look(const struct vmem_env *e)
{
	u64 mask = vmem_entry_mask(e->fmt, e->at->level);

	if (e->at->class == VMEM_CLASS_TABLE) {
		u32 perms = vmem_table_perms(e, e->at->entry);

		if (e->at->m->path_given ?
		    perms != vmem_place_perms(e, e->at->level) :
		    e->at->needs & ~perms)
			return -EEXIST;
		return VMEM_DOWN;
	}
	if (e->at->class == VMEM_CLASS_NONE)
		return 0;
	if (!(e->asked->flags & VMEM_CHANGE_REPLACE))
		return -EEXIST;
	return e->at->va & mask || (e->at->va | mask) > e->at->last ? -ERANGE : 0;
}

/*
 * Both passes: it is made, and those below it: down to one of leaves, or for a link
 * to the one that is to hold its entry.
 */
static __always_inline int vmem_path_make(const struct vmem_env *e)
{
	unsigned int level = e->at->level, lowest = e->at->lowest;
	int ret;

	if (e->at->apply && e->at->tries++ >= VMEM_LINK_TRIES)
		return -EBUSY;
	ret = vmem_want(e, level);
	if (ret)
		return ret;
	if (e->at->apply)
		return vmem_install(e, !lowest && level == 1);
	ret = vmem_need_tables(e);
	if (!ret && lowest)
		e->need->links++;
	return ret;
}

#endif /* _VMEM_PLACE_H */
