// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces: making them, what they are, translating in them, their end.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../vmem/call.h"
#include "../vmem/call_access.h"
#include "calls.h"
#include "compat.h"
#include "pool.h"
#include "scratch.h"
#include "space.h"
#include "work.h"

/**
 * vmem_space_find() - the space of an id
 * @guest:	the guest
 * @id:		the caller's
 *
 * Context: vmem_guest.lock is held; the space is good as long as it is.
 * Return: the space, or an ERR_PTR(): -ENOENT; -EINVAL: no space.
 */
struct vmem_space_object *vmem_space_find(struct vmem_guest *guest, u32 id)
{
	struct vmem_object *object;

	object = vmem_object_find(guest, id, &vmem_space_ops);
	return IS_ERR(object) ? ERR_CAST(object) : vmem_to_space(object);
}

/**
 * vmem_space_absent() - the engine met a table of a space that is absent
 * @space:	the space
 * @piece:	the context
 *
 * Tables that will be needed soon are made resident with it, if they come at
 * once: those that are named behind it in the same table.
 *
 * Context: the piece that the engine ended with VMEM_ABSENT.
 */
void vmem_space_absent(const struct vmem_space_object *space,
		       struct vmem_piece *piece)
{
	if (piece->intent == VMEM_READ && piece->table && piece->absence)
		piece->nr_siblings =
			space->ops->engine->siblings(space->ops->fmt,
						     &space->space.facts,
						     piece->table,
						     piece->wanted,
						     piece->absence->siblings,
						     VMEM_SIBLINGS_MAX);
}

static unsigned int vmem_space_root_level(const struct vmem_space_object *space)
{
	return space->ops->fmt->nr_levels - 1;
}

/* The root is one that the guest uses. */
static int vmem_space_adopt_root(struct vmem_guest *guest,
				 struct vmem_space_object *space,
				 struct vmem_root *root)
{
	vmem_phys_t gpa = vmem_table_gpa(space->space.root);
	struct vmem_pool_object *pool;
	bool inside;
	int ret;

	read_lock(&guest->residency);
	inside = vmem_region_at(guest, gpa);
	read_unlock(&guest->residency);
	if (!inside)
		return -ENXIO;

	pool = vmem_pools_at(guest, gpa);
	/* Or tables of the one would hang below those of the other. */
	if (pool && space->pool && space->pool != pool)
		return -EINVAL;
	vmem_root_lend(&guest->links, root);
	ret = vmem_root_adopt(&guest->links, pool ? &pool->pool : NULL,
			      space->space.root, vmem_space_root_level(space),
			      &space->root);
	if (ret)
		vmem_root_take_back(&guest->links);
	return ret;
}

/**
 * vmem_space_root_moves() - would this space's root move to be changed?
 * @space:	the space
 *
 * Context: vmem_guest.lock is held.
 */
bool vmem_space_root_moves(const struct vmem_space_object *space)
{
	struct vmem_guest *guest = space->object.guest;
	const struct vmem_region *region;
	bool frozen;

	if (!(space->flags & VMEM_IOC_SPACE_MOVABLE))
		return false;
	read_lock(&guest->residency);
	region = vmem_region_at(guest, vmem_table_gpa(space->space.root));
	frozen = region && region->frozen;
	read_unlock(&guest->residency);
	return frozen;
}

/*
 * The space leaves its root; vmem_pools_settle() is to follow. Return: whether tables
 * go into quarantine, for the guest's next generation.
 */
static bool vmem_space_leave_root(struct vmem_guest *guest,
				  struct vmem_space_object *space)
{
	if (space->root->pool)
		space->root->pool->generation = guest->generation + 1;
	return vmem_root_leave(&guest->links, space->root);
}

static void vmem_space_leave(struct vmem_guest *guest,
			     struct vmem_space_object *space)
{
	lockdep_assert_held_write(&guest->lock);
	if (space->pool)
		space->pool->spaces--;
	kfree(vmem_root_take_back(&guest->links));
}

static void vmem_space_abort(struct vmem_object *object)
{
	struct vmem_space_object *space = vmem_to_space(object);
	struct vmem_guest *guest = object->guest;

	/* What isn't published must go, whatever signal there is. */
	down_write(&guest->lock);
	/* Others may have adopted its root, and mapped something. */
	if (space->flags & VMEM_IOC_SPACE_NEW &&
	    space->made == guest->generation) {
		vmem_root_unmake(space->root);
	} else if (vmem_space_leave_root(guest, space)) {
		guest->generation++;
		vmem_pools_settle(guest);
	}
	vmem_space_leave(guest, space);
	up_write(&guest->lock);
	kfree(space);
}

