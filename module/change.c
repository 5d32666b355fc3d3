// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that change the tables of a space.
 *
 * Such a call has the guest alone, but lets it go now and then, see work.c. When
 * it has the guest again and another call has changed something, it reads again
 * what is left to do.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "calls.h"
#include "scratch.h"
#include "space.h"
#include "trace.h"
#include "work.h"

#define VMEM_CHANGE_RECHECKS	8	/* then it lets others wait, lest it starve */

#define VMEM_SAME(theirs, ours)	((int)VMEM_IOC_##theirs == (int)VMEM_##ours)
static_assert(VMEM_SAME(FLUSH_NONE, FLUSH_NONE) &&
	      VMEM_SAME(FLUSH_RANGE, FLUSH_RANGE) &&
	      VMEM_SAME(FLUSH_ALL, FLUSH_ALL) &&
	      VMEM_SAME(CHANGE_MOVED, CHANGED_MOVED) &&
	      VMEM_SAME(CHANGE_FREED, CHANGED_FREED) &&
	      VMEM_SAME(CHANGE_UNSHARED, CHANGED_UNSHARED));
static_assert(VMEM_SAME(MAP_REPLACE, CHANGE_REPLACE) &&
	      VMEM_SAME(MAP_ATOMIC, CHANGE_ATOMIC) &&
	      VMEM_SAME(MAP_SHARED_OK, CHANGE_SHARED_OK) &&
	      VMEM_SAME(MAP_ALONE, CHANGE_ALONE) &&
	      VMEM_SAME(RANGE_SHARED_OK, CHANGE_SHARED_OK) &&
	      VMEM_SAME(RANGE_ALONE, CHANGE_ALONE) &&
	      VMEM_SAME(LINK_REPLACE, CHANGE_REPLACE) &&
	      VMEM_SAME(LINK_ALONE, CHANGE_ALONE));
static_assert(VMEM_SAME(KIND_UNMAPPED, KIND_UNMAPPED) &&
	      VMEM_SAME(KIND_BASIC, KIND_BASIC) &&
	      VMEM_SAME(KIND_COW, KIND_COW));

/**
 * struct vmem_change_ask - what a changing call is asked for
 * @space:	id of the space
 * @kind:	VMEM_KIND_BASIC: a MAP; else that of the list to be made
 * @asked:	for the core; the budget 0: the usual one
 * @start:	for UNMAP and PROTECT: the first address of the range
 * @last:	and its last one
 * @what:	for PROTECT: what is to be done to the range
 * @link:	for LINK: as the caller said it
 */
struct vmem_change_ask {
	u32 space;
	enum vmem_mapping_kind kind;
	struct vmem_asked asked;
	vmem_virt_t start;
	vmem_virt_t last;
	struct vmem_mapping what;
	const struct vmem_ioc_link *link;
};

/**
 * struct vmem_change_work - a changing call
 * @work:	holds and pieces
 * @change:	the core's
 * @ask:	what is to be done
 * @answer:	outputs of the call
 * @space:	in a hold: the space
 * @used:	in a hold: how many pages of its pool were in use when it began
 * @begun:	the space was looked at
 * @generation:	that the call left when it last let the guest go
 * @rechecks:	how often others made it begin its first pass again
 * @lent:	records of links and buckets, to be lent
 * @over:	all is done but what hung below tables that were freed; as @ret says
 * @ret:	what the engine answered last
 */
struct vmem_change_work {
	struct vmem_work work;
	struct vmem_change change;
	const struct vmem_change_ask *ask;
	struct vmem_ioc_change *answer;
	struct vmem_space_object *space;
	u32 used;
	bool begun;
	u64 generation;
	unsigned int rechecks;
	struct vmem_link_lent lent;
	bool over;
	int ret;
};

static struct vmem_change_work *vmem_change_of(struct vmem_work *work)
{
	return container_of(work, struct vmem_change_work, work);
}

