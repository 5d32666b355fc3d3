// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linking a table of one place at another, and changing what is shared. Each
 * change is compared with the model, byte by byte, and link by link.
 *
 * Points of the behaviour's description that have a case here: 10 (permissions
 * of the path), 13 (shared tables, links), 16, 18, 39 (at any depth; users are
 * counted), 40 (nothing there), 41 (something is in the way).
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

/* Two spaces: 0 is in hand, with a page at the first address of @va. */
static void begin(struct bench *b, u64 va)
{
	bench_reset(b);
	bench_new_space(b, 1);
	KUNIT_ASSERT_EQ(b->test, 0, bench_map(b, va, bench_data(b, 1),
					      bench_page(b), RWX, 0));
}

/* Where the second span of a table of @level begins, the other half's if not. */
static u64 second(struct bench *b, unsigned int level)
{
	return sign_extend(b->rules, bench_span(b, level + 1));
}

/* A table that space 0 has at 0, to be shown at @our_va. */
static struct bench_link link_of(unsigned int level, u64 our_va)
{
	return (struct bench_link){ .our_va = our_va, .level = level };
}

static struct bench_link with_path(struct bench *b, struct bench_link link,
				   u32 perms)
{
	link.path_given = true;
	link.path = bench_same_path(b, link.level + 1, perms);
	return link;
}

/* The table of ours that space @nr has there. */
static struct vmem_pool_page *page_of(struct bench *b, u32 nr, u64 va,
				      unsigned int level)
{
	u64 root = vmem_table_gpa(bench_space_nr(b, nr)->root);

	return &b->guest.pool.pages[vmem_pool_find(&b->guest.pool,
				vmem_table(bench_path(b, root, va, level)))];
}

