/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Address spaces.
 */
#ifndef _VMEM_MODULE_SPACE_H
#define _VMEM_MODULE_SPACE_H

#include <linux/types.h>

#include "../vmem/formats.h"
#include "object.h"
#include "pools.h"
#include "residency.h"

/* Addresses, and what they translate to, in a page. */
#define VMEM_TRANSLATE_BATCH	96

struct dentry;

/**
 * struct vmem_space_object - a space
 * @object:	its id
 * @ops:	of its format; immutable
 * @space:	the core's; the facts are immutable
 * @pool:	where its tables come from, NULL: it is for reading; immutable
 * @root:	its root among those of the guest
 * @tables:	made by calls on this space less those that they freed, which
 *		others may have made
 * @made:	generation of the guest when it was made; immutable
 * @flags:	as given; immutable
 * @file:	in debugfs; immutable until it is removed
 *
 * What isn't immutable is guarded by vmem_guest.lock.
 */
struct vmem_space_object {
	struct vmem_object object;
	const struct vmem_format_ops *ops;
	struct vmem_space space;
	struct vmem_pool_object *pool;
	struct vmem_root *root;
	s64 tables;
	u64 made;
	u32 flags;
	struct dentry *file;
};

static inline struct vmem_space_object *
vmem_to_space(struct vmem_object *object)
{
	return container_of(object, struct vmem_space_object, object);
}

extern const struct vmem_object_ops vmem_space_ops;

struct vmem_space_object *vmem_space_find(struct vmem_guest *guest, u32 id);
void vmem_space_absent(const struct vmem_space_object *space,
		       struct vmem_piece *piece);
bool vmem_space_root_moves(const struct vmem_space_object *space);

#endif /* _VMEM_MODULE_SPACE_H */
