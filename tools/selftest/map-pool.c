// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of mappings, and the pools that tables come from.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map.h"

static struct vmem_ioc_mapping basic(u64 va, u64 gpa, u64 len)
{
	return (struct vmem_ioc_mapping){
		.va = va,
		.gpa = gpa,
		.len = len,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R,
	};
}

static struct vmem_ioc_mapping unmapped(u64 va, u64 len)
{
	return (struct vmem_ioc_mapping){ .va = va, .len = len };
}

/* A list that stops: the ones before are done, of this one nothing is. */
void list_stopped(void)
{
	struct vmem_ioc_mapping list[] = {
		basic(0, MAP_DATA, 4 * PAGE),
		basic(GIB, MAP_DATA, 4 * PAGE),
		basic(2 * GIB - 600 * PAGE, MAP_DATA, 1200 * PAGE),
		basic(4 * GIB, MAP_DATA, PAGE),
	};
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	ASSERT_OK(map_one(p.fd, p.space, 2 * GIB + 500 * PAGE, MAP_DATA, PAGE,
			  R, 0, NULL));
	expect_pool(&p, 4, 0);
	EXPECT_ERR(map_list(p.fd, p.space, list, ARRAY_SIZE(list), 0, &change),
		   EEXIST);
	EXPECT_EQ(change.out_done, 2);
	EXPECT_EQ(change.out_done_len, 0);
	EXPECT_EQ(change.out_at_va, 2 * GIB + 500 * PAGE);
	EXPECT_EQ(change.out_at_level, 0);
	EXPECT_EQ(change.out_pages, 8);
	expect_leaves(&p, 9);
	expect_pool(&p, 4 + 4, 0);
}

void list_longest(void)
{
	struct vmem_ioc_mapping *list;
	struct vmem_ioc_change change;
	struct vmem_ioc_info limits;
	struct pool_guest p;
	u32 nr, i;

	pool_guest(&p, FMT4, 128);
	info(p.fd, &limits);
	nr = limits.out_map_max;
	list = calloc(nr, sizeof(*list));
	ASSERT(list);
	for (i = 0; i < nr; i++)
		list[i] = basic((nr - i) * 2 * PAGE, MAP_DATA, PAGE);
	ASSERT_OK(map_list(p.fd, p.space, list, nr, VMEM_IOC_MAP_ATOMIC,
			   &change));
	EXPECT_EQ(change.out_done, nr);
	expect_leaves(&p, nr);
	for (i = 0; i < nr; i++)
		list[i] = unmapped(i * 2 * PAGE, 3 * PAGE);
	ASSERT_OK(map_list(p.fd, p.space, list, nr, 0, &change));
	EXPECT_EQ(change.out_pages, nr);
	expect_leaves(&p, 0);
}

/* What the arguments alone tell is told before anything is done. */
void list_refused_whole(void)
{
	struct vmem_ioc_mapping list[2] = { basic(0, MAP_DATA, PAGE) };
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	list[1] = basic(GIB + 1, MAP_DATA, PAGE);
	EXPECT_ERR(map_list(p.fd, p.space, list, 2, VMEM_IOC_MAP_ATOMIC,
			    &change), EINVAL);
	EXPECT_EQ(change.out_done, 0);
	EXPECT_EQ(change.out_at_va, GIB + 1);
	expect_leaves(&p, 0);
	EXPECT_ERR(map_list(p.fd, p.space, list, 2, 0, &change), EINVAL);
	EXPECT(change.out_done <= 1);
	EXPECT_EQ(change.out_at_va, GIB + 1);
	expect_leaves(&p, change.out_done);
}

