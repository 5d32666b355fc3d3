/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has an id in a guest, of whatever kind.
 */
#ifndef _VMEM_MODULE_OBJECT_H
#define _VMEM_MODULE_OBJECT_H

#include <linux/types.h>

#include "guest.h"

struct vmem_object;

/**
 * struct vmem_object_ops - a kind of objects
 * @kind:	its number, VMEM_IOC_LIST_*
 * @max:	how many a guest may have
 * @publish:	it is there from now on; NULL: nothing is to be done
 * @item:	tell LIST what it is, in a zeroed item with its id. Under
 *		vmem_guest.lock.
 * @abort:	it won't be published. No lock is held.
 * @destroy:	take it out of the guest: 0, and in the answer what the caller must
 *		flush; -EBUSY. Under vmem_guest.lock, held for writing; the guest's
 *		generation is raised afterwards.
 * @settle:	what is left to do then, under the same lock, which may be let go
 *		now and then; NULL: nothing
 * @retire:	free it: it was destroyed, or the guest is dead. No lock is held.
 */
struct vmem_object_ops {
	u32 kind;
	u32 max;
	void (*publish)(struct vmem_object *object);
	void (*item)(struct vmem_object *object, struct vmem_ioc_item *item);
	void (*abort)(struct vmem_object *object);
	int (*destroy)(struct vmem_object *object, struct vmem_ioc_destroy *answer);
	void (*settle)(struct vmem_guest *guest);
	void (*retire)(struct vmem_object *object);
};

/* First in the struct of each kind. All is immutable. */
struct vmem_object {
	u32 id;
	const struct vmem_object_ops *ops;
	struct vmem_guest *guest;
};

int vmem_object_reserve(struct vmem_object *object, struct vmem_guest *guest,
			const struct vmem_object_ops *ops);
void vmem_object_unreserve(struct vmem_object *object);
void vmem_object_publish(struct vmem_object *object);
void vmem_object_abort(struct vmem_object *object);
struct vmem_object *vmem_object_find(struct vmem_guest *guest, u32 id,
				     const struct vmem_object_ops *ops);
void vmem_objects_end(struct vmem_guest *guest);

#endif /* _VMEM_MODULE_OBJECT_H */
