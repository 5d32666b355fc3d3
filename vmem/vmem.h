/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The page-table core: the one header to read first.
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
 *	A range of guest-physical memory. A frozen region is not written to.
 * pool
 *	The pages that new tables are taken from, and the record, kept outside
 *	guest memory, of which of them are tables and who links to them.
 * link
 *	An entry, written by vmem, that names a table of a pool; or a space
 *	whose root it is.
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
 * TableReadOps, TableOps                      struct vmem_table_ops: the first
 *                                             three members, and all of them
 * TableMovability                             enum vmem_table_movability
 * MayMoveTable, MayNotMoveTable               VMEM_MAY_MOVE_TABLE,
 *                                             VMEM_MAY_NOT_MOVE_TABLE
 * BasicMapping, CowMapping                    struct vmem_basic_mapping,
 *                                             struct vmem_cow_mapping
 * Mapping, MappingKind                        struct vmem_mapping,
 *                                             enum vmem_mapping_kind
 * SpaceReferenceMapping, SpaceAwareMapping    struct
 *                                             vmem_space_reference_mapping,
 *                                             struct vmem_space_aware_mapping
 * SpaceId                                     vmem_space_id_t
 * map, virt_to_phys, walk_va_spaces           vmem_map(), vmem_virt_to_phys(),
 *                                             vmem_walk_va_spaces()
 * PAGE_PRESENT, PAGE_SIZE, PTE_ADDR_MASK,     VMEM_PAGE_PRESENT and so on, in
 * PAGE_TABLE_ENTRIES_PER_TABLE,               the header of the format
 * PAGE_TABLE_SIZE
 * PageTableEntry, PhysAddr, VirtAddr          vmem_pte_t, vmem_phys_t,
 *                                             vmem_virt_t
 * ==========================================  ================================
 */

typedef u64 vmem_phys_t;		/* a guest-physical address */
typedef u64 vmem_virt_t;		/* a guest-virtual address */
typedef u64 __bitwise vmem_table_t;	/* a guest-physical address of a table */
typedef __le64 vmem_pte_t;		/* an entry as it lies in a table */
typedef u32 vmem_space_id_t;		/* an index in the caller's list of roots */

#define VMEM_LEVELS_MAX		5
#define VMEM_NO_TABLE		((__force vmem_table_t)U64_MAX)

static __always_inline vmem_table_t vmem_table(vmem_phys_t gpa)
{
	return (__force vmem_table_t)gpa;
}

static __always_inline vmem_phys_t vmem_table_gpa(vmem_table_t table)
{
	return (__force u64)table;
}

/*
 * Attributes of a leaf. The first four are permissions, and the nibble of a
 * level in a path holds just these.
 */
#define VMEM_R			BIT(0)
#define VMEM_W			BIT(1)
#define VMEM_X			BIT(2)
#define VMEM_U			BIT(3)
#define VMEM_RWXU		GENMASK(3, 0)
#define VMEM_G			BIT(4)
#define VMEM_A			BIT(5)
#define VMEM_D			BIT(6)
#define VMEM_PCD		BIT(7)
#define VMEM_PWT		BIT(8)
#define VMEM_PAT		BIT(9)
#define VMEM_COW		BIT(10)
#define VMEM_KEY		GENMASK(15, 12)

/* What the engine answers beside 0 and -errno: call again, after this. */
#define VMEM_ABSENT		1	/* the page the ops were asked for is needed */
#define VMEM_PAUSE		2	/* the ops asked for a pause */
#define VMEM_NEXT_SPACE		3	/* the walk needs its next space */
#define VMEM_OUTSIDE		4	/* from_phys() only: no such memory */

enum vmem_intent {
	VMEM_READ,
	VMEM_WRITE,
};

/* What an entry is. */
enum vmem_class {
	VMEM_CLASS_NONE,	/* not present; other bits may be set */
	VMEM_CLASS_TABLE,
	VMEM_CLASS_LEAF,
	VMEM_CLASS_RESERVED,	/* malformed: a reserved bit */
	VMEM_CLASS_LARGE,	/* malformed: a large page where none can be */
};

/**
 * struct vmem_facts - what a vCPU is, as far as its tables show it
 * @addr:	bits of an entry that hold an address
 * @reserved:	bits that are malformed in any present entry
 * @cow:	the software bits that say Cow, in place
 * @phys_bits:	width of guest-physical addresses
 */
struct vmem_facts {
	u64 addr;
	u64 reserved;
	u64 cow;
	u32 phys_bits;
};

