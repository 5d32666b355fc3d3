// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of a guest are resident, and making them so.
 *
 * A piece holds residency for reading; the addresses that it is given are good
 * until it ends. What it finds absent is made resident between two pieces,
 * with no lock held, and looked up again.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "residency.h"
#include "scratch.h"

/**
 * vmem_piece_in_memory() - whether an address lies in a region
 * @piece:	the context
 * @gpa:	the address
 * @same:	out: for how many bytes the answer holds at least
 *
 * Context: a piece.
 */
bool vmem_piece_in_memory(struct vmem_piece *piece, vmem_phys_t gpa, u64 *same)
{
	struct rb_root_cached *regions = &piece->guest->regions;
	struct interval_tree_node *node;
	struct vmem_region *region;

	for (node = interval_tree_iter_first(regions, gpa, U64_MAX); node;
	     node = interval_tree_iter_next(node, gpa, U64_MAX)) {
		region = container_of(node, struct vmem_region, node);
		if (!vmem_region_reachable(region))
			continue;
		if (region->gpa > gpa) {
			*same = region->gpa - gpa;
			return false;
		}
		piece->frame_gpa = region->gpa;
		piece->frame_len = region->len;
		*same = region->gpa + region->len - gpa;
		return true;
	}
	*same = U64_MAX - gpa;
	return false;
}

static bool vmem_piece_refused(const struct vmem_piece *piece, vmem_phys_t gpa)
{
	const struct vmem_absence *absence = piece->absence;
	unsigned int i, nr;

	if (!absence)
		return false;
	nr = min_t(unsigned int, absence->nr_refused, VMEM_REFUSED_MAX);
	for (i = 0; i < nr; i++)
		if (absence->refused[i] == (gpa & PAGE_MASK))
			return true;
	return false;
}

/**
 * vmem_piece_lookup() - the host address of a table
 * @piece:	the context
 * @gpa:	the table, wherever it lies
 * @intent:	what for
 * @host:	out: its address
 *
 * Context: a piece.
 * Return: 0; VMEM_OUTSIDE; VMEM_ABSENT; VMEM_FROZEN; -EROFS: frozen, and the
 * space's tables don't move.
 */
int vmem_piece_lookup(struct vmem_piece *piece, vmem_phys_t gpa,
		      enum vmem_intent intent, vmem_pte_t **host)
{
	struct vmem_region *region = piece->region;
	struct vmem_block *block;
	unsigned long word = 0;
	u64 offset;

	lockdep_assert_held_read(&piece->guest->residency);
	if (!region || gpa - region->gpa >= region->len) {
		region = vmem_region_at(piece->guest, gpa);
		piece->region = region;
		piece->block_gpa = VMEM_NOWHERE;
		if (!region)
			return VMEM_OUTSIDE;
		/* what tables name lies beside them, mostly */
		piece->frame_gpa = region->gpa;
		piece->frame_len = region->len;
	}
	if (intent == VMEM_WRITE && region->frozen)
		return piece->movable ? VMEM_FROZEN : -EROFS;

	offset = gpa - region->gpa;
	block = piece->block;
	if (gpa - piece->block_gpa >= BIT_ULL(VMEM_BLOCK_LG2)) {
		block = vmem_block_at(&region->blocks, offset);
		if (block) {
			piece->block = block;
			piece->block_gpa = round_down(offset, BIT_ULL(VMEM_BLOCK_LG2)) +
					   region->gpa;
		}
	}
	if (block)
		word = READ_ONCE(*vmem_block_word(block, offset));
	if (!word && region->kind == VMEM_IOC_REGION_OWNED && intent == VMEM_READ)
		word = (unsigned long)page_address(ZERO_PAGE(0));
	else if (!vmem_host_reached(word))
		word = 0;

	/* what is written can be marked, or it isn't here for that */
	if (intent == VMEM_WRITE) {
		piece->dirty = vmem_dirty_at(&region->dirty, offset);
		piece->dirty_offset = offset;
		if (!piece->dirty)
			word = 0;
	}
	if (word && (intent == VMEM_READ || word & VMEM_HOST_WRITE)) {
		*host = (vmem_pte_t *)((word & PAGE_MASK) + offset_in_page(gpa));
		return 0;
	}
	if (intent == VMEM_READ && vmem_piece_refused(piece, gpa))
		return VMEM_OUTSIDE;
	piece->absent = region;
	piece->intent = intent;
	piece->wanted = gpa;
	piece->nr_siblings = 0;
	return VMEM_ABSENT;
}

