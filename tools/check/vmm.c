// SPDX-License-Identifier: GPL-2.0-only
/*
 * The example VMM's handling of a guest, without KVM: the machine is one of our
 * own, whose flushes and roots are counted and can be made to fail, and calls of
 * libvmem answer as the test says, once, before they do what they do. (By the
 * linker's --wrap.)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

#define SPAN	(1ULL << 39)	/* of a table that spaces share */

static unsigned int number, cases_failed;
bool case_failed;

void result(const char *name)
{
	printf("%sok %u %s\n", case_failed ? "not " : "", ++number, name);
	cases_failed += case_failed;
	case_failed = false;
}

/* The machine */

unsigned int flushes;
bool has_1g = true, has_la57 = true;
__u64 cr3_now;

static unsigned int replaced, slots, file_slots;
static unsigned int replaced_before;	/* the last flush */
static __u64 replaced_by;
static int flush_answer, memfd_answer, slot_answer;

int machine_open(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	m->nr_vcpus = 2;
	m->has_1g = has_1g;
	m->has_la57 = has_la57;
	return 0;
}

void machine_close(struct machine *m)
{
	m->nr_vcpus = 0;
}

int machine_memory(struct machine *m, __u64 gpa, void *host, __u64 len,
		   bool readonly)
{
	slots++;
	return 0;
}

/* A memfd stands in for it. */
int machine_guest_memfd(struct machine *m, __u64 len)
{
	int fd;

	if (memfd_answer)
		return memfd_answer;
	fd = memfd_create("guest_memfd", MFD_CLOEXEC);
	EXPECT(fd >= 0 && !ftruncate(fd, len));
	return fd;
}

int machine_memory_of(struct machine *m, __u64 gpa, void *host, __u64 len, int fd)
{
	file_slots++;
	return slot_answer;
}

int machine_flush(struct machine *m)
{
	flushes++;
	replaced_before = replaced;
	return flush_answer;
}

int machine_vcpu(struct machine *m, const struct vcpu_start *start,
		 struct vcpu **vcpu)
{
	*vcpu = &m->vcpus[0];
	return 0;
}

int vcpu_cr3(struct vcpu *vcpu, __u64 *cr3)
{
	*cr3 = cr3_now;
	return 0;
}

int vcpu_replace_cr3(struct vcpu *vcpu, __u64 old, __u64 cr3)
{
	replaced++;
	replaced_by = cr3;
	return 0;
}

/* Calls of libvmem */

static struct {
	int answer;			/* 0: nothing is scripted */
	int times;
	struct vmem_ioc_change change;
	__u64 generation;		/* that FLUSHED was told last */
	unsigned int calls, tables;
	unsigned int flushed_before;	/* the last call */
	__u64 bases[32];
	__u32 spaces[32];
	struct vmem_ioc_mapping asked;
} script;

static bool scripted(struct vmem_ioc_change *change, int *answer)
{
	script.calls++;
	script.flushed_before = flushes;
	if (!script.times)
		return false;
	script.times--;
	*change = script.change;
	*answer = script.answer;
	return true;
}

int __real_vmem_space_map(struct vmem_guest *guest, struct vmem_ioc_map *arg);
int __wrap_vmem_space_map(struct vmem_guest *guest, struct vmem_ioc_map *arg);
int __real_vmem_space_protect(struct vmem_guest *guest,
			      struct vmem_ioc_protect *arg);
int __wrap_vmem_space_protect(struct vmem_guest *guest,
			      struct vmem_ioc_protect *arg);
int __real_vmem_space_link(struct vmem_guest *guest, struct vmem_ioc_link *arg);
int __wrap_vmem_space_link(struct vmem_guest *guest, struct vmem_ioc_link *arg);
int __wrap_vmem_guest_flushed(struct vmem_guest *guest,
			      struct vmem_ioc_flushed *arg);

