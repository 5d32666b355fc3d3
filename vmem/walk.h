/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Walks: of one space or of many together, by pull. A walk keeps its place as
 * addresses only, so that it can be stopped anywhere and resumed when the
 * tables have changed; it goes down again from the root, and takes a table for
 * one that it has entered before when it is the one that it was in.
 *
 * What a walk gathers (an extent or a hole) is kept in walk->run until it
 * can't grow. A record is given only after it. An extent is all memory, or none of
 * it is: whether is asked when it begins, and where the answer ends it ends.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_WALK_H
#define _VMEM_WALK_H

#include <linux/minmax.h>

#include "cursor.h"
#include "seen.h"

/* Where the records go. */
struct vmem_sink {
	struct vmem_space_aware_mapping *out;
	u32 max;
	u32 nr;
};

/* A place in a walk; host addresses are good in this piece, as is what is known. */
struct vmem_cursor {
	vmem_pte_t *host[VMEM_LEVELS_MAX];
	u32 granted[VMEM_LEVELS_MAX]; /* R, W, X, U by the entries above */
	u32 path;		/* the same, level by level */
	unsigned int level;	/* of the table in hand; nr_levels: none yet */
	u64 room;		/* of the run: bytes that are known to be alike */
	bool moved;		/* something was done since the piece began */
	/* what the entry in hand, or the root, gives, and grants to what is below */
	struct vmem_space_aware_mapping rec;
	u32 grants;
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

/* Give @len bytes of what was gathered. */
static __always_inline void
vmem_run_give(const struct vmem_env *e, struct vmem_run *run,
	      enum vmem_record_type type, unsigned int level, u64 len, u8 flags)
{
	struct vmem_space_aware_mapping *rec = &e->sink->out[e->sink->nr++];

	VMEM_ASSERT(len && e->sink->nr <= e->sink->max);
	rec->type = type;
	rec->level = level;
	rec->detail = type == VMEM_REC_MAPPING ? vmem_entry_lg2(e->fmt, level) : 0;
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
	u64 len;
	bool inside;

	run->expect = 0;
	while (unlikely(run->part) && run->len) {
		if (e->sink->nr == e->sink->max)
			return false;
		len = min(vmem_known(e, run->gpa, run->len, &inside), run->len);
		vmem_run_give(e, run, run->type, run->level, len,
			      VMEM_FRAME_PART | (inside ? 0 : VMEM_FRAME_OUTSIDE));
		run->gpa += len;
	}
	run->part = false;
	if (!run->len)
		return true;
	if (e->sink->nr == e->sink->max)
		return false;
	vmem_run_give(e, run, run->type, run->level, run->len, run->flags);
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

/* A leaf @steps behind @entry, 0 when none can follow. */
static __always_inline u64 vmem_entry_after(u64 entry, u64 steps, u64 end)
{
	return (entry & (end - 1)) + steps < end ? entry + steps : 0;
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
	u32 effective;
	bool inside;

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
					    &effective);
		run->effective = effective;
	}
	run->va = va;
	run->len = len;
	run->gpa = vmem_leaf_phys(e, entry, level) |
		   (va & vmem_entry_mask(e->fmt, level));
	run->entry = entry;
	run->expect = vmem_entry_after(entry, e->fmt->step(level),
				       vmem_leaf_end(e, level));
	e->cur->room = vmem_known(e, run->gpa, len, &inside);
	run->flags = inside ? 0 : VMEM_FRAME_OUTSIDE;
	if (unlikely(e->cur->room < len)) {
		run->part = true;
		run->expect = 0;
	}
}

/* Is there room for @len bytes more, which are as the rest is? */
static __always_inline bool vmem_run_goes_on(const struct vmem_env *e,
					     const struct vmem_run *run, u64 len)
{
	bool inside;
	u64 same;

	if (likely(e->cur->room >= run->len + len))
		return true;
	same = vmem_known(e, run->gpa + run->len, len, &inside);
	if (same < len || inside == !!(run->flags & VMEM_FRAME_OUTSIDE))
		return false;
	e->cur->room = run->len + same;
	return true;
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
	u64 ad = e->fmt->ad;

	if (!(e->walk->flags & VMEM_WALK_IGNORE_AD))
		return U64_MAX;
	if (!(entry & e->fmt->writable))
		ad &= ~e->facts->shadow;
	return ~ad;
}

