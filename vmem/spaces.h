/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Walks: of one space or of many together, by pull. A walk keeps its place as
 * addresses only, so that it can be stopped anywhere and resumed when the
 * tables have changed; it goes down again from the root, and takes a table for
 * one that it has entered before when it is the one that it was in.
 *
 * What a walk gathers (an extent or a hole) is kept in walk->run until it
 * can't grow. A record is given only after it.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_SPACES_H
#define _VMEM_SPACES_H

#include <linux/minmax.h>

#include "cursor.h"
#include "seen.h"

/* Where the records go. */
struct vmem_sink {
	struct vmem_space_aware_mapping *out;
	u32 max;
	u32 nr;
};

static __always_inline struct vmem_space_aware_mapping *
vmem_sink_next(struct vmem_sink *sink)
{
	return &sink->out[sink->nr++];
}

/*
 * How much of the run, from its begin, is to be one record: leaves whose
 * frames are all wholly in memory, or all not.
 */
static __always_inline u64
vmem_run_same(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	      void *ctx, const struct vmem_run *run, u8 *flags)
{
	u64 mask = vmem_entry_mask(fmt, run->level), len = 0;

	while (len < run->len) {
		vmem_phys_t gpa = run->gpa + len;
		u64 rest = run->len - len, same;
		bool inside = ops->in_memory(ctx, gpa, rest, &same);
		u8 flag = inside ? 0 : VMEM_FRAME_OUTSIDE;

		if (same < rest) {
			/* the answer changes here, perhaps within a leaf */
			vmem_phys_t end = gpa + same;

			if (inside && (end & ~mask) > gpa) {
				end &= ~mask;
			} else {
				flag = VMEM_FRAME_OUTSIDE;
				end = ((end - 1) | mask) + 1;
			}
			same = min(end - gpa, rest);
		}
		if (len && flag != *flags)
			break;
		*flags = flag;
		len += same;
	}
	return len;
}

/* Give what was gathered. Return: whether there was room for all of it. */
static __always_inline bool
vmem_run_flush(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	       void *ctx, struct vmem_walk *walk, struct vmem_sink *sink)
{
	struct vmem_run *run = &walk->run;
	struct vmem_space_aware_mapping *rec;
	u8 flags = 0;
	u64 len;

	run->expect = 0;
	while (run->len) {
		if (sink->nr == sink->max)
			return false;
		len = run->hole ? run->len :
				  vmem_run_same(fmt, ops, ctx, run, &flags);
		rec = vmem_sink_next(sink);
		*rec = (struct vmem_space_aware_mapping){
			.type	= run->hole ? VMEM_REC_HOLE : VMEM_REC_MAPPING,
			.level	= run->level,
			.space	= walk->space,
			.va	= run->va,
			.path	= run->path,
		};
		rec->len = len;
		if (!run->hole) {
			rec->detail = vmem_entry_lg2(fmt, run->level);
			rec->flags = flags;
			rec->gpa = run->gpa;
			rec->entry = run->entry;
			rec->leaf = run->leaf;
			rec->effective = run->effective;
			/* the next leaf's entry, should a part remain */
			run->entry += (run->gpa & vmem_entry_mask(fmt, run->level)) + len;
			run->entry -= (run->gpa + len) &
				      vmem_entry_mask(fmt, run->level);
			run->gpa += len;
		}
		run->va += len;
		run->len -= len;
	}
	return true;
}

/* The entry of the leaf behind @entry, 0 when no leaf can follow. */
static __always_inline u64
vmem_entry_after(const struct vmem_facts *facts, u64 entry, u64 bytes)
{
	u64 next = entry + bytes;

	return (next ^ entry) & ~facts->addr ? 0 : next;
}

/* Does the run end where @va begins, in a table of this level and path? */
static __always_inline bool
vmem_run_adjoins(const struct vmem_run *run, vmem_virt_t va,
		 unsigned int level, u32 path, bool hole)
{
	return run->len && run->hole == hole && run->level == level &&
	       run->path == path && run->va + run->len == va;
}

