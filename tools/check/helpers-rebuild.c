// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of helpers: spaces that are rebuilt from a walk. What is walked was written by
 * hand, as a guest does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helpers.h"

#define TABLES		(4 * MIB)	/* where the guest has its tables */
#define SPACES		6
#define EACH		4		/* tables a level that spaces share */
#define RECORDS_MAX	16384
#define UNUSED		__attribute__((unused))

#define P		(1ULL << 0)
#define RW		(1ULL << 1)
#define US		(1ULL << 2)
#define PS		(1ULL << 7)
#define NX		(1ULL << 63)
#define TABLE		(P | RW | US)

struct walked {
	struct vmem_ioc_record records[RECORDS_MAX];
	int nr;
};

static unsigned long long state;

static unsigned int chance(unsigned int n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(state >> 33) % n;
}

static void by_hand(struct world *w, __u64 table, unsigned int slot, __u64 entry)
{
	memcpy(w->memory + table + 8 * slot, &entry, sizeof(entry));
}

static __u32 adopt(struct world *w, __u32 format, __u64 root)
{
	struct vmem_ioc_space_create space = VMEM_INIT(space, .format = format,
		.root = root);

	MUST(vmem_space_create(w->guest, &space));
	return space.out_id;
}

static struct vmem_walker *walk_of(struct world *w, const __u32 *spaces, __u32 nr,
				   __u32 flags, __u64 start, __u64 last)
{
	struct vmem_ioc_walk_create walk = VMEM_INIT(walk, .flags = flags,
		.spaces = VMEM_PTR(spaces), .nr = nr, .start = start, .last = last);
	struct vmem_walker *walker;

	MUST(vmem_walk_create(w->guest, &walk, &walker));
	return walker;
}

static void walk(struct world *w, const __u32 *spaces, __u32 nr, __u32 flags,
		 struct walked *out)
{
	struct vmem_walker *walker = walk_of(w, spaces, nr, flags, 0, ~0ULL);
	int got = 1;

	/* it may be cut */
	for (out->nr = 0; got > 0 && out->nr < RECORDS_MAX; out->nr += got)
		got = vmem_walk_read(walker, out->records + out->nr,
				     RECORDS_MAX - out->nr);
	EXPECT(got >= 0);
	vmem_walk_close(walker);
}

/* But for where tables lie. */
static bool same(const struct walked *a, const struct walked *b)
{
	struct vmem_ioc_record x, y;
	int i;

	for (i = 0; i < a->nr && i < b->nr; i++) {
		x = a->records[i];
		y = b->records[i];
		if (x.type == VMEM_IOC_REC_REFERENCE)
			x.entry = y.entry = 0;
		if (x.type == VMEM_IOC_REC_END)
			x.flags = y.flags = 0;
		if (memcmp(&x, &y, sizeof(x))) {
			printf("# record %d: type %u level %u va 0x%llx gpa 0x%llx len 0x%llx path 0x%x, rebuilt %u %u 0x%llx 0x%llx 0x%llx 0x%x\n",
			       i, x.type, x.level, x.va, x.gpa, x.len, x.path,
			       y.type, y.level, y.va, y.gpa, y.len, y.path);
			return false;
		}
	}
	return a->nr == b->nr;
}

static int rebuild(struct world *from, const __u32 *spaces, __u32 nr, struct world *to,
		   struct vmem_rebuild *arg, __u32 *built)
{
	struct vmem_walker *walker = walk_of(from, spaces, nr,
					     VMEM_IOC_WALK_NONPRESENT, 0, ~0ULL);
	int ret = vmem_rebuild(to->guest, walker, arg);
	__u32 i;

	vmem_walk_close(walker);
	for (i = 0; i < arg->nr && arg->spaces; i++) {
		EXPECT(ret ? !arg->spaces[i].out_id : !!arg->spaces[i].out_id);
		if (built)
			built[i] = arg->spaces[i].out_id;
	}
	if (!ret)
		EXPECT(!arg->out_record.type && !arg->out_change.out_at_va);
	return ret;
}

