/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel strings for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_STRING_H
#define _VMEM_SHIM_LINUX_STRING_H

#include <string.h>
#include <linux/types.h>

static inline void *memset64(u64 *s, u64 v, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		s[i] = v;
	return s;
}

#endif /* _VMEM_SHIM_LINUX_STRING_H */
