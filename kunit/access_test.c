// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses: what a translation has to have for one, which fault it is else, and what it
 * sets.
 *
 * Points of the behaviour's description that have a case here: 27 (why it fails), 52
 * (shadow stacks), 59 (A of the entries above), 60 (the error code).
 */
#include "bench.h"
#include "../vmem/access.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

#define CASES	20000

/* A path, from the root to the leaf. */
struct way {
	u64 entries[VMEM_LEVELS_MAX];
	unsigned int lowest;	/* level of the leaf */
	unsigned int levels;
};

/* What vmem_translate() says of a path. */
static void translate(const struct engine *e, const struct vmem_facts *facts,
		      const struct way *way, struct vmem_translation *out)
{
	const struct vmem_env env = { .fmt = e->fmt, .facts = facts };
	u32 granted = VMEM_RWXU;
	unsigned int level;
	u16 effective;

	for (level = way->lowest + 1; level < way->levels; level++)
		granted &= e->fmt->perms(way->entries[level], 0);
	*out = (struct vmem_translation){
		.gpa = 0x1000, .level = way->lowest,
		.leaf = vmem_leaf_attrs(&env, way->entries[way->lowest], way->lowest,
					granted, &effective),
	};
	out->effective = effective;
}

static void some_access(struct vt_random *random, struct vmem_access *access)
{
	*access = (struct vmem_access){
		.what = 1U << vt_random_below(random, 3) |
			(u32)vt_random_below(random, 8) << 3,
		.mode = vt_random_below(random, VMEM_MODE_FLAGS + 1),
		.pkru = vt_random(random), .pkrs = vt_random(random),
	};
	/* mostly no key denies anything */
	if (vt_random_below(random, 4))
		access->pkru &= access->pkru >> 7 & access->pkrs;
}

/* Is there such an access, of a vCPU that can be? */
static bool can_be(const struct cpu *cpu, const struct vmem_access *access)
{
	u32 what = access->what;

	return !(what & 8 && what & 16) && !(what & 4 && what & 0x30) &&
	       !(what & 32 && !cpu->cet) && !(cpu->cet && !(access->mode & 1));
}

/* 27, 52, 60 */
static void access_as_the_manual_says(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	const struct engine *e = b->e;
	u64 bits = 0xf800000000000000ULL | 0x67, seen = 0;
	struct cpu cpu = { .phys_bits = 52, .cow = 1 };
	struct vt_random random = { .state = 27 };
	struct vmem_translation out;
	struct vmem_access access;
	struct vmem_facts facts;
	struct vmem_judge judge;
	struct vmem_translation expected;
	struct way way;
	u32 i, level;

	for (i = 0; i < CASES; i++) {
		cpu.cet = vt_random_below(&random, 2);
		cpu.nxe_off = !vt_random_below(&random, 4);
		KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(e, &facts, &cpu));
		way.levels = e->fmt->nr_levels;
		way.lowest = vt_random_below(&random, 3);
		for (level = way.lowest; level < way.levels; level++) {
			/* mostly all is granted */
			way.entries[level] = vt_random_below(&random, 3) ? 0x27 :
					     (vt_random(&random) & bits) | 1;
			if (level == way.lowest)
				way.entries[level] ^= vt_random(&random) & bits & ~1ULL;
			if (level && level == way.lowest)
				way.entries[level] |= 0x80;
			if (cpu.nxe_off)
				way.entries[level] &= ~BIT_ULL(63);
		}
		some_access(&random, &access);
		if (!can_be(&cpu, &access)) {
			KUNIT_EXPECT_EQ(test, -EINVAL,
					e->fmt->judge(&facts, &access, &judge));
			continue;
		}
		KUNIT_ASSERT_EQ(test, 0, e->fmt->judge(&facts, &access, &judge));
		translate(e, &facts, &way, &out);
		expected = out;
		model_judge(b->rules, &cpu, &access, way.entries, &expected);
		KUNIT_EXPECT_EQ(test, expected.status == VMEM_OK,
				vmem_judge_result(&judge, &facts, &out));
		seen |= BIT_ULL(out.status);
		if (!bench_same_translation(&out, &expected))
			KUNIT_FAIL_AND_ABORT(test, "what %x mode %x leaf %llx: %u %x, not %u %x",
					     access.what, access.mode,
					     way.entries[way.lowest], out.status,
					     out.error_code, expected.status,
					     expected.error_code);
	}
	/* each of them was met */
	KUNIT_EXPECT_EQ(test, seen, GENMASK_ULL(VMEM_STATUS_SHADOW, VMEM_STATUS_WRITE) |
			BIT_ULL(VMEM_OK));
}

