// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's tables: whose they are, who links to them, and how they move.
 */
#include "model.h"

static u32 page_number(const struct model *model, u64 table)
{
	return (table - guest_gpa(&model->guest, PART_POOL, 0)) >>
	       model->guest.table_lg2;
}

struct model_table *model_page(struct model *model, u64 table)
{
	u64 first = guest_gpa(&model->guest, PART_POOL, 0);

	if (table < first || (table - first) >> model->guest.table_lg2 >= POOL_TABLES)
		return NULL;
	return &model->kept.tables[page_number(model, table)];
}

/* An entry names a table now; what it had named may be gone with that. */
void model_linked(struct model_result *result, u32 changes)
{
	if (!changes)
		return;
	result->changes |= changes;
	model_flush_all(result);
}

u64 model_take(struct model *model, unsigned int level, u64 parent,
	       unsigned int slot, struct model_result *result)
{
	u64 table;
	u32 i;

	for (i = 0; model->kept.tables[i].state != MODEL_FREE; i++)
		;
	model->touched = max(model->touched, i + 1);
	model->kept.tables[i] = (struct model_table){
		.state = MODEL_USED, .level = level,
	};
	table = guest_gpa(&model->guest, PART_POOL, i);
	model_linked(result, model_add_link(model, table, parent, slot));
	memset(guest_host(&model->guest, table), 0,
	       nr_slots(model->rules, level) * sizeof(u64));
	return table;
}

u32 model_count(const struct model *model, enum model_state state)
{
	u32 i, nr = state == MODEL_FREE ? POOL_TABLES - model->touched : 0;

	for (i = 0; i < model->touched; i++)
		nr += model->kept.tables[i].state == state;
	return nr;
}

void model_hold(struct model *model, u32 nr)
{
	u32 i;

	for (i = 0; nr; i++) {
		if (model->kept.tables[i].state != MODEL_FREE)
			continue;
		model->kept.tables[i].state = MODEL_HELD;
		model->touched = max(model->touched, i + 1);
		nr--;
	}
}

void model_unhold(struct model *model)
{
	u32 i;

	for (i = 0; i < model->touched; i++)
		if (model->kept.tables[i].state == MODEL_HELD)
			model->kept.tables[i].state = MODEL_FREE;
}

void model_flushed(struct model *model, u64 generation)
{
	struct model_table *tables = model->kept.tables;
	u32 i;

	for (i = 0; i < model->touched; i++)
		if (tables[i].state == MODEL_WAITS &&
		    tables[i].generation <= generation)
			tables[i].state = MODEL_FREE;
}

u32 model_count_links(const struct model *model, u32 page, u64 parent, u32 slot)
{
	const struct model_link *links = model->kept.links;
	u32 i, nr = 0;

	for (i = 0; i < model->kept.nr_links; i++)
		nr += links[i].page == page && links[i].parent == parent &&
		      links[i].slot == slot;
	return nr;
}

u32 model_links(const struct model *model)
{
	u32 i, nr = 0;

	for (i = 0; i < model->kept.nr_links; i++)
		nr += model->kept.links[i].parent != MODEL_NO_PARENT;
	return nr;
}

/* The i-th link is no more. With its last one a table goes, and its links with it. */
static void cut_link(struct model *model, u32 i)
{
	struct model_kept *kept = &model->kept;
	struct model_table *mine = &kept->tables[kept->links[i].page];
	u64 gone = guest_gpa(&model->guest, PART_POOL, kept->links[i].page);

	kept->links[i] = kept->links[--kept->nr_links];
	if (--mine->links)
		return;
	mine->state = MODEL_WAITS;
	mine->generation = model->generation;
	for (i = kept->nr_links; i--; i = min(i, kept->nr_links))
		if (kept->links[i].parent == gone)
			cut_link(model, i);
}

/* The link that this entry has, of whatever table; where there is none, behind all. */
static u32 find_link(const struct model *model, u64 parent, u32 slot)
{
	const struct model_kept *kept = &model->kept;
	u32 i;

	for (i = 0; i < kept->nr_links; i++)
		if (kept->links[i].parent == parent && kept->links[i].slot == slot)
			break;
	return i;
}

