// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Attributes, as they are typed: in the way in which a walk prints them, its
 * letters and behind them its words, with a comma between.
 *
 * The nine letters of a walk, with - for what isn't there, say all of a leaf. What
 * is shorter is what a person types: it leaves out what has a usual value.
 */
#include <string.h>

#include "cli.h"

#define SOFT_LOW	9	/* software bits 11:9, and 58:52 */
#define SOFT_LOW_LAST	11
#define SOFT_HIGH	52
#define SOFT_HIGH_LAST	58

#define ATTRS_AD	(VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D)
#define ATTRS_RWXU	(VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | \
			 VMEM_IOC_ATTR_X | VMEM_IOC_ATTR_U)

static const struct {
	const char *name;
	__u32 attr;
} words[] = {
	{ "cow", VMEM_IOC_ATTR_COW },
	{ "pat", VMEM_IOC_ATTR_PAT },
	{ "encrypted", VMEM_IOC_ATTR_ENC },
	{ "shared", VMEM_IOC_ATTR_ENC },
};

#define NR_WORDS	(sizeof(words) / sizeof(words[0]))

/* @word, without "path=" or "key=" before it. NULL: it begins otherwise. */
static const char *behind(const char *word, const char *begin)
{
	size_t len = strlen(begin);

	return strncmp(word, begin, len) ? NULL : word + len;
}

static bool is_number(const char *text)
{
	return *text >= '0' && *text <= '9';
}

/* The number of a software bit, as it is in an entry. */
static bool parse_soft(const char *text, __u32 *attrs, const char **why)
{
	__u64 bit;

	*why = "is no software bit: 9 to 11, 52 to 58";
	if (!parse_count(text, &bit))
		return false;
	if (bit >= SOFT_LOW && bit <= SOFT_LOW_LAST)
		bit -= SOFT_LOW;
	else if (bit >= SOFT_HIGH && bit <= SOFT_HIGH_LAST)
		bit -= SOFT_HIGH - (SOFT_LOW_LAST + 1 - SOFT_LOW);
	else
		return false;
	*attrs |= 1U << (VMEM_IOC_ATTR_SOFT_SHIFT + bit);
	return true;
}

static bool parse_key(const char *text, __u32 *attrs, const char **why)
{
	__u64 key;

	*why = "is no protection key: 0 to 15";
	if (!parse_count(text, &key) || key > 15)
		return false;
	*attrs |= (__u32)key << VMEM_IOC_ATTR_KEY_SHIFT;
	return true;
}

/* Does the vCPU know what a word says? */
static bool check_word(const char *word, const struct cpu *cpu, const char **why)
{
	bool shared = cpu->flags & VMEM_IOC_SPACE_ENC_SHARED;

	*why = "is said by software bits that --cow tells";
	if (!strcmp(word, "cow"))
		return cpu->cow;
	*why = "is said by a bit that --cpu c-bit=N tells";
	if (!strcmp(word, "encrypted"))
		return cpu->enc_bit && !shared;
	*why = "is said by a bit that --cpu shared-bit=N tells";
	return strcmp(word, "shared") || (cpu->enc_bit && shared);
}

/* One of the words, or letters. */
static bool parse_word(const char *word, const struct cpu *cpu, __u32 *attrs,
		       const char **why)
{
	const char *soft = behind(word, "soft=");
	size_t i;

	if (soft)
		return parse_soft(soft, attrs, why);
	for (i = 0; i < NR_WORDS; i++)
		if (!strcmp(word, words[i].name)) {
			*attrs |= words[i].attr;
			return check_word(word, cpu, why);
		}
	*why = "is none of the letters rwxugadct, and no word: cow, pat, encrypted, shared, key=N, soft=N";
	for (; *word; word++) {
		if (!attr_of(*word))
			return false;
		*attrs |= attr_of(*word);
	}
	return true;
}

/* Letters with - between them. Return: how many characters, 0: it is a word. */
static size_t parse_letters(const char *word, __u32 *attrs)
{
	__u32 found = 0;
	size_t nr;

	for (nr = 0; word[nr]; nr++) {
		if (word[nr] != '-' && !attr_of(word[nr]))
			return 0;
		found |= attr_of(word[nr]);
	}
	*attrs |= found;
	return nr;
}

/* What an entry above a leaf grants: rwx- */
bool parse_grants(const char *text, __u32 *grants)
{
	*grants = 0;
	return parse_letters(text, grants) && *grants & VMEM_IOC_ATTR_R &&
	       !(*grants & ~(__u32)ATTRS_RWXU);
}

