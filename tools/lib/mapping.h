/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mappings as people have them: the largest pages, kinds by attributes.
 */
#ifndef _LIBVMEM_MAPPING_H
#define _LIBVMEM_MAPPING_H

#include <linux/vmem.h>

struct vmem_guest;

/* Bit n: pages of 2^n bytes can be mapped in spaces of @format; 0: no such format. */
int mapping_sizes(struct vmem_guest *guest, __u32 format, __u64 *sizes);

/* Attributes with COW are kind cow, whose software bits are the space's. */
void mapping_attrs(struct vmem_ioc_mapping *mapping, __u32 attrs);

#endif /* _LIBVMEM_MAPPING_H */
