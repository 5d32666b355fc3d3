/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The formats that there are: the one list of them, which module, library and tests
 * share. Documentation/formats.rst says how to add one.
 */
#include "vmem.h"

#ifndef _VMEM_FORMATS_H
#define _VMEM_FORMATS_H

#include "engine.h"
#include "fmt_x86_64.h"

/* Engines: E(NAME, FORMAT), where vmem_fmt_FORMAT is one of those that it has. */
#define VMEM_ENGINES(E, ...)						\
	E(x86_64, x86_64_5level, ##__VA_ARGS__)

/*
 * Formats: F(ID, NAME, ENGINE, NUMBERS), where VMEM_IOC_FORMAT_ID is asked for,
 * vmem_fmt_NAME is all of it, and NUMBERS is what can be told without its functions.
 */
#define VMEM_FORMATS(F, ...)						\
	F(X86_64_4LEVEL, x86_64_4level, x86_64, VMEM_X86_64_NUMBERS(4), ##__VA_ARGS__) \
	F(X86_64_5LEVEL, x86_64_5level, x86_64, VMEM_X86_64_NUMBERS(5), ##__VA_ARGS__)

/* lg2 of the bytes of a page of a pool, in which a table of each of them fits. */
#define VMEM_POOL_PAGE_LG2	X86_64_TABLE_LG2

/* lg2 of the bytes of the smallest page that one of them has. */
#define VMEM_PAGE_LG2_MIN	X86_64_PAGE_LG2

#define VMEM_FORMATS_NUMBER(_id, ...)	VMEM_FORMAT_##_id,

enum { VMEM_FORMATS(VMEM_FORMATS_NUMBER) VMEM_NR_FORMATS };

/**
 * struct vmem_format_ops - a format, and the core over it
 * @id:		VMEM_IOC_FORMAT_*
 * @fmt:	its numbers, without its functions
 * @engine:	the core over it and the tables of a guest
 */
struct vmem_format_ops {
	u32 id;
	const struct vmem_format *fmt;
	const struct vmem_engine *engine;
};

extern const struct vmem_format_ops vmem_formats[VMEM_NR_FORMATS];

/* A format by its id, which may be anything; NULL: there is none that has it. */
static inline const struct vmem_format_ops *vmem_format_find(u32 id)
{
	u32 i;

	for (i = 0; i < VMEM_NR_FORMATS; i++)
		if (vmem_formats[i].id == id)
			return &vmem_formats[i];
	return NULL;
}

#define VMEM_FORMATS_ENGINE(_name, _format, _ops, _quick)		\
	DEFINE_VMEM_ENGINE(vmem_engine_##_name, vmem_fmt_##_format, _ops, _quick);

#define VMEM_FORMATS_OPS(_id, _name, _engine, ...)			\
	{								\
		.id	= VMEM_IOC_FORMAT_##_id,			\
		.fmt	= &(const struct vmem_format){ __VA_ARGS__ },	\
		.engine	= &vmem_engine_##_engine,			\
	},

/* The formats over @_ops and @_quick, see engine.h, once in each program that has them. */
#define DEFINE_VMEM_FORMATS(_ops, _quick)				\
VMEM_ENGINES(VMEM_FORMATS_ENGINE, _ops, _quick)				\
									\
const struct vmem_format_ops vmem_formats[VMEM_NR_FORMATS] = {		\
	VMEM_FORMATS(VMEM_FORMATS_OPS)					\
}

#endif /* _VMEM_FORMATS_H */
