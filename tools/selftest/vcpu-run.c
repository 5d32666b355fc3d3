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

/* With @absent in nothing that it prints, unless that is NULL. */
static void expect_without(const struct use *use, const char *absent)
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
	if (status == use->status && strstr(printed, use->printed) &&
	    !(absent && strstr(printed, absent)))
		return;
	ktap_fail(__FILE__, __LINE__,
		  "%s %s ...: status %d, not %d; or not \"%s\", or \"%s\"",
		  use->words[0], use->words[1] ? use->words[1] : "", status,
		  use->status, use->printed, absent ? absent : "");
	ktap_msg("%.400s", printed);
}

static void expect_use(const struct use *use)
{
	expect_without(use, NULL);
}

static const struct use uses[] = {
	{ { "hello" }, 0, "hello through 4 levels\n" },
	{ { "--owned", "hello" }, 0, "hello through 4 levels\n" },
	{ { "--memory=4M", "hello" }, 0, "hello through 4 levels\n" },
	{ { "--memory=2G", "hello" }, 0, "hello through 4 levels\n" },
	{ { "--ring=3", "hello" }, 0, "hello through 4 levels\n" },
	{ { "--ring=0", "hello" }, 0, "hello through 4 levels\n" },
	{ { "-v", "hello" }, 0, "0x401000: 0x1000 bytes r-xu\n" },
	{ { "-v", "--ring=0", "hello" }, 0, "0x401000: 0x1000 bytes r-x-\n" },
	{ { "--dump", "hello" }, 0, "\n00007fffffe10000-00007fffffe1ffff  000000010000  4K  rw-u\n"
	  "ffffffffffe00000-ffffffffffe00fff  000000001000  4K  r-x-\n"
	  "ffffffffffe01000-ffffffffffe01fff  000000002000  4K  rw--\n" },
	{ { "--translate=0xffffffffffe01234", "--translate", "0x8000", "hello" }, 0,
	  "0xffffffffffe01234: vmem 0x2234, KVM 0x2234\n0x8000: vmem not present, level 1, KVM none\n" },
	{ { "--translate=0x7fffffe10008", "hello" }, 0,
	  "0x7fffffe10008: vmem 0x10008, KVM 0x10008\n" },
	{ { "--translate=0x800000000000", "hello" }, 0, "non-canonical, level " },
	{ { "readonly" }, 126, "fault: vector 14 #PF error 0x7 address 0x40" },
	{ { "text" }, 126, "fault: vector 14 #PF error 0x7 address 0x401" },
	{ { "noexec" }, 126, "fault: vector 14 #PF error 0x15 address 0x40" },
	{ { "hole" }, 126, "fault: vector 14 #PF error 0x4 address 0x123456789008 rip 0x401" },
	{ { "hole" }, 126, " rsp 0x7fffffe1fff8 ring 3\n" },
	{ { "supervisor" }, 126, "fault: vector 14 #PF error 0x5 address 0xffffffffffe00000 rip 0x401" },
	{ { "port" }, 126, "fault: vector 13 #GP error 0x0 rip 0x401" },
	{ { "forge" }, 126, "fault: vector 13 #GP error 0x0 rip 0x401" },
	{ { "spaces" }, 126, "fault: vector 13 #GP error 0x0 rip 0x401" },
	{ { "--ring=0", "readonly" }, 126, "fault: vector 14 #PF error 0x3 address 0x40" },
	{ { "--ring=0", "text" }, 126, "fault: vector 14 #PF error 0x3 address 0x401" },
	{ { "--ring=0", "noexec" }, 126, "fault: vector 14 #PF error 0x11 address 0x40" },
	{ { "--ring=0", "hole" }, 126, "error 0x0 address 0x123456789008 rip 0x401" },
	{ { "--ring=0", "hole" }, 126, " rsp 0x7fffffe1fff8 ring 0\n" },
	{ { "--ring=0", "supervisor" }, 0, "" },
	{ { "--ring=0", "port" }, 0, "" },
	{ { "write" }, 77, "across two pages\nto the end\n" },
	{ { "--owned", "write" }, 77, "across two pages\nto the end\n" },
	{ { "--pages=2m", "--spaces=2", "write" }, 77, "across two pages\nto the end\n" },
	{ { "--pages=4k", "hello" }, 0, "hello through 4 levels\n" },
	{ { "--pages=2M", "--dump", "large" }, 0, "\n0000000000600000-00000000009fffff  " },
	{ { "--pages=2m", "--dump", "large" }, 0, "  2M  rw-u\n0000000000a00000-0000000000a" },
	{ { "--dump", "large" }, 0, "  2M  rw-u\n0000000000a00000-0000000000a" },
	{ { "--dump", "--ring=0", "large" }, 0, "  2M  rw--\n0000000000a00000-0000000000a" },
	{ { "--ring=0", "--window", "--dump", "hello" }, 0,
	  "\nffff800000000000-ffff800000ffffff  000000000000  2M  rw--\n" },
	{ { "--ring=0", "--window", "--dump", "--pages=4k", "hello" }, 0,
	  "\nffff800000000000-ffff800000ffffff  000000000000  4K  rw--\n" },
	/* of large pages, what is written to is copied, what is protected is split */
	{ { "--cow", "-v", "large" }, 0, "32 pages copied, 32 flushes\n" },
	{ { "--cow", "-v", "--pages=4k", "large" }, 0, "32 pages copied, 32 flushes\n" },
	{ { "--cow", "-v", "--spaces=2", "--ring=0", "large" }, 0, "32 pages copied" },
	{ { "--protect=0x700000-0x700fff=r", "--dump", "large" }, 0,
	  "\n0000000000700000-0000000000700fff  " },
	{ { "--protect=0x700000-0x700fff=r", "--dump", "--spaces=2", "large" }, 0,
	  "  4K  r--u\n0000000000701000-00000000007fffff  " },
	{ { "-v", "cow" }, 0, "read back\nvmem-run: 0 pages copied, 0 flushes\n" },
	{ { "-v", "--cow", "cow" }, 0, "read back\nvmem-run: 4 pages copied, 4 flushes\n" },
	{ { "-v", "--cow", "--owned", "cow" }, 0, "4 pages copied, 4 flushes\n" },
	{ { "-v", "--cow", "--spaces=3", "cow" }, 0, "4 pages copied, 4 flushes\n" },
	{ { "-v", "--cow", "--ring=0", "cow" }, 0, "4 pages copied, 4 flushes\n" },
	{ { "--cow", "readonly" }, 126, "error 0x7" },
	{ { "protect" }, 0, "written twice\n" },
	{ { "--ring=0", "protect" }, 0, "written twice\n" },
	{ { "--ring=0", "--spaces=4", "spaces" }, 0, "each space has its own\n" },
	{ { "--ring=0", "--spaces=4", "--owned", "spaces" }, 0, "each space has its own\n" },
	{ { "--ring=0", "--window", "ad" }, 0, "accessed and dirty bits come and go\n" },
	{ { "--ring=0", "ad" }, 1, "" },
	{ { "--ring=0", "--window", "--dump", "self" }, 0,
	  "\n0000500000000000-0000500000000fff  " },
	/* what can't be */
	{ { "/" }, 125, "vmem-run: /: " },
	{ { "/dev/null" }, 125, "vmem-run: /dev/null: " },
	{ { "nowhere" }, 125, "No such file or directory" },
	{ { NULL }, 125, "no program" },
	{ { "hello", "hello" }, 125, "one argument too many" },
	{ { "--guest-memfd", "--owned", "hello" }, 125, "either vmem's own or a guest_memfd" },
	{ { "--levels=3", "hello" }, 125, "4 or 5 levels" },
	{ { "--pages=8k", "hello" }, 125, "8k is none of the sizes 4k, 2m, 1g" },
	{ { "--ring=1", "hello" }, 125, "programs run in ring 0 or 3" },
	{ { "--window", "hello" }, 125, "a window is for programs of supervisor mode: --ring=0" },
	{ { "--memory=1G", "huge" }, 125, "guest memory: Cannot allocate memory" },
	{ { "--memory=2G", "--pages=4k", "huge" }, 125, "MAP: No space left on device" },
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

/* Of users are all pages but the VMM's own, or none; and none is larger than allowed. */
static void without(const char *levels)
{
	const struct use user = { { "--dump", levels, "hello" }, 0, "u\n0" };
	const struct use ring_0 = { { "--dump", levels, "--ring=0", "hello" }, 0, "-\n0" };
	const struct use small = {
		{ "--dump", levels, "--pages=4k", "large" }, 0, "small ones\n",
	};

	expect_without(&user, "-\n0");
	expect_without(&ring_0, "u\n");
	expect_without(&small, "  2M  ");
}

/* The segment of a program that it can write to. */
static struct segment writable(const char *name)
{
	struct program program;
	struct segment segment;
	size_t i;

	ASSERT(!program_open(&program, program_path(name)));
	for (i = 0; !(program.segments[i].attrs & W); i++)
		ASSERT(i + 1 < program.nr);
	segment = program.segments[i];
	program_close(&program);
	return segment;
}

/* The page that the program writes to, made read-only before it does again. */
static void protect(const char *levels, const char *ring)
{
	const struct segment segment = writable("protect");
	char option[80], fault[80];
	struct use use = {
		{ option, "--spaces=2", levels, ring, "protect" }, 126, fault,
	};

	snprintf(option, sizeof(option), "--protect=0x%llx-0x%llx=r", segment.va,
		 segment.va + segment.len - 1);
	snprintf(fault, sizeof(fault), "#PF error %s address 0x%llx ",
		 strcmp(ring, "--ring=0") ? "0x7" : "0x3", segment.va);
	expect_use(&use);
	option[strlen(option) - 1] = 'w';
	use.status = 125;
	strcpy(fault, "PROTECT: Operation not supported");
	expect_use(&use);
}

/* What is written by one system call lies in two pages, not one behind the other. */
static void write_apart(const char *levels)
{
	const __u64 va = writable("write").va;
	char first[80], second[80];
	struct use use = { { "--cow", "--dump", levels, "write" }, 77, first };

	snprintf(first, sizeof(first), "\n%016llx-%016llx  ", va, va + PAGE - 1);
	expect_use(&use);
	snprintf(second, sizeof(second), "\n%016llx-%016llx  ", va + PAGE,
		 va + 2 * PAGE - 1);
	use.printed = second;
	expect_use(&use);
	use.printed = "across two pages\nto the end\n";
	expect_use(&use);
}

/* Where KVM has no pages of 1 GiB, those of 2 MiB do. */
static void huge(const char *levels)
{
	struct use use = { { "--memory=2G", "--dump", levels, "huge" }, 0, "a GiB\n" };
	struct machine m;
	bool has;

	ASSERT_OK(machine_open(&m));
	has = m.has_1g;
	machine_close(&m);
	/* so that it doesn't vanish unseen */
	ASSERT(has || !nested());
	expect_use(&use);
	use.printed = "\n0000000040000000-000000007fffffff  ";
	expect_use(&use);
	use.printed = has ? "  1G  rw-u\n" : "  2M  rw-u\n";
	expect_without(&use, has ? "  2M  " : "  1G  ");
	use.words[3] = "--pages=2m";
	use.words[4] = "huge";
	use.printed = "  2M  rw-u\n";
	expect_without(&use, "  1G  ");
}

void vmem_run(void)
{
	static const struct use five = {
		{ "--levels=5", "hello" }, 125,
		"5 levels of tables: CPU or KVM has no LA57: Operation not supported",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uses); i++)
		expect_use(&uses[i]);
	if (!five_levels())
		expect_use(&five);
	protect("--levels=4", "--ring=3");
	protect("--levels=4", "--ring=0");
	without("--levels=4");
	write_apart("--levels=4");
	huge("--levels=4");
}

