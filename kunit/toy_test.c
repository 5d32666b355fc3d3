// SPDX-License-Identifier: GPL-2.0-only
/*
 * The toy formats: every state of a small tree, with every operation.
 *
 * The tree has a table of leaves under each entry of one table of level 1, and
 * what the other half of the root holds. Each entry is a letter of an alphabet,
 * which is said here and nowhere else:
 *
 *   level 0  a hole, junk that is not present, a leaf, one that is read-only and
 *            of another frame, a malformed entry
 *   level 1  a hole, junk, a large leaf, a malformed entry; a table of ours in
 *            each of its states, of the guest's in each of its states, a frozen
 *            one; one that is read-only above its leaf; one outside, one of ours
 *            in use at another level (the table itself), and a page of the pool
 *            that is no table
 *   level 2  the first slot: a table of level 1 of ours or of the guest's in
 *            each of its states, or one of the letters that are no table; the
 *            slot where the second half of all addresses begins: a hole, junk, malformed, outside, the root itself, a
 *            small tree, or the table that the first one has, named by the guest;
 *            the same, linked by vmem, if it is ours; a hole and the small tree
 *            also where the root is frozen
 *
 * Where anything is frozen, each change is tried twice: frozen tables may move,
 * or may not.
 */
#include "bench.h"

#include "flat.h"
#include "toy.h"

static unsigned int toy_stride = 997;
module_param(toy_stride, uint, 0444);
MODULE_PARM_DESC(toy_stride, "try each so many-th state of the toy's tree");

static unsigned int toy_first;
module_param(toy_first, uint, 0444);
MODULE_PARM_DESC(toy_first, "from this one on");

#define NR_PAGES	8

enum leaf_letter {
	LEAF_HOLE,
	LEAF_JUNK,
	LEAF_PRESENT,
	LEAF_OTHER,
	LEAF_MALFORMED,
	NR_LEAF_LETTERS,
};

#define NR_LEAF_TABLES	(NR_LEAF_LETTERS * NR_LEAF_LETTERS)

/* Letters of level 1. The first few are no tables. */
enum middle_letter {
	MIDDLE_HOLE,
	MIDDLE_JUNK,
	MIDDLE_LARGE,
	MIDDLE_MALFORMED,
	MIDDLE_OUTSIDE,
	MIDDLE_SELF,
	MIDDLE_UNUSED,
	MIDDLE_FROZEN_EMPTY,
	MIDDLE_FROZEN_LEAF,
	MIDDLE_READ_ONLY,
	MIDDLE_OURS,
	MIDDLE_FOREIGN = MIDDLE_OURS + NR_LEAF_TABLES,
	NR_MIDDLE_LETTERS = MIDDLE_FOREIGN + NR_LEAF_TABLES,
};

#define NR_MIDDLE_TABLES	(NR_MIDDLE_LETTERS * NR_MIDDLE_LETTERS)

enum first_letter {
	FIRST_HOLE,
	FIRST_JUNK,
	FIRST_MALFORMED,
	FIRST_LARGE,
	FIRST_OUTSIDE,
	FIRST_SELF,
	FIRST_OURS,
	FIRST_FOREIGN = FIRST_OURS + NR_MIDDLE_TABLES,
	NR_FIRST_LETTERS = FIRST_FOREIGN + NR_MIDDLE_TABLES,
};

enum second_letter {
	SECOND_HOLE,
	SECOND_TREE,
	SECOND_JUNK,
	SECOND_MALFORMED,
	SECOND_OUTSIDE,
	SECOND_SELF,
	SECOND_SHARED,
	SECOND_LINKED,
	SECOND_HOLE_FROZEN,
	SECOND_TREE_FROZEN,
	NR_SECOND_LETTERS,
};

#define NR_STATES	(NR_FIRST_LETTERS * NR_SECOND_LETTERS)

