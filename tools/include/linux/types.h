/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel types for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_TYPES_H
#define _VMEM_SHIM_LINUX_TYPES_H

/* 64-bit words are long long on every architecture, as in the kernel. */
#ifndef __SANE_USERSPACE_TYPES__
#define __SANE_USERSPACE_TYPES__
#endif

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#endif /* _VMEM_SHIM_LINUX_TYPES_H */
