// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites share: translations and walks beside the model's.
 */
#include "bench.h"
#include "../vmem/call_access.h"

/* A translation that may be stopped, over and over, until it is done. */
static void translate(struct bench *b, const struct vmem_space *space,
		      const u64 *vas, u32 nr, struct vmem_translation *out,
		      u64 (*entries)[VMEM_LEVELS_MAX])
{
	u32 done = 0, tries = 0;
	int ret;

	do {
		ret = b->e->core->translate(b->e->fmt, &b->guest, space, vas, nr, false, out, entries,
				      &done);
		if (++tries == 100000)
			KUNIT_FAIL_AND_ABORT(b->test, "no progress");
	} while (ret == VMEM_ABSENT || ret == VMEM_PAUSE);
	KUNIT_EXPECT_EQ(b->test, ret, 0);
	KUNIT_EXPECT_EQ(b->test, done, nr);
}

void bench_translate(struct bench *b, const struct vmem_space *space, u64 va,
		     struct vmem_translation *out)
{
	memset(out, 0xa5, sizeof(*out));
	translate(b, space, &va, 1, out, NULL);
}

bool bench_same_translation(const struct vmem_translation *a,
			     const struct vmem_translation *b)
{
	return a->gpa == b->gpa && a->entry == b->entry &&
	       a->status == b->status && a->level == b->level &&
	       a->page_lg2 == b->page_lg2 && a->flags == b->flags &&
	       a->error_code == b->error_code && a->leaf == b->leaf &&
	       a->effective == b->effective && a->path == b->path;
}

static void check_translation(struct bench *b, const struct vmem_space *space,
			      u64 va, const struct vmem_translation *got,
			      const u64 entries[VMEM_LEVELS_MAX])
{
	u64 expected_entries[VMEM_LEVELS_MAX];
	struct vmem_translation expected;

	model_translate(b->rules, &b->model.cpu, &b->guest,
			vmem_table_gpa(space->root), va, false, &expected,
			expected_entries);
	if (bench_same_translation(got, &expected) &&
	    (!entries || !memcmp(entries, expected_entries,
				 sizeof(expected_entries))))
		return;
	b->differs = true;
	KUNIT_FAIL(b->test, "va %llx: status %u level %u gpa %llx entry %llx, expected %u %u %llx %llx",
		   va, got->status, got->level, got->gpa, got->entry,
		   expected.status, expected.level, expected.gpa, expected.entry);
}

void bench_check_translate(struct bench *b, const struct vmem_space *space,
			   const u64 *vas, u32 nr)
{
	struct vmem_translation *out = b->translations;
	u64 (*entries)[VMEM_LEVELS_MAX] = b->entries;
	struct vmem_translation one;
	u32 i;

	KUNIT_ASSERT_LE(b->test, nr, TRANSLATE_MAX);
	memset(out, 0xa5, sizeof(b->translations));
	memset(entries, 0xa5, sizeof(b->entries));
	translate(b, space, vas, nr, out, entries);
	for (i = 0; i < nr; i++)
		check_translation(b, space, vas[i], &out[i], entries[i]);
	for (i = 0; i < nr; i++) {
		bench_translate(b, space, vas[i], &one);
		check_translation(b, space, vas[i], &one, NULL);
	}
}

/* Accesses that may be stopped, over and over, until all are judged, or refused. */
static int judged(struct bench *b, struct guest *guest, const struct vmem_space *space,
		  const struct vmem_access *access, const u64 *vas, u32 nr,
		  struct vmem_translation *out, u64 (*entries)[VMEM_LEVELS_MAX])
{
	struct vmem_judge judge;
	u32 done = 0, tries = 0;
	int ret;

	KUNIT_ASSERT_EQ(b->test, 0, b->e->core->judge(&space->facts, access, &judge));
	do {
		ret = vmem_translate_judged(b->e->core, b->e->fmt, guest, space, &judge,
					    vas, nr, out, entries, &done);
		if (++tries == 100000)
			KUNIT_FAIL_AND_ABORT(b->test, "no progress");
	} while (ret == VMEM_ABSENT || ret == VMEM_PAUSE);
	KUNIT_EXPECT_EQ(b->test, done == nr, !ret);
	return ret;
}

