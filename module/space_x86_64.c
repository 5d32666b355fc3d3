// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86-64: changes, of tables of 4 and of 5 levels alike. Of all that is in the
 * module this is the most code, so there is one copy, in which the number of
 * levels is a variable.
 */
#include "../vmem/fmt_x86_64.h"
#include "../vmem/vmem.h"
#include "ops.h"
#include "space.h"

int vmem_x86_64_map(struct vmem_piece *piece, struct vmem_space *space,
		    struct vmem_change *change)
{
	struct vmem_format fmt = vmem_fmt_x86_64_5level;

	fmt.nr_levels = piece->nr_levels;
	return vmem_map(&fmt, &vmem_table_ops, piece, space, change);
}