struct toy {
	struct bench *b;
	u32 state;
	struct vmem_space spaces[2];
	bool frozen;		/* something is */
	bool linked;		/* a table of ours has two links */
};

/* The address of page @i of the toy's eight, four in each half. */
static u64 toy_va(const struct bench *b, unsigned int i)
{
	return (i / (NR_PAGES / 2)) * bench_upper(b) +
	       i % (NR_PAGES / 2) * bench_page(b);
}

/* The slot of a root where the second half begins. */
static unsigned int second_slot(const struct bench *b)
{
	return entry_index(b->rules, bench_upper(b), bench_top(b));
}

static void put_leaves(struct bench *b, u64 table, unsigned int state,
		       unsigned int frame)
{
	u64 leaf;
	u32 i;

	for (i = 0; i < 2; i++, state /= NR_LEAF_LETTERS) {
		leaf = bench_leaf(b, bench_data(b, frame + i));
		switch (state % NR_LEAF_LETTERS) {
		case LEAF_JUNK:
			bench_write(b, table, i, bench_junk(b));
			break;
		case LEAF_PRESENT:
			bench_write(b, table, i, leaf);
			break;
		case LEAF_OTHER:
			bench_write(b, table, i, bench_read_only(b,
						bench_leaf(b, bench_data(b, 31))));
			break;
		case LEAF_MALFORMED:
			bench_write(b, table, i, bench_reserved(b, leaf));
			break;
		}
	}
}

/* A table of leaves of the guest's own. */
static u64 foreign_leaves(struct bench *b, unsigned int state, unsigned int frame)
{
	u64 table = bench_table(b);

	put_leaves(b, table, state, frame);
	return table;
}

static void put_middle(struct bench *b, u64 table, unsigned int slot,
		       unsigned int letter)
{
	unsigned int frame = 4 + 2 * slot;
	u64 below;

	switch (letter) {
	case MIDDLE_HOLE:
		break;
	case MIDDLE_JUNK:
		bench_write(b, table, slot, bench_junk(b));
		break;
	case MIDDLE_LARGE:
		bench_write(b, table, slot, bench_large(b, bench_data(b, frame)));
		break;
	case MIDDLE_MALFORMED:
		bench_write(b, table, slot,
			    bench_reserved(b, bench_table_entry(b, table)));
		break;
	case MIDDLE_OUTSIDE:
		bench_write(b, table, slot,
			    bench_table_entry(b, bench_outside(b)));
		break;
	case MIDDLE_SELF:
		bench_write(b, table, slot, bench_table_entry(b, table));
		break;
	case MIDDLE_UNUSED:
		bench_write(b, table, slot,
			    bench_table_entry(b, guest_gpa(&b->guest, PART_POOL,
							   POOL_TABLES - 1)));
		break;
	case MIDDLE_FROZEN_EMPTY:
	case MIDDLE_FROZEN_LEAF:
		below = guest_gpa(&b->guest, PART_FROZEN, slot);
		bench_write(b, table, slot, bench_table_entry(b, below));
		if (letter == MIDDLE_FROZEN_LEAF)
			put_leaves(b, below, LEAF_PRESENT, frame);
		break;
	case MIDDLE_READ_ONLY:
		below = foreign_leaves(b, LEAF_HOLE + NR_LEAF_LETTERS *
				       LEAF_PRESENT, frame);
		bench_write(b, table, slot,
			    bench_read_only(b, bench_table_entry(b, below)));
		break;
	default:
		if (letter >= MIDDLE_FOREIGN) {
			below = foreign_leaves(b, letter - MIDDLE_FOREIGN, frame);
			bench_write(b, table, slot, bench_table_entry(b, below));
		} else {
			below = bench_take(b, 0, table, slot);
			put_leaves(b, below, letter - MIDDLE_OURS, frame);
		}
	}
}

