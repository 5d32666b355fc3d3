// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Changes: map, unmap, protect, link. No other call changes anything meanwhile;
 * a vCPU may.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

/* Would the root move if it had to be written? */
static bool change_root_moves(struct local_guest *lg, const struct space *space)
{
	return space->flags & VMEM_IOC_SPACE_MOVABLE &&
	       region_search(lg, vmem_table_gpa(space->space.root))->frozen;
}

/* The space, and what its list is made of if it brings none. */
static struct space *change_begin(struct local_guest *lg,
				  const struct vmem_change_ask *ask,
				  struct vmem_change *change, int *ret)
{
	struct space *space, *owner;

	space = owner = space_find(lg, ask->space, ret);
	if (!space)
		return NULL;
	if (!space->pool) {
		*ret = -EINVAL;
		return NULL;
	}
	if (ask->link) {
		owner = space_find(lg, ask->owner, ret);
		if (!owner)
			return NULL;
		if (owner->pool != space->pool || owner->format != space->format) {
			*ret = -EINVAL;
			return NULL;
		}
	}
	/* a table that is made for it would be others', too */
	lg->shared_owner = ask->asked.flags & VMEM_CHANGE_MAKE &&
			   vmem_root_twins(owner->root) ?
			   owner->space.root : VMEM_NO_TABLE;
	vmem_change_init(change, ask);
	*ret = vmem_change_list(change, ask, space->format, &owner->space);
	return *ret ? NULL : space;
}

/* Carry out what is asked for, and say how far it came. */
static int change_run(struct local_guest *lg, const struct vmem_change_ask *ask,
		      struct vmem_ioc_change *out)
{
	struct vmem_change change;
	struct vmem_pool *pool;
	struct space *space;
	u32 used;
	int ret;

	space = change_begin(lg, ask, &change, &ret);
	if (!space)
		return ret;
	pool = &space->pool->pool;
	used = pool->nr_used;
	lg->changing = space;
	lg->movable = space->flags & VMEM_IOC_SPACE_MOVABLE;
	/* the links of a root that moves aren't counted */
	lg->shared_root = vmem_root_twins(space->root) && !change_root_moves(lg, space) ?
			  space->space.root : VMEM_NO_TABLE;
	lg->pages.pool = pool;
	pool->generation = lg->generation + 1;
	do {
		ret = space->format->engine->map(space->format->fmt, lg,
						 &space->space, &change);
		if (ret == VMEM_LINKS)
			ret = pools_lend(lg, pool, change.need.links) ?: VMEM_LINKS;
	} while (ret > 0);
	while (vmem_pool_unreserve(pool, &lg->pages.res) ||
	       vmem_pool_drop_below(pool))
		;
	space->tables += (s64)pool->nr_used - used;
	lg->changing = NULL;
	change.answer.flush = vmem_root_flush(space->root, change.answer.flush);
	if (change.answer.dirty)
		lg->generation++;

	out->out_root = vmem_table_gpa(space->space.root);
	out->out_generation = lg->generation;
	vmem_ioc_change_fill(out, &change, ret);
	return ret;
}

static int mapping_compare(const void *a, const void *b, void *list)
{
	return vmem_mapping_compare(a, b, list);
}

int local_map(struct local_guest *lg, void *p)
{
	struct vmem_ioc_map *arg = p;
	const struct vmem_ioc_mapping *asked =
		(const struct vmem_ioc_mapping *)(uintptr_t)arg->mappings;
	struct vmem_change_ask ask = {};
	struct vmem_mapping *list;
	u32 i, *order;
	int ret;

	ret = vmem_ioc_map_read(arg, &ask);
	if (ret)
		return ret;
	list = calloc(arg->nr, sizeof(*list));
	order = calloc(arg->nr, sizeof(*order));
	if (!list || !order)
		ret = -ENOMEM;
	for (i = 0; i < arg->nr && !ret; i++) {
		order[i] = i;
		ret = vmem_ioc_mapping_read(&asked[i], &list[i]);
		if (ret)
			arg->change.out_at_va = asked[i].va;
	}
	if (!ret) {
		if (arg->flags & VMEM_IOC_MAP_ATOMIC)
			qsort_r(order, arg->nr, sizeof(*order), mapping_compare,
				list);
		ask.asked.list = list;
		ask.asked.order = order;
		ret = change_run(lg, &ask, &arg->change);
	}
	free(order);
	free(list);
	return ret;
}

int local_unmap(struct local_guest *lg, void *p)
{
	struct vmem_ioc_unmap *arg = p;
	struct vmem_change_ask ask = {};

	return vmem_ioc_unmap_read(arg, &ask) ?: change_run(lg, &ask, &arg->change);
}

int local_protect(struct local_guest *lg, void *p)
{
	struct vmem_ioc_protect *arg = p;
	struct vmem_change_ask ask = {};

	return vmem_ioc_protect_read(arg, &ask) ?: change_run(lg, &ask, &arg->change);
}

int local_promote(struct local_guest *lg, void *p)
{
	struct vmem_ioc_promote *arg = p;
	struct vmem_change_ask ask = {};

	return vmem_ioc_promote_read(arg, &ask) ?: change_run(lg, &ask, &arg->change);
}

int local_link(struct local_guest *lg, void *p)
{
	struct vmem_ioc_link *arg = p;
	struct vmem_change_ask ask = {};

	return vmem_ioc_link_read(arg, &ask) ?: change_run(lg, &ask, &arg->change);
}
