// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmem-run as it is used: options, output, exit status. It is the one that
 * VMEM_RUN names, its programs lie where PROGRAMS says; else as in a VM.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vmm/program.h"
#include "ktap.h"
#include "vcpu-probe.h"

#define NR_WORDS	6

const char *program_path(const char *name)
{
	const char *dir = getenv("PROGRAMS");
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s.elf", dir ? dir : "/programs", name);
	return path;
}

/**
 * struct use - how it is called, and what must come of it
 * @words:	options; a name without - or / before it is a program's
 * @status:	it ends with
 * @printed:	is part of what it prints
 */
struct use {
	const char *words[NR_WORDS];
	int status;
	const char *printed;
};

/* Run it; what it prints to both ends, cut at @len. Return: its status. */
static int run(char **argv, char *printed, size_t len)
{
	const char *program = getenv("VMEM_RUN");
	int pipes[2], status;
	size_t at = 0;
	ssize_t got;
	pid_t pid;

	ASSERT(!pipe(pipes));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		execv(program ? program : "/bin/vmem-run", argv);
		_exit(127);
	}
	close(pipes[1]);
	while (at < len - 1 && (got = read(pipes[0], printed + at, len - 1 - at)) > 0)
		at += got;
	printed[at] = 0;
	close(pipes[0]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_use(const struct use *use)
{
	char *argv[NR_WORDS + 3] = { "vmem-run" }, printed[8192], **next = argv + 1;
	size_t i;
	int status;

	if (local)
		*next++ = "--local";
	for (i = 0; i < NR_WORDS && use->words[i]; i++) {
		const char *word = use->words[i];
		bool name = word[0] >= 'a' && word[0] <= 'z';

		*next++ = (char *)(name ? program_path(word) : word);
	}
	status = run(argv, printed, sizeof(printed));
	if (status == use->status && strstr(printed, use->printed))
		return;
	ktap_fail(__FILE__, __LINE__, "%s %s ...: status %d, not %d; or not \"%s\"",
		  use->words[0], use->words[1] ? use->words[1] : "", status,
		  use->status, use->printed);
	ktap_msg("%.400s", printed);
}

static const struct use uses[] = {
	{ { "hello" }, 0, "hello through 4 levels\n" },
	{ { "--owned", "hello" }, 0, "hello through 4 levels\n" },
	{ { "--memory=4M", "hello" }, 0, "hello through 4 levels\n" },
	{ { "--memory=2G", "hello" }, 0, "hello through 4 levels\n" },
	{ { "-v", "hello" }, 0, "0x401000: 0x1000 bytes r-x\n" },
	{ { "--dump", "hello" }, 0,
	  "\nffffffffffe01000-ffffffffffe01fff  000000002000  rw-\n" },
	{ { "--translate=0xffffffffffe01234", "--translate", "0x8000", "hello" }, 0,
	  "0xffffffffffe01234: vmem 0x2234, KVM 0x2234\n0x8000: vmem not present, level 1, KVM none\n" },
	{ { "--translate=0x800000000000", "hello" }, 0, "non-canonical, level " },
	{ { "readonly" }, 126, "fault: vector 14 #PF error 0x3 address 0x40" },
	{ { "noexec" }, 126, "fault: vector 14 #PF error 0x11 address 0x40" },
	{ { "hole" }, 126, "fault: vector 14 #PF error 0x0 address 0x123456789008 rip 0x401" },
	{ { "-v", "cow" }, 0, "read back\nvmem-run: 0 pages copied, 0 flushes\n" },
	{ { "-v", "--cow", "cow" }, 0, "read back\nvmem-run: 4 pages copied, 4 flushes\n" },
	{ { "-v", "--cow", "--owned", "cow" }, 0, "4 pages copied, 4 flushes\n" },
	{ { "-v", "--cow", "--spaces=3", "cow" }, 0, "4 pages copied, 4 flushes\n" },
	{ { "--cow", "readonly" }, 126, "error 0x3" },
	{ { "protect" }, 0, "written twice\n" },
	{ { "--spaces=4", "spaces" }, 0, "each space has its own\n" },
	{ { "--spaces=4", "--owned", "spaces" }, 0, "each space has its own\n" },
	{ { "--window", "ad" }, 0, "accessed and dirty bits come and go\n" },
	{ { "ad" }, 1, "" },
	{ { "--window", "--dump", "self" }, 0, "\n0000500000000000-0000500000000fff  " },
	/* what can't be */
	{ { "/" }, 125, "vmem-run: /: " },
	{ { "/dev/null" }, 125, "vmem-run: /dev/null: " },
	{ { "nowhere" }, 125, "No such file or directory" },
	{ { NULL }, 125, "no program" },
	{ { "hello", "hello" }, 125, "one argument too many" },
	{ { "--guest-memfd", "--owned", "hello" }, 125, "either vmem's own or a guest_memfd" },
	{ { "--levels=3", "hello" }, 125, "4 or 5 levels" },
	{ { "--spaces=0", "hello" }, 125, "1 to 4 spaces" },
	{ { "--spaces=5", "hello" }, 125, "1 to 4 spaces" },
	{ { "--memory=3M", "hello" }, 125, "less than 4M" },
	{ { "--memory=4097G", "hello" }, 125, "over 2G" },
	{ { "--memory=5000001", "hello" }, 125, "not whole pages" },
	{ { "--memory=lots", "hello" }, 125, "no size" },
	{ { "--translate=there", "hello" }, 125, "is no address" },
	{ { "--translate=404000", "hello" }, 125, "could be decimal" },
	{ { "--protect=0x1-0x2", "hello" }, 125, "START-LAST=PERMS" },
	{ { "--protect=1-2=r", "hello" }, 125, "write 0x before them" },
	{ { "--protect=0x1-0x2=a", "hello" }, 125, "a is none of the letters rwx" },
	{ { "--protect=0x1-0x2=r", "protect" }, 125, "PROTECT: Invalid argument" },
};

/* The page that the program writes to, made read-only before it does again. */
static void protect(const char *levels)
{
	char option[80], fault[80];
	struct program program;
	struct use use = {
		{ option, "--spaces=2", levels, "protect" }, 126, fault,
	};
	size_t i;

	ASSERT(!program_open(&program, program_path("protect")));
	for (i = 0; !(program.segments[i].attrs & W); i++)
		ASSERT(i + 1 < program.nr);
	snprintf(option, sizeof(option), "--protect=0x%llx-0x%llx=r",
		 program.segments[i].va,
		 program.segments[i].va + program.segments[i].len - 1);
	snprintf(fault, sizeof(fault), "#PF error 0x3 address 0x%llx ",
		 program.segments[i].va);
	program_close(&program);
	expect_use(&use);
	option[strlen(option) - 1] = 'w';
	use.status = 125;
	strcpy(fault, "PROTECT: Operation not supported");
	expect_use(&use);
}

void vmem_run(void)
{
	static const struct use five = {
		{ "--levels=5", "hello" }, 125, "a vCPU with 5 levels: Operation not supported",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uses); i++)
		expect_use(&uses[i]);
	if (!five_levels())
		expect_use(&five);
	protect("--levels=4");
}

