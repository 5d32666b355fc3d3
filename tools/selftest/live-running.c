// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that runs all the time, writes its pages and has accessed and dirty
 * bits set, while the host maps, unmaps and protects beside these pages and
 * protects and unmaps some of them, and flushes as it is told. What the vCPU
 * writes it reads again; what it may not do after a flush faults, as foretold;
 * a dirty bit that was seen stays.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "live.h"

#define POOL_LEN	0x100000ULL
#define ROUNDS		1500
#define BURST		12

#define NR_PAGES	32		/* that the vCPU writes */
#define NR_QUIET	12		/* of these, the host leaves alone */
#define NR_NEIGHBOURS	24
#define NR_TABLES	3		/* of leaves, that hold them all */
#define SLOT		2
#define SLOT_ALONE	3		/* of neighbours whose tables come and go */

struct neighbour {
	__u64 va;
	__u64 gpa;
	__u32 attrs;
};

struct running {
	struct world w;
	struct runner runner;
	struct vmem_guest *vmem;
	__u32 pool;
	__u32 space;
	__u64 seed;
	__u64 gpas[NR_PAGES];
	struct neighbour neighbours[NR_NEIGHBOURS];
	__u64 nr_faults;
	__u64 nr_flushes;
};

/* Each page that the program saw dirty is so. The vCPU is held. */
static void expect_dirty(struct running *r)
{
	const volatile struct live_box *box = r->w.box;
	struct vmem_ioc_result result;
	unsigned int n;

	for (n = 0; n < NR_PAGES; n++) {
		result = translate(r->vmem, r->space, box->pages[n]);
		if (n < NR_QUIET)
			EXPECT_EQ(result.status, VMEM_IOC_OK);
		if (box->dirty[n] && result.status == VMEM_IOC_OK &&
		    !(result.entry & 0x40)) {
			ktap_fail(__FILE__, __LINE__,
				  "page %u at 0x%llx was seen dirty, its entry is 0x%llx",
				  n, box->pages[n], result.entry);
			ktap_give_up();
		}
	}
}

/*
 * What the answer of a change asks for. If that is nothing, the vCPU isn't held
 * either: to leave the guest may be a flush by itself.
 */
static void flush(struct running *r, const struct vmem_ioc_change *change)
{
	if (change->out_flush == VMEM_IOC_FLUSH_NONE)
		return;
	runner_hold(&r->runner);
	world_changed(&r->w, r->vmem, change);
	r->nr_flushes++;
	expect_dirty(r);
	runner_let_run(&r->runner);
}

/* The running program makes one access to a neighbour. */
static void ask(struct running *r, const struct neighbour *n)
{
	enum live_access access = chance(&r->seed) % 3;
	__u64 before = world_word(&r->w, n->gpa + LIVE_WRITE_AT);
	__u64 value = chance(&r->seed);

	r->w.box->nr = 0;
	probe_add(&r->w, 0, n->va, access, value);
	runner_probe(&r->runner);
	if (access != LIVE_WRITE && n->attrs)
		value = world_word(&r->w, n->gpa + LIVE_READ_AT);
	if (!probe_was(&r->w.box->probes[0], n->attrs, value))
		ktap_give_up();
	EXPECT_EQ(world_word(&r->w, n->gpa + LIVE_WRITE_AT),
		  access == LIVE_WRITE && n->attrs & W ? value : before);
}

static __u32 any_attrs(struct running *r)
{
	static const __u32 attrs[] = { R, R | W, R | X, R | W | X };

	return attrs[chance(&r->seed) % ARRAY_SIZE(attrs)];
}

/*
 * Map, unmap or protect a neighbour, and see that the vCPU gets it so. It looks
 * before that too, so that it has something to remember.
 */
static void change_neighbour(struct running *r)
{
	struct neighbour *n = &r->neighbours[chance(&r->seed) % NR_NEIGHBOURS];
	struct vmem_ioc_change change;
	__u32 attrs = any_attrs(r);

	ask(r, n);
	if (!n->attrs) {
		ASSERT_OK(space_page(r->vmem, r->space, n->va, n->gpa, attrs, &change));
	} else if (chance(&r->seed) % 2) {
		ASSERT_OK(space_protect(r->vmem, r->space, n->va, PAGE, attrs,
					(R | W | X) & ~attrs, &change));
	} else {
		ASSERT_OK(space_unmap(r->vmem, r->space, n->va, PAGE, &change));
		attrs = 0;
	}
	n->attrs = attrs;
	flush(r, &change);
	ask(r, n);
}

/*
 * Change entries that the vCPU is setting bits in, many times before a flush.
 * Whether they can be executed is nothing to the program.
 */
static void toggle(struct running *r)
{
	struct vmem_ioc_change change, last = {};
	unsigned int i, n;

	for (i = 0; i < BURST; i++) {
		n = NR_QUIET + chance(&r->seed) % (NR_PAGES - NR_QUIET);
		ASSERT_OK(space_protect(r->vmem, r->space, r->w.box->pages[n], PAGE,
					i % 2 ? X : 0, i % 2 ? 0 : X, &change));
		/* one flush after the last that asks for one does for all */
		if (change.out_flush != VMEM_IOC_FLUSH_NONE)
			last = change;
	}
	flush(r, &last);
}

