// SPDX-License-Identifier: GPL-2.0-only
/*
 * Others at work while a change is under way: a vCPU that writes into its own
 * tables, and other calls between two pieces.
 */
#include "link_test.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

/* No link hangs below a page that isn't in use. */
static void expect_sound(struct bench *b)
{
	const struct vmem_pool *pool = &b->guest.pool;
	const struct vmem_pool_page *parent;
	const struct vmem_link *link;
	u32 i;

	for (i = 0; i <= pool->mask; i++) {
		for (link = pool->buckets[i]; link; link = link->next) {
			parent = vmem_pool_find(pool, link->parent);
			if (parent)
				KUNIT_EXPECT_EQ(b->test, parent->state,
						VMEM_POOL_USED);
		}
	}
	KUNIT_EXPECT_EQ(b->test, pool->nr_reserved, 0);
}

/* A vCPU takes the table of leaves away, once for each mapping of the list. */
static void take_away(struct guest *guest)
{
	struct bench *b = guest->private;
	unsigned int level = 1;
	u64 table;

	if (b->change.pass.phase != VMEM_PHASE_APPLY ||
	    b->change.answer.done + 1 == guest->random.state)
		return;
	guest->random.state = b->change.answer.done + 1;
	table = bench_find(b, bench_root(b), 0, &level);
	guest_write(guest, table, 0, 0);
}

/* However long the list is: each mapping is counted again for itself. */
static void others_take_tables_away(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	const u32 nr = 2 * VMEM_LINK_TRIES;
	struct vmem_mapping *list = kunit_kzalloc(test, nr * sizeof(*list), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, list);
	for (i = 0; i < nr; i++)
		list[i] = bench_basic(0, bench_data(b, i), bench_page(b), RWX);
	KUNIT_ASSERT_EQ(test, 0, bench_map(b, 0, 0, bench_page(b), RWX, 0));
	b->guest.private = b;
	b->guest.change = take_away;
	KUNIT_EXPECT_EQ(test, 0, bench_run(b, list, nr, VMEM_CHANGE_REPLACE,
					   U64_MAX));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_quarantined, nr);
	expect_sound(b);
}

/*
 * A root of the guest's own, which its last entry and then a table of ours name
 * once more. By way of that table a vCPU lets the entry be a hole, and for the rest
 * it is there.
 */
struct twofold {
	struct bench *b;
	u64 ours;
	u64 entry;
	vmem_table_t before;	/* what was asked for before */
};

static void hide_from_below(struct guest *guest)
{
	struct twofold *twofold = guest->private;
	struct bench *b = twofold->b;

	if (b->change.pass.phase == VMEM_PHASE_RESERVE)
		guest_write(guest, bench_root(b), bench_last_index(b),
			    twofold->entry);
	else if (guest->asked == b->space.root &&
		 vmem_table_gpa(twofold->before) == twofold->ours)
		guest_write(guest, bench_root(b), bench_last_index(b), 0);
	twofold->before = guest->asked;
}

/*
 * A link that is made takes the place of one that was hidden, and a table of the
 * path goes with that: the change isn't continued in it.
 */
