// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem demo: a small guest made on the spot, walked and explained; with --hold
 * by the module, whose files in debugfs then show it.
 */
#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"

#define DEMO_SIZE	(8UL << 20)
#define DEMO_PAGE	4096

/* Where the guest's tables lie. */
#define SHELL_ROOT	0x1000	/* two spaces, as a kernel has for two tasks */
#define EDITOR_ROOT	0x2000
#define KERNEL_2	0x3000	/* the kernel's half, for both: levels 2, 1, 0 */
#define KERNEL_1	0x4000
#define KERNEL_0	0x5000
#define SHELL_2		0x6000
#define SHELL_1		0x7000
#define SHELL_0		0x8000
#define EDITOR_2	0x9000
#define EDITOR_1	0xa000
#define EDITOR_0	0xb000

/* And its pages. */
#define TEXT		0x10000	/* of the shell and of the editor */
#define SHELL_DATA	0x20000
#define EDITOR_DATA	0x30000
#define KERNEL_DATA	0x40000
#define KERNEL_PATCH	0x48000
#define KERNEL_TEXT	0x200000

/* x86-64, as the processor has it. */
#define P	0x001ULL
#define W	0x002ULL
#define U	0x004ULL
#define A	0x020ULL
#define D	0x040ULL
#define LARGE	0x080ULL
#define G	0x100ULL
#define NX	(1ULL << 63)

#define TABLE	(P | W | A)

struct demo_options {
	const char *save;
	const char *hold;	/* the module's device */
};

static const struct argp_option demo_options[] = {
	{ "save", 's', "FILE", 0, "Write the guest's memory to FILE", 0 },
	{ "hold", 'H', "DEVICE", OPTION_ARG_OPTIONAL,
	  "Let the module do it, through DEVICE (/dev/vmem), and keep the guest for others to see, until Enter",
	  0 },
	{ 0 }
};

