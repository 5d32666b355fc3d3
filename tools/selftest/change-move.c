// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables that lie in frozen memory and move when they are changed: what they
 * were stays, byte for byte, for whoever uses them still.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "change.h"

/*
 * A guest whose tables by hand are in a region of their own, which is frozen;
 * two spaces have their root: one that moves, and another for reading.
 */
struct frozen {
	struct pool_guest p;	/* p.space is the one that moves */
	u32 hand;		/* the region of the tables by hand */
	u32 other;
	u64 root;		/* by hand */
	u64 sum;		/* of that region's bytes */
	struct records was;	/* of the other space */
};

#define HAND_LEN	(MAP_DATA - MAP_BY_HAND)

static void frozen_begin(struct frozen *f, u32 format, u64 pages)
{
	struct guest *g = &f->p.g;

	memset(f, 0, sizeof(*f));
	g->format = format;
	g->gpa = GUEST_GPA;
	g->len = MAP_LEN;
	g->next = MAP_BY_HAND;
	g->mem = map_anon(MAP_LEN);
	g->fd = f->p.fd = dev_open();
	g->region = ASSERT_OK(region_user(g->fd, MAP_POOL, g->mem,
					  MAP_BY_HAND - MAP_POOL, 0));
	f->hand = ASSERT_OK(region_user(g->fd, MAP_BY_HAND,
					guest_host(g, MAP_BY_HAND), HAND_LEN,
					0));
	ASSERT_OK(region_user(g->fd, MAP_DATA, guest_host(g, MAP_DATA),
			      GUEST_GPA + MAP_LEN - MAP_DATA, 0));
	f->p.pages = pages;
	f->p.pool = ASSERT_OK(pool_create(g->fd, MAP_POOL, pages * PAGE));
	f->root = guest_root(g);
	refused_watch(g);
}

static void frozen_end(struct frozen *f)
{
	ASSERT_OK(region_freeze(f->p.fd, f->hand, true));
	f->other = ASSERT_OK(space_adopt(f->p.fd, f->p.g.format, 0, f->root));
	f->p.space = ASSERT_OK(space_movable(f->p.fd, f->p.g.format, f->p.pool,
					     f->root));
	f->sum = checksum(guest_host(&f->p.g, MAP_BY_HAND), HAND_LEN);
	f->was = walk_all(f->p.fd, f->other, 0, ~0ULL, 0);
}

static void leaf_by_hand(struct frozen *f, u64 va, u64 gpa)
{
	guest_map(&f->p.g, f->root, va, 0, gpa | X86_LEAF | X86_RW, X86_TABLE);
}

/* The root is frozen, and the tables below it aren't. */
static void frozen_root(struct frozen *f, u32 format)
{
	frozen_begin(f, format, 32);
	f->p.g.next = MAP_DATA;
	leaf_by_hand(f, 0, MAP_DATA + MIB);
	frozen_end(f);
}

/* Both spaces: the one that moved against the model, the other as it was. */
static void expect_moved(struct frozen *f, u64 leaves)
{
	struct records rs = walk_all(f->p.fd, f->other, 0, ~0ULL, 0);

	EXPECT_EQ(space_root(f->p.fd, f->other), f->root);
	EXPECT(records_equal(&rs, &f->was));
	EXPECT_EQ(checksum(guest_host(&f->p.g, MAP_BY_HAND), HAND_LEN), f->sum);
	records_free(&rs);
	f->p.g.root = space_root(f->p.fd, f->p.space);
	expect_leaves(&f->p, leaves);
}

static void expect_gpa(struct frozen *f, u64 va, u64 gpa)
{
	struct vmem_ioc_result result;

	ASSERT_OK(translate(f->p.fd, f->p.space, va, &result));
	EXPECT_EQ(result.gpa, gpa);
}

