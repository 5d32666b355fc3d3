/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The world of the emulated TLB: a guest's memory, its spaces, the vCPUs that
 * run in them, and who wrote what. There is one world at a time.
 */
#ifndef TLB_WORLD_H
#define TLB_WORLD_H

#include <linux/vmem.h>
#include <stdbool.h>

#include "libvmem.h"

#define PAGE		4096UL
#define NR_ENTRIES	512
#define NR_LEVELS	5

/* Pages of memory: data, both pools, tables of the guest's own, data. */
#define NR_PAGES	256
#define FIRST_POOL	48
#define POOL_PAGES	48		/* at most, each */
#define NR_POOLS	2
#define OPEN_TABLES	(FIRST_POOL + NR_POOLS * POOL_PAGES)
#define HAND_TABLES	40		/* the guest's own, in each of two areas */
#define FROZEN_TABLES	(OPEN_TABLES + HAND_TABLES)
#define FROZEN_END	(FROZEN_TABLES + HAND_TABLES)
#define MEMORY_LEN	(NR_PAGES * PAGE)
#define NR_WORDS	(NR_PAGES * NR_ENTRIES)

#define NR_SPACES	6
#define NR_MAPPED	8

/* What the guest itself does with its tables. */
enum habits {
	QUIET,			/* it has none: all tables are vmem's own */
	TIDY,			/* it keeps to its own */
	WILD,			/* it writes into vmem's too */
	NR_HABITS,
};

struct space {
	__u32 id;		/* 0: none */
	__u32 levels;
	int pool;		/* -1: none */
	__u64 root;
	__u64 mapped[NR_MAPPED];	/* where it has something, perhaps */
};

struct world {
	struct vmem_guest *guest;
	__u64 *memory;
	__u32 frozen_region;
	bool frozen;
	enum habits habits;
	__u32 flags;		/* of all spaces with a pool */
	__u32 phys_bits;
	__u64 reserved;		/* bits that no present entry has */
	__u64 addr;		/* bits of an address */
	__u32 pools[NR_POOLS];
	unsigned int pool_pages[NR_POOLS];
	struct space spaces[NR_SPACES];
	__u64 generation;	/* the newest one told */
	__u64 flushed;		/* the newest one told before the last full flush */
};

extern struct world world;

/* What is to be told of a failure. */
extern char doing[1024];
void failed(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void chances_from(unsigned long seed);
unsigned long chance(unsigned long below);

static inline unsigned int level_lg2(unsigned int level)
{
	return 12 + 9 * level;
}

static inline __u64 level_mask(unsigned int level)
{
	return (1ULL << level_lg2(level)) - 1;
}

static inline unsigned int va_index(__u64 va, unsigned int level)
{
	return va >> level_lg2(level) & (NR_ENTRIES - 1);
}

/* The words of a table, NULL where there is no memory. */
static inline __u64 *world_table(__u64 gpa)
{
	return gpa < MEMORY_LEN ? &world.memory[gpa / PAGE * NR_ENTRIES] : NULL;
}

/* The pool that a page is of, -1: none. */
static inline int world_pool(__u64 gpa)
{
	unsigned long page = gpa / PAGE - FIRST_POOL;
	unsigned long at = page / POOL_PAGES;

	if (gpa / PAGE < FIRST_POOL || at >= NR_POOLS)
		return -1;
	return page % POOL_PAGES < world.pool_pages[at] ? (int)at : -1;
}

void world_begin(unsigned long seed);
void world_end(void);

/* Who wrote the entries: is this one, which names a page of a pool, the guest's? */
bool world_by_guest(const __u64 *word);
void world_guest_write(__u64 *word, __u64 entry);

/*
 * How many words a call changed. Of word @n, which had been @was, world_changed()
 * returns the place.
 */
unsigned int world_after(void);
__u64 *world_changed(unsigned int n, __u64 *was);

/* By what paths a space's root leads to a table. */
#define REACHED_OWN	(1 << 0)	/* all tables are vmem's own, and it is */
#define REACHED_FOREIGN	(1 << 1)	/* some are the guest's, or it is */
#define REACHED_EDGE	(1 << 2)	/* the guest named a page of a pool there */

struct survey {
	unsigned char reached[NR_SPACES][NR_PAGES];
	unsigned int places[NR_PAGES];	/* in all spaces together */
	unsigned int visits;
	bool whole;			/* all places were seen */
};

void world_survey(struct survey *survey);
/* Has each table of the range only this place? */
bool world_alone(const struct survey *survey, int space, __u64 start, __u64 last);

/* Random addresses, tables and changes of the guest's own */
__u64 some_va(void);
__u64 some_len(void);
__u64 some_gpa(void);
__u64 some_large(unsigned int level);	/* of a larger page, in no memory */
__u64 hand_table(unsigned int level);
const char *guest_change(void);

#endif /* TLB_WORLD_H */
