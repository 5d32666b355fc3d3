/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Who names a table of ours: records of links, and roots.
 *
 * Each link has a record, which is found by its parent and slot; so both whose a
 * table is and what hangs below one are at hand, whoever made the parent. The
 * record of a table's first link is stored with the table. Those of others are
 * lent by the caller, to all pools of a guest together, and set aside for a call
 * before it changes anything.
 *
 * A root is told from others by its address, whatever it is, and knows how many
 * spaces have it. A page of a pool lives as long as one does, or a link. A table that
 * is freed takes the records of what hangs below it along.
 *
 * What a change calls once a table is noinline, so that there is one copy of it.
 *
 * Context of every function: the caller lets one at a time in.
 */
#include "vmem.h"

#ifndef _VMEM_RECORDS_H
#define _VMEM_RECORDS_H

#include "pool.h"

/* Links */

/* Lend the records of links of a guest one more. */
static inline void vmem_link_lend(struct vmem_link_store *store,
				  struct vmem_link *link)
{
	link->next = store->spare;
	store->spare = link;
	store->nr++;
}

static inline u32 vmem_link_hash(const struct vmem_pool *pool, vmem_table_t parent)
{
	return vmem_mix(pool->seed, vmem_table_gpa(parent)) >> 32;
}

/* The bucket of a link, in the old ones as long as it wasn't moved. */
static inline struct vmem_link **vmem_link_bucket(const struct vmem_pool *pool,
						  u32 hash)
{
	u32 old = hash & pool->old_mask;

	return unlikely(old >= pool->moved) ? &pool->old[old] :
					      &pool->buckets[hash & pool->mask];
}

/* Some of the old buckets are emptied: all are, before there can be more of them. */
static noinline void vmem_link_rehash(struct vmem_pool *pool)
{
	struct vmem_link *link, *next, **at;
	u32 end = min_t(u64, (u64)pool->moved + 4, (u64)pool->old_mask + 1);

	while (pool->moved < end) {
		for (link = pool->old[pool->moved++]; link; link = next) {
			next = link->next;
			at = vmem_link_bucket(pool, link->slot +
					      vmem_link_hash(pool, link->parent));
			link->next = *at;
			*at = link;
		}
	}
}

/**
 * vmem_buckets_lend() - more buckets for the links of a pool
 * @pool:	the pool
 * @buckets:	zeroes, which stay with the pool if it needs them
 * @nr:		@pool->wanted as it was when vmem_pool_reserve() asked for them, or
 *		what vmem_pool_wanted() said
 *
 * Return: what isn't needed, or not any more; NULL: nothing.
 */
static inline void *vmem_buckets_lend(struct vmem_pool *pool,
				      struct vmem_link **buckets, u32 nr)
{
	void *old = pool->old;

	if (nr <= pool->mask + 1)
		return buckets;
	while (pool->moved <= pool->old_mask)
		vmem_link_rehash(pool);
	pool->old = pool->buckets;
	pool->old_mask = pool->mask;
	pool->moved = 0;
	pool->buckets = buckets;
	pool->mask = nr - 1;
	return old;
}

/**
 * vmem_buckets_take_back() - a pool ends: take back its buckets
 * @pool:	the pool, which is not to be used any more
 *
 * Return: some of them; NULL: no more.
 */
static inline void *vmem_buckets_take_back(struct vmem_pool *pool)
{
	void *buckets = pool->buckets;

	pool->buckets = pool->old;
	pool->old = NULL;
	return buckets;
}

/*
 * Where the link from @slot of @parent is named, or the end of its bucket. Those of
 * one table lie side by side, and many in turn have one parent, which is remembered.
 */
static inline struct vmem_link **vmem_link_seek(struct vmem_pool *pool,
						vmem_table_t parent, u32 slot)
{
	struct vmem_link **at;

	if (unlikely(pool->parent != parent)) {
		pool->parent = parent;
		pool->parent_page = vmem_pool_find(pool, parent);
		pool->parent_bucket = vmem_link_hash(pool, parent);
	}
	at = vmem_link_bucket(pool, pool->parent_bucket + slot);
	while (*at && ((*at)->parent != parent || (*at)->slot != slot))
		at = &(*at)->next;
	return at;
}

