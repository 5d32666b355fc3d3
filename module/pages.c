// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of a guest are resident, and making them so. The only file that
 * knows struct page and the host's page size.
 *
 * A piece holds residency for reading; the addresses that it is given are good
 * until it ends. What it finds absent is made resident between two pieces,
 * with no lock held, and looked up again.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "pages.h"

/**
 * vmem_scratch_alloc() - memory for as long as a call or a walk lasts
 * @size:	bytes
 *
 * Whole pages, which go back at once: of objects of this size, slabs would
 * keep many, charged to the caller's memory cgroup.
 *
 * Context: sleeps.
 * Return: zeroed memory, for vmem_scratch_free(); NULL.
 */
void *vmem_scratch_alloc(size_t size)
{
	return alloc_pages_exact(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

/**
 * vmem_scratch_free() - the end of vmem_scratch_alloc()
 * @scratch:	the memory, or NULL
 * @size:	bytes
 */
void vmem_scratch_free(void *scratch, size_t size)
{
	if (scratch)
		free_pages_exact(scratch, size);
}

/**
 * vmem_piece_init() - a context for pieces of work on a guest
 * @piece:	zeroed
 * @guest:	whose memory
 */
void vmem_piece_init(struct vmem_piece *piece, struct vmem_guest *guest)
{
	piece->guest = guest;
	piece->shared_root = VMEM_NO_TABLE;
	vmem_reservation_init(&piece->supply.res);
}

/**
 * vmem_piece_begin() - begin a piece
 * @piece:	the context
 *
 * Context: takes residency for reading. The guest's lock is held.
 */
void vmem_piece_begin(struct vmem_piece *piece)
	__acquires(&piece->guest->residency)
{
	lockdep_assert_held(&piece->guest->lock);
	read_lock(&piece->guest->residency);
	piece->tables = VMEM_PIECE_TABLES;
	piece->region = NULL;
	piece->block = NULL;
	piece->frame = NULL;
	piece->table = NULL;
}

/**
 * vmem_piece_end() - end a piece
 * @piece:	the context
 *
 * Context: lets residency go.
 */
void vmem_piece_end(struct vmem_piece *piece)
	__releases(&piece->guest->residency)
{
	read_unlock(&piece->guest->residency);
}

static bool vmem_region_reachable(const struct vmem_region *region)
{
	return region->live && !(region->mm && region->mm->dead);
}

/**
 * vmem_region_at() - the region that an address lies in
 * @guest:	the guest
 * @gpa:	any address
 *
 * Context: residency is held.
 * Return: a region that is live and whose address space isn't dead; NULL.
 */
struct vmem_region *vmem_region_at(struct vmem_guest *guest, vmem_phys_t gpa)
{
	struct interval_tree_node *node;
	struct vmem_region *region;

	node = interval_tree_iter_first(&guest->regions, gpa, gpa);
	if (!node)
		return NULL;
	region = container_of(node, struct vmem_region, node);
	return vmem_region_reachable(region) ? region : NULL;
}

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
		piece->frame = region;
		*same = region->gpa + region->len - gpa;
		return true;
	}
	*same = U64_MAX - gpa;
	return false;
}

static bool vmem_piece_refused(const struct vmem_piece *piece, vmem_phys_t gpa)
{
	unsigned int i, nr = min_t(unsigned int, piece->nr_refused,
				   VMEM_REFUSED_MAX);

	for (i = 0; i < nr; i++)
		if (piece->refused[i] == (gpa & PAGE_MASK))
			return true;
	return false;
}

/**
 * vmem_piece_lookup() - the host address of a table
 * @piece:	the context
 * @gpa:	the table
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
	u64 nr;

	lockdep_assert_held_read(&piece->guest->residency);
	if (!region || gpa - region->gpa >= region->len) {
		region = vmem_region_at(piece->guest, gpa);
		piece->region = region;
		piece->block = NULL;
	}
	if (!region)
		return VMEM_OUTSIDE;
	if (intent == VMEM_WRITE && region->frozen)
		return piece->movable ? VMEM_FROZEN : -EROFS;

	nr = (gpa - region->gpa) >> VMEM_BLOCK_LG2;
	block = xa_load(&region->blocks, nr);
	if (block)
		word = READ_ONCE(block->host[((gpa - region->gpa) >> PAGE_SHIFT) %
					     VMEM_BLOCK_WORDS]);
	if (word && region->kind == VMEM_IOC_REGION_OWNED &&
	    PageHWPoison(virt_to_page((void *)(word & PAGE_MASK))))
		word = 0;
	else if (!word && region->kind == VMEM_IOC_REGION_OWNED &&
		 intent == VMEM_READ)
		word = (unsigned long)page_address(ZERO_PAGE(0));
	else if (block && region->kind == VMEM_IOC_REGION_USER) {
		piece->block = block;
		piece->block_gpa = region->gpa + (nr << VMEM_BLOCK_LG2);
	}

	if (word && (intent == VMEM_READ || word & VMEM_HOST_WRITE)) {
		*host = (vmem_pte_t *)((word & PAGE_MASK) + offset_in_page(gpa));
		piece->table = *host;
		return 0;
	}
	if (intent == VMEM_READ && vmem_piece_refused(piece, gpa))
		return VMEM_OUTSIDE;
	piece->absent_gpa = gpa;
	piece->absent_intent = intent;
	piece->absent = region;
	return VMEM_ABSENT;
}

/**
 * vmem_piece_absent() - the engine met a table that is absent
 * @piece:	the context; siblings of the table may be added to it
 *
 * vmem_piece_resident() is to follow, with no lock held.
 *
 * Context: the piece that the engine ended with VMEM_ABSENT.
 */
