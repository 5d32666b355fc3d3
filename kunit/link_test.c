// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linking a table of one place at another. Each change is compared with the
 * model, byte by byte, and link by link.
 *
 * Points of the behaviour's description that have a case here: 10 (permissions
 * of the path), 13 (links), 16, 18, 39 (at any depth; users are
 * counted), 40 (nothing there), 41 (something is in the way).
 */
#include "link_test.h"

DEFINE_ENGINE_PARAMS

/* 39: at each depth, at an equal and another address, in this space or not */
static void link_at_each_depth(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;
	u32 other, own, path;
	u64 span;

	for (level = 0; level < bench_top(b); level++) {
		span = bench_span(b, level + 1);
		for (other = 0; other < 2; other++) {
			for (own = 0; own < 2; own++) {
				if (own && !other)
					continue;
				for (path = 0; path < 2; path++) {
					link_begin(b, 0);
					link = link_of(level, other ?
						       link_second(b, level) : 0);
					if (path)
						link = with_path(b, link, bench_granted(b));
					bench_use(b, !own);
					KUNIT_EXPECT_EQ(test, 0,
						bench_link_stopped(b, &link, 0));
					KUNIT_EXPECT_EQ(test, b->change.answer.flush,
							VMEM_FLUSH_NONE);
					KUNIT_EXPECT_EQ(test, b->change.answer.changes, 0);
					KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
					KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared,
							1);
					KUNIT_EXPECT_EQ(test, 2,
						link_page(b, 0, 0, level)->nr_links);
					link_expect_same(b, link.our_va, 0, span);
				}
			}
		}
	}
}

/* 39: more and more users; each is counted, and each can let go */
static void link_many_times(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 1);
	u32 i, nr = nr_entries(b->rules) > 2 ? 9 : 2;

	link_begin(b, 0);
	bench_use(b, 1);
	for (i = 0; i < nr; i++) {
		struct bench_link link = link_of(0, i * span);

		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		KUNIT_EXPECT_EQ(test, link_page(b, 0, 0, 0)->nr_links, i + 2);
		KUNIT_EXPECT_EQ(test, b->guest.lent, i + 1);
	}
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, i * span, span));
		KUNIT_EXPECT_TRUE(test, b->change.answer.changes & VMEM_CHANGED_UNSHARED);
		KUNIT_EXPECT_EQ(test, link_page(b, 0, 0, 0)->nr_links, nr - i);
	}
	/* the first of its links went last: any of them does */
	bench_use(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, span));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 2);
}

/* The owner lets go first: what it made is the other's. */
static void link_outlives_its_owner(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;
	u64 page = bench_page(b);

	for (level = 0; level < bench_top(b); level++) {
		link_begin(b, 0);
		bench_use(b, 1);
		link = link_of(level, link_second(b, level));
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		bench_use(b, 0);
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_span(b, level + 1)));
		KUNIT_EXPECT_TRUE(test, b->change.answer.changes & VMEM_CHANGED_UNSHARED);
		KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
		KUNIT_EXPECT_EQ(test, b->change.answer.pages, 0);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 0);
		/* with one link it is a table like any other */
		bench_use(b, 1);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, link_second(b, level) + page, 0,
						   page, RWX, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, link_second(b, level),
						     bench_span(b, level + 1)));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 2);
	}
}

/* 39: a space goes, and what the other has of it stays; its records come back */
static void link_then_drop_space(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level, gone;

	for (level = 0; level < bench_top(b); level++) {
		for (gone = 0; gone < 2; gone++) {
			link_begin(b, 0);
			bench_use(b, 1);
			link = link_of(level, link_second(b, level));
			KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
			bench_use(b, !gone);
			bench_drop_space(b, gone);
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 0);
			KUNIT_EXPECT_EQ(test, b->guest.lent, 1);
			KUNIT_EXPECT_EQ(test, b->guest.store.nr, gone);
			link_expect_same(b, 0, 0, gone ? bench_span(b, level + 1) : 0);
			bench_drop_space(b, !gone);
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 0);
			KUNIT_EXPECT_EQ(test, b->guest.store.nr, 1);
		}
	}
}

/*
 * A guest takes the entry of a table away before the one that held it is freed:
 * what hung below goes with that one, in the same call.
 */
