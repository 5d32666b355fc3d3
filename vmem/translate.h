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

/*
 * Addresses that descend together, and so the most tables between two places
 * where a piece can end: 61 with 5 levels.
 */
#define VMEM_TRANSLATE_GROUP	15

/* An address on its way down. */
struct vmem_descent {
	const vmem_pte_t *host;	/* of the table of this level, NULL: outside */
	u64 entry;
	u32 nibbles;		/* of the entries passed */
};

/* Read the entry of @level. Return: what it is. */
static __always_inline enum vmem_class
vmem_translate_step(const struct vmem_env *e, vmem_virt_t va,
		    unsigned int level, struct vmem_descent *d, u64 *entries)
{
	enum vmem_class class;

	VMEM_ASSERT(d->host && level < e->facts->nr_levels);
	d->entry = vmem_read(d->host, vmem_index(e->fmt, va, level));
	if (entries)
		entries[level] = d->entry;
	class = vmem_classify(e, d->entry, level);
	if (class == VMEM_CLASS_TABLE)
		d->nibbles |= vmem_nibble(level, e->fmt->nibble(d->entry));
	return class;
}

/* R, W, X, U that every level above @level grants. */
static __always_inline u32 vmem_path_grants(const struct vmem_facts *facts,
					    u32 path, unsigned int level)
{
	/* the levels that were not passed grant all */
	path |= ~(GENMASK(4 * facts->nr_levels - 1, 0) << (4 * (level + 1)));
	path |= ~GENMASK(4 * facts->nr_levels - 1, 0);
	return path & (path >> 4) & (path >> 8) & (path >> 12) & (path >> 16);
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

	for (at = 0; at <= mask; at += same) {
		if (likely(e->read->in_memory(e->ctx, gpa + at, &same)))
			continue;
		flags |= VMEM_FRAME_PARTIAL;
		if (offset - at < same)
			flags |= VMEM_FRAME_OUTSIDE;
	}
	return flags;
}

/*
 * The answer, where the descent ended with an entry of @class at @level;
 * VMEM_CLASS_TABLE: that table is outside.
 */
static __always_inline void
vmem_translate_end(const struct vmem_env *e, vmem_virt_t va,
		   unsigned int level, enum vmem_class class,
		   const struct vmem_descent *d, struct vmem_translation *out)
{
	u64 mask = vmem_entry_mask(e->fmt, level);
	vmem_phys_t gpa = 0;
	u32 path = e->fmt->path(d->nibbles);
	u16 leaf = 0, effective = 0;
	u8 page_lg2 = 0, flags = 0;

	if (class == VMEM_CLASS_LEAF) {
		gpa = vmem_leaf_phys(e, d->entry, level);
		page_lg2 = e->fmt->entry_lg2(level);
		leaf = vmem_leaf_attrs(e, d->entry, level,
				       vmem_path_grants(e->facts, path, level),
				       &effective);
		flags = vmem_frame_flags(e, gpa, mask, va & mask);
		gpa |= va & mask;
	}
	/* member by member: no copy that waits for narrower stores */
	out->gpa = gpa;
	out->entry = d->entry;
	out->status = class == VMEM_CLASS_LEAF ? VMEM_OK :
		      class == VMEM_CLASS_NONE ? VMEM_NOT_PRESENT :
		      class == VMEM_CLASS_TABLE ? VMEM_STATUS_OUTSIDE :
						  VMEM_STATUS_RESERVED;
	out->level = level;
	out->page_lg2 = page_lg2;
	out->flags = flags;
	out->error_code = 0;
	out->leaf = leaf;
	out->effective = effective;
	out->path = path;
}

/* One address. The loop is unrolled, so that the level is a constant in each step. */
static __always_inline int
vmem_translate_one(const struct vmem_env *e, const struct vmem_space *space,
		   vmem_virt_t va, const vmem_pte_t *root,
		   struct vmem_translation *out, u64 *entries)
{
	struct vmem_descent d = { root, vmem_table_gpa(space->root), 0 };
	bool canonical = vmem_is_canonical(&e->facts->gap, va);
	enum vmem_class class = VMEM_CLASS_NONE;
	vmem_pte_t *host;
	int ret, level;

