/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tables of ours: which pages of a pool are free, set aside, in use or in
 * quarantine, and who links to them. All of it is kept outside guest memory,
 * in storage that the caller lends, and nothing of it is ever read from guest
 * memory.
 *
 * A table in use has a list of links. The first is made with the table and is
 * stored with it. Records of others are lent by the caller, to all pools of a
 * guest together, and set aside for a call before it changes anything; a space
 * brings the link of its root.
 *
 * Free pages are taken lowest address first, so that the same calls build the
 * same bytes everywhere.
 *
 * Context of every function: the caller lets one at a time in.
 */
#ifndef _VMEM_POOL_H
#define _VMEM_POOL_H

#include <linux/minmax.h>
#include <linux/string.h>

#include "vmem.h"

#define VMEM_POOL_NONE		U32_MAX
#define VMEM_POOL_CAPACITY_MAX	BIT(20)	/* 4 GiB: bounds the scans */
#define VMEM_POOL_STEP		1024	/* pages in one go */

enum vmem_pool_state {
	VMEM_POOL_FREE,
	VMEM_POOL_RESERVED,
	VMEM_POOL_USED,
	VMEM_POOL_QUARANTINED,
};

/**
 * struct vmem_link - who links to a table
 * @next:	the table's next one
 * @parent:	the table whose entry it is, VMEM_NO_TABLE: it is a space's root
 * @slot:	index of the entry
 * @pass:	the first pass that marked it last
 */
struct vmem_link {
	struct vmem_link *next;
	vmem_table_t parent;
	u32 slot;
	u32 pass;
};

/**
 * struct vmem_link_store - records of links that the caller lent
 * @spare:	those that are in no list of a table
 * @nr:		of them that are not set aside
 * @facts:	what all spaces that have a pool agree in, see vmem_link_admit()
 */
struct vmem_link_store {
	struct vmem_link *spare;
	u64 nr;
	struct vmem_facts facts;
};

/* A page of a pool. */
struct vmem_pool_page {
	struct vmem_link first;
	struct vmem_link *links;
	u64 generation;		/* quarantined: of the change that freed it */
	u32 next;		/* in the reservation or in the quarantine */
	u32 nr_links;
	u32 pass;		/* the first pass that marked links last */
	u16 nr_marked;		/* so many */
	u8 state;
	u8 level;
};

/* Pages of a pool that lie together. The caller fills in the first two. */
struct vmem_pool_range {
	vmem_phys_t gpa;
	u64 len;
	u32 first;		/* index of its first page */
};

/**
 * struct vmem_pool - pages that new tables come from
 * @generation:	what tables freed from now on carry; the caller sets it
 * @capacity:	pages
 * @nr_free:	of them that are free
 * @nr_reserved: set aside
 * @nr_used:	in use
 * @nr_quarantined: in quarantine
 * @nr_shared:	tables with more than one link
 *
 * The rest is this header's.
 */
struct vmem_pool {
	u64 generation;
	u32 capacity;
	u32 nr_free;
	u32 nr_reserved;
	u32 nr_used;
	u32 nr_quarantined;
	u32 nr_shared;
	/* private: */
	struct vmem_pool_range *ranges;
	struct vmem_link_store *store;
	u32 nr_ranges;
	u32 table_lg2;
	u32 hint;		/* no word of @free below this has a bit set */
	u32 oldest;		/* of the quarantine */
	u32 newest;
	u32 passes;		/* that marked links */
	u32 drop_page;		/* of vmem_pool_drop_below(): the next page */
	u32 drop_left;		/* tables in use from there on */
	u8 drop_levels;		/* still to be done, the one in hand included */
	u64 *free;		/* a bit a page */
	struct vmem_pool_page *pages;
};

/*
 * What is set aside for a call: pages, in the order in which they will be
 * taken, and records of links. And how its first pass marks links.
 */
struct vmem_reservation {
	u32 first;
	u32 last;
	u32 nr;
	u64 links;
	u32 at;			/* the last one asked for: its number */
	u32 at_page;		/* and its page */
	u32 pass[VMEM_NR_MARKS]; /* numbers that no other has; 0: none yet */
	u32 check;		/* the call's own number for that pass */
};

