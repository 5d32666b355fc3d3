// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Hints, on stderr, where an answer looks like that to a wrong question. Each is
 * given once, behind the answer, which it does not change. What they look at
 * besides the answer are single entries of memory, and the same root read with
 * another number of levels.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define PAGE		4096ULL
#define NR_ENTRIES	512

/* Of an entry, in both formats. */
#define ENTRY_SOFT_HIGH	(0x7fULL << 52)

#define FOUR_GIB	(1ULL << 32)
#define WIDE		(1ULL << 36)	/* no hint is due below this address */
#define ENC_BIT_MIN	32

#define TABLES_MAX	4096	/* that are looked at */
#define PROBE_BUDGET	4096

static bool in_memory(const struct source *source, __u64 gpa)
{
	__u64 entry;

	return memory_entry(source, gpa & ~7ULL, &entry);
}

/* Far above all memory, while the width is what the format allows? */
static bool is_wide(const struct source *source, __u64 gpa)
{
	return !source->cpu.phys_bits && !source->cpu.enc_bit && gpa >= WIDE &&
	       gpa >> 4 >= memory_top(source);
}

/*
 * Where the memory above the hole below 4 GiB would lie: it is no more than
 * what was given, or than what the hole hid.
 */
static bool is_high(const struct source *source, __u64 gpa)
{
	__u64 top = memory_top(source);

	return gpa >= FOUR_GIB &&
	       gpa - FOUR_GIB < (top > FOUR_GIB ? top : FOUR_GIB);
}

static void say_wide(const struct source *source, __u64 gpa)
{
	unsigned int bit = 63 - (unsigned int)__builtin_clzll(gpa);

	if (in_memory(source, gpa & ~(1ULL << bit)))
		note("hint: 0x%llx is far above all memory given, and without bit %u lies in it: if that is the encryption bit (SEV), --cpu c-bit=%u; the shared bit (TDX), --cpu shared-bit=%u; if the vCPU has no such address, --cpu phys=N, N at most %u",
		     gpa, bit, bit, bit, bit);
	else
		note("hint: 0x%llx is far above all memory given: if the vCPU's addresses have fewer than 52 bits, it faults where they are too wide: --cpu phys=N (CPUID 0x80000008, EAX bits 7:0)",
		     gpa);
}

static void say_high(const struct source *source, __u64 gpa)
{
	const char *path = source->nr_memories ? source->memories[0].path :
						 "FILE";

	note("hint: 0x%llx is above 4 GiB, where a guest with a hole below 4 GiB has the rest of its memory, which follows in the file: --memory %s@0:0+3G --memory %s@0x100000000:0xc0000000 (QEMU's pc; q35: 2G and 0x80000000)",
	     gpa, path, path);
}

/* A root that lies in no memory. */
void hint_outside(const struct source *source, __u64 gpa)
{
	if (is_high(source, gpa))
		say_high(source, gpa);
	else if (is_wide(source, gpa))
		say_wide(source, gpa);
}

static void seen_leaf(struct hints *hints, const struct source *source,
		      __u64 gpa, unsigned int page_lg2, __u32 leaf,
		      __u64 entry, bool outside)
{
	const __u32 device = VMEM_IOC_ATTR_PCD | VMEM_IOC_ATTR_PWT |
			     VMEM_IOC_ATTR_PAT;
	const size_t max = sizeof(hints->frames) / sizeof(hints->frames[0]);

	/* a device may lie anywhere, and is mapped with another cache type */
	if (outside && !hints->wide && !(leaf & device) &&
	    is_wide(source, gpa)) {
		hints->wide = entry;
		hints->wide_gpa = gpa;
	}
	/* with PAT it would be a large leaf of a tree with a level more */
	if (!outside && 1ULL << page_lg2 == PAGE &&
	    !(leaf & VMEM_IOC_ATTR_PAT) && hints->nr_frames < max)
		hints->frames[hints->nr_frames++] = gpa & ~(PAGE - 1);
}

static void seen_outside(struct hints *hints, const struct source *source,
			 __u64 entry, __u64 gpa)
{
	if (!hints->high_gpa && is_high(source, gpa))
		hints->high_gpa = gpa;
	if (!hints->wide && is_wide(source, gpa)) {
		hints->wide = entry;
		hints->wide_gpa = gpa;
	}
}

void hint_record(struct hints *hints, const struct source *source,
		 const struct vmem_ioc_record *rec)
{
	switch (rec->type) {
	case VMEM_IOC_REC_MAPPING:
		seen_leaf(hints, source, rec->gpa, rec->detail, rec->leaf,
			  rec->entry, rec->flags & VMEM_IOC_REC_OUTSIDE);
		break;
	case VMEM_IOC_REC_BAD:
		if (rec->detail == VMEM_IOC_BAD_OUTSIDE)
			seen_outside(hints, source, rec->entry, rec->gpa);
		break;
	case VMEM_IOC_REC_END:
		hints->leaves = rec->leaves;
		hints->refs = rec->refs;
		hints->bad = rec->bad;
		hints->walked &= rec->detail == VMEM_IOC_END_COMPLETE;
		break;
	}
}

