// SPDX-License-Identifier: GPL-2.0-only
/*
 * What follow.c does once, many times over beside walks, translations and maps
 * in threads of their own. After the first round of a guest the process lets its
 * memory go, and after ROUNDS more; its memory cgroup must then hold the same,
 * with the descriptor open all the time.
 *
 * What a process touches for the first time (its stack, heap and page tables)
 * would come in between, a page now and then. So the rounds are rehearsed, with
 * another guest, which has ended before that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "follow.h"
#include "pool.h"

#define REHEARSED	20
#define ROUNDS	60
#define GROUP	"follow"

/* Stacks of a fixed size, in memory of our own: nothing else may grow. */
#define STACK	(64 * KIB)

struct beside {
	struct scene *s;
	u32 space;		/* of the mapper */
	volatile bool stop;
	u64 done[3];
};

static bool err_known(int ret, const int *errs, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (ret == -errs[i])
			return true;
	}
	return false;
}

static void *beside_translate(void *arg)
{
	static struct vmem_ioc_result results[NR_VAS];
	static u64 vas[NR_VAS];
	struct beside *b = arg;
	u32 i;

	while (!b->stop) {
		for (i = 0; i < NR_VAS; i++)
			vas[i] = i * PAGE;
		EXPECT_ERR(translate_list(b->s->g.fd, b->s->space, vas, NR_VAS,
					  results, NULL), 0);
		for (i = 0; i < NR_VAS; i++)
			EXPECT(results[i].status == VMEM_IOC_OK ||
			       results[i].status == VMEM_IOC_NOT_PRESENT ||
			       results[i].status == VMEM_IOC_OUTSIDE);
		b->done[0]++;
	}
	return NULL;
}

static void *beside_walk(void *arg)
{
	static struct vmem_ioc_record records[64];
	struct beside *b = arg;
	ssize_t got;
	int walk;

	while (!b->stop) {
		walk = walk_create(b->s->g.fd, &b->s->space, 1, 0, ~0ULL,
				   VMEM_IOC_WALK_LEAVES, 0, 0);
		ASSERT_OK(walk);
		do
			got = read(walk, records, sizeof(records));
		while (got > 0);
		EXPECT_EQ(got, 0);
		close(walk);
		b->done[1]++;
	}
	return NULL;
}

static void *beside_map(void *arg)
{
	/* Its tables are thrown away under it: whatever it finds then. */
	static const int errs[] = {
		0, ENXIO, EROFS, EEXIST, ERANGE, ENOSPC, EAGAIN, EBUSY,
		EMLINK,
	};
	/* a leaf for each page that is protected, of which many stay split */
	struct vmem_ioc_mapping large = {
		.va = GIB,
		.gpa = 2 * GIB,
		.len = 26 * MIB,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R | W,
		.page_sizes = BIT(12) | BIT(21),
	};
	struct vmem_ioc_change change;
	struct beside *b = arg;
	int fd = b->s->g.fd, ret;
	u64 n = 0, va;

	while (!b->stop) {
		va = n++ % 50 * MIB;
		ret = map_one(fd, b->space, va, GUEST_GPA, 20 * PAGE, R, 0,
			      &change);
		EXPECT(err_known(ret, errs, ARRAY_SIZE(errs)));
		ret = map_list(fd, b->space, &large, 1, VMEM_IOC_MAP_REPLACE, NULL);
		EXPECT(err_known(ret, errs, ARRAY_SIZE(errs)));
		ret = protect(fd, b->space, GIB + va / 2, GIB + va / 2 + PAGE - 1, 0,
			      n & 1 ? X : W, VMEM_IOC_RANGE_SPLIT, NULL);
		EXPECT(err_known(ret, errs, ARRAY_SIZE(errs)));
		ret = promote(fd, b->space, GIB, 2 * GIB - 1, 0, 0, NULL);
		EXPECT(err_known(ret, errs, ARRAY_SIZE(errs)));
		ret = unmap_flags(fd, b->space, va, va + 20 * PAGE - 1,
				  VMEM_IOC_RANGE_SPLIT, &change);
		EXPECT(err_known(ret, errs, ARRAY_SIZE(errs)));
		if (change.out_generation)
			EXPECT_ERR(flushed(fd, change.out_generation), 0);
		b->done[2]++;
	}
	return NULL;
}

typedef void (*op_fn)(struct scene *s, u64 round);

