// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a refusal leaves: each call in each kind of space; a list of which a part
 * was done, against a guest that was given just that part; and that what looks
 * at it, see guest.h, isn't blind.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "map.h"

static struct vmem_ioc_mapping basic(u64 va, u64 len)
{
	return (struct vmem_ioc_mapping){
		.va = va, .gpa = MAP_DATA, .len = len,
		.kind = VMEM_IOC_KIND_BASIC, .attrs = R | W,
	};
}

enum fault {
	NO_FAULT, AN_ENTRY, FRESH_MEMORY, A_TABLE, AN_ID_OF_A_POOL,
	A_ROOT, A_GENERATION, A_FLUSH, SOME_CHANGES, SOME_PAGES, SOME_BYTES,
	A_MAPPING, NR_FAULTS,
};

static void plant(enum fault fault, struct pool_guest *p,
		  struct vmem_ioc_change *change)
{
	switch (fault) {
	case AN_ENTRY:
		entry_set(&p->g, p->g.root, 511, X86_A);
		break;
	case FRESH_MEMORY:
		entry_set(&p->g, p->g.gpa + p->g.len - PAGE, 0, 1);
		break;
	case A_TABLE:
		ASSERT_OK(space_new(p->fd, FMT4, p->pool));
		break;
	case AN_ID_OF_A_POOL:
		ASSERT_OK(pool_create(p->fd, MAP_POOL + 32 * PAGE, PAGE));
		break;
	case A_ROOT:
		change->out_root += PAGE;
		break;
	case A_GENERATION:
		change->out_generation++;
		break;
	case A_FLUSH:
		change->out_flush ^= VMEM_IOC_FLUSH_ALL;
		break;
	case SOME_CHANGES:
		change->out_changes ^= VMEM_IOC_CHANGE_FREED;
		break;
	case SOME_PAGES:
		change->out_pages++;
		break;
	case SOME_BYTES:
		change->out_done_len = PAGE;
		break;
	case A_MAPPING:
		change->out_done++;
		break;
	default:
		break;
	}
}

static bool failure_taken(void)
{
	bool failed = ktap_failed();

	ktap_forget_failure();
	return failed;
}

/* A call that says it was refused, and left this. Return: it was told. */
static bool told(enum fault fault, bool look)
{
	struct vmem_ioc_mapping list[2] = { basic(GIB, PAGE), basic(0, PAGE) };
	struct vmem_ioc_map map = {
		.size = sizeof(map), .nr = 2, .mappings = (uintptr_t)list,
	};
	u64 seen = refused_seen();
	struct vmem_ioc_space_get get;
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(space_get(p.fd, p.space, &get));
	map.space = p.space;
	map.flags = VMEM_IOC_MAP_ATOMIC;
	if (!look)
		refused_quiet(true);
	EXPECT_EQ(refused_before(p.fd, VMEM_IOC_MAP, &map), look);
	map.change.out_root = get.out_root;
	map.change.out_generation = get.out_generation;
	plant(fault, &p, &map.change);
	refused_behind(p.fd, VMEM_IOC_MAP, &map, -EEXIST);
	refused_quiet(false);
	EXPECT_EQ(refused_seen() - seen, look);
	close(p.fd);
	return failure_taken();
}

/* A list of which a part was done, and against its twin this is left. */
static bool told_after(enum fault fault)
{
	struct vmem_ioc_mapping list[2] = { basic(GIB, PAGE), basic(0, PAGE) };
	struct vmem_ioc_change change, done;
	struct pool_guest p[2];
	u32 i;

	for (i = 0; i < 2; i++) {
		pool_guest(&p[i], FMT4, 32);
		ASSERT_OK(map_one(p[i].fd, p[i].space, 0, MAP_DATA, PAGE, R, 0,
				  NULL));
	}
	EXPECT_ERR(map_list(p[0].fd, p[0].space, list, 2, 0, &change), EEXIST);
	ASSERT_OK(map_list(p[1].fd, p[1].space, list, 1, 0, &done));
	plant(fault, &p[0], &change);
	expect_refused_after(&p[0].g, p[0].space, -EEXIST, &change, &p[1].g,
			     p[1].space, &done);
	close(p[0].fd);
	close(p[1].fd);
	return failure_taken();
}

