// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who outlives whom: orders of destroying, of closing and of exits, ids that
 * vanish under calls, two processes with one guest.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "ktap.h"

/* Walk, views and file closed in any order: what is left goes on. */

static void still_works(int fd, u32 space)
{
	struct vmem_ioc_result result;

	ASSERT_OK(translate(fd, space, FX_VA, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, FX_DATA);
}

static void close_orders(void)
{
	struct fixture fx;
	u32 order, left, i, turn;
	int fds[4];
	u8 *mem;

	for (order = 0; order < 256; order++) {
		for (left = turn = 0; turn < 4; turn++)
			left |= 1 << (order >> 2 * turn & 3);
		if (left != 0xf)
			continue;
		fixture_init(&fx);
		fds[0] = fx.g.fd;
		fds[1] = ASSERT_OK(view_create(fds[0], VMEM_IOC_RIGHT_READ));
		fds[2] = fx.walk;
		mem = mmap(NULL, FX_OWNED_LEN, PROT_READ | PROT_WRITE,
			   MAP_SHARED, fds[0], (off_t)fx.owned_offset);
		ASSERT(mem != MAP_FAILED);
		for (turn = 0; turn < 4; turn++) {
			i = order >> 2 * turn & 3;
			left &= ~(1 << i);
			if (i == 3)
				munmap(mem, FX_OWNED_LEN);
			else
				close(fds[i]);
			if (left & 1)
				still_works(fds[0], fx.space);
			if (left & 2)
				still_works(fds[1], fx.space);
			if (left & 8)
				mem[turn * PAGE] = 1;
		}
		munmap(fx.g.mem, fx.g.len);
	}
}

/* Space, pool and region: each goes only when nothing uses it any more. */
static void destroy_orders(void)
{
	struct vmem_ioc_destroy arg = { .size = sizeof(arg) };
	struct guest g;
	u32 pool, space, i;

	for (i = 0; i < 3; i++) {
		guest_init(&g, FMT4, MIB);
		pool = ASSERT_OK(pool_create(g.fd, GUEST_GPA, 16 * PAGE));
		space = ASSERT_OK(space_new(g.fd, FMT4, pool));
		ASSERT_OK(map_one(g.fd, space, 0, GUEST_GPA, PAGE, R, 0, NULL));
		EXPECT_ERR(destroy(g.fd, g.region), EBUSY);
		EXPECT_ERR(destroy(g.fd, pool), EBUSY);
		arg.id = space;
		ASSERT_OK(vcall(g.fd, VMEM_IOC_DESTROY, &arg));
		EXPECT_ERR(destroy(g.fd, g.region), EBUSY);
		EXPECT_ERR(destroy(g.fd, pool), EBUSY);
		ASSERT_OK(flushed(g.fd, arg.out_generation));
		EXPECT_ERR(destroy(g.fd, g.region), EBUSY);
		EXPECT_ERR(destroy(g.fd, pool), 0);
		EXPECT_ERR(destroy(g.fd, g.region), 0);
		/* The place is free again. */
		ASSERT_OK(region_user(g.fd, GUEST_GPA, g.mem, MIB, 0));
		close(g.fd);
	}
}

static void adopted_root_holds_region(void)
{
	struct guest g;
	u32 space;

	guest_init(&g, FMT4, MIB);
	space = ASSERT_OK(space_adopt(g.fd, FMT4, 0, guest_root(&g)));
	EXPECT_ERR(destroy(g.fd, g.region), EBUSY);
	ASSERT_OK(destroy(g.fd, space));
	ASSERT_OK(destroy(g.fd, g.region));
}

/* A region that holds no root goes, and what names it is outside then. */
static void region_under_tables(void)
{
	struct vmem_ioc_result result;
	u8 *mem = map_anon(PAGE);
	struct guest g;
	u32 space, id;
	int i;

	guest_init(&g, FMT4, MIB);
	guest_map(&g, guest_root(&g), 0, 1, GIB | X86_TABLE, X86_TABLE);
	space = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	for (i = 0; i < 20; i++) {
		ASSERT_OK(translate(g.fd, space, 0, &result));
		EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
		id = ASSERT_OK(region_user(g.fd, GIB, mem, PAGE, 0));
		ASSERT_OK(translate(g.fd, space, 0, &result));
		EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
		ASSERT_OK(destroy(g.fd, id));
	}
}

/* Everything open at exit. */
static void exit_with_all(void)
{
	struct fixture fx;
	pid_t pid;
	int i;

	for (i = 0; i < 30; i++) {
		pid = fork();
		ASSERT(pid >= 0);
		if (!pid) {
			fixture_init(&fx);
			mmap(NULL, FX_OWNED_LEN, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fx.g.fd, (off_t)fx.owned_offset);
			ASSERT_OK(view_create(fx.g.fd, 7));
			_exit(0);
		}
		ASSERT(waitpid(pid, NULL, 0) == pid);
	}
}

/* Killed in the middle of it, whatever that is. */

static void busy(struct fixture *fx)
{
	struct vmem_ioc_change change;
	u64 n;

	for (n = 0;; n++) {
		u64 va = n % 64 * 3 * MIB;

		map_one(fx->g.fd, fx->space5, GIB + va, FX_DATA, 900 * PAGE, R,
			0, NULL);
		unmap(fx->g.fd, fx->space5, GIB + va, GIB + va + 4 * MIB - 1,
		      &change);
		flushed(fx->g.fd, change.out_generation);
		records_free((struct records[]){ walk_all(fx->g.fd, fx->by_hand,
							  0, ~0ULL, 0) });
		destroy(fx->g.fd, region_owned(fx->g.fd, FX_FREE, MIB, NULL));
	}
}

static void kill_when_busy(void)
{
	u64 seed = seed_pick();
	struct fixture fx;
	int status, i;
	pid_t pid;

	fixture_init(&fx);
	for (i = 0; i < 40; i++) {
		pid = fork();
		ASSERT(pid >= 0);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			busy(&fx);
		}
		usleep(rnd(&seed) % 30000);
		kill(pid, SIGKILL);
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT(WIFSIGNALED(status));
		/* The guest is whole, for those who have it still. */
		still_works(fx.g.fd, fx.space);
	}
}

