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
#define VMEM_CHANGE_ALONE	4096	/* for so many pieces */

static_assert(VMEM_IOC_FLUSH_NONE == (int)VMEM_FLUSH_NONE);
static_assert(VMEM_IOC_FLUSH_RANGE == (int)VMEM_FLUSH_RANGE);
static_assert(VMEM_IOC_FLUSH_ALL == (int)VMEM_FLUSH_ALL);
static_assert(VMEM_IOC_CHANGE_MOVED == VMEM_CHANGED_MOVED);
static_assert(VMEM_IOC_CHANGE_FREED == VMEM_CHANGED_FREED);
static_assert(VMEM_IOC_MAP_REPLACE == VMEM_CHANGE_REPLACE);
static_assert(VMEM_IOC_MAP_ATOMIC == VMEM_CHANGE_ATOMIC);
static_assert(VMEM_IOC_KIND_UNMAPPED == (int)VMEM_KIND_UNMAPPED);
static_assert(VMEM_IOC_KIND_BASIC == (int)VMEM_KIND_BASIC);
static_assert(VMEM_IOC_KIND_COW == (int)VMEM_KIND_COW);

/**
 * struct vmem_change_work - a changing call
 * @piece:	context of the ops
 * @change:	the core's
 * @range:	for UNMAP: what is to be unmapped, in one part or two
 * @start:	for UNMAP: first address
 * @last:	for UNMAP: last address
 * @unmap:	it is an UNMAP
 * @begun:	the space was looked at
 * @id:		of the space
 * @generation:	that the call left when it last let the guest go
 * @rechecks:	how often others made it begin its first pass again
 * @answer:	outputs of the call
 */
struct vmem_change_work {
	struct vmem_piece piece;
	struct vmem_change change;
	struct vmem_mapping range[2];
	vmem_virt_t start;
	vmem_virt_t last;
	bool unmap;
	bool begun;
	u32 id;
	u64 generation;
	unsigned int rechecks;
	struct vmem_ioc_change *answer;
};

/* The parts of an UNMAP, which are refused together, are in order. */
static const u32 vmem_unmap_order[] = { 0, 1 };

/* The space, and what has become of it. Context: the guest's lock is taken. */
static struct vmem_space_object *
vmem_change_space(struct vmem_change_work *work)
{
	struct vmem_guest *guest = work->piece.guest;
	struct vmem_space_object *space;
	int ret;

	lockdep_assert_held_write(&guest->lock);
	space = vmem_space_find(guest, work->id);
	if (IS_ERR(space))
		return space;
	if (!space->pool)
		return ERR_PTR(-EINVAL);
	if (!work->begun && work->unmap) {
		ret = vmem_unmap_list(space->ops->fmt, work->start, work->last,
				      work->range, &work->change.nr);
		if (ret)
			return ERR_PTR(ret);
		work->change.list = work->range;
		work->change.order = vmem_unmap_order;
		if (work->change.nr > 1)
			work->change.flags = VMEM_CHANGE_ATOMIC;
	}
	if (work->begun && guest->generation != work->generation) {
		vmem_change_recheck(&work->change);
		work->rechecks++;
	}
	work->begun = true;
	work->piece.pool = &space->pool->pool;
	work->piece.pool->generation = guest->generation + 1;
	work->piece.shared_root = space->twins ? space->space.root :
						 VMEM_NO_TABLE;
	return space;
}

/* Pieces of the change in one hold of the lock. Return: as vmem_map(). */
static int vmem_change_pieces(struct vmem_change_work *work,
			      struct vmem_space_object *space)
{
	struct vmem_piece *piece = &work->piece;
	bool alone = work->rechecks > VMEM_CHANGE_RECHECKS;
	struct vmem_guest *guest = piece->guest;
	unsigned int nr = 0;
	int ret;

	do {
		cond_resched();
		vmem_piece_begin(piece);
		ret = space->ops->map(piece, &space->space, &work->change);
		if (ret == VMEM_ABSENT)
			vmem_space_absent(space, piece);
		vmem_piece_end(piece);
	} while (ret == VMEM_PAUSE && !fatal_signal_pending(current) &&
		 (alone ? ++nr < VMEM_CHANGE_ALONE :
		  ++nr < VMEM_CHANGE_PIECES && !vmem_guest_contended(guest)));
	if (nr == VMEM_CHANGE_ALONE)
		work->rechecks = 0;

