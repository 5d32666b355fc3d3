/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What an address translates to: one at a time by a descent of its own, or
 * several together, level by level, so that their loads overlap.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_TRANSLATE_H
#define _VMEM_TRANSLATE_H

#include <linux/minmax.h>
#include <linux/prefetch.h>
#include <linux/string.h>

#include "cursor.h"

/* Addresses that descend together; and tables between two places where a piece can end. */
#define VMEM_TRANSLATE_GROUP	16
#define VMEM_TRANSLATE_TABLES	64

/* An address on its way down. */
struct vmem_descent {
	vmem_pte_t *at;		/* the table to be read next, NULL: it ended */
	vmem_virt_t va;		/* without its tag */
	u64 entry;		/* the last one read */
	u32 path;		/* what the entries passed grant */
	u32 level;		/* of the last one read; nr_levels: none was */
};

/* R, W, X, U that every level above @level grants. */
static __always_inline u32 vmem_path_grants(const struct vmem_facts *facts,
					    u32 path, unsigned int level)
{
	/* the levels that were not passed grant all */
	path |= vmem_nibble(level, 16) - 1;
	path |= ~(vmem_nibble(facts->nr_levels, 1) - 1);
	/* above level 0 there are at most four */
	path >>= 4;
	path &= path >> 8;
	return path & (path >> 4) & VMEM_RWXU;
}

/*
 * What is not memory of the page at @gpa, where byte @offset of it is meant. Mostly
 * one answer is for all of it.
 */
static __always_inline u8 vmem_frame_flags(const struct vmem_env *e,
					   vmem_phys_t gpa, u64 mask, u64 offset)
{
	u64 at, same;
	u8 flags = 0;

	/* before the loop, whose registers would be set aside */
	if (likely(e->read->in_memory(e->ctx, gpa, &same) && same > mask))
		return 0;
	for (at = 0; at <= mask; at += same) {
		if (likely(e->read->in_memory(e->ctx, gpa + at, &same)))
			continue;
		flags |= VMEM_FRAME_PARTIAL;
		if (offset - at < same)
			flags |= VMEM_FRAME_OUTSIDE;
	}
	return flags;
}

/* Take the tag out of an address, if it may have one. Return: whether it is canonical. */
static __always_inline bool vmem_untag(const struct vmem_env *e, vmem_virt_t *va, bool fetch)
{
	const struct vmem_facts *facts = e->facts;
	bool canonical = vmem_is_canonical(&facts->gap, *va);

	if (unlikely(!canonical || (facts->tag_inside && !(*va >> 63))) && !fetch)
		canonical = e->fmt->untag(facts, va);
	return canonical;
}

/* Begin, at @root, NULL: outside. Return: whether there is a way; else *@out is given. */
static __always_inline bool
vmem_translate_begin(const struct vmem_env *e, const struct vmem_space *space,
		     vmem_virt_t va, bool fetch, vmem_pte_t *root,
		     struct vmem_descent *d, struct vmem_translation *out)
{
	bool canonical = vmem_untag(e, &va, fetch);

	d->at = root;
	d->va = va;
	d->path = 0;
	if (likely(canonical && root))
		return true;
	*out = (struct vmem_translation){
		.entry	= canonical ? vmem_table_gpa(space->root) : 0,
		.status	= canonical ? VMEM_STATUS_OUTSIDE : VMEM_NON_CANONICAL,
		.level	= e->facts->nr_levels,
	};
	d->at = NULL;
	d->level = e->facts->nr_levels;
	return false;
}

/*
 * Read an entry of @level, and go on to the table that it names. Return: 0;
 * VMEM_OUTSIDE: it names none, or one that is outside; or what from_phys() says.
 */
static __always_inline int
vmem_translate_step(const struct vmem_env *e, unsigned int level,
		    struct vmem_descent *d, u64 *entries)
{
	VMEM_ASSERT(level < e->facts->nr_levels);
	d->entry = vmem_read(d->at, vmem_index(e->fmt, d->va, level));
	d->level = level;
	if (entries)
		entries[level] = d->entry;
	if (unlikely(vmem_classify(e, d->entry, level) != VMEM_CLASS_TABLE))
		return VMEM_OUTSIDE;
	d->path |= e->fmt->perms(d->entry, level);
	return e->read->from_phys(e->ctx, vmem_entry_table(e, d->entry, level),
				  VMEM_READ, &d->at);
}

