/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * x86-64 with 4 and with 5 levels: what the bits of its tables mean.
 *
 * Sources: Intel SDM volume 3A, chapter "Paging", sections "4-Level Paging and
 * 5-Level Paging", "Reserved bits" and "Linear-Address Masking", and volume 1,
 * "Control-flow Enforcement Technology"; AMD APM volume 2, "Page-Translation-
 * Table Entry Fields", "Upper Address Ignore" and "Secure Encrypted
 * Virtualization". The makers call the tables of level 0 to 4 PT, PD, PDPT,
 * PML4 and PML5.
 */
#ifndef _VMEM_FMT_X86_64_H
#define _VMEM_FMT_X86_64_H

#include <linux/bitfield.h>

#include "vmem.h"

#define VMEM_PAGE_SIZE				4096
#define VMEM_PAGE_TABLE_SIZE			4096
#define VMEM_PAGE_TABLE_ENTRIES_PER_TABLE	512
#define VMEM_PAGE_PRESENT			X86_64_P
#define VMEM_PTE_ADDR_MASK			X86_64_ADDR

#define X86_64_P		BIT_ULL(0)
#define X86_64_RW		BIT_ULL(1)
#define X86_64_US		BIT_ULL(2)
#define X86_64_PWT		BIT_ULL(3)
#define X86_64_PCD		BIT_ULL(4)
#define X86_64_A		BIT_ULL(5)
#define X86_64_D		BIT_ULL(6)
#define X86_64_PS		BIT_ULL(7)	/* above level 0 */
#define X86_64_PAT_SMALL	BIT_ULL(7)	/* at level 0 */
#define X86_64_G		BIT_ULL(8)
#define X86_64_MBZ		BIT_ULL(8)	/* of AMD, of a PML4E and PML5E */
#define X86_64_AVL		GENMASK_ULL(11, 9)
#define X86_64_PAT_LARGE	BIT_ULL(12)	/* of a leaf above level 0 */
#define X86_64_ADDR		GENMASK_ULL(51, 12)
#define X86_64_AVL_HIGH		GENMASK_ULL(58, 52)
#define X86_64_PK		GENMASK_ULL(62, 59)
#define X86_64_NX		BIT_ULL(63)

#define X86_64_PAGE_LG2		12
#define X86_64_TABLE_LG2	12
#define X86_64_INDEX_LG2	9
#define X86_64_HALF(levels)	BIT_ULL(X86_64_PAGE_LG2 + X86_64_INDEX_LG2 * (levels) - 1)
#define X86_64_PHYS_BITS	52
#define X86_64_PHYS_BITS_MIN	32
#define X86_64_LEAF_LEVELS	(BIT(0) | BIT(1) | BIT(2))
#define X86_64_COW		1
#define X86_64_LAM		(VMEM_VCPU_LAM48 | VMEM_VCPU_LAM57 | VMEM_VCPU_LAM_SUP)
#define X86_64_ATTRS		(GENMASK(15, 0) | GENMASK(25, 16)) /* of a leaf */
#define X86_64_SOFT		GENMASK(18, 16)	/* of these, where Cow is said */
#define X86_64_SOFT_HIGH	GENMASK(25, 19)
#define X86_64_LAM48		47	/* the bit that is sign-extended */
#define X86_64_LAM57		56	/* that of Upper Address Ignore, too */
/* What of a vCPU says how tables are read, beside two numbers. */
#define X86_64_ALIKE		(VMEM_VCPU_NXE_OFF | VMEM_VCPU_AMD | \
				 VMEM_VCPU_NO_1G | VMEM_VCPU_CET)

/* Both numbers of levels are one, as far as they go. */
static __always_inline unsigned int vmem_x86_64_entry_lg2(unsigned int level)
{
	return X86_64_PAGE_LG2 + X86_64_INDEX_LG2 * level;
}

static __always_inline unsigned int vmem_x86_64_index_lg2(unsigned int level)
{
	return X86_64_INDEX_LG2;
}

