// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core over one piece of memory, and a plain loop over its entries, in the kernel
 * that the module is in.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "flat.h"

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
	struct flat *flat = kzalloc(sizeof(*flat), GFP_KERNEL);

	if (!flat)
		return NULL;
	flat->size = tables * FLAT_PAGE;
	flat->pool_len = flat->size;
	flat->memory = kvzalloc(flat->size, GFP_KERNEL);
	flat->storage = kvzalloc(vmem_pool_bytes(tables), GFP_KERNEL);
	flat->buckets = kvcalloc(vmem_pool_buckets(tables), sizeof(*flat->buckets),
				 GFP_KERNEL);
	if (!flat->memory || !flat->storage || !flat->buckets) {
		flat_free(flat);
		return NULL;
	}
	flat_begin(flat);
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
			      &flat->space, vas, nr, false, out, entries, &done);
}

/* A record, from leaf @entry on; the last one stays. */
static __always_inline void flat_give(void *to, u64 n, u64 va, u64 entry, u64 len)
{
	struct vmem_space_aware_mapping *out = to;

	WRITE_ONCE(out->va, va);
	WRITE_ONCE(out->gpa, entry & GENMASK_ULL(51, 12));
	WRITE_ONCE(out->len, len);
	WRITE_ONCE(out->entry, entry);
}

/**
 * flat_runs() - runs of leaves, by a plain loop
 * @tables:	of leaves, in the order of what they translate
 * @nr:		how many
 * @out:	the last run
 *
 * Return: how many runs.
 */
u64 flat_runs(vmem_pte_t **tables, u64 nr, struct vmem_space_aware_mapping *out)
{
	return flat_merge(tables, nr, flat_give, out);
}