/* Begin a run with this leaf. Return: whether there was room for the last. */
static __always_inline bool
vmem_run_leaf(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	      void *ctx, const struct vmem_facts *facts, struct vmem_walk *walk,
	      struct vmem_sink *sink, u64 entry, vmem_virt_t va, u64 len,
	      unsigned int level, u32 path)
{
	struct vmem_run *run = &walk->run;
	u64 mask = vmem_entry_mask(fmt, level);

	if (!vmem_run_flush(fmt, ops, ctx, walk, sink))
		return false;
	run->va = va;
	run->len = len;
	run->gpa = fmt->entry_phys(facts, entry, level, VMEM_CLASS_LEAF) |
		   (va & mask);
	run->entry = entry;
	run->level = level;
	run->path = path;
	run->hole = false;
	run->leaf = fmt->leaf_attrs(facts, entry, level);
	run->effective = vmem_effective(fmt, path, level, run->leaf);
	if (!(walk->flags & VMEM_WALK_LEAVES))
		run->expect = vmem_entry_after(facts, entry, mask + 1);
	walk->leaves++;
	return true;
}

/* A hole of @len bytes. Return: whether there was room for the last run. */
static __always_inline bool
vmem_run_hole(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	      void *ctx, struct vmem_walk *walk, struct vmem_sink *sink,
	      vmem_virt_t va, u64 len, unsigned int level, u32 path)
{
	struct vmem_run *run = &walk->run;

	if (!vmem_run_adjoins(run, va, level, path, true)) {
		if (!vmem_run_flush(fmt, ops, ctx, walk, sink))
			return false;
		run->va = va;
		run->level = level;
		run->path = path;
		run->hole = true;
	}
	run->len += len;
	return true;
}

/* A record for an entry that isn't walked. Return: whether there was room. */
static __always_inline bool
vmem_walk_report(const struct vmem_format *fmt,
		 const struct vmem_table_ops *ops, void *ctx,
		 struct vmem_walk *walk, struct vmem_sink *sink,
		 const struct vmem_space_aware_mapping *rec)
{
	if (!vmem_run_flush(fmt, ops, ctx, walk, sink) ||
	    sink->nr == sink->max)
		return false;
	*vmem_sink_next(sink) = *rec;
	if (rec->type == VMEM_REC_BAD)
		walk->bad++;
	else if (rec->type == VMEM_REC_REFERENCE)
		walk->refs++;
	return true;
}

/* What came of an attempt to enter a table. */
enum vmem_enter {
	VMEM_ENTERED,
	VMEM_REPORTED,		/* a record instead: go on behind it */
	VMEM_FULL,		/* no room for that record */
	VMEM_STOPPED,		/* see the return value */
};

/* Does the range cover the whole span of a table, which begins at @base? */
static __always_inline bool
vmem_walk_covers(const struct vmem_format *fmt, const struct vmem_walk *walk,
		 vmem_virt_t base, unsigned int level)
{
	if (level == vmem_top(fmt))
		return !walk->first && walk->last == U64_MAX;
	return base >= walk->first &&
	       (base | vmem_table_mask(fmt, level)) <= walk->last;
}

/*
 * Enter @table of @level. @rec is a record of the entry that names it, for
 * what may have to be reported. @known: the walk was in this table already.
 */