static inline int vmem_x86_64_facts(const struct vmem_format *fmt,
				    struct vmem_facts *facts,
				    const struct vmem_vcpu *vcpu)
{
	u32 phys_bits = vcpu->phys_bits ?: X86_64_PHYS_BITS;
	u32 flags = vcpu->flags, cow = vcpu->cow;
	u64 all, mbz = flags & VMEM_VCPU_AMD ? X86_64_MBZ : 0;
	bool wide = fmt->nr_levels > 4;
	unsigned int level;

	if (flags & ~VMEM_VCPU_FLAGS ||
	    phys_bits < X86_64_PHYS_BITS_MIN || phys_bits > X86_64_PHYS_BITS ||
	    cow > FIELD_MAX(X86_64_AVL) || (cow && flags & VMEM_VCPU_COW_NONE) ||
	    (flags & VMEM_VCPU_UAI && flags & X86_64_LAM))
		return -EINVAL;
	if ((vcpu->enc_bit && (vcpu->enc_bit < X86_64_PHYS_BITS_MIN ||
			       vcpu->enc_bit >= X86_64_PHYS_BITS)) ||
	    (!vcpu->enc_bit && flags & VMEM_VCPU_ENC_SHARED))
		return -EINVAL;
	if (!cow && !(flags & VMEM_VCPU_COW_NONE))
		cow = X86_64_COW;

	facts->vcpu = *vcpu;
	facts->vcpu.phys_bits = phys_bits;
	facts->vcpu.cow = cow;
	facts->nr_levels = fmt->nr_levels;
	facts->leaf_levels = X86_64_LEAF_LEVELS & ~(flags & VMEM_VCPU_NO_1G ? BIT(2) : 0);
	facts->gap = fmt->gap;
	facts->enc = vcpu->enc_bit ? BIT_ULL(vcpu->enc_bit) : 0;
	facts->enc_table = flags & VMEM_VCPU_ENC_SHARED ? 0 : facts->enc;
	facts->gpa = (BIT_ULL(phys_bits) - 1) & ~facts->enc;
	facts->addr = X86_64_ADDR & facts->gpa;
	facts->cow = cow ? FIELD_PREP(X86_64_AVL, (u64)cow) : U64_MAX;
	facts->shadow = flags & VMEM_VCPU_CET ? X86_64_D : 0;
	facts->special = facts->enc | facts->shadow;
	facts->alike = (u64)(phys_bits - X86_64_PHYS_BITS_MIN) << 52 |
		       (u64)vcpu->enc_bit << 57 | (flags & X86_64_ALIKE) << 4;
	all = X86_64_ADDR & ~(facts->addr | facts->enc);
	if (flags & VMEM_VCPU_NXE_OFF)
		all |= X86_64_NX;
	for (level = 0; level < VMEM_LEVELS_MAX; level++)
		facts->tells[level] = X86_64_P | all | (level ? X86_64_PS : 0) |
				      (level > 2 ? mbz : 0);
	/* addresses with tags: of CR3's flags the wider one wins */
	facts->tag_sign = flags & VMEM_VCPU_UAI;
	facts->tag_user = flags & (VMEM_VCPU_LAM57 | VMEM_VCPU_UAI) ? X86_64_LAM57 :
			  flags & VMEM_VCPU_LAM48 ? X86_64_LAM48 : 0;
	facts->tag_super = facts->tag_sign ? X86_64_LAM57 :
			   !(flags & VMEM_VCPU_LAM_SUP) ? 0 :
			   wide ? X86_64_LAM57 : X86_64_LAM48;
	facts->tag_inside = wide && facts->tag_user == X86_64_LAM48;
	return 0;
}

static __always_inline bool
vmem_x86_64_untag(const struct vmem_facts *facts, vmem_virt_t *va)
{
	unsigned int sign = *va >> 63 ? facts->tag_super : facts->tag_user;
	vmem_virt_t clean = (u64)((s64)(*va << (63 - sign)) >> (63 - sign));

	if (!sign || (!facts->tag_sign && (clean ^ *va) >> 63) ||
	    !vmem_is_canonical(&facts->gap, clean))
		return false;
	*va = clean;
	return true;
}

