// SPDX-License-Identifier: GPL-2.0-only
/*
 * The formats: what each bit of an entry means, against the manuals' rules.
 *
 * Points of the behaviour's description that have a case here: 7 (width of
 * addresses), 8 and 9 (default leaves, Cow, and what protecting makes of them),
 * 10 (table entries), 25 (NXE off makes bit 63 reserved), 29 (a table entry that
 * names another table), 58 (what splitting and promoting make of leaves), and of
 * large leaves the PAT bit's place.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

static unsigned int attrs_stride = 10007;
module_param(attrs_stride, uint, 0444);
MODULE_PARM_DESC(attrs_stride, "try each so many-th combination of attributes");

static const u32 widths[] = { 0, 36, 40, 48, 52 };

static enum vmem_class class_of(enum decoded_kind kind)
{
	switch (kind) {
	case IS_HOLE:
		return VMEM_CLASS_NONE;
	case IS_TABLE:
		return VMEM_CLASS_TABLE;
	case IS_LEAF:
		return VMEM_CLASS_LEAF;
	case IS_RESERVED:
		return VMEM_CLASS_RESERVED;
	case IS_LARGE:
		return VMEM_CLASS_LARGE;
	}
	return VMEM_CLASS_NONE;
}

static u32 attrs_of(const struct engine *e, const struct vmem_facts *facts,
		    u64 entry, unsigned int level)
{
	const struct vmem_env env = { e->fmt, NULL, NULL, facts, NULL };
	u16 effective;

	return vmem_leaf_attrs(&env, entry, level, VMEM_RWXU, &effective);
}

static void check_entry(struct kunit *test, const struct engine *e,
			const struct vmem_facts *facts, const struct cpu *cpu,
			u64 entry, unsigned int level)
{
	struct decoded decoded;
	enum vmem_class class = e->fmt->classify(facts, entry, level);

	e->rules->decode(cpu, entry, level, &decoded);
	if (class != class_of(decoded.kind))
		KUNIT_FAIL_AND_ABORT(test, "entry %llx level %u: class %u",
				     entry, level, class);
	if (class == VMEM_CLASS_LEAF &&
	    (attrs_of(e, facts, entry, level) != decoded.attrs ||
	     e->fmt->entry_phys(facts, entry, level, class) != decoded.gpa))
		KUNIT_FAIL_AND_ABORT(test, "leaf %llx level %u: attrs %x gpa %llx",
				     entry, level,
				     attrs_of(e, facts, entry, level),
				     e->fmt->entry_phys(facts, entry, level, class));
	if (class == VMEM_CLASS_TABLE &&
	    (e->fmt->perms(entry, level) != decoded.attrs << 4 * level ||
	     e->fmt->entry_phys(facts, entry, level, class) != decoded.gpa))
		KUNIT_FAIL_AND_ABORT(test, "table entry %llx level %u: perms %x",
				     entry, level, e->fmt->perms(entry, level));
	if (!(entry & e->fmt->present) != (class == VMEM_CLASS_NONE))
		KUNIT_FAIL_AND_ABORT(test, "entry %llx: the bit for present",
				     entry);
}

/* Each bit alone, each pair, and with all others set; then at random. */
static void check_entries(struct kunit *test, const struct engine *e,
			  const struct vmem_facts *facts, const struct cpu *cpu)
{
	struct vt_random random = { .state = cpu->phys_bits };
	unsigned int level, i, j;

	for (level = 0; level < e->rules->levels; level++) {
		for (i = 0; i < 64; i++)
			for (j = 0; j < 64; j++) {
				u64 two = BIT_ULL(i) | BIT_ULL(j);

				check_entry(test, e, facts, cpu, two, level);
				check_entry(test, e, facts, cpu,
					    two | e->rules->present, level);
				check_entry(test, e, facts, cpu, ~two, level);
			}
		for (i = 0; i < 5000; i++) {
			u64 entry = vt_random(&random);

			entry |= i & 1 ? e->rules->present : 0;
			entry &= i & 2 ? vt_random(&random) |
				 e->rules->present | e->rules->large : U64_MAX;
			check_entry(test, e, facts, cpu, entry, level);
		}
	}
}

