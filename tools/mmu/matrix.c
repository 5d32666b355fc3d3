// SPDX-License-Identifier: GPL-2.0-only
/*
 * The matrix: accesses of every kind, in every mode, through a leaf and the entry above
 * it with all their rights, by all levels. Of these factors each legal combination is
 * there, MATRIX_TIMES times; all others (what is malformed and where, rights of the
 * entries further up, keys, bits that are ignored, where the access lies) are drawn
 * anew each time, and a pass over the whole shows that each pair of two values comes.
 *
 * Not legal: a mode that the processor lacks; a mode without WP with CET; keys where
 * fetches are meant, which are never looked at, and all else that `matters` says has
 * no meaning to the access: there, it is drawn.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "mmu.h"

#define MATRIX_TIMES	8U

#define FRAME_SECOND	(RIG_DATA + 0x9000)
#define ENTRY_SOFT	(0x7fULL << 52 | 7ULL << 9)

/* What a combination is made of; a value of each is a small number. */
enum factor {
	/* all combinations of these */
	LEAF, KIND, USER, WP, SMEP, SMAP, AC, NXE, KEYS,
	LEAF_W, LEAF_U, LEAF_NX, LEAF_A, LEAF_D,
	UPPER_W, UPPER_U, UPPER_NX, UPPER_A,
	/* drawn: further up each of W, U, X, as a number */
	PATH_2, PATH_3, PATH_4, PATH_A,
	BAD, BAD_LEVEL, BAD_BIT,
	KEY, KEYS_OTHER, TABLE_KEY, PAT, CACHE, GLOBAL, SOFT,
	PLACE,
	NR_FACTORS
};

enum keys { KEYS_OFF, KEYS_ALLOW, KEYS_DENY, KEYS_DENY_WRITES, NR_KEYS };
enum bad { BAD_NOTHING, BAD_P, BAD_RSVD, BAD_PS, NR_BAD };
enum bad_level { BAD_LEAF, BAD_UPPER, BAD_PATH, NR_BAD_LEVELS };
enum bad_bit { BIT_LOW, BIT_WIDTH, BIT_51, BIT_8, NR_BAD_BITS };
enum place { PLACE_WORD, PLACE_BYTE, PLACE_CROSSING, NR_PLACES };

struct cell {
	__u8 f[NR_FACTORS];
};

static const __u8 nr_values[NR_FACTORS] = {
	[LEAF] = 3, [KIND] = RIG_IMPLICIT + 1, [USER] = 2, [WP] = 2, [SMEP] = 2,
	[SMAP] = 2, [AC] = 2, [NXE] = 2, [KEYS] = NR_KEYS,
	[LEAF_W] = 2, [LEAF_U] = 2, [LEAF_NX] = 2, [LEAF_A] = 2, [LEAF_D] = 2,
	[UPPER_W] = 2, [UPPER_U] = 2, [UPPER_NX] = 2, [UPPER_A] = 2,
	[PATH_2] = 8, [PATH_3] = 8, [PATH_4] = 8, [PATH_A] = 8,
	[BAD] = NR_BAD, [BAD_LEVEL] = NR_BAD_LEVELS, [BAD_BIT] = NR_BAD_BITS,
	[KEY] = 16, [KEYS_OTHER] = 4, [TABLE_KEY] = 2, [PAT] = 2, [CACHE] = 4,
	[GLOBAL] = 2, [SOFT] = 2, [PLACE] = NR_PLACES,
};

/* All values of leaf and the entry above, from LEAF_W on. */
#define NR_RIGHTS	(1 << (UPPER_A - LEAF_W + 1))

/* Kinds and modes: the legal ones, with what is to be drawn as 0. */
static struct {
	const struct mmu_cpu *cpu;
	struct cell cells[256];
	unsigned int nr;
} modes;

/* Does a factor of the mode matter to the access? Where not, it is drawn. */
static bool matters(enum factor factor, const struct cell *c)
{
	unsigned int kind = c->f[KIND];
	bool user = c->f[USER];

	switch (factor) {
	case WP:
		return kind == RIG_WRITE;
	case SMEP:
		return kind == RIG_FETCH && !user;
	case SMAP:
	case AC:
		return kind == RIG_IMPLICIT ||
		       (kind != RIG_FETCH && kind != RIG_SHADOW && !user);
	case NXE:
		return kind == RIG_FETCH;
	case KEYS:
		return kind != RIG_FETCH;
	default:
		return true;
	}
}

