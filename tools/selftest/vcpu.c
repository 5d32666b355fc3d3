// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcpu [--local] [CASE...]: a vCPU of KVM judges tables that vmem built, with
 * the module or in this process: what it reads, writes and executes through
 * them, what it faults on, what it remembers until it is flushed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "ktap.h"
#include "vcpu-probe.h"

/* Addresses at the ends of what each level spans. */
static const __u64 places[] = {
	0x1000, 0x1ff000, 0x3ffff000, 0x7ffffff000, 0x7ffffffff000,
	0xffff800000000000, 0xffffff7ffffff000, 0xfffffffffffff000,
	/* with 5 levels */
	0x800000000000, 0xfffffffffff000, 0xff00000000000000,
};

#define NR_PLACES_4	8
#define NR_PLACES_5	ARRAY_SIZE(places)

#define PF_P		1
#define PF_W		2
#define PF_I		16

/* What the manual says of an access in supervisor mode with CR0.WP and NXE. */
static __u64 fault_of(bool mapped, __u32 attrs, enum access access)
{
	static const __u64 bits[] = { 0, PF_W, PF_I };
	static const __u32 needs[] = { R, W, X };

	if (mapped && attrs & needs[access])
		return NO_FAULT;
	return bits[access] | (mapped ? PF_P : 0);
}

static void expect_access(struct guest *g, struct probe *probe, __u64 va,
			  bool mapped, __u32 attrs, enum access access, __u64 value)
{
	__u64 at = va + (access == ACCESS_EXEC ? 0 : 8);
	__u64 error = fault_of(mapped, attrs, access);
	struct outcome outcome = probe_access(g, probe, access, at, value, false);
	bool same = outcome.vector == (error == NO_FAULT ? NO_FAULT : VECTOR_PF);

	if (same && error != NO_FAULT)
		same = outcome.error == error && outcome.cr2 == at;
	if (same && error == NO_FAULT)
		same = outcome.value == value;
	if (!same)
		ktap_fail(__FILE__, __LINE__,
			  "%d at 0x%llx, attributes 0x%x: vector %lld, error 0x%llx, CR2 0x%llx, value 0x%llx; not error 0x%llx, value 0x%llx",
			  access, at, attrs, outcome.vector, outcome.error,
			  outcome.cr2, outcome.value, error, value);
}

static void access_levels(unsigned int levels, size_t nr_places)
{
	static const __u32 attrs[] = { R, R | W, R | X, R | W | X };
	__u32 i, n = 0, code = 0x1234;
	struct probe probe;
	struct guest g;
	__u64 gpa, *word;
	size_t p;

	probes_open(&g, levels, &probe, 1);
	gpa = page_code(&g, code);
	word = (__u64 *)guest_host(&g, gpa, PAGE) + 1;
	for (p = 0; p < nr_places; p++) {
		for (i = 0; i < ARRAY_SIZE(attrs); i++) {
			map(&g, places[p], gpa, PAGE, VMEM_IOC_KIND_BASIC, attrs[i]);
			*word = ++n;
			expect_access(&g, &probe, places[p], true, attrs[i],
				      ACCESS_READ, n);
			expect_access(&g, &probe, places[p], true, attrs[i],
				      ACCESS_WRITE, n + 1000);
			EXPECT_EQ(*word, attrs[i] & W ? n + 1000 : n);
			expect_access(&g, &probe, places[p], true, attrs[i],
				      ACCESS_EXEC, code);
			unmap(&g, places[p], PAGE);
			expect_access(&g, &probe, places[p], false, 0, ACCESS_READ, 0);
			expect_access(&g, &probe, places[p], false, 0, ACCESS_WRITE, 0);
			expect_access(&g, &probe, places[p], false, 0, ACCESS_EXEC, 0);
		}
	}
	guest_close(&g);
}

static void access_4level(void)
{
	access_levels(4, NR_PLACES_4);
}

static void access_5level(void)
{
	access_levels(5, NR_PLACES_5);
}

