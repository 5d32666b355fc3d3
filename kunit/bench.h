/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites share: a guest and the model of it side by side, and checks
 * that the engine does over the one what the model does over the other.
 */
#ifndef _VMEM_KUNIT_BENCH_H
#define _VMEM_KUNIT_BENCH_H

#include "../vmem/call_change.h"
#include "engine.h"
#include "refused.h"

#define RECORDS_MAX	65536
#define TRANSLATE_MAX	64
#define SEEN_LG2_MAX	12
#define GIVEN_UP_MAX	16

/**
 * struct bench - what a case works on
 * @space:	the one in hand; at first with a root of ours, in the pool
 * @spaces:	others, each at the index of its link of the root
 * @used:	tables made by bench_table() so far
 * @used_frozen: and by bench_frozen_table()
 * @slices:	records a call of the engine has room for; 0: all
 * @recheck:	each so many-th time that a change stops, it begins pass 1 again;
 *		0: never
 * @elsewhere:	and the host's addresses are others then
 * @quick:	memory that the model never touched is not compared after each
 *		change; bench_check_same() is to follow without this
 * @racing:	a vCPU is at work, which nothing here tells
 * @aliased:	tables are reached twice, so that pass 2 may refuse, too
 * @differs:	a check failed
 * @refused:	refusals that were looked at
 * @refused_after: those of them where a part of a list was done
 * @given_up:	changes that were given up with something of them done
 */
struct bench {
	struct kunit *test;
	const struct engine *e;
	const struct rules *rules;
	struct guest guest;
	struct model model;
	struct vmem_space space;
	struct vmem_space spaces[NR_SPACES];
	u32 used;
	u32 used_frozen;
	u32 slices;
	u32 recheck;
	bool elsewhere;
	bool quick;
	bool racing;
	bool aliased;
	bool differs;
	u64 refused;
	u64 refused_after;
	u64 given_up;

	struct vmem_space_aware_mapping *out;
	u32 nr_out;
	struct vmem_translation translations[TRANSLATE_MAX];
	u64 entries[TRANSLATE_MAX][VMEM_LEVELS_MAX];
	struct vmem_walk walk;
	struct vmem_seen seen;
	struct vmem_seen_slot *slots[2];
	struct model_records records;
	struct vmem_change change;
	u32 order[64];
	struct model_result result;
	u8 *image;

	u8 *kept[2];		/* images of the guest: before, and behind */
	struct vmem_translation ends[2][GIVEN_UP_MAX];	/* of a change that is given up */
	struct refused_state before;
	struct refused_state after;
	struct vmem_change again;
	bool watching;
};

extern const struct engine *const engines[VMEM_NR_FORMATS + 1];
extern const struct engine *const engines_x86_64[2];

static inline void engine_describe(const struct engine *const *e, char *desc)
{
	strscpy(desc, (*e)->name, KUNIT_PARAM_DESC_SIZE);
}

static inline bool engine_is_x86_64(const struct engine *e)
{
	return e == engines_x86_64[0] || e == engines_x86_64[1];
}

/* A case over each format, and one over those of x86-64. */
#define EACH_FORMAT(name)	KUNIT_CASE_PARAM(name, engine_gen_params)
#define EACH_X86_64(name)	KUNIT_CASE_PARAM(name, x86_64_gen_params)
#define EACH_FORMAT_SLOW(name)						\
	KUNIT_CASE_PARAM_ATTR(name, engine_gen_params,			\
			      ((struct kunit_attributes){		\
				.speed = KUNIT_SPEED_SLOW }))

#define DEFINE_ENGINE_PARAMS						\
	KUNIT_ARRAY_PARAM(engine, engines, engine_describe)
#define DEFINE_X86_64_PARAMS						\
	KUNIT_ARRAY_PARAM(x86_64, engines_x86_64, engine_describe)

/*
 * The format that the case is over; for x86-64 48 bits of physical address, so
 * that there are reserved ones, and NXE on.
 */