static __always_inline u64 vmem_x86_64_step(unsigned int level)
{
	return BIT_ULL(vmem_x86_64_entry_lg2(level));
}

static __always_inline enum vmem_class
vmem_x86_64_classify(const struct vmem_facts *facts, u64 entry,
		     unsigned int level)
{
	u64 ps = level ? X86_64_PS : 0;
	u64 low = X86_64_ADDR & ~X86_64_PAT_LARGE & (vmem_x86_64_step(level) - 1);

	/* by far the most: one test */
	if (likely((entry & facts->tells[level]) == X86_64_P))
		return level ? VMEM_CLASS_TABLE : VMEM_CLASS_LEAF;
	if (!(entry & X86_64_P))
		return VMEM_CLASS_NONE;
	if (!(entry & ps))
		return VMEM_CLASS_RESERVED;
	if (!(BIT(level) & X86_64_LEAF_LEVELS))
		return VMEM_CLASS_LARGE;
	if (!(BIT(level) & facts->leaf_levels) ||
	    entry & ((facts->tells[0] & ~X86_64_P) | low))
		return VMEM_CLASS_RESERVED;
	return VMEM_CLASS_LEAF;
}

static __always_inline u64
vmem_x86_64_leaf_addr(const struct vmem_facts *facts, unsigned int level)
{
	return level ? facts->addr & ~(vmem_x86_64_step(level) - 1) : facts->addr;
}

static __always_inline vmem_phys_t
vmem_x86_64_entry_phys(const struct vmem_facts *facts, u64 entry,
		       unsigned int level, enum vmem_class class)
{
	return entry & (class == VMEM_CLASS_LEAF ?
			vmem_x86_64_leaf_addr(facts, level) : facts->addr);
}

/* What tables of constants are made of. */
#define X86_64_4(f, i, x)	f(i, x), f((i) + 1, x), f((i) + 2, x), f((i) + 3, x)
#define X86_64_16(f, i, x)	X86_64_4(f, i, x), X86_64_4(f, (i) + 4, x), \
				X86_64_4(f, (i) + 8, x), X86_64_4(f, (i) + 12, x)
#define X86_64_64(f, i)		X86_64_16(f, i, 0), X86_64_16(f, (i) + 16, 0), \
				X86_64_16(f, (i) + 32, 0), X86_64_16(f, (i) + 48, 0)

/* Looked up, as that is quicker than terms: by NX, P, RW and US, from bit 0 on. */
#define X86_64_PERMS(i, level)	(((i) & 1 ? 0 : VMEM_X) | ((i) & 2 ? VMEM_R : 0) | \
				 ((i) & 4 ? VMEM_W : 0) | ((i) & 8 ? VMEM_U : 0)) << 4 * (level)

static const u32 vmem_x86_64_nibbles[VMEM_LEVELS_MAX][16] = {
	{ X86_64_16(X86_64_PERMS, 0, 0) }, { X86_64_16(X86_64_PERMS, 0, 1) },
	{ X86_64_16(X86_64_PERMS, 0, 2) }, { X86_64_16(X86_64_PERMS, 0, 3) },
	{ X86_64_16(X86_64_PERMS, 0, 4) },
};

static __always_inline u32 vmem_x86_64_perms(u64 entry, unsigned int level)
{
	return vmem_x86_64_nibbles[level][(entry << 1 | entry >> 63) & 15];
}

/* A writable leaf isn't, whatever its software bits are. */
static __always_inline bool vmem_x86_64_is_cow(const struct vmem_facts *facts,
					       u64 entry)
{
	return (entry & (X86_64_AVL | X86_64_RW)) == facts->cow;
}

