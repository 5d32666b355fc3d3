// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * tlb [--fault NAME] SEED [CALLS]: an emulated TLB over the library.
 *
 * vCPUs run in spaces of a guest and remember all that an MMU may, while random
 * calls change the tables, and the guest its own. After each call they forget
 * just what out_flush says, as Documentation/uapi.rst has it under "After a
 * changing call"; then nothing may be remembered that the tables don't say. The
 * guest flushes everything after its own changes. With a fault planted, the run
 * is to fail.
 */
#define _GNU_SOURCE
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tlb.h"

#define WORLD_CALLS	400
#define OWED_MAX	4

enum { ALL_FREED, ALL_UNSHARED, ALL_SHARED };

struct met met;
struct survey survey;

static unsigned long seed, step;
static bool watching;			/* stores into memory fault */

/* What is to be flushed still. */
static struct owed {
	__u32 flush;
	int space;
	__u64 start;
	__u64 last;
} owed[OWED_MAX];
static unsigned int nr_owed;
static unsigned int nr_changed;		/* words, by the last call */
static bool owed_edges;			/* of check_stale() */

/*
 * Between two stores of a call, vCPUs walk too: the first store into each page
 * comes here.
 */
static void stored(int signal, siginfo_t *info, void *context)
{
	unsigned long at = (unsigned long)info->si_addr & ~(PAGE - 1);

	(void)context;
	if (!watching || at - (unsigned long)world.memory >= MEMORY_LEN) {
		struct sigaction action = { .sa_handler = SIG_DFL };

		sigaction(signal, &action, NULL);
		return;
	}
	mmu_fill();
	met.stores++;
	mprotect((void *)at, PAGE, PROT_READ | PROT_WRITE);
}

void tlb_setup(void)
{
	struct sigaction action = {
		.sa_sigaction	= stored,
		.sa_flags	= SA_SIGINFO,
	};

	if (sigaction(SIGSEGV, &action, NULL))
		err(2, "sigaction");
}

void tlb_begin(void)
{
	mmu_fill();
	world_survey(&survey);
	mmu_stamp++;
	watching = !chance(4);
	if (watching && mprotect(world.memory, MEMORY_LEN, PROT_READ))
		err(2, "mprotect");
}

/* A page in use as a table anew that a vCPU may have as the one it was. */
static void check_taken(const struct survey *after)
{
	bool pages[NR_PAGES] = {};
	const struct cache *cache;
	const struct item *item;
	unsigned int page;
	bool any = false;
	int i, how;

	for (page = FIRST_POOL; page < OPEN_TABLES; page++) {
		for (how = 0, i = 0; i < NR_SPACES; i++)
			how |= after->reached[i][page] & ~REACHED_EDGE;
		pages[page] = how && !survey.places[page];
		any |= pages[page];
	}
	item = any ? mmu_remembers(pages, mmu_stamp, &cache) : NULL;
	if (item)
		failed("seed %lu, call %lu: vCPU %u PCID %u still has 0x%llx as a table for 0x%llx, and it was taken again",
		       seed, step, (unsigned int)(cache - caches) / NR_PCIDS,
		       (unsigned int)(cache - caches) % NR_PCIDS, item->gpa,
		       item->va);
}

/* Was something changed that only the guest's tables lead to? */
static bool below_foreign(int space, unsigned int nr)
{
	unsigned int i, page;
	const __u64 *word;
	__u64 was;

	for (i = 0; i < nr; i++) {
		word = world_changed(i, &was);
		page = (unsigned int)((word - world.memory) / NR_ENTRIES);
		if (was & 1 && survey.reached[space][page] & REACHED_FOREIGN &&
		    !(survey.reached[space][page] & REACHED_OWN))
			return true;
	}
	return false;
}

/* Are all tables of the space vmem's own, by links of vmem? */
static bool all_own(int space)
{
	unsigned int page;

	for (page = 0; page < NR_PAGES; page++)
		if (survey.reached[space][page] & ~REACHED_OWN)
			return false;
	return survey.whole;
}

