// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model splits leaves: a table of smaller ones takes the place of one of which
 * a part is to be something else.
 */
#include "model.h"

bool model_can_split(const struct model *model, unsigned int level)
{
	return level && model->flags & VMEM_CHANGE_SPLIT &&
	       model->rules->leaves(&model->cpu, level - 1);
}

bool model_changes(const struct model *model, const struct vmem_mapping *m,
		   u64 leaf, unsigned int level)
{
	return m->kind != VMEM_KIND_PROTECT ||
	       model->rules->protect(&model->cpu, leaf, level, m->protect.set,
				     m->protect.clear) != leaf;
}

/* Tables in the place of a leaf, where nothing is in the way yet. */
static int need(struct job *job, unsigned int level, u64 va, u64 leaf)
{
	struct model *model = job->model;
	u64 part = leaf, span, at;
	unsigned int i;
	int ret;

	ret = model_need(model, NULL, level - 1, va);
	if (ret)
		return ret;
	part = model->rules->split(&model->cpu, leaf, level);
	span = entry_span(model->rules, level - 1);
	if (!model_can_split(model, level - 1) ||
	    !model_changes(model, job->m, part, level - 1))
		return 0;
	for (i = 0; i < nr_entries(model->rules); i++) {
		at = va + i * span;
		if (at + (span - 1) < job->m->virt_base ||
		    at > job->m->virt_base + (job->m->len - 1) ||
		    model_covers(job->m, at, span))
			continue;
		ret = need(job, level - 1, at, part);
		if (ret)
			return ret;
	}
	return 0;
}

int model_check_split(struct job *job, const struct spot *spot)
{
	return model_want(job->model, &job->path, spot->level, spot->va) ?:
	       need(job, spot->level, spot->va, spot->entry);
}

u64 model_split(struct model *model, struct model_path *path, unsigned int level,
		u64 va, struct model_result *result)
{
	unsigned int index = entry_index(model->rules, va, level), i;
	u64 span = entry_span(model->rules, level), table, first;
	u64 small = entry_span(model->rules, level - 1);
	struct decoded decoded;

	model_move(model, path, level, va, result);
	first = model->rules->split(&model->cpu,
				    guest_read(&model->guest, path->table[level],
					       index), level);
	model->rules->decode(&model->cpu, first, level - 1, &decoded);
	table = model_take(model, level - 1, path->table[level], index, result);
	for (i = 0; i < nr_entries(model->rules); i++)
		guest_write(&model->guest, table, i, decoded.rest |
			    model->rules->address(decoded.gpa + i * small));
	guest_write(&model->guest, path->table[level], index,
		    model->rules->table(&model->cpu, table, VMEM_RWXU));
	model_flush(model, path, level, va - va % span, span, result);
	return table;
}
