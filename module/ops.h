/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table ops of the core over the memory of a guest. Inlined, with the
 * engine, into the functions of each format; the context is a struct
 * vmem_piece.
 */
#ifndef _VMEM_MODULE_OPS_H
#define _VMEM_MODULE_OPS_H

#include <linux/mm.h>
#include <linux/sched.h>

#include "../vmem/vmem.h"
#include "../vmem/pool.h"
#include "pages.h"
#include "pool.h"

/*
 * The address is in the last table's block most of the time. A page of an
 * owned region may be poisoned, and a frozen one isn't written: these are
 * looked at closely.
 */
static __always_inline int vmem_ops_from_phys(void *ctx, vmem_table_t table,
					      enum vmem_intent intent,
					      vmem_pte_t **host)
{
	struct vmem_piece *piece = ctx;
	vmem_phys_t gpa = vmem_table_gpa(table);
	u64 offset = gpa - piece->block_gpa;

	if (intent == VMEM_READ && piece->block &&
	    offset < BIT_ULL(VMEM_BLOCK_LG2)) {
		unsigned long word = piece->block->host[offset >> PAGE_SHIFT];

		if (word) {
			*host = (vmem_pte_t *)((word & PAGE_MASK) +
					       offset_in_page(gpa));
			piece->table = *host;
			return 0;
		}
	}
	return vmem_piece_lookup(piece, gpa, intent, host);
}

static __always_inline bool vmem_ops_in_memory(void *ctx, vmem_phys_t gpa,
					       u64 len, u64 *same)
{
	struct vmem_piece *piece = ctx;
	const struct vmem_region *frame = piece->frame;

	if (frame && gpa >= frame->gpa && len <= frame->len &&
	    gpa - frame->gpa <= frame->len - len) {
		*same = len;
		return true;
	}
	return vmem_piece_in_memory(piece, gpa, len, same);
}

static __always_inline bool vmem_ops_pause(void *ctx, unsigned int nr)
{
	struct vmem_piece *piece = ctx;

	if (piece->tables < nr)
		return true;
	piece->tables -= nr;
	return need_resched() || rwlock_is_contended(&piece->guest->residency);
}

static __always_inline enum vmem_owner
vmem_ops_owner(void *ctx, vmem_table_t table, unsigned int level,
	       vmem_table_t parent, unsigned int slot, u32 *links)
{
	struct vmem_piece *piece = ctx;
	enum vmem_owner owner;

	/* it has no links in a pool, but those of its spaces */
	if (table == piece->shared_root) {
		*links = 2;
		return parent == VMEM_NO_TABLE ? VMEM_MINE : VMEM_MISUSED;
	}
	owner = vmem_pool_owner(piece->pool, table, level, parent, slot, links);
	if (owner != VMEM_FOREIGN)
		return owner;
	return vmem_pool_object_owner(piece->guest, table, level, parent, slot,
				      links);
}

static __always_inline int vmem_ops_reserve(void *ctx, u64 nr)
{
	struct vmem_piece *piece = ctx;

	return vmem_pool_reserve(piece->pool, &piece->reservation, nr);
}

static __always_inline vmem_table_t vmem_ops_reserved(void *ctx, u64 n)
{
	struct vmem_piece *piece = ctx;

	return vmem_pool_reserved(piece->pool, &piece->reservation, n);
}

static __always_inline void vmem_ops_take(void *ctx, unsigned int level,
					  vmem_table_t parent,
					  unsigned int slot)
{
	struct vmem_piece *piece = ctx;

	vmem_pool_take(piece->pool, &piece->reservation, level, parent, slot);
	piece->tables_made++;
}

static __always_inline void vmem_ops_put(void *ctx, vmem_table_t table,
					 vmem_table_t parent,
					 unsigned int slot)
{
	struct vmem_piece *piece = ctx;

	piece->tables_made -= vmem_pool_object_put(piece->guest, piece->pool,
						   table, parent, slot);
}

static const struct vmem_table_ops vmem_read_ops __maybe_unused = {
	.from_phys	= vmem_ops_from_phys,
	.in_memory	= vmem_ops_in_memory,
	.pause		= vmem_ops_pause,
};

static const struct vmem_table_ops vmem_change_ops __maybe_unused = {
	.from_phys	= vmem_ops_from_phys,
	.in_memory	= vmem_ops_in_memory,
	.pause		= vmem_ops_pause,
	.movability	= VMEM_MAY_NOT_MOVE_TABLE,
	.owner		= vmem_ops_owner,
	.reserve	= vmem_ops_reserve,
	.reserved	= vmem_ops_reserved,
	.take		= vmem_ops_take,
	.put		= vmem_ops_put,
};

#endif /* _VMEM_MODULE_OPS_H */
