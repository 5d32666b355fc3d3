// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases that need more than a wrong field: limits of the process, memory
 * that is gone, pools that are used up, signals, answers that can't be given.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "errno-cells.h"
#include "ktap.h"

/* Make the call where only it is hindered; before and after all is free. */
static void hindered(struct fixture *fx, enum call call, struct args *args,
		     int err, void (*hinder)(bool))
{
	struct picture before = fixture_picture(fx), after;
	int ret;

	hinder(true);
	ret = call_by(fx->g.fd, call, args);
	hinder(false);
	EXPECT_ERR(ret, err);
	after = fixture_picture(fx);
	EXPECT(picture_same(&before, &after));
}

static void no_descriptors(bool on)
{
	struct rlimit limit = { 1024, 4096 };

	if (on)
		limit.rlim_cur = 3;
	ASSERT(!setrlimit(RLIMIT_NOFILE, &limit));
}

static void few_locked(bool on)
{
	struct rlimit limit = { 2 * PAGE, 2 * PAGE };

	if (on)
		ASSERT(!setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT(!seteuid(on ? 65534 : 0));
}

/* Only those without privilege meet the limit of files. */
static void no_files(bool on)
{
	static char was[32];

	if (on) {
		ASSERT(read_file("/proc/sys/fs/file-max", was, sizeof(was)));
		ASSERT(write_file("/proc/sys/fs/file-max", "0"));
		ASSERT(!seteuid(65534));
		return;
	}
	ASSERT(!seteuid(0));
	ASSERT(write_file("/proc/sys/fs/file-max", was));
}

static void no_call(struct fixture *fx, struct args *args)
{
	struct picture before = fixture_picture(fx), after;

	EXPECT_ERR(vcall(fx->g.fd, _IO(VMEM_IOC_TYPE, NR_IOCTLS), args), ENOTTY);
	after = fixture_picture(fx);
	EXPECT(picture_same(&before, &after));
}

static void view_emfile(struct fixture *fx, struct args *args)
{
	hindered(fx, VIEW, args, EMFILE, no_descriptors);
}

static void view_enfile(struct fixture *fx, struct args *args)
{
	hindered(fx, VIEW, args, ENFILE, no_files);
}

static void walk_emfile(struct fixture *fx, struct args *args)
{
	hindered(fx, WALK_CREATE, args, EMFILE, no_descriptors);
}

static void walk_enfile(struct fixture *fx, struct args *args)
{
	hindered(fx, WALK_CREATE, args, ENFILE, no_files);
}

static void region_memlock(struct fixture *fx, struct args *args)
{
	args->region_create.kind = VMEM_IOC_REGION_OWNED;
	args->region_create.user_addr = 0;
	hindered(fx, REGION_CREATE, args, ENOMEM, few_locked);
	/* Two pages are within the limit, and a third isn't. */
	args->region_create.len = 2 * PAGE;
	few_locked(true);
	EXPECT_ERR(call_by(fx->g.fd, REGION_CREATE, args), 0);
	few_locked(false);
	args->region_create.gpa += 2 * PAGE;
	args->region_create.len = PAGE;
	hindered(fx, REGION_CREATE, args, ENOMEM, few_locked);
}

static void signalled(int sig)
{
}

/*
 * A first region waits for the locks of all of the caller's mappings, and ends
 * with any signal. There are many of them, and many signals.
 */
static void region_signal(struct fixture *fx, struct args *args)
{
	struct sigaction act = { .sa_handler = signalled };
	struct itimerval timer = { { 0, 700 }, { 0, 700 } }, off = {};
	const u64 nr = 20000;
	u8 *mem = map_anon(nr * PAGE);
	struct vmem_ioc_item item;
	int fd, i, ret = 0;
	u64 at = 0;

	sigaction(SIGALRM, &act, NULL);
	/* The more mappings there are, the longer it takes. */
	for (i = 0; i < 1000 && ret != -EINTR; i++) {
		for (; at < nr * i / 400 && at < nr; at += 2)
			ASSERT(!mprotect(mem + at * PAGE, PAGE, PROT_READ));
		fd = dev_open();
		setitimer(ITIMER_REAL, &timer, NULL);
		ret = vcall(fd, VMEM_IOC_REGION_CREATE, args);
		setitimer(ITIMER_REAL, &off, NULL);
		if (ret == -EINTR)
			break;
		ASSERT_EQ(ret, 0);
		close(fd);
	}
	EXPECT_ERR(ret, EINTR);
	EXPECT_EQ(list_items(fd, VMEM_IOC_LIST_REGIONS, 0, &item, 1, NULL), 0);
	/* Again, as the manual says. */
	EXPECT_ERR(vcall(fd, VMEM_IOC_REGION_CREATE, args), 0);
}

static void regions_many(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_info i;
	u32 nr = list_items(fx->g.fd, VMEM_IOC_LIST_REGIONS, 0, args->items,
			    ARRAY_SIZE(args->items), NULL);

	info(fx->g.fd, &i);
	for (; nr < i.out_regions_max; nr++)
		ASSERT_OK(region_owned(fx->g.fd, GIB + nr * PAGE, PAGE, NULL));
	EXPECT_ERR(call_by(fx->g.fd, REGION_CREATE, args), E2BIG);
	EXPECT_ERR(destroy(fx->g.fd, fx->spare), 0);
	EXPECT_ERR(call_by(fx->g.fd, REGION_CREATE, args), 0);
}

static void pools_many(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_info i;
	u32 nr, last = 0;

	info(fx->g.fd, &i);
	for (nr = 1; nr < i.out_pools_max; nr++)
		last = ASSERT_OK(pool_create(fx->g.fd,
					     FX_ROOM + (16 + nr) * PAGE, PAGE));
	EXPECT_ERR(call_by(fx->g.fd, POOL_CREATE, args), E2BIG);
	EXPECT_ERR(destroy(fx->g.fd, last), 0);
	EXPECT_ERR(call_by(fx->g.fd, POOL_CREATE, args), 0);
}

/* Of a pool, in all: a range less, and it is done. */
static void grow_ranges_many(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_info i;
	u32 nr;

	info(fx->g.fd, &i);
	for (nr = 1; nr < i.out_pool_ranges_max - 1; nr++)
		ASSERT_OK(pool_grow(fx->g.fd, fx->pool, FX_ROOM + (6 + 2 * nr) * PAGE,
				    PAGE));
	EXPECT_ERR(call_by(fx->g.fd, POOL_GROW, args), E2BIG);
	args->pool_grow.nr_ranges = 1;
	EXPECT_ERR(call_by(fx->g.fd, POOL_GROW, args), 0);
	EXPECT_EQ(args->pool_grow.out_capacity, FX_POOL_LEN / PAGE + nr - 1 + 2);
	EXPECT_ERR(pool_grow(fx->g.fd, fx->pool, FX_ROOM + 4 * PAGE, PAGE), E2BIG);
}

/* Pools that are used up. */

u32 tiny_pool(struct fixture *fx, u64 pages)
{
	return ASSERT_OK(pool_create(fx->g.fd, FX_TINY, pages * PAGE));
}

static void new_space(struct args *args, u32 pool)
{
	args->flags = VMEM_IOC_SPACE_NEW;
	args->space_create.root = 0;
	args->space_create.pool = pool;
}

static void space_enospc(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1);

	ASSERT_OK(space_new(fx->g.fd, FMT4, pool));
	new_space(args, pool);
}

