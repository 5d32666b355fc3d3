// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * backends [--local] SEED [CALLS]: two guests, one with the module and one in
 * this process (--local: both here), are given the same random calls, and their
 * tables the same random changes by hand, as a vCPU or a hostile guest makes
 * them. Every answer, and every byte of their memory, must be the same.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends.h"
#include "libvmem.h"

#define NR_VAS		64
#define NR_RECORDS	4096

struct side sides[2];
static __u32 levels[NR_SPACES];		/* of each space */
static int pool_of[NR_SPACES];		/* its pool, -1: none */
static __u64 mapped[NR_SPACES][8];	/* where it has something, perhaps */
static char was_frozen[FROZEN_LEN];	/* what is there, while it is frozen */
static int frozen = 1;
unsigned long step;
unsigned long chances;
const char *doing = "setup";
static unsigned long calls, refusals, errnos[256];
static unsigned long moved, freed, unshared, linked, protected, written;
static unsigned long large, raw, widened, split, promoted, skipped, made, parted;
static unsigned long set, crossed, refused[VMEM_IOC_SHADOW + 1];

static void differ(const char *what)
{
	errx(1, "step %lu, %s: the back ends differ in %s", step, doing, what);
}

/* The same errno, and the same bytes of the answer. */
static int same(int a, int b, const void *x, const void *y, size_t size)
{
	size_t at;

	calls++;
	refusals += a < 0;
	if (a < 0 && a > -256)
		errnos[-a]++;
	if (a != b)
		errx(1, "step %lu, %s: the back ends answer %d and %d", step,
		     doing, a, b);
	for (at = 0; at < size; at += 4)
		if (memcmp((const char *)x + at, (const char *)y + at, 4))
			errx(1, "step %lu, %s: the back ends answer %d, but at offset %zu 0x%x and 0x%x",
			     step, doing, a, at,
			     *(const __u32 *)((const char *)x + at),
			     *(const __u32 *)((const char *)y + at));
	return a;
}

static void same_memory(int all)
{
	if (memcmp(sides[0].memory + POOL_GPA, sides[1].memory + POOL_GPA,
		   POOL_LEN) ||
	    memcmp(sides[0].owned, sides[1].owned, POOL_OWNED_LEN + SECOND_LEN))
		differ("the pools' memory");
	if (all && (memcmp(sides[0].memory, sides[1].memory, MEMORY_LEN) ||
		    memcmp(sides[0].owned, sides[1].owned, OWNED_LEN)))
		differ("memory");
	if (all && frozen && memcmp(sides[0].memory + FROZEN_GPA, was_frozen,
				    FROZEN_LEN))
		errx(1, "step %lu, %s: frozen memory was written", step, doing);
}

void by_hand(__u64 gpa, __u64 entry)
{
	memcpy(sides[0].memory + gpa, &entry, sizeof(entry));
	memcpy(sides[1].memory + gpa, &entry, sizeof(entry));
	if (gpa >= FROZEN_GPA)
		memcpy(was_frozen + (gpa - FROZEN_GPA), &entry, sizeof(entry));
}

int some_space(void)
{
	int at = (int)chance(NR_SPACES), tries;

	for (tries = chance(20) ? 8 : 0; tries && !sides[0].spaces[at]; tries--)
		at = (int)chance(NR_SPACES);
	return at;
}

/* What is at an address of a space, in the first guest; malformed where nothing is known. */
static struct vmem_ioc_result look(int at, __u64 va)
{
	struct vmem_ioc_result result = { .status = VMEM_IOC_RESERVED };
	struct vmem_ioc_translate arg = {
		.size		= sizeof(arg),
		.space		= sides[0].spaces[at],
		.nr		= 1,
		.vas		= (__u64)(unsigned long)&va,
		.results	= (__u64)(unsigned long)&result,
	};

	vmem_space_translate(sides[0].guest, &arg);
	return result;
}

/* Before a change of a space from @va on: what is there, and the end of its leaf. */
struct before {
	struct vmem_ioc_result result;
	__u64 end;
};

