/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The core as functions that can be called: compiled for one format, or for formats
 * that differ in their numbers only, over one set of ops. Format and ops are
 * constants there, so no indirect call is left in these functions: they are the
 * innermost ones that are reached by one.
 */
#include "vmem.h"

#ifndef _VMEM_ENGINE_H
#define _VMEM_ENGINE_H

#include "access.h"

/**
 * struct vmem_engine - the core over some ops
 * @entry_lg2:	of the format
 * @table_lg2:	vmem_table_lg2()
 * @facts:	struct vmem_format.facts()
 * @judge:	struct vmem_format.judge()
 * @translate:	vmem_translate()
 * @set_ad:	vmem_set_ad()
 * @walk_init:	vmem_walk_init()
 * @walk_space:	vmem_walk_space()
 * @walk_end:	vmem_walk_end()
 * @map:	vmem_change_shorts(), and then vmem_map()
 * @map_short:	vmem_map_short()
 * @link_list:	vmem_link_list()
 * @siblings:	vmem_siblings()
 *
 * They are given what the core's functions are given but the ops. Of the format they
 * use the numbers only.
 */
struct vmem_engine {
	unsigned int (*entry_lg2)(const struct vmem_format *fmt,
				  unsigned int level);
	unsigned int (*table_lg2)(const struct vmem_format *fmt,
				  unsigned int level);
	int (*facts)(const struct vmem_format *fmt, struct vmem_facts *facts,
		     const struct vmem_vcpu *vcpu);
	int (*judge)(const struct vmem_facts *facts, const struct vmem_access *access,
		     struct vmem_judge *judge);
	int (*translate)(const struct vmem_format *fmt, void *ctx,
			 const struct vmem_space *space,
			 const vmem_virt_t *vas, u32 nr, bool fetch,
			 struct vmem_translation *out,
			 u64 (*entries)[VMEM_LEVELS_MAX], u32 *done);
	int (*set_ad)(const struct vmem_format *fmt, void *ctx,
		      const struct vmem_space *space, const struct vmem_judge *judge,
		      vmem_virt_t va, unsigned int lowest, const u64 *entries, bool apply);
	void (*walk_init)(const struct vmem_format *fmt, struct vmem_walk *walk,
			  vmem_virt_t first, vmem_virt_t last, u32 flags,
			  u64 budget, struct vmem_seen *seen);
	int (*walk_space)(const struct vmem_format *fmt, void *ctx,
			  const struct vmem_space *space, struct vmem_walk *walk,
			  struct vmem_space_aware_mapping *out, u32 max, u32 *nr);
	void (*walk_end)(const struct vmem_format *fmt, void *ctx,
			 struct vmem_walk *walk,
			 struct vmem_space_aware_mapping *out, u32 max, u32 *nr);
	int (*map)(const struct vmem_format *fmt, void *ctx,
		   struct vmem_space *space, struct vmem_change *change);
	int (*map_short)(const struct vmem_format *fmt, void *ctx,
			 struct vmem_space *space, const struct vmem_mapping *m,
			 u32 flags);
	int (*link_list)(const struct vmem_format *fmt, struct vmem_change *change,
			 vmem_virt_t our_va, const struct vmem_link_mapping *link);
	u32 (*siblings)(const struct vmem_format *fmt,
			const struct vmem_facts *facts, const vmem_pte_t *table,
			vmem_phys_t absent, vmem_phys_t *siblings, u32 max);
};

/*
 * DEFINE_VMEM_ENGINE(name, format, ops, quick): of formats that are one to the engine,
 * @format is any. @quick is what translations read by, which may be more inline.
 */
#define DEFINE_VMEM_ENGINE(_name, _format, _ops, _quick)			\
static noinline unsigned int						\
_name##_entry_lg2(const struct vmem_format *fmt, unsigned int level)	\
{									\
	return (_format).entry_lg2(level);					\
}									\
									\
static noinline unsigned int						\
_name##_table_lg2(const struct vmem_format *fmt, unsigned int level)	\
{									\
	return vmem_table_lg2(&(_format), level);				\
}									\
									\
static noinline int							\
_name##_facts(const struct vmem_format *fmt, struct vmem_facts *facts,	\
	      const struct vmem_vcpu *vcpu)				\
{									\
	return (_format).facts(fmt, facts, vcpu);				\
}									\
									\
static noinline int							\
_name##_judge(const struct vmem_facts *facts,				\
	      const struct vmem_access *access, struct vmem_judge *judge) \
{									\
	return (_format).judge(facts, access, judge);			\
}									\
									\
