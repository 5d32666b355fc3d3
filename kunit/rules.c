// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the manuals say about the formats, written from them and not from the
 * headers of the engine: bits are numbers here. For x86-64: Intel SDM volume
 * 3A, chapter "Paging", the tables "Format of a Page-Table Entry that Maps a
 * 4-KByte Page" and its neighbours.
 */
#include "model.h"

static bool bit(u64 entry, unsigned int nr)
{
	return entry >> nr & 1;
}

/* Bits @low to @high, in place. */
static u64 bits(u64 entry, unsigned int high, unsigned int low)
{
	u64 mask = 0;

	for (; low <= high; low++)
		mask |= 1ULL << low;
	return entry & mask;
}

/* What can be written isn't waiting to be copied. */
static bool x86_64_cow(const struct cpu *cpu, u64 entry)
{
	return cpu->cow && !bit(entry, 1) && bits(entry, 11, 9) >> 9 == cpu->cow;
}

static void x86_64_decode(const struct cpu *cpu, u64 entry, unsigned int level,
			  struct decoded *decoded)
{
	bool large = level > 0 && bit(entry, 7);
	/* the address of a page of 4 KiB, 2 MiB or 1 GiB begins at this bit */
	unsigned int low = large ? 12 + 9 * level : 12;
	u64 enc = 0;

	memset(decoded, 0, sizeof(*decoded));
	if (!bit(entry, 0))
		return;
	if (large && level > 2) {
		decoded->kind = IS_LARGE;
		return;
	}
	/* the encryption bit is part of no address, and never reserved */
	if (cpu->enc_bit && bit(entry, cpu->enc_bit)) {
		enc = 1ULL << cpu->enc_bit;
		entry -= enc;
	}
	/* address bits above the width, and XD unless EFER.NXE */
	if (cpu->phys_bits < 52 && bits(entry, 51, cpu->phys_bits))
		decoded->kind = IS_RESERVED;
	if (cpu->nxe_off && bit(entry, 63))
		decoded->kind = IS_RESERVED;
	/* AMD: bit 8 of what names a PML4 or a PDPT is MBZ, of others ignored */
	if (cpu->amd && level >= 3 && bit(entry, 8))
		decoded->kind = IS_RESERVED;
	if (cpu->no_1g && level == 2 && large)
		decoded->kind = IS_RESERVED;
	/* 20:13 of a 2 MiB page, 29:13 of a 1 GiB page; bit 12 is PAT */
	if (large && bits(entry, low - 1, 13))
		decoded->kind = IS_RESERVED;
	if (decoded->kind == IS_RESERVED)
		return;

	decoded->gpa = bits(entry, 51, low);
	decoded->rest = entry - decoded->gpa + enc;
	decoded->attrs = VMEM_R;
	if (bit(entry, 1))
		decoded->attrs |= VMEM_W;
	if (bit(entry, 2))
		decoded->attrs |= VMEM_U;
	if (!bit(entry, 63))
		decoded->attrs |= VMEM_X;
	if (level > 0 && !large) {
		decoded->kind = IS_TABLE;
		return;
	}

	decoded->kind = IS_LEAF;
	if (bit(entry, 3))
		decoded->attrs |= VMEM_PWT;
	if (bit(entry, 4))
		decoded->attrs |= VMEM_PCD;
	if (bit(entry, 5))
		decoded->attrs |= VMEM_A;
	if (bit(entry, 6))
		decoded->attrs |= VMEM_D;
	if (bit(entry, 8))
		decoded->attrs |= VMEM_G;
	if (bit(entry, large ? 12 : 7))
		decoded->attrs |= VMEM_PAT;
	if (x86_64_cow(cpu, entry))
		decoded->attrs |= VMEM_COW;
	if (enc)
		decoded->attrs |= VMEM_ENC;
	/* the key is in bits 62:59 of an entry and 15:12 of the attributes */
	decoded->attrs |= bits(entry, 62, 59) >> 59 << 12;
}

/* P and A (bits 0, 5); RW (1), U/S (2), and XD (63) when not executable. */
static u64 x86_64_table(const struct cpu *cpu, u64 gpa, u32 perms)
{
	u64 enc = cpu->enc_bit && !cpu->enc_shared ? 1ULL << cpu->enc_bit : 0;

	return gpa | enc | 0x21 | (perms & VMEM_W ? 0x2 : 0) |
	       (perms & VMEM_U ? 0x4 : 0) |
	       (perms & VMEM_X ? 0 : 0x8000000000000000ULL);
}

