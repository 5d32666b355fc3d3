// SPDX-License-Identifier: GPL-2.0-only
/*
 * One table: what an entry can be, at each level, below tables of each sort, and
 * each kind of change that meets it. Each change is compared with the model: the
 * answer, what is to be flushed, the counts, each byte of memory, pages and links.
 * Some are stopped at each place besides, with tables absent there.
 *
 * What the model isn't needed for stands in the table, for a path of ours: so that
 * both can't be wrong together.
 *
 * Points of the behaviour's description that have a case here: 4, 9, 10, 11, 12,
 * 13, 16, 17, 18, 28, 31, 39, 40, 41, 56, 57.
 */
#include "link_test.h"

DEFINE_ENGINE_PARAMS

static unsigned int cells_stride = 23;
module_param(cells_stride, uint, 0444);
MODULE_PARM_DESC(cells_stride, "try each so many-th change of the table");

/* What the entry in hand is. Behind LAST_ENTRY they are tables. */
enum there {
	NONE, JUNK, LEAF, READ_ONLY_LEAF, MALFORMED,
	OURS, OURS_EMPTY, OURS_HIDDEN, SHARED, FOREIGN, FROZEN, DENIES, DENIES_EMPTY,
	MISUSED, UNUSED, OTHERS, OUTSIDE, NR_THERE,
	LAST_ENTRY = MALFORMED,
};

/* The tables above it, down from the root; and whether frozen ones may move. */
enum above { BELOW_OURS, BELOW_FOREIGN, BELOW_FROZEN, BELOW_MOVABLE, NR_ABOVE };

#define ANY	1	/* the model alone knows */

/*
 * The answers, of changes without flags but for REPLACE, to a mapping of a page, with
 * REPLACE; unmapping of a page, of all that the entry translates; taking W from a
 * page; a link by this very entry, with REPLACE.
 */
static const struct answers {
	const char *name;
	int map, replace, unmap, whole, protect, link, link_replace;
} answers[NR_THERE] = {
	[NONE]	= { "nothing", 0, 0, 0, 0, 0, 0, 0 },
	[JUNK]	= { "not present", 0, 0, 0, 0, 0, 0, 0 },
	[LEAF]	= { "a leaf", -EEXIST, -ERANGE, -ERANGE, 0, ANY, -EEXIST, 0 },
	[READ_ONLY_LEAF] = {
		"a leaf to be read", -EEXIST, -ERANGE, -ERANGE, 0, 0, -EEXIST, 0 },
	[MALFORMED] = { "malformed", -EEXIST, -ERANGE, -ERANGE, 0, 0, -EEXIST, 0 },
	[OURS]	= { "a table", -EEXIST, 0, 0, 0, 0, -EEXIST, 0 },
	[OURS_EMPTY] = { "an empty table", 0, 0, 0, 0, 0, -EEXIST, 0 },
	[OURS_HIDDEN] = { "a table that was hidden", 0, 0, 0, 0, 0, 0, 0 },
	[SHARED] = {
		"a shared table", -EMLINK, -EMLINK, -EMLINK, 0, -EMLINK, -EEXIST, 0 },
	[FOREIGN] = { "the guest's table", -EEXIST, 0, 0, 0, 0, -EEXIST, 0 },
	[FROZEN] = { "a frozen table", ANY, ANY, ANY, ANY, ANY, -EEXIST, ANY },
	[DENIES] = { "a table to be read", -EEXIST, -EEXIST, 0, 0, 0, -EEXIST, 0 },
	[DENIES_EMPTY] = {
		"an empty table to be read", -EEXIST, -EEXIST, 0, 0, 0, -EEXIST, 0 },
	[MISUSED] = {
		"a misused table", -EEXIST, -EEXIST, -EEXIST, 0, -EEXIST, -EEXIST, 0 },
	[UNUSED] = {
		"a page of the pool", -EEXIST, -EEXIST, -EEXIST, 0, -EEXIST, -EEXIST,
		0 },
	[OTHERS] = {
		"another pool's table", -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
		-EEXIST, -EINVAL },
	[OUTSIDE] = { "no memory", -ENXIO, -ENXIO, -ENXIO, 0, -ENXIO, -EEXIST, 0 },
};

