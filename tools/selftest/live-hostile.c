// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU writes entries of all kinds at random into the tables of the spaces
 * that the host changes meanwhile. Whatever vmem answers is an errno that it
 * documents, its pool's numbers add up, what it takes is of its pool, and it
 * writes only to memory of this guest that isn't frozen: not to what the guest
 * has but vmem wasn't told of, nor to another guest, nor elsewhere.
 *
 * The program itself runs in a space whose tables are frozen, since vmem may
 * well write to a page that hostile tables name, the program's own too. In every
 * other life all but the pool is frozen. Some spaces are MOVABLE, among them some
 * whose root is the program's.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "live.h"

#define LIVES		5
#define ROUNDS		1000		/* a life */
#define BUDGET		200		/* tables a call */
#define NR_SPACES	4

/* Memory: what vmem is told of it, from the end of the program's pages on. */
#define DATA_GPA	0x40000ULL	/* to be written */
#define OWN_GPA		WORLD_POOL_GPA	/* the program's tables, frozen */
#define OWN_LEN		0x80000ULL
#define HOLE_GPA	(OWN_GPA + OWN_LEN)
#define HOLE_LEN	0x80000ULL
#define POOL_GPA	(HOLE_GPA + HOLE_LEN)
#define POOL_TABLES	96ULL
#define REST_GPA	(POOL_GPA + POOL_TABLES * PAGE)
#define FROZEN_GPA	0x700000ULL
#define FROZEN_LEN	(WORLD_LEN - FROZEN_GPA)

/* The program's pages that it doesn't write itself: IDT, and code. */
#define IDT_GPA		0x1000ULL
#define CODE_GPA	0x30000ULL
#define CODE_LEN	0x10000ULL

#define OTHER_LEN	0x100000ULL

struct hostile {
	struct world w;
	struct runner runner;
	struct vmem_guest *vmem;
	__u32 pool;
	__u32 ids[NR_SPACES];
	__u64 roots[NR_SPACES];
	__u64 own_root;			/* of the program */
	struct vmem_guest *other;	/* another guest, at the same addresses */
	__u32 other_pool;
	__u32 other_id;
	char *other_memory;
	char *ours;			/* memory that no guest has */
	char *memory_before;
	char *other_before;
	__u64 seed;
	__u64 nr_done;
	__u64 nr_refused;
	__u64 nr_moved;			/* roots */
};

/* Answers that the calls may give for tables that are wrong, or full. */
static bool documented(int ret)
{
	static const int errnos[] = {
		EINVAL, E2BIG, EOVERFLOW, ENXIO, EROFS, ENOENT, EEXIST, ERANGE,
		EMLINK, ENOSPC, EAGAIN, EBUSY,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errnos); i++)
		if (ret == -errnos[i])
			return true;
	return !ret;
}

static void answered(struct hostile *h, const char *what, int ret)
{
	if (!documented(ret)) {
		ktap_fail(__FILE__, __LINE__, "%s: %s", what, strerrorname_np(-ret));
		ktap_give_up();
	}
	h->nr_done += !ret;
	h->nr_refused += ret != 0;
}

static __u64 any(struct hostile *h, __u64 below)
{
	return chance(&h->seed) % below;
}

/* Few places, so that changes meet; the slots are those that are scribbled on. */
static __u64 any_va(struct hostile *h)
{
	static const unsigned int slots[] = { 0, 1, 2, 511 };
	__u64 va = 0;
	unsigned int level;

	for (level = 0; level < h->w.levels; level++)
		va |= (__u64)slots[any(h, ARRAY_SIZE(slots))] << (12 + 9 * level);
	level = 64 - (12 + 9 * h->w.levels);
	return (__u64)((__s64)(va << level) >> level);
}