#define VMEM_NXE_OFF		BIT(0)	/* flag of vmem_format.facts() */

/**
 * struct vmem_format - what the bits of a table mean
 * @name:	for people and for JSON
 * @nr_levels:	of tables, the root's included
 * @page_lg2:	lg2 of the smallest page, in bytes
 * @index_lg2:	lg2 of the entries a table
 * @phys_bits:	widest guest-physical address
 * @leaf_levels: bit n: a leaf may lie in a table of level n
 * @present:	an entry without this bit is not present
 * @ad:		the accessed and dirty bits
 * @facts:	fill in facts; 0, or -EINVAL when the format can't be so
 * @classify:	what an entry is
 * @entry_phys:	address in a table entry (@level of the table holding it) or leaf
 * @nibble:	permissions that a table entry grants, as four bits of whatever
 *		meaning: what costs least
 * @path:	nibbles, a level each, as R, W, X, U; 0 stays 0
 * @leaf_attrs:	attributes of a leaf, all of them
 * @make_table:	a table entry that grants @perms
 * @make_leaf:	a leaf of @level without its address; 0, or -EOPNOTSUPP when the
 *		format can't express @attrs
 *
 * All members are compile-time constants to the engine, so that no call of
 * them is left. Virtual addresses have page_lg2 + nr_levels * index_lg2 bits
 * and are sign-extended from the highest.
 */
struct vmem_format {
	const char *name;
	u8 nr_levels;
	u8 page_lg2;
	u8 index_lg2;
	u8 phys_bits;
	u8 leaf_levels;
	u64 present;
	u64 ad;
	int (*facts)(struct vmem_facts *facts, u32 phys_bits, u32 flags, u32 cow);
	enum vmem_class (*classify)(const struct vmem_facts *facts, u64 entry,
				    unsigned int level);
	vmem_phys_t (*entry_phys)(const struct vmem_facts *facts, u64 entry,
				  unsigned int level, enum vmem_class class);
	u32 (*nibble)(u64 entry);
	u32 (*path)(u32 nibbles);
	u32 (*leaf_attrs)(const struct vmem_facts *facts, u64 entry,
			  unsigned int level);
	u64 (*make_table)(vmem_table_t table, u32 perms);
	int (*make_leaf)(const struct vmem_facts *facts, u32 attrs,
			 unsigned int level, u64 *leaf);
};

/* May a write move the table that it is for? A fact of the ops. */
enum vmem_table_movability {
	VMEM_MAY_NOT_MOVE_TABLE,
	VMEM_MAY_MOVE_TABLE,
};

/* Whose a table is. */
enum vmem_owner {
	VMEM_FOREIGN,
	VMEM_MINE,
	VMEM_MISUSED,
};

/**
 * struct vmem_table_ops - where tables live
 * @from_phys:	the host's address of a table: 0; VMEM_OUTSIDE; VMEM_ABSENT, and
 *		the ops remember which page it was; -EROFS for VMEM_WRITE where
 *		nothing is written. Never sleeps. The address is good until the
 *		piece ends. @table may be any address that an entry can hold.
 * @in_memory:	whether @gpa lies in memory of the guest, and in @same for how
 *		many bytes, at most @len, the answer holds
 * @pause:	asked where the engine could stop and before it visits at most @nr
 *		tables: end the piece?
 *
 * For changes; ops for reading have NULL here:
 *
 * @movability:	VMEM_MAY_NOT_MOVE_TABLE
 * @owner:	is @table, which @slot of @parent names, one of ours? @parent of a
 *		root is VMEM_NO_TABLE. VMEM_FOREIGN: no. VMEM_MINE: yes, in use
 *		at @level, and this is one of its links; *@links tells how many
 *		it has. VMEM_MISUSED: it is a page for tables, but not in use at
 *		this level, or this is no link of it: the guest made it.
 * @reserve:	see that this call has @nr tables set aside: 0; VMEM_PAUSE: ask
 *		again; -ENOSPC; -EAGAIN (it would have, were the quarantine
 *		flushed)
 * @reserved:	the n-th table set aside, VMEM_NO_TABLE: none
 * @take:	the first table set aside is now in use at @level, with its first
 *		link: @slot of @parent
 * @put:	the link of @table, @slot of @parent, is gone; where it was the
 *		only one, @table is empty
 */
struct vmem_table_ops {
	int (*from_phys)(void *ctx, vmem_table_t table, enum vmem_intent intent,
			 vmem_pte_t **host);
	bool (*in_memory)(void *ctx, vmem_phys_t gpa, u64 len, u64 *same);
	bool (*pause)(void *ctx, unsigned int nr);

