// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Where guest-physical memory lies in this process. Nothing waits under the lock, and
 * none of the back end's calls is made under it: a call may wait for a page that
 * another thread brings by the help of this file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libvmem.h"
#include "memory.h"

#define ITEMS	64	/* that are asked for at once */

/* The first area that ends behind @gpa, as an index. */
static __u32 memory_lower_bound(const struct memory *memory, __u64 gpa)
{
	__u32 low = 0, high = memory->nr;

	while (low < high) {
		__u32 middle = low + (high - low) / 2;
		const struct area *area = &memory->areas[middle];

		if (area->gpa + (area->len - 1) < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool memory_known(const struct memory *memory, __u64 gpa,
			 struct area *area)
{
	__u32 at = memory_lower_bound(memory, gpa);

	if (at == memory->nr || memory->areas[at].gpa > gpa)
		return false;
	*area = memory->areas[at];
	return true;
}

/* There is room. */
static void memory_insert(struct memory *memory, const struct area *area)
{
	__u32 at = memory_lower_bound(memory, area->gpa);

	memmove(&memory->areas[at + 1], &memory->areas[at],
		(memory->nr - at) * sizeof(*area));
	memory->areas[at] = *area;
	memory->nr++;
}

int memory_expect(struct vmem_guest *guest)
{
	struct memory *memory = &guest->memory;
	struct area *areas = memory->areas;
	int ret = 0;

	pthread_mutex_lock(&memory->lock);
	if (memory->nr + memory->coming == memory->room) {
		areas = reallocarray(memory->areas, 2 * memory->room + 4,
				     sizeof(*areas));
		if (areas) {
			memory->areas = areas;
			memory->room = 2 * memory->room + 4;
		} else {
			ret = -ENOMEM;
		}
	}
	if (!ret)
		memory->coming++;
	pthread_mutex_unlock(&memory->lock);
	return ret;
}

void memory_came(struct vmem_guest *guest,
		 const struct vmem_ioc_region_create *region)
{
	struct memory *memory = &guest->memory;

	pthread_mutex_lock(&memory->lock);
	memory->coming--;
	if (region && region->kind == VMEM_IOC_REGION_USER)
		memory_insert(memory, &(struct area){
			.id		= region->out_id,
			.writable	= true,
			.gpa		= region->gpa,
			.len		= region->len,
			.host		= (char *)(unsigned long)region->user_addr,
		});
	pthread_mutex_unlock(&memory->lock);
}

/* Take out the area of an id; only an owned one is unmapped. */
static void memory_take(struct vmem_guest *guest, __u32 id, bool owned)
{
	struct memory *memory = &guest->memory;
	struct area *area, gone = { 0 };

	pthread_mutex_lock(&memory->lock);
	for (area = memory->areas; area < memory->areas + memory->nr; area++) {
		if (area->id != id || area->owned != owned)
			continue;
		gone = *area;
		memory->nr--;
		memmove(area, area + 1,
			(memory->areas + memory->nr - area) * sizeof(*area));
		break;
	}
	pthread_mutex_unlock(&memory->lock);
	if (gone.owned)
		munmap(gone.host, gone.len);
}

void memory_unmap(struct vmem_guest *guest, __u32 id)
{
	memory_take(guest, id, true);
}

void memory_forget(struct vmem_guest *guest, __u32 id)
{
	memory_take(guest, id, false);
}

/* Map an owned region, as far as the descriptor may. */
static int memory_map(struct vmem_guest *guest, const struct vmem_ioc_item *item,
		      struct area *area)
{
	struct memory *memory = &guest->memory;
	void *host;
	int ret;

	ret = memory_expect(guest);
	if (ret)
		return ret;
	*area = (struct area){
		.id = item->id, .owned = true, .writable = true,
		.gpa = item->gpa, .len = item->len,
	};
	ret = guest->backend->mmap(guest, item->offset, item->len,
				   PROT_READ | PROT_WRITE, &host);
	if (ret == -EACCES) {
		area->writable = false;
		ret = guest->backend->mmap(guest, item->offset, item->len,
					   PROT_READ, &host);
	}
	if (!ret)
		area->host = host;

	/* another thread may have been quicker */
	pthread_mutex_lock(&memory->lock);
	memory->coming--;
	if (!ret && !memory_known(memory, item->gpa, area)) {
		memory_insert(memory, area);
		host = NULL;
	}
	pthread_mutex_unlock(&memory->lock);
	if (!ret && host)
		munmap(host, item->len);
	return ret;
}

int memory_find(struct vmem_guest *guest, __u64 gpa, struct area *area)
{
	struct vmem_ioc_item items[ITEMS];
	struct vmem_ioc_list list = VMEM_INIT(list,
		.kind = VMEM_IOC_LIST_REGIONS, .items = VMEM_PTR(items),
		.nr = ITEMS);
	bool known;
	__u32 i;
	int ret;

	pthread_mutex_lock(&guest->memory.lock);
	known = memory_known(&guest->memory, gpa, area);
	pthread_mutex_unlock(&guest->memory.lock);
	if (known)
		return 0;
	do {
		ret = guest->backend->call(guest, VMEM_IOC_LIST, &list);
		if (ret)
			return ret;
		for (i = 0; i < list.out_nr; i++)
			if (gpa - items[i].gpa < items[i].len)
				return items[i].kind == VMEM_IOC_REGION_OWNED ?
				       memory_map(guest, &items[i], area) :
				       -EREMOTE;
		list.cursor = list.out_cursor;
	} while (list.cursor);
	return -ENXIO;
}

void memory_end(struct vmem_guest *guest)
{
	struct memory *memory = &guest->memory;
	__u32 i;

	for (i = 0; i < memory->nr; i++)
		if (memory->areas[i].owned)
			munmap(memory->areas[i].host, memory->areas[i].len);
	free(memory->areas);
}

int vmem_gpa_to_host(struct vmem_guest *guest, __u64 gpa, size_t len, void **addr)
{
	struct area area;
	int ret;

	*addr = NULL;
	if (!len)
		return -EINVAL;
	ret = memory_find(guest, gpa, &area);
	if (ret)
		return ret;
	if (len > area.len - (gpa - area.gpa))
		return -ERANGE;
	*addr = area.host + (gpa - area.gpa);
	return 0;
}
