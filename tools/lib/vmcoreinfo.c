// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * VMCOREINFO, line by line, see vmcoreinfo.h.
 */
#include <stdio.h>
#include <string.h>

#include "vmcoreinfo.h"

#define KEY_LEN		64	/* more than any key has that is asked for */

size_t vmcoreinfo_len(const char *text, size_t len)
{
	size_t i, end = 0;

	for (i = 0; i < len; i++) {
		if (text[i] == '\n')
			end = i + 1;
		else if (text[i] < ' ' || text[i] > '~')
			break;
	}
	return end;
}

bool vmcoreinfo_find(const struct vmcoreinfo *info, const char *key, const char **value,
		     size_t *len)
{
	const char *at = info->text, *end = at + info->len, *line;
	size_t key_len = strlen(key);

	while (at < end) {
		line = at;
		at = memchr(line, '\n', (size_t)(end - line));
		if (!at)
			at = end;
		if ((size_t)(at - line) > key_len && line[key_len] == '=' &&
		    !memcmp(line, key, key_len)) {
			*value = line + key_len + 1;
			*len = (size_t)(at - *value);
			return true;
		}
		at++;
	}
	return false;
}

/* A number that is all of a value. */
static bool number(const char *text, size_t len, unsigned int base, __u64 *value)
{
	unsigned int digit;
	size_t i;

	*value = 0;
	for (i = 0; i < len; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			digit = (unsigned int)(text[i] - '0');
		else if (text[i] >= 'a' && text[i] <= 'f')
			digit = (unsigned int)(text[i] - 'a') + 10;
		else
			return false;
		if (digit >= base || *value > (~0ULL - digit) / base)
			return false;
		*value = *value * base + digit;
	}
	return len;
}

static bool named(const struct vmcoreinfo *info, const char *kind, const char *name,
		  const char **value, size_t *len)
{
	char key[KEY_LEN];

	snprintf(key, sizeof(key), "%s(%s)", kind, name);
	return vmcoreinfo_find(info, key, value, len);
}

bool vmcoreinfo_symbol(const struct vmcoreinfo *info, const char *name, __u64 *value)
{
	const char *text;
	size_t len;

	return named(info, "SYMBOL", name, &text, &len) && number(text, len, 16, value);
}

bool vmcoreinfo_number(const struct vmcoreinfo *info, const char *name, __s64 *value)
{
	const char *text;
	__u64 magnitude;
	bool below;
	size_t len;

	if (!named(info, "NUMBER", name, &text, &len))
		return false;
	below = len && *text == '-';
	if (!number(text + below, len - below, 10, &magnitude) ||
	    magnitude > (1ULL << 63) - !below)
		return false;
	*value = (__s64)(below ? -magnitude : magnitude);
	return true;
}

bool vmcoreinfo_offset(const struct vmcoreinfo *info, const char *name, __u64 *value)
{
	const char *text;
	size_t len;

	return named(info, "OFFSET", name, &text, &len) && number(text, len, 10, value);
}
