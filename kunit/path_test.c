// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping as Cow, and with permissions of the tables above. Each change is
 * compared with the model, byte by byte.
 *
 * Points of the behaviour's description that have a case here: 8 (NXE off), 9
 * (Cow), 10 (permissions of the path, level by level), 16.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define RWX	(VMEM_R | VMEM_W | VMEM_X)
#define RX	(VMEM_R | VMEM_X)

static int map(struct bench *b, struct vmem_mapping m, u32 flags)
{
	return bench_change(b, &m, 1, flags);
}

/* The entry for address 0 of the table of @level. */
static u64 entry_at(struct bench *b, unsigned int level)
{
	return bench_read(b, bench_path(b, bench_root(b), 0, level), 0);
}

/* 9: as Basic, not writable, and the software bits, which the space says */
static void cow_default_bits(struct kunit *test)
{
	static const u32 attrs[] = { VMEM_R, RX };
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	struct vmem_facts facts;
	unsigned int level;
	u32 cow, i;

	for (cow = 0; !engine_facts(b->e, &facts, 0, 0, cow); cow++) {
		b = bench_begin_cpu(test, 0, false, cow);
		for (i = 0; i < ARRAY_SIZE(attrs); i++) {
			KUNIT_EXPECT_EQ(test, 0,
					map(b, bench_cow(0, bench_data(b, 1),
							 bench_page(b), attrs[i]),
					    VMEM_CHANGE_REPLACE));
			KUNIT_EXPECT_EQ(test, entry_at(b, 0),
					default_leaf(b->rules, &b->model.cpu,
						     bench_data(b, 1),
						     attrs[i] | VMEM_COW, 0));
			bench_translate(b, &b->space, 0, &t);
			KUNIT_EXPECT_TRUE(test, t.leaf & VMEM_COW);
			KUNIT_EXPECT_FALSE(test, t.leaf & VMEM_W);
			KUNIT_EXPECT_EQ(test, t.effective, attrs[i]);
		}
		for (level = 1; level < b->rules->levels; level++)
			KUNIT_EXPECT_EQ(test, bench_granted(b) << (4 * level),
					t.path & (0xf << (4 * level)));
	}
	KUNIT_EXPECT_GE(test, cow, 4);
}

/* 9: read back as Cow by a space of the same software bits only */
static void cow_of_another_space(struct kunit *test)
{
	struct bench *b = bench_begin_cpu(test, 0, false, 1);
	struct vmem_space other = b->space;
	struct vmem_translation t;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(b->e, &other.facts, 0, 0, 2));
	KUNIT_EXPECT_EQ(test, 0, map(b, bench_cow(0, 0, bench_page(b), RX), 0));
	bench_translate(b, &other, 0, &t);
	KUNIT_EXPECT_FALSE(test, t.leaf & VMEM_COW);
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_TRUE(test, t.leaf & VMEM_COW);
}

static void cow_writable(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, map(b, bench_cow(0, 0, page, RWX), 0));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			map(b, bench_basic(0, 0, page, RX | VMEM_COW), 0));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			map(b, bench_cow(0, 0, page, RX | BIT(16)), 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
}

/* 8: what isn't executable can't be said with NXE off */
static void cow_without_nxe(struct kunit *test)
{
	struct bench *b = bench_begin_cpu(test, 0, true, 0);
	u64 page = bench_page(b);

	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, map(b, bench_cow(0, 0, page, VMEM_R), 0));
	KUNIT_EXPECT_EQ(test, 0, map(b, bench_cow(0, 0, page, RX), 0));
}

/* What entries grant that nobody asked, but for one level. */
static u32 path_but(const struct bench *b, unsigned int level, u32 perms)
{
	u32 path = bench_same_path(b, 1, bench_granted(b));

	return (path & ~(0xf << (4 * level))) | perms << (4 * level);
}

/* 10: what is created has just these, at each level and of each kind */
static void path_created_exactly(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	unsigned int level;
	u32 perms, path;

	for (level = 1; level < b->rules->levels; level++) {
		for (perms = 0; perms <= VMEM_RWXU; perms++) {
			if (!b->rules->path_expressible(&b->model.cpu, perms))
				continue;
			path = path_but(b, level, perms);
			bench_reset(b);
			KUNIT_EXPECT_EQ(test, 0,
					map(b, bench_with_path(bench_basic(0, 0,
							bench_page(b), RWX),
							       path), 0));
			KUNIT_EXPECT_EQ(test, entry_at(b, level),
					b->rules->table(&b->model.cpu, bench_path(b, bench_root(b),
								   0, level - 1),
							perms));
			bench_translate(b, &b->space, 0, &t);
			KUNIT_EXPECT_EQ(test, t.path, path);
			KUNIT_EXPECT_EQ(test, t.leaf & VMEM_RWXU, RWX);
			KUNIT_EXPECT_EQ(test, t.effective, RWX & perms);
		}
	}
}

/* 10: an entry that is there is used if it has just these, else refused */
static void path_existing(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	unsigned int level;
	u32 perms, path;

	for (level = 1; level < b->rules->levels; level++) {
		for (perms = 0; perms <= VMEM_RWXU; perms++) {
			if (!b->rules->path_expressible(&b->model.cpu, perms))
				continue;
			path = path_but(b, level, perms);
			bench_reset(b);
			KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, 0, page, RWX, 0));
			KUNIT_EXPECT_EQ(test, perms == bench_granted(b) ? 0 : -EEXIST,
					map(b, bench_with_path(bench_basic(page, 0,
							page, VMEM_R), path), 0));
			if (perms != bench_granted(b))
				KUNIT_EXPECT_EQ(test, b->change.answer.at_level, level);
			/* not for what is there only is it given */
			KUNIT_EXPECT_EQ(test, perms == bench_granted(b) ? 0 : -EEXIST,
					map(b, bench_with_path(bench_cow(page, 0,
							page, VMEM_R), path),
					    VMEM_CHANGE_REPLACE));
		}
	}
}

