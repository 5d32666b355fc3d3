// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmu rom WHAT JUDGE LEVELS SEED GUEST ROM LIST [FACTS]: the ROM of a machine whose
 * guest runs the cases for the processor that FACTS, a guest's output, tells about;
 * without it none, only to learn the facts. LIST is a file for the list of cases, or -:
 * it is in the ROM.
 *
 * mmu judge WHAT JUDGE SEED NAME TEXT MEMORY: is the guest's output what vmem
 * says? MEMORY has the results, or -: they are in the text.
 *
 * mmu kvm WHAT JUDGE LEVELS SEED NAME GUEST: both, with a vCPU of KVM. It ends with 3
 * where there is none.
 *
 * mmu pairs WHAT SEED FACTS: does each pair of two values come?
 *
 * WHAT: cases, or of the matrix FIRST/STRIDE.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mmu.h"

static FILE *opened(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		err(1, "%s", path);
	return file;
}

static const char *const judges[MMU_NR_JUDGES] = {
	[MMU_QEMU] = "qemu", [MMU_BOCHS] = "bochs", [MMU_KVM_QEMU] = "kvm-qemu",
	[MMU_KVM_SHADOW] = "kvm-shadow", [MMU_KVM] = "kvm",
};

static enum mmu_judge_id judge_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < MMU_NR_JUDGES; i++)
		if (!strcmp(name, judges[i]))
			return i;
	errx(1, "no judge: %s", name);
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end)
		errx(1, "not a number: %s", text);
	return value;
}

/* The first line of a guest's output. */
static void read_facts(struct mmu_cpu *cpu, FILE *file)
{
	unsigned int vendor, virt, nx, pages_1g, smep, smap, pku, pks, cet,
		     la57, lam;
	char line[256] = "";

	if (!fgets(line, sizeof(line), file) ||
	    sscanf(line, "facts vendor %x width %x virt %x nx %x 1g %x smep %x smap %x pku %x pks %x cet %x la57 %x lam %x levels %x",
		   &vendor, &cpu->width, &virt, &nx, &pages_1g, &smep, &smap,
		   &pku, &pks, &cet, &la57, &lam, &cpu->levels) != 13)
		errx(1, "no facts in the guest's output: %s", line);
	if (!nx || cpu->width < 36 || cpu->width > 52)
		errx(1, "no processor for these cases: %s", line);
	cpu->amd = vendor == 0x68747541;	/* "Auth" */
	cpu->pages_1g = pages_1g;
	cpu->smep = smep;
	cpu->smap = smap;
	cpu->pku = pku;
	cpu->pks = pks;
	cpu->cet = cet;
	cpu->lam = lam;
	cpu->la57 = la57;
}

/* What of the cases: all, or of the matrix. */
static void list_of(struct mmu_list *list, const char *what, const struct mmu_cpu *cpu,
		    unsigned long seed)
{
	unsigned long long first, stride, nr;

	if (!strcmp(what, "cases")) {
		mmu_list_make(list, cpu, seed);
		return;
	}
	if (sscanf(what, "%llu/%llu", &first, &stride) != 2 || !stride || first >= stride)
		errx(1, "neither cases nor FIRST/STRIDE: %s", what);
	nr = mmu_matrix_nr(cpu);
	*list = (struct mmu_list){
		.cpu = cpu, .seed = seed, .first = first, .stride = stride,
		.nr = 1 + (first < nr ? (nr - first - 1) / stride + 1 : 0),
	};
}

static void put(char *to, size_t len, size_t *at, const void *from, size_t bytes)
{
	if (*at + bytes > len)
		errx(1, "the list is too long for where it is to be");
	memcpy(to + *at, from, bytes);
	*at += bytes;
}

