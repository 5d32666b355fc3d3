// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spaces that share tables: at each depth, at equal and at other addresses,
 * through entries with other permissions, with one another and with themselves.
 * What a walk says of them is built again in another guest; the walk of that
 * says the same; and a vCPU that switches between the spaces finds, in both
 * guests, what was planned.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "live.h"

#define SPACES_MAX	8
#define PLANNED_MAX	512
#define POOL_LEN	0x200000ULL

/* Top-level slots. The program has slot 0. */
#define SLOT_OWN	1	/* a page of each space alone */
#define SLOT_EQUAL	2	/* and further: shared at equal addresses */
#define SLOT_OTHER	20	/* and further, by 8: at other addresses */
#define SLOT_ALIAS	80	/* and further: in the owner's space once more */
#define SLOT_INNER	100	/* a part of what is shared, by itself */

/* A page that a space shall have. */
struct planned {
	__u32 space;
	__u64 va;
	__u64 gpa;
	__u32 attrs;		/* of its leaf and its path together */
	__u32 value;
};

struct plan {
	unsigned int levels;
	__u32 nr_spaces;
	__u64 roots[SPACES_MAX];
	__u32 ids[SPACES_MAX];
	struct vmem_guest *vmem;
	__u32 pool;
	size_t nr;
	struct planned pages[PLANNED_MAX];
};

static __u64 slot_va(const struct plan *plan, unsigned int slot)
{
	return slot * table_span(plan->levels - 2);
}

/* The same permissions for the entries of levels @from to @to. */
static __u32 nibbles(__u32 attrs, unsigned int from, unsigned int to)
{
	__u32 path = 0;

	for (; from <= to; from++)
		path |= attrs << VMEM_IOC_PATH_SHIFT(from);
	return path;
}

static void plan_page(struct plan *plan, __u32 space, __u64 va, __u64 gpa,
		      __u32 attrs, __u32 value)
{
	ASSERT(plan->nr < PLANNED_MAX);
	plan->pages[plan->nr++] = (struct planned){
		.space = space, .va = va, .gpa = gpa, .attrs = attrs, .value = value,
	};
}

/*
 * A page, mapped in a space. @above: permissions of entries above the table of
 * @level, @inner: of those in it and below.
 */
static void add_page(struct plan *plan, struct world *w, __u32 space, __u64 va,
		     __u32 leaf, __u32 inner, __u32 above, unsigned int level,
		     bool cow)
{
	__u32 value = plan->nr + 1000;
	struct vmem_ioc_mapping mapping = {
		.va = va, .gpa = world_page(w, value), .len = PAGE, .attrs = leaf,
		.kind = cow ? VMEM_IOC_KIND_COW : VMEM_IOC_KIND_BASIC,
		.path = nibbles(inner, 1, level) |
			nibbles(above, level + 1, plan->levels - 1),
		.flags = VMEM_IOC_MAPPING_PATH,
	};
	struct vmem_ioc_change change;

	ASSERT_OK(space_map(plan->vmem, plan->ids[space], &mapping, 1, 0, &change));
	plan_page(plan, space, va, mapping.gpa,
		  effective(leaf, mapping.path, plan->levels), value);
}

/* Pages in the first, the last and a middle entry of the table at @va. */
static void add_owned(struct plan *plan, struct world *w, __u64 va,
		      unsigned int level)
{
	__u64 span = table_span(level);

	add_page(plan, w, 0, va, R, R | W | X, R | W | X, level, false);
	add_page(plan, w, 0, va + PAGE, R | W | X, R | W | X, R | W | X, level, false);
	add_page(plan, w, 0, va + 2 * PAGE, R | X, R | W | X, R | W | X, level, true);
	add_page(plan, w, 0, va + span / 2, R | W | X, level ? R | X : R | W | X,
		 R | W | X, level, false);
	add_page(plan, w, 0, va + span - PAGE, R | W | X, level ? R | W | U : R | W | X,
		 R | W | X, level, false);
}

/* Show the table of @level that @owner has at @their_va. */
static void add_link(struct plan *plan, __u32 space, __u64 our_va, __u32 owner,
		     __u64 their_va, unsigned int level, __u32 attrs)
{
	struct vmem_ioc_link link = {
		.size = sizeof(link), .space = plan->ids[space],
		.owner = plan->ids[owner], .our_va = our_va, .their_va = their_va,
		.depth = plan->levels - 1 - level, .path_given = 1,
		.path = nibbles(attrs, level + 1, plan->levels - 1),
	};
	size_t i, nr = plan->nr;

	ASSERT_OK(vmem_space_link(plan->vmem, &link));
	for (i = 0; i < nr; i++) {
		const struct planned *p = &plan->pages[i];

		/* of the first space all is granted above: so these are the inner */
		if (p->space == 0 && p->va - their_va < table_span(level))
			plan_page(plan, space, our_va + (p->va - their_va), p->gpa,
				  p->attrs & attrs, p->value);
	}
}

