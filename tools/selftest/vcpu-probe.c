// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU as a judge, see vcpu-probe.h.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ktap.h"
#include "vcpu-probe.h"

#define PROBE_SYSTEM_VA	0x600000ULL
#define STRIDE		0x10000ULL
#define NR_LEAVES	4096
#define ENTRY_A		(1ULL << 5)

/* rdi is its box. The port is PORT_CALL. */
__asm__(".pushsection .rodata\n"
	"probe_code:\n"
	"1:	mov	$0xf6, %edx\n"
	"	out	%eax, %dx\n"
	"	mov	8(%rdi), %rsi\n"
	"	mov	(%rdi), %rcx\n"
	"	test	%rcx, %rcx\n"
	"	jz	2f\n"
	"	dec	%rcx\n"
	"	jz	3f\n"
	"	dec	%rcx\n"
	"	jnz	4f\n"
	"	call	*%rsi\n"
	"	mov	%rax, 16(%rdi)\n"
	"	jmp	1b\n"
	"2:	mov	(%rsi), %rax\n"
	"	mov	%rax, 16(%rdi)\n"
	"	jmp	1b\n"
	"3:	mov	16(%rdi), %rax\n"
	"	mov	%rax, (%rsi)\n"
	"	jmp	1b\n"
	"4:	mov	(%rsi), %rax\n"
	"	incq	24(%rdi)\n"
	"	cmpq	$0, 32(%rdi)\n"
	"	je	4b\n"
	"	jmp	2b\n"
	"	.org	probe_code + 128\n"
	".popsection\n");
extern const char probe_code[128];
_Static_assert(PORT_CALL == 0xf6, "the port");


void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

__u64 chance(__u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void map(struct guest *g, __u64 va, __u64 gpa, __u64 len, __u32 kind, __u32 attrs)
{
	const struct vmem_ioc_mapping mapping = {
		.va = va, .gpa = gpa, .len = len, .kind = kind, .attrs = attrs,
	};

	ASSERT_OK(guest_map(g, 0, &mapping, 0));
}

void unmap(struct guest *g, __u64 va, __u64 len)
{
	map(g, va, 0, len, VMEM_IOC_KIND_UNMAPPED, 0);
}

__u64 page_code(struct guest *g, __u32 value)
{
	unsigned char code[6] = { 0xb8, [5] = 0xc3 };	/* mov $value, %eax; ret */
	__u64 gpa;

	memcpy(code + 1, &value, sizeof(value));
	ASSERT_OK(guest_take(g, PAGE, &gpa));
	memcpy(guest_host(g, gpa, PAGE), code, sizeof(code));
	return gpa;
}

static void probe_open(struct guest *g, struct probe *probe, unsigned int n)
{
	struct vcpu_start start = {
		.levels		= g->options.levels,
		.cr3		= g->roots[0],
		.rip		= PROBE_VA,
		.rsp		= BOX_VA + n * STRIDE + PAGE,
		.rdi		= BOX_VA + n * STRIDE,
		.system_va	= PROBE_SYSTEM_VA + n * STRIDE,
	};
	struct vcpu_exit exit;
	__u64 system, box;

	ASSERT_OK(guest_take(g, VCPU_SYSTEM_LEN, &system));
	ASSERT_OK(guest_take(g, PAGE, &box));
	map(g, start.system_va, system, VCPU_CODE_LEN, VMEM_IOC_KIND_BASIC, R | X);
	map(g, start.system_va + VCPU_CODE_LEN, system + VCPU_CODE_LEN,
	    VCPU_SYSTEM_LEN - VCPU_CODE_LEN, VMEM_IOC_KIND_BASIC, R | W);
	map(g, start.rdi, box, PAGE, VMEM_IOC_KIND_BASIC, R | W);
	start.system = guest_host(g, system, VCPU_SYSTEM_LEN);
	ASSERT_OK(machine_vcpu(&g->machine, &start, &probe->vcpu));
	probe->box = guest_host(g, box, sizeof(*probe->box));
	probe->frame = (struct vcpu_frame *)((char *)start.system + VCPU_SYSTEM_LEN) - 1;
	probe->stack = start.rsp;
	ASSERT_OK(vcpu_run(probe->vcpu, &exit));
	ASSERT_EQ(exit.event, VCPU_OUT);
	ASSERT_EQ(exit.port, PORT_CALL);
}

void probes_open(struct guest *g, unsigned int levels, struct probe *probes,
		 unsigned int nr)
{
	const struct guest_options options = {
		.local = local, .guest_memfd = of_guest_memfd, .levels = levels,
		.nr_spaces = 1, .memory_len = 16 << 20,
	};
	unsigned int n;
	__u64 code;
	int ret;

	ret = guest_open(g, &options);
	if (ret) {
		ktap_fail(__FILE__, __LINE__, "%s: %s", g->call, strerror(-ret));
		ktap_give_up();
	}
	ASSERT_OK(guest_take(g, PAGE, &code));
	memcpy(guest_host(g, code, PAGE), probe_code, sizeof(probe_code));
	map(g, PROBE_VA, code, PAGE, VMEM_IOC_KIND_BASIC, R | X);
	for (n = 0; n < nr; n++)
		probe_open(g, &probes[n], n);
	g->vcpu = probes[0].vcpu;
}

struct outcome probe_access(struct guest *g, struct probe *probe,
			    enum access access, __u64 va, __u64 value, bool serve)
{
	struct outcome outcome = { .vector = NO_FAULT };
	struct vcpu_exit exit;
	int ret;

	*probe->box = (struct probe_box){ .access = access, .va = va, .value = value };
	for (;;) {
		ASSERT_OK(vcpu_run(probe->vcpu, &exit));
		if (exit.event == VCPU_OUT && exit.port == PORT_CALL)
			break;
		if (exit.event != VCPU_FAULT) {
			ktap_fail(__FILE__, __LINE__, "access %d at 0x%llx: %s",
				  access, va, exit.why);
			ktap_give_up();
		}
		ASSERT_EQ(outcome.vector, NO_FAULT);
		ret = serve ? guest_serve(g, probe->vcpu) : -EFAULT;
		if (!ret)
			continue;
		ASSERT_EQ(ret, -EFAULT);
		outcome.vector = probe->frame->vector;
		outcome.error = probe->frame->error;
		outcome.cr2 = probe->frame->cr2;
		/* back to its first instruction, as if nothing had been */
		probe->frame->rip = PROBE_VA;
		probe->frame->rsp = probe->stack;
	}
	outcome.value = probe->box->value;
	return outcome;
}

/* A statistic of one number, see "KVM_GET_STATS_FD" in KVM's api.rst. */
static bool statistic(int fd, const char *name, __u64 *value)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc *desc;
	bool found = false;
	size_t size;
	__u32 i;

	ASSERT_EQ(pread(fd, &header, sizeof(header), 0), sizeof(header));
	size = sizeof(*desc) + header.name_size;
	desc = malloc(size);
	ASSERT(desc);
	for (i = 0; !found && i < header.num_desc; i++) {
		ASSERT_EQ(pread(fd, desc, size, header.desc_offset + i * size), size);
		found = !strcmp(desc->name, name) && desc->size == 1;
	}
	if (found)
		ASSERT_EQ(pread(fd, value, sizeof(*value),
				header.data_offset + desc->offset), sizeof(*value));
	free(desc);
	return found;
}