/* One page, where the table that is written first is of each level. */
static void move_each_level(u32 format)
{
	unsigned int levels = levels_of(format), level;
	struct vmem_ioc_space_get get;
	struct vmem_ioc_change change;
	struct frozen f;
	u64 va, moved;

	for (level = 0; level < levels; level++) {
		frozen_begin(&f, format, 32);
		leaf_by_hand(&f, 0, MAP_DATA);
		frozen_end(&f);
		/* The entry of this level is missing, those above are there. */
		va = entry_span(level);
		moved = levels - level;
		ASSERT_OK(map_one(f.p.fd, f.p.space, va, MAP_DATA + MIB, PAGE,
				  R | W, 0, &change));
		EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
		EXPECT_EQ(change.out_pages, 1);
		EXPECT_EQ(change.out_done, 1);
		EXPECT(change.out_root != f.root);
		EXPECT_EQ(change.out_root, space_root(f.p.fd, f.p.space));
		expect_pool(&f.p, moved + level, 0);
		expect_shared(&f.p, 0);
		ASSERT_OK(space_get(f.p.fd, f.p.space, &get));
		EXPECT_EQ(get.out_tables, moved + level);
		EXPECT_EQ(get.out_links, 0);
		ASSERT_OK(space_get(f.p.fd, f.other, &get));
		EXPECT_EQ(get.out_links, 0);
		expect_moved(&f, 2);
		/* What has moved stays where it is. */
		ASSERT_OK(map_one(f.p.fd, f.p.space, va + 4 * PAGE, MAP_DATA,
				  PAGE, R, 0, &change));
		EXPECT_EQ(change.out_changes, 0);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		expect_pool(&f.p, moved + level, 0);
		expect_moved(&f, 3);
		ASSERT_OK(destroy(f.p.fd, f.p.space));
		expect_pool(&f.p, 0, moved + level);
	}
}
EACH_FORMAT(move_each_level)

/* Spaces of one frozen root: each moves for itself. */
static void move_twins(u32 format)
{
	struct vmem_ioc_space_get get;
	struct vmem_ioc_change change;
	struct frozen f;
	u32 spaces[4], i, j;

	frozen_begin(&f, format, 64);
	leaf_by_hand(&f, 0, MAP_DATA);
	leaf_by_hand(&f, GIB, MAP_DATA);
	frozen_end(&f);
	spaces[0] = f.p.space;
	for (i = 1; i < 4; i++)
		spaces[i] = ASSERT_OK(space_movable(f.p.fd, format, f.p.pool,
						    f.root));
	for (i = 0; i < 4; i++) {
		ASSERT_OK(space_get(f.p.fd, f.other, &get));
		EXPECT_EQ(get.out_links, 4 - i);
		f.p.space = spaces[i];
		ASSERT_OK(map_one(f.p.fd, f.p.space, (i + 1) * PAGE,
				  MAP_DATA + i * PAGE, PAGE, R, 0, &change));
		EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
		expect_pool(&f.p, (i + 1) * levels_of(format), 0);
		expect_shared(&f.p, 0);
		for (j = 0; j < 4; j++) {
			f.p.space = spaces[j];
			expect_moved(&f, j <= i ? 3 : 2);
			ASSERT_OK(space_get(f.p.fd, f.p.space, &get));
			EXPECT_EQ(get.out_links, j <= i ? 0 : 3 - i);
		}
	}
	/* A link to what has moved, and to what hasn't. */
	ASSERT_OK(link_table(f.p.fd, spaces[0], 8 * MIB, spaces[1], 0,
			     levels_of(format) - 1, 0, NULL));
	f.p.space = spaces[0];
	expect_gpa(&f, 8 * MIB + 2 * PAGE, MAP_DATA + PAGE);
	EXPECT_ERR(link_table(f.p.fd, spaces[0], 16 * MIB, spaces[1], GIB,
			      levels_of(format) - 1, 0, NULL), EINVAL);
	expect_moved(&f, 5);
}
EACH_FORMAT(move_twins)

/*
 * Frozen tables that name tables of the pool: vmem put them there before. When
 * a frozen one moves, the copy shares them with it.
 */
static void pool_below_begin(struct frozen *f, u32 format, u64 *tables)
{
	u32 space;

	frozen_begin(f, format, 64);
	/* By hand: all above the table of leaves at 0, of which it has a leaf. */
	leaf_by_hand(f, 0, MAP_DATA);
	space = ASSERT_OK(space_adopt(f->p.fd, format, f->p.pool, f->root));
	/* Tables of ours below an entry of level 1, 2 and 3. */
	ASSERT_OK(map_one(f->p.fd, space, 2 * MIB, MAP_DATA, PAGE, R | W, 0,
			  NULL));
	ASSERT_OK(map_one(f->p.fd, space, GIB, MAP_DATA, PAGE, R | W, 0, NULL));
	ASSERT_OK(map_one(f->p.fd, space, 512 * GIB, MAP_DATA, PAGE, R | W, 0,
			  NULL));
	ASSERT_OK(destroy(f->p.fd, space));
	frozen_end(f);
	*tables = 1 + 2 + 3;
	expect_pool(&f->p, *tables, 0);
	expect_shared(&f->p, 0);
}

/*
 * Spaces of one frozen root: what is below it, and not frozen, changes for all
 * of them. It is the vCPUs of all that have to forget it.
 */
