// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes in tables made to hurt, by one and by several, and calls of random bytes.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "hostile.h"

/* Some of the bits, each as often as not. */
static u32 some_of(u64 *seed, u32 bits)
{
	return (u32)rnd(seed) & bits;
}

#define MAP_FLAGS	(VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SPLIT |		\
			 VMEM_IOC_MAP_ATOMIC | VMEM_IOC_MAP_SHARED_OK |		\
			 VMEM_IOC_MAP_KEEP | VMEM_IOC_MAP_WIDEN | VMEM_IOC_MAP_ALONE)
#define RANGE_FLAGS	(VMEM_IOC_RANGE_SPLIT | VMEM_IOC_RANGE_SHARED_OK |	\
			 VMEM_IOC_RANGE_ALONE)
#define LINK_FLAGS	(VMEM_IOC_LINK_REPLACE | VMEM_IOC_LINK_ALONE | VMEM_IOC_LINK_MAKE)

/* A mapping of each kind, of a page or of a large one. */
static int random_map(int fd, u32 space, u64 va, u64 *seed,
		      struct vmem_ioc_change *change)
{
	struct vmem_ioc_mapping m = {
		.va = va,
		.gpa = GIB,
		.len = PAGE,
		.kind = rnd(seed) % 4,
	};

	if (m.kind == VMEM_IOC_KIND_RAW)
		m.gpa = (rnd(seed) | 2) & ~1ULL;
	if (m.kind == VMEM_IOC_KIND_UNMAPPED)
		m.gpa = 0;
	if (m.kind == VMEM_IOC_KIND_BASIC || m.kind == VMEM_IOC_KIND_COW) {
		m.attrs = R | some_of(seed, W | X | U | VMEM_IOC_ATTR_G);
		if (m.kind == VMEM_IOC_KIND_COW)
			m.attrs &= ~W;
		m.page_sizes = BIT(12) | some_of(seed, BIT(21) | BIT(30));
		if (rnd(seed) % 2) {
			m.va &= -(2 * MIB);
			m.gpa = 0;
			m.len = 2 * MIB;
		}
	}
	return map_list(fd, space, &m, 1, some_of(seed, MAP_FLAGS), change);
}

static int random_promote(int fd, u32 space, u64 va, u64 *seed,
			  struct vmem_ioc_change *change)
{
	u64 span = rnd(seed) % 2 ? GIB : 2 * MIB;
	struct vmem_ioc_promote arg = {
		.size = sizeof(arg),
		.flags = some_of(seed, RANGE_FLAGS & ~VMEM_IOC_RANGE_SPLIT),
		.space = space,
		.leaf_levels = some_of(seed, BIT(1) | BIT(2)),
		.start = va & -span,
		.last = va | (span - 1),
	};
	int ret = vcall(fd, VMEM_IOC_PROMOTE, &arg);

	*change = arg.change;
	return ret;
}

/* Any change, to the page at @va or to a table there. */
static int random_change(int fd, u32 space, u32 format, u64 va, u64 *seed,
			 struct vmem_ioc_change *change)
{
	u32 depth = 1 + rnd(seed) % (levels_of(format) - 1);
	u64 span = entry_span(levels_of(format) - depth);
	u64 their_va = canonical(levels_of(format), rnd(seed)) & -span;
	u64 last = va | (rnd(seed) % 4 ? PAGE - 1 : 2 * MIB - 1);
	u32 attrs = some_of(seed, W | X | U | VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D);

	switch (rnd(seed) % 8) {
	case 0:
	case 1:
	case 2:
		return random_map(fd, space, va, seed, change);
	case 3:
		return unmap_flags(fd, space, va, last, some_of(seed, RANGE_FLAGS), change);
	case 4:
		return protect(fd, space, va, last, attrs,
			       some_of(seed, ~attrs & (W | X | U | VMEM_IOC_ATTR_COW)),
			       some_of(seed, RANGE_FLAGS | VMEM_IOC_RANGE_WIDEN), change);
	case 5:
		return random_promote(fd, space, va, seed, change);
	case 6:
		return link_table(fd, space, va & -span, 0, 0, depth,
				  VMEM_IOC_LINK_UNSHARE | some_of(seed, VMEM_IOC_LINK_ALONE),
				  change);
	default:
		return link_table(fd, space, va & -span, space,
				  rnd(seed) % 2 ? va & -span : their_va, depth,
				  some_of(seed, LINK_FLAGS), change);
	}
}

