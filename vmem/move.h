/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tables that a change writes: reached, and moved before that where they
 * are frozen. Pass 1 counts what will move; pass 2 moves it, from the highest
 * such table down, so that each is linked by an entry that is seen at once and
 * the change can end between any two of them.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_MOVE_H
#define _VMEM_MOVE_H

#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "cursor.h"

/* Exchanges with an entry that a vCPU keeps changing, before it is left: EBUSY. */
#define VMEM_LINK_TRIES		16

/* What is to be done about an entry, beside 0: it is done, and -errno. */
#define VMEM_DOWN		16	/* enter the table that it names */
#define VMEM_CLEAR		17	/* zero it */
#define VMEM_AGAIN		18	/* look at it again */
#define VMEM_WANT		19	/* and when a table can be written */

/* A range under way. */
struct vmem_place {
	const struct vmem_mapping *m;
	u64 leaf;		/* its leaves, without the address */
	u32 needs;		/* what the path must grant, for a leaf */
	enum vmem_mapping_kind kind;
	bool apply;		/* pass 2 */
	bool free;		/* tables left empty go */
	bool sweep;		/* and nothing else is done */
	bool begun;		/* something was done since the call began */
	bool drop;		/* the frozen table of leaves in hand goes whole */
	bool leaving;		/* the table in hand is done */
	bool stays;		/* the entry above it can't be written */
	vmem_virt_t first;	/* where the pass begins */
	vmem_virt_t va;
	vmem_virt_t last;
	unsigned int level;	/* of the table in hand; nr_levels: none yet */
	unsigned int tries;	/* of the entry in hand */
	unsigned int keep;	/* tables of this level and above aren't freed */
	u8 shared;		/* bit n: other places may show the table of level n */
	u8 denies;		/* protect, bit n: the entry of level n denies it */
	u8 writable;		/* bit n: it can be written, at path.host[n] */
	u8 want;		/* the level of one that is to be written */
	u64 entry;		/* the one in hand */
	enum vmem_class class;
	vmem_table_t child;	/* that it names */
	struct vmem_space *space;
	struct vmem_update_parent path;
};

/* The last index that the range has in the table in hand. */
static __always_inline unsigned int
vmem_place_end(const struct vmem_format *fmt, const struct vmem_place *place)
{
	vmem_virt_t last = place->va | vmem_table_mask(fmt, place->level);

	return vmem_index(fmt, min(last, place->last), place->level);
}

/* Is all that an entry of @level translates in the mapping? */
static __always_inline bool vmem_place_covers(const struct vmem_env *e,
					      const struct vmem_place *place,
					      unsigned int level)
{
	u64 mask = vmem_entry_mask(e->fmt, level);

	return (place->va & ~mask) >= place->m->virt_base &&
	       (place->va | mask) <= place->last;
}

static inline void vmem_change_flush_all(struct vmem_change *change)
{
	change->flush = VMEM_FLUSH_ALL;
	change->flush_first = 0;
	change->flush_last = U64_MAX;
}

