// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem walk: all mappings of one or more spaces.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define NR_RECORDS	1024	/* at a time */

enum {
	OPTION_IGNORE_AD = 0x200,
	OPTION_BUDGET,
	OPTION_CAP,
	OPTION_JSON,
	OPTION_NONPRESENT,
	OPTION_NO_FOLD,
	OPTION_ALL,
	OPTION_WX,
};

struct walk_options {
	struct source source;
	struct walk_how how;
};

static const struct argp_option walk_options[] = {
	{ "all", OPTION_ALL, NULL, 0,
	  "All spaces together whose roots are known (`vmem roots' lists them): of vCPUs, of the kernel, of processes; where Linux tells of none, also those that look like a root and share their upper half",
	  1 },
	{ "range", 'a', "START-LAST", 0,
	  "These addresses only, LAST included; or START+LEN", 2 },
	{ "leaves", 'l', NULL, 0,
	  "A record for each leaf entry, not for each run of them", 2 },
	{ "wx", OPTION_WX, NULL, 0,
	  "Only mappings that may be written and executed, by the entries of all levels; what spaces share is told for the first one (--follow: for each)",
	  2 },
	{ "follow", 'F', NULL, 0,
	  "Go into tables that were met before, where else a reference to them is reported",
	  2 },
	{ "ignore-ad", OPTION_IGNORE_AD, NULL, 0,
	  "Accessed and dirty bits that differ don't end a run", 2 },
	{ "nonpresent", OPTION_NONPRESENT, NULL, 0,
	  "Also entries that are not present and hold bits", 2 },
	{ "no-fold", OPTION_NO_FOLD, NULL, 0,
	  "A line for each record, where else one says how often the same comes again",
	  2 },
	{ "budget", OPTION_BUDGET, "TABLES", 0,
	  "End when so many tables were visited", 2 },
	{ "cap", OPTION_CAP, "TABLES", 0,
	  "End when so many tables are remembered", 2 },
	{ "json", OPTION_JSON, NULL, 0, "JSON Lines", 3 },
	{ 0 }
};

static void walk_range(struct walk_options *options, const char *arg,
		       struct argp_state *state)
{
	const char *why;
	__u64 start, last;

	if (!parse_range(arg, &start, &last, &why))
		argp_error(state, "--range %s %s", arg, why);
	options->how.call.start = start;
	options->how.call.last = last;
}

static __u64 walk_number(const char *option, const char *arg,
			 struct argp_state *state)
{
	__u64 value;

	if (!parse_count(arg, &value) || !value)
		argp_error(state, "%s %s is no number of tables", option, arg);
	return value;
}

static void walk_check(struct source *source, struct argp_state *state)
{
	if (!source->all) {
		source_check(source, state);
		return;
	}
	source_check_all(source, state, "--all");
}

