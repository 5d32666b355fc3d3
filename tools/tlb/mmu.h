/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the MMUs of several vCPUs remember, which is all that they may: Intel
 * SDM volume 3A, "Caching Translation Information". Under each PCID, leaves and
 * entries of paging-structure caches are kept until they are invalidated. Any
 * number for one address, since an MMU may have several places to keep them. A
 * larger leaf is kept whole, and as smaller pages, which are forgotten one by one.
 */
#ifndef TLB_MMU_H
#define TLB_MMU_H

#include "world.h"

#define NR_VCPUS	3		/* the last one has 5 levels */
#define NR_PCIDS	4
#define NR_CACHES	(NR_VCPUS * NR_PCIDS)
#define CACHE_MAX	16384

#define MMU_W		(1 << 0)	/* over the path */
#define MMU_X		(1 << 1)
#define MMU_U		(1 << 2)
#define MMU_RIGHTS	7
#define MMU_G		(1 << 3)	/* of the leaf, and so on */
#define MMU_PWT		(1 << 4)
#define MMU_PCD		(1 << 5)
#define MMU_PAT		(1 << 6)
#define MMU_KEY_SHIFT	8

enum mmu_kind {
	MMU_NONE,
	MMU_TABLE,
	MMU_LEAF,
};

struct item {
	__u64 va;		/* the first that it translates */
	__u64 gpa;		/* of the page, or of the table */
	__u32 attrs;
	__u32 stamp;		/* when it was remembered */
	__u8 level;		/* of the table that holds the entry */
	__u8 kind;
	__u8 piece;		/* one page of a larger leaf */
	__u8 edge;		/* the guest named a page of a pool on the way */
};

/* What is remembered under one PCID of a vCPU. */
struct cache {
	int space;		/* its index, -1: none runs there */
	__u64 cr3;
	unsigned int nr;
	struct item items[CACHE_MAX];
	unsigned short hash[2 * CACHE_MAX];
};

/* Faults that are planted, to see that they are found. */
enum fault {
	FAULT_NONE,
	FAULT_RANGE_NONE,	/* a range isn't flushed */
	FAULT_ALL_RANGE,	/* of everything, only what the call was given */
	FAULT_STRUCTURES,	/* paging-structure caches aren't flushed */
	FAULT_ONE_PCID,		/* a range is flushed under one PCID of each vCPU */
	FAULT_ONE_VCPU,		/* it is flushed on one vCPU */
	FAULT_GLOBAL,		/* global pages outlive a flush of everything */
	FAULT_RANGE_GLOBAL,	/* and those of a range one of it, as by INVPCID */
	FAULT_FLUSHED,		/* FLUSHED comes before the flush */
	FAULT_ROOT,		/* a root that moved isn't loaded */
	FAULT_LARGE,		/* larger leaves outlive the flush of a range */
	FAULT_PIECES,		/* of a larger leaf, what the call was given is flushed */
	NR_FAULTS,
};

extern enum fault fault;
extern __u32 mmu_stamp;		/* of what is remembered from now on */
extern unsigned long mmu_full;	/* caches that had no room left */
extern struct cache caches[NR_CACHES];

enum mmu_kind mmu_look(__u64 entry, unsigned int level, __u64 *gpa, __u32 *attrs);

void mmu_reset(void);
void mmu_enter(int space);
void mmu_load(int space);
void mmu_leave(int space);
bool mmu_runs(int space);
/* Walk wherever the roots and the paging-structure caches lead. */
void mmu_fill(void);
void mmu_flush_range(int space, __u64 start, __u64 last);
void mmu_flush_all(void);
/* The same, whatever fault is planted. */
void mmu_forget(void);
/* Is it no more what the tables say? @now: that, down to the same level. */
bool mmu_stale(const struct cache *cache, const struct item *item,
	       struct item *now);
/* A page that is remembered as a table, from before @stamp; NULL: none is. */
const struct item *mmu_remembers(const bool *pages, __u32 stamp,
				 const struct cache **cache);
/* Forget those whose stamp is 0. */
void mmu_drop(struct cache *cache);

#endif /* TLB_MMU_H */
