/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flat format: a toy like the one of toy.h, with what that has in common with
 * x86-64 done in another way. An address lies ten bits higher in an entry than it is;
 * virtual addresses begin at 0, and have no second half; the root has 4 entries.
 */
#ifndef _VMEM_KUNIT_FLAT_H
#define _VMEM_KUNIT_FLAT_H

#include <linux/bitfield.h>

#include "../vmem/vmem.h"

#define FLAT_LEVELS	3
#define FLAT_PAGE_LG2	12
#define FLAT_PHYS_BITS	22
#define FLAT_SHIFT	10		/* of an address in an entry */

#define FLAT_ADDR	(GENMASK_ULL(21, 4) << FLAT_SHIFT)
#define FLAT_PRESENT	BIT_ULL(0)
#define FLAT_R		BIT_ULL(1)
#define FLAT_W		BIT_ULL(2)
#define FLAT_X		BIT_ULL(3)
#define FLAT_U		BIT_ULL(4)
#define FLAT_A		BIT_ULL(6)
#define FLAT_D		BIT_ULL(7)
#define FLAT_COW		GENMASK_ULL(9, 8)
#define FLAT_LARGE	BIT_ULL(60)	/* above level 0: a leaf */
#define FLAT_RESERVED	BIT_ULL(61)
#define FLAT_LEAF_LEVELS	(BIT(0) | BIT(1))

static __always_inline unsigned int flat_entry_lg2(unsigned int level)
{
	return FLAT_PAGE_LG2 + level;
}

static __always_inline unsigned int flat_index_lg2(unsigned int level)
{
	return level == FLAT_LEVELS - 1 ? 2 : 1;
}

static __always_inline bool flat_untag(const struct vmem_facts *facts,
				      vmem_virt_t *va)
{
	return false;
}

static __always_inline int flat_facts(const struct vmem_format *fmt,
				     struct vmem_facts *facts,
				     const struct vmem_vcpu *vcpu)
{
	u32 phys_bits = vcpu->phys_bits ?: FLAT_PHYS_BITS, cow = vcpu->cow, level;

	if (phys_bits < 14 || phys_bits > FLAT_PHYS_BITS || cow > 3 ||
	    vcpu->enc_bit ||
	    vcpu->flags & ~(VMEM_VCPU_NXE_OFF | VMEM_VCPU_COW_NONE | VMEM_VCPU_CET))
		return -EINVAL;
	if (!cow && !(vcpu->flags & VMEM_VCPU_COW_NONE))
		cow = 1;
	*facts = (struct vmem_facts){
		.vcpu = { .phys_bits = phys_bits, .flags = vcpu->flags, .cow = cow },
		.nr_levels = fmt->nr_levels,
		.gap = fmt->gap,
		.gpa = BIT_ULL(phys_bits) - 1,
		.addr = FLAT_ADDR & (BIT_ULL(phys_bits + FLAT_SHIFT) - 1),
		.cow = cow ? FIELD_PREP(FLAT_COW, (u64)cow) : U64_MAX,
		.shadow = vcpu->flags & VMEM_VCPU_CET ? FLAT_D : 0,
		.special = vcpu->flags & VMEM_VCPU_CET,
		.alike = (u64)phys_bits << 53 |
			 (vcpu->flags & VMEM_VCPU_CET ? BIT_ULL(52) : 0),
	};
	for (level = 0; level < FLAT_LEVELS; level++)
		facts->reserved[level] = FLAT_RESERVED | (FLAT_ADDR & ~facts->addr);
	return 0;
}

static __always_inline bool flat_is_cow(const struct vmem_facts *facts, u64 entry)
{
	return (entry & (FLAT_COW | FLAT_W)) == facts->cow;
}

static __always_inline enum vmem_class
flat_classify(const struct vmem_facts *facts, u64 entry, unsigned int level)
{
	if (!(entry & FLAT_PRESENT))
		return VMEM_CLASS_NONE;
	if (level && entry & FLAT_LARGE && !(BIT(level) & FLAT_LEAF_LEVELS))
		return VMEM_CLASS_LARGE;
	if (entry & facts->reserved[level])
		return VMEM_CLASS_RESERVED;
	if (level && !(entry & FLAT_LARGE))
		return VMEM_CLASS_TABLE;
	if (entry & FLAT_ADDR & (BIT_ULL(FLAT_PAGE_LG2 + level + FLAT_SHIFT) - 1))
		return VMEM_CLASS_RESERVED;
	return VMEM_CLASS_LEAF;
}

static __always_inline vmem_phys_t
flat_entry_phys(const struct vmem_facts *facts, u64 entry, unsigned int level,
	       enum vmem_class class)
{
	return (entry & facts->addr) >> FLAT_SHIFT;
}

