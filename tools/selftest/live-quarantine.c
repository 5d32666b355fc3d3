// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU goes on in a space that is destroyed under it, and through a table that
 * was freed, while all the rest of the pool is used up. Until the flush, tables
 * that it may still walk hold their old bytes or zeros, so it sees what was
 * there or nothing; only after that they become others.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "live.h"

#define POOL_TABLES	56
#define ROUNDS		12
#define NR_PAGES	20
#define NR_DRAINED	64
#define ENTRIES		512

#define SLOT_PAGES	2
#define SLOT_LONE	3	/* one page, in tables that hold nothing else */
#define SLOT_DRAIN	4

struct quarantine {
	struct world w;
	struct vmem_guest *vmem;
	__u32 pool;
	__u32 id;		/* of the space that the vCPU uses */
	struct view now;
	__u32 next_id;		/* of the one that it will use */
	struct view next;
	__u64 frames[NR_PAGES * 2];
	bool gone[POOL_TABLES];	/* pages of the pool that were freed */
	char *before;		/* the pool's bytes then */
	__u64 seed;
};

static __u32 new_space(struct quarantine *q, struct view *view)
{
	static const __u32 attrs[] = { R, R | W, R | X, R | W | X };
	struct vmem_ioc_change change;
	unsigned int i;
	__u64 va, gpa;
	__u32 id;

	id = guest_space(q->vmem, q->w.levels, VMEM_IOC_SPACE_NEW, q->pool,
			 &view->root);
	map_program(&q->w, q->vmem, id, false);
	view->nr = 0;
	for (i = 0; i < NR_PAGES; i++) {
		va = i ? world_va(&q->w, SLOT_PAGES, i % 3, i * 7) :
			 world_va(&q->w, SLOT_LONE, 0, 0);
		/* any frame, so that an old translation isn't a new one */
		gpa = q->frames[chance(&q->seed) % ARRAY_SIZE(q->frames)];
		ASSERT_OK(space_page(q->vmem, id, va, gpa, attrs[i % 4], &change));
		EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_NONE);
		view_set(view, va, gpa, PAGE, attrs[i % 4]);
	}
	return id;
}

/* The tables of a root, read as a vCPU reads them. */
static void note_tables(struct quarantine *q, __u64 table, unsigned int level,
			bool *tables)
{
	const __u64 *entries = (__u64 *)(q->w.memory + table);
	unsigned int i;

	ASSERT(table - WORLD_POOL_GPA < POOL_TABLES * PAGE);
	tables[(table - WORLD_POOL_GPA) / PAGE] = true;
	for (i = 0; level && i < ENTRIES; i++)
		if (entries[i] & 1)
			note_tables(q, entries[i] & 0xffffffffff000ULL, level - 1,
				    tables);
}

static unsigned int count(const bool *tables)
{
	unsigned int i, n = 0;

	for (i = 0; i < POOL_TABLES; i++)
		n += tables[i];
	return n;
}

/* What was freed is as it was, or zeros. */
static void expect_held(struct quarantine *q)
{
	const __u64 *now = (__u64 *)(q->w.memory + WORLD_POOL_GPA);
	const __u64 *before = (__u64 *)q->before;
	size_t i;

	for (i = 0; i < POOL_TABLES * ENTRIES; i++) {
		if (!q->gone[i / ENTRIES] || !now[i] ||
		    (now[i] & ~ENTRY_AD) == (before[i] & ~ENTRY_AD))
			continue;
		ktap_fail(__FILE__, __LINE__,
			  "entry %zu of the freed table 0x%llx is 0x%llx, and was 0x%llx",
			  i % ENTRIES, WORLD_POOL_GPA + i / ENTRIES * PAGE, now[i],
			  before[i]);
		ktap_give_up();
	}
}

/* The vCPU, where it is: what was there, or nothing where all may be. */
static void expect_old(struct quarantine *q)
{
	const volatile struct live_probe *p = q->w.box->probes;
	size_t i;

	q->w.box->nr = 0;
	for (i = 0; i < q->now.nr; i++)
		probe_add(&q->w, 0, q->now.pages[i].va, LIVE_READ, 0);
	world_run(&q->w, LIVE_PROBE);
	for (i = 0; i < q->now.nr; i++) {
		const struct view_page *page = &q->now.pages[i];
		__u64 word = world_word(&q->w, page->gpa + LIVE_READ_AT);

		/* the first page was unmapped, and nothing flushed */
		if (i || p[i].vector == LIVE_NO_FAULT)
			probe_was(&p[i], page->attrs, word);
		else
			probe_was(&p[i], 0, 0);
	}
	if (ktap_failed())
		ktap_give_up();
}

static struct vmem_ioc_pool_stat expect_sum(struct quarantine *q)
{
	struct vmem_ioc_pool_stat stat = pool_stat(q->vmem, q->pool);

	EXPECT_EQ(stat.out_free + stat.out_used + stat.out_quarantined,
		  stat.out_capacity);
	EXPECT_EQ(stat.out_reserved, 0);
	return stat;
}