u32 bench_check_access(struct bench *b, const struct vmem_space *space,
		       const struct vmem_access *access, const u64 *vas, u32 nr)
{
	struct vmem_translation *out = b->translations, expected;
	u64 words[VMEM_LEVELS_MAX];
	u32 i, met = 0;

	KUNIT_ASSERT_LE(b->test, nr, TRANSLATE_MAX);
	KUNIT_EXPECT_EQ(b->test, 0, judged(b, &b->guest, space, access, vas, nr, out,
					   b->entries));
	for (i = 0; i < nr; i++) {
		model_access(b->rules, &b->model.cpu, &b->guest,
			     vmem_table_gpa(space->root), vas[i], access, &expected, words);
		met |= BIT(expected.status);
		if (!bench_same_translation(&out[i], &expected) ||
		    memcmp(b->entries[i], words, sizeof(words)))
			KUNIT_FAIL_AND_ABORT(b->test, "%llx what %x mode %x keys %x %x: status %u level %u error %x flags %x, expected %u %u %x %x",
					     vas[i], access->what, access->mode,
					     access->pkru, access->pkrs, out[i].status,
					     out[i].level, out[i].error_code, out[i].flags,
					     expected.status, expected.level,
					     expected.error_code, expected.flags);
	}
	return met;
}

void bench_check_set(struct bench *b, const struct vmem_access *access, const u64 *vas,
		     u32 nr, bool exact)
{
	bool fetch = access->what & VMEM_ACCESS_FETCH, written = access->what & VMEM_ACCESS_WRITE;
	struct vmem_access asked = *access;
	struct vmem_translation expected;
	u64 words[1][VMEM_LEVELS_MAX];
	u64 behind;
	u32 i;

	KUNIT_ASSERT_LE(b->test, nr, TRANSLATE_MAX);
	guest_remember(&b->guest, NULL);
	asked.what |= VMEM_ACCESS_SET_AD;
	KUNIT_EXPECT_EQ(b->test, 0, judged(b, &b->guest, &b->space, &asked, vas, nr,
					   b->translations, b->entries));
	for (i = 0; i < nr; i++) {
		struct vmem_translation *got = &b->translations[i];

		/* what is told is as without it, which is compared with the model */
		KUNIT_EXPECT_EQ(b->test, 0, judged(b, &b->model.guest, &b->space, access,
						   &vas[i], 1, &expected, words));
		if (expected.status == VMEM_OK) {
			model_set_ad(b->rules, &b->model.cpu, &b->model.guest, bench_root(b),
				     vas[i], fetch, written);
			behind = (vas[i] / 4096 + 1) * 4096;
			if (behind - vas[i] <= access->what >> 8)
				model_set_ad(b->rules, &b->model.cpu, &b->model.guest,
					     bench_root(b), behind, fetch, written);
		}
		/* after a stop some of it may be set */
		if (!exact) {
			got->entry = expected.entry;
			got->leaf = expected.leaf;
			memcpy(b->entries[i], words, sizeof(words));
		}
		if (!bench_same_translation(got, &expected) ||
		    memcmp(b->entries[i], words, sizeof(words)))
			KUNIT_FAIL_AND_ABORT(b->test, "%llx what %x mode %x: status %u level %u entry %llx, expected %u %u %llx",
					     vas[i], access->what, access->mode, got->status,
					     got->level, got->entry, expected.status,
					     expected.level, expected.entry);
	}
	bench_check_same(b, "A and D");
	KUNIT_EXPECT_TRUE(b->test, guest_untold(&b->guest) == VMEM_NO_TABLE);
	KUNIT_EXPECT_FALSE(b->test, b->guest.told_amiss);
}

int bench_run_set(struct bench *b, u32 what, u64 va, struct vmem_translation *out)
{
	const struct vmem_access access = { .what = what | VMEM_ACCESS_SET_AD,
					    .mode = VMEM_MODE_WP };

	return judged(b, &b->guest, &b->space, &access, &va, 1, out, b->entries);
}

/* The walk's memory is too small: twice as much. */
static void grow(struct bench *b)
{
	struct vmem_seen larger;
	u32 at = 0;

	KUNIT_ASSERT_LE(b->test, b->seen.size_lg2 + 1, SEEN_LG2_MAX);
	memset(b->slots[1], 0, sizeof(**b->slots) << (b->seen.size_lg2 + 1));
	vmem_seen_init(&larger, b->slots[1], b->seen.size_lg2 + 1);
	larger.seed = b->seen.seed;
	while (vmem_seen_rehash(&larger, &b->seen, &at))
		;
	b->seen = larger;
	swap(b->slots[0], b->slots[1]);
}

