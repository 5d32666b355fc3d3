// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model unmaps, by recursion over all entries of each table.
 */
#include "model.h"

bool model_look(struct job *job, unsigned int level, unsigned int i, u64 base,
		struct spot *spot)
{
	struct model *model = job->model;
	const struct vmem_mapping *m = job->m;

	spot->level = level;
	spot->index = i;
	spot->span = entry_span(model->rules, level);
	spot->va = sign_extend(model->rules, base + i * spot->span);
	spot->at = max(spot->va, m->virt_base);
	spot->entry = guest_read(&model->guest, job->path.table[level], i);
	spot->decoded.kind = IS_HOLE;
	if (spot->va + (spot->span - 1) < m->virt_base ||
	    spot->va > m->virt_base + (m->len - 1))
		return false;
	spot->covered = model_covers(m, spot->va, spot->span);
	if (spot->entry)
		model->rules->decode(&model->cpu, spot->entry, level,
				     &spot->decoded);
	return true;
}

/*
 * What unmapping does to an entry that is not a table to go through: it goes
 * as a whole, or not at all, because of @err.
 */
static bool is_like_leaf(struct job *job, const struct spot *spot, int *err)
{
	struct model *model = job->model;
	u32 links;

	*err = 0;
	if (spot->decoded.kind == IS_TABLE) {
		*err = model_enter(model, &job->path, spot->decoded.gpa,
				   spot->level - 1, spot->va, &links);
		/* the last of its links that is left by then */
		if (model->checking && spot->covered && links > 1 &&
		    links - *model_leaving(model, spot->decoded.gpa) == 1) {
			links = 1;
			*err = 0;
		}
		/* others have it: the frozen table too, which stays as it is */
		if (!*err && spot->covered &&
		    (links > 1 || (links && model->guest.movable &&
				   !model_writable(model, &job->path, spot->level))))
			*err = -EMLINK;
		/* it was seen before the table above moved */
		if (*err == -EMLINK && !spot->covered && !model->checking)
			*err = 0;
		return *err;
	}
	if (spot->decoded.kind != IS_HOLE)
		*err = -ERANGE;
	return true;
}

/* A leaf of which the range has a part. */
static bool is_cut(const struct job *job, const struct spot *spot)
{
	return spot->decoded.kind == IS_LEAF && !spot->covered &&
	       model_can_split(job->model, spot->level);
}

/* A frozen table of leaves that goes as a whole. */
static bool is_let_go_of(struct job *job, const struct spot *spot)
{
	struct model *model = job->model;

	return spot->level == 1 && spot->covered && model->guest.movable &&
	       !guest_writable(&model->guest, spot->decoded.gpa) &&
	       !model_is_zero(model, spot->decoded.gpa);
}

/* @empty: will the table be all zeroes afterwards? */
static int check_unmap(struct job *job, unsigned int level, u64 base, bool *empty)
{
	struct model *model = job->model;
	struct model_table *mine;
	bool child_empty, goes;
	struct spot spot;
	unsigned int i;
	int err;

	*empty = true;
	for (i = 0; i < nr_slots(model->rules, level); i++) {
		bool in_range = model_look(job, level, i, base, &spot);

		if (!spot.entry)
			continue;
		if (!in_range) {
			*empty = false;
			continue;
		}
		if (is_cut(job, &spot)) {
			*empty = false;
			err = model_check_split(job, &spot);
			if (err)
				return model_stop(job->result, spot.at, level, err);
			continue;
		}
		if (is_like_leaf(job, &spot, &err)) {
			bool shared = err == -EMLINK;

			if (err == -EINVAL)
				return model_stop(job->result, spot.at, level, err);
			if (!spot.covered) {
				*empty = false;
				if (err)
					return model_stop(job->result, spot.at,
							  level, err);
				continue;
			}
			err = model_want(model, &job->path, level, spot.va);
			if (err)
				return model_stop(job->result, spot.at, level, err);
			if (shared && !model_moves(model, level, spot.va))
				++*model_leaving(model, spot.decoded.gpa);
			continue;
		}
		if (is_let_go_of(job, &spot)) {
			err = model_want(model, &job->path, level, spot.va);
			if (err)
				return model_stop(job->result, spot.at, level, err);
			continue;
		}
		job->path.table[level - 1] = spot.decoded.gpa;
		err = check_unmap(job, level - 1, spot.va, &child_empty);
		if (err)
			return err;
		mine = model_page(model, spot.decoded.gpa);
		goes = model_moves(model, level - 1, spot.va) ||
		       (mine && mine->links - *model_leaving(model, spot.decoded.gpa) == 1);
		/* one of ours is let go of empty only */
		if (goes && !child_empty && level == job->replaced + 1)
			return -EEXIST;
		/* and those above are for the link */
		goes = goes && child_empty && level <= job->replaced + 1;
		/* not for that alone would the table move */
		if (!model_writable(model, &job->path, level) &&
		    model->guest.movable && !model_moves(model, level, spot.va))
			goes = false;
		if (goes && !model_writable(model, &job->path, level) &&
		    !model->guest.movable)
			return model_stop(job->result, spot.at, level, -EROFS);
		if (!goes)
			*empty = false;
	}
	return 0;
}

