// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of tools/vmm/programs on a vCPU: how they end, and what KVM and
 * vmem say of their tables then.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "../vmm/program.h"
#include "ktap.h"
#include "vcpu-probe.h"

#define ANY		(~0ULL)

/**
 * struct expected - a program and how it ends
 * @name:	of its file
 * @nr_spaces:	that it is given
 * @window:	it sees memory
 * @cow:	its writable segments are Cow
 * @copied:	pages, by Cow faults
 * @fault:	it ends by a page fault, with this error code
 * @error:	of the fault
 * @cr2:	of the fault, ANY: in one of its segments
 * @printed:	by it
 */
struct expected {
	const char *name;
	__u32 nr_spaces;
	bool window;
	bool cow;
	__u64 copied;
	bool fault;
	__u64 error;
	__u64 cr2;
	const char *printed;
};

static const struct expected expected[] = {
	{ "hello", 1, .printed = "hello through " },
	{ "readonly", 1, .fault = true, .error = 0x3, .cr2 = ANY },
	{ "noexec", 1, .fault = true, .error = 0x11, .cr2 = ANY },
	{ "hole", 1, .fault = true, .error = 0x0, .cr2 = 0x123456789008 },
	{ "cow", 1, .printed = "written and read back\n" },
	{ "cow", 1, .cow = true, .copied = 4, .printed = "written and read back\n" },
	{ "protect", 1, .printed = "written twice\n" },
	{ "protect", 2, .cow = true, .copied = 1, .printed = "written twice\n" },
	{ "spaces", 4, .printed = "each space has its own\n" },
	{ "ad", 1, .window = true, .printed = "accessed and dirty bits come and go\n" },
	{ "self", 1, .window = true, .printed = "a page mapped by myself\n" },
};

/* A program that is running, and how it ended. */
struct running {
	struct guest g;
	struct program program;
	char printed[128];
	size_t len;
	bool fault;
	__u32 status;
};

static void begin(struct running *run, const struct expected *e, unsigned int levels)
{
	const struct guest_options options = {
		.local = local, .guest_memfd = of_guest_memfd, .window = e->window,
		.levels = levels, .nr_spaces = e->nr_spaces, .memory_len = 16 << 20,
	};
	const char *why;

	memset(run, 0, sizeof(*run));
	why = program_open(&run->program, program_path(e->name));
	if (why) {
		ktap_fail(__FILE__, __LINE__, "%s: %s", e->name, why);
		ktap_give_up();
	}
	ASSERT_OK(guest_open(&run->g, &options));
	ASSERT_OK(program_load(&run->program, &run->g, e->cow));
	ASSERT_OK(guest_start(&run->g, run->program.entry));
}

/* To its end. Uses vmem only for faults that are to be served. */
static void *carry_on(void *arg)
{
	struct running *run = arg;
	struct vcpu_exit exit;
	int ret;

	for (;;) {
		ASSERT_OK(vcpu_run(run->g.vcpu, &exit));
		if (exit.event == VCPU_FAULT) {
			ret = guest_serve(&run->g, run->g.vcpu);
			if (!ret)
				continue;
			ASSERT_EQ(ret, -EFAULT);
			run->fault = true;
			return NULL;
		}
		if (exit.event == VCPU_STOPPED) {
			ktap_fail(__FILE__, __LINE__, "%s", exit.why);
			ktap_give_up();
		}
		if (exit.port == PORT_EXIT) {
			run->status = exit.value;
			return NULL;
		}
		if (exit.port == PORT_PRINT && run->len < sizeof(run->printed) - 1)
			run->printed[run->len++] = exit.value;
	}
}

static bool in_program(const struct program *program, __u64 va)
{
	size_t i;

	for (i = 0; i < program->nr; i++)
		if (va >= program->segments[i].va &&
		    va - program->segments[i].va < program->segments[i].len)
			return true;
	return false;
}

static void check_end(struct running *run, const struct expected *e)
{
	const struct vcpu_frame *frame = run->g.vcpu->frame;

	ASSERT_EQ(run->fault, e->fault);
	if (e->fault) {
		EXPECT_EQ(frame->vector, VECTOR_PF);
		EXPECT_EQ(frame->error, e->error);
		if (e->cr2 == ANY)
			EXPECT(in_program(&run->program, frame->cr2));
		else
			EXPECT_EQ(frame->cr2, e->cr2);
		return;
	}
	EXPECT_EQ(run->status, 0);
	EXPECT(!strncmp(run->printed, e->printed, strlen(e->printed)));
	EXPECT_EQ(run->g.copied, e->copied);
}