static __u32 nr_spaces(struct world *w)
{
	struct vmem_ioc_item items[64];
	struct vmem_ioc_list list = VMEM_INIT(list, .kind = VMEM_IOC_LIST_SPACES,
		.items = VMEM_PTR(items), .nr = 64);

	MUST(vmem_guest_list(w->guest, &list));
	return list.out_nr;
}

/* Random tables */

struct made {
	__u32 levels;
	__u32 tables;
	__u32 links[VMEM_IOC_LEVELS_MAX][EACH];
	__u64 gpa[VMEM_IOC_LEVELS_MAX][EACH];
	__u32 spaces[SPACES];
};

static __u64 attributes(void)
{
	/* P, RW, US, PWT, PCD, A, D, G, software bits, key, NX */
	const __u64 all = 0xfff0000000000f7eULL;

	return P | (all & ((__u64)chance(1U << 31) << 33 | chance(1U << 31) |
			   (__u64)chance(2) << 63));
}

static __u64 table_flags(void)
{
	return P | (chance(4) ? RW : 0) | (chance(2) ? US : 0) |
	       (chance(4) ? 0 : NX);
}

static void made_entry(struct world *w, struct made *made, __u64 table, __u32 level,
		       __u32 slot)
{
	__u64 gpa = (__u64)chance(2 * NOWHERE / PAGE) * PAGE;
	__u32 below = chance(EACH);

	if (!level && !chance(5))
		by_hand(w, table, slot, (__u64)chance(1U << 30) << 1 | 2);
	else if (!level)
		by_hand(w, table, slot, gpa | attributes() | (chance(3) ? 0 : PS));
	else if (level < 3 && !chance(3))
		by_hand(w, table, slot, (gpa << 9 * level & ((1ULL << 45) - 1)) |
			attributes() | PS | (chance(3) ? 0 : 1 << 12));
	else
		by_hand(w, table, slot, made->gpa[level - 1][below] | table_flags());
}

/* No table is without a leaf, so that a walk tells of each. */
static void made_table(struct world *w, struct made *made, __u64 table, __u32 level)
{
	__u32 i, slot, nr;
	__u64 entry;

	memset(w->memory + table, 0, PAGE);
	if (level)
		by_hand(w, table, chance(512), made->gpa[level - 1][chance(EACH)] |
			table_flags());
	else
		by_hand(w, table, chance(512), DATA | attributes());
	for (i = chance(4); i; i--)
		made_entry(w, made, table, level, chance(512));
	/* pages side by side */
	if (level < 3) {
		entry = attributes() | (level ? PS : 0);
		slot = chance(500);
		nr = chance(12);
		for (i = 0; i < nr; i++)
			by_hand(w, table, slot + i, entry | (i * PAGE) << 9 * level);
	}
}

static void made_count(struct world *w, struct made *made, __u64 table, __u32 level)
{
	__u64 entry;
	__u32 i, slot;

	made->tables++;
	for (slot = 0; level && slot < 512; slot++) {
		memcpy(&entry, w->memory + table + 8 * slot, 8);
		if (!(entry & P) || entry & PS)
			continue;
		for (i = 0; i < EACH; i++)
			if ((entry & 0xffffffffff000ULL) == made->gpa[level - 1][i] &&
			    !made->links[level - 1][i]++)
				made_count(w, made, made->gpa[level - 1][i], level - 1);
	}
}

static void make(struct world *w, struct made *made, __u32 levels)
{
	__u32 level, i;
	__u64 gpa = TABLES;

	memset(made, 0, sizeof(*made));
	made->levels = levels;
	for (level = 0; level < levels; level++) {
		for (i = 0; i < EACH; i++, gpa += PAGE) {
			made->gpa[level][i] = gpa;
			made_table(w, made, gpa, level);
		}
	}
	for (i = 0; i < SPACES; i++) {
		made->spaces[i] = adopt(w, levels == 5 ? X86_5 : X86_4,
					made->gpa[levels - 1][i < 4 ? i : chance(4)]);
	}
	for (i = 0; i < EACH; i++)
		made_count(w, made, made->gpa[levels - 1][i], levels - 1);
	for (i = EACH; i < SPACES; i++)
		EXPECT(made->spaces[i]);
}