/* Of bits 8:1 of a leaf at level 0, and of bits 63:59. */
#define X86_64_LOW(i, unused)	(VMEM_R | ((i) & 1 ? VMEM_W : 0) | ((i) & 2 ? VMEM_U : 0) | \
				 ((i) & 4 ? VMEM_PWT : 0) | ((i) & 8 ? VMEM_PCD : 0) | \
				 ((i) & 16 ? VMEM_A : 0) | ((i) & 32 ? VMEM_D : 0) | \
				 ((i) & 64 ? VMEM_PAT : 0) | ((i) & 128 ? VMEM_G : 0))
#define X86_64_HIGH(i, unused)	(((i) & 16 ? 0 : VMEM_X) | ((i) & 15) << 12)

static const u16 vmem_x86_64_low[] = {
	X86_64_64(X86_64_LOW, 0), X86_64_64(X86_64_LOW, 64),
	X86_64_64(X86_64_LOW, 128), X86_64_64(X86_64_LOW, 192),
};

static const u16 vmem_x86_64_high[] = {
	X86_64_16(X86_64_HIGH, 0, 0), X86_64_16(X86_64_HIGH, 16, 0),
};

static __always_inline u32
vmem_x86_64_leaf_attrs(const struct vmem_facts *facts, u64 entry,
		       unsigned int level)
{
	u64 low = !level ? entry :
		  (entry & ~X86_64_PS) | (entry & X86_64_PAT_LARGE) >> 5;

	return vmem_x86_64_low[low >> 1 & 255] | vmem_x86_64_high[entry >> 59] |
	       (u32)vmem_x86_64_is_cow(facts, entry) << 10;
}

/* Error code of a #PF: SDM 3A, "Page-Fault Exceptions". */
#define X86_64_PF_P		BIT(0)
#define X86_64_PF_W		BIT(1)
#define X86_64_PF_U		BIT(2)
#define X86_64_PF_RSVD		BIT(3)
#define X86_64_PF_ID		BIT(4)
#define X86_64_PF_PK		BIT(5)
#define X86_64_PF_SS		BIT(6)

/* Bit n: what PKRU or PKRS says of key n denies a data access. */
static inline u32 vmem_x86_64_denied(u32 rights, bool write)
{
	unsigned int key;
	u32 denied = 0;

	for (key = 0; key < 16; key++, rights >>= 2)
		if (rights & 1 || (write && rights & 2))
			denied |= BIT(key);
	return denied;
}

/*
 * SDM 3A, "Determination of Access Rights", "Protection Keys" and "Accessed and Dirty
 * Flags". CR4.CET can't be set while CR0.WP isn't.
 */
static inline int vmem_x86_64_judge(const struct vmem_facts *facts,
				    const struct vmem_access *access,
				    struct vmem_judge *judge)
{
	u32 what = access->what, mode = access->mode;
	u32 kind = what & (VMEM_ACCESS_READ | VMEM_ACCESS_WRITE | VMEM_ACCESS_FETCH);
	bool user = what & VMEM_ACCESS_USER, fetch = kind == VMEM_ACCESS_FETCH;
	bool implicit = what & VMEM_ACCESS_IMPLICIT, shadow = what & VMEM_ACCESS_SHADOW;
	bool binds = user || mode & VMEM_MODE_WP, nx = !(facts->tells[0] & X86_64_NX);
	bool write = kind == VMEM_ACCESS_WRITE;