static u64 x86_64_rename(const struct cpu *cpu, u64 entry, u64 gpa)
{
	u64 enc = cpu->enc_bit ? bits(entry, cpu->enc_bit, cpu->enc_bit) : 0;

	return entry - bits(entry, 51, 12) + enc + gpa;
}

/* Where each attribute is in a leaf, but for PAT, Cow, ENC, the key and X. */
static const struct {
	u32 attr;
	unsigned int nr;
} x86_64_attrs[] = {
	{ VMEM_W, 1 }, { VMEM_U, 2 }, { VMEM_PWT, 3 }, { VMEM_PCD, 4 },
	{ VMEM_A, 5 }, { VMEM_D, 6 }, { VMEM_G, 8 },
	/* what software may use: bits 11:9 and 58:52 */
	{ 1 << 16, 9 }, { 1 << 17, 10 }, { 1 << 18, 11 }, { 1 << 19, 52 },
	{ 1 << 20, 53 }, { 1 << 21, 54 }, { 1 << 22, 55 }, { 1 << 23, 56 },
	{ 1 << 24, 57 }, { 1 << 25, 58 },
};

/* The bits of a leaf that say these, X and Cow apart. */
static u64 x86_64_bits(const struct cpu *cpu, u32 attrs, unsigned int level)
{
	u64 entry = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(x86_64_attrs); i++)
		if (attrs & x86_64_attrs[i].attr)
			entry |= 1ULL << x86_64_attrs[i].nr;
	/* PAT is bit 7 of a small page, and bit 12 of others, where 7 is PS */
	if (attrs & VMEM_PAT)
		entry |= level ? 0x1000 : 0x80;
	if (attrs & VMEM_ENC)
		entry |= 1ULL << cpu->enc_bit;
	for (i = 0; i < 4; i++)
		if (attrs & 0x1000 << i)
			entry |= 1ULL << (59 + i);
	return entry;
}

/* P (0), PS (7) of a large one; XD (63) when not executable; bits 11:9 say Cow. */
static u64 x86_64_leaf(const struct cpu *cpu, u64 gpa, u32 attrs,
		       unsigned int level)
{
	return gpa | 0x1 | (level ? 0x80 : 0) | x86_64_bits(cpu, attrs, level) |
	       (attrs & VMEM_COW ? (u64)cpu->cow << 9 : 0) |
	       (attrs & VMEM_X ? 0 : 0x8000000000000000ULL);
}

/* No bit says R: what is present can be read. */
static bool x86_64_path_expressible(const struct cpu *cpu, u32 perms)
{
	return perms & VMEM_R && (perms & VMEM_X || !cpu->nxe_off);
}

/* There are ten software bits, of which Cow takes three; what is Cow isn't writable. */
static bool x86_64_attrs_exist(const struct cpu *cpu, u32 attrs)
{
	if (attrs & 0xfc000000)
		return false;
	if (attrs & VMEM_COW && (attrs & 0x70000 || !cpu->cow))
		return false;
	return !(attrs & VMEM_ENC) || cpu->enc_bit;
}

static bool x86_64_expressible(const struct cpu *cpu, u32 attrs)
{
	return x86_64_attrs_exist(cpu, attrs) &&
	       !(attrs & VMEM_COW && attrs & VMEM_W) &&
	       x86_64_path_expressible(cpu, attrs);
}

static bool x86_64_protectable(const struct cpu *cpu, u32 set, u32 clear)
{
	return x86_64_attrs_exist(cpu, set | clear) && !(clear & VMEM_R) &&
	       !(clear & VMEM_X && cpu->nxe_off);
}

/* Exactly these bits, and no others of 11:9, say Cow. */
static u64 x86_64_protect(const struct cpu *cpu, u64 entry, unsigned int level,
			  u32 set, u32 clear)
{
	bool cow = x86_64_cow(cpu, entry), writable = bit(entry, 1);

	if (cow && clear & VMEM_COW) {
		entry -= bits(entry, 11, 9);
		cow = false;
	}
	if (set & VMEM_COW) {
		entry = entry - bits(entry, 11, 9) + ((u64)cpu->cow << 9);
		cow = true;
	}
	entry &= ~x86_64_bits(cpu, clear, level);
	entry |= x86_64_bits(cpu, set, level);
	/* writable and Cow: that is never made */
	if (cow && set & (VMEM_W | VMEM_COW))
		entry &= ~0x2ULL;
	if (clear & VMEM_X)
		entry |= 0x8000000000000000ULL;
	if (set & VMEM_X)
		entry &= ~0x8000000000000000ULL;
	/* read-only and dirty (6) would be a shadow stack from now on */
	if (cpu->cet && writable && !bit(entry, 1) && !(set & VMEM_D))
		entry &= ~0x40ULL;
	return entry;
}

