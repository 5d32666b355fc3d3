// SPDX-License-Identifier: GPL-2.0-only
/*
 * EBUSY of changing calls: the pool has what they need, but another call has set
 * it aside. That one waits for memory that doesn't come.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errno-cells.h"
#include "ktap.h"
#include "uffd.h"

/*
 * A mapping of @space, of the pool at FX_TINY, which takes three tables and hangs
 * where it reaches the first of them. Return: who makes it.
 */
static pid_t hold(struct fixture *fx, u32 space)
{
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		map_one(fx->g.fd, space, FX_VA_FREE + GIB, FX_DATA, PAGE, R, 0,
			NULL);
		_exit(3);
	}
	ASSERT(wait_until(task_sleeps_at, &pid));
	return pid;
}

/* Refused while @space is being mapped, and not when the pool has @more, or after. */
static void busy_until(struct fixture *fx, enum call call, struct args *args,
		       u32 pool, u32 space, u64 more)
{
	struct vmem_ioc_pool_stat stat;
	int uffd, status;
	u64 len;
	u8 *mem;
	pid_t pid;

	ASSERT_OK(pool_stat(fx->g.fd, pool, &stat));
	mem = tiny_host(fx) + stat.out_used * PAGE;
	len = stat.out_free * PAGE;
	uffd = uffd_register(mem, len);
	/* a large page may be there */
	ASSERT(!madvise(mem, len, MADV_DONTNEED));
	pid = hold(fx, space);
	ASSERT_OK(pool_stat(fx->g.fd, pool, &stat));
	ASSERT_EQ(stat.out_reserved, 3);
	without_memory(fx, call, args, EBUSY);
	if (call == MAP)
		EXPECT_EQ(args->map.change.out_missing, 3);
	if (more) {
		ASSERT_OK(pool_grow(fx->g.fd, pool, FX_ROOM, more));
		EXPECT_ERR(call_by(fx->g.fd, call, args), 0);
		ASSERT_OK(pool_stat(fx->g.fd, pool, &stat));
		EXPECT_EQ(stat.out_reserved, 3);
		EXPECT_EQ(stat.out_free, 0);
	}

	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	close(uffd);
	if (!more)
		EXPECT_ERR(call_by(fx->g.fd, call, args), 0);
}

static void busy(struct fixture *fx, enum call call, struct args *args,
		 u32 pool, u32 space)
{
	busy_until(fx, call, args, pool, space, 0);
}

static u32 space_in(struct fixture *fx, u32 pool)
{
	return ASSERT_OK(space_new(fx->g.fd, FMT4, pool));
}

static void space_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1 + 3);

	args->flags = VMEM_IOC_SPACE_NEW;
	args->space_create.root = 0;
	args->space_create.pool = pool;
	busy(fx, SPACE_CREATE, args, pool, space_in(fx, pool));
}

static void map_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 2 + 3);

	args->map.space = space_in(fx, pool);
	busy(fx, MAP, args, pool, space_in(fx, pool));
}

/* What another call has set aside isn't in the way of growth. */
static void map_held_then_grown(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 2 + 3);

	args->map.space = space_in(fx, pool);
	busy_until(fx, MAP, args, pool, space_in(fx, pool), 3 * PAGE);
}

/* One that is free and the three aren't too few for the four that move. */
static u32 movable(struct fixture *fx, u32 pool)
{
	return ASSERT_OK(space_movable(fx->g.fd, FMT4, pool, FX_MOVABLE));
}

static void unmap_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1 + 1 + 3);

	args->unmap.space = movable(fx, pool);
	busy(fx, UNMAP, args, pool, space_in(fx, pool));
}

static void protect_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1 + 1 + 3);

	args->protect.space = movable(fx, pool);
	busy(fx, PROTECT, args, pool, space_in(fx, pool));
}

static void promote_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 1 + 1 + 3);

	full_tables(fx);
	args->promote.space = movable(fx, pool);
	args->promote.start = FX_VA;
	args->promote.last = FX_VA + 2 * MIB - 1;
	busy(fx, PROMOTE, args, pool, space_in(fx, pool));
}

/* The one that the other has not, and one that is in use: it is split, or not. */
static void unmap_split_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 3 + 1 + 3);

	args->unmap.space = large_in(fx, pool);
	args->unmap.last = args->unmap.start + PAGE - 1;
	args->flags = VMEM_IOC_RANGE_SPLIT;
	busy(fx, UNMAP, args, pool, space_in(fx, pool));
}

static void link_unshare_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 4 + 1 + 3);

	args->link.space = space_of(fx, pool);
	ASSERT_OK(link_table(fx->g.fd, args->link.space, FX_VA + 2 * MIB, args->link.space,
			     FX_VA, 3, 0, NULL));
	args->link.owner = 0;
	args->link.their_va = 0;
	args->link.our_va = FX_VA;
	args->flags = VMEM_IOC_LINK_UNSHARE;
	busy(fx, LINK, args, pool, space_in(fx, pool));
}

static void link_held(struct fixture *fx, struct args *args)
{
	u32 pool = tiny_pool(fx, 4 + 3);

	args->link.owner = args->link.space = space_in(fx, pool);
	ASSERT_OK(map_one(fx->g.fd, args->link.owner, FX_VA, FX_DATA, PAGE,
			  R | W, 0, NULL));
	busy(fx, LINK, args, pool, args->link.space);
}

const struct cell busy_cells[] = {
#define C(call, fn)	{ call, EBUSY, #fn, fn, CELL_RUNS }
	C(SPACE_CREATE, space_held),
	C(MAP, map_held),
	C(MAP, map_held_then_grown),
	C(UNMAP, unmap_held),
	C(PROTECT, protect_held),
	C(LINK, link_held),
	C(PROMOTE, promote_held),
	C(UNMAP, unmap_split_held),
	C(LINK, link_unshare_held),
};

const size_t nr_busy_cells = ARRAY_SIZE(busy_cells);
