// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks: a cursor of the core, kept between reads, and what it remembers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local.h"

#define SEEN_FIRST_LG2	9
#define SPARE_MAX_LG2	16	/* that are kept for the next walk: 1 MiB */

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

/* Slots that are free, @lg2 or more. Those of a walk before were touched already. */
static struct vmem_seen_slot *slots_take(struct local_guest *lg, u32 *lg2)
{
	struct vmem_seen_slot *slots = lg->spare;

	if (!slots || lg->spare_lg2 < *lg2 || *lg2 == SEEN_FIRST_LG2)
		return calloc(1UL << *lg2, sizeof(*slots));
	lg->spare = NULL;
	*lg2 = lg->spare_lg2;
	memset(slots, 0, (1UL << *lg2) * sizeof(*slots));
	return slots;
}

static void slots_put(struct local_guest *lg, struct vmem_seen *seen)
{
	if (seen->size_lg2 > SPARE_MAX_LG2 || (lg->spare && lg->spare_lg2 >= seen->size_lg2)) {
		free(seen->slots);
		return;
	}
	free(lg->spare);
	lg->spare = seen->slots;
	lg->spare_lg2 = seen->size_lg2;
}

/* Room for @lg2 slots or more, or for as many as may be remembered. */
static int walk_grow(struct local_walker *lw, u32 lg2)
{
	struct vmem_seen_slot *slots = slots_take(lw->lg, &lg2);
	struct vmem_seen seen;
	u32 at = 0;

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

int local_walk_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_walk_create *arg = p;
	const u32 *ids = (const u32 *)(uintptr_t)arg->spaces;
	struct local_walker *lw;
	struct space *space;
	int ret;
	u32 i;

	ret = vmem_ioc_walk_create_check(arg);
	if (ret)
		return ret;
	lw = calloc(1, sizeof(*lw) + arg->nr * sizeof(lw->ids[0]));
	if (!lw)
		return -ENOMEM;
	for (i = 0; i < arg->nr; i++) {
		space = space_find(lg, ids[i], &ret);
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
	lw->seen_max = arg->seen_max ? arg->seen_max : VMEM_SEEN_MAX;
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
	lg->made = &lw->walker;
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
	if (lw->lg->dump)
		dump_piece_begin(lw->lg->dump);
	space = space_find(lw->lg, lw->ids[lw->walk.space], &ret);
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
	u32 max = nr < VMEM_READ_MAX ? nr : VMEM_READ_MAX, done = 0, i;
	int ret = 0;

	if (!max)
		return -EINVAL;
	while (done < max && !lw->walk.finished) {
		ret = walk_step(lw, (void *)records, max, &done);
		if (ret)
			break;
	}
	for (i = 0; lw->lg->dump && i < done; i++)
		dump_record(lw->lg, &records[i]);
	return done || !ret ? (int)done : ret;
}

/* Return: the guest, which the walk kept. */
struct local_guest *walk_end(struct vmem_walker *walker)
{
	struct local_walker *lw = container_of(walker, struct local_walker,
					       walker);
	struct local_guest *lg = lw->lg;

	slots_put(lg, &lw->seen);
	free(lw);
	return lg;
}
