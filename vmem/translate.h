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

/* Addresses that descend together. A piece ends between groups only. */
#define VMEM_TRANSLATE_GROUP	8

#define VMEM_DESCEND	U8_MAX	/* a status of ours: not at its end yet */

/* The answer before any entry is read; @host is the root's. */
static __always_inline void
vmem_translate_begin(const struct vmem_format *fmt, vmem_virt_t va,
		     const struct vmem_space *space, const vmem_pte_t *host,
		     struct vmem_translation *out)
{
	*out = (struct vmem_translation){
		.status	= VMEM_DESCEND,
		.level	= fmt->nr_levels,
	};
	if (!vmem_is_canonical(fmt, va)) {
		out->status = VMEM_NON_CANONICAL;
	} else if (!host) {
		out->status = VMEM_STATUS_OUTSIDE;
		out->entry = vmem_table_gpa(space->root);
	}
}

static __always_inline void
vmem_translate_leaf(const struct vmem_format *fmt,
		    const struct vmem_table_ops *ops, void *ctx,
		    const struct vmem_facts *facts, vmem_virt_t va,
		    unsigned int level, struct vmem_translation *out)
{
	u64 mask = vmem_entry_mask(fmt, level), same;
	vmem_phys_t gpa;

	gpa = fmt->entry_phys(facts, out->entry, level, VMEM_CLASS_LEAF);
	out->status = VMEM_OK;
	out->gpa = gpa | (va & mask);
	out->page_lg2 = vmem_entry_lg2(fmt, level);
	out->leaf = fmt->leaf_attrs(facts, out->entry, level);
	out->effective = vmem_effective(fmt, out->path, level, out->leaf);
	if (!ops->in_memory(ctx, gpa, mask + 1, &same) || same <= mask)
		out->flags |= VMEM_FRAME_OUTSIDE;
}

/*
 * Read the entry of @level. Where it names a table, give its address in
 * @table; otherwise out->status says how it ended.
 */
static __always_inline void
vmem_translate_entry(const struct vmem_format *fmt,
		     const struct vmem_table_ops *ops, void *ctx,
		     const struct vmem_facts *facts, vmem_virt_t va,
		     unsigned int level, const vmem_pte_t *host,
		     struct vmem_translation *out, u64 *entries,
		     vmem_table_t *table)
{
	u64 entry = vmem_read(host, vmem_index(fmt, va, level));
	enum vmem_class class = fmt->classify(facts, entry, level);

	out->entry = entry;
	out->level = level;
	if (entries)
		entries[level] = entry;
	switch (class) {
	case VMEM_CLASS_NONE:
		out->status = VMEM_NOT_PRESENT;
		break;
	case VMEM_CLASS_TABLE:
		*table = vmem_table(fmt->entry_phys(facts, entry, level, class));
		out->path |= vmem_nibble(level, fmt->table_perms(entry));
		break;
	case VMEM_CLASS_LEAF:
		vmem_translate_leaf(fmt, ops, ctx, facts, va, level, out);
		break;
	default:
		out->status = VMEM_STATUS_RESERVED;
	}
}

static __always_inline int
vmem_translate_one(const struct vmem_format *fmt,
		   const struct vmem_table_ops *ops, void *ctx,
		   const struct vmem_space *space, vmem_virt_t va,
		   vmem_pte_t *host, struct vmem_translation *out, u64 *entries)
{
	unsigned int level = fmt->nr_levels;
	vmem_table_t table;
	int ret;

	vmem_translate_begin(fmt, va, space, host, out);
	while (out->status == VMEM_DESCEND) {
		vmem_translate_entry(fmt, ops, ctx, &space->facts, va, --level,
				     host, out, entries, &table);
		if (out->status != VMEM_DESCEND)
			break;
		ret = ops->from_phys(ctx, table, VMEM_READ, &host);
		if (ret == VMEM_OUTSIDE)
			out->status = VMEM_STATUS_OUTSIDE;
		else if (ret)
			return ret;
	}
	return 0;
}

static __always_inline int
vmem_translate_group(const struct vmem_format *fmt,
		     const struct vmem_table_ops *ops, void *ctx,
		     const struct vmem_space *space, const vmem_virt_t *vas,
		     u32 nr, vmem_pte_t *root, struct vmem_translation *out,
		     u64 (*entries)[VMEM_LEVELS_MAX])
{
	vmem_pte_t *host[VMEM_TRANSLATE_GROUP], *last_host = NULL;
	unsigned int level = fmt->nr_levels;
	vmem_table_t last = VMEM_NO_TABLE, table;
	u32 i;
	int ret;

	for (i = 0; i < nr; i++) {
		vmem_translate_begin(fmt, vas[i], space, root, &out[i]);
		host[i] = root;
	}
	while (level--) {
		for (i = 0; i < nr; i++) {
			if (out[i].status != VMEM_DESCEND)
				continue;
			vmem_translate_entry(fmt, ops, ctx, &space->facts,
					     vas[i], level, host[i], &out[i],
					     entries ? entries[i] : NULL,
					     &table);
			if (out[i].status != VMEM_DESCEND)
				continue;
			if (table != last) {
				ret = ops->from_phys(ctx, table, VMEM_READ,
						     &last_host);
				last = table;
				if (ret == VMEM_OUTSIDE)
					last_host = NULL;
				else if (ret)
					return ret;
			}
			host[i] = last_host;
			if (!last_host)
				out[i].status = VMEM_STATUS_OUTSIDE;
			else
				prefetch(&last_host[vmem_index(fmt, vas[i],
							       level - 1)]);
		}
	}
	return 0;
}

static __always_inline int
vmem_translate(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	       void *ctx, const struct vmem_space *space,
	       const vmem_virt_t *vas, u32 nr, struct vmem_translation *out,
	       u64 (*entries)[VMEM_LEVELS_MAX], u32 *done)
{
	vmem_pte_t *root = NULL;
	bool moved = false;
	u32 i, n;
	int ret;

	ret = ops->from_phys(ctx, space->root, VMEM_READ, &root);
	if (ret == VMEM_OUTSIDE)
		root = NULL;
	else if (ret)
		return ret;

	for (; *done < nr; *done += n) {
		u64 (*e)[VMEM_LEVELS_MAX] = entries ? &entries[*done] : NULL;

		if (moved && ops->pause(ctx))
			return VMEM_PAUSE;
		n = min_t(u32, nr - *done, VMEM_TRANSLATE_GROUP);
		for (i = 0; e && i < n; i++)
			memset(e[i], 0, sizeof(e[i]));
		if (n == 1)
			ret = vmem_translate_one(fmt, ops, ctx, space,
						 vas[*done], root, &out[*done],
						 e ? e[0] : NULL);
		else
			ret = vmem_translate_group(fmt, ops, ctx, space,
						   &vas[*done], n, root,
						   &out[*done], e);
		if (ret)
			return ret;
		moved = true;
	}
	return 0;
}

#endif /* _VMEM_TRANSLATE_H */