static int vmem_space_destroy(struct vmem_object *object,
			      struct vmem_ioc_destroy *answer)
{
	struct vmem_space_object *space = vmem_to_space(object);

	if (vmem_space_leave_root(object->guest, space))
		answer->out_flush = VMEM_IOC_FLUSH_ALL;
	vmem_space_leave(object->guest, space);
	return 0;
}

static void vmem_space_retire(struct vmem_object *object)
{
	struct vmem_space_object *space = vmem_to_space(object);

	/* Else its directory is gone. */
	if (!object->guest->dead)
		debugfs_remove(space->file);
	kfree(space);
}

static void vmem_space_item(struct vmem_object *object,
			    struct vmem_ioc_item *item)
{
	const struct vmem_space_object *space = vmem_to_space(object);

	vmem_ioc_item_space(item, space->ops, &space->space, space->flags,
			    space->pool ? space->pool->object.id : 0,
			    space->tables);
}

const struct vmem_object_ops vmem_space_ops = {
	.kind		= VMEM_IOC_LIST_SPACES,
	.max		= VMEM_SPACES_MAX,
	.item		= vmem_space_item,
	.abort		= vmem_space_abort,
	.destroy	= vmem_space_destroy,
	.settle		= vmem_pools_settle,
	.retire		= vmem_space_retire,
};

/* What a SPACE_CREATE works on; the guest has @root when it is done. */
struct vmem_space_work {
	struct vmem_work work;
	struct vmem_space_object *space;
	struct vmem_root *root;
	u32 pool;
	bool begun;
};

/* The root, if it is there; if it is to be made, its page is set aside. */
static int vmem_space_work_take(struct vmem_work *work)
{
	struct vmem_space_work *w = container_of(work, struct vmem_space_work, work);
	struct vmem_pages *supply = &work->piece.supply;
	struct vmem_space_object *space = w->space;
	struct vmem_guest *guest = work->piece.guest;
	struct vmem_object *object;
	vmem_phys_t gpa;
	int ret;

	if (w->begun)
		return 0;
	w->begun = true;
	if (w->pool) {
		object = vmem_object_find(guest, w->pool, &vmem_pool_ops);
		if (IS_ERR(object))
			return PTR_ERR(object);
		space->pool = vmem_to_pool(object);
		if (!vmem_link_admit(&guest->links, &space->space.facts,
				     vmem_pools_idle(guest)))
			return -EINVAL;
	}
	if (!(space->flags & VMEM_IOC_SPACE_NEW))
		return vmem_space_adopt_root(guest, space, w->root);

	supply->pool = &space->pool->pool;
	ret = vmem_pool_reserve(supply->pool, &supply->res, 1, 0);
	if (ret)
		return ret;
	space->space.root = supply->res.first->table;
	gpa = vmem_table_gpa(space->space.root);
	return vmem_nameable(&space->space.facts, gpa, gpa) ? 0 : -EOVERFLOW;
}

static int vmem_space_work_piece(struct vmem_work *work)
{
	struct vmem_space_work *w = container_of(work, struct vmem_space_work, work);
	struct vmem_space_object *space = w->space;
	vmem_pte_t *host;
	int ret;

	if (!(space->flags & VMEM_IOC_SPACE_NEW))
		return 0;
	ret = vmem_piece_lookup(&work->piece, vmem_table_gpa(space->space.root),
				VMEM_WRITE, &host);
	if (!ret) {
		vmem_piece_written(&work->piece);
		memset(host, 0, BIT(work->piece.supply.pool->table_lg2));
	}
	return ret == VMEM_OUTSIDE ? -ENXIO : ret;
}

static int vmem_space_work_leave(struct vmem_work *work, int ret)
{
	struct vmem_space_work *w = container_of(work, struct vmem_space_work, work);
	struct vmem_guest *guest = work->piece.guest;
	struct vmem_space_object *space = w->space;

	if (ret)
		return ret;
	if (space->flags & VMEM_IOC_SPACE_NEW) {
		vmem_root_lend(&guest->links, w->root);
		space->root = vmem_root_make(&space->pool->pool,
					     &work->piece.supply.res,
					     vmem_space_root_level(space));
		space->tables = 1;
	}
	w->root = NULL;
	if (space->pool)
		space->pool->spaces++;
	space->made = guest->generation;
	return 0;
}

static const struct vmem_work_ops vmem_space_work_ops = {
	.alone	= true,
	.take	= vmem_space_work_take,
	.piece	= vmem_space_work_piece,
	.leave	= vmem_space_work_leave,
};

