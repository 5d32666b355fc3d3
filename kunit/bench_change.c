// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites share: changes beside the model's, compared byte by byte.
 */
#include "bench.h"

struct vmem_mapping bench_basic(u64 va, u64 gpa, u64 len, u32 attrs)
{
	return (struct vmem_mapping){
		.virt_base	= va,
		.phys_base	= gpa,
		.len		= len,
		.kind		= VMEM_KIND_BASIC,
		.basic.attrs	= attrs,
	};
}

struct vmem_mapping bench_cow(u64 va, u64 gpa, u64 len, u32 attrs)
{
	return (struct vmem_mapping){
		.virt_base	= va,
		.phys_base	= gpa,
		.len		= len,
		.kind		= VMEM_KIND_COW,
		.cow.attrs	= attrs,
	};
}

struct vmem_mapping bench_unmapped(u64 va, u64 len)
{
	return (struct vmem_mapping){ .virt_base = va, .len = len };
}

struct vmem_mapping bench_protected(u64 va, u64 len, u32 set, u32 clear)
{
	return (struct vmem_mapping){
		.virt_base	= va,
		.len		= len,
		.kind		= VMEM_KIND_PROTECT,
		.protect	= { .set = set, .clear = clear },
	};
}

struct vmem_mapping bench_raw(u64 va, u64 entry, u64 len)
{
	return (struct vmem_mapping){
		.virt_base	= va,
		.phys_base	= entry,
		.len		= len,
		.kind		= VMEM_KIND_RAW,
	};
}

struct vmem_mapping bench_promoted(u64 va, u64 len, u32 leaf_levels)
{
	return (struct vmem_mapping){
		.virt_base	= va,
		.len		= len,
		.kind		= VMEM_KIND_PROMOTE,
		.promote.leaf_levels = leaf_levels,
	};
}

struct vmem_mapping bench_sized(const struct bench *b, struct vmem_mapping m,
				u32 leaf_levels)
{
	unsigned int level;

	for (level = 0; level < b->rules->levels; level++)
		if (leaf_levels & BIT(level))
			m.page_sizes |= bench_span(b, level);
	return m;
}

struct vmem_mapping bench_with_path(struct vmem_mapping m, u32 path)
{
	m.path_given = true;
	m.path = path;
	return m;
}

u32 bench_same_path(const struct bench *b, unsigned int lowest, u32 perms)
{
	u32 path = 0;

	for (; lowest < b->rules->levels; lowest++)
		path |= perms << (4 * lowest);
	return path;
}

/* What a change is called with. */
struct call {
	const struct vmem_mapping *list;
	u32 nr;
	u32 flags;
	const struct bench_link *link;	/* instead of a list */
	const struct vmem_mapping *what; /* and this, from start to last */
	u64 start;
	u64 last;
};

static int begin(struct bench *b, const struct call *call, u64 budget)
{
	struct vmem_change *change = &b->change;
	const struct bench_link *link = call->link;
	u32 i, j;

	/* what isn't given a value isn't looked at */
	memset(change, 0xa5, sizeof(*change));
	vmem_change_start(change);
	change->asked = (struct vmem_asked){ .flags = call->flags, .budget = budget };
	if (link && link->path_given)
		return 0;
	if (link)
		return b->e->core->link_list(b->e->fmt, change, link->our_va,
				       &(struct vmem_link_mapping){
					.owner = bench_space_nr(b, call->flags &
						VMEM_CHANGE_UNSHARE ?
						b->guest.space : link->owner),
					.their_va = link->their_va,
					.level = link->level,
				       });

	if (call->what)
		return bench_range_list(b, change, call->start, call->last,
					call->what);

	KUNIT_ASSERT_LE(b->test, call->nr, ARRAY_SIZE(b->order));
	/* by insertion */
	for (i = 0; i < call->nr; i++) {
		for (j = i; j && call->list[b->order[j - 1]].virt_base >
				  call->list[i].virt_base; j--)
			b->order[j] = b->order[j - 1];
		b->order[j] = i;
	}
	change->asked.list = call->list;
	change->asked.nr = call->nr;
	change->asked.order = b->order;
	return 0;
}

/* What the tables hold before a change. */
static void remember(struct bench *b)
{
	const u32 nr[PART_DATA] = { b->model.touched, b->used, b->used_frozen };

	guest_remember(&b->guest, b->quick ? nr : NULL);
}

