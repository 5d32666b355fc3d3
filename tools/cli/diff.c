// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What a change did to the mappings: the walk before it, of the files, and the one
 * after it, of the draft, read side by side. Records are cut where those of the
 * other walk begin and end, so that only what differs is shown, and pieces of one
 * record that both differ are shown as one.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define NR_RECORDS	1024	/* at a time */
#define NR_PIECES	1024	/* that wait to be shown together */

/**
 * struct side - one of the two walks
 * @walker:	NULL: there is nothing to walk
 * @records:	that were read
 * @nr:		how many
 * @next:	the one behind @now
 * @now:	what isn't compared yet of the current record; the end: the walk ended
 * @complete:	it ended because there was no more
 * @pieces:	that differ, and wait
 * @nr_pieces:	how many
 * @path_only:	of each piece: nothing but its path differs
 * @view:	how they are shown
 */
struct side {
	struct vmem_walker *walker;
	struct vmem_ioc_record records[NR_RECORDS];
	int nr;
	int next;
	struct vmem_ioc_record now;
	bool complete;
	struct vmem_ioc_record pieces[NR_PIECES];
	bool path_only[NR_PIECES];
	size_t nr_pieces;
	struct view view;
};

/* Both, and what of the text was shown: the head, the headings of spaces. */
struct diff {
	struct side before;
	struct side after;
	bool json;
	bool began;
	__u32 headed;
};

static void side_next(struct side *side)
{
	if (side->next == side->nr) {
		side->nr = vmem_walk_read(side->walker, side->records,
					  NR_RECORDS);
		side->next = 0;
		if (side->nr <= 0)
			fail("the walk broke off: %s", strerror(-side->nr));
	}
	side->now = side->records[side->next++];
	if (side->now.type == VMEM_IOC_REC_END)
		side->complete = side->now.detail == VMEM_IOC_END_COMPLETE;
}

static void side_open(struct side *side, struct vmem_guest *guest, __u32 *spaces,
		      size_t nr)
{
	struct vmem_ioc_walk_create walk = {
		.size	= sizeof(walk),
		.flags	= VMEM_IOC_WALK_NONPRESENT,
		.spaces	= (uintptr_t)spaces,
		.nr	= nr,
		.last	= UINT64_MAX,
	};
	int ret;

	side->now.type = VMEM_IOC_REC_END;
	side->complete = true;
	if (!nr)
		return;
	ret = vmem_walk_create(guest, &walk, &side->walker);
	if (ret)
		fail("cannot walk: %s", strerror(-ret));
	side_next(side);
}

/* Where a record moves by, if @by bytes of it are left out. */
static void record_skip(struct vmem_ioc_record *rec, __u64 by)
{
	rec->va += by;
	rec->len -= by;
	if (rec->type == VMEM_IOC_REC_MAPPING)
		rec->gpa += by;
	if (rec->type == VMEM_IOC_REC_MAPPING && !(rec->flags & VMEM_IOC_REC_PART))
		rec->entry += by;
	if (rec->type == VMEM_IOC_REC_REFERENCE)
		rec->their_va += by;
}

static bool leaf_same(const struct vmem_ioc_record *a,
		      const struct vmem_ioc_record *b)
{
	return a->gpa == b->gpa && a->detail == b->detail &&
	       a->entry == b->entry && a->leaf == b->leaf &&
	       a->effective == b->effective && a->flags == b->flags;
}

/* Do two records that begin at the same address say the same there? */
static bool record_same(const struct vmem_ioc_record *a,
			const struct vmem_ioc_record *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case VMEM_IOC_REC_MAPPING:
		return leaf_same(a, b) && a->path == b->path;
	case VMEM_IOC_REC_REFERENCE:
		return a->owner == b->owner && a->their_va == b->their_va &&
		       a->detail == b->detail && a->path == b->path;
	default:
		return a->level == b->level && a->detail == b->detail &&
		       a->entry == b->entry;
	}
}

/* Let the next @len bytes of a side wait, with what they go on of. */
static void side_wait(struct side *side, __u64 len, bool path_only)
{
	struct vmem_ioc_record piece = side->now, *last;

	piece.len = len;
	if (side->nr_pieces) {
		struct vmem_ioc_record expect;

		last = &side->pieces[side->nr_pieces - 1];
		expect = *last;
		record_skip(&expect, last->len);
		if (expect.va == piece.va && expect.space == piece.space &&
		    side->path_only[side->nr_pieces - 1] == path_only &&
		    record_same(&expect, &piece) && expect.path == piece.path) {
			last->len += len;
			return;
		}
	}
	side->path_only[side->nr_pieces] = path_only;
	side->pieces[side->nr_pieces++] = piece;
}