/* LINK: the space that has the table now; and the list, when the call begins. */
static int vmem_change_link(struct vmem_change_work *w,
			    struct vmem_space_object *space)
{
	const struct vmem_ioc_link *ask = w->ask->link;
	const struct vmem_format *fmt = space->ops->fmt;
	struct vmem_link_mapping link = { .their_va = ask->their_va };
	struct vmem_space_object *owner;
	struct vmem_mapping *m;
	int ret;

	owner = vmem_space_find(w->work.piece.guest, ask->owner);
	if (IS_ERR(owner))
		return PTR_ERR(owner);
	if (owner->pool != space->pool || owner->ops != space->ops)
		return -EINVAL;
	if (!w->begun) {
		if (!ask->depth || ask->depth >= fmt->nr_levels)
			return -EINVAL;
		link.level = fmt->nr_levels - 1 - ask->depth;
		link.owner = &owner->space;
		ret = space->ops->engine->link_list(fmt, &w->change,
						    ask->our_va, &link);
		if (ret)
			return ret;
	}
	m = &w->change.own[w->change.asked.nr - 1];
	m->path = ask->path;
	m->path_given = ask->path_given;
	m->link.owner = &owner->space;
	return 0;
}

/* The list, when the call begins; and what has become of it. */
static int vmem_change_list(struct vmem_change_work *w,
			    struct vmem_space_object *space)
{
	const struct vmem_change_ask *ask = w->ask;

	if (ask->kind == VMEM_KIND_LINK)
		return vmem_change_link(w, space);
	if (ask->kind == VMEM_KIND_BASIC || w->begun)
		return 0;
	return space->ops->engine->range_list(space->ops->fmt, &w->change,
					      ask->start, ask->last, &ask->what);
}

/* The space, and what has become of it. */
static int vmem_change_take(struct vmem_work *work)
{
	struct vmem_change_work *w = vmem_change_of(work);
	struct vmem_piece *piece = &work->piece;
	struct vmem_guest *guest = piece->guest;
	struct vmem_space_object *space;
	int ret;

	space = vmem_space_find(guest, w->ask->space);
	if (IS_ERR(space))
		return PTR_ERR(space);
	if (!space->pool)
		return -EINVAL;
	ret = vmem_change_list(w, space);
	if (ret)
		return ret;
	if (w->begun && guest->generation != w->generation) {
		vmem_change_recheck(&w->change);
		w->rechecks++;
	}
	w->begun = true;
	w->space = space;
	work->firm = w->rechecks > VMEM_CHANGE_RECHECKS;
	piece->supply.pool = &space->pool->pool;
	piece->supply.pool->generation = guest->generation + 1;
	vmem_link_lend_all(guest, piece->supply.pool, &w->lent);
	w->used = piece->supply.pool->nr_used;
	piece->movable = space->flags & VMEM_IOC_SPACE_MOVABLE;
	piece->root = &space->root;
	/* the links of a root that moves aren't counted */
	piece->shared_root = vmem_space_twins(space) &&
			     !vmem_space_root_moves(space) ?
			     space->space.root : VMEM_NO_TABLE;
	return 0;
}

static int vmem_change_piece(struct vmem_work *work)
{
	struct vmem_change_work *w = vmem_change_of(work);
	struct vmem_space_object *space = w->space;

	if (!w->over) {
		w->ret = space->ops->engine->map(space->ops->fmt, &work->piece,
						 &space->space, &w->change);
		if (w->ret == VMEM_ABSENT)
			vmem_space_absent(space, &work->piece);
		if (w->ret > 0)
			return w->ret;
		w->over = true;
	}
	/* what hung below tables that were freed */
	return vmem_pool_drop_below(work->piece.supply.pool) ? VMEM_PAUSE : w->ret;
}

static int vmem_change_leave(struct vmem_work *work, int ret)
{
	struct vmem_change_work *w = vmem_change_of(work);
	struct vmem_space_object *space = w->space;
	struct vmem_guest *guest = work->piece.guest;
	struct vmem_pool *pool = work->piece.supply.pool;

	if (work->firm && work->nr_pieces == VMEM_WORK_FIRM)
		w->rechecks = 0;
	if (fatal_signal_pending(current))
		vmem_pool_settle(pool);
	/* its root could have moved, and didn't: others show the same */
	if (vmem_space_twins(space) && w->change.answer.flush == VMEM_FLUSH_RANGE)
		vmem_flush_all(&w->change);
	space->tables += (s64)pool->nr_used - w->used;
	guest->generation += w->change.answer.dirty || pool->nr_used != w->used;
	w->change.answer.dirty = false;
	w->generation = guest->generation;
	w->lent.nr_buckets = pool->wanted;
	w->answer->out_root = vmem_table_gpa(space->space.root);
	w->answer->out_generation = guest->generation;
	return ret;
}