/* The highest bit of an address that is translated. */
static unsigned int sign_bit(const struct source *source)
{
	return 12 + 9 * source->levels - 1;
}

static __u64 sign_extend(__u64 va, unsigned int bit)
{
	return (__u64)((__s64)(va << (63 - bit)) >> (63 - bit));
}

/*
 * The facts that take the tag from an address, all that would: tags lie above
 * bit 47 or 56, the bits between them and the sign bit are checked.
 */
static const char *untagged_by(const struct source *source, __u64 va)
{
	unsigned int bit = sign_bit(source);
	__u64 full = sign_extend(va, bit), wrong = va ^ full;
	bool above_56 = !(wrong & ((1ULL << 57) - 1));

	/* UAI ignores bit 63 too, LAM wants it to be the sign */
	if (wrong >> 63)
		return above_56 ? "uai" : NULL;
	if (va >> 63)
		return above_56 ? "lam-sup or uai" :
		       bit == 47 ? "lam-sup" : NULL;
	if (above_56)
		return bit == 47 ? "lam57, lam48 or uai" : "lam57 or uai";
	return bit == 47 ? "lam48" : NULL;
}

/* @tags: an address of this kind may have one */
void hint_address(struct hints *hints, const struct source *source, __u64 va, bool tags)
{
	__u64 *kind = tags && untagged_by(source, va) ? &hints->tagged : &hints->cut;

	if (!*kind)
		*kind = va;
}

void hint_result(struct hints *hints, const struct source *source, __u64 va,
		 const struct vmem_ioc_result *result, bool tags)
{
	switch (result->status) {
	case VMEM_IOC_OK:
		seen_leaf(hints, source, result->gpa, result->page_lg2,
			  result->leaf, result->entry,
			  result->flags & VMEM_IOC_RESULT_OUTSIDE);
		break;
	case VMEM_IOC_OUTSIDE:
		seen_outside(hints, source, result->entry,
			     entry_addr(source, result->entry));
		break;
	case VMEM_IOC_NON_CANONICAL:
		hint_address(hints, source, fault_va(va, result), tags);
		break;
	}
}

/* Has a table, all of it in memory, an entry that is present? */
static bool table_is_empty(const struct source *source, __u64 table)
{
	__u64 entry;
	int i;

	for (i = 0; i < NR_ENTRIES; i++)
		if (!memory_entry(source, table + 8 * i, &entry) ||
		    entry & ENTRY_P)
			return false;
	return true;
}

/* Does a frame hold what a table would? Data does so by chance only. */
static bool looks_like_table(const struct source *source, __u64 frame)
{
	unsigned int nr = 0, good = 0;
	__u64 entry, addr;
	int i;

	for (i = 0; i < NR_ENTRIES; i++) {
		if (!memory_entry(source, frame + 8 * i, &entry))
			return false;
		if (!entry)
			continue;
		nr++;
		addr = entry_addr(source, entry);
		good += entry & ENTRY_P && addr && in_memory(source, addr) &&
			!(entry & ENTRY_SOFT_HIGH);
	}
	return nr && good * 8 >= nr * 7;
}

/* The tables of a tree, as far as there is room for them. */
struct tables {
	__u64 gpa[TABLES_MAX];
	size_t nr;
};

/*
 * Breadth first, so that nothing is remembered but the tables: those of a level
 * follow those of the level above. One that is met twice is there twice.
 */
static void tables_collect(struct tables *tables, const struct source *source,
			   unsigned int levels)
{
	size_t first = 0, end;
	unsigned int level;
	__u64 entry;
	int i;

	tables->gpa[0] = source->roots[0];
	tables->nr = 1;
	for (level = levels - 1; level; level--)
		for (end = tables->nr; first < end; first++)
			for (i = 0; i < NR_ENTRIES; i++) {
				if (tables->nr == TABLES_MAX)
					return;
				if (memory_entry(source,
						 tables->gpa[first] + 8 * i,
						 &entry) &&
				    entry & ENTRY_P && !(entry & ENTRY_PS))
					tables->gpa[tables->nr++] =
						entry_addr(source, entry);
			}
}

/* Are most frames tables, but none that this very tree maps as data? */
static bool frames_are_tables(const struct hints *hints,
			      const struct source *source, unsigned int levels)
{
	struct tables *tables = allocate(NULL, 1, sizeof(*tables));
	size_t i, n, found = 0;

	tables_collect(tables, source, levels);
	for (i = 0; i < hints->nr_frames; i++) {
		for (n = 0; n < tables->nr; n++)
			if (tables->gpa[n] == hints->frames[i])
				break;
		found += n == tables->nr &&
			 looks_like_table(source, hints->frames[i]);
	}
	free(tables);
	return found && found * 2 >= hints->nr_frames;
}

