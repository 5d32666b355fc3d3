// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address spaces that user regions lie in, and the notifier that keeps
 * host addresses true: after its callback nothing of the old page is read or
 * written by anybody.
 *
 * Whoever stores an address has sampled the sequence before the page was got,
 * and stores under residency, if the page isn't being invalidated and the
 * sequence hasn't moved. An invalidation counts from its begin to its end if it
 * overlaps a span; so that begin and end agree on this, spans come and go only
 * while no invalidation is under way.
 *
 * The callbacks take spinning locks only, never fail, and are called from
 * reclaim and by the OOM reaper.
 */
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "pages.h"

#define VMEM_DROP_MAX	64	/* blocks a hold of residency */

static struct vmem_mm *vmem_mm_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct vmem_mm, notifier);
}

/* Drop the words of [@first, @last], which lie in one block, or all of it. */
static void vmem_block_drop(struct vmem_region *region, u64 nr,
			    struct vmem_block *block, u64 first, u64 last)
{
	u64 base = nr << VMEM_BLOCK_WORDS_LG2;
	u64 end = base + VMEM_BLOCK_WORDS - 1;

	if (first <= base && last >= end) {
		xa_erase(&region->blocks, nr);
		vmem_block_free(block);
		return;
	}
	first = max(first, base);
	last = min(last, end);
	memset(&block->host[first - base], 0,
	       (last - first + 1) * sizeof(block->host[0]));
}

/*
 * Drop the addresses of [@start, @last]. An invalidation is under way, so that
 * the spans stay; their regions may go whenever the lock is let go.
 */
static void vmem_mm_drop(struct vmem_mm *mm, unsigned long start,
			 unsigned long last)
{
	rwlock_t *residency = &mm->guest->residency;
	struct interval_tree_node *node;
	unsigned int nr = 0;

	write_lock(residency);
	for (node = interval_tree_iter_first(&mm->spans, start, last); node;
	     node = interval_tree_iter_next(node, start, last)) {
		struct vmem_span *span =
			container_of(node, struct vmem_span, node);
		u64 first_page = (max(start, node->start) - node->start) >>
				 PAGE_SHIFT;
		u64 last_page = (min(last, node->last) - node->start) >>
				PAGE_SHIFT;
		struct vmem_region *region = span->region;
		struct vmem_block *block;
		unsigned long i;

		if (!region)
			continue;
		xa_for_each_range(&region->blocks, i, block,
				  first_page >> VMEM_BLOCK_WORDS_LG2,
				  last_page >> VMEM_BLOCK_WORDS_LG2) {
			vmem_block_drop(region, i, block, first_page,
					last_page);
			if (++nr % VMEM_DROP_MAX)
				continue;
			write_unlock(residency);
			cpu_relax();
			write_lock(residency);
			if (!span->region)
				break;
		}
	}
	write_unlock(residency);
}

static bool vmem_mm_overlaps(struct vmem_mm *mm, unsigned long start,
			     unsigned long last)
{
	return interval_tree_iter_first(&mm->spans, start, last);
}

/* Return: whether a span is invalidated. */
static bool vmem_mm_begin(struct vmem_mm *mm, unsigned long start,
			  unsigned long last)
{
	lockdep_assert_held_write(&mm->guest->residency);
	mm->active++;
	if (!vmem_mm_overlaps(mm, start, last))
		return false;
	mm->start = mm->busy ? min(mm->start, start) : start;
	mm->last = mm->busy ? max(mm->last, last) : last;
	mm->busy++;
	return true;
}

static void vmem_mm_end(struct vmem_mm *mm, unsigned long start,
			unsigned long last)
{
	struct vmem_span *span, *next;

	lockdep_assert_held_write(&mm->guest->residency);
	if (vmem_mm_overlaps(mm, start, last)) {
		mm->sequence++;
		mm->busy--;
	}
	if (--mm->active)
		return;
	list_for_each_entry_safe(span, next, &mm->gone, gone) {
		interval_tree_remove(&span->node, &mm->spans);
		list_del(&span->gone);
		kfree(span);
	}
}

static int vmem_mm_range_start(struct mmu_notifier *notifier,
			       const struct mmu_notifier_range *range)
{
	struct vmem_mm *mm = vmem_mm_of(notifier);
	rwlock_t *residency = &mm->guest->residency;
	bool busy;

	write_lock(residency);
	busy = vmem_mm_begin(mm, range->start, range->end - 1);
	write_unlock(residency);
	if (busy)
		vmem_mm_drop(mm, range->start, range->end - 1);
	return 0;
}

