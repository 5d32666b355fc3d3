// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables made to hurt: that name themselves, or each other in circles, or all
 * of them one, and random bytes. What is visited is bounded by a count, and
 * whoever waits for the rest can be killed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

#define MOST	64

struct hostile {
	struct guest g;
	u32 tables;
	u32 space;
};

typedef u64 (*entry_fn)(struct hostile *h, u32 table, u32 index, u64 *seed);

static u64 table_at(struct hostile *h, u32 nr)
{
	return (h->g.gpa + nr % h->tables * PAGE) | X86_TABLE | X86_US;
}

static u64 names_itself(struct hostile *h, u32 table, u32 index, u64 *seed)
{
	return table_at(h, table);
}

static u64 names_next(struct hostile *h, u32 table, u32 index, u64 *seed)
{
	return table_at(h, table + 1);
}

static u64 names_first(struct hostile *h, u32 table, u32 index, u64 *seed)
{
	return table_at(h, 0);
}

static u64 names_all(struct hostile *h, u32 table, u32 index, u64 *seed)
{
	return table_at(h, index);
}

static u64 names_any(struct hostile *h, u32 table, u32 index, u64 *seed)
{
	return table_at(h, rnd(seed)) | (rnd(seed) & 0xffe);
}

static u64 random_bytes(struct hostile *h, u32 table, u32 index, u64 *seed)
{
	return rnd(seed);
}

static u64 random_inside(struct hostile *h, u32 table, u32 index, u64 *seed)
{
	u64 word = rnd(seed);

	if (word % 4 == 0)
		return word;
	return (word & ~X86_ADDR) | (table_at(h, rnd(seed)) & ~0xfffULL);
}

static const struct shape {
	const char *name;
	u32 tables;
	entry_fn entry;
} shapes[] = {
	{ "each table names itself", 1, names_itself },
	{ "one of many names itself", 8, names_itself },
	{ "a chain with one table a level", 5, names_next },
	{ "a circle of two", 2, names_next },
	{ "a circle of three", 3, names_next },
	{ "all name the root", 16, names_first },
	{ "all name all", MOST, names_all },
	{ "any names any", MOST, names_any },
	{ "random bytes", MOST, random_bytes },
	{ "random words that name tables", MOST, random_inside },
};

static void build(struct hostile *h, const struct shape *shape, u32 format,
		  u64 seed)
{
	u64 *words;
	u32 i, j;

	memset(h, 0, sizeof(*h));
	/* Behind the tables lies a pool. */
	guest_init(&h->g, format, (MOST + 32) * PAGE);
	h->tables = shape->tables;
	words = (u64 *)h->g.mem;
	for (i = 0; i < h->tables; i++) {
		for (j = 0; j < 512; j++)
			words[i * 512 + j] = shape->entry(h, i, j, &seed);
	}
	h->g.root = h->g.gpa;
}

static void adopt(struct hostile *h)
{
	u32 pool = ASSERT_OK(pool_create(h->g.fd, h->g.gpa + MOST * PAGE,
					 32 * PAGE));

	h->space = ASSERT_OK(space_adopt(h->g.fd, h->g.format, pool, h->g.root));
}

static void leave(struct hostile *h)
{
	close(h->g.fd);
	munmap(h->g.mem, h->g.len);
}

static void each_shape(void (*fn)(struct hostile *))
{
	static const u32 formats[] = { FMT4, FMT5 };
	u64 seed = seed_pick();
	struct hostile h;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		for (j = 0; j < ARRAY_SIZE(formats); j++) {
			build(&h, &shapes[i], formats[j], seed);
			adopt(&h);
			fn(&h);
			leave(&h);
			if (ktap_failed()) {
				ktap_msg("%s, format %u", shapes[i].name,
					 formats[j]);
				return;
			}
		}
	}
}

/* No more than each table once a level, by the walk's own count. */
static void visits(struct hostile *h)
{
	/* Random bytes may name pages of the region that are no tables. */
	u64 bound = (h->g.len / PAGE) * levels_of(h->g.format);
	struct records rs;
	int walk;

	walk = ASSERT_OK(walk_create(h->g.fd, &h->space, 1, 0, ~0ULL, 0, bound,
				     0));
	rs = walk_read(walk, 0);
	close(walk);
	EXPECT_EQ(rs.err, 0);
	EXPECT_EQ(records_end(&rs)->detail, VMEM_IOC_END_COMPLETE);
	EXPECT(rs.nr <= 512 * bound + 1);
	records_free(&rs);
}

