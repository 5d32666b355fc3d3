// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names of the reference: each has its counterpart here, which is used, so
 * that one that is missing doesn't compile. And an engine over ops that never
 * move a table, nor tell what is written.
 *
 * Points of the behaviour's description that have a case here: 2 (tables are
 * reached by callbacks only).
 */
#include "bench.h"

#include "../vmem/fmt_x86_64.h"

#define RWX	(VMEM_R | VMEM_W | VMEM_X)

static const struct vmem_table_ops plain_ops = {
	.read = {
		.from_phys	= guest_from_phys,
		.in_memory	= guest_in_memory,
		.pause		= guest_pause,
	},
	.movability	= VMEM_MAY_NOT_MOVE_TABLE,
	.owner		= guest_owner,
	.pages		= guest_pages,
};

DEFINE_VMEM_ENGINE(over_plain, vmem_fmt_x86_64_4level, plain_ops, plain_ops.read);
DEFINE_WHOLE(over_plain, vmem_fmt_x86_64_4level, plain_ops);

/* The engine of the format, over those ops. */
static const struct engine engine_plain = {
	.name	= "plain",
	.fmt	= &vmem_fmt_x86_64_4level,
	.rules	= &x86_64_4level_rules,
	.core	= &over_plain,
	WHOLE_OF(over_plain)
};

static struct bench *begin_plain(struct kunit *test)
{
	struct bench *b = bench_begin_engine(test, &engine_plain, 48, false, 0);

	b->guest.told_none = true;
	return b;
}

static void names_of_the_reference(struct kunit *test)
{
	static const struct {
		const char *theirs;
		const char *ours;
		u64 is;
		u64 wanted;
	} names[] = {
#define TYPE(theirs, type)	{ theirs, #type, !sizeof(type), 0 }
#define CONSTANT(theirs, name, value)	{ theirs, #name, (u64)(name), value }
#define FUNCTION(theirs, name)	{ theirs, #name, !sizeof(typeof(name) *), 0 }
		TYPE("TableReadOps", struct vmem_table_read_ops),
		TYPE("TableOps", struct vmem_table_ops),
		TYPE("TableMovability", enum vmem_table_movability),
		CONSTANT("MayMoveTable", VMEM_MAY_MOVE_TABLE, 1),
		CONSTANT("MayNotMoveTable", VMEM_MAY_NOT_MOVE_TABLE, 0),
		TYPE("UpdateParent", struct vmem_update_parent),
		CONSTANT("UpdateParentNone", VMEM_UPDATE_PARENT_NONE, 0),
		FUNCTION("Void", vmem_void),
		TYPE("BasicMapping", struct vmem_basic_mapping),
		TYPE("CowMapping", struct vmem_cow_mapping),
		TYPE("Mapping", struct vmem_mapping),
		TYPE("MappingKind", enum vmem_mapping_kind),
		TYPE("SpaceReferenceMapping", struct vmem_space_reference_mapping),
		TYPE("SpaceAwareMapping", struct vmem_space_aware_mapping),
		TYPE("SpaceId", vmem_space_id_t),
		FUNCTION("map", vmem_map),
		FUNCTION("virt_to_phys", vmem_virt_to_phys),
		FUNCTION("walk_va_spaces", vmem_walk_va_spaces),
		FUNCTION("space_aware_map", vmem_space_aware_map),
		CONSTANT("PAGE_PRESENT", VMEM_PAGE_PRESENT, 1),
		CONSTANT("PAGE_SIZE", VMEM_PAGE_SIZE, 4096),
		CONSTANT("PAGE_TABLE_ENTRIES_PER_TABLE",
			 VMEM_PAGE_TABLE_ENTRIES_PER_TABLE, 512),
		CONSTANT("PAGE_TABLE_SIZE", VMEM_PAGE_TABLE_SIZE, 4096),
		CONSTANT("PTE_ADDR_MASK", VMEM_PTE_ADDR_MASK, 0xffffffffff000ULL),
		TYPE("PageTableEntry", vmem_pte_t),
		TYPE("PhysAddr", vmem_phys_t),
		TYPE("VirtAddr", vmem_virt_t),
	};
	u32 i;

	/* a branch that isn't left, or this doesn't compile */
	if (VMEM_UPDATE_PARENT_NONE)
		vmem_void();
	KUNIT_EXPECT_EQ(test, guest_ops.movability, VMEM_MAY_MOVE_TABLE);
	KUNIT_EXPECT_EQ(test, plain_ops.movability, VMEM_MAY_NOT_MOVE_TABLE);
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(names), 27);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		KUNIT_EXPECT_EQ_MSG(test, names[i].is, names[i].wanted, "%s: %s",
				    names[i].theirs, names[i].ours);
}

/* What the functions of these names do, once each. */
static void names_are_of_functions(struct kunit *test)
{
	struct bench *b = begin_plain(test);
	struct vmem_space_aware_mapping rec;
	struct vmem_walk walk;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0, bench_data(b, 1), VMEM_PAGE_SIZE,
					   RWX, 0));
	b->e->core->walk_init(b->e->fmt, &walk, 0, U64_MAX, VMEM_WALK_FOLLOW, U64_MAX, NULL);
	KUNIT_EXPECT_EQ(test, 0, b->e->virt_to_phys(b->e->fmt, &b->guest, &b->space, &walk,
						    &rec));
	KUNIT_EXPECT_EQ(test, rec.gpa, bench_data(b, 1));
	bench_check_walk(b, &b->space, 1, 0, U64_MAX, 0);
	KUNIT_EXPECT_EQ(test, b->nr_out, 1);
}

/* A frozen table is read-only to ops that don't move it. */
static void plain_never_moves(struct kunit *test)
{
	struct bench *b = begin_plain(test);
	u64 frozen = bench_frozen_table(b), page = bench_page(b);
	struct vmem_mapping list[2] = {
		bench_basic(page, 0, 3 * page, RWX),
		bench_unmapped(2 * page, page),
	};

	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, &list[1], 1, 0));
	list[0] = bench_protected(0, 4 * page, VMEM_COW, VMEM_X);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
	list[0] = bench_unmapped(0, -bench_upper(b));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	bench_put(b, bench_root(b), 0, 1, bench_table_entry(b, frozen));
	bench_write(b, frozen, 0, bench_leaf(b, 0));
	KUNIT_EXPECT_EQ(test, -EROFS, bench_map(b, page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, -EROFS, bench_unmap(b, 0, bench_span(b, 1)));
}

/* 2: what the ops told of a table holds up to the next stop, and no longer. */
static void plain_asks_again_after_a_stop(struct kunit *test)
{
	struct bench *b = begin_plain(test);
	u64 page = bench_page(b), span = bench_span(b, 1);
	struct vmem_mapping list[2] = {
		bench_basic(page, 0, 2 * span, RWX),
		bench_unmapped(-span, span),
	};

	b->elsewhere = true;
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, -page, 0, page, RWX, 0));
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 2,
						      VMEM_CHANGE_ATOMIC));
	list[0] = bench_protected(0, span, 0, VMEM_W);
	KUNIT_EXPECT_EQ(test, 0, bench_change_stopped(b, list, 1, 0));
}

static struct kunit_case names_cases[] = {
	KUNIT_CASE(names_of_the_reference),
	KUNIT_CASE(names_are_of_functions),
	KUNIT_CASE(plain_never_moves),
	KUNIT_CASE(plain_asks_again_after_a_stop),
	{}
};

static struct kunit_suite names_suite = {
	.name = "vmem_names",
	.test_cases = names_cases,
};

kunit_test_suite(names_suite);