/* Whichever mapping it is, and whoever looks at it, the answer names it. */
void list_refusal_placed(void)
{
	const struct {
		struct vmem_ioc_mapping m;
		int err;
	} wrong[] = {
		{ basic(GIB, MAP_DATA + 1, PAGE), EINVAL },
		{ basic(GIB, MAP_DATA, 0), EINVAL },
		{ basic(BIT(47), MAP_DATA, PAGE), EINVAL },
		{ basic(5 * PAGE, MAP_DATA, PAGE), EINVAL },	/* twice */
		{ basic(-PAGE, MAP_DATA, 2 * PAGE), EOVERFLOW },
		{ basic(GIB, BIT(52), PAGE), EOVERFLOW },
		{ { .va = GIB, .gpa = MAP_DATA, .len = PAGE, .kind = 9 },
		  EOPNOTSUPP },
		{ { .va = GIB, .gpa = MAP_DATA, .len = PAGE,
		    .kind = VMEM_IOC_KIND_BASIC }, EOPNOTSUPP },
		{ basic(8 * PAGE, MAP_DATA, PAGE), EEXIST },
	};
	struct vmem_ioc_mapping list[3];
	struct vmem_ioc_change change;
	struct pool_guest p;
	size_t i, at;

	pool_guest(&p, FMT4, 32);
	ASSERT_OK(map_one(p.fd, p.space, 8 * PAGE, MAP_DATA, PAGE, R, 0, NULL));
	for (i = 0; i < ARRAY_SIZE(wrong) * 3; i++) {
		for (at = 0; at < 3; at++)
			list[at] = basic((at + 4) * PAGE, MAP_DATA, PAGE);
		list[i % 3] = wrong[i / 3].m;
		/* the one that it meets is gone */
		if (wrong[i / 3].m.va == 5 * PAGE && i % 3 == 1)
			continue;
		EXPECT_ERR(map_list(p.fd, p.space, list, 3, VMEM_IOC_MAP_ATOMIC,
				    &change), wrong[i / 3].err);
		EXPECT_EQ(change.out_at_va, wrong[i / 3].m.va);
		EXPECT_EQ(change.out_at_level, 0);
		EXPECT_EQ(change.out_done, 0);
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		EXPECT_EQ(change.out_pages, 0);
		expect_leaves(&p, 1);
	}
}

/* Pool empty but quarantine not: the answer says what is to be reached. */
void quarantine_waits(void)
{
	struct vmem_ioc_pool_stat stat;
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 freed;

	pool_guest(&p, FMT4, 4);
	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA, 4 * MIB, R, 0, &change),
		   ENOSPC);
	EXPECT_EQ(change.out_missing, 1);
	expect_pool(&p, 1, 0);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, &change));
	EXPECT_EQ(change.out_missing, 0);
	expect_pool(&p, 4, 0);
	ASSERT_OK(unmap(p.fd, p.space, 0, PAGE - 1, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	freed = change.out_generation;
	expect_pool(&p, 1, 3);
	ASSERT_OK(pool_stat(p.fd, p.pool, &stat));
	EXPECT_EQ(stat.out_oldest_generation, freed);

	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, &change),
		   EAGAIN);
	EXPECT_EQ(change.out_generation, freed);
	EXPECT_EQ(change.out_missing, 3);
	/* More than there would be. */
	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA, 4 * MIB, R, 0, NULL),
		   ENOSPC);
	ASSERT_OK(flushed(p.fd, freed - 1));
	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL),
		   EAGAIN);
	EXPECT_ERR(flushed(p.fd, freed + 1), EINVAL);
	expect_pool(&p, 1, 3);
	ASSERT_OK(flushed(p.fd, freed));
	expect_pool(&p, 1, 0);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	expect_leaves(&p, 1);
}

