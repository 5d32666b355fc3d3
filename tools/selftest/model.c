// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model: tables of x86-64 walked by hand, one entry after another. It
 * shares nothing with the core but the layout of records.
 */
#include <stdlib.h>

#include "guest.h"
#include "ktap.h"

struct model_seen {
	u64 table;
	unsigned int level;
	u32 space;
	u64 va;
};

enum what { NONE, TABLE, LEAF, RESERVED, LARGE };

void model_init(struct model *m, struct guest *g)
{
	memset(m, 0, sizeof(*m));
	m->g = g;
	m->levels = levels_of(g->format);
	m->roots[0] = g->root;
	m->nr_roots = 1;
}

static enum what classify(struct model *m, u64 entry, unsigned int level)
{
	if (!(entry & X86_P))
		return NONE;
	if (level >= 3 && entry & X86_PS)
		return LARGE;
	if (entry & m->reserved)
		return RESERVED;
	if (level == 0)
		return LEAF;
	if (!(entry & X86_PS))
		return TABLE;
	/* Bit 12 is PAT, those from 13 up to the page's size are reserved. */
	if (entry & (entry_span(level) - 1) & ~0x1fffULL)
		return RESERVED;
	return LEAF;
}

static u64 leaf_gpa(u64 entry, unsigned int level)
{
	return entry & X86_ADDR & ~(entry_span(level) - 1);
}

static u32 perms(u64 entry)
{
	return R | (entry & X86_RW ? W : 0) | (entry & X86_NX ? 0 : X) |
	       (entry & X86_US ? U : 0);
}

static u32 leaf_attrs(u64 entry, unsigned int level)
{
	u64 pat = level ? X86_PAT_LARGE : X86_PAT;
	u32 attrs = perms(entry);

	if (entry & X86_G)
		attrs |= VMEM_IOC_ATTR_G;
	if (entry & X86_A)
		attrs |= VMEM_IOC_ATTR_A;
	if (entry & X86_D)
		attrs |= VMEM_IOC_ATTR_D;
	if (entry & X86_PCD)
		attrs |= VMEM_IOC_ATTR_PCD;
	if (entry & X86_PWT)
		attrs |= VMEM_IOC_ATTR_PWT;
	if (entry & pat)
		attrs |= VMEM_IOC_ATTR_PAT;
	if ((entry >> 9 & 7) == 1 && !(entry & X86_RW))
		attrs |= VMEM_IOC_ATTR_COW;
	return attrs | (u32)(entry >> 59 & 0xf) << VMEM_IOC_ATTR_KEY_SHIFT;
}

static u32 effective(u32 leaf, u32 path, unsigned int level,
		     unsigned int levels)
{
	u32 all = leaf & 0xf;

	for (level++; level < levels; level++)
		all &= path >> VMEM_IOC_PATH_SHIFT(level);
	return all;
}

static bool inside(struct model *m, u64 gpa, u64 len)
{
	return gpa >= m->g->gpa && gpa + len - 1 <= m->g->gpa + m->g->len - 1;
}

void model_translate(struct model *m, u64 root, u64 va,
		     struct vmem_ioc_result *res, u64 *entries)
{
	unsigned int level = m->levels - 1;
	u64 table = root, entry;

