// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Which root is meant, where --root doesn't say it: that of a process, of a vCPU, or of
 * the kernel; and of a pair of roots which half.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "kpti.h"

/* What isn't said is that the vCPU's tables have so many levels. */
static void levels_default(struct source *source, bool five)
{
	if (!source->format)
		source->format = five ? "x86_64-5level" : "x86_64-4level";
}

static void root_set(struct source *source, __u64 root)
{
	source->roots = allocate(NULL, 1, sizeof(*source->roots));
	source->roots[0] = root;
	source->nr_roots = 1;
}

/* The kernel's root of the pair that @root is one of. Return: whether it is of one. */
bool kpti_pair(const struct source *source, __u64 root, __u64 *kernel)
{
	__u64 k[KPTI_ENTRIES], u[KPTI_ENTRIES];

	*kernel = root & ENTRY_ADDR & ~KPTI_USER;
	return memory_page(source, *kernel, k) && memory_page(source, *kernel + KPTI_USER, u) &&
	       kpti_is_pair(k, u);
}

/* The half of a pair that is meant; which one it is, for people. */
static __u64 kpti_half(const struct source *source, __u64 root, const char **half)
{
	bool user = source->kpti && !strcmp(source->kpti, "user");
	__u64 kernel, entries[KPTI_ENTRIES];

	*half = "";
	if (!kpti_pair(source, root, &kernel)) {
		/* a dump of what vCPUs in user mode map has no root */
		if (user && !(root & KPTI_USER && source->dump &&
			      !memory_page(source, root & ENTRY_ADDR, entries)))
			fail("--kpti user: the root at 0x%llx is none of a pair",
			     root & ENTRY_ADDR);
		return root;
	}
	*half = user ? ", user mode's half of a pair of roots" :
		!source->kpti && root & KPTI_USER ?
		", the kernel's half of a pair of roots (CR3 has user mode's: --kpti user)" :
		", the kernel's half of a pair of roots";
	return kernel + (user ? KPTI_USER : 0);
}

/* The vCPU that is meant. Return: whether there is one. */
static bool vcpu_find(const struct source *source, struct vmem_dump_vcpu *vcpu)
{
	__u32 n = source->vcpu == UINT32_MAX ? 0 : source->vcpu;

	for (; !vmem_dump_vcpu(source->guest, n, vcpu); n++) {
		if (vcpu->cr0 & CR0_PG)
			return true;
		if (source->vcpu != UINT32_MAX)
			fail("%s: vCPU %u has no paging, and so no root",
			     source->memories[0].path, n);
	}
	return false;
}

static void root_of_vcpu(struct source *source, const struct vmem_dump_vcpu *vcpu)
{
	const char *half;

	root_set(source, kpti_half(source, vcpu->cr3, &half));
	note("--root 0x%llx and --format %s are from vCPU %u of the dump%s; EFER isn't in it: NXE is taken for 1",
	     source->roots[0], source->format, vcpu->number, half);
}

/* All spaces of a Linux have its levels and its encryption bit. */
static void linux_facts(struct source *source, const struct vmem_linux *about)
{
	levels_default(source, about->levels == 5);
	if (!about->enc_bit || source->cpu.enc_bit)
		return;
	source->cpu.enc_bit = about->enc_bit;
	note("--cpu c-bit=%u is from VMCOREINFO", about->enc_bit);
}

static void root_of_kernel(struct source *source, const struct vmem_linux *about)
{
	const char *half;

	linux_facts(source, about);
	root_set(source, kpti_half(source, about->root, &half));
	note("--root 0x%llx and --format %s are the kernel's (swapper_pg_dir), as VMCOREINFO of Linux %s says; NXE is taken for 1",
	     source->roots[0], source->format, about->release);
}

/* Return: NULL: there is none with a space of its own. */
static const struct vmem_linux_process *process_find(const struct vmem_linux_list *list,
						     __u32 pid)
{
	size_t i;

	for (i = 0; list && i < list->nr; i++)
		if (list->processes[i].pid == pid)
			return &list->processes[i];
	return NULL;
}

