/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Addresses that were met before. They are a guest's, which must not know which of them
 * meet in one slot: without a seed it can make it slower, no more.
 */
#ifndef _LIBVMEM_SEEN_H
#define _LIBVMEM_SEEN_H

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <linux/types.h>

/**
 * struct seen - a set of addresses, empty when it is zeroed
 * @slots:	a power of 2; 0: nothing, else the address, which isn't 0
 * @nr_slots:	how many
 * @nr:		how many hold something
 * @seed:	of the slots that addresses have
 */
struct seen {
	__u64 *slots;
	size_t nr_slots;
	size_t nr;
	__u64 seed;
};

/* The slot that holds an address, or the one that would. */
static inline __u64 *seen_slot(const struct seen *seen, __u64 address)
{
	size_t at = (size_t)((address ^ address >> 32) * (seen->seed | 1) >> 32);

	for (;; at++)
		if (!seen->slots[at & (seen->nr_slots - 1)] ||
		    seen->slots[at & (seen->nr_slots - 1)] == address)
			return &seen->slots[at & (seen->nr_slots - 1)];
}

static inline int seen_grow(struct seen *seen)
{
	struct seen more = {
		.nr_slots = seen->nr_slots ? 2 * seen->nr_slots : 64, .seed = seen->seed,
	};
	size_t i;

	more.slots = calloc(more.nr_slots, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	if (!seen->nr_slots && getrandom(&more.seed, sizeof(more.seed), GRND_NONBLOCK) < 0)
		more.seed = (unsigned long)more.slots;
	for (i = 0; i < seen->nr_slots; i++)
		if (seen->slots[i])
			*seen_slot(&more, seen->slots[i]) = seen->slots[i];
	more.nr = seen->nr;
	free(seen->slots);
	*seen = more;
	return 0;
}

/* Return: 0; -EEXIST: it was met before; -ENOMEM. */
static inline int seen_add(struct seen *seen, __u64 address)
{
	__u64 *slot;

	if (2 * seen->nr >= seen->nr_slots && seen_grow(seen))
		return -ENOMEM;
	slot = seen_slot(seen, address);
	/* 0 is the mark of a free slot, and no one's address */
	if (*slot || !address)
		return -EEXIST;
	*slot = address;
	seen->nr++;
	return 0;
}

static inline void seen_end(struct seen *seen)
{
	free(seen->slots);
}

#endif /* _LIBVMEM_SEEN_H */
