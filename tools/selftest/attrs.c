// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of leaves, as MAP makes and PROTECT changes them, and what MAP does with
 * entries that aren't plain: those above that grant too little, and those that aren't
 * present. LINK's MAKE and UNSHARE are the subject of the other part.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "attrs.h"

#define VA	(4 * GIB)
#define GPA	(8 * GIB)
#define A	VMEM_IOC_ATTR_A
#define D	VMEM_IOC_ATTR_D
#define G	VMEM_IOC_ATTR_G
#define COW	VMEM_IOC_ATTR_COW
#define SOFT(n)	(1U << (VMEM_IOC_ATTR_SOFT_SHIFT + (n)))
#define KEY(n)	((u32)(n) << VMEM_IOC_ATTR_KEY_SHIFT)
#define REPLACE	VMEM_IOC_MAP_REPLACE
#define AD	VMEM_IOC_MAPPING_AD

/* Each bit of attributes, and where it is in a small leaf, and in a large one. */
static const struct attr {
	u32 attr;
	u64 bit, large;
} attrs[] = {
	{ W, X86_RW, X86_RW },
	{ U, X86_US, X86_US },
	{ G, X86_G, X86_G },
	{ VMEM_IOC_ATTR_PCD, X86_PCD, X86_PCD },
	{ VMEM_IOC_ATTR_PWT, X86_PWT, X86_PWT },
	{ VMEM_IOC_ATTR_PAT, X86_PAT, X86_PAT_LARGE },
	{ KEY(1), BIT(59), BIT(59) },
	{ KEY(2), BIT(60), BIT(60) },
	{ KEY(4), BIT(61), BIT(61) },
	{ KEY(8), BIT(62), BIT(62) },
	{ SOFT(0), BIT(9), BIT(9) },
	{ SOFT(1), BIT(10), BIT(10) },
	{ SOFT(2), BIT(11), BIT(11) },
	{ SOFT(3), BIT(52), BIT(52) },
	{ SOFT(4), BIT(53), BIT(53) },
	{ SOFT(5), BIT(54), BIT(54) },
	{ SOFT(6), BIT(55), BIT(55) },
	{ SOFT(7), BIT(56), BIT(56) },
	{ SOFT(8), BIT(57), BIT(57) },
	{ SOFT(9), BIT(58), BIT(58) },
};

#define ALL_BITS	(X86_RW | X86_US | X86_G | X86_PCD | X86_PWT | 0xfULL << 59 | \
			 7ULL << 9 | 0x7fULL << 52)

static u32 all_attrs(void)
{
	u32 all = R;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(attrs); i++)
		all |= attrs[i].attr;
	return all;
}

int map_as(struct pool_guest *p, u32 kind, u64 va, u64 gpa, u64 len, u32 with,
	   u32 mapping_flags, u32 flags, struct vmem_ioc_change *change)
{
	struct vmem_ioc_mapping m = {
		.va = va,
		.gpa = gpa,
		.len = len,
		.kind = kind,
		.attrs = with,
		.flags = mapping_flags,
	};

	return map_list(p->fd, p->space, &m, 1, flags, change);
}

void space_of_facts(struct pool_guest *p, u32 format, u32 flags, u32 enc_bit)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW | flags,
		.format = format,
		.enc_bit = enc_bit,
	};

	pool_guest(p, format, 32);
	ASSERT_OK(destroy(p->fd, p->space));
	create.pool = p->pool;
	p->space = ASSERT_OK(space_create(p->fd, &create));
	p->g.root = create.out_root;
}

/* What MAP says of a leaf is in the entry, and each alone. */
static void map_each(u32 format)
{
	const u32 basic = VMEM_IOC_KIND_BASIC;
	struct vmem_ioc_result result;
	struct pool_guest p;
	size_t i;

	pool_guest(&p, format, 32);
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		u64 va = VA + i * PAGE, large = VA + GIB + i * 2 * MIB;

		/* above leaves of U, entries that have it are made by a list's first */
		if (!i)
			ASSERT_OK(map_one(p.fd, p.space, VA + 511 * PAGE, GPA, PAGE, R | U,
					  0, NULL));
		ASSERT_OK(map_as(&p, basic, va, GPA, PAGE, R | attrs[i].attr, 0,
				 VMEM_IOC_MAP_WIDEN, NULL));
		EXPECT_EQ(entry_at(&p, va, 0), GPA | X86_LEAF | X86_NX | attrs[i].bit);
		ASSERT_OK(map_sized(&p, large, GPA, 2 * MIB, R | attrs[i].attr, P2M,
				    VMEM_IOC_MAP_WIDEN, NULL));
		EXPECT_EQ(entry_at(&p, large, 1),
			  GPA | X86_LEAF | X86_NX | X86_PS | attrs[i].large);
		/* they are told, but for software bits, which the entry has */
		ASSERT_OK(translate(p.fd, p.space, large, &result));
		EXPECT_EQ(result.leaf & ~COW,
			  (R | A | D | attrs[i].attr) & ~VMEM_IOC_ATTR_SOFT_MASK & 0xffff);
		EXPECT_EQ(!!(result.leaf & COW), attrs[i].attr == SOFT(0));
	}
	ASSERT_OK(map_as(&p, basic, VA + 8 * GIB, GPA, PAGE, all_attrs(), 0, 0, NULL));
	EXPECT_EQ(entry_at(&p, VA + 8 * GIB, 0), GPA | X86_LEAF | X86_NX | X86_PAT | ALL_BITS);
	expect_leaves(&p, 1 + 2 * ARRAY_SIZE(attrs) + 1);
}
EACH_FORMAT(map_each)

