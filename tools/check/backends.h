/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * backends: where things lie in both guests, and random numbers that matter.
 */
#ifndef BACKENDS_H
#define BACKENDS_H

#include <linux/vmem.h>
#include <string.h>

#define NR_POOLS	2
#define NR_SPACES	6
#define MEMORY_LEN	(8UL << 20)	/* a user region, from 0 on */
#define FROZEN_LEN	(1UL << 20)	/* its last part, in a region of its own */
#define FROZEN_GPA	(MEMORY_LEN - FROZEN_LEN)
#define NR_ROOTS	2		/* by hand at its begin, of each format */
#define NR_TABLES	((FROZEN_LEN / 4096 - 2 * NR_ROOTS) / 4) /* a level */
#define OWNED_GPA	0x40000000UL
#define OWNED_LEN	(1UL << 20)
#define POOL_GPA	0x100000UL
#define POOL_LEN	(48UL << 12)
#define POOL_OWNED_LEN	(16UL << 12)
#define SECOND_GPA	(OWNED_GPA + POOL_OWNED_LEN)	/* the second pool */
#define SECOND_LEN	(40UL << 12)

struct side {
	struct vmem_guest *guest;
	char *memory;
	char *owned;
	__u32 regions[3];
	__u32 pools[NR_POOLS];
	__u32 spaces[NR_SPACES];	/* 0: none */
};

extern struct side sides[2];
extern unsigned long step;
extern const char *doing;		/* for people */
extern unsigned long chances;		/* the state, from the seed */

void setup(int side, int local);
/* A space that is there, mostly. */
int some_space(void);
/* A guest writes into its memory. */
void by_hand(__u64 gpa, __u64 entry);

/* What a guest does to its tables, by hand, as a vCPU or a hostile one does. */
void do_poke(void);
void do_tree(void);
void do_large(void);

static inline unsigned long chance(unsigned long below)
{
	chances ^= chances << 13;
	chances ^= chances >> 7;
	chances ^= chances << 17;
	return (chances >> 11) % below;
}

static inline __u64 some_va(void)
{
	static const __u64 bases[] = {
		0, 0x400000, 0x7fffffe00000, 0xffff800000000000,
		0xffffffff80000000, 0xffffffffffe00000, 0x3fffffff000,
		0x800000000000, 0xff00000000000000,
	};
	__u64 va = bases[chance(chance(8) ? 3 : sizeof(bases) / sizeof(bases[0]))];

	return va + chance(1024) * 4096 + (chance(40) ? 0 : chance(4096));
}

static inline __u64 some_len(void)
{
	switch (chance(30)) {
	case 0:
		return 0;
	case 1:
		return 1 + chance(8192);
	case 2:
		return 4096 * chance(1 << 20);
	case 3:
		return ~0ULL << (12 + chance(52));
	default:
		return 4096 * (1 + chance(1200));
	}
}

static inline __u64 some_gpa(void)
{
	switch (chance(12)) {
	case 0:
		return POOL_GPA + chance(POOL_LEN);
	case 1:
		return OWNED_GPA + 4096 * chance(OWNED_LEN / 4096 + 4);
	case 2:
		return chance(2) ? 1ULL << (12 + chance(52)) : chance(1 << 30);
	case 3:
		return FROZEN_GPA + 4096 * chance(FROZEN_LEN / 4096);
	default:
		return 4096 * chance(MEMORY_LEN / 4096);
	}
}

static inline __u64 some_entry(void)
{
	switch (chance(4)) {
	case 0:
		return 0;
	case 1:
		return (some_gpa() & ~4095ULL) | chance(4096);
	case 2:
		return ((__u64)chance(1UL << 32) << 32) | chance(1UL << 32);
	default:
		return (chance(4) ? POOL_GPA + 4096 * chance(POOL_LEN / 4096) :
			 SECOND_GPA + 4096 * chance(SECOND_LEN / 4096)) | 0x23;
	}
}

/*
 * Tables by hand are of one level each: where a table is entered at two levels,
 * what a change does depends on where it pauses, and only the module does.
 */
static inline __u64 by_hand_root(__u32 format, unsigned long n)
{
	return FROZEN_GPA + 4096 * (NR_ROOTS * (format & 1) + n % NR_ROOTS);
}

static inline __u64 by_hand_table(int level)
{
	return FROZEN_GPA + 4096 * (2 * NR_ROOTS + NR_TABLES *
				    (unsigned int)level + chance(NR_TABLES));
}

/* Permissions of table entries from a level up: few that differ, or anything. */
static inline __u32 some_path(__u32 level, __u32 nr_levels)
{
	__u32 path = 0;

	if (!chance(20))
		return 1u << chance(32) | (__u32)chance(1 << 20);
	for (; level < nr_levels; level++)
		path |= (chance(8) ? 7 : 1 | (__u32)chance(8) << 1) << 4 * level;
	return path;
}

