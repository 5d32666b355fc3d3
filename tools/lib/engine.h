/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * DEFINE_ENGINE(name, format): the core, inlined for one format. Format and
 * ops are constants here, so no indirect call is left in these functions.
 */
#ifndef _LIBVMEM_ENGINE_H
#define _LIBVMEM_ENGINE_H

#include "local-ops.h"

#define DEFINE_ENGINE(name, fmt)					\
static int name##_translate(struct local_guest *lg,			\
			    const struct vmem_space *space,		\
			    const vmem_virt_t *vas, u32 nr,		\
			    struct vmem_translation *out,		\
			    u64 (*entries)[VMEM_LEVELS_MAX], u32 *done)	\
{									\
	return vmem_translate(&fmt, &local_ops.read, lg, space, vas, nr, out, \
			      entries, done);				\
}									\
									\
static void name##_walk_init(struct vmem_walk *walk, vmem_virt_t first,	\
			     vmem_virt_t last, u32 flags, u64 budget,	\
			     struct vmem_seen *seen)			\
{									\
	vmem_walk_init(&fmt, walk, first, last, flags, budget, seen);	\
}									\
									\
static int name##_walk_space(struct local_guest *lg,			\
			     const struct vmem_space *space,		\
			     struct vmem_walk *walk,			\
			     struct vmem_space_aware_mapping *out,	\
			     u32 max, u32 *nr)				\
{									\
	return vmem_walk_space(&fmt, &local_ops.read, lg, space, walk,	\
			       out, max, nr);				\
}									\
									\
static void name##_walk_end(struct local_guest *lg,			\
			    struct vmem_walk *walk,			\
			    struct vmem_space_aware_mapping *out,	\
			    u32 max, u32 *nr)				\
{									\
	vmem_walk_end(&fmt, &local_ops.read, lg, walk, out, max, nr);	\
}									\
									\
static int name##_map(struct local_guest *lg,				\
		      struct vmem_space *space,				\
		      struct vmem_change *change)			\
{									\
	return vmem_map(&fmt, &local_ops, lg, space, change);		\
}									\
									\
static int name##_range_list(struct vmem_change *change,		\
			     vmem_virt_t start, vmem_virt_t last,	\
			     const struct vmem_mapping *what)		\
{									\
	return vmem_range_list(&fmt, change, start, last, what);	\
}									\
									\
static int name##_link_list(struct vmem_change *change,			\
			    vmem_virt_t our_va,				\
			    const struct vmem_link_mapping *link)	\
{									\
	return vmem_link_list(&fmt, change, our_va, link);		\
}									\
									\
const struct engine name = {						\
	.format		= &fmt,						\
	.translate	= name##_translate,				\
	.walk_init	= name##_walk_init,				\
	.walk_space	= name##_walk_space,				\
	.walk_end	= name##_walk_end,				\
	.map		= name##_map,					\
	.range_list	= name##_range_list,				\
	.link_list	= name##_link_list,				\
}

#endif /* _LIBVMEM_ENGINE_H */
