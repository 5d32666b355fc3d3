// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The back end that is this process: a guest and its objects, and the table of
 * its calls, which takes their structs as the module does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libvmem.h"
#include "local.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

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
int object_add(struct local_guest *lg, struct object *object, u32 kind)
{
	struct object **objects;

	if (lg->last_id == U32_MAX)
		return -ENOMEM;
	objects = realloc(lg->objects,
			  (lg->nr_objects + 1) * sizeof(struct object *));
	if (!objects)
		return -ENOMEM;
	object->id = ++lg->last_id;
	object->kind = kind;
	objects[lg->nr_objects++] = object;
	lg->objects = objects;
	return 0;
}

void object_remove(struct local_guest *lg, struct object *object)
{
	u32 at = object_lower_bound(lg, object->id);

	lg->nr_objects--;
	memmove(&lg->objects[at], &lg->objects[at + 1],
		(lg->nr_objects - at) * sizeof(struct object *));
}

/* What an id names; NULL, and in @ret why: -ENOENT, -EINVAL. Kind 0 is any. */
struct object *object_find(struct local_guest *lg, u32 id, u32 kind, int *ret)
{
	u32 at = object_lower_bound(lg, id);

	if (at == lg->nr_objects || lg->objects[at]->id != id) {
		*ret = -ENOENT;
		return NULL;
	}
	if (kind && lg->objects[at]->kind != kind) {
		*ret = -EINVAL;
		return NULL;
	}
	return lg->objects[at];
}

static void format_describe(const struct vmem_format_ops *format,
			    struct vmem_ioc_format *out)
{
	const struct vmem_format *fmt = format->fmt;
	unsigned int level;

	memset(out, 0, sizeof(*out));
	out->id = format->id;
	out->levels = fmt->nr_levels;
	for (level = 0; level < fmt->nr_levels; level++)
		if (fmt->leaf_levels & BIT(level))
			out->page_sizes |=
				BIT_ULL(format->engine->entry_lg2(fmt, level));
	out->map_page_sizes = BIT_ULL(fmt->page_lg2);
	out->virt_bits = format->engine->table_lg2(fmt, fmt->nr_levels - 1);
	out->phys_bits = fmt->phys_bits;
	strncpy(out->name, fmt->name, sizeof(out->name) - 1);
}

static int local_info(struct local_guest *lg, void *p)
{
	struct vmem_ioc_info *arg = p;
	struct vmem_ioc_format *out;
	u32 i;

	if (arg->flags || arg->__reserved)
		return -EOPNOTSUPP;
	arg->out_version = VMEM_IOC_VERSION;
	arg->out_rights = VMEM_IOC_RIGHT_READ | VMEM_IOC_RIGHT_CHANGE |
			  VMEM_IOC_RIGHT_MANAGE;
	strncpy(arg->out_release, VMEM_VERSION, sizeof(arg->out_release) - 1);
	arg->out_features = VMEM_IOC_FEATURE_MAP | VMEM_IOC_FEATURE_COW |
			    VMEM_IOC_FEATURE_PATH | VMEM_IOC_FEATURE_PROTECT |
			    VMEM_IOC_FEATURE_LINK | VMEM_IOC_FEATURE_MOVABLE |
			    VMEM_IOC_FEATURE_ALONE |
			    VMEM_IOC_FEATURE_FACTS |
			    VMEM_IOC_FEATURE_NONPRESENT |
			    VMEM_IOC_FEATURE_MISSING;
	arg->out_region_len_max = LOCAL_REGION_LEN_MAX;
	arg->out_regions_max = LOCAL_REGIONS_MAX;
	arg->out_pool_ranges_max = LOCAL_POOL_RANGES_MAX;
	arg->out_pools_max = LOCAL_POOLS_MAX;
	arg->out_spaces_max = LOCAL_SPACES_MAX;
	arg->out_map_max = LOCAL_MAP_MAX;
	arg->out_translate_max = LOCAL_TRANSLATE_MAX;
	arg->out_list_max = LOCAL_LIST_MAX;
	arg->out_walk_spaces_max = LOCAL_WALK_SPACES_MAX;
	arg->out_read_max = LOCAL_READ_MAX;
	arg->out_seen_max = LOCAL_SEEN_MAX;
	arg->out_change_budget = LOCAL_CHANGE_BUDGET;

	out = (struct vmem_ioc_format *)(uintptr_t)arg->formats;
	arg->out_nr_formats = VMEM_NR_FORMATS;
	for (i = 0; out && i < arg->nr_formats && i < VMEM_NR_FORMATS; i++)
		format_describe(&vmem_formats[i], &out[i]);
	return 0;
}

