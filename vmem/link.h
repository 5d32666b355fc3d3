/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Linking: a table of one place in a space shown at another place, in the same
 * space or in another one.
 *
 * Everything is __always_inline because the format and the ops are constants
 * of the caller.
 */
#include "vmem.h"

#ifndef _VMEM_LINK_H
#define _VMEM_LINK_H

#include "install.h"

/*
 * The table that the mapping in hand links to, as its owner has it now. Return:
 * 0; VMEM_ABSENT; VMEM_PAUSE; -ENOENT: there is none; -ENXIO; -EINVAL: it isn't
 * ours, or of another pool; -EEXIST: the guest put it there, or one above;
 * -EOVERFLOW; -EMLINK: it has all the links that it may have.
 */
static __always_inline int
vmem_link_find(const struct vmem_env *e, vmem_table_t *table)
{
	const struct vmem_link_mapping *link = &e->at->m->link;
	const struct vmem_facts *facts = &link->owner->facts;
	vmem_table_t at = link->owner->root, parent = VMEM_NO_TABLE;
	unsigned int level = vmem_top(e->facts), slot = 0;
	enum vmem_owner whose;
	vmem_pte_t *host;
	u32 links;
	u64 entry;
	int ret;

	/* only a means, and asked for twice in a piece: nothing is begun by it */
	if (e->at->begun && e->read->pause(e->ctx, e->facts->nr_levels))
		return VMEM_PAUSE;
	for (;; level--) {
		whose = e->ops->owner(e->ctx, at, level, parent, slot, &links);
		if (whose == VMEM_MISUSED)
			return -EEXIST;
		if (level == link->level)
			break;
		ret = vmem_reach(e, at, VMEM_READ, &host);
		if (ret)
			return ret;
		slot = vmem_index(e->fmt, link->their_va, level);
		entry = vmem_read(host, slot);
		if (e->fmt->classify(facts, entry, level) != VMEM_CLASS_TABLE)
			return -ENOENT;
		parent = at;
		at = vmem_table(e->fmt->entry_phys(facts, entry, level, VMEM_CLASS_TABLE));
	}
	if (whose != VMEM_MINE)
		return -EINVAL;
	/* an entry of ours couldn't name it */
	if (!vmem_nameable(e->facts, vmem_table_gpa(at), vmem_table_gpa(at)))
		return -EOVERFLOW;
	*table = at;
	/* those that are counted may all be its own */
	if (!e->at->apply)
		links += e->need->links;
	return links < VMEM_LINKS_MAX ? 0 : -EMLINK;
}

/* Both passes: the entry in hand, which is to name the table. */
static __always_inline int vmem_link_here(const struct vmem_env *e,
					  vmem_table_t table)
{
	unsigned int level = e->at->level;
	int ret = vmem_want(e, level);
	vmem_pte_t *host;
	bool mine;
	u32 links;

	if (ret)
		return ret;
	mine = e->at->class == VMEM_CLASS_TABLE &&
	       vmem_look_mine(e, level, e->at->child, &links);
	/* what is there goes before it is looked for */
	if (mine && e->at->child == table)
		return -EINVAL;
	if (!e->at->apply) {
		e->need->links++;
		return 0;
	}
	/* nothing hangs below one of ours that goes */
	if (mine && links == 1) {
		ret = vmem_reach(e, e->at->child, VMEM_READ, &host);
		if (ret)
			return ret;
		if (vmem_any(host, 0, vmem_nr_entries(e->fmt, level - 1) - 1, U64_MAX))
			return -EEXIST;
	}
	if (!e->pages->res.links)
		return vmem_recount(e);
	ret = vmem_replace(e, e->fmt->make_table(e->facts, table,
						 vmem_place_perms(e, level)));
	if (ret)
		return ret;
	if (e->at->class != VMEM_CLASS_NONE)
		vmem_flush_all(e->change, 0);
	else
		e->answer->overwritten += !!e->at->entry;
	vmem_linked(e, vmem_pool_share(e->pages->pool, &e->pages->res, table,
				       e->at->path.table[level], vmem_slot(e, level)));
	return 0;
}

/* Both passes: the entry in hand, of the table that is to name it or of one above. */
static __always_inline int vmem_link_entry(const struct vmem_env *e)
{
	bool here = e->at->level == e->at->lowest;
	vmem_table_t table;
	int ret = 0;

	if (!here)
		ret = vmem_path_look(e);
	else if (e->at->class != VMEM_CLASS_NONE &&
		 !(e->asked->flags & VMEM_CHANGE_REPLACE))
		ret = -EEXIST;
	if (!ret && (here || !e->at->apply))
		ret = vmem_link_find(e, &table);
	/* pass 2 has made it by then, but not here */
	if (ret == -ENOENT && !e->at->apply && e->asked->flags & VMEM_CHANGE_MAKE) {
		table = VMEM_NO_TABLE;
		ret = e->at->m->link.owner->root == e->space->root &&
		      e->at->m->link.their_va == e->at->m->virt_base ? -EINVAL : 0;
	}
	if (ret)
		return ret;
	return here ? vmem_link_here(e, table) : VMEM_MAKE;
}

/* Both passes: the entry in hand of the owner, who is to have a table below it. */
static __always_inline int vmem_link_make(const struct vmem_env *e)
{
	if (e->at->class == VMEM_CLASS_TABLE)
		return e->at->level > e->at->lowest + 1 ? VMEM_DOWN : 0;
	return e->at->class == VMEM_CLASS_NONE ? VMEM_MAKE : -EEXIST;
}

/* Both passes: the entry in hand, on the way to the table that is to be unshared. */
static __always_inline int vmem_link_unshare(const struct vmem_env *e)
{
	unsigned int level = e->at->level;
	struct vmem_update_parent *path = &e->at->path;
	u32 links;
	int ret;

	if (e->at->class != VMEM_CLASS_TABLE)
		return -ENOENT;
	if (level > e->at->lowest)
		return VMEM_DOWN;
	/* a copy of the table above would have it, too */
	ret = vmem_owned(e, e->at->child, level - 1, path->table[level],
			 vmem_slot(e, level),
			 !e->at->apply && vmem_need_moves(e, level), &links);
	if ((ret && ret != -EMLINK) || links == 1)
		return ret;
	path->table[level - 1] = e->at->child;
	return vmem_want(e, level) ?:
	       vmem_reach(e, e->at->child, VMEM_READ, &path->host[level - 1]) ?:
	       vmem_visit(e, level - 1) ?: vmem_copy(e, level - 1);
}

#endif /* _VMEM_LINK_H */
