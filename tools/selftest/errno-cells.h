/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table call x errno: what its parts share.
 */
#ifndef SELFTEST_ERRNO_CELLS_H
#define SELFTEST_ERRNO_CELLS_H

#include "calls.h"

/**
 * struct cell - one way to meet an errno in a call
 * @call:	the call
 * @err:	the errno that it must answer
 * @name:	what is wrong
 * @set:	makes one thing wrong: a field, or the guest's state
 * @flags:	CELL_*
 */
struct cell {
	enum call call;
	int err;
	const char *name;
	void (*set)(struct fixture *fx, struct args *args);
	unsigned int flags;
};

#define CELL_RUNS	(1 << 0) /* @set makes the calls and compares itself */
#define CELL_READ_VIEW	(1 << 1) /* by a descriptor that may only read */
#define CELL_BLIND_VIEW	(1 << 2) /* by a descriptor without a right */

extern const struct cell cells[], change_cells[], size_cells[], odd_cells[], busy_cells[];
extern const size_t nr_cells, nr_change_cells, nr_size_cells, nr_odd_cells, nr_busy_cells;

#define NO_ID		0xfffffff0U
#define NON_CANONICAL	0x800000000000ULL

/* An expression that makes a field wrong, as a function. */
#define SET(name, ...)							\
	static void name(struct fixture *fx, struct args *args)	\
	{								\
		__VA_ARGS__;						\
	}

/* A pool of its own at FX_TINY, and what lies there for the host. */
u32 tiny_pool(struct fixture *fx, u64 pages);
u8 *tiny_host(struct fixture *fx);
/* A new space of it with FX_VA, a page; one that moves, whose four tables are frozen. */
u32 space_of(struct fixture *fx, u32 pool);
u32 movable_of(struct fixture *fx, u32 pool);
/* The only space, of a vCPU that can't reach the pages of its pool. */
u32 only_narrow(struct fixture *fx, u32 flags, u64 root);
/* The table of leaves of owner is also at FX_VA_FREE in space. */
void share(struct fixture *fx);
/* The frozen tables of movable and in_frozen have a table full of leaves at FX_VA. */
void full_tables(struct fixture *fx);
/* A space of @pool with a leaf of 2 MiB at FX_VA, in three tables. */
u32 large_in(struct fixture *fx, u32 pool);
/* The page at FX_TINY is poisoned. */
void poison(struct fixture *fx);
/* The call, where what holds the next table can't be seen in a picture. */
void without_memory(struct fixture *fx, enum call call, struct args *args,
		    int err);
/* The same struct in memory for reading only. */
struct args *readonly_copy(const struct args *args);

#endif
