/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel atomics for the core in userspace. All are fully ordered. */
#ifndef _VMEM_SHIM_LINUX_ATOMIC_H
#define _VMEM_SHIM_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

#define try_cmpxchg(ptr, oldp, new)					\
	__atomic_compare_exchange_n(ptr, oldp, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* What was there: @old, if the exchange was made. */
#define cmpxchg(ptr, old, new)						\
({									\
	typeof(*(ptr)) __old = (old);					\
									\
	(void)try_cmpxchg(ptr, &__old, new);				\
	__old;								\
})

#define cmpxchg64(ptr, old, new)	cmpxchg(ptr, old, new)
#define xchg(ptr, new)		__atomic_exchange_n(ptr, new, __ATOMIC_SEQ_CST)

#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)

#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

#endif /* _VMEM_SHIM_LINUX_ATOMIC_H */