struct bench *bench_begin(struct kunit *test);
/* For a vCPU; 0: the default. */
struct bench *bench_begin_cpu(struct kunit *test, unsigned int phys_bits,
			      bool nxe_off, unsigned int cow);
struct bench *bench_begin_engine(struct kunit *test, const struct engine *e,
				 unsigned int phys_bits, bool nxe_off,
				 unsigned int cow);
struct bench *bench_begin_facts(struct kunit *test, const struct engine *e,
				const struct cpu *cpu);
/* With shadow stacks; skipped where the format has none. */
struct bench *bench_begin_cet(struct kunit *test);
/* All memory zero, a new root of ours. */
void bench_reset(struct bench *b);

/* Places */
static inline u64 bench_page(const struct bench *b)
{
	return entry_span(b->rules, 0);
}

/* Bytes that an entry of a table of @level translates. */
static inline u64 bench_span(const struct bench *b, unsigned int level)
{
	return entry_span(b->rules, level);
}

static inline unsigned int bench_top(const struct bench *b)
{
	return b->rules->levels - 1;
}

static inline u64 bench_root(const struct bench *b)
{
	return vmem_table_gpa(b->space.root);
}

/* The first address of the upper half. */
static inline u64 bench_upper(const struct bench *b)
{
	return second_half(b->rules);
}

static inline unsigned int bench_last_index(const struct bench *b)
{
	return nr_entries(b->rules) - 1;
}

u64 bench_data(const struct bench *b, u32 page);	/* a frame */
u64 bench_outside(const struct bench *b);		/* no memory */
/* A frame that a leaf of @level can have, outside where it must be. */
u64 bench_frame(const struct bench *b, unsigned int level);

/* Entries: the default ones, writable unless said */
u64 bench_table_entry(const struct bench *b, u64 table);
u64 bench_leaf(const struct bench *b, u64 gpa);
u64 bench_large(const struct bench *b, u64 gpa);
/* A leaf of @level with default attributes, RWX. */
static inline u64 bench_leaf_at(const struct bench *b, u64 gpa, unsigned int level)
{
	return level ? bench_large(b, gpa) : bench_leaf(b, gpa);
}
u64 bench_junk(const struct bench *b);			/* not present */
u64 bench_reserved(const struct bench *b, u64 entry);	/* @entry, malformed */
/* @entry, without the permission to write */
u64 bench_read_only(const struct bench *b, u64 entry);

/* What a table entry grants that is made with R, W and X, or is to. */
u32 bench_granted(const struct bench *b);
/* Can a table entry deny what a leaf has? If not, the case is none. */
bool bench_can_deny(const struct bench *b);
void bench_needs_deny(const struct bench *b);

/* Tables made by hand: of the guest's own */
u64 bench_table(struct bench *b);
u64 bench_frozen_table(struct bench *b);
void bench_write(struct bench *b, u64 table, unsigned int index, u64 entry);
u64 bench_read(const struct bench *b, u64 table, unsigned int index);
/* The table that translates @va, of @level, or of a higher one if it ends there. */
u64 bench_find(const struct bench *b, u64 root, u64 va, unsigned int *level);
/* The table of @level that translates @va; what is missing is made. */
u64 bench_path(struct bench *b, u64 root, u64 va, unsigned int level);
/* The entry for @va in the table of @level. */
void bench_put(struct bench *b, u64 root, u64 va, unsigned int level, u64 entry);

/* A table of ours, linked. */
u64 bench_take(struct bench *b, unsigned int level, u64 parent,
	       unsigned int slot);
/* So many free pages are in use for good, by tables that nothing here meets. */
void bench_use_up(struct bench *b, u32 nr);
/* Another call sets so many aside, and gives all of them back. */
void bench_hold(struct bench *b, u32 nr);
void bench_unhold(struct bench *b);
/* One more link of the table of ours of @level that @slot of @from names. */
void bench_add_link(struct bench *b, unsigned int level, u64 from,
		    unsigned int from_slot, u64 parent, unsigned int slot);