/* The content of what can be written, as it was linked. */
static void check_frozen(struct running *run)
{
	const char *at = run->g.frozen.host;
	size_t i;

	for (i = 0; i < run->program.nr; i++) {
		const struct segment *segment = &run->program.segments[i];

		if (!(segment->attrs & W))
			continue;
		EXPECT(!memcmp(at + segment->offset, segment->data, segment->data_len));
		at += segment->len;
	}
}

static void check_self(struct running *run)
{
	struct vmem_ioc_result result;
	const __u64 *page;

	ASSERT_OK(guest_translate(&run->g, 0, PROGRAM_SELF_VA, &result));
	ASSERT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.effective, R | W);
	page = guest_host(&run->g, result.gpa, PAGE);
	ASSERT(page);
	EXPECT_EQ(*page, 0x766d656d);
}

static void programs_levels(unsigned int levels)
{
	struct running run;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct expected *e = &expected[i];

		ktap_msg("%s%s", e->name, e->cow ? ", Cow" : "");
		begin(&run, e, levels);
		carry_on(&run);
		check_end(&run, e);
		if (e->cow)
			check_frozen(&run);
		if (!strcmp(e->name, "self"))
			check_self(&run);
		expect_agreement(&run.g, 10000, i + 1);
		guest_close(&run.g);
		program_close(&run.program);
	}
}

void programs_4level(void)
{
	programs_levels(4);
}

void programs_5level(void)
{
	programs_levels(5);
}

/* Read a walk of all, A and D ignored. Return: a sum over what is mapped. */
static __u64 walk_sum(struct guest *g)
{
	struct vmem_ioc_walk_create create = {
		.size	= sizeof(create),
		.flags	= VMEM_IOC_WALK_IGNORE_AD,
		.spaces	= (unsigned long)g->spaces,
		.nr	= 1,
		.last	= ~0ULL,
	};
	struct vmem_ioc_record records[32], *rec;
	struct vmem_walker *walker;
	__u64 sum = 0;
	int i, nr;

	ASSERT_OK(vmem_walk_create(g->vmem, &create, &walker));
	while ((nr = ASSERT_OK(vmem_walk_read(walker, records, 32))) > 0) {
		for (i = 0; i < nr; i++) {
			rec = &records[i];
			EXPECT(rec->type != VMEM_IOC_REC_BAD);
			if (rec->type == VMEM_IOC_REC_MAPPING)
				sum = (sum ^ rec->va ^ rec->gpa ^ rec->len ^
				       rec->effective) * 0x9e3779b97f4a7c15;
		}
	}
	vmem_walk_close(walker);
	return sum;
}

/*
 * While a program changes its accessed and dirty bits all the time, by itself and
 * by its vCPU, every walk is whole, and maps and unmaps elsewhere are good. The
 * page beside stays, so that no table is freed: nothing needs a flush until the
 * program has ended.
 */
static void walk_while_running_levels(unsigned int levels)
{
	static const struct expected ad = {
		"ad", 1, .window = true, .printed = "accessed",
	};
	struct vmem_ioc_mapping mapping = { .va = 0x5000000000, .len = PAGE };
	unsigned int walks = 0;
	struct running run;
	pthread_t thread;
	__u64 sum, gpa;

	begin(&run, &ad, levels);
	gpa = page_code(&run.g, 1);
	map(&run.g, mapping.va + PAGE, gpa, PAGE, VMEM_IOC_KIND_BASIC, R);
	sum = walk_sum(&run.g);
	ASSERT(!pthread_create(&thread, NULL, carry_on, &run));
	while (pthread_tryjoin_np(thread, NULL)) {
		struct vmem_ioc_map change = {
			.size = sizeof(change), .space = run.g.spaces[0], .nr = 1,
			.mappings = (unsigned long)&mapping,
		};

		EXPECT_EQ(walk_sum(&run.g), sum);
		mapping.kind = VMEM_IOC_KIND_BASIC;
		mapping.gpa = gpa;
		mapping.attrs = R;
		ASSERT_OK(vmem_space_map(run.g.vmem, &change));
		mapping.kind = VMEM_IOC_KIND_UNMAPPED;
		mapping.gpa = mapping.attrs = 0;
		ASSERT_OK(vmem_space_map(run.g.vmem, &change));
		walks++;
	}
	check_end(&run, &ad);
	EXPECT(walks);
	ktap_msg("%u walks", walks);
	guest_close(&run.g);
	program_close(&run.program);
}

void walk_while_running_4level(void)
{
	walk_while_running_levels(4);
}

void walk_while_running_5level(void)
{
	walk_while_running_levels(5);
}
