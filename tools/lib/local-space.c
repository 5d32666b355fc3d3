// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Spaces: made, found, destroyed; translations in them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../vmem/call_access.h"
#include "local.h"

static int space_destroy(struct local_guest *lg, struct object *object,
			 struct vmem_ioc_destroy *answer)
{
	struct space *space = to_space(object);
	struct vmem_pool *pool = space->root->pool;

	if (pool)
		pool->generation = lg->generation + 1;
	/* tables were freed that a vCPU may still hold */
	if (vmem_root_leave(&lg->links, space->root)) {
		answer->out_flush = VMEM_IOC_FLUSH_ALL;
		while (vmem_pool_drop_below(pool))
			;
	}
	if (space->pool)
		space->pool->spaces--;
	free(vmem_root_take_back(&lg->links));
	return 0;
}

static void space_free(struct local_guest *lg, struct object *object)
{
	object_remove(lg, object);
	free(to_space(object));
}

static void space_item(const struct object *object, struct vmem_ioc_item *item)
{
	const struct space *space = to_space(object);

	vmem_ioc_item_space(item, space->format, &space->space, space->flags,
			    space->pool ? space->pool->object.id : 0,
			    space->tables);
}

static const struct object_ops space_ops = {
	.kind		= VMEM_IOC_LIST_SPACES,
	.max		= VMEM_SPACES_MAX,
	.item		= space_item,
	.destroy	= space_destroy,
	.free		= space_free,
};

/* The space of an id; NULL, and in @ret why. */
struct space *space_find(struct local_guest *lg, u32 id, int *ret)
{
	struct object *object = object_find(lg, id, &space_ops, ret);

	return object ? to_space(object) : NULL;
}

/* A new root from the space's pool. */
static int space_make_root(struct local_guest *lg, struct space *space)
{
	struct vmem_pool *pool = &space->pool->pool;
	unsigned int level = space->format->fmt->nr_levels - 1;
	const struct region *region;
	vmem_table_t root;
	int ret;

	ret = vmem_pool_reserve(pool, &lg->pages.res, 1, 0);
	if (ret)
		return ret;
	root = lg->pages.res.first->table;
	if (!vmem_nameable(&space->space.facts, vmem_table_gpa(root),
			   vmem_table_gpa(root))) {
		vmem_pool_unreserve(pool, &lg->pages.res);
		return -EOVERFLOW;
	}
	region = region_search(lg, vmem_table_gpa(root));
	region_written(region, vmem_table_gpa(root));
	memset(region->host + (vmem_table_gpa(root) - region->gpa), 0,
	       1UL << VMEM_POOL_PAGE_LG2);
	space->root = vmem_root_make(pool, &lg->pages.res, level);
	space->space.root = root;
	space->tables = 1;
	return 0;
}

/* A root that is there. */
static int space_adopt_root(struct local_guest *lg, struct space *space)
{
	struct pool *pool = pools_at(lg, space->space.root);

	if (!region_search(lg, vmem_table_gpa(space->space.root))->len)
		return -ENXIO;
	/* Or tables of the one would hang below those of the other. */
	if (pool && space->pool && space->pool != pool)
		return -EINVAL;
	return vmem_root_adopt(&lg->links, pool ? &pool->pool : NULL,
			       space->space.root,
			       space->format->fmt->nr_levels - 1, &space->root);
}

int local_space_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_space_create *arg = p;
	struct object *pool = NULL;
	struct vmem_root *root;
	struct space *space;
	int ret, found = 0;

	space = calloc(1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	space->flags = arg->flags;
	ret = vmem_ioc_space_create_read(arg, &space->format, &space->space);
	if (ret)
		goto err_free;
	/* before the space has an id, which may be the one that was said */
	if (arg->pool)
		pool = object_find(lg, arg->pool, &pool_ops, &found);
	ret = object_add(lg, &space->object, &space_ops);
	if (ret)
		goto err_free;
	if (arg->pool) {
		ret = found;
		if (!pool)
			goto err_object;
		space->pool = to_pool(pool);
		if (!vmem_link_admit(&lg->links, &space->space.facts,
				     pools_idle(lg))) {
			ret = -EINVAL;
			goto err_object;
		}
	}
	root = malloc(sizeof(*root));
	if (!root) {
		ret = -ENOMEM;
		goto err_object;
	}
	vmem_root_lend(&lg->links, root);
	if (arg->flags & VMEM_IOC_SPACE_NEW)
		ret = space_make_root(lg, space);
	else
		ret = space_adopt_root(lg, space);
	if (ret)
		goto err_root;
	if (space->pool)
		space->pool->spaces++;
	arg->out_id = space->object.id;
	arg->out_root = vmem_table_gpa(space->space.root);
	return 0;

err_root:
	free(vmem_root_take_back(&lg->links));
err_object:
	object_remove(lg, &space->object);
err_free:
	free(space);
	return ret;
}

int local_space_get(struct local_guest *lg, void *p)
{
	struct vmem_ioc_space_get *arg = p;
	const struct space *space;
	int ret;

	space = space_find(lg, arg->id, &ret);
	if (!space)
		return ret;
	vmem_ioc_space_get_fill(arg, &space->space, space->root, space->flags,
				space->tables);
	arg->out_generation = lg->generation;
	return 0;
}

int local_translate(struct local_guest *lg, void *p)
{
	struct vmem_ioc_translate *arg = p;
	const struct space *space;
	struct vmem_judge judge;
	u32 i;
	int ret;

	ret = vmem_ioc_translate_check(arg, VMEM_RIGHTS_ALL);
	if (ret)
		return ret;
	space = space_find(lg, arg->space, &ret);
	if (!space)
		return ret;
	if (arg->access)
		ret = vmem_ioc_access_read(space->format->engine, &space->space.facts, arg,
					   &judge);
	/* it pauses only where it sets something */
	for (ret = ret ?: VMEM_PAUSE; ret == VMEM_PAUSE;) {
		if (lg->dump)
			dump_piece_begin(lg->dump);
		ret = vmem_translate_judged(space->format->engine, space->format->fmt, lg,
					    &space->space, arg->access ? &judge : NULL,
					    (const u64 *)(uintptr_t)arg->vas, arg->nr,
					    (void *)(uintptr_t)arg->results,
					    (void *)(uintptr_t)arg->entries, &arg->out_done);
	}
	for (i = 0; lg->dump && i < arg->out_done; i++)
		dump_result(lg, space, &((struct vmem_ioc_result *)(uintptr_t)arg->results)[i]);
	return ret;
}