static noinline int							\
_name##_translate(const struct vmem_format *fmt, void *ctx,		\
		  const struct vmem_space *space,			\
		  const vmem_virt_t *vas, u32 nr, bool fetch,		\
		  struct vmem_translation *out,				\
		  u64 (*entries)[VMEM_LEVELS_MAX], u32 *done)		\
{									\
	return vmem_translate(&(_format), &(_quick), ctx, space, vas, nr,	\
			      fetch, out, entries, done);			\
}									\
									\
static noinline int							\
_name##_set_ad(const struct vmem_format *fmt, void *ctx,		\
	       const struct vmem_space *space, const struct vmem_judge *judge, \
	       vmem_virt_t va, unsigned int lowest, const u64 *entries,	\
	       bool apply)						\
{									\
	return vmem_set_ad(&(_format), &(_ops), ctx, space, judge, va, lowest, \
			   entries, apply);				\
}									\
									\
static noinline void							\
_name##_walk_init(const struct vmem_format *fmt, struct vmem_walk *walk, \
		  vmem_virt_t first, vmem_virt_t last, u32 flags,	\
		  u64 budget, struct vmem_seen *seen)			\
{									\
	vmem_walk_init(fmt, walk, first, last, flags, budget, seen);	\
}									\
									\
static noinline int							\
_name##_walk_space(const struct vmem_format *fmt, void *ctx,		\
		   const struct vmem_space *space,			\
		   struct vmem_walk *walk,				\
		   struct vmem_space_aware_mapping *out, u32 max,	\
		   u32 *nr)						\
{									\
	return vmem_walk_space(&(_format), &(_ops).read, ctx, space, walk,	\
			       out, max, nr);				\
}									\
									\
static noinline void							\
_name##_walk_end(const struct vmem_format *fmt, void *ctx,		\
		 struct vmem_walk *walk,				\
		 struct vmem_space_aware_mapping *out, u32 max, u32 *nr) \
{									\
	vmem_walk_end(&(_format), &(_ops).read, ctx, walk, out, max, nr);	\
}									\
									\
static noinline int							\
_name##_map_short(const struct vmem_format *fmt, void *ctx,		\
		  struct vmem_space *space, const struct vmem_mapping *m, \
		  u32 flags)						\
{									\
	return vmem_map_short(&(_format), &(_ops), ctx, space, m, flags);	\
}									\
									\
static noinline int							\
_name##_map_long(const struct vmem_format *fmt, void *ctx,		\
		 struct vmem_space *space, struct vmem_change *change)	\
{									\
	return vmem_map(&(_format), &(_ops), ctx, space, change);		\
}									\
									\
static noinline int							\
_name##_map(const struct vmem_format *fmt, void *ctx,			\
	    struct vmem_space *space, struct vmem_change *change)	\
{									\
	int ret = vmem_change_shorts(&(_format), &(_ops), ctx, space, change, \
				     _name##_map_short);			\
									\
	return ret != VMEM_AGAIN ? ret :					\
	       _name##_map_long(fmt, ctx, space, change);		\
}									\
									\
static noinline int							\
_name##_link_list(const struct vmem_format *fmt,			\
		  struct vmem_change *change, vmem_virt_t our_va,	\
		  const struct vmem_link_mapping *link)			\
{									\
	return vmem_link_list(&(_format), change, our_va, link);		\
}									\
									\
static noinline u32							\
_name##_siblings(const struct vmem_format *fmt,				\
		 const struct vmem_facts *facts, const vmem_pte_t *table, \
		 vmem_phys_t absent, vmem_phys_t *siblings, u32 max)	\
{									\
	return vmem_siblings(&(_format), facts, table, absent, siblings, max); \
}									\
									\
static const struct vmem_engine _name = {				\
	.entry_lg2	= _name##_entry_lg2,				\
	.table_lg2	= _name##_table_lg2,				\
	.facts		= _name##_facts,				\
	.judge		= _name##_judge,				\
	.translate	= _name##_translate,				\
	.set_ad		= _name##_set_ad,				\
	.walk_init	= _name##_walk_init,				\
	.walk_space	= _name##_walk_space,				\
	.walk_end	= _name##_walk_end,				\
	.map		= _name##_map,					\
	.map_short	= _name##_map_short,				\
	.link_list	= _name##_link_list,				\
	.siblings	= _name##_siblings,				\
}

#endif /* _VMEM_ENGINE_H */
