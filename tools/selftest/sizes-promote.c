// SPDX-License-Identifier: GPL-2.0-only
/*
 * Promoting: what is merged, and why the rest stays.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "sizes.h"

#define VA		(4 * GIB)	/* what is promoted begins here */
#define GPA		(8 * GIB)
#define SPAN		(2 * MIB)
#define SHARED_OK	VMEM_IOC_RANGE_SHARED_OK

/* Small leaves at VA, of ours. */
static void small(struct pool_guest *p, u32 format, u64 len, u32 attrs, u64 pages)
{
	pool_guest(p, format, pages);
	ASSERT_OK(map_one(p->fd, p->space, VA, GPA, len, attrs, 0, NULL));
}

static int promote_at(struct pool_guest *p, u64 len, u32 levels, u32 flags,
		      struct vmem_ioc_change *change)
{
	return promote(p->fd, p->space, VA, VA + len - 1, levels, flags, change);
}

static void expect_skipped(const struct vmem_ioc_change *change, u64 nr, u64 reason)
{
	EXPECT_EQ(change->out_skipped, nr);
	EXPECT_EQ(change->out_skip_reason, reason);
}

static void one_table(u32 format)
{
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pool_guest p;

	small(&p, format, SPAN, R | W, 16);
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 512);
	EXPECT_EQ(change.out_done, 1);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(change.out_root, p.g.root);
	expect_skipped(&change, 0, 0);
	EXPECT_EQ(entry_at(&p, VA, 1), leaf(GPA, 1, X86_RW));
	expect_leaves(&p, 1);
	expect_pool(&p, levels - 1, 1);
	ASSERT_OK(flushed(p.fd, change.out_generation));
	expect_pool(&p, levels - 1, 0);
	/* nothing is left to be done */
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 0);
	expect_no_flush(&change);
	expect_skipped(&change, 0, 0);
}
EACH_FORMAT(one_table)

/* 1 GiB of small ones: each table, and then the one above them. */
static void up_to_1g(u32 format)
{
	unsigned int levels = levels_of(format);
	struct vmem_ioc_change change;
	struct pool_guest p;

	small(&p, format, GIB, R | W | X, 520);
	expect_pool(&p, levels - 1 + 512, 0);
	ASSERT_OK(promote_at(&p, GIB, 0, 0, &change));
	/* those that were merged again are counted again */
	EXPECT_EQ(change.out_pages, 2 * GIB / PAGE);
	expect_skipped(&change, 0, 0);
	EXPECT_EQ(entry_at(&p, VA, 2), leaf(GPA, 2, X86_RW) & ~X86_NX);
	expect_leaves(&p, 1);
	expect_pool(&p, levels - 2, 513);
}
EACH_FORMAT(up_to_1g)

/* Levels that are asked for. */
static void leaf_levels(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;

	/* only those of 2 MiB */
	pool_guest(&p, FMT4, 600);
	ASSERT_OK(map_sized(&p, VA, GPA, GIB - SPAN, R, P2M, 0, NULL));
	ASSERT_OK(map_one(p.fd, p.space, VA + GIB - SPAN, GPA + GIB - SPAN, SPAN, R, 0,
			  NULL));
	ASSERT_OK(promote_at(&p, GIB, BIT(1), 0, &change));
	EXPECT_EQ(change.out_pages, 512);
	expect_skipped(&change, 0, 0);
	expect_leaves(&p, 512);
	/* and those of 1 GiB */
	ASSERT_OK(promote_at(&p, GIB, BIT(2), 0, &change));
	EXPECT_EQ(change.out_pages, GIB / PAGE);
	expect_leaves(&p, 1);
	/* of 1 GiB alone: the small ones aren't looked at, and are in the way */
	small(&p, FMT4, GIB, R, 600);
	ASSERT_OK(promote_at(&p, GIB, BIT(2), 0, &change));
	EXPECT_EQ(change.out_pages, 0);
	expect_no_flush(&change);
	expect_skipped(&change, 1, VMEM_IOC_SKIP_TABLES);
	expect_leaves(&p, GIB / PAGE);
	ASSERT_OK(promote_at(&p, GIB, BIT(1) | BIT(2), 0, &change));
	expect_leaves(&p, 1);
}