/* What was there and is lost is counted: bits of a hole, and D where W went. */
void lost_is_counted(void)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_CET,
		.format = FMT4,
	};
	struct vmem_ioc_change change;
	u64 entries[VMEM_IOC_LEVELS_MAX];
	struct pool_guest p;

	pool_guest(&p, FMT4, 32);
	ASSERT_OK(destroy(p.fd, p.space));
	create.pool = p.pool;
	p.space = ASSERT_OK(space_create(p.fd, &create));
	p.g.root = space_root(p.fd, p.space);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 2 * PAGE, R | W, 0,
			  &change));
	EXPECT_EQ(change.out_overwritten, 0);
	EXPECT_EQ(change.out_dirty, 0);
	entries_of(&p, 0, entries);
	((u64 *)guest_host(&p.g, entries[1] & X86_ADDR))[2] = 0x1234000;

	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 3 * PAGE, R,
			  VMEM_IOC_MAP_REPLACE, &change));
	EXPECT_EQ(change.out_overwritten, 1);
	EXPECT_EQ(change.out_dirty, 2);
	EXPECT_EQ(change.out_missing, 0);
	ASSERT_OK(protect(p.fd, p.space, 0, 3 * PAGE - 1, W, 0, 0, &change));
	ASSERT_OK(map_one(p.fd, p.space, PAGE, MAP_DATA, PAGE, R | W,
			  VMEM_IOC_MAP_REPLACE, &change));
	/* those that W was given to by PROTECT aren't dirty */
	ASSERT_OK(protect(p.fd, p.space, 0, 3 * PAGE - 1, 0, W, 0, &change));
	EXPECT_EQ(change.out_pages, 3);
	EXPECT_EQ(change.out_dirty, 1);
}

/* Each freed table waits for its own generation. */
void quarantine_generations(void)
{
	struct vmem_ioc_pool_stat stat;
	u64 generations[5], i;
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	for (i = 0; i < 5; i++)
		ASSERT_OK(map_one(p.fd, p.space, i * 2 * MIB, MAP_DATA, PAGE,
				  R, 0, NULL));
	expect_pool(&p, 3 + 5, 0);
	for (i = 0; i < 4; i++) {
		ASSERT_OK(unmap(p.fd, p.space, i * 2 * MIB,
				i * 2 * MIB + PAGE - 1, &change));
		generations[i] = change.out_generation;
		EXPECT(i == 0 || generations[i] > generations[i - 1]);
		expect_pool(&p, 7 - i, i + 1);
	}
	for (i = 0; i < 4; i++) {
		ASSERT_OK(pool_stat(p.fd, p.pool, &stat));
		EXPECT_EQ(stat.out_oldest_generation, generations[i]);
		ASSERT_OK(flushed(p.fd, generations[i]));
		expect_pool(&p, 4, 3 - i);
	}
	/* An older one once more says nothing new. */
	ASSERT_OK(flushed(p.fd, generations[0]));
	ASSERT_OK(flushed(p.fd, 0));
	expect_leaves(&p, 1);
}

void ranges_of_pool(void)
{
	struct vmem_ioc_range ranges[3] = {
		{ GUEST_GPA + 40 * PAGE, 2 * PAGE },
		{ GUEST_GPA + 10 * PAGE, PAGE },
		{ GUEST_GPA + 20 * PAGE, PAGE },
	};
	struct vmem_ioc_pool_create create = {
		.size = sizeof(create),
		.ranges = (uintptr_t)ranges,
		.nr_ranges = 3,
	};
	struct guest g;
	u32 space;

	guest_init(&g, FMT4, MAP_LEN);
	/* What lies there is of no account. */
	memset(g.mem, 0xff, MAP_LEN);
	ASSERT_OK(vcall(g.fd, VMEM_IOC_POOL_CREATE, &create));
	EXPECT_EQ(create.out_capacity, 4);
	space = ASSERT_OK(space_new(g.fd, FMT4, create.out_id));
	EXPECT_EQ(space_root(g.fd, space), GUEST_GPA + 10 * PAGE);
	ASSERT_OK(map_one(g.fd, space, 0, MAP_DATA, PAGE, R, 0, NULL));
	EXPECT_EQ(entry_get(&g, GUEST_GPA + 10 * PAGE, 0),
		  (GUEST_GPA + 20 * PAGE) | X86_TABLE);
	EXPECT_EQ(entry_get(&g, GUEST_GPA + 20 * PAGE, 0),
		  (GUEST_GPA + 40 * PAGE) | X86_TABLE);
	EXPECT_EQ(entry_get(&g, GUEST_GPA + 10 * PAGE, 1), 0);
	EXPECT_EQ(g.mem[0], 0xff);
	EXPECT_EQ(g.mem[11 * PAGE], 0xff);
	EXPECT_EQ(g.mem[42 * PAGE], 0xff);
}

