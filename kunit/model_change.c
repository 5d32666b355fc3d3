// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model maps and unmaps: first everything is checked, then done; maps a
 * page at a time, from the root for each page, unmaps by recursion.
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

static struct model_table *pool_table(struct model *model, u64 table)
{
	u64 first = guest_gpa(&model->guest, PART_POOL, 0);
	u64 nr = (table - first) >> model->guest.table_lg2;

	return table >= first && nr < POOL_TABLES ? &model->tables[nr] : NULL;
}

u64 model_take(struct model *model, unsigned int level, u64 parent,
	       unsigned int slot)
{
	u64 table;
	u32 i;

	for (i = 0; model->tables[i].state != MODEL_FREE; i++)
		;
	model->touched = max(model->touched, i + 1);
	model->tables[i] = (struct model_table){
		.state = MODEL_USED, .level = level, .parent = parent,
		.slot = slot, .links = 1,
	};
	table = guest_gpa(&model->guest, PART_POOL, i);
	memset(guest_host(&model->guest, table), 0,
	       nr_entries(model->rules) * sizeof(u64));
	return table;
}

u32 model_count(const struct model *model, enum model_state state)
{
	u32 i, nr = state == MODEL_FREE ? POOL_TABLES - model->touched : 0;

	for (i = 0; i < model->touched; i++)
		nr += model->tables[i].state == state;
	return nr;
}

void model_flushed(struct model *model, u64 generation)
{
	u32 i;

	for (i = 0; i < model->touched; i++)
		if (model->tables[i].state == MODEL_WAITS &&
		    model->tables[i].generation <= generation)
			model->tables[i].state = MODEL_FREE;
}

static void read_entry(struct model *model, u64 table, unsigned int level,
		       unsigned int index, struct decoded *decoded)
{
	model->rules->decode(&model->cpu, guest_read(&model->guest, table, index),
			     level, decoded);
}

/*
 * May a table of this level, which the entry names, be entered, to change what
 * is below? One of ours only by the entry that was made for it.
 */
static int enter(struct model *model, u64 table, unsigned int level, u64 parent,
		 unsigned int slot)
{
	struct model_table *mine = pool_table(model, table);

	if (mine && (mine->state != MODEL_USED || mine->level != level))
		return -EEXIST;
	if (mine && mine->links > 1)
		return -EMLINK;
	if (mine && (mine->parent != parent || mine->slot != slot))
		return -EEXIST;
	return guest_host(&model->guest, table) ? 0 : -ENXIO;
}

static int stop(struct model_result *result, u64 va, unsigned int level,
		int err)
{
	result->at_va = va;
	result->at_level = level;
	result->at_known = err != -EROFS;
	return err;
}

static bool is_zero(struct model *model, u64 table)
{
	const vmem_pte_t *host = guest_host(&model->guest, table);
	unsigned int i;

	for (i = 0; i < nr_entries(model->rules); i++)
		if (host[i])
			return false;
	return true;
}

