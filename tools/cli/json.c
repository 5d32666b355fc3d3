// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Answers for programs: JSON Lines.
 *
 * JSON_VERSION, in the first line, is raised when a field changes its meaning or
 * goes; fields may come without that.
 */
#include "cli.h"

/* The begin of a record. */
static void json_begin(const struct view *view)
{
	out_char('{');
	if (view->mark)
		out_format("\"change\":\"%c\",", view->mark);
}

/* Are there more spaces than one, or might there have been? */
static bool is_indexed(const struct view *view)
{
	return view->nr_roots > 1 || view->labels;
}

static void json_space(const struct view *view, __u32 index)
{
	out_text("\"space\":\"0x");
	out_hex(view->roots[index], 1);
	out_text("\",");
	if (is_indexed(view)) {
		out_text("\"index\":");
		out_count(index);
		out_char(',');
	}
}

void json_head(const struct view *view)
{
	size_t i;

	out_format("{\"vmem\":%d,\"format\":\"%s\",\"roots\":[", JSON_VERSION,
		   view->format);
	for (i = 0; i < view->nr_roots; i++)
		out_format("%s\"0x%llx\"", i ? "," : "", view->roots[i]);
	out_text(view->labels ? "],\"labels\":[" : "");
	for (i = 0; view->labels && i < view->nr_roots; i++) {
		out_text(i ? "," : "");
		out_string(view->labels[i]);
	}
	out_end("]}");
}

/* As show_path(). */
static void out_path(__u32 path)
{
	char text[PATH_LEN];

	out_right(show_path(path, text), 0);
}

/* What a leaf says, of a record and of a result alike. */
static void json_leaf(const struct view *view, __u32 attrs, __u32 effective,
		      __u32 path, __u64 entry)
{
	struct marks marks = marks_of(view->cpu, attrs, effective, entry);
	char comma = '[';

	out_text(",\"leaf\":\"");
	out_attrs(attrs, ATTRS_LEAF);
	out_text("\",\"effective\":\"");
	out_attrs(effective, ATTRS_PATH);
	out_text("\",\"path\":\"");
	out_path(path);
	out_text(marks.cow ? "\",\"kind\":\"cow\"" : "\",\"kind\":\"basic\"");
	if (marks.pat)
		out_text(",\"pat\":true");
	if (marks.key)
		out_format(",\"key\":%u", marks.key);
	if (marks.enc)
		out_format(",\"%s\":true", marks.enc);
	if (marks.shadow)
		out_text(",\"shadow_stack\":true");
	if (!marks.soft)
		return;
	out_text(",\"soft\":");
	for (; marks.soft; marks.soft &= marks.soft - 1) {
		out_char(comma);
		out_count((__u64)__builtin_ctzll(marks.soft));
		comma = ',';
	}
	out_char(']');
}

static void json_mapping(const struct vmem_ioc_record *rec,
			 const struct view *view)
{
	json_begin(view);
	json_space(view, rec->space);
	out_text("\"va\":\"0x");
	out_hex(rec->va, 1);
	out_text("\",\"gpa\":\"0x");
	out_hex(rec->gpa, 1);
	out_text("\",\"len\":");
	out_count(rec->len);
	out_text(",\"page\":");
	out_count(1ULL << rec->detail);
	json_leaf(view, rec->leaf, rec->effective, rec->path, rec->entry);
	if (view->entries) {
		out_text(",\"entry\":\"0x");
		out_hex(rec->entry, 1);
		out_char('"');
	}
	if (is_wx(rec->effective))
		out_text(",\"wx\":true");
	if (rec->flags & VMEM_IOC_REC_PART)
		out_text(",\"part\":true");
	if (rec->flags & VMEM_IOC_REC_OUTSIDE)
		out_text(",\"outside\":true");
	if (rec->flags & VMEM_IOC_REC_LEFT_OUT)
		out_format(",\"not_in_dump\":%llu",
			   vmem_dump_missing(view->dump, rec->gpa, rec->len));
	out_end("}");
}

static void json_reference(const struct vmem_ioc_record *rec,
			   const struct view *view)
{
	char path[ATTRS_PATH + 1];

	json_begin(view);
	json_space(view, rec->space);
	out_format("\"ref\":{\"depth\":%u,", rec->detail);
	json_space(view, rec->owner);
	out_format("\"our_va\":\"0x%llx\",\"their_va\":\"0x%llx\",\"path\":\"%s\"",
		   rec->va, rec->their_va,
		   show_attrs(path_effective(rec->path), ATTRS_PATH, path));
	out_end("}}");
}

