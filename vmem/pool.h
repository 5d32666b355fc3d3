/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tables of ours: which pages of a pool are free, set aside, in use or in
 * quarantine. All of it, and who links to them (records.h), is kept outside guest
 * memory, in storage that the caller lends, and nothing of it is ever read from
 * guest memory.
 *
 * Free pages are taken lowest address first, so that the same calls build the
 * same bytes everywhere.
 *
 * What a change calls once a table is noinline, so that there is one copy of it.
 *
 * Context of every function: the caller lets one at a time in.
 */
#include "vmem.h"

#ifndef _VMEM_POOL_H
#define _VMEM_POOL_H

#include <linux/minmax.h>
#include <linux/string.h>

#include "ops.h"

#define VMEM_POOL_NONE		U32_MAX
#define VMEM_POOL_CAPACITY_MAX	BIT(20)	/* 4 GiB: bounds the scans */
#define VMEM_POOL_STEP		1024	/* pages, or links, in one go */
#define VMEM_POOL_BUCKETS_MAX	BIT(26)

enum vmem_pool_state {
	VMEM_POOL_FREE,
	VMEM_POOL_RESERVED,
	VMEM_POOL_USED,
	VMEM_POOL_QUARANTINED,
};

/**
 * struct vmem_link - an entry, written by vmem, that names a table of a pool
 * @next:	in the same bucket
 * @below:	of the same parent, or for all that are no pages of the pool together
 * @back:	what points to it among those
 * @parent:	the table whose entry it is
 * @page:	of the pool, that it names
 * @pass:	the first pass that marked it last
 * @slot:	index of the entry
 * @marks:	bit n: what that pass marked it for
 */
struct vmem_link {
	struct vmem_link *next;
	struct vmem_link *below;
	struct vmem_link **back;
	vmem_table_t parent;
	u32 page;
	u32 pass;
	u16 slot;
	u8 marks;
};

/**
 * struct vmem_root - a table that spaces have for a root
 * @next:	of the guest's, or of those that are spare
 * @table:	the root
 * @pool:	whose page it is, NULL: of none
 * @spaces:	how many have it
 */
struct vmem_root {
	struct vmem_root *next;
	vmem_table_t table;
	struct vmem_pool *pool;
	u32 spaces;
};

/**
 * struct vmem_link_store - what the pools of a guest have in common
 * @spare:	records that the caller lent, and that are of no link
 * @nr:		of them that are not set aside
 * @roots:	of all spaces
 * @spare_roots: those that the caller lent, one a space, and that no space needs
 * @facts:	what all spaces that have a pool agree in, see vmem_link_admit()
 */
struct vmem_link_store {
	struct vmem_link *spare;
	u64 nr;
	struct vmem_root *roots;
	struct vmem_root *spare_roots;
	struct vmem_facts facts;
};

/* A page of a pool. */
struct vmem_pool_page {
	struct vmem_link first;
	struct vmem_link *below; /* links whose parent it is */
	u64 generation;		/* quarantined: of the change that freed it */
	u32 next;		/* in the reservation, in the quarantine, dropped */
	u32 nr_links;		/* records and spaces; 0: not in use, or dropped */
	u32 pass;		/* the first pass that marked links last */
	u16 nr_marked[VMEM_NR_MARKS]; /* so many */
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
	u32 oldest;		/* of the quarantine, unless that is empty */
	u32 newest;
	u32 passes;		/* that marked links */
	u32 dropped;		/* tables without a link, below which some hang */
	u32 nr_hashed;		/* links in all */
	u32 wanted;		/* buckets, see vmem_pool_grow() */
	u32 mask;		/* of the number of a bucket */
	u32 old_mask;		/* the same of @old */
	u32 moved;		/* of those, as many as were emptied */
	u64 seed;
	vmem_table_t parent;	/* that was asked for last */
	u32 parent_page;	/* its page, if it is of this pool */
	u32 parent_bucket;	/* and the bucket of its first slot */
	u64 *free;		/* a bit a page */
	struct vmem_link **buckets;
	struct vmem_link **old;	/* that there were before */
	struct vmem_link *foreign; /* links whose parent is no page of this pool */
	struct vmem_pool_page *pages;
};

/*
 * What is set aside for a call: pages, in the order in which they will be
 * taken, and records of links. And how its first pass marks links. The caller
 * zeroes it.
 */
struct vmem_reservation {
	u32 first;		/* of @nr pages, a list by their @next */
	u32 last;
	u32 nr;
	u64 links;
	u32 at;			/* the last one asked for: its number; U32_MAX: none */
	u32 at_page;		/* and its page */
	u32 pass;		/* a number that no other has; 0: none yet */
	u32 check;		/* the call's own number for that pass */
};