static __always_inline enum vmem_enter
vmem_walk_enter(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		void *ctx, struct vmem_walk *walk, struct vmem_sink *sink,
		vmem_table_t table, unsigned int level, bool known,
		struct vmem_space_aware_mapping *rec, vmem_pte_t **host,
		int *ret)
{
	vmem_virt_t base = walk->va & ~vmem_table_mask(fmt, level);
	bool remember = false;

	if (level == vmem_top(fmt))
		base = 0;
	if (!known && !(walk->flags & VMEM_WALK_FOLLOW) &&
	    vmem_walk_covers(fmt, walk, base, level)) {
		struct vmem_space_reference_mapping ref = {
			.span	= vmem_table_mask(fmt, level) + 1,
			.entry	= rec->entry,
		};

		if (vmem_seen_find(walk->seen, table, level, &ref.owner,
				   &ref.their_va)) {
			rec->type = VMEM_REC_REFERENCE;
			rec->detail = vmem_top(fmt) - level;
			rec->va = base;
			rec->ref = ref;
			goto report;
		}
		remember = true;
	}
	if (!known && !walk->budget) {
		vmem_walk_stop(walk, VMEM_END_BUDGET);
		*ret = VMEM_NEXT_SPACE;
		return VMEM_STOPPED;
	}

	*ret = ops->from_phys(ctx, table, VMEM_READ, host);
	rec->gpa = vmem_table_gpa(table);
	if (*ret == VMEM_OUTSIDE) {
		rec->type = VMEM_REC_BAD;
		rec->detail = VMEM_BAD_OUTSIDE;
		goto report;
	}
	if (*ret == VMEM_ABSENT && walk->flags & VMEM_WALK_RESIDENT_ONLY) {
		rec->type = VMEM_REC_ABSENT;
		goto report;
	}
	if (*ret)
		return VMEM_STOPPED;

	if (remember) {
		*ret = vmem_seen_add(walk->seen, table, level, walk->space,
				     base);
		if (*ret)
			return VMEM_STOPPED;
	}
	if (!known) {
		walk->budget--;
		walk->tables[level] = table;
		walk->low = level;
	}
	return VMEM_ENTERED;
report:
	if (!vmem_walk_report(fmt, ops, ctx, walk, sink, rec))
		return VMEM_FULL;
	return VMEM_REPORTED;
}

/* Go on behind the entry that walk->va is in. Return: is there more? */
static __always_inline bool
vmem_walk_behind(const struct vmem_format *fmt, struct vmem_walk *walk,
		 struct vmem_cursor *cursor)
{
	u64 mask = vmem_entry_mask(fmt, cursor->level);
	vmem_virt_t last = walk->va | mask;

	if (last >= walk->last)
		return false;
	walk->va = vmem_canonical_from(fmt, last + 1);
	if (walk->va > walk->last)
		return false;
	while (cursor->level < vmem_top(fmt) &&
	       !(walk->va & vmem_table_mask(fmt, cursor->level)))
		vmem_cursor_up(cursor);
	if (walk->low < cursor->level)
		walk->low = cursor->level;
	return true;
}

/* Are these eight entries, from @i on, what follows @expect? */
static __always_inline bool
vmem_eight_follow(const vmem_pte_t *host, unsigned int i, u64 expect, u64 page,
		  u64 cmp)
{
	u64 diff;

	diff = vmem_read(host, i) ^ expect;
	diff |= vmem_read(host, i + 1) ^ (expect + page);
	diff |= vmem_read(host, i + 2) ^ (expect + 2 * page);
	diff |= vmem_read(host, i + 3) ^ (expect + 3 * page);
	diff |= vmem_read(host, i + 4) ^ (expect + 4 * page);
	diff |= vmem_read(host, i + 5) ^ (expect + 5 * page);
	diff |= vmem_read(host, i + 6) ^ (expect + 6 * page);
	diff |= vmem_read(host, i + 7) ^ (expect + 7 * page);
	return !(diff & cmp);
}

/*
 * The entries of a table of level 0, from walk->va on to the end of the table
 * or of the range. walk->va is then in the last entry that was dealt with.
 * Return: false: no room, walk->va is in the entry that wasn't dealt with.
 */