static void expect_known(int ret)
{
	static const int errs[] = {
		0, EEXIST, ERANGE, EMLINK, ENXIO, ENOSPC, EAGAIN, EBUSY, E2BIG,
		EINVAL, ENOENT,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errs); i++)
		if (errs[i] == -ret)
			return;
	ktap_fail(__FILE__, __LINE__, "%s", strerrorname_np(-ret));
}

/*
 * Changes in tables that lie about everything, those of the pool named among
 * them. Whatever they answer: memory that is no table stays as it is, and every
 * page of the pool is accounted for.
 */
static void changes(u32 format)
{
	u64 seed = seed_pick(), sum, va, generation = 0;
	struct vmem_ioc_pool_stat stat;
	struct vmem_ioc_change change;
	u32 pool, space, i, j;
	struct guest g;
	u8 *guard;
	int ret;

	guest_init(&g, format, 64 * PAGE);
	guard = map_anon(64 * PAGE);
	memset(guard, 0xa5, 64 * PAGE);
	ASSERT_OK(region_user(g.fd, GIB, guard, 64 * PAGE, 0));
	sum = checksum(guard, 64 * PAGE);
	g.root = g.gpa;
	pool = ASSERT_OK(pool_create(g.fd, g.gpa + 32 * PAGE, 32 * PAGE));
	space = ASSERT_OK(space_adopt(g.fd, format, pool, g.root));
	for (i = 0; i < 1500 && !ktap_failed(); i++) {
		/* A few words change between the calls, anywhere. */
		for (j = 0; j < 30; j++) {
			u64 entry = rnd(&seed) & ~X86_ADDR;

			entry |= g.gpa + rnd(&seed) % 66 * PAGE;
			if (rnd(&seed) % 3)
				entry &= ~X86_PS;
			if (rnd(&seed) % 3 == 0)
				entry = 0;
			((u64 *)g.mem)[rnd(&seed) % (64 * 512)] = entry;
		}
		va = canonical(levels_of(format), rnd(&seed)) & ~(PAGE - 1);
		ret = random_change(g.fd, space, format, va, &seed, &change);
		expect_known(ret);
		generation = change.out_generation ?: generation;
		if (rnd(&seed) % 8 == 0)
			ASSERT_OK(flushed(g.fd, generation));
		ASSERT_OK(pool_stat(g.fd, pool, &stat));
		EXPECT_EQ(stat.out_free + stat.out_used + stat.out_quarantined,
			  32);
		EXPECT_EQ(stat.out_reserved, 0);
	}
	EXPECT_EQ(checksum(guard, 64 * PAGE), sum);
	ASSERT_OK(destroy(g.fd, space));
}

/*
 * The same by several threads, in one space and another that shares its tables, while
 * one writes words into the tables that they change.
 */
struct scribbled {
	struct guest g;
	u32 pool, spaces[2];
	bool stop;
	u64 scribbles;
	struct changer {
		pthread_t thread;
		struct scribbled *s;
		u64 seed;
		u64 done, refused;
	} changers[3];
};