static void phase(struct scene *s, op_fn op, u32 rounds)
{
	static u8 stacks[3][STACK] __attribute__((aligned(4096)));
	static void *(*const fns[])(void *) = {
		beside_translate, beside_walk, beside_map,
	};
	struct beside b = { .s = s };
	pthread_attr_t attr;
	pthread_t threads[3];
	u32 i;

	b.space = ASSERT_OK(space_new(s->g.fd, FMT4, s->pool));
	for (i = 0; i < 3; i++) {
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stacks[i], STACK);
		ASSERT(!pthread_create(&threads[i], &attr, fns[i], &b));
	}
	for (i = 0; i < rounds && !ktap_failed(); i++)
		op(s, i);
	/* Each of them was there. */
	for (i = 0; i < 3; i++) {
		while (!b.done[i] && !ktap_failed())
			nap_ms(1);
	}
	b.stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	{
		struct vmem_ioc_destroy arg = {
			.size = sizeof(arg),
			.id = b.space,
		};

		ASSERT_OK(vcall(s->g.fd, VMEM_IOC_DESTROY, &arg));
		ASSERT_OK(flushed(s->g.fd, arg.out_generation));
	}
}

static void let_go(struct scene *s)
{
	if (s->memfd >= 0)
		ASSERT(!fallocate(s->memfd, FALLOC_FL_PUNCH_HOLE |
				  FALLOC_FL_KEEP_SIZE, 0, FOLLOW_LEN));
	else
		ASSERT(!madvise(s->g.mem, FOLLOW_LEN, MADV_DONTNEED));
}

/* A heap that is touched whole, and neither grows nor shrinks. */
static void settle_heap(void)
{
	void *mem;

	mallopt(M_TOP_PAD, MIB);
	mallopt(M_TRIM_THRESHOLD, GIB);
	mallopt(M_MMAP_THRESHOLD, 16 * MIB);
	mem = malloc(MIB);
	ASSERT(mem);
	memset(mem, 1, MIB);
	/* It must not be seen through. */
	asm volatile("" : : "r" (mem) : "memory");
	free(mem);
}

static void rehearse(enum backing backing, op_fn op)
{
	struct scene s;

	scene_init(&s, backing);
	phase(&s, op, REHEARSED);
	let_go(&s);
	ASSERT(!munmap(s.g.mem, s.g.len));
	close(s.g.fd);
	if (s.memfd >= 0)
		close(s.memfd);
}

struct stress {
	enum backing backing;
	op_fn op;
};

static void stress_measured(void *arg)
{
	const struct stress *stress = arg;
	struct scene s;

	settle_heap();
	rehearse(stress->backing, stress->op);
	scene_init(&s, stress->backing);
	phase(&s, stress->op, 1);
	let_go(&s);
	cgroup_measured();
	scene_fill(&s, 0);
	phase(&s, stress->op, ROUNDS);
	let_go(&s);
	cgroup_measured();
}

static void stress(enum backing backing, op_fn op)
{
	struct stress stress = { backing, op };
	long pages[2];

	cgroup_measure(GROUP, stress_measured, &stress, pages, 2);
	ktap_msg("%ld pages after the first round, %ld after %d more", pages[0],
		 pages[1], ROUNDS);
	EXPECT(pages[0] > 0);
	EXPECT(pages[1] <= pages[0] + cgroup_slack());
}

static void op_dontneed(struct scene *s, u64 round)
{
	ASSERT(!madvise(round % 8 ? scene_leaves(s) : s->g.mem,
			round % 8 ? PAGE : FOLLOW_LEN, MADV_DONTNEED));
	scene_agrees(s);
	scene_fill(s, round);
	scene_agrees(s);
}

void stress_dontneed(void)
{
	stress(ANONYMOUS, op_dontneed);
}

static void op_punch(struct scene *s, u64 round)
{
	u64 from = round % 8 ? 3 * PAGE : 0;

	ASSERT(!fallocate(s->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)from, from ? PAGE : FOLLOW_LEN));
	scene_agrees(s);
	scene_fill(s, round);
	scene_agrees(s);
}

void stress_punch(void)
{
	stress(MEMFD, op_punch);
}

