// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Guest memory by virtual address: translated by the calls of any back end, copied
 * where it lies in this process.
 */
#include <errno.h>
#include <string.h>

#include "libvmem.h"
#include "memory.h"

#define STEP	4096ULL	/* no page of a format or of a host is smaller */
#define BATCH	64	/* addresses that are translated at once */
#define RWXU	(VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X | \
		 VMEM_IOC_ATTR_U)

/* What is done to the bytes of a range. */
enum copy_what {
	COPY_READ,
	COPY_LOOK,	/* could they be written? */
	COPY_WRITE,
};

/**
 * struct copy - a range that is read or written
 * @guest:	whose it is
 * @space:	through which
 * @need:	permissions that the tables must grant
 * @what:	is done
 * @buf:	the caller's; of what is written, too
 * @thawed:	a region that isn't frozen, 0: not known of any
 * @stop:	how far it came
 */
struct copy {
	struct vmem_guest *guest;
	__u32 space;
	__u32 need;
	enum copy_what what;
	char *buf;
	__u32 thawed;
	struct vmem_stop stop;
};

static int copy_writable(struct copy *copy, const struct area *area)
{
	struct vmem_ioc_item item = { 0 };
	struct vmem_ioc_list list = VMEM_INIT(list,
		.kind = VMEM_IOC_LIST_REGIONS, .cursor = area->id - 1,
		.items = VMEM_PTR(&item), .nr = 1);
	int ret;

	if (!area->writable)
		return -EACCES;
	if (area->id == copy->thawed)
		return 0;
	ret = vmem_guest_list(copy->guest, &list);
	if (ret)
		return ret;
	if (item.id != area->id)
		return -ENXIO;	/* destroyed past this guest */
	if (item.flags & VMEM_IOC_REGION_FROZEN)
		return -EROFS;
	copy->thawed = area->id;
	return 0;
}

/* Bytes of a dump, which is only read. */
static int copy_dump(struct copy *copy, __u64 gpa, void *buf, size_t len)
{
	if (copy->what != COPY_READ)
		return -EROFS;
	return vmem_dump_read(copy->guest, gpa, buf, len);
}

/* In one page, all of which lies in one region: these are made of pages. */
static int copy_page(struct copy *copy, struct vmem_ioc_result *result, size_t len)
{
	__u32 lacks = copy->need & ~(__u32)result->effective;
	char *buf = copy->buf + copy->stop.done, *host;
	struct area area;
	int ret;

	if (result->status != VMEM_IOC_OK)
		return -EFAULT;
	if (lacks) {
		result->status = lacks & VMEM_IOC_ATTR_U ? VMEM_IOC_USER :
				 lacks & VMEM_IOC_ATTR_W ? VMEM_IOC_WRITE :
				 lacks & VMEM_IOC_ATTR_X ? VMEM_IOC_EXEC :
				 VMEM_IOC_NOT_PRESENT;
		return -EFAULT;
	}
	if (vmem_dump_format(copy->guest)) {
		ret = copy_dump(copy, result->gpa, buf, len);
		copy->stop.done += ret ? 0 : len;
		return ret;
	}
	ret = memory_find(copy->guest, result->gpa, &area);
	if (ret)
		return ret;
	host = area.host + (result->gpa - area.gpa);
	if (copy->what == COPY_READ)
		memcpy(buf, host, len);
	else
		ret = copy_writable(copy, &area);
	if (!ret && copy->what == COPY_WRITE)
		memcpy(host, buf, len);
	if (!ret)
		copy->stop.done += len;
	return ret;
}

static int copy_range(struct copy *copy, __u64 va, size_t len)
{
	struct vmem_ioc_result results[BATCH];
	__u64 vas[BATCH], next;
	struct vmem_ioc_translate ask = VMEM_INIT(ask,
		.space = copy->space, .vas = VMEM_PTR(vas),
		.results = VMEM_PTR(results));
	struct vmem_stop *stop = &copy->stop;
	size_t left, in_page;
	int ret = 0;
	__u32 i;

	for (stop->done = 0; !ret && stop->done < len;) {
		next = va + stop->done;
		left = len - stop->done;
		for (ask.nr = 0; ask.nr < BATCH && next - (va + stop->done) < left;
		     next = (next | (STEP - 1)) + 1)
			vas[ask.nr++] = next;
		ret = vmem_space_translate(copy->guest, &ask);
		if (ret)
			break;
		for (i = 0; i < ask.nr && !ret; i++) {
			left = len - stop->done;
			in_page = STEP - (vas[i] & (STEP - 1));
			ret = copy_page(copy, &results[i],
					left < in_page ? left : in_page);
			if (ret)
				stop->result = results[i];
		}
	}
	if (ret)
		stop->va = va + stop->done;
	return ret;
}

static int copy(struct copy *copy, __u64 va, size_t len)
{
	int ret;

	if (copy->need & ~RWXU)
		return -EOPNOTSUPP;
	if (len && va + (len - 1) < va)
		return -EOVERFLOW;
	ret = copy_range(copy, va, len);
	if (copy->what != COPY_LOOK)
		return ret;
	if (ret) {
		copy->stop.done = 0;
		return ret;
	}
	copy->what = COPY_WRITE;
	return copy_range(copy, va, len);
}

int vmem_space_read(struct vmem_guest *guest, __u32 space, __u64 va, void *buf,
	      size_t len, __u32 need, struct vmem_stop *stop)
{
	struct copy it = {
		.guest = guest, .space = space, .need = need, .what = COPY_READ,
		.buf = buf,
	};
	int ret = copy(&it, va, len);

	if (stop)
		*stop = it.stop;
	return ret;
}

int vmem_space_write(struct vmem_guest *guest, __u32 space, __u64 va, const void *buf,
	       size_t len, __u32 need, struct vmem_stop *stop)
{
	struct copy it = {
		.guest = guest, .space = space, .need = need, .what = COPY_LOOK,
		.buf = (char *)buf,	/* which is only read */
	};
	int ret = copy(&it, va, len);

	if (stop)
		*stop = it.stop;
	return ret;
}
