// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translation.
 *
 * Points of the behaviour's description that have a case here: 3, 4 (tables
 * and frames outside), 15 (non-canonical), 25 (leaf and effective permissions),
 * 26 (0 is an address), 27 (why it fails, at which level).
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

static void translate_at_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;
	u64 va, vas[2];

	for (level = 0; level < b->rules->levels; level++) {
		if (!(b->e->fmt->leaf_levels & BIT(level)))
			continue;
		va = bench_span(b, level);
		bench_put(b, bench_root(b), va, level,
			  level ? bench_large(b, bench_frame(b, level)) :
				  bench_leaf(b, bench_data(b, 1)));
		vas[0] = va + bench_span(b, level) - 1;
		vas[1] = va + 1;
		bench_check_translate(b, &b->space, vas, 2);
		KUNIT_EXPECT_EQ(test, b->translations[0].status, VMEM_OK);
		bench_reset(b);
	}
}

/* 26 */
static void translate_to_address_0(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0));
	bench_translate(b, &b->space, 5, &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_OK);
	KUNIT_EXPECT_EQ(test, t.gpa, 5);
	KUNIT_EXPECT_EQ(test, !!(t.flags & VMEM_FRAME_OUTSIDE),
			!guest_has(&b->guest, 5, 1));
}

static void translate_frame_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;

	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_outside(b)));
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_OK);
	KUNIT_EXPECT_EQ(test, t.gpa, bench_outside(b));
	KUNIT_EXPECT_EQ(test, t.flags, VMEM_FRAME_OUTSIDE | VMEM_FRAME_PARTIAL);
	bench_put(b, bench_root(b), 0, 0, bench_leaf(b, bench_data(b, 0)));
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_EQ(test, t.flags, 0);
}

/* 55: outside is the byte that was asked for; partial the page it lies in. */
static void translate_frame_partly_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 vas[] = { 0, bench_span(b, 1) - 1 }, end = bench_data(b, DATA_PAGES);
	u64 frame = bench_frame(b, 1);
	bool over = frame + bench_span(b, 1) > end;
	struct vmem_translation t;

	/* one that begins in memory, and on x86-64 ends behind it */
	bench_put(b, bench_root(b), 0, 1, bench_large(b, bench_frame(b, 1)));
	bench_check_translate(b, &b->space, vas, ARRAY_SIZE(vas));
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_EQ(test, t.flags, over ? VMEM_FRAME_PARTIAL : 0);
	if (over) {
		bench_translate(b, &b->space, end - 1 - frame, &t);
		KUNIT_EXPECT_EQ(test, t.flags, VMEM_FRAME_PARTIAL);
		bench_translate(b, &b->space, end - frame, &t);
		KUNIT_EXPECT_EQ(test, t.flags,
				VMEM_FRAME_PARTIAL | VMEM_FRAME_OUTSIDE);
	}
	/* the last page of memory, and the first behind it */
	bench_put(b, bench_root(b), bench_upper(b), 0, bench_leaf(b, end - bench_page(b)));
	bench_translate(b, &b->space, bench_upper(b), &t);
	KUNIT_EXPECT_EQ(test, t.flags, 0);
	bench_put(b, bench_root(b), bench_upper(b), 0, bench_leaf(b, end));
	bench_translate(b, &b->space, bench_upper(b), &t);
	KUNIT_EXPECT_EQ(test, t.flags, VMEM_FRAME_OUTSIDE | VMEM_FRAME_PARTIAL);
}

/* 55: the bytes on both sides of each border that memory has in a large page */
static void translate_at_each_border(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 vas[4 * PART_DATA];
	u32 i;

	bench_put(b, bench_root(b), 0, 1, bench_large(b, 0));
	for (i = 0; i < PART_DATA; i++) {
		const struct guest_range *part = &b->guest.parts[i];

		vas[4 * i] = part->gpa - 1;
		vas[4 * i + 1] = part->gpa;
		vas[4 * i + 2] = part->gpa + part->len - 1;
		vas[4 * i + 3] = part->gpa + part->len;
	}
	bench_check_translate(b, &b->space, vas, ARRAY_SIZE(vas));
}

/* 53: addresses with bits set above those that are translated, for each vCPU */
static void translate_tagged(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	static const u64 vas[] = {
		0x400000, 0x2a00000000400000, 0x8000000000400000,
		0x0000800000400000, 0x0100000000400000, 0x00ff000000400000,
		0x7fff000000400000, 0x7eff800000400000, 0xffff800000400000,
		0xff00000000400000, 0xfe00000000400000, 0x80ff800000400000,
		0xc1ff800000400000, 0xffff7fffffc00000, 0x5500000000400fff,
	};
	u32 i, j, untagged = 0;

	for (i = 0; i < ARRAY_SIZE(each_cpu); i++) {
		struct cpu cpu = each_cpu[i];
		struct bench *b;

		cpu.phys_bits = cpu.phys_bits ?: e->fmt->phys_bits;
		b = bench_begin_facts(test, e, &cpu);
		for (j = 0; j < 2; j++)
			bench_put(b, bench_root(b),
				  (j ? bench_upper(b) : 0) + 0x400000, 0,
				  bench_leaf(b, bench_data(b, 1 + j)));
		bench_check_translate(b, &b->space, vas, ARRAY_SIZE(vas));
		for (j = 0; j < ARRAY_SIZE(vas); j++) {
			struct vmem_translation t;

			bench_translate(b, &b->space, vas[j], &t);
			untagged += vas[j] != sign_extend(b->rules, vas[j]) &&
				    t.status == VMEM_OK;
		}
	}
	KUNIT_EXPECT_GE(test, untagged, 10);
}

