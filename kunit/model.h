/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reference model: slow, obvious, and independent of the engine. It knows
 * of formats only what their manuals say (rules.c), reads tables by recursion
 * (model_read.c), and changes them a page, or an entry, at a time: a list of
 * mappings (model_change.c), mapping (model_map.c), unmapping (model_unmap.c),
 * protecting (model_protect.c), leaves that are split (model_split.c) and tables
 * that are promoted (model_promote.c), linking (model_link.c) and its opposite
 * (model_unshare.c); who links to whose table, and tables that move
 * (model_tables.c).
 */
#ifndef _VMEM_KUNIT_MODEL_H
#define _VMEM_KUNIT_MODEL_H

#include "../vmem/formats.h"
#include "guest.h"

enum decoded_kind {
	IS_HOLE,
	IS_TABLE,
	IS_LEAF,
	IS_RESERVED,		/* a reserved bit is set */
	IS_LARGE,		/* a large page where none can be */
};

/* What an entry says. */
struct decoded {
	enum decoded_kind kind;
	u64 gpa;
	u64 rest;		/* of a leaf: all bits but those of the address */
	u32 attrs;		/* VMEM_*; of a table the permissions only */
};

/* A vCPU, as far as it matters for its tables. */
struct cpu {
	unsigned int phys_bits;
	bool nxe_off;
	unsigned int cow;	/* 0: no software bits say so */
	bool amd;
	bool no_1g;		/* no pages of 1 GiB */
	bool cet;
	bool lam48;		/* user addresses: bits 62:48 are a tag */
	bool lam57;		/* 62:57 are; wins over the one above */
	bool lam_sup;		/* supervisor addresses, by the levels */
	bool uai;		/* bits 63:57 of all addresses are */
	unsigned int enc_bit;	/* 0: none */
	bool enc_shared;	/* says shared: never set in what names a table */
};

/* What the manual says about a format. */
struct rules {
	unsigned int levels;
	unsigned int page_lg2;
	unsigned int index_lg2;
	unsigned int root_lg2;	/* the same of a root */
	bool halves;		/* addresses repeat the highest bit translated */
	u32 leaf_levels;	/* bit n: a table of level n can hold leaves */
	u32 attrs;		/* of leaves, each that some vCPU can have */
	u64 accessed_dirty;
	u64 dirty;
	u64 present;
	u64 writable;
	u64 software;		/* those that may say Cow; of no meaning elsewhere */
	u64 large;		/* above level 0: a leaf */
	u64 reserved;		/* in a present entry: malformed, unless 0 */
	void (*decode)(const struct cpu *cpu, u64 entry, unsigned int level,
		       struct decoded *decoded);
	/* the entries that vmem makes */
	u64 (*table)(const struct cpu *cpu, u64 gpa, u32 perms);
	u64 (*leaf)(const struct cpu *cpu, u64 gpa, u32 attrs, unsigned int level);
	/* the bits that say an address */
	u64 (*address)(u64 gpa);
	/* a table entry that names another table, and is the same otherwise */
	u64 (*rename)(const struct cpu *cpu, u64 entry, u64 gpa);
	/* and one that grants these, too */
	u64 (*widen)(const struct cpu *cpu, u64 entry, u32 perms);
	/* an address of data without its tag; itself when there is none */
	u64 (*untag)(const struct cpu *cpu, unsigned int levels, u64 va);
	/* can these be the bytes of a guest's page? */
	bool (*has)(const struct cpu *cpu, u64 first, u64 last);
	/* does a leaf without W that has the dirty bit mean a shadow stack? */
	bool (*shadow)(const struct cpu *cpu);
	/* may a leaf lie in a table of @level? */
	bool (*leaves)(const struct cpu *cpu, unsigned int level);
	/* attributes of a mapping, permissions of a table that can be expressed */
	bool (*expressible)(const struct cpu *cpu, u32 attrs);
	bool (*path_expressible)(const struct cpu *cpu, u32 perms);
	/* and changes of a leaf, and what becomes of it */
	bool (*protectable)(const struct cpu *cpu, u32 set, u32 clear);
	u64 (*protect)(const struct cpu *cpu, u64 entry, unsigned int level,
		       u32 set, u32 clear);
	/* of a leaf of @level: the first of those one level below it */
	u64 (*split)(const struct cpu *cpu, u64 entry, unsigned int level);
	/* the leaf one level above that begins with this one */
	u64 (*join)(const struct cpu *cpu, u64 entry, unsigned int level);
};