static void map_some(struct hostile *h, __u32 id)
{
	static const __u32 flags[] = {
		0, VMEM_IOC_MAP_REPLACE, VMEM_IOC_MAP_SHARED_OK,
		VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SHARED_OK, VMEM_IOC_MAP_ATOMIC,
	};
	struct vmem_ioc_mapping list[3] = {};
	struct vmem_ioc_change change;
	__u32 i, nr = 1 + any(h, ARRAY_SIZE(list));

	for (i = 0; i < nr; i++) {
		list[i].va = any_va(h);
		list[i].kind = any(h, 3);
		list[i].len = (1 + any(h, 40)) * PAGE;
		if (list[i].kind == VMEM_IOC_KIND_UNMAPPED)
			continue;
		list[i].gpa = any(h, WORLD_LEN / PAGE) * PAGE;
		list[i].attrs = R | (any(h, 2) ? X : 0) |
				(list[i].kind == VMEM_IOC_KIND_BASIC ? W : 0);
	}
	answered(h, "MAP", space_map(h->vmem, id, list, nr,
				     flags[any(h, ARRAY_SIZE(flags))], &change));
}

static void unmap_some(struct hostile *h, __u32 id)
{
	struct vmem_ioc_unmap unmap = {
		.size = sizeof(unmap), .space = id, .start = any_va(h),
		.flags = any(h, 2) ? VMEM_IOC_RANGE_SHARED_OK : 0, .budget = BUDGET,
	};

	unmap.last = unmap.start | (PAGE - 1) |
		     ((1ULL << (12 + 9 * any(h, h->w.levels))) - 1);
	answered(h, "UNMAP", vmem_space_unmap(h->vmem, &unmap));
}

static void protect_some(struct hostile *h, __u32 id)
{
	struct vmem_ioc_protect protect = {
		.size = sizeof(protect), .space = id, .start = any_va(h),
		.flags = any(h, 2) ? VMEM_IOC_RANGE_SHARED_OK : 0, .budget = BUDGET,
	};

	protect.last = protect.start | (PAGE - 1) |
		       ((1ULL << (12 + 9 * any(h, h->w.levels))) - 1);
	*(any(h, 2) ? &protect.set : &protect.clear) = any(h, 2) ? W : X;
	answered(h, "PROTECT", vmem_space_protect(h->vmem, &protect));
}

static void link_some(struct hostile *h, __u32 id)
{
	unsigned int depth = 1 + any(h, h->w.levels - 1);
	__u64 mask = (1ULL << (12 + 9 * (h->w.levels - depth))) - 1;
	struct vmem_ioc_link link = {
		.size = sizeof(link), .space = id,
		.flags = any(h, 2) ? VMEM_IOC_LINK_REPLACE : 0,
		.owner = h->ids[any(h, NR_SPACES)], .depth = depth,
		.our_va = any_va(h) & ~mask, .their_va = any_va(h) & ~mask,
		.budget = BUDGET,
	};

	answered(h, "LINK", vmem_space_link(h->vmem, &link));
}

/* Walks and translations end, and say so. */
static void look(struct hostile *h, __u32 id)
{
	struct vmem_ioc_walk_create create = {
		.size = sizeof(create), .spaces = (unsigned long)&id, .nr = 1,
		.flags = any(h, 32), .last = ~0ULL, .budget = BUDGET,
	};
	struct vmem_ioc_record records[64] = {};
	struct vmem_walker *walker;
	int n, i, ends = 0;

	create.flags &= ~VMEM_IOC_WALK_HOLES;
	ASSERT_OK(vmem_walk_create(h->vmem, &create, &walker));
	while ((n = ASSERT_OK(vmem_walk_read(walker, records, ARRAY_SIZE(records)))))
		for (i = 0; i < n; i++)
			ends += records[i].type == VMEM_IOC_REC_END;
	EXPECT_EQ(ends, 1);
	vmem_walk_close(walker);
	for (i = 0; i < 16; i++)
		translate(h->vmem, id, any_va(h));
}

