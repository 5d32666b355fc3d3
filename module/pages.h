/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions of a guest's memory, and which of their pages are resident: can be
 * reached at a host address now.
 *
 * A user region follows the mapping of its process, as KVM's memslots do: no
 * reference to a page is kept, and the notifier takes an address away before
 * the page goes. An owned region has pages of its own, which stay.
 */
#ifndef _VMEM_MODULE_PAGES_H
#define _VMEM_MODULE_PAGES_H

#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "../vmem/vmem.h"
#include "../vmem/pool.h"
#include "guest.h"

struct mem_cgroup;
struct user_struct;

/*
 * Host addresses of the pages of a region, in blocks. A word is the address of
 * a page, or 0; VMEM_HOST_WRITE tells that it was got for writing.
 */
#define VMEM_BLOCK_WORDS_LG2	(PAGE_SHIFT - 3)
#define VMEM_BLOCK_WORDS	BIT(VMEM_BLOCK_WORDS_LG2)
#define VMEM_BLOCK_LG2		(PAGE_SHIFT + VMEM_BLOCK_WORDS_LG2)
#define VMEM_HOST_WRITE		BIT(0)

struct vmem_block {
	unsigned long host[VMEM_BLOCK_WORDS];
};

/* Addresses of a process, both ends included. */
struct vmem_range {
	unsigned long start;
	unsigned long last;
};

/**
 * struct vmem_mm - an address space that user regions of a guest lie in
 * @notifier:	tells what happens to its pages
 * @guest:	immutable; outlives the notifier's registration
 * @mm:		immutable; grabbed, as the notifier's own reference goes with its
 *		registration, while a page may still be made resident
 * @refs:	the regions, and those who make pages resident
 * @link:	in vmem_guest.mms
 * @spans:	where regions lie in it
 * @regions:	how many regions there are
 * @dead:	the address space has ended
 * @sequence:	invalidations of a span that have ended
 * @ranges:	what is being invalidated, of whatever, in no order
 * @nr_ranges:	how many these are
 * @max_ranges: and how many there is room for
 * @nr_rest:	invalidations under way that there was no room for
 * @rest:	what they invalidate, all together
 * @full:	there was no room since more was made
 * @wait:	for the end of invalidations, for @dead and dead regions
 *
 * All from @link to @full is guarded by vmem_guest.residency.
 */
struct vmem_mm {
	struct mmu_notifier notifier;
	struct vmem_guest *guest;
	struct mm_struct *mm;
	struct kref refs;
	struct list_head link;
	struct rb_root_cached spans;
	unsigned int regions;
	bool dead;
	u64 sequence;
	struct vmem_range *ranges;
	unsigned int nr_ranges;
	unsigned int max_ranges;
	unsigned long nr_rest;
	struct vmem_range rest;
	bool full;
	wait_queue_head_t wait;
};

/* Where a region lies in an address space. Guarded by residency. */
struct vmem_span {
	struct interval_tree_node node;
	struct vmem_region *region;	/* NULL: gone, and out of the tree */
	unsigned int users;		/* who hold it, without the lock */
};

/**
 * struct vmem_region - a range of guest-physical memory
 * @object:	its id
 * @refs:	the guest, mappings, and those who make pages resident
 * @guest:	immutable
 * @kind:	VMEM_IOC_REGION_*, immutable
 * @gpa:	first address, immutable
 * @len:	bytes, immutable
 * @node:	in vmem_guest.regions; guarded by residency
 * @live:	published and not destroyed; guarded by residency
 * @frozen:	nothing is written here; guarded by vmem_guest.lock and by
 *		residency: either suffices for reading
 * @mappings:	VMAs of it; guarded by the lock of ids
 * @pool_ranges: ranges of pools that touch it; guarded by vmem_guest.lock
 * @blocks:	struct vmem_block by their number. Of a user region: the words
 *		are guarded by residency, and so is taking a block out. Of an
 *		owned one: nothing is taken out or changed once it is there.
 * @mm:		user: where it lies, immutable
 * @user_addr:	user: address there, immutable
 * @span:	user: likewise; guarded by residency
 * @memcg:	owned: whom its pages are charged to, immutable
 * @user:	owned: whose locked memory it is, NULL: nobody's; immutable
 * @nr_pages:	owned: that there are
 */
struct vmem_region {
	struct vmem_object object;
	struct kref refs;
	struct vmem_guest *guest;
	u32 kind;
	u64 gpa;
	u64 len;
	struct interval_tree_node node;
	bool live;
	bool frozen;
	u32 mappings;
	u32 pool_ranges;
	struct xarray blocks;