/*
 * Where the entries from @i on, before @end, end to be what is gathered: not
 * present, or all @held.
 */
static __always_inline unsigned int
vmem_hole_end(const struct vmem_env *e, const vmem_pte_t *host, unsigned int i,
	      unsigned int end, u64 held)
{
	u64 bits = e->walk->flags & VMEM_WALK_NONPRESENT ? U64_MAX : e->fmt->present;

	while (held && i < end && vmem_read(host, i) == held)
		i++;
	while (!held && i + 8 <= end && !(vmem_eight_or(host, i) & bits))
		i += 8;
	return i;
}

/* The last address that the table in hand translates; a root may have two halves. */
static __always_inline vmem_virt_t vmem_walk_last(const struct vmem_env *e,
						  unsigned int level)
{
	vmem_virt_t last = e->walk->va | vmem_table_mask(e->fmt, level);

	if (level == vmem_top(e->facts) && e->walk->va < e->facts->gap.first)
		last = e->facts->gap.first - 1;
	return min(e->walk->last, last);
}

/*
 * The leaves from @i on that are @expect and what follows it, up to @end, eight at a
 * time. Return: where they end.
 */
static __always_inline unsigned int
vmem_walk_follow(const vmem_pte_t *host, unsigned int i, unsigned int end,
		 u64 expect, u64 step, u64 cmp)
{
	const vmem_pte_t *at;
	u64 diff;

	for (; i + 8 <= end; i += 8, expect += 8 * step) {
		at = host + i;
		diff = vmem_read(at, 0) ^ expect;
		diff |= vmem_read(at, 1) ^ (expect + step);
		diff |= vmem_read(at, 2) ^ (expect + 2 * step);
		diff |= vmem_read(at, 3) ^ (expect + 3 * step);
		diff |= vmem_read(at, 4) ^ (expect + 4 * step);
		diff |= vmem_read(at, 5) ^ (expect + 5 * step);
		diff |= vmem_read(at, 6) ^ (expect + 6 * step);
		diff |= vmem_read(at, 7) ^ (expect + 7 * step);
		if (diff & cmp)
			break;
	}
	return i;
}

/*
 * The entries of the table in hand, from walk->va on to its end, to that of the
 * range, or to one that names a table. walk->va is then in the last entry that was
 * dealt with, or in the one that something is to be done about.
 */