/* A pool is too small: it grows by what lacks, and the call passes. */
void pool_grows(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	u64 missing;

	pool_guest(&p, FMT4, 3);
	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA, 4 * MIB, R, 0, &change), ENOSPC);
	missing = change.out_missing;
	EXPECT_EQ(missing, 2);
	EXPECT_EQ(change.out_done_len, 0);
	/* one less isn't enough */
	ASSERT_OK(pool_grow(p.fd, p.pool, MAP_POOL + 8 * PAGE, (missing - 1) * PAGE));
	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA, 4 * MIB, R, 0, &change), ENOSPC);
	EXPECT_EQ(change.out_missing, 1);
	ASSERT_OK(pool_grow(p.fd, p.pool, MAP_POOL + 16 * PAGE, PAGE));
	p.pages = 5;
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 4 * MIB, R, 0, &change));
	expect_pool(&p, 5, 0);
	expect_leaves(&p, 1024);
	/* all of it is the pool's: used, quarantined, used again, destroyed */
	ASSERT_OK(unmap(p.fd, p.space, 0, 4 * MIB - 1, &change));
	expect_pool(&p, 1, 4);
	EXPECT_ERR(map_one(p.fd, p.space, 0, MAP_DATA, 4 * MIB, R, 0, &change), EAGAIN);
	ASSERT_OK(flushed(p.fd, change.out_generation));
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 4 * MIB, R, 0, &change));
	EXPECT_ERR(region_freeze(p.fd, p.g.region, true), EBUSY);
	ASSERT_OK(destroy(p.fd, p.space));
	EXPECT_ERR(destroy(p.fd, p.pool), EBUSY);
	ASSERT_OK(flushed(p.fd, change.out_generation + 1));
	ASSERT_OK(destroy(p.fd, p.pool));
	/* and no range of it is left behind */
	ASSERT_OK(pool_create(p.fd, MAP_POOL, 32 * PAGE));
}

/* Below, between and above what it has: the lowest page comes first. */
void pool_grows_anywhere(void)
{
	static const u64 at[] = { 40, 24, 8, 48, 16, 32 };
	struct vmem_ioc_item item;
	struct pool_guest p;
	u64 i, entry;

	guest_init(&p.g, FMT4, MAP_LEN);
	p.fd = p.g.fd;
	p.pool = ASSERT_OK(pool_create(p.fd, MAP_POOL + at[0] * PAGE, PAGE));
	p.space = ASSERT_OK(space_new(p.fd, FMT4, p.pool));
	p.g.root = space_root(p.fd, p.space);
	refused_watch(&p.g);
	for (i = 1; i < ARRAY_SIZE(at); i++)
		ASSERT_OK(pool_grow(p.fd, p.pool, MAP_POOL + at[i] * PAGE, PAGE));
	p.pages = i;
	EXPECT_EQ(list_items(p.fd, VMEM_IOC_LIST_POOLS, 0, &item, 1, NULL), 1);
	EXPECT_EQ(item.gpa, MAP_POOL + 8 * PAGE);
	EXPECT_EQ(item.len, p.pages);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	entry = p.g.root;
	for (i = 8; i <= 24; i += 8) {
		entry = entry_get(&p.g, entry & ~(PAGE - 1), 0);
		EXPECT_EQ(entry, (MAP_POOL + i * PAGE) | X86_TABLE);
	}
	/* with tables in use above it */
	ASSERT_OK(pool_grow(p.fd, p.pool, MAP_POOL, PAGE));
	p.pages++;
	ASSERT_OK(map_one(p.fd, p.space, 2 * MIB, MAP_DATA, PAGE, R, 0, NULL));
	EXPECT_EQ(entry_get(&p.g, MAP_POOL + 16 * PAGE, 1), MAP_POOL | X86_TABLE);
	expect_pool(&p, 5, 0);
	expect_leaves(&p, 2);
}