static bool can(const struct mmu_cpu *cpu, const struct cell *c)
{
	/* an access that faults on its shadow KVM can't tell to be an implicit one */
	if (cpu->judge == MMU_KVM_SHADOW && c->f[KIND] == RIG_IMPLICIT && c->f[AC])
		return false;
	/* Bochs looks at PKRU for a supervisor's pages, too */
	if (cpu->judge == MMU_BOCHS && c->f[KEYS])
		return false;
	return (!c->f[SMEP] || cpu->smep) && (!c->f[SMAP] || cpu->smap) &&
	       (!c->f[KEYS] || cpu->pku || cpu->pks) &&
	       (c->f[KIND] != RIG_SHADOW || (cpu->cet && !c->f[WP]));
}

/* WP and NXE are 1 where they are off, so that 0 is usual. */
static void modes_of(const struct mmu_cpu *cpu)
{
	unsigned int n, kind, factor;
	struct cell c;

	if (modes.cpu == cpu)
		return;
	modes.cpu = cpu;
	modes.nr = 0;
	for (n = 0; n < 2 * 32 * NR_KEYS; n++) {
		for (kind = RIG_READ; kind <= RIG_IMPLICIT; kind++) {
			c = (struct cell){ .f = {
				[KIND] = kind, [USER] = n & 1, [WP] = n >> 1 & 1,
				[SMEP] = n >> 2 & 1, [SMAP] = n >> 3 & 1,
				[AC] = n >> 4 & 1, [NXE] = n >> 5 & 1, [KEYS] = n >> 6,
			} };
			for (factor = WP; factor <= KEYS; factor++)
				if (c.f[factor] && !matters(factor, &c))
					break;
			if (factor <= KEYS || !can(cpu, &c))
				continue;
			if (modes.nr == ARRAY_SIZE(modes.cells))
				errx(1, "more modes than there is room for");
			modes.cells[modes.nr++] = c;
		}
	}
}

__u64 mmu_matrix_nr(const struct mmu_cpu *cpu)
{
	modes_of(cpu);
	return 3ULL * modes.nr * NR_RIGHTS * MATRIX_TIMES;
}

static __u64 state;

/* The generator of Steele, Lea and Flood, SplitMix. */
static unsigned int draw(unsigned int n)
{
	__u64 z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return ((z ^ z >> 31) >> 32) * n >> 32;
}

/* 0, and with a chance of 1 in @n any value. */
static unsigned int seldom(enum factor factor, unsigned int n)
{
	return draw(n) ? 0 : draw(nr_values[factor]);
}

static struct cell cell_of(const struct mmu_cpu *cpu, unsigned long seed, __u64 n)
{
	unsigned int rights = n / MATRIX_TIMES % NR_RIGHTS, factor;
	struct cell c, was;

	modes_of(cpu);
	c = modes.cells[n / MATRIX_TIMES / NR_RIGHTS % modes.nr];
	c.f[LEAF] = n / MATRIX_TIMES / NR_RIGHTS / modes.nr;
	for (factor = LEAF_W; factor <= UPPER_A; factor++, rights >>= 1)
		c.f[factor] = rights & 1;
	state = (seed * 0xd1342543de82ef95 + n) * 0x2545f4914f6cdd1d;
	for (factor = WP; factor <= KEYS; factor++) {
		if (matters(factor, &c))
			continue;
		was = c;
		c.f[factor] = factor == NXE ? seldom(NXE, 4) : draw(nr_values[factor]);
		if (!can(cpu, &c))
			c = was;
	}
	for (factor = PATH_2; factor <= PATH_A; factor++)
		c.f[factor] = seldom(factor, 4);
	c.f[BAD] = seldom(BAD, 2);
	c.f[BAD_LEVEL] = draw(NR_BAD_LEVELS);
	c.f[BAD_BIT] = draw(NR_BAD_BITS);
	for (factor = KEY; factor <= SOFT; factor++)
		c.f[factor] = draw(nr_values[factor]);
	c.f[PLACE] = seldom(PLACE, 3);
	/* a fetch is of one byte, a descriptor is a word */
	if (c.f[KIND] == RIG_FETCH || c.f[KIND] == RIG_IMPLICIT)
		c.f[PLACE] = PLACE_WORD;
	/* WRUSS wants to be aligned, and is of a word; large leaves don't end here */
	if (c.f[KIND] == RIG_SHADOW || (c.f[LEAF] && c.f[PLACE] == PLACE_CROSSING))
		c.f[PLACE] = PLACE_WORD;
	/*
	 * A processor with CET sets no D where W is clear (SDM 3A, "Accessed and Dirty
	 * Flags"), and some emulators stop if they are to.
	 */
	if (cpu->cet && c.f[WP])
		c.f[LEAF_D] = 1;
	/* a user's AC is about alignment, and some machines look at it whatever CR0.AM is */
	if (c.f[USER] && c.f[PLACE] == PLACE_CROSSING)
		c.f[AC] = 0;
	return c;
}

