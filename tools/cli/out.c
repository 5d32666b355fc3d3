// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * How records get out: a walk prints millions of them, and printf() would take most of
 * its time.
 *
 * A line is put together here, and goes to stdout as a whole, which orders it with what
 * others print there; errors of writing are stdout's.
 */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define NUMBER_LEN	24
#define FORMAT_LEN	256	/* of what one out_format() prints */

static struct {
	size_t nr;
	char text[1024];
} line;

static char buffer[64 * 1024];

/* Before the first output. People see each line as it comes. */
void out_init(void)
{
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}

static void flush(void)
{
	fwrite_unlocked(line.text, 1, line.nr, stdout);
	line.nr = 0;
}

/* Where the next @len characters go, fewer than a line has. */
char *out_room(size_t len)
{
	char *to;

	if (sizeof(line.text) - line.nr < len)
		flush();
	to = line.text + line.nr;
	line.nr += len;
	return to;
}

void out_bytes(const char *text, size_t len)
{
	if (len < sizeof(line.text)) {
		memcpy(out_room(len), text, len);
		return;
	}
	flush();
	fwrite_unlocked(text, 1, len, stdout);
}

void out_char(char c)
{
	*out_room(1) = c;
}

/* In hexadecimal, at least @width digits of it. */
void out_hex(__u64 value, unsigned int width)
{
	unsigned int nr = (67 - (unsigned int)__builtin_clzll(value | 1)) / 4;
	char *to;

	if (nr < width)
		nr = width;
	for (to = out_room(nr) + nr; nr--; value >>= 4)
		*--to = "0123456789abcdef"[value & 0xf];
}

void out_count(__u64 value)
{
	char *to = out_room(NUMBER_LEN);

	line.nr -= (size_t)(to + NUMBER_LEN - show_number(value, to));
}

/* Of JSON: any bytes, each of them a character. */
void out_string(const char *text)
{
	out_char('"');
	for (; *text; text++) {
		if (is_plain(*text))
			out_char(*text);
		else if (*text == '"' || *text == '\\')
			out_format("\\%c", *text);
		else
			out_format("\\u%04x", (unsigned char)*text);
	}
	out_char('"');
}

/* At the right of a column. */
void out_right(const char *text, size_t width)
{
	size_t len, i;
	char *to;

	/* what was just written is quickest read as it was */
	for (len = 0; text[len]; len++)
		;
	if (width < len)
		width = len;
	to = out_room(width);
	for (i = 0; i < width - len; i++)
		*to++ = ' ';
	for (; *text; text++)
		*to++ = *text;
}

void out_attrs(__u32 attrs, unsigned int nr)
{
	show_attrs(attrs, nr, out_room(nr + 1));
	/* without the 0 */
	line.nr--;
}

/* What is rare. */
void out_format(const char *format, ...)
{
	char text[FORMAT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	out_text(text);
}

/* The end of a line. */
void out_end(const char *text)
{
	out_text(text);
	out_char('\n');
	flush();
}
