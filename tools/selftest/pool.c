// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest with a pool and a space, see pool.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "pool.h"

void pool_guest(struct pool_guest *p, u32 format, u64 pages)
{
	guest_init(&p->g, format, MAP_LEN);
	p->fd = p->g.fd;
	p->pool = ASSERT_OK(pool_create(p->fd, MAP_POOL, pages * PAGE));
	p->space = ASSERT_OK(space_new(p->fd, format, p->pool));
	p->g.root = space_root(p->fd, p->space);
	p->pages = pages;
	refused_watch(&p->g);
}

void expect_pool(struct pool_guest *p, u64 used, u64 quarantined)
{
	struct vmem_ioc_pool_stat stat;

	ASSERT_OK(pool_stat(p->fd, p->pool, &stat));
	EXPECT_EQ(stat.out_capacity, p->pages);
	EXPECT_EQ(stat.out_used, used);
	EXPECT_EQ(stat.out_quarantined, quarantined);
	EXPECT_EQ(stat.out_reserved, 0);
	EXPECT_EQ(stat.out_free, p->pages - used - quarantined);
	EXPECT_EQ(!!stat.out_oldest_generation, !!quarantined);
}

void expect_shared(struct pool_guest *p, u64 shared)
{
	struct vmem_ioc_pool_stat stat;

	ASSERT_OK(pool_stat(p->fd, p->pool, &stat));
	EXPECT_EQ(stat.out_shared, shared);
}

void expect_leaves(struct pool_guest *p, u64 leaves)
{
	struct records rs = walk_all(p->fd, p->space, 0, ~0ULL, 0);
	struct model m;

	model_init(&m, &p->g);
	model_walk(&m, 0, ~0ULL, 0);
	EXPECT(records_equal(&rs, &m.out));
	EXPECT_EQ(records_end(&rs)->leaves, leaves);
	EXPECT_EQ(records_end(&rs)->bad, 0);
	records_free(&rs);
	records_free(&m.out);
	free(m.seen);
}

void expect_flush(const struct vmem_ioc_change *change, u64 start, u64 last)
{
	EXPECT_EQ(change->out_flush, VMEM_IOC_FLUSH_RANGE);
	EXPECT_EQ(change->out_flush_start, start);
	EXPECT_EQ(change->out_flush_last, last);
}

void entries_of(struct pool_guest *p, u64 va, u64 *entries)
{
	struct vmem_ioc_result result;
	struct model m;

	model_init(&m, &p->g);
	model_translate(&m, p->g.root, va, &result, entries);
}

u64 entry_at(struct pool_guest *p, u64 va, unsigned int level)
{
	u64 entries[VMEM_IOC_LEVELS_MAX];

	entries_of(p, va, entries);
	return entries[level];
}

int map_sized(struct pool_guest *p, u64 va, u64 gpa, u64 len, u32 attrs, u64 sizes,
	      u32 flags, struct vmem_ioc_change *change)
{
	struct vmem_ioc_mapping m = {
		.va = va,
		.gpa = gpa,
		.len = len,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = attrs,
		.page_sizes = sizes,
	};

	return map_list(p->fd, p->space, &m, 1, flags, change);
}

int promote(int fd, u32 space, u64 start, u64 last, u32 leaf_levels, u32 flags,
	    struct vmem_ioc_change *change)
{
	struct vmem_ioc_promote arg = {
		.size = sizeof(arg),
		.flags = flags,
		.space = space,
		.leaf_levels = leaf_levels,
		.start = start,
		.last = last,
	};
	int ret = vcall(fd, VMEM_IOC_PROMOTE, &arg);

	if (change)
		*change = arg.change;
	return ret;
}