/* What is wrong with an entry of a table, or with a leaf. */
static __u64 spoilt(const struct mmu_cpu *cpu, const struct cell *c, __u64 entry,
		    bool leaf, unsigned int level)
{
	if (c->f[BAD] == BAD_P)
		return entry & ~ENTRY_P;
	/* it is one in large leaves, and PAT in small ones */
	if (c->f[BAD] == BAD_PS)
		return leaf ? entry : entry | ENTRY_PS;
	switch ((enum bad_bit)c->f[BAD_BIT]) {
	case BIT_LOW:
		return leaf && level ? entry | BIT(13) : entry;
	case BIT_WIDTH:
		return cpu->width < 52 ? entry | BIT(cpu->width) : entry;
	case BIT_51:
		return cpu->width < 52 ? entry | BIT(51) : entry;
	case BIT_8:
	default:
		return entry | BIT(8);
	}
}

/* The rights of all keys: those of the leaf's own, and of the others. */
static __u32 rights_of(const struct cell *c, unsigned int own)
{
	static const __u32 bits[NR_KEYS] = {
		[KEYS_OFF] = 0, [KEYS_ALLOW] = 0, [KEYS_DENY] = 1, [KEYS_DENY_WRITES] = 2,
	};
	__u32 others = c->f[KEYS_OTHER] * 0x55555555U;
	unsigned int key = c->f[KEY];

	return (others & ~(3U << 2 * key)) | bits[own] << 2 * key;
}

/* A factor that is 1 sets a bit. */
struct factor_bit {
	enum factor factor;
	__u64 bit;
};

static __u64 bits_of(const struct cell *c, const struct factor_bit *bits, size_t nr)
{
	__u64 set = 0;

	for (; nr--; bits++)
		if (c->f[bits->factor])
			set |= bits->bit;
	return set;
}

static __u32 access_of(const struct mmu_cpu *cpu, const struct cell *c)
{
	static const struct factor_bit bits[] = {
		{ USER, RIG_USER_MODE }, { WP, RIG_WP_OFF }, { SMEP, RIG_SMEP },
		{ SMAP, RIG_SMAP }, { AC, RIG_AC }, { NXE, RIG_NXE_OFF },
	};
	__u32 keys = (cpu->pku ? RIG_PKE : 0) | (cpu->pks ? RIG_PKS : 0);

	return c->f[KIND] | RIG_STAYS | (__u32)bits_of(c, bits, ARRAY_SIZE(bits)) |
	       (c->f[PLACE] == PLACE_BYTE ? RIG_BYTE : 0) | (c->f[KEYS] ? keys : 0);
}

static __u64 leaf_entry(const struct cell *c, __u64 frame, unsigned int leaf)
{
	static const struct factor_bit bits[] = {
		{ LEAF_W, ENTRY_W }, { LEAF_U, ENTRY_U }, { LEAF_NX, ENTRY_NX },
		{ LEAF_A, ENTRY_A }, { LEAF_D, ENTRY_D }, { SOFT, ENTRY_SOFT },
	};

	return frame | ENTRY_P | bits_of(c, bits, ARRAY_SIZE(bits)) |
	       (__u64)c->f[KEY] << 59 | (__u64)c->f[CACHE] << 3 |
	       (__u64)c->f[GLOBAL] << 8 | (leaf ? ENTRY_PS : 0) |
	       (!c->f[PAT] ? 0 : leaf ? BIT(12) : BIT(7));
}

static __u64 table_entry(const struct cell *c, __u64 table, __u64 rights)
{
	static const struct factor_bit bits[] = {
		{ TABLE_KEY, 9ULL << 59 }, { SOFT, ENTRY_SOFT | ENTRY_D },
	};

	return table | ENTRY_P | rights | bits_of(c, bits, ARRAY_SIZE(bits));
}

/* What the entry above the leaf grants, and one further up, the @up-th of these. */
static __u64 upper_rights(const struct cell *c)
{
	static const struct factor_bit bits[] = {
		{ UPPER_W, ENTRY_W }, { UPPER_U, ENTRY_U }, { UPPER_NX, ENTRY_NX },
		{ UPPER_A, ENTRY_A },
	};

	return bits_of(c, bits, ARRAY_SIZE(bits));
}

