// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools: parts of regions that new tables are taken from.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "../vmem/formats.h"
#include "pages.h"
#include "pool.h"

/**
 * vmem_pool_object_free() - free a pool
 * @pool:	one that is out of the guest
 */
void vmem_pool_object_free(struct vmem_pool_object *pool)
{
	kvfree(pool->storage);
	kvfree(pool->nodes);
	kvfree(pool->ranges);
	kfree(pool);
}

/**
 * vmem_pool_object_at() - the pool that a table would belong to
 * @guest:	the guest
 * @gpa:	address of the table
 *
 * Context: vmem_guest.lock is held.
 * Return: the pool, or NULL.
 */
struct vmem_pool_object *vmem_pool_object_at(struct vmem_guest *guest,
					     vmem_phys_t gpa)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&guest->lock);
	node = interval_tree_iter_first(&guest->pool_ranges, gpa, gpa);
	return node ? container_of(node, struct vmem_pool_node, node)->pool :
		      NULL;
}

/**
 * vmem_pool_object_owner() - whose a table is that isn't of the call's pool
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
enum vmem_owner vmem_pool_object_owner(struct vmem_guest *guest,
				       vmem_table_t table, unsigned int level,
				       vmem_table_t parent, unsigned int slot,
				       u32 *links)
{
	struct vmem_pool_object *pool;
	enum vmem_owner owner;

	lockdep_assert_held_write(&guest->lock);
	pool = vmem_pool_object_at(guest, vmem_table_gpa(table));
	if (!pool)
		return VMEM_FOREIGN;
	owner = vmem_pool_owner(&pool->pool, table, level, parent, slot, links);
	return owner == VMEM_MINE ? VMEM_OTHERS : owner;
}

/**
 * vmem_pool_objects_idle() - does no space have a pool, and no pool a table?
 * @guest:	the guest
 *
 * Context: vmem_guest.lock is held for writing.
 */
bool vmem_pool_objects_idle(struct vmem_guest *guest)
{
	struct vmem_pool_object *pool;

	lockdep_assert_held_write(&guest->lock);
	list_for_each_entry(pool, &guest->pools, link)
		if (pool->spaces || pool->pool.nr_used || pool->pool.nr_reserved)
			return false;
	return true;
}

/**
 * vmem_link_chunks_alloc() - records of links, to be lent
 * @nr:		how many are needed, at most VMEM_LINKS_MAX
 *
 * Context: sleeps.
 * Return: as many or more; NULL: no memory.
 */
struct vmem_link_chunk *vmem_link_chunks_alloc(u64 nr)
{
	struct vmem_link_chunk *chunks = NULL, *chunk;
	u64 have;

	BUILD_BUG_ON(sizeof(*chunk) > PAGE_SIZE);
	for (have = 0; have < nr; have += ARRAY_SIZE(chunk->links)) {
		chunk = vmem_scratch_alloc(PAGE_SIZE);
		if (!chunk) {
			vmem_link_chunks_free(chunks);
			return NULL;
		}
		chunk->next = chunks;
		chunks = chunk;
	}
	return chunks;
}

/**
 * vmem_link_chunks_lend() - lend records to all pools of a guest
 * @guest:	the guest, which has them from now on
 * @chunks:	from vmem_link_chunks_alloc(), or NULL
 *
 * Context: vmem_guest.lock is held for writing.
 */
void vmem_link_chunks_lend(struct vmem_guest *guest,
			   struct vmem_link_chunk *chunks)
{
	struct vmem_link_chunk *chunk;
	unsigned int i;

	lockdep_assert_held_write(&guest->lock);
	while ((chunk = chunks)) {
		chunks = chunk->next;
		chunk->next = guest->link_chunks;
		guest->link_chunks = chunk;
		for (i = 0; i < ARRAY_SIZE(chunk->links); i++)
			vmem_link_lend(&guest->links, &chunk->links[i]);
	}
}

/**
 * vmem_link_chunks_free() - free records of links
 * @chunks:	not lent, or their guest has ended
 */
void vmem_link_chunks_free(struct vmem_link_chunk *chunks)
{
	struct vmem_link_chunk *chunk;

	while ((chunk = chunks)) {
		chunks = chunk->next;
		vmem_scratch_free(chunk, PAGE_SIZE);
	}
}

