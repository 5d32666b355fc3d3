// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address spaces that user regions lie in, and the notifier that keeps
 * host addresses true: after its callback nothing of the old page is read or
 * written by anybody.
 *
 * Whoever stores an address has sampled the sequence before the page was got,
 * and stores under residency, if the page isn't being invalidated and the
 * sequence hasn't moved. The sequence moves at the end of an invalidation that
 * overlaps a span.
 *
 * All ranges that are being invalidated are kept, those too that lie in no
 * span: so spans come and go at any time, and one that is new knows what began
 * before it. None began before the notifier: registering it has the whole
 * address space still for a moment. Of equal ranges it doesn't matter whose is
 * whose.
 *
 * The callbacks allocate nothing. When the room for ranges is full, the others
 * are one range together, until whoever waits for that has made more room.
 *
 * The callbacks take spinning locks only, never fail, and are called from
 * reclaim and by the OOM reaper.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "block.h"
#include "mm.h"

#define VMEM_DROP_MAX	64	/* blocks a hold of residency */

/* Room for ranges: at first, and at most. */
#define VMEM_RANGES_MIN	16
#define VMEM_RANGES_MAX	65536

static struct vmem_mm *vmem_mm_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct vmem_mm, notifier);
}

/*
 * Drop the addresses of [@start, @last] in a span. The lock may be let go, and
 * the region go meanwhile. Return: whether it is still there; else @span isn't.
 */
static bool vmem_span_drop(struct vmem_span *span, unsigned long start,
			   unsigned long last, unsigned int *nr)
{
	struct interval_tree_node *node = &span->node;
	u64 first_page = (max(start, node->start) - node->start) >> PAGE_SHIFT;
	u64 last_page = (min(last, node->last) - node->start) >> PAGE_SHIFT;
	rwlock_t *residency = &span->mm->guest->residency;
	struct vmem_block *block;
	unsigned long i;

	lockdep_assert_held_write(residency);
	xa_for_each_range(span->blocks, i, block,
			  first_page >> VMEM_BLOCK_WORDS_LG2,
			  last_page >> VMEM_BLOCK_WORDS_LG2) {
		span->mm->guest->gone++;
		vmem_block_drop(span->blocks, i, block, first_page, last_page);
		if (++*nr % VMEM_DROP_MAX)
			continue;
		span->users++;
		write_unlock(residency);
		cpu_relax();
		write_lock(residency);
		span->users--;
		if (span->blocks)
			continue;
		if (!span->users)
			kfree(span);
		return false;
	}
	return true;
}

/*
 * Drop the addresses of [@start, @last]. None is stored there meanwhile, as the
 * range is being invalidated or the address space is dead; so there is less to
 * do each time that it begins anew.
 */
static void vmem_mm_drop(struct vmem_mm *mm, unsigned long start,
			 unsigned long last)
{
	rwlock_t *residency = &mm->guest->residency;
	struct interval_tree_node *node;
	unsigned int nr = 0;

	write_lock(residency);
	node = interval_tree_iter_first(&mm->spans, start, last);
	while (node) {
		if (vmem_span_drop(container_of(node, struct vmem_span, node),
				   start, last, &nr))
			node = interval_tree_iter_next(node, start, last);
		else
			node = interval_tree_iter_first(&mm->spans, start, last);
	}
	write_unlock(residency);
}

static int vmem_mm_range_start(struct mmu_notifier *notifier,
			       const struct mmu_notifier_range *range)
{
	struct vmem_range new = { .start = range->start, .last = range->end - 1 };
	struct vmem_mm *mm = vmem_mm_of(notifier);
	rwlock_t *residency = &mm->guest->residency;
	struct vmem_range *rest = &mm->rest;
	bool busy;

	write_lock(residency);
	if (mm->nr_ranges < mm->max_ranges) {
		mm->ranges[mm->nr_ranges++] = new;
	} else {
		rest->start = mm->nr_rest ? min(rest->start, new.start) : new.start;
		rest->last = mm->nr_rest ? max(rest->last, new.last) : new.last;
		mm->nr_rest++;
		mm->full = true;
	}
	busy = interval_tree_iter_first(&mm->spans, new.start, new.last);
	write_unlock(residency);
	if (busy)
		vmem_mm_drop(mm, new.start, new.last);
	return 0;
}

