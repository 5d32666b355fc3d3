/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The benchmark: the core's work over one piece of memory (core.c), and plain
 * loops over the same memory (loops.c), which are the limit.
 */
#ifndef _VMEM_BENCH_H
#define _VMEM_BENCH_H

#include "../../vmem/vmem.h"
#include "../../vmem/records.h"

#define ENTRIES		512
#define PAGE		4096ULL
#define NR_RECORDS	1024	/* 48 KiB, as a reader may take them */

/* 0, of an address that the format can hold; but no compiler knows that. */
static inline u64 chain(u64 gpa)
{
	asm volatile("" : "+r" (gpa));
	return gpa >> 52;
}

/**
 * struct guest - memory that holds tables, and nothing else
 * @memory:	of guest-physical address 0 on
 * @size:	in bytes
 * @pool:	all of it but the last @kept bytes
 * @kept:	for tables that are made by hand
 * @store:	of the pool
 * @range:	of the pool
 * @pages:	of a change
 * @space:	the tables of one space, root included
 * @root:	of the space
 * @storage:	of the pool
 * @buckets:	of the pool
 */
struct guest {
	char *memory;
	u64 size;
	u64 kept;
	struct vmem_pool pool;
	struct vmem_link_store store;
	struct vmem_pool_range range;
	struct vmem_pages pages;
	struct vmem_space space;
	struct vmem_root root;
	void *storage;
	struct vmem_link **buckets;
};

/* core.c */
void guest_init(struct guest *guest, u64 tables, u64 kept);
void guest_reset(struct guest *guest);
void guest_free(struct guest *guest);
int core_map(struct guest *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len);
int core_map_large(struct guest *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len);
int core_unmap(struct guest *guest, vmem_virt_t va, u64 len);
int core_protect(struct guest *guest, vmem_virt_t va, u64 len, bool writable);
u64 core_walk(struct guest *guest, const struct vmem_space *spaces, u32 nr,
	      u32 flags);
u64 core_translate(struct guest *guest, const vmem_virt_t *vas, u32 nr,
		   u32 batch);
u64 core_chain(struct guest *guest, const vmem_virt_t *vas, u32 nr);

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
u64 loop_loads(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr);
u64 loop_chain(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr);
u64 loop_abreast(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr);

#endif /* _VMEM_BENCH_H */
