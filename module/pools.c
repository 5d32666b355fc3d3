// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pools of a guest as a whole: whose a table is, the records of links that they
 * are lent, and roots. What happens in a pool is the core's.
 */
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../vmem/call.h"
#include "pools.h"
#include "scratch.h"

/**
 * vmem_pools_at() - the pool that a table would belong to
 * @guest:	the guest
 * @gpa:	address of the table
 *
 * Context: vmem_guest.lock is held.
 * Return: the pool, or NULL.
 */
struct vmem_pool_object *vmem_pools_at(struct vmem_guest *guest,
				       vmem_phys_t gpa)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&guest->lock);
	node = interval_tree_iter_first(&guest->pool_ranges, gpa, gpa);
	return node ? container_of(node, struct vmem_pool_part, node)->pool :
		      NULL;
}

/**
 * vmem_pools_owner() - whose a table is that isn't of the call's pool
 * @guest:	the guest
 * @table:	the table
 * @level:	at which it is met
 * @parent:	the table that names it, VMEM_NO_TABLE: it is a space's root
 * @slot:	index of the entry
 * @links:	out: how many links it has, when it is of a pool
 *
 * Context: vmem_guest.lock is held for writing.
 * Return: not VMEM_MINE.
 */
enum vmem_owner vmem_pools_owner(struct vmem_guest *guest, vmem_table_t table,
				 unsigned int level, vmem_table_t parent,
				 unsigned int slot, u32 *links)
{
	struct vmem_pool_object *pool;
	enum vmem_owner owner;

	lockdep_assert_held_write(&guest->lock);
	pool = vmem_pools_at(guest, vmem_table_gpa(table));
	if (!pool)
		return VMEM_FOREIGN;
	owner = vmem_pool_owner(&pool->pool, table, level, parent, slot, links);
	return owner == VMEM_MINE ? VMEM_OTHERS : owner;
}

/**
 * vmem_pools_idle() - does no space have a pool, and no pool a table?
 * @guest:	the guest
 *
 * Context: vmem_guest.lock is held for writing.
 */
bool vmem_pools_idle(struct vmem_guest *guest)
{
	struct vmem_pool_object *pool;

	lockdep_assert_held_write(&guest->lock);
	list_for_each_entry(pool, &guest->pools, link)
		if (pool->spaces || pool->pool.nr_used || pool->pool.nr_reserved)
			return false;
	return true;
}

/**
 * vmem_link_lent_alloc() - storage for links, to be lent
 * @lent:	filled in, but for @lent->nr_buckets; also if it fails
 * @nr:		records that are needed, at most VMEM_LINKS_MAX
 *
 * Context: sleeps.
 * Return: 0, -ENOMEM.
 */
int vmem_link_lent_alloc(struct vmem_link_lent *lent, u64 nr)
{
	struct vmem_link_chunk *chunk;
	u64 have;

	BUILD_BUG_ON(sizeof(*chunk) > PAGE_SIZE);
	for (have = 0; have < nr; have += ARRAY_SIZE(chunk->links)) {
		chunk = vmem_scratch_alloc(PAGE_SIZE);
		if (!chunk)
			return -ENOMEM;
		chunk->next = lent->chunks;
		lent->chunks = chunk;
	}
	if (lent->nr_buckets) {
		lent->buckets = kvcalloc(lent->nr_buckets, sizeof(*lent->buckets),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!lent->buckets)
			return -ENOMEM;
	}
	return 0;
}

/**
 * vmem_link_lend_all() - lend records to all pools of a guest, and buckets to one
 * @guest:	the guest, which has the records from now on
 * @pool:	the pool, of this guest
 * @lent:	from vmem_link_lent_alloc(); still to be freed
 *
 * Context: vmem_guest.lock is held for writing.
 */
void vmem_link_lend_all(struct vmem_guest *guest, struct vmem_pool *pool,
			struct vmem_link_lent *lent)
{
	struct vmem_link_chunk *chunk;
	unsigned int i;

