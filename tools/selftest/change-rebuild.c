// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spaces that share tables, walked together, rebuilt in another guest from what
 * the walk told and from nothing else, and walked again: the same records, and
 * as many tables, of which as many are shared.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "change.h"

#define MOST	8		/* spaces */
#define POOL_PAGES	256

struct spaces {
	struct pool_guest p;
	u32 id[MOST];
	u32 nr;
};

static void spaces_init(struct spaces *s, u32 format, u32 nr)
{
	memset(s, 0, sizeof(*s));
	pool_guest(&s->p, format, POOL_PAGES);
	s->id[0] = s->p.space;
	s->nr = 1;
	while (s->nr < nr)
		s->id[s->nr++] = ASSERT_OK(space_new(s->p.fd, format,
						     s->p.pool));
}

static struct records spaces_walk(struct spaces *s, u32 flags)
{
	int walk = ASSERT_OK(walk_create(s->p.fd, s->id, s->nr, 0, ~0ULL, flags,
					 0, 0));
	struct records rs = walk_read(walk, 0);

	EXPECT_EQ(rs.err, 0);
	close(walk);
	return rs;
}

/* The model, over all of them. */
static void expect_model(struct spaces *s, const struct records *rs)
{
	struct model m;
	u32 i;

	model_init(&m, &s->p.g);
	for (i = 0; i < s->nr; i++)
		m.roots[i] = space_root(s->p.fd, s->id[i]);
	m.nr_roots = s->nr;
	model_walk(&m, 0, ~0ULL, 0);
	EXPECT(records_equal(rs, &m.out));
	records_free(&m.out);
	free(m.seen);
}

/* Build what one record tells. */
static void rebuild_one(struct spaces *to, const struct vmem_ioc_record *r)
{
	struct vmem_ioc_mapping m = {
		.va = r->va,
		.len = r->len,
		.path = r->path,
		.flags = VMEM_IOC_MAPPING_PATH,
	};
	int fd = to->p.fd;

	switch (r->type) {
	case VMEM_IOC_REC_MAPPING:
		m.gpa = r->gpa;
		m.attrs = r->leaf & RWX;
		m.kind = r->leaf & COW ? VMEM_IOC_KIND_COW :
					 VMEM_IOC_KIND_BASIC;
		EXPECT_ERR(map_list(fd, to->id[r->space], &m, 1, 0, NULL), 0);
		return;
	case VMEM_IOC_REC_REFERENCE:
		ASSERT(r->owner <= r->space);
		if (r->detail)
			EXPECT_ERR(link_path(fd, to->id[r->space], r->va,
					     to->id[r->owner], r->their_va,
					     r->detail, r->path, 0, NULL), 0);
		return;
	case VMEM_IOC_REC_END:
		return;
	}
	ktap_fail(__FILE__, __LINE__, "a record of type %u", r->type);
}

/* A root that was seen before makes a space of the same root, at the end. */
static void rebuild(struct spaces *from, struct spaces *to)
{
	struct records rs = spaces_walk(from, 0);
	u32 i;
	size_t j;

	expect_model(from, &rs);
	spaces_init(to, from->p.g.format, from->nr);
	for (j = 0; j < rs.nr && !ktap_failed(); j++) {
		rebuild_one(to, &rs.r[j]);
		if (ktap_failed())
			ktap_msg("%s", record_text(&rs.r[j]));
	}
	for (j = 0; j < rs.nr; j++) {
		if (rs.r[j].type != VMEM_IOC_REC_REFERENCE || rs.r[j].detail)
			continue;
		i = rs.r[j].space;
		ASSERT_OK(destroy(to->p.fd, to->id[i]));
		to->id[i] = ASSERT_OK(space_adopt(to->p.fd, to->p.g.format,
						  to->p.pool,
						  space_root(to->p.fd,
							to->id[rs.r[j].owner])));
	}
	records_free(&rs);
}

