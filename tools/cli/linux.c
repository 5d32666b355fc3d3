// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the guest's Linux tells: asked for when it is needed, and once.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define SEARCH_LONG	(2ULL << 30)	/* of memory that is searched in a second */

/* All that is known of it, and why not more is. */
struct knows {
	struct vmem_guest *guest;	/* whose memory is searched */
	struct vmem_linux about;
	struct vmem_linux_list list;
	char why[VMEM_DUMP_WHY_LEN];
	bool found;
	bool asked;	/* for processes */
	bool listed;
};

/* A search of much memory takes its time. */
static void say_search(const struct source *source)
{
	const char *text;
	char size[24];
	size_t len;

	if (memory_top(source) >= SEARCH_LONG &&
	    vmem_dump_vmcoreinfo(source->guest, &text, &len))
		note("looking for VMCOREINFO of Linux in memory, up to %s",
		     show_size(memory_top(source), size));
}

/*
 * The same memory as a dump, if that can be: a search of one passes over the holes of its
 * file, and gives back what it has read.
 */
static struct vmem_guest *search_guest(const struct source *source)
{
	const struct memory *memory = source->memories;
	char why[VMEM_DUMP_WHY_LEN];
	struct vmem_guest *guest;

	if (source->dump || source->kernel || source->nr_memories != 1 || memory->placed ||
	    memory->gpa || vmem_open_dump(memory->path, NULL, &guest, why))
		return source->guest;
	return guest;
}

static struct knows *knows_of(struct source *source)
{
	struct knows *knows = source->knows;
	int ret;

	if (knows)
		return knows;
	say_search(source);
	knows = source->knows = allocate(NULL, 1, sizeof(*knows));
	memset(knows, 0, sizeof(*knows));
	knows->guest = search_guest(source);
	ret = vmem_linux_find(knows->guest, &knows->about, 0, knows->why);
	knows->found = !ret;
	if (ret && !knows->why[0])
		snprintf(knows->why, sizeof(knows->why), "Linux can't be looked for: %s",
			 strerror(-ret));
	return knows;
}

/* The Linux of the guest. Return: NULL: there is none, linux_why() says why. */
const struct vmem_linux *linux_about(struct source *source)
{
	struct knows *knows = knows_of(source);

	return knows->found ? &knows->about : NULL;
}

/* Its processes. Return: NULL: they aren't known, linux_why() says why. */
const struct vmem_linux_list *linux_list(struct source *source)
{
	struct knows *knows = knows_of(source);
	int ret;

	if (knows->found && !knows->asked) {
		knows->asked = true;
		ret = vmem_linux_processes(knows->guest, &knows->about, &knows->list);
		knows->listed = !ret;
		snprintf(knows->why, sizeof(knows->why), "%s", knows->list.why);
		if (ret && !knows->why[0])
			snprintf(knows->why, sizeof(knows->why), "%s", strerror(-ret));
	}
	return knows->listed ? &knows->list : NULL;
}

const char *linux_why(struct source *source)
{
	return knows_of(source)->why;
}

/*
 * The name of a process, in quotes, as it may be any: what isn't plain is hexadecimal,
 * \x1b.
 */
const char *show_comm(const char *comm, char buf[COMM_LEN])
{
	char *to = buf;

	*to++ = '"';
	for (; *comm; comm++) {
		if (is_plain(*comm))
			*to++ = *comm;
		else
			to += sprintf(to, "\\x%02x", (unsigned char)*comm);
	}
	strcpy(to, "\"");
	return buf;
}
