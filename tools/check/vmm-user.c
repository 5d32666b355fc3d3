// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program of the example VMM is given, on the machine of vmm.c: pages of users
 * and not, of each size, and system calls that are asked for anything.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

/* A program that never was a file: its segments lie apart, the second is large. */
static const char content[3] = "abc";
static const struct program made_up = {
	.nr = 3,
	.segments = {
		{ .va = 0x400000, .len = PAGE, .attrs = R | X, .data = content,
		  .data_len = 1 },
		{ .va = 0x405000, .len = 6 * MIB, .attrs = R | W, .offset = 7,
		  .data = content + 1, .data_len = 1 },
		{ .va = 0x40000000 - PAGE, .len = 2 * PAGE, .attrs = R,
		  .data = content + 2, .data_len = 1 },
	},
};

static int open_program(struct guest *g, const struct guest_options *options, bool cow)
{
	int ret;

	flushes = 0;
	ret = guest_open(g, options);
	if (!ret)
		ret = program_load(&made_up, g, cow);
	if (!ret)
		ret = guest_start(g, 0x400000);
	EXPECT(!ret);
	if (ret) {
		printf("# %s: %s\n", g->call, strerror(-ret));
		guest_close(g);
		return ret;
	}
	cr3_now = g->roots[0];
	return 0;
}

/* The largest page at an address of a mapping, where it can be no larger than @max. */
static unsigned int largest(__u64 va, __u64 start, __u64 len, __u64 max)
{
	__u64 base = va & ~(2 * MIB - 1);

	return max >= 2 * MIB && base >= start && base + 2 * MIB <= start + len ? 21 : 12;
}

static void expect_page(struct guest *g, __u32 space, __u64 va, __u32 attrs,
			unsigned int lg2)
{
	struct vmem_ioc_result result;

	EXPECT(!guest_translate(g, space, va, &result));
	EXPECT(result.status == VMEM_IOC_OK && result.effective == attrs);
	EXPECT((result.leaf & (R | W | X | U)) == attrs);
	EXPECT(result.page_lg2 == lg2);
	/* nor is the way to it a user's, where it isn't */
	EXPECT(attrs & U || !(result.path & 0x88888));
}

/* In each space: what each page grants, and how large it is. */
static void expect_pages(struct guest *g)
{
	__u32 user = g->options.user ? U : 0, space;
	const struct segment *segment;
	size_t i;
	__u64 va;

	for (space = 0; space < g->options.nr_spaces; space++) {
		for (i = 0; i < made_up.nr; i++) {
			segment = &made_up.segments[i];
			for (va = segment->va; va < segment->va + segment->len; va += PAGE)
				expect_page(g, space, va, segment->attrs | user,
					    largest(va, segment->va, segment->len,
						    g->options.page_sizes));
		}
		expect_page(g, space, GUEST_PRIVATE_VA, R | W | user, 12);
		expect_page(g, space, GUEST_INFO_VA, R | user, 12);
		expect_page(g, space, GUEST_STACK_VA, R | W | user, 12);
		expect_page(g, space, GUEST_SYSTEM_VA, R | X, 12);
		expect_page(g, space, GUEST_SYSTEM_VA + PAGE, R | W, 12);
		if (g->options.window)
			expect_page(g, space, GUEST_WINDOW_VA + 2 * MIB, R | W,
				    g->options.page_sizes >= 2 * MIB ? 21 : 12);
	}
}

static void expect_content(struct guest *g)
{
	char byte = 0;
	size_t i;

	for (i = 0; i < made_up.nr; i++) {
		const struct segment *segment = &made_up.segments[i];

		EXPECT(!vmem_space_read(g->vmem, g->spaces[0],
					segment->va + segment->offset, &byte, 1, R, NULL));
		EXPECT(byte == content[i]);
	}
}

static void pages(unsigned int levels)
{
	static const __u64 sizes[] = {
		0, PAGE, PAGE | 2 * MIB, PAGE | 2 * MIB | GIB,
	};
	struct guest g;
	unsigned int n;

	for (n = 0; n < 2 * sizeof(sizes) / sizeof(sizes[0]); n++) {
		const struct guest_options options = {
			.local = true, .user = n % 2, .window = !(n % 2), .nr_spaces = 2,
			.levels = levels, .page_sizes = sizes[n / 2], .memory_len = 16 * MIB,
		};

		if (open_program(&g, &options, false))
			continue;
		expect_pages(&g);
		expect_content(&g);
		guest_close(&g);
	}
}

