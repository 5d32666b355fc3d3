// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing: what a space says Cow by, and a vCPU that is at work meanwhile. Tables
 * that are shared and tables that move are the subject of the other parts. What a
 * change does to tables is known from the tests of the core.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "change.h"

/* What a leaf is now. */
static u64 leaf_of(struct pool_guest *p, u64 va)
{
	u64 entries[VMEM_IOC_LEVELS_MAX];

	entries_of(p, va, entries);
	return entries[0];
}

/* The software bits that say so are the space's. */
static void cow_of_space(u32 format)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW,
		.format = format,
		.cow = 5,
	};
	struct vmem_ioc_result result;
	struct pool_guest p;
	u32 usual;

	pool_guest(&p, format, 32);
	usual = p.space;
	create.pool = p.pool;
	p.space = ASSERT_OK(space_create(p.fd, &create));
	p.g.root = create.out_root;
	ASSERT_OK(map_kind(&p, 0, MAP_DATA, PAGE, VMEM_IOC_KIND_COW, R, 0,
			   NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX | 5ULL << 9);
	ASSERT_OK(translate(p.fd, p.space, 0, &result));
	EXPECT_EQ(result.leaf & COW, COW);
	/* To the other space, which shares the table, it's a leaf like others. */
	ASSERT_OK(link_table(p.fd, usual, 0, p.space, 0, levels_of(format) - 1,
			     0, NULL));
	ASSERT_OK(translate(p.fd, usual, 0, &result));
	EXPECT_EQ(result.gpa, MAP_DATA);
	EXPECT_EQ(result.leaf & COW, 0);
	/* PROTECT sets and clears these bits, and no others. */
	ASSERT_OK(protect(p.fd, p.space, 0, PAGE - 1, 0, COW,
			  VMEM_IOC_RANGE_SHARED_OK, NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX);
	ASSERT_OK(protect(p.fd, usual, 0, PAGE - 1, COW, 0,
			  VMEM_IOC_RANGE_SHARED_OK, NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX | X86_COW);
	ASSERT_OK(protect(p.fd, p.space, 0, PAGE - 1, 0, COW,
			  VMEM_IOC_RANGE_SHARED_OK, NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX | X86_COW);
}
EACH_FORMAT(cow_of_space)

/* A and D, which a vCPU sets meanwhile, stay set. */

struct toucher {
	struct pool_guest *p;
	u64 table;
	bool stop;
	u64 set[512];
};

static void *touch_leaves(void *arg)
{
	struct toucher *t = arg;
	u64 *host = guest_host(&t->p->g, t->table);
	u64 seed = 1;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		u64 i = rnd(&seed) % 512;
		u64 bit = rnd(&seed) % 2 ? X86_A : X86_D;

		__atomic_fetch_or(&host[i], bit, __ATOMIC_RELAXED);
		t->set[i] |= bit;
	}
	return NULL;
}

static void protect_beside_vcpu(void)
{
	struct toucher t = {};
	struct pool_guest p;
	pthread_t thread;
	u64 round, i;

	pool_guest(&p, FMT4, 8);
	t.p = &p;
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 2 * MIB, R | W, 0, NULL));
	t.table = MAP_POOL + 3 * PAGE;
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 512; i++)
			entry_set(&p.g, t.table, i, (MAP_DATA + i * PAGE) |
				  X86_P | X86_RW);
		memset(t.set, 0, sizeof(t.set));
		t.stop = false;
		ASSERT(!pthread_create(&thread, NULL, touch_leaves, &t));
		for (i = 0; i < 50; i++)
			ASSERT_OK(protect(p.fd, p.space, 0, 2 * MIB - 1,
					  i % 2 ? W : X, i % 2 ? X : W, 0,
					  NULL));
		__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		for (i = 0; i < 512; i++)
			EXPECT_EQ(entry_get(&p.g, t.table, i),
				  (MAP_DATA + i * PAGE) | X86_P | X86_RW |
				  X86_NX | t.set[i]);
	}
}

static const struct ktap_case leaf_cases[] = {
	CASE_FORMATS(cow_of_space),
	CASE_IF(protect_beside_vcpu, two_cpus, "a second CPU"),
};

int main(int argc, char **argv)
{
	static struct ktap_case cases[128];
	const struct {
		const struct ktap_case *cases;
		size_t nr;
	} parts[] = {
		{ leaf_cases, ARRAY_SIZE(leaf_cases) },
		{ share_cases, nr_share_cases },
		{ move_cases, nr_move_cases },
	};
	size_t i, j, nr = 0;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		for (j = 0; j < parts[i].nr && nr < ARRAY_SIZE(cases); j++)
			cases[nr++] = parts[i].cases[j];
	return ktap_main(cases, nr, argc, argv);
}