static void flush_of_twins(u32 format)
{
	struct vmem_ioc_change change;
	struct frozen f;
	u32 twin;

	frozen_root(&f, format);
	twin = ASSERT_OK(space_movable(f.p.fd, format, f.p.pool, f.root));
	/* It isn't alone, whatever the caller says. */
	ASSERT_OK(unmap_flags(f.p.fd, f.p.space, 0, PAGE - 1,
			      VMEM_IOC_RANGE_ALONE, &change));
	EXPECT_EQ(change.out_changes, 0);
	EXPECT_EQ(change.out_pages, 1);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	/* The only one that can be changed by it. */
	ASSERT_OK(destroy(f.p.fd, twin));
	ASSERT_OK(destroy(f.p.fd, f.other));
	ASSERT_OK(map_one(f.p.fd, f.p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(protect(f.p.fd, f.p.space, 0, PAGE - 1, W, 0, 0, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	ASSERT_OK(unmap_flags(f.p.fd, f.p.space, 0, PAGE - 1,
			      VMEM_IOC_RANGE_ALONE, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_RANGE);
}
EACH_FORMAT(flush_of_twins)

/*
 * Two pools below one root of the guest's: no table of the one names a table
 * of the other, by a copy, a new table or a link. So each goes with its spaces.
 */
static void pools_stay_apart(u32 format)
{
	unsigned int levels = levels_of(format);
	u32 pool, beside, space;
	struct picture before, after;
	struct frozen f;
	u64 tables, at;

	pool_below_begin(&f, format, &tables);
	at = MAP_POOL + f.p.pages * PAGE;
	pool = ASSERT_OK(pool_create(f.p.fd, at, 64 * PAGE));
	beside = ASSERT_OK(space_movable(f.p.fd, format, pool, f.root));
	space = ASSERT_OK(space_new(f.p.fd, format, pool));
	before = picture_take(f.p.fd, f.p.g.mem, f.p.g.len);
	/* Each of the frozen tables would move, with what it names. */
	EXPECT_ERR(map_one(f.p.fd, beside, PAGE, MAP_DATA, PAGE, R, 0, NULL),
		   EINVAL);
	EXPECT_ERR(unmap(f.p.fd, beside, 512 * GIB, 1024 * GIB - 1, NULL),
		   EINVAL);
	/* In place, what is another pool's isn't changed either. */
	EXPECT_ERR(map_one(f.p.fd, beside, 2 * MIB + PAGE, MAP_DATA, PAGE, R,
			   VMEM_IOC_MAP_SHARED_OK, NULL), EINVAL);
	EXPECT_ERR(map_one(f.p.fd, beside, GIB + 2 * MIB, MAP_DATA, PAGE, R,
			   VMEM_IOC_MAP_SHARED_OK, NULL), EINVAL);
	EXPECT_ERR(protect(f.p.fd, beside, GIB, GIB + PAGE - 1, 0, W,
			   VMEM_IOC_RANGE_SHARED_OK, NULL), EINVAL);
	EXPECT_ERR(unmap(f.p.fd, beside, GIB, GIB + PAGE - 1, NULL), EINVAL);
	EXPECT_ERR(link_table(f.p.fd, space, 0, beside, 2 * MIB, levels - 1, 0,
			      NULL), EINVAL);
	after = picture_take(f.p.fd, f.p.g.mem, f.p.g.len);
	EXPECT(picture_same(&before, &after));
	expect_moved(&f, 4);

	/* Of the guest's own tables beside them nothing stands in the way. */
	ASSERT_OK(region_freeze(f.p.fd, f.hand, false));
	ASSERT_OK(map_one(f.p.fd, beside, 1024 * GIB, MAP_DATA, PAGE, R,
			  VMEM_IOC_MAP_SHARED_OK, NULL));
	expect_pool(&f.p, tables, 0);
	EXPECT_ERR(map_one(f.p.fd, f.p.space, 1024 * GIB + PAGE, MAP_DATA,
			   PAGE, R, VMEM_IOC_MAP_SHARED_OK, NULL), EINVAL);
	f.p.pool = pool;
	expect_pool(&f.p, 1 + 3, 0);
}
EACH_FORMAT(pools_stay_apart)

/*
 * A table of as many links as there may be: to look at all of them is as much
 * work as a piece may do, and each call comes to its end nonetheless.
 */
static void move_beside_most_links(u32 format)
{
	const u32 most = 4096;
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct frozen f;
	u32 space, i;

	frozen_begin(&f, format, 64);
	leaf_by_hand(&f, 0, MAP_DATA);
	frozen_end(&f);
	space = ASSERT_OK(space_new(f.p.fd, format, f.p.pool));
	ASSERT_OK(map_one(f.p.fd, space, 0, MAP_DATA, PAGE, R | W, 0, NULL));
	for (i = 1; i < most - 1; i++)
		ASSERT_OK(link_table(f.p.fd, space, i * 2 * MIB, space, 0,
				     levels - 1, 0, NULL));
	ASSERT_OK(link_table(f.p.fd, f.p.space, 2 * MIB, space, 0, levels - 1,
			     0, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
	EXPECT_ERR(link_table(f.p.fd, f.p.space, 4 * MIB, space, 0, levels - 1,
			      0, NULL), EMLINK);
	expect_moved(&f, 2);
	ASSERT_OK(map_one(f.p.fd, f.p.space, 2 * MIB + PAGE, MAP_DATA, PAGE, R,
			  VMEM_IOC_MAP_SHARED_OK, NULL));
	ASSERT_OK(protect(f.p.fd, f.p.space, 0, 4 * MIB - 1, X, W,
			  VMEM_IOC_RANGE_SHARED_OK, &change));
	EXPECT_EQ(change.out_pages, 3);
	ASSERT_OK(unmap(f.p.fd, f.p.space, 2 * MIB, 4 * MIB - 1, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED);
	ASSERT_OK(link_table(f.p.fd, f.p.space, 4 * MIB, space, 2 * MIB,
			     levels - 1, VMEM_IOC_LINK_REPLACE, NULL));
	ASSERT_OK(link_table(f.p.fd, f.p.space, 0, space, 0, levels - 2,
			     VMEM_IOC_LINK_REPLACE, NULL));
	ASSERT_OK(destroy(f.p.fd, space));
	expect_gpa(&f, 6 * MIB + PAGE, MAP_DATA);
	ASSERT_OK(unmap(f.p.fd, f.p.space, 0, ~0ULL, NULL));
	expect_shared(&f.p, 0);
	expect_moved(&f, 0);
}
EACH_FORMAT(move_beside_most_links)

/* The memory thaws: what is left of it is written in place. */
static void thawed(u32 format)
{
	struct vmem_ioc_change change;
	struct frozen f;

	frozen_begin(&f, format, 64);
	leaf_by_hand(&f, 0, MAP_DATA);
	leaf_by_hand(&f, 2 * MIB, MAP_DATA);
	frozen_end(&f);
	ASSERT_OK(map_one(f.p.fd, f.p.space, PAGE, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(region_freeze(f.p.fd, f.hand, false));
	ASSERT_OK(map_one(f.p.fd, f.p.space, 2 * MIB + PAGE, MAP_DATA, PAGE, R,
			  0, &change));
	EXPECT_EQ(change.out_changes, 0);
	expect_pool(&f.p, levels_of(format), 0);
	f.p.g.root = space_root(f.p.fd, f.p.space);
	expect_leaves(&f.p, 4);
	/* The other space has that table too: it's the guest's, not a link. */
	f.p.space = f.other;
	f.p.g.root = f.root;
	expect_leaves(&f.p, 3);
}
EACH_FORMAT(thawed)

/*
 * A frozen root that two spaces have would move for each; thawed, it has two links,
 * whatever was found out about the tables below it before.
 */
static void thawed_twins(u32 format)
{
	struct frozen f;
	u64 i;

	frozen_root(&f, format);
	ASSERT_OK(space_movable(f.p.fd, format, f.p.pool, f.root));
	for (i = 1; i < 4; i++)
		ASSERT_OK(map_one(f.p.fd, f.p.space, i * PAGE, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(region_freeze(f.p.fd, f.hand, false));
	EXPECT_ERR(map_one(f.p.fd, f.p.space, 4 * PAGE, MAP_DATA, PAGE, R, 0, NULL), EMLINK);
	EXPECT_ERR(unmap_flags(f.p.fd, f.p.space, PAGE, 2 * PAGE - 1, 0, NULL), EMLINK);
	ASSERT_OK(map_one(f.p.fd, f.p.space, 4 * PAGE, MAP_DATA, PAGE, R,
			  VMEM_IOC_MAP_SHARED_OK, NULL));
}
EACH_FORMAT(thawed_twins)

const struct ktap_case move_cases[] = {
	CASE_FORMATS(move_each_level),
	CASE_FORMATS(move_twins),
	CASE_FORMATS(flush_of_twins),
	CASE_FORMATS(pools_stay_apart),
	CASE_FORMATS(move_beside_most_links),
	CASE_FORMATS(thawed),
	CASE_FORMATS(thawed_twins),
};

const size_t nr_move_cases = ARRAY_SIZE(move_cases);
