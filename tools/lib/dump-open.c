// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A file is opened as the dump that it is, by how it begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"
#include "magic.h"

static int by_gpa(const void *a, const void *b)
{
	const struct dump_extent *x = a, *y = b;

	if (x->gpa != y->gpa)
		return x->gpa < y->gpa ? -1 : 1;
	/* of two alike the one that comes first in the file */
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/*
 * What comes again is taken out, what goes on in the file is joined. Each extent can
 * lose its begin only to what begins before it.
 */
static void settle_extents(struct dump *dump)
{
	struct dump_extent *e = dump->extents;
	size_t i, to = 0;
	__u64 end = 0, cut;

	if (dump->nr_extents)
		qsort(e, dump->nr_extents, sizeof(*e), by_gpa);
	for (i = 0; i < dump->nr_extents; i++) {
		struct dump_extent x = e[i];

		cut = to && x.gpa < end ? end - x.gpa : 0;
		if (cut >= x.len)
			continue;
		x.gpa += cut;
		x.offset += cut;
		x.len -= cut;
		if (to && x.gpa == end && e[to - 1].offset + e[to - 1].len == x.offset)
			e[to - 1].len += x.len;
		else
			e[to++] = x;
		end = x.gpa + x.len;
	}
	dump->nr_extents = to;
}

static int range_by_gpa(const void *a, const void *b)
{
	const struct dump_range *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* No machine has a part of a page: what is told of one says that it is memory. */
static void settle_memory(struct dump *dump)
{
	struct dump_range *r = dump->memory;
	size_t i, to = 0;
	__u64 end;

	for (i = 0; i < dump->nr_memory; i++) {
		end = (r[i].gpa + r[i].len + DUMP_PAGE - 1) & ~(DUMP_PAGE - 1);
		r[i].gpa &= ~(DUMP_PAGE - 1);
		r[i].len = end - r[i].gpa;
	}
	if (dump->nr_memory)
		qsort(r, dump->nr_memory, sizeof(*r), range_by_gpa);
	for (i = 0; i < dump->nr_memory; i++) {
		end = r[i].gpa + r[i].len;
		if (to && r[i].gpa <= r[to - 1].gpa + r[to - 1].len) {
			if (end > r[to - 1].gpa + r[to - 1].len)
				r[to - 1].len = end - r[to - 1].gpa;
		} else {
			r[to++] = r[i];
		}
	}
	dump->nr_memory = to;
}

/* All pages that the file has, from address 0 on. */
static int read_raw(struct dump *dump)
{
	__u64 len = dump->size & ~(DUMP_PAGE - 1);

	strcpy(dump->format, "raw memory");
	dump->odd = (unsigned int)(dump->size - len);
	return dump_add_memory(dump, 0, len) ?: dump_add_extent(dump, 0, len, 0);
}

/* Packed files in packed ones: so many. */
#define PACKED_MAX	3

static int read_container(struct dump *dump)
{
	const struct vmem_magic *magic;
	unsigned int packed;
	int ret = 0;

	for (packed = 0; !ret && packed <= PACKED_MAX; packed++) {
		magic = vmem_magic_find(dump->data, dump->size < VMEM_MAGIC_LEN ?
						    dump->size : VMEM_MAGIC_LEN);
		if (!magic)
			return read_raw(dump);
		switch (magic->reader) {
		case VMEM_MAGIC_ELF:
			return dump_read_elf(dump);
		case VMEM_MAGIC_KDUMP:
			return dump_read_kdump(dump);
		case VMEM_MAGIC_LIME:
			return dump_read_lime(dump);
		case VMEM_MAGIC_AVML:
			return dump_read_avml(dump);
		case VMEM_MAGIC_ZLIB:
			ret = dump_unpack(dump, &codec_zlib);
			break;
		case VMEM_MAGIC_ZSTD:
			ret = dump_unpack(dump, &codec_zstd);
			break;
		case VMEM_MAGIC_NONE:
			return dump_fail(dump, "is %s: %s", magic->name, magic->advice);
		}
	}
	return ret ?: dump_fail(dump, "is packed more than %u times", PACKED_MAX);
}

/* What comes before each. Return: bytes of all extents. */
static __u64 sum_up(struct dump *dump)
{
	__u64 memory = 0, len = 0;
	size_t i;

	for (i = 0; i < dump->nr_memory; i++) {
		dump->memory[i].before = memory;
		memory += dump->memory[i].len;
	}
	for (i = 0; i < dump->nr_extents; i++) {
		dump->extents[i].before = len;
		len += dump->extents[i].len;
	}
	return len;
}

int dump_read(struct dump *dump)
{
	int ret = read_container(dump);
	__u64 len;

	if (ret)
		return ret;
	settle_extents(dump);
	settle_memory(dump);
	len = sum_up(dump);
	/* then the same bytes are at several addresses, and at any number of them */
	if (!dump->ops && len > dump->size)
		return dump_fail(dump, "tells of 0x%llx bytes of memory that are in it, and has 0x%llx",
				 len, dump->size);
	if (!dump->nr_memory || (!dump->nr_extents && !(dump->ops && dump->ops->has)))
		return dump_fail(dump, "holds no memory (%s%s)", dump->format,
				 dump->cut ? ", cut" : "");
	if (dump->gaps) {
		dump->memory[0] = (struct dump_range){ 0, dump_end(dump), 0 };
		dump->nr_memory = 1;
	}
	return 0;
}

int dump_open(const char *path, const struct vmem_dump_how *how, struct dump **out)
{
	struct dump *dump = calloc(1, sizeof(*dump));
	int ret, fd;

	*out = dump;
	if (!dump)
		return -ENOMEM;
	dump->fd = -1;
	if (how)
		memcpy(&dump->how, how, how->size < sizeof(*how) ? how->size : sizeof(*how));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ret = fd < 0 ? -errno : dump_map(dump, fd);
	return ret ? ret : dump_read(dump);
}
