// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * LiME captures: a header before each range, which need not be of whole pages.
 */
#include <errno.h>
#include <string.h>

#include "dump.h"

#define LIME_MAGIC	0x4c694d45
#define LIME_HEAD	32

int dump_read_lime(struct dump *dump)
{
	__u64 at = 0, first, last, len;
	int ret = 0;

	strcpy(dump->format, "LiME capture");
	while (!ret && at < dump->size) {
		const unsigned char *head = dump->data + at;

		if (!dump_holds(dump, at, LIME_HEAD)) {
			dump->cut = true;
			break;
		}
		if (dump_32(head) != LIME_MAGIC)
			return dump_fail(dump, "is a LiME capture that has no header at 0x%llx, where a range ends", at);
		if (dump_32(head + 4) != 1)
			return dump_fail(dump, "is a LiME capture of version %u, and vmem reads 1",
					 dump_32(head + 4));
		first = dump_64(head + 8);
		last = dump_64(head + 16);
		if (last < first || last - first >= DUMP_ADDR_MAX)
			return dump_fail(dump, "is a LiME capture with a range from 0x%llx to 0x%llx",
					 first, last);
		at += LIME_HEAD;
		len = last - first + 1;
		ret = dump_add_memory(dump, first, len);
		if (len > dump->size - at) {
			dump->cut = true;
			len = dump->size - at;
		}
		if (!ret)
			ret = dump_add_extent(dump, first, len, at);
		at += len;
	}
	return ret;
}