static struct before look_before(int at, __u64 va)
{
	struct before b = { .result = look(at, va), .end = va };

	if (b.result.status == VMEM_IOC_OK)
		b.end = va | ((1ULL << b.result.page_lg2) - 4096);
	return b;
}

/* Behind it: was that leaf split, were entries above it widened? */
static void look_behind(const struct before *b, int at, __u64 va)
{
	struct vmem_ioc_result start = look(at, va), end = look(at, b->end);

	if (b->result.status != VMEM_IOC_OK)
		return;
	split += end.status == VMEM_IOC_OK && end.page_lg2 < b->result.page_lg2;
	widened += start.status == VMEM_IOC_OK && start.page_lg2 == b->result.page_lg2 &&
		   start.path & ~b->result.path;
}

/* Calls */

static void do_space_create(void)
{
	struct vmem_ioc_space_create args[2];
	int i, at = (int)chance(NR_SPACES), ret[2];
	__u64 root = chance(3) ? some_gpa() & ~4095ULL : some_gpa();
	int from = some_space(), which = (int)chance(NR_POOLS), nothing;
	struct vmem_ioc_space_get get = { .size = sizeof(get) };

	if (sides[0].spaces[at])
		return;
	doing = "SPACE_CREATE";
	get.id = sides[0].spaces[from];
	if (!chance(3) && !vmem_space_get(sides[0].guest, &get))
		root = get.out_root;	/* another space's */
	else if (chance(6))
		root = FROZEN_GPA + 4096 * chance(NR_ROOTS);
	memset(&args[0], 0, sizeof(args[0]));
	args[0].size = sizeof(args[0]);
	args[0].flags = chance(2) ? VMEM_IOC_SPACE_NEW : 0;
	args[0].format = 1 + (__u32)chance(50) % 3 % 2 +
			 (chance(30) ? 0 : (__u32)chance(3));
	if (args[0].flags & VMEM_IOC_SPACE_NEW)
		root = chance(20) ? 0 : root;
	if (root - FROZEN_GPA < FROZEN_LEN)
		root = by_hand_root(args[0].format, root >> 12);
	args[0].root = root;
	args[0].flags |= chance(10) ? 0 : VMEM_IOC_SPACE_NXE_OFF;
	args[0].flags |= chance(2) ? 0 : VMEM_IOC_SPACE_MOVABLE;
	args[0].flags |= chance(30) ? 0 : 1u << chance(32);
	args[0].phys_bits = chance(4) ? 0 : (__u32)(chance(4) ? 40 : chance(64));
	args[0].cow = chance(10) ? 0 : (__u32)chance(10);
	nothing = !chance(10);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].pool = nothing ? 0 : sides[i].pools[which];
		ret[i] = vmem_space_create(sides[i].guest, &args[i]);
		sides[i].spaces[at] = ret[i] ? 0 : args[i].out_id;
		if (!ret[i] != !!args[i].out_id)
			differ("an id");
		args[i].pool = args[i].out_id = 0;
	}
	pool_of[at] = nothing ? -1 : which;
	levels[at] = args[0].format == VMEM_IOC_FORMAT_X86_64_5LEVEL ? 5 : 4;
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

static void do_destroy(void)
{
	struct vmem_ioc_destroy args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), what = (int)chance(8), ret[2];
	int which = (int)chance(NR_POOLS);
	struct vmem_ioc_pool_stat stat = {
		.size = sizeof(stat), .id = sides[0].pools[which],
	};

	doing = "DESTROY";
	/* a pool that is not in use would go */
	if (vmem_pool_stat(sides[0].guest, &stat) ||
	    (!what && stat.out_free == stat.out_capacity))
		return;
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].id = what == 0 ? sides[i].pools[which] :
			     what == 1 ? sides[i].regions[0] :
			     what == 2 ? sides[i].regions[2] :
					 sides[i].spaces[at];
		ret[i] = vmem_guest_destroy(sides[i].guest, &args[i]);
		if (!ret[i] && what < 3)
			errx(1, "step %lu: what is in use was destroyed", step);
		if (!ret[i])
			sides[i].spaces[at] = 0;
		args[i].id = 0;
		args[i].out_generation = !!args[i].out_generation;
	}
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

