// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's changes as a whole: first everything is checked, then done; maps a
 * page at a time, from the root for each page.
 */
#include "model.h"

void model_init(struct kunit *test, struct model *model,
		const struct rules *rules, const struct vmem_format *fmt,
		const struct cpu *cpu)
{
	memset(model, 0, sizeof(*model));
	model->rules = rules;
	model->cpu = *cpu;
	guest_init(test, &model->guest, fmt);
	model->generation = 1;
}

int model_stop(struct model_result *result, u64 va, unsigned int level, int err)
{
	result->at_va = va;
	result->at_level = level;
	result->at_known = err != -EROFS && err != -EINVAL;
	return err;
}

void model_flush_all(struct model_result *result)
{
	result->flush = VMEM_FLUSH_ALL;
}

/* May what lies in the table of @level be seen elsewhere too? */
static bool is_elsewhere(struct model *model, const struct model_path *path,
			 unsigned int level)
{
	struct model_table *mine;

	for (; level < model->rules->levels; level++) {
		mine = model_page(model, path->table[level]);
		if (mine && mine->links > 1)
			return true;
		/* nobody counts who names it: its guest may have said */
		if (!mine && !(model->flags & VMEM_CHANGE_ALONE))
			return true;
	}
	return false;
}

void model_flush(struct model *model, const struct model_path *path,
		 unsigned int level, u64 va, u64 len,
		 struct model_result *result)
{
	u64 last = va + (len - 1);

	if (result->flush == VMEM_FLUSH_ALL)
		return;
	if (is_elsewhere(model, path, level)) {
		model_flush_all(result);
		return;
	}
	if (result->flush == VMEM_FLUSH_NONE) {
		result->flush = VMEM_FLUSH_RANGE;
		result->flush_first = va;
		result->flush_last = last;
	}
	if (va < result->flush_first)
		result->flush_first = va;
	if (last > result->flush_last)
		result->flush_last = last;
}

void model_write_entry(struct model *model, struct model_path *path,
		       unsigned int level, u64 va, u64 entry,
		       struct model_result *result)
{
	model_move(model, path, level, va, result);
	guest_write(&model->guest, path->table[level],
		    entry_index(model->rules, va, level), entry);
}

/* The attributes of its leaves. */
static u32 leaf_attrs(const struct vmem_mapping *m)
{
	return m->kind == VMEM_KIND_COW ? m->cow.attrs | VMEM_COW :
					  m->basic.attrs;
}

/* Can tables of @lowest and above be named by entries with the path's nibbles? */
int model_check_path(const struct model *model, const struct vmem_mapping *m,
		     unsigned int lowest)
{
	unsigned int level;

	if (!m->path_given)
		return 0;
	for (level = 0; level < 8; level++)
		if ((level < lowest || level >= model->rules->levels) &&
		    m->path >> (4 * level) & 0xf)
			return -EINVAL;
	for (level = lowest; level < model->rules->levels; level++)
		if (!model->rules->path_expressible(&model->cpu,
						    m->path >> (4 * level) & 0xf))
			return -EOPNOTSUPP;
	return 0;
}

/* Is what is asked for well-formed? */
static int check_mapping(struct model *model, const struct vmem_mapping *m)
{
	u64 page = entry_span(model->rules, 0), last, half;

	if (m->virt_base % page || m->phys_base % page || m->len % page)
		return -EINVAL;
	if (!m->len)
		return 0;
	last = m->virt_base + m->len - 1;
	if (last < m->virt_base)
		return -EOVERFLOW;
	half = entry_span(model->rules, model->rules->levels) / 2;
	if (m->virt_base != sign_extend(model->rules, m->virt_base) ||
	    last != sign_extend(model->rules, last) ||
	    (model->rules->halves && m->virt_base < half && last >= half))
		return -EINVAL;
	switch (m->kind) {
	case VMEM_KIND_UNMAPPED:
		return 0;
	case VMEM_KIND_PROTECT:
		if (m->protect.set & m->protect.clear)
			return -EINVAL;
		return model->rules->protectable(&model->cpu, m->protect.set,
						 m->protect.clear) ?
		       0 : -EOPNOTSUPP;
	case VMEM_KIND_BASIC:
		if (m->basic.attrs & VMEM_COW)
			return -EOPNOTSUPP;
		break;
	case VMEM_KIND_COW:
		break;
	default:
		return -EOPNOTSUPP;
	}
	last = m->phys_base + m->len - 1;
	if (last < m->phys_base ||
	    !model->rules->has(&model->cpu, m->phys_base, last))
		return -EOVERFLOW;
	if (!model->rules->expressible(&model->cpu, leaf_attrs(m)))
		return -EOPNOTSUPP;
	return model_check_path(model, m, 1);
}

bool model_covers(const struct vmem_mapping *m, u64 va, u64 span)
{
	return va >= m->virt_base &&
	       va + (span - 1) <= m->virt_base + (m->len - 1);
}

u32 model_perms(const struct vmem_mapping *m, unsigned int level)
{
	return m->path_given ? m->path >> (4 * level) & 0xf :
			       VMEM_R | VMEM_W | VMEM_X;
}