static __u32 made_shared(struct world *w, const struct made *made)
{
	__u32 level, i, j, shared = 0, roots;
	struct vmem_ioc_space_get get = VMEM_INIT(get);

	for (level = 0; level + 1 < made->levels; level++)
		for (i = 0; i < EACH; i++)
			shared += made->links[level][i] > 1;
	for (i = 0; i < EACH; i++) {
		for (roots = j = 0; j < SPACES; j++) {
			get.id = made->spaces[j];
			MUST(vmem_space_get(w->guest, &get));
			roots += get.out_root == made->gpa[made->levels - 1][i];
		}
		shared += roots > 1;
	}
	return shared;
}

/* A walk of what was rebuilt gives what was given, and as many tables are shared. */
void rebuild_random(void)
{
	static struct walked want, got;
	struct vmem_ioc_space_create spaces[SPACES];
	struct vmem_ioc_pool_stat stat;
	struct vmem_rebuild arg;
	struct world from, to;
	struct made made;
	__u32 built[SPACES], i, round, levels;

	for (round = 0; round < 60; round++) {
		state = round;
		levels = 4 + round % 2;
		world_open(&from);
		world_open(&to);
		make(&from, &made, levels);
		for (i = 0; i < SPACES; i++)
			spaces[i] = world_new(&to, levels == 5 ? X86_5 : X86_4);
		arg = (struct vmem_rebuild)VMEM_INIT(arg, .nr = SPACES,
						     .spaces = spaces);
		ANSWERS(0, rebuild(&from, made.spaces, SPACES, &to, &arg, built));
		if (!built[0]) {
			printf("# round %u: type %u va 0x%llx level %u, at 0x%llx level %u\n",
			       round, arg.out_record.type, arg.out_record.va,
			       arg.out_record.level, arg.out_change.out_at_va,
			       arg.out_change.out_at_level);
			return;
		}
		walk(&from, made.spaces, SPACES, VMEM_IOC_WALK_NONPRESENT, &want);
		walk(&to, built, SPACES, VMEM_IOC_WALK_NONPRESENT, &got);
		EXPECT(want.nr > 20 && same(&want, &got));
		walk(&from, made.spaces, SPACES, VMEM_IOC_WALK_LEAVES, &want);
		walk(&to, built, SPACES, VMEM_IOC_WALK_LEAVES, &got);
		EXPECT(same(&want, &got));
		stat = world_stat(&to);
		EXPECT(stat.out_used == made.tables);
		EXPECT(stat.out_shared == made_shared(&from, &made));
		world_close(&from);
		world_close(&to);
	}
}

static int leave_nothing(void *data, const struct vmem_ioc_record *record,
			 struct vmem_ioc_mapping *mapping)
{
	__u32 *seen = data;

	if (mapping)
		return 0;
	*seen |= 1U << record->type;
	return 1;
}

/* Only what a rebuild makes something of. */
static void made_of(struct walked *out)
{
	const struct vmem_ioc_record *record;
	int i, nr = 0;

	for (i = 0; i < out->nr; i++) {
		record = &out->records[i];
		if (record->type == VMEM_IOC_REC_MAPPING ||
		    record->type == VMEM_IOC_REC_REFERENCE ||
		    (record->type == VMEM_IOC_REC_NONPRESENT && !record->level))
			out->records[nr++] = *record;
	}
	out->nr = nr;
}

