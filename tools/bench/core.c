// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The core over one piece of memory: what it does by itself, with ops that cost
 * as little as can be.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../vmem/fmt_x86_64.h"
#include "bench.h"

#define HUGE		(2ULL << 20)
#define ALIGN_UP(x, to)	(((x) + (to) - 1) / (to) * (to))
#define SEEN_LG2	12	/* slots for tables that a walk has met */

static inline int ops_from_phys(void *ctx, vmem_table_t table,
				enum vmem_intent intent, vmem_pte_t **host)
{
	const struct guest *guest = ctx;
	vmem_phys_t gpa = vmem_table_gpa(table);

	if (gpa >= guest->size)
		return VMEM_OUTSIDE;
	*host = (vmem_pte_t *)(guest->memory + gpa);
	return 0;
}

static inline bool ops_in_memory(void *ctx, vmem_phys_t gpa, u64 *same)
{
	*same = BIT_ULL(52);
	return true;
}

static inline bool ops_pause(void *ctx, unsigned int nr)
{
	return false;
}

static inline enum vmem_owner ops_owner(void *ctx, vmem_table_t table,
					unsigned int level, vmem_table_t parent,
					unsigned int slot, u32 *links)
{
	struct guest *guest = ctx;

	return vmem_pool_owner(&guest->pool, table, level, parent, slot, links);
}

static inline struct vmem_pages *ops_pages(void *ctx)
{
	struct guest *guest = ctx;

	return &guest->pages;
}

static const struct vmem_table_ops ops = {
	.read = {
		.from_phys	= ops_from_phys,
		.in_memory	= ops_in_memory,
		.pause		= ops_pause,
	},
	.movability	= VMEM_MAY_NOT_MOVE_TABLE,
	.owner		= ops_owner,
	.pages		= ops_pages,
};

static const struct vmem_format *const fmt = &vmem_fmt_x86_64_4level;

/* An empty space again; what lies in the memory stays. */
void guest_reset(struct guest *guest)
{
	u64 len = guest->size - guest->kept;
	u64 nr = vmem_pool_buckets(len / PAGE);

	memset(guest->storage, 0, vmem_pool_bytes(len / PAGE));
	memset(guest->buckets, 0, nr * sizeof(*guest->buckets));
	guest->store = (struct vmem_link_store){ .spare_roots = &guest->root };
	vmem_pool_init(&guest->pool, &guest->range, 12, &guest->store,
		       guest->buckets, nr, 1);
	vmem_pool_add(&guest->pool, 0, len, guest->storage);
	guest->pages.pool = &guest->pool;
	guest->pages.res = (struct vmem_reservation){};
	vmem_pool_reserve(&guest->pool, &guest->pages.res, 1, 0);
	guest->space.root = vmem_root_make(&guest->pool, &guest->pages.res,
					   fmt->nr_levels - 1)->table;
	fmt->facts(fmt, &guest->space.facts, &(struct vmem_vcpu){ 0 });
	memset(guest->memory + vmem_table_gpa(guest->space.root), 0, PAGE);
}

/* Memory for so many tables, and for those that are made by hand: huge pages. */
void guest_init(struct guest *guest, u64 tables, u64 kept)
{
	guest->kept = kept * PAGE;
	guest->size = ALIGN_UP((tables + kept) * PAGE, HUGE);
	guest->memory = aligned_alloc(HUGE, guest->size);
	guest->storage = malloc(vmem_pool_bytes(guest->size / PAGE));
	guest->buckets = malloc(vmem_pool_buckets(guest->size / PAGE) *
				sizeof(*guest->buckets));
	if (!guest->memory || !guest->storage || !guest->buckets)
		abort();
	madvise(guest->memory, guest->size, MADV_HUGEPAGE);
	memset(guest->memory, 0, guest->size);
	guest_reset(guest);
}

/* Tables that there are, in memory of somebody else's. */
void guest_adopt(struct guest *guest, char *memory, u64 size, u64 root)
{
	*guest = (struct guest){
		.memory = memory, .size = size, .space.root = vmem_table(root & ADDR),
	};
	fmt->facts(fmt, &guest->space.facts, &(struct vmem_vcpu){ 0 });
}

void guest_free(struct guest *guest)
{
	free(guest->memory);
	free(guest->storage);
	free(guest->buckets);
}

static noinline int core_short(struct guest *guest, const struct vmem_mapping *mapping)
{
	return vmem_map_short(&vmem_fmt_x86_64_4level, &ops, guest, &guest->space,
			      mapping, 0);
}

