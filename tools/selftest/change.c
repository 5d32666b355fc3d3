// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing more than what is mapped where: pages that are copied when they are
 * written to, permissions of leaves and of the tables above. Tables that are
 * shared and tables that move are the subject of the other parts.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "change.h"

/* What a leaf is now. */
static u64 leaf_of(struct pool_guest *p, u64 va)
{
	u64 entries[VMEM_IOC_LEVELS_MAX];

	entries_of(p, va, entries);
	return entries[0];
}

static void cow_bits(u32 format)
{
	static const struct {
		u32 attrs;
		u64 nx;
	} kinds[] = { { R, X86_NX }, { R | X, 0 } };
	unsigned int levels = levels_of(format), level, i;
	u64 entries[VMEM_IOC_LEVELS_MAX], va = 0x123456789000ULL;
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;

	pool_guest(&p, format, 32);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_OK(map_kind(&p, va + i * PAGE, MAP_DATA + i * PAGE, PAGE,
				   VMEM_IOC_KIND_COW, kinds[i].attrs, 0,
				   &change));
		entries_of(&p, va + i * PAGE, entries);
		EXPECT_EQ(entries[0], (MAP_DATA + i * PAGE) | X86_LEAF |
			  X86_COW | kinds[i].nx);
		/* The path to it grants what that to another leaf does. */
		for (level = 1; level < levels; level++)
			EXPECT_EQ(entries[level] & ~X86_ADDR, X86_TABLE);
		EXPECT_EQ(change.out_pages, 1);
		ASSERT_OK(translate(p.fd, p.space, va + i * PAGE, &result));
		EXPECT_EQ(result.leaf, kinds[i].attrs | COW | VMEM_IOC_ATTR_A |
			  VMEM_IOC_ATTR_D);
		EXPECT_EQ(result.effective, kinds[i].attrs);
	}
	/* Over the end of a table, and beside a leaf that isn't Cow. */
	ASSERT_OK(map_kind(&p, GIB - 4 * PAGE, MAP_DATA, 8 * PAGE,
			   VMEM_IOC_KIND_COW, R, 0, NULL));
	ASSERT_OK(map_one(p.fd, p.space, GIB + 4 * PAGE, MAP_DATA + 8 * PAGE,
			  PAGE, R, 0, NULL));
	EXPECT_EQ(leaf_of(&p, GIB + 3 * PAGE), (MAP_DATA + 7 * PAGE) | X86_LEAF |
		  X86_COW | X86_NX);
	EXPECT_EQ(leaf_of(&p, GIB + 4 * PAGE), (MAP_DATA + 8 * PAGE) | X86_LEAF |
		  X86_NX);
	expect_leaves(&p, 2 + 9);
}
EACH_FORMAT(cow_bits)