#define RULES_OF(_id, _name, ...)	extern const struct rules _name##_rules;

VMEM_FORMATS(RULES_OF)

extern const struct rules toy_rules;
extern const struct rules flat_rules;

/* What a leaf gets that is asked for with @attrs, but A and D not given. */
static inline u32 default_ad(const struct rules *rules, const struct cpu *cpu,
			     u32 attrs)
{
	attrs |= VMEM_A | VMEM_D;
	/* it would be a page of a shadow stack */
	if (rules->shadow(cpu) && !(attrs & VMEM_W))
		attrs &= ~VMEM_D;
	return attrs;
}

static inline u64 default_leaf(const struct rules *rules, const struct cpu *cpu,
			       u64 gpa, u32 attrs, unsigned int level)
{
	return rules->leaf(cpu, gpa, default_ad(rules, cpu, attrs), level);
}

/* Bytes that an entry of a table of @level translates, or all tables. */
static inline u64 entry_span(const struct rules *rules, unsigned int level)
{
	unsigned int lg2 = rules->page_lg2 + level * rules->index_lg2;

	if (level == rules->levels)
		lg2 += rules->root_lg2 - rules->index_lg2;
	return BIT_ULL(lg2);
}

/* Entries of a table that is no root. */
static inline unsigned int nr_entries(const struct rules *rules)
{
	return 1U << rules->index_lg2;
}

static inline unsigned int nr_slots(const struct rules *rules, unsigned int level)
{
	return level + 1 == rules->levels ? 1U << rules->root_lg2 :
					    nr_entries(rules);
}

/* The canonical address that has the bits of @va that are translated. */
static inline u64 sign_extend(const struct rules *rules, u64 va)
{
	u64 half = entry_span(rules, rules->levels) / 2;

	if (!rules->halves)
		return va & (2 * half - 1);
	return va & half ? va | ~(half - 1) : va & (half - 1);
}

/* Where the second half begins. */
static inline u64 second_half(const struct rules *rules)
{
	return sign_extend(rules, entry_span(rules, rules->levels) / 2);
}

static inline unsigned int entry_index(const struct rules *rules, u64 va,
				       unsigned int level)
{
	return va / entry_span(rules, level) % nr_slots(rules, level);
}

/* Reading */

#define SEEN_MAX	512

struct seen_table {
	u64 table;
	unsigned int level;
	u32 space;
	u64 va;
};

struct model_records {
	struct vmem_space_aware_mapping *out;
	u32 max;
	u32 nr;			/* may be above max: then some are missing */
	u64 leaves;
	u64 refs;
	u64 bad;
	struct seen_table seen[SEEN_MAX];
	u32 nr_seen;
};

void model_translate(const struct rules *rules, const struct cpu *cpu,
		     const struct guest *guest, u64 root, u64 va, bool fetch,
		     struct vmem_translation *out,
		     u64 entries[VMEM_LEVELS_MAX]);

/* What an access makes of that; @out: in and out. */
void model_judge(const struct rules *rules, const struct cpu *cpu,
		 const struct vmem_access *access, const u64 *entries,
		 struct vmem_translation *out);

/* Both, of the one page or the two that it is to. */
void model_access(const struct rules *rules, const struct cpu *cpu,
		  const struct guest *guest, u64 root, u64 va,
		  const struct vmem_access *access, struct vmem_translation *out,
		  u64 entries[VMEM_LEVELS_MAX]);