/* A hostile guest's tables name any table at any level, themselves too. */
void rebuild_hostile(void)
{
	static struct walked want, got;
	struct vmem_ioc_space_create spaces[SPACES];
	struct vmem_rebuild arg;
	struct world from, to;
	__u32 built[SPACES], i, round, seen, references = 0, followed = 0;
	struct made made;

	for (round = 0; round < 200; round++) {
		state = 1000 + round;
		world_open(&from);
		world_open(&to);
		make(&from, &made, 4);
		for (i = 0; i < 2 + round % 12; i++)
			by_hand(&from, made.gpa[1 + chance(3)][chance(EACH)], chance(512),
				made.gpa[chance(4)][chance(EACH)] | table_flags());
		for (i = 0; i < SPACES; i++)
			spaces[i] = world_new(&to, X86_4);
		seen = 0;
		arg = (struct vmem_rebuild)VMEM_INIT(arg, .nr = SPACES,
			.spaces = spaces, .place = leave_nothing, .data = &seen);
		ANSWERS(0, rebuild(&from, made.spaces, SPACES, &to, &arg, built));
		walk(&from, made.spaces, SPACES, VMEM_IOC_WALK_NONPRESENT, &want);
		walk(&to, built, SPACES, VMEM_IOC_WALK_NONPRESENT, &got);
		if (!(seen & 1U << VMEM_IOC_REC_REFERENCE)) {
			made_of(&want);
			made_of(&got);
			EXPECT(same(&want, &got));
		} else {
			references++;
		}
		/* what is left out of references shows nothing */
		walk(&from, made.spaces, SPACES, VMEM_IOC_WALK_FOLLOW |
		     VMEM_IOC_WALK_NONPRESENT, &want);
		walk(&to, built, SPACES, VMEM_IOC_WALK_FOLLOW |
		     VMEM_IOC_WALK_NONPRESENT, &got);
		if (want.nr < RECORDS_MAX && got.nr < RECORDS_MAX) {
			made_of(&want);
			made_of(&got);
			EXPECT(same(&want, &got));
			followed++;
		}
		world_close(&from);
		world_close(&to);
	}
	EXPECT(references && references < 100 && followed > 100);
}

/* A leaf of which memory has parts is one leaf. */
void rebuild_parts(void)
{
	static struct walked want, got;
	struct vmem_ioc_space_create space;
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = 1, .spaces = &space);
	struct world from, to;
	__u32 id, built;
	int i, parts = 0;

	world_open(&from);
	world_open(&to);
	id = world_space(&from, X86_4);
	MUST(vmem_space_map_one(from.guest, id, 0, 0, 4ULL << 30, R | W, NULL));
	/* and small ones beside it, the last of which ends in owned memory */
	MUST(vmem_space_map_one(from.guest, id, UPPER, 8 * MIB, 2 * MIB, R, NULL));
	space = world_new(&to, X86_4);
	ANSWERS(0, rebuild(&from, &id, 1, &to, &arg, &built));
	walk(&from, &id, 1, 0, &want);
	for (i = 0; i < want.nr; i++)
		parts += !!(want.records[i].flags & VMEM_IOC_REC_PART &&
			    want.records[i].type == VMEM_IOC_REC_MAPPING);
	EXPECT(parts >= 4);
	walk(&to, &built, 1, 0, &got);
	EXPECT(same(&want, &got));
	world_close(&from);
	world_close(&to);
}

/* Of a page that a walk cut, what it told is mapped. */
void rebuild_cut(void)
{
	static struct walked got;
	struct vmem_ioc_space_create space;
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = 1, .spaces = &space);
	struct vmem_walker *walker;
	struct world w;
	__u32 id;

	world_open(&w);
	id = world_space(&w, X86_4);
	MUST(vmem_space_map_one(w.guest, id, 0, 0, 4ULL << 30, R | W | U, NULL));
	walker = walk_of(&w, &id, 1, 0, 0x3ffff000, 0x405fffff);
	space = world_new(&w, X86_4);
	ANSWERS(0, vmem_rebuild(w.guest, walker, &arg));
	vmem_walk_close(walker);
	walk(&w, &space.out_id, 1, 0, &got);
	EXPECT(got.nr == 3);
	EXPECT(got.records[0].va == 0x3ffff000 && got.records[0].detail == 12);
	EXPECT(got.records[0].len == PAGE && got.records[0].gpa == 0x3ffff000);
	EXPECT(got.records[1].va == 0x40000000 && got.records[1].detail == 21);
	EXPECT(got.records[1].len == 6 * MIB && got.records[1].gpa == 0x40000000);
	EXPECT(got.records[1].effective == (R | W | U));
	world_close(&w);
}