static void flush(struct model_result *result, u64 va, u64 len)
{
	u64 last = va + (len - 1);

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

/* Is what is asked for well-formed? */
static int check_mapping(struct model *model, const struct vmem_mapping *m)
{
	u64 page = entry_span(model->rules, 0), last, upper;

	if (m->virt_base % page || m->phys_base % page || m->len % page)
		return -EINVAL;
	if (!m->len)
		return 0;
	last = m->virt_base + m->len - 1;
	if (last < m->virt_base)
		return -EOVERFLOW;
	upper = -(entry_span(model->rules, model->rules->levels) / 2);
	if (m->virt_base >= upper ? last < upper : last >= -upper)
		return -EINVAL;
	if (m->kind == VMEM_KIND_UNMAPPED)
		return 0;
	if (m->kind != VMEM_KIND_BASIC)
		return -EOPNOTSUPP;
	last = m->phys_base + m->len - 1;
	if (last < m->phys_base || last >= 1ULL << model->cpu.phys_bits)
		return -EOVERFLOW;
	return model->rules->expressible(&model->cpu, m->basic.attrs) ?
	       0 : -EOPNOTSUPP;
}

static void add_missing(struct model *model, unsigned int level, u64 va)
{
	struct missing *missing = &model->missing;
	u64 span = va / entry_span(model->rules, level + 1);
	u32 i;

	for (i = missing->nr; i--;)
		if (missing->tables[i].level == level &&
		    missing->tables[i].span == span)
			return;
	if (missing->nr == MISSING_MAX) {
		missing->many = true;
		return;
	}
	missing->tables[missing->nr].level = level;
	missing->tables[missing->nr++].span = span;
}

static bool covers(const struct vmem_mapping *m, u64 first, u64 span)
{
	return first >= m->virt_base &&
	       first + (span - 1) <= m->virt_base + (m->len - 1);
}

static int check_page(struct model *model, const struct vmem_mapping *m,
		      u64 va, u32 flags, struct model_result *result)
{
	unsigned int level = model->rules->levels - 1, l;
	u64 table = model->root, span;
	struct decoded decoded;
	unsigned int index;
	int ret;

	ret = enter(model, table, level, MODEL_NO_PARENT, 0);
	if (ret)
		return stop(result, va, level + 1, ret);
	for (;; level--) {
		index = entry_index(model->rules, va, level);
		read_entry(model, table, level, index, &decoded);
		if (decoded.kind == IS_TABLE) {
			if (m->basic.attrs & ~decoded.attrs)
				return stop(result, va, level, -EEXIST);
			ret = enter(model, decoded.gpa, level - 1, table, index);
			if (ret)
				return stop(result, va, level, ret);
			table = decoded.gpa;
			continue;
		}
		if (!level && !guest_writable(&model->guest, table))
			return stop(result, va, level, -EROFS);
		if (decoded.kind != IS_HOLE) {
			span = entry_span(model->rules, level);
			if (!(flags & VMEM_CHANGE_REPLACE))
				return stop(result, va, level, -EEXIST);
			if (!covers(m, va - va % span, span))
				return stop(result, va, level, -ERANGE);
		}
		if (!guest_writable(&model->guest, table))
			return stop(result, va, level, -EROFS);
		for (l = 0; l < level; l++)
			add_missing(model, l, va);
		return 0;
	}
}

static void map_page(struct model *model, const struct vmem_mapping *m, u64 va,
		     struct model_result *result)
{
	unsigned int level = model->rules->levels - 1, index;
	u64 table = model->root, page = entry_span(model->rules, 0), child;
	struct decoded decoded;

	for (;; level--) {
		index = entry_index(model->rules, va, level);
		read_entry(model, table, level, index, &decoded);
		if (decoded.kind != IS_HOLE && decoded.kind != IS_TABLE)
			flush(result, va, page);
		if (!level)
			break;
		if (decoded.kind == IS_TABLE) {
			table = decoded.gpa;
			continue;
		}
		if (decoded.kind != IS_HOLE)
			flush(result, va, entry_span(model->rules, level));
		child = model_take(model, level - 1, table, index);
		guest_write(&model->guest, table, index,
			    model->rules->table(child));
		table = child;
	}
	guest_write(&model->guest, table, index,
		    model->rules->leaf(m->phys_base + (va - m->virt_base),
				       m->basic.attrs));
	result->pages++;
}

/* What unmapping does to an entry that is not a table to go through. */
static bool is_like_leaf(struct model *model, u64 table, unsigned int level,
			 unsigned int index, const struct decoded *decoded,
			 int *err)
{
	*err = 0;
	if (level && decoded->kind == IS_TABLE) {
		*err = enter(model, decoded->gpa, level - 1, table, index);
		return *err == -EEXIST || *err == -ENXIO;
	}
	if (decoded->kind != IS_HOLE)
		*err = -ERANGE;
	return true;
}

/* @empty: will the table be all zeroes afterwards? */
static int check_unmap(struct model *model, const struct vmem_mapping *m,
		       u64 table, unsigned int level, u64 base, bool *empty,
		       struct model_result *result)
{
	u64 span = entry_span(model->rules, level);
	bool writable = guest_writable(&model->guest, table), child_empty;
	const vmem_pte_t *host = guest_host(&model->guest, table);
	u64 m_last = m->virt_base + (m->len - 1);
	struct decoded decoded;
	unsigned int i;
	int err;

	*empty = true;
	for (i = 0; i < nr_entries(model->rules); i++) {
		u64 va = sign_extend(model->rules, base + i * span);
		u64 at = va < m->virt_base ? m->virt_base : va;

		if (!host[i])
			continue;
		read_entry(model, table, level, i, &decoded);
		if (va + (span - 1) < m->virt_base || va > m_last) {
			*empty = false;
			continue;
		}
		if (is_like_leaf(model, table, level, i, &decoded, &err)) {
			if (covers(m, va, span)) {
				if (!writable)
					return stop(result, at, level, -EROFS);
				continue;
			}
			*empty = false;
			if (err)
				return stop(result, at, level, err);
			continue;
		}
		if (err)
			return stop(result, at, level, err);
		err = check_unmap(model, m, decoded.gpa, level - 1, va,
				  &child_empty, result);
		if (err)
			return err;
		if (child_empty && pool_table(model, decoded.gpa)) {
			if (!writable)
				return stop(result, at, level, -EROFS);
			continue;
		}
		*empty = false;
	}
	return 0;
}

/* @zero: clear entries; @drop: let go of tables that are empty. */
static void unmap(struct model *model, const struct vmem_mapping *m, u64 table,
		  unsigned int level, u64 base, bool zero, bool drop,
		  struct model_result *result)
{
	const vmem_pte_t *host = guest_host(&model->guest, table);
	u64 span = entry_span(model->rules, level);
	u64 m_last = m->virt_base + (m->len - 1);
	struct decoded decoded;
	unsigned int i;
	int err;

	for (i = 0; i < nr_entries(model->rules); i++) {
		u64 va = sign_extend(model->rules, base + i * span);

		if (!host[i] || va + (span - 1) < m->virt_base || va > m_last)
			continue;
		read_entry(model, table, level, i, &decoded);
		if (is_like_leaf(model, table, level, i, &decoded, &err)) {
			if (!zero || !covers(m, va, span))
				continue;
			guest_write(&model->guest, table, i, 0);
			if (decoded.kind != IS_HOLE)
				flush(result, va, span);
			if (decoded.kind == IS_LEAF)
				result->pages += span / entry_span(model->rules, 0);
			continue;
		}
		if (err)
			continue;
		unmap(model, m, decoded.gpa, level - 1, va, zero, drop, result);
		/* in a list it may turn out only now that it can't be let go of */
		if (drop && guest_writable(&model->guest, table) &&
		    pool_table(model, decoded.gpa) && is_zero(model, decoded.gpa)) {
			struct model_table *mine = pool_table(model, decoded.gpa);

			guest_write(&model->guest, table, i, 0);
			mine->state = MODEL_WAITS;
			mine->generation = model->generation;
			result->freed = true;
		}
	}
}

static int check(struct model *model, const struct vmem_mapping *m, u32 flags,
		 struct model_result *result)
{
	unsigned int top = model->rules->levels - 1;
	u64 page = entry_span(model->rules, 0), i;
	bool empty;
	int ret;

	if (m->kind == VMEM_KIND_UNMAPPED) {
		if (!m->len)
			return 0;
		ret = enter(model, model->root, top, MODEL_NO_PARENT, 0);
		if (ret)
			return stop(result, m->virt_base, top + 1, ret);
		return check_unmap(model, m, model->root, top, 0, &empty, result);
	}
	for (i = 0; i < m->len / page; i++) {
		ret = check_page(model, m, m->virt_base + i * page, flags,
				 result);
		if (ret)
			return ret;
	}
	return 0;
}

static void apply(struct model *model, const struct vmem_mapping *m, bool drop,
		  struct model_result *result)
{
	u64 page = entry_span(model->rules, 0), i;

	if (!m->len)
		return;
	if (m->kind == VMEM_KIND_UNMAPPED) {
		unmap(model, m, model->root, model->rules->levels - 1, 0, true,
		      drop, result);
		return;
	}
	for (i = 0; i < m->len / page; i++)
		map_page(model, m, m->virt_base + i * page, result);
}

static int reserve(struct model *model)
{
	const struct missing *missing = &model->missing;
	u32 nr_free = model_count(model, MODEL_FREE);

	if (!missing->many && missing->nr <= nr_free)
		return 0;
	if (!missing->many &&
	    missing->nr <= nr_free + model_count(model, MODEL_WAITS))
		return -EAGAIN;
	return -ENOSPC;
}

/* All of a list or nothing. */
static int change_atomic(struct model *model, const struct vmem_mapping *list,
			 u32 nr, u32 flags, struct model_result *result)
{
	u32 i, j, next;
	u64 from;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = check_mapping(model, &list[i]);
		if (ret)
			return stop(result, list[i].virt_base, 0, ret);
	}
	for (i = 0; i < nr; i++)
		for (j = 0; j < i; j++)
			if (list[i].len && list[j].len &&
			    list[i].virt_base <= list[j].virt_base + (list[j].len - 1) &&
			    list[j].virt_base <= list[i].virt_base + (list[i].len - 1)) {
				result->at_known = false;
				return -EINVAL;
			}
	/* in ascending order */
	model->missing.nr = 0;
	model->missing.many = false;
	for (i = 0, from = 0; i < nr; i++, from = list[next].virt_base + 1) {
		for (j = 0, next = nr; j < nr; j++)
			if (list[j].len && list[j].virt_base >= from &&
			    (next == nr ||
			     list[j].virt_base < list[next].virt_base))
				next = j;
		if (next == nr)
			break;
		ret = check(model, &list[next], flags, result);
		if (ret)
			return ret;
	}
	ret = reserve(model);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		apply(model, &list[i], false, result);
	for (i = 0; i < nr; i++)
		if (list[i].kind == VMEM_KIND_UNMAPPED && list[i].len)
			unmap(model, &list[i], model->root,
			      model->rules->levels - 1, 0, false, true, result);
	result->done = nr;
	return 0;
}