/* 7, 25: every width of an address, with and without NXE */
static void classify_agrees_with_the_manual(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	u32 i, nxe_off, cow;

	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		for (nxe_off = 0; nxe_off < 2; nxe_off++) {
			struct vmem_facts facts;
			struct cpu cpu = {
				.phys_bits = widths[i] ?: e->fmt->phys_bits,
				.nxe_off = nxe_off,
			};

			for (cow = 0; cow < 4; cow++) {
				if (engine_facts(e, &facts, widths[i], nxe_off ?
						  VMEM_VCPU_NXE_OFF : 0, cow))
					continue;
				cpu.cow = cow ?: 1;
				check_entries(test, e, &facts, &cpu);
			}
		}
	}
}

/* 49 to 52: and for each vCPU, at each level */
static void classify_each_vcpu(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	u32 i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(each_cpu); i++) {
		struct cpu cpu = each_cpu[i];

		cpu.phys_bits = min_t(u32, cpu.phys_bits ?: U32_MAX,
				      e->fmt->phys_bits);
		if (engine_cpu_facts(e, &facts, &cpu))
			continue;
		check_entries(test, e, &facts, &cpu);
		nr++;
	}
	KUNIT_EXPECT_GE(test, nr, engine_is_x86_64(e) ? ARRAY_SIZE(each_cpu) : 2);
}

/* What no vCPU is */
static void facts_contradict(struct kunit *test)
{
	static const struct vmem_vcpu bad[] = {
		{ .enc_bit = 31 }, { .enc_bit = 52 }, { .enc_bit = U32_MAX },
		{ .flags = VMEM_VCPU_ENC_SHARED },
		{ .flags = VMEM_VCPU_COW_NONE, .cow = 1 },
		{ .flags = VMEM_VCPU_UAI | VMEM_VCPU_LAM48 },
		{ .flags = VMEM_VCPU_UAI | VMEM_VCPU_LAM57 },
		{ .flags = VMEM_VCPU_UAI | VMEM_VCPU_LAM_SUP },
	};
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
				    e->fmt->facts(e->fmt, &facts, &bad[i]),
				    "%u", i);
}

/* 49: bit 8 of what names a table, level by level: only AMD's two top ones */
static void classify_bit_8_of_amd(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts amd, intel;
	unsigned int level;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &amd, 0, VMEM_VCPU_AMD, 0));
	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &intel, 0, 0, 0));
	for (level = 1; level < e->rules->levels; level++) {
		KUNIT_EXPECT_EQ(test, e->fmt->classify(&intel, 0x101, level),
				VMEM_CLASS_TABLE);
		KUNIT_EXPECT_EQ(test, e->fmt->classify(&amd, 0x101, level),
				level < 3 ? VMEM_CLASS_TABLE : VMEM_CLASS_RESERVED);
	}
}

/* 7: with 52 bits none is reserved, with fewer those above are */
static void classify_reserved_address_bits(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	unsigned int level, bit;
	u32 i;

	for (i = 1; i < ARRAY_SIZE(widths); i++) {
		KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, widths[i], 0, 0));
		for (level = 0; level < e->rules->levels; level++)
			for (bit = 32; bit < 52; bit++)
				KUNIT_EXPECT_EQ_MSG(test, bit >= widths[i],
					e->fmt->classify(&facts,
							 1 | BIT_ULL(bit),
							 level) ==
					VMEM_CLASS_RESERVED,
					"width %u bit %u level %u", widths[i],
					bit, level);
	}
}

