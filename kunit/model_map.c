// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model maps: from the root for each leaf, which is as large as it can be.
 */
#include "model.h"

u32 model_attrs(const struct model *model, const struct vmem_mapping *m)
{
	u32 attrs;

	if (m->kind == VMEM_KIND_RAW)
		return 0;
	attrs = m->kind == VMEM_KIND_COW ? m->cow.attrs | VMEM_COW :
					   m->basic.attrs;
	return m->ad_given ? attrs :
			     default_ad(model->rules, &model->cpu, attrs);
}

int model_levels(const struct model *model, const struct vmem_mapping *m, u32 *levels)
{
	u64 sizes = m->page_sizes ? m->page_sizes : entry_span(model->rules, 0);
	unsigned int level;

	*levels = 0;
	for (level = 0; level < model->rules->levels; level++) {
		u64 span = entry_span(model->rules, level);

		if (!(model->rules->leaf_levels & BIT(level)) || !(sizes & span))
			continue;
		sizes -= span;
		if (model->rules->leaves(&model->cpu, level))
			*levels |= BIT(level);
	}
	if (m->kind == VMEM_KIND_RAW && *levels != 1)
		return -EOPNOTSUPP;
	return sizes || !*levels ? -EOPNOTSUPP : 0;
}

/* Where @va is mapped to. */
static u64 frame(const struct vmem_mapping *m, u64 va)
{
	return m->phys_base + (va - m->virt_base);
}

/* May the leaf for @va be one of this level? */
static bool fits(const struct model *model, const struct vmem_mapping *m,
		 u64 va, unsigned int level)
{
	u64 span = entry_span(model->rules, level);
	u32 levels;

	model_levels(model, m, &levels);
	if (m->kind == VMEM_KIND_RAW)
		return level == 0;
	return levels & BIT(level) && va % span == 0 && frame(m, va) % span == 0 &&
	       model_covers(m, va, span);
}

/* And one of a lower level? */
static bool fits_below(const struct model *model, const struct vmem_mapping *m,
		       u64 va, unsigned int level)
{
	while (level--)
		if (fits(model, m, va, level))
			return true;
	return false;
}

/* May a leaf take the place of the table that the path's entry for @va names? */
static bool makes_way(struct model *model, const struct model_path *path,
		      unsigned int level, u64 va, u64 table)
{
	unsigned int slot = entry_index(model->rules, va, level), i;
	struct decoded decoded;

	if (!model_is_ours(model, table, level - 1, path->table[level], slot) ||
	    model_page(model, table)->links > 1)
		return false;
	if (!model_writable(model, path, level) || model_moved(model, level, va))
		return false;
	if (model_is_zero(model, table))
		return true;
	if (!(model->flags & VMEM_CHANGE_REPLACE))
		return false;
	for (i = 0; i < nr_entries(model->rules); i++) {
		model_read_entry(model, table, level - 1, i, &decoded);
		if (decoded.kind == IS_TABLE)
			return false;
		if (decoded.kind == IS_HOLE && model->flags & VMEM_CHANGE_KEEP &&
		    guest_read(&model->guest, table, i))
			return false;
	}
	return true;
}

/* A shared table is mapped into at one of its places, or holes aren't needed. */
static int enter_once(struct model *model, u64 table, u64 base, u32 links)
{
	u64 *entered;

	if (links < 2 || model->flags & VMEM_CHANGE_REPLACE)
		return 0;
	entered = model_entered(model, table);
	if (*entered && *entered != base + 1)
		return -EEXIST;
	*entered = base + 1;
	return 0;
}

static bool may_widen(const struct model *model, const struct vmem_mapping *m)
{
	return model->flags & VMEM_CHANGE_WIDEN && !m->path_given;
}

/* Down to the table that this entry names; one that grants less is widened. */
static int check_table(struct model *model, const struct vmem_mapping *m,
		       struct model_path *path, unsigned int level, u64 va,
		       const struct decoded *decoded)
{
	u32 links;
	int ret;

	ret = model_check_perms(m, level, model_attrs(model, m) & VMEM_RWXU,
				decoded->attrs);
	if (ret && may_widen(model, m))
		ret = model_want(model, path, level, va);
	return ret ?: model_enter(model, path, decoded->gpa, level - 1, va, &links) ?:
	       enter_once(model, decoded->gpa,
			  va & -entry_span(model->rules, level), links);
}