/* For the whole call; lent when it has the guest again. */
static int vmem_change_storage(struct vmem_work *work)
{
	struct vmem_change_work *w = vmem_change_of(work);

	return vmem_link_lent_alloc(&w->lent, w->change.need.links);
}

static const struct vmem_work_ops vmem_change_ops = {
	.alone		= true,
	.take		= vmem_change_take,
	.piece		= vmem_change_piece,
	.leave		= vmem_change_leave,
	.storage	= vmem_change_storage,
};

static void vmem_change_answer(const struct vmem_change_work *w, int ret)
{
	const struct vmem_change *change = &w->change;
	struct vmem_ioc_change *answer = w->answer;
	u32 i;

	answer->out_flush = change->answer.flush;
	if (change->answer.flush == VMEM_FLUSH_RANGE) {
		answer->out_flush_start = change->answer.flush_first;
		answer->out_flush_last = change->answer.flush_last;
	}
	answer->out_changes = change->answer.changes;
	answer->out_pages = change->answer.pages;
	answer->out_overwritten = change->answer.overwritten;
	answer->out_missing = change->answer.lacking;
	answer->out_dirty = change->answer.lost_dirty;
	answer->out_done = change->answer.done;
	answer->out_done_len = change->answer.done_len;
	if (w->ask->kind != VMEM_KIND_BASIC) {
		/* The parts are one to the caller. */
		answer->out_done = !ret;
		for (i = 0; ret && i < change->answer.done; i++)
			answer->out_done_len += change->own[i].len;
	}
	if (ret) {
		answer->out_at_va = change->answer.at_va;
		answer->out_at_level = change->answer.at_level;
	}
}

/* Do it all. Return: 0, -errno. */
static int vmem_change_run(struct vmem_call *call,
			   const struct vmem_change_ask *ask,
			   struct vmem_ioc_change *answer)
{
	struct vmem_change_work *w = vmem_scratch_alloc(sizeof(*w));
	int ret;

	if (!w)
		return -ENOMEM;
	vmem_work_init(&w->work, call->guest, &vmem_change_ops);
	w->change.asked = ask->asked;
	if (!ask->asked.budget)
		w->change.asked.budget = VMEM_CHANGE_BUDGET;
	w->ask = ask;
	w->answer = answer;
	ret = vmem_work_run(&w->work);
	vmem_link_lent_free(&w->lent);
	vmem_change_answer(w, ret);
	vmem_scratch_free(w, sizeof(*w));
	return ret;
}

/* Structure first, then what isn't to be had. */
static int vmem_mapping_copy(struct vmem_mapping *to,
			     const struct vmem_ioc_mapping *from)
{
	const u32 known = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X |
			  VMEM_IOC_ATTR_ENC;
	bool unmapped = from->kind == VMEM_IOC_KIND_UNMAPPED;
	u64 last;

	if (!from->len || !IS_ALIGNED(from->va | from->gpa | from->len, 4096))
		return -EINVAL;
	if (check_add_overflow(from->va, from->len - 1, &last) ||
	    check_add_overflow(from->gpa, from->len - 1, &last))
		return -EOVERFLOW;
	if ((unmapped && (from->gpa || from->attrs || from->flags)) ||
	    from->flags & ~VMEM_IOC_MAPPING_PATH || from->attrs & ~known ||
	    (from->path && !(from->flags & VMEM_IOC_MAPPING_PATH)) ||
	    (from->page_sizes && from->page_sizes != BIT_ULL(12)))
		return -EOPNOTSUPP;

	*to = (struct vmem_mapping){
		.virt_base	= from->va,
		.phys_base	= from->gpa,
		.len		= from->len,
		.kind		= from->kind,
		.path_given	= from->flags & VMEM_IOC_MAPPING_PATH,
		.path		= from->path,
	};
	switch (from->kind) {
	case VMEM_IOC_KIND_UNMAPPED:
		return 0;
	case VMEM_IOC_KIND_BASIC:
		to->basic.attrs = from->attrs;
		return 0;
	case VMEM_IOC_KIND_COW:
		to->cow.attrs = from->attrs;
		return 0;
	}
	return -EOPNOTSUPP;
}

