// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Rows of tables as an attacker makes them. Beside each the core walks friendly
 * tables: as many leaves, references, malformed entries, holes where they are told,
 * and so records, and as many tables visited.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define TABLE		0x67ULL
#define LEAF		0x63ULL
#define FEW		8U		/* leaves of a table that isn't for its leaves */
#define SELF		64U		/* roots, and slots in which each names itself */
#define SELF_FOLLOWED	8U
#define SCATTERED	16384U		/* tables of leaves, 64 MiB */

/**
 * struct pile - pages for tables, taken one after the other, or anywhere
 * @work:	whose memory
 * @gpas:	of the pages
 * @nr:		taken
 */
struct pile {
	struct work *work;
	u64 *gpas;
	u64 nr;
};

/* @anywhere: of the pages those from there on are taken without an order. */
static void pile_init(struct pile *pile, struct work *work, u64 nr, u64 anywhere)
{
	u64 i, j, swap, state = 88172645463325252ULL;

	*work = (struct work){ 0 };
	guest_init(&work->guest, 1, nr);
	*pile = (struct pile){ .work = work, .gpas = allocate(nr, sizeof(u64)) };
	for (i = 0; i < nr; i++)
		pile->gpas[i] = work->guest.size - (nr - i) * PAGE;
	for (i = nr - 1; i > anywhere; i--) {
		j = anywhere + random_next(&state) % (i + 1 - anywhere);
		swap = pile->gpas[i];
		pile->gpas[i] = pile->gpas[j];
		pile->gpas[j] = swap;
	}
}

static u64 take(struct pile *pile)
{
	return pile->gpas[pile->nr++];
}

static void put(struct pile *pile, u64 table, unsigned int slot, u64 entry)
{
	((vmem_pte_t *)host(pile->work, table))[slot] = cpu_to_le64(entry);
}

/* A table more, that @slot of @table names. */
static u64 below(struct pile *pile, u64 table, unsigned int slot)
{
	u64 gpa = take(pile);

	put(pile, table, slot, gpa | TABLE);
	return gpa;
}

/* Leaves of which none goes on where the one before ends. */
static void put_leaves(struct pile *pile, u64 table, unsigned int slot,
		       unsigned int nr, unsigned int lg2)
{
	u64 entry = LEAF | (lg2 > 12 ? PS : 0);

	for (; nr--; slot++)
		put(pile, table, slot, entry | (2ULL * slot + 2) << lg2);
}

static void spaces_of(struct pile *pile, struct vmem_space **spaces, u32 *nr_spaces,
		      u32 nr)
{
	u32 i;

	*nr_spaces = nr;
	*spaces = allocate(nr, sizeof(**spaces));
	for (i = 0; i < nr; i++) {
		(*spaces)[i] = pile->work->guest.space;
		(*spaces)[i].root = vmem_table(take(pile));
	}
}

/* So many spaces of each side, with roots that are empty. */
static void roots(struct pile *pile, u32 nr)
{
	struct work *work = pile->work;

	spaces_of(pile, &work->spaces, &work->nr_spaces, nr);
	spaces_of(pile, &work->friends, &work->nr_friends, nr);
}

static u64 root_at(const struct vmem_space *spaces, u32 i)
{
	return vmem_table_gpa(spaces[i].root);
}

static void hostile_core(struct work *work)
{
	sink = core_walk(&work->guest, work->spaces, work->nr_spaces,
			 work->flags).records;
}

static void friendly_core(struct work *work)
{
	sink = core_walk(&work->guest, work->friends, work->nr_friends,
			 work->flags).records;
}

/* Measure, if both sides have as much of everything; and end. */
static void compare(struct pile *pile, const char *name)
{
	struct work *work = pile->work;
	struct counts ours = core_walk(&work->guest, work->spaces, work->nr_spaces,
				       work->flags);
	struct counts theirs = core_walk(&work->guest, work->friends,
					 work->nr_friends, work->flags);
	const struct subject subject = {
		name, NULL, hostile_core, friendly_core, ours.records, 0
	};

	if (memcmp(&ours, &theirs, sizeof(ours)))
		abort();
	measure(&subject, work);
	guest_free(&work->guest);
	free(work->spaces);
	free(work->friends);
	free(pile->gpas);
}

/*
 * Tables of which each names one 512 times; or all of them the same 512, as
 * processes share their kernel's.
 */
