// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frozen tree that two spaces use, and vCPUs run on. One space changes it: the
 * tables that this touches, at each level and the root too, move for this space,
 * and stay as they are, byte for byte, for the other one.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "live.h"

#define FROZEN_GPA	WORLD_POOL_GPA
#define FROZEN_LEN	0x100000ULL
#define POOL_GPA	(FROZEN_GPA + FROZEN_LEN)
#define POOL_LEN	0x100000ULL

#define LEAVES		512ULL		/* pages that a table of leaves has */
#define RUN_PAGES	(4 * LEAVES)
#define NEW_PAGES	600ULL
#define FRAMES		64ULL

/* Top-level slots. The program has slot 0. */
#define SLOT_RUN	2
#define SLOT_SPARSE	3
#define SLOT_LATER	5

struct moved {
	struct world w;
	struct vmem_guest *vmem;
	__u32 pool;
	__u32 ids[2];
	__u64 frames;		/* that the frozen tree maps */
	__u64 new_frames;	/* that are mapped afterwards */
	char *before;		/* the frozen bytes */
	struct view views[2];
	struct view old;	/* of the first, before anything moved */
	__u64 seed;
};

static void frozen_page(struct moved *m, struct vmem_guest *vmem, __u32 space,
			__u64 va, unsigned int frame, __u32 attrs)
{
	__u64 gpa = m->frames + frame % FRAMES * PAGE;
	struct vmem_ioc_change change;

	ASSERT_OK(space_page(vmem, space, va, gpa, attrs, &change));
	view_set(&m->views[0], va, gpa, PAGE, attrs);
	view_set(&m->views[1], va, gpa, PAGE, attrs);
}

/* A run over four tables of leaves, and a page by itself in each level. */
static void build_tree(struct moved *m, struct vmem_guest *vmem, __u32 space)
{
	static const __u32 attrs[] = { R, R | W, R | X, R | W | X };
	__u64 run = world_va(&m->w, SLOT_RUN, 0, 0), sparse = world_va(&m->w, SLOT_SPARSE, 0, 0);
	unsigned int level;
	__u64 i;

	for (i = 0; i < RUN_PAGES; i++)
		frozen_page(m, vmem, space, run + i * PAGE, i,
			    attrs[i % ARRAY_SIZE(attrs)]);
	frozen_page(m, vmem, space, sparse, 5, R | W);
	for (level = 0; level + 2 < m->w.levels; level++)
		frozen_page(m, vmem, space, sparse + table_span(level) * 2, 6 + level,
			    R | X);
}

/* Two spaces that share it, made by a guest that is gone when it is frozen. */
static void make_tree(struct moved *m)
{
	struct vmem_guest *vmem = guest_new();
	unsigned int slot;
	__u32 pool, ids[2], i;

	guest_region(vmem, &m->w, 0, WORLD_LEN, 0);
	pool = guest_pool(vmem, FROZEN_GPA, FROZEN_LEN);
	for (i = 0; i < 2; i++) {
		ids[i] = guest_space(vmem, m->w.levels, VMEM_IOC_SPACE_NEW, pool,
				     &m->views[i].root);
		map_program(&m->w, vmem, ids[i], false);
	}
	build_tree(m, vmem, ids[0]);
	for (slot = SLOT_RUN; slot <= SLOT_SPARSE; slot++) {
		struct vmem_ioc_link link = {
			.size = sizeof(link), .space = ids[1], .owner = ids[0],
			.our_va = world_va(&m->w, slot, 0, 0), .their_va = world_va(&m->w, slot, 0, 0),
			.depth = 1,
		};

		ASSERT_OK(vmem_space_link(vmem, &link));
	}
	vmem_close(vmem);
}

static void freeze_tree(struct moved *m)
{
	__u32 i;

	m->vmem = guest_new();
	guest_region(m->vmem, &m->w, 0, FROZEN_GPA, 0);
	guest_region(m->vmem, &m->w, FROZEN_GPA, FROZEN_LEN, VMEM_IOC_REGION_FROZEN);
	guest_region(m->vmem, &m->w, POOL_GPA, WORLD_LEN - POOL_GPA, 0);
	m->pool = guest_pool(m->vmem, POOL_GPA, POOL_LEN);
	for (i = 0; i < 2; i++)
		m->ids[i] = guest_space(m->vmem, m->w.levels, VMEM_IOC_SPACE_MOVABLE,
					m->pool, &m->views[i].root);
}

