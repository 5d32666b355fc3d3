/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel bit fields for the core in userspace. */
#ifndef _VMEM_SHIM_LINUX_BITFIELD_H
#define _VMEM_SHIM_LINUX_BITFIELD_H

#include <linux/build_bug.h>
#include <linux/types.h>

#define __vmem_field_shift(mask)	(__builtin_ffsll(mask) - 1)

#define __vmem_field_check(mask)					\
do {									\
	BUILD_BUG_ON_MSG(!__builtin_constant_p(mask),			\
			 "the mask is not a constant");			\
	BUILD_BUG_ON_MSG((mask) == 0, "the mask is empty");		\
	BUILD_BUG_ON_MSG((((u64)(mask) + ((u64)(mask) & -(u64)(mask))) & \
			  (u64)(mask)) != 0,				\
			 "the mask has a hole");			\
} while (0)

#define FIELD_MAX(mask)							\
({									\
	__vmem_field_check(mask);					\
	(typeof(mask))((mask) >> __vmem_field_shift(mask));		\
})

#define FIELD_FIT(mask, val)						\
({									\
	__vmem_field_check(mask);					\
	!((((typeof(mask))(val)) << __vmem_field_shift(mask)) & ~(mask)); \
})

#define FIELD_PREP(mask, val)						\
({									\
	__vmem_field_check(mask);					\
	((typeof(mask))(val) << __vmem_field_shift(mask)) & (mask);	\
})

#define FIELD_GET(mask, reg)						\
({									\
	__vmem_field_check(mask);					\
	(typeof(mask))(((reg) & (mask)) >> __vmem_field_shift(mask));	\
})

#endif /* _VMEM_SHIM_LINUX_BITFIELD_H */
