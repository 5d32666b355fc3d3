// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Why a change was refused, in words: what stands in its way, where, and what
 * would make it go.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli.h"

static const struct {
	int error;
	const char *name;
} names[] = {
	{ EINVAL, "EINVAL" }, { EOPNOTSUPP, "EOPNOTSUPP" }, { E2BIG, "E2BIG" },
	{ EOVERFLOW, "EOVERFLOW" }, { ENXIO, "ENXIO" }, { EROFS, "EROFS" },
	{ ENOENT, "ENOENT" }, { EEXIST, "EEXIST" }, { ERANGE, "ERANGE" },
	{ EMLINK, "EMLINK" }, { ENOSPC, "ENOSPC" }, { EAGAIN, "EAGAIN" },
	{ ENOMEM, "ENOMEM" }, { EBUSY, "EBUSY" }, { EIO, "EIO" },
	{ EINTR, "EINTR" },
};

/**
 * struct why - why it was refused
 * @change:	the change
 * @answer:	what the call answered
 * @entry:	where it stopped, 0 where none was read
 * @placed:	it stopped at an entry
 * @malformed:	the entry is
 * @text:	what stands in the way
 * @advice:	what would make it go, "": nothing is known
 */
struct why {
	const struct change *change;
	const struct vmem_ioc_change *answer;
	__u64 entry;
	bool placed;
	bool malformed;
	char text[256];
	char advice[256];
};

__attribute__((__format__(__printf__, 2, 3)))
static void because(struct why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
}

__attribute__((__format__(__printf__, 2, 3)))
static void advise(struct why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->advice, sizeof(why->advice), format, args);
	va_end(args);
}

/* The entry where the call stopped, as the tables are now. */
static void why_entry(struct why *why)
{
	__u64 va = why->answer->out_at_va, entries[VMEM_IOC_LEVELS_MAX] = { 0 };
	const struct draft *draft = &why->change->draft;
	struct vmem_ioc_result result = { 0 };
	struct vmem_ioc_translate call = {
		.size		= sizeof(call),
		.space		= draft->spaces[why->change->space],
		.nr		= 1,
		.vas		= (uintptr_t)&va,
		.results	= (uintptr_t)&result,
		.entries	= (uintptr_t)entries,
	};
	__u32 level = why->answer->out_at_level;

	if (vmem_space_translate(draft->guest, &call) ||
	    level >= VMEM_IOC_LEVELS_MAX)
		return;
	why->entry = entries[level];
	why->malformed = result.status == VMEM_IOC_RESERVED &&
			 result.level == level;
}

static __u32 entry_grants(__u64 entry)
{
	return VMEM_IOC_ATTR_R | (entry & ENTRY_W ? VMEM_IOC_ATTR_W : 0) |
	       (entry & ENTRY_U ? VMEM_IOC_ATTR_U : 0) |
	       (entry & ENTRY_NX ? 0 : VMEM_IOC_ATTR_X);
}

/* What one entry of a level spans, as it is shown. */
static const char *level_size(__u32 level, char *buf)
{
	return show_size(1ULL << (12 + 9 * level), buf);
}

static void why_exists_table(struct why *why)
{
	const struct change *change = why->change;
	char grants[ATTRS_PATH + 1];
	__u32 has = entry_grants(why->entry);

	if (change->linked) {
		because(why, "something is there, below entry %016llx",
			why->entry);
		if (!change->replace)
			advise(why, "--replace unmaps it");
		return;
	}
	show_attrs(has, ATTRS_PATH, grants);
	if (change->path) {
		because(why, "entry %016llx grants %s, and not just what is given",
			why->entry, grants);
		return;
	}
	if (!(change->needs & ~has)) {
		because(why, "the guest has the page of --pool that entry %016llx names in use",
			why->entry);
		return;
	}
	because(why, "entry %016llx grants %s only", why->entry, grants);
	if (!change->widen)
		advise(why, "--widen makes it grant what is needed, for all that lies below it");
}