/* Each of its pages in both, at whatever address. */
static void expect_same(struct bench *b, u64 our_va, u64 their_va, u64 len)
{
	struct vmem_translation ours, theirs;
	u64 at, step = len / nr_entries(b->rules);

	for (at = 0; at < len; at += step) {
		bench_translate(b, &b->space, our_va + at, &ours);
		bench_translate(b, bench_space_nr(b, 0), their_va + at, &theirs);
		KUNIT_EXPECT_EQ(b->test, ours.status, theirs.status);
		KUNIT_EXPECT_EQ(b->test, ours.gpa, theirs.gpa);
		KUNIT_EXPECT_EQ(b->test, ours.leaf, theirs.leaf);
	}
}

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
					begin(b, 0);
					link = link_of(level, other ?
						       second(b, level) : 0);
					if (path)
						link = with_path(b, link, RWX);
					bench_use(b, !own);
					KUNIT_EXPECT_EQ(test, 0,
						bench_link_stopped(b, &link, 0));
					KUNIT_EXPECT_EQ(test, b->change.flush,
							VMEM_FLUSH_NONE);
					KUNIT_EXPECT_EQ(test, b->change.changes, 0);
					KUNIT_EXPECT_EQ(test, b->change.pages, 0);
					KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared,
							1);
					KUNIT_EXPECT_EQ(test, 2,
						page_of(b, 0, 0, level)->nr_links);
					expect_same(b, link.our_va, 0, span);
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

	begin(b, 0);
	bench_use(b, 1);
	for (i = 0; i < nr; i++) {
		struct bench_link link = link_of(0, i * span);

		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		KUNIT_EXPECT_EQ(test, page_of(b, 0, 0, 0)->nr_links, i + 2);
		KUNIT_EXPECT_EQ(test, b->guest.lent, i + 1);
	}
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, i * span, span));
		KUNIT_EXPECT_TRUE(test, b->change.changes & VMEM_CHANGED_UNSHARED);
		KUNIT_EXPECT_EQ(test, page_of(b, 0, 0, 0)->nr_links, nr - i);
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
		begin(b, 0);
		bench_use(b, 1);
		link = link_of(level, second(b, level));
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		bench_use(b, 0);
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, bench_span(b, level + 1)));
		KUNIT_EXPECT_TRUE(test, b->change.changes & VMEM_CHANGED_UNSHARED);
		KUNIT_EXPECT_EQ(test, b->change.flush, VMEM_FLUSH_ALL);
		KUNIT_EXPECT_EQ(test, b->change.pages, 0);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 0);
		/* with one link it is a table like any other */
		bench_use(b, 1);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, second(b, level) + page, 0,
						   page, RWX, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, second(b, level),
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
			begin(b, 0);
			bench_use(b, 1);
			link = link_of(level, second(b, level));
			KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
			bench_use(b, !gone);
			bench_drop_space(b, gone);
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 0);
			KUNIT_EXPECT_EQ(test, b->guest.lent, 1);
			KUNIT_EXPECT_EQ(test, b->guest.store.nr, gone);
			expect_same(b, 0, 0, gone ? bench_span(b, level + 1) : 0);
			bench_drop_space(b, !gone);
			KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 0);
			KUNIT_EXPECT_EQ(test, b->guest.store.nr, 1);
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

	begin(b, 0);
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
			link = link_of(level, second(b, level));
			begin(b, 0);
			bench_use(b, 1);
			bench_put(b, vmem_table_gpa(b->spaces[0].root), 0, at, 0);
			KUNIT_EXPECT_EQ(test, -ENOENT, bench_link(b, &link, 0));
			KUNIT_EXPECT_FALSE(test, b->change.dirty);
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
		begin(b, 0);
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
		link = link_of(level, second(b, level));
		KUNIT_EXPECT_EQ(test, -EINVAL, bench_link(b, &link, 0));

		begin(b, 0);
		table = bench_path(b, bench_root(b), 0, level);
		bench_put(b, bench_root(b), second(b, level), level + 1,
			  bench_table_entry(b, table));
		bench_use(b, 1);
		link.their_va = second(b, level);
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		/* and a page of the pool that is no table */
		bench_put(b, vmem_table_gpa(b->spaces[0].root), second(b, level),
			  level + 1,
			  bench_table_entry(b, guest_gpa(&b->guest, PART_POOL,
							 POOL_TABLES - 1)));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		KUNIT_EXPECT_FALSE(test, b->change.dirty);
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
		u64 span = bench_span(b, level + 1), va = second(b, level);
		struct vmem_mapping list[] = {
			bench_basic(page, 0, page, RWX),
			bench_basic(0, 0, page, RWX),
			bench_protected(0, page, 0, VMEM_W),
			bench_unmapped(0, page),
			bench_unmapped(0, span),
		};

		begin(b, 0);
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

/* 41: what is present there is in the way; junk isn't, as for any mapping */
static void link_onto_entries(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;
	u64 va;

	for (level = 0; level < bench_top(b); level++) {
		va = second(b, level);
		link = link_of(level, va);

		begin(b, 0);
		bench_use(b, 1);
		bench_put(b, bench_root(b), va, level + 1, bench_junk(b));
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		KUNIT_EXPECT_EQ(test, b->change.at_level, level + 1);

		begin(b, 0);
		bench_use(b, 1);
		bench_put(b, bench_root(b), va, level + 1,
			  bench_reserved(b, bench_leaf(b, 0)));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link,
							VMEM_CHANGE_REPLACE));
		KUNIT_EXPECT_EQ(test, b->change.flush, VMEM_FLUSH_RANGE);

		begin(b, 0);
		bench_use(b, 1);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, bench_page(b), RWX, 0));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		KUNIT_EXPECT_FALSE(test, b->change.dirty);
	}
}

