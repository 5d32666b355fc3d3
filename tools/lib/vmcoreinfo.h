/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * VMCOREINFO: lines of text in which a Linux kernel says where it has what. It is the
 * guest's, and so nothing of it is believed before it has been tried.
 *
 * Linux's Documentation/admin-guide/kdump/vmcoreinfo.rst; the forms of numbers are those
 * of include/linux/vmcore_info.h.
 */
#ifndef _LIBVMEM_VMCOREINFO_H
#define _LIBVMEM_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define VMCOREINFO_BEGIN	"OSRELEASE="

/**
 * struct vmcoreinfo - a text
 * @text:	not terminated
 * @len:	bytes
 */
struct vmcoreinfo {
	const char *text;
	size_t len;
};

/* How much of @len bytes is text: lines, up to the first byte that is in none. */
size_t vmcoreinfo_len(const char *text, size_t len);

/* What stands behind "@key=", up to the end of its line. Return: whether it does. */
bool vmcoreinfo_find(const struct vmcoreinfo *info, const char *key, const char **value,
		     size_t *len);

/* SYMBOL(@name)=, bare hexadecimal. */
bool vmcoreinfo_symbol(const struct vmcoreinfo *info, const char *name, __u64 *value);

/* NUMBER(@name)=, decimal, perhaps below 0. */
bool vmcoreinfo_number(const struct vmcoreinfo *info, const char *name, __s64 *value);

/* OFFSET(@name)=, decimal. */
bool vmcoreinfo_offset(const struct vmcoreinfo *info, const char *name, __u64 *value);

#endif /* _LIBVMEM_VMCOREINFO_H */
