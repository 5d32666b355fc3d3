/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * libvmem: dumps of guests, and what a guest's Linux tells of its address spaces.
 * <libvmem.h> includes it.
 */
#ifndef _LIBVMEM_DUMP_CALLS_H
#define _LIBVMEM_DUMP_CALLS_H

#include <linux/vmem.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct vmem_guest;

/* Bytes of a text about a dump, for people. */
#define VMEM_DUMP_WHY_LEN	320

/**
 * struct vmem_dump_how - how a dump is opened
 * @size:	sizeof(struct vmem_dump_how)
 * @progress:	called about once a second, and when a file was unpacked, with what is
 *		being done, how much of it is and how much is to be, in bytes (0: that
 *		isn't known); what isn't 0 ends it. NULL: not
 * @ctx:	its first argument
 * @tmpdir:	where what a compressed file holds is kept meanwhile; NULL: TMPDIR, or /tmp
 * @tmp_max:	bytes that it may have there; 0: half of what is free
 */
struct vmem_dump_how {
	size_t size;
	int (*progress)(void *ctx, const char *what, __u64 done, __u64 all);
	void *ctx;
	const char *tmpdir;
	__u64 tmp_max;
};

/**
 * struct vmem_dump_vcpu - registers of a vCPU, as a dump has them
 * @number:	as the dump counts its vCPUs
 * @flags:	0
 * @cr0:	of it, as are the others
 * @cr3:	root of its tables, and more
 * @cr4:	bit 12: they have 5 levels
 */
struct vmem_dump_vcpu {
	__u32 number;
	__u32 flags;
	__u64 cr0;
	__u64 cr3;
	__u64 cr4;
};

/**
 * vmem_open_dump() - a guest in this process whose memory is in a file
 * @path:	of the file: an ELF core, a kdump file, flattened or not, a LiME or AVML
 *		capture, raw memory from address 0 on, or one of these in gzip, zlib, zstd
 * @how:	NULL: silently, in TMPDIR
 * @guest:	out: the guest
 * @why:	out, with -EINVAL: what is wrong, for people, behind the name of the file
 *
 * What the file is, it says itself by how it begins. As of vmem_open_local(); all memory
 * is there already, and none of it is written. What the dump has not is told in results
 * and records: VMEM_IOC_ABSENT_IN_DUMP, VMEM_IOC_RESULT_ABSENT, VMEM_IOC_BAD_LEFT_OUT,
 * VMEM_IOC_REC_LEFT_OUT. The file is mapped, and must not become shorter: else the
 * process gets SIGBUS. What is compressed as a whole is unpacked into a temporary file
 * without a name, which goes with the guest.
 *
 * Return: 0; -EINVAL: it is no dump that can be read, or can't be unpacked where it is to
 * be; what open(2), mmap(2) answer; -ESPIPE: no file that can be mapped; -ECANCELED:
 * @how->progress ended it; -ENOMEM.
 */
int vmem_open_dump(const char *path, const struct vmem_dump_how *how,
		   struct vmem_guest **guest, char why[VMEM_DUMP_WHY_LEN]);

/**
 * vmem_dump_format() - what a dump is
 * @guest:	a guest of vmem_open_dump()
 *
 * Return: a string of the guest's, for people; NULL: the guest is of no dump.
 */
const char *vmem_dump_format(const struct vmem_guest *guest);

/**
 * vmem_dump_trouble() - what is wrong with a dump that can be read all the same
 * @guest:	a guest of vmem_open_dump()
 *
 * Return: a string of the guest's, for people, good until the next call: the file was
 * cut, or what packs it as a whole is damaged; pages that were asked for are damaged, or
 * packed by what this library was built without. What is lost so is told as not in the
 * dump. NULL: nothing was met so far.
 */
const char *vmem_dump_trouble(struct vmem_guest *guest);