int model_check_perms(const struct vmem_mapping *m, unsigned int level,
		      u32 needs, u32 granted)
{
	if (m->path_given)
		return granted == model_perms(m, level) ? 0 : -EEXIST;
	return (needs & granted) == needs ? 0 : -EEXIST;
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

static int check_page(struct model *model, const struct vmem_mapping *m,
		      u64 va, struct model_result *result)
{
	unsigned int level = model->rules->levels - 1, l;
	u64 table = model->kept.root, span;
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
		if (decoded.kind == IS_TABLE) {
			ret = model_check_perms(m, level, leaf_attrs(m) & VMEM_RWXU,
						decoded.attrs) ?:
			      model_enter(model, &path, decoded.gpa, level - 1,
					  va, &links) ?:
			      enter_once(model, decoded.gpa,
					 va & -entry_span(model->rules, level),
					 links);
			if (ret)
				return model_stop(result, va, level, ret);
			table = decoded.gpa;
			continue;
		}
		ret = level ? 0 : model_want(model, &path, level, va);
		if (ret)
			return model_stop(result, va, level, ret);
		if (decoded.kind != IS_HOLE) {
			span = entry_span(model->rules, level);
			if (!(model->flags & VMEM_CHANGE_REPLACE))
				return model_stop(result, va, level, -EEXIST);
			if (!model_covers(m, va - va % span, span))
				return model_stop(result, va, level, -ERANGE);
		}
		ret = model_want(model, &path, level, va);
		if (ret)
			return model_stop(result, va, level, ret);
		for (l = 0; !ret && l < level; l++)
			ret = model_need(model, m, l, va);
		return ret ? model_stop(result, va, level, ret) : 0;
	}
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

static void map_page(struct model *model, const struct vmem_mapping *m, u64 va,
		     struct model_result *result)
{
	unsigned int level = model->rules->levels - 1, index;
	u64 table = model->kept.root, page = entry_span(model->rules, 0);
	struct model_path path;
	struct decoded decoded;

	for (;; level--) {
		path.table[level] = table;
		index = entry_index(model->rules, va, level);
		model_read_entry(model, table, level, index, &decoded);
		if (level && decoded.kind == IS_TABLE) {
			table = decoded.gpa;
			continue;
		}
		model_move(model, &path, level, va, result);
		if (decoded.kind != IS_HOLE)
			model_flush(model, &path, level, va,
				    level ? entry_span(model->rules, level) : page,
				    result);
		model_over(model, path.table[level], level, index,
			   leaf_attrs(m), result);
		if (!level)
			break;
		table = model_take(model, level - 1, path.table[level], index,
				   result);
		guest_write(&model->guest, path.table[level], index,
			    model->rules->table(&model->cpu, table, model_perms(m, level)));
	}
	guest_write(&model->guest, path.table[0], index,
		    model->rules->leaf(&model->cpu,
				       m->phys_base + (va - m->virt_base),
				       leaf_attrs(m)));
	result->pages++;
}

static int check(struct model *model, const struct vmem_mapping *m,
		 struct model_result *result)
{
	u64 page = entry_span(model->rules, 0), i;
	int ret;

	if (m->kind == VMEM_KIND_UNMAPPED)
		return model_check_unmap(model, m, model->rules->levels, result);
	if (m->kind == VMEM_KIND_PROTECT)
		return model_check_protect(model, m, result);
	for (i = 0; i < m->len / page; i++) {
		ret = check_page(model, m, m->virt_base + i * page, result);
		if (ret)
			return ret;
	}
	return 0;
}

static void apply(struct model *model, const struct vmem_mapping *m,
		  unsigned int free_below, struct model_result *result)
{
	u64 page = entry_span(model->rules, 0), i;

	if (m->kind == VMEM_KIND_UNMAPPED) {
		model_unmap(model, m, true, free_below, result);
		return;
	}
	if (m->kind == VMEM_KIND_PROTECT) {
		model_protect(model, m, result);
		return;
	}
	for (i = 0; i < m->len / page; i++)
		map_page(model, m, m->virt_base + i * page, result);
}

void model_begin(struct model *model)
{
	model->needs.nr = 0;
	model->needs.many = false;
	memset(model->needs.leaving, 0, sizeof(model->needs.leaving));
	memset(model->needs.entered, 0, sizeof(model->needs.entered));
	model->checking = true;
}

/* All was checked: is there what it needs? */
int model_reserve(struct model *model, struct model_result *result)
{
	const struct model_needs *needs = &model->needs;
	u32 nr = model_count(model, MODEL_FREE);

	model->checking = false;
	result->lacking_known = !needs->many;
	if (needs->many)
		return -ENOSPC;
	if (needs->nr <= nr)
		return 0;
	result->lacking = needs->nr - nr;
	nr += model_count(model, MODEL_WAITS);
	if (needs->nr <= nr)
		return -EAGAIN;
	nr += model_count(model, MODEL_HELD);
	return needs->nr <= nr ? -EBUSY : -ENOSPC;
}

/*
 * All of a list or nothing; tables of a level less than @free_below go when
 * they are empty, the others at the end.
 */
static int change_together(struct model *model, const struct vmem_mapping *list,
			   u32 nr, unsigned int free_below,
			   struct model_result *result)
{
	u32 i, j, next;
	u64 from;
	int ret;

	/* in ascending order */
	model_begin(model);
	for (i = 0, from = 0; i < nr; i++, from = list[next].virt_base + 1) {
		for (j = 0, next = nr; j < nr; j++)
			if (list[j].len && list[j].virt_base >= from &&
			    (next == nr ||
			     list[j].virt_base < list[next].virt_base))
				next = j;
		if (next == nr)
			break;
		ret = check(model, &list[next], result);
		if (ret)
			return ret;
	}
	ret = model_reserve(model, result);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		apply(model, &list[i], free_below, result);
	for (i = 0; i < nr; i++)
		if (list[i].kind == VMEM_KIND_UNMAPPED)
			model_unmap(model, &list[i], false, model->rules->levels,
				    result);
	result->done = nr;
	return 0;
}

/* All of a list or nothing. */
static int change_atomic(struct model *model, const struct vmem_mapping *list,
			 u32 nr, struct model_result *result)
{
	u32 i, j;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = check_mapping(model, &list[i]);
		if (ret)
			return model_stop(result, list[i].virt_base, 0, ret);
	}
	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			if (list[i].len && list[j].len &&
			    list[i].virt_base <= list[j].virt_base + (list[j].len - 1) &&
			    list[j].virt_base <= list[i].virt_base + (list[i].len - 1)) {
				result->at_known = false;
				return -EINVAL;
			}
	return change_together(model, list, nr, 0, result);
}

