/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The table ops of the core over regions that lie in this process.
 */
#ifndef _LIBVMEM_LOCAL_OPS_H
#define _LIBVMEM_LOCAL_OPS_H

#include "local.h"

static inline const struct region *region_find(struct local_guest *lg,
					       vmem_phys_t gpa)
{
	if (unlikely(gpa - lg->hint->gpa >= lg->hint->len))
		lg->hint = region_search(lg, gpa);
	return lg->hint;
}

/* Regions begin and end at multiples of the page: a table is in one, or not. */
static inline int ops_from_phys(void *ctx, vmem_table_t table,
				enum vmem_intent intent, vmem_pte_t **host)
{
	vmem_phys_t gpa = vmem_table_gpa(table);
	const struct region *region = region_find(ctx, gpa);

	if (unlikely(!region->len))
		return VMEM_OUTSIDE;
	if (unlikely(region->dump))
		return intent == VMEM_WRITE ? -EROFS : dump_table(ctx, gpa, host);
	if (intent == VMEM_WRITE && region->frozen)
		return ((struct local_guest *)ctx)->movable ? VMEM_FROZEN :
							      -EROFS;
	*host = (vmem_pte_t *)(region->host + (gpa - region->gpa));
	return 0;
}

static inline bool ops_in_memory(void *ctx, vmem_phys_t gpa, u64 *same)
{
	const struct region *region = region_find(ctx, gpa);

	if (unlikely(!region->len))
		return region_covers(ctx, gpa, same);
	if (unlikely(region->dump))
		return dump_in_memory(region->dump, gpa, same);
	*same = region->gpa + region->len - gpa;
	return true;
}

/* Pages of a dump stay for a piece of work only. */
static inline bool ops_pause(void *ctx, unsigned int nr)
{
	const struct local_guest *lg = ctx;

	return unlikely(lg->dump) && dump_piece_full(lg->dump);
}

static inline enum vmem_owner ops_owner(void *ctx, vmem_table_t table,
					unsigned int level, vmem_table_t parent,
					unsigned int slot, u32 *links)
{
	const struct local_guest *lg = ctx;
	struct pool *pool = pools_at(ctx, table);
	enum vmem_owner owner;

	/* a root that is no page of a pool has a link from each of its spaces */
	if (table == lg->shared_root || table == lg->shared_owner) {
		*links = 2;
		return parent == VMEM_NO_TABLE ? VMEM_MINE : VMEM_MISUSED;
	}
	if (!pool)
		return VMEM_FOREIGN;
	owner = vmem_pool_owner(&pool->pool, table, level, parent, slot, links);
	return owner == VMEM_MINE && pool != lg->changing->pool ? VMEM_OTHERS :
								  owner;
}

static inline struct vmem_pages *ops_pages(void *ctx)
{
	struct local_guest *lg = ctx;

	return &lg->pages;
}

static inline void ops_update_root(void *ctx, unsigned int level)
{
	struct local_guest *lg = ctx;
	struct vmem_root **root = &lg->changing->root;

	vmem_root_leave(&lg->links, *root);
	*root = vmem_root_make(lg->pages.pool, &lg->pages.res, level);
	lg->shared_root = VMEM_NO_TABLE;
}

/* Its region is the one that was asked for last. */
static inline void ops_written(void *ctx, vmem_table_t table)
{
	const struct local_guest *lg = ctx;

	region_written(lg->hint, vmem_table_gpa(table));
}

static const struct vmem_table_ops local_ops = {
	.read = {
		.from_phys	= ops_from_phys,
		.in_memory	= ops_in_memory,
		.pause		= ops_pause,
	},
	/* of spaces that may not, no table is found frozen */
	.movability	= VMEM_MAY_MOVE_TABLE,
	.owner		= ops_owner,
	.pages		= ops_pages,
	.update_root	= ops_update_root,
	.written	= ops_written,
};

#endif /* _LIBVMEM_LOCAL_OPS_H */