/**
 * vmem_pool_put() - a link of a table is gone
 * @pool:	the pool
 * @parent:	the table that named it
 * @slot:	index of the entry, which named one of this pool's
 *
 * With its last link the table goes; vmem_pool_drop_below() is to follow. A table
 * that others have lives on.
 *
 * Return: VMEM_CHANGED_FREED or VMEM_CHANGED_UNSHARED.
 */
static noinline u32 vmem_pool_put(struct vmem_pool *pool, vmem_table_t parent,
				  u32 slot)
{
	struct vmem_link **at = vmem_link_seek(pool, parent, slot), *link = *at;
	struct vmem_pool_page *page = link->page;

	VMEM_ASSERT(*link->back == link);
	*at = link->next;
	*link->back = link->below;
	if (link->below)
		link->below->back = link->back;
	pool->nr_hashed--;
	if (link == &page->first)
		link->parent = VMEM_NO_TABLE;
	else
		vmem_link_lend(pool->store, link);
	return vmem_pool_uncount(pool, page) ? VMEM_CHANGED_FREED : VMEM_CHANGED_UNSHARED;
}

/*
 * @nr entries from @slot of @parent on name tables of @level from now on: *@pages and those
 * that follow by @next, each by its first link; one alone by the one that was @lent, if that
 * isn't NULL. *@pages becomes what follows, if anything does. Return: VMEM_CHANGED_*,
 * where one named another table, which a guest had taken away from it.
 */
static noinline u32
vmem_link_add(struct vmem_pool *pool, struct vmem_pool_page **pages, struct vmem_link *lent,
	      unsigned int level, vmem_table_t parent, u32 slot, u32 nr)
{
	struct vmem_pool_page *page = *pages;
	struct vmem_link **at, **head, *link;
	u32 changes = 0;

	for (; nr; nr--, slot++, page = page->next) {
		link = lent ?: &page->first;
		if (unlikely(pool->moved <= pool->old_mask))
			vmem_link_rehash(pool);
		at = vmem_link_seek(pool, parent, slot);
		if (unlikely(*at)) {
			changes |= vmem_pool_put(pool, parent, slot);
			at = vmem_link_seek(pool, parent, slot);
		}
		head = pool->parent_page ? &pool->parent_page->below : &pool->foreign;
		/* each by itself: a string store would take a third of all this */
		link->next = NULL;
		link->below = *head;
		link->back = head;
		link->parent = parent;
		link->page = page;
		link->pass = 0;
		link->slot = slot;
		if (*head)
			(*head)->back = &link->below;
		*head = link;
		*at = link;
		pool->nr_hashed++;
		/* one that was in use is that already, which is asserted */
		if (!lent) {
			page->state = VMEM_POOL_USED;
			page->level = level;
		}
		vmem_pool_count(pool, page);
	}
	*pages = page;
	return changes;
}

/**
 * vmem_pool_owner() - vmem_table_ops.owner() for one pool
 * @pool:	the pool
 * @table:	any table
 * @level:	at which it is met
 * @parent:	the table that names it, VMEM_NO_TABLE: it is a space's root
 * @slot:	index of the entry, 0 for a root
 * @links:	out: how many links it has, when it is a page of this pool
 *
 * A table that is met at another level than its own, by one of its links, counts
 * as another pool's: a space of another format has that link.
 *
 * Return: VMEM_FOREIGN when it is no page of this pool.
 */
static inline enum vmem_owner
vmem_pool_owner(struct vmem_pool *pool, vmem_table_t table,
		unsigned int level, vmem_table_t parent, u32 slot, u32 *links)
{
	const struct vmem_pool_page *page = vmem_pool_search(pool, table);
	const struct vmem_link *link;

	if (!page)
		return VMEM_FOREIGN;
	*links = page->nr_links;
	if (!*links)
		return VMEM_MISUSED;
	/* mostly its first link, which needs no search */
	if (unlikely(page->first.parent != parent || page->first.slot != slot) &&
	    parent != VMEM_NO_TABLE) {
		link = *vmem_link_seek(pool, parent, slot);
		if (!link || link->page != page)
			return VMEM_MISUSED;
	}
	return page->level == level ? VMEM_MINE : VMEM_OTHERS;
}