static void without_1g(void)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_NO_1G,
		.format = FMT4,
	};
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(destroy(p.fd, p.space));
	create.pool = p.pool;
	p.space = ASSERT_OK(space_create(p.fd, &create));
	p.g.root = create.out_root;
	ASSERT_OK(map_sized(&p, VA, GPA, GIB, R, P2M, 0, NULL));
	ASSERT_OK(promote_at(&p, GIB, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 0);
	expect_skipped(&change, 0, 0);
	expect_leaves(&p, 512);
}

/* What speaks against it, in the order of the table's entries. */
static void why_not(void)
{
	static const struct {
		unsigned int index;
		u64 set, clear;
		u32 why;
	} reasons[] = {
		{ 511, 0, ~0ULL, VMEM_IOC_SKIP_HOLES },
		{ 3, 0, X86_P, VMEM_IOC_SKIP_HOLES },
		{ 3, BIT(51), 0, VMEM_IOC_SKIP_APART },
		{ 510, PAGE, 0, VMEM_IOC_SKIP_APART },
		{ 511, 0, PAGE, VMEM_IOC_SKIP_APART },
		{ 5, X86_US, 0, VMEM_IOC_SKIP_ATTRS },
		{ 5, 0, X86_RW, VMEM_IOC_SKIP_ATTRS },
		{ 5, 0, X86_NX, VMEM_IOC_SKIP_ATTRS },
		{ 5, X86_G, 0, VMEM_IOC_SKIP_ATTRS },
		{ 5, X86_PAT, 0, VMEM_IOC_SKIP_ATTRS },
		{ 5, X86_PCD, 0, VMEM_IOC_SKIP_ATTRS },
		{ 5, BIT(9), 0, VMEM_IOC_SKIP_ATTRS },
		{ 5, BIT(52), 0, VMEM_IOC_SKIP_ATTRS },
		{ 5, BIT(59), 0, VMEM_IOC_SKIP_ATTRS },
		{ 0, X86_G, 0, VMEM_IOC_SKIP_ATTRS },
		/* these may differ */
		{ 5, 0, X86_A, 0 },
		{ 5, 0, X86_D, 0 },
		{ 0, 0, X86_A | X86_D, 0 },
	};
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 entry, table;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		small(&p, FMT4, SPAN, R | W, 8);
		table = entry_at(&p, VA, 1) & X86_ADDR;
		entry = entry_get(&p.g, table, reasons[i].index);
		entry = (entry | reasons[i].set) & ~reasons[i].clear;
		entry_set(&p.g, table, reasons[i].index, entry);
		ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
		expect_skipped(&change, !!reasons[i].why, reasons[i].why);
		EXPECT_EQ(change.out_pages, reasons[i].why ? 0 : 512);
		if (reasons[i].why)
			expect_no_flush(&change);
		else
			EXPECT_EQ(entry_at(&p, VA, 1), leaf(GPA, 1, X86_RW));
		if (ktap_failed()) {
			ktap_msg("%zu", i);
			return;
		}
	}
	/* one entry speaks against it for one reason, another before it for another */
	small(&p, FMT4, SPAN, R | W, 8);
	table = entry_at(&p, VA, 1) & X86_ADDR;
	entry_set(&p.g, table, 100, 0);
	entry_set(&p.g, table, 99, entry_get(&p.g, table, 99) | X86_US);
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 1, VMEM_IOC_SKIP_ATTRS);
}

