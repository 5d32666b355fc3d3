/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reference model: slow, obvious, and independent of the engine. It knows
 * of formats only what their manuals say (rules.c), reads tables by recursion
 * (model_read.c), and changes them a page at a time (model_change.c).
 */
#ifndef _VMEM_KUNIT_MODEL_H
#define _VMEM_KUNIT_MODEL_H

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
	unsigned int cow;
};

/* What the manual says about a format. */
struct rules {
	unsigned int levels;
	unsigned int page_lg2;
	unsigned int index_lg2;
	u64 accessed_dirty;
	u64 present;
	u64 writable;
	u64 large;		/* above level 0: a leaf */
	u64 reserved;		/* in a present entry: malformed, unless 0 */
	void (*decode)(const struct cpu *cpu, u64 entry, unsigned int level,
		       struct decoded *decoded);
	/* the default entries that vmem makes */
	u64 (*table)(u64 gpa);
	u64 (*leaf)(u64 gpa, u32 attrs);
	/* attributes of a mapping that can be expressed */
	bool (*expressible)(const struct cpu *cpu, u32 attrs);
};

extern const struct rules x86_64_4level_rules;
extern const struct rules x86_64_5level_rules;
extern const struct rules toy_rules;

static inline u64 entry_span(const struct rules *rules, unsigned int level)
{
	return BIT_ULL(rules->page_lg2 + level * rules->index_lg2);
}

static inline unsigned int nr_entries(const struct rules *rules)
{
	return 1U << rules->index_lg2;
}

/* Addresses repeat the highest bit that is translated. */
static inline u64 sign_extend(const struct rules *rules, u64 va)
{
	u64 half = entry_span(rules, rules->levels) / 2;

	return va & half ? va | ~(half - 1) : va & (half - 1);
}

static inline unsigned int entry_index(const struct rules *rules, u64 va,
				       unsigned int level)
{
	return va / entry_span(rules, level) % nr_entries(rules);
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
		     const struct guest *guest, u64 root, u64 va,
		     struct vmem_translation *out,
		     u64 entries[VMEM_LEVELS_MAX]);
void model_walk(const struct rules *rules, const struct cpu *cpu,
		const struct guest *guest, const struct vmem_space *spaces,
		u32 nr_spaces, u64 first, u64 last, u32 flags,
		struct model_records *records);

/* Changing */

enum model_state {
	MODEL_FREE,
	MODEL_USED,
	MODEL_WAITS,		/* in quarantine */
};

struct model_table {
	enum model_state state;
	unsigned int level;
	unsigned int links;
	u64 parent;		/* of the first link */
	unsigned int slot;
	u64 generation;
};

#define MODEL_NO_PARENT	U64_MAX

/* Tables that are missing: (level, number of its span), each once. */
#define MISSING_MAX	(4 * POOL_TABLES)

struct missing {
	u32 nr;
	bool many;		/* more than there is room for, and than the pool has */
	struct {
		unsigned int level;
		u64 span;
	} tables[MISSING_MAX];
};

/**
 * struct model - a space and its pool, changed as the engine should
 * @guest:	memory of its own; the pool in it is not used
 * @tables:	what is known of each page of the pool
 * @touched:	no page of the pool from this one on was ever taken
 * @generation:	of tables that are freed from now on
 */
struct model {
	const struct rules *rules;
	struct cpu cpu;
	struct guest guest;
	u64 root;
	struct model_table tables[POOL_TABLES];
	u32 touched;
	u64 generation;
	struct missing missing;	/* in the mapping in hand */
};

struct model_result {
	int ret;
	u32 done;
	u64 pages;
	enum vmem_flush flush;
	u64 flush_first;
	u64 flush_last;
	bool freed;
	u64 at_va;
	unsigned int at_level;
	bool at_known;
};

void model_init(struct kunit *test, struct model *model,
		const struct rules *rules, const struct vmem_format *fmt,
		const struct cpu *cpu);
/* Take the lowest free page, zeroed; a root has no parent. */
u64 model_take(struct model *model, unsigned int level, u64 parent,
	       unsigned int slot);
u32 model_count(const struct model *model, enum model_state state);
void model_flushed(struct model *model, u64 generation);
void model_change(struct model *model, const struct vmem_mapping *list, u32 nr,
		  u32 flags, struct model_result *result);
/* Is a table reached twice? Then a change here is a change there. */
bool model_aliased(struct model *model);

#endif /* _VMEM_KUNIT_MODEL_H */