	lockdep_assert_held_write(&guest->lock);
	while ((chunk = lent->chunks)) {
		lent->chunks = chunk->next;
		chunk->next = guest->link_chunks;
		guest->link_chunks = chunk;
		for (i = 0; i < ARRAY_SIZE(chunk->links); i++)
			vmem_link_lend(&guest->links, &chunk->links[i]);
	}
	if (lent->buckets)
		lent->buckets = vmem_buckets_lend(pool, lent->buckets, lent->nr_buckets);
}

static void vmem_link_chunks_free(struct vmem_link_chunk *chunks)
{
	struct vmem_link_chunk *chunk;

	while ((chunk = chunks)) {
		chunks = chunk->next;
		vmem_scratch_free(chunk, PAGE_SIZE);
	}
}

/**
 * vmem_link_lent_free() - free what wasn't lent, or isn't needed
 * @lent:	from vmem_link_lent_alloc()
 */
void vmem_link_lent_free(struct vmem_link_lent *lent)
{
	vmem_link_chunks_free(lent->chunks);
	kvfree(lent->buckets);
}

/**
 * vmem_pool_settle() - what hung below tables that were freed goes, in one hold
 * @pool:	the core's
 *
 * Context: vmem_guest.lock is held for writing.
 */
void vmem_pool_settle(struct vmem_pool *pool)
{
	while (vmem_pool_drop_below(pool))
		cond_resched();
}

/**
 * vmem_pools_settle() - what hung below tables that were freed goes
 * @guest:	the guest, whose generation was raised in this hold
 *
 * Whatever signal there is, it is done to the end.
 *
 * Context: vmem_guest.lock is held for writing, and let go now and then.
 */
void vmem_pools_settle(struct vmem_guest *guest)
{
	struct vmem_pool_object *pool;
	bool more;

	lockdep_assert_held_write(&guest->lock);
	for (;;) {
		more = false;
		list_for_each_entry(pool, &guest->pools, link) {
			pool->pool.generation = guest->generation;
			more |= vmem_pool_drop_below(&pool->pool);
		}
		if (!more)
			return;
		if (need_resched() || rwsem_is_contended(&guest->lock)) {
			up_write(&guest->lock);
			cond_resched();
			down_write(&guest->lock);
			guest->generation++;
		}
	}
}

/**
 * vmem_pools_drop() - memory goes, or becomes a pool's, in which tables may lie
 *		       that name some of pools
 * @guest:	the guest, whose generation is raised afterwards
 * @ranges:	that memory, in ascending order
 * @nr:		how many
 *
 * vmem_pools_settle() is to follow.
 *
 * Context: vmem_guest.lock is held for writing.
 * Return: whether tables go into quarantine.
 */
bool vmem_pools_drop(struct vmem_guest *guest,
		     const struct vmem_pool_range *ranges, u32 nr)
{
	struct vmem_pool_object *pool;
	struct vmem_link **at;
	bool dropped = false;
	u32 used;

	lockdep_assert_held_write(&guest->lock);
	list_for_each_entry(pool, &guest->pools, link) {
		pool->pool.generation = guest->generation + 1;
		used = pool->pool.nr_used;
		at = NULL;
		while (vmem_pool_drop_foreign(&pool->pool, ranges, nr, &at))
			cond_resched();
		dropped |= pool->pool.nr_used != used || vmem_pool_drops(&pool->pool);
	}
	return dropped;
}

/**
 * vmem_root_within() - does the root of a space lie here?
 * @guest:	the guest
 * @gpa:	where
 * @len:	bytes
 *
 * Context: vmem_guest.lock is held.
 */
bool vmem_root_within(struct vmem_guest *guest, vmem_phys_t gpa, u64 len)
{
	lockdep_assert_held(&guest->lock);
	return vmem_roots_within(&guest->links, gpa, len);
}

static void vmem_roots_free(struct vmem_root *root)
{
	struct vmem_root *next;

	for (; root; root = next) {
		next = root->next;
		kfree(root);
	}
}

/**
 * vmem_pools_end() - free the records of links, and the roots
 * @guest:	the guest, which has no objects any more
 *
 * Context: no lock is held.
 */
void vmem_pools_end(struct vmem_guest *guest)
{
	vmem_link_chunks_free(guest->link_chunks);
	vmem_roots_free(guest->links.roots);
	vmem_roots_free(guest->links.spare_roots);
}