	enum vmem_table_movability movability;
	enum vmem_owner (*owner)(void *ctx, vmem_table_t table,
				 unsigned int level, vmem_table_t parent,
				 unsigned int slot, u32 *links);
	int (*reserve)(void *ctx, u64 nr);
	vmem_table_t (*reserved)(void *ctx, u64 n);
	void (*take)(void *ctx, unsigned int level, vmem_table_t parent,
		     unsigned int slot);
	void (*put)(void *ctx, vmem_table_t table, vmem_table_t parent,
		    unsigned int slot);
};

/* A space, as the engine sees it. */
struct vmem_space {
	vmem_table_t root;
	struct vmem_facts facts;
};

/* Translation */

enum vmem_status {
	VMEM_OK,
	VMEM_NOT_PRESENT,
	VMEM_NON_CANONICAL,
	VMEM_STATUS_RESERVED,
	VMEM_STATUS_OUTSIDE,
};

#define VMEM_FRAME_OUTSIDE	BIT(0)

/**
 * struct vmem_translation - what an address translates to
 * @gpa:	guest-physical address, 0 unless @status is VMEM_OK
 * @entry:	the last entry read, raw; the root's address when that is outside
 * @status:	enum vmem_status
 * @level:	of the table that holds @entry; nr_levels when there is none
 * @page_lg2:	of the leaf, 0 without one
 * @flags:	VMEM_FRAME_OUTSIDE: the page is not wholly in memory
 * @error_code:	0: no access was given
 * @leaf:	attributes of the leaf itself
 * @effective:	R, W, X, U over all levels
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
 * @ops:	ops, a compile-time constant; reading suffices
 * @ctx:	handed to the ops
 * @space:	where to translate
 * @vas:	any addresses, sorted or not
 * @nr:		of them
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
vmem_translate(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	       void *ctx, const struct vmem_space *space,
	       const vmem_virt_t *vas, u32 nr, struct vmem_translation *out,
	       u64 (*entries)[VMEM_LEVELS_MAX], u32 *done);

/* Walks */

