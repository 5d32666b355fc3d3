// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * kallsyms, in the guest's memory. Names are lists of tokens, one byte each, behind a
 * length of 7 bits, or of 14 in two bytes; the first letter of a name is its type. An
 * address is a number of 32 bits, the meaning of which has changed:
 *
 *   from 6.0 on	not below 0: the address itself (of a per-CPU variable), else -1 - n
 *			behind kallsyms_relative_base; where the configuration has no
 *			absolute per-CPU symbols as the next one
 *   from 6.15 on	unsigned, behind kallsyms_relative_base
 *   from 7.0 on	signed, from where it stands
 *
 * Which one it is is told by a symbol whose address VMCOREINFO tells, too: _stext.
 *
 * Linux's kernel/kallsyms.c, scripts/kallsyms.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"

#define TOKENS		256
#define SYMBOLS_MAX	(1U << 21)	/* a tenth of it is usual */
#define NAME_LEN	512		/* KSYM_NAME_LEN */
#define NAMES_MAX	(1U << 25)	/* bytes of all of them */

#define KNOWN		"_stext"

/**
 * struct kallsyms - the table
 * @kernel:	whose it is
 * @names:	where the next name begins
 * @left:	bytes of names that may still come
 * @nr:		how many symbols
 * @offsets:	where their addresses are
 * @has_base:	there is a relative base
 * @base:	it
 * @tokens:	what they stand for, terminated
 */
struct kallsyms {
	struct kernel *kernel;
	__u64 names;
	__u32 left;
	__u32 nr;
	__u64 offsets;
	bool has_base;
	__u64 base;
	char tokens[TOKENS][NAME_LEN];
};

enum encoding { ENCODING_PER_CPU, ENCODING_BASE, ENCODING_PLACE, ENCODINGS };

static int read_string(struct kernel *kernel, __u64 va, char *to, size_t len)
{
	size_t i;
	int ret;

	for (i = 0; i < len; i++) {
		ret = kernel_read(kernel, va + i, to + i, 1);
		if (ret)
			return ret;
		if (!to[i])
			return 0;
	}
	return -EINVAL;
}

static int read_tokens(struct kallsyms *table, __u64 tokens, __u64 index)
{
	unsigned char at[2 * TOKENS];
	unsigned int i;
	int ret = kernel_read(table->kernel, index, at, sizeof(at));

	for (i = 0; i < TOKENS && !ret; i++)
		ret = read_string(table->kernel,
				  tokens + (at[2 * i] | (__u64)at[2 * i + 1] << 8),
				  table->tokens[i], NAME_LEN);
	return ret;
}

static int table_open(struct kallsyms *table, const struct vmcoreinfo *info)
{
	__u64 nr, tokens, index, base;
	int ret;

	if (!vmcoreinfo_symbol(info, "kallsyms_names", &table->names) ||
	    !vmcoreinfo_symbol(info, "kallsyms_num_syms", &nr) ||
	    !vmcoreinfo_symbol(info, "kallsyms_token_table", &tokens) ||
	    !vmcoreinfo_symbol(info, "kallsyms_token_index", &index) ||
	    !vmcoreinfo_symbol(info, "kallsyms_offsets", &table->offsets))
		return -ENOENT;
	table->has_base = vmcoreinfo_symbol(info, "kallsyms_relative_base", &base);
	ret = kernel_read_32(table->kernel, nr, &table->nr);
	if (!ret && table->has_base)
		ret = kernel_read_64(table->kernel, base, &table->base);
	if (!ret && table->nr > SYMBOLS_MAX)
		ret = -EINVAL;
	return ret ? ret : read_tokens(table, tokens, index);
}

static int next_byte(struct kallsyms *table, unsigned char *byte)
{
	if (!table->left--)
		return -EINVAL;
	return kernel_read(table->kernel, table->names++, byte, 1);
}

/* The next name, without the letter of its type. One that is too long is cut. */
static int next_name(struct kallsyms *table, char name[NAME_LEN])
{
	bool typed = false;
	unsigned char byte;
	const char *token;
	size_t at = 0;
	__u32 len;
	int ret = next_byte(table, &byte);

	len = byte;
	if (!ret && byte & 0x80) {
		ret = next_byte(table, &byte);
		len = (len & 0x7f) | (__u32)byte << 7;
	}
	while (!ret && len--) {
		ret = next_byte(table, &byte);
		token = ret ? "" : table->tokens[byte];
		if (!typed && *token) {
			typed = true;
			token++;
		}
		while (*token && at < NAME_LEN - 1)
			name[at++] = *token++;
	}
	name[at] = 0;
	return ret;
}

/* An address, in each of the ways. */
static int read_address(const struct kallsyms *table, __u32 index, __u64 value[ENCODINGS])
{
	__u64 at = table->offsets + 4ULL * index;
	__u32 word;
	__s64 offset;
	int ret = kernel_read_32(table->kernel, at, &word);

	if (ret)
		return ret;
	offset = (__s32)word;
	value[ENCODING_PER_CPU] = offset >= 0 ? (__u64)offset :
				  table->base - 1 - (__u64)offset;
	value[ENCODING_BASE] = table->base + word;
	value[ENCODING_PLACE] = at + (__u64)offset;
	return 0;
}

/* The way in which a symbol has the address that is known of it. */
static int encoding_of(const struct kallsyms *table, const __u64 value[ENCODINGS],
		       __u64 known)
{
	int i;

	for (i = table->has_base ? ENCODING_PER_CPU : ENCODING_PLACE; i < ENCODINGS; i++)
		if (value[i] == known)
			return i;
	return -EINVAL;
}

static int find(struct kallsyms *table, __u64 known, struct kallsyms_symbol *symbols,
		size_t nr, __u64 (*values)[ENCODINGS])
{
	int encoding = -EINVAL, ret = 0;
	__u64 value[ENCODINGS];
	char name[NAME_LEN];
	__u32 i;
	size_t j;

	for (i = 0; i < table->nr && !ret; i++) {
		ret = next_name(table, name);
		for (j = 0; j < nr && !ret; j++) {
			if (symbols[j].found || strcmp(name, symbols[j].name))
				continue;
			symbols[j].found = true;
			ret = read_address(table, i, values[j]);
		}
		if (!ret && encoding < 0 && !strcmp(name, KNOWN)) {
			ret = read_address(table, i, value);
			encoding = encoding_of(table, value, known);
		}
	}
	if (!ret && encoding < 0)
		ret = encoding;
	for (j = 0; j < nr && !ret; j++)
		symbols[j].value = values[j][encoding];
	return ret;
}

int kallsyms_find(struct kernel *kernel, const struct vmcoreinfo *info,
		  struct kallsyms_symbol *symbols, size_t nr)
{
	struct kallsyms *table = calloc(1, sizeof(*table));
	__u64 (*values)[ENCODINGS] = calloc(nr, sizeof(*values)), known;
	int ret = -ENOMEM;

	if (table && values) {
		table->kernel = kernel;
		table->left = NAMES_MAX;
		ret = vmcoreinfo_symbol(info, KNOWN, &known) ? table_open(table, info) :
							       -ENOENT;
		if (!ret)
			ret = find(table, known, symbols, nr, values);
	}
	free(values);
	free(table);
	return ret;
}