static void put_first(struct bench *b, unsigned int letter)
{
	u64 root = bench_root(b), table;

	switch (letter) {
	case FIRST_HOLE:
		return;
	case FIRST_JUNK:
		bench_write(b, root, 0, bench_junk(b));
		return;
	case FIRST_MALFORMED:
		bench_write(b, root, 0, bench_reserved(b, bench_table_entry(b, root)));
		return;
	case FIRST_LARGE:
		bench_write(b, root, 0, bench_large(b, 0));
		return;
	case FIRST_OUTSIDE:
		bench_write(b, root, 0, bench_table_entry(b, bench_outside(b)));
		return;
	case FIRST_SELF:
		bench_write(b, root, 0, bench_table_entry(b, root));
		return;
	}
	if (letter >= FIRST_FOREIGN) {
		letter -= FIRST_FOREIGN;
		table = bench_table(b);
		bench_write(b, root, 0, bench_table_entry(b, table));
	} else {
		letter -= FIRST_OURS;
		table = bench_take(b, 1, root, 0);
	}
	put_middle(b, table, 0, letter % NR_MIDDLE_LETTERS);
	put_middle(b, table, 1, letter / NR_MIDDLE_LETTERS);
}

static void put_second(struct bench *b, unsigned int letter)
{
	unsigned int slot = second_slot(b);
	u64 root = bench_root(b), table;

	switch (letter) {
	case SECOND_TREE:
	case SECOND_TREE_FROZEN:
		table = bench_take(b, 1, root, slot);
		table = bench_take(b, 0, table, 1);
		put_leaves(b, table, LEAF_HOLE + NR_LEAF_LETTERS * LEAF_PRESENT, 8);
		break;
	case SECOND_JUNK:
		bench_write(b, root, slot, bench_junk(b));
		break;
	case SECOND_MALFORMED:
		bench_write(b, root, slot, bench_reserved(b, bench_table_entry(b, root)));
		break;
	case SECOND_OUTSIDE:
		bench_write(b, root, slot, bench_table_entry(b, bench_outside(b)));
		break;
	case SECOND_SELF:
		bench_write(b, root, slot, bench_table_entry(b, root));
		break;
	case SECOND_LINKED:
		bench_add_link(b, 1, root, 0, root, slot);
		break;
	case SECOND_SHARED:
		bench_write(b, root, slot, bench_read(b, root, 0));
		break;
	}
}

static bool is_frozen(unsigned int letter)
{
	letter -= letter >= FIRST_FOREIGN ? FIRST_FOREIGN : FIRST_OURS;
	return letter % NR_MIDDLE_LETTERS == MIDDLE_FROZEN_EMPTY ||
	       letter % NR_MIDDLE_LETTERS == MIDDLE_FROZEN_LEAF ||
	       letter / NR_MIDDLE_LETTERS == MIDDLE_FROZEN_EMPTY ||
	       letter / NR_MIDDLE_LETTERS == MIDDLE_FROZEN_LEAF;
}

/* Return: whether there is such a state. */
static bool make_state(struct toy *toy, u32 state)
{
	unsigned int first = state % NR_FIRST_LETTERS;
	unsigned int second = state / NR_FIRST_LETTERS;
	struct bench *b = toy->b;
	bool root_frozen = second >= SECOND_HOLE_FROZEN;

	toy->state = state;
	toy->linked = second == SECOND_LINKED;
	if (toy->linked && (first < FIRST_OURS || first >= FIRST_FOREIGN))
		return false;
	toy->frozen = root_frozen || (first >= FIRST_OURS && is_frozen(first));
	bench_reset(b);
	if (root_frozen)
		bench_adopt(b, bench_frozen(b, FROZEN_TABLES - 1));
	put_first(b, first);
	put_second(b, second);
	/* another space, which has a part of the first one's tree */
	toy->spaces[0] = b->space;
	toy->spaces[1] = bench_space(b, guest_gpa(&b->guest, PART_FOREIGN,
						  FOREIGN_TABLES - 1));
	bench_write(b, vmem_table_gpa(toy->spaces[1].root), second_slot(b),
		    bench_read(b, bench_root(b), 0));
	b->spaces[1] = toy->spaces[1];
	/* what is linked twice is entered once, unless more is meant */
	b->aliased = model_aliased(&b->model, 0);
	return true;
}