int __wrap_vmem_space_map(struct vmem_guest *guest, struct vmem_ioc_map *arg)
{
	int answer;

	script.asked = *(struct vmem_ioc_mapping *)(unsigned long)arg->mappings;
	if (scripted(&arg->change, &answer))
		return answer;
	return __real_vmem_space_map(guest, arg);
}

int __wrap_vmem_space_protect(struct vmem_guest *guest,
			      struct vmem_ioc_protect *arg)
{
	int answer;

	script.asked.va = arg->start;
	if (scripted(&arg->change, &answer))
		return answer;
	return __real_vmem_space_protect(guest, arg);
}

int __wrap_vmem_space_link(struct vmem_guest *guest, struct vmem_ioc_link *arg)
{
	unsigned int at = script.tables % 32;
	int answer;

	if (scripted(&arg->change, &answer))
		return answer;
	answer = __real_vmem_space_link(guest, arg);
	if (!answer) {
		script.bases[at] = arg->our_va;
		script.spaces[at] = arg->space;
		script.tables++;
	}
	return answer;
}

/* What was made up has no generation that the guest knows. */
int __wrap_vmem_guest_flushed(struct vmem_guest *guest,
			      struct vmem_ioc_flushed *arg)
{
	script.generation = arg->generation;
	return 0;
}

static int open_guest(struct guest *g, unsigned int levels, __u32 nr_spaces)
{
	const struct guest_options options = {
		.local = true, .levels = levels, .nr_spaces = nr_spaces,
		.memory_len = 16 * MIB,
	};
	int ret;

	memset(&script, 0, sizeof(script));
	flush_answer = 0;
	ret = guest_open(g, &options);
	EXPECT(!ret);
	if (ret)
		guest_close(g);
	memset(&script, 0, sizeof(script));
	flushes = replaced = 0;
	return ret;
}

/* What failed last, as guest.h tells it. */
bool failed_call(const struct guest *g, const char *call)
{
	return g->call && !strcmp(g->call, call);
}

static struct vmem_ioc_mapping mapping_at(struct guest *g, __u64 va, __u64 len)
{
	struct vmem_ioc_mapping mapping = {
		.va = va, .len = len, .kind = VMEM_IOC_KIND_BASIC,
		.attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W,
	};

	EXPECT(!guest_take(g, len, &mapping.gpa));
	return mapping;
}

void expect_translates(struct guest *g, __u32 space, __u64 va, __u64 gpa)
{
	struct vmem_ioc_result result;

	EXPECT(!guest_translate(g, space, va, &result));
	EXPECT(result.status == VMEM_IOC_OK && result.gpa == gpa);
}

/*
 * The first space maps pages on both sides of each border of @nr tables, whose
 * frames are one after the other too: each other space has them all, by one link
 * a table.
 */
static void links(unsigned int levels, unsigned int nr)
{
	struct vmem_ioc_mapping mapping;
	struct guest g;
	__u64 gpas[4];
	unsigned int i, k;
	__u32 space;

	if (open_guest(&g, levels, 3))
		return;
	for (i = 0; i < nr; i++) {
		mapping = mapping_at(&g, (i + 1) * SPAN - PAGE, 2 * PAGE);
		gpas[i] = mapping.gpa;
		EXPECT(!guest_map(&g, 0, &mapping, 0));
	}
	EXPECT(!guest_start(&g, 0));
	/* and two with what the vCPU and the program need, twice each */
	EXPECT(script.tables == 2 * (nr + 3));
	for (i = 0; i < script.tables && i < 32; i++)
		for (k = 0; k < i; k++)
			EXPECT(script.bases[i] != script.bases[k] ||
			       script.spaces[i] != script.spaces[k]);
	for (space = 0; space < 3; space++) {
		for (i = 0; i < nr; i++) {
			expect_translates(&g, space, (i + 1) * SPAN - PAGE, gpas[i]);
			expect_translates(&g, space, (i + 1) * SPAN, gpas[i] + PAGE);
		}
	}
	guest_close(&g);
}

