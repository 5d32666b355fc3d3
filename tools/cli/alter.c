// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem unmap, protect and promote: another state for what a range maps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
	OPTION_SPLIT = 0x200,
	OPTION_WIDEN,
};

/**
 * struct alter - one of the three
 * @change:	what it has in common with the others
 * @usage:	its arguments, for errors
 * @nr_args:	how many it has
 * @sizes:	promote: pages that may come to be
 */
struct alter {
	struct change change;
	const char *usage;
	size_t nr_args;
	__u64 sizes;
};

#define SPLIT_OPTION \
	{ "split", OPTION_SPLIT, NULL, 0, \
	  "Split larger pages that lie in the range in part", 2 }

static const struct argp_option unmap_options[] = {
	SPLIT_OPTION,
	{ 0 }
};

static const struct argp_option protect_options[] = {
	SPLIT_OPTION,
	{ "widen", OPTION_WIDEN, NULL, 0,
	  "Where an entry above grants less than is set, make it grant that", 2 },
	{ 0 }
};

static const struct argp_option promote_options[] = {
	{ "sizes", 's', "SIZE[,SIZE...]", 0,
	  "Pages that may come to be (all that there are)", 2 },
	{ 0 }
};

static error_t alter_parse(int key, char *arg, struct argp_state *state)
{
	struct alter *alter = state->input;
	const char *why;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &alter->change;
		return 0;
	case OPTION_SPLIT:
		alter->change.split = true;
		return 0;
	case OPTION_WIDEN:
		alter->change.widen = true;
		return 0;
	case 's':
		if (!parse_sizes(arg, &alter->sizes, &why))
			argp_error(state, "--sizes %s %s", arg, why);
		return 0;
	case ARGP_KEY_END:
		if (alter->change.nr_args != alter->nr_args)
			argp_error(state, "the arguments are %s", alter->usage);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child alter_children[] = {
	{ &change_argp, 0, NULL, 0 },
	{ 0 }
};

#define ALTER_TEXT \
	"\v" \
	"Without --write, what would change is told, and no file is written to.\n" \
	"\n" \
	"Exit status: 0 when it was done, or can be; 1 when it was refused; 2 when it was asked for wrongly."

/* What all flags of ranges are, but for those of one call only. */
static __u32 alter_flags(const struct change *change)
{
	return (change->split ? VMEM_IOC_RANGE_SPLIT : 0) |
	       (change->widen ? VMEM_IOC_RANGE_WIDEN : 0) |
	       (change->alone ? VMEM_IOC_RANGE_ALONE : 0);
}

static void alter_open(struct alter *alter, const struct argp *argp, int argc,
		       char **argv)
{
	alter->change.invalid = "a table is shown at places that exclude each other";
	argp_parse(argp, argc, argv, 0, NULL, alter);
	change_open(&alter->change);
}

int command_unmap(int argc, char **argv)
{
	static const struct argp argp = {
		unmap_options, alter_parse, "RANGE",
		"Unmap a range of addresses. A hole is no error; entries that are not present but hold something are zeroed. Tables of the guest's own stay, also when they become empty."
		ALTER_TEXT, alter_children, NULL, NULL
	};
	struct alter alter = { .usage = "RANGE", .nr_args = 1 };
	struct change *change = &alter.change;
	struct vmem_ioc_unmap unmap = { .size = sizeof(unmap) };
	int ret;

	change_init(change, "unmapped");
	alter_open(&alter, &argp, argc, argv);
	change_range(change, change->args[0], &unmap.start, &unmap.last);
	unmap.space = change->draft.spaces[change->space];
	unmap.flags = alter_flags(change);
	ret = vmem_space_unmap(change->draft.guest, &unmap);
	return change_end(change, ret, &unmap.change);
}

/*
 * -w is what is to be cleared and no option: those of one letter are others. An
 * empty item before it says so.
 */
static void protect_arguments(int argc, char **argv)
{
	static const struct cpu any = {
		.flags = 0, .enc_bit = 51, .cow = 1,
	};
	__u32 set, clear;
	const char *why;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		char *text;

		if (argv[i][0] != '-' ||
		    !parse_attr_change(argv[i], &any, &set, &clear, &why))
			continue;
		if (asprintf(&text, ",%s", argv[i]) < 0)
			fail("%s", strerror(ENOMEM));
		argv[i] = text;
	}
}

int command_protect(int argc, char **argv)
{
	static const struct argp argp = {
		protect_options, alter_parse, "RANGE CHANGE",
		"Set and clear attributes of what is mapped in a range. CHANGE is + or - and letters of rwxugadct, or a word: cow, pat, encrypted, shared, soft=N; again and again, as in +w-x or -wx,+pat; and key=N. What is not mapped stays so."
		ALTER_TEXT, alter_children, NULL, NULL
	};
	struct alter alter = { .usage = "RANGE CHANGE", .nr_args = 2 };
	struct change *change = &alter.change;
	struct vmem_ioc_protect protect = { .size = sizeof(protect) };
	const char *why, *text;
	int ret;

	change_init(change, "changed");
	protect_arguments(argc, argv);
	alter_open(&alter, &argp, argc, argv);
	change_range(change, change->args[0], &protect.start, &protect.last);
	text = change->args[1];
	if (!parse_attr_change(text, &change->source.cpu, &protect.set,
			       &protect.clear, &why))
		refuse("%s %s", *text == ',' ? text + 1 : text, why);
	protect.space = change->draft.spaces[change->space];
	protect.flags = alter_flags(change);
	change->needs = protect.set & 0xf;
	ret = vmem_space_protect(change->draft.guest, &protect);
	return change_end(change, ret, &protect.change);
}

int command_promote(int argc, char **argv)
{
	static const struct argp argp = {
		promote_options, alter_parse, "RANGE",
		"Merge small pages to larger ones, where all of a larger one is there, contiguous and equal but for accessed and dirty bits. Tables of the guest's own stay, with nothing that names them."
		ALTER_TEXT, alter_children, NULL, NULL
	};
	struct alter alter = { .usage = "RANGE", .nr_args = 1 };
	struct change *change = &alter.change;
	struct vmem_ioc_promote promote = { .size = sizeof(promote) };
	unsigned int level;
	int ret;

	change_init(change, "promoted");
	alter_open(&alter, &argp, argc, argv);
	change_sizes(change, alter.sizes);
	if (alter.sizes & 4096)
		refuse("--sizes: nothing is promoted to pages of 4K");
	for (level = 1; level < change->source.levels; level++)
		if (alter.sizes >> (12 + 9 * level) & 1)
			promote.leaf_levels |= 1U << level;
	change_range(change, change->args[0], &promote.start, &promote.last);
	promote.space = change->draft.spaces[change->space];
	promote.flags = alter_flags(change);
	ret = vmem_space_promote(change->draft.guest, &promote);
	return change_end(change, ret, &promote.change);
}
