/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A guest: memory that a machine of KVM and libvmem both know, tables that
 * vmem builds in it, and a vCPU that runs on them.
 *
 * Functions answer 0 or -errno, and guest.call names the call that failed.
 */
#ifndef _VMM_GUEST_H
#define _VMM_GUEST_H

#include "libvmem.h"
#include "ports.h"
#include "vcpu.h"

/*
 * Where things are. The lower half is the program's, with segments below
 * GUEST_PRIVATE_VA; nothing in the upper half is a user's.
 */
#define GUEST_PRIVATE_VA	0x00007f0000000000ULL
#define GUEST_INFO_VA		0x00007fffffe08000ULL
#define GUEST_STACK_VA		0x00007fffffe10000ULL
#define GUEST_STACK_LEN		0x10000ULL
#define GUEST_WINDOW_VA		0xffff800000000000ULL
#define GUEST_SYSTEM_VA		0xffffffffffe00000ULL

#define GUEST_PAGE_SIZES	(1ULL << 12 | 1ULL << 21 | 1ULL << 30)

#define GUEST_POOL_GPA		0x100000ULL
#define GUEST_POOL_LEN		0x100000ULL
#define GUEST_FREE_GPA		(GUEST_POOL_GPA + GUEST_POOL_LEN)
#define GUEST_MEMORY_MIN	0x400000ULL
#define GUEST_MEMORY_MAX	0x80000000ULL

/**
 * struct guest_options - what kind of guest
 * @local:	libvmem in this process, not the module
 * @owned:	memory of vmem's own, not a memfd of ours
 * @guest_memfd: memory of a guest_memfd of KVM's; frozen memory isn't, since its
 *		slot is read-only
 * @user:	the program runs in user mode, in pages with U
 * @window:	the program, in supervisor mode, sees all of its memory at
 *		GUEST_WINDOW_VA
 * @levels:	of tables, 4 or 5
 * @page_sizes:	that may be mapped, of GUEST_PAGE_SIZES: those that KVM has are;
 *		0: 4 KiB
 * @nr_spaces:	address spaces
 * @memory_len: bytes of memory
 */
struct guest_options {
	bool local;
	bool owned;
	bool guest_memfd;
	bool user;
	bool window;
	unsigned int levels;
	__u32 nr_spaces;
	__u64 page_sizes;
	__u64 memory_len;
};

/*
 * A region of vmem, which is a memory slot of the machine. Holes are punched in it
 * by its descriptor, -1 where it has none.
 */
struct guest_region {
	__u32 id;
	int fd;
	__u64 gpa;
	__u64 len;
	char *host;
};

struct guest {
	struct guest_options options;
	struct vmem_guest *vmem;
	struct machine machine;
	struct vcpu *vcpu;
	struct guest_region memory;
	struct guest_region frozen;	/* len 0: none */
	__u32 pool;
	__u32 spaces[PROGRAM_SPACES_MAX];
	__u64 roots[PROGRAM_SPACES_MAX];
	__u64 next;			/* memory not given out begins here */
	__u64 flushes;			/* that vmem asked for */
	__u64 copied;			/* pages, by Cow faults */
	const char *call;		/* that failed */
};

/**
 * guest_open() - memory, a pool of tables and spaces
 * @g:		filled in; to be closed in any case
 * @options:	what kind
 *
 * Return: 0; -EINVAL: what can't be; -EOPNOTSUPP: KVM lacks it; -errno.
 */
int guest_open(struct guest *g, const struct guest_options *options);
void guest_close(struct guest *g);

/**
 * guest_freeze() - memory of which the bytes stay
 * @g:		the guest
 * @len:	bytes
 *
 * Neither vmem writes there, nor the guest. We may, at guest.frozen.host.
 *
 * Return: 0; -EINVAL: no whole pages, or over GUEST_MEMORY_MAX; -EEXIST: there is
 * frozen memory already; -errno.
 */
int guest_freeze(struct guest *g, __u64 len);