static void vmem_mm_range_end(struct mmu_notifier *notifier,
			      const struct mmu_notifier_range *range)
{
	struct vmem_mm *mm = vmem_mm_of(notifier);
	rwlock_t *residency = &mm->guest->residency;

	write_lock(residency);
	vmem_mm_end(mm, range->start, range->end - 1);
	write_unlock(residency);
	wake_up_all(&mm->wait);
}

/* The address space ends: no callback for ranges comes after this one. */
static void vmem_mm_release(struct mmu_notifier *notifier, struct mm_struct *m)
{
	struct vmem_mm *mm = vmem_mm_of(notifier);
	rwlock_t *residency = &mm->guest->residency;

	write_lock(residency);
	mm->dead = true;
	vmem_mm_begin(mm, 0, ULONG_MAX);
	write_unlock(residency);

	vmem_mm_drop(mm, 0, ULONG_MAX);

	write_lock(residency);
	vmem_mm_end(mm, 0, ULONG_MAX);
	write_unlock(residency);
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
	struct vmem_span *span, *next;

	list_for_each_entry_safe(span, next, &mm->gone, gone)
		kfree(span);
	mmdrop(mm->mm);
	kfree(mm);
}

/**
 * vmem_mm_put() - drop a reference to an address space's object
 * @mm:	the object
 *
 * Context: any; its notifier is not registered when the last one goes.
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
	struct vmem_mm *new;
	int ret;

	*mm = vmem_mm_join(guest, NULL);
	if (*mm)
		return 0;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->notifier.ops = &vmem_mm_notifier_ops;
	new->guest = guest;
	new->mm = current->mm;
	mmgrab(new->mm);
	kref_init(&new->refs);
	new->spans = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&new->gone);
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
 * @region:	the region; its mm and span are set
 *
 * Context: sleeps; takes mmap_lock and residency, so that no lock is held.
 * Return: 0; -ENOMEM; -EINTR: there is a signal.
 */
int vmem_mm_attach(struct vmem_region *region)
{
	rwlock_t *residency = &region->guest->residency;
	struct vmem_span *span;
	struct vmem_mm *mm;
	int ret;

	span = kzalloc(sizeof(*span), GFP_KERNEL_ACCOUNT);
	if (!span)
		return -ENOMEM;
	span->region = region;
	span->node.start = region->user_addr;
	span->node.last = region->user_addr + (region->len - 1);

	ret = vmem_mm_make(region->guest, &mm);
	if (ret)
		goto err_span;
	for (;;) {
		write_lock(residency);
		if (!mm->active)
			break;
		write_unlock(residency);
		if (wait_event_interruptible(mm->wait,
					     !READ_ONCE(mm->active))) {
			ret = -EINTR;
			goto err_mm;
		}
	}
	interval_tree_insert(&span->node, &mm->spans);
	write_unlock(residency);
	region->mm = mm;
	region->span = span;
	return 0;

err_mm:
	vmem_mm_leave(mm);
err_span:
	kfree(span);
	return ret;
}

/**
 * vmem_mm_detach() - stop following for a region that isn't live
 * @region:	a user region that was attached
 *
 * The region keeps a reference to its mm, which vmem_mm_put() drops.
 *
 * Context: sleeps; no lock is held.
 */
void vmem_mm_detach(struct vmem_region *region)
{
	struct vmem_span *span = region->span;
	struct vmem_mm *mm = region->mm;

	kref_get(&mm->refs);
	write_lock(&mm->guest->residency);
	span->region = NULL;
	if (mm->active) {
		list_add_tail(&span->gone, &mm->gone);
		span = NULL;
	} else {
		interval_tree_remove(&span->node, &mm->spans);
	}
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

/**
 * vmem_mm_busy() - is the page at an address being invalidated?
 * @mm:		the address space
 * @addr:	of the page
 *
 * Context: residency is held.
 */
bool vmem_mm_busy(const struct vmem_mm *mm, unsigned long addr)
{
	return mm->busy && addr >= (mm->start & PAGE_MASK) && addr <= mm->last;
}

static bool vmem_mm_quiet(struct vmem_region *region, unsigned long addr)
{
	struct vmem_mm *mm = region->mm;
	bool quiet;

	read_lock(&mm->guest->residency);
	quiet = mm->dead || !region->live || !vmem_mm_busy(mm, addr);
	read_unlock(&mm->guest->residency);
	return quiet;
}

/**
 * vmem_mm_wait() - wait until the page at an address isn't being invalidated,
 *		    or there is no use in waiting
 * @region:	a region that the caller has a reference to
 * @addr:	of the page
 *
 * Context: sleeps; takes residency.
 * Return: 0, -EINTR: killed.
 */
int vmem_mm_wait(struct vmem_region *region, unsigned long addr)
{
	if (wait_event_killable(region->mm->wait, vmem_mm_quiet(region, addr)))
		return -EINTR;
	return 0;
}
