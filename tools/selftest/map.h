/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `map` share.
 */
#ifndef SELFTEST_MAP_H
#define SELFTEST_MAP_H

#include "pool.h"

void list_done(void);
void list_stopped(void);
void list_atomic(void);
void list_longest(void);
void list_refused_whole(void);
void list_refusal_placed(void);
void quarantine_waits(void);
void quarantine_generations(void);
void lost_is_counted(void);
void lowest_first(void);
void ranges_of_pool(void);
void space_destroyed(void);
void table_unnamed_by_guest(void);
void table_unnamed_then_another(void);
void table_above_destroyed(void);
void table_above_in_a_pool(void);
void spaces_share_pool(void);
void spaces_share_table(void);
void table_named_elsewhere(void);
void budget_exact(void);
void pool_in_owned(void);
void pool_in_memfd(void);
void pool_memory_lost(void);
void view_changes(void);
void refusal_told(void);
void list_refused_part_4level(void);
void list_refused_part_5level(void);
void refused_each_4level(void);
void refused_each_5level(void);

#define MAP_POOL_CASES							\
	CASE(list_done), CASE(list_stopped), CASE(list_atomic),		\
	CASE(list_longest), CASE(list_refused_whole),			\
	CASE(list_refusal_placed),					\
	CASE(quarantine_waits), CASE(quarantine_generations),		\
	CASE(lost_is_counted),						\
	CASE(lowest_first), CASE(ranges_of_pool), CASE(space_destroyed),	\
	CASE(spaces_share_pool), CASE(spaces_share_table),		\
	CASE(table_named_elsewhere), CASE(table_unnamed_by_guest),	\
	CASE(table_unnamed_then_another), CASE(table_above_destroyed),	\
	CASE(table_above_in_a_pool), CASE(budget_exact),		\
	CASE(pool_in_owned), CASE(pool_in_memfd),			\
	CASE(pool_memory_lost), CASE(view_changes),			\
	CASE(refusal_told), CASE_FORMATS(list_refused_part),		\
	CASE_FORMATS(refused_each)

#endif