/*
 * Each table that holds something else now was told to be written, and none where
 * nothing came of the change. What a @vcpu wrote meanwhile nobody tells.
 */
static void check_told(struct bench *b, bool vcpu, int ret)
{
	const struct vmem_change *change = &b->change;
	vmem_table_t untold = guest_untold(&b->guest);

	if (!vcpu && !b->guest.told_none && untold != VMEM_NO_TABLE) {
		b->differs = true;
		KUNIT_FAIL(b->test, "ret %d: table %llx was written untold", ret,
			   vmem_table_gpa(untold));
	}
	if (b->guest.told_amiss ||
	    (change->pass.phase < VMEM_PHASE_APPLY && !change->pass.recounts &&
	     !change->answer.done && !b->recheck && guest_nr_told(&b->guest))) {
		b->differs = true;
		KUNIT_FAIL(b->test, "ret %d: %u tables were told amiss", ret,
			   guest_nr_told(&b->guest));
	}
}

/* How far a call is gone on with. */
enum run {
	RUN_DONE,		/* until it is done, and never refused */
	RUN_WATCHED,		/* it may be */
	RUN_GIVEN_UP,		/* at the first stop */
};

/* Return: what the last call did. */
static int run(struct bench *b, const struct call *call, u64 budget, enum run how)
{
	const struct bench_link *link = call->link;
	struct vmem_space_aware_mapping rec = { .type = VMEM_REC_REFERENCE };
	bool vcpu = b->guest.change || b->racing;
	u32 tries = 0;
	int ret;

	ret = begin(b, call, budget);
	if (ret)
		return ret;
	if (link) {
		rec.va = link->our_va;
		rec.detail = bench_top(b) - link->level;
		rec.path = link->path;
		rec.ref.their_va = link->their_va;
	}
	b->guest.pool.generation++;
	remember(b);
	if (how == RUN_WATCHED)
		bench_watch(b, &b->space);
	do {
		if (tries && b->elsewhere)
			guest_elsewhere(&b->guest);
		if (tries && b->recheck && tries % b->recheck == 0)
			vmem_change_recheck(&b->change);
		ret = link && link->path_given ?
		      b->e->space_aware_map(b->e->fmt, &b->guest, &b->space, &rec,
					    bench_space_nr(b, link->owner), 1,
					    &b->change) :
		      b->e->core->map(b->e->fmt, &b->guest, &b->space, &b->change);
		if (ret == VMEM_LINKS)
			ret = guest_lend(&b->guest) ?: VMEM_LINKS;
		if (++tries == 10000)
			KUNIT_FAIL_AND_ABORT(b->test, "no progress");
	} while (ret > 0 && (how != RUN_GIVEN_UP || ret == VMEM_LINKS));
	/* an image knows where they were */
	if (b->elsewhere && tries % 2 == 0)
		guest_elsewhere(&b->guest);
	guest_unreserve(&b->guest);
	check_told(b, vcpu, ret);
	bench_watched(b, &b->space, ret);
	return ret;
}

int bench_run(struct bench *b, const struct vmem_mapping *list, u32 nr,
	      u32 flags, u64 budget)
{
	const struct call call = { .list = list, .nr = nr, .flags = flags };

	return run(b, &call, budget, RUN_WATCHED);
}

int bench_run_link(struct bench *b, const struct bench_link *link, u32 flags,
		   u64 budget)
{
	const struct call call = { .link = link, .flags = flags };

	return run(b, &call, budget, RUN_WATCHED);
}

static bool same_page(struct bench *b, u32 i)
{
	const struct vmem_pool_page *page = &b->guest.pool_range.pages[i];
	const struct model_table *table = &b->model.kept.tables[i];

	switch (table->state) {
	case MODEL_FREE:
		return page->state == VMEM_POOL_FREE;
	case MODEL_WAITS:
		return page->state == VMEM_POOL_QUARANTINED &&
		       page->generation == table->generation;
	case MODEL_HELD:
		return page->state == VMEM_POOL_RESERVED;
	case MODEL_USED:
		break;
	}
	return page->state == VMEM_POOL_USED && page->level == table->level &&
	       page->nr_links == table->links;
}

/*
 * Is each link one of the model's, which has no other, and are records that were
 * lent in use for links, or can be used?
 */