static void json_bad(const struct vmem_ioc_record *rec, const struct view *view)
{
	const char *why = rec->detail == VMEM_IOC_BAD_RESERVED ? "reserved" :
			  rec->detail == VMEM_IOC_BAD_OUTSIDE ? "outside" :
			  rec->detail == VMEM_IOC_BAD_LEFT_OUT ? "not-in-dump" :
								 "ps";

	json_begin(view);
	json_space(view, rec->space);
	out_format("\"va\":\"0x%llx\",\"level\":%u,\"bad\":\"%s\",\"entry\":\"0x%llx\"",
		   rec->va, rec->level, why, rec->entry);
	out_end("}");
}

static void json_nonpresent(const struct vmem_ioc_record *rec,
			    const struct view *view)
{
	json_begin(view);
	json_space(view, rec->space);
	out_format("\"va\":\"0x%llx\",\"len\":%llu,\"level\":%u,\"nonpresent\":true,\"entry\":\"0x%llx\"",
		   rec->va, rec->len, rec->level, rec->entry);
	out_end("}");
}

static const char *end_reason(const struct vmem_ioc_record *rec)
{
	return rec->detail == VMEM_IOC_END_COMPLETE ? "complete" :
	       rec->detail == VMEM_IOC_END_BUDGET ? "budget" : "cap";
}

static void json_end(const struct vmem_ioc_record *rec, const struct view *view)
{
	bool complete = rec->detail == VMEM_IOC_END_COMPLETE;

	out_format("{\"end\":{\"leaves\":%llu,\"refs\":%llu,\"bad\":%llu,\"complete\":%s,\"reason\":\"%s\"",
		   rec->leaves, rec->refs, rec->bad, complete ? "true" : "false",
		   end_reason(rec));
	if (view->wx)
		out_format(",\"wx\":%llu,\"wx_bytes\":%llu", view->nr_wx, view->wx_bytes);
	if (!complete) {
		out_format(",\"next\":\"0x%llx\"", rec->va);
		if (is_indexed(view))
			out_format(",\"index\":%u", rec->space);
	}
	out_end("}}");
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
		out_text(",\"second\":true");
	if (result->status == VMEM_IOC_NON_CANONICAL)
		out_format(",\"fault\":\"#GP\",\"fault_va\":\"0x%llx\"", fault_va(va, result));
	else if (result->status != VMEM_IOC_OK && result->status != VMEM_IOC_OUTSIDE &&
		 result->status != VMEM_IOC_ABSENT_IN_DUMP)
		out_format(",\"fault\":\"#PF\",\"fault_va\":\"0x%llx\",\"error\":\"0x%x\"",
			   fault_va(va, result), result->error_code);
	if (is_refused(result))
		out_format(",\"refused\":%u,\"why\":\"%s\"", refused_at(result, view->levels),
			   refused_why(result, view));
	if (result->status == VMEM_IOC_KEY)
		out_format(",\"key\":%u", key_of(result->leaf));
	if (result->flags & VMEM_IOC_RESULT_MAY)
		out_text(",\"may_set_accessed\":true");
}

void json_result(__u64 va, const struct vmem_ioc_result *result,
		 const __u64 *entries, const struct view *view)
{
	unsigned int level;

	out_format("{\"va\":\"0x%llx\",\"status\":\"%s\",\"level\":%u", va,
		   statuses[result->status], result->level);
	if (result->status == VMEM_IOC_OK) {
		out_format(",\"gpa\":\"0x%llx\",\"page\":%llu", result->gpa,
			   1ULL << result->page_lg2);
		json_leaf(view, result->leaf, result->effective, result->path,
			  result->entry);
	}
	if (result->status != VMEM_IOC_NON_CANONICAL)
		out_format(",\"entry\":\"0x%llx\"", result->entry);
	if (result->flags & VMEM_IOC_RESULT_OUTSIDE)
		out_text(",\"outside\":true");
	else if (result->flags & VMEM_IOC_RESULT_PARTIAL)
		out_text(",\"partial\":true");
	if (result->flags & VMEM_IOC_RESULT_ABSENT)
		out_text(",\"not_in_dump\":true");
	if (view->access)
		json_access(va, result, view);
	if (view->chain && result->status != VMEM_IOC_NON_CANONICAL) {
		out_text(",\"chain\":{");
		for (level = view->levels; level-- > result->level;)
			out_format("\"%u\":\"0x%llx\"%s", level, entries[level],
				   level > result->level ? "," : "");
		out_char('}');
	}
	out_end("}");
}