/* 25: bit 63 is malformed at every level when NXE is off */
static void classify_nx_without_nxe(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts on, off;
	unsigned int level;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &on, 0, 0, 0));
	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &off, 0, VMEM_VCPU_NXE_OFF, 0));
	for (level = 0; level < e->rules->levels; level++) {
		KUNIT_EXPECT_EQ(test, VMEM_CLASS_RESERVED,
				e->fmt->classify(&off, 1 | BIT_ULL(63), level));
		KUNIT_EXPECT_NE(test, VMEM_CLASS_RESERVED,
				e->fmt->classify(&on, 1 | BIT_ULL(63), level));
		KUNIT_EXPECT_EQ(test, VMEM_CLASS_NONE,
				e->fmt->classify(&off, BIT_ULL(63), level));
	}
}

static void classify_large_page_too_high(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	unsigned int level;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, 0, 0, 0));
	for (level = 1; level < e->rules->levels; level++)
		KUNIT_EXPECT_EQ(test, e->fmt->classify(&facts, 0x81, level),
				level <= 2 ? VMEM_CLASS_LEAF : VMEM_CLASS_LARGE);
}

static void leaf_attrs_pat_of_each_size(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, 0, 0, 0));
	KUNIT_EXPECT_TRUE(test, e->fmt->leaf_attrs(&facts, 0x81, 0) & VMEM_PAT);
	KUNIT_EXPECT_FALSE(test, e->fmt->leaf_attrs(&facts, 0x81, 1) & VMEM_PAT);
	KUNIT_EXPECT_TRUE(test, e->fmt->leaf_attrs(&facts, 0x1081, 1) & VMEM_PAT);
	KUNIT_EXPECT_TRUE(test, e->fmt->leaf_attrs(&facts, 0x1081, 2) & VMEM_PAT);
	KUNIT_EXPECT_FALSE(test, e->fmt->leaf_attrs(&facts, 0x1001, 0) & VMEM_PAT);
	/* and it is no part of the address */
	KUNIT_EXPECT_EQ(test, 0x200000ULL,
			e->fmt->entry_phys(&facts, 0x201081, 1, VMEM_CLASS_LEAF));
}

/* 9: Cow only if the software bits are exactly what the space says */
static void leaf_attrs_cow_exactly(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	u32 cow, bits;

	for (cow = 1; cow < 8; cow++) {
		KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, 0, 0, cow));
		for (bits = 0; bits < 8; bits++)
			KUNIT_EXPECT_EQ(test, bits == cow,
				!!(e->fmt->leaf_attrs(&facts, 1 | bits << 9, 0) &
				   VMEM_COW));
	}
	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, 0, 0, 0));
	KUNIT_EXPECT_TRUE(test, e->fmt->leaf_attrs(&facts, 0x201, 0) & VMEM_COW);
}

