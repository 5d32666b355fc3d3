/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory of a guest's Linux by the addresses that its kernel uses, whatever back end and
 * memory the guest has.
 *
 *   linux-processes.c -> btf.c, kallsyms.c -> kernel.c
 *   linux-find.c -> vmcoreinfo.c, kernel.c
 */
#ifndef _LIBVMEM_KERNEL_H
#define _LIBVMEM_KERNEL_H

#include <linux/types.h>

#include "libvmem.h"

#define KERNEL_PAGE	4096ULL

/**
 * struct kernel - the kernel's own space
 * @guest:	whose it is
 * @space:	id, made to read
 * @va:		of @page, 1: there is none
 * @page:	what was read last
 */
struct kernel {
	struct vmem_guest *guest;
	__u32 space;
	__u64 va;
	unsigned char page[KERNEL_PAGE];
};

/* Return: 0, or what vmem_space_create() answers. */
int kernel_open(struct kernel *kernel, struct vmem_guest *guest,
		const struct vmem_linux *about);
void kernel_close(struct kernel *kernel);

/* Return: 0; -EFAULT: @va doesn't translate; as kernel_guest(). */
int kernel_translate(struct kernel *kernel, __u64 va, __u64 *gpa);
int kernel_read(struct kernel *kernel, __u64 va, void *buf, size_t len);

/* A little-endian word of 4 or 8 bytes. */
int kernel_read_32(struct kernel *kernel, __u64 va, __u32 *value);
int kernel_read_64(struct kernel *kernel, __u64 va, __u64 *value);

/**
 * kernel_guest() - guest-physical memory of any guest
 * @guest:	the guest
 * @gpa:	of the first byte
 * @buf:	out
 * @len:	bytes, none behind the page of @gpa
 *
 * Return: 0; -ENXIO, -ERANGE: there is no such memory; -ENODATA: not in the dump; -EIO;
 * -ENOMEM; what vmem_gpa_to_host() answers.
 */
int kernel_guest(struct vmem_guest *guest, __u64 gpa, void *buf, size_t len);

#endif /* _LIBVMEM_KERNEL_H */
