/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `attrs` share.
 */
#ifndef SELFTEST_ATTRS_H
#define SELFTEST_ATTRS_H

#include "pool.h"

int map_as(struct pool_guest *p, u32 kind, u64 va, u64 gpa, u64 len, u32 with,
	   u32 mapping_flags, u32 flags, struct vmem_ioc_change *change);
/* A guest whose only space is new, of these facts. */
void space_of_facts(struct pool_guest *p, u32 format, u32 flags, u32 enc_bit);

/* The program's other part. */
extern const struct ktap_case link_cases[];
extern const size_t nr_link_cases;

#endif