/* P, RW, U/S and XD of what names a table, as far as more is granted. */
static u64 x86_64_widen(const struct cpu *cpu, u64 entry, u32 perms)
{
	if (perms & VMEM_X)
		entry &= ~0x8000000000000000ULL;
	return entry | (perms & VMEM_W ? 0x2 : 0) | (perms & VMEM_U ? 0x4 : 0);
}

static bool x86_64_leaves(const struct cpu *cpu, unsigned int level)
{
	return level < 2 || (level == 2 && !cpu->no_1g);
}

/* D (6) may still be set in the large one, by a vCPU that writes by it. */
static u64 x86_64_split(const struct cpu *cpu, u64 entry, unsigned int level)
{
	if (bit(entry, 1))
		entry |= 0x40;
	if (level > 1)
		return entry;
	/* PS (7) goes, and PAT gets its place (from 12) */
	entry &= ~0x80ULL;
	if (bit(entry, 12))
		entry = (entry & ~0x1000ULL) | 0x80;
	return entry;
}

static u64 x86_64_join(const struct cpu *cpu, u64 entry, unsigned int level)
{
	if (level)
		return entry;
	if (bit(entry, 7))
		entry |= 0x1000;
	return entry | 0x80;
}

static u64 x86_64_address(u64 gpa)
{
	return gpa;
}

/* Bits above @nr are those of bit @nr. */
static u64 extend(u64 va, unsigned int nr)
{
	u64 above = ~0ULL << nr;

	return bit(va, nr) ? va | above : va & ~above;
}

/*
 * Intel, "Linear-Address Masking": bit 63 stays what it is, and must be that of
 * the highest bit below the tag. AMD, "Upper Address Ignore": bits 63:57 count
 * for nothing.
 */
static u64 x86_64_untag(const struct cpu *cpu, unsigned int levels, u64 va)
{
	unsigned int nr = 0;

	if (cpu->uai)
		return extend(va, 56);
	if (bit(va, 63)) {
		if (cpu->lam_sup)
			nr = levels == 5 ? 56 : 47;
	} else {
		nr = cpu->lam57 ? 56 : cpu->lam48 ? 47 : 0;
	}
	if (!nr)
		return va;
	/* LAM's own check: these bits are the same, or it isn't canonical */
	if (bit(va, nr) != bit(va, 63))
		return extend(va, nr) ^ 1ULL << 62;
	return extend(va, nr);
}

static bool x86_64_has(const struct cpu *cpu, u64 first, u64 last)
{
	u64 gpa;

	if (last >> cpu->phys_bits)
		return false;
	/* the encryption bit isn't 1 in any of them: a step is less than it */
	for (gpa = first; cpu->enc_bit; gpa += 1ULL << 31) {
		if (gpa > last)
			gpa = last;
		if (bit(gpa, cpu->enc_bit))
			return false;
		if (gpa == last)
			break;
	}
	return true;
}

static bool x86_64_shadow(const struct cpu *cpu)
{
	return cpu->cet;
}

#define X86_64_RULES(nr)						\
	{								\
		.levels		= nr,					\
		.page_lg2	= 12,					\
		.index_lg2	= 9,					\
		.root_lg2	= 9,					\
		.halves		= true,					\
		.leaf_levels	= 0x7,					\
		.attrs		= 0x3ffffff,				\
		.accessed_dirty	= 0x60,					\
		.dirty		= 0x40,					\
		.present	= 0x1,					\
		.writable	= 0x2,					\
		.software	= 0xe00,				\
		.large		= 0x80,					\
		/* bit 51, for any width but the widest */		\
		.reserved	= 0x8000000000000,			\
		.decode		= x86_64_decode,			\
		.table		= x86_64_table,				\
		.rename		= x86_64_rename,			\
		.untag		= x86_64_untag,				\
		.has		= x86_64_has,				\
		.shadow		= x86_64_shadow,			\
		.leaf		= x86_64_leaf,				\
		.expressible	= x86_64_expressible,			\
		.path_expressible = x86_64_path_expressible,		\
		.protectable	= x86_64_protectable,			\
		.protect	= x86_64_protect,			\
		.widen		= x86_64_widen,				\
		.leaves		= x86_64_leaves,			\
		.split		= x86_64_split,				\
		.join		= x86_64_join,				\
		.address	= x86_64_address,			\
	}

