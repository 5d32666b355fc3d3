// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing by MAP and UNMAP: the spaces of a guest, and threads. Lists and pools are
 * the subject of map-pool.c; what a change does to tables is known from the tests of
 * the core.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map.h"

static void bits(u32 format)
{
	static const struct {
		u32 attrs;
		u64 leaf;
	} kinds[] = {
		{ R, X86_LEAF | X86_NX },
		{ R | W, X86_LEAF | X86_RW | X86_NX },
		{ R | X, X86_LEAF },
		{ R | W | X, X86_LEAF | X86_RW },
	};
	unsigned int levels = levels_of(format), level, i;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 entries[5], va = 0x123456789000ULL;

	pool_guest(&p, format, 32);
	EXPECT_EQ(p.g.root, MAP_POOL);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_OK(map_one(p.fd, p.space, va + i * PAGE,
				  MAP_DATA + i * PAGE, PAGE, kinds[i].attrs, 0,
				  &change));
		entries_of(&p, va + i * PAGE, entries);
		EXPECT_EQ(entries[0], (MAP_DATA + i * PAGE) | kinds[i].leaf);
		/* Tables in the order of their taking, from the top. */
		for (level = 1; level < levels; level++)
			EXPECT_EQ(entries[level],
				  (MAP_POOL + (levels - level) * PAGE) |
				  X86_TABLE);
		EXPECT_EQ(change.out_pages, 1);
		EXPECT_EQ(change.out_done, 1);
		EXPECT_EQ(change.out_done_len, 0);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		EXPECT_EQ(change.out_changes, 0);
		EXPECT_EQ(change.out_root, MAP_POOL);
	}
	expect_pool(&p, levels, 0);
	expect_leaves(&p, ARRAY_SIZE(kinds));
}
EACH_FORMAT(bits)

/* A guest's tables get tables of ours, and only those go again. */
static void adopted(u32 format)
{
	struct vmem_ioc_space_get get;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 sum;

	pool_guest(&p, format, 32);
	p.g.next = MAP_BY_HAND;
	guest_root(&p.g);
	guest_map(&p.g, p.g.root, 0, 0, MAP_DATA | X86_P, X86_TABLE);
	sum = checksum(p.g.mem, p.g.len);
	p.space = ASSERT_OK(space_adopt(p.fd, format, p.pool, p.g.root));
	ASSERT_OK(map_one(p.fd, p.space, 2 * MIB, MAP_DATA, PAGE, R, 0, &change));
	EXPECT_EQ(change.out_root, p.g.root);
	expect_leaves(&p, 2);
	expect_pool(&p, 2, 0);	/* a root, unused here, and a table */
	ASSERT_OK(space_get(p.fd, p.space, &get));
	EXPECT_EQ(get.out_tables, 1);
	EXPECT_EQ(get.out_links, 0);
	EXPECT_EQ(get.out_root, p.g.root);
	ASSERT_OK(unmap(p.fd, p.space, 2 * MIB, 2 * MIB + PAGE - 1, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	expect_leaves(&p, 1);
	expect_pool(&p, 1, 1);
	/* As it was, but for the A and D bits of nobody. */
	EXPECT_EQ(checksum(p.g.mem, p.g.len), sum);
	ASSERT_OK(unmap(p.fd, p.space, 0, PAGE - 1, NULL));
	expect_leaves(&p, 0);
	expect_pool(&p, 1, 1);
	ASSERT_OK(map_one(p.fd, p.space, PAGE, MAP_DATA, PAGE, R, 0, NULL));
	expect_pool(&p, 1, 1);
}
EACH_FORMAT(adopted)

/* Two spaces with one root: neither may change it, until one goes. */
static void one_root_two_spaces(bool of_pool)
{
	struct vmem_ioc_space_get get;
	struct vmem_ioc_result result;
	struct pool_guest p;
	u32 other;

	pool_guest(&p, FMT4, 32);
	if (!of_pool) {
		p.g.next = MAP_BY_HAND;
		guest_root(&p.g);
		p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, p.g.root));
	}
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 4 * PAGE, R, 0, NULL));
	other = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, p.g.root));
	ASSERT_OK(space_get(p.fd, p.space, &get));
	EXPECT_EQ(get.out_links, 1);
	EXPECT_ERR(map_one(p.fd, p.space, GIB, MAP_DATA, PAGE, R, 0, NULL),
		   EMLINK);
	EXPECT_ERR(map_one(p.fd, other, GIB, MAP_DATA, PAGE, R, 0, NULL),
		   EMLINK);
	EXPECT_ERR(unmap(p.fd, other, 0, PAGE - 1, NULL), EMLINK);
	expect_leaves(&p, 4);
	ASSERT_OK(translate(p.fd, other, 0, &result));
	EXPECT_EQ(result.gpa, MAP_DATA);
	ASSERT_OK(destroy(p.fd, p.space));
	/* The tables are the other's now. */
	p.space = other;
	expect_leaves(&p, 4);
	ASSERT_OK(map_one(p.fd, other, GIB, MAP_DATA, PAGE, R, 0, NULL));
	expect_leaves(&p, 5);
	ASSERT_OK(unmap(p.fd, other, 0, ~0ULL, NULL));
	expect_leaves(&p, 0);
}