void vmem_run_5level(void)
{
	static const struct use five[] = {
		{ { "--levels=5", "hello" }, 0, "hello through 5 levels\n" },
		{ { "--levels=5", "hole" }, 126, "error 0x0 address 0x123456789008" },
		{ { "--levels=5", "--owned", "--cow", "-v", "cow" }, 0, "4 pages copied" },
		{ { "--levels=5", "--spaces=4", "spaces" }, 0, "its own\n" },
		{ { "--levels=5", "--window", "ad" }, 0, "come and go\n" },
		{ { "--levels=5", "--window", "--dump", "self" }, 0,
		  "\n0000500000000000-0000500000000fff  " },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(five); i++)
		expect_use(&five[i]);
	protect("--levels=5");
}

/* Where KVM has none, it says so. */
void guest_memfd_run(void)
{
	static const struct use has[] = {
		{ { "--guest-memfd", "hello" }, 0, "hello through 4 levels\n" },
		{ { "--guest-memfd", "--memory=2G", "hello" }, 0, "hello through 4 levels\n" },
		{ { "--guest-memfd", "-v", "--cow", "cow" }, 0, "4 pages copied, 4 flushes\n" },
		{ { "--guest-memfd", "--spaces=4", "spaces" }, 0, "each space has its own\n" },
		{ { "--guest-memfd", "--window", "ad" }, 0, "come and go\n" },
	};
	static const struct use lacks = {
		{ "--guest-memfd", "hello" }, 125,
		"a guest_memfd that can be mapped (Linux 6.18): Operation not supported\n",
	};
	size_t i;

	if (!guest_memfd_here())
		expect_use(&lacks);
	want_guest_memfd();
	for (i = 0; i < ARRAY_SIZE(has); i++)
		expect_use(&has[i]);
}

/* A file cut short and with bytes changed is refused, or is a program. */
void program_corrupted(void)
{
	unsigned int round, i, runs = 0;
	struct program program;
	__u64 seed = 1, len;
	char *file, path[64];
	int fd;

	ASSERT(!program_open(&program, program_path("hello")));
	file = malloc(program.file_len);
	ASSERT(file);
	memcpy(file, program.file, program.file_len);
	len = program.file_len;
	program_close(&program);
	fd = memfd_create("program", 0);
	ASSERT(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (round = 0; round < 4000; round++) {
		ASSERT_EQ(pwrite(fd, file, len, 0), len);
		ASSERT(!ftruncate(fd, round % 4 ? len : chance(&seed) % 600));
		/* the headers are what is read */
		for (i = 0; i < 1 + round % 3; i++) {
			unsigned char byte = chance(&seed) >> 24;

			ASSERT_EQ(pwrite(fd, &byte, 1, chance(&seed) % 300), 1);
		}
		if (program_open(&program, path))
			continue;
		for (i = 0; i < program.nr; i++) {
			const struct segment *segment = &program.segments[i];

			EXPECT(segment->offset + segment->data_len <= segment->len);
			EXPECT((const char *)segment->data + segment->data_len <=
			       (const char *)program.file + program.file_len);
		}
		runs++;
		program_close(&program);
	}
	ktap_msg("%u of %u are programs", runs, round);
	EXPECT(runs && runs < round);
	close(fd);
	free(file);
}