static __u64 path_rights(const struct cell *c, unsigned int up)
{
	unsigned int path = c->f[PATH_2 + up];

	return (path & 1 ? 0 : ENTRY_W) | (path & 2 ? 0 : ENTRY_U) |
	       (path & 4 ? ENTRY_NX : 0) | (c->f[PATH_A] >> up & 1 ? ENTRY_A : 0);
}

void mmu_matrix_case(const struct mmu_cpu *cpu, unsigned long seed, __u64 n,
		     struct mmu_case *out)
{
	const struct cell c = cell_of(cpu, seed, n);
	unsigned int leaf = c.f[LEAF], level, bad;
	__u64 entry, va = mmu_usual_va(cpu, leaf);

	*out = (struct mmu_case){ .group = "the matrix", .access = access_of(cpu, &c) };
	if (c.f[KEYS]) {
		out->pkru = rights_of(&c, c.f[KEYS]);
		/* the guest's own pages have key 0 */
		out->pkrs = rights_of(&c, c.f[KEYS]) & ~3U;
	}
	bad = leaf + c.f[BAD_LEVEL];
	if (c.f[BAD_LEVEL] == BAD_PATH)
		bad = cpu->levels > leaf + 2 ? leaf + 2 + (n >> 3) % (cpu->levels - leaf - 2) :
					       leaf + 1;
	if (c.f[PLACE] == PLACE_CROSSING)
		va = (va | (MMU_PAGE - 1)) - 3;
	out->va = va;
	for (level = cpu->levels; level-- > leaf;) {
		if (level == leaf)
			entry = leaf_entry(&c, mmu_usual_frame(leaf), leaf);
		else
			entry = table_entry(&c, mmu_table(cpu, level - 1),
					    level == leaf + 1 ? upper_rights(&c) :
					    path_rights(&c, level - leaf - 2));
		if (c.f[BAD] && level == bad)
			entry = spoilt(cpu, &c, entry, level == leaf, level);
		mmu_write(out, cpu, va, level, entry);
	}
	mmu_watch(out, leaf, mmu_usual_frame(leaf));
	if (c.f[PLACE] == PLACE_CROSSING) {
		/* of the second page, other rights */
		entry = leaf_entry(&c, FRAME_SECOND, 0) ^ (n & 2 ? ENTRY_W : 0) ^
			(n & 4 ? ENTRY_U : 0) ^ (n & 1 ? 0 : ENTRY_A | ENTRY_D);
		if (cpu->cet && c.f[WP])
			entry |= ENTRY_D;
		mmu_write(out, cpu, va + 4, 0, entry);
		out->watch[1] = FRAME_SECOND;
	}
	snprintf(out->name, sizeof(out->name), "%llu: leaf %u, PKRU %x, PKRS %x",
		 (unsigned long long)n, leaf, out->pkru, out->pkrs);
}

/* Pairs of values that no combination has. */
static bool excluded(const struct mmu_cpu *cpu, enum factor a, unsigned int v,
		     enum factor b, unsigned int w)
{
	struct cell c = { .f = { [KIND] = RIG_READ } };

	c.f[a] = v;
	c.f[b] = w;
	if (!can(cpu, &c))
		return true;
	if (a == KIND && b == PLACE)
		return w && (v == RIG_FETCH || v == RIG_IMPLICIT || v == RIG_SHADOW);
	if (a == LEAF && b == PLACE)
		return v && w == PLACE_CROSSING;
	return a == WP && b == LEAF_D && cpu->cet && v && !w;
}

bool mmu_matrix_pairs(const struct mmu_cpu *cpu, unsigned long seed, __u64 first,
		      __u64 stride)
{
	static __u8 seen[NR_FACTORS][16][NR_FACTORS][16];
	unsigned int a, b, v, w, missing = 0, nr = 0;
	struct cell c;
	__u64 n;

	for (n = first; n < mmu_matrix_nr(cpu); n += stride) {
		c = cell_of(cpu, seed, n);
		for (a = 0; a < NR_FACTORS; a++)
			for (b = a + 1; b < NR_FACTORS; b++)
				seen[a][c.f[a]][b][c.f[b]] = 1;
	}
	for (a = 0; a < NR_FACTORS; a++)
		for (b = a + 1; b < NR_FACTORS; b++)
			for (v = a == KIND; v < nr_values[a]; v++)
				for (w = b == KIND; w < nr_values[b]; w++) {
					if (excluded(cpu, a, v, b, w))
						continue;
					nr++;
					if (seen[a][v][b][w])
						continue;
					if (missing++ < 10)
						printf("# no combination has %u of factor %u and %u of factor %u\n",
						       v, a, w, b);
				}
	printf("# %u of %u pairs of values, each combination %u times\n", nr - missing, nr,
	       MATRIX_TIMES);
	return !missing;
}