/* The words of a list. Return: how long they are. */
static size_t put_list(const struct mmu_list *list, char *to, size_t len)
{
	struct mmu_case c;
	size_t at = 0, i;

	for (i = 0; i < list->nr; i++) {
		struct rig_case head;

		mmu_case_get(list, i, &c);
		head = (struct rig_case){
			.access = c.access, .nr_writes = c.nr_writes, .root = RIG_IMAGE,
			.va = c.va, .pkru = c.pkru, .pkrs = c.pkrs,
			.watch = { c.watch[0], c.watch[1] },
		};
		put(to, len, &at, &head, sizeof(head));
		put(to, len, &at, c.writes, c.nr_writes * sizeof(c.writes[0]));
	}
	if (list->nr * sizeof(struct rig_result) > RIG_RESULTS_LEN)
		errx(1, "more cases than there is room for results");
	return at;
}

static __u64 facts_wanted(unsigned long levels, const struct mmu_cpu *cpu)
{
	return (levels == 5 ? RIG_LEVELS_5 : 0) | (cpu->cet ? RIG_CET : 0);
}

static void read_code(const char *path, char *code)
{
	FILE *guest = opened(path, "rb");

	if (fread(code, 1, RIG_CODE_LEN, guest) != RIG_CODE_LEN)
		errx(1, "%s is too short", path);
	fclose(guest);
}

static void *memory_new(size_t len, const char *path)
{
	FILE *file = path ? opened(path, "rb") : NULL;
	void *memory = mmap(NULL, len, path ? PROT_READ : PROT_READ | PROT_WRITE,
			    path ? MAP_PRIVATE : MAP_PRIVATE | MAP_ANONYMOUS,
			    path ? fileno(file) : -1, 0);

	if (memory == MAP_FAILED)
		err(1, "%s", path ? path : "memory");
	if (file)
		fclose(file);
	return memory;
}

/* WHAT JUDGE LEVELS SEED GUEST ROM LIST [FACTS] */
static int rom(char **arg, bool known)
{
	static char image[RIG_ROM_LEN];
	unsigned long levels = number(arg[2]);
	struct mmu_cpu cpu = { .judge = judge_of(arg[1]) };
	struct rig_list head = { .magic = RIG_MAGIC };
	bool in_rom = !strcmp(arg[6], "-");
	size_t len = RIG_ROM_LEN - RIG_CODE_LEN - sizeof(head);
	char *words = image + sizeof(head);
	struct mmu_list list = { 0 };
	FILE *file;

	if (known) {
		file = opened(arg[7], "r");
		read_facts(&cpu, file);
		fclose(file);
		if (cpu.levels != levels)
			errx(1, "it has %u levels", cpu.levels);
		list_of(&list, arg[0], &cpu, number(arg[3]));
		if (!in_rom) {
			len = RIG_LIST_LEN;
			words = memory_new(len, NULL);
		}
	}
	head.nr = list.nr;
	head.facts = facts_wanted(levels, &cpu);
	if (!in_rom) {
		head.facts |= RIG_LIST_IN_MEMORY;
		if (cpu.judge == MMU_QEMU)
			head.facts |= RIG_RESULTS_TO_MEMORY;
	}
	len = put_list(&list, words, len);
	if (!in_rom) {
		file = opened(arg[6], "wb");
		if (fwrite(words, 1, len, file) != len || fclose(file))
			err(1, "%s", arg[6]);
	}
	memcpy(image, &head, sizeof(head));
	read_code(arg[4], image + RIG_ROM_LEN - RIG_CODE_LEN);
	file = opened(arg[5], "wb");
	if (fwrite(image, RIG_ROM_LEN, 1, file) != 1 || fclose(file))
		err(1, "%s", arg[5]);
	free(list.cases);
	return 0;
}