static void bench_named(void)
{
	const char *name = "hostile: a table named 512 times, a record";
	u64 table, first, parent, other;
	struct pile pile;
	struct work work;
	unsigned int i, j;

	if (!wanted(name))
		return;
	pile_init(&pile, &work, 6 + 4 * ENTRIES, 6 + 4 * ENTRIES);
	roots(&pile, 1);
	parent = below(&pile, root_at(work.spaces, 0), 0);
	other = below(&pile, root_at(work.friends, 0), 0);
	first = 0;
	for (i = 0; i < ENTRIES; i++) {
		u64 hostile = below(&pile, parent, i);

		table = take(&pile);
		put_leaves(&pile, table, 0, FEW, 12);
		for (j = 0; j < ENTRIES; j++)
			put(&pile, hostile, j, table | TABLE);
	}
	for (i = 0; i < ENTRIES; i++) {
		table = below(&pile, other, i);
		for (j = 0; j < ENTRIES && !i; j++)
			put_leaves(&pile, below(&pile, table, j), 0, FEW, 12);
		first = i ? first : table;
		memcpy(host(&work, table), host(&work, first), PAGE);
	}
	compare(&pile, name);
}

/* One table, entered 512 times; or 512 tables. */
static void bench_named_followed(void)
{
	const char *name = "hostile: the same, followed, a record";
	struct pile pile;
	struct work work;
	u64 parent, table;
	unsigned int i;

	if (!wanted(name))
		return;
	pile_init(&pile, &work, 8 + ENTRIES, 8 + ENTRIES);
	work.flags = VMEM_WALK_FOLLOW;
	roots(&pile, 1);
	parent = below(&pile, below(&pile, root_at(work.spaces, 0), 0), 0);
	table = take(&pile);
	put_leaves(&pile, table, 0, FEW, 12);
	for (i = 0; i < ENTRIES; i++)
		put(&pile, parent, i, table | TABLE);
	parent = below(&pile, below(&pile, root_at(work.friends, 0), 0), 0);
	for (i = 0; i < ENTRIES; i++)
		put_leaves(&pile, below(&pile, parent, i), 0, FEW, 12);
	compare(&pile, name);
}

/*
 * Roots that name themselves in many slots, and are so tables of each level; or
 * roots that share as many tables, with as many leaves.
 */
static void bench_self(void)
{
	const char *name = "hostile: self-maps, a record";
	const unsigned int shared = 3 * SELF;
	struct pile pile;
	struct work work;
	u64 root, table;
	unsigned int i, j;

	if (!wanted(name))
		return;
	pile_init(&pile, &work, 2 * SELF + shared, 2 * SELF + shared);
	roots(&pile, SELF);
	for (i = 0; i < SELF; i++) {
		root = root_at(work.spaces, i);
		for (j = 0; j < SELF; j++)
			put(&pile, root, j * ENTRIES / SELF, root | TABLE);
	}
	root = root_at(work.friends, 0);
	for (i = 0; i < shared; i++) {
		table = below(&pile, root, ENTRIES - shared + i);
		put_leaves(&pile, table, 0, (SELF * SELF + shared - 1 - i) / shared,
			   30);
	}
	for (i = 1; i < SELF; i++)
		memcpy(host(&work, root_at(work.friends, i)), host(&work, root), PAGE);
	compare(&pile, name);
}

static void grow(struct pile *pile, u64 table, unsigned int level)
{
	unsigned int i;

	if (!level)
		put_leaves(pile, table, 0, SELF_FOLLOWED, 12);
	for (i = 0; i < SELF_FOLLOWED && level; i++)
		grow(pile, below(pile, table, i), level - 1);
}

/* A root that is all tables; or a tree of as many, each with as many entries. */
static void bench_self_followed(void)
{
	const char *name = "hostile: self-maps, followed, a record";
	const unsigned int n = SELF_FOLLOWED, nr = 2 + n + n * n + n * n * n;
	struct pile pile;
	struct work work;
	unsigned int i;
	u64 root;

	if (!wanted(name))
		return;
	pile_init(&pile, &work, nr, nr);
	work.flags = VMEM_WALK_FOLLOW;
	roots(&pile, 1);
	root = root_at(work.spaces, 0);
	for (i = 0; i < n; i++)
		put(&pile, root, i * ENTRIES / n, root | TABLE);
	grow(&pile, root_at(work.friends, 0), 3);
	compare(&pile, name);
}

/* What an entry of a table of level @level is taken for, in the order of a friend. */
enum what { WHAT_LEAF, WHAT_RESERVED, WHAT_OUTSIDE, WHAT_NONE };

static enum what what_is(u64 entry, unsigned int level)
{
	const unsigned int lg2 = 12 + 9 * level;

	if (!(entry & PRESENT))
		return WHAT_NONE;
	if (level && !(entry & PS))
		return WHAT_OUTSIDE;
	return level && entry & GENMASK_ULL(lg2 - 1, 13) ? WHAT_RESERVED : WHAT_LEAF;
}