/* Kind Cow has all but W and the bits that say so. */
static void map_cow(void)
{
	const u32 cow = VMEM_IOC_KIND_COW;
	struct pool_guest p;
	u32 bit;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(map_as(&p, cow, VA, GPA, PAGE, all_attrs() & ~(W | SOFT(0) | SOFT(1) |
			 SOFT(2)), 0, 0, NULL));
	EXPECT_EQ(entry_at(&p, VA, 0), GPA | X86_LEAF | X86_NX | X86_PAT | X86_COW |
		  (ALL_BITS & ~(7ULL << 9) & ~X86_RW));
	for (bit = 0; bit < 3; bit++)
		EXPECT_ERR(map_as(&p, cow, VA + PAGE, GPA, PAGE, R | SOFT(bit), 0, 0, NULL),
			   EOPNOTSUPP);
	EXPECT_ERR(map_as(&p, cow, VA + PAGE, GPA, PAGE, R | W, 0, 0, NULL), EOPNOTSUPP);
}

/* Accessed and dirty, as the caller says. */
static void accessed_and_dirty(u32 format)
{
	static const u32 kinds[] = { VMEM_IOC_KIND_BASIC, VMEM_IOC_KIND_COW };
	struct pool_guest p;
	u64 va = VA;
	size_t i;

	pool_guest(&p, format, 16);
	for (i = 0; i < 2; i++) {
		u64 soft = i ? X86_COW : 0;

		ASSERT_OK(map_as(&p, kinds[i], va, GPA, PAGE, R, AD, 0, NULL));
		EXPECT_EQ(entry_at(&p, va, 0), GPA | X86_P | X86_NX | soft);
		ASSERT_OK(map_as(&p, kinds[i], va += PAGE, GPA, PAGE, R | A, AD, 0, NULL));
		EXPECT_EQ(entry_at(&p, va, 0), GPA | X86_P | X86_NX | X86_A | soft);
		ASSERT_OK(map_as(&p, kinds[i], va += PAGE, GPA, PAGE, R | D, AD, 0, NULL));
		EXPECT_EQ(entry_at(&p, va, 0), GPA | X86_P | X86_NX | X86_D | soft);
		ASSERT_OK(map_as(&p, kinds[i], va += PAGE, GPA, PAGE, R | A | D, AD, 0,
				 NULL));
		EXPECT_EQ(entry_at(&p, va, 0), GPA | X86_LEAF | X86_NX | soft);
		va += PAGE;
	}
	/* a run of them, below a table that is made and one that is there */
	ASSERT_OK(map_as(&p, kinds[0], VA + 2 * MIB, GPA, 2 * MIB, R | W | A, AD, 0, NULL));
	EXPECT_EQ(entry_at(&p, VA + 4 * MIB - PAGE, 0), (GPA + 2 * MIB - PAGE) | X86_P |
		  X86_NX | X86_RW | X86_A);
}
EACH_FORMAT(accessed_and_dirty)

