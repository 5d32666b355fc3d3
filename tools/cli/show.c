// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Records of a walk, for programs (JSON Lines) and for people.
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

/* The first @nr attributes, - for what is not there. */
const char *show_attrs(__u32 attrs, unsigned int nr, char *buf)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		buf[i] = attrs & letters[i].attr ? letters[i].letter : '-';
	buf[nr] = '\0';
	return buf;
}

/* Exactly, in the largest unit that does. */
const char *show_size(__u64 bytes, char *buf)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;

	while (bytes && !(bytes % 1024) && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	sprintf(buf, "%llu%c", bytes, units[unit]);
	return buf;
}

/* 12,345,678 */
const char *show_count(__u64 count, char *buf)
{
	char digits[24];
	int n = sprintf(digits, "%llu", count), i;
	char *p = buf;

	for (i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}

/* What is effective over the path of a reference, without the leaf. */
static __u32 path_effective(__u32 path)
{
	__u32 perms = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X |
		      VMEM_IOC_ATTR_U;
	unsigned int level;

	/* 0 is no permission, but that this level was not passed: R is always */
	for (level = 0; level < VMEM_IOC_LEVELS_MAX; level++) {
		__u32 nibble = path >> VMEM_IOC_PATH_SHIFT(level) & 0xf;

		if (nibble)
			perms &= nibble;
	}
	return perms;
}

static void json_space(const struct view *view, __u32 index)
{
	printf("\"space\":\"0x%llx\",", view->roots[index]);
	if (view->nr_roots > 1)
		printf("\"index\":%u,", index);
}

void show_json_head(const char *format, const struct view *view)
{
	size_t i;

	printf("{\"vmem\":1,\"format\":\"%s\",\"roots\":[", format);
	for (i = 0; i < view->nr_roots; i++)
		printf("%s\"0x%llx\"", i ? "," : "", view->roots[i]);
	puts("]}");
}

static void json_mapping(const struct vmem_ioc_record *rec,
			 const struct view *view)
{
	char leaf[ATTRS_LEAF + 1], effective[ATTRS_PATH + 1];

	putchar('{');
	json_space(view, rec->space);
	printf("\"va\":\"0x%llx\",\"gpa\":\"0x%llx\",\"len\":%llu,\"page\":%llu,\"leaf\":\"%s\",\"effective\":\"%s\",\"kind\":\"%s\"",
	       rec->va, rec->gpa, rec->len, 1ULL << rec->detail,
	       show_attrs(rec->leaf, ATTRS_LEAF, leaf),
	       show_attrs(rec->effective, ATTRS_PATH, effective),
	       rec->leaf & VMEM_IOC_ATTR_COW ? "cow" : "basic");
	if (view->entries)
		printf(",\"entry\":\"0x%llx\"", rec->entry);
	if (rec->flags & VMEM_IOC_REC_OUTSIDE)
		fputs(",\"outside\":true", stdout);
	puts("}");
}

static void json_reference(const struct vmem_ioc_record *rec,
			   const struct view *view)
{
	char path[ATTRS_PATH + 1];

	putchar('{');
	json_space(view, rec->space);
	printf("\"ref\":{\"depth\":%u,", rec->detail);
	json_space(view, rec->owner);
	printf("\"our_va\":\"0x%llx\",\"their_va\":\"0x%llx\",\"path\":\"%s\"}}\n",
	       rec->va, rec->their_va,
	       show_attrs(path_effective(rec->path), ATTRS_PATH, path));
}

static void json_bad(const struct vmem_ioc_record *rec, const struct view *view)
{
	const char *why = rec->detail == VMEM_IOC_BAD_RESERVED ? "reserved" :
			  rec->detail == VMEM_IOC_BAD_OUTSIDE ? "outside" :
								"ps";

	putchar('{');
	json_space(view, rec->space);
	printf("\"va\":\"0x%llx\",\"level\":%u,\"bad\":\"%s\",\"entry\":\"0x%llx\"}\n",
	       rec->va, rec->level, why, rec->entry);
}

static const char *end_reason(const struct vmem_ioc_record *rec)
{
	return rec->detail == VMEM_IOC_END_COMPLETE ? "complete" :
	       rec->detail == VMEM_IOC_END_BUDGET ? "budget" : "cap";
}

static void json_end(const struct vmem_ioc_record *rec, const struct view *view)
{
	bool complete = rec->detail == VMEM_IOC_END_COMPLETE;

	printf("{\"end\":{\"leaves\":%llu,\"refs\":%llu,\"bad\":%llu,\"complete\":%s,\"reason\":\"%s\"",
	       rec->leaves, rec->refs, rec->bad, complete ? "true" : "false",
	       end_reason(rec));
	if (!complete) {
		printf(",\"next\":\"0x%llx\"", rec->va);
		if (view->nr_roots > 1)
			printf(",\"index\":%u", rec->space);
	}
	puts("}}");
}

void show_json(const struct vmem_ioc_record *rec, const struct view *view)
{
	switch (rec->type) {
	case VMEM_IOC_REC_MAPPING:
		json_mapping(rec, view);
		break;
	case VMEM_IOC_REC_REFERENCE:
		json_reference(rec, view);
		break;
	case VMEM_IOC_REC_BAD:
		json_bad(rec, view);
		break;
	case VMEM_IOC_REC_END:
		json_end(rec, view);
		break;
	}
}

/* Text: where, how much, and what there is. */

static void text_where(const struct vmem_ioc_record *rec)
{
	char size[24];

	printf("%016llx-%016llx %6s  ", rec->va, rec->va + (rec->len - 1),
	       show_size(rec->len, size));
}

void show_text_head(void)
{
	printf("%-33s %6s  %-12s %4s  %-9s  %-4s\n", "virtual", "size",
	       "physical", "page", "leaf", "may");
}

static void text_mapping(const struct vmem_ioc_record *rec)
{
	char leaf[ATTRS_LEAF + 1], effective[ATTRS_PATH + 1], page[24];
	const __u32 wx = VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X;

	text_where(rec);
	printf("%012llx %4s  %s  %s", rec->gpa,
	       show_size(1ULL << rec->detail, page),
	       show_attrs(rec->leaf, ATTRS_LEAF, leaf),
	       show_attrs(rec->effective, ATTRS_PATH, effective));
	if (rec->leaf & VMEM_IOC_ATTR_COW)
		fputs("  cow", stdout);
	if ((rec->effective & wx) == wx)
		fputs("  W+X", stdout);
	if (rec->flags & VMEM_IOC_REC_OUTSIDE)
		fputs("  outside", stdout);
	putchar('\n');
}

static void text_reference(const struct vmem_ioc_record *rec,
			   const struct view *view)
{
	char path[ATTRS_PATH + 1];

	text_where(rec);
	printf("-> the table at depth %u that space 0x%llx has at %016llx, %s\n",
	       rec->detail, view->roots[rec->owner], rec->their_va,
	       show_attrs(path_effective(rec->path), ATTRS_PATH, path));
}

static void text_bad(const struct vmem_ioc_record *rec)
{
	text_where(rec);
	printf("!! entry %016llx of level %u: ", rec->entry, rec->level);
	if (rec->detail == VMEM_IOC_BAD_OUTSIDE)
		printf("the table at 0x%llx is outside\n", rec->gpa);
	else if (rec->detail == VMEM_IOC_BAD_LARGE)
		puts("a large page where none can be");
	else
		puts("a reserved bit is set");
}

static void text_end(const struct vmem_ioc_record *rec, const struct view *view)
{
	char leaves[32], refs[32], bad[32];

	printf("%s %s, %s %s, %s malformed or unreachable %s\n",
	       show_count(rec->leaves, leaves),
	       rec->leaves == 1 ? "leaf" : "leaves",
	       show_count(rec->refs, refs),
	       rec->refs == 1 ? "reference" : "references",
	       show_count(rec->bad, bad),
	       rec->bad == 1 ? "entry" : "entries");
	if (rec->detail == VMEM_IOC_END_COMPLETE)
		return;
	printf("Not complete: %s. Next is %016llx",
	       rec->detail == VMEM_IOC_END_BUDGET ?
	       "the budget of tables to visit is spent" :
	       "as many tables as may be are remembered", rec->va);
	if (view->nr_roots > 1)
		printf(" of space 0x%llx", view->roots[rec->space]);
	puts(".");
}

void show_text(const struct vmem_ioc_record *rec, struct view *view)
{
	/* a space without records is shown too */
	while (view->nr_roots > 1 && view->headed <= rec->space &&
	       view->headed < view->nr_roots)
		printf("space 0x%llx\n", view->roots[view->headed++]);
	switch (rec->type) {
	case VMEM_IOC_REC_MAPPING:
		text_mapping(rec);
		break;
	case VMEM_IOC_REC_REFERENCE:
		text_reference(rec, view);
		break;
	case VMEM_IOC_REC_BAD:
		text_bad(rec);
		break;
	case VMEM_IOC_REC_END:
		text_end(rec, view);
		break;
	}
}