/* What may differ in an answer. */
static void one_change(struct vmem_ioc_change *change)
{
	moved += !!(change->out_changes & VMEM_IOC_CHANGE_MOVED);
	freed += !!(change->out_changes & VMEM_IOC_CHANGE_FREED);
	unshared += !!(change->out_changes & VMEM_IOC_CHANGE_UNSHARED);

	/* one that waits for a page raises the generation in each part */
	change->out_generation = 0;
}

/* What a mapping of the list was refused for is in it. */
static void at_mapping(const struct vmem_ioc_map *map,
		       const struct vmem_ioc_mapping *list, int ret)
{
	__u64 va = map->change.out_at_va;
	__u32 i;

	/* by the list as a whole, or the space */
	if (!ret || !map->nr || map->nr > 8 || ret == -ENOENT || !va)
		return;
	for (i = 0; i < map->nr; i++)
		if (va == list[i].va || va - list[i].va < list[i].len)
			return;
	errx(1, "step %lu, %s: %d at 0x%llx, where there is no mapping", step,
	     doing, ret, va);
}

static void do_map(void)
{
	struct vmem_ioc_mapping list[8];
	struct vmem_ioc_map args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), ret[2];
	struct before before;

	doing = "MAP";
	args[0].nr = chance(3) ? 1 : (__u32)chance(9);
	for (i = 0; i < (int)args[0].nr; i++)
		fill_mapping(&list[i], levels[at]);
	args[0].mappings = (__u64)(unsigned long)list;
	args[0].flags = some_of(VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_ATOMIC |
				VMEM_IOC_MAP_SPLIT | VMEM_IOC_MAP_SHARED_OK |
				VMEM_IOC_MAP_WIDEN | VMEM_IOC_MAP_ALONE) |
			(chance(4) ? 0 : VMEM_IOC_MAP_KEEP);
	before = look_before(at, list[0].va);
	args[0].budget = chance(10) ? 0 : chance(20);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].space = sides[i].spaces[at];
		ret[i] = vmem_space_map(sides[i].guest, &args[i]);
		one_change(&args[i].change);
		args[i].space = 0;
	}
	if (args[0].change.out_done) {
		mapped[at][chance(8)] = list[0].va;
		raw += list[0].kind == VMEM_IOC_KIND_RAW;
		large += list[0].page_sizes > 4096 &&
			 look(at, list[0].va + list[0].len / 2).page_lg2 > 12;
		look_behind(&before, at, list[0].va);
	}
	at_mapping(&args[0], list, ret[0]);
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

/* An address where something is, perhaps. */
static __u64 mapped_va(int at)
{
	return chance(2) ? some_va() : mapped[at][chance(8)] + 4096 * chance(512);
}

static void do_unmap(void)
{
	struct vmem_ioc_unmap args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), ret[2];
	struct before before;

	doing = "UNMAP";
	args[0].start = chance(10) ? mapped_va(at) : 0;
	args[0].last = chance(10) ? args[0].start + some_len() - 1 : ~0ULL;
	args[0].budget = chance(10) ? 0 : chance(20);
	args[0].flags = some_of(VMEM_IOC_RANGE_SHARED_OK | VMEM_IOC_RANGE_ALONE |
				VMEM_IOC_RANGE_SPLIT);
	before = look_before(at, args[0].start);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].space = sides[i].spaces[at];
		ret[i] = vmem_space_unmap(sides[i].guest, &args[i]);
		one_change(&args[i].change);
		args[i].space = 0;
	}
	look_behind(&before, at, args[0].start);
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