static unsigned int trees = 300;
module_param(trees, uint, 0444);

/* Tables of which many entries lead to the same ones, by other rights. */
static void some_tables(struct bench *b, struct vt_random *random)
{
	static const unsigned int slots[] = { 0, 1, 2, 511 };
	unsigned int level = b->rules->levels, i;
	u64 table = bench_root(b), below, entry, bits = 0xf800000000000000ULL | 0x166;

	while (level--) {
		below = level ? bench_table(b) : 0;
		for (i = 0; i < ARRAY_SIZE(slots); i++) {
			entry = (vt_random_below(random, 4) ? 0x27 :
				 (vt_random(random) & bits) | 1) | below;
			if (!level)
				entry ^= bench_data(b, i) | (vt_random(random) & bits);
			else if (level < 3 && !vt_random_below(random, 4))
				entry = (entry & ~below) | 0x80 | (vt_random(random) & bits);
			if (!vt_random_below(random, 16))
				entry = vt_random_below(random, 2) ? entry & ~1ULL :
					entry | BIT_ULL(51);
			bench_write(b, table, slots[i], entry);
		}
		table = below;
	}
}

static u64 some_address(const struct bench *b, struct vt_random *random)
{
	static const unsigned int offsets[] = { 0, 4095, 4088, 4090, 4033 };
	static const unsigned int slots[] = { 0, 0, 0, 1, 2, 3, 511 };
	unsigned int level, bits = 12 + 9 * b->rules->levels;
	u64 va = offsets[vt_random_below(random, ARRAY_SIZE(offsets))];

	for (level = 0; level < b->rules->levels; level++)
		va |= (u64)slots[vt_random_below(random, ARRAY_SIZE(slots))] <<
		      (12 + 9 * level);
	/* mostly canonical */
	if (va >> (bits - 1) & 1)
		va |= ~0ULL << (bits - 1);
	if (!vt_random_below(random, 16))
		va ^= BIT_ULL(vt_random_below(random, 64));
	return va;
}

/* 27, 52, 59, 60: through tables, of one page and of two */
static void access_through_tables(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	struct vt_random random = { .state = 60 };
	struct cpu cpu = b->model.cpu;
	struct vmem_access access;
	u64 vas[TRANSLATE_MAX];
	u32 tree, i, n, met = 0;

	for (tree = 0; tree < trees; tree++) {
		bench_reset(b);
		cpu.phys_bits = 48;
		cpu.cet = vt_random_below(&random, 2);
		cpu.nxe_off = !vt_random_below(&random, 4);
		cpu.no_1g = vt_random_below(&random, 2);
		cpu.lam48 = vt_random_below(&random, 2);
		cpu.lam_sup = vt_random_below(&random, 2);
		b->model.cpu = cpu;
		KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(b->e, &b->space.facts, &cpu));
		some_tables(b, &random);
		for (n = 0; n < 16; n++) {
			some_access(&random, &access);
			if (!can_be(&cpu, &access))
				continue;
			access.what |= vt_random_below(&random, 2) *
				       vt_random_below(&random, 64) << 8;
			for (i = 0; i < TRANSLATE_MAX; i++)
				vas[i] = some_address(b, &random);
			b->guest.pause_one_in = vt_random_below(&random, 4) ? 0 : 3;
			b->guest.absent_one_in = vt_random_below(&random, 4) ? 0 : 200;
			met |= bench_check_access(b, &b->space, &access, vas, TRANSLATE_MAX);
			/* and alone */
			met |= bench_check_access(b, &b->space, &access, vas, 1);
			guest_calm(&b->guest);
		}
	}
	KUNIT_EXPECT_EQ(test, met | BIT(VMEM_STATUS_OUTSIDE), GENMASK(VMEM_STATUS_SHADOW, 0));
}

