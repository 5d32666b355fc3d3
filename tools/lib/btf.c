// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * BTF out of a guest's memory. libbpf reads it too, but for the kernel's own, which it
 * trusts; here it may say anything, so each offset is tried before it is followed, and
 * nothing is done but to look for members.
 *
 * A type is 12 bytes: its name, a word of its kind and of how many members it has, a size
 * or another type. What comes behind has a size by its kind. In newer kernels a table
 * tells these, for those that read and know fewer kinds.
 *
 * Linux's Documentation/bpf/btf.rst, "Type Encoding"; include/uapi/linux/btf.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "btf.h"
#include "dump.h"

#define MAGIC		0xeb9f
#define HEADER_LEN	24U
#define HEADER_LAYOUT	32U	/* of one that tells a layout */
#define TYPE_LEN	12U
#define MEMBER_LEN	12U
#define DEPTH_MAX	8	/* of structures in each other */
#define VISITS_MAX	100000	/* members that are looked at for one */

enum {
	KIND_STRUCT = 4,
	KIND_UNION = 5,
	KIND_TYPEDEF = 8,
	KIND_VOLATILE = 9,
	KIND_CONST = 10,
};

/* Behind a type: bytes once, and for each of its members. */
static const struct { unsigned char once, each; } kinds[] = {
	[1] = { 4, 0 },		/* INT */
	[2] = { 0, 0 },		/* PTR */
	[3] = { 12, 0 },	/* ARRAY */
	[4] = { 0, 12 },	/* STRUCT */
	[5] = { 0, 12 },	/* UNION */
	[6] = { 0, 8 },		/* ENUM */
	[13] = { 0, 8 },	/* FUNC_PROTO */
	[14] = { 4, 0 },	/* VAR */
	[15] = { 0, 12 },	/* DATASEC */
	[17] = { 4, 0 },	/* DECL_TAG */
	[19] = { 0, 12 },	/* ENUM64 */
};

/* All below are known, of which those that aren't above have nothing behind. */
#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static __u32 info_kind(const unsigned char *type)
{
	return dump_32(type + 4) >> 24 & 0x7f;
}

static __u32 info_nr(const unsigned char *type)
{
	return dump_32(type + 4) & 0xffffff;
}

/* A section of it: its offset behind the header, and its length. */
static bool section(const struct btf *btf, __u32 header, const unsigned char *at,
		    __u32 *begin, __u32 *end)
{
	__u64 from = (__u64)header + dump_32(at), to = from + dump_32(at + 4);

	*begin = (__u32)from;
	*end = (__u32)to;
	return to <= btf->len;
}

/* How long a type is, with what comes behind it; 0: it can't be told. */
static __u64 type_len(const struct btf *btf, const unsigned char *type)
{
	__u32 kind = info_kind(type);
	const unsigned char *layout;

	if (kind && kind < KINDS)
		return TYPE_LEN + kinds[kind].once + (__u64)info_nr(type) * kinds[kind].each;
	if (!kind || (kind + 1) * 4 > btf->layout_end - btf->layout)
		return 0;
	layout = btf->data + btf->layout + kind * 4;
	return TYPE_LEN + layout[0] + (__u64)info_nr(type) * layout[1];
}

/* Where each type is. */
static int index_types(struct btf *btf)
{
	__u64 at = btf->types, len;

	btf->offsets = calloc((btf->types_end - btf->types) / TYPE_LEN + 1,
			      sizeof(*btf->offsets));
	if (!btf->offsets)
		return -ENOMEM;
	for (btf->nr = 1; at < btf->types_end; at += len) {
		if (btf->types_end - at < TYPE_LEN)
			return -EINVAL;
		len = type_len(btf, btf->data + at);
		if (!len || len > btf->types_end - at)
			return -EINVAL;
		btf->offsets[btf->nr++] = (__u32)at;
	}
	return 0;
}

int btf_open(struct btf *btf, const void *data, size_t len)
{
	const unsigned char *head = data;
	__u32 header;
	int ret;

	*btf = (struct btf){ .data = data, .len = len };
	if (len < HEADER_LEN || len > ~0U || dump_16(head) != MAGIC || head[2] != 1)
		return -EINVAL;
	header = dump_32(head + 4);
	if (header < HEADER_LEN || header > len ||
	    !section(btf, header, head + 8, &btf->types, &btf->types_end) ||
	    !section(btf, header, head + 16, &btf->strings, &btf->strings_end) ||
	    (header >= HEADER_LAYOUT &&
	     !section(btf, header, head + 24, &btf->layout, &btf->layout_end)))
		return -EINVAL;
	ret = index_types(btf);
	if (ret)
		btf_close(btf);
	return ret;
}

void btf_close(struct btf *btf)
{
	free(btf->offsets);
	btf->offsets = NULL;
}

/* Is @name the string at @at? */
static bool is_named(const struct btf *btf, __u32 at, const char *name)
{
	size_t len = strlen(name) + 1, room = btf->strings_end - btf->strings;

	return at < room && len <= room - at &&
	       !memcmp(btf->data + btf->strings + at, name, len);
}

/* What a type is but for names and qualifiers; NULL: nothing that is known. */
static const unsigned char *resolve(const struct btf *btf, __u32 id)
{
	const unsigned char *type;
	int depth;

	for (depth = 0; depth < DEPTH_MAX; depth++) {
		if (!id || id >= btf->nr)
			return NULL;
		type = btf->data + btf->offsets[id];
		switch (info_kind(type)) {
		case KIND_TYPEDEF:
		case KIND_VOLATILE:
		case KIND_CONST:
			id = dump_32(type + 8);
			break;
		default:
			return type;
		}
	}
	return NULL;
}

static bool is_compound(const unsigned char *type)
{
	return info_kind(type) == KIND_STRUCT || info_kind(type) == KIND_UNION;
}

/* A structure that is looked through, and how far that is. */
struct level {
	const unsigned char *type;
	__u32 next;
	__u64 bits;	/* where it begins */
};

/* Look for a member in a structure, and in the nameless ones in it. */
static bool find_in(const struct btf *btf, const unsigned char *type, const char *member,
		    __u64 *bits)
{
	struct level levels[DEPTH_MAX] = { { .type = type } }, *level = levels;
	const unsigned char *m, *inner;
	unsigned int visits = 0;
	__u64 at;

	while (visits++ < VISITS_MAX) {
		if (level->next == info_nr(level->type)) {
			if (level-- == levels)
				return false;
			continue;
		}
		m = level->type + TYPE_LEN + (size_t)MEMBER_LEN * level->next++;
		at = dump_32(m + 8);
		/* with this bit the upper 8 of an offset are the width of a bit field */
		if (dump_32(level->type + 4) >> 31)
			at &= 0xffffff;
		if (is_named(btf, dump_32(m), member)) {
			*bits = level->bits + at;
			return true;
		}
		inner = dump_32(m) ? NULL : resolve(btf, dump_32(m + 4));
		if (!inner || !is_compound(inner) || level == &levels[DEPTH_MAX - 1])
			continue;
		at += level->bits;
		*++level = (struct level){ .type = inner, .bits = at };
	}
	return false;
}

bool btf_member(const struct btf *btf, const char *type, const char *member, __u64 *offset)
{
	const unsigned char *at;
	__u64 bits;
	__u32 id;

	for (id = 1; id < btf->nr; id++) {
		at = btf->data + btf->offsets[id];
		if (info_kind(at) != KIND_STRUCT || !is_named(btf, dump_32(at), type) ||
		    !find_in(btf, at, member, &bits) || bits % 8)
			continue;
		*offset = bits / 8;
		return true;
	}
	return false;
}