/* What isn't canonical faults in another way, and vmem says why. */
static void non_canonical_levels(unsigned int levels)
{
	__u64 va = levels == 5 ? 1ULL << 56 : 1ULL << 47;
	struct vmem_ioc_result result;
	struct outcome outcome;
	struct probe probe;
	struct guest g;

	probes_open(&g, levels, &probe, 1);
	outcome = probe_access(&g, &probe, ACCESS_READ, va, 0, false);
	EXPECT_EQ(outcome.vector, VECTOR_GP);
	EXPECT_EQ(outcome.error, 0);
	ASSERT_OK(guest_translate(&g, 0, va, &result));
	EXPECT_EQ(result.status, VMEM_IOC_NON_CANONICAL);
	guest_close(&g);
}

static void non_canonical_4level(void)
{
	non_canonical_levels(4);
}

static void non_canonical_5level(void)
{
	non_canonical_levels(5);
}

/* KVM's walker and vmem's, on a space of a few thousand pages. */
static void agreement_levels(unsigned int levels)
{
	unsigned int shift = levels == 5 ? 7 : 16, runs, pages, left = 3900, i;
	unsigned int refused = 0;
	__u64 seed = time(NULL) * 2654435761U | 1, va, *word;
	const char *given = getenv("SEED");
	struct vmem_ioc_mapping mapping = {
		.kind = VMEM_IOC_KIND_BASIC, .attrs = R | W,
	};
	struct probe probe;
	struct guest g;

	if (given)
		seed = strtoull(given, NULL, 0) | 1;
	ktap_msg("SEED=0x%llx", seed);
	probes_open(&g, levels, &probe, 1);
	for (runs = 0; runs < 40; runs++) {
		va = chance(&seed);
		mapping.va = (__u64)((__s64)(va << shift) >> shift) & ~(PAGE - 1);
		pages = 1 + chance(&seed) % 200;
		for (i = 0; i < pages && left && mapping.va < 0 - PAGE; i++) {
			/* any frame, in memory or not */
			mapping.gpa = chance(&seed) % (1ULL << 22) * PAGE;
			mapping.len = PAGE;
			if (guest_map(&g, 0, &mapping, 0))
				refused++;
			else
				left--;
			mapping.va += PAGE;
		}
	}
	/* one run may meet another, or leave the half */
	EXPECT(refused <= 200);
	EXPECT(left < 3900 / 2);
	/* so that KVM has accessed bits to set */
	for (i = 0; i < GUEST_POOL_LEN / sizeof(*word); i++) {
		word = (__u64 *)guest_host(&g, GUEST_POOL_GPA, GUEST_POOL_LEN) + i;
		if (*word & 1 && chance(&seed) % 2)
			*word &= ~0x20ULL;
	}
	expect_agreement(&g, 10000, seed);
	guest_close(&g);
}

static void agreement_4level(void)
{
	agreement_levels(4);
}

static void agreement_5level(void)
{
	agreement_levels(5);
}

