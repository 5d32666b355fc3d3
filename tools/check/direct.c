// SPDX-License-Identifier: GPL-2.0-only
/*
 * direct MEMORY LEVELS POOL: a page of the direct map of a Linux guest, whose
 * tables are adopted. POOL is a MiB of the guest's memory that it doesn't use. The
 * guest is stopped while this answers a line on its input, a word and CR3: `split'
 * takes a page of 4 KiB out of a leaf of 2 MiB, `merge' makes it whole again. All
 * roots have the direct map, but they live no longer than their processes.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/vmem.h>

#include "libvmem.h"

#define MIB		(1ULL << 20)
#define LARGE		(2 * MIB)
#define PAGE		4096ULL
#define AD		0x60ULL
#define PAGE_AT		(77 * PAGE)	/* the one, in the leaf */

static struct vmem_guest *guest;
static __u32 pool, space;
static __u64 leaf_va, leaf_entry;

static void must(int ret, const char *call)
{
	if (ret)
		errx(1, "%s: %s", call, strerror(-ret));
}

static struct vmem_ioc_result look(__u64 va)
{
	struct vmem_ioc_result result = { 0 };
	struct vmem_ioc_translate arg = {
		.size = sizeof(arg), .space = space, .nr = 1,
		.vas = (unsigned long)&va, .results = (unsigned long)&result,
	};

	must(vmem_space_translate(guest, &arg), "TRANSLATE");
	return result;
}

static void open_guest(const char *path, __u64 pool_gpa)
{
	struct vmem_ioc_region_create region = {
		.size = sizeof(region), .kind = VMEM_IOC_REGION_USER,
	};
	struct vmem_ioc_range range = { .gpa = pool_gpa, .len = MIB };
	struct vmem_ioc_pool_create pool_arg = {
		.size = sizeof(pool_arg), .ranges = (unsigned long)&range, .nr_ranges = 1,
	};
	int fd = open(path, O_RDWR);
	struct stat st;
	void *memory;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	memory = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	region.len = st.st_size;
	region.user_addr = (unsigned long)memory;
	must(vmem_open_local(&guest), "open");
	must(vmem_region_create(guest, &region), "REGION_CREATE");
	must(vmem_pool_create(guest, &pool_arg), "POOL_CREATE");
	pool = pool_arg.out_id;
}

/* The root that the vCPU has now. */
static void adopt(__u64 root, int levels)
{
	struct vmem_ioc_destroy destroy = { .size = sizeof(destroy), .id = space };
	struct vmem_ioc_space_create create = {
		.size = sizeof(create), .root = root & ~(PAGE - 1),
		.flags = VMEM_IOC_SPACE_COW_NONE, .pool = pool,
		.format = levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
					VMEM_IOC_FORMAT_X86_64_4LEVEL,
	};

	if (space)
		must(vmem_guest_destroy(guest, &destroy), "DESTROY");
	must(vmem_space_create(guest, &create), "SPACE_CREATE");
	space = create.out_id;
}

static void protect(__u64 va, __u64 len, __u32 set, __u32 clear)
{
	struct vmem_ioc_protect arg = {
		.size = sizeof(arg), .space = space, .flags = VMEM_IOC_RANGE_SPLIT,
		.start = va, .last = va + len - 1, .set = set, .clear = clear,
	};

	must(vmem_space_protect(guest, &arg), "PROTECT");
	/* the guest's tables: who else names them isn't known */
	if (arg.change.out_flush != VMEM_IOC_FLUSH_ALL)
		errx(1, "PROTECT asks for flush %u", arg.change.out_flush);
}

static struct vmem_ioc_pool_stat stat_pool(void)
{
	struct vmem_ioc_pool_stat stat = { .size = sizeof(stat), .id = pool };

	must(vmem_pool_stat(guest, &stat), "POOL_STAT");
	return stat;
}

/* The MMU is to see the same as before in all of the leaf but @except. */
static void expect_same(__u64 except)
{
	struct vmem_ioc_result before = look(leaf_va), now;
	__u64 at;

	for (at = 0; at < LARGE; at += PAGE) {
		now = look(leaf_va + at);
		if (now.status != VMEM_IOC_OK || now.page_lg2 != 12 ||
		    now.gpa != before.gpa + at || !(now.leaf & VMEM_IOC_ATTR_A) ||
		    !(now.leaf & VMEM_IOC_ATTR_D) ||
		    (at != except && now.leaf != before.leaf))
			errx(1, "0x%llx of the leaf: status %u, 0x%llx, entry 0x%llx",
			     at, now.status, now.gpa, now.entry);
	}
}