/* Of what some entries lack A and D, others don't. */
static void some_tree(struct bench *b, struct vt_random *random)
{
	static const u32 perms[] = { VMEM_RWXU, VMEM_RWXU, VMEM_RWXU, VMEM_R | VMEM_X | VMEM_U };
	u64 table = bench_root(b), below, entry;
	unsigned int level = b->rules->levels, i;
	const struct cpu *cpu = &b->model.cpu;
	u32 granted;

	while (level--) {
		below = level ? bench_table(b) : 0;
		for (i = 0; i < min(nr_slots(b->rules, level), 4U); i++) {
			granted = perms[vt_random_below(random, ARRAY_SIZE(perms))];
			if (!level || (b->rules->leaves(cpu, level) && !vt_random_below(random, 4)))
				entry = b->rules->leaf(cpu, bench_frame(b, level),
						       granted | VMEM_A | VMEM_D, level);
			else
				entry = b->rules->table(cpu, below, granted) |
					b->rules->accessed_dirty;
			entry &= ~(vt_random(random) & b->rules->accessed_dirty);
			if (!vt_random_below(random, 16))
				entry = vt_random_below(random, 2) ? bench_junk(b) :
					bench_reserved(b, entry);
			bench_write(b, table, i, entry);
		}
		table = below;
	}
}

static u64 some_place(const struct bench *b, struct vt_random *random)
{
	static const unsigned int offsets[] = { 0, 4095, 4088, 4090, 4033 };
	u64 va = offsets[vt_random_below(random, ARRAY_SIZE(offsets))];
	unsigned int level;

	for (level = 0; level < b->rules->levels; level++)
		va += bench_span(b, level) *
		      vt_random_below(random, min(nr_slots(b->rules, level), 4U));
	return sign_extend(b->rules, va);
}

/* All memory is as the model's, which sets bits when an access goes through. */
static void access_sets(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	bool real = engine_is_x86_64(b->e);
	struct vt_random random = { .state = 61 };
	struct vmem_access access;
	u64 vas[TRANSLATE_MAX];
	u32 tree, i, n, absent;

	for (tree = 0; tree < trees; tree++) {
		bench_reset(b);
		b->model.cpu.cet = real && vt_random_below(&random, 2);
		KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(b->e, &b->space.facts, &b->model.cpu));
		some_tree(b, &random);
		for (n = 0; n < 8; n++) {
			do
				some_access(&random, &access);
			while (!can_be(&b->model.cpu, &access));
			if (!real)
				access.what &= 0xf;
			access.what |= vt_random_below(&random, 2) *
				       vt_random_below(&random, 64) << 8;
			for (i = 0; i < TRANSLATE_MAX; i++)
				vas[i] = some_place(b, &random);
			absent = vt_random_below(&random, 4) ? 0 : 100;
			b->guest.absent_one_in = absent;
			/* alone, and more than a piece has room for */
			bench_check_set(b, &access, vas, 1, !absent);
			bench_check_set(b, &access, vas, TRANSLATE_MAX / 4, !absent);
			guest_calm(&b->guest);
		}
	}
}

#define SETS_WRITE	(VMEM_ACCESS_WRITE | VMEM_ACCESS_USER)

/* Tables down to a leaf, at 0, that lacks A and D; those of @has have A. */
static void lacking(struct bench *b, u32 has)
{
	u64 accessed = b->rules->accessed_dirty & ~b->rules->dirty, table, entry;
	unsigned int level;

	bench_reset(b);
	bench_put(b, bench_root(b), 0, 0,
		  b->rules->leaf(&b->model.cpu, bench_data(b, 0), VMEM_RWXU, 0));
	for (level = 0; level < b->rules->levels; level++) {
		table = bench_path(b, bench_root(b), 0, level);
		entry = bench_read(b, table, 0) & ~accessed;
		if (level)
			entry = b->rules->widen(&b->model.cpu, entry, VMEM_RWXU);
		bench_write(b, table, 0, has & BIT(level) ? entry | accessed : entry);
	}
	guest_remember(&b->guest, NULL);
}

/* Each entry that lacks its bits is written, and its page told of; no other. */
static void access_sets_what_lacks(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 accessed = b->rules->accessed_dirty & ~b->rules->dirty, table, before;
	struct vmem_translation out;
	unsigned int level;
	u32 has, what;

	for (has = 0; has < BIT(b->rules->levels); has++) {
		for (what = VMEM_ACCESS_READ; what <= VMEM_ACCESS_FETCH; what <<= 1) {
			lacking(b, has);
			KUNIT_EXPECT_EQ(test, 0, bench_run_set(b, what | VMEM_ACCESS_USER, 0,
							       &out));
			KUNIT_EXPECT_EQ(test, out.status, VMEM_OK);
			for (level = 0; level < b->rules->levels; level++) {
				bool dirty = what == VMEM_ACCESS_WRITE && !level;

				table = bench_path(b, bench_root(b), 0, level);
				before = guest_read(&b->model.guest, table, 0);
				KUNIT_EXPECT_EQ(test, b->entries[0][level], before);
				KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), before | accessed |
						(dirty ? b->rules->dirty : 0));
				KUNIT_EXPECT_EQ(test, guest_was_told(&b->guest, table),
						dirty || !(has & BIT(level)));
			}
			KUNIT_EXPECT_FALSE(test, b->guest.told_amiss);
		}
	}
}

