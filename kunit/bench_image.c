// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites share: images of the guest and of the model, and what a
 * change that was refused has left.
 */
#include "bench.h"

/*
 * Of what an image is made: of the guest first, then of the model. What is
 * behind @used was never changed since the guest was reset.
 */
#define NR_PIECES	12
#define NR_GUEST_PIECES	8

struct piece {
	void *bytes;
	size_t len;
	size_t used;
};

static struct piece piece(struct bench *b, u32 i)
{
	struct guest *model = &b->model.guest, *guest = &b->guest;
	size_t touched = (size_t)b->model.touched << guest->table_lg2;
	size_t foreign = (size_t)b->used << guest->table_lg2;
	size_t frozen = (size_t)b->used_frozen << guest->table_lg2;
	struct vmem_pool_page *pages = guest->pool_range.pages;
	size_t behind_pages = guest->pool_bytes - POOL_TABLES * sizeof(*pages);
	struct model_kept *kept = &b->model.kept;

	switch (i) {
	case 0:
		return (struct piece){ guest->parts[i].bytes,
				       guest->parts[i].len, touched };
	case 1:
		return (struct piece){ guest->parts[i].bytes,
				       guest->parts[i].len, foreign };
	case 2:
		return (struct piece){ guest->parts[i].bytes,
				       guest->parts[i].len, frozen };
	case 3:
		return (struct piece){ pages, POOL_TABLES * sizeof(*pages),
				       b->model.touched * sizeof(*pages) };
	case 4:
		return (struct piece){ guest->pool_range.free, behind_pages,
				       behind_pages };
	case 5:
		return (struct piece){ guest->links,
				       NR_LINKS * sizeof(*guest->links),
				       guest->lent * sizeof(*guest->links) };
	case 6:
		return (struct piece){ &b->space, sizeof(b->space),
				       sizeof(b->space) };
	case 7:
		return (struct piece){ guest, sizeof(*guest), sizeof(*guest) };
	case 8:
		return (struct piece){ model->parts[0].bytes,
				       model->parts[0].len, touched };
	case 9:
		return (struct piece){ model->parts[1].bytes,
				       model->parts[1].len, foreign };
	case 10:
		return (struct piece){ kept, offsetof(struct model_kept, links),
				       offsetof(struct model_kept, tables) +
				       b->model.touched * sizeof(*kept->tables) };
	default:
		return (struct piece){ kept->links, sizeof(kept->links),
				       b->model.linked * sizeof(*kept->links) };
	}
}

static size_t image_len(struct bench *b, u32 nr)
{
	size_t len = 0;
	u32 i;

	for (i = 0; i < nr; i++)
		len += piece(b, i).len;
	return len;
}

size_t bench_image_len(struct bench *b)
{
	return image_len(b, NR_PIECES);
}

