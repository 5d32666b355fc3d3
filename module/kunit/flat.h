/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What benchmarks measure beside, here and in tools/bench: the core over one piece of
 * memory, with ops that cost as little as can be, and a plain loop.
 */
#ifndef _VMEM_KUNIT_FLAT_H
#define _VMEM_KUNIT_FLAT_H

#include "../../vmem/vmem.h"
#include "../../vmem/fmt_x86_64.h"
#include "../../vmem/records.h"

#define FLAT_PAGE	BIT_ULL(X86_64_PAGE_LG2)

/**
 * struct flat - memory that holds tables, and nothing else
 * @memory:	of guest-physical address 0 on
 * @size:	in bytes
 * @pool_len:	so many bytes of it are the pool's, from the first one on
 * @pool:	where tables come from
 * @store:	of the pool
 * @range:	of the pool
 * @pages:	of a change
 * @change:	a change
 * @space:	the tables of one space, root included
 * @root:	of the space
 * @storage:	of the pool, zeroed before flat_begin()
 * @buckets:	of the pool, likewise
 */
struct flat {
	char *memory;
	u64 size;
	u64 pool_len;
	struct vmem_pool pool;
	struct vmem_link_store store;
	struct vmem_pool_range range;
	struct vmem_pages pages;
	struct vmem_change change;
	struct vmem_space space;
	struct vmem_root root;
	void *storage;
	struct vmem_link **buckets;
};

static inline int flat_from_phys(void *ctx, vmem_table_t table,
				 enum vmem_intent intent, vmem_pte_t **host)
{
	const struct flat *flat = ctx;
	vmem_phys_t gpa = vmem_table_gpa(table);

	if (gpa >= flat->size)
		return VMEM_OUTSIDE;
	*host = (vmem_pte_t *)(flat->memory + gpa);
	return 0;
}

static inline bool flat_in_memory(void *ctx, vmem_phys_t gpa, u64 *same)
{
	*same = BIT_ULL(52);
	return true;
}

static inline bool flat_pause(void *ctx, unsigned int nr)
{
	return false;
}

static inline enum vmem_owner flat_owner(void *ctx, vmem_table_t table,
					 unsigned int level, vmem_table_t parent,
					 unsigned int slot, u32 *links)
{
	struct flat *flat = ctx;

	return vmem_pool_owner(&flat->pool, table, level, parent, slot, links);
}

static inline struct vmem_pages *flat_pages(void *ctx)
{
	struct flat *flat = ctx;

	return &flat->pages;
}

static const struct vmem_table_ops flat_ops __maybe_unused = {
	.read = {
		.from_phys	= flat_from_phys,
		.in_memory	= flat_in_memory,
		.pause		= flat_pause,
	},
	.movability	= VMEM_MAY_NOT_MOVE_TABLE,
	.owner		= flat_owner,
	.pages		= flat_pages,
};

/**
 * flat_begin() - a space with a root that isn't zeroed
 * @flat:	with memory
 */
static inline void flat_begin(struct flat *flat)
{
	const struct vmem_format *fmt = &vmem_fmt_x86_64_4level;

	flat->store = (struct vmem_link_store){ .spare_roots = &flat->root };
	vmem_pool_init(&flat->pool, &flat->range, X86_64_PAGE_LG2, &flat->store,
		       flat->buckets, vmem_pool_buckets(flat->pool_len / FLAT_PAGE), 1);
	vmem_pool_add(&flat->pool, 0, flat->pool_len, flat->storage);
	flat->pages.pool = &flat->pool;
	flat->pages.res = (struct vmem_reservation){};
	vmem_pool_reserve(&flat->pool, &flat->pages.res, 1, 0);
	flat->space.root = vmem_root_make(&flat->pool, &flat->pages.res,
					  fmt->nr_levels - 1)->table;
	fmt->facts(fmt, &flat->space.facts, &(struct vmem_vcpu){ 0 });
}

/**
 * flat_merge() - runs of leaves, eight at a time where they go on
 * @tables:	of leaves, in the order of what they translate
 * @nr:		how many
 * @give:	is given each run: its number, address, first leaf, and length
 * @to:		handed to @give
 *
 * Return: how many runs.
 */
static __always_inline u64 flat_merge(vmem_pte_t **tables, u64 nr,
				      void (*give)(void *to, u64 n, u64 va,
						   u64 entry, u64 len), void *to)
{
	u64 t, i, j, va = 0, first = 0, from = 0, expect = 0, runs = 0;

	for (t = 0; t < nr; t++) {
		const vmem_pte_t *e = tables[t];

		for (i = 0; i < FLAT_PAGE / sizeof(u64); i += 8, e += 8) {
			u64 diff = (vmem_read(e, 0) ^ expect) |
				   (vmem_read(e, 1) ^ (expect + FLAT_PAGE)) |
				   (vmem_read(e, 2) ^ (expect + 2 * FLAT_PAGE)) |
				   (vmem_read(e, 3) ^ (expect + 3 * FLAT_PAGE)) |
				   (vmem_read(e, 4) ^ (expect + 4 * FLAT_PAGE)) |
				   (vmem_read(e, 5) ^ (expect + 5 * FLAT_PAGE)) |
				   (vmem_read(e, 6) ^ (expect + 6 * FLAT_PAGE)) |
				   (vmem_read(e, 7) ^ (expect + 7 * FLAT_PAGE));

			if (!diff) {
				expect += 8 * FLAT_PAGE;
				va += 8 * FLAT_PAGE;
				continue;
			}
			for (j = 0; j < 8; j++, va += FLAT_PAGE) {
				u64 entry = vmem_read(e, j);

				if (entry != expect && va)
					give(to, runs++, from, first, va - from);
				if (entry != expect) {
					first = entry;
					from = va;
				}
				expect = entry + FLAT_PAGE;
			}
		}
	}
	give(to, runs++, from, first, va - from);
	return runs;
}

/* flat.c, where the module's calls are measured */
struct flat *flat_make(u64 tables);
void flat_free(struct flat *flat);
int flat_map(struct flat *flat, vmem_virt_t va, vmem_phys_t gpa, u64 len);
int flat_unmap(struct flat *flat, vmem_virt_t va, u64 len);
int flat_translate(struct flat *flat, const vmem_virt_t *vas, u32 nr,
		   struct vmem_translation *out, u64 (*entries)[VMEM_LEVELS_MAX]);
u64 flat_runs(vmem_pte_t **tables, u64 nr, struct vmem_space_aware_mapping *out);

#endif /* _VMEM_KUNIT_FLAT_H */
