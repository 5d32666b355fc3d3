/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Unmapping: entries are zeroed, tables of ours that are left empty go, and a
 * table that others have loses the link that it has in the range.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_UNMAP_H
#define _VMEM_UNMAP_H

#include "install.h"

/*
 * Before a table is entered, below the entry in hand, and @ret is what speaks against
 * it: one of ours only loses a link where others have it, if the entry is unmapped as
 * a whole, but for the last of its links that pass 2 will come to; so does one below
 * a frozen table that moves, and stays as it was. In pass 1, place->links becomes what
 * pass 2 will find. Return: VMEM_CLEAR: it does; 0; VMEM_ABSENT, VMEM_PAUSE, -EBUSY.
 */
static __always_inline int vmem_unmap_entered(const struct vmem_env *e, int ret)
{
	unsigned int level = e->at->level;
	bool whole = vmem_place_covers(e, level);
	vmem_pte_t *host;
	int marked;

	if (!e->at->links || (ret && ret != -EMLINK))
		return ret;
	if (whole && !e->at->apply && vmem_need_moves(e, level))
		return VMEM_CLEAR;
	if (whole && e->ops->movability == VMEM_MAY_MOVE_TABLE &&
	    !(e->at->writable & BIT(level))) {
		ret = vmem_reach(e, e->at->path.table[level], VMEM_WRITE, &host);
		/* refused, it is to who has to write there */
		if (ret > 0)
			return ret == VMEM_FROZEN ? VMEM_CLEAR : ret;
	}
	if (e->at->links > 1 && !e->at->apply) {
		marked = whole ? vmem_link_mark(e->pages, e->at->child,
						e->at->path.table[level],
						vmem_slot(e, level), VMEM_MARK_LEAVES,
						e->pass->number) :
				 vmem_link_marked(e->pages, e->at->child,
						  VMEM_MARK_LEAVES, e->pass->number);
		if (marked < 0)
			return vmem_remark(e);
		e->at->links -= marked;
	}
	return !whole ? ret : e->at->links > 1 ? VMEM_CLEAR : 0;
}

/*
 * Is something in the table in hand? Beside the range, where that will be zeroed, or
 * has just been.
 */
static __always_inline bool vmem_unmap_remains(const struct vmem_env *e)
{
	unsigned int level = e->at->level, nr = vmem_nr_entries(e->fmt, level);
	const vmem_pte_t *host = e->at->path.host[level];
	unsigned int i = nr, end = nr - 1;

	if (!e->at->apply || (!level && !e->at->sweep)) {
		i = e->at->first > (e->at->va & ~vmem_table_mask(e->fmt, level)) ?
		    vmem_index(e->fmt, e->at->first, level) : 0;
		end = vmem_place_end(e);
	}
	return (i && vmem_any(host, 0, i - 1, U64_MAX)) ||
	       (end + 1 < nr && vmem_any(host, end + 1, nr - 1, U64_MAX));
}

/* Pass 2: zero the entries of a table of level 0 from @i on up to @end. */
static __always_inline void vmem_unmap_run(const struct vmem_env *e,
					   unsigned int i, unsigned int end)
{
	vmem_virt_t base = e->at->va & ~vmem_table_mask(e->fmt, 0);
	unsigned int page = e->fmt->page_lg2, first = i, last = end;
	vmem_pte_t *host = e->at->path.host[0];
	bool full = vmem_all_leaves(e, host, i, end);
	u64 entry, pages = full ? end - i + 1 : 0;

	if (full)
		vmem_fill(host, i, end, 0, 0);
	else
		first = end + 1;
	for (; !full && i <= end; i++) {
		entry = vmem_read(host, i);
		if (!entry)
			continue;
		/* one that a vCPU makes present now would have to be flushed */
		if (likely(entry & e->fmt->present))
			WRITE_ONCE(host[i], 0);
		else
			entry = le64_to_cpu(xchg(&host[i], 0));
		if (!(entry & e->fmt->present))
			continue;
		first = min(first, i);
		last = i;
		pages += vmem_classify(e, entry, 0) == VMEM_CLASS_LEAF;
	}
	e->answer->dirty = true;
	e->answer->pages += pages;
	if (first <= end)
		vmem_flush(e->change, e->at->shared, base + ((u64)first << page),
			   (base + ((u64)last << page)) | vmem_entry_mask(e->fmt, 0));
}

/*
 * Will the table in hand go when it is empty? One of ours, by its last link; and in
 * pass 1 one that will be: a copy of a frozen one.
 */
static __always_inline bool vmem_unmap_goes(const struct vmem_env *e)
{
	unsigned int level = e->at->level;
	u32 links;

	if (!e->at->apply && vmem_need_moves(e, level))
		return true;
	return vmem_look_mine(e, level + 1, e->at->path.table[level], &links) &&
	       (e->at->apply ? links == 1 : !(e->at->shared & BIT(level)));
}

