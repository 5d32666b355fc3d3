/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world: memory of this process, guests of vmem over it, and a vCPU that runs
 * programs/live.c on the tables. It is put together here rather than by the
 * VMM's guest.c because these tests want several guests over one memory, memory
 * that vmem isn't told of, and more spaces.
 *
 * What fails here ends the case.
 */
#ifndef SELFTEST_LIVE_H
#define SELFTEST_LIVE_H

#include <pthread.h>

#include "../vmm/programs/live.h"
#include "../vmm/vcpu.h"
#include "judge.h"
#include "ktap.h"
#include "libvmem.h"

#define PAGE		4096ULL
#define R		VMEM_IOC_ATTR_R
#define W		VMEM_IOC_ATTR_W
#define X		VMEM_IOC_ATTR_X
#define U		VMEM_IOC_ATTR_U

#define PF_P		1ULL
#define PF_W		2ULL
#define PF_I		16ULL
#define VECTOR_PF	14

#define ENTRY_AD	0x60ULL
#define VIEW_PAGES_MAX	3000

/* Guest memory: the program's, pages to be given out, and the rest for pools. */
#define WORLD_POOL_GPA	0x400000ULL
#define WORLD_LEN	0x800000ULL

/**
 * struct world - memory, guests, a vCPU
 * @levels:	of all tables
 * @machine:	of KVM
 * @vcpu:	its processor, in space 0 when it starts
 * @memory:	WORLD_LEN bytes, GPA 0 first; below and above it lie pages that
 *		nobody may write
 * @next:	memory below WORLD_POOL_GPA that was not given out begins here
 * @box:	of the program
 * @frame:	of a fault
 * @entry:	the program's first instruction
 */
struct world {
	unsigned int levels;
	struct machine machine;
	struct vcpu *vcpu;
	char *memory;
	__u64 next;
	volatile struct live_box *box;
	struct vcpu_frame *frame;
	__u64 entry;
};

__u64 seed_of_run(void);	/* from SEED or the clock, and printed */
__u64 chance(__u64 *state);

void world_open(struct world *w, unsigned int levels);
void world_close(struct world *w);
__u64 world_take(struct world *w, __u64 len);

/* The word of memory at @gpa. */
__u64 world_word(const struct world *w, __u64 gpa);

/* A page of an address space: a slot of the root, a table of leaves, an entry. */
__u64 world_va(const struct world *w, unsigned int slot, unsigned int table,
	       unsigned int page);

/* What a table of @level translates, in bytes. */
__u64 table_span(unsigned int level);

/* A page that returns @value, whose word LIVE_READ_AT is @value too. */
__u64 world_page(struct world *w, __u32 value);

/* Guests of vmem over memory of the world, and what they have. */
struct vmem_guest *guest_new(void);
__u32 guest_region(struct vmem_guest *vmem, struct world *w, __u64 gpa, __u64 len,
		   __u32 flags);
__u32 guest_pool(struct vmem_guest *vmem, __u64 gpa, __u64 len);
__u32 guest_space(struct vmem_guest *vmem, unsigned int levels, __u32 flags,
		  __u32 pool, __u64 *root);

/* Changes; the answer is of the call. */
int space_map(struct vmem_guest *vmem, __u32 space,
	      const struct vmem_ioc_mapping *mappings, __u32 nr, __u32 flags,
	      struct vmem_ioc_change *change);
int space_page(struct vmem_guest *vmem, __u32 space, __u64 va, __u64 gpa,
	       __u32 attrs, struct vmem_ioc_change *change);
int space_unmap(struct vmem_guest *vmem, __u32 space, __u64 va, __u64 len,
		struct vmem_ioc_change *change);
int space_protect(struct vmem_guest *vmem, __u32 space, __u64 va, __u64 len,
		  __u32 set, __u32 clear, struct vmem_ioc_change *change);

/* What a vCPU needs in the lower part of a space: the program, its box, ... */
void map_program(struct world *w, struct vmem_guest *vmem, __u32 space,
		 bool window);

/* A vCPU with this root, up to where it waits for a box. */
void world_start(struct world *w, __u64 root);

/* Flush what a change asks for, and tell vmem. */
void world_changed(struct world *w, struct vmem_guest *vmem,
		   const struct vmem_ioc_change *change);
