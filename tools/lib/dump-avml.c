// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * AVML captures: LiME's headers, each with a Snappy stream behind it, in pieces that are
 * unpacked one by one, and the length of the stream.
 *
 * avml writes no blocks that hold zeros only (16 MiB at most), and doesn't say so. What
 * lies between two ranges is therefore memory, perhaps, that isn't in the dump.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"

#define AVML_MAGIC	0x4c4d5641
#define AVML_HEAD	32
#define AVML_TAIL	8

/* Snappy's framing format: the kind of a chunk, the length of what is behind it. */
#define CHUNK_HEAD	4
#define CHUNK_CRC	4
#define CHUNK_PACKED	0x00
#define CHUNK_PLAIN	0x01
#define CHUNK_SKIP	0x80	/* from here on */
#define CHUNK_MAX	65536U	/* bytes that come of one */

#define CHUNKS_MAX	(1U << 22)	/* of 256 GiB of memory */
#define KEPT		64U	/* chunks that were unpacked */

/**
 * struct chunk - a piece of memory
 * @at:		its first byte, of all that the file has
 * @offset:	in the file, behind the checksum
 * @len:	bytes in the file
 * @plain:	it isn't packed
 */
struct chunk {
	__u64 at;
	__u64 offset;
	__u32 len;
	bool plain;
};

struct avml {
	struct chunk *chunks;
	size_t nr_chunks;
	__u64 end;		/* bytes of all chunks */
	unsigned char *kept;
	size_t kept_of[KEPT];	/* which chunk, and 1 */
};

static void avml_free(struct dump *dump)
{
	struct avml *a = dump->own;

	if (!a)
		return;
	free(a->chunks);
	free(a->kept);
	free(a);
}

static __u64 chunk_len(const struct avml *a, size_t i)
{
	return (i + 1 < a->nr_chunks ? a->chunks[i + 1].at : a->end) - a->chunks[i].at;
}

/* What comes of a chunk. Return: 0; -ENOMEM; -EIO. */
static int chunk_unpack(struct dump *dump, size_t i, const unsigned char **bytes)
{
	struct avml *a = dump->own;
	const struct chunk *chunk = &a->chunks[i];
	size_t place = i % KEPT;
	int ret;

	if (chunk->plain) {
		*bytes = dump->data + chunk->offset;
		return 0;
	}
	if (!a->kept)
		a->kept = malloc((size_t)KEPT * CHUNK_MAX);
	if (!a->kept)
		return -ENOMEM;
	*bytes = a->kept + place * CHUNK_MAX;
	if (a->kept_of[place] == i + 1)
		return 0;
	a->kept_of[place] = 0;
	ret = dump_codec(dump, &codec_snappy, "snappy", dump->data + chunk->offset, chunk->len,
			 a->kept + place * CHUNK_MAX, chunk_len(a, i));
	if (!ret)
		a->kept_of[place] = i + 1;
	return ret;
}