/* A table of a space with 5 levels is the root of one with 4. */
void spaces_share_table(void)
{
	const u64 span = BIT(48);
	struct vmem_ioc_space_get get;
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct pool_guest p;
	u64 root;
	u32 four;

	pool_guest(&p, FMT5, 16);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	root = entry_get(&p.g, MAP_POOL, 0) & ~(PAGE - 1);
	four = ASSERT_OK(space_adopt(p.fd, FMT4, p.pool, root));
	ASSERT_OK(space_get(p.fd, four, &get));
	EXPECT_EQ(get.out_links, 1);
	EXPECT_ERR(unmap(p.fd, p.space, 0, PAGE - 1, NULL), EMLINK);
	EXPECT_ERR(unmap(p.fd, four, 0, PAGE - 1, NULL), EMLINK);
	/* The whole of it, and this space is out of it. */
	ASSERT_OK(unmap(p.fd, p.space, 0, span - 1, &change));
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_UNSHARED);
	EXPECT_EQ(entry_get(&p.g, MAP_POOL, 0), 0);
	ASSERT_OK(translate(p.fd, four, 0, &result));
	EXPECT_EQ(result.gpa, MAP_DATA);
	ASSERT_OK(space_get(p.fd, four, &get));
	EXPECT_EQ(get.out_links, 0);
	ASSERT_OK(unmap(p.fd, four, 0, PAGE - 1, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_FREED);
	EXPECT_ERR(destroy(p.fd, four), 0);
	ASSERT_OK(flushed(p.fd, change.out_generation + 1));
	expect_pool(&p, 1, 0);
}

/* Tables hang below one of the guest's own, in a region by itself, of no space. */
static u32 tables_below_foreign(struct pool_guest *p, u64 gpa)
{
	void *mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u32 region, space;

	ASSERT(mem != MAP_FAILED);
	region = ASSERT_OK(region_user(p->fd, gpa, mem, PAGE, 0));
	space = ASSERT_OK(space_adopt(p->fd, FMT4, p->pool, gpa));
	ASSERT_OK(map_one(p->fd, space, 0, MAP_DATA, PAGE, R, 0, NULL));
	expect_pool(p, 1 + 3, 0);
	ASSERT_OK(destroy(p->fd, space));
	expect_pool(p, 1 + 3, 0);
	return region;
}

/* They go with it: when its region does, */
void table_above_destroyed(void)
{
	struct vmem_ioc_destroy arg = { .size = sizeof(arg) };
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	arg.id = tables_below_foreign(&p, GUEST_GPA + MAP_LEN);
	ASSERT_OK(vcall(p.fd, VMEM_IOC_DESTROY, &arg));
	EXPECT_EQ(arg.out_flush, VMEM_IOC_FLUSH_ALL);
	expect_pool(&p, 1, 3);
	ASSERT_OK(flushed(p.fd, arg.out_generation));
	expect_pool(&p, 1, 0);
	/* nothing hung below this one */
	arg.id = ASSERT_OK(region_user(p.fd, GUEST_GPA + MAP_LEN,
				       guest_host(&p.g, MAP_DATA), PAGE, 0));
	ASSERT_OK(vcall(p.fd, VMEM_IOC_DESTROY, &arg));
	EXPECT_EQ(arg.out_flush, VMEM_IOC_FLUSH_NONE);
}

/* and when it is a page of a pool. */
void table_above_in_a_pool(void)
{
	struct vmem_ioc_space_get get;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	tables_below_foreign(&p, GUEST_GPA + MAP_LEN);
	ASSERT_OK(space_get(p.fd, p.space, &get));
	ASSERT_OK(pool_create(p.fd, GUEST_GPA + MAP_LEN, PAGE));
	expect_pool(&p, 1, 3);
	ASSERT_OK(flushed(p.fd, get.out_generation));
	expect_pool(&p, 1, 3);
	ASSERT_OK(flushed(p.fd, get.out_generation + 1));
	expect_pool(&p, 1, 0);
}