/* A table that the first space has at two places: a record is a reference. */
static void links_reference(void)
{
	struct vmem_ioc_mapping mapping;
	struct vmem_ioc_link link = { .size = sizeof(link), .depth = 1 };
	struct guest g;

	if (open_guest(&g, 4, 2))
		return;
	mapping = mapping_at(&g, SPAN, PAGE);
	EXPECT(!guest_map(&g, 0, &mapping, 0));
	link.space = link.owner = g.spaces[0];
	link.their_va = SPAN;
	link.our_va = 3 * SPAN;
	EXPECT(!vmem_space_link(g.vmem, &link));
	EXPECT(!guest_start(&g, 0));
	expect_translates(&g, 1, SPAN, mapping.gpa);
	expect_translates(&g, 1, 3 * SPAN, mapping.gpa);
	guest_close(&g);
}

/* An answer before the real one, that did half of two pages and moved a root. */
static void answered(int answer, __u32 times)
{
	const struct vmem_ioc_change change = {
		.out_done_len	= PAGE,
		.out_flush	= VMEM_IOC_FLUSH_ALL,
		.out_changes	= VMEM_IOC_CHANGE_MOVED,
		.out_generation	= 77,
	};

	memset(&script, 0, sizeof(script));
	script.answer = answer;
	script.times = times;
	script.change = change;
	flushes = replaced = 0;
}

static void retry(int answer)
{
	struct vmem_ioc_mapping mapping;
	struct guest g;

	if (open_guest(&g, 4, 1))
		return;
	mapping = mapping_at(&g, 0x400000, 2 * PAGE);
	answered(answer, 1);
	script.change.out_root = 0x123000;
	EXPECT(!guest_map(&g, 0, &mapping, 0));
	EXPECT(script.calls == 2);
	/* both vCPUs, then the flush, and only then the rest is asked for */
	EXPECT(replaced == 2 && replaced_by == 0x123000);
	EXPECT(g.roots[0] == 0x123000);
	EXPECT(flushes == 1 && replaced_before == 2 && script.generation == 77);
	EXPECT(script.flushed_before == 1);
	EXPECT(script.asked.va == mapping.va + PAGE);
	EXPECT(script.asked.gpa == mapping.gpa + PAGE);
	EXPECT(script.asked.len == PAGE);
	expect_translates(&g, 0, mapping.va + PAGE, mapping.gpa + PAGE);

	answered(answer, 1);
	script.change.out_root = 0x456000;
	EXPECT(!guest_protect(&g, mapping.va, mapping.va + 2 * PAGE - 1,
			      VMEM_IOC_ATTR_R));
	EXPECT(replaced == 2 && replaced_by == 0x456000);
	/* the second call has its own flush */
	EXPECT(script.flushed_before == 1 && flushes == 2);
	EXPECT(script.asked.va == mapping.va + PAGE);
	guest_close(&g);
}

/* EAGAIN is a wish to flush, though the call itself has nothing to be flushed. */
static void retry_flushes(void)
{
	struct vmem_ioc_mapping mapping;
	struct guest g;

	if (open_guest(&g, 4, 1))
		return;
	mapping = mapping_at(&g, 0x400000, PAGE);
	answered(-EAGAIN, 1);
	memset(&script.change, 0, sizeof(script.change));
	script.change.out_generation = 5;
	EXPECT(!guest_map(&g, 0, &mapping, 0));
	EXPECT(flushes == 1 && script.generation == 5 && !replaced);
	/* and EBUSY is none */
	mapping.va += PAGE;
	script.answer = -EBUSY;
	script.times = 3;
	script.calls = flushes = 0;
	EXPECT(!guest_map(&g, 0, &mapping, 0));
	EXPECT(!flushes && script.calls == 4);
	guest_close(&g);
}

