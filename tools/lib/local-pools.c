// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The pools of a guest as a whole: whose a table is, the records of links that they
 * are lent, and roots.
 */
#include <errno.h>
#include <stdlib.h>

#include "local.h"

/* The pool that @table is a page of, or NULL. */
struct pool *pools_at(struct local_guest *lg, vmem_table_t table)
{
	struct pool *pool;

	for (pool = lg->pools; pool; pool = pool->next)
		if (vmem_pool_find(&pool->pool, table))
			break;
	return pool;
}

/* No space has a pool, and no pool a table. */
bool pools_idle(const struct local_guest *lg)
{
	const struct pool *pool;

	for (pool = lg->pools; pool; pool = pool->next)
		if (pool->spaces || pool->pool.nr_used)
			return false;
	return true;
}

/*
 * Memory goes, or becomes a pool's, in which tables may lie that name some of
 * pools: these lose those links. Return: whether tables went into quarantine.
 */
bool pools_drop(struct local_guest *lg, const struct vmem_pool_range *ranges, u32 nr)
{
	struct vmem_link **at;
	bool dropped = false;
	struct pool *pool;
	u32 used;

	for (pool = lg->pools; pool; pool = pool->next) {
		pool->pool.generation = lg->generation + 1;
		used = pool->pool.nr_used;
		at = NULL;
		while (vmem_pool_drop_foreign(&pool->pool, ranges, nr, &at))
			;
		while (vmem_pool_drop_below(&pool->pool))
			;
		dropped |= pool->pool.nr_used != used;
	}
	return dropped;
}

/* Records of links for a whole change, and buckets for them. */
int pools_lend(struct local_guest *lg, struct vmem_pool *pool, u64 nr)
{
	struct vmem_link **buckets;
	struct link_chunk *chunk;
	size_t i;

	if (pool->wanted) {
		buckets = calloc(pool->wanted, sizeof(*buckets));
		if (!buckets)
			return -ENOMEM;
		free(vmem_buckets_lend(pool, buckets, pool->wanted));
	}

	while (lg->links.nr < nr) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		chunk->next = lg->link_chunks;
		lg->link_chunks = chunk;
		for (i = 0; i < sizeof(chunk->links) / sizeof(chunk->links[0]); i++)
			vmem_link_lend(&lg->links, &chunk->links[i]);
	}
	return 0;
}

static void roots_free(struct vmem_root *root)
{
	struct vmem_root *next;

	for (; root; root = next) {
		next = root->next;
		free(root);
	}
}

/* The guest has no objects any more. */
void pools_end(struct local_guest *lg)
{
	struct link_chunk *chunk;

	roots_free(lg->links.roots);
	roots_free(lg->links.spare_roots);
	while ((chunk = lg->link_chunks)) {
		lg->link_chunks = chunk->next;
		free(chunk);
	}
}