/* Unmap a page, destroy the space, flush nothing. Return: the generation before. */
static __u64 free_tables(struct quarantine *q)
{
	struct vmem_ioc_destroy destroy = { .size = sizeof(destroy), .id = q->id };
	struct vmem_ioc_space_get get = { .size = sizeof(get), .id = q->id };
	struct vmem_ioc_change change;

	ASSERT_OK(vmem_space_get(q->vmem, &get));
	memset(q->gone, 0, sizeof(q->gone));
	note_tables(q, q->now.root, q->w.levels - 1, q->gone);
	memcpy(q->before, q->w.memory + WORLD_POOL_GPA, POOL_TABLES * PAGE);
	expect_old(q);
	ASSERT_OK(space_unmap(q->vmem, q->id, q->now.pages[0].va, PAGE, &change));
	EXPECT(change.out_changes & VMEM_IOC_CHANGE_FREED);
	EXPECT_EQ(change.out_flush, VMEM_IOC_FLUSH_ALL);
	expect_held(q);
	expect_old(q);
	ASSERT_OK(vmem_guest_destroy(q->vmem, &destroy));
	EXPECT_EQ(destroy.out_flush, VMEM_IOC_FLUSH_ALL);
	EXPECT_EQ(expect_sum(q).out_quarantined, count(q->gone));
	expect_held(q);
	expect_old(q);
	return get.out_generation;
}

/* Map in the other space up to the answer that a flush is wanted. */
static __u64 drain(struct quarantine *q, unsigned int *nr)
{
	struct vmem_ioc_space_create create = {
		.size = sizeof(create), .flags = VMEM_IOC_SPACE_NEW, .pool = q->pool,
		.format = q->w.levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
					     VMEM_IOC_FORMAT_X86_64_4LEVEL,
	};
	bool tables[POOL_TABLES] = {};
	struct vmem_ioc_change change;
	unsigned int i;
	__u64 va, gpa;
	int ret;

	for (*nr = 0;; ++*nr) {
		ASSERT(*nr < NR_DRAINED);
		va = world_va(&q->w, SLOT_DRAIN, *nr, *nr);
		gpa = q->frames[chance(&q->seed) % ARRAY_SIZE(q->frames)];
		ret = space_page(q->vmem, q->next_id, va, gpa, R | W, &change);
		expect_held(q);
		expect_old(q);
		if (ret)
			break;
		view_set(&q->next, va, gpa, PAGE, R | W);
	}
	EXPECT_ERR(ret, EAGAIN);
	EXPECT(*nr);
	EXPECT_EQ(expect_sum(q).out_free, 0);
	if (!EXPECT_ERR(vmem_space_create(q->vmem, &create), EAGAIN))
		ktap_give_up();
	/* no freed table is in use again */
	note_tables(q, q->next.root, q->w.levels - 1, tables);
	for (i = 0; i < POOL_TABLES; i++)
		EXPECT(!(tables[i] && q->gone[i]));
	return change.out_generation;
}

static void one_round(struct quarantine *q)
{
	const struct vmem_ioc_mapping more = {
		.va = world_va(&q->w, SLOT_DRAIN, 100, 0), .gpa = q->frames[0], .len = PAGE,
		.kind = VMEM_IOC_KIND_BASIC, .attrs = R,
	};
	struct view *views[] = { &q->next };
	struct vmem_ioc_change change;
	__u64 generation, old;
	unsigned int nr;

	q->next_id = new_space(q, &q->next);
	old = free_tables(q);
	generation = drain(q, &nr);
	EXPECT(generation > old);

	/* a flush that came before says nothing */
	world_flushed(&q->w, q->vmem, old);
	EXPECT_ERR(space_map(q->vmem, q->next_id, &more, 1, 0, &change), EAGAIN);
	expect_held(q);
	expect_old(q);

	ASSERT_OK(vcpu_replace_cr3(q->w.vcpu, q->now.root, q->next.root));
	world_flushed(&q->w, q->vmem, generation);
	EXPECT_EQ(expect_sum(q).out_quarantined, 0);
	ASSERT_OK(space_map(q->vmem, q->next_id, &more, 1, 0, &change));
	view_set(&q->next, more.va, more.gpa, PAGE, R);
	expect_translated(q->vmem, q->next_id, &q->next);
	expect_views(&q->w, views, 1, 200, &q->seed);

	ASSERT_OK(space_unmap(q->vmem, q->next_id, world_va(&q->w, SLOT_DRAIN, 0, 0),
			      101ULL << 21, &change));
	EXPECT_EQ(change.out_pages, nr + 1);
	world_changed(&q->w, q->vmem, &change);
	q->next.nr = NR_PAGES;
	expect_views(&q->w, views, 1, 50, &q->seed);
	q->now = q->next;
	q->id = q->next_id;
}

static void quarantine_holds(unsigned int levels)
{
	struct quarantine *q = calloc(1, sizeof(*q));
	unsigned int i;

	ASSERT(q);
	q->seed = seed_of_run();
	q->before = malloc(POOL_TABLES * PAGE);
	ASSERT(q->before);
	world_open(&q->w, levels);
	q->vmem = guest_new();
	guest_region(q->vmem, &q->w, 0, WORLD_LEN, 0);
	q->pool = guest_pool(q->vmem, WORLD_POOL_GPA, POOL_TABLES * PAGE);
	for (i = 0; i < ARRAY_SIZE(q->frames); i++)
		q->frames[i] = world_page(&q->w, 1 + i);
	q->id = new_space(q, &q->now);
	world_start(&q->w, q->now.root);
	for (i = 0; i < ROUNDS && !ktap_failed(); i++)
		one_round(q);
	ktap_msg("%u spaces destroyed under the vCPU, %u tables the last one", i,
		 count(q->gone));
	world_close(&q->w);
	vmem_close(q->vmem);
	free(q->before);
	free(q);
}

void quarantine_holds_under_a_vcpu_4level(void)
{
	quarantine_holds(4);
}

void quarantine_holds_under_a_vcpu_5level(void)
{
	quarantine_holds(5);
}