static bool same_links(struct bench *b)
{
	struct vmem_pool *pool = &b->guest.pool;
	u64 records = b->guest.store.nr + b->guest.pages.res.links;
	struct vmem_pool_page *pages = b->guest.pool_range.pages;
	struct vmem_link *const *head = &pool->foreign;
	u32 i = 0, all = 0;

	for (;;) {
		u64 from = head == &pool->foreign ? 0 :
			   guest_gpa(&b->guest, PART_POOL, i - 1);
		struct vmem_link *link = *head, *const *back = head;

		for (; link; back = &link->below, link = link->below, all++) {
			u64 parent = vmem_table_gpa(link->parent);

			if (model_count_links(&b->model, link->page - pages, parent,
					      link->slot) != 1 ||
			    (from ? parent != from : !!model_page(&b->model, parent)) ||
			    *vmem_link_seek(pool, link->parent, link->slot) != link ||
			    link->back != back)
				return false;
			records += link != &link->page->first;
		}
		if (i == b->model.touched)
			break;
		head = &pages[i++].below;
	}
	return all == model_links(&b->model) && all == pool->nr_hashed &&
	       records == b->guest.lent;
}

static u32 nr_shared(const struct bench *b)
{
	u32 i, nr = 0;

	for (i = 0; i < b->model.touched; i++)
		nr += b->model.kept.tables[i].state == MODEL_USED &&
		      b->model.kept.tables[i].links > 1;
	return nr;
}

void bench_check_same(struct bench *b, const char *after)
{
	const struct vmem_pool *pool = &b->guest.pool;
	bool same = true;
	u32 i;

	/* of the pages behind these the counts tell that they are free */
	for (i = 0; i < b->model.touched; i++) {
		if (same_page(b, i))
			continue;
		b->differs = true;
		KUNIT_FAIL(b->test, "%s: page %u of the pool is in state %u with %u links, expected %u %u",
			   after, i, b->guest.pool_range.pages[i].state,
			   b->guest.pool_range.pages[i].nr_links,
			   b->model.kept.tables[i].state,
			   b->model.kept.tables[i].links);
		return;
	}
	if (bench_root(b) != b->model.kept.root) {
		b->differs = true;
		KUNIT_FAIL(b->test, "%s: root %llx, expected %llx", after,
			   bench_root(b), b->model.kept.root);
	}
	if (pool->nr_shared != nr_shared(b) || !same_links(b)) {
		b->differs = true;
		KUNIT_FAIL(b->test, "%s: %u tables shared, expected %u; or other links",
			   after, pool->nr_shared, nr_shared(b));
	}
	if (pool->nr_free != model_count(&b->model, MODEL_FREE) ||
	    pool->nr_used != model_count(&b->model, MODEL_USED) ||
	    pool->nr_quarantined != model_count(&b->model, MODEL_WAITS) ||
	    pool->nr_reserved != model_count(&b->model, MODEL_HELD)) {
		b->differs = true;
		KUNIT_FAIL(b->test, "%s: %u free, %u used, %u quarantined, %u reserved",
			   after, pool->nr_free, pool->nr_used,
			   pool->nr_quarantined, pool->nr_reserved);
	}
	for (i = 0; i < PART_DATA; i++) {
		size_t len = b->guest.parts[i].len;

		if (b->quick && i == PART_POOL)
			len = (size_t)b->model.touched << b->guest.table_lg2;
		else if (b->quick && i == PART_FOREIGN)
			len = (size_t)b->used << b->guest.table_lg2;
		else if (b->quick)
			len = (size_t)b->used_frozen << b->guest.table_lg2;
		same = same && !memcmp(b->guest.parts[i].bytes,
				       b->model.guest.parts[i].bytes, len);
	}
	if (!same) {
		b->differs = true;
		KUNIT_FAIL(b->test, "%s: tables differ", after);
	}
}

static bool same_flush(const struct vmem_change *change,
		       const struct model_result *expected)
{
	if (change->answer.flush != expected->flush)
		return false;
	if (change->answer.flush != VMEM_FLUSH_RANGE)
		return true;
	/* it may say more than it must */
	return change->answer.flush_first <= expected->flush_first &&
	       change->answer.flush_last >= expected->flush_last;
}

static void check_skipped(struct bench *b)
{
	u32 i;

	/* the first one has no reason */
	for (i = 1; i < VMEM_NR_SKIPS; i++) {
		if (b->change.answer.skipped[i] == b->result.skipped[i])
			continue;
		b->differs = true;
		KUNIT_FAIL(b->test, "%llu tables skipped for reason %u, expected %llu",
			   b->change.answer.skipped[i], i, b->result.skipped[i]);
	}
}

