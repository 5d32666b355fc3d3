// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Changes: map, unmap, protect, link. No other call changes anything meanwhile;
 * a vCPU may.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/overflow.h>

#include "local.h"

#define PAGE_MASK	4095ULL

_Static_assert(VMEM_IOC_KIND_UNMAPPED == VMEM_KIND_UNMAPPED &&
	       VMEM_IOC_KIND_BASIC == VMEM_KIND_BASIC &&
	       VMEM_IOC_KIND_COW == VMEM_KIND_COW, "kinds");
_Static_assert(VMEM_IOC_MAP_REPLACE == VMEM_CHANGE_REPLACE &&
	       VMEM_IOC_MAP_ATOMIC == VMEM_CHANGE_ATOMIC &&
	       VMEM_IOC_MAP_SHARED_OK == VMEM_CHANGE_SHARED_OK &&
	       VMEM_IOC_MAP_ALONE == VMEM_CHANGE_ALONE &&
	       VMEM_IOC_RANGE_SHARED_OK == VMEM_CHANGE_SHARED_OK &&
	       VMEM_IOC_RANGE_ALONE == VMEM_CHANGE_ALONE &&
	       VMEM_IOC_LINK_REPLACE == VMEM_CHANGE_REPLACE &&
	       VMEM_IOC_LINK_ALONE == VMEM_CHANGE_ALONE, "flags");
_Static_assert(VMEM_IOC_FLUSH_NONE == VMEM_FLUSH_NONE &&
	       VMEM_IOC_FLUSH_RANGE == VMEM_FLUSH_RANGE &&
	       VMEM_IOC_FLUSH_ALL == VMEM_FLUSH_ALL, "flushes");
_Static_assert(VMEM_IOC_CHANGE_MOVED == VMEM_CHANGED_MOVED &&
	       VMEM_IOC_CHANGE_FREED == VMEM_CHANGED_FREED &&
	       VMEM_IOC_CHANGE_UNSHARED == VMEM_CHANGED_UNSHARED, "changes");

static struct space *change_space(struct local_guest *lg, u32 id, int *ret)
{
	struct object *object = object_find(lg, id, VMEM_IOC_LIST_SPACES, ret);
	struct space *space;

	if (!object)
		return NULL;
	space = container_of(object, struct space, object);
	if (!space->pool) {
		*ret = -EINVAL;
		return NULL;
	}
	return space;
}