void vmem_piece_absent(struct vmem_piece *piece)
{
	vmem_region_get(piece->absent);
	piece->nr_siblings = 0;
}

/**
 * vmem_block_free() - free a block that isn't in a region any more
 * @block:	the block
 */
void vmem_block_free(struct vmem_block *block)
{
	free_page((unsigned long)block);
}

/**
 * vmem_block_make() - see that a block of addresses is there
 * @region:	the region
 * @nr:		number of the block
 *
 * Context: sleeps.
 * Return: the block, good until the notifier comes; NULL: no memory.
 */
struct vmem_block *vmem_block_make(struct vmem_region *region, u64 nr)
{
	struct vmem_block *block, *old;

	BUILD_BUG_ON(sizeof(*block) != PAGE_SIZE);
	block = xa_load(&region->blocks, nr);
	if (block)
		return block;
	block = (struct vmem_block *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!block)
		return NULL;
	old = xa_cmpxchg(&region->blocks, nr, NULL, block, GFP_KERNEL_ACCOUNT);
	if (!old)
		return block;
	vmem_block_free(block);
	return xa_is_err(old) ? NULL : old;
}

/* The page of an owned region at @offset, made if need be; NULL: no memory. */
static struct page *vmem_owned_page(struct vmem_region *region, u64 offset)
{
	struct mem_cgroup *memcg = set_active_memcg(region->memcg);
	struct page *page = NULL, *new;
	struct vmem_block *block;
	unsigned long *at, word;

	block = vmem_block_make(region, offset >> VMEM_BLOCK_LG2);
	if (!block)
		goto out;
	at = &block->host[(offset >> PAGE_SHIFT) % VMEM_BLOCK_WORDS];
	word = READ_ONCE(*at);
	if (!word) {
		new = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!new)
			goto out;
		/* Pairs with the READ_ONCE()s: the page is zeroed first. */
		word = cmpxchg(at, 0, (unsigned long)page_address(new) |
				      VMEM_HOST_WRITE);
		if (!word) {
			atomic_long_inc(&region->nr_pages);
			page = new;
			goto out;
		}
		__free_page(new);
	}
	page = virt_to_page((void *)(word & PAGE_MASK));
out:
	set_active_memcg(memcg);
	return page;
}

/**
 * vmem_owned_fault() - a fault in a mapping of an owned region
 * @region:	the region
 * @vmf:	the fault
 * @offset:	of the page in the region
 *
 * Context: under mmap_lock.
 * Return: 0 with vmf->page referenced, and not locked, as it has no mapping;
 * VM_FAULT_OOM, VM_FAULT_HWPOISON.
 */
vm_fault_t vmem_owned_fault(struct vmem_region *region, struct vm_fault *vmf,
			    u64 offset)
{
	struct page *page = vmem_owned_page(region, offset);

	if (!page)
		return VM_FAULT_OOM;
	if (PageHWPoison(page))
		return VM_FAULT_HWPOISON;
	get_page(page);
	vmf->page = page;
	return 0;
}

/**
 * vmem_owned_release() - let the pages of an owned region go
 * @region:	the region, which nobody reaches any more
 *
 * A page that somebody else holds lives on.
 *
 * Context: sleeps.
 */
void vmem_owned_release(struct vmem_region *region)
{
	struct vmem_block *block;
	unsigned long nr;
	unsigned int i;

	xa_for_each(&region->blocks, nr, block) {
		for (i = 0; i < VMEM_BLOCK_WORDS; i++)
			if (block->host[i])
				put_page(virt_to_page((void *)(block->host[i] &
							       PAGE_MASK)));
		cond_resched();
	}
}