/**
 * vmem_link_marked() - how many links of a table a change marked since pass 1 began
 * @pages:	where the change has its tables from
 * @table:	one of that pool, in use
 * @mark:	what for
 * @check:	the call's number for this pass
 *
 * Return: so many; -EBUSY: another call has marked some since this pass began, and
 * the marks of this one may be gone.
 */
static noinline int vmem_link_marked(struct vmem_pages *pages, vmem_table_t table,
				     enum vmem_mark mark, u32 check)
{
	struct vmem_pool *pool = pages->pool;
	struct vmem_reservation *res = &pages->res;
	struct vmem_pool_page *page = vmem_pool_find(pool, table);

	if (res->check != check) {
		res->pass = ++pool->passes ?: ++pool->passes;
		res->check = check;
	}
	if (page->pass != res->pass) {
		if (page->pass - res->pass <= pool->passes - res->pass)
			return -EBUSY;
		page->pass = res->pass;
		memset(page->nr_marked, 0, sizeof(page->nr_marked));
	}
	return page->nr_marked[mark];
}

/**
 * vmem_link_mark() - a change marks a link
 * @pages:	where the change has its tables from
 * @table:	one of that pool, in use
 * @parent:	the table that names it
 * @slot:	index of the entry
 * @mark:	what for
 * @check:	the call's number for this pass
 *
 * Return: how many other links of the table are marked so; -EBUSY, as above.
 */
static noinline int vmem_link_mark(struct vmem_pages *pages, vmem_table_t table,
				   vmem_table_t parent, u32 slot,
				   enum vmem_mark mark, u32 check)
{
	struct vmem_link *link = *vmem_link_seek(pages->pool, parent, slot);
	int marked = vmem_link_marked(pages, table, mark, check);

	if (marked < 0)
		return marked;
	VMEM_ASSERT(link->page->table == table);
	if (link->pass != pages->res.pass)
		link->marks = 0;
	link->pass = pages->res.pass;
	if (link->marks & BIT(mark))
		return marked - 1;
	link->marks |= BIT(mark);
	link->page->nr_marked[mark]++;
	return marked;
}

/**
 * vmem_link_admit() - may a space with these facts change tables?
 * @store:	of the guest
 * @facts:	the space's
 * @first:	no other space has a pool, and no table is in use in any
 *
 * Where an entry is malformed for one space and not for another, or has another
 * address, the one doesn't see the link that the other made; nor may the one make
 * leaves that mean more to the other. So all agree in that, level by level. What
 * says Cow, and tags of addresses, may differ.
 */
static inline bool vmem_link_admit(struct vmem_link_store *store,
				   const struct vmem_facts *facts, bool first)
{
	const struct vmem_facts *all = &store->facts;

	if (first)
		store->facts = *facts;
	return !memcmp(all->tells, facts->tells, sizeof(all->tells)) &&
	       all->leaf_levels == facts->leaf_levels &&
	       all->addr == facts->addr && all->gpa == facts->gpa &&
	       all->shadow == facts->shadow && all->enc == facts->enc &&
	       all->enc_table == facts->enc_table;
}

/**
 * vmem_pool_take() - put the next pages set aside to use
 * @pool:	the pool
 * @res:	the call's reservation
 * @level:	of the tables
 * @parent:	the table that names them
 * @slot:	index of the entry of the first one; those of the others follow
 * @nr:		how many; the reservation has them
 *
 * Return: VMEM_CHANGED_*, where such an entry named another table.
 */
static noinline u32
vmem_pool_take(struct vmem_pool *pool, struct vmem_reservation *res,
	       unsigned int level, vmem_table_t parent, u32 slot, u32 nr)
{
	VMEM_ASSERT(nr && res->nr >= nr);
	res->nr -= nr;
	pool->nr_reserved -= nr;
	pool->nr_used += nr;
	return vmem_link_add(pool, &res->first, NULL, level, parent, slot, nr);
}

