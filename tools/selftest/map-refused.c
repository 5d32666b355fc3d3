// SPDX-License-Identifier: GPL-2.0-only
/*
 * What looks at what a refusal leaves, see guest.h, isn't blind.
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
		if (told(fault, true) == !!fault && !told(fault, false))
			continue;
		ktap_msg("fault %u", fault);
		right = false;
	}
	EXPECT(told_again());
	EXPECT(right);
}
