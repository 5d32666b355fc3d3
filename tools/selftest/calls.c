// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call with arguments that are right, see calls.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"
#include "ktap.h"

#define INFO_OF(call, type, need, res)			\
	GROWN(call, type, sizeof(struct type), need, res)
#define GROWN(call, type, first, need, res)			\
	[call] = { #call, VMEM_IOC_##call, sizeof(struct type), first,	\
		   need, res }
#define RES(type)	offsetof(struct type, __reserved)
#define READ_RIGHT	VMEM_IOC_RIGHT_READ
#define CHANGE_RIGHT	VMEM_IOC_RIGHT_CHANGE
#define MANAGE_RIGHT	VMEM_IOC_RIGHT_MANAGE

const struct call_info call_info[NR_CALLS] = {
	INFO_OF(INFO, vmem_ioc_info, 0, RES(vmem_ioc_info)),
	INFO_OF(REGION_CREATE, vmem_ioc_region_create, MANAGE_RIGHT, 0),
	INFO_OF(REGION_SET, vmem_ioc_region_set, MANAGE_RIGHT,
		RES(vmem_ioc_region_set)),
	INFO_OF(REGION_DIRTY, vmem_ioc_region_dirty, MANAGE_RIGHT,
		RES(vmem_ioc_region_dirty)),
	INFO_OF(POOL_CREATE, vmem_ioc_pool_create, MANAGE_RIGHT, 0),
	INFO_OF(POOL_STAT, vmem_ioc_pool_stat, READ_RIGHT,
		RES(vmem_ioc_pool_stat)),
	INFO_OF(SPACE_CREATE, vmem_ioc_space_create, MANAGE_RIGHT, 0),
	GROWN(SPACE_GET, vmem_ioc_space_get, 40, READ_RIGHT, 0),
	GROWN(MAP, vmem_ioc_map, 104, CHANGE_RIGHT, 0),
	GROWN(UNMAP, vmem_ioc_unmap, 112, CHANGE_RIGHT,
	      RES(vmem_ioc_unmap)),
	GROWN(PROTECT, vmem_ioc_protect, 120, CHANGE_RIGHT,
	      RES(vmem_ioc_protect)),
	GROWN(PROMOTE, vmem_ioc_promote, 112, CHANGE_RIGHT, 0),
	GROWN(LINK, vmem_ioc_link, 128, CHANGE_RIGHT,
	      RES(vmem_ioc_link)),
	GROWN(TRANSLATE, vmem_ioc_translate, 56, READ_RIGHT,
	      RES(vmem_ioc_translate)),
	INFO_OF(WALK_CREATE, vmem_ioc_walk_create, READ_RIGHT, 0),
	INFO_OF(FLUSHED, vmem_ioc_flushed, CHANGE_RIGHT, 0),
	INFO_OF(VIEW, vmem_ioc_view, 0, 0),
	INFO_OF(LIST, vmem_ioc_list, READ_RIGHT, RES(vmem_ioc_list)),
	INFO_OF(DESTROY, vmem_ioc_destroy, MANAGE_RIGHT, 0),
	INFO_OF(POOL_GROW, vmem_ioc_pool_grow, MANAGE_RIGHT, 0),
	[MMAP] = { "mmap", 0, 0, 0, READ_RIGHT, 0 },
	[READ] = { "read", 0, 0, 0, 0, 0 },
};

bool call_changes(enum call call)
{
	return call == MAP || call == UNMAP || call == PROTECT || call == PROMOTE ||
	       call == LINK;
}

/* Four tables at the begin of @mem, which map FX_VA to FX_DATA. */
static void side_tables(u8 *mem, u64 gpa)
{
	u64 *table = (u64 *)mem;
	unsigned int i;

	table[index_of(FX_VA, 3)] = (gpa + PAGE) | X86_TABLE;
	table[512 + index_of(FX_VA, 2)] = (gpa + 2 * PAGE) | X86_TABLE;
	table[1024 + index_of(FX_VA, 1)] = (gpa + 3 * PAGE) | X86_TABLE;
	for (i = 0; i < 8; i++)
		table[1536 + index_of(FX_VA, 0) + i] =
			(FX_DATA + i * PAGE) | X86_LEAF | X86_RW;
}