	*judge = (struct vmem_judge){
		.len		= FIELD_GET(VMEM_ACCESS_LEN, what) + 1,
		.fetch		= fetch,
		.code		= (write ? X86_64_PF_W : 0) | (user ? X86_64_PF_U : 0) |
				  (shadow ? X86_64_PF_SS : 0) |
				  (fetch && (nx || mode & VMEM_MODE_SMEP) ? X86_64_PF_ID : 0),
		.code_present	= X86_64_PF_P,
		.code_reserved	= X86_64_PF_RSVD,
		.code_key	= X86_64_PF_PK,
	};
	if (!kind || kind & (kind - 1) || (user && implicit) || (fetch && (implicit || shadow)) ||
	    (shadow && !facts->shadow) || (facts->shadow && !(mode & VMEM_MODE_WP)) ||
	    judge->len > VMEM_ACCESS_LEN_MAX)
		return -EINVAL;
	if (what & VMEM_ACCESS_SET_AD) {
		judge->set[0] = X86_64_A;
		judge->set[1] = X86_64_A | (write ? X86_64_D : 0);
	}
	judge->yes = (user ? VMEM_U : 0) | (fetch ? VMEM_X : 0) |
		     (shadow ? VMEM_SHADOW : write && binds ? VMEM_W : 0);
	if (!user && (shadow || mode & (fetch ? VMEM_MODE_SMEP : VMEM_MODE_SMAP)) &&
	    (fetch || shadow || implicit || !(mode & VMEM_MODE_AC)))
		judge->no = VMEM_U;
	if (!fetch && mode & VMEM_MODE_PKS)
		judge->denied = vmem_x86_64_denied(access->pkrs,
						   write && mode & VMEM_MODE_WP);
	if (!fetch && mode & VMEM_MODE_PKE)
		judge->denied |= vmem_x86_64_denied(access->pkru, write && binds) << 16;
	return 0;
}

/*
 * Permissions are positive here and NX is negative there, so an entry that
 * must not grant X needs NX. Tables that vmem makes grant X: leaves decide.
 */
static __always_inline u64 vmem_x86_64_make_table(const struct vmem_facts *facts,
						  vmem_table_t table, u32 perms)
{
	return vmem_table_gpa(table) | X86_64_P | X86_64_A | facts->enc_table |
	       (perms & VMEM_W ? X86_64_RW : 0) |
	       (perms & VMEM_U ? X86_64_US : 0) |
	       (perms & VMEM_X ? 0 : X86_64_NX);
}

static __always_inline u64 vmem_x86_64_move_table(const struct vmem_facts *facts,
						  u64 entry, vmem_table_t table,
						  u32 perms)
{
	u64 no = facts->addr | (perms & VMEM_X ? X86_64_NX : 0);

	return (entry & ~no) | vmem_table_gpa(table) |
	       (perms & VMEM_W ? X86_64_RW : 0) | (perms & VMEM_U ? X86_64_US : 0);
}

/* One copy of it. */
static noinline u64 vmem_x86_64_bits(const struct vmem_facts *facts, u32 attrs,
				     unsigned int level)
{
	return (attrs & VMEM_W ? X86_64_RW : 0) | (attrs & VMEM_U ? X86_64_US : 0) |
	       (attrs & VMEM_G ? X86_64_G : 0) | (attrs & VMEM_A ? X86_64_A : 0) |
	       (attrs & VMEM_D ? X86_64_D : 0) | (attrs & VMEM_PCD ? X86_64_PCD : 0) |
	       (attrs & VMEM_PWT ? X86_64_PWT : 0) |
	       (attrs & VMEM_PAT ? level ? X86_64_PAT_LARGE : X86_64_PAT_SMALL : 0) |
	       (attrs & VMEM_ENC ? facts->enc : 0) |
	       FIELD_PREP(X86_64_PK, (u64)FIELD_GET(VMEM_KEY, attrs)) |
	       FIELD_PREP(X86_64_AVL, (u64)FIELD_GET(X86_64_SOFT, attrs)) |
	       FIELD_PREP(X86_64_AVL_HIGH, (u64)FIELD_GET(X86_64_SOFT_HIGH, attrs));
}

/* What is refused of any attributes, asked for or taken away. */
static __always_inline bool vmem_x86_64_no(const struct vmem_facts *facts, u32 attrs)
{
	return attrs & ~X86_64_ATTRS || (attrs & VMEM_ENC && !facts->enc) ||
	       (attrs & VMEM_COW && (attrs & X86_64_SOFT || facts->cow == U64_MAX));
}