/* Both passes: a run of entries of a table of level 0. */
static __always_inline int vmem_unmap_leaves(const struct vmem_env *e)
{
	unsigned int i = vmem_slot(e, 0), end = vmem_place_end(e);
	int ret;

	if (e->at->sweep || !vmem_any(e->at->path.host[0], i, end, U64_MAX))
		return 0;
	/* one that goes needn't be written; the entry above can be: vmem_unmap_entered() */
	if (e->at->apply && e->at->keep && vmem_place_covers(e, 1) && vmem_unmap_goes(e))
		e->at->drop = true;
	if (e->at->drop)
		return vmem_want(e, 1);
	ret = vmem_want(e, 0);
	if (!ret && e->at->apply)
		vmem_unmap_run(e, i, end);
	return ret;
}

/*
 * Both passes: the entry in hand can't be gone through, because of @err; 0: there is
 * nothing below it. It can only go whole: VMEM_CLEAR.
 */
static __always_inline int vmem_unmap_whole(const struct vmem_env *e, int err)
{
	if (e->at->sweep || !e->at->entry)
		return 0;
	if (vmem_place_covers(e, e->at->level))
		return VMEM_CLEAR;
	/* a hole that holds bits, in part: it stays */
	e->pass->keeps |= BIT(e->at->level);
	return err;
}

/* Both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_unmap_entry(const struct vmem_env *e)
{
	if (e->at->class == VMEM_CLASS_TABLE)
		return VMEM_DOWN;
	if (!e->at->sweep && vmem_place_splits(e)) {
		e->pass->keeps |= BIT(e->at->level);
		return VMEM_MAKE;
	}
	return vmem_unmap_whole(e, e->at->class == VMEM_CLASS_NONE ? 0 : -ERANGE);
}

/* Both passes: the table that the entry in hand names isn't entered. */
static __always_inline int vmem_unmap_refused(const struct vmem_env *e, int err)
{
	if (e->at->sweep && (err < 0 || err == VMEM_CLEAR))
		return 0;
	/* no table to go through, so its entry is like a leaf */
	return err == -ENXIO || err == -EEXIST || err == -EMLINK ?
	       vmem_unmap_whole(e, err) : err;
}

/* Both passes, VMEM_CLEAR: zero the entry in hand, which isn't gone through. */
static __always_inline int vmem_unmap_clear(const struct vmem_env *e)
{
	int ret = vmem_want(e, e->at->level);

	if (ret || !e->at->apply)
		return ret;
	ret = vmem_replace(e, 0);
	if (!ret && e->at->class == VMEM_CLASS_LEAF)
		vmem_count_entry(e, e->at->level);
	return ret;
}

/* Pass 2: the table of leaves in hand was let go of as it is. */
static __always_inline void vmem_unmap_dropped(const struct vmem_env *e)
{
	unsigned int i, nr = vmem_nr_entries(e->fmt, 0);
	const vmem_pte_t *host = e->at->path.host[0];
	u64 pages = nr;

	if (!vmem_all_leaves(e, host, 0, nr - 1))
		for (i = 0, pages = 0; i < nr; i++)
			pages += vmem_classify(e, vmem_read(host, i), 0) == VMEM_CLASS_LEAF;
	e->answer->pages += pages;
	vmem_flush_all(e->change, 0);
}

/*
 * Both passes: a table of @level is to be written, and can't be, because of @why.
 * Return: whether it needn't be.
 */
static __always_inline bool vmem_unmap_spares(const struct vmem_env *e,
					      unsigned int level, int why)
{
	bool frozen = e->ops->movability == VMEM_MAY_MOVE_TABLE && why == VMEM_FROZEN;
	bool stays;

	/* nothing of it is left to be copied: the entry above goes */
	if (frozen && !level && vmem_place_covers(e, 1)) {
		e->at->drop = true;
		return true;
	}
	/*
	 * Else the table in hand may stay, empty: a frozen one would keep it; and
	 * that two mappings of a list would empty it wasn't foreseen.
	 */
	stays = frozen ? e->at->leaving && !e->at->drop &&
			 (e->at->apply || !vmem_need_moves(e, level)) :
			 why < 0 && e->at->sweep;
	if (stays)
		e->pass->keeps |= BIT(level - 1);
	return stays;
}

/* Both passes: the table in hand is done. One of ours goes if it is empty. */
static __always_inline int vmem_unmap_left(const struct vmem_env *e)
{
	unsigned int level = e->at->level + 1;
	bool stays, goes;
	int ret;

	if (e->at->drop && !e->at->apply)
		return 0;
	stays = !e->at->drop && (e->at->level >= e->at->keep ||
				 e->pass->keeps & BIT(e->at->level) ||
				 vmem_unmap_remains(e));
	goes = vmem_unmap_goes(e);
	if (stays || !(goes || e->at->drop)) {
		e->pass->keeps |= BIT(level);
		/* a link can't replace what something hangs below */
		return goes && level == e->at->keep && !e->at->apply ? -EEXIST : 0;
	}
	ret = vmem_want(e, level);
	if (ret || !e->at->apply)
		return ret;
	ret = vmem_rename(e, level, VMEM_NO_TABLE, 0, 0);
	if (ret > 0 && e->at->drop)
		vmem_unmap_dropped(e);
	if (ret > 0 && goes)
		vmem_remove(e, level);
	/* one of ours may stay, empty; what a table maps that goes as it is may not */
	return !e->at->drop ? 0 : ret ? min(ret, 0) : vmem_recount(e);
}

#endif /* _VMEM_UNMAP_H */