u32 model_add_link(struct model *model, u64 table, u64 parent, u32 slot)
{
	struct model_kept *kept = &model->kept;
	u32 page = page_number(model, table), i, changes = 0;
	struct model_table *hidden;

	i = parent == MODEL_NO_PARENT ? kept->nr_links :
	    find_link(model, parent, slot);
	/* what a guest hid from it, but what it is again */
	if (i < kept->nr_links) {
		if (kept->links[i].page == page)
			return 0;
		hidden = &kept->tables[kept->links[i].page];
		cut_link(model, i);
		changes = hidden->links ? VMEM_CHANGED_UNSHARED : VMEM_CHANGED_FREED;
	}
	/* the suites make no more: what is behind is not looked at */
	if (kept->nr_links == MODEL_LINKS_MAX)
		return changes;
	kept->links[kept->nr_links++] = (struct model_link){
		.parent = parent, .slot = slot, .page = page,
	};
	model->linked = max(model->linked, kept->nr_links);
	model_page(model, table)->links++;
	return changes;
}

void model_drop_link(struct model *model, u64 table, u64 parent, u32 slot)
{
	struct model_kept *kept = &model->kept;
	u32 i;

	for (i = 0; i < kept->nr_links; i++)
		if (kept->links[i].page == page_number(model, table) &&
		    kept->links[i].parent == parent && kept->links[i].slot == slot)
			break;
	if (i < kept->nr_links)
		cut_link(model, i);
}

void model_drop_root(struct model *model, u64 root)
{
	if (model_page(model, root))
		model_drop_link(model, root, MODEL_NO_PARENT, 0);
}

void model_read_entry(struct model *model, u64 table, unsigned int level,
		      unsigned int index, struct decoded *decoded)
{
	model->rules->decode(&model->cpu, guest_read(&model->guest, table, index),
			     level, decoded);
}

bool model_is_zero(struct model *model, u64 table)
{
	const vmem_pte_t *host = guest_host(&model->guest, table);
	unsigned int i;

	for (i = 0; i < nr_entries(model->rules); i++)
		if (host[i])
			return false;
	return true;
}

u32 *model_leaving(struct model *model, u64 table)
{
	return &model->needs.leaving[page_number(model, table)];
}

u64 *model_entered(struct model *model, u64 table)
{
	return &model->needs.entered[page_number(model, table)];
}

int model_enter(struct model *model, const struct model_path *path, u64 table,
		unsigned int level, u64 va, u32 *links)
{
	struct model_table *mine = model_page(model, table);
	bool root = level + 1 == model->rules->levels;
	u64 parent = root ? MODEL_NO_PARENT : path->table[level + 1];
	u32 slot = root ? 0 : entry_index(model->rules, va, level + 1);

	*links = 0;
	if (mine) {
		if (mine->state != MODEL_USED ||
		    !model_count_links(model, page_number(model, table), parent,
				       slot))
			return -EEXIST;
		/* another format's */
		if (mine->level != level)
			return -EINVAL;
		*links = mine->links;
		/* a copy of the table above will link to it too */
		if (!root && model_moves(model, level + 1, va))
			++*links;
		if (*links > 1 && !(model->flags & VMEM_CHANGE_SHARED_OK))
			return -EMLINK;
	}
	return guest_host(&model->guest, table) ? 0 : -ENXIO;
}

/* The number of the span of a table: a root has but one, with both halves. */
static u64 span_number(const struct model *model, unsigned int level, u64 va)
{
	return va % entry_span(model->rules, model->rules->levels) /
	       entry_span(model->rules, level + 1);
}

/*
 * 0; -EEXIST: another mapping wants it with other permissions, where not both
 * leave it to the change what is granted.
 */
static int need(struct model *model, unsigned int level, u64 va, bool moves,
		u32 perms, bool given)
{
	struct model_needs *needs = &model->needs;
	u64 span = span_number(model, level, va);
	u32 i;

	for (i = needs->nr; i--;) {
		if (needs->tables[i].level != level ||
		    needs->tables[i].span != span ||
		    needs->tables[i].moves != moves)
			continue;
		if (needs->tables[i].perms == perms)
			return 0;
		return model->flags & VMEM_CHANGE_WIDEN && !given &&
		       !needs->tables[i].given ? 0 : -EEXIST;
	}
	if (needs->nr == NEEDS_MAX) {
		needs->many = true;
		return 0;
	}
	needs->tables[needs->nr].level = level;
	needs->tables[needs->nr].span = span;
	needs->tables[needs->nr].perms = perms;
	needs->tables[needs->nr].given = given;
	needs->tables[needs->nr++].moves = moves;
	return 0;
}