/*
 * A table of random bytes of @level, but that something is in its first entry and in
 * its last one; what it names lies outside.
 */
static void put_random(struct pile *pile, vmem_pte_t *e, unsigned int level, u64 *state)
{
	unsigned int i;
	u64 entry;

	for (i = 0; i < ENTRIES; i++) {
		do
			entry = random_next(state) | (i % (ENTRIES - 1) ? 0 : PRESENT);
		while (what_is(entry, level) == WHAT_OUTSIDE &&
		       (entry & ADDR) < pile->work->guest.size);
		e[i] = cpu_to_le64(entry);
	}
}

/* As many entries of each kind as @e has, kind by kind, and as many holes, evenly. */
static void put_orderly(struct pile *pile, u64 table, const vmem_pte_t *e,
			unsigned int level)
{
	static const u64 plain[] = {
		[WHAT_RESERVED] = LEAF | PS | 1ULL << 13,
		[WHAT_OUTSIDE] = TABLE | 1ULL << 51,
	};
	unsigned int i, slot, nr = 0, holes = 0, k = 0;
	enum what what;

	for (i = 0; i < ENTRIES; i++) {
		if (le64_to_cpu(e[i]) & PRESENT)
			nr++;
		else
			holes += le64_to_cpu(e[i - 1]) & PRESENT;
	}
	for (what = WHAT_LEAF; what < WHAT_NONE; what++)
		for (i = 0; i < ENTRIES; i++) {
			if (what_is(le64_to_cpu(e[i]), level) != what)
				continue;
			slot = k * (holes + 1) / nr * (ENTRIES - nr) / holes + k;
			k++;
			if (what == WHAT_LEAF)
				put_leaves(pile, table, slot, 1, 12 + 9 * level);
			else
				put(pile, table, slot, plain[what]);
		}
}

/* Tables of random bytes, or orderly ones. Holes are told, so that they are as many. */
static void bench_random(const char *name, unsigned int level)
{
	u64 hostile, friendly, table, state = 88172645463325252ULL;
	struct pile pile;
	struct work work;
	unsigned int i;

	if (!wanted(name))
		return;
	pile_init(&pile, &work, 8 + 2 * ENTRIES, 8 + 2 * ENTRIES);
	work.flags = VMEM_WALK_HOLES;
	roots(&pile, 1);
	hostile = root_at(work.spaces, 0);
	friendly = root_at(work.friends, 0);
	for (i = 3; i > level + 1; i--) {
		hostile = below(&pile, hostile, 0);
		friendly = below(&pile, friendly, 0);
	}
	for (i = 0; i < ENTRIES; i++) {
		table = below(&pile, hostile, i);
		put_random(&pile, host(&work, table), level, &state);
		put_orderly(&pile, below(&pile, friendly, i), host(&work, table),
			    level);
	}
	compare(&pile, name);
}

/* Frames and tables anywhere; or both in order, though no leaves merge. */
static void bench_scattered(void)
{
	const char *name = "hostile: frames and tables anywhere, a record";
	const u64 ours = SCATTERED + SCATTERED / ENTRIES + 1;
	u64 table, entry, state = 88172645463325252ULL;
	struct pile pile;
	struct work work;
	u64 parents[2];
	unsigned int i, j;

	if (!wanted(name))
		return;
	pile_init(&pile, &work, 2 + 2 * ours, 2 + ours);
	work.flags = VMEM_WALK_FOLLOW;
	roots(&pile, 1);
	parents[0] = below(&pile, root_at(work.friends, 0), 0);
	for (i = 0; i < SCATTERED; i++) {
		if (!(i % ENTRIES))
			parents[1] = below(&pile, parents[0], i / ENTRIES);
		put_leaves(&pile, below(&pile, parents[1], i % ENTRIES), 0, ENTRIES,
			   12);
	}
	parents[0] = below(&pile, root_at(work.spaces, 0), 0);
	for (i = 0; i < SCATTERED; i++) {
		if (!(i % ENTRIES))
			parents[1] = below(&pile, parents[0], i / ENTRIES);
		table = below(&pile, parents[1], i % ENTRIES);
		for (j = 0; j < ENTRIES; j++) {
			entry = random_next(&state) & ADDR;
			put(&pile, table, j, entry | LEAF);
		}
	}
	compare(&pile, name);
}

void bench_hostile(void)
{
	bench_named();
	bench_named_followed();
	bench_self();
	bench_self_followed();
	bench_random("hostile: random bytes for leaves, a record", 0);
	bench_random("hostile: random bytes above leaves, a record", 1);
	bench_scattered();
}