/* Equal in all but where the tables lie. */
static bool equal_but_tables(struct vmem_ioc_record a, struct vmem_ioc_record b)
{
	if (a.type == VMEM_IOC_REC_REFERENCE && b.type == a.type) {
		a.entry &= ~X86_ADDR;
		b.entry &= ~X86_ADDR;
	}
	if (a.type == VMEM_IOC_REC_END && b.type == a.type) {
		a.va = b.va = 0;
		a.space = b.space = 0;
	}
	return !memcmp(&a, &b, sizeof(a));
}

static void expect_equal(struct spaces *a, struct spaces *b, u32 flags)
{
	struct records x = spaces_walk(a, flags), y = spaces_walk(b, flags);
	size_t i;

	EXPECT_EQ(x.nr, y.nr);
	for (i = 0; i < x.nr && i < y.nr; i++) {
		if (EXPECT(equal_but_tables(x.r[i], y.r[i])))
			continue;
		ktap_msg("was %s", record_text(&x.r[i]));
		ktap_msg("is  %s", record_text(&y.r[i]));
		break;
	}
	records_free(&x);
	records_free(&y);
}

static void round_trip(struct spaces *from)
{
	struct vmem_ioc_pool_stat was, is;
	struct spaces to;
	u32 i;

	rebuild(from, &to);
	expect_equal(from, &to, 0);
	expect_equal(from, &to, VMEM_IOC_WALK_LEAVES);
	expect_equal(from, &to, VMEM_IOC_WALK_FOLLOW);
	expect_equal(from, &to, VMEM_IOC_WALK_HOLES);
	ASSERT_OK(pool_stat(from->p.fd, from->p.pool, &was));
	ASSERT_OK(pool_stat(to.p.fd, to.p.pool, &is));
	EXPECT_EQ(is.out_used, was.out_used);
	EXPECT_EQ(is.out_shared, was.out_shared);
	/* They go one by one; what the others need stays until the last. */
	for (i = 0; i < to.nr; i++)
		ASSERT_OK(destroy(to.p.fd, to.id[i]));
	ASSERT_OK(pool_stat(to.p.fd, to.p.pool, &is));
	EXPECT_EQ(is.out_used, 0);
	EXPECT_EQ(is.out_shared, 0);
	close(to.p.fd);
	munmap(to.p.g.mem, to.p.g.len);
}

/*
 * Of the space before, a table of each depth is shown here at the same address,
 * and thrice elsewhere, through entries with other permissions.
 */
static void share_all(struct spaces *s, u32 to)
{
	static const u32 perms[] = { RWX | U, R | X, R | W | U, R };
	unsigned int levels = levels_of(s->p.g.format), depth;
	u64 span, top = entry_span(levels - 1), va;
	u32 i;

	for (depth = 1; depth < levels; depth++) {
		span = entry_span(levels - depth);
		va = 2 * depth * top;
		for (i = 0; i < ARRAY_SIZE(perms); i++)
			ASSERT_OK(link_path(s->p.fd, s->id[to],
					    va + i * (32 * top +
						      (depth > 1 ? span : 0)),
					    s->id[to - 1], va, depth,
					    path_of(s->p.g.format,
						    levels - depth, perms[i]),
					    0, NULL));
	}
}

static void first_space(struct spaces *s)
{
	unsigned int levels = levels_of(s->p.g.format), depth, i;
	u64 va;

	for (depth = 1; depth < levels; depth++) {
		va = 2 * depth * entry_span(levels - 1);
		for (i = 0; i < 4; i++)
			ASSERT_OK(map_path(s->p.fd, s->id[0], va + i * 3 * MIB,
					   MAP_DATA + i * MIB, 700 * PAGE -
					   i * PAGE, i % 2 ? R | W : R | X,
					   path_of(s->p.g.format, 1, RWX | U), 0,
					   NULL));
	}
	s->p.space = s->id[0];
	ASSERT_OK(map_kind(&s->p, 0, MAP_DATA, 5 * PAGE, VMEM_IOC_KIND_COW, R, 0,
			   NULL));
	ASSERT_OK(map_kind(&s->p, -3 * PAGE, MAP_DATA, 3 * PAGE,
			   VMEM_IOC_KIND_BASIC, RWX, 0, NULL));
}

static void two_spaces(u32 format)
{
	struct spaces s;

	spaces_init(&s, format, 2);
	first_space(&s);
	share_all(&s, 1);
	expect_shared(&s.p, levels_of(format) - 1);
	round_trip(&s);
}
EACH_FORMAT(two_spaces)

