// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The core over one piece of memory: what it does by itself, with ops that cost
 * as little as can be.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../vmem/call_access.h"
#include "bench.h"

DEFINE_VMEM_ENGINE(flat_engine, vmem_fmt_x86_64_4level, flat_ops, flat_ops.read);

#define HUGE		(2ULL << 20)
#define ALIGN_UP(x, to)	(((x) + (to) - 1) / (to) * (to))
#define SEEN_LG2	12	/* slots for tables that a walk has met */

/* An empty space again; what lies in the memory stays. */
void guest_reset(struct flat *guest)
{
	u64 nr = guest->pool_len / PAGE;

	memset(guest->storage, 0, vmem_pool_bytes(nr));
	memset(guest->buckets, 0, vmem_pool_buckets(nr) * sizeof(*guest->buckets));
	flat_begin(guest);
	memset(guest->memory + vmem_table_gpa(guest->space.root), 0, PAGE);
}

/* Memory for so many tables, and for those that are made by hand: huge pages. */
void guest_init(struct flat *guest, u64 tables, u64 kept)
{
	guest->size = ALIGN_UP((tables + kept) * PAGE, HUGE);
	guest->pool_len = guest->size - kept * PAGE;
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
void guest_adopt(struct flat *guest, char *memory, u64 size, u64 root)
{
	const struct vmem_format *fmt = &vmem_fmt_x86_64_4level;

	*guest = (struct flat){
		.memory = memory, .size = size, .space.root = vmem_table(root & ADDR),
	};
	fmt->facts(fmt, &guest->space.facts, &(struct vmem_vcpu){ 0 });
}

void guest_free(struct flat *guest)
{
	free(guest->memory);
	free(guest->storage);
	free(guest->buckets);
}

static noinline int core_short(struct flat *guest, const struct vmem_mapping *mapping)
{
	return vmem_map_short(&vmem_fmt_x86_64_4level, &flat_ops, guest, &guest->space,
			      mapping, 0);
}

static noinline int core_long(struct flat *guest, const struct vmem_mapping *mapping)
{
	struct vmem_change change;
	int ret;

	vmem_change_start(&change);
	change.asked = (struct vmem_asked){ .list = mapping, .nr = 1, .budget = U64_MAX };
	do
		ret = vmem_map(&vmem_fmt_x86_64_4level, &flat_ops, guest,
			       &guest->space, &change);
	while (ret > 0);
	while (vmem_pool_unreserve(&guest->pool, &guest->pages.res))
		;
	return ret;
}

static int core_change(struct flat *guest, const struct vmem_mapping *mapping)
{
	return core_short(guest, mapping) >= 0 ? 0 : core_long(guest, mapping);
}

static int map_sized(struct flat *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len,
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

int core_map(struct flat *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len)
{
	return map_sized(guest, va, gpa, len, 0);
}

int core_map_large(struct flat *guest, vmem_virt_t va, vmem_phys_t gpa, u64 len)
{
	return map_sized(guest, va, gpa, len, PAGE | HUGE);
}

int core_unmap(struct flat *guest, vmem_virt_t va, u64 len)
{
	const struct vmem_mapping mapping = {
		.virt_base	= va,
		.len		= len,
		.kind		= VMEM_KIND_UNMAPPED,
	};

	return core_change(guest, &mapping);
}

/* One call a page. */
static __always_inline void core_each(struct flat *guest, struct vmem_mapping mapping,
				      const vmem_virt_t *vas, u64 nr)
{
	u64 i;

	for (i = 0; i < nr; i++) {
		mapping.virt_base = vas[i];
		if (mapping.kind == VMEM_KIND_BASIC)
			mapping.phys_base = i * 3 * PAGE;
		if (core_change(guest, &mapping))
			abort();
	}
}

void core_map_each(struct flat *guest, const vmem_virt_t *vas, u64 nr)
{
	core_each(guest, (struct vmem_mapping){
		.len		= PAGE,
		.kind		= VMEM_KIND_BASIC,
		.basic.attrs	= VMEM_R | VMEM_W,
	}, vas, nr);
}

void core_unmap_each(struct flat *guest, const vmem_virt_t *vas, u64 nr)
{
	core_each(guest, (struct vmem_mapping){ .len = PAGE, .kind = VMEM_KIND_UNMAPPED },
		  vas, nr);
}

int core_protect(struct flat *guest, vmem_virt_t va, u64 len, bool writable)
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
struct counts core_walk(struct flat *guest, const struct vmem_space *spaces,
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
		if (vmem_walk_va_spaces(&vmem_fmt_x86_64_4level, &flat_ops.read, guest,
					spaces, nr_spaces, &walk, records,
					NR_RECORDS, &nr))
			abort();
		given += nr;
	} while (!walk.finished);
	return (struct counts){ walk.leaves, walk.refs, walk.bad, given,
				U64_MAX - walk.budget };
}

static __always_inline void translate(struct flat *guest,
				      const vmem_virt_t *vas, u32 nr,
				      struct vmem_translation *out)
{
	u32 done = 0;

	if (vmem_translate(&vmem_fmt_x86_64_4level, &flat_ops.read, guest,
			   &guest->space, vas, nr, false, out, NULL, &done))
		abort();
}

/* Return: a sum, likewise. */
u64 core_translate(struct flat *guest, const vmem_virt_t *vas, u32 nr,
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

/* Likewise, and a write to each address is judged, in a mode with all that is. */
u64 core_access(struct flat *guest, const vmem_virt_t *vas, u32 nr, u32 batch)
{
	const struct vmem_access access = {
		.what = VMEM_ACCESS_WRITE | FIELD_PREP(VMEM_ACCESS_LEN, 7),
		.mode = VMEM_MODE_FLAGS & ~VMEM_MODE_AC,
		.pkru = 0x55555554, .pkrs = 0x55555554,
	};
	struct vmem_translation out[64];
	struct vmem_judge judge;
	u32 i, done;
	u64 sum = 0;

	if (flat_engine.judge(&guest->space.facts, &access, &judge))
		abort();
	for (i = 0; i < nr; i += batch) {
		done = 0;
		if (vmem_translate_judged(&flat_engine, &vmem_fmt_x86_64_4level, guest,
					  &guest->space, &judge, &vas[i], batch, out, NULL,
					  &done) || out[0].status)
			abort();
		sum += out[0].gpa;
	}
	return sum;
}

/* One a call, and each address needs the answer of the one before. */
u64 core_chain(struct flat *guest, const vmem_virt_t *vas, u32 nr)
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