int model_need(struct model *model, const struct vmem_mapping *m,
	       unsigned int level, u64 va)
{
	return need(model, level, va, false, m ? model_perms(m, level + 1) : VMEM_RWXU,
		    m && m->path_given);
}

bool model_moved(const struct model *model, unsigned int level, u64 va)
{
	const struct model_needs *needs = &model->needs;
	u64 span = span_number(model, level, va);
	u32 i;

	for (i = needs->nr; i--;)
		if (needs->tables[i].level == level &&
		    needs->tables[i].span == span && needs->tables[i].moves)
			return true;
	return false;
}

bool model_moves(const struct model *model, unsigned int level, u64 va)
{
	return model->checking && model->guest.movable &&
	       model_moved(model, level, va);
}

bool model_writable(const struct model *model, const struct model_path *path,
		    unsigned int level)
{
	return guest_writable(&model->guest, path->table[level]);
}

bool model_is_ours(struct model *model, u64 table, unsigned int level, u64 parent,
		   unsigned int slot)
{
	struct model_table *mine = model_page(model, table);

	return mine && mine->state == MODEL_USED && mine->level == level &&
	       model_count_links(model, page_number(model, table), parent, slot);
}

bool model_names_others(struct model *model, u64 table, unsigned int level)
{
	struct model_table *mine;
	struct decoded decoded;
	unsigned int i;

	for (i = 0; i < nr_slots(model->rules, level); i++) {
		model_read_entry(model, table, level, i, &decoded);
		mine = decoded.kind == IS_TABLE ? model_page(model, decoded.gpa) :
						  NULL;
		if (mine && mine->state == MODEL_USED && mine->level + 1 != level &&
		    model_count_links(model, page_number(model, decoded.gpa),
				      table, i))
			return true;
	}
	return false;
}

/*
 * What names a frozen table will be written, up to a table that can be; or the
 * space has another root.
 */
int model_want(struct model *model, const struct model_path *path,
	       unsigned int level, u64 va)
{
	if (model_writable(model, path, level))
		return 0;
	if (!model->guest.movable)
		return -EROFS;
	if (model_names_others(model, path->table[level], level))
		return -EINVAL;
	need(model, level, va, true, 0, false);
	return level + 1 == model->rules->levels ? 0 :
	       model_want(model, path, level + 1, va);
}

void model_link_children(struct model *model, u64 from, u64 to, unsigned int level)
{
	struct decoded decoded;
	unsigned int i;

	for (i = 0; level && i < nr_slots(model->rules, level); i++) {
		model_read_entry(model, from, level, i, &decoded);
		if (decoded.kind == IS_TABLE &&
		    model_is_ours(model, decoded.gpa, level - 1, from, i))
			model_add_link(model, decoded.gpa, to, i);
	}
}

void model_move(struct model *model, struct model_path *path,
		unsigned int level, u64 va, struct model_result *result)
{
	bool root = level + 1 == model->rules->levels;
	u64 old = path->table[level], copy, entry;
	unsigned int i;

	if (model_writable(model, path, level))
		return;
	if (!root)
		model_move(model, path, level + 1, va, result);
	i = root ? 0 : entry_index(model->rules, va, level + 1);
	copy = model_take(model, level, root ? MODEL_NO_PARENT :
			  path->table[level + 1], i, result);
	if (root) {
		model->kept.root = copy;
	} else {
		entry = guest_read(&model->guest, path->table[level + 1], i);
		guest_write(&model->guest, path->table[level + 1], i,
			    model->rules->rename(&model->cpu, entry, copy));
	}
	for (i = 0; i < nr_slots(model->rules, level); i++)
		guest_write(&model->guest, copy, i,
			    guest_read(&model->guest, old, i));
	model_link_children(model, old, copy, level);
	path->table[level] = copy;
	result->changes |= VMEM_CHANGED_MOVED;
	model_flush_all(result);
}