/* What the spaces share with the first one: a table of each depth. */
static void add_shared(struct plan *plan, struct world *w, unsigned int level)
{
	static const __u32 attrs[] = {
		R | W | X, R | X, R | W, R, R | W | X | U, R | X | U, R | W | U, R | U,
	};
	unsigned int depth = plan->levels - 1 - level;
	__u64 equal = slot_va(plan, SLOT_EQUAL + depth);
	__u64 other = slot_va(plan, SLOT_OTHER + 8 * depth);
	__u32 i;

	add_owned(plan, w, equal, level);
	for (i = 1; i < plan->nr_spaces; i++) {
		add_link(plan, i, equal, 0, equal, level, attrs[i]);
		add_link(plan, i, other + i * table_span(level), 0, equal, level,
			 attrs[(i + depth) % ARRAY_SIZE(attrs)]);
	}
	add_link(plan, 0, slot_va(plan, SLOT_ALIAS + depth), 0, equal, level, R | X);
}

/*
 * The spaces. The last of eight has the root of another, and one is linked to
 * through one that was linked itself.
 */
static void plan_open(struct plan *plan, struct world *w, unsigned int levels,
		      __u32 nr)
{
	__u32 i, made = nr == 8 ? nr - 1 : nr;
	unsigned int level;
	size_t n, last;

	memset(plan, 0, sizeof(*plan));
	plan->levels = levels;
	plan->nr_spaces = made;
	plan->vmem = guest_new();
	guest_region(plan->vmem, w, 0, WORLD_LEN, 0);
	plan->pool = guest_pool(plan->vmem, WORLD_POOL_GPA, POOL_LEN);
	for (i = 0; i < made; i++) {
		plan->ids[i] = guest_space(plan->vmem, levels, VMEM_IOC_SPACE_NEW,
					   plan->pool, &plan->roots[i]);
		map_program(w, plan->vmem, plan->ids[i], false);
		add_page(plan, w, i, slot_va(plan, SLOT_OWN) + PAGE, R | W | X,
			 R | W | X, R | W | X, 0, false);
	}
	for (level = 0; level < levels - 1; level++)
		add_shared(plan, w, level);
	/* the last table of leaves in what is shared at depth 1 */
	add_link(plan, 1, slot_va(plan, SLOT_INNER), 0,
		 slot_va(plan, SLOT_EQUAL + 2) - table_span(0), 0, R | W);
	if (made == nr)
		return;
	plan->roots[made] = plan->roots[2];
	plan->ids[made] = guest_space(plan->vmem, levels, 0, plan->pool,
				      &plan->roots[made]);
	plan->nr_spaces = nr;
	for (n = 0, last = plan->nr; n < last; n++) {
		const struct planned *p = &plan->pages[n];

		if (p->space == 2)
			plan_page(plan, made, p->va, p->gpa, p->attrs, p->value);
	}
}

/* Build one record of a walk again. */
static void rebuild_record(struct plan *copy, const struct vmem_ioc_record *r)
{
	struct vmem_ioc_mapping mapping = {
		.va = r->va, .gpa = r->gpa, .len = r->len,
		.kind = r->leaf & VMEM_IOC_ATTR_COW ? VMEM_IOC_KIND_COW :
						      VMEM_IOC_KIND_BASIC,
		.attrs = r->leaf & (R | W | X),
		.page_sizes = 1ULL << r->detail,
		.path = r->path, .flags = VMEM_IOC_MAPPING_PATH,
	};
	struct vmem_ioc_link link = {
		.size = sizeof(link), .space = copy->ids[r->space],
		.our_va = r->va, .their_va = r->their_va, .depth = r->detail,
		.path_given = 1, .path = r->path,
	};
	struct vmem_ioc_change change;

	if (r->type == VMEM_IOC_REC_MAPPING) {
		ASSERT_OK(space_map(copy->vmem, copy->ids[r->space], &mapping, 1, 0,
				    &change));
	} else {
		ASSERT_EQ(r->type, VMEM_IOC_REC_REFERENCE);
		link.owner = copy->ids[r->owner];
		ASSERT_OK(vmem_space_link(copy->vmem, &link));
	}
}

