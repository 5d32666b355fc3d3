// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unit tests of the reference's amd64 module, each a case of its name: the
 * same addresses, and what is known of them, told by this engine.
 *
 * All but one find here what they find there. The one is
 * test_virt_to_phys_unaligned_virt_and_multiple_page_len, which maps a length
 * that ends in the middle of a page: see there.
 */
#include <linux/build_bug.h>

#include "bench.h"

#include "../vmem/fmt_x86_64.h"

#define PAGE	((u64)VMEM_PAGE_SIZE)
#define R	VMEM_R
#define RW	(VMEM_R | VMEM_W)
#define RX	(VMEM_R | VMEM_X)
#define RWX	(VMEM_R | VMEM_W | VMEM_X)
#define KIND	(RWX | VMEM_COW)

#define PRESENT		BIT_ULL(0)
#define WRITABLE	BIT_ULL(1)
#define NO_EXECUTE	BIT_ULL(63)
#define ADDRESS		0x000ffffffffff000ULL

/* A root, and nothing else. */
static struct bench *begin(struct kunit *test)
{
	return bench_begin_engine(test, &engine_x86_64_4level, 48, false, 0);
}

static struct bench *begin_mapped(struct kunit *test, u64 at, u64 len)
{
	struct bench *b = begin(test);

	KUNIT_ASSERT_EQ(test, 0, bench_map(b, at, at, len, RW, 0));
	return b;
}

/* Entry @index of the @nr-th table that was made; the root is number 0. */
static u64 entry_of(const struct bench *b, u32 nr, unsigned int index)
{
	return bench_read(b, guest_gpa(&b->guest, PART_POOL, nr), index);
}

/* What is mapped in @len bytes from @va on, one page at a time, into b->out. */
static void virt_to_phys(struct bench *b, u64 va, u64 len)
{
	const u32 flags = VMEM_WALK_FOLLOW | VMEM_WALK_LEAVES;
	struct vmem_walk walk;

	b->e->core->walk_init(b->e->fmt, &walk, va, va + len - 1, flags, U64_MAX, NULL);
	for (b->nr_out = 0;; b->nr_out++) {
		KUNIT_ASSERT_LE(b->test, b->nr_out, 16);
		KUNIT_ASSERT_EQ(b->test, 0,
				b->e->virt_to_phys(b->e->fmt, &b->guest, &b->space, &walk,
						   &b->out[b->nr_out]));
		if (b->out[b->nr_out].type == VMEM_REC_END)
			return;
	}
}

/* The n-th page that was found is this one, mapped to its own number. */
static void expect_page(struct bench *b, u32 n, u64 page)
{
	KUNIT_ASSERT_LE(b->test, n + 1, b->nr_out);
	KUNIT_EXPECT_EQ(b->test, b->out[n].type, VMEM_REC_MAPPING);
	KUNIT_EXPECT_EQ(b->test, b->out[n].va, page);
	KUNIT_EXPECT_EQ(b->test, b->out[n].gpa, page);
	KUNIT_EXPECT_EQ(b->test, b->out[n].len, PAGE);
}

/* Where an address selects an entry, level by level */

static unsigned int index_of(u64 va, unsigned int level)
{
	return vmem_index(&vmem_fmt_x86_64_4level, va, level);
}

static void test_bits_extracts_pml4_index(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, index_of(0x0000008000000000ULL, 3), 1);
}

static void test_bits_extracts_pdpt_index(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, index_of(0x40000000, 2), 1);
}

static void test_bits_extracts_pd_index(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, index_of(0x200000, 1), 1);
}

static void test_bits_extracts_pt_index(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, index_of(0x1000, 0), 1);
}

static void test_bits_max_index(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, index_of(0x0000ff8000000000ULL, 3), 511);
}

/* The bit of each right */

static u64 leaf_with(struct kunit *test, u32 attrs)
{
	struct bench *b = begin(test);

	KUNIT_EXPECT_EQ(test, 0, b->e->fmt->can_map(&b->space.facts, attrs, 0));
	return b->e->fmt->make_leaf(&b->space.facts, attrs, 0, 0);
}

static void test_page_rw_flag_writable(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, leaf_with(test, RW) & WRITABLE, WRITABLE);
	KUNIT_EXPECT_EQ(test, leaf_with(test, RW), leaf_with(test, R) | WRITABLE);
}

static void test_page_rw_flag_readonly(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, leaf_with(test, R) & WRITABLE, 0);
	KUNIT_EXPECT_EQ(test, leaf_with(test, RX) & WRITABLE, 0);
}

