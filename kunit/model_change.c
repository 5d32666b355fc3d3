// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's changes as a whole: first everything is checked, then done.
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

/*
 * Are its levels such that there are leaves, and its addresses multiples of them?
 * @lowest: of the tables that its path can have entries in.
 */
static int check_sizes(const struct model *model, const struct vmem_mapping *m,
		       unsigned int *lowest)
{
	unsigned int level = 0;
	u32 levels;
	u64 span;
	int ret;

	ret = model_levels(model, m, &levels);
	if (ret)
		return ret;
	while (!(levels & BIT(level)))
		level++;
	span = entry_span(model->rules, level);
	*lowest = level + 1;
	return m->virt_base % span || m->len % span ||
	       (m->kind != VMEM_KIND_RAW && m->phys_base % span) ? -EINVAL : 0;
}

/* An entry that is not present, but holds bits. */
static int check_raw(const struct model *model, const struct vmem_mapping *m)
{
	struct decoded decoded;

	model->rules->decode(&model->cpu, m->phys_base, 0, &decoded);
	return !m->phys_base || decoded.kind != IS_HOLE ? -EINVAL : 0;
}

static int check_frames(const struct model *model, const struct vmem_mapping *m)
{
	u64 last = m->phys_base + m->len - 1;

	return last < m->phys_base ||
	       !model->rules->has(&model->cpu, m->phys_base, last) ? -EOVERFLOW : 0;
}

static int check_attrs(const struct model *model, const struct vmem_mapping *m)
{
	if (m->kind == VMEM_KIND_BASIC && m->basic.attrs & VMEM_COW)
		return -EOPNOTSUPP;
	return model->rules->expressible(&model->cpu, model_attrs(model, m)) ?
	       0 : -EOPNOTSUPP;
}

/* Is what is asked for well-formed? */
static int check_mapping(struct model *model, const struct vmem_mapping *m)
{
	u64 page = entry_span(model->rules, 0), last, half;
	unsigned int lowest;
	u32 targets;

	if (m->virt_base % page || m->len % page ||
	    (m->kind != VMEM_KIND_RAW && m->phys_base % page))
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
	case VMEM_KIND_PROMOTE:
		return model_targets(model, m, &targets);
	case VMEM_KIND_BASIC:
	case VMEM_KIND_COW:
		return check_frames(model, m) ?: check_sizes(model, m, &lowest) ?:
		       check_attrs(model, m) ?:
		       model_check_path(model, m, lowest);
	case VMEM_KIND_RAW:
		return check_raw(model, m) ?: check_sizes(model, m, &lowest) ?:
		       model_check_path(model, m, lowest);
	default:
		return -EOPNOTSUPP;
	}
}

bool model_covers(const struct vmem_mapping *m, u64 va, u64 span)
{
	return va >= m->virt_base &&
	       va + (span - 1) <= m->virt_base + (m->len - 1);
}

u32 model_perms(const struct vmem_mapping *m, unsigned int level)
{
	u32 user = 0;

	if (m->path_given)
		return m->path >> (4 * level) & 0xf;
	if (m->kind == VMEM_KIND_BASIC)
		user = m->basic.attrs & VMEM_U;
	if (m->kind == VMEM_KIND_COW)
		user = m->cow.attrs & VMEM_U;
	return VMEM_R | VMEM_W | VMEM_X | user;
}

int model_check_perms(const struct vmem_mapping *m, unsigned int level,
		      u32 needs, u32 granted)
{
	if (m->path_given)
		return granted == model_perms(m, level) ? 0 : -EEXIST;
	return (needs & granted) == needs ? 0 : -EEXIST;
}

static int check(struct model *model, const struct vmem_mapping *m,
		 struct model_result *result)
{
	switch (m->kind) {
	case VMEM_KIND_UNMAPPED:
		return model_check_unmap(model, m, model->rules->levels, result);
	case VMEM_KIND_PROTECT:
		return model_protect(model, m, result);
	case VMEM_KIND_PROMOTE:
		return model_promote(model, m, result);
	default:
		return model_check_map(model, m, result);
	}
}

static void apply(struct model *model, const struct vmem_mapping *m,
		  unsigned int free_below, struct model_result *result)
{
	switch (m->kind) {
	case VMEM_KIND_UNMAPPED:
		model_unmap(model, m, true, free_below, result);
		break;
	case VMEM_KIND_PROTECT:
		model_protect(model, m, result);
		break;
	case VMEM_KIND_PROMOTE:
		model_promote(model, m, result);
		break;
	default:
		model_map(model, m, result);
	}
}

void model_begin(struct model *model)
{
	model->needs.nr = 0;
	model->needs.elsewhere = 0;
	model->needs.many = false;
	memset(model->needs.leaving, 0, sizeof(model->needs.leaving));
	memset(model->needs.entered, 0, sizeof(model->needs.entered));
	model->checking = true;
}

/* All was checked: is there what it needs? */
int model_reserve(struct model *model, struct model_result *result)
{
	const struct model_needs *needs = &model->needs;
	u32 nr = model_count(model, MODEL_FREE), all = needs->nr + needs->elsewhere;

	model->checking = false;
	result->lacking_known = !needs->many;
	if (needs->many)
		return -ENOSPC;
	if (all <= nr)
		return 0;
	result->lacking = all - nr;
	nr += model_count(model, MODEL_WAITS);
	if (all <= nr)
		return -EAGAIN;
	nr += model_count(model, MODEL_HELD);
	return all <= nr ? -EBUSY : -ENOSPC;
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
