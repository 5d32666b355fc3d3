/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A place in a tree: all address arithmetic of the engine, and reading an
 * entry.
 *
 * Everything here is __always_inline because the format and the ops are
 * constants of the caller: inlined, no indirect call and no variable shift is
 * left.
 */
#include "vmem.h"

#ifndef _VMEM_CURSOR_H
#define _VMEM_CURSOR_H

/* Bytes that a table of @level translates, as a power of two. */
static __always_inline unsigned int
vmem_table_lg2(const struct vmem_format *fmt, unsigned int level)
{
	return fmt->entry_lg2(level) + fmt->index_lg2(level);
}

static __always_inline u64 vmem_entry_mask(const struct vmem_format *fmt,
					   unsigned int level)
{
	return BIT_ULL(fmt->entry_lg2(level)) - 1;
}

static __always_inline u64 vmem_table_mask(const struct vmem_format *fmt,
					   unsigned int level)
{
	return BIT_ULL(vmem_table_lg2(fmt, level)) - 1;
}

static __always_inline unsigned int
vmem_nr_entries(const struct vmem_format *fmt, unsigned int level)
{
	return 1U << fmt->index_lg2(level);
}

/* The level of the root. */
static __always_inline unsigned int vmem_top(const struct vmem_facts *facts)
{
	return facts->nr_levels - 1U;
}

/* The index of the entry for @va in a table of @level. */
static __always_inline unsigned int
vmem_index(const struct vmem_format *fmt, vmem_virt_t va, unsigned int level)
{
	return (va >> fmt->entry_lg2(level)) & (vmem_nr_entries(fmt, level) - 1);
}

static __always_inline bool vmem_is_canonical(const struct vmem_gap *gap,
					      vmem_virt_t va)
{
	return va < gap->first || va > gap->last;
}

/* @va, or the first canonical address above it. Return: whether there is one. */
static __always_inline bool vmem_canonical_from(const struct vmem_gap *gap,
						vmem_virt_t *va)
{
	if (vmem_is_canonical(gap, *va))
		return true;
	*va = gap->last + 1;
	return *va;
}

/* Can an entry name each byte from @first to @last? */
static __always_inline bool vmem_nameable(const struct vmem_facts *facts,
					  vmem_phys_t first, vmem_phys_t last)
{
	/* where a bit above one that none has changes, an address between has that */
	u64 none = ~facts->gpa & (facts->gpa + 1), above = ~(2 * none - 1);

	return !((first | last) & ~facts->gpa) && !((first ^ last) & above);
}

/* The one read of an entry: a vCPU may change it at any time. */
static __always_inline u64 vmem_read(const vmem_pte_t *host, unsigned int index)
{
	return le64_to_cpu(READ_ONCE(host[index]));
}

/* What is only looked at, so that it may be read together with others, or again. */
static __always_inline u64 vmem_peek(const vmem_pte_t *host, unsigned int index)
{
	/* a vCPU may change it; what is told is read by vmem_read() */
	return le64_to_cpu(data_race(host[index]));
}

/* The bits of eight entries, from @i on. */
static __always_inline u64 vmem_eight_or(const vmem_pte_t *host, unsigned int i)
{
	unsigned int n;
	u64 any = 0;

#pragma GCC unroll 8
	for (n = 0; n < 8; n++)
		any |= vmem_peek(host, i + n);
	return any;
}

/* Does any entry from @i up to @end, included, have one of @bits? */
static inline bool vmem_any(const vmem_pte_t *host, unsigned int i,
			    unsigned int end, u64 bits)
{
	u64 any = 0;

	for (; i + 7 <= end; i += 8)
		if (vmem_eight_or(host, i) & bits)
			return true;
	for (; i <= end; i++)
		any |= vmem_read(host, i);
	return any & bits;
}