/* With CET, a leaf that can't be written is dirty only if that is asked for. */
static void shadow_stack(u32 format)
{
	const u32 basic = VMEM_IOC_KIND_BASIC;
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;

	space_of_facts(&p, format, VMEM_IOC_SPACE_CET, 0);
	ASSERT_OK(map_as(&p, basic, VA, GPA, PAGE, R, 0, 0, NULL));
	EXPECT_EQ(entry_at(&p, VA, 0), GPA | X86_P | X86_NX | X86_A);
	ASSERT_OK(map_as(&p, basic, VA + PAGE, GPA, 4 * PAGE, R | W, 0, 0, NULL));
	EXPECT_EQ(entry_at(&p, VA + PAGE, 0), GPA | X86_LEAF | X86_NX | X86_RW);
	ASSERT_OK(map_as(&p, basic, VA + 5 * PAGE, GPA, PAGE, R | A | D, AD, 0, NULL));
	ASSERT_OK(translate(p.fd, p.space, VA + 5 * PAGE, &result));
	EXPECT_EQ(result.effective, R | VMEM_IOC_EFFECTIVE_SHADOW);

	/* to lose W is to lose D, and is counted */
	ASSERT_OK(protect(p.fd, p.space, VA, VA + 3 * PAGE - 1, 0, W, 0, &change));
	EXPECT_EQ(change.out_pages, 2);
	EXPECT_EQ(change.out_dirty, 2);
	EXPECT_EQ(entry_at(&p, VA + PAGE, 0), GPA | X86_P | X86_NX | X86_A);
	/* D that is asked for says no more that it was written */
	ASSERT_OK(protect(p.fd, p.space, VA + 3 * PAGE, VA + 4 * PAGE - 1, D, W, 0,
			  &change));
	EXPECT_EQ(change.out_dirty, 1);
	EXPECT_EQ(entry_at(&p, VA + 3 * PAGE, 0), (GPA + 2 * PAGE) | X86_LEAF | X86_NX);
	ASSERT_OK(map_as(&p, basic, VA + 4 * PAGE, GPA, PAGE, R, 0, REPLACE, &change));
	EXPECT_EQ(change.out_dirty, 1);
	/* a table of leaves, for a large one */
	ASSERT_OK(map_as(&p, basic, VA + 2 * MIB, GPA, MIB, R | W, 0, 0, NULL));
	ASSERT_OK(map_sized(&p, VA + 2 * MIB, GPA, 2 * MIB, R, P2M, REPLACE, &change));
	EXPECT_EQ(change.out_dirty, 256);
	EXPECT_EQ(entry_at(&p, VA + 2 * MIB, 1), GPA | X86_P | X86_NX | X86_A | X86_PS);
	/* one that is split for a part of it: those that stay writable are dirty */
	ASSERT_OK(map_sized(&p, VA + 4 * MIB, GPA, 2 * MIB, R | W, P2M, 0, NULL));
	ASSERT_OK(protect(p.fd, p.space, VA + 4 * MIB, VA + 4 * MIB + PAGE - 1, 0, W,
			  VMEM_IOC_RANGE_SPLIT, &change));
	EXPECT_EQ(change.out_dirty, 1);
	EXPECT_EQ(entry_at(&p, VA + 4 * MIB, 0), GPA | X86_P | X86_NX | X86_A);
	EXPECT_EQ(entry_at(&p, VA + 4 * MIB + PAGE, 0),
		  (GPA + PAGE) | X86_LEAF | X86_NX | X86_RW);
	/* a page of a shadow stack that W is given to is one no more */
	ASSERT_OK(protect(p.fd, p.space, VA + 5 * PAGE, VA + 6 * PAGE - 1, W, 0, 0, NULL));
	ASSERT_OK(translate(p.fd, p.space, VA + 5 * PAGE, &result));
	EXPECT_EQ(result.effective, R | W);
}
EACH_FORMAT(shadow_stack)

/* The model doesn't know the bit. */
static u64 raw_entry(struct pool_guest *p, u64 va, unsigned int level)
{
	u64 entries[VMEM_IOC_LEVELS_MAX];
	struct vmem_ioc_result result;

	ASSERT_OK(translate_list(p->fd, p->space, &va, 1, &result, entries));
	return entries[level];
}

