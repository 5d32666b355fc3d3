// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of changes, by vmem and by the guest, against the model.
 */
#include "bench.h"

DEFINE_ENGINE_PARAMS

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "where the random sequences begin");

static unsigned int sequences = 300;
module_param(sequences, uint, 0444);
MODULE_PARM_DESC(sequences, "random sequences a format");

#define CHANGES		6
#define LIVES		24
#define LIST_MAX	4

static u32 below(struct bench *b, u32 nr)
{
	return vt_random_below(&b->guest.random, nr);
}

/* A page near a place where tables of some level meet. */
static u64 some_page(struct bench *b)
{
	unsigned int level = below(b, b->rules->levels + 1);
	u64 va = bench_span(b, level) * below(b, 3);

	va += bench_page(b) * (below(b, 16) - 8ULL);
	if (below(b, 4) == 0)
		va += bench_upper(b);
	return below(b, 32) ? sign_extend(b->rules, va) : va;
}

static u64 some_len(struct bench *b)
{
	u64 len = bench_page(b) * below(b, below(b, 8) ? 20 : 700);

	return below(b, 64) ? len : len + 1;
}

/* Mostly what tables have by default, so that there is something to go on. */
static u32 some_path(struct bench *b, unsigned int lowest)
{
	u32 path = bench_same_path(b, lowest, bench_granted(b));

	if (below(b, 2))
		path ^= below(b, 16) << (4 * below(b, b->rules->levels));
	return below(b, 32) ? path | VMEM_R << (4 * bench_top(b)) : path << 4;
}

static u32 some_attrs(struct bench *b)
{
	static const u32 attrs[] = {
		VMEM_R, VMEM_W, VMEM_X, VMEM_COW, VMEM_W, VMEM_U, VMEM_A, VMEM_D,
	};

	if (below(b, 64) == 0)
		return BIT(below(b, 32));
	if (below(b, 8) == 0)
		return BIT(below(b, 26)) & b->rules->attrs;
	return attrs[below(b, ARRAY_SIZE(attrs))];
}

/* Bytes that are mapped with large leaves, or with many small ones. */
static u64 some_large(struct bench *b, u64 va, u64 *gpa, u32 levels)
{
	unsigned int top = 31 - __builtin_clz(levels | 1), level;
	u64 span = bench_span(b, top);

	level = below(b, 4) ? top : below(b, top + 1);
	*gpa = va % span + span * below(b, 3);
	if (below(b, 8) == 0)
		*gpa += bench_span(b, below(b, top + 1));
	/* not so many small ones that it takes long */
	if (level > 1 && (*gpa - va) % bench_span(b, 1))
		level = 1;
	return bench_span(b, level) * (1 + below(b, 3)) +
	       (below(b, 2) ? bench_span(b, 0) * below(b, 3) : 0);
}

static struct vmem_mapping some_mapping(struct bench *b)
{
	u64 va = some_page(b), len = some_len(b);
	u32 attrs = VMEM_R, kind = below(b, 16), levels;
	struct vmem_mapping m;

	if (below(b, 2))
		attrs |= VMEM_W;
	if (below(b, 2))
		attrs |= VMEM_X;
	if (below(b, 8) == 0)
		attrs |= VMEM_U;
	if (below(b, 8) == 0)
		attrs ^= BIT(below(b, below(b, 8) ? 16 : 32)) & b->rules->attrs;
	if (below(b, 64) == 0)
		attrs ^= BIT(below(b, 32));
	if (kind < 8 && below(b, 8) == 0)
		len = bench_span(b, below(b, b->rules->levels));
	if (kind < 4)
		return bench_unmapped(va, len);
	if (kind < 6) {
		u32 set = (below(b, 4) ? some_attrs(b) : 0) |
			  (below(b, 2) ? VMEM_R : 0);
		u32 clear = below(b, 2) ? some_attrs(b) : 0;

		return bench_protected(va, len, set,
				       below(b, 16) ? clear & ~set : clear);
	}
	if (kind < 8) {
		len = bench_span(b, below(b, b->rules->levels)) * (1 + below(b, 3));
		va -= va % bench_span(b, 1);
		return bench_promoted(va, len, below(b, 4) ? 0 :
				      1 << (1 + below(b, 3)));
	}
	if (kind < 9)
		return bench_raw(va, below(b, 16) ? bench_junk(b) + below(b, 2) * 0x800 :
				 below(b, 2), len);
	levels = below(b, 16) ? b->rules->leaf_levels : 1 + below(b, 15);
	m = bench_basic(va, bench_page(b) * (DATA_FIRST - 80 + below(b, 120)), len,
			attrs);
	if (below(b, 2)) {
		m = bench_sized(b, m, below(b, 4) ? levels : 0);
		if (below(b, 4))
			m.virt_base -= va % bench_span(b, 1);
		m.len = some_large(b, m.virt_base, &m.phys_base,
				   m.page_sizes ? levels & b->rules->leaf_levels : 3);
	}
	m.ad_given = below(b, 4) == 0;
	if (kind < 10) {
		m.kind = VMEM_KIND_COW;
		if (below(b, 16))
			m.cow.attrs &= ~VMEM_W;
	}
	return below(b, 6) ? m : bench_with_path(m, some_path(b, 1));
}

