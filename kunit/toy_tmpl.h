/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of a toy format, whose bits and numbers are TOY_*: toy.h and flat.h
 * say these, and include it with TOY(name) for the name of each function.
 */
static __always_inline unsigned int TOY(entry_lg2)(unsigned int level)
{
	return TOY_PAGE_LG2 + level;
}

static __always_inline unsigned int TOY(index_lg2)(unsigned int level)
{
	return level == TOY_LEVELS - 1 ? TOY_ROOT_LG2 : 1;
}

static __always_inline bool TOY(untag)(const struct vmem_facts *facts,
				      vmem_virt_t *va)
{
	return false;
}

static __always_inline int TOY(facts)(const struct vmem_format *fmt,
				     struct vmem_facts *facts,
				     const struct vmem_vcpu *vcpu)
{
	u32 phys_bits = vcpu->phys_bits ?: TOY_PHYS_BITS, cow = vcpu->cow, level;

	if (phys_bits < 14 || phys_bits > TOY_PHYS_BITS || cow > 3 ||
	    vcpu->enc_bit ||
	    vcpu->flags & ~(VMEM_VCPU_NXE_OFF | VMEM_VCPU_COW_NONE | VMEM_VCPU_CET))
		return -EINVAL;
	if (!cow && !(vcpu->flags & VMEM_VCPU_COW_NONE))
		cow = 1;
	*facts = (struct vmem_facts){
		.vcpu = { .phys_bits = phys_bits, .flags = vcpu->flags, .cow = cow },
		.nr_levels = fmt->nr_levels,
		.leaf_levels = TOY_LEAF_LEVELS,
		.gap = fmt->gap,
		.gpa = BIT_ULL(phys_bits) - 1,
		.addr = TOY_ADDR & (BIT_ULL(phys_bits + TOY_SHIFT) - 1),
		.cow = cow ? FIELD_PREP(TOY_COW, (u64)cow) : U64_MAX,
		.shadow = vcpu->flags & VMEM_VCPU_CET ? TOY_D : 0,
		.special = vcpu->flags & VMEM_VCPU_CET,
		.alike = (u64)phys_bits << 53 |
			 (vcpu->flags & VMEM_VCPU_CET ? BIT_ULL(52) : 0),
	};
	for (level = 0; level < TOY_LEVELS; level++)
		facts->tells[level] = TOY_RESERVED | (TOY_ADDR & ~facts->addr);
	return 0;
}

static __always_inline bool TOY(is_cow)(const struct vmem_facts *facts, u64 entry)
{
	return (entry & (TOY_COW | TOY_W)) == facts->cow;
}

static __always_inline enum vmem_class
TOY(classify)(const struct vmem_facts *facts, u64 entry, unsigned int level)
{
	if (!(entry & TOY_PRESENT))
		return VMEM_CLASS_NONE;
	if (level && entry & TOY_LARGE && !(BIT(level) & TOY_LEAF_LEVELS))
		return VMEM_CLASS_LARGE;
	if (entry & facts->tells[level])
		return VMEM_CLASS_RESERVED;
	if (level && !(entry & TOY_LARGE))
		return VMEM_CLASS_TABLE;
	if (entry & TOY_ADDR & (BIT_ULL(TOY_PAGE_LG2 + level + TOY_SHIFT) - 1))
		return VMEM_CLASS_RESERVED;
	return VMEM_CLASS_LEAF;
}

static __always_inline vmem_phys_t
TOY(entry_phys)(const struct vmem_facts *facts, u64 entry, unsigned int level,
	       enum vmem_class class)
{
	return (entry & facts->addr) >> TOY_SHIFT;
}

static __always_inline u32 TOY(perms)(u64 entry, unsigned int level)
{
	return ((entry & TOY_R ? VMEM_R : 0) | (entry & TOY_W ? VMEM_W : 0) |
		(entry & TOY_X ? VMEM_X : 0) | (entry & TOY_U ? VMEM_U : 0)) << 4 * level;
}

static __always_inline u32
TOY(leaf_attrs)(const struct vmem_facts *facts, u64 entry, unsigned int level)
{
	return TOY(perms)(entry, 0) | (entry & TOY_A ? VMEM_A : 0) |
	       (entry & TOY_D ? VMEM_D : 0) |
	       (TOY(is_cow)(facts, entry) ? VMEM_COW : 0);
}

/* As nobody's: each right is its own bit of the error code. */
static inline int TOY(judge)(const struct vmem_facts *facts,
			     const struct vmem_access *access, struct vmem_judge *judge)
{
	*judge = (struct vmem_judge){
		.yes	= (access->what & VMEM_ACCESS_WRITE ? VMEM_W : 0) |
			  (access->what & VMEM_ACCESS_FETCH ? VMEM_X : 0) |
			  (access->what & VMEM_ACCESS_USER ? VMEM_U : 0),
		.len	= FIELD_GET(VMEM_ACCESS_LEN, access->what) + 1,
		.code	= access->what & 0xf,
		.code_present = 0x100, .code_reserved = 0x200,
	};
	if (access->what & VMEM_ACCESS_SET_AD) {
		judge->set[0] = TOY_A;
		judge->set[1] = TOY_A | (access->what & VMEM_ACCESS_WRITE ? TOY_D : 0);
	}
	return access->what & ~(VMEM_ACCESS_LEN | VMEM_ACCESS_SET_AD | 0xf) ? -EINVAL : 0;
}

