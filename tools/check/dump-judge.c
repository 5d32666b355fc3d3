// SPDX-License-Identifier: GPL-2.0-only
/*
 * dump-judge DUMP [kdumpfile]: read all memory of a dump, page by page, through libvmem,
 * and through libkdumpfile, which must have all that libvmem has. Prints how many pages
 * are there, left out, damaged and no memory, in how many both differ, how many only
 * libkdumpfile has (of an ELF core those beside a LOAD), and a sum of what was read.
 * Without `kdumpfile' it isn't asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <libkdumpfile/kdumpfile.h>
#include <libvmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	4096ULL

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	return 1;
}

/* Where the guest's memory ends. */
static __u64 end_of(struct vmem_guest *guest)
{
	struct vmem_ioc_item item = { 0 };
	struct vmem_ioc_list list = {
		.size = sizeof(list), .kind = VMEM_IOC_LIST_REGIONS, .nr = 1,
		.items = (uintptr_t)&item,
	};

	return vmem_guest_list(guest, &list) ? 0 : item.len;
}

int main(int argc, char **argv)
{
	static unsigned char ours[PAGE], theirs[PAGE];
	unsigned long here = 0, left_out = 0, damaged = 0, none = 0, differ = 0, more = 0;
	char why[VMEM_DUMP_WHY_LEN];
	kdump_ctx_t *judge = NULL;
	struct vmem_guest *guest;
	__u64 gpa, sum = 0, end;
	size_t i, len;
	int ret, fd;

	if (argc < 2)
		return fail("dump-judge", "which dump?");
	ret = vmem_open_dump(argv[1], NULL, &guest, why);
	if (ret)
		return fail(argv[1], why[0] ? why : strerror(-ret));
	if (argc > 2) {
		judge = kdump_new();
		fd = open(argv[1], O_RDONLY);
		if (!judge || fd < 0)
			return fail(argv[1], "cannot be opened");
		if (kdump_open_fd(judge, fd) != KDUMP_OK)
			return fail("libkdumpfile", kdump_get_err(judge));
	}
	end = end_of(guest);
	for (gpa = 0; gpa < end; gpa += PAGE) {
		ret = vmem_dump_read(guest, gpa, ours, PAGE);
		here += !ret;
		left_out += ret == -ENODATA;
		damaged += ret == -EIO;
		none += ret == -ENXIO;
		for (i = 0; !ret && i < PAGE; i += 8) {
			__u64 word;

			memcpy(&word, ours + i, 8);
			sum = (sum ^ word ^ gpa) * 0x9e3779b97f4a7c15ULL;
		}
		if (!judge)
			continue;
		len = PAGE;
		if (kdump_read(judge, KDUMP_MACHPHYSADDR, gpa, theirs, &len) != KDUMP_OK)
			len = 0;
		more += ret && len;
		if (ret || (len && !memcmp(ours, theirs, PAGE)))
			continue;
		if (!differ++)
			fprintf(stderr, "0x%llx: %s\n", gpa, len ? "differs" : "only ours");
	}
	printf("%lu here, %lu left out, %lu damaged, %lu none, %lu differ, %lu more, sum %016llx\n",
	       here, left_out, damaged, none, differ, more, sum);
	if (judge)
		kdump_free(judge);
	vmem_close(guest);
	return differ || damaged;
}