/* Those of the address, of the entry above, of tables; and the most met one is told. */
static void why_not_by_place(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA + PAGE, SPAN, R, 0, NULL));
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 1, VMEM_IOC_SKIP_UNALIGNED);

	/* the entry above doesn't grant what the leaves have */
	small(&p, FMT4, SPAN, R | W, 8);
	entry_set(&p.g, p.g.root + 2 * PAGE, 0, entry_at(&p, VA, 1) & ~X86_RW);
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 1, VMEM_IOC_SKIP_ATTRS);
	ASSERT_OK(protect(p.fd, p.space, VA, VA + SPAN - 1, 0, W, 0, NULL));
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 0, 0);
	EXPECT_EQ(change.out_pages, 512);

	/* of three tables two have holes; with a table below, the one above stays too */
	small(&p, FMT4, 3 * SPAN, R | W, 8);
	ASSERT_OK(unmap(p.fd, p.space, VA, VA + PAGE - 1, NULL));
	ASSERT_OK(unmap(p.fd, p.space, VA + 2 * SPAN, VA + 2 * SPAN + PAGE - 1, NULL));
	ASSERT_OK(promote_at(&p, GIB, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 512);
	/* two with holes; one whose first entry names a table */
	expect_skipped(&change, 3, VMEM_IOC_SKIP_HOLES);
	/* of a table the range has a part of, nothing is said */
	ASSERT_OK(promote(p.fd, p.space, VA + PAGE, VA + SPAN - 1, 0, 0, &change));
	expect_skipped(&change, 0, 0);
}

/* Shared tables: what is merged for one place is so there alone. */
static void shared(u32 format)
{
	unsigned int depth = levels_of(format) - 1;
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;

	/* the table of leaves is in two places: it may be merged at one of them */
	small(&p, format, SPAN, R | W, 16);
	ASSERT_OK(link_table(p.fd, p.space, 0, p.space, VA, depth, 0, NULL));
	expect_shared(&p, 1);
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 512);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	expect_shared(&p, 0);
	EXPECT_EQ(entry_at(&p, VA, 1), leaf(GPA, 1, X86_RW));
	EXPECT_EQ(entry_at(&p, PAGE, 0), leaf(GPA + PAGE, 0, X86_RW));

	/* the one above it is: its entry isn't changed, unless that is meant */
	small(&p, format, SPAN, R | W, 16);
	ASSERT_OK(link_table(p.fd, p.space, 0, p.space, VA, depth - 1, 0, NULL));
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 1, VMEM_IOC_SKIP_SHARED);
	EXPECT_EQ(change.out_pages, 0);
	expect_no_flush(&change);
	ASSERT_OK(promote_at(&p, SPAN, 0, SHARED_OK, &change));
	expect_skipped(&change, 0, 0);
	EXPECT_EQ(change.out_pages, 512);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	ASSERT_OK(translate(p.fd, p.space, PAGE, &result));
	EXPECT_EQ(result.page_lg2, 21);
	EXPECT_EQ(result.gpa, GPA + PAGE);
}
EACH_FORMAT(shared)

/* A table that the guest made: what named it names the leaf, and it stays. */
static void the_guests_own(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 table, root, i;

	pool_guest(&p, FMT4, 16);
	p.g.next = MAP_BY_HAND;
	root = guest_root(&p.g);
	for (i = 0; i < 1024; i++)
		table = guest_map(&p.g, root, VA + i * PAGE, 0,
				  (GPA + i * PAGE) | X86_P | X86_NX, X86_TABLE);
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, root));
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 512);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_changes, 0);
	/* accessed, and as none of them was dirty or can be, not that */
	EXPECT_EQ(entry_at(&p, VA, 1), GPA | X86_P | X86_PS | X86_NX | X86_A);
	/* dirty: one was */
	entry_set(&p.g, table, 77, entry_get(&p.g, table, 77) | X86_D);
	ASSERT_OK(promote(p.fd, p.space, VA + SPAN, VA + 2 * SPAN - 1, 0,
			  VMEM_IOC_RANGE_ALONE, &change));
	expect_flush(&change, VA + SPAN, VA + 2 * SPAN - 1);
	EXPECT_EQ(entry_at(&p, VA + SPAN, 1),
		  (GPA + SPAN) | X86_P | X86_PS | X86_NX | X86_A | X86_D);
	EXPECT_EQ(entry_get(&p.g, table, 0), (GPA + SPAN) | X86_P | X86_NX);
	EXPECT_EQ(entry_get(&p.g, table, 77), (GPA + SPAN + 77 * PAGE) | X86_P | X86_NX | X86_D);
	expect_pool(&p, 1, 0);
}

