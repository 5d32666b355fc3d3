/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A machine of KVM that runs in long mode from its first instruction on: memory
 * slots, vCPUs with a GDT, a TSS and an IDT of their own, runs up to the next
 * output to a port, system call or fault, and the flush that a change of live tables
 * needs.
 *
 * All functions answer 0 or -errno. One thread at a time uses a machine.
 */
#ifndef _VMM_VCPU_H
#define _VMM_VCPU_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "kvm-compat.h"

#define VCPU_MAX	4

/*
 * What a vCPU needs in guest memory: a page that it reads and executes (IDT,
 * GDT, TSS, the code of the vectors and of system calls), and one after it that it
 * writes, the stack of the vectors. Both are mapped for supervisor mode, one after
 * the other.
 */
#define VCPU_SYSTEM_LEN	0x2000
#define VCPU_CODE_LEN	0x1000

/**
 * struct vcpu_frame - what the code of a vector leaves on its stack
 * @cr2:	the address, of a page fault
 * @rdx:	of what was interrupted, as are the last five
 * @rax:	of what was interrupted
 * @vector:	0 to 31
 * @error:	0 where the vector has none
 */
struct vcpu_frame {
	__u64 cr2;
	__u64 rdx, rax;
	__u64 vector, error;
	__u64 rip, cs, rflags, rsp, ss;
};

/**
 * struct vcpu - a virtual processor
 * @fd:		of KVM
 * @run:	what KVM shares with us
 * @smap:	CR4.SMAP is set
 * @syscall:	where SYSCALL enters, 0: nowhere
 * @call_faulted: it is in a system call that it made by the fault in @frame
 * @frame:	where the stack of its vectors holds the frame of a fault
 */
struct vcpu {
	int fd;
	struct kvm_run *run;
	bool smap;
	bool call_faulted;
	__u64 syscall;
	struct vcpu_frame *frame;
};

/**
 * struct machine - memory and processors
 * @kvm:	/dev/kvm
 * @vm:		the machine
 * @run_len:	bytes of a vcpu's @run
 * @cpuid:	what KVM offers to vCPUs; of this
 * @has_la57:	5 levels of tables
 * @has_1g:	pages of 1 GiB
 * @has_smep:	supervisor mode can be kept from executing users' pages
 * @has_smap:	and from reading and writing them
 * @shadowed:	KVM builds tables of its own from the guest's
 * @nr_slots:	memory slots in use
 * @spare:	a page of ours, for the slot that a flush adds and takes away
 * @nr_vcpus:	processors there are
 * @vcpus:	the processors
 */
struct machine {
	int kvm;
	int vm;
	size_t run_len;
	struct kvm_cpuid2 *cpuid;
	bool has_la57;
	bool has_1g;
	bool has_smep;
	bool has_smap;
	bool shadowed;
	__u32 nr_slots;
	void *spare;
	__u32 nr_vcpus;
	struct vcpu vcpus[VCPU_MAX];
};

/**
 * struct vcpu_start - how a vCPU begins
 * @levels:	of its tables, 4 or 5
 * @user:	in user mode, with SMEP and SMAP where KVM has them
 * @cr3:	guest-physical address of the root
 * @rip:	its first instruction
 * @rsp:	its stack
 * @rdi:	what the program is given
 * @system:	VCPU_SYSTEM_LEN bytes of guest memory, in this process
 * @system_va:	where they are mapped
 */
struct vcpu_start {
	unsigned int levels;
	bool user;
	__u64 cr3;
	__u64 rip;
	__u64 rsp;
	__u64 rdi;
	void *system;
	__u64 system_va;
};

enum vcpu_event {
	VCPU_OUT,	/* output to a port: exit.port, exit.value, exit.bytes */
	VCPU_FAULT,	/* an exception: vcpu.frame; to run on returns from it */
	VCPU_CALL,	/* a system call: vcpu_call(), vcpu_answer() */
	VCPU_STOPPED,	/* anything else: exit.why */
};

struct vcpu_exit {
	enum vcpu_event event;
	__u16 port;
	__u8 bytes;
	__u32 value;
	char why[96];
};

/**
 * struct vcpu_call - a system call, see ports.h
 * @nr:		its number
 * @args:	rdi, rsi, rdx
 */
struct vcpu_call {
	__u64 nr;
	__u64 args[3];
};

/**
 * machine_open() - a machine with no memory and no vCPU
 * @m:	filled in; to be closed in any case
 *
 * Return: 0; what open("/dev/kvm") answers; -ENODEV: another API than 12; what
 * KVM answers; -ENOMEM.
 */