/* The encryption bit is in leaves where it's asked for. */
static void encrypted(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;

	space_of_facts(&p, FMT4, 0, 47);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA, 2 * PAGE, R | VMEM_IOC_ATTR_ENC, 0, NULL));
	EXPECT_EQ(raw_entry(&p, VA, 0), GPA | X86_LEAF | X86_NX | BIT(47));
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, 0, VMEM_IOC_ATTR_ENC, 0,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	EXPECT_EQ(raw_entry(&p, VA, 0), GPA | X86_LEAF | X86_NX);
	ASSERT_OK(protect(p.fd, p.space, VA, VA + 2 * PAGE - 1, VMEM_IOC_ATTR_ENC, 0, 0,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	EXPECT_EQ(raw_entry(&p, VA, 0), GPA | X86_LEAF | X86_NX | BIT(47));
	/* larger leaves, split and promoted, and the tables that are made for it */
	ASSERT_OK(map_sized(&p, VA + 2 * MIB, GPA, 2 * MIB, R | VMEM_IOC_ATTR_ENC, P2M, 0,
			    NULL));
	EXPECT_EQ(raw_entry(&p, VA + 2 * MIB, 1), GPA | X86_LEAF | X86_NX | X86_PS | BIT(47));
	ASSERT_OK(protect(p.fd, p.space, VA + 2 * MIB, VA + 2 * MIB + PAGE - 1, X, 0,
			  VMEM_IOC_RANGE_SPLIT, NULL));
	EXPECT_EQ(raw_entry(&p, VA + 2 * MIB, 0), GPA | X86_LEAF | BIT(47));
	EXPECT_EQ(raw_entry(&p, VA + 2 * MIB + PAGE, 0),
		  (GPA + PAGE) | X86_LEAF | X86_NX | BIT(47));
	EXPECT_EQ(raw_entry(&p, VA + 2 * MIB, 1) & ~X86_ADDR, X86_TABLE | X86_US);
	EXPECT(raw_entry(&p, VA + 2 * MIB, 1) & BIT(47));
	ASSERT_OK(protect(p.fd, p.space, VA + 2 * MIB, VA + 2 * MIB + PAGE - 1, 0, X, 0,
			  NULL));
	ASSERT_OK(promote(p.fd, p.space, VA + 2 * MIB, VA + 4 * MIB - 1, 0, 0, NULL));
	EXPECT_EQ(raw_entry(&p, VA + 2 * MIB, 1), GPA | X86_LEAF | X86_NX | X86_PS | BIT(47));
	EXPECT_ERR(map_sized(&p, VA + 4 * MIB, BIT(47), 2 * MIB, R, P2M, 0, NULL), EOVERFLOW);
}

/* PROTECT sets and clears each, and leaves the rest, of each size of leaf. */
static void protect_each(u32 format)
{
	static const struct attr more[] = {
		{ A, X86_A, X86_A }, { D, X86_D, X86_D },
	};
	const u64 last = VA + GIB - 1, rest = X86_P | X86_NX;
	struct vmem_ioc_change change;
	struct pool_guest p;
	size_t i;

	pool_guest(&p, format, 16);
	/* a small one, one of 2 MiB, and one of 1 GiB, and the entries grant all */
	ASSERT_OK(map_as(&p, VMEM_IOC_KIND_BASIC, VA, GPA, PAGE, R | U, AD, 0, NULL));
	ASSERT_OK(map_list(p.fd, p.space, (struct vmem_ioc_mapping[]){
		{ .va = VA + 2 * MIB, .gpa = GPA, .len = 2 * MIB, .attrs = R,
		  .kind = VMEM_IOC_KIND_BASIC, .page_sizes = P2M, .flags = AD },
		{ .va = VA + GIB, .gpa = GPA, .len = GIB, .attrs = R,
		  .kind = VMEM_IOC_KIND_BASIC, .page_sizes = P1G, .flags = AD } },
		2, 0, NULL));
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, 0, U, 0, NULL));
	for (i = 0; i < ARRAY_SIZE(attrs) + ARRAY_SIZE(more); i++) {
		const struct attr *a = i < ARRAY_SIZE(attrs) ? &attrs[i] :
				       &more[i - ARRAY_SIZE(attrs)];

		ASSERT_OK(protect(p.fd, p.space, VA, last + GIB, a->attr, 0, 0, &change));
		EXPECT_EQ(change.out_pages, 1 + 512 + GIB / PAGE);
		expect_flush(&change, VA, VA + 2 * GIB - 1);
		EXPECT_EQ(entry_at(&p, VA, 0), GPA | rest | a->bit);
		EXPECT_EQ(entry_at(&p, VA + 2 * MIB, 1), GPA | rest | X86_PS | a->large);
		EXPECT_EQ(entry_at(&p, VA + GIB, 2), GPA | rest | X86_PS | a->large);
		/* once more changes nothing */
		ASSERT_OK(protect(p.fd, p.space, VA, last + GIB, a->attr, 0, 0, &change));
		EXPECT_EQ(change.out_pages, 0);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		ASSERT_OK(protect(p.fd, p.space, VA, last + GIB, 0, a->attr, 0, &change));
		EXPECT_EQ(change.out_pages, 1 + 512 + GIB / PAGE);
		EXPECT_EQ(entry_at(&p, VA, 0), GPA | rest);
		EXPECT_EQ(entry_at(&p, VA + 2 * MIB, 1), GPA | rest | X86_PS);
		EXPECT_EQ(entry_at(&p, VA + GIB, 2), GPA | rest | X86_PS);
		if (ktap_failed()) {
			ktap_msg("%#x", a->attr);
			return;
		}
	}
	/* a key is four bits, each by itself: 5, whatever it was */
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, KEY(14), 0, 0, NULL));
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, KEY(5), KEY(10), 0, NULL));
	EXPECT_EQ(entry_at(&p, VA, 0), GPA | rest | 5ULL << 59);
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, G, KEY(1), 0, NULL));
	EXPECT_EQ(entry_at(&p, VA, 0), GPA | rest | 4ULL << 59 | X86_G);
	/* R is there, and can be said to be */
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, R, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 0);
}
EACH_FORMAT(protect_each)

