// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Answers for people: where, how much, and what there is. No line ends with
 * a blank.
 *
 * A line waits for the next record: it may be the same again, and then is
 * folded into it; or differ in nothing that is shown, and then the paths of both
 * are shown.
 */
#include "cli.h"

#define PAGE	4096ULL

/* Is it of all addresses, of which there are more than a length can tell? */
static bool is_whole(const struct vmem_ioc_record *rec, const struct view *view)
{
	return rec->type == VMEM_IOC_REC_BAD && !rec->va && rec->len == -PAGE &&
	       view->last == UINT64_MAX;
}

static void text_where(const struct vmem_ioc_record *rec,
		       const struct view *view)
{
	bool whole = is_whole(rec, view);
	__u64 nr = view->nr_held;
	char size[24];

	if (view->mark)
		out_format("%c ", view->mark);
	out_hex(rec->va, 16);
	out_char('-');
	out_hex(whole ? UINT64_MAX : rec->va + (nr * rec->len - 1), 16);
	out_char(' ');
	out_right(whole ? "16E" : show_size(nr * rec->len, size), 6);
	out_text("  ");
}

void text_head(void)
{
	out_format("%-33s %6s  %-12s %4s  %-9s  ", "virtual", "size", "physical",
		   "page", "leaf");
	out_end("may");
}

/* The columns of a leaf, and what else there is of it. */
static void text_leaf(const struct view *view, __u64 gpa, unsigned int page_lg2,
		      __u32 attrs, __u32 effective, __u64 entry)
{
	struct marks marks = marks_of(view->cpu, attrs, effective, entry);
	const char *before = "  soft=";
	char page[24];

	out_hex(gpa, 12);
	out_char(' ');
	out_right(show_size(1ULL << page_lg2, page), 4);
	out_text("  ");
	out_attrs(attrs, ATTRS_LEAF);
	out_text("  ");
	out_attrs(effective, ATTRS_PATH);
	if (marks.cow)
		out_text("  cow");
	if (is_wx(effective))
		out_text("  W+X");
	if (marks.shadow)
		out_text("  shadow-stack");
	if (marks.enc)
		out_format("  %s", marks.enc);
	if (marks.pat)
		out_text("  pat");
	if (marks.key)
		out_format("  key=%u", marks.key);
	for (; marks.soft; marks.soft &= marks.soft - 1) {
		out_text(before);
		out_count((__u64)__builtin_ctzll(marks.soft));
		before = ",";
	}
}

static void text_mapping(const struct vmem_ioc_record *rec,
			 const struct view *view)
{
	char path[PATH_LEN], size[24];

	text_leaf(view, rec->gpa, rec->detail, rec->leaf, rec->effective,
		  rec->entry);
	if (rec->flags & VMEM_IOC_REC_PART)
		out_text("  part");
	if (rec->flags & VMEM_IOC_REC_OUTSIDE)
		out_text("  outside");
	if (rec->flags & VMEM_IOC_REC_LEFT_OUT)
		out_format("  %s not in the dump",
			   show_size(vmem_dump_missing(view->dump, rec->gpa, rec->len), size));
	if (view->held_path)
		out_format("  path=%s", show_path(rec->path, path));
	if (view->nr_held > 1)
		out_format("  %llu times", view->nr_held);
	if (view->nr_held > 1 && rec->len != 1ULL << rec->detail)
		out_format(" %s", show_size(rec->len, size));
	out_end("");
}

static void text_again(const struct view *view)
{
	if (view->nr_held > 1)
		out_format(", %llu times", view->nr_held);
	out_end("");
}

static void text_reference(const struct vmem_ioc_record *rec,
			   const struct view *view)
{
	char path[ATTRS_PATH + 1];

	out_format("-> the table at depth %u that space 0x%llx has at %016llx, %s",
		   rec->detail, view->roots[rec->owner], rec->their_va,
		   show_attrs(path_effective(rec->path), ATTRS_PATH, path));
	text_again(view);
}

static void text_bad(const struct vmem_ioc_record *rec, const struct view *view)
{
	out_format("!! entry %016llx of level %u: ", rec->entry, rec->level);
	if (rec->detail == VMEM_IOC_BAD_OUTSIDE)
		out_format("the table at 0x%llx is outside", rec->gpa);
	else if (rec->detail == VMEM_IOC_BAD_LEFT_OUT)
		out_format("the table at 0x%llx is not in the dump", rec->gpa);
	else if (rec->detail == VMEM_IOC_BAD_LARGE)
		out_text("a large page where none can be");
	else
		out_text("a reserved bit is set");
	text_again(view);
}