struct cell {
	struct bench *b;
	unsigned int level;	/* of the table with the entry in hand */
	enum above above;
	enum there there;
	bool beside;		/* that table has another entry */
	u64 va;			/* the first one that it translates */
	u64 span;
	u32 nr;			/* of changes tried, and those left out */
	u32 done;
	u32 met[6];		/* of them that were refused: with each of these */
};

static const int met[] = { -EEXIST, -ERANGE, -EMLINK, -ENXIO, -EROFS, -EINVAL };

/* A table of @level below @slot of @table. */
static u64 put_table(struct bench *b, u64 table, unsigned int slot,
		     unsigned int level, enum there there)
{
	u64 below;

	if (there == OURS)
		return bench_take(b, level, table, slot);
	below = there == FROZEN ? bench_frozen_table(b) : bench_table(b);
	bench_write(b, table, slot, bench_table_entry(b, below));
	return below;
}

/* A leaf at its first address, below more tables of the sort, but frozen ones. */
static void fill(struct bench *b, u64 table, unsigned int level, enum there there)
{
	while (level--)
		table = put_table(b, table, 0, level, there == OURS ? OURS : FOREIGN);
	bench_write(b, table, 0, bench_leaf(b, bench_data(b, 1)));
}

static u64 put_above(struct cell *c)
{
	static const enum there sorts[NR_ABOVE] = { OURS, FOREIGN, FROZEN, FROZEN };
	enum there sort = sorts[c->above];
	struct bench *b = c->b;
	unsigned int level;
	u64 table;

	if (sort == FROZEN)
		bench_adopt(b, bench_frozen_table(b));
	else if (sort == FOREIGN)
		bench_adopt(b, bench_table(b));
	table = bench_root(b);
	for (level = bench_top(b); level > c->level; level--)
		table = put_table(b, table, entry_index(b->rules, c->va, level),
				  level - 1, sort);
	return table;
}

static void put_there(struct cell *c, u64 table, unsigned int slot)
{
	u64 leaf = c->level ? bench_large(c->b, bench_frame(c->b, c->level)) :
			      bench_leaf(c->b, bench_data(c->b, 2));
	enum there sort = c->there == FROZEN ? FROZEN : FOREIGN;
	struct bench *b = c->b;
	u64 below;

	switch (c->there) {
	case JUNK:
		bench_write(b, table, slot, bench_junk(b));
		break;
	case LEAF:
		bench_write(b, table, slot, leaf);
		break;
	case READ_ONLY_LEAF:
		bench_write(b, table, slot, bench_read_only(b, leaf));
		break;
	case MALFORMED:
		bench_write(b, table, slot, bench_reserved(b, leaf));
		break;
	case OURS:
	case OURS_EMPTY:
	case OURS_HIDDEN:
	case SHARED:
		below = put_table(b, table, slot, c->level - 1, OURS);
		if (c->there != OURS_EMPTY)
			fill(b, below, c->level - 1, OURS);
		if (c->there == SHARED)
			bench_add_link(b, c->level - 1, table, slot, bench_table(b), 1);
		if (c->there == OURS_HIDDEN)
			bench_write(b, table, slot, 0);
		break;
	case FOREIGN:
	case FROZEN:
	case DENIES:
	case DENIES_EMPTY:
		below = put_table(b, table, slot, c->level - 1, sort);
		if (c->there != DENIES_EMPTY)
			fill(b, below, c->level - 1, FOREIGN);
		if (c->there >= DENIES)
			bench_write(b, table, slot,
				    bench_read_only(b, bench_read(b, table, slot)));
		break;
	case MISUSED:
		bench_write(b, table, slot, bench_table_entry(b,
			    vmem_table_gpa(bench_space_nr(b, 1)->root)));
		break;
	case UNUSED:
		bench_write(b, table, slot, bench_table_entry(b,
			    guest_gpa(&b->guest, PART_POOL, POOL_TABLES - 1)));
		break;
	case OTHERS:
		/* or of a space of another format, by its level: the same to all */
		bench_take(b, c->level, table, slot);
		break;
	case OUTSIDE:
		bench_write(b, table, slot, bench_table_entry(b, bench_outside(b)));
		break;
	default:
		break;
	}
}