/* What a walk of the first root finds with another number of levels. */
struct probe {
	struct hints hints;
	__u64 leaves;		/* in memory */
	__u64 odd;		/* outside, malformed or unreachable */
	__u64 bad;		/* of these, no leaves */
};

static void probe_record(struct probe *probe, const struct source *source,
			 const struct vmem_ioc_record *rec)
{
	hint_record(&probe->hints, source, rec);
	if (rec->type == VMEM_IOC_REC_BAD)
		probe->bad++;
	else if (rec->type != VMEM_IOC_REC_MAPPING)
		return;
	if (rec->type == VMEM_IOC_REC_BAD || rec->flags & VMEM_IOC_REC_OUTSIDE)
		probe->odd++;
	else
		probe->leaves += rec->len >> rec->detail;
}

static void probe_walk(const struct source *source, __u32 space,
		       struct probe *probe)
{
	static struct vmem_ioc_record records[256];
	struct vmem_ioc_walk_create walk = {
		.size	= sizeof(walk),
		.spaces	= (uintptr_t)&space,
		.nr	= 1,
		.last	= UINT64_MAX,
		.budget	= PROBE_BUDGET,
	};
	struct vmem_walker *walker;
	int i, nr;

	if (vmem_walk_create(source->guest, &walk, &walker))
		return;
	while ((nr = vmem_walk_read(walker, records, 256)) > 0)
		for (i = 0; i < nr; i++)
			probe_record(probe, source, &records[i]);
	vmem_walk_close(walker);
}

/* Does the first root make sense with @levels? @probe: what is found. */
static bool probe_levels(const struct source *source, unsigned int levels,
			 struct probe *probe)
{
	struct vmem_ioc_destroy destroy = { .size = sizeof(destroy) };
	__u32 format = levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
				     VMEM_IOC_FORMAT_X86_64_4LEVEL;

	*probe = (struct probe){ 0 };
	if (source_space(source, format, source->roots[0], &destroy.id))
		return false;
	probe_walk(source, destroy.id, probe);
	vmem_guest_destroy(source->guest, &destroy);
	return probe->leaves > probe->odd * 8 &&
	       !frames_are_tables(&probe->hints, source, levels);
}

/* Return: whether something was said. */
static bool say_levels(const struct hints *hints, const struct source *source)
{
	bool tables = frames_are_tables(hints, source, source->levels);
	bool nothing = hints->walked && !hints->leaves;
	unsigned int levels = source->levels == 4 ? 5 : 4;
	struct probe probe;

	if (!(tables || nothing || hints->bad) ||
	    !probe_levels(source, levels, &probe))
		return false;
	if (!(tables || nothing) && probe.bad * 8 > hints->bad)
		return false;
	note("hint: %sis this another number of levels? --format x86_64-%ulevel finds %llu %s",
	     tables ? "pages that are mapped here look like page tables: " : "",
	     levels, probe.leaves, probe.leaves == 1 ? "leaf" : "leaves");
	return true;
}

static void say_addresses(const struct hints *hints,
			  const struct source *source)
{
	unsigned int bit = sign_bit(source);
	__u64 va = hints->tagged;

	if (va)
		note("hint: %016llx is non-canonical: if its high bits are a tag, --cpu %s takes it off and leaves %016llx, which is also what its low %u bits are, sign-extended",
		     va, untagged_by(source, va), sign_extend(va, bit),
		     bit + 1);
	va = hints->cut;
	if (va)
		note("hint: %016llx is non-canonical: its low %u bits, sign-extended, are %016llx%s",
		     va, bit + 1, sign_extend(va, bit),
		     bit == 47 && sign_extend(va, 56) == va ?
		     "; with 5 levels (--format x86_64-5level) it is canonical" :
		     "");
}

/* The first root that no entry of is present. Return: whether there is one. */
static bool say_empty(const struct source *source)
{
	size_t i;

	for (i = 0; i < source->nr_roots; i++) {
		if (!table_is_empty(source, source->roots[i]))
			continue;
		note("hint: the table at 0x%llx has no entry that is present: is it a root, and does the file begin at the guest's address 0?",
		     source->roots[i]);
		return true;
	}
	return false;
}

/* All that is due, once each. */
void hint_say(const struct hints *hints, const struct source *source)
{
	bool said = say_empty(source);

	say_addresses(hints, source);
	if (said || say_levels(hints, source))
		return;
	if (hints->high_gpa) {
		say_high(source, hints->high_gpa);
		said = true;
	}
	if (hints->wide) {
		say_wide(source, hints->wide_gpa);
		said = true;
	}
	if (!said && hints->bad > 1 && hints->bad > hints->leaves + hints->refs)
		note("hint: most entries are malformed or unreachable: is this a root, is all of the memory given, and in its place?");
}