static error_t demo_parse(int key, char *arg, struct argp_state *state)
{
	struct demo_options *options = state->input;

	switch (key) {
	case 's':
		options->save = arg;
		return 0;
	case 'H':
		options->hold = arg ? arg : "/dev/vmem";
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s is one argument too many", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* @nr entries of @table from @slot on, each of the next 4 KiB. */
static void set(char *memory, __u64 table, unsigned int slot, unsigned int nr,
		__u64 entry)
{
	__u64 *entries = (__u64 *)(memory + table);

	for (; nr--; entry += DEMO_PAGE)
		entries[slot++] = htole64(entry);
}

/* What two tasks of a small kernel may have. */
static void demo_guest(char *memory)
{
	/* the shell: text, data, a stack */
	set(memory, SHELL_ROOT, 0, 1, SHELL_2 | TABLE | U);
	set(memory, SHELL_2, 0, 1, SHELL_1 | TABLE | U);
	set(memory, SHELL_1, 2, 1, SHELL_0 | TABLE | U);
	set(memory, SHELL_0, 0, 8, TEXT | P | U | A);
	set(memory, SHELL_0, 8, 4, SHELL_DATA | P | W | U | A | D | NX);
	set(memory, SHELL_0, 510, 2, (SHELL_DATA + 0x8000) | P | W | U | A | D | NX);

	/* the editor: the same text, data of its own, a device */
	set(memory, EDITOR_ROOT, 0, 1, EDITOR_2 | TABLE | U);
	set(memory, EDITOR_2, 0, 1, EDITOR_1 | TABLE | U);
	set(memory, EDITOR_1, 2, 1, EDITOR_0 | TABLE | U);
	set(memory, EDITOR_0, 0, 8, TEXT | P | U | A);
	set(memory, EDITOR_0, 8, 6, EDITOR_DATA | P | W | U | A | D | NX);
	set(memory, EDITOR_0, 256, 1, 0xfec00000 | P | W | U | A | D | NX);

	/* the kernel: one table, in both */
	set(memory, SHELL_ROOT, 511, 1, KERNEL_2 | TABLE);
	set(memory, EDITOR_ROOT, 511, 1, KERNEL_2 | TABLE);
	set(memory, KERNEL_2, 510, 1, KERNEL_1 | TABLE);
	set(memory, KERNEL_1, 8, 1, KERNEL_TEXT | P | LARGE | G | A);
	set(memory, KERNEL_1, 9, 1, KERNEL_0 | TABLE);
	set(memory, KERNEL_0, 0, 8, KERNEL_DATA | P | W | G | A | D | NX);
	set(memory, KERNEL_0, 8, 1, KERNEL_PATCH | P | W | G | A | D);
}

static void demo_save(const char *path, const char *memory)
{
	size_t done = 0;
	ssize_t n;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	for (; done < DEMO_SIZE; done += (size_t)n) {
		n = write(fd, memory + done, DEMO_SIZE - done);
		if (n < 0)
			fail("%s: %s", path, strerror(errno));
	}
	if (close(fd))
		fail("%s: %s", path, strerror(errno));
}

/* The guest, as a walk sees it: memory of this process, without a file. */
static void demo_open(struct source *source, char *memory, const char *device)
{
	static __u64 roots[] = { SHELL_ROOT, EDITOR_ROOT };
	static struct memory memories;
	struct vmem_ioc_region_create region = {
		.size		= sizeof(region),
		.flags		= VMEM_IOC_REGION_FROZEN,
		.kind		= VMEM_IOC_REGION_USER,
		.len		= DEMO_SIZE,
		.user_addr	= (uintptr_t)memory,
	};
	size_t i;
	int ret;

	memories = (struct memory){ .host = memory, .host_len = DEMO_SIZE };
	source_init(source);
	source->roots = roots;
	source->nr_roots = 2;
	source->memories = &memories;
	source->nr_memories = 1;
	source->levels = 4;
	source->spaces = allocate(NULL, 2, sizeof(*source->spaces));
	ret = device ? vmem_open(device, &source->guest) :
		       vmem_open_local(&source->guest);
	if (ret && device)
		no_module(device, ret);
	if (ret)
		fail("%s", strerror(-ret));
	ret = vmem_region_create(source->guest, &region);
	for (i = 0; !ret && i < 2; i++) {
		struct vmem_ioc_space_create space = {
			.size	= sizeof(space),
			.format	= VMEM_IOC_FORMAT_X86_64_4LEVEL,
			.root	= roots[i],
		};

		ret = vmem_space_create(source->guest, &space);
		source->spaces[i] = space.out_id;
	}
	if (ret)
		fail("cannot make the guest: %s", strerror(-ret));
}

/* Where the module shows the guest, and time to look at it. */
static void demo_hold(void)
{
	char pattern[64];
	glob_t files;
	size_t i;
	int c;

	snprintf(pattern, sizeof(pattern), "/sys/kernel/debug/vmem/%d-*/*",
		 getpid());
	/* The pattern itself, where debugfs is not mounted or not ours to see. */
	if (glob(pattern, GLOB_NOCHECK, NULL, &files))
		fail("%s", strerror(ENOMEM));
	puts("\nThe module has this guest, for anyone who may look:");
	for (i = 0; i < files.gl_pathc; i++)
		printf("  cat %s\n", files.gl_pathv[i]);
	globfree(&files);
	puts("It ends with this program: Enter, or ^C.");
	end_output();
	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
}

/* What to type next. */
static void demo_next(const char *save)
{
	const char *name = program_invocation_name;

	puts("\nNext, from a file, for programs:");
	if (!save)
		printf("  %s demo --save demo.memory > /dev/null\n", name);
	printf("  %s walk --memory %s --root 0x1000,0x2000 --json\n", name,
	       save ? save : "demo.memory");
	end_output();
}

int command_demo(int argc, char **argv)
{
	static const struct argp argp = {
		demo_options, demo_parse, "",
		"Make a small guest on the spot, walk its two spaces, and explain what is seen.",
		NULL, NULL, NULL
	};
	struct walk_how how = { .call.last = UINT64_MAX };
	struct demo_options options = { 0 };
	struct source source;
	char *memory;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	memory = mmap(NULL, DEMO_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		fail("%s", strerror(errno));
	demo_guest(memory);
	if (options.save)
		demo_save(options.save, memory);
	demo_open(&source, memory, options.hold);

	puts("A guest with 8M of memory and two tasks, a shell and an editor, each with an\n"
	     "address space. This is all that their page tables map, read from the roots at\n"
	     "0x1000 (the shell) and 0x2000 (the editor):\n");
	ret = walk_show(&source, &how);
	puts("\n"
	     "What there is to see:\n"
	     "- Each line is a run of pages that lie together in both addresses and are alike:\n"
	     "  r w x u g a d c t is read, write, execute, user, global, accessed, dirty, and\n"
	     "  the two cache bits. `may' is what is left of r w x u over the tables of all\n"
	     "  levels, at CR0.WP = 1; protection keys, SMEP and SMAP aside.\n"
	     "- A page of 2M: the kernel's text.\n"
	     "- W+X: a page of the kernel that can be written and then executed. In a guest\n"
	     "  that is to be trusted there should be none.\n"
	     "- outside: the editor maps a device, at an address that is no memory.\n"
	     "- ->: both spaces use one table for the kernel's half. It was walked once, and\n"
	     "  is referred to the second time; --follow would walk it again.");
	if (options.hold)
		demo_hold();
	else
		demo_next(options.save);
	vmem_close(source.guest);
	munmap(memory, DEMO_SIZE);
	return ret;
}
