// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem translate: what addresses of a space translate to, and what accesses would set.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
	OPTION_JSON = 0x200,
	OPTION_ACCESS,
	OPTION_CHAIN,
	OPTION_WRITE,
};

struct translate_options {
	struct change change;	/* its source; the rest is for accesses that set bits */
	__u64 *vas;
	size_t nr;
	struct access access;
	bool chain;
};

static const struct argp_option translate_options[] = {
	{ "access", OPTION_ACCESS, "r|w|x[,WORD...]", 0,
	  "Would an MMU let this access through? Words: user, implicit, shadow, len=1..64; "
	  "wp=0, smep=0, smap=0, ac; pkru=BITS, pkrs=BITS; ad: set A and D as it would", 2 },
	{ "chain", OPTION_CHAIN, NULL, 0, "The entry of each level", 3 },
	{ "write", OPTION_WRITE, NULL, 0,
	  "Write what ad sets to the files; without it is told what would change", 3 },
	{ "entries", 'e', NULL, 0, "Show each entry that ad changes", 3 },
	{ "json", OPTION_JSON, NULL, 0, "JSON Lines", 3 },
	{ 0 }
};

static bool sets(const struct translate_options *options)
{
	return options->access.what & VMEM_IOC_ACCESS_SET_AD;
}

static void translate_check(struct translate_options *options, struct argp_state *state)
{
	struct change *change = &options->change;
	const char *clash;

	source_check(&change->source, state);
	if (change->source.nr_roots > 1)
		argp_error(state, "--root: addresses are translated in one space");
	if (!options->nr)
		argp_error(state, "no address to translate");
	clash = access_clash(&options->access, &change->source.cpu);
	if (clash)
		argp_error(state, "--access: %s", clash);
	if (sets(options))
		change_keep(change, state);
	else if (change->write || change->entries)
		argp_error(state, "%s: nothing is changed without --access and ad",
			   change->write ? "--write" : "--entries");
}

static error_t translate_parse(int key, char *arg, struct argp_state *state)
{
	struct translate_options *options = state->input;
	const char *why;
	__u64 va;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->change.source;
		return 0;
	case OPTION_JSON:
		options->change.json = true;
		return 0;
	case OPTION_WRITE:
		options->change.write = true;
		return 0;
	case 'e':
		options->change.entries = true;
		return 0;
	case OPTION_CHAIN:
		options->chain = true;
		return 0;
	case OPTION_ACCESS:
		if (options->access.what)
			argp_error(state, "--access: it was given before, and there is one for all addresses");
		if (!parse_access(arg, &options->access, &why))
			argp_error(state, "--access: %s %s", arg, why);
		return 0;
	case ARGP_KEY_ARG:
		if (!parse_address(arg, &va, &why))
			argp_error(state, "%s %s", arg, why);
		options->vas = allocate(options->vas, options->nr + 1,
					sizeof(va));
		options->vas[options->nr++] = va;
		return 0;
	case ARGP_KEY_END:
		translate_check(options, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int translate_call(struct translate_options *options, struct vmem_ioc_translate *call)
{
	const struct source *source = &options->change.source;
	const struct draft *draft = &options->change.draft;
	bool set = sets(options);

	call->size = sizeof(*call);
	call->space = set ? draft->spaces[0] : source->spaces[0];
	return vmem_space_translate(set ? draft->guest : source->guest, call);
}

/* Does an entry, from @lowest on, lack A? */
static bool lacks_accessed(const __u64 *entries, unsigned int lowest, unsigned int levels)
{
	for (; lowest < levels; lowest++)
		if (!(entries[lowest] & ENTRY_A))
			return true;
	return false;
}

/* Does the first page of an access to two, which it would let through, lack A or D? */
static bool first_lacks(struct translate_options *options, __u64 va)
{
	bool write = options->access.what & VMEM_IOC_ACCESS_WRITE;
	__u64 entries[VMEM_IOC_LEVELS_MAX];
	struct vmem_ioc_result result = { 0 };
	struct vmem_ioc_translate call = {
		.vas		= (uintptr_t)&va,
		.results	= (uintptr_t)&result,
		.entries	= (uintptr_t)entries,
		.nr		= 1,
	};

	return !translate_call(options, &call) && result.status == VMEM_IOC_OK &&
	       (lacks_accessed(entries, result.level, options->change.source.levels) ||
		(write && !(entries[result.level] & ENTRY_D)));
}

/* What a processor may set is told only where it isn't set. */
static void tell_may(struct translate_options *options, __u64 va,
		     struct vmem_ioc_result *result, const __u64 *entries)
{
	if (result->flags & VMEM_IOC_RESULT_MAY &&
	    !lacks_accessed(entries, result->level + 1U, options->change.source.levels) &&
	    !(result->flags & VMEM_IOC_RESULT_SECOND && first_lacks(options, va)))
		result->flags &= (__u8)~VMEM_IOC_RESULT_MAY;
}

/* As many at once as the back end takes; one where those behind it set bits, too. */
static void translate(struct translate_options *options,
		      struct vmem_ioc_result *results,
		      __u64 (*entries)[VMEM_IOC_LEVELS_MAX])
{
	__u32 max = sets(options) ? 1 : options->change.source.info.out_translate_max;
	size_t done, nr, i;
	int ret;

	for (done = 0; done < options->nr; done += nr) {
		struct vmem_ioc_translate call = {
			.vas		= (uintptr_t)&options->vas[done],
			.results	= (uintptr_t)&results[done],
			.entries	= (uintptr_t)&entries[done],
			.access		= options->access.what,
			.mode		= options->access.mode,
			.pkru		= options->access.pkru,
			.pkrs		= options->access.pkrs,
		};

		nr = options->nr - done < max ? options->nr - done : max;
		call.nr = (__u32)nr;
		ret = translate_call(options, &call);
		if (ret)
			fail("cannot translate: %s", strerror(-ret));
		for (i = done; i < done + nr; i++)
			tell_may(options, options->vas[i], &results[i], entries[i]);
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
	struct source *source = &options.change.source;
	__u64 (*entries)[VMEM_IOC_LEVELS_MAX];
	struct vmem_ioc_result *results;
	struct hints hints = { 0 };
	struct view view;
	size_t i;

	source_init(source);
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (sets(&options))
		change_open(&options.change);
	else
		source_open(source);
	results = allocate(NULL, options.nr, sizeof(*results));
	entries = allocate(NULL, options.nr, sizeof(*entries));
	translate(&options, results, entries);

	view = (struct view){
		.roots		= source->roots,
		.nr_roots	= 1,
		.cpu		= &source->cpu,
		.format		= source->format,
		.dump		= source->dump ? source->guest : NULL,
		.levels		= source->levels,
		.access		= options.access.what ? &options.access : NULL,
		.chain		= options.chain,
	};
	if (options.change.json)
		json_head(&view);
	for (i = 0; i < options.nr; i++) {
		if (options.change.json)
			json_result(options.vas[i], &results[i], entries[i], &view);
		else
			text_result(options.vas[i], &results[i], entries[i], &view);
		if (options.chain && !options.change.json)
			text_chain(options.vas[i], &results[i], entries[i], &view);
		hint_result(&hints, source, options.vas[i], &results[i],
			    !(options.access.what & VMEM_IOC_ACCESS_FETCH));
	}
	if (sets(&options))
		change_end_set(&options.change);
	end_output();
	hint_say(&hints, source);
	source_close(source);
	return 0;
}
