// SPDX-License-Identifier: GPL-2.0-only
/*
 * The toy formats: every state of a small tree, with every operation; those on leaves
 * of several sizes and copies of tables are apart. What the states are says toy_state.c.
 */
#include "toy_state.h"

DEFINE_TOY_PARAMS

static void translate_all(struct toy *toy)
{
	u64 vas[TOY_PAGES + 2] = { bench_upper(toy->b) - 1, U64_MAX };
	u32 i;

	for (i = 0; i < TOY_PAGES; i++)
		vas[i + 2] = toys_va(toy->b, i) + 1;
	bench_check_translate(toy->b, &toy->spaces[0], vas, ARRAY_SIZE(vas));
}

static void walk_all(struct toy *toy)
{
	static const u32 flags[] = {
		0, VMEM_WALK_HOLES, VMEM_WALK_FOLLOW,
		VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES | VMEM_WALK_HOLES,
	};
	u32 first, last, i;

	for (first = 0; first < TOY_PAGES; first++) {
		for (last = first; last < TOY_PAGES; last++) {
			for (i = 0; i < ARRAY_SIZE(flags); i++)
				bench_check_walk(toy->b, toy->spaces, 1 + !(i & 1),
						 toys_va(toy->b, first),
						 toys_va(toy->b, last), flags[i]);
		}
	}
	/* as much as there is of one table is not its whole span */
	bench_check_walk(toy->b, toy->spaces, 2, 0, U64_MAX, VMEM_WALK_HOLES);
}

static void change_ranges(struct toy *toy)
{
	static const u32 attrs[] = {
		VMEM_R | VMEM_W, VMEM_R | VMEM_X, VMEM_R, VMEM_W | VMEM_X,
	};
	u32 first, nr, flags, meant = toy->linked ? VMEM_CHANGE_SHARED_OK : 0;
	struct bench *b = toy->b;
	u64 page = bench_page(b), va, len;

	for (first = 0; first < TOY_PAGES; first++) {
		va = toys_va(b, first);
		for (nr = 1; nr <= TOY_PAGES / 2 - first % (TOY_PAGES / 2); nr++) {
			struct vmem_mapping m;

			len = nr * page;
			m = bench_unmapped(va, len);
			toys_change(toy, &m, 1, 0);
			if (meant)
				toys_change(toy, &m, 1, meant);
			/* one that changes both leaves, and one that doesn't */
			m = first & 1 ? bench_protected(va, len, VMEM_COW, 0) :
			    nr & 1 ? bench_protected(va, len, 0, VMEM_W) :
				     bench_protected(va, len, VMEM_W, VMEM_COW);
			toys_change(toy, &m, 1, 0);
			if (meant)
				toys_change(toy, &m, 1, meant);
			m = nr == 2 ? bench_cow(va, bench_data(b, 20), len, VMEM_R) :
				      bench_basic(va, bench_data(b, 20), len,
						  attrs[nr - 1]);
			for (flags = 0; flags < 2; flags++) {
				u32 replace = flags ? VMEM_CHANGE_REPLACE : 0;

				toys_change(toy, &m, 1, replace);
				if (meant)
					toys_change(toy, &m, 1, replace | meant);
			}
		}
	}
}

/* The other space gets it; where it has our table, by the guest, we get it, too. */
static void make_elsewhere(struct toy *toy, const struct bench_link *link, u32 their)
{
	struct bench *b = toy->b;
	bool aliased = b->aliased;

	b->aliased |= their >= TOY_PAGES / 2;
	toys_link(toy, link, VMEM_CHANGE_MAKE);
	b->aliased = aliased;
}

