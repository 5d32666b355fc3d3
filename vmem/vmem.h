/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The page-table core: the one header to read first. It has the words, and what
 * translates, walks and changes; what these need beside that is in translate.h,
 * walk.h and change.h.
 *
 * The core is freestanding C. It allocates nothing, takes no lock, prints
 * nothing, has no globals and does not recurse. It runs in the kernel module,
 * in KUnit and in userspace from the same sources.
 */
#ifndef _VMEM_VMEM_H
#define _VMEM_VMEM_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/types.h>
#include <asm/byteorder.h>

/**
 * DOC: vmem language
 *
 * table
 *	A page of entries, named by its guest-physical address.
 * entry
 *	A little-endian 64-bit word of a table. It is not present, or names a
 *	table one level below, or is a leaf, or is malformed (present, and such
 *	that an MMU would raise a reserved-bit fault).
 * leaf
 *	An entry that maps a page: of the smallest size in a table of level 0,
 *	of a larger one above.
 * level
 *	How far a table is from the leaves. Level 0 is the table of leaves. The
 *	level of an entry is that of the table that holds it.
 * depth
 *	How far a table is from the root: the root has depth 0.
 * root, space
 *	A space is a root table and the facts of the vCPU that reads it.
 * path
 *	The table entries between the root and a leaf, and what they permit.
 * span
 *	The virtual addresses that a table, or an entry, translates.
 * outside
 *	An address that lies in no memory of the guest.
 * absent
 *	Memory of the guest that can't be reached just now. The engine stops
 *	there, keeps its place, and goes on when it is called again.
 * region
 *	A range of guest-physical memory. A frozen region is not written to: a
 *	table in it moves, where it may, before it is changed.
 * pool
 *	The pages that new tables are taken from, and the record, kept outside
 *	guest memory, of which of them are tables and who links to them.
 * link
 *	An entry, written by vmem, that names a table of a pool; or a space
 *	whose root it is. A table lives until its last link goes.
 * quarantine
 *	Where a freed table waits until every vCPU is known to have forgotten it.
 * extent
 *	A run of leaves contiguous in virtual and in guest-physical addresses,
 *	of one level, equal in all other bits and in the permissions of the path.
 * piece
 *	A stretch of work in which host addresses of tables stay good.
 *
 * A walk, here over four levels, with a reference and an extent::
 *
 *	 level 3         level 2         level 1         level 0
 *	 depth 0         depth 1         depth 2         depth 3
 *	+-------+       +-------+       +-------+       +-------+
 *	| root  |   +-->|       |   +-->|       |   +-->| leaf  |-+
 *	| entry |---+   | entry |---+   | entry |---+   | leaf  | | an extent:
 *	|       |       |       |       |       |       | leaf  |-+ one record
 *	|       |       | leaf ------+  | entry |--+    | hole  |
 *	+-------+       +-------+    |  +-------+  |    +-------+
 *	                             |             |
 *	          a page of 1 GiB <--+             +--> a table met before:
 *	                                                a reference, not entered
 *
 * DOC: names of the reference
 *
 * vmem follows the vmem module of hyperlight. What is called there and here:
 *
 * ==========================================  ================================
 * reference                                   vmem
 * ==========================================  ================================
 * TableReadOps, TableOps                      struct vmem_table_read_ops,
 *                                             struct vmem_table_ops
 * TableMovability                             enum vmem_table_movability
 * MayMoveTable, MayNotMoveTable               VMEM_MAY_MOVE_TABLE,
 *                                             VMEM_MAY_NOT_MOVE_TABLE
 * UpdateParent, UpdateParentNone, Void        struct vmem_update_parent,
 *                                             VMEM_UPDATE_PARENT_NONE,
 *                                             vmem_void()
 * BasicMapping, CowMapping                    struct vmem_basic_mapping,
 *                                             struct vmem_cow_mapping
 * Mapping, MappingKind                        struct vmem_mapping,
 *                                             enum vmem_mapping_kind
 * SpaceReferenceMapping, SpaceAwareMapping    struct
 *                                             vmem_space_reference_mapping,
 *                                             struct vmem_space_aware_mapping
 * SpaceId                                     vmem_space_id_t
 * map, virt_to_phys, walk_va_spaces,          vmem_map(), vmem_virt_to_phys(),
 * space_aware_map                             vmem_walk_va_spaces(),
 *                                             vmem_space_aware_map()
 * PAGE_PRESENT, PAGE_SIZE, PTE_ADDR_MASK,     VMEM_PAGE_PRESENT and so on, in
 * PAGE_TABLE_ENTRIES_PER_TABLE,               the header of the format
 * PAGE_TABLE_SIZE
 * PageTableEntry, PhysAddr, VirtAddr          vmem_pte_t, vmem_phys_t,
 *                                             vmem_virt_t
 * ==========================================  ================================
 */