/* Frozen pages are read and executed; the first write goes to a copy. */
static void cow_levels(unsigned int levels)
{
	const __u64 va = 0x7f1234560000;
	struct outcome outcome;
	unsigned char *before;
	struct probe probe;
	struct guest g;
	__u64 page, i;

	probes_open(&g, levels, &probe, 1);
	ASSERT_OK(guest_freeze(&g, 4 * PAGE));
	for (i = 0; i < 4 * PAGE; i++)
		g.frozen.host[i] = i * 7 + i / PAGE;
	memcpy(g.frozen.host, guest_host(&g, page_code(&g, 77), PAGE), 8);
	before = malloc(4 * PAGE);
	ASSERT(before);
	memcpy(before, g.frozen.host, 4 * PAGE);
	map(&g, va, g.frozen.gpa, 2 * PAGE, VMEM_IOC_KIND_COW, R | X);
	map(&g, va + 2 * PAGE, g.frozen.gpa + 2 * PAGE, 2 * PAGE,
	    VMEM_IOC_KIND_COW, R);

	for (page = 0; page < 3; page++) {
		__u64 at = va + page * PAGE + 16, was;

		memcpy(&was, before + page * PAGE + 16, sizeof(was));
		outcome = probe_access(&g, &probe, ACCESS_READ, at, 0, false);
		EXPECT_EQ(outcome.vector, NO_FAULT);
		EXPECT_EQ(outcome.value, was);
		outcome = probe_access(&g, &probe, ACCESS_WRITE, at, 5, false);
		EXPECT_EQ(outcome.vector, VECTOR_PF);
		EXPECT_EQ(outcome.error, PF_P | PF_W);
		EXPECT_EQ(outcome.cr2, at);
		outcome = probe_access(&g, &probe, ACCESS_WRITE, at, 5, true);
		EXPECT_EQ(outcome.vector, NO_FAULT);
		outcome = probe_access(&g, &probe, ACCESS_WRITE, at + 8, 6, false);
		EXPECT_EQ(outcome.vector, NO_FAULT);
		outcome = probe_access(&g, &probe, ACCESS_READ, at, 0, false);
		EXPECT_EQ(outcome.value, 5);
		/* the rest came along */
		memcpy(&was, before + (page + 1) * PAGE - 8, sizeof(was));
		outcome = probe_access(&g, &probe, ACCESS_READ,
				       va + (page + 1) * PAGE - 8, 0, false);
		EXPECT_EQ(outcome.value, was);
		EXPECT_EQ(g.copied, page + 1);
	}
	/* a copy is executed where the page was, and only there */
	outcome = probe_access(&g, &probe, ACCESS_EXEC, va, 0, true);
	EXPECT_EQ(outcome.vector, NO_FAULT);
	EXPECT_EQ(outcome.value, 77);
	outcome = probe_access(&g, &probe, ACCESS_EXEC, va + 2 * PAGE, 0, true);
	EXPECT_EQ(outcome.error, PF_P | PF_I);
	EXPECT(!memcmp(before, g.frozen.host, 4 * PAGE));
	expect_agreement(&g, 0, 1);
	free(before);
	guest_close(&g);
}

static void cow_4level(void)
{
	cow_levels(4);
}

static void cow_5level(void)
{
	cow_levels(5);
}

/* Both of two vCPUs fault on a Cow page before one is served: there is one copy. */
static void cow_of_two_levels(unsigned int levels)
{
	const __u64 va = 0x7f1234560000;
	struct probe probes[2];
	struct vcpu_exit exit;
	struct guest g;
	size_t n;

	probes_open(&g, levels, probes, ARRAY_SIZE(probes));
	ASSERT_OK(guest_freeze(&g, PAGE));
	map(&g, va, g.frozen.gpa, PAGE, VMEM_IOC_KIND_COW, R);
	for (n = 0; n < ARRAY_SIZE(probes); n++) {
		*probes[n].box = (struct probe_box){
			.access = ACCESS_WRITE, .va = va + n * 8, .value = n + 1,
		};
		ASSERT_OK(vcpu_run(probes[n].vcpu, &exit));
		ASSERT_EQ(exit.event, VCPU_FAULT);
	}
	for (n = 0; n < ARRAY_SIZE(probes); n++)
		ASSERT_OK(guest_serve(&g, probes[n].vcpu));
	EXPECT_EQ(g.copied, 1);
	for (n = 0; n < ARRAY_SIZE(probes); n++) {
		ASSERT_OK(vcpu_run(probes[n].vcpu, &exit));
		ASSERT_EQ(exit.event, VCPU_OUT);
	}
	for (n = 0; n < ARRAY_SIZE(probes); n++)
		EXPECT_EQ(probe_access(&g, &probes[!n], ACCESS_READ, va + n * 8, 0,
				       false).value, n + 1);
	EXPECT_EQ(g.frozen.host[0], 0);
	guest_close(&g);
}

static void cow_of_two_4level(void)
{
	cow_of_two_levels(4);
}

static void cow_of_two_5level(void)
{
	cow_of_two_levels(5);
}

