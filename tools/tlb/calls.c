// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Random calls on the library.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tlb.h"

#define LIST_MAX	6

static int some_space(void)
{
	int at = (int)chance(NR_SPACES), tries;

	for (tries = chance(30) ? 12 : 0; tries; tries--) {
		if (world.spaces[at].id && world.spaces[at].pool >= 0)
			break;
		at = (int)chance(NR_SPACES);
	}
	return at;
}

/* Where something is, mostly. */
static __u64 their_va(int at)
{
	const struct space *space = &world.spaces[at];

	return chance(3) ? space->mapped[chance(NR_MAPPED)] : some_va();
}

/* What table entries are to grant, from a level up. */
static __u32 some_path(unsigned int level, unsigned int levels)
{
	__u32 path = 0;

	for (; level < levels; level++)
		path |= (chance(4) ? 7 : 1 | (__u32)chance(8) << 1) <<
			VMEM_IOC_PATH_SHIFT(level);
	return path;
}

static __u64 some_budget(void)
{
	return chance(16) ? 0 : chance(24);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	size_t used = strlen(doing);
	va_list args;

	va_start(args, format);
	vsnprintf(doing + used, sizeof(doing) - used, format, args);
	va_end(args);
}

static void begin(struct call *call, const char *name, int at)
{
	memset(call, 0, sizeof(*call));
	call->space = at;
	doing[0] = '\0';
	say("%s, space %d", name, at);
}

/* Said only where it is true. */
static bool is_alone(const struct call *call, __u64 start, __u64 last)
{
	return world.spaces[call->space].id && chance(2) &&
	       world_alone(&survey, call->space, start, last);
}

/* Any that a vCPU can tell, and software bits. A and D are nothing to a TLB. */
static __u32 some_attrs(void)
{
	const __u32 any = VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X | VMEM_IOC_ATTR_U |
			  VMEM_IOC_ATTR_G | VMEM_IOC_ATTR_PCD |
			  VMEM_IOC_ATTR_PWT | VMEM_IOC_ATTR_PAT |
			  VMEM_IOC_ATTR_COW | VMEM_IOC_ATTR_KEY_MASK |
			  3 << VMEM_IOC_ATTR_SOFT_SHIFT;
	__u32 attrs = (__u32)chance(1 << 18);

	/* few at a time */
	attrs &= chance(2) ? (__u32)chance(1 << 18) : any;
	return attrs & any;
}

/* Sizes of pages, mostly with addresses that fit. Return: the least level. */
static unsigned int some_sizes(struct vmem_ioc_mapping *m)
{
	unsigned int most = chance(6) ? 1 : 2, level;

	if (m->len != 1 << 21 && chance(4))
		return 0;
	for (level = 0; level < 3; level++)
		m->page_sizes |= (__u64)!chance(2) << level_lg2(level);
	if (!m->page_sizes)
		return 0;
	m->gpa = some_large(most) + (chance(3) ? 0 : PAGE * (__u64)chance(600));
	if (chance(3))
		m->va &= ~level_mask(most);
	if (most == 2)
		m->len = 1ULL << (chance(2) ? 30 : 21);
	else if (chance(2))
		m->len = (1 + (__u64)chance(3)) << 21;
	level = (unsigned int)__builtin_ctzll(m->page_sizes) / 9 - 1;
	if (!chance(8))
		return level;
	m->va &= ~level_mask(level);
	m->gpa &= ~level_mask(level);
	m->len = (m->len + level_mask(level)) & ~level_mask(level);
	return level;
}