static int make_space(struct hostile *h, unsigned int n)
{
	struct vmem_ioc_space_create create = {
		.size = sizeof(create), .flags = VMEM_IOC_SPACE_NEW, .pool = h->pool,
		.format = h->w.levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
					     VMEM_IOC_FORMAT_X86_64_4LEVEL,
	};
	unsigned int i, from = any(h, NR_SPACES);
	/* the first one often is the program's, so that some do move */
	unsigned int kind = n || any(h, 2) ? any(h, 8) : 0;
	bool new = kind > 2 || (kind && !h->ids[from]);
	int ret;

	/* now and then the root of another, or of the program */
	if (!new) {
		create.flags = 0;
		create.root = kind ? h->roots[from] : h->own_root;
	}
	if (!kind || any(h, 2))
		create.flags |= VMEM_IOC_SPACE_MOVABLE;
	ret = vmem_space_create(h->vmem, &create);
	answered(h, "SPACE_CREATE", ret);
	if (ret)
		return ret;
	for (i = 0; i < NR_SPACES && new; i++)
		if (h->ids[i])
			EXPECT(h->roots[i] != create.out_root);
	if (create.out_root != h->own_root)
		EXPECT(create.out_root - POOL_GPA < POOL_TABLES * PAGE);
	h->ids[n] = create.out_id;
	h->roots[n] = create.out_root;
	return 0;
}

/* A frozen root moves, and to the pool. */
static void note_root(struct hostile *h, unsigned int n)
{
	struct vmem_ioc_space_get get = { .size = sizeof(get), .id = h->ids[n] };

	ASSERT_OK(vmem_space_get(h->vmem, &get));
	if (get.out_root == h->roots[n])
		return;
	EXPECT_EQ(h->roots[n], h->own_root);
	EXPECT(get.out_root - POOL_GPA < POOL_TABLES * PAGE);
	h->roots[n] = get.out_root;
	h->nr_moved++;
}

static void flush(struct hostile *h)
{
	struct vmem_ioc_space_get get = { .size = sizeof(get) };
	unsigned int i;

	for (i = 0; i < NR_SPACES; i++)
		get.id = h->ids[i] ? h->ids[i] : get.id;
	if (!get.id)
		return;
	ASSERT_OK(vmem_space_get(h->vmem, &get));
	runner_hold(&h->runner);
	world_flushed(&h->w, h->vmem, get.out_generation);
	runner_let_run(&h->runner);
}

static void destroy(struct hostile *h, unsigned int n)
{
	struct vmem_ioc_destroy destroy = { .size = sizeof(destroy), .id = h->ids[n] };
	struct vmem_ioc_flushed flushed = { .size = sizeof(flushed) };

	ASSERT_OK(vmem_guest_destroy(h->vmem, &destroy));
	h->ids[n] = 0;
	flushed.generation = destroy.out_generation;
	runner_hold(&h->runner);
	ASSERT_OK(machine_flush(&h->w.machine));
	runner_let_run(&h->runner);
	ASSERT_OK(vmem_guest_flushed(h->vmem, &flushed));
}

static void change(struct hostile *h)
{
	unsigned int n = any(h, NR_SPACES);
	struct vmem_ioc_pool_stat stat;

	if (!h->ids[n] && make_space(h, n)) {
		flush(h);
		return;
	}
	switch (any(h, 64)) {
	case 0:
		destroy(h, n);
		break;
	case 1 ... 3:
		look(h, h->ids[n]);
		break;
	case 4 ... 5:
		flush(h);
		break;
	case 6 ... 13:
		link_some(h, h->ids[n]);
		break;
	case 14 ... 23:
		protect_some(h, h->ids[n]);
		break;
	case 24 ... 35:
		unmap_some(h, h->ids[n]);
		break;
	default:
		map_some(h, h->ids[n]);
	}
	if (h->ids[n])
		note_root(h, n);
	stat = pool_stat(h->vmem, h->pool);
	EXPECT_EQ(stat.out_free + stat.out_used + stat.out_quarantined, POOL_TABLES);
	EXPECT_EQ(stat.out_reserved, 0);
}

/* Memory from @gpa on is as it was, but for bits that a vCPU may set. */
static void expect_untouched(struct hostile *h, __u64 gpa, __u64 len, __u64 mask)
{
	const __u64 *now = (__u64 *)(h->w.memory + gpa);
	const __u64 *before = (__u64 *)(h->memory_before + gpa);
	size_t i;

	for (i = 0; i < len / sizeof(*now); i++) {
		if ((now[i] & ~mask) == (before[i] & ~mask))
			continue;
		ktap_fail(__FILE__, __LINE__, "the word at 0x%llx is 0x%llx, and was 0x%llx",
			  gpa + i * sizeof(*now), now[i], before[i]);
		return;
	}
}

