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

/* @before: the one before it in the list, behind which it may lie; or NULL */
static void fill_mapping(struct vmem_ioc_mapping *m, int at,
			 const struct vmem_ioc_mapping *before)
{
	memset(m, 0, sizeof(*m));
	m->va = chance(3) ? their_va(at) : some_va();
	if (before && chance(3))
		m->va = before->va + before->len + PAGE * (__u64)chance(4);
	m->len = some_len();
	/* what a large page translates */
	if (m->len == 1 << 21)
		m->va &= ~(m->len - 1);
	m->va &= ~(PAGE - 1);
	m->kind = chance(4) ? VMEM_IOC_KIND_BASIC : (__u32)chance(3);
	if (m->kind == VMEM_IOC_KIND_UNMAPPED)
		return;
	if (m->len > 1 << 21)
		m->len = PAGE * (1 + chance(600));
	m->gpa = some_gpa() & ~(PAGE - 1);
	m->attrs = VMEM_IOC_ATTR_R |
		   (world.flags & VMEM_IOC_SPACE_NXE_OFF ? VMEM_IOC_ATTR_X : 0) |
		   (__u32)chance(8);
	if (m->kind == VMEM_IOC_KIND_COW)
		m->attrs &= ~(__u32)VMEM_IOC_ATTR_W;
	if (!chance(6)) {
		m->flags = VMEM_IOC_MAPPING_PATH;
		m->path = some_path(1, world.spaces[at].levels ?: 4);
	}
}

static void do_map(void)
{
	struct vmem_ioc_mapping list[LIST_MAX];
	struct vmem_ioc_map arg = { .size = sizeof(arg) };
	struct call call;
	bool alone = true;
	__u32 i;
	int ret;

	begin(&call, "MAP", some_space());
	arg.space = world.spaces[call.space].id;
	arg.nr = chance(3) ? 1 : 1 + (__u32)chance(LIST_MAX);
	arg.mappings = (__u64)(unsigned long)list;
	arg.flags = (__u32)chance(16) & (VMEM_IOC_MAP_REPLACE |
					 VMEM_IOC_MAP_ATOMIC |
					 VMEM_IOC_MAP_SHARED_OK);
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
			say(" to 0x%llx %s 0x%x", list[i].gpa,
			    list[i].kind == VMEM_IOC_KIND_COW ? "cow" : "basic",
			    list[i].attrs);
		if (list[i].flags)
			say(" path 0x%x", list[i].path);
	}
	call.alone = alone;
	arg.flags |= alone ? VMEM_IOC_MAP_ALONE : 0;
	say(", flags 0x%x", arg.flags);
	ret = vmem_space_map(world.guest, &arg);
	met.mapped += !ret;
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
	arg.flags = chance(2) ? VMEM_IOC_RANGE_SHARED_OK : 0;
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
	const __u32 usual = VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X |
			    VMEM_IOC_ATTR_COW;
	struct vmem_ioc_protect arg = { .size = sizeof(arg) };
	struct call call;
	int ret;

	begin(&call, "PROTECT", some_space());
	arg.space = world.spaces[call.space].id;
	some_range(call.space, &arg.start, &arg.last);
	arg.set = (__u32)chance(1 << 11) & usual;
	arg.clear = (__u32)chance(1 << 11) & usual & ~arg.set;
	arg.flags = chance(2) ? VMEM_IOC_RANGE_SHARED_OK : 0;
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
	if (!ret)
		world.spaces[call.space].mapped[chance(NR_MAPPED)] = arg.our_va;
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
		do_unmap, do_unmap, do_protect, do_protect, do_link, do_link,
		do_link, do_space_create, do_space_create, do_destroy,
		do_flushed, do_freeze,
	};

	calls[chance(sizeof(calls) / sizeof(calls[0]))]();
}
