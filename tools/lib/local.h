/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The back end in this process: its objects, and who calls whom.
 *
 *   local.c (calls) -> local-region.c, local-pool.c, local-space.c,
 *   local-walk.c -> formats.c -> the core -> local-ops.h -> memory
 *
 * A guest is used by one thread at a time, so that nothing here is locked, a
 * page is never absent, and a call never has to begin again.
 */
#ifndef _LIBVMEM_LOCAL_H
#define _LIBVMEM_LOCAL_H

#include <linux/vmem.h>

#include "../../vmem/formats.h"
#include "../../vmem/records.h"
#include "backend.h"

/* Limits, as INFO tells them; they are those of the module. */
#define LOCAL_REGION_LEN_MAX	(1ULL << 46)
#define LOCAL_GPA_BITS		52	/* regions lie below */
#define LOCAL_REGIONS_MAX	1024
#define LOCAL_POOL_RANGES_MAX	64
#define LOCAL_POOLS_MAX		64
#define LOCAL_SPACES_MAX	4096
#define LOCAL_MAP_MAX		4096
#define LOCAL_TRANSLATE_MAX	65536
#define LOCAL_LIST_MAX		4096
#define LOCAL_WALK_SPACES_MAX	1024
#define LOCAL_READ_MAX		65536
#define LOCAL_SEEN_MAX		(1ULL << 20)
#define LOCAL_CHANGE_BUDGET	(1ULL << 22)

/**
 * struct object - what an id names
 * @id:		never 0, never used again
 * @kind:	VMEM_IOC_LIST_*
 */
struct object {
	u32 id;
	u32 kind;
};

/**
 * struct region - guest-physical memory
 * @object:	its id
 * @kind:	VMEM_IOC_REGION_*
 * @gpa:	of the first byte, a multiple of the page
 * @len:	in bytes, a multiple of the page
 * @host:	where it lies in this process
 * @memfd:	kind owned: the pages; else -1
 * @uses:	ranges of pools in it
 * @frozen:	it is not written to
 */
struct region {
	struct object object;
	u32 kind;
	u64 gpa;
	u64 len;
	char *host;
	int memfd;
	u32 uses;
	bool frozen;
};

/**
 * struct pool - where new tables come from
 * @object:	its id
 * @pool:	which pages are tables, and who links to them
 * @ranges:	by address
 * @storage:	of @pool
 * @spaces:	that take from it
 * @next:	pool of the guest
 */
struct pool {
	struct object object;
	struct vmem_pool pool;
	struct vmem_pool_range *ranges;
	void *storage;
	u32 spaces;
	struct pool *next;
};


/**
 * struct space - an address space
 * @object:	its id
 * @format:	of its tables
 * @flags:	as given when it was created
 * @space:	root and facts
 * @pool:	where its tables come from, NULL: for reading
 * @root:	its root among those of the guest
 * @tables:	made by calls on this space, and linked
 */
struct space {
	struct object object;
	const struct vmem_format_ops *format;
	u32 flags;
	struct vmem_space space;
	struct pool *pool;
	struct vmem_root *root;
	s64 tables;
};

/* Records of links, which stay with the guest. */
struct link_chunk {
	struct link_chunk *next;
	struct vmem_link links[127];
};

/**
 * struct local_guest - a guest in this process
 * @guest:	what the caller holds
 * @refs:	the caller, and each walker
 * @last_id:	the last id given
 * @objects:	by id
 * @nr_objects:	how many
 * @regions:	by address
 * @nr_regions:	how many
 * @pools:	the first of them
 * @nr_pools:	how many
 * @nr_spaces:	how many
 * @hint:	the region that was asked for last, never NULL
 * @generation:	raised by each call that changed a table
 * @seed:	of what walks remember
 * @links:	records of links that all pools are lent
 * @link_chunks: where these lie
 * @changing:	the space that a call is changing
 * @movable:	whether its frozen tables move
 * @shared_root: its root, if other spaces have it and it is no page of a pool;
 *		else VMEM_NO_TABLE
 * @pages:	where that call has its tables from
 */
struct local_guest {
	struct vmem_guest guest;
	unsigned int refs;
	u32 last_id;
	struct object **objects;
	u32 nr_objects;
	struct region **regions;
	u32 nr_regions;
	struct pool *pools;
	u32 nr_pools;
	u32 nr_spaces;
	const struct region *hint;
	u64 generation;
	u64 seed;
	struct vmem_link_store links;
	struct link_chunk *link_chunks;
	struct space *changing;
	bool movable;
	vmem_table_t shared_root;
	struct vmem_pages pages;
};

/*
 * local.c. Each call is given its struct, its outputs zeroed.
 */
int object_add(struct local_guest *lg, struct object *object, u32 kind);
void object_remove(struct local_guest *lg, struct object *object);
struct object *object_find(struct local_guest *lg, u32 id, u32 kind, int *ret);
void local_put(struct local_guest *lg);

/* local-region.c */
extern const struct region region_none;
const struct region *region_search(const struct local_guest *lg,
				   vmem_phys_t gpa);
int region_use(struct local_guest *lg, u64 gpa, u64 len, int by);
bool region_covers(struct local_guest *lg, vmem_phys_t gpa, u64 *same);
int region_create(struct local_guest *lg, void *arg);
int region_set(struct local_guest *lg, void *arg);
int region_mmap(struct vmem_guest *guest, __u64 offset, size_t len, int prot,
		void **addr);
int region_destroy(struct local_guest *lg, struct region *region, bool *dropped);
void region_free(struct local_guest *lg, struct region *region);

/* local-pool.c */
struct pool *pool_of(struct local_guest *lg, vmem_table_t table);
bool pools_idle(const struct local_guest *lg);
bool pools_drop(struct local_guest *lg, const struct vmem_pool_range *ranges, u32 nr);
int pool_create(struct local_guest *lg, void *arg);
int pool_stat(struct local_guest *lg, void *arg);
int pool_flushed(struct local_guest *lg, void *arg);
int pool_destroy(struct local_guest *lg, struct pool *pool);
void pool_free(struct local_guest *lg, struct pool *pool);

/* local-space.c */
int space_create(struct local_guest *lg, void *arg);
int space_get(struct local_guest *lg, void *arg);
int space_translate(struct local_guest *lg, void *arg);
bool space_root_within(const struct local_guest *lg, u64 gpa, u64 len);
bool space_destroy(struct local_guest *lg, struct space *space);
void space_free(struct local_guest *lg, struct space *space);

/* local-change.c */
int space_map(struct local_guest *lg, void *arg);
int space_unmap(struct local_guest *lg, void *arg);
int space_protect(struct local_guest *lg, void *arg);
int space_link(struct local_guest *lg, void *arg);

/* local-walk.c */
int walk_create(struct local_guest *lg, struct vmem_ioc_walk_create *arg,
		struct vmem_walker **walker);
int walk_read(struct vmem_walker *walker, struct vmem_ioc_record *records,
	      size_t nr);
void walk_end(struct vmem_walker *walker);

#endif /* _LIBVMEM_LOCAL_H */