static __always_inline enum vmem_step
vmem_walk_run(const struct vmem_env *e, const unsigned int level)
{
	const unsigned int lg2 = vmem_entry_lg2(e->fmt, level);
	const u64 size = BIT_ULL(lg2), next = e->fmt->step(level);
	const u64 leaf_end = vmem_leaf_end(e, level);
	vmem_virt_t va = e->walk->va, base = va & ~vmem_table_mask(e->fmt, level);
	vmem_virt_t last = vmem_walk_last(e, level);
	unsigned int i = vmem_index(e->fmt, va, level), from = i, stop;
	const unsigned int end = vmem_index(e->fmt, last, level) + 1;
	const vmem_pte_t *host = e->cur->host[level];
	/* a copy, so that it is in registers as far as there are some */
	struct vmem_run run = e->walk->run;
	const u32 flags = e->walk->flags;
	bool plain = false;	/* what is gathered is leaves of this level */
	u64 cmp = vmem_run_cmp(e, run.entry), entry, expect = 0, held, len;
	enum vmem_step step = VMEM_STEP_BEHIND;
	enum vmem_class class;

	if (vmem_run_adjoins(e, &run, va, VMEM_REC_MAPPING))
		expect = run.expect;
	for (; i < end; va = base + i * size, from = i) {
		entry = vmem_read(host, i);
		len = level ? min(va | (size - 1), last) - va + 1 : size;
		if (likely(expect && !((entry ^ expect) & cmp) &&
			   vmem_run_goes_on(e, &run, len))) {
			i++;
			/* looked at only after a match, and where none can wrap */
			if (vmem_entry_after(expect, (end - from) * next, leaf_end)) {
				stop = min_t(u64, end, from +
					     ((e->cur->room - run.len) >> lg2));
				i = vmem_walk_follow(host, i, stop, expect + next,
						     next, cmp);
				expect += (i - from) * next;
			} else {
				expect = vmem_entry_after(expect, next, leaf_end);
			}
			run.len += (u64)(i - from) * size;
			/* of the last one the range may have a part */
			if (i == end)
				run.len -= ~last & (size - 1);
			e->walk->leaves += i - from;
			continue;
		}
		expect = 0;
		if (!(entry & e->fmt->present)) {
			plain = false;
			held = flags & VMEM_WALK_NONPRESENT ? entry : 0;
			i = vmem_hole_end(e, host, i + 1, end, held);
			len = min(base + (i * size - 1), last) - va + 1;
			step = vmem_run_hole(e, &run, va, len, held);
			if (step == VMEM_STEP_BEHIND)
				continue;
			break;
		}
		class = vmem_classify(e, entry, level);
		if (likely(class == VMEM_CLASS_LEAF)) {
			if (likely(plain && e->sink->nr < e->sink->max)) {
				vmem_run_give(e, &run, VMEM_REC_MAPPING, level,
					      run.len, run.flags);
			} else if (run.len) {
				step = VMEM_STEP_FLUSH;
				break;
			}
			vmem_run_begin(e, &run, level, entry, va, len);
			plain = !run.part;
			expect = unlikely(flags & VMEM_WALK_LEAVES) ? 0 : run.expect;
			if (unlikely(cmp != U64_MAX))
				cmp = vmem_run_cmp(e, entry);
			e->walk->leaves++;
			i++;
			continue;
		}
		e->cur->rec.va = va;
		e->cur->rec.len = len;
		e->cur->rec.entry = entry;
		step = VMEM_STEP_DOWN;
		if (class != VMEM_CLASS_TABLE) {
			e->cur->rec.detail = class == VMEM_CLASS_LARGE ?
				      VMEM_BAD_LARGE : VMEM_BAD_RESERVED;
			step = VMEM_STEP_REPORT;
		}
		break;
	}
	if (run.level == level)
		run.expect = expect;
	e->walk->run = run;
	e->walk->va = step == VMEM_STEP_BEHIND ? base + (end - 1) * size : va;
	return step;
}

/*
 * With VMEM_WALK_LEAVES, as vmem_walk_run() for a table of level 0 but for what is
 * odd: a record for each leaf, up to one that is malformed or memory in part, a hole
 * that is told, or the end of the room. Nothing was gathered, or is. Return: whether
 * all of the table is done.
 */
static __always_inline bool vmem_walk_each(const struct vmem_env *e)
{
	struct vmem_run run = { .type = VMEM_REC_MAPPING, .path = e->cur->path };
	u64 page = BIT_ULL(e->fmt->page_lg2), entry;
	vmem_virt_t va = e->walk->va & ~(page - 1);
	u64 skips = e->walk->flags & (VMEM_WALK_HOLES | VMEM_WALK_NONPRESENT) ?
		    0 : e->fmt->present;
	unsigned int i = vmem_index(e->fmt, e->walk->va, 0);
	unsigned int end = vmem_index(e->fmt, vmem_walk_last(e, 0), 0) + 1;

	for (; i < end; i++, va += page) {
		entry = vmem_read(e->cur->host[0], i);
		if (~entry & skips)
			continue;
		if (vmem_classify(e, entry, 0) != VMEM_CLASS_LEAF ||
		    e->sink->nr == e->sink->max)
			break;
		vmem_run_begin(e, &run, 0, entry, va, page);
		if (run.part)
			break;
		vmem_run_give(e, &run, VMEM_REC_MAPPING, 0, page, run.flags);
		e->walk->leaves++;
	}
	e->walk->va = i < end ? va : va - page;
	return i == end;
}