static void facts_refused(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;

	KUNIT_EXPECT_EQ(test, -EINVAL, engine_facts(e, &facts, e->fmt->phys_bits + 1, 0, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, engine_facts(e, &facts, 7, 0, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, engine_facts(e, &facts, 0, 0, 8));
	KUNIT_EXPECT_EQ(test, 0, engine_facts(e, &facts, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, e->fmt->phys_bits, facts.vcpu.phys_bits);
}

/* Is there such a vCPU of this format? */
static bool vcpu_of(const struct engine *e, u32 i, struct cpu *cpu,
		    struct vmem_facts *facts)
{
	*cpu = each_cpu[i];
	cpu->phys_bits = min_t(u32, cpu->phys_bits ?: U32_MAX, e->fmt->phys_bits);
	return !engine_cpu_facts(e, facts, cpu);
}

static void check_make_leaf(struct kunit *test, const struct engine *e,
			    const struct vmem_facts *facts, const struct cpu *cpu,
			    u32 attrs, unsigned int level)
{
	u64 gpa = 3ULL << e->fmt->entry_lg2(level), leaf;
	int ret = e->fmt->can_map(facts, attrs, level);
	struct decoded decoded;

	KUNIT_ASSERT_EQ(test, ret, e->rules->expressible(cpu, attrs) ? 0 : -EOPNOTSUPP);
	if (ret)
		return;
	leaf = e->fmt->make_leaf(facts, attrs, level, gpa);
	KUNIT_ASSERT_EQ(test, e->rules->leaf(cpu, gpa, attrs, level), leaf);
	/* and back */
	e->rules->decode(cpu, leaf, level, &decoded);
	KUNIT_ASSERT_EQ(test, decoded.kind, IS_LEAF);
	KUNIT_ASSERT_EQ(test, decoded.gpa, gpa);
	/* those of software may say Cow, and aren't read */
	KUNIT_ASSERT_EQ(test, (decoded.attrs ^ attrs) &
			~(VMEM_SOFT | (attrs & VMEM_SOFT ? VMEM_COW : 0)), 0);
	KUNIT_ASSERT_EQ(test, attrs_of(e, facts, leaf, level), decoded.attrs);
}

/* 8: a leaf of each level has what was asked for, and nothing else */
static void make_leaf_each_attribute(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vt_random random = { .state = 8 };
	unsigned int level;
	u32 i, attrs;

	for (i = 0; i < ARRAY_SIZE(each_cpu); i++) {
		struct vmem_facts facts;
		struct cpu cpu;

		if (!vcpu_of(e, i, &cpu, &facts))
			continue;
		for (level = 0; level < e->rules->levels; level++) {
			if (!e->rules->leaves(&cpu, level))
				continue;
			for (attrs = 0; attrs < 0x10000; attrs++)
				check_make_leaf(test, e, &facts, &cpu, attrs, level);
			for (attrs = 0x10000; attrs; attrs <<= 1)
				check_make_leaf(test, e, &facts, &cpu,
						attrs | VMEM_R | VMEM_X, level);
			for (attrs = 0; attrs < 3000; attrs++)
				check_make_leaf(test, e, &facts, &cpu,
						vt_random(&random), level);
		}
	}
}

/* 8: and each combination of them, of a vCPU that can have all; small ones, and large */
static void make_leaf_each_combination(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = 1, .enc_bit = 51 };
	struct vmem_facts facts;
	unsigned int level;
	u32 attrs;

	if (!(e->rules->attrs & VMEM_ENC))
		cpu.enc_bit = 0;
	KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(e, &facts, &cpu));
	for (level = 0; level < 2; level++) {
		for (attrs = 0; attrs <= e->rules->attrs; attrs += attrs_stride)
			check_make_leaf(test, e, &facts, &cpu, attrs, level);
		cond_resched();
	}
}

/* 8: bit by bit: what is asked of x86-64 */
static void make_leaf_literal(struct kunit *test)
{
	static const struct {
		u32 attrs;
		unsigned int level;
		u64 leaf;
	} cases[] = {
		{ VMEM_R | VMEM_X, 0, 0x1 },
		{ VMEM_R, 0, 0x8000000000000001 },
		{ VMEM_R | VMEM_X | VMEM_W | VMEM_U, 0, 0x7 },
		{ VMEM_R | VMEM_X | VMEM_PWT | VMEM_PCD, 0, 0x19 },
		{ VMEM_R | VMEM_X | VMEM_A | VMEM_D, 0, 0x61 },
		{ VMEM_R | VMEM_X | VMEM_G, 0, 0x101 },
		{ VMEM_R | VMEM_X | VMEM_PAT, 0, 0x81 },
		{ VMEM_R | VMEM_X | VMEM_PAT, 1, 0x1081 },
		{ VMEM_R | VMEM_X | VMEM_PAT, 2, 0x1081 },
		{ VMEM_R | VMEM_X | VMEM_G, 2, 0x181 },
		{ VMEM_R | VMEM_X | VMEM_COW, 1, 0x281 },
		{ VMEM_R | VMEM_X | 0x1000, 0, 0x0800000000000001 },
		{ VMEM_R | VMEM_X | 0x8000, 1, 0x4000000000000081 },
		{ VMEM_R | VMEM_X | 0x10000, 0, 0x201 },
		{ VMEM_R | VMEM_X | 0x40000, 0, 0x801 },
		{ VMEM_R | VMEM_X | 0x80000, 0, 0x0010000000000001 },
		{ VMEM_R | VMEM_X | 0x2000000, 0, 0x0400000000000001 },
	};
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, 0, 0, 0));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_EQ(test, 0, e->fmt->can_map(&facts, cases[i].attrs,
							 cases[i].level));
		KUNIT_EXPECT_EQ_MSG(test, cases[i].leaf,
				    e->fmt->make_leaf(&facts, cases[i].attrs,
						      cases[i].level, 0), "%u", i);
	}
	for (i = 26; i < 32; i++)
		KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
				e->fmt->can_map(&facts, VMEM_R | VMEM_X | BIT(i), 0));
	/* beside Cow those bits that say it can't be had, the others can */
	for (i = 16; i < 26; i++)
		KUNIT_EXPECT_EQ(test, i < 19 ? -EOPNOTSUPP : 0,
				e->fmt->can_map(&facts, VMEM_R | VMEM_X | VMEM_COW |
						BIT(i), 0));
}

