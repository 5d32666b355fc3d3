// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Plain loops over tables whose addresses are known: no descent, no check. They
 * read, write and store what the core has to for the same answer. Unrolled by
 * hand, as gcc -O2 doesn't.
 */
#include <string.h>

#include "bench.h"

#define ABREAST	16U	/* addresses that go down together */

/* A record of a walk, as six words. */
struct record {
	u64 word[6];
};

/* A reader takes so many at a time. */
static struct record records[NR_RECORDS];

static __always_inline void give(u64 n, u64 va, u64 entry, u64 len)
{
	volatile u64 *word = records[n % NR_RECORDS].word;

	word[0] = VMEM_REC_MAPPING;
	word[1] = va;
	word[2] = entry & ADDR;
	word[3] = len;
	word[4] = entry;
	word[5] = entry & ~ADDR;
}

/* Each addition needs the one before: what a processor's clock is. */
u64 loop_adds(u64 nr)
{
	u64 i, sum = 0, one = 1;

	for (i = 0; i < nr; i += 8) {
		/* hidden from the compiler, which would multiply */
		asm volatile("" : "+r" (one));
		sum += one;
		asm volatile("" : "+r" (sum));
		sum += one;
		asm volatile("" : "+r" (sum));
		sum += one;
		asm volatile("" : "+r" (sum));
		sum += one;
		asm volatile("" : "+r" (sum));
		sum += one;
		asm volatile("" : "+r" (sum));
		sum += one;
		asm volatile("" : "+r" (sum));
		sum += one;
		asm volatile("" : "+r" (sum));
		sum += one;
		asm volatile("" : "+r" (sum));
	}
	return sum;
}

void loop_store(vmem_pte_t **tables, u64 nr, u64 entry)
{
	u64 t, i;

	for (t = 0; t < nr; t++) {
		volatile u64 *e = (volatile u64 *)tables[t];

		for (i = 0; i < ENTRIES; i += 8, e += 8, entry += 8 * PAGE) {
			e[0] = entry;
			e[1] = entry + PAGE;
			e[2] = entry + 2 * PAGE;
			e[3] = entry + 3 * PAGE;
			e[4] = entry + 4 * PAGE;
			e[5] = entry + 5 * PAGE;
			e[6] = entry + 6 * PAGE;
			e[7] = entry + 7 * PAGE;
		}
	}
}

/* The same into tables that are cleared before. */
void loop_clear_store(vmem_pte_t **tables, u64 nr, u64 entry)
{
	u64 t;

	for (t = 0; t < nr; t++)
		memset(tables[t], 0, PAGE);
	loop_store(tables, nr, entry);
}

/* Return: what was there, so that it is read. */
u64 loop_zero(vmem_pte_t **tables, u64 nr)
{
	u64 t, i, any = 0;

	for (t = 0; t < nr; t++) {
		volatile u64 *e = (volatile u64 *)tables[t];

		for (i = 0; i < ENTRIES; i += 8, e += 8) {
			any |= e[0] | e[1] | e[2] | e[3] |
			       e[4] | e[5] | e[6] | e[7];
			e[0] = 0;
			e[1] = 0;
			e[2] = 0;
			e[3] = 0;
			e[4] = 0;
			e[5] = 0;
			e[6] = 0;
			e[7] = 0;
		}
	}
	return any;
}

/* As a vCPU may set bits meanwhile: a load and a locked exchange an entry. */
u64 loop_flip(vmem_pte_t **tables, u64 nr, u64 bits)
{
	u64 t, i, n = 0;

	for (t = 0; t < nr; t++) {
		for (i = 0; i < ENTRIES; i++) {
			u64 *e = (u64 *)&tables[t][i];
			u64 entry = *(volatile u64 *)e;

			n += __sync_bool_compare_and_swap(e, entry, entry ^ bits);
		}
	}
	return n;
}

/* Return: a sum of all entries. */
u64 loop_read(vmem_pte_t **tables, u64 nr)
{
	u64 t, i, sum = 0;

	for (t = 0; t < nr; t++) {
		const volatile u64 *e = (const volatile u64 *)tables[t];

		for (i = 0; i < ENTRIES; i += 8, e += 8)
			sum += (e[0] ^ e[1] ^ e[2] ^ e[3]) +
			       (e[4] ^ e[5] ^ e[6] ^ e[7]);
	}
	return sum;
}

static __always_inline void give_run(void *to, u64 n, u64 va, u64 entry, u64 len)
{
	give(n, va, entry, len);
}

/* Runs of leaves, eight at a time where they go on. Return: how many. */
u64 loop_merge(vmem_pte_t **tables, u64 nr)
{
	return flat_merge(tables, nr, give_run, NULL);
}