static __always_inline bool
vmem_walk_leaves(const struct vmem_format *fmt,
		 const struct vmem_table_ops *ops, void *ctx,
		 const struct vmem_facts *facts, struct vmem_walk *walk,
		 struct vmem_sink *sink, const struct vmem_cursor *cursor)
{
	const u64 page = BIT_ULL(fmt->page_lg2);
	vmem_virt_t base = walk->va & ~vmem_table_mask(fmt, 0);
	vmem_virt_t last = min(walk->last, base | vmem_table_mask(fmt, 0));
	u64 cmp = walk->flags & VMEM_WALK_IGNORE_AD ? ~fmt->ad : U64_MAX;
	unsigned int i = vmem_index(fmt, walk->va, 0);
	unsigned int end = vmem_index(fmt, last, 0) + 1;
	bool holes = walk->flags & VMEM_WALK_HOLES;
	const vmem_pte_t *host = cursor->host[0];
	struct vmem_run *run = &walk->run;
	struct vmem_space_aware_mapping rec;
	unsigned int from;
	u64 entry, expect;
	enum vmem_class class;

	expect = vmem_run_adjoins(run, base + i * page, 0, cursor->path, false) ?
		 run->expect : 0;
	while (i < end) {
		entry = vmem_read(host, i);
		from = i;
		if (expect && !((entry ^ expect) & cmp)) {
			do {
				expect = vmem_entry_after(facts, expect, page);
				i++;
				/* looked at only after a match */
				while (i + 8 <= end && expect &&
				       vmem_entry_after(facts, expect, 8 * page) &&
				       vmem_eight_follow(host, i, expect, page, cmp)) {
					expect += 8 * page;
					i += 8;
				}
			} while (i < end && expect &&
				 !((vmem_read(host, i) ^ expect) & cmp));
			run->len += (i - from) * page;
			run->expect = expect;
			walk->leaves += i - from;
			continue;
		}

		expect = 0;
		if (!(entry & fmt->present)) {
			i++;
			while (i + 8 <= end &&
			       !(vmem_eight_or(host, i) & fmt->present))
				i += 8;
			if (holes &&
			    !vmem_run_hole(fmt, ops, ctx, walk, sink,
					   base + from * page,
					   (i - from) * page, 0, cursor->path)) {
				i = from;
				break;
			}
			continue;
		}

		class = fmt->classify(facts, entry, 0);
		if (class == VMEM_CLASS_LEAF) {
			if (!vmem_run_leaf(fmt, ops, ctx, facts, walk, sink,
					   entry, base + i * page, page, 0,
					   cursor->path))
				break;
			expect = run->expect;
		} else {
			rec = (struct vmem_space_aware_mapping){
				.type	= VMEM_REC_BAD,
				.detail	= VMEM_BAD_RESERVED,
				.space	= walk->space,
				.va	= base + i * page,
				.path	= cursor->path,
			};
			rec.len = page;
			rec.entry = entry;
			if (!vmem_walk_report(fmt, ops, ctx, walk, sink, &rec))
				break;
		}
		i++;
	}
	walk->va = base + min(i, end - 1) * page;
	return i == end;
}

/*
 * The entry that walk->va is in, of a table above level 0.
 * Return: as vmem_walk_enter(); VMEM_REPORTED also where nothing was.
 */
static __always_inline enum vmem_enter
vmem_walk_entry(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		void *ctx, const struct vmem_facts *facts,
		struct vmem_walk *walk, struct vmem_sink *sink,
		struct vmem_cursor *cursor, bool moved, int *ret)
{
	unsigned int level = cursor->level;
	u64 entry = vmem_read(cursor->host[level],
			      vmem_index(fmt, walk->va, level));
	enum vmem_class class = fmt->classify(facts, entry, level);
	vmem_virt_t last = min(walk->va | vmem_entry_mask(fmt, level),
			       walk->last);
	u64 cmp = walk->flags & VMEM_WALK_IGNORE_AD ? ~fmt->ad : U64_MAX;
	struct vmem_space_aware_mapping rec = {
		.level	= level,
		.space	= walk->space,
		.va	= walk->va,
		.path	= cursor->path,
	};
	struct vmem_run *run = &walk->run;
	enum vmem_enter entered;
	vmem_table_t table;
	vmem_pte_t *host;
	bool known;

