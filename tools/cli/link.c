// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem link: one table at two places; or, with --unshare, a table of its own for
 * a place.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
	OPTION_REPLACE = 0x200,
	OPTION_MAKE,
	OPTION_UNSHARE,
	OPTION_NEW_ROOT,
};

struct link_options {
	struct change change;
	bool make;
	bool unshare;
};

static const struct argp_option link_options[] = {
	{ "make", OPTION_MAKE, NULL, 0,
	  "Make an empty table, where ROOT has none at VA", 2 },
	{ "unshare", OPTION_UNSHARE, NULL, 0,
	  "Give this place a copy of the table that it shows, of its own", 2 },
	{ "replace", OPTION_REPLACE, NULL, 0, "Unmap first what is there", 2 },
	{ "new-root", OPTION_NEW_ROOT, NULL, 0,
	  "In a new space, instead of that of --root", 2 },
	{ 0 }
};

static error_t link_parse(int key, char *arg, struct argp_state *state)
{
	struct link_options *options = state->input;
	size_t nr = options->change.nr_args;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->change;
		return 0;
	case OPTION_REPLACE:
		options->change.replace = true;
		return 0;
	case OPTION_MAKE:
		options->make = true;
		return 0;
	case OPTION_UNSHARE:
		options->unshare = true;
		return 0;
	case OPTION_NEW_ROOT:
		options->change.new_root = true;
		return 0;
	case ARGP_KEY_END:
		if (options->unshare && (nr != 1 || options->make ||
					 options->change.replace ||
					 options->change.new_root))
			argp_error(state, "--unshare goes with RANGE, and with nothing of another place");
		if (!options->unshare && nr != 3 && nr != 4)
			argp_error(state, "the arguments are RANGE ROOT VA [GRANTS], like 0x40000000+1G 0x1000 0");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The depth of the table that spans as much as the range does. */
static __u32 link_depth(const struct change *change, const char *text, __u64 *va)
{
	unsigned int level, levels = change->source.levels;
	char size[24], list[64] = "";
	__u64 last;

	change_range(change, text, va, &last);
	for (level = 0; level < levels - 1; level++) {
		__u64 span = 1ULL << (12 + 9 * (level + 1));

		if (last - *va + 1 == span && !(*va & (span - 1)))
			return levels - 1 - level;
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "%s%s", level ? ", " : "", show_size(span, size));
	}
	refuse("%s is no table's span: %s", text, list);
}

/* The space that has the table: it comes first, so that ours refers to it. */
static void link_owner(struct change *change, const char *text)
{
	struct source *source = &change->source;
	const char *why;
	__u64 root;

	if (!parse_address(text, &root, &why))
		refuse("%s %s", text, why);
	root = cpu_root(&source->cpu, root);
	if (source->nr_roots && cpu_root(&source->cpu, source->roots[0]) == root)
		return;
	source->roots = allocate(source->roots, source->nr_roots + 1,
				 sizeof(root));
	if (source->nr_roots)
		source->roots[1] = source->roots[0];
	source->roots[0] = root;
	source->nr_roots++;
	change->space = 1;
}

static void link_path(const struct change *change, struct vmem_ioc_link *link,
		      const char *text)
{
	unsigned int level = change->source.levels - link->depth;
	__u32 grants;

	if (!parse_grants(text, &grants))
		refuse("%s is nothing that entries can grant, like rwxu or r-x-",
		       text);
	for (; level < change->source.levels; level++)
		link->path |= grants << VMEM_IOC_PATH_SHIFT(level);
	link->path_given = 1;
}

int command_link(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &change_argp, 0, NULL, 0 },
		{ 0 }
	};
	static const struct argp argp = {
		link_options, link_parse, "RANGE ROOT VA [GRANTS]\n--unshare RANGE",
		"Show the table that the space of ROOT has at VA in a range of the space of --root, too, as a walk prints references; its depth is that of a table that spans the range. Entries that are made for that grant GRANTS, or all but u. Only tables that vmem made can be linked, and so in files those that --make makes."
		"\v"
		"Without --write, what would change is told, and no file is written to.\n"
		"\n"
		"Exit status: 0 when it was done, or can be; 1 when it was refused; 2 when it was asked for wrongly.",
		children, NULL, NULL
	};
	struct link_options options = { 0 };
	struct change *change = &options.change;
	struct vmem_ioc_link link = { .size = sizeof(link) };
	const char *why;
	int ret;

	change_init(change, "changed");
	change->linked = true;
	change->invalid = "the table is of the guest's own making, or its address is not that of its begin";
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!options.unshare)
		link_owner(change, change->args[1]);
	change_open(change);
	link.depth = link_depth(change, change->args[0], &link.our_va);
	link.space = change->draft.spaces[change->space];
	if (options.unshare) {
		link.flags = VMEM_IOC_LINK_UNSHARE;
	} else {
		link.owner = change->draft.spaces[0];
		if (!parse_address(change->args[2], &link.their_va, &why))
			refuse("%s %s", change->args[2], why);
		if (change->nr_args == 4)
			link_path(change, &link, change->args[3]);
	}
	change->path = link.path_given;
	if (options.make)
		link.flags |= VMEM_IOC_LINK_MAKE;
	if (change->replace)
		link.flags |= VMEM_IOC_LINK_REPLACE;
	if (change->alone)
		link.flags |= VMEM_IOC_LINK_ALONE;
	ret = vmem_space_link(change->draft.guest, &link);
	return change_end(change, ret, &link.change);
}
