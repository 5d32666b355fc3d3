/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the handlers are measured beside: the core over one piece of memory, with ops
 * that cost as little as can be, and a plain loop.
 */
#ifndef _VMEM_KUNIT_FLAT_H
#define _VMEM_KUNIT_FLAT_H

#include "../../vmem/vmem.h"
#include "../../vmem/records.h"

/**
 * struct flat - memory that holds tables, and nothing else
 * @memory:	of guest-physical address 0 on
 * @size:	in bytes
 * @pool:	all of it
 * @store:	of the pool
 * @range:	of the pool
 * @pages:	of a change
 * @change:	a change
 * @space:	the tables
 * @root:	of the space
 * @storage:	of the pool
 * @buckets:	of the pool
 */
struct flat {
	char *memory;
	u64 size;
	struct vmem_pool pool;
	struct vmem_link_store store;
	struct vmem_pool_range range;
	struct vmem_pages pages;
	struct vmem_change change;
	struct vmem_space space;
	struct vmem_root root;
	void *storage;
	struct vmem_link **buckets;
};

struct flat *flat_make(u64 tables);
void flat_free(struct flat *flat);
int flat_map(struct flat *flat, vmem_virt_t va, vmem_phys_t gpa, u64 len);
int flat_unmap(struct flat *flat, vmem_virt_t va, u64 len);
int flat_translate(struct flat *flat, const vmem_virt_t *vas, u32 nr,
		   struct vmem_translation *out, u64 (*entries)[VMEM_LEVELS_MAX]);

u64 loop_merge(vmem_pte_t **tables, u64 nr, struct vmem_space_aware_mapping *out);

#endif /* _VMEM_KUNIT_FLAT_H */