/**
 * vmem_dump_vcpu() - the registers of a vCPU
 * @guest:	a guest of vmem_open_dump()
 * @n:		from 0 on
 * @vcpu:	out
 *
 * Return: 0; -ENOENT: the dump tells of no such vCPU; -EINVAL: not a dump's guest.
 */
int vmem_dump_vcpu(const struct vmem_guest *guest, __u32 n, struct vmem_dump_vcpu *vcpu);

/**
 * vmem_dump_running() - what ran on a CPU when Linux dumped itself
 * @guest:	a guest of vmem_open_dump()
 * @n:		from 0 on, in the order of the dump's notes (NT_PRSTATUS)
 * @pid:	out: of the process, or of the thread; 0: the CPU was idle
 *
 * /proc/vmcore tells it, and what makedumpfile makes of that; these have no registers
 * from which a root can be known.
 *
 * Return: 0; -ENOENT: the dump tells of no such CPU, or has registers instead; -EINVAL:
 * not a dump's guest.
 */
int vmem_dump_running(const struct vmem_guest *guest, __u32 n, __u32 *pid);

/**
 * vmem_dump_missing() - how much of a range isn't in a dump
 * @guest:	a guest of vmem_open_dump()
 * @gpa:	guest-physical address of the first byte
 * @len:	bytes
 *
 * Return: how many bytes of it are memory of the guest's and not in the file; 0 if the
 * guest is of no dump. Memory that is there and damaged isn't counted.
 */
__u64 vmem_dump_missing(const struct vmem_guest *guest, __u64 gpa, __u64 len);

/* The dump has it. */
#define VMEM_DUMP_HERE		(1U << 0)

/**
 * struct vmem_dump_range - memory of a guest that is all in a dump, or all isn't
 * @gpa:	guest-physical address of the first byte
 * @len:	bytes
 * @flags:	VMEM_DUMP_HERE, or 0
 * @reserved:	0
 */
struct vmem_dump_range {
	__u64 gpa;
	__u64 len;
	__u32 flags;
	__u32 reserved;
};

/**
 * vmem_dump_range() - memory of a dump's guest, range by range
 * @guest:	a guest of vmem_open_dump()
 * @gpa:	from where on
 * @range:	out: the first memory from there on, as far as what @range->flags says is
 *		true of it; the next one is from @range->gpa + @range->len on
 *
 * Return: 0; -ENOENT: there is no more memory; -EINVAL: not a dump's guest.
 */
int vmem_dump_range(const struct vmem_guest *guest, __u64 gpa, struct vmem_dump_range *range);

/**
 * vmem_dump_read() - memory of a dump
 * @guest:	a guest of vmem_open_dump()
 * @gpa:	guest-physical address of the first byte
 * @buf:	out
 * @len:	bytes
 *
 * Return: 0; -ENXIO: some of it is no memory; -ENODATA: not in the dump; -EIO: damaged;
 * -EINVAL: not a dump's guest; -ENOMEM.
 */
int vmem_dump_read(struct vmem_guest *guest, __u64 gpa, void *buf, size_t len);

/**
 * vmem_dump_next() - where a dump goes on, for a search
 * @guest:	a guest of vmem_open_dump()
 * @gpa:	from where on
 * @range:	out: the first memory from there on of which the dump has something, in
 *		whole pages. What the file tells as a hole, and so zeros, is passed over
 *
 * Return: 0; -ENOENT: there is no more; -EINVAL: not a dump's guest.
 */
int vmem_dump_next(const struct vmem_guest *guest, __u64 gpa, struct vmem_dump_range *range);

/**
 * vmem_dump_vmcoreinfo() - what Linux says of itself in a dump
 * @guest:	a guest of vmem_open_dump()
 * @text:	out: it, not terminated, as it is in the file
 * @len:	out: bytes
 *
 * Return: 0; -ENOENT: the dump has none; -EINVAL: not a dump's guest.
 */
int vmem_dump_vmcoreinfo(const struct vmem_guest *guest, const char **text, size_t *len);

