/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of owned regions: the module's own, which stay.
 */
#ifndef _VMEM_MODULE_OWNED_H
#define _VMEM_MODULE_OWNED_H

#include <linux/atomic.h>
#include <linux/mm.h>

#include "block.h"

struct mem_cgroup;
struct user_struct;

/**
 * struct vmem_owned - whose the pages of a region are
 * @memcg:	that they are charged to, immutable
 * @user:	whose locked memory they are, NULL: nobody's; immutable
 * @nr_pages:	that there are
 */
struct vmem_owned {
	struct mem_cgroup *memcg;
	struct user_struct *user;
	atomic_long_t nr_pages;
};

int vmem_owned_init(struct vmem_owned *owned, u64 len);
void vmem_owned_exit(struct vmem_owned *owned, u64 len, struct xarray *blocks);
struct page *vmem_owned_page(struct vmem_owned *owned, struct xarray *blocks,
			     u64 offset);

#endif /* _VMEM_MODULE_OWNED_H */