static __always_inline u32 flat_nibble(u64 entry)
{
	return (entry & FLAT_R ? VMEM_R : 0) | (entry & FLAT_W ? VMEM_W : 0) |
	       (entry & FLAT_X ? VMEM_X : 0) | (entry & FLAT_U ? VMEM_U : 0);
}

static __always_inline u32 flat_path(u32 nibbles)
{
	return nibbles;
}

static __always_inline u32
flat_leaf_attrs(const struct vmem_facts *facts, u64 entry, unsigned int level)
{
	return flat_nibble(entry) | (entry & FLAT_A ? VMEM_A : 0) |
	       (entry & FLAT_D ? VMEM_D : 0) |
	       (flat_is_cow(facts, entry) ? VMEM_COW : 0);
}

static __always_inline u64 flat_perms(u32 perms)
{
	return (perms & VMEM_R ? FLAT_R : 0) | (perms & VMEM_W ? FLAT_W : 0) |
	       (perms & VMEM_X ? FLAT_X : 0) | (perms & VMEM_U ? FLAT_U : 0);
}

static __always_inline u64 flat_make_table(const struct vmem_facts *facts,
					  vmem_table_t table, u32 perms)
{
	return vmem_table_gpa(table) << FLAT_SHIFT | FLAT_PRESENT | FLAT_A | flat_perms(perms);
}

static __always_inline int flat_can_map(const struct vmem_facts *facts, u32 attrs,
				       unsigned int level)
{
	return attrs & ~(VMEM_R | VMEM_W | VMEM_X | VMEM_COW) ||
	       (attrs & VMEM_COW && (attrs & VMEM_W || facts->cow == U64_MAX)) ?
	       -EOPNOTSUPP : 0;
}

static __always_inline u64
flat_make_leaf(const struct vmem_facts *facts, u32 attrs, unsigned int level,
	       vmem_phys_t phys)
{
	return phys << FLAT_SHIFT | FLAT_PRESENT | FLAT_A | flat_perms(attrs) |
	       (attrs & VMEM_W ? FLAT_D : FLAT_D & ~facts->shadow) |
	       (attrs & VMEM_COW ? facts->cow : 0) | (level ? FLAT_LARGE : 0);
}

static __always_inline u64 flat_leaf_addr(const struct vmem_facts *facts,
					 unsigned int level)
{
	return facts->addr & ~(BIT_ULL(FLAT_PAGE_LG2 + level + FLAT_SHIFT) - 1);
}

static __always_inline u64 flat_step(unsigned int level)
{
	return BIT_ULL(FLAT_PAGE_LG2 + level + FLAT_SHIFT);
}

static __always_inline u64 flat_move_table(const struct vmem_facts *facts,
					  u64 entry, vmem_table_t table)
{
	return (entry & ~facts->addr) | vmem_table_gpa(table) << FLAT_SHIFT;
}

static __always_inline int flat_can_protect(const struct vmem_facts *facts,
					   u32 set, u32 clear)
{
	if ((set | clear) & VMEM_COW && facts->cow == U64_MAX)
		return -EOPNOTSUPP;
	return (set | clear) & ~(VMEM_R | VMEM_W | VMEM_X | VMEM_COW) ?
	       -EOPNOTSUPP : 0;
}

static __always_inline u64 flat_protect(const struct vmem_facts *facts,
				       u64 entry, u32 set, u32 clear)
{
	bool cow = flat_is_cow(facts, entry), written = entry & FLAT_W;

	if (clear & VMEM_COW && cow) {
		entry &= ~FLAT_COW;
		cow = false;
	}
	if (set & VMEM_COW) {
		entry = (entry & ~FLAT_COW) | facts->cow;
		cow = true;
	}
	entry = (entry & ~flat_perms(clear)) | flat_perms(set);
	if (set & (VMEM_W | VMEM_COW) && cow)
		entry &= ~FLAT_W;
	if (written && !(entry & FLAT_W))
		entry &= ~facts->shadow;
	return entry;
}

static const struct vmem_format flat_format __maybe_unused = {
	.name		= "flat",
	.nr_levels	= FLAT_LEVELS,
	.page_lg2	= FLAT_PAGE_LG2,
	.phys_bits	= FLAT_PHYS_BITS,
	.gap		= { BIT_ULL(FLAT_PAGE_LG2 + FLAT_LEVELS + 1), U64_MAX },
	.leaf_levels	= FLAT_LEAF_LEVELS,
	.present	= FLAT_PRESENT,
	.ad		= FLAT_A | FLAT_D,
	.writable	= FLAT_W,
	VMEM_FORMAT_FUNCTIONS(flat)
};

#endif /* _VMEM_KUNIT_FLAT_H */