static void translate_all(struct toy *toy)
{
	u64 vas[NR_PAGES + 2] = { bench_upper(toy->b) - 1, U64_MAX };
	u32 i;

	for (i = 0; i < NR_PAGES; i++)
		vas[i + 2] = toy_va(toy->b, i) + 1;
	bench_check_translate(toy->b, &toy->spaces[0], vas, ARRAY_SIZE(vas));
}

static void walk_all(struct toy *toy)
{
	static const u32 flags[] = {
		0, VMEM_WALK_HOLES, VMEM_WALK_FOLLOW,
		VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES | VMEM_WALK_HOLES,
	};
	u32 first, last, i;

	for (first = 0; first < NR_PAGES; first++) {
		for (last = first; last < NR_PAGES; last++) {
			for (i = 0; i < ARRAY_SIZE(flags); i++)
				bench_check_walk(toy->b, toy->spaces, 1 + !(i & 1),
						 toy_va(toy->b, first),
						 toy_va(toy->b, last), flags[i]);
		}
	}
	/* as much as there is of one table is not its whole span */
	bench_check_walk(toy->b, toy->spaces, 2, 0, U64_MAX, VMEM_WALK_HOLES);
}

/*
 * A table that is reached twice, through entries that the guest wrote, changes
 * in two places at once; what comes of mapping over both is nobody's promise,
 * but that nothing else is touched.
 */
static void check_aliased(struct toy *toy, int ret)
{
	struct bench *b = toy->b;

	if (ret && !b->change.answer.dirty)
		bench_check_same(b, "a refusal");
	bench_touched(b);
	KUNIT_EXPECT_LE(b->test, ret, 0);
	KUNIT_EXPECT_EQ(b->test, b->guest.pool.nr_reserved, 0);
	KUNIT_EXPECT_EQ(b->test, POOL_TABLES, b->guest.pool.nr_free +
			b->guest.pool.nr_used + b->guest.pool.nr_quarantined);
	KUNIT_EXPECT_TRUE(b->test,
			  !memcmp(b->guest.parts[PART_FROZEN].bytes,
				  b->model.guest.parts[PART_FROZEN].bytes,
				  b->guest.parts[PART_FROZEN].len));
	bench_restore(b);
}

/* One change, and back to the state. */
static void try_change(struct toy *toy, const struct vmem_mapping *list, u32 nr,
		       u32 flags)
{
	struct bench *b = toy->b;
	u32 i;
	int ret;

	if (b->differs)
		return;
	for (i = 0; b->aliased && i < nr; i++) {
		if (list[i].kind == VMEM_KIND_UNMAPPED)
			continue;
		check_aliased(toy, bench_run(b, list, nr, flags, U64_MAX));
		return;
	}
	ret = bench_change(b, list, nr, flags);
	if (!ret || b->result.done || b->differs)
		bench_restore(b);
}

static void try_link(struct toy *toy, const struct bench_link *link, u32 flags)
{
	struct bench *b = toy->b;

	if (b->differs)
		return;
	if (b->aliased)
		check_aliased(toy, bench_run_link(b, link, flags, U64_MAX));
	else if (!bench_link(b, link, flags))
		bench_restore(b);
}

