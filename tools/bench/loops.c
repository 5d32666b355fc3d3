// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Plain loops over tables whose addresses are known: no descent, no check.
 * Unrolled by hand, as gcc -O2 doesn't.
 */
#include "bench.h"

#define ADDR	GENMASK_ULL(51, 12)

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

/* As a vCPU may set bits meanwhile, one atomic operation an entry. */
void loop_flip(vmem_pte_t **tables, u64 nr, u64 bits)
{
	u64 t, i;

	for (t = 0; t < nr; t++)
		for (i = 0; i < ENTRIES; i++)
			__atomic_xor_fetch((u64 *)&tables[t][i], bits,
					   __ATOMIC_SEQ_CST);
}

/* Return: how many runs, and in the upper half where they began. */
u64 loop_merge(vmem_pte_t **tables, u64 nr)
{
	u64 t, i, expect = 0, runs = 0, sum = 0;

	for (t = 0; t < nr; t++) {
		const volatile u64 *e = (const volatile u64 *)tables[t];

		for (i = 0; i < ENTRIES; i += 8, e += 8) {
			u64 diff = (e[0] ^ expect) |
				   (e[1] ^ (expect + PAGE)) |
				   (e[2] ^ (expect + 2 * PAGE)) |
				   (e[3] ^ (expect + 3 * PAGE)) |
				   (e[4] ^ (expect + 4 * PAGE)) |
				   (e[5] ^ (expect + 5 * PAGE)) |
				   (e[6] ^ (expect + 6 * PAGE)) |
				   (e[7] ^ (expect + 7 * PAGE));
			u64 j;

			if (!diff) {
				expect += 8 * PAGE;
				continue;
			}
			for (j = 0; j < 8; j++) {
				u64 entry = e[j];

				if (entry != expect) {
					runs++;
					sum += entry;
				}
				expect = entry + PAGE;
			}
		}
	}
	return sum << 32 | runs;
}

/* A record of 48 bytes for each leaf, in a buffer that is used again. */
u64 loop_records(vmem_pte_t **tables, u64 nr)
{
	static struct vmem_space_aware_mapping records[1024];
	volatile struct vmem_space_aware_mapping *rec = records;
	u64 t, i, va = 0, n = 0;

	for (t = 0; t < nr; t++) {
		const volatile u64 *e = (const volatile u64 *)tables[t];

		for (i = 0; i < ENTRIES; i++, va += PAGE) {
			u64 entry = e[i];

			rec = &records[n++ % 1024];
			rec->type = VMEM_REC_MAPPING;
			rec->level = 0;
			rec->detail = 12;
			rec->flags = 0;
			rec->space = 0;
			rec->va = va;
			rec->gpa = entry & ADDR;
			rec->len = PAGE;
			rec->entry = entry;
			rec->leaf = entry;
			rec->effective = entry;
			rec->path = 0;
		}
	}
	return n;
}

static inline u64 load(const char *memory, u64 entry, u64 va, int shift)
{
	return *(const volatile u64 *)(memory + (entry & ADDR) +
				       ((va >> shift) & (ENTRIES - 1)) * 8);
}

/* Four loads, each of which needs the one before. */
u64 loop_loads(const char *memory, u64 root, const vmem_virt_t *vas, u32 nr)
{
	u64 entry, sum = 0;
	u32 i;

	for (i = 0; i < nr; i++) {
		entry = load(memory, root, vas[i], 39);
		entry = load(memory, entry, vas[i], 30);
		entry = load(memory, entry, vas[i], 21);
		sum += load(memory, entry, vas[i], 12);
	}
	return sum;
}
