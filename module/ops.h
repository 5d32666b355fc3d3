/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table ops of the core over the memory of a guest. Inlined, with the
 * engine, into the functions of each format; the context is a struct
 * vmem_piece.
 */
#ifndef _VMEM_MODULE_OPS_H
#define _VMEM_MODULE_OPS_H

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "../vmem/vmem.h"
#include "../vmem/records.h"
#include "pools.h"
#include "residency.h"

/*
 * A table that is read is in the last one's block most of the time. A frozen one
 * isn't written: that is looked at closely.
 */
static __always_inline int vmem_host_from_phys(void *ctx, vmem_table_t table,
					       enum vmem_intent intent,
					       vmem_pte_t **host)
{
	struct vmem_piece *piece = ctx;
	vmem_phys_t gpa = vmem_table_gpa(table);
	u64 page = vmem_piece_page(gpa, piece->block_gpa);

	if (intent == VMEM_READ && likely(page < VMEM_BLOCK_WORDS)) {
		unsigned long word = READ_ONCE(piece->block->host[page]);

		if (likely(vmem_host_reached(word))) {
			*host = (vmem_pte_t *)(word & PAGE_MASK);
			return 0;
		}
	}
	return vmem_piece_lookup(piece, gpa, intent, host);
}

/* The table reached last names what is absent. */
static __always_inline int vmem_ops_from_phys(void *ctx, vmem_table_t table,
					      enum vmem_intent intent,
					      vmem_pte_t **host)
{
	struct vmem_piece *piece = ctx;
	int ret = vmem_host_from_phys(ctx, table, intent, host);

	if (likely(!ret))
		piece->table = *host;
	return ret;
}

static __always_inline bool vmem_quick_in_memory(void *ctx, vmem_phys_t gpa, u64 *same)
{
	struct vmem_piece *piece = ctx;
	u64 offset = gpa - piece->frame_gpa;

	if (likely(offset < piece->frame_len)) {
		*same = piece->frame_len - offset;
		return true;
	}
	return vmem_piece_in_memory(piece, gpa, same);
}

/* In a walk it is asked now and then: one copy. */
static noinline bool vmem_ops_in_memory(void *ctx, vmem_phys_t gpa, u64 *same)
{
	return vmem_quick_in_memory(ctx, gpa, same);
}

static __always_inline bool vmem_ops_pause(void *ctx, unsigned int nr)
{
	struct vmem_piece *piece = ctx;

	if (piece->tables < nr)
		return true;
	piece->tables -= nr;
	return need_resched() || rwlock_is_contended(&piece->guest->residency);
}

static __always_inline struct vmem_pages *vmem_ops_pages(void *ctx)
{
	struct vmem_piece *piece = ctx;

	return &piece->supply;
}

/* Called once a table: no copy of it a call of the engine. */
static noinline enum vmem_owner
vmem_ops_owner(void *ctx, vmem_table_t table, unsigned int level,
	       vmem_table_t parent, unsigned int slot, u32 *links)
{
	struct vmem_piece *piece = ctx;
	enum vmem_owner owner;

	/* it has no links in a pool, but those of its spaces */
	if (table == piece->shared_root || table == piece->shared_owner) {
		*links = 2;
		return parent == VMEM_NO_TABLE ? VMEM_MINE : VMEM_MISUSED;
	}
	owner = vmem_pool_owner(piece->supply.pool, table, level, parent, slot,
				links);
	return owner == VMEM_FOREIGN ?
	       vmem_pools_owner(piece->guest, table, level, parent, slot, links) :
	       owner;
}

static noinline void vmem_ops_update_root(void *ctx, unsigned int level)
{
	struct vmem_piece *piece = ctx;
	struct vmem_pages *pages = &piece->supply;

	vmem_root_leave(&piece->guest->links, *piece->root);
	*piece->root = vmem_root_make(pages->pool, &pages->res, level);
	piece->shared_root = VMEM_NO_TABLE;
}

static __always_inline void vmem_ops_written(void *ctx, vmem_table_t table)
{
	vmem_piece_written(ctx);
}

static const struct vmem_table_ops vmem_table_ops __maybe_unused = {
	.read = {
		.from_phys	= vmem_ops_from_phys,
		.in_memory	= vmem_ops_in_memory,
		.pause		= vmem_ops_pause,
	},
	/* of spaces that may not, no table is found frozen */
	.movability	= VMEM_MAY_MOVE_TABLE,
	.owner		= vmem_ops_owner,
	.pages		= vmem_ops_pages,
	.update_root	= vmem_ops_update_root,
	.written	= vmem_ops_written,
};

/* A translation tells which table it is that names another one. */
static __always_inline int vmem_quick_from_phys(void *ctx, vmem_table_t table,
						enum vmem_intent intent,
						vmem_pte_t **host)
{
	struct vmem_piece *piece = ctx;
	vmem_pte_t *parent = *host;
	int ret = vmem_host_from_phys(ctx, table, intent, host);

	if (unlikely(ret == VMEM_ABSENT))
		piece->table = parent;
	return ret;
}

/* It asks for each address: so more is inline. */
static const struct vmem_table_read_ops vmem_quick_ops __maybe_unused = {
	.from_phys	= vmem_quick_from_phys,
	.in_memory	= vmem_quick_in_memory,
	.pause		= vmem_ops_pause,
};

#endif /* _VMEM_MODULE_OPS_H */