/* @before: the one before it in the list, behind which it may lie; or NULL */
static void fill_mapping(struct vmem_ioc_mapping *m, int at,
			 const struct vmem_ioc_mapping *before)
{
	unsigned int lowest;

	memset(m, 0, sizeof(*m));
	m->va = chance(3) ? their_va(at) : some_va();
	if (before && chance(3))
		m->va = before->va + before->len + PAGE * (__u64)chance(4);
	m->len = some_len();
	/* what a large page translates */
	if (!chance(12))
		m->len = 1 << 21;
	if (m->len == 1 << 21)
		m->va &= ~(m->len - 1);
	m->va &= ~(PAGE - 1);
	m->kind = chance(4) ? VMEM_IOC_KIND_BASIC : (__u32)chance(4);
	if (m->kind == VMEM_IOC_KIND_UNMAPPED)
		return;
	if (m->kind == VMEM_IOC_KIND_RAW) {
		m->gpa = (1 + chance(1000)) << 1;
		return;
	}
	if (m->len > 1 << 21)
		m->len = PAGE * (1 + chance(600));
	m->gpa = some_gpa() & ~(PAGE - 1);
	/* the leaves of a table, or a larger one */
	if (m->len == 1 << 21)
		m->gpa = some_large(1);
	m->attrs = VMEM_IOC_ATTR_R |
		   (world.flags & VMEM_IOC_SPACE_NXE_OFF ? VMEM_IOC_ATTR_X : 0) |
		   (__u32)chance(8);
	if (!chance(6))
		m->attrs |= some_attrs() & ~(__u32)VMEM_IOC_ATTR_COW;
	lowest = some_sizes(m);
	if (m->kind == VMEM_IOC_KIND_COW)
		m->attrs &= ~(__u32)(VMEM_IOC_ATTR_W | 7 << VMEM_IOC_ATTR_SOFT_SHIFT);
	if (!chance(6)) {
		m->flags = VMEM_IOC_MAPPING_PATH;
		m->path = some_path(lowest + 1, world.spaces[at].levels ?: 4);
	}
}

static void do_map(void)
{
	struct vmem_ioc_mapping list[LIST_MAX] = { 0 };
	struct vmem_ioc_map arg = { .size = sizeof(arg) };
	struct call call;
	bool alone = true;
	__u32 i;
	int ret;

	begin(&call, "MAP", some_space());
	arg.space = world.spaces[call.space].id;
	arg.nr = chance(3) ? 1 : 1 + (__u32)chance(LIST_MAX);
	arg.mappings = (__u64)(unsigned long)list;
	arg.flags = (__u32)chance(64) & ~(__u32)VMEM_IOC_MAP_KEEP;
	arg.flags |= chance(8) ? 0 : VMEM_IOC_MAP_KEEP;
	call.splits = arg.flags & VMEM_IOC_MAP_SPLIT;
	arg.budget = some_budget();
	call.start = ~0ULL;
	tlb_begin();
	for (i = 0; i < arg.nr; i++) {
		__u64 last;

		fill_mapping(&list[i], call.space, i ? &list[i - 1] : NULL);
		last = list[i].va + (list[i].len - 1);
		alone = alone && is_alone(&call, list[i].va, last);
		call.start = list[i].va < call.start ? list[i].va : call.start;
		call.last = last > call.last ? last : call.last;
		say("%s 0x%llx+0x%llx", i ? "," : ":", list[i].va, list[i].len);
		if (list[i].kind != VMEM_IOC_KIND_UNMAPPED)
			say(" to 0x%llx kind %u 0x%x sizes 0x%llx", list[i].gpa,
			    list[i].kind, list[i].attrs, list[i].page_sizes);
		if (list[i].flags)
			say(" path 0x%x", list[i].path);
	}
	call.alone = alone;
	arg.flags |= alone ? VMEM_IOC_MAP_ALONE : 0;
	say(", flags 0x%x", arg.flags);
	ret = vmem_space_map(world.guest, &arg);
	met.mapped += !ret;
	met.sizes += !ret && list[0].page_sizes >> 13;
	if (arg.change.out_done || arg.change.out_done_len)
		world.spaces[call.space].mapped[chance(NR_MAPPED)] = list[0].va;
	tlb_end(&call, ret, &arg.change);
}

/* Of what is mapped, some pages, or all below an entry of some level. */
static void some_range(int at, __u64 *start, __u64 *last)
{
	unsigned int level = (unsigned int)chance(4);

	*start = their_va(at) & ~(PAGE - 1);
	if (chance(2)) {
		*start &= ~level_mask(level);
		*last = *start | level_mask(level);
	} else {
		*last = *start + some_len() - 1;
	}
	if (!chance(30))
		*start = 0, *last = ~0ULL;
}

