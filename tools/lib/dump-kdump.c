// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * kdump files of makedumpfile and QEMU: pages that are compressed one by one, each with a
 * descriptor, in the order of a bitmap.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"

/* The header, its fields of 32 bits, and the one behind it. */
#define HEAD_LEN	464
#define HEAD_MACHINE	(12 + 4 * 65)
#define HEAD_STATUS	424
#define STATUS_INCOMPLETE 0x8	/* makedumpfile: no more room */
#define HEAD_BLOCK_SIZE	428
#define HEAD32_BLOCK_SIZE 416	/* of machines of 32 bits, whose header is another one */
#define HEAD_SUB_BLOCKS	432
#define HEAD_BITMAP_BLOCKS 436
#define HEAD_MAX_MAPNR	440
#define SUB_LEN		104
#define SUB_SPLIT	12
#define SUB_VMCOREINFO	32
#define SUB_NOTES	48
#define SUB_MAX_MAPNR	96

#define DESC_LEN	24
#define PAGE_ZLIB	0x1
#define PAGE_LZO	0x2
#define PAGE_SNAPPY	0x4
#define PAGE_ZSTD	0x20

/* Of what hostile files could make as large as they like. */
#define BITMAP_MAX	(64ULL << 20)	/* bytes, of 2 TiB of memory */
#define NOTES_MAX	(4ULL << 20)
#define RANGES_MAX	(1ULL << 20)
#define PACKED_MAX	(2 * DUMP_PAGE)	/* a page that compression made larger */

#define RANK_BITS	4096	/* between two sums */
#define BITS_PAD	16	/* bytes behind the last bit, in which none is set */
#define LAST_DESCS	65536U	/* that are looked at to see whether the file is whole */

/**
 * struct bits - a bit a page
 * @bits:	padded to words
 * @rank:	how many are set before each RANK_BITS
 * @nr:		how many are set
 */
struct bits {
	unsigned char *bits;
	__u64 *rank;
	__u64 nr;
};

/*
 * Pages that are alike have one place in the file, as those that are zero have: what comes
 * of it is kept.
 */
#define SHARED_SLOTS	16U
#define SHARED_USES	64U	/* a slot that has as many goes to another page as late */

/**
 * struct shared - a place in the file from which pages come
 * @at:		where
 * @len:	how long it is
 * @flags:	how it is packed
 * @uses:	how often it was wanted, less how often another was; 0: the slot is free
 * @unpacked:	what comes of it is there
 */
struct shared {
	__u64 at;
	__u32 len;
	__u32 flags;
	__u32 uses;
	bool unpacked;
};

/**
 * struct kdump - what is known of it
 * @flat:	of a flattened file, NULL: it is as it is meant
 * @described:	pages that have a descriptor
 * @here:	those that are there, of a file that was cut: else @described
 * @notes:	a copy, of a flattened file
 * @vmcoreinfo:	likewise
 * @shared:	places that pages share
 * @bytes:	what comes of them, NULL: nothing yet
 * @nr_pfns:	that bits are about
 * @descs:	where descriptors are
 */
struct kdump {
	struct dump_flat *flat;
	struct bits described;
	struct bits here;
	unsigned char *notes;
	unsigned char *vmcoreinfo;
	struct shared shared[SHARED_SLOTS];
	unsigned char *bytes;
	__u64 nr_pfns;
	__u64 descs;
};

static void kdump_free(struct dump *dump)
{
	struct kdump *k = dump->own;

	if (!k)
		return;
	dump_flat_free(k->flat);
	if (k->here.bits != k->described.bits) {
		free(k->here.bits);
		free(k->here.rank);
	}
	free(k->described.bits);
	free(k->described.rank);
	free(k->notes);
	free(k->vmcoreinfo);
	free(k->bytes);
	free(k);
}

/* Bytes of the file that is meant. Return: whether it has them. */
static bool copy_out(const struct dump *dump, __u64 at, void *to, __u64 len)
{
	const struct kdump *k = dump->own;

	if (k->flat)
		return dump_flat_copy(dump, k->flat, at, to, len);
	if (!dump_holds(dump, at, len))
		return false;
	memcpy(to, dump->data + at, len);
	return true;
}

/* Pages */

