// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem dump: what a dump is, and what of the guest's memory isn't in it.
 */
#include <string.h>

#include "cli.h"

struct dump_options {
	struct source source;
	bool missing;
	bool json;
};

/* Of memory, in bytes, and how many ranges of it there are. */
struct totals {
	__u64 memory;
	__u64 here;
	__u64 ranges;
};

enum {
	OPTION_MISSING = 0x200,
};

static const struct argp_option dump_options[] = {
	{ "memory", 'm', "FILE", 0, "The dump, or raw memory from address 0 on", 1 },
	{ "missing", OPTION_MISSING, NULL, 0, "Of ranges only those that are not in the dump",
	  2 },
	{ "json", 'j', NULL, 0, "JSON Lines", 3 },
	{ 0 }
};

static void dump_memory(struct dump_options *options, const char *arg,
			struct argp_state *state)
{
	struct memory *memory = allocate(NULL, 1, sizeof(*memory));
	const char *why;

	if (options->source.nr_memories)
		argp_error(state, "--memory %s: a dump is one file", arg);
	if (!parse_memory(arg, memory, &why))
		argp_error(state, "--memory %s %s", arg, why);
	if (memory->placed || memory->gpa)
		argp_error(state, "--memory %s: a dump is a whole file, without GPA and OFFSET",
			   arg);
	options->source.memories = memory;
	options->source.nr_memories = 1;
}

