/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where members of a kernel's structures are, by its own description of its types.
 */
#ifndef _LIBVMEM_BTF_H
#define _LIBVMEM_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/**
 * struct btf - types
 * @data:	what describes them, as it is in the guest
 * @len:	bytes of it
 * @types:	where the types begin in it
 * @types_end:	and end
 * @strings:	where their names begin
 * @strings_end: and end
 * @layout:	of kinds of types, where it tells; else both are 0
 * @layout_end:	see @layout
 * @offsets:	of each type in @data, by its number, from 1 on
 * @nr:		the first number that is none
 */
struct btf {
	const unsigned char *data;
	size_t len;
	__u32 types;
	__u32 types_end;
	__u32 strings;
	__u32 strings_end;
	__u32 layout;
	__u32 layout_end;
	__u32 *offsets;
	__u32 nr;
};

/**
 * btf_open() - types, as far as they hold together
 * @btf:	out
 * @data:	what describes them, which stays the caller's
 * @len:	bytes of it
 *
 * Return: 0; -EINVAL: it isn't what describes types, or of a kind that isn't known;
 * -ENOMEM.
 */
int btf_open(struct btf *btf, const void *data, size_t len);
void btf_close(struct btf *btf);

/**
 * btf_member() - where a member of a structure is
 * @btf:	the types
 * @type:	name of the structure
 * @member:	of the member, which may be in nameless ones in it
 * @offset:	out: in bytes
 *
 * Return: whether there is one, at a whole byte.
 */
bool btf_member(const struct btf *btf, const char *type, const char *member, __u64 *offset);

#endif /* _LIBVMEM_BTF_H */
