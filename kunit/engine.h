/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine over each format, compiled as the module compiles it: format and
 * ops are constants, and what is left are functions that can be called.
 */
#ifndef _VMEM_KUNIT_ENGINE_H
#define _VMEM_KUNIT_ENGINE_H

#include "guest.h"
#include "model.h"

struct engine {
	const char *name;
	const struct vmem_format *fmt;
	const struct rules *rules;
	int (*translate)(struct guest *guest, const struct vmem_space *space,
			 const vmem_virt_t *vas, u32 nr,
			 struct vmem_translation *out,
			 u64 (*entries)[VMEM_LEVELS_MAX], u32 *done);
	void (*walk_init)(struct vmem_walk *walk, vmem_virt_t first,
			  vmem_virt_t last, u32 flags, u64 budget,
			  struct vmem_seen *seen);
	int (*walk)(struct guest *guest, const struct vmem_space *spaces,
		    u32 nr_spaces, struct vmem_walk *walk,
		    struct vmem_space_aware_mapping *out, u32 max, u32 *nr);
	void (*walk_end)(struct guest *guest, struct vmem_walk *walk,
			 struct vmem_space_aware_mapping *out, u32 max, u32 *nr);
	int (*virt_to_phys)(struct guest *guest, const struct vmem_space *space,
			    struct vmem_walk *walk,
			    struct vmem_space_aware_mapping *out);
	int (*map)(struct guest *guest, struct vmem_space *space,
		   struct vmem_change *change);
	int (*range_list)(struct vmem_change *change, vmem_virt_t start,
			  vmem_virt_t last, const struct vmem_mapping *what);
	int (*link_list)(struct vmem_change *change, vmem_virt_t our_va,
			 const struct vmem_link_mapping *link);
	int (*space_aware_map)(struct guest *guest, struct vmem_space *space,
			       const struct vmem_space_aware_mapping *reference,
			       const struct vmem_space *built, u32 nr_built,
			       struct vmem_change *change);
};

extern const struct engine engine_x86_64_4level;
extern const struct engine engine_x86_64_5level;
extern const struct engine engine_toy;

static inline int engine_facts(const struct engine *e, struct vmem_facts *facts,
			       u32 phys_bits, u32 flags, u32 cow)
{
	const struct vmem_vcpu vcpu = {
		.phys_bits = phys_bits, .flags = flags, .cow = cow,
	};

	return e->fmt->facts(e->fmt, facts, &vcpu);
}

/* Those of a vCPU as the model has it. */
static inline int engine_cpu_facts(const struct engine *e,
				   struct vmem_facts *facts,
				   const struct cpu *cpu)
{
	const struct vmem_vcpu vcpu = {
		.phys_bits = cpu->phys_bits, .cow = cpu->cow,
		.enc_bit = cpu->enc_bit,
		.flags = (cpu->nxe_off ? VMEM_VCPU_NXE_OFF : 0) |
			 (cpu->cow ? 0 : VMEM_VCPU_COW_NONE) |
			 (cpu->amd ? VMEM_VCPU_AMD : 0) |
			 (cpu->no_1g ? VMEM_VCPU_NO_1G : 0) |
			 (cpu->cet ? VMEM_VCPU_CET : 0) |
			 (cpu->lam48 ? VMEM_VCPU_LAM48 : 0) |
			 (cpu->lam57 ? VMEM_VCPU_LAM57 : 0) |
			 (cpu->lam_sup ? VMEM_VCPU_LAM_SUP : 0) |
			 (cpu->uai ? VMEM_VCPU_UAI : 0) |
			 (cpu->enc_shared ? VMEM_VCPU_ENC_SHARED : 0),
	};

	return e->fmt->facts(e->fmt, facts, &vcpu);
}