/* The space's root is from now on this one, of the guest's own. */
void bench_adopt(struct bench *b, u64 root);
/* A space that has none has this root; that of another space. */
void bench_set_root(struct bench *b, u32 nr, u64 root);
void bench_share_root(struct bench *b, u32 nr, u32 other);
/* A space has this one of @level, without being told of it. */
void bench_join_root(struct bench *b, u32 nr, u64 root, unsigned int level);
/* A space more, or one that was dropped again, with a new root of ours. */
void bench_new_space(struct bench *b, u32 nr);
/* From now on this one is in hand. */
void bench_use(struct bench *b, u32 nr);
/* It leaves its root, and isn't used any more. */
void bench_drop_space(struct bench *b, u32 nr);
/* The space in hand by its number, too. */
const struct vmem_space *bench_space_nr(struct bench *b, u32 nr);
/* A frozen table, by its number */
static inline u64 bench_frozen(const struct bench *b, u32 nr)
{
	return guest_gpa(&b->guest, PART_FROZEN, nr);
}

/* May frozen tables move? */
static inline void bench_movable(struct bench *b, bool movable)
{
	b->guest.movable = movable;
	b->model.guest.movable = movable;
}

/* From now on the guest's own tables are frozen, with links of ours in them. */
static inline void bench_freeze(struct bench *b, bool frozen)
{
	b->guest.foreign_frozen = frozen;
	b->model.guest.foreign_frozen = frozen;
}
struct vmem_space bench_space(const struct bench *b, u64 root);

/* Reading */
void bench_translate(struct bench *b, const struct vmem_space *space, u64 va,
		     struct vmem_translation *out);
/* As the model has it; in one call, and one by one. */
/* Return: bit n: status n was met. */
u32 bench_check_access(struct bench *b, const struct vmem_space *space,
		       const struct vmem_access *access, const u64 *vas, u32 nr);
/*
 * With what the accesses set, over the guest and the model: all must agree. @exact: what
 * is told of each is how it was before.
 */
void bench_check_set(struct bench *b, const struct vmem_access *access, const u64 *vas,
		     u32 nr, bool exact);
/* One such access, over the guest only. Return: what the call did. */
int bench_run_set(struct bench *b, u32 what, u64 va, struct vmem_translation *out);
bool bench_same_translation(const struct vmem_translation *a,
			    const struct vmem_translation *b);
void bench_check_translate(struct bench *b, const struct vmem_space *space,
			   const u64 *vas, u32 nr);
/* Into b->out, the record of the end apart. */
void bench_walk(struct bench *b, const struct vmem_space *spaces, u32 nr_spaces,
		u64 first, u64 last, u32 flags, u64 budget);
void bench_check_walk(struct bench *b, const struct vmem_space *spaces,
		      u32 nr_spaces, u64 first, u64 last, u32 flags);
/* With all flags, in one go and in slices. */
void bench_check_walks(struct bench *b, const struct vmem_space *spaces,
		       u32 nr_spaces, u64 first, u64 last);
bool bench_same_record(const struct vmem_space_aware_mapping *a,
		       const struct vmem_space_aware_mapping *b);

/* Changing */
struct vmem_mapping bench_basic(u64 va, u64 gpa, u64 len, u32 attrs);
struct vmem_mapping bench_cow(u64 va, u64 gpa, u64 len, u32 attrs);
struct vmem_mapping bench_unmapped(u64 va, u64 len);
struct vmem_mapping bench_protected(u64 va, u64 len, u32 set, u32 clear);
struct vmem_mapping bench_raw(u64 va, u64 entry, u64 len);
struct vmem_mapping bench_promoted(u64 va, u64 len, u32 leaf_levels);
/* @m, with leaves of these levels */
struct vmem_mapping bench_sized(const struct bench *b, struct vmem_mapping m,
				u32 leaf_levels);