/* A snapshot's pages lie elsewhere, scattered, and what was writable is Cow. */
static int scatter(void *data, const struct vmem_ioc_record *record,
		   struct vmem_ioc_mapping *mapping)
{
	unsigned int *calls = data;

	++*calls;
	if (!mapping || record->type != VMEM_IOC_REC_MAPPING)
		return -EDOM;
	mapping->len = PAGE;
	mapping->page_sizes = 0;
	mapping->gpa = mapping->gpa * 2 + NOWHERE;
	if (mapping->attrs & W) {
		mapping->kind = VMEM_IOC_KIND_COW;
		mapping->attrs &= ~W;
	}
	return 0;
}

void rebuild_placed(void)
{
	static struct walked got;
	struct vmem_ioc_space_create space;
	unsigned int calls = 0;
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = 1, .spaces = &space,
		.place = scatter, .data = &calls);
	struct world w;
	__u32 id, built;
	int i;

	world_open(&w);
	id = world_space(&w, X86_4);
	MUST(vmem_space_map_one(w.guest, id, 0x200000, DATA, 2 * MIB, R | W | X, NULL));
	MUST(vmem_space_map_one(w.guest, id, 0x400000, DATA, 3 * PAGE, R, NULL));
	space = world_new(&w, X86_4);
	ANSWERS(0, rebuild(&w, &id, 1, &w, &arg, &built));
	EXPECT(calls == 515);
	walk(&w, &built, 1, 0, &got);
	EXPECT(got.nr == 516);
	for (i = 0; i < got.nr - 1; i++) {
		EXPECT(got.records[i].va == 0x200000 + i * PAGE);
		EXPECT(got.records[i].gpa == NOWHERE + 2 * DATA + i % 512 * 2 * PAGE);
		EXPECT(got.records[i].len == PAGE && got.records[i].detail == 12);
		EXPECT(!!(got.records[i].leaf & VMEM_IOC_ATTR_COW) == (i < 512));
		EXPECT(!!(got.records[i].effective & X) == (i < 512));
	}
	world_close(&w);
}

static int leave(void *data, const struct vmem_ioc_record *record UNUSED,
		 struct vmem_ioc_mapping *mapping)
{
	return mapping && mapping->gpa == *(__u64 *)data;
}

/* The table that spaces share is there, though nothing is in it. */
void rebuild_left_out(void)
{
	static struct walked want, got;
	struct vmem_ioc_space_create spaces[2];
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = 2, .spaces = spaces,
		.place = leave);
	__u32 ids[2], built[2];
	__u64 gpa = DATA;
	struct world w;

	world_open(&w);
	by_hand(&w, TABLES, 256, (TABLES + 2 * PAGE) | TABLE);
	by_hand(&w, TABLES + PAGE, 256, (TABLES + 2 * PAGE) | TABLE);
	by_hand(&w, TABLES + 2 * PAGE, 5, (TABLES + 3 * PAGE) | TABLE);
	by_hand(&w, TABLES + 3 * PAGE, 7, DATA | P | PS | RW);
	ids[0] = adopt(&w, X86_4, TABLES);
	ids[1] = adopt(&w, X86_4, TABLES + PAGE);
	arg.data = &gpa;
	spaces[0] = spaces[1] = world_new(&w, X86_4);
	ANSWERS(0, rebuild(&w, ids, 2, &w, &arg, built));
	walk(&w, built, 2, 0, &got);
	EXPECT(got.nr == 2 && got.records[0].type == VMEM_IOC_REC_REFERENCE);
	EXPECT(got.records[0].owner == 0 && got.records[0].detail == 1);
	EXPECT(world_stat(&w).out_shared == 1 && world_stat(&w).out_used == 3);
	/* a table that is empty where it is walked, too */
	by_hand(&w, TABLES + 3 * PAGE, 7, 0);
	ANSWERS(0, rebuild(&w, built, 2, &w, &arg, NULL));
	spaces[0] = spaces[1] = world_new(&w, X86_4);
	ANSWERS(0, rebuild(&w, ids, 2, &w, &arg, built));
	walk(&w, ids, 2, 0, &want);
	walk(&w, built, 2, 0, &got);
	EXPECT(want.nr == 2);
	EXPECT(got.records[0].va == want.records[0].va && got.nr == 2);
	world_close(&w);
}