static void others_cut_the_path(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), root = bench_table(b), va;
	struct twofold twofold = { .b = b };
	unsigned int top = bench_top(b);
	struct vmem_pool_page *ours;
	struct vmem_mapping m;

	bench_adopt(b, root);
	va = -bench_span(b, top);
	KUNIT_ASSERT_EQ(test, 0, bench_map(b, va, 0, page, RWX, 0));
	twofold.ours = bench_path(b, root, va, top - 1);
	twofold.entry = bench_read(b, root, bench_last_index(b));
	ours = link_page(b, 0, va, top - 1);
	guest_write(&b->guest, twofold.ours, 1, bench_table_entry(b, root));
	/* the last page that the root translates as a table below, and the next */
	m = bench_basic(va + 2 * bench_span(b, top - 1) - page, 0, 2 * page, RWX);
	b->guest.private = &twofold;
	b->guest.change = hide_from_below;
	KUNIT_EXPECT_EQ(test, -EINVAL, bench_run(b, &m, 1, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
	KUNIT_EXPECT_EQ(test, ours->state, VMEM_POOL_QUARANTINED);
	expect_sound(b);
}

/* A call under way, with what it has set aside. */
struct call {
	struct vmem_change change;
	struct vmem_reservation res;
	const struct vmem_mapping *list;
	u32 nr;
	u32 flags;
	int ret;		/* not more than 0: it is over */
};

static const u32 in_order[] = { 0, 1 };

static void call_begin(struct call *call)
{
	call->change = (struct vmem_change){
		.asked = {
			.list = call->list, .nr = call->nr, .order = in_order,
			.flags = call->flags, .budget = U64_MAX,
		},
	};
	call->res = (struct vmem_reservation){};
	call->ret = VMEM_PAUSE;
}

/* Up to a pause. Return: it goes on. */
static bool call_go_on(struct bench *b, struct call *call)
{
	swap(b->guest.pages.res, call->res);
	do {
		call->ret = b->e->core->map(b->e->fmt, &b->guest, &b->space,
					    &call->change);
	} while (call->ret == VMEM_LINKS && !guest_lend(&b->guest));
	if (call->ret <= 0)
		guest_unreserve(&b->guest);
	swap(b->guest.pages.res, call->res);
	return call->ret > 0;
}

static void call_finish(struct bench *b, struct call *call)
{
	b->guest.pauses = 0;
	b->guest.pause_at = 0;
	while (call_go_on(b, call))
		KUNIT_ASSERT_LE(b->test, b->guest.pauses, 1000);
}

/* A call that stops so late that it was asked @at times whether to. */
static bool call_stopped(struct bench *b, struct call *call, u64 at)
{
	call_begin(call);
	b->guest.pauses = 0;
	b->guest.pause_at = at;
	return call_go_on(b, call);
}

/*
 * Another call that is refused changes nothing; this one is refused as if alone,
 * wherever it waited. And so are both when they take turns all the time.
 */
static void refused_beside_another(struct bench *b, struct call *call, int ret)
{
	struct call *other = kunit_kzalloc(b->test, sizeof(*other), GFP_KERNEL);
	u64 at, turns;

	KUNIT_ASSERT_NOT_NULL(b->test, other);
	*other = *call;
	for (at = 1; call_stopped(b, call, at); at++) {
		call_begin(other);
		call_finish(b, other);
		KUNIT_EXPECT_EQ(b->test, other->ret, ret);
		call_finish(b, call);
		KUNIT_EXPECT_EQ(b->test, call->ret, ret);
		KUNIT_EXPECT_FALSE(b->test, call->change.answer.dirty);
		bench_check_same(b, "refused beside another");
	}
	KUNIT_EXPECT_GT(b->test, at, 2);

	call_begin(call);
	call_begin(other);
	b->guest.random.state = 0;
	b->guest.pause_one_in = 1;
	for (turns = 0; turns < 100000 && (call->ret > 0 || other->ret > 0); turns++) {
		if (call->ret > 0)
			call_go_on(b, call);
		if (other->ret > 0)
			call_go_on(b, other);
	}
	b->guest.pause_one_in = 0;
	KUNIT_EXPECT_EQ(b->test, call->ret, ret);
	KUNIT_EXPECT_EQ(b->test, other->ret, ret);
	bench_check_same(b, "refused in turns");
}

static void others_mark_links(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), upper = bench_upper(b), table;
	struct vmem_mapping list[2];
	struct call *call = kunit_kzalloc(test, sizeof(*call), GFP_KERNEL);
	struct bench_link link;

	KUNIT_ASSERT_NOT_NULL(test, call);
	call->list = list;
	call->nr = 2;
	/* what the one fills is a hole to the other */
	link_begin(b, 0);
	link = link_of(0, upper);
	KUNIT_ASSERT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_basic(page, 0, page, RWX);
	list[1] = bench_basic(upper + page, 0, page, RWX);
	call->flags = VMEM_CHANGE_SHARED_OK | VMEM_CHANGE_ATOMIC;
	refused_beside_another(b, call, -EEXIST);

	/* the last place can't be left: what is below may not be written */
	link_begin(b, 0);
	table = bench_frozen_table(b);
	bench_write(b, table, 0, bench_leaf(b, 0));
	bench_put(b, bench_root(b), bench_span(b, 1), 1,
		  bench_table_entry(b, table));
	link = link_of(bench_top(b) - 1, upper);
	KUNIT_ASSERT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_unmapped(0, -upper);
	list[1] = bench_unmapped(upper, -upper);
	call->flags = VMEM_CHANGE_ATOMIC;
	refused_beside_another(b, call, -EROFS);
}

/*
 * One table moves, and then another call links to the next: that one isn't meant,
 * wherever the first call waited.
 */
static void others_link_after_a_move(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1), table, at;
	struct vmem_mapping m = bench_protected(0, 2 * span, 0, VMEM_W);
	struct vmem_mapping part = bench_protected(0, span, 0, VMEM_W);
	struct call *call = kunit_kzalloc(test, sizeof(*call), GFP_KERNEL);
	struct bench_link link = link_of(0, 0);
	bool more = true;
	u32 moved = 0;

	KUNIT_ASSERT_NOT_NULL(test, call);
	call->list = &m;
	call->nr = 1;
	link.their_va = span;
	for (at = 1; more; at++) {
		link_begin(b, span);
		bench_movable(b, true);
		table = bench_frozen_table(b);
		bench_write(b, table, 0, bench_leaf(b, 0));
		bench_put(b, bench_root(b), 0, 1, bench_table_entry(b, table));
		more = call_stopped(b, call, at);
		if (!more)
			break;
		/* it is done up to there */
		if (call->change.answer.changes & VMEM_CHANGED_MOVED) {
			model_change(&b->model, &part, 1, 0, &b->result);
			moved++;
		}
		model_hold(&b->model, call->res.nr);
		bench_use(b, 1);
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		bench_use(b, 0);
		model_unhold(&b->model);
		vmem_change_recheck(&call->change);
		call_finish(b, call);
		KUNIT_EXPECT_EQ(test, call->ret, -EMLINK);
		bench_check_same(b, "linked after a move");
	}
	KUNIT_EXPECT_EQ(test, call->ret, 0);
	KUNIT_EXPECT_GT(test, moved, 0);
}

static struct kunit_case others_cases[] = {
	EACH_FORMAT(others_take_tables_away),
	/* a table above that of leaves, two below the root */
	EACH_X86_64(others_cut_the_path),
	EACH_FORMAT(others_mark_links),
	EACH_FORMAT(others_link_after_a_move),
	{}
};

static struct kunit_suite others_suite = {
	.name = "vmem_others",
	.test_cases = others_cases,
};

kunit_test_suite(others_suite);
