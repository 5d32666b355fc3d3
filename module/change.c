// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that change the tables of a space.
 *
 * Such a call has the guest alone, but lets it go for a page that it needs,
 * after VMEM_CHANGE_PIECES pieces, and when somebody waits. What it has set
 * aside in the pool stays its own meanwhile, and keeps the pool. When it has
 * the guest again and another call has changed something, it reads again what
 * is left to do.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "change.h"
#include "space.h"
#include "trace.h"

#define VMEM_CHANGE_PIECES	16	/* of VMEM_PIECE_TABLES: 1,024 tables */
#define VMEM_CHANGE_RECHECKS	8	/* then it lets others wait, lest it starve, */
#define VMEM_CHANGE_FIRM	4096	/* for so many pieces */

static_assert(VMEM_IOC_FLUSH_NONE == (int)VMEM_FLUSH_NONE);
static_assert(VMEM_IOC_FLUSH_RANGE == (int)VMEM_FLUSH_RANGE);
static_assert(VMEM_IOC_FLUSH_ALL == (int)VMEM_FLUSH_ALL);
static_assert(VMEM_IOC_CHANGE_MOVED == VMEM_CHANGED_MOVED);
static_assert(VMEM_IOC_CHANGE_FREED == VMEM_CHANGED_FREED);
static_assert(VMEM_IOC_MAP_REPLACE == VMEM_CHANGE_REPLACE);
static_assert(VMEM_IOC_MAP_ATOMIC == VMEM_CHANGE_ATOMIC);
static_assert(VMEM_IOC_MAP_SHARED_OK == VMEM_CHANGE_SHARED_OK);
static_assert(VMEM_IOC_MAP_ALONE == VMEM_CHANGE_ALONE);
static_assert(VMEM_IOC_RANGE_SHARED_OK == VMEM_CHANGE_SHARED_OK);
static_assert(VMEM_IOC_RANGE_ALONE == VMEM_CHANGE_ALONE);
static_assert(VMEM_IOC_LINK_REPLACE == VMEM_CHANGE_REPLACE);
static_assert(VMEM_IOC_LINK_ALONE == VMEM_CHANGE_ALONE);
static_assert(VMEM_IOC_CHANGE_UNSHARED == VMEM_CHANGED_UNSHARED);
static_assert(VMEM_IOC_KIND_UNMAPPED == (int)VMEM_KIND_UNMAPPED);
static_assert(VMEM_IOC_KIND_BASIC == (int)VMEM_KIND_BASIC);
static_assert(VMEM_IOC_KIND_COW == (int)VMEM_KIND_COW);

/**
 * struct vmem_change_work - a changing call
 * @piece:	context of the ops
 * @change:	the core's
 * @what:	for UNMAP and PROTECT: what is to be done to the range
 * @start:	its first address
 * @last:	its last address
 * @link:	for LINK: the table to be linked, without its owner
 * @owner:	for LINK: id of the space that it is a table of
 * @depth:	for LINK: of the table, from the root
 * @our_va:	for LINK: where it is to be linked
 * @path:	for LINK: permissions of the table entries above
 * @path_given:	whether these were given
 * @kind:	VMEM_KIND_BASIC: a MAP; else that of the list to be made
 * @begun:	the space was looked at
 * @id:		of the space
 * @generation:	that the call left when it last let the guest go
 * @rechecks:	how often others made it begin its first pass again
 * @chunks:	records of links, to be lent
 * @answer:	outputs of the call
 */
struct vmem_change_work {
	struct vmem_piece piece;
	struct vmem_change change;
	struct vmem_mapping what;
	vmem_virt_t start;
	vmem_virt_t last;
	struct vmem_link_mapping link;
	u32 owner;
	u32 depth;
	vmem_virt_t our_va;
	u32 path;
	bool path_given;
	enum vmem_mapping_kind kind;
	bool begun;
	u32 id;
	u64 generation;
	unsigned int rechecks;
	struct vmem_link_chunk *chunks;
	struct vmem_ioc_change *answer;
};

/* LINK: the space that has the table now; and the list, when the call begins. */
static int vmem_change_link(struct vmem_change_work *work,
			    struct vmem_space_object *space)
{
	struct vmem_change *change = &work->change;
	struct vmem_space_object *owner;
	struct vmem_mapping *m;
	int ret;

	owner = vmem_space_find(work->piece.guest, work->owner);
	if (IS_ERR(owner))
		return PTR_ERR(owner);
	if (owner->pool != space->pool || owner->ops != space->ops)
		return -EINVAL;
	if (!work->begun) {
		if (!work->depth || work->depth >= space->ops->fmt->nr_levels)
			return -EINVAL;
		work->link.level = space->ops->fmt->nr_levels - 1 - work->depth;
		work->link.owner = &owner->space;
		ret = space->ops->engine->link_list(space->ops->fmt, change,
					    work->our_va, &work->link);
		if (ret)
			return ret;
	}
	m = &change->own[change->asked.nr - 1];
	m->path = work->path;
	m->path_given = work->path_given;
	m->link.owner = &owner->space;
	return 0;
}

