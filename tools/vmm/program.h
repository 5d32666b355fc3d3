/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A freestanding program, read from its file: where it begins, and the segments
 * that it wants in memory.
 */
#ifndef _VMM_PROGRAM_H
#define _VMM_PROGRAM_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "guest.h"

#define SEGMENTS_MAX	16

/**
 * struct segment - a run of pages with the same permissions
 * @va:		of the first page
 * @len:	bytes, whole pages
 * @attrs:	VMEM_IOC_ATTR_R, W, X
 * @offset:	where its content begins in it
 * @data:	its content; the rest is zeros
 * @data_len:	bytes of it
 */
struct segment {
	__u64 va;
	__u64 len;
	__u32 attrs;
	size_t offset;
	const void *data;
	size_t data_len;
};

/**
 * struct program - a program
 * @file:	the whole file, mapped
 * @file_len:	bytes
 * @entry:	its first instruction
 * @nr:		segments, in ascending order, none on a page of another
 * @segments:	these
 */
struct program {
	void *file;
	size_t file_len;
	__u64 entry;
	size_t nr;
	struct segment segments[SEGMENTS_MAX];
};

/**
 * program_open() - read a program
 * @program:	filled in; program_close() lets go of it
 * @path:	of an executable for x86-64, linked to fixed addresses
 *
 * Return: NULL, or why it can't be run; then there is nothing to close.
 */
const char *program_open(struct program *program, const char *path);
void program_close(struct program *program);

/**
 * program_load() - give a guest the program
 * @program:	the program
 * @g:		the guest, not started
 * @cow:	segments that can be written lie in frozen memory, mapped Cow
 *
 * Each segment is mapped with its own permissions, by the largest pages that fit.
 *
 * Return: 0; what guest_map() answers.
 */
int program_load(const struct program *program, struct guest *g, bool cow);

#endif /* _VMM_PROGRAM_H */
