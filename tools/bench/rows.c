// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Rows of tables that the core maps, and that a loop knows as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/minmax.h>

#include "bench.h"

#define PAGES		262144ULL	/* 1 GiB */
#define BASE		0x7f0000000000ULL
#define LARGE_CALLS	16ULL
#define UPPER		0xffff800000000000ULL
#define NR_VAS_MAX	1048576U
#define COLD_TABLES	130560ULL	/* 510 MiB */

/* Changes */

static u64 all(const struct work *work)
{
	return work->nr_tables * ENTRIES * PAGE;
}

static void map_prepare(struct work *work)
{
	guest_reset(&work->guest);
}

static void map_core(struct work *work)
{
	if (core_map(&work->guest, BASE, 0, all(work)))
		abort();
}

static void map_loop(struct work *work)
{
	loop_store(work->tables, work->nr_tables, 0x63);
}

/* 1 GiB a call, by pages of 2 MiB: a table each. */
static void map_large_core(struct work *work)
{
	u64 i;

	for (i = 0; i < LARGE_CALLS; i++)
		if (core_map_large(&work->guest, BASE + (i << 30), i << 30, 1 << 30))
			abort();
}

static void map_large_loop(struct work *work)
{
	loop_clear_store(work->tables, LARGE_CALLS, 0xe3);
}

static void unmap_prepare(struct work *work)
{
	map_prepare(work);
	map_core(work);
}

static void unmap_core(struct work *work)
{
	if (core_unmap(&work->guest, BASE, all(work)))
		abort();
}

static void unmap_loop(struct work *work)
{
	sink = loop_zero(work->tables, work->nr_tables);
}

/* The loop turns back what the core did. */
static void protect_core(struct work *work)
{
	if (core_protect(&work->guest, BASE, all(work), false))
		abort();
}

static void protect_loop(struct work *work)
{
	sink = loop_flip(work->tables, work->nr_tables, 0x2);
}

/*
 * Tables of one page each, and all of their pages but that one. They fit the first cache,
 * and are enough for what is read and learned at the beginning not to count.
 */
#define ONE_TABLES	4
#define ONE_PAGES	(ONE_TABLES * (ENTRIES - 1))

static void map_one_prepare(struct work *work)
{
	u64 i;

	guest_reset(&work->guest);
	for (i = 1; i <= ONE_TABLES; i++)
		if (core_map(&work->guest, BASE + (i * ENTRIES - 1) * PAGE, 0, PAGE))
			abort();
}

static void map_one_core(struct work *work)
{
	core_map_each(&work->guest, work->vas, work->nr_vas);
}

static void unmap_one_prepare(struct work *work)
{
	map_one_prepare(work);
	map_one_core(work);
}

static void unmap_one_core(struct work *work)
{
	core_unmap_each(&work->guest, work->vas, work->nr_vas);
}

static void loads_loop(struct work *work)
{
	sink = loop_loads(work->guest.memory, root_of(work), work->vas,
			  work->nr_vas);
}

/* Walks */

static void walk_core(struct work *work)
{
	sink = core_walk(&work->guest, work->spaces, work->nr_spaces,
			 work->flags).records;
}

static void walk_one_loop(struct work *work)
{
	sink = core_walk(&work->guest, work->spaces, 1, work->flags).records;
}

static void merge_loop(struct work *work)
{
	sink = loop_merge(work->tables, work->nr_tables);
}

static void merge_each_loop(struct work *work)
{
	sink = loop_merge_each(work->tables, work->nr_tables);
}

static void leaves_loop(struct work *work)
{
	sink = loop_leaves(work->tables, work->nr_tables);
}

static void read_loop(struct work *work)
{
	sink = loop_read(work->distinct, work->nr_distinct);
}

/* Translations */

static void translate_core(struct work *work)
{
	sink = core_translate(&work->guest, work->vas, work->nr_vas,
			      work->batch);
}

static void access_core(struct work *work)
{
	sink = core_access(&work->guest, work->vas, work->nr_vas, work->batch);
}

static void chain_core(struct work *work)
{
	sink = core_chain(&work->guest, work->vas, work->nr_vas);
}

static void chain_loop(struct work *work)
{
	sink = loop_chain(work->guest.memory, root_of(work), work->vas,
			  work->nr_vas);
}

static void abreast_loop(struct work *work)
{
	sink = loop_abreast(work->guest.memory, root_of(work), work->vas,
			    work->nr_vas);
}

/* What is worked on */