/* All that was walked, in another guest, whose tables come from elsewhere. */
static void rebuild(struct plan *copy, const struct plan *plan, struct world *w,
		    const struct vmem_ioc_record *records, size_t nr)
{
	size_t i;

	*copy = *plan;
	copy->vmem = guest_new();
	guest_region(copy->vmem, w, 0, WORLD_LEN, 0);
	copy->pool = guest_pool(copy->vmem, WORLD_POOL_GPA + POOL_LEN, POOL_LEN);
	memset(copy->ids, 0, sizeof(copy->ids));
	for (i = 0; i < nr; i++) {
		const struct vmem_ioc_record *r = &records[i];
		bool whole = r->type == VMEM_IOC_REC_REFERENCE && !r->detail;

		if (r->type == VMEM_IOC_REC_END)
			break;
		if (!copy->ids[r->space]) {
			if (whole)
				copy->roots[r->space] = copy->roots[r->owner];
			copy->ids[r->space] =
				guest_space(copy->vmem, copy->levels,
					    whole ? 0 : VMEM_IOC_SPACE_NEW,
					    copy->pool, &copy->roots[r->space]);
		}
		if (!whole)
			rebuild_record(copy, r);
	}
}

/* But for the addresses of tables. */
static bool same_record(const struct vmem_ioc_record *a,
			const struct vmem_ioc_record *b)
{
	struct vmem_ioc_record x = *a, y = *b;

	if (x.type == VMEM_IOC_REC_REFERENCE)
		x.entry = y.entry = 0;
	return !memcmp(&x, &y, sizeof(x));
}

static void expect_same_walk(const struct plan *a, const struct plan *b, __u32 flags)
{
	struct vmem_ioc_record *ours, *theirs;
	size_t i, nr, nr_theirs;

	ours = walk(a->vmem, a->ids, a->nr_spaces, flags, &nr);
	theirs = walk(b->vmem, b->ids, b->nr_spaces, flags, &nr_theirs);
	EXPECT_EQ(nr_theirs, nr);
	for (i = 0; i < nr && i < nr_theirs; i++) {
		if (same_record(&ours[i], &theirs[i]))
			continue;
		ktap_fail(__FILE__, __LINE__,
			  "record %zu: type %u, space %u, 0x%llx, path 0x%x; rebuilt: type %u, space %u, 0x%llx, path 0x%x",
			  i, ours[i].type, ours[i].space, ours[i].va, ours[i].path,
			  theirs[i].type, theirs[i].space, theirs[i].va,
			  theirs[i].path);
		break;
	}
	free(ours);
	free(theirs);
}

/* References of each depth, at equal and at other addresses. */
static void expect_references(const struct plan *plan,
			      const struct vmem_ioc_record *records, size_t nr)
{
	unsigned int equal[VMEM_IOC_LEVELS_MAX] = {}, other[VMEM_IOC_LEVELS_MAX] = {};
	unsigned int depth, own = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		const struct vmem_ioc_record *r = &records[i];

		if (r->type != VMEM_IOC_REC_REFERENCE)
			continue;
		ASSERT(r->detail < plan->levels);
		EXPECT(r->owner <= r->space);
		own += r->owner == r->space;
		if (r->va == r->their_va)
			equal[r->detail]++;
		else
			other[r->detail]++;
	}
	EXPECT_EQ(equal[0], plan->nr_spaces == 8);
	for (depth = 1; depth < plan->levels; depth++) {
		EXPECT(equal[depth]);
		EXPECT(other[depth]);
	}
	EXPECT(own >= plan->levels - 1);
}

/* vmem finds each page of the plan, as planned. */
static void expect_planned(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->nr; i++) {
		const struct planned *p = &plan->pages[i];
		struct vmem_ioc_result result = translate(plan->vmem,
							  plan->ids[p->space], p->va);
		__u32 have = result.effective & (R | W | X);

		if (result.status == VMEM_IOC_OK && result.gpa == p->gpa &&
		    have == (p->attrs & (R | W | X)))
			continue;
		ktap_fail(__FILE__, __LINE__,
			  "0x%llx in space %u: status %u, 0x%llx, permissions 0x%x; not 0x%llx, 0x%x",
			  p->va, p->space, result.status, result.gpa, have, p->gpa,
			  p->attrs);
	}
}

