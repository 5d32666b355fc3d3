/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that vmem is built for, 6.1 and later.
 */
#ifndef _VMEM_MODULE_COMPAT_H
#define _VMEM_MODULE_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

/* A variable that is set before it is read, and too large to be zeroed in each call. */
#ifndef __uninitialized
#define __uninitialized
#endif

/*
 * One page of another address space. @locked is 1, and 0 afterwards when the
 * lock was dropped on the way; NULL with FOLL_NOWAIT, which doesn't drop it.
 */
static inline long vmem_get_user_page(struct mm_struct *mm, unsigned long addr,
				      unsigned int flags, struct page **page,
				      int *locked)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, addr, 1, flags, page, NULL, locked);
#else
	return get_user_pages_remote(mm, addr, 1, flags, page, locked);
#endif
}

static inline void vmem_vma_flags(struct vm_area_struct *vma,
				  unsigned long set, unsigned long clear)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#else
	vm_flags_mod(vma, set, clear);
#endif
}

#endif /* _VMEM_MODULE_COMPAT_H */