static void test_page_nx_flag_executable(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, leaf_with(test, RX) & NO_EXECUTE, 0);
	KUNIT_EXPECT_EQ(test, leaf_with(test, RWX) & NO_EXECUTE, 0);
}

static void test_page_nx_flag_not_executable(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, leaf_with(test, R) & NO_EXECUTE, NO_EXECUTE);
	KUNIT_EXPECT_EQ(test, leaf_with(test, R), leaf_with(test, RX) | NO_EXECUTE);
}

/* Mapping */

static void test_map_single_page(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, PAGE);
	u64 entry = entry_of(b, 0, 0);

	/* a table a level */
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 4);
	KUNIT_EXPECT_EQ(test, entry & PRESENT, PRESENT);
	KUNIT_EXPECT_EQ(test, entry & WRITABLE, WRITABLE);
	KUNIT_EXPECT_EQ(test, entry & ADDRESS, guest_gpa(&b->guest, PART_POOL, 1));

	entry = entry_of(b, 3, 1);
	KUNIT_EXPECT_EQ(test, entry & PRESENT, PRESENT);
	KUNIT_EXPECT_EQ(test, entry & WRITABLE, WRITABLE);
	KUNIT_EXPECT_EQ(test, entry & NO_EXECUTE, NO_EXECUTE);
	KUNIT_EXPECT_EQ(test, entry & ADDRESS, 0x1000);
}

static void test_map_executable_page(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 entry;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0x2000, 0x2000, PAGE, RX, 0));
	entry = entry_of(b, 3, 2);
	KUNIT_EXPECT_EQ(test, entry & PRESENT, PRESENT);
	KUNIT_EXPECT_EQ(test, entry & WRITABLE, 0);
	KUNIT_EXPECT_EQ(test, entry & NO_EXECUTE, 0);
}

static void test_map_multiple_pages(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x10000, 4 * PAGE);
	u32 i;

	for (i = 0; i < 4; i++) {
		u64 entry = entry_of(b, 3, 16 + i);

		KUNIT_EXPECT_EQ(test, entry & PRESENT, PRESENT);
		KUNIT_EXPECT_EQ(test, entry & ADDRESS, 0x10000 + i * PAGE);
	}
	KUNIT_EXPECT_EQ(test, entry_of(b, 3, 15) | entry_of(b, 3, 20), 0);
}

static void test_map_reuses_existing_tables(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, PAGE);
	u32 used = b->guest.pool.nr_used;

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0x5000, 0x5000, PAGE, RW, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, used);
}

/* Translating a range */

static void test_virt_to_phys_mapped_address(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, PAGE);

	virt_to_phys(b, 0x1000, 1);
	KUNIT_EXPECT_EQ(test, b->nr_out, 1);
	expect_page(b, 0, 0x1000);
}

/* It is the page that is told, not the byte that was asked for. */
static void test_virt_to_phys_unaligned_virt(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, PAGE);

	virt_to_phys(b, 0x1234, 1);
	KUNIT_EXPECT_EQ(test, b->nr_out, 1);
	expect_page(b, 0, 0x1000);
}

static void
test_virt_to_phys_unaligned_virt_and_across_pages_len(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, 2 * PAGE);

	virt_to_phys(b, 0x1f00, 0x300);
	KUNIT_EXPECT_EQ(test, b->nr_out, 2);
	expect_page(b, 0, 0x1000);
	expect_page(b, 1, 0x2000);
}

/*
 * There, a mapping of two pages and 512 bytes is made, of the third page as a
 * whole; which lets a guest have more than its caller said. Here a length that
 * is no multiple of the page is refused, and nothing is mapped. The three pages
 * mapped as such, the range that touches them tells all three, as there.
 */
static void
test_virt_to_phys_unaligned_virt_and_multiple_page_len(struct kunit *test)
{
	struct bench *b = begin(test);

	KUNIT_EXPECT_EQ(test, -EINVAL, bench_map(b, 0x1000, 0x1000,
						 2 * PAGE + 0x200, RW, 0));
	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	virt_to_phys(b, 0x1234, 2 * PAGE + 0x10);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);

	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0x1000, 0x1000, 3 * PAGE, RW, 0));
	virt_to_phys(b, 0x1234, 2 * PAGE + 0x10);
	KUNIT_EXPECT_EQ(test, b->nr_out, 3);
	expect_page(b, 0, 0x1000);
	expect_page(b, 1, 0x2000);
	expect_page(b, 2, 0x3000);
}

