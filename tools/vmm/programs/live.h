/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The box: what programs/live.c and the test that runs it say to each other. It
 * is mapped at LIVE_BOX_VA in all spaces, and rdi says so.
 */
#ifndef _VMM_LIVE_H
#define _VMM_LIVE_H

#include "../ports.h"

#define LIVE_BOX_VA	0x10000000UL
#define LIVE_BOX_LEN	0x10000UL
#define LIVE_STACK_VA	0x11000000UL
#define LIVE_STACK_LEN	0x4000UL
#define LIVE_SYSTEM_VA	0x12000000UL
#define LIVE_WINDOW_VA	0x40000000UL	/* guest memory, where it is mapped */

#define LIVE_PROBES_MAX	800
#define LIVE_PAGES_MAX	64

#define LIVE_NO_FAULT	(~0ULL)

/* The word of a page that is read, and the one that is written. */
#define LIVE_READ_AT	8
#define LIVE_WRITE_AT	16

enum live_access { LIVE_READ, LIVE_WRITE, LIVE_EXEC };

enum live_op {
	LIVE_PROBE,	/* probes[0 to nr - 1] */
	LIVE_LOOP,	/* write pages until it is told to stop */
	LIVE_WRITES,	/* the same, a pass when it is told, and no look at leaves */
	LIVE_SCRIBBLE,	/* write tables until it is told to stop */
};

/**
 * struct live_probe - one access
 * @cr3:	the space
 * @va:		the page
 * @access:	enum live_access; of the page's word for it
 * @value:	to be written; out: what was read or returned
 * @vector:	out: of the fault, LIVE_NO_FAULT: there was none
 * @error:	out: of the fault
 * @cr2:	out: of the fault
 */
struct live_probe {
	__u64 cr3;
	__u64 va;
	__u64 access;
	__u64 value;
	__u64 vector;
	__u64 error;
	__u64 cr2;
};

/**
 * struct live_box - the box
 * @op:		what is to be done
 * @resume:	where a probe that faults goes on
 * @resume_exec: the same, where it was a call
 * @probing:	the probe under way, 0: none
 * @stop:	ends a loop
 * @rounds:	passes over all pages that a loop has made
 * @wrong:	0, or what the program saw that must not be
 * @wrong_va:	where
 * @wrong_want:	what it should have seen
 * @wrong_have:	what it saw
 * @levels:	of the tables
 * @nr_pages:	that a loop writes
 * @passes:	that LIVE_WRITES may make
 * @done:	passes that it has made
 * @delay:	turns that it waits before each write
 * @ask:	number of the question that probes[0] is, of a loop
 * @answered:	number of the last question that was answered
 * @seed:	of what is written to tables
 * @tables:	guest-physical address of the tables that are written
 * @nr_tables:	of these
 * @nr_places:	of places
 * @places:	physical addresses that entries are made of
 * @pages:	that a loop writes
 * @dirty:	the program saw D set for this page, and didn't clear it since
 * @nr:		probes
 * @probes:	these
 */
struct live_box {
	__u64 op;
	__u64 resume;
	__u64 resume_exec;
	__u64 probing;
	__u64 stop;
	__u64 rounds;
	__u64 wrong;
	__u64 wrong_va;
	__u64 wrong_want;
	__u64 wrong_have;
	__u64 levels;
	__u64 nr_pages;
	__u64 passes;
	__u64 done;
	__u64 delay;
	__u64 ask;
	__u64 answered;
	__u64 seed;
	__u64 tables;
	__u64 nr_tables;
	__u64 nr_places;
	__u64 places[LIVE_PAGES_MAX];
	__u64 pages[LIVE_PAGES_MAX];
	__u64 dirty[LIVE_PAGES_MAX];
	__u64 nr;
	struct live_probe probes[LIVE_PROBES_MAX];
};

_Static_assert(sizeof(struct live_box) <= LIVE_BOX_LEN, "the box");

enum live_wrong {
	LIVE_WRONG_VALUE = 1,	/* not what was written a moment ago */
	LIVE_WRONG_ENTRY,	/* mapped, written, and D isn't set */
};

#endif /* _VMM_LIVE_H */
