// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model links a table of one place at another.
 */
#include "model.h"

/* The table that its owner has there, as vmem made it. */
static int find(struct model *model, const struct model_reference *ref, u64 *table)
{
	unsigned int level = model->rules->levels - 1, slot = 0;
	u64 parent = MODEL_NO_PARENT;
	struct model_table *mine;
	struct decoded decoded;

	*table = ref->same_space ? model->kept.root : ref->owner;
	for (;; level--) {
		mine = model_page(model, *table);
		if (mine && (mine->state != MODEL_USED ||
			     !model_count_links(model, mine - model->kept.tables,
						parent, slot)))
			return -EEXIST;
		if (level == ref->level)
			break;
		if (!guest_host(&model->guest, *table))
			return -ENXIO;
		slot = entry_index(model->rules, ref->their_va, level);
		model_read_entry(model, *table, level, slot, &decoded);
		if (decoded.kind != IS_TABLE)
			return -ENOENT;
		parent = *table;
		*table = decoded.gpa;
	}
	if (!mine)
		return -EINVAL;
	if (mine->level != ref->level)
		return -EINVAL;
	return mine->links < VMEM_LINKS_MAX ? 0 : -EMLINK;
}

/*
 * A table is to be made for the link, with those above it that the owner lacks. What
 * it has above is entered as what is written, and never moves.
 */
static int check_make(struct model *model, const struct model_reference *ref,
		      struct model_result *result)
{
	const struct vmem_mapping made = { .virt_base = ref->their_va };
	u64 table = ref->same_space ? model->kept.root : ref->owner;
	unsigned int level = model->rules->levels - 1;
	u64 va = ref->their_va;
	struct model_path path;
	struct decoded decoded;
	u32 links;
	int ret;

	for (;; level--) {
		ret = model_enter(model, &path, table, level, va, &links);
		if (ret)
			return model_stop(result, va, level + 1, ret);
		path.table[level] = table;
		model_read_entry(model, table, level,
				 entry_index(model->rules, va, level), &decoded);
		if (decoded.kind != IS_TABLE)
			break;
		if (level == ref->level + 1)
			return 0;
		table = decoded.gpa;
	}
	if (decoded.kind != IS_HOLE)
		return model_stop(result, va, level, -EEXIST);
	if (!model_writable(model, &path, level))
		return model_stop(result, va, level, -EROFS);
	while (level-- > ref->level) {
		if (!ref->same_space) {
			model->needs.elsewhere++;
			continue;
		}
		ret = model_need(model, &made, level, va);
		if (ret)
			return model_stop(result, va, level + 1, ret);
	}
	return 0;
}

static void make(struct model *model, const struct model_reference *ref,
		 struct model_result *result)
{
	const struct vmem_mapping made = { .virt_base = ref->their_va };
	u64 table = ref->same_space ? model->kept.root : ref->owner, below;
	unsigned int level, index;
	struct decoded decoded;

	for (level = model->rules->levels - 1; level > ref->level; level--) {
		index = entry_index(model->rules, ref->their_va, level);
		model_read_entry(model, table, level, index, &decoded);
		below = decoded.gpa;
		if (decoded.kind != IS_TABLE) {
			model_over(model, table, level, index, 0, result);
			below = model_take(model, level - 1, table, index, result);
			guest_write(&model->guest, table, index,
				    model->rules->table(&model->cpu, below,
							model_perms(&made, level)));
		}
		table = below;
	}
}

/* The path to the table whose entry is to name it, as far as it is there. */
static int check_link(struct model *model, const struct vmem_mapping *m,
		      const struct model_reference *ref,
		      struct model_result *result)
{
	unsigned int level = model->rules->levels - 1, l;
	u64 table = model->kept.root, va = ref->our_va, target;
	bool makes;
	struct model_path path;
	struct decoded decoded;
	u32 links;
	int ret;

	ret = model_enter(model, &path, table, level, va, &links);
	if (ret)
		return model_stop(result, va, level + 1, ret);
	for (;; level--) {
		path.table[level] = table;
		model_read_entry(model, table, level,
				 entry_index(model->rules, va, level), &decoded);
		if (level == ref->level + 1 || decoded.kind != IS_TABLE)
			break;
		ret = model_check_perms(m, level, VMEM_R | VMEM_W | VMEM_X,
					decoded.attrs) ?:
		      model_enter(model, &path, decoded.gpa, level - 1, va, &links);
		if (ret)
			return model_stop(result, va, level, ret);
		table = decoded.gpa;
	}
	if (decoded.kind != IS_HOLE && !(model->flags & VMEM_CHANGE_REPLACE))
		return model_stop(result, va, level, -EEXIST);
	/* a larger leaf, or what is malformed, can't go in part */
	if (decoded.kind != IS_HOLE && level > ref->level + 1)
		return model_stop(result, va, level, -ERANGE);
	ret = find(model, ref, &target);
	makes = ret == -ENOENT && model->flags & VMEM_CHANGE_MAKE;
	/* it would be where it is to be shown */
	if (makes)
		ret = ref->same_space && ref->our_va == ref->their_va ? -EINVAL : 0;
	ret = ret ?: model_want(model, &path, level, va);
	if (ret)
		return model_stop(result, va, level, ret);
	/* by itself: the way to it might be gone first */
	if (!makes && decoded.kind == IS_TABLE && decoded.gpa == target &&
	    model_enter(model, &path, target, level - 1, va, &links) != -EEXIST)
		return model_stop(result, va, level, -EINVAL);
	for (l = ref->level + 1; l < level; l++) {
		ret = model_need(model, m, l, va);
		if (ret)
			return model_stop(result, va, level, ret);
	}
	return 0;
}