#define VMEM_MAPPING_BATCH	(PAGE_SIZE / sizeof(struct vmem_ioc_mapping))

/*
 * The caller's list. None of it is done when any of it is malformed, and the answer
 * says which.
 */
static int vmem_map_copy(struct vmem_ioc_map *map, struct vmem_mapping *list)
{
	const struct vmem_ioc_mapping __user *user =
		u64_to_user_ptr(map->mappings);
	struct vmem_ioc_mapping *batch;
	u32 i, done, nr;
	int ret = 0;

	batch = vmem_scratch_alloc(PAGE_SIZE);
	if (!batch)
		return -ENOMEM;
	for (done = 0; !ret && done < map->nr; done += nr) {
		nr = min_t(u32, map->nr - done, VMEM_MAPPING_BATCH);
		if (copy_from_user(batch, &user[done], nr * sizeof(*batch))) {
			ret = -EFAULT;
			break;
		}
		for (i = 0; i < nr && !ret; i++) {
			ret = vmem_mapping_copy(&list[done + i], &batch[i]);
			if (ret)
				map->change.out_at_va = batch[i].va;
		}
	}
	vmem_scratch_free(batch, PAGE_SIZE);
	return ret;
}

static int vmem_mapping_compare(const void *a, const void *b, const void *list)
{
	const struct vmem_mapping *x = (const struct vmem_mapping *)list +
				       *(const u32 *)a;
	const struct vmem_mapping *y = (const struct vmem_mapping *)list +
				       *(const u32 *)b;

	return x->virt_base < y->virt_base ? -1 : x->virt_base > y->virt_base;
}

/* The indices of a list, in order; to be freed by kvfree(). */
static u32 *vmem_map_order(const struct vmem_mapping *list, u32 nr)
{
	u32 i, *order = kvcalloc(nr, sizeof(*order), GFP_KERNEL_ACCOUNT);

	if (!order)
		return NULL;
	for (i = 0; i < nr; i++)
		order[i] = i;
	sort_r(order, nr, sizeof(*order), vmem_mapping_compare, NULL, list);
	return order;
}

/**
 * vmem_ioctl_map() - MAP
 * @call:	the call
 * @arg:	struct vmem_ioc_map
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: 0, or any errno of vmem_map(), and -EFAULT, -ENOENT, -EIO, -ENOMEM,
 * -EINTR.
 */
int vmem_ioctl_map(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_map *map = arg;
	struct vmem_change_ask ask = {
		.space	= map->space,
		.kind	= VMEM_KIND_BASIC,
		.asked	= {
			.nr	= map->nr,
			.flags	= map->flags,
			.budget	= map->budget,
		},
	};
	struct vmem_mapping *list;
	u32 *order = NULL;
	int ret;

	if (map->flags & ~(VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_ATOMIC |
			   VMEM_IOC_MAP_SHARED_OK | VMEM_IOC_MAP_ALONE))
		return -EOPNOTSUPP;
	if (!map->nr)
		return -EINVAL;
	if (map->nr > VMEM_MAP_MAX)
		return -E2BIG;

	list = kvcalloc(map->nr, sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!list)
		return -ENOMEM;
	ret = vmem_map_copy(map, list);
	if (ret)
		goto out;
	if (map->flags & VMEM_IOC_MAP_ATOMIC) {
		order = vmem_map_order(list, map->nr);
		if (!order) {
			ret = -ENOMEM;
			goto out;
		}
	}
	ask.asked.list = list;
	ask.asked.order = order;
	ret = vmem_change_run(call, &ask, &map->change);
	trace_vmem_map(call->guest->number, map->space, &map->change, ret);
out:
	kvfree(order);
	kvfree(list);
	return ret;
}

