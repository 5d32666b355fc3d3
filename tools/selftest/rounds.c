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
#include "ktap.h"

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

static void work(void)
{
	pthread_t threads[2];
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
		for (i = 0; i < 2; i++)
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