/*
 * What the entries set that translate @va: the accessed bit in all, and when it is
 * @written the dirty bit in the leaf. Only where it translates.
 */
void model_set_ad(const struct rules *rules, const struct cpu *cpu, struct guest *guest,
		  u64 root, u64 va, bool fetch, bool written);
void model_walk(const struct rules *rules, const struct cpu *cpu,
		const struct guest *guest, const struct vmem_space *spaces,
		u32 nr_spaces, u64 first, u64 last, u32 flags,
		struct model_records *records);

/* Changing */

enum model_state {
	MODEL_FREE,
	MODEL_USED,
	MODEL_WAITS,		/* in quarantine */
	MODEL_HELD,		/* another call has set it aside */
};

struct model_table {
	enum model_state state;
	unsigned int level;
	u32 links;		/* how many of model.links are its own */
	u64 generation;
};

#define MODEL_NO_PARENT	U64_MAX

/* An entry that vmem wrote, or a space, that names a table of the pool. */
struct model_link {
	u64 parent;		/* MODEL_NO_PARENT: a space */
	u32 slot;
	u32 page;		/* of the pool */
};

#define MODEL_LINKS_MAX	128

/* What a change can change, beside bytes of memory. */
struct model_kept {
	u64 root;
	u32 nr_links;
	struct model_table tables[POOL_TABLES];
	struct model_link links[MODEL_LINKS_MAX];
};

/*
 * Tables that a change needs of the pool, by (level, number of the span): each
 * that is missing once, and each that moves once.
 */
#define NEEDS_MAX	(4 * POOL_TABLES)

struct model_needs {
	u32 nr;
	bool many;		/* more than there is room for, and than the pool has */
	struct {
		unsigned int level;
		u64 span;
		bool moves;
		u32 perms;	/* of the entry that is made for it */
		bool given;	/* by a path */
	} tables[NEEDS_MAX];
	u32 elsewhere;	/* more of them, in another space */
	u32 leaving[POOL_TABLES];	/* links of each that will go */
	u64 entered[POOL_TABLES];	/* where each is mapped into, and 1 */
};

/**
 * struct model - a space and its pool, changed as the engine should
 * @guest:	memory of its own; the pool in it is not used
 * @kept:	the root, and what is known of each page of the pool
 * @touched:	no page of the pool from this one on was ever taken
 * @linked:	nor was any of the links
 * @generation:	of tables that are freed from now on
 * @flags:	of the change in hand
 * @checking:	nothing is changed yet
 */
struct model {
	const struct rules *rules;
	struct cpu cpu;
	struct guest guest;
	struct model_kept kept;
	u32 touched;
	u32 linked;
	u64 generation;
	u32 flags;
	bool checking;
	struct model_needs needs;	/* of the mapping in hand, or the list */
};

struct model_result {
	int ret;
	u32 done;
	u64 pages;
	enum vmem_flush flush;
	u64 flush_first;
	u64 flush_last;
	u32 changes;
	u64 overwritten;
	u64 lacking;
	bool lacking_known;
	u64 lost_dirty;
	u64 skipped[VMEM_NR_SKIPS];
	u64 at_va;
	unsigned int at_level;
	bool at_known;
};

/* A table of another place, as it is to be shown at an address of ours. */
struct model_reference {
	u64 our_va;
	u64 owner;		/* root */
	bool same_space;	/* which may get another root */
	u64 their_va;
	unsigned int level;
	bool path_given;
	u32 path;
};

void model_init(struct kunit *test, struct model *model,
		const struct rules *rules, const struct vmem_format *fmt,
		const struct cpu *cpu);
void model_change(struct model *model, const struct vmem_mapping *list, u32 nr,
		  u32 flags, struct model_result *result);