static void *scribble(void *arg)
{
	struct scribbled *s = arg;
	u64 seed = s->changers[0].seed ^ 0x5a5a5a5a;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		u64 entry = rnd(&seed) & ~X86_ADDR, *at;

		entry |= s->g.gpa + rnd(&seed) % 66 * PAGE;
		if (rnd(&seed) % 4 == 0)
			entry = 0;
		else if (rnd(&seed) % 3)
			entry = (entry & ~(X86_PS | BIT(51) | BIT(12))) | X86_TABLE;
		at = &((u64 *)s->g.mem)[rnd(&seed) % (64 * 512)];
		__atomic_store_n(at, entry, __ATOMIC_RELAXED);
		s->scribbles++;
		if (s->scribbles % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void *change_beside(void *arg)
{
	struct changer *c = arg;
	struct scribbled *s = c->s;
	struct vmem_ioc_change change;
	struct records rs;
	u64 va;
	int ret;

	while (c->done < 700 && !ktap_failed()) {
		va = canonical(levels_of(s->g.format), rnd(&c->seed)) & ~(PAGE - 1);
		/* few addresses, so that they meet */
		if (rnd(&c->seed) % 2)
			va &= 0x30060300fff000ULL & (BIT(47) - 1);
		ret = random_change(s->g.fd, s->spaces[rnd(&c->seed) % 2], s->g.format, va,
				    &c->seed, &change);
		expect_known(ret);
		c->refused += !!ret;
		if (rnd(&c->seed) % 8 == 0)
			flushed(s->g.fd, change.out_generation);
		if (rnd(&c->seed) % 64 == 0) {
			int walk = ASSERT_OK(walk_create(s->g.fd, s->spaces, 2, 0, ~0ULL, 0,
							 64, 0));

			rs = walk_read(walk, 0);
			EXPECT_EQ(rs.err, 0);
			records_free(&rs);
			close(walk);
		}
		c->done++;
	}
	return NULL;
}

static void changes_beside(u32 format)
{
	u64 seed = seed_pick(), sum, refused = 0;
	struct vmem_ioc_pool_stat stat;
	struct scribbled s = {};
	pthread_t scribbler;
	u32 i;
	u8 *guard;

	guest_init(&s.g, format, 64 * PAGE);
	guard = map_anon(64 * PAGE);
	memset(guard, 0xa5, 64 * PAGE);
	ASSERT_OK(region_user(s.g.fd, GIB, guard, 64 * PAGE, 0));
	sum = checksum(guard, 64 * PAGE);
	s.pool = ASSERT_OK(pool_create(s.g.fd, s.g.gpa + 32 * PAGE, 32 * PAGE));
	s.spaces[0] = ASSERT_OK(space_adopt(s.g.fd, format, s.pool, s.g.gpa));
	s.spaces[1] = ASSERT_OK(space_new(s.g.fd, format, s.pool));
	for (i = 0; i < 3; i++) {
		s.changers[i].s = &s;
		s.changers[i].seed = seed + i;
		ASSERT(!pthread_create(&s.changers[i].thread, NULL, change_beside,
				       &s.changers[i]));
	}
	ASSERT(!pthread_create(&scribbler, NULL, scribble, &s));
	for (i = 0; i < 3; i++) {
		pthread_join(s.changers[i].thread, NULL);
		refused += s.changers[i].refused;
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(scribbler, NULL);
	ktap_msg("%u changes, %llu of them refused, %llu words meanwhile", 3 * 700,
		 (unsigned long long)refused, (unsigned long long)s.scribbles);
	EXPECT(s.scribbles > 0);
	EXPECT(refused < 3 * 700);
	ASSERT_OK(pool_stat(s.g.fd, s.pool, &stat));
	EXPECT_EQ(stat.out_free + stat.out_used + stat.out_quarantined, 32);
	EXPECT_EQ(stat.out_reserved, 0);
	EXPECT_EQ(checksum(guard, 64 * PAGE), sum);
	for (i = 0; i < 2; i++)
		ASSERT_OK(destroy(s.g.fd, s.spaces[i]));
	/* links that hang in what the guest wrote go with what holds them */
	ASSERT_OK(pool_stat(s.g.fd, s.pool, &stat));
	EXPECT_EQ(stat.out_reserved, 0);
}

void changes_beside_4level(void)
{
	changes_beside(FMT4);
}

void changes_beside_5level(void)
{
	changes_beside(FMT5);
}

/* Up to now. */
static void all_flushed(int fd, u32 space)
{
	struct vmem_ioc_space_get get;

	ASSERT_OK(space_get(fd, space, &get));
	ASSERT_OK(flushed(fd, get.out_generation));
}

/* The structs of what changes tables, whatever is in them. */
union random_call {
	struct {
		u32 size, flags, space, nr;
	};
	struct vmem_ioc_map map;
	struct vmem_ioc_unmap unmap;
	struct vmem_ioc_protect protect;
	struct vmem_ioc_promote promote;
	struct vmem_ioc_link link;
	struct vmem_ioc_translate translate;
	u64 words[32];
};

/* Bits of any length. */
static u64 random_word(u64 *seed)
{
	return rnd(seed) >> rnd(seed) % 64;
}

/* Mappings of random words, most of which are made such as can be. */
static void random_list(struct vmem_ioc_mapping *list, u32 nr, u64 *seed)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		struct vmem_ioc_mapping *m = &list[i];
		bool leaves;

		*m = (struct vmem_ioc_mapping){
			.va = random_word(seed),
			.gpa = random_word(seed),
			.len = random_word(seed),
			.kind = rnd(seed) % 5,
			.attrs = random_word(seed),
			.page_sizes = random_word(seed),
			.path = random_word(seed),
			.flags = rnd(seed) % 8,
		};
		if (rnd(seed) % 4 == 0)
			continue;
		m->kind %= 4;
		leaves = m->kind == VMEM_IOC_KIND_BASIC || m->kind == VMEM_IOC_KIND_COW;
		m->va &= (BIT(47) - 1) & -PAGE;
		m->len = (1 + m->len % 1024) * PAGE;
		m->gpa = leaves ? m->gpa & (BIT(40) - 1) & -PAGE :
			 m->kind == VMEM_IOC_KIND_RAW ? (m->gpa | 2) & ~1ULL : 0;
		m->attrs = leaves ? (m->attrs & 0x3fff3ff) | R : 0;
		if (m->kind == VMEM_IOC_KIND_COW)
			m->attrs &= ~(W | 7U << VMEM_IOC_ATTR_SOFT_SHIFT);
		m->page_sizes = leaves ? BIT(12) | (m->page_sizes & (BIT(21) | BIT(30))) : 0;
		m->path = 0;
		m->flags = leaves ? VMEM_IOC_MAPPING_AD : 0;
	}
}

/* An end of a range that begins at @start. */
static u64 random_last(u64 start, u64 *seed)
{
	return start | (BIT(12 + rnd(seed) % 20) - 1);
}

/*
 * Calls of random bytes, of which some are made such as can be. Whatever they say,
 * nothing breaks, and each page of the pool is accounted for.
 */
void garbage(void)
{
	static const struct {
		unsigned long cmd;
		u32 size, flags;
	} calls[] = {
		{ VMEM_IOC_MAP, sizeof(struct vmem_ioc_map), MAP_FLAGS },
		{ VMEM_IOC_UNMAP, sizeof(struct vmem_ioc_unmap), RANGE_FLAGS },
		{ VMEM_IOC_PROTECT, sizeof(struct vmem_ioc_protect),
		  RANGE_FLAGS | VMEM_IOC_RANGE_WIDEN },
		{ VMEM_IOC_PROMOTE, sizeof(struct vmem_ioc_promote),
		  RANGE_FLAGS & ~VMEM_IOC_RANGE_SPLIT },
		{ VMEM_IOC_LINK, sizeof(struct vmem_ioc_link),
		  LINK_FLAGS | VMEM_IOC_LINK_UNSHARE },
		{ VMEM_IOC_TRANSLATE, sizeof(struct vmem_ioc_translate), 0 },
	};
	static struct vmem_ioc_mapping list[4];
	static struct vmem_ioc_result results[4];
	static u64 vas[4];
	u64 seed = seed_pick(), done[ARRAY_SIZE(calls)] = {};
	struct vmem_ioc_pool_stat stat;
	union random_call args;
	u32 pool, space, i, j;
	struct guest g;

	guest_init(&g, FMT4, 64 * PAGE);
	pool = ASSERT_OK(pool_create(g.fd, g.gpa, 32 * PAGE));
	space = ASSERT_OK(space_new(g.fd, FMT4, pool));
	for (i = 0; i < 8000 && !ktap_failed(); i++) {
		u32 which = rnd(&seed) % ARRAY_SIZE(calls);
		bool right = rnd(&seed) % 4;

		for (j = 0; j < ARRAY_SIZE(args.words); j++)
			args.words[j] = random_word(&seed);
		args.size = calls[which].size;
		args.space = right ? space : args.space;
		args.flags &= right ? calls[which].flags : ~0U;
		/* the same place in each of them, but in LINK and TRANSLATE */
		if (right && calls[which].cmd != VMEM_IOC_LINK &&
		    calls[which].cmd != VMEM_IOC_TRANSLATE) {
			args.unmap.budget = rnd(&seed) % 64;
			args.unmap.start &= (BIT(47) - 1) & -PAGE;
			args.unmap.last = random_last(args.unmap.start, &seed);
			args.nr = 0;
		}
		random_list(list, ARRAY_SIZE(list), &seed);
		if (calls[which].cmd == VMEM_IOC_MAP) {
			args.map.nr = 1 + rnd(&seed) % 4;
			args.map.mappings = (uintptr_t)list;
			args.map.budget = 0;
		} else if (calls[which].cmd == VMEM_IOC_TRANSLATE) {
			for (j = 0; j < ARRAY_SIZE(vas); j++)
				vas[j] = random_word(&seed);
			args.nr = 1 + rnd(&seed) % ARRAY_SIZE(vas);
			args.translate.vas = (uintptr_t)vas;
			args.translate.results = (uintptr_t)results;
			args.translate.entries = 0;
			if (right) {
				args.translate.access = BIT(rnd(&seed) % 3) |
					VMEM_IOC_ACCESS_SET_AD | (args.translate.access & 0x3f08);
				args.translate.mode &= 0x3f;
				args.translate.__reserved = 0;
			}
		} else if (right && calls[which].cmd == VMEM_IOC_PROTECT) {
			args.protect.set &= 0x3ff7bff;
			args.protect.clear &= ~args.protect.set & 0x3ff7bfe;
		} else if (right && calls[which].cmd == VMEM_IOC_LINK) {
			bool alone = args.flags & VMEM_IOC_LINK_UNSHARE;

			args.link.owner = alone ? 0 : space;
			args.link.our_va &= (BIT(47) - 1) & -GIB;
			args.link.their_va &= alone ? 0 : (BIT(47) - 1) & -GIB;
			args.link.depth = 1 + rnd(&seed) % 3;
			args.link.path = args.link.path_given = args.link.__reserved = 0;
		}
		done[which] += !vcall(g.fd, calls[which].cmd, &args);
		if (rnd(&seed) % 4 == 0)
			all_flushed(g.fd, space);
		/* so that the pool isn't full for the rest */
		if (i % 64 == 0)
			ASSERT_OK(unmap(g.fd, space, 0, ~0ULL, NULL));
		ASSERT_OK(pool_stat(g.fd, pool, &stat));
		EXPECT_EQ(stat.out_free + stat.out_used + stat.out_quarantined, 32);
		EXPECT_EQ(stat.out_reserved, 0);
	}
	ktap_msg("of %u calls were done: MAP %llu, UNMAP %llu, PROTECT %llu, PROMOTE %llu, LINK %llu, TRANSLATE %llu",
		 i, (unsigned long long)done[0], (unsigned long long)done[1],
		 (unsigned long long)done[2], (unsigned long long)done[3],
		 (unsigned long long)done[4], (unsigned long long)done[5]);
	for (j = 0; j < ARRAY_SIZE(calls); j++)
		EXPECT(done[j] > 0);
	ASSERT_OK(destroy(g.fd, space));
	ASSERT_OK(pool_stat(g.fd, pool, &stat));
	EXPECT_EQ(stat.out_used, 0);
}

void changes_4level(void)
{
	changes(FMT4);
}

void changes_5level(void)
{
	changes(FMT5);
}