/* The software bits that say so are the space's. */
static void cow_of_space(u32 format)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW,
		.format = format,
		.cow = 5,
	};
	struct vmem_ioc_result result;
	struct pool_guest p;
	u32 usual;

	pool_guest(&p, format, 32);
	usual = p.space;
	create.pool = p.pool;
	p.space = ASSERT_OK(space_create(p.fd, &create));
	p.g.root = create.out_root;
	ASSERT_OK(map_kind(&p, 0, MAP_DATA, PAGE, VMEM_IOC_KIND_COW, R, 0,
			   NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX | 5ULL << 9);
	ASSERT_OK(translate(p.fd, p.space, 0, &result));
	EXPECT_EQ(result.leaf & COW, COW);
	/* To the other space, which shares the table, it's a leaf like others. */
	ASSERT_OK(link_table(p.fd, usual, 0, p.space, 0, levels_of(format) - 1,
			     0, NULL));
	ASSERT_OK(translate(p.fd, usual, 0, &result));
	EXPECT_EQ(result.gpa, MAP_DATA);
	EXPECT_EQ(result.leaf & COW, 0);
	/* PROTECT sets and clears these bits, and no others. */
	ASSERT_OK(protect(p.fd, p.space, 0, PAGE - 1, 0, COW,
			  VMEM_IOC_RANGE_SHARED_OK, NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX);
	ASSERT_OK(protect(p.fd, usual, 0, PAGE - 1, COW, 0,
			  VMEM_IOC_RANGE_SHARED_OK, NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX | X86_COW);
	ASSERT_OK(protect(p.fd, p.space, 0, PAGE - 1, 0, COW,
			  VMEM_IOC_RANGE_SHARED_OK, NULL));
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX | X86_COW);
}
EACH_FORMAT(cow_of_space)

/* A page is Cow, is copied, is Cow again. */
static void cow_story(u32 format)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	const u64 cow = MAP_DATA | X86_LEAF | X86_COW | X86_NX;

	pool_guest(&p, format, 32);
	ASSERT_OK(map_kind(&p, 0, MAP_DATA, PAGE, VMEM_IOC_KIND_COW, R, 0,
			   NULL));
	/* What is Cow isn't made writable. */
	ASSERT_OK(protect(p.fd, p.space, 0, PAGE - 1, W, 0, 0, &change));
	EXPECT_EQ(change.out_pages, 0);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
	EXPECT_EQ(leaf_of(&p, 0), cow);
	ASSERT_OK(protect(p.fd, p.space, 0, PAGE - 1, W, COW, 0, &change));
	EXPECT_EQ(change.out_pages, 1);
	EXPECT_EQ(leaf_of(&p, 0), MAP_DATA | X86_LEAF | X86_NX | X86_RW);
	ASSERT_OK(protect(p.fd, p.space, 0, PAGE - 1, COW, 0, 0, &change));
	EXPECT_EQ(leaf_of(&p, 0), cow);
	/* A copy in its place. */
	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA + PAGE, PAGE, R | W, 0,
			   NULL), EEXIST);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA + PAGE, PAGE, R | W,
			  VMEM_IOC_MAP_REPLACE, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_RANGE);
	EXPECT_EQ(leaf_of(&p, 0),
		  (MAP_DATA + PAGE) | X86_LEAF | X86_NX | X86_RW);
	ASSERT_OK(unmap(p.fd, p.space, 0, PAGE - 1, NULL));
	expect_leaves(&p, 0);
}
EACH_FORMAT(cow_story)

/* What PROTECT does to leaves, and to nothing else of them. */

static u64 protected(u64 leaf, u32 set, u32 clear)
{
	const u64 avl = 7ULL << 9;
	bool cow = !(leaf & X86_RW) && (leaf & avl) == X86_COW;

	if (clear & COW && cow) {
		leaf &= ~avl;
		cow = false;
	}
	if (set & COW) {
		leaf = (leaf & ~avl) | X86_COW;
		cow = true;
	}
	if (clear & W)
		leaf &= ~X86_RW;
	if (set & W)
		leaf |= X86_RW;
	if (set & X)
		leaf &= ~X86_NX;
	if (clear & X)
		leaf |= X86_NX;
	if (cow)
		leaf &= ~X86_RW;
	return leaf;
}

static const u64 leaf_bits[] = {
	0, X86_RW, X86_US, X86_PWT, X86_PCD, X86_A, X86_D, X86_PAT, X86_G,
	X86_NX, X86_COW, X86_COW | X86_RW, 2ULL << 9, 7ULL << 9, 5ULL << 59,
	15ULL << 59,
	X86_RW | X86_US | X86_PWT | X86_PCD | X86_A | X86_D | X86_PAT | X86_G |
	6ULL << 9 | 9ULL << 59 | X86_NX,
};
#define NR_BITS		ARRAY_SIZE(leaf_bits)

/* Leaves of each size at @at, and entries that aren't present. */
#define BITS_AT(level)	(256 * GIB + (level) * 64 * GIB)

static u64 bits_leaf(unsigned int level, unsigned int i)
{
	u64 leaf = i * entry_span(level) | X86_P | leaf_bits[i];

	if (!level)
		return leaf;
	return leaf | X86_PS | (leaf_bits[i] & X86_PAT ? X86_PAT_LARGE : 0);
}