static void check_result(struct bench *b, int ret)
{
	const struct vmem_change *change = &b->change;
	const struct model_result *expected = &b->result;

	check_skipped(b);
	if (ret != expected->ret || change->answer.done != expected->done ||
	    change->answer.pages != expected->pages || !same_flush(change, expected) ||
	    change->answer.changes != expected->changes || change->answer.done_len) {
		b->differs = true;
		KUNIT_FAIL(b->test, "ret %d done %u pages %llu flush %u changes %x, expected %d %u %llu %u %x",
			   ret, change->answer.done, change->answer.pages, change->answer.flush,
			   change->answer.changes, expected->ret, expected->done,
			   expected->pages, expected->flush, expected->changes);
	}
	if (change->answer.overwritten != expected->overwritten ||
	    change->answer.lost_dirty != expected->lost_dirty ||
	    (expected->lacking_known && change->answer.lacking != expected->lacking)) {
		b->differs = true;
		KUNIT_FAIL(b->test, "ret %d overwritten %llu lost_dirty %llu lacking %llu, expected %llu %llu %llu",
			   ret, change->answer.overwritten, change->answer.lost_dirty,
			   change->answer.lacking, expected->overwritten,
			   expected->lost_dirty, expected->lacking);
	}
	if (ret && ret == expected->ret && expected->at_known &&
	    (change->answer.at_va != expected->at_va ||
	     change->answer.at_level != expected->at_level)) {
		b->differs = true;
		KUNIT_FAIL(b->test, "ret %d at %llx level %u, expected %llx %u",
			   ret, change->answer.at_va, change->answer.at_level,
			   expected->at_va, expected->at_level);
	}
}

/* What the model does. */
static void expect(struct bench *b, const struct call *call)
{
	const struct bench_link *link = call->link;
	struct model_reference ref;

	b->model.generation = b->guest.pool.generation + 1;
	if (call->what) {
		model_change_range(&b->model, call->start, call->last,
				   call->what, call->flags, &b->result);
		return;
	}
	if (!link) {
		model_change(&b->model, call->list, call->nr, call->flags,
			     &b->result);
		return;
	}
	ref = (struct model_reference){
		.our_va		= link->our_va,
		.owner		= vmem_table_gpa(bench_space_nr(b, link->owner)->root),
		.same_space	= bench_space_nr(b, link->owner)->root == b->space.root,
		.their_va	= link->their_va,
		.level		= link->level,
		.path_given	= link->path_given,
		.path		= link->path,
	};
	model_change_link(&b->model, &ref, call->flags, &b->result);
}

/* What it was that differs. */
static void tell(struct bench *b, const struct call *call)
{
	const struct vmem_mapping *m = b->change.asked.list;
	u32 i;

	for (i = 0; i < b->change.asked.nr; i++, m++)
		kunit_info(b->test, "%u: kind %u va %llx gpa %llx len %llx sizes %llx ad %u path %x(%u) attrs %x %x",
			   i, m->kind, m->virt_base, m->phys_base, m->len,
			   m->page_sizes, m->ad_given, m->path, m->path_given,
			   m->protect.set, m->protect.clear);
	if (call->link)
		kunit_info(b->test, "link %llx to %llx of %u level %u",
			   call->link->our_va, call->link->their_va,
			   call->link->owner, call->link->level);
	kunit_info(b->test, "flags %x movable %u", call->flags, b->guest.movable);
}

static int change(struct bench *b, const struct call *call)
{
	int ret;

	expect(b, call);
	ret = run(b, call, U64_MAX, b->result.ret ? RUN_WATCHED : RUN_DONE);
	check_result(b, ret);
	bench_check_same(b, "change");
	if (b->differs)
		tell(b, call);
	return ret;
}

int bench_change(struct bench *b, const struct vmem_mapping *list, u32 nr,
		 u32 flags)
{
	const struct call call = { .list = list, .nr = nr, .flags = flags };

	return change(b, &call);
}

int bench_link(struct bench *b, const struct bench_link *link, u32 flags)
{
	const struct call call = { .link = link, .flags = flags };

	return change(b, &call);
}

int bench_range(struct bench *b, u64 start, u64 last,
		const struct vmem_mapping *what, u32 flags)
{
	const struct call call = {
		.what = what, .start = start, .last = last, .flags = flags,
	};

	return change(b, &call);
}