static void region(struct vmem_guest *vmem, struct guest *g, __u64 gpa, __u64 len,
		   __u32 flags)
{
	struct vmem_ioc_region_create create = {
		.size = sizeof(create), .flags = flags, .gpa = gpa, .len = len,
		.kind = VMEM_IOC_REGION_USER,
		.user_addr = (unsigned long)(g->memory.host + gpa),
	};

	ASSERT_OK(vmem_region_create(vmem, &create));
}

/* The same memory, tables and vCPUs once more, the tables frozen. */
static void freeze_tables(struct guest *g)
{
	struct vmem_ioc_range range = { .len = GUEST_POOL_LEN };
	struct vmem_ioc_pool_create pool = {
		.size = sizeof(pool), .ranges = (unsigned long)&range, .nr_ranges = 1,
	};
	struct vmem_ioc_space_create space = {
		.size = sizeof(space), .flags = VMEM_IOC_SPACE_MOVABLE,
		.format = g->options.levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
						   VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.root = g->roots[0],
	};
	struct vmem_guest *vmem;

	ASSERT_OK(guest_take(g, range.len, &range.gpa));
	ASSERT_OK(local ? vmem_open_local(&vmem) : vmem_open(NULL, &vmem));
	region(vmem, g, 0, GUEST_POOL_GPA, 0);
	region(vmem, g, GUEST_POOL_GPA, GUEST_POOL_LEN, VMEM_IOC_REGION_FROZEN);
	region(vmem, g, GUEST_FREE_GPA, g->memory.len - GUEST_FREE_GPA, 0);
	ASSERT_OK(vmem_pool_create(vmem, &pool));
	space.pool = pool.out_id;
	ASSERT_OK(vmem_space_create(vmem, &space));
	EXPECT_EQ(space.out_root, g->roots[0]);
	vmem_close(g->vmem);
	g->vmem = vmem;
	g->spaces[0] = space.out_id;
}

/* Bits of CR3 that are none of the root's address: PWT and PCD. */
#define CR3_BITS	0x18ULL

/* vCPUs run on frozen tables, and go on where they move when changed. */
static void moved_levels(unsigned int levels)
{
	const __u64 va = 0x7d0000000000;
	struct vmem_ioc_mapping mapping = {
		.va = va, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC, .attrs = R | X,
	};
	struct kvm_sregs sregs;
	struct probe probes[2];
	unsigned char *before;
	struct guest g;
	__u64 root;
	size_t n;

	probes_open(&g, levels, probes, ARRAY_SIZE(probes));
	ASSERT(!ioctl(probes[1].vcpu->fd, KVM_GET_SREGS, &sregs));
	sregs.cr3 |= CR3_BITS;
	ASSERT(!ioctl(probes[1].vcpu->fd, KVM_SET_SREGS, &sregs));
	map(&g, va, page_code(&g, 1), PAGE, VMEM_IOC_KIND_BASIC, R | X);
	root = g.roots[0];
	before = malloc(GUEST_POOL_LEN);
	ASSERT(before);
	memcpy(before, g.memory.host + GUEST_POOL_GPA, GUEST_POOL_LEN);
	freeze_tables(&g);
	EXPECT_EQ(probe_access(&g, &probes[0], ACCESS_EXEC, va, 0, false).value, 1);
	EXPECT_EQ(g.roots[0], root);

	mapping.gpa = page_code(&g, 2);
	ASSERT_OK(guest_map(&g, 0, &mapping, VMEM_IOC_MAP_REPLACE));
	EXPECT(g.roots[0] != root);
	for (n = 0; n < ARRAY_SIZE(probes); n++) {
		ASSERT(!ioctl(probes[n].vcpu->fd, KVM_GET_SREGS, &sregs));
		EXPECT_EQ(sregs.cr3, g.roots[0] | (n ? CR3_BITS : 0));
		EXPECT_EQ(probe_access(&g, &probes[n], ACCESS_EXEC, va, 0, false).value,
			  2);
	}
	map(&g, va + PAGE, page_code(&g, 3), PAGE, VMEM_IOC_KIND_BASIC, R | X);
	EXPECT_EQ(probe_access(&g, &probes[0], ACCESS_EXEC, va + PAGE, 0, false).value, 3);
	ASSERT_OK(guest_protect(&g, va, va + 2 * PAGE - 1, R));
	EXPECT_EQ(probe_access(&g, &probes[0], ACCESS_EXEC, va, 0, false).error, PF_P | PF_I);
	unmap(&g, va, PAGE);
	EXPECT_EQ(probe_access(&g, &probes[0], ACCESS_READ, va, 0, false).error, 0);
	EXPECT(!memcmp(before, g.memory.host + GUEST_POOL_GPA, GUEST_POOL_LEN));
	expect_agreement(&g, 1000, levels);
	free(before);
	guest_close(&g);
}

