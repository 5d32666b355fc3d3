// SPDX-License-Identifier: GPL-2.0-only
/*
 * A short round of all that there is, killed at a random point: a process with
 * some threads opens the device, registers memory, makes spaces, maps, walks
 * and starts again. tools/vm/rounds.sh does this many times, the module
 * inserted and removed around each.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "pool.h"

static void *in_thread(void *arg)
{
	struct fixture *fx = arg;
	struct vmem_ioc_change change;
	struct records rs;
	u64 n;

	for (n = 0; n < 20; n++) {
		map_one(fx->g.fd, fx->space5, GIB, FX_DATA, 900 * PAGE, R, 0,
			NULL);
		rs = walk_all(fx->g.fd, fx->space5, 0, ~0ULL, 0);
		records_free(&rs);
		madvise(guest_host(&fx->g, FX_POOL + 8 * PAGE), PAGE,
			MADV_DONTNEED);
		unmap(fx->g.fd, fx->space5, GIB, GIB + 900 * PAGE - 1, &change);
		flushed(fx->g.fd, change.out_generation);
	}
	return NULL;
}

/* Leaves of 2 MiB are split and promoted, and tables shared and parted. */
static void *sizes_in_thread(void *arg)
{
	struct vmem_ioc_mapping m = {
		.va = GIB,
		.gpa = 64 * GIB,
		.len = 8 * MIB,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R | W,
		.page_sizes = BIT(12) | BIT(21),
	};
	struct vmem_ioc_change change;
	struct fixture *fx = arg;
	int fd = fx->g.fd;
	u64 n, va;

	for (n = 0; n < 20; n++) {
		map_list(fd, fx->space, &m, 1, VMEM_IOC_MAP_REPLACE, NULL);
		va = GIB + n * 37 % 2048 * PAGE;
		protect(fd, fx->space, va, va + PAGE - 1, 0, W, VMEM_IOC_RANGE_SPLIT, NULL);
		link_table(fd, fx->owner, 2 * GIB, fx->space, va & -(2 * MIB), 3,
			   VMEM_IOC_LINK_MAKE, NULL);
		link_table(fd, fx->owner, 2 * GIB, 0, 0, 3, VMEM_IOC_LINK_UNSHARE, NULL);
		protect(fd, fx->space, va, va + PAGE - 1, W, 0, VMEM_IOC_RANGE_SHARED_OK,
			NULL);
		promote(fd, fx->space, GIB, 2 * GIB - 1, 0, 0, NULL);
		unmap(fd, fx->owner, 2 * GIB, 3 * GIB - 1, &change);
		flushed(fd, change.out_generation);
	}
	return NULL;
}

static void work(void)
{
	pthread_t threads[3];
	struct fixture fx;
	u8 *owned;
	int i;

	for (;;) {
		fixture_init(&fx);
		owned = mmap(NULL, FX_OWNED_LEN, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fx.g.fd, (off_t)fx.owned_offset);
		memset(owned, 1, FX_OWNED_LEN);
		for (i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, in_thread, &fx);
		pthread_create(&threads[2], NULL, sizes_in_thread, &fx);
		for (i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		munmap(owned, FX_OWNED_LEN);
		close(fx.walk);
		close(fx.g.fd);
		munmap(fx.g.mem, fx.g.len);
		munmap(fx.frozen_mem, FX_SIDE_LEN);
		munmap(fx.unwritable_mem, FX_SIDE_LEN);
	}
}

static void round_killed(void)
{
	u64 seed = seed_pick();
	int status;
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work();
	}
	usleep(rnd(&seed) % 100000);
	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static const struct ktap_case cases[] = {
	CASE(round_killed),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