static void do_protect(void)
{
	const __u32 usual = VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X | VMEM_IOC_ATTR_COW;
	const __u32 any = usual | VMEM_IOC_ATTR_U | VMEM_IOC_ATTR_G | VMEM_IOC_ATTR_A |
			  VMEM_IOC_ATTR_D | VMEM_IOC_ATTR_PCD | VMEM_IOC_ATTR_PWT |
			  VMEM_IOC_ATTR_PAT | VMEM_IOC_ATTR_KEY_MASK | 0x3f80000;
	const __u32 of = chance(2) ? usual : any;
	struct vmem_ioc_protect args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), ret[2];
	struct before before;

	doing = "PROTECT";
	args[0].start = chance(10) ? mapped_va(at) & ~4095ULL : 0;
	args[0].last = chance(10) ? args[0].start + some_len() - 1 : ~0ULL;
	args[0].budget = chance(10) ? 0 : chance(20);
	args[0].flags = some_of(VMEM_IOC_RANGE_SHARED_OK | VMEM_IOC_RANGE_ALONE |
				VMEM_IOC_RANGE_SPLIT | VMEM_IOC_RANGE_WIDEN);
	args[0].set = (__u32)chance(1UL << 32) & (of | VMEM_IOC_ATTR_R);
	args[0].clear = (__u32)chance(1UL << 32) & of;
	args[0].clear &= chance(20) ? ~args[0].set : ~0U;
	args[0].set |= chance(60) ? 0 : 1u << chance(32);
	args[0].clear |= chance(60) ? 0 : 1u << chance(32);
	before = look_before(at, args[0].start);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].space = sides[i].spaces[at];
		ret[i] = vmem_space_protect(sides[i].guest, &args[i]);
		one_change(&args[i].change);
		args[i].space = 0;
	}
	protected += !ret[0] && args[0].change.out_pages;
	look_behind(&before, at, args[0].start);
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

/* Of what may be full, or all. */
static void do_promote(void)
{
	struct vmem_ioc_promote args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), ret[2];

	doing = "PROMOTE";
	args[0].start = chance(3) ? mapped_va(at) & ~0x1fffffULL : 0;
	args[0].last = chance(3) ? args[0].start + (1ULL << (chance(3) ? 22 : 31)) - 1 :
				   ~0ULL;
	if (!chance(20))
		args[0].start = some_va();
	args[0].budget = chance(10) ? 0 : chance(20);
	args[0].flags = some_of(VMEM_IOC_RANGE_SHARED_OK | VMEM_IOC_RANGE_ALONE);
	args[0].leaf_levels = chance(3) ? 0 : chance(10) ? 2 * (__u32)chance(4) :
			      1u << chance(32);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].space = sides[i].spaces[at];
		ret[i] = vmem_space_promote(sides[i].guest, &args[i]);
		one_change(&args[i].change);
		args[i].space = 0;
	}
	promoted += args[0].change.out_pages / 512;
	skipped += args[0].change.out_skipped;
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

static void do_link(void)
{
	struct vmem_ioc_link args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), owner = some_space(), ret[2], tries, missing;
	__u32 level;
	__u64 mask;

	doing = "LINK";
	for (tries = chance(20) ? 16 : 0; tries; tries--) {
		if (pool_of[at] >= 0 && pool_of[owner] == pool_of[at] &&
		    levels[owner] == levels[at])
			break;
		at = some_space();
		owner = chance(3) ? some_space() : at;
	}
	level = 1 + (__u32)chance(levels[at] ? levels[at] - 1 : 3);
	mask = ~0ULL << (12 + 9 * level);
	args[0].depth = levels[at] - level;
	args[0].our_va = some_va() & mask;
	args[0].their_va = (chance(4) ? mapped[owner][chance(8)] : some_va()) &
			   mask;
	args[0].flags = some_of(VMEM_IOC_LINK_ALONE) |
			(chance(3) ? 0 : VMEM_IOC_LINK_REPLACE) |
			(chance(3) ? 0 : VMEM_IOC_LINK_MAKE);
	args[0].budget = chance(10) ? 0 : chance(20);
	if (!chance(3)) {
		args[0].path_given = 1;
		args[0].path = some_path(level, levels[at]);
	}
	switch (chance(40)) {
	case 0:
		args[0].depth = (__u32)chance(7);
		break;
	case 1:
		args[0].our_va = some_va();
		break;
	case 2:
		args[0].their_va = some_va();
		break;
	case 3:
		args[0].path_given = (__u32)chance(3);
		break;
	}
	missing = args[0].flags & VMEM_IOC_LINK_MAKE &&
		  look(owner, args[0].their_va).level >= level;
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].space = sides[i].spaces[at];
		args[i].owner = sides[i].spaces[owner];
		ret[i] = vmem_space_link(sides[i].guest, &args[i]);
		one_change(&args[i].change);
		args[i].space = args[i].owner = 0;
	}
	linked += !ret[0];
	made += !ret[0] && missing;
	if (!ret[0])
		mapped[at][chance(8)] = args[0].our_va;
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