static void why_exists(struct why *why)
{
	__u32 level = why->answer->out_at_level;
	char size[24];

	if (!why->entry) {
		because(why, "two of the mappings need different tables there");
		return;
	}
	if (!(why->entry & ENTRY_P)) {
		because(why, "entry %016llx is not present, but holds something",
			why->entry);
		advise(why, "without --keep it is overwritten");
		return;
	}
	if (level && !(why->entry & ENTRY_PS) && !why->malformed) {
		why_exists_table(why);
		return;
	}
	if (why->malformed)
		because(why, "entry %016llx is there, and malformed", why->entry);
	else
		because(why, "mapped already, by a page of %s: entry %016llx",
			level_size(level, size), why->entry);
	if (!why->change->replace)
		advise(why, "--replace replaces what is mapped%s",
		       level && !why->change->split ?
		       ", where it is a part of a larger page only with --split" :
		       "");
}

static void why_part(struct why *why)
{
	char size[24];

	level_size(why->answer->out_at_level, size);
	if (why->malformed) {
		because(why, "entry %016llx is malformed, and its %s lie in the range in part",
			why->entry, size);
		return;
	}
	because(why, "a page of %s lies in the range in part: entry %016llx",
		size, why->entry);
	if (!why->change->split)
		advise(why, "--split splits it");
}

static void why_lacks(struct why *why)
{
	__u64 missing = why->answer->out_missing;
	const struct draft *draft = &why->change->draft;

	if (draft->nr_ranges)
		because(why, "%llu more free %s needed than the %llu of --pool",
			missing, missing == 1 ? "page is" : "pages are",
			draft->free);
	else
		because(why, "%llu %s needed, and there is no --pool", missing,
			missing == 1 ? "page for a table is" :
				       "pages for tables are");
	advise(why, "--pool START+LEN: pages that are free in the guest");
}

/* What the errno says of this change. */
static void why_text(struct why *why, int error)
{
	const struct change *change = why->change;

	switch (error) {
	case EEXIST:
		why_exists(why);
		break;
	case ERANGE:
		why_part(why);
		break;
	case EMLINK:
		because(why, "the table that entry %016llx names is at other places too",
			why->entry);
		break;
	case ENOSPC:
	case EAGAIN:
	case EBUSY:
		why_lacks(why);
		break;
	case EROFS:
		because(why, "a table of %s can't be changed where it is, nor moved",
			change->movable ? "another root" : "the guest's");
		break;
	case ENXIO:
		because(why, "the table that entry %016llx names lies in no memory given",
			why->entry);
		break;
	case ENOENT:
		because(why, "there is no such table");
		if (change->linked)
			advise(why, "--make makes one");
		break;
	case EINVAL:
		because(why, "not possible: %s", change->invalid);
		break;
	case EOVERFLOW:
		because(why, "an address is wider than those of the vCPU");
		break;
	case E2BIG:
		because(why, "more tables than one change may visit");
		advise(why, "do it in parts");
		break;
	case EOPNOTSUPP:
		because(why, "%s can't express that on this vCPU",
			change->source.format);
		break;
	default:
		because(why, "%s", strerror(error));
	}
}

static const char *error_name(int error)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == error)
			return names[i].name;
	return "";
}

/**
 * why_show() - say why a change was refused, and that nothing was written
 * @change:	the change
 * @ret:	what the call returned, not 0
 * @answer:	what it answered
 */
void why_show(const struct change *change, int ret,
	      const struct vmem_ioc_change *answer)
{
	struct why why = { .change = change, .answer = answer };

	why.placed = answer->out_at_va || answer->out_at_level ||
		     ret == -EEXIST || ret == -ERANGE || ret == -EMLINK ||
		     ret == -ENXIO;
	if (why.placed)
		why_entry(&why);
	why_text(&why, -ret);
	if (change->json)
		printf("{\"error\":{\"errno\":\"%s\",\"va\":\"0x%llx\",\"level\":%u,\"missing\":%llu,\"written\":false}}\n",
		       error_name(-ret), answer->out_at_va,
		       answer->out_at_level, answer->out_missing);
	if (why.placed)
		note("at %016llx, level %u: %s", answer->out_at_va,
		     answer->out_at_level, why.text);
	else
		note("%s", why.text);
	if (*why.advice)
		note("hint: %s", why.advice);
	if (ret == -ENXIO)
		hint_outside(&change->source, entry_addr(&change->source, why.entry));
	end_output();
}
