/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two halves of the program `map` share.
 */
#ifndef SELFTEST_MAP_H
#define SELFTEST_MAP_H

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

void pool_guest(struct pool_guest *p, u32 format, u64 pages);
void expect_pool(struct pool_guest *p, u64 used, u64 quarantined);
void expect_leaves(struct pool_guest *p, u64 leaves);

void list_done(void);
void list_stopped(void);
void list_atomic(void);
void list_longest(void);
void list_refused_whole(void);
void quarantine_waits(void);
void quarantine_generations(void);
void lowest_first(void);
void ranges_of_pool(void);
void space_destroyed(void);
void spaces_share_pool(void);
void spaces_share_table(void);
void table_named_elsewhere(void);
void budget_exact(void);
void pool_in_owned(void);
void pool_in_memfd(void);
void pool_memory_lost(void);
void view_changes(void);

#define MAP_POOL_CASES							\
	CASE(list_done), CASE(list_stopped), CASE(list_atomic),		\
	CASE(list_longest), CASE(list_refused_whole),			\
	CASE(quarantine_waits), CASE(quarantine_generations),		\
	CASE(lowest_first), CASE(ranges_of_pool), CASE(space_destroyed),	\
	CASE(spaces_share_pool), CASE(spaces_share_table),		\
	CASE(table_named_elsewhere), CASE(budget_exact),		\
	CASE(pool_in_owned), CASE(pool_in_memfd),			\
	CASE(pool_memory_lost), CASE(view_changes)

#endif
