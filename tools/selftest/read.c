// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading: what translations and walks answer for tables that the test wrote,
 * against a model that reads them by hand. Descriptors of walks are the subject
 * of read-walk.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "read.h"

#define LEN	(8 * MIB)

static const u64 all_vas[] = { 0, ~0ULL };

void check_walk(struct guest *g, u32 space, u64 start, u64 last, u32 flags)
{
	struct records rs = walk_all(g->fd, space, start, last, flags);
	struct model m;

	model_init(&m, g);
	model_walk(&m, start, last, flags);
	if (!EXPECT(records_equal(&rs, &m.out)))
		ktap_msg("(one: the module; other: the model) range %#llx-%#llx flags %#x",
			 (unsigned long long)start, (unsigned long long)last,
			 flags);
	records_free(&rs);
	records_free(&m.out);
	free(m.seen);
}

/* Translate around each record of a walk, and compare. */
void check_translate(struct guest *g, u32 space)
{
	static struct vmem_ioc_result results[4096], want;
	static u64 vas[4096], entries[4096][5], want_entries[5];
	struct records rs = walk_all(g->fd, space, all_vas[0], all_vas[1],
				     VMEM_IOC_WALK_LEAVES);
	u64 seed = 1;
	struct model m;
	u32 nr = 0, i;

	model_init(&m, g);
	for (i = 0; i < rs.nr && nr + 4 < ARRAY_SIZE(vas); i++) {
		vas[nr++] = rs.r[i].va;
		vas[nr++] = rs.r[i].va - 1;
		vas[nr++] = rs.r[i].va + (rnd(&seed) & 0x1fffff);
		vas[nr++] = rnd(&seed) >> (rnd(&seed) & 31);
	}
	memset(results, 0xee, sizeof(results));
	memset(entries, 0xee, sizeof(entries));
	ASSERT_OK(translate_list(g->fd, space, vas, nr, results, entries[0]));
	for (i = 0; i < nr; i++) {
		model_translate(&m, g->root, vas[i], &want, want_entries);
		if (!EXPECT(!memcmp(&results[i], &want, sizeof(want)) &&
			    !memcmp(entries[i], want_entries,
				    sizeof(want_entries))))
			ktap_msg("va %#llx: status %u level %u lg2 %u flags %#x gpa %#llx entry %#llx leaf %#x eff %#x path %#x, not %u %u %u %#x %#llx %#llx %#x %#x %#x",
				 (unsigned long long)vas[i], results[i].status,
				 results[i].level, results[i].page_lg2,
				 results[i].flags,
				 (unsigned long long)results[i].gpa,
				 (unsigned long long)results[i].entry,
				 results[i].leaf, results[i].effective,
				 results[i].path, want.status, want.level,
				 want.page_lg2, want.flags,
				 (unsigned long long)want.gpa,
				 (unsigned long long)want.entry, want.leaf,
				 want.effective, want.path);
		if (ktap_failed())
			return;
	}
	/* One by one, without the entries: the same. */
	for (i = 0; i < nr; i += 17) {
		struct vmem_ioc_result one;

		ASSERT_OK(translate(g->fd, space, vas[i], &one));
		EXPECT(!memcmp(&one, &results[i], sizeof(one)));
	}
	records_free(&rs);
}

static void check_all_flags(struct guest *g, u32 space)
{
	static const u32 some[] = {
		0, VMEM_IOC_WALK_FOLLOW, VMEM_IOC_WALK_LEAVES,
		VMEM_IOC_WALK_HOLES, VMEM_IOC_WALK_IGNORE_AD,
		VMEM_IOC_WALK_FOLLOW | VMEM_IOC_WALK_LEAVES,
		VMEM_IOC_WALK_FOLLOW | VMEM_IOC_WALK_HOLES |
		VMEM_IOC_WALK_IGNORE_AD,
		VMEM_IOC_WALK_RESIDENT_ONLY,	/* all is, by then */
		VMEM_IOC_WALK_RESIDENT_ONLY | VMEM_IOC_WALK_FOLLOW |
		VMEM_IOC_WALK_LEAVES | VMEM_IOC_WALK_HOLES,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(some); i++)
		check_walk(g, space, 0, ~0ULL, some[i]);
}

