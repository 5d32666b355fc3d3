/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `follow` share.
 */
#ifndef SELFTEST_FOLLOW_H
#define SELFTEST_FOLLOW_H

#include "guest.h"
#include "ktap.h"

#define FOLLOW_LEN	(2 * MIB)
#define POOL_AT		MIB		/* the upper half is a pool */
#define POOL_LEN	(64 * PAGE)
#define NR_VAS		8

/*
 * A guest with one path of tables: the root at page 0 of the region, then one
 * page a level, that of the leaves last.
 */
struct scene {
	struct guest g;
	u32 space;
	u32 pool;
	u64 leaves;		/* gpa of the table of leaves */
	int memfd;		/* or other file, or -1 */
};

enum backing { ANONYMOUS, MEMFD, HUGETLB, HUGETLB_PRIVATE, BLOCK };

void scene_init(struct scene *s, enum backing backing);
/* Write all tables anew, with leaves that @stamp tells apart. */
void scene_fill(struct scene *s, u64 stamp);
void scene_fill_leaves(struct scene *s, u64 stamp);
u8 *scene_leaves(struct scene *s);
/* What vmem sees is what the model reads in the caller's memory. */
void scene_agrees(struct scene *s);
/* The table of leaves can't be had. */
void scene_outside(struct scene *s);
/* Have vmem look at all of it, so that it is resident. */
void scene_prime(struct scene *s);

bool hugepages_get(void);
bool zram_here(void);

void stress_dontneed(void);
void stress_punch(void);
void stress_munmap(void);
void stress_mremap(void);
void stress_fork(void);
void stress_mprotect(void);
void stress_exit(void);
void stress_writeback(void);

#define FOLLOW_STRESS_CASES						\
	CASE(stress_dontneed), CASE(stress_punch),			\
	CASE(stress_munmap), CASE(stress_mremap),			\
	CASE(stress_fork), CASE(stress_mprotect), CASE(stress_exit),	\
	CASE_IF(stress_writeback, zram_here, "zram")

void device_mapping_same_guest(void);
void device_mapping_other_guest(void);
void device_mapping_alone(void);
void uffd_translate_killed(void);
void uffd_walk_killed(void);
void uffd_map_killed(void);
void uffd_others_go_on(void);
void uffd_destroy(void);

#define FOLLOW_ODD_CASES						\
	CASE(device_mapping_same_guest),				\
	CASE(device_mapping_other_guest), CASE(device_mapping_alone),	\
	CASE(uffd_translate_killed), CASE(uffd_walk_killed),		\
	CASE(uffd_map_killed), CASE(uffd_others_go_on),			\
	CASE(uffd_destroy)

void gone_in_call(void);
void registrant_executes(void);

#define FOLLOW_PROCESS_CASES						\
	CASE_IF(gone_in_call, two_cpus, "a second CPU"),		\
	CASE(registrant_executes)

void discard_create(void);
void discard_create_first(void);
void discard_fill(void);
void discard_same(void);
void discard_destroy(void);

#define FOLLOW_DISCARD_CASES						\
	CASE(discard_create), CASE(discard_create_first),		\
	CASE(discard_fill), CASE(discard_same), CASE(discard_destroy)

bool ksm_here(void);
void merged(void);
void written_back(void);

#define FOLLOW_KERNEL_CASES						\
	CASE_IF(merged, ksm_here, "KSM"),				\
	CASE_IF(written_back, zram_here, "zram")

#endif
