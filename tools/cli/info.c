// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem info: what does the work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct info_options {
	bool kernel;
	const char *device;
};

static const struct argp_option info_options[] = {
	{ "kernel", 'k', "DEVICE", OPTION_ARG_OPTIONAL,
	  "Of the module only, through DEVICE (/dev/vmem); fail without it", 1 },
	{ 0 }
};

static error_t info_parse(int key, char *arg, struct argp_state *state)
{
	struct info_options *options = state->input;

	switch (key) {
	case 'k':
		options->kernel = true;
		options->device = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s is one argument too many", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The sizes of a mask, bit n: 2^n bytes. */
static void print_sizes(__u64 mask)
{
	char size[24];
	unsigned int lg2;

	for (lg2 = 0; lg2 < 64; lg2++)
		if (mask >> lg2 & 1)
			printf(" %s", show_size(1ULL << lg2, size));
}

static void print_limit(const char *name, __u64 value)
{
	char count[32];

	printf("  %-24s %13s\n", name, show_count(value, count));
}

static void print_info(struct vmem_guest *guest)
{
	struct vmem_ioc_format *formats;
	struct vmem_ioc_info info;
	char size[24];
	__u32 i;

	source_formats(guest, &info, &formats);
	printf("  %-24s %13.*s\n", "version", (int)sizeof(info.out_release),
	       info.out_release);
	print_limit("version of the calls", info.out_version);
	for (i = 0; i < info.nr_formats; i++) {
		printf("  format %s: %u levels, %u bits of addresses, pages of",
		       formats[i].name, formats[i].levels,
		       formats[i].virt_bits);
		print_sizes(formats[i].page_sizes);
		fputs(", maps pages of", stdout);
		print_sizes(formats[i].map_page_sizes);
		putchar('\n');
	}
	printf("  %-24s %13s\n", "largest region",
	       show_size(info.out_region_len_max, size));
	print_limit("regions", info.out_regions_max);
	print_limit("pools", info.out_pools_max);
	print_limit("ranges a pool", info.out_pool_ranges_max);
	print_limit("spaces", info.out_spaces_max);
	print_limit("spaces a walk", info.out_walk_spaces_max);
	print_limit("tables remembered a walk", info.out_seen_max);
	print_limit("records a read", info.out_read_max);
	print_limit("addresses a translation", info.out_translate_max);
	print_limit("mappings a call", info.out_map_max);
	print_limit("tables a change", info.out_change_budget);
	free(formats);
}

int command_info(int argc, char **argv)
{
	static const struct argp argp = {
		info_options, info_parse, "",
		"Tell what does the work, in this process and in the kernel: versions, formats, limits.",
		NULL, NULL, NULL
	};
	struct info_options options = { 0 };
	struct vmem_guest *guest;
	const char *device;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!options.kernel) {
		ret = vmem_open_local(&guest);
		if (ret)
			fail("%s", strerror(-ret));
		puts("in this process");
		print_info(guest);
		vmem_close(guest);
	}

	device = options.device ? options.device : "/dev/vmem";
	ret = vmem_open(device, &guest);
	if (ret && options.kernel)
		no_module(device, ret);
	if (ret) {
		printf("no module: %s: %s\n", device, strerror(-ret));
	} else {
		printf("%s\n", device);
		print_info(guest);
		vmem_close(guest);
	}
	end_output();
	return 0;
}