static void moved_4level(void)
{
	moved_levels(4);
}

static void moved_5level(void)
{
	moved_levels(5);
}

/* Frozen memory is no memory to write to, whatever the tables say. */
static void frozen_memory(void)
{
	struct vcpu_exit exit;
	struct probe probe;
	struct guest g;

	probes_open(&g, 4, &probe, 1);
	ASSERT_OK(guest_freeze(&g, PAGE));
	map(&g, 0x10000, g.frozen.gpa, PAGE, VMEM_IOC_KIND_BASIC, R | W);
	*probe.box = (struct probe_box){ .access = ACCESS_WRITE, .va = 0x10000 };
	ASSERT_OK(vcpu_run(probe.vcpu, &exit));
	EXPECT_EQ(exit.event, VCPU_STOPPED);
	EXPECT_EQ(g.frozen.host[0], 0);
	guest_close(&g);
}

/* KVM_SET_SREGS with what is there already. */
static void set_same(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	ASSERT(!ioctl(vcpu->fd, KVM_GET_SREGS, &sregs));
	ASSERT(!ioctl(vcpu->fd, KVM_SET_SREGS, &sregs));
}

#define FLUSH_VA	0x7e0000000000ULL
#define FLUSH_ROUNDS	32
#define FLUSH_ROUNDS_MAX 8000

/* A probe that reads FLUSH_VA all the time, on a thread of its own. */
struct reader {
	struct guest *g;
	struct probe *probe;
	struct outcome outcome;
};

static void *read_on(void *arg)
{
	struct reader *reader = arg;

	stay_on(1);
	reader->outcome = probe_access(reader->g, reader->probe, ACCESS_AWAIT,
				       FLUSH_VA, 0, false);
	return NULL;
}

/* Replace the page that a probe is reading. Return: what it reads next. */
static __u64 replace_under(struct guest *g, struct probe *probe,
			   struct vmem_ioc_map *replace)
{
	struct reader reader = { .g = g, .probe = probe };
	pthread_t thread;

	probe->box->rounds = 0;
	ASSERT(!pthread_create(&thread, NULL, read_on, &reader));
	while (probe->box->rounds < 1000)
		;
	ASSERT_OK(vmem_space_map(g->vmem, replace));
	probe->box->go = 1;
	ASSERT(!pthread_join(thread, NULL));
	ASSERT_EQ(reader.outcome.vector, NO_FAULT);
	return reader.outcome.value;
}

static __u64 read_now(struct guest *g, struct probe *probe)
{
	struct outcome outcome = probe_access(g, probe, ACCESS_READ, FLUSH_VA, 0,
					      false);

	EXPECT_EQ(outcome.vector, NO_FAULT);
	return outcome.value;
}

static __u64 page_of(struct guest *g, __u64 value)
{
	__u64 gpa;

	ASSERT_OK(guest_take(g, PAGE, &gpa));
	memcpy(guest_host(g, gpa, PAGE), &value, sizeof(value));
	return gpa;
}

/* What a vCPU flushed since @before, where it has run again. */
static __u64 flushes_since(struct guest *g, struct probe *probe, __u64 *before)
{
	__u64 nr, since;

	read_now(g, probe);
	ASSERT(nr_flushes(&g->machine, probe->vcpu, &nr));
	since = nr - *before;
	*before = nr;
	return since;
}

/*
 * Linux 6.12 flushes by a request when KVM_SET_SREGS changes CR4, and counts it.
 * 6.1 makes none: it resets the MMU, and kvm_mmu_load() flushes for the new root
 * by itself, with nothing counted, unless a shadow is thrown away too.
 */
