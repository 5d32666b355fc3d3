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

struct vmem_mapping bench_unmapped(u64 va, u64 len)
{
	return (struct vmem_mapping){ .virt_base = va, .len = len };
}

int bench_run(struct bench *b, const struct vmem_mapping *list, u32 nr,
	      u32 flags, u64 budget)
{
	struct vmem_change *change = &b->change;
	u32 tries = 0, i, j;
	int ret;

	KUNIT_ASSERT_LE(b->test, nr, ARRAY_SIZE(b->order));
	/* by insertion */
	for (i = 0; i < nr; i++) {
		for (j = i; j && list[b->order[j - 1]].virt_base >
				  list[i].virt_base; j--)
			b->order[j] = b->order[j - 1];
		b->order[j] = i;
	}
	*change = (struct vmem_change){
		.list	= list,
		.nr	= nr,
		.flags	= flags,
		.order	= b->order,
		.budget	= budget,
	};
	b->guest.pool.generation++;
	do {
		if (tries && b->recheck)
			vmem_change_recheck(change);
		ret = b->e->map(&b->guest, &b->space, change);
		if (++tries == 100000)
			KUNIT_FAIL_AND_ABORT(b->test, "no progress");
	} while (ret == VMEM_ABSENT || ret == VMEM_PAUSE);
	guest_unreserve(&b->guest);
	return ret;
}

static bool same_page(const struct vmem_pool_page *page,
		      const struct model_table *table)
{
	switch (table->state) {
	case MODEL_FREE:
		return page->state == VMEM_POOL_FREE;
	case MODEL_WAITS:
		return page->state == VMEM_POOL_QUARANTINED &&
		       page->generation == table->generation;
	case MODEL_USED:
		break;
	}
	if (page->state != VMEM_POOL_USED || page->level != table->level ||
	    page->nr_links != table->links)
		return false;
	if (page->nr_links != 1)
		return true;
	return page->links->slot == table->slot &&
	       vmem_table_gpa(page->links->parent) == table->parent;
}

void bench_check_same(struct bench *b, const char *after)
{
	const struct vmem_pool *pool = &b->guest.pool;
	bool same = true;
	u32 i;

	/* of the pages behind these the counts tell that they are free */
	for (i = 0; i < b->model.touched; i++) {
		if (same_page(&pool->pages[i], &b->model.tables[i]))
			continue;
		b->differs = true;
		KUNIT_FAIL(b->test, "%s: page %u of the pool is in state %u, expected %u",
			   after, i, pool->pages[i].state,
			   b->model.tables[i].state);
		return;
	}
	if (pool->nr_free != model_count(&b->model, MODEL_FREE) ||
	    pool->nr_used != model_count(&b->model, MODEL_USED) ||
	    pool->nr_quarantined != model_count(&b->model, MODEL_WAITS) ||
	    pool->nr_reserved) {
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
	if (change->flush != expected->flush)
		return false;
	if (change->flush != VMEM_FLUSH_RANGE)
		return true;
	/* it may say more than it must */
	return change->flush_first <= expected->flush_first &&
	       change->flush_last >= expected->flush_last;
}

static void check_result(struct bench *b, int ret)
{
	const struct vmem_change *change = &b->change;
	const struct model_result *expected = &b->result;

	if (ret != expected->ret || change->done != expected->done ||
	    change->pages != expected->pages || !same_flush(change, expected) ||
	    change->changes != (expected->freed ? VMEM_CHANGED_FREED : 0) ||
	    change->done_len) {
		b->differs = true;
		KUNIT_FAIL(b->test, "ret %d done %u pages %llu flush %u changes %x, expected %d %u %llu %u %x",
			   ret, change->done, change->pages, change->flush,
			   change->changes, expected->ret, expected->done,
			   expected->pages, expected->flush, expected->freed);
	}
	if (ret && ret == expected->ret && expected->at_known &&
	    (change->at_va != expected->at_va ||
	     change->at_level != expected->at_level)) {
		b->differs = true;
		KUNIT_FAIL(b->test, "ret %d at %llx level %u, expected %llx %u",
			   ret, change->at_va, change->at_level,
			   expected->at_va, expected->at_level);
	}
}

int bench_change(struct bench *b, const struct vmem_mapping *list, u32 nr,
		 u32 flags)
{
	int ret;

	b->model.generation = b->guest.pool.generation + 1;
	model_change(&b->model, list, nr, flags, &b->result);
	ret = bench_run(b, list, nr, flags, U64_MAX);
	check_result(b, ret);
	bench_check_same(b, "change");
	return ret;
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

/* Of what an image is made: of the guest first, then of the model. */
#define NR_PIECES	7
#define NR_GUEST_PIECES	4

struct piece {
	void *bytes;
	size_t len;
};

static struct piece piece(struct bench *b, u32 i)
{
	struct guest *model = &b->model.guest;

	switch (i) {
	case 0:
	case 1:
		return (struct piece){ b->guest.parts[i].bytes,
				       b->guest.parts[i].len };
	case 2:
		return (struct piece){ b->guest.pool_storage, b->guest.pool_bytes };
	case 3:
		return (struct piece){ &b->guest, sizeof(b->guest) };
	case 4:
	case 5:
		return (struct piece){ model->parts[i - 4].bytes,
				       model->parts[i - 4].len };
	default:
		return (struct piece){ b->model.tables, sizeof(b->model.tables) };
	}
}

size_t bench_image_len(struct bench *b)
{
	size_t len = 0;
	u32 i;

	for (i = 0; i < NR_PIECES; i++)
		len += piece(b, i).len;
	return len;
}

void bench_save(struct bench *b)
{
	u8 *image = b->image;
	u32 i;

	for (i = 0; i < NR_PIECES; i++) {
		struct piece p = piece(b, i);

		memcpy(image, p.bytes, p.len);
		image += p.len;
	}
}

static void restore(struct bench *b, u32 nr)
{
	u8 *image = b->image;
	u32 i;

	for (i = 0; i < nr; i++) {
		struct piece p = piece(b, i);

		memcpy(p.bytes, image, p.len);
		image += p.len;
	}
}

void bench_restore(struct bench *b)
{
	restore(b, NR_PIECES);
}

int bench_change_stopped(struct bench *b, const struct vmem_mapping *list,
			 u32 nr, u32 flags)
{
	u64 calls, pauses, at, i;
	int ret, again;

	guest_calm(&b->guest);
	bench_save(b);
	ret = bench_change(b, list, nr, flags);
	calls = b->guest.calls;
	pauses = b->guest.pauses;
	for (i = 0; i < 2 * (calls + pauses) && !b->differs; i++) {
		at = 1 + i / 2;
		b->recheck = i & 1;
		restore(b, NR_GUEST_PIECES);
		b->guest.calls = 0;
		b->guest.pauses = 0;
		b->guest.absent_at = at <= calls ? at : 0;
		b->guest.pause_at = at <= calls ? 0 : at - calls;
		again = bench_run(b, list, nr, flags, U64_MAX);
		check_result(b, again);
		bench_check_same(b, "stopped change");
		KUNIT_EXPECT_EQ(b->test, again, ret);
	}
	b->recheck = false;
	guest_calm(&b->guest);
	return ret;
}

void bench_flushed(struct bench *b)
{
	vmem_pool_flushed(&b->guest.pool, b->guest.pool.generation);
	model_flushed(&b->model, b->guest.pool.generation);
}