static void text_nonpresent(const struct vmem_ioc_record *rec)
{
	__u64 nr = rec->len / record_span(rec);

	out_format("-- entry %016llx of level %u: not present", rec->entry,
		   rec->level);
	if (nr > 1)
		out_format(", %llu times", nr);
	out_end("");
}

/* Print what waits. */
void text_flush(struct view *view)
{
	const struct vmem_ioc_record *rec = &view->held;

	if (!view->nr_held)
		return;
	text_where(rec, view);
	switch (rec->type) {
	case VMEM_IOC_REC_MAPPING:
		text_mapping(rec, view);
		break;
	case VMEM_IOC_REC_REFERENCE:
		text_reference(rec, view);
		break;
	case VMEM_IOC_REC_BAD:
		text_bad(rec, view);
		break;
	case VMEM_IOC_REC_NONPRESENT:
		text_nonpresent(rec);
		break;
	}
	view->nr_held = 0;
	view->held_path = false;
}

static void text_end(const struct vmem_ioc_record *rec, const struct view *view)
{
	char leaves[32], refs[32], bad[32];

	if (view->wx)
		out_format("%s W+X %s, %s; ", show_count(view->nr_wx, refs),
			   view->nr_wx == 1 ? "mapping" : "mappings",
			   show_size(view->wx_bytes, bad));
	out_format("%s %s, %s %s, %s malformed or unreachable ",
		   show_count(rec->leaves, leaves),
		   rec->leaves == 1 ? "leaf" : "leaves",
		   show_count(rec->refs, refs),
		   rec->refs == 1 ? "reference" : "references",
		   show_count(rec->bad, bad));
	out_end(rec->bad == 1 ? "entry" : "entries");
	if (rec->detail == VMEM_IOC_END_COMPLETE)
		return;
	out_format("Not complete: %s. Next is %016llx",
		   rec->detail == VMEM_IOC_END_BUDGET ?
		   "the budget of tables to visit is spent" :
		   "as many tables as may be are remembered", rec->va);
	if (view->nr_roots > 1)
		out_format(" of space 0x%llx", view->roots[rec->space]);
	out_end(".");
}

/* Does @rec begin where what waits ends, and is it of the same kind? */
static bool text_adjoins(const struct view *view,
			 const struct vmem_ioc_record *rec)
{
	const struct vmem_ioc_record *held = &view->held;

	return view->nr_held && held->len && rec->type == held->type &&
	       rec->space == held->space && rec->detail == held->detail &&
	       rec->va == held->va + view->nr_held * held->len;
}

/* Is what adjoins the same again? */
static bool text_same(const struct view *view,
		      const struct vmem_ioc_record *rec)
{
	const struct vmem_ioc_record *held = &view->held;

	if (rec->len != held->len)
		return false;
	switch (rec->type) {
	case VMEM_IOC_REC_MAPPING:
		return rec->gpa == held->gpa && rec->flags == held->flags &&
		       rec->entry == held->entry && rec->path == held->path;
	case VMEM_IOC_REC_REFERENCE:
		return rec->owner == held->owner && rec->path == held->path &&
		       rec->their_va == held->their_va;
	case VMEM_IOC_REC_BAD:
		return rec->level == held->level && rec->entry == held->entry;
	default:
		return false;
	}
}

/* Would nothing but the paths tell why what adjoins was not merged? */
static bool text_alike(const struct view *view,
		       const struct vmem_ioc_record *rec)
{
	const struct vmem_ioc_record *held = &view->held;

	return rec->type == VMEM_IOC_REC_MAPPING && view->nr_held == 1 &&
	       rec->gpa == held->gpa + held->len && rec->path != held->path &&
	       rec->leaf == held->leaf && rec->effective == held->effective &&
	       rec->flags == held->flags;
}

/* The heading of a space. */
static void text_space(const struct view *view, size_t index)
{
	out_text("space 0x");
	out_hex(view->roots[index], 1);
	out_text(view->labels ? "  " : "");
	out_end(view->labels ? view->labels[index] : "");
}

void text_record(const struct vmem_ioc_record *rec, struct view *view)
{
	bool path = false;

	if (text_adjoins(view, rec)) {
		if (view->fold && text_same(view, rec)) {
			view->nr_held++;
			return;
		}
		path = text_alike(view, rec);
		view->held_path |= path;
	}
	text_flush(view);

	/* a space without records is shown too, where all records are */
	if (view->wx)
		view->headed = rec->type == VMEM_IOC_REC_END ? view->nr_roots :
			       rec->space > view->headed ? rec->space : view->headed;
	while (view->nr_roots > 1 && view->headed <= rec->space &&
	       view->headed < view->nr_roots)
		text_space(view, view->headed++);
	if (rec->type == VMEM_IOC_REC_END) {
		text_end(rec, view);
		return;
	}
	view->held = *rec;
	view->nr_held = 1;
	view->held_path = path;
}

