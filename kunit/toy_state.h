/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of the toy formats share: the states of a small tree, see
 * toy_state.c, in each of which they try what they try.
 */
#ifndef _VMEM_KUNIT_TOY_STATE_H
#define _VMEM_KUNIT_TOY_STATE_H

#include "bench.h"

#define TOY_PAGES	8

/**
 * struct toy - a tree in one of its states
 * @b:		where it is
 * @state:	its number
 * @spaces:	the one in hand, and another, which has a part of its tree
 * @frozen:	something is
 * @linked:	a table of ours has two links
 * @itself:	a table names itself
 * @large:	there is a large leaf
 * @tried:	changes that were tried
 * @done:	and those that changed something
 */
struct toy {
	struct bench *b;
	u32 state;
	struct vmem_space spaces[2];
	bool frozen;
	bool linked;
	bool itself;
	bool large;
	u64 tried;
	u64 done;
};

/* The address of page @i of the toy's eight, four in each half. */
static inline u64 toys_va(const struct bench *b, unsigned int i)
{
	return (i / (TOY_PAGES / 2)) * bench_upper(b) +
	       i % (TOY_PAGES / 2) * bench_page(b);
}

/*
 * Try it in each state; one that @changes something is tried twice where anything is
 * frozen.
 */
void toys_each_state(struct kunit *test, const char *what, bool changes,
		     void (*operation)(struct toy *toy));
/* One change more was tried. */
void toys_count(struct toy *toy);
/* One change, and back to the state. */
void toys_change(struct toy *toy, const struct vmem_mapping *list, u32 nr, u32 flags);
void toys_link(struct toy *toy, const struct bench_link *link, u32 flags);

/* Where a change is tried twice, and a half of the states will do each time. */
static inline bool toys_other_half(const struct toy *toy)
{
	return toy->frozen && (toy->state & 1) == toy->b->guest.movable;
}

extern const struct engine *const toys[2];

#define DEFINE_TOY_PARAMS	KUNIT_ARRAY_PARAM(toy, toys, engine_describe)
#define EACH_TOY(name)							\
	KUNIT_CASE_PARAM_ATTR(name, toy_gen_params,			\
			      ((struct kunit_attributes){		\
				.speed = KUNIT_SPEED_SLOW }))

#endif /* _VMEM_KUNIT_TOY_STATE_H */