	space->tables += piece->tables_made;
	piece->tables_made = 0;
	if (work->change.dirty) {
		guest->generation++;
		work->change.dirty = false;
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
	lockdep_assert_held_write(&work->piece.guest->lock);
	if (work->piece.reservation.nr)
		vmem_pool_unreserve(work->piece.pool,
				    &work->piece.reservation);
}

static int vmem_change_hold(struct vmem_change_work *work)
{
	struct vmem_guest *guest = work->piece.guest;
	struct vmem_space_object *space;
	int ret;

	if (down_write_killable(&guest->lock))
		return -EINTR;
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

	answer->out_flush = change->flush;
	if (change->flush == VMEM_FLUSH_RANGE) {
		answer->out_flush_start = change->flush_first;
		answer->out_flush_last = change->flush_last;
	}
	answer->out_changes = change->changes;
	answer->out_pages = change->pages;
	answer->out_done = change->done;
	answer->out_done_len = change->done_len;
	if (work->unmap) {
		/* The two parts are one range to the caller. */
		answer->out_done = !ret;
		for (i = 0; ret && i < change->done; i++)
			answer->out_done_len += work->range[i].len;
	}
	if (ret) {
		answer->out_at_va = change->at_va;
		answer->out_at_level = change->at_level;
	}
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
		else if (ret == VMEM_PAUSE && fatal_signal_pending(current))
			ret = -EINTR;
	} while (ret > 0);

	while (work->piece.reservation.nr) {
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
	work->change.budget = budget ?: VMEM_CHANGE_BUDGET;
	work->id = space;
	work->answer = answer;
}

/* Structure first, then what isn't to be had. */
static int vmem_mapping_copy(struct vmem_mapping *to,
			     const struct vmem_ioc_mapping *from)
{
	const u32 perms = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X;
	bool unmapped = from->kind == VMEM_IOC_KIND_UNMAPPED;
	u64 last;

	if (!from->len || !IS_ALIGNED(from->va | from->gpa | from->len, 4096))
		return -EINVAL;
	if (check_add_overflow(from->va, from->len - 1, &last) ||
	    check_add_overflow(from->gpa, from->len - 1, &last))
		return -EOVERFLOW;
	if ((unmapped && (from->gpa || from->attrs)) || from->flags ||
	    from->path || from->attrs & ~perms ||
	    (from->page_sizes && from->page_sizes != BIT_ULL(12)) ||
	    (!unmapped && from->kind != VMEM_IOC_KIND_BASIC))
		return -EOPNOTSUPP;

	*to = (struct vmem_mapping){
		.virt_base	= from->va,
		.phys_base	= from->gpa,
		.len		= from->len,
		.kind		= from->kind,
		.basic.attrs	= from->attrs,
	};
	return 0;
}

#define VMEM_MAPPING_BATCH	(PAGE_SIZE / sizeof(struct vmem_ioc_mapping))

/* The caller's list. None of it is done when any of it is malformed. */
static int vmem_map_copy(const struct vmem_ioc_map *map,
			 struct vmem_mapping *list)
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
		for (i = 0; i < nr && !ret; i++)
			ret = vmem_mapping_copy(&list[done + i], &batch[i]);
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

	if (map->flags & ~(VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_ATOMIC))
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
	work->change.list = list;
	work->change.nr = map->nr;
	work->change.flags = map->flags;
	work->change.order = order;
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
	if (unmap->flags || unmap->__reserved)
		return -EOPNOTSUPP;

	work = vmem_scratch_alloc(sizeof(*work));
	if (!work)
		return -ENOMEM;
	vmem_change_init(work, call, unmap->space, unmap->budget,
			 &unmap->change);
	work->unmap = true;
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
 * vmem_ioctl_protect() - PROTECT, which INFO does not offer
 * @call:	the call
 * @arg:	struct vmem_ioc_protect
 *
 * Return: -EINVAL, -EOPNOTSUPP.
 */
int vmem_ioctl_protect(struct vmem_call *call, void *arg)
{
	const struct vmem_ioc_protect *protect = arg;

	return vmem_range_check(protect->start, protect->last) ?: -EOPNOTSUPP;
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
 * vmem_ioctl_link() - LINK, which INFO does not offer
 * @call:	the call
 * @arg:	struct vmem_ioc_link
 *
 * Return: -EOPNOTSUPP.
 */
int vmem_ioctl_link(struct vmem_call *call, void *arg)
{
	return -EOPNOTSUPP;
}