/* What is to be done next, and what is told of it. */
static __always_inline enum vmem_step
vmem_walk_look(const struct vmem_env *e, const struct vmem_space *space)
{
	struct vmem_space_aware_mapping *rec = &e->cur->rec;
	unsigned int level = e->cur->level;
	enum vmem_step step;
	u32 perms;

	*rec = (struct vmem_space_aware_mapping){
		.type = VMEM_REC_BAD, .va = e->walk->va, .space = e->walk->space,
		.path = e->cur->path, .level = level,
	};
	e->cur->grants = VMEM_RWXU;
	if (level == e->facts->nr_levels) {
		rec->gpa = vmem_table_gpa(space->root);
		/* in whole pages, what 64 bits hold */
		rec->len = (e->walk->last - e->walk->va + 1) ?:
			   -BIT_ULL(e->fmt->page_lg2);
		rec->entry = rec->gpa;
		return VMEM_STEP_DOWN;
	}
	if (!level && e->walk->flags & VMEM_WALK_LEAVES) {
		if (!e->walk->run.len && vmem_walk_each(e))
			return VMEM_STEP_BEHIND;
		/* a hole may go on in this table */
		if (e->walk->run.len && e->walk->run.type == VMEM_REC_MAPPING)
			return VMEM_STEP_FLUSH;
	}
	/* where it is a constant, the run is quicker */
	step = level ? vmem_walk_run(e, level) : vmem_walk_run(e, 0);
	if (step != VMEM_STEP_DOWN)
		return step;
	perms = vmem_table_perms(e, rec->entry);
	e->cur->grants = e->cur->granted[level] & perms;
	rec->path |= vmem_nibble(level, perms);
	rec->gpa = vmem_table_gpa(vmem_entry_table(e, rec->entry, level));
	return VMEM_STEP_DOWN;
}

/* Enter the table that the record in hand is about, or say in it why not. */
static __always_inline enum vmem_step
vmem_walk_enter(const struct vmem_env *e, int *ret)
{
	struct vmem_space_aware_mapping *rec = &e->cur->rec;
	unsigned int level = e->cur->level - 1;
	vmem_virt_t base = e->walk->va & ~vmem_table_mask(e->fmt, level);
	vmem_virt_t last = base | vmem_table_mask(e->fmt, level), their_va;
	vmem_table_t table = vmem_table(rec->gpa);
	/* what is seen by a vCPU that reads it alike */
	vmem_table_t seen = vmem_table(rec->gpa | e->facts->alike);
	bool known = e->walk->low <= level && e->walk->tables[level] == table;
	vmem_space_id_t owner;
	bool remember;
	vmem_pte_t *host;

	if (level == vmem_top(e->facts)) {
		base = vmem_virt_first(&e->facts->gap);
		last = vmem_virt_last(&e->facts->gap);
	}
	/*
	 * One whose whole span is walked: not one that replaced another while the
	 * walk was in the midst of it.
	 */
	remember = !known && !(e->walk->flags & VMEM_WALK_FOLLOW) &&
		   e->walk->va == base && last <= e->walk->last;
	if (!known && e->cur->moved && e->read->pause(e->ctx, 1)) {
		*ret = VMEM_PAUSE;
		return VMEM_STEP_STOP;
	}
	if (remember && vmem_seen_find(e->walk->seen, seen, level, &owner,
				       &their_va)) {
		rec->type = VMEM_REC_REFERENCE;
		rec->detail = vmem_top(e->facts) - level;
		rec->va = base;
		rec->ref.their_va = their_va;
		rec->ref.span = vmem_table_mask(e->fmt, level) + 1;
		rec->ref.owner = owner;
		return VMEM_STEP_REPORT;
	}
	if (!known && !e->walk->budget) {
		vmem_walk_stop(e->walk, VMEM_END_BUDGET);
		*ret = VMEM_NEXT_SPACE;
		return VMEM_STEP_STOP;
	}

	*ret = e->read->from_phys(e->ctx, table, VMEM_READ, &host);
	if (*ret == VMEM_OUTSIDE) {
		rec->type = VMEM_REC_BAD;
		rec->detail = VMEM_BAD_OUTSIDE;
		return VMEM_STEP_REPORT;
	}
	if (*ret == VMEM_ABSENT && e->walk->flags & VMEM_WALK_RESIDENT_ONLY) {
		rec->type = VMEM_REC_ABSENT;
		return VMEM_STEP_REPORT;
	}
	if (!*ret && remember)
		*ret = vmem_seen_add(e->walk->seen, seen, level, e->walk->space,
				     base);
	if (*ret)
		return VMEM_STEP_STOP;
	if (!known) {
		e->walk->budget--;
		e->walk->tables[level] = table;
		e->walk->low = level;
	}
	e->cur->path = rec->path;
	e->cur->host[level] = host;
	e->cur->granted[level] = e->cur->grants;
	e->cur->level = level;
	return VMEM_STEP_LOOK;
}