/* From one pool into another: what is shared is not with what was walked. */
void rebuild_same_guest(void)
{
	static struct walked want, got;
	struct vmem_ioc_space_create spaces[2];
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = 2, .spaces = spaces);
	struct vmem_ioc_link link = VMEM_INIT(link, .our_va = UPPER, .their_va = UPPER,
		.depth = 1);
	__u32 ids[2], built[2];
	struct world w;

	world_open(&w);
	ids[0] = link.owner = world_space(&w, X86_4);
	ids[1] = link.space = world_space(&w, X86_4);
	MUST(vmem_space_map_one(w.guest, ids[0], UPPER, DATA, 2 * MIB, R | X, NULL));
	MUST(vmem_space_link(w.guest, &link));
	MUST(vmem_space_map_one(w.guest, ids[1], 0x400000, DATA, PAGE,
				R | W | U, NULL));
	w.pool = world_pool(&w, OWNED, OWNED_LEN);
	spaces[0] = spaces[1] = world_new(&w, X86_4);
	spaces[0].pool = spaces[1].pool = w.pool;
	ANSWERS(0, rebuild(&w, ids, 2, &w, &arg, built));
	EXPECT(world_stat(&w).out_used == 2 + 2 + 3);
	EXPECT(world_stat(&w).out_shared == 1);
	walk(&w, ids, 2, 0, &want);
	walk(&w, built, 2, 0, &got);
	EXPECT(want.nr == 4 && same(&want, &got));
	world_close(&w);
}

static int stop_at(void *data, const struct vmem_ioc_record *record UNUSED,
		   struct vmem_ioc_mapping *mapping UNUSED)
{
	return --*(int *)data ? 0 : -EDOM;
}

