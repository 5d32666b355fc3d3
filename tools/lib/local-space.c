// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Spaces: made, found, destroyed; translations in them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

/* An answer of the core is an answer of the call, byte for byte. */
#define SAME(a, b, type, field, other)					\
	_Static_assert(offsetof(struct a, field) ==			\
		       offsetof(struct b, other) &&			\
		       sizeof(((struct a *)0)->field) == sizeof(type) &&	\
		       sizeof(((struct b *)0)->other) == sizeof(type),	\
		       #field)
#define SAME_RESULT(field, type) \
	SAME(vmem_ioc_result, vmem_translation, type, field, field)

SAME_RESULT(gpa, u64);
SAME_RESULT(entry, u64);
SAME_RESULT(status, u8);
SAME_RESULT(level, u8);
SAME_RESULT(page_lg2, u8);
SAME_RESULT(flags, u8);
SAME_RESULT(error_code, u32);
SAME_RESULT(leaf, u16);
SAME_RESULT(effective, u16);
SAME_RESULT(path, u32);
_Static_assert(sizeof(struct vmem_ioc_result) ==
	       sizeof(struct vmem_translation), "result");
_Static_assert(VMEM_IOC_OK == VMEM_OK &&
	       VMEM_IOC_NOT_PRESENT == VMEM_NOT_PRESENT &&
	       VMEM_IOC_NON_CANONICAL == VMEM_NON_CANONICAL &&
	       VMEM_IOC_RESERVED == VMEM_STATUS_RESERVED &&
	       VMEM_IOC_OUTSIDE == VMEM_STATUS_OUTSIDE &&
	       VMEM_IOC_RESULT_OUTSIDE == VMEM_FRAME_OUTSIDE &&
	       VMEM_IOC_RESULT_PARTIAL == VMEM_FRAME_PARTIAL &&
	       VMEM_IOC_EFFECTIVE_SHADOW == VMEM_SHADOW &&
	       VMEM_IOC_LEVELS_MAX == VMEM_LEVELS_MAX, "status");
_Static_assert(VMEM_IOC_ATTR_R == VMEM_R && VMEM_IOC_ATTR_W == VMEM_W &&
	       VMEM_IOC_ATTR_X == VMEM_X && VMEM_IOC_ATTR_U == VMEM_U &&
	       VMEM_IOC_ATTR_G == VMEM_G && VMEM_IOC_ATTR_A == VMEM_A &&
	       VMEM_IOC_ATTR_D == VMEM_D && VMEM_IOC_ATTR_PCD == VMEM_PCD &&
	       VMEM_IOC_ATTR_PWT == VMEM_PWT &&
	       VMEM_IOC_ATTR_PAT == VMEM_PAT &&
	       VMEM_IOC_ATTR_COW == VMEM_COW &&
	       VMEM_IOC_ATTR_ENC == VMEM_ENC &&
	       VMEM_IOC_ATTR_KEY_MASK == VMEM_KEY, "attributes");
_Static_assert(VMEM_IOC_SPACE_NXE_OFF == VMEM_VCPU_NXE_OFF &&
	       VMEM_IOC_SPACE_COW_NONE == VMEM_VCPU_COW_NONE &&
	       VMEM_IOC_SPACE_AMD == VMEM_VCPU_AMD &&
	       VMEM_IOC_SPACE_NO_1G == VMEM_VCPU_NO_1G &&
	       VMEM_IOC_SPACE_CET == VMEM_VCPU_CET &&
	       VMEM_IOC_SPACE_LAM48 == VMEM_VCPU_LAM48 &&
	       VMEM_IOC_SPACE_LAM57 == VMEM_VCPU_LAM57 &&
	       VMEM_IOC_SPACE_LAM_SUP == VMEM_VCPU_LAM_SUP &&
	       VMEM_IOC_SPACE_UAI == VMEM_VCPU_UAI &&
	       VMEM_IOC_SPACE_ENC_SHARED == VMEM_VCPU_ENC_SHARED, "facts");

static int space_check(const struct vmem_ioc_space_create *arg)
{
	const u32 known = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_MOVABLE |
			  VMEM_VCPU_FLAGS;

	if (arg->flags & ~known)
		return -EOPNOTSUPP;
	if (!vmem_format_find(arg->format))
		return -EOPNOTSUPP;
	if (arg->flags & VMEM_IOC_SPACE_NEW && arg->root)
		return -EINVAL;
	if (arg->flags & (VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_MOVABLE) &&
	    !arg->pool)
		return -EINVAL;
	return 0;
}

/* What can be told from the arguments alone. */
static int space_init(struct space *space,
		      const struct vmem_ioc_space_create *arg)
{
	const struct vmem_vcpu vcpu = {
		.phys_bits	= arg->phys_bits,
		.flags		= arg->flags & VMEM_VCPU_FLAGS,
		.cow		= arg->cow,
		.enc_bit	= arg->enc_bit,
	};
	const struct vmem_format *fmt;
	u64 root;
	int ret;

	space->flags = arg->flags;
	space->format = vmem_format_find(arg->format);
	fmt = space->format->fmt;
	ret = space->format->engine->facts(fmt, &space->space.facts, &vcpu);
	if (ret)
		return ret;
	/* as in an entry, the encryption bit is no part of the address */
	root = arg->root & ~space->space.facts.enc;
	if (root & (BIT_ULL(fmt->page_lg2) - 1))
		return -EINVAL;
	space->space.root = vmem_table(root);
	return vmem_nameable(&space->space.facts, root, root) ? 0 : -EOVERFLOW;
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
	root = vmem_pool_reserved(pool, &lg->pages.res, 0);
	if (!vmem_nameable(&space->space.facts, vmem_table_gpa(root),
			   vmem_table_gpa(root))) {
		vmem_pool_unreserve(pool, &lg->pages.res);
		return -EOVERFLOW;
	}
	region = region_search(lg, vmem_table_gpa(root));
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
	struct pool *pool = pool_of(lg, space->space.root);

	if (!region_search(lg, vmem_table_gpa(space->space.root))->len)
		return -ENXIO;
	/* Or tables of the one would hang below those of the other. */
	if (pool && space->pool && space->pool != pool)
		return -EINVAL;
	return vmem_root_adopt(&lg->links, pool ? &pool->pool : NULL,
			       space->space.root,
			       space->format->fmt->nr_levels - 1, &space->root);
}

/* Does the root of a space lie here? */
bool space_root_within(const struct local_guest *lg, u64 gpa, u64 len)
{
	u32 i;

	for (i = 0; i < lg->nr_objects; i++) {
		const struct space *space;

		if (lg->objects[i]->kind != VMEM_IOC_LIST_SPACES)
			continue;
		space = container_of(lg->objects[i], struct space, object);
		if (vmem_table_gpa(space->space.root) - gpa < len)
			return true;
	}
	return false;
}

int space_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_space_create *arg = p;
	struct vmem_root *root;
	struct object *object;
	struct space *space;
	int ret;

	ret = space_check(arg);
	if (ret)
		return ret;
	space = calloc(1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	ret = space_init(space, arg);
	if (!ret && lg->nr_spaces == LOCAL_SPACES_MAX)
		ret = -E2BIG;
	if (ret)
		goto err_free;
	if (arg->pool) {
		object = object_find(lg, arg->pool, VMEM_IOC_LIST_POOLS, &ret);
		if (!object)
			goto err_free;
		space->pool = container_of(object, struct pool, object);
		if (!vmem_link_admit(&lg->links, &space->space.facts,
				     pools_idle(lg))) {
			ret = -EINVAL;
			goto err_free;
		}
	}
	root = malloc(sizeof(*root));
	if (!root) {
		ret = -ENOMEM;
		goto err_free;
	}
	vmem_root_lend(&lg->links, root);
	/* The id first: what follows can be undone no more. */
	ret = object_add(lg, &space->object, VMEM_IOC_LIST_SPACES);
	if (ret)
		goto err_root;
	if (arg->flags & VMEM_IOC_SPACE_NEW)
		ret = space_make_root(lg, space);
	else
		ret = space_adopt_root(lg, space);
	if (ret)
		goto err_remove;
	if (space->pool)
		space->pool->spaces++;
	lg->nr_spaces++;
	arg->out_id = space->object.id;
	arg->out_root = vmem_table_gpa(space->space.root);
	return 0;

err_remove:
	object_remove(lg, &space->object);
	lg->last_id--;
err_root:
	free(vmem_root_take_back(&lg->links));
err_free:
	free(space);
	return ret;
}

int space_get(struct local_guest *lg, void *p)
{
	struct vmem_ioc_space_get *arg = p;
	const struct space *space;
	struct object *object;
	int ret;

	if (arg->flags)
		return -EOPNOTSUPP;
	object = object_find(lg, arg->id, VMEM_IOC_LIST_SPACES, &ret);
	if (!object)
		return ret;
	space = container_of(object, struct space, object);
	arg->out_links = vmem_root_links(space->root) - 1;
	arg->out_root = vmem_table_gpa(space->space.root);
	arg->out_generation = lg->generation;
	arg->out_tables = space->tables > 0 ? space->tables : 0;
	arg->out_flags = space->flags;
	arg->out_phys_bits = space->space.facts.vcpu.phys_bits;
	arg->out_cow = space->space.facts.vcpu.cow;
	arg->out_enc_bit = space->space.facts.vcpu.enc_bit;
	return 0;
}

int space_translate(struct local_guest *lg, void *p)
{
	struct vmem_ioc_translate *arg = p;
	const struct space *space;
	struct object *object;
	int ret;

	if (arg->flags || arg->access || arg->mode || arg->pkru)
		return -EOPNOTSUPP;
	if (arg->nr > LOCAL_TRANSLATE_MAX)
		return -E2BIG;
	object = object_find(lg, arg->space, VMEM_IOC_LIST_SPACES, &ret);
	if (!object)
		return ret;
	space = container_of(object, struct space, object);
	return space->format->engine->translate(space->format->fmt, lg, &space->space,
						(const u64 *)(uintptr_t)arg->vas,
						arg->nr,
						(void *)(uintptr_t)arg->results,
						(void *)(uintptr_t)arg->entries,
						&arg->out_done);
}

/* Return: whether tables were freed that a vCPU may still hold. */
bool space_destroy(struct local_guest *lg, struct space *space)
{
	struct vmem_pool *pool = space->root->pool;
	bool freed;

	if (pool)
		pool->generation = lg->generation + 1;
	freed = vmem_root_leave(&lg->links, space->root);
	while (freed && vmem_pool_drop_below(pool))
		;
	if (space->pool)
		space->pool->spaces--;
	free(vmem_root_take_back(&lg->links));
	space_free(lg, space);
	return freed;
}

void space_free(struct local_guest *lg, struct space *space)
{
	lg->nr_spaces--;
	object_remove(lg, &space->object);
	free(space);
}