/**
 * vmem_pool_share() - a table has one link more, if it hasn't that one
 * @pool:	the pool
 * @res:	the call's reservation, with a record of a link
 * @table:	one of this pool's, in use
 * @parent:	the table that names it
 * @slot:	index of the entry
 *
 * Return: VMEM_CHANGED_*, where that entry named another table.
 */
static noinline u32
vmem_pool_share(struct vmem_pool *pool, struct vmem_reservation *res,
		vmem_table_t table, vmem_table_t parent, u32 slot)
{
	struct vmem_pool_page *page = vmem_pool_find(pool, table);
	struct vmem_link *link = *vmem_link_seek(pool, parent, slot);

	VMEM_ASSERT(res->links);
	res->links--;
	/* a guest took the entry away that is made once more */
	if (link && link->page == page) {
		pool->store->nr++;
		return 0;
	}
	link = pool->store->spare;
	pool->store->spare = link->next;
	return vmem_link_add(pool, &page, link, page->level, parent, slot, 1);
}

/* Is there something for vmem_pool_drop_below() to do? */
static inline bool vmem_pool_drops(const struct vmem_pool *pool)
{
	return pool->dropped;
}

/**
 * vmem_pool_drop_below() - what hung below tables that go
 * @pool:	the pool
 *
 * It loses the links that it had there. No table is read: what a guest wrote into
 * one is of no account. At most VMEM_POOL_STEP links go at once.
 *
 * Return: whether there is more to do.
 */
static noinline bool vmem_pool_drop_below(struct vmem_pool *pool)
{
	struct vmem_pool_page *page;
	const struct vmem_link *link;
	u32 step = 0;

	while ((page = pool->dropped)) {
		pool->dropped = page->next;
		while ((link = page->below)) {
			if (step++ == VMEM_POOL_STEP) {
				page->next = pool->dropped;
				pool->dropped = page;
				return true;
			}
			vmem_pool_put(pool, link->parent, link->slot);
		}
		vmem_pool_quarantine(pool, page);
	}
	return false;
}

/**
 * vmem_pool_drop_foreign() - memory goes in which tables may lie that name some
 *			      of this pool
 * @pool:	the pool
 * @ranges:	that memory, none of it this pool's, in ascending order; only where
 *		they lie matters
 * @nr:		how many
 * @at:		in and out: how far it came; begins at NULL, and is good as long as
 *		nothing else is done to the pool
 *
 * They lose those links; vmem_pool_drop_below() is to follow. At most
 * VMEM_POOL_STEP links are looked at in one go.
 *
 * Return: whether there is more to do.
 */
static inline bool vmem_pool_drop_foreign(struct vmem_pool *pool,
					  const struct vmem_pool_range *ranges,
					  u32 nr, struct vmem_link ***at)
{
	struct vmem_link *link;
	u32 step;

	if (!*at)
		*at = &pool->foreign;
	for (step = 0; (link = **at); step++) {
		if (step == VMEM_POOL_STEP)
			return true;
		if (vmem_pool_range_of(ranges, nr, vmem_table_gpa(link->parent)))
			vmem_pool_put(pool, link->parent, link->slot);
		else
			*at = &link->below;
	}
	return false;
}

/* Roots */

/**
 * vmem_root_lend() - one more, for a space that will have a root
 * @store:	of the guest
 * @root:	storage, until vmem_root_take_back()
 */
static inline void vmem_root_lend(struct vmem_link_store *store,
				  struct vmem_root *root)
{
	root->next = store->spare_roots;
	store->spare_roots = root;
}

/**
 * vmem_root_take_back() - one less, as a space has no root any more
 * @store:	of the guest
 *
 * Return: one that was lent.
 */
static inline struct vmem_root *vmem_root_take_back(struct vmem_link_store *store)
{
	struct vmem_root *root = store->spare_roots;

	store->spare_roots = root->next;
	return root;
}

/* Where the root @table is named, or where the list ends. */
static inline struct vmem_root **vmem_root_at(struct vmem_link_store *store,
					      vmem_table_t table)
{
	struct vmem_root **at = &store->roots;

	while (*at && (*at)->table != table)
		at = &(*at)->next;
	return at;
}

