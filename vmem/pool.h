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
 * @marks:	bit n: what that pass, if there is one, marked it for
 */
struct vmem_link {
	struct vmem_link *next;
	struct vmem_link *below;
	struct vmem_link **back;
	vmem_table_t parent;
	struct vmem_pool_page *page;
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
 * @epoch:	another one when it may have changed whose a table is: the caller raises
 *		it where its owner() has reasons of its own
 */
struct vmem_link_store {
	struct vmem_link *spare;
	u64 nr;
	struct vmem_root *roots;
	struct vmem_root *spare_roots;
	struct vmem_facts facts;
	u64 epoch;
};

/* A page of a pool. */
struct vmem_pool_page {
	struct vmem_link first;
	struct vmem_link *below; /* links whose parent it is */
	struct vmem_pool_page *next; /* in the reservation, in the quarantine, dropped */
	vmem_table_t table;	/* where it lies, unless it is free */
	u64 generation;		/* quarantined: of the change that freed it */
	u32 nr_links;		/* records and spaces; 0: not in use, or dropped */
	u32 pass;		/* the first pass that marked links last */
	u16 nr_marked[VMEM_NR_MARKS]; /* so many */
	u8 state;
	u8 level;
};

/* Pages of a pool that lie together. */
struct vmem_pool_range {
	vmem_phys_t gpa;
	u64 len;
	struct vmem_pool_page *pages;
	u64 *free;		/* a bit a page */
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
	struct vmem_pool_range *ranges; /* by address */
	struct vmem_link_store *store;
	vmem_phys_t hint;	/* no page below this is free */
	struct vmem_pool_page *oldest; /* of the quarantine, unless that is empty */
	struct vmem_pool_page *newest;
	struct vmem_pool_page *dropped; /* tables without a link, below which some hang */
	u32 nr_ranges;
	u32 table_lg2;
	u32 passes;		/* that marked links */
	u32 nr_hashed;		/* links in all */
	u32 wanted;		/* buckets, see vmem_buckets_lend() */
	u32 mask;		/* of the number of a bucket */
	u32 old_mask;		/* the same of @old */
	u32 moved;		/* of those, as many as were emptied */
	u64 seed;
	vmem_table_t parent;	/* that was asked for last */
	struct vmem_pool_page *parent_page; /* its page, if it is of this pool */
	u32 parent_bucket;	/* and the bucket of its first slot */
	struct vmem_link **buckets;
	struct vmem_link **old;	/* that there were before */
	struct vmem_link *foreign; /* links whose parent is no page of this pool */
};

/*
 * What is set aside for a call: pages, in the order in which they will be
 * taken, and records of links. And how its first pass marks links. The caller
 * zeroes it.
 */
struct vmem_reservation {
	struct vmem_pool_page *first; /* of @nr pages, a list by their @next */
	struct vmem_pool_page *last;
	u32 nr;
	u64 links;
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

/* Buckets for so many links of a pool: a power of two. */
static inline u64 vmem_pool_buckets(u64 links)
{
	u64 nr = 1;

	while (nr < links && nr < VMEM_POOL_BUCKETS_MAX)
		nr *= 2;
	return nr;
}

/* How many a pool lacks for so many links; 0: none, or it isn't worth while. */
static inline u32 vmem_pool_wanted(const struct vmem_pool *pool, u64 links)
{
	u64 buckets = vmem_pool_buckets(links);

	return buckets > 2 * ((u64)pool->mask + 1) ? buckets : 0;
}

/**
 * vmem_pool_bytes() - storage that a range of a pool needs
 * @nr:		pages; those of a pool together are at most VMEM_POOL_CAPACITY_MAX
 *
 * Return: bytes, to be aligned to 8 and zeroed.
 */
static inline u64 vmem_pool_bytes(u64 nr)
{
	return nr * sizeof(struct vmem_pool_page) + (nr + 63) / 64 * sizeof(u64);
}

/**
 * vmem_pool_init() - a pool without a page
 * @pool:	filled in
 * @ranges:	room for all that it will have; it stays with the pool
 * @table_lg2:	lg2 of the bytes of a table
 * @store:	of the guest, zeroed before its first pool
 * @buckets:	zeroes, which stay with the pool until vmem_buckets_take_back()
 * @nr_buckets:	vmem_pool_buckets() of the pages that it will have at first
 * @seed:	a secret: guests choose where their tables lie
 */
static inline void vmem_pool_init(struct vmem_pool *pool,
				  struct vmem_pool_range *ranges, u32 table_lg2,
				  struct vmem_link_store *store,
				  struct vmem_link **buckets, u32 nr_buckets, u64 seed)
{
	*pool = (struct vmem_pool){
		.store		= store,
		.ranges		= ranges,
		.table_lg2	= table_lg2,
		.hint		= U64_MAX,
		.moved		= 1,
		.parent		= VMEM_NO_TABLE,
		.buckets	= buckets,
		.mask		= nr_buckets - 1,
		.seed		= seed,
	};
}

/**
 * vmem_pool_add() - a pool has a range more, of free pages
 * @pool:	the pool
 * @gpa:	of the first page
 * @len:	bytes; both are multiples of a table's size, and the range is apart from
 *		the pool's others
 * @storage:	vmem_pool_bytes() of zeroes; it stays with the pool, as @pages of the
 *		range
 *
 * No link may have a parent that lies there: vmem_pool_drop_foreign().
 */
static inline void vmem_pool_add(struct vmem_pool *pool, vmem_phys_t gpa, u64 len,
				 void *storage)
{
	u32 nr = len >> pool->table_lg2;
	struct vmem_pool_range *range;

	range = &pool->ranges[pool->nr_ranges++];
	for (; range > pool->ranges && range[-1].gpa > gpa; range--)
		*range = range[-1];
	*range = (struct vmem_pool_range){ .gpa = gpa, .len = len, .pages = storage };
	range->free = (u64 *)(range->pages + nr);
	memset(range->free, 0xff, (nr + 63) / 64 * sizeof(u64));
	if (nr % 64)
		range->free[nr / 64] = BIT_ULL(nr % 64) - 1;
	pool->capacity += nr;
	pool->nr_free += nr;
	pool->hint = min(pool->hint, gpa);
	pool->parent = VMEM_NO_TABLE;
	pool->store->epoch++;
}

/* The last range that begins at or below @gpa; the first one when none does. */
static __always_inline const struct vmem_pool_range *
vmem_pool_range_from(const struct vmem_pool_range *ranges, u32 nr, vmem_phys_t gpa)
{
	u32 low = 0, high = nr;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (gpa < ranges[middle].gpa)
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
	const struct vmem_pool_range *range = vmem_pool_range_from(ranges, nr, gpa);

	/* of one that begins above, the difference wraps */
	return gpa - range->gpa < range->len ? range : NULL;
}

/* The page of @table, NULL when it is none of this pool. */
static __always_inline struct vmem_pool_page *
vmem_pool_search(const struct vmem_pool *pool, vmem_table_t table)
{
	vmem_phys_t gpa = vmem_table_gpa(table);
	const struct vmem_pool_range *range;

	range = vmem_pool_range_of(pool->ranges, pool->nr_ranges, gpa);
	return range ? &range->pages[(gpa - range->gpa) >> pool->table_lg2] : NULL;
}

/* The same; one copy of it. */
static noinline struct vmem_pool_page *vmem_pool_find(const struct vmem_pool *pool,
						      vmem_table_t table)
{
	return vmem_pool_search(pool, table);
}

static inline void vmem_pool_release(struct vmem_pool *pool, struct vmem_pool_page *page)
{
	vmem_phys_t gpa = vmem_table_gpa(page->table);
	const struct vmem_pool_range *range =
		vmem_pool_range_from(pool->ranges, pool->nr_ranges, gpa);
	u32 n = page - range->pages;

	VMEM_ASSERT(page->state != VMEM_POOL_FREE);
	page->state = VMEM_POOL_FREE;
	range->free[n / 64] |= BIT_ULL(n % 64);
	pool->hint = min(pool->hint, gpa);
	pool->nr_free++;
}

static inline void vmem_pool_quarantine(struct vmem_pool *pool,
					struct vmem_pool_page *page)
{
	VMEM_ASSERT(!page->nr_links && !page->below);
	VMEM_ASSERT(!pool->nr_quarantined ||
		    pool->newest->generation <= pool->generation);
	page->state = VMEM_POOL_QUARANTINED;
	page->generation = pool->generation;
	if (pool->nr_quarantined++)
		pool->newest->next = page;
	else
		pool->oldest = page;
	pool->newest = page;
	pool->nr_used--;
}

/* A table has one link more, or one space more that has it for a root. */
static inline void vmem_pool_count(struct vmem_pool *pool, struct vmem_pool_page *page)
{
	VMEM_ASSERT(page->state == VMEM_POOL_USED);
	pool->store->epoch++;
	if (++page->nr_links == 2)
		pool->nr_shared++;
}

/*
 * And one less. With the last one it goes: at once, or after what hangs below it,
 * see vmem_pool_drop_below(). Return: whether it does.
 */
static noinline bool vmem_pool_uncount(struct vmem_pool *pool,
				       struct vmem_pool_page *page)
{
	VMEM_ASSERT(page->state == VMEM_POOL_USED && page->nr_links);
	pool->store->epoch++;
	if (--page->nr_links == 1)
		pool->nr_shared--;
	if (page->nr_links)
		return false;
	if (!page->below) {
		vmem_pool_quarantine(pool, page);
	} else {
		page->next = pool->dropped;
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
	u64 more = nr > res->nr ? nr - res->nr : 0, step, word, n;
	u64 lacking = vmem_pool_lacking(pool, res, nr);
	u32 others = pool->nr_reserved - res->nr;
	const struct vmem_pool_range *range;
	struct vmem_pool_page *page, **at = res->nr ? &res->last->next : &res->first;

	if (lacking)
		return lacking <= pool->nr_quarantined ? -EAGAIN :
		       lacking - pool->nr_quarantined <= others ? -EBUSY :
								  -ENOSPC;
	if (links > res->links) {
		pool->wanted = vmem_pool_wanted(pool, pool->nr_hashed + more + links -
						      res->links);
		if (pool->wanted || links - res->links > pool->store->nr)
			return VMEM_LINKS;
		pool->store->nr -= links - res->links;
		res->links = links;
	}

	range = vmem_pool_range_from(pool->ranges, pool->nr_ranges, pool->hint);
	word = (pool->hint - range->gpa) >> pool->table_lg2 >> 6;
	step = min_t(u64, more, VMEM_POOL_STEP);
	pool->nr_free -= step;
	pool->nr_reserved += step;
	for (res->nr += step; step; step--, at = &page->next) {
		/* the lowest page that is free */
		while (!range->free[word]) {
			if (++word << 6 << pool->table_lg2 < range->len)
				continue;
			range++;
			word = 0;
		}
		n = word * 64 + __builtin_ctzll(range->free[word]);
		range->free[word] &= range->free[word] - 1;
		page = &range->pages[n];
		VMEM_ASSERT(page->state == VMEM_POOL_FREE);
		page->state = VMEM_POOL_RESERVED;
		page->table = vmem_table(range->gpa + (n << pool->table_lg2));
		*at = page;
		res->last = page;
	}
	if (more)
		pool->hint = vmem_table_gpa(res->last->table);
	VMEM_ASSERT(pool->nr_free + pool->nr_reserved + pool->nr_used +
		    pool->nr_quarantined == pool->capacity);
	return more > VMEM_POOL_STEP ? VMEM_PAUSE : 0;
}

static inline struct vmem_pool_page *vmem_pool_pop(struct vmem_pool *pool,
						   struct vmem_reservation *res)
{
	struct vmem_pool_page *page = res->first;

	VMEM_ASSERT(res->nr && page->state == VMEM_POOL_RESERVED);
	res->first = page->next;
	res->nr--;
	pool->nr_reserved--;
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
	/* what is next marks anew */
	res->pass = 0;
	res->check = 0;
	return res->nr;
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

	while (pool->nr_quarantined && pool->oldest->generation <= generation) {
		struct vmem_pool_page *page = pool->oldest;

		if (step++ == VMEM_POOL_STEP)
			return true;
		pool->oldest = page->next;
		VMEM_ASSERT(page->state == VMEM_POOL_QUARANTINED);
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
	return pool->nr_quarantined ? pool->oldest->generation : 0;
}

#endif /* _VMEM_POOL_H */
