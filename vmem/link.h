/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Linking: a table of one place in a space shown at another place, in the same
 * space or in another one. It is a mapping like others to the two passes of
 * map.h, but for the entry that names the table.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_LINK_H
#define _VMEM_LINK_H

#include "cursor.h"
#include "map.h"

/*
 * The table that the mapping in hand links to, as its owner has it now. Return:
 * 0; VMEM_ABSENT; VMEM_PAUSE; -EOPNOTSUPP: tables have one link each; -ENOENT:
 * there is none; -ENXIO; -EINVAL: it isn't ours, or of another pool; -EEXIST: it
 * is, but the guest put it there; -EOVERFLOW; -EMLINK: it has all the links that
 * it may have.
 */
static __always_inline int
vmem_link_find(const struct vmem_env *e, const struct vmem_change *change,
	       const struct vmem_place *place, vmem_table_t *table)
{
	const struct vmem_link_mapping *link = &place->m->link;
	vmem_table_t at = link->owner->root, parent = VMEM_NO_TABLE;
	unsigned int level, slot = 0;
	vmem_pte_t *host;
	u32 links;
	u64 entry;
	int ret;

	if (!e->ops->share)
		return -EOPNOTSUPP;
	/* only a means, and asked for twice in a piece: nothing is begun by it */
	if (place->begun && e->read->pause(e->ctx, e->fmt->nr_levels))
		return VMEM_PAUSE;
	for (level = vmem_top(e->fmt); level > link->level; level--) {
		ret = e->read->from_phys(e->ctx, at, VMEM_READ, &host);
		if (ret)
			return ret == VMEM_OUTSIDE ? -ENXIO : ret;
		slot = vmem_index(e->fmt, link->their_va, level);
		entry = vmem_read(host, slot);
		if (e->fmt->classify(&link->owner->facts, entry, level) !=
		    VMEM_CLASS_TABLE)
			return -ENOENT;
		parent = at;
		at = vmem_table(e->fmt->entry_phys(&link->owner->facts, entry,
						   level, VMEM_CLASS_TABLE));
	}
	switch (e->ops->owner(e->ctx, at, level, parent, slot, &links)) {
	case VMEM_FOREIGN:
	case VMEM_OTHERS:
		return -EINVAL;
	case VMEM_MISUSED:
		return -EEXIST;
	case VMEM_MINE:
		break;
	}
	/* an entry of ours couldn't name it */
	if (!vmem_nameable(e->facts, vmem_table_gpa(at), vmem_table_gpa(at)))
		return -EOVERFLOW;
	*table = at;
	/* those that are counted may all be its own */
	if (!place->apply)
		links += change->need_links;
	return links < VMEM_LINKS_MAX ? 0 : -EMLINK;
}

/* Pass 2: nothing hangs below a table of ours that is to be replaced. */
static __always_inline int vmem_link_emptied(const struct vmem_env *e,
					     vmem_table_t table)
{
	vmem_pte_t *host;
	int ret;

	ret = e->read->from_phys(e->ctx, table, VMEM_READ, &host);
	if (ret)
		return ret == VMEM_OUTSIDE ? -ENXIO : ret;
	return vmem_any(host, 0, vmem_nr_entries(e->fmt) - 1, U64_MAX) ?
	       -EEXIST : 0;
}

/* Both passes: the entry in hand, which is to name the table. */
static __always_inline int vmem_link_entry(const struct vmem_env *e,
					   struct vmem_change *change,
					   struct vmem_place *place)
{
	unsigned int level = place->level;
	unsigned int slot = vmem_index(e->fmt, place->va, level);
	vmem_table_t table, parent;
	bool mine = false;
	vmem_pte_t *host;
	u32 links = 0;
	int ret;

	if (place->class != VMEM_CLASS_NONE &&
	    !(change->flags & VMEM_CHANGE_REPLACE))
		return -EEXIST;
	ret = vmem_link_find(e, change, place, &table) ?:
	      vmem_change_want(place, level);
	if (ret)
		return ret;
	host = place->path.host[level];
	parent = place->path.table[level];
	if (place->class == VMEM_CLASS_TABLE)
		mine = e->ops->owner(e->ctx, place->child, level - 1, parent,
				     slot, &links) == VMEM_MINE;
	/* what is there goes before it is looked for */
	if (mine && place->child == table)
		return -EINVAL;
	if (!place->apply) {
		change->need_links++;
		return 0;
	}
	ret = mine && links == 1 ? vmem_link_emptied(e, place->child) : 0;
	if (ret)
		return ret;
	if (!e->ops->shares(e->ctx))
		return vmem_change_recount(change);
	if (!vmem_change_entry(change, host, slot, place->entry,
			       e->fmt->make_table(e->facts, table,
						  vmem_place_perms(place, level))))
		return place->tries++ < VMEM_LINK_TRIES ? VMEM_AGAIN : -EBUSY;
	if (place->class != VMEM_CLASS_NONE)
		vmem_change_flush_all(change);
	else
		change->overwritten += !!place->entry;
	if (mine) {
		e->ops->put(e->ctx, place->child, parent, slot);
		change->changes |= links > 1 ? VMEM_CHANGED_UNSHARED :
					       VMEM_CHANGED_FREED;
	}
	e->ops->share(e->ctx, table, parent, slot);
	return 0;
}

static __always_inline int
vmem_link_list(const struct vmem_format *fmt, struct vmem_change *change,
	       vmem_virt_t our_va, const struct vmem_link_mapping *link)
{
	struct vmem_mapping *m = change->own;
	u64 mask;

	if (link->level >= vmem_top(fmt))
		return -EINVAL;
	mask = vmem_table_mask(fmt, link->level);
	if ((our_va | link->their_va) & mask ||
	    !vmem_is_canonical(fmt, our_va) ||
	    !vmem_is_canonical(fmt, link->their_va))
		return -EINVAL;
	change->nr = 0;
	if (change->flags & VMEM_CHANGE_REPLACE) {
		m[change->nr++] = (struct vmem_mapping){
			.virt_base = our_va, .len = mask + 1,
			.kind = VMEM_KIND_UNMAPPED,
		};
	}
	m[change->nr++] = (struct vmem_mapping){
		.virt_base = our_va, .len = mask + 1,
		.kind = VMEM_KIND_LINK, .link = *link,
	};
	vmem_change_own(change);
	return 0;
}

static __always_inline int
vmem_space_aware_map(const struct vmem_format *fmt,
		     const struct vmem_table_ops *ops, void *ctx,
		     struct vmem_space *space,
		     const struct vmem_space_aware_mapping *reference,
		     const struct vmem_space *built, u32 nr_built,
		     struct vmem_change *change)
{
	struct vmem_link_mapping link = {
		.their_va	= reference->ref.their_va,
		.level		= vmem_top(fmt) - reference->detail,
	};
	struct vmem_mapping *m;
	int ret;

	if (!change->list) {
		if (reference->ref.owner >= nr_built)
			return -ENOENT;
		link.owner = &built[reference->ref.owner];
		ret = vmem_link_list(fmt, change, reference->va, &link);
		if (ret)
			return ret;
		m = &change->own[change->nr - 1];
		m->path_given = true;
		m->path = reference->path;
	}
	return vmem_map(fmt, ops, ctx, space, change);
}

#endif /* _VMEM_LINK_H */