/* Not a table, or one that makes way: may something take its place? */
static int check_over(struct model *model, const struct vmem_mapping *m,
		      const struct decoded *decoded, u64 entry)
{
	if (decoded->kind == IS_HOLE)
		return entry && model->flags & VMEM_CHANGE_KEEP ? -EEXIST : 0;
	if (decoded->kind == IS_TABLE)
		return 0;
	return model->flags & VMEM_CHANGE_REPLACE ? 0 : -EEXIST;
}

/*
 * Tables that are to be made below the entry of @level, which is a hole by then,
 * or a leaf that is split: down to that of the leaf. Return: its level, or why not.
 */
static int check_below(struct model *model, const struct vmem_mapping *m,
		       unsigned int level, u64 va, u64 leaf)
{
	int ret;

	for (;; level--) {
		u64 span = entry_span(model->rules, level), base = va - va % span;
		bool split = leaf && !model_covers(m, base, span);

		if (fits(model, m, va, level))
			return level;
		if (split && !model_can_split(model, level))
			return -ERANGE;
		if (split && m->path_given && model_perms(m, level) != VMEM_RWXU)
			return -EEXIST;
		ret = model_need(model, split ? NULL : m, level - 1, va);
		if (ret)
			return ret;
		leaf = split ? model->rules->split(&model->cpu, leaf, level) : 0;
	}
}

/* Return: the level of the leaf for @va, or why there can be none. */
static int check_leaf(struct model *model, const struct vmem_mapping *m,
		      u64 va, struct model_result *result)
{
	unsigned int level = model->rules->levels - 1, index;
	u64 table = model->kept.root, entry, leaf = 0, span;
	struct model_path path;
	struct decoded decoded;
	u32 links;
	int ret;

	ret = model_enter(model, &path, table, level, va, &links);
	if (ret)
		return model_stop(result, va, level + 1, ret);
	for (;; level--) {
		path.table[level] = table;
		index = entry_index(model->rules, va, level);
		entry = guest_read(&model->guest, table, index);
		model_read_entry(model, table, level, index, &decoded);
		if (decoded.kind != IS_TABLE)
			break;
		if (fits(model, m, va, level)) {
			if (makes_way(model, &path, level, va, decoded.gpa))
				break;
			if (!fits_below(model, m, va, level))
				return model_stop(result, va, level,
					model->flags & VMEM_CHANGE_REPLACE ?
					-ERANGE : -EEXIST);
		}
		ret = check_table(model, m, &path, level, va, &decoded);
		if (ret)
			return model_stop(result, va, level, ret);
		table = decoded.gpa;
	}
	ret = level ? 0 : model_want(model, &path, level, va);
	ret = ret ?: check_over(model, m, &decoded, entry);
	if (ret)
		return model_stop(result, va, level, ret);
	span = entry_span(model->rules, level);
	if (decoded.kind != IS_HOLE && decoded.kind != IS_TABLE &&
	    !model_covers(m, va - va % span, span)) {
		if (decoded.kind != IS_LEAF || !model_can_split(model, level))
			return model_stop(result, va, level, -ERANGE);
		leaf = entry;
	}
	ret = model_want(model, &path, level, va);
	ret = ret ?: check_below(model, m, level, va, leaf);
	return ret < 0 ? model_stop(result, va, level, ret) : ret;
}

int model_check_map(struct model *model, const struct vmem_mapping *m,
		    struct model_result *result)
{
	u64 done;
	int ret;

	for (done = 0; done < m->len; done += entry_span(model->rules, ret)) {
		ret = check_leaf(model, m, m->virt_base + done, result);
		if (ret < 0)
			return ret;
	}
	return 0;
}

void model_over(struct model *model, u64 table, unsigned int level,
		unsigned int index, u32 attrs, struct model_result *result)
{
	struct decoded decoded;

	model_read_entry(model, table, level, index, &decoded);
	if (decoded.kind == IS_HOLE &&
	    guest_read(&model->guest, table, index))
		result->overwritten++;
	if (decoded.kind == IS_LEAF && model->rules->shadow(&model->cpu) &&
	    attrs && !(attrs & VMEM_W) && decoded.attrs & VMEM_W &&
	    decoded.attrs & VMEM_D)
		result->lost_dirty++;
}