static void eight_spaces(u32 format)
{
	struct spaces s;
	u32 i;

	spaces_init(&s, format, MOST);
	first_space(&s);
	for (i = 1; i < MOST - 1; i++) {
		/* Something of its own, too. */
		ASSERT_OK(map_one(s.p.fd, s.id[i], 0, MAP_DATA + i * PAGE,
				  i * PAGE, R | W, 0, NULL));
		share_all(&s, i);
	}
	/* The last one has the root of another. */
	ASSERT_OK(destroy(s.p.fd, s.id[MOST - 1]));
	s.id[MOST - 1] = ASSERT_OK(space_adopt(s.p.fd, format, s.p.pool,
					       space_root(s.p.fd, s.id[3])));
	round_trip(&s);
}
EACH_FORMAT(eight_spaces)

/* Few places, so that tables meet. */
static u64 random_va(u64 *seed, unsigned int levels)
{
	return rnd(seed) % 2 * entry_span(levels - 1) +
	       rnd(seed) % 3 * entry_span(2) + rnd(seed) % 3 * entry_span(1);
}

/* One call. Return: whether it was done. */
static bool random_map(struct spaces *s, u64 *seed)
{
	u64 va = random_va(seed, levels_of(s->p.g.format));
	u32 path = path_of(s->p.g.format, 1, RWX);

	/* The same for all that come by this entry of level 1. */
	if (index_of(va, 1) == 2)
		path ^= (W | U) << 4;
	return !map_path(s->p.fd, s->id[rnd(seed) % s->nr],
			 va + rnd(seed) % 480 * PAGE,
			 MAP_DATA + rnd(seed) % 512 * PAGE,
			 PAGE * (1 + rnd(seed) % 20), R | rnd(seed) % 4 << 1,
			 path, rnd(seed) % 2 ? VMEM_IOC_MAP_SHARED_OK : 0, NULL);
}

static bool random_link(struct spaces *s, u64 *seed)
{
	unsigned int levels = levels_of(s->p.g.format);
	u32 depth = 1 + rnd(seed) % (levels - 1), level = levels - depth;
	u32 path = path_of(s->p.g.format, level, RWX);

	/* Its own entry grants anything. */
	path ^= rnd(seed) % 8 << 1 << VMEM_IOC_PATH_SHIFT(level);
	return !link_path(s->p.fd, s->id[rnd(seed) % s->nr],
			  random_va(seed, levels) & -entry_span(level),
			  s->id[rnd(seed) % s->nr],
			  random_va(seed, levels) & -entry_span(level), depth,
			  path, rnd(seed) % 4 ? 0 : VMEM_IOC_LINK_REPLACE, NULL);
}

/* Whatever random calls have made of up to eight spaces. */
static void random_spaces(u32 format)
{
	struct vmem_ioc_pool_stat stat;
	u32 round, n, maps, links;
	u64 seed = seed_pick();
	struct spaces s;

	for (round = 0; round < 12 && !ktap_failed(); round++) {
		spaces_init(&s, format, 1 + rnd(&seed) % MOST);
		maps = links = 0;
		for (n = 0; n < 300; n++) {
			if (rnd(&seed) % 3)
				maps += random_map(&s, &seed);
			else
				links += random_link(&s, &seed);
		}
		ASSERT_OK(pool_stat(s.p.fd, s.p.pool, &stat));
		ktap_msg("%u spaces: %u maps, %u links, %llu tables, %llu shared",
			 s.nr, maps, links, (unsigned long long)stat.out_used,
			 (unsigned long long)stat.out_shared);
		round_trip(&s);
		close(s.p.fd);
		munmap(s.p.g.mem, s.p.g.len);
	}
}
EACH_FORMAT(random_spaces)

const struct ktap_case rebuild_cases[] = {
	CASE_FORMATS(two_spaces),
	CASE_FORMATS(eight_spaces),
	CASE_FORMATS(random_spaces),
};

const size_t nr_rebuild_cases = ARRAY_SIZE(rebuild_cases);