/* What was mapped is what comes back: four kinds of Basic, and two of Cow. */
static void test_virt_to_phys_perms(struct kunit *test)
{
	const struct vmem_mapping kinds[] = {
		bench_basic(0x1000, 0x1000, PAGE, R),
		bench_basic(0x1000, 0x1000, PAGE, RX),
		bench_basic(0x1000, 0x1000, PAGE, RW),
		bench_basic(0x1000, 0x1000, PAGE, RWX),
		bench_cow(0x1000, 0x1000, PAGE, R),
		bench_cow(0x1000, 0x1000, PAGE, RX),
	};
	u32 i, attrs;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct bench *b = begin(test);

		attrs = kinds[i].kind == VMEM_KIND_COW ?
			kinds[i].cow.attrs | VMEM_COW : kinds[i].basic.attrs;
		KUNIT_EXPECT_EQ(test, 0, bench_change(b, &kinds[i], 1, 0));
		virt_to_phys(b, 0x1000, 1);
		KUNIT_EXPECT_EQ(test, b->nr_out, 1);
		expect_page(b, 0, 0x1000);
		KUNIT_EXPECT_EQ(test, b->out[0].leaf & KIND, attrs);
		KUNIT_EXPECT_EQ(test, b->out[0].effective, attrs & RWX);
	}
}

static void test_virt_to_phys_unmapped_address(struct kunit *test)
{
	struct bench *b = begin(test);

	virt_to_phys(b, 0x1000, 1);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
}

/* In the same table of leaves as one that is mapped */
static void test_virt_to_phys_partially_mapped(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, PAGE);

	virt_to_phys(b, 0x5000, 1);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
}

/*
 * The steps over a range: both passes of a change make them in a table of
 * leaves, and so does a walk.
 */

/* The only entries in the table of leaves are those from @first on, @nr. */
static void expect_steps(struct bench *b, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < VMEM_PAGE_TABLE_ENTRIES_PER_TABLE; i++)
		KUNIT_EXPECT_EQ(b->test, !!entry_of(b, 3, i), i - first < nr);
	KUNIT_EXPECT_EQ(b->test, b->change.answer.pages, nr);
}

static void test_modify_pte_iterator_single_page(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, PAGE);

	expect_steps(b, 1, 1);
	virt_to_phys(b, 0x1000, PAGE);
	KUNIT_EXPECT_EQ(test, b->nr_out, 1);
	expect_page(b, 0, 0x1000);
}

static void test_modify_pte_iterator_multiple_pages(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, 3 * PAGE);

	expect_steps(b, 1, 3);
	virt_to_phys(b, 0x1000, 3 * PAGE);
	KUNIT_EXPECT_EQ(test, b->nr_out, 3);
}

static void test_modify_pte_iterator_zero_length(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, 0);

	KUNIT_EXPECT_EQ(test, b->guest.pool.nr_used, 1);
	KUNIT_EXPECT_EQ(test, 0, bench_map(b, 0x1000, 0x1000, PAGE, RW, 0));
	virt_to_phys(b, 0x1000, 0);
	KUNIT_EXPECT_EQ(test, b->nr_out, 0);
}

/* Steps end where pages do; a walk tells the whole of a page it steps into. */
static void test_modify_pte_iterator_unaligned_start(struct kunit *test)
{
	struct bench *b = begin_mapped(test, 0x1000, 3 * PAGE);
	u64 first = 0x1800, last = first + 0x1000 - 1, from, to;
	u32 i;

	virt_to_phys(b, first, 0x1000);
	KUNIT_ASSERT_EQ(test, b->nr_out, 2);
	for (i = 0; i < 2; i++) {
		from = max(b->out[i].va, first);
		to = min(b->out[i].va + (b->out[i].len - 1), last);
		KUNIT_EXPECT_EQ(test, from, i ? 0x2000 : 0x1800);
		KUNIT_EXPECT_EQ(test, to - from + 1, 0x800);
	}
}

/* Where entries lie: 8 bytes each, from the beginning of their table on */