bool nr_flushes(const struct machine *m, const struct vcpu *vcpu, __u64 *nr)
{
	bool found;
	int fd;

	if (ioctl(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD) <= 0)
		return false;
	fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
	if (fd < 0)
		return false;
	found = statistic(fd, "tlb_flush", nr);
	close(fd);
	return found;
}

/* Only accessed bits were set in the words of memory, and only in these. */
static void put_back(struct guest *g, const __u64 *before)
{
	__u64 *now = (__u64 *)g->memory.host, i, wrong = 0;

	for (i = 0; i < g->memory.len / sizeof(*now); i++) {
		if (now[i] == before[i])
			continue;
		wrong += now[i] != (before[i] | ENTRY_A) || !(now[i] & 1);
		now[i] = before[i];
	}
	EXPECT_EQ(wrong, 0);
}

static void compare(struct guest *g, __u64 va, __u64 *mapped)
{
	struct vmem_ioc_result result;
	__u64 gpa = 0;
	int ret;

	ASSERT_OK(guest_translate(g, 0, va, &result));
	ret = vcpu_translate(g->vcpu, va, &gpa);
	ASSERT(!ret || ret == -ENOENT);
	*mapped += !ret;
	if (ret ? result.status == VMEM_IOC_OK :
		  result.status != VMEM_IOC_OK || result.gpa != gpa)
		ktap_fail(__FILE__, __LINE__,
			  "0x%llx: KVM %d, 0x%llx; vmem %u, 0x%llx", va, ret, gpa,
			  result.status, result.gpa);
}

/* The first pages that are mapped. Return: how many. */
static size_t leaves(struct guest *g, __u64 *vas, size_t nr)
{
	struct vmem_ioc_walk_create create = {
		.size	= sizeof(create),
		.flags	= VMEM_IOC_WALK_LEAVES | VMEM_IOC_WALK_FOLLOW,
		.spaces	= (unsigned long)g->spaces,
		.nr	= 1,
		.last	= ~0ULL,
	};
	struct vmem_ioc_record record;
	struct vmem_walker *walker;
	size_t n = 0;

	ASSERT_OK(vmem_walk_create(g->vmem, &create, &walker));
	while (n < nr && ASSERT_OK(vmem_walk_read(walker, &record, 1)) > 0)
		if (record.type == VMEM_IOC_REC_MAPPING)
			vas[n++] = record.va;
	vmem_walk_close(walker);
	return n;
}

void expect_agreement(struct guest *g, unsigned int nr, __u64 seed)
{
	unsigned int shift = g->options.levels == 5 ? 7 : 16;
	__u64 *before, *vas, mapped = 0, va;
	size_t i, n;

	before = malloc(g->memory.len);
	vas = calloc(NR_LEAVES, sizeof(*vas));
	ASSERT(before && vas);
	memcpy(before, g->memory.host, g->memory.len);
	n = leaves(g, vas, NR_LEAVES);
	ASSERT(n);
	for (i = 0; i < n; i++)
		compare(g, vas[i] + chance(&seed) % PAGE, &mapped);
	EXPECT_EQ(mapped, n);
	for (i = 0; i < nr; i++) {
		va = chance(&seed);
		/* pages around a mapped one, and any */
		if (i % 2)
			va = vas[va % n] + ((va >> 32) % 33) * PAGE - 16 * PAGE +
			     chance(&seed) % PAGE;
		compare(g, (__u64)((__s64)(va << shift) >> shift), &mapped);
	}
	put_back(g, before);
	EXPECT(nr < 10000 || mapped - n > nr / 8);
	ktap_msg("%zu pages, %u random addresses, %llu of them mapped", n, nr,
		 mapped - n);
	free(vas);
	free(before);
}