static void walk_bounded(void)
{
	each_shape(visits);
}

static void same_as_model(struct hostile *h)
{
	struct records rs = walk_all(h->g.fd, h->space, 0, ~0ULL, 0);
	struct model m;

	model_init(&m, &h->g);
	model_walk(&m, 0, ~0ULL, 0);
	EXPECT(m.visits <= (h->g.len / PAGE) * levels_of(h->g.format));
	EXPECT(records_equal(&rs, &m.out));
	records_free(&rs);
	records_free(&m.out);
	free(m.seen);
}

static void walk_as_model(void)
{
	each_shape(same_as_model);
}

static void follow_budget(struct hostile *h)
{
	struct vmem_ioc_record *buf;
	const u64 budget = 500;
	size_t nr = 0, i;
	ssize_t got;
	int walk;

	buf = calloc(1024, sizeof(*buf));
	ASSERT(buf);
	walk = ASSERT_OK(walk_create(h->g.fd, &h->space, 1, 0, ~0ULL,
				     VMEM_IOC_WALK_FOLLOW, budget, 0));
	do {
		got = read(walk, buf, 1024 * sizeof(*buf));
		ASSERT(got >= 0);
		for (i = 0; i < got / sizeof(*buf); i++) {
			if (buf[i].type == VMEM_IOC_REC_END)
				EXPECT(buf[i].detail == VMEM_IOC_END_BUDGET ||
				       buf[i].detail == VMEM_IOC_END_COMPLETE);
		}
		nr += got / sizeof(*buf);
	} while (got);
	EXPECT(nr <= 512 * budget + 1);
	close(walk);
	free(buf);
}

static void follow_bounded(void)
{
	each_shape(follow_budget);
}

static void unmap_budget(struct hostile *h)
{
	struct vmem_ioc_unmap arg = {
		.size = sizeof(arg),
		.space = h->space,
		.last = ~0ULL,
		.budget = 500,
	};
	u64 sum = checksum(h->g.mem, h->g.len);
	int ret = vcall(h->g.fd, VMEM_IOC_UNMAP, &arg);

	/* Refused whole, whatever the reason; or small enough to be done. */
	if (ret) {
		EXPECT(ret == -E2BIG || ret == -ENXIO || ret == -ERANGE ||
		       ret == -EEXIST);
		EXPECT_EQ(arg.change.out_done_len, 0);
		EXPECT_EQ(checksum(h->g.mem, h->g.len), sum);
	}
}

static void unmap_bounded(void)
{
	each_shape(unmap_budget);
}

static void unmap_refused(void)
{
	struct vmem_ioc_unmap arg = { .size = sizeof(arg), .last = ~0ULL };
	struct hostile h;
	u64 sum;

	/* 512^4 tables of leaves, or thereabouts. */
	build(&h, &shapes[0], FMT5, 0);
	adopt(&h);
	sum = checksum(h.g.mem, h.g.len);
	arg.space = h.space;
	arg.budget = 100000;
	EXPECT_ERR(vcall(h.g.fd, VMEM_IOC_UNMAP, &arg), E2BIG);
	EXPECT_EQ(checksum(h.g.mem, h.g.len), sum);
	EXPECT_EQ(arg.change.out_flush, VMEM_IOC_FLUSH_NONE);
}

/* Endless by itself: only a signal ends it. */

static void follow_endless(struct hostile *h)
{
	struct vmem_ioc_record *buf = map_anon(MIB);
	int walk = ASSERT_OK(walk_create(h->g.fd, &h->space, 1, 0, ~0ULL,
					 VMEM_IOC_WALK_FOLLOW, 0, 0));

	for (;;)
		ASSERT(read(walk, buf, MIB) > 0);
}

/* Endless and silent: it gives no record, so that one read is all of it. */
static void follow_silent(struct hostile *h)
{
	struct vmem_ioc_record *buf = map_anon(MIB);
	int walk;

	walk = ASSERT_OK(walk_create(h->g.fd, &h->space, 1, 0, ~0ULL,
				     VMEM_IOC_WALK_FOLLOW, 0, 0));
	read(walk, buf, MIB);
	ktap_fail(__FILE__, __LINE__, "a walk without an end came to it");
	_exit(1);
}