/* The same for leaves that don't go on: one at a time. */
u64 loop_merge_each(vmem_pte_t **tables, u64 nr)
{
	u64 t, i, va = 0, first = 0, from = 0, expect = 0, runs = 0;

	for (t = 0; t < nr; t++) {
		const volatile u64 *e = (const volatile u64 *)tables[t];

		for (i = 0; i < ENTRIES; i++, va += PAGE) {
			u64 entry = e[i];

			if (entry != expect) {
				give(runs++, from, first, va - from);
				first = entry;
				from = va;
			}
			expect = entry + PAGE;
		}
	}
	give(runs++, from, first, va - from);
	return runs;
}

/* A record a leaf. */
u64 loop_leaves(vmem_pte_t **tables, u64 nr)
{
	u64 t, i, va = 0, n = 0;

	for (t = 0; t < nr; t++) {
		const volatile u64 *e = (const volatile u64 *)tables[t];

		for (i = 0; i < ENTRIES; i++, va += PAGE)
			give(n++, va, e[i], PAGE);
	}
	return n;
}

/*
 * Tables of any level, wherever they are: runs of leaves, or each; and one that was
 * met before. A run ends where another table or a hole is. Return: records.
 */
static __always_inline u64 gather(const struct place *places, u64 nr, bool each)
{
	u64 t, i, j, end = 0, first = 0, from = 0, expect = 0, runs = 0;

	for (t = 0; t < nr; t++) {
		const u64 *e = (const u64 *)places[t].table;
		const unsigned int level = places[t].level;
		const u64 step = PAGE << (9 * level);
		u64 va = places[t].va;

		if (!e) {
			give(runs++, va, 0, step);
			continue;
		}
		if (va != end)
			expect = 0;
		for (i = 0; i < ENTRIES; i += 8, e += 8) {
			u64 any = e[0] | e[1] | e[2] | e[3] |
				  e[4] | e[5] | e[6] | e[7];
			u64 diff = each | !expect |
				   (e[0] ^ expect) |
				   (e[1] ^ (expect + step)) |
				   (e[2] ^ (expect + 2 * step)) |
				   (e[3] ^ (expect + 3 * step)) |
				   (e[4] ^ (expect + 4 * step)) |
				   (e[5] ^ (expect + 5 * step)) |
				   (e[6] ^ (expect + 6 * step)) |
				   (e[7] ^ (expect + 7 * step));

			if (!diff) {
				expect += 8 * step;
				va += 8 * step;
				end = va;
				continue;
			}
			if (!(any & PRESENT)) {
				expect = 0;
				va += 8 * step;
				continue;
			}
			for (j = 0; j < 8; j++, va += step) {
				u64 entry = e[j];

				if (!is_leaf(entry, level)) {
					expect = 0;
					continue;
				}
				if (each || entry != expect) {
					give(runs++, from, first, end - from);
					first = entry;
					from = va;
				}
				expect = entry + step;
				end = va + step;
			}
		}
	}
	give(runs, from, first, end - from);
	return runs;
}

u64 loop_places(const struct place *places, u64 nr, bool each)
{
	return each ? gather(places, nr, true) : gather(places, nr, false);
}

static __always_inline u64 load(const char *memory, u64 entry, u64 va, int shift)
{
	return *(const volatile u64 *)(memory + (entry & ADDR) +
				       ((va >> shift) & (ENTRIES - 1)) * 8);
}

static __always_inline u64 loads(const char *memory, u64 root, u64 va)
{
	u64 entry = load(memory, root, va, 39);

	entry = load(memory, entry, va, 30);
	entry = load(memory, entry, va, 21);
	return load(memory, entry, va, 12);
}

/* As many as a leaf is deep. */
u64 loop_descents(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr)
{
	u64 entry, sum = 0;
	int shift;
	u32 i;

	for (i = 0; i < nr; i++) {
		entry = load(memory, root, vas[i], 39);
		for (shift = 30; shift >= 12; shift -= 9) {
			entry = load(memory, entry, vas[i], shift);
			if (entry & PS)
				break;
		}
		sum += entry;
	}
	return sum;
}

/* Four loads an address, each of which needs the one before. */
u64 loop_loads(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < nr; i++)
		sum += loads(memory, root, vas[i]);
	return sum;
}

/* Each address needs the answer of the one before. */
u64 loop_chain(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr)
{
	u64 entry = 0;
	u32 i;

	for (i = 0; i < nr; i++)
		entry = loads(memory, root, vas[i] ^ chain(entry & ADDR));
	return entry;
}

/* Addresses go down a level at a time, several together. */
u64 loop_abreast(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr)
{
	u64 entry[ABREAST], sum = 0;
	u32 i, j;
	int shift;

	for (i = 0; i + ABREAST <= nr; i += ABREAST) {
		for (j = 0; j < ABREAST; j++)
			entry[j] = load(memory, root, vas[i + j], 39);
		for (shift = 30; shift >= 12; shift -= 9)
			for (j = 0; j < ABREAST; j++)
				entry[j] = load(memory, entry[j], vas[i + j],
						shift);
		for (j = 0; j < ABREAST; j++)
			sum += entry[j];
	}
	return sum;
}