/* What isn't to be written is told of before anything is set; where nothing is, it may be. */
static void access_sets_nothing_frozen(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 frozen, accessed = b->rules->accessed_dirty & ~b->rules->dirty, entry;
	u64 behind = bench_span(b, 1), va = behind - 8;
	struct vmem_translation out;
	u32 movable, crosses;

	for (movable = 0; movable < 2; movable++) {
		for (crosses = 0; crosses < 2; crosses++) {
			lacking(b, 0);
			bench_movable(b, movable);
			b->used_frozen = 0;
			frozen = bench_frozen_table(b);
			bench_put(b, bench_root(b), va, 0, bench_read(b, bench_path(b, bench_root(b),
										 0, 0), 0));
			entry = b->rules->rename(&b->model.cpu,
						 bench_read(b, bench_path(b, bench_root(b), 0, 1),
							    0), frozen);
			bench_put(b, bench_root(b), behind, 1, entry);
			bench_write(b, frozen, 0, b->rules->leaf(&b->model.cpu, bench_data(b, 1),
								 VMEM_RWXU, 0));
			KUNIT_EXPECT_EQ(test, -EROFS,
					bench_run_set(b, VMEM_ACCESS_READ | VMEM_ACCESS_USER |
						      (crosses ? 15 << 8 : 0),
						      crosses ? va : behind, &out));
			bench_check_same(b, "frozen");
			bench_write(b, frozen, 0, bench_read(b, frozen, 0) | accessed);
			KUNIT_EXPECT_EQ(test, -EROFS, bench_run_set(b, SETS_WRITE, behind, &out));
			bench_check_same(b, "frozen");
			KUNIT_EXPECT_EQ(test, 0,
					bench_run_set(b, VMEM_ACCESS_READ | VMEM_ACCESS_USER |
						      (crosses ? 15 << 8 : 0),
						      crosses ? va : behind, &out));
			KUNIT_EXPECT_EQ(test, out.status, VMEM_OK);
			KUNIT_EXPECT_NE(test, bench_read(b, bench_root(b), 0) & accessed, 0);
		}
	}
	bench_movable(b, false);
}

/* A vCPU that changes an entry, by the call for a table that it comes with. */
static struct {
	u64 at;		/* this one, and those behind it, */
	u64 times;	/* so many */
	u64 table;
	u64 bits;	/* that count up */
	u64 done;
} flips;

static void flip(struct guest *guest)
{
	u64 entry = guest_read(guest, flips.table, 0), step = flips.bits & -flips.bits;

	if (guest->calls < flips.at || guest->calls - flips.at >= flips.times)
		return;
	flips.done++;
	guest_write(guest, flips.table, 0, (entry & ~flips.bits) |
		    (((entry & flips.bits) + step) & flips.bits));
}

/* Write to 0, as @bits of the entry of @level change @times, from call @at on. */
static int set_meanwhile(struct bench *b, unsigned int level, u64 bits, u64 at, u64 times,
			 struct vmem_translation *out)
{
	int ret;

	flips = (typeof(flips)){ .at = at, .times = times, .bits = bits,
				 .table = bench_path(b, bench_root(b), 0, level) };
	guest_calm(&b->guest);
	b->guest.change = flip;
	ret = bench_run_set(b, SETS_WRITE, 0, out);
	b->guest.change = NULL;
	KUNIT_EXPECT_NE(b->test, flips.done, 0);
	return ret;
}

