/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest, which is one open file of /dev/vmem: its data, its locks, its
 * generation.
 */
#ifndef _VMEM_MODULE_GUEST_H
#define _VMEM_MODULE_GUEST_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "../vmem/pool.h"
#include "../vmem/uapi.h"

struct dentry;
struct vmem_link_chunk;

/**
 * struct vmem_guest - a guest
 * @life:	descriptors: the file, its views, its walks. With the last one
 *		all that is in the guest ends.
 * @memory:	who may look at this struct: @life as a whole, and open files of
 *		debugfs, which find a dead guest after its end
 * @number:	of the guest since the module was inserted; immutable
 * @dir:	in debugfs; immutable until the end
 * @lock:	of the objects: calls that read share it, and what sets A and D in
 *		tables; those that change or destroy have it alone. Nothing that may
 *		wait for userspace, or for an mmap_lock, is done under it.
 * @generation:	raised in every hold of @lock in which tables were changed in more
 *		than A and D, or what their change depends on; guarded by @lock
 * @dead:	the guest has ended; guarded by @lock
 * @pools:	all pools, those not yet published too; guarded by @lock
 * @pool_ranges: the ranges of all pools; guarded by @lock
 * @links:	records of links that all pools are lent; guarded by @lock
 * @link_chunks: where these lie; guarded by @lock
 * @ids:	the objects that are published, by id. Its lock is the lock of
 *		ids: a leaf, also taken in ->mmap().
 * @last_id:	the last one given; guarded by the lock of ids
 * @nr:		objects of each kind, those not yet published too; guarded by
 *		the lock of ids
 * @residency:	guards which pages are resident. Held for reading during a
 *		piece. A spinning leaf, also taken by notifiers; rwlocks are
 *		fair, so that one who holds it never takes another one.
 * @regions:	by guest-physical address; guarded by @residency
 * @gone:	raised when an address or a region isn't to be reached any more; guarded
 *		by @residency
 * @mms:	the address spaces that user regions lie in; guarded by @residency
 *
 * Lock order: a walk's mutex, @lock, then one leaf: the lock of ids or
 * @residency. The lock of a region's blocks lies within @residency.
 */
struct vmem_guest {
	struct kref life;
	struct kref memory;
	u64 number;
	struct dentry *dir;

	struct rw_semaphore lock;
	u64 generation;
	bool dead;
	struct list_head pools;
	struct rb_root_cached pool_ranges;
	struct vmem_link_store links;
	struct vmem_link_chunk *link_chunks;

	struct xarray ids;
	u32 last_id;
	u32 nr[VMEM_OBJECT_KINDS];

	rwlock_t residency;
	struct rb_root_cached regions;
	u64 gone;
	struct list_head mms;
};

/* What a descriptor of a guest may do. All is immutable. */
struct vmem_view {
	struct vmem_guest *guest;
	u32 rights;
};

#endif /* _VMEM_MODULE_GUEST_H */
