// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem translate: what addresses of a space translate to.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
	OPTION_JSON = 0x200,
};

struct translate_options {
	struct source source;
	__u64 *vas;
	size_t nr;
	bool json;
};

static const struct argp_option translate_options[] = {
	{ "json", OPTION_JSON, NULL, 0, "JSON Lines", 3 },
	{ 0 }
};

static error_t translate_parse(int key, char *arg, struct argp_state *state)
{
	struct translate_options *options = state->input;
	__u64 va;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->source;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!parse_u64(arg, &va))
			argp_error(state, "%s is no address (hexadecimal ones begin with 0x)",
				   arg);
		options->vas = allocate(options->vas, options->nr + 1,
					sizeof(va));
		options->vas[options->nr++] = va;
		return 0;
	case ARGP_KEY_END:
		source_check(&options->source, state);
		if (options->source.nr_roots > 1)
			argp_error(state, "--root: addresses are translated in one space");
		if (!options->nr)
			argp_error(state, "no address to translate");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *const statuses[] = {
	[VMEM_IOC_OK]			= "ok",
	[VMEM_IOC_NOT_PRESENT]		= "not-present",
	[VMEM_IOC_NON_CANONICAL]	= "non-canonical",
	[VMEM_IOC_RESERVED]		= "reserved",
	[VMEM_IOC_OUTSIDE]		= "outside",
};

static void json_result(__u64 va, const struct vmem_ioc_result *result)
{
	char leaf[ATTRS_LEAF + 1], effective[ATTRS_PATH + 1];

	printf("{\"va\":\"0x%llx\",\"status\":\"%s\",\"level\":%u", va,
	       statuses[result->status], result->level);
	if (result->status == VMEM_IOC_OK)
		printf(",\"gpa\":\"0x%llx\",\"page\":%llu,\"leaf\":\"%s\",\"effective\":\"%s\",\"kind\":\"%s\"",
		       result->gpa, 1ULL << result->page_lg2,
		       show_attrs(result->leaf, ATTRS_LEAF, leaf),
		       show_attrs(result->effective, ATTRS_PATH, effective),
		       result->leaf & VMEM_IOC_ATTR_COW ? "cow" : "basic");
	if (result->status != VMEM_IOC_NON_CANONICAL)
		printf(",\"entry\":\"0x%llx\"", result->entry);
	if (result->flags & VMEM_IOC_RESULT_OUTSIDE)
		fputs(",\"outside\":true", stdout);
	puts("}");
}

static void text_result(__u64 va, const struct vmem_ioc_result *result,
			unsigned int levels)
{
	char leaf[ATTRS_LEAF + 1], effective[ATTRS_PATH + 1], page[24];

	printf("%016llx  ", va);
	switch (result->status) {
	case VMEM_IOC_OK:
		printf("%012llx %4s  %s  %s%s%s\n", result->gpa,
		       show_size(1ULL << result->page_lg2, page),
		       show_attrs(result->leaf, ATTRS_LEAF, leaf),
		       show_attrs(result->effective, ATTRS_PATH, effective),
		       result->leaf & VMEM_IOC_ATTR_COW ? "  cow" : "",
		       result->flags & VMEM_IOC_RESULT_OUTSIDE ? "  outside" : "");
		break;
	case VMEM_IOC_NOT_PRESENT:
		printf("not present: entry %016llx of level %u\n",
		       result->entry, result->level);
		break;
	case VMEM_IOC_NON_CANONICAL:
		puts("non-canonical");
		break;
	case VMEM_IOC_OUTSIDE:
		if (result->level == levels)
			printf("outside: the root at 0x%llx\n", result->entry);
		else
			printf("outside: the table that entry %016llx of level %u names\n",
			       result->entry, result->level);
		break;
	default:
		printf("malformed: entry %016llx of level %u has a reserved bit set\n",
		       result->entry, result->level);
	}
}

/* As many at once as the back end takes. */
static void translate(struct translate_options *options,
		      struct vmem_ioc_result *results)
{
	struct source *source = &options->source;
	size_t done, nr;
	int ret;

	for (done = 0; done < options->nr; done += nr) {
		struct vmem_ioc_translate call = {
			.size		= sizeof(call),
			.space		= source->spaces[0],
			.vas		= (uintptr_t)&options->vas[done],
			.results	= (uintptr_t)&results[done],
		};

		nr = options->nr - done;
		if (nr > source->info.out_translate_max)
			nr = source->info.out_translate_max;
		call.nr = nr;
		ret = vmem_space_translate(source->guest, &call);
		if (ret)
			fail("cannot translate: %s", strerror(-ret));
	}
}

int command_translate(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &source_argp, 0, "What is looked at:", 1 },
		{ 0 }
	};
	static const struct argp argp = {
		translate_options, translate_parse, "VA...",
		"Translate addresses of a space."
		"\v"
		"Exit status: 0 when all were looked up, whatever came of it; 1 when that failed; 2 when it was asked for wrongly.",
		children, NULL, NULL
	};
	struct translate_options options = { 0 };
	struct vmem_ioc_result *results;
	unsigned int levels;
	size_t i;

	source_init(&options.source);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	source_open(&options.source);
	levels = options.source.levels;
	results = allocate(NULL, options.nr, sizeof(*results));
	translate(&options, results);

	if (options.json) {
		const struct view view = {
			.roots = options.source.roots, .nr_roots = 1,
		};

		show_json_head(options.source.format, &view);
	}
	for (i = 0; i < options.nr; i++) {
		if (options.json)
			json_result(options.vas[i], &results[i]);
		else
			text_result(options.vas[i], &results[i], levels);
	}
	end_output();
	vmem_close(options.source.guest);
	return 0;
}