static void link_hidden_then_freed(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), parent;
	struct vmem_pool_page *left;
	struct vmem_mapping m;
	unsigned int level;

	for (level = 0; level + 1 < bench_top(b); level++) {
		u64 va = bench_span(b, level + 1);

		bench_reset(b);
		KUNIT_ASSERT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
		KUNIT_ASSERT_EQ(test, 0, bench_map(b, va, 0, page, RWX, 0));
		left = link_page(b, 0, va, level);
		parent = bench_path(b, bench_root(b), va, level + 1);
		bench_write(b, parent, 1, 0);
		m = bench_unmapped(0, bench_span(b, level + 2));
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
		KUNIT_EXPECT_EQ(test, left->state, VMEM_POOL_QUARANTINED);
		KUNIT_EXPECT_EQ(test, b->change.answer.changes, VMEM_CHANGED_FREED);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	}
}

/* Or it is freed when the entry names another table; but not one with a link more. */
static void link_hidden_then_made_again(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), parent;
	struct bench_link link;
	struct vmem_pool_page *left;
	struct vmem_mapping m;
	unsigned int level, shared;

	for (level = 0; level < bench_top(b); level++) {
		for (shared = 0; shared < 2; shared++) {
			link_begin(b, 0);
			left = link_page(b, 0, 0, level);
			parent = bench_path(b, bench_root(b), 0, level + 1);
			if (shared) {
				link = link_of(level, link_second(b, level));
				bench_use(b, 1);
				KUNIT_ASSERT_EQ(test, 0, bench_link(b, &link, 0));
				bench_use(b, 0);
			}
			bench_write(b, parent, 0, 0);
			m = bench_basic(0, 0, page, RWX);
			KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1, 0));
			KUNIT_EXPECT_EQ(test, left->state, shared ?
					VMEM_POOL_USED : VMEM_POOL_QUARANTINED);
			KUNIT_EXPECT_EQ(test, b->change.answer.changes, shared ?
					VMEM_CHANGED_UNSHARED : VMEM_CHANGED_FREED);
			KUNIT_EXPECT_EQ(test, b->change.answer.flush, VMEM_FLUSH_ALL);
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 0);
		}
	}
}

/* 39: a root is no table to link to; nor is what isn't the base of a span */
static void link_refused(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 upper = bench_upper(b), span;
	struct bench_link link;
	unsigned int level;

	link_begin(b, 0);
	bench_use(b, 1);
	for (level = bench_top(b); level < 256; level++) {
		link = link_of(level, 0);
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));
	}
	for (level = 0; level < bench_top(b); level++) {
		span = bench_span(b, level + 1);
		link = link_of(level, span / 2);
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));
		link = link_of(level, 0);
		link.their_va = bench_page(b);
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));
		link = link_of(level, -upper);
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));
		link = link_of(level, 0);
		link.their_va = upper - span;
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));
	}
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1 + b->rules->levels);
}

/* 40: nothing is there, at each level; and ours lacks tables too */
static void link_to_nothing(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level, at;

	for (level = 0; level < bench_top(b); level++) {
		for (at = level + 1; at < b->rules->levels; at++) {
			link = link_of(level, link_second(b, level));
			link_begin(b, 0);
			bench_use(b, 1);
			bench_put(b, vmem_table_gpa(b->spaces[0].root), 0, at, 0);
			KUNIT_EXPECT_EQ(test, -ENOENT, bench_link(b, &link, 0));
			KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
			bench_put(b, vmem_table_gpa(b->spaces[0].root), 0, at,
				  bench_junk(b));
			KUNIT_EXPECT_EQ(test, -ENOENT, bench_link(b, &link, 0));
			bench_put(b, vmem_table_gpa(b->spaces[0].root), 0, at,
				  bench_reserved(b, bench_leaf(b, 0)));
			KUNIT_EXPECT_EQ(test, -ENOENT, bench_link(b, &link, 0));
			bench_put(b, vmem_table_gpa(b->spaces[0].root), 0, at,
				  bench_large(b, 0));
			KUNIT_EXPECT_EQ(test, -ENOENT,
					bench_link(b, &link, VMEM_CHANGE_REPLACE));
			bench_put(b, vmem_table_gpa(b->spaces[0].root), 0, at,
				  bench_table_entry(b, bench_outside(b)));
			KUNIT_EXPECT_EQ(test, at == level + 1 ? -EINVAL : -ENXIO,
					bench_link(b, &link, 0));
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used,
					1 + b->rules->levels);
		}
		/* where the owner's root lies outside */
		link_begin(b, 0);
		bench_use(b, 1);
		b->spaces[0].root = vmem_table(bench_outside(b));
		KUNIT_EXPECT_EQ(test, -ENXIO, bench_link(b, &link, 0));
	}
}