/* 10: P, RW, A, supervisor, never NX */
static void make_table_default_bits(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = 1 };
	u64 gpa = 3ULL << e->fmt->page_lg2;
	struct vmem_facts facts;

	KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(e, &facts, &cpu));
	KUNIT_EXPECT_EQ(test,
			e->rules->table(&cpu, gpa, VMEM_R | VMEM_W | VMEM_X),
			e->fmt->make_table(&facts, vmem_table(gpa),
					   VMEM_R | VMEM_W | VMEM_X));
}

static void make_table_grants_what_is_said(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = 1 };
	u64 gpa = 5ULL << e->fmt->page_lg2, entry;
	struct vmem_facts facts;
	u32 perms;

	KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(e, &facts, &cpu));
	for (perms = 0; perms <= VMEM_RWXU; perms++) {
		if (!e->rules->path_expressible(&cpu, perms))
			continue;
		entry = e->fmt->make_table(&facts, vmem_table(gpa), perms);
		KUNIT_EXPECT_EQ(test, entry, e->rules->table(&cpu, gpa, perms));
		KUNIT_EXPECT_EQ(test, perms, e->fmt->perms(entry, 0));
	}
}

/* 29: all bits but those of the address are as they were, or grant more */
static void move_table_keeps_the_rest(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = 1 };
	struct vt_random random = { .state = 6 };
	struct vmem_facts facts;
	u32 i, perms, moved = 0;
	u64 entry, gpa;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, 0, 0, 0));
	for (i = 0; i < 5000; i++) {
		entry = vt_random(&random);
		/* where many bits are reserved, few of them */
		if (i & 1)
			entry &= vt_random(&random) & vt_random(&random) &
				 vt_random(&random);
		entry |= e->rules->present;
		if (e->fmt->classify(&facts, entry, 1) != VMEM_CLASS_TABLE)
			continue;
		gpa = (u64)vt_random_below(&random, 1 << 10) << e->fmt->page_lg2;
		moved++;
		perms = i & 2 ? 0 : vt_random_below(&random, 16);
		KUNIT_ASSERT_EQ(test,
				e->rules->widen(&cpu, e->rules->rename(&cpu, entry, gpa),
						perms),
				e->fmt->move_table(&facts, entry, vmem_table(gpa),
						   perms));
	}
	KUNIT_EXPECT_GE(test, moved, 100);
}