static error_t dump_parse(int key, char *arg, struct argp_state *state)
{
	struct dump_options *options = state->input;

	switch (key) {
	case 'm':
		dump_memory(options, arg, state);
		return 0;
	case OPTION_MISSING:
		options->missing = true;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s is one argument too many", arg);
		return 0;
	case ARGP_KEY_END:
		if (!options->source.nr_memories)
			argp_error(state, "no --memory: the file that is the dump");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void text_dump(struct vmem_guest *guest, const struct vmem_linux *about, const char *why)
{
	const char *trouble = vmem_dump_trouble(guest), *text;
	size_t len;

	out_format("format      %s", vmem_dump_format(guest));
	out_end("");
	out_text("trouble     ");
	out_end(trouble ? trouble : "none");
	out_text("VMCOREINFO  ");
	if (about)
		out_format("of Linux %s", about->release);
	else if (!vmem_dump_vmcoreinfo(guest, &text, &len))
		out_text(why);
	else
		out_text("none in the dump");
	out_end("");
}

static void json_dump(struct vmem_guest *guest, const struct vmem_linux *about)
{
	const char *trouble = vmem_dump_trouble(guest), *text;
	size_t len;

	out_format("{\"vmem\":%d,\"dump\":", JSON_VERSION);
	out_string(vmem_dump_format(guest));
	if (trouble) {
		out_text(",\"trouble\":");
		out_string(trouble);
	}
	out_text(",\"vmcoreinfo\":");
	out_text(vmem_dump_vmcoreinfo(guest, &text, &len) ? "false" : "true");
	if (about) {
		out_text(",\"release\":");
		out_string(about->release);
	}
	out_end("}");
}

/* Levels of the tables that registers tell of, 0: none that have entries of 64 bits. */
static unsigned int vcpu_levels(const struct vmem_dump_vcpu *vcpu)
{
	if (!(vcpu->cr0 & CR0_PG) || !(vcpu->cr4 & CR4_PAE))
		return 0;
	return vcpu->cr4 & CR4_LA57 ? 5 : 4;
}

static void print_vcpu(const struct vmem_dump_vcpu *vcpu, bool json)
{
	unsigned int levels = vcpu_levels(vcpu);
	bool paging = vcpu->cr0 & CR0_PG;

	if (json) {
		out_format("{\"vcpu\":%u,\"cr0\":\"0x%llx\",\"cr3\":\"0x%llx\",\"cr4\":\"0x%llx\",\"paging\":%s",
			   vcpu->number, vcpu->cr0, vcpu->cr3, vcpu->cr4,
			   paging ? "true" : "false");
		if (levels)
			out_format(",\"levels\":%u", levels);
		out_end("}");
		return;
	}
	out_format("vCPU %-5u  CR0 %08llx  CR3 %012llx  CR4 %08llx  ", vcpu->number, vcpu->cr0,
		   vcpu->cr3, vcpu->cr4);
	if (levels)
		out_format("%u levels", levels);
	else
		out_text(paging ? "paging of 32 bits" : "no paging");
	out_end("");
}

/* Without registers: what ran on a CPU. */
static void print_running(__u32 n, __u32 pid, bool json)
{
	if (json)
		out_format("{\"cpu\":%u,\"pid\":%u}", n, pid);
	else if (pid)
		out_format("CPU %-5u   ran thread %u", n, pid);
	else
		out_format("CPU %-5u   was idle", n);
	out_end("");
}

static void print_range(const struct vmem_dump_range *range, bool json)
{
	bool here = range->flags & VMEM_DUMP_HERE;
	char size[24];

	if (json) {
		out_text("{\"gpa\":\"0x");
		out_hex(range->gpa, 1);
		out_text("\",\"len\":");
		out_count(range->len);
		out_end(here ? ",\"in_dump\":true}" : ",\"in_dump\":false}");
		return;
	}
	out_hex(range->gpa, 12);
	out_char('-');
	out_hex(range->gpa + (range->len - 1), 12);
	out_char(' ');
	out_right(show_size(range->len, size), 6);
	out_end(here ? "  in the dump" : "  not in the dump");
}

static struct totals print_ranges(const struct dump_options *options)
{
	struct vmem_dump_range range = { 0 };
	struct totals totals = { 0 };
	__u64 gpa = 0;

	while (!vmem_dump_range(options->source.guest, gpa, &range) && !ferror(stdout)) {
		totals.ranges++;
		totals.memory += range.len;
		if (range.flags & VMEM_DUMP_HERE)
			totals.here += range.len;
		if (!options->missing || !(range.flags & VMEM_DUMP_HERE))
			print_range(&range, options->json);
		gpa = range.gpa + range.len;
	}
	return totals;
}

static void print_totals(const struct totals *totals, bool json)
{
	char count[32], memory[24], here[24], missing[24];

	if (json) {
		out_format("{\"end\":{\"ranges\":%llu,\"memory\":%llu,\"in_dump\":%llu,\"not_in_dump\":%llu}}",
			   totals->ranges, totals->memory, totals->here,
			   totals->memory - totals->here);
		out_end("");
		return;
	}
	out_format("%s %s, %s of memory: %s in the dump, %s not in the dump",
		   show_count(totals->ranges, count), totals->ranges == 1 ? "range" : "ranges",
		   show_size(totals->memory, memory), show_size(totals->here, here),
		   show_size(totals->memory - totals->here, missing));
	out_end("");
}

int command_dump(int argc, char **argv)
{
	static const struct argp argp = {
		dump_options, dump_parse, "",
		"Tell what a dump is: its format, what is wrong with the file, registers of vCPUs, or what ran on them, whether it has VMCOREINFO; and range by range the guest's memory, and whether it is in the dump."
		"\v"
		"Pages that are in the dump and damaged are not looked for. Raw memory is all there.\n"
		"\n"
		"Exit status: 0 when it was done, 1 when it failed, 2 when it was asked for wrongly.",
		NULL, NULL, NULL
	};
	struct dump_options options = { 0 };
	struct vmem_linux linux_, *about = &linux_;
	char why[VMEM_DUMP_WHY_LEN] = "";
	struct vmem_dump_vcpu vcpu;
	struct vmem_guest *guest;
	struct totals totals;
	__u32 n, pid;

	source_init(&options.source);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	source_open_dump(&options.source);
	guest = options.source.guest;
	if (vmem_linux_find(guest, about, VMEM_LINUX_NO_SCAN, why))
		about = NULL;
	if (options.json)
		json_dump(guest, about);
	else
		text_dump(guest, about, why);
	for (n = 0; n < VCPUS_MAX && !vmem_dump_vcpu(guest, n, &vcpu); n++)
		print_vcpu(&vcpu, options.json);
	for (n = 0; !vmem_dump_running(guest, n, &pid); n++)
		print_running(n, pid, options.json);
	totals = print_ranges(&options);
	print_totals(&totals, options.json);
	end_output();
	source_close(&options.source);
	return 0;
}