/**
 * guest_take() - pages of memory, zeroed
 * @g:		the guest
 * @len:	bytes, whole pages
 * @gpa:	out: where they are
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int guest_take(struct guest *g, __u64 len, __u64 *gpa);

/**
 * guest_take_for() - the same, where the largest pages can be mapped to
 * @g:		the guest
 * @va:		where they will be mapped
 * @len:	bytes, whole pages
 * @gpa:	out: where they are
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int guest_take_for(struct guest *g, __u64 va, __u64 len, __u64 *gpa);

/**
 * guest_fit() - where in memory the largest pages can be mapped to
 * @g:		the guest
 * @va:		the first address that is mapped
 * @len:	bytes
 * @next:	first guest-physical address that may be used
 * @end:	and the one behind the last
 *
 * Return: where @len bytes begin that are to be mapped at @va; @next if they don't
 * fit there, whatever the size of pages.
 */
__u64 guest_fit(const struct guest *g, __u64 va, __u64 len, __u64 next, __u64 end);

/* Where memory is in this process; NULL: no memory. */
void *guest_host(const struct guest *g, __u64 gpa, __u64 len);

/**
 * guest_map() - map, and have flushed what is to be flushed, before too
 * @g:		the guest
 * @space:	index of the space
 * @mapping:	what
 * @flags:	VMEM_IOC_MAP_*
 *
 * Return: 0; what MAP answers, but EAGAIN and EBUSY only when they don't end; what
 * the flush, or giving a vCPU its new root, answers.
 */
int guest_map(struct guest *g, __u32 space,
	      const struct vmem_ioc_mapping *mapping, __u32 flags);

/**
 * guest_attrs() - what the program's pages have
 * @g:		the guest
 * @attrs:	VMEM_IOC_ATTR_R, W, X
 *
 * Return: @attrs, and U for a program in user mode.
 */
__u32 guest_attrs(const struct guest *g, __u32 attrs);

/**
 * guest_protect() - change the permissions of a range, for all spaces
 * @g:		the guest
 * @start:	first address
 * @last:	last address, included
 * @attrs:	VMEM_IOC_ATTR_R, W, X that it shall have
 *
 * Larger pages that lie in it in part are split.
 */
int guest_protect(struct guest *g, __u64 start, __u64 last, __u32 attrs);

/**
 * guest_changed() - what follows every change of tables that a vCPU uses
 * @g:		the guest
 * @space:	index of the space
 * @change:	what the call answered
 *
 * The vCPUs on a root that moved are given the new one, and every vCPU flushes,
 * where vmem asks for it. Only then is vmem told that it was done: tables that were
 * freed may be taken again.
 */
int guest_changed(struct guest *g, __u32 space,
		  const struct vmem_ioc_change *change);

/**
 * guest_start() - the vCPU, on the first space, before its first instruction
 * @g:		the guest
 * @entry:	that instruction
 *
 * What was mapped in the first space is linked to the others, but for the page
 * that each has for itself.
 */
int guest_start(struct guest *g, __u64 entry);

/**
 * guest_current_space() - the space that a vCPU runs in
 * @g:		the guest
 * @vcpu:	the vCPU
 * @space:	out: its index
 *
 * Return: 0; -EFAULT: its root is none of the guest's; -errno.
 */
int guest_current_space(struct guest *g, struct vcpu *vcpu, __u32 *space);

/**
 * guest_serve() - serve a fault
 * @g:		the guest
 * @vcpu:	that has it
 *
 * A write to a Cow page is given a copy of it to write to, if another vCPU was
 * not given one meanwhile: of the 4 KiB that are written to, whatever the size of
 * the page, which is split.
 *
 * Return: 0: go on; -EFAULT: not a fault to be served; -errno.
 */
int guest_serve(struct guest *g, struct vcpu *vcpu);

/**
 * guest_translate() - what vmem says that an address translates to
 * @g:		the guest
 * @space:	index of the space
 * @va:		the address
 * @result:	out
 */
int guest_translate(struct guest *g, __u32 space, __u64 va,
		    struct vmem_ioc_result *result);

#endif /* _VMM_GUEST_H */
