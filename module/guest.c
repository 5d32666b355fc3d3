// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest, which is one open file of /dev/vmem: its beginning, who keeps it, its
 * end.
 */
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/slab.h>

#include "calls.h"
#include "pools.h"
#include "object.h"

static atomic64_t vmem_guest_number;

static void vmem_guest_free(struct kref *memory)
{
	kfree(container_of(memory, struct vmem_guest, memory));
}

/**
 * vmem_guest_hold() - keep the struct, but not the life, of a guest
 * @guest:	a guest that is alive, or held
 */
void vmem_guest_hold(struct vmem_guest *guest)
{
	kref_get(&guest->memory);
}

/**
 * vmem_guest_drop() - the end of vmem_guest_hold()
 * @guest:	the guest
 */
void vmem_guest_drop(struct vmem_guest *guest)
{
	kref_put(&guest->memory, vmem_guest_free);
}

/* All goes, whoever is still looking through debugfs. */
static void vmem_guest_end(struct kref *life)
{
	struct vmem_guest *guest = container_of(life, struct vmem_guest, life);

	/* Waits for an open() under way there, but for no reader. */
	debugfs_remove(guest->dir);
	down_write(&guest->lock);
	guest->dead = true;
	up_write(&guest->lock);

	vmem_objects_end(guest);
	vmem_pools_end(guest);
	vmem_guest_drop(guest);
}

/**
 * vmem_guest_get() - one descriptor more
 * @guest:	a guest that is alive
 */
void vmem_guest_get(struct vmem_guest *guest)
{
	kref_get(&guest->life);
}

/**
 * vmem_guest_put() - one descriptor less
 * @guest:	the guest, which ends with its last one
 *
 * Context: sleeps; no lock is held.
 */
void vmem_guest_put(struct vmem_guest *guest)
{
	kref_put(&guest->life, vmem_guest_end);
}

/**
 * vmem_guest_look() - share a guest with others that read
 * @guest:	a guest that is held
 *
 * Context: takes the guest's lock.
 * Return: 0: vmem_guest.lock is held for reading; -ENODEV: the guest has ended;
 * -EINTR.
 */
int vmem_guest_look(struct vmem_guest *guest)
{
	if (down_read_killable(&guest->lock))
		return -EINTR;
	if (!guest->dead)
		return 0;
	up_read(&guest->lock);
	return -ENODEV;
}

/**
 * vmem_guest_make() - a new guest, with one descriptor
 *
 * Context: sleeps.
 * Return: the guest, NULL: no memory.
 */
struct vmem_guest *vmem_guest_make(void)
{
	struct vmem_guest *guest = kzalloc(sizeof(*guest), GFP_KERNEL_ACCOUNT);

	if (!guest)
		return NULL;
	kref_init(&guest->life);
	kref_init(&guest->memory);
	guest->number = atomic64_inc_return(&vmem_guest_number);
	init_rwsem(&guest->lock);
	INIT_LIST_HEAD(&guest->pools);
	guest->pool_ranges = RB_ROOT_CACHED;
	xa_init_flags(&guest->ids, XA_FLAGS_ACCOUNT);
	rwlock_init(&guest->residency);
	guest->regions = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&guest->mms);
	return guest;
}

/**
 * vmem_call_file() - a file that a call makes, which keeps the guest
 * @call:	the call
 * @name:	of its inode
 * @fops:	its operations; release() lets @data go, and the guest
 * @data:	its private_data
 * @flags:	O_*
 *
 * Context: sleeps.
 * Return: 0; -EMFILE, -ENFILE, -ENOMEM: @data is still the caller's.
 */
int vmem_call_file(struct vmem_call *call, const char *name,
		   const struct file_operations *fops, void *data, int flags)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(flags);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, data, flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	vmem_guest_get(call->guest);
	call->file = file;
	call->fd = fd;
	return 0;
}