static void vmem_mm_range_end(struct mmu_notifier *notifier,
			      const struct mmu_notifier_range *range)
{
	unsigned long start = range->start, last = range->end - 1;
	struct vmem_mm *mm = vmem_mm_of(notifier);
	rwlock_t *residency = &mm->guest->residency;
	unsigned int i;

	write_lock(residency);
	for (i = 0; i < mm->nr_ranges; i++)
		if (mm->ranges[i].start == start && mm->ranges[i].last == last)
			break;
	if (i < mm->nr_ranges)
		mm->ranges[i] = mm->ranges[--mm->nr_ranges];
	else if (!WARN_ON_ONCE(!mm->nr_rest))
		mm->nr_rest--;
	if (interval_tree_iter_first(&mm->spans, start, last))
		mm->sequence++;
	write_unlock(residency);
	wake_up_all(&mm->wait);
}

/* The address space ends: no callback for ranges comes after this one. */
static void vmem_mm_release(struct mmu_notifier *notifier, struct mm_struct *m)
{
	struct vmem_mm *mm = vmem_mm_of(notifier);
	rwlock_t *residency = &mm->guest->residency;

	write_lock(residency);
	mm->guest->gone++;
	mm->dead = true;
	write_unlock(residency);
	vmem_mm_drop(mm, 0, ULONG_MAX);
	wake_up_all(&mm->wait);
}

static const struct mmu_notifier_ops vmem_mm_notifier_ops = {
	.invalidate_range_start	= vmem_mm_range_start,
	.invalidate_range_end	= vmem_mm_range_end,
	.release		= vmem_mm_release,
};

static void vmem_mm_free(struct kref *refs)
{
	struct vmem_mm *mm = container_of(refs, struct vmem_mm, refs);

	mmdrop(mm->mm);
	kvfree(mm->ranges);
	kfree(mm);
}

/**
 * vmem_mm_put() - drop a reference to an address space's object
 * @mm:	the object
 *
 * Context: sleeps; its notifier is not registered when the last one goes.
 */
void vmem_mm_put(struct vmem_mm *mm)
{
	kref_put(&mm->refs, vmem_mm_free);
}

/*
 * One region more in the caller's address space: @new's, or that of the object
 * that there is.
 */
static struct vmem_mm *vmem_mm_join(struct vmem_guest *guest,
				    struct vmem_mm *new)
{
	struct vmem_mm *mm, *found = NULL;

	write_lock(&guest->residency);
	list_for_each_entry(mm, &guest->mms, link)
		if (mm->mm == current->mm)
			found = mm;
	if (!found && new) {
		list_add_tail(&new->link, &guest->mms);
		found = new;
	}
	if (found) {
		found->regions++;
		kref_get(&found->refs);
	}
	write_unlock(&guest->residency);
	return found;
}

static int vmem_mm_make(struct vmem_guest *guest, struct vmem_mm **mm)
{
	struct vmem_range *ranges;
	struct vmem_mm *new;
	int ret;

	*mm = vmem_mm_join(guest, NULL);
	if (*mm)
		return 0;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	ranges = kvmalloc_array(VMEM_RANGES_MIN, sizeof(*ranges),
				GFP_KERNEL_ACCOUNT);
	if (!new || !ranges) {
		kvfree(ranges);
		kfree(new);
		return -ENOMEM;
	}
	new->ranges = ranges;
	new->max_ranges = VMEM_RANGES_MIN;
	new->notifier.ops = &vmem_mm_notifier_ops;
	new->guest = guest;
	new->mm = current->mm;
	mmgrab(new->mm);
	kref_init(&new->refs);
	new->spans = RB_ROOT_CACHED;
	init_waitqueue_head(&new->wait);

	ret = mmu_notifier_register(&new->notifier, current->mm);
	if (!ret) {
		*mm = vmem_mm_join(guest, new);
		if (*mm != new)
			mmu_notifier_unregister(&new->notifier, current->mm);
	}
	vmem_mm_put(new);
	return ret;
}

/* A region of the object less; its notifier goes with the last one. */
static void vmem_mm_leave(struct vmem_mm *mm)
{
	bool last;

	write_lock(&mm->guest->residency);
	last = !--mm->regions;
	if (last)
		list_del(&mm->link);
	write_unlock(&mm->guest->residency);

	wake_up_all(&mm->wait);
	if (last)
		mmu_notifier_unregister(&mm->notifier, mm->mm);
	vmem_mm_put(mm);
}

/**
 * vmem_mm_attach() - follow the part of the caller's address space that a new
 *		      user region lies in
 * @guest:	whose region it is
 * @addr:	where it lies
 * @len:	in bytes
 * @blocks:	what is known of its pages
 *
 * It waits for no invalidation, of which there may always be one under way.
 *
 * Context: sleeps; takes mmap_lock and residency, so that no lock is held.
 * Return: a span, whose mm is referenced; or an ERR_PTR(): -ENOMEM; -EINTR: there
 * is a signal.
 */
