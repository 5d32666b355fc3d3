/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pools of a guest, as a whole and each: where in the guest's memory they lie.
 * What happens in them is the core's, see ../vmem/pool.h.
 */
#ifndef _VMEM_MODULE_POOLS_H
#define _VMEM_MODULE_POOLS_H

#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mm.h>

#include "../vmem/records.h"
#include "guest.h"
#include "object.h"

/* A page of records of links, which stays with the guest. */
struct vmem_link_chunk {
	struct vmem_link_chunk *next;
	struct vmem_link links[(PAGE_SIZE - sizeof(void *)) /
			       sizeof(struct vmem_link)];
};

/**
 * struct vmem_link_lent - storage for links that a call gets, to be lent
 * @chunks:	records
 * @buckets:	for a pool; when they were lent those that it had before, or NULL
 * @nr_buckets:	how many, vmem_pool.wanted or vmem_pool_wanted()
 */
struct vmem_link_lent {
	struct vmem_link_chunk *chunks;
	struct vmem_link **buckets;
	u32 nr_buckets;
};

/**
 * struct vmem_pool_part - a range of a pool
 * @node:	in vmem_guest.pool_ranges
 * @pool:	the pool; immutable
 * @storage:	lent to the core: vmem_pool_range.pages
 */
struct vmem_pool_part {
	struct interval_tree_node node;
	struct vmem_pool_object *pool;
	u64 storage[];
};

/**
 * struct vmem_pool_object - a pool
 * @object:	its id
 * @link:	in vmem_guest.pools
 * @spaces:	how many take their tables from here
 * @pool:	the core's
 * @ranges:	room for those of @pool
 *
 * What isn't immutable is guarded by vmem_guest.lock. A call that has pages set
 * aside may let that lock go: the pool stays meanwhile.
 */
struct vmem_pool_object {
	struct vmem_object object;
	struct list_head link;
	u32 spaces;
	struct vmem_pool pool;
	struct vmem_pool_range ranges[VMEM_POOL_RANGES_MAX];
};

static inline struct vmem_pool_object *
vmem_to_pool(struct vmem_object *object)
{
	return container_of(object, struct vmem_pool_object, object);
}

struct vmem_pool_object *vmem_pools_at(struct vmem_guest *guest,
				       vmem_phys_t gpa);
enum vmem_owner vmem_pools_owner(struct vmem_guest *guest, vmem_table_t table,
				 unsigned int level, vmem_table_t parent,
				 unsigned int slot, u32 *links);
bool vmem_pools_idle(struct vmem_guest *guest);
void vmem_pool_settle(struct vmem_pool *pool);
void vmem_pools_settle(struct vmem_guest *guest);
bool vmem_pools_drop(struct vmem_guest *guest,
		     const struct vmem_pool_range *ranges, u32 nr);
int vmem_link_lent_alloc(struct vmem_link_lent *lent, u64 nr);
void vmem_link_lend_all(struct vmem_guest *guest, struct vmem_pool *pool,
			struct vmem_link_lent *lent);
void vmem_link_lent_free(struct vmem_link_lent *lent);
bool vmem_root_within(struct vmem_guest *guest, vmem_phys_t gpa, u64 len);
void vmem_pools_end(struct vmem_guest *guest);

#endif /* _VMEM_MODULE_POOLS_H */