/* A table of the guest's own; one of ours, where the guest named it */
static void link_to_what_isnt_ours(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;
	u64 table;

	for (level = 0; level < bench_top(b); level++) {
		bench_reset(b);
		bench_new_space(b, 1);
		bench_path(b, bench_root(b), 0, level);
		bench_use(b, 1);
		link = link_of(level, link_second(b, level));
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));

		link_begin(b, 0);
		table = bench_path(b, bench_root(b), 0, level);
		bench_put(b, bench_root(b), link_second(b, level), level + 1,
			  bench_table_entry(b, table));
		bench_use(b, 1);
		link.their_va = link_second(b, level);
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		/* and a page of the pool that is no table */
		bench_put(b, vmem_table_gpa(b->spaces[0].root), link_second(b, level),
			  level + 1,
			  bench_table_entry(b, guest_gpa(&b->guest, PART_POOL,
							 POOL_TABLES - 1)));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	}
}

/* Nothing is done to a table of another pool, and nothing below it. */
static void link_between_pools(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	u32 flags = VMEM_CHANGE_REPLACE | VMEM_CHANGE_SHARED_OK;
	struct bench_link link;
	unsigned int level, i;

	for (level = 0; level < bench_top(b); level++) {
		u64 span = bench_span(b, level + 1), va = link_second(b, level);
		struct vmem_mapping list[] = {
			bench_basic(page, 0, page, RWX),
			bench_basic(0, 0, page, RWX),
			bench_protected(0, page, 0, VMEM_W),
			bench_unmapped(0, page),
			bench_unmapped(0, span),
		};

		link_begin(b, 0);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, page, RWX, 0));
		b->guest.others = vmem_table(bench_path(b, bench_root(b), 0,
							level));
		for (i = 0; i < ARRAY_SIZE(list); i++) {
			KUNIT_EXPECT_EQ(test, -EINVAL,
					bench_run(b, &list[i], 1, flags, U64_MAX));
			bench_check_same(b, "below a table of another pool");
		}
		/* it isn't replaced, nor linked to */
		link = link_of(level, 0);
		link.their_va = va;
		KUNIT_EXPECT_EQ(test, -EINVAL,
				bench_run_link(b, &link, flags, U64_MAX));
		bench_check_same(b, "a link onto a table of another pool");
		bench_use(b, 1);
		link = link_of(level, 0);
		KUNIT_EXPECT_EQ(test, -EINVAL,
				bench_run_link(b, &link, flags, U64_MAX));
		bench_check_same(b, "a link to a table of another pool");
		b->guest.others = VMEM_NO_TABLE;
	}
}

/* Something of the guest's hangs below: nothing is done. */
static void link_replaces_what_cant_go(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 2), va = sign_extend(b->rules, span);
	struct bench_link link = link_of(1, va);
	u64 table;

	link_begin(b, 0);
	bench_use(b, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, bench_page(b), RWX, 0));
	table = bench_path(b, bench_root(b), va, 1);
	bench_write(b, table, 1, bench_table_entry(b, bench_table(b)));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_link_stopped(b, &link,
							  VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
}

/* By itself: it would be gone before it is looked for. */
static void link_replaces_itself(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		link_begin(b, 0);
		link = link_of(level, 0);
		KUNIT_EXPECT_EQ(test, -EINVAL,
				bench_link(b, &link, VMEM_CHANGE_REPLACE));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
		/* shared, it is no other */
		bench_use(b, 1);
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		link.owner = 1;
		KUNIT_EXPECT_EQ(test, -EINVAL,
				bench_link(b, &link, VMEM_CHANGE_REPLACE));
	}
}

