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

/* Bytes of a bit a page. */
static size_t region_dirty_bytes(const struct region *region)
{
	return ((region->len >> VMEM_DIRTY_PAGE_LG2) + 7) / 8;
}

/* A bit a page, of which there is what is touched. */
static int region_track(struct region *region)
{
	region->dirty = mmap(NULL, region_dirty_bytes(region),
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return region->dirty == MAP_FAILED ? -errno : 0;
}

/* In use: what a pool or a space's root lies in. */
static int region_destroy(struct local_guest *lg, struct object *object,
			  struct vmem_ioc_destroy *answer)
{
	const struct region *region = to_region(object);
	const struct vmem_pool_range range = { .gpa = region->gpa, .len = region->len };

	if (region->uses || vmem_roots_within(&lg->links, region->gpa, region->len))
		return -EBUSY;
	if (pools_drop(lg, &range, 1))
		answer->out_flush = VMEM_IOC_FLUSH_ALL;
	return 0;
}

static void region_free(struct local_guest *lg, struct object *object)
{
	struct region *region = to_region(object);
	u32 at = region_lower_bound(lg, region->gpa);

	lg->nr_regions--;
	memmove(&lg->regions[at], &lg->regions[at + 1],
		(lg->nr_regions - at) * sizeof(struct region *));
	lg->hint = &region_none;
	munmap(region->dirty, region_dirty_bytes(region));
	if (region->memfd >= 0) {
		munmap(region->host, region->len);
		close(region->memfd);
	}
	object_remove(lg, object);
	free(region);
}

static void region_item(const struct object *object, struct vmem_ioc_item *item)
{
	const struct region *region = to_region(object);

	vmem_ioc_item_region(item, region->kind, region->frozen, region->gpa,
			     region->len, region->uses);
}

static const struct object_ops region_ops = {
	.kind		= VMEM_IOC_LIST_REGIONS,
	.max		= VMEM_REGIONS_MAX,
	.item		= region_item,
	.destroy	= region_destroy,
	.free		= region_free,
};

/* Take a place among the others. */
static void region_insert(struct local_guest *lg, struct region *region)
{
	u32 at = region_lower_bound(lg, region->gpa);

	memmove(&lg->regions[at + 1], &lg->regions[at],
		(lg->nr_regions - at) * sizeof(struct region *));
	lg->regions[at] = region;
	lg->nr_regions++;
	lg->hint = &region_none;
}

/*
 * All memory of a dump, in a guest that has none: from address 0 on, as the dump itself
 * says what is memory there.
 */
int region_of_dump(struct local_guest *lg, struct dump *dump, u64 len)
{
	struct region *region = calloc(1, sizeof(*region));
	int ret;

	lg->regions = calloc(1, sizeof(struct region *));
	if (!region || !lg->regions) {
		free(region);
		return -ENOMEM;
	}
	ret = object_add(lg, &region->object, &region_ops);
	if (!ret) {
		region->kind = VMEM_IOC_REGION_USER;
		region->len = len;
		region->frozen = true;
		region->memfd = -1;
		region->dump = dump;
		ret = region_track(region);
		if (ret)
			object_remove(lg, &region->object);
	}
	if (ret) {
		free(region);
		return ret;
	}
	region_insert(lg, region);
	return 0;
}

int local_region_create(struct local_guest *lg, void *p)
{
	struct vmem_ioc_region_create *arg = p;
	struct region *region, **regions;
	u64 same;
	int ret;

	/* the kernel's half isn't the caller's, whatever the processor */
	ret = vmem_ioc_region_create_check(arg, (u64)sysconf(_SC_PAGESIZE),
					   BIT_ULL(63));
	if (ret)
		return ret;
	regions = realloc(lg->regions,
			  (lg->nr_regions + 1) * sizeof(struct region *));
	if (!regions)
		return -ENOMEM;
	lg->regions = regions;
	region = calloc(1, sizeof(*region));
	if (!region)
		return -ENOMEM;
	ret = object_add(lg, &region->object, &region_ops);
	if (ret)
		goto err_free;
	if (region_covers(lg, arg->gpa, &same) || same < arg->len) {
		ret = -EEXIST;
		goto err_object;
	}
	region->kind = arg->kind;
	region->gpa = arg->gpa;
	region->len = arg->len;
	region->frozen = arg->flags & VMEM_IOC_REGION_FROZEN;
	region->host = (char *)(uintptr_t)arg->user_addr;
	region->memfd = -1;
	ret = region_track(region);
	if (ret)
		goto err_object;
	if (arg->kind == VMEM_IOC_REGION_OWNED) {
		ret = region_own(region);
		if (ret)
			goto err_dirty;
	}

	region_insert(lg, region);
	arg->out_id = region->object.id;
	if (region->kind == VMEM_IOC_REGION_OWNED)
		arg->out_mmap_offset = region->gpa;
	return 0;

err_dirty:
	munmap(region->dirty, region_dirty_bytes(region));
err_object:
	object_remove(lg, &region->object);
err_free:
	free(region);
	return ret;
}

int local_region_set(struct local_guest *lg, void *p)
{
	struct vmem_ioc_region_set *arg = p;
	struct object *object;
	struct region *region;
	int ret;

	ret = vmem_ioc_region_set_check(arg);
	if (ret)
		return ret;
	object = object_find(lg, arg->id, &region_ops, &ret);
	if (!object)
		return ret;
	region = to_region(object);
	ret = vmem_ioc_region_set_frozen(arg, region->frozen, region->uses);
	if (ret <= 0)
		return ret;
	region->frozen = !region->frozen;
	/* a frozen root counts no links where it would move */
	lg->links.epoch++;
	lg->generation++;
	return 0;
}

int local_region_dirty(struct local_guest *lg, void *p)
{
	struct vmem_ioc_region_dirty *arg = p;
	u8 *bitmap = (u8 *)(uintptr_t)arg->bitmap;
	const struct region *region;
	struct object *object;
	int ret, i, nr;
	u64 first, page;

	ret = vmem_ioc_region_dirty_check(arg);
	if (ret)
		return ret;
	object = object_find(lg, arg->id, &region_ops, &ret);
	if (!object)
		return ret;
	region = to_region(object);
	nr = vmem_ioc_region_dirty_within(arg, region->gpa, region->len, &first);
	if (nr < 0)
		return nr;
	memset(bitmap, 0, vmem_ioc_region_dirty_bytes(arg));
	for (i = 0; i < nr; i++) {
		page = first + (u64)i;
		/* most are none */
		if (!region->dirty[page / 8] && !(page % 8) && nr - i >= 8) {
			i += 7;
			continue;
		}
		if (!(region->dirty[page / 8] & 1U << page % 8))
			continue;
		bitmap[i / 8] |= 1U << i % 8;
		if (arg->flags & VMEM_IOC_DIRTY_CLEAR)
			region->dirty[page / 8] &= ~(1U << page % 8);
	}
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
