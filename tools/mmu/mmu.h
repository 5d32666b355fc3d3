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
#define MMU_PAGE	4096ULL

/* bits of entries, as the manuals have them */
#define ENTRY_P		BIT(0)
#define ENTRY_W		BIT(1)
#define ENTRY_U		BIT(2)
#define ENTRY_A		BIT(5)
#define ENTRY_D		BIT(6)
#define ENTRY_PS	BIT(7)
#define ENTRY_NX	BIT(63)
#define ENTRY_ADDR	0x000ffffffffff000ULL
#define ENTRY_ALL	(ENTRY_P | ENTRY_W | ENTRY_U)

enum mmu_judge_id {
	MMU_QEMU,		/* a bare machine of its emulation */
	MMU_BOCHS,
	MMU_KVM_QEMU,		/* a vCPU on its own tables, emulated by QEMU */
	MMU_KVM_SHADOW,		/* on KVM's shadow of them: KVM walks them */
	MMU_KVM,		/* on this machine */
	MMU_NR_JUDGES
};

/* What the guest said of its processor. */
struct mmu_cpu {
	enum mmu_judge_id judge;
	unsigned int levels;
	unsigned int width;		/* of physical addresses */
	bool amd;
	bool pages_1g;
	bool smep;
	bool smap;
	bool pku;
	bool pks;
	bool cet;
	bool lam;
	bool la57;			/* whether it is on or not */
};

struct mmu_case {
	const char *group;		/* those of one follow each other */
	char name[80];
	__u32 access;			/* RIG_*, 0: only the writes, which stay */
	__u64 va;
	__u32 pkru;
	__u32 pkrs;
	__u64 watch[2];			/* as struct rig_case has it */
	__u32 attrs;			/* that vmem was asked for, 0: it wasn't */
	__u64 frame;			/* likewise, what the address leads to */
	unsigned int nr_writes;		/* from the root down, then a second page's */
	struct {
		__u64 gpa;
		__u64 value;
	} writes[MMU_WRITES_MAX];
};

/*
 * Cases: an array, or so many of the matrix, from a first one on, @stride apart. The
 * first one makes the guest's home in each.
 */
struct mmu_list {
	const struct mmu_cpu *cpu;
	struct mmu_case *cases;		/* NULL: of the matrix */
	size_t nr;
	unsigned long seed;
	__u64 first;
	__u64 stride;
};

/* cases.c: the same list for the same processor and seed */
void mmu_list_make(struct mmu_list *list, const struct mmu_cpu *cpu,
		   unsigned long seed);
void mmu_home(const struct mmu_cpu *cpu, struct mmu_case *c);
__u64 mmu_table(const struct mmu_cpu *cpu, unsigned int level);
__u64 mmu_usual_va(const struct mmu_cpu *cpu, unsigned int leaf);
__u64 mmu_usual_frame(unsigned int leaf);
void mmu_write(struct mmu_case *c, const struct mmu_cpu *of, __u64 va,
	       unsigned int level, __u64 entry);
void mmu_watch(struct mmu_case *c, unsigned int leaf, __u64 entry);

/* matrix.c: how many there are for a processor; the n-th; are all pairs there? */
__u64 mmu_matrix_nr(const struct mmu_cpu *cpu);
void mmu_matrix_case(const struct mmu_cpu *cpu, unsigned long seed, __u64 n,
		     struct mmu_case *c);
bool mmu_matrix_pairs(const struct mmu_cpu *cpu, unsigned long seed, __u64 first,
		      __u64 stride);

/* The n-th of a list. */
void mmu_case_get(const struct mmu_list *list, size_t n, struct mmu_case *c);

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

/*
 * judge.c: is it what vmem says? @results has the text of a guest, @in_memory its
 * results where the list says so. Lines for a table of all judges begin with "# tally".
 */
void mmu_stamp(char *image);	/* as it begins */
bool mmu_judge(const struct mmu_list *list, const struct mmu_cpu *cpu,
	       const char *name, FILE *results, const struct rig_result *in_memory);

/*
 * machine.c: run the guest on a vCPU in this memory, whose list is in it; what it prints
 * goes to @text. 0, -EOPNOTSUPP: it has no so many levels, -errno.
 */
int mmu_machine_run(char *memory, const char *code, const struct rig_list *list,
		    FILE *text);

#endif /* MMU_H */
