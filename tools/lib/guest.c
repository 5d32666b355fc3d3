// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The public calls of libvmem: each goes to the back end of its guest. A pointer
 * that a call hands out is NULL when it fails. What is made of these calls, for
 * people, is in mapping.c, copy.c and rebuild.c.
 */
#include "libvmem.h"
#include "memory.h"

const char *vmem_version(void)
{
	return VMEM_VERSION;
}

void vmem_close(struct vmem_guest *guest)
{
	if (!guest)
		return;
	memory_end(guest);
	guest->backend->close(guest);
}

int vmem_guest_fd(const struct vmem_guest *guest)
{
	return guest->backend->fd(guest);
}

int vmem_guest_info(struct vmem_guest *guest, struct vmem_ioc_info *arg)
{
	return guest->backend->call(guest, VMEM_IOC_INFO, arg);
}

int vmem_guest_view(struct vmem_guest *guest, struct vmem_ioc_view *arg)
{
	return guest->backend->call(guest, VMEM_IOC_VIEW, arg);
}

int vmem_guest_list(struct vmem_guest *guest, struct vmem_ioc_list *arg)
{
	return guest->backend->call(guest, VMEM_IOC_LIST, arg);
}

int vmem_guest_flushed(struct vmem_guest *guest, struct vmem_ioc_flushed *arg)
{
	return guest->backend->call(guest, VMEM_IOC_FLUSHED, arg);
}

int vmem_guest_destroy(struct vmem_guest *guest, struct vmem_ioc_destroy *arg)
{
	int ret;

	memory_unmap(guest, arg->id);
	ret = guest->backend->call(guest, VMEM_IOC_DESTROY, arg);
	if (!ret)
		memory_forget(guest, arg->id);
	return ret;
}

int vmem_region_create(struct vmem_guest *guest,
		       struct vmem_ioc_region_create *arg)
{
	int ret;

	ret = memory_expect(guest);
	if (ret)
		return ret;
	ret = guest->backend->call(guest, VMEM_IOC_REGION_CREATE, arg);
	memory_came(guest, ret ? NULL : arg);
	return ret;
}

int vmem_region_set(struct vmem_guest *guest, struct vmem_ioc_region_set *arg)
{
	return guest->backend->call(guest, VMEM_IOC_REGION_SET, arg);
}

int vmem_region_dirty(struct vmem_guest *guest,
		      struct vmem_ioc_region_dirty *arg)
{
	return guest->backend->call(guest, VMEM_IOC_REGION_DIRTY, arg);
}

int vmem_region_mmap(struct vmem_guest *guest, __u64 offset, size_t len,
		     int prot, void **addr)
{
	*addr = NULL;
	return guest->backend->mmap(guest, offset, len, prot, addr);
}

int vmem_pool_create(struct vmem_guest *guest,
		     struct vmem_ioc_pool_create *arg)
{
	return guest->backend->call(guest, VMEM_IOC_POOL_CREATE, arg);
}

int vmem_pool_grow(struct vmem_guest *guest, struct vmem_ioc_pool_grow *arg)
{
	return guest->backend->call(guest, VMEM_IOC_POOL_GROW, arg);
}

int vmem_pool_stat(struct vmem_guest *guest, struct vmem_ioc_pool_stat *arg)
{
	return guest->backend->call(guest, VMEM_IOC_POOL_STAT, arg);
}

int vmem_space_create(struct vmem_guest *guest,
		      struct vmem_ioc_space_create *arg)
{
	return guest->backend->call(guest, VMEM_IOC_SPACE_CREATE, arg);
}

int vmem_space_get(struct vmem_guest *guest, struct vmem_ioc_space_get *arg)
{
	return guest->backend->call(guest, VMEM_IOC_SPACE_GET, arg);
}

int vmem_space_map(struct vmem_guest *guest, struct vmem_ioc_map *arg)
{
	return guest->backend->call(guest, VMEM_IOC_MAP, arg);
}

int vmem_space_unmap(struct vmem_guest *guest, struct vmem_ioc_unmap *arg)
{
	return guest->backend->call(guest, VMEM_IOC_UNMAP, arg);
}

int vmem_space_protect(struct vmem_guest *guest, struct vmem_ioc_protect *arg)
{
	return guest->backend->call(guest, VMEM_IOC_PROTECT, arg);
}

int vmem_space_promote(struct vmem_guest *guest, struct vmem_ioc_promote *arg)
{
	return guest->backend->call(guest, VMEM_IOC_PROMOTE, arg);
}

int vmem_space_link(struct vmem_guest *guest, struct vmem_ioc_link *arg)
{
	return guest->backend->call(guest, VMEM_IOC_LINK, arg);
}

int vmem_space_translate(struct vmem_guest *guest,
			 struct vmem_ioc_translate *arg)
{
	return guest->backend->call(guest, VMEM_IOC_TRANSLATE, arg);
}

int vmem_walk_create(struct vmem_guest *guest,
		     struct vmem_ioc_walk_create *arg,
		     struct vmem_walker **walker)
{
	*walker = NULL;
	return guest->backend->walk(guest, arg, walker);
}

int vmem_walk_read(struct vmem_walker *walker, struct vmem_ioc_record *records,
		   size_t nr)
{
	return walker->backend->read(walker, records, nr);
}

int vmem_walk_fd(const struct vmem_walker *walker)
{
	return walker->fd;
}

void vmem_walk_close(struct vmem_walker *walker)
{
	if (walker)
		walker->backend->end_walk(walker);
}
