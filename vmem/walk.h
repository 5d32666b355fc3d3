/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Walks: of one space or of many together, by pull. A walk keeps its place as
 * addresses only, so that it can be stopped anywhere and resumed when the
 * tables have changed; it goes down again from the root, and takes a table for
 * one that it has entered before when it is the one that it was in.
 *
 * A record is given only after what is gathered (run.h).
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_WALK_H
#define _VMEM_WALK_H

#include <linux/minmax.h>
#include <linux/prefetch.h>

#include "run.h"
#include "seen.h"

/*
 * Where the entries from @i on, before @end, that have none of @bits end. One copy: holes
 * are many.
 */
static noinline unsigned int vmem_hole_end(const vmem_pte_t *host, unsigned int i,
					   unsigned int end, u64 bits)
{
	const vmem_pte_t *at = host + i, *stop = host + end, *line = at + 8;

	if (line <= stop) {
		/* short ones first, without a count */
#pragma GCC unroll 8
		for (; at < line; at++)
			if (vmem_read(at, 0) & bits)
				return at - host;
		for (; at + 8 <= stop && !(vmem_eight_or(at, 0) & bits); at += 8)
			;
	}
	for (; at < stop && !(vmem_read(at, 0) & bits); at++)
		;
	return at - host;
}

/* The bits of which an entry of a hole has none. */
static __always_inline u64 vmem_hole_bits(const struct vmem_env *e)
{
	return e->walk->flags & VMEM_WALK_NONPRESENT ? U64_MAX : e->fmt->present;
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

/* Are eight entries @expect and what follows it, but for @ad, which @expect has set? */
static __always_inline bool vmem_eight_go_on(const vmem_pte_t *at, u64 expect, u64 step,
					     u64 ad)
{
	unsigned int i;

	/* compared in memory, so that many are under way at once */
#pragma GCC unroll 8
	for (i = 0; i < 8; i++)
		if ((vmem_peek(at, i) | ad) != expect + i * step)
			return false;
	return true;
}

/*
 * The leaves from @i on that are @expect and what follows it, up to @end, eight at a
 * time; @ahead is asked for meanwhile. Return: where they end. One copy.
 */
static noinline unsigned int
vmem_walk_follow(const vmem_pte_t *host, const vmem_pte_t *ahead, unsigned int i,
		 unsigned int end, u64 expect, u64 step, u64 cmp)
{
	const long far = (const char *)ahead - (const char *)host;
	const vmem_pte_t *at = host + i, *stop = host + end;

	expect |= ~cmp;
	for (; at + 8 <= stop; at += 8, expect += 8 * step) {
		/* into the second cache, which more can be under way to */
		__builtin_prefetch((const char *)at + far, 0, 2);
		if (cmp == U64_MAX ? !vmem_eight_go_on(at, expect, step, 0) :
				     !vmem_eight_go_on(at, expect, step, ~cmp))
			break;
	}
	return at - host;
}

/*
 * Leaves from @i on, before @end, that make what is gathered longer, or differ from it
 * in their addresses only: a record each of these, of which all but four words are the
 * same. Holes between them are passed where they aren't told. What is gathered is leaves
 * of this table or of one like it, whole ones, in memory that is known. @base is the
 * table's first address, @expect as in vmem_run.
 * Return: where they end; the last of the records is what is gathered now.
 */
static __always_inline unsigned int
vmem_walk_leaves(const struct vmem_env *e, struct vmem_run *run, unsigned int level,
		 vmem_virt_t base, unsigned int i, unsigned int end, u64 *expect, u64 cmp)
{
	const unsigned int lg2 = e->fmt->entry_lg2(level);
	const u64 size = BIT_ULL(lg2), next = e->fmt->step(level);
	const u64 addr = e->fmt->leaf_addr(e->facts, level), like = run->entry & ~addr;
	const u64 leaf_end = vmem_leaf_end(e, level), room = e->cur->known - size;
	const vmem_phys_t first = e->cur->gpa;
	const vmem_pte_t *host = e->cur->host[level];
	const vmem_pte_t *ahead = level ? NULL :
		e->cur->coming[vmem_index(e->fmt, base, 1) % 2].host;
	const bool each = e->walk->flags & VMEM_WALK_LEAVES;
	const bool holes = e->walk->flags & VMEM_WALK_HOLES;
	const u64 bits = vmem_hole_bits(e);
	/* no leaf is as the one before but for the bit that says that it is one */
	const u64 skip = each ? e->fmt->present : next;
	/* records by words: member by member they would be twice as many stores */
	u64 (*out)[6] = NULL, (*last)[6] = (void *)&e->sink->out[e->sink->max - 1];
	u64 entry, want = *expect, own = run->len, *len = &own, head = 0, tail = 0, gpa;
	unsigned int n, stop, from;

	BUILD_BUG_ON(sizeof(*out) != sizeof(*e->sink->out));
	/* tables that lie in order are asked for by the processor itself, and better */
	if (!ahead || ahead == host + 2 * vmem_nr_entries(e->fmt, level))
		ahead = host;
	/* of the leaf in hand the range has a part, and no more is known */
	if (unlikely(e->cur->known < size))
		return i;
	while (i < end) {
		entry = vmem_read(host, i);
		gpa = vmem_leaf_phys(e, want, level);
		if (!((entry ^ want) & cmp) && (want & ~addr) == like && gpa - first <= room) {
			n = 1;
			/* where none of them can wrap */
			if (!(i % 8) && (want & (leaf_end - 1)) + (end - i) * next < leaf_end) {
				stop = min_t(u64, end, i + 1 + ((room - (gpa - first)) >> lg2));
				stop = vmem_walk_follow(host, ahead, i, stop, want, next, cmp);
				n = max(stop - i, n);
			}
			*len += n * size;
			want += n * next;
			i += n;
			continue;
		}
		if (!out) {
			if ((entry & ~addr) != like || e->sink->nr == e->sink->max)
				break;
			out = (void *)&e->sink->out[e->sink->nr];
			vmem_run_give(e, run, VMEM_REC_MAPPING, level, own, run->flags);
			head = (*out)[0];
			tail = (*out)[5];
		}
		from = i;
		if (!(entry & bits) && !holes) {
			/* passed, and not counted as leaves; none goes on behind it */
			i = vmem_hole_end(host, i, end, bits);
			e->walk->leaves -= i - from;
			want = 0;
			continue;
		}
		stop = min_t(u64, end, i + (last - out));
		for (; i < stop; i++) {
			if (!(i % 8))
				__builtin_prefetch(ahead + i, 0, 2);
			entry = vmem_read(host, i);
			gpa = vmem_leaf_phys(e, entry, level);
			if ((entry & ~addr) != like || gpa - first > room)
				break;
			if (entry == want) {
				if (!(i % 8))
					break;
				(*out)[3] += size;
				want += next;
				continue;
			}
			out++;
			(*out)[0] = head;
			(*out)[1] = base + i * size;
			(*out)[2] = gpa;
			(*out)[3] = size;
			(*out)[4] = entry;
			(*out)[5] = tail;
			want = entry + skip;
		}
		len = &(*out)[3];
		if (i == from)
			break;
	}
	run->len = *len;
	if (out) {
		/* the last one is taken back */
		run->va = (*out)[1];
		run->gpa = (*out)[2];
		run->entry = (*out)[4];
		e->sink->nr = e->sink->max - 1 - (last - out);
	}
	*expect = each ? 0 : want;
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
	const u64 size = BIT_ULL(e->fmt->entry_lg2(level)), next = e->fmt->step(level);
	vmem_virt_t va = e->walk->va, base = va & ~vmem_table_mask(e->fmt, level);
	const vmem_virt_t last = vmem_walk_last(e, level);
	const unsigned int start = vmem_index(e->fmt, va, level);
	const unsigned int end = vmem_index(e->fmt, last, level) + 1;
	/* of the last one the range may have a part */
	const unsigned int whole = end - (level && ~last & (size - 1));
	const vmem_pte_t *host = e->cur->host[level];
	unsigned int i = start, holes = 0, stop;
	/* a copy, so that it is in registers as far as there are some */
	struct vmem_run run = e->walk->run;
	const u32 flags = e->walk->flags;
	bool plain = false;	/* what is gathered is as vmem_walk_leaves() has it */
	u64 cmp = vmem_run_cmp(e, run.entry), entry, expect = 0, held, len;
	enum vmem_step step = VMEM_STEP_BEHIND;
	enum vmem_class class;

	if (vmem_run_adjoins(e, &run, va, VMEM_REC_MAPPING)) {
		expect = run.expect;
		plain = !run.part && vmem_run_goes_on(e, &run, size);
	}
	for (;;) {
		/* it is for several: one that is unlike these isn't worth it */
		if (plain && i < whole &&
		    !((vmem_read(host, i) ^ run.entry) & ~e->fmt->leaf_addr(e->facts, level)))
			i = vmem_walk_leaves(e, &run, level, base, i, whole, &expect, cmp);
		if (i == end)
			break;
		if (i > start)
			va = base + i * size;
		entry = vmem_read(host, i);
		len = level ? min(va | (size - 1), last) - va + 1 : size;
		/* where addresses wrap none is behind the last one */
		if (expect && !((entry ^ expect) & cmp) &&
		    (entry & (vmem_leaf_end(e, level) - 1)) >= next &&
		    vmem_run_goes_on(e, &run, len)) {
			plain = true;
			expect += next;
			run.len += len;
			i++;
			continue;
		}
		expect = 0;
		if (!(entry & e->fmt->present)) {
			held = flags & VMEM_WALK_NONPRESENT ? entry : 0;
			stop = i + 1;
			if (!held)
				stop = vmem_hole_end(host, stop, end, vmem_hole_bits(e));
			else
				while (stop < end && vmem_read(host, stop) == held)
					stop++;
			len = min(base + (stop * size - 1), last) - va + 1;
			step = vmem_run_hole(e, &run, va, len, held);
			if (step != VMEM_STEP_BEHIND)
				break;
			holes += stop - i;
			i = stop;
			continue;
		}
		class = vmem_classify(e, entry, level);
		if (likely(class == VMEM_CLASS_LEAF)) {
			if (likely(run.len && !run.part && e->sink->nr < e->sink->max)) {
				vmem_run_give(e, &run, run.type, run.level,
					      run.len, run.flags);
			} else if (run.len) {
				step = VMEM_STEP_FLUSH;
				break;
			}
			vmem_run_begin(e, &run, level, entry, va, len);
			plain = !run.part;
			expect = plain && !(flags & VMEM_WALK_LEAVES) ? entry + next : 0;
			if (unlikely(cmp != U64_MAX))
				cmp = vmem_run_cmp(e, entry);
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
	e->walk->leaves += i - start - holes;
	e->walk->va = step == VMEM_STEP_BEHIND ? base + (end - 1) * size : va;
	return step;
}

/**
 * vmem_walk_stop() - end a walk where it is
 * @walk:	the walk
 * @end:	why
 *
 * What is gathered is still to be had from vmem_walk_end().
 */
static __always_inline void vmem_walk_stop(struct vmem_walk *walk,
					   enum vmem_end end)
{
	walk->ending = true;
	walk->end = end;
}

/* What is to be done next, and what is told of it. */
static __always_inline enum vmem_step
vmem_walk_look(const struct vmem_env *e, const struct vmem_space *space)
{
	struct vmem_space_aware_mapping *rec = &e->cur->rec;
	unsigned int level = e->cur->level, i, end;
	struct vmem_facts facts;
	const vmem_pte_t *host;
	enum vmem_step step;
	struct vmem_env env;
	vmem_virt_t last;

	/* each by itself: a string store takes longer than what is left to do */
	rec->type = VMEM_REC_BAD;
	rec->level = level;
	rec->detail = 0;
	rec->flags = 0;
	rec->space = e->walk->space;
	rec->va = e->walk->va;
	rec->gpa = 0;
	rec->ref.owner = 0;
	rec->path = e->cur->path;
	if (level == e->facts->nr_levels) {
		rec->gpa = vmem_table_gpa(space->root);
		/* in whole pages, what 64 bits hold */
		rec->len = (e->walk->last - e->walk->va + 1) ?:
			   -BIT_ULL(e->fmt->page_lg2);
		rec->entry = rec->gpa;
		return VMEM_STEP_DOWN;
	}
	if (!level) {
		/* quicker where it is a constant, and no record can lie over the facts */
		facts = *e->facts;
		env = *e;
		env.facts = &facts;
		return vmem_walk_run(&env, 0);
	}
	/* mostly a table, which needs no run */
	host = e->cur->host[level];
	i = vmem_index(e->fmt, rec->va, level);
	rec->entry = vmem_read(host, i);
	last = vmem_walk_last(e, level);
	end = vmem_index(e->fmt, last, level);
	if (!rec->entry && i < end && !(e->walk->flags & VMEM_WALK_HOLES)) {
		/* nothing is told of these; the last entry, too, is as good a place */
		i = vmem_hole_end(host, i + 1, end, vmem_hole_bits(e));
		rec->va = (rec->va & ~vmem_table_mask(e->fmt, level)) +
			  ((u64)i << e->fmt->entry_lg2(level));
		rec->entry = vmem_read(host, i);
		e->walk->va = rec->va;
	}
	last = min(last, rec->va | vmem_entry_mask(e->fmt, level));
	rec->len = last - rec->va + 1;
	if (vmem_classify(e, rec->entry, level) != VMEM_CLASS_TABLE) {
		step = vmem_walk_run(e, level);
		if (step != VMEM_STEP_DOWN)
			return step;
	}
	rec->path |= e->fmt->perms(rec->entry, level);
	rec->gpa = vmem_table_gpa(vmem_entry_table(e, rec->entry, level));
	return VMEM_STEP_DOWN;
}

/*
 * A table of leaves is entered: the one two slots further on is looked up, if the budget
 * goes so far, and asked for while this one is read.
 */
static __always_inline void vmem_walk_ahead(const struct vmem_env *e)
{
	unsigned int i = vmem_index(e->fmt, e->walk->va, 1) + 2;
	struct vmem_coming *coming = &e->cur->coming[i % 2];
	u64 entry = 0;

	if (i < vmem_nr_entries(e->fmt, 1) && e->walk->budget >= 2)
		entry = vmem_read(e->cur->host[1], i);
	coming->host = NULL;
	coming->table = vmem_entry_table(e, entry, 1);
	if (vmem_classify(e, entry, 1) != VMEM_CLASS_TABLE ||
	    e->read->from_phys(e->ctx, coming->table, VMEM_READ, &coming->host))
		coming->host = NULL;
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
	const struct vmem_gap *gap = &e->facts->gap;
	bool known = e->walk->low <= level && e->walk->tables[level] == table;
	vmem_space_id_t owner;
	bool remember;
	struct vmem_coming *coming;
	vmem_pte_t *host;

	if (level == vmem_top(e->facts)) {
		/* it spans all that is canonical */
		base = gap->first ? 0 : gap->last + 1;
		last = gap->last == U64_MAX ? gap->first - 1 : U64_MAX;
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

	coming = &e->cur->coming[vmem_index(e->fmt, e->walk->va, 1) % 2];
	host = coming->host;
	*ret = 0;
	if (level || !host || coming->table != table)
		*ret = e->read->from_phys(e->ctx, table, VMEM_READ, &host);
	if (*ret == VMEM_OUTSIDE) {
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
	if (!level)
		vmem_walk_ahead(e);
	e->cur->path = rec->path;
	e->cur->host[level] = host;
	e->cur->granted[level] = level == vmem_top(e->facts) ? VMEM_RWXU :
		e->cur->granted[level + 1] & (rec->path >> (4 * (level + 1)));
	e->cur->level = level;
	return VMEM_STEP_LOOK;
}

/* Go on behind the entry that walk->va is in. Return: is there more? */
static __always_inline bool vmem_walk_behind(const struct vmem_env *e)
{
	vmem_virt_t next = (e->walk->va | vmem_entry_mask(e->fmt, e->cur->level)) + 1;

	if (e->cur->level == e->facts->nr_levels || !next ||
	    !vmem_canonical_from(&e->facts->gap, &next) || next > e->walk->last)
		return false;
	e->walk->va = next;
	while (e->cur->level < vmem_top(e->facts) &&
	       !(e->walk->va & vmem_table_mask(e->fmt, e->cur->level))) {
		e->cur->level++;
		e->cur->path &= ~vmem_nibble(e->cur->level, VMEM_RWXU);
	}
	if (e->walk->low < e->cur->level)
		e->walk->low = e->cur->level;
	return true;
}

/*
 * A reference was given: give those behind it in the same table, too. The walk is at what
 * was dealt with last then.
 */
static __always_inline void vmem_walk_references(const struct vmem_env *e)
{
	struct vmem_space_aware_mapping *rec = &e->cur->rec;
	const unsigned int level = e->cur->level, lg2 = e->fmt->entry_lg2(level);
	const vmem_virt_t base = rec->va & ~vmem_table_mask(e->fmt, level);
	/* of the last one the range may have a part, which doesn't count */
	const unsigned int end = (vmem_walk_last(e, level) - base + 1) >> lg2;
	const vmem_pte_t *host = e->cur->host[level];
	const bool holes = e->walk->flags & VMEM_WALK_HOLES;
	unsigned int i = vmem_index(e->fmt, rec->va, level);
	vmem_space_id_t owner;
	vmem_virt_t their_va;
	vmem_table_t seen;
	u64 entry;

	for (;;) {
		if (++i < end && !vmem_read(host, i) && !holes)
			i = vmem_hole_end(host, i, end, U64_MAX);
		if (i >= end || e->sink->nr == e->sink->max)
			break;
		entry = vmem_read(host, i);
		if (vmem_classify(e, entry, level) != VMEM_CLASS_TABLE)
			break;
		seen = vmem_table(vmem_table_gpa(vmem_entry_table(e, entry, level)) |
				  e->facts->alike);
		if (!vmem_seen_find(e->walk->seen, seen, level - 1, &owner, &their_va) ||
		    e->read->pause(e->ctx, 1))
			break;
		rec->va = base + ((u64)i << lg2);
		rec->ref.entry = entry;
		rec->ref.their_va = their_va;
		rec->ref.owner = owner;
		rec->path = e->cur->path | e->fmt->perms(entry, level);
		e->sink->out[e->sink->nr++] = *rec;
		e->walk->refs++;
	}
	e->walk->va = base + ((u64)(i - 1) << lg2);
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
			if (e->cur->rec.type == VMEM_REC_REFERENCE) {
				walk->refs++;
				if (e->cur->level < e->facts->nr_levels)
					vmem_walk_references(e);
			}
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

/**
 * vmem_walk_init() - begin a walk
 * @fmt:	format
 * @walk:	filled in
 * @first:	first address
 * @last:	last address, included; below @first: nothing is walked
 * @flags:	VMEM_WALK_*
 * @budget:	tables that may be visited; U64_MAX: any number
 * @seen:	an empty table of what was seen; NULL with VMEM_WALK_FOLLOW
 *
 * Both are rounded out to pages. Addresses between them that aren't canonical
 * are skipped.
 */
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
	struct vmem_cursor cursor;
	const struct vmem_env e = {
		.fmt = fmt, .read = ops, .ctx = ctx, .facts = &space->facts,
		.walk = walk, .sink = &sink, .cur = &cursor,
	};
	int ret = VMEM_NEXT_SPACE;

	/* what is read before it is set */
	cursor.path = 0;
	cursor.coming[0].host = NULL;
	cursor.coming[1].host = NULL;
	cursor.level = space->facts.nr_levels;
	cursor.moved = false;
	cursor.inside = false;
	cursor.gpa = 0;
	cursor.known = 0;
	if (!walk->ending)
		ret = vmem_walk_tables(&e, space);
	if (ret == VMEM_NEXT_SPACE && !walk->ending) {
		walk->space++;
		vmem_walk_begin(walk, &e.facts->gap, e.facts->nr_levels);
	}
	*nr = sink.nr;
	return ret;
}

/**
 * vmem_walk_end() - the last records of a walk
 * @fmt:	format
 * @ops:	ops
 * @ctx:	handed to the ops
 * @walk:	a walk after its last space, or stopped
 * @out:	room for records
 * @max:	how many
 * @nr:		in and out: how many there are
 *
 * walk->finished is set when the last record, VMEM_REC_END, was given.
 *
 * Context: a piece.
 */
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
			.gpa = walk->leaves, .len = walk->refs, .entry = walk->bad,
		};
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
