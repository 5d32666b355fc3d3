/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The benchmark: the core's work over one piece of memory (core.c), and plain
 * loops over the same memory (loops.c), which are the limit.
 *
 *   bench.c (what is asked, measured and told)
 *   -> rows.c, hostile.c, linux.c (the rows) -> core.c, loops.c
 */
#ifndef _VMEM_BENCH_H
#define _VMEM_BENCH_H

#include "../../module/kunit/flat.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ENTRIES		512
#define PAGE		4096ULL
#define NR_RECORDS	1024	/* 48 KiB, as a reader may take them */
#define ADDR		GENMASK_ULL(51, 12)
#define PRESENT		BIT_ULL(0)
#define PS		BIT_ULL(7)	/* above level 0: a leaf */

/* 0, of an address that the format can hold; but no compiler knows that. */
static inline u64 chain(u64 gpa)
{
	asm volatile("" : "+r" (gpa));
	return gpa >> 52;
}

/**
 * struct counts - what a walk found
 * @leaves:	of all pages and of none
 * @refs:	records of tables that were met before
 * @bad:	records of entries that are malformed, or whose table is outside
 * @records:	all of them
 * @tables:	visited, a table met twice twice
 */
struct counts {
	u64 leaves;
	u64 refs;
	u64 bad;
	u64 records;
	u64 tables;
};

/**
 * struct place - a table whose place is known
 * @table:	where it is; NULL: it was met before, and is told of, not read
 * @va:		the first address that it translates
 * @level:	of the table
 */
struct place {
	const vmem_pte_t *table;
	vmem_virt_t va;
	unsigned int level;
};

/**
 * struct work - what is worked on
 * @guest:	memory with tables
 * @tables:	of leaves, in the order of what they translate
 * @nr_tables:	of them
 * @distinct:	all tables that a walk reads
 * @nr_distinct: of them
 * @places:	the same, and where they are met again
 * @nr_places:	of them
 * @vas:	addresses to be translated
 * @nr_vas:	of them
 * @batch:	so many at a time
 * @spaces:	to be walked
 * @nr_spaces:	of them
 * @friends:	to be walked instead, by the loop
 * @nr_friends:	of them
 * @flags:	of the walk
 */
struct work {
	struct flat guest;
	vmem_pte_t **tables;
	u64 nr_tables;
	vmem_pte_t **distinct;
	u64 nr_distinct;
	struct place *places;
	u64 nr_places;
	vmem_virt_t *vas;
	u32 nr_vas;
	u32 batch;
	struct vmem_space *spaces;
	u32 nr_spaces;
	struct vmem_space *friends;
	u32 nr_friends;
	u32 flags;
};

/**
 * struct subject - what is measured
 * @name:	of a row
 * @prepare:	before each round, not measured
 * @core:	the core does it
 * @loop:	the loop does it
 * @per:	of what a round does, one costs
 * @adds:	what one costs the loop, in additions, if it was compiled well; 0: it
 *		is the core itself
 */
struct subject {
	const char *name;
	void (*prepare)(struct work *work);
	void (*core)(struct work *work);
	void (*loop)(struct work *work);
	u64 per;
	double adds;
};

static inline bool is_leaf(u64 entry, unsigned int level)
{
	return entry & PRESENT && (!level || entry & PS);
}

/* bench.c */
extern volatile u64 sink;
bool wanted(const char *name);
void measure(const struct subject *subject, struct work *work);
void lacking(const char *name, const char *why);
void *allocate(u64 nr, size_t size);
u64 random_next(u64 *state);

static inline void *host(const struct work *work, u64 gpa)
{
	return work->guest.memory + (gpa & ADDR);
}

static inline u64 root_of(const struct work *work)
{
	return vmem_table_gpa(work->guest.space.root);
}

/* rows.c, hostile.c, linux.c */
void bench_rows(void);
void bench_hostile(void);
void bench_linux(const char *dir);
void linux_save(const char *from, const char *to);

/* core.c */
void guest_init(struct flat *guest, u64 tables, u64 kept);
void guest_adopt(struct flat *guest, char *memory, u64 size, u64 root);
void guest_reset(struct flat *guest);
void guest_free(struct flat *guest);
int core_map(struct flat *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len);
int core_map_large(struct flat *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len);
int core_unmap(struct flat *guest, vmem_virt_t va, u64 len);
void core_map_each(struct flat *guest, const vmem_virt_t *vas, u64 nr);
void core_unmap_each(struct flat *guest, const vmem_virt_t *vas, u64 nr);
int core_protect(struct flat *guest, vmem_virt_t va, u64 len, bool writable);
struct counts core_walk(struct flat *guest, const struct vmem_space *spaces, u32 nr,
			u32 flags);
u64 core_translate(struct flat *guest, const vmem_virt_t *vas, u32 nr,
		   u32 batch);
u64 core_access(struct flat *guest, const vmem_virt_t *vas, u32 nr, u32 batch);
u64 core_chain(struct flat *guest, const vmem_virt_t *vas, u32 nr);

/* loops.c: the same, with nothing checked and nothing to be found out. */
u64 loop_adds(u64 nr);
void loop_store(vmem_pte_t **tables, u64 nr, u64 entry);
void loop_clear_store(vmem_pte_t **tables, u64 nr, u64 entry);
u64 loop_zero(vmem_pte_t **tables, u64 nr);
u64 loop_flip(vmem_pte_t **tables, u64 nr, u64 bits);
u64 loop_read(vmem_pte_t **tables, u64 nr);
u64 loop_merge(vmem_pte_t **tables, u64 nr);
u64 loop_merge_each(vmem_pte_t **tables, u64 nr);
u64 loop_leaves(vmem_pte_t **tables, u64 nr);
u64 loop_places(const struct place *places, u64 nr, bool each);
u64 loop_loads(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr);
u64 loop_descents(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr);
u64 loop_chain(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr);
u64 loop_abreast(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr);

#endif /* _VMEM_BENCH_H */
