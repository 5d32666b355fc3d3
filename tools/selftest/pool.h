/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest with a pool and a space, for the tests that change.
 */
#ifndef SELFTEST_POOL_H
#define SELFTEST_POOL_H

#include "guest.h"
#include "ktap.h"

#define EACH_FORMAT(fn)							\
	static void fn##_4level(void) { fn(FMT4); }			\
	static void fn##_5level(void) { fn(FMT5); }
#define CASE_FORMATS(fn)						\
	CASE(fn##_4level), CASE(fn##_5level)

/* Its region: the pool, tables by hand, and frames, of which none is read. */
#define MAP_LEN		(10 * MIB)
#define MAP_POOL	GUEST_GPA
#define MAP_BY_HAND	(GUEST_GPA + MIB)
#define MAP_DATA	(GUEST_GPA + 2 * MIB)

struct pool_guest {
	struct guest g;
	int fd;
	u32 pool, space;
	u64 pages;		/* of the pool */
};

/* A guest with a pool at its begin, and an empty space. */
void pool_guest(struct pool_guest *p, u32 format, u64 pages);
void expect_pool(struct pool_guest *p, u64 used, u64 quarantined);
void expect_shared(struct pool_guest *p, u64 shared);
/* The space against the model, and against what is asked for. */
void expect_leaves(struct pool_guest *p, u64 leaves);
/* A range of this space is what is to be flushed, and just this. */
void expect_flush(const struct vmem_ioc_change *change, u64 start, u64 last);
/* A mapping of kind basic by the sizes of @sizes, bit n for 2^n bytes. */
int map_sized(struct pool_guest *p, u64 va, u64 gpa, u64 len, u32 attrs, u64 sizes,
	      u32 flags, struct vmem_ioc_change *change);
int promote(int fd, u32 space, u64 start, u64 last, u32 leaf_levels, u32 flags,
	    struct vmem_ioc_change *change);
/* The entries of the path to @va, from the model's descent. */
void entries_of(struct pool_guest *p, u64 va, u64 *entries);

/* That of @level. */
u64 entry_at(struct pool_guest *p, u64 va, unsigned int level);

/* Sizes of pages, as `page_sizes' has them. */
#define P4K	BIT(12)
#define P2M	BIT(21)
#define P1G	BIT(30)

#endif
