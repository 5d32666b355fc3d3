/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The tables that a walk has met: open addressing, storage lent by the caller.
 *
 * One probe a table. An attacker shapes the tables, so the caller gives a
 * secret seed; without one, colliding addresses could be chosen.
 */
#include "vmem.h"

#ifndef _VMEM_SEEN_H
#define _VMEM_SEEN_H

#include <linux/minmax.h>

#define VMEM_SEEN_SPACES_LG2	12	/* spaces a walk, as a power of two */
#define VMEM_SEEN_STEP		4096U	/* slots moved in one go */
#define VMEM_SEEN_LEVEL		7U	/* bits of a key: the level + 1 */

/*
 * A slot: @key is the table's address with its level + 1 in VMEM_SEEN_LEVEL, and in
 * others how a vCPU reads it (vmem_facts.alike), 0 when the slot is free; @value
 * the base of its span and the space's index. Tables are aligned to 8 bytes and
 * spans to VMEM_SEEN_SPACES_LG2 at least.
 */
struct vmem_seen_slot {
	u64 key;
	u64 value;
};

/**
 * struct vmem_seen - tables met
 * @slots:	1 << @size_lg2 of them
 * @seed:	a secret; set after vmem_seen_init()
 * @size_lg2:	at least 2
 * @nr:		tables remembered
 * @max:	tables that may be; at most 3/4 of the slots
 */
struct vmem_seen {
	struct vmem_seen_slot *slots;
	u64 seed;
	u32 size_lg2;
	u32 nr;
	u32 max;
};

/**
 * vmem_seen_init() - an empty table of what was seen
 * @seen:	filled in, @seen->seed is 0
 * @slots:	zeroed storage that outlives it
 * @size_lg2:	of the slots, 2 to 31
 */
static inline void vmem_seen_init(struct vmem_seen *seen,
				  struct vmem_seen_slot *slots, u32 size_lg2)
{
	*seen = (struct vmem_seen){
		.slots = slots, .size_lg2 = size_lg2, .max = 3U << (size_lg2 - 2),
	};
}

static __always_inline u64 vmem_seen_key(vmem_table_t table, unsigned int level)
{
	return vmem_table_gpa(table) | (level + 1);
}

/* The slot of @key, or the free one where it belongs. */
static __always_inline struct vmem_seen_slot *
vmem_seen_slot(const struct vmem_seen *seen, u64 key)
{
	u32 mask = (1U << seen->size_lg2) - 1;
	u32 i = vmem_mix(seen->seed, key) >> (64 - seen->size_lg2);

	while (seen->slots[i].key && seen->slots[i].key != key)
		i = (i + 1) & mask;
	return &seen->slots[i];
}

/**
 * vmem_seen_find() - where was a table met?
 * @seen:	tables met
 * @table:	address of the table
 * @level:	at which it was met
 * @space:	out: the space
 * @va:		out: base of its span there
 *
 * Return: whether it was met.
 */
static inline bool vmem_seen_find(const struct vmem_seen *seen,
				  vmem_table_t table, unsigned int level,
				  vmem_space_id_t *space, vmem_virt_t *va)
{
	u64 low = BIT_ULL(VMEM_SEEN_SPACES_LG2) - 1;
	const struct vmem_seen_slot *slot;

	slot = vmem_seen_slot(seen, vmem_seen_key(table, level));
	if (!slot->key)
		return false;
	*space = slot->value & low;
	*va = slot->value & ~low;
	return true;
}

/**
 * vmem_seen_add() - remember a table that vmem_seen_find() doesn't know
 * @seen:	tables met
 * @table:	address of the table
 * @level:	at which it is met
 * @space:	index of the space, below 1 << VMEM_SEEN_SPACES_LG2
 * @va:		base of its span there
 *
 * Return: 0, -ENOBUFS when it is full.
 */
static inline int vmem_seen_add(struct vmem_seen *seen, vmem_table_t table,
				unsigned int level, vmem_space_id_t space,
				vmem_virt_t va)
{
	u64 key = vmem_seen_key(table, level);
	struct vmem_seen_slot *slot;

	if (seen->nr >= seen->max)
		return -ENOBUFS;
	slot = vmem_seen_slot(seen, key);
	slot->key = key;
	slot->value = va | space;
	seen->nr++;
	return 0;
}

/**
 * vmem_seen_rehash() - move to larger storage
 * @to:		an empty one, larger
 * @from:	what is remembered
 * @at:		in and out: slots of @from that were looked at; begins at 0
 *
 * At most VMEM_SEEN_STEP slots in one go. Return: whether there is more to do.
 */
static inline bool vmem_seen_rehash(struct vmem_seen *to,
				    const struct vmem_seen *from, u32 *at)
{
	u32 end = min(*at + VMEM_SEEN_STEP, 1U << from->size_lg2);

	for (; *at < end; (*at)++) {
		const struct vmem_seen_slot *slot = &from->slots[*at];

		if (!slot->key)
			continue;
		*vmem_seen_slot(to, slot->key) = *slot;
		to->nr++;
	}
	return end >> from->size_lg2 == 0;
}

#endif /* _VMEM_SEEN_H */