/* The guest writes an entry of one of its tables, ours or not. */
static void guest_writes(struct bench *b)
{
	unsigned int level = bench_top(b), index;
	u64 table = bench_root(b), va = some_page(b), entry;
	struct decoded decoded;

	for (;; level--) {
		index = entry_index(b->rules, va, level);
		b->rules->decode(&b->model.cpu, bench_read(b, table, index),
				 level, &decoded);
		if (decoded.kind != IS_TABLE || !guest_host(&b->guest, decoded.gpa) ||
		    below(b, 6) == 0)
			break;
		table = decoded.gpa;
	}
	/* no table twice: what is below the old entry is forgotten */
	switch (below(b, 8)) {
	case 0:
		entry = bench_junk(b);
		break;
	case 1:
		entry = bench_reserved(b, bench_leaf(b, 0));
		break;
	case 2:
		entry = level ? bench_large(b, bench_span(b, level)) :
				bench_leaf(b, 0);
		break;
	case 3:
		entry = bench_table_entry(b, bench_outside(b));
		break;
	case 4:
		entry = level && decoded.kind == IS_TABLE ?
			bench_read_only(b, bench_read(b, table, index)) : 0;
		break;
	case 5:
		if (level && b->used_frozen < FROZEN_TABLES && below(b, 2)) {
			entry = bench_table_entry(b, bench_frozen_table(b));
			break;
		}
		if (level && b->used < FOREIGN_TABLES) {
			entry = bench_table_entry(b, bench_table(b));
			break;
		}
		fallthrough;
	case 6:
		/* any page of the pool, in use elsewhere or not at all */
		entry = bench_table_entry(b, guest_gpa(&b->guest, PART_POOL,
						       below(b, POOL_TABLES)));
		break;
	default:
		entry = 0;
	}
	bench_write(b, table, index, entry);
}

/* What changes in two places at once is nobody's promise: not these then. */
static u32 some_flags(struct bench *b)
{
	u32 flags = 0;

	if (below(b, 4) == 0)
		flags |= VMEM_CHANGE_REPLACE;
	if (below(b, 3) == 0 && !model_aliased(&b->model, VMEM_CHANGE_SHARED_OK))
		flags |= VMEM_CHANGE_SHARED_OK;
	if (below(b, 2))
		flags |= VMEM_CHANGE_ALONE;
	if (below(b, 2))
		flags |= VMEM_CHANGE_SPLIT;
	if (below(b, 6) == 0)
		flags |= VMEM_CHANGE_KEEP;
	if (below(b, 4) == 0)
		flags |= VMEM_CHANGE_WIDEN;
	return flags;
}

static void change(struct bench *b)
{
	struct vmem_mapping list[LIST_MAX];
	u32 nr = 1, flags = some_flags(b), i;

	if (below(b, 4) == 0)
		flags |= VMEM_CHANGE_ATOMIC;
	if (below(b, 3) == 0)
		nr = 1 + below(b, LIST_MAX);
	for (i = 0; i < nr; i++)
		list[i] = some_mapping(b);
	/* another call is under way, now and then */
	if (below(b, 8) == 0)
		bench_hold(b, below(b, b->guest.pool.nr_free + 1));
	bench_change(b, list, nr, flags);
	bench_unhold(b);
}