static void space_eagain(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1);

	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
	new_space(args, pool);
}

static void space_dead_root(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1);

	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
	args->space_create.root = FX_TINY;
	args->space_create.pool = pool;
}

/* A root in one pool, and tables from another. */
static void space_pool_other(struct fixture *fx, struct args *args)
{
	args->space_create.root = space_root(fx->g.fd, fx->space);
	args->space_create.pool = tiny_pool(fx, 4);
}

static void map_enospc(struct fixture *fx, struct args *args)
{
	args->map.space = ASSERT_OK(space_new(fx->g.fd, FMT4, tiny_pool(fx, 3)));
}

static void map_eagain(struct fixture *fx, struct args *args)
{
	u32 space = ASSERT_OK(space_new(fx->g.fd, FMT4, tiny_pool(fx, 4)));

	ASSERT_OK(map_one(fx->g.fd, space, FX_VA, FX_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(unmap(fx->g.fd, space, FX_VA, FX_VA + PAGE - 1, NULL));
	args->map.space = space;
}

static void destroy_quarantine(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1);

	ASSERT_OK(destroy(fx->g.fd, ASSERT_OK(space_new(fx->g.fd, FMT4, pool))));
	args->destroy.id = pool;
}

static void unmap_twin(struct fixture *fx, struct args *args)
{
	ASSERT_OK(destroy(fx->g.fd, fx->twin[1]));
	ASSERT_OK(map_one(fx->g.fd, fx->twin[0], FX_VA, FX_DATA, FX_VA_LEN, R,
			  0, NULL));
	ASSERT_OK(space_adopt(fx->g.fd, FMT4, fx->pool,
			      space_root(fx->g.fd, fx->twin[0])));
	args->unmap.space = fx->twin[0];
}

/* The same with a root of the pool's. */
static void map_twin_of_pool(struct fixture *fx, struct args *args)
{
	ASSERT_OK(space_adopt(fx->g.fd, FMT4, fx->pool,
			      space_root(fx->g.fd, fx->space)));
}

/* Memory that the host takes away. */

/* What holds the next table can't be seen in a picture: without memory. */
void without_memory(struct fixture *fx, enum call call, struct args *args,
		    int err)
{
	struct picture before = picture_take(fx->g.fd, NULL, 0), after;

	EXPECT_ERR(call_by(fx->g.fd, call, args), err);
	after = picture_take(fx->g.fd, NULL, 0);
	EXPECT(picture_same(&before, &after));
}

u8 *tiny_host(struct fixture *fx)
{
	return guest_host(&fx->g, FX_TINY);
}

static void space_gone(struct fixture *fx, struct args *args)
{
	new_space(args, tiny_pool(fx, 1));
	ASSERT(!munmap(tiny_host(fx), PAGE));
	without_memory(fx, SPACE_CREATE, args, ENXIO);
}

static void space_unreachable(struct fixture *fx, struct args *args)
{
	new_space(args, tiny_pool(fx, 1));
	ASSERT(!mprotect(tiny_host(fx), PAGE, PROT_NONE));
	without_memory(fx, SPACE_CREATE, args, ENXIO);
}

static void space_readonly(struct fixture *fx, struct args *args)
{
	new_space(args, tiny_pool(fx, 1));
	ASSERT(!mprotect(tiny_host(fx), PAGE, PROT_READ));
	without_memory(fx, SPACE_CREATE, args, EROFS);
}

void poison(struct fixture *fx)
{
	int fd = memfd_create("poison", MFD_CLOEXEC);
	volatile u8 *page;

	/* One that isn't dirty: nobody is then told by a signal. */
	ASSERT(fd >= 0 && !ftruncate(fd, PAGE));
	page = mmap(tiny_host(fx), PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0);
	ASSERT(page == tiny_host(fx));
	EXPECT_EQ(page[0], 0);
	ASSERT(!madvise(tiny_host(fx), PAGE, MADV_HWPOISON));
}

static void space_poisoned(struct fixture *fx, struct args *args)
{
	new_space(args, tiny_pool(fx, 1));
	poison(fx);
	without_memory(fx, SPACE_CREATE, args, EIO);
}

static void map_poisoned(struct fixture *fx, struct args *args)
{
	struct guest *g = &fx->g;

	/* A root by hand, whose one table is poisoned. */
	guest_map(g, g->root, FX_VA_FREE, 2, FX_TINY | X86_TABLE, X86_TABLE);
	poison(fx);
	args->map.space = fx->by_hand;
	without_memory(fx, MAP, args, EIO);
	EXPECT_EQ(args->map.change.out_at_va, args->mappings[0].va);
}

static void unmap_poisoned(struct fixture *fx, struct args *args)
{
	struct guest *g = &fx->g;

	guest_map(g, g->root, FX_VA_FREE, 2, FX_TINY | X86_TABLE, X86_TABLE);
	poison(fx);
	args->unmap.space = fx->by_hand;
	args->unmap.start = FX_VA_FREE;
	args->unmap.last = FX_VA_FREE + PAGE - 1;
	without_memory(fx, UNMAP, args, EIO);
}

static void map_gone(struct fixture *fx, struct args *args)
{
	args->map.space = ASSERT_OK(space_new(fx->g.fd, FMT4, tiny_pool(fx, 4)));
	/* The third of the three tables. */
	ASSERT(!munmap(tiny_host(fx) + 3 * PAGE, PAGE));
	without_memory(fx, MAP, args, ENXIO);
	EXPECT_EQ(args->map.change.out_at_va, args->mappings[0].va);
}

static void map_readonly(struct fixture *fx, struct args *args)
{
	args->map.space = ASSERT_OK(space_new(fx->g.fd, FMT4, tiny_pool(fx, 4)));
	ASSERT(!mprotect(tiny_host(fx) + 3 * PAGE, PAGE, PROT_READ));
	without_memory(fx, MAP, args, EROFS);
	EXPECT_EQ(args->map.change.out_at_va, args->mappings[0].va);
}

/* Answers that can't be given: the struct lies in memory for reading only. */

struct args *readonly_copy(const struct args *args)
{
	u64 len = (sizeof(*args) + PAGE - 1) & ~(PAGE - 1);
	void *copy = map_anon(len);

	memcpy(copy, args, sizeof(*args));
	ASSERT(!mprotect(copy, len, PROT_READ));
	return copy;
}

/* Nothing was changed, and no descriptor is left. */
static void no_answer(struct fixture *fx, enum call call, struct args *args)
{
	struct picture before = fixture_picture(fx), after;
	int first = dup(0), last;

	close(first);
	EXPECT_ERR(vcall(fx->g.fd, call_info[call].cmd, readonly_copy(args)),
		   EFAULT);
	last = dup(0);
	close(last);
	EXPECT_EQ(last, first);
	after = fixture_picture(fx);
	EXPECT(picture_same(&before, &after));
	/* What was not made is not in the way. */
	EXPECT_ERR(call_by(fx->g.fd, call, args), 0);
}

#define NO_ANSWER(name, call)						\
	static void name(struct fixture *fx, struct args *args)	\
	{								\
		no_answer(fx, call, args);				\
	}
NO_ANSWER(info_unanswered, INFO)
NO_ANSWER(region_unanswered, REGION_CREATE)
NO_ANSWER(pool_unanswered, POOL_CREATE)
NO_ANSWER(stat_unanswered, POOL_STAT)
NO_ANSWER(space_unanswered, SPACE_CREATE)
NO_ANSWER(get_unanswered, SPACE_GET)
NO_ANSWER(translate_unanswered, TRANSLATE)
NO_ANSWER(walk_unanswered, WALK_CREATE)
NO_ANSWER(view_unanswered, VIEW)
NO_ANSWER(list_unanswered, LIST)

static void space_new_unanswered(struct fixture *fx, struct args *args)
{
	new_space(args, fx->pool);
	no_answer(fx, SPACE_CREATE, args);
}

static void region_owned_unanswered(struct fixture *fx, struct args *args)
{
	args->region_create.kind = VMEM_IOC_REGION_OWNED;
	args->region_create.user_addr = 0;
	no_answer(fx, REGION_CREATE, args);
}

/* A changing call has done its change, and SPACE_GET tells the rest. */
static void map_unanswered(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_space_get was, is;
	struct vmem_ioc_result result;

	ASSERT_OK(space_get(fx->g.fd, fx->space, &was));
	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_MAP, readonly_copy(args)), EFAULT);
	ASSERT_OK(translate(fx->g.fd, fx->space, FX_VA_FREE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, FX_DATA);
	ASSERT_OK(space_get(fx->g.fd, fx->space, &is));
	EXPECT_EQ(is.out_root, was.out_root);
	EXPECT(is.out_generation > was.out_generation);
	EXPECT_EQ(is.out_tables, was.out_tables + 3);
}