/**
 * vmem_piece_written() - the table that was looked up last, for writing, is written
 * @piece:	the context
 *
 * Context: the same piece. Of a call that has the guest alone, at any time; else behind
 * the write.
 */
void vmem_piece_written(struct vmem_piece *piece)
{
	if (piece->changing)
		lockdep_assert_held_write(&piece->guest->lock);
	vmem_dirty_mark(piece->dirty, piece->dirty_offset);
}

static int vmem_owned_resident(struct vmem_piece *piece)
{
	struct vmem_region *region = piece->absent;
	struct page *page;

	page = vmem_owned_page(&region->owned, &region->blocks,
			       piece->wanted - region->gpa);
	if (!page)
		return -ENOMEM;
	return PageHWPoison(page) ? -EHWPOISON : 0;
}

static unsigned long vmem_user_addr(const struct vmem_region *region,
				    vmem_phys_t gpa)
{
	return (region->user_addr + (gpa - region->gpa)) & PAGE_MASK;
}

/* A page that may wait. Return: 0, -errno. */
static int vmem_user_get(struct vmem_region *region, vmem_phys_t gpa,
			 unsigned int flags, struct page **page, int *locked)
{
	long ret;

	ret = vmem_get_user_page(region->mm->mm,
				 vmem_user_addr(region, gpa),
				 flags | FOLL_HWPOISON, page, locked);
	if (ret == 1)
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	switch (ret) {
	case -ENOMEM:
	case -EHWPOISON:
		return ret;
	case 0:
	case -EAGAIN:
	case -EBUSY:
		return -EAGAIN;
	default:
		return -EFAULT;
	}
}

/* The page of a sibling if it comes at once, else NULL: it stays absent. */
static struct page *vmem_user_sibling(struct vmem_region *region, vmem_phys_t gpa)
{
	struct page *page;

	if (gpa - region->gpa >= region->len || need_resched() ||
	    vmem_user_get(region, gpa, FOLL_NOWAIT, &page, NULL))
		return NULL;
	/* Only for a page that there is: a guest names any. */
	if (vmem_block_make(&region->blocks, gpa - region->gpa))
		return page;
	put_page(page);
	return NULL;
}

/* Return: whether the page's address is stored, or need not be. */
static bool vmem_user_store(struct vmem_region *region, vmem_phys_t gpa,
			    struct page *page, enum vmem_intent intent)
{
	u64 offset = gpa - region->gpa;
	struct vmem_block *block;
	unsigned long *at;

	lockdep_assert_held_write(&region->object.guest->residency);
	if (vmem_mm_busy(region->mm, vmem_user_addr(region, gpa)))
		return false;
	block = vmem_block_at(&region->blocks, offset);
	if (!block)
		return false;
	at = vmem_block_word(block, offset);
	if (intent == VMEM_WRITE)
		*at = (unsigned long)page_address(page) | VMEM_HOST_WRITE;
	else if (!*at)
		*at = (unsigned long)page_address(page);
	return true;
}

/* Return: whether that of the page that is needed is stored. */
static bool vmem_user_store_all(struct vmem_piece *piece, struct page *page,
				u64 sequence)
{
	const struct vmem_absence *absence = piece->absence;
	struct vmem_region *region = piece->absent;
	bool stored = true;
	u32 i;

	write_lock(&piece->guest->residency);
	if (!vmem_region_reachable(region)) {
		/* It will be found outside. */
	} else if (region->mm->sequence != sequence) {
		stored = false;
	} else {
		stored = vmem_user_store(region, piece->wanted, page, piece->intent);
		for (i = 0; i < piece->nr_siblings; i++)
			if (absence->pages[i])
				vmem_user_store(region, absence->siblings[i],
						absence->pages[i], VMEM_READ);
	}
	write_unlock(&piece->guest->residency);
	return stored;
}

/*
 * One attempt. Return: 0: stored; -EAGAIN: the page is being invalidated, or
 * was; -EFAULT, -EHWPOISON: refused; -ENOMEM, -EINTR.
 */