/* One that is refused, and what it left isn't. */
static bool told_again(void)
{
	struct vmem_ioc_mapping list[2] = { basic(GIB, PAGE), basic(0, PAGE) };
	struct vmem_ioc_map map = {
		.size = sizeof(map), .nr = 2, .mappings = (uintptr_t)list,
		.change.out_done = 1,
	};
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	map.space = p.space;
	refused_behind(p.fd, VMEM_IOC_MAP, &map, -EEXIST);
	close(p.fd);
	return failure_taken();
}

void refusal_told(void)
{
	bool right = true;
	u32 fault;

	ktap_msg("what is told here was planted:");
	for (fault = 0; fault < NR_FAULTS; fault++) {
		if (told(fault, true) == !!fault && !told(fault, false) &&
		    told_after(fault) == !!fault)
			continue;
		ktap_msg("fault %u", fault);
		right = false;
	}
	EXPECT(told_again());
	EXPECT(right);
}

/* Parts of lists */

/* What a mapping can be refused with, by a guest that is as below. */
enum bad {
	UNALIGNED, NOT_CANONICAL, TOO_WIDE, NOT_READABLE, MAPPED, GRANTS_LESS,
	LARGER, SHARED, OUTSIDE, NO_TABLE, IN_QUARANTINE, TOO_LONG, NR_BAD,
};

#define VA_MAPPED	0
#define VA_FREED	(100 * GIB)
#define VA_READONLY	(101 * GIB)
#define VA_LARGER	(102 * GIB)
#define VA_OUTSIDE	(103 * GIB)
#define VA_SHARED	(104 * GIB)
#define VA_FREE		(105 * GIB)

#define POOL_PAGES	48
#define BUDGET		200

static struct vmem_ioc_mapping bad_mapping(enum bad bad, u64 nr_free, u32 flags,
					   int *err)
{
	struct vmem_ioc_mapping m = basic(VA_FREE, PAGE);

	switch (bad) {
	case UNALIGNED:
		m.va++;
		*err = EINVAL;
		break;
	case NOT_CANONICAL:
		m.va = BIT(60);
		*err = EINVAL;
		break;
	case TOO_WIDE:
		m.gpa = BIT(52);
		*err = EOVERFLOW;
		break;
	case NOT_READABLE:
		m.attrs = W;
		*err = EOPNOTSUPP;
		break;
	case MAPPED:
		m.va = VA_MAPPED;
		*err = EEXIST;
		break;
	case GRANTS_LESS:
		m.va = VA_READONLY + PAGE;
		*err = EEXIST;
		break;
	case LARGER:
		m.va = VA_LARGER + PAGE;
		*err = flags & VMEM_IOC_MAP_REPLACE ? ERANGE : EEXIST;
		break;
	case SHARED:
		m.va = VA_SHARED + PAGE;
		*err = EMLINK;
		break;
	case OUTSIDE:
		m.va = VA_OUTSIDE;
		*err = ENXIO;
		break;
	case NO_TABLE:
		m.len = POOL_PAGES * 2 * MIB;
		*err = ENOSPC;
		break;
	case IN_QUARANTINE:
		/* its leaves need all that are free, and one above them */
		m.len = nr_free * 2 * MIB;
		*err = EAGAIN;
		break;
	default:
		m.len = BUDGET * 2 * MIB;
		*err = E2BIG;
		break;
	}
	return m;
}

static void twin_init(struct pool_guest *p, u32 format)
{
	unsigned int levels = levels_of(format);

	pool_guest(p, format, POOL_PAGES);
	p->g.next = MAP_BY_HAND;
	ASSERT_OK(map_one(p->fd, p->space, VA_MAPPED, MAP_DATA, PAGE, R, 0,
			  NULL));
	ASSERT_OK(map_one(p->fd, p->space, VA_FREED, MAP_DATA, PAGE, R | W, 0,
			  NULL));
	/* tables in quarantine */
	ASSERT_OK(map_one(p->fd, p->space, GIB, MAP_DATA, 8 * MIB, R, 0, NULL));
	ASSERT_OK(unmap(p->fd, p->space, GIB, GIB + 8 * MIB - 1, NULL));
	guest_map(&p->g, p->g.root, VA_READONLY, 0, MAP_DATA | X86_LEAF,
		  X86_P | X86_A);
	guest_map(&p->g, p->g.root, VA_LARGER, 1,
		  GUEST_GPA | X86_LEAF | X86_RW | X86_PS, X86_TABLE);
	guest_map(&p->g, p->g.root, VA_OUTSIDE, 2, BIT(40) | X86_TABLE,
		  X86_TABLE);
	ASSERT_OK(link_table(p->fd, p->space, VA_SHARED, p->space, VA_FREED,
			     levels - 1, 0, NULL));
}