static inline void vmem_reservation_init(struct vmem_reservation *res)
{
	*res = (struct vmem_reservation){
		.first	= VMEM_POOL_NONE,
		.last	= VMEM_POOL_NONE,
	};
}

static inline u64 vmem_pool_words(u64 capacity)
{
	return (capacity + 63) / 64;
}

/**
 * vmem_pool_bytes() - storage that a pool needs
 * @capacity:	pages, at most VMEM_POOL_CAPACITY_MAX
 *
 * Return: bytes, to be aligned to 8 and zeroed.
 */
static inline u64 vmem_pool_bytes(u64 capacity)
{
	return capacity * sizeof(struct vmem_pool_page) +
	       vmem_pool_words(capacity) * sizeof(u64);
}

/**
 * vmem_pool_init() - a pool of free pages
 * @pool:	filled in
 * @ranges:	in ascending order, apart from each other, multiples of a table's
 *		size; they stay with the pool
 * @nr_ranges:	how many, at least 1
 * @table_lg2:	lg2 of the bytes of a table
 * @store:	of the guest, zeroed before its first pool
 * @storage:	vmem_pool_bytes() of zeroes; it stays with the pool
 */
static inline void vmem_pool_init(struct vmem_pool *pool,
				  struct vmem_pool_range *ranges, u32 nr_ranges,
				  u32 table_lg2, struct vmem_link_store *store,
				  void *storage)
{
	u32 i, capacity = 0;
	u64 *last;

	for (i = 0; i < nr_ranges; i++) {
		ranges[i].first = capacity;
		capacity += ranges[i].len >> table_lg2;
	}
	*pool = (struct vmem_pool){
		.capacity	= capacity,
		.nr_free	= capacity,
		.store		= store,
		.ranges		= ranges,
		.nr_ranges	= nr_ranges,
		.table_lg2	= table_lg2,
		.oldest		= VMEM_POOL_NONE,
		.newest		= VMEM_POOL_NONE,
		.pages		= storage,
	};
	pool->free = (u64 *)(pool->pages + capacity);
	memset(pool->free, 0xff, vmem_pool_words(capacity) * sizeof(u64));
	last = &pool->free[vmem_pool_words(capacity) - 1];
	if (capacity % 64)
		*last = BIT_ULL(capacity % 64) - 1;
}

/* The page of @table, VMEM_POOL_NONE when it is none of this pool. */
static inline u32 vmem_pool_find(const struct vmem_pool *pool,
				 vmem_table_t table)
{
	u32 low = 0, high = pool->nr_ranges;
	vmem_phys_t gpa = vmem_table_gpa(table);
	const struct vmem_pool_range *range;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		range = &pool->ranges[middle];
		if (gpa < range->gpa)
			high = middle;
		else if (gpa - range->gpa >= range->len)
			low = middle + 1;
		else
			return range->first +
			       (u32)((gpa - range->gpa) >> pool->table_lg2);
	}
	return VMEM_POOL_NONE;
}

static inline vmem_table_t vmem_pool_table(const struct vmem_pool *pool,
					   u32 page)
{
	u32 low = 0, high = pool->nr_ranges;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (page < pool->ranges[middle].first)
			high = middle;
		else
			low = middle;
	}
	return vmem_table(pool->ranges[low].gpa +
			  ((u64)(page - pool->ranges[low].first) << pool->table_lg2));
}

static inline void vmem_pool_release(struct vmem_pool *pool, u32 page)
{
	pool->pages[page].state = VMEM_POOL_FREE;
	pool->free[page / 64] |= BIT_ULL(page % 64);
	if (page / 64 < pool->hint)
		pool->hint = page / 64;
	pool->nr_free++;
}

static inline void vmem_pool_quarantine(struct vmem_pool *pool, u32 page)
{
	struct vmem_pool_page *desc = &pool->pages[page];

	desc->state = VMEM_POOL_QUARANTINED;
	desc->generation = pool->generation;
	desc->next = VMEM_POOL_NONE;
	if (pool->newest == VMEM_POOL_NONE)
		pool->oldest = page;
	else
		pool->pages[pool->newest].next = page;
	pool->newest = page;
	pool->nr_used--;
	pool->nr_quarantined++;
}

