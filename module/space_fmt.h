/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of one format. A file of its own for each format defines
 * VMEM_FMT (the core's format), VMEM_FMT_NUMBERS, VMEM_FMT_ID, VMEM_FMT_MAP,
 * VMEM_FMT_WALK_SPACE and VMEM_FMT_WALK_END (what formats that differ in their
 * levels only have in common) and VMEM_FMT_OPS (the name of the result), and
 * includes this. No indirect call is left in these functions: they are the
 * innermost ones that are reached by one.
 */
#include "../vmem/vmem.h"
#include "ops.h"
#include "space.h"

static noinline u32 vmem_fmt_siblings(const vmem_pte_t *table,
				      const struct vmem_facts *facts,
				      vmem_phys_t absent,
				      vmem_phys_t *siblings, u32 max)
{
	const unsigned int nr_entries = 1U << VMEM_FMT.index_lg2;
	bool behind = false;
	unsigned int i;
	u32 nr = 0;

	/*
	 * Whatever level the table is of: an entry that would name a table at
	 * level 1 is tried, and a page that is none does no harm.
	 */
	for (i = 0; i < nr_entries && nr < max; i++) {
		u64 entry = vmem_read(table, i);
		vmem_phys_t gpa;

		if (VMEM_FMT.classify(facts, entry, 1) != VMEM_CLASS_TABLE)
			continue;
		gpa = VMEM_FMT.entry_phys(facts, entry, 1, VMEM_CLASS_TABLE);
		if (behind && gpa != absent)
			siblings[nr++] = gpa;
		else
			behind = gpa == absent;
	}
	return nr;
}

static noinline int vmem_fmt_translate(struct vmem_piece *piece,
				       const struct vmem_space *space,
				       struct vmem_translate_batch *batch)
{
	return vmem_translate(&VMEM_FMT, &vmem_table_ops.read, piece, space,
			      batch->vas, batch->nr, batch->out,
			      batch->entries, &batch->done);
}

static noinline void vmem_fmt_walk_init(struct vmem_walk *walk,
					vmem_virt_t first, vmem_virt_t last,
					u32 flags, u64 budget,
					struct vmem_seen *seen)
{
	vmem_walk_init(&VMEM_FMT, walk, first, last, flags, budget, seen);
}

static noinline int vmem_fmt_range_list(struct vmem_change *change,
					vmem_virt_t start, vmem_virt_t last,
					const struct vmem_mapping *what)
{
	return vmem_range_list(&VMEM_FMT, change, start, last, what);
}

static noinline int vmem_fmt_link_list(struct vmem_change *change,
				       vmem_virt_t our_va,
				       const struct vmem_link_mapping *link)
{
	return vmem_link_list(&VMEM_FMT, change, our_va, link);
}

/* A pointer to the format itself would keep its functions in the object. */
static const struct vmem_format vmem_fmt_numbers = { VMEM_FMT_NUMBERS };

const struct vmem_format_ops VMEM_FMT_OPS = {
	.fmt		= &vmem_fmt_numbers,
	.id		= VMEM_FMT_ID,
	.facts		= VMEM_FMT_FACTS,
	.siblings	= vmem_fmt_siblings,
	.translate	= vmem_fmt_translate,
	.walk_init	= vmem_fmt_walk_init,
	.walk_space	= VMEM_FMT_WALK_SPACE,
	.walk_end	= VMEM_FMT_WALK_END,
	.map		= VMEM_FMT_MAP,
	.range_list	= vmem_fmt_range_list,
	.link_list	= vmem_fmt_link_list,
};
