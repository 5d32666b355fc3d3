// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that writes its pages, each once a pass, while the host splits the leaves
 * that map them, promotes what it has split, and protects the pages between
 * them. What the vCPU writes it reads again; and of each page that it wrote since
 * the host took D away, D is set in the leaf that maps it, whatever became of
 * that meanwhile.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "live.h"

#define POOL_LEN	0x100000ULL
#define LARGE		(1ULL << 21)
#define CHUNK_GPA	0x200000ULL	/* what the larger leaf maps */
#define ROUNDS		300
#define BURST		8
#define PASS_US		3000		/* that a pass takes, about */
#define PATIENCE	120		/* only against hanging, seconds */

#define NR_PAGES	32		/* that the vCPU writes */
#define NR_NEIGHBOURS	16
#define SLOT		2

#define ATTRS		(R | W | X)
#define SOFT		(8 << VMEM_IOC_ATTR_SOFT_SHIFT)	/* none of Cow */

struct sizes {
	struct world w;
	struct runner runner;
	struct vmem_guest *vmem;
	__u32 pool;
	__u32 space;
	__u64 seed;
	__u64 va;				/* of the larger leaf */
	__u32 attrs[LARGE / PAGE];		/* of each page of it */
	__u64 neighbours[NR_NEIGHBOURS];	/* pages, by their number in it */
	__u64 began, took, delay;		/* of passes: microseconds, turns */
	__u64 nr_within;
	__u64 nr_flushes, nr_splits, nr_promotes, nr_larger, nr_checked, nr_lost;
};

static struct vmem_ioc_result look(struct sizes *s, __u64 va)
{
	struct vmem_ioc_result result = translate(s->vmem, s->space, va);

	ASSERT_EQ(result.status, VMEM_IOC_OK);
	return result;
}

static bool is_large(struct sizes *s)
{
	return look(s, s->va).page_lg2 == 21;
}

/*
 * What the answer asks for. The vCPU runs until then, and goes on by what it
 * remembers.
 */
static void flush(struct sizes *s, const struct vmem_ioc_change *change)
{
	if (change->out_flush == VMEM_IOC_FLUSH_NONE)
		return;
	runner_hold(&s->runner);
	world_changed(&s->w, s->vmem, change);
	s->nr_flushes++;
	runner_let_run(&s->runner);
}

/* Pages of it, the larger leaf split if need be. */
static void protect(struct sizes *s, size_t first, size_t nr, __u32 set, __u32 clear)
{
	struct vmem_ioc_protect arg = {
		.size = sizeof(arg), .space = s->space, .flags = VMEM_IOC_RANGE_SPLIT,
		.start = s->va + first * PAGE, .last = s->va + (first + nr) * PAGE - 1,
		.set = set, .clear = clear,
	};
	bool large = is_large(s);
	size_t i;

	ASSERT_OK(vmem_space_protect(s->vmem, &arg));
	for (i = first; i < first + nr; i++)
		s->attrs[i] = (s->attrs[i] | (set & ATTRS)) & ~(clear & ATTRS);
	s->nr_splits += large && !is_large(s);
	if (chance(&s->seed) % 2)
		usleep(chance(&s->seed) % 100);
	flush(s, &arg.change);
}

static void promote(struct sizes *s)
{
	struct vmem_ioc_promote arg = {
		.size = sizeof(arg), .space = s->space,
		.start = s->va, .last = s->va + LARGE - 1,
	};

	ASSERT_OK(vmem_space_promote(s->vmem, &arg));
	s->nr_promotes += arg.change.out_pages != 0;
	if (chance(&s->seed) % 2)
		usleep(chance(&s->seed) % 100);
	flush(s, &arg.change);
}

/* A neighbour is written, or not, as its leaf says; and the vCPU goes on. */
static void ask(struct sizes *s, size_t page)
{
	enum live_access access = chance(&s->seed) % 3;
	__u64 gpa = CHUNK_GPA + page * PAGE, value = chance(&s->seed);

	s->w.box->nr = 0;
	probe_add(&s->w, 0, s->va + page * PAGE, access, value);
	runner_probe(&s->runner);
	if (access != LIVE_WRITE)
		value = world_word(&s->w, gpa + LIVE_READ_AT);
	if (!probe_was(&s->w.box->probes[0], s->attrs[page], value))
		ktap_give_up();
	if (access == LIVE_WRITE && s->attrs[page] & W)
		EXPECT_EQ(world_word(&s->w, gpa + LIVE_WRITE_AT), value);
}

/* One of many things, each of which may come before the flush of the next. */
static void change(struct sizes *s)
{
	size_t page = s->neighbours[chance(&s->seed) % NR_NEIGHBOURS];
	static const __u32 rights[] = { 0, W, X, W | X };
	__u32 set = rights[chance(&s->seed) % ARRAY_SIZE(rights)];

	switch (chance(&s->seed) % 6) {
	case 0:
	case 1:
		protect(s, page, 1, set, (W | X) & ~set);
		ask(s, page);
		break;
	case 2:
		protect(s, page, 1, SOFT, 0);
		break;
	case 3:
		/* all are equal again */
		protect(s, 0, LARGE / PAGE, W | X, SOFT);
		promote(s);
		break;
	case 4:
		protect(s, 0, LARGE / PAGE, SOFT, 0);
		break;
	default:
		promote(s);
	}
}

