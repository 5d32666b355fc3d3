/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two halves of the program `read` share.
 */
#ifndef SELFTEST_READ_H
#define SELFTEST_READ_H

#include "guest.h"
#include "ktap.h"

/* A case for each format. */
#define EACH_FORMAT(fn)							\
	static void fn##_4level(void) { fn(FMT4); }			\
	static void fn##_5level(void) { fn(FMT5); }
#define CASE_FORMATS(fn)						\
	CASE(fn##_4level), CASE(fn##_5level)

void check_walk(struct guest *g, u32 space, u64 start, u64 last, u32 flags);
void check_translate(struct guest *g, u32 space);

void walk_small_reads(void);
void walk_partial_copy(void);
void walk_descriptor(void);
void walk_spaces(void);
void walk_same_root(void);
void walk_shared_edges(void);
void walk_budget(void);
void walk_budget_resumed(void);
void walk_cap(void);
void walk_resident_only(void);
void walk_destroyed(void);
void walk_changed(void);
void walk_turns(void);
void walk_tables_change(void);
void walk_outlives_file(void);

#define READ_WALK_CASES							\
	CASE(walk_small_reads), CASE(walk_partial_copy),		\
	CASE(walk_descriptor), CASE(walk_spaces),			\
	CASE(walk_same_root), CASE(walk_shared_edges),			\
	CASE(walk_budget), CASE(walk_budget_resumed), CASE(walk_cap),	\
	CASE(walk_resident_only), CASE(walk_destroyed),			\
	CASE(walk_changed), CASE(walk_turns), CASE(walk_tables_change),	\
	CASE(walk_outlives_file)

#endif