static bool counts_resets(void)
{
	return since_linux(6, 12);
}

/* By KVM's own count: the same CR3 flushes nothing, machine_flush() each vCPU. */
static void expect_counted(struct guest *g, struct probe *probes, unsigned int nr)
{
	unsigned int n, round, same = 0, flushed = 0;
	__u64 before[VCPU_MAX];

	for (n = 0; n < nr; n++) {
		for (round = 0; round < FLUSH_ROUNDS; round++)
			read_now(g, &probes[n]);
		if (!nr_flushes(&g->machine, probes[n].vcpu, &before[n])) {
			ktap_msg("KVM doesn't count flushes: only what is read says that they are made");
			return;
		}
	}
	for (round = 0; round < FLUSH_ROUNDS; round++) {
		for (n = 0; n < nr; n++) {
			set_same(probes[n].vcpu);
			same += flushes_since(g, &probes[n], &before[n]) != 0;
		}
		ASSERT_OK(machine_flush(&g->machine));
		for (n = 0; n < nr; n++)
			flushed += flushes_since(g, &probes[n], &before[n]) != 0;
	}
	ktap_msg("of %u times, KVM counts a flush in %u after KVM_SET_SREGS of the same CR3, in %u after machine_flush()",
		 round * nr, same, flushed);
	EXPECT_EQ(same, 0);
	if (counts_resets() || g->machine.shadowed)
		EXPECT_EQ(flushed, round * nr);
	else
		ktap_msg("before Linux 6.12 the latter says nothing");
}

/*
 * The page that a vCPU reads is replaced under it. How long it goes on reading
 * the old one is its machine's affair, and told; no vCPU does after the flush.
 *
 * QEMU's emulation forgets all whenever a vCPU enters the guest, but not before:
 * the old page is seen until then. A shadow of the tables remembers until it is
 * thrown away. Where one of these judges, the old page must have been seen, or
 * the test says nothing.
 */
static void flush_levels(unsigned int levels)
{
	struct vmem_ioc_mapping mapping = {
		.va = FLUSH_VA, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC, .attrs = R,
	};
	unsigned int round, n, at_once = 0, later = 0, same = 0, registers = 0;
	struct probe probes[2];
	bool shadowed;
	struct guest g;

	probes_open(&g, levels, probes, ARRAY_SIZE(probes));
	shadowed = g.machine.shadowed;
	stay_on(0);
	mapping.gpa = page_of(&g, 0);
	ASSERT_OK(guest_map(&g, 0, &mapping, 0));
	expect_counted(&g, probes, ARRAY_SIZE(probes));
	/* more only where a reader was never in the guest at the right time */
	for (round = 1; round <= FLUSH_ROUNDS ||
	     (nested() && !at_once && round <= FLUSH_ROUNDS_MAX); round++) {
		struct probe *probe = &probes[round % ARRAY_SIZE(probes)];
		struct vmem_ioc_map replace = {
			.size = sizeof(replace), .flags = VMEM_IOC_MAP_REPLACE,
			.space = g.spaces[0], .nr = 1,
			.mappings = (unsigned long)&mapping,
		};

		for (n = 0; n < ARRAY_SIZE(probes); n++)
			EXPECT_EQ(read_now(&g, &probes[n]), round - 1);
		mapping.gpa = page_of(&g, round);
		at_once += replace_under(&g, probe, &replace) == round - 1;
		EXPECT(replace.change.out_flush != VMEM_IOC_FLUSH_NONE);
		later += read_now(&g, probe) == round - 1;
		set_same(probe->vcpu);
		same += read_now(&g, probe) == round - 1;
		/* as if there were no shadow */
		g.machine.shadowed = false;
		ASSERT_OK(machine_flush(&g.machine));
		g.machine.shadowed = shadowed;
		registers += read_now(&g, probe) == round - 1;
		ASSERT_OK(guest_changed(&g, 0, &replace.change));
		for (n = 0; n < ARRAY_SIZE(probes); n++)
			EXPECT_EQ(read_now(&g, &probes[n]), round);
	}
	ktap_msg("of %u times, the old page is read in %u at once, %u after the vCPU left the guest, %u after KVM_SET_SREGS of the same CR3, %u after CR4.PGE was changed, none after the flush",
		 round - 1, at_once, later, same, registers);
	EXPECT(!nested() || (shadowed ? same : at_once));
	EXPECT(shadowed || !registers);
	guest_close(&g);
}

