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

#include "install.h"

/* What is set and cleared of leaves of a level, and the bits of both. */
struct vmem_protect_bits {
	u32 set;
	u32 clear;
	u64 yes;
	u64 no;
};

static __always_inline struct vmem_protect_bits
vmem_protect_bits(const struct vmem_env *e)
{
	u32 set = e->at->m->protect.set, clear = e->at->m->protect.clear;

	return (struct vmem_protect_bits){
		.set = set, .yes = e->fmt->bits(e->facts, set, e->at->level),
		.clear = clear, .no = e->fmt->bits(e->facts, clear, e->at->level),
	};
}

/* What protecting makes of an entry; itself when it isn't a leaf. */
static __always_inline u64 vmem_protect_make(const struct vmem_env *e, u64 entry,
					     unsigned int level,
					     struct vmem_protect_bits bits)
{
	if (vmem_classify(e, entry, level) != VMEM_CLASS_LEAF)
		return entry;
	return e->fmt->protect(e->facts, entry, bits.set, bits.clear, bits.yes, bits.no);
}

/*
 * Pass 2: an entry of the table in hand, which was @entry a while ago.
 * A and D, which a vCPU may set meanwhile, aren't lost. Return: 1: it was changed;
 * 0: it is as asked; -EBUSY.
 */
static __always_inline int
vmem_protect_leaf(const struct vmem_env *e, vmem_pte_t *host,
		  unsigned int i, u64 entry, struct vmem_protect_bits bits)
{
	unsigned int tries;
	u64 new;

	for (tries = 0; tries < VMEM_LINK_TRIES; tries++, entry = vmem_read(host, i)) {
		new = vmem_protect_make(e, entry, e->at->level, bits);
		if (new == entry)
			return 0;
		if (vmem_exchange(e, host, i, entry, new)) {
			e->answer->lost_dirty += entry & e->facts->shadow &&
						 entry & ~new & e->fmt->writable;
			return 1;
		}
	}
	return -EBUSY;
}

/*
 * Pass 2: the entries of a table of level 0 from @i on, which is @entry and is to
 * be @new, up to @end. The exchanges take the time: none begins before what is ahead of
 * it is done, and no load passes one. So little lies between two of them: leaves that
 * differ from the first one in their address, or in A and D where these stay, change in
 * the same bits; and the answer is written once. With @count, which is a constant,
 * leaves that lose D with W are counted.
 */
static __always_inline int
vmem_protect_run(const struct vmem_env *e, vmem_pte_t *host,
		 unsigned int i, unsigned int end, u64 entry, u64 new,
		 struct vmem_protect_bits bits, bool count)
{
	u64 like = entry, flip = entry ^ new;
	u64 unlike = ~(e->fmt->leaf_addr(e->facts, 0) | (e->fmt->ad & ~(bits.yes | bits.no)));
	u64 pages = 0, next, after;
	vmem_virt_t base = e->at->va & ~vmem_table_mask(e->fmt, 0);
	unsigned int first = i, last = i;
	int ret = 0;

	for (; i <= end; i++, entry = next, new = after) {
		next = vmem_read(host + i, i < end);
		after = next ^ flip;
		if (count || unlikely((next ^ like) & unlike))
			after = vmem_protect_make(e, next, 0, bits);
		if (new == entry)
			continue;
		if (count || unlikely(!vmem_exchanged(&host[i], entry, new))) {
			ret = vmem_protect_leaf(e, host, i, vmem_read(host, i), bits);
			if (ret < 0)
				break;
			if (!ret)
				continue;
		}
		pages++;
		last = i;
	}
	if (pages) {
		e->answer->dirty = true;
		e->answer->pages += pages;
		vmem_flush(e->change, e->at->shared,
			   base + ((u64)first << e->fmt->page_lg2),
			   (base + ((u64)last << e->fmt->page_lg2)) |
			   vmem_entry_mask(e->fmt, 0));
	}
	return min(ret, 0);
}

/*
 * Both passes: there is a leaf, and entries above may deny what is to be set. If so,
 * the highest of them is where it stops, as mapping would.
 */
static __always_inline int vmem_protect_denied(const struct vmem_env *e)
{
	unsigned int level = e->at->needs ? vmem_top(e->facts) : e->at->level;
	int ret;

	for (; level > e->at->level; level--) {
		if (!(e->at->needs & ~vmem_path_perms(e, level)))
			continue;
		ret = vmem_path_denies(e, level);
		if (ret == -EEXIST) {
			e->at->level = level;
			e->at->va = max(e->at->va & ~vmem_entry_mask(e->fmt, level),
					e->at->m->virt_base);
		}
		if (ret)
			return ret;
	}
	return 0;
}

/* Both passes: a run of entries of a table of level 0. */
static __always_inline int vmem_protect_leaves(const struct vmem_env *e)
{
	unsigned int i = vmem_slot(e, 0), n, end = vmem_place_end(e);
	vmem_pte_t *host = e->at->path.host[0];
	struct vmem_protect_bits bits = vmem_protect_bits(e);
	u64 entry, new;
	int ret;

	for (n = i; e->at->needs && n <= end; n++) {
		if (vmem_classify(e, vmem_read(host, n), 0) != VMEM_CLASS_LEAF)
			continue;
		ret = vmem_protect_denied(e);
		if (ret)
			return ret;
		break;
	}
	for (;; i++) {
		entry = vmem_read(host, i);
		new = vmem_protect_make(e, entry, 0, bits);
		if (new != entry)
			break;
		if (i == end)
			return 0;
	}
	ret = vmem_want(e, 0);
	if (ret || !e->at->apply)
		return ret;
	if (unlikely(e->facts->shadow))
		return vmem_protect_run(e, host, i, end, entry, new, bits, true);
	return vmem_protect_run(e, host, i, end, entry, new, bits, false);
}

/* Both passes: the entry in hand, of a table above level 0. */
static __always_inline int vmem_protect_entry(const struct vmem_env *e)
{
	unsigned int level = e->at->level;
	struct vmem_protect_bits bits = vmem_protect_bits(e);
	int ret;

	if (e->at->class == VMEM_CLASS_TABLE)
		return VMEM_DOWN;
	ret = e->at->class == VMEM_CLASS_LEAF ? vmem_protect_denied(e) : 0;
	if (ret)
		return ret;
	if (vmem_protect_make(e, e->at->entry, level, bits) == e->at->entry)
		return 0;
	if (!vmem_place_covers(e, level))
		return vmem_place_splits(e) ? VMEM_MAKE : -ERANGE;
	ret = vmem_want(e, level);
	if (ret || !e->at->apply)
		return ret;
	ret = vmem_protect_leaf(e, e->at->path.host[level], vmem_slot(e, level),
				e->at->entry, bits);
	if (ret <= 0)
		return ret;
	vmem_count_entry(e, level);
	vmem_flush_entry(e, level);
	return 0;
}

#endif /* _VMEM_PROTECT_H */