#include "ops.h"
#include "state.h"

/* The way to a table of leaves, as a change last found it. */
struct vmem_way {
	u64 epoch;		/* of the records of links, and one more; 0: none */
	vmem_virt_t va;
	vmem_table_t table[VMEM_LEVELS_MAX]; /* that no other place has */
	u64 entry[VMEM_LEVELS_MAX]; /* for @va */
	u32 perms;		/* that all of them grant */
	bool foreign;		/* a table isn't ours */
	bool ad_given;		/* of the last mapping there, likewise: */
	u8 kind;
	u32 attrs;
	u32 needs;		/* what the path must grant */
	u64 leaf;		/* the leaf of address 0; 0: there was no mapping */
};

/* A space, as the engine sees it: @way is its own, and zeroes at first. */
struct vmem_space {
	vmem_table_t root;
	struct vmem_facts facts;
	struct vmem_way way;
};

/* Translation */

enum vmem_status {
	VMEM_OK,
	VMEM_NOT_PRESENT,
	VMEM_NON_CANONICAL,
	VMEM_STATUS_RESERVED,
	VMEM_STATUS_OUTSIDE,
	/* of an access: */
	VMEM_STATUS_WRITE,
	VMEM_STATUS_USER,
	VMEM_STATUS_EXEC,
	VMEM_STATUS_SMEP,
	VMEM_STATUS_SMAP,
	VMEM_STATUS_KEY,
	VMEM_STATUS_SHADOW,
};

/* flags of translations and of records, one number for each */
#define VMEM_FRAME_OUTSIDE	BIT(0)	/* no memory: this byte; all of the record */
#define VMEM_FRAME_PARTIAL	BIT(1)	/* not all of the page is memory */
#define VMEM_FRAME_PART		BIT(1)	/* a part of a leaf, to a border of memory */
#define VMEM_RESULT_MAY		BIT(2)	/* a fault may set A */
#define VMEM_RESULT_SECOND	BIT(4)	/* of an access to two pages, the second one */

/**
 * struct vmem_translation - what an address translates to
 * @gpa:	guest-physical address, 0 unless @status is VMEM_OK
 * @entry:	the last entry read, raw; the root's address when that is outside
 * @status:	enum vmem_status
 * @level:	of the table that holds @entry; nr_levels when there is none
 * @page_lg2:	of the leaf, 0 without one
 * @flags:	VMEM_FRAME_OUTSIDE, VMEM_FRAME_PARTIAL, VMEM_RESULT_*
 * @error_code:	0: no access was given
 * @leaf:	attributes of the leaf itself
 * @effective:	R, W, X, U over all levels, VMEM_SHADOW
 * @path:	permissions of the table entries, a nibble a level
 */
struct vmem_translation {
	vmem_phys_t gpa;
	u64 entry;
	u8 status;
	u8 level;
	u8 page_lg2;
	u8 flags;
	u32 error_code;
	u16 leaf;
	u16 effective;
	u32 path;
};

/**
 * vmem_translate() - translate addresses
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	where to translate
 * @vas:	any addresses, sorted or not; tags are taken out
 * @nr:		of them
 * @fetch:	they are of instructions, whose tags aren't taken out
 * @out:	a result an address
 * @entries:	NULL, or VMEM_LEVELS_MAX words an address: the entry read at each
 *		level, 0 where none was
 * @done:	in and out: results that are ready; begins at 0
 *
 * A result is a mixture when a vCPU changes the tables meanwhile, but each
 * entry was read once.
 *
 * Context: a piece. Tables visited: at most nr_levels an address.
 * Return: 0; VMEM_ABSENT or VMEM_PAUSE: call again with the same @done.
 */
