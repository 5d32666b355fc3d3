/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel prefetches for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_PREFETCH_H
#define _VMEM_SHIM_LINUX_PREFETCH_H

#define prefetch(x)	__builtin_prefetch(x)
#define prefetchw(x)	__builtin_prefetch(x, 1)

#endif /* _VMEM_SHIM_LINUX_PREFETCH_H */
