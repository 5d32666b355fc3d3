/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel bit masks for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_BITS_H
#define _VMEM_SHIM_LINUX_BITS_H

#include <linux/build_bug.h>

#define BITS_PER_LONG		__LONG_WIDTH__
#define BITS_PER_LONG_LONG	64

#define BIT(nr)			(1UL << (nr))
#define BIT_ULL(nr)		(1ULL << (nr))

/* Swapped arguments are an error where both are constants. */
#define __vmem_genmask_check(h, l)					\
	BUILD_BUG_ON_ZERO(__builtin_choose_expr(			\
		__builtin_constant_p((l) > (h)), (l) > (h), 0))

#define GENMASK(h, l)							\
	(__vmem_genmask_check(h, l) +					\
	 ((~0UL << (l)) & (~0UL >> (BITS_PER_LONG - 1 - (h)))))
#define GENMASK_ULL(h, l)						\
	(__vmem_genmask_check(h, l) +					\
	 ((~0ULL << (l)) & (~0ULL >> (BITS_PER_LONG_LONG - 1 - (h)))))

#endif /* _VMEM_SHIM_LINUX_BITS_H */