void bench_over_budget(struct bench *b, const struct vmem_mapping *m)
{
	u64 budget;
	int ret = -E2BIG;

	for (budget = 0; ret; budget++) {
		KUNIT_ASSERT_LE(b->test, budget, 2 * b->rules->levels);
		ret = bench_run(b, m, 1, 0, budget);
		if (!ret)
			break;
		KUNIT_EXPECT_EQ(b->test, ret, -E2BIG);
		bench_check_same(b, "over the budget");
	}
	KUNIT_EXPECT_EQ(b->test, budget, b->rules->levels);
}

int bench_map(struct bench *b, u64 va, u64 gpa, u64 len, u32 attrs, u32 flags)
{
	struct vmem_mapping m = bench_basic(va, gpa, len, attrs);

	return bench_change(b, &m, 1, flags);
}

int bench_unmap(struct bench *b, u64 va, u64 len)
{
	struct vmem_mapping m = bench_unmapped(va, len);

	return bench_change(b, &m, 1, 0);
}

static int change_stopped(struct bench *b, const struct call *call)
{
	u64 calls, pauses, at, i;
	int ret, again;

	guest_calm(&b->guest);
	bench_save(b);
	ret = change(b, call);
	calls = b->guest.calls;
	pauses = b->guest.pauses;
	for (i = 0; i < 2 * (calls + pauses) && !b->differs; i++) {
		at = 1 + i / 2;
		b->recheck = i & 1;
		bench_restore_guest(b);
		b->guest.calls = 0;
		b->guest.pauses = 0;
		b->guest.absent_at = at <= calls ? at : 0;
		b->guest.pause_at = at <= calls ? 0 : at - calls;
		again = run(b, call, U64_MAX, ret ? RUN_WATCHED : RUN_DONE);
		check_result(b, again);
		bench_check_same(b, "stopped change");
		KUNIT_EXPECT_EQ(b->test, again, ret);
		if (b->differs)
			KUNIT_FAIL(b->test, "stopped at call %llu or pause %llu, recheck %u",
				   b->guest.absent_at, b->guest.pause_at, b->recheck);
	}
	b->recheck = 0;
	guest_calm(&b->guest);
	return ret;
}

/* May it be that nothing is there, until the call is done? */
static bool may_be_away(const struct bench *b, const struct call *call, u64 va)
{
	const struct bench_link *link = call->link;
	u32 i;

	for (i = 0; i < call->nr; i++)
		if (call->list[i].kind != VMEM_KIND_PROTECT &&
		    call->list[i].kind != VMEM_KIND_PROMOTE &&
		    model_covers(&call->list[i], va, 1))
			return true;
	return link && va - link->our_va < bench_span(b, link->level + 1);
}

static bool same_leaf(const struct vmem_translation *a,
		      const struct vmem_translation *b)
{
	return a->status == b->status &&
	       (a->status != VMEM_OK || (a->gpa == b->gpa && a->leaf == b->leaf));
}

/* Is what is there what was there before, or will be? */
static bool in_between(const struct bench *b, const struct call *call, u64 va,
		       const struct vmem_translation *before,
		       const struct vmem_translation *now,
		       const struct vmem_translation *after)
{
	struct vmem_translation split = *before;

	/* a part of a leaf that was split: what may be written is dirty */
	if (split.leaf & VMEM_W)
		split.leaf |= VMEM_D;
	return same_leaf(now, before) || same_leaf(now, after) ||
	       same_leaf(now, &split) ||
	       (now->status == VMEM_NOT_PRESENT && may_be_away(b, call, va));
}

/* Something of it was done, or nothing, and then nobody goes on with it. */
static void check_given_up(struct bench *b)
{
	const struct vmem_pool *pool = &b->guest.pool;
	u32 i;

	KUNIT_EXPECT_EQ(b->test, pool->nr_reserved, 0);
	KUNIT_EXPECT_EQ(b->test, POOL_TABLES,
			pool->nr_free + pool->nr_used + pool->nr_quarantined);
	for (i = 0; i < PART_DATA; i++) {
		const struct guest_range *part = &b->guest.parts[i];

		if (b->change.answer.dirty && i != PART_FROZEN)
			continue;
		if (!memcmp(part->bytes, part->before, part->before_len))
			continue;
		b->differs = true;
		KUNIT_FAIL(b->test, "given up: written, and nobody said so");
	}
}