static void grow_unanswered(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_pool_stat stat;

	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_POOL_GROW, readonly_copy(args)), EFAULT);
	ASSERT_OK(pool_stat(fx->g.fd, fx->pool, &stat));
	EXPECT_EQ(stat.out_capacity, FX_POOL_LEN / PAGE + 3);
	EXPECT_ERR(call_by(fx->g.fd, POOL_GROW, args), EEXIST);
}

static void unmap_unanswered(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_space_get was, is;
	struct vmem_ioc_result result;

	ASSERT_OK(space_get(fx->g.fd, fx->space, &was));
	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_UNMAP, readonly_copy(args)), EFAULT);
	ASSERT_OK(translate(fx->g.fd, fx->space, FX_VA, &result));
	EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
	ASSERT_OK(translate(fx->g.fd, fx->space, FX_VA + 4 * PAGE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	ASSERT_OK(space_get(fx->g.fd, fx->space, &is));
	EXPECT(is.out_generation > was.out_generation);
}

static void destroy_unanswered(struct fixture *fx, struct args *args)
{
	struct vmem_ioc_space_get get;

	args->destroy.id = fx->space;
	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_DESTROY, readonly_copy(args)),
		   EFAULT);
	EXPECT_ERR(space_get(fx->g.fd, fx->space, &get), ENOENT);
}

