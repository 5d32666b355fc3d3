// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Two processes of a guest, by the module or with the argument "local" in this process:
 * they share the kernel's half, their pool grows, one forks the other, a write copies its
 * page, and both are rebuilt over a copy of the memory.
 */
#include <err.h>
#include <errno.h>
#include <libvmem.h>
#include <stdio.h>
#include <string.h>

#define MUST(call) do { errno = -(call); if (errno > 0) err(1, #call); } while (0)
#define PAGE	4096ULL
#define MIB	(1ULL << 20)
#define RAM	(8 * MIB)	/* tables are at 1 MiB, the kernel's text is at 4 */
#define KERNEL	0xffff800000000000ULL	/* the upper half: one table at depth 1 */
#define DATA	0x400000ULL	/* of a process, below one table at depth 3 */
#define RX	(VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_X)
#define RWXU	0xfff0		/* of entries of the levels 3, 2 and 1 */
#define RWU	(VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_U)

/* A guest with memory of this process, some of its own, and a pool for tables. */
static struct vmem_guest *begin(int local, void *memory, int tables, __u32 *id)
{
	struct vmem_ioc_region_create ram = VMEM_INIT(ram, .kind = VMEM_IOC_REGION_USER,
		.len = RAM, .user_addr = VMEM_PTR(memory));
	struct vmem_ioc_region_create more = VMEM_INIT(more, .kind = VMEM_IOC_REGION_OWNED,
		.gpa = RAM, .len = MIB);
	struct vmem_ioc_range at = { .gpa = 1 * MIB, .len = tables * PAGE };
	struct vmem_ioc_pool_create pool = VMEM_INIT(pool, .ranges = VMEM_PTR(&at), .nr_ranges = 1);
	struct vmem_guest *guest;

	MUST(local ? vmem_open_local(&guest) : vmem_open(NULL, &guest));
	MUST(vmem_region_create(guest, &ram));
	MUST(vmem_region_create(guest, &more));
	MUST(vmem_pool_create(guest, &pool));
	*id = pool.out_id;
	return guest;
}

/* The kernel's half is one table, still empty; who fills it means all. */
static void share_kernel(struct vmem_guest *guest, __u32 parent, __u32 child)
{
	struct vmem_ioc_link half = VMEM_INIT(half, .space = child, .owner = parent,
		.our_va = KERNEL, .their_va = KERNEL, .depth = 1, .flags = VMEM_IOC_LINK_MAKE);
	struct vmem_ioc_mapping text = { .va = KERNEL, .gpa = 4 * MIB, .len = 2 * MIB,
		.kind = VMEM_IOC_KIND_BASIC, .page_sizes = 2 * MIB, .attrs = RX };
	struct vmem_ioc_map map = VMEM_INIT(map, .space = parent, .nr = 1,
		.mappings = VMEM_PTR(&text), .flags = VMEM_IOC_MAP_SHARED_OK);

	MUST(vmem_space_link(guest, &half));
	MUST(vmem_space_map(guest, &map));
}

/* The child has the parent's table, whose pages are Cow; then it writes to the first. */
static void fork_process(struct vmem_guest *guest, __u32 parent, __u32 child, __u64 free_gpa)
{
	struct vmem_ioc_link table = VMEM_INIT(table, .space = child, .owner = parent,
		.our_va = DATA, .their_va = DATA, .depth = 3, .path = RWXU, .path_given = 1);
	struct vmem_ioc_protect cow = VMEM_INIT(cow, .space = parent,
		.flags = VMEM_IOC_RANGE_SHARED_OK, .start = DATA, .last = DATA + 2 * MIB - 1,
		.set = VMEM_IOC_ATTR_COW, .clear = VMEM_IOC_ATTR_W);
	struct vmem_ioc_link own = VMEM_INIT(own, .space = child, .our_va = DATA,
		.depth = 3, .flags = VMEM_IOC_LINK_UNSHARE);
	struct vmem_ioc_mapping page = { .va = DATA, .gpa = free_gpa, .len = PAGE,
		.kind = VMEM_IOC_KIND_BASIC, .attrs = RWU };
	struct vmem_ioc_map map = VMEM_INIT(map, .space = child, .nr = 1,
		.mappings = VMEM_PTR(&page), .flags = VMEM_IOC_MAP_REPLACE);
	void *copy;

	MUST(vmem_space_link(guest, &table));
	MUST(vmem_space_protect(guest, &cow));	/* vCPUs flush what cow.change says */
	/* the write faults: the child gets a copy of the table, and of the page */
	MUST(vmem_gpa_to_host(guest, free_gpa, PAGE, &copy));
	MUST(vmem_space_read(guest, child, DATA, copy, PAGE, 0, NULL));
	MUST(vmem_space_link(guest, &own));
	MUST(vmem_space_map(guest, &map));	/* flush both */
}

int main(int argc, char **argv)
{
	int local = argc > 1 && !strcmp(argv[1], "local");
	static char ram[2 * RAM] __attribute__((aligned(PAGE))), text[8];
	struct vmem_ioc_space_create again[2], space = VMEM_INIT(space,
		.flags = VMEM_IOC_SPACE_NEW, .format = VMEM_IOC_FORMAT_X86_64_4LEVEL);
	struct vmem_guest *guest = begin(local, ram, 4, &space.pool), *copy;
	struct vmem_ioc_range range = { .gpa = RAM, .len = MIB };
	struct vmem_ioc_pool_grow grow = VMEM_INIT(grow, .id = space.pool,
		.ranges = VMEM_PTR(&range), .nr_ranges = 1);
	struct vmem_rebuild rebuild = VMEM_INIT(rebuild, .nr = 2, .spaces = again);
	__u32 ids[2], i;
	struct vmem_ioc_walk_create walk = VMEM_INIT(walk, .spaces = VMEM_PTR(ids), .nr = 2,
		.last = ~0ULL);
	struct vmem_walker *walker;

	for (i = 0; i < 2; i++) {
		MUST(vmem_space_create(guest, &space));
		ids[i] = space.out_id;
	}
	share_kernel(guest, ids[0], ids[1]);
	while (vmem_space_map_one(guest, ids[0], DATA, 2 * MIB, MIB, RWU, NULL) == -ENOSPC)
		MUST(vmem_pool_grow(guest, &grow));
	MUST(vmem_space_write(guest, ids[0], DATA, "parent", 7, RWU, NULL));
	fork_process(guest, ids[0], ids[1], 3 * MIB);
	MUST(vmem_space_write(guest, ids[1], DATA, "child", 6, RWU, NULL));
	memcpy(ram + RAM, ram, RAM);	/* a snapshot, which is restored */
	copy = begin(local, ram + RAM, 64, &space.pool);
	again[0] = again[1] = space;
	MUST(vmem_walk_create(guest, &walk, &walker));
	MUST(vmem_rebuild(copy, walker, &rebuild));
	vmem_walk_close(walker);
	for (i = 0; i < 2; i++) {
		MUST(vmem_space_read(copy, again[i].out_id, DATA, text, 8, 0, NULL));
		printf("%s: CR3 = 0x%llx\n", text, again[i].out_root);
	}
	vmem_close(copy);
	vmem_close(guest);
	return 0;
}
