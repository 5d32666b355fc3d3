// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks: a cursor of the core, kept between reads, and what it remembers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

/* A record of the core is a record of the call, byte for byte. */
#define SAME_RECORD(field, other, type)					\
	_Static_assert(offsetof(struct vmem_ioc_record, field) ==	\
		       offsetof(struct vmem_space_aware_mapping, other) && \
		       sizeof(((struct vmem_ioc_record *)0)->field) ==	\
		       sizeof(type) &&					\
		       sizeof(((struct vmem_space_aware_mapping *)0)->other) == \
		       sizeof(type), #field)

SAME_RECORD(type, type, u8);
SAME_RECORD(level, level, u8);
SAME_RECORD(detail, detail, u8);
SAME_RECORD(flags, flags, u8);
SAME_RECORD(space, space, u32);
SAME_RECORD(va, va, u64);
SAME_RECORD(gpa, gpa, u64);
SAME_RECORD(their_va, ref.their_va, u64);
SAME_RECORD(len, len, u64);
SAME_RECORD(len, ref.span, u64);
SAME_RECORD(entry, entry, u64);
SAME_RECORD(entry, ref.entry, u64);
SAME_RECORD(leaf, leaf, u16);
SAME_RECORD(effective, effective, u16);
SAME_RECORD(owner, ref.owner, u32);
SAME_RECORD(path, path, u32);
_Static_assert(sizeof(struct vmem_ioc_record) ==
	       sizeof(struct vmem_space_aware_mapping), "record");
_Static_assert(VMEM_IOC_REC_MAPPING == VMEM_REC_MAPPING &&
	       VMEM_IOC_REC_REFERENCE == VMEM_REC_REFERENCE &&
	       VMEM_IOC_REC_HOLE == VMEM_REC_HOLE &&
	       VMEM_IOC_REC_BAD == VMEM_REC_BAD &&
	       VMEM_IOC_REC_ABSENT == VMEM_REC_ABSENT &&
	       VMEM_IOC_REC_END == VMEM_REC_END &&
	       VMEM_IOC_REC_OUTSIDE == VMEM_FRAME_OUTSIDE &&
	       VMEM_IOC_BAD_RESERVED == VMEM_BAD_RESERVED &&
	       VMEM_IOC_BAD_OUTSIDE == VMEM_BAD_OUTSIDE &&
	       VMEM_IOC_BAD_LARGE == VMEM_BAD_LARGE &&
	       VMEM_IOC_END_COMPLETE == VMEM_END_COMPLETE &&
	       VMEM_IOC_END_BUDGET == VMEM_END_BUDGET &&
	       VMEM_IOC_END_CAP == VMEM_END_CAP, "records");
_Static_assert(VMEM_IOC_WALK_FOLLOW == VMEM_WALK_FOLLOW &&
	       VMEM_IOC_WALK_LEAVES == VMEM_WALK_LEAVES &&
	       VMEM_IOC_WALK_HOLES == VMEM_WALK_HOLES &&
	       VMEM_IOC_WALK_IGNORE_AD == VMEM_WALK_IGNORE_AD &&
	       VMEM_IOC_WALK_RESIDENT_ONLY == VMEM_WALK_RESIDENT_ONLY &&
	       VMEM_IOC_WALK_NONPRESENT == VMEM_WALK_NONPRESENT &&
	       VMEM_IOC_REC_NONPRESENT == VMEM_REC_NONPRESENT &&
	       VMEM_IOC_REC_PART == VMEM_FRAME_PART, "flags");
_Static_assert(LOCAL_WALK_SPACES_MAX <= 1 << VMEM_SEEN_SPACES_LG2, "spaces");

#define WALK_FLAGS (VMEM_IOC_WALK_FOLLOW | VMEM_IOC_WALK_LEAVES |	\
		    VMEM_IOC_WALK_HOLES | VMEM_IOC_WALK_IGNORE_AD |	\
		    VMEM_IOC_WALK_RESIDENT_ONLY | VMEM_IOC_WALK_NONPRESENT)

#define SEEN_FIRST_LG2	9

/**
 * struct local_walker - a walk
 * @walker:	what the caller holds
 * @lg:		the guest; it does not end before its walkers
 * @format:	of all of its spaces
 * @generation:	when it began
 * @seen_max:	tables that are remembered at most
 * @walk:	the place
 * @seen:	the tables met
 * @nr:		spaces
 * @ids:	of the spaces
 */
struct local_walker {
	struct vmem_walker walker;
	struct local_guest *lg;
	const struct vmem_format_ops *format;
	u64 generation;
	u64 seen_max;
	struct vmem_walk walk;
	struct vmem_seen seen;
	u32 nr;
	u32 ids[];
};

static struct space *walk_space(struct local_guest *lg, u32 id, int *ret)
{
	struct object *object;