/**
 * vmem_ioctl_space_create() - SPACE_CREATE
 * @call:	the call
 * @arg:	struct vmem_ioc_space_create
 *
 * Context: takes the guest's lock; may wait for a page of the pool.
 * Return: 0, -EOPNOTSUPP, -EINVAL, -EOVERFLOW, -E2BIG, -ENOENT, -ENXIO,
 * -EROFS, -EIO, -EMLINK, -ENOSPC, -EAGAIN, -EBUSY, -ENOMEM, -EINTR.
 */
int vmem_ioctl_space_create(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_space_create *create = arg;
	struct vmem_space_object *space;
	struct vmem_space_work *w;
	int ret;

	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	w = vmem_scratch_alloc(sizeof(*w));
	if (!space || !w) {
		ret = -ENOMEM;
		goto out;
	}
	space->flags = create->flags;
	w->root = kzalloc(sizeof(*w->root), GFP_KERNEL_ACCOUNT);
	ret = w->root ? vmem_ioc_space_create_read(create, &space->ops,
						   &space->space) : -ENOMEM;
	if (!ret)
		ret = vmem_object_reserve(&space->object, call->guest,
					  &vmem_space_ops);
	if (ret)
		goto out;

	vmem_work_init(&w->work, call->guest, &vmem_space_work_ops);
	w->space = space;
	w->pool = create->pool;
	ret = vmem_work_run(&w->work);
	if (ret) {
		vmem_object_unreserve(&space->object);
		goto out;
	}
	create->out_id = space->object.id;
	create->out_root = vmem_table_gpa(space->space.root);
	call->made = &space->object;
	space = NULL;
out:
	if (w) {
		vmem_work_exit(&w->work);
		kfree(w->root);
	}
	vmem_scratch_free(w, sizeof(*w));
	kfree(space);
	return ret;
}

/**
 * vmem_ioctl_space_get() - SPACE_GET
 * @call:	the call
 * @arg:	struct vmem_ioc_space_get
 *
 * Context: takes the guest's lock.
 * Return: 0, -ENOENT, -EINVAL, -EINTR.
 */
int vmem_ioctl_space_get(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_space_get *get = arg;
	struct vmem_guest *guest = call->guest;
	struct vmem_space_object *space;
	int ret = 0;

	if (down_read_killable(&guest->lock))
		return -EINTR;
	space = vmem_space_find(guest, get->id);
	if (IS_ERR(space)) {
		ret = PTR_ERR(space);
		goto out;
	}
	vmem_ioc_space_get_fill(get, &space->space, space->root, space->flags,
				space->tables);
	get->out_generation = guest->generation;
out:
	up_read(&guest->lock);
	return ret;
}

#define VMEM_TRANSLATE_FEW	4	/* for which nothing is allocated */

/**
 * struct vmem_translate_work - what a TRANSLATE works on
 * @work:	holds and pieces
 * @ask:	the call
 * @space:	in a hold: the space
 * @judge:	likewise, where an access is given
 * @nr:		addresses of this batch
 * @done:	of them
 * @vas:	the addresses
 * @results:	what they translate to
 * @entries:	and by which entries, NULL: that isn't asked for
 */
struct vmem_translate_work {
	struct vmem_work work;
	const struct vmem_ioc_translate *ask;
	const struct vmem_space_object *space;
	struct vmem_judge judge;
	u32 nr;
	u32 done;
	vmem_virt_t *vas;
	struct vmem_translation *results;
	u64 (*entries)[VMEM_LEVELS_MAX];
};

/* Room for a batch; the last member is there where it is asked for. */
struct vmem_translate_batch {
	vmem_virt_t vas[VMEM_TRANSLATE_BATCH];
	struct vmem_translation results[VMEM_TRANSLATE_BATCH];
	u64 entries[VMEM_TRANSLATE_BATCH][VMEM_LEVELS_MAX];
};

static struct vmem_translate_work *vmem_translate_of(struct vmem_work *work)
{
	return container_of(work, struct vmem_translate_work, work);
}

static int vmem_translate_take(struct vmem_work *work)
{
	struct vmem_translate_work *w = vmem_translate_of(work);

	w->space = vmem_space_find(work->piece.guest, w->ask->space);
	if (IS_ERR(w->space))
		return PTR_ERR(w->space);
	return !w->ask->access ? 0 :
	       vmem_ioc_access_read(w->space->ops->engine, &w->space->space.facts, w->ask,
				    &w->judge);
}

