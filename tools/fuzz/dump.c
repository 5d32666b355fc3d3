// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzz target for each container of dumps, by the name of the program: dump-elf,
 * dump-kdump, dump-flat, dump-lime, dump-avml, dump-gzip, dump-zstd. What the file begins
 * with is put right, so that what is behind it is tried.
 *
 * The file lies in memory that ends where it does, so that the sanitizer sees each byte
 * read behind it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"

#define SIZE_MAX_KEPT	(1U << 20)
#define TABLES		24	/* that a walk may visit */
#define RECORDS		64
#define RANGES		256
#define TEMPORARY_MAX		(1U << 20)

static const struct begin {
	const char *name;
	const char *bytes;
	size_t len;
#define BEGIN(_name, _bytes)	{ _name, _bytes, sizeof(_bytes) - 1 }
} begins[] = {
	BEGIN("elf", "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0\x3e"),
	BEGIN("kdump", "KDUMP   "),
	BEGIN("flat", "makedumpfile\0\0\0\0"),
	BEGIN("lime", "EMiL\1\0\0\0"),
	BEGIN("avml", "AVML\2\0\0\0"),
	BEGIN("gzip", "\x1f\x8b\x08"),
	BEGIN("zstd", "\x28\xb5\x2f\xfd"),
};

static const struct begin *begin;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = strrchr((*argv)[0], '-');
	size_t i;

	for (i = 0; name && i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strcmp(name + 1, begins[i].name))
			begin = &begins[i];
	if (!begin) {
		fprintf(stderr, "%s: the name says no container: dump-elf, ...\n", (*argv)[0]);
		exit(2);
	}
	return 0;
}

/* What is where a range begins and ends. */
static void look(struct dump *dump, __u64 gpa, __u64 len)
{
	__u64 at = (gpa + len) & ~(DUMP_PAGE - 1), same;
	const void *page;
	volatile unsigned char sum;

	dump_missing(dump, gpa, len);
	dump_in_memory(dump, gpa, &same);
	dump_piece_begin(dump);
	if (!dump_page(dump, gpa & ~(DUMP_PAGE - 1), &page))
		sum = ((const unsigned char *)page)[0] + ((const unsigned char *)page)[DUMP_PAGE - 1];
	if (!dump_page(dump, at, &page))
		sum = ((const unsigned char *)page)[0] + ((const unsigned char *)page)[DUMP_PAGE - 1];
	(void)sum;
}

/*
 * Ranges are what dump_missing() says of them; what the dump has comes again in a search,
 * but for holes of what was unpacked.
 */
static void ranges(struct dump *dump)
{
	struct vmem_dump_range range = { 0 }, next = { 0 };
	unsigned int i;

	for (i = 0; i < RANGES && !dump_range(dump, range.gpa + range.len, &range); i++) {
		if (!range.len ||
		    dump_missing(dump, range.gpa, range.len) != (range.flags ? 0 : range.len))
			abort();
		/* the first byte of it, whatever lies before */
		if (!range.flags && range.gpa && !dump_missing(dump, range.gpa - 1, 2))
			abort();
		if (range.flags && dump->fd < 0 && range.gpa >= next.gpa + next.len &&
		    (dump_next(dump, range.gpa, &next) || next.gpa > range.gpa))
			abort();
	}
}

/* What the tables at @root map, as far as a few tables tell. */
static void walk(struct vmem_guest *guest, __u64 root)
{
	struct vmem_ioc_space_create space = VMEM_INIT(space, .root = root,
						       .format = VMEM_IOC_FORMAT_X86_64_4LEVEL);
	struct vmem_ioc_walk_create create = VMEM_INIT(create, .last = ~0ULL, .budget = TABLES,
						       .nr = 1);
	struct vmem_ioc_record records[RECORDS];
	struct vmem_ioc_result results[2];
	__u64 vas[2] = { 0x400000, 0xffffffff80000000 };
	struct vmem_ioc_translate translate = VMEM_INIT(translate, .nr = 2,
							.vas = VMEM_PTR(vas),
							.results = VMEM_PTR(results));
	struct vmem_walker *walker;

	if (vmem_space_create(guest, &space))
		return;
	create.spaces = VMEM_PTR(&space.out_id);
	translate.space = space.out_id;
	vmem_space_translate(guest, &translate);
	if (!vmem_walk_create(guest, &create, &walker)) {
		while (vmem_walk_read(walker, records, RECORDS) > 0)
			;
		vmem_walk_close(walker);
	}
}

/* The dump goes with the guest. */
static void try(struct dump *dump)
{
	struct vmem_guest *guest;
	size_t i;

	for (i = 0; i < dump->nr_memory && i < 4; i++)
		look(dump, dump->memory[i].gpa, dump->memory[i].len);
	for (i = 0; i < dump->nr_extents && i < 4; i++)
		look(dump, dump->extents[i].gpa, dump->extents[i].len);
	ranges(dump);
	if (guest_of_dump(dump, &guest))
		return;
	for (i = 0; i < dump->nr_cpus && i < 2; i++)
		walk(guest, dump->cpus[i].cr3 & 0xffffffffff000);
	walk(guest, dump->memory[0].gpa & ~(DUMP_PAGE - 1));
	vmem_dump_trouble(guest);
	vmem_close(guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	unsigned char *file;

	if (!dump || size < begin->len || size > SIZE_MAX_KEPT) {
		free(dump);
		return 0;
	}
	file = malloc(size);
	memcpy(file, data, size);
	memcpy(file, begin->bytes, begin->len);
	dump->how.tmp_max = TEMPORARY_MAX;
	dump->data = file;
	dump->size = size;
	dump->lent = true;
	dump->fd = -1;
	if (dump_read(dump))
		dump_close(dump);
	else
		try(dump);
	free(file);
	return 0;
}