/* What the entry names is needed no more; where it is a table, that has made way. */
static void put_leaf(struct model *model, const struct vmem_mapping *m,
		     struct model_path *path, unsigned int level, u64 va,
		     struct model_result *result)
{
	unsigned int index = entry_index(model->rules, va, level), i;
	u64 span = entry_span(model->rules, level);
	u32 attrs = model_attrs(model, m);
	struct decoded decoded;

	model_move(model, path, level, va, result);
	model_read_entry(model, path->table[level], level, index, &decoded);
	if (decoded.kind == IS_TABLE) {
		for (i = 0; i < nr_entries(model->rules); i++)
			model_over(model, decoded.gpa, level - 1, i, attrs, result);
		model_drop_link(model, decoded.gpa, path->table[level], index);
		result->changes |= VMEM_CHANGED_FREED;
		model_flush_all(result);
	} else {
		if (decoded.kind != IS_HOLE)
			model_flush(model, path, level, va, span, result);
		model_over(model, path->table[level], level, index, attrs, result);
	}
	guest_write(&model->guest, path->table[level], index,
		    m->kind == VMEM_KIND_RAW ? m->phys_base :
		    model->rules->leaf(&model->cpu, frame(m, va), attrs, level));
	result->pages += span / entry_span(model->rules, 0);
}

static u64 make_table(struct model *model, const struct vmem_mapping *m,
		      struct model_path *path, unsigned int level, u64 va,
		      struct model_result *result)
{
	unsigned int index = entry_index(model->rules, va, level);
	struct decoded decoded;
	u64 table;

	model_move(model, path, level, va, result);
	model_read_entry(model, path->table[level], level, index, &decoded);
	if (decoded.kind != IS_HOLE)
		model_flush(model, path, level, va,
			    entry_span(model->rules, level), result);
	model_over(model, path->table[level], level, index,
		   model_attrs(model, m), result);
	table = model_take(model, level - 1, path->table[level], index, result);
	guest_write(&model->guest, path->table[level], index,
		    model->rules->table(&model->cpu, table, model_perms(m, level)));
	return table;
}

static void widen(struct model *model, struct model_path *path,
		  unsigned int level, u64 va, u32 perms,
		  struct model_result *result)
{
	u64 span = entry_span(model->rules, level), entry;

	model_move(model, path, level, va, result);
	entry = guest_read(&model->guest, path->table[level],
			   entry_index(model->rules, va, level));
	model_write_entry(model, path, level, va,
			  model->rules->widen(&model->cpu, entry, perms), result);
	model_flush(model, path, level, va - va % span, span, result);
}

/* Return: the level of the leaf. */
static unsigned int map_leaf(struct model *model, const struct vmem_mapping *m,
			     u64 va, struct model_result *result)
{
	unsigned int level = model->rules->levels - 1;
	u32 needs = model_attrs(model, m) & VMEM_RWXU;
	u64 table = model->kept.root, span;
	struct model_path path;
	struct decoded decoded;

	for (;; level--) {
		span = entry_span(model->rules, level);
		path.table[level] = table;
		model_read_entry(model, table, level,
				 entry_index(model->rules, va, level), &decoded);
		if (fits(model, m, va, level) &&
		    (decoded.kind != IS_TABLE ||
		     makes_way(model, &path, level, va, decoded.gpa))) {
			put_leaf(model, m, &path, level, va, result);
			return level;
		}
		if (decoded.kind == IS_TABLE) {
			if (!m->path_given && needs & ~decoded.attrs)
				widen(model, &path, level, va, needs, result);
			table = decoded.gpa;
		} else if (decoded.kind == IS_LEAF &&
			   !model_covers(m, va - va % span, span)) {
			table = model_split(model, &path, level, va, result);
		} else {
			table = make_table(model, m, &path, level, va, result);
		}
	}
}

void model_map(struct model *model, const struct vmem_mapping *m,
	       struct model_result *result)
{
	unsigned int level;
	u64 done;

	for (done = 0; done < m->len; done += entry_span(model->rules, level))
		level = map_leaf(model, m, m->virt_base + done, result);
}