static int vmem_translate_piece(struct vmem_work *work)
{
	struct vmem_translate_work *w = vmem_translate_of(work);
	const struct vmem_space_object *space = w->space;
	int ret;

	/* it reads an entry of each, of second pages once more: a batch is a piece */
	work->piece.tables = VMEM_TRANSLATE_BATCH * VMEM_LEVELS_MAX;
	ret = vmem_translate_judged(space->ops->engine, space->ops->fmt, &work->piece,
				    &space->space, w->ask->access ? &w->judge : NULL,
				    w->vas, w->nr, w->results, w->entries, &w->done);
	if (ret == VMEM_ABSENT)
		vmem_space_absent(space, &work->piece);
	return ret;
}

static const struct vmem_work_ops vmem_translate_ops = {
	.take	= vmem_translate_take,
	.piece	= vmem_translate_piece,
};

/*
 * A batch whose tables are all resident is one piece. Return: whether it is done; if
 * not, vmem_work_run() goes on.
 */
static bool vmem_translate_short(struct vmem_translate_work *w)
{
	struct vmem_piece *piece = &w->work.piece;
	bool done = false;

	if (down_read_killable(&piece->guest->lock))
		return false;
	if (!piece->guest->dead && !vmem_translate_take(&w->work)) {
		vmem_piece_begin(piece);
		done = !vmem_translate_piece(&w->work);
		vmem_piece_end(piece);
	}
	up_read(&piece->guest->lock);
	return done;
}

/*
 * As vmem_ioctl_translate(), so many addresses at a time. Results that are ready are
 * given before an errno.
 */
static int vmem_translate_all(struct vmem_ioc_translate *ask,
			      struct vmem_translate_work *w, u32 batch)
{
	struct vmem_ioc_result __user *results = u64_to_user_ptr(ask->results);
	u64 __user *words = u64_to_user_ptr(ask->entries);
	u64 __user *vas = u64_to_user_ptr(ask->vas);
	size_t at;
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		at = ask->out_done;
		w->nr = min_t(u32, ask->nr - at, batch);
		w->done = 0;
		if (copy_from_user(w->vas, &vas[at], w->nr * sizeof(w->vas[0])))
			return -EFAULT;
		ret = vmem_translate_short(w) ? 0 : vmem_work_run(&w->work);
		if (copy_to_user(&results[at], w->results,
				 w->done * sizeof(w->results[0])))
			return -EFAULT;
		if (w->entries &&
		    copy_to_user(&words[at * VMEM_LEVELS_MAX], w->entries,
				 w->done * sizeof(w->entries[0])))
			return -EFAULT;
		ask->out_done += w->done;
	} while (!ret && ask->out_done < ask->nr);
	return ret;
}

/**
 * vmem_ioctl_translate() - TRANSLATE
 * @call:	the call
 * @arg:	struct vmem_ioc_translate
 *
 * What an access sets is set with the guest shared: those who share it change nothing
 * else, and a page is marked as written behind the write.
 *
 * Context: takes the guest's lock, a batch at a time; may wait for tables.
 * Return: 0, -EACCES, -EOPNOTSUPP, -E2BIG, -EFAULT, -ENOENT, -EINVAL, -EROFS, -EBUSY,
 * -ENOMEM, -EINTR.
 */
int vmem_ioctl_translate(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_translate *ask = arg;
	struct vmem_translate_batch *batch = NULL;
	struct vmem_translation results[VMEM_TRANSLATE_FEW] __uninitialized;
	vmem_virt_t vas[VMEM_TRANSLATE_FEW] __uninitialized;
	struct vmem_translate_work w __uninitialized;
	u32 nr = VMEM_TRANSLATE_FEW;
	size_t size = 0;
	int ret;

	ret = vmem_ioc_translate_check(ask, call->view->rights);
	if (ret)
		return ret;
	w.ask = ask;
	w.vas = vas;
	w.results = results;
	w.entries = NULL;
	if (ask->nr > VMEM_TRANSLATE_FEW || ask->entries) {
		size = ask->entries ? sizeof(*batch) :
		       offsetof(struct vmem_translate_batch, entries);
		batch = vmem_scratch_alloc(size);
		if (!batch)
			return -ENOMEM;
		w.vas = batch->vas;
		w.results = batch->results;
		if (ask->entries)
			w.entries = batch->entries;
		nr = VMEM_TRANSLATE_BATCH;
	}
	vmem_work_init(&w.work, call->guest, &vmem_translate_ops);
	ret = vmem_translate_all(ask, &w, nr);
	vmem_work_exit(&w.work);
	vmem_scratch_free(batch, size);
	return ret;
}