/* As vmem_fill(): one copy of it. */
static noinline void vmem_fill_run(vmem_pte_t *host, unsigned int i,
				   unsigned int end, u64 leaf, u64 step)
{
	unsigned int nr = end + 1 - i, n;
	u64 odd;

	for (host += i; nr % 8; nr--, host++, leaf += step)
		WRITE_ONCE(*host, cpu_to_le64(leaf));
	/* an addition and a store each; every other one waits for the one before */
	for (odd = leaf + step; nr; nr -= 8, host += 8) {
#pragma GCC unroll 4
		for (n = 0; n < 8; n += 2, leaf += 2 * step, odd += 2 * step) {
			WRITE_ONCE(host[n], cpu_to_le64(leaf));
			WRITE_ONCE(host[n + 1], cpu_to_le64(odd));
		}
	}
}

/* Leaves from @i up to @end, included, each of them @step behind the one before it. */
static __always_inline void vmem_fill(vmem_pte_t *host, unsigned int i,
				      unsigned int end, u64 leaf, u64 step)
{
	if (i == end)
		WRITE_ONCE(host[i], cpu_to_le64(leaf));
	else
		vmem_fill_run(host, i, end, leaf, step);
}

/*
 * What every function of the engine is handed. It is local to the outermost
 * one, and nothing of it is left once all of them are inlined into that.
 */
struct vmem_env {
	const struct vmem_format *fmt;
	const struct vmem_table_read_ops *read;
	void *ctx;
	const struct vmem_facts *facts;
	/* of a change, else NULL: */
	const struct vmem_table_ops *ops;
	struct vmem_pages *pages;
	struct vmem_space *space;
	struct vmem_change *change;
	/* the parts of it */
	const struct vmem_asked *asked;
	struct vmem_answer *answer;
	struct vmem_pass *pass;
	struct vmem_need *need;
	struct vmem_place *at;	/* where it is */
	/* of a walk, else NULL: */
	struct vmem_walk *walk;
	struct vmem_sink *sink;
	struct vmem_cursor *cur; /* where it is */
};

static __always_inline enum vmem_class
vmem_classify(const struct vmem_env *e, u64 entry, unsigned int level)
{
	return e->fmt->classify(e->facts, entry, level);
}

/*
 * Are the entries from @i up to @end leaves of level 0? All are present, and but for
 * that no bit makes a leaf of what is none.
 */
static __always_inline bool vmem_all_leaves(const struct vmem_env *e, const vmem_pte_t *host,
					    unsigned int i, unsigned int end)
{
	u64 all = vmem_read(host, i), any = all, one, other;

	/* by two, as each waits for what was before it */
#pragma GCC unroll 4
	for (i += (end + 1 - i) & 1; i < end; i += 2) {
		one = vmem_read(host, i);
		other = vmem_read(host, i + 1);
		all &= one & other;
		any |= one | other;
	}
	return all & e->fmt->present && vmem_classify(e, any, 0) == VMEM_CLASS_LEAF;
}

/* The table that an entry of a table of @level names. */
static __always_inline vmem_table_t
vmem_entry_table(const struct vmem_env *e, u64 entry, unsigned int level)
{
	return vmem_table(e->fmt->entry_phys(e->facts, entry, level,
					     VMEM_CLASS_TABLE));
}

static __always_inline vmem_phys_t
vmem_leaf_phys(const struct vmem_env *e, u64 entry, unsigned int level)
{
	return e->fmt->entry_phys(e->facts, entry, level, VMEM_CLASS_LEAF);
}

static __always_inline u32 vmem_nibble(unsigned int level, u32 perms)
{
	return perms << (4 * level);
}

/* All attributes of a leaf, and what is left of them below entries that grant @granted. */
static __always_inline u32 vmem_leaf_attrs(const struct vmem_env *e, u64 entry,
					   unsigned int level, u32 granted,
					   u16 *effective)
{
	u32 leaf = e->fmt->leaf_attrs(e->facts, entry, level);

	*effective = leaf & granted;
	if (likely(!e->facts->special))
		return leaf;
	if (e->facts->shadow && granted & VMEM_W &&
	    (leaf & (VMEM_W | VMEM_D)) == VMEM_D)
		*effective |= VMEM_SHADOW;
	return leaf | (entry & e->facts->enc ? VMEM_ENC : 0);
}

#endif /* _VMEM_CURSOR_H */
