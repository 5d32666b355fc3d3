// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model reads tables: by recursion, an entry at a time.
 */
#include "model.h"

/* A reading under way. */
struct reader {
	const struct rules *rules;
	const struct cpu *cpu;
	const struct guest *guest;
	u64 first;
	u64 last;
	u32 flags;
	u32 space;
	struct model_records *records;
	u64 rest;		/* of the last leaf */
};

/* Of a leaf, below entries that grant @granted. */
static u32 effective(const struct rules *rules, const struct cpu *cpu,
		     u32 leaf, u32 granted)
{
	u32 left = leaf & granted & VMEM_RWXU;

	if (rules->shadow(cpu) && !(leaf & VMEM_W) && leaf & VMEM_D &&
	    granted & VMEM_W)
		left |= VMEM_SHADOW;
	return left;
}

void model_translate(const struct rules *rules, const struct cpu *cpu,
		     const struct guest *guest, u64 root, u64 va, bool fetch,
		     struct vmem_translation *out,
		     u64 entries[VMEM_LEVELS_MAX])
{
	unsigned int level = rules->levels;
	struct decoded decoded;
	u64 table = root, span;
	u32 granted = VMEM_RWXU;

	memset(out, 0, sizeof(*out));
	memset(entries, 0, VMEM_LEVELS_MAX * sizeof(*entries));
	out->level = level;
	if (!fetch)
		va = rules->untag(cpu, rules->levels, va);
	if (va != sign_extend(rules, va)) {
		out->status = VMEM_NON_CANONICAL;
		return;
	}
	out->entry = root;
	while (guest_host(guest, table)) {
		level--;
		out->level = level;
		out->entry = guest_read(guest, table, entry_index(rules, va, level));
		entries[level] = out->entry;
		rules->decode(cpu, out->entry, level, &decoded);
		if (decoded.kind == IS_HOLE) {
			out->status = VMEM_NOT_PRESENT;
			return;
		}
		if (decoded.kind == IS_RESERVED || decoded.kind == IS_LARGE) {
			out->status = VMEM_STATUS_RESERVED;
			return;
		}
		if (decoded.kind == IS_LEAF) {
			span = entry_span(rules, level);
			out->status = VMEM_OK;
			out->gpa = decoded.gpa + va % span;
			while (1ULL << out->page_lg2 < span)
				out->page_lg2++;
			out->leaf = decoded.attrs;
			out->effective = effective(rules, cpu, decoded.attrs,
						   granted);
			if (!guest_has(guest, decoded.gpa, span))
				out->flags |= VMEM_FRAME_PARTIAL;
			if (!guest_has(guest, out->gpa, 1))
				out->flags |= VMEM_FRAME_OUTSIDE;
			return;
		}
		granted &= decoded.attrs;
		out->path |= decoded.attrs << (4 * level);
		table = decoded.gpa;
	}
	out->status = VMEM_STATUS_OUTSIDE;
}

/* The last record, if the next one may become a part of it. */
static struct vmem_space_aware_mapping *
last_record(struct reader *reader, enum vmem_record_type type, u64 va,
	    unsigned int level, u32 path)
{
	struct vmem_space_aware_mapping *rec;

	if (!reader->records->nr || reader->records->nr > reader->records->max)
		return NULL;
	rec = &reader->records->out[reader->records->nr - 1];
	if (rec->type != type || rec->space != reader->space ||
	    rec->level != level || rec->path != path || rec->va + rec->len != va)
		return NULL;
	return rec;
}

static void add_record(struct reader *reader,
		       const struct vmem_space_aware_mapping *rec)
{
	struct model_records *records = reader->records;

	if (records->nr < records->max)
		records->out[records->nr] = *rec;
	records->nr++;
}

/* An entry that isn't present: nothing, or bits that mean something to someone. */
static void read_hole(struct reader *reader, u64 entry, u64 va, u64 len,
		      unsigned int level, u32 path)
{
	struct vmem_space_aware_mapping *last, rec = {
		.type = VMEM_REC_HOLE, .space = reader->space,
		.level = level, .va = va, .path = path,
	};

	if (entry && reader->flags & VMEM_WALK_NONPRESENT) {
		rec.type = VMEM_REC_NONPRESENT;
		rec.entry = entry;
	} else if (!(reader->flags & VMEM_WALK_HOLES)) {
		return;
	}
	last = last_record(reader, rec.type, va, level, path);
	if (last && last->entry == rec.entry) {
		last->len += len;
		return;
	}
	rec.len = len;
	add_record(reader, &rec);
}

