// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The guest: its memory and the objects of the library over it, who wrote which
 * entry, and where the tables are reached from.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mmu.h"

#define ENTRY_D		(1ULL << 6)
#define VISITS_MAX	1000		/* of a survey, a space */

struct world world;
char doing[1024] = "setup";

static unsigned long chances;		/* the state, from the seed */
static __u64 shadow[NR_WORDS];		/* memory, before the call */
static bool by_guest[NR_WORDS];		/* the entry isn't vmem's */
static struct {
	unsigned int word;
	__u64 was;
} changed[NR_WORDS];

void chances_from(unsigned long seed)
{
	chances = 0x9e3779b97f4a7c15UL * (seed + 1);
}

/*
 * Two in an expression that doesn't give their order would make the worlds of a
 * seed differ by the compiler.
 */
unsigned long chance(unsigned long below)
{
	chances ^= chances << 13;
	chances ^= chances >> 7;
	chances ^= chances << 17;
	return (chances >> 11) % below;
}

void failed(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	printf("# %s\n# ", doing);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_Exit(1);
}

static __u32 region(unsigned long first, unsigned long end)
{
	struct vmem_ioc_region_create arg = {
		.size		= sizeof(arg),
		.kind		= VMEM_IOC_REGION_USER,
		.gpa		= first * PAGE,
		.len		= (end - first) * PAGE,
		.user_addr	= (__u64)(unsigned long)world_table(first * PAGE),
	};
	int ret = vmem_region_create(world.guest, &arg);

	if (ret)
		errx(2, "region: %d", ret);
	return arg.out_id;
}

static void pool(unsigned int n)
{
	struct vmem_ioc_range range = {
		.gpa	= (FIRST_POOL + n * POOL_PAGES) * PAGE,
	};
	struct vmem_ioc_pool_create arg = {
		.size		= sizeof(arg),
		.ranges		= (__u64)(unsigned long)&range,
		.nr_ranges	= 1,
	};
	int ret;

	world.pool_pages[n] = 4 + (unsigned int)chance(POOL_PAGES - 3);
	if (chance(3) && world.pool_pages[n] < POOL_PAGES / 2)
		world.pool_pages[n] += POOL_PAGES / 2;
	range.len = world.pool_pages[n] * PAGE;
	ret = vmem_pool_create(world.guest, &arg);
	if (ret)
		errx(2, "pool: %d", ret);
	world.pools[n] = arg.out_id;
}

