/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The example VMM on a machine of our own: what its tests share.
 */
#ifndef CHECK_VMM_H
#define CHECK_VMM_H

#include <stdbool.h>
#include <stdio.h>

#include "../vmm/calls.h"
#include "../vmm/guest.h"
#include "../vmm/program.h"

#define R	VMEM_IOC_ATTR_R
#define W	VMEM_IOC_ATTR_W
#define X	VMEM_IOC_ATTR_X
#define U	VMEM_IOC_ATTR_U

#define PAGE	4096ULL
#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

extern bool case_failed;

#define EXPECT(cond) do {						\
	if (!(cond)) {							\
		printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);	\
		case_failed = true;					\
	}								\
} while (0)

/* The case ends; it failed if anything in it was not as expected. */
void result(const char *name);

/* The machine: what KVM has, the root that a vCPU is on, and how often it flushed. */
extern bool has_1g, has_la57;
extern __u64 cr3_now;
extern unsigned int flushes;

/* What failed last, as guest.h tells it. */
bool failed_call(const struct guest *g, const char *call);
void expect_translates(struct guest *g, __u32 space, __u64 va, __u64 gpa);

/* vmm-user.c */
void user_cases(void);

#endif /* CHECK_VMM_H */