static void link(struct bench *b)
{
	unsigned int level = below(b, b->rules->levels);
	u64 span = bench_span(b, level + 1);
	struct bench_link link = {
		.our_va		= some_page(b) & ~(span - 1),
		.owner		= below(b, 2),
		.their_va	= some_page(b) & ~(span - 1),
		.level		= level,
	};
	u32 flags = some_flags(b) & (VMEM_CHANGE_REPLACE | VMEM_CHANGE_SHARED_OK |
				     VMEM_CHANGE_ALONE);

	if (below(b, 4) == 0)
		flags |= VMEM_CHANGE_MAKE;
	if (below(b, 4) == 0)
		flags = (flags & ~(VMEM_CHANGE_MAKE | VMEM_CHANGE_REPLACE)) |
			VMEM_CHANGE_UNSHARE;
	if (below(b, 64) == 0)
		link.our_va += bench_page(b);
	if (below(b, 4) == 0 && !(flags & VMEM_CHANGE_UNSHARE)) {
		link.path_given = true;
		link.path = some_path(b, level + 1);
	}
	bench_link(b, &link, flags);
}

/*
 * A space leaves its root, and comes again: with a new one, with that of the
 * other one, or with a table that the guest made.
 */
static void drop(struct bench *b, bool foreign)
{
	u32 nr = below(b, 2), kind = below(b, 6);

	if (!b->guest.pool.nr_free)
		return;
	bench_drop_space(b, nr);
	if (kind == 0)
		bench_share_root(b, nr, !nr);
	else if (kind == 1 && foreign && b->used < FOREIGN_TABLES)
		bench_set_root(b, nr, bench_table(b));
	else
		bench_new_space(b, nr);
}

static void check_reading(struct bench *b)
{
	struct vmem_space spaces[2] = { *bench_space_nr(b, 0), b->space };
	u64 vas[16];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vas); i++)
		vas[i] = some_page(b) + below(b, 4096);
	bench_check_translate(b, &b->space, vas, ARRAY_SIZE(vas));
	/* the model's is slow */
	if (below(b, 4) == 0)
		bench_check_walk(b, spaces, 2, 0, U64_MAX,
				 below(b, VMEM_WALK_RESIDENT_ONLY));
}

static void sequence(struct bench *b, u64 nr)
{
	u32 i;

	bench_reset(b);
	b->guest.random.state = nr * 0x9e3779b97f4a7c15ULL;
	/* a root of the guest's own, now and then */
	if (below(b, 4) == 0)
		bench_adopt(b, below(b, 2) ? bench_table(b) : bench_frozen_table(b));
	bench_movable(b, below(b, 2));
	bench_new_space(b, 1);
	if (below(b, 4) == 0) {
		b->guest.absent_one_in = 8;
		b->guest.pause_one_in = 2;
		b->recheck = below(b, 2) * 20;
		b->elsewhere = below(b, 64) == 0;
	}
	b->quick = true;
	for (i = 0; i < CHANGES && !b->differs; i++) {
		if (below(b, 3) == 0)
			guest_writes(b);
		if (below(b, 3) == 0)
			bench_flushed(b);
		if (below(b, 4) == 0)
			bench_use(b, !b->guest.space);
		if (below(b, 6) == 0)
			drop(b, true);
		if (b->guest.movable && below(b, 8) == 0)
			bench_freeze(b, !b->guest.foreign_frozen);
		if (below(b, 5) == 0)
			link(b);
		else
			change(b);
	}
	b->quick = false;
	b->recheck = 0;
	b->elsewhere = false;
	if (!b->differs)
		bench_check_same(b, "sequence");
	if (!b->differs)
		check_reading(b);
}

/* The guest takes away an entry, wherever one is on the way to an address. */
static void guest_clears(struct bench *b)
{
	unsigned int level = below(b, b->rules->levels);
	u64 va = some_page(b), table = bench_find(b, bench_root(b), va, &level);

	bench_write(b, table, entry_index(b->rules, va, level), 0);
}

/*
 * Tables come, are hidden by the guest, go, and come again: when the last space
 * is gone, none is left, whatever happened before.
 */
