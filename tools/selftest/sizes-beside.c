// SPDX-License-Identifier: GPL-2.0-only
/*
 * Splitting and promoting while others look: readers see what was mapped at each
 * moment, the process's memory comes and goes, signals come, and a kill.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sizes.h"

#define VA		(4 * GIB)
#define GPA		(8 * GIB)
#define LEN		(4 * MIB)	/* two leaves, split and promoted */
#define ROUNDS		300
#define POOL_PAGES	16

struct beside {
	struct pool_guest p;
	bool stop;
	u64 done[2];
};

/* Memory that keeps what is in it when the process lets go of its pages. */
static void guest_of_memfd(struct pool_guest *p)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	void *mem;

	ASSERT(fd >= 0 && !ftruncate(fd, MAP_LEN));
	mem = mmap(NULL, MAP_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(mem != MAP_FAILED);
	close(fd);
	memset(p, 0, sizeof(*p));
	guest_init_on(&p->g, FMT4, mem, MAP_LEN);
	p->fd = p->g.fd;
	p->pool = ASSERT_OK(pool_create(p->fd, MAP_POOL, POOL_PAGES * PAGE));
	p->space = ASSERT_OK(space_new(p->fd, FMT4, p->pool));
	p->g.root = space_root(p->fd, p->space);
	p->pages = POOL_PAGES;
	ASSERT_OK(map_sized(p, VA, GPA, LEN, R | W, P2M, 0, NULL));
}

static bool stopped(struct beside *b)
{
	return __atomic_load_n(&b->stop, __ATOMIC_RELAXED);
}

/* All of it is mapped, to where it is, whatever the size of the leaf. */
static void *translate_all_of_it(void *arg)
{
	static struct vmem_ioc_result results[1024];
	static u64 vas[1024];
	struct beside *b = arg;
	u32 i;

	for (i = 0; i < 1024; i++)
		vas[i] = VA + i * PAGE + 8 * (i % 512);
	while (!stopped(b) && !ktap_failed()) {
		EXPECT_ERR(translate_list(b->p.fd, b->p.space, vas, 1024, results, NULL),
			   0);
		for (i = 0; i < 1024; i++) {
			EXPECT_EQ(results[i].status, VMEM_IOC_OK);
			EXPECT_EQ(results[i].gpa, vas[i] - VA + GPA);
		}
		b->done[0]++;
	}
	return NULL;
}

/*
 * A table that is freed and taken again during a walk is one that the walk met: without
 * FOLLOW it would be told as a reference.
 */
#define WALK_ALL	(VMEM_IOC_WALK_LEAVES | VMEM_IOC_WALK_FOLLOW)

static void *walk_all_of_it(void *arg)
{
	struct beside *b = arg;

	while (!stopped(b) && !ktap_failed()) {
		struct records rs = walk_all(b->p.fd, b->p.space, VA, VA + LEN - 1,
					     WALK_ALL);
		const struct vmem_ioc_record *end = records_end(&rs);
		u64 next = VA;
		size_t i;

		EXPECT_EQ(rs.err, 0);
		EXPECT_EQ(end->bad, 0);
		for (i = 0; i + 1 < rs.nr && !ktap_failed(); i++) {
			EXPECT_EQ(rs.r[i].type, VMEM_IOC_REC_MAPPING);
			EXPECT_EQ(rs.r[i].va, next);
			EXPECT_EQ(rs.r[i].gpa, next - VA + GPA);
			next += rs.r[i].len;
		}
		EXPECT_EQ(next, VA + LEN);
		records_free(&rs);
		b->done[1]++;
	}
	return NULL;
}

/* The process's page tables forget the memory, which is there all the same. */
static void *let_go(void *arg)
{
	struct beside *b = arg;

	while (!stopped(b)) {
		ASSERT(!madvise(b->p.g.mem, POOL_PAGES * PAGE, MADV_DONTNEED));
		b->done[0]++;
		sched_yield();
	}
	return NULL;
}