enum vmem_record_type {
	VMEM_REC_MAPPING = 1,
	VMEM_REC_REFERENCE,
	VMEM_REC_HOLE,
	VMEM_REC_BAD,
	VMEM_REC_ABSENT,
	VMEM_REC_END,
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
 * @flags:	mapping: VMEM_FRAME_OUTSIDE, the same for all of its leaves
 * @space:	where it was met; end: where a further walk would begin
 * @va:		where it begins; end: where a further walk would begin
 * @gpa:	mapping: what @va translates to; bad, absent: the table named;
 *		end: leaf entries met
 * @len:	bytes; end: references met
 * @entry:	mapping: the entry of its first leaf (A and D of a leaf before it
 *		with VMEM_WALK_IGNORE_AD); bad, absent: the entry; end:
 *		malformed and unreachable entries met
 * @leaf:	mapping: attributes of the leaves themselves
 * @effective:	mapping: R, W, X, U over all levels
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

/* What is being gathered, to become a record when it can't grow. */
struct vmem_run {
	vmem_virt_t va;
	vmem_phys_t gpa;
	u64 len;		/* 0: nothing */
	u64 entry;
	u64 expect;		/* the entry that would make it longer, 0: none */
	u32 path;
	u16 leaf;
	u16 effective;
	u8 level;
	bool hole;
};

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
 * vmem_walk_init() - begin a walk
 * @fmt:	format
 * @walk:	filled in
 * @first:	first address
 * @last:	last address, included; not below @first
 * @flags:	VMEM_WALK_*
 * @budget:	tables that may be visited; U64_MAX: any number
 * @seen:	an empty table of what was seen; NULL with VMEM_WALK_FOLLOW
 *
 * Both are rounded out to pages. Addresses between them that aren't canonical
 * are skipped.
 */
static __always_inline void
vmem_walk_init(const struct vmem_format *fmt, struct vmem_walk *walk,
	       vmem_virt_t first, vmem_virt_t last, u32 flags, u64 budget,
	       struct vmem_seen *seen);

/**
 * vmem_walk_space() - go on with the space that a walk is in
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant; reading suffices
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
vmem_walk_space(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		void *ctx, const struct vmem_space *space,
		struct vmem_walk *walk, struct vmem_space_aware_mapping *out,
		u32 max, u32 *nr);

/**
 * vmem_walk_stop() - end a walk where it is
 * @walk:	the walk
 * @end:	why
 *
 * What is gathered is still to be had from vmem_walk_end().
 */
static __always_inline void vmem_walk_stop(struct vmem_walk *walk,
					   enum vmem_end end);

/**
 * vmem_walk_end() - the last records of a walk
 * @fmt:	format
 * @ops:	ops
 * @ctx:	handed to the ops
 * @walk:	a walk after its last space, or stopped
 * @out:	room for records
 * @max:	how many
 * @nr:		in and out: how many there are
 *
 * walk->finished is set when the last record, VMEM_REC_END, was given.
 *
 * Context: a piece.
 */
static __always_inline void
vmem_walk_end(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	      void *ctx, struct vmem_walk *walk,
	      struct vmem_space_aware_mapping *out, u32 max, u32 *nr);

/**
 * vmem_walk_va_spaces() - walk many spaces together
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant; reading suffices
 * @ctx:	handed to the ops
 * @spaces:	the spaces; one may be given twice
 * @nr_spaces:	how many
 * @walk:	the walk
 * @out:	room for records
 * @max:	how many, at least 1
 * @nr:		in and out: how many there are
 *
 * A table met before at the same level, in this or an earlier space, gives a
 * reference to the place where it was met, and is not entered again. It is
 * remembered, and referred to, only where the range covers its whole span.
 *
 * Context: a piece.
 * Return: 0: @out is full, or walk->finished; else as vmem_walk_space().
 */
static __always_inline int
vmem_walk_va_spaces(const struct vmem_format *fmt,
		    const struct vmem_table_ops *ops, void *ctx,
		    const struct vmem_space *spaces, u32 nr_spaces,
		    struct vmem_walk *walk,
		    struct vmem_space_aware_mapping *out, u32 max, u32 *nr);

/**
 * vmem_virt_to_phys() - the next mapping of a range
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant; reading suffices
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
		  const struct vmem_table_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_walk *walk,
		  struct vmem_space_aware_mapping *out);

/* Changes */

enum vmem_mapping_kind {
	VMEM_KIND_UNMAPPED,
	VMEM_KIND_BASIC,
	VMEM_KIND_COW,
};

struct vmem_basic_mapping {
	u32 attrs;		/* VMEM_R, VMEM_W, VMEM_X */
};

struct vmem_cow_mapping {
	u32 attrs;		/* VMEM_R, VMEM_X */
};

/**
 * struct vmem_mapping - what a range is to be
 * @virt_base:	canonical, a multiple of the page
 * @phys_base:	a multiple of the page; 0 for kind unmapped
 * @len:	a multiple of the page; 0 touches nothing
 * @kind:	which of the others counts
 * @basic:	for VMEM_KIND_BASIC
 * @cow:	for VMEM_KIND_COW
 */
struct vmem_mapping {
	vmem_virt_t virt_base;
	vmem_phys_t phys_base;
	u64 len;
	enum vmem_mapping_kind kind;
	union {
		struct vmem_basic_mapping basic;
		struct vmem_cow_mapping cow;
	};
};

#define VMEM_CHANGE_REPLACE	BIT(0)	/* map onto what is mapped */
#define VMEM_CHANGE_ATOMIC	BIT(2)	/* refuse the whole list or nothing */

enum vmem_flush {
	VMEM_FLUSH_NONE,
	VMEM_FLUSH_RANGE,
	VMEM_FLUSH_ALL,
};

#define VMEM_CHANGED_MOVED	BIT(0)
#define VMEM_CHANGED_FREED	BIT(1)

/* Where a change is in its two passes. */
enum vmem_phase {
	VMEM_PHASE_BEGIN,	/* the next mapping, or with ATOMIC the list */
	VMEM_PHASE_CHECK,	/* pass 1: read all of it */
	VMEM_PHASE_RESERVE,
	VMEM_PHASE_TOUCH,	/* reach what was reserved */
	VMEM_PHASE_APPLY,	/* pass 2 */
	VMEM_PHASE_SWEEP,	/* ATOMIC: free the tables that were left empty */
	VMEM_PHASE_DONE,
};

/**
 * struct vmem_change - a list of mappings, and how far it came
 * @list:	mappings, in any order; immutable while the change runs
 * @nr:		of them
 * @flags:	VMEM_CHANGE_*
 * @order:	with VMEM_CHANGE_ATOMIC: the indices of @list, by ascending
 *		virt_base
 * @budget:	tables that each pass may visit
 * @done:	mappings that are done
 * @done_len:	bytes of the next one that are done
 * @pages:	smallest pages mapped and unmapped (a hole counts nothing)
 * @flush:	what a vCPU must forget: nothing, the range, all
 * @flush_first: of that range
 * @flush_last:	of that range, included
 * @changes:	VMEM_CHANGED_*
 * @dirty:	an entry was written since the caller last cleared this
 * @at_va:	where it stopped
 * @at_level:	of the entry where it stopped
 *
 * The caller zeroes it and sets the first five. The rest is the engine's.
 */
struct vmem_change {
	const struct vmem_mapping *list;
	u32 nr;
	u32 flags;
	const u32 *order;
	u64 budget;