static void split(void)
{
	const __u32 rights = VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X | VMEM_IOC_ATTR_U;
	struct vmem_ioc_result result = { 0 };
	__u64 gpa;

	/* of frames that the guest had no need of when it began */
	for (gpa = 256 * MIB; gpa < 448 * MIB; gpa += LARGE) {
		result = look(leaf_va + gpa);
		if (result.status == VMEM_IOC_OK && result.gpa == gpa &&
		    result.page_lg2 == 21 &&
		    (result.leaf & rights) == VMEM_IOC_ATTR_W)
			break;
	}
	if (gpa >= 448 * MIB)
		errx(1, "no leaf of 2 MiB in the direct map");
	leaf_va += gpa;
	leaf_entry = result.entry;

	protect(leaf_va + PAGE_AT, PAGE, 0, VMEM_IOC_ATTR_W);
	if (look(leaf_va + PAGE_AT).leaf & VMEM_IOC_ATTR_W ||
	    look(leaf_va + PAGE_AT).page_lg2 != 12 || stat_pool().out_used != 1)
		errx(1, "the leaf isn't split, by a table of the pool");
	expect_same(PAGE_AT);
	protect(leaf_va + PAGE_AT, PAGE, VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X, 0);
	expect_same(PAGE_AT);
	/* what the guest goes on with: it doesn't execute there */
	if (!(look(leaf_va + PAGE_AT).leaf & VMEM_IOC_ATTR_X))
		errx(1, "the page can't be executed");
	printf("split 0x%llx entry 0x%llx\n", leaf_va, leaf_entry);
}

static void merge(void)
{
	struct vmem_ioc_promote arg = {
		.size = sizeof(arg), .space = space, .leaf_levels = 1 << 1,
		.start = leaf_va, .last = leaf_va + LARGE - 1,
	};
	struct vmem_ioc_pool_stat stat;
	struct vmem_ioc_result now;

	/* one page differs: it stays */
	must(vmem_space_promote(guest, &arg), "PROMOTE");
	if (arg.change.out_pages || arg.change.out_skipped != 1 ||
	    arg.change.out_skip_reason != VMEM_IOC_SKIP_ATTRS)
		errx(1, "PROMOTE of pages that differ: %llu pages, %llu skipped, reason %llu",
		     arg.change.out_pages, arg.change.out_skipped,
		     arg.change.out_skip_reason);
	protect(leaf_va + PAGE_AT, PAGE, 0, VMEM_IOC_ATTR_X);
	must(vmem_space_promote(guest, &arg), "PROMOTE");
	now = look(leaf_va);
	if (arg.change.out_pages != LARGE / PAGE ||
	    arg.change.out_flush != VMEM_IOC_FLUSH_ALL ||
	    arg.change.out_changes != VMEM_IOC_CHANGE_FREED)
		errx(1, "PROMOTE: %llu pages, flush %u, changes %u",
		     arg.change.out_pages, arg.change.out_flush,
		     arg.change.out_changes);
	if (now.page_lg2 != 21 || (now.entry ^ leaf_entry) & ~AD ||
	    (now.entry & AD) != AD)
		errx(1, "the entry is 0x%llx, and was 0x%llx", now.entry, leaf_entry);
	stat = stat_pool();
	if (stat.out_used || stat.out_quarantined != 1)
		errx(1, "tables in use %llu, in quarantine %llu", stat.out_used,
		     stat.out_quarantined);
	printf("merge entry 0x%llx\n", now.entry);
}

int main(int argc, char **argv)
{
	unsigned long long cr3;
	char word[16];
	int levels;

	if (argc != 4)
		errx(2, "usage: direct MEMORY LEVELS POOL");
	levels = atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* where Linux has it without KASLR */
	leaf_va = levels == 5 ? 0xff11000000000000 : 0xffff888000000000;
	open_guest(argv[1], strtoull(argv[3], NULL, 0));
	while (scanf("%15s %llx", word, &cr3) == 2) {
		adopt(cr3, levels);
		if (!strcmp(word, "split"))
			split();
		else
			merge();
	}
	vmem_close(guest);
	return 0;
}