static noinline int core_long(struct guest *guest, const struct vmem_mapping *mapping)
{
	struct vmem_change change;
	int ret;

	vmem_change_start(&change);
	change.asked = (struct vmem_asked){ .list = mapping, .nr = 1, .budget = U64_MAX };
	do
		ret = vmem_map(&vmem_fmt_x86_64_4level, &ops, guest,
			       &guest->space, &change);
	while (ret > 0);
	while (vmem_pool_unreserve(&guest->pool, &guest->pages.res))
		;
	return ret;
}

static int core_change(struct guest *guest, const struct vmem_mapping *mapping)
{
	return core_short(guest, mapping) >= 0 ? 0 : core_long(guest, mapping);
}

static int map_sized(struct guest *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len,
		     u64 sizes)
{
	const struct vmem_mapping mapping = {
		.virt_base	= va,
		.phys_base	= gpa,
		.len		= len,
		.page_sizes	= sizes,
		.kind		= VMEM_KIND_BASIC,
		.basic.attrs	= VMEM_R | VMEM_W,
	};

	return core_change(guest, &mapping);
}

int core_map(struct guest *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len)
{
	return map_sized(guest, va, gpa, len, 0);
}

int core_map_large(struct guest *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len)
{
	return map_sized(guest, va, gpa, len, PAGE | HUGE);
}

int core_unmap(struct guest *guest, vmem_virt_t va, u64 len)
{
	const struct vmem_mapping mapping = {
		.virt_base	= va,
		.len		= len,
		.kind		= VMEM_KIND_UNMAPPED,
	};

	return core_change(guest, &mapping);
}

int core_protect(struct guest *guest, vmem_virt_t va, u64 len, bool writable)
{
	const struct vmem_mapping mapping = {
		.virt_base	= va,
		.len		= len,
		.kind		= VMEM_KIND_PROTECT,
		.protect.set	= writable ? VMEM_W : 0,
		.protect.clear	= writable ? 0 : VMEM_W,
	};

	return core_change(guest, &mapping);
}

/* Return: all that was found, so that nothing can be left out. */
struct counts core_walk(struct guest *guest, const struct vmem_space *spaces,
			u32 nr_spaces, u32 flags)
{
	static struct vmem_space_aware_mapping records[NR_RECORDS];
	static struct vmem_seen_slot slots[1 << SEEN_LG2];
	struct vmem_seen seen;
	struct vmem_walk walk;
	u64 given = 0;
	u32 nr;

	if (!(flags & VMEM_WALK_FOLLOW))
		memset(slots, 0, sizeof(slots));
	vmem_seen_init(&seen, slots, SEEN_LG2);
	vmem_walk_init(&vmem_fmt_x86_64_4level, &walk, 0, U64_MAX, flags,
		       U64_MAX, &seen);
	do {
		nr = 0;
		if (vmem_walk_va_spaces(&vmem_fmt_x86_64_4level, &ops.read, guest,
					spaces, nr_spaces, &walk, records,
					NR_RECORDS, &nr))
			abort();
		given += nr;
	} while (!walk.finished);
	return (struct counts){ walk.leaves, walk.refs, walk.bad, given,
				U64_MAX - walk.budget };
}

static __always_inline void translate(struct guest *guest,
				      const vmem_virt_t *vas, u32 nr,
				      struct vmem_translation *out)
{
	u32 done = 0;

	if (vmem_translate(&vmem_fmt_x86_64_4level, &ops.read, guest,
			   &guest->space, vas, nr, out, NULL, &done))
		abort();
}

/* Return: a sum, likewise. */
u64 core_translate(struct guest *guest, const vmem_virt_t *vas, u32 nr,
		   u32 batch)
{
	struct vmem_translation out[64];
	u64 sum = 0;
	u32 i;

	for (i = 0; i < nr; i += batch) {
		translate(guest, &vas[i], batch, out);
		sum += out[0].gpa;
	}
	return sum;
}

/* One a call, and each address needs the answer of the one before. */
u64 core_chain(struct guest *guest, const vmem_virt_t *vas, u32 nr)
{
	struct vmem_translation out = { .gpa = 0 };
	vmem_virt_t va;
	u32 i;

	for (i = 0; i < nr; i++) {
		va = vas[i] ^ chain(out.gpa);
		translate(guest, &va, 1, &out);
	}
	return out.gpa;
}