/* Go on behind the entry that walk->va is in. Return: is there more? */
static __always_inline bool vmem_walk_behind(const struct vmem_env *e)
{
	vmem_virt_t last;

	if (e->cur->level == e->facts->nr_levels)
		return false;
	last = e->walk->va | vmem_entry_mask(e->fmt, e->cur->level);
	if (last >= e->walk->last)
		return false;
	last++;
	if (!vmem_canonical_from(&e->facts->gap, &last) || last > e->walk->last)
		return false;
	e->walk->va = last;
	while (e->cur->level < vmem_top(e->facts) &&
	       !(e->walk->va & vmem_table_mask(e->fmt, e->cur->level))) {
		e->cur->level++;
		e->cur->path &= ~vmem_nibble(e->cur->level, VMEM_RWXU);
	}
	if (e->walk->low < e->cur->level)
		e->walk->low = e->cur->level;
	return true;
}

/* The walk is begun, or is in its next space. */
static __always_inline void vmem_walk_begin(struct vmem_walk *walk,
					    const struct vmem_gap *gap,
					    unsigned int nr_levels)
{
	walk->va = walk->first;
	walk->low = nr_levels;
	walk->spent = !vmem_canonical_from(gap, &walk->va) || walk->va > walk->last;
	/* no leaf is like the last one of another space: its facts differ */
	walk->run.entry = 0;
}

static __always_inline int
vmem_walk_tables(const struct vmem_env *e, const struct vmem_space *space)
{
	struct vmem_walk *walk = e->walk;
	struct vmem_sink *sink = e->sink;
	/* a leaf of which a part was given is given whole first */
	enum vmem_step step = walk->spent || walk->run.part ? VMEM_STEP_FLUSH :
							      VMEM_STEP_LOOK;
	int ret = 0;

	for (;;) {
		if (step == VMEM_STEP_FLUSH || step == VMEM_STEP_REPORT) {
			if (!vmem_run_flush(e))
				return 0;
			if (walk->spent)
				return VMEM_NEXT_SPACE;
			if (sink->nr == sink->max)
				return 0;
		}
		if (step == VMEM_STEP_REPORT) {
			sink->out[sink->nr++] = e->cur->rec;
			walk->bad += e->cur->rec.type == VMEM_REC_BAD;
			walk->refs += e->cur->rec.type == VMEM_REC_REFERENCE;
			step = VMEM_STEP_BEHIND;
		}
		if (step == VMEM_STEP_BEHIND) {
			e->cur->moved = true;
			walk->spent = !vmem_walk_behind(e);
			step = VMEM_STEP_FLUSH;
			if (walk->spent)
				continue;
		}
		step = vmem_walk_look(e, space);
		if (step == VMEM_STEP_DOWN)
			step = vmem_walk_enter(e, &ret);
		if (step == VMEM_STEP_STOP)
			return ret;
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
	vmem_walk_begin(walk, &fmt->gap, fmt->nr_levels);
}

static __always_inline int
vmem_walk_space(const struct vmem_format *fmt, const struct vmem_table_read_ops *ops,
		void *ctx, const struct vmem_space *space,
		struct vmem_walk *walk, struct vmem_space_aware_mapping *out,
		u32 max, u32 *nr)
{
	struct vmem_sink sink = { out, max, *nr };
	struct vmem_cursor cursor = { .level = space->facts.nr_levels };
	const struct vmem_env e = {
		.fmt = fmt, .read = ops, .ctx = ctx, .facts = &space->facts,
		.walk = walk, .sink = &sink, .cur = &cursor,
	};
	int ret = VMEM_NEXT_SPACE;

	if (!walk->ending)
		ret = vmem_walk_tables(&e, space);
	if (ret == VMEM_NEXT_SPACE && !walk->ending) {
		walk->space++;
		vmem_walk_begin(walk, &e.facts->gap, e.facts->nr_levels);
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
	struct vmem_sink sink = { out, max, *nr };
	const struct vmem_env e = {
		.fmt = fmt, .read = ops, .ctx = ctx, .walk = walk, .sink = &sink,
	};

	walk->ending = true;
	if (vmem_run_flush(&e) && sink.nr < max) {
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

#endif /* _VMEM_WALK_H */