static void side_show(struct diff *diff, struct side *side)
{
	size_t i;

	for (i = 0; i < side->nr_pieces; i++) {
		struct vmem_ioc_record *rec = &side->pieces[i];

		if (!diff->json && !diff->began) {
			fputs("  ", stdout);
			text_head();
			diff->began = true;
		}
		if (!diff->json && side->view.nr_roots > 1 &&
		    diff->headed <= rec->space) {
			printf("space 0x%llx\n", side->view.roots[rec->space]);
			diff->headed = rec->space + 1;
		}
		if (diff->json) {
			json_record(rec, &side->view);
		} else {
			text_record(rec, &side->view);
			side->view.held_path |= side->path_only[i];
		}
	}
	text_flush(&side->view);
	side->nr_pieces = 0;
}

/* What differs up to here: first what went, then what came. */
static void diff_flush(struct diff *diff)
{
	side_show(diff, &diff->before);
	side_show(diff, &diff->after);
}

static void side_skip(struct side *side, __u64 by)
{
	record_skip(&side->now, by);
	if (!side->now.len)
		side_next(side);
}

/* Negative: @a comes before @b; a walk that ended comes last. */
static int record_order(const struct vmem_ioc_record *a,
			const struct vmem_ioc_record *b)
{
	bool a_ended = a->type == VMEM_IOC_REC_END;
	bool b_ended = b->type == VMEM_IOC_REC_END;

	if (a_ended || b_ended)
		return a_ended - b_ended;
	if (a->space != b->space)
		return a->space < b->space ? -1 : 1;
	return a->va < b->va ? -1 : a->va > b->va;
}

/* The bytes of @side's record before that of the @other begins. Return: how many. */
static __u64 diff_one(struct side *side, const struct side *other)
{
	__u64 len = side->now.len;

	if (other->now.type != VMEM_IOC_REC_END &&
	    other->now.space == side->now.space &&
	    other->now.va - side->now.va < len)
		len = other->now.va - side->now.va;
	side_wait(side, len, false);
	side_skip(side, len);
	return len;
}

static __u64 diff_both(struct diff *diff)
{
	struct side *before = &diff->before, *after = &diff->after;
	__u64 len = before->now.len < after->now.len ? before->now.len :
						       after->now.len;
	bool path_only;

	if (record_same(&before->now, &after->now)) {
		diff_flush(diff);
	} else {
		path_only = before->now.type == VMEM_IOC_REC_MAPPING &&
			    after->now.type == VMEM_IOC_REC_MAPPING &&
			    leaf_same(&before->now, &after->now);
		side_wait(before, len, path_only);
		side_wait(after, len, path_only);
	}
	side_skip(before, len);
	side_skip(after, len);
	return len;
}

static void diff_walks(struct diff *diff)
{
	struct side *before = &diff->before, *after = &diff->after;
	__u64 end = 0;
	__u32 space = 0;

	for (;;) {
		int order = record_order(&before->now, &after->now);
		const struct vmem_ioc_record *first = order > 0 ? &after->now :
								  &before->now;

		if (first->type == VMEM_IOC_REC_END)
			break;
		/* behind a gap something else begins */
		if (first->space != space || first->va != end ||
		    before->nr_pieces == NR_PIECES ||
		    after->nr_pieces == NR_PIECES)
			diff_flush(diff);
		space = first->space;
		end = first->va;
		if (order < 0)
			end += diff_one(before, after);
		else if (order > 0)
			end += diff_one(after, before);
		else
			end += diff_both(diff);
	}
	diff_flush(diff);
}

/**
 * diff_show() - show what a change did to the mappings of its spaces
 * @change:	its draft is as it would be
 *
 * Return: whether both walks were complete.
 */
bool diff_show(const struct change *change)
{
	const struct source *source = &change->source;
	const struct draft *draft = &change->draft;
	struct diff *diff = allocate(NULL, 1, sizeof(*diff));
	bool complete;

	memset(diff, 0, sizeof(*diff));
	diff->json = change->json;
	diff->before.view = (struct view){
		.roots	= source->roots,
		.nr_roots = draft->nr_spaces,
		.cpu	= &source->cpu,
		.format	= source->format,
		.last	= UINT64_MAX,
		.fold	= true,
		.headed	= draft->nr_spaces,
		.mark	= '-',
	};
	diff->after.view = diff->before.view;
	diff->after.view.roots = draft->roots;
	diff->after.view.mark = '+';
	if (change->json)
		json_head(&diff->after.view);
	side_open(&diff->before, source->guest, source->spaces, source->nr_roots);
	side_open(&diff->after, draft->guest, draft->spaces, draft->nr_spaces);
	diff_walks(diff);
	complete = diff->before.complete && diff->after.complete;
	vmem_walk_close(diff->before.walker);
	vmem_walk_close(diff->after.walker);
	free(diff);
	return complete;
}