void model_change(struct model *model, const struct vmem_mapping *list, u32 nr,
		  u32 flags, struct model_result *result)
{
	int ret = 0;

	memset(result, 0, sizeof(*result));
	result->lacking_known = true;
	model->flags = flags;
	if (flags & VMEM_CHANGE_ATOMIC) {
		ret = change_atomic(model, list, nr, result);
		nr = 0;
	}
	while (!ret && result->done < nr) {
		const struct vmem_mapping *m = &list[result->done];

		ret = check_mapping(model, m);
		if (ret) {
			model_stop(result, m->virt_base, 0, ret);
			break;
		}
		model_begin(model);
		ret = check(model, m, result) ?: model_reserve(model, result);
		if (ret)
			break;
		apply(model, m, model->rules->levels, result);
		result->done++;
	}
	model->checking = false;
	result->ret = ret;
}

void model_change_range(struct model *model, u64 start, u64 last,
			const struct vmem_mapping *what, u32 flags,
			struct model_result *result)
{
	u64 page = entry_span(model->rules, 0);
	u64 half = entry_span(model->rules, model->rules->levels) / 2;
	struct vmem_mapping parts[2] = { *what, *what };
	u32 nr = 1;
	int ret = 0;

	memset(result, 0, sizeof(*result));
	result->lacking_known = true;
	model->flags = flags;
	if (start % page || (last + 1) % page || start > last ||
	    start != sign_extend(model->rules, start) ||
	    last != sign_extend(model->rules, last)) {
		result->ret = -EINVAL;
		return;
	}
	parts[0].virt_base = start;
	parts[0].len = last - start + 1;
	/* the addresses between the halves are left out */
	if (model->rules->halves && start < half && last >= half) {
		parts[0].len = half - start;
		parts[1].virt_base = -half;
		parts[1].len = last + half + 1;
		nr = 2;
	}
	ret = check_mapping(model, &parts[0]);
	if (ret)
		model_stop(result, start, 0, ret);
	result->ret = ret ?: change_together(model, parts, nr,
					     model->rules->levels, result);
	model->checking = false;
}

static bool reached_twice(struct model *model, struct model_path *path,
			  u64 table, unsigned int level, u64 base, u64 *reached,
			  u32 *nr, u32 max)
{
	u64 span = entry_span(model->rules, level);
	struct decoded decoded;
	unsigned int i;
	u32 j, links;

	if (model_enter(model, path, table, level, base, &links))
		return false;
	for (j = 0; j < *nr; j++)
		if (reached[j] == table)
			return true;
	if (*nr == max)
		return true;
	reached[(*nr)++] = table;
	path->table[level] = table;
	for (i = 0; level && i < nr_slots(model->rules, level); i++) {
		model_read_entry(model, table, level, i, &decoded);
		if (decoded.kind == IS_TABLE &&
		    reached_twice(model, path, decoded.gpa, level - 1,
				  base + i * span, reached, nr, max))
			return true;
	}
	return false;
}

bool model_aliased(struct model *model, u32 flags)
{
	struct model_path path;
	u64 reached[80];
	u32 nr = 0;

	model->flags = flags;
	return reached_twice(model, &path, model->kept.root,
			     model->rules->levels - 1, 0, reached, &nr,
			     ARRAY_SIZE(reached));
}