static int avml_bytes(struct dump *dump, __u64 at, void *to, size_t len)
{
	const struct avml *a = dump->own;
	size_t low = 0, high = a->nr_chunks, nr;
	const unsigned char *bytes;
	__u64 skip;
	int ret;

	/* the last one that doesn't begin behind it */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (a->chunks[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	for (; len; low++) {
		ret = chunk_unpack(dump, low, &bytes);
		if (ret)
			return ret;
		skip = at - a->chunks[low].at;
		nr = chunk_len(a, low) - skip;
		if (nr > len)
			nr = len;
		memcpy(to, bytes + skip, nr);
		to = (char *)to + nr;
		at += nr;
		len -= nr;
	}
	return 0;
}

static const struct dump_ops avml_ops = {
	.bytes	= avml_bytes,
	.free	= avml_free,
};

/* How much a packed chunk says will come of it. 0: nonsense. */
static __u32 unpacked_len(const unsigned char *p, __u32 len)
{
	__u32 value = 0, i;

	for (i = 0; i < 3 && i < len; i++) {
		value |= (__u32)(p[i] & 0x7f) << 7 * i;
		if (!(p[i] & 0x80))
			return value <= CHUNK_MAX ? value : 0;
	}
	return 0;
}

static int chunk_add(struct dump *dump, __u64 offset, __u32 len, bool plain, __u32 bytes)
{
	struct avml *a = dump->own;
	struct chunk *chunks = a->chunks;

	if (a->nr_chunks == CHUNKS_MAX)
		return dump_fail(dump, "is an AVML capture of more than %u chunks", CHUNKS_MAX);
	if (!(a->nr_chunks & (a->nr_chunks - 1))) {
		chunks = realloc(chunks, (a->nr_chunks ? 2 * a->nr_chunks : 1) * sizeof(*chunks));
		if (!chunks)
			return -ENOMEM;
		a->chunks = chunks;
	}
	chunks[a->nr_chunks++] = (struct chunk){ a->end, offset, len, plain };
	a->end += bytes;
	return 0;
}

/*
 * The stream of a range, which has @want bytes. Return: 0, with @at behind it, or with
 * @dump->cut; -EINVAL, -ENOMEM.
 */
static int stream(struct dump *dump, __u64 *at, __u64 want)
{
	struct avml *a = dump->own;
	__u64 begin = *at, end = a->end + want;
	const unsigned char *p;
	__u32 kind, len, bytes;
	int ret = 0;

	while (!ret && a->end < end) {
		p = dump->data + *at;
		if (!dump_holds(dump, *at, CHUNK_HEAD)) {
			dump->cut = true;
			return 0;
		}
		kind = p[0];
		len = dump_32(p) >> 8;
		if (!dump_holds(dump, *at, CHUNK_HEAD + len)) {
			dump->cut = true;
			return 0;
		}
		*at += CHUNK_HEAD + len;
		p += CHUNK_HEAD;
		if (kind >= CHUNK_SKIP)
			continue;
		bytes = 0;
		if (kind <= CHUNK_PLAIN && len > CHUNK_CRC)
			bytes = kind == CHUNK_PACKED ?
				unpacked_len(p + CHUNK_CRC, len - CHUNK_CRC) : len - CHUNK_CRC;
		if (!bytes || bytes > CHUNK_MAX || bytes > end - a->end)
			return dump_fail(dump, "is an AVML capture with a bad chunk at 0x%llx",
					 *at - CHUNK_HEAD - len);
		ret = chunk_add(dump, *at - len + CHUNK_CRC, len - CHUNK_CRC,
				kind == CHUNK_PLAIN, bytes);
	}
	if (ret)
		return ret;
	if (!dump_holds(dump, *at, AVML_TAIL))
		dump->cut = true;
	else if (dump_64(dump->data + *at) != *at - begin)
		return dump_fail(dump, "is an AVML capture whose stream at 0x%llx has another length than is said behind it",
				 begin);
	*at += AVML_TAIL;
	return 0;
}

int dump_read_avml(struct dump *dump)
{
	struct avml *a = calloc(1, sizeof(*a));
	__u64 at = 0, first, last, begin;
	int ret = 0;

	if (!a)
		return -ENOMEM;
	dump->own = a;
	dump->ops = &avml_ops;
	strcpy(dump->format, "AVML capture");
	dump->vague = true;
	dump->gaps = true;
	while (!ret && !dump->cut && at < dump->size) {
		const unsigned char *head = dump->data + at;

		if (!dump_holds(dump, at, AVML_HEAD)) {
			dump->cut = true;
			break;
		}
		if (dump_32(head) != AVML_MAGIC || dump_32(head + 4) != 2)
			return dump_fail(dump, "is an AVML capture that has no header of version 2 at 0x%llx, where a range ends",
					 at);
		first = dump_64(head + 8);
		last = dump_64(head + 16);
		if (last < first || last >= DUMP_ADDR_MAX)
			return dump_fail(dump, "is an AVML capture with a range from 0x%llx to 0x%llx",
					 first, last);
		at += AVML_HEAD;
		begin = a->end;
		ret = stream(dump, &at, last - first + 1);
		if (!ret)
			ret = dump_add_memory(dump, first, last - first + 1);
		if (!ret)
			ret = dump_add_extent(dump, first, a->end - begin, begin);
		if (!ret)
			ret = dump_scanned(dump, at);
	}
	return ret;
}