/* Records of links for a whole change, and buckets for them. */
static int change_lend(struct local_guest *lg, struct vmem_pool *pool, u64 nr)
{
	struct vmem_link **buckets;
	struct link_chunk *chunk;
	size_t i;

	if (pool->wanted) {
		buckets = calloc(pool->wanted, sizeof(*buckets));
		if (!buckets)
			return -ENOMEM;
		free(vmem_pool_grow(pool, buckets, pool->wanted));
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

/* Is the root one that other spaces have, too, and no page of a pool? */
static bool space_twins(const struct space *space)
{
	return !space->root->pool && space->root->spaces > 1;
}

/* Would the root move if it had to be written? */
static bool change_root_moves(struct local_guest *lg, const struct space *space)
{
	return space->flags & VMEM_IOC_SPACE_MOVABLE &&
	       region_search(lg, vmem_table_gpa(space->space.root))->frozen;
}

/* Carry out what is asked for, and say how far it came. */
static int change_run(struct local_guest *lg, struct space *space,
		      struct vmem_change *change, u64 budget,
		      struct vmem_ioc_change *out)
{
	struct vmem_pool *pool = &space->pool->pool;
	u32 used = pool->nr_used;
	int ret;

	change->asked.budget = budget ? budget : LOCAL_CHANGE_BUDGET;
	lg->changing = space;
	lg->movable = space->flags & VMEM_IOC_SPACE_MOVABLE;
	/* the links of a root that moves aren't counted */
	lg->shared_root = space_twins(space) && !change_root_moves(lg, space) ?
			  space->space.root : VMEM_NO_TABLE;
	lg->pages.pool = pool;
	pool->generation = lg->generation + 1;
	do {
		ret = space->format->engine->map(space->format->fmt, lg,
						 &space->space, change);
		if (ret == VMEM_LINKS)
			ret = change_lend(lg, pool, change->need.links) ?: VMEM_LINKS;
	} while (ret > 0);
	while (vmem_pool_unreserve(pool, &lg->pages.res) ||
	       vmem_pool_drop_below(pool))
		;
	space->tables += (s64)pool->nr_used - used;
	lg->changing = NULL;
	/* its root could have moved, and didn't: others show the same */
	if (space_twins(space) && change->answer.flush == VMEM_FLUSH_RANGE)
		vmem_flush_all(change);
	if (change->answer.dirty)
		lg->generation++;

	out->out_root = vmem_table_gpa(space->space.root);
	out->out_generation = lg->generation;
	out->out_flush = change->answer.flush;
	if (change->answer.flush == VMEM_FLUSH_RANGE) {
		out->out_flush_start = change->answer.flush_first;
		out->out_flush_last = change->answer.flush_last;
	}
	out->out_changes = change->answer.changes;
	out->out_done = change->answer.done;
	out->out_done_len = change->answer.done_len;
	out->out_pages = change->answer.pages;
	out->out_overwritten = change->answer.overwritten;
	out->out_missing = change->answer.lacking;
	out->out_dirty = change->answer.lost_dirty;
	if (ret) {
		out->out_at_va = change->answer.at_va;
		out->out_at_level = change->answer.at_level;
	}
	return ret;
}

/* The same for a list of the change's own, which is one to the caller. */
static int change_run_own(struct local_guest *lg, struct space *space,
			  struct vmem_change *change, u64 budget,
			  struct vmem_ioc_change *out)
{
	int ret = change_run(lg, space, change, budget, out);
	u32 i;

	out->out_done = !ret;
	for (i = 0; ret && i < change->answer.done; i++)
		out->out_done_len += change->own[i].len;
	return ret;
}

/* Structure first, then what isn't to be had. */
static int mapping_read(const struct vmem_ioc_mapping *asked,
			struct vmem_mapping *m)
{
	const u32 known = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X |
			  VMEM_IOC_ATTR_ENC;
	bool unmapped = asked->kind == VMEM_IOC_KIND_UNMAPPED;
	u64 last;

	if (!asked->len || (asked->va | asked->gpa | asked->len) & PAGE_MASK)
		return -EINVAL;
	if (check_add_overflow(asked->va, asked->len - 1, &last) ||
	    check_add_overflow(asked->gpa, asked->len - 1, &last))
		return -EOVERFLOW;
	if ((unmapped && (asked->gpa || asked->attrs || asked->flags)) ||
	    asked->flags & ~VMEM_IOC_MAPPING_PATH || asked->attrs & ~known ||
	    (asked->path && !(asked->flags & VMEM_IOC_MAPPING_PATH)) ||
	    (asked->page_sizes && asked->page_sizes != PAGE_MASK + 1))
		return -EOPNOTSUPP;
	*m = (struct vmem_mapping){
		.virt_base	= asked->va,
		.phys_base	= asked->gpa,
		.len		= asked->len,
		.kind		= asked->kind,
		.path_given	= asked->flags & VMEM_IOC_MAPPING_PATH,
		.path		= asked->path,
	};
	switch (asked->kind) {
	case VMEM_IOC_KIND_UNMAPPED:
		return 0;
	case VMEM_IOC_KIND_BASIC:
		m->basic.attrs = asked->attrs;
		return 0;
	case VMEM_IOC_KIND_COW:
		m->cow.attrs = asked->attrs;
		return 0;
	}
	return -EOPNOTSUPP;
}

static int mapping_compare(const void *a, const void *b, void *list)
{
	const struct vmem_mapping *x = (const struct vmem_mapping *)list +
				       *(const u32 *)a;
	const struct vmem_mapping *y = (const struct vmem_mapping *)list +
				       *(const u32 *)b;

	return x->virt_base < y->virt_base ? -1 : x->virt_base > y->virt_base;
}

int space_map(struct local_guest *lg, void *p)
{
	struct vmem_ioc_map *arg = p;
	const struct vmem_ioc_mapping *asked =
		(const struct vmem_ioc_mapping *)(uintptr_t)arg->mappings;
	struct vmem_change change = {};
	struct vmem_mapping *list;
	struct space *space;
	u32 i, *order;
	int ret;

	if (arg->flags & ~(VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_ATOMIC |
			   VMEM_IOC_MAP_SHARED_OK | VMEM_IOC_MAP_ALONE))
		return -EOPNOTSUPP;
	if (!arg->nr)
		return -EINVAL;
	if (arg->nr > LOCAL_MAP_MAX)
		return -E2BIG;
	list = calloc(arg->nr, sizeof(*list));
	order = calloc(arg->nr, sizeof(*order));
	if (!list || !order) {
		ret = -ENOMEM;
		goto out;
	}
	for (i = 0; i < arg->nr; i++) {
		ret = mapping_read(&asked[i], &list[i]);
		if (ret) {
			arg->change.out_at_va = asked[i].va;
			goto out;
		}
		order[i] = i;
	}
	qsort_r(order, arg->nr, sizeof(*order), mapping_compare, list);
	space = change_space(lg, arg->space, &ret);
	if (!space)
		goto out;
	change.asked.list = list;
	change.asked.nr = arg->nr;
	change.asked.flags = arg->flags;
	change.asked.order = order;
	ret = change_run(lg, space, &change, arg->budget, &arg->change);
out:
	free(order);
	free(list);
	return ret;
}

/* UNMAP and PROTECT: @what to a range. */
static int change_range(struct local_guest *lg, u32 id, u64 start, u64 last,
			const struct vmem_mapping *what, u32 flags, u64 budget,
			struct vmem_ioc_change *out)
{
	struct vmem_change change = { .asked.flags = flags };
	struct space *space;
	int ret;

	space = change_space(lg, id, &ret);
	if (!space)
		return ret;
	ret = space->format->engine->range_list(space->format->fmt, &change, start,
						  last, what);
	if (ret)
		return ret;
	return change_run_own(lg, space, &change, budget, out);
}

#define RANGE_FLAGS	(VMEM_IOC_RANGE_SHARED_OK | VMEM_IOC_RANGE_ALONE)

static int range_check(u64 start, u64 last)
{
	return start > last || (start | ~last) & PAGE_MASK ? -EINVAL : 0;
}

int space_unmap(struct local_guest *lg, void *p)
{
	const struct vmem_mapping what = { .kind = VMEM_KIND_UNMAPPED };
	struct vmem_ioc_unmap *arg = p;
	int ret;

	ret = range_check(arg->start, arg->last);
	if (ret)
		return ret;
	if (arg->flags & ~RANGE_FLAGS || arg->__reserved)
		return -EOPNOTSUPP;
	return change_range(lg, arg->space, arg->start, arg->last, &what,
			    arg->flags, arg->budget, &arg->change);
}

int space_protect(struct local_guest *lg, void *p)
{
	struct vmem_ioc_protect *arg = p;
	const struct vmem_mapping what = {
		.kind		= VMEM_KIND_PROTECT,
		.protect.set	= arg->set,
		.protect.clear	= arg->clear,
	};
	int ret;

	ret = range_check(arg->start, arg->last);
	if (ret)
		return ret;
	if (arg->flags & ~RANGE_FLAGS || arg->__reserved)
		return -EOPNOTSUPP;
	return change_range(lg, arg->space, arg->start, arg->last, &what,
			    arg->flags, arg->budget, &arg->change);
}

int space_link(struct local_guest *lg, void *p)
{
	struct vmem_ioc_link *arg = p;
	struct vmem_change change = { .asked.flags = arg->flags };
	struct vmem_link_mapping link;
	const struct space *owner;
	struct vmem_mapping *m;
	struct object *object;
	struct space *space;
	u32 levels;
	int ret;

	if (arg->flags & ~(VMEM_IOC_LINK_REPLACE | VMEM_IOC_LINK_ALONE) ||
	    arg->__reserved ||
	    arg->path_given > 1 || (arg->path && !arg->path_given))
		return -EOPNOTSUPP;
	space = change_space(lg, arg->space, &ret);
	if (!space)
		return ret;
	object = object_find(lg, arg->owner, VMEM_IOC_LIST_SPACES, &ret);
	if (!object)
		return ret;
	owner = container_of(object, struct space, object);
	levels = space->format->fmt->nr_levels;
	if (owner->pool != space->pool || owner->format != space->format ||
	    !arg->depth || arg->depth >= levels)
		return -EINVAL;
	link = (struct vmem_link_mapping){
		.owner		= &owner->space,
		.their_va	= arg->their_va,
		.level		= levels - 1 - arg->depth,
	};
	ret = space->format->engine->link_list(space->format->fmt, &change,
						 arg->our_va, &link);
	if (ret)
		return ret;
	m = &change.own[change.asked.nr - 1];
	m->path = arg->path;
	m->path_given = arg->path_given;
	return change_run_own(lg, space, &change, arg->budget, &arg->change);
}