static void change_ranges(struct toy *toy)
{
	static const u32 attrs[] = {
		VMEM_R | VMEM_W, VMEM_R | VMEM_X, VMEM_R, VMEM_W | VMEM_X,
	};
	u32 first, nr, flags, meant = toy->linked ? VMEM_CHANGE_SHARED_OK : 0;
	struct bench *b = toy->b;
	u64 page = bench_page(b), va, len;

	for (first = 0; first < NR_PAGES; first++) {
		va = toy_va(b, first);
		for (nr = 1; nr <= NR_PAGES / 2 - first % (NR_PAGES / 2); nr++) {
			struct vmem_mapping m;

			len = nr * page;
			m = bench_unmapped(va, len);
			try_change(toy, &m, 1, 0);
			if (meant)
				try_change(toy, &m, 1, meant);
			/* one that changes both leaves, and one that doesn't */
			m = first & 1 ? bench_protected(va, len, VMEM_COW, 0) :
			    nr & 1 ? bench_protected(va, len, 0, VMEM_W) :
				     bench_protected(va, len, VMEM_W, VMEM_COW);
			try_change(toy, &m, 1, 0);
			if (meant)
				try_change(toy, &m, 1, meant);
			m = nr == 2 ? bench_cow(va, bench_data(b, 20), len, VMEM_R) :
				      bench_basic(va, bench_data(b, 20), len,
						  attrs[nr - 1]);
			for (flags = 0; flags < 2; flags++) {
				u32 replace = flags ? VMEM_CHANGE_REPLACE : 0;

				try_change(toy, &m, 1, replace);
				if (meant)
					try_change(toy, &m, 1, replace | meant);
			}
		}
	}
}

/*
 * Leaves of both sizes, a part of one, and larger ones in the place of full tables:
 * in each state, over each range that begins with an even page or has an odd number.
 * The states are those of the small tree: what comes of a change is no further state.
 */
static void change_sizes(struct toy *toy)
{
	u32 first, nr, meant = toy->linked ? VMEM_CHANGE_SHARED_OK : 0;
	struct bench *b = toy->b;
	struct vmem_mapping m;
	u64 va, len;

	/* where it is done twice, of a half of the states each time */
	if (toy->frozen && (toy->state & 1) == b->guest.movable)
		return;
	for (first = 0; first < NR_PAGES; first++) {
		va = toy_va(b, first);
		for (nr = 1; nr <= NR_PAGES / 2 - first % (NR_PAGES / 2); nr++) {
			if (first & 1 && !(nr & 1))
				continue;
			len = nr * bench_page(b);
			m = nr & 1 ? bench_unmapped(va, len) :
				     bench_protected(va, len, VMEM_U, VMEM_W);
			try_change(toy, &m, 1, VMEM_CHANGE_SPLIT | meant |
				   (nr & 1 ? 0 : VMEM_CHANGE_WIDEN));
			m = nr & 1 ? bench_protected(va, len, VMEM_COW, 0) :
				     bench_promoted(va, len, 0);
			try_change(toy, &m, 1, VMEM_CHANGE_SPLIT | meant);
			m = bench_sized(b, bench_basic(va, bench_data(b, 20) + va %
						       bench_span(b, 1), len,
						       VMEM_R | VMEM_U), 3);
			try_change(toy, &m, 1, meant | (first & 2 ? VMEM_CHANGE_WIDEN : 0));
			try_change(toy, &m, 1, VMEM_CHANGE_REPLACE | meant |
				   VMEM_CHANGE_SPLIT | VMEM_CHANGE_WIDEN |
				   (nr & 2 ? VMEM_CHANGE_KEEP : 0));
			m = bench_raw(va, bench_junk(b), len);
			if (nr == 1)
				try_change(toy, &m, 1, VMEM_CHANGE_REPLACE | meant);
		}
	}
}

