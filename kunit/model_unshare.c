// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model gives a place a table of its own: a copy of the one that it has.
 */
#include "model.h"

/* Of the table whose entry names the other one: 0, and what that is; or why not. */
static int find(struct model *model, const struct model_reference *ref,
		struct model_path *path, u64 *child, struct model_result *result)
{
	unsigned int level = model->rules->levels - 1;
	u64 table = model->kept.root, va = ref->our_va;
	struct decoded decoded;
	u32 links;
	int ret;

	ret = model_enter(model, path, table, level, va, &links);
	if (ret)
		return model_stop(result, va, level + 1, ret);
	for (;; level--) {
		path->table[level] = table;
		model_read_entry(model, table, level,
				 entry_index(model->rules, va, level), &decoded);
		if (decoded.kind != IS_TABLE)
			return model_stop(result, va, level, -ENOENT);
		*child = decoded.gpa;
		ret = model_enter(model, path, *child, level - 1, va, &links);
		/* what others have is what is copied; the copy's place comes first */
		if (level == ref->level + 1 && (ret == -EMLINK || ret == -ENXIO))
			ret = 0;
		if (ret)
			return model_stop(result, va, level, ret);
		if (level == ref->level + 1)
			return 0;
		table = decoded.gpa;
	}
}

static void copy(struct model *model, const struct model_reference *ref,
		 struct model_path *path, u64 old, struct model_result *result)
{
	unsigned int level = ref->level + 1, slot, i;
	u64 entry, new;

	model_move(model, path, level, ref->our_va, result);
	slot = entry_index(model->rules, ref->our_va, level);
	entry = guest_read(&model->guest, path->table[level], slot);
	/* its link was that of the old one */
	new = model_take(model, ref->level, path->table[level], slot, result);
	for (i = 0; i < nr_entries(model->rules); i++)
		guest_write(&model->guest, new, i, guest_read(&model->guest, old, i));
	model_link_children(model, old, new, ref->level);
	guest_write(&model->guest, path->table[level], slot,
		    model->rules->rename(&model->cpu, entry, new));
	result->changes |= VMEM_CHANGED_UNSHARED;
	model_flush_all(result);
}

int model_unshare(struct model *model, const struct model_reference *ref,
		  struct model_result *result)
{
	unsigned int level = ref->level + 1;
	struct model_path path;
	struct model_table *mine;
	u64 table = 0;
	int ret;

	model_begin(model);
	ret = find(model, ref, &path, &table, result);
	if (ret)
		return ret;
	mine = model_page(model, table);
	result->done = 1;
	if (mine && mine->links == 1)
		return 0;
	ret = model_want(model, &path, level, ref->our_va);
	if (!ret && !guest_host(&model->guest, table))
		ret = -ENXIO;
	if (!ret && model_names_others(model, table, ref->level))
		ret = -EINVAL;
	ret = ret ?: model_need(model, NULL, ref->level, ref->our_va);
	if (ret)
		model_stop(result, ref->our_va, level, ret);
	ret = ret ?: model_reserve(model, result);
	result->done = !ret;
	if (!ret)
		copy(model, ref, &path, table, result);
	return ret;
}