/* A table that others show as well, perhaps, becomes a copy. */
static void do_unshare(void)
{
	struct vmem_ioc_link args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), ret[2];
	__u32 level = 1 + (__u32)chance(levels[at] ? levels[at] - 1 : 3);

	doing = "LINK, UNSHARE";
	args[0].depth = levels[at] - level;
	args[0].our_va = mapped_va(at) & ~0ULL << (12 + 9 * level);
	args[0].flags = VMEM_IOC_LINK_UNSHARE | some_of(VMEM_IOC_LINK_ALONE);
	args[0].budget = chance(10) ? 0 : chance(20);
	args[0].their_va = chance(40) ? 0 : some_va();
	args[0].path_given = !chance(40);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].space = sides[i].spaces[at];
		ret[i] = vmem_space_link(sides[i].guest, &args[i]);
		one_change(&args[i].change);
		args[i].space = 0;
	}
	parted += !!(args[0].change.out_changes & VMEM_IOC_CHANGE_UNSHARED);
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

/* Where something is, if that is found soon. */
static __u64 some_page(int at)
{
	int tries = 8;
	__u64 va;

	do
		va = chance(3) ? mapped[at][chance(8)] + 4096 * chance(4) : some_va();
	while (--tries && look(at, va).status != VMEM_IOC_OK);
	return va;
}

static void do_translate(void)
{
	static struct vmem_ioc_result results[2][NR_VAS];
	static __u64 entries[2][NR_VAS][VMEM_IOC_LEVELS_MAX];
	struct vmem_ioc_translate args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), ret[2], words = (int)chance(2);
	const struct vmem_ioc_result *result;
	__u64 vas[NR_VAS];

	doing = "TRANSLATE";
	memset(results, 0x5a, sizeof(results));
	memset(entries, 0x5a, sizeof(entries));
	args[0].nr = chance(3) ? (__u32)chance(NR_VAS + 1) : 1;
	for (i = 0; i < NR_VAS; i++)
		vas[i] = some_va();
	args[0].vas = (__u64)(unsigned long)vas;
	if (!chance(3)) {
		args[0].access = 1U << chance(3) | (chance(40) ? 0 : 1U << chance(20)) |
				 some_of(VMEM_IOC_ACCESS_USER | VMEM_IOC_ACCESS_SET_AD) |
				 (chance(4) ? 0 : some_of(VMEM_IOC_ACCESS_IMPLICIT |
							  VMEM_IOC_ACCESS_SHADOW)) |
				 (__u32)chance(2) * (__u32)chance(64) << VMEM_IOC_ACCESS_LEN_SHIFT;
		args[0].mode = (__u32)chance(64) | (chance(8) ? VMEM_IOC_MODE_WP : 0);
		args[0].pkru = chance(2) ? 0 : (__u32)rand();
		args[0].pkrs = chance(2) ? 0 : (__u32)rand();
		/* at the end of a page, perhaps */
		for (i = 0; i < (int)args[0].nr; i++)
			vas[i] = some_page(at) | (chance(2) ? 4095 - chance(64) : 0);
	}
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].space = sides[i].spaces[at];
		args[i].results = (__u64)(unsigned long)results[i];
		args[i].entries = words ? (__u64)(unsigned long)entries[i] : 0;
		ret[i] = vmem_space_translate(sides[i].guest, &args[i]);
		args[i].space = 0;
		args[i].results = args[i].entries = 0;
	}
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
	if (memcmp(results[0], results[1], sizeof(results[0])) ||
	    memcmp(entries[0], entries[1], sizeof(entries[0])))
		differ("results");
	for (i = 0; args[0].access && i < (int)args[0].out_done; i++) {
		result = &results[0][i];
		refused[result->status]++;
		if (result->status != VMEM_IOC_OK)
			continue;
		set += args[0].access & VMEM_IOC_ACCESS_SET_AD &&
		       (!(result->leaf & VMEM_IOC_ATTR_A) ||
			(args[0].access & VMEM_IOC_ACCESS_WRITE &&
			 !(result->leaf & VMEM_IOC_ATTR_D)));
		crossed += (vas[i] & 4095) + (args[0].access >> VMEM_IOC_ACCESS_LEN_SHIFT) > 4095;
	}
}

