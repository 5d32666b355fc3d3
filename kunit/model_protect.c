// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model protects: leaves, of whatever size, and nothing else.
 */
#include "model.h"

static int denied(struct job *job)
{
	unsigned int level = job->model->rules->levels - 1;

	/* the uppermost is told */
	for (; level && !job->denies[level]; level--)
		;
	return level ? model_stop(job->result, job->denied_at[level], level,
				  -EEXIST) : 0;
}

/* The entries above that deny what a leaf is to have grant it from now on. */
static int widen(struct job *job, unsigned int lowest)
{
	struct model *model = job->model;
	unsigned int level = model->rules->levels - 1;
	struct model_path *path = &job->path;
	u64 entry, va, span;
	int ret;

	for (; level > lowest; level--) {
		if (!job->denies[level])
			continue;
		job->denies[level] = false;
		va = job->denied_at[level];
		if (model->checking) {
			ret = model_want(model, path, level, va);
			if (ret)
				return model_stop(job->result, va, level, ret);
			continue;
		}
		span = entry_span(model->rules, level);
		model_move(model, path, level, va, job->result);
		entry = guest_read(&model->guest, path->table[level],
				   entry_index(model->rules, va, level));
		model_write_entry(model, path, level, va,
				  model->rules->widen(&model->cpu, entry,
						      job->m->protect.set),
				  job->result);
		model_flush(model, path, level, va - va % span, span, job->result);
	}
	return 0;
}

static int protect(struct job *job, unsigned int level, u64 base);

static int protect_below(struct job *job, const struct spot *spot)
{
	struct model *model = job->model;
	unsigned int level = spot->level;
	u32 links;
	int ret;

	ret = model_enter(model, &job->path, spot->decoded.gpa, level - 1,
			  spot->va, &links);
	if (ret && model->checking)
		return model_stop(job->result, spot->at, level, ret);
	job->path.table[level - 1] = spot->decoded.gpa;
	job->denies[level] = job->m->protect.set & VMEM_RWXU & ~spot->decoded.attrs;
	job->denied_at[level] = spot->at;
	ret = protect(job, level - 1, spot->va);
	job->denies[level] = false;
	return ret;
}

static int protect_leaf(struct job *job, struct spot *spot)
{
	struct model *model = job->model;
	unsigned int level = spot->level;
	struct decoded after;
	u64 entry;
	int ret;

	ret = model->flags & VMEM_CHANGE_WIDEN ? widen(job, level) : denied(job);
	if (ret)
		return ret;
	if (!model_changes(model, job->m, spot->entry, level))
		return 0;
	if (!spot->covered && !model_can_split(model, level))
		return model_stop(job->result, spot->at, level, -ERANGE);
	if (model->checking) {
		ret = spot->covered ?
		      model_want(model, &job->path, level, spot->va) :
		      model_check_split(job, spot);
		return ret ? model_stop(job->result, spot->at, level, ret) : 0;
	}
	if (!spot->covered) {
		job->path.table[level - 1] = model_split(model, &job->path, level,
							 spot->va, job->result);
		return protect(job, level - 1, spot->va);
	}
	entry = model->rules->protect(&model->cpu, spot->entry, level,
				      job->m->protect.set, job->m->protect.clear);
	model_write_entry(model, &job->path, level, spot->va, entry, job->result);
	model->rules->decode(&model->cpu, entry, level, &after);
	if (model->rules->shadow(&model->cpu) &&
	    spot->decoded.attrs & VMEM_W && spot->decoded.attrs & VMEM_D &&
	    !(after.attrs & VMEM_W))
		job->result->lost_dirty++;
	model_flush(model, &job->path, level, spot->va, spot->span, job->result);
	job->result->pages += spot->span / entry_span(model->rules, 0);
	return 0;
}

/* Check, or do it. */
static int protect(struct job *job, unsigned int level, u64 base)
{
	struct spot spot;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < nr_slots(job->model->rules, level); i++) {
		if (!model_look(job, level, i, base, &spot))
			continue;
		if (spot.decoded.kind == IS_TABLE)
			ret = protect_below(job, &spot);
		if (spot.decoded.kind == IS_LEAF)
			ret = protect_leaf(job, &spot);
	}
	return ret;
}

int model_protect(struct model *model, const struct vmem_mapping *m,
		  struct model_result *result)
{
	struct job job = { .model = model, .m = m, .result = result };
	unsigned int top = model->rules->levels - 1;
	int ret;

	if (!m->len)
		return 0;
	job.path.table[top] = model->kept.root;
	ret = model->checking ? model_enter_root(&job) : 0;
	return ret ?: protect(&job, top, 0);
}
