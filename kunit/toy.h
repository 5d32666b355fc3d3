/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The toy format: 2 entries a table, 3 levels, so that each state of a small
 * tree can be tried with each operation. Its bits lie where no real format has
 * them, all permissions are positive, R too, a leaf may be of two sizes, and a
 * table, of 16 bytes, is not the size of a page.
 */
#ifndef _VMEM_KUNIT_TOY_H
#define _VMEM_KUNIT_TOY_H

#include <linux/bitfield.h>

#include "../vmem/vmem.h"

#define TOY_LEVELS	3
#define TOY_PAGE_LG2	12
#define TOY_ROOT_LG2	1
#define TOY_PHYS_BITS	22
#define TOY_SHIFT	0
/* as with x86-64 there are two halves */
#define TOY_GAP_FIRST	BIT_ULL(TOY_PAGE_LG2 + TOY_LEVELS - 1)
#define TOY_GAP_LAST	(~TOY_GAP_FIRST)

#define TOY_ADDR	GENMASK_ULL(21, 4)
#define TOY_LARGE	BIT_ULL(0)	/* above level 0: a leaf */
#define TOY_R		BIT_ULL(33)
#define TOY_W		BIT_ULL(35)
#define TOY_X		BIT_ULL(34)
#define TOY_U		BIT_ULL(40)
#define TOY_A		BIT_ULL(42)
#define TOY_D		BIT_ULL(41)
#define TOY_COW		GENMASK_ULL(45, 44)
#define TOY_PRESENT	BIT_ULL(62)
#define TOY_RESERVED	BIT_ULL(63)
#define TOY_LEAF_LEVELS	(BIT(0) | BIT(1))

#define TOY(name)	toy_##name
#define TOY_NAME	"toy"
#define TOY_FUNCTIONS	VMEM_FORMAT_FUNCTIONS(toy)
#include "toy_tmpl.h"

#endif /* _VMEM_KUNIT_TOY_H */
