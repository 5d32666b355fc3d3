/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel compiler helpers for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_COMPILER_H
#define _VMEM_SHIM_LINUX_COMPILER_H

/* The C library has an __always_inline of its own, with the same meaning. */
#include <features.h>

#ifdef __CHECKER__
#define __force		__attribute__((force))
#else
#define __force
#endif

#ifndef __always_inline
#define __always_inline	inline __attribute__((__always_inline__))
#endif

#define noinline	__attribute__((__noinline__))
#define __packed	__attribute__((__packed__))
#define __aligned(x)	__attribute__((__aligned__(x)))
#define __maybe_unused	__attribute__((__unused__))
#define __uninitialized
#define __must_check	__attribute__((__warn_unused_result__))
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))
#define fallthrough	__attribute__((__fallthrough__))

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define barrier()	__asm__ __volatile__("" : : : "memory")

#define __same_type(a, b) \
	__builtin_types_compatible_p(typeof(a), typeof(b))

#define READ_ONCE(x)	(*(const volatile typeof(x) *)&(x))
#define data_race(x)	(x)
#define WRITE_ONCE(x, val)						\
do {									\
	*(volatile typeof(x) *)&(x) = (val);				\
} while (0)

/* Without optimization nothing is proved, and so nothing is asserted. */
#ifdef __OPTIMIZE__
#define __vmem_compiletime_assert(condition, msg, fn)			\
do {									\
	extern void fn(void) __attribute__((__error__(msg)));		\
	if (!(condition))						\
		fn();							\
} while (0)
#else
#define __vmem_compiletime_assert(condition, msg, fn) ((void)(condition))
#endif
#define __vmem_paste2(a, b)	a##b
#define __vmem_paste(a, b)	__vmem_paste2(a, b)

#define compiletime_assert(condition, msg)				\
	__vmem_compiletime_assert(condition, msg,			\
		__vmem_paste(__compiletime_assert_, __COUNTER__))

#endif /* _VMEM_SHIM_LINUX_COMPILER_H */