	rec.len = last - walk->va + 1;
	rec.entry = entry;
	switch (class) {
	case VMEM_CLASS_NONE:
		if (walk->flags & VMEM_WALK_HOLES &&
		    !vmem_run_hole(fmt, ops, ctx, walk, sink, walk->va, rec.len,
				   level, cursor->path))
			return VMEM_FULL;
		return VMEM_REPORTED;

	case VMEM_CLASS_LEAF:
		if (vmem_run_adjoins(run, walk->va, level, cursor->path, false) &&
		    run->expect && !((run->expect ^ entry) & cmp)) {
			run->len += rec.len;
			run->expect = vmem_entry_after(facts, run->expect,
						       vmem_entry_mask(fmt, level) + 1);
			walk->leaves++;
			return VMEM_REPORTED;
		}
		if (!vmem_run_leaf(fmt, ops, ctx, facts, walk, sink, entry,
				   walk->va, rec.len, level, cursor->path))
			return VMEM_FULL;
		return VMEM_REPORTED;

	case VMEM_CLASS_TABLE:
		table = vmem_table(fmt->entry_phys(facts, entry, level, class));
		known = walk->low < level && walk->tables[level - 1] == table;
		if (!known && moved && ops->pause(ctx)) {
			*ret = VMEM_PAUSE;
			return VMEM_STOPPED;
		}
		rec.path |= vmem_nibble(level, fmt->table_perms(entry));
		entered = vmem_walk_enter(fmt, ops, ctx, walk, sink, table,
					  level - 1, known, &rec, &host, ret);
		if (entered == VMEM_ENTERED)
			vmem_cursor_down(cursor, fmt->table_perms(entry), host);
		return entered;

	default:
		rec.type = VMEM_REC_BAD;
		rec.detail = class == VMEM_CLASS_LARGE ? VMEM_BAD_LARGE :
							 VMEM_BAD_RESERVED;
		if (!vmem_walk_report(fmt, ops, ctx, walk, sink, &rec))
			return VMEM_FULL;
		return VMEM_REPORTED;
	}
}

/* As vmem_walk_space(), but that the space is only spent, not left. */
static __always_inline int
vmem_walk_tables(const struct vmem_format *fmt,
		 const struct vmem_table_ops *ops, void *ctx,
		 const struct vmem_space *space, struct vmem_walk *walk,
		 struct vmem_sink *sink)
{
	struct vmem_cursor cursor = { .level = vmem_top(fmt) };
	struct vmem_space_aware_mapping root = {
		.level	= fmt->nr_levels,
		.space	= walk->space,
		.va	= walk->va,
	};
	enum vmem_enter entered;
	bool moved = false;
	int ret = 0;

	root.entry = vmem_table_gpa(space->root);
	if (walk->va > walk->last)
		return VMEM_NEXT_SPACE;
	entered = vmem_walk_enter(fmt, ops, ctx, walk, sink, space->root,
				  cursor.level,
				  walk->entered &&
				  walk->tables[cursor.level] == space->root,
				  &root, &cursor.host[cursor.level], &ret);
	if (entered == VMEM_REPORTED)
		return VMEM_NEXT_SPACE;
	if (entered != VMEM_ENTERED)
		return ret;
	walk->entered = true;

	for (;;) {
		if (cursor.level == 0) {
			moved = true;
			if (!vmem_walk_leaves(fmt, ops, ctx, &space->facts,
					      walk, sink, &cursor))
				return 0;
			entered = VMEM_REPORTED;
		} else {
			entered = vmem_walk_entry(fmt, ops, ctx, &space->facts,
						  walk, sink, &cursor, moved,
						  &ret);
		}
		switch (entered) {
		case VMEM_ENTERED:
			break;
		case VMEM_REPORTED:
			moved = true;
			if (!vmem_walk_behind(fmt, walk, &cursor))
				return VMEM_NEXT_SPACE;
			break;
		case VMEM_FULL:
			return 0;
		case VMEM_STOPPED:
			return ret;
		}
	}
}