/* Space 1 has a table of each level at 0, to be linked to. */
static void put_cell(struct cell *c)
{
	struct bench *b = c->b;
	unsigned int slot;
	u64 table;

	bench_reset(b);
	bench_new_space(b, 1);
	bench_use(b, 1);
	KUNIT_ASSERT_EQ(b->test, 0, bench_map(b, 0, bench_data(b, 4), bench_page(b),
					      RWX, 0));
	bench_use(b, 0);
	bench_movable(b, c->above == BELOW_MOVABLE);
	c->span = bench_span(b, c->level);
	c->va = sign_extend(b->rules, c->span);
	table = put_above(c);
	slot = entry_index(b->rules, c->va, c->level);
	put_there(c, table, slot);
	if (c->beside)
		bench_write(b, table, slot ^ 1, bench_junk(b));
	bench_save(b);
}

/* Is it the turn of one more, and is it to be stopped everywhere? */
static bool turn(struct cell *c, bool *stopped)
{
	if (c->b->differs || c->nr++ % cells_stride)
		return false;
	*stopped = c->done++ % 8 == 0;
	return true;
}

static void tried(struct cell *c, const char *what, int ret, int expected)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(met); i++)
		c->met[i] += ret == met[i];
	if (c->level && c->above == BELOW_OURS && expected != ANY)
		KUNIT_EXPECT_EQ_MSG(c->b->test, ret, expected, "%s onto %s",
				    what, answers[c->there].name);
	if (c->b->differs)
		KUNIT_FAIL(c->b->test, "%s onto %s: level %u above %u beside %u",
			   what, answers[c->there].name, c->level, c->above,
			   c->beside);
	bench_restore(c->b);
}

static void try_change(struct cell *c, const char *what, const struct vmem_mapping *m,
		       u32 flags, int expected)
{
	bool stopped;

	if (turn(c, &stopped))
		tried(c, what, stopped ? bench_change_stopped(c->b, m, 1, flags) :
				bench_change(c->b, m, 1, flags), expected);
}

static void try_link(struct cell *c, const struct bench_link *link, u32 flags,
		     int expected)
{
	bool stopped;

	if (turn(c, &stopped))
		tried(c, "a link", stopped ? bench_link_stopped(c->b, link, flags) :
				   bench_link(c->b, link, flags), expected);
}

#define UNMAPPING	5	/* those before are mappings */
#define PROTECTING	6	/* and from this one on */
#define NR_KINDS	9

static struct vmem_mapping kind(struct bench *b, u32 nr, u64 va, u64 len)
{
	u64 gpa = bench_data(b, 8);

	switch (nr) {
	case 0:
		return bench_basic(va, gpa, len, RWX);
	case 1:
		return bench_basic(va, gpa, len, VMEM_R);
	case 2:
		return bench_cow(va, gpa, len, VMEM_R | VMEM_X);
	case 3:
		return bench_with_path(bench_basic(va, gpa, len, RWX),
				       bench_same_path(b, 1, bench_granted(b)));
	case 4:
		return bench_with_path(bench_cow(va, gpa, len, VMEM_R),
				       bench_same_path(b, 1, VMEM_R | VMEM_U));
	case UNMAPPING:
		return bench_unmapped(va, len);
	case PROTECTING:
		return bench_protected(va, len, 0, VMEM_W);
	case 7:
		return bench_protected(va, len, VMEM_R | VMEM_W, VMEM_COW);
	default:
		return bench_protected(va, len, VMEM_R | VMEM_COW, VMEM_X);
	}
}

/* Each kind, as far as the range goes that is asked for. */
static void try_kinds(struct cell *c, u64 va, u64 len, u32 flags,
		      const struct answers *a)
{
	bool page = va == c->va && len == bench_page(c->b);
	bool whole = va == c->va && len == c->span;
	bool replace = flags == VMEM_CHANGE_REPLACE;
	/* the model maps page by page */
	u32 i = len <= 2 * bench_span(c->b, 1) ? 0 : UNMAPPING;

	for (; i < NR_KINDS; i++) {
		struct vmem_mapping m = kind(c->b, i, va, len);
		int expected = ANY;

		if (flags && !replace)
			expected = ANY;
		else if (i == 0 && page)
			expected = replace ? a->replace : a->map;
		else if (i == UNMAPPING && (page || whole))
			expected = whole ? a->whole : a->unmap;
		else if (i == PROTECTING && page)
			expected = a->protect;
		try_change(c, i < UNMAPPING ? "a mapping" :
			   i == UNMAPPING ? "unmapping" : "protecting", &m, flags,
			   expected);
	}
}