/**
 * struct vmem_pages - where a change has its tables from
 * @pool:	of the space
 * @res:	what the call has set aside
 */
struct vmem_pages {
	struct vmem_pool *pool;
	struct vmem_reservation res;
};

static inline u64 vmem_pool_words(u64 capacity)
{
	return (capacity + 63) / 64;
}

/* Buckets for so many links of a pool: a power of two. */
static inline u64 vmem_pool_buckets(u64 links)
{
	u64 nr = 1;

	while (nr < links && nr < VMEM_POOL_BUCKETS_MAX)
		nr *= 2;
	return nr;
}

/* Those that are a part of the storage of a pool. */
static inline struct vmem_link **vmem_pool_first_buckets(const struct vmem_pool *pool)
{
	return (struct vmem_link **)(pool->free + vmem_pool_words(pool->capacity));
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
	       vmem_pool_words(capacity) * sizeof(u64) +
	       vmem_pool_buckets(capacity) * sizeof(struct vmem_link *);
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
 * @seed:	a secret: guests choose where their tables lie
 */
static inline void vmem_pool_init(struct vmem_pool *pool,
				  struct vmem_pool_range *ranges, u32 nr_ranges,
				  u32 table_lg2, struct vmem_link_store *store,
				  void *storage, u64 seed)
{
	u32 i, capacity = 0;

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
		.dropped	= VMEM_POOL_NONE,
		.moved		= 1,
		.parent		= VMEM_NO_TABLE,
		.parent_page	= VMEM_POOL_NONE,
		.mask		= vmem_pool_buckets(capacity) - 1,
		.seed		= seed,
		.pages		= storage,
	};
	pool->free = (u64 *)(pool->pages + capacity);
	pool->buckets = vmem_pool_first_buckets(pool);
	memset(pool->free, 0xff, vmem_pool_words(capacity) * sizeof(u64));
	if (capacity % 64)
		pool->free[capacity / 64] = BIT_ULL(capacity % 64) - 1;
}

/*
 * The last range that begins at or below @at, an address, or with @by_page, which is
 * a constant, the index of a page; the first one when none does.
 */
static __always_inline const struct vmem_pool_range *
vmem_pool_range_from(const struct vmem_pool_range *ranges, u32 nr, u64 at, bool by_page)
{
	u32 low = 0, high = nr;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (at < (by_page ? ranges[middle].first : ranges[middle].gpa))
			high = middle;
		else
			low = middle;
	}
	return &ranges[low];
}

/* The range of these, at least one, in which @gpa lies; NULL when it is none. */
static __always_inline const struct vmem_pool_range *
vmem_pool_range_of(const struct vmem_pool_range *ranges, u32 nr, vmem_phys_t gpa)
{
	const struct vmem_pool_range *range;

	range = vmem_pool_range_from(ranges, nr, gpa, false);
	/* of one that begins above, the difference wraps */
	return gpa - range->gpa < range->len ? range : NULL;
}

/* The page of @table, VMEM_POOL_NONE when it is none of this pool. */
static __always_inline u32 vmem_pool_search(const struct vmem_pool *pool,
					    vmem_table_t table)
{
	vmem_phys_t gpa = vmem_table_gpa(table);
	const struct vmem_pool_range *range;

	range = vmem_pool_range_of(pool->ranges, pool->nr_ranges, gpa);
	return range ? range->first + (u32)((gpa - range->gpa) >> pool->table_lg2) :
		       VMEM_POOL_NONE;
}

/* The same; one copy of it. */
static noinline u32 vmem_pool_find(const struct vmem_pool *pool, vmem_table_t table)
{
	return vmem_pool_search(pool, table);
}

static inline vmem_table_t vmem_pool_table(const struct vmem_pool *pool, u32 page)
{
	const struct vmem_pool_range *range;

	range = vmem_pool_range_from(pool->ranges, pool->nr_ranges, page, true);
	return vmem_table(range->gpa + ((u64)(page - range->first) << pool->table_lg2));
}

static inline void vmem_pool_release(struct vmem_pool *pool, u32 page)
{
	VMEM_ASSERT(pool->pages[page].state != VMEM_POOL_FREE);
	pool->pages[page].state = VMEM_POOL_FREE;
	pool->free[page / 64] |= BIT_ULL(page % 64);
	if (page / 64 < pool->hint)
		pool->hint = page / 64;
	pool->nr_free++;
}

