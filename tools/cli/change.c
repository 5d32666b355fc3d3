// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the commands that change have in common: their options, and what is told
 * of a change. Each makes one call, on a draft of the memory; what it did is read
 * off the draft, and goes to the files only when that was asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define TABLE_SIZE	4096ULL
#define NR_ENTRIES	512
#define TAKEN_MAX	4	/* tables that are told one by one */

enum {
	OPTION_MOVABLE = 0x300,
	OPTION_ALONE,
	OPTION_WRITE,
	OPTION_FORCE,
	OPTION_ENTRIES,
	OPTION_JSON,
};

static const struct argp_option change_options[] = {
	{ "pool", 'p', "RANGE", 0,
	  "New tables come from here: START-LAST or START+LEN of the guest's memory, which must be free in the guest. Pages that hold anything are left out. May be given again",
	  2 },
	{ "force", OPTION_FORCE, NULL, 0,
	  "Take pages of --pool that hold something, too", 2 },
	{ "movable", OPTION_MOVABLE, NULL, 0,
	  "Write to no table that is there: what has to change is copied to --pool first, the root included",
	  2 },
	{ "alone", OPTION_ALONE, NULL, 0,
	  "No other root and no other address reaches the tables that are changed: less has to be flushed",
	  2 },
	{ "write", OPTION_WRITE, NULL, 0,
	  "Write it to the files; without it is told what would change", 3 },
	{ "entries", 'e', NULL, 0, "Show each entry that changes", 3 },
	{ "json", OPTION_JSON, NULL, 0, "JSON Lines", 3 },
	{ 0 }
};

static void change_pool(struct change *change, const char *arg,
			struct argp_state *state)
{
	struct vmem_ioc_range *range;
	const char *why;
	__u64 start, last;

	if (!parse_range(arg, &start, &last, &why))
		argp_error(state, "--pool %s %s", arg, why);
	if (start % TABLE_SIZE || (last + 1) % TABLE_SIZE)
		argp_error(state, "--pool %s is not of whole pages of 4K", arg);
	change->pools = allocate(change->pools, change->nr_pools + 1,
				 sizeof(*change->pools));
	range = &change->pools[change->nr_pools++];
	range->gpa = start;
	range->len = last - start + 1;
}

/* The files of a change are kept open, by this process. */
void change_keep(struct change *change, struct argp_state *state)
{
	struct source *source = &change->source;
	size_t i;

	if (source->kernel)
		argp_error(state, "--kernel: memory in files is changed by this process alone");
	for (i = 0; i < source->nr_memories; i++) {
		source->memories[i].keep = true;
		source->memories[i].write = change->write;
	}
}

static void change_check(struct change *change, struct argp_state *state)
{
	struct source *source = &change->source;

	change_keep(change, state);
	if (change->new_root)
		source_check_memory(source, state);
	else
		source_check(source, state);
	if (change->new_root && source->nr_roots)
		argp_error(state, "--root and --new-root: it is one space that is changed");
	if (source->nr_roots > 1)
		argp_error(state, "--root: it is one space that is changed");
	if (change->new_root && !change->nr_pools)
		argp_error(state, "--new-root: the root is a page of --pool");
}

