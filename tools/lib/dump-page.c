// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pages of a dump: which there are, and those that aren't in the file as they are by way
 * of a cache.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dump.h"

#define HOLES_MAX	16	/* times the file that is passed over when holes are asked for */

/* The first extent that doesn't end at or before @gpa. */
static size_t extent_at(const struct dump *dump, __u64 gpa)
{
	size_t low = 0, high = dump->nr_extents;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct dump_extent *e = &dump->extents[middle];

		if (e->gpa + e->len <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first range of memory that doesn't end at or before @gpa. */
static size_t memory_at(const struct dump *dump, __u64 gpa)
{
	size_t low = 0, high = dump->nr_memory;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct dump_range *r = &dump->memory[middle];

		if (r->gpa + r->len <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Bytes that extents have before @gpa. */
static __u64 extents_before(const struct dump *dump, __u64 gpa)
{
	size_t i = extent_at(dump, gpa);
	const struct dump_extent *e = &dump->extents[i];

	if (i == dump->nr_extents)
		return i ? e[-1].before + e[-1].len : 0;
	return e->before + (gpa > e->gpa ? gpa - e->gpa : 0);
}

/* Bytes of the guest's memory before @gpa. */
static __u64 memory_before(const struct dump *dump, __u64 gpa)
{
	size_t i = memory_at(dump, gpa);
	const struct dump_range *r = &dump->memory[i];

	if (i == dump->nr_memory)
		return i ? r[-1].before + r[-1].len : 0;
	return r->before + (gpa > r->gpa ? gpa - r->gpa : 0);
}

/* And in a range. */
static __u64 memory_in(const struct dump *dump, __u64 gpa, __u64 len)
{
	return memory_before(dump, gpa + len) - memory_before(dump, gpa);
}

/* Is all of a range in the extent that was asked for last? */
static bool in_hint(const struct dump *dump, __u64 gpa, __u64 len)
{
	const struct dump_extent *e = &dump->extents[dump->hint];

	return dump->nr_extents && gpa >= e->gpa && gpa - e->gpa < e->len &&
	       len <= e->len - (gpa - e->gpa);
}

__u64 dump_missing(const struct dump *dump, __u64 gpa, __u64 len)
{
	__u64 memory, here;

	if (in_hint(dump, gpa, len))
		return 0;
	memory = memory_in(dump, gpa, len);
	if (dump->ops && dump->ops->has)
		here = dump->ops->count(dump, gpa, len);
	else
		here = extents_before(dump, gpa + len) - extents_before(dump, gpa);
	return memory - here;
}

bool dump_in_memory(const struct dump *dump, __u64 gpa, __u64 *same)
{
	size_t i = memory_at(dump, gpa);
	const struct dump_range *r = &dump->memory[i];

	if (i == dump->nr_memory) {
		*same = ~0ULL - gpa;
		return false;
	}
	if (r->gpa > gpa) {
		*same = r->gpa - gpa;
		return false;
	}
	*same = r->gpa + r->len - gpa;
	return true;
}

/* How far the extents have, or lack, what begins at @gpa, @max bytes at most. */
static __u64 extents_run(const struct dump *dump, __u64 gpa, __u64 max, bool *here)
{
	size_t i = extent_at(dump, gpa);
	const struct dump_extent *e = &dump->extents[i];
	__u64 end;

	*here = i < dump->nr_extents && e->gpa <= gpa;
	if (i == dump->nr_extents || (!*here && e->gpa - gpa >= max))
		return max;
	if (!*here)
		return e->gpa - gpa;
	for (end = e->gpa + e->len; end - gpa < max; end = e->gpa + e->len) {
		e = &dump->extents[++i];
		if (i == dump->nr_extents || e->gpa != end)
			break;
	}
	return end - gpa < max ? end - gpa : max;
}

int dump_range(const struct dump *dump, __u64 gpa, struct vmem_dump_range *range)
{
	size_t i = memory_at(dump, gpa);
	const struct dump_range *r = &dump->memory[i];
	__u64 max, nr, index;
	bool here;

	if (i == dump->nr_memory)
		return -ENOENT;
	if (gpa < r->gpa)
		gpa = r->gpa;
	max = r->gpa + r->len - gpa;
	if (dump->ops && dump->ops->has) {
		/* from within a page to the end of one */
		nr = dump->ops->run(dump, gpa, (r->gpa + r->len) / DUMP_PAGE - gpa / DUMP_PAGE);
		max = (gpa & ~(DUMP_PAGE - 1)) + nr * DUMP_PAGE - gpa;
		here = dump->ops->has(dump, gpa, &index);
	} else {
		max = extents_run(dump, gpa, max, &here);
	}
	*range = (struct vmem_dump_range){ gpa, max, here ? VMEM_DUMP_HERE : 0, 0 };
	return 0;
}

/*
 * What of an extent, from @gpa on, is no hole of the file. Return: whether there is some.
 *
 * Some file systems look at each page up to a hole. Of many extents before one hole that
 * would be too many: then holes aren't asked for any more.
 */
static bool extent_data(struct dump *dump, const struct dump_extent *e, __u64 gpa,
			struct vmem_dump_range *range)
{
	__u64 skip = gpa > e->gpa ? gpa - e->gpa : 0, len = e->len, found;
	off_t at;

	if (!dump->ops && dump->fd >= 0 && dump->beyond / HOLES_MAX <= dump->size) {
		at = lseek(dump->fd, (off_t)(e->offset + skip), SEEK_DATA);
		if (at < 0 && errno == ENXIO)
			return false;
		if (at >= 0 && (__u64)at - e->offset >= len)
			return false;
		if (at >= 0)
			skip = (__u64)at - e->offset;
		at = lseek(dump->fd, (off_t)(e->offset + skip), SEEK_HOLE);
		found = at > (off_t)(e->offset + skip) ? (__u64)at - e->offset : len;
		if (found > len)
			dump->beyond += found - len;
		else
			len = found;
	}
	*range = (struct vmem_dump_range){ .gpa = e->gpa + skip, .len = len - skip };
	return true;
}

int dump_next(struct dump *dump, __u64 gpa, struct vmem_dump_range *range)
{
	size_t i;
	int ret;

	if (dump->ops && dump->ops->has) {
		range->gpa = gpa;
		range->len = 0;
		do {
			ret = dump_range(dump, range->gpa + range->len, range);
		} while (!ret && !(range->flags & VMEM_DUMP_HERE));
	} else {
		i = extent_at(dump, gpa);
		while (i < dump->nr_extents && !extent_data(dump, &dump->extents[i], gpa, range))
			i++;
		ret = i < dump->nr_extents ? 0 : -ENOENT;
	}
	if (ret)
		return ret;
	range->flags = VMEM_DUMP_HERE;
	range->len += range->gpa & (DUMP_PAGE - 1);
	range->len = (range->len + DUMP_PAGE - 1) & ~(DUMP_PAGE - 1);
	range->gpa &= ~(DUMP_PAGE - 1);
	return 0;
}

/* Pages that aren't in the file as they are */

static __u32 hash(__u64 gpa)
{
	return (__u32)((gpa >> 12) * 0x9e3779b97f4a7c15ULL >> 40) & (DUMP_CACHE_SLOTS - 1);
}

/* The slot of a page, or the free one where it would be. */
static __u32 slot_of(const struct dump *dump, __u64 gpa)
{
	__u32 slot = hash(gpa);

	while (dump->slots[slot] && dump->gpas[dump->slots[slot] - 1] != gpa)
		slot = (slot + 1) & (DUMP_CACHE_SLOTS - 1);
	return slot;
}

/* Those that were put behind a slot, because it was taken, are found without it. */
static void slot_free(struct dump *dump, __u32 slot)
{
	__u32 next = slot, home;

	for (;;) {
		next = (next + 1) & (DUMP_CACHE_SLOTS - 1);
		if (!dump->slots[next])
			break;
		home = hash(dump->gpas[dump->slots[next] - 1]);
		if (((next - home) & (DUMP_CACHE_SLOTS - 1)) <
		    ((next - slot) & (DUMP_CACHE_SLOTS - 1)))
			continue;
		dump->slots[slot] = dump->slots[next];
		slot = next;
	}
	dump->slots[slot] = 0;
}

static int cache_make(struct dump *dump)
{
	void *pages;

	if (dump->pages)
		return 0;
	dump->gpas = calloc(DUMP_CACHE_PAGES, sizeof(*dump->gpas));
	dump->slots = calloc(DUMP_CACHE_SLOTS, sizeof(*dump->slots));
	if (!dump->gpas || !dump->slots)
		return -ENOMEM;
	memset(dump->gpas, 0xff, DUMP_CACHE_PAGES * sizeof(*dump->gpas));
	pages = mmap(NULL, DUMP_CACHE_PAGES * DUMP_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pages == MAP_FAILED)
		return -ENOMEM;
	dump->pages = pages;
	return 0;
}

/* Bytes of an extent. */
static int bytes(struct dump *dump, __u64 offset, void *to, __u64 len)
{
	if (dump->ops)
		return dump->ops->bytes(dump, offset, to, len);
	memcpy(to, dump->data + offset, len);
	return 0;
}

int dump_join(struct dump *dump, __u64 gpa, __u64 len, unsigned char *to)
{
	__u64 at = gpa, nr;
	int ret = 0;
	size_t i;

	for (i = extent_at(dump, gpa); !ret && at < gpa + len; i++) {
		const struct dump_extent *e = &dump->extents[i];

		if (i == dump->nr_extents || e->gpa > at)
			return -ENODATA;
		nr = e->gpa + e->len - at;
		if (nr > gpa + len - at)
			nr = gpa + len - at;
		ret = bytes(dump, e->offset + (at - e->gpa), to + (at - gpa), nr);
		at += nr;
	}
	return ret;
}

/* A page by way of the cache. */
static int page_cached(struct dump *dump, __u64 gpa, __u64 index, const void **page)
{
	__u32 slot, place;
	int ret = cache_make(dump);

	if (ret)
		return ret;
	slot = slot_of(dump, gpa);
	if (dump->slots[slot]) {
		*page = dump->pages + (dump->slots[slot] - 1) * DUMP_PAGE;
		return 0;
	}
	place = dump->next;
	if (dump->gpas[place] != ~0ULL) {
		slot_free(dump, slot_of(dump, dump->gpas[place]));
		dump->gpas[place] = ~0ULL;
	}
	ret = dump->ops && dump->ops->has ?
	      dump->ops->page(dump, index, dump->pages + place * DUMP_PAGE) :
	      dump_join(dump, gpa, DUMP_PAGE, dump->pages + place * DUMP_PAGE);
	if (ret)
		return ret;
	dump->gpas[place] = gpa;
	dump->slots[slot_of(dump, gpa)] = place + 1;
	dump->next = (place + 1) % DUMP_CACHE_PAGES;
	dump->piece++;
	*page = dump->pages + place * DUMP_PAGE;
	return 0;
}

void dump_piece_begin(struct dump *dump)
{
	dump->piece = 0;
}

/* A page of an extent, if the file has it as it is. */
static const void *page_mapped(struct dump *dump, __u64 gpa)
{
	const struct dump_extent *e = &dump->extents[dump->hint];
	const void *page;

	if (dump->ops || !dump->nr_extents)
		return NULL;
	if (gpa < e->gpa || gpa - e->gpa >= e->len) {
		size_t i = extent_at(dump, gpa);

		if (i == dump->nr_extents || gpa < dump->extents[i].gpa)
			return NULL;
		dump->hint = i;
		e = &dump->extents[i];
	}
	if (e->len < DUMP_PAGE || gpa - e->gpa > e->len - DUMP_PAGE)
		return NULL;
	page = dump->data + e->offset + (gpa - e->gpa);
	/* what is read as a table is aligned */
	return (unsigned long)page & 7 ? NULL : page;
}

int dump_page(struct dump *dump, __u64 gpa, const void **page)
{
	__u64 index = 0;
	int ret;

	*page = page_mapped(dump, gpa);
	if (*page)
		return 0;
	ret = -ENODATA;
	if (!dump->ops || !dump->ops->has || dump->ops->has(dump, gpa, &index))
		ret = page_cached(dump, gpa, index, page);
	if (ret == -ENODATA && !memory_in(dump, gpa, DUMP_PAGE))
		return -ENXIO;
	return ret;
}
