/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a refusal by pass 1 leaves, nobody else at work: the tables, the pool's
 * numbers and the answer are as after the last whole mapping of the list; where
 * there is none, all is as it was, and the answer is zero.
 *
 * The tests of the core and those of the calls alike fill in a state before and
 * one behind, and an answer. Of an answer only what is named here is judged:
 * where it stopped, and why, is told beside it. Who includes this has u64, u32
 * and bool.
 */
#ifndef _VMEM_KUNIT_REFUSED_H
#define _VMEM_KUNIT_REFUSED_H

#define REFUSED_PARTS	4
#define REFUSED_POOLS	8

struct refused_part {
	const void *bytes;	/* aligned as words are */
	u64 len;		/* of whole words */
};

struct refused_pool {
	u64 nr_free;
	u64 used;
	u64 reserved;
	u64 quarantined;
	u64 shared;
	u64 oldest;		/* generation in quarantine */
};

/**
 * struct refused_state - a guest, as far as a change can change it
 * @parts:	memory that holds its tables
 * @pools:	its pools
 * @root:	of the space that is changed
 * @generation:	what its changes have come to
 */
struct refused_state {
	struct refused_part parts[REFUSED_PARTS];
	u32 nr_parts;
	struct refused_pool pools[REFUSED_POOLS];
	u32 nr_pools;
	u64 root;
	u64 generation;
};

struct refused_answer {
	u64 root;
	u64 generation;
	u64 flush;
	u64 flush_first;
	u64 flush_last;
	u64 changes;
	u64 done;
	u64 done_len;
	u64 pages;
};

/* The first difference: of the n-th part (and at which byte), or of a number. */
struct refused_difference {
	const char *what;	/* NULL: none */
	u64 where;
	u64 is;
	u64 wanted;
};

static inline bool refused_number(struct refused_difference *d, const char *what,
				  u64 where, u64 is, u64 wanted)
{
	if (d->what || is == wanted)
		return false;
	d->what = what;
	d->where = where;
	d->is = is;
	d->wanted = wanted;
	return true;
}

static inline void refused_part(struct refused_difference *d,
				const struct refused_part *is,
				const struct refused_part *wanted)
{
	const u64 *a = is->bytes, *b = wanted->bytes;
	u64 i;

	if (refused_number(d, "bytes of memory", 0, is->len, wanted->len) ||
	    !memcmp(a, b, is->len))
		return;
	for (i = 0; i < is->len / sizeof(*a); i++)
		if (refused_number(d, "an entry", i * sizeof(*a), a[i], b[i]))
			return;
}

static inline void refused_state(struct refused_difference *d,
				 const struct refused_state *is,
				 const struct refused_state *wanted)
{
	u32 i;

	refused_number(d, "root", 0, is->root, wanted->root);
	refused_number(d, "pools", 0, is->nr_pools, wanted->nr_pools);
	for (i = 0; i < is->nr_pools && !d->what; i++) {
		const struct refused_pool *a = &is->pools[i];
		const struct refused_pool *b = &wanted->pools[i];

		refused_number(d, "free tables", i, a->nr_free, b->nr_free);
		refused_number(d, "used tables", i, a->used, b->used);
		refused_number(d, "reserved tables", i, a->reserved, b->reserved);
		refused_number(d, "tables in quarantine", i, a->quarantined,
			       b->quarantined);
		refused_number(d, "shared tables", i, a->shared, b->shared);
		refused_number(d, "oldest generation", i, a->oldest, b->oldest);
	}
	refused_number(d, "parts of memory", 0, is->nr_parts, wanted->nr_parts);
	for (i = 0; i < is->nr_parts && !d->what; i++)
		refused_part(d, &is->parts[i], &wanted->parts[i]);
}

static inline void refused_answer(struct refused_difference *d,
				  const struct refused_answer *is,
				  const struct refused_answer *wanted)
{
	refused_number(d, "answer: root", 0, is->root, wanted->root);
	refused_number(d, "answer: flush", 0, is->flush, wanted->flush);
	refused_number(d, "answer: first to flush", 0, is->flush_first,
		       wanted->flush_first);
	refused_number(d, "answer: last to flush", 0, is->flush_last,
		       wanted->flush_last);
	refused_number(d, "answer: changes", 0, is->changes, wanted->changes);
	refused_number(d, "answer: done", 0, is->done, wanted->done);
	refused_number(d, "answer: bytes done", 0, is->done_len,
		       wanted->done_len);
	refused_number(d, "answer: pages", 0, is->pages, wanted->pages);
}

/**
 * refused_whole() - nothing of a call was done
 * @d:		out: what differs, if anything does
 * @before:	the state before it
 * @is:		and behind it
 * @answer:	its answer; all zero, when it was refused before it came to the
 *		space; else with the space's root, and its generation
 *
 * Return: it is so.
 */
static inline bool refused_whole(struct refused_difference *d,
				 const struct refused_state *before,
				 const struct refused_state *is,
				 const struct refused_answer *answer)
{
	struct refused_answer wanted = {};

	if (answer->root || answer->generation) {
		wanted.root = before->root;
		wanted.generation = before->generation;
	}
	*d = (struct refused_difference){};
	refused_state(d, is, before);
	refused_number(d, "generation", 0, is->generation, before->generation);
	refused_answer(d, answer, &wanted);
	refused_number(d, "answer: generation", 0, answer->generation,
		       wanted.generation);
	return !d->what;
}

/**
 * refused_after() - of a list, as much was done as a twin was given
 * @d:		out: what differs, if anything does
 * @is:		the state behind the call
 * @answer:	its answer
 * @twin:	the state of a guest like this one, given only the mappings before
 *		the one that was refused
 * @done:	the answer there
 *
 * A change that lets others in between counts a generation each time, so that
 * of generations only the answer's own is judged.
 * Return: it is so.
 */
static inline bool refused_after(struct refused_difference *d,
				 const struct refused_state *is,
				 const struct refused_answer *answer,
				 const struct refused_state *twin,
				 const struct refused_answer *done)
{
	*d = (struct refused_difference){};
	refused_state(d, is, twin);
	refused_answer(d, answer, done);
	refused_number(d, "answer: generation", 0, answer->generation,
		       is->generation);
	return !d->what;
}

#endif /* _VMEM_KUNIT_REFUSED_H */