static __always_inline int
vmem_translate(const struct vmem_format *fmt, const struct vmem_table_read_ops *ops,
	       void *ctx, const struct vmem_space *space,
	       const vmem_virt_t *vas, u32 nr, bool fetch, struct vmem_translation *out,
	       u64 (*entries)[VMEM_LEVELS_MAX], u32 *done);

/* Walks */

enum vmem_record_type {
	VMEM_REC_MAPPING = 1,
	VMEM_REC_REFERENCE,
	VMEM_REC_HOLE,
	VMEM_REC_BAD,
	VMEM_REC_ABSENT,
	VMEM_REC_END,
	VMEM_REC_NONPRESENT,
};

enum vmem_bad {
	VMEM_BAD_RESERVED = 1,
	VMEM_BAD_OUTSIDE,
	VMEM_BAD_LARGE,
};

enum vmem_end {
	VMEM_END_COMPLETE,
	VMEM_END_BUDGET,
	VMEM_END_CAP,
};

/**
 * struct vmem_space_reference_mapping - a table that the walk met before
 * @their_va:	where its span begins in the space where it was met
 * @span:	bytes of its span
 * @entry:	our entry that names it, raw; its address for a root
 * @owner:	the space where it was met
 */
struct vmem_space_reference_mapping {
	vmem_virt_t their_va;
	u64 span;
	u64 entry;
	vmem_space_id_t owner;
} __packed;

/**
 * struct vmem_space_aware_mapping - a record of a walk
 * @type:	enum vmem_record_type
 * @level:	of the table that holds the entry; nr_levels for a root
 * @detail:	mapping: lg2 of the page; reference: depth of the table;
 *		bad: enum vmem_bad; end: enum vmem_end
 * @flags:	mapping: VMEM_FRAME_OUTSIDE, the same for all of it;
 *		VMEM_FRAME_PART: a part of one leaf
 * @space:	where it was met; end: where a further walk would begin
 * @va:		where it begins; end: where a further walk would begin
 * @gpa:	mapping: what @va translates to; bad, absent: the table named;
 *		end: leaf entries met
 * @len:	bytes; end: references met. Of a root it is all that is left of
 *		the range, in whole pages, as far as 64 bits hold it
 * @entry:	mapping: the entry of its first leaf; bad, absent, not present: the
 *		entry; end: malformed and unreachable entries met
 * @leaf:	mapping: attributes of the leaves themselves
 * @effective:	mapping: R, W, X, U over all levels, VMEM_SHADOW
 * @ref:	of a reference
 * @path:	permissions of the table entries, a nibble a level
 */
struct vmem_space_aware_mapping {
	u8 type;
	u8 level;
	u8 detail;
	u8 flags;
	vmem_space_id_t space;
	vmem_virt_t va;
	union {
		struct {
			vmem_phys_t gpa;
			u64 len;
			u64 entry;
			u16 leaf;
			u16 effective;
		} __packed;
		struct vmem_space_reference_mapping ref;
	};
	u32 path;
} __packed __aligned(8);

struct vmem_seen;

#define VMEM_WALK_FOLLOW	BIT(0)	/* enter tables met before */
#define VMEM_WALK_LEAVES	BIT(1)	/* a record a leaf, no extents */
#define VMEM_WALK_HOLES		BIT(2)	/* records of holes */
#define VMEM_WALK_IGNORE_AD	BIT(3)	/* A and D don't end an extent */
#define VMEM_WALK_RESIDENT_ONLY	BIT(4)	/* report absent tables, and go on */
#define VMEM_WALK_NONPRESENT	BIT(5)	/* records of entries that hold bits */

