/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `map` share.
 */
#ifndef SELFTEST_MAP_H
#define SELFTEST_MAP_H

#include "pool.h"

void list_stopped(void);
void list_longest(void);
void list_refused_whole(void);
void list_refusal_placed(void);
void quarantine_waits(void);
void quarantine_generations(void);
void lost_is_counted(void);
void ranges_of_pool(void);
void pool_grows(void);
void pool_grows_anywhere(void);
void pool_grows_over_a_table(void);
void space_destroyed(void);
void table_above_destroyed(void);
void table_above_in_a_pool(void);
void spaces_share_pool(void);
void spaces_share_table(void);
void budget_exact(void);
void pool_in_owned(void);
void pool_in_memfd(void);
void pool_memory_lost(void);
void view_changes(void);
void refusal_told(void);

#define MAP_POOL_CASES							\
	CASE(list_stopped), CASE(list_longest),				\
	CASE(list_refused_whole), CASE(list_refusal_placed),		\
	CASE(quarantine_waits), CASE(quarantine_generations),		\
	CASE(lost_is_counted), CASE(ranges_of_pool),			\
	CASE(pool_grows), CASE(pool_grows_anywhere),			\
	CASE(pool_grows_over_a_table),					\
	CASE(space_destroyed), CASE(spaces_share_pool),			\
	CASE(spaces_share_table), CASE(table_above_destroyed),		\
	CASE(table_above_in_a_pool), CASE(budget_exact),		\
	CASE(pool_in_owned), CASE(pool_in_memfd),			\
	CASE(pool_memory_lost), CASE(view_changes), CASE(refusal_told)

#endif
