// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the suites share: making guests, and places and entries in them.
 */
#include "bench.h"

#define EACH_ENGINE(_id, _name, ...)	&engine_##_name,

const struct engine *const engines[VMEM_NR_FORMATS + 1] = {
	VMEM_FORMATS(EACH_ENGINE)
	&engine_toy,
};

const struct engine *const engines_x86_64[2] = {
	&engine_x86_64_4level, &engine_x86_64_5level,
};

static void *allocate(struct kunit *test, size_t size)
{
	void *bytes = kunit_kzalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	return bytes;
}

struct bench *bench_begin_engine(struct kunit *test, const struct engine *e,
				 unsigned int phys_bits, bool nxe_off,
				 unsigned int cow)
{
	const struct cpu cpu = {
		.phys_bits = phys_bits ? phys_bits : e->fmt->phys_bits,
		.nxe_off = nxe_off,
		.cow = cow ? cow : 1,
	};

	return bench_begin_facts(test, e, &cpu);
}

struct bench *bench_begin_facts(struct kunit *test, const struct engine *e,
				const struct cpu *cpu)
{
	struct bench *b = allocate(test, sizeof(*b));

	b->test = test;
	b->e = e;
	b->rules = e->rules;
	guest_init(test, &b->guest, e->fmt);
	model_init(test, &b->model, e->rules, e->fmt, cpu);
	KUNIT_ASSERT_EQ(test, 0, engine_cpu_facts(e, &b->space.facts, cpu));
	b->out = allocate(test, RECORDS_MAX * sizeof(*b->out));
	b->records.out = allocate(test, RECORDS_MAX * sizeof(*b->records.out));
	b->records.max = RECORDS_MAX;
	b->slots[0] = allocate(test, sizeof(**b->slots) << SEEN_LG2_MAX);
	b->slots[1] = allocate(test, sizeof(**b->slots) << SEEN_LG2_MAX);
	b->image = allocate(test, bench_image_len(b));
	b->kept[0] = allocate(test, bench_guest_image_len(b));
	b->kept[1] = allocate(test, bench_guest_image_len(b));
	bench_reset(b);
	return b;
}

struct bench *bench_begin_cpu(struct kunit *test, unsigned int phys_bits,
			      bool nxe_off, unsigned int cow)
{
	return bench_begin_engine(test,
				  *(const struct engine *const *)test->param_value,
				  phys_bits, nxe_off, cow);
}

struct bench *bench_begin(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;

	return bench_begin_engine(test, e, e->fmt->phys_bits > 48 ? 48 : 0, false,
				  0);
}

struct bench *bench_begin_cet(struct kunit *test)
{
	const struct engine *e = *(const struct engine *const *)test->param_value;
	const struct cpu cpu = {
		.phys_bits = e->fmt->phys_bits, .cow = 1, .cet = true,
	};
	struct vmem_facts facts;

	if (engine_cpu_facts(e, &facts, &cpu))
		kunit_skip(test, "no shadow stacks");
	return bench_begin_facts(test, e, &cpu);
}

void bench_reset(struct bench *b)
{
	guest_reset(&b->guest);
	guest_reset(&b->model.guest);
	memset(&b->model.kept, 0, sizeof(b->model.kept));
	b->model.touched = 0;
	b->model.linked = 0;
	b->model.generation = 1;
	b->used = 0;
	b->used_frozen = 0;

	bench_new_space(b, 0);
}

static void set_root(struct bench *b, u32 nr, u64 root)
{
	if (nr == b->guest.space) {
		b->space.root = vmem_table(root);
		b->model.kept.root = root;
	} else {
		b->spaces[nr] = b->space;
		b->spaces[nr].root = vmem_table(root);
	}
}

void bench_join_root(struct bench *b, u32 nr, u64 root, unsigned int level)
{
	struct vmem_pool *pool = model_page(&b->model, root) ? &b->guest.pool : NULL;

	KUNIT_ASSERT_EQ(b->test, 0,
			vmem_root_adopt(&b->guest.store, pool, vmem_table(root),
					level, &b->guest.roots[nr]));
	if (pool)
		model_add_link(&b->model, root, MODEL_NO_PARENT, 0);
}

