/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Accesses: would an MMU let one through, and which fault is it if not? What tables
 * say is translated first; a format makes of an access and the mode of a vCPU what a
 * translation has to have, and that is the same for each address. What went through
 * sets bits in the entries that were judged.
 */
#include "vmem.h"

#ifndef _VMEM_ACCESS_H
#define _VMEM_ACCESS_H

/* The smallest page that any format has: an access that leaves one is looked at twice. */
#define VMEM_ACCESS_PAGE	4096U

/*
 * What a translation lacks for the access. Of two reasons the one is told that an MMU
 * looks at first, or where it looks at all at once, that which no other right heals.
 */
static inline enum vmem_status vmem_judge_status(const struct vmem_judge *judge,
						 u32 effective)
{
	u32 lacks = judge->yes & ~effective, has = judge->no & effective;

	if (lacks & VMEM_U)
		return VMEM_STATUS_USER;
	if (judge->yes & VMEM_SHADOW && lacks | has)
		return VMEM_STATUS_SHADOW;
	if (has)
		return judge->yes & VMEM_X ? VMEM_STATUS_SMEP : VMEM_STATUS_SMAP;
	if (lacks)
		return lacks & VMEM_X ? VMEM_STATUS_EXEC : VMEM_STATUS_WRITE;
	return VMEM_STATUS_KEY;
}

/* The fault of an access that @key, or something else, doesn't let through. */
static noinline __maybe_unused void
vmem_judge_fault(const struct vmem_judge *judge, const struct vmem_facts *facts,
		 struct vmem_translation *out, bool key)
{
	if (out->status == VMEM_OK) {
		out->status = vmem_judge_status(judge, out->effective);
		out->error_code = judge->code | judge->code_present | (key ? judge->code_key : 0);
		out->gpa = 0;
	} else if (out->status == VMEM_STATUS_RESERVED) {
		out->error_code = judge->code | judge->code_present | judge->code_reserved;
	} else if (out->status == VMEM_NOT_PRESENT) {
		out->error_code = judge->code;
	} else {
		return;
	}
	/* of the entries that were passed some processors set A, others don't */
	out->flags = out->level + 1 < facts->nr_levels ? VMEM_RESULT_MAY : 0;
}

/**
 * vmem_judge_result() - judge what an address translates to
 * @judge:	from judge() of the format
 * @facts:	of the space
 * @out:	in and out: from vmem_translate(); when the access faults its status
 *		and its error code are those of the fault, and @gpa is 0
 *
 * A table that is outside is told as that: what is there no MMU says.
 *
 * Return: whether the access goes through.
 */
static __always_inline bool vmem_judge_result(const struct vmem_judge *judge,
					      const struct vmem_facts *facts,
					      struct vmem_translation *out)
{
	u32 effective = out->effective, leaf = out->leaf;
	u32 key = judge->denied >> ((leaf >> 12) + (effective & VMEM_U) * 2) & 1;

	static_assert(!VMEM_OK && VMEM_U * 2 == 16);
	/* no bit is in both */
	if (likely(!(out->status | key | ((effective ^ judge->yes) & (judge->yes | judge->no)))))
		return true;
	vmem_judge_fault(judge, facts, out, key);
	return false;
}

/**
 * vmem_judge_second() - is a second page looked at?
 * @judge:	from judge() of the format
 * @va:		the first byte of the access
 * @second:	out: the first byte of that page
 */
static __always_inline bool vmem_judge_second(const struct vmem_judge *judge,
					      vmem_virt_t va, vmem_virt_t *second)
{
	if (likely((va & (VMEM_ACCESS_PAGE - 1)) + judge->len <= VMEM_ACCESS_PAGE))
		return false;
	*second = (va | (VMEM_ACCESS_PAGE - 1)) + 1;
	return true;
}

/*
 * Set bits of an entry that was @judged, if nothing of it has changed since but A and D.
 * Without W, D may say that a page is one of a shadow stack. Return: 0; VMEM_AGAIN.
 */
static __always_inline int vmem_set_bits(const struct vmem_env *e, vmem_pte_t *at,
					 u64 judged, u64 set)
{
	u64 ad = e->fmt->ad & ~(judged & e->fmt->writable ? 0 : e->facts->shadow);
	u64 entry = judged;
	unsigned int tries;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++) {
		if (vmem_exchanged(at, entry, entry | set))
			return 0;
		entry = vmem_read(at, 0);
		if ((entry ^ judged) & ~ad)
			break;
	}
	return VMEM_AGAIN;
}

/**
 * vmem_set_ad() - set A and D of the entries that let an access through
 * @fmt:	format, a compile-time constant
 * @ops:	where tables live, a compile-time constant
 * @ctx:	handed to the ops
 * @space:	the space
 * @judge:	from judge() of the format
 * @va:		an address of the access, which translates
 * @lowest:	level of the leaf
 * @entries:	that were judged, in this piece
 * @apply:	do it; else only see that it can be done
 *
 * As a vCPU does it: the leaf is the last. An entry that has its bits isn't written.
 * Nobody else but a vCPU changes an entry meanwhile, or another one that does the same.
 *
 * Context: the piece of the translation.
 * Return: 0; VMEM_AGAIN: an entry isn't any more what was judged; VMEM_ABSENT; -EROFS.
 */
static __always_inline int
vmem_set_ad(const struct vmem_format *fmt, const struct vmem_table_ops *ops, void *ctx,
	    const struct vmem_space *space, const struct vmem_judge *judge, vmem_virt_t va,
	    unsigned int lowest, const u64 *entries, bool apply)
{
	const struct vmem_env e = { .fmt = fmt, .ctx = ctx, .facts = &space->facts };
	vmem_table_t table = space->root;
	unsigned int level;
	vmem_pte_t *host;
	int ret = 0;
	u64 set;

	vmem_untag(&e, &va, judge->fetch);
	for (level = vmem_top(e.facts); !ret; level--) {
		set = judge->set[level == lowest];
		if (set & ~entries[level])
			ret = ops->read.from_phys(ctx, table, VMEM_WRITE, &host);
		if (set & ~entries[level] && apply && !ret) {
			ret = vmem_set_bits(&e, &host[vmem_index(fmt, va, level)],
					    entries[level], set);
			/* whoever takes the mark finds what was written */
			if (!ret && ops->written)
				ops->written(ctx, table);
		}
		if (level == lowest)
			break;
		table = vmem_entry_table(&e, entries[level], level);
	}
	return ret == VMEM_FROZEN ? -EROFS : ret;
}

#endif /* _VMEM_ACCESS_H */