/* What is done before: with a table, without, with one that goes, and Cow. */
static void list_fill(struct vmem_ioc_mapping *list)
{
	list[0] = basic(200 * GIB, 3 * PAGE);
	list[1] = basic(VA_MAPPED + 2 * PAGE, PAGE);
	list[2] = (struct vmem_ioc_mapping){
		.va = VA_MAPPED, .len = 2 * MIB, .kind = VMEM_IOC_KIND_UNMAPPED,
	};
	list[3] = basic(VA_MAPPED, PAGE);
	list[3].kind = VMEM_IOC_KIND_COW;
	list[3].attrs = R;
}

#define NR_GOOD	4

/* By @nr that are done, one of these, and one that would be done. */
static void list_refused_one(u32 format, enum bad bad, u32 nr, u32 flags)
{
	struct vmem_ioc_mapping list[NR_GOOD + 2];
	struct vmem_ioc_change done;
	struct vmem_ioc_map map = {
		.size = sizeof(map), .flags = flags, .nr = nr + 2,
		.mappings = (uintptr_t)list,
	};
	struct vmem_ioc_pool_stat stat;
	struct pool_guest p, twin;
	u64 seen = refused_seen();
	int ret, err = 0;

	twin_init(&p, format);
	twin_init(&twin, format);
	list_fill(list);
	ASSERT_OK(map_list(twin.fd, twin.space, list, nr, flags, &done));
	EXPECT_EQ(done.out_done, nr);
	ASSERT_OK(pool_stat(twin.fd, twin.pool, &stat));
	list[nr] = bad_mapping(bad, stat.out_free, flags, &err);
	list[nr + 1] = basic(VA_FREE + GIB, PAGE);
	map.space = p.space;
	map.budget = bad == TOO_LONG ? BUDGET : 0;
	ret = vcall(p.fd, VMEM_IOC_MAP, &map);
	EXPECT_ERR(ret, err);
	/* it, or what it left */
	EXPECT_EQ(refused_seen() - seen, 1);
	/* the arguments alone tell it */
	if (bad == UNALIGNED) {
		EXPECT_EQ(map.change.out_done, 0);
	} else {
		EXPECT_EQ(map.change.out_done, nr);
		expect_refused_after(&p.g, p.space, ret, &map.change, &twin.g,
				     twin.space, &done);
	}
	close(p.fd);
	close(twin.fd);
}

static void list_refused_part(u32 format)
{
	const u32 flags[] = { 0, VMEM_IOC_MAP_REPLACE };
	/* on a slow kernel a few of them */
	u32 step = getenv("SLOW") ? 7 : 1;
	u32 bad, nr, i;

	for (i = 0; i < 2 * NR_BAD * NR_GOOD && !ktap_failed(); i += step) {
		u32 replace = flags[i % 2];

		bad = i / 2 % NR_BAD;
		nr = i / 2 / NR_BAD + 1;
		/* none, or the list has unmapped it by then */
		if (bad == MAPPED && (replace || nr == 3))
			continue;
		list_refused_one(format, bad, nr, replace);
		if (ktap_failed())
			ktap_msg("refusal %u behind %u, flags %#x", bad, nr,
				 replace);
	}
	ktap_msg("%llu refusals looked at",
		 (unsigned long long)refused_seen());
}

void list_refused_part_4level(void)
{
	list_refused_part(FMT4);
}

void list_refused_part_5level(void)
{
	list_refused_part(FMT5);
}

/* Each call, in each kind of space */