/* The fault that an access gets, if one was given. */
static void text_fault(const struct vmem_ioc_result *result, const struct view *view)
{
	if (view->access && result->status == VMEM_IOC_NON_CANONICAL)
		out_text(": #GP");
	else if (view->access)
		out_format(": #PF 0x%x", result->error_code);
	out_end("");
}

/* @entries: of the levels, where there is an access. */
void text_result(__u64 va, const struct vmem_ioc_result *result,
		 const __u64 *entries, const struct view *view)
{
	unsigned int level;

	out_format("%016llx  ", va);
	if (result->flags & VMEM_IOC_RESULT_SECOND)
		out_format("the second page, %016llx: ", fault_va(va, result));
	switch (result->status) {
	case VMEM_IOC_OK:
		text_leaf(view, result->gpa, result->page_lg2, result->leaf,
			  result->effective, result->entry);
		if (result->flags & VMEM_IOC_RESULT_OUTSIDE)
			out_text("  outside");
		else if (result->flags & VMEM_IOC_RESULT_PARTIAL)
			out_text("  part");
		if (result->flags & VMEM_IOC_RESULT_ABSENT)
			out_text("  not in the dump");
		out_end("");
		break;
	case VMEM_IOC_NOT_PRESENT:
		out_format("not present: entry %016llx of level %u", result->entry,
			   result->level);
		text_fault(result, view);
		break;
	case VMEM_IOC_NON_CANONICAL:
		out_text("non-canonical");
		text_fault(result, view);
		break;
	case VMEM_IOC_OUTSIDE:
	case VMEM_IOC_ABSENT_IN_DUMP:
		out_text(result->status == VMEM_IOC_OUTSIDE ? "outside" : "not in the dump");
		if (result->level == view->levels)
			out_format(": the root at 0x%llx", result->entry);
		else
			out_format(": the table that entry %016llx of level %u names",
				   result->entry, result->level);
		out_end("");
		break;
	case VMEM_IOC_RESERVED:
		out_format("malformed: entry %016llx of level %u has a reserved bit set",
			   result->entry, result->level);
		text_fault(result, view);
		break;
	default:
		level = refused_at(result, view->levels);
		out_format("refused: entry %016llx of level %u %s", entries[level], level,
			   refused_why(result, view));
		text_fault(result, view);
	}
}

/* Of a leaf all that its own bits are, too: D of shadow stacks, the key. */
static void text_chain_leaf(const struct vmem_ioc_result *result)
{
	unsigned int key = key_of(result->leaf);
	char attrs[ATTRS_LEAF + 1], size[32];

	out_format("  %s  maps %s", show_attrs(result->leaf, ATTRS_LEAF, attrs),
		   show_size(1ULL << result->page_lg2, size));
	if (key)
		out_format(", key=%u", key);
}

/*
 * The entry of each level, from the root on, which of them refused the access, and
 * whether that may set bits all the same.
 */
void text_chain(__u64 va, const struct vmem_ioc_result *result, const __u64 *entries,
		const struct view *view)
{
	unsigned int level = view->levels, refused = refused_at(result, level);
	bool second = result->flags & VMEM_IOC_RESULT_SECOND;
	char grants[ATTRS_PATH + 1];

	if (result->status == VMEM_IOC_NON_CANONICAL)
		return;
	if (second) {
		out_format("  of the second page, %016llx", fault_va(va, result));
		out_end(":");
	}
	while (level-- > result->level) {
		out_format("  level %u  %016llx", level, entries[level]);
		if (level > result->level || result->status == VMEM_IOC_OUTSIDE ||
		    result->status == VMEM_IOC_ABSENT_IN_DUMP)
			out_format("  %s  names a table",
				   show_attrs(result->path >> (4 * level), ATTRS_PATH, grants));
		else if (result->status == VMEM_IOC_OK || is_refused(result))
			text_chain_leaf(result);
		else
			out_text(result->status == VMEM_IOC_NOT_PRESENT ?
				 "        is not present" : "        is malformed");
		out_end(is_refused(result) && level == refused ? ", and refuses" : "");
	}
	if (!(result->flags & VMEM_IOC_RESULT_MAY))
		return;
	out_text("  may set A above");
	out_end(!second ? "" : view->access->what & VMEM_IOC_ACCESS_WRITE ?
		", or A or D of the first page" : " or of the first page");
}
