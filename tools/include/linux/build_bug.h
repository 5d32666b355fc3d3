/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel assertions of the build for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_BUILD_BUG_H
#define _VMEM_SHIM_LINUX_BUILD_BUG_H

#include <linux/compiler.h>

#define BUILD_BUG_ON_MSG(cond, msg)	compiletime_assert(!(cond), msg)
#define BUILD_BUG_ON(cond) \
	BUILD_BUG_ON_MSG(cond, "BUILD_BUG_ON failed: " #cond)
#define BUILD_BUG()		BUILD_BUG_ON_MSG(1, "BUILD_BUG failed")

/* 0, and an error when the constant expression isn't. */
#define BUILD_BUG_ON_ZERO(e)	((int)sizeof(struct { int : (-!!(e)); }))

#undef static_assert
#define static_assert(expr, ...) \
	__vmem_static_assert(expr, ##__VA_ARGS__, #expr)
#define __vmem_static_assert(expr, msg, ...) _Static_assert(expr, msg)

#endif /* _VMEM_SHIM_LINUX_BUILD_BUG_H */