static u32 adopt(struct guest *g)
{
	return ASSERT_OK(space_adopt(g->fd, g->format, 0, g->root));
}

static void tree(u32 format)
{
	struct guest g;
	u32 space;

	guest_init(&g, format, LEN);
	guest_tree(&g, true);
	space = adopt(&g);
	check_all_flags(&g, space);
	check_translate(&g, space);
}
EACH_FORMAT(tree)

/* Ranges that begin and end anywhere. */
static void ranges(u32 format)
{
	u64 seed = seed_pick(), starts[64], start, last;
	struct guest g;
	u32 space, nr = 0, i;
	struct records rs;

	guest_init(&g, format, LEN);
	guest_tree(&g, true);
	space = adopt(&g);
	rs = walk_all(g.fd, space, 0, ~0ULL, 0);
	for (i = 0; i < 60; i++)
		starts[nr++] = rs.r[rnd(&seed) % (rs.nr - 1)].va +
			(s64)(rnd(&seed) % (8 * MIB)) - 4 * (s64)MIB;
	starts[nr++] = 0;
	starts[nr++] = ~0ULL;
	starts[nr++] = 0x1000000000000ULL;	/* in the hole of both */
	starts[nr++] = 0xff00000000000000ULL;
	for (i = 0; i < 300 && !ktap_failed(); i++) {
		start = starts[rnd(&seed) % nr];
		last = starts[rnd(&seed) % nr];
		if (start > last)
			continue;
		check_walk(&g, space, start, last, rnd(&seed) & 15);
	}
}
EACH_FORMAT(ranges)

/* Tables of random words, of which some happen to name each other. */
static u64 random_entry(struct guest *g, u64 *seed)
{
	u64 word = rnd(seed), entry = word & ~(X86_ADDR | X86_PS);

	switch (rnd(seed) % 16) {
	case 0:
		return word;
	case 1 ... 8:
		return word & ~X86_P;
	case 9:
		entry |= X86_PS;
		/* fallthrough */
	default:
		return entry | X86_P |
			(g->gpa + rnd(seed) % (g->len / PAGE + 2) * PAGE);
	}
}

static void random_tables(u32 format)
{
	static const u32 widths[] = { 0, 36, 40, 48, 52 };
	u64 seed = seed_pick();
	int round;
	u64 at;

	for (round = 0; round < 20 && !ktap_failed(); round++) {
		struct vmem_ioc_space_create create = { .format = format };
		struct guest g;
		struct model m;
		u32 space;

		guest_init(&g, format, 12 * PAGE);
		for (at = 0; at < g.len; at += 8)
			*(u64 *)(g.mem + at) = random_entry(&g, &seed);
		g.root = g.gpa;
		create.root = g.root;
		create.phys_bits = widths[round % 5];
		if (round & 1)
			create.flags = VMEM_IOC_SPACE_NXE_OFF;
		space = ASSERT_OK(space_create(g.fd, &create));
		model_init(&m, &g);
		if (create.phys_bits)
			m.reserved = BIT(52) - BIT(create.phys_bits);
		if (round & 1)
			m.reserved |= X86_NX;
		model_walk(&m, 0, ~0ULL, VMEM_IOC_WALK_LEAVES);
		{
			struct records rs = walk_all(g.fd, space, 0, ~0ULL,
						     VMEM_IOC_WALK_LEAVES);

			EXPECT(records_equal(&rs, &m.out));
			/* No more than each table once a level. */
			EXPECT(m.visits <= g.len / PAGE * levels_of(format));
		}
		close(g.fd);
	}
}
EACH_FORMAT(random_tables)