static void do_unmap(void)
{
	struct vmem_ioc_unmap arg = { .size = sizeof(arg) };
	struct call call;
	int ret;

	begin(&call, "UNMAP", some_space());
	arg.space = world.spaces[call.space].id;
	some_range(call.space, &arg.start, &arg.last);
	arg.flags = (__u32)chance(16) & (VMEM_IOC_RANGE_SPLIT |
					 VMEM_IOC_RANGE_SHARED_OK);
	call.splits = arg.flags & VMEM_IOC_RANGE_SPLIT;
	arg.budget = some_budget();
	call.start = arg.start;
	call.last = arg.last;
	tlb_begin();
	call.alone = is_alone(&call, arg.start, arg.last);
	arg.flags |= call.alone ? VMEM_IOC_RANGE_ALONE : 0;
	say(": 0x%llx..0x%llx, flags 0x%x", arg.start, arg.last, arg.flags);
	ret = vmem_space_unmap(world.guest, &arg);
	met.unmapped += !ret && arg.change.out_pages;
	tlb_end(&call, ret, &arg.change);
}

static void do_protect(void)
{
	struct vmem_ioc_protect arg = { .size = sizeof(arg) };
	struct call call;
	int ret;

	begin(&call, "PROTECT", some_space());
	arg.space = world.spaces[call.space].id;
	some_range(call.space, &arg.start, &arg.last);
	arg.set = some_attrs();
	arg.clear = some_attrs() & ~arg.set;
	/* Cow has some of the software bits */
	if (chance(8) && (arg.set | arg.clear) & VMEM_IOC_ATTR_COW) {
		arg.set &= ~VMEM_IOC_ATTR_SOFT_MASK;
		arg.clear &= ~VMEM_IOC_ATTR_SOFT_MASK;
	}
	arg.flags = (__u32)chance(64) & (VMEM_IOC_RANGE_SPLIT |
					 VMEM_IOC_RANGE_SHARED_OK |
					 VMEM_IOC_RANGE_WIDEN);
	call.splits = arg.flags & VMEM_IOC_RANGE_SPLIT;
	arg.budget = some_budget();
	call.start = arg.start;
	call.last = arg.last;
	tlb_begin();
	call.alone = is_alone(&call, arg.start, arg.last);
	arg.flags |= call.alone ? VMEM_IOC_RANGE_ALONE : 0;
	say(": 0x%llx..0x%llx, set 0x%x, clear 0x%x, flags 0x%x", arg.start,
	    arg.last, arg.set, arg.clear, arg.flags);
	ret = vmem_space_protect(world.guest, &arg);
	met.protected += !ret && arg.change.out_pages;
	met.widened += !ret && arg.change.out_pages &&
		       arg.flags & VMEM_IOC_RANGE_WIDEN;
	tlb_end(&call, ret, &arg.change);
}

static void do_promote(void)
{
	struct vmem_ioc_promote arg = { .size = sizeof(arg) };
	struct call call;
	int ret;

	begin(&call, "PROMOTE", some_space());
	arg.space = world.spaces[call.space].id;
	some_range(call.space, &arg.start, &arg.last);
	if (chance(3)) {
		arg.start &= ~level_mask(1);
		arg.last |= level_mask(chance(3) ? 1 : 2);
	}
	arg.leaf_levels = chance(2) ? 0 : (__u32)chance(4) << 1;
	arg.flags = chance(2) ? VMEM_IOC_RANGE_SHARED_OK : 0;
	arg.budget = some_budget();
	call.start = arg.start;
	call.last = arg.last;
	tlb_begin();
	call.alone = is_alone(&call, arg.start, arg.last);
	arg.flags |= call.alone ? VMEM_IOC_RANGE_ALONE : 0;
	say(": 0x%llx..0x%llx, levels 0x%x, flags 0x%x", arg.start, arg.last,
	    arg.leaf_levels, arg.flags);
	ret = vmem_space_promote(world.guest, &arg);
	met.promoted += !ret && arg.change.out_pages;
	tlb_end(&call, ret, &arg.change);
}