/* A GiB in 2 of memory, where KVM has such pages, and where it hasn't. */
static void pages_of_1g(void)
{
	const struct guest_options options = {
		.local = true, .user = true, .levels = 4, .nr_spaces = 1,
		.page_sizes = GUEST_PAGE_SIZES, .memory_len = 2 * GIB,
	};
	struct vmem_ioc_mapping mapping = {
		.va = 2 * GIB, .len = GIB, .kind = VMEM_IOC_KIND_BASIC,
		.attrs = R | W | U,
	};
	struct guest g;
	int has;

	for (has = 0; has < 2; has++) {
		has_1g = has;
		if (open_program(&g, &options, false))
			continue;
		EXPECT(!guest_take_for(&g, mapping.va, mapping.len, &mapping.gpa));
		mapping.page_sizes = g.options.page_sizes;
		EXPECT(!guest_map(&g, 0, &mapping, 0));
		expect_page(&g, 0, 2 * GIB + 12345, R | W | U, has ? 30 : 21);
		expect_translates(&g, 0, 3 * GIB - 1, mapping.gpa + GIB - 1);
		guest_close(&g);
	}
	has_1g = true;
}

/* Where a mapping can have the largest pages, and where all that is there is small. */
static void fits(void)
{
	static const struct {
		__u64 va, len, next, end, want;
	} cases[] = {
		/* no large page fits the addresses */
		{ 0x1000, 2 * MIB, 0x5000, 16 * MIB, 0x5000 },
		{ 0x1000, 4 * MIB - 2 * PAGE, 0x5000, 16 * MIB, 0x5000 },
		/* just one does */
		{ 0x1000, 4 * MIB - PAGE, 0x5000, 16 * MIB, 2 * MIB + 0x1000 },
		{ 2 * MIB, 2 * MIB, 0x5000, 16 * MIB, 2 * MIB },
		{ 2 * MIB, 2 * MIB, 2 * MIB, 4 * MIB, 2 * MIB },
		/* but not there */
		{ 2 * MIB, 2 * MIB, 2 * MIB + PAGE, 6 * MIB - PAGE, 2 * MIB + PAGE },
		{ 2 * MIB, 2 * MIB, 2 * MIB + PAGE, 6 * MIB, 4 * MIB },
		/* of 1 GiB, or of 2 MiB where that is too much */
		{ GIB, GIB, PAGE, 2 * GIB, GIB },
		{ GIB, GIB, PAGE, 2 * GIB - PAGE, 2 * MIB },
		{ GIB, GIB, 2 * MIB, GIB + MIB, 2 * MIB },
	};
	const struct guest g = { .options.page_sizes = GUEST_PAGE_SIZES };
	const struct guest small = { .options.page_sizes = PAGE };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EXPECT(guest_fit(&g, cases[i].va, cases[i].len, cases[i].next,
				 cases[i].end) == cases[i].want);
		EXPECT(guest_fit(&small, cases[i].va, cases[i].len, cases[i].next,
				 cases[i].end) == cases[i].next);
	}
}

static const struct guest_options large_pages = {
	.local = true, .user = true, .levels = 4, .nr_spaces = 2,
	.page_sizes = GUEST_PAGE_SIZES, .memory_len = 16 * MIB,
};

static int write_faults(struct guest *g, __u64 va, __u64 error)
{
	struct vcpu_frame frame = { .vector = 14, .error = error, .cr2 = va };
	struct vcpu vcpu = { .frame = &frame };

	return guest_serve(g, &vcpu);
}

