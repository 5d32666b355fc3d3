/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks over spaces of a guest: a step at a time, for the descriptors that
 * WALK_CREATE makes and for debugfs.
 */
#ifndef _VMEM_MODULE_WALK_H
#define _VMEM_MODULE_WALK_H

#include "../vmem/vmem.h"
#include "guest.h"
#include "pages.h"

struct vmem_format_ops;

/**
 * struct vmem_walker - a walk of spaces of a guest
 * @guest:	that the spaces belong to; whoever owns the walker keeps it
 * @ops:	of the format of all of the spaces
 * @walk:	the core's
 * @seen:	tables met
 * @seen_max:	how many may be remembered
 * @generation:	of the guest, when the walk began
 * @piece:	context of the ops
 * @nr:		of the spaces
 * @ids:	of the spaces; freed with the walker
 *
 * One at a time works on it.
 */
struct vmem_walker {
	struct vmem_guest *guest;
	const struct vmem_format_ops *ops;
	struct vmem_walk walk;
	struct vmem_seen seen;
	u64 seen_max;
	u64 generation;
	struct vmem_piece piece;
	u32 nr;
	u32 *ids;
};

/* What a walk is to do. */
struct vmem_walk_want {
	vmem_virt_t start;
	vmem_virt_t last;
	u32 flags;
	u64 budget;
	u64 seen_max;
};

int vmem_walker_init(struct vmem_walker *walker, struct vmem_guest *guest,
		     u32 *ids, u32 nr, const struct vmem_walk_want *want);
void vmem_walker_exit(struct vmem_walker *walker);
int vmem_walker_step(struct vmem_walker *walker,
		     struct vmem_space_aware_mapping *out, u32 max, u32 *nr);

int vmem_ioctl_walk_create(struct vmem_call *call, void *arg);

#endif /* _VMEM_MODULE_WALK_H */