/* The frozen bytes, exactly or but for what vCPUs set, are what they were. */
static void expect_frozen(struct moved *m, __u64 mask)
{
	const __u64 *now = (__u64 *)(m->w.memory + FROZEN_GPA);
	const __u64 *before = (__u64 *)m->before;
	size_t i;

	for (i = 0; i < FROZEN_LEN / sizeof(*now); i++) {
		if ((now[i] & ~mask) == (before[i] & ~mask))
			continue;
		ktap_fail(__FILE__, __LINE__,
			  "the frozen entry at 0x%llx is 0x%llx, and was 0x%llx",
			  FROZEN_GPA + i * sizeof(*now), now[i], before[i]);
		return;
	}
}

static void note_frozen(struct moved *m)
{
	memcpy(m->before, m->w.memory + FROZEN_GPA, FROZEN_LEN);
}

/* So that the vCPU uses this space when it changes. */
static void run_in(struct moved *m, __u32 n)
{
	m->w.box->nr = 0;
	probe_add(&m->w, m->views[n].root, world_va(&m->w, SLOT_RUN, 0, 0), LIVE_READ, 0);
	world_run(&m->w, LIVE_PROBE);
	note_frozen(m);
}

/* The answer of a change that moved tables; then the vCPU goes on there. */
static void expect_moved(struct moved *m, __u32 n, bool root_moves,
			 const struct vmem_ioc_change *change)
{
	struct vmem_ioc_space_get get = { .size = sizeof(get), .id = m->ids[n] };
	__u64 old = m->views[n].root, cr3;

	expect_frozen(m, 0);
	EXPECT(change->out_changes & VMEM_IOC_CHANGE_MOVED);
	EXPECT_EQ(change->out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change->out_root != old, root_moves);
	if (root_moves)
		EXPECT(change->out_root - POOL_GPA < POOL_LEN);
	ASSERT_OK(vmem_space_get(m->vmem, &get));
	EXPECT_EQ(get.out_root, change->out_root);
	m->views[n].root = change->out_root;
	ASSERT_OK(vcpu_replace_cr3(m->w.vcpu, old, change->out_root));
	ASSERT_OK(vcpu_cr3(m->w.vcpu, &cr3));
	EXPECT_EQ(cr3, change->out_root);
	world_changed(&m->w, m->vmem, change);
}

/* Both spaces are what they should be, and the first as it was still runs. */
static void judge(struct moved *m)
{
	struct view *const views[] = { &m->views[0], &m->views[1], &m->old };
	__u32 i;

	for (i = 0; i < 2; i++)
		expect_translated(m->vmem, m->ids[i], &m->views[i]);
	expect_views(&m->w, views, ARRAY_SIZE(views), 1500, &m->seed);
	expect_frozen(m, ENTRY_AD);
	for (i = 0; i < 2; i++)
		expect_agreement(&m->w, m->vmem, m->ids[i], m->views[i].root);
	note_frozen(m);
}

static void add(struct vmem_ioc_mapping *list, __u32 *nr, struct moved *m, __u64 va,
		__u64 gpa, __u64 pages, __u32 attrs)
{
	list[(*nr)++] = (struct vmem_ioc_mapping){
		.va = va, .gpa = attrs ? gpa : 0, .len = pages * PAGE,
		.kind = attrs ? VMEM_IOC_KIND_BASIC : VMEM_IOC_KIND_UNMAPPED,
		.attrs = attrs,
	};
	view_set(&m->views[0], va, gpa, pages * PAGE, attrs);
}