static void do_link(void)
{
	struct vmem_ioc_link arg = { .size = sizeof(arg) };
	int owner = some_space(), tries, ret;
	const struct space *space;
	struct call call;
	__u32 level;

	begin(&call, "LINK", some_space());
	for (tries = 16; tries; tries--) {
		if (world.spaces[owner].pool == world.spaces[call.space].pool &&
		    world.spaces[owner].levels == world.spaces[call.space].levels)
			break;
		owner = chance(3) ? some_space() : call.space;
	}
	space = &world.spaces[call.space];
	level = chance(2) ? 1 : 1 + (__u32)chance(3);
	arg.space = space->id;
	arg.owner = world.spaces[owner].id;
	arg.depth = (space->levels ?: 4) - level;
	arg.our_va = (chance(3) ? some_va() : their_va(call.space)) &
		     ~level_mask(level);
	arg.their_va = their_va(owner) & ~level_mask(level);
	arg.flags = chance(3) ? 0 : VMEM_IOC_LINK_REPLACE;
	arg.flags |= chance(3) ? 0 : VMEM_IOC_LINK_MAKE;
	arg.budget = some_budget();
	if (!chance(4)) {
		arg.path_given = 1;
		arg.path = some_path(level, space->levels ?: 4);
	}
	call.start = arg.our_va;
	call.last = arg.our_va | level_mask(level);
	tlb_begin();
	call.alone = is_alone(&call, call.start, call.last);
	arg.flags |= call.alone ? VMEM_IOC_LINK_ALONE : 0;
	say(": 0x%llx of space %d, 0x%llx, depth %u, flags 0x%x", arg.our_va,
	    owner, arg.their_va, arg.depth, arg.flags);
	ret = vmem_space_link(world.guest, &arg);
	met.linked += !ret;
	met.made += !ret && arg.flags & VMEM_IOC_LINK_MAKE;
	if (!ret)
		world.spaces[call.space].mapped[chance(NR_MAPPED)] = arg.our_va;
	tlb_end(&call, ret, &arg.change);
}

static void do_unshare(void)
{
	struct vmem_ioc_link arg = {
		.size	= sizeof(arg),
		.flags	= VMEM_IOC_LINK_UNSHARE,
	};
	const struct space *space;
	struct call call;
	__u32 level;
	int ret;

	begin(&call, "LINK, UNSHARE", some_space());
	space = &world.spaces[call.space];
	level = 1 + (__u32)chance(chance(3) ? 1 : 4);
	arg.space = space->id;
	arg.depth = (space->levels ?: 4) - level;
	arg.our_va = their_va(call.space) & ~level_mask(level);
	arg.budget = some_budget();
	call.start = arg.our_va;
	call.last = arg.our_va | level_mask(level);
	tlb_begin();
	call.alone = is_alone(&call, call.start, call.last);
	arg.flags |= call.alone ? VMEM_IOC_LINK_ALONE : 0;
	say(": 0x%llx, depth %u, flags 0x%x", arg.our_va, arg.depth, arg.flags);
	ret = vmem_space_link(world.guest, &arg);
	met.copied += !ret && arg.change.out_changes & VMEM_IOC_CHANGE_UNSHARED;
	tlb_end(&call, ret, &arg.change);
}

/* A root that is there: another's, one of the guest's own, a table of level 3. */
static __u64 some_root(__u32 levels)
{
	const struct space *space = &world.spaces[chance(NR_SPACES)];
	const __u64 *words;
	__u32 attrs;
	__u64 gpa;

	if (world.habits != QUIET && chance(3))
		return hand_table(levels - 1);
	if (space->levels == 5 && levels == 4) {
		words = world_table(space->root);
		if (words && mmu_look(words[chance(2) ? 0 : NR_ENTRIES - 1], 4,
				      &gpa, &attrs) == MMU_TABLE)
			return gpa;
	}
	return space->root;
}

