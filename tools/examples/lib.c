// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A guest's first page tables with libvmem: map, translate, walk; by the module,
 * or with the argument "local" in this process. (raw.c does the same without the
 * library.) Memory for tables needs no zeroing: a new table is written whole
 * before it is linked.
 */
#include <err.h>
#include <errno.h>
#include <libvmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB	(1ULL << 20)

static void must(int ret, const char *what)
{
	errno = -ret;
	if (ret < 0)
		err(1, "%s", what);
}

/* Map 64 KiB of text for user mode, of a vCPU with the root as its CR3. */
static __u32 example_map(struct vmem_guest *guest, void *memory)
{
	struct vmem_ioc_region_create region = VMEM_INIT(region,
		.kind = VMEM_IOC_REGION_USER, .gpa = 0, .len = 16 * MIB,
		.user_addr = VMEM_PTR(memory));
	struct vmem_ioc_range tables = { .gpa = 1 * MIB, .len = 1 * MIB };
	struct vmem_ioc_pool_create pool = VMEM_INIT(pool,
		.ranges = VMEM_PTR(&tables), .nr_ranges = 1);
	struct vmem_ioc_space_create space = VMEM_INIT(space,
		.flags = VMEM_IOC_SPACE_NEW,
		.format = VMEM_IOC_FORMAT_X86_64_4LEVEL);
	struct vmem_ioc_change change;

	must(vmem_region_create(guest, &region), "region");
	must(vmem_pool_create(guest, &pool), "pool");
	space.pool = pool.out_id;
	must(vmem_space_create(guest, &space), "space");
	must(vmem_space_map_one(guest, space.out_id, 0x400000, 2 * MIB, 64 << 10,
				VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_X | VMEM_IOC_ATTR_U,
				&change), "map");
	printf("CR3 = 0x%llx, flush: %u\n", space.out_root, change.out_flush);
	return space.out_id;
}

/* What an address translates to. */
static void example_translate(struct vmem_guest *guest, __u32 space, __u64 va)
{
	struct vmem_ioc_result result = { 0 };
	struct vmem_ioc_translate arg = VMEM_INIT(arg, .space = space, .nr = 1,
		.vas = VMEM_PTR(&va), .results = VMEM_PTR(&result));

	must(vmem_space_translate(guest, &arg), "translate");
	if (result.status == VMEM_IOC_OK)
		printf("0x%llx -> 0x%llx\n", va, result.gpa);
}

/* All that is mapped. */
static void example_walk(struct vmem_guest *guest, __u32 space)
{
	struct vmem_ioc_walk_create arg = VMEM_INIT(arg,
		.spaces = VMEM_PTR(&space), .nr = 1, .start = 0, .last = ~0ULL);
	struct vmem_ioc_record records[16];
	struct vmem_walker *walker;
	int i, nr;

	must(vmem_walk_create(guest, &arg, &walker), "walk");
	while ((nr = vmem_walk_read(walker, records, 16)) > 0)
		for (i = 0; i < nr; i++)
			if (records[i].type == VMEM_IOC_REC_MAPPING)
				printf("0x%llx + 0x%llx -> 0x%llx\n", records[i].va,
				       records[i].len, records[i].gpa);
	must(nr, "read of the walk");
	vmem_walk_close(walker);
}

int main(int argc, char **argv)
{
	int local = argc > 1 && !strcmp(argv[1], "local");
	void *memory = aligned_alloc(4096, 16 * MIB);
	struct vmem_guest *guest;
	__u32 space;

	if (!memory)
		err(1, "memory");
	must(local ? vmem_open_local(&guest) : vmem_open(NULL, &guest), "guest");
	space = example_map(guest, memory);
	example_translate(guest, space, 0x401234);
	example_walk(guest, space);
	vmem_close(guest);
	free(memory);
	return 0;
}
