/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `failnth` share.
 */
#ifndef SELFTEST_FAILNTH_H
#define SELFTEST_FAILNTH_H

#include "calls.h"
#include "ktap.h"

/**
 * struct trial - what is tried
 * @name:	for people
 * @call:	the call
 * @set:	prepares, with nothing failing; may be NULL
 * @run:	instead of the call: 0 or -errno; may be NULL
 * @check:	what must hold afterwards, beside that nothing was changed when
 *		it was refused; may be NULL
 * @changes:	the change stays when only its answer can't be given
 */
struct trial {
	const char *name;
	enum call call;
	void (*set)(struct fixture *fx, struct args *args);
	int (*run)(struct fixture *fx, struct args *args);
	void (*check)(struct fixture *fx, struct args *args, int ret);
	bool changes;
};

/* The memory of the pool's next tables was never touched. */
void fresh_pool(struct fixture *fx);
/* The table of leaves of owner, at FX_VA_FREE in space. */
void share(struct fixture *fx);

/* The program's other part. */
extern const struct trial size_trials[];
extern const size_t nr_size_trials;

#endif