static void do_space_create(void)
{
	struct vmem_ioc_space_create arg = { .size = sizeof(arg) };
	int at = (int)chance(NR_SPACES), i, ret;
	struct space *space = &world.spaces[at];
	struct vmem_ioc_change none = {};
	struct call call;

	if (space->id)
		return;
	tlb_settle();
	begin(&call, "SPACE_CREATE", at);
	memset(space, 0, sizeof(*space));
	space->levels = chance(3) ? 4 : 5;
	space->pool = chance(12) ? !chance(4) : -1;
	arg.format = space->levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
					  VMEM_IOC_FORMAT_X86_64_4LEVEL;
	arg.pool = space->pool < 0 ? 0 : world.pools[space->pool];
	arg.flags = world.flags | (arg.pool && chance(2) ?
				   VMEM_IOC_SPACE_MOVABLE : 0);
	arg.phys_bits = world.phys_bits;
	if (arg.pool && chance(2))
		arg.flags |= VMEM_IOC_SPACE_NEW;
	else
		arg.root = some_root(space->levels);
	call.adopts = !(arg.flags & VMEM_IOC_SPACE_NEW);
	tlb_begin();
	say(": format %u, pool %d, flags 0x%x, root 0x%llx", arg.format,
	    space->pool, arg.flags, arg.root);
	ret = vmem_space_create(world.guest, &arg);
	if (!ret) {
		space->id = arg.out_id;
		space->root = arg.out_root;
		for (i = 0; i < NR_MAPPED; i++)
			space->mapped[i] = some_va();
		met.adopted += call.adopts;
	} else {
		space->pool = -1;
	}
	tlb_end(&call, ret, &none);
	if (!ret)
		mmu_enter(at);
}

static void do_destroy(void)
{
	struct vmem_ioc_destroy arg = { .size = sizeof(arg) };
	struct vmem_ioc_change answer = {};
	struct call call;
	int ret;

	if (chance(3))
		return;
	begin(&call, "DESTROY", some_space());
	if (!world.spaces[call.space].id)
		return;
	tlb_settle();
	arg.id = world.spaces[call.space].id;
	call.ends = true;
	tlb_begin();
	/* no vCPU is in it any more */
	mmu_leave(call.space);
	ret = vmem_guest_destroy(world.guest, &arg);
	if (ret)
		failed("the space can't be destroyed: %d", ret);
	met.destroyed++;
	world.spaces[call.space].id = 0;
	world.spaces[call.space].pool = -1;
	answer.out_flush = arg.out_flush;
	answer.out_generation = arg.out_generation;
	tlb_end(&call, ret, &answer);
}

static void do_flushed(void)
{
	struct vmem_ioc_flushed arg = {
		.size		= sizeof(arg),
		.generation	= world.flushed,
	};
	int ret;

	if (!chance(4))
		tlb_forget();
	arg.generation = world.flushed;
	ret = vmem_guest_flushed(world.guest, &arg);
	if (ret)
		errx(2, "flushed: %d", ret);
}

static void do_freeze(void)
{
	struct vmem_ioc_region_set arg = {
		.size	= sizeof(arg),
		.id	= world.frozen_region,
		.mask	= VMEM_IOC_REGION_FROZEN,
		.value	= chance(3) ? VMEM_IOC_REGION_FROZEN : 0,
	};
	int ret = vmem_region_set(world.guest, &arg);

	if (ret)
		errx(2, "frozen: %d", ret);
	world.frozen = arg.value;
	met.frozen += world.frozen;
}

void one_call(void)
{
	static void (*const calls[])(void) = {
		do_map, do_map, do_map, do_map, do_map, do_map, do_unmap,
		do_unmap, do_unmap, do_protect, do_protect, do_protect,
		do_promote, do_promote, do_promote, do_link, do_link, do_link,
		do_unshare, do_space_create, do_space_create, do_destroy,
		do_flushed, do_freeze,
	};

	calls[chance(sizeof(calls) / sizeof(calls[0]))]();
}
