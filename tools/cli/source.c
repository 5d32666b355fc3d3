// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What is looked at: the options that say which memory and which spaces, and
 * the guest that they make, in this process or in the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"

enum {
	OPTION_PHYS_BITS = 0x100,
	OPTION_NXE_OFF,
};

static const struct argp_option source_options[] = {
	{ "memory", 'm', "SOURCE", 0,
	  "SOURCE is FILE[@GPA[:OFFSET[+LEN]]]. FILE, raw, from OFFSET on (0), LEN bytes (to its end), is the guest's memory from GPA on (0). May be given again, for memory in several parts",
	  1 },
	{ "root", 'r', "GPA[,GPA...]", 0,
	  "Address of the root table, or the CR3 that holds it", 1 },
	{ "format", 'f', "FORMAT", 0,
	  "x86_64-4level (default) or x86_64-5level", 1 },
	{ "phys-bits", OPTION_PHYS_BITS, "N", 0,
	  "Guest-physical addresses have N bits (52): an entry with a higher one is malformed",
	  1 },
	{ "nxe-off", OPTION_NXE_OFF, NULL, 0,
	  "The vCPU runs with EFER.NXE = 0: an entry with NX is malformed", 1 },
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
	__u64 value;

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
		if (!parse_roots(arg, source))
			argp_error(state, "--root %s is no list of addresses, like 0x1c0a000,0x2f36000",
				   arg);
		return 0;
	case 'f':
		source->format = arg;
		return 0;
	case OPTION_PHYS_BITS:
		if (!parse_u64(arg, &value) || value < 32 || value > 52)
			argp_error(state, "--phys-bits %s is no number from 32 to 52",
				   arg);
		source->phys_bits = value;
		return 0;
	case OPTION_NXE_OFF:
		source->nxe_off = true;
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
	*source = (struct source){ .format = "x86_64-4level" };
}

/* After all options: what is missing. */
void source_check(const struct source *source, struct argp_state *state)
{
	if (!source->nr_memories)
		argp_error(state, "no --memory: a file with the guest's memory, raw. QEMU's monitor writes one:\n"
			   "    pmemsave 0 0x20000000 guest.memory");
	if (source->nr_roots)
		return;
	argp_error(state, "no --root: the address of the root table, which is what CR3 holds. It is told by\n"
		   "    QEMU's monitor      info registers\n"
		   "    gdb on QEMU's stub  print $cr3\n"
		   "    a VMM with KVM      KVM_GET_SREGS, cr3\n"
		   "    a Linux guest       the symbol init_top_pgt, as a physical address");
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

/* Map what there is of a range of a file. What lies beyond its end is outside. */
static void memory_add(struct source *source, const struct memory *memory)
{
	struct vmem_ioc_region_create region = {
		.size	= sizeof(region),
		.flags	= VMEM_IOC_REGION_FROZEN,
		.kind	= VMEM_IOC_REGION_USER,
		.gpa	= memory->gpa,
	};
	__u64 page = (__u64)sysconf(_SC_PAGESIZE);
	off_t size;
	void *host;
	int fd, ret;

	/* a pipe must not be waited for */
	fd = open(memory->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fail("%s: %s%s", memory->path, strerror(errno),
		     errno == ENOENT && strchr(memory->path, '@') ?
		     " (behind @ comes GPA[:OFFSET[+LEN]], in numbers that are decimal or begin with 0x)" :
		     "");
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		fail("%s: %s: it must be a file that can be mapped",
		     memory->path, strerror(errno));
	if (memory->offset >= (__u64)size)
		fail("%s: has %lld bytes, and so none from 0x%llx on",
		     memory->path, (long long)size, memory->offset);

	region.len = (__u64)size - memory->offset;
	if (memory->len && memory->len <= region.len)
		region.len = memory->len;
	else if (memory->len)
		note("%s: ends 0x%llx bytes before the given length does: they are outside",
		     memory->path, memory->len - region.len);
	if (region.len % page)
		note("%s: the last %llu bytes are no whole page: they are outside",
		     memory->path, region.len % page);
	region.len -= region.len % page;
	if (!region.len)
		fail("%s: holds no whole page", memory->path);

	host = mmap(NULL, region.len, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd,
		    (off_t)memory->offset);
	if (host == MAP_FAILED)
		fail("%s: cannot be mapped: %s", memory->path, strerror(errno));
	close(fd);
	region.user_addr = (uintptr_t)host;
	ret = vmem_region_create(source->guest, &region);
	if (ret == -EEXIST)
		fail("%s: its memory at 0x%llx overlaps other memory given",
		     memory->path, region.gpa);
	if (ret == -EOVERFLOW)
		fail("%s: at 0x%llx it lies beyond what any guest can have",
		     memory->path, region.gpa);
	if (ret)
		fail("%s: cannot be made memory of the guest: %s",
		     memory->path, strerror(-ret));
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
		}
	if (!id) {
		note("--format %s: there is no such format, but", source->format);
		for (i = 0; i < source->info.nr_formats; i++)
			fprintf(stderr, "    %s\n", formats[i].name);
		exit(EXIT_USAGE);
	}
	free(formats);
	return id;
}

/* A root may be a CR3: only the address in it counts. */
static __u64 source_root(const struct source *source, __u64 cr3)
{
	unsigned int bits = source->phys_bits ? source->phys_bits : 52;
	__u64 root = cr3 & ((1ULL << bits) - 1) & ~4095ULL;

	if (root == cr3)
		return root;
	if (cr3 & 4095 && root >> 12 == cr3 >> 12)
		note("--root 0x%llx: taken for a CR3, the root is 0x%llx (left out: bits 11:0, PCID or flags)",
		     cr3, root);
	else
		note("--root 0x%llx: taken for a CR3, the root is 0x%llx (left out: bits 11:0, PCID or flags, and bits 63:%u)",
		     cr3, root, bits);
	return root;
}

/* The device can't be opened, but must. */
void no_module(const char *device, int ret)
{
	fail("%s: %s%s", device, strerror(-ret),
	     ret == -ENOENT ? ": is the module inserted?" : "");
}

void source_open(struct source *source)
{
	struct sigaction sigbus = { .sa_handler = source_sigbus };
	struct vmem_ioc_space_create space;
	__u32 format;
	size_t i;
	int ret;

	if (source->kernel) {
		const char *device = source->device ? source->device :
						      "/dev/vmem";

		ret = vmem_open(device, &source->guest);
		if (ret)
			no_module(device, ret);
	} else {
		ret = vmem_open_local(&source->guest);
		if (ret)
			fail("%s", strerror(-ret));
		sigaction(SIGBUS, &sigbus, NULL);
	}
	format = source_format(source);
	for (i = 0; i < source->nr_memories; i++)
		memory_add(source, &source->memories[i]);

	source->spaces = allocate(NULL, source->nr_roots,
				  sizeof(*source->spaces));
	for (i = 0; i < source->nr_roots; i++) {
		source->roots[i] = source_root(source, source->roots[i]);
		space = (struct vmem_ioc_space_create){
			.size		= sizeof(space),
			.flags		= source->nxe_off ?
					  VMEM_IOC_SPACE_NXE_OFF : 0,
			.format		= format,
			.root		= source->roots[i],
			.phys_bits	= source->phys_bits,
		};
		ret = vmem_space_create(source->guest, &space);
		if (ret == -ENXIO)
			fail("--root 0x%llx: lies in no memory given",
			     source->roots[i]);
		if (ret)
			fail("--root 0x%llx: %s", source->roots[i],
			     strerror(-ret));
		source->spaces[i] = space.out_id;
	}
}