/* One page is made read-only and writable again, and all is large once more. */
static void split_and_promote(struct pool_guest *p, u64 round)
{
	u64 va = VA + round * 7 % 1024 * PAGE, base = va & -(2 * MIB);
	struct vmem_ioc_change change;

	ASSERT_OK(protect(p->fd, p->space, va, va + PAGE - 1, 0, W, VMEM_IOC_RANGE_SPLIT,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	expect_flush(&change, base, base + 2 * MIB - 1);
	ASSERT_OK(protect(p->fd, p->space, va, va + PAGE - 1, W, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 1);
	ASSERT_OK(promote(p->fd, p->space, VA, VA + LEN - 1, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 512);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	/* that of 1 GiB above them has holes */
	EXPECT_EQ(change.out_skipped, 0);
	ASSERT_OK(flushed(p->fd, change.out_generation));
}

static void run_beside(struct beside *b, void *(*const fns[])(void *), u32 nr)
{
	pthread_t threads[4];
	u64 round;
	u32 i;

	for (i = 0; i < nr; i++)
		ASSERT(!pthread_create(&threads[i], NULL, fns[i], b));
	for (round = 0; round < ROUNDS && !ktap_failed(); round++)
		split_and_promote(&b->p, round);
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(entry_at(&b->p, VA, 1), leaf(GPA, 1, X86_RW));
	EXPECT_EQ(entry_at(&b->p, VA + 2 * MIB, 1), leaf(GPA + 2 * MIB, 1, X86_RW));
	expect_pool(&b->p, 3, 0);
	ktap_msg("%llu and %llu times meanwhile", (unsigned long long)b->done[0],
		 (unsigned long long)b->done[1]);
	EXPECT(b->done[0] > 0);
}

/* At no moment is anything of it not mapped. */
static void readers_see_all_of_it(void)
{
	static void *(*const fns[])(void *) = { translate_all_of_it, walk_all_of_it };
	struct beside b = {};

	guest_of_memfd(&b.p);
	run_beside(&b, fns, 2);
	EXPECT(b.done[1] > 0);
}

/* Tables are absent in either pass, and looked for again. */
static void memory_comes_and_goes(void)
{
	static void *(*const fns[])(void *) = { let_go };
	struct beside b = {};

	guest_of_memfd(&b.p);
	run_beside(&b, fns, 1);
}

/* Two change the same, and each is whole. */
static void *split_only(void *arg)
{
	struct beside *b = arg;
	struct vmem_ioc_change change;
	u64 n;
	int ret;

	for (n = 0; !stopped(b) && !ktap_failed(); n++) {
		u64 va = VA + n / 2 * 11 % 1024 * PAGE;

		ret = protect(b->p.fd, b->p.space, va, va + PAGE - 1, n & 1 ? 0 : X,
			      n & 1 ? X : 0, VMEM_IOC_RANGE_SPLIT, &change);
		EXPECT(!ret || ret == -ENOSPC || ret == -EAGAIN || ret == -EBUSY);
		if (ret == -EAGAIN)
			EXPECT_ERR(flushed(b->p.fd, change.out_generation), 0);
		b->done[0]++;
	}
	return NULL;
}

static void *promote_only(void *arg)
{
	struct beside *b = arg;
	struct vmem_ioc_change change;

	while (!stopped(b) && !ktap_failed()) {
		ASSERT_OK(promote(b->p.fd, b->p.space, VA, VA + LEN - 1, 0, 0, &change));
		EXPECT_ERR(flushed(b->p.fd, change.out_generation), 0);
		b->done[1] += change.out_pages;
	}
	return NULL;
}

static void one_splits_one_promotes(void)
{
	pthread_t threads[3];
	struct beside b = {};
	u32 i;

	guest_of_memfd(&b.p);
	ASSERT(!pthread_create(&threads[0], NULL, split_only, &b));
	ASSERT(!pthread_create(&threads[1], NULL, promote_only, &b));
	for (i = 0; i < 60 && !ktap_failed(); i++) {
		struct records rs = walk_all(b.p.fd, b.p.space, VA, VA + LEN - 1,
					     WALK_ALL);
		u64 next = VA;
		size_t j;

		for (j = 0; j + 1 < rs.nr; j++) {
			EXPECT_EQ(rs.r[j].type, VMEM_IOC_REC_MAPPING);
			EXPECT_EQ(rs.r[j].va, next);
			EXPECT_EQ(rs.r[j].gpa, next - VA + GPA);
			next += rs.r[j].len;
		}
		EXPECT_EQ(next, VA + LEN);
		records_free(&rs);
		nap_ms(5);
	}
	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ktap_msg("%llu splits asked for, %llu pages promoted",
		 (unsigned long long)b.done[0], (unsigned long long)b.done[1]);
	EXPECT(b.done[1] > 0);
	ASSERT_OK(protect(b.p.fd, b.p.space, VA, VA + LEN - 1, 0, X, 0, NULL));
	ASSERT_OK(promote(b.p.fd, b.p.space, VA, VA + LEN - 1, 0, 0, NULL));
	expect_leaves(&b.p, 2);
}

/* Signals that don't kill end none of them. */

static void on_alarm(int sig)
{
}

static void signals_end_nothing(void)
{
	struct sigaction act = { .sa_handler = on_alarm };
	struct itimerval timer = { { 0, 300 }, { 0, 300 } }, off = {};
	struct pool_guest p;
	u64 round;

	guest_of_memfd(&p);
	ASSERT(!sigaction(SIGALRM, &act, NULL));
	ASSERT(!setitimer(ITIMER_REAL, &timer, NULL));
	for (round = 0; round < ROUNDS && !ktap_failed(); round++)
		split_and_promote(&p, round);
	ASSERT(!setitimer(ITIMER_REAL, &off, NULL));
	expect_pool(&p, 3, 0);
}

/* Killed: what is reserved goes back, and all is mapped. */
static void killed_meanwhile(void)
{
	struct pool_guest p;
	u64 seed = seed_pick(), i, at;
	struct vmem_ioc_result result;
	struct vmem_ioc_change change;
	int status;
	pid_t pid;

	guest_of_memfd(&p);
	for (i = 0; i < 20 && !ktap_failed(); i++) {
		pid = fork();
		ASSERT(pid >= 0);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (at = 0;; at++)
				split_and_promote(&p, at);
		}
		usleep(rnd(&seed) % 20000);
		kill(pid, SIGKILL);
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT(WIFSIGNALED(status));
		for (at = 0; at < LEN; at += PAGE) {
			ASSERT_OK(translate(p.fd, p.space, VA + at, &result));
			EXPECT_EQ(result.gpa, GPA + at);
		}
		/* it may have been between the two */
		ASSERT_OK(protect(p.fd, p.space, VA, VA + LEN - 1, W, 0, 0, NULL));
		ASSERT_OK(promote(p.fd, p.space, VA, VA + LEN - 1, 0, 0, &change));
		ASSERT_OK(flushed(p.fd, change.out_generation));
		expect_pool(&p, 3, 0);
		EXPECT_EQ(entry_at(&p, VA, 1), leaf(GPA, 1, X86_RW));
		EXPECT_EQ(entry_at(&p, VA + 2 * MIB, 1), leaf(GPA + 2 * MIB, 1, X86_RW));
	}
}

/* Much to be merged, beside small calls and for whoever is killed meanwhile. */

#define MUCH		(2 * GIB)	/* 1,024 tables of leaves */

static void much_to_promote(struct pool_guest *p)
{
	memset(p, 0, sizeof(*p));
	guest_init(&p->g, FMT4, MAP_LEN);
	p->fd = p->g.fd;
	p->pages = 1100;
	p->pool = ASSERT_OK(pool_create(p->fd, MAP_POOL, p->pages * PAGE));
	p->space = ASSERT_OK(space_new(p->fd, FMT4, p->pool));
	p->g.root = space_root(p->fd, p->space);
	ASSERT_OK(map_one(p->fd, p->space, VA, GPA, MUCH, R | W, 0, NULL));
}

static void *small_calls(void *arg)
{
	struct beside *b = arg;
	u32 space = ASSERT_OK(space_new(b->p.fd, FMT4, b->p.pool));

	while (!stopped(b) && !ktap_failed()) {
		ASSERT_OK(map_one(b->p.fd, space, 0, GPA, PAGE, R, VMEM_IOC_MAP_REPLACE,
				  NULL));
		b->done[0]++;
	}
	return NULL;
}

static void much_beside_small_calls(void)
{
	struct vmem_ioc_change change;
	struct beside b = {};
	pthread_t thread;

	much_to_promote(&b.p);
	ASSERT(!pthread_create(&thread, NULL, small_calls, &b));
	while (!__atomic_load_n(&b.done[0], __ATOMIC_RELAXED) && !ktap_failed())
		sched_yield();
	ASSERT_OK(promote(b.p.fd, b.p.space, VA, VA + MUCH - 1, 0, 0, &change));
	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ktap_msg("%llu small calls meanwhile", (unsigned long long)b.done[0]);
	EXPECT_EQ(change.out_pages, 2 * MUCH / PAGE);
	EXPECT_EQ(change.out_skipped, 0);
	EXPECT_EQ(entry_at(&b.p, VA, 2), leaf(GPA, 2, X86_RW));
	EXPECT_EQ(entry_at(&b.p, VA + GIB, 2), leaf(GPA + GIB, 2, X86_RW));
}

static void much_and_killed(void)
{
	u64 seed = seed_pick(), at, i;
	struct vmem_ioc_pool_stat stat;
	struct vmem_ioc_result result;
	struct pool_guest p;
	pid_t pid;

	much_to_promote(&p);
	for (i = 0; i < 10 && !ktap_failed(); i++) {
		pid = fork();
		ASSERT(pid >= 0);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			promote(p.fd, p.space, VA, VA + MUCH - 1, 0, 0, NULL);
			_exit(0);
		}
		usleep(rnd(&seed) % 10000);
		kill(pid, SIGKILL);
		ASSERT_EQ(waitpid(pid, NULL, 0), pid);
		for (at = rnd(&seed) % 64 * PAGE; at < MUCH; at += 61 * PAGE) {
			ASSERT_OK(translate(p.fd, p.space, VA + at, &result));
			EXPECT_EQ(result.gpa, GPA + at);
			EXPECT_EQ(result.effective, R | W);
		}
		ASSERT_OK(pool_stat(p.fd, p.pool, &stat));
		EXPECT_EQ(stat.out_free + stat.out_used + stat.out_quarantined, p.pages);
		EXPECT_EQ(stat.out_reserved, 0);
	}
	ASSERT_OK(promote(p.fd, p.space, VA, VA + MUCH - 1, 0, 0, NULL));
	EXPECT_EQ(entry_at(&p, VA, 2), leaf(GPA, 2, X86_RW));
	ASSERT_OK(pool_stat(p.fd, p.pool, &stat));
	EXPECT_EQ(stat.out_used, 2);
}

const struct ktap_case beside_cases[] = {
	CASE(readers_see_all_of_it),
	CASE(memory_comes_and_goes),
	CASE(one_splits_one_promotes),
	CASE(signals_end_nothing),
	CASE(killed_meanwhile),
	CASE(much_beside_small_calls),
	CASE(much_and_killed),
};

const size_t nr_beside_cases = ARRAY_SIZE(beside_cases);