/* What has no place, or no meaning. */
static void refused_attrs(void)
{
	static const struct {
		u32 set, clear;
		int err;
	} wrong[] = {
		{ SOFT(10), 0, EOPNOTSUPP }, { 0, SOFT(10), EOPNOTSUPP },
		{ SOFT(15), 0, EOPNOTSUPP }, { 0, SOFT(15), EOPNOTSUPP },
		{ VMEM_IOC_ATTR_ENC, 0, EOPNOTSUPP }, { 0, VMEM_IOC_ATTR_ENC, EOPNOTSUPP },
		{ 0, R, EOPNOTSUPP }, { COW | SOFT(0), 0, EOPNOTSUPP },
		{ COW, SOFT(2), EOPNOTSUPP }, { SOFT(1), COW, EOPNOTSUPP },
		{ G, G, EINVAL }, { KEY(3), KEY(1), EINVAL }, { A | D, D, EINVAL },
		{ SOFT(3), SOFT(3), EINVAL },
	};
	static const u32 no_attrs[] = {
		R | SOFT(10), R | SOFT(11), R | SOFT(12), R | SOFT(13), R | SOFT(14),
		R | SOFT(15), R | VMEM_IOC_ATTR_ENC, R | COW, R | A, R | D, R | A | D, W, 0,
	};
	struct vmem_ioc_change change = {};
	struct pool_guest p;
	size_t i;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA, PAGE, R, 0, NULL));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (!EXPECT_ERR(protect(p.fd, p.space, VA, VA + PAGE - 1, wrong[i].set,
					wrong[i].clear, 0, &change), wrong[i].err))
			ktap_msg("%zu", i);
		EXPECT_EQ(entry_at(&p, VA, 0), GPA | X86_LEAF | X86_NX);
	}
	for (i = 0; i < ARRAY_SIZE(no_attrs); i++) {
		if (!EXPECT_ERR(map_one(p.fd, p.space, VA + PAGE, GPA, PAGE, no_attrs[i], 0,
					&change), EOPNOTSUPP))
			ktap_msg("%zu", i);
		EXPECT_EQ(change.out_at_va, VA + PAGE);
	}
	expect_leaves(&p, 1);
}

