// SPDX-License-Identifier: GPL-2.0-only
/*
 * The states of a small tree of a toy format, each of them, and trying changes in them.
 *
 * The tree has a table of leaves under each entry of one table of level 1, and
 * what the other half of the root holds. Each entry is a letter of an alphabet,
 * which is said here and nowhere else:
 *
 *   level 0  a hole, junk that is not present, a leaf, one that is read-only and
 *            of another frame, a malformed entry
 *   level 1  a hole, junk, a large leaf, one that is read-only and neither
 *            accessed nor dirty, a malformed entry; a table of ours in each of its
 *            states, of the guest's in each of its states, a frozen one; one of
 *            ours that is full of read-only leaves, of which none is accessed and
 *            one is dirty; one that is read-only above its leaf; one outside, one of
 *            ours in use at another level (the table itself), and a page of the pool
 *            that is no table
 *   level 2  the first slot: a table of level 1 of ours or of the guest's in
 *            each of its states, or one of the letters that are no table; the
 *            slot where the second half of all addresses begins: a hole, junk,
 *            malformed, outside, the root itself, a small tree, or the table that
 *            the first one has, named by the guest; the same, linked by vmem, if it
 *            is ours; a hole and the small tree also where the root is frozen
 *
 * Where anything is frozen, each change is tried twice: frozen tables may move,
 * or may not.
 *
 * So there are 76,940 states, of which 73,090 can be: in the others a table of ours
 * would have two links that isn't there. What comes of a change is no further state.
 */
#include "toy_state.h"

static unsigned int toy_stride = 997;
module_param(toy_stride, uint, 0444);
MODULE_PARM_DESC(toy_stride, "try each so many-th state of the toy's tree");

static unsigned int toy_first;
module_param(toy_first, uint, 0444);
MODULE_PARM_DESC(toy_first, "from this one on");

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
	MIDDLE_LARGE_CLEAN,
	MIDDLE_MALFORMED,
	MIDDLE_OUTSIDE,
	MIDDLE_SELF,
	MIDDLE_UNUSED,
	MIDDLE_FROZEN_EMPTY,
	MIDDLE_FROZEN_LEAF,
	MIDDLE_READ_ONLY,
	MIDDLE_FULL,
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
/* and those that there can be: a link more to what isn't ours can't */
#define NR_POSSIBLE	(NR_STATES - (NR_FIRST_LETTERS - NR_MIDDLE_TABLES))

static_assert(NR_STATES == 76940 && NR_POSSIBLE == 73090);

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
	unsigned int frame = 4 + 2 * slot, i;
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
	case MIDDLE_LARGE_CLEAN:
		bench_write(b, table, slot,
			    bench_read_only(b, bench_large(b, bench_data(b, frame))) &
			    ~b->rules->accessed_dirty);
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
	case MIDDLE_FULL:
		below = bench_take(b, 0, table, slot);
		for (i = 0; i < 2; i++)
			bench_write(b, below, i, i * b->rules->dirty |
				    (bench_read_only(b, bench_leaf(b, bench_data(b, frame + i))) &
				     ~b->rules->accessed_dirty));
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

/* Is one of the two of the first table this one? */
static bool has(unsigned int first, unsigned int middle)
{
	if (first < FIRST_OURS)
		return false;
	first -= first >= FIRST_FOREIGN ? FIRST_FOREIGN : FIRST_OURS;
	return first % NR_MIDDLE_LETTERS == middle || first / NR_MIDDLE_LETTERS == middle;
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
	toy->frozen = root_frozen || has(first, MIDDLE_FROZEN_EMPTY) ||
		      has(first, MIDDLE_FROZEN_LEAF);
	toy->large = has(first, MIDDLE_LARGE) || has(first, MIDDLE_LARGE_CLEAN);
	toy->itself = first == FIRST_SELF || second == SECOND_SELF ||
		      has(first, MIDDLE_SELF);
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
	/* which may be changed, too */
	b->used = FOREIGN_TABLES;
	/* what is linked twice is entered once, unless more is meant */
	b->aliased = model_aliased(&b->model, 0);
	return true;
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

void toys_count(struct toy *toy)
{
	toy->tried++;
	toy->done += toy->b->change.answer.dirty;
}

/* One change, and back to the state. */
void toys_change(struct toy *toy, const struct vmem_mapping *list, u32 nr,
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
	toys_count(toy);
	if (!ret || b->result.done || b->differs)
		bench_restore(b);
}

void toys_link(struct toy *toy, const struct bench_link *link, u32 flags)
{
	struct bench *b = toy->b;

	if (b->differs)
		return;
	if (b->aliased)
		check_aliased(toy, bench_run_link(b, link, flags, U64_MAX));
	else if (!bench_link(b, link, flags))
		bench_restore(b);
	toys_count(toy);
}

const struct engine *const toys[2] = { &engine_toy, &engine_flat };

void toys_each_state(struct kunit *test, const char *what, bool changes,
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
	if (!toy_first && toy_stride == 1)
		KUNIT_EXPECT_EQ(test, nr, NR_POSSIBLE);
	kunit_info(test, "%s: %u of %u states; %llu of %llu changes did something; %llu refused, %llu with a part done; %llu given up with a part done",
		   what, nr, NR_POSSIBLE, toy->done, toy->tried, toy->b->refused,
		   toy->b->refused_after, toy->b->given_up);
}