/* Of a large Cow page, 4 KiB are copied; the others stay Cow, and frozen. */
static void cow(void)
{
	const __u64 base = 0x600000, va = base + 5 * PAGE;
	struct vmem_ioc_result before, result;
	struct guest g;
	__u64 at;

	if (open_program(&g, &large_pages, true))
		return;
	expect_content(&g);
	EXPECT(!guest_translate(&g, 0, va, &before));
	EXPECT(before.page_lg2 == 21 && before.leaf & VMEM_IOC_ATTR_COW);
	EXPECT(before.effective == (R | U) && before.gpa >= g.frozen.gpa);
	*(char *)guest_host(&g, before.gpa, 1) = 'x';
	EXPECT(!write_faults(&g, va + 8, 7) && g.copied == 1 && flushes);
	for (at = base; at < base + 2 * MIB; at += PAGE) {
		EXPECT(!guest_translate(&g, 1, at, &result) && result.page_lg2 == 12);
		if (at == va) {
			EXPECT(result.effective == (R | W | U));
			EXPECT(result.gpa < g.memory.len);
			EXPECT(*(char *)guest_host(&g, result.gpa, 1) == 'x');
			continue;
		}
		EXPECT(result.effective == (R | U) && result.leaf & VMEM_IOC_ATTR_COW);
		EXPECT(result.gpa == before.gpa + at - va);
	}
	/* its neighbour is as large as it was; what is written again isn't copied */
	expect_page(&g, 0, base + 2 * MIB, R | U, 21);
	EXPECT(!write_faults(&g, va, 7) && g.copied == 1);
	guest_close(&g);
}

/* A user's write is served in a user's page only. */
static void cow_of_supervisor(void)
{
	struct vmem_ioc_mapping mapping = {
		.va = GUEST_WINDOW_VA, .len = PAGE, .kind = VMEM_IOC_KIND_COW, .attrs = R,
	};
	struct guest g;

	if (open_program(&g, &large_pages, true))
		return;
	mapping.gpa = g.frozen.gpa;
	EXPECT(!guest_map(&g, 0, &mapping, 0));
	EXPECT(write_faults(&g, mapping.va, 7) == -EFAULT && !g.copied);
	EXPECT(write_faults(&g, mapping.va, 1) == -EFAULT && !g.copied);
	EXPECT(!write_faults(&g, mapping.va, 3) && g.copied == 1);
	expect_page(&g, 0, mapping.va, R | W, 12);
	guest_close(&g);
}

static void protect_splits(void)
{
	const __u64 base = 0x600000;
	struct guest g;

	if (open_program(&g, &large_pages, false))
		return;
	EXPECT(!guest_protect(&g, base + PAGE, base + 2 * PAGE - 1, R));
	expect_page(&g, 1, base, R | W | U, 12);
	expect_page(&g, 1, base + PAGE, R | U, 12);
	expect_page(&g, 1, base + 2 * MIB - PAGE, R | W | U, 12);
	expect_page(&g, 1, base + 2 * MIB, R | W | U, 21);
	/* a whole one stays whole */
	EXPECT(!guest_protect(&g, base + 2 * MIB, base + 4 * MIB - 1, R));
	expect_page(&g, 1, base + 2 * MIB, R | U, 21);
	guest_close(&g);
}

/* Write as the program does, what is written into a file. Return: the answer. */
static __s64 writes(struct guest *g, int fd, __u64 va, __u64 len, char *written,
		    size_t size)
{
	const struct vcpu_call call = { .nr = CALL_WRITE, .args = { fd, va, len } };
	int to = fd == 2 ? 2 : 1, file = memfd_create("written", MFD_CLOEXEC);
	__s64 answer = 1;
	ssize_t got;
	int saved;

	fflush(stdout);
	saved = dup(to);
	EXPECT(file >= 0 && saved >= 0 && dup2(file, to) == to);
	EXPECT(!call_write(g, &g->machine.vcpus[0], &call, &answer));
	fflush(stdout);
	dup2(saved, to);
	close(saved);
	got = pread(file, written, size, 0);
	close(file);
	EXPECT(got == (answer > 0 ? answer : 0));
	return answer;
}

static char written[4 * 4096];

static void expect_efault(struct guest *g, __u64 va, __u64 len)
{
	EXPECT(writes(g, 1, va, len, written, sizeof(written)) == -EFAULT);
}

#define APART_VA	0x10000000ULL

/* Three pages in a row, which lie in memory the other way round; nothing behind. */
static void map_apart(struct guest *g)
{
	struct vmem_ioc_mapping mapping = {
		.len = PAGE, .kind = VMEM_IOC_KIND_BASIC, .attrs = R | U,
	};
	unsigned int i;

	for (i = 3; i--;) {
		mapping.va = APART_VA + i * PAGE;
		EXPECT(!guest_take(g, PAGE, &mapping.gpa));
		memset(guest_host(g, mapping.gpa, PAGE), 'a' + i, PAGE);
		EXPECT(!guest_map(g, 0, &mapping, VMEM_IOC_MAP_SHARED_OK));
	}
}

