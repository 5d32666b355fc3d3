// SPDX-License-Identifier: GPL-2.0-only
/*
 * The toy formats: in every state of a small tree leaves are split, tables promoted,
 * made and copied, one by one, in lists that are done whole or not at all, stopped at
 * each place, and given up there. What the states are says toy_state.c.
 */
#include "toy_state.h"

DEFINE_TOY_PARAMS

/*
 * Leaves of both sizes, a part of one, and larger ones in the place of full tables:
 * in each state, over each range that begins with an even page or has an odd number.
 */
static void change_sizes(struct toy *toy)
{
	u32 first, nr, meant = toy->linked ? VMEM_CHANGE_SHARED_OK : 0;
	struct bench *b = toy->b;
	struct vmem_mapping m;
	u64 va, len;

	if (toys_other_half(toy))
		return;
	for (first = 0; first < TOY_PAGES; first++) {
		va = toys_va(b, first);
		for (nr = 1; nr <= TOY_PAGES / 2 - first % (TOY_PAGES / 2); nr++) {
			if (first & 1 && !(nr & 1))
				continue;
			len = nr * bench_page(b);
			m = nr & 1 ? bench_unmapped(va, len) :
				     bench_protected(va, len, VMEM_U, VMEM_W);
			toys_change(toy, &m, 1, VMEM_CHANGE_SPLIT | meant |
				   (nr & 1 ? 0 : VMEM_CHANGE_WIDEN));
			m = nr & 1 ? bench_protected(va, len, VMEM_COW, 0) :
				     bench_promoted(va, len, 0);
			toys_change(toy, &m, 1, VMEM_CHANGE_SPLIT | meant);
			m = bench_sized(b, bench_basic(va, bench_data(b, 20) + va %
						       bench_span(b, 1), len,
						       VMEM_R | VMEM_U), 3);
			toys_change(toy, &m, 1, meant | (first & 2 ? VMEM_CHANGE_WIDEN : 0));
			toys_change(toy, &m, 1, VMEM_CHANGE_REPLACE | meant |
				   VMEM_CHANGE_SPLIT | VMEM_CHANGE_WIDEN |
				   (nr & 2 ? VMEM_CHANGE_KEEP : 0));
			m = bench_raw(va, bench_junk(b), len);
			if (nr == 1)
				toys_change(toy, &m, 1, VMEM_CHANGE_REPLACE | meant);
		}
	}
}

/* A table is copied, and where that could be done those below the copy, too. */
static void unshare(struct toy *toy, u32 our, u32 level, u32 flags)
{
	struct bench *b = toy->b;
	struct bench_link link = { .our_va = toys_va(b, our), .level = level };
	int ret;

	if (b->differs)
		return;
	ret = bench_link(b, &link, flags);
	toys_count(toy);
	if (ret)
		return;
	for (; level; level--) {
		unshare(toy, our, level - 1, flags);
		unshare(toy, our + 2, level - 1, flags);
	}
}

/* Each table gets a copy that is its place's alone. */
static void change_unshare(struct toy *toy)
{
	struct bench *b = toy->b;
	u32 level, our;

	for (level = 0; level < bench_top(b); level++) {
		for (our = 0; our < TOY_PAGES; our += 2 << level) {
			struct bench_link link = {
				.our_va = toys_va(b, our), .level = level,
			};

			if (b->aliased) {
				toys_link(toy, &link, VMEM_CHANGE_UNSHARE);
				continue;
			}
			unshare(toy, our, level, VMEM_CHANGE_UNSHARE);
			bench_restore(b);
			if (!toy->linked)
				continue;
			unshare(toy, our, level, VMEM_CHANGE_UNSHARE |
				VMEM_CHANGE_SHARED_OK);
			bench_restore(b);
		}
	}
}

/*
 * Lists of three, all or nothing: a leaf is split, or a table promoted, or the other
 * way round, in each half of the first table, and in the other half of all addresses,
 * if that isn't the same table. Return: how many they are.
 */
static u32 sizes_list(struct toy *toy, u32 kinds, struct vmem_mapping list[3])
{
	struct bench *b = toy->b;
	u64 page = bench_page(b), span = 2 * page, va;
	u32 i;

	for (i = 0; i < 2; i++, kinds /= 4) {
		va = i * span;
		switch (kinds % 4) {
		case 0:
			list[i] = bench_unmapped(va + page, page);
			break;
		case 1:
			list[i] = bench_protected(va, page, VMEM_U, VMEM_W);
			break;
		case 2:
			list[i] = bench_promoted(va, span, 0);
			break;
		default:
			list[i] = bench_sized(b, bench_basic(va, bench_data(b, 20),
							     i ? page : span, VMEM_R), 3);
		}
	}
	va = bench_upper(b);
	list[2] = kinds ? bench_sized(b, bench_basic(va, bench_data(b, 24), 2 * span,
						     VMEM_R | VMEM_X), 3) :
			  bench_promoted(va, 2 * span, 0);
	return toy->linked ? 2 : 3;
}

#define NR_SIZES_LISTS	32

/* What is below a table that moves is shared from then on. */
static u32 sizes_flags(const struct toy *toy)
{
	return VMEM_CHANGE_ATOMIC | VMEM_CHANGE_REPLACE | VMEM_CHANGE_SPLIT |
	       VMEM_CHANGE_WIDEN |
	       (toy->linked || toy->frozen ? VMEM_CHANGE_SHARED_OK : 0);
}

static void change_sizes_lists(struct toy *toy)
{
	struct vmem_mapping list[3];
	u32 kinds, nr;

	if (toys_other_half(toy))
		return;
	for (kinds = 0; kinds < NR_SIZES_LISTS; kinds++) {
		nr = sizes_list(toy, kinds, list);
		toys_change(toy, list, nr, sizes_flags(toy) &
			   ~(kinds & 1 ? VMEM_CHANGE_REPLACE : 0));
	}
}