static error_t change_parse(int key, char *arg, struct argp_state *state)
{
	struct change *change = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &change->source;
		return 0;
	case 'p':
		change_pool(change, arg, state);
		return 0;
	case OPTION_FORCE:
		change->force = true;
		return 0;
	case OPTION_MOVABLE:
		change->movable = true;
		return 0;
	case OPTION_ALONE:
		change->alone = true;
		return 0;
	case OPTION_WRITE:
		change->write = true;
		return 0;
	case 'e':
		change->entries = true;
		return 0;
	case OPTION_JSON:
		change->json = true;
		return 0;
	case ARGP_KEY_ARG:
		change->args = allocate(change->args, change->nr_args + 1,
					sizeof(*change->args));
		change->args[change->nr_args++] = arg;
		return 0;
	case ARGP_KEY_END:
		change_check(change, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child change_children[] = {
	{ &source_argp, 0, "What is changed:", 1 },
	{ 0 }
};

const struct argp change_argp = { change_options, change_parse, NULL, NULL,
				  change_children, NULL, NULL };

void change_init(struct change *change, const char *verb)
{
	*change = (struct change){ .verb = verb };
	source_init(&change->source);
}

/* A range of addresses that is to be changed, as it was typed. */
void change_range(const struct change *change, const char *text, __u64 *start,
		  __u64 *last)
{
	__u64 half = 1ULL << (12 + 9 * change->source.levels - 1);
	const char *why;

	if (!parse_range(text, start, last, &why))
		refuse("%s %s", text, why);
	if (*start % TABLE_SIZE || (*last + 1) % TABLE_SIZE)
		refuse("%s is not of whole pages of 4K", text);
	if ((*start >= half && *start < -half) || (*last >= half && *last < -half))
		refuse("%s is non-canonical: %s has no addresses from %016llx to %016llx",
		       text, change->source.format, half, -half - 1);
}

/* Can the format have pages of these sizes? */
void change_sizes(const struct change *change, __u64 sizes)
{
	__u64 not = sizes & ~change->source.page_sizes;
	char size[24];

	if (not)
		refuse("--sizes: %s has no pages of %s", change->source.format,
		       show_size(not & -not, size));
}

void change_open(struct change *change)
{
	const char *dump = memory_dump(&change->source);

	if (dump)
		fail("%s: is not raw memory but %s, which is only read",
		     change->source.memories[0].path, dump);
	source_open(&change->source);
	if (change->source.dump)
		fail("%s: is a dump, and dumps aren't changed: raw memory is",
		     change->source.memories[0].path);
	draft_open(change);
}

static const char *const flushes[] = {
	[VMEM_IOC_FLUSH_NONE]	= "none",
	[VMEM_IOC_FLUSH_RANGE]	= "range",
	[VMEM_IOC_FLUSH_ALL]	= "all",
};

static const char *const reasons[] = {
	[0]			 = "",
	[VMEM_IOC_SKIP_HOLES]	 = "holes",
	[VMEM_IOC_SKIP_APART]	 = "apart",
	[VMEM_IOC_SKIP_ATTRS]	 = "attributes",
	[VMEM_IOC_SKIP_UNALIGNED] = "unaligned",
	[VMEM_IOC_SKIP_TABLES]	 = "tables",
	[VMEM_IOC_SKIP_SHARED]	 = "shared",
};

/* Why most of the tables that stay do. */
static const char *const reason_texts[] = {
	[0]			 = "",
	[VMEM_IOC_SKIP_HOLES]	 = "entries that map nothing",
	[VMEM_IOC_SKIP_APART]	 = "pages that lie apart",
	[VMEM_IOC_SKIP_ATTRS]	 = "attributes that differ",
	[VMEM_IOC_SKIP_UNALIGNED] = "pages that lie across larger ones",
	[VMEM_IOC_SKIP_TABLES]	 = "tables below that stay",
	[VMEM_IOC_SKIP_SHARED]	 = "tables that others have",
};

/* The entries of a block that differ. Return: how many. */
static __u64 show_block(const struct change *change, const struct block *block)
{
	__u64 gpa = draft_gpa(change, block), nr = 0, old, new;
	unsigned int slot;

	for (slot = 0; slot < NR_ENTRIES; slot++) {
		old = draft_entry(change, block, slot, false);
		new = draft_entry(change, block, slot, true);
		if (old == new)
			continue;
		nr++;
		if (!change->entries)
			continue;
		if (change->json)
			printf("{\"gpa\":\"0x%llx\",\"old\":\"0x%llx\",\"new\":\"0x%llx\"}\n",
			       gpa + 8 * slot, old, new);
		else
			printf("entry %012llx: %016llx -> %016llx\n",
			       gpa + 8 * slot, old, new);
	}
	return nr;
}

/* The entries that differ, if the draft was compared; and they are written, if that was asked. */
static __u64 change_write(struct change *change)
{
	__u64 entries = 0;
	size_t i;

	for (i = 0; i < change->draft.nr_blocks; i++)
		entries += show_block(change, &change->draft.blocks[i]);
	if (change->write)
		draft_write(change);
	return entries;
}

/* Where the tables are that came from the pool. Return: how many. */
static __u64 show_taken(const struct change *change)
{
	const struct draft *draft = &change->draft;
	__u64 gpa = 0, end = 0, taken = pool_taken(draft), nr;
	size_t range = 0;

	for (nr = 0; nr < taken; nr++, gpa += TABLE_SIZE) {
		if (gpa == end) {
			gpa = draft->ranges[range].gpa;
			end = gpa + draft->ranges[range++].len;
		}
		if (change->json)
			printf("%s\"0x%llx\"", nr ? "," : "", gpa);
		else if (nr < TAKEN_MAX)
			printf("%s0x%llx", nr ? ", " : "", gpa);
	}
	if (!change->json && taken > TAKEN_MAX)
		printf(" and %llu more", taken - TAKEN_MAX);
	return taken;
}

static void json_outcome(const struct change *change,
			 const struct vmem_ioc_change *answer, __u64 entries)
{
	printf("{\"done\":{\"pages\":%llu,\"tables\":[", answer->out_pages);
	show_taken(change);
	printf("],\"moved\":%s,\"freed\":%s,\"unshared\":%s,\"overwritten\":%llu,\"dirty\":%llu",
	       answer->out_changes & VMEM_IOC_CHANGE_MOVED ? "true" : "false",
	       answer->out_changes & VMEM_IOC_CHANGE_FREED ? "true" : "false",
	       answer->out_changes & VMEM_IOC_CHANGE_UNSHARED ? "true" : "false",
	       answer->out_overwritten, answer->out_dirty);
	if (answer->out_skip_reason)
		printf(",\"skipped\":%llu,\"skip_reason\":\"%s\"",
		       answer->out_skipped, reasons[answer->out_skip_reason]);
	printf(",\"flush\":\"%s\"", flushes[answer->out_flush]);
	if (answer->out_flush == VMEM_IOC_FLUSH_RANGE)
		printf(",\"start\":\"0x%llx\",\"last\":\"0x%llx\"",
		       answer->out_flush_start, answer->out_flush_last);
	printf(",\"root\":\"0x%llx\",\"entries\":%llu,\"written\":%s}}\n",
	       answer->out_root, entries, change->write ? "true" : "false");
}

static void text_skipped(const struct vmem_ioc_change *answer)
{
	char count[32];

	if (answer->out_skip_reason)
		printf("%s %s not promoted, most for %s\n",
		       show_count(answer->out_skipped, count),
		       answer->out_skipped == 1 ? "table" : "tables",
		       reason_texts[answer->out_skip_reason]);
}

static void text_flush_of(const struct vmem_ioc_change *answer)
{
	if (answer->out_flush == VMEM_IOC_FLUSH_NONE)
		puts("to be flushed: nothing");
	else if (answer->out_flush == VMEM_IOC_FLUSH_RANGE)
		printf("to be flushed: %016llx-%016llx of this space, by vCPUs that ran in it\n",
		       answer->out_flush_start, answer->out_flush_last);
	else
		puts("to be flushed: everything, by all vCPUs");
}

static void text_entries(const struct change *change, __u64 entries)
{
	char count[32];

	printf("%s %s %s\n", show_count(entries, count),
	       entries == 1 ? "entry" : "entries",
	       change->write ? "written" :
	       "to be written: --write does that, nothing was written");
}

static void text_outcome(const struct change *change,
			 const struct vmem_ioc_change *answer, __u64 entries)
{
	char count[32];

	if (answer->out_pages || !change->linked)
		printf("%s %s %s\n", show_count(answer->out_pages, count),
		       answer->out_pages == 1 ? "page of 4K" : "pages of 4K",
		       change->verb);
	fputs("tables from the pool: ", stdout);
	puts(show_taken(change) ? "" : "none");
	text_skipped(answer);
	if (answer->out_overwritten)
		printf("%s %s not present and held something\n",
		       show_count(answer->out_overwritten, count),
		       answer->out_overwritten == 1 ?
		       "overwritten entry was" : "overwritten entries were");
	if (answer->out_dirty)
		printf("%s %s not writable any more, nor dirty\n",
		       show_count(answer->out_dirty, count),
		       answer->out_dirty == 1 ? "dirty page is" :
						"dirty pages are");
	text_flush_of(answer);
	if (change->new_root)
		printf("the new root: 0x%llx\n", answer->out_root);
	else if (answer->out_root != change->source.roots[change->space])
		printf("the root moved: CR3 must be 0x%llx\n", answer->out_root);
	text_entries(change, entries);
}

/**
 * change_end() - tell what a call did to the draft, and write it if that was asked
 * @change:	the change
 * @ret:	what the call returned
 * @answer:	what it answered
 *
 * Return: the exit status.
 */
int change_end(struct change *change, int ret,
	       const struct vmem_ioc_change *answer)
{
	struct draft *draft = &change->draft;
	__u64 entries;

	if (ret) {
		why_show(change, ret, answer);
		return EXIT_FAILED;
	}
	draft->roots[change->space] = answer->out_root;
	draft_compare(change);
	if (!diff_show(change))
		note("the walk of what changed is not complete: more tables than can be remembered");
	entries = change_write(change);
	if (change->json)
		json_outcome(change, answer, entries);
	else
		text_outcome(change, answer, entries);
	end_output();
	return 0;
}

/* Tell which entries accesses changed in the draft, and write them if that was asked. */
void change_end_set(struct change *change)
{
	__u64 entries;

	draft_compare(change);
	entries = change_write(change);
	if (change->json)
		printf("{\"done\":{\"entries\":%llu,\"written\":%s}}\n", entries,
		       change->write ? "true" : "false");
	else
		text_entries(change, entries);
}