static void item_describe(const struct object *object,
			  struct vmem_ioc_item *item)
{
	const struct region *region;
	const struct space *space;
	const struct pool *pool;

	*item = (struct vmem_ioc_item){ .id = object->id };
	switch (object->kind) {
	case VMEM_IOC_LIST_REGIONS:
		region = container_of(object, struct region, object);
		item->kind = region->kind;
		item->flags = region->frozen ? VMEM_IOC_REGION_FROZEN : 0;
		item->gpa = region->gpa;
		item->len = region->len;
		if (region->kind == VMEM_IOC_REGION_OWNED)
			item->offset = region->gpa;
		item->uses = region->uses;
		break;
	case VMEM_IOC_LIST_POOLS:
		pool = container_of(object, struct pool, object);
		item->gpa = pool->ranges[0].gpa;
		item->len = pool->pool.capacity;
		item->uses = pool->pool.nr_used + pool->pool.nr_quarantined;
		break;
	case VMEM_IOC_LIST_SPACES:
		space = container_of(object, struct space, object);
		item->kind = space->format->id;
		item->flags = space->flags;
		item->pool = space->pool ? space->pool->object.id : 0;
		item->gpa = vmem_table_gpa(space->space.root);
		item->len = space->tables > 0 ? space->tables : 0;
		break;
	}
}

static int local_list(struct local_guest *lg, void *p)
{
	struct vmem_ioc_list *arg = p;
	struct vmem_ioc_item *items;
	u32 at;

	if (arg->flags || arg->__reserved ||
	    arg->kind < VMEM_IOC_LIST_REGIONS ||
	    arg->kind > VMEM_IOC_LIST_SPACES)
		return -EOPNOTSUPP;
	if (!arg->nr)
		return -EINVAL;
	if (arg->nr > LOCAL_LIST_MAX)
		return -E2BIG;
	if (arg->cursor == U32_MAX)
		return 0;

	items = (struct vmem_ioc_item *)(uintptr_t)arg->items;
	for (at = object_lower_bound(lg, arg->cursor + 1);
	     at < lg->nr_objects; at++) {
		const struct object *object = lg->objects[at];

		if (object->kind != arg->kind)
			continue;
		if (arg->out_nr == arg->nr) {
			arg->out_cursor = items[arg->nr - 1].id;
			break;
		}
		item_describe(object, &items[arg->out_nr++]);
	}
	return 0;
}

static int local_destroy(struct local_guest *lg, void *p)
{
	struct vmem_ioc_destroy *arg = p;
	struct object *object;
	bool freed = false;
	int ret = 0;

	if (arg->flags)
		return -EOPNOTSUPP;
	object = object_find(lg, arg->id, 0, &ret);
	if (!object)
		return ret;
	switch (object->kind) {
	case VMEM_IOC_LIST_REGIONS:
		ret = region_destroy(lg, container_of(object, struct region,
						      object), &freed);
		break;
	case VMEM_IOC_LIST_POOLS:
		ret = pool_destroy(lg, container_of(object, struct pool,
						    object));
		break;
	case VMEM_IOC_LIST_SPACES:
		freed = space_destroy(lg, container_of(object, struct space,
						       object));
		break;
	}
	if (ret)
		return ret;
	if (freed)
		arg->out_flush = VMEM_IOC_FLUSH_ALL;
	lg->generation++;
	arg->out_generation = lg->generation;
	return 0;
}

/* Bytes of a struct that are outputs. */
struct outputs {
	u16 start;
	u16 end;
};

/**
 * struct call - a call
 * @run:	carries it out
 * @size:	of its struct
 * @min_size:	of its struct in the first version
 * @out:	where its outputs lie
 */
struct call {
	int (*run)(struct local_guest *lg, void *arg);
	u16 size;
	u16 min_size;
	struct outputs out[2];
};