int machine_open(struct machine *m);
void machine_close(struct machine *m);

/**
 * machine_memory() - give the machine memory
 * @m:		the machine
 * @gpa:	where the guest sees it
 * @host:	where it is in this process
 * @len:	bytes
 * @readonly:	a guest that writes there stops; not for live tables, because
 *		a vCPU sets accessed and dirty bits in them
 *
 * Return: 0; what KVM answers.
 */
int machine_memory(struct machine *m, __u64 gpa, void *host, __u64 len,
		   bool readonly);

/**
 * machine_guest_memfd() - a guest_memfd that can be mapped
 * @m:		the machine, which alone can be given it
 * @len:	bytes
 *
 * All of it is shared with this process: once it is mapped, it is memory like any
 * other's.
 *
 * Return: its descriptor; -EOPNOTSUPP: KVM has none (before Linux 6.18, or the
 * machine is of a type with private memory); what KVM answers.
 */
int machine_guest_memfd(struct machine *m, __u64 len);

/**
 * machine_memory_of() - give the machine memory of a guest_memfd
 * @m:		the machine
 * @gpa:	where the guest sees it
 * @host:	where all of it is mapped in this process
 * @len:	bytes
 * @fd:		the guest_memfd
 *
 * KVM takes pages from the file; it is by @host that it reads the tables of
 * vCPUs. There is no read-only memory of this kind, and no log of dirty pages.
 *
 * Return: 0; what KVM answers.
 */
int machine_memory_of(struct machine *m, __u64 gpa, void *host, __u64 len, int fd);

/**
 * machine_flush() - have every vCPU forget all that it caches of tables
 * @m:	the machine
 *
 * For all PCIDs, global pages and paging-structure caches included: no vCPU runs
 * again before it did. One that another thread runs is waited for; a VMM with
 * threads first makes it leave the guest (kvm_run.immediate_exit and a signal).
 *
 * Return: 0; what KVM answers.
 */
int machine_flush(struct machine *m);

/**
 * machine_vcpu() - one more vCPU, in long mode
 * @m:		the machine
 * @start:	how it begins
 * @vcpu:	out: the vCPU, which the machine owns
 *
 * Return: 0; -ENOSPC: it has VCPU_MAX; -EOPNOTSUPP: KVM has no vCPUs with this
 * many levels; what KVM answers.
 */
int machine_vcpu(struct machine *m, const struct vcpu_start *start,
		 struct vcpu **vcpu);

/**
 * vcpu_run() - run up to the next event
 * @vcpu:	the vCPU
 * @exit:	out: what it was
 *
 * Return: 0; what KVM answers.
 */
int vcpu_run(struct vcpu *vcpu, struct vcpu_exit *exit);

/**
 * vcpu_call() - the system call that a vCPU makes
 * @vcpu:	the vCPU, after a VCPU_CALL
 * @call:	out: the call
 *
 * Return: 0; what KVM answers.
 */
int vcpu_call(struct vcpu *vcpu, struct vcpu_call *call);

/**
 * vcpu_answer() - the answer to a system call, with which its vCPU goes on
 * @vcpu:	the vCPU
 * @answer:	the answer, or -errno
 *
 * Return: 0; what KVM answers.
 */
int vcpu_answer(struct vcpu *vcpu, __s64 answer);

/**
 * vcpu_cr3() - the root that a vCPU uses
 * @vcpu:	the vCPU
 * @cr3:	out: its address, without the other bits of CR3 (PWT, PCD, PCID)
 *
 * Return: 0; what KVM answers.
 */
int vcpu_cr3(struct vcpu *vcpu, __u64 *cr3);

/**
 * vcpu_replace_cr3() - a root has moved
 * @vcpu:	the vCPU, which is given the new root if it uses the old one
 * @old:	where it was
 * @cr3:	where it is; the other bits of CR3 stay
 *
 * Return: 0; what KVM answers.
 */
int vcpu_replace_cr3(struct vcpu *vcpu, __u64 old, __u64 cr3);

/**
 * vcpu_translate() - what KVM says that an address translates to
 * @vcpu:	the vCPU
 * @va:		the address
 * @gpa:	out, when it translates
 *
 * KVM follows the tables of the vCPU as a read in supervisor mode does, users' pages
 * included, and sets accessed bits. It doesn't tell whether the address is
 * canonical.
 *
 * Return: 0; -ENOENT: it does not translate; what KVM answers.
 */
int vcpu_translate(struct vcpu *vcpu, __u64 va, __u64 *gpa);

#endif /* _VMM_VCPU_H */
