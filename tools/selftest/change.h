/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `change` share.
 */
#ifndef SELFTEST_CHANGE_H
#define SELFTEST_CHANGE_H

#include "pool.h"

#define COW	VMEM_IOC_ATTR_COW

/* A mapping of one page or more, with all that it may have. */
static inline int map_kind(struct pool_guest *p, u64 va, u64 gpa, u64 len,
			   u32 kind, u32 attrs, u32 flags,
			   struct vmem_ioc_change *change)
{
	struct vmem_ioc_mapping m = {
		.va = va,
		.gpa = gpa,
		.len = len,
		.kind = kind,
		.attrs = attrs,
	};

	return map_list(p->fd, p->space, &m, 1, flags, change);
}

/* The program's other parts. */
extern const struct ktap_case share_cases[], move_cases[];
extern const size_t nr_share_cases, nr_move_cases;

#endif
