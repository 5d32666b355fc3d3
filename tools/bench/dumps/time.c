// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What a walk over a dump costs the library.
 *
 * bench-dumps DUMP ROOT FORMAT FIRST [LEAVES]: how many leaves there are from an address on, and
 * nanoseconds. LEAVES: a file that gets each address, and what it translates to.
 * bench-dumps --sparse FILE: FILE becomes a core of 16 GiB that are mapped by pages of 4 KiB, of
 * which it has only the tables. How many leaves, nanoseconds of a walk, and those of a
 * loop that merges the same entries and knows where they are.
 *
 * The least of some rounds counts. Before each of them the caches are filled with what
 * else there is.
 */
#include <elf.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../bench.h"
#include "libvmem.h"

#define ROUNDS		21
#define BATCH		4096
#define OTHER		(256ULL << 20)
#define SPARSE		(16ULL << 30)
#define TABLES_AT	(1ULL << 20)	/* in the file, and of the guest */
#define NR_TABLES	(SPARSE / PAGE / ENTRIES)

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void evict(void)
{
	static volatile char *other;
	u64 i;

	if (!other)
		other = calloc(1, OTHER);
	if (!other)
		err(1, "memory");
	for (i = 0; i < OTHER; i += 64)
		other[i]++;
}

/* A walk of a space. Return: how many leaves it met. */
static u64 walk(struct vmem_guest *guest, __u32 space, u64 start, u32 flags, FILE *leaves)
{
	static struct vmem_ioc_record records[BATCH];
	struct vmem_ioc_walk_create create = VMEM_INIT(create,
		.flags = flags, .spaces = VMEM_PTR(&space), .nr = 1, .start = start,
		.last = ~0ULL);
	struct vmem_walker *walker;
	u64 met = 0;
	int i, nr;

	if (vmem_walk_create(guest, &create, &walker))
		errx(1, "cannot walk");
	while ((nr = vmem_walk_read(walker, records, BATCH)) > 0) {
		if (records[nr - 1].type == VMEM_IOC_REC_END)
			met = records[nr - 1].leaves;
		for (i = 0; leaves && i < nr; i++)
			if (records[i].type == VMEM_IOC_REC_MAPPING &&
			    !(records[i].flags & VMEM_IOC_REC_OUTSIDE))
				fprintf(leaves, "%#llx %#llx\n", records[i].va, records[i].gpa);
	}
	if (nr)
		errx(1, "the walk broke off: %s", strerror(-nr));
	vmem_walk_close(walker);
	return met;
}

/* A dump, and what is walked of it. */
struct subject_dump {
	struct vmem_guest *guest;
	__u32 space;
	u64 start;
	u32 flags;
};

static void open_dump(struct subject_dump *s, const char *path, u64 root, __u32 format)
{
	struct vmem_ioc_space_create create = VMEM_INIT(create, .format = format, .root = root);
	char why[VMEM_DUMP_WHY_LEN];

	if (vmem_open_dump(path, NULL, &s->guest, why))
		errx(1, "%s: %s", path, why);
	if (vmem_space_create(s->guest, &create))
		errx(1, "%s: no root at %#llx", path, (unsigned long long)root);
	s->space = create.out_id;
}

/* One round. Return: nanoseconds, or those of before, if they were less. */
static double round_walk(struct subject_dump *s, double least, u64 *nr)
{
	double took;

	evict();
	took = now();
	*nr = walk(s->guest, s->space, s->start, s->flags, NULL);
	took = now() - took;
	return took < least ? took : least;
}

static double round_loop(vmem_pte_t **tables, double least)
{
	double took;

	evict();
	took = now();
	if (loop_merge(tables, NR_TABLES) != 1)
		errx(1, "the sparse core isn't one run");
	took = now() - took;
	return took < least ? took : least;
}

/* A page of entries that go on, behind all before. */
static void put(FILE *file, u64 gpa, u64 first, u64 step, u64 nr)
{
	u64 entries[ENTRIES] = { 0 }, i;

	for (i = 0; i < nr; i++)
		entries[i] = first + i * step;
	if (fseek(file, (long)gpa, SEEK_SET) || !fwrite(entries, sizeof(entries), 1, file))
		err(1, "the sparse core");
}