/* One more space has this root. */
static noinline struct vmem_root *vmem_root_count(struct vmem_link_store *store,
						  struct vmem_pool *pool,
						  vmem_table_t table)
{
	struct vmem_root *root = *vmem_root_at(store, table);

	if (!root) {
		root = vmem_root_take_back(store);
		*root = (struct vmem_root){
			.next = store->roots, .table = table, .pool = pool,
		};
		store->roots = root;
	}
	root->spaces++;
	store->epoch++;
	if (pool)
		vmem_pool_count(pool, vmem_pool_find(pool, table));
	return root;
}

/**
 * vmem_root_make() - put the next page set aside to use, as a space's root
 * @pool:	the pool
 * @res:	the call's reservation, not empty
 * @level:	of the root
 *
 * Return: the root, which has one space.
 */
static inline struct vmem_root *vmem_root_make(struct vmem_pool *pool,
					       struct vmem_reservation *res,
					       unsigned int level)
{
	struct vmem_pool_page *page = vmem_pool_pop(pool, res);

	page->first.parent = VMEM_NO_TABLE;
	page->state = VMEM_POOL_USED;
	page->level = level;
	pool->nr_used++;
	return vmem_root_count(pool->store, pool, page->table);
}

/**
 * vmem_root_adopt() - a space has a table for a root that is there
 * @store:	of the guest
 * @pool:	whose page it is, NULL: of none
 * @table:	the table
 * @level:	at which it is the root
 * @root:	out: the root
 *
 * Return: 0; -EINVAL: a page of the pool that isn't in use at this level; -EMLINK:
 * it has all the links that it may have.
 */
static inline int vmem_root_adopt(struct vmem_link_store *store,
				  struct vmem_pool *pool, vmem_table_t table,
				  unsigned int level, struct vmem_root **root)
{
	const struct vmem_pool_page *page;

	if (pool) {
		page = vmem_pool_find(pool, table);
		if (!page->nr_links || page->level != level)
			return -EINVAL;
		if (page->nr_links >= VMEM_LINKS_MAX)
			return -EMLINK;
	}
	*root = vmem_root_count(store, pool, table);
	return 0;
}

/* One space less has this root. */
static noinline void vmem_root_uncount(struct vmem_link_store *store,
				       struct vmem_root *root)
{
	struct vmem_root **at;

	VMEM_ASSERT(root->spaces);
	store->epoch++;
	if (--root->spaces)
		return;
	at = vmem_root_at(store, root->table);
	*at = root->next;
	vmem_root_lend(store, root);
}

/**
 * vmem_root_leave() - a space leaves its root
 * @store:	of the guest
 * @root:	the root
 *
 * A page of a pool that has no other link goes; vmem_pool_drop_below() is to
 * follow. What hangs below a root of the guest's own stays.
 *
 * Return: whether it went.
 */
static inline bool vmem_root_leave(struct vmem_link_store *store,
				   struct vmem_root *root)
{
	struct vmem_pool *pool = root->pool;
	bool gone = pool && vmem_pool_uncount(pool, vmem_pool_find(pool, root->table));

	vmem_root_uncount(store, root);
	return gone;
}

/**
 * vmem_root_unmake() - undo vmem_root_make()
 * @root:	a root that no vCPU has seen and below which nothing hangs; other
 *		spaces may have it
 */
static inline void vmem_root_unmake(struct vmem_root *root)
{
	struct vmem_pool *pool = root->pool;
	struct vmem_pool_page *page = vmem_pool_find(pool, root->table);

	if (page->nr_links > 1) {
		vmem_root_leave(pool->store, root);
		return;
	}
	vmem_root_uncount(pool->store, root);
	page->nr_links = 0;
	pool->nr_used--;
	vmem_pool_release(pool, page);
}

/**
 * vmem_root_links() - links of a root, and spaces that have it
 * @root:	the root
 */
static inline u32 vmem_root_links(const struct vmem_root *root)
{
	const struct vmem_pool *pool = root->pool;

	return pool ? vmem_pool_find(pool, root->table)->nr_links : root->spaces;
}

#endif /* _VMEM_RECORDS_H */
