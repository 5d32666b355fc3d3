// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Spaces made of what a walk tells of others. Records are read as they come, and what
 * they map is made in lists. A table is whole before a record refers to it, since a walk
 * descends where it meets one first.
 */
#include <errno.h>
#include <string.h>

#include "libvmem.h"
#include "backend.h"
#include "mapping.h"

#define RECORDS		128	/* that are read at once */
#define LIST		64	/* mappings that are made at once */
#define RWXU		0xf	/* all permissions of a level */

/* Software bits of an x86-64 leaf, as attributes; and those of them that say Cow. */
#define SOFT(entry)	((__u32)((entry) >> 9 & 7) << VMEM_IOC_ATTR_SOFT_SHIFT | \
			 (__u32)((entry) >> 52 & 0x7f) << (VMEM_IOC_ATTR_SOFT_SHIFT + 3))
#define SOFT_COW	(7u << VMEM_IOC_ATTR_SOFT_SHIFT)

/**
 * struct rebuild - a rebuild on its way
 * @guest:	where
 * @arg:	the caller's
 * @built:	spaces that there are
 * @sizes:	of pages that can be mapped, of all of them
 * @parts:	parts of a leaf, as one record; its length is 0 if there are none
 * @nr:		mappings to be made, of the last space
 * @list:	these
 * @of:		the records that they are of
 */
struct rebuild {
	struct vmem_guest *guest;
	struct vmem_rebuild *arg;
	__u32 built;
	__u64 sizes;
	struct vmem_ioc_record parts;
	__u32 nr;
	struct vmem_ioc_mapping list[LIST];
	struct vmem_ioc_record of[LIST];
};

static int rebuild_flush(struct rebuild *r)
{
	struct vmem_ioc_map map = VMEM_INIT(map,
		.mappings = VMEM_PTR(r->list), .nr = r->nr);
	int ret;

	if (!r->nr)
		return 0;
	map.space = r->arg->spaces[r->built - 1].out_id;
	r->nr = 0;
	ret = vmem_space_map(r->guest, &map);
	if (!ret)
		return 0;
	r->arg->out_change = map.change;
	if (map.change.out_done < map.nr)
		r->arg->out_record = r->of[map.change.out_done];
	return ret;
}

/* The next space. With @root it is one that there is. */
static int rebuild_space(struct rebuild *r, __u64 root)
{
	struct vmem_ioc_space_create *space = &r->arg->spaces[r->built];
	int ret;

	if (!(space->flags & VMEM_IOC_SPACE_NEW))
		return -EINVAL;
	ret = rebuild_flush(r);
	if (ret)
		return ret;
	if (root) {
		space->root = root;
		space->flags &= ~VMEM_IOC_SPACE_NEW;
	}
	ret = vmem_space_create(r->guest, space);
	if (root) {
		space->root = 0;
		space->flags |= VMEM_IOC_SPACE_NEW;
	}
	if (ret)
		return ret;
	r->built++;
	return mapping_sizes(r->guest, space->format, &r->sizes);
}

/* Those up to the one with this index, new ones. */
static int rebuild_spaces(struct rebuild *r, __u32 space)
{
	int ret = 0;

	if (space >= r->arg->nr)
		return -EINVAL;
	while (!ret && r->built <= space)
		ret = rebuild_space(r, 0);
	return ret;
}

/* What @mapping grants above its pages, whose sizes needn't be those of the record. */
static void rebuild_path(const struct rebuild *r, const struct vmem_ioc_record *record,
			 struct vmem_ioc_mapping *mapping)
{
	__u64 smallest = mapping->page_sizes & -mapping->page_sizes;
	__u32 level, above;

	if (!(mapping->flags & VMEM_IOC_MAPPING_PATH))
		return;
	above = __builtin_popcountll(r->sizes & (smallest - 1)) + 1;
	if (!smallest)
		above = 1;
	mapping->path &= ~0U << VMEM_IOC_PATH_SHIFT(above);
	for (level = above; level <= record->level; level++)
		if (!(mapping->path >> VMEM_IOC_PATH_SHIFT(level) & RWXU))
			mapping->path |= RWXU << VMEM_IOC_PATH_SHIFT(level);
}

