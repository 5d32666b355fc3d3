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

#include "../vmem/call.h"
#include "calls.h"
#include "compat.h"
#include "scratch.h"
#include "space.h"
#include "trace.h"
#include "work.h"

#define VMEM_CHANGE_RECHECKS	8	/* then it lets others wait, lest it starve */
#define VMEM_CHANGE_FIRM_MOST	4	/* so often; it is EBUSY where that won't do */

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
 * @firm_spent:	holds that others had to wait for, and that didn't do for the first pass
 * @lent:	records of links and buckets, to be lent
 * @over:	all is done but what hung below tables that were freed; as @ret says
 * @ret:	what the engine answered last
 */
struct vmem_change_work {
	struct vmem_work work;
	struct vmem_change *change;
	const struct vmem_change_ask *ask;
	struct vmem_ioc_change *answer;
	struct vmem_space_object *space;
	u32 used;
	bool begun;
	u64 generation;
	unsigned int rechecks;
	unsigned int firm_spent;
	struct vmem_link_lent lent;
	bool over;
	int ret;
};

static struct vmem_change_work *vmem_change_of(struct vmem_work *work)
{
	return container_of(work, struct vmem_change_work, work);
}

/* The list, when the call begins; of LINK, the space that has the table now. */
static int vmem_change_look(struct vmem_change_work *w,
			    struct vmem_space_object *space)
{
	const struct vmem_space_object *owner = space;

	if (w->ask->link) {
		owner = vmem_space_find(w->work.piece.guest, w->ask->owner);
		if (IS_ERR(owner))
			return PTR_ERR(owner);
		if (owner->pool != space->pool || owner->ops != space->ops)
			return -EINVAL;
	}
	/* a table that is made for it would be others', too */
	w->work.piece.shared_owner = w->ask->asked.flags & VMEM_CHANGE_MAKE &&
				     vmem_root_twins(owner->root) ?
				     owner->space.root : VMEM_NO_TABLE;
	return vmem_change_list(w->change, w->ask, space->ops, &owner->space);
}

/* What the table ops are to know of a space that is changed. */
static void vmem_change_piece_of(struct vmem_piece *piece, struct vmem_space_object *space)
{
	piece->supply.pool = &space->pool->pool;
	piece->movable = space->flags & VMEM_IOC_SPACE_MOVABLE;
	piece->root = &space->root;
	/* the links of a root that moves aren't counted */
	piece->shared_root = vmem_root_twins(space->root) &&
			     !vmem_space_root_moves(space) ?
			     space->space.root : VMEM_NO_TABLE;
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
	ret = vmem_change_look(w, space);
	if (ret)
		return ret;
	if (w->begun && guest->generation != w->generation) {
		if (w->firm_spent >= VMEM_CHANGE_FIRM_MOST && !w->over &&
		    w->change->pass.phase == VMEM_PHASE_CHECK)
			return -EBUSY;
		vmem_change_recheck(w->change);
		w->rechecks++;
	}
	w->begun = true;
	w->space = space;
	work->firm = w->rechecks > VMEM_CHANGE_RECHECKS;
	vmem_change_piece_of(piece, space);
	piece->supply.pool->generation = guest->generation + 1;
	vmem_link_lend_all(guest, piece->supply.pool, &w->lent);
	w->used = piece->supply.pool->nr_used;
	return 0;
}