const struct rules x86_64_4level_rules = X86_64_RULES(4);
const struct rules x86_64_5level_rules = X86_64_RULES(5);

/*
 * The toy's manual: bit 62 present, 63 reserved; 21:4 the address of a table,
 * 21:12 that of a page, and what is left of them, or above the width, reserved;
 * bit 0 of a table of level 1: a leaf of two pages, whose address begins at bit
 * 13; of a table of level 2: malformed.
 * Bits 33, 34, 35, 40 permit R, X, W, U; 41 D, 42 A; 45:44 for software.
 */
static bool toy_cow(const struct cpu *cpu, u64 entry)
{
	return cpu->cow && !bit(entry, 35) && bits(entry, 45, 44) >> 44 == cpu->cow;
}

static void toy_decode(const struct cpu *cpu, u64 entry, unsigned int level,
		       struct decoded *decoded)
{
	static const struct {
		unsigned int nr;
		u32 attr;
	} permissions[] = {
		{ 33, VMEM_R }, { 34, VMEM_X }, { 35, VMEM_W }, { 40, VMEM_U },
	};
	bool large = level > 0 && bit(entry, 0);
	bool leaf = level == 0 || large;
	unsigned int i;

	memset(decoded, 0, sizeof(*decoded));
	if (!bit(entry, 62))
		return;
	if (large && level == 2) {
		decoded->kind = IS_LARGE;
		return;
	}
	if (bit(entry, 63) || (leaf && bits(entry, 11, 4)) ||
	    (large && bit(entry, 12)) ||
	    (cpu->phys_bits < 22 && bits(entry, 21, cpu->phys_bits))) {
		decoded->kind = IS_RESERVED;
		return;
	}
	decoded->gpa = bits(entry, 21, 4);
	decoded->rest = entry - decoded->gpa;
	for (i = 0; i < ARRAY_SIZE(permissions); i++)
		if (bit(entry, permissions[i].nr))
			decoded->attrs |= permissions[i].attr;
	if (!leaf) {
		decoded->kind = IS_TABLE;
		return;
	}
	decoded->kind = IS_LEAF;
	if (bit(entry, 41))
		decoded->attrs |= VMEM_D;
	if (bit(entry, 42))
		decoded->attrs |= VMEM_A;
	if (toy_cow(cpu, entry))
		decoded->attrs |= VMEM_COW;
}

static u64 toy_permissions(u32 attrs)
{
	return (attrs & VMEM_R ? 1ULL << 33 : 0) |
	       (attrs & VMEM_X ? 1ULL << 34 : 0) |
	       (attrs & VMEM_W ? 1ULL << 35 : 0) |
	       (attrs & VMEM_U ? 1ULL << 40 : 0);
}

static u64 toy_table(const struct cpu *cpu, u64 gpa, u32 perms)
{
	return gpa | 1ULL << 62 | 1ULL << 42 | toy_permissions(perms);
}

static u64 toy_rename(const struct cpu *cpu, u64 entry, u64 gpa)
{
	return entry - bits(entry, 21, 4) + gpa;
}

static u64 toy_bits(u32 attrs)
{
	return toy_permissions(attrs) | (attrs & VMEM_A ? 1ULL << 42 : 0) |
	       (attrs & VMEM_D ? 1ULL << 41 : 0);
}

static u64 toy_leaf(const struct cpu *cpu, u64 gpa, u32 attrs, unsigned int level)
{
	return gpa | 1ULL << 62 | toy_bits(attrs) | (level ? 1 : 0) |
	       (attrs & VMEM_COW ? (u64)cpu->cow << 44 : 0);
}

static bool toy_path_expressible(const struct cpu *cpu, u32 perms)
{
	return true;
}

#define TOY_ATTRS	(VMEM_R | VMEM_W | VMEM_X | VMEM_U | VMEM_A | VMEM_D | VMEM_COW)

static bool toy_expressible(const struct cpu *cpu, u32 attrs)
{
	return !(attrs & ~TOY_ATTRS) &&
	       !(attrs & VMEM_COW && (attrs & VMEM_W || !cpu->cow));
}

static bool toy_protectable(const struct cpu *cpu, u32 set, u32 clear)
{
	return !((set | clear) & ~TOY_ATTRS) &&
	       !((set | clear) & VMEM_COW && !cpu->cow);
}