static void calls(unsigned int levels)
{
	struct guest_options options = large_pages;
	__u64 i, end = APART_VA + 3 * PAGE;
	struct guest g;

	options.levels = levels;
	if (open_program(&g, &options, false))
		return;
	map_apart(&g);
	EXPECT(writes(&g, 1, APART_VA + PAGE - 2, PAGE + 4, written, sizeof(written)) ==
	       PAGE + 4);
	for (i = 0; i < PAGE + 4; i++)
		EXPECT(written[i] == 'a' + (i < 2 ? 0 : i < PAGE + 2 ? 1 : 2));
	EXPECT(writes(&g, 2, APART_VA, 3 * PAGE, written, sizeof(written)) == 3 * PAGE);
	for (i = 0; i < 3 * PAGE; i++)
		EXPECT(written[i] == (char)('a' + i / PAGE));
	/* a large page, from within it */
	EXPECT(writes(&g, 1, 0x600000 + PAGE, PAGE, written, sizeof(written)) == PAGE);
	/* up to the end, however much is asked for */
	EXPECT(writes(&g, 1, end - 3, 4, written, sizeof(written)) == 3);
	EXPECT(writes(&g, 1, end - 3, ~0ULL, written, sizeof(written)) == 3);
	EXPECT(writes(&g, 1, end - PAGE - 3, 1 << 20, written, sizeof(written)) == PAGE + 3);
	EXPECT(writes(&g, 1, end, 0, written, sizeof(written)) == 0);

	expect_efault(&g, end, 1);
	expect_efault(&g, 0, 8);
	expect_efault(&g, levels == 5 ? 1ULL << 56 : 1ULL << 47, 8);
	expect_efault(&g, ~0ULL, 2);
	expect_efault(&g, ~0ULL - 7, ~0ULL);
	/* what is there, and no user's */
	expect_efault(&g, GUEST_SYSTEM_VA, 8);
	expect_efault(&g, GUEST_SYSTEM_VA + PAGE, PAGE);
	EXPECT(writes(&g, 0, APART_VA, 1, written, sizeof(written)) == -EBADF);
	EXPECT(writes(&g, 3, APART_VA, 1, written, sizeof(written)) == -EBADF);
	EXPECT(writes(&g, -1, APART_VA, 1, written, sizeof(written)) == -EBADF);
	guest_close(&g);
}

/* From what is no memory, to what takes nothing, in a space that isn't the guest's. */
static void calls_outside(void)
{
	struct vmem_ioc_mapping mapping = {
		.va = APART_VA, .gpa = 0xfee00000, .len = PAGE,
		.kind = VMEM_IOC_KIND_BASIC, .attrs = R | U,
	};
	const struct vcpu_call call = { .nr = CALL_WRITE, .args = { 1, 0x400000, 1 } };
	const struct vcpu_call full = { .nr = CALL_WRITE, .args = { 2, 0x400000, 1 } };
	__s64 answer = 1;
	struct guest g;
	int file, saved;

	if (open_program(&g, &large_pages, false))
		return;
	EXPECT(!guest_map(&g, 0, &mapping, VMEM_IOC_MAP_SHARED_OK));
	expect_efault(&g, APART_VA, 8);
	/* an output that is full */
	saved = dup(2);
	file = open("/dev/full", O_WRONLY);
	EXPECT(file >= 0 && saved >= 0 && dup2(file, 2) == 2);
	EXPECT(!call_write(&g, &g.machine.vcpus[0], &full, &answer) && answer == -EIO);
	dup2(saved, 2);
	close(saved);
	close(file);
	/* a root that is none of the guest's is no fault of its pointer */
	cr3_now = 0x5000;
	EXPECT(call_write(&g, &g.machine.vcpus[0], &call, &answer) == -EFAULT);
	EXPECT(failed_call(&g, "the vCPU's root"));
	guest_close(&g);
}

void user_cases(void)
{
	fits();
	result("where the largest pages fit");
	pages(4);
	result("pages of each size, of users and not, 4 levels");
	pages(5);
	result("pages of each size, of users and not, 5 levels");
	pages_of_1g();
	result("pages of 1 GiB, where KVM has them");
	cow();
	result("of a large Cow page a part is copied");
	cow_of_supervisor();
	result("a user writes to no supervisor's Cow page");
	protect_splits();
	result("a large page is protected in part");
	calls(4);
	result("a write of each kind, 4 levels");
	calls(5);
	result("a write of each kind, 5 levels");
	calls_outside();
	result("a write that fails");
}