/* Each page in each way, from one space to another all the time. */
static void switch_between(const struct plan *plan, struct world *w, __u64 *seed)
{
	size_t i, k, nr = plan->nr * 3, order[PLANNED_MAX * 3], from, n;
	__u64 faults = 0;

	for (i = 0; i < nr; i++) {
		k = chance(seed) % (i + 1);
		order[i] = order[k];
		order[k] = i;
	}
	for (from = 0; from < nr; from += n) {
		w->box->nr = 0;
		for (n = 0; n < LIVE_PROBES_MAX && from + n < nr; n++) {
			const struct planned *p = &plan->pages[order[from + n] / 3];

			probe_add(w, plan->roots[p->space], p->va,
				  order[from + n] % 3, order[from + n]);
		}
		world_run(w, LIVE_PROBE);
		for (i = 0; i < n; i++) {
			const struct planned *p = &plan->pages[order[from + i] / 3];
			bool write = order[from + i] % 3 == LIVE_WRITE;

			if (!probe_was(&w->box->probes[i], p->attrs,
				       write ? order[from + i] : p->value))
				return;
			faults += w->box->probes[i].vector != LIVE_NO_FAULT;
		}
	}
	ktap_msg("%zu accesses in %u spaces, %llu of them faulted", nr,
		 plan->nr_spaces, faults);
}

/* What was written, is in these pages and in no others. */
static void expect_written(const struct plan *plan, struct world *w)
{
	bool good, writable;
	size_t i, k;
	__u64 word;

	for (i = 0; i < plan->nr; i++) {
		const struct planned *p = &plan->pages[i];

		word = world_word(w, p->gpa + LIVE_WRITE_AT);
		writable = false;
		good = false;
		for (k = 0; k < plan->nr; k++) {
			if (plan->pages[k].gpa != p->gpa ||
			    !(plan->pages[k].attrs & W))
				continue;
			writable = true;
			good |= word == k * 3 + LIVE_WRITE;
		}
		if (writable ? !good : word)
			ktap_fail(__FILE__, __LINE__,
				  "0x%llx in space %u holds %llu", p->va, p->space,
				  word);
	}
}

static void shared_tables(unsigned int levels, __u32 nr_spaces)
{
	struct vmem_ioc_pool_stat stat, stat_copy;
	struct vmem_ioc_record *records;
	struct plan *plan, *copy;
	__u64 seed = seed_of_run();
	struct world w;
	size_t nr;
	__u32 i;

	plan = malloc(sizeof(*plan));
	copy = malloc(sizeof(*copy));
	ASSERT(plan && copy);
	world_open(&w, levels);
	plan_open(plan, &w, levels, nr_spaces);
	expect_planned(plan);
	records = walk(plan->vmem, plan->ids, plan->nr_spaces, 0, &nr);
	expect_references(plan, records, nr);

	rebuild(copy, plan, &w, records, nr);
	expect_planned(copy);
	expect_same_walk(plan, copy, 0);
	expect_same_walk(plan, copy, VMEM_IOC_WALK_FOLLOW);
	expect_same_walk(plan, copy, VMEM_IOC_WALK_FOLLOW | VMEM_IOC_WALK_LEAVES);
	stat = pool_stat(plan->vmem, plan->pool);
	stat_copy = pool_stat(copy->vmem, copy->pool);
	EXPECT_EQ(stat_copy.out_used, stat.out_used);
	EXPECT_EQ(stat_copy.out_shared, stat.out_shared);
	EXPECT(stat.out_shared >= levels - 1);
	ktap_msg("%zu pages in %zu records, %llu tables, %llu of them shared",
		 plan->nr, nr, stat.out_used, stat.out_shared);

	/* the rebuilt ones first: what is written must be there through them */
	world_start(&w, copy->roots[0]);
	switch_between(copy, &w, &seed);
	expect_written(copy, &w);
	switch_between(plan, &w, &seed);
	expect_written(plan, &w);
	for (i = 0; i < nr_spaces; i++) {
		expect_agreement(&w, plan->vmem, plan->ids[i], plan->roots[i]);
		expect_agreement(&w, copy->vmem, copy->ids[i], copy->roots[i]);
	}
	/* a vCPU has set accessed and dirty bits, and nothing else */
	expect_planned(copy);
	expect_same_walk(plan, copy, 0);
	world_close(&w);
	vmem_close(copy->vmem);
	vmem_close(plan->vmem);
	free(records);
	free(copy);
	free(plan);
}

void shared_tables_two_4level(void)
{
	shared_tables(4, 2);
}

void shared_tables_two_5level(void)
{
	shared_tables(5, 2);
}

void shared_tables_eight_4level(void)
{
	shared_tables(4, 8);
}

void shared_tables_eight_5level(void)
{
	shared_tables(5, 8);
}