static inline void vmem_pool_quarantine(struct vmem_pool *pool, u32 page)
{
	struct vmem_pool_page *desc = &pool->pages[page];

	VMEM_ASSERT(!desc->nr_links && !desc->below);
	VMEM_ASSERT(!pool->nr_quarantined ||
		    pool->pages[pool->newest].generation <= pool->generation);
	desc->state = VMEM_POOL_QUARANTINED;
	desc->generation = pool->generation;
	if (pool->nr_quarantined++)
		pool->pages[pool->newest].next = page;
	else
		pool->oldest = page;
	pool->newest = page;
	pool->nr_used--;
}

/* A table has one link more, or one space more that has it for a root. */
static inline void vmem_pool_count(struct vmem_pool *pool, u32 page)
{
	VMEM_ASSERT(pool->pages[page].state == VMEM_POOL_USED);
	if (++pool->pages[page].nr_links == 2)
		pool->nr_shared++;
}

/*
 * And one less. With the last one it goes: at once, or after what hangs below it,
 * see vmem_pool_drop_below(). Return: whether it does.
 */
static noinline bool vmem_pool_uncount(struct vmem_pool *pool, u32 page)
{
	struct vmem_pool_page *desc = &pool->pages[page];

	VMEM_ASSERT(desc->state == VMEM_POOL_USED && desc->nr_links);
	if (--desc->nr_links == 1)
		pool->nr_shared--;
	if (desc->nr_links)
		return false;
	if (!desc->below) {
		vmem_pool_quarantine(pool, page);
	} else {
		desc->next = pool->dropped;
		pool->dropped = page;
	}
	return true;
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
 * Return: 0; VMEM_PAUSE: call again; VMEM_LINKS: call again when as many records
 * were lent as it needs, and buckets if @pool->wanted isn't 0; -EAGAIN: there would
 * be enough if the quarantine were flushed; -EBUSY: if other calls gave back besides
 * what they have set aside; -ENOSPC. With an errno nothing changed.
 */
static noinline int vmem_pool_reserve(struct vmem_pool *pool,
				      struct vmem_reservation *res, u64 nr,
				      u64 links)
{
	u64 more = nr > res->nr ? nr - res->nr : 0, step, buckets;
	u64 lacking = vmem_pool_lacking(pool, res, nr);
	u32 others = pool->nr_reserved - res->nr, page;

	if (lacking)
		return lacking <= pool->nr_quarantined ? -EAGAIN :
		       lacking - pool->nr_quarantined <= others ? -EBUSY :
								  -ENOSPC;
	if (links > res->links) {
		buckets = vmem_pool_buckets(pool->nr_hashed + more + links -
					    res->links);
		pool->wanted = buckets > 2 * ((u64)pool->mask + 1) ? buckets : 0;
		if (pool->wanted || links - res->links > pool->store->nr)
			return VMEM_LINKS;
		pool->store->nr -= links - res->links;
		res->links = links;
	}

	for (step = min_t(u64, more, VMEM_POOL_STEP); step; step--) {
		while (!pool->free[pool->hint])
			pool->hint++;
		page = pool->hint * 64 + __builtin_ctzll(pool->free[pool->hint]);
		pool->free[pool->hint] &= pool->free[pool->hint] - 1;
		VMEM_ASSERT(pool->pages[page].state == VMEM_POOL_FREE);
		pool->pages[page].state = VMEM_POOL_RESERVED;
		if (res->nr++)
			pool->pages[res->last].next = page;
		else
			res->first = page;
		res->last = page;
		pool->nr_free--;
		pool->nr_reserved++;
	}
	VMEM_ASSERT(pool->nr_free + pool->nr_reserved + pool->nr_used +
		    pool->nr_quarantined == pool->capacity);
	res->at = U32_MAX;
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
					      struct vmem_reservation *res, u64 n)
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

	VMEM_ASSERT(res->nr && pool->pages[page].state == VMEM_POOL_RESERVED);
	res->first = pool->pages[page].next;
	res->at = U32_MAX;
	res->nr--;
	pool->nr_reserved--;
	return page;
}

static inline u32 vmem_pool_use(struct vmem_pool *pool,
				struct vmem_reservation *res,
				unsigned int level)
{
	u32 page = vmem_pool_pop(pool, res);

	pool->pages[page].first.parent = VMEM_NO_TABLE;
	pool->pages[page].state = VMEM_POOL_USED;
	pool->pages[page].level = level;
	pool->nr_used++;
	return page;
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
	*res = (struct vmem_reservation){};
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
		VMEM_ASSERT(pool->pages[page].state == VMEM_POOL_QUARANTINED);
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
