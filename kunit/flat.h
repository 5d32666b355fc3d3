/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flat format: a toy like the one of toy.h, with what that has in common with
 * x86-64 done in another way. An address lies ten bits higher in an entry than it is;
 * virtual addresses begin at 0, and have no second half; the root has 4 entries.
 */
#ifndef _VMEM_KUNIT_FLAT_H
#define _VMEM_KUNIT_FLAT_H

#include <linux/bitfield.h>

#include "../vmem/vmem.h"

#define TOY_LEVELS	3
#define TOY_PAGE_LG2	12
#define TOY_ROOT_LG2	2
#define TOY_PHYS_BITS	22
#define TOY_SHIFT	10		/* of an address in an entry */
#define TOY_GAP_FIRST	BIT_ULL(TOY_PAGE_LG2 + TOY_LEVELS + 1)
#define TOY_GAP_LAST	U64_MAX

#define TOY_ADDR	(GENMASK_ULL(21, 4) << TOY_SHIFT)
#define TOY_PRESENT	BIT_ULL(0)
#define TOY_R		BIT_ULL(1)
#define TOY_W		BIT_ULL(2)
#define TOY_X		BIT_ULL(3)
#define TOY_U		BIT_ULL(4)
#define TOY_A		BIT_ULL(6)
#define TOY_D		BIT_ULL(7)
#define TOY_COW		GENMASK_ULL(9, 8)
#define TOY_LARGE	BIT_ULL(60)	/* above level 0: a leaf */
#define TOY_RESERVED	BIT_ULL(61)
#define TOY_LEAF_LEVELS	(BIT(0) | BIT(1))

#define TOY(name)	flat_##name
#define TOY_NAME	"flat"
#define TOY_FUNCTIONS	VMEM_FORMAT_FUNCTIONS(flat)
#include "toy_tmpl.h"

#endif /* _VMEM_KUNIT_FLAT_H */
