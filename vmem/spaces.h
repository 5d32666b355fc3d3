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

/* A place in a walk; host addresses are good in this piece. */
struct vmem_cursor {
	vmem_pte_t *host[VMEM_LEVELS_MAX];
	u32 granted[VMEM_LEVELS_MAX]; /* R, W, X, U by the entries above */
	u32 path;		/* the same, level by level */
	unsigned int level;	/* of the table in hand; nr_levels: none yet */
};

/* What is to be done about the entries in hand. */
enum vmem_step {
	VMEM_STEP_BEHIND,	/* nothing more: go on behind them */
	VMEM_STEP_DOWN,		/* enter a table; or: it is entered */
	VMEM_STEP_FLUSH,	/* look again when the run was given */
	VMEM_STEP_REPORT,	/* give a record */
	VMEM_STEP_STOP,		/* return */
};

/*
 * How much of the run, from its begin, is to be one record: leaves that all are
 * memory, or none of them; or the part of one leaf up to where memory begins or
 * ends in it.
 */
static __always_inline u64 vmem_run_same(const struct vmem_env *e,
					 const struct vmem_run *run, u8 *flags)
{
	u64 mask = vmem_entry_mask(e->fmt, run->level), same, whole;

	*flags = e->read->in_memory(e->ctx, run->gpa, run->len, &same) ?
		 0 : VMEM_FRAME_OUTSIDE;
	if (run->part) {
		same = min(same, (run->gpa | mask) + 1 - run->gpa);
	} else if (same < run->len) {
		whole = ((run->gpa + same) & ~mask) - run->gpa;
		/* at most @same, unless that leaf is the first one */
		if (whole - 1 < same)
			return whole;
	} else {
		return run->len;
	}
	*flags |= VMEM_FRAME_PART;
	return min(same, run->len);
}