/* 15 */
static void translate_non_canonical(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 half = bench_span(b, b->rules->levels) / 2;
	u64 vas[] = { half, half - 1, bench_upper(b) - 1, bench_upper(b),
		      1ULL << 63, U64_MAX };
	u32 i;

	bench_check_translate(b, &b->space, vas, ARRAY_SIZE(vas));
	for (i = 0; i < ARRAY_SIZE(vas); i++) {
		bool not = i == 0 || i == 2 || i == 4;

		KUNIT_EXPECT_EQ(test, not,
				b->translations[i].status == VMEM_NON_CANONICAL);
		KUNIT_EXPECT_EQ(test, not,
				b->translations[i].level == b->rules->levels);
	}
}

/* 23: addresses repeat the highest bit */
static void translate_last_page(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;

	bench_put(b, bench_root(b), U64_MAX, 0, bench_leaf(b, bench_data(b, 2)));
	bench_translate(b, &b->space, U64_MAX, &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_OK);
	KUNIT_EXPECT_EQ(test, t.gpa, bench_data(b, 3) - 1);
}

/* 27: the level at which it ends */
static void translate_not_present_at_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level;
	u64 va = 0;

	for (level = 0; level < b->rules->levels; level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), va, level, bench_junk(b));
		bench_check_translate(b, &b->space, &va, 1);
		KUNIT_EXPECT_EQ(test, b->translations[0].status,
				VMEM_NOT_PRESENT);
	}
}

static void translate_malformed_at_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	unsigned int level;

	for (level = 0; level < b->rules->levels; level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level,
			  bench_reserved(b, bench_leaf(b, 0)));
		bench_translate(b, &b->space, 0, &t);
		KUNIT_EXPECT_EQ(test, t.status, VMEM_STATUS_RESERVED);
		KUNIT_EXPECT_EQ(test, t.level, level);
		KUNIT_EXPECT_EQ(test, t.gpa, 0);
	}
}

static void translate_large_page_too_high(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;

	if (b->e->fmt->leaf_levels & BIT(bench_top(b)))
		kunit_skip(test, "a leaf may lie in the root");
	bench_write(b, bench_root(b), 0, bench_large(b, 0));
	bench_translate(b, &b->space, 0, &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_STATUS_RESERVED);
	KUNIT_EXPECT_EQ(test, t.level, bench_top(b));
}

/* 3 */
static void translate_table_outside_at_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_translation t;
	unsigned int level;

	for (level = 1; level < b->rules->levels; level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, level,
			  bench_table_entry(b, bench_outside(b)));
		bench_translate(b, &b->space, 0, &t);
		KUNIT_EXPECT_EQ(test, t.status, VMEM_STATUS_OUTSIDE);
		KUNIT_EXPECT_EQ(test, t.level, level);
	}
}

static void translate_root_outside(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vmem_space space = bench_space(b, bench_outside(b));
	u64 vas[] = { 0, bench_upper(b), bench_upper(b) - 1 };

	bench_check_translate(b, &space, vas, ARRAY_SIZE(vas));
	KUNIT_EXPECT_EQ(test, b->translations[0].status, VMEM_STATUS_OUTSIDE);
	KUNIT_EXPECT_EQ(test, b->translations[0].entry, bench_outside(b));
	KUNIT_EXPECT_EQ(test, b->translations[2].status, VMEM_NON_CANONICAL);
}

/* 25: the leaf's own permissions, and those of all levels together */
static void translate_permissions_of_each_level(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level, without;
	struct vmem_translation t;

	bench_needs_deny(b);
	for (without = 0; without < b->rules->levels; without++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0));
		for (level = 0; level < b->rules->levels; level++) {
			u64 table = bench_path(b, bench_root(b), 0, level);

			if (level == without)
				bench_write(b, table, 0,
					    bench_read_only(b, bench_read(b, table, 0)));
		}
		bench_translate(b, &b->space, 0, &t);
		KUNIT_EXPECT_EQ(test, !(t.leaf & VMEM_W), without == 0);
		KUNIT_EXPECT_FALSE(test, t.effective & VMEM_W);
		KUNIT_EXPECT_TRUE(test, t.effective & VMEM_X);
		for (level = 1; level < b->rules->levels; level++)
			KUNIT_EXPECT_EQ(test, level != without,
					!!(t.path >> (4 * level) & VMEM_W));
	}
}