static __u64 word_of(const struct running *r, unsigned int n)
{
	return world_word(&r->w, r->gpas[n] + LIVE_WRITE_AT);
}

/* The fault of a loop's page that was taken away. */
static void expect_fault(struct running *r, unsigned int n, bool unmapped)
{
	const struct vcpu_frame *frame = r->w.frame;
	__u64 error = unmapped ? PF_W : PF_P | PF_W;

	/* the flush may come between the write and the read of what was written */
	if (unmapped && !frame->error)
		error = 0;
	EXPECT_EQ(frame->vector, VECTOR_PF);
	EXPECT_EQ(frame->error, error);
	EXPECT_EQ(frame->cr2, r->w.box->pages[n] + LIVE_WRITE_AT);
}

/* A page of the loop goes, or can't be written; the vCPU must find that out. */
static void take_away(struct running *r)
{
	unsigned int n = NR_QUIET + chance(&r->seed) % (NR_PAGES - NR_QUIET);
	bool unmap = chance(&r->seed) % 2;
	__u64 va = r->w.box->pages[n], word;
	struct vmem_ioc_change change;

	ASSERT_OK(unmap ? space_unmap(r->vmem, r->space, va, PAGE, &change) :
		  space_protect(r->vmem, r->space, va, PAGE, 0, W, &change));
	EXPECT(change.out_flush != VMEM_IOC_FLUSH_NONE);
	runner_hold(&r->runner);
	world_changed(&r->w, r->vmem, &change);
	r->nr_flushes++;
	word = word_of(r, n);
	runner_let_run(&r->runner);
	runner_await_fault(&r->runner);
	expect_fault(r, n, unmap);
	EXPECT_EQ(word_of(r, n), word);
	if (ktap_failed())
		ktap_give_up();

	ASSERT_OK(unmap ? space_page(r->vmem, r->space, va, r->gpas[n], R | W | X,
				     &change) :
		  space_protect(r->vmem, r->space, va, PAGE, W, 0, &change));
	flush(r, &change);
	r->nr_faults++;
	runner_served(&r->runner);
}

static void running_open(struct running *r, unsigned int levels)
{
	volatile struct live_box *box;
	struct vmem_ioc_change change;
	unsigned int n;
	__u64 root;

	world_open(&r->w, levels);
	box = r->w.box;
	r->vmem = guest_new();
	guest_region(r->vmem, &r->w, 0, WORLD_LEN, 0);
	r->pool = guest_pool(r->vmem, WORLD_POOL_GPA, POOL_LEN);
	r->space = guest_space(r->vmem, levels, VMEM_IOC_SPACE_NEW, r->pool, &root);
	map_program(&r->w, r->vmem, r->space, true);
	box->nr_pages = NR_PAGES;
	for (n = 0; n < NR_PAGES; n++) {
		r->gpas[n] = world_page(&r->w, n);
		box->pages[n] = world_va(&r->w, SLOT, n % NR_TABLES, 5 * n);
		ASSERT_OK(space_page(r->vmem, r->space, box->pages[n], r->gpas[n],
				     R | W | X, &change));
	}
	for (n = 0; n < NR_NEIGHBOURS; n++) {
		r->neighbours[n].gpa = world_page(&r->w, 100 + n);
		r->neighbours[n].va = n % 4 ? world_va(&r->w, SLOT, n % NR_TABLES, 5 * n + 1) :
					      world_va(&r->w, SLOT_ALONE, n, n);
	}
	world_start(&r->w, root);
	runner_start(&r->runner, &r->w, LIVE_LOOP);
}

static void change_around_a_running_vcpu(unsigned int levels)
{
	struct running *r = calloc(1, sizeof(*r));
	unsigned int round, n;

	ASSERT(r);
	r->seed = seed_of_run();
	running_open(r, levels);
	for (round = 0; round < ROUNDS && !ktap_failed(); round++) {
		switch (chance(&r->seed) % 8) {
		case 0:
		case 1:
		case 2:
			change_neighbour(r);
			break;
		case 3:
			take_away(r);
			break;
		default:
			toggle(r);
		}
	}
	runner_stop(&r->runner);
	expect_dirty(r);
	/* every page of the loop was written, by its last value */
	for (n = 0; n < NR_PAGES; n++)
		EXPECT_EQ(word_of(r, n), r->w.box->rounds << 8 | n);
	ktap_msg("%u changes, %llu flushes, %llu faults served, %llu passes over %u pages",
		 round, r->nr_flushes, r->nr_faults, r->w.box->rounds, NR_PAGES);
	world_close(&r->w);
	vmem_close(r->vmem);
	free(r);
}

void change_around_a_running_vcpu_4level(void)
{
	change_around_a_running_vcpu(4);
}

void change_around_a_running_vcpu_5level(void)
{
	change_around_a_running_vcpu(5);
}