size_t bench_guest_image_len(struct bench *b)
{
	return image_len(b, NR_GUEST_PIECES);
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

void bench_touched(struct bench *b)
{
	u32 i;

	for (i = b->model.touched; i < POOL_TABLES; i++)
		if (b->guest.pool_range.pages[i].state != VMEM_POOL_FREE)
			b->model.touched = i + 1;
}

static void restore(struct bench *b, u32 nr)
{
	u8 *image = b->image;
	u32 i;

	for (i = 0; i < nr; i++) {
		struct piece p = piece(b, i);

		memcpy(p.bytes, image, p.used);
		image += p.len;
	}
}

void bench_restore(struct bench *b)
{
	restore(b, NR_PIECES);
}

void bench_restore_guest(struct bench *b)
{
	restore(b, NR_GUEST_PIECES);
}

/* What was refused */

/* Of a piece, what can have been changed; the model may not know of it. */
static size_t changed(const struct bench *b, const struct piece *p)
{
	return b->quick ? p->used : p->len;
}

/* The guest, into an image that has room for it. */
static void keep(struct bench *b, u8 *image)
{
	u32 i;

	for (i = 0; i < NR_GUEST_PIECES; i++) {
		struct piece p = piece(b, i);

		memcpy(image, p.bytes, changed(b, &p));
		image += p.len;
	}
}

static void put_back(struct bench *b, const u8 *image)
{
	u32 i;

	for (i = 0; i < NR_GUEST_PIECES; i++) {
		struct piece p = piece(b, i);

		memcpy(p.bytes, image, changed(b, &p));
		image += p.len;
	}
}

/* The state it is in, with the memory of an image, or as it is. */
static void state_of(struct bench *b, const struct vmem_space *space, bool dirty,
		     const u8 *image, struct refused_state *state)
{
	const struct vmem_pool *pool = &b->guest.pool;
	u32 i;

	for (i = 0; i < PART_DATA; i++) {
		struct piece p = piece(b, i);

		state->parts[i].bytes = image ?: p.bytes;
		state->parts[i].len = changed(b, &p);
		image = image ? image + p.len : NULL;
	}
	state->nr_parts = PART_DATA;
	state->pools[0] = (struct refused_pool){
		.nr_free	= pool->nr_free,
		.used		= pool->nr_used,
		.reserved	= pool->nr_reserved,
		.quarantined	= pool->nr_quarantined,
		.shared		= pool->nr_shared,
		.oldest		= vmem_pool_oldest_generation(pool),
	};
	state->nr_pools = 1;
	state->root = vmem_table_gpa(space->root);
	state->generation = dirty;
}

static void answer_of(const struct vmem_change *change,
		      const struct vmem_space *space,
		      struct refused_answer *answer)
{
	*answer = (struct refused_answer){
		.root		= vmem_table_gpa(space->root),
		.generation	= change->answer.dirty,
		.flush		= change->answer.flush,
		.flush_first	= change->answer.flush_first,
		.flush_last	= change->answer.flush_last,
		.changes	= change->answer.changes,
		.done		= change->answer.done,
		.done_len	= change->answer.done_len,
		.pages		= change->answer.pages,
	};
}

/* The mappings that were done, and no more, from the image before them on. */
static void twin(struct bench *b, struct refused_state *state,
		 struct refused_answer *answer)
{
	struct vmem_change *change = &b->again;
	u32 tries = 0;
	int ret;

	put_back(b, b->kept[0]);
	b->guest.absent_at = 0;
	b->guest.pause_at = 0;
	b->guest.absent_one_in = 0;
	b->guest.pause_one_in = 0;
	*change = (struct vmem_change){ .asked = b->change.asked };
	change->asked.nr = b->change.answer.done;
	do {
		ret = b->e->core->map(b->e->fmt, &b->guest, &b->space, change);
		if (ret == VMEM_LINKS)
			ret = guest_lend(&b->guest) ?: VMEM_LINKS;
	} while (ret > 0 && ++tries < 1000);
	KUNIT_EXPECT_EQ(b->test, ret, 0);
	guest_unreserve(&b->guest);
	state_of(b, &b->space, change->answer.dirty, NULL, state);
	answer_of(change, &b->space, answer);
}

void bench_watch(struct bench *b, const struct vmem_space *space)
{
	/* somebody else is at work */
	if (b->guest.change || b->racing)
		return;
	keep(b, b->kept[0]);
	state_of(b, space, false, b->kept[0], &b->before);
	b->watching = true;
}

void bench_watched(struct bench *b, const struct vmem_space *space, int ret)
{
	const struct vmem_change *change = &b->change;
	bool watching = b->watching;
	struct refused_answer answer, done;
	struct refused_difference d;

	b->watching = false;
	if (!watching || ret >= 0)
		return;
	/* pass 2 only refuses where a table is come to twice unforeseen */
	if (change->pass.phase >= VMEM_PHASE_APPLY || (b->aliased && change->answer.dirty)) {
		KUNIT_EXPECT_TRUE(b->test, b->aliased);
		return;
	}
	b->refused++;
	answer_of(change, space, &answer);
	if (!change->answer.done || change->asked.flags & VMEM_CHANGE_ATOMIC) {
		state_of(b, space, change->answer.dirty, NULL, &b->after);
		refused_whole(&d, &b->before, &b->after, &answer);
	} else {
		b->refused_after++;
		keep(b, b->kept[1]);
		state_of(b, space, change->answer.dirty, b->kept[1], &b->after);
		twin(b, &b->before, &done);
		refused_after(&d, &b->after, &answer, &b->before, &done);
		put_back(b, b->kept[1]);
	}
	if (!d.what)
		return;
	b->differs = true;
	KUNIT_FAIL(b->test, "refused with %d, %u mappings done: %s (%llu) %llx, expected %llx",
		   ret, change->answer.done, d.what, d.where, d.is, d.wanted);
}