/* What changed since it was judged is judged again, and nothing of it is lost. */
static void access_sets_meanwhile(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	unsigned int level, levels = b->rules->levels;
	u64 dirty = b->rules->dirty, accessed = b->rules->accessed_dirty & ~dirty;
	u64 soft = b->rules->software & -b->rules->software, at, leaf, table, entry;
	struct vmem_translation out;

	/* the first calls translate, so many see what can be written, so many write */
	for (level = 0; level < levels; level++) {
		table = 0;
		for (at = levels + 1; at <= 3 * levels - level; at++) {
			lacking(b, 0);
			table = bench_path(b, bench_root(b), 0, level);
			entry = bench_read(b, table, 0);
			KUNIT_EXPECT_EQ(test, 0, set_meanwhile(b, level, soft, at, 1, &out));
			KUNIT_EXPECT_EQ(test, out.status, VMEM_OK);
			KUNIT_EXPECT_EQ(test, b->entries[0][level] & ~accessed, entry | soft);
			KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), entry | soft | accessed |
					(level ? 0 : dirty));
			/* not present: then what is told is that */
			lacking(b, 0);
			leaf = bench_path(b, bench_root(b), 0, 0);
			KUNIT_EXPECT_EQ(test, 0, set_meanwhile(b, level, b->rules->present, at, 1,
							       &out));
			KUNIT_EXPECT_EQ(test, out.status, VMEM_NOT_PRESENT);
			KUNIT_EXPECT_EQ(test, out.level, level);
			KUNIT_EXPECT_EQ(test, bench_read(b, leaf, 0) & (accessed | dirty), 0);
			KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), entry & ~b->rules->present);
			/* A or D: it was judged already */
			lacking(b, 0);
			KUNIT_EXPECT_EQ(test, 0, set_meanwhile(b, level, level ? dirty : accessed,
							       at, 1, &out));
			KUNIT_EXPECT_EQ(test, b->entries[0][level], entry);
			KUNIT_EXPECT_EQ(test, bench_read(b, table, 0), entry | accessed | dirty);
		}
	}
	/* again and again: it ends, and then it is done */
	lacking(b, (u32)~BIT(0));
	leaf = bench_path(b, bench_root(b), 0, 0);
	entry = bench_read(b, leaf, 0);
	KUNIT_EXPECT_EQ(test, -EBUSY, set_meanwhile(b, 0, b->rules->software, 1, U64_MAX, &out));
	KUNIT_EXPECT_EQ(test, bench_read(b, leaf, 0) & ~b->rules->software, entry);
	KUNIT_EXPECT_EQ(test, 0, bench_run_set(b, SETS_WRITE, 0, &out));
	KUNIT_EXPECT_EQ(test, bench_read(b, leaf, 0) & ~b->rules->software,
			entry | accessed | dirty);
}

/* A page of a shadow stack is none without D. */
static void access_sets_no_shadow(struct kunit *test)
{
	struct bench *b = bench_begin_cet(test);
	u64 accessed = b->rules->accessed_dirty & ~b->rules->dirty, leaf, entry;
	u32 what = VMEM_ACCESS_WRITE | VMEM_ACCESS_USER | VMEM_ACCESS_SHADOW;
	struct vmem_translation out;

	lacking(b, 0);
	leaf = bench_path(b, bench_root(b), 0, 0);
	entry = bench_read_only(b, bench_read(b, leaf, 0)) | b->rules->dirty;
	bench_write(b, leaf, 0, entry);
	flips = (typeof(flips)){ .at = b->rules->levels + 1, .times = 1, .table = leaf,
				 .bits = b->rules->dirty };
	guest_calm(&b->guest);
	b->guest.change = flip;
	KUNIT_EXPECT_EQ(test, 0, bench_run_set(b, what, 0, &out));
	b->guest.change = NULL;
	KUNIT_EXPECT_EQ(test, flips.done, 1);
	KUNIT_EXPECT_EQ(test, out.status, VMEM_STATUS_SHADOW);
	KUNIT_EXPECT_EQ(test, bench_read(b, leaf, 0), entry & ~b->rules->dirty);
	/* and with it, it is */
	guest_write(&b->guest, leaf, 0, entry);
	KUNIT_EXPECT_EQ(test, 0, bench_run_set(b, what, 0, &out));
	KUNIT_EXPECT_EQ(test, out.status, VMEM_OK);
	KUNIT_EXPECT_EQ(test, bench_read(b, leaf, 0), entry | accessed);
}

static struct kunit_case access_cases[] = {
	EACH_X86_64(access_as_the_manual_says),
	EACH_X86_64(access_through_tables),
	EACH_FORMAT(access_sets),
	EACH_FORMAT(access_sets_what_lacks),
	EACH_FORMAT(access_sets_nothing_frozen),
	EACH_FORMAT(access_sets_meanwhile),
	EACH_X86_64(access_sets_no_shadow),
	{}
};

static struct kunit_suite access_suite = {
	.name = "vmem_access",
	.test_cases = access_cases,
};

kunit_test_suite(access_suite);
