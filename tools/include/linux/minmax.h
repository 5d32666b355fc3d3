/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel minimum and maximum for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_MINMAX_H
#define _VMEM_SHIM_LINUX_MINMAX_H

#include <linux/build_bug.h>
#include <linux/compiler.h>

/* A number takes any type that the other has. */
#define __vmem_types_ok(x, y)						\
	(__same_type(x, y) || __builtin_constant_p(x) ||		\
	 __builtin_constant_p(y) ||					\
	 (((typeof(x))-1 < (typeof(x))1) == ((typeof(y))-1 < (typeof(y))1)))

#define __vmem_careful(x, y, op)					\
({									\
	typeof(x) __x = (x);						\
	typeof(y) __y = (y);						\
	static_assert(__vmem_types_ok(x, y),				\
		      "signed and unsigned compared");			\
	__x op __y ? __x : __y;						\
})

#define min(x, y)		__vmem_careful(x, y, <)
#define max(x, y)		__vmem_careful(x, y, >)
#define min_t(type, x, y)	min((type)(x), (type)(y))
#define max_t(type, x, y)	max((type)(x), (type)(y))
#define min3(x, y, z)		min(min(x, y), z)
#define max3(x, y, z)		max(max(x, y), z)
#define clamp(val, lo, hi)	min(max(val, lo), hi)
#define clamp_t(type, val, lo, hi) \
	min_t(type, max_t(type, val, lo), hi)

#define swap(a, b)							\
do {									\
	typeof(a) __tmp = (a);						\
	(a) = (b);							\
	(b) = __tmp;							\
} while (0)

#endif /* _VMEM_SHIM_LINUX_MINMAX_H */