/**
 * struct vmem_walk - a walk, which can be stopped, kept and resumed
 * @first:	first address; set by vmem_walk_init(), as are the next four
 * @last:	last address, included
 * @flags:	VMEM_WALK_*
 * @budget:	tables that may still be visited
 * @seen:	tables met; unused with VMEM_WALK_FOLLOW
 * @space:	index of the space being walked
 * @va:		the place in it
 * @leaves:	leaf entries met so far
 * @refs:	references met so far
 * @bad:	malformed and unreachable entries met so far
 * @end:	why the walk ended
 * @ending:	nothing more is walked; what is gathered and the end are to come
 * @finished:	the record of the end was given
 *
 * The rest is the engine's.
 */
struct vmem_walk {
	vmem_virt_t first;
	vmem_virt_t last;
	u32 flags;
	u64 budget;
	struct vmem_seen *seen;

	vmem_space_id_t space;
	vmem_virt_t va;
	u64 leaves;
	u64 refs;
	u64 bad;
	enum vmem_end end;
	bool ending;
	bool finished;

	/* private: */
	bool spent;		/* nothing of this space is left to walk */
	u8 low;			/* tables[low] and above are the path */
	vmem_table_t tables[VMEM_LEVELS_MAX];
	struct vmem_run run;
};

/**
 * vmem_walk_space() - go on with the space that a walk is in
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space of index walk->space
 * @walk:	the walk
 * @out:	room for records
 * @max:	how many, at least 1
 * @nr:		in and out: how many there are
 *
 * The tables may change between calls, and during one: records stay
 * well-formed and in order, and a mixture is what they tell.
 *
 * Context: a piece.
 * Return: 0: @out is full; VMEM_NEXT_SPACE: the space is done, walk->space is
 * the next, or walk->ending was set; VMEM_ABSENT, VMEM_PAUSE: call again;
 * -ENOBUFS: walk->seen is full: make it larger and call again, or
 * vmem_walk_stop().
 */
static __always_inline int
vmem_walk_space(const struct vmem_format *fmt, const struct vmem_table_read_ops *ops,
		void *ctx, const struct vmem_space *space,
		struct vmem_walk *walk, struct vmem_space_aware_mapping *out,
		u32 max, u32 *nr);

/**
 * vmem_walk_va_spaces() - walk many spaces together
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @spaces:	the spaces; one may be given twice
 * @nr_spaces:	how many
 * @walk:	the walk
 * @out:	room for records
 * @max:	how many, at least 1
 * @nr:		in and out: how many there are
 *
 * A table met before at the same level, in this or an earlier space that reads it
 * alike, gives a reference to the place where it was met, and is not entered again.
 * It is remembered, and referred to, only where the range covers its whole span.
 *
 * Context: a piece.
 * Return: 0: @out is full, or walk->finished; else as vmem_walk_space().
 */
static __always_inline int
vmem_walk_va_spaces(const struct vmem_format *fmt,
		    const struct vmem_table_read_ops *ops, void *ctx,
		    const struct vmem_space *spaces, u32 nr_spaces,
		    struct vmem_walk *walk,
		    struct vmem_space_aware_mapping *out, u32 max, u32 *nr);

/**
 * vmem_virt_to_phys() - the next mapping of a range
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space
 * @walk:	from vmem_walk_init(), with VMEM_WALK_FOLLOW
 * @out:	the mapping (or hole, or malformed entry); VMEM_REC_END: no more
 *
 * Context: a piece.
 * Return: 0; VMEM_ABSENT, VMEM_PAUSE: call again.
 */
static __always_inline int
vmem_virt_to_phys(const struct vmem_format *fmt,
		  const struct vmem_table_read_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_walk *walk,
		  struct vmem_space_aware_mapping *out);

/* Changes */

enum vmem_mapping_kind {
	VMEM_KIND_UNMAPPED,
	VMEM_KIND_BASIC,
	VMEM_KIND_COW,
	VMEM_KIND_RAW,		/* entries that aren't present, but hold bits */
	VMEM_KIND_PROTECT,	/* change leaves that are there */
	VMEM_KIND_PROMOTE,	/* larger leaves in the place of full tables */
	VMEM_KIND_MAKE,		/* a table, where the owner of a link has none */
	VMEM_KIND_LINK,		/* a table of another place */
	VMEM_KIND_UNSHARE,	/* a copy of a table that others have, too */
};