static u64 toy_protect(const struct cpu *cpu, u64 entry, unsigned int level,
		       u32 set, u32 clear)
{
	bool cow = toy_cow(cpu, entry), writable = bit(entry, 35);

	if (cow && clear & VMEM_COW) {
		entry -= bits(entry, 45, 44);
		cow = false;
	}
	if (set & VMEM_COW) {
		entry = entry - bits(entry, 45, 44) + ((u64)cpu->cow << 44);
		cow = true;
	}
	entry &= ~toy_bits(clear);
	entry |= toy_bits(set);
	if (cow && set & (VMEM_W | VMEM_COW))
		entry &= ~(1ULL << 35);
	if (cpu->cet && writable && !bit(entry, 35) && !(set & VMEM_D))
		entry &= ~(1ULL << 41);
	return entry;
}

static u64 toy_widen(const struct cpu *cpu, u64 entry, u32 perms)
{
	return entry | toy_permissions(perms);
}

static bool toy_leaves(const struct cpu *cpu, unsigned int level)
{
	return level < 2;
}

static u64 toy_split(const struct cpu *cpu, u64 entry, unsigned int level)
{
	return (entry & ~1ULL) | (bit(entry, 35) ? 1ULL << 41 : 0);
}

static u64 toy_join(const struct cpu *cpu, u64 entry, unsigned int level)
{
	return entry | 1;
}

static u64 toy_address(u64 gpa)
{
	return gpa;
}

static u64 toy_untag(const struct cpu *cpu, unsigned int levels, u64 va)
{
	return va;
}

static bool toy_has(const struct cpu *cpu, u64 first, u64 last)
{
	return !(last >> cpu->phys_bits);
}

static bool toy_shadow(const struct cpu *cpu)
{
	return cpu->cet;
}

const struct rules toy_rules = {
	.levels		= 3,
	.page_lg2	= 12,
	.index_lg2	= 1,
	.root_lg2	= 1,
	.halves		= true,
	.leaf_levels	= 0x3,
	.attrs		= TOY_ATTRS,
	.accessed_dirty	= 1ULL << 41 | 1ULL << 42,
	.dirty		= 1ULL << 41,
	.present	= 1ULL << 62,
	.writable	= 1ULL << 35,
	.software	= 3ULL << 44,
	.large		= 1,
	.reserved	= 1ULL << 63,
	.decode		= toy_decode,
	.table		= toy_table,
	.rename		= toy_rename,
	.untag		= toy_untag,
	.has		= toy_has,
	.shadow		= toy_shadow,
	.leaf		= toy_leaf,
	.expressible	= toy_expressible,
	.path_expressible = toy_path_expressible,
	.protectable	= toy_protectable,
	.protect	= toy_protect,
	.widen		= toy_widen,
	.leaves		= toy_leaves,
	.split		= toy_split,
	.join		= toy_join,
	.address	= toy_address,
};

/*
 * The manual of the flat format: bit 0 present, 61 reserved; 31:14 the bits 21:4 of
 * the address of a table, 31:22 the bits 21:12 of that of a page, and what is left of
 * them, or above the width, reserved; bit 60 of a table of level 1: a leaf of two
 * pages, whose address begins at bit 13; of a table of level 2: malformed.
 * Bits 1 to 4 permit R, W, X, U; 6 A, 7 D; 9:8 for software. A root has 4 entries,
 * and addresses are below 2^16.
 */
static bool flat_cow(const struct cpu *cpu, u64 entry)
{
	return cpu->cow && !bit(entry, 2) && bits(entry, 9, 8) >> 8 == cpu->cow;
}

static void flat_decode(const struct cpu *cpu, u64 entry, unsigned int level,
		       struct decoded *decoded)
{
	static const struct {
		unsigned int nr;
		u32 attr;
	} permissions[] = {
		{ 1, VMEM_R }, { 2, VMEM_W }, { 3, VMEM_X }, { 4, VMEM_U },
	};
	bool large = level > 0 && bit(entry, 60);
	bool leaf = level == 0 || large;
	unsigned int i;