static const u64 not_present[] = { ~X86_P, 0xdead000ULL << 8 & ~X86_P };

static void bits_tree(struct pool_guest *p)
{
	unsigned int level, i;

	p->g.next = MAP_BY_HAND;
	guest_root(&p->g);
	for (level = 0; level < 3; level++) {
		for (i = 0; i < NR_BITS; i++)
			guest_map(&p->g, p->g.root,
				  BITS_AT(level) + i * entry_span(level), level,
				  bits_leaf(level, i), X86_TABLE);
		for (i = 0; i < ARRAY_SIZE(not_present); i++)
			guest_map(&p->g, p->g.root, BITS_AT(level) +
				  (NR_BITS + 2 + i) * entry_span(level), level,
				  not_present[i], X86_TABLE);
	}
	p->space = ASSERT_OK(space_adopt(p->fd, p->g.format, p->pool, p->g.root));
}

static void protect_keeps_the_rest(u32 format)
{
	static const u32 settable[] = { 0, W, X, COW, R, W | X, W | COW,
					RWX | COW };
	static const u32 clearable[] = { 0, W, X, COW, W | X, W | COW, X | COW };
	u64 pages, want, entries[VMEM_IOC_LEVELS_MAX];
	unsigned int s, i, level;
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, format, 8);
	for (s = 0; s < ARRAY_SIZE(settable) * ARRAY_SIZE(clearable); s++) {
		u32 set = settable[s / ARRAY_SIZE(clearable)];
		u32 clear = clearable[s % ARRAY_SIZE(clearable)];

		bits_tree(&p);
		if (set & clear) {
			EXPECT_ERR(protect(p.fd, p.space, 0, ~0ULL, set, clear,
					   0, NULL), EINVAL);
			ASSERT_OK(destroy(p.fd, p.space));
			continue;
		}
		ASSERT_OK(protect(p.fd, p.space, 0, ~0ULL, set, clear,
				  VMEM_IOC_RANGE_ALONE, &change));
		pages = 0;
		for (level = 0; level < 3; level++) {
			for (i = 0; i < NR_BITS; i++) {
				want = protected(bits_leaf(level, i), set,
						 clear);
				entries_of(&p, BITS_AT(level) +
					   i * entry_span(level), entries);
				EXPECT_EQ(entries[level], want);
				if (want != bits_leaf(level, i))
					pages += entry_span(level) / PAGE;
			}
			for (i = 0; i < ARRAY_SIZE(not_present); i++) {
				entries_of(&p, BITS_AT(level) + (NR_BITS + 2 +
					   i) * entry_span(level), entries);
				EXPECT_EQ(entries[level], not_present[i]);
			}
		}
		EXPECT_EQ(change.out_pages, pages);
		EXPECT_EQ(change.out_done, 1);
		EXPECT_EQ(change.out_done_len, 0);
		EXPECT_EQ(change.out_changes, 0);
		EXPECT_EQ(change.out_flush, pages ? VMEM_IOC_FLUSH_RANGE :
			  VMEM_IOC_FLUSH_NONE);
		for (level = 3; level < levels_of(format); level++)
			EXPECT_EQ(entries[level] & ~X86_ADDR, X86_TABLE);
		ASSERT_OK(destroy(p.fd, p.space));
		if (ktap_failed()) {
			ktap_msg("set %#x, clear %#x", set, clear);
			return;
		}
	}
	expect_pool(&p, 1, 0);
}
EACH_FORMAT(protect_keeps_the_rest)