static __u64 now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

/*
 * A pass that is slow enough for changes in the midst of it, however fast the vCPU
 * is: by how long the last one took.
 */
static void begin_pass(struct sizes *s)
{
	volatile struct live_box *box = s->w.box;

	if (s->took > 2 * PASS_US)
		s->delay /= 2;
	else if (s->took < PASS_US / 2 && s->delay < 1 << 20)
		s->delay = 2 * s->delay + 1;
	box->delay = s->delay;
	s->began = now_us();
	box->passes++;
}

/* The pass that is under way. */
static void await_pass(struct sizes *s)
{
	volatile struct live_box *box = s->w.box;
	time_t last = time(NULL) + PATIENCE;

	s->nr_within += box->done < box->passes;

	while (box->done < box->passes && time(NULL) < last) {
		runner_expect_running(&s->runner);
		usleep(20);
	}
	ASSERT_EQ(box->done, box->passes);
	s->took = now_us() - s->began;
}

/*
 * D is taken away, each page is written once, and whatever happens before that,
 * meanwhile and after it, D is there.
 */
static void written_once(struct sizes *s)
{
	const __u32 bits = VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D;
	volatile struct live_box *box = s->w.box;
	unsigned int i, lost = 0;

	if (chance(&s->seed) % 2) {
		protect(s, 0, LARGE / PAGE, W | X, SOFT);
		promote(s);
	}
	protect(s, 0, LARGE / PAGE, 0, bits);
	begin_pass(s);
	for (i = chance(&s->seed) % BURST; i; i--)
		change(s);
	await_pass(s);
	for (i = chance(&s->seed) % BURST; i; i--)
		change(s);
	runner_hold(&s->runner);
	s->nr_larger += is_large(s);
	for (i = 0; i < NR_PAGES; i++)
		lost += (look(s, box->pages[i]).leaf & bits) != bits;
	s->nr_checked += NR_PAGES;
	s->nr_lost += lost;
	EXPECT_EQ(lost, 0);
	runner_let_run(&s->runner);
}

static void sizes_open(struct sizes *s, unsigned int levels)
{
	struct vmem_ioc_mapping mapping = {
		.gpa = CHUNK_GPA, .len = LARGE, .kind = VMEM_IOC_KIND_BASIC,
		.attrs = ATTRS, .page_sizes = LARGE, .flags = VMEM_IOC_MAPPING_AD,
	};
	struct vmem_ioc_change change;
	volatile struct live_box *box;
	unsigned int n;
	__u64 root;

	world_open(&s->w, levels);
	box = s->w.box;
	s->vmem = guest_new();
	guest_region(s->vmem, &s->w, 0, WORLD_LEN, 0);
	s->pool = guest_pool(s->vmem, WORLD_POOL_GPA, POOL_LEN);
	s->space = guest_space(s->vmem, levels, VMEM_IOC_SPACE_NEW, s->pool, &root);
	map_program(&s->w, s->vmem, s->space, false);
	/* pages of its own, one after the other */
	world_take(&s->w, CHUNK_GPA - s->w.next);
	for (n = 0; n < LARGE / PAGE; n++) {
		world_page(&s->w, n);
		s->attrs[n] = ATTRS;
	}
	s->va = mapping.va = world_va(&s->w, SLOT, 1, 0);
	ASSERT_OK(space_map(s->vmem, s->space, &mapping, 1, 0, &change));
	ASSERT(is_large(s));
	box->nr_pages = NR_PAGES;
	for (n = 0; n < NR_PAGES; n++)
		box->pages[n] = s->va + (n * 16 + n % 3) * PAGE;
	for (n = 0; n < NR_NEIGHBOURS; n++)
		s->neighbours[n] = n * 32 + 5;
	world_start(&s->w, root);
	runner_start(&s->runner, &s->w, LIVE_WRITES);
}

static void sizes_under_a_running_vcpu(unsigned int levels)
{
	struct sizes *s = calloc(1, sizeof(*s));
	unsigned int round, n;

	ASSERT(s);
	s->seed = seed_of_run();
	sizes_open(s, levels);
	for (round = 0; round < ROUNDS && !ktap_failed(); round++)
		written_once(s);
	runner_stop(&s->runner);
	for (n = 0; n < NR_PAGES; n++)
		EXPECT_EQ(world_word(&s->w, look(s, s->w.box->pages[n]).gpa +
				     LIVE_WRITE_AT), s->w.box->rounds << 8 | n);
	ktap_msg("%llu splits, %llu promotes, %llu flushes, %llu passes over %u pages; of %llu leaves looked at %llu have lost a bit, in %llu of %u rounds it is a larger one, and %llu of the passes went on behind the changes",
		 s->nr_splits, s->nr_promotes, s->nr_flushes, s->w.box->rounds,
		 NR_PAGES, s->nr_checked, s->nr_lost, s->nr_larger, round, s->nr_within);
	EXPECT(s->nr_splits && s->nr_promotes);
	EXPECT(s->nr_larger && s->nr_larger < round);
	world_close(&s->w);
	vmem_close(s->vmem);
	free(s);
}

void sizes_under_a_running_vcpu_4level(void)
{
	sizes_under_a_running_vcpu(4);
}

void sizes_under_a_running_vcpu_5level(void)
{
	sizes_under_a_running_vcpu(5);
}
