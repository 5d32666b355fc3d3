/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel warnings for the core in userspace, where one ends the program. */
#ifndef _VMEM_SHIM_LINUX_BUG_H
#define _VMEM_SHIM_LINUX_BUG_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/compiler.h>
#include <linux/kconfig.h>

#define WARN_ON(condition)						\
({									\
	bool __warn = !!(condition);					\
									\
	if (unlikely(__warn)) {						\
		fprintf(stderr, "WARNING: %s:%d: %s\n", __FILE__,	\
			__LINE__, #condition);				\
		abort();						\
	}								\
	unlikely(__warn);						\
})

#define WARN_ON_ONCE(condition)	WARN_ON(condition)

#endif /* _VMEM_SHIM_LINUX_BUG_H */
