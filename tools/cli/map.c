// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem map: new mappings.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
	OPTION_REPLACE = 0x200,
	OPTION_SPLIT,
	OPTION_KEEP,
	OPTION_WIDEN,
	OPTION_NEW_ROOT,
};

struct map_options {
	struct change change;
	__u64 sizes;
};

static const struct argp_option map_options[] = {
	{ "sizes", 's', "SIZE[,SIZE...]", 0,
	  "Pages that may be used, the largest that fits first (4K)", 2 },
	{ "replace", OPTION_REPLACE, NULL, 0, "Replace what is mapped", 2 },
	{ "split", OPTION_SPLIT, NULL, 0,
	  "With --replace, split larger pages that lie in the range in part", 2 },
	{ "keep", OPTION_KEEP, NULL, 0,
	  "Refuse to overwrite entries that are not present but hold something",
	  2 },
	{ "widen", OPTION_WIDEN, NULL, 0,
	  "Where an entry above grants less than is needed, make it grant that",
	  2 },
	{ "new-root", OPTION_NEW_ROOT, NULL, 0,
	  "In a new space, instead of that of --root", 2 },
	{ 0 }
};

static error_t map_parse(int key, char *arg, struct argp_state *state)
{
	struct map_options *options = state->input;
	const char *why;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->change;
		return 0;
	case 's':
		if (!parse_sizes(arg, &options->sizes, &why))
			argp_error(state, "--sizes %s %s", arg, why);
		return 0;
	case OPTION_REPLACE:
		options->change.replace = true;
		return 0;
	case OPTION_SPLIT:
		options->change.split = true;
		return 0;
	case OPTION_KEEP:
		options->change.keep = true;
		return 0;
	case OPTION_WIDEN:
		options->change.widen = true;
		return 0;
	case OPTION_NEW_ROOT:
		options->change.new_root = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The same entry in each of the smallest pages, one that isn't present. */
static void map_raw(struct vmem_ioc_mapping *mapping, const char *text)
{
	const char *why;

	if (!parse_address(text, &mapping->gpa, &why))
		refuse("entry=%s %s", text, why);
	mapping->kind = VMEM_IOC_KIND_RAW;
	if (!mapping->gpa)
		refuse("entry=%s holds nothing: `vmem unmap' makes that", text);
	if (mapping->gpa & 1)
		refuse("entry=%s is present: what it maps is told by GPA and ATTRS",
		       text);
}

static void map_leaves(struct map_options *options,
		       struct vmem_ioc_mapping *mapping, const char *gpa,
		       const char *text)
{
	const struct source *source = &options->change.source;
	struct attrs attrs;
	const char *why;
	unsigned int i;
	__u64 smallest;

	if (!parse_address(gpa, &mapping->gpa, &why))
		refuse("%s %s", gpa, why);
	if (!parse_attrs(text, &source->cpu, &attrs, &why))
		refuse("%s %s", text, why);
	if (source->cpu.flags & VMEM_IOC_SPACE_NXE_OFF &&
	    !(attrs.attrs & VMEM_IOC_ATTR_X))
		refuse("%s lacks x: with --cpu no-nx all can be executed", text);
	if (attrs.nr_path >= source->levels)
		refuse("%s: a path has at most %u parts", text,
		       source->levels - 1);
	smallest = options->sizes ? options->sizes & -options->sizes : 4096;
	if ((mapping->va | mapping->gpa | mapping->len) & (smallest - 1))
		refuse("%016llx and %s are not of whole pages of the smallest of --sizes",
		       mapping->va, gpa);

	mapping->kind = attrs.cow ? VMEM_IOC_KIND_COW : VMEM_IOC_KIND_BASIC;
	mapping->attrs = attrs.attrs;
	mapping->page_sizes = options->sizes;
	if (attrs.ad)
		mapping->flags |= VMEM_IOC_MAPPING_AD;
	if (attrs.nr_path)
		mapping->flags |= VMEM_IOC_MAPPING_PATH;
	for (i = 0; i < attrs.nr_path; i++)
		mapping->path |= attrs.path[i] <<
				 VMEM_IOC_PATH_SHIFT(source->levels - 1 - i);
	options->change.path |= attrs.nr_path;
	options->change.needs |= attrs.attrs & 0xf;
}

/* RANGE GPA ATTRS or RANGE entry=ENTRY, again and again. */
static void map_list(struct map_options *options, struct vmem_ioc_map *map)
{
	struct change *change = &options->change;
	struct vmem_ioc_mapping *list = NULL, *mapping;
	size_t i = 0;
	__u64 last;

	while (i < change->nr_args) {
		char **args = &change->args[i];
		size_t nr = change->nr_args - i;

		list = allocate(list, map->nr + 1, sizeof(*list));
		mapping = &list[map->nr++];
		*mapping = (struct vmem_ioc_mapping){ 0 };
		change_range(change, args[0], &mapping->va, &last);
		mapping->len = last - mapping->va + 1;
		if (nr >= 2 && !strncmp(args[1], "entry=", 6)) {
			map_raw(mapping, args[1] + 6);
			change->verb = "mapped, or given an entry that is not present";
			i += 2;
			continue;
		}
		if (nr < 3)
			refuse("behind %s comes GPA ATTRS, like 0x8000 rw-u, or entry=ENTRY",
			       args[0]);
		map_leaves(options, mapping, args[1], args[2]);
		i += 3;
	}
	if (!map->nr)
		refuse("nothing to map: RANGE GPA ATTRS, like 0x400000+8K 0x8000 rw-u");
	if (map->nr > change->source.info.out_map_max)
		refuse("more than %u mappings", change->source.info.out_map_max);
	map->mappings = (uintptr_t)list;
}

int command_map(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &change_argp, 0, NULL, 0 },
		{ 0 }
	};
	static const struct argp argp = {
		map_options, map_parse, "RANGE GPA ATTRS...\nRANGE entry=ENTRY...",
		"Map ranges of addresses to guest-physical memory from GPA on; or write an entry that is not present, the same for each page of 4K. All of the list is done, or nothing."
		"\v"
		"ATTRS is as a walk prints leaves: letters of rwxugadct, and behind commas cow, pat, encrypted, shared, key=N, soft=N, path=rwxu/rwxu/rwxu. All nine letters, with - for what is not there, say all; where fewer are given, pages are accessed and dirty.\n"
		"\n"
		"Without --write, what would change is told, and no file is written to.\n"
		"\n"
		"Exit status: 0 when it was done, or can be; 1 when it was refused; 2 when it was asked for wrongly.",
		children, NULL, NULL
	};
	struct map_options options = { 0 };
	struct change *change = &options.change;
	struct vmem_ioc_map map = {
		.size	= sizeof(map),
		.flags	= VMEM_IOC_MAP_ATOMIC,
	};
	int ret;

	change_init(change, "mapped");
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	change->invalid = "the mappings overlap, or a table is shown at places that exclude each other";
	change_open(change);
	change_sizes(change, options.sizes);
	map_list(&options, &map);
	map.space = change->draft.spaces[change->space];
	if (change->replace)
		map.flags |= VMEM_IOC_MAP_REPLACE;
	if (change->split)
		map.flags |= VMEM_IOC_MAP_SPLIT;
	if (change->keep)
		map.flags |= VMEM_IOC_MAP_KEEP;
	if (change->widen)
		map.flags |= VMEM_IOC_MAP_WIDEN;
	if (change->alone)
		map.flags |= VMEM_IOC_MAP_ALONE;
	ret = vmem_space_map(change->draft.guest, &map);
	return change_end(change, ret, &map.change);
}