/* A range that may have a part in each half. */
void model_change_range(struct model *model, u64 start, u64 last,
			const struct vmem_mapping *what, u32 flags,
			struct model_result *result);
void model_change_link(struct model *model, const struct model_reference *ref,
		       u32 flags, struct model_result *result);
/* Is a table reached twice? Then a change here is a change there. */
bool model_aliased(struct model *model, u32 flags);

/* model_tables.c: tables of ours */

/* Take the lowest free page, zeroed; a root has no parent. */
u64 model_take(struct model *model, unsigned int level, u64 parent,
	       unsigned int slot, struct model_result *result);
void model_linked(struct model_result *result, u32 changes);
u32 model_count(const struct model *model, enum model_state state);
/* Another call sets the lowest free ones aside, and gives all of them back. */
void model_hold(struct model *model, u32 nr);
void model_unhold(struct model *model);
void model_flushed(struct model *model, u64 generation);
/* A page of the pool, NULL when it is none. */
struct model_table *model_page(struct model *model, u64 table);
/* How often does it name this table? */
u32 model_count_links(const struct model *model, u32 page, u64 parent, u32 slot);
/* Links that are no space's. */
u32 model_links(const struct model *model);
/* Return: VMEM_CHANGED_*, as the entry named another one, which a guest hid. */
u32 model_add_link(struct model *model, u64 table, u64 parent, u32 slot);
/* With its last link a table goes into quarantine. */
void model_drop_link(struct model *model, u64 table, u64 parent, u32 slot);
/* A space leaves its root, and what only it has goes. */
void model_drop_root(struct model *model, u64 root);

/* The tables from the root down to one of them, by level. */
struct model_path {
	u64 table[VMEM_LEVELS_MAX];
};

/*
 * May a change go on in the table of @level, below the one of the path? Of one
 * of ours @links tells how many links it has, or will have, 0 of others.
 */
u32 *model_leaving(struct model *model, u64 table);
u64 *model_entered(struct model *model, u64 table);
int model_enter(struct model *model, const struct model_path *path, u64 table,
		unsigned int level, u64 va, u32 *links);
bool model_writable(const struct model *model, const struct model_path *path,
		    unsigned int level);
/* May the table of @level be written? What has to move for it is counted. */
int model_want(struct model *model, const struct model_path *path,
	       unsigned int level, u64 va);
/* Did it move, or will it? */
bool model_moved(const struct model *model, unsigned int level, u64 va);
/* Will it, and did not yet? */
bool model_moves(const struct model *model, unsigned int level, u64 va);
/* Move it, if it must, and those above that must. */
void model_move(struct model *model, struct model_path *path,
		unsigned int level, u64 va, struct model_result *result);
/* The one of @level is missing; NULL: for a leaf that is split. */
int model_need(struct model *model, const struct vmem_mapping *m,
	       unsigned int level, u64 va);
/* Is it ours, and is this entry one of its links? */
bool model_is_ours(struct model *model, u64 table, unsigned int level, u64 parent,
		   unsigned int slot);
/* The tables of ours that @from names are named by @to, too. */
void model_link_children(struct model *model, u64 from, u64 to, unsigned int level);
/* Would a copy of this table name a table of ours at another level than its own? */
bool model_names_others(struct model *model, u64 table, unsigned int level);
bool model_is_zero(struct model *model, u64 table);

/* What the parts of a change share */

int model_stop(struct model_result *result, u64 va, unsigned int level, int err);
void model_read_entry(struct model *model, u64 table, unsigned int level,
		      unsigned int index, struct decoded *decoded);
void model_write_entry(struct model *model, struct model_path *path,
		       unsigned int level, u64 va, u64 entry,
		       struct model_result *result);
/* All that may show it, where one of the path's tables may be elsewhere. */
void model_flush(struct model *model, const struct model_path *path,
		 unsigned int level, u64 va, u64 len,
		 struct model_result *result);