static int vmem_change_piece(struct vmem_work *work)
{
	struct vmem_change_work *w = vmem_change_of(work);
	struct vmem_space_object *space = w->space;

	if (!w->over) {
		w->ret = space->ops->engine->map(space->ops->fmt, &work->piece,
						 &space->space, w->change);
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

	if (work->firm && work->nr_pieces == VMEM_WORK_FIRM) {
		w->rechecks = 0;
		w->firm_spent = w->change->pass.phase == VMEM_PHASE_CHECK ?
				w->firm_spent + 1 : 0;
	}
	if (fatal_signal_pending(current))
		vmem_pool_settle(pool);
	w->change->answer.flush = vmem_root_flush(space->root, w->change->answer.flush);
	space->tables += (s64)pool->nr_used - w->used;
	guest->generation += w->change->answer.dirty || pool->nr_used != w->used;
	w->change->answer.dirty = false;
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

	return vmem_link_lent_alloc(&w->lent, w->change->need.links);
}

static const struct vmem_work_ops vmem_change_ops = {
	.alone		= true,
	.take		= vmem_change_take,
	.piece		= vmem_change_piece,
	.leave		= vmem_change_leave,
	.storage	= vmem_change_storage,
};

/*
 * What a call works on is on the stack, in two frames: to allocate it costs as much as
 * a short change does.
 */
static noinline int vmem_change_work(struct vmem_call *call,
				     const struct vmem_change_ask *ask,
				     struct vmem_change *change,
				     struct vmem_ioc_change *answer)
{
	struct vmem_change_work w __uninitialized;
	int ret;

	vmem_work_init(&w.work, call->guest, &vmem_change_ops);
	w.change = change;
	w.ask = ask;
	w.answer = answer;
	w.space = NULL;
	w.used = 0;
	w.begun = false;
	w.generation = 0;
	w.rechecks = 0;
	w.firm_spent = 0;
	w.lent = (struct vmem_link_lent){};
	w.over = false;
	w.ret = 0;
	ret = vmem_work_run(&w.work);
	vmem_work_exit(&w.work);
	vmem_link_lent_free(&w.lent);
	return ret;
}

/*
 * One mapping that is short needs none of that, where all of its tables are resident.
 * Return: whether it is done; if not, nothing is.
 */
static noinline bool vmem_change_short(struct vmem_call *call,
				       const struct vmem_change_ask *ask,
				       struct vmem_ioc_change *answer)
{
	const struct vmem_mapping *m = ask->asked.list;
	struct vmem_guest *guest = call->guest;
	struct vmem_mapping range __uninitialized;
	struct vmem_piece piece __uninitialized;
	struct vmem_space_object *space;
	int flush = -1;

	if (ask->link || ask->asked.budget ||
	    (m ? ask->asked.nr != 1 : ask->what.kind != VMEM_KIND_UNMAPPED))
		return false;
	if (!m) {
		/* one that is empty, or too long to be a mapping, isn't short */
		range = (struct vmem_mapping){
			.virt_base = ask->start, .len = ask->last - ask->start + 1,
			.kind = VMEM_KIND_UNMAPPED,
		};
		m = &range;
	}
	if (down_write_killable(&guest->lock))
		return false;
	space = guest->dead ? ERR_PTR(-ENODEV) : vmem_space_find(guest, ask->space);
	if (!IS_ERR(space) && space->pool) {
		vmem_piece_init(&piece, guest);
		piece.changing = true;
		vmem_change_piece_of(&piece, space);
		vmem_piece_begin(&piece);
		flush = space->ops->engine->map_short(space->ops->fmt, &piece, &space->space,
						      m, ask->asked.flags);
		vmem_piece_end(&piece);
		vmem_piece_exit(&piece);
	}
	if (flush >= 0) {
		flush = vmem_root_flush(space->root, flush);
		answer->out_flush = flush;
		if (flush == VMEM_FLUSH_RANGE) {
			answer->out_flush_start = m->virt_base;
			answer->out_flush_last = m->virt_base + (m->len - 1);
		}
		answer->out_pages = m->len >> space->ops->fmt->page_lg2;
		answer->out_done = 1;
		answer->out_root = vmem_table_gpa(space->space.root);
		answer->out_generation = ++guest->generation;
	}
	up_write(&guest->lock);
	return flush >= 0;
}

/* Do it all. Return: 0, -errno. */
static noinline int vmem_change_run(struct vmem_call *call,
				    const struct vmem_change_ask *ask,
				    struct vmem_ioc_change *answer)
{
	struct vmem_change change __uninitialized;
	int ret;

	if (vmem_change_short(call, ask, answer))
		return 0;
	vmem_change_init(&change, ask);
	ret = vmem_change_work(call, ask, &change, answer);
	vmem_ioc_change_fill(answer, &change, ret);
	return ret;
}

#define VMEM_MAPPING_BATCH	(PAGE_SIZE / sizeof(struct vmem_ioc_mapping))

/*
 * The caller's list, by way of a batch. None of it is done when any of it is malformed,
 * and the answer says which.
 */
static int vmem_map_copy(struct vmem_ioc_map *map, struct vmem_mapping *list,
			 struct vmem_ioc_mapping *batch, u32 max)
{
	const struct vmem_ioc_mapping __user *user =
		u64_to_user_ptr(map->mappings);
	u32 i, done, nr;
	int ret = 0;

	for (done = 0; !ret && done < map->nr; done += nr) {
		nr = min_t(u32, map->nr - done, max);
		if (copy_from_user(batch, &user[done], nr * sizeof(*batch)))
			return -EFAULT;
		for (i = 0; i < nr && !ret; i++) {
			ret = vmem_ioc_mapping_read(&batch[i], &list[done + i]);
			if (ret)
				map->change.out_at_va = batch[i].va;
		}
	}
	return ret;
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
	struct vmem_ioc_mapping one __uninitialized, *batch = &one;
	struct vmem_mapping single __uninitialized, *list = &single;
	struct vmem_change_ask ask __uninitialized;
	static const u32 first;
	u32 *order = NULL;
	int ret;

	/* the rest is for calls that bring no list */
	ask.link = NULL;
	ret = vmem_ioc_map_read(map, &ask);
	if (ret)
		return ret;
	if (map->nr > 1) {
		list = kvcalloc(map->nr, sizeof(*list), GFP_KERNEL_ACCOUNT);
		batch = vmem_scratch_alloc(PAGE_SIZE);
	}
	ret = list && batch ? vmem_map_copy(map, list, batch, map->nr > 1 ?
					    VMEM_MAPPING_BATCH : 1) : -ENOMEM;
	if (batch != &one)
		vmem_scratch_free(batch, PAGE_SIZE);
	if (ret)
		goto out;
	if (map->nr > 1 && map->flags & VMEM_IOC_MAP_ATOMIC) {
		order = vmem_map_order(list, map->nr);
		if (!order) {
			ret = -ENOMEM;
			goto out;
		}
	}
	ask.asked.list = list;
	ask.asked.order = order ?: &first;
	ret = vmem_change_run(call, &ask, &map->change);
	trace_vmem_map(call->guest->number, map->space, &map->change, ret);
out:
	if (list != &single) {
		kvfree(order);
		kvfree(list);
	}
	return ret;
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
	struct vmem_change_ask ask = {};
	int ret;

	ret = vmem_ioc_unmap_read(unmap, &ask);
	if (ret)
		return ret;
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
	struct vmem_change_ask ask = {};
	int ret;

	ret = vmem_ioc_protect_read(protect, &ask);
	if (ret)
		return ret;
	ret = vmem_change_run(call, &ask, &protect->change);
	trace_vmem_protect(call->guest->number, protect->space,
			   &protect->change, ret);
	return ret;
}

/**
 * vmem_ioctl_promote() - PROMOTE
 * @call:	the call
 * @arg:	struct vmem_ioc_promote
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: 0, or any errno of vmem_map(), and -ENOENT, -EIO, -ENOMEM, -EINTR.
 */
int vmem_ioctl_promote(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_promote *promote = arg;
	struct vmem_change_ask ask = {};
	int ret;

	ret = vmem_ioc_promote_read(promote, &ask);
	if (ret)
		return ret;
	ret = vmem_change_run(call, &ask, &promote->change);
	trace_vmem_promote(call->guest->number, promote->space,
			   &promote->change, ret);
	return ret;
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
	struct vmem_change_ask ask = {};
	int ret;

	ret = vmem_ioc_link_read(link, &ask);
	if (ret)
		return ret;
	ret = vmem_change_run(call, &ask, &link->change);
	trace_vmem_link(call->guest->number, link->space, &link->change, ret);
	return ret;
}
