/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where guest-physical memory lies in this process: what vmem_region_create() was
 * given of user regions, and owned regions, which are mapped when they are asked for.
 */
#ifndef _LIBVMEM_MEMORY_H
#define _LIBVMEM_MEMORY_H

#include <stdbool.h>

#include "backend.h"

/**
 * struct area - a region that lies in this process
 * @id:		of the region
 * @owned:	it was mapped here, which ends with it
 * @writable:	this process may write to it
 * @gpa:	where it begins
 * @len:	bytes
 * @host:	where that is here
 */
struct area {
	__u32 id;
	bool owned;
	bool writable;
	__u64 gpa;
	__u64 len;
	char *host;
};

/* Room for one region more, which memory_came() takes or gives back. */
int memory_expect(struct vmem_guest *guest);
void memory_came(struct vmem_guest *guest,
		 const struct vmem_ioc_region_create *region);

/* The region of an id: let go of it if it is owned; it is no more. */
void memory_unmap(struct vmem_guest *guest, __u32 id);
void memory_forget(struct vmem_guest *guest, __u32 id);

/* What holds @gpa, as vmem_gpa_to_host() answers. */
int memory_find(struct vmem_guest *guest, __u64 gpa, struct area *area);

void memory_end(struct vmem_guest *guest);

#endif /* _LIBVMEM_MEMORY_H */
