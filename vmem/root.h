/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Roots that are tables of a pool: a space comes with a link to one, and leaves
 * it with all that hung below by no other link.
 *
 * Context of every function: the caller lets one at a time in.
 */
#ifndef _VMEM_ROOT_H
#define _VMEM_ROOT_H

#include "pool.h"

/**
 * vmem_pool_take_root() - put the next page set aside to use, as a root
 * @pool:	the pool
 * @res:	the call's reservation, not empty
 * @level:	of the root
 * @link:	storage for its link, which stays with the pool until
 *		vmem_pool_drop_root()
 */
static inline void
vmem_pool_take_root(struct vmem_pool *pool, struct vmem_reservation *res,
		    unsigned int level, struct vmem_link *link)
{
	u32 page = vmem_pool_use(pool, res, level);

	vmem_pool_add_link(pool, page, link, VMEM_NO_TABLE, 0);
}

/**
 * vmem_pool_link_root() - a space adopts a root
 * @pool:	the pool
 * @root:	any table
 * @level:	of the root
 * @link:	storage for its link, as for vmem_pool_take_root()
 *
 * Return: 0; also when it is no page of this pool: nothing is stored then.
 * -EINVAL when it is, and not in use at this level; -EMLINK: it has all the
 * links that it may have.
 */
static inline int vmem_pool_link_root(struct vmem_pool *pool, vmem_table_t root,
				      unsigned int level,
				      struct vmem_link *link)
{
	u32 page = vmem_pool_find(pool, root);

	if (page == VMEM_POOL_NONE)
		return 0;
	if (!vmem_pool_links(pool, page, level))
		return -EINVAL;
	if (pool->pages[page].nr_links >= VMEM_LINKS_MAX)
		return -EMLINK;
	vmem_pool_add_link(pool, page, link, VMEM_NO_TABLE, 0);
	return 0;
}

/* A space's link goes. Return: the page of its root if that has none left. */
static inline u32 vmem_pool_unlink_root(struct vmem_pool *pool,
					vmem_table_t root,
					struct vmem_link *link)
{
	u32 page = vmem_pool_find(pool, root);
	struct vmem_link **at;

	if (page == VMEM_POOL_NONE)
		return VMEM_POOL_NONE;
	for (at = &pool->pages[page].links; *at != link; at = &(*at)->next)
		;
	vmem_pool_cut_link(pool, page, at);
	return pool->pages[page].nr_links ? VMEM_POOL_NONE : page;
}

/**
 * vmem_pool_untake_root() - undo vmem_pool_take_root()
 * @pool:	the pool
 * @root:	the root, which no vCPU has seen and below which nothing hangs
 * @link:	its link
 */
static inline void vmem_pool_untake_root(struct vmem_pool *pool,
					 vmem_table_t root,
					 struct vmem_link *link)
{
	u32 page = vmem_pool_unlink_root(pool, root, link);

	if (page == VMEM_POOL_NONE)
		return;
	pool->nr_used--;
	vmem_pool_release(pool, page);
}

/*
 * Drop the links of a page that come from tables that are no more: what they
 * named hung below them, or a guest took the entry away before they were freed.
 * The page of such a table may be in use again: at the level above this one, it is
 * dropped before, if at all; a table of another level has no entry for this one.
 */
static inline void vmem_pool_drop_dead_links(struct vmem_pool *pool, u32 page)
{
	struct vmem_link **at = &pool->pages[page].links;
	unsigned int above = pool->pages[page].level + 1;

	while (*at) {
		u32 parent = (*at)->parent == VMEM_NO_TABLE ? VMEM_POOL_NONE :
			     vmem_pool_find(pool, (*at)->parent);

		if (parent != VMEM_POOL_NONE &&
		    !vmem_pool_links(pool, parent, above))
			vmem_pool_cut_link(pool, page, at);
		else
			at = &(*at)->next;
	}
}

/**
 * vmem_pool_drop_root() - a space leaves its root
 * @pool:	the pool
 * @root:	any table
 * @level:	of the root
 * @link:	the one that the space brought
 *
 * Where this was the last link, the root goes. What hangs below a root that is
 * no page of this pool stays.
 *
 * Return: whether it went, and vmem_pool_drop_below() is to follow.
 */
static inline bool vmem_pool_drop_root(struct vmem_pool *pool,
				       vmem_table_t root, unsigned int level,
				       struct vmem_link *link)
{
	u32 page = vmem_pool_unlink_root(pool, root, link);

	if (page == VMEM_POOL_NONE)
		return false;
	pool->drop_levels = level + 1;
	pool->drop_left = 0;
	vmem_pool_quarantine(pool, page);
	return true;
}

/**
 * vmem_pool_drop_below() - what hung below a root goes after it
 * @pool:	the pool, after vmem_pool_drop_root() and nothing else
 *
 * Level by level, the tables that have no other link. No table is read: what a
 * guest wrote into one is of no account. At most VMEM_POOL_STEP pages are
 * looked at in one go, or as many links, but those of one table at once.
 *
 * Return: whether there is more to do.
 */
static inline bool vmem_pool_drop_below(struct vmem_pool *pool)
{
	struct vmem_pool_page *desc;
	u32 step, page;

	for (step = 0; step < VMEM_POOL_STEP; step++) {
		if (!pool->drop_left) {
			if (!--pool->drop_levels)
				return false;
			pool->drop_page = 0;
			pool->drop_left = pool->nr_used;
			continue;
		}
		page = pool->drop_page++;
		desc = &pool->pages[page];
		if (desc->state != VMEM_POOL_USED)
			continue;
		pool->drop_left--;
		if (desc->level != pool->drop_levels - 1)
			continue;
		step += desc->nr_links - 1;
		vmem_pool_drop_dead_links(pool, page);
		if (!desc->nr_links)
			vmem_pool_quarantine(pool, page);
	}
	return true;
}

#endif /* _VMEM_ROOT_H */