static void sides(struct fixture *fx)
{
	int fd = fx->g.fd;
	u8 *mem;

	fx->frozen_mem = map_anon(FX_SIDE_LEN);
	side_tables(fx->frozen_mem, FX_FROZEN);
	side_tables(fx->frozen_mem + FX_MOVABLE - FX_FROZEN, FX_MOVABLE);
	fx->frozen = ASSERT_OK(region_user(fd, FX_FROZEN, fx->frozen_mem,
					   FX_SIDE_LEN,
					   VMEM_IOC_REGION_FROZEN));
	fx->unwritable_mem = map_anon(FX_SIDE_LEN);
	side_tables(fx->unwritable_mem, FX_UNWRITABLE);
	ASSERT(!mprotect(fx->unwritable_mem, FX_SIDE_LEN, PROT_READ));
	fx->unwritable = ASSERT_OK(region_user(fd, FX_UNWRITABLE,
					       fx->unwritable_mem,
					       FX_SIDE_LEN, 0));
	mem = map_anon(FX_SIDE_LEN);
	munmap(mem, FX_SIDE_LEN);
	fx->nothing = ASSERT_OK(region_user(fd, FX_NOTHING, mem, FX_SIDE_LEN, 0));
	fx->spare = ASSERT_OK(region_user(fd, FX_SPARE, map_anon(FX_SIDE_LEN),
					  FX_SIDE_LEN, 0));
	fx->owned = ASSERT_OK(region_owned(fd, FX_OWNED, FX_OWNED_LEN,
					   &fx->owned_offset));
	fx->in_frozen = ASSERT_OK(space_adopt(fd, FMT4, fx->pool, FX_FROZEN));
	fx->in_unwritable = ASSERT_OK(space_adopt(fd, FMT4, fx->pool,
						  FX_UNWRITABLE));
	fx->movable = ASSERT_OK(space_movable(fd, FMT4, fx->pool, FX_MOVABLE));
}

static void by_hand(struct fixture *fx)
{
	struct guest *g = &fx->g;
	unsigned int i;

	guest_root(g);
	guest_map(g, g->root, FX_VA_LARGE, 1,
		  GUEST_GPA | X86_LEAF | X86_RW | X86_PS, X86_TABLE);
	for (i = 0; i < 16; i++)
		guest_map(g, g->root, FX_VA_SMALL + i * PAGE, 0,
			  (FX_DATA + i * PAGE) | X86_LEAF | X86_RW, X86_TABLE);
	guest_map(g, g->root, FX_VA_READONLY, 0, FX_DATA | X86_LEAF,
		  X86_P | X86_A);
	guest_map(g, g->root, FX_VA_OUTSIDE, 2, FX_FREE | X86_TABLE, X86_TABLE);
	fx->by_hand = ASSERT_OK(space_adopt(g->fd, FMT4, fx->pool, g->root));
}

void fixture_init(struct fixture *fx)
{
	struct vmem_ioc_change change;
	struct guest *g = &fx->g;
	u64 root;
	int fd;

	memset(fx, 0, sizeof(*fx));
	guest_init(g, FMT4, FX_LEN);
	fd = g->fd;
	fx->pool = ASSERT_OK(pool_create(fd, FX_POOL, FX_POOL_LEN));
	fx->space = ASSERT_OK(space_new(fd, FMT4, fx->pool));
	fx->space5 = ASSERT_OK(space_new(fd, FMT5, fx->pool));
	ASSERT_OK(map_one(fd, fx->space, FX_VA, FX_DATA, FX_VA_LEN, R | W, 0,
			  &change));
	ASSERT_OK(map_one(fd, fx->space5, FX_VA, FX_DATA, FX_VA_LEN, R | W, 0,
			  &change));
	fx->owner = ASSERT_OK(space_new(fd, FMT4, fx->pool));
	ASSERT_OK(map_one(fd, fx->owner, FX_VA, FX_DATA, FX_VA_LEN, R | W, 0,
			  &change));
	by_hand(fx);
	fx->reading = ASSERT_OK(space_adopt(fd, FMT4, 0, guest_page(g)));
	root = guest_page(g);
	fx->twin[0] = ASSERT_OK(space_adopt(fd, FMT4, fx->pool, root));
	fx->twin[1] = ASSERT_OK(space_adopt(fd, FMT4, fx->pool, root));
	sides(fx);
	refused_watch(g);
	refused_watch_memory(fd, fx->frozen_mem, FX_SIDE_LEN);
	fx->generation = change.out_generation;
	fx->walk = ASSERT_OK(walk_create(fd, &fx->space, 1, 0, ~0ULL, 0, 0, 0));
}

static void args_range(struct args *args, u64 *start, u64 *last, u64 from,
		       u64 len)
{
	*start = from;
	*last = from + len - 1;
}

static void args_ranges(struct args *args)
{
	args->ranges[0].gpa = FX_ROOM;
	args->ranges[0].len = 2 * PAGE;
	args->ranges[1].gpa = FX_ROOM + 4 * PAGE;
	args->ranges[1].len = PAGE;
}

