/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the engine is handed: types, a format (what the bits of a table mean)
 * and table ops (where tables live). Part of vmem.h, which says what the words
 * mean.
 */
#include "vmem.h"

#ifndef _VMEM_OPS_H
#define _VMEM_OPS_H

#include <linux/bug.h>

/* What is so unless the core has a bug: told of where such are looked for. */
#define VMEM_ASSERT(condition)						\
	WARN_ON_ONCE((IS_ENABLED(CONFIG_DEBUG_VM) ||			\
		      IS_ENABLED(CONFIG_VMEM_KUNIT_TEST)) && !(condition))

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

/* The finalizer of MurmurHash3; the upper bits are the better ones. */
static __always_inline u64 vmem_mix(u64 seed, u64 key)
{
	key ^= seed;
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdULL;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53ULL;
	return key;
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
#define VMEM_ENC		BIT(11)
#define VMEM_KEY		GENMASK(15, 12)
#define VMEM_SOFT		GENMASK(31, 16)	/* of what is asked for, not read */

/* Beside permissions, in what is effective: a page of a shadow stack. */
#define VMEM_SHADOW		BIT(4)

/* What is answered beside 0 and -errno. */
enum vmem_more {
	/* by the engine: call again, after this */
	VMEM_ABSENT = 1,	/* the page the ops were asked for is needed */
	VMEM_PAUSE,		/* the ops asked for a pause */
	VMEM_NEXT_SPACE,	/* the walk needs its next space */
	VMEM_LINKS,		/* records of links are needed */
	/* by from_phys() */
	VMEM_OUTSIDE,		/* no such memory */
	VMEM_FROZEN,		/* the table has to move */
	/* inside the engine: what is to be done about the entry in hand */
	VMEM_DOWN,		/* enter the table that it names */
	VMEM_MAKE,		/* make the table that it lacks, or of the leaf that it is */
	VMEM_WIDEN,		/* have an entry of the path grant more */
	VMEM_CLEAR,		/* zero it */
	VMEM_WANT,		/* see that a table can be written, and look again */
	VMEM_AGAIN,		/* look at it again */
};

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

/* Facts of a vCPU: flags, the numbers those of the UAPI. */
#define VMEM_VCPU_NXE_OFF	BIT(1)	/* EFER.NXE is 0 */
#define VMEM_VCPU_COW_NONE	BIT(3)	/* no software bits say Cow */
#define VMEM_VCPU_AMD		BIT(4)	/* what AMD reserves, and Intel doesn't */
#define VMEM_VCPU_NO_1G		BIT(5)	/* no pages of 1 GiB */
#define VMEM_VCPU_CET		BIT(6)	/* CR4.CET: shadow stacks */
#define VMEM_VCPU_LAM48		BIT(7)	/* CR3.LAM_U48: tags in bits 62:48, */
#define VMEM_VCPU_LAM57		BIT(8)	/* CR3.LAM_U57: in 62:57, of user addresses */
#define VMEM_VCPU_LAM_SUP	BIT(9)	/* CR4.LAM_SUP: of supervisor addresses */
#define VMEM_VCPU_UAI		BIT(10)	/* EFER.UAIE: in 63:57 of all */
#define VMEM_VCPU_ENC_SHARED	BIT(11)	/* @enc_bit says shared, not encrypted */
#define VMEM_VCPU_FLAGS		(BIT(1) | GENMASK(11, 3))

/**
 * struct vmem_vcpu - what decides how a vCPU reads its tables
 * @phys_bits:	width of guest-physical addresses; 0: the format's widest
 * @flags:	VMEM_VCPU_*
 * @cow:	software bits that say Cow; 0: the usual ones
 * @enc_bit:	number of the bit of an entry that says encrypted, or shared: part
 *		of no address, and never reserved; 0: none
 */
struct vmem_vcpu {
	u32 phys_bits;
	u32 flags;
	u32 cow;
	u32 enc_bit;
};

/*
 * Virtual addresses that aren't canonical, both ends included. They begin at 0, end
 * at the highest one, or lie between two halves.
 */
struct vmem_gap {
	vmem_virt_t first;
	vmem_virt_t last;
};

/**
 * struct vmem_facts - a vCPU as the engine reads its tables
 * @gap:	that of the format
 * @nr_levels:	and its number of levels
 * @leaf_levels: bit n: a leaf may lie in a table of level n
 * @addr:	bits of an entry that hold an address
 * @gpa:	bits that a guest-physical address can have
 * @tells:	for the format, and each level: what of an entry tells whether it is
 *		what most are, a leaf of level 0 or a table's
 * @cow:	the software bits that say Cow, in place; U64_MAX: none do
 * @shadow:	the bit that makes of a leaf without W a page of a shadow stack;
 *		0: there are none
 * @enc:	the bit that says encrypted or shared, 0: none. It is the same bit of an
 *		entry and of an address.
 * @enc_table:	what of it a table entry is given that vmem makes
 * @special:	one of @shadow and @enc isn't 0: looked at first, as it rarely is so
 * @tag_user:	data addresses with bit 63 clear are sign-extended from this bit;
 *		0: they have no tags
 * @tag_super:	and those with bit 63 set
 * @tag_sign:	bit 63 belongs to the tag
 * @tag_inside:	a data address that is canonical can have a tag, too, if bit 63 is
 *		clear
 * @alike:	the same of vCPUs that read tables alike, in bits that no table's
 *		address has, nor bits 2:0
 * @vcpu:	as it was told, with what is so where 0 was said
 */
struct vmem_facts {
	struct vmem_gap gap;
	u64 addr;
	u64 gpa;
	u64 tells[VMEM_LEVELS_MAX];
	u64 cow;
	u64 shadow;
	u64 enc;
	u64 enc_table;
	u8 nr_levels;
	u8 leaf_levels;
	u8 tag_user;
	u8 tag_super;
	bool tag_sign;
	bool tag_inside;
	bool special;
	u64 alike;
	struct vmem_vcpu vcpu;
};

/* An access: the numbers of the UAPI. One of the first three. */
#define VMEM_ACCESS_READ	BIT(0)
#define VMEM_ACCESS_WRITE	BIT(1)
#define VMEM_ACCESS_FETCH	BIT(2)
#define VMEM_ACCESS_USER	BIT(3)	/* else a supervisor's */
#define VMEM_ACCESS_IMPLICIT	BIT(4)	/* of the supervisor, in any mode: of a GDT, say */
#define VMEM_ACCESS_SHADOW	BIT(5)	/* of a shadow stack */
#define VMEM_ACCESS_SET_AD	BIT(6)	/* what it sets of A and D is set */
#define VMEM_ACCESS_FLAGS	GENMASK(6, 0)
#define VMEM_ACCESS_LEN		GENMASK(15, 8) /* bytes less one */
#define VMEM_ACCESS_LEN_MAX	64

/* The mode of the vCPU that makes it. */
#define VMEM_MODE_WP		BIT(0)	/* CR0.WP */
#define VMEM_MODE_SMEP		BIT(1)	/* CR4.SMEP */
#define VMEM_MODE_SMAP		BIT(2)	/* CR4.SMAP */
#define VMEM_MODE_AC		BIT(3)	/* EFLAGS.AC */
#define VMEM_MODE_PKE		BIT(4)	/* CR4.PKE */
#define VMEM_MODE_PKS		BIT(5)	/* CR4.PKS */
#define VMEM_MODE_FLAGS		GENMASK(5, 0)

/**
 * struct vmem_access - an access, and the mode of the vCPU that makes it
 * @what:	VMEM_ACCESS_*; 0: none
 * @mode:	VMEM_MODE_*
 * @pkru:	rights of keys in user pages, two bits each; looked at with PKE
 * @pkrs:	and in a supervisor's, with PKS
 */
struct vmem_access {
	u32 what;
	u32 mode;
	u32 pkru;
	u32 pkrs;
};

/**
 * struct vmem_judge - what a translation has to have for an access
 * @yes:	of what is effective: all of these
 * @no:		and none of these
 * @denied:	bit n: key n denies it in a supervisor's page; bit 16 + n: in a user's
 * @len:	bytes of the access
 * @fetch:	it is one of instructions
 * @code:	the fault's error code, as far as the access decides it
 * @code_present: what is added when no entry lacked on the way
 * @code_reserved: when an entry is malformed
 * @code_key:	when a key denies it, whatever else does
 * @set:	bits that it sets: in the entries passed, and in the leaf; 0: nothing
 *		is to be set
 */
struct vmem_judge {
	u32 yes;
	u32 no;
	u32 denied;
	u32 len;
	bool fetch;
	u32 code;
	u32 code_present;
	u32 code_reserved;
	u32 code_key;
	u64 set[2];
};

/**
 * struct vmem_format - what the bits of a table mean
 * @name:	for people and for JSON
 * @nr_levels:	of tables, the root's included: 3 to VMEM_LEVELS_MAX
 * @page_lg2:	lg2 of the smallest page, in bytes
 * @phys_bits:	widest guest-physical address
 * @gap:	virtual addresses that no table translates
 * @leaf_levels: bit n: a leaf may lie in a table of level n
 * @present:	an entry without this bit is not present
 * @ad:		the accessed and dirty bits
 * @writable:	the bit of a leaf that says W
 * @entry_lg2:	lg2 of the bytes that an entry of a table of @level translates
 * @index_lg2:	lg2 of the entries of a table of @level
 * @facts:	fill in the facts of a vCPU; 0, or -EINVAL when there is no such vCPU,
 *		or none that could have this format
 * @untag:	take the tag out of a data address that isn't canonical, or may have
 *		one all the same; whether it is canonical then
 * @classify:	what an entry is
 * @entry_phys:	address in a table entry (@level of the table holding it) or leaf
 * @leaf_addr:	the bits of a leaf of @level that hold its address
 * @step:	what makes of a leaf of @level the one of the page behind it
 * @perms:	R, W, X, U that a table entry grants, as the nibble of @level in a path
 * @leaf_attrs:	attributes of a leaf, all but ENC, see vmem_leaf_attrs()
 * @judge:	what a translation has to have for an access: 0; -EINVAL: there is no
 *		such access, or a vCPU with these facts has no such mode
 * @make_table:	a table entry that grants @perms, as far as it can be expressed;
 *		@table is an address that the vCPU has
 * @move_table:	a table entry that names another table and grants @perms, too,
 *		otherwise the same
 * @can_map:	0, or -EOPNOTSUPP when a leaf of @level can't have @attrs
 * @bits:	what says of a leaf of @level that it has @attrs, but for X and COW
 * @make_leaf:	a leaf of @level that has just these; @phys is an address that the
 *		vCPU has, and aligned
 * @split:	the first of the leaves of @level - 1 that do what one of @level did,
 *		its accessed and dirty bits included
 * @join:	the leaf of @level + 1 that does what leaves of @level did from this
 *		one on, likewise
 * @can_protect: 0, or -EOPNOTSUPP when these attributes of a leaf can't be
 *		@set or @clear. It sees no leaf: what would make of any leaf that
 *		there can be something else than a leaf is refused of all.
 * @protect:	a leaf with @set and @clear done, of which @yes and @no are the bits.
 *		It is not writable if it is Cow, as far as either was asked for.
 *
 * All members are compile-time constants to the engine, so that no call of
 * them is left; it knows nothing else of the bits. Formats that differ in @name,
 * @nr_levels and @gap alone are one to it: it has these of the facts.
 */
struct vmem_format {
	const char *name;
	u8 nr_levels;
	u8 page_lg2;
	u8 phys_bits;
	u8 leaf_levels;
	struct vmem_gap gap;
	u64 present;
	u64 ad;
	u64 writable;
	unsigned int (*entry_lg2)(unsigned int level);
	unsigned int (*index_lg2)(unsigned int level);
	int (*facts)(const struct vmem_format *fmt, struct vmem_facts *facts,
		     const struct vmem_vcpu *vcpu);
	bool (*untag)(const struct vmem_facts *facts, vmem_virt_t *va);
	enum vmem_class (*classify)(const struct vmem_facts *facts, u64 entry,
				    unsigned int level);
	vmem_phys_t (*entry_phys)(const struct vmem_facts *facts, u64 entry,
				  unsigned int level, enum vmem_class class);
	u64 (*leaf_addr)(const struct vmem_facts *facts, unsigned int level);
	u64 (*step)(unsigned int level);
	u32 (*perms)(u64 entry, unsigned int level);
	u32 (*leaf_attrs)(const struct vmem_facts *facts, u64 entry,
			  unsigned int level);
	int (*judge)(const struct vmem_facts *facts, const struct vmem_access *access,
		     struct vmem_judge *judge);
	u64 (*make_table)(const struct vmem_facts *facts, vmem_table_t table,
			  u32 perms);
	u64 (*move_table)(const struct vmem_facts *facts, u64 entry,
			  vmem_table_t table, u32 perms);
	int (*can_map)(const struct vmem_facts *facts, u32 attrs,
		       unsigned int level);
	u64 (*bits)(const struct vmem_facts *facts, u32 attrs,
		    unsigned int level);
	u64 (*make_leaf)(const struct vmem_facts *facts, u32 attrs,
			 unsigned int level, vmem_phys_t phys);
	int (*can_protect)(const struct vmem_facts *facts, u32 set, u32 clear);
	u64 (*protect)(const struct vmem_facts *facts, u64 entry, u32 set,
		       u32 clear, u64 yes, u64 no);
	u64 (*split)(const struct vmem_facts *facts, u64 entry,
		     unsigned int level);
	u64 (*join)(const struct vmem_facts *facts, u64 entry,
		    unsigned int level);
};

/* The functions of a format: PREFIX_MEMBER() is each. */
#define VMEM_FORMAT_FUNCTIONS(_prefix)					\
	.entry_lg2	= _prefix##_entry_lg2,			\
	.index_lg2	= _prefix##_index_lg2,			\
	.facts		= _prefix##_facts,			\
	.untag		= _prefix##_untag,			\
	.classify	= _prefix##_classify,			\
	.entry_phys	= _prefix##_entry_phys,			\
	.leaf_addr	= _prefix##_leaf_addr,			\
	.step		= _prefix##_step,			\
	.perms		= _prefix##_perms,			\
	.leaf_attrs	= _prefix##_leaf_attrs,			\
	.judge		= _prefix##_judge,			\
	.make_table	= _prefix##_make_table,			\
	.move_table	= _prefix##_move_table,			\
	.can_map	= _prefix##_can_map,			\
	.bits		= _prefix##_bits,			\
	.make_leaf	= _prefix##_make_leaf,			\
	.can_protect	= _prefix##_can_protect,			\
	.protect	= _prefix##_protect,			\
	.split		= _prefix##_split,			\
	.join		= _prefix##_join

/* May a write move the table that it is for? A fact of the ops. */
enum vmem_table_movability {
	VMEM_MAY_NOT_MOVE_TABLE,
	VMEM_MAY_MOVE_TABLE,
};

struct vmem_pages;

/* Whose a table is. */
enum vmem_owner {
	VMEM_FOREIGN,
	VMEM_MINE,
	VMEM_MISUSED,
	VMEM_OTHERS,
};

/* What a change marks links for, from its first pass on. */
enum vmem_mark {
	VMEM_MARK_LEAVES,	/* the second will have it go */
	VMEM_MARK_ENTERED,	/* it maps by this one */
	VMEM_MARK_COPIED,	/* the second made it: a copy of a table has it, or is it */
	VMEM_NR_MARKS,
};

/**
 * struct vmem_table_read_ops - where tables live, for reading them
 * @from_phys:	the host's address of a table: 0; VMEM_OUTSIDE; VMEM_ABSENT, and
 *		the ops remember which page it was; for VMEM_WRITE where nothing
 *		is written -EROFS, or VMEM_FROZEN if a table there may move.
 *		Never sleeps. The address is good until the piece ends. @table
 *		may be any address that an entry can hold. A translation gives in
 *		*@host the table that names it, NULL for a root; it stays where the
 *		answer isn't 0.
 * @in_memory:	whether @gpa lies in memory of the guest, and in @same for how
 *		many bytes the answer holds at least: 1 or more
 * @pause:	asked where the engine could stop and before it visits at most @nr
 *		tables: end the piece?
 */
struct vmem_table_read_ops {
	int (*from_phys)(void *ctx, vmem_table_t table, enum vmem_intent intent,
			 vmem_pte_t **host);
	bool (*in_memory)(void *ctx, vmem_phys_t gpa, u64 *same);
	bool (*pause)(void *ctx, unsigned int nr);
};

/**
 * struct vmem_table_ops - where tables live, for changing them
 * @read:	for reading them
 * @movability:	VMEM_MAY_NOT_MOVE_TABLE: from_phys() never answers VMEM_FROZEN,
 *		and nothing of the repair of parents is compiled
 * @owner:	is @table, which @slot of @parent names, one of ours? @parent of a
 *		root is VMEM_NO_TABLE. VMEM_FOREIGN: no. VMEM_MINE: yes, in use
 *		at @level, and this is one of its links. VMEM_MISUSED: it is a
 *		page for tables, but not in use at this level, or this is no link
 *		of it: the guest made it. VMEM_OTHERS: it would be ours, but it is
 *		of another pool, or of a space of another format. But for
 *		VMEM_FOREIGN, *@links tells how many it has.
 * @pages:	where the tables come from that the change makes
 * @update_root: the first table set aside is now the space's root. Only for
 *		VMEM_MAY_MOVE_TABLE.
 * @written:	@table, which from_phys() was asked for last, for writing, is about to
 *		be written in this piece, or by vmem_set_ad() was. It may be told of
 *		and stay as it is; nothing is written that isn't told of. NULL: nobody
 *		wants to know.
 */
struct vmem_table_ops {
	struct vmem_table_read_ops read;

	enum vmem_table_movability movability;
	enum vmem_owner (*owner)(void *ctx, vmem_table_t table,
				 unsigned int level, vmem_table_t parent,
				 unsigned int slot, u32 *links);
	struct vmem_pages *(*pages)(void *ctx);
	void (*update_root)(void *ctx, unsigned int level);
	void (*written)(void *ctx, vmem_table_t table);
};

#define VMEM_LINKS_MAX		4096	/* a table */

#endif /* _VMEM_OPS_H */