/* Whatever it fails for, nothing is left but the quarantine. */
void rebuild_undone(void)
{
	struct vmem_ioc_space_create spaces[SPACES];
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = SPACES, .spaces = spaces);
	struct vmem_ioc_flushed flushed = VMEM_INIT(flushed);
	struct vmem_ioc_space_get get = VMEM_INIT(get);
	struct vmem_ioc_pool_stat stat;
	struct world from, to;
	struct made made;
	int countdown, i;
	__u32 mine;

	state = 77;
	world_open(&from);
	world_open(&to);
	make(&from, &made, 4);
	mine = world_space(&to, X86_4);
	for (i = 0; i < SPACES; i++)
		spaces[i] = world_new(&to, X86_4);
	arg.place = stop_at;
	arg.data = &countdown;
	for (i = 1; i < 12; i++) {
		countdown = i;
		ANSWERS(-EDOM, rebuild(&from, made.spaces, SPACES, &to, &arg, NULL));
		EXPECT(arg.out_record.type == VMEM_IOC_REC_MAPPING ||
		       arg.out_record.type == VMEM_IOC_REC_NONPRESENT);
		EXPECT(world_stat(&to).out_used == 1 && nr_spaces(&to) == 1);
		get.id = mine;
		MUST(vmem_space_get(to.guest, &get));
		flushed.generation = get.out_generation;
		MUST(vmem_guest_flushed(to.guest, &flushed));
		EXPECT(!world_stat(&to).out_quarantined);
	}
	/* a pool that has too little */
	arg.place = NULL;
	for (i = 1; i < 12; i++) {
		__u32 pool = world_pool(&to, 3 * MIB + 64 * PAGE * i, PAGE * i);
		int at;

		for (at = 0; at < SPACES; at++)
			spaces[at].pool = pool;
		ANSWERS(-ENOSPC, rebuild(&from, made.spaces, SPACES, &to, &arg, NULL));
		EXPECT(nr_spaces(&to) == 1);
		if (arg.out_change.out_root)
			EXPECT(arg.out_change.out_missing && arg.out_record.type);
		stat = (struct vmem_ioc_pool_stat)VMEM_INIT(stat, .id = pool);
		MUST(vmem_pool_stat(to.guest, &stat));
		EXPECT(!stat.out_used && !stat.out_reserved);
	}
	for (i = 0; i < SPACES; i++)
		spaces[i].pool = to.pool;
	ANSWERS(0, rebuild(&from, made.spaces, SPACES, &to, &arg, NULL));
	world_close(&from);
	world_close(&to);
}

static int odd(void *data, const struct vmem_ioc_record *record UNUSED,
	       struct vmem_ioc_mapping *mapping)
{
	switch (*(int *)data) {
	case 0:
		mapping->len = 0;
		return 0;
	case 1:
		mapping->len += PAGE;
		return 0;
	case 2:
		mapping->va += PAGE;
		return 0;
	case 3:
		return 2;
	case 4:
		mapping->gpa++;
		return 0;
	default:
		mapping->flags = ~0U;
		return 0;
	}
}

void rebuild_refused(void)
{
	struct vmem_ioc_space_create spaces[2];
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = 2, .spaces = spaces);
	struct vmem_ioc_walk_create create = VMEM_INIT(create, .nr = 2,
		.last = ~0ULL, .budget = 4);
	struct vmem_ioc_record record;
	struct vmem_walker *walker;
	__u32 ids[2], same_twice[2];
	struct world w;
	int what;

	world_open(&w);
	ids[0] = world_space(&w, X86_4);
	ids[1] = world_space(&w, X86_4);
	MUST(vmem_space_map_one(w.guest, ids[0], 0x400000, DATA, PAGE, R, NULL));
	MUST(vmem_space_map_one(w.guest, ids[1], 0x400000, DATA, PAGE, R, NULL));
	spaces[0] = spaces[1] = world_new(&w, X86_4);
	arg.size--;
	ANSWERS(-EINVAL, rebuild(&w, ids, 2, &w, &arg, NULL));
	arg.size += 2;
	ANSWERS(-E2BIG, rebuild(&w, ids, 2, &w, &arg, NULL));
	arg.size--;
	arg.nr = 0;
	ANSWERS(-EINVAL, rebuild(&w, ids, 2, &w, &arg, NULL));
	arg.nr = 1;
	ANSWERS(-EINVAL, rebuild(&w, ids, 2, &w, &arg, NULL));
	EXPECT(arg.out_record.space == 1 && arg.out_record.va == 0x400000);
	arg.nr = 2;
	spaces[1].flags = 0;
	ANSWERS(-EINVAL, rebuild(&w, ids, 2, &w, &arg, NULL));
	spaces[1].flags = VMEM_IOC_SPACE_NEW;
	spaces[1].pool = 0;
	ANSWERS(-EINVAL, rebuild(&w, ids, 2, &w, &arg, NULL));
	spaces[1].pool = ids[0];
	ANSWERS(-EINVAL, rebuild(&w, ids, 2, &w, &arg, NULL));
	spaces[1].pool = w.pool;
	/* fewer bits than an address has */
	spaces[1].phys_bits = 36;
	ANSWERS(-EINVAL, rebuild(&w, ids, 2, &w, &arg, NULL));
	spaces[1].phys_bits = 0;
	/* a walk that ends early, and one that was read */
	create.spaces = VMEM_PTR(ids);
	MUST(vmem_walk_create(w.guest, &create, &walker));
	ANSWERS(-E2BIG, vmem_rebuild(w.guest, walker, &arg));
	EXPECT(arg.out_record.type == VMEM_IOC_REC_END);
	ANSWERS(-EINVAL, vmem_rebuild(w.guest, walker, &arg));
	vmem_walk_close(walker);
	create.budget = 0;
	MUST(vmem_walk_create(w.guest, &create, &walker));
	while (vmem_walk_read(walker, &record, 1) > 0)
		;
	ANSWERS(-EINVAL, vmem_rebuild(w.guest, walker, &arg));
	vmem_walk_close(walker);
	/* the same space twice is one root with two links */
	same_twice[0] = same_twice[1] = ids[0];
	ANSWERS(0, rebuild(&w, same_twice, 2, &w, &arg, NULL));
	EXPECT(spaces[0].out_root == spaces[1].out_root);
	EXPECT(spaces[1].flags == VMEM_IOC_SPACE_NEW && !spaces[1].root);
	EXPECT(nr_spaces(&w) == 4);
	/* though nothing is in it, and so no record is of the first */
	same_twice[0] = same_twice[1] = world_space(&w, X86_4);
	ANSWERS(0, rebuild(&w, same_twice, 2, &w, &arg, NULL));
	EXPECT(spaces[0].out_root == spaces[1].out_root);
	EXPECT(nr_spaces(&w) == 7);
	arg.place = odd;
	arg.data = &what;
	for (what = 0; what < 6; what++)
		ANSWERS(what < 5 ? -EINVAL : -EOPNOTSUPP,
			rebuild(&w, ids, 2, &w, &arg, NULL));
	EXPECT(nr_spaces(&w) == 7);
	world_close(&w);
}

