// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one loop that every call on tables uses: hold the guest, do a piece; what
 * was absent is made resident with no lock held; and again.
 *
 * Who has the guest lets it go for a page that is needed, after VMEM_WORK_PIECES
 * pieces, and when somebody waits. What was set aside in a pool stays the call's
 * own meanwhile, and keeps the pool.
 */
#include <linux/sched/signal.h>

#include "../vmem/records.h"
#include "work.h"

/**
 * vmem_work_init() - work that begins
 * @work:	all of it is set; vmem_work_exit() is to follow
 * @guest:	on whose tables
 * @ops:	what is to be done
 */
void vmem_work_init(struct vmem_work *work, struct vmem_guest *guest,
		    const struct vmem_work_ops *ops)
{
	work->ops = ops;
	vmem_piece_init(&work->piece, guest);
	work->piece.changing = ops->alone;
	work->firm = false;
}

/**
 * vmem_work_exit() - work that is over
 * @work:	from vmem_work_init(), or zeroed
 */
void vmem_work_exit(struct vmem_work *work)
{
	vmem_piece_exit(&work->piece);
}

static int vmem_work_pieces(struct vmem_work *work)
{
	struct vmem_piece *piece = &work->piece;
	int ret;

	work->nr_pieces = 0;
	do {
		cond_resched();
		vmem_piece_begin(piece);
		ret = work->ops->piece(work);
		if (ret == VMEM_ABSENT)
			vmem_region_get(piece->absent);
		vmem_piece_end(piece);
		work->nr_pieces++;
	} while (ret == VMEM_PAUSE && !fatal_signal_pending(current) &&
		 (work->firm ? work->nr_pieces < VMEM_WORK_FIRM :
			       work->nr_pieces < VMEM_WORK_PIECES &&
			       !rwsem_is_contended(&piece->guest->lock)));
	return ret;
}

/*
 * Some of what isn't needed any more. Without a page set aside, the pool may be
 * gone. Context: the guest's lock is held for writing.
 */
static void vmem_work_unreserve(struct vmem_work *work)
{
	struct vmem_reservation *res = &work->piece.supply.res;
	struct vmem_guest *guest = work->piece.guest;

	lockdep_assert_held_write(&guest->lock);
	guest->links.nr += res->links;
	res->links = 0;
	if (res->nr)
		vmem_pool_unreserve(work->piece.supply.pool, res);
}

static int vmem_work_hold(struct vmem_work *work)
{
	const struct vmem_work_ops *ops = work->ops;
	struct vmem_guest *guest = work->piece.guest;
	int ret;

	if (ops->alone ? down_write_killable(&guest->lock) :
			 down_read_killable(&guest->lock))
		return -EINTR;
	/* a reader of debugfs holds the struct only */
	ret = guest->dead ? -ENODEV : 0;
	if (!ret && ops->take)
		ret = ops->take(work);
	if (!ret) {
		ret = vmem_work_pieces(work);
		if (ops->leave)
			ret = ops->leave(work, ret);
	}
	if (!ops->alone) {
		up_read(&guest->lock);
		return ret;
	}
	if (ret <= 0)
		vmem_work_unreserve(work);
	up_write(&guest->lock);
	return ret;
}

/**
 * vmem_work_run() - do it all
 * @work:	from vmem_work_init()
 *
 * Context: takes the guest's lock; may wait for tables.
 * Return: what the ops answer, at most 0; what vmem_piece_resident() answers;
 * -ENODEV: the guest has ended; -EINTR: killed.
 */
int vmem_work_run(struct vmem_work *work)
{
	struct vmem_reservation *res = &work->piece.supply.res;
	struct vmem_guest *guest = work->piece.guest;
	int ret;

	do {
		ret = fatal_signal_pending(current) ? -EINTR :
						      vmem_work_hold(work);
		if (ret == VMEM_ABSENT)
			ret = vmem_piece_resident(&work->piece) ?: ret;
		else if (ret == VMEM_LINKS || ret == -ENOBUFS)
			ret = work->ops->storage(work) ?: VMEM_LINKS;
	} while (ret > 0);

	while (res->nr || res->links) {
		/* It is given back whatever signal there is. */
		down_write(&guest->lock);
		vmem_work_unreserve(work);
		up_write(&guest->lock);
		cond_resched();
	}
	return ret;
}