/* A range of this space; all, where other places may show a table on the path. */
static inline void vmem_change_flush(struct vmem_change *change,
				     const struct vmem_place *place,
				     vmem_virt_t first, vmem_virt_t last)
{
	if (place->shared)
		vmem_change_flush_all(change);
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

/* The host's address of a table for writing. */
static __always_inline int vmem_change_reach(const struct vmem_env *e,
					     vmem_table_t table,
					     vmem_pte_t **host)
{
	int ret = e->read->from_phys(e->ctx, table, VMEM_WRITE, host);

	return ret == VMEM_OUTSIDE ? -ENXIO : ret;
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

/* What was counted doesn't suffice: others changed tables. Count again. */
static __always_inline int vmem_change_recount(struct vmem_change *change)
{
	if (++change->recounts > VMEM_LINK_TRIES)
		return -EBUSY;
	vmem_change_recheck(change);
	return VMEM_PAUSE;
}

static __always_inline u64 vmem_place_span(const struct vmem_env *e,
					   const struct vmem_place *place,
					   unsigned int level)
{
	/* both halves have one root */
	return (place->va & vmem_table_mask(e->fmt, vmem_top(e->fmt))) >>
	       vmem_table_lg2(e->fmt, level);
}

/* Will the table in hand of @level move, as pass 1 counted? */
static __always_inline bool
vmem_move_counted(const struct vmem_env *e, const struct vmem_change *change,
		  const struct vmem_place *place, unsigned int level)
{
	return change->moving & BIT(level) &&
	       change->moved[level] == vmem_place_span(e, place, level);
}

/* Whose table does this entry of the table at @parent name, if it names one? */
static __always_inline enum vmem_owner
vmem_move_owner(const struct vmem_env *e, const vmem_pte_t *host,
		unsigned int level, vmem_table_t parent, unsigned int slot,
		vmem_table_t *child, u32 *links)
{
	u64 entry = vmem_read(host, slot);

	if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE)
		return VMEM_FOREIGN;
	*child = vmem_entry_table(e, entry, level);
	return e->ops->owner(e->ctx, *child, level - 1, parent, slot, links);
}

/*
 * Both passes: the entries of the table in hand of @level that name tables of
 * ours. A copy has a link for each. That may be long lists of links to look
 * through, so it can stop between two entries.
 */
static __always_inline int
vmem_move_links(const struct vmem_env *e, struct vmem_change *change,
		const struct vmem_place *place, unsigned int level)
{
	unsigned int nr = level ? vmem_nr_entries(e->fmt) : 0, looked = 0;
	vmem_table_t table = place->path.table[level], child;
	u32 links;

	if (change->copying != table) {
		change->copying = table;
		change->slot = 0;
		change->most = 0;
		change->nr_named = 0;
		memset(change->named, 0, sizeof(change->named));
	}
	for (; change->slot < nr; change->slot++) {
		if (looked >= nr) {
			if (e->read->pause(e->ctx, 1))
				return VMEM_PAUSE;
			looked = 0;
		}
		links = 0;
		switch (vmem_move_owner(e, place->path.host[level], level,
					table, change->slot, &child, &links)) {
		case VMEM_OTHERS:
			return -EINVAL;
		case VMEM_MINE:
			change->named[change->slot / 64] |=
				BIT_ULL(change->slot % 64);
			change->nr_named++;
			change->most = max(change->most, links);
			break;
		default:
			break;
		}
		looked += links;
	}
	return 0;
}

/* Pass 1: the table in hand of @level will move. */
static __always_inline int
vmem_move_count(const struct vmem_env *e, struct vmem_change *change,
		const struct vmem_place *place, unsigned int level)
{
	change->copying = VMEM_NO_TABLE;
	change->need_links += change->nr_named;
	/* whichever of them gets them all */
	if (change->most && change->most + change->need_links > VMEM_LINKS_MAX)
		return -EMLINK;
	change->need++;
	change->moving |= BIT(level);
	change->moved[level] = vmem_place_span(e, place, level);
	return 0;
}

/* Make the entry above name the copy, if it still names the table. */
static __always_inline int
vmem_move_repair(const struct vmem_env *e, struct vmem_change *change,
		 struct vmem_place *place, struct vmem_update_parent *path,
		 unsigned int level, vmem_table_t copy)
{
	unsigned int slot, tries;
	u64 entry;

	/* where a sanitizer lets it be known */
	if (__builtin_constant_p(path == VMEM_UPDATE_PARENT_NONE) &&
	    path == VMEM_UPDATE_PARENT_NONE)
		vmem_void();
	if (level == vmem_top(e->fmt)) {
		e->ops->update_root(e->ctx, level);
		place->space->root = copy;
		change->dirty = true;
		return 0;
	}
	slot = vmem_index(e->fmt, place->va, level + 1);
	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		entry = vmem_read(path->host[level + 1], slot);
		if (vmem_classify(e, entry, level + 1) != VMEM_CLASS_TABLE ||
		    vmem_entry_table(e, entry, level + 1) != path->table[level])
			break;
		/* a full barrier, so that a vCPU sees the copy filled */
		if (vmem_change_entry(change, path->host[level + 1], slot, entry,
				      e->fmt->move_table(e->facts, entry, copy))) {
			e->ops->take(e->ctx, level, path->table[level + 1], slot);
			return 0;
		}
	}
	return vmem_change_recount(change);
}

