/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `sizes` share.
 */
#ifndef SELFTEST_SIZES_H
#define SELFTEST_SIZES_H

#include "pool.h"

#define SMALL_AND_LARGE	(P4K | P2M)

/* A leaf of @level as vmem makes it, of @more bits, that can't be executed. */
static inline u64 leaf(u64 gpa, unsigned int level, u64 more)
{
	return gpa | X86_LEAF | X86_NX | (level ? X86_PS : 0) | more;
}

/* The call changed nothing that a vCPU may remember. */
void expect_no_flush(const struct vmem_ioc_change *change);

/* The program's other parts. */
extern const struct ktap_case split_cases[], promote_cases[], beside_cases[];
extern const size_t nr_split_cases, nr_promote_cases, nr_beside_cases;

#endif