/* Of the calls that take a range. */
#define VMEM_RANGE_FLAGS	(VMEM_IOC_RANGE_SHARED_OK | VMEM_IOC_RANGE_ALONE)

static int vmem_range_check(u64 start, u64 last)
{
	return start > last || !IS_ALIGNED(start, 4096) ||
	       !IS_ALIGNED(last + 1, 4096) ? -EINVAL : 0;
}

/**
 * vmem_ioctl_unmap() - UNMAP
 * @call:	the call
 * @arg:	struct vmem_ioc_unmap
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: 0, or any errno of vmem_map(), and -ENOENT, -EIO, -ENOMEM, -EINTR.
 */
int vmem_ioctl_unmap(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_unmap *unmap = arg;
	const struct vmem_change_ask ask = {
		.space	= unmap->space,
		.kind	= VMEM_KIND_UNMAPPED,
		.asked	= { .flags = unmap->flags, .budget = unmap->budget },
		.start	= unmap->start,
		.last	= unmap->last,
	};
	int ret;

	ret = vmem_range_check(unmap->start, unmap->last);
	if (ret)
		return ret;
	if (unmap->flags & ~VMEM_RANGE_FLAGS || unmap->__reserved)
		return -EOPNOTSUPP;
	ret = vmem_change_run(call, &ask, &unmap->change);
	trace_vmem_unmap(call->guest->number, unmap->space, &unmap->change, ret);
	return ret;
}

/**
 * vmem_ioctl_protect() - PROTECT
 * @call:	the call
 * @arg:	struct vmem_ioc_protect
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: 0, or any errno of vmem_map(), and -ENOENT, -EIO, -ENOMEM, -EINTR.
 */
int vmem_ioctl_protect(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_protect *protect = arg;
	const struct vmem_change_ask ask = {
		.space	= protect->space,
		.kind	= VMEM_KIND_PROTECT,
		.asked	= { .flags = protect->flags, .budget = protect->budget },
		.start	= protect->start,
		.last	= protect->last,
		.what	= {
			.kind		= VMEM_KIND_PROTECT,
			.protect.set	= protect->set,
			.protect.clear	= protect->clear,
		},
	};
	int ret;

	ret = vmem_range_check(protect->start, protect->last);
	if (ret)
		return ret;
	if (protect->flags & ~VMEM_RANGE_FLAGS || protect->__reserved)
		return -EOPNOTSUPP;
	ret = vmem_change_run(call, &ask, &protect->change);
	trace_vmem_protect(call->guest->number, protect->space,
			   &protect->change, ret);
	return ret;
}

/**
 * vmem_ioctl_promote() - PROMOTE, which INFO does not offer
 * @call:	the call
 * @arg:	struct vmem_ioc_promote
 *
 * Return: -EINVAL, -EOPNOTSUPP.
 */
int vmem_ioctl_promote(struct vmem_call *call, void *arg)
{
	const struct vmem_ioc_promote *promote = arg;

	return vmem_range_check(promote->start, promote->last) ?: -EOPNOTSUPP;
}

/**
 * vmem_ioctl_link() - LINK
 * @call:	the call
 * @arg:	struct vmem_ioc_link
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: 0, or any errno of vmem_map(), and -ENOENT, -EIO, -ENOMEM, -EINTR.
 */
int vmem_ioctl_link(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_link *link = arg;
	const struct vmem_change_ask ask = {
		.space		= link->space,
		.kind		= VMEM_KIND_LINK,
		.asked		= { .flags = link->flags, .budget = link->budget },
		.link		= link,
	};
	int ret;

	if (link->flags & ~(VMEM_IOC_LINK_REPLACE | VMEM_IOC_LINK_ALONE) ||
	    link->__reserved ||
	    link->path_given > 1 || (link->path && !link->path_given))
		return -EOPNOTSUPP;
	ret = vmem_change_run(call, &ask, &link->change);
	trace_vmem_link(call->guest->number, link->space, &link->change, ret);
	return ret;
}