static void op_munmap(struct scene *s, u64 round)
{
	ASSERT(!munmap(scene_leaves(s), 13 * PAGE));
	if (round % 4 == 0)
		scene_outside(s);
	ASSERT(mmap(scene_leaves(s), 13 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	       MAP_FAILED);
	scene_agrees(s);
	scene_fill(s, round);
	scene_agrees(s);
}

void stress_munmap(void)
{
	stress(ANONYMOUS, op_munmap);
}

static void op_mremap(struct scene *s, u64 round)
{
	static u8 *aside;

	if (!aside)
		aside = map_anon(PAGE);
	ASSERT(mremap(scene_leaves(s), PAGE, PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, aside) == aside);
	if (round % 4 == 0)
		scene_outside(s);
	*(u64 *)aside = (GUEST_GPA + round % 512 * PAGE) | X86_LEAF;
	/* what lies aside stays mapped, so that nothing else comes to be there */
	ASSERT(mremap(aside, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED |
		      MREMAP_DONTUNMAP, scene_leaves(s)) == scene_leaves(s));
	scene_agrees(s);
	scene_fill(s, round);
	scene_agrees(s);
}

void stress_mremap(void)
{
	stress(ANONYMOUS, op_mremap);
}

static void op_fork(struct scene *s, u64 round)
{
	pid_t pid = fork();
	int status;

	ASSERT(pid >= 0);
	if (!pid) {
		scene_fill(s, round + 1000);
		_exit(0);
	}
	scene_fill(s, round);
	scene_agrees(s);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	scene_agrees(s);
	scene_fill(s, round + 1);
	scene_agrees(s);
}

void stress_fork(void)
{
	stress(ANONYMOUS, op_fork);
}

static void op_mprotect(struct scene *s, u64 round)
{
	ASSERT(!mprotect(scene_leaves(s), PAGE, PROT_NONE));
	if (round % 4 == 0)
		scene_outside(s);
	ASSERT(!mprotect(scene_leaves(s), PAGE, PROT_READ));
	scene_agrees(s);
	ASSERT(!mprotect(scene_leaves(s), PAGE, PROT_READ | PROT_WRITE));
	scene_fill(s, round);
	scene_agrees(s);
	/* The memory of the mapper's tables too. */
	ASSERT(!mprotect(s->g.mem + POOL_AT, POOL_LEN, PROT_READ));
	ASSERT(!mprotect(s->g.mem + POOL_AT, POOL_LEN, PROT_READ | PROT_WRITE));
}

void stress_mprotect(void)
{
	stress(ANONYMOUS, op_mprotect);
}

/*
 * Another process registers memory of its own in this guest, which is walked
 * while it exits.
 */
static void op_exit(struct scene *s, u64 round)
{
	const u64 gpa = GIB + round * FOLLOW_LEN;
	struct vmem_ioc_result result;
	int up[2], status, region;
	struct guest theirs;
	int id, i;
	pid_t pid;

	ASSERT(!pipe(up));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		u8 *mem = map_anon(FOLLOW_LEN);

		theirs = s->g;
		theirs.mem = mem;
		theirs.gpa = theirs.next = gpa;
		guest_root(&theirs);
		guest_map(&theirs, theirs.root, 0, 0, gpa | X86_LEAF, X86_TABLE);
		region = region_user(s->g.fd, gpa, mem, FOLLOW_LEN, 0);
		write(up[1], &region, sizeof(region));
		nap_ms(round % 3);
		_exit(0);
	}
	ASSERT_EQ(read(up[0], &region, sizeof(region)), sizeof(region));
	ASSERT_OK(region);
	id = space_adopt(s->g.fd, FMT4, 0, gpa);
	/* Memory of the dead is in no region. */
	if (id != -ENXIO)
		ASSERT_OK(id);
	while (waitpid(pid, &status, WNOHANG) == 0 && !ktap_failed()) {
		if (id < 0)
			continue;
		ASSERT_OK(translate(s->g.fd, id, 0, &result));
		EXPECT(result.status == VMEM_IOC_OK ||
		       result.status == VMEM_IOC_OUTSIDE);
	}
	EXPECT_EQ(status, 0);
	if (id > 0) {
		/*
		 * A translation that met the end of the process holds its
		 * memory a little longer: a worker of the kernel lets it go.
		 */
		for (i = 0; i < 10000; i++) {
			ASSERT_OK(translate(s->g.fd, id, 0, &result));
			if (result.status == VMEM_IOC_OUTSIDE)
				break;
			nap_ms(1);
		}
		EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
		ASSERT_OK(destroy(s->g.fd, id));
	}
	ASSERT_OK(destroy(s->g.fd, region));
	close(up[0]);
	close(up[1]);
	scene_agrees(s);
}

void stress_exit(void)
{
	stress(ANONYMOUS, op_exit);
}

static void op_writeback(struct scene *s, u64 round)
{
	scene_fill(s, round);
	scene_agrees(s);
	ASSERT(!fsync(s->memfd));
	scene_agrees(s);
	scene_fill_leaves(s, round + 1);
	scene_agrees(s);
}

void stress_writeback(void)
{
	stress(BLOCK, op_writeback);
}