static const char *item_text(const struct item *item, char *text)
{
	if (item->kind == MMU_NONE)
		sprintf(text, "nothing at level %u", item->level);
	else
		sprintf(text, "%s 0x%llx at level %u, %c%c%c 0x%x",
			item->kind == MMU_TABLE ? "table" :
			item->piece ? "piece" : "page", item->gpa,
			item->level, item->attrs & MMU_W ? 'w' : '-',
			item->attrs & MMU_X ? 'x' : '-',
			item->attrs & MMU_U ? 'u' : '-',
			item->attrs & ~(unsigned int)MMU_RIGHTS);
	return text;
}

/* The entries that lead to an address, and what they were before the last call. */
static void tell_path(int space, __u64 va)
{
	unsigned int level = world.spaces[space].levels, i;
	__u64 gpa = world.spaces[space].root, was;
	const __u64 *word;
	__u32 attrs;

	do {
		word = world_table(gpa);
		if (!word)
			return;
		word += va_index(va, --level);
		printf("# level %u, 0x%zx: 0x%llx%s", level,
		       (size_t)(word - world.memory) * sizeof(*word), *word,
		       world_by_guest(word) ? ", the guest's" : "");
		for (i = 0; i < nr_changed; i++)
			if (world_changed(i, &was) == word)
				printf(", was 0x%llx", was);
		printf("\n");
	} while (level && mmu_look(*word, level, &gpa, &attrs) == MMU_TABLE);
}

/*
 * Is nothing stale left? Where the guest itself named a page of a pool, vmem
 * doesn't know of it, and the guest has to see to it: @edges says whether that
 * counts.
 */
static void check_stale(bool edges)
{
	char text[2][80];
	struct item now;
	unsigned int i, n;

	for (i = 0; i < NR_CACHES; i++) {
		struct cache *cache = &caches[i];
		bool drop = false;

		if (cache->space < 0)
			continue;
		for (n = 0; n < cache->nr; n++) {
			struct item *item = &cache->items[n];

			met.items++;
			if (!mmu_stale(cache, item, &now))
				continue;
			if (edges && item->edge) {
				met.edges++;
				item->stamp = 0;
				drop = true;
				continue;
			}
			tell_path(cache->space, item->va);
			failed("seed %lu, call %lu: stale: vCPU %u PCID %u, space %d, 0x%llx: %s; the tables say %s",
			       seed, step, i / NR_PCIDS, i % NR_PCIDS,
			       cache->space, item->va, item_text(item, text[0]),
			       item_text(&now, text[1]));
		}
		if (drop)
			mmu_drop(cache);
	}
}

/* How much is stale, before the flush? In other spaces than this one? */
static bool stale_elsewhere(int space)
{
	unsigned int i, n;
	struct item now;
	bool found = false;

	for (i = 0; i < NR_CACHES; i++) {
		for (n = 0; caches[i].space >= 0 && n < caches[i].nr; n++) {
			if (!mmu_stale(&caches[i], &caches[i].items[n], &now))
				continue;
			met.stale++;
			found |= caches[i].space != space;
		}
	}
	return found;
}

void tlb_forget(void)
{
	mmu_forget();
	world.flushed = world.generation;
	nr_owed = 0;
	owed_edges = false;
}

static void count_all(const struct call *call, const struct vmem_ioc_change *c)
{
	bool elsewhere = stale_elsewhere(call->space);
	int why = c->out_changes & VMEM_IOC_CHANGE_FREED ? ALL_FREED :
		  c->out_changes & VMEM_IOC_CHANGE_UNSHARED ? ALL_UNSHARED :
							      ALL_SHARED;

	if (call->ends || !all_own(call->space) || !mmu_runs(call->space))
		return;
	met.all[why]++;
	met.range[why] += !elsewhere;
}

/* What out_flush said, and nothing else. */
void tlb_settle(void)
{
	unsigned int i;

	for (i = 0; i < nr_owed; i++) {
		if (owed[i].flush == VMEM_IOC_FLUSH_RANGE) {
			mmu_flush_range(owed[i].space, owed[i].start,
					owed[i].last);
			continue;
		}
		mmu_flush_all();
		world.flushed = world.generation;
	}
	if (nr_owed)
		check_stale(owed_edges);
	nr_owed = 0;
	owed_edges = false;
}