/* How many bits are set before that of @pfn. */
static __u64 rank_of(const struct kdump *k, const struct bits *bits, __u64 pfn)
{
	__u64 at = pfn & ~(RANK_BITS - 1ULL), rank, word;

	if (pfn >= k->nr_pfns)
		return bits->nr;
	rank = bits->rank[pfn / RANK_BITS];
	for (; at + 64 <= pfn; at += 64) {
		memcpy(&word, bits->bits + at / 8, 8);
		rank += (unsigned int)__builtin_popcountll(word);
	}
	memcpy(&word, bits->bits + at / 8, 8);
	return rank + (unsigned int)__builtin_popcountll(word & ((1ULL << (pfn - at)) - 1));
}

static bool is_here(const struct kdump *k, __u64 pfn)
{
	return pfn < k->nr_pfns && k->here.bits[pfn / 8] >> pfn % 8 & 1;
}

static bool kdump_has(const struct dump *dump, __u64 gpa, __u64 *index)
{
	const struct kdump *k = dump->own;

	if (!is_here(k, gpa / DUMP_PAGE))
		return false;
	*index = rank_of(k, &k->described, gpa / DUMP_PAGE);
	return true;
}

/* What of an address's page lies before it, if that is there. */
static __u64 begun(const struct kdump *k, __u64 gpa)
{
	return is_here(k, gpa / DUMP_PAGE) ? gpa & (DUMP_PAGE - 1) : 0;
}

static __u64 kdump_count(const struct dump *dump, __u64 gpa, __u64 len)
{
	const struct kdump *k = dump->own;
	__u64 end = gpa + len, pages;

	pages = rank_of(k, &k->here, end / DUMP_PAGE) - rank_of(k, &k->here, gpa / DUMP_PAGE);
	return pages * DUMP_PAGE + begun(k, end) - begun(k, gpa);
}

static __u64 kdump_run(const struct dump *dump, __u64 gpa, __u64 nr)
{
	const struct kdump *k = dump->own;
	__u64 first = gpa / DUMP_PAGE, pfn = first, end = first + nr;
	bool here = is_here(k, first);
	unsigned char same = here ? 0xff : 0;

	while (pfn < end && pfn < k->nr_pfns && is_here(k, pfn) == here)
		pfn += !(pfn % 8) && pfn + 8 <= end && pfn + 8 <= k->nr_pfns &&
		       k->here.bits[pfn / 8] == same ? 8 : 1;
	/* behind the bits nothing is there */
	return !here && pfn >= k->nr_pfns ? nr : pfn - first;
}

/* Each page is as its own flags say. */
static int unpack(struct dump *dump, __u32 flags, const unsigned char *packed, __u32 len,
		  void *to)
{
	switch (flags & (PAGE_ZLIB | PAGE_LZO | PAGE_SNAPPY | PAGE_ZSTD)) {
	case 0:
		if (len != DUMP_PAGE)
			break;
		memcpy(to, packed, DUMP_PAGE);
		return 0;
	case PAGE_ZLIB:
		return dump_codec(dump, &codec_zlib, "zlib", packed, len, to, DUMP_PAGE);
	case PAGE_LZO:
		return dump_codec(dump, &codec_lzo, "LZO", packed, len, to, DUMP_PAGE);
	case PAGE_SNAPPY:
		return dump_codec(dump, &codec_snappy, "snappy", packed, len, to, DUMP_PAGE);
	case PAGE_ZSTD:
		return dump_codec(dump, &codec_zstd, "zstd", packed, len, to, DUMP_PAGE);
	}
	dump->damaged = true;
	return -EIO;
}

/* The slot of a place in the file; NULL: others are wanted more often. */
static struct shared *shared_of(struct kdump *k, __u64 at, __u32 len, __u32 flags)
{
	struct shared *s = &k->shared[(at ^ at >> 7) % SHARED_SLOTS];

	if (s->uses && s->at == at && s->len == len && s->flags == flags) {
		s->uses += s->uses < SHARED_USES;
		return s;
	}
	if (s->uses && --s->uses)
		return NULL;
	*s = (struct shared){ at, len, flags, 1, false };
	return NULL;
}