void vmem_run_5level(void)
{
	static const struct use five[] = {
		{ { "--levels=5", "hello" }, 0, "hello through 5 levels\n" },
		{ { "--levels=5", "--ring=0", "hello" }, 0, "hello through 5 levels\n" },
		{ { "--levels=5", "hole" }, 126, "error 0x4 address 0x123456789008" },
		{ { "--levels=5", "--ring=0", "hole" }, 126, "error 0x0 address 0x123456789008" },
		{ { "--levels=5", "supervisor" }, 126, "error 0x5 address 0xffffffffffe00000" },
		{ { "--levels=5", "text" }, 126, "#PF error 0x7 address 0x401" },
		{ { "--levels=5", "write" }, 77, "across two pages\nto the end\n" },
		{ { "--levels=5", "--spaces=3", "--cow", "-v", "cow" }, 0, "4 pages copied" },
		{ { "--levels=5", "--owned", "--cow", "-v", "cow" }, 0, "4 pages copied" },
		{ { "--levels=5", "--cow", "-v", "large" }, 0, "32 pages copied" },
		{ { "--levels=5", "--dump", "large" }, 0, "  2M  rw-u\n0000000000a00000-" },
		{ { "--levels=5", "--ring=0", "--spaces=4", "spaces" }, 0, "its own\n" },
		{ { "--levels=5", "--ring=0", "--window", "ad" }, 0, "come and go\n" },
		{ { "--levels=5", "--ring=0", "--window", "--dump", "self" }, 0,
		  "\n0000500000000000-0000500000000fff  " },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(five); i++)
		expect_use(&five[i]);
	protect("--levels=5", "--ring=3");
	protect("--levels=5", "--ring=0");
	without("--levels=5");
	write_apart("--levels=5");
	huge("--levels=5");
}

/* Where KVM has none, it says so. */
void guest_memfd_run(void)
{
	static const struct use has[] = {
		{ { "--guest-memfd", "hello" }, 0, "hello through 4 levels\n" },
		{ { "--guest-memfd", "--memory=2G", "hello" }, 0, "hello through 4 levels\n" },
		{ { "--guest-memfd", "-v", "--cow", "cow" }, 0, "4 pages copied, 4 flushes\n" },
		{ { "--guest-memfd", "--ring=0", "--spaces=4", "spaces" }, 0,
		  "each space has its own\n" },
		{ { "--guest-memfd", "--ring=0", "--window", "ad" }, 0, "come and go\n" },
		{ { "--guest-memfd", "--cow", "write" }, 77, "across two pages\nto the end\n" },
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
