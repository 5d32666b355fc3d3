/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What is put in the place of the entry in hand of a change: a table that it lacks,
 * one that does what a leaf did, a copy of a frozen one. And their inverse: a table
 * that goes. The way down is made of it.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_INSTALL_H
#define _VMEM_INSTALL_H

#include <linux/prefetch.h>

#include "place.h"

/* Installing tables, and removing them */

/* Pass 2: the link is gone by which the entry of @level named one of ours. */
static __always_inline void vmem_remove(const struct vmem_env *e, unsigned int level)
{
	vmem_flush_all(e->change,
		       vmem_pool_put(e->pages->pool, e->at->path.table[level],
				     vmem_slot(e, level)));
}

/* Pass 2: @new in the place of the entry in hand. Return: 0; VMEM_AGAIN; -EBUSY. */
static __always_inline int vmem_replace(const struct vmem_env *e, u64 new)
{
	unsigned int level = e->at->level;
	u32 links;

	if (!vmem_exchange(e, e->at->path.host[level], vmem_slot(e, level),
			   e->at->entry, new))
		return e->at->tries++ < VMEM_LINK_TRIES ? VMEM_AGAIN : -EBUSY;
	e->at->tries = 0;
	if (likely(e->at->class == VMEM_CLASS_NONE))
		return 0;
	vmem_flush_entry(e, level);
	if (e->at->class == VMEM_CLASS_TABLE &&
	    vmem_look_mine(e, level, e->at->child, &links))
		vmem_remove(e, level);
	return 0;
}

/* Pass 2: a table that was set aside, the next one, to be filled and then linked. */
static __always_inline int vmem_install_begin(const struct vmem_env *e,
					      const struct vmem_pool_page *page,
					      vmem_pte_t **host)
{
	/* nothing of it is done: it may wait for the next piece */
	if (e->at->begun && e->read->pause(e->ctx, 1))
		return VMEM_PAUSE;
	e->at->begun = true;
	/* a vCPU took tables away: count again what is still to be made */
	if (!e->pages->res.nr)
		return vmem_recount(e);
	VMEM_ASSERT(vmem_nameable(e->facts, vmem_table_gpa(page->table),
				  vmem_table_gpa(page->table)));
	return vmem_reach(e, page->table, VMEM_WRITE, host);
}

/* Tables are linked by so many entries of @level, from @slot on. */
static __always_inline void vmem_install_end(const struct vmem_env *e, unsigned int level,
					     unsigned int slot, u32 nr)
{
	vmem_linked(e, vmem_pool_take(e->pages->pool, &e->pages->res, level - 1,
				      e->at->path.table[level], slot, nr));
}

/*
 * Leaves of @level for what of the range lies up to @last, and zeroes: @leaf would be the
 * first entry, and each is @step behind the one before it.
 */
static __always_inline void
vmem_install_leaves(const struct vmem_env *e, vmem_pte_t *host, unsigned int level,
		    vmem_virt_t last, u64 leaf, u64 step)
{
	unsigned int first = vmem_slot(e, level);
	unsigned int end = vmem_index(e->fmt, last, level) + 1;
	unsigned int nr = vmem_nr_entries(e->fmt, level);

	if (first)
		memset(host, 0, first * sizeof(*host));
	vmem_fill(host, first, end - 1, leaf + first * step, step);
	if (end < nr)
		memset(host + end, 0, (nr - end) * sizeof(*host));
}

/*
 * Leaves that do all that the one in hand does. Those that may be written are dirty:
 * a vCPU that remembers that one can make it so where nobody sees it.
 */
static __always_inline void vmem_install_split(const struct vmem_env *e,
					       vmem_pte_t *host)
{
	unsigned int level = e->at->level;
	u64 leaf = e->fmt->split(e->facts, e->at->entry, level);

	if (leaf & e->fmt->writable)
		leaf |= e->fmt->bits(e->facts, VMEM_D, level - 1);
	vmem_fill(host, 0, vmem_nr_entries(e->fmt, level - 1) - 1, leaf,
		  e->fmt->step(level - 1));
}

/*
 * Pass 2: make the table that the entry in hand lacks. Where it is one of leaves, it
 * is linked when it is filled, and then all below the entry is done. Else it is linked
 * empty, so that at most one table is taken and not yet linked; or one that is to
 * change in part does what the leaf did.
 *
 * Behind one of leaves, those for holes are made, too, where all is mapped that the entry
 * translates: all that differs is where the leaves begin. Their records are made together.
 * Then the entry in hand is the last of them; where it can't go on, the one behind.
 */