/* Pages of a shadow stack are such by their D: leaves that differ in it stay. */
static void shadow_stacks(void)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_CET,
		.format = FMT4,
	};
	struct vmem_ioc_mapping m = {
		.va = VA,
		.gpa = GPA,
		.len = SPAN,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R | VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D,
		.flags = VMEM_IOC_MAPPING_AD,
	};
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 table, pd;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(destroy(p.fd, p.space));
	create.pool = p.pool;
	p.space = ASSERT_OK(space_create(p.fd, &create));
	p.g.root = create.out_root;
	ASSERT_OK(map_list(p.fd, p.space, &m, 1, 0, NULL));
	table = entry_at(&p, VA, 1) & X86_ADDR;
	entry_set(&p.g, table, 9, entry_get(&p.g, table, 9) & ~X86_D);
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 1, VMEM_IOC_SKIP_ATTRS);
	entry_set(&p.g, table, 9, entry_get(&p.g, table, 9) | X86_D);
	/* below an entry without W they aren't such, and would be */
	pd = entry_at(&p, VA, 2) & X86_ADDR;
	entry_set(&p.g, pd, 0, entry_get(&p.g, pd, 0) & ~X86_RW);
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 1, VMEM_IOC_SKIP_ATTRS);
	entry_set(&p.g, pd, 0, entry_get(&p.g, pd, 0) | X86_RW);
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	expect_skipped(&change, 0, 0);
	EXPECT_EQ(entry_at(&p, VA, 1), leaf(GPA, 1, 0));
}