void bench_walk(struct bench *b, const struct vmem_space *spaces, u32 nr_spaces,
		u64 first, u64 last, u32 flags, u64 budget)
{
	u32 room, tries = 0, before;
	bool follow = flags & VMEM_WALK_FOLLOW;
	int ret;

	memset(b->slots[0], 0, sizeof(**b->slots) << 2);
	vmem_seen_init(&b->seen, b->slots[0], 2);
	b->seen.seed = 0x5eed;
	b->e->core->walk_init(b->e->fmt, &b->walk, first, last, flags, budget,
			follow ? NULL : &b->seen);
	b->nr_out = 0;
	while (!b->walk.finished) {
		before = b->nr_out;
		room = RECORDS_MAX - b->nr_out;
		KUNIT_ASSERT_NE(b->test, room, 0);
		if (b->slices && b->slices < room)
			room = b->slices;
		ret = b->e->walk(b->e->fmt, &b->guest, spaces, nr_spaces, &b->walk, b->out,
				 b->nr_out + room, &b->nr_out);
		if (ret == -ENOBUFS) {
			grow(b);
		} else if (ret != VMEM_ABSENT && ret != VMEM_PAUSE) {
			KUNIT_ASSERT_EQ(b->test, ret, 0);
			/* 0 says that it is full, or that it is the end */
			if (!b->walk.finished)
				KUNIT_EXPECT_EQ(b->test, b->nr_out - before, room);
		}
		if (++tries == 1000000)
			KUNIT_FAIL_AND_ABORT(b->test, "no progress");
	}
	b->nr_out--;
	KUNIT_EXPECT_EQ(b->test, b->out[b->nr_out].type, VMEM_REC_END);
}

bool bench_same_record(const struct vmem_space_aware_mapping *a,
		       const struct vmem_space_aware_mapping *b)
{
	if (a->type != b->type || a->level != b->level ||
	    a->detail != b->detail || a->flags != b->flags ||
	    a->space != b->space || a->va != b->va || a->path != b->path)
		return false;
	if (a->type == VMEM_REC_REFERENCE)
		return a->ref.their_va == b->ref.their_va &&
		       a->ref.owner == b->ref.owner &&
		       a->ref.span == b->ref.span &&
		       a->ref.entry == b->ref.entry;
	return a->gpa == b->gpa && a->len == b->len && a->entry == b->entry &&
	       a->leaf == b->leaf && a->effective == b->effective;
}

void bench_check_walk(struct bench *b, const struct vmem_space *spaces,
		      u32 nr_spaces, u64 first, u64 last, u32 flags)
{
	struct model_records *expected = &b->records;
	const struct vmem_space_aware_mapping *end, *got, *want;
	u32 i;

	expected->nr = 0;
	expected->leaves = 0;
	expected->refs = 0;
	expected->bad = 0;
	expected->nr_seen = 0;
	model_walk(b->rules, &b->model.cpu, &b->guest, spaces, nr_spaces, first,
		   last, flags, expected);
	bench_walk(b, spaces, nr_spaces, first, last, flags, U64_MAX);

	for (i = 0; i < b->nr_out && i < expected->nr; i++) {
		got = &b->out[i];
		want = &expected->out[i];
		if (bench_same_record(got, want))
			continue;
		b->differs = true;
		KUNIT_FAIL(b->test, "%llx-%llx flags %x record %u: type %u level %u va %llx gpa %llx len %llx, expected %u %u %llx %llx %llx",
			   first, last, flags, i, got->type, got->level,
			   got->va, got->gpa, got->len, want->type, want->level,
			   want->va, want->gpa, want->len);
		return;
	}
	end = &b->out[b->nr_out];
	if (b->nr_out == expected->nr && end->detail == VMEM_END_COMPLETE &&
	    end->gpa == expected->leaves && end->len == expected->refs &&
	    end->entry == expected->bad)
		return;
	b->differs = true;
	KUNIT_FAIL(b->test, "%llx-%llx flags %x: %u records, end %u leaves %llu refs %llu bad %llu, expected %u 0 %llu %llu %llu",
		   first, last, flags, b->nr_out, end->detail, end->gpa,
		   end->len, end->entry, expected->nr, expected->leaves,
		   expected->refs, expected->bad);
}

void bench_check_walks(struct bench *b, const struct vmem_space *spaces,
		       u32 nr_spaces, u64 first, u64 last)
{
	static const u32 slices[] = { 0, 1, 3 };
	u32 flags, i;

	for (i = 0; i < ARRAY_SIZE(slices); i++) {
		b->slices = slices[i];
		for (flags = 0; flags < 2 * VMEM_WALK_IGNORE_AD;
		     flags += VMEM_WALK_HOLES)
			bench_check_walk(b, spaces, nr_spaces, first, last,
					 flags | VMEM_WALK_NONPRESENT);
		for (flags = 0; flags < 2 * VMEM_WALK_IGNORE_AD; flags++)
			bench_check_walk(b, spaces, nr_spaces, first, last,
					 flags);
	}
	b->slices = 0;
}
