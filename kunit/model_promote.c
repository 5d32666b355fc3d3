// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model promotes: tables whose leaves do together what one larger leaf would,
 * from the lowest level upwards. While it checks it doesn't write, but takes what
 * it would have written for what is there.
 */
#include "model.h"

int model_targets(const struct model *model, const struct vmem_mapping *m,
		  u32 *targets)
{
	unsigned int level;

	*targets = m->promote.leaf_levels ? m->promote.leaf_levels :
					    model->rules->leaf_levels;
	if (*targets & ~model->rules->leaf_levels)
		return -EOPNOTSUPP;
	*targets &= ~1;
	for (level = 0; level < model->rules->levels; level++)
		if (!model->rules->leaves(&model->cpu, level))
			*targets &= ~BIT(level);
	return 0;
}

/* What is known of a table after some of its entries. */
struct judgement {
	u64 first;		/* the entry */
	struct decoded leaf;	/* and what it is */
	bool dirty;		/* one that was looked at is */
	enum vmem_skip against;	/* 0: nothing */
};

static void judge(struct job *job, struct judgement *j, unsigned int level,
		  unsigned int i, u64 entry)
{
	const struct rules *rules = job->model->rules;
	struct decoded decoded;
	u64 differ;

	rules->decode(&job->model->cpu, entry, level, &decoded);
	if (!i) {
		j->first = entry;
		j->leaf = decoded;
	}
	j->dirty |= decoded.kind == IS_LEAF && decoded.attrs & VMEM_D;
	differ = decoded.rest ^ j->leaf.rest;
	/* where D means a shadow stack it is no less than the others */
	if (rules->shadow(&job->model->cpu) && !(j->leaf.attrs & VMEM_W))
		differ &= ~(rules->accessed_dirty & ~rules->dirty);
	else
		differ &= ~rules->accessed_dirty;
	if (j->against)
		return;
	if (decoded.kind == IS_TABLE)
		j->against = VMEM_SKIP_TABLES;
	else if (decoded.kind != IS_LEAF)
		j->against = VMEM_SKIP_HOLES;
	else if (differ)
		j->against = VMEM_SKIP_ATTRS;
	else if (decoded.gpa != j->leaf.gpa + i * entry_span(rules, level))
		j->against = VMEM_SKIP_APART;
}

/* Does the entry that names the table grant all that the leaf will? */
static bool grants(struct job *job, unsigned int level, u64 base, u64 leaf)
{
	const struct rules *rules = job->model->rules;
	struct decoded named, decoded;
	u32 needs;

	model_read_entry(job->model, job->path.table[level + 1], level + 1,
			 entry_index(rules, base, level + 1), &named);
	rules->decode(&job->model->cpu, leaf, level + 1, &decoded);
	needs = decoded.attrs & VMEM_RWXU;
	/* a page of a shadow stack, which none was below an entry without W */
	if (rules->shadow(&job->model->cpu) && decoded.attrs & VMEM_D)
		needs |= VMEM_W;
	return (needs & named.attrs) == needs;
}

/* The leaf that takes the table's place; what is against it is in @j. */
static u64 merged(struct job *job, struct judgement *j, unsigned int level, u64 base)
{
	const struct rules *rules = job->model->rules;
	struct decoded decoded;
	u64 leaf;

	if (!j->against && j->leaf.gpa % entry_span(rules, level + 1))
		j->against = VMEM_SKIP_UNALIGNED;
	if (j->against)
		return 0;
	leaf = rules->join(&job->model->cpu, j->first, level);
	rules->decode(&job->model->cpu, leaf, level + 1, &decoded);
	leaf |= rules->accessed_dirty & ~rules->dirty;
	if (decoded.attrs & VMEM_W || j->dirty)
		leaf |= rules->dirty;
	if (!grants(job, level, base, leaf))
		j->against = VMEM_SKIP_ATTRS;
	return j->against ? 0 : leaf;
}

static int promote(struct job *job, unsigned int level, u64 base, bool shared,
		   u64 *leaf);

/* The entry that names a table becomes a leaf. */
static int merge(struct job *job, const struct spot *spot, u64 leaf)
{
	unsigned int level = spot->level, slot = spot->index;
	u64 table = spot->decoded.gpa;
	struct model *model = job->model;
	struct model_path *path = &job->path;
	struct model_table *mine = model_page(model, table);
	int ret;

	if (model->checking) {
		ret = model_want(model, path, level, spot->va);
		return ret ? model_stop(job->result, spot->at, level, ret) : 0;
	}
	model_write_entry(model, path, level, spot->va, leaf, job->result);
	job->result->pages += spot->span / entry_span(model->rules, 0);
	if (!mine) {
		model_flush(model, path, level - 1, spot->va, spot->span,
			    job->result);
		return 0;
	}
	job->result->changes |= mine->links > 1 ? VMEM_CHANGED_UNSHARED :
						  VMEM_CHANGED_FREED;
	model_drop_link(model, table, path->table[level], slot);
	model_flush_all(job->result);
	return 0;
}

/* A table below: @entry becomes what is in its place. */
static int promote_below(struct job *job, const struct spot *spot, bool shared,
			 u64 *entry)
{
	struct model *model = job->model;
	unsigned int level = spot->level;
	bool target = spot->covered && job->targets & BIT(level);
	u64 leaf = 0;
	u32 links;
	int ret;

	/* others have the table that names it: it stays */
	if (shared) {
		job->result->skipped[VMEM_SKIP_SHARED] += target && !model->checking;
		return 0;
	}
	ret = model_enter(model, &job->path, spot->decoded.gpa, level - 1,
			  spot->va, &links);
	if (ret && ret != -EMLINK)
		return 0;
	job->path.table[level - 1] = spot->decoded.gpa;
	ret = promote(job, level - 1, spot->va, ret == -EMLINK,
		      target ? &leaf : NULL);
	if (ret || !leaf)
		return ret;
	*entry = leaf;
	return merge(job, spot, leaf);
}

/* @leaf: NULL where the table isn't to be merged, else what it is merged to, or 0. */
static int promote(struct job *job, unsigned int level, u64 base, bool shared,
		   u64 *leaf)
{
	struct model *model = job->model;
	struct judgement j = {};
	struct spot spot;
	unsigned int i;
	int ret;

	for (i = 0; i < nr_slots(model->rules, level); i++) {
		bool in_range = model_look(job, level, i, base, &spot);
		u64 entry = spot.entry;

		if (in_range && spot.decoded.kind == IS_TABLE) {
			ret = promote_below(job, &spot, shared, &entry);
			if (ret)
				return ret;
		}
		judge(job, &j, level, i, entry);
	}
	if (!leaf)
		return 0;
	*leaf = merged(job, &j, level, base);
	if (!*leaf && !model->checking)
		job->result->skipped[j.against]++;
	return 0;
}

int model_promote(struct model *model, const struct vmem_mapping *m,
		  struct model_result *result)
{
	struct job job = { .model = model, .m = m, .result = result };
	unsigned int top = model->rules->levels - 1;
	int ret;

	if (!m->len)
		return 0;
	model_targets(model, m, &job.targets);
	ret = model_enter_root(&job);
	return ret ?: promote(&job, top, 0, false, NULL);
}