/* Each table that there could be, at each place. */
static void change_links(struct toy *toy)
{
	u32 level, our, their, flags, meant = toy->linked ? VMEM_CHANGE_SHARED_OK : 0;
	struct bench *b = toy->b;
	bool missing;

	for (level = 0; level < bench_top(b); level++) {
		u32 span = 2 << level;

		for (our = 0; our < TOY_PAGES; our += span) {
			for (their = 0; their < TOY_PAGES; their += span) {
				struct bench_link link = {
					.our_va		= toys_va(b, our),
					.their_va	= toys_va(b, their),
					.level		= level,
					.path_given	= (our + their) & 4,
					.path		= VMEM_RWXU << 8 |
						(level ? 0 : VMEM_RWXU << 4),
				};

				for (flags = 0; flags < 2; flags++)
					toys_link(toy, &link,
						 flags ? VMEM_CHANGE_REPLACE : 0);
				if (toy->linked)
					toys_link(toy, &link,
						 VMEM_CHANGE_REPLACE |
						 VMEM_CHANGE_SHARED_OK);
				/* what isn't there is made */
				missing = b->aliased || b->result.ret == -ENOENT ||
					  our == their;
				if (missing || toy->state & 1)
					toys_link(toy, &link, VMEM_CHANGE_MAKE);
				if (missing)
					toys_link(toy, &link, VMEM_CHANGE_MAKE |
						 VMEM_CHANGE_REPLACE | meant);
				/* what the other space has there */
				link.owner = 1;
				if (missing)
					make_elsewhere(toy, &link, their);
				if (their < TOY_PAGES / 2)
					continue;
				toys_link(toy, &link, 0);
			}
		}
	}
}

/* Lists of two: of each kind, anywhere, whole or not at all. */
static void change_lists(struct toy *toy)
{
	struct bench *b = toy->b;
	struct vmem_mapping list[2];
	u32 first = 0, end = TOY_PAGES / 2, second, kinds;

	/* where it is done twice, a half of them each time */
	if (toy->frozen && b->guest.movable)
		first = end / 2;
	else if (toy->frozen)
		end /= 2;
	for (; first < end; first++) {
		for (second = 0; second < TOY_PAGES; second++) {
			for (kinds = 0; kinds < 5; kinds++) {
				u64 len = (1 + (second & 1)) * bench_page(b);

				list[0] = kinds & 1 ?
					bench_unmapped(toys_va(b, first),
						       bench_page(b)) :
					bench_basic(toys_va(b, first),
						    bench_data(b, 12),
						    bench_page(b), VMEM_R);
				list[1] = kinds & 2 ?
					bench_unmapped(toys_va(b, second & ~1), len) :
					bench_basic(toys_va(b, second & ~1),
						    bench_data(b, 16), len, VMEM_R);
				/* and one by one, Cow, by a path that is given */
				if (kinds == 4) {
					list[0] = bench_cow(toys_va(b, first),
							    bench_data(b, 12),
							    bench_page(b), VMEM_R);
					list[0].path_given = true;
					list[0].path = bench_same_path(b, 1,
						VMEM_R | VMEM_W | VMEM_X);
				}
				toys_change(toy, list, 2,
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
		for (first = 0; first < TOY_PAGES; first += 1 << level) {
			place = toys_va(b, first);
			met = level;
			table = bench_find(b, bench_root(b), place, &met);
			if (met != level || !guest_writable(&b->guest, table))
				continue;
			for (to = 0; to < TOY_PAGES; to += 2) {
				bench_write(b, table,
					    entry_index(b->rules, place, level), 0);
				bench_unmap(b, place & bench_upper(b),
					    TOY_PAGES / 2 * page);
				bench_flushed(b);
				bench_map(b, toys_va(b, to), bench_data(b, 20),
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
	u64 half = TOY_PAGES / 2 * bench_page(b);

	if (b->aliased || toys_other_half(toy))
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

static void toy_translate_each_state(struct kunit *test)
{
	toys_each_state(test, "translate", false, translate_all);
}

static void toy_walk_each_state(struct kunit *test)
{
	toys_each_state(test, "walk", false, walk_all);
}

static void toy_change_each_state(struct kunit *test)
{
	toys_each_state(test, "map, unmap and protect", true, change_ranges);
}

static void toy_link_each_state(struct kunit *test)
{
	toys_each_state(test, "link, with MAKE too", true, change_links);
}

static void toy_change_lists_each_state(struct kunit *test)
{
	toys_each_state(test, "lists", true, change_lists);
}

static void toy_change_stopped_each_state(struct kunit *test)
{
	toys_each_state(test, "stopped", true, change_stopped);
}

static void toy_drop_each_state(struct kunit *test)
{
	toys_each_state(test, "drop", false, drop_spaces);
}

static struct kunit_case toy_cases[] = {
	EACH_TOY(toy_translate_each_state),
	EACH_TOY(toy_walk_each_state),
	EACH_TOY(toy_change_each_state),
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