/* The answer, of a leaf at @level, below entries that grant @path. */
static __always_inline void
vmem_translate_leaf(const struct vmem_env *e, vmem_virt_t va,
		    unsigned int level, u64 entry, u32 path,
		    struct vmem_translation *out)
{
	u64 mask = vmem_entry_mask(e->fmt, level);
	vmem_phys_t gpa = vmem_leaf_phys(e, entry, level);
	u16 effective;

	/* member by member: no copy that waits for narrower stores */
	out->gpa = gpa | (va & mask);
	out->entry = entry;
	out->status = VMEM_OK;
	out->level = level;
	out->page_lg2 = e->fmt->entry_lg2(level);
	out->flags = vmem_frame_flags(e, gpa, mask, va & mask);
	out->error_code = 0;
	out->leaf = vmem_leaf_attrs(e, entry, level,
				    vmem_path_grants(e->facts, path, level), &effective);
	out->effective = effective;
	out->path = path;
}

/* The same of one at level 0, which most are. Return: whether it is one. */
static __always_inline bool
vmem_translate_last(const struct vmem_env *e, struct vmem_descent *d,
		    struct vmem_translation *out, u64 *entries)
{
	d->entry = vmem_read(d->at, vmem_index(e->fmt, d->va, 0));
	d->level = 0;
	if (entries)
		entries[0] = d->entry;
	if (unlikely(vmem_classify(e, d->entry, 0) != VMEM_CLASS_LEAF))
		return false;
	vmem_translate_leaf(e, d->va, 0, d->entry, d->path, out);
	return true;
}

/* Wherever else it ended. */
static __always_inline void
vmem_translate_end(const struct vmem_env *e, const struct vmem_descent *d,
		   struct vmem_translation *out)
{
	enum vmem_class class = vmem_classify(e, d->entry, d->level);

	if (class == VMEM_CLASS_LEAF) {
		vmem_translate_leaf(e, d->va, d->level, d->entry, d->path, out);
		return;
	}
	*out = (struct vmem_translation){
		.entry	= d->entry,
		.status	= class == VMEM_CLASS_NONE ? VMEM_NOT_PRESENT :
			  class == VMEM_CLASS_TABLE ? VMEM_STATUS_OUTSIDE :
						      VMEM_STATUS_RESERVED,
		.level	= d->level,
		.path	= d->path,
	};
}

/* One address. The loop is unrolled, so that the level is a constant in each step. */
static __always_inline int
vmem_translate_one(const struct vmem_env *e, const struct vmem_space *space,
		   vmem_virt_t va, bool fetch, vmem_pte_t *root,
		   struct vmem_translation *out, u64 *entries)
{
	struct vmem_descent d;
	int ret, level;

	if (unlikely(!vmem_translate_begin(e, space, va, fetch, root, &d, out)))
		return 0;
#pragma GCC unroll 5
	for (level = VMEM_LEVELS_MAX - 1; level; level--) {
		/* no format has fewer than three */
		if (level > 2 && level >= e->facts->nr_levels)
			continue;
		ret = vmem_translate_step(e, level, &d, entries);
		if (unlikely(ret == VMEM_OUTSIDE))
			break;
		if (unlikely(ret))
			return ret;
	}
	if (unlikely(level || !vmem_translate_last(e, &d, out, entries)))
		vmem_translate_end(e, &d, out);
	return 0;
}