	if (!canonical || (e->facts->tag_inside && !(va >> 63)))
		canonical = e->fmt->untag(e->facts, &va);
	if (unlikely(!canonical || !root)) {
		*out = (struct vmem_translation){
			.entry	= canonical ? d.entry : 0,
			.status	= canonical ? VMEM_STATUS_OUTSIDE : VMEM_NON_CANONICAL,
			.level	= e->facts->nr_levels,
		};
		return 0;
	}
#pragma GCC unroll 5
	for (level = VMEM_LEVELS_MAX - 1; level >= 0; level--) {
		/* no format has fewer than three */
		if (level > 2 && level >= e->facts->nr_levels)
			continue;
		class = vmem_translate_step(e, va, level, &d, entries);
		if (class != VMEM_CLASS_TABLE)
			break;
		ret = e->read->from_phys(e->ctx, vmem_entry_table(e, d.entry, level),
					 VMEM_READ, &host);
		if (ret == VMEM_OUTSIDE)
			break;
		if (unlikely(ret))
			return ret;
		d.host = host;
	}
	vmem_translate_end(e, va, level, class, &d, out);
	return 0;
}

/* Of canonical addresses, and a root that is there. */
static __always_inline int
vmem_translate_group(const struct vmem_env *e, const struct vmem_space *space,
		     const vmem_virt_t *vas, u32 nr, const vmem_pte_t *root,
		     struct vmem_translation *out,
		     u64 (*entries)[VMEM_LEVELS_MAX])
{
	struct vmem_descent d[VMEM_TRANSLATE_GROUP];
	unsigned int level = e->facts->nr_levels;
	vmem_table_t last = VMEM_NO_TABLE, table;
	vmem_pte_t *host = NULL;
	enum vmem_class class;
	u32 i, active = BIT(nr) - 1;
	int ret;

	for (i = 0; i < nr; i++)
		d[i] = (struct vmem_descent){ root, vmem_table_gpa(space->root), 0 };
	while (active) {
		level--;
		for (i = 0; i < nr; i++) {
			if (!(active & BIT(i)))
				continue;
			class = vmem_translate_step(e, vas[i], level, &d[i],
						    entries ? entries[i] : NULL);
			if (class == VMEM_CLASS_TABLE) {
				table = vmem_entry_table(e, d[i].entry, level);
				/* neighbours are often in one table */
				if (table != last) {
					ret = e->read->from_phys(e->ctx, table,
								VMEM_READ, &host);
					last = table;
					if (ret == VMEM_OUTSIDE)
						host = NULL;
					else if (ret)
						return ret;
				}
				d[i].host = host;
				if (likely(host)) {
					prefetch(host + vmem_index(e->fmt, vas[i],
								   level - 1));
					continue;
				}
			}
			vmem_translate_end(e, vas[i], level, class, &d[i],
					   &out[i]);
			active &= ~BIT(i);
		}
	}
	return 0;
}

/* How many of these addresses go down together: what is odd goes alone. */
static __always_inline u32
vmem_translate_together(const struct vmem_gap *gap, const vmem_virt_t *vas,
			u32 nr)
{
	u32 n = 0;

	while (nr > 1 && n < min_t(u32, nr, VMEM_TRANSLATE_GROUP) &&
	       vmem_is_canonical(gap, vas[n]))
		n++;
	return n ?: 1;
}

static __always_inline int
vmem_translate(const struct vmem_format *fmt, const struct vmem_table_read_ops *ops,
	       void *ctx, const struct vmem_space *space,
	       const vmem_virt_t *vas, u32 nr, struct vmem_translation *out,
	       u64 (*entries)[VMEM_LEVELS_MAX], u32 *done)
{
	const struct vmem_env e = {
		.fmt = fmt, .read = ops, .ctx = ctx, .facts = &space->facts,
	};
	vmem_pte_t *root = NULL;
	bool moved = false;
	u32 n;
	int ret;

	ret = ops->from_phys(ctx, space->root, VMEM_READ, &root);
	if (ret == VMEM_OUTSIDE)
		root = NULL;
	else if (ret)
		return ret;

	for (; *done < nr; *done += n) {
		u64 (*to)[VMEM_LEVELS_MAX] = entries ? &entries[*done] : NULL;

		n = vmem_translate_together(&space->facts.gap, &vas[*done],
					    root && !space->facts.tag_inside ?
					    nr - *done : 1);
		if (ops->pause(ctx, n * (space->facts.nr_levels - 1) + 1) && moved)
			return VMEM_PAUSE;
		if (to)
			memset(to, 0, n * sizeof(*to));
		if (n == 1)
			ret = vmem_translate_one(&e, space, vas[*done], root,
						 &out[*done], to ? to[0] : NULL);
		else
			ret = vmem_translate_group(&e, space, &vas[*done], n,
						   root, &out[*done], to);
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