/* The space, and what has become of it. Context: the guest's lock is taken. */
static struct vmem_space_object *
vmem_change_space(struct vmem_change_work *work)
{
	struct vmem_guest *guest = work->piece.guest;
	struct vmem_space_object *space;
	int ret = 0;

	lockdep_assert_held_write(&guest->lock);
	space = vmem_space_find(guest, work->id);
	if (IS_ERR(space))
		return space;
	if (!space->pool)
		return ERR_PTR(-EINVAL);
	if (work->kind == VMEM_KIND_LINK)
		ret = vmem_change_link(work, space);
	else if (work->kind != VMEM_KIND_BASIC && !work->begun)
		ret = space->ops->engine->range_list(space->ops->fmt,
						     &work->change, work->start,
						     work->last, &work->what);
	if (ret)
		return ERR_PTR(ret);
	if (work->begun && guest->generation != work->generation) {
		vmem_change_recheck(&work->change);
		work->rechecks++;
	}
	work->begun = true;
	work->piece.supply.pool = &space->pool->pool;
	work->piece.supply.pool->generation = guest->generation + 1;
	work->piece.movable = space->flags & VMEM_IOC_SPACE_MOVABLE;
	work->piece.root = &space->root;
	/* the links of a root that moves aren't counted */
	work->piece.shared_root = vmem_space_twins(space) &&
				  !vmem_space_root_moves(space) ?
				  space->space.root : VMEM_NO_TABLE;
	return space;
}

/* Pieces of the change in one hold of the lock. Return: as vmem_map(). */
static int vmem_change_pieces(struct vmem_change_work *work,
			      struct vmem_space_object *space)
{
	struct vmem_piece *piece = &work->piece;
	bool firm = work->rechecks > VMEM_CHANGE_RECHECKS;
	struct vmem_pool *pool = piece->supply.pool;
	struct vmem_guest *guest = piece->guest;
	u32 used = pool->nr_used;
	unsigned int nr = 0;
	int ret;

	do {
		cond_resched();
		vmem_piece_begin(piece);
		ret = space->ops->engine->map(space->ops->fmt, piece,
					      &space->space, &work->change);
		if (ret == VMEM_ABSENT)
			vmem_space_absent(space, piece);
		vmem_piece_end(piece);
	} while (ret == VMEM_PAUSE && !fatal_signal_pending(current) &&
		 (firm ? ++nr < VMEM_CHANGE_FIRM :
		  ++nr < VMEM_CHANGE_PIECES && !vmem_guest_contended(guest)));
	if (nr == VMEM_CHANGE_FIRM)
		work->rechecks = 0;

	/* what hung below tables that were freed, and the engine stopped before */
	vmem_pool_settle(pool);
	/* its root could have moved, and didn't: others show the same */
	if (vmem_space_twins(space) && work->change.answer.flush == VMEM_FLUSH_RANGE)
		vmem_flush_all(&work->change);
	space->tables += (s64)pool->nr_used - used;
	if (work->change.answer.dirty) {
		guest->generation++;
		work->change.answer.dirty = false;
	}
	work->generation = guest->generation;
	work->answer->out_root = vmem_table_gpa(space->space.root);
	work->answer->out_generation = guest->generation;
	return ret;
}

/*
 * Some of what isn't needed any more. Without a page set aside, the pool may be
 * gone. Context: the guest's lock is held for writing.
 */
static void vmem_change_unreserve(struct vmem_change_work *work)
{
	struct vmem_reservation *reservation = &work->piece.supply.res;
	struct vmem_guest *guest = work->piece.guest;

	lockdep_assert_held_write(&guest->lock);
	guest->links.nr += reservation->links;
	reservation->links = 0;
	if (reservation->nr)
		vmem_pool_unreserve(work->piece.supply.pool, reservation);
}

static int vmem_change_hold(struct vmem_change_work *work)
{
	struct vmem_guest *guest = work->piece.guest;
	struct vmem_space_object *space;
	int ret;

	if (down_write_killable(&guest->lock))
		return -EINTR;
	vmem_link_chunks_lend(guest, work->chunks);
	work->chunks = NULL;
	space = vmem_change_space(work);
	if (IS_ERR(space))
		ret = PTR_ERR(space);
	else
		ret = vmem_change_pieces(work, space);
	if (ret <= 0)
		vmem_change_unreserve(work);
	up_write(&guest->lock);
	return ret;
}

