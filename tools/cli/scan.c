// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Pages that look like the root of an address space.
 *
 * A root is a page of entries that name tables, some of them in the upper half, from
 * which sane tables lead to leaves. Lower tables pass for one in their own entries, but
 * not in those of the tables below: what they name is then taken a level too high.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define ENTRIES		512
#define PAGE		4096ULL
#define SLOTS_MAX	32	/* of a root that are followed */
#define FRAME_MAX	(1ULL << 46)	/* no device of a guest lies beyond it */
#define FORGET		(64ULL << 20)	/* bytes that are read before they are given back */
#define ODD_MAX		4	/* entries that aren't present and hold bits */

/* Can this be the entry of a table of @level, as any guest has them? */
static bool sane(__u64 entry, unsigned int level, __u64 top)
{
	__u64 addr = entry & ENTRY_ADDR;
	bool leaf = !level || entry & ENTRY_PS;

	if (leaf && level > 2)
		return false;
	if (!leaf)
		return addr < top;
	/* bit 12 is PAT in a large one */
	return addr < FRAME_MAX &&
	       (!level || !(addr & ((PAGE << 9 * level) - 1) & ~PAGE));
}

enum way { WAY_BAD, WAY_EMPTY, WAY_LEAF };

/*
 * Do sane tables lead from here to a leaf? Of each one entry is followed: the first one
 * that is a leaf, or else the first one. Kernels have tables that are empty yet.
 */
static enum way leads(const struct source *source, __u64 table, unsigned int level,
		      __u64 top)
{
	__u64 entries[ENTRIES], next = 0;
	bool leaf = false;
	unsigned int i;

	/* what isn't in a dump says nothing */
	if (!memory_page(source, table, entries))
		return WAY_EMPTY;
	for (i = 0; i < ENTRIES; i++) {
		if (!(entries[i] & ENTRY_P))
			continue;
		if (!sane(entries[i], level, top))
			return WAY_BAD;
		if (!level || entries[i] & ENTRY_PS)
			leaf = true;
		else if (!next)
			next = entries[i];
	}
	if (leaf || !next)
		return leaf ? WAY_LEAF : WAY_EMPTY;
	return leads(source, next & ENTRY_ADDR, level - 1, top);
}

static __u64 mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
	return hash ^ hash >> 32;
}

/* Count the entries of a page. */
static void count(const __u64 *entries, struct root *root)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		__u64 entry = entries[i];

		if (!(entry & ENTRY_P))
			continue;
		if (i < ENTRIES / 2)
			root->lower++;
		else
			root->upper++;
		if (i >= ENTRIES / 2)
			root->kernel = mix(root->kernel, mix(i, entry & ~(ENTRY_A | ENTRY_D)));
	}
}

/* What of a page can be told from itself. */
static bool looks(const __u64 *entries, unsigned int levels, __u64 top)
{
	unsigned int i, odd = 0, upper = 0;

	for (i = 0; i < ENTRIES; i++) {
		__u64 entry = entries[i];

		if (!(entry & ENTRY_P)) {
			if (entry && ++odd > ODD_MAX)
				return false;
			continue;
		}
		if (!sane(entry, levels - 1, top))
			return false;
		upper += i >= ENTRIES / 2;
	}
	return upper;
}

/* Do the entries of a page that looks like a root lead anywhere? */
static bool reaches(const struct source *source, const __u64 *entries, __u64 top,
		    struct root *root)
{
	unsigned int i, bad = 0, nr = root->lower + root->upper, step, at = 0;
	enum way way;

	step = nr > SLOTS_MAX ? nr / SLOTS_MAX : 1;
	for (i = 0; i < ENTRIES; i++) {
		if (!(entries[i] & ENTRY_P) || at++ % step)
			continue;
		way = leads(source, entries[i] & ENTRY_ADDR, source->levels - 2, top);
		bad += way == WAY_BAD;
		root->followed += way == WAY_LEAF;
	}
	return root->followed && bad * 8 <= root->followed;
}

/* A root that is known to be one, whether it can be had or not. */
void root_read(const struct source *source, __u64 gpa, struct root *root)
{
	__u64 entries[ENTRIES];

	*root = (struct root){ .gpa = gpa, .vcpu = -1, .shared = 1 };
	root->absent = !memory_page(source, gpa, entries);
	if (!root->absent)
		count(entries, root);
}

/* Is a page a root, by its looks? */
static bool is_root(const struct source *source, __u64 gpa, __u64 top, struct root *root)
{
	__u64 entries[ENTRIES];

	*root = (struct root){ .gpa = gpa, .vcpu = -1, .shared = 1 };
	if (!memory_page(source, gpa, entries) || !looks(entries, source->levels, top))
		return false;
	count(entries, root);
	return reaches(source, entries, top, root);
}

/* The next memory that can have a root in it, from @gpa on. Return: whether there is some. */
static bool next_range(const struct source *source, __u64 gpa, struct vmem_dump_range *range)
{
	if (source->dump)
		return !vmem_dump_next(source->guest, gpa, range);
	return memory_data(source, gpa, &range->gpa, &range->len);
}

/* All pages that look like one, by address. */
struct root *scan_roots(const struct source *source, size_t *nr)
{
	struct vmem_dump_range range = { 0 };
	__u64 gpa, top = memory_top(source), passed = 0;
	struct root *roots = NULL, root;

	*nr = 0;
	while (next_range(source, range.gpa + range.len, &range)) {
		for (gpa = range.gpa; gpa < range.gpa + range.len; gpa += PAGE) {
			passed += PAGE;
			if (!(passed % FORGET))
				memory_forget(source);
			if (!is_root(source, gpa, top, &root))
				continue;
			if (!(*nr & (*nr - 1)))
				roots = allocate(roots, *nr ? 2 * *nr : 1, sizeof(*roots));
			roots[(*nr)++] = root;
		}
	}
	return roots;
}