/* The entry of level 1 for @va. */
static u64 *entry_of(const struct work *work, u64 va)
{
	u64 table = root_of(work), *entry = NULL;
	int shift;

	for (shift = 39; shift > 12; shift -= 9) {
		entry = (u64 *)(work->guest.memory + table) +
			((va >> shift) & (ENTRIES - 1));
		table = *entry & ADDR;
	}
	return entry;
}

/* A guest with so many tables of leaves, all mapped, and pages for others. */
static void work_init(struct work *work, u64 nr_tables, u64 kept)
{
	u64 i;

	*work = (struct work){ .nr_tables = nr_tables };
	guest_init(&work->guest, nr_tables + nr_tables / ENTRIES + 64, kept);
	work->tables = allocate(nr_tables, sizeof(*work->tables));
	work->vas = allocate(NR_VAS_MAX, sizeof(*work->vas));
	map_core(work);
	for (i = 0; i < nr_tables; i++)
		work->tables[i] = host(work, *entry_of(work, BASE + i * ENTRIES *
								     PAGE));
	work->distinct = work->tables;
	work->nr_distinct = nr_tables;
	work->spaces = &work->guest.space;
	work->nr_spaces = 1;
}

static void work_free(struct work *work)
{
	guest_free(&work->guest);
	if (work->distinct != work->tables)
		free(work->distinct);
	if (work->spaces != &work->guest.space)
		free(work->spaces);
	free(work->tables);
	free(work->vas);
}

/* No two pages adjoin. */
static void work_scatter(struct work *work)
{
	u64 i, j;

	for (i = 0; i < work->nr_tables; i++)
		for (j = 0; j < ENTRIES; j++)
			work->tables[i][j] ^= cpu_to_le64((j & 1) << 32);
}

/* Tables of leaves lie anywhere; what is read in order is read so still. */
static void work_shuffle(struct work *work)
{
	u64 i, j, swap, *a, *b, state = 88172645463325252ULL;

	for (i = work->nr_tables - 1; i; i--) {
		j = random_next(&state) % (i + 1);
		a = entry_of(work, BASE + i * ENTRIES * PAGE);
		b = entry_of(work, BASE + j * ENTRIES * PAGE);
		swap = *a;
		*a = *b;
		*b = swap;
	}
}

/* Addresses anywhere in what is mapped, or a few of them again and again. */
static void work_addresses(struct work *work, bool hot)
{
	u64 state = 88172645463325252ULL, last = all(work);
	u32 i;

	work->nr_vas = hot ? 8192 : min_t(u64, 128 * work->nr_tables, NR_VAS_MAX);
	for (i = 0; i < work->nr_vas; i++)
		work->vas[i] = BASE + (hot ? (u64)(i % 8) * 8 * PAGE :
				       random_next(&state) % last);
}

/*
 * Spaces that have the first space's @nr_slots upper entries from @slot on, and
 * roots of their own.
 */
static void work_roots(struct work *work, u32 nr, u32 slot, u32 nr_slots)
{
	const u64 *from = host(work, root_of(work));
	u64 used = work->guest.pool.nr_used, gpa, i;

	work->spaces = allocate(nr, sizeof(*work->spaces));
	work->nr_spaces = nr;
	work->nr_distinct = nr + used - 1;
	work->distinct = allocate(work->nr_distinct, sizeof(*work->distinct));
	for (i = 1; i < used; i++)
		work->distinct[i - 1] = host(work, i * PAGE);
	for (i = 0; i < nr; i++) {
		gpa = work->guest.size - (i + 1) * PAGE;
		memcpy((u64 *)host(work, gpa) + slot, from + slot,
		       nr_slots * sizeof(*from));
		work->spaces[i] = work->guest.space;
		work->spaces[i].root = vmem_table(gpa);
		work->distinct[used - 1 + i] = host(work, gpa);
	}
}

