// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Which Linux runs in a guest: by the VMCOREINFO of a dump, or by one that is found in
 * memory. What is found may be another one's, an older kernel's or a guest's in the guest:
 * it is believed if the page that it says is a root maps itself where it says, and the
 * name of the kernel is there where it says.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel.h"
#include "vmcoreinfo.h"

#define START_KERNEL_MAP	0xffffffff80000000ULL
#define TRIES_MAX		4096	/* texts; a guest has a dozen */
#define UTS_LEN			65	/* of each string of struct new_utsname */
#define UTS_RELEASE		(2 * UTS_LEN)

static int say(char *why, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int say(char *why, int ret, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, VMEM_DUMP_WHY_LEN, format, ap);
	va_end(ap);
	return ret;
}

/* What a text says, if it is one. */
static int parse(struct vmem_linux *about, __u64 *swapper, char *why)
{
	struct vmcoreinfo info = { about->info, about->info_len };
	const char *release;
	__s64 base, number;
	size_t len;

	if (!vmcoreinfo_find(&info, "OSRELEASE", &release, &len) || !len || len >= UTS_LEN)
		return say(why, -ENOENT, "VMCOREINFO tells no release");
	memcpy(about->release, release, len);
	about->release[len] = 0;
	if ((!vmcoreinfo_symbol(&info, "swapper_pg_dir", swapper) &&
	     !vmcoreinfo_symbol(&info, "init_top_pgt", swapper)) ||
	    !vmcoreinfo_number(&info, "phys_base", &base) ||
	    *swapper < START_KERNEL_MAP || *swapper & (KERNEL_PAGE - 1) ||
	    base & (__s64)(KERNEL_PAGE - 1))
		return say(why, -ENOENT, "VMCOREINFO of Linux %s tells no root", about->release);
	about->root = *swapper - START_KERNEL_MAP + (__u64)base;
	about->levels = vmcoreinfo_number(&info, "pgtable_l5_enabled", &number) && number ? 5 : 4;
	/* one bit, or none */
	about->enc_bit = 0;
	if (vmcoreinfo_number(&info, "sme_mask", &number) && number > 0 &&
	    !(number & (number - 1)))
		about->enc_bit = (__u32)__builtin_ctzll((__u64)number);
	return 0;
}

/* Is the name of the kernel there? */
static bool release_holds(struct kernel *kernel, const struct vmem_linux *about)
{
	struct vmcoreinfo info = { about->info, about->info_len };
	char release[UTS_LEN];
	__u64 uts, name;

	return vmcoreinfo_symbol(&info, "init_uts_ns", &uts) &&
	       vmcoreinfo_offset(&info, "uts_namespace.name", &name) &&
	       !kernel_read(kernel, uts + name + UTS_RELEASE, release, sizeof(release)) &&
	       !strncmp(release, about->release, sizeof(release));
}

/* A text, with what it says, if that holds; what the dump itself tells is believed. */
static int try(struct vmem_guest *guest, struct vmem_linux *about, bool told, char *why)
{
	struct kernel kernel;
	__u64 swapper, gpa;
	bool holds;
	int ret = parse(about, &swapper, why);

	if (ret)
		return ret;
	ret = kernel_open(&kernel, guest, about);
	if (ret == -ENXIO || ret == -EINVAL || ret == -EOVERFLOW)
		return say(why, -ENOENT,
			   "VMCOREINFO of Linux %s tells a root, 0x%llx, where no memory is",
			   about->release, about->root);
	if (ret)
		return ret;
	holds = told || (!kernel_translate(&kernel, swapper, &gpa) && gpa == about->root &&
			 release_holds(&kernel, about));
	kernel_close(&kernel);
	return holds ? 0 : say(why, -ENOENT, "VMCOREINFO of Linux %s doesn't hold in this memory",
			       about->release);
}

/* The text that may begin at @gpa. */
static bool text_at(struct vmem_guest *guest, __u64 gpa, struct vmem_linux *about)
{
	size_t len = KERNEL_PAGE - (gpa & (KERNEL_PAGE - 1));

	if (kernel_guest(guest, gpa, about->info, len))
		return false;
	/* it is in one page, or in two */
	if (len < sizeof(about->info) &&
	    !kernel_guest(guest, gpa + len, about->info + len, sizeof(about->info) - len))
		len = sizeof(about->info);
	about->info_len = (__u32)vmcoreinfo_len(about->info, len);
	return about->info_len;
}