static void one_root_of_pool(void)
{
	one_root_two_spaces(true);
}

static void one_root_by_hand(void)
{
	one_root_two_spaces(false);
}

/* Random maps and unmaps against an array of what is where. */

#define SLOTS	4096

/* Several threads in one space, each in its own addresses. */

struct mapper {
	pthread_t thread;
	struct pool_guest *p;
	u64 base;
};

static void *map_and_unmap(void *arg)
{
	struct vmem_ioc_change change;
	struct mapper *m = arg;
	struct vmem_ioc_result result;
	u64 i, va;

	for (i = 0; i < 300 && !ktap_failed(); i++) {
		va = m->base + i % 7 * 2 * MIB;
		ASSERT_OK(map_one(m->p->fd, m->p->space, va,
				  MAP_DATA + i % 64 * PAGE, 700 * PAGE, R, 0,
				  &change));
		EXPECT_EQ(change.out_pages, 700);
		ASSERT_OK(translate(m->p->fd, m->p->space, va + 699 * PAGE,
				    &result));
		EXPECT_EQ(result.gpa, MAP_DATA + (i % 64 + 699) * PAGE);
		ASSERT_OK(unmap(m->p->fd, m->p->space, va,
				va + 700 * PAGE - 1, &change));
		EXPECT_EQ(change.out_pages, 700);
		ASSERT_OK(flushed(m->p->fd, change.out_generation));
	}
	return NULL;
}

static void threads(void)
{
	struct mapper mappers[4];
	struct pool_guest p;
	u64 i;

	pool_guest(&p, FMT4, 64);
	for (i = 0; i < 4; i++) {
		mappers[i].p = &p;
		mappers[i].base = i * 16 * MIB;
		ASSERT(!pthread_create(&mappers[i].thread, NULL, map_and_unmap,
				       &mappers[i]));
	}
	for (i = 0; i < 4; i++)
		pthread_join(mappers[i].thread, NULL);
	expect_leaves(&p, 0);
	ASSERT_OK(flushed(p.fd, 0));
}

/*
 * A large call beside many small ones, which change the guest under it: it is
 * through before they cease, which they do after SMALL_MOST. (With a lock's usual
 * fairness a hundred of them come in whenever it lets go.)
 */

#define SMALL_MOST	40000
#define LARGE_VA	BIT(40)
#define LARGE_LEN	(32 * GIB)	/* 16,384 tables of leaves */
#define LARGE_POOL	GIB
#define LARGE_POOL_LEN	(16384 * PAGE + MIB)

struct beside {
	int fd;
	u32 space;
	volatile bool stop;
	u32 done;
};

static u32 small_done(struct beside *b)
{
	return __atomic_load_n(&b->done, __ATOMIC_RELAXED);
}

static void *map_small(void *arg)
{
	struct beside *b = arg;

	while (!b->stop && small_done(b) < SMALL_MOST && !ktap_failed()) {
		ASSERT_OK(map_one(b->fd, b->space, 0, GUEST_GPA, PAGE, R,
				  VMEM_IOC_MAP_REPLACE, NULL));
		__atomic_add_fetch(&b->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void large_beside_small(void)
{
	struct beside b = { .fd = dev_open() };
	u8 *mem = map_anon(LARGE_POOL_LEN);
	struct vmem_ioc_change change;
	u32 pool, space, round, i;
	pthread_t threads[2];

	/* All of it is there, so that it is let go for nothing else. */
	memset(mem, 0, LARGE_POOL_LEN);
	ASSERT_OK(region_user(b.fd, LARGE_POOL, mem, LARGE_POOL_LEN, 0));
	pool = ASSERT_OK(pool_create(b.fd, LARGE_POOL, LARGE_POOL_LEN));
	b.space = ASSERT_OK(space_new(b.fd, FMT4, pool));
	space = ASSERT_OK(space_new(b.fd, FMT4, pool));
	ASSERT_OK(map_one(b.fd, space, LARGE_VA, 0, LARGE_LEN, R, 0, NULL));
	for (i = 0; i < 2; i++)
		ASSERT(!pthread_create(&threads[i], NULL, map_small, &b));
	for (round = 0; round < 3; round++) {
		__atomic_store_n(&b.done, 0, __ATOMIC_RELAXED);
		while (!small_done(&b) && !ktap_failed())
			sched_yield();
		ASSERT_OK(map_one(b.fd, space, LARGE_VA, 0, LARGE_LEN, R | W,
				  VMEM_IOC_MAP_REPLACE, &change));
		EXPECT_EQ(change.out_pages, LARGE_LEN / PAGE);
		ktap_msg("%u small calls meanwhile", small_done(&b));
		if (!EXPECT(small_done(&b) < SMALL_MOST))
			break;
	}
	b.stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static const struct ktap_case cases[] = {
	CASE_FORMATS(bits),
	CASE_FORMATS(adopted),
	CASE(one_root_of_pool),
	CASE(one_root_by_hand),
	CASE(threads),
	CASE(large_beside_small),
	MAP_POOL_CASES,
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