/* A run of pages, or of entries that aren't present. */
static int rebuild_run(struct rebuild *r, const struct vmem_ioc_record *record,
		       struct vmem_ioc_mapping whole)
{
	const struct vmem_rebuild *arg = r->arg;
	struct vmem_ioc_mapping *mapping;
	__u64 done;
	int ret;

	for (done = 0; done < whole.len; done += mapping->len) {
		if (r->nr == LIST) {
			ret = rebuild_flush(r);
			if (ret)
				return ret;
		}
		mapping = &r->list[r->nr];
		*mapping = whole;
		mapping->va += done;
		mapping->len -= done;
		if (whole.kind != VMEM_IOC_KIND_RAW)
			mapping->gpa += done;
		ret = arg->place ? arg->place(arg->data, record, mapping) : 0;
		if (ret < 0)
			return ret;
		if (ret > 1 || mapping->va != whole.va + done || !mapping->len ||
		    mapping->len > whole.len - done)
			return -EINVAL;
		if (ret)
			continue;
		rebuild_path(r, record, mapping);
		r->of[r->nr++] = *record;
	}
	return 0;
}

static int rebuild_mapping(struct rebuild *r, const struct vmem_ioc_record *record)
{
	struct vmem_ioc_mapping mapping = {
		.va = record->va, .gpa = record->gpa, .len = record->len,
		.page_sizes = 1ULL << record->detail, .path = record->path,
		.flags = VMEM_IOC_MAPPING_PATH | VMEM_IOC_MAPPING_AD,
	};
	__u32 attrs = record->leaf | SOFT(record->entry);

	if (attrs & VMEM_IOC_ATTR_COW)
		attrs &= ~SOFT_COW;
	mapping_attrs(&mapping, attrs);
	/* the walk has cut a page */
	if ((mapping.va | mapping.gpa | mapping.len) & (mapping.page_sizes - 1))
		mapping.page_sizes |= r->sizes & (mapping.page_sizes - 1);
	return rebuild_run(r, record, mapping);
}

static int rebuild_nonpresent(struct rebuild *r, const struct vmem_ioc_record *record)
{
	struct vmem_ioc_mapping mapping = {
		.va = record->va, .gpa = record->entry, .len = record->len,
		.kind = VMEM_IOC_KIND_RAW, .path = record->path,
		.flags = VMEM_IOC_MAPPING_PATH,
	};

	return rebuild_run(r, record, mapping);
}

/* Of which nothing can be made, for @why. */
static int rebuild_nothing(struct rebuild *r, const struct vmem_ioc_record *record,
			   int why)
{
	const struct vmem_rebuild *arg = r->arg;
	int ret = arg->place ? arg->place(arg->data, record, NULL) : 0;

	return ret < 0 ? ret : ret == 1 ? 0 : why;
}

/* A table that was rebuilt already, or all was left out of. */
static int rebuild_reference(struct rebuild *r, const struct vmem_ioc_record *record)
{
	const struct vmem_ioc_space_create *spaces = r->arg->spaces;
	struct vmem_ioc_link link = VMEM_INIT(link,
		.our_va = record->va, .their_va = record->their_va,
		.depth = record->detail, .path = record->path, .path_given = 1);
	int ret;

	if (record->owner > record->space)
		return -EINVAL;
	if (!record->detail) {
		/* a root, which is the first of its space: those ahead may be empty */
		ret = record->space ? rebuild_spaces(r, record->space - 1) : -EINVAL;
		if (ret)
			return ret;
		return record->owner < r->built && record->space == r->built ?
		       rebuild_space(r, spaces[record->owner].out_root) : -EINVAL;
	}
	ret = rebuild_spaces(r, record->space) ?: rebuild_flush(r);
	if (ret)
		return ret;
	link.space = spaces[record->space].out_id;
	link.owner = spaces[record->owner].out_id;
	ret = vmem_space_link(r->guest, &link);
	if (ret == -ENOENT) {
		link.flags = VMEM_IOC_LINK_MAKE;
		ret = vmem_space_link(r->guest, &link);
		/*
		 * No record has told what the entries above it grant, and a table
		 * above it may be shared already.
		 */
		if (ret == -EEXIST || ret == -EMLINK)
			ret = rebuild_nothing(r, record, ret);
	}
	if (ret)
		r->arg->out_change = link.change;
	return ret;
}

