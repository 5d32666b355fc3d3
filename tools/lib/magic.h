/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Files that hold a guest's memory, but not byte for byte: told by how they
 * begin. Some are read as dumps, the others are refused by name.
 */
#ifndef _VMEM_MAGIC_H
#define _VMEM_MAGIC_H

#include <stddef.h>

/* So many bytes of the begin of a file are enough. */
#define VMEM_MAGIC_LEN	64

/* What reads a file as a whole guest. */
enum vmem_magic_reader {
	VMEM_MAGIC_NONE,
	VMEM_MAGIC_ELF,
	VMEM_MAGIC_KDUMP,
	VMEM_MAGIC_LIME,
	VMEM_MAGIC_AVML,
	VMEM_MAGIC_ZLIB,	/* what comes of it is read */
	VMEM_MAGIC_ZSTD,
};

/**
 * struct vmem_magic - how files of a kind begin
 * @name:	of the kind, for people
 * @advice:	what is to be done to have the memory as it is; what is read: where
 *		it can't be
 * @reader:	what reads it
 * @bytes:	of the begin
 * @nr:		how many of them count
 * @check:	what else must be so, NULL: nothing; it is given the begin and
 *		its length, which is @nr at least
 */
struct vmem_magic {
	const char *name;
	const char *advice;
	enum vmem_magic_reader reader;
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