static int unpack_shared(struct dump *dump, __u64 at, __u32 flags, const unsigned char *packed,
			 __u32 len, void *to)
{
	struct kdump *k = dump->own;
	struct shared *s = shared_of(k, at, len, flags);
	unsigned char *bytes;
	int ret;

	if (s && !k->bytes)
		k->bytes = malloc(SHARED_SLOTS * DUMP_PAGE);
	if (!s || !k->bytes)
		return unpack(dump, flags, packed, len, to);
	bytes = k->bytes + (s - k->shared) * DUMP_PAGE;
	if (!s->unpacked) {
		ret = unpack(dump, flags, packed, len, bytes);
		if (ret)
			return ret;
		s->unpacked = true;
	}
	memcpy(to, bytes, DUMP_PAGE);
	return 0;
}

static int kdump_page(struct dump *dump, __u64 index, void *to)
{
	const struct kdump *k = dump->own;
	unsigned char desc[DESC_LEN], packed[PACKED_MAX];
	__u32 len;

	if (copy_out(dump, k->descs + index * DESC_LEN, desc, sizeof(desc))) {
		len = dump_32(desc + 8);
		if (len && len <= sizeof(packed) && copy_out(dump, dump_64(desc), packed, len))
			return unpack_shared(dump, dump_64(desc), dump_32(desc + 12), packed,
					     len, to);
	}
	dump->damaged = true;
	return -EIO;
}

static const struct dump_ops kdump_ops = {
	.page	= kdump_page,
	.has	= kdump_has,
	.count	= kdump_count,
	.run	= kdump_run,
	.free	= kdump_free,
};

/* A copy of a part. NULL, 0: there is none, or it is cut. */
static int part(struct dump *dump, __u64 at, __u64 len, __u64 max, unsigned char **to)
{
	*to = NULL;
	if (!len || len > max)
		return 0;
	*to = calloc(1, len + BITS_PAD);
	if (!*to)
		return -ENOMEM;
	if (!copy_out(dump, at, *to, len)) {
		free(*to);
		*to = NULL;
	}
	return 0;
}

/* The guest's memory, by a bitmap: so many runs of pages that exist. */
static int memory_of(struct dump *dump, const unsigned char *bitmap, __u64 nr_pfns)
{
	__u64 pfn, first = 0;
	bool in = false, bit;
	int ret = 0;

	for (pfn = 0; pfn <= nr_pfns && !ret; pfn++) {
		if (!(pfn % 8) && pfn + 8 <= nr_pfns &&
		    bitmap[pfn / 8] == (in ? 0xff : 0)) {
			pfn += 7;
			continue;
		}
		bit = pfn < nr_pfns && bitmap[pfn / 8] >> pfn % 8 & 1;
		if (bit == in)
			continue;
		if (bit)
			first = pfn;
		else
			ret = dump_add_memory(dump, first * DUMP_PAGE,
					      (pfn - first) * DUMP_PAGE);
		if (dump->nr_memory > RANGES_MAX)
			return dump_fail(dump, "is a kdump file whose memory lies in more than %llu pieces",
					 RANGES_MAX);
		in = bit;
	}
	return ret;
}

static int rank_make(const struct kdump *k, struct bits *bits)
{
	__u64 sums = k->nr_pfns / RANK_BITS + 1, pfn;

	bits->rank = calloc(sums, sizeof(*bits->rank));
	if (!bits->rank)
		return -ENOMEM;
	for (pfn = 0; pfn < k->nr_pfns; pfn += 8) {
		if (!(pfn % RANK_BITS))
			bits->rank[pfn / RANK_BITS] = bits->nr;
		bits->nr += (unsigned int)__builtin_popcount(bits->bits[pfn / 8]);
	}
	return 0;
}

