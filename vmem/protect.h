/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Protecting: other attributes for leaves that are there.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_PROTECT_H
#define _VMEM_PROTECT_H

#include "place.h"

/* What protecting makes of an entry; itself when it isn't a leaf. */
static __always_inline u64 vmem_protect_make(const struct vmem_env *e,
					     const struct vmem_place *place,
					     u64 entry, unsigned int level)
{
	if (vmem_classify(e, entry, level) != VMEM_CLASS_LEAF)
		return entry;
	return e->fmt->protect(e->facts, entry, place->m->protect.set,
			       place->m->protect.clear);
}

/*
 * Pass 2: an entry of the table in hand, which was @entry a while ago.
 * A and D, which a vCPU may set meanwhile, aren't lost. Return: 1: it was changed;
 * 0: it is as asked; -EBUSY.
 */
static __always_inline int
vmem_protect_leaf(const struct vmem_env *e, struct vmem_change *change,
		  const struct vmem_place *place, vmem_pte_t *host,
		  unsigned int i, u64 entry)
{
	unsigned int tries;
	u64 new;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++, entry = vmem_read(host, i)) {
		new = vmem_protect_make(e, place, entry, place->level);
		if (new == entry)
			return 0;
		if (!vmem_exchange(change, host, i, entry, new))
			continue;
		change->answer.lost_dirty += !!(entry & ~new & e->facts->shadow);
		return 1;
	}
	return -EBUSY;
}

/*
 * Pass 2: the entries of a table of level 0 from @i on, which is @entry
 * and translates @va, up to @end. The exchanges take the time: no load passes one,
 * and each waits for stores. So what an entry is to be is known before the one
 * ahead of it is exchanged, and the answer is written once. With @count, which is a
 * constant, leaves that lose D with W are counted.
 */
static __always_inline int
vmem_protect_run(const struct vmem_env *e, struct vmem_change *change,
		 const struct vmem_place *place, vmem_pte_t *host,
		 unsigned int i, unsigned int end, u64 entry, vmem_virt_t va,
		 bool count)
{
	u64 page = BIT_ULL(e->fmt->page_lg2), pages = 0;
	u64 new = vmem_protect_make(e, place, entry, 0), next, after;
	vmem_virt_t first = va, last = va;
	int ret = 0;

	for (; i <= end; i++, va += page, entry = next, new = after) {
		next = vmem_read(host, min(i + 1, end));
		after = vmem_protect_make(e, place, next, 0);
		if (new == entry)
			continue;
		if (count ||
		    unlikely(!vmem_exchange(change, host, i, entry, new))) {
			ret = vmem_protect_leaf(e, change, place, host, i,
						vmem_read(host, i));
			if (ret < 0)
				break;
			if (!ret)
				continue;
		}
		if (!pages++)
			first = va;
		last = va + page - 1;
	}
	if (pages) {
		change->answer.pages += pages;
		vmem_flush(change, place, first, last);
	}
	return min(ret, 0);
}

/*
 * Both passes: there is a leaf, and an entry above denies what is to be
 * set. The highest such entry is where it stops, as mapping would.
 */
static __always_inline int vmem_protect_denied(const struct vmem_env *e,
					       struct vmem_place *place)
{
	unsigned int level = vmem_top(e->facts);

	while (!(place->denies & BIT(level)))
		level--;
	place->level = level;
	place->va = max(place->va & ~vmem_entry_mask(e->fmt, level),
			place->m->virt_base);
	return -EEXIST;
}

/* Both passes: a run of entries of a table of level 0. */
static __always_inline int vmem_protect_leaves(const struct vmem_env *e,
					       struct vmem_change *change,
					       struct vmem_place *place)
{
	unsigned int i = vmem_index(e->fmt, place->va, 0);
	unsigned int end = vmem_place_end(e->fmt, place);
	u64 page = BIT_ULL(e->fmt->page_lg2), entry;
	vmem_virt_t va = place->va;
	vmem_pte_t *host = place->path.host[0];
	bool denied = place->denies >> 1;
	int ret;

	for (;; i++, va += page) {
		entry = vmem_read(host, i);
		if (denied ? vmem_classify(e, entry, 0) == VMEM_CLASS_LEAF :
			     vmem_protect_make(e, place, entry, 0) != entry)
			break;
		if (i == end)
			return 0;
	}
	if (denied)
		return vmem_protect_denied(e, place);
	ret = vmem_want(place, 0);
	if (ret || !place->apply)
		return ret;
	if (unlikely(e->facts->shadow))
		return vmem_protect_run(e, change, place, host, i, end, entry,
					va, true);
	return vmem_protect_run(e, change, place, host, i, end, entry, va, false);
}

/* Both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_protect_entry(const struct vmem_env *e,
					      struct vmem_change *change,
					      struct vmem_place *place)
{
	unsigned int level = place->level;
	u64 mask = vmem_entry_mask(e->fmt, level);
	int ret;

	/* of the entries above, as those below aren't looked at yet */
	place->denies &= ~(BIT(level + 1) - 1);
	if (place->class == VMEM_CLASS_TABLE) {
		if (place->needs & ~vmem_table_perms(e, place->entry))
			place->denies |= BIT(level);
		return VMEM_DOWN;
	}
	if (place->denies && place->class == VMEM_CLASS_LEAF)
		return vmem_protect_denied(e, place);
	if (vmem_protect_make(e, place, place->entry, level) == place->entry)
		return 0;
	if (!vmem_place_covers(e, place, level))
		return -ERANGE;
	ret = vmem_want(place, level);
	if (ret || !place->apply)
		return ret;
	ret = vmem_protect_leaf(e, change, place, place->path.host[level],
				vmem_place_slot(e->fmt, place), place->entry);
	if (ret <= 0)
		return ret;
	change->answer.pages += (mask + 1) >> e->fmt->page_lg2;
	vmem_flush(change, place, place->va, place->va | mask);
	return 0;
}

#endif /* _VMEM_PROTECT_H */