/* An entry above grants too little: it is widened where that is asked for. */
static void widen_by_map(u32 format)
{
	unsigned int top = levels_of(format) - 1;
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;
	u64 above;

	pool_guest(&p, format, 16);
	ASSERT_OK(map_list(p.fd, p.space, &(struct vmem_ioc_mapping){
		.va = VA, .gpa = GPA, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC, .attrs = R | W,
		.flags = VMEM_IOC_MAPPING_PATH, .path = 0x11111 & ~1U & (u32)(BIT(4 * top + 4) - 1) },
		1, 0, NULL));
	above = entry_at(&p, VA, 1);
	EXPECT(!(above & X86_RW) && above & X86_NX && !(above & X86_US));
	EXPECT_ERR(map_one(p.fd, p.space, VA + PAGE, GPA, PAGE, R | W, 0, &change), EEXIST);
	EXPECT_EQ(change.out_at_level, top);
	ASSERT_OK(map_one(p.fd, p.space, VA + PAGE, GPA, PAGE, R | W, VMEM_IOC_MAP_WIDEN,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	/* what a vCPU remembers of all below the highest of them */
	expect_flush(&change, VA & -entry_span(top),
			   (VA & -entry_span(top)) + entry_span(top) - 1);
	/* it alone, and its other bits are as they were */
	EXPECT_EQ(entry_at(&p, VA, 1), above | X86_RW);
	ASSERT_OK(translate(p.fd, p.space, VA, &result));
	EXPECT_EQ(result.effective, R | W);
	ASSERT_OK(map_one(p.fd, p.space, VA + 2 * PAGE, GPA, PAGE, R | X | U,
			  VMEM_IOC_MAP_WIDEN, NULL));
	EXPECT_EQ(entry_at(&p, VA, 1), (above | X86_RW | X86_US) & ~X86_NX);
	/* with a path, exactly that has to be there */
	EXPECT_ERR(map_as(&p, VMEM_IOC_KIND_BASIC, VA + 3 * PAGE, GPA, PAGE, R,
			  VMEM_IOC_MAPPING_PATH, VMEM_IOC_MAP_WIDEN, &change), EOPNOTSUPP);
	EXPECT_ERR(map_list(p.fd, p.space, &(struct vmem_ioc_mapping){
		.va = VA + 3 * PAGE, .gpa = GPA, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC,
		.attrs = R, .flags = VMEM_IOC_MAPPING_PATH,
		.path = 0x11110 & (u32)(BIT(4 * top + 4) - 1) }, 1, VMEM_IOC_MAP_WIDEN,
		&change), EEXIST);
	/* nothing of it without a need */
	ASSERT_OK(map_one(p.fd, p.space, VA + 3 * PAGE, GPA, PAGE, R, VMEM_IOC_MAP_WIDEN,
			  &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
}
EACH_FORMAT(widen_by_map)

/* PROTECT widens where there is a leaf that is changed, and nowhere else. */
static void widen_by_protect(u32 format)
{
	unsigned int top = levels_of(format) - 1;
	const u32 path = 0x11110 & (u32)(BIT(4 * top + 4) - 1);
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 i;

	pool_guest(&p, format, 16);
	for (i = 0; i < 2; i++)
		ASSERT_OK(map_list(p.fd, p.space, &(struct vmem_ioc_mapping){
			.va = VA + i * 2 * MIB, .gpa = GPA, .len = PAGE, .attrs = R,
			.kind = VMEM_IOC_KIND_BASIC, .flags = VMEM_IOC_MAPPING_PATH,
			.path = path }, 1, 0, NULL));
	/* a table without leaves */
	ASSERT_OK(map_list(p.fd, p.space, &(struct vmem_ioc_mapping){
		.va = VA + 4 * MIB, .gpa = GPA, .len = PAGE, .attrs = R,
		.kind = VMEM_IOC_KIND_BASIC, .flags = VMEM_IOC_MAPPING_PATH,
		.path = path }, 1, 0, NULL));
	entry_set(&p.g, entry_at(&p, VA + 4 * MIB, 1) & X86_ADDR, 0, 0);

	EXPECT_ERR(protect(p.fd, p.space, VA, VA + GIB - 1, W, 0, 0, &change), EEXIST);
	EXPECT_EQ(change.out_pages, 0);
	ASSERT_OK(protect(p.fd, p.space, VA, VA + 2 * MIB - 1, W, 0, VMEM_IOC_RANGE_WIDEN,
			  &change));
	EXPECT_EQ(change.out_pages, 1);
	EXPECT(entry_at(&p, VA, 1) & X86_RW);
	EXPECT(entry_at(&p, VA, top) & X86_RW);
	EXPECT(entry_at(&p, VA, 0) & X86_RW);
	EXPECT(!(entry_at(&p, VA + 2 * MIB, 1) & X86_RW));
	ASSERT_OK(protect(p.fd, p.space, VA, VA + GIB - 1, W | X | U, 0,
			  VMEM_IOC_RANGE_WIDEN, &change));
	EXPECT_EQ(change.out_pages, 2);
	EXPECT_EQ(entry_at(&p, VA + 2 * MIB, 1) & (X86_RW | X86_US | X86_NX), X86_RW | X86_US);
	EXPECT_EQ(entry_at(&p, VA + 4 * MIB, 1) & (X86_RW | X86_US | X86_NX), X86_NX);
}
EACH_FORMAT(widen_by_protect)

/* In an atomic list, two that would make a table's entry otherwise. */
static void widen_in_a_list(void)
{
	struct vmem_ioc_mapping m[2] = {
		{ .va = VA, .gpa = GPA, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC,
		  .attrs = R },
		{ .va = VA + PAGE, .gpa = GPA, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC,
		  .attrs = R | U },
	};
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	EXPECT_ERR(map_list(p.fd, p.space, m, 2, VMEM_IOC_MAP_ATOMIC, &change), EEXIST);
	EXPECT_EQ(change.out_pages, 0);
	ASSERT_OK(map_list(p.fd, p.space, m, 2, VMEM_IOC_MAP_ATOMIC | VMEM_IOC_MAP_WIDEN,
			   &change));
	EXPECT_EQ(change.out_pages, 2);
	ASSERT_OK(translate(p.fd, p.space, VA + PAGE, &result));
	EXPECT_EQ(result.effective, R | U);
	ASSERT_OK(translate(p.fd, p.space, VA, &result));
	EXPECT_EQ(result.effective, R);
}

/* Frozen tables are widened where they may move, shared ones where that is meant. */
static void widen_what_is_frozen_or_shared(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 frozen = 32 * MIB, sum;
	u8 *mem = map_anon(4 * PAGE);

	pool_guest(&p, FMT4, 16);
	((u64 *)mem)[0] = (frozen + PAGE) | X86_P | X86_A;
	((u64 *)(mem + PAGE))[4] = (frozen + 2 * PAGE) | X86_TABLE;
	((u64 *)(mem + 2 * PAGE))[0] = (frozen + 3 * PAGE) | X86_TABLE;
	((u64 *)(mem + 3 * PAGE))[0] = GPA | X86_LEAF;
	sum = checksum(mem, 4 * PAGE);
	ASSERT_OK(region_user(p.fd, frozen, mem, 4 * PAGE, VMEM_IOC_REGION_FROZEN));
	p.space = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, frozen));
	EXPECT_ERR(protect(p.fd, p.space, VA, VA + PAGE - 1, W, 0, VMEM_IOC_RANGE_WIDEN,
			   NULL), EROFS);
	ASSERT_OK(destroy(p.fd, p.space));
	p.space = ASSERT_OK(space_movable(p.fd, FMT4, p.pool, frozen));
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, W, 0, VMEM_IOC_RANGE_WIDEN,
			  &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
	EXPECT_EQ(checksum(mem, 4 * PAGE), sum);
	p.g.root = change.out_root;
	EXPECT(entry_at(&p, VA, 3) & X86_RW);
	EXPECT(entry_at(&p, VA, 0) & X86_RW);

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA, PAGE, R, 0, NULL));
	ASSERT_OK(link_table(p.fd, p.space, VA + GIB, p.space, VA, 2, 0, NULL));
	EXPECT_ERR(protect(p.fd, p.space, VA, VA + PAGE - 1, U, 0, VMEM_IOC_RANGE_WIDEN,
			   NULL), EMLINK);
	ASSERT_OK(protect(p.fd, p.space, VA, VA + PAGE - 1, U, 0, VMEM_IOC_RANGE_WIDEN |
			  VMEM_IOC_RANGE_SHARED_OK, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	/* the entry in the table that is shared, and those that name it only here */
	EXPECT(entry_at(&p, VA + GIB, 1) & X86_US);
	EXPECT(!(entry_at(&p, VA + GIB, 2) & X86_US));
	EXPECT(entry_at(&p, VA, 2) & X86_US);
}

/* Words that aren't present: over them, and with KEEP not. */
static void keep_what_is_not_present(u32 format)
{
	const u32 flags[] = { VMEM_IOC_MAP_KEEP, VMEM_IOC_MAP_KEEP | REPLACE };
	struct vmem_ioc_change change;
	struct pool_guest p;
	unsigned int i;
	u64 table;

	pool_guest(&p, format, 16);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA, PAGE, R, 0, NULL));
	table = entry_at(&p, VA, 1) & X86_ADDR;
	entry_set(&p.g, table, 3, 0xabc0);
	for (i = 0; i < 2; i++) {
		EXPECT_ERR(map_one(p.fd, p.space, VA + PAGE, GPA, 4 * PAGE, R, flags[i],
				   &change), EEXIST);
		EXPECT_EQ(change.out_at_va, VA + 3 * PAGE);
		EXPECT_EQ(change.out_at_level, 0);
		EXPECT_EQ(entry_get(&p.g, table, 1), 0);
		/* holes and leaves are as without it */
		ASSERT_OK(map_one(p.fd, p.space, VA + (4 + i) * PAGE, GPA, PAGE, R, flags[i],
				  &change));
		EXPECT_EQ(change.out_overwritten, 0);
	}
	ASSERT_OK(map_one(p.fd, p.space, VA + PAGE, GPA, 3 * PAGE, R, 0, &change));
	EXPECT_EQ(change.out_overwritten, 1);
	/* where a table would be, or a large leaf */
	table = entry_at(&p, VA, 2) & X86_ADDR;
	entry_set(&p.g, table, 1, 0xabc0);
	for (i = 0; i < 2; i++) {
		EXPECT_ERR(map_one(p.fd, p.space, VA + 2 * MIB, GPA, PAGE, R, flags[i],
				   &change), EEXIST);
		EXPECT_EQ(change.out_at_level, 1);
		EXPECT_ERR(map_sized(&p, VA + 2 * MIB, GPA, 2 * MIB, R, P2M, flags[i],
				     &change), EEXIST);
		EXPECT_EQ(change.out_at_level, 1);
	}
	ASSERT_OK(map_sized(&p, VA + 2 * MIB, GPA, 2 * MIB, R, P2M, 0, &change));
	EXPECT_EQ(change.out_overwritten, 1);
}
EACH_FORMAT(keep_what_is_not_present)