/* All records, read in pieces of any size. */
static int walk(const struct side *side, struct vmem_ioc_walk_create *args,
		struct vmem_ioc_record *records, int *nr)
{
	struct vmem_walker *walker = (void *)sides;
	int ret = vmem_walk_create(side->guest, args, &walker), got;

	if (!ret != !!walker)
		differ("a walker");
	*nr = 0;
	if (ret)
		return ret;
	do {
		got = vmem_walk_read(walker, &records[*nr], 1 + rand() % 200);
		if (got < 0)
			errx(1, "step %lu: reading a walk: %d", step, got);
		*nr += got;
	} while (got && *nr <= NR_RECORDS - 200);
	vmem_walk_close(walker);
	return 0;
}

static void do_walk(void)
{
	static struct vmem_ioc_record records[2][NR_RECORDS];
	struct vmem_ioc_walk_create look, args[2] = { { .size = sizeof(look) } };
	int i, j, at[3], ret[2], nr[2];
	__u32 ids[3];

	doing = "a walk";
	args[0].nr = chance(3) ? 1 : (__u32)chance(4);
	for (j = 0; j < 3; j++)
		at[j] = some_space();
	args[0].flags = (__u32)chance(1 << 4) |
			(chance(60) ? 0 : 1u << chance(32));
	args[0].start = chance(2) ? 0 : some_va();
	args[0].last = chance(2) ? ~0ULL : args[0].start + some_len();
	args[0].budget = 1 + chance(200);
	args[0].seen_max = chance(3) ? 0 : 1 + chance(50);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 3; j++)
			ids[j] = sides[i].spaces[at[j]];
		args[i].spaces = (__u64)(unsigned long)ids;
		/* to the library all is resident, to the module what it has seen */
		look = args[i];
		look.flags &= ~VMEM_IOC_WALK_RESIDENT_ONLY;
		if (look.flags != args[i].flags)
			walk(&sides[i], &look, records[i], &nr[i]);
		ret[i] = walk(&sides[i], &args[i], records[i], &nr[i]);
		args[i].spaces = 0;
		args[i].out_fd = 0;
	}
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
	if (nr[0] < NR_RECORDS - 400 && nr[0] != nr[1])
		differ("how many records there are");
	nr[0] = nr[0] < nr[1] ? nr[0] : nr[1];
	if (memcmp(records[0], records[1], (size_t)nr[0] * sizeof(records[0][0])))
		differ("records");
}