/* All tables but a few were freed, and vmem knows of no flush since. */
static void flush_asked_levels(unsigned int levels)
{
	struct vmem_ioc_mapping mapping = {
		.va = FLUSH_VA, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC, .attrs = R,
	};
	struct vmem_ioc_map map = {
		.size = sizeof(map), .nr = 1, .mappings = (unsigned long)&mapping,
	};
	struct vmem_ioc_unmap unmap = { .size = sizeof(unmap), .start = FLUSH_VA };
	struct probe probes[2];
	struct guest g;
	__u64 flushes;
	size_t n;
	int ret;

	probes_open(&g, levels, probes, ARRAY_SIZE(probes));
	map.space = unmap.space = g.spaces[0];
	mapping.gpa = page_of(&g, 5);
	while (!(ret = vmem_space_map(g.vmem, &map)))
		mapping.va += 2 << 20;
	ASSERT_EQ(ret, -ENOSPC);
	unmap.last = mapping.va - 1;
	ASSERT_OK(vmem_space_unmap(g.vmem, &unmap));
	mapping.va = FLUSH_VA;
	EXPECT_EQ(vmem_space_map(g.vmem, &map), -EAGAIN);
	flushes = g.flushes;
	ASSERT_OK(guest_map(&g, 0, &mapping, 0));
	EXPECT_EQ(g.flushes, flushes + 1);
	for (n = 0; n < ARRAY_SIZE(probes); n++)
		EXPECT_EQ(read_now(&g, &probes[n]), 5);
	guest_close(&g);
}

static void flush_asked_4level(void)
{
	flush_asked_levels(4);
}

static void flush_asked_5level(void)
{
	flush_asked_levels(5);
}

static void flush_4level(void)
{
	flush_levels(4);
}

static void flush_5level(void)
{
	flush_levels(5);
}

/* The same, where memory is of a guest_memfd. */
#define GUEST_MEMFD(fn)							\
	static void guest_memfd_##fn(void)				\
	{								\
		want_guest_memfd();					\
		fn();							\
	}

GUEST_MEMFD(access_4level)
GUEST_MEMFD(access_5level)
GUEST_MEMFD(agreement_4level)
GUEST_MEMFD(agreement_5level)
GUEST_MEMFD(cow_4level)
GUEST_MEMFD(cow_5level)
GUEST_MEMFD(moved_4level)
GUEST_MEMFD(moved_5level)
GUEST_MEMFD(flush_4level)
GUEST_MEMFD(flush_5level)
GUEST_MEMFD(programs_4level)
GUEST_MEMFD(programs_5level)

static const struct ktap_case cases[] = {
	BOTH(access),
	BOTH(non_canonical),
	BOTH(agreement),
	BOTH(cow),
	BOTH(cow_of_two),
	BOTH(moved),
	CASE(frozen_memory),
	BOTH(flush),
	BOTH(flush_asked),
	BOTH(programs),
	BOTH(walk_while_running),
	BOTH(sizes),
	BOTH(keys),
	BOTH(guest_memfd_access),
	BOTH(guest_memfd_agreement),
	BOTH(guest_memfd_cow),
	BOTH(guest_memfd_moved),
	BOTH(guest_memfd_flush),
	BOTH(guest_memfd_programs),
	BOTH(guest_memfd_holes),
	CASE(guest_memfd_private),
	CASE(program_corrupted),
	CASE(vmem_run),
	CASE_IF(vmem_run_5level, five_levels, "vCPUs with 5 levels"),
	CASE(guest_memfd_run),
};

int main(int argc, char **argv)
{
	return judge_main(cases, ARRAY_SIZE(cases), argc, argv);
}