void args_init(struct fixture *fx, enum call call, struct args *args)
{
	memset(args, 0, sizeof(*args));
	args->size = call_info[call].size;
	args->walk = -1;
	switch (call) {
	case INFO:
		args->info.formats = (uintptr_t)args->formats;
		args->info.nr_formats = ARRAY_SIZE(args->formats);
		break;
	case REGION_CREATE:
		args->region_create.kind = VMEM_IOC_REGION_USER;
		args->region_create.gpa = FX_FREE;
		args->region_create.len = 4 * PAGE;
		args->region_create.user_addr = (uintptr_t)fx->g.mem;
		break;
	case REGION_SET:
		args->region_set.id = fx->spare;
		args->region_set.mask = VMEM_IOC_REGION_FROZEN;
		args->region_set.value = VMEM_IOC_REGION_FROZEN;
		break;
	case REGION_DIRTY:
		args->region_dirty.id = fx->g.region;
		args->region_dirty.gpa = FX_POOL - PAGE;
		args->region_dirty.len = FX_POOL_LEN + PAGE;
		args->region_dirty.bitmap = (uintptr_t)args->bitmap;
		break;
	case POOL_CREATE:
		args->pool_create.ranges = (uintptr_t)args->ranges;
		args->pool_create.nr_ranges = 2;
		args_ranges(args);
		break;
	case POOL_GROW:
		args->pool_grow.id = fx->pool;
		args->pool_grow.ranges = (uintptr_t)args->ranges;
		args->pool_grow.nr_ranges = 2;
		args_ranges(args);
		break;
	case POOL_STAT:
		args->pool_stat.id = fx->pool;
		break;
	case SPACE_CREATE:
		args->space_create.format = FMT4;
		args->space_create.pool = fx->pool;
		args->space_create.root = fx->g.root;
		break;
	case SPACE_GET:
		args->space_get.id = fx->space;
		break;
	case MAP:
		args->map.space = fx->space;
		args->map.nr = 1;
		args->map.mappings = (uintptr_t)args->mappings;
		args->mappings[0].va = FX_VA_FREE;
		args->mappings[0].gpa = FX_DATA;
		args->mappings[0].len = 8 * PAGE;
		args->mappings[0].kind = VMEM_IOC_KIND_BASIC;
		args->mappings[0].attrs = R | W;
		break;
	case UNMAP:
		args->unmap.space = fx->space;
		args_range(args, (u64 *)&args->unmap.start,
			   (u64 *)&args->unmap.last, FX_VA, 4 * PAGE);
		break;
	case PROTECT:
		args->protect.space = fx->space;
		args_range(args, (u64 *)&args->protect.start,
			   (u64 *)&args->protect.last, FX_VA, 4 * PAGE);
		args->protect.clear = W;
		break;
	case PROMOTE:
		args->promote.space = fx->space;
		args_range(args, (u64 *)&args->promote.start,
			   (u64 *)&args->promote.last, 0, 2 * MIB);
		break;
	case LINK:
		args->link.space = fx->space;
		args->link.owner = fx->owner;
		args->link.our_va = FX_VA_FREE;
		args->link.their_va = FX_VA;
		args->link.depth = 3;
		break;
	case TRANSLATE:
		args->translate.space = fx->space;
		args->translate.nr = 2;
		args->translate.vas = (uintptr_t)args->vas;
		args->translate.results = (uintptr_t)args->results;
		args->translate.entries = (uintptr_t)args->entries;
		args->vas[0] = FX_VA;
		args->vas[1] = FX_VA + PAGE;
		break;
	case WALK_CREATE:
		args->walk_create.spaces = (uintptr_t)args->spaces;
		args->walk_create.nr = 2;
		args->walk_create.last = ~0ULL;
		args->spaces[0] = fx->space;
		args->spaces[1] = fx->by_hand;
		break;
	case FLUSHED:
		args->flushed.generation = fx->generation;
		break;
	case VIEW:
		args->view.rights = VMEM_IOC_RIGHT_READ;
		break;
	case LIST:
		args->list.kind = VMEM_IOC_LIST_REGIONS;
		args->list.items = (uintptr_t)args->items;
		args->list.nr = ARRAY_SIZE(args->items);
		break;
	case DESTROY:
		args->destroy.id = fx->spare;
		break;
	case MMAP:
		args->len = FX_OWNED_LEN;
		args->prot = PROT_READ | PROT_WRITE;
		args->map_flags = MAP_SHARED;
		args->offset = fx->owned_offset;
		break;
	case READ:
		args->walk = fx->walk;
		args->to = args->records;
		args->count = sizeof(args->records);
		break;
	case NR_CALLS:
		break;
	}
}

static int call_mmap(int fd, struct args *args)
{
	void *mem = mmap(NULL, args->len, args->prot, args->map_flags, fd,
			 (off_t)args->offset);

	if (mem == MAP_FAILED)
		return -errno;
	munmap(mem, args->len);
	return 0;
}

int call_by(int fd, enum call call, struct args *args)
{
	ssize_t got;
	int ret;

	if (call == MMAP)
		return call_mmap(fd, args);
	if (call == READ) {
		got = read(args->walk, args->to, args->count);
		return got < 0 ? -errno : 0;
	}
	ret = vcall(fd, call_info[call].cmd, args);
	if (!ret && call == WALK_CREATE)
		close(args->walk_create.out_fd);
	if (!ret && call == VIEW)
		close(args->view.out_fd);
	return ret;
}

struct picture fixture_picture(struct fixture *fx)
{
	struct picture p = picture_take(fx->g.fd, fx->g.mem, fx->g.len);

	picture_add_memory(&p, fx->frozen_mem, FX_SIDE_LEN);
	return p;
}