/* 41: replacing leaves, tables of ours, of the guest's, and one that is shared */
static void link_replaces(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), va, used;
	struct bench_link link;
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		va = second(b, level);
		link = link_of(level, va);

		/* a large leaf, where there can be one */
		if (b->e->fmt->leaf_levels & BIT(level + 1)) {
			begin(b, 0);
			bench_use(b, 1);
			bench_put(b, bench_root(b), va, level + 1,
				  bench_large(b, bench_frame(b, level + 1)));
			KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link,
							VMEM_CHANGE_REPLACE));
			KUNIT_EXPECT_EQ(test, b->change.pages,
					bench_span(b, level + 1) / page);
		}
		/* ours, with all below it */
		begin(b, 0);
		bench_use(b, 1);
		used = b->guest.pool.nr_used;
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, 2 * page, RWX, 0));
		KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link,
							VMEM_CHANGE_REPLACE));
		KUNIT_EXPECT_EQ(test, b->change.pages, 2);
		KUNIT_EXPECT_EQ(test, b->change.flush, VMEM_FLUSH_ALL);
		KUNIT_EXPECT_EQ(test, b->change.changes, VMEM_CHANGED_FREED);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used,
				used + bench_top(b) - level - 1);
		expect_same(b, va, 0, bench_span(b, level + 1));
		/* the one that is there: it is shared, and it is where it is */
		KUNIT_EXPECT_EQ(test, -EINVAL,
				bench_link(b, &link, VMEM_CHANGE_REPLACE));
		/* it, by another */
		bench_use(b, 0);
		KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, page, RWX, 0));
		bench_use(b, 1);
		link.their_va = va;
		KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link,
							VMEM_CHANGE_REPLACE));
		KUNIT_EXPECT_EQ(test, b->change.changes, VMEM_CHANGED_UNSHARED);
		/* the guest's own */
		begin(b, 0);
		bench_use(b, 1);
		bench_put(b, bench_root(b), va, 0, bench_leaf(b, 0));
		link.their_va = 0;
		KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link,
							VMEM_CHANGE_REPLACE));
		KUNIT_EXPECT_EQ(test, b->change.changes, 0);
		KUNIT_EXPECT_EQ(test, b->change.flush, VMEM_FLUSH_ALL);
	}
}

/* Something of the guest's hangs below: nothing is done. */
static void link_replaces_what_cant_go(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 span = bench_span(b, 2), va = sign_extend(b->rules, span);
	struct bench_link link = link_of(1, va);
	u64 table;

	begin(b, 0);
	bench_use(b, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, va, 0, bench_page(b), RWX, 0));
	table = bench_path(b, bench_root(b), va, 1);
	bench_write(b, table, 1, bench_table_entry(b, bench_table(b)));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_link_stopped(b, &link,
							  VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_FALSE(test, b->change.dirty);
}

/* By itself: it would be gone before it is looked for. */
static void link_replaces_itself(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;

	for (level = 0; level < bench_top(b); level++) {
		begin(b, 0);
		link = link_of(level, 0);
		KUNIT_EXPECT_EQ(test, -EINVAL,
				bench_link(b, &link, VMEM_CHANGE_REPLACE));
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		KUNIT_EXPECT_FALSE(test, b->change.dirty);
		/* shared, it is no other */
		bench_use(b, 1);
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		link.owner = 1;
		KUNIT_EXPECT_EQ(test, -EINVAL,
				bench_link(b, &link, VMEM_CHANGE_REPLACE));
	}
}

/* A larger leaf, or what is malformed, above the place */
static void link_below_no_table(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level, at;

	for (level = 0; level < bench_top(b); level++) {
		for (at = level + 2; at < b->rules->levels; at++) {
			begin(b, 0);
			bench_use(b, 1);
			link = link_of(level, second(b, level));
			bench_put(b, bench_root(b), link.our_va, at,
				  bench_large(b, bench_frame(b, at)));
			KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
			KUNIT_EXPECT_EQ(test, b->change.at_level, at);
			KUNIT_EXPECT_EQ(test, -ERANGE,
					bench_link(b, &link, VMEM_CHANGE_REPLACE));
			bench_put(b, bench_root(b), link.our_va, at,
				  bench_table_entry(b, bench_outside(b)));
			KUNIT_EXPECT_EQ(test, -ENXIO, bench_link(b, &link, 0));
			bench_put(b, bench_root(b), link.our_va, at,
				  bench_table_entry(b, bench_root(b)));
			KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
		}
	}
}