static int rebuild_record(struct rebuild *r, const struct vmem_ioc_record *record)
{
	int ret;

	if (record->type == VMEM_IOC_REC_REFERENCE)
		return rebuild_reference(r, record);
	/* the end's is where a further walk would begin */
	ret = rebuild_spaces(r, record->type == VMEM_IOC_REC_END ? r->arg->nr - 1 :
				record->space);
	if (ret)
		return ret;
	switch (record->type) {
	case VMEM_IOC_REC_MAPPING:
		return rebuild_mapping(r, record);
	case VMEM_IOC_REC_NONPRESENT:
		return record->level ? rebuild_nothing(r, record, -EOPNOTSUPP) :
				       rebuild_nonpresent(r, record);
	case VMEM_IOC_REC_HOLE:
		return 0;
	case VMEM_IOC_REC_END:
		return record->detail == VMEM_IOC_END_COMPLETE ? rebuild_flush(r) :
								 -E2BIG;
	default:
		return rebuild_nothing(r, record, -EOPNOTSUPP);
	}
}

/* A part of the leaf of which there are some already? */
static bool rebuild_joins(struct rebuild *r, const struct vmem_ioc_record *record)
{
	struct vmem_ioc_record *parts = &r->parts;

	if (record->type != VMEM_IOC_REC_MAPPING ||
	    !(record->flags & VMEM_IOC_REC_PART) || !parts->len ||
	    record->space != parts->space || record->level != parts->level ||
	    record->entry != parts->entry || record->va != parts->va + parts->len ||
	    record->gpa != parts->gpa + parts->len)
		return false;
	parts->len += record->len;
	parts->flags |= record->flags;
	return true;
}

/* Records in their order, the parts of a leaf as one. */
static int rebuild_next(struct rebuild *r, const struct vmem_ioc_record *record)
{
	struct vmem_ioc_record parts = r->parts;
	int ret;

	if (rebuild_joins(r, record))
		return 0;
	r->parts.len = 0;
	if (parts.len) {
		r->arg->out_record = parts;
		ret = rebuild_record(r, &parts);
		if (ret)
			return ret;
	}
	if (record->type == VMEM_IOC_REC_MAPPING &&
	    record->flags & VMEM_IOC_REC_PART) {
		r->parts = *record;
		return 0;
	}
	r->arg->out_record = *record;
	return rebuild_record(r, record);
}

static int rebuild_all(struct rebuild *r, struct vmem_walker *walker)
{
	struct vmem_ioc_record records[RECORDS];
	int i, nr, ret;

	while ((nr = vmem_walk_read(walker, records, RECORDS)) > 0) {
		for (i = 0; i < nr; i++) {
			ret = rebuild_next(r, &records[i]);
			if (ret || records[i].type == VMEM_IOC_REC_END)
				return ret;
		}
		memset(&r->arg->out_record, 0, sizeof(r->arg->out_record));
	}
	return nr ?: -EINVAL;
}

int vmem_rebuild(struct vmem_guest *guest, struct vmem_walker *walker,
		 struct vmem_rebuild *arg)
{
	struct rebuild r = { .guest = guest, .arg = arg };
	__u32 i;
	int ret;

	if (arg->size < sizeof(*arg))
		return -EINVAL;
	if (arg->size > sizeof(*arg))
		return -E2BIG;
	memset(&arg->out_record, 0, sizeof(arg->out_record));
	memset(&arg->out_change, 0, sizeof(arg->out_change));
	for (i = 0; i < arg->nr; i++) {
		arg->spaces[i].out_id = 0;
		arg->spaces[i].out_root = 0;
	}
	ret = arg->nr ? rebuild_all(&r, walker) : -EINVAL;
	if (!ret) {
		memset(&arg->out_record, 0, sizeof(arg->out_record));
		return 0;
	}
	while (r.built) {
		struct vmem_ioc_space_create *space = &arg->spaces[--r.built];
		struct vmem_ioc_destroy destroy = VMEM_INIT(destroy,
							    .id = space->out_id);

		vmem_guest_destroy(guest, &destroy);
		space->out_id = 0;
		space->out_root = 0;
	}
	return ret;
}