static __always_inline void
vmem_walk_init(const struct vmem_format *fmt, struct vmem_walk *walk,
	       vmem_virt_t first, vmem_virt_t last, u32 flags, u64 budget,
	       struct vmem_seen *seen)
{
	u64 page = BIT_ULL(fmt->page_lg2) - 1;

	*walk = (struct vmem_walk){
		.first	= first & ~page,
		.last	= last | page,
		.flags	= flags,
		.budget	= budget,
		.seen	= seen,
		.va	= vmem_canonical_from(fmt, first & ~page),
		.low	= fmt->nr_levels,
	};
}

static __always_inline int
vmem_walk_space(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
		void *ctx, const struct vmem_space *space,
		struct vmem_walk *walk, struct vmem_space_aware_mapping *out,
		u32 max, u32 *nr)
{
	struct vmem_sink sink = { .out = out, .max = max, .nr = *nr };
	int ret = VMEM_NEXT_SPACE;

	if (!walk->spent && !walk->ending)
		ret = vmem_walk_tables(fmt, ops, ctx, space, walk, &sink);
	if (ret == VMEM_NEXT_SPACE && !walk->ending) {
		walk->spent = true;
		if (vmem_run_flush(fmt, ops, ctx, walk, &sink)) {
			walk->spent = false;
			walk->entered = false;
			walk->space++;
			walk->low = fmt->nr_levels;
			walk->va = vmem_canonical_from(fmt, walk->first);
		} else {
			ret = 0;
		}
	}
	*nr = sink.nr;
	return ret;
}

static __always_inline void vmem_walk_stop(struct vmem_walk *walk,
					   enum vmem_end end)
{
	walk->ending = true;
	walk->end = end;
}

static __always_inline void
vmem_walk_end(const struct vmem_format *fmt, const struct vmem_table_ops *ops,
	      void *ctx, struct vmem_walk *walk,
	      struct vmem_space_aware_mapping *out, u32 max, u32 *nr)
{
	struct vmem_sink sink = { .out = out, .max = max, .nr = *nr };
	struct vmem_space_aware_mapping *rec;

	walk->ending = true;
	if (vmem_run_flush(fmt, ops, ctx, walk, &sink) && sink.nr < max) {
		rec = vmem_sink_next(&sink);
		*rec = (struct vmem_space_aware_mapping){
			.type	= VMEM_REC_END,
			.detail	= walk->end,
			.space	= walk->space,
			.va	= walk->va,
		};
		rec->gpa = walk->leaves;
		rec->len = walk->refs;
		rec->entry = walk->bad;
		walk->finished = true;
	}
	*nr = sink.nr;
}

static __always_inline int
vmem_walk_va_spaces(const struct vmem_format *fmt,
		    const struct vmem_table_ops *ops, void *ctx,
		    const struct vmem_space *spaces, u32 nr_spaces,
		    struct vmem_walk *walk,
		    struct vmem_space_aware_mapping *out, u32 max, u32 *nr)
{
	int ret;

	while (!walk->ending && walk->space < nr_spaces) {
		ret = vmem_walk_space(fmt, ops, ctx, &spaces[walk->space], walk,
				      out, max, nr);
		if (ret != VMEM_NEXT_SPACE)
			return ret;
	}
	if (!walk->finished)
		vmem_walk_end(fmt, ops, ctx, walk, out, max, nr);
	return 0;
}

static __always_inline int
vmem_virt_to_phys(const struct vmem_format *fmt,
		  const struct vmem_table_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_walk *walk,
		  struct vmem_space_aware_mapping *out)
{
	u32 nr = 0;

	return vmem_walk_va_spaces(fmt, ops, ctx, space, 1, walk, out, 1, &nr);
}

#endif /* _VMEM_SPACES_H */