	memset(res, 0, sizeof(*res));
	memset(entries, 0, VMEM_IOC_LEVELS_MAX * sizeof(*entries));
	if (canonical(m->levels, va) != va) {
		res->status = VMEM_IOC_NON_CANONICAL;
		res->level = m->levels;
		return;
	}
	for (;; level--) {
		if (!guest_host(m->g, table)) {
			res->status = VMEM_IOC_OUTSIDE;
			if (level == m->levels - 1) {
				res->entry = root;
				res->level = m->levels;
			}
			return;
		}
		entry = entry_get(m->g, table, index_of(va, level));
		entries[level] = entry;
		res->entry = entry;
		res->level = level;
		switch (classify(m, entry, level)) {
		case NONE:
			res->status = VMEM_IOC_NOT_PRESENT;
			return;
		case RESERVED:
		case LARGE:
			res->status = VMEM_IOC_RESERVED;
			return;
		case LEAF:
			res->status = VMEM_IOC_OK;
			res->page_lg2 = 12 + 9 * level;
			res->gpa = leaf_gpa(entry, level) +
				(va & (entry_span(level) - 1));
			res->leaf = leaf_attrs(entry, level);
			res->effective = effective(res->leaf, res->path, level,
						   m->levels);
			if (!inside(m, leaf_gpa(entry, level), entry_span(level)))
				res->flags |= VMEM_IOC_RESULT_PARTIAL;
			if (!inside(m, res->gpa, 1))
				res->flags |= VMEM_IOC_RESULT_OUTSIDE;
			return;
		case TABLE:
			res->path |= perms(entry) << VMEM_IOC_PATH_SHIFT(level);
			table = entry & X86_ADDR;
		}
	}
}

/* Walks */

static bool same_extent(struct model *m, const struct vmem_ioc_record *run,
			const struct vmem_ioc_record *r)
{
	u64 ignore = m->flags & VMEM_IOC_WALK_IGNORE_AD ? X86_A | X86_D : 0;
	u64 span = BIT(run->detail);

	if (r->type != VMEM_IOC_REC_MAPPING || r->type != run->type ||
	    r->flags & VMEM_IOC_REC_PART ||
	    r->level != run->level || r->space != run->space ||
	    r->path != run->path || r->flags != run->flags ||
	    run->va + run->len != r->va || run->gpa + run->len != r->gpa)
		return false;
	return !(((run->entry ^ r->entry) & ~ignore) &
		 ~(X86_ADDR & ~(span - 1)));
}

static bool same_hole(const struct vmem_ioc_record *run,
		      const struct vmem_ioc_record *r)
{
	return r->type == VMEM_IOC_REC_HOLE && run->type == r->type &&
	       run->level == r->level && run->space == r->space &&
	       run->path == r->path && run->va + run->len == r->va;
}

static void give(struct model *m, struct vmem_ioc_record *r)
{
	struct vmem_ioc_record *run = m->out.nr ? &m->out.r[m->out.nr - 1] : NULL;

	if (run && !(m->flags & VMEM_IOC_WALK_LEAVES) && same_extent(m, run, r)) {
		run->len += r->len;
		return;
	}
	if (run && same_hole(run, r)) {
		run->len += r->len;
		return;
	}
	records_add(&m->out, r);
}

/* A leaf: a record for each part that is memory, or isn't. */
static void give_leaf(struct model *m, struct vmem_ioc_record *r)
{
	u64 whole = r->len, left = whole, len;
	const u64 border[] = { m->g->gpa, m->g->gpa + m->g->len };
	unsigned int i;

	for (; left; r->va += len, r->gpa += len, left -= len) {
		len = left;
		for (i = 0; i < ARRAY_SIZE(border); i++)
			if (border[i] > r->gpa && border[i] - r->gpa < len)
				len = border[i] - r->gpa;
		r->flags = inside(m, r->gpa, 1) ? 0 : VMEM_IOC_REC_OUTSIDE;
		if (len < whole)
			r->flags |= VMEM_IOC_REC_PART;
		r->len = len;
		give(m, r);
	}
}

/* The part of the span at @va, an entry's of @level, that the range covers. */
static bool clip(struct model *m, u64 va, unsigned int level, u64 *from,
		 u64 *to)
{
	u64 end = va + (entry_span(level) - 1);

	if (va > m->last || end < m->start)
		return false;
	*from = va > m->start ? va : m->start;
	*to = end < m->last ? end : m->last;
	return true;
}

static bool seen(struct model *m, u64 table, unsigned int level, u32 space,
		 u64 va, struct model_seen *found)
{
	size_t i;

	for (i = 0; i < m->nr_seen; i++) {
		if (m->seen[i].table == table && m->seen[i].level == level) {
			*found = m->seen[i];
			return true;
		}
	}
	m->seen = realloc(m->seen, (m->nr_seen + 1) * sizeof(*m->seen));
	ASSERT(m->seen);
	m->seen[m->nr_seen++] = (struct model_seen){ table, level, space, va };
	return false;
}

