/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a walk gathers: an extent or a hole, kept in walk->run until it can't grow,
 * and then given as a record. An extent is all memory, or none of it is: whether is
 * asked when it begins, and where the answer ends it ends.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_RUN_H
#define _VMEM_RUN_H

#include <linux/minmax.h>

#include "cursor.h"

/* Where the records go. */
struct vmem_sink {
	struct vmem_space_aware_mapping *out;
	u32 max;
	u32 nr;
};

/* A table that will be entered soon. */
struct vmem_coming {
	vmem_table_t table;
	vmem_pte_t *host;	/* NULL: none */
};

/* A place in a walk; host addresses are good in this piece, as is what is known. */
struct vmem_cursor {
	vmem_pte_t *host[VMEM_LEVELS_MAX];
	struct vmem_coming coming[2]; /* tables of leaves, by their slots */
	u32 path;		/* R, W, X, U by the entries above, level by level */
	u8 granted[VMEM_LEVELS_MAX]; /* the same together */
	u8 level;		/* of the table in hand; nr_levels: none yet */
	bool moved;		/* something was done since the piece began */
	bool inside;		/* in memory, or outside: */
	vmem_phys_t gpa;	/* from here on */
	u64 known;		/* so many bytes are known to be so */
	struct vmem_space_aware_mapping rec; /* of the entry in hand, or the root */
};

/* What is to be done about the entries in hand. */
enum vmem_step {
	VMEM_STEP_LOOK,
	VMEM_STEP_BEHIND,	/* nothing more: go on behind them */
	VMEM_STEP_DOWN,		/* enter a table */
	VMEM_STEP_FLUSH,	/* look again when the run was given */
	VMEM_STEP_REPORT,	/* give a record */
	VMEM_STEP_STOP,		/* return */
};

/*
 * Is @gpa in memory? Return: for how many of @len bytes the answer holds, or for how
 * many more behind them. The ops are quick where they were asked just before.
 */
static __always_inline u64 vmem_known(const struct vmem_env *e, vmem_phys_t gpa,
				      u64 len, bool *inside)
{
	u64 same, more;

	*inside = e->read->in_memory(e->ctx, gpa, &same);
	/* regions that adjoin are one memory */
	while (unlikely(same < len)) {
		if (e->read->in_memory(e->ctx, gpa + same, &more) != *inside)
			break;
		same += more;
	}
	return same;
}

/* As vmem_known(), and kept: leaves are mostly in one memory. */
static __always_inline u64 vmem_room(const struct vmem_env *e, vmem_phys_t gpa, u64 len)
{
	struct vmem_cursor *cur = e->cur;
	u64 at = gpa - cur->gpa;

	if (unlikely(at >= cur->known || cur->known - at < len)) {
		cur->known = vmem_known(e, gpa, len, &cur->inside);
		cur->gpa = gpa;
		at = 0;
	}
	return cur->known - at;
}

/* Give @len bytes of what was gathered. */
static __always_inline void
vmem_run_give(const struct vmem_env *e, struct vmem_run *run,
	      enum vmem_record_type type, unsigned int level, u64 len, u8 flags)
{
	struct vmem_space_aware_mapping *rec = &e->sink->out[e->sink->nr++];

	VMEM_ASSERT(len && e->sink->nr <= e->sink->max);
	rec->type = type;
	rec->level = level;
	rec->detail = type == VMEM_REC_MAPPING ? e->fmt->entry_lg2(level) : 0;
	rec->flags = flags;
	rec->space = e->walk->space;
	rec->va = run->va;
	rec->gpa = run->gpa;
	rec->len = len;
	rec->entry = run->entry;
	rec->leaf = run->leaf;
	rec->effective = run->effective;
	rec->path = run->path;
	run->va += len;
	run->len -= len;
}

/*
 * Give what was gathered, a leaf that is memory in part by its parts. Return:
 * whether there was room for all of it.
 */