/* One that has grown since the first version. */
#define CALL_GROWN(name, function, type, min, ...)			\
	[_IOC_NR(VMEM_IOC_##name)] = {					\
		.run	= function,					\
		.size	= sizeof(struct type),				\
		.min_size = min,					\
		.out	= { __VA_ARGS__ },				\
	}
#define CALL(name, function, type, ...)					\
	CALL_GROWN(name, function, type, sizeof(struct type), __VA_ARGS__)
#define OUT(type, first, last) {					\
	offsetof(struct type, first),					\
	offsetof(struct type, last) + sizeof(((struct type *)0)->last),	\
}

/* As it is, for walks, which are made by a call of their own. */
static int no_walk(struct local_guest *lg,
		   void *p)
{
	return -ENOTTY;
}

static const struct call calls[] = {
	CALL(INFO, local_info, vmem_ioc_info,
	     OUT(vmem_ioc_info, out_nr_formats, out_read_max),
	     OUT(vmem_ioc_info, out_seen_max, out_change_budget)),
	CALL(REGION_CREATE, region_create, vmem_ioc_region_create,
	     OUT(vmem_ioc_region_create, out_id, out_id),
	     OUT(vmem_ioc_region_create, out_mmap_offset, out_mmap_offset)),
	CALL(REGION_SET, region_set, vmem_ioc_region_set),
	CALL(POOL_CREATE, pool_create, vmem_ioc_pool_create,
	     OUT(vmem_ioc_pool_create, out_id, out_capacity)),
	CALL(POOL_STAT, pool_stat, vmem_ioc_pool_stat,
	     OUT(vmem_ioc_pool_stat, out_capacity, out_oldest_generation)),
	CALL(SPACE_CREATE, space_create, vmem_ioc_space_create,
	     OUT(vmem_ioc_space_create, out_id, out_id),
	     OUT(vmem_ioc_space_create, out_root, out_root)),
	CALL_GROWN(SPACE_GET, space_get, vmem_ioc_space_get, 40,
		   OUT(vmem_ioc_space_get, out_links, out_enc_bit)),
	CALL_GROWN(MAP, space_map, vmem_ioc_map, 104,
		   OUT(vmem_ioc_map, change, change)),
	CALL_GROWN(UNMAP, space_unmap, vmem_ioc_unmap, 112,
		   OUT(vmem_ioc_unmap, change, change)),
	CALL_GROWN(PROTECT, space_protect, vmem_ioc_protect, 120,
		   OUT(vmem_ioc_protect, change, change)),
	CALL_GROWN(LINK, space_link, vmem_ioc_link, 128,
		   OUT(vmem_ioc_link, change, change)),
	CALL(TRANSLATE, space_translate, vmem_ioc_translate,
	     OUT(vmem_ioc_translate, out_done, out_done)),
	CALL(WALK_CREATE, no_walk, vmem_ioc_walk_create,
	     OUT(vmem_ioc_walk_create, out_fd, out_fd)),
	CALL(FLUSHED, pool_flushed, vmem_ioc_flushed),
	CALL(LIST, local_list, vmem_ioc_list,
	     OUT(vmem_ioc_list, out_nr, out_cursor)),
	CALL(DESTROY, local_destroy, vmem_ioc_destroy,
	     OUT(vmem_ioc_destroy, out_flush, out_generation)),
};

/*
 * A struct may be longer than the one known here when its tail is zero, but not
 * shorter than it was in the first version.
 */
