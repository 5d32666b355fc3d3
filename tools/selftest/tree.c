// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tree with all that there is, for the tests that read.
 */
#include "guest.h"
#include "ktap.h"

#define LEAF4	(X86_P | X86_A)

static void runs(struct guest *g, u64 at)
{
	u64 frame = GUEST_GPA;
	u64 t;
	int i;

	/* 600 pages in a row over the end of a table, then one that differs. */
	for (i = 0; i < 600; i++)
		guest_map(g, g->root, at + (200 + i) * PAGE, 0,
			  (frame + i * PAGE) | LEAF4 | X86_RW | X86_D,
			  X86_TABLE);
	/* The same run, but the second half has D clear. */
	for (i = 0; i < 20; i++)
		guest_map(g, g->root, at + (1000 + i) * PAGE, 0,
			  (frame + i * PAGE) | LEAF4 | (i < 10 ? X86_D : 0),
			  X86_TABLE);
	/* Contiguous, but by tables with other permissions. */
	for (i = -4; i < 4; i++)
		t = guest_map(g, g->root, at + 8 * MIB + i * (s64)PAGE, 0,
			      (frame + MIB + i * (s64)PAGE) | LEAF4 | X86_US,
			      i < 0 ? X86_TABLE : X86_TABLE | X86_US);
	(void)t;
	/* Frames that are in no region, and one that is at its end. */
	for (i = 0; i < 8; i++)
		guest_map(g, g->root, at + (1200 + i) * PAGE, 0,
			  (g->gpa + g->len + (i - 4) * (s64)PAGE) | LEAF4,
			  X86_TABLE);
}

static void attributes(struct guest *g, u64 at)
{
	static const u64 bits[] = {
		0, X86_RW, X86_US, X86_PWT, X86_PCD, X86_D, X86_PAT, X86_G,
		X86_NX, X86_COW, 2ULL << 9, 7ULL << 9, 5ULL << 59, 15ULL << 59,
		X86_RW | X86_US | X86_PWT | X86_PCD | X86_D | X86_PAT | X86_G |
		X86_NX | X86_COW,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		guest_map(g, g->root, at + i * PAGE, 0,
			  (GUEST_GPA + i * PAGE) | X86_P | bits[i],
			  X86_TABLE | X86_US);
		/* PAT lies at bit 12 of large leaves. */
		guest_map(g, g->root, at + 2 * MIB * (1 + i), 1,
			  (i * 2 * MIB) | X86_P | bits[i] | X86_PS |
			  (bits[i] & X86_PAT ? X86_PAT_LARGE : 0),
			  X86_TABLE | X86_US);
		guest_map(g, g->root, at + GIB * (1 + i), 2,
			  (i * GIB) | X86_P | bits[i] | X86_PS |
			  (bits[i] & X86_PAT ? X86_PAT_LARGE : 0),
			  X86_TABLE | X86_US);
	}
	/* Not present, whatever else they hold. */
	guest_map(g, g->root, at + 100 * PAGE, 0, ~X86_P, X86_TABLE);
	/* Large leaves in a row. */
	for (i = 0; i < 6; i++)
		guest_map(g, g->root, at + 100 * MIB + i * 2 * MIB, 1,
			  (16 + i * 2) * MIB | LEAF4 | X86_PS, X86_TABLE);
}

/* Tables used twice, at the same level and at another, with other rights. */
static void shared(struct guest *g, u64 at)
{
	u64 table = guest_map(g, g->root, at, 0, GUEST_GPA | LEAF4, X86_TABLE);

	guest_map(g, g->root, at + 4 * MIB, 1, table | X86_TABLE, X86_TABLE);
	guest_map(g, g->root, at + 6 * MIB, 1, table | X86_P | X86_NX | X86_A,
		  X86_TABLE);
	guest_map(g, g->root, at + 2 * GIB, 2, table | X86_TABLE, X86_TABLE);
}

static void malformed(struct guest *g, u64 at)
{
	unsigned int top = levels_of(g->format) - 1, level;
	u64 step;

	/* Tables in no region, below each level. */
	for (level = 1; level <= top; level++) {
		step = entry_span(level < 3 ? 3 : top);
		guest_map(g, g->root, at + level * step, level,
			  (1ULL << 45) | X86_TABLE, X86_TABLE);
	}
	/* The large-page bit where it can't be. */
	for (level = 3; level <= top; level++)
		guest_map(g, g->root, at + (8 + level) * entry_span(top), level,
			  GUEST_GPA | X86_TABLE | X86_PS, X86_TABLE);
	/* Address bits below the size of a large leaf. */
	guest_map(g, g->root, at + 12 * entry_span(3), 1,
		  (2 * MIB + 2 * PAGE) | LEAF4 | X86_PS, X86_TABLE);
	guest_map(g, g->root, at + 13 * entry_span(3), 2,
		  (GIB + 2 * MIB) | LEAF4 | X86_PS, X86_TABLE);
}

void guest_tree(struct guest *g, bool bad)
{
	unsigned int levels = levels_of(g->format);
	u64 upper = canonical(levels, entry_span(levels - 1) * 300);

	guest_root(g);
	attributes(g, 0);
	runs(g, 64 * GIB);
	shared(g, 128 * GIB);
	attributes(g, upper);
	/* The first page of the upper half, the last of both. */
	guest_map(g, g->root, entry_span(levels - 1) * 256 - PAGE, 0,
		  GUEST_GPA | LEAF4, X86_TABLE);
	guest_map(g, g->root, canonical(levels, entry_span(levels - 1) * 256), 0,
		  (GUEST_GPA + PAGE) | LEAF4, X86_TABLE);
	guest_map(g, g->root, -PAGE, 0, GUEST_GPA | LEAF4, X86_TABLE);
	if (bad)
		malformed(g, canonical(levels, entry_span(levels - 1) * 320));
}
