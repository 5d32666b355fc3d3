/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The back end in this process: its objects, and who calls whom.
 *
 *   local-calls.c -> local-change.c, local-walk.c -> local-space.c -> formats.c, which
 *   is the core over local-ops.h -> local-region.c, local-pools.c -> local-object.c
 *
 * A guest is used by one thread at a time, so that nothing here is locked, a
 * page is never absent, and a call never has to begin again.
 */
#ifndef _LIBVMEM_LOCAL_H
#define _LIBVMEM_LOCAL_H

#include <linux/vmem.h>

#include "../../vmem/call.h"
#include "backend.h"
#include "dump.h"

struct local_guest;
struct object;

/**
 * struct object_ops - a kind of objects
 * @kind:	its number, VMEM_IOC_LIST_*
 * @max:	how many a guest may have
 * @item:	tell LIST what it is, in a zeroed item with its id
 * @destroy:	let go of what it has in the guest, and say in the answer what must be
 *		flushed; 0, or -EBUSY
 * @free:	free it: it was destroyed, or the guest ends
 */
struct object_ops {
	u32 kind;
	u32 max;
	void (*item)(const struct object *object, struct vmem_ioc_item *item);
	int (*destroy)(struct local_guest *lg, struct object *object,
		       struct vmem_ioc_destroy *answer);
	void (*free)(struct local_guest *lg, struct object *object);
};

/**
 * struct object - what an id names
 * @id:		never 0, never used again
 * @ops:	of its kind
 */
struct object {
	u32 id;
	const struct object_ops *ops;
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
 * @dirty:	a bit a page that was written, as in REGION_DIRTY's bitmap
 * @dump:	what has it instead of @host, page by page; NULL: nothing has
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
	u8 *dirty;
	struct dump *dump;
};

/**
 * struct pool - where new tables come from
 * @object:	its id
 * @pool:	which pages are tables, and who links to them
 * @ranges:	room for those of @pool
 * @spaces:	that take from it
 * @next:	pool of the guest
 */
struct pool {
	struct object object;
	struct vmem_pool pool;
	struct vmem_pool_range ranges[VMEM_POOL_RANGES_MAX];
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
 * @nr:		how many of each kind
 * @regions:	by address
 * @nr_regions:	how many
 * @pools:	the first of them
 * @hint:	the region that was asked for last, never NULL
 * @generation:	raised by each call that changed a table
 * @seed:	of what walks remember
 * @links:	records of links that all pools are lent
 * @link_chunks: where these lie
 * @changing:	the space that a call is changing
 * @movable:	whether its frozen tables move
 * @shared_root: its root, if other spaces have it and it is no page of a pool;
 *		else VMEM_NO_TABLE
 * @shared_owner: likewise of the space for which it makes a table
 * @pages:	where that call has its tables from
 * @made:	a walker that a call made
 * @spare:	what a walk remembered tables in, for the next one
 * @spare_lg2:	its size
 * @dump:	that has its memory, NULL: none
 */
struct local_guest {
	struct vmem_guest guest;
	unsigned int refs;
	u32 last_id;
	struct object **objects;
	u32 nr_objects;
	u32 nr[VMEM_OBJECT_KINDS];
	struct region **regions;
	u32 nr_regions;
	struct pool *pools;
	const struct region *hint;
	u64 generation;
	u64 seed;
	struct vmem_link_store links;
	struct link_chunk *link_chunks;
	struct space *changing;
	bool movable;
	vmem_table_t shared_root;
	vmem_table_t shared_owner;
	struct vmem_pages pages;
	struct vmem_walker *made;
	struct vmem_seen_slot *spare;
	u32 spare_lg2;
	struct dump *dump;
};

static inline struct region *to_region(const struct object *object)
{
	return container_of(object, struct region, object);
}

static inline struct pool *to_pool(const struct object *object)
{
	return container_of(object, struct pool, object);
}

static inline struct space *to_space(const struct object *object)
{
	return container_of(object, struct space, object);
}

/* local-object.c */
int object_add(struct local_guest *lg, struct object *object,
	       const struct object_ops *ops);
void object_remove(struct local_guest *lg, struct object *object);
struct object *object_find(struct local_guest *lg, u32 id,
			   const struct object_ops *ops, int *ret);
void objects_end(struct local_guest *lg);

/* local-pools.c */
struct pool *pools_at(struct local_guest *lg, vmem_table_t table);
bool pools_idle(const struct local_guest *lg);
bool pools_drop(struct local_guest *lg, const struct vmem_pool_range *ranges, u32 nr);
int pools_lend(struct local_guest *lg, struct vmem_pool *pool, u64 nr);
void pools_end(struct local_guest *lg);

/* local-region.c */
extern const struct region region_none;

/* The page at @gpa of a region was written, or is about to be. */
static inline void region_written(const struct region *region, vmem_phys_t gpa)
{
	u64 page = (gpa - region->gpa) >> VMEM_DIRTY_PAGE_LG2;

	region->dirty[page / 8] |= 1U << page % 8;
}

const struct region *region_search(const struct local_guest *lg,
				   vmem_phys_t gpa);
int region_of_dump(struct local_guest *lg, struct dump *dump, u64 len);
int region_use(struct local_guest *lg, u64 gpa, u64 len, int by);
bool region_covers(struct local_guest *lg, vmem_phys_t gpa, u64 *same);
int region_mmap(struct vmem_guest *guest, __u64 offset, size_t len, int prot,
		void **addr);

/* local-calls.c */
extern const struct backend local_backend;

/* local-dump.c */
int dump_table(struct local_guest *lg, vmem_phys_t gpa, vmem_pte_t **host);
void dump_result(struct local_guest *lg, const struct space *space,
		 struct vmem_ioc_result *result);
void dump_record(struct local_guest *lg, struct vmem_ioc_record *record);

/* local-pool.c */
extern const struct object_ops pool_ops;

/* local-space.c */
struct space *space_find(struct local_guest *lg, u32 id, int *ret);

/* local-walk.c */
int walk_read(struct vmem_walker *walker, struct vmem_ioc_record *records,
	      size_t nr);
struct local_guest *walk_end(struct vmem_walker *walker);

/* The calls. Each is given its struct, its outputs zeroed. */
#define LOCAL_CALL(_upper, _lower, ...)					\
	int local_##_lower(struct local_guest *lg, void *arg);
VMEM_CALLS(LOCAL_CALL)

#endif /* _LIBVMEM_LOCAL_H */