int model_enter_root(struct job *job)
{
	struct model *model = job->model;
	unsigned int top = model->rules->levels - 1;
	u64 root = model->kept.root, va = job->m->virt_base;
	u32 links;
	int err = model_enter(model, &job->path, root, top, va, &links);

	if (err)
		return model_stop(job->result, va, top + 1, err);
	job->path.table[top] = root;
	return 0;
}

int model_check_unmap(struct model *model, const struct vmem_mapping *m,
		      unsigned int replaced, struct model_result *result)
{
	struct job job = {
		.model = model, .m = m, .replaced = replaced, .result = result,
	};
	unsigned int top = model->rules->levels - 1;
	bool empty;
	int err;

	if (!m->len)
		return 0;
	err = model_enter_root(&job);
	if (err)
		return err;
	return check_unmap(&job, top, 0, &empty);
}

static void count_leaves(struct job *job, u64 table)
{
	struct decoded decoded;
	unsigned int i;

	for (i = 0; i < nr_entries(job->model->rules); i++) {
		model_read_entry(job->model, table, 0, i, &decoded);
		job->result->pages += decoded.kind == IS_LEAF;
	}
}

static void clear_whole(struct job *job, const struct spot *spot)
{
	struct model *model = job->model;
	struct model_path *path = &job->path;
	u64 child = spot->decoded.gpa;
	u32 links = 0;
	bool ours;

	ours = spot->decoded.kind == IS_TABLE &&
	       model_enter(model, path, child, spot->level - 1, spot->va,
			   &links) != -EEXIST && links;
	model_write_entry(model, path, spot->level, spot->va, 0, job->result);
	if (spot->decoded.kind != IS_HOLE)
		model_flush(model, path, spot->level, spot->va, spot->span,
			    job->result);
	if (spot->decoded.kind == IS_LEAF)
		job->result->pages += spot->span / entry_span(model->rules, 0);
	if (!ours)
		return;
	model_drop_link(model, child, path->table[spot->level], spot->index);
	model_flush_all(job->result);
	job->result->changes |= VMEM_CHANGED_UNSHARED;
}

/* A table of leaves that has one link, of which the range covers all. */
static bool goes_as_it_is(struct job *job, const struct spot *spot)
{
	struct model_table *mine = model_page(job->model, spot->decoded.gpa);

	return job->zero && job->free_below && spot->level == 1 && spot->covered &&
	       mine && mine->links == 1 &&
	       model_writable(job->model, &job->path, spot->level);
}

static void let_go_of(struct job *job, const struct spot *spot)
{
	struct model *model = job->model;

	count_leaves(job, spot->decoded.gpa);
	model_write_entry(model, &job->path, spot->level, spot->va, 0, job->result);
	model_flush_all(job->result);
	if (!model_page(model, spot->decoded.gpa))
		return;
	model_drop_link(model, spot->decoded.gpa, job->path.table[spot->level],
			spot->index);
	job->result->changes |= VMEM_CHANGED_FREED;
}

static void unmap(struct job *job, unsigned int level, u64 base)
{
	struct model *model = job->model;
	struct model_path *path = &job->path;
	struct model_table *mine;
	struct spot spot;
	unsigned int i;
	u64 child;
	int err;

	for (i = 0; i < nr_slots(model->rules, level); i++) {
		if (!model_look(job, level, i, base, &spot) || !spot.entry)
			continue;
		if (job->zero && is_cut(job, &spot)) {
			spot.decoded.gpa = model_split(model, path, level, spot.va,
						       job->result);
		} else if (is_like_leaf(job, &spot, &err)) {
			if (job->zero && spot.covered)
				clear_whole(job, &spot);
			continue;
		} else if (is_let_go_of(job, &spot) || goes_as_it_is(job, &spot)) {
			if (job->zero)
				let_go_of(job, &spot);
			continue;
		}
		path->table[level - 1] = spot.decoded.gpa;
		unmap(job, level - 1, spot.va);
		child = path->table[level - 1];
		mine = model_page(model, child);
		/* in a list it may turn out only now that it can't be let go of */
		if (level - 1 < job->free_below && mine && mine->links == 1 &&
		    model_writable(model, path, level) &&
		    model_is_zero(model, child)) {
			guest_write(&model->guest, path->table[level], i, 0);
			model_drop_link(model, child, path->table[level], i);
			model_flush_all(job->result);
			job->result->changes |= VMEM_CHANGED_FREED;
		}
	}
}

void model_unmap(struct model *model, const struct vmem_mapping *m, bool zero,
		 unsigned int free_below, struct model_result *result)
{
	struct job job = {
		.model = model, .m = m, .free_below = free_below, .zero = zero,
		.result = result,
	};
	unsigned int top = model->rules->levels - 1;

	if (!m->len)
		return;
	job.path.table[top] = model->kept.root;
	unmap(&job, top, 0);
}
