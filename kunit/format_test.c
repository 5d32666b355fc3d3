// SPDX-License-Identifier: GPL-2.0-only
/*
 * The formats: what each bit of an entry means, against the manuals' rules.
 *
 * Points of the behaviour's description that have a case here: 7 (width of
 * addresses), 8 and 9 (default leaves, Cow, and what protecting makes of them),
 * 10 (table entries), 25 (NXE off makes bit 63 reserved), 29 (a table entry that
 * names another table), and of large leaves the PAT bit's place.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS
DEFINE_X86_64_PARAMS

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
	    (e->fmt->path(e->fmt->nibble(entry)) != decoded.attrs ||
	     e->fmt->entry_phys(facts, entry, level, class) != decoded.gpa))
		KUNIT_FAIL_AND_ABORT(test, "table entry %llx level %u: perms %x",
				     entry, level, e->fmt->path(e->fmt->nibble(entry)));
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

/* 8: P, A, D; RW if writable; NX if not executable; nothing else */
static void make_leaf_default_bits(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = 1 };
	struct vmem_facts facts;
	u64 gpa = 3ULL << e->fmt->page_lg2;
	u32 attrs, nxe_off;

	for (nxe_off = 0; nxe_off < 2; nxe_off++) {
		cpu.nxe_off = nxe_off;
		if (engine_facts(e, &facts, 0, nxe_off ? VMEM_VCPU_NXE_OFF : 0, 0)) {
			KUNIT_EXPECT_TRUE(test, nxe_off && !engine_is_x86_64(e));
			continue;
		}
		for (attrs = 0; attrs < 0x10000; attrs++) {
			int ret = e->fmt->can_map(&facts, attrs, 0);

			if (!e->rules->expressible(&cpu, attrs)) {
				KUNIT_ASSERT_EQ(test, ret, -EOPNOTSUPP);
				continue;
			}
			KUNIT_ASSERT_EQ(test, ret, 0);
			KUNIT_ASSERT_EQ(test, e->rules->leaf(&cpu, gpa, attrs),
					e->fmt->make_leaf(&facts, attrs, 0, gpa));
		}
	}
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
		KUNIT_EXPECT_EQ(test, perms, e->fmt->path(e->fmt->nibble(entry)));
	}
}

/* 29: all bits but those of the address are as they were */
static void move_table_keeps_the_rest(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = 1 };
	struct vt_random random = { .state = 6 };
	struct vmem_facts facts;
	u64 entry, gpa;
	u32 i, moved = 0;

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
		KUNIT_ASSERT_EQ(test, e->rules->rename(&cpu, entry, gpa),
				e->fmt->move_table(&facts, entry, vmem_table(gpa), 0));
	}
	KUNIT_EXPECT_GE(test, moved, 100);
}

/* 9: of each of a space's software bits */
static void make_leaf_each_cow(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vmem_facts facts;
	u64 gpa = 4ULL << e->fmt->page_lg2;
	u32 cow, attrs;

	for (cow = 1; !engine_facts(e, &facts, 0, 0, cow); cow++) {
		struct cpu cpu = { .phys_bits = e->fmt->phys_bits, .cow = cow };

		for (attrs = 0; attrs < 2 * VMEM_COW; attrs++) {
			if (!e->rules->expressible(&cpu, attrs))
				continue;
			KUNIT_ASSERT_EQ(test, 0, e->fmt->can_map(&facts, attrs, 0));
			KUNIT_ASSERT_EQ(test, e->rules->leaf(&cpu, gpa, attrs),
					e->fmt->make_leaf(&facts, attrs, 0, gpa));
			KUNIT_ASSERT_EQ(test, e->rules->leaf(&cpu, 0, attrs) |
					      e->rules->large,
					e->fmt->make_leaf(&facts, attrs, 1, 0));
		}
	}
	KUNIT_EXPECT_GE(test, cow, 4);
}

/* 9: any leaf, whatever is set and cleared of what can be */
static void protect_any_leaf(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	struct vt_random random = { .state = 7 };
	struct vmem_facts facts;
	struct cpu cpu = {};
	u32 i, set, clear, done = 0;
	u64 leaf;

	for (i = 0; i < 100000; i++) {
		cpu.phys_bits = e->fmt->phys_bits;
		cpu.nxe_off = i & 1 && engine_is_x86_64(e);
		cpu.cow = 1 + i / 2 % 3;
		KUNIT_ASSERT_EQ(test, 0,
				engine_facts(e, &facts, 0, cpu.nxe_off ?
					      VMEM_VCPU_NXE_OFF : 0, cpu.cow));
		set = BIT(vt_random_below(&random, 12)) |
		      BIT(vt_random_below(&random, 12));
		clear = BIT(vt_random_below(&random, 12)) |
			BIT(vt_random_below(&random, 12));
		set &= i & 4 ? U32_MAX : 0;
		clear &= i & 8 ? ~set : 0;
		KUNIT_ASSERT_EQ(test, e->rules->protectable(&cpu, set, clear) ?
				0 : -EOPNOTSUPP,
				e->fmt->can_protect(&facts, set, clear));
		leaf = vt_random(&random);
		if (i & 16)
			leaf &= vt_random(&random) & vt_random(&random);
		leaf |= e->rules->present;
		/* the toy's are malformed but for one in 512 */
		if (e == &engine_toy)
			leaf &= ~(e->rules->reserved | 0xff0);
		if (!e->rules->protectable(&cpu, set, clear) ||
		    e->fmt->classify(&facts, leaf, 0) != VMEM_CLASS_LEAF)
			continue;
		done++;
		KUNIT_ASSERT_EQ(test, e->rules->protect(&cpu, leaf, set, clear),
				e->fmt->protect(&facts, leaf, 0, set, clear));
	}
	KUNIT_EXPECT_GE(test, done, 100);
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
	EACH_FORMAT(make_leaf_default_bits),
	EACH_FORMAT(make_table_default_bits),
	EACH_FORMAT(make_table_grants_what_is_said),
	EACH_FORMAT(move_table_keeps_the_rest),
	EACH_FORMAT(make_leaf_each_cow),
	EACH_FORMAT(protect_any_leaf),
	{}
};

static struct kunit_suite format_suite = {
	.name = "vmem_format",
	.test_cases = format_cases,
};

kunit_test_suite(format_suite);

MODULE_DESCRIPTION("Tests of vmem's page-table engine");
MODULE_LICENSE("GPL");