/* rwxu/rwxu/rwxu, from the root on. */
static bool parse_path(const char *text, struct attrs *attrs, const char **why)
{
	char grants[ATTRS_PATH + 2];

	*why = "is no path, like rwxu/rwxu/rwx-: r, w, x and u of the entries above, from the root on";
	for (attrs->nr_path = 0; attrs->nr_path < VMEM_IOC_LEVELS_MAX;) {
		size_t len = strcspn(text, "/");

		snprintf(grants, sizeof(grants), "%.*s", (int)len, text);
		if (!parse_grants(grants, &attrs->path[attrs->nr_path++]))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
	return false;
}

/* Where an item of a list was wrong. */
static bool item_is_wrong(const char *item, const char **why)
{
	static char text[256];

	snprintf(text, sizeof(text), "`%s' %s", item, *why);
	*why = text;
	return false;
}

/* An item of a list. @soft: one before it said that numbers are software bits. */
static bool parse_item(const char *item, const struct cpu *cpu, bool soft,
		       struct attrs *attrs, const char **why)
{
	const char *key = behind(item, "key="), *path = behind(item, "path=");

	if (key)
		return parse_key(key, &attrs->attrs, why);
	if (path)
		return parse_path(path, attrs, why);
	if (soft && is_number(item))
		return parse_soft(item, &attrs->attrs, why);
	return parse_word(item, cpu, &attrs->attrs, why);
}

/* All items. @all: the first one has all letters. */
static bool parse_items(const char *text, const struct cpu *cpu,
			struct attrs *attrs, bool *all, const char **why)
{
	bool first = true, soft = false;

	for (*all = false;; first = false) {
		size_t len = strcspn(text, ","), nr = 0;
		char item[64];

		snprintf(item, sizeof(item), "%.*s", (int)len, text);
		*why = "has an item that is empty, or too long";
		if (!len || len >= sizeof(item))
			return false;
		if (first)
			nr = parse_letters(item, &attrs->attrs);
		*all |= nr == ATTRS_LEAF;
		if (!nr && !parse_item(item, cpu, soft, attrs, why))
			return item_is_wrong(item, why);
		soft = behind(item, "soft=") || (soft && is_number(item));
		if (!text[len])
			return true;
		text += len + 1;
	}
}

/**
 * parse_attrs() - what leaves are to be
 * @text:	as a walk prints a leaf; or less of it
 * @cpu:	what the vCPU is
 * @attrs:	out
 * @why:	out: what is wrong
 *
 * Where it isn't the nine letters of a walk, leaves are accessed and dirty unless
 * one of both is said, and encrypted where the vCPU can have them so.
 */
bool parse_attrs(const char *text, const struct cpu *cpu, struct attrs *attrs,
		 const char **why)
{
	bool all;

	*attrs = (struct attrs){ 0 };
	if (!parse_items(text, cpu, attrs, &all, why))
		return false;
	*why = "lacks r: what is there can be read";
	if (!(attrs->attrs & VMEM_IOC_ATTR_R))
		return false;
	*why = "is cow and w: what is copied when it is written can't be writable";
	attrs->cow = attrs->attrs & VMEM_IOC_ATTR_COW;
	if (attrs->cow && attrs->attrs & VMEM_IOC_ATTR_W)
		return false;
	attrs->ad = all || attrs->attrs & ATTRS_AD;
	if (!all && cpu->enc_bit && !(cpu->flags & VMEM_IOC_SPACE_ENC_SHARED))
		attrs->attrs |= VMEM_IOC_ATTR_ENC;
	attrs->attrs &= ~(__u32)VMEM_IOC_ATTR_COW;
	return true;
}

/* A key says all of its four bits. */
static bool change_key(const char *key, __u32 *set, __u32 *clear,
		       const char **why)
{
	__u32 got = 0;

	if (!parse_key(key, &got, why))
		return false;
	*set |= got;
	*clear |= VMEM_IOC_ATTR_KEY_MASK & ~got;
	return true;
}

/**
 * parse_attr_change() - what of leaves is to be set and to be cleared
 * @text:	+ or - and letters or a word; or key=N; with or without commas
 * @cpu:	what the vCPU is
 * @set:	out: VMEM_IOC_ATTR_*
 * @clear:	out: VMEM_IOC_ATTR_*
 * @why:	out: what is wrong
 */
bool parse_attr_change(const char *text, const struct cpu *cpu, __u32 *set,
		       __u32 *clear, const char **why)
{
	bool soft = false;
	char sign = 0;

	*set = *clear = 0;
	while (*text) {
		bool more = soft && is_number(text);
		const char *key = behind(text, "key=");
		char item[64];
		size_t len;
		bool good;

		if (*text == ',') {
			text++;
			continue;
		}
		*why = "is no list like +w-x, -wx or +pat,key=3";
		if (!more && !key) {
			sign = *text++;
			if (sign != '+' && sign != '-')
				return false;
		}
		len = strcspn(text, "+-,");
		snprintf(item, sizeof(item), "%.*s", (int)len, text);
		if (!len || len >= sizeof(item))
			return false;
		if (more)
			good = parse_soft(item, sign == '+' ? set : clear, why);
		else if (key)
			good = change_key(item + 4, set, clear, why);
		else
			good = parse_word(item, cpu, sign == '+' ? set : clear,
					  why);
		if (!good)
			return item_is_wrong(item, why);
		soft = more || behind(item, "soft=");
		text += len;
	}
	*why = "changes nothing";
	if (!*set && !*clear)
		return false;
	*why = "clears r: what is there can be read";
	if (*clear & VMEM_IOC_ATTR_R)
		return false;
	*why = "sets and clears the same";
	return !(*set & *clear);
}
