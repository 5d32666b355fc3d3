// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Changes: map and unmap. No other call changes anything meanwhile; a vCPU may.
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
	       VMEM_IOC_MAP_ATOMIC == VMEM_CHANGE_ATOMIC, "flags");
_Static_assert(VMEM_IOC_FLUSH_NONE == VMEM_FLUSH_NONE &&
	       VMEM_IOC_FLUSH_RANGE == VMEM_FLUSH_RANGE &&
	       VMEM_IOC_FLUSH_ALL == VMEM_FLUSH_ALL, "flushes");
_Static_assert(VMEM_IOC_CHANGE_MOVED == VMEM_CHANGED_MOVED &&
	       VMEM_IOC_CHANGE_FREED == VMEM_CHANGED_FREED, "changes");

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

/* Carry out what is asked for, and say how far it came. */
static int change_run(struct local_guest *lg, struct space *space,
		      struct vmem_change *change, u64 budget,
		      struct vmem_ioc_change *out)
{
	int ret;

	change->budget = budget ? budget : LOCAL_CHANGE_BUDGET;
	lg->changing = space;
	space->pool->pool.generation = lg->generation + 1;
	do
		ret = space->engine->map(lg, &space->space, change);
	while (ret > 0);
	while (vmem_pool_unreserve(&space->pool->pool, &lg->reservation))
		;
	lg->changing = NULL;
	if (change->dirty)
		lg->generation++;

	out->out_root = vmem_table_gpa(space->space.root);
	out->out_generation = lg->generation;
	out->out_flush = change->flush;
	if (change->flush == VMEM_FLUSH_RANGE) {
		out->out_flush_start = change->flush_first;
		out->out_flush_last = change->flush_last;
	}
	out->out_changes = change->changes;
	out->out_done = change->done;
	out->out_done_len = change->done_len;
	out->out_pages = change->pages;
	if (ret) {
		out->out_at_va = change->at_va;
		out->out_at_level = change->at_level;
	}
	return ret;
}

/* Structure first, then what isn't to be had. */
static int mapping_read(const struct vmem_ioc_mapping *asked,
			struct vmem_mapping *m)
{
	const u32 perms = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X;
	bool unmapped = asked->kind == VMEM_IOC_KIND_UNMAPPED;
	u64 last;

	if (!asked->len || (asked->va | asked->gpa | asked->len) & PAGE_MASK)
		return -EINVAL;
	if (check_add_overflow(asked->va, asked->len - 1, &last) ||
	    check_add_overflow(asked->gpa, asked->len - 1, &last))
		return -EOVERFLOW;
	if ((unmapped && (asked->gpa || asked->attrs)) || asked->flags ||
	    asked->path || asked->attrs & ~perms ||
	    (asked->page_sizes && asked->page_sizes != PAGE_MASK + 1) ||
	    (!unmapped && asked->kind != VMEM_IOC_KIND_BASIC))
		return -EOPNOTSUPP;
	*m = (struct vmem_mapping){
		.virt_base	= asked->va,
		.phys_base	= asked->gpa,
		.len		= asked->len,
		.kind		= asked->kind,
		.basic.attrs	= asked->attrs,
	};
	return 0;
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

	if (arg->flags & ~(VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_ATOMIC))
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
		if (ret)
			goto out;
		order[i] = i;
	}
	qsort_r(order, arg->nr, sizeof(*order), mapping_compare, list);
	space = change_space(lg, arg->space, &ret);
	if (!space)
		goto out;
	change.list = list;
	change.nr = arg->nr;
	change.flags = arg->flags;
	change.order = order;
	ret = change_run(lg, space, &change, arg->budget, &arg->change);
out:
	free(order);
	free(list);
	return ret;
}

int space_unmap(struct local_guest *lg, void *p)
{
	struct vmem_ioc_unmap *arg = p;
	struct vmem_mapping list[2];
	static const u32 order[] = { 0, 1 };
	struct vmem_change change = { .list = list, .order = order };
	u32 i;
	struct space *space;
	int ret;

	if (arg->start > arg->last || (arg->start | ~arg->last) & PAGE_MASK)
		return -EINVAL;
	if (arg->flags || arg->__reserved)
		return -EOPNOTSUPP;
	space = change_space(lg, arg->space, &ret);
	if (!space)
		return ret;
	ret = space->engine->unmap_list(arg->start, arg->last, list, &change.nr);
	if (ret)
		return ret;
	if (change.nr > 1)
		change.flags = VMEM_CHANGE_ATOMIC;
	ret = change_run(lg, space, &change, arg->budget, &arg->change);
	/* two parts are one range to the caller */
	arg->change.out_done = !ret;
	for (i = 0; ret && i < change.done; i++)
		arg->change.out_done_len += list[i].len;
	return ret;
}
