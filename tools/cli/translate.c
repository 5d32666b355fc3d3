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
	const char *why;
	__u64 va;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->source;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!parse_address(arg, &va, &why))
			argp_error(state, "%s %s", arg, why);
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
		"An answer has the guest-physical address, the size of the page, what its entry grants and says, and what is left of r w x u over the tables of all levels, at CR0.WP = 1; protection keys, SMEP and SMAP aside.\n"
		"\n"
		"Exit status: 0 when all were looked up, whatever came of it; 1 when that failed; 2 when it was asked for wrongly.",
		children, NULL, NULL
	};
	struct translate_options options = { 0 };
	struct source *source = &options.source;
	struct vmem_ioc_result *results;
	struct hints hints = { 0 };
	struct view view;
	size_t i;

	source_init(source);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	source_open(source);
	results = allocate(NULL, options.nr, sizeof(*results));
	translate(&options, results);

	view = (struct view){
		.roots		= source->roots,
		.nr_roots	= 1,
		.cpu		= &source->cpu,
		.format		= source->format,
	};
	if (options.json)
		json_head(&view);
	for (i = 0; i < options.nr; i++) {
		if (options.json)
			json_result(options.vas[i], &results[i], &view);
		else
			text_result(options.vas[i], &results[i],
				    source->levels, &view);
		hint_result(&hints, source, options.vas[i], &results[i]);
	}
	end_output();
	hint_say(&hints, source);
	vmem_close(source->guest);
	return 0;
}
