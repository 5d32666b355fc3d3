// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmu rom EMULATOR LEVELS SEED GUEST ROM [FACTS]: the ROM of a machine whose
 * guest runs the cases for the processor that FACTS, a guest's output, tells
 * about; without it none, only to learn the facts.
 * mmu judge EMULATOR SEED NAME RESULTS: is the guest's output what vmem says?
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "mmu.h"

static FILE *opened(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		err(1, "%s", path);
	return file;
}

static enum mmu_emulator emulator(const char *name)
{
	if (!strcmp(name, "qemu"))
		return MMU_QEMU;
	if (!strcmp(name, "bochs"))
		return MMU_BOCHS;
	errx(1, "an emulator is qemu or bochs, not %s", name);
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
	unsigned int vendor, virt, nx, pages_1g, smep, smap, cet, la57, lam;
	char line[256] = "";

	if (!fgets(line, sizeof(line), file) ||
	    sscanf(line, "facts vendor %x width %x virt %x nx %x 1g %x smep %x smap %x cet %x la57 %x lam %x levels %x",
		   &vendor, &cpu->width, &virt, &nx, &pages_1g, &smep, &smap,
		   &cet, &la57, &lam, &cpu->levels) != 11)
		errx(1, "no facts in the guest's output: %s", line);
	if (!nx || cpu->width < 36 || cpu->width > 52)
		errx(1, "no processor for these cases: %s", line);
	cpu->amd = vendor == 0x68747541;	/* "Auth" */
	cpu->pages_1g = pages_1g;
	cpu->smep = smep;
	cpu->smap = smap;
	cpu->cet = cet;
	cpu->lam = lam;
	cpu->la57 = la57;
}

static void put(char *rom, size_t *at, __u64 word)
{
	if (*at + 8 > RIG_ROM_LEN - RIG_CODE_LEN)
		errx(1, "the list is too long for the ROM");
	memcpy(rom + *at, &word, 8);
	*at += 8;
}

static void write_rom(const struct mmu_list *list, __u64 facts,
		      const char *guest_path, const char *rom_path)
{
	static char rom[RIG_ROM_LEN];
	FILE *guest = opened(guest_path, "rb"), *file = opened(rom_path, "wb");
	size_t at = 0, i, w;

	put(rom, &at, RIG_MAGIC);
	put(rom, &at, facts);
	put(rom, &at, list->nr);
	for (i = 0; i < list->nr; i++) {
		const struct mmu_case *c = &list->cases[i];

		put(rom, &at, (__u64)c->nr_writes << 32 | c->access);
		put(rom, &at, RIG_IMAGE);
		put(rom, &at, c->va);
		for (w = 0; w < c->nr_writes; w++) {
			put(rom, &at, c->writes[w].gpa);
			put(rom, &at, c->writes[w].value);
		}
	}
	if (fread(rom + RIG_ROM_LEN - RIG_CODE_LEN, 1, RIG_CODE_LEN, guest) !=
	    RIG_CODE_LEN)
		errx(1, "%s is too short", guest_path);
	fclose(guest);
	if (fwrite(rom, RIG_ROM_LEN, 1, file) != 1 || fclose(file))
		err(1, "%s", rom_path);
}

int main(int argc, char **argv)
{
	struct mmu_cpu cpu = { 0 };
	struct mmu_list list = { 0 };
	__u64 facts = 0;
	bool good = true;
	FILE *file;

	if ((argc == 7 || argc == 8) && !strcmp(argv[1], "rom")) {
		cpu.emulator = emulator(argv[2]);
		if (number(argv[3]) == 5)
			facts |= RIG_LEVELS_5;
		if (argc == 8) {
			file = opened(argv[7], "r");
			read_facts(&cpu, file);
			fclose(file);
			if (cpu.levels != number(argv[3]))
				errx(1, "it has %u levels", cpu.levels);
			if (cpu.cet)
				facts |= RIG_CET;
			mmu_list_make(&list, &cpu, number(argv[4]));
		}
		write_rom(&list, facts, argv[5], argv[6]);
	} else if (argc == 6 && !strcmp(argv[1], "judge")) {
		cpu.emulator = emulator(argv[2]);
		file = opened(argv[5], "r");
		read_facts(&cpu, file);
		mmu_list_make(&list, &cpu, number(argv[3]));
		printf("KTAP version 1\n");
		good = mmu_judge(&list, &cpu, argv[4], file);
		fclose(file);
	} else {
		errx(1, "usage: mmu rom EMULATOR LEVELS SEED GUEST ROM [FACTS]\n"
		     "       mmu judge EMULATOR SEED NAME RESULTS");
	}
	free(list.cases);
	return !good;
}