/* Another guest, with tables, in memory of its own. */
static void other_open(struct hostile *h)
{
	struct vmem_ioc_region_create create = {
		.size = sizeof(create), .len = OTHER_LEN, .kind = VMEM_IOC_REGION_USER,
		.gpa = POOL_GPA,
	};
	struct vmem_ioc_change change;
	unsigned int i;
	__u64 root;

	h->other_memory = mmap(NULL, OTHER_LEN, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	h->other_before = malloc(OTHER_LEN);
	ASSERT(h->other_memory != MAP_FAILED && h->other_before);
	memset(h->other_memory, 0xa5, OTHER_LEN);
	create.user_addr = (unsigned long)h->other_memory;
	h->other = guest_new();
	ASSERT_OK(vmem_region_create(h->other, &create));
	h->other_pool = guest_pool(h->other, POOL_GPA, POOL_TABLES * PAGE);
	h->other_id = guest_space(h->other, h->w.levels, VMEM_IOC_SPACE_NEW,
				  h->other_pool, &root);
	for (i = 0; i < 40; i++)
		space_page(h->other, h->other_id, any_va(h), i * PAGE, R | W, &change);
	memcpy(h->other_before, h->other_memory, OTHER_LEN);
}

static void own_tables(struct hostile *h)
{
	struct vmem_guest *vmem = guest_new();
	__u32 pool, id;

	guest_region(vmem, &h->w, 0, WORLD_LEN, 0);
	pool = guest_pool(vmem, OWN_GPA, OWN_LEN);
	id = guest_space(vmem, h->w.levels, VMEM_IOC_SPACE_NEW, pool,
			 &h->own_root);
	map_program(&h->w, vmem, id, true);
	vmem_close(vmem);
	world_start(&h->w, h->own_root);
}

/* The guest that is changed. What its pool holds by now is whatever it is. */
static void live_open(struct hostile *h, __u32 beside)
{
	h->vmem = guest_new();
	guest_region(h->vmem, &h->w, DATA_GPA, OWN_GPA - DATA_GPA, beside);
	guest_region(h->vmem, &h->w, OWN_GPA, OWN_LEN, VMEM_IOC_REGION_FROZEN);
	guest_region(h->vmem, &h->w, POOL_GPA, REST_GPA - POOL_GPA, 0);
	guest_region(h->vmem, &h->w, REST_GPA, FROZEN_GPA - REST_GPA, beside);
	guest_region(h->vmem, &h->w, FROZEN_GPA, FROZEN_LEN, VMEM_IOC_REGION_FROZEN);
	h->pool = guest_pool(h->vmem, POOL_GPA, POOL_TABLES * PAGE);
}

static void hostile_open(struct hostile *h, unsigned int levels)
{
	static const __u64 places[] = {
		IDT_GPA, CODE_GPA, DATA_GPA, DATA_GPA + 0x5000, OWN_GPA,
		OWN_GPA + 0x2000, HOLE_GPA, HOLE_GPA + 0x3000, REST_GPA, FROZEN_GPA,
		WORLD_LEN, WORLD_LEN - PAGE, 1ULL << 40, 0xffffffffff000ULL,
	};
	volatile struct live_box *box;
	__u64 i;

	world_open(&h->w, levels);
	for (i = DATA_GPA; i < WORLD_LEN; i += sizeof(i))
		memcpy(h->w.memory + i, &i, sizeof(i));
	/* pages of a pool are zeros to begin with, as in any new memory */
	memset(h->w.memory + OWN_GPA, 0, OWN_LEN);
	memset(h->w.memory + POOL_GPA, 0, POOL_TABLES * PAGE);
	own_tables(h);
	other_open(h);
	h->ours = malloc(OTHER_LEN);
	h->memory_before = malloc(WORLD_LEN);
	ASSERT(h->ours && h->memory_before);
	memset(h->ours, 0x3c, OTHER_LEN);
	box = h->w.box;
	box->seed = h->seed;
	box->tables = POOL_GPA;
	box->nr_tables = POOL_TABLES;
	box->nr_places = ARRAY_SIZE(places);
	for (i = 0; i < ARRAY_SIZE(places); i++)
		box->places[i] = places[i];
	memcpy(h->memory_before, h->w.memory, WORLD_LEN);
	runner_start(&h->runner, &h->w, LIVE_SCRIBBLE);
}

static void expect_elsewhere_untouched(struct hostile *h)
{
	struct vmem_ioc_pool_stat stat = pool_stat(h->other, h->other_pool);
	size_t i;

	expect_untouched(h, IDT_GPA, PAGE, 0);
	expect_untouched(h, CODE_GPA, CODE_LEN, 0);
	expect_untouched(h, OWN_GPA, OWN_LEN, ENTRY_AD);
	expect_untouched(h, HOLE_GPA, HOLE_LEN, 0);
	expect_untouched(h, FROZEN_GPA, FROZEN_LEN, 0);
	EXPECT(!memcmp(h->other_before, h->other_memory, OTHER_LEN));
	EXPECT_EQ(stat.out_used + stat.out_free, POOL_TABLES);
	for (i = 0; i < OTHER_LEN; i++)
		if (h->ours[i] != 0x3c)
			break;
	EXPECT_EQ(i, OTHER_LEN);
}

/*
 * A life of the guest, with what lies beside its pool frozen or not. Return: how
 * many tables it couldn't let go of.
 */
static __u64 live(struct hostile *h, __u32 beside)
{
	struct vmem_ioc_pool_stat stat;
	unsigned int round, n;

	/* lives before may have written there */
	memcpy(h->memory_before + DATA_GPA, h->w.memory + DATA_GPA,
	       OWN_GPA - DATA_GPA);
	memcpy(h->memory_before + REST_GPA, h->w.memory + REST_GPA,
	       FROZEN_GPA - REST_GPA);
	live_open(h, beside);
	for (round = 0; round < ROUNDS && !ktap_failed(); round++) {
		if (round % 8 == 0)
			runner_await_rounds(&h->runner, 8);
		change(h);
		runner_expect_running(&h->runner);
	}
	for (n = 0; n < NR_SPACES; n++)
		if (h->ids[n])
			destroy(h, n);
	stat = pool_stat(h->vmem, h->pool);
	EXPECT_EQ(stat.out_quarantined, 0);
	vmem_close(h->vmem);
	if (beside) {
		expect_untouched(h, DATA_GPA, OWN_GPA - DATA_GPA, 0);
		expect_untouched(h, REST_GPA, FROZEN_GPA - REST_GPA, 0);
	}
	return stat.out_used;
}

static void hostile_vcpu(unsigned int levels)
{
	struct hostile *h = calloc(1, sizeof(*h));
	__u64 kept = 0;
	unsigned int n;

	ASSERT(h);
	h->seed = seed_of_run();
	hostile_open(h, levels);
	for (n = 0; n < LIVES && !ktap_failed(); n++)
		kept += live(h, n % 2 ? VMEM_IOC_REGION_FROZEN : 0);
	runner_stop(&h->runner);
	expect_elsewhere_untouched(h);
	ktap_msg("%u lives of %u rounds: %llu changes done, %llu refused, %llu roots moved, %llu entries written by the vCPU; %llu tables kept to the end",
		 n, ROUNDS, h->nr_done, h->nr_refused, h->nr_moved,
		 h->w.box->rounds, kept);
	EXPECT(h->nr_moved);
	EXPECT(h->nr_done > LIVES * ROUNDS / 10);
	world_close(&h->w);
	vmem_close(h->other);
	munmap(h->other_memory, OTHER_LEN);
	free(h->other_before);
	free(h->memory_before);
	free(h->ours);
	free(h);
}

void hostile_vcpu_writes_its_tables_4level(void)
{
	hostile_vcpu(4);
}

void hostile_vcpu_writes_its_tables_5level(void)
{
	hostile_vcpu(5);
}