/* 9: of each of a space's software bits */
static void make_leaf_each_cow(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	u32 cow, attrs;

	for (cow = 1; !engine_facts(e, &facts, 0, 0, cow); cow++) {
		struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = cow };

		for (attrs = 0; attrs < 2 * VMEM_COW; attrs++) {
			check_make_leaf(test, e, &facts, &cpu, attrs, 0);
			check_make_leaf(test, e, &facts, &cpu, attrs, 1);
		}
	}
	KUNIT_EXPECT_GE(test, cow, 4);
}

/* Any leaf of @level, few of its bits set now and then; whether there is one. */
static bool some_leaf(const struct engine *e, const struct vmem_facts *facts,
		      struct vt_random *random, unsigned int level, u64 *leaf)
{
	*leaf = vt_random(random);
	if (vt_random_below(random, 2))
		*leaf &= vt_random(random) & vt_random(random);
	*leaf |= e->rules->present | (level ? e->rules->large : 0);
	/* an address that isn't a multiple of its size is malformed, most times */
	*leaf &= ~(facts->addr & ~e->fmt->leaf_addr(facts, level));
	/* where that is the place of PAT */
	if (vt_random_below(random, 2) && level && e->rules->large == 0x80)
		*leaf |= 0x1000;
	*leaf &= ~(e->rules->reserved | (facts->tells[0] & ~e->fmt->present));
	return e->fmt->classify(facts, *leaf, level) == VMEM_CLASS_LEAF;
}

/* Some attributes of leaves, of those that some vCPU can have. */
static u32 some_attrs(const struct engine *e, struct vt_random *random)
{
	u32 attrs = vt_random(random) & vt_random(random);

	if (vt_random_below(random, 2))
		attrs &= vt_random(random) & vt_random(random);
	return vt_random_below(random, 16) ? attrs & e->rules->attrs : attrs;
}

/* 9, 52: any leaf of each level, whatever is set and cleared of what can be */
static void protect_any_leaf(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vt_random random = { .state = 7 };
	u32 i, set, clear, done = 0;
	struct vmem_facts facts;
	unsigned int level;
	struct cpu cpu;
	u64 leaf;

	for (i = 0; i < 200000; i++) {
		if (!vcpu_of(e, i % ARRAY_SIZE(each_cpu), &cpu, &facts))
			continue;
		level = vt_random_below(&random, e->rules->levels);
		set = some_attrs(e, &random);
		clear = some_attrs(e, &random) & ~set;
		KUNIT_ASSERT_EQ(test, e->rules->protectable(&cpu, set, clear) ?
				0 : -EOPNOTSUPP,
				e->fmt->can_protect(&facts, set, clear));
		if (!e->rules->protectable(&cpu, set, clear) ||
		    !some_leaf(e, &facts, &random, level, &leaf))
			continue;
		done++;
		KUNIT_ASSERT_EQ(test, e->rules->protect(&cpu, leaf, level, set, clear),
				e->fmt->protect(&facts, leaf, set, clear,
						e->fmt->bits(&facts, set, level),
						e->fmt->bits(&facts, clear, level)));
	}
	KUNIT_EXPECT_GE(test, done, 1000);
}

