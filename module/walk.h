/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks over spaces of a guest: a step at a time, for the descriptors that
 * WALK_CREATE makes and for debugfs.
 */
#ifndef _VMEM_MODULE_WALK_H
#define _VMEM_MODULE_WALK_H

#include "../vmem/vmem.h"
#include "guest.h"
#include "work.h"

struct vmem_format_ops;

/**
 * struct vmem_walker - a walk of spaces of a guest
 * @work:	holds and pieces; whoever owns the walker keeps the guest
 * @ops:	of the format of all of the spaces
 * @walk:	the core's
 * @seen:	tables met
 * @seen_max:	how many may be remembered
 * @generation:	of the guest, when the walk began
 * @nr:		of the spaces
 * @ids:	of the spaces; freed with the walker
 * @records:	a page for records
 * @nr_records:	how many there are
 *
 * One at a time works on it.
 */
struct vmem_walker {
	struct vmem_work work;
	const struct vmem_format_ops *ops;
	struct vmem_walk walk;
	struct vmem_seen seen;
	u64 seen_max;
	u64 generation;
	u32 nr;
	u32 *ids;
	struct vmem_space_aware_mapping *records;
	u32 nr_records;
};

int vmem_walker_init(struct vmem_walker *walker, struct vmem_guest *guest,
		     const struct vmem_ioc_walk_create *want);
void vmem_walker_exit(struct vmem_walker *walker);
int vmem_walker_step(struct vmem_walker *walker);

#endif /* _VMEM_MODULE_WALK_H */
