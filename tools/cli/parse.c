// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Numbers, addresses and ranges, as they are typed.
 *
 * Tools print addresses in hexadecimal, and not all with 0x before them. What
 * can only be hexadecimal is taken for it, and so is what looks like a padded
 * address; other digits could be either, and a wrong guess would be a silent
 * wrong answer: they are refused, with both readings. Counts are decimal.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define DIGITS_MAX	40	/* more are no number of 64 bits, however written */

/* What stands at the begin of a text. */
struct number {
	char digits[DIGITS_MAX + 1];	/* without 0x and separators */
	size_t nr;
	bool prefixed;		/* 0x */
	bool letters;		/* one of a to f */
	bool separated;		/* by ` or _ */
};

/* Return: what stands behind it, NULL: there is no number. */
static const char *scan_number(const char *text, struct number *number)
{
	*number = (struct number){ 0 };
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		number->prefixed = true;
		text += 2;
	}
	for (;; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c == '`' || c == '_') && number->nr &&
		    isxdigit((unsigned char)text[1])) {
			number->separated = true;
			continue;
		}
		if (!isxdigit(c))
			break;
		if (number->nr == DIGITS_MAX)
			return NULL;
		number->letters |= !isdigit(c);
		number->digits[number->nr++] = (char)c;
	}
	return number->nr ? text : NULL;
}

static bool number_value(const struct number *number, int base, __u64 *value)
{
	errno = 0;
	*value = strtoull(number->digits, NULL, base);
	return !errno;
}

/* Is it hexadecimal by how it is written? */
static bool number_hex(const struct number *number)
{
	return number->prefixed || number->letters || number->separated ||
	       number->digits[0] == '0' || number->nr == 16;
}

/* Both readings of digits alone. */
static const char *number_readings(const struct number *number)
{
	static char text[256];
	__u64 decimal, hex;
	bool is_decimal = number_value(number, 10, &decimal);

	if (is_decimal && number_value(number, 16, &hex))
		snprintf(text, sizeof(text),
			 "could be decimal or hexadecimal: %s is 0x%llx if it is decimal, else write 0x%s",
			 number->digits, decimal, number->digits);
	else if (is_decimal)
		snprintf(text, sizeof(text),
			 "could be decimal or hexadecimal: %s is 0x%llx if it is decimal, and as 0x%s above 64 bits",
			 number->digits, decimal, number->digits);
	else
		snprintf(text, sizeof(text), "is above 64 bits");
	return text;
}

/*
 * An address, which ends where @end says. Where it fails, @why is set if more can
 * be said than that there is none.
 */
static bool scan_address(const char *text, __u64 *value, const char **end,
			 const char **why)
{
	struct number number;

	*end = scan_number(text, &number);
	if (!*end)
		return false;
	if (!number_hex(&number)) {
		/* 12z is no address at all, and needs no readings */
		if (!isalnum((unsigned char)**end))
			*why = number_readings(&number);
		return false;
	}
	if (number_value(&number, 16, value))
		return true;
	*why = "is above 64 bits";
	return false;
}

/*
 * A length: an address's way to write a number of bytes; or a count, decimal or
 * with 0x, of the unit that ends it.
 */
static bool scan_len(const char *text, __u64 *value, const char **end,
		     const char **why)
{
	static const char units[] = "KMGT";
	struct number number;
	const char *unit;
	unsigned int shift;

	*end = scan_number(text, &number);
	if (!*end)
		return false;
	unit = **end ? strchr(units, toupper((unsigned char)**end)) : NULL;
	if (!unit)
		return scan_address(text, value, end, why);
	if (!number.prefixed && (number_hex(&number) && number.nr > 1)) {
		*why = "has a length that is neither decimal nor begins with 0x, before its unit";
		return false;
	}
	shift = 10 * (unsigned int)(unit - units + 1);
	if (!number_value(&number, number.prefixed ? 16 : 10, value) ||
	    *value << shift >> shift != *value) {
		*why = "is above 64 bits";
		return false;
	}
	*value <<= shift;
	(*end)++;
	return true;
}

bool parse_address(const char *text, __u64 *value, const char **why)
{
	const char *end;

	*why = "is no address, like 0x400000, ffff8000`00400000 or 0000000000400000";
	return scan_address(text, value, &end, why) && !*end;
}

/* The bits of a register of 32: written as an address is. */
bool parse_bits(const char *text, __u32 *bits, const char **why)
{
	const char *end;
	__u64 value;

	*why = "has no hexadecimal number, like 0x40 or 0000000c";
	if (!scan_address(text, &value, &end, why) || *end)
		return false;
	*why = "is above 32 bits";
	*bits = (__u32)value;
	return value <= UINT32_MAX;
}

/* How many: decimal, or with 0x. A sign and space are no part of it. */
bool parse_count(const char *text, __u64 *value)
{
	struct number number;
	const char *end = scan_number(text, &number);

	return end && !*end && !number.separated &&
	       (number.prefixed || !number.letters) &&
	       number_value(&number, number.prefixed ? 16 : 10, value);
}

/* START-LAST, the last included, or START+LEN. */
bool parse_range(const char *text, __u64 *start, __u64 *last, const char **why)
{
	const char *end;
	__u64 len;

	*why = "is neither START-LAST nor START+LEN, like 0x400000-0x7fffff or 0x400000+4M";
	if (!scan_address(text, start, &end, why))
		return false;
	if (*end == '-') {
		if (!scan_address(end + 1, last, &end, why) || *end)
			return false;
		*why = "ends before it starts";
		return *start <= *last;
	}
	if (*end != '+' || !scan_len(end + 1, &len, &end, why) || *end)
		return false;
	*why = "has a length of 0";
	if (!len)
		return false;
	*why = "goes beyond the last address";
	*last = *start + (len - 1);
	return *last >= *start;
}

/* SIZE[,SIZE...], of pages. @sizes: bit n: 2^n bytes. */
bool parse_sizes(const char *text, __u64 *sizes, const char **why)
{
	__u64 size;

	*sizes = 0;
	for (;;) {
		*why = "is no list of sizes of pages, like 4K,2M";
		if (!scan_len(text, &size, &text, why))
			return false;
		if (!size || size & (size - 1))
			return false;
		*sizes |= size;
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

/* GPA[,GPA...], added to those that are there. */
bool parse_roots(const char *text, struct source *source, const char **why)
{
	for (;;) {
		__u64 root;

		*why = "is no list of addresses, like 0x1c0a000,0x2f36000";
		if (!scan_address(text, &root, &text, why))
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

/* GPA[:OFFSET[+LEN]]. @why is set if it is meant to be one, but can't be. */
static bool parse_place(const char *text, struct memory *memory,
			const char **why)
{
	if (!scan_address(text, &memory->gpa, &text, why))
		return false;
	if (*text == ':') {
		memory->placed = true;
		if (!scan_address(text + 1, &memory->offset, &text, why))
			return false;
		if (*text == '+') {
			if (!scan_len(text + 1, &memory->len, &text, why))
				return false;
			if (!memory->len) {
				*why = "has a length of 0";
				return false;
			}
		}
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

	*memory = (struct memory){ .path = text };
	*why = NULL;
	if (at && parse_place(at + 1, memory, why))
		memory->path = strndup(text, (size_t)(at - text));
	else
		*memory = (struct memory){ .path = text };
	if (*why)
		return false;
	*why = "names no file";
	if (!memory->path || !*memory->path)
		return false;
	*why = "has a GPA that is no multiple of 4096";
	return !(memory->gpa & 4095);
}
