// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Which pages tables of the draft come from: those of --pool that nothing speaks
 * against. What holds something may be the guest's, or a table that came from there
 * when the files were changed before; and an empty table holds nothing, but is named
 * by an entry.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define PAGE		4096ULL	/* of a table */
#define NR_ENTRIES	512
#define RANGES_MAX	64	/* of a pool */
#define PAGES_MAX	(1ULL << 20)

/* A bit for each page of all memories, one behind the other. */
struct pages {
	__u64 *bits;
	__u64 nr;
};

static struct pages pages_none(const struct source *source)
{
	struct pages pages = { 0 };
	size_t i;

	for (i = 0; i < source->nr_memories; i++)
		pages.nr += source->memories[i].host_len / PAGE;
	pages.bits = allocate(NULL, pages.nr / 64 + 1, sizeof(__u64));
	memset(pages.bits, 0, (pages.nr / 64 + 1) * sizeof(__u64));
	return pages;
}

/* The number of the page at @gpa. Return: whether there is memory. */
static bool page_number(const struct source *source, __u64 gpa, __u64 *nr)
{
	size_t i;

	*nr = 0;
	for (i = 0; i < source->nr_memories; i++) {
		const struct memory *memory = &source->memories[i];

		if (gpa >= memory->gpa && gpa - memory->gpa < memory->host_len) {
			*nr += (gpa - memory->gpa) / PAGE;
			return true;
		}
		*nr += memory->host_len / PAGE;
	}
	return false;
}

static void pages_add(struct pages *pages, const struct source *source, __u64 gpa)
{
	__u64 nr;

	if (page_number(source, gpa, &nr))
		pages->bits[nr / 64] |= 1ULL << nr % 64;
}

static bool pages_have(const struct pages *pages, __u64 nr)
{
	return pages->bits[nr / 64] >> nr % 64 & 1;
}

/* What the entries of a table name. */
static void pages_add_named(struct pages *pages, const struct source *source,
			    const char *table)
{
	int i;

	for (i = 0; i < NR_ENTRIES; i++) {
		__u64 entry = le64toh(((const __u64 *)table)[i]);

		if (entry & ENTRY_P && !(entry & ENTRY_PS))
			pages_add(pages, source, entry_addr(source, entry));
	}
}

/* The tables that tables of @of name. */
static struct pages pages_below(const struct source *source, const struct pages *of)
{
	struct pages below = pages_none(source);
	__u64 nr = 0, at;
	size_t i;

	for (i = 0; i < source->nr_memories; i++) {
		const struct memory *memory = &source->memories[i];

		for (at = 0; at < memory->host_len; at += PAGE, nr++)
			if (pages_have(of, nr))
				pages_add_named(&below, source,
						memory->host + at);
	}
	return below;
}

/* All tables of the spaces, level by level, each looked at once a level. */
static struct pages tables_of(const struct source *source)
{
	struct pages all = pages_none(source), now = pages_none(source), next;
	unsigned int level;
	__u64 i;

	for (i = 0; i < source->nr_roots; i++)
		pages_add(&now, source, source->roots[i]);
	for (level = source->levels; level--; now = next) {
		for (i = 0; i <= all.nr / 64; i++)
			all.bits[i] |= now.bits[i];
		if (!level)
			break;
		next = pages_below(source, &now);
		free(now.bits);
	}
	free(now.bits);
	return all;
}

/* Does a page belong to the pool? */
bool pool_has(const struct draft *draft, __u64 gpa)
{
	size_t i;

	for (i = 0; i < draft->nr_ranges; i++)
		if (gpa - draft->ranges[i].gpa < draft->ranges[i].len)
			return true;
	return false;
}

/**
 * pool_taken() - how many pages of the pool were taken
 * @draft:	the draft, after its change
 *
 * They are the lowest ones: all were free, the lowest free one is taken, and none is
 * taken again before it is flushed.
 */
__u64 pool_taken(const struct draft *draft)
{
	struct vmem_ioc_pool_stat stat = {
		.size	= sizeof(stat),
		.id	= draft->pool,
	};

	if (!draft->nr_ranges || vmem_pool_stat(draft->guest, &stat))
		return 0;
	return stat.out_used + stat.out_quarantined;
}

static bool page_is_zero(const char *page)
{
	return !*page && !memcmp(page, page + 1, PAGE - 1);
}

/* Add a page to the last range, or begin one. Return: whether there is room. */
static bool pool_add(struct draft *draft, __u64 gpa)
{
	struct vmem_ioc_range *last = draft->nr_ranges ?
				      &draft->ranges[draft->nr_ranges - 1] : NULL;

	if (last && last->gpa + last->len == gpa) {
		last->len += PAGE;
	} else {
		if (draft->nr_ranges == RANGES_MAX)
			return false;
		last = &draft->ranges[draft->nr_ranges++];
		last->gpa = gpa;
		last->len = PAGE;
	}
	draft->free++;
	return true;
}

static int range_order(const void *a, const void *b)
{
	const struct vmem_ioc_range *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* May a table be made of this page? */
static bool page_is_free(const struct change *change, const struct pages *tables,
			 __u64 gpa)
{
	const char *page = memory_at(&change->source, gpa);
	__u64 nr;

	if (!page || !page_number(&change->source, gpa, &nr))
		fail("--pool: 0x%llx lies in no memory given", gpa);
	return !pages_have(tables, nr) && (change->force || page_is_zero(page));
}

/**
 * pool_choose() - choose the pages that tables of the draft come from
 * @change:	its source is open; out: the ranges of the draft
 *
 * Those are left out that are tables of a space that was told, and, without
 * --force, those that hold something. Failure ends the program.
 */
void pool_choose(struct change *change)
{
	struct pages tables = tables_of(&change->source);
	struct draft *draft = &change->draft;
	__u64 gpa, end, nr = 0;
	size_t i;

	draft->ranges = allocate(NULL, RANGES_MAX, sizeof(*draft->ranges));
	for (i = 0; i < change->nr_pools; i++) {
		end = change->pools[i].gpa + change->pools[i].len;
		for (gpa = change->pools[i].gpa; gpa != end; gpa += PAGE) {
			if (++nr > PAGES_MAX)
				fail("--pool: more than %llu pages", PAGES_MAX);
			if (page_is_free(change, &tables, gpa) &&
			    !pool_add(draft, gpa))
				fail("--pool: free pages are in more than %d pieces: give a smaller range",
				     RANGES_MAX);
		}
	}
	free(tables.bits);
	if (nr && !draft->nr_ranges)
		fail("--pool: no page of it is free: %s", change->force ?
		     "all are tables" :
		     "all hold something, or are tables (--force takes those that are no tables)");
	if (nr > draft->free)
		note("--pool: %llu of %llu pages hold something or are tables, and are left out",
		     nr - draft->free, nr);
	qsort(draft->ranges, draft->nr_ranges, sizeof(*draft->ranges),
	      range_order);
}
