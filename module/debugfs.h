/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dumps for people in /sys/kernel/debug/vmem/; not a contract.
 */
#ifndef _VMEM_MODULE_DEBUGFS_H
#define _VMEM_MODULE_DEBUGFS_H

struct vmem_guest;
struct vmem_space_object;

void vmem_debugfs_init(void);
void vmem_debugfs_exit(void);
void vmem_debugfs_add_guest(struct vmem_guest *guest);
void vmem_debugfs_add_space(struct vmem_space_object *space);

#endif /* _VMEM_MODULE_DEBUGFS_H */