static void vmem_change_answer(const struct vmem_change_work *work, int ret)
{
	const struct vmem_change *change = &work->change;
	struct vmem_ioc_change *answer = work->answer;
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
	if (work->kind != VMEM_KIND_BASIC) {
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

/* Records of links for the whole call; lent when it has the guest again. */
static int vmem_change_lend(struct vmem_change_work *work)
{
	work->chunks = vmem_link_chunks_alloc(work->change.need.links);
	return work->chunks ? 0 : -ENOMEM;
}

/* Do it all. Return: 0, -errno. */
static int vmem_change_run(struct vmem_change_work *work)
{
	struct vmem_guest *guest = work->piece.guest;
	int ret;

	do {
		ret = vmem_change_hold(work);
		if (ret == VMEM_ABSENT)
			ret = vmem_piece_resident(&work->piece) ?: VMEM_ABSENT;
		else if (ret == VMEM_LINKS)
			ret = vmem_change_lend(work) ?: VMEM_LINKS;
		else if (ret == VMEM_PAUSE && fatal_signal_pending(current))
			ret = -EINTR;
	} while (ret > 0);

	vmem_link_chunks_free(work->chunks);
	while (work->piece.supply.res.nr || work->piece.supply.res.links) {
		/* It is given back whatever signal there is. */
		down_write(&guest->lock);
		vmem_change_unreserve(work);
		up_write(&guest->lock);
		cond_resched();
	}
	vmem_change_answer(work, ret);
	return ret;
}

static void vmem_change_init(struct vmem_change_work *work,
			     struct vmem_call *call, u32 space, u64 budget,
			     struct vmem_ioc_change *answer)
{
	vmem_piece_init(&work->piece, call->guest);
	work->piece.changing = true;
	work->kind = VMEM_KIND_BASIC;
	work->change.asked.budget = budget ?: VMEM_CHANGE_BUDGET;
	work->id = space;
	work->answer = answer;
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
	struct vmem_change_work *work;
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

	work = vmem_scratch_alloc(sizeof(*work));
	list = kvcalloc(map->nr, sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!work || !list) {
		ret = -ENOMEM;
		goto out;
	}
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
	vmem_change_init(work, call, map->space, map->budget, &map->change);
	work->change.asked.list = list;
	work->change.asked.nr = map->nr;
	work->change.asked.flags = map->flags;
	work->change.asked.order = order;
	ret = vmem_change_run(work);
	trace_vmem_map(call->guest->number, map->space, map->change.out_done,
		       map->change.out_pages, map->change.out_generation, ret);
out:
	kvfree(order);
	kvfree(list);
	vmem_scratch_free(work, sizeof(*work));
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
	struct vmem_change_work *work;
	int ret;

	ret = vmem_range_check(unmap->start, unmap->last);
	if (ret)
		return ret;
	if (unmap->flags & ~VMEM_RANGE_FLAGS || unmap->__reserved)
		return -EOPNOTSUPP;

	work = vmem_scratch_alloc(sizeof(*work));
	if (!work)
		return -ENOMEM;
	vmem_change_init(work, call, unmap->space, unmap->budget,
			 &unmap->change);
	work->kind = VMEM_KIND_UNMAPPED;
	work->change.asked.flags = unmap->flags;
	work->start = unmap->start;
	work->last = unmap->last;
	ret = vmem_change_run(work);
	trace_vmem_unmap(call->guest->number, unmap->space,
			 unmap->change.out_done, unmap->change.out_pages,
			 unmap->change.out_generation, ret);
	vmem_scratch_free(work, sizeof(*work));
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
	struct vmem_change_work *work;
	int ret;

	ret = vmem_range_check(protect->start, protect->last);
	if (ret)
		return ret;
	if (protect->flags & ~VMEM_RANGE_FLAGS || protect->__reserved)
		return -EOPNOTSUPP;

	work = vmem_scratch_alloc(sizeof(*work));
	if (!work)
		return -ENOMEM;
	vmem_change_init(work, call, protect->space, protect->budget,
			 &protect->change);
	work->kind = VMEM_KIND_PROTECT;
	work->change.asked.flags = protect->flags;
	work->start = protect->start;
	work->last = protect->last;
	work->what.kind = VMEM_KIND_PROTECT;
	work->what.protect.set = protect->set;
	work->what.protect.clear = protect->clear;
	ret = vmem_change_run(work);
	trace_vmem_protect(call->guest->number, protect->space,
			   protect->change.out_done, protect->change.out_pages,
			   protect->change.out_generation, ret);
	vmem_scratch_free(work, sizeof(*work));
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
	struct vmem_change_work *work;
	int ret;

	if (link->flags & ~(VMEM_IOC_LINK_REPLACE | VMEM_IOC_LINK_ALONE) ||
	    link->__reserved ||
	    link->path_given > 1 || (link->path && !link->path_given))
		return -EOPNOTSUPP;

	work = vmem_scratch_alloc(sizeof(*work));
	if (!work)
		return -ENOMEM;
	vmem_change_init(work, call, link->space, link->budget, &link->change);
	work->kind = VMEM_KIND_LINK;
	work->change.asked.flags = link->flags;
	work->owner = link->owner;
	work->depth = link->depth;
	work->our_va = link->our_va;
	work->link.their_va = link->their_va;
	work->path = link->path;
	work->path_given = link->path_given;
	ret = vmem_change_run(work);
	trace_vmem_link(call->guest->number, link->space,
			link->change.out_done, link->change.out_pages,
			link->change.out_generation, ret);
	vmem_scratch_free(work, sizeof(*work));
	return ret;
}