static void bench_change(void)
{
	static const struct subject subjects[] = {
		{ "protect 1 GiB, a page", NULL, protect_core, protect_loop,
		  PAGES, 8.6 },
		{ "map 1 GiB, a page", map_prepare, map_core, map_loop,
		  PAGES, 0.5 },
		{ "map 1 GiB by pages of 2 MiB, a page", map_prepare, map_large_core,
		  map_large_loop, LARGE_CALLS * ENTRIES, 0 },
		{ "unmap 1 GiB, a page", unmap_prepare, unmap_core, unmap_loop,
		  PAGES, 0.8 },
		{ "map one page a call", map_one_prepare, map_one_core,
		  loads_loop, ONE_PAGES, 6.8 },
		{ "unmap one page a call", unmap_one_prepare, unmap_one_core,
		  loads_loop, ONE_PAGES, 6.8 },
	};
	struct work work;
	size_t i;

	work_init(&work, PAGES / ENTRIES, 0);
	for (i = 0; i < ONE_PAGES; i++)
		work.vas[i] = BASE + (i + i / (ENTRIES - 1)) * PAGE;
	work.nr_vas = ONE_PAGES;
	for (i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		measure(&subjects[i], &work);
	work_free(&work);
}

static void bench_walk(void)
{
	static const struct subject merge = {
		"walk to extents, all merge, a page", NULL, walk_core,
		merge_loop, PAGES, 0.9
	}, each = {
		"walk to extents, none merges, a page", NULL, walk_core,
		merge_each_loop, PAGES, 4.3
	}, leaves = {
		"walk to leaves, a page", NULL, walk_core, leaves_loop, PAGES, 3.8
	};
	struct work work;

	work_init(&work, PAGES / ENTRIES, 0);
	work.flags = VMEM_WALK_FOLLOW;
	measure(&merge, &work);
	work.flags = VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES;
	measure(&leaves, &work);
	work.flags = VMEM_WALK_FOLLOW;
	work_scatter(&work);
	measure(&each, &work);
	work_free(&work);
}

static void bench_cold(void)
{
	static const struct subject in_order = {
		"walk cold tables, 510 MiB, in order, a page", NULL, walk_core,
		read_loop, COLD_TABLES * ENTRIES, 0.9
	}, shuffled = {
		"walk cold tables, 510 MiB, shuffled, a page", NULL, walk_core,
		read_loop, COLD_TABLES * ENTRIES, 0.9
	};
	struct work work;

	if (!wanted(in_order.name) && !wanted(shuffled.name))
		return;
	work_init(&work, COLD_TABLES, 0);
	work.flags = VMEM_WALK_FOLLOW;
	measure(&in_order, &work);
	work_shuffle(&work);
	measure(&shuffled, &work);
	work_free(&work);
}

static void bench_roots(void)
{
	static const struct subject one = {
		"walk 64 roots, one table shared (loop: one root)", NULL,
		walk_core, walk_one_loop, 1, 0
	}, eight = {
		"walk 1,024 roots, 8 slots shared, a table", NULL, walk_core,
		read_loop, 1024 + 24, 370
	};
	struct work work;
	u64 i;

	work_init(&work, 128, 64);
	work_roots(&work, 64, 254, 1);
	measure(&one, &work);
	work_free(&work);

	work_init(&work, 1, 1024);
	guest_reset(&work.guest);
	for (i = 0; i < 8; i++)
		if (core_map(&work.guest, UPPER + (i << 39), 0, ENTRIES * PAGE))
			abort();
	work_roots(&work, 1024, 256, 8);
	measure(&eight, &work);
	work_free(&work);
}

static void bench_translate(u64 nr_tables, const char *where, const double *adds)
{
	static const struct {
		const char *how;
		u32 batch;
		void (*core)(struct work *work);
		void (*loop)(struct work *work);
	} ways[] = {
		{ "one a call", 1, translate_core, loads_loop },
		{ "one after the other", 1, chain_core, chain_loop },
		{ "32 a call", 32, translate_core, abreast_loop },
		{ "32 accesses a call", 32, access_core, translate_core },
	};
	struct work work;
	char name[64];
	size_t i;

	work_init(&work, nr_tables, 0);
	work_addresses(&work, !strcmp(where, "hot"));
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct subject subject = {
			name, NULL, ways[i].core, ways[i].loop, work.nr_vas,
			adds[i]
		};

		snprintf(name, sizeof(name), "translate, %s, %s", where,
			 ways[i].how);
		work.batch = ways[i].batch;
		measure(&subject, &work);
	}
	work_free(&work);
}

void bench_rows(void)
{
	bench_change();
	bench_walk();
	bench_cold();
	bench_roots();
	bench_translate(512, "hot", (const double[]){ 6.7, 32, 10, 0 });
	bench_translate(512, "2 MiB of tables", (const double[]){ 13, 71, 14, 0 });
	bench_translate(8192, "32 MiB of tables",
			(const double[]){ 80, 800, 64, 0 });
	bench_translate(65536, "256 MiB of tables",
			(const double[]){ 96, 1400, 70, 0 });
}