/* Give @len bytes of what was gathered. */
static __always_inline void
vmem_run_give(const struct vmem_format *fmt, struct vmem_run *run,
	      vmem_space_id_t space, struct vmem_sink *sink, u64 len, u8 flags)
{
	struct vmem_space_aware_mapping *rec = &sink->out[sink->nr++];
	enum vmem_record_type type = run->type;
	unsigned int level = run->level;

	rec->type = type;
	rec->level = level;
	rec->detail = type == VMEM_REC_MAPPING ? vmem_entry_lg2(fmt, level) : 0;
	rec->flags = flags;
	rec->space = space;
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
 * Give the run, which isn't a part, if it is one record. Return: whether it was
 * given.
 */
static __always_inline bool vmem_run_quick(const struct vmem_env *e,
					   struct vmem_walk *walk,
					   struct vmem_sink *sink)
{
	struct vmem_run *run = &walk->run;
	bool inside;
	u64 same;

	if (unlikely(!run->len))
		return true;
	if (run->type != VMEM_REC_MAPPING || sink->nr == sink->max)
		return false;
	inside = e->read->in_memory(e->ctx, run->gpa, run->len, &same);
	if (same < run->len)
		return false;
	vmem_run_give(e->fmt, run, walk->space, sink, run->len,
		      inside ? 0 : VMEM_FRAME_OUTSIDE);
	return true;
}

/* Give what was gathered. Return: whether there was room for all of it. */
static __always_inline bool vmem_run_flush(const struct vmem_env *e,
					   struct vmem_walk *walk,
					   struct vmem_sink *sink)
{
	struct vmem_run *run = &walk->run;
	u64 mask = vmem_entry_mask(e->fmt, run->level), len;
	u8 flags = 0;

	run->expect = 0;
	while (run->len) {
		if (sink->nr == sink->max)
			return false;
		len = run->type == VMEM_REC_MAPPING ?
		      vmem_run_same(e, run, &flags) : run->len;
		vmem_run_give(e->fmt, run, walk->space, sink, len, flags);
		run->part = false;
		if (!run->len)
			break;
		/* a part remains: its first leaf */
		run->entry += ((run->gpa + len) & ~mask) - (run->gpa & ~mask);
		run->gpa += len;
		run->part = run->gpa & mask;
	}
	return true;
}

/* The entry of the leaf behind @entry, 0 when no leaf can follow. */
static __always_inline u64 vmem_entry_after(const struct vmem_env *e, u64 entry,
					    u64 bytes)
{
	u64 next = entry + bytes;

	return (next ^ entry) & ~e->facts->addr ? 0 : next;
}

/* Does the run end where @va begins, in a table of this level and path? */
static __always_inline bool
vmem_run_adjoins(const struct vmem_run *run, vmem_virt_t va,
		 const struct vmem_cursor *cursor, enum vmem_record_type type)
{
	return run->len && run->type == type && run->level == cursor->level &&
	       run->path == cursor->path && run->va + run->len == va;
}

/* A leaf: begin a run with it. The last one was given. */
static __always_inline void
vmem_run_leaf(const struct vmem_env *e, struct vmem_walk *walk,
	      const struct vmem_cursor *cursor, u64 entry, vmem_virt_t va,
	      u64 len)
{
	u64 mask = vmem_entry_mask(e->fmt, cursor->level);
	vmem_phys_t gpa = vmem_leaf_phys(e, entry, cursor->level) | (va & mask);
	u64 expect = vmem_entry_after(e, entry, mask + 1);
	struct vmem_run *run = &walk->run;
	u32 effective;

	/*
	 * Attributes are mostly those of the leaf before. What was gathered for
	 * a hole isn't present.
	 */
	if ((entry ^ run->entry) & ~(e->facts->addr & ~mask) ||
	    run->level != cursor->level || run->path != cursor->path) {
		run->level = cursor->level;
		run->path = cursor->path;
		run->type = VMEM_REC_MAPPING;
		run->leaf = vmem_leaf_attrs(e, entry, cursor->level,
					    cursor->granted[cursor->level],
					    &effective);
		run->effective = effective;
	}
	run->va = va;
	run->len = len;
	run->gpa = gpa;
	run->entry = entry;
	run->expect = expect;
	if (unlikely(walk->flags & VMEM_WALK_LEAVES))
		run->expect = 0;
	walk->leaves++;
}

/* Bits that make of an entry that isn't present more than a hole. */
static __always_inline u64 vmem_walk_held(const struct vmem_walk *walk,
					  u64 entry)
{
	return walk->flags & VMEM_WALK_NONPRESENT ? entry : 0;
}

/*
 * A hole of @len bytes, or if it isn't 0 entries @held that aren't present: it
 * makes a run of the same longer, or begins one.
 */
static inline enum vmem_step
vmem_run_hole(struct vmem_walk *walk, const struct vmem_cursor *cursor,
	      vmem_virt_t va, u64 len, u64 held)
{
	enum vmem_record_type type = held ? VMEM_REC_NONPRESENT : VMEM_REC_HOLE;
	struct vmem_run *run = &walk->run;

	if (!held && !(walk->flags & VMEM_WALK_HOLES))
		return VMEM_STEP_BEHIND;
	if (vmem_run_adjoins(run, va, cursor, type) && run->entry == held) {
		run->len += len;
		return VMEM_STEP_BEHIND;
	}
	if (run->len)
		return VMEM_STEP_FLUSH;
	*run = (struct vmem_run){
		.va = va, .len = len, .entry = held, .type = type,
		.path = cursor->path, .level = cursor->level,
	};
	return VMEM_STEP_BEHIND;
}

/*
 * The bits of a leaf that must be those of the run. Where it means a shadow
 * stack, D is more than dirty.
 */
static __always_inline u64 vmem_run_cmp(const struct vmem_env *e,
					const struct vmem_walk *walk)
{
	u64 ad = e->fmt->ad;

	if (!(walk->flags & VMEM_WALK_IGNORE_AD))
		return U64_MAX;
	if (!(walk->run.entry & e->fmt->writable))
		ad &= ~e->facts->shadow;
	return ~ad;
}

/*
 * Where the entries from @i on, before @end, end to be what is gathered: not
 * present, or all @held.
 */
static __always_inline unsigned int
vmem_hole_end(const struct vmem_walk *walk, const vmem_pte_t *host,
	      unsigned int i, unsigned int end, u64 held, u64 present)
{
	u64 bits = walk->flags & VMEM_WALK_NONPRESENT ? U64_MAX : present;

	while (held && i < end && vmem_read(host, i) == held)
		i++;
	while (!held && i + 8 <= end && !(vmem_eight_or(host, i) & bits))
		i += 8;
	return i;
}

/* Are these eight entries, from @i on, what follows @expect? */
static __always_inline bool
vmem_eight_follow(const vmem_pte_t *host, unsigned int i, u64 expect, u64 page,
		  u64 cmp)
{
	u64 diff;

	host += i;
	diff = vmem_read(host, 0) ^ expect;
	diff |= vmem_read(host, 1) ^ (expect + page);
	diff |= vmem_read(host, 2) ^ (expect + 2 * page);
	diff |= vmem_read(host, 3) ^ (expect + 3 * page);
	diff |= vmem_read(host, 4) ^ (expect + 4 * page);
	diff |= vmem_read(host, 5) ^ (expect + 5 * page);
	diff |= vmem_read(host, 6) ^ (expect + 6 * page);
	diff |= vmem_read(host, 7) ^ (expect + 7 * page);
	return !(diff & cmp);
}

/*
 * The entries of a table of level 0, from walk->va on to the end of the table
 * or of the range. walk->va is then in the last entry that was dealt with, or
 * in the one that something is to be done about.
 */
static __always_inline enum vmem_step
vmem_walk_leaves(const struct vmem_env *e, struct vmem_walk *walk,
		 struct vmem_sink *sink, const struct vmem_cursor *cursor,
		 struct vmem_space_aware_mapping *rec)
{
	vmem_virt_t base = walk->va & ~vmem_table_mask(e->fmt, 0);
	vmem_virt_t last = min(walk->last, base | vmem_table_mask(e->fmt, 0));
	u64 cmp = vmem_run_cmp(e, walk), held;
	unsigned int i = vmem_index(e->fmt, walk->va, 0), from;
	unsigned int end = vmem_index(e->fmt, last, 0) + 1;
	enum vmem_step step = VMEM_STEP_BEHIND;
	const u64 page = BIT_ULL(e->fmt->page_lg2);
	const vmem_pte_t *host = cursor->host[0];
	struct vmem_run *run = &walk->run;
	u64 entry, expect = 0;

	if (vmem_run_adjoins(run, base + i * page, cursor, VMEM_REC_MAPPING))
		expect = run->expect;
	while (i < end) {
		entry = vmem_read(host, i);
		from = i;
		if (likely(expect && !((entry ^ expect) & cmp))) {
			i++;
			/* looked at only after a match, and where none can wrap */
			if (vmem_entry_after(e, expect, (end - from) * page)) {
				expect += page;
				while (i + 8 <= end &&
				       vmem_eight_follow(host, i, expect, page, cmp)) {
					expect += 8 * page;
					i += 8;
				}
			} else {
				expect = vmem_entry_after(e, expect, page);
			}
			run->len += (i - from) * page;
			walk->leaves += i - from;
			continue;
		}
		expect = 0;
		if (!(entry & e->fmt->present)) {
			held = vmem_walk_held(walk, entry);
			i = vmem_hole_end(walk, host, i + 1, end, held,
					  e->fmt->present);
			run->expect = 0;
			step = vmem_run_hole(walk, cursor, base + from * page,
					     (i - from) * page, held);
		} else if (unlikely(vmem_classify(e, entry, 0) != VMEM_CLASS_LEAF)) {
			rec->type = VMEM_REC_BAD;
			rec->detail = VMEM_BAD_RESERVED;
			rec->va = base + i * page;
			rec->len = page;
			rec->entry = entry;
			step = VMEM_STEP_REPORT;
		} else if (likely(vmem_run_quick(e, walk, sink))) {
			vmem_run_leaf(e, walk, cursor, entry, base + i * page,
				      page);
			expect = run->expect;
			if (unlikely(cmp != U64_MAX))
				cmp = vmem_run_cmp(e, walk);
			i++;
		} else {
			step = VMEM_STEP_FLUSH;
		}
		if (step != VMEM_STEP_BEHIND) {
			walk->va = base + from * page;
			return step;
		}
	}
	run->expect = expect;
	walk->va = base + (end - 1) * page;
	return VMEM_STEP_BEHIND;
}

/*
 * With VMEM_WALK_LEAVES, as vmem_walk_leaves() but for what is odd: a record for
 * each leaf, up to one that is malformed or memory in part, a hole that is told,
 * or the end of the room. Nothing was gathered, or is. Return: whether all of the
 * table is done.
 */
static __always_inline bool
vmem_walk_each(const struct vmem_env *e, struct vmem_walk *walk,
	       struct vmem_sink *sink, const struct vmem_cursor *cursor)
{
	struct vmem_run run = { .type = VMEM_REC_MAPPING, .path = cursor->path };
	u64 page = BIT_ULL(e->fmt->page_lg2), entry, same;
	vmem_virt_t va = walk->va & ~(page - 1);
	u64 skips = walk->flags & (VMEM_WALK_HOLES | VMEM_WALK_NONPRESENT) ?
		    0 : e->fmt->present;
	vmem_virt_t last = min(walk->last, walk->va | vmem_table_mask(e->fmt, 0));
	unsigned int i = vmem_index(e->fmt, walk->va, 0);
	unsigned int end = vmem_index(e->fmt, last, 0) + 1;
	u32 effective;
	bool inside;

	for (; i < end; i++, va += page) {
		entry = vmem_read(cursor->host[0], i);
		if (~entry & skips)
			continue;
		if (vmem_classify(e, entry, 0) != VMEM_CLASS_LEAF ||
		    sink->nr == sink->max)
			break;
		run.gpa = vmem_leaf_phys(e, entry, 0);
		inside = e->read->in_memory(e->ctx, run.gpa, page, &same);
		if (same < page)
			break;
		/* attributes are mostly those of the leaf before */
		if ((entry ^ run.entry) & ~e->facts->addr) {
			run.leaf = vmem_leaf_attrs(e, entry, 0, cursor->granted[0],
						   &effective);
			run.effective = effective;
		}
		run.entry = entry;
		run.va = va;
		vmem_run_give(e->fmt, &run, walk->space, sink, page,
			      inside ? 0 : VMEM_FRAME_OUTSIDE);
		walk->leaves++;
	}
	walk->va = i < end ? va : va - page;
	return i == end;
}

/* The entry that walk->va is in, of a table above level 0. */
static __always_inline enum vmem_step
vmem_walk_entry(const struct vmem_env *e, struct vmem_walk *walk,
		const struct vmem_cursor *cursor,
		struct vmem_space_aware_mapping *rec, u32 *granted)
{
	unsigned int level = cursor->level;
	u64 entry = vmem_read(cursor->host[level],
			      vmem_index(e->fmt, walk->va, level));
	u64 mask = vmem_entry_mask(e->fmt, level);
	struct vmem_run *run = &walk->run;
	u32 perms;

	rec->len = min(walk->va | mask, walk->last) - walk->va + 1;
	rec->entry = entry;
	switch (vmem_classify(e, entry, level)) {
	case VMEM_CLASS_NONE:
		return vmem_run_hole(walk, cursor, walk->va, rec->len,
				     vmem_walk_held(walk, entry));
	case VMEM_CLASS_LEAF:
		if (vmem_run_adjoins(run, walk->va, cursor, VMEM_REC_MAPPING) &&
		    run->expect &&
		    !((run->expect ^ entry) & vmem_run_cmp(e, walk))) {
			run->len += rec->len;
			run->expect = vmem_entry_after(e, run->expect, mask + 1);
			walk->leaves++;
			return VMEM_STEP_BEHIND;
		}
		if (run->len)
			return VMEM_STEP_FLUSH;
		vmem_run_leaf(e, walk, cursor, entry, walk->va, rec->len);
		return VMEM_STEP_BEHIND;
	case VMEM_CLASS_TABLE:
		perms = vmem_table_perms(e, entry);
		*granted &= perms;
		rec->path |= vmem_nibble(level, perms);
		rec->gpa = vmem_table_gpa(vmem_entry_table(e, entry, level));
		return VMEM_STEP_DOWN;
	case VMEM_CLASS_LARGE:
		rec->type = VMEM_REC_BAD;
		rec->detail = VMEM_BAD_LARGE;
		return VMEM_STEP_REPORT;
	case VMEM_CLASS_RESERVED:
		break;
	}
	rec->type = VMEM_REC_BAD;
	rec->detail = VMEM_BAD_RESERVED;
	return VMEM_STEP_REPORT;
}

/*
 * Will the walk cover the whole span of a table, which begins at @base? Not one
 * that replaced another while the walk was in the midst of it.
 */
static __always_inline bool
vmem_walk_covers(const struct vmem_format *fmt, const struct vmem_walk *walk,
		 vmem_virt_t base, unsigned int level)
{
	if (walk->va != base)
		return false;
	if (level == vmem_top(fmt))
		return walk->last == U64_MAX;
	return (base | vmem_table_mask(fmt, level)) <= walk->last;
}

/*
 * Enter the table that @rec is about, of @level, or say in @rec why not.
 * @moved: something was done since the piece began.
 */
static __always_inline enum vmem_step
vmem_walk_enter(const struct vmem_env *e, struct vmem_walk *walk,
		unsigned int level, bool moved,
		struct vmem_space_aware_mapping *rec, vmem_pte_t **host,
		int *ret)
{
	vmem_virt_t base = level == vmem_top(e->fmt) ? 0 :
			   walk->va & ~vmem_table_mask(e->fmt, level);
	vmem_table_t table = vmem_table(rec->gpa);
	/* what is seen by a vCPU that reads it alike */
	vmem_table_t seen = vmem_table(rec->gpa | e->facts->alike);
	bool known = walk->low <= level && walk->tables[level] == table;
	vmem_space_id_t owner;
	vmem_virt_t their_va;
	bool remember = !known && !(walk->flags & VMEM_WALK_FOLLOW) &&
			vmem_walk_covers(e->fmt, walk, base, level);

	if (!known && moved && e->read->pause(e->ctx, 1)) {
		*ret = VMEM_PAUSE;
		return VMEM_STEP_STOP;
	}
	if (remember && vmem_seen_find(walk->seen, seen, level, &owner,
				       &their_va)) {
		rec->type = VMEM_REC_REFERENCE;
		rec->detail = vmem_top(e->fmt) - level;
		rec->va = base;
		rec->ref.their_va = their_va;
		rec->ref.span = vmem_table_mask(e->fmt, level) + 1;
		rec->ref.owner = owner;
		return VMEM_STEP_REPORT;
	}
	if (!known && !walk->budget) {
		vmem_walk_stop(walk, VMEM_END_BUDGET);
		*ret = VMEM_NEXT_SPACE;
		return VMEM_STEP_STOP;
	}

	*ret = e->read->from_phys(e->ctx, table, VMEM_READ, host);
	if (*ret == VMEM_OUTSIDE) {
		rec->type = VMEM_REC_BAD;
		rec->detail = VMEM_BAD_OUTSIDE;
		return VMEM_STEP_REPORT;
	}
	if (*ret == VMEM_ABSENT && walk->flags & VMEM_WALK_RESIDENT_ONLY) {
		rec->type = VMEM_REC_ABSENT;
		return VMEM_STEP_REPORT;
	}
	if (!*ret && remember)
		*ret = vmem_seen_add(walk->seen, seen, level, walk->space,
				     base);
	if (*ret)
		return VMEM_STEP_STOP;
	if (!known) {
		walk->budget--;
		walk->tables[level] = table;
		walk->low = level;
	}
	return VMEM_STEP_DOWN;
}

/* Go on behind the entry that walk->va is in. Return: is there more? */
static __always_inline bool vmem_walk_behind(const struct vmem_format *fmt,
					     struct vmem_walk *walk,
					     struct vmem_cursor *cursor)
{
	vmem_virt_t last;

	if (cursor->level == fmt->nr_levels)
		return false;
	last = walk->va | vmem_entry_mask(fmt, cursor->level);
	if (last >= walk->last)
		return false;
	walk->va = vmem_canonical_from(fmt, last + 1);
	if (walk->va > walk->last)
		return false;
	while (cursor->level < vmem_top(fmt) &&
	       !(walk->va & vmem_table_mask(fmt, cursor->level))) {
		cursor->level++;
		cursor->path &= ~vmem_nibble(cursor->level, VMEM_RWXU);
	}
	if (walk->low < cursor->level)
		walk->low = cursor->level;
	return true;
}

/* The walk is begun, or is in its next space. */
static __always_inline void vmem_walk_begin(const struct vmem_format *fmt,
					    struct vmem_walk *walk)
{
	walk->va = vmem_canonical_from(fmt, walk->first);
	walk->low = fmt->nr_levels;
	walk->spent = walk->va > walk->last;
	/* no leaf is like the last one of another space: its facts differ */
	walk->run.entry = 0;
}

/* Bytes of the range that are left: in whole pages, what 64 bits hold. */
static __always_inline u64 vmem_walk_rest(const struct vmem_format *fmt,
					  const struct vmem_walk *walk)
{
	return (walk->last - walk->va + 1) ?: -BIT_ULL(fmt->page_lg2);
}

static __always_inline int
vmem_walk_tables(const struct vmem_env *e, const struct vmem_space *space,
		 struct vmem_walk *walk, struct vmem_sink *sink)
{
	struct vmem_cursor cursor = { .level = e->fmt->nr_levels };
	/* a leaf of which a part was given is given whole first */
	bool flush = walk->spent || walk->run.part, report = false, moved = false;
	struct vmem_space_aware_mapping rec;
	enum vmem_step step;
	vmem_pte_t *host;
	u32 granted;
	int ret = 0;

	for (;;) {
		if (flush) {
			if (!vmem_run_flush(e, walk, sink))
				return 0;
			if (walk->spent && !report)
				return VMEM_NEXT_SPACE;
			if (sink->nr == sink->max)
				return 0;
			flush = false;
		}
		if (report) {
			sink->out[sink->nr++] = rec;
			walk->bad += rec.type == VMEM_REC_BAD;
			walk->refs += rec.type == VMEM_REC_REFERENCE;
			report = false;
			step = VMEM_STEP_BEHIND;
			goto behind;
		}

		rec = (struct vmem_space_aware_mapping){
			.va = walk->va, .space = walk->space,
			.path = cursor.path, .level = cursor.level,
		};
		granted = cursor.level == e->fmt->nr_levels ?
			  VMEM_RWXU : cursor.granted[cursor.level];
		if (cursor.level == e->fmt->nr_levels) {
			rec.gpa = vmem_table_gpa(space->root);
			rec.len = vmem_walk_rest(e->fmt, walk);
			rec.entry = rec.gpa;
			step = VMEM_STEP_DOWN;
		} else if (cursor.level) {
			step = vmem_walk_entry(e, walk, &cursor, &rec, &granted);
		} else {
			moved = true;
			step = VMEM_STEP_BEHIND;
			if (!(walk->flags & VMEM_WALK_LEAVES) ||
			    !vmem_run_quick(e, walk, sink) ||
			    !vmem_walk_each(e, walk, sink, &cursor))
				step = vmem_walk_leaves(e, walk, sink, &cursor,
							&rec);
		}
		if (step == VMEM_STEP_DOWN)
			step = vmem_walk_enter(e, walk, cursor.level - 1, moved,
					       &rec, &host, &ret);
behind:
		switch (step) {
		case VMEM_STEP_DOWN:
			cursor.path = rec.path;
			cursor.host[--cursor.level] = host;
			cursor.granted[cursor.level] = granted;
			break;
		case VMEM_STEP_BEHIND:
			moved = true;
			walk->spent = !vmem_walk_behind(e->fmt, walk, &cursor);
			flush = walk->spent;
			break;
		case VMEM_STEP_REPORT:
			report = true;
			flush = true;
			break;
		case VMEM_STEP_FLUSH:
			flush = true;
			break;
		case VMEM_STEP_STOP:
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
		.first	= first <= last ? first & ~page : U64_MAX,
		.last	= first <= last ? last | page : 0,
		.flags = flags, .budget = budget, .seen = seen,
	};
	vmem_walk_begin(fmt, walk);
}

static __always_inline int
vmem_walk_space(const struct vmem_format *fmt, const struct vmem_table_read_ops *ops,
		void *ctx, const struct vmem_space *space,
		struct vmem_walk *walk, struct vmem_space_aware_mapping *out,
		u32 max, u32 *nr)
{
	const struct vmem_env e = { fmt, ops, ctx, &space->facts, NULL, NULL };
	struct vmem_sink sink = { .out = out, .max = max, .nr = *nr };
	int ret = VMEM_NEXT_SPACE;

	if (!walk->ending)
		ret = vmem_walk_tables(&e, space, walk, &sink);
	if (ret == VMEM_NEXT_SPACE && !walk->ending) {
		walk->space++;
		vmem_walk_begin(fmt, walk);
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
vmem_walk_end(const struct vmem_format *fmt, const struct vmem_table_read_ops *ops,
	      void *ctx, struct vmem_walk *walk,
	      struct vmem_space_aware_mapping *out, u32 max, u32 *nr)
{
	const struct vmem_env e = { fmt, ops, ctx, NULL, NULL, NULL };
	struct vmem_sink sink = { .out = out, .max = max, .nr = *nr };

	walk->ending = true;
	if (vmem_run_flush(&e, walk, &sink) && sink.nr < max) {
		out[sink.nr] = (struct vmem_space_aware_mapping){
			.type = VMEM_REC_END, .detail = walk->end,
			.space = walk->space, .va = walk->va,
		};
		out[sink.nr].gpa = walk->leaves;
		out[sink.nr].len = walk->refs;
		out[sink.nr].entry = walk->bad;
		sink.nr++;
		walk->finished = true;
	}
	*nr = sink.nr;
}

static __always_inline int
vmem_walk_va_spaces(const struct vmem_format *fmt,
		    const struct vmem_table_read_ops *ops, void *ctx,
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
		  const struct vmem_table_read_ops *ops, void *ctx,
		  const struct vmem_space *space, struct vmem_walk *walk,
		  struct vmem_space_aware_mapping *out)
{
	u32 nr = 0;

	return vmem_walk_va_spaces(fmt, ops, ctx, space, 1, walk, out, 1, &nr);
}

#endif /* _VMEM_SPACES_H */
