// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Answers for programs: JSON Lines.
 *
 * The version in the first line is raised when a field changes its meaning or
 * goes; fields may come without that.
 */
#include "cli.h"

#define JSON_VERSION	2

/* The begin of a record. */
static void json_begin(const struct view *view)
{
	putchar('{');
	if (view->mark)
		printf("\"change\":\"%c\",", view->mark);
}

static void json_space(const struct view *view, __u32 index)
{
	printf("\"space\":\"0x%llx\",", view->roots[index]);
	if (view->nr_roots > 1)
		printf("\"index\":%u,", index);
}

/* Labels are plain, but for a backslash and quotes. */
static void json_label(const char *label, size_t index)
{
	fputs(index ? ",\"" : "\"", stdout);
	for (; *label; label++) {
		if (*label == '\\' || *label == '"')
			putchar('\\');
		putchar(*label);
	}
	putchar('"');
}

void json_head(const struct view *view)
{
	size_t i;

	printf("{\"vmem\":%d,\"format\":\"%s\",\"roots\":[", JSON_VERSION,
	       view->format);
	for (i = 0; i < view->nr_roots; i++)
		printf("%s\"0x%llx\"", i ? "," : "", view->roots[i]);
	fputs(view->labels ? "],\"labels\":[" : "", stdout);
	for (i = 0; view->labels && i < view->nr_roots; i++)
		json_label(view->labels[i], i);
	puts("]}");
}

/* What a leaf says, of a record and of a result alike. */
static void json_leaf(const struct view *view, __u32 attrs, __u32 effective,
		      __u32 path, __u64 entry)
{
	char leaf[ATTRS_LEAF + 1], may[ATTRS_PATH + 1], levels[PATH_LEN];
	struct marks marks = marks_of(view->cpu, attrs, effective, entry);
	unsigned int bit;
	char comma = '[';

	printf(",\"leaf\":\"%s\",\"effective\":\"%s\",\"path\":\"%s\",\"kind\":\"%s\"",
	       show_attrs(attrs, ATTRS_LEAF, leaf),
	       show_attrs(effective, ATTRS_PATH, may), show_path(path, levels),
	       marks.cow ? "cow" : "basic");
	if (marks.pat)
		fputs(",\"pat\":true", stdout);
	if (marks.key)
		printf(",\"key\":%u", marks.key);
	if (marks.enc)
		printf(",\"%s\":true", marks.enc);
	if (marks.shadow)
		fputs(",\"shadow_stack\":true", stdout);
	if (!marks.soft)
		return;
	fputs(",\"soft\":", stdout);
	for (bit = 0; bit < 64; bit++)
		if (marks.soft >> bit & 1) {
			printf("%c%u", comma, bit);
			comma = ',';
		}
	putchar(']');
}

static void json_mapping(const struct vmem_ioc_record *rec,
			 const struct view *view)
{
	json_begin(view);
	json_space(view, rec->space);
	printf("\"va\":\"0x%llx\",\"gpa\":\"0x%llx\",\"len\":%llu,\"page\":%llu",
	       rec->va, rec->gpa, rec->len, 1ULL << rec->detail);
	json_leaf(view, rec->leaf, rec->effective, rec->path, rec->entry);
	if (view->entries)
		printf(",\"entry\":\"0x%llx\"", rec->entry);
	if (rec->flags & VMEM_IOC_REC_PART)
		fputs(",\"part\":true", stdout);
	if (rec->flags & VMEM_IOC_REC_OUTSIDE)
		fputs(",\"outside\":true", stdout);
	if (rec->flags & VMEM_IOC_REC_LEFT_OUT)
		printf(",\"not_in_dump\":%llu",
		       vmem_dump_missing(view->dump, rec->gpa, rec->len));
	puts("}");
}

static void json_reference(const struct vmem_ioc_record *rec,
			   const struct view *view)
{
	char path[ATTRS_PATH + 1];

	json_begin(view);
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
			  rec->detail == VMEM_IOC_BAD_LEFT_OUT ? "not-in-dump" :
								 "ps";

	json_begin(view);
	json_space(view, rec->space);
	printf("\"va\":\"0x%llx\",\"level\":%u,\"bad\":\"%s\",\"entry\":\"0x%llx\"}\n",
	       rec->va, rec->level, why, rec->entry);
}