	memset(decoded, 0, sizeof(*decoded));
	if (!bit(entry, 0))
		return;
	if (large && level == 2) {
		decoded->kind = IS_LARGE;
		return;
	}
	if (bit(entry, 61) || (leaf && bits(entry, 21, 14)) ||
	    (large && bit(entry, 22)) ||
	    (cpu->phys_bits < 22 && bits(entry, 31, 10 + cpu->phys_bits))) {
		decoded->kind = IS_RESERVED;
		return;
	}
	decoded->gpa = bits(entry, 31, 14) >> 10;
	decoded->rest = entry - bits(entry, 31, 14);
	for (i = 0; i < ARRAY_SIZE(permissions); i++)
		if (bit(entry, permissions[i].nr))
			decoded->attrs |= permissions[i].attr;
	if (!leaf) {
		decoded->kind = IS_TABLE;
		return;
	}
	decoded->kind = IS_LEAF;
	if (bit(entry, 7))
		decoded->attrs |= VMEM_D;
	if (bit(entry, 6))
		decoded->attrs |= VMEM_A;
	if (flat_cow(cpu, entry))
		decoded->attrs |= VMEM_COW;
}

static u64 flat_permissions(u32 attrs)
{
	return (attrs & VMEM_R ? 1ULL << 1 : 0) |
	       (attrs & VMEM_W ? 1ULL << 2 : 0) |
	       (attrs & VMEM_X ? 1ULL << 3 : 0) |
	       (attrs & VMEM_U ? 1ULL << 4 : 0);
}

static u64 flat_table(const struct cpu *cpu, u64 gpa, u32 perms)
{
	return gpa << 10 | 0x41 | flat_permissions(perms);
}

static u64 flat_rename(const struct cpu *cpu, u64 entry, u64 gpa)
{
	return entry - bits(entry, 31, 14) + (gpa << 10);
}

static u64 flat_bits(u32 attrs)
{
	return flat_permissions(attrs) | (attrs & VMEM_A ? 0x40 : 0) |
	       (attrs & VMEM_D ? 0x80 : 0);
}

static u64 flat_leaf(const struct cpu *cpu, u64 gpa, u32 attrs, unsigned int level)
{
	return gpa << 10 | 0x1 | flat_bits(attrs) | (level ? 1ULL << 60 : 0) |
	       (attrs & VMEM_COW ? (u64)cpu->cow << 8 : 0);
}

static u64 flat_protect(const struct cpu *cpu, u64 entry, unsigned int level,
			u32 set, u32 clear)
{
	bool cow = flat_cow(cpu, entry), writable = bit(entry, 2);

	if (cow && clear & VMEM_COW) {
		entry -= bits(entry, 9, 8);
		cow = false;
	}
	if (set & VMEM_COW) {
		entry = entry - bits(entry, 9, 8) + ((u64)cpu->cow << 8);
		cow = true;
	}
	entry &= ~flat_bits(clear);
	entry |= flat_bits(set);
	if (cow && set & (VMEM_W | VMEM_COW))
		entry &= ~(1ULL << 2);
	if (cpu->cet && writable && !bit(entry, 2) && !(set & VMEM_D))
		entry &= ~(1ULL << 7);
	return entry;
}

static u64 flat_widen(const struct cpu *cpu, u64 entry, u32 perms)
{
	return entry | flat_permissions(perms);
}

static u64 flat_split(const struct cpu *cpu, u64 entry, unsigned int level)
{
	return (entry & ~(1ULL << 60)) | (bit(entry, 2) ? 0x80 : 0);
}

static u64 flat_join(const struct cpu *cpu, u64 entry, unsigned int level)
{
	return entry | 1ULL << 60;
}

static u64 flat_address(u64 gpa)
{
	return gpa << 10;
}

const struct rules flat_rules = {
	.levels		= 3,
	.page_lg2	= 12,
	.index_lg2	= 1,
	.root_lg2	= 2,
	.leaf_levels	= 0x3,
	.attrs		= TOY_ATTRS,
	.accessed_dirty	= 0xc0,
	.dirty		= 0x80,
	.present	= 0x1,
	.writable	= 0x4,
	.software	= 0x300,
	.large		= 1ULL << 60,
	.reserved	= 1ULL << 61,
	.decode		= flat_decode,
	.table		= flat_table,
	.rename		= flat_rename,
	.untag		= toy_untag,
	.has		= toy_has,
	.shadow		= toy_shadow,
	.leaf		= flat_leaf,
	.expressible	= toy_expressible,
	.path_expressible = toy_path_expressible,
	.protectable	= toy_protectable,
	.protect	= flat_protect,
	.widen		= flat_widen,
	.leaves		= toy_leaves,
	.split		= flat_split,
	.join		= flat_join,
	.address	= flat_address,
};
