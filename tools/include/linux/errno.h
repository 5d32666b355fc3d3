/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The system's numbers are the kernel's. */
#ifndef _VMEM_SHIM_LINUX_ERRNO_H
#define _VMEM_SHIM_LINUX_ERRNO_H

#include <asm/errno.h>

#endif /* _VMEM_SHIM_LINUX_ERRNO_H */