static int bitmaps(struct dump *dump, __u64 at, __u64 len)
{
	struct kdump *k = dump->own;
	unsigned char *first;
	__u64 i;
	int ret;

	if (!len || len % 2 || len / 2 > BITMAP_MAX)
		return dump_fail(dump, "is a kdump file with bitmaps of 0x%llx bytes", len);
	if (k->nr_pfns > len / 2 * 8)
		k->nr_pfns = len / 2 * 8;
	ret = part(dump, at, len / 2, BITMAP_MAX, &first);
	if (!ret)
		ret = part(dump, at + len / 2, len / 2, BITMAP_MAX, &k->described.bits);
	if (!ret && (!first || !k->described.bits))
		ret = dump_fail(dump, "is a kdump file that ends within its bitmaps");
	if (!ret) {
		/* bits behind the last page say nothing */
		if (k->nr_pfns % 8)
			k->described.bits[k->nr_pfns / 8] &= (1 << k->nr_pfns % 8) - 1;
		/* what is there exists, whatever the first one says */
		for (i = 0; i < (k->nr_pfns + 7) / 8; i++)
			first[i] |= k->described.bits[i];
		ret = memory_of(dump, first, k->nr_pfns);
	}
	free(first);
	if (!ret)
		ret = rank_make(k, &k->described);
	k->here = k->described;
	return ret;
}

/* Which pages are there */

/**
 * struct descs - descriptors, read in their order
 * @buf:	some of them
 * @first:	the first one of @buf
 * @nr:		how many @buf has
 * @lost:	the file has none of those before this one
 */
struct descs {
	unsigned char buf[DESC_LEN * 512];
	__u64 first;
	__u64 nr;
	__u64 lost;
};

/* Return: NULL: the file ends before it. */
static const unsigned char *desc_of(const struct dump *dump, struct descs *descs, __u64 index)
{
	const struct kdump *k = dump->own;
	__u64 at = k->descs + index * DESC_LEN, next;

	if (index < descs->lost)
		return NULL;
	if (index - descs->first < descs->nr)
		return descs->buf + (index - descs->first) * DESC_LEN;
	descs->first = index;
	for (descs->nr = sizeof(descs->buf) / DESC_LEN; descs->nr; descs->nr /= 8)
		if (copy_out(dump, at, descs->buf, descs->nr * DESC_LEN))
			return descs->buf;
	next = k->flat ? dump_flat_next(k->flat, at) : ~0ULL;
	descs->lost = next == ~0ULL ? ~0ULL :
		      next > at ? index + (next - at + DESC_LEN - 1) / DESC_LEN : index + 1;
	return NULL;
}

/* Does the file have what a descriptor is about? What no page can be is told when it is read. */
static bool desc_holds(const struct dump *dump, const unsigned char *desc)
{
	const struct kdump *k = dump->own;
	__u64 at = dump_64(desc);
	__u32 len = dump_32(desc + 8);

	if (len > PACKED_MAX)
		return true;
	return k->flat ? dump_flat_holds(k->flat, at, len) : dump_holds(dump, at, len);
}

/* Is the file shorter than its last pages say? Some of these may be at places of before. */
static bool is_cut(const struct dump *dump, struct descs *descs)
{
	const struct kdump *k = dump->own;
	__u64 nr = k->described.nr, i = nr < LAST_DESCS ? 0 : nr - LAST_DESCS;
	const unsigned char *desc;

	for (; i < nr; i++) {
		desc = desc_of(dump, descs, i);
		if (!desc || !desc_holds(dump, desc))
			return true;
	}
	return false;
}

/* Of a file that was cut: which pages are there. */
static int find_here(struct dump *dump, struct descs *descs)
{
	struct kdump *k = dump->own;
	struct bits here = { .bits = malloc(k->nr_pfns / 8 + BITS_PAD) };
	const unsigned char *desc;
	__u64 pfn, index = 0;
	int ret = here.bits ? 0 : -ENOMEM;

	if (!ret)
		memcpy(here.bits, k->described.bits, k->nr_pfns / 8 + BITS_PAD);
	*descs = (struct descs){ .nr = 0 };
	for (pfn = 0; !ret && pfn < k->nr_pfns; pfn++) {
		if (!(here.bits[pfn / 8] >> pfn % 8)) {
			pfn |= 7;
			continue;
		}
		if (!(here.bits[pfn / 8] >> pfn % 8 & 1))
			continue;
		desc = desc_of(dump, descs, index++);
		/* one that was never written is zero */
		if (!desc || !dump_64(desc) || !desc_holds(dump, desc))
			here.bits[pfn / 8] &= ~(1 << pfn % 8);
		if (!(index % (1 << 20)))
			ret = dump_progress(dump, "reading which pages are there",
					    pfn * DUMP_PAGE, k->nr_pfns * DUMP_PAGE);
	}
	if (!ret)
		ret = rank_make(k, &here);
	if (ret) {
		free(here.bits);
		return ret;
	}
	k->here = here;
	return 0;
}