/* Frozen: the table of leaves may stay where it is, the one above it has to move. */
static void promote_in_frozen_memory(void)
{
	struct vmem_ioc_change change;
	u64 frozen = 32 * MIB, sum, i;
	struct pool_guest p;
	u8 *mem = map_anon(4 * PAGE);

	pool_guest(&p, FMT4, 16);
	((u64 *)mem)[0] = (frozen + PAGE) | X86_TABLE;
	((u64 *)(mem + PAGE))[4] = (frozen + 2 * PAGE) | X86_TABLE;
	((u64 *)(mem + 2 * PAGE))[0] = (frozen + 3 * PAGE) | X86_TABLE;
	for (i = 0; i < 512; i++)
		((u64 *)(mem + 3 * PAGE))[i] = (GPA + i * PAGE) | X86_LEAF;
	sum = checksum(mem, 4 * PAGE);
	ASSERT_OK(region_user(p.fd, frozen, mem, 4 * PAGE, VMEM_IOC_REGION_FROZEN));
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, frozen));
	EXPECT_ERR(promote_at(&p, SPAN, 0, 0, &change), EROFS);
	/* nothing to be merged, and so nothing to be written */
	ASSERT_OK(promote_at(&p, SPAN, BIT(2), 0, &change));
	expect_no_flush(&change);
	ASSERT_OK(destroy(p.fd, p.space));
	p.space = ASSERT_OK(space_movable(p.fd, FMT4, p.pool, frozen));
	ASSERT_OK(promote_at(&p, SPAN, 0, 0, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
	EXPECT_EQ(change.out_pages, 512);
	EXPECT(change.out_root != frozen);
	expect_pool(&p, 1 + 3, 0);
	EXPECT_EQ(checksum(mem, 4 * PAGE), sum);
}

/* Tables in no region, of the guest's mistakes, or that name themselves. */
static void tables_that_lie(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 table;

	small(&p, FMT4, 2 * SPAN, R | W, 16);
	table = entry_at(&p, VA, 2) & X86_ADDR;
	/* outside; a free page of the pool; the table itself */
	entry_set(&p.g, table, 5, (64 * GIB) | X86_TABLE);
	entry_set(&p.g, table, 6, (MAP_POOL + 15 * PAGE) | X86_TABLE);
	entry_set(&p.g, table, 7, table | X86_TABLE);
	ASSERT_OK(promote_at(&p, GIB, BIT(1), 0, &change));
	EXPECT_EQ(change.out_pages, 2 * 512);
	expect_skipped(&change, 0, 0);
	EXPECT_EQ(entry_get(&p.g, table, 5), (64 * GIB) | X86_TABLE);
	EXPECT_EQ(entry_get(&p.g, table, 6), (MAP_POOL + 15 * PAGE) | X86_TABLE);
	EXPECT_EQ(entry_get(&p.g, table, 7), table | X86_TABLE);
}

/* What was split, and changed back, is as it was. */
static void split_and_back(u32 format)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 before;

	pool_guest(&p, format, 16);
	ASSERT_OK(map_sized(&p, VA, GPA, GIB, R | W, P1G, 0, NULL));
	before = entry_at(&p, VA, 2);
	ASSERT_OK(protect(p.fd, p.space, VA + 5 * PAGE, VA + 6 * PAGE - 1, 0, W,
			  VMEM_IOC_RANGE_SPLIT, NULL));
	ASSERT_OK(promote_at(&p, GIB, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 0);
	/* the table of leaves, and the one above it because of that */
	EXPECT_EQ(change.out_skipped, 2);
	ASSERT_OK(protect(p.fd, p.space, VA + 5 * PAGE, VA + 6 * PAGE - 1, W, 0, 0, NULL));
	ASSERT_OK(promote_at(&p, GIB, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 512 + GIB / PAGE);
	EXPECT_EQ(entry_at(&p, VA, 2), before);
	expect_pool(&p, levels_of(format) - 2, 2);
}
EACH_FORMAT(split_and_back)

/* The whole space, its halves and what lies between. */
static void whole_space(u32 format)
{
	struct vmem_ioc_change change;
	struct pool_guest p;

	small(&p, format, SPAN, R | W, 16);
	ASSERT_OK(map_one(p.fd, p.space, -SPAN, GPA, SPAN, R, 0, NULL));
	ASSERT_OK(promote(p.fd, p.space, 0, ~0ULL, BIT(1), 0, &change));
	EXPECT_EQ(change.out_pages, 2 * 512);
	EXPECT_EQ(change.out_done, 1);
	expect_skipped(&change, 0, 0);
	expect_leaves(&p, 2);
}
EACH_FORMAT(whole_space)

/* Each visit of a table counts. */
static void promote_budget(void)
{
	struct vmem_ioc_promote arg = {
		.size = sizeof(arg),
		.start = VA,
		.last = VA + 8 * SPAN - 1,
	};
	struct pool_guest p;

	small(&p, FMT4, 8 * SPAN, R | W, 16);
	arg.space = p.space;
	/* root, PDPT, PD, and eight */
	arg.budget = 10;
	EXPECT_ERR(vcall(p.fd, VMEM_IOC_PROMOTE, &arg), E2BIG);
	expect_leaves(&p, 8 * 512);
	arg.budget = 11;
	ASSERT_OK(vcall(p.fd, VMEM_IOC_PROMOTE, &arg));
	EXPECT_EQ(arg.change.out_pages, 8 * 512);
}

const struct ktap_case promote_cases[] = {
	CASE_FORMATS(one_table),
	CASE_FORMATS(up_to_1g),
	CASE(leaf_levels),
	CASE(without_1g),
	CASE(why_not),
	CASE(why_not_by_place),
	CASE_FORMATS(shared),
	CASE(the_guests_own),
	CASE(shadow_stacks),
	CASE(promote_in_frozen_memory),
	CASE(tables_that_lie),
	CASE_FORMATS(split_and_back),
	CASE_FORMATS(whole_space),
	CASE(promote_budget),
};

const size_t nr_promote_cases = ARRAY_SIZE(promote_cases);