/*
 * What out_flush says is to be flushed now or, as no vCPU has to be stopped for a
 * call, after one or more others. FLUSHED may come meanwhile, for an earlier
 * flush.
 */
static void flush(const struct call *call, const struct vmem_ioc_change *c,
		  bool edges)
{
	struct owed *o = &owed[nr_owed];
	bool later = nr_owed < OWED_MAX - 1 && !call->ends && !chance(4);
	struct vmem_ioc_flushed flushed = {
		.size		= sizeof(flushed),
		.generation	= c->out_generation,
	};

	if (c->out_flush > VMEM_IOC_FLUSH_ALL)
		failed("seed %lu, call %lu: out_flush is %u", seed, step,
		       c->out_flush);
	met.flush[c->out_flush]++;
	o->flush = c->out_flush;
	o->space = call->space;
	o->start = c->out_flush_start;
	o->last = c->out_flush_last;
	if (c->out_flush == VMEM_IOC_FLUSH_ALL && fault == FAULT_ALL_RANGE) {
		o->flush = VMEM_IOC_FLUSH_RANGE;
		o->start = call->start;
		o->last = call->last;
	}
	if (c->out_flush == VMEM_IOC_FLUSH_ALL && fault == FAULT_FLUSHED) {
		vmem_guest_flushed(world.guest, &flushed);
		later = nr_owed < OWED_MAX - 1 && !call->ends;
	}
	if (c->out_flush == VMEM_IOC_FLUSH_RANGE && fault == FAULT_PIECES) {
		o->start = call->start > o->start ? call->start : o->start;
		o->last = call->last < o->last ? call->last : o->last;
	}
	nr_owed += c->out_flush != VMEM_IOC_FLUSH_NONE;
	owed_edges |= edges;
	if (later && nr_owed)
		met.later++;
	else if (nr_owed)
		tlb_settle();
	else if (nr_changed || call->ends)
		check_stale(edges);
}

/* Was a larger leaf taken apart? */
static bool was_split(unsigned int nr)
{
	const __u64 *word;
	unsigned int i;
	__u64 was;

	for (i = 0; i < nr; i++) {
		word = world_changed(i, &was);
		if ((was & 0x81) == 0x81 && (*word & 0x81) == 1)
			return true;
	}
	return false;
}

void tlb_end(const struct call *call, int ret, const struct vmem_ioc_change *c)
{
	static struct survey after;
	size_t used = strlen(doing);
	bool foreign;
	unsigned int nr;

	if (watching && mprotect(world.memory, MEMORY_LEN, PROT_READ | PROT_WRITE))
		err(2, "mprotect");
	watching = false;
	snprintf(doing + used, sizeof(doing) - used,
		 ": %d, flush %u 0x%llx..0x%llx, changes %u, root 0x%llx", ret,
		 c->out_flush, c->out_flush_start, c->out_flush_last,
		 c->out_changes, c->out_root);
	met.calls++;
	met.refused += ret < 0;
	met.errnos[-ret & 255]++;
	met.moved += !!(c->out_changes & VMEM_IOC_CHANGE_MOVED);
	met.freed += !!(c->out_changes & VMEM_IOC_CHANGE_FREED);
	met.unshared += !!(c->out_changes & VMEM_IOC_CHANGE_UNSHARED);
	if (c->out_generation)
		world.generation = c->out_generation;

	nr = world_after();
	nr_changed = nr;
	foreign = below_foreign(call->space, nr);
	met.split += call->splits && was_split(nr);
	met.alone += call->alone && foreign &&
		     c->out_flush == VMEM_IOC_FLUSH_RANGE;
	if (nr || call->adopts || call->ends) {
		world_survey(&after);
		if (!call->adopts && survey.whole && after.whole)
			check_taken(&after);
		mmu_fill();
	}
	if (!call->ends && c->out_root &&
	    c->out_root != world.spaces[call->space].root) {
		world.spaces[call->space].root = c->out_root;
		mmu_load(call->space);
		mmu_fill();
	}
	if (c->out_flush == VMEM_IOC_FLUSH_ALL && !nr_owed)
		count_all(call, c);
	flush(call, c, !foreign || call->alone);
}