/* Its root is behind the tables, and there are 17 GiB, of which it has the first ones. */
static u64 make_sparse(const char *path)
{
	u64 root = TABLES_AT + NR_TABLES * PAGE, i;
	u64 nr_middle = NR_TABLES / ENTRIES;
	Elf64_Ehdr head = {
		.e_ident = ELFMAG "\2\1\1", .e_type = ET_CORE, .e_machine = EM_X86_64,
		.e_version = 1, .e_phoff = sizeof(head), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1, .e_ehsize = sizeof(head),
	};
	Elf64_Phdr load = {
		.p_type = PT_LOAD, .p_offset = TABLES_AT, .p_paddr = TABLES_AT,
		.p_filesz = (NR_TABLES + 2 + nr_middle) * PAGE,
		.p_memsz = SPARSE + (1ULL << 30),
	};
	FILE *file = fopen(path, "w");

	if (!file || !fwrite(&head, sizeof(head), 1, file) ||
	    !fwrite(&load, sizeof(load), 1, file))
		err(1, "%s", path);
	for (i = 0; i < NR_TABLES; i++)
		put(file, TABLES_AT + i * PAGE, (1ULL << 30) + i * ENTRIES * PAGE + 0x63, PAGE,
		    ENTRIES);
	put(file, root, root + PAGE + 0x67, 0, 1);
	put(file, root + PAGE, root + 2 * PAGE + 0x67, PAGE, nr_middle);
	for (i = 0; i < nr_middle; i++)
		put(file, root + (2 + i) * PAGE, TABLES_AT + i * ENTRIES * PAGE + 0x67, PAGE,
		    ENTRIES);
	if (fclose(file))
		err(1, "%s", path);
	return root;
}

/* The same pages of the file, for the loop. */
static vmem_pte_t **tables_of(const char *path)
{
	static vmem_pte_t *tables[NR_TABLES];
	FILE *file = fopen(path, "r");
	void *data;
	u64 i;

	if (!file)
		err(1, "%s", path);
	data = mmap(NULL, NR_TABLES * PAGE, PROT_READ, MAP_SHARED, fileno(file), TABLES_AT);
	if (data == MAP_FAILED)
		err(1, "%s", path);
	for (i = 0; i < NR_TABLES; i++)
		tables[i] = (vmem_pte_t *)((char *)data + i * PAGE);
	fclose(file);
	return tables;
}

static void time_sparse(const char *path)
{
	struct subject_dump s = { .start = 0 };
	double took = 1e18, loop = 1e18;
	vmem_pte_t **tables;
	u64 nr = 0;
	int i;

	open_dump(&s, path, make_sparse(path), VMEM_IOC_FORMAT_X86_64_4LEVEL);
	tables = tables_of(path);
	for (i = 0; i < ROUNDS; i++) {
		took = round_walk(&s, took, &nr);
		loop = round_loop(tables, loop);
	}
	printf("%llu %.0f %.0f\n", (unsigned long long)nr, took, loop);
	vmem_close(s.guest);
}

static void time_dump(char **argv)
{
	struct subject_dump s = {
		.start = strtoull(argv[3], NULL, 0),
		.flags = VMEM_IOC_WALK_LEAVES | VMEM_IOC_WALK_FOLLOW,
	};
	FILE *leaves = argv[4] ? fopen(argv[4], "w") : NULL;
	double took = 1e18;
	u64 nr = 0;
	int i;

	open_dump(&s, argv[0], strtoull(argv[1], NULL, 0), strstr(argv[2], "5level") ?
		  VMEM_IOC_FORMAT_X86_64_5LEVEL : VMEM_IOC_FORMAT_X86_64_4LEVEL);
	if (argv[4] && !leaves)
		err(1, "%s", argv[4]);
	if (leaves) {
		walk(s.guest, s.space, s.start, s.flags, leaves);
		fclose(leaves);
	}
	for (i = 0; i < ROUNDS; i++)
		took = round_walk(&s, took, &nr);
	printf("%llu %.0f\n", (unsigned long long)nr, took);
	vmem_close(s.guest);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--sparse"))
		time_sparse(argv[2]);
	else if (argc == 5 || argc == 6)
		time_dump(argv + 1);
	else
		errx(2, "usage: bench-dumps DUMP ROOT FORMAT FIRST [LEAVES], or bench-dumps --sparse FILE");
	return 0;
}