/* Each table that there could be, at each place. */
static void change_links(struct toy *toy)
{
	struct bench *b = toy->b;
	u32 level, our, their, flags;

	for (level = 0; level < bench_top(b); level++) {
		u32 span = 2 << level;

		for (our = 0; our < NR_PAGES; our += span) {
			for (their = 0; their < NR_PAGES; their += span) {
				struct bench_link link = {
					.our_va		= toy_va(b, our),
					.their_va	= toy_va(b, their),
					.level		= level,
					.path_given	= (our + their) & 4,
					.path		= VMEM_RWXU << 8 |
						(level ? 0 : VMEM_RWXU << 4),
				};

				for (flags = 0; flags < 2; flags++)
					try_link(toy, &link,
						 flags ? VMEM_CHANGE_REPLACE : 0);
				if (toy->linked)
					try_link(toy, &link,
						 VMEM_CHANGE_REPLACE |
						 VMEM_CHANGE_SHARED_OK);
				/* what the other space has there */
				if (their < NR_PAGES / 2)
					continue;
				link.owner = 1;
				try_link(toy, &link, 0);
			}
		}
	}
}

/* Lists of two: of each kind, anywhere, whole or not at all. */
static void change_lists(struct toy *toy)
{
	struct bench *b = toy->b;
	struct vmem_mapping list[2];
	u32 first = 0, end = NR_PAGES / 2, second, kinds;

	/* where it is done twice, a half of them each time */
	if (toy->frozen && b->guest.movable)
		first = end / 2;
	else if (toy->frozen)
		end /= 2;
	for (; first < end; first++) {
		for (second = 0; second < NR_PAGES; second++) {
			for (kinds = 0; kinds < 5; kinds++) {
				u64 len = (1 + (second & 1)) * bench_page(b);

				list[0] = kinds & 1 ?
					bench_unmapped(toy_va(b, first),
						       bench_page(b)) :
					bench_basic(toy_va(b, first),
						    bench_data(b, 12),
						    bench_page(b), VMEM_R);
				list[1] = kinds & 2 ?
					bench_unmapped(toy_va(b, second & ~1), len) :
					bench_basic(toy_va(b, second & ~1),
						    bench_data(b, 16), len, VMEM_R);
				/* and one by one, Cow, by a path that is given */
				if (kinds == 4) {
					list[0] = bench_cow(toy_va(b, first),
							    bench_data(b, 12),
							    bench_page(b), VMEM_R);
					list[0].path_given = true;
					list[0].path = bench_same_path(b, 1,
						VMEM_R | VMEM_W | VMEM_X);
				}
				try_change(toy, list, 2,
					   (kinds < 4 ? VMEM_CHANGE_ATOMIC : 0) |
					   (first & 1 ? VMEM_CHANGE_REPLACE : 0));
			}
		}
	}
}

/* The space goes, and nothing of it is left but what others have. */
static void drop_space(struct toy *toy)
{
	struct bench *b = toy->b;

	if (!b->differs)
		bench_drop_space(b, 0);
	bench_restore(b);
}

/*
 * As it is; and after each entry was taken away by the guest, a range unmapped,
 * the quarantine flushed, and a page mapped into tables that come again.
 */
static void drop_spaces(struct toy *toy)
{
	struct bench *b = toy->b;
	u64 page = bench_page(b), table, place;
	unsigned int level, met;
	u32 first, to;

	drop_space(toy);
	/* not what changes in two places at once */
	if (b->aliased)
		return;
	for (level = 0; level <= bench_top(b); level++) {
		for (first = 0; first < NR_PAGES; first += 1 << level) {
			place = toy_va(b, first);
			met = level;
			table = bench_find(b, bench_root(b), place, &met);
			if (met != level || !guest_writable(&b->guest, table))
				continue;
			for (to = 0; to < NR_PAGES; to += 2) {
				bench_write(b, table,
					    entry_index(b->rules, place, level), 0);
				bench_unmap(b, place & bench_upper(b),
					    NR_PAGES / 2 * page);
				bench_flushed(b);
				bench_map(b, toy_va(b, to), bench_data(b, 20),
					  page, VMEM_R, 0);
				drop_space(toy);
			}
		}
	}
}

