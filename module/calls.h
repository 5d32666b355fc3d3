/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls, and what is made and kept meanwhile.
 */
#ifndef _VMEM_MODULE_CALLS_H
#define _VMEM_MODULE_CALLS_H

#include <linux/fs.h>

#include "guest.h"

struct vmem_object;

/**
 * struct vmem_call - a call that is being carried out
 * @view:	of the descriptor it came by
 * @guest:	of the view
 * @made:	the object it made, to be published when the caller was answered
 * @file:	the file it made, likewise, for @fd
 * @fd:		a descriptor that is reserved for @file
 */
struct vmem_call {
	const struct vmem_view *view;
	struct vmem_guest *guest;
	struct vmem_object *made;
	struct file *file;
	int fd;
};

int vmem_call_file(struct vmem_call *call, const char *name,
		   const struct file_operations *fops, void *data, int flags);

struct vmem_guest *vmem_guest_make(void);
void vmem_guest_get(struct vmem_guest *guest);
void vmem_guest_put(struct vmem_guest *guest);
void vmem_guest_hold(struct vmem_guest *guest);
void vmem_guest_drop(struct vmem_guest *guest);
int vmem_guest_look(struct vmem_guest *guest);

/* The calls. Each is given its struct, copied in, its outputs zeroed. */
#define VMEM_CALL_RUN(_upper, _lower, ...)				\
	int vmem_ioctl_##_lower(struct vmem_call *call, void *arg);
VMEM_CALLS(VMEM_CALL_RUN)

#endif /* _VMEM_MODULE_CALLS_H */