static int find_cut(struct dump *dump)
{
	struct descs descs = { .nr = 0 };

	if (!dump->cut && !is_cut(dump, &descs))
		return 0;
	dump->cut = true;
	return find_here(dump, &descs);
}

/* Registers and what Linux says of itself. */
static int notes(struct dump *dump, const unsigned char *sub)
{
	struct kdump *k = dump->own;
	__u64 len = dump_64(sub + SUB_NOTES + 8);
	int ret = part(dump, dump_64(sub + SUB_NOTES), len, NOTES_MAX, &k->notes);

	if (!ret && k->notes)
		ret = dump_notes(dump, k->notes, len);
	if (ret || dump->vmcoreinfo)
		return ret;
	len = dump_64(sub + SUB_VMCOREINFO + 8);
	ret = part(dump, dump_64(sub + SUB_VMCOREINFO), len, NOTES_MAX, &k->vmcoreinfo);
	if (!ret && k->vmcoreinfo) {
		dump->vmcoreinfo = (const char *)k->vmcoreinfo;
		dump->vmcoreinfo_len = len;
	}
	return ret;
}

static int machine(struct dump *dump, const unsigned char *head)
{
	static const char *const others[] = { "i386", "i486", "i586", "i686", "aarch64",
					      "ppc64le", "s390x", "arm" };
	const char *name = (const char *)head + HEAD_MACHINE;
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strncmp(name, others[i], 65))
			return dump_fail(dump, "is a kdump file of %s, and vmem reads x86-64",
					 others[i]);
	return 0;
}

int dump_read_kdump(struct dump *dump)
{
	unsigned char head[HEAD_LEN], sub[SUB_LEN];
	__u64 block = DUMP_PAGE, sub_blocks, bitmap_len;
	struct kdump *k = calloc(1, sizeof(*k));
	int ret = 0;

	if (!k)
		return -ENOMEM;
	strcpy(dump->format, "kdump file");
	dump->own = k;
	dump->ops = &kdump_ops;
	if (dump->data[0] == 'm') {
		strcpy(dump->format, "flattened kdump file");
		ret = dump_flat_read(dump, &k->flat);
	}
	if (ret)
		return ret;
	if (!copy_out(dump, 0, head, sizeof(head)) || memcmp(head, "KDUMP   ", 8))
		return dump_fail(dump, "is a kdump file without its header");
	ret = machine(dump, head);
	if (ret)
		return ret;
	if (dump_32(head + HEAD_BLOCK_SIZE) != block && dump_32(head + HEAD32_BLOCK_SIZE) == block)
		return dump_fail(dump, "is a kdump file of a machine of 32 bits, and vmem reads x86-64");
	if (dump_32(head + HEAD_BLOCK_SIZE) != block)
		return dump_fail(dump, "is a kdump file with pages of %u bytes, and vmem reads 4096",
				 dump_32(head + HEAD_BLOCK_SIZE));
	sub_blocks = dump_32(head + HEAD_SUB_BLOCKS);
	bitmap_len = dump_32(head + HEAD_BITMAP_BLOCKS) * block;
	k->nr_pfns = dump_32(head + HEAD_MAX_MAPNR);
	memset(sub, 0, sizeof(sub));
	if (!sub_blocks || !copy_out(dump, block, sub, sizeof(sub)))
		return dump_fail(dump, "is a kdump file that ends within its headers");
	if (dump_32(sub + SUB_SPLIT))
		return dump_fail(dump, "is a part of a kdump file that was split: `makedumpfile --reassemble' joins them");
	if (dump_32(head + 8) >= 6)
		k->nr_pfns = dump_64(sub + SUB_MAX_MAPNR);
	ret = bitmaps(dump, (1 + sub_blocks) * block, bitmap_len);
	k->descs = (1 + sub_blocks) * block + bitmap_len;
	if (dump_32(head + HEAD_STATUS) & STATUS_INCOMPLETE)
		dump->cut = true;
	if (!ret)
		ret = find_cut(dump);
	return ret ? ret : notes(dump, sub);
}