static error_t walk_parse(int key, char *arg, struct argp_state *state)
{
	struct walk_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->source;
		return 0;
	case 'a':
		walk_range(options, arg, state);
		return 0;
	case 'l':
		options->how.call.flags |= VMEM_IOC_WALK_LEAVES;
		return 0;
	case 'F':
		options->how.call.flags |= VMEM_IOC_WALK_FOLLOW;
		return 0;
	case OPTION_IGNORE_AD:
		options->how.call.flags |= VMEM_IOC_WALK_IGNORE_AD;
		return 0;
	case OPTION_BUDGET:
		options->how.call.budget = walk_number("--budget", arg, state);
		return 0;
	case OPTION_CAP:
		options->how.call.seen_max = walk_number("--cap", arg, state);
		return 0;
	case OPTION_NONPRESENT:
		options->how.call.flags |= VMEM_IOC_WALK_NONPRESENT;
		return 0;
	case OPTION_WX:
		options->how.wx = true;
		return 0;
	case OPTION_NO_FOLD:
		options->how.no_fold = true;
		return 0;
	case OPTION_JSON:
		options->how.json = true;
		return 0;
	case OPTION_ALL:
		options->source.all = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s is one argument too many", arg);
		return 0;
	case ARGP_KEY_END:
		walk_check(&options->source, state);
		if (options->how.wx && options->how.call.flags & VMEM_IOC_WALK_NONPRESENT)
			argp_error(state, "--wx and --nonpresent: what isn't present isn't mapped");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Is a record to be shown? */
static bool walk_shows(struct view *view, const struct vmem_ioc_record *rec)
{
	if (!view->wx || rec->type == VMEM_IOC_REC_END)
		return true;
	if (rec->type == VMEM_IOC_REC_REFERENCE && is_wx(path_effective(rec->path)))
		view->wx_refs++;
	if (rec->type != VMEM_IOC_REC_MAPPING || !is_wx(rec->effective))
		return false;
	view->nr_wx++;
	if (__builtin_add_overflow(view->wx_bytes, rec->len, &view->wx_bytes))
		view->wx_bytes = UINT64_MAX;
	return true;
}

/* Print what a walk gives. Return: the exit status. */
static int walk_print(struct vmem_walker *walker, const struct source *source,
		      struct view *view, struct hints *hints, bool json)
{
	static struct vmem_ioc_record records[NR_RECORDS];
	bool ended = false;
	int i, nr;

	do {
		nr = vmem_walk_read(walker, records, NR_RECORDS);
		if (nr < 0)
			text_flush(view);
		if (nr < 0)
			fail("the walk broke off: %s", strerror(-nr));
		for (i = 0; i < nr; i++) {
			if (!walk_shows(view, &records[i]))
				;
			else if (json)
				json_record(&records[i], view);
			else
				text_record(&records[i], view);
			hint_record(hints, source, &records[i]);
			ended |= records[i].type == VMEM_IOC_REC_END;
		}
	} while (nr && !ferror(stdout));
	text_flush(view);
	end_output();
	if (!ended)
		fail("the walk broke off");
	return 0;
}

static void walk_open(struct source *source, struct vmem_ioc_walk_create *walk,
		      struct vmem_walker **walker)
{
	int ret;

	walk->size = sizeof(*walk);
	walk->spaces = (uintptr_t)source->spaces;
	walk->nr = source->nr_roots;
	ret = vmem_walk_create(source->guest, walk, walker);
	if (ret == -E2BIG && walk->nr > source->info.out_walk_spaces_max)
		refuse("--root: a walk goes over at most %u spaces",
		       source->info.out_walk_spaces_max);
	if (ret == -E2BIG)
		refuse("--cap: at most %llu tables are remembered",
		       source->info.out_seen_max);
	if (ret == -EOPNOTSUPP && walk->flags & VMEM_IOC_WALK_NONPRESENT)
		fail("--nonpresent: the module is of version %.*s and can't",
		     (int)sizeof(source->info.out_release),
		     source->info.out_release);
	if (ret)
		fail("cannot walk: %s", strerror(-ret));
}

/* A range that has no address but those between both halves. */
static bool walk_range_is_hole(const struct source *source,
			       const struct vmem_ioc_walk_create *walk)
{
	__u64 half = 1ULL << (12 + 9 * source->levels - 1);

	return walk->start >= half && walk->last < -half;
}

/* Print a walk of all spaces of a source. Return: the exit status. */
int walk_show(struct source *source, struct walk_how *how)
{
	struct vmem_ioc_walk_create *walk = &how->call;
	struct view view = {
		.roots		= source->roots,
		.nr_roots	= source->nr_roots,
		.labels		= source->labels,
		.cpu		= &source->cpu,
		.format		= source->format,
		.dump		= source->dump ? source->guest : NULL,
		.last		= walk->last,
		.entries	= walk->flags & VMEM_IOC_WALK_LEAVES,
	};
	struct hints hints = {
		.walked	= !walk->start && walk->last == UINT64_MAX,
	};
	struct vmem_walker *walker;
	int ret;

	view.wx = how->wx;
	view.fold = !how->no_fold && !view.entries;
	walk_open(source, walk, &walker);
	if (how->json)
		json_head(&view);
	else
		text_head();
	ret = walk_print(walker, source, &view, &hints, how->json);
	vmem_walk_close(walker);
	if (walk_range_is_hole(source, walk))
		hint_address(&hints, source, walk->start, true);
	hint_say(&hints, source);
	if (view.wx_refs)
		note("hint: references to tables that were met before grant W and X (%llu): what is in these was told where they were met first, if it is W+X there; --follow looks at each",
		     view.wx_refs);
	return ret;
}

int command_walk(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &source_argp, 0, "What is looked at:", 1 },
		{ 0 }
	};
	static const struct argp argp = {
		walk_options, walk_parse, "",
		"Walk all mappings of one or more spaces: a record for each run of leaves that is contiguous in both addresses and equal in all else."
		"\v"
		"Columns: `leaf' is what the entry itself grants and says, `may' what is left of r w x u over the tables of all levels, at CR0.WP = 1; protection keys, SMEP and SMAP aside.\n"
		"\n"
		"Exit status: 0 when it was done, also when a budget or cap ended it (the last record says so); 1 when it failed; 2 when it was asked for wrongly.",
		children, NULL, NULL
	};
	struct walk_options options = { .how.call.last = UINT64_MAX };
	int ret;

	source_init(&options.source);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	source_open(&options.source);
	ret = walk_show(&options.source, &options.how);
	source_close(&options.source);
	return ret;
}
