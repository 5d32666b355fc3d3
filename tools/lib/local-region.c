// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Regions: guest-physical memory that lies in this process. They don't
 * overlap, and are kept in the order of their addresses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/overflow.h>

#include "local.h"

/* Where there is no memory. */
const struct region region_none;

/* The first region that does not end below @gpa, as an index. */
static u32 region_lower_bound(const struct local_guest *lg, u64 gpa)
{
	u32 low = 0, high = lg->nr_regions;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct region *region = lg->regions[middle];

		if (region->gpa + (region->len - 1) < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The region of @gpa, or &region_none. */
const struct region *region_search(const struct local_guest *lg,
				   vmem_phys_t gpa)
{
	u32 i = region_lower_bound(lg, gpa);

	if (i == lg->nr_regions || lg->regions[i]->gpa > gpa)
		return &region_none;
	return lg->regions[i];
}

/*
 * Add @by to the count of users of each region that a range touches. Return: 0;
 * -ENXIO: part of it is in no region; -EROFS: in a frozen one. Nothing is added
 * then.
 */
int region_use(struct local_guest *lg, u64 gpa, u64 len, int by)
{
	u32 first = region_lower_bound(lg, gpa), i;
	u64 at = gpa, last = gpa + (len - 1);

	for (i = first; by > 0 && at <= last; i++) {
		if (i == lg->nr_regions || lg->regions[i]->gpa > at)
			return -ENXIO;
		if (lg->regions[i]->frozen)
			return -EROFS;
		at = lg->regions[i]->gpa + lg->regions[i]->len;
	}
	for (i = first; i < lg->nr_regions && lg->regions[i]->gpa <= last; i++)
		lg->regions[i]->uses += by;
	return 0;
}

/* Does @gpa lie in a region? The answer holds for @same bytes, or more. */
bool region_covers(struct local_guest *lg, vmem_phys_t gpa, u64 *same)
{
	u32 i = region_lower_bound(lg, gpa);
	const struct region *region;

	if (i == lg->nr_regions) {
		*same = U64_MAX - gpa;
		return false;
	}
	region = lg->regions[i];
	if (region->gpa > gpa) {
		*same = region->gpa - gpa;
		return false;
	}
	*same = region->gpa + region->len - gpa;
	return true;
}

static int region_check(const struct vmem_ioc_region_create *arg)
{
	u64 page = (u64)sysconf(_SC_PAGESIZE) - 1, last;

	if (arg->flags & ~VMEM_IOC_REGION_FROZEN ||
	    (arg->kind != VMEM_IOC_REGION_USER &&
	     arg->kind != VMEM_IOC_REGION_OWNED))
		return -EOPNOTSUPP;
	if (!arg->len || (arg->gpa | arg->len | arg->user_addr) & page)
		return -EINVAL;
	if (check_add_overflow(arg->gpa, arg->len - 1, &last) ||
	    last >> LOCAL_GPA_BITS)
		return -EOVERFLOW;
	if (arg->kind == VMEM_IOC_REGION_OWNED) {
		if (arg->user_addr)
			return -EOPNOTSUPP;
	} else {
		if (check_add_overflow(arg->user_addr, arg->len - 1, &last))
			return -EOVERFLOW;
		/* the kernel's half, whatever the processor */
		if (last >> 63)
			return -EINVAL;
	}
	return arg->len > LOCAL_REGION_LEN_MAX ? -E2BIG : 0;
}

/* Pages for a region of kind owned, zeroed when they are touched. */
static int region_own(struct region *region)
{
	int ret;

	region->memfd = memfd_create("vmem", MFD_CLOEXEC);
	if (region->memfd < 0)
		return -errno;
	if (ftruncate(region->memfd, (off_t)region->len) < 0) {
		ret = -errno;
		goto err_close;
	}
	region->host = mmap(NULL, region->len, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_NORESERVE, region->memfd, 0);
	if (region->host == MAP_FAILED) {
		ret = -errno;
		goto err_close;
	}
	return 0;

err_close:
	close(region->memfd);
	return ret;
}

int region_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_region_create *arg = p;
	struct region *region, **regions;
	u64 same;
	u32 at;
	int ret;

	ret = region_check(arg);
	if (ret)
		return ret;
	if (region_covers(lg, arg->gpa, &same) || same < arg->len)
		return -EEXIST;
	if (lg->nr_regions == LOCAL_REGIONS_MAX)
		return -E2BIG;
	regions = realloc(lg->regions,
			  (lg->nr_regions + 1) * sizeof(struct region *));
	if (!regions)
		return -ENOMEM;
	lg->regions = regions;
	region = calloc(1, sizeof(*region));
	if (!region)
		return -ENOMEM;
	region->kind = arg->kind;
	region->gpa = arg->gpa;
	region->len = arg->len;
	region->frozen = arg->flags & VMEM_IOC_REGION_FROZEN;
	region->host = (char *)(uintptr_t)arg->user_addr;
	region->memfd = -1;
	if (arg->kind == VMEM_IOC_REGION_OWNED) {
		ret = region_own(region);
		if (ret)
			goto err_free;
	}
	ret = object_add(lg, &region->object, VMEM_IOC_LIST_REGIONS);
	if (ret)
		goto err_disown;

	at = region_lower_bound(lg, region->gpa);
	memmove(&regions[at + 1], &regions[at],
		(lg->nr_regions - at) * sizeof(struct region *));
	regions[at] = region;
	lg->nr_regions++;
	lg->hint = &region_none;
	arg->out_id = region->object.id;
	if (region->kind == VMEM_IOC_REGION_OWNED)
		arg->out_mmap_offset = region->gpa;
	return 0;

err_disown:
	if (region->memfd >= 0) {
		munmap(region->host, region->len);
		close(region->memfd);
	}
err_free:
	free(region);
	return ret;
}

int region_set(struct local_guest *lg, void *p)
{
	struct vmem_ioc_region_set *arg = p;
	struct object *object;
	struct region *region;
	bool frozen;
	int ret;

	if (arg->flags || arg->__reserved ||
	    (arg->mask | arg->value) & ~VMEM_IOC_REGION_FROZEN)
		return -EOPNOTSUPP;
	if (arg->value & ~arg->mask)
		return -EINVAL;
	object = object_find(lg, arg->id, VMEM_IOC_LIST_REGIONS, &ret);
	if (!object)
		return ret;
	region = container_of(object, struct region, object);
	frozen = arg->mask ? arg->value : region->frozen;
	if (frozen == region->frozen)
		return 0;
	if (frozen && region->uses)
		return -EBUSY;
	region->frozen = frozen;
	lg->generation++;
	return 0;
}

/* The offset of an owned region is its address in the guest. */
int region_mmap(struct vmem_guest *guest, __u64 offset, size_t len, int prot,
		void **addr)
{
	struct local_guest *lg = container_of(guest, struct local_guest, guest);
	const struct region *region = region_search(lg, offset);
	void *host;

	if (!len || region->kind != VMEM_IOC_REGION_OWNED)
		return -EINVAL;
	offset -= region->gpa;
	if (len > region->len - offset)
		return -EINVAL;
	host = mmap(NULL, len, prot, MAP_SHARED, region->memfd, (off_t)offset);
	if (host == MAP_FAILED)
		return -errno;
	*addr = host;
	return 0;
}

void region_free(struct local_guest *lg, struct region *region)
{
	u32 at = region_lower_bound(lg, region->gpa);

	lg->nr_regions--;
	memmove(&lg->regions[at], &lg->regions[at + 1],
		(lg->nr_regions - at) * sizeof(struct region *));
	lg->hint = &region_none;
	if (region->memfd >= 0) {
		munmap(region->host, region->len);
		close(region->memfd);
	}
	object_remove(lg, &region->object);
	free(region);
}

/* In use: what a pool or a space's root lies in. */
int region_destroy(struct local_guest *lg, struct region *region, bool *dropped)
{
	const struct vmem_pool_range range = { .gpa = region->gpa, .len = region->len };

	if (region->uses || space_root_within(lg, region->gpa, region->len))
		return -EBUSY;
	*dropped = pools_drop(lg, &range, 1);
	region_free(lg, region);
	return 0;
}