/* The range that is to be flushed: of the leaves that changed. */
static void protect_range_flush(u32 format)
{
	struct vmem_ioc_space_get get;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 generation;

	pool_guest(&p, format, 32);
	ASSERT_OK(map_one(p.fd, p.space, 4 * MIB - 8 * PAGE, MAP_DATA,
			  16 * PAGE, R | W, 0, &change));
	generation = change.out_generation;
	/* Of four pages, over the end of a table, in a range that has more. */
	ASSERT_OK(protect(p.fd, p.space, 4 * MIB - 2 * PAGE,
			  4 * MIB + 2 * PAGE - 1, 0, W, 0, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_RANGE);
	EXPECT_EQ(change.out_flush_start, 4 * MIB - 2 * PAGE);
	EXPECT_EQ(change.out_flush_last, 4 * MIB + 2 * PAGE - 1);
	EXPECT_EQ(change.out_pages, 4);
	EXPECT(change.out_generation > generation);
	generation = change.out_generation;

	/* What is so already isn't changed, and holes have nothing. */
	ASSERT_OK(protect(p.fd, p.space, 4 * MIB - 2 * PAGE,
			  4 * MIB + 2 * PAGE - 1, 0, W, 0, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
	EXPECT_EQ(change.out_pages, 0);
	EXPECT_EQ(change.out_generation, generation);
	ASSERT_OK(protect(p.fd, p.space, 64 * GIB, 128 * GIB - 1, 0, W, 0,
			  &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
	EXPECT_EQ(change.out_pages, 0);
	ASSERT_OK(space_get(p.fd, p.space, &get));
	EXPECT_EQ(get.out_generation, generation);

	/* All that there is, in both halves: 12 pages are left to be changed. */
	ASSERT_OK(map_one(p.fd, p.space, -PAGE, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(protect(p.fd, p.space, 0, ~0ULL, 0, W, 0, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_RANGE);
	EXPECT_EQ(change.out_flush_start, 4 * MIB - 8 * PAGE);
	EXPECT_EQ(change.out_flush_last, 4 * MIB + 8 * PAGE - 1);
	EXPECT_EQ(change.out_pages, 12);
	EXPECT_EQ(change.out_done, 1);
	ASSERT_OK(protect(p.fd, p.space, 0, ~0ULL, X, 0, 0, &change));
	EXPECT_EQ(change.out_flush_last, ~0ULL);
	EXPECT_EQ(change.out_pages, 17);
	expect_leaves(&p, 17);
}
EACH_FORMAT(protect_range_flush)

/*
 * Two roots of the guest's own name one table of its own: a range would be that
 * of one of them. Only the caller can know that nobody else names it.
 */
static void flush_of_guests_tables(u32 format)
{
	const u64 va = -4 * GIB, ours = va + 2 * PAGE;
	const unsigned int top = levels_of(format) - 1;
	struct vmem_ioc_change change;
	struct pool_guest p;
	unsigned int alone;
	u64 table, other;
	u32 both[2];

	pool_guest(&p, format, 8);
	p.g.next = MAP_BY_HAND;
	guest_root(&p.g);
	guest_map(&p.g, p.g.root, va, 0, MAP_DATA | X86_LEAF | X86_RW, X86_TABLE);
	other = guest_page(&p.g);
	table = entry_get(&p.g, p.g.root, index_of(va, top));
	entry_set(&p.g, other, index_of(va, top), table);
	both[0] = ASSERT_OK(space_adopt(p.fd, format, p.pool, p.g.root));
	both[1] = ASSERT_OK(space_adopt(p.fd, format, p.pool, other));
	for (alone = 0; alone < 2; alone++) {
		const u32 flags = alone ? VMEM_IOC_RANGE_ALONE : 0;
		const u32 flush = alone ? VMEM_IOC_FLUSH_RANGE :
					  VMEM_IOC_FLUSH_ALL;

		/* What wasn't present is in no vCPU. */
		ASSERT_OK(map_one(p.fd, both[0], ours, MAP_DATA, PAGE, R | W,
				  flags, &change));
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		ASSERT_OK(map_one(p.fd, both[1], ours, MAP_DATA + PAGE, PAGE,
				  R | W, flags | VMEM_IOC_MAP_REPLACE, &change));
		EXPECT_EQ(change.out_flush, flush);
		ASSERT_OK(protect(p.fd, both[0], va, va + 4 * PAGE - 1, 0, W,
				  flags, &change));
		EXPECT_EQ(change.out_pages, 2);
		EXPECT_EQ(change.out_flush, flush);
		if (alone) {
			EXPECT_EQ(change.out_flush_start, va);
			EXPECT_EQ(change.out_flush_last, ours + PAGE - 1);
		}
		ASSERT_OK(protect(p.fd, both[1], va, va + PAGE - 1, W, 0, flags,
				  &change));
		EXPECT_EQ(change.out_flush, flush);
		ASSERT_OK(unmap_flags(p.fd, both[1], ours, ours + PAGE - 1,
				      flags, &change));
		EXPECT_EQ(change.out_flush, flush);
		EXPECT_EQ(change.out_pages, 1);
	}
	/* A space of ours names nothing of the guest's, until it does. */
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 2 * PAGE, R, 0, NULL));
	ASSERT_OK(unmap(p.fd, p.space, 0, PAGE - 1, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_RANGE);
	entry_set(&p.g, space_root(p.fd, p.space), index_of(va, top), table);
	ASSERT_OK(protect(p.fd, p.space, va, va + PAGE - 1, 0, W, 0, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	/* A table that is freed is, whatever the caller says. */
	ASSERT_OK(unmap_flags(p.fd, p.space, 0, 2 * PAGE - 1,
			      VMEM_IOC_RANGE_ALONE, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
}
EACH_FORMAT(flush_of_guests_tables)

/* Part of a large leaf: nothing before it is changed either. */
static void protect_large_part(u32 format)
{
	struct picture before, after;
	struct vmem_ioc_change change;
	struct pool_guest p;
	unsigned int level;
	u64 span;

	pool_guest(&p, format, 8);
	bits_tree(&p);
	for (level = 1; level < 3; level++) {
		span = entry_span(level);
		before = picture_take(p.fd, p.g.mem, p.g.len);
		EXPECT_ERR(protect(p.fd, p.space, 0, BITS_AT(level) + 3 * span +
				   PAGE - 1, COW, 0, 0, &change), ERANGE);
		EXPECT_EQ(change.out_at_va & -span, BITS_AT(level) + 3 * span);
		EXPECT_EQ(change.out_at_level, level);
		EXPECT_EQ(change.out_pages, 0);
		/* One that would stay as it is isn't in the way. */
		ASSERT_OK(protect(p.fd, p.space, BITS_AT(level) + PAGE,
				  BITS_AT(level) + 2 * PAGE - 1, X, 0, 0, NULL));
		after = picture_take(p.fd, p.g.mem, p.g.len);
		EXPECT(picture_same(&before, &after));
		ASSERT_OK(protect(p.fd, p.space, BITS_AT(level),
				  BITS_AT(level) + span - 1, 0, X, 0, &change));
		EXPECT_EQ(change.out_pages, span / PAGE);
	}
}
EACH_FORMAT(protect_large_part)

/* A and D, which a vCPU sets meanwhile, stay set. */

struct toucher {
	struct pool_guest *p;
	u64 table;
	bool stop;
	u64 set[512];
};

static void *touch_leaves(void *arg)
{
	struct toucher *t = arg;
	u64 *host = guest_host(&t->p->g, t->table);
	u64 seed = 1;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		u64 i = rnd(&seed) % 512;
		u64 bit = rnd(&seed) % 2 ? X86_A : X86_D;

		__atomic_fetch_or(&host[i], bit, __ATOMIC_RELAXED);
		t->set[i] |= bit;
	}
	return NULL;
}

static void protect_beside_vcpu(void)
{
	struct toucher t = {};
	struct pool_guest p;
	pthread_t thread;
	u64 round, i;

	pool_guest(&p, FMT4, 8);
	t.p = &p;
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 2 * MIB, R | W, 0, NULL));
	t.table = MAP_POOL + 3 * PAGE;
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 512; i++)
			entry_set(&p.g, t.table, i, (MAP_DATA + i * PAGE) |
				  X86_P | X86_RW);
		memset(t.set, 0, sizeof(t.set));
		t.stop = false;
		ASSERT(!pthread_create(&thread, NULL, touch_leaves, &t));
		for (i = 0; i < 50; i++)
			ASSERT_OK(protect(p.fd, p.space, 0, 2 * MIB - 1,
					  i % 2 ? W : X, i % 2 ? X : W, 0,
					  NULL));
		__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		for (i = 0; i < 512; i++)
			EXPECT_EQ(entry_get(&p.g, t.table, i),
				  (MAP_DATA + i * PAGE) | X86_P | X86_RW |
				  X86_NX | t.set[i]);
	}
}

/* Table entries that are made are those that were given. */
static void path_given(u32 format)
{
	unsigned int levels = levels_of(format), level, i;
	u32 perms[VMEM_IOC_LEVELS_MAX] = { 0, R | U, R | W, R | W | X | U,
					   R | X };
	u64 entries[VMEM_IOC_LEVELS_MAX], va, want;
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;
	u32 path, other;

	pool_guest(&p, format, 128);
	for (i = 0; i < 16; i++) {
		/* Each of the eight that there are, at each level. */
		for (path = 0, level = 1; level < levels; level++)
			path |= (i < 8 ? R | (i & 7) << 1 : perms[level]) <<
				VMEM_IOC_PATH_SHIFT(level);
		va = (i + 1) * entry_span(levels - 1);
		ASSERT_OK(map_path(p.fd, p.space, va, MAP_DATA, 2 * PAGE, RWX,
				   path, 0, &change));
		EXPECT_EQ(change.out_pages, 2);
		entries_of(&p, va, entries);
		for (level = 1; level < levels; level++) {
			u32 nibble = path >> VMEM_IOC_PATH_SHIFT(level) & 0xf;

			want = X86_P | X86_A | (nibble & W ? X86_RW : 0) |
			       (nibble & U ? X86_US : 0) |
			       (nibble & X ? 0 : X86_NX);
			EXPECT_EQ(entries[level] & ~X86_ADDR, want);
		}
		ASSERT_OK(translate(p.fd, p.space, va, &result));
		EXPECT_EQ(result.path, path);
		EXPECT_EQ(result.leaf & (RWX | U), RWX);
		/* More of the same, in this table and in another. */
		ASSERT_OK(map_path(p.fd, p.space, va + 2 * PAGE, MAP_DATA,
				   4 * MIB, R, path, 0, NULL));
		/* Each level by itself must be the same. */
		for (level = 1; level < levels; level++) {
			other = path ^ W << VMEM_IOC_PATH_SHIFT(level);
			EXPECT_ERR(map_path(p.fd, p.space, va + 4 * MIB,
					    MAP_DATA, PAGE, R, other, 0,
					    &change), EEXIST);
			EXPECT_EQ(change.out_at_level, level);
			EXPECT_EQ(change.out_pages, 0);
		}
	}
	expect_leaves(&p, 16 * (2 + 1024));
}
EACH_FORMAT(path_given)

/* Without a path: enough is enough, and what grants less is in the way. */
static void path_that_suffices(u32 format)
{
	unsigned int levels = levels_of(format), level;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 va;
	u32 path;

	pool_guest(&p, format, 128);
	for (level = 1; level < levels; level++) {
		va = level * entry_span(levels - 1);
		path = path_of(format, 1, RWX | U) &
		       ~((W | X) << VMEM_IOC_PATH_SHIFT(level));
		ASSERT_OK(map_path(p.fd, p.space, va, MAP_DATA, PAGE, R, path,
				   0, NULL));
		ASSERT_OK(map_one(p.fd, p.space, va + PAGE, MAP_DATA, PAGE, R,
				  0, NULL));
		ASSERT_OK(map_kind(&p, va + 2 * PAGE, MAP_DATA, PAGE,
				   VMEM_IOC_KIND_COW, R, 0, NULL));
		EXPECT_ERR(map_one(p.fd, p.space, va + 3 * PAGE, MAP_DATA, PAGE,
				   R | W, 0, &change), EEXIST);
		EXPECT_EQ(change.out_at_level, level);
		EXPECT_ERR(map_one(p.fd, p.space, va + 3 * PAGE, MAP_DATA, PAGE,
				   R | X, 0, NULL), EEXIST);
		EXPECT_ERR(map_kind(&p, va + 3 * PAGE, MAP_DATA, PAGE,
				    VMEM_IOC_KIND_COW, R | X, 0, NULL), EEXIST);
		/* REPLACE is about leaves. */
		EXPECT_ERR(map_one(p.fd, p.space, va, MAP_DATA, PAGE, R | W,
				   VMEM_IOC_MAP_REPLACE, NULL), EEXIST);
	}
	expect_leaves(&p, 3 * (levels - 1));
}
EACH_FORMAT(path_that_suffices)

/* A list in which each mapping has its own, and one that stands in the way. */
static void path_in_list(u32 format)
{
	struct vmem_ioc_mapping list[4] = {};
	struct vmem_ioc_change change;
	struct picture before, after;
	struct pool_guest p;
	unsigned int i;

	pool_guest(&p, format, 64);
	for (i = 0; i < 4; i++)
		list[i] = (struct vmem_ioc_mapping){
			.va = i * 2 * MIB,
			.gpa = MAP_DATA,
			.len = PAGE,
			.kind = i % 2 ? VMEM_IOC_KIND_COW : VMEM_IOC_KIND_BASIC,
			.attrs = R,
			.path = path_of(format, 1, RWX) & ~(i % 2 ? W << 4 : 0),
			.flags = VMEM_IOC_MAPPING_PATH,
		};
	/* Two at odds about one entry of level 2, in one atomic list. */
	list[3].path ^= X << 8;
	before = picture_take(p.fd, p.g.mem, p.g.len);
	EXPECT_ERR(map_list(p.fd, p.space, list, 4, VMEM_IOC_MAP_ATOMIC,
			    &change), EEXIST);
	after = picture_take(p.fd, p.g.mem, p.g.len);
	if (!EXPECT(picture_same(&before, &after)))
		ktap_msg("done %u, pages %llu", change.out_done,
			 (unsigned long long)change.out_pages);
	EXPECT_ERR(map_list(p.fd, p.space, list, 4, 0, &change), EEXIST);
	EXPECT_EQ(change.out_done, 3);
	expect_leaves(&p, 3);
	list[3].path ^= X << 8;
	ASSERT_OK(map_list(p.fd, p.space, &list[3], 1, VMEM_IOC_MAP_ATOMIC,
			   &change));
	expect_leaves(&p, 4);
}
EACH_FORMAT(path_in_list)

/* Random calls of all kinds against an array of what is where. */

#define SLOTS	1536

struct slot {
	u64 gpa;		/* 0: nothing */
	u32 attrs;		/* of the leaf: R, W, X, Cow */
};

static u64 slot_va(u32 slot)
{
	static const u64 bases[] = {
		0, GIB - 256 * PAGE, 512 * GIB - 256 * PAGE,
	};

	return bases[slot / 512] + slot % 512 * PAGE;
}

static void expect_slots(struct pool_guest *p, const struct slot *slots)
{
	static struct vmem_ioc_result results[SLOTS];
	static u64 vas[SLOTS];
	u32 i;

	for (i = 0; i < SLOTS; i++)
		vas[i] = slot_va(i);
	ASSERT_OK(translate_list(p->fd, p->space, vas, SLOTS, results, NULL));
	for (i = 0; i < SLOTS && !ktap_failed(); i++) {
		EXPECT_EQ(results[i].gpa, slots[i].gpa);
		if (slots[i].gpa)
			EXPECT_EQ(results[i].leaf & (RWX | COW), slots[i].attrs);
	}
}

static u32 attrs_protected(u32 attrs, u32 set, u32 clear)
{
	attrs &= ~clear;
	attrs |= set;
	if (set & (W | COW) && attrs & COW)
		attrs &= ~W;
	return attrs;
}

static void random_changes(u32 format)
{
	static struct slot slots[SLOTS];
	u64 seed = seed_pick(), gpa, pages;
	struct vmem_ioc_change change;
	u32 at, len, i, n, attrs, now, set, clear;
	struct pool_guest p;

	pool_guest(&p, format, 64);
	for (n = 0; n < 2000 && !ktap_failed(); n++) {
		at = rnd(&seed) % SLOTS;
		len = 1 + rnd(&seed) % 300;
		if (at / 512 != (at + len - 1) / 512)
			len = 512 - at % 512;
		gpa = MAP_DATA + rnd(&seed) % 256 * PAGE;
		pages = 0;
		switch (rnd(&seed) % 6) {
		case 0:
		case 1:
			attrs = rnd(&seed) % 2 ? R | COW : R | W;
			attrs |= rnd(&seed) % 2 ? X : 0;
			ASSERT_OK(map_kind(&p, slot_va(at), gpa, len * PAGE,
					   attrs & COW ? VMEM_IOC_KIND_COW :
					   VMEM_IOC_KIND_BASIC, attrs & ~COW,
					   VMEM_IOC_MAP_REPLACE, &change));
			for (i = 0; i < len; i++) {
				slots[at + i].gpa = gpa + i * PAGE;
				slots[at + i].attrs = attrs;
			}
			pages = len;
			break;
		case 2:
			ASSERT_OK(unmap(p.fd, p.space, slot_va(at),
					slot_va(at) + len * PAGE - 1, &change));
			for (i = at; i < at + len; i++)
				pages += !!slots[i].gpa;
			memset(&slots[at], 0, len * sizeof(slots[0]));
			break;
		default:
			set = R | rnd(&seed) % 2 * W | rnd(&seed) % 2 * X |
			      rnd(&seed) % 2 * COW;
			clear = (rnd(&seed) % 2 * W | rnd(&seed) % 2 * X |
				 rnd(&seed) % 2 * COW) & ~set;
			ASSERT_OK(protect(p.fd, p.space, slot_va(at),
					  slot_va(at) + len * PAGE - 1, set,
					  clear, 0, &change));
			for (i = at; i < at + len; i++) {
				now = attrs_protected(slots[i].attrs, set,
						      clear);
				if (!slots[i].gpa || now == slots[i].attrs)
					continue;
				slots[i].attrs = now;
				pages++;
			}
		}
		EXPECT_EQ(change.out_pages, pages);
		if (change.out_changes & VMEM_IOC_CHANGE_FREED)
			ASSERT_OK(flushed(p.fd, change.out_generation));
		if (n % 50 == 0)
			expect_slots(&p, slots);
	}
	expect_slots(&p, slots);
	ASSERT_OK(unmap(p.fd, p.space, 0, ~0ULL, &change));
	ASSERT_OK(flushed(p.fd, change.out_generation));
	expect_pool(&p, 1, 0);
}
EACH_FORMAT(random_changes)

static const struct ktap_case leaf_cases[] = {
	CASE_FORMATS(cow_bits),
	CASE_FORMATS(cow_of_space),
	CASE_FORMATS(cow_story),
	CASE_FORMATS(protect_keeps_the_rest),
	CASE_FORMATS(protect_range_flush),
	CASE_FORMATS(flush_of_guests_tables),
	CASE_FORMATS(protect_large_part),
	CASE_IF(protect_beside_vcpu, two_cpus, "a second CPU"),
	CASE_FORMATS(path_given),
	CASE_FORMATS(path_that_suffices),
	CASE_FORMATS(path_in_list),
	CASE_FORMATS(random_changes),
};

int main(int argc, char **argv)
{
	static struct ktap_case cases[128];
	const struct {
		const struct ktap_case *cases;
		size_t nr;
	} parts[] = {
		{ leaf_cases, ARRAY_SIZE(leaf_cases) },
		{ share_cases, nr_share_cases },
		{ move_cases, nr_move_cases },
		{ rebuild_cases, nr_rebuild_cases },
	};
	size_t i, j, nr = 0;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		for (j = 0; j < parts[i].nr && nr < ARRAY_SIZE(cases); j++)
			cases[nr++] = parts[i].cases[j];
	return ktap_main(cases, nr, argc, argv);
}