	struct vmem_mm *mm;
	unsigned long user_addr;
	struct vmem_span *span;

	struct mem_cgroup *memcg;
	struct user_struct *user;
	atomic_long_t nr_pages;
};

#define VMEM_PIECE_TABLES	64
#define VMEM_SIBLINGS_MAX	64

/* No fewer than the addresses that a translation resolves together. */
#define VMEM_REFUSED_MAX	32

/**
 * struct vmem_piece - the context of the table ops: a piece, and what is kept
 *		       from one to the next
 * @guest:	whose memory
 * @tables:	that this piece may still visit
 * @region:	where the last table lay; good in this piece, as are the next four
 * @block:	and its block of addresses, NULL: none
 * @block_gpa:	what @block begins with
 * @frame:	where the last frame lay
 * @table:	the last table that was reached, NULL: none
 * @absent_gpa:	the table that was found absent
 * @absent_intent: and what for
 * @absent:	its region, referenced while it is being made resident
 * @siblings:	tables that may be made resident with it
 * @nr_siblings: how many
 * @pages:	scratch of vmem_piece_resident()
 * @refused:	pages that the host refused, lately, in this call: they are
 *		outside
 * @nr_refused:	ever
 * @changing:	a changing call: it ends where a page is refused
 * @supply:	of a changing call: where its tables come from; guarded by
 *		vmem_guest.lock
 * @shared_root: of a changing call: the root, if other spaces have it and it is
 *		no table of a pool, else VMEM_NO_TABLE
 * @root:	of a changing call: where its space's root is named
 * @movable:	of a changing call: frozen tables may move
 */
struct vmem_piece {
	struct vmem_guest *guest;
	unsigned int tables;

	struct vmem_region *region;
	struct vmem_block *block;
	vmem_phys_t block_gpa;
	struct vmem_region *frame;
	const vmem_pte_t *table;

	vmem_phys_t absent_gpa;
	enum vmem_intent absent_intent;
	struct vmem_region *absent;
	vmem_phys_t siblings[VMEM_SIBLINGS_MAX];
	u32 nr_siblings;
	struct page *pages[VMEM_SIBLINGS_MAX];

	vmem_phys_t refused[VMEM_REFUSED_MAX];
	unsigned int nr_refused;

	bool changing;
	struct vmem_pages supply;
	vmem_table_t shared_root;
	struct vmem_root **root;
	bool movable;
};

void *vmem_scratch_alloc(size_t size);
void vmem_scratch_free(void *scratch, size_t size);

void vmem_piece_init(struct vmem_piece *piece, struct vmem_guest *guest);
void vmem_piece_begin(struct vmem_piece *piece);
void vmem_piece_end(struct vmem_piece *piece);
void vmem_piece_absent(struct vmem_piece *piece);
int vmem_piece_resident(struct vmem_piece *piece);
int vmem_piece_lookup(struct vmem_piece *piece, vmem_phys_t gpa,
		      enum vmem_intent intent, vmem_pte_t **host);
bool vmem_piece_in_memory(struct vmem_piece *piece, vmem_phys_t gpa, u64 *same);

struct vmem_region *vmem_region_at(struct vmem_guest *guest, vmem_phys_t gpa);
struct vmem_block *vmem_block_make(struct vmem_region *region, u64 nr);
void vmem_block_free(struct vmem_block *block);
vm_fault_t vmem_owned_fault(struct vmem_region *region, struct vm_fault *vmf,
			    u64 offset);
void vmem_owned_release(struct vmem_region *region);

int vmem_mm_attach(struct vmem_region *region);
void vmem_mm_detach(struct vmem_region *region);
void vmem_mm_put(struct vmem_mm *mm);
u64 vmem_mm_sample(struct vmem_mm *mm);
bool vmem_mm_busy(const struct vmem_mm *mm, unsigned long addr);
int vmem_mm_wait(struct vmem_region *region, unsigned long addr);

void vmem_region_get(struct vmem_region *region);
void vmem_region_put(struct vmem_region *region);
bool vmem_region_idle(struct vmem_region *region);
void vmem_region_publish(struct vmem_region *region);
void vmem_region_kill(struct vmem_region *region);
void vmem_region_retire(struct vmem_region *region);
int vmem_region_mmap(struct file *file, struct vm_area_struct *vma);
u64 vmem_region_flags(const struct vmem_region *region);

int vmem_ioctl_region_create(struct vmem_call *call, void *arg);
int vmem_ioctl_region_set(struct vmem_call *call, void *arg);

#endif /* _VMEM_MODULE_PAGES_H */