static inline void vmem_pool_add_link(struct vmem_pool *pool, u32 page,
				      struct vmem_link *link,
				      vmem_table_t parent, u32 slot)
{
	struct vmem_pool_page *desc = &pool->pages[page];

	*link = (struct vmem_link){
		.next = desc->links, .parent = parent, .slot = slot,
	};
	desc->links = link;
	if (++desc->nr_links == 2)
		pool->nr_shared++;
}

/* Lend the records of links of a guest one more. */
static inline void vmem_link_lend(struct vmem_link_store *store,
				  struct vmem_link *link)
{
	link->next = store->spare;
	store->spare = link;
	store->nr++;
}

/* Take the link that @at points to out of its list. */
static inline void vmem_pool_cut_link(struct vmem_pool *pool, u32 page,
				      struct vmem_link **at)
{
	struct vmem_link *link = *at;

	*at = link->next;
	if (--pool->pages[page].nr_links == 1)
		pool->nr_shared--;
	/* that of a root is its space's */
	if (link != &pool->pages[page].first && link->parent != VMEM_NO_TABLE)
		vmem_link_lend(pool->store, link);
}

/* Where a table's link from @slot of @parent is named, or where its list ends. */
static inline struct vmem_link **vmem_pool_link(struct vmem_pool_page *desc,
						vmem_table_t parent, u32 slot)
{
	struct vmem_link **at = &desc->links;

	while (*at && ((*at)->parent != parent || (*at)->slot != slot))
		at = &(*at)->next;
	return at;
}

