/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What walks and changes keep from one call to the next, and nobody else looks at.
 * Part of vmem.h.
 */
#include "vmem.h"

#ifndef _VMEM_STATE_H
#define _VMEM_STATE_H

#include "ops.h"

/* What is being gathered, to become a record when it can't grow. */
struct vmem_run {
	vmem_virt_t va;
	vmem_phys_t gpa;
	u64 len;		/* 0: nothing */
	u64 entry;
	u64 expect;		/* the entry that would make it longer, 0: none */
	u32 path;
	u32 type;		/* of the record: mapping, hole, nonpresent */
	u16 leaf;
	u16 effective;
	u8 level;
	u8 flags;		/* of the record */
	bool part;		/* one leaf, which is memory in part */
};

/* Where a change is in its two passes. */
enum vmem_phase {
	VMEM_PHASE_BEGIN,	/* the next mapping, or with ATOMIC the list */
	VMEM_PHASE_CHECK,	/* pass 1: read all of it */
	VMEM_PHASE_RESERVE,	/* and reach what was reserved */
	VMEM_PHASE_APPLY,	/* pass 2 */
	VMEM_PHASE_SWEEP,	/* ATOMIC: free the tables that were left empty */
	VMEM_PHASE_DONE,
};

/* A pass under way. */
struct vmem_pass {
	enum vmem_phase phase;
	u32 item;		/* in hand: of @order in pass 1, else of @list */
	u64 offset;		/* into it */
	u64 visited;		/* tables, by this pass */
	u64 spare;		/* it may visit beside the budget */
	u32 number;		/* of pass 1 */
	u32 waits;		/* pauses, so that another call gets on */
	u64 leaf[VMEM_LEVELS_MAX]; /* of the first entry, when others are; 0: unknown */
	u8 low;			/* tables of this level and above were visited */
	u8 keeps;		/* bit n: the table of level n won't be empty, or a leaf */
	u8 recounts;		/* since VMEM_PHASE_BEGIN, for want of a table or mark */
};

/* What pass 2 will need, as pass 1 counts it. */
struct vmem_need {
	u64 tables;
	u64 links;		/* records of links */
	u64 touched;		/* of the tables that were set aside */
	struct vmem_pool_page *page; /* the next of them */
	u64 counted[VMEM_LEVELS_MAX]; /* last span counted a level: missing */
	u64 moved[VMEM_LEVELS_MAX];   /* and the last one whose table moves */
	u32 counted_path;	/* permissions of the entries that name them */
	u8 counted_given;	/* bit n: those were given */
	u8 counting;		/* bit n: counted[n] holds */
	u8 moving;		/* bit n: moved[n] holds */
};

#endif /* _VMEM_STATE_H */