struct vmem_basic_mapping {
	u32 attrs;		/* all but VMEM_COW */
};

/* Read-only, and marked by the software bits of the space. */
struct vmem_cow_mapping {
	u32 attrs;		/* all but VMEM_W and VMEM_COW */
};

/*
 * Any attributes, in one of both at most; a leaf that is Cow is not made writable. No
 * permission is set below a table entry that denies it, of no leaf that is there,
 * unless that is widened.
 */
struct vmem_protect_mapping {
	u32 set;
	u32 clear;
};

/* Bit n: leaves of level n may be made, 0: all that there are, but the smallest. */
struct vmem_promote_mapping {
	u8 leaf_levels;
};

/* The table of @level whose span begins at @their_va in @owner; NULL: its own. */
struct vmem_link_mapping {
	const struct vmem_space *owner;
	vmem_virt_t their_va;
	u8 level;
};

/**
 * struct vmem_mapping - what a range is to be
 * @virt_base:	canonical, a multiple of the page
 * @phys_base:	a multiple of the page; 0 where it isn't mapped. VMEM_KIND_RAW: the
 *		entry
 * @len:	a multiple of the page; 0 touches nothing
 * @kind:	which of the others counts
 * @page_sizes:	bit n: leaves of 2^n bytes may be made, 0: those of the smallest size
 * @ad_given:	A and D are as the attributes say. Else they are set, but D not in
 *		a leaf that isn't writable, of a vCPU with shadow stacks.
 * @path_given:	@path is given: table entries that the change makes above are
 *		these, and one that is there already with others is refused. Else
 *		they grant R, W and X, and one that is there must not grant less
 *		than the leaves.
 * @path:	permissions of the table entries above, a nibble a level
 * @basic:	for VMEM_KIND_BASIC
 * @cow:	for VMEM_KIND_COW
 * @protect:	for VMEM_KIND_PROTECT
 * @promote:	for VMEM_KIND_PROMOTE
 * @link:	for VMEM_KIND_LINK, VMEM_KIND_MAKE and VMEM_KIND_UNSHARE
 */
struct vmem_mapping {
	vmem_virt_t virt_base;
	vmem_phys_t phys_base;
	u64 len;
	u64 page_sizes;
	enum vmem_mapping_kind kind;
	bool ad_given;
	bool path_given;
	u32 path;
	union {
		struct vmem_basic_mapping basic;
		struct vmem_cow_mapping cow;
		struct vmem_protect_mapping protect;
		struct vmem_promote_mapping promote;
		struct vmem_link_mapping link;
	};
};

#define VMEM_CHANGE_REPLACE	BIT(0)	/* map onto what is mapped */
#define VMEM_CHANGE_SPLIT	BIT(1)	/* change a part of a larger leaf */
#define VMEM_CHANGE_ATOMIC	BIT(2)	/* refuse the whole list or nothing */
#define VMEM_CHANGE_SHARED_OK	BIT(3)	/* change what other places show too */
#define VMEM_CHANGE_KEEP	BIT(4)	/* nothing is mapped onto entries that hold bits */
#define VMEM_CHANGE_WIDEN	BIT(5)	/* entries above grant what leaves need */
#define VMEM_CHANGE_ALONE	BIT(6)	/* no other place shows the guest's tables */
#define VMEM_CHANGE_MAKE	BIT(7)	/* link to a table that is made for it */
#define VMEM_CHANGE_UNSHARE	BIT(8)	/* instead of a link a table of its own */

enum vmem_flush {
	VMEM_FLUSH_NONE,
	VMEM_FLUSH_RANGE,
	VMEM_FLUSH_ALL,
};

#define VMEM_CHANGED_MOVED	BIT(0)	/* a table moved */
#define VMEM_CHANGED_FREED	BIT(1)	/* a table was freed */
#define VMEM_CHANGED_UNSHARED	BIT(2)	/* others have a table that was shared */