static void translate_each(struct bench *b, const u64 *vas, u32 nr,
			   struct vmem_translation *out)
{
	for (; nr; nr--)
		bench_translate(b, &b->space, *vas++, out++);
}

static int change_given_up(struct bench *b, const struct call *call, const u64 *vas,
			   u32 nr)
{
	struct vmem_translation *before = b->ends[0], *after = b->ends[1], now;
	u64 calls, places, at;
	int ret, again;
	u32 i, used;
	bool moved;

	KUNIT_ASSERT_LE(b->test, nr, GIVEN_UP_MAX);
	guest_calm(&b->guest);
	bench_save(b);
	translate_each(b, vas, nr, before);
	guest_calm(&b->guest);
	ret = change(b, call);
	calls = b->guest.calls;
	places = ret || b->differs ? 0 : calls + b->guest.pauses;
	used = b->guest.pool.nr_used;
	moved = b->change.answer.changes & VMEM_CHANGED_MOVED;
	translate_each(b, vas, nr, after);
	for (at = 1; at <= places && !b->differs; at++) {
		bench_restore_guest(b);
		guest_calm(&b->guest);
		b->guest.absent_at = at <= calls ? at : 0;
		b->guest.pause_at = at <= calls ? 0 : at - calls;
		run(b, call, U64_MAX, RUN_GIVEN_UP);
		guest_calm(&b->guest);
		b->given_up += b->change.answer.dirty;
		bench_touched(b);
		check_given_up(b);
		for (i = 0; i < nr; i++) {
			bench_translate(b, &b->space, vas[i], &now);
			if (in_between(b, call, vas[i], &before[i], &now, &after[i]))
				continue;
			b->differs = true;
			KUNIT_FAIL(b->test, "%llx: status %u gpa %llx leaf %x", vas[i],
				   now.status, now.gpa, now.leaf);
		}
		/* a link that is there already can't take its own place */
		again = run(b, call, U64_MAX, RUN_DONE);
		if (again != -EINVAL || !call->link)
			KUNIT_EXPECT_EQ(b->test, 0, again);
		for (i = 0; i < nr; i++) {
			bench_translate(b, &b->space, vas[i], &now);
			b->differs |= !same_leaf(&now, &after[i]);
		}
		/* where a table moved, what is there now may make way for more */
		b->differs |= moved ? b->guest.pool.nr_used > used :
				      b->guest.pool.nr_used != used;
		bench_touched(b);
		if (!b->differs)
			continue;
		KUNIT_FAIL(b->test, "given up at %llu of %llu calls and %llu pauses: %u tables, expected %u",
			   at, calls, places - calls, b->guest.pool.nr_used, used);
		tell(b, call);
	}
	if (places && !b->differs) {
		bench_restore_guest(b);
		run(b, call, U64_MAX, RUN_DONE);
		bench_check_same(b, "change at last");
	}
	return ret;
}

int bench_change_given_up(struct bench *b, const struct vmem_mapping *list, u32 nr,
			  u32 flags, const u64 *vas, u32 nr_vas)
{
	const struct call call = { .list = list, .nr = nr, .flags = flags };

	return change_given_up(b, &call, vas, nr_vas);
}

int bench_link_given_up(struct bench *b, const struct bench_link *link, u32 flags,
			const u64 *vas, u32 nr_vas)
{
	const struct call call = { .link = link, .flags = flags };

	return change_given_up(b, &call, vas, nr_vas);
}

int bench_change_stopped(struct bench *b, const struct vmem_mapping *list,
			 u32 nr, u32 flags)
{
	const struct call call = { .list = list, .nr = nr, .flags = flags };

	return change_stopped(b, &call);
}

int bench_range_stopped(struct bench *b, u64 start, u64 last,
			const struct vmem_mapping *what, u32 flags)
{
	const struct call call = {
		.what = what, .start = start, .last = last, .flags = flags,
	};

	return change_stopped(b, &call);
}

int bench_link_stopped(struct bench *b, const struct bench_link *link, u32 flags)
{
	const struct call call = { .link = link, .flags = flags };

	return change_stopped(b, &call);
}

void bench_flushed(struct bench *b)
{
	vmem_pool_flushed(&b->guest.pool, b->guest.pool.generation);
	model_flushed(&b->model, b->guest.pool.generation);
}
