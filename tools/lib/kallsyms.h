/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The table of symbols that a Linux kernel keeps of itself.
 */
#ifndef _LIBVMEM_KALLSYMS_H
#define _LIBVMEM_KALLSYMS_H

#include "kernel.h"
#include "vmcoreinfo.h"

/**
 * struct kallsyms_symbol - what is looked for
 * @name:	of it
 * @found:	out: it is there, once or more often
 * @value:	out: its address, where it is found first
 */
struct kallsyms_symbol {
	const char *name;
	bool found;
	__u64 value;
};

/**
 * kallsyms_find() - addresses of symbols
 * @kernel:	whose they are
 * @info:	its VMCOREINFO, which tells where the table is
 * @symbols:	they
 * @nr:		how many
 *
 * Return: 0, whether all are found or not; -ENOENT: @info tells of no table; -EINVAL: the
 * table doesn't hold together, or not with @info; what kernel_read() answers; -ENOMEM.
 */
int kallsyms_find(struct kernel *kernel, const struct vmcoreinfo *info,
		  struct kallsyms_symbol *symbols, size_t nr);

#endif /* _LIBVMEM_KALLSYMS_H */
