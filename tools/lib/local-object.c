// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Objects: ids, finding, listing, destroying. What a kind does is in its ops.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

/* The first object whose id is not below @id, as an index. */
static u32 object_lower_bound(const struct local_guest *lg, u32 id)
{
	u32 low = 0, high = lg->nr_objects;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (lg->objects[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Give @object an id. Ids ascend, so it goes to the end. */
int object_add(struct local_guest *lg, struct object *object,
	       const struct object_ops *ops)
{
	struct object **objects;

	if (lg->nr[ops->kind] == ops->max || lg->last_id == U32_MAX)
		return -E2BIG;
	objects = realloc(lg->objects,
			  (lg->nr_objects + 1) * sizeof(struct object *));
	if (!objects)
		return -ENOMEM;
	object->id = ++lg->last_id;
	object->ops = ops;
	objects[lg->nr_objects++] = object;
	lg->nr[ops->kind]++;
	lg->objects = objects;
	return 0;
}

void object_remove(struct local_guest *lg, struct object *object)
{
	u32 at = object_lower_bound(lg, object->id);

	lg->nr[object->ops->kind]--;
	lg->nr_objects--;
	memmove(&lg->objects[at], &lg->objects[at + 1],
		(lg->nr_objects - at) * sizeof(struct object *));
}

/* What an id names; NULL, and in @ret why: -ENOENT, -EINVAL. Ops NULL: any kind. */
struct object *object_find(struct local_guest *lg, u32 id,
			   const struct object_ops *ops, int *ret)
{
	u32 at = object_lower_bound(lg, id);

	if (at == lg->nr_objects || lg->objects[at]->id != id) {
		*ret = -ENOENT;
		return NULL;
	}
	if (ops && lg->objects[at]->ops != ops) {
		*ret = -EINVAL;
		return NULL;
	}
	return lg->objects[at];
}

/* All go: spaces first, then the pools that they take from, then memory. */
void objects_end(struct local_guest *lg)
{
	u32 kind, i;

	for (kind = VMEM_OBJECT_KINDS; kind--;)
		for (i = lg->nr_objects; i--;)
			if (lg->objects[i]->ops->kind == kind)
				lg->objects[i]->ops->free(lg, lg->objects[i]);
	free(lg->objects);
}

int local_list(struct local_guest *lg, void *p)
{
	struct vmem_ioc_list *arg = p;
	struct vmem_ioc_item *items = (void *)(uintptr_t)arg->items;
	int ret;
	u32 at;

	ret = vmem_ioc_list_check(arg);
	if (ret || arg->cursor == U32_MAX)
		return ret;
	for (at = object_lower_bound(lg, arg->cursor + 1);
	     at < lg->nr_objects; at++) {
		const struct object *object = lg->objects[at];

		if (object->ops->kind != arg->kind)
			continue;
		if (arg->out_nr == arg->nr) {
			arg->out_cursor = items[arg->nr - 1].id;
			break;
		}
		items[arg->out_nr] = (struct vmem_ioc_item){ .id = object->id };
		object->ops->item(object, &items[arg->out_nr++]);
	}
	return 0;
}

int local_destroy(struct local_guest *lg, void *p)
{
	struct vmem_ioc_destroy *arg = p;
	struct object *object;
	int ret = 0;

	object = object_find(lg, arg->id, NULL, &ret);
	if (!object)
		return ret;
	ret = object->ops->destroy(lg, object, arg);
	if (ret)
		return ret;
	object->ops->free(lg, object);
	arg->out_generation = ++lg->generation;
	return 0;
}
