/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a back end of libvmem is: each embeds struct vmem_guest and struct
 * vmem_walker in its own.
 */
#ifndef _LIBVMEM_BACKEND_H
#define _LIBVMEM_BACKEND_H

#include <linux/vmem.h>
#include <pthread.h>
#include <stddef.h>

struct vmem_guest;
struct vmem_walker;

/**
 * struct backend - one way to reach a guest
 * @call:	what ioctl() does, but it returns -errno. Walks have their own.
 * @walk:	VMEM_IOC_WALK_CREATE
 * @read:	the next records: how many, or -errno
 * @mmap:	map owned memory
 * @fd:		of the guest, or -EBADF
 * @end_walk:	end a walk
 * @close:	let go of the guest
 */
struct backend {
	int (*call)(struct vmem_guest *guest, unsigned int request, void *arg);
	int (*walk)(struct vmem_guest *guest, struct vmem_ioc_walk_create *arg,
		    struct vmem_walker **walker);
	int (*read)(struct vmem_walker *walker, struct vmem_ioc_record *records,
		    size_t nr);
	int (*mmap)(struct vmem_guest *guest, __u64 offset, size_t len,
		    int prot, void **addr);
	int (*fd)(const struct vmem_guest *guest);
	void (*end_walk)(struct vmem_walker *walker);
	void (*close)(struct vmem_guest *guest);
};

/**
 * struct memory - where regions lie in this process, as far as it is known
 * @lock:	of the rest; a leaf, nothing is called under it that waits
 * @areas:	by guest-physical address
 * @nr:		how many
 * @room:	for so many
 * @coming:	and for so many, which are under way, there is room
 */
struct memory {
	pthread_mutex_t lock;
	struct area *areas;
	__u32 nr;
	__u32 room;
	__u32 coming;
};

/**
 * struct vmem_guest - what the caller holds
 * @backend:	that knows it
 * @memory:	for those who read and write
 * @sized:	id of a space
 * @sizes:	bit n: it can have pages of 2^n bytes; both are guarded by
 *		@memory's lock
 */
struct vmem_guest {
	const struct backend *backend;
	struct memory memory;
	__u32 sized;
	__u64 sizes;
};

static inline void guest_init(struct vmem_guest *guest,
			      const struct backend *backend)
{
	*guest = (struct vmem_guest){
		.backend	= backend,
		.memory.lock	= PTHREAD_MUTEX_INITIALIZER,
	};
}

struct vmem_walker {
	const struct backend *backend;
	int fd;			/* or -EBADF */
};

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#endif /* _LIBVMEM_BACKEND_H */