#define EACH_MAPPED	0
#define EACH_LARGE	(4 * MIB)	/* a leaf of 2 MiB */
#define EACH_HUGE	(2 * GIB)	/* one of 1 GiB */
#define EACH_FREE	(3 * GIB)
#define EACH_TOP	(-GIB)		/* another, in the other half */

enum each_kind { OWN, ADOPTED, IN_FROZEN, MOVES, NR_KINDS };

/* What takes tables, or frees some, before it comes to what refuses it. */
static const struct each_call {
	const char *name;
	unsigned long cmd;
	u32 flags;
	int err;
	bool halves;		/* of both halves: two ranges of one call */
} each_calls[] = {
	{ "MAP", VMEM_IOC_MAP, 0, EEXIST, false },
	{ "MAP, ATOMIC", VMEM_IOC_MAP, VMEM_IOC_MAP_ATOMIC, EEXIST, false },
	{ "MAP, REPLACE", VMEM_IOC_MAP, VMEM_IOC_MAP_REPLACE, ERANGE, false },
	{ "MAP, both", VMEM_IOC_MAP, VMEM_IOC_MAP_ATOMIC | VMEM_IOC_MAP_REPLACE,
	  ERANGE, false },
	{ "UNMAP", VMEM_IOC_UNMAP, 0, ERANGE, false },
	{ "UNMAP, halves", VMEM_IOC_UNMAP, 0, ERANGE, true },
	{ "PROTECT", VMEM_IOC_PROTECT, 0, ERANGE, false },
	{ "PROTECT, halves", VMEM_IOC_PROTECT, 0, ERANGE, true },
	{ "LINK", VMEM_IOC_LINK, 0, EEXIST, false },
	{ "LINK, REPLACE", VMEM_IOC_LINK, VMEM_IOC_LINK_REPLACE, ERANGE, false },
};

struct each {
	struct pool_guest p;
	u32 hand;		/* the region of the tables by hand */
	u32 owner;		/* the space of which LINK links a table */
};

static void each_init(struct each *e, u32 format, enum each_kind kind)
{
	struct pool_guest *p = &e->p;
	struct guest *g = &p->g;

	memset(e, 0, sizeof(*e));
	g->format = format;
	g->gpa = GUEST_GPA;
	g->len = MAP_LEN;
	g->next = MAP_BY_HAND;
	g->mem = map_anon(MAP_LEN);
	g->fd = p->fd = dev_open();
	g->region = ASSERT_OK(region_user(p->fd, MAP_POOL, g->mem,
					  MAP_BY_HAND - MAP_POOL, 0));
	e->hand = ASSERT_OK(region_user(p->fd, MAP_BY_HAND,
					guest_host(g, MAP_BY_HAND),
					GUEST_GPA + MAP_LEN - MAP_BY_HAND, 0));
	p->pages = 32;
	p->pool = ASSERT_OK(pool_create(p->fd, MAP_POOL, p->pages * PAGE));
	e->owner = ASSERT_OK(space_new(p->fd, format, p->pool));
	ASSERT_OK(map_one(p->fd, e->owner, 0, MAP_DATA, PAGE, R | W, 0, NULL));
	if (kind == OWN) {
		p->space = ASSERT_OK(space_new(p->fd, format, p->pool));
		ASSERT_OK(map_one(p->fd, p->space, EACH_MAPPED, MAP_DATA, PAGE,
				  R | W, 0, NULL));
		g->root = space_root(p->fd, p->space);
	} else {
		guest_root(g);
		guest_map(g, g->root, EACH_MAPPED, 0,
			  MAP_DATA | X86_LEAF | X86_RW, X86_TABLE);
	}
	guest_map(g, g->root, EACH_LARGE, 1, X86_LEAF | X86_RW | X86_PS,
		  X86_TABLE);
	guest_map(g, g->root, EACH_HUGE, 2, X86_LEAF | X86_RW | X86_PS,
		  X86_TABLE);
	guest_map(g, g->root, EACH_TOP, 2, X86_LEAF | X86_RW | X86_PS,
		  X86_TABLE);
	if (kind == IN_FROZEN || kind == MOVES)
		ASSERT_OK(region_freeze(p->fd, e->hand, true));
	if (kind == MOVES)
		p->space = ASSERT_OK(space_movable(p->fd, format, p->pool,
						   g->root));
	else if (kind != OWN)
		p->space = ASSERT_OK(space_adopt(p->fd, format, p->pool,
						 g->root));
	refused_watch(g);
}