/* Many pages, at each level, over several tables, in one call. */
static void change_at_once(struct moved *m)
{
	__u64 run = world_va(&m->w, SLOT_RUN, 0, 0), sparse = world_va(&m->w, SLOT_SPARSE, 0, 0);
	struct vmem_ioc_record *before, *after;
	struct vmem_ioc_mapping list[16];
	struct vmem_ioc_change change;
	size_t nr_before, nr_after;
	unsigned int level;
	__u32 nr = 0;

	/* from the end of one table of leaves to the begin of the third */
	add(list, &nr, m, run + 500 * PAGE, m->new_frames, NEW_PAGES, R | W | X);
	add(list, &nr, m, run + 10 * PAGE, 0, 20, 0);
	/* a whole table of leaves */
	add(list, &nr, m, run + 3 * LEAVES * PAGE, 0, LEAVES, 0);
	/* beside a page that is there, and in new tables below each level */
	add(list, &nr, m, sparse + 7 * PAGE, m->new_frames + PAGE, 1, R | W);
	for (level = 0; level + 2 < m->w.levels; level++)
		add(list, &nr, m, sparse + table_span(level) * 5 + 3 * PAGE,
		    m->new_frames + (level + 9) * PAGE, 1, R | W);
	add(list, &nr, m, world_va(&m->w, SLOT_LATER, 0, 0), m->new_frames + 3 * PAGE, 2, R | X);

	run_in(m, 0);
	before = walk(m->vmem, &m->ids[1], 1, VMEM_IOC_WALK_LEAVES, &nr_before);
	ASSERT_OK(space_map(m->vmem, m->ids[0], list, nr, VMEM_IOC_MAP_REPLACE,
			    &change));
	EXPECT_EQ(change.out_done, nr);
	expect_moved(m, 0, true, &change);
	/* the other space has them all where they were */
	after = walk(m->vmem, &m->ids[1], 1, VMEM_IOC_WALK_LEAVES, &nr_after);
	EXPECT_EQ(nr_after, nr_before);
	/* the last record counts, and says that others changed tables */
	EXPECT(!memcmp(before, after, (nr_before - 1) * sizeof(*before)));
	free(before);
	free(after);
	judge(m);
}

/* The other changes move tables as well, for the other space too. */
static void change_further(struct moved *m)
{
	__u64 run = world_va(&m->w, SLOT_RUN, 0, 0), sparse = world_va(&m->w, SLOT_SPARSE, 0, 0), i;
	struct vmem_ioc_change change;

	run_in(m, 1);
	/* the second space: two tables of leaves, the last of them whole */
	ASSERT_OK(space_protect(m->vmem, m->ids[1], run + 2 * LEAVES * PAGE,
				2 * LEAVES * PAGE, 0, W, &change));
	for (i = 0; i < m->views[1].nr; i++)
		if (m->views[1].pages[i].va - run >= 2 * LEAVES * PAGE &&
		    m->views[1].pages[i].va - run < RUN_PAGES * PAGE)
			m->views[1].pages[i].attrs &= ~W;
	expect_moved(m, 1, true, &change);
	judge(m);

	run_in(m, 1);
	ASSERT_OK(space_unmap(m->vmem, m->ids[1], sparse, PAGE, &change));
	view_set(&m->views[1], sparse, 0, PAGE, 0);
	expect_moved(m, 1, false, &change);
	judge(m);
}

static void frozen_tree_moves(unsigned int levels)
{
	struct moved *m = calloc(1, sizeof(*m));
	unsigned int i;
	__u64 used;

	ASSERT(m);
	m->seed = seed_of_run();
	world_open(&m->w, levels);
	m->before = malloc(FROZEN_LEN);
	ASSERT(m->before);
	m->frames = world_page(&m->w, 1);
	for (i = 1; i < FRAMES; i++)
		world_page(&m->w, 1 + i);
	m->new_frames = world_page(&m->w, 1000);
	for (i = 1; i < NEW_PAGES; i++)
		world_page(&m->w, 1000 + i);
	make_tree(m);
	freeze_tree(m);
	note_frozen(m);
	m->old = m->views[0];
	world_start(&m->w, m->views[0].root);
	judge(m);
	EXPECT_EQ(pool_stat(m->vmem, m->pool).out_used, 0);

	change_at_once(m);
	change_further(m);
	used = pool_stat(m->vmem, m->pool).out_used;
	ktap_msg("%llu tables moved or new", used);
	world_close(&m->w);
	vmem_close(m->vmem);
	free(m->before);
	free(m);
}

void frozen_tree_moves_4level(void)
{
	frozen_tree_moves(4);
}

void frozen_tree_moves_5level(void)
{
	frozen_tree_moves(5);
}