/* 10, 33b: entries that the call makes grant what is given, or R, W and X */
static void link_permissions(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	struct bench_link link;
	unsigned int level, at;

	for (level = 0; level < bench_top(b); level++) {
		begin(b, 0);
		bench_use(b, 1);
		link = with_path(b, link_of(level, second(b, level)),
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

			begin(b, 0);
			bench_use(b, 1);
			link = link_of(level, 0);
			path = bench_path(b, bench_root(b), 0, at);
			bench_path(b, bench_root(b), 0, at - 1);
			bench_write(b, path, 0,
				    bench_read_only(b, bench_read(b, path, 0)));
			KUNIT_EXPECT_EQ(test, -EEXIST, bench_link(b, &link, 0));
			KUNIT_EXPECT_EQ(test, b->change.at_level, at);
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
	struct bench_link link = link_of(0, second(b, 0));
	struct vmem_pool_page *desc;

	begin(b, 0);
	bench_use(b, 1);
	desc = page_of(b, 0, 0, 0);
	desc->nr_links = VMEM_LINKS_MAX;
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_run_link(b, &link, 0, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.dirty);
	desc->nr_links = VMEM_LINKS_MAX - 1;
	KUNIT_EXPECT_EQ(test, 0, bench_run_link(b, &link, 0, U64_MAX));
	KUNIT_EXPECT_EQ(test, desc->nr_links, VMEM_LINKS_MAX);

	begin(b, 0);
	bench_use(b, 1);
	b->guest.lend_most = 1;
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	link.our_va = 0;
	KUNIT_EXPECT_EQ(test, -ENOMEM, bench_run_link(b, &link, 0, U64_MAX));
	KUNIT_EXPECT_FALSE(test, b->change.dirty);
	bench_check_same(b, "no record of a link");
	/* one that comes back is lent again */
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, second(b, 0), bench_span(b, 1)));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
}

/* 16: with each number of tables left, as it was or done */
static void link_pool_empty(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = link_of(0, bench_upper(b));
	u32 left, need = bench_top(b) - 1;
	struct vmem_reservation hog;
	int ret;

	for (left = 0; left <= need; left++) {
		begin(b, 0);
		bench_use(b, 1);
		vmem_reservation_init(&hog);
		KUNIT_ASSERT_EQ(test, 0,
				vmem_pool_reserve(&b->guest.pool, &hog,
						  b->guest.pool.nr_free - left, 0));
		ret = bench_run_link(b, &link, 0, U64_MAX);
		KUNIT_EXPECT_EQ(test, ret, left < need ? -ENOSPC : 0);
		vmem_pool_unreserve(&b->guest.pool, &hog);
		if (left < need)
			bench_check_same(b, "no table left");
	}
}

static void link_over_budget(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link = link_of(0, bench_upper(b));
	u64 budget;
	int ret = -E2BIG;

	for (budget = 0; ret && budget < 10; budget++) {
		begin(b, 0);
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

/* Below a shared table: refused, at each level and of each kind; or meant */
static void shared_change(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), va;
	struct bench_link link;
	unsigned int level, i;

	for (level = 0; level < bench_top(b); level++) {
		struct vmem_mapping kinds[] = {
			bench_basic(page, 0, page, RWX),
			bench_protected(0, 2 * page, 0, VMEM_W),
			bench_unmapped(0, page),
			bench_unmapped(0, 2 * page),
		};

		begin(b, 0);
		bench_use(b, 1);
		va = second(b, level);
		link = link_of(level, va);
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		for (i = 0; i < ARRAY_SIZE(kinds); i++) {
			/* the toy's table of leaves has no more than two pages */
			if (level == 0 && i == 3 && nr_entries(b->rules) == 2)
				continue;
			kinds[i].virt_base += va;
			KUNIT_EXPECT_EQ(test, -EMLINK,
					bench_change(b, &kinds[i], 1, 0));
			KUNIT_EXPECT_EQ(test, b->change.at_level, level + 1);
			bench_use(b, 0);
			kinds[i].virt_base -= va;
			KUNIT_EXPECT_EQ(test, -EMLINK,
					bench_change(b, &kinds[i], 1, 0));
			bench_use(b, 1);
			kinds[i].virt_base += va;
			KUNIT_EXPECT_EQ(test, 0,
				bench_change_stopped(b, &kinds[i], 1,
						     VMEM_CHANGE_SHARED_OK));
			KUNIT_EXPECT_EQ(test, b->change.flush,
					i ? VMEM_FLUSH_ALL : VMEM_FLUSH_NONE);
			expect_same(b, va, 0, bench_span(b, level + 1));
		}
		/* what is below it goes when it is empty, it itself stays */
		KUNIT_EXPECT_EQ(test, page_of(b, 0, 0, level)->nr_links, 2);
		KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, va, bench_span(b, level + 1)));
		KUNIT_EXPECT_TRUE(test, b->change.changes & VMEM_CHANGED_UNSHARED);
	}
}