static int vmem_owned_resident(struct vmem_piece *piece)
{
	struct vmem_region *region = piece->absent;
	struct page *page;

	page = vmem_owned_page(region, piece->absent_gpa - region->gpa);
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

/* Those of the siblings that come at once; the others stay absent. */
static void vmem_user_get_siblings(struct vmem_piece *piece)
{
	struct vmem_region *region = piece->absent;
	u32 i;

	for (i = 0; i < piece->nr_siblings; i++) {
		vmem_phys_t gpa = piece->siblings[i];

		piece->pages[i] = NULL;
		if (gpa - region->gpa >= region->len || need_resched())
			continue;
		if (vmem_user_get(region, gpa, FOLL_NOWAIT, &piece->pages[i],
				  NULL)) {
			piece->pages[i] = NULL;
			continue;
		}
		/* Only for a page that there is: a guest names any. */
		if (!vmem_block_make(region,
				     (gpa - region->gpa) >> VMEM_BLOCK_LG2)) {
			put_page(piece->pages[i]);
			piece->pages[i] = NULL;
		}
	}
}

/* Return: whether the page's address is stored, or need not be. */
static bool vmem_user_store(struct vmem_region *region, vmem_phys_t gpa,
			    struct page *page, enum vmem_intent intent)
{
	u64 offset = gpa - region->gpa;
	struct vmem_block *block;
	unsigned long *at;

	lockdep_assert_held_write(&region->guest->residency);
	if (vmem_mm_busy(region->mm, vmem_user_addr(region, gpa)))
		return false;
	block = xa_load(&region->blocks, offset >> VMEM_BLOCK_LG2);
	if (!block)
		return false;
	at = &block->host[(offset >> PAGE_SHIFT) % VMEM_BLOCK_WORDS];
	if (intent == VMEM_WRITE)
		*at = (unsigned long)page_address(page) | VMEM_HOST_WRITE;
	else if (!*at)
		*at = (unsigned long)page_address(page);
	return true;
}

static bool vmem_user_store_all(struct vmem_piece *piece, struct page *page,
				u64 sequence)
{
	struct vmem_region *region = piece->absent;
	bool stored;
	u32 i;

	write_lock(&piece->guest->residency);
	if (!vmem_region_reachable(region)) {
		/* It will be found outside. */
		stored = true;
	} else if (region->mm->sequence != sequence) {
		stored = false;
	} else {
		stored = vmem_user_store(region, piece->absent_gpa, page,
					 piece->absent_intent);
		for (i = 0; i < piece->nr_siblings; i++)
			if (piece->pages[i])
				vmem_user_store(region, piece->siblings[i],
						piece->pages[i], VMEM_READ);
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
	bool write = piece->absent_intent == VMEM_WRITE;
	struct vmem_region *region = piece->absent;
	struct mm_struct *mm = region->mm->mm;
	struct page *page;
	int locked = 1, ret;
	u64 sequence;
	u32 i;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	sequence = vmem_mm_sample(region->mm);

	ret = mmap_read_lock_killable(mm);
	if (ret)
		goto out_mm;
	ret = vmem_user_get(region, piece->absent_gpa, write ? FOLL_WRITE : 0,
			    &page, &locked);
	if (ret || !locked)
		piece->nr_siblings = 0;
	else
		vmem_user_get_siblings(piece);
	if (locked)
		mmap_read_unlock(mm);
	if (ret)
		goto out_mm;

	if (!vmem_block_make(region, (piece->absent_gpa - region->gpa) >>
				     VMEM_BLOCK_LG2))
		ret = -ENOMEM;
	else if (!vmem_user_store_all(piece, page, sequence))
		ret = -EAGAIN;
	put_page(page);
	for (i = 0; i < piece->nr_siblings; i++)
		if (piece->pages[i])
			put_page(piece->pages[i]);
out_mm:
	mmput_async(mm);
	return ret;
}

static int vmem_user_resident(struct vmem_piece *piece)
{
	unsigned long addr = vmem_user_addr(piece->absent, piece->absent_gpa);
	int ret;

	for (;;) {
		ret = vmem_user_try(piece);
		if (ret != -EAGAIN)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = vmem_mm_wait(piece->absent, addr);
		if (ret)
			return ret;
		cond_resched();
	}
}

/* May the page that can't be had for writing be read at least? */
static int vmem_piece_why(struct vmem_piece *piece)
{
	int ret;

	piece->absent_intent = VMEM_READ;
	ret = vmem_user_resident(piece);
	return ret ?: -EROFS;
}

/**
 * vmem_piece_resident() - make what was found absent resident
 * @piece:	the context, after vmem_piece_absent()
 *
 * A page that the host refuses to be read is outside for the rest of the
 * call; a changing call ends.
 *
 * Context: sleeps, for as long as a fault of userspace does; no lock is held.
 * Return: 0: look again; -EINTR: killed; -ENOMEM; for writing -EROFS; in a
 * changing call -ENXIO, -EIO: poisoned.
 */
int vmem_piece_resident(struct vmem_piece *piece)
{
	struct vmem_region *region = piece->absent;
	enum vmem_intent intent = piece->absent_intent;
	int ret;

	might_sleep();
	if (fatal_signal_pending(current)) {
		ret = -EINTR;
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
		piece->refused[piece->nr_refused++ % VMEM_REFUSED_MAX] =
			piece->absent_gpa & PAGE_MASK;
		ret = 0;
	}
	piece->absent = NULL;
	vmem_region_put(region);
	return ret;
}