/* vCPUs that differ in each fact, and in several. */
static const struct cpu each_cpu[] __maybe_unused = {
	{ .cow = 1 },
	{ .cow = 0 },
	{ .cow = 3, .nxe_off = true, .phys_bits = 36 },
	{ .cow = 1, .amd = true },
	{ .cow = 1, .no_1g = true, .phys_bits = 40 },
	{ .cow = 1, .cet = true },
	{ .cow = 0, .cet = true, .amd = true },
	{ .cow = 1, .lam48 = true },
	{ .cow = 1, .lam57 = true, .lam48 = true },
	{ .cow = 1, .lam_sup = true },
	{ .cow = 1, .lam_sup = true, .lam57 = true },
	{ .cow = 1, .uai = true, .amd = true },
	{ .cow = 1, .enc_bit = 51 },
	{ .cow = 1, .enc_bit = 47, .amd = true, .cet = true },
	{ .cow = 0, .enc_bit = 47, .enc_shared = true },
	{ .cow = 1, .enc_bit = 51, .enc_shared = true, .phys_bits = 48 },
	{ .cow = 1, .enc_bit = 32, .phys_bits = 46, .no_1g = true, .nxe_off = true },
};

#define DEFINE_ENGINE(_name, _fmt, _rules)				\
static noinline int							\
_name##_translate(struct guest *guest, const struct vmem_space *space,	\
		  const vmem_virt_t *vas, u32 nr,			\
		  struct vmem_translation *out,				\
		  u64 (*entries)[VMEM_LEVELS_MAX], u32 *done)		\
{									\
	return vmem_translate(&_fmt, &guest_ops.read, guest, space, vas, nr,	\
			      out, entries, done);			\
}									\
									\
static noinline void							\
_name##_walk_init(struct vmem_walk *walk, vmem_virt_t first,		\
		  vmem_virt_t last, u32 flags, u64 budget,		\
		  struct vmem_seen *seen)				\
{									\
	vmem_walk_init(&_fmt, walk, first, last, flags, budget, seen);	\
}									\
									\
static noinline int							\
_name##_walk(struct guest *guest, const struct vmem_space *spaces,	\
	     u32 nr_spaces, struct vmem_walk *walk,			\
	     struct vmem_space_aware_mapping *out, u32 max, u32 *nr)	\
{									\
	return vmem_walk_va_spaces(&_fmt, &guest_ops.read, guest, spaces,	\
				   nr_spaces, walk, out, max, nr);	\
}									\
									\
static noinline void							\
_name##_walk_end(struct guest *guest, struct vmem_walk *walk,		\
		 struct vmem_space_aware_mapping *out, u32 max, u32 *nr) \
{									\
	vmem_walk_end(&_fmt, &guest_ops.read, guest, walk, out, max, nr);	\
}									\
									\
static noinline int							\
_name##_virt_to_phys(struct guest *guest, const struct vmem_space *space, \
		     struct vmem_walk *walk,				\
		     struct vmem_space_aware_mapping *out)		\
{									\
	return vmem_virt_to_phys(&_fmt, &guest_ops.read, guest, space, walk,	\
				 out);					\
}									\
									\
static noinline int							\
_name##_map(struct guest *guest, struct vmem_space *space,		\
	    struct vmem_change *change)					\
{									\
	return vmem_map(&_fmt, &guest_ops, guest, space, change);	\
}									\
									\
static noinline int							\
_name##_range_list(struct vmem_change *change, vmem_virt_t start,	\
		   vmem_virt_t last, const struct vmem_mapping *what)	\
{									\
	return vmem_range_list(&_fmt, change, start, last, what);	\
}									\
									\
static noinline int							\
_name##_link_list(struct vmem_change *change, vmem_virt_t our_va,	\
		  const struct vmem_link_mapping *link)			\
{									\
	return vmem_link_list(&_fmt, change, our_va, link);		\
}									\
									\
static noinline int							\
_name##_space_aware_map(struct guest *guest, struct vmem_space *space,	\
			const struct vmem_space_aware_mapping *reference, \
			const struct vmem_space *built, u32 nr_built,	\
			struct vmem_change *change)			\
{									\
	return vmem_space_aware_map(&_fmt, &guest_ops, guest, space,	\
				    reference, built, nr_built, change); \
}									\
									\
const struct engine engine_##_name = {					\
	.name		= #_name,					\
	.fmt		= &_fmt,					\
	.rules		= &_rules,					\
	.translate	= _name##_translate,				\
	.walk_init	= _name##_walk_init,				\
	.walk		= _name##_walk,					\
	.walk_end	= _name##_walk_end,				\
	.virt_to_phys	= _name##_virt_to_phys,				\
	.map		= _name##_map,					\
	.range_list	= _name##_range_list,				\
	.link_list	= _name##_link_list,				\
	.space_aware_map = _name##_space_aware_map,			\
}

#endif /* _VMEM_KUNIT_ENGINE_H */