static void do_ask(void)
{
	struct vmem_ioc_pool_stat stats[2] = { { .size = sizeof(stats[0]) } };
	struct vmem_ioc_space_get gets[2] = { { .size = sizeof(gets[0]) } };
	struct vmem_ioc_item items[2][8];
	struct vmem_ioc_list lists[2] = { { .size = sizeof(lists[0]) } };
	int i, j, at = some_space(), which = (int)chance(NR_POOLS), ret[2][3];

	doing = "POOL_STAT, SPACE_GET, LIST";
	memset(items, 0, sizeof(items));
	lists[0].kind = (__u32)chance(5);
	lists[0].nr = 1 + (__u32)step % 8;
	lists[1] = lists[0];
	stats[1] = stats[0];
	gets[1] = gets[0];
	for (i = 0; i < 2; i++) {
		stats[i].id = sides[i].pools[which];
		ret[i][0] = vmem_pool_stat(sides[i].guest, &stats[i]);
		gets[i].id = sides[i].spaces[at];
		ret[i][1] = vmem_space_get(sides[i].guest, &gets[i]);
		lists[i].items = (__u64)(unsigned long)items[i];
		ret[i][2] = vmem_guest_list(sides[i].guest, &lists[i]);
		stats[i].id = gets[i].id = 0;
		stats[i].out_oldest_generation =
			!!stats[i].out_oldest_generation;
		gets[i].out_generation = 0;
		lists[i].items = 0;
		lists[i].out_cursor = !!lists[i].out_cursor;
		for (j = 0; j < 8; j++) {
			items[i][j].id = 0;
			items[i][j].pool = !!items[i][j].pool;
			/* mappings of memory are counted by the module only */
			if (lists[i].kind == VMEM_IOC_LIST_REGIONS)
				items[i][j].uses = 0;
		}
	}
	same(ret[0][0], ret[1][0], &stats[0], &stats[1], sizeof(stats[0]));
	same(ret[0][1], ret[1][1], &gets[0], &gets[1], sizeof(gets[0]));
	same(ret[0][2], ret[1][2], &lists[0], &lists[1], sizeof(lists[0]));
	if (memcmp(items[0], items[1], sizeof(items[0])))
		differ("items");
}

/*
 * A pool gets pages, beside both pools, and few, or none would be used up; or what
 * it can't get, with any others.
 */
static void do_grow(void)
{
	struct vmem_ioc_pool_grow args[2] = { { .size = sizeof(args[0]) } };
	int i, which = (int)chance(NR_POOLS), what = (int)chance(20), ret[2];
	struct vmem_ioc_range ranges[3];

	doing = "POOL_GROW";
	args[0].ranges = (__u64)(unsigned long)ranges;
	args[0].nr_ranges = what ? 1 + (__u32)chance(2) : 0;
	for (i = 0; i < 3; i++) {
		ranges[i].gpa = 4096 * chance(4) +
				(chance(2) ? POOL_GPA - 4 * 4096 :
				 chance(2) ? POOL_GPA + POOL_LEN :
					     SECOND_GPA + SECOND_LEN);
		ranges[i].len = 4096;
	}
	if (what == 1)
		ranges[0].len = chance(2) ? 1ULL << 32 : chance(4096);
	if (what >= 10) {
		ranges[0].gpa = POOL_GPA + 4096 * chance(POOL_LEN / 4096);
		ranges[1].gpa = some_gpa() & ~4095ULL;
		ranges[1].len = 4096 * (1 + chance(2));
	}
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].id = what == 2 ? sides[i].regions[0] :
			     what == 3 ? 0 : sides[i].pools[which];
		ret[i] = vmem_pool_grow(sides[i].guest, &args[i]);
		args[i].id = 0;
	}
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

static void do_flushed(void)
{
	struct vmem_ioc_flushed args[2] = { { .size = sizeof(args[0]) } };
	int i, at = some_space(), what = (int)chance(20), ret[2];

	doing = "FLUSHED";
	for (i = 0; i < 2; i++) {
		struct vmem_ioc_space_get get = {
			.size = sizeof(get), .id = sides[i].spaces[at],
		};

		args[i].size = sizeof(args[i]);
		if (!vmem_space_get(sides[i].guest, &get))
			args[i].generation = what == 1 ? 0 :
					     get.out_generation + !what;
		ret[i] = vmem_guest_flushed(sides[i].guest, &args[i]);
		args[i].generation = 0;
	}
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

static void do_freeze(void)
{
	struct vmem_ioc_region_set args[2] = { { .size = sizeof(args[0]) } };
	int i, which = chance(4) ? 1 : (int)chance(3), ret[2];

	doing = "REGION_SET";
	args[0].mask = chance(10) ? VMEM_IOC_REGION_FROZEN : (__u32)chance(4);
	args[0].value = !!chance(3);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		args[i].id = sides[i].regions[which];
		ret[i] = vmem_region_set(sides[i].guest, &args[i]);
		args[i].id = 0;
	}
	if (!ret[0] && which == 1 && args[0].mask) {
		if (frozen)
			same_memory(1);
		frozen = (int)args[0].value;
		memcpy(was_frozen, sides[0].memory + FROZEN_GPA, FROZEN_LEN);
	}
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
}