static __always_inline int
vmem_x86_64_can_map(const struct vmem_facts *facts, u32 attrs, unsigned int level)
{
	return vmem_x86_64_no(facts, attrs) || !(attrs & VMEM_R) ||
	       (attrs & VMEM_COW && attrs & VMEM_W) ||
	       (!(attrs & VMEM_X) && facts->tells[level] & X86_64_NX) ?
	       -EOPNOTSUPP : 0;
}

static __always_inline u64
vmem_x86_64_make_leaf(const struct vmem_facts *facts, u32 attrs,
		      unsigned int level, vmem_phys_t phys)
{
	return phys | X86_64_P | vmem_x86_64_bits(facts, attrs, level) |
	       (attrs & VMEM_X ? 0 : X86_64_NX) |
	       (attrs & VMEM_COW ? facts->cow : 0) | (level ? X86_64_PS : 0);
}

/* There is no bit for R, which can't be cleared. */
static __always_inline int
vmem_x86_64_can_protect(const struct vmem_facts *facts, u32 set, u32 clear)
{
	return vmem_x86_64_no(facts, set | clear) || clear & VMEM_R ||
	       (clear & VMEM_X && facts->tells[0] & X86_64_NX) ?
	       -EOPNOTSUPP : 0;
}

static __always_inline u64 vmem_x86_64_protect(const struct vmem_facts *facts,
					       u64 entry, u32 set, u32 clear,
					       u64 yes, u64 no)
{
	u64 new = (entry & ~(no | (set & VMEM_X ? X86_64_NX : 0))) |
		  yes | (clear & VMEM_X ? X86_64_NX : 0);

	if (set & VMEM_COW)
		new = (new & ~(X86_64_AVL | X86_64_RW)) | facts->cow;
	else if (vmem_x86_64_is_cow(facts, entry))
		new &= clear & VMEM_COW ? ~X86_64_AVL : ~X86_64_RW;
	/* D where W was lost would be a page of a shadow stack */
	return new & ~(facts->shadow & ~yes & (entry & ~new & X86_64_RW) << 5);
}

static __always_inline u64 vmem_x86_64_split(const struct vmem_facts *facts,
					     u64 entry, unsigned int level)
{
	u64 pat = X86_64_PAT_LARGE | X86_64_PAT_SMALL;

	return level > 1 ? entry :
	       (entry & ~pat) | (entry & X86_64_PAT_LARGE ? X86_64_PAT_SMALL : 0);
}

static __always_inline u64 vmem_x86_64_join(const struct vmem_facts *facts,
					    u64 entry, unsigned int level)
{
	return level ? entry : (entry & ~X86_64_PAT_SMALL) | X86_64_PS |
	       (entry & X86_64_PAT_SMALL ? X86_64_PAT_LARGE : 0);
}

/* What can be told of it without its functions. */
#define VMEM_X86_64_NUMBERS(levels)					\
		.name		= "x86_64-" #levels "level",		\
		.nr_levels	= levels,				\
		.page_lg2	= X86_64_PAGE_LG2,			\
		.phys_bits	= X86_64_PHYS_BITS,			\
		.leaf_levels	= X86_64_LEAF_LEVELS,			\
		/* addresses are sign-extended from the highest bit */	\
		.gap		= { X86_64_HALF(levels), ~X86_64_HALF(levels) }, \
		.present	= X86_64_P,				\
		.ad		= X86_64_A | X86_64_D,			\
		.writable	= X86_64_RW

static const struct vmem_format vmem_fmt_x86_64_4level __maybe_unused = {
	VMEM_X86_64_NUMBERS(4),
	VMEM_FORMAT_FUNCTIONS(vmem_x86_64)
};

static const struct vmem_format vmem_fmt_x86_64_5level __maybe_unused = {
	VMEM_X86_64_NUMBERS(5),
	VMEM_FORMAT_FUNCTIONS(vmem_x86_64)
};

#endif /* _VMEM_FMT_X86_64_H */