static void retry_links(int answer)
{
	struct vmem_ioc_mapping mapping;
	struct guest g;

	if (open_guest(&g, 4, 2))
		return;
	mapping = mapping_at(&g, 0x400000, PAGE);
	EXPECT(!guest_map(&g, 0, &mapping, 0));
	answered(answer, 1);
	script.change.out_done_len = 0;
	script.change.out_root = 0x789000;
	EXPECT(!guest_start(&g, 0));
	EXPECT(script.tables == 3 && replaced_by == 0x789000);
	EXPECT(g.roots[1] == 0x789000);
	expect_translates(&g, 1, 0x400000, mapping.gpa);
	guest_close(&g);
}

/* Who is in the way may stay there: it ends. */
static void retry_ends(int answer)
{
	struct vmem_ioc_mapping mapping;
	struct guest g;

	if (open_guest(&g, 4, 1))
		return;
	mapping = mapping_at(&g, 0x400000, PAGE);
	answered(answer, 1000000);
	memset(&script.change, 0, sizeof(script.change));
	EXPECT(guest_map(&g, 0, &mapping, 0) == answer);
	EXPECT(script.times > 0 && script.times < 1000000 - 1);
	EXPECT(failed_call(&g, "MAP"));
	guest_close(&g);
}

static void flush_fails(void)
{
	static const int answers[] = { 0, -EAGAIN, -EBUSY, -EEXIST };
	struct vmem_ioc_mapping mapping;
	struct guest g;
	size_t i;

	if (open_guest(&g, 4, 1))
		return;
	mapping = mapping_at(&g, 0x400000, 2 * PAGE);
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		answered(answers[i], 1);
		script.change.out_root = g.roots[0];
		flush_answer = -EIO;
		g.call = NULL;
		EXPECT(guest_map(&g, 0, &mapping, 0) == -EIO);
		EXPECT(script.calls == 1 && failed_call(&g, "the flush"));
		/* nobody is told of a flush that wasn't */
		EXPECT(!script.generation);
	}
	flush_answer = 0;
	guest_close(&g);
}

/* The slot of memory is of the guest_memfd, that of frozen memory can't be. */
static void guest_memfd(void)
{
	struct guest_options options = {
		.local = true, .guest_memfd = true, .levels = 4, .nr_spaces = 1,
		.memory_len = 16 * MIB,
	};
	char byte = 1;
	struct guest g;

	slots = file_slots = 0;
	EXPECT(!guest_open(&g, &options));
	EXPECT(file_slots == 1 && !slots);
	*(char *)guest_host(&g, 16 * MIB - 1, 1) = 77;
	EXPECT(pread(g.memory.fd, &byte, 1, 16 * MIB - 1) == 1 && byte == 77);
	EXPECT(!guest_freeze(&g, PAGE));
	EXPECT(file_slots == 1 && slots == 1);
	guest_close(&g);

	memfd_answer = -EOPNOTSUPP;
	EXPECT(guest_open(&g, &options) == -EOPNOTSUPP);
	EXPECT(failed_call(&g, "a guest_memfd that can be mapped (Linux 6.18)"));
	guest_close(&g);
	memfd_answer = 0;
	slot_answer = -EINVAL;
	EXPECT(guest_open(&g, &options) == -EINVAL);
	EXPECT(failed_call(&g, "KVM_SET_USER_MEMORY_REGION2"));
	guest_close(&g);
	slot_answer = 0;
	options.owned = true;
	EXPECT(guest_open(&g, &options) == -EINVAL);
	EXPECT(failed_call(&g, "memory of vmem's own and of a guest_memfd"));
	guest_close(&g);
}

static void refused(__u64 memory_len, __u32 nr_spaces, unsigned int levels)
{
	const struct guest_options options = {
		.local = true, .levels = levels, .nr_spaces = nr_spaces,
		.memory_len = memory_len,
	};
	struct guest g;

	EXPECT(guest_open(&g, &options) == -EINVAL);
	EXPECT(g.call && !g.vmem);
	guest_close(&g);
}