void bench_set_root(struct bench *b, u32 nr, u64 root)
{
	bench_join_root(b, nr, root, bench_top(b));
	set_root(b, nr, root);
}

void bench_share_root(struct bench *b, u32 nr, u32 other)
{
	bench_set_root(b, nr, vmem_table_gpa(bench_space_nr(b, other)->root));
}

/* A table is set aside. */
static void reserve_one(struct bench *b)
{
	KUNIT_ASSERT_EQ(b->test, 0, guest_reserve(&b->guest, 1, 0));
}

void bench_new_space(struct bench *b, u32 nr)
{
	struct guest *guest = &b->guest;
	u64 root;

	reserve_one(b);
	guest->roots[nr] = vmem_root_make(&guest->pool, &guest->pages.res,
					  bench_top(b));
	set_root(b, nr, vmem_table_gpa(guest->roots[nr]->table));
	root = model_take(&b->model, bench_top(b), MODEL_NO_PARENT, 0, &b->result);
	KUNIT_ASSERT_EQ(b->test, root, vmem_table_gpa(bench_space_nr(b, nr)->root));
	memset(guest_host(&b->guest, root), 0, nr_slots(b->rules, bench_top(b)) * sizeof(u64));
}

void bench_use(struct bench *b, u32 nr)
{
	b->spaces[b->guest.space] = b->space;
	b->space = b->spaces[nr];
	b->guest.space = nr;
	b->model.kept.root = bench_root(b);
}

const struct vmem_space *bench_space_nr(struct bench *b, u32 nr)
{
	return nr == b->guest.space ? &b->space : &b->spaces[nr];
}

void bench_drop_space(struct bench *b, u32 nr)
{
	const struct vmem_space *space = bench_space_nr(b, nr);

	b->model.generation = ++b->guest.pool.generation;
	model_drop_root(&b->model, vmem_table_gpa(space->root));
	vmem_root_leave(&b->guest.store, b->guest.roots[nr]);
	guest_unreserve(&b->guest);
	bench_check_same(b, "a space that is gone");
}

u64 bench_take(struct bench *b, unsigned int level, u64 parent,
	       unsigned int slot)
{
	u64 table = model_take(&b->model, level, parent, slot, &b->result);

	reserve_one(b);
	vmem_pool_take(&b->guest.pool, &b->guest.pages.res, level,
		       vmem_table(parent), slot, 1);
	bench_write(b, parent, slot, bench_table_entry(b, table));
	return table;
}

void bench_use_up(struct bench *b, u32 nr)
{
	u64 parent = bench_outside(b);

	for (; nr; nr--) {
		model_take(&b->model, 0, parent, nr, &b->result);
		reserve_one(b);
		vmem_pool_take(&b->guest.pool, &b->guest.pages.res, 0,
			       vmem_table(parent), nr, 1);
	}
}

void bench_hold(struct bench *b, u32 nr)
{
	KUNIT_ASSERT_EQ(b->test, 0, vmem_pool_reserve(&b->guest.pool,
						      &b->guest.held, nr, 0));
	model_hold(&b->model, nr);
}

void bench_unhold(struct bench *b)
{
	vmem_pool_unreserve(&b->guest.pool, &b->guest.held);
	model_unhold(&b->model);
}

void bench_add_link(struct bench *b, unsigned int level, u64 from,
		    unsigned int from_slot, u64 parent, unsigned int slot)
{
	u64 entry = bench_read(b, from, from_slot);
	struct decoded decoded;

	b->rules->decode(&b->model.cpu, entry, level + 1, &decoded);
	KUNIT_ASSERT_EQ(b->test, 0, guest_reserve(&b->guest, 0, 1));
	vmem_pool_share(&b->guest.pool, &b->guest.pages.res,
			vmem_table(decoded.gpa), vmem_table(parent), slot);
	model_add_link(&b->model, decoded.gpa, parent, slot);
	bench_write(b, parent, slot, entry);
}

void bench_adopt(struct bench *b, u64 root)
{
	struct model_table *mine = model_page(&b->model, bench_root(b));

	if (mine) {
		vmem_root_unmake(b->guest.roots[b->guest.space]);
		model_drop_link(&b->model, bench_root(b), MODEL_NO_PARENT, 0);
		mine->state = MODEL_FREE;
	} else {
		vmem_root_leave(&b->guest.store, b->guest.roots[b->guest.space]);
	}
	bench_set_root(b, b->guest.space, root);
}