/* Why a table is not promoted. */
enum vmem_skip {
	VMEM_SKIP_HOLES = 1,	/* an entry is no leaf */
	VMEM_SKIP_APART,	/* its leaves aren't contiguous */
	VMEM_SKIP_ATTRS,	/* they differ in attributes */
	VMEM_SKIP_UNALIGNED,	/* the first one is no beginning of a larger one */
	VMEM_SKIP_TABLES,	/* tables below it stay */
	VMEM_SKIP_SHARED,	/* others have the table above it */
	VMEM_NR_SKIPS,
};

/**
 * struct vmem_asked - what a change is asked for
 * @list:	in any order; immutable while the change runs
 * @nr:		of them
 * @flags:	VMEM_CHANGE_*
 * @order:	with VMEM_CHANGE_ATOMIC: the indices of @list, by ascending
 *		virt_base
 * @budget:	tables that each pass may visit, beside those that an atomic list
 *		makes itself
 */
struct vmem_asked {
	const struct vmem_mapping *list;
	u32 nr;
	u32 flags;
	const u32 *order;
	u64 budget;
};

/**
 * struct vmem_answer - what a change did, and how far it came
 * @done:	mappings that are done
 * @done_len:	bytes of the next one that are done
 * @pages:	smallest pages mapped, unmapped and protected (a hole counts
 *		nothing, nor does a leaf that stays as it is)
 * @flush:	what a vCPU must forget: nothing, the range, all. A range of this
 *		space only where all tables from the root down to those changed
 *		are known to be in one place: ours, with one link, or others with
 *		VMEM_CHANGE_ALONE.
 * @flush_first: of that range
 * @flush_last:	of that range, included
 * @changes:	VMEM_CHANGED_*
 * @overwritten: entries that weren't present and held bits, where now something
 *		is mapped or linked
 * @lacking:	tables that lacked, when they were last set aside
 * @lost_dirty:	leaves that lost W and were dirty, which a vCPU with shadow stacks
 *		has them lose too: protected, or mapped over
 * @skipped:	tables that were not promoted, by enum vmem_skip
 * @dirty:	an entry was written since the caller last cleared this
 * @at_va:	where it stopped
 * @at_level:	of the entry where it stopped
 */
struct vmem_answer {
	u32 done;
	enum vmem_flush flush;
	u64 done_len;
	u64 pages;
	vmem_virt_t flush_first;
	vmem_virt_t flush_last;
	u64 overwritten;
	u64 lacking;
	u64 lost_dirty;
	u64 skipped[VMEM_NR_SKIPS];
	vmem_virt_t at_va;
	u32 changes;
	u8 at_level;
	bool dirty;
};

/**
 * struct vmem_change - a change under way
 * @asked:	what it is asked for; the caller sets it, but what vmem_link_list()
 *		and its like set
 * @answer:	what it did so far
 * @own:	a list that is made by one of them
 *
 * The rest is the engine's. A new one is zeroes, or begins by vmem_change_start().
 */
struct vmem_change {
	struct vmem_asked asked;
	struct vmem_answer answer;
	struct vmem_mapping own[3];
	/* private: */
	struct vmem_pass pass;
	struct vmem_need need;
};

/**
 * vmem_change_start() - a change begins: all has a value that needs one, but @asked
 * @change:	the change
 */
static __always_inline void vmem_change_start(struct vmem_change *change)
{
	u64 *word = (u64 *)&change->answer, *end = word + sizeof(change->answer) / 8;

	/* word by word: a string store takes a third of what mapping a page does */
#pragma GCC unroll 32
	for (; word < end; word++)
		WRITE_ONCE(*word, 0);
	change->pass.phase = VMEM_PHASE_BEGIN;
	change->pass.number = 0;
	change->pass.waits = 0;
}