static void sizes(void)
{
	static const __u64 lens[] = {
		0, PAGE, GUEST_MEMORY_MIN - PAGE, GUEST_MEMORY_MIN + 1,
		GUEST_MEMORY_MAX + PAGE, ~0ULL, ~0ULL - PAGE + 1, 1ULL << 63,
	};
	static const struct guest_options five = {
		.local = true, .levels = 5, .nr_spaces = 1, .memory_len = 16 * MIB,
	};
	static const struct guest_options wrong[] = {
		{ .local = true, .levels = 4, .nr_spaces = 1, .memory_len = 16 * MIB,
		  .user = true, .window = true },
		{ .local = true, .levels = 4, .nr_spaces = 1, .memory_len = 16 * MIB,
		  .page_sizes = 2 * MIB },
		{ .local = true, .levels = 4, .nr_spaces = 1, .memory_len = 16 * MIB,
		  .page_sizes = PAGE | 8192 },
	};
	struct guest g;
	__u64 gpa, left;
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		refused(lens[i], 1, 4);
	refused(16 * MIB, 0, 4);
	refused(16 * MIB, PROGRAM_SPACES_MAX + 1, 4);
	refused(16 * MIB, 1, 3);
	refused(16 * MIB, 1, 0);
	has_la57 = false;
	EXPECT(!open_guest(&g, 4, 1));
	guest_close(&g);
	EXPECT(guest_open(&g, &five) == -EOPNOTSUPP);
	EXPECT(failed_call(&g, "5 levels of tables: CPU or KVM has no LA57"));
	guest_close(&g);
	has_la57 = true;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		EXPECT(guest_open(&g, &wrong[i]) == -EINVAL);
		EXPECT(g.call && !g.vmem);
		guest_close(&g);
	}

	if (open_guest(&g, 4, 1))
		return;
	EXPECT(guest_freeze(&g, 0) == -EINVAL);
	EXPECT(guest_freeze(&g, PAGE + 1) == -EINVAL);
	EXPECT(guest_freeze(&g, GUEST_MEMORY_MAX + PAGE) == -EINVAL);
	slots = 0;
	EXPECT(!guest_freeze(&g, PAGE) && slots == 1);
	EXPECT(guest_freeze(&g, PAGE) == -EEXIST);
	EXPECT(failed_call(&g, "frozen memory, once more"));
	EXPECT(guest_take(&g, 0, &gpa) == -EINVAL);
	EXPECT(guest_take(&g, 100, &gpa) == -EINVAL);
	left = g.memory.len - g.next;
	EXPECT(guest_take(&g, left + PAGE, &gpa) == -ENOMEM);
	EXPECT(!guest_take(&g, left, &gpa) && gpa + left == 16 * MIB);
	EXPECT(guest_take(&g, PAGE, &gpa) == -ENOMEM);
	guest_close(&g);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("KTAP version 1");
	links(4, 1);
	links(4, 3);
	result("a link for each table, 4 levels");
	links(5, 1);
	links(5, 3);
	result("a link for each table, 5 levels");
	links_reference();
	result("a link for what is a reference");
	retry(-EAGAIN);
	result("EAGAIN: what the first answer says is done");
	retry(-EBUSY);
	result("EBUSY: what the first answer says is done");
	retry_flushes();
	result("a flush for EAGAIN, none for EBUSY");
	retry_links(-EAGAIN);
	retry_links(-EBUSY);
	result("a link is made again");
	retry_ends(-EAGAIN);
	retry_ends(-EBUSY);
	result("a call isn't made again for ever");
	flush_fails();
	result("a flush that fails is told");
	guest_memfd();
	result("memory of a guest_memfd");
	sizes();
	result("sizes that can't be are refused");
	user_cases();
	printf("1..%u\n", number);
	return cases_failed ? 1 : 0;
}