	u32 done;
	u64 done_len;
	u64 pages;
	enum vmem_flush flush;
	vmem_virt_t flush_first;
	vmem_virt_t flush_last;
	u32 changes;
	bool dirty;
	vmem_virt_t at_va;
	u8 at_level;

	/* private: */
	enum vmem_phase phase;
	u32 item;		/* in hand: of @order in pass 1, else of @list */
	u64 offset;		/* into it */
	u64 need;		/* tables counted by pass 1 */
	u64 touched;		/* of them */
	u64 visited;		/* tables, by this pass */
	vmem_virt_t counted[VMEM_LEVELS_MAX]; /* last span counted a level */
	u8 counting;		/* bit n: counted[n] holds */
	u8 keeps;		/* bit n: the table of level n won't be empty */
	u8 recounts;		/* passes begun again for want of a table */
	u8 low;			/* tables of this level and above were visited */
};

/**
 * vmem_map() - map and unmap
 * @fmt:	format, a compile-time constant
 * @ops:	ops, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space
 * @change:	what to do
 *
 * Two passes: the first reads all of what was asked for and reserves what it
 * needs, so that it refuses with nothing changed; the second does it. A list
 * is done mapping by mapping; with VMEM_CHANGE_ATOMIC the first pass is over
 * all of it. Mappings of a list with VMEM_CHANGE_ATOMIC don't overlap.
 *
 * Unmapping zeroes entries that are not present but hold bits, and frees
 * tables of ours that become empty, but for the root. Holes are no error.
 *
 * When the tables may have been changed between two calls, the second is
 * preceded by vmem_change_recheck(). After the last, whatever it returned, the
 * caller gives back what is still set aside.
 *
 * Context: a piece; alone in changing this guest's tables.
 * Return: 0; VMEM_ABSENT, VMEM_PAUSE: call again. Refused with nothing of
 * the mapping (of the list, with VMEM_CHANGE_ATOMIC) changed:
 * -EINVAL (alignment, a range that isn't canonical, overlaps in an atomic
 * list), -EOVERFLOW (a sum wraps, or an address is wider than the space's,
 * that of a new table included),
 * -EOPNOTSUPP (the format can't express it), -EEXIST (something is mapped
 * there; an entry above grants less; one of the guest's names a page of ours),
 * -ERANGE (part of a larger leaf or of a malformed entry), -EMLINK (below a
 * table with more than one link), -ENXIO (a table outside), -EROFS,
 * -E2BIG (over the budget), -ENOSPC, -EAGAIN. The same errnos from the second
 * pass when tables were changed by others: then what is done stays.
 */
static __always_inline int
vmem_map(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	 void *ctx, const struct vmem_space *space, struct vmem_change *change);

/**
 * vmem_unmap_list() - a range to be unmapped, as mappings
 * @fmt:	format
 * @start:	first address
 * @last:	last address, included
 * @list:	out: one mapping, or two where the range has a part on each side
 *		of the addresses that aren't canonical
 * @nr:		out: how many
 *
 * Return: 0; -EINVAL: not whole pages, reversed, or an end isn't canonical.
 */
static __always_inline int
vmem_unmap_list(const struct vmem_format *fmt, vmem_virt_t start,
		vmem_virt_t last, struct vmem_mapping list[2], u32 *nr);

/**
 * vmem_change_recheck() - tables may have changed: begin pass 1 again
 * @change:	a change under way
 *
 * For what is left of it. What is reserved stays so.
 */
static __always_inline void vmem_change_recheck(struct vmem_change *change);

/*
 * The bodies. Each of these headers includes this one before its own guard, so
 * that any of them can be included first.
 */
#include "cursor.h"
#include "seen.h"
#include "translate.h"
#include "spaces.h"
#include "map.h"
#include "change.h"

#endif /* _VMEM_VMEM_H */