/* 10: but without, one that grants more than is needed will do */
static void path_existing_grants_more(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	u32 path = bench_same_path(b, 1, RWX | VMEM_U);

	bench_needs_deny(b);
	KUNIT_EXPECT_EQ(test, 0, map(b, bench_with_path(bench_basic(0, 0, page, RWX),
							path), 0));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_unmap(b, 0, 2 * page));
	path = bench_same_path(b, 1, VMEM_R | VMEM_X);
	KUNIT_EXPECT_EQ(test, 0, map(b, bench_with_path(bench_basic(0, 0, page, RWX),
							path), 0));
	KUNIT_EXPECT_EQ(test, -EEXIST, bench_map(b, page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, b->change.answer.at_level, bench_top(b));
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, page, 0, page, RX, 0));
}

static void path_inexpressible(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	unsigned int level, nxe_off;
	u32 perms, path;

	for (nxe_off = 0; nxe_off < (engine_is_x86_64(b->e) ? 2 : 1); nxe_off++) {
		b = bench_begin_cpu(test, 0, nxe_off, 0);
		for (level = 1; level < b->rules->levels; level++) {
			for (perms = 0; perms <= VMEM_RWXU; perms++) {
				path = path_but(b, level, perms);
				bench_reset(b);
				KUNIT_EXPECT_EQ(test,
					b->rules->path_expressible(&b->model.cpu,
								   perms) ?
					0 : -EOPNOTSUPP,
					map(b, bench_with_path(bench_basic(0, 0,
							page, RX), path), 0));
			}
		}
	}
	/* on x86-64 nothing that is present can't be read */
	if (b->e != &engine_toy)
		KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
				map(b, bench_with_path(bench_basic(0, 0, page, RX),
						       0), 0));
}

static void path_nibbles_elsewhere(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 path = bench_same_path(b, 1, bench_granted(b));
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		struct vmem_mapping m;

		if (bit >= 4 && bit < 4 * b->rules->levels)
			continue;
		m = bench_with_path(bench_basic(0, 0, bench_page(b), RX),
				    path | BIT(bit));
		KUNIT_EXPECT_EQ(test, -EINVAL, map(b, m, 0));
		m.len = 0;
		KUNIT_EXPECT_EQ(test, 0, map(b, m, 0));
	}
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	/* what makes no tables has no path */
	KUNIT_EXPECT_EQ(test, 0, map(b, bench_with_path(bench_unmapped(0,
						bench_page(b)), 1), 0));
	KUNIT_EXPECT_EQ(test, 0, map(b, bench_with_path(bench_protected(0,
						bench_page(b), VMEM_R | VMEM_W, 0), 1), 0));
}

/* 10, 16: two of a list that need one table want it with one permission */
static void path_of_neighbours(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 page = bench_page(b);
	struct vmem_mapping list[3];
	unsigned int level;
	u32 path;

	bench_needs_deny(b);
	for (level = 1; level < b->rules->levels; level++) {
		path = bench_same_path(b, 1, RWX);
		list[0] = bench_with_path(bench_basic(0, 0, page, VMEM_R), path);
		list[1] = bench_unmapped(page, 0);
		path ^= VMEM_W << (4 * level);
		list[2] = bench_with_path(bench_basic(page, 0, page, VMEM_R), path);
		bench_reset(b);
		KUNIT_EXPECT_EQ(test, -EEXIST,
				bench_change(b, list, 3, VMEM_CHANGE_ATOMIC));
		swap(list[0], list[2]);
		KUNIT_EXPECT_EQ(test, -EEXIST,
				bench_change(b, list, 3, VMEM_CHANGE_ATOMIC));
		swap(list[0], list[2]);
		/* by default they are made with R, W and X */
		list[0].path_given = false;
		KUNIT_EXPECT_EQ(test, -EEXIST,
				bench_change(b, list, 3, VMEM_CHANGE_ATOMIC));
		KUNIT_EXPECT_FALSE(test, b->change.answer.dirty);
		KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
		/* one by one, the first is done */
		KUNIT_EXPECT_EQ(test, -EEXIST, bench_change(b, list, 3, 0));
		KUNIT_EXPECT_EQ(test, b->change.answer.done, 2);
		/* equal ones, and others beside them */
		bench_reset(b);
		list[2].path = bench_same_path(b, 1, RWX);
		list[1] = list[2];
		list[1].virt_base = bench_upper(b);
		list[1].path = bench_same_path(b, 1, RX);
		KUNIT_EXPECT_EQ(test, 0,
				bench_change(b, list, 3, VMEM_CHANGE_ATOMIC));
	}
}

static struct kunit_case path_cases[] = {
	EACH_FORMAT(cow_default_bits),
	EACH_FORMAT(cow_of_another_space),
	EACH_FORMAT(cow_writable),
	EACH_X86_64(cow_without_nxe),
	EACH_FORMAT(path_created_exactly),
	EACH_FORMAT(path_existing),
	EACH_FORMAT(path_existing_grants_more),
	EACH_FORMAT(path_inexpressible),
	EACH_FORMAT(path_nibbles_elsewhere),
	EACH_FORMAT(path_of_neighbours),
	{}
};

static struct kunit_suite path_suite = {
	.name = "vmem_path",
	.test_cases = path_cases,
};

kunit_test_suite(path_suite);