static void json_nonpresent(const struct vmem_ioc_record *rec,
			    const struct view *view)
{
	json_begin(view);
	json_space(view, rec->space);
	printf("\"va\":\"0x%llx\",\"len\":%llu,\"level\":%u,\"nonpresent\":true,\"entry\":\"0x%llx\"}\n",
	       rec->va, rec->len, rec->level, rec->entry);
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

void json_record(const struct vmem_ioc_record *rec, const struct view *view)
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
	case VMEM_IOC_REC_NONPRESENT:
		json_nonpresent(rec, view);
		break;
	case VMEM_IOC_REC_END:
		json_end(rec, view);
		break;
	}
}

static const char *const statuses[] = {
	[VMEM_IOC_OK]			= "ok",
	[VMEM_IOC_NOT_PRESENT]		= "not-present",
	[VMEM_IOC_NON_CANONICAL]	= "non-canonical",
	[VMEM_IOC_RESERVED]		= "reserved",
	[VMEM_IOC_OUTSIDE]		= "outside",
	[VMEM_IOC_WRITE]		= "write",
	[VMEM_IOC_USER]			= "user",
	[VMEM_IOC_EXEC]			= "exec",
	[VMEM_IOC_SMEP]			= "smep",
	[VMEM_IOC_SMAP]			= "smap",
	[VMEM_IOC_KEY]			= "key",
	[VMEM_IOC_SHADOW]		= "shadow",
	[VMEM_IOC_ABSENT_IN_DUMP]	= "not-in-dump",
};

/* What comes of an access. */
static void json_access(__u64 va, const struct vmem_ioc_result *result,
			const struct view *view)
{
	if (result->flags & VMEM_IOC_RESULT_SECOND)
		fputs(",\"second\":true", stdout);
	if (result->status == VMEM_IOC_NON_CANONICAL)
		printf(",\"fault\":\"#GP\",\"fault_va\":\"0x%llx\"", fault_va(va, result));
	else if (result->status != VMEM_IOC_OK && result->status != VMEM_IOC_OUTSIDE &&
		 result->status != VMEM_IOC_ABSENT_IN_DUMP)
		printf(",\"fault\":\"#PF\",\"fault_va\":\"0x%llx\",\"error\":\"0x%x\"",
		       fault_va(va, result), result->error_code);
	if (is_refused(result))
		printf(",\"refused\":%u,\"why\":\"%s\"", refused_at(result, view->levels),
		       refused_why(result, view));
	if (result->status == VMEM_IOC_KEY)
		printf(",\"key\":%u", key_of(result->leaf));
	if (result->flags & VMEM_IOC_RESULT_MAY)
		fputs(",\"may_set_accessed\":true", stdout);
}

void json_result(__u64 va, const struct vmem_ioc_result *result,
		 const __u64 *entries, const struct view *view)
{
	unsigned int level;

	printf("{\"va\":\"0x%llx\",\"status\":\"%s\",\"level\":%u", va,
	       statuses[result->status], result->level);
	if (result->status == VMEM_IOC_OK) {
		printf(",\"gpa\":\"0x%llx\",\"page\":%llu", result->gpa,
		       1ULL << result->page_lg2);
		json_leaf(view, result->leaf, result->effective, result->path,
			  result->entry);
	}
	if (result->status != VMEM_IOC_NON_CANONICAL)
		printf(",\"entry\":\"0x%llx\"", result->entry);
	if (result->flags & VMEM_IOC_RESULT_OUTSIDE)
		fputs(",\"outside\":true", stdout);
	else if (result->flags & VMEM_IOC_RESULT_PARTIAL)
		fputs(",\"partial\":true", stdout);
	if (result->flags & VMEM_IOC_RESULT_ABSENT)
		fputs(",\"not_in_dump\":true", stdout);
	if (view->access)
		json_access(va, result, view);
	if (view->chain && result->status != VMEM_IOC_NON_CANONICAL) {
		fputs(",\"chain\":{", stdout);
		for (level = view->levels; level-- > result->level;)
			printf("\"%u\":\"0x%llx\"%s", level, entries[level],
			       level > result->level ? "," : "");
		putchar('}');
	}
	puts("}");
}