/* 0 to @below - 1, for each state another, and for each @salt. */
static u32 some(const struct toy *toy, u32 salt, u32 below)
{
	struct vt_random random = { .state = toy->state + ((u64)salt << 32) };

	return vt_random_below(&random, below);
}

static void stop_link(struct toy *toy, const struct bench_link *link, u32 flags)
{
	struct bench *b = toy->b;
	bool dirty;

	if (b->differs)
		return;
	dirty = !bench_run_link(b, link, flags, U64_MAX) && b->change.answer.dirty;
	bench_touched(b);
	bench_restore(b);
	if (dirty)
		bench_link_stopped(b, link, flags);
	toys_count(toy);
	bench_restore(b);
}

static void stop_change(struct toy *toy, const struct vmem_mapping *list, u32 nr,
			u32 flags)
{
	struct bench *b = toy->b;

	if (!b->differs)
		bench_change_stopped(b, list, nr, flags);
	toys_count(toy);
	bench_restore(b);
}

/*
 * The same of leaves that are split, tables that are promoted, made and copied, where
 * there is something to be done; of the lists one with each second state.
 */
static void stop_sizes(struct toy *toy)
{
	u32 meant = toy->linked ? VMEM_CHANGE_SHARED_OK : 0, nr;
	struct bench *b = toy->b;
	u64 page = bench_page(b);
	struct bench_link link = { .level = some(toy, 0, 2) };
	struct vmem_mapping list[3];
	bool promotes;

	list[0] = bench_unmapped(page, 2 * page);
	if (toy->large)
		stop_change(toy, list, 1, VMEM_CHANGE_SPLIT | meant);
	list[0] = bench_promoted(0, TOY_PAGES / 2 * page, 0);
	promotes = !b->differs && !bench_run(b, list, 1, meant, U64_MAX) &&
		   b->change.answer.dirty;
	bench_touched(b);
	bench_restore(b);
	if (promotes)
		stop_change(toy, list, 1, meant);
	nr = sizes_list(toy, some(toy, 1, NR_SIZES_LISTS), list);
	if (some(toy, 3, 2))
		stop_change(toy, list, nr, sizes_flags(toy));
	stop_link(toy, &link, VMEM_CHANGE_UNSHARE | meant);
	link.their_va = bench_upper(b);
	stop_link(toy, &link, VMEM_CHANGE_MAKE | VMEM_CHANGE_REPLACE);
}

/* And given up at each place: one of them with each of the other states. */
static void give_up_sizes(struct toy *toy)
{
	u32 meant = toy->linked ? VMEM_CHANGE_SHARED_OK : 0;
	u32 which = some(toy, 2, 4 * NR_SIZES_LISTS), i;
	struct bench *b = toy->b;
	struct bench_link link = { .their_va = bench_upper(b), .level = which & 1 };
	struct vmem_mapping list[3];
	u64 vas[TOY_PAGES];

	for (i = 0; i < TOY_PAGES; i++)
		vas[i] = toys_va(b, i);
	if (which / NR_SIZES_LISTS < 2) {
		i = sizes_list(toy, which % NR_SIZES_LISTS, list);
		bench_change_given_up(b, list, i, sizes_flags(toy), vas, TOY_PAGES);
	} else if (which / NR_SIZES_LISTS == 2) {
		list[0] = bench_promoted(0, TOY_PAGES / 2 * bench_page(b), 0);
		bench_change_given_up(b, list, 1, meant, vas, TOY_PAGES);
	} else if (which & 2) {
		bench_link_given_up(b, &link, VMEM_CHANGE_MAKE | VMEM_CHANGE_REPLACE,
				    vas, TOY_PAGES);
	} else {
		link.their_va = 0;
		bench_link_given_up(b, &link, VMEM_CHANGE_UNSHARE | meant, vas,
				    TOY_PAGES);
	}
	toys_count(toy);
	bench_restore(b);
}

static void change_sizes_stopped(struct toy *toy)
{
	struct bench *b = toy->b;

	if (b->aliased || toys_other_half(toy))
		return;
	stop_sizes(toy);
	/*
	 * Else what is done in a place is seen in others, as something else; and where
	 * a part of a list has emptied a table, the rest may be refused for its sake.
	 */
	if (!toy->itself && (!toy->frozen || b->guest.movable) && !some(toy, 3, 2))
		give_up_sizes(toy);
}

static void toy_sizes_each_state(struct kunit *test)
{
	toys_each_state(test, "split, promote and larger leaves", true, change_sizes);
}

static void toy_sizes_lists_each_state(struct kunit *test)
{
	toys_each_state(test, "lists of splits and promotions", true, change_sizes_lists);
}

static void toy_unshare_each_state(struct kunit *test)
{
	toys_each_state(test, "unshare", true, change_unshare);
}

static void toy_sizes_stopped_each_state(struct kunit *test)
{
	toys_each_state(test, "splits, promotions, MAKE and UNSHARE, stopped and given up",
			true, change_sizes_stopped);
}

static struct kunit_case toy_sizes_cases[] = {
	EACH_TOY(toy_sizes_each_state),
	EACH_TOY(toy_sizes_lists_each_state),
	EACH_TOY(toy_unshare_each_state),
	EACH_TOY(toy_sizes_stopped_each_state),
	{}
};

static struct kunit_suite toy_sizes_suite = {
	.name = "vmem_toy_sizes",
	.test_cases = toy_sizes_cases,
};

kunit_test_suite(toy_sizes_suite);