/* 13: of the whole of it, the link goes, meant or not, and the table stays */
static void shared_unmap_whole(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct bench_link link;
	unsigned int level;
	u64 va, span;

	for (level = 0; level < bench_top(b); level++) {
		struct vmem_mapping m;

		begin(b, 0);
		bench_use(b, 1);
		va = second(b, level);
		span = bench_span(b, level + 1);
		link = link_of(level, va);
		KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
		m = bench_unmapped(va, span);
		KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &m, 1,
							VMEM_CHANGE_SHARED_OK));
		KUNIT_EXPECT_EQ(test, b->change.pages, 0);
		KUNIT_EXPECT_EQ(test, b->change.flush, VMEM_FLUSH_ALL);
		KUNIT_EXPECT_EQ(test, b->change.changes, VMEM_CHANGED_UNSHARED |
				(level + 1 < bench_top(b) ? VMEM_CHANGED_FREED : 0));
		KUNIT_EXPECT_EQ(test, page_of(b, 0, 0, level)->nr_links, 1);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1 + b->rules->levels);
	}
}

/*
 * All places of a table in one range, or in a list: what keeps it from being
 * emptied at the last of them is seen before the first is done.
 */
static void shared_unmap_all_places(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1), table;
	struct vmem_mapping list[2];
	struct bench_link link;
	u64 budget;
	int ret;

	/* two places side by side, below them a table of leaves */
	begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, page, 0, page, RWX, 0));
	link = link_of(0, span);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_unmapped(0, 2 * span);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.pages, 2);
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 2);

	/* it has room for the root, one below, and no more than one of these */
	begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, span, 0, page, RWX, 0));
	link = link_of(bench_top(b) - 1, bench_upper(b));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_unmapped(bench_upper(b), -bench_upper(b));
	list[1] = bench_unmapped(0, -bench_upper(b));
	for (budget = 0; budget < 10; budget++) {
		ret = bench_run(b, list, 2, VMEM_CHANGE_ATOMIC, budget);
		if (!ret)
			break;
		KUNIT_EXPECT_EQ(test, ret, -E2BIG);
		bench_check_same(b, "over the budget at the last place");
	}
	KUNIT_EXPECT_EQ(test, 0, ret);
	KUNIT_EXPECT_GT(test, budget, bench_top(b));

	/* what is below may not be written */
	begin(b, 0);
	table = bench_frozen_table(b);
	bench_write(b, table, 0, bench_leaf(b, 0));
	bench_put(b, bench_root(b), span, 1, bench_table_entry(b, table));
	link = link_of(bench_top(b) - 1, bench_upper(b));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	KUNIT_EXPECT_EQ(test, -EROFS,
			bench_change(b, list, 2, VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_FALSE(test, b->change.dirty);
	/* each of them is the last, as long as the other is there */
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, b->change.changes, VMEM_CHANGED_UNSHARED);
	KUNIT_EXPECT_EQ(test, -EROFS, bench_change(b, &list[1], 1, 0));
	KUNIT_EXPECT_FALSE(test, b->change.dirty);
}

