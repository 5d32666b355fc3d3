// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What is looked at: the options that say which memory, which spaces and which
 * vCPU, and the guest that they make, in this process or in the kernel.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum {
	OPTION_PHYS_BITS = 0x100,
	OPTION_NXE_OFF,
	OPTION_CPU,
	OPTION_COW,
	OPTION_VCPU,
	OPTION_PID,
	OPTION_KPTI,
};

static const struct argp_option source_options[] = {
	{ "memory", 'm', "SOURCE", 0,
	  "SOURCE is FILE[@GPA[:OFFSET[+LEN]]]. FILE, raw, from OFFSET on (0), LEN bytes (to its end), is the guest's memory from GPA on (0). May be given again, for memory in several parts. Where an OFFSET is given, even 0, any file is taken as bytes",
	  1 },
	{ "root", 'r', "GPA[,GPA...]", 0,
	  "Address of the root table, or the CR3 that holds it", 1 },
	{ "format", 'f', "FORMAT", 0,
	  "x86_64-4level (default, but for a dump or a Linux that says else) or x86_64-5level",
	  1 },
	{ "vcpu", OPTION_VCPU, "N", 0,
	  "Of a dump: take --root and --format from the registers of this vCPU (the first one with paging on)",
	  1 },
	{ "pid", OPTION_PID, "N", 0,
	  "Take --root and --format from the process N of a Linux that tells of its processes (`vmem roots' lists them)",
	  1 },
	{ "kpti", OPTION_KPTI, "kernel|user", 0,
	  "Which root of a pair, where Linux has one for the kernel and one for user mode (kernel, but of a --root that which was given)",
	  1 },
	{ "cpu", OPTION_CPU, "FACT[,FACT...]", 0,
	  "What the vCPU is: amd or intel; no-1g, no-nx: it has no pages of 1 GiB, EFER.NXE = 0; phys=N: its guest-physical addresses have N bits (52); c-bit=N, shared-bit=N: bit N of an entry says encrypted (SEV), shared (TDX); cet: CR4.CET; lam48, lam57, lam-sup, uai: addresses may have tags",
	  1 },
	{ "cow", OPTION_COW, "N", 0,
	  "Software bits 11:9 of N (1 to 7) say copy on write (none do)", 1 },
	{ "phys-bits", OPTION_PHYS_BITS, "N", 0, "As --cpu phys=N", 1 },
	{ "nxe-off", OPTION_NXE_OFF, NULL, 0, "As --cpu no-nx", 1 },
	{ "kernel", 'k', "DEVICE", OPTION_ARG_OPTIONAL,
	  "Let the module do it, through DEVICE (/dev/vmem), not this process",
	  1 },
	{ 0 }
};

