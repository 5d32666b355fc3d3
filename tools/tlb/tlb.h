/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Before and after each call: what vCPUs do meanwhile, and whether they then
 * forget all that they have to.
 */
#ifndef TLB_TLB_H
#define TLB_TLB_H

#include "mmu.h"

/* A call under way. */
struct call {
	int space;		/* its index */
	bool alone;		/* said with the call */
	bool splits;		/* and that it may split */
	bool adopts;		/* tables may be reached that were in use before */
	bool ends;		/* the space ends */
	__u64 start;		/* what was asked for */
	__u64 last;
};

/* What was met, in all worlds. */
struct met {
	unsigned long calls;
	unsigned long refused;
	unsigned long errnos[256];
	unsigned long flush[3];		/* by VMEM_IOC_FLUSH_* */
	unsigned long alone;		/* RANGE that is ALL without ALONE */
	unsigned long moved, freed, unshared, linked, mapped, unmapped, protected;
	unsigned long sizes, split, promoted, widened, made, copied;
	unsigned long destroyed, adopted, frozen;
	unsigned long guest;		/* changes of its own */
	unsigned long later;		/* flushes that came after another call */
	unsigned long stores;		/* walks between two stores of a call */
	unsigned long items;		/* compared with the tables */
	unsigned long stale;		/* of them to be forgotten, before the flush */
	unsigned long edges;		/* stale by what the guest itself named */
	/* ALL where all tables were vmem's own, and where RANGE would have done */
	unsigned long all[3], range[3];
};

extern struct met met;
extern struct survey survey;	/* as it is before a call */

void tlb_setup(void);
void tlb_begin(void);
void tlb_end(const struct call *call, int ret, const struct vmem_ioc_change *c);
void tlb_guest(void);
/* Flush what is still to be flushed. */
void tlb_settle(void);
/* All vCPUs flush everything, as they may at any time. */
void tlb_forget(void);

void one_call(void);

#endif /* TLB_TLB_H */
