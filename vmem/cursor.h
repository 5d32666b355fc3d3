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

/* Bytes that an entry of a table of @level translates, as a power of two. */
static __always_inline unsigned int
vmem_entry_lg2(const struct vmem_format *fmt, unsigned int level)
{
	return fmt->page_lg2 + fmt->index_lg2 * level;
}

/* Bytes that a table of @level translates, as a power of two. */
static __always_inline unsigned int
vmem_table_lg2(const struct vmem_format *fmt, unsigned int level)
{
	return vmem_entry_lg2(fmt, level + 1);
}

static __always_inline u64 vmem_entry_mask(const struct vmem_format *fmt,
					   unsigned int level)
{
	return BIT_ULL(vmem_entry_lg2(fmt, level)) - 1;
}

static __always_inline u64 vmem_table_mask(const struct vmem_format *fmt,
					   unsigned int level)
{
	return BIT_ULL(vmem_table_lg2(fmt, level)) - 1;
}

static __always_inline unsigned int
vmem_virt_bits(const struct vmem_format *fmt)
{
	return vmem_entry_lg2(fmt, fmt->nr_levels);
}

static __always_inline unsigned int vmem_nr_entries(const struct vmem_format *fmt)
{
	return 1U << fmt->index_lg2;
}

/* The level of the root. */
static __always_inline unsigned int vmem_top(const struct vmem_format *fmt)
{
	return fmt->nr_levels - 1U;
}

/* The index of the entry for @va in a table of @level. */
static __always_inline unsigned int
vmem_index(const struct vmem_format *fmt, vmem_virt_t va, unsigned int level)
{
	return (va >> vmem_entry_lg2(fmt, level)) & (vmem_nr_entries(fmt) - 1);
}

/* Sign-extended from the highest bit that is translated. */
static __always_inline vmem_virt_t
vmem_canonical(const struct vmem_format *fmt, vmem_virt_t va)
{
	unsigned int shift = 64 - vmem_virt_bits(fmt);

	return (u64)((s64)(va << shift) >> shift);
}

static __always_inline bool
vmem_is_canonical(const struct vmem_format *fmt, vmem_virt_t va)
{
	return vmem_canonical(fmt, va) == va;
}

/* Take the tag out of a data address. Return: whether it is canonical then. */
static __always_inline bool
vmem_untag(const struct vmem_format *fmt, const struct vmem_facts *facts,
	   vmem_virt_t *va)
{
	unsigned int sign = *va >> 63 ? facts->tag_super : facts->tag_user;
	vmem_virt_t clean = (u64)((s64)(*va << (63 - sign)) >> (63 - sign));

	if (!sign || (!facts->tag_sign && (clean ^ *va) >> 63) ||
	    !vmem_is_canonical(fmt, clean))
		return false;
	*va = clean;
	return true;
}

/* Can an entry name each byte from @first to @last? */
static __always_inline bool vmem_nameable(const struct vmem_facts *facts,
					  vmem_phys_t first, vmem_phys_t last)
{
	/* where a bit above it changes, an address between has it set */
	u64 above = facts->enc ? ~(2 * facts->enc - 1) : 0;

	return !((first | last) & ~facts->gpa) && !((first ^ last) & above);
}

/* The first address that isn't in the lower half, but in the upper. */
static __always_inline vmem_virt_t vmem_upper(const struct vmem_format *fmt)
{
	return ~(BIT_ULL(vmem_virt_bits(fmt) - 1) - 1);
}

/* @va, or the first canonical address above it. */
static __always_inline vmem_virt_t
vmem_canonical_from(const struct vmem_format *fmt, vmem_virt_t va)
{
	return vmem_is_canonical(fmt, va) ? va : vmem_upper(fmt);
}

/* The one read of an entry: a vCPU may change it at any time. */
static __always_inline u64 vmem_read(const vmem_pte_t *host, unsigned int index)
{
	return le64_to_cpu(READ_ONCE(host[index]));
}

/* The bits of eight entries, from @i on. */
static __always_inline u64 vmem_eight_or(const vmem_pte_t *host, unsigned int i)
{
	host += i;
	return vmem_read(host, 0) | vmem_read(host, 1) | vmem_read(host, 2) |
	       vmem_read(host, 3) | vmem_read(host, 4) | vmem_read(host, 5) |
	       vmem_read(host, 6) | vmem_read(host, 7);
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

/* Leaves from @i up to @end, included; unrolled, which compilers don't: once. */
static noinline void vmem_fill(vmem_pte_t *host, unsigned int i,
			       unsigned int end, u64 leaf, u64 page)
{
	vmem_pte_t *at = host + i, *behind = host + end + 1;

	for (; behind - at >= 8; at += 8, leaf += 8 * page) {
		WRITE_ONCE(at[0], cpu_to_le64(leaf));
		WRITE_ONCE(at[1], cpu_to_le64(leaf + page));
		WRITE_ONCE(at[2], cpu_to_le64(leaf + 2 * page));
		WRITE_ONCE(at[3], cpu_to_le64(leaf + 3 * page));
		WRITE_ONCE(at[4], cpu_to_le64(leaf + 4 * page));
		WRITE_ONCE(at[5], cpu_to_le64(leaf + 5 * page));
		WRITE_ONCE(at[6], cpu_to_le64(leaf + 6 * page));
		WRITE_ONCE(at[7], cpu_to_le64(leaf + 7 * page));
	}
	for (; at < behind; at++, leaf += page)
		WRITE_ONCE(*at, cpu_to_le64(leaf));
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
	/* of a change, else NULL */
	const struct vmem_table_ops *ops;
	struct vmem_pages *pages;
};

static __always_inline enum vmem_class
vmem_classify(const struct vmem_env *e, u64 entry, unsigned int level)
{
	return e->fmt->classify(e->facts, entry, level);
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

/*
 * All attributes of a leaf, and what is left of them, @effective, below entries
 * that grant @granted.
 */
static __always_inline u32 vmem_leaf_attrs(const struct vmem_env *e, u64 entry,
					   unsigned int level, u32 granted,
					   u32 *effective)
{
	u32 leaf = e->fmt->leaf_attrs(e->facts, entry, level);

	*effective = leaf & granted & VMEM_RWXU;
	if (likely(!e->facts->special))
		return leaf;
	if (e->facts->shadow && granted & VMEM_W &&
	    (leaf & (VMEM_W | VMEM_D)) == VMEM_D)
		*effective |= VMEM_SHADOW;
	return leaf | (entry & e->facts->enc ? VMEM_ENC : 0);
}

static __always_inline u32 vmem_nibble(unsigned int level, u32 perms)
{
	return perms << (4 * level);
}

/* R, W, X, U as a table entry grants them. */
static __always_inline u32 vmem_table_perms(const struct vmem_env *e, u64 entry)
{
	return e->fmt->path(e->fmt->nibble(entry));
}

#endif /* _VMEM_CURSOR_H */