/* For how many of @len bytes is it as at @gpa: memory, or none? */
static u64 alike(const struct guest *guest, u64 gpa, u64 len)
{
	const struct guest_range *part = guest->parts;
	unsigned int i;

	for (i = 0; i < NR_PARTS; i++) {
		if (gpa < part[i].gpa)
			len = min(len, part[i].gpa - gpa);
		else if (gpa < part[i].gpa + part[i].len)
			len = min(len, part[i].gpa + part[i].len - gpa);
	}
	return len;
}

/* A part of a leaf for each stretch of it that is memory, or isn't. */
static void read_parts(struct reader *reader,
		       struct vmem_space_aware_mapping rec, u64 len)
{
	u64 step, done;
	bool inside, before;

	rec.len = 0;
	before = guest_has(reader->guest, rec.gpa, 1);
	for (done = 0; done < len; done += step) {
		step = alike(reader->guest, rec.gpa + rec.len, len - done);
		inside = guest_has(reader->guest, rec.gpa + rec.len, 1);
		if (inside != before) {
			rec.flags = VMEM_FRAME_PART |
				    (before ? 0 : VMEM_FRAME_OUTSIDE);
			add_record(reader, &rec);
			rec.va += rec.len;
			rec.gpa += rec.len;
			rec.len = 0;
		}
		before = inside;
		rec.len += step;
	}
	rec.flags = VMEM_FRAME_PART | (before ? 0 : VMEM_FRAME_OUTSIDE);
	add_record(reader, &rec);
}

/* Is any byte of it memory? */
static bool has_some(struct reader *reader, u64 gpa, u64 len)
{
	const struct guest_range *part = reader->guest->parts;
	unsigned int i;

	for (i = 0; i < NR_PARTS; i++)
		if (gpa < part[i].gpa + part[i].len && part[i].gpa < gpa + len)
			return true;
	return false;
}

static void read_leaf(struct reader *reader, u64 entry,
		      const struct decoded *decoded, u64 va, u64 len,
		      unsigned int level, u32 path)
{
	u64 span = entry_span(reader->rules, level);
	struct vmem_space_aware_mapping *last, rec = {
		.type = VMEM_REC_MAPPING, .space = reader->space,
		.level = level, .va = va, .path = path,
	};
	u64 differ = decoded->rest ^ reader->rest;
	u32 granted = VMEM_RWXU;
	unsigned int i;

	reader->rest = decoded->rest;
	reader->records->leaves++;
	/* D that means a shadow stack isn't only D */
	if (reader->flags & VMEM_WALK_IGNORE_AD &&
	    !(reader->rules->shadow(reader->cpu) && !(decoded->attrs & VMEM_W) &&
	      differ & reader->rules->dirty))
		differ &= ~reader->rules->accessed_dirty;

	rec.gpa = decoded->gpa + va % span;
	rec.entry = entry;
	rec.leaf = decoded->attrs;
	for (i = level + 1; i < reader->rules->levels; i++)
		granted &= path >> (4 * i);
	rec.effective = effective(reader->rules, reader->cpu, rec.leaf, granted);
	while (1ULL << rec.detail < span)
		rec.detail++;
	if (!guest_has(reader->guest, rec.gpa, len)) {
		if (has_some(reader, rec.gpa, len)) {
			read_parts(reader, rec, len);
			return;
		}
		rec.flags = VMEM_FRAME_OUTSIDE;
	}

	rec.len = len;
	last = last_record(reader, VMEM_REC_MAPPING, va, level, path);
	if (last && !differ && last->gpa + last->len == rec.gpa &&
	    last->flags == rec.flags && !(reader->flags & VMEM_WALK_LEAVES)) {
		last->len += len;
		return;
	}
	add_record(reader, &rec);
}

static void read_table(struct reader *reader, u64 table, unsigned int level,
		       u64 base, u32 path);

