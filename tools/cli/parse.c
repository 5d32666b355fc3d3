// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Numbers, addresses and ranges, as they are typed.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/*
 * A number, decimal or with 0x before it; @end is what stands behind it. A sign
 * and space are no part of one.
 */
static bool scan_u64(const char *text, __u64 *value, const char **end)
{
	int base = 10;
	char *stop;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (base == 16 ? !isxdigit((unsigned char)*text) :
			 !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &stop, base);
	*end = stop;
	return !errno;
}

/* A number of bytes, which may end with K, M, G or T. */
static bool scan_len(const char *text, __u64 *value, const char **end)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned int shift;

	if (!scan_u64(text, value, end))
		return false;
	unit = **end ? strchr(units, toupper((unsigned char)**end)) : NULL;
	if (!unit)
		return true;
	shift = 10 * (unsigned int)(unit - units + 1);
	if (*value << shift >> shift != *value)
		return false;
	*value <<= shift;
	(*end)++;
	return true;
}

bool parse_u64(const char *text, __u64 *value)
{
	const char *end;

	return scan_u64(text, value, &end) && !*end;
}

/* START-LAST, the last included, or START+LEN. */
bool parse_range(const char *text, __u64 *start, __u64 *last, const char **why)
{
	const char *end;
	__u64 len;

	*why = "is neither START-LAST nor START+LEN, in numbers that are decimal or begin with 0x";
	if (!scan_u64(text, start, &end))
		return false;
	if (*end == '-') {
		if (!scan_u64(end + 1, last, &end) || *end)
			return false;
		*why = "ends before it starts";
		return *start <= *last;
	}
	if (*end != '+' || !scan_len(end + 1, &len, &end) || *end)
		return false;
	*why = "has a length of 0";
	if (!len)
		return false;
	*why = "goes beyond the last address";
	*last = *start + (len - 1);
	return *last >= *start;
}

/* GPA[,GPA...], added to those that are there. */
bool parse_roots(const char *text, struct source *source)
{
	for (;;) {
		__u64 root;

		if (!scan_u64(text, &root, &text))
			return false;
		source->roots = allocate(source->roots, source->nr_roots + 1,
					 sizeof(root));
		source->roots[source->nr_roots++] = root;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

/* GPA[:OFFSET[+LEN]] */
static bool parse_place(const char *text, struct memory *memory)
{
	if (!scan_u64(text, &memory->gpa, &text))
		return false;
	if (*text == ':') {
		if (!scan_u64(text + 1, &memory->offset, &text))
			return false;
		if (*text == '+' &&
		    (!scan_len(text + 1, &memory->len, &text) || !memory->len))
			return false;
	}
	return !*text;
}

/*
 * FILE[@GPA[:OFFSET[+LEN]]]. An @ that no place stands behind belongs to the
 * name of the file.
 */
bool parse_memory(const char *text, struct memory *memory, const char **why)
{
	const char *at = strrchr(text, '@');
	__u64 page = 4096 - 1;

	*memory = (struct memory){ .path = text };
	if (at && parse_place(at + 1, memory))
		memory->path = strndup(text, (size_t)(at - text));
	else
		*memory = (struct memory){ .path = text };
	*why = "names no file";
	if (!memory->path || !*memory->path)
		return false;
	*why = "has a GPA, OFFSET or LEN that is no multiple of 4096";
	return !((memory->gpa | memory->offset | memory->len) & page);
}