static int call_check(const struct call *call, const void *arg, u32 size)
{
	const char *bytes = arg;
	u32 i;

	if (size < call->min_size)
		return -EINVAL;
	for (i = call->size; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	return 0;
}

static void call_zero_outputs(const struct call *call, void *arg, u32 size)
{
	u32 i, start, end;

	for (i = 0; i < ARRAY_SIZE(call->out); i++) {
		start = call->out[i].start;
		end = call->out[i].end < size ? call->out[i].end : size;
		if (start < end)
			memset((char *)arg + start, 0, end - start);
	}
}

/* The caller's struct is of an older version: what it lacks is zero. */
static int call_short(const struct call *call, struct local_guest *lg, void *arg,
		      u32 size)
{
	u64 whole[32] = { 0 };
	u32 i, start, end;
	int ret;

	_Static_assert(sizeof(whole) >= sizeof(struct vmem_ioc_link), "longest");
	memcpy(whole, arg, size);
	ret = call->run(lg, whole);
	for (i = 0; i < ARRAY_SIZE(call->out); i++) {
		start = call->out[i].start;
		end = call->out[i].end < size ? call->out[i].end : size;
		if (start < end)
			memcpy((char *)arg + start, (char *)whole + start,
			       end - start);
	}
	return ret;
}

static int local_call(struct vmem_guest *guest, unsigned int request, void *arg)
{
	struct local_guest *lg = container_of(guest, struct local_guest, guest);
	const struct call *call;
	u32 size = *(u32 *)arg;
	int ret;

	if (request == VMEM_IOC_VIEW) {
		if (size >= sizeof(struct vmem_ioc_view))
			((struct vmem_ioc_view *)arg)->out_fd = 0;
		return -EOPNOTSUPP;
	}
	if (_IOC_NR(request) >= ARRAY_SIZE(calls) ||
	    !calls[_IOC_NR(request)].run)
		return -ENOTTY;
	call = &calls[_IOC_NR(request)];
	ret = call_check(call, arg, size);
	if (ret)
		return ret;
	call_zero_outputs(call, arg, size);
	return size < call->size ? call_short(call, lg, arg, size) :
				   call->run(lg, arg);
}

static int local_walk(struct vmem_guest *guest,
		      struct vmem_ioc_walk_create *arg,
		      struct vmem_walker **walker)
{
	const struct call *call = &calls[_IOC_NR(VMEM_IOC_WALK_CREATE)];
	int ret = call_check(call, arg, arg->size);

	if (ret)
		return ret;
	call_zero_outputs(call, arg, arg->size);
	return walk_create(container_of(guest, struct local_guest, guest), arg,
			   walker);
}

static int local_fd(const struct vmem_guest *guest)
{
	return -EBADF;
}

/* Spaces first, then the pools that they take from, then memory. */
static void local_free_kind(struct local_guest *lg, u32 kind)
{
	u32 i = lg->nr_objects;

	while (i--) {
		struct object *object = lg->objects[i];

		if (object->kind != kind)
			continue;
		if (kind == VMEM_IOC_LIST_SPACES)
			space_free(lg, container_of(object, struct space,
						    object));
		else if (kind == VMEM_IOC_LIST_POOLS)
			pool_free(lg, container_of(object, struct pool, object));
		else
			region_free(lg, container_of(object, struct region,
						     object));
	}
}

static void roots_free(struct vmem_root *root)
{
	struct vmem_root *next;

	for (; root; root = next) {
		next = root->next;
		free(root);
	}
}

/* The caller and its walkers hold the guest. */
void local_put(struct local_guest *lg)
{
	struct link_chunk *chunk;

	if (--lg->refs)
		return;
	local_free_kind(lg, VMEM_IOC_LIST_SPACES);
	local_free_kind(lg, VMEM_IOC_LIST_POOLS);
	local_free_kind(lg, VMEM_IOC_LIST_REGIONS);
	roots_free(lg->links.roots);
	roots_free(lg->links.spare_roots);
	while ((chunk = lg->link_chunks)) {
		lg->link_chunks = chunk->next;
		free(chunk);
	}
	free(lg->objects);
	free(lg->regions);
	free(lg);
}

static void local_close(struct vmem_guest *guest)
{
	local_put(container_of(guest, struct local_guest, guest));
}

static const struct backend local_backend = {
	.call		= local_call,
	.walk		= local_walk,
	.read		= walk_read,
	.mmap		= region_mmap,
	.fd		= local_fd,
	.end_walk	= walk_end,
	.close		= local_close,
};

int vmem_open_local(struct vmem_guest **guest)
{
	struct local_guest *lg = calloc(1, sizeof(*lg));

	*guest = NULL;
	if (!lg)
		return -ENOMEM;
	lg->guest.backend = &local_backend;
	lg->refs = 1;
	lg->hint = &region_none;
	vmem_reservation_init(&lg->pages.res);
	/* Without a seed a hostile guest can make a walk slower, no more. */
	if (getrandom(&lg->seed, sizeof(lg->seed), GRND_NONBLOCK) !=
	    sizeof(lg->seed))
		lg->seed = (uintptr_t)lg;
	*guest = &lg->guest;
	return 0;
}