/* Pass 2: the table in hand of @level moves; the one above can be written. */
static __always_inline int
vmem_move_table(const struct vmem_env *e, struct vmem_change *change,
		struct vmem_place *place, struct vmem_update_parent *path,
		unsigned int level)
{
	unsigned int i, nr = vmem_nr_entries(e->fmt), odd = 0;
	vmem_table_t old = path->table[level], copy, child;
	vmem_pte_t *host;
	u32 links;
	int ret;

	if (place->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	place->begun = true;
	change->copying = VMEM_NO_TABLE;
	copy = e->ops->reserved(e->ctx, 0);
	if (copy == VMEM_NO_TABLE || change->nr_named > e->ops->shares(e->ctx))
		return vmem_change_recount(change);
	ret = vmem_change_reach(e, copy, &host);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		WRITE_ONCE(host[i], READ_ONCE(path->host[level][i]));
	ret = vmem_move_repair(e, change, place, path, level, copy);
	if (ret)
		return ret;
	/* a few a vCPU may have written since; more it hasn't to look for */
	for (i = 0; level && i < nr && odd < VMEM_LINK_TRIES; i++) {
		if (!(change->named[i / 64] & BIT_ULL(i % 64)))
			continue;
		if (vmem_move_owner(e, host, level, old, i, &child,
				    &links) == VMEM_MINE)
			e->ops->share(e->ctx, child, copy, i);
		else
			odd++;
	}
	path->table[level] = copy;
	path->host[level] = host;
	change->changes |= VMEM_CHANGED_MOVED;
	change->copied = true;
	vmem_change_flush_all(change);
	return 0;
}

/*
 * Both passes: the frozen table in hand of @level moves, those above that have
 * to before it.
 */
static __always_inline int
vmem_move_tables(const struct vmem_env *e, struct vmem_change *change,
		 struct vmem_place *place, struct vmem_update_parent *path,
		 unsigned int level)
{
	unsigned int at;
	vmem_pte_t *host;
	int ret;

	for (at = level + 1; at < e->fmt->nr_levels; at++) {
		ret = vmem_change_reach(e, path->table[at], &host);
		if (ret == VMEM_FROZEN)
			continue;
		if (ret)
			return ret;
		path->host[at] = host;
		break;
	}
	do {
		at--;
		if (!place->apply && vmem_move_counted(e, change, place, at))
			continue;
		ret = vmem_move_links(e, change, place, at);
		if (ret)
			return ret;
		ret = place->apply ?
		      vmem_move_table(e, change, place, path, at) :
		      vmem_move_count(e, change, place, at);
		if (ret)
			return ret;
	} while (at > level);
	return 0;
}

/*
 * Both passes: may the table in hand of @level be written? VMEM_WANT: ask
 * vmem_change_wanted(), and look again; so there is one copy of that.
 */
static inline int vmem_change_want(struct vmem_place *place, unsigned int level)
{
	place->want = level;
	return place->writable & BIT(level) ? 0 : VMEM_WANT;
}

/* What the range loop does about VMEM_WANT. The address is good in this piece. */
static __always_inline int vmem_change_wanted(const struct vmem_env *e,
					      struct vmem_change *change,
					      struct vmem_place *place)
{
	struct vmem_update_parent *path =
		e->ops->movability == VMEM_MAY_MOVE_TABLE ?
		&place->path : VMEM_UPDATE_PARENT_NONE;
	unsigned int level = place->want;
	vmem_pte_t *host;
	int ret;

	ret = vmem_change_reach(e, place->path.table[level], &host);
	if (e->ops->movability == VMEM_MAY_MOVE_TABLE && ret == VMEM_FROZEN) {
		/* nothing of it is left to be copied: the entry above goes */
		if (!level && place->kind == VMEM_KIND_UNMAPPED &&
		    vmem_place_covers(e, place, 1)) {
			place->drop = true;
			return 0;
		}
		/* a table of ours, left empty: the frozen one would keep it */
		if (place->leaving && !place->drop &&
		    (place->apply ||
		     !vmem_move_counted(e, change, place, level))) {
			place->stays = true;
			return 0;
		}
		ret = vmem_move_tables(e, change, place, path, level);
		host = place->path.host[level];
	}
	/* emptied by two mappings of a list: not foreseen, so it stays */
	if (ret < 0 && place->sweep) {
		place->stays = true;
		return 0;
	}
	if (ret)
		return ret;
	place->path.host[level] = host;
	place->writable |= BIT(level);
	return 0;
}

#endif /* _VMEM_MOVE_H */