/* Entry @index of the @nr-th table is the one @offset bytes behind its start. */
static void expect_offset(struct kunit *test, u32 nr, u64 offset,
			  unsigned int index)
{
	struct bench *b = begin_mapped(test, 0, PAGE);
	u64 table = guest_gpa(&b->guest, PART_POOL, nr);
	vmem_pte_t *host = guest_host(&b->guest, table);
	u64 va = index * bench_span(b, 3 - nr);
	u64 mark = bench_table_entry(b, bench_data(b, 3));
	struct vmem_translation t;

	KUNIT_EXPECT_TRUE(test, guest_host(&b->guest, table + offset) ==
				host + index);
	/* a walk from the root comes by there */
	*guest_host(&b->guest, table + offset) = cpu_to_le64(mark);
	memset(b->entries, 0, sizeof(b->entries));
	bench_check_translate(b, &b->space, &va, 1);
	KUNIT_EXPECT_EQ(test, b->entries[0][3 - nr], mark);
	bench_translate(b, &b->space, va + bench_span(b, 3 - nr), &t);
	KUNIT_EXPECT_EQ(test, t.status, VMEM_NOT_PRESENT);
}

static void test_entry_addr_from_table_base(struct kunit *test)
{
	expect_offset(test, 2, 40, 5);
}

static void test_entry_addr_with_nonzero_base_entry(struct kunit *test)
{
	expect_offset(test, 1, 10 * sizeof(vmem_pte_t) + 16, 12);
}

/* An address, as a table, in an entry, and back. */
static void test_to_phys_from_phys_roundtrip(struct kunit *test)
{
	struct bench *b = begin(test);
	u64 table = guest_gpa(&b->guest, PART_POOL, 3), entry;
	u64 at = table + 42 * sizeof(vmem_pte_t);

	KUNIT_EXPECT_EQ(test, vmem_table_gpa(vmem_table(table)), table);
	KUNIT_EXPECT_TRUE(test, vmem_table(vmem_table_gpa(vmem_table(table))) ==
				vmem_table(table));
	entry = b->e->fmt->make_table(&b->space.facts, vmem_table(table), RWX);
	KUNIT_EXPECT_EQ(test, table,
			b->e->fmt->entry_phys(&b->space.facts, entry, 1,
					      VMEM_CLASS_TABLE));
	KUNIT_EXPECT_EQ(test, guest_host(&b->guest, at) -
			      guest_host(&b->guest, table), 42);
	KUNIT_EXPECT_EQ(test, at & ADDRESS, table);
}

static struct kunit_case hyperlight_cases[] = {
	KUNIT_CASE(test_bits_extracts_pml4_index),
	KUNIT_CASE(test_bits_extracts_pdpt_index),
	KUNIT_CASE(test_bits_extracts_pd_index),
	KUNIT_CASE(test_bits_extracts_pt_index),
	KUNIT_CASE(test_bits_max_index),
	KUNIT_CASE(test_page_rw_flag_writable),
	KUNIT_CASE(test_page_rw_flag_readonly),
	KUNIT_CASE(test_page_nx_flag_executable),
	KUNIT_CASE(test_page_nx_flag_not_executable),
	KUNIT_CASE(test_map_single_page),
	KUNIT_CASE(test_map_executable_page),
	KUNIT_CASE(test_map_multiple_pages),
	KUNIT_CASE(test_map_reuses_existing_tables),
	KUNIT_CASE(test_virt_to_phys_mapped_address),
	KUNIT_CASE(test_virt_to_phys_unaligned_virt),
	KUNIT_CASE(test_virt_to_phys_unaligned_virt_and_across_pages_len),
	KUNIT_CASE(test_virt_to_phys_unaligned_virt_and_multiple_page_len),
	KUNIT_CASE(test_virt_to_phys_perms),
	KUNIT_CASE(test_virt_to_phys_unmapped_address),
	KUNIT_CASE(test_virt_to_phys_partially_mapped),
	KUNIT_CASE(test_modify_pte_iterator_single_page),
	KUNIT_CASE(test_modify_pte_iterator_multiple_pages),
	KUNIT_CASE(test_modify_pte_iterator_zero_length),
	KUNIT_CASE(test_modify_pte_iterator_unaligned_start),
	KUNIT_CASE(test_entry_addr_from_table_base),
	KUNIT_CASE(test_entry_addr_with_nonzero_base_entry),
	KUNIT_CASE(test_to_phys_from_phys_roundtrip),
	{}
};

/* None is missing; the last one ends the list. */
static_assert(ARRAY_SIZE(hyperlight_cases) == 27 + 1);

static struct kunit_suite hyperlight_suite = {
	.name = "vmem_hyperlight",
	.test_cases = hyperlight_cases,
};

kunit_test_suite(hyperlight_suite);
