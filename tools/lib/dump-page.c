// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pages of a dump: which there are, and those that aren't in the file as they are by way
 * of a cache.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dump.h"

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

/* Bytes of the guest's memory in a range. */
static __u64 memory_in(const struct dump *dump, __u64 gpa, __u64 len)
{
	__u64 all = 0, first, end;
	size_t i;

	for (i = memory_at(dump, gpa); i < dump->nr_memory; i++) {
		const struct dump_range *r = &dump->memory[i];

		if (r->gpa >= gpa + len)
			break;
		first = r->gpa > gpa ? r->gpa : gpa;
		end = r->gpa + r->len < gpa + len ? r->gpa + r->len : gpa + len;
		all += end - first;
	}
	return all;
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
	__u64 memory, here = 0, first, end;
	size_t i;

	if (in_hint(dump, gpa, len))
		return 0;
	memory = memory_in(dump, gpa, len);
	if (dump->ops && dump->ops->has) {
		here = dump->ops->count(dump, gpa, len) * DUMP_PAGE;
		return memory > here ? memory - here : 0;
	}
	for (i = extent_at(dump, gpa); i < dump->nr_extents; i++) {
		const struct dump_extent *e = &dump->extents[i];

		if (e->gpa >= gpa + len)
			break;
		first = e->gpa > gpa ? e->gpa : gpa;
		end = e->gpa + e->len < gpa + len ? e->gpa + e->len : gpa + len;
		here += end - first;
	}
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

/* Put a page together from what extents have of it. */
static int page_join(struct dump *dump, __u64 gpa, unsigned char *to)
{
	__u64 at = gpa, nr;
	int ret = 0;
	size_t i;

	for (i = extent_at(dump, gpa); !ret && at < gpa + DUMP_PAGE; i++) {
		const struct dump_extent *e = &dump->extents[i];

		if (i == dump->nr_extents || e->gpa > at)
			return -ENODATA;
		nr = e->gpa + e->len - at;
		if (nr > gpa + DUMP_PAGE - at)
			nr = gpa + DUMP_PAGE - at;
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
	      page_join(dump, gpa, dump->pages + place * DUMP_PAGE);
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
