// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Rows of a real Linux guest's tables: those of one CR3, saved by `make run`.
 * A directory holds `memory`, from address 0, of which only the tables need be
 * there, and `cr3`, as tools/vm/guest leaves them.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

#define NR_VAS		16384U

static const char *in(const char *dir, const char *name)
{
	static char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		errx(EXIT_FAILURE, "%s: too long a name", dir);
	return path;
}

static u64 canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16);
}

static void add_place(struct work *work, const vmem_pte_t *table, vmem_virt_t va,
		      unsigned int level)
{
	u64 nr = work->nr_places++;

	if (!(nr & (nr - 1)))
		work->places = reallocarray(work->places, nr ? 2 * nr : 1,
					    sizeof(*work->places));
	if (!work->places)
		abort();
	work->places[nr] = (struct place){ table, va, level };
}

/* All tables, in the order of a walk. @seen: a byte a page of memory. */
static void find_places(struct work *work, u64 table, vmem_virt_t va,
			unsigned int level, u8 *seen)
{
	const vmem_pte_t *e = host(work, table);
	unsigned int i;
	u64 entry;

	if (table >= work->guest.size)
		return;
	if (seen[table / PAGE]) {
		add_place(work, NULL, va, level);
		return;
	}
	seen[table / PAGE] = 1;
	add_place(work, e, va, level);
	for (i = 0; i < ENTRIES && level; i++) {
		entry = le64_to_cpu(e[i]);
		if ((entry & (PRESENT | PS)) == PRESENT)
			find_places(work, entry & ADDR,
				    canonical(va | (u64)i << (12 + 9 * level)),
				    level - 1, seen);
	}
}

/* Return: false: there is no such directory. */
static bool linux_open(struct work *work, const char *dir)
{
	FILE *file = fopen(in(dir, "cr3"), "re");
	unsigned long long cr3;
	struct stat st;
	void *memory;
	u8 *seen;
	int fd;

	if (!file && errno == ENOENT)
		return false;
	if (!file || fscanf(file, "%llx", &cr3) != 1)
		errx(EXIT_FAILURE, "%s: no CR3", in(dir, "cr3"));
	fclose(file);
	fd = open(in(dir, "memory"), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		err(EXIT_FAILURE, "%s", in(dir, "memory"));
	if ((u64)st.st_size < PAGE || (cr3 & ADDR) > (u64)st.st_size - PAGE)
		errx(EXIT_FAILURE, "%s: CR3 is outside", in(dir, "memory"));
	memory = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		err(EXIT_FAILURE, "%s", in(dir, "memory"));
	close(fd);

	*work = (struct work){ .nr_spaces = 1 };
	guest_adopt(&work->guest, memory, st.st_size / PAGE * PAGE, cr3);
	work->spaces = &work->guest.space;
	seen = allocate(st.st_size / PAGE, 1);
	find_places(work, root_of(work), 0, 3, seen);
	free(seen);
	return true;
}

static void linux_close(struct work *work)
{
	munmap(work->guest.memory, work->guest.size);
	free(work->places);
	free(work->vas);
}

/* The tables of the guest in @from, in holes, and its CR3. */
void linux_save(const char *from, const char *to)
{
	struct work work;
	char *table;
	FILE *file;
	bool good;
	int fd;
	u64 i;

	if (!linux_open(&work, from))
		errx(EXIT_FAILURE, "%s: no guest", from);
	if (mkdir(to, 0777) && errno != EEXIST)
		err(EXIT_FAILURE, "%s", to);
	fd = open(in(to, "memory"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	good = fd >= 0 && !ftruncate(fd, work.guest.size);
	for (i = 0; i < work.nr_places && good; i++) {
		table = (char *)work.places[i].table;
		if (table)
			good = pwrite(fd, table, PAGE, table - work.guest.memory) == PAGE;
	}
	if (!good || close(fd))
		err(EXIT_FAILURE, "%s", in(to, "memory"));
	file = fopen(in(to, "cr3"), "we");
	if (!file || fprintf(file, "0x%llx\n", (unsigned long long)root_of(&work)) < 0 ||
	    fclose(file))
		err(EXIT_FAILURE, "%s", in(to, "cr3"));
	linux_close(&work);
}

/* Addresses anywhere in leaves, each leaf as likely as another. */
static void draw(struct work *work, u64 nr_leaves)
{
	vmem_virt_t *leaves = allocate(nr_leaves, sizeof(*leaves));
	u64 state = 88172645463325252ULL, leaf, nr = 0, i;
	const struct place *place = work->places;
	unsigned int slot, lg2;

	for (; place < work->places + work->nr_places; place++) {
		lg2 = 12 + 9 * place->level;
		for (slot = 0; slot < ENTRIES && place->table; slot++)
			if (is_leaf(le64_to_cpu(place->table[slot]), place->level))
				leaves[nr++] = canonical(place->va |
							 (u64)slot << lg2) | lg2;
	}
	work->nr_vas = NR_VAS;
	work->vas = allocate(NR_VAS, sizeof(*work->vas));
	for (i = 0; i < NR_VAS; i++) {
		leaf = leaves[random_next(&state) % nr];
		lg2 = leaf % PAGE;
		work->vas[i] = (leaf - lg2) | random_next(&state) % BIT_ULL(lg2);
	}
	free(leaves);
}

static void walk_core(struct work *work)
{
	sink = core_walk(&work->guest, work->spaces, 1, work->flags).records;
}

static void places_loop(struct work *work)
{
	sink = loop_places(work->places, work->nr_places,
			   work->flags & VMEM_WALK_LEAVES);
}

static void translate_core(struct work *work)
{
	sink = core_translate(&work->guest, work->vas, work->nr_vas, work->batch);
}

static void descents_loop(struct work *work)
{
	sink = loop_descents(work->guest.memory, root_of(work), work->vas,
			     work->nr_vas);
}

void bench_linux(const char *dir)
{
	static const struct {
		const char *name;
		void (*core)(struct work *work);
		void (*loop)(struct work *work);
		u32 flags;
		u32 batch;
		double adds;
	} rows[] = {
		{ "Linux guest: walk to extents, a leaf", walk_core, places_loop,
		  0, 0, 11.5 },
		{ "Linux guest: walk to leaves, a leaf", walk_core, places_loop,
		  VMEM_WALK_LEAVES, 0, 9.7 },
		{ "Linux guest: translate, one a call", translate_core,
		  descents_loop, 0, 1, 11 },
		{ "Linux guest: translate, 32 a call", translate_core,
		  descents_loop, 0, 32, 11 },
	};
	bool there, any = false;
	struct counts counts;
	struct work work;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		any |= wanted(rows[i].name);
	there = any && linux_open(&work, dir);
	for (i = 0; i < ARRAY_SIZE(rows) && any && !there; i++)
		lacking(rows[i].name, "no tables of a guest's: `make run` saves them");
	if (!there)
		return;
	counts = core_walk(&work.guest, work.spaces, 1, VMEM_WALK_LEAVES);
	/* the loop is to tell the same, but for the end */
	if (!counts.leaves || counts.bad ||
	    counts.records - 1 != loop_places(work.places, work.nr_places, true))
		errx(EXIT_FAILURE, "%s: no tables of a Linux guest of 4 levels", dir);
	draw(&work, counts.leaves);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct subject subject = {
			rows[i].name, NULL, rows[i].core, rows[i].loop,
			rows[i].batch ? NR_VAS : counts.leaves, rows[i].adds
		};

		work.flags = rows[i].flags;
		work.batch = rows[i].batch;
		measure(&subject, &work);
	}
	linux_close(&work);
}
