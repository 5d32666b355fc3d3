// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core over one piece of memory, in the kernel that the module is in, and a plain
 * loop over the same entries.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../vmem/fmt_x86_64.h"
#include "../../vmem/records.h"
#include "flat.h"

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

static const struct vmem_table_ops flat_ops = {
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
 * flat_free() - the end of flat_make()
 * @flat:	what that returned
 *
 * Context: sleeps.
 */
void flat_free(struct flat *flat)
{
	if (flat) {
		kvfree(flat->memory);
		kvfree(flat->storage);
		kvfree(flat->buckets);
	}
	kfree(flat);
}

/**
 * flat_make() - an empty space
 * @tables:	that it may have
 *
 * Context: sleeps.
 * Return: the space and its memory, NULL: no memory.
 */
struct flat *flat_make(u64 tables)
{
	const struct vmem_format *fmt = &vmem_fmt_x86_64_4level;
	struct flat *flat = kzalloc(sizeof(*flat), GFP_KERNEL);
	u64 nr = vmem_pool_buckets(tables);

	if (!flat)
		return NULL;
	flat->size = tables * PAGE_SIZE;
	flat->memory = kvzalloc(flat->size, GFP_KERNEL);
	flat->storage = kvzalloc(vmem_pool_bytes(tables), GFP_KERNEL);
	flat->buckets = kvcalloc(nr, sizeof(*flat->buckets), GFP_KERNEL);
	if (!flat->memory || !flat->storage || !flat->buckets) {
		flat_free(flat);
		return NULL;
	}
	flat->store.spare_roots = &flat->root;
	vmem_pool_init(&flat->pool, &flat->range, PAGE_SHIFT, &flat->store,
		       flat->buckets, nr, 1);
	vmem_pool_add(&flat->pool, 0, flat->size, flat->storage);
	flat->pages.pool = &flat->pool;
	vmem_pool_reserve(&flat->pool, &flat->pages.res, 1, 0);
	flat->space.root = vmem_root_make(&flat->pool, &flat->pages.res,
					  fmt->nr_levels - 1)->table;
	fmt->facts(fmt, &flat->space.facts, &(struct vmem_vcpu){ 0 });
	return flat;
}

static noinline int flat_short(const struct vmem_format *fmt, void *ctx,
			       struct vmem_space *space, const struct vmem_mapping *m,
			       u32 flags)
{
	return vmem_map_short(&vmem_fmt_x86_64_4level, &flat_ops, ctx, space, m, flags);
}

static noinline int flat_long(struct flat *flat)
{
	return vmem_map(&vmem_fmt_x86_64_4level, &flat_ops, flat, &flat->space,
			&flat->change);
}

/* As the engine's map(). */
static noinline int flat_change(struct flat *flat, const struct vmem_mapping *mapping)
{
	int ret;

	vmem_change_start(&flat->change);
	flat->change.asked = (struct vmem_asked){ .list = mapping, .nr = 1, .budget = U64_MAX };
	do {
		ret = vmem_change_shorts(&vmem_fmt_x86_64_4level, &flat_ops, flat,
					 &flat->space, &flat->change, flat_short);
		if (ret == VMEM_AGAIN)
			ret = flat_long(flat);
	} while (ret > 0);
	while (vmem_pool_unreserve(&flat->pool, &flat->pages.res))
		;
	return ret;
}

/**
 * flat_map() - as MAP does
 * @flat:	the space
 * @va:		where
 * @gpa:	what
 * @len:	bytes
 *
 * Return: as vmem_map().
 */
int flat_map(struct flat *flat, vmem_virt_t va, vmem_phys_t gpa, u64 len)
{
	const struct vmem_mapping mapping = {
		.virt_base	= va,
		.phys_base	= gpa,
		.len		= len,
		.kind		= VMEM_KIND_BASIC,
		.basic.attrs	= VMEM_R | VMEM_W,
	};

	return flat_change(flat, &mapping);
}

/**
 * flat_unmap() - as UNMAP does
 * @flat:	the space
 * @va:		where
 * @len:	bytes
 *
 * Return: as vmem_map().
 */
int flat_unmap(struct flat *flat, vmem_virt_t va, u64 len)
{
	const struct vmem_mapping mapping = {
		.virt_base	= va,
		.len		= len,
		.kind		= VMEM_KIND_UNMAPPED,
	};

	return flat_change(flat, &mapping);
}

/**
 * flat_translate() - as TRANSLATE does
 * @flat:	the space
 * @vas:	addresses
 * @nr:		of them
 * @out:	their results
 * @entries:	and by which entries, or NULL
 *
 * Return: as vmem_translate().
 */
int flat_translate(struct flat *flat, const vmem_virt_t *vas, u32 nr,
		   struct vmem_translation *out, u64 (*entries)[VMEM_LEVELS_MAX])
{
	u32 done = 0;

	return vmem_translate(&vmem_fmt_x86_64_4level, &flat_ops.read, flat,
			      &flat->space, vas, nr, out, entries, &done);
}

/* A record, from leaf @entry on. */
static __always_inline void loop_give(struct vmem_space_aware_mapping *out, u64 va,
				      u64 entry, u64 len)
{
	WRITE_ONCE(out->va, va);
	WRITE_ONCE(out->gpa, entry & GENMASK_ULL(51, 12));
	WRITE_ONCE(out->len, len);
	WRITE_ONCE(out->entry, entry);
}

/**
 * loop_merge() - runs of leaves, eight at a time where they go on
 * @tables:	of leaves, in the order of what they translate
 * @nr:		how many
 * @out:	the last run
 *
 * Return: how many runs.
 */
u64 loop_merge(vmem_pte_t **tables, u64 nr, struct vmem_space_aware_mapping *out)
{
	const unsigned int entries = PAGE_SIZE / sizeof(u64);
	u64 t, i, j, va = 0, first = 0, from = 0, expect = 0, runs = 0;

	for (t = 0; t < nr; t++) {
		const vmem_pte_t *e = tables[t];

		for (i = 0; i < entries; i += 8, e += 8) {
			u64 diff = (vmem_read(e, 0) ^ expect) |
				   (vmem_read(e, 1) ^ (expect + PAGE_SIZE)) |
				   (vmem_read(e, 2) ^ (expect + 2 * PAGE_SIZE)) |
				   (vmem_read(e, 3) ^ (expect + 3 * PAGE_SIZE)) |
				   (vmem_read(e, 4) ^ (expect + 4 * PAGE_SIZE)) |
				   (vmem_read(e, 5) ^ (expect + 5 * PAGE_SIZE)) |
				   (vmem_read(e, 6) ^ (expect + 6 * PAGE_SIZE)) |
				   (vmem_read(e, 7) ^ (expect + 7 * PAGE_SIZE));

			if (!diff) {
				expect += 8 * PAGE_SIZE;
				va += 8 * PAGE_SIZE;
				continue;
			}
			for (j = 0; j < 8; j++, va += PAGE_SIZE) {
				u64 entry = vmem_read(e, j);

				if (entry != expect && va) {
					loop_give(out, from, first, va - from);
					runs++;
				}
				if (entry != expect) {
					first = entry;
					from = va;
				}
				expect = entry + PAGE_SIZE;
			}
		}
	}
	loop_give(out, from, first, va - from);
	return runs + 1;
}