void world_flushed(struct world *w, struct vmem_guest *vmem, __u64 generation);

/* Run what the box says. Probes that fault are told so, and go on. */
void world_run(struct world *w, enum live_op op);

/* A fault of a probe: note it, and let the program go on. False: no probe. */
bool probe_faulted(struct world *w);

/* The probe that the next run makes. */
void probe_add(struct world *w, __u64 cr3, __u64 va, enum live_access access,
	       __u64 value);

/*
 * Did the probe meet a page with these permissions (0: none), and this value?
 * Prints what was wrong.
 */
bool probe_was(const volatile struct live_probe *p, __u32 attrs, __u64 value);

/* What the #PF of an access says, LIVE_NO_FAULT: it doesn't fault. */
__u64 fault_of(__u32 attrs, enum live_access access);

/* The permissions that a leaf and its path give together. */
__u32 effective(__u32 leaf, __u32 path, unsigned int levels);

/*
 * Walk spaces: all records, in memory that is allocated. What a vCPU sets is
 * left out of their entries.
 */
struct vmem_ioc_record *walk(struct vmem_guest *vmem, const __u32 *spaces,
			     __u32 nr_spaces, __u32 flags, size_t *nr);

struct vmem_ioc_result translate(struct vmem_guest *vmem, __u32 space, __u64 va);
struct vmem_ioc_pool_stat pool_stat(struct vmem_guest *vmem, __u32 pool);

/* KVM_TRANSLATE and vmem, on every page of a space, and beside it. */
void expect_agreement(struct world *w, struct vmem_guest *vmem, __u32 space,
		      __u64 root);

/**
 * struct view - what a space is expected to show
 * @root:	CR3
 * @nr:		pages that were named
 * @pages:	each with its frame and permissions, 0: not mapped
 */
struct view {
	__u64 root;
	size_t nr;
	struct view_page {
		__u64 va;
		__u64 gpa;
		__u32 attrs;
	} pages[VIEW_PAGES_MAX];
};

void view_set(struct view *view, __u64 va, __u64 gpa, __u64 len, __u32 attrs);

/* Make @nr accesses to pages of these views, and beside them. */
void expect_views(struct world *w, struct view *const *views, size_t nr_views,
		  size_t nr, __u64 *seed);

/* Does vmem say of a space what the view says? */
void expect_translated(struct vmem_guest *vmem, __u32 space,
		       const struct view *view);

/**
 * struct runner - a vCPU on a thread of its own
 * @w:		its world
 * @thread:	that calls KVM_RUN
 * @lock:	guards what follows
 * @changed:	something of what follows did
 * @faulted:	a fault that isn't of a probe waits to be served
 * @ended:	the thread has
 * @why:	it has
 */
struct runner {
	struct world *w;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool faulted;
	bool ended;
	char why[128];
};

void runner_start(struct runner *r, struct world *w, enum live_op op);
void runner_stop(struct runner *r);

/* Between these, the vCPU runs no code of the guest. */
void runner_hold(struct runner *r);
void runner_let_run(struct runner *r);

/* A fault that is served: w->frame says which. */
void runner_await_fault(struct runner *r);
void runner_served(struct runner *r);

/* Its program goes on, and has had no such fault. */
void runner_expect_running(struct runner *r);

/* A loop makes @nr rounds more. */
void runner_await_rounds(struct runner *r, __u64 nr);

/* A loop makes the one probe of the box. */
void runner_probe(struct runner *r);

void shared_tables_two_4level(void);
void shared_tables_two_5level(void);
void shared_tables_eight_4level(void);
void shared_tables_eight_5level(void);
void frozen_tree_moves_4level(void);
void frozen_tree_moves_5level(void);
void change_around_a_running_vcpu_4level(void);
void change_around_a_running_vcpu_5level(void);
void sizes_under_a_running_vcpu_4level(void);
void sizes_under_a_running_vcpu_5level(void);
void quarantine_holds_under_a_vcpu_4level(void);
void quarantine_holds_under_a_vcpu_5level(void);
void hostile_vcpu_writes_its_tables_4level(void);
void hostile_vcpu_writes_its_tables_5level(void);

#endif