/* Several, level by level, so that their loads overlap. */
static __always_inline int
vmem_translate_group(const struct vmem_env *e, const struct vmem_space *space,
		     const vmem_virt_t *vas, u32 nr, bool fetch, vmem_pte_t *root,
		     struct vmem_translation *out,
		     u64 (*entries)[VMEM_LEVELS_MAX])
{
	/* kernels may zero what is local, which takes longer than a translation */
	struct vmem_descent group[VMEM_TRANSLATE_GROUP] __uninitialized, *d;
	unsigned int level;
	u32 i;
	int ret;

	for (i = 0; i < nr; i++)
		vmem_translate_begin(e, space, vas[i], fetch, root, &group[i], &out[i]);
	for (level = vmem_top(e->facts); level; level--) {
		for (i = 0, d = group; i < nr; i++, d++) {
			if (unlikely(!d->at))
				continue;
			ret = vmem_translate_step(e, level, d,
						  entries ? entries[i] : NULL);
			if (unlikely(ret)) {
				if (ret != VMEM_OUTSIDE)
					return ret;
				d->at = NULL;
				continue;
			}
			prefetch(d->at + vmem_index(e->fmt, d->va, level - 1));
		}
	}
	for (i = 0, d = group; i < nr; i++, d++)
		if (unlikely(d->at ? !vmem_translate_last(e, d, &out[i],
							  entries ? entries[i] : NULL) :
				     d->level < e->facts->nr_levels))
			vmem_translate_end(e, d, &out[i]);
	return 0;
}

static __always_inline int
vmem_translate(const struct vmem_format *fmt, const struct vmem_table_read_ops *ops,
	       void *ctx, const struct vmem_space *space,
	       const vmem_virt_t *vas, u32 nr, bool fetch, struct vmem_translation *out,
	       u64 (*entries)[VMEM_LEVELS_MAX], u32 *done)
{
	const struct vmem_env e = {
		.fmt = fmt, .read = ops, .ctx = ctx, .facts = &space->facts,
	};
	u32 n = nr - *done, max, levels = e.facts->nr_levels;
	vmem_pte_t *root = NULL;
	bool moved = false;
	int ret;

	ret = ops->from_phys(ctx, space->root, VMEM_READ, &root);
	if (ret == VMEM_OUTSIDE)
		root = NULL;
	else if (ret)
		return ret;

	if (likely(n == 1)) {
		ops->pause(ctx, levels);
		if (entries)
			memset(entries + *done, 0, sizeof(*entries));
		ret = vmem_translate_one(&e, space, vas[*done], fetch, root, &out[*done],
					 entries ? entries[*done] : NULL);
		*done += !ret;
		return ret;
	}
	max = min_t(u32, VMEM_TRANSLATE_GROUP, VMEM_TRANSLATE_TABLES / levels);
	for (; *done < nr; *done += n) {
		n = min(nr - *done, max);
		if (ops->pause(ctx, n * (levels - 1) + 1) && moved)
			return VMEM_PAUSE;
		if (entries)
			memset(entries + *done, 0, n * sizeof(*entries));
		ret = vmem_translate_group(&e, space, &vas[*done], n, fetch, root, &out[*done],
					   entries ? &entries[*done] : NULL);
		if (ret)
			return ret;
		moved = true;
	}
	return 0;
}

/**
 * vmem_siblings() - what else a table names that was met on the way down
 * @fmt:	format, a compile-time constant
 * @facts:	of the vCPU
 * @table:	the table
 * @absent:	a table that it names, which was found absent
 * @siblings:	out: tables that are named behind it
 * @max:	at most so many
 *
 * The table may be of any level: an entry that would name a table at level 1 is
 * taken for one, as a page that is none is only made resident.
 *
 * Context: the piece in which @table was reached.
 * Return: how many there are in @siblings.
 */
static __always_inline u32
vmem_siblings(const struct vmem_format *fmt, const struct vmem_facts *facts,
	      const vmem_pte_t *table, vmem_phys_t absent, vmem_phys_t *siblings,
	      u32 max)
{
	bool behind = false;
	vmem_phys_t gpa;
	unsigned int i;
	u32 nr = 0;
	u64 entry;

	for (i = 0; i < vmem_nr_entries(fmt, 1) && nr < max; i++) {
		entry = vmem_read(table, i);
		if (fmt->classify(facts, entry, 1) != VMEM_CLASS_TABLE)
			continue;
		gpa = fmt->entry_phys(facts, entry, 1, VMEM_CLASS_TABLE);
		if (behind && gpa != absent)
			siblings[nr++] = gpa;
		else
			behind = gpa == absent;
	}
	return nr;
}

#endif /* _VMEM_TRANSLATE_H */