/**
 * vmem_pool_settle() - what hung below tables that were freed goes
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
 * vmem_pool_objects_drop() - memory goes, or becomes a pool's, in which tables may
 *			      lie that name some of pools
 * @guest:	the guest, whose generation is raised afterwards
 * @gpa:	the first address of that memory
 * @len:	in bytes
 *
 * Context: vmem_guest.lock is held for writing.
 * Return: whether tables went into quarantine.
 */
bool vmem_pool_objects_drop(struct vmem_guest *guest, vmem_phys_t gpa, u64 len)
{
	struct vmem_pool_object *pool;
	bool dropped = false;
	u64 bucket;
	u32 used;

	lockdep_assert_held_write(&guest->lock);
	list_for_each_entry(pool, &guest->pools, link) {
		pool->pool.generation = guest->generation + 1;
		used = pool->pool.nr_used;
		bucket = 0;
		while (vmem_pool_drop_foreign(&pool->pool, gpa, len, &bucket))
			cond_resched();
		vmem_pool_settle(&pool->pool);
		dropped |= pool->pool.nr_used != used;
	}
	return dropped;
}

static int vmem_pool_range_compare(const void *a, const void *b)
{
	const struct vmem_pool_range *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* The caller's ranges, checked as far as they themselves tell. */
static int vmem_pool_copy_ranges(struct vmem_pool_object *pool,
				 const struct vmem_ioc_pool_create *create)
{
	const struct vmem_ioc_range __user *user =
		u64_to_user_ptr(create->ranges);
	struct vmem_ioc_range range;
	u64 capacity = 0, last;
	u32 i;

	for (i = 0; i < pool->nr_ranges; i++) {
		if (copy_from_user(&range, &user[i], sizeof(range)))
			return -EFAULT;
		if (!range.len ||
		    !IS_ALIGNED(range.gpa | range.len,
				BIT(VMEM_POOL_PAGE_LG2)))
			return -EINVAL;
		if (check_add_overflow(range.gpa, range.len - 1, &last) ||
		    last >> VMEM_GPA_BITS)
			return -EOVERFLOW;
		pool->ranges[i].gpa = range.gpa;
		pool->ranges[i].len = range.len;
		capacity += range.len >> VMEM_POOL_PAGE_LG2;
	}
	if (capacity > VMEM_POOL_CAPACITY_MAX)
		return -E2BIG;
	sort(pool->ranges, pool->nr_ranges, sizeof(pool->ranges[0]),
	     vmem_pool_range_compare, NULL);
	for (i = 1; i < pool->nr_ranges; i++)
		if (pool->ranges[i].gpa - pool->ranges[i - 1].gpa <
		    pool->ranges[i - 1].len)
			return -EEXIST;
	return 0;
}

/*
 * Add @delta to the count of ranges of each region that a range touches.
 * Return: 0; -ENXIO: part of it is in no region; -EROFS: part of it is frozen;
 * nothing was added then.
 */
static int vmem_pool_claim(struct vmem_guest *guest,
			   const struct vmem_pool_range *range, int delta)
{
	vmem_phys_t last = range->gpa + (range->len - 1), at = range->gpa;
	struct interval_tree_node *node;
	struct vmem_region *region;
	int ret = 0;

	read_lock(&guest->residency);
	for (node = interval_tree_iter_first(&guest->regions, at, last);
	     node && delta > 0;
	     node = interval_tree_iter_next(node, range->gpa, last)) {
		region = container_of(node, struct vmem_region, node);
		if (!region->live || region->gpa > at)
			break;
		if (region->frozen) {
			ret = -EROFS;
			goto out;
		}
		at = region->gpa + region->len;
	}
	if (delta > 0 && at <= last) {
		ret = -ENXIO;
		goto out;
	}
	for (node = interval_tree_iter_first(&guest->regions, range->gpa, last);
	     node; node = interval_tree_iter_next(node, range->gpa, last)) {
		region = container_of(node, struct vmem_region, node);
		region->pool_ranges += delta;
	}
out:
	read_unlock(&guest->residency);
	return ret;
}

/* Take the pool's first @nr ranges out of the guest's memory. */
static void vmem_pool_leave(struct vmem_guest *guest,
			    struct vmem_pool_object *pool, u32 nr)
{
	while (nr--) {
		interval_tree_remove(&pool->nodes[nr].node,
				     &guest->pool_ranges);
		vmem_pool_claim(guest, &pool->ranges[nr], -1);
	}
}

static int vmem_pool_enter(struct vmem_guest *guest,
			   struct vmem_pool_object *pool)
{
	bool dropped = false;
	u32 i;
	int ret;

	lockdep_assert_held_write(&guest->lock);
	for (i = 0; i < pool->nr_ranges; i++) {
		struct interval_tree_node *node = &pool->nodes[i].node;

		pool->nodes[i].pool = pool;
		node->start = pool->ranges[i].gpa;
		node->last = node->start + (pool->ranges[i].len - 1);
		ret = vmem_pool_claim(guest, &pool->ranges[i], 1);
		if (ret)
			goto err;
		if (interval_tree_iter_first(&guest->pool_ranges, node->start,
					     node->last)) {
			vmem_pool_claim(guest, &pool->ranges[i], -1);
			ret = -EEXIST;
			goto err;
		}
		if (vmem_guest_root_within(guest, pool->ranges[i].gpa,
					   pool->ranges[i].len)) {
			vmem_pool_claim(guest, &pool->ranges[i], -1);
			ret = -EBUSY;
			goto err;
		}
		interval_tree_insert(node, &guest->pool_ranges);
	}
	/* a table of the guest's own was there: what it named is let go of */
	for (i = 0; i < pool->nr_ranges; i++)
		dropped |= vmem_pool_objects_drop(guest, pool->ranges[i].gpa,
						  pool->ranges[i].len);
	guest->generation += dropped;
	list_add_tail(&pool->link, &guest->pools);
	return 0;
err:
	vmem_pool_leave(guest, pool, i);
	return ret;
}

static int vmem_pool_alloc(struct vmem_guest *guest,
			   struct vmem_pool_object *pool)
{
	u64 capacity = 0;
	u32 i;

	for (i = 0; i < pool->nr_ranges; i++)
		capacity += pool->ranges[i].len >> VMEM_POOL_PAGE_LG2;
	pool->nodes = kvcalloc(pool->nr_ranges, sizeof(*pool->nodes),
			       GFP_KERNEL_ACCOUNT);
	pool->storage = kvzalloc(vmem_pool_bytes(capacity),
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pool->nodes || !pool->storage)
		return -ENOMEM;
	vmem_pool_init(&pool->pool, pool->ranges, pool->nr_ranges,
		       VMEM_POOL_PAGE_LG2, &guest->links, pool->storage,
		       get_random_u64());
	return 0;
}

/**
 * vmem_ioctl_pool_create() - POOL_CREATE
 * @call:	the call
 * @arg:	struct vmem_ioc_pool_create
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -E2BIG, -EOVERFLOW, -EFAULT, -EEXIST,
 * -ENXIO, -EROFS, -EBUSY, -ENOMEM, -EINTR.
 */
int vmem_ioctl_pool_create(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_pool_create *create = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_pool_object *pool;
	int ret;

	if (create->flags)
		return -EOPNOTSUPP;
	if (!create->nr_ranges)
		return -EINVAL;
	if (create->nr_ranges > VMEM_POOL_RANGES_MAX)
		return -E2BIG;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return -ENOMEM;
	pool->nr_ranges = create->nr_ranges;
	pool->ranges = kvcalloc(pool->nr_ranges, sizeof(*pool->ranges),
				GFP_KERNEL_ACCOUNT);
	if (!pool->ranges) {
		ret = -ENOMEM;
		goto err_pool;
	}
	ret = vmem_pool_copy_ranges(pool, create);
	if (ret)
		goto err_pool;
	ret = vmem_pool_alloc(guest, pool);
	if (ret)
		goto err_pool;
	ret = vmem_object_reserve(guest, &pool->object, VMEM_OBJECT_POOL);
	if (ret)
		goto err_pool;
	if (down_write_killable(&guest->lock)) {
		ret = -EINTR;
		goto err_object;
	}
	ret = vmem_pool_enter(guest, pool);
	up_write(&guest->lock);
	if (ret)
		goto err_object;

	create->out_id = pool->object.id;
	create->out_capacity = pool->pool.capacity;
	call->made = &pool->object;
	return 0;

err_object:
	vmem_object_unreserve(guest, &pool->object);
err_pool:
	vmem_pool_object_free(pool);
	return ret;
}

/**
 * vmem_pool_object_abort() - a pool won't be published
 * @guest:	the guest
 * @pool:	made by POOL_CREATE, unused
 *
 * Context: takes the guest's lock.
 */
void vmem_pool_object_abort(struct vmem_guest *guest,
			    struct vmem_pool_object *pool)
{
	/* What isn't published must go, whatever signal there is. */
	down_write(&guest->lock);
	vmem_pool_leave(guest, pool, pool->nr_ranges);
	list_del(&pool->link);
	up_write(&guest->lock);
	vmem_pool_object_free(pool);
}

/**
 * vmem_pool_object_destroy() - take a pool out of the guest
 * @guest:	the guest
 * @pool:	the pool; vmem_pool_object_free() is to follow
 *
 * Context: vmem_guest.lock is held for writing.
 * Return: 0; -EBUSY: a space or a table uses it.
 */
int vmem_pool_object_destroy(struct vmem_guest *guest,
			     struct vmem_pool_object *pool)
{
	lockdep_assert_held_write(&guest->lock);
	if (pool->spaces || pool->pool.nr_free != pool->pool.capacity)
		return -EBUSY;
	vmem_pool_leave(guest, pool, pool->nr_ranges);
	list_del(&pool->link);
	return 0;
}

/**
 * vmem_pool_object_item() - a pool as LIST tells it
 * @pool:	the pool
 * @item:	zeroed but for the id
 *
 * Context: vmem_guest.lock is held.
 */
void vmem_pool_object_item(const struct vmem_pool_object *pool,
			   struct vmem_ioc_item *item)
{
	item->gpa = pool->ranges[0].gpa;
	item->len = pool->pool.capacity;
	item->uses = pool->pool.nr_used + pool->pool.nr_quarantined;
}

/**
 * vmem_ioctl_pool_stat() - POOL_STAT
 * @call:	the call
 * @arg:	struct vmem_ioc_pool_stat
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -ENOENT, -EINVAL, -EINTR.
 */
int vmem_ioctl_pool_stat(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_pool_stat *stat = arg;
	struct vmem_guest *guest = call->guest;
	const struct vmem_pool *pool;
	struct vmem_object *object;
	int ret = 0;

	if (stat->flags || stat->__reserved)
		return -EOPNOTSUPP;
	if (down_read_killable(&guest->lock))
		return -EINTR;
	object = vmem_object_find(guest, stat->id, VMEM_OBJECT_POOL);
	if (IS_ERR(object)) {
		ret = PTR_ERR(object);
		goto out;
	}
	pool = &vmem_to_pool(object)->pool;
	stat->out_capacity = pool->capacity;
	stat->out_free = pool->nr_free;
	stat->out_used = pool->nr_used;
	stat->out_reserved = pool->nr_reserved;
	stat->out_quarantined = pool->nr_quarantined;
	stat->out_shared = pool->nr_shared;
	stat->out_oldest_generation = vmem_pool_oldest_generation(pool);
out:
	up_read(&guest->lock);
	return ret;
}

/**
 * vmem_ioctl_flushed() - FLUSHED
 * @call:	the call
 * @arg:	struct vmem_ioc_flushed
 *
 * Context: takes the guest's lock.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -EINTR.
 */
int vmem_ioctl_flushed(struct vmem_call *call, void *arg)
{
	const struct vmem_ioc_flushed *flushed = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_pool_object *pool;
	bool more;

	if (flushed->flags)
		return -EOPNOTSUPP;
	do {
		if (down_write_killable(&guest->lock))
			return -EINTR;
		if (flushed->generation > guest->generation) {
			up_write(&guest->lock);
			return -EINVAL;
		}
		more = false;
		list_for_each_entry(pool, &guest->pools, link) {
			more = vmem_pool_flushed(&pool->pool,
						 flushed->generation);
			if (more)
				break;
		}
		up_write(&guest->lock);
		cond_resched();
	} while (more);
	return 0;
}