/**
 * vmem_map() - map, unmap, protect, link
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space; its root changes when that table moves
 * @change:	what to do
 *
 * Two passes: the first reads all of what was asked for and reserves what it
 * needs, so that it refuses with nothing changed; the second does it. A list
 * is done mapping by mapping; with VMEM_CHANGE_ATOMIC the first pass is over
 * all of it. Mappings of a list with VMEM_CHANGE_ATOMIC don't overlap.
 *
 * Unmapping zeroes entries that are not present but hold bits, and frees
 * tables of ours that become empty, but for the root; those of leaves as they
 * are, when nothing names them any more. Holes are no error. A table with more
 * than one link, in the range as a whole, loses the one here.
 *
 * vmem_map_short() does what lies in one table that is there in a quarter of the
 * time; it is for callers whose changes are mostly so.
 *
 * A table that the ops find frozen moves before it is written: it is copied to
 * one of ours, the table above (which may have to move first) then names that
 * one by an entry that is otherwise the same, and the change goes on there. The
 * frozen one stays as it was. A frozen table of leaves that is unmapped as a
 * whole isn't copied.
 *
 * When the tables may have been changed between two calls, the second is
 * preceded by vmem_change_recheck(). After the last, whatever it returned, the
 * caller gives back what is still set aside, and goes on with what hung below
 * tables that were freed: vmem_pool_drop_below().
 *
 * Context: a piece; alone in changing this guest's tables.
 * Return: 0; VMEM_ABSENT, VMEM_PAUSE, VMEM_LINKS: call again. Refused with
 * nothing of the mapping (of the list, with VMEM_CHANGE_ATOMIC) changed:
 * -EINVAL (alignment, a range that isn't canonical, overlaps in an atomic
 * list; a link to a table that isn't ours, or where it is already; a table of
 * another pool would be entered, or be named by one of this),
 * -EOVERFLOW (a sum wraps, or an address is wider than the space's,
 * that of a new table included),
 * -EOPNOTSUPP (the format can't express it), -EEXIST (something is mapped
 * there; an entry above grants less than leaves are to have, those that are
 * there and protected too, or other than what was given, or is given
 * otherwise by another mapping of an atomic list; one of the guest's names a
 * page of ours), -ENOENT (no table to link to),
 * -ERANGE (part of a larger leaf or of a malformed entry), -EMLINK (below a
 * table with more than one link; a table with VMEM_LINKS_MAX links), -ENXIO (a
 * table outside), -EROFS, -E2BIG (over the budget), -ENOSPC, -EAGAIN (what
 * lacks is in quarantine), -EBUSY (other calls have it set aside). The same
 * errnos from the second pass when tables were changed by others, -EBUSY where a
 * vCPU doesn't cease to: then what is done stays.
 */
static __always_inline int
vmem_map(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	 void *ctx, struct vmem_space *space, struct vmem_change *change);

/**
 * vmem_space_aware_map() - rebuild a reference of a walk
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space to build
 * @reference:	a record of type VMEM_REC_REFERENCE
 * @built:	the spaces built so far, by vmem_space_id_t
 * @nr_built:	of them
 * @change:	zeroed but for the budget, and VMEM_CHANGE_REPLACE and
 *		VMEM_CHANGE_ALONE of the flags
 *
 * The table that the owner was given at their_va is linked, by entries that
 * have the permissions of the reference's path. A reference of depth 0 is a
 * root: a space that has the root of its owner.
 *
 * Context: as vmem_map().
 * Return: as vmem_map(); -EINVAL: a root; -ENOENT: an owner that isn't built.
 */
static __always_inline int
vmem_space_aware_map(const struct vmem_format *fmt,
		     const struct vmem_table_ops *ops, void *ctx,
		     struct vmem_space *space,
		     const struct vmem_space_aware_mapping *reference,
		     const struct vmem_space *built, u32 nr_built,
		     struct vmem_change *change);

/*
 * The bodies. Each of these headers includes this one before its own guard, so
 * that any of them can be included first.
 */
#include "cursor.h"
#include "seen.h"
#include "records.h"
#include "translate.h"
#include "run.h"
#include "walk.h"
#include "place.h"
#include "install.h"
#include "map.h"
#include "unmap.h"
#include "protect.h"
#include "promote.h"
#include "link.h"
#include "range.h"
#include "change.h"

#endif /* _VMEM_VMEM_H */
