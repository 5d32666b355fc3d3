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

static void text_where(const struct vmem_ioc_record *rec,
		       const struct view *view)
{
	__u64 nr = view->nr_held;
	char size[24];

	if (view->mark)
		printf("%c ", view->mark);
	printf("%016llx-%016llx %6s  ", rec->va, rec->va + (nr * rec->len - 1),
	       show_size(nr * rec->len, size));
}

void text_head(void)
{
	printf("%-33s %6s  %-12s %4s  %-9s  may\n", "virtual", "size",
	       "physical", "page", "leaf");
}

/* The columns of a leaf, and what else there is of it. */
static void text_leaf(const struct view *view, __u64 gpa, unsigned int page_lg2,
		      __u32 attrs, __u32 effective, __u64 entry)
{
	char leaf[ATTRS_LEAF + 1], may[ATTRS_PATH + 1], page[24];
	const __u32 wx = VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X;
	struct marks marks = marks_of(view->cpu, attrs, effective, entry);
	const char *before = "  soft=";
	unsigned int bit;

	printf("%012llx %4s  %s  %s", gpa, show_size(1ULL << page_lg2, page),
	       show_attrs(attrs, ATTRS_LEAF, leaf),
	       show_attrs(effective, ATTRS_PATH, may));
	if (marks.cow)
		fputs("  cow", stdout);
	if ((effective & wx) == wx)
		fputs("  W+X", stdout);
	if (marks.shadow)
		fputs("  shadow-stack", stdout);
	if (marks.enc)
		printf("  %s", marks.enc);
	if (marks.pat)
		fputs("  pat", stdout);
	if (marks.key)
		printf("  key=%u", marks.key);
	for (bit = 0; bit < 64; bit++)
		if (marks.soft >> bit & 1) {
			printf("%s%u", before, bit);
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
		fputs("  part", stdout);
	if (rec->flags & VMEM_IOC_REC_OUTSIDE)
		fputs("  outside", stdout);
	if (rec->flags & VMEM_IOC_REC_LEFT_OUT)
		printf("  %s not in the dump",
		       show_size(vmem_dump_missing(view->dump, rec->gpa, rec->len), size));
	if (view->held_path)
		printf("  path=%s", show_path(rec->path, path));
	if (view->nr_held > 1)
		printf("  %llu times", view->nr_held);
	if (view->nr_held > 1 && rec->len != 1ULL << rec->detail)
		printf(" %s", show_size(rec->len, size));
	putchar('\n');
}

static void text_again(const struct view *view)
{
	if (view->nr_held > 1)
		printf(", %llu times", view->nr_held);
	putchar('\n');
}

static void text_reference(const struct vmem_ioc_record *rec,
			   const struct view *view)
{
	char path[ATTRS_PATH + 1];

	printf("-> the table at depth %u that space 0x%llx has at %016llx, %s",
	       rec->detail, view->roots[rec->owner], rec->their_va,
	       show_attrs(path_effective(rec->path), ATTRS_PATH, path));
	text_again(view);
}

static void text_bad(const struct vmem_ioc_record *rec, const struct view *view)
{
	printf("!! entry %016llx of level %u: ", rec->entry, rec->level);
	if (rec->detail == VMEM_IOC_BAD_OUTSIDE)
		printf("the table at 0x%llx is outside", rec->gpa);
	else if (rec->detail == VMEM_IOC_BAD_LEFT_OUT)
		printf("the table at 0x%llx is not in the dump", rec->gpa);
	else if (rec->detail == VMEM_IOC_BAD_LARGE)
		fputs("a large page where none can be", stdout);
	else
		fputs("a reserved bit is set", stdout);
	text_again(view);
}

static void text_nonpresent(const struct vmem_ioc_record *rec)
{
	__u64 nr = rec->len / record_span(rec);

	printf("-- entry %016llx of level %u: not present", rec->entry,
	       rec->level);
	if (nr > 1)
		printf(", %llu times", nr);
	putchar('\n');
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
	printf("space 0x%llx", view->roots[index]);
	if (view->labels)
		printf("  %s", view->labels[index]);
	putchar('\n');
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

	/* a space without records is shown too */
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
	if (!view->access)
		putchar('\n');
	else if (result->status == VMEM_IOC_NON_CANONICAL)
		puts(": #GP");
	else
		printf(": #PF 0x%x\n", result->error_code);
}

/* @entries: of the levels, where there is an access. */
void text_result(__u64 va, const struct vmem_ioc_result *result,
		 const __u64 *entries, const struct view *view)
{
	unsigned int level;

	printf("%016llx  ", va);
	if (result->flags & VMEM_IOC_RESULT_SECOND)
		printf("the second page, %016llx: ", fault_va(va, result));
	switch (result->status) {
	case VMEM_IOC_OK:
		text_leaf(view, result->gpa, result->page_lg2, result->leaf,
			  result->effective, result->entry);
		if (result->flags & VMEM_IOC_RESULT_OUTSIDE)
			fputs("  outside", stdout);
		else if (result->flags & VMEM_IOC_RESULT_PARTIAL)
			fputs("  part", stdout);
		if (result->flags & VMEM_IOC_RESULT_ABSENT)
			fputs("  not in the dump", stdout);
		putchar('\n');
		break;
	case VMEM_IOC_NOT_PRESENT:
		printf("not present: entry %016llx of level %u", result->entry,
		       result->level);
		text_fault(result, view);
		break;
	case VMEM_IOC_NON_CANONICAL:
		fputs("non-canonical", stdout);
		text_fault(result, view);
		break;
	case VMEM_IOC_OUTSIDE:
	case VMEM_IOC_ABSENT_IN_DUMP:
		fputs(result->status == VMEM_IOC_OUTSIDE ? "outside" : "not in the dump",
		      stdout);
		if (result->level == view->levels)
			printf(": the root at 0x%llx\n", result->entry);
		else
			printf(": the table that entry %016llx of level %u names\n",
			       result->entry, result->level);
		break;
	case VMEM_IOC_RESERVED:
		printf("malformed: entry %016llx of level %u has a reserved bit set",
		       result->entry, result->level);
		text_fault(result, view);
		break;
	default:
		level = refused_at(result, view->levels);
		printf("refused: entry %016llx of level %u %s", entries[level], level,
		       refused_why(result, view));
		text_fault(result, view);
	}
}

/* Of a leaf all that its own bits are, too: D of shadow stacks, the key. */
static void text_chain_leaf(const struct vmem_ioc_result *result)
{
	unsigned int key = key_of(result->leaf);
	char attrs[ATTRS_LEAF + 1], size[32];

	printf("  %s  maps %s", show_attrs(result->leaf, ATTRS_LEAF, attrs),
	       show_size(1ULL << result->page_lg2, size));
	if (key)
		printf(", key=%u", key);
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
	if (second)
		printf("  of the second page, %016llx:\n", fault_va(va, result));
	while (level-- > result->level) {
		printf("  level %u  %016llx", level, entries[level]);
		if (level > result->level || result->status == VMEM_IOC_OUTSIDE ||
		    result->status == VMEM_IOC_ABSENT_IN_DUMP)
			printf("  %s  names a table",
			       show_attrs(result->path >> (4 * level), ATTRS_PATH, grants));
		else if (result->status == VMEM_IOC_OK || is_refused(result))
			text_chain_leaf(result);
		else
			fputs(result->status == VMEM_IOC_NOT_PRESENT ?
			      "        is not present" : "        is malformed", stdout);
		puts(is_refused(result) && level == refused ? ", and refuses" : "");
	}
	if (result->flags & VMEM_IOC_RESULT_MAY)
		printf("  may set A above%s\n", !second ? "" :
		       view->access->what & VMEM_IOC_ACCESS_WRITE ?
		       ", or A or D of the first page" : " or of the first page");
}
