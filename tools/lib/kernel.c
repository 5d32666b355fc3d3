// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Memory by the addresses of a guest's kernel, see kernel.h.
 */
#include <errno.h>
#include <string.h>

#include "dump.h"
#include "kernel.h"

#define NO_PAGE		1ULL	/* is the address of none */

int kernel_guest(struct vmem_guest *guest, __u64 gpa, void *buf, size_t len)
{
	void *host;
	int ret;

	if (vmem_dump_format(guest))
		return vmem_dump_read(guest, gpa, buf, len);
	ret = vmem_gpa_to_host(guest, gpa, len, &host);
	if (!ret)
		memcpy(buf, host, len);
	return ret;
}

int kernel_open(struct kernel *kernel, struct vmem_guest *guest,
		const struct vmem_linux *about)
{
	struct vmem_ioc_space_create space = VMEM_INIT(space,
		.format = about->levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
					       VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.root = about->root,
		.enc_bit = about->enc_bit);
	int ret;

	kernel->guest = guest;
	kernel->va = NO_PAGE;
	ret = vmem_space_create(guest, &space);
	kernel->space = space.out_id;
	return ret;
}

void kernel_close(struct kernel *kernel)
{
	struct vmem_ioc_destroy destroy = VMEM_INIT(destroy, .id = kernel->space);

	vmem_guest_destroy(kernel->guest, &destroy);
}

int kernel_translate(struct kernel *kernel, __u64 va, __u64 *gpa)
{
	struct vmem_ioc_result result = { 0 };
	struct vmem_ioc_translate call = VMEM_INIT(call,
		.space = kernel->space, .vas = VMEM_PTR(&va),
		.results = VMEM_PTR(&result), .nr = 1);
	int ret = vmem_space_translate(kernel->guest, &call);

	if (ret)
		return ret;
	*gpa = result.gpa;
	return result.status == VMEM_IOC_OK ? 0 : -EFAULT;
}

static int turn_to(struct kernel *kernel, __u64 va)
{
	__u64 gpa;
	int ret;

	if (kernel->va == va)
		return 0;
	kernel->va = NO_PAGE;
	ret = kernel_translate(kernel, va, &gpa);
	if (!ret)
		ret = kernel_guest(kernel->guest, gpa, kernel->page, KERNEL_PAGE);
	if (!ret)
		kernel->va = va;
	return ret;
}

int kernel_read(struct kernel *kernel, __u64 va, void *buf, size_t len)
{
	size_t at, nr;
	int ret;

	while (len) {
		at = va & (KERNEL_PAGE - 1);
		nr = KERNEL_PAGE - at < len ? KERNEL_PAGE - at : len;
		ret = turn_to(kernel, va - at);
		if (ret)
			return ret;
		memcpy(buf, kernel->page + at, nr);
		buf = (char *)buf + nr;
		va += nr;
		len -= nr;
	}
	return 0;
}

int kernel_read_32(struct kernel *kernel, __u64 va, __u32 *value)
{
	unsigned char bytes[4];
	int ret = kernel_read(kernel, va, bytes, sizeof(bytes));

	if (!ret)
		*value = dump_32(bytes);
	return ret;
}

int kernel_read_64(struct kernel *kernel, __u64 va, __u64 *value)
{
	unsigned char bytes[8];
	int ret = kernel_read(kernel, va, bytes, sizeof(bytes));

	if (!ret)
		*value = dump_64(bytes);
	return ret;
}
