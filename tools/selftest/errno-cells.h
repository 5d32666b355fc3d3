/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table call x errno: what its two halves share.
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

extern const struct cell cells[], odd_cells[];
extern const size_t nr_cells, nr_odd_cells;

#endif
