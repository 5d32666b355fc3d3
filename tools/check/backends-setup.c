// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * backends: setting up a guest, and what goes wrong in it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <sys/mman.h>

#include "backends.h"
#include "libvmem.h"

static void region(int side, int index, __u32 kind, __u64 gpa, __u64 len,
		   __u32 flags)
{
	struct side *s = &sides[side];
	struct vmem_ioc_region_create arg = {
		.size	= sizeof(arg),
		.flags	= flags,
		.kind	= kind,
		.gpa	= gpa,
		.len	= len,
	};
	void *addr;
	int ret;

	if (kind == VMEM_IOC_REGION_USER)
		arg.user_addr = (__u64)(unsigned long)(s->memory + gpa);
	ret = vmem_region_create(s->guest, &arg);
	if (ret)
		errx(1, "region: %d", ret);
	s->regions[index] = arg.out_id;
	if (kind == VMEM_IOC_REGION_USER)
		return;
	ret = vmem_region_mmap(s->guest, arg.out_mmap_offset, len,
			       PROT_READ | PROT_WRITE, &addr);
	if (ret)
		errx(1, "mmap: %d", ret);
	s->owned = addr;
}

static __u32 pool(int side, const struct vmem_ioc_range *ranges, __u32 nr,
		  __u64 len)
{
	struct vmem_ioc_pool_create arg = {
		.size		= sizeof(arg),
		.ranges		= (__u64)(unsigned long)ranges,
		.nr_ranges	= nr,
	};
	int ret = vmem_pool_create(sides[side].guest, &arg);

	if (ret || arg.out_capacity != len >> 12)
		errx(1, "pool: %d", ret);
	return arg.out_id;
}

/*
 * What hands out a pointer hands out none when it fails. A space that is not there yet
 * is not in the way of itself.
 */
static void refuse(int side)
{
	struct vmem_walker *walker = (void *)sides;
	struct vmem_guest *guest = (void *)sides;
	struct vmem_ioc_walk_create walk = { 0 };
	struct vmem_ioc_space_create space = {
		.size	= sizeof(space),
		.flags	= VMEM_IOC_SPACE_NEW,
		.format	= VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.pool	= sides[side].pools[1] + 1,	/* the id that it would get */
	};
	void *addr = sides;

	if (vmem_space_create(sides[side].guest, &space) != -ENOENT)
		errx(1, "a space whose pool would be itself");
	if (vmem_walk_create(sides[side].guest, &walk, &walker) != -EINVAL ||
	    walker)
		errx(1, "a walk without a size");
	vmem_walk_close(walker);
	if (vmem_region_mmap(sides[side].guest, 0, 4096, PROT_READ,
			     &addr) != -EINVAL || addr)
		errx(1, "a mapping of a user region");
	if (vmem_open("/nonexistent", &guest) != -ENOENT || guest)
		errx(1, "no device");
	guest = (void *)sides;
	if (vmem_open("/dev/null", &guest) != -ENOTTY || guest)
		errx(1, "another device");
	guest = (void *)sides;
	if (vmem_open_fd(-1, &guest) != -EBADF || guest)
		errx(1, "no descriptor");
	vmem_close(guest);
}

void setup(int side, int local)
{
	static const struct vmem_ioc_range first[] = {
		{ OWNED_GPA, POOL_OWNED_LEN }, { POOL_GPA, POOL_LEN },
	};
	static const struct vmem_ioc_range second[] = {
		{ SECOND_GPA, SECOND_LEN },
	};
	struct side *s = &sides[side];
	int ret;

	ret = local ? vmem_open_local(&s->guest) : vmem_open(NULL, &s->guest);
	if (ret)
		errx(1, "open: %d", ret);
	s->memory = mmap(NULL, MEMORY_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->memory == MAP_FAILED)
		err(1, "mmap");
	region(side, 0, VMEM_IOC_REGION_USER, 0, FROZEN_GPA, 0);
	region(side, 1, VMEM_IOC_REGION_USER, FROZEN_GPA, FROZEN_LEN,
	       VMEM_IOC_REGION_FROZEN);
	region(side, 2, VMEM_IOC_REGION_OWNED, OWNED_GPA, OWNED_LEN, 0);
	s->pools[0] = pool(side, first, 2, POOL_LEN + POOL_OWNED_LEN);
	s->pools[1] = pool(side, second, 1, SECOND_LEN);
	refuse(side);
}
