// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What is shown for people and for programs alike.
 */
#include "cli.h"

/* In the order of the bits, as they are shown. */
static const struct {
	__u32 attr;
	char letter;
} letters[ATTRS_LEAF] = {
	{ VMEM_IOC_ATTR_R, 'r' },
	{ VMEM_IOC_ATTR_W, 'w' },
	{ VMEM_IOC_ATTR_X, 'x' },
	{ VMEM_IOC_ATTR_U, 'u' },
	{ VMEM_IOC_ATTR_G, 'g' },
	{ VMEM_IOC_ATTR_A, 'a' },
	{ VMEM_IOC_ATTR_D, 'd' },
	{ VMEM_IOC_ATTR_PCD, 'c' },
	{ VMEM_IOC_ATTR_PWT, 't' },
};

/* Bits that mean nothing to a processor: 58:52 and 11:9. */
#define SOFT	(0x7fULL << 52 | 0x7ULL << 9)

/* Is it a printable character of ASCII, and none that ends or escapes a string? */
bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '\\' && c != '"';
}

/* The attribute that a letter stands for, 0: none does. */
__u32 attr_of(char letter)
{
	unsigned int i;

	for (i = 0; i < ATTRS_LEAF; i++)
		if (letters[i].letter == letter)
			return letters[i].attr;
	return 0;
}

/* The first @nr attributes, - for what is not there. */
const char *show_attrs(__u32 attrs, unsigned int nr, char *buf)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		buf[i] = attrs & letters[i].attr ? letters[i].letter : '-';
	buf[nr] = '\0';
	return buf;
}

/* What each entry above a leaf grants, from the root on: rwxu/rwx-/rwx- */
const char *show_path(__u32 path, char *buf)
{
	unsigned int level = VMEM_IOC_LEVELS_MAX;
	char *p = buf;

	*p = '\0';
	while (level--) {
		/* 0 is no permission, but that this level was not passed */
		__u32 nibble = path >> VMEM_IOC_PATH_SHIFT(level) & 0xf;

		if (!nibble)
			continue;
		if (p > buf)
			*p++ = '/';
		show_attrs(nibble, ATTRS_PATH, p);
		p += ATTRS_PATH;
	}
	return buf;
}

/* In decimal. Return: behind it. */
char *show_number(__u64 number, char *buf)
{
	char digits[20];
	unsigned int nr = 0;

	do
		digits[nr++] = (char)('0' + number % 10);
	while (number /= 10);
	while (nr)
		*buf++ = digits[--nr];
	*buf = '\0';
	return buf;
}

/* Exactly, in the largest unit that does. */
const char *show_size(__u64 bytes, char *buf)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	char *end;

	while (bytes && !(bytes % 1024) && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	end = show_number(bytes, buf);
	*end++ = units[unit];
	*end = '\0';
	return buf;
}

/* 12,345,678 */
const char *show_count(__u64 count, char *buf)
{
	char digits[24];
	long n = show_number(count, digits) - digits, i;
	char *p = buf;

	for (i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}

/* May what is effective be written and executed? */
bool is_wx(__u32 effective)
{
	const __u32 wx = VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X;

	return (effective & wx) == wx;
}

/* What is effective over the path of a reference, without the leaf. */
__u32 path_effective(__u32 path)
{
	__u32 perms = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X |
		      VMEM_IOC_ATTR_U;
	unsigned int level;

	for (level = 0; level < VMEM_IOC_LEVELS_MAX; level++) {
		__u32 nibble = path >> VMEM_IOC_PATH_SHIFT(level) & 0xf;

		if (nibble)
			perms &= nibble;
	}
	return perms;
}

/* The addresses that one entry of a record's level spans. */
__u64 record_span(const struct vmem_ioc_record *rec)
{
	return 1ULL << (12 + 9 * rec->level);
}

/* The protection key of a leaf, by its attributes. */
unsigned int key_of(__u32 leaf)
{
	return (leaf & VMEM_IOC_ATTR_KEY_MASK) >> VMEM_IOC_ATTR_KEY_SHIFT;
}

struct marks marks_of(const struct cpu *cpu, __u32 leaf, __u32 effective,
		      __u64 entry)
{
	struct marks marks = {
		.pat	= leaf & VMEM_IOC_ATTR_PAT,
		.cow	= cpu->cow && leaf & VMEM_IOC_ATTR_COW,
		.shadow	= effective & VMEM_IOC_EFFECTIVE_SHADOW,
		.key	= key_of(leaf),
		.soft	= entry & SOFT,
	};

	if (leaf & VMEM_IOC_ATTR_ENC)
		marks.enc = cpu->flags & VMEM_IOC_SPACE_ENC_SHARED ?
			    "shared" : "encrypted";
	/* where it is the encryption bit, it is no software bit */
	if (cpu->enc_bit)
		marks.soft &= ~(1ULL << cpu->enc_bit);
	return marks;
}
