// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * bench: what the core costs, and what a plain loop over the same memory costs
 * in the same run. Both are measured alternately, and the least of many rounds
 * counts: machines change their speed, ratios don't.
 *
 * bench [WORD]: all, or what has WORD in its name.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define ROUNDS		41
#define PAGES		262144ULL	/* 1 GiB */
#define BASE		0x7f0000000000ULL
#define NR_VAS		8192U

struct work {
	struct guest guest;
	vmem_pte_t **tables;	/* of leaves, in order */
	u64 nr_tables;
	vmem_virt_t *vas;
	u32 nr_vas;
	u32 flags;		/* of a walk */
	u32 batch;
};

static volatile u64 sink;
static const char *only;	/* measure what has this in its name */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/**
 * struct subject - what is measured
 * @name:	of a line
 * @prepare:	before each round, not measured
 * @core:	the core does it
 * @loop:	the loop does it
 * @per:	of what a round does, one costs
 */
struct subject {
	const char *name;
	void (*prepare)(struct work *work);
	void (*core)(struct work *work);
	void (*loop)(struct work *work);
	u64 per;
};

static double once(void (*run)(struct work *work), struct work *work)
{
	double start = now();

	run(work);
	return now() - start;
}

static void measure(const struct subject *subject, struct work *work)
{
	double core = 1e18, loop = 1e18, t;
	int i;

	if (only && !strstr(subject->name, only))
		return;
	for (i = 0; i < ROUNDS; i++) {
		if (subject->prepare)
			subject->prepare(work);
		t = once(subject->core, work);
		core = t < core ? t : core;
		t = once(subject->loop, work);
		loop = t < loop ? t : loop;
	}
	core /= (double)subject->per;
	loop /= (double)subject->per;
	printf("%-50s %8.3f %8.3f %7.2f\n", subject->name, core, loop,
	       core / loop);
	fflush(stdout);
}

/* What is measured */

static void map_prepare(struct work *work)
{
	guest_reset(&work->guest);
}

static void map_core(struct work *work)
{
	if (core_map(&work->guest, BASE, 0, work->nr_tables * ENTRIES * PAGE))
		abort();
}

static void map_loop(struct work *work)
{
	loop_store(work->tables, work->nr_tables, 0x63);
}

static void map_one_prepare(struct work *work)
{
	guest_reset(&work->guest);
	if (core_map(&work->guest, BASE + (ENTRIES - 1) * PAGE, 0, PAGE))
		abort();
}

static void map_one_core(struct work *work)
{
	u64 i;

	for (i = 0; i < ENTRIES - 1; i++)
		if (core_map(&work->guest, BASE + i * PAGE, i * 3 * PAGE, PAGE))
			abort();
}

static void map_one_loop(struct work *work)
{
	static vmem_virt_t vas[ENTRIES - 1];
	u64 i;

	for (i = 0; i < ENTRIES - 1; i++)
		vas[i] = BASE + i * PAGE;
	sink = loop_loads(work->guest.memory,
			  vmem_table_gpa(work->guest.space.root), vas,
			  ENTRIES - 1);
}

/* The loop turns back what the core did. */
static void protect_core(struct work *work)
{
	if (core_protect(&work->guest, BASE, work->nr_tables * ENTRIES * PAGE,
			 false))
		abort();
}

static void protect_loop(struct work *work)
{
	loop_flip(work->tables, work->nr_tables, 0x2);
}

static void walk_core(struct work *work)
{
	sink = core_walk(&work->guest, work->flags);
}

static void merge_loop(struct work *work)
{
	sink = loop_merge(work->tables, work->nr_tables);
}

static void records_loop(struct work *work)
{
	sink = loop_records(work->tables, work->nr_tables);
}

static void translate_core(struct work *work)
{
	sink = core_translate(&work->guest, work->vas, work->nr_vas,
			      work->batch);
}

static void translate_loop(struct work *work)
{
	sink = loop_loads(work->guest.memory,
			  vmem_table_gpa(work->guest.space.root), work->vas,
			  work->nr_vas);
}