/* A stop at each place: the same, in the same bytes. */
static void change_stopped(struct toy *toy)
{
	struct bench *b = toy->b;
	struct vmem_mapping list[2];
	u64 half = NR_PAGES / 2 * bench_page(b);

	/* where it is done twice, of a half of the states each time */
	if (b->aliased || (toy->frozen && (toy->state & 1) == b->guest.movable))
		return;
	list[0] = bench_unmapped(bench_page(b), half - bench_page(b));
	bench_change_stopped(b, list, 1, 0);
	bench_restore(b);
	list[0] = bench_basic(0, bench_data(b, 0), half, VMEM_R);
	bench_change_stopped(b, list, 1, VMEM_CHANGE_REPLACE);
	bench_restore(b);
	list[0] = bench_unmapped(0, half);
	list[1] = bench_basic(bench_upper(b), bench_data(b, 0), half, VMEM_R);
	bench_change_stopped(b, list, 2, VMEM_CHANGE_ATOMIC);
	bench_restore(b);
}

static void each_state(struct kunit *test, const char *what, bool changes,
		       void (*operation)(struct toy *toy))
{
	struct toy *toy = kunit_kzalloc(test, sizeof(*toy), GFP_KERNEL);
	u32 state, nr = 0;

	KUNIT_ASSERT_NOT_NULL(test, toy);
	toy->b = bench_begin_engine(test, *(const struct engine *const *)test->param_value,
				    0, false, 0);
	for (state = toy_first; state < NR_STATES; state += toy_stride) {
		if (!make_state(toy, state))
			continue;
		nr++;
		bench_save(toy->b);
		operation(toy);
		if (changes && toy->frozen && !toy->b->differs) {
			make_state(toy, state);
			bench_movable(toy->b, true);
			bench_save(toy->b);
			operation(toy);
		}
		if (toy->b->differs) {
			KUNIT_FAIL(test, "state %u movable %u", state,
				   toy->b->guest.movable);
			return;
		}
		cond_resched();
	}
	kunit_info(test, "%s: %u of %u states; %llu refused, %llu with a part done",
		   what, nr, NR_STATES, toy->b->refused, toy->b->refused_after);
}

static void toy_translate_each_state(struct kunit *test)
{
	each_state(test, "translate", false, translate_all);
}

static void toy_walk_each_state(struct kunit *test)
{
	each_state(test, "walk", false, walk_all);
}

static void toy_change_each_state(struct kunit *test)
{
	each_state(test, "map, unmap and protect", true, change_ranges);
}

static void toy_sizes_each_state(struct kunit *test)
{
	each_state(test, "split, promote and larger leaves", true, change_sizes);
}

static void toy_link_each_state(struct kunit *test)
{
	each_state(test, "link", true, change_links);
}

static void toy_change_lists_each_state(struct kunit *test)
{
	each_state(test, "lists", true, change_lists);
}

static void toy_change_stopped_each_state(struct kunit *test)
{
	each_state(test, "stopped", true, change_stopped);
}

static void toy_drop_each_state(struct kunit *test)
{
	each_state(test, "drop", false, drop_spaces);
}

static const struct engine *const toys[] = { &engine_toy, &engine_flat };

KUNIT_ARRAY_PARAM(toy, toys, engine_describe);

#define EACH_TOY(name)							\
	KUNIT_CASE_PARAM_ATTR(name, toy_gen_params,			\
			      ((struct kunit_attributes){		\
				.speed = KUNIT_SPEED_SLOW }))

static struct kunit_case toy_cases[] = {
	EACH_TOY(toy_translate_each_state),
	EACH_TOY(toy_walk_each_state),
	EACH_TOY(toy_change_each_state),
	EACH_TOY(toy_sizes_each_state),
	EACH_TOY(toy_link_each_state),
	EACH_TOY(toy_change_lists_each_state),
	EACH_TOY(toy_change_stopped_each_state),
	EACH_TOY(toy_drop_each_state),
	{}
};

static struct kunit_suite toy_suite = {
	.name = "vmem_toy",
	.test_cases = toy_cases,
};

kunit_test_suite(toy_suite);
