/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What vmem-run prints of a guest's tables and faults.
 */
#ifndef _VMM_SHOW_H
#define _VMM_SHOW_H

#include "guest.h"

/* A line for a fault that nobody serves. */
void show_fault(const struct vcpu_frame *frame);

/*
 * What an address translates to where the vCPU is, by vmem and by KVM. Return: 0;
 * -EIO: they disagree, and the address is canonical; -EFAULT: the vCPU is in none
 * of the spaces; -errno.
 */
int show_translation(struct guest *g, __u64 va);

/* All mappings of the first space. Return: 0 or -errno. */
int show_walk(struct guest *g);

#endif /* _VMM_SHOW_H */
