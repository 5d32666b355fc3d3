// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86-64: facts, changes and walks, of tables of 4 and of 5 levels alike. Of all
 * that is in the module this is the most code, so there is one copy, in which the
 * number of levels is a variable.
 */
#include "../vmem/fmt_x86_64.h"
#include "../vmem/vmem.h"
#include "ops.h"
#include "space.h"

static __always_inline struct vmem_format
vmem_x86_64_format(const struct vmem_piece *piece)
{
	struct vmem_format fmt = vmem_fmt_x86_64_5level;

	fmt.nr_levels = piece->nr_levels;
	return fmt;
}

int vmem_x86_64_space_facts(const struct vmem_format *fmt,
			    struct vmem_facts *facts,
			    const struct vmem_vcpu *vcpu)
{
	return vmem_x86_64_facts(fmt, facts, vcpu);
}

int vmem_x86_64_map(struct vmem_piece *piece, struct vmem_space *space,
		    struct vmem_change *change)
{
	const struct vmem_format fmt = vmem_x86_64_format(piece);

	return vmem_map(&fmt, &vmem_table_ops, piece, space, change);
}

int vmem_x86_64_walk_space(struct vmem_piece *piece,
			   const struct vmem_space *space,
			   struct vmem_walk *walk,
			   struct vmem_space_aware_mapping *out, u32 max, u32 *nr)
{
	const struct vmem_format fmt = vmem_x86_64_format(piece);

	return vmem_walk_space(&fmt, &vmem_table_ops.read, piece, space, walk,
			       out, max, nr);
}

void vmem_x86_64_walk_end(struct vmem_piece *piece, struct vmem_walk *walk,
			  struct vmem_space_aware_mapping *out, u32 max, u32 *nr)
{
	const struct vmem_format fmt = vmem_x86_64_format(piece);

	vmem_walk_end(&fmt, &vmem_table_ops.read, piece, walk, out, max, nr);
}