u64 bench_data(const struct bench *b, u32 page)
{
	return guest_gpa(&b->guest, PART_DATA, page);
}

u64 bench_outside(const struct bench *b)
{
	return OUTSIDE_PAGE * bench_page(b);
}

u64 bench_frame(const struct bench *b, unsigned int level)
{
	u64 gpa = bench_data(b, 0), span = bench_span(b, level);

	return (gpa + span - 1) / span * span;
}

u64 bench_table_entry(const struct bench *b, u64 table)
{
	return b->rules->table(&b->model.cpu, table, VMEM_R | VMEM_W | VMEM_X);
}

u32 bench_granted(const struct bench *b)
{
	struct decoded decoded;

	b->rules->decode(&b->model.cpu, bench_table_entry(b, 0), 1, &decoded);
	return decoded.attrs;
}

bool bench_can_deny(const struct bench *b)
{
	return b->rules->path_expressible(&b->model.cpu, VMEM_R | VMEM_X);
}

void bench_needs_deny(const struct bench *b)
{
	if (!bench_can_deny(b))
		kunit_skip(b->test, "its table entries grant all");
}

u64 bench_leaf(const struct bench *b, u64 gpa)
{
	return default_leaf(b->rules, &b->model.cpu, gpa, VMEM_R | VMEM_W | VMEM_X, 0);
}

u64 bench_large(const struct bench *b, u64 gpa)
{
	return bench_leaf(b, gpa) | b->rules->large;
}

u64 bench_junk(const struct bench *b)
{
	return bench_leaf(b, bench_data(b, 3)) & ~b->rules->present;
}

u64 bench_reserved(const struct bench *b, u64 entry)
{
	return entry | b->rules->reserved;
}

u64 bench_read_only(const struct bench *b, u64 entry)
{
	return entry & ~b->rules->writable;
}

u64 bench_table(struct bench *b)
{
	KUNIT_ASSERT_LE(b->test, b->used + 1, FOREIGN_TABLES);
	return guest_gpa(&b->guest, PART_FOREIGN, b->used++);
}

u64 bench_frozen_table(struct bench *b)
{
	KUNIT_ASSERT_LE(b->test, b->used_frozen + 1, FROZEN_TABLES);
	return bench_frozen(b, b->used_frozen++);
}

void bench_write(struct bench *b, u64 table, unsigned int index, u64 entry)
{
	guest_write(&b->guest, table, index, entry);
	guest_write(&b->model.guest, table, index, entry);
}

u64 bench_read(const struct bench *b, u64 table, unsigned int index)
{
	return guest_read(&b->guest, table, index);
}

u64 bench_find(const struct bench *b, u64 root, u64 va, unsigned int *level)
{
	unsigned int l = bench_top(b);
	struct decoded decoded;
	u64 table = root;

	for (; l > *level; l--) {
		b->rules->decode(&b->model.cpu,
				 bench_read(b, table, entry_index(b->rules, va, l)),
				 l, &decoded);
		if (decoded.kind != IS_TABLE || !guest_host(&b->guest, decoded.gpa))
			break;
		table = decoded.gpa;
	}
	*level = l;
	return table;
}

u64 bench_path(struct bench *b, u64 root, u64 va, unsigned int level)
{
	unsigned int l = bench_top(b), index;
	u64 table = root, below;
	struct decoded decoded;

	for (; l > level; l--) {
		index = entry_index(b->rules, va, l);
		b->rules->decode(&b->model.cpu, bench_read(b, table, index), l,
				 &decoded);
		below = decoded.gpa;
		if (decoded.kind != IS_TABLE) {
			below = bench_table(b);
			bench_write(b, table, index, bench_table_entry(b, below));
		}
		table = below;
	}
	return table;
}

void bench_put(struct bench *b, u64 root, u64 va, unsigned int level, u64 entry)
{
	bench_write(b, bench_path(b, root, va, level),
		    entry_index(b->rules, va, level), entry);
}

struct vmem_space bench_space(const struct bench *b, u64 root)
{
	struct vmem_space space = b->space;

	space.root = vmem_table(root);
	return space;
}