/* Entries as they are given: not present, and other than 0. */
static void raw_entries(u32 format)
{
	const u32 raw = VMEM_IOC_KIND_RAW;
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;
	struct records rs;

	pool_guest(&p, format, 16);
	/* across two tables of leaves */
	ASSERT_OK(map_as(&p, raw, VA + 500 * PAGE, 0x1234567890abcdeeULL, 20 * PAGE, 0, 0, 0,
			 &change));
	EXPECT_EQ(change.out_pages, 20);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
	EXPECT_EQ(change.out_overwritten, 0);
	EXPECT_EQ(entry_at(&p, VA + 500 * PAGE, 0), 0x1234567890abcdeeULL);
	EXPECT_EQ(entry_at(&p, VA + 519 * PAGE, 0), 0x1234567890abcdeeULL);
	EXPECT_EQ(entry_at(&p, VA + 520 * PAGE, 0), 0);
	ASSERT_OK(translate(p.fd, p.space, VA + 501 * PAGE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
	EXPECT_EQ(result.entry, 0x1234567890abcdeeULL);
	rs = walk_all(p.fd, p.space, 0, ~0ULL, VMEM_IOC_WALK_NONPRESENT);
	ASSERT_EQ(rs.nr, 2);
	EXPECT_EQ(rs.r[0].type, VMEM_IOC_REC_NONPRESENT);
	EXPECT_EQ(rs.r[0].len, 20 * PAGE);
	records_free(&rs);

	/* over another, counted; with KEEP not; over a leaf as a replacement */
	ASSERT_OK(map_as(&p, raw, VA + 500 * PAGE, 0x20, PAGE, 0, 0, 0, &change));
	EXPECT_EQ(change.out_overwritten, 1);
	EXPECT_ERR(map_as(&p, raw, VA + 500 * PAGE, 0x40, PAGE, 0, 0, VMEM_IOC_MAP_KEEP,
			  NULL), EEXIST);
	ASSERT_OK(map_one(p.fd, p.space, VA, GPA, PAGE, R, 0, NULL));
	EXPECT_ERR(map_as(&p, raw, VA, 0x40, PAGE, 0, 0, 0, NULL), EEXIST);
	ASSERT_OK(map_as(&p, raw, VA, 0x40, PAGE, 0, 0, REPLACE, &change));
	EXPECT_EQ(change.out_pages, 1);
	EXPECT_EQ(change.out_overwritten, 0);
	expect_flush(&change, VA, VA + PAGE - 1);
	EXPECT_EQ(entry_at(&p, VA, 0), 0x40);
	/* in a part of a larger leaf */
	ASSERT_OK(map_sized(&p, VA + 4 * MIB, GPA, 2 * MIB, R, P2M, 0, NULL));
	EXPECT_ERR(map_as(&p, raw, VA + 4 * MIB, 0x40, PAGE, 0, 0, REPLACE, NULL), ERANGE);
	ASSERT_OK(map_as(&p, raw, VA + 4 * MIB, 0x40, PAGE, 0, 0, REPLACE |
			 VMEM_IOC_MAP_SPLIT, NULL));
	EXPECT_EQ(entry_at(&p, VA + 4 * MIB, 0), 0x40);
	EXPECT_EQ(entry_at(&p, VA + 4 * MIB + PAGE, 0), (GPA + PAGE) | X86_LEAF | X86_NX);
	/* unmapped, as such words are: zeroed, and their table goes */
	ASSERT_OK(unmap(p.fd, p.space, VA, VA + GIB - 1, &change));
	EXPECT_EQ(change.out_pages, 511);
	EXPECT(change.out_changes & VMEM_IOC_CHANGE_FREED);
	rs = walk_all(p.fd, p.space, 0, ~0ULL, VMEM_IOC_WALK_NONPRESENT);
	EXPECT_EQ(rs.nr, 1);
	records_free(&rs);
}
EACH_FORMAT(raw_entries)

static void raw_refused(void)
{
	static const struct {
		u64 gpa, sizes;
		u32 attrs, flags;
		int err;
	} wrong[] = {
		{ 0, 0, 0, 0, EINVAL },
		{ 1, 0, 0, 0, EINVAL },
		{ GPA | X86_LEAF, 0, 0, 0, EINVAL },
		{ 2, 0, R, 0, EOPNOTSUPP },
		{ 2, P2M, 0, 0, EOPNOTSUPP },
		{ 2, P4K | P2M, 0, 0, EOPNOTSUPP },
		{ 2, 0, 0, AD, EOPNOTSUPP },
		{ 2, 0, 0, 4, EOPNOTSUPP },
	};
	struct vmem_ioc_mapping m = {
		.va = VA,
		.len = PAGE,
		.kind = VMEM_IOC_KIND_RAW,
	};
	struct vmem_ioc_change change = {};
	struct pool_guest p;
	size_t i;

	pool_guest(&p, FMT4, 16);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		m.gpa = wrong[i].gpa;
		m.page_sizes = wrong[i].sizes;
		m.attrs = wrong[i].attrs;
		m.flags = wrong[i].flags;
		if (!EXPECT_ERR(map_list(p.fd, p.space, &m, 1, 0, &change), wrong[i].err))
			ktap_msg("%zu", i);
		EXPECT_EQ(change.out_at_va, VA);
	}
	expect_pool(&p, 1, 0);
	/* valid */
	m = (struct vmem_ioc_mapping){ .va = VA, .len = PAGE, .kind = VMEM_IOC_KIND_RAW,
				       .gpa = ~1ULL, .page_sizes = P4K };
	ASSERT_OK(map_list(p.fd, p.space, &m, 1, 0, NULL));
	EXPECT_EQ(entry_at(&p, VA, 0), ~1ULL);
}

static const struct ktap_case leaf_cases[] = {
	CASE_FORMATS(map_each),
	CASE(map_cow),
	CASE_FORMATS(accessed_and_dirty),
	CASE_FORMATS(shadow_stack),
	CASE(encrypted),
	CASE_FORMATS(protect_each),
	CASE(refused_attrs),
	CASE_FORMATS(widen_by_map),
	CASE_FORMATS(widen_by_protect),
	CASE(widen_in_a_list),
	CASE(widen_what_is_frozen_or_shared),
	CASE_FORMATS(keep_what_is_not_present),
	CASE_FORMATS(raw_entries),
	CASE(raw_refused),
};

int main(int argc, char **argv)
{
	static struct ktap_case cases[64];
	size_t i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(leaf_cases) && nr < ARRAY_SIZE(cases); i++)
		cases[nr++] = leaf_cases[i];
	for (i = 0; i < nr_link_cases && nr < ARRAY_SIZE(cases); i++)
		cases[nr++] = link_cases[i];
	return ktap_main(cases, nr, argc, argv);
}