static void lives(struct bench *b, u64 nr)
{
	u64 span;
	u32 i;

	bench_reset(b);
	b->guest.random.state = nr * 0x9e3779b97f4a7c15ULL;
	bench_new_space(b, 1);
	b->quick = true;
	for (i = 0; i < LIVES && !b->differs; i++) {
		switch (below(b, 8)) {
		case 0:
			bench_flushed(b);
			break;
		case 1:
			guest_clears(b);
			break;
		case 2:
			span = bench_span(b, 1 + below(b, b->rules->levels - 1));
			bench_unmap(b, some_page(b) & ~(span - 1), span);
			break;
		case 3:
			if (below(b, 4) == 0)
				drop(b, false);
			else if (below(b, 2))
				link(b);
			else
				bench_use(b, !b->guest.space);
			break;
		default:
			bench_map(b, some_page(b), bench_data(b, 0),
				  bench_page(b), VMEM_R, 0);
		}
	}
	b->quick = false;
	for (i = 0; i < 2 && !b->differs; i++)
		bench_drop_space(b, i);
	b->differs |= b->guest.pool.nr_used;
	KUNIT_EXPECT_EQ(b->test, b->guest.pool.nr_used, 0);
}

static void tables_end_with_the_last_space(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u32 some = (sequences + 3) / 4;	/* they are longer */
	u64 nr;

	kunit_info(test, "seed=%u sequences=%u", seed, some);
	for (nr = seed; nr < (u64)seed + some; nr++) {
		lives(b, nr);
		if (b->differs) {
			KUNIT_FAIL(test, "again with seed=%llu sequences=1", nr);
			return;
		}
		cond_resched();
	}
}

static void sequences_agree_with_the_model(struct kunit *test)
{
	struct bench *b = bench_begin(test);
	u64 nr;

	kunit_info(test, "seed=%u sequences=%u", seed, sequences);
	for (nr = seed; nr < (u64)seed + sequences; nr++) {
		sequence(b, nr);
		if (b->differs) {
			KUNIT_FAIL(test, "again with seed=%llu sequences=1", nr);
			return;
		}
		cond_resched();
	}
	kunit_info(test, "%llu refused, %llu with a part done", b->refused,
		   b->refused_after);
}

/* 49 to 53: the same for vCPUs that read their tables in another way */
static void sequences_of_each_vcpu(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	u32 some = 8 + sequences / 64, i;
	struct bench *b;
	u64 nr;

	for (i = 0; i < ARRAY_SIZE(each_cpu); i++) {
		struct cpu cpu = each_cpu[i];
		struct vmem_facts facts;

		cpu.phys_bits = min_t(u32, cpu.phys_bits ?: U32_MAX,
				      e->fmt->phys_bits);
		if (engine_cpu_facts(e, &facts, &cpu))
			continue;
		b = bench_begin_facts(test, e, &cpu);
		for (nr = seed; nr < (u64)seed + some && !b->differs; nr++) {
			sequence(b, nr);
			cond_resched();
		}
		KUNIT_ASSERT_TRUE_MSG(test, !b->differs, "vCPU %u", i);
	}
}

/* The same calls build the same bytes, whoever's memory it is. */
static void sequences_are_deterministic(struct kunit *test)
{
	struct bench *b = bench_begin(test), *other = bench_begin(test);
	u64 nr;

	for (nr = 0; nr < 50; nr++) {
		sequence(b, nr);
		sequence(other, nr);
		KUNIT_EXPECT_TRUE(test, !memcmp(b->guest.parts[PART_POOL].bytes,
						other->guest.parts[PART_POOL].bytes,
						b->guest.parts[PART_POOL].len));
	}
}

static struct kunit_case random_cases[] = {
	EACH_FORMAT_SLOW(sequences_agree_with_the_model),
	EACH_FORMAT_SLOW(tables_end_with_the_last_space),
	EACH_FORMAT(sequences_of_each_vcpu),
	EACH_FORMAT(sequences_are_deterministic),
	{}
};

static struct kunit_suite random_suite = {
	.name = "vmem_random",
	.test_cases = random_cases,
};

kunit_test_suite(random_suite);
