/* SPDX-License-Identifier: GPL-2.0-only */
/* The rig's host: processors, cases, and what is to come of each. */
#ifndef MMU_H
#define MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/types.h>
#include <linux/vmem.h>

#include "rig.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(nr)		(1ULL << (nr))

#define MMU_LEVELS_MAX	5
#define MMU_WRITES_MAX	(MMU_LEVELS_MAX + 1)

/* bits of entries, as the manuals have them */
#define ENTRY_P		BIT(0)
#define ENTRY_W		BIT(1)
#define ENTRY_U		BIT(2)
#define ENTRY_A		BIT(5)
#define ENTRY_D		BIT(6)
#define ENTRY_PS	BIT(7)
#define ENTRY_NX	BIT(63)
#define ENTRY_ALL	(ENTRY_P | ENTRY_W | ENTRY_U)

enum mmu_emulator { MMU_QEMU, MMU_BOCHS };

/* What the guest said of its processor. */
struct mmu_cpu {
	enum mmu_emulator emulator;
	unsigned int levels;
	unsigned int width;		/* of physical addresses */
	bool amd;
	bool pages_1g;
	bool smep;
	bool smap;
	bool cet;
	bool lam;
	bool la57;			/* whether it is on or not */
};

struct mmu_case {
	const char *group;		/* those of one follow each other */
	char name[80];
	__u32 access;			/* RIG_*, 0: only the writes, which stay */
	__u64 va;
	__u32 attrs;			/* that vmem was asked for, 0: it wasn't */
	__u64 frame;			/* likewise, what the address leads to */
	unsigned int nr_writes;
	struct {
		__u64 gpa;
		__u64 value;
	} writes[MMU_WRITES_MAX];
};

struct mmu_list {
	struct mmu_case *cases;
	size_t nr;
};

/* cases.c: the same list for the same processor and seed */
void mmu_list_make(struct mmu_list *list, const struct mmu_cpu *cpu,
		   unsigned long seed);

/*
 * written.c: the n-th of what may be asked for, 0: no more; a case as vmem writes it,
 * in one way of several, 0: there is no such way; is it as it was asked for?
 */
#define MMU_WAYS	3

__u32 mmu_attrs(const struct mmu_cpu *cpu, unsigned int n);
unsigned int mmu_written(const struct mmu_cpu *cpu, __u64 va, unsigned int leaf,
			 __u64 frame, __u32 attrs, unsigned int way,
			 struct mmu_case *c);
bool mmu_as_asked(const struct mmu_case *c, const struct vmem_ioc_result *r);

/* judge.c */
bool mmu_judge(const struct mmu_list *list, const struct mmu_cpu *cpu,
	       const char *name, FILE *results);

#endif /* MMU_H */