static int vmem_user_try(struct vmem_piece *piece)
{
	struct vmem_absence *absence = piece->absence;
	struct vmem_region *region = piece->absent;
	struct mm_struct *mm = region->mm->mm;
	struct page *page = NULL;
	int locked = 1, ret;
	u64 sequence;
	u32 i;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	sequence = vmem_mm_sample(region->mm);

	ret = mmap_read_lock_killable(mm);
	if (ret)
		goto out_mm;
	ret = vmem_user_get(region, piece->wanted,
			    piece->intent == VMEM_WRITE ? FOLL_WRITE : 0,
			    &page, &locked);
	if (ret || !locked)
		piece->nr_siblings = 0;
	for (i = 0; i < piece->nr_siblings; i++)
		absence->pages[i] = vmem_user_sibling(region, absence->siblings[i]);
	if (locked)
		mmap_read_unlock(mm);
	if (ret)
		goto out_mm;

	if (!vmem_block_make(&region->blocks, piece->wanted - region->gpa))
		ret = -ENOMEM;
	else if (!vmem_user_store_all(piece, page, sequence))
		ret = -EAGAIN;
	put_page(page);
	for (i = 0; i < piece->nr_siblings; i++)
		if (absence->pages[i])
			put_page(absence->pages[i]);
out_mm:
	mmput_async(mm);
	return ret;
}

static int vmem_user_resident(struct vmem_piece *piece)
{
	struct vmem_region *region = piece->absent;
	unsigned long addr = vmem_user_addr(region, piece->wanted);
	int ret;

	for (;;) {
		ret = vmem_user_try(piece);
		if (ret != -EAGAIN)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = vmem_mm_wait(region->mm, addr, &region->live);
		if (ret)
			return ret;
		cond_resched();
	}
}

/* May the page that can't be had for writing be read at least? */
static int vmem_piece_why(struct vmem_piece *piece)
{
	int ret;

	piece->intent = VMEM_READ;
	ret = vmem_user_resident(piece);
	return ret ?: -EROFS;
}

/**
 * vmem_piece_resident() - make what was found absent resident
 * @piece:	the context, whose last piece found something absent that is
 *		referenced since; siblings may have been added
 *
 * A page that the host refuses is outside for the rest of the call; a changing call
 * ends, as one does that may read it and not write.
 *
 * Context: sleeps, for as long as a fault of userspace does; no lock is held.
 * Return: 0: look again; -EINTR: killed; -ENOMEM; for writing -EROFS; in a
 * changing call -ENXIO, -EIO: poisoned.
 */
int vmem_piece_resident(struct vmem_piece *piece)
{
	struct vmem_region *region = piece->absent;
	enum vmem_intent intent = piece->intent;
	bool first = !piece->absence && (intent == VMEM_READ || !piece->changing);
	struct vmem_absence *absence;
	int ret;

	might_sleep();
	if (first)
		piece->absence = vmem_scratch_alloc(sizeof(*piece->absence));
	if (fatal_signal_pending(current)) {
		ret = -EINTR;
	} else if (first && (piece->absence || !piece->changing)) {
		/* it is found absent once more, with its siblings */
		ret = piece->absence ? 0 : -ENOMEM;
	} else if (intent == VMEM_WRITE &&
		   !vmem_block_make(&region->dirty,
				    vmem_dirty_place(piece->wanted - region->gpa))) {
		ret = -ENOMEM;
	} else if (region->kind == VMEM_IOC_REGION_OWNED) {
		ret = vmem_owned_resident(piece);
	} else {
		ret = vmem_user_resident(piece);
		if (ret == -EFAULT && intent == VMEM_WRITE)
			ret = vmem_piece_why(piece);
	}

	if (ret == -EHWPOISON)
		ret = -EIO;
	else if (ret == -EFAULT)
		ret = -ENXIO;
	if (!piece->changing && (ret == -EIO || ret == -ENXIO)) {
		absence = piece->absence;
		absence->refused[absence->nr_refused++ % VMEM_REFUSED_MAX] =
			piece->wanted & PAGE_MASK;
		ret = 0;
	}
	piece->absent = NULL;
	vmem_region_put(region);
	return ret;
}