/**
 * struct scan - a search for a text that holds
 * @guest:	whose memory it is
 * @about:	out: what the text says
 * @why:	why the last one doesn't hold
 * @tries:	how many more may be tried
 */
struct scan {
	struct vmem_guest *guest;
	struct vmem_linux *about;
	char *why;
	unsigned int tries;
};

/* Each begin of a text in a page. Return: 0: one holds; -ENOENT: none does. */
static int scan_page(struct scan *scan, __u64 gpa)
{
	const size_t len = sizeof(VMCOREINFO_BEGIN) - 1;
	char page[KERNEL_PAGE], *at = page, *end = page + sizeof(page);
	int ret = -ENOENT;

	if (kernel_guest(scan->guest, gpa, page, sizeof(page)))
		return ret;
	for (; ret == -ENOENT && (at = memchr(at, 'O', (size_t)(end - at))); at++) {
		if ((size_t)(end - at) < len)
			break;
		if (memcmp(at, VMCOREINFO_BEGIN, len))
			continue;
		if (!scan->tries--)
			return say(scan->why, -E2BIG,
				   "too much in memory looks like VMCOREINFO, and isn't");
		if (text_at(scan->guest, gpa + (__u64)(at - page), scan->about))
			ret = try(scan->guest, scan->about, false, scan->why);
	}
	return ret;
}

/* All memory from @gpa to before @end. */
static int scan_range(struct scan *scan, __u64 gpa, __u64 end)
{
	int ret = -ENOENT;

	for (; ret == -ENOENT && gpa < end; gpa += KERNEL_PAGE)
		ret = scan_page(scan, gpa);
	return ret;
}

static int scan_dump(struct scan *scan)
{
	struct vmem_dump_range range = { 0 };
	int ret = -ENOENT;

	while (ret == -ENOENT &&
	       !vmem_dump_next(scan->guest, range.gpa + range.len, &range))
		ret = scan_range(scan, range.gpa, range.gpa + range.len);
	return ret;
}

static int scan_regions(struct scan *scan)
{
	struct vmem_ioc_item region = { 0 };
	struct vmem_ioc_list list = VMEM_INIT(list,
		.kind = VMEM_IOC_LIST_REGIONS, .items = VMEM_PTR(&region), .nr = 1);
	int ret;

	do {
		ret = vmem_guest_list(scan->guest, &list);
		if (!ret)
			ret = list.out_nr ? scan_range(scan, region.gpa,
						       region.gpa + region.len) : -ENOENT;
		list.cursor = list.out_cursor;
	} while (ret == -ENOENT && list.cursor);
	return ret;
}

static int scan_memory(struct scan *scan)
{
	int ret;

	say(scan->why, 0, "there is no VMCOREINFO of Linux in memory");
	ret = vmem_dump_format(scan->guest) ? scan_dump(scan) : scan_regions(scan);
	return ret == -E2BIG ? -ENOENT : ret;
}

int vmem_linux_find(struct vmem_guest *guest, struct vmem_linux *about, __u32 flags,
		    char why[VMEM_DUMP_WHY_LEN])
{
	struct scan scan;
	const char *text;
	size_t len;

	*about = (struct vmem_linux){ 0 };
	why[0] = 0;
	if (flags & ~(__u32)VMEM_LINUX_NO_SCAN)
		return -EINVAL;
	if (!vmem_dump_vmcoreinfo(guest, &text, &len)) {
		if (len > sizeof(about->info))
			len = sizeof(about->info);
		memcpy(about->info, text, len);
		about->info_len = (__u32)vmcoreinfo_len(about->info, len);
		return try(guest, about, true, why);
	}
	if (flags & VMEM_LINUX_NO_SCAN)
		return say(why, -ENOENT, "the dump has no VMCOREINFO");
	scan = (struct scan){ guest, about, why, TRIES_MAX };
	return scan_memory(&scan);
}