/* So it is when that pool is the one that has them, which then takes that page. */
void pool_grows_over_a_table(void)
{
	struct vmem_ioc_space_get get;
	struct pool_guest p;
	u64 gpa = GUEST_GPA - PAGE;

	pool_guest(&p, FMT4, 4);
	tables_below_foreign(&p, gpa);
	ASSERT_OK(space_get(p.fd, p.space, &get));
	ASSERT_OK(pool_grow(p.fd, p.pool, gpa, PAGE));
	p.pages++;
	expect_pool(&p, 1, 3);
	ASSERT_OK(flushed(p.fd, get.out_generation));
	expect_pool(&p, 1, 3);
	ASSERT_OK(flushed(p.fd, get.out_generation + 1));
	expect_pool(&p, 1, 0);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	EXPECT_EQ(entry_get(&p.g, MAP_POOL, 0), gpa | X86_TABLE);
	expect_pool(&p, 4, 0);
}

/* All its tables go with a space, but only after a flush. */
void space_destroyed(void)
{
	struct vmem_ioc_destroy arg = { .size = sizeof(arg) };
	struct vmem_ioc_space_get get;
	struct pool_guest p;

	pool_guest(&p, FMT5, 32);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 10 * MIB, R, 0, NULL));
	ASSERT_OK(map_one(p.fd, p.space, -GIB, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(space_get(p.fd, p.space, &get));
	EXPECT_EQ(get.out_tables, 1 + 3 + 5 + 4);
	expect_pool(&p, get.out_tables, 0);
	arg.id = p.space;
	ASSERT_OK(vcall(p.fd, VMEM_IOC_DESTROY, &arg));
	EXPECT_EQ(arg.out_flush, VMEM_IOC_FLUSH_ALL);
	expect_pool(&p, 0, get.out_tables);
	EXPECT_ERR(destroy(p.fd, p.pool), EBUSY);
	EXPECT_ERR(flushed(p.fd, arg.out_generation - 1), 0);
	expect_pool(&p, 0, get.out_tables);
	ASSERT_OK(flushed(p.fd, arg.out_generation));
	expect_pool(&p, 0, 0);
	EXPECT_ERR(destroy(p.fd, p.g.region), EBUSY);
	ASSERT_OK(destroy(p.fd, p.pool));
	ASSERT_OK(destroy(p.fd, p.g.region));
}

void spaces_share_pool(void)
{
	struct vmem_ioc_space_get get;
	struct pool_guest p;
	u32 other;

	pool_guest(&p, FMT4, 16);
	other = ASSERT_OK(space_new(p.fd, FMT5, p.pool));
	ASSERT_OK(map_one(p.fd, other, 0, MAP_DATA, PAGE, R, 0, NULL));
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	expect_pool(&p, 4 + 5, 0);
	ASSERT_OK(space_get(p.fd, other, &get));
	EXPECT_EQ(get.out_tables, 5);
	ASSERT_OK(destroy(p.fd, other));
	expect_pool(&p, 4, 5);
	expect_leaves(&p, 1);
}

/* A budget is a number of tables: enough is enough, one less is refused. */
void budget_exact(void)
{
	struct vmem_ioc_unmap arg = { .size = sizeof(arg) };
	struct picture before, after;
	struct pool_guest p;
	u64 budget;
	int ret = -E2BIG;

	pool_guest(&p, FMT4, 64);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 32 * MIB, R, 0, NULL));
	before = picture_take(p.fd, p.g.mem, p.g.len);
	for (budget = 1; budget < 200 && ret == -E2BIG; budget++) {
		after = picture_take(p.fd, p.g.mem, p.g.len);
		EXPECT(picture_same(&before, &after));
		picture_free(&after);
		arg.space = p.space;
		arg.last = 32 * MIB - 1;
		arg.budget = budget;
		ret = vcall(p.fd, VMEM_IOC_UNMAP, &arg);
	}
	EXPECT_ERR(ret, 0);
	/* The last one was root, one of level 2, one of level 1, 16 of level 0. */
	EXPECT_EQ(budget - 1, 19);
	expect_leaves(&p, 0);
}