/* Two processes with one guest, each with memory of its own in it. */
static void two_processes(void)
{
	struct vmem_ioc_result result;
	struct guest g, theirs;
	int sock[2], status;
	u32 space, id;
	char byte = 0;
	pid_t pid;

	guest_init(&g, FMT4, MIB);
	guest_map(&g, guest_root(&g), 0, 0, GIB | X86_LEAF, X86_TABLE);
	space = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		close(g.fd);
		theirs = g;
		theirs.fd = ASSERT_OK(recv_fd(sock[1]));
		theirs.mem = map_anon(MIB);
		theirs.gpa = theirs.next = GIB;
		ASSERT_OK(region_user(theirs.fd, GIB, theirs.mem, MIB, 0));
		guest_map(&theirs, guest_root(&theirs), 0, 0,
			  GUEST_GPA | X86_LEAF, X86_TABLE);
		id = ASSERT_OK(space_adopt(theirs.fd, FMT4, 0, theirs.root));
		ASSERT_EQ(write(sock[1], &id, 4), 4);
		/* The parent's tables, and its own. */
		ASSERT_OK(translate(theirs.fd, space, 0, &result));
		EXPECT_EQ(result.gpa, GIB);
		ASSERT_EQ(read(sock[1], &byte, 1), 1);
		EXPECT_EQ(entry_get(&theirs, GIB + 3 * PAGE, 0) & X86_P, X86_P);
		_exit(ktap_failed());
	}
	ASSERT_OK(send_fd(sock[0], g.fd));
	ASSERT_EQ(read(sock[0], &id, 4), 4);
	ASSERT_OK(translate(g.fd, id, 0, &result));
	EXPECT_EQ(result.gpa, GUEST_GPA);
	EXPECT_EQ(result.flags, 0);
	ASSERT_EQ(write(sock[0], &byte, 1), 1);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	ASSERT_OK(translate(g.fd, id, 0, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
	ASSERT_OK(translate(g.fd, space, 0, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
}

/* Objects come and go while others name them. */

struct racer {
	pthread_t thread;
	struct fixture *fx;
	volatile u32 *id;
	volatile bool *stop;
};

static void *race_reader(void *arg)
{
	struct racer *r = arg;
	struct vmem_ioc_result result;
	struct vmem_ioc_record records[16];
	ssize_t got;
	int ret, walk;
	u32 id;

	while (!*r->stop) {
		id = *r->id;
		ret = translate(r->fx->g.fd, id, FX_VA_SMALL, &result);
		EXPECT(ret == 0 || ret == -ENOENT || ret == -EINVAL);
		walk = walk_create(r->fx->g.fd, &id, 1, 0, ~0ULL, 0, 0, 0);
		EXPECT(walk >= 0 || walk == -ENOENT || walk == -EINVAL);
		if (walk < 0)
			continue;
		do {
			got = read(walk, records, sizeof(records));
		} while (got > 0);
		EXPECT(got == 0 || errno == ENOENT);
		close(walk);
	}
	return NULL;
}

static void ids_vanish(void)
{
	struct racer racers[3];
	volatile bool stop = false;
	volatile u32 current = 0;
	struct fixture fx;
	int i;

	fixture_init(&fx);
	current = fx.by_hand;
	for (i = 0; i < 3; i++) {
		racers[i].fx = &fx;
		racers[i].id = &current;
		racers[i].stop = &stop;
		ASSERT(!pthread_create(&racers[i].thread, NULL, race_reader,
				       &racers[i]));
	}
	for (i = 0; i < 500 && !ktap_failed(); i++) {
		u32 space = ASSERT_OK(space_adopt(fx.g.fd, FMT4, 0, fx.g.root));
		u32 region = ASSERT_OK(region_owned(fx.g.fd, FX_FREE, PAGE,
						    NULL));

		current = i % 5 ? space : region;
		if (i % 3)
			sched_yield();
		ASSERT_OK(destroy(fx.g.fd, region));
		ASSERT_OK(destroy(fx.g.fd, space));
	}
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(racers[i].thread, NULL);
	still_works(fx.g.fd, fx.space);
}

/* As long as anything of it is held, the module stays. */
static void module_held(void)
{
	struct fixture fx;
	u8 *mem;
	int i;

	fixture_init(&fx);
	mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fx.g.fd,
		   (off_t)fx.owned_offset);
	ASSERT(mem != MAP_FAILED);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(syscall(SYS_delete_module, "vmem", O_NONBLOCK), -1);
		EXPECT_EQ(errno, EWOULDBLOCK);
		if (i == 0)
			close(fx.g.fd);
		if (i == 1)
			close(fx.walk);
	}
	mem[0] = 1;
}

static bool is_module(void)
{
	return !access("/sys/module/vmem/refcnt", F_OK);
}

/* Opening and closing is cheap to repeat, and numbers no guest twice. */
static void open_many(void)
{
	int fds[64], i, n;

	for (n = 0; n < 20; n++) {
		for (i = 0; i < 64; i++)
			fds[i] = dev_open();
		for (i = 0; i < 64; i++)
			close(fds[n & 1 ? i : 63 - i]);
	}
}

static const struct ktap_case cases[] = {
	CASE(close_orders),
	CASE(destroy_orders),
	CASE(adopted_root_holds_region),
	CASE(region_under_tables),
	CASE(exit_with_all),
	CASE(kill_when_busy),
	CASE(two_processes),
	CASE(ids_vanish),
	CASE_IF(module_held, is_module, "vmem as a module"),
	CASE(open_many),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