static void do_dirty(void)
{
	static __u64 bits[2][MEMORY_LEN / 4096 / 64 + 1];
	struct vmem_ioc_region_dirty args[2];
	int i, which = (int)chance(3), ret[2];

	doing = "REGION_DIRTY";
	some_dirty(which, &args[0]);
	args[1] = args[0];
	for (i = 0; i < 2; i++) {
		memset(bits[i], 0x5a, sizeof(bits[i]));
		args[i].id = sides[i].regions[which];
		args[i].bitmap = (__u64)(unsigned long)bits[i];
		ret[i] = vmem_region_dirty(sides[i].guest, &args[i]);
		args[i].id = 0;
		args[i].bitmap = 0;
	}
	same(ret[0], ret[1], &args[0], &args[1], sizeof(args[0]));
	if (memcmp(bits[0], bits[1], sizeof(bits[0])))
		differ("what was written");
	for (i = 0; !ret[0] && i < (int)(args[0].len >> 12); i++)
		written += bits[0][i / 64] >> i % 64 & 1;
}

int main(int argc, char **argv)
{
	static void (*const actions[])(void) = {
		do_map, do_map, do_map, do_map, do_unmap, do_unmap, do_protect,
		do_protect, do_promote, do_promote, do_link, do_link, do_link,
		do_unshare, do_walk, do_translate,
		do_space_create, do_space_create, do_destroy, do_ask,
		do_flushed, do_flushed, do_grow, do_freeze, do_dirty, do_poke, do_large, do_tree,
		do_tree,
	};
	int local = argc > 1 && !strcmp(argv[1], "--local");
	unsigned long most = 2000, seed;
	int i;

	argc -= local;
	argv += local;
	if (argc < 2)
		errx(2, "usage: backends [--local] SEED [CALLS]");
	seed = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		most = strtoul(argv[2], NULL, 0);
	printf("# seed %lu\n", seed);
	fflush(stdout);
	chances = 0x9e3779b97f4a7c15UL * (seed + 1);
	srand((unsigned int)seed);
	setup(0, local);
	setup(1, 1);
	for (step = 0; calls < most; step++) {
		actions[chance(sizeof(actions) / sizeof(actions[0]))]();
		if (step % 8 == 0)
			same_memory(step % 512 == 0);
	}
	doing = "the end";
	same_memory(1);
	for (i = 0; i < 2; i++) {
		vmem_close(sides[i].guest);
		munmap(sides[i].owned, OWNED_LEN);
		munmap(sides[i].memory, MEMORY_LEN);
	}
	printf("# seed %lu: %lu calls, %lu of them refused:", seed, calls,
	       refusals);
	for (i = 0; i < 256; i++)
		if (errnos[i])
			printf(" %s %lu", strerrorname_np(i), errnos[i]);
	printf("; moved %lu, freed %lu, unshared %lu, linked %lu, protected %lu, written %lu, large %lu, split %lu, promoted %lu, skipped %lu, raw %lu, widened %lu, made %lu, parted %lu",
	       moved / 2, freed / 2, unshared / 2, linked, protected, written, large,
	       split, promoted, skipped, raw, widened, made, parted);
	printf(", set %lu, crossed %lu; by write %lu, user %lu, exec %lu, smep %lu, smap %lu, key %lu, shadow %lu\n",
	       set, crossed, refused[VMEM_IOC_WRITE], refused[VMEM_IOC_USER],
	       refused[VMEM_IOC_EXEC], refused[VMEM_IOC_SMEP], refused[VMEM_IOC_SMAP],
	       refused[VMEM_IOC_KEY], refused[VMEM_IOC_SHADOW]);
	return calls - refusals > most / 4 && refusals > most / 20 ? 0 : 1;
}