static __always_inline int vmem_install(const struct vmem_env *e)
{
	unsigned int level = e->at->level, nr_leaves = vmem_nr_entries(e->fmt, level - 1);
	unsigned int slot = vmem_slot(e, level), n;
	u64 mask = vmem_entry_mask(e->fmt, level), base = e->at->va & ~mask;
	u64 step = e->at->m->kind == VMEM_KIND_RAW ? 0 : e->fmt->step(level - 1);
	vmem_virt_t last = min(e->at->va | mask, e->at->last);
	bool split = vmem_place_splits(e);
	bool leaves = !split && vmem_place_fits(e, level - 1) &&
		      !((last + 1) & vmem_entry_mask(e->fmt, level - 1));
	u64 entry = e->fmt->make_table(e->facts, vmem_table(0), split ?
				       VMEM_RWXU : vmem_place_perms(e, level));
	vmem_pte_t *above = e->at->path.host[level] + slot, *host;
	struct vmem_pool_page *page = e->pages->res.first;
	u64 leaf = 0, nr = 1, new;
	int ret = 0;

	if (leaves)
		leaf = vmem_place_leaf(e, level - 1) - vmem_slot(e, level - 1) * step;
	/* else larger leaves may do behind it */
	if (leaves && (!(e->at->levels & BIT(level)) || e->at->away & mask)) {
		nr = min(base | vmem_table_mask(e->fmt, level), e->at->last) - base + 1;
		nr = min_t(u64, nr >> e->fmt->entry_lg2(level), e->pages->res.nr);
		nr = min(nr, e->asked->budget - e->pass->visited) ?: 1;
	}
	for (n = 0; n < nr && !(n && vmem_read(above, n)); n++, page = page->next) {
		ret = vmem_install_begin(e, page, &host) ?: n ? 0 : vmem_visit(e, level - 1);
		if (ret)
			break;
		/* far away by the time it is needed */
		prefetchw(page->next);
		if (n)
			vmem_fill_run(host, 0, nr_leaves - 1, leaf + n * nr_leaves * step, step);
		else if (leaves)
			vmem_install_leaves(e, host, level - 1, last, leaf, step);
		else if (split)
			vmem_install_split(e, host);
		else
			memset(host, 0, nr_leaves * sizeof(*host));
		/* a vCPU sees the table filled */
		new = e->fmt->move_table(e->facts, entry, page->table, 0);
		if (!n)
			ret = vmem_replace(e, new);
		if (n ? !vmem_exchange(e, above, n, 0, new) : ret)
			break;
	}
	if (!n)
		return ret;
	if (unlikely(e->at->entry) && !split)
		vmem_look_back(e, e->at->entry, level, e->at->leaf);
	vmem_install_end(e, level, slot, n);
	if (!leaves)
		return VMEM_AGAIN;
	last = min(base + n * (mask + 1) - 1, e->at->last);
	e->pass->visited += n - 1;
	e->answer->pages += ((last - e->at->va) >> e->fmt->page_lg2) + 1;
	e->at->va = last;
	if (!ret)
		return 0;
	e->pass->low = level;
	e->at->va++;
	e->answer->done_len = e->at->va - e->at->m->virt_base;
	return ret;
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

/* Pass 2: the table in hand of @level moves; the one above can be written. */
static __always_inline int
vmem_copy_table(const struct vmem_env *e, unsigned int level)
{
	struct vmem_update_parent *path = &e->at->path;
	unsigned int i, nr = vmem_nr_entries(e->fmt, level), top = vmem_top(e->facts);
	vmem_table_t old = path->table[level], copy, child;
	struct vmem_pages *pages = e->pages;
	vmem_pte_t *host;
	u32 links, most;
	int ret;

	ret = vmem_install_begin(e, pages->res.first, &host);
	if (ret)
		return ret;
	copy = pages->res.first->table;
	for (i = 0; i < nr; i++)
		WRITE_ONCE(host[i], READ_ONCE(path->host[level][i]));
	ret = vmem_need_links(e, host, level, old, &most);
	if (ret < 0)
		return ret;
	if (ret > (s64)pages->res.links ||
	    (level < top && vmem_rename(e, level + 1, copy, 0, 0) <= 0))
		return vmem_recount(e);
	if (level < top) {
		vmem_install_end(e, level + 1, vmem_slot(e, level + 1), 1);
	} else {
		/* no other table has none above it: only one that moves comes here */
		if (e->ops->movability == VMEM_MAY_MOVE_TABLE)
			e->ops->update_root(e->ctx, level);
		e->space->root = copy;
		e->answer->dirty = true;
	}
	/* what a vCPU made equal again since has no record to spare */
	for (i = 0; level && i < nr && pages->res.links; i++) {
		if (vmem_look_owner(e, host, level, old, i, &child,
				    &links) != VMEM_MINE)
			continue;
		vmem_pool_share(pages->pool, &pages->res, child, copy, i);
		vmem_link_mark(pages, child, copy, i, VMEM_MARK_COPIED,
			       e->pass->number);
	}
	if (level < top)
		vmem_link_mark(pages, copy, path->table[level + 1],
			       vmem_slot(e, level + 1), VMEM_MARK_COPIED,
			       e->pass->number);
	path->table[level] = copy;
	path->host[level] = host;
	vmem_flush_all(e->change, e->at->m->kind == VMEM_KIND_UNSHARE &&
		       level < e->at->lowest ? VMEM_CHANGED_UNSHARED : VMEM_CHANGED_MOVED);
	return 0;
}

/* Both passes: the table in hand of @level becomes a copy; the one above can be written. */
static __always_inline int vmem_copy(const struct vmem_env *e, unsigned int level)
{
	return e->at->apply ? vmem_copy_table(e, level) :
	       vmem_need_moves(e, level) ? 0 : vmem_need_copy(e, level);
}

/*
 * Both passes: the frozen table in hand of @level moves, those above that have
 * to before it. Without tables that move there is no path to be repaired.
 */
static __always_inline int
vmem_copy_path(const struct vmem_env *e, unsigned int level)
{
	struct vmem_update_parent *path = e->ops->movability == VMEM_MAY_MOVE_TABLE ?
					  &e->at->path : VMEM_UPDATE_PARENT_NONE;
	int ret = VMEM_FROZEN;
	unsigned int at;
	vmem_pte_t *host;

	/* where a sanitizer lets it be known */
	if (__builtin_constant_p(path == VMEM_UPDATE_PARENT_NONE) &&
	    path == VMEM_UPDATE_PARENT_NONE)
		vmem_void();
	for (at = level + 1; at <= vmem_top(e->facts) && ret == VMEM_FROZEN; at++)
		ret = vmem_reach(e, path->table[at], VMEM_WRITE, &host);
	if (!ret)
		path->host[--at] = host;
	else if (ret != VMEM_FROZEN)
		return ret;
	do {
		ret = vmem_copy(e, --at);
	} while (!ret && at > level);
	return ret;
}

/* The way down */

/* What the entry of @level grants, which names a table of the path. */
static __always_inline u32 vmem_path_perms(const struct vmem_env *e, unsigned int level)
{
	return e->fmt->perms(vmem_read(e->at->path.host[level], vmem_slot(e, level)), 0);
}

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

/*
 * Both passes: an entry of @level grants less than leaves need. VMEM_WIDEN: it is to
 * grant that, too; 0: it will; VMEM_WANT; -EEXIST.
 */
static __always_inline int vmem_path_denies(const struct vmem_env *e,
					    unsigned int level)
{
	return e->at->m->path_given || !(e->asked->flags & VMEM_CHANGE_WIDEN) ? -EEXIST :
	       vmem_want(e, level) ?: e->at->apply ? VMEM_WIDEN : 0;
}

/* Pass 2, VMEM_WIDEN: the table that holds the entry can be written. */
static __always_inline int vmem_path_widen(const struct vmem_env *e)
{
	unsigned int level = e->at->want;
	vmem_table_t child = e->at->path.table[level - 1];
	int ret = vmem_rename(e, level, child, e->at->needs, 0);

	if (ret <= 0)
		return ret ?: vmem_recount(e);
	vmem_flush_entry(e, level);
	return VMEM_AGAIN;
}

/* Does something lie in the place of the entry in hand that isn't to be mapped over? */
static __always_inline bool vmem_path_taken(const struct vmem_env *e)
{
	return e->at->class == VMEM_CLASS_NONE ?
	       e->at->entry && e->asked->flags & VMEM_CHANGE_KEEP :
	       !(e->asked->flags & VMEM_CHANGE_REPLACE);
}

/* Both passes, of what maps: VMEM_DOWN; 0: a table is missing below the entry in hand. */
static __always_inline int vmem_path_look(const struct vmem_env *e)
{
	unsigned int level = e->at->level;

	if (e->at->class == VMEM_CLASS_TABLE) {
		u32 perms = e->fmt->perms(e->at->entry, 0);

		e->at->path.table[level - 1] = e->at->child;
		return (e->at->m->path_given ? perms != vmem_place_perms(e, level) :
			e->at->needs & ~perms) ?
		       vmem_path_denies(e, level) ?: VMEM_DOWN : VMEM_DOWN;
	}
	if (vmem_path_taken(e))
		return -EEXIST;
	return e->at->class == VMEM_CLASS_NONE || vmem_place_covers(e, level) ||
	       vmem_place_splits(e) ? 0 : -ERANGE;
}

/*
 * Both passes: it is made, and those below it: down to one of leaves, or for a link
 * to the one that is to hold its entry. Of a leaf, too, which is to change in part.
 */
static __always_inline int vmem_path_make(const struct vmem_env *e)
{
	int ret = vmem_want(e, e->at->level);

	if (ret)
		return ret;
	if (e->at->apply)
		return vmem_install(e);
	ret = vmem_need_tables(e);
	if (!ret && e->at->m->kind == VMEM_KIND_LINK)
		e->need->links++;
	return ret;
}

#endif /* _VMEM_INSTALL_H */