/* Results in part: what could be given is right, and out_done tells it. */
static void translate_part(struct fixture *fx, struct args *args)
{
	const u32 nr = 1024;
	struct vmem_ioc_result *results = map_anon(nr * sizeof(*results));
	u64 *vas = map_anon(nr * sizeof(*vas)), half = nr * sizeof(*results) / 2;
	struct vmem_ioc_translate *arg = &args->translate;
	u32 i;

	for (i = 0; i < nr; i++)
		vas[i] = FX_VA + i % 8 * PAGE;
	ASSERT(!munmap((u8 *)results + half, half));
	arg->nr = nr;
	arg->vas = (uintptr_t)vas;
	arg->results = (uintptr_t)results;
	arg->entries = 0;
	EXPECT_ERR(vcall(fx->g.fd, VMEM_IOC_TRANSLATE, arg), EFAULT);
	EXPECT(arg->out_done <= nr / 2);
	for (i = 0; i < arg->out_done; i++)
		EXPECT_EQ(results[i].gpa, FX_DATA + i % 8 * PAGE);
}

const struct cell odd_cells[] = {
#define C(call, err, fn)	{ call, err, #fn, fn, CELL_RUNS }
#define S(call, err, fn)	{ call, err, #fn, fn, 0 }
	C(INFO, ENOTTY, no_call),
	C(VIEW, EMFILE, view_emfile),
	C(VIEW, ENFILE, view_enfile),
	C(WALK_CREATE, EMFILE, walk_emfile),
	C(WALK_CREATE, ENFILE, walk_enfile),
	C(REGION_CREATE, ENOMEM, region_memlock),
	C(REGION_CREATE, EINTR, region_signal),
	C(REGION_CREATE, E2BIG, regions_many),
	C(POOL_CREATE, E2BIG, pools_many),
	C(POOL_GROW, E2BIG, grow_ranges_many),
	S(SPACE_CREATE, ENOSPC, space_enospc),
	S(SPACE_CREATE, EAGAIN, space_eagain),
	S(SPACE_CREATE, EINVAL, space_dead_root),
	S(SPACE_CREATE, EINVAL, space_pool_other),
	S(MAP, ENOSPC, map_enospc),
	S(MAP, EAGAIN, map_eagain),
	S(MAP, EMLINK, map_twin_of_pool),
	S(UNMAP, EMLINK, unmap_twin),
	S(DESTROY, EBUSY, destroy_quarantine),
	C(SPACE_CREATE, ENXIO, space_gone),
	C(SPACE_CREATE, ENXIO, space_unreachable),
	C(SPACE_CREATE, EROFS, space_readonly),
	C(SPACE_CREATE, EIO, space_poisoned),
	C(MAP, EIO, map_poisoned),
	C(UNMAP, EIO, unmap_poisoned),
	C(MAP, ENXIO, map_gone),
	C(MAP, EROFS, map_readonly),
	C(INFO, EFAULT, info_unanswered),
	C(REGION_CREATE, EFAULT, region_unanswered),
	C(REGION_CREATE, EFAULT, region_owned_unanswered),
	C(POOL_CREATE, EFAULT, pool_unanswered),
	C(POOL_STAT, EFAULT, stat_unanswered),
	C(SPACE_CREATE, EFAULT, space_unanswered),
	C(SPACE_CREATE, EFAULT, space_new_unanswered),
	C(SPACE_GET, EFAULT, get_unanswered),
	C(MAP, EFAULT, map_unanswered),
	C(UNMAP, EFAULT, unmap_unanswered),
	C(POOL_GROW, EFAULT, grow_unanswered),
	C(TRANSLATE, EFAULT, translate_unanswered),
	C(TRANSLATE, EFAULT, translate_part),
	C(WALK_CREATE, EFAULT, walk_unanswered),
	C(VIEW, EFAULT, view_unanswered),
	C(LIST, EFAULT, list_unanswered),
	C(DESTROY, EFAULT, destroy_unanswered),
};

const size_t nr_odd_cells = ARRAY_SIZE(odd_cells);