/* By the entry in hand, by one below; with a path; to what isn't there. */
static void try_links(struct cell *c, u32 flags, const struct answers *a)
{
	bool replace = flags == VMEM_CHANGE_REPLACE;
	struct bench_link link = {
		.our_va = c->va, .owner = 1, .level = c->level - 1,
	};
	unsigned int level;

	if (!c->level)
		return;
	try_link(c, &link, flags, flags && !replace ? ANY :
				  replace ? a->link_replace : a->link);
	link.their_va = bench_upper(c->b);
	try_link(c, &link, flags, ANY);
	link.their_va = 0;
	for (level = 0; level < c->level; level++) {
		link.level = level;
		link.path_given = false;
		try_link(c, &link, flags, ANY);
		link = with_path(c->b, link, bench_granted(c->b));
		try_link(c, &link, flags, ANY);
	}
}

static void try_cell(struct cell *c)
{
	static const u32 flags[] = {
		0, VMEM_CHANGE_REPLACE, VMEM_CHANGE_SHARED_OK,
		VMEM_CHANGE_SHARED_OK | VMEM_CHANGE_REPLACE,
		VMEM_CHANGE_ALONE | VMEM_CHANGE_REPLACE,
		VMEM_CHANGE_ALONE | VMEM_CHANGE_REPLACE | VMEM_CHANGE_SHARED_OK |
			VMEM_CHANGE_ATOMIC,
	};
	const struct answers *a = &answers[c->there];
	u64 page = bench_page(c->b);
	u32 i;

	put_cell(c);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		try_kinds(c, c->va, page, flags[i], a);
		try_kinds(c, c->va, c->span, flags[i], a);
		/* with the end of the entry before, and all but its first page */
		try_kinds(c, c->va - page, 2 * page, flags[i], a);
		try_kinds(c, c->va + page, c->span - page, flags[i], a);
		try_links(c, flags[i], a);
	}
}

static void change_in_each_situation(struct kunit *test)
{
	struct cell c = { .b = bench_begin(test) };
	u32 i;

	for (c.level = 0; c.level < c.b->rules->levels; c.level++) {
		for (i = 0; i < 2 * NR_ABOVE * NR_THERE; i++) {
			c.beside = i & 1;
			c.above = i / 2 % NR_ABOVE;
			c.there = i / 2 / NR_ABOVE;
			/* at level 0 nothing is a table */
			if ((c.level || c.there <= LAST_ENTRY) &&
			    (bench_can_deny(c.b) ||
			     (c.there != DENIES && c.there != DENIES_EMPTY)))
				try_cell(&c);
			cond_resched();
		}
	}
	for (i = 0; i < ARRAY_SIZE(met); i++)
		KUNIT_EXPECT_GE(test, c.met[i], 1);
	kunit_info(test, "%u of %u changes", c.done, c.nr);
}

/* 4: nothing is above the root, and no space of two has one alone */
static void change_below_an_odd_root(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping kinds[] = {
		bench_basic(0, 0, page, RWX), bench_unmapped(0, page),
		bench_protected(0, page, 0, VMEM_W),
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		bench_reset(b);
		bench_join_root(b, 1, bench_root(b), bench_top(b));
		KUNIT_EXPECT_EQ(test, -EMLINK, bench_change(b, &kinds[i], 1, 0));
		bench_reset(b);
		bench_adopt(b, bench_outside(b));
		KUNIT_EXPECT_EQ(test, -ENXIO, bench_change(b, &kinds[i], 1, 0));
	}
}

static struct kunit_case cells_cases[] = {
	EACH_FORMAT_SLOW(change_in_each_situation),
	EACH_FORMAT(change_below_an_odd_root),
	{}
};

static struct kunit_suite cells_suite = {
	.name = "vmem_cells",
	.test_cases = cells_cases,
};

kunit_test_suite(cells_suite);