static __always_inline u64 TOY(perm_bits)(u32 perms)
{
	return (perms & VMEM_R ? TOY_R : 0) | (perms & VMEM_W ? TOY_W : 0) |
	       (perms & VMEM_X ? TOY_X : 0) | (perms & VMEM_U ? TOY_U : 0);
}

static __always_inline u64 TOY(make_table)(const struct vmem_facts *facts,
					  vmem_table_t table, u32 perms)
{
	return vmem_table_gpa(table) << TOY_SHIFT | TOY_PRESENT | TOY_A | TOY(perm_bits)(perms);
}

static __always_inline int TOY(can_map)(const struct vmem_facts *facts, u32 attrs,
				       unsigned int level)
{
	return attrs & ~(VMEM_RWXU | VMEM_A | VMEM_D | VMEM_COW) ||
	       (attrs & VMEM_COW && (attrs & VMEM_W || facts->cow == U64_MAX)) ?
	       -EOPNOTSUPP : 0;
}

static __always_inline u64 TOY(bits)(const struct vmem_facts *facts, u32 attrs,
				    unsigned int level)
{
	return TOY(perm_bits)(attrs & ~VMEM_X) | (attrs & VMEM_A ? TOY_A : 0) |
	       (attrs & VMEM_D ? TOY_D : 0);
}

static __always_inline u64
TOY(make_leaf)(const struct vmem_facts *facts, u32 attrs, unsigned int level,
	       vmem_phys_t phys)
{
	return phys << TOY_SHIFT | TOY_PRESENT | TOY(bits)(facts, attrs, level) |
	       TOY(perm_bits)(attrs & VMEM_X) | (attrs & VMEM_COW ? facts->cow : 0) | (level ? TOY_LARGE : 0);
}

static __always_inline u64 TOY(leaf_addr)(const struct vmem_facts *facts,
					 unsigned int level)
{
	return facts->addr & ~(BIT_ULL(TOY_PAGE_LG2 + level + TOY_SHIFT) - 1);
}

static __always_inline u64 TOY(step)(unsigned int level)
{
	return BIT_ULL(TOY_PAGE_LG2 + level + TOY_SHIFT);
}

static __always_inline u64 TOY(move_table)(const struct vmem_facts *facts,
					  u64 entry, vmem_table_t table, u32 perms)
{
	return (entry & ~facts->addr) | vmem_table_gpa(table) << TOY_SHIFT |
	       TOY(perm_bits)(perms);
}

static __always_inline int TOY(can_protect)(const struct vmem_facts *facts,
					   u32 set, u32 clear)
{
	if ((set | clear) & VMEM_COW && facts->cow == U64_MAX)
		return -EOPNOTSUPP;
	return (set | clear) & ~(VMEM_RWXU | VMEM_A | VMEM_D | VMEM_COW) ?
	       -EOPNOTSUPP : 0;
}

static __always_inline u64 TOY(protect)(const struct vmem_facts *facts,
				       u64 entry, u32 set, u32 clear,
				       u64 yes, u64 no)
{
	bool cow = TOY(is_cow)(facts, entry), written = entry & TOY_W;

	if (clear & VMEM_COW && cow) {
		entry &= ~TOY_COW;
		cow = false;
	}
	if (set & VMEM_COW) {
		entry = (entry & ~TOY_COW) | facts->cow;
		cow = true;
	}
	entry = (entry & ~(no | TOY(perm_bits)(clear & VMEM_X))) | yes |
		TOY(perm_bits)(set & VMEM_X);
	if (set & (VMEM_W | VMEM_COW) && cow)
		entry &= ~TOY_W;
	if (written && !(entry & TOY_W))
		entry &= ~(facts->shadow & ~yes);
	return entry;
}

static __always_inline u64 TOY(split)(const struct vmem_facts *facts, u64 entry,
				     unsigned int level)
{
	return level > 1 ? entry : entry & ~TOY_LARGE;
}

static __always_inline u64 TOY(join)(const struct vmem_facts *facts, u64 entry,
				    unsigned int level)
{
	return entry | TOY_LARGE;
}

static const struct vmem_format TOY(format) __maybe_unused = {
	.name		= TOY_NAME,
	.nr_levels	= TOY_LEVELS,
	.page_lg2	= TOY_PAGE_LG2,
	.phys_bits	= TOY_PHYS_BITS,
	.gap		= { TOY_GAP_FIRST, TOY_GAP_LAST },
	.leaf_levels	= TOY_LEAF_LEVELS,
	.present	= TOY_PRESENT,
	.ad		= TOY_A | TOY_D,
	.writable	= TOY_W,
	TOY_FUNCTIONS
};

#undef TOY
#undef TOY_LEVELS
#undef TOY_PAGE_LG2
#undef TOY_ROOT_LG2
#undef TOY_PHYS_BITS
#undef TOY_SHIFT
#undef TOY_GAP_FIRST
#undef TOY_GAP_LAST
#undef TOY_ADDR
#undef TOY_PRESENT
#undef TOY_LARGE
#undef TOY_R
#undef TOY_W
#undef TOY_X
#undef TOY_U
#undef TOY_A
#undef TOY_D
#undef TOY_COW
#undef TOY_RESERVED
#undef TOY_LEAF_LEVELS
#undef TOY_NAME
#undef TOY_FUNCTIONS
