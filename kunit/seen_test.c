// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of what a walk has met. Point 37: the key is (address, level), and
 * every such pair is remembered.
 */
#include "bench.h"

#define SLOTS_LG2	6
#define LARGE_LG2	14	/* more than one step of a rehash */

static struct vmem_seen *begin(struct kunit *test, u32 size_lg2)
{
	struct vmem_seen *seen = kunit_kzalloc(test, sizeof(*seen), GFP_KERNEL);
	struct vmem_seen_slot *slots;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	slots = kunit_kzalloc(test, sizeof(*slots) << size_lg2, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slots);
	vmem_seen_init(seen, slots, size_lg2);
	return seen;
}

static void expect(struct kunit *test, const struct vmem_seen *seen, u64 table,
		   unsigned int level, u32 space, u64 va)
{
	vmem_space_id_t got_space = 0;
	vmem_virt_t got_va = 0;

	KUNIT_ASSERT_TRUE(test, vmem_seen_find(seen, vmem_table(table), level,
					       &got_space, &got_va));
	KUNIT_EXPECT_EQ(test, got_space, space);
	KUNIT_EXPECT_EQ(test, got_va, va);
}

static void find_in_empty(struct kunit *test)
{
	struct vmem_seen *seen = begin(test, SLOTS_LG2);
	vmem_space_id_t space;
	vmem_virt_t va;

	KUNIT_EXPECT_FALSE(test, vmem_seen_find(seen, vmem_table(0), 0, &space,
						&va));
	KUNIT_EXPECT_FALSE(test, vmem_seen_find(seen, vmem_table(4096), 3,
						&space, &va));
}

static void find_by_address_and_level(struct kunit *test)
{
	struct vmem_seen *seen = begin(test, SLOTS_LG2);
	vmem_space_id_t space;
	vmem_virt_t va;

	KUNIT_EXPECT_EQ(test, 0, vmem_seen_add(seen, vmem_table(0x1000), 1, 7,
					       0xffffff8000000000ULL));
	KUNIT_EXPECT_EQ(test, 0, vmem_seen_add(seen, vmem_table(0x1000), 2, 4095,
					       0));
	KUNIT_EXPECT_EQ(test, 0, vmem_seen_add(seen, vmem_table(0), 0, 0,
					       0x200000));
	expect(test, seen, 0x1000, 1, 7, 0xffffff8000000000ULL);
	expect(test, seen, 0x1000, 2, 4095, 0);
	expect(test, seen, 0, 0, 0, 0x200000);
	KUNIT_EXPECT_FALSE(test, vmem_seen_find(seen, vmem_table(0x1000), 0,
						&space, &va));
	KUNIT_EXPECT_FALSE(test, vmem_seen_find(seen, vmem_table(0x2000), 1,
						&space, &va));
	KUNIT_EXPECT_EQ(test, 3, seen->nr);
}

static void add_until_full(struct kunit *test)
{
	struct vmem_seen *seen = begin(test, SLOTS_LG2);
	u64 i, max = seen->max;

	KUNIT_EXPECT_LE(test, max, 3ULL << (SLOTS_LG2 - 2));
	for (i = 0; i < max; i++)
		KUNIT_ASSERT_EQ(test, 0, vmem_seen_add(seen,
						       vmem_table(i << 12), 1,
						       i, i << 21));
	KUNIT_EXPECT_EQ(test, -ENOBUFS,
			vmem_seen_add(seen, vmem_table(max << 12), 1, 0, 0));
	KUNIT_EXPECT_EQ(test, max, seen->nr);
	for (i = 0; i < max; i++)
		expect(test, seen, i << 12, 1, i, i << 21);
}

static void add_up_to_a_lower_cap(struct kunit *test)
{
	struct vmem_seen *seen = begin(test, SLOTS_LG2);

	seen->max = 1;
	KUNIT_EXPECT_EQ(test, 0, vmem_seen_add(seen, vmem_table(0), 0, 0, 0));
	KUNIT_EXPECT_EQ(test, -ENOBUFS,
			vmem_seen_add(seen, vmem_table(0x1000), 0, 0, 0));
}

static void rehash_keeps_all(struct kunit *test)
{
	struct vmem_seen *from = begin(test, LARGE_LG2), *to;
	struct vt_random random = { .state = 1 };
	u32 at = 0, steps = 0;
	u64 i;

	from->seed = 0x123456789abcdefULL;
	for (i = 0; i < from->max; i++)
		KUNIT_ASSERT_EQ(test, 0,
				vmem_seen_add(from, vmem_table(i << 12), i % 5,
					      i % 4096, vt_random(&random) << 12));
	to = begin(test, LARGE_LG2 + 1);
	to->seed = vt_random(&random);
	while (vmem_seen_rehash(to, from, &at))
		KUNIT_EXPECT_EQ(test, at, ++steps * VMEM_SEEN_STEP);
	KUNIT_EXPECT_EQ(test, steps, (1U << LARGE_LG2) / VMEM_SEEN_STEP - 1);
	KUNIT_EXPECT_EQ(test, to->nr, from->nr);
	random.state = 1;
	for (i = 0; i < from->nr; i++)
		expect(test, to, i << 12, i % 5, i % 4096,
		       vt_random(&random) << 12);
	KUNIT_EXPECT_EQ(test, 0, vmem_seen_add(to, vmem_table(1ULL << 40), 0, 0,
					       0));
}

/* Addresses that a guest can choose don't end in one slot. */
static void find_spreads_any_stride(struct kunit *test)
{
	struct vmem_seen *seen = begin(test, 10);
	unsigned int stride;
	u32 probes, i, n;

	for (stride = 4; stride < 44; stride++) {
		memset(seen->slots, 0, sizeof(*seen->slots) << 10);
		seen->nr = 0;
		seen->seed = stride * 0x9e3779b97f4a7c15ULL;
		for (i = 0; i < 512; i++)
			vmem_seen_add(seen, vmem_table((u64)i << stride), 0, 0, 0);
		/* the longest run of slots in use bounds a probe */
		for (i = 0, n = 0, probes = 0; i < 2048; i++) {
			n = seen->slots[i & 1023].key ? n + 1 : 0;
			probes = n > probes ? n : probes;
		}
		KUNIT_EXPECT_LT(test, probes, 128);
	}
}

static struct kunit_case seen_cases[] = {
	KUNIT_CASE(find_in_empty),
	KUNIT_CASE(find_by_address_and_level),
	KUNIT_CASE(add_until_full),
	KUNIT_CASE(add_up_to_a_lower_cap),
	KUNIT_CASE(rehash_keeps_all),
	KUNIT_CASE(find_spreads_any_stride),
	{}
};

static struct kunit_suite seen_suite = {
	.name = "vmem_seen",
	.test_cases = seen_cases,
};

kunit_test_suite(seen_suite);