/* Where the tables of leaves lie. */
static void find_tables(struct work *work)
{
	u64 i, root = vmem_table_gpa(work->guest.space.root);
	int shift;

	for (i = 0; i < work->nr_tables; i++) {
		u64 va = BASE + i * ENTRIES * PAGE, entry = root;

		for (shift = 39; shift > 12; shift -= 9)
			entry = *(u64 *)(work->guest.memory +
					 (entry & GENMASK_ULL(51, 12)) +
					 ((va >> shift) & (ENTRIES - 1)) * 8);
		work->tables[i] = (vmem_pte_t *)(work->guest.memory +
						 (entry & GENMASK_ULL(51, 12)));
	}
}

/* A guest with so many pages mapped; scattered: no two of them adjoin. */
static void work_init(struct work *work, u64 pages, bool scattered)
{
	u64 i, j;

	*work = (struct work){ .nr_tables = pages / ENTRIES };
	guest_init(&work->guest,
		   (work->nr_tables + work->nr_tables / ENTRIES + 64) * PAGE);
	work->tables = calloc(work->nr_tables, sizeof(*work->tables));
	work->vas = calloc(NR_VAS, sizeof(*work->vas));
	if (!work->tables || !work->vas)
		abort();
	map_core(work);
	find_tables(work);
	for (i = 0; scattered && i < work->nr_tables; i++)
		for (j = 0; j < ENTRIES; j++)
			work->tables[i][j] ^= cpu_to_le64((j & 1) << 32);
}

static void work_free(struct work *work)
{
	guest_free(&work->guest);
	free(work->tables);
	free(work->vas);
}

/* Addresses anywhere in what is mapped, or one of them again and again. */
static void work_addresses(struct work *work, bool hot)
{
	u64 state = 88172645463325252ULL;
	u32 i;

	work->nr_vas = NR_VAS;
	for (i = 0; i < NR_VAS; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		work->vas[i] = BASE + (hot ? (u64)(i % 8) * 8 * PAGE :
				       state % (work->nr_tables * ENTRIES * PAGE));
	}
}

static void bench_map(void)
{
	const struct subject all = {
		"map 1 GiB, a page", map_prepare, map_core, map_loop, PAGES
	};
	const struct subject one = {
		"map one page a call (loop: four loads)", map_one_prepare,
		map_one_core, map_one_loop, ENTRIES - 1
	};
	const struct subject protect = {
		"protect 1 GiB, a page", NULL, protect_core, protect_loop, PAGES
	};
	struct work work;

	work_init(&work, PAGES, false);
	measure(&protect, &work);
	measure(&all, &work);
	measure(&one, &work);
	work_free(&work);
}

static void bench_walk(void)
{
	static const struct {
		struct subject subject;
		bool scattered;
		u32 flags;
	} walks[] = {
		{ { "walk to extents, all merge, a page", NULL, walk_core,
		    merge_loop, PAGES }, false, 0 },
		{ { "walk to extents, none merges, a page", NULL, walk_core,
		    merge_loop, PAGES }, true, 0 },
		{ { "walk to leaves, a page", NULL, walk_core, records_loop,
		    PAGES }, false, VMEM_WALK_LEAVES },
	};
	struct work work;
	size_t i;

	for (i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		work_init(&work, PAGES, walks[i].scattered);
		work.flags = walks[i].flags | VMEM_WALK_FOLLOW;
		measure(&walks[i].subject, &work);
		work_free(&work);
	}
}

static void bench_translate(u64 pages, const char *where, bool hot)
{
	static const u32 batches[] = { 1, 32 };
	struct work work;
	char name[64];
	size_t i;

	work_init(&work, pages, false);
	work_addresses(&work, hot);
	for (i = 0; i < 2; i++) {
		const struct subject subject = {
			name, NULL, translate_core, translate_loop, NR_VAS
		};

		snprintf(name, sizeof(name), "translate, %s, %s", where,
			 batches[i] == 1 ? "one a call" : "32 a call");
		work.batch = batches[i];
		measure(&subject, &work);
	}
	work_free(&work);
}

int main(int argc, char **argv)
{
	cpu_set_t cpus;

	only = argc > 1 ? argv[1] : NULL;
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);

	printf("least of %d rounds, core and loop in turn\n", ROUNDS);
	printf("%-50s %8s %8s %7s\n", "", "ns", "loop ns", "ratio");
	bench_map();
	bench_walk();
	bench_translate(PAGES, "in the first-level cache", true);
	bench_translate(PAGES, "2 MiB of tables", false);
	bench_translate(16 * PAGES, "32 MiB of tables", false);
	bench_translate(128 * PAGES, "256 MiB of tables", false);
	return 0;
}
