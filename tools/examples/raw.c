// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A guest's first page tables by the calls of /dev/vmem: map, translate, walk.
 * (lib.c does the same with libvmem.) Memory for tables needs no zeroing: a new
 * table is written whole before it is linked.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/vmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MIB	(1ULL << 20)
#define PTR(p)	((__u64)(unsigned long)(p))
#define CALL(nr, arg) do { if (ioctl(fd, nr, arg)) err(1, #nr); } while (0)

int main(void)
{
	void *memory = aligned_alloc(4096, 16 * MIB);
	__u64 va = 0x401234;
	struct vmem_ioc_record rec;
	struct vmem_ioc_result result;
	struct vmem_ioc_region_create region = { .size = sizeof(region),
		.kind = VMEM_IOC_REGION_USER, .len = 16 * MIB, .user_addr = PTR(memory) };
	struct vmem_ioc_range tables = { .gpa = 1 * MIB, .len = 1 * MIB };
	struct vmem_ioc_pool_create pool = { .size = sizeof(pool),
		.ranges = PTR(&tables), .nr_ranges = 1 };
	struct vmem_ioc_space_create space = { .size = sizeof(space),
		.flags = VMEM_IOC_SPACE_NEW, .format = VMEM_IOC_FORMAT_X86_64_4LEVEL };
	struct vmem_ioc_mapping text = { .va = 0x400000, .gpa = 2 * MIB, .len = 64 << 10,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_X | VMEM_IOC_ATTR_U };
	struct vmem_ioc_map map = { .size = sizeof(map), .mappings = PTR(&text), .nr = 1 };
	struct vmem_ioc_translate translate = { .size = sizeof(translate),
		.nr = 1, .vas = PTR(&va), .results = PTR(&result) };
	struct vmem_ioc_walk_create walk = { .size = sizeof(walk),
		.spaces = PTR(&space.out_id), .nr = 1, .last = ~0ULL };
	int fd = open("/dev/vmem", O_RDWR | O_CLOEXEC);
	ssize_t got;

	if (!memory || fd < 0)
		err(1, "/dev/vmem");
	CALL(VMEM_IOC_REGION_CREATE, &region);
	CALL(VMEM_IOC_POOL_CREATE, &pool);
	space.pool = pool.out_id;
	CALL(VMEM_IOC_SPACE_CREATE, &space);
	map.space = translate.space = space.out_id;
	CALL(VMEM_IOC_MAP, &map);
	printf("CR3 = 0x%llx, flush: %u\n", space.out_root, map.change.out_flush);
	CALL(VMEM_IOC_TRANSLATE, &translate);
	if (result.status == VMEM_IOC_OK)
		printf("0x%llx -> 0x%llx\n", va, result.gpa);
	CALL(VMEM_IOC_WALK_CREATE, &walk);
	while ((got = read(walk.out_fd, &rec, sizeof(rec))) == sizeof(rec))
		if (rec.type == VMEM_IOC_REC_MAPPING)
			printf("0x%llx + 0x%llx -> 0x%llx\n", rec.va, rec.len, rec.gpa);
	return got ? 1 : 0;
}