/* What lies beyond the width is reserved; without NXE, bit 63 is. */
static void reserved_bits(u32 format)
{
	static const u32 widths[] = { 36, 40, 48 };
	struct vmem_ioc_result result;
	unsigned int level, i, bit;
	struct guest g;

	guest_init(&g, format, MIB);
	guest_root(&g);
	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		struct vmem_ioc_space_create create = {
			.format = format,
			.root = g.root,
			.phys_bits = widths[i],
		};
		u32 space = ASSERT_OK(space_create(g.fd, &create));

		for (level = 0; level < levels_of(format); level++) {
			for (bit = widths[i]; bit < 52; bit++) {
				guest_map(&g, g.root, 0, level,
					  GUEST_GPA | X86_TABLE | BIT(bit),
					  X86_TABLE);
				ASSERT_OK(translate(g.fd, space, 0, &result));
				EXPECT_EQ(result.status, VMEM_IOC_RESERVED);
				EXPECT_EQ(result.level, level);
			}
			guest_map(&g, g.root, 0, level, 0, X86_TABLE);
		}
	}
}
EACH_FORMAT(reserved_bits)

static void nxe_off(u32 format)
{
	struct vmem_ioc_space_create create = {
		.format = format,
		.flags = VMEM_IOC_SPACE_NXE_OFF,
	};
	struct vmem_ioc_result result;
	struct guest g;
	u32 off, on;

	guest_init(&g, format, MIB);
	guest_root(&g);
	guest_map(&g, g.root, 0, 0, GUEST_GPA | X86_P | X86_NX, X86_TABLE);
	guest_map(&g, g.root, PAGE, 0, GUEST_GPA | X86_P, X86_TABLE);
	guest_map(&g, g.root, 2 * MIB, 0, GUEST_GPA | X86_P,
		  X86_TABLE | X86_NX);
	create.root = g.root;
	off = ASSERT_OK(space_create(g.fd, &create));
	on = adopt(&g);
	ASSERT_OK(translate(g.fd, off, 0, &result));
	EXPECT_EQ(result.status, VMEM_IOC_RESERVED);
	ASSERT_OK(translate(g.fd, off, PAGE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.effective & X, X);
	ASSERT_OK(translate(g.fd, off, 2 * MIB, &result));
	EXPECT_EQ(result.status, VMEM_IOC_RESERVED);
	EXPECT_EQ(result.level, 1);
	ASSERT_OK(translate(g.fd, on, 2 * MIB, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.leaf & X, X);
	EXPECT_EQ(result.effective & X, 0);
}
EACH_FORMAT(nxe_off)

/* The software bits that say Cow are the space's. */
static void cow_bits(u32 format)
{
	struct vmem_ioc_space_create create = { .format = format, .cow = 5 };
	struct vmem_ioc_result result;
	struct guest g;
	u32 space;
	u64 bits;

	guest_init(&g, format, MIB);
	guest_root(&g);
	create.root = g.root;
	space = ASSERT_OK(space_create(g.fd, &create));
	for (bits = 0; bits < 8; bits++) {
		guest_map(&g, g.root, 0, 0, GUEST_GPA | X86_P | bits << 9,
			  X86_TABLE);
		ASSERT_OK(translate(g.fd, space, 0, &result));
		EXPECT_EQ(!!(result.leaf & VMEM_IOC_ATTR_COW), bits == 5);
	}
}
EACH_FORMAT(cow_bits)

/* Address 0 is an answer, and the last page of all translates too. */
static void address_zero(u32 format)
{
	struct vmem_ioc_result result;
	u8 *low = map_anon(MIB);
	struct guest g;
	u32 space;

	guest_init(&g, format, MIB);
	ASSERT_OK(region_user(g.fd, 0, low, MIB, 0));
	/* The root itself lies at address 0. */
	g.mem = low;
	g.gpa = 0;
	g.next = 0;
	guest_root(&g);
	guest_map(&g, g.root, 0, 0, X86_P, X86_TABLE);
	guest_map(&g, g.root, -PAGE, 0, X86_P | X86_RW, X86_TABLE);
	space = adopt(&g);
	ASSERT_OK(translate(g.fd, space, 0x123, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, 0x123);
	EXPECT_EQ(result.flags, 0);
	ASSERT_OK(translate(g.fd, space, ~0ULL, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, 0xfff);
	ASSERT_OK(translate(g.fd, space, PAGE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
	EXPECT_EQ(result.gpa, 0);
}
EACH_FORMAT(address_zero)

/* Kinds of memory: the same tables in each. */

static void kind_of_memory(void *mem)
{
	struct guest g;
	u32 space;

	ASSERT(mem != MAP_FAILED);
	guest_init_on(&g, FMT4, mem, LEN);
	guest_tree(&g, true);
	space = adopt(&g);
	check_all_flags(&g, space);
	check_translate(&g, space);
}

static int file_of(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600) :
		memfd_create("memory", MFD_CLOEXEC);

	ASSERT(fd >= 0);
	ASSERT(!ftruncate(fd, LEN));
	return fd;
}

static void memory_shared_anonymous(void)
{
	kind_of_memory(mmap(NULL, LEN, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static void memory_memfd(void)
{
	kind_of_memory(mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			    file_of(NULL), 0));
}

static void memory_file(void)
{
	kind_of_memory(mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			    file_of("/tmp/vmem-read"), 0));
	unlink("/tmp/vmem-read");
}

static void memory_private_file(void)
{
	kind_of_memory(mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			    file_of("/tmp/vmem-read"), 0));
	unlink("/tmp/vmem-read");
}

/* Written through one mapping, registered by one that may only read. */
static void memory_readonly_file(void)
{
	int fd = file_of(NULL), i;
	struct vmem_ioc_result result;
	struct guest g;
	u64 *rw;
	u32 space;

	rw = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	guest_init_on(&g, FMT4, mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0),
		      LEN);
	for (i = 0; i < 3; i++)
		rw[512 * i] = (GUEST_GPA + (i + 1) * PAGE) | X86_TABLE;
	rw[512 * 3] = GUEST_GPA | X86_P;
	g.root = GUEST_GPA;
	space = adopt(&g);
	ASSERT_OK(translate(g.fd, space, 0, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	check_walk(&g, space, 0, ~0ULL, 0);
}

static bool hugetlb_here(void)
{
	return !access("/proc/sys/vm/nr_hugepages", W_OK);
}

static void memory_hugetlb(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC | MFD_HUGETLB);

	ASSERT(write_file("/proc/sys/vm/nr_hugepages", "8"));
	ASSERT(fd >= 0 && !ftruncate(fd, LEN));
	kind_of_memory(mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    0));
}

static void memory_hugetlb_private(void)
{
	ASSERT(write_file("/proc/sys/vm/nr_hugepages", "8"));
	kind_of_memory(mmap(NULL, LEN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
}

static void memory_owned(void)
{
	struct guest g;
	u64 offset;
	u32 space;

	memset(&g, 0, sizeof(g));
	g.format = FMT4;
	g.gpa = g.next = GUEST_GPA;
	g.len = LEN;
	g.fd = dev_open();
	g.region = ASSERT_OK(region_owned(g.fd, g.gpa, LEN, &offset));
	g.mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd,
		     (off_t)offset);
	ASSERT(g.mem != MAP_FAILED);
	guest_tree(&g, true);
	space = adopt(&g);
	check_all_flags(&g, space);
	check_translate(&g, space);
}

/* Memory in many regions, of which two adjoin, and two don't. */
static void memory_in_pieces(void)
{
	u8 *mem = map_anon(LEN);
	struct vmem_ioc_result result;
	struct records rs;
	struct guest g;
	u32 space, i;

	guest_init_on(&g, FMT4, mem, 4 * MIB);
	ASSERT_OK(region_user(g.fd, GUEST_GPA + 4 * MIB, mem + 4 * MIB,
			      3 * MIB, 0));
	guest_tree(&g, false);
	g.len = 7 * MIB;
	space = adopt(&g);
	/* A run from the first into the second, and beyond it. */
	for (i = 0; i < 512; i++)
		guest_map(&g, g.root, 512 * GIB + i * PAGE, 0,
			  (GUEST_GPA + 7 * MIB + ((s64)i - 300) * PAGE) | X86_P,
			  X86_TABLE);
	rs = walk_all(g.fd, space, 512 * GIB, 512 * GIB + 2 * MIB - 1, 0);
	ASSERT_EQ(rs.nr, 3);
	EXPECT_EQ(rs.r[0].len, 300 * PAGE);
	EXPECT_EQ(rs.r[0].flags, 0);
	EXPECT_EQ(rs.r[1].len, 212 * PAGE);
	EXPECT_EQ(rs.r[1].flags, VMEM_IOC_REC_OUTSIDE);
	EXPECT_EQ(rs.r[1].gpa, GUEST_GPA + 7 * MIB);
	EXPECT_EQ(rs.r[1].entry, (GUEST_GPA + 7 * MIB) | X86_P);
	EXPECT_EQ(rs.r[2].leaves, 512);
	/* A large leaf over the border of two is in memory; over the end in part. */
	guest_map(&g, g.root, 600 * GIB, 1,
		  (GUEST_GPA + 4 * MIB) | X86_P | X86_PS, X86_TABLE);
	guest_map(&g, g.root, 600 * GIB + 2 * MIB, 1,
		  (GUEST_GPA + 6 * MIB) | X86_P | X86_PS, X86_TABLE);
	ASSERT_OK(translate(g.fd, space, 600 * GIB, &result));
	EXPECT_EQ(result.flags, 0);
	ASSERT_OK(translate(g.fd, space, 600 * GIB + 3 * MIB - 1, &result));
	EXPECT_EQ(result.flags, VMEM_IOC_RESULT_PARTIAL);
	ASSERT_OK(translate(g.fd, space, 600 * GIB + 3 * MIB, &result));
	EXPECT_EQ(result.flags, VMEM_IOC_RESULT_PARTIAL | VMEM_IOC_RESULT_OUTSIDE);
	rs = walk_all(g.fd, space, 600 * GIB + 2 * MIB, 600 * GIB + 4 * MIB - 1, 0);
	ASSERT_EQ(rs.nr, 3);
	EXPECT_EQ(rs.r[0].flags, VMEM_IOC_REC_PART);
	EXPECT_EQ(rs.r[0].len, MIB);
	EXPECT_EQ(rs.r[1].flags, VMEM_IOC_REC_PART | VMEM_IOC_REC_OUTSIDE);
	EXPECT_EQ(rs.r[1].va, 600 * GIB + 3 * MIB);
	EXPECT_EQ(rs.r[1].gpa, GUEST_GPA + 7 * MIB);
	EXPECT_EQ(rs.r[1].entry, rs.r[0].entry);
	EXPECT_EQ(rs.r[2].leaves, 1);
	check_walk(&g, space, 0, ~0ULL, 0);
	check_walk(&g, space, 0, ~0ULL, VMEM_IOC_WALK_LEAVES);
}

static const struct ktap_case cases[] = {
	CASE_FORMATS(tree),
	CASE_FORMATS(ranges),
	CASE_FORMATS(random_tables),
	CASE_FORMATS(reserved_bits),
	CASE_FORMATS(nxe_off),
	CASE_FORMATS(cow_bits),
	CASE_FORMATS(address_zero),
	CASE(memory_shared_anonymous),
	CASE(memory_memfd),
	CASE(memory_file),
	CASE(memory_private_file),
	CASE(memory_readonly_file),
	CASE_IF(memory_hugetlb, hugetlb_here, "huge pages (hugetlb)"),
	CASE_IF(memory_hugetlb_private, hugetlb_here, "huge pages (hugetlb)"),
	CASE(memory_owned),
	CASE(memory_in_pieces),
	READ_WALK_CASES,
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
