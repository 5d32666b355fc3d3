/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls that change tables.
 */
#ifndef _VMEM_MODULE_CHANGE_H
#define _VMEM_MODULE_CHANGE_H

struct vmem_call;

int vmem_ioctl_map(struct vmem_call *call, void *arg);
int vmem_ioctl_unmap(struct vmem_call *call, void *arg);
int vmem_ioctl_protect(struct vmem_call *call, void *arg);
int vmem_ioctl_promote(struct vmem_call *call, void *arg);
int vmem_ioctl_link(struct vmem_call *call, void *arg);

#endif /* _VMEM_MODULE_CHANGE_H */