	object = object_find(lg, id, VMEM_IOC_LIST_SPACES, ret);
	return object ? container_of(object, struct space, object) : NULL;
}

static int walk_check(const struct vmem_ioc_walk_create *arg)
{
	if (arg->flags & ~WALK_FLAGS)
		return -EOPNOTSUPP;
	if (!arg->nr || arg->start > arg->last)
		return -EINVAL;
	if (arg->nr > LOCAL_WALK_SPACES_MAX || arg->seen_max > LOCAL_SEEN_MAX)
		return -E2BIG;
	return 0;
}

/* Room for @lg2 slots more, or for as many as may be remembered. */
static int walk_grow(struct local_walker *lw, u32 lg2)
{
	struct vmem_seen_slot *slots;
	struct vmem_seen seen;
	u32 at = 0;

	slots = calloc(1UL << lg2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	vmem_seen_init(&seen, slots, lg2);
	seen.seed = lw->lg->seed;
	if (seen.max > lw->seen_max)
		seen.max = lw->seen_max;
	while (lw->seen.slots && vmem_seen_rehash(&seen, &lw->seen, &at))
		;
	free(lw->seen.slots);
	lw->seen = seen;
	return 0;
}

int walk_create(struct local_guest *lg, struct vmem_ioc_walk_create *arg,
		struct vmem_walker **walker)
{
	const u32 *ids = (const u32 *)(uintptr_t)arg->spaces;
	struct local_walker *lw;
	struct space *space;
	int ret;
	u32 i;

	ret = walk_check(arg);
	if (ret)
		return ret;
	lw = calloc(1, sizeof(*lw) + arg->nr * sizeof(lw->ids[0]));
	if (!lw)
		return -ENOMEM;
	for (i = 0; i < arg->nr; i++) {
		space = walk_space(lg, ids[i], &ret);
		if (!space)
			goto err_free;
		if (lw->format && lw->format != space->format) {
			ret = -EINVAL;
			goto err_free;
		}
		lw->format = space->format;
		lw->ids[i] = ids[i];
	}
	lw->walker.backend = lg->guest.backend;
	lw->walker.fd = -EBADF;
	lw->lg = lg;
	lw->nr = arg->nr;
	lw->generation = lg->generation;
	lw->seen_max = arg->seen_max ? arg->seen_max : LOCAL_SEEN_MAX;
	if (!(arg->flags & VMEM_IOC_WALK_FOLLOW)) {
		ret = walk_grow(lw, SEEN_FIRST_LG2);
		if (ret)
			goto err_free;
	}
	lw->format->engine->walk_init(lw->format->fmt, &lw->walk, arg->start,
				      arg->last, arg->flags,
				      arg->budget ? arg->budget : U64_MAX,
				      &lw->seen);
	lg->refs++;
	arg->out_fd = -1;
	*walker = &lw->walker;
	return 0;

err_free:
	free(lw);
	return ret;
}

/* One step: records, more room to remember, or the next space. */
static int walk_step(struct local_walker *lw,
		     struct vmem_space_aware_mapping *out, u32 max, u32 *nr)
{
	const struct vmem_engine *engine = lw->format->engine;
	const struct space *space;
	int ret;

	if (lw->walk.ending || lw->walk.space == lw->nr) {
		engine->walk_end(lw->format->fmt, lw->lg, &lw->walk, out, max, nr);
		if (lw->walk.finished && lw->generation != lw->lg->generation)
			out[*nr - 1].flags |= VMEM_IOC_REC_CHANGED;
		return 0;
	}
	space = walk_space(lw->lg, lw->ids[lw->walk.space], &ret);
	if (!space)
		return ret;
	ret = engine->walk_space(lw->format->fmt, lw->lg, &space->space, &lw->walk,
				 out, max, nr);
	if (ret != -ENOBUFS)
		return ret < 0 ? ret : 0;
	if (lw->seen.nr < lw->seen_max)
		return walk_grow(lw, lw->seen.size_lg2 + 1);
	vmem_walk_stop(&lw->walk, VMEM_END_CAP);
	return 0;
}

int walk_read(struct vmem_walker *walker, struct vmem_ioc_record *records,
	      size_t nr)
{
	struct local_walker *lw = container_of(walker, struct local_walker,
					       walker);
	u32 max = nr < LOCAL_READ_MAX ? nr : LOCAL_READ_MAX, done = 0;
	int ret;

	if (!max)
		return -EINVAL;
	while (done < max && !lw->walk.finished) {
		ret = walk_step(lw, (void *)records, max, &done);
		if (ret)
			return done ? (int)done : ret;
	}
	return done;
}

void walk_end(struct vmem_walker *walker)
{
	struct local_walker *lw = container_of(walker, struct local_walker,
					       walker);

	free(lw->seen.slots);
	local_put(lw->lg);
	free(lw);
}