/* The guest changes its own tables, and flushes everything after it. */
void tlb_guest(void)
{
	const char *what;

	mmu_fill();
	what = guest_change();
	if (!what)
		return;
	snprintf(doing, sizeof(doing), "%s", what);
	met.guest++;
	mmu_fill();
	tlb_forget();
}

static enum fault fault_named(const char *name)
{
	static const char *const names[NR_FAULTS] = {
		[FAULT_RANGE_NONE]	= "range-none",
		[FAULT_ALL_RANGE]	= "all-range",
		[FAULT_STRUCTURES]	= "structures",
		[FAULT_ONE_PCID]	= "one-pcid",
		[FAULT_ONE_VCPU]	= "one-vcpu",
		[FAULT_GLOBAL]		= "global",
		[FAULT_RANGE_GLOBAL]	= "range-global",
		[FAULT_FLUSHED]		= "flushed",
		[FAULT_ROOT]		= "root",
		[FAULT_LARGE]		= "large",
		[FAULT_PIECES]		= "pieces",
	};
	int i;

	for (i = FAULT_NONE + 1; i < NR_FAULTS; i++)
		if (!strcmp(name, names[i]))
			return (enum fault)i;
	errx(2, "no such fault: %s", name);
}

static void tell(void)
{
	unsigned int i;

	printf("# %lu calls, %lu refused:", met.calls, met.refused);
	for (i = 1; i < 256; i++)
		if (met.errnos[i])
			printf(" %s %lu", strerrorname_np((int)i), met.errnos[i]);
	printf("\n# flushes: none %lu, range %lu (alone %lu), all %lu\n",
	       met.flush[0], met.flush[1], met.alone, met.flush[2]);
	printf("# moved %lu, freed %lu, unshared %lu, linked %lu, mapped %lu, unmapped %lu, protected %lu, destroyed %lu, adopted %lu, frozen %lu\n",
	       met.moved, met.freed, met.unshared, met.linked, met.mapped,
	       met.unmapped, met.protected, met.destroyed, met.adopted,
	       met.frozen);
	printf("# sizes %lu, split %lu, promoted %lu, widened %lu, made %lu, copied %lu\n",
	       met.sizes, met.split, met.promoted, met.widened, met.made,
	       met.copied);
	printf("# the guest's own changes: %lu; walks between stores: %lu; flushes after further calls: %lu\n",
	       met.guest, met.stores, met.later);
	printf("# remembered and compared: %lu; stale until ALL: %lu; stale by the guest's own naming: %lu; caches full: %lu\n",
	       met.items, met.stale, met.edges, mmu_full);
	printf("# ALL where RANGE would have done: %lu of %lu (a table freed: %lu of %lu, no longer shared: %lu of %lu, shared: %lu of %lu)\n",
	       met.range[0] + met.range[1] + met.range[2],
	       met.all[0] + met.all[1] + met.all[2], met.range[0], met.all[0],
	       met.range[1], met.all[1], met.range[2], met.all[2]);
}

int main(int argc, char **argv)
{
	unsigned long most = WORLD_CALLS;

	if (argc > 2 && !strcmp(argv[1], "--fault")) {
		fault = fault_named(argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (argc < 2)
		errx(2, "usage: tlb [--fault NAME] SEED [CALLS]");
	seed = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		most = strtoul(argv[2], NULL, 0);
	printf("# seeds from %lu, a world each; %lu calls\n", seed, most);
	fflush(stdout);
	tlb_setup();
	for (; met.calls < most; seed++) {
		unsigned long end = met.calls + WORLD_CALLS;

		world_begin(seed);
		for (step = 0; met.calls < end; step++) {
			if (chance(4))
				one_call();
			else
				tlb_guest();
		}
		tlb_settle();
		world_end();
	}
	tell();
	return 0;
}