static void unmap_endless(struct hostile *h)
{
	struct vmem_ioc_info limits;
	struct vmem_ioc_unmap arg = {
		.size = sizeof(arg),
		.space = h->space,
		.last = ~0ULL,
		.budget = ~0ULL,
	};

	info(h->g.fd, &limits);
	vcall(h->g.fd, VMEM_IOC_UNMAP, &arg);
	ktap_fail(__FILE__, __LINE__, "more tables than there can be");
	_exit(1);
}

static void kill_while(void (*fn)(struct hostile *), struct hostile *h)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		pid = fork();
		ASSERT(pid >= 0);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			fn(h);
		}
		nap_ms(20 + 70 * i);
		ASSERT_EQ(waitpid(pid, &status, WNOHANG), 0);
		kill(pid, SIGKILL);
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

static void killed_follow(void)
{
	struct hostile h;

	build(&h, &shapes[0], FMT4, 0);
	adopt(&h);
	kill_while(follow_endless, &h);
}

static void killed_silent(void)
{
	struct hostile h;
	u32 i;

	/* Five levels, all alike, and below them only holes. */
	build(&h, &shapes[2], FMT5, 0);
	for (i = 0; i < 512; i++)
		entry_set(&h.g, h.g.gpa + 4 * PAGE, i, 0);
	adopt(&h);
	kill_while(follow_silent, &h);
}

static void killed_unmap(void)
{
	struct hostile h;
	u64 sum;

	build(&h, &shapes[0], FMT5, 0);
	adopt(&h);
	sum = checksum(h.g.mem, h.g.len);
	kill_while(unmap_endless, &h);
	/* It never came to its second pass. */
	EXPECT_EQ(checksum(h.g.mem, h.g.len), sum);
}

/*
 * It would come to its budget, of 4 million tables. But others change something all the
 * time, and it begins again, and lets them wait: it ends all the same.
 */
struct beside {
	struct hostile h;
	u32 space;
	bool stop;
	u64 done;
};

