// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem roots: the roots of a guest's address spaces: those that vCPUs use, the kernel's
 * and those of processes, where its Linux tells of them; and pages that look like one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "kpti.h"

struct roots_options {
	struct source source;
	bool json;
};

static const struct argp_option roots_options[] = {
	{ "json", 'j', NULL, 0, "JSON Lines", 3 },
	{ 0 }
};

static error_t roots_parse(int key, char *arg, struct argp_state *state)
{
	struct roots_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->source;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s is one argument too many", arg);
		return 0;
	case ARGP_KEY_END:
		source_check_all(&options->source, state, "it finds all roots");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/**
 * struct roots - roots that are gathered
 * @source:	of which they are
 * @root:	they
 * @nr:		how many
 * @owners:	processes, by root, and of one root in the order of the list
 */
struct roots {
	const struct source *source;
	struct root *root;
	size_t nr;
	const struct vmem_linux_process **owners;
};

/* The next vCPU, from @n on, that has a root. */
static bool next_vcpu(const struct source *source, __u32 *n, __u64 *root)
{
	struct vmem_dump_vcpu vcpu;

	for (; *n < VCPUS_MAX && !vmem_dump_vcpu(source->guest, *n, &vcpu); (*n)++) {
		*root = vcpu.cr3 & ENTRY_ADDR;
		if (vcpu.cr0 & CR0_PG)
			return true;
	}
	return false;
}

static int by_gpa(const void *a, const void *b)
{
	const struct root *x = a, *y = b;

	if (x->gpa != y->gpa)
		return x->gpa < y->gpa ? -1 : 1;
	return x->process < y->process ? -1 : x->process > y->process;
}

/* All that is known of one root comes together. */
static void merge(struct roots *roots)
{
	size_t i, to = 0, owners = 0;

	roots->owners = allocate(NULL, roots->nr, sizeof(*roots->owners));
	if (roots->nr)
		qsort(roots->root, roots->nr, sizeof(*roots->root), by_gpa);
	for (i = 0; i < roots->nr; i++) {
		struct root x = roots->root[i], *y;

		if (!to || roots->root[to - 1].gpa != x.gpa)
			roots->root[to++] = x;
		y = &roots->root[to - 1];
		if (x.vcpu >= 0 && (y->vcpu < 0 || x.vcpu < y->vcpu))
			y->vcpu = x.vcpu;
		y->swapper |= x.swapper;
		if (x.followed)
			y->followed = x.followed;
		if (!x.process)
			continue;
		if (!y->nr_owners++) {
			y->process = x.process;
			y->owners = &roots->owners[owners];
		}
		roots->owners[owners++] = x.process;
	}
	roots->nr = to;
}

/* One that is known to be a root. */
static void know(struct roots *roots, __u64 gpa, int vcpu, bool swapper,
		 const struct vmem_linux_process *process)
{
	struct root root;

	root_read(roots->source, gpa, &root);
	root.vcpu = vcpu;
	root.swapper = swapper;
	root.process = process;
	if (!(roots->nr & (roots->nr - 1)))
		roots->root = allocate(roots->root, roots->nr ? 2 * roots->nr : 1, sizeof(root));
	roots->root[roots->nr++] = root;
}

static void know_vcpus(struct roots *roots)
{
	__u64 root;
	__u32 n;

	for (n = 0; next_vcpu(roots->source, &n, &root); n++)
		know(roots, root, (int)n, false, NULL);
}

static void know_linux(struct roots *roots, const struct vmem_linux *about,
		       const struct vmem_linux_list *list)
{
	size_t i;

	if (about)
		know(roots, about->root, -1, true, NULL);
	for (i = 0; list && i < list->nr; i++) {
		know(roots, list->processes[i].root, -1, false, &list->processes[i]);
		if (list->processes[i].user_root)
			know(roots, list->processes[i].user_root, -1, false,
			     &list->processes[i]);
	}
}

static int by_kernel(const void *a, const void *b)
{
	const struct root *x = a, *y = b;

	return x->kernel < y->kernel ? -1 : x->kernel > y->kernel;
}

static void count_shared(struct roots *roots)
{
	struct root *root = roots->root;
	size_t i, j, k;

	if (roots->nr)
		qsort(root, roots->nr, sizeof(*root), by_kernel);
	for (i = 0; i < roots->nr; i = j) {
		for (j = i; j < roots->nr && root[j].kernel == root[i].kernel; j++)
			;
		for (k = i; k < j; k++)
			root[k].shared = root[k].kernel ? j - i : 1;
	}
}

static void find_pairs(struct roots *roots)
{
	__u64 kernel;
	size_t i;

	for (i = 0; i < roots->nr; i++)
		if (kpti_pair(roots->source, roots->root[i].gpa, &kernel))
			roots->root[i].pair = roots->root[i].gpa ^ KPTI_USER;
}

/* What is known best comes first: vCPUs', the kernel's, processes', then guesses. */
enum rank { RANK_VCPU, RANK_KERNEL, RANK_PROCESS, RANK_GUESS };

static enum rank rank_of(const struct root *root)
{
	return root->vcpu >= 0 ? RANK_VCPU : root->swapper ? RANK_KERNEL :
	       root->process ? RANK_PROCESS : RANK_GUESS;
}

static int by_rank(const void *a, const void *b)
{
	const struct root *x = a, *y = b;
	enum rank rank = rank_of(x);

	if (rank != rank_of(y))
		return rank < rank_of(y) ? -1 : 1;
	if (rank == RANK_VCPU && x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	if (rank == RANK_PROCESS && x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (rank == RANK_GUESS && x->shared != y->shared)
		return x->shared < y->shared ? 1 : -1;
	return by_gpa(x, y);
}

/* @scan: those too that are known by their looks only. */
static struct roots gather(struct source *source, bool scan)
{
	struct roots roots = { .source = source };

	if (scan)
		roots.root = scan_roots(source, &roots.nr);
	know_vcpus(&roots);
	know_linux(&roots, linux_about(source), linux_list(source));
	merge(&roots);
	count_shared(&roots);
	find_pairs(&roots);
	if (roots.nr)
		qsort(roots.root, roots.nr, sizeof(*roots.root), by_rank);
	return roots;
}

/* Where labels come from, or why there are none. */
static void say_linux(struct source *source)
{
	const struct vmem_linux *about = linux_about(source);
	const struct vmem_linux_list *list = linux_list(source);
	const char *text;
	size_t len;

	if (!about) {
		note("%s: but for vCPUs' these are guesses", linux_why(source));
		return;
	}
	if (!list) {
		note("Linux %s: processes aren't known: %s", about->release, linux_why(source));
		return;
	}
	note("Linux %s, by VMCOREINFO %s: %zu processes; without a space of their own: %zu threads of the kernel, %zu processes that ended",
	     about->release,
	     vmem_dump_vmcoreinfo(source->guest, &text, &len) ? "found in memory" :
							       "of the dump",
	     list->nr, list->nr_kernel, list->nr_ended);
	if (list->why[0])
		note("%s: processes may be missing", list->why);
}

/* The next CPU, from @n on, on which a process ran when Linux dumped itself. */
static bool next_cpu(const struct source *source, __u32 *n, __u32 pid)
{
	__u32 running;

	for (; !vmem_dump_running(source->guest, *n, &running); (*n)++)
		if (running == pid)
			return true;
	return false;
}

/* What a root is of. */
static void print_label(FILE *out, const struct root *root, const struct source *source)
{
	const char *comma = "";
	char comm[COMM_LEN];
	__u64 gpa;
	size_t i;
	__u32 n;

	if (root->swapper) {
		fputs("kernel (swapper_pg_dir)", out);
		comma = ", ";
	}
	for (i = 0; i < root->nr_owners; i++) {
		fprintf(out, "%spid %u %s", comma, root->owners[i]->pid,
			show_comm(root->owners[i]->comm, comm));
		for (n = 0; next_cpu(source, &n, root->owners[i]->pid); n++)
			fprintf(out, " on CPU %u", n);
		comma = ", ";
	}
	if (root->pair && root->gpa & KPTI_USER)
		fprintf(out, "%suser half of 0x%llx", comma, root->pair);
	else if (root->pair)
		fprintf(out, "%skernel half of a pair", comma);
	if (root->pair)
		comma = ", ";
	for (n = 0; root->vcpu >= 0 && next_vcpu(source, &n, &gpa); n++)
		if (gpa == root->gpa) {
			fprintf(out, "%sCR3 of vCPU %u", comma, n);
			comma = ", ";
		}
	if (rank_of(root) == RANK_GUESS)
		fprintf(out, "%sguess", comma);
}

static void print_text(const struct root *root, const struct source *source)
{
	printf("%012llx  ", root->gpa);
	print_label(stdout, root, source);
	if (root->absent) {
		puts(source->dump ? ": not in the dump" : ": outside");
		return;
	}
	printf(": %u lower entries, %u upper", root->lower, root->upper);
	if (root->shared > 1)
		printf(", upper half shared with %zu others", root->shared - 1);
	if (root->followed)
		fputs(", leads to leaves", stdout);
	putchar('\n');
}

static void json_process(const struct vmem_linux_process *process, const struct source *source)
{
	const char *before = ",\"cpus\":[";
	__u32 n;

	out_format("{\"pid\":%u,\"name\":", process->pid);
	out_string(process->comm);
	for (n = 0; next_cpu(source, &n, process->pid); n++) {
		out_format("%s%u", before, n);
		before = ",";
	}
	out_text(*before == ',' && !before[1] ? "]}" : "}");
}

static void json_processes(const struct root *root, const struct source *source)
{
	size_t i;

	if (!root->nr_owners)
		return;
	out_text(",\"processes\":");
	for (i = 0; i < root->nr_owners; i++) {
		out_char(i ? ',' : '[');
		json_process(root->owners[i], source);
	}
	out_char(']');
}

static void json_vcpus(const struct root *root, const struct source *source)
{
	char comma = '[';
	__u64 gpa;
	__u32 n;

	if (root->vcpu < 0)
		return;
	out_format(",\"vcpu\":%d,\"vcpus\":", root->vcpu);
	for (n = 0; next_vcpu(source, &n, &gpa); n++)
		if (gpa == root->gpa) {
			out_format("%c%u", comma, n);
			comma = ',';
		}
	out_char(']');
}

static void print_json(const struct root *root, const struct source *source)
{
	static const char *const ranks[] = { "vcpu", "kernel", "process", "guess" };

	out_format("{\"root\":\"0x%llx\",\"format\":\"%s\",\"by\":\"%s\",\"lower\":%u,\"upper\":%u,\"shared\":%zu,\"leads_to_leaves\":%s",
		   root->gpa, source->format, ranks[rank_of(root)], root->lower, root->upper,
		   root->shared - 1, root->followed ? "true" : "false");
	if (root->absent)
		out_text(source->dump ? ",\"not_in_dump\":true" : ",\"outside\":true");
	if (root->swapper)
		out_text(",\"kernel\":true");
	json_processes(root, source);
	json_vcpus(root, source);
	if (root->pair)
		out_format(",\"half\":\"%s\",\"pair\":\"0x%llx\"",
			   root->gpa & KPTI_USER ? "user" : "kernel", root->pair);
	out_end("}");
}

static char *label_of(const struct root *root, const struct source *source)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		fail("%s", strerror(ENOMEM));
	print_label(out, root, source);
	if (fclose(out) || !text)
		fail("%s", strerror(ENOMEM));
	return text;
}

/*
 * All roots that are known to be some; where Linux tells of none, those too that look like
 * one and share their upper half.
 */
void roots_all(struct source *source)
{
	struct roots roots = gather(source, !linux_list(source));
	size_t i, max = source->info.out_walk_spaces_max;

	say_linux(source);
	source->roots = allocate(NULL, roots.nr, sizeof(*source->roots));
	source->labels = allocate(NULL, roots.nr, sizeof(*source->labels));
	for (i = 0; i < roots.nr; i++) {
		if (rank_of(&roots.root[i]) == RANK_GUESS && roots.root[i].shared == 1)
			continue;
		if (roots.root[i].gpa >= memory_top(source)) {
			note("--all: without the root at 0x%llx, which lies in no memory",
			     roots.root[i].gpa);
			continue;
		}
		source->labels[source->nr_roots] = label_of(&roots.root[i], source);
		source->roots[source->nr_roots++] = roots.root[i].gpa;
	}
	if (!source->nr_roots)
		fail("--all: no root is known, nor does a page look like one that shares its upper half");
	if (source->nr_roots > max)
		note("--all: of %zu roots the first %zu, as `vmem roots' lists them: a walk goes over no more",
		     source->nr_roots, max);
	if (source->nr_roots > max)
		source->nr_roots = max;
	free(roots.root);
	free(roots.owners);
}

int command_roots(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &source_argp, 0, "What is looked at:", 1 },
		{ 0 }
	};
	static const struct argp argp = {
		roots_options, roots_parse, "",
		"Find the roots of address spaces in memory or a dump: those that vCPUs use, that of the kernel and those of its processes, where a Linux tells of them (VMCOREINFO, kallsyms, BTF); and guesses: pages whose entries name tables that lead to leaves, those first that share their upper half with most others."
		"\v"
		"The format is --format, or as registers or Linux say. What a guest tells of itself it may have made up.\n"
		"\n"
		"Exit status: 0 when it was done, even if nothing was found; 1 when it failed; 2 when it was asked for wrongly.",
		children, NULL, NULL
	};
	struct roots_options options = { 0 };
	struct roots roots;
	size_t i;

	source_init(&options.source);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	source_open(&options.source);
	roots = gather(&options.source, true);
	for (i = 0; i < roots.nr; i++)
		if (options.json)
			print_json(&roots.root[i], &options.source);
		else
			print_text(&roots.root[i], &options.source);
	end_output();
	say_linux(&options.source);
	free(roots.root);
	free(roots.owners);
	source_close(&options.source);
	return 0;
}