/* 25: with NXE off, NX doesn't forbid: it is a reserved bit */
static void translate_nx_without_nxe(struct kunit *test)
{
	struct bench *b = bench_begin_cpu(test, 0, true, 0);
	struct vmem_translation t;
	unsigned int level;

	for (level = 0; level < b->rules->levels; level++) {
		bench_reset(b);
		bench_put(b, bench_root(b), 0, 0, bench_leaf(b, 0));
		bench_put(b, bench_root(b), 0, level,
			  bench_read(b, bench_path(b, bench_root(b), 0, level), 0) |
			  BIT_ULL(63));
		bench_translate(b, &b->space, 0, &t);
		KUNIT_EXPECT_EQ(test, t.status, VMEM_STATUS_RESERVED);
		KUNIT_EXPECT_EQ(test, t.level, level);
	}
}

/* Entries of any kind, addresses in any order, any number of them. */
static void fill_at_random(struct bench *b, struct vt_random *random)
{
	u32 part, page, i;

	for (part = 0; part < PART_DATA; part++) {
		for (page = 0; page < 8; page++) {
			u64 table = guest_gpa(&b->guest, part, page);

			for (i = 0; i < 16; i++) {
				u64 gpa = (DATA_FIRST - 20 + vt_random_below(random, 80)) *
					  bench_page(b);
				u64 entry = bench_table_entry(b,
						vt_random_below(random, 128)
						<< b->guest.table_lg2);

				switch (vt_random_below(random, 8)) {
				case 0:
					entry = bench_leaf(b, gpa);
					break;
				case 1:
					entry = bench_large(b, 0);
					break;
				case 2:
					entry = vt_random(random);
					break;
				case 3:
					entry = bench_junk(b);
					break;
				}
				bench_write(b, table,
					    vt_random_below(random, nr_entries(b->rules)),
					    entry);
			}
		}
	}
}

static u64 some_address(struct bench *b, struct vt_random *random)
{
	unsigned int level;
	u64 va = 0;

	/* an entry that is there, most of the time */
	for (level = b->rules->levels; level--;)
		va += vt_random_below(random, nr_entries(b->rules)) *
		      bench_span(b, level);
	va = sign_extend(b->rules, va);
	return vt_random_below(random, 16) ? va : vt_random(random);
}

static void translate_any_tables(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vt_random random = { .state = 1 };
	u64 vas[TRANSLATE_MAX];
	u32 round, i, nr;

	for (round = 0; round < 200 && !b->differs; round++) {
		if (round % 20 == 0)
			bench_reset(b);
		fill_at_random(b, &random);
		nr = vt_random_below(&random, TRANSLATE_MAX + 1);
		for (i = 0; i < nr; i++)
			vas[i] = some_address(b, &random);
		b->guest.random.state = round;
		b->guest.absent_one_in = round % 3 ? 0 : 10;
		b->guest.pause_one_in = round % 2 ? 0 : 2;
		bench_check_translate(b, &b->space, vas, nr);
	}
}

/* An absent table anywhere: the same results, each address once. */
static void translate_absent_everywhere(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vt_random random = { .state = 2 };
	u64 vas[TRANSLATE_MAX], calls;
	u32 i;

	fill_at_random(b, &random);
	for (i = 0; i < TRANSLATE_MAX; i++)
		vas[i] = some_address(b, &random);
	bench_check_translate(b, &b->space, vas, TRANSLATE_MAX);
	calls = b->guest.calls;
	for (i = 1; i <= calls && !b->differs; i++) {
		b->guest.calls = 0;
		b->guest.absent_at = i;
		bench_check_translate(b, &b->space, vas, TRANSLATE_MAX);
	}
}

static void translate_nothing(struct kunit *test)
{
	struct bench *b = bench_begin(test);

	bench_check_translate(b, &b->space, NULL, 0);
}

static struct kunit_case translate_cases[] = {
	EACH_FORMAT(translate_at_each_level),
	EACH_FORMAT(translate_to_address_0),
	EACH_FORMAT(translate_frame_outside),
	EACH_FORMAT(translate_frame_partly_outside),
	EACH_FORMAT(translate_at_each_border),
	EACH_X86_64(translate_tagged),
	EACH_FORMAT(translate_non_canonical),
	EACH_FORMAT(translate_last_page),
	EACH_FORMAT(translate_not_present_at_each_level),
	EACH_FORMAT(translate_malformed_at_each_level),
	EACH_FORMAT(translate_large_page_too_high),
	EACH_FORMAT(translate_table_outside_at_each_level),
	EACH_FORMAT(translate_root_outside),
	EACH_FORMAT(translate_permissions_of_each_level),
	EACH_X86_64(translate_nx_without_nxe),
	EACH_FORMAT(translate_any_tables),
	EACH_FORMAT(translate_absent_everywhere),
	EACH_FORMAT(translate_nothing),
	{}
};

static struct kunit_suite translate_suite = {
	.name = "vmem_translate",
	.test_cases = translate_cases,
};

kunit_test_suite(translate_suite);
