/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pools as objects: where in the guest's memory they lie, and their life. What
 * happens in them is the core's, see ../vmem/pool.h.
 */
#ifndef _VMEM_MODULE_POOL_H
#define _VMEM_MODULE_POOL_H

#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mm.h>

#include "../vmem/records.h"
#include "guest.h"

/* A page of records of links, which stays with the guest. */
struct vmem_link_chunk {
	struct vmem_link_chunk *next;
	struct vmem_link links[(PAGE_SIZE - sizeof(void *)) /
			       sizeof(struct vmem_link)];
};

/* A range of a pool, in vmem_guest.pool_ranges. */
struct vmem_pool_node {
	struct interval_tree_node node;
	struct vmem_pool_object *pool;
};

/**
 * struct vmem_pool_object - a pool
 * @object:	its id
 * @link:	in vmem_guest.pools
 * @spaces:	how many take their tables from here
 * @nr_ranges:	immutable
 * @ranges:	in ascending order; immutable
 * @nodes:	one a range
 * @pool:	the core's
 * @storage:	lent to the core
 *
 * What isn't immutable is guarded by vmem_guest.lock. A call that has pages set
 * aside may let that lock go: the pool stays meanwhile.
 */
struct vmem_pool_object {
	struct vmem_object object;
	struct list_head link;
	u32 spaces;
	u32 nr_ranges;
	struct vmem_pool_range *ranges;
	struct vmem_pool_node *nodes;
	struct vmem_pool pool;
	void *storage;
};

static inline struct vmem_pool_object *
vmem_to_pool(struct vmem_object *object)
{
	return container_of(object, struct vmem_pool_object, object);
}

enum vmem_owner vmem_pool_object_owner(struct vmem_guest *guest,
				       vmem_table_t table, unsigned int level,
				       vmem_table_t parent, unsigned int slot,
				       u32 *links);
bool vmem_pool_objects_idle(struct vmem_guest *guest);
void vmem_pool_settle(struct vmem_pool *pool);
bool vmem_pool_objects_drop(struct vmem_guest *guest, vmem_phys_t gpa, u64 len);
struct vmem_link_chunk *vmem_link_chunks_alloc(u64 nr);
void vmem_link_chunks_lend(struct vmem_guest *guest,
			   struct vmem_link_chunk *chunks);
void vmem_link_chunks_free(struct vmem_link_chunk *chunks);
struct vmem_pool_object *vmem_pool_object_at(struct vmem_guest *guest,
					     vmem_phys_t gpa);
void vmem_pool_object_free(struct vmem_pool_object *pool);
void vmem_pool_object_abort(struct vmem_guest *guest,
			    struct vmem_pool_object *pool);
int vmem_pool_object_destroy(struct vmem_guest *guest,
			     struct vmem_pool_object *pool);
void vmem_pool_object_item(const struct vmem_pool_object *pool,
			   struct vmem_ioc_item *item);

int vmem_ioctl_pool_create(struct vmem_call *call, void *arg);
int vmem_ioctl_pool_stat(struct vmem_call *call, void *arg);
int vmem_ioctl_flushed(struct vmem_call *call, void *arg);

#endif /* _VMEM_MODULE_POOL_H */