static void root_of_process(struct source *source)
{
	const struct vmem_linux_list *list = linux_list(source);
	const struct vmem_linux_process *process = process_find(list, source->pid);
	bool user = source->kpti && !strcmp(source->kpti, "user");
	char comm[COMM_LEN];

	if (!list)
		fail("--pid %u: processes aren't known: %s", source->pid, linux_why(source));
	if (!process && list->why[0])
		note("%s", list->why);
	if (!process)
		fail("--pid %u: there is no such process with a space of its own; `vmem roots' lists them",
		     source->pid);
	if (user && !process->user_root)
		fail("--kpti user: the root at 0x%llx, of process %u, is none of a pair",
		     process->root, source->pid);
	linux_facts(source, linux_about(source));
	root_set(source, user ? process->user_root : process->root);
	note("--root 0x%llx and --format %s are of process %u, %s%s; NXE is taken for 1",
	     source->roots[0], source->format, process->pid,
	     show_comm(process->comm, comm),
	     user ? ", user mode's half of a pair of roots" :
	     process->user_root ? ", the kernel's half of a pair of roots" : "");
}

/*
 * That of what ran on a CPU when Linux dumped itself, which saves no CR3. Return: whether
 * it is known.
 */
static bool root_of_running(struct source *source)
{
	const struct vmem_linux_list *list;
	const struct vmem_linux *about;
	__u32 pid;

	if (source->vcpu == UINT32_MAX ||
	    vmem_dump_running(source->guest, source->vcpu, &pid))
		return false;
	about = linux_about(source);
	if (!about)
		fail("%s: tells of CPU %u only what ran on it, %u, and %s; say --root",
		     source->memories[0].path, source->vcpu, pid, linux_why(source));
	list = linux_list(source);
	if (process_find(list, pid)) {
		note("process %u ran on CPU %u", pid, source->vcpu);
		source->pid = pid;
		root_of_process(source);
		return true;
	}
	if (list && pid && list->why[0])
		note("%s", list->why);
	if (pid && !list)
		note("thread %u ran on CPU %u, and processes aren't known: %s", pid, source->vcpu,
		     linux_why(source));
	else if (pid)
		note("thread %u ran on CPU %u, and isn't known as a process with a space of its own",
		     pid, source->vcpu);
	else
		note("CPU %u was idle", source->vcpu);
	root_of_kernel(source, about);
	return true;
}

static void no_root(struct source *source)
{
	const char *path = source->memories[0].path;

	if (source->vcpu != UINT32_MAX)
		fail("%s: tells of no such vCPU; say --root", path);
	if (source->dump)
		fail("%s: tells of no vCPU with paging, and %s; say --root", path,
		     linux_why(source));
	note("no --root: the address of the root table, which is what CR3 holds. It is told by");
	more("QEMU's monitor      info registers");
	more("gdb on QEMU's stub  print $cr3");
	more("a VMM with KVM      KVM_GET_SREGS, cr3");
	more("a Linux guest       the symbol init_top_pgt, as a physical address");
	more("its memory, if Linux runs in it with VMCOREINFO, but %s", linux_why(source));
	exit(EXIT_USAGE);
}

/* No registers tell. Those that were asked for aren't made up for. */
static void root_of_linux(struct source *source)
{
	const struct vmem_linux *about = NULL;

	if (root_of_running(source))
		return;
	if (source->vcpu == UINT32_MAX)
		about = linux_about(source);
	if (!about && source->rooted)
		no_root(source);
	if (about && source->rooted)
		root_of_kernel(source, about);
	else if (about)
		linux_facts(source, about);
}

/**
 * root_default() - the root and the format, where they aren't said
 * @source:	what is looked at, with its guest and its memory
 *
 * Of roots that were given, the half that was asked for. Failure ends the program.
 */
void root_default(struct source *source)
{
	struct vmem_dump_vcpu vcpu;
	bool registers = vcpu_find(source, &vcpu);
	const char *half;
	size_t i;

	if (registers)
		levels_default(source, vcpu.cr4 & CR4_LA57);
	for (i = 0; i < source->nr_roots && source->kpti; i++)
		source->roots[i] = kpti_half(source, source->roots[i], &half);
	if (source->pid != UINT32_MAX)
		root_of_process(source);
	else if (!source->nr_roots && registers && source->rooted)
		root_of_vcpu(source, &vcpu);
	else if (!source->nr_roots && (source->rooted || source->linux_too))
		root_of_linux(source);
	levels_default(source, false);
}
