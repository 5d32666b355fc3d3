// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * One mapping by the largest pages.
 */
#include <errno.h>

#include "libvmem.h"
#include "backend.h"
#include "mapping.h"

#define FORMATS		16	/* more than there are */

int mapping_sizes(struct vmem_guest *guest, __u32 format, __u64 *sizes)
{
	struct vmem_ioc_format formats[FORMATS] = { 0 };
	struct vmem_ioc_info info = VMEM_INIT(info,
		.formats = VMEM_PTR(formats), .nr_formats = FORMATS);
	__u32 i;
	int ret;

	ret = vmem_guest_info(guest, &info);
	if (ret)
		return ret;
	*sizes = 0;
	for (i = 0; i < FORMATS && i < info.out_nr_formats; i++)
		if (formats[i].id == format)
			*sizes = formats[i].map_page_sizes;
	return 0;
}

void mapping_attrs(struct vmem_ioc_mapping *mapping, __u32 attrs)
{
	mapping->kind = VMEM_IOC_KIND_BASIC;
	if (attrs & VMEM_IOC_ATTR_COW) {
		mapping->kind = VMEM_IOC_KIND_COW;
		attrs &= ~VMEM_IOC_ATTR_COW;
	}
	mapping->attrs = attrs;
}

/* Of a space, the last one of which is remembered. What is none, MAP refuses. */
static int space_sizes(struct vmem_guest *guest, __u32 space, __u64 *sizes)
{
	struct vmem_ioc_item item = { 0 };
	struct vmem_ioc_list list = VMEM_INIT(list,
		.kind = VMEM_IOC_LIST_SPACES, .cursor = space - 1,
		.items = VMEM_PTR(&item), .nr = 1);
	int ret;

	*sizes = 0;
	pthread_mutex_lock(&guest->memory.lock);
	if (space == guest->sized)
		*sizes = guest->sizes;
	pthread_mutex_unlock(&guest->memory.lock);
	if (*sizes || !space)
		return 0;
	ret = vmem_guest_list(guest, &list);
	if (ret || item.id != space)
		return ret;
	ret = mapping_sizes(guest, item.kind, sizes);
	if (ret)
		return ret;
	pthread_mutex_lock(&guest->memory.lock);
	guest->sized = space;
	guest->sizes = *sizes;
	pthread_mutex_unlock(&guest->memory.lock);
	return 0;
}

int vmem_space_map_one(struct vmem_guest *guest, __u32 space, __u64 va, __u64 gpa,
		 __u64 len, __u32 attrs, struct vmem_ioc_change *change)
{
	struct vmem_ioc_mapping mapping = { .va = va, .gpa = gpa, .len = len };
	struct vmem_ioc_map map = VMEM_INIT(map,
		.space = space, .mappings = VMEM_PTR(&mapping), .nr = 1);
	int ret;

	mapping_attrs(&mapping, attrs);
	ret = space_sizes(guest, space, &mapping.page_sizes);
	if (!ret)
		ret = vmem_space_map(guest, &map);
	if (change)
		*change = map.change;
	return ret;
}