static void *small_maps(void *arg)
{
	struct beside *b = arg;

	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED) && !ktap_failed()) {
		ASSERT_OK(map_one(b->h.g.fd, b->space, 0, GIB, PAGE, R,
				  VMEM_IOC_MAP_REPLACE, NULL));
		__atomic_add_fetch(&b->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void unmap_beside_small(void)
{
	struct vmem_ioc_unmap arg = { .size = sizeof(arg), .last = ~0ULL };
	struct beside b = {};
	pthread_t threads[2];
	u32 pool, i;
	u64 sum;

	build(&b.h, &shapes[0], FMT5, 0);
	pool = ASSERT_OK(pool_create(b.h.g.fd, b.h.g.gpa + MOST * PAGE, 32 * PAGE));
	arg.space = ASSERT_OK(space_adopt(b.h.g.fd, FMT5, pool, b.h.g.root));
	b.space = ASSERT_OK(space_new(b.h.g.fd, FMT5, pool));
	sum = checksum(b.h.g.mem, PAGE);
	for (i = 0; i < 2; i++)
		ASSERT(!pthread_create(&threads[i], NULL, small_maps, &b));
	while (!__atomic_load_n(&b.done, __ATOMIC_RELAXED) && !ktap_failed())
		sched_yield();
	EXPECT_ERR(vcall(b.h.g.fd, VMEM_IOC_UNMAP, &arg), EBUSY);
	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ktap_msg("%llu small calls meanwhile", (unsigned long long)b.done);
	EXPECT_EQ(arg.change.out_flush, VMEM_IOC_FLUSH_NONE);
	EXPECT_EQ(arg.change.out_done_len, 0);
	EXPECT_EQ(checksum(b.h.g.mem, PAGE), sum);
	/* with nobody beside it */
	arg.budget = 100000;
	EXPECT_ERR(vcall(b.h.g.fd, VMEM_IOC_UNMAP, &arg), E2BIG);
}

/* While one is endless, others are served. */
static void others_served(void)
{
	struct vmem_ioc_result result;
	struct hostile h;
	u64 i;
	pid_t pid;

	build(&h, &shapes[0], FMT4, 0);
	adopt(&h);
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		follow_endless(&h);
	}
	for (i = 0; i < 200; i++) {
		u32 id = ASSERT_OK(region_owned(h.g.fd, GIB, PAGE, NULL));

		ASSERT_OK(translate(h.g.fd, h.space, i * PAGE, &result));
		EXPECT_EQ(result.status, VMEM_IOC_OK);
		ASSERT_OK(destroy(h.g.fd, id));
	}
	EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/*
 * Tables that lie where the VMM has mapped nothing, each far from the others:
 * the kernel keeps nothing for any of them.
 */

#define NOWHERE		((u8 *)0x100000000000)	/* nothing comes there */
#define NOWHERE_LEN	BIT(40)
#define NOWHERE_PDS	32
#define NOWHERE_MOST	(NOWHERE_PDS * 512)
#define GROUP		"hostile"

static u32 nowhere_space(int fd)
{
	const u64 len = (2 + NOWHERE_PDS) * PAGE;
	u64 *root, *pdpt, *pd;
	u32 i, j;

	root = mmap(NOWHERE, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ((uintptr_t)root, (uintptr_t)NOWHERE);
	pdpt = root + 512;
	root[0] = PAGE | X86_TABLE;
	for (i = 0; i < NOWHERE_PDS; i++) {
		pdpt[i] = (2 + i) * PAGE | X86_TABLE;
		pd = root + (2 + i) * 512;
		for (j = 0; j < 512; j++)
			pd[j] = (GIB + (i * 512 + j) * 2 * MIB) | X86_TABLE;
	}
	ASSERT_OK(region_user(fd, 0, root, NOWHERE_LEN, 0));
	return ASSERT_OK(space_adopt(fd, FMT4, 0, 0));
}

static void nowhere_translate(int fd, u32 space, u64 *vas, u32 nr,
			      struct vmem_ioc_result *results)
{
	u32 i;

	ASSERT_OK(translate_list(fd, space, vas, nr, results, NULL));
	for (i = 0; i < nr; i++)
		ASSERT_EQ(results[i].status, VMEM_IOC_OUTSIDE);
}

static void nowhere(void *arg)
{
	struct vmem_ioc_result *results;
	struct records rs;
	u32 space, i;
	int fd;
	u64 *vas;

	vas = map_anon(NOWHERE_MOST * sizeof(*vas));
	results = map_anon(NOWHERE_MOST * sizeof(*results));
	memset(results, 0, NOWHERE_MOST * sizeof(*results));
	for (i = 0; i < NOWHERE_MOST; i++)
		vas[i] = i * 2 * MIB;
	fd = dev_open();
	space = nowhere_space(fd);
	nowhere_translate(fd, space, vas, 64, results);
	cgroup_measured();
	nowhere_translate(fd, space, vas, NOWHERE_MOST, results);
	cgroup_measured();
	rs = walk_all(fd, space, 0, 512 * GIB - 1, 0);
	EXPECT_EQ(records_end(&rs)->bad, NOWHERE_MOST);
	records_free(&rs);
	cgroup_measured();
}

static void tables_nowhere(void)
{
	static const char * const what[] = {
		"a translation of 64", "one of all", "a walk",
	};
	long pages[3];
	u32 i;

	cgroup_measure(GROUP, nowhere, NULL, pages, 3);
	for (i = 0; i < 3; i++)
		ktap_msg("%ld pages after %s", pages[i], what[i]);
	/* A page each would be 16,384. The walk has its records in the heap. */
	EXPECT(pages[0] > 0);
	EXPECT(pages[1] - pages[0] < 64);
	EXPECT(pages[2] - pages[0] < 64);
}

static const struct ktap_case cases[] = {
	CASE(walk_bounded),
	CASE(walk_as_model),
	CASE(follow_bounded),
	CASE(unmap_bounded),
	CASE(unmap_refused),
	CASE(killed_follow),
	CASE(killed_silent),
	CASE(killed_unmap),
	CASE(unmap_beside_small),
	CASE(others_served),
	CASE(changes_4level),
	CASE(changes_5level),
	CASE(changes_beside_4level),
	CASE(changes_beside_5level),
	CASE(garbage),
	CASE(tables_nowhere),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