void model_change(struct model *model, const struct vmem_mapping *list, u32 nr,
		  u32 flags, struct model_result *result)
{
	int ret = 0;

	memset(result, 0, sizeof(*result));
	if (flags & VMEM_CHANGE_ATOMIC) {
		ret = change_atomic(model, list, nr, flags, result);
		nr = 0;
	}
	while (!ret && result->done < nr) {
		const struct vmem_mapping *m = &list[result->done];

		model->missing.nr = 0;
		model->missing.many = false;
		ret = check_mapping(model, m);
		if (ret) {
			stop(result, m->virt_base, 0, ret);
			break;
		}
		ret = check(model, m, flags, result);
		if (!ret)
			ret = reserve(model);
		if (ret)
			break;
		apply(model, m, true, result);
		result->done++;
	}
	result->ret = ret;
	if (result->freed)
		result->flush = VMEM_FLUSH_ALL;
}

static bool reached_twice(struct model *model, u64 table, unsigned int level,
			  u64 parent, unsigned int slot, u64 *reached, u32 *nr,
			  u32 max)
{
	struct decoded decoded;
	unsigned int i;
	u32 j;

	if (enter(model, table, level, parent, slot))
		return false;
	for (j = 0; j < *nr; j++)
		if (reached[j] == table)
			return true;
	if (*nr == max)
		return true;
	reached[(*nr)++] = table;
	for (i = 0; level && i < nr_entries(model->rules); i++) {
		model->rules->decode(&model->cpu,
				     guest_read(&model->guest, table, i), level,
				     &decoded);
		if (decoded.kind == IS_TABLE &&
		    reached_twice(model, decoded.gpa, level - 1, table, i,
				  reached, nr, max))
			return true;
	}
	return false;
}

bool model_aliased(struct model *model)
{
	u64 reached[80];
	u32 nr = 0;

	return reached_twice(model, model->root, model->rules->levels - 1,
			     MODEL_NO_PARENT, 0, reached, &nr,
			     ARRAY_SIZE(reached));
}
