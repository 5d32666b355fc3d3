// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's own pages: made when they are first touched, zeroed, and never
 * moved or swapped. They are locked memory of the user who creates the region,
 * and charged to the memory cgroup of its creator, whoever touches them.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "owned.h"

/**
 * vmem_owned_init() - charge the caller for a region
 * @owned:	zeroed; vmem_owned_exit() is to follow in any case
 * @len:	of the region, in bytes
 *
 * Context: sleeps.
 * Return: 0; -ENOMEM: RLIMIT_MEMLOCK.
 */
int vmem_owned_init(struct vmem_owned *owned, u64 len)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();
	unsigned long pages = len >> PAGE_SHIFT;
	long locked;

	owned->memcg = get_mem_cgroup_from_mm(current->mm);
	if (capable(CAP_IPC_LOCK))
		return 0;
	locked = atomic_long_add_return(pages, &user->locked_vm);
	if (locked > limit) {
		atomic_long_sub(pages, &user->locked_vm);
		return -ENOMEM;
	}
	owned->user = get_uid(user);
	return 0;
}

/**
 * vmem_owned_exit() - let the pages of a region go, and its charge
 * @owned:	of the region, which nobody reaches any more
 * @len:	of the region, in bytes
 * @blocks:	of the region; vmem_blocks_free() is to follow
 *
 * A page that somebody else holds lives on.
 *
 * Context: sleeps.
 */
void vmem_owned_exit(struct vmem_owned *owned, u64 len, struct xarray *blocks)
{
	struct vmem_block *block;
	unsigned long nr;
	unsigned int i;

	xa_for_each(blocks, nr, block) {
		for (i = 0; i < VMEM_BLOCK_WORDS; i++)
			if (block->host[i])
				put_page(vmem_host_page(block->host[i]));
		cond_resched();
	}
	if (owned->user) {
		atomic_long_sub(len >> PAGE_SHIFT, &owned->user->locked_vm);
		free_uid(owned->user);
	}
	mem_cgroup_put(owned->memcg);
}

/**
 * vmem_owned_page() - a page of a region, made if need be
 * @owned:	of the region
 * @blocks:	of the region
 * @offset:	of the page in the region
 *
 * Context: sleeps.
 * Return: the page, which stays as long as the region; NULL: no memory.
 */
struct page *vmem_owned_page(struct vmem_owned *owned, struct xarray *blocks,
			     u64 offset)
{
	struct mem_cgroup *memcg = set_active_memcg(owned->memcg);
	struct page *page = NULL, *new;
	struct vmem_block *block;
	unsigned long *at, word;

	block = vmem_block_make(blocks, offset);
	if (!block)
		goto out;
	at = vmem_block_word(block, offset);
	word = READ_ONCE(*at);
	if (!word) {
		new = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!new)
			goto out;
		/* Pairs with the READ_ONCE()s: the page is zeroed first. */
		word = cmpxchg(at, 0, (unsigned long)page_address(new) |
				      VMEM_HOST_WRITE | VMEM_HOST_OWNED);
		if (!word) {
			atomic_long_inc(&owned->nr_pages);
			page = new;
			goto out;
		}
		__free_page(new);
	}
	page = vmem_host_page(word);
out:
	set_active_memcg(memcg);
	return page;
}