/* WHAT JUDGE SEED NAME TEXT MEMORY */
static int judge(char **arg)
{
	struct mmu_cpu cpu = { .judge = judge_of(arg[1]) };
	const char *memory = NULL;
	struct mmu_list list;
	FILE *text = opened(arg[4], "r");
	bool good;

	read_facts(&cpu, text);
	if (strcmp(arg[5], "-"))
		memory = memory_new(RIG_MEMORY_LEN, arg[5]);
	list_of(&list, arg[0], &cpu, number(arg[2]));
	printf("KTAP version 1\n");
	good = mmu_judge(&list, &cpu, arg[3], text,
			 memory ? (const void *)(memory + RIG_RESULTS) : NULL);
	free(list.cases);
	return !good;
}

/* A run whose text is then read from its begin. Return: as mmu_machine_run(). */
static int machine(char *memory, const char *code, const struct rig_list *head, FILE **text)
{
	int ret;

	*text = tmpfile();
	if (!*text)
		err(1, "a temporary file");
	ret = mmu_machine_run(memory, code, head, *text);
	rewind(*text);
	return ret;
}

/* WHAT JUDGE LEVELS SEED NAME GUEST */
static int kvm(char **arg)
{
	static char code[RIG_CODE_LEN];
	unsigned long levels = number(arg[2]);
	struct mmu_cpu cpu = { .judge = judge_of(arg[1]) };
	struct rig_list head = {
		.magic = RIG_MAGIC, .facts = facts_wanted(levels, &cpu) | RIG_STAMPED,
	};
	char *memory = memory_new(RIG_MEMORY_LEN, NULL);
	FILE *text;
	struct mmu_list list;
	int ret;

	read_code(arg[5], code);
	ret = machine(memory, code, &head, &text);
	/* 3: that isn't there */
	if (ret == -EOPNOTSUPP)
		errx(3, "no vCPUs with %lu levels", levels);
	if (ret == -ENOENT || ret == -EACCES || ret == -ENODEV || ret == -ENXIO)
		errx(3, "no KVM: %s", strerror(-ret));
	if (ret)
		errx(1, "a machine of KVM: %s", strerror(-ret));
	read_facts(&cpu, text);
	fclose(text);
	list_of(&list, arg[0], &cpu, number(arg[3]));
	put_list(&list, memory + RIG_LIST, RIG_LIST_LEN);
	head.nr = list.nr;
	head.facts = facts_wanted(levels, &cpu) | RIG_LIST_IN_MEMORY |
		     RIG_RESULTS_TO_MEMORY | RIG_STAMPED;
	ret = machine(memory, code, &head, &text);
	if (ret)
		errx(1, "a machine of KVM: %s", strerror(-ret));
	read_facts(&cpu, text);
	printf("KTAP version 1\n");
	ret = !mmu_judge(&list, &cpu, arg[4], text, (const void *)(memory + RIG_RESULTS));
	free(list.cases);
	return ret;
}

/* WHAT SEED FACTS */
static int pairs(char **arg)
{
	FILE *file = opened(arg[2], "r");
	struct mmu_cpu cpu = { 0 };
	struct mmu_list list;

	read_facts(&cpu, file);
	fclose(file);
	list_of(&list, arg[0], &cpu, number(arg[1]));
	return !mmu_matrix_pairs(&cpu, list.seed, list.first, list.stride);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	char **arg = argv + 2;

	argc -= 2;
	if ((argc == 7 || argc == 8) && !strcmp(command, "rom"))
		return rom(arg, argc == 8);
	if (argc == 6 && !strcmp(command, "judge"))
		return judge(arg);
	if (argc == 6 && !strcmp(command, "kvm"))
		return kvm(arg);
	if (argc == 3 && !strcmp(command, "pairs"))
		return pairs(arg);
	errx(1, "usage: mmu rom WHAT JUDGE LEVELS SEED GUEST ROM LIST [FACTS]\n"
	     "       mmu judge WHAT JUDGE SEED NAME TEXT MEMORY\n"
	     "       mmu kvm WHAT JUDGE LEVELS SEED NAME GUEST\n"
	     "       mmu pairs WHAT SEED FACTS");
}
