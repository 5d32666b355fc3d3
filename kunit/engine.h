/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine over each format, compiled as the module compiles it.
 */
#ifndef _VMEM_KUNIT_ENGINE_H
#define _VMEM_KUNIT_ENGINE_H

#include "../vmem/engine.h"
#include "guest.h"
#include "model.h"

struct engine {
	const char *name;
	const struct vmem_format *fmt;
	const struct rules *rules;
	const struct vmem_engine *core;
	/* those that are made of others */
	int (*walk)(const struct vmem_format *fmt, struct guest *guest,
		    const struct vmem_space *spaces, u32 nr_spaces,
		    struct vmem_walk *walk,
		    struct vmem_space_aware_mapping *out, u32 max, u32 *nr);
	int (*virt_to_phys)(const struct vmem_format *fmt, struct guest *guest,
			    const struct vmem_space *space,
			    struct vmem_walk *walk,
			    struct vmem_space_aware_mapping *out);
	int (*space_aware_map)(const struct vmem_format *fmt, struct guest *guest,
			       struct vmem_space *space,
			       const struct vmem_space_aware_mapping *reference,
			       const struct vmem_space *built, u32 nr_built,
			       struct vmem_change *change);
};

#define ENGINE_OF(_id, _name, ...)	extern const struct engine engine_##_name;

VMEM_FORMATS(ENGINE_OF)

extern const struct engine engine_toy;
extern const struct engine engine_flat;

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

#define DEFINE_WHOLE(_name, _format, _ops)				\
static noinline int							\
_name##_walk(const struct vmem_format *fmt, struct guest *guest,	\
	     const struct vmem_space *spaces, u32 nr_spaces,		\
	     struct vmem_walk *walk,					\
	     struct vmem_space_aware_mapping *out, u32 max, u32 *nr)	\
{									\
	return vmem_walk_va_spaces(&(_format), &(_ops).read, guest, spaces,	\
				   nr_spaces, walk, out, max, nr);	\
}									\
									\
static noinline int							\
_name##_virt_to_phys(const struct vmem_format *fmt, struct guest *guest, \
		     const struct vmem_space *space,			\
		     struct vmem_walk *walk,				\
		     struct vmem_space_aware_mapping *out)		\
{									\
	return vmem_virt_to_phys(&(_format), &(_ops).read, guest, space, walk, out); \
}									\
									\
static noinline int							\
_name##_space_aware_map(const struct vmem_format *fmt,			\
			struct guest *guest, struct vmem_space *space,	\
			const struct vmem_space_aware_mapping *reference, \
			const struct vmem_space *built, u32 nr_built,	\
			struct vmem_change *change)			\
{									\
	return vmem_space_aware_map(&(_format), &(_ops), guest, space,		\
				    reference, built, nr_built, change); \
}

#define WHOLE_OF(_name)							\
	.walk			= _name##_walk,				\
	.virt_to_phys		= _name##_virt_to_phys,			\
	.space_aware_map	= _name##_space_aware_map,

#endif /* _VMEM_KUNIT_ENGINE_H */