/* A new world, other than the last one. */
void world_begin(unsigned long seed)
{
	__u64 *memory = world.memory;
	unsigned int i;
	int ret;

	chances_from(seed);
	if (!memory) {
		memory = mmap(NULL, MEMORY_LEN, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			err(2, "mmap");
	}
	memset(memory, 0, MEMORY_LEN);
	memset(shadow, 0, sizeof(shadow));
	memset(by_guest, 0, sizeof(by_guest));
	memset(&world, 0, sizeof(world));
	world.memory = memory;
	mmu_reset();

	ret = vmem_open_local(&world.guest);
	if (ret)
		errx(2, "open: %d", ret);
	world.habits = (enum habits)chance(NR_HABITS);
	world.phys_bits = chance(3) ? 0 : 40;
	world.flags = chance(8) ? 0 : VMEM_IOC_SPACE_NXE_OFF;
	world.addr = ((1ULL << (world.phys_bits ?: 52)) - 1) & ~(PAGE - 1);
	world.reserved = ((1ULL << 52) - 1) & ~(PAGE - 1) & ~world.addr;
	if (world.flags & VMEM_IOC_SPACE_NXE_OFF)
		world.reserved |= 1ULL << 63;
	region(0, FROZEN_TABLES);
	world.frozen_region = region(FROZEN_TABLES, FROZEN_END);
	region(FROZEN_END, NR_PAGES);
	for (i = 0; i < NR_POOLS; i++)
		pool(i);
	for (i = 0; i < NR_SPACES; i++)
		world.spaces[i].pool = -1;
}

void world_end(void)
{
	vmem_close(world.guest);
	world.guest = NULL;
}

void world_guest_write(__u64 *word, __u64 entry)
{
	*word = entry;
	shadow[word - world.memory] = entry;
	by_guest[word - world.memory] = true;
}

/* Is it one of a frozen table, as the guest wrote it? Then the table moved. */
static bool word_moved(unsigned int word)
{
	unsigned int at = word % NR_ENTRIES + FROZEN_TABLES * NR_ENTRIES;

	for (; at < FROZEN_END * NR_ENTRIES; at += NR_ENTRIES)
		if (by_guest[at] && world.memory[at] & 1 &&
		    !((world.memory[at] ^ world.memory[word]) & world.addr))
			return true;
	return false;
}

/*
 * Who made an entry is known by who wrote its address. A leaf that vmem made,
 * which has D, is no link of it, whoever takes it for one.
 */
static bool word_by_guest(unsigned int word)
{
	__u64 was = shadow[word], now = world.memory[word];

	if (was == now ||
	    (was & now & 1 && !((was ^ now) & (world.addr | ENTRY_D))))
		return by_guest[word];
	return now & 1 && (now & ENTRY_D || word_moved(word));
}

bool world_by_guest(const __u64 *word)
{
	return world_pool(*word & world.addr) >= 0 &&
	       word_by_guest((unsigned int)(word - world.memory));
}

unsigned int world_after(void)
{
	unsigned int page, i, word, nr = 0;

	for (page = 0; page < NR_PAGES; page++) {
		word = page * NR_ENTRIES;
		if (!memcmp(&shadow[word], &world.memory[word], PAGE))
			continue;
		for (i = 0; i < NR_ENTRIES; i++, word++) {
			if (shadow[word] == world.memory[word])
				continue;
			changed[nr].word = word;
			changed[nr++].was = shadow[word];
			if (world.frozen && page >= FROZEN_TABLES &&
			    page < FROZEN_END)
				failed("frozen memory was written at 0x%lx",
				       word * sizeof(shadow[0]));
		}
	}
	for (i = 0; i < nr; i++)
		by_guest[changed[i].word] = word_by_guest(changed[i].word);
	for (i = 0; i < nr; i++)
		shadow[changed[i].word] = world.memory[changed[i].word];
	return nr;
}

__u64 *world_changed(unsigned int n, __u64 *was)
{
	*was = changed[n].was;
	return &world.memory[changed[n].word];
}

static void survey_table(struct survey *survey, int space, __u64 table,
			 unsigned int level, unsigned char how)
{
	const __u64 *words = world_table(table);
	unsigned int i;
	__u32 attrs;
	__u64 gpa;

	if (!words)
		return;
	if (survey->visits++ >= VISITS_MAX) {
		survey->whole = false;
		return;
	}
	if (how == REACHED_OWN && world_pool(table) < 0)
		how = REACHED_FOREIGN;
	survey->reached[space][table / PAGE] |= how;
	survey->places[table / PAGE]++;
	for (i = 0; level && i < NR_ENTRIES; i++) {
		if (words[i] & 1 &&
		    mmu_look(words[i], level, &gpa, &attrs) == MMU_TABLE)
			survey_table(survey, space, gpa, level - 1,
				     world_by_guest(&words[i]) ?
				     REACHED_EDGE : how);
	}
}

void world_survey(struct survey *survey)
{
	int i;

	memset(survey, 0, sizeof(*survey));
	survey->whole = true;
	for (i = 0; i < NR_SPACES; i++) {
		survey->visits = 0;
		if (world.spaces[i].id)
			survey_table(survey, i, world.spaces[i].root,
				     world.spaces[i].levels - 1, REACHED_OWN);
	}
}

static bool alone_table(const struct survey *survey, __u64 table,
			unsigned int level, __u64 start, __u64 last)
{
	const __u64 *words = world_table(table);
	unsigned int i;
	__u32 attrs;
	__u64 gpa;

	if (!words)
		return true;
	if (survey->places[table / PAGE] != 1)
		return false;
	if (!level)
		return true;
	for (i = va_index(start, level); i <= va_index(last, level); i++) {
		bool first = i == va_index(start, level);
		bool end = i == va_index(last, level);

		if (mmu_look(words[i], level, &gpa, &attrs) != MMU_TABLE)
			continue;
		/* ends of the range matter in the first and the last entry */
		if (!alone_table(survey, gpa, level - 1, first ? start : 0,
				 end ? last : ~0ULL))
			return false;
	}
	return true;
}

bool world_alone(const struct survey *survey, int space, __u64 start, __u64 last)
{
	const struct space *s = &world.spaces[space];

	return survey->whole && start <= last &&
	       alone_table(survey, s->root, s->levels - 1, start, last);
}

/* Random addresses */

__u64 some_va(void)
{
	static const __u64 bases[] = {
		0, 0x400000, 0x7fffffe00000, 0xffff800000000000,
		0xffffffff80000000, 0xffffffffffe00000, 0x3fffffff000,
		0x800000000000, 0xff00000000000000,
	};
	const unsigned long nr = sizeof(bases) / sizeof(bases[0]);
	__u64 va = bases[chance(6) ? chance(3) : chance(nr)];

	if (chance(3))
		return va + 4096 * (512 - 8 + chance(16));
	return va + 4096 * chance(1024);
}

__u64 some_len(void)
{
	switch (chance(24)) {
	case 0:
		return 4096 * chance(1400);
	case 1:
		return 1ULL << (21 + 9 * chance(3));
	default:
		return 4096 * (1 + chance(20));
	}
}

__u64 some_gpa(void)
{
	switch (chance(16)) {
	case 0:
		return PAGE * (__u64)chance(NR_PAGES + 16);
	case 1:
		return 1ULL << (20 + chance(20));
	default:
		return PAGE * (__u64)chance(FIRST_POOL);
	}
}

__u64 some_large(unsigned int level)
{
	return (__u64)(1 + chance(level == 1 ? 64 : 4)) << level_lg2(level);
}

/* The guest's own tables, few, each meant for one level */

__u64 hand_table(unsigned int level)
{
	unsigned long per_level = HAND_TABLES / NR_LEVELS;
	unsigned long first = chance(2) ? OPEN_TABLES : FROZEN_TABLES;

	return PAGE * (first + level * per_level + chance(per_level));
}

static __u64 hand_attrs(void)
{
	__u64 attrs = chance(8) ? 0x23 : 0x21 | chance(4) << 1;

	if (!chance(16) && !(world.flags & VMEM_IOC_SPACE_NXE_OFF))
		attrs |= 1ULL << 63;
	return attrs;
}

static __u64 hand_leaf(void)
{
	__u64 leaf = some_gpa();

	leaf |= hand_attrs();
	leaf |= chance(3) ? 0x40 : 0;
	leaf |= chance(4) ? 0 : 0x100;
	return chance(8) ? leaf : leaf | chance(16) << 3;
}

static __u64 hand_large(unsigned int level)
{
	__u64 leaf = (hand_leaf() & ~world.addr) | some_large(level) | 0x80;

	return chance(4) ? leaf : leaf | 0x1000;	/* PAT */
}

static bool is_hand(__u64 gpa)
{
	return gpa / PAGE >= OPEN_TABLES && gpa / PAGE < FROZEN_END;
}

/* A table that is like a larger leaf. */
static void guest_full(__u64 *words)
{
	__u64 leaf = (hand_leaf() & ~world.addr) | some_large(1);
	unsigned int i;

	for (i = 0; i < NR_ENTRIES; i++)
		world_guest_write(&words[i], leaf + i * PAGE);
}

/* The path to an address, and some leaves. */
static const char *guest_tree(void)
{
	const struct space *space = &world.spaces[chance(NR_SPACES)];
	unsigned int level = chance(3) ? 3 : 4, at;
	__u64 table = hand_table(level), va = some_va(), *words, gpa;
	unsigned long i;
	__u32 attrs;

	if (space->id && is_hand(space->root) && chance(2)) {
		level = space->levels - 1;
		table = space->root;
	}
	for (; level; level--) {
		words = world_table(table) + va_index(va, level);
		if (level < 3 && !chance(16)) {
			world_guest_write(words, hand_large(level));
			return "the guest has a large page";
		}
		if (mmu_look(*words, level, &gpa, &attrs) != MMU_TABLE ||
		    (!is_hand(gpa) && world.habits != WILD)) {
			gpa = hand_table(level - 1);
			world_guest_write(words, gpa | hand_attrs());
		}
		if (!world_table(gpa))
			return "a path out of memory";
		table = gpa;
	}
	words = world_table(table);
	if (!chance(6)) {
		guest_full(words);
		return "the guest fills a table";
	}
	at = va_index(va, 0);
	for (i = 1 + chance(chance(4) ? 4 : 60); i; i--)
		world_guest_write(&words[at++ % NR_ENTRIES], hand_leaf());
	return "the guest makes tables";
}

/* A table that it may write. */
static __u64 *guest_table(void)
{
	if (world.habits == WILD && chance(2))
		return world_table(PAGE * (FIRST_POOL +
					   chance(NR_POOLS * POOL_PAGES)));
	return world_table(PAGE * (OPEN_TABLES + chance(2 * HAND_TABLES)));
}

/* An entry of it, which is present if there is one near. */
static __u64 *guest_entry(__u64 *table)
{
	unsigned long at = chance(NR_ENTRIES), i;

	for (i = 0; i < NR_ENTRIES && chance(1000); i++, at++)
		if (table[at % NR_ENTRIES])
			break;
	return &table[at % NR_ENTRIES];
}

static const char *guest_poke(void)
{
	__u64 *word = guest_entry(guest_table()), attrs = hand_attrs();

	switch (chance(8)) {
	case 0:
		world_guest_write(word, 0);
		return "the guest clears an entry";
	case 1:
		world_guest_write(word, *word & ~1ULL);
		return "the guest clears P";
	case 2:
		world_guest_write(word, *word | 1);
		return "the guest sets P";
	case 3:
		world_guest_write(word, hand_leaf());
		return "the guest writes a leaf";
	case 4:
		world_guest_write(word, hand_large(1 + chance(2)));
		return "the guest writes a large leaf";
	case 5:
		world_guest_write(word, hand_table((unsigned int)chance(4)) |
				  attrs);
		return "the guest writes an entry of a table";
	default:
		world_guest_write(word, *word ^ 1ULL << (1 + chance(2)));
		return "the guest changes rights";
	}
}

/* As when a process is made: what one table names, another does too. */
static const char *guest_copy(void)
{
	unsigned int level = (unsigned int)chance(NR_LEVELS);
	__u64 *from = world_table(hand_table(level));
	__u64 *to = world_table(hand_table(level)), *word;
	unsigned long at, nr = 0;

	if (world.habits == WILD && chance(2))
		from = guest_table();
	if (!chance(4)) {
		word = guest_entry(to);
		world_guest_write(word, *guest_entry(from));
		return "the guest copies an entry elsewhere";
	}
	for (at = 0; at < NR_ENTRIES; at++) {
		if (!(from[at] & 1) || nr++ > 8)
			continue;
		world_guest_write(&to[at], from[at]);
	}
	return "the guest copies entries";
}

static const char *guest_self(void)
{
	__u64 table = hand_table(3 + (unsigned int)chance(2));

	world_guest_write(&world_table(table)[chance(2) ? 510 : 256],
			  table | 0x23);
	return "a root names itself";
}

static const char *guest_clear(void)
{
	__u64 *table = world_table(hand_table((unsigned int)chance(NR_LEVELS)));
	unsigned int i;

	for (i = 0; i < NR_ENTRIES; i++)
		if (table[i])
			world_guest_write(&table[i], 0);
	return "the guest clears a table";
}

/* What the guest does to its tables; NULL: nothing. */
const char *guest_change(void)
{
	if (world.habits == QUIET)
		return NULL;
	switch (chance(16)) {
	case 0:
	case 1:
	case 2:
		return guest_poke();
	case 3:
	case 4:
		return guest_copy();
	case 5:
		return chance(3) ? guest_tree() : guest_self();
	case 6:
		return chance(2) ? guest_tree() : guest_clear();
	default:
		return guest_tree();
	}
}