/* 10, 33b: entries that the call makes grant what is given, or R, W and X */
static void link_permissions(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	struct bench_link link;
	unsigned int level, at;

	bench_needs_deny(b);
	for (level = 0; level < bench_top(b); level++) {
		link_begin(b, 0);
		bench_use(b, 1);
		link = with_path(b, link_of(level, link_second(b, level)),
				 VMEM_R | VMEM_U);
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		bench_translate(b, &b->space, link.our_va, &t);
		KUNIT_EXPECT_EQ(test, t.leaf & VMEM_RWXU, RWX);
		KUNIT_EXPECT_EQ(test, t.effective, VMEM_R);
		KUNIT_EXPECT_EQ(test, t.path, link.path |
				(bench_same_path(b, 1, RWX) &
				 ~bench_same_path(b, level + 1, RWX)));
		/* the owner's are as they were */
		bench_translate(b, &b->spaces[0], 0, &t);
		KUNIT_EXPECT_EQ(test, t.effective, RWX);
		/* not of tables below: those are what they are */
		link.path |= VMEM_R << (4 * level);
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));
		/* one above that is there grants less, or other than is given */
		for (at = level + 2; at < b->rules->levels; at++) {
			u64 path;

			link_begin(b, 0);
			bench_use(b, 1);
			link = link_of(level, 0);
			path = bench_path(b, bench_root(b), 0, at);
			bench_path(b, bench_root(b), 0, at - 1);
			bench_write(b, path, 0,
				    bench_read_only(b, bench_read(b, path, 0)));
			KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
			KUNIT_EXPECT_EQ(test, b->change.answer.at_level, at);
			link = with_path(b, link, RWX);
			KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
			link.path &= ~(VMEM_W << (4 * at));
			KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		}
	}
}

/* A table has so many links at most; and records of them may run out. */
static void link_too_often(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = link_of(0, link_second(b, 0));
	struct vmem_pool_page *desc;

	link_begin(b, 0);
	bench_use(b, 1);
	desc = link_page(b, 0, 0, 0);
	desc->nr_links = VMEM_LINKS_MAX;
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_run_link(b, &link, 0, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	desc->nr_links = VMEM_LINKS_MAX - 1;
	KUNIT_EXPECT_EQ(test, 0, bench_run_link(b, &link, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, desc->nr_links, VMEM_LINKS_MAX);

	link_begin(b, 0);
	bench_use(b, 1);
	b->guest.lend_most = 1;
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	link.our_va = 0;
	KUNIT_EXPECT_EQ(test, -ENOMEM, bench_run_link(b, &link, 0, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
	bench_check_same(b, "no record of a link");
	/* one that comes back is lent again */
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, link_second(b, 0), bench_span(b, 1)));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
}

/* 16: with each number of tables left, as it was or done */
static void link_pool_empty(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = link_of(0, bench_upper(b));
	u32 i, left, need = bench_top(b) - 1;
	int ret;

	for (i = 0; i < 2 * (need + 1); i++) {
		left = i / 2;
		link_begin(b, 0);
		bench_use(b, 1);
		if (i & 1)
			bench_hold(b, b->guest.pool.nr_free - left);
		else
			bench_use_up(b, b->guest.pool.nr_free - left);
		ret = bench_link(b, &link, 0);
		KUNIT_EXPECT_EQ(test, ret, left == need ? 0 :
				i & 1 ? -EBUSY : -ENOSPC);
		bench_unhold(b);
		if (ret == -EBUSY)
			KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	}
}

static void link_over_budget(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = link_of(0, bench_upper(b));
	u64 budget;
	int ret = -E2BIG;

	for (budget = 0; ret && budget < 10; budget++) {
		link_begin(b, 0);
		bench_use(b, 1);
		ret = bench_run_link(b, &link, 0, budget);
		if (!ret)
			break;
		KUNIT_EXPECT_EQ(test, ret, -E2BIG);
		bench_check_same(b, "over the budget");
	}
	/* those that it makes, and the root */
	KUNIT_EXPECT_EQ(test, budget, bench_top(b));
}

static struct kunit_case link_cases[] = {
	EACH_FORMAT(link_at_each_depth),
	EACH_FORMAT(link_many_times),
	EACH_FORMAT(link_outlives_its_owner),
	EACH_FORMAT(link_then_drop_space),
	EACH_FORMAT(link_hidden_then_freed),
	EACH_FORMAT(link_hidden_then_made_again),
	EACH_FORMAT(link_refused),
	EACH_FORMAT(link_to_nothing),
	EACH_FORMAT(link_to_what_isnt_ours),
	EACH_FORMAT(link_between_pools),
	EACH_FORMAT(link_replaces_what_cant_go),
	EACH_FORMAT(link_replaces_itself),
	EACH_FORMAT(link_permissions),
	EACH_FORMAT(link_too_often),
	EACH_FORMAT(link_pool_empty),
	EACH_FORMAT(link_over_budget),
	{}
};

static struct kunit_suite link_suite = {
	.name = "vmem_link",
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);
