/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory for the tests, with the trouble that a real one makes, and
 * the table ops over it.
 *
 * The memory has four parts: three of tables, and one of pages. Places in it are
 * given as a part and the number of a table, or of a page, in it.
 */
#ifndef _VMEM_KUNIT_GUEST_H
#define _VMEM_KUNIT_GUEST_H

#include <kunit/test.h>

#include "../vmem/vmem.h"
#include "../vmem/records.h"

enum guest_part {
	PART_POOL,		/* tables that vmem makes */
	PART_FOREIGN,		/* tables of the guest's own */
	PART_FROZEN,		/* the same, and may not be written */
	PART_DATA,		/* no table is made here; reads as zeroes */
	NR_PARTS,
};

#define POOL_TABLES	48
#define FOREIGN_TABLES	16
#define FROZEN_TABLES	8
#define DATA_PAGES	32
#define DATA_FIRST	512	/* the number of the first of these pages */
#define OUTSIDE_PAGE	240	/* and of one that isn't memory */
#define ALL_TABLES	(POOL_TABLES + FOREIGN_TABLES + FROZEN_TABLES)
#define NR_SPACES	9
#define NR_LINKS	64	/* records that are lent, at most */

/* Numbers that look random and are the same for a seed everywhere. */
struct vt_random {
	u64 state;
};

u64 vt_random(struct vt_random *random);
/* 0 to @below - 1 */
u32 vt_random_below(struct vt_random *random, u32 below);

struct guest_range {
	vmem_phys_t gpa;
	u64 len;
	u8 *bytes;
	u8 *elsewhere;
	u8 *before;
	u64 before_len;
};

/**
 * struct guest - a guest's memory
 * @page_lg2:	of a page
 * @table_lg2:	of a table
 * @calls:	how often a table was asked for
 * @pauses:	how often it was asked for a pause
 * @made:	tables of those set aside that were told to be written since the last one
 * @made_most:	how many ever were between two such questions
 * @absent_at:	the call, counted from 1, that finds its page absent; 0: none
 * @pause_at:	the question for a pause, counted from 1, that gets a yes
 * @absent_one_in: one of so many calls, at random, finds its page absent
 * @pause_one_in: and so on
 * @gone:	this table is always absent
 * @others:	and this one is of another pool
 * @held:	what another call has set aside
 * @lent:	of @links, records that were lent
 * @lend_most:	and will be
 * @movable:	frozen tables may move
 * @foreign_frozen: the guest's own are frozen by now
 * @space:	the space that is changed
 * @roots:	of the spaces
 * @change:	called in each call: a vCPU that writes
 * @asked:	the table that the call is for
 * @told:	tables that were told to be written since guest_remember(), in the
 *		order of their addresses
 * @told_amiss:	one was told that isn't the one asked for last
 * @told_none:	the ops don't tell
 */
struct guest {
	struct guest_range parts[NR_PARTS];
	unsigned int page_lg2;
	unsigned int table_lg2;

	struct vmem_pool pool;
	struct vmem_pool_range pool_range;
	struct vmem_pages pages;
	struct vmem_reservation held;
	struct vmem_link_store store;
	struct vmem_root *roots[NR_SPACES];
	struct vmem_root root_storage[NR_SPACES];
	struct vmem_link *links;
	u32 lent;
	u32 lend_most;
	void *pool_storage;
	u64 pool_bytes;

	u64 calls;
	u64 pauses;
	u32 made;
	u32 made_most;
	u64 absent_at;
	u64 pause_at;
	u32 absent_one_in;
	u32 pause_one_in;
	struct vt_random random;
	vmem_table_t gone;
	vmem_table_t others;
	bool movable;
	bool foreign_frozen;
	u32 space;
	void (*change)(struct guest *guest);
	vmem_table_t asked;
	bool told[ALL_TABLES];
	bool told_amiss;
	bool told_none;
	void *private;
};

void guest_init(struct kunit *test, struct guest *guest,
		const struct vmem_format *fmt);
/* All memory zero, all tables free, no trouble. */
void guest_reset(struct guest *guest);
void guest_calm(struct guest *guest);
/* All tables lie at other addresses of the host now. */
void guest_elsewhere(struct guest *guest);

vmem_phys_t guest_gpa(const struct guest *guest, enum guest_part part, u32 nr);
/* NULL: outside */
vmem_pte_t *guest_host(const struct guest *guest, vmem_phys_t gpa);
bool guest_writable(const struct guest *guest, vmem_phys_t gpa);
/* Is all of it memory? */
bool guest_has(const struct guest *guest, vmem_phys_t gpa, u64 len);
u64 guest_read(const struct guest *guest, vmem_phys_t table, unsigned int index);
void guest_write(struct guest *guest, vmem_phys_t table, unsigned int index,
		 u64 entry);

int guest_from_phys(void *ctx, vmem_table_t table, enum vmem_intent intent,
		    vmem_pte_t **host);
bool guest_in_memory(void *ctx, vmem_phys_t gpa, u64 *same);
bool guest_pause(void *ctx, unsigned int nr);
enum vmem_owner guest_owner(void *ctx, vmem_table_t table, unsigned int level,
			    vmem_table_t parent, unsigned int slot, u32 *links);
struct vmem_pages *guest_pages(void *ctx);
void guest_update_root(void *ctx, unsigned int level);
void guest_written(void *ctx, vmem_table_t table);
/*
 * What the first @nr[] tables of each part hold now, NULL: all; none is told to be
 * written yet.
 */
void guest_remember(struct guest *guest, const u32 *nr);
/* One of them that holds something else now and wasn't told of, or VMEM_NO_TABLE. */
vmem_table_t guest_untold(const struct guest *guest);
bool guest_was_told(const struct guest *guest, vmem_phys_t gpa);
u32 guest_nr_told(const struct guest *guest);
/* One record more is lent, as long as there are some. */
int guest_lend(struct guest *guest);
/* So many pages and records are set aside: 0, or why not. */
int guest_reserve(struct guest *guest, u64 nr, u64 links);
/* A change is over. */
void guest_unreserve(struct guest *guest);

/* The engine is handed them as a constant. */
static const struct vmem_table_ops guest_ops __maybe_unused = {
	.read = {
		.from_phys	= guest_from_phys,
		.in_memory	= guest_in_memory,
		.pause		= guest_pause,
	},
	.movability	= VMEM_MAY_MOVE_TABLE,
	.owner		= guest_owner,
	.pages		= guest_pages,
	.update_root	= guest_update_root,
	.written	= guest_written,
};

#endif /* _VMEM_KUNIT_GUEST_H */