static int each_call(struct each *e, const struct each_call *c, bool frozen)
{
	struct vmem_ioc_mapping list[2] = {
		basic(100 * GIB, PAGE),
		basic(EACH_LARGE - 2 * MIB, 2 * MIB + PAGE),
	};
	u64 last = (c->halves ? EACH_TOP : EACH_LARGE) + PAGE - 1;
	bool atomic = c->flags & VMEM_IOC_MAP_ATOMIC;
	u32 space = e->p.space;
	int fd = e->p.fd;

	switch (c->cmd) {
	case VMEM_IOC_MAP:
		return map_list(fd, space, list + !atomic, 1 + atomic, c->flags,
				NULL);
	case VMEM_IOC_UNMAP:
		return unmap(fd, space, EACH_MAPPED, last, NULL);
	case VMEM_IOC_PROTECT:
		return protect(fd, space, EACH_MAPPED, last, 0, W, 0, NULL);
	default:
		/* a table of leaves, which is a part of the large leaf */
		return link_table(fd, space,
				  frozen ? EACH_FREE : EACH_HUGE + 2 * MIB,
				  e->owner, 0, levels_of(e->p.g.format) - 1,
				  c->flags, NULL);
	}
}

/* What one call left is what the next finds. */
static void calls_refused(u32 format, enum each_kind kind)
{
	bool frozen = kind == IN_FROZEN;
	const struct each_call *c;
	struct each e;
	u64 seen;

	each_init(&e, format, kind);
	for (c = each_calls; c < each_calls + ARRAY_SIZE(each_calls); c++) {
		seen = refused_seen();
		EXPECT_ERR(each_call(&e, c, frozen), frozen ? EROFS : c->err);
		EXPECT_EQ(refused_seen() - seen, 1);
		if (ktap_failed()) {
			ktap_msg("%s in a space of kind %u", c->name, kind);
			break;
		}
	}
	close(e.p.fd);
}

/* Parts of a list there, each kind of space beside its twin. */
static void list_refused_in(u32 format, enum each_kind kind, u32 nr)
{
	struct vmem_ioc_mapping list[] = {
		basic(100 * GIB, 3 * PAGE),
		basic(EACH_MAPPED + PAGE, PAGE),
		{ .va = EACH_MAPPED, .len = 2 * MIB },
		basic(EACH_FREE, PAGE),
	};
	struct vmem_ioc_change change, done;
	u64 seen = refused_seen();
	struct each e, twin;
	int ret;

	each_init(&e, format, kind);
	each_init(&twin, format, kind);
	ASSERT_OK(map_list(twin.p.fd, twin.p.space, list, nr, 0, &done));
	list[nr] = basic(EACH_LARGE - 2 * MIB, 2 * MIB + PAGE);
	ret = map_list(e.p.fd, e.p.space, list, nr + 1, 0, &change);
	EXPECT_ERR(ret, EEXIST);
	EXPECT_EQ(change.out_done, nr);
	EXPECT_EQ(!!(change.out_changes & VMEM_IOC_CHANGE_MOVED), kind == MOVES);
	EXPECT_EQ(refused_seen() - seen, 1);
	expect_refused_after(&e.p.g, e.p.space, ret, &change, &twin.p.g,
			     twin.p.space, &done);
	if (ktap_failed())
		ktap_msg("behind %u in a space of kind %u", nr, kind);
	close(e.p.fd);
	close(twin.p.fd);
}

static void refused_each(u32 format)
{
	u32 kind, nr;

	for (kind = 0; kind < NR_KINDS && !ktap_failed(); kind++) {
		calls_refused(format, kind);
		for (nr = 1; nr <= 3 && kind != IN_FROZEN; nr++)
			list_refused_in(format, kind, nr);
	}
	ktap_msg("%llu refusals looked at",
		 (unsigned long long)refused_seen());
}

void refused_each_4level(void)
{
	refused_each(FMT4);
}

void refused_each_5level(void)
{
	refused_each(FMT5);
}