/* What can't be rebuilt is left out by whoever says so. */
void rebuild_nothing(void)
{
	static struct walked got;
	const __u64 entries[] = {
		DATA | P | PS | PAGE,		/* a reserved bit of a large page */
		NOWHERE | P,			/* a table outside */
		0xabcd00,			/* not present */
	};
	struct vmem_ioc_space_create space;
	struct vmem_rebuild arg = VMEM_INIT(arg, .nr = 1, .spaces = &space);
	__u32 id, built, seen, i;
	struct world w;

	world_open(&w);
	by_hand(&w, TABLES, 1, (TABLES + PAGE) | TABLE);
	by_hand(&w, TABLES + PAGE, 1, (TABLES + 2 * PAGE) | TABLE);
	by_hand(&w, TABLES + 2 * PAGE, 9, DATA | P | PS);
	id = adopt(&w, X86_4, TABLES);
	space = world_new(&w, X86_4);
	arg.data = &seen;
	for (i = 0; i < 3; i++) {
		by_hand(&w, TABLES + 2 * PAGE, 1,
			i ? entries[i] : entries[i] + PAGE);
		arg.place = NULL;
		ANSWERS(-EOPNOTSUPP, rebuild(&w, &id, 1, &w, &arg, NULL));
		EXPECT(arg.out_record.va == (1ULL << 39) + (1ULL << 30) + 2 * MIB);
		arg.place = leave_nothing;
		seen = 0;
		ANSWERS(0, rebuild(&w, &id, 1, &w, &arg, &built));
		EXPECT(seen == 1U << (i < 2 ? VMEM_IOC_REC_BAD :
					      VMEM_IOC_REC_NONPRESENT));
		walk(&w, &built, 1, VMEM_IOC_WALK_NONPRESENT, &got);
		EXPECT(got.nr == 2 && got.records[0].gpa == DATA);
	}
	world_close(&w);
}