/* A table of @level, named by @entry, whose span begins at @va. */
static void walk_table(struct model *m, u32 space, u64 table, u64 named,
		       unsigned int level, u64 va, u32 path);

static void walk_entry(struct model *m, u32 space, u64 entry,
		       unsigned int level, u64 va, u32 path)
{
	struct vmem_ioc_record r = {
		.level = level,
		.space = space,
		.va = va,
		.entry = entry,
		.path = path,
	};
	u64 from, to;

	if (!clip(m, va, level, &from, &to))
		return;
	switch (classify(m, entry, level)) {
	case NONE:
		if (!(m->flags & VMEM_IOC_WALK_HOLES))
			return;
		r.type = VMEM_IOC_REC_HOLE;
		r.va = from;
		r.len = to - from + 1;
		r.entry = 0;
		give(m, &r);
		return;
	case RESERVED:
	case LARGE:
		r.type = VMEM_IOC_REC_BAD;
		r.va = from;
		r.detail = classify(m, entry, level) == LARGE ?
			VMEM_IOC_BAD_LARGE : VMEM_IOC_BAD_RESERVED;
		m->bad++;
		give(m, &r);
		return;
	case LEAF:
		m->leaves++;
		r.type = VMEM_IOC_REC_MAPPING;
		r.detail = 12 + 9 * level;
		r.leaf = leaf_attrs(entry, level);
		r.effective = effective(r.leaf, path, level, m->levels);
		r.va = from;
		r.len = to - from + 1;
		r.gpa = leaf_gpa(entry, level) + (from - va);
		give_leaf(m, &r);
		return;
	case TABLE:
		path |= perms(entry) << VMEM_IOC_PATH_SHIFT(level);
		walk_table(m, space, entry & X86_ADDR, entry, level - 1, va,
			   path);
	}
}

static void walk_table(struct model *m, u32 space, u64 table, u64 named,
		       unsigned int level, u64 va, u32 path)
{
	bool root = level == m->levels - 1;
	u64 end = va + (entry_span(level + 1) - 1);
	struct model_seen found;
	unsigned int i;
	bool whole;

	if (!guest_host(m->g, table)) {
		struct vmem_ioc_record r = {
			.type = VMEM_IOC_REC_BAD,
			.level = level + 1,
			.detail = VMEM_IOC_BAD_OUTSIDE,
			.space = space,
			.va = va > m->start ? va : m->start,
			.gpa = table,
			.entry = named,
			.path = path,
		};

		m->bad++;
		give(m, &r);
		return;
	}
	whole = root ? m->start == 0 && m->last == ~0ULL :
		m->start <= va && m->last >= end;
	if (!(m->flags & VMEM_IOC_WALK_FOLLOW) && whole &&
	    seen(m, table, level, space, va, &found)) {
		struct vmem_ioc_record r = {
			.type = VMEM_IOC_REC_REFERENCE,
			.level = level + 1,
			.detail = m->levels - 1 - level,
			.space = space,
			.va = va,
			.their_va = found.va,
			.len = entry_span(level + 1),
			.entry = named,
			.owner = found.space,
			.path = path,
		};

		m->refs++;
		give(m, &r);
		return;
	}
	m->visits++;
	for (i = 0; i < 512; i++)
		walk_entry(m, space, entry_get(m->g, table, i), level,
			   canonical(m->levels, va + i * entry_span(level)),
			   path);
}

void model_walk(struct model *m, u64 start, u64 last, u32 flags)
{
	struct vmem_ioc_record end = { .type = VMEM_IOC_REC_END };
	u32 i;

	m->start = start & ~(PAGE - 1);
	m->last = last | (PAGE - 1);
	m->flags = flags;
	for (i = 0; i < m->nr_roots; i++)
		walk_table(m, i, m->roots[i], m->roots[i], m->levels - 1, 0, 0);
	end.leaves = m->leaves;
	end.refs = m->refs;
	end.bad = m->bad;
	records_add(&m->out, &end);
}