/* A table is named: by @entry of a table of @level + 1, or as a root. */
static void read_named(struct reader *reader, u64 table, unsigned int level,
		       u64 base, u64 va, u64 len, u32 path, u64 entry)
{
	bool root = level + 1 == reader->rules->levels;
	u64 span = entry_span(reader->rules, level + 1);
	struct vmem_space_aware_mapping rec = {
		.level = level + 1, .space = reader->space, .va = va,
		.path = path,
	};
	bool covered;
	u32 i;

	covered = root && reader->rules->halves ?
		  reader->first == 0 && reader->last == U64_MAX :
		  reader->first <= base && base + (span - 1) <= reader->last;
	if (covered && !(reader->flags & VMEM_WALK_FOLLOW)) {
		for (i = 0; i < reader->records->nr_seen; i++) {
			struct seen_table *seen = &reader->records->seen[i];

			if (seen->table != table || seen->level != level)
				continue;
			rec.type = VMEM_REC_REFERENCE;
			rec.detail = reader->rules->levels - 1 - level;
			rec.va = base;
			rec.ref.their_va = seen->va;
			rec.ref.owner = seen->space;
			rec.ref.span = span;
			rec.ref.entry = entry;
			reader->records->refs++;
			add_record(reader, &rec);
			return;
		}
	}
	rec.gpa = table;
	rec.len = len;
	rec.entry = entry;
	if (!guest_host(reader->guest, table)) {
		rec.type = VMEM_REC_BAD;
		rec.detail = VMEM_BAD_OUTSIDE;
		reader->records->bad++;
		add_record(reader, &rec);
		return;
	}
	if (vmem_table(table) == reader->guest->gone &&
	    reader->flags & VMEM_WALK_RESIDENT_ONLY) {
		rec.type = VMEM_REC_ABSENT;
		add_record(reader, &rec);
		return;
	}
	if (covered && reader->records->nr_seen < SEEN_MAX)
		reader->records->seen[reader->records->nr_seen++] =
			(struct seen_table){ table, level, reader->space, base };
	read_table(reader, table, level, base, path);
}

static void read_table(struct reader *reader, u64 table, unsigned int level,
		       u64 base, u32 path)
{
	const vmem_pte_t *host = guest_host(reader->guest, table);
	u64 span = entry_span(reader->rules, level);
	struct vmem_space_aware_mapping rec;
	struct decoded decoded;
	unsigned int i;

	for (i = 0; i < nr_slots(reader->rules, level); i++) {
		u64 begin = sign_extend(reader->rules, base + i * span);
		u64 end = begin + (span - 1);
		u64 va = begin, entry;

		if (end < reader->first || begin > reader->last)
			continue;
		if (va < reader->first)
			va = reader->first;
		if (end > reader->last)
			end = reader->last;
		entry = le64_to_cpu(host[i]);
		reader->rules->decode(reader->cpu, entry, level, &decoded);
		switch (decoded.kind) {
		case IS_HOLE:
			read_hole(reader, entry, va, end - va + 1, level, path);
			break;
		case IS_LEAF:
			read_leaf(reader, entry, &decoded, va, end - va + 1,
				  level, path);
			break;
		case IS_TABLE:
			read_named(reader, decoded.gpa, level - 1, begin, va,
				   end - va + 1,
				   path | decoded.attrs << (4 * level), entry);
			break;
		case IS_RESERVED:
		case IS_LARGE:
			rec = (struct vmem_space_aware_mapping){
				.type = VMEM_REC_BAD, .space = reader->space,
				.detail = decoded.kind == IS_LARGE ?
					  VMEM_BAD_LARGE : VMEM_BAD_RESERVED,
				.level = level, .va = va, .path = path,
			};
			rec.len = end - va + 1;
			rec.entry = entry;
			reader->records->bad++;
			add_record(reader, &rec);
			break;
		}
	}
}

void model_walk(const struct rules *rules, const struct cpu *cpu,
		const struct guest *guest, const struct vmem_space *spaces,
		u32 nr_spaces, u64 first, u64 last, u32 flags,
		struct model_records *records)
{
	u64 page = entry_span(rules, 0);
	struct reader reader;

	reader.rules = rules;
	reader.cpu = cpu;
	reader.guest = guest;
	reader.first = first - first % page;
	reader.last = last - last % page + (page - 1);
	reader.flags = flags;
	reader.records = records;
	reader.rest = 0;
	for (reader.space = 0; reader.space < nr_spaces; reader.space++) {
		u64 root = vmem_table_gpa(spaces[reader.space].root);
		u64 va = reader.first, len;

		/* a range within the hole touches nothing */
		if (va != sign_extend(rules, va))
			va = second_half(rules);
		if (va > reader.last || va < reader.first)
			continue;
		/* what is left of the range, or all of it that 64 bits hold */
		len = reader.last - va + 1;
		if (!len)
			len = 0 - page;
		read_named(&reader, root, rules->levels - 1, 0, va, len, 0, root);
	}
}