/* The links of a table in use at @level, 0 when it isn't. */
static inline u32 vmem_pool_links(const struct vmem_pool *pool, u32 page,
				  unsigned int level)
{
	const struct vmem_pool_page *desc = &pool->pages[page];

	return desc->state == VMEM_POOL_USED && desc->level == level ?
	       desc->nr_links : 0;
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
vmem_pool_owner(struct vmem_pool *pool, vmem_table_t table, unsigned int level,
		vmem_table_t parent, u32 slot, u32 *links)
{
	u32 page = vmem_pool_find(pool, table);
	struct vmem_link **at, *link;

	if (page == VMEM_POOL_NONE)
		return VMEM_FOREIGN;
	*links = vmem_pool_links(pool, page, pool->pages[page].level);
	if (!*links)
		return VMEM_MISUSED;
	at = vmem_pool_link(&pool->pages[page], parent, slot);
	link = *at;
	if (!link)
		return VMEM_MISUSED;
	/* to the front: a list may be long, and it is asked for again soon */
	if (link != pool->pages[page].links) {
		*at = link->next;
		link->next = pool->pages[page].links;
		pool->pages[page].links = link;
	}
	return pool->pages[page].level == level ? VMEM_MINE : VMEM_OTHERS;
}

/**
 * vmem_link_mark() - vmem_table_ops.mark() for one pool
 * @pool:	the pool
 * @res:	the call's reservation
 * @table:	one of this pool's, in use
 * @parent:	the table that names it
 * @slot:	index of the entry
 * @mark:	what for; of a table, the last sort of mark holds
 * @check:	the call's number for this pass
 *
 * Return: how many other links of the table are marked so.
 */
static inline u32 vmem_link_mark(struct vmem_pool *pool,
				 struct vmem_reservation *res,
				 vmem_table_t table, vmem_table_t parent,
				 u32 slot, enum vmem_mark mark, u32 check)
{
	struct vmem_pool_page *desc = &pool->pages[vmem_pool_find(pool, table)];
	struct vmem_link *link = *vmem_pool_link(desc, parent, slot);

	if (res->check != check) {
		memset(res->pass, 0, sizeof(res->pass));
		res->check = check;
	}
	if (!res->pass[mark])
		res->pass[mark] = ++pool->passes ?: ++pool->passes;
	if (desc->pass != res->pass[mark]) {
		desc->pass = res->pass[mark];
		desc->nr_marked = 0;
	}
	if (link->pass != res->pass[mark]) {
		link->pass = res->pass[mark];
		desc->nr_marked++;
	}
	return desc->nr_marked - 1;
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
	unsigned int level;

	if (first)
		store->facts = *facts;
	for (level = 0; level < VMEM_LEVELS_MAX; level++)
		if (all->reserved[level] != facts->reserved[level])
			return false;
	return all->addr == facts->addr && all->gpa == facts->gpa &&
	       all->shadow == facts->shadow && all->enc == facts->enc &&
	       all->enc_table == facts->enc_table;
}

/**
 * vmem_pool_lacking() - how many free pages lack to what a call needs
 * @pool:	the pool
 * @res:	the call's
 * @nr:		how many it needs, those that it has included
 */
static inline u64 vmem_pool_lacking(const struct vmem_pool *pool,
				    const struct vmem_reservation *res, u64 nr)
{
	u64 has = (u64)res->nr + pool->nr_free;

	return nr > has ? nr - has : 0;
}

/**
 * vmem_pool_reserve() - see that a call has pages set aside
 * @pool:	the pool
 * @res:	the call's reservation
 * @nr:		pages that it needs in all
 * @links:	records of links that it needs in all
 *
 * At most VMEM_POOL_STEP pages more in one go.
 *
 * Return: 0; VMEM_PAUSE: call again; VMEM_LINKS: call again when as many
 * records were lent as it needs; -EAGAIN: there would be enough if the
 * quarantine were flushed; -EBUSY: if other calls gave back besides what they
 * have set aside; -ENOSPC. With an errno nothing changed.
 */
static inline int vmem_pool_reserve(struct vmem_pool *pool,
				    struct vmem_reservation *res, u64 nr,
				    u64 links)
{
	u64 more = nr > res->nr ? nr - res->nr : 0, step;
	u64 lacking = vmem_pool_lacking(pool, res, nr);
	u32 others = pool->nr_reserved - res->nr, page;

	if (lacking)
		return lacking <= pool->nr_quarantined ? -EAGAIN :
		       lacking - pool->nr_quarantined <= others ? -EBUSY :
								  -ENOSPC;
	if (links > res->links) {
		if (links - res->links > pool->store->nr)
			return VMEM_LINKS;
		pool->store->nr -= links - res->links;
		res->links = links;
	}

	for (step = min_t(u64, more, VMEM_POOL_STEP); step; step--) {
		while (!pool->free[pool->hint])
			pool->hint++;
		page = pool->hint * 64 + __builtin_ctzll(pool->free[pool->hint]);
		pool->free[pool->hint] &= pool->free[pool->hint] - 1;
		pool->pages[page].state = VMEM_POOL_RESERVED;
		pool->pages[page].next = VMEM_POOL_NONE;
		if (res->nr)
			pool->pages[res->last].next = page;
		else
			res->first = page;
		res->last = page;
		res->nr++;
		pool->nr_free--;
		pool->nr_reserved++;
	}
	res->at = 0;
	res->at_page = res->first;
	return more > VMEM_POOL_STEP ? VMEM_PAUSE : 0;
}

/**
 * vmem_pool_reserved() - one of the pages set aside
 * @pool:	the pool
 * @res:	the call's reservation
 * @n:		which, counted from the one that will be taken next; quick when
 *		asked for in ascending order
 *
 * Return: its address, VMEM_NO_TABLE when there are not so many.
 */
static inline vmem_table_t vmem_pool_reserved(const struct vmem_pool *pool,
					      struct vmem_reservation *res,
					      u64 n)
{
	if (n >= res->nr)
		return VMEM_NO_TABLE;
	if (n < res->at) {
		res->at = 0;
		res->at_page = res->first;
	}
	for (; res->at < n; res->at++)
		res->at_page = pool->pages[res->at_page].next;
	return vmem_pool_table(pool, res->at_page);
}

static inline u32 vmem_pool_pop(struct vmem_pool *pool,
				struct vmem_reservation *res)
{
	u32 page = res->first;

	res->first = pool->pages[page].next;
	res->at = 0;
	res->at_page = res->first;
	res->nr--;
	pool->nr_reserved--;
	return page;
}

static inline u32 vmem_pool_use(struct vmem_pool *pool,
				struct vmem_reservation *res,
				unsigned int level)
{
	u32 page = vmem_pool_pop(pool, res);
	struct vmem_pool_page *desc = &pool->pages[page];

	desc->state = VMEM_POOL_USED;
	desc->level = level;
	desc->links = NULL;
	desc->nr_links = 0;
	pool->nr_used++;
	return page;
}

/**
 * vmem_pool_take() - put the next page set aside to use
 * @pool:	the pool
 * @res:	the call's reservation, not empty
 * @level:	of the table
 * @parent:	the table that names it
 * @slot:	index of the entry
 */
static inline void
vmem_pool_take(struct vmem_pool *pool, struct vmem_reservation *res,
	       unsigned int level, vmem_table_t parent, u32 slot)
{
	u32 page = vmem_pool_use(pool, res, level);

	vmem_pool_add_link(pool, page, &pool->pages[page].first, parent, slot);
}

/**
 * vmem_pool_share() - a table has one link more, if it hasn't that one
 * @pool:	the pool
 * @res:	the call's reservation, with a record of a link
 * @table:	one of this pool's, in use
 * @parent:	the table that names it
 * @slot:	index of the entry
 */
static inline void
vmem_pool_share(struct vmem_pool *pool, struct vmem_reservation *res,
		vmem_table_t table, vmem_table_t parent, u32 slot)
{
	u32 page = vmem_pool_find(pool, table);
	struct vmem_link *link = pool->store->spare;

	res->links--;
	/* a guest took the entry away that is made once more */
	if (*vmem_pool_link(&pool->pages[page], parent, slot)) {
		pool->store->nr++;
		return;
	}
	pool->store->spare = link->next;
	vmem_pool_add_link(pool, page, link, parent, slot);
}

/**
 * vmem_pool_put() - a link of a table is gone
 * @pool:	the pool
 * @table:	one of this pool's
 * @parent:	the table that named it
 * @slot:	index of the entry
 *
 * Return: whether it was the last one, so that the table is in quarantine.
 */
static inline bool vmem_pool_put(struct vmem_pool *pool, vmem_table_t table,
				 vmem_table_t parent, u32 slot)
{
	u32 page = vmem_pool_find(pool, table);
	struct vmem_pool_page *desc = &pool->pages[page];

	vmem_pool_cut_link(pool, page, vmem_pool_link(desc, parent, slot));
	if (desc->nr_links)
		return false;
	vmem_pool_quarantine(pool, page);
	return true;
}

/**
 * vmem_pool_unreserve() - give back what is still set aside
 * @pool:	the pool
 * @res:	the call's reservation
 *
 * At most VMEM_POOL_STEP pages in one go. Return: whether some are left.
 */
static inline bool vmem_pool_unreserve(struct vmem_pool *pool,
				       struct vmem_reservation *res)
{
	u32 step;

	pool->store->nr += res->links;
	res->links = 0;
	for (step = min_t(u32, res->nr, VMEM_POOL_STEP); step; step--)
		vmem_pool_release(pool, vmem_pool_pop(pool, res));
	if (res->nr)
		return true;
	vmem_reservation_init(res);
	return false;
}

/**
 * vmem_pool_flushed() - every vCPU has forgotten the tables freed so far
 * @pool:	the pool
 * @generation:	tables that carry this one or an older may be taken again
 *
 * At most VMEM_POOL_STEP tables in one go. Return: whether some are left.
 */
static inline bool vmem_pool_flushed(struct vmem_pool *pool, u64 generation)
{
	u32 step = 0;

	while (pool->nr_quarantined &&
	       pool->pages[pool->oldest].generation <= generation) {
		u32 page = pool->oldest;

		if (step++ == VMEM_POOL_STEP)
			return true;
		pool->oldest = pool->pages[page].next;
		if (pool->oldest == VMEM_POOL_NONE)
			pool->newest = VMEM_POOL_NONE;
		pool->nr_quarantined--;
		vmem_pool_release(pool, page);
	}
	return false;
}

/**
 * vmem_pool_oldest_generation() - the oldest one in quarantine
 * @pool:	the pool
 *
 * Return: 0 when the quarantine is empty.
 */
static inline u64 vmem_pool_oldest_generation(const struct vmem_pool *pool)
{
	return pool->nr_quarantined ? pool->pages[pool->oldest].generation : 0;
}

#endif /* _VMEM_POOL_H */