struct vmem_span *vmem_mm_attach(struct vmem_guest *guest, unsigned long addr,
				 u64 len, struct xarray *blocks)
{
	struct vmem_span *span;
	int ret;

	span = kzalloc(sizeof(*span), GFP_KERNEL_ACCOUNT);
	if (!span)
		return ERR_PTR(-ENOMEM);
	span->blocks = blocks;
	span->node.start = addr;
	span->node.last = addr + (len - 1);
	ret = vmem_mm_make(guest, &span->mm);
	if (ret) {
		kfree(span);
		return ERR_PTR(ret);
	}
	write_lock(&guest->residency);
	interval_tree_insert(&span->node, &span->mm->spans);
	write_unlock(&guest->residency);
	return span;
}

/**
 * vmem_mm_detach() - stop following for a region that isn't live
 * @span:	from vmem_mm_attach()
 *
 * The reference to its mm stays with the region, for vmem_mm_put().
 *
 * Context: sleeps; no lock is held.
 */
void vmem_mm_detach(struct vmem_span *span)
{
	struct vmem_mm *mm = span->mm;

	kref_get(&mm->refs);
	write_lock(&mm->guest->residency);
	interval_tree_remove(&span->node, &mm->spans);
	span->blocks = NULL;
	if (span->users)
		span = NULL;
	write_unlock(&mm->guest->residency);
	kfree(span);
	vmem_mm_leave(mm);
}

/**
 * vmem_mm_sample() - before a page is got
 * @mm:	the address space
 *
 * Context: takes residency.
 * Return: what vmem_mm.sequence must still be when its address is stored.
 */
u64 vmem_mm_sample(struct vmem_mm *mm)
{
	u64 sequence;

	read_lock(&mm->guest->residency);
	sequence = mm->sequence;
	read_unlock(&mm->guest->residency);
	return sequence;
}

/* Is a byte of the page at an address in a range? */
static bool vmem_range_has(const struct vmem_range *range, unsigned long addr)
{
	return range->start <= (addr | ~PAGE_MASK) &&
	       range->last >= (addr & PAGE_MASK);
}

/**
 * vmem_mm_busy() - is the page at an address being invalidated?
 * @mm:		the address space
 * @addr:	of the page
 *
 * Context: residency is held.
 */
bool vmem_mm_busy(const struct vmem_mm *mm, unsigned long addr)
{
	unsigned int i;

	if (mm->nr_rest && vmem_range_has(&mm->rest, addr))
		return true;
	for (i = 0; i < mm->nr_ranges; i++)
		if (vmem_range_has(&mm->ranges[i], addr))
			return true;
	return false;
}

/*
 * Twice the room for ranges, if it was too little. Without memory it stays, and
 * those who wait do so until fewer are invalidated at once.
 */
static void vmem_mm_make_room(struct vmem_mm *mm)
{
	rwlock_t *residency = &mm->guest->residency;
	struct vmem_range *ranges, *old;
	unsigned int max;

	write_lock(residency);
	max = min(2 * mm->max_ranges, VMEM_RANGES_MAX);
	if (!mm->full)
		max = 0;
	mm->full = false;
	write_unlock(residency);
	if (!max)
		return;
	ranges = kvmalloc_array(max, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return;

	write_lock(residency);
	old = ranges;
	if (max > mm->max_ranges) {
		memcpy(ranges, mm->ranges, mm->nr_ranges * sizeof(*ranges));
		old = mm->ranges;
		mm->ranges = ranges;
		mm->max_ranges = max;
	}
	write_unlock(residency);
	kvfree(old);
}

/* Is there no use in waiting any more? */
static bool vmem_mm_quiet(struct vmem_mm *mm, unsigned long addr,
			  const bool *live)
{
	bool quiet;

	read_lock(&mm->guest->residency);
	quiet = mm->dead || !*live || mm->full || !vmem_mm_busy(mm, addr);
	read_unlock(&mm->guest->residency);
	return quiet;
}

/**
 * vmem_mm_wait() - wait until the page at an address isn't being invalidated,
 *		    or there is no use in waiting, or it is to be tried again
 * @mm:		the address space, referenced
 * @addr:	of the page
 * @live:	of the region, referenced: when it isn't, there is no use
 *
 * Context: sleeps; takes residency.
 * Return: 0, -EINTR: killed.
 */
int vmem_mm_wait(struct vmem_mm *mm, unsigned long addr, const bool *live)
{
	vmem_mm_make_room(mm);
	if (wait_event_killable(mm->wait, vmem_mm_quiet(mm, addr, live)))
		return -EINTR;
	return 0;
}