/* Of the name of a Linux kernel's release, and of VMCOREINFO, which has a page. */
#define VMEM_LINUX_RELEASE_LEN	65
#define VMEM_LINUX_INFO_LEN	4096

/* Memory isn't searched, where no dump has VMCOREINFO. */
#define VMEM_LINUX_NO_SCAN	(1U << 0)

/**
 * struct vmem_linux - the Linux of a guest
 * @root:	of the kernel's own space (swapper_pg_dir): a guest-physical address
 * @levels:	of its tables, 4 or 5
 * @enc_bit:	number of the bit that says encrypted (SME), 0: none does
 * @info_len:	bytes of @info
 * @release:	of the kernel, as uname(1) tells it
 * @info:	VMCOREINFO, not terminated
 */
struct vmem_linux {
	__u64 root;
	__u32 levels;
	__u32 enc_bit;
	__u32 info_len;
	char release[VMEM_LINUX_RELEASE_LEN];
	char info[VMEM_LINUX_INFO_LEN];
};

/**
 * vmem_linux_find() - which Linux runs in a guest
 * @guest:	any guest whose memory this process has, as of vmem_open_dump()
 * @about:	out: what its VMCOREINFO says
 * @flags:	VMEM_LINUX_NO_SCAN, or 0
 * @why:	out, with -ENOENT: what is wrong, for people
 *
 * VMCOREINFO is a dump's, or one that memory is searched for, all of it if need be. It
 * is taken if it holds: the kernel's root maps itself, and the name of the release is
 * where it has to be. A process of the guest that means to can make up one that does.
 *
 * Return: 0; -ENOENT: there is none, or it doesn't hold; -EINVAL: flags; what
 * vmem_space_create() answers.
 */
int vmem_linux_find(struct vmem_guest *guest, struct vmem_linux *about, __u32 flags,
		    char why[VMEM_DUMP_WHY_LEN]);

#define VMEM_LINUX_COMM_LEN	16

/**
 * struct vmem_linux_process - a process
 * @pid:	of it, as the whole guest counts them
 * @flags:	0
 * @root:	of its space, as the kernel uses it: a guest-physical address
 * @user_root:	as user mode does, where that is another (KPTI); else 0
 * @comm:	its name, terminated; any bytes, as a process may call itself what it will
 */
struct vmem_linux_process {
	__u32 pid;
	__u32 flags;
	__u64 root;
	__u64 user_root;
	char comm[VMEM_LINUX_COMM_LEN];
};

/**
 * struct vmem_linux_list - the processes of a guest
 * @processes:	in the order of the kernel's list; free(3) ends them
 * @nr:		how many
 * @nr_kernel:	threads of the kernel, which have no space of their own
 * @nr_ended:	processes that have ended, and so have none any more
 * @why:	what is wrong with the list, for people: it isn't whole; else empty
 */
struct vmem_linux_list {
	struct vmem_linux_process *processes;
	size_t nr;
	size_t nr_kernel;
	size_t nr_ended;
	char why[VMEM_DUMP_WHY_LEN];
};

/**
 * vmem_linux_processes() - the processes of a guest's Linux, and their roots
 * @guest:	the guest
 * @about:	of vmem_linux_find()
 * @list:	out; with an error none, and @list->why
 *
 * By the kernel's symbols and types, as it has them in memory itself: from Linux 6.0 on,
 * with CONFIG_KALLSYMS_ALL and CONFIG_DEBUG_INFO_BTF. Processes that share their memory
 * have the same root. What a guest says of itself it may make up.
 *
 * Return: 0; -ENOENT: the kernel doesn't tell; -EINVAL: what it tells doesn't hold
 * together; -EFAULT, -ENXIO, -ERANGE, -ENODATA, -EIO: it can't be read; -ENOMEM; what
 * vmem_space_create() answers.
 */
int vmem_linux_processes(struct vmem_guest *guest, const struct vmem_linux *about,
			 struct vmem_linux_list *list);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* _LIBVMEM_DUMP_CALLS_H */