/* Mapping by two places of one table: what the one fills is a hole to the other. */
static void shared_map_twice(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	u32 meant = VMEM_CHANGE_SHARED_OK;
	struct bench_link link = link_of(0, span);
	struct vmem_mapping list[2];

	begin(b, 0);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	list[0] = bench_basic(page, 0, page, RWX);
	list[1] = bench_basic(span + page, 0, page, RWX);
	KUNIT_EXPECT_EQ(test, -EEXIST,
			bench_change(b, list, 2, meant | VMEM_CHANGE_ATOMIC));
	KUNIT_EXPECT_FALSE(test, b->change.dirty);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 2, meant |
			VMEM_CHANGE_ATOMIC | VMEM_CHANGE_REPLACE));
	/* one by one, the first is there */
	list[0] = bench_unmapped(0, page);
	list[1] = bench_unmapped(span + page, page);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, list, 2, meant));
	list[0] = bench_basic(0, 0, 2 * span, RWX);
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, list, 1, meant));
	KUNIT_EXPECT_FALSE(test, b->change.dirty);
	list[0] = bench_basic(0, 0, span, RWX);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, meant));
}

/* Tables of ours within a shared one: each has but one link. */
static void shared_in_shared(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b), va = second(b, 1);
	struct bench_link link = link_of(1, va);
	struct vmem_mapping m;

	begin(b, 0);
	bench_use(b, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, 0));
	/* one below it is linked once more, through the link of the other */
	link = link_of(0, bench_span(b, 1));
	link.owner = 1;
	link.their_va = va;
	if (bench_top(b) > 2) {
		KUNIT_EXPECT_EQ(test, 0, bench_link_stopped(b, &link, 0));
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_shared, 2);
	}
	/* within the shared one: it has to be meant */
	link.our_va = va + bench_span(b, 1);
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_link(b, &link, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_link(b, &link, VMEM_CHANGE_SHARED_OK));
	m = bench_unmapped(va, page);
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	m = bench_unmapped(va, bench_span(b, 1));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->change.changes, VMEM_CHANGED_UNSHARED);
}

/* A root that two spaces have: changes are seen in both, if they are meant. */
static void shared_root(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping m = bench_basic(0, bench_data(b, 2), page, RWX);
	struct vmem_translation t;

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_link_root(&b->guest.pool, b->space.root,
						     bench_top(b),
						     &b->guest.root_links[1]));
	model_add_link(&b->model, bench_root(b), MODEL_NO_PARENT, 0);
	b->spaces[1] = b->space;
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->change.flush, VMEM_FLUSH_NONE);
	bench_translate(b, &b->spaces[1], 0, &t);
	KUNIT_EXPECT_EQ(test, t.gpa, bench_data(b, 2));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK |
					      VMEM_CHANGE_REPLACE));
	KUNIT_EXPECT_EQ(test, b->change.flush, VMEM_FLUSH_ALL);
	/* of all there is: a root is emptied, and isn't let go of */
	m = bench_unmapped(0, -bench_upper(b));
	KUNIT_EXPECT_EQ(test, -EMLINK, bench_change(b, &m, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change(b, &m, 1, VMEM_CHANGE_SHARED_OK));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	bench_drop_space(b, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
}

static struct kunit_case link_cases[] = {
	EACH_FORMAT(link_at_each_depth),
	EACH_FORMAT(link_many_times),
	EACH_FORMAT(link_outlives_its_owner),
	EACH_FORMAT(link_then_drop_space),
	EACH_FORMAT(link_refused),
	EACH_FORMAT(link_to_nothing),
	EACH_FORMAT(link_to_what_isnt_ours),
	EACH_FORMAT(link_between_pools),
	EACH_FORMAT(link_onto_entries),
	EACH_FORMAT(link_replaces),
	EACH_FORMAT(link_replaces_what_cant_go),
	EACH_FORMAT(link_replaces_itself),
	EACH_FORMAT(link_below_no_table),
	EACH_FORMAT(link_permissions),
	EACH_FORMAT(link_too_often),
	EACH_FORMAT(link_pool_empty),
	EACH_FORMAT(link_over_budget),
	EACH_FORMAT(shared_change),
	EACH_FORMAT(shared_unmap_whole),
	EACH_FORMAT(shared_unmap_all_places),
	EACH_FORMAT(shared_map_twice),
	EACH_FORMAT(shared_in_shared),
	EACH_FORMAT(shared_root),
	{}
};

static struct kunit_suite link_suite = {
	.name = "vmem_link",
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);
