// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Flattened files of makedumpfile and QEMU: a file in records, each with the place where
 * its bytes go. They come in any order, and of two for one byte the later one counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"

#define FLAT_HEAD	4096
#define FLAT_RECORD	16
#define FLAT_MAX	(1LL << 60)

#define RECORDS_MAX	(1U << 22)
#define HOLDS_MAX	256	/* pieces of a page */
#define OVERLAPS_MAX	(1U << 20)	/* records, if some overlap */

/* A part of the file that is meant, in one piece of the file that there is. */
struct piece {
	__u64 at;
	__u64 len;
	__u64 offset;	/* later records lie behind */
};

/* In the order of places, none of which overlap. */
struct dump_flat {
	struct piece *pieces;
	size_t nr;
};

void dump_flat_free(struct dump_flat *flat)
{
	if (!flat)
		return;
	free(flat->pieces);
	free(flat);
}

/* The first piece that doesn't end at or before @at. */
static size_t piece_at(const struct dump_flat *flat, __u64 at)
{
	size_t low = 0, high = flat->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (flat->pieces[middle].at + flat->pieces[middle].len <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool dump_flat_copy(const struct dump *dump, const struct dump_flat *flat, __u64 at, void *to,
		    __u64 len)
{
	size_t i = piece_at(flat, at);
	__u64 nr, skip;

	for (; len; i++) {
		const struct piece *p = &flat->pieces[i];

		if (i == flat->nr || p->at > at)
			return false;
		skip = at - p->at;
		nr = p->len - skip < len ? p->len - skip : len;
		memcpy(to, dump->data + p->offset + skip, nr);
		to = (char *)to + nr;
		at += nr;
		len -= nr;
	}
	return true;
}

/* What lies in more pieces than any tool makes is read to see it. */
bool dump_flat_holds(const struct dump_flat *flat, __u64 at, __u64 len)
{
	size_t i = piece_at(flat, at), last = i + HOLDS_MAX;
	__u64 nr;

	for (; len && i < last; i++) {
		const struct piece *p = &flat->pieces[i];

		if (i == flat->nr || p->at > at)
			return false;
		nr = p->len - (at - p->at);
		if (nr > len)
			nr = len;
		at += nr;
		len -= nr;
	}
	return true;
}

__u64 dump_flat_next(const struct dump_flat *flat, __u64 at)
{
	size_t i = piece_at(flat, at);

	if (i == flat->nr)
		return ~0ULL;
	return flat->pieces[i].at > at ? flat->pieces[i].at : at;
}

static __u64 be_64(const unsigned char *p)
{
	return (__u64)p[0] << 56 | (__u64)p[1] << 48 | (__u64)p[2] << 40 | (__u64)p[3] << 32 |
	       (__u64)p[4] << 24 | (__u64)p[5] << 16 | (__u64)p[6] << 8 | p[7];
}

static int by_at(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* A heap of those that reach beyond here, the latest one on top. */
static void heap_put(const struct piece *p, __u32 *heap, size_t *nr, __u32 one)
{
	size_t i = (*nr)++, up;

	for (; i; i = up) {
		up = (i - 1) / 2;
		if (p[heap[up]].offset > p[one].offset)
			break;
		heap[i] = heap[up];
	}
	heap[i] = one;
}

static void heap_take(const struct piece *p, __u32 *heap, size_t *nr)
{
	__u32 last = heap[--*nr];
	size_t i = 0, down;

	for (;; i = down) {
		down = 2 * i + 1;
		if (down >= *nr)
			break;
		if (down + 1 < *nr && p[heap[down + 1]].offset > p[heap[down]].offset)
			down++;
		if (p[heap[down]].offset < p[last].offset)
			break;
		heap[i] = heap[down];
	}
	heap[i] = last;
}

static __u64 end_of(const struct piece *p)
{
	return p->at + p->len;
}

/* Pieces that don't overlap, of sorted ones. Return: how many. */
static size_t pieces_cut(const struct piece *p, size_t nr, struct piece *out, __u32 *heap)
{
	size_t i = 0, to = 0, in_heap = 0;
	const struct piece *top;
	__u64 at = 0, end;

	while (i < nr || in_heap) {
		while (in_heap && end_of(&p[heap[0]]) <= at)
			heap_take(p, heap, &in_heap);
		if (!in_heap && i < nr && p[i].at > at)
			at = p[i].at;
		while (i < nr && p[i].at <= at)
			heap_put(p, heap, &in_heap, (__u32)i++);
		top = &p[heap[0]];
		if (!in_heap || end_of(top) <= at)
			continue;
		/* up to where another one begins, that may be later */
		end = end_of(top);
		if (i < nr && p[i].at < end)
			end = p[i].at;
		if (to && end_of(&out[to - 1]) == at &&
		    out[to - 1].offset + out[to - 1].len == top->offset + (at - top->at))
			out[to - 1].len += end - at;
		else
			out[to++] = (struct piece){ at, end - at, top->offset + (at - top->at) };
		at = end;
	}
	return to;
}

static int pieces_settle(struct dump *dump, struct dump_flat *flat)
{
	struct piece *p = flat->pieces, *out;
	size_t nr = flat->nr, i;
	__u32 *heap;

	qsort(p, nr, sizeof(*p), by_at);
	for (i = 1; i < nr && end_of(&p[i - 1]) <= p[i].at; i++)
		;
	if (i == nr)
		return 0;
	if (nr > OVERLAPS_MAX)
		return dump_fail(dump, "is a flattened kdump file with records that overlap, and more than %u",
				 OVERLAPS_MAX);
	out = malloc((2 * nr + 1) * sizeof(*out));
	heap = malloc((nr + 1) * sizeof(*heap));
	if (out && heap) {
		flat->nr = pieces_cut(p, nr, out, heap);
		flat->pieces = out;
		out = p;
	}
	i = out && heap;
	free(out);
	free(heap);
	return i ? 0 : -ENOMEM;
}

static int piece_add(struct dump *dump, struct dump_flat *flat, __u64 to, __u64 len, __u64 offset)
{
	struct piece *pieces = flat->pieces;

	if (flat->nr == RECORDS_MAX)
		return dump_fail(dump, "is a flattened kdump file of more than %u records",
				 RECORDS_MAX);
	if (!(flat->nr & (flat->nr - 1))) {
		pieces = realloc(pieces, (flat->nr ? 2 * flat->nr : 1) * sizeof(*pieces));
		if (!pieces)
			return -ENOMEM;
		flat->pieces = pieces;
	}
	pieces[flat->nr++] = (struct piece){ to, len, offset };
	return 0;
}

int dump_flat_read(struct dump *dump, struct dump_flat **out)
{
	struct dump_flat *flat = calloc(1, sizeof(*flat));
	__u64 at = FLAT_HEAD, to, len;
	int ret = 0;

	*out = flat;
	if (!flat)
		return -ENOMEM;
	while (!ret) {
		if (!dump_holds(dump, at, FLAT_RECORD)) {
			dump->cut = true;
			break;
		}
		to = be_64(dump->data + at);
		len = be_64(dump->data + at + 8);
		if (to == ~0ULL && len == ~0ULL)
			break;
		if (to > FLAT_MAX || len > FLAT_MAX)
			return dump_fail(dump, "is a flattened kdump file with a bad record at 0x%llx",
					 at);
		at += FLAT_RECORD;
		if (!dump_holds(dump, at, len)) {
			dump->cut = true;
			len = dump->size - at;
		}
		if (len)
			ret = piece_add(dump, flat, to, len, at);
		at += len;
		if (!ret)
			ret = dump_scanned(dump, at);
	}
	if (!ret && !flat->nr)
		return dump_fail(dump, "is a flattened kdump file without a record");
	return ret ? ret : pieces_settle(dump, flat);
}