static void apply_link(struct model *model, const struct vmem_mapping *m,
		       const struct model_reference *ref,
		       struct model_result *result)
{
	unsigned int level = model->rules->levels - 1, index;
	u64 table = model->kept.root, va = ref->our_va, target = 0;
	struct model_table *mine = NULL;
	struct model_path path;
	struct decoded decoded;
	u32 links;

	for (;; level--) {
		path.table[level] = table;
		index = entry_index(model->rules, va, level);
		model_read_entry(model, table, level, index, &decoded);
		if (level == ref->level + 1)
			break;
		if (decoded.kind == IS_TABLE) {
			table = decoded.gpa;
			continue;
		}
		model_move(model, &path, level, va, result);
		model_over(model, path.table[level], level, index, 0, result);
		table = model_take(model, level - 1, path.table[level], index,
				   result);
		guest_write(&model->guest, path.table[level], index,
			    model->rules->table(&model->cpu, table, model_perms(m, level)));
	}
	find(model, ref, &target);
	model_move(model, &path, level, va, result);
	if (decoded.kind == IS_TABLE &&
	    model_enter(model, &path, decoded.gpa, level - 1, va, &links) != -EEXIST)
		mine = model_page(model, decoded.gpa);
	model_over(model, path.table[level], level, index, 0, result);
	guest_write(&model->guest, path.table[level], index,
		    model->rules->table(&model->cpu, target, model_perms(m, level)));
	if (decoded.kind != IS_HOLE)
		model_flush_all(result);
	if (mine) {
		result->changes |= mine->links > 1 ? VMEM_CHANGED_UNSHARED :
						     VMEM_CHANGED_FREED;
		model_drop_link(model, decoded.gpa, path.table[level], index);
	}
	model_linked(result, model_add_link(model, target, path.table[level],
					    index));
}

static int change(struct model *model, const struct model_reference *ref,
		  u32 flags, struct model_result *result)
{
	struct vmem_mapping m = {
		.virt_base	= ref->our_va,
		.path_given	= ref->path_given,
		.path		= ref->path,
	};
	int ret;

	if (ref->level + 1 >= model->rules->levels)
		return -EINVAL;
	m.len = entry_span(model->rules, ref->level + 1);
	if (ref->our_va % m.len || ref->their_va % m.len ||
	    ref->our_va != sign_extend(model->rules, ref->our_va) ||
	    ref->their_va != sign_extend(model->rules, ref->their_va))
		return -EINVAL;
	ret = model_check_path(model, &m, ref->level + 1);
	if (ret)
		return model_stop(result, ref->our_va, 0, ret);

	if (flags & VMEM_CHANGE_UNSHARE)
		return model_unshare(model, ref, result);
	model_begin(model);
	if (flags & VMEM_CHANGE_MAKE)
		ret = check_make(model, ref, result);
	if (!ret && flags & VMEM_CHANGE_REPLACE)
		ret = model_check_unmap(model, &m, ref->level, result);
	ret = ret ?: check_link(model, &m, ref, result) ?:
	      model_reserve(model, result);
	if (ret)
		return ret;
	if (flags & VMEM_CHANGE_MAKE)
		make(model, ref, result);
	/* the table there goes too, those above are for the link */
	if (flags & VMEM_CHANGE_REPLACE)
		model_unmap(model, &m, true, ref->level + 1, result);
	apply_link(model, &m, ref, result);
	result->done = 1 + !!(flags & VMEM_CHANGE_REPLACE) +
		       !!(flags & VMEM_CHANGE_MAKE);
	return 0;
}

void model_change_link(struct model *model, const struct model_reference *ref,
		       u32 flags, struct model_result *result)
{
	memset(result, 0, sizeof(*result));
	result->lacking_known = true;
	/* what is made is for the two places that are named */
	if (flags & VMEM_CHANGE_MAKE)
		flags &= ~VMEM_CHANGE_SHARED_OK;
	model->flags = flags;
	result->ret = change(model, ref, flags, result);
	model->checking = false;
}