/* @m, with permissions of the table entries above */
struct vmem_mapping bench_with_path(struct vmem_mapping m, u32 path);
/* The same permissions at each level, of which @lowest is the first */
u32 bench_same_path(const struct bench *b, unsigned int lowest, u32 perms);
/* Over the guest. Return: what vmem_map() did. */
int bench_run(struct bench *b, const struct vmem_mapping *list, u32 nr,
	      u32 flags, u64 budget);
/* Over the guest and the model; all must agree. */
int bench_change(struct bench *b, const struct vmem_mapping *list, u32 nr,
		 u32 flags);
/*
 * One table a level is what it takes: with less it is refused, and all as it was.
 * The model isn't told of it.
 */
void bench_over_budget(struct bench *b, const struct vmem_mapping *m);
int bench_map(struct bench *b, u64 va, u64 gpa, u64 len, u32 attrs, u32 flags);
int bench_unmap(struct bench *b, u64 va, u64 len);
/* The same, with a stop at each place where there can be one. */
int bench_change_stopped(struct bench *b, const struct vmem_mapping *list,
			 u32 nr, u32 flags);
/*
 * Given up at each place where there can be a stop, if it isn't refused: what is done
 * stays, so that each of @vas is as before or as behind it, nothing is set aside, and
 * where nothing was changed yet nothing is. To do it again does the rest: all are as
 * the model has them behind it, and as many tables are in use. It ends as done whole.
 */
int bench_change_given_up(struct bench *b, const struct vmem_mapping *list, u32 nr,
			  u32 flags, const u64 *vas, u32 nr_vas);
/* A range, which may have a part in each half, that is to be as @what. */
int bench_range(struct bench *b, u64 start, u64 last,
		const struct vmem_mapping *what, u32 flags);
int bench_range_stopped(struct bench *b, u64 start, u64 last,
			const struct vmem_mapping *what, u32 flags);

/* A table of @level, shown at @their_va in a space, to be linked at @our_va. */
struct bench_link {
	u64 our_va;
	u32 owner;		/* its number */
	u64 their_va;
	unsigned int level;
	bool path_given;
	u32 path;
};

/* By vmem_link_list(), or with a path by vmem_space_aware_map(). */
int bench_link(struct bench *b, const struct bench_link *link, u32 flags);
int bench_link_stopped(struct bench *b, const struct bench_link *link, u32 flags);
int bench_link_given_up(struct bench *b, const struct bench_link *link, u32 flags,
			const u64 *vas, u32 nr_vas);
/* Over the guest only. Return: what the call did. */
int bench_run_link(struct bench *b, const struct bench_link *link, u32 flags,
		   u64 budget);
/* Does all of the guest's memory and of its pool agree with the model? */
void bench_check_same(struct bench *b, const char *after);
/* All that a change can change, of the guest and of the model, and back. */
size_t bench_image_len(struct bench *b);
void bench_save(struct bench *b);
/* Something was done over the guest only. */
void bench_touched(struct bench *b);
void bench_restore(struct bench *b);
/* The guest alone. */
size_t bench_guest_image_len(struct bench *b);
void bench_restore_guest(struct bench *b);
/*
 * A change begins, and has ended: refused, it has left nothing, see refused.h.
 * Each that is run here is watched, unless a vCPU is at work.
 */
void bench_watch(struct bench *b, const struct vmem_space *space);
void bench_watched(struct bench *b, const struct vmem_space *space, int ret);
/* Every vCPU flushed: the quarantine is empty. */
void bench_flushed(struct bench *b);

/* vmem_range_list() of the bench's format */
static inline int bench_range_list(const struct bench *b, struct vmem_change *change,
				   vmem_virt_t start, vmem_virt_t last,
				   const struct vmem_mapping *what)
{
	return vmem_range_list(b->e->fmt, change, start, last, what);
}

#endif /* _VMEM_KUNIT_BENCH_H */