/* 58: what a large leaf does do the small ones, and the other way round */
static void split_and_join_any_leaf(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vt_random random = { .state = 58 };
	struct decoded large, small, again;
	u64 leaf, first, rest, ad;
	u32 i, done = 0;
	struct vmem_facts facts;
	unsigned int level;
	struct cpu cpu;

	ad = e->rules->accessed_dirty;
	for (i = 0; i < 100000; i++) {
		if (!vcpu_of(e, i % ARRAY_SIZE(each_cpu), &cpu, &facts))
			continue;
		level = 1 + vt_random_below(&random, e->rules->levels - 1);
		if (!some_leaf(e, &facts, &random, level, &leaf))
			continue;
		done++;
		e->rules->decode(&cpu, leaf, level, &large);
		first = e->fmt->split(&facts, leaf, level);
		KUNIT_ASSERT_EQ(test, e->rules->split(&cpu, leaf, level) & ~ad,
				first & ~ad);
		KUNIT_ASSERT_EQ(test, leaf & ad, first & ad);
		e->rules->decode(&cpu, first, level - 1, &small);
		KUNIT_ASSERT_EQ(test, small.kind, IS_LEAF);
		KUNIT_ASSERT_EQ(test, small.gpa, large.gpa);
		KUNIT_ASSERT_EQ(test, small.attrs, large.attrs);
		/* the next one is one step further, all else equal */
		e->rules->decode(&cpu, first + e->fmt->step(level - 1), level - 1,
				 &again);
		KUNIT_ASSERT_EQ(test, again.kind, IS_LEAF);
		KUNIT_ASSERT_EQ(test, again.gpa,
				large.gpa + entry_span(e->rules, level - 1));
		KUNIT_ASSERT_EQ(test, again.rest, small.rest);
		rest = e->fmt->join(&facts, first, level - 1);
		KUNIT_ASSERT_EQ(test, rest, leaf);
		KUNIT_ASSERT_EQ(test, e->rules->join(&cpu, first, level - 1), leaf);
	}
	KUNIT_EXPECT_GE(test, done, 1000);
}

/* 58: on x86-64, bit by bit */
static void split_and_join_literal(struct kunit *test)
{
	static const struct {
		u64 large;
		unsigned int level;
		u64 small;
	} cases[] = {
		/* NX, key, software, G, PCD, PWT, U, A and D stay; PS goes */
		{ 0xfff0000000200fff, 2, 0xfff0000000200fff },
		{ 0xfff0000000200fff & ~0x1000ULL, 1, 0xfff0000000200f7f },
		/* PAT moves */
		{ 0x0000000000201081, 1, 0x0000000000200081 },
		{ 0x0000000040001081, 2, 0x0000000040001081 },
		{ 0x00000000400000e3, 2, 0x00000000400000e3 },
		{ 0x00000000400000a3, 1, 0x0000000040000023 },
	};
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, engine_facts(e, &facts, 0, 0, 0));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_EQ_MSG(test, cases[i].small,
				    e->fmt->split(&facts, cases[i].large,
						  cases[i].level), "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, cases[i].large,
				    e->fmt->join(&facts, cases[i].small,
						 cases[i].level - 1), "%u", i);
	}
}

static struct kunit_case format_cases[] = {
	EACH_FORMAT(classify_agrees_with_the_manual),
	EACH_FORMAT(classify_each_vcpu),
	EACH_X86_64(facts_contradict),
	EACH_X86_64(classify_bit_8_of_amd),
	EACH_X86_64(classify_reserved_address_bits),
	EACH_X86_64(classify_nx_without_nxe),
	EACH_X86_64(classify_large_page_too_high),
	EACH_X86_64(leaf_attrs_pat_of_each_size),
	EACH_X86_64(leaf_attrs_cow_exactly),
	EACH_FORMAT(facts_refused),
	EACH_FORMAT(make_leaf_each_attribute),
	EACH_FORMAT_SLOW(make_leaf_each_combination),
	EACH_X86_64(make_leaf_literal),
	EACH_FORMAT(make_table_default_bits),
	EACH_FORMAT(make_table_grants_what_is_said),
	EACH_FORMAT(move_table_keeps_the_rest),
	EACH_FORMAT(make_leaf_each_cow),
	EACH_FORMAT(protect_any_leaf),
	EACH_FORMAT(split_and_join_any_leaf),
	EACH_X86_64(split_and_join_literal),
	{}
};

static struct kunit_suite format_suite = {
	.name = "vmem_format",
	.test_cases = format_cases,
};

kunit_test_suite(format_suite);

MODULE_DESCRIPTION("Tests of vmem's page-table engine");
MODULE_LICENSE("GPL");
