/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for as long as a call or a walk lasts.
 *
 * Whole pages, which go back at once: of objects of such sizes, slabs would
 * keep many, charged to the caller's memory cgroup.
 */
#ifndef _VMEM_MODULE_SCRATCH_H
#define _VMEM_MODULE_SCRATCH_H

#include <linux/gfp.h>

/* Zeroed, or NULL. */
static inline void *vmem_scratch_alloc(size_t size)
{
	return alloc_pages_exact(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

static inline void vmem_scratch_free(void *scratch, size_t size)
{
	if (scratch)
		free_pages_exact(scratch, size);
}

#endif /* _VMEM_MODULE_SCRATCH_H */