void model_flush_all(struct model_result *result);
/* Are @span bytes from @va on in it? */
bool model_covers(const struct vmem_mapping *m, u64 va, u64 span);
/* 0, or why the entry that is there can't be a part of the mapping's path. */
int model_check_perms(const struct vmem_mapping *m, unsigned int level,
		      u32 needs, u32 granted);
/* Permissions of a table that is made, of those that @level has entries for. */
u32 model_perms(const struct vmem_mapping *m, unsigned int level);
int model_check_path(const struct model *model, const struct vmem_mapping *m,
		     unsigned int lowest);

void model_begin(struct model *model);
int model_reserve(struct model *model, struct model_result *result);

/* model_map.c */

/* Attributes of its leaves, A and D as they will be; of entries not present 0. */
u32 model_attrs(const struct model *model, const struct vmem_mapping *m);
/* The levels that its leaves may have, a bit each; 0 or why it has none. */
int model_levels(const struct model *model, const struct vmem_mapping *m, u32 *levels);
int model_check_map(struct model *model, const struct vmem_mapping *m,
		    struct model_result *result);
void model_map(struct model *model, const struct vmem_mapping *m,
	       struct model_result *result);
/* An entry that is no table's is written over: with a table, a leaf @attrs below it. */
void model_over(struct model *model, u64 table, unsigned int level,
		unsigned int index, u32 attrs, struct model_result *result);

/* A recursion over a range, under way. */
struct job {
	struct model *model;
	const struct vmem_mapping *m;
	struct model_path path;
	unsigned int free_below;
	unsigned int replaced;	/* the level of a table that a link replaces */
	bool zero;
	u32 targets;		/* promote: levels of the leaves that are made */
	bool denies[VMEM_LEVELS_MAX];	/* protect: entries above that deny it, */
	u64 denied_at[VMEM_LEVELS_MAX];	/* by level, and their first addresses */
	struct model_result *result;
};

/* An entry of the range. */
struct spot {
	unsigned int level;
	unsigned int index;
	u64 va;
	u64 span;
	u64 at;			/* the first of its addresses in the range */
	u64 entry;
	bool covered;
	struct decoded decoded;
};

/* The entry @i of the path's table of @level; whether the range has any of it. */
bool model_look(struct job *job, unsigned int level, unsigned int i, u64 base,
		struct spot *spot);
/* To the root, if the change may go on there. */
int model_enter_root(struct job *job);

/* model_split.c */

/* May a leaf in a table of @level be split? */
bool model_can_split(const struct model *model, unsigned int level);
/* A leaf is split, and those below it that the range has in part. */
int model_check_split(struct job *job, const struct spot *spot);
/* Return: the table of leaves in its place. */
u64 model_split(struct model *model, struct model_path *path, unsigned int level,
		u64 va, struct model_result *result);
/* Would the mapping, one that unmaps or protects, change this leaf? */
bool model_changes(const struct model *model, const struct vmem_mapping *m,
		   u64 leaf, unsigned int level);

/* @replaced: the level of a table that a link is to replace, if there is one */
int model_check_unmap(struct model *model, const struct vmem_mapping *m,
		      unsigned int replaced, struct model_result *result);
/*
 * @zero: clear entries; tables of ours of a level less than @free_below go
 * when they are empty.
 */
void model_unmap(struct model *model, const struct vmem_mapping *m, bool zero,
		 unsigned int free_below, struct model_result *result);
/* Both check while model->checking, and else do it. */
int model_protect(struct model *model, const struct vmem_mapping *m,
		  struct model_result *result);
int model_promote(struct model *model, const struct vmem_mapping *m,
		  struct model_result *result);
/* The levels of the leaves that it may make. */
int model_targets(const struct model *model, const struct vmem_mapping *m,
		  u32 *targets);
int model_unshare(struct model *model, const struct model_reference *ref,
		  struct model_result *result);

#endif /* _VMEM_KUNIT_MODEL_H */