static __always_inline bool vmem_run_flush(const struct vmem_env *e)
{
	struct vmem_run *run = &e->walk->run;
	bool inside;
	u64 len;

	run->expect = 0;
	for (; run->len; run->gpa += len) {
		if (unlikely(e->sink->nr == e->sink->max))
			return false;
		len = run->len;
		if (unlikely(run->part)) {
			len = min(vmem_known(e, run->gpa, len, &inside), len);
			run->flags = VMEM_FRAME_PART | (inside ? 0 : VMEM_FRAME_OUTSIDE);
		}
		vmem_run_give(e, run, run->type, run->level, len, run->flags);
	}
	run->part = false;
	return true;
}

/*
 * Addresses of leaves of @level can be counted up to this bit of an entry, which is
 * none of an address: above them all, or what says encrypted.
 */
static __always_inline u64 vmem_leaf_end(const struct vmem_env *e, unsigned int level)
{
	u64 addr = e->fmt->leaf_addr(e->facts, level);

	return ~addr & (addr + e->fmt->step(level));
}

/* Does the run end where @va begins, in a table of this level and path? */
static __always_inline bool
vmem_run_adjoins(const struct vmem_env *e, const struct vmem_run *run,
		 vmem_virt_t va, enum vmem_record_type type)
{
	return run->len && run->type == type && run->level == e->cur->level &&
	       run->path == e->cur->path && run->va + run->len == va;
}

/* A leaf: begin a run with it. The last one was given. */
static __always_inline void
vmem_run_begin(const struct vmem_env *e, struct vmem_run *run,
	       unsigned int level, u64 entry, vmem_virt_t va, u64 len)
{
	/*
	 * Attributes are mostly those of the leaf before. What was gathered for
	 * a hole isn't present.
	 */
	if ((entry ^ run->entry) & ~e->fmt->leaf_addr(e->facts, level) ||
	    run->level != level || run->path != e->cur->path) {
		run->level = level;
		run->path = e->cur->path;
		run->type = VMEM_REC_MAPPING;
		run->leaf = vmem_leaf_attrs(e, entry, level, e->cur->granted[level],
					    &run->effective);
	}
	run->va = va;
	run->len = len;
	run->gpa = vmem_leaf_phys(e, entry, level) |
		   (va & vmem_entry_mask(e->fmt, level));
	run->entry = entry;
	run->part = vmem_room(e, run->gpa, len) < len;
	run->flags = e->cur->inside ? 0 : VMEM_FRAME_OUTSIDE;
}

/* Is there room for @len bytes more, which are as the rest is? */
static __always_inline bool vmem_run_goes_on(const struct vmem_env *e,
					     const struct vmem_run *run, u64 len)
{
	return vmem_room(e, run->gpa + run->len, len) >= len &&
	       e->cur->inside == !(run->flags & VMEM_FRAME_OUTSIDE);
}

/*
 * A hole of @len bytes, or if it isn't 0 entries @held that aren't present: it
 * makes a run of the same longer, or begins one.
 */
static __always_inline enum vmem_step
vmem_run_hole(const struct vmem_env *e, struct vmem_run *run, vmem_virt_t va,
	      u64 len, u64 held)
{
	enum vmem_record_type type = held ? VMEM_REC_NONPRESENT : VMEM_REC_HOLE;

	if (!held && !(e->walk->flags & VMEM_WALK_HOLES))
		return VMEM_STEP_BEHIND;
	if (vmem_run_adjoins(e, run, va, type) && run->entry == held) {
		run->len += len;
		return VMEM_STEP_BEHIND;
	}
	if (run->len)
		return VMEM_STEP_FLUSH;
	*run = (struct vmem_run){
		.va = va, .len = len, .entry = held, .type = type,
		.path = e->cur->path, .level = e->cur->level,
	};
	return VMEM_STEP_BEHIND;
}

/*
 * The bits of a leaf that must be those of the run. Where it means a shadow
 * stack, D is more than dirty.
 */
static __always_inline u64 vmem_run_cmp(const struct vmem_env *e, u64 entry)
{
	if (!(e->walk->flags & VMEM_WALK_IGNORE_AD))
		return U64_MAX;
	return ~e->fmt->ad | (entry & e->fmt->writable ? 0 : e->facts->shadow);
}

#endif /* _VMEM_RUN_H */