/* A pool in owned memory: what is written there, the caller sees. */
void pool_in_owned(void)
{
	struct pool_guest p = {};
	u64 offset;

	p.fd = p.g.fd = dev_open();
	p.g.format = FMT4;
	p.g.gpa = GUEST_GPA;
	p.g.len = MAP_LEN;
	p.pages = 16;
	p.g.region = ASSERT_OK(region_owned(p.fd, GUEST_GPA, MAP_LEN, &offset));
	p.pool = ASSERT_OK(pool_create(p.fd, MAP_POOL, p.pages * PAGE));
	p.space = ASSERT_OK(space_new(p.fd, FMT4, p.pool));
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 3 * MIB, R | W, 0, NULL));
	p.g.mem = mmap(NULL, MAP_LEN, PROT_READ, MAP_SHARED, p.fd,
		       (off_t)offset);
	ASSERT(p.g.mem != MAP_FAILED);
	p.g.root = space_root(p.fd, p.space);
	expect_leaves(&p, 3 * MIB / PAGE);
	ASSERT_OK(unmap(p.fd, p.space, PAGE, 3 * MIB - 1, NULL));
	expect_leaves(&p, 1);
}

void pool_in_memfd(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);
	struct pool_guest p = {};

	ASSERT(fd >= 0 && !ftruncate(fd, MAP_LEN));
	guest_init_on(&p.g, FMT5, mmap(NULL, MAP_LEN, PROT_READ | PROT_WRITE,
				       MAP_SHARED, fd, 0), MAP_LEN);
	p.fd = p.g.fd;
	p.pages = 16;
	p.pool = ASSERT_OK(pool_create(p.fd, MAP_POOL, p.pages * PAGE));
	p.space = ASSERT_OK(space_new(p.fd, FMT5, p.pool));
	p.g.root = space_root(p.fd, p.space);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 3 * MIB, R | W, 0, NULL));
	expect_leaves(&p, 3 * MIB / PAGE);
}

/*
 * The VMM throws the pool's memory away: tables read as zeros then, and vmem
 * goes on with what it finds.
 */
void pool_memory_lost(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;

	pool_guest(&p, FMT4, 16);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 2 * MIB, R, 0, NULL));
	ASSERT(!madvise(p.g.mem, 16 * PAGE, MADV_DONTNEED));
	expect_leaves(&p, 0);
	ASSERT_OK(unmap(p.fd, p.space, 0, ~0ULL, &change));
	EXPECT_EQ(change.out_pages, 0);
	/* Nobody cleared the slots: those tables stay in use. */
	expect_pool(&p, 4, 0);
	ASSERT_OK(map_one(p.fd, p.space, 0, MAP_DATA, 2 * MIB, R, 0, NULL));
	expect_leaves(&p, 512);
	ASSERT_OK(destroy(p.fd, p.space));
}

/* The right to change is enough for the map and its kin. */
void view_changes(void)
{
	struct vmem_ioc_change change;
	struct pool_guest p;
	int view;

	pool_guest(&p, FMT4, 16);
	view = ASSERT_OK(view_create(p.fd, VMEM_IOC_RIGHT_CHANGE));
	ASSERT_OK(map_one(view, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
	expect_leaves(&p, 1);
	ASSERT_OK(unmap(view, p.space, 0, PAGE - 1, &change));
	ASSERT_OK(flushed(view, change.out_generation));
	expect_pool(&p, 1, 0);
	/* The other descriptor may go. */
	close(p.fd);
	ASSERT_OK(map_one(view, p.space, 0, MAP_DATA, PAGE, R, 0, NULL));
}