/* Some of the bits, seldom one that nothing means. */
static inline __u32 some_of(__u32 bits)
{
	return ((__u32)chance(1UL << 32) & bits) | (chance(40) ? 0 : 1u << chance(32));
}

/* An address where leaves of 2 MiB can be, and one of memory for it. */
static inline __u64 some_large_va(void)
{
	return some_va() & ~0x1fffffULL;
}

/* Attributes of a leaf: few, so that neighbours are alike, or any. */
static inline __u32 some_attrs(void)
{
	if (chance(3))
		return VMEM_IOC_ATTR_R | (__u32)chance(8);
	return VMEM_IOC_ATTR_R | ((__u32)chance(1UL << 26) & ~(VMEM_IOC_ATTR_A |
	       VMEM_IOC_ATTR_D | VMEM_IOC_ATTR_COW | VMEM_IOC_ATTR_ENC));
}

/* One of leaves, or of what isn't present. */
static inline void fill_leaves(struct vmem_ioc_mapping *m, __u32 nr_levels)
{
	__u32 lowest = 0;

	m->gpa = some_gpa() & ~4095ULL;
	m->attrs = some_attrs();
	m->page_sizes = chance(10) ? 0 : 4096;
	if (!chance(3)) {
		/* as large as can be, or full tables */
		m->va = some_large_va() + (chance(3) ? 0 : 4096 * chance(512));
		m->gpa = ((__u64)chance(64) << 21) + (m->va & 0x1fffff);
		m->len = (1 + chance(3)) << 21;
		m->attrs &= VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W;
		m->page_sizes = chance(2) ? 4096 | 1u << 21 : chance(3) ? 0 : 1u << 21;
		if (!chance(8)) {
			m->va &= ~0x3fffffffULL;
			m->gpa &= ~0x3fffffffULL;
			m->len = 1u << 30;
			m->page_sizes |= chance(4) ? 1u << 30 : 0;
		}
		lowest = m->page_sizes == 1u << 21;
	}
	if (m->kind == VMEM_IOC_KIND_COW && chance(20))
		m->attrs &= ~(VMEM_IOC_ATTR_W | 7u << VMEM_IOC_ATTR_SOFT_SHIFT);
	if (!chance(6)) {
		m->flags |= VMEM_IOC_MAPPING_AD;
		m->attrs |= (__u32)chance(4) << 5;
	}
	if (!chance(4)) {
		m->flags |= VMEM_IOC_MAPPING_PATH;
		m->path = some_path(1 + lowest, nr_levels);
	}
}

/* One that may be right. */
static inline void fill_mapping(struct vmem_ioc_mapping *m, __u32 nr_levels)
{
	memset(m, 0, sizeof(*m));
	m->va = some_va();
	m->len = some_len();
	m->kind = chance(8) ? (__u32)chance(3) : VMEM_IOC_KIND_RAW;
	if (m->kind == VMEM_IOC_KIND_RAW)
		m->gpa = chance(10) ? chance(1UL << 50) << 1 | 2 : chance(1UL << 32);
	else if (m->kind != VMEM_IOC_KIND_UNMAPPED)
		fill_leaves(m, nr_levels);
	switch (chance(60)) {
	case 0:
		m->kind = (__u32)chance(5);
		break;
	case 1:
		m->attrs = 1u << chance(32);
		break;
	case 2:
		m->page_sizes = 1ULL << chance(64);
		break;
	case 3:
		m->path = 1u << chance(32);
		break;
	case 4:
		m->flags = 1u << chance(32);
		break;
	case 5:
		m->gpa = some_gpa();
		break;
	}
}

/* What to ask REGION_DIRTY of the region of an index, mostly inside it. */
static inline void some_dirty(int which, struct vmem_ioc_region_dirty *arg)
{
	static const __u64 gpas[] = { 0, FROZEN_GPA, OWNED_GPA };
	static const __u64 lens[] = { FROZEN_GPA, FROZEN_LEN, OWNED_LEN };
	__u64 first = chance(2) ? 0 : chance(lens[which] / 4096);

	*arg = (struct vmem_ioc_region_dirty){
		.size	= sizeof(*arg),
		.flags	= chance(40) ? (__u32)chance(2) : 1u << chance(32),
		.gpa	= gpas[which] + 4096 * first,
		.len	= lens[which] - 4096 * first,
	};
	if (chance(2))
		arg->len = 4096 * (1 + chance(arg->len / 4096));
	if (!chance(20))
		arg->len = some_len();
	if (!chance(40))
		arg->gpa = some_gpa();
}

#endif
