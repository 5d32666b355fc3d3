/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Address spaces, and the functions of their formats.
 */
#ifndef _VMEM_MODULE_SPACE_H
#define _VMEM_MODULE_SPACE_H

#include <linux/list.h>
#include <linux/types.h>

#include "../vmem/formats.h"
#include "guest.h"
#include "pages.h"
#include "pool.h"

struct dentry;

/**
 * struct vmem_translate_batch - addresses to be translated, see vmem_translate()
 * @vas:	the addresses
 * @out:	a result an address
 * @entries:	the entries of each, or NULL
 * @nr:		of the addresses
 * @done:	results that are ready
 */
struct vmem_translate_batch {
	const vmem_virt_t *vas;
	struct vmem_translation *out;
	u64 (*entries)[VMEM_LEVELS_MAX];
	u32 nr;
	u32 done;
};

/**
 * struct vmem_space_object - a space
 * @object:	its id
 * @guest:	immutable
 * @link:	in vmem_guest.spaces
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
	struct vmem_guest *guest;
	struct list_head link;
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

/* Is the root one that other spaces have, too, and no table of a pool? */
static inline bool vmem_space_twins(const struct vmem_space_object *space)
{
	return !space->root->pool && space->root->spaces > 1;
}

struct vmem_space_object *vmem_space_find(struct vmem_guest *guest, u32 id);
void vmem_space_absent(const struct vmem_space_object *space,
		       struct vmem_piece *piece);
bool vmem_space_root_moves(const struct vmem_space_object *space);
void vmem_space_free(struct vmem_space_object *space);
void vmem_roots_free(struct vmem_link_store *store);
void vmem_space_abort(struct vmem_guest *guest,
		      struct vmem_space_object *space);
void vmem_space_destroy(struct vmem_guest *guest,
			struct vmem_space_object *space,
			struct vmem_ioc_destroy *answer);
void vmem_space_item(const struct vmem_space_object *space,
		     struct vmem_ioc_item *item);

int vmem_ioctl_space_create(struct vmem_call *call, void *arg);
int vmem_ioctl_space_get(struct vmem_call *call, void *arg);
int vmem_ioctl_translate(struct vmem_call *call, void *arg);

#endif /* _VMEM_MODULE_SPACE_H */
