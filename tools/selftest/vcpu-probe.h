/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU as a judge: a few instructions in a guest that read, write and execute
 * where they are told, and what came of it. Beside it, KVM's own translation.
 */
#ifndef SELFTEST_VCPU_PROBE_H
#define SELFTEST_VCPU_PROBE_H

#include <linux/vmem.h>
#include <stdbool.h>

#include "../vmm/guest.h"
#include "judge.h"

#define PAGE		4096ULL
#define R		VMEM_IOC_ATTR_R
#define W		VMEM_IOC_ATTR_W
#define X		VMEM_IOC_ATTR_X

/* Where the probe's code is, and the box of the first. */
#define PROBE_VA	0x400000ULL
#define BOX_VA		0x500000ULL	/* a page a vCPU: box and stack */

#define VECTOR_GP	13
#define VECTOR_PF	14
#define NO_FAULT	(~0ULL)

enum access {
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_EXEC,	/* the value is what was returned: page_code() */
	ACCESS_AWAIT,	/* read until probe_box.go, and then once more */
};

/* In guest memory: what the probe is to do, and what it read. */
struct probe_box {
	__u64 access;
	__u64 va;
	__u64 value;
	volatile __u64 rounds;
	volatile __u64 go;
};

struct probe {
	struct vcpu *vcpu;
	struct probe_box *box;
	struct vcpu_frame *frame;
	__u64 stack;
};

/* What came of an access: vector NO_FAULT, or a fault. */
struct outcome {
	__u64 vector;
	__u64 error;
	__u64 cr2;
	__u64 value;
};

/* A guest with a probe for each of its vCPUs; gives up when it can't be. */
void probes_open(struct guest *g, unsigned int levels, struct probe *probes,
		 unsigned int nr);
/* One access. With @serve, guest_serve() is asked first about a fault. */
struct outcome probe_access(struct guest *g, struct probe *probe,
			    enum access access, __u64 va, __u64 value, bool serve);
/* Memory for a page that can be executed: it returns @value. */
__u64 page_code(struct guest *g, __u32 value);
void map(struct guest *g, __u64 va, __u64 gpa, __u64 len, __u32 kind, __u32 attrs);
void unmap(struct guest *g, __u64 va, __u64 len);

/*
 * KVM_TRANSLATE and TRANSLATE give the same for all pages that are mapped, at
 * most 4,096, and for @nr random addresses, half of them near mapped ones. Of
 * 10,000 and more, over an eighth must be mapped. KVM sets accessed bits: nothing else of memory has changed, and they are put back.
 */
void expect_agreement(struct guest *g, unsigned int nr, __u64 seed);

/*
 * How often KVM flushed what a vCPU caches of tables, by its statistic
 * tlb_flush. False: it keeps none.
 */
bool nr_flushes(const struct machine *m, const struct vcpu *vcpu, __u64 *nr);

/* So that two threads run at once, where there are two CPUs. */
void stay_on(int cpu);

__u64 chance(__u64 *state);

/* vcpu-programs.c */
void programs_4level(void);
void programs_5level(void);
void walk_while_running_4level(void);
void walk_while_running_5level(void);

/* vcpu-sizes.c */
void sizes_4level(void);
void sizes_5level(void);
void keys_4level(void);
void keys_5level(void);

/* vcpu-memfd.c */
void guest_memfd_holes_4level(void);
void guest_memfd_holes_5level(void);
void guest_memfd_private(void);

/* vcpu-run.c */
void program_corrupted(void);
void vmem_run(void);
void vmem_run_5level(void);
void guest_memfd_run(void);
/* Of a program of tools/vmm/programs. */
const char *program_path(const char *name);

#endif