static error_t source_parse(int key, char *arg, struct argp_state *state)
{
	struct source *source = state->input;
	struct memory memory;
	const char *why;
	__u64 number;

	switch (key) {
	case 'm':
		if (!parse_memory(arg, &memory, &why))
			argp_error(state, "--memory %s %s", arg, why);
		source->memories = allocate(source->memories,
					    source->nr_memories + 1,
					    sizeof(memory));
		source->memories[source->nr_memories++] = memory;
		return 0;
	case 'r':
		if (!parse_roots(arg, source, &why))
			argp_error(state, "--root %s %s", arg, why);
		return 0;
	case 'f':
		source->format = arg;
		return 0;
	case OPTION_CPU:
		if (!cpu_parse(&source->cpu, arg, &why))
			argp_error(state, "--cpu %s: %s", arg, why);
		return 0;
	case OPTION_COW:
		if (!cpu_parse_cow(&source->cpu, arg))
			argp_error(state, "--cow %s is no number from 1 to 7",
				   arg);
		return 0;
	case OPTION_PHYS_BITS:
		if (!cpu_parse_phys_bits(&source->cpu, arg, &why))
			argp_error(state, "--phys-bits %s %s", arg, why);
		return 0;
	case OPTION_NXE_OFF:
		source->cpu.flags |= VMEM_IOC_SPACE_NXE_OFF;
		return 0;
	case OPTION_VCPU:
		if (!parse_count(arg, &number) || number > UINT32_MAX)
			argp_error(state, "--vcpu %s is no number of a vCPU", arg);
		source->vcpu = (__u32)number;
		return 0;
	case OPTION_PID:
		if (!parse_count(arg, &number) || number >= UINT32_MAX)
			argp_error(state, "--pid %s is no number of a process", arg);
		source->pid = (__u32)number;
		return 0;
	case OPTION_KPTI:
		if (strcmp(arg, "kernel") && strcmp(arg, "user"))
			argp_error(state, "--kpti %s is neither kernel nor user", arg);
		source->kpti = arg;
		return 0;
	case 'k':
		source->kernel = true;
		source->device = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp source_argp = { source_options, source_parse, NULL, NULL,
				  NULL, NULL, NULL };

void source_init(struct source *source)
{
	*source = (struct source){ .vcpu = UINT32_MAX, .pid = UINT32_MAX };
}

/* After all options: is there memory? */
void source_check_memory(const struct source *source, struct argp_state *state)
{
	if (!source->nr_memories)
		argp_error(state, "no --memory: a file with the guest's memory, raw. QEMU's monitor writes one:\n"
			   "    pmemsave 0 0x20000000 guest.memory");
}

/* And which root: one way to say it, or none, then it is found where that can be. */
void source_check(struct source *source, struct argp_state *state)
{
	source_check_memory(source, state);
	source->rooted = true;
	if (source->pid != UINT32_MAX && source->nr_roots)
		argp_error(state, "--pid and --root: both say which root");
	if (source->pid != UINT32_MAX && source->vcpu != UINT32_MAX)
		argp_error(state, "--pid and --vcpu: both say which root");
	if (source->vcpu != UINT32_MAX && source->nr_roots)
		argp_error(state, "--vcpu and --root: both say which root");
}

/* What looks for roots is told none. */
void source_check_all(struct source *source, struct argp_state *state, const char *what)
{
	source_check_memory(source, state);
	source->linux_too = true;
	if (source->nr_roots || source->pid != UINT32_MAX || source->vcpu != UINT32_MAX ||
	    source->kpti)
		argp_error(state, "%s: without --root, --pid, --vcpu and --kpti", what);
}

/* A file was cut short while it was read: say so, and end. */
static void source_sigbus(int signal)
{
	static const char text[] =
		"vmem: a file of --memory became shorter, or could not be read, while it was in use\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)signal;
	(void)ignored;
	_exit(EXIT_FAILED);
}

/* All formats that a back end knows. The caller frees them. */
void source_formats(struct vmem_guest *guest, struct vmem_ioc_info *info,
		    struct vmem_ioc_format **formats)
{
	int ret;

	*formats = allocate(NULL, 64, sizeof(**formats));
	*info = (struct vmem_ioc_info){
		.size		= sizeof(*info),
		.formats	= (uintptr_t)*formats,
		.nr_formats	= 64,
	};
	ret = vmem_guest_info(guest, info);
	if (ret)
		fail("cannot ask what the module is: %s", strerror(-ret));
	if (info->out_nr_formats < info->nr_formats)
		info->nr_formats = info->out_nr_formats;
}

/* The number of a format by its name. */
static __u32 source_format(struct source *source)
{
	struct vmem_ioc_format *formats;
	__u32 i, id = 0;

	source_formats(source->guest, &source->info, &formats);
	for (i = 0; i < source->info.nr_formats; i++)
		if (!strcmp(formats[i].name, source->format)) {
			id = formats[i].id;
			source->levels = formats[i].levels;
			source->page_sizes = formats[i].map_page_sizes;
		}
	if (!id) {
		note("--format %s: there is no such format, but", source->format);
		for (i = 0; i < source->info.nr_formats; i++)
			more("%s", formats[i].name);
		exit(EXIT_USAGE);
	}
	free(formats);
	source->format_id = id;
	return id;
}

/* The device can't be opened, but must. */
void no_module(const char *device, int ret)
{
	fail("%s: %s%s", device, strerror(-ret),
	     ret == -ENOENT ? ": is the module inserted?" : "");
}

/* The facts of the vCPU must be known to what does the work. */
static void source_facts(struct source *source)
{
	const struct cpu *cpu = &source->cpu;

	if (source->info.out_features & VMEM_IOC_FEATURE_FACTS) {
		/* what software bits mean is told by nobody but the user */
		if (!cpu->cow)
			source->cpu.flags |= VMEM_IOC_SPACE_COW_NONE;
		return;
	}
	if (cpu->enc_bit || cpu->flags & ~(__u32)VMEM_IOC_SPACE_NXE_OFF)
		fail("--cpu: the module is of version %.*s and knows no-nx and phys=N only",
		     (int)sizeof(source->info.out_release),
		     source->info.out_release);
}

/* A space for reading. Return: 0, or an error of vmem_space_create(). */
int source_space(const struct source *source, __u32 format, __u64 root,
		 __u32 *id)
{
	struct vmem_ioc_space_create space = {
		.size		= sizeof(space),
		.flags		= source->cpu.flags,
		.format		= format,
		.root		= root,
		.phys_bits	= source->cpu.phys_bits,
		.cow		= source->cpu.cow,
		.enc_bit	= source->cpu.enc_bit,
	};
	int ret = vmem_space_create(source->guest, &space);

	*id = space.out_id;
	return ret;
}

static void source_spaces(struct source *source, __u32 format)
{
	size_t i;
	int ret;

	source->spaces = allocate(NULL, source->nr_roots,
				  sizeof(*source->spaces));
	for (i = 0; i < source->nr_roots; i++) {
		__u64 root = cpu_root(&source->cpu, source->roots[i]);

		source->roots[i] = root;
		ret = source_space(source, format, root, &source->spaces[i]);
		if (ret == -ENXIO) {
			note("--root 0x%llx: lies in no memory given", root);
			hint_outside(source, root);
			exit(EXIT_FAILED);
		}
		if (ret == -EINVAL)
			fail("--root 0x%llx: no vCPU has all that --cpu and --format say",
			     root);
		if (ret)
			fail("--root 0x%llx: %s", root, strerror(-ret));
	}
}

static int say_progress(void *path, const char *what, __u64 done, __u64 all)
{
	if (all)
		note("%s: %s: %llu of %llu MiB", (const char *)path, what, done >> 20, all >> 20);
	else
		note("%s: %s, 0x%llx bytes", (const char *)path, what, done);
	return 0;
}

/* What is wrong with a dump. Each text is said once. */
static void source_trouble(struct source *source)
{
	const char *trouble = source->dump ? vmem_dump_trouble(source->guest) : NULL;

	if (!trouble || !strcmp(trouble, source->trouble))
		return;
	snprintf(source->trouble, sizeof(source->trouble), "%s", trouble);
	note("%s: %s", source->memories[0].path, trouble);
}

static void catch_sigbus(void)
{
	struct sigaction sigbus = { .sa_handler = source_sigbus };

	sigaction(SIGBUS, &sigbus, NULL);
}

/* A file that is a dump is the whole guest. */
void source_open_dump(struct source *source)
{
	const char *path = source->memories[0].path;
	struct vmem_dump_how how = {
		.size = sizeof(how), .progress = say_progress, .ctx = (void *)path,
	};
	char why[VMEM_DUMP_WHY_LEN];
	int ret;

	catch_sigbus();
	if (source->kernel)
		fail("%s: is a dump, and the module reads none: without --kernel", path);
	ret = vmem_open_dump(path, &how, &source->guest, why);
	if (ret == -EINVAL)
		fail("%s: %s", path, why);
	if (ret == -ESPIPE)
		fail("%s: is no file that can be mapped", path);
	if (ret)
		fail("%s: %s", path, strerror(-ret));
	source->dump = true;
	source_trouble(source);
}

static void source_open_raw(struct source *source)
{
	const char *device = source->device ? source->device : "/dev/vmem";
	size_t i;
	int ret;

	ret = source->kernel ? vmem_open(device, &source->guest) :
			       vmem_open_local(&source->guest);
	if (ret && source->kernel)
		no_module(device, ret);
	if (ret)
		fail("%s", strerror(-ret));
	for (i = 0; i < source->nr_memories; i++)
		memory_add(source->guest, &source->memories[i]);
}

void source_open(struct source *source)
{
	__u32 format;

	catch_sigbus();
	if (memory_dump(source))
		source_open_dump(source);
	else
		source_open_raw(source);
	root_default(source);
	format = source_format(source);
	source_facts(source);
	if (source->all)
		roots_all(source);
	source_spaces(source, format);
}

/* At the end: what was met meanwhile. */
void source_close(struct source *source)
{
	source_trouble(source);
	vmem_close(source->guest);
}
