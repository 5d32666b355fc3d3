/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages of a guest are resident: can be reached at a host address now.
 */
#ifndef _VMEM_MODULE_RESIDENCY_H
#define _VMEM_MODULE_RESIDENCY_H

#include <linux/bitops.h>
#include <linux/types.h>

#include "../vmem/vmem.h"
#include "../vmem/pool.h"
#include "block.h"
#include "guest.h"
#include "region.h"
#include "scratch.h"

#define VMEM_PIECE_TABLES	64
#define VMEM_NOWHERE		BIT_ULL(63)	/* beyond the addresses of tables */
#define VMEM_SIBLINGS_MAX	64

/* No fewer than the addresses that a translation resolves together. */
#define VMEM_REFUSED_MAX	32

/**
 * struct vmem_absence - what a call keeps that has met something absent
 * @siblings:	tables that may be made resident with the one that is needed
 * @pages:	scratch of vmem_piece_resident()
 * @refused:	pages that the host refused, lately, in this call: they are
 *		outside
 * @nr_refused:	ever
 */
struct vmem_absence {
	vmem_phys_t siblings[VMEM_SIBLINGS_MAX];
	struct page *pages[VMEM_SIBLINGS_MAX];
	vmem_phys_t refused[VMEM_REFUSED_MAX];
	unsigned int nr_refused;
};

/**
 * struct vmem_piece - the context of the table ops: a piece, and what is kept
 *		       from one to the next
 * @guest:	whose memory
 * @tables:	that this piece may still visit
 * @gone:	vmem_guest.gone: as long as it is the same, the next five are good
 * @region:	where the last table lay
 * @block:	and its block of addresses
 * @block_gpa:	what @block begins with, VMEM_NOWHERE: there is none
 * @frame_gpa:	where the region of the last frame begins
 * @frame_len:	its bytes, 0: there was none
 * @table:	the last table that this piece has reached, of translations the one that
 *		names what is absent; NULL: none
 * @dirty:	of the last one that is to be written, the word where that is marked
 * @dirty_offset: by its place in its region
 * @absent:	the region of a table that was found absent, referenced while it is
 *		being made resident
 * @intent:	what that table is for
 * @wanted:	the table
 * @nr_siblings: of it, that may be made resident with it
 * @absence:	for these, NULL: nothing was absent yet in this call; a changing one
 *		does without, too
 * @changing:	a changing call: it ends where a page is refused
 * @supply:	of a changing call: where its tables come from; guarded by
 *		vmem_guest.lock
 * @shared_root: of a changing call: the root, if other spaces have it and it is
 *		no table of a pool, else VMEM_NO_TABLE
 * @shared_owner: likewise of the space for which it makes a table
 * @root:	of a changing call: where its space's root is named
 * @movable:	of a changing call: frozen tables may move
 */
struct vmem_piece {
	struct vmem_guest *guest;
	unsigned int tables;

	u64 gone;
	struct vmem_region *region;
	struct vmem_block *block;
	vmem_phys_t block_gpa;
	vmem_phys_t frame_gpa;
	u64 frame_len;
	const vmem_pte_t *table;
	unsigned long *dirty;
	u64 dirty_offset;

	struct vmem_region *absent;
	enum vmem_intent intent;
	vmem_phys_t wanted;
	u32 nr_siblings;
	struct vmem_absence *absence;

	bool changing;
	struct vmem_pages supply;
	vmem_table_t shared_root;
	vmem_table_t shared_owner;
	struct vmem_root **root;
	bool movable;
};

/*
 * The number of a page in a block that begins at @start; not below VMEM_BLOCK_WORDS
 * where @gpa lies elsewhere, or isn't the begin of a page.
 */
static inline u64 vmem_piece_page(vmem_phys_t gpa, vmem_phys_t start)
{
	return ror64(gpa - start, PAGE_SHIFT);
}

static inline void vmem_piece_forget(struct vmem_piece *piece)
{
	piece->gone = piece->guest->gone;
	piece->region = NULL;
	piece->block_gpa = VMEM_NOWHERE;
	piece->frame_len = 0;
}

/**
 * vmem_piece_init() - a context for pieces of work on a guest
 * @piece:	all of it is set that isn't when a piece begins
 * @guest:	whose memory
 */
static inline void vmem_piece_init(struct vmem_piece *piece, struct vmem_guest *guest)
{
	struct vmem_reservation *res = &piece->supply.res;

	/* member by member: a string store is slow for so little */
	piece->guest = guest;
	piece->absent = NULL;
	piece->absence = NULL;
	piece->changing = false;
	piece->supply.pool = NULL;
	res->first = NULL;
	res->last = NULL;
	res->nr = 0;
	res->links = 0;
	res->pass = 0;
	res->check = 0;
	piece->shared_root = VMEM_NO_TABLE;
	piece->shared_owner = VMEM_NO_TABLE;
	piece->root = NULL;
	piece->movable = false;
	piece->gone = U64_MAX;
}

/**
 * vmem_piece_exit() - the end of vmem_piece_init()
 * @piece:	the context
 */
static inline void vmem_piece_exit(struct vmem_piece *piece)
{
	vmem_scratch_free(piece->absence, sizeof(*piece->absence));
}

/**
 * vmem_piece_begin() - begin a piece
 * @piece:	the context
 *
 * Context: takes residency for reading. The guest's lock is held.
 */
static inline void vmem_piece_begin(struct vmem_piece *piece)
	__acquires(&piece->guest->residency)
{
	lockdep_assert_held(&piece->guest->lock);
	read_lock(&piece->guest->residency);
	piece->tables = VMEM_PIECE_TABLES;
	piece->table = NULL;
	piece->dirty = NULL;
	if (piece->gone != piece->guest->gone)
		vmem_piece_forget(piece);
}

/**
 * vmem_piece_end() - end a piece
 * @piece:	the context
 *
 * Context: lets residency go.
 */
static inline void vmem_piece_end(struct vmem_piece *piece)
	__releases(&piece->guest->residency)
{
	read_unlock(&piece->guest->residency);
}

int vmem_piece_resident(struct vmem_piece *piece);
int vmem_piece_lookup(struct vmem_piece *piece, vmem_phys_t gpa,
		      enum vmem_intent intent, vmem_pte_t **host);
void vmem_piece_written(struct vmem_piece *piece);
bool vmem_piece_in_memory(struct vmem_piece *piece, vmem_phys_t gpa, u64 *same);

#endif /* _VMEM_MODULE_RESIDENCY_H */
