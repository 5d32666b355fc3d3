/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Files that hold a guest's memory, but not byte for byte: told by how they
 * begin.
 */
#ifndef _VMEM_MAGIC_H
#define _VMEM_MAGIC_H

#include <stddef.h>

/* So many bytes of the begin of a file are enough. */
#define VMEM_MAGIC_LEN	64

/**
 * struct vmem_magic - how files of a kind begin
 * @name:	of the kind, for people
 * @advice:	what is to be done to have the memory as it is
 * @bytes:	of the begin
 * @nr:		how many of them count
 * @check:	what else must be so, NULL: nothing; it is given the begin and
 *		its length, which is @nr at least
 */
struct vmem_magic {
	const char *name;
	const char *advice;
	const char *bytes;
	size_t nr;
	int (*check)(const unsigned char *head, size_t len);
};

/**
 * vmem_magic_find() - what a file is, by its begin
 * @head:	the first bytes of the file
 * @len:	how many there are, VMEM_MAGIC_LEN or, of a shorter file, all
 *
 * Return: the kind; NULL: none of those known, and so perhaps raw memory.
 */
const struct vmem_magic *vmem_magic_find(const void *head, size_t len);

#endif /* _VMEM_MAGIC_H */
