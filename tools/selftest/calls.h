/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call with arguments that are right, in a guest that has one of each:
 * a test then makes one field wrong.
 */
#ifndef SELFTEST_CALLS_H
#define SELFTEST_CALLS_H

#include "guest.h"

enum call {
	INFO, REGION_CREATE, REGION_SET, POOL_CREATE, POOL_STAT, SPACE_CREATE,
	SPACE_GET, MAP, UNMAP, PROTECT, PROMOTE, LINK, TRANSLATE, WALK_CREATE,
	FLUSHED, VIEW, LIST, DESTROY, POOL_GROW, REGION_DIRTY,
	NR_IOCTLS,
	MMAP = NR_IOCTLS, READ,
	NR_CALLS
};

/**
 * struct call_info - what is known of a call
 * @name:	for people
 * @cmd:	its number
 * @size:	of its struct
 * @first:	and in the first version
 * @right:	that a descriptor needs, 0: none
 * @reserved:	offset of a reserved word, 0: none
 */
struct call_info {
	const char *name;
	unsigned long cmd;
	u32 size;
	u32 first;
	u32 right;
	u32 reserved;
};

extern const struct call_info call_info[NR_CALLS];

/* The struct of any call, and all that it may point to. */
struct args {
	union {
		struct {
			u32 size;
			u32 flags;
		};
		struct vmem_ioc_info info;
		struct vmem_ioc_region_create region_create;
		struct vmem_ioc_region_set region_set;
		struct vmem_ioc_region_dirty region_dirty;
		struct vmem_ioc_pool_create pool_create;
		struct vmem_ioc_pool_grow pool_grow;
		struct vmem_ioc_pool_stat pool_stat;
		struct vmem_ioc_space_create space_create;
		struct vmem_ioc_space_get space_get;
		struct vmem_ioc_map map;
		struct vmem_ioc_unmap unmap;
		struct vmem_ioc_protect protect;
		struct vmem_ioc_promote promote;
		struct vmem_ioc_link link;
		struct vmem_ioc_translate translate;
		struct vmem_ioc_walk_create walk_create;
		struct vmem_ioc_flushed flushed;
		struct vmem_ioc_view view;
		struct vmem_ioc_list list;
		struct vmem_ioc_destroy destroy;
		u8 bytes[256];
	};
	/* mmap */
	u64 len;
	int prot, map_flags;
	u64 offset;
	/* read */
	int walk;
	size_t count;
	void *to;
	/* pointed to */
	struct vmem_ioc_format formats[4];
	struct vmem_ioc_range ranges[4];
	struct vmem_ioc_mapping mappings[4];
	u64 vas[4];
	struct vmem_ioc_result results[4];
	u64 entries[4][VMEM_IOC_LEVELS_MAX];
	u64 bitmap[2];
	u32 spaces[4];
	struct vmem_ioc_item items[16];
	struct vmem_ioc_record records[16];
};

/*
 * The guest of all calls. Its region begins at GUEST_GPA:
 *
 *	+0	tables made by hand
 *	+4M	pool (64 pages), tiny (2 pages), room for further pools
 *	+6M	data
 *
 * and there are others, below.
 */
struct fixture {
	struct guest g;
	u32 pool;
	u32 space;		/* new, of pool; FX_VA is mapped there */
	u32 space5;		/* the same with five levels */
	u32 owner;		/* the same as space: whose table LINK links */
	u32 by_hand;		/* adopted, of pool, see below */
	u32 twin[2];		/* two spaces with one root */
	u32 reading;		/* adopted, without a pool */
	u32 owned;		/* a region of FX_OWNED_LEN at FX_OWNED */
	u64 owned_offset;
	u32 frozen;		/* a frozen region at FX_FROZEN */
	u32 in_frozen;		/* a space whose tables lie in it */
	u32 movable;		/* one with others there, which move */
	u32 unwritable;		/* a region of PROT_READ at FX_UNWRITABLE */
	u32 in_unwritable;	/* a space whose tables lie there */
	u32 nothing;		/* a region over unmapped memory at FX_NOTHING */
	u32 spare;		/* a region nobody uses at FX_SPARE */
	u8 *frozen_mem, *unwritable_mem;
	int walk;		/* over space, not yet read */
	u64 generation;
};

#define FX_LEN		(8 * MIB)
#define FX_POOL		(GUEST_GPA + 4 * MIB)
#define FX_POOL_LEN	(64 * PAGE)
#define FX_TINY		(FX_POOL + FX_POOL_LEN)
#define FX_ROOM		(FX_TINY + 16 * PAGE)
#define FX_DATA		(GUEST_GPA + 6 * MIB)
#define FX_OWNED	(512 * MIB)
#define FX_OWNED_LEN	(16 * PAGE)
#define FX_FROZEN	(256 * MIB)
#define FX_MOVABLE	(FX_FROZEN + 4 * PAGE)	/* root of movable */
#define FX_UNWRITABLE	(272 * MIB)
#define FX_NOTHING	(288 * MIB)
#define FX_SPARE	(304 * MIB)
#define FX_SIDE_LEN	(16 * PAGE)	/* of the last four */
#define FX_FREE		(320 * MIB)	/* nothing is there, up to FX_OWNED */

/* space: eight pages from FX_DATA on, and a hole behind */
#define FX_VA		0x400000ULL
#define FX_VA_LEN	(8 * PAGE)
/* where nothing is mapped yet and three tables are missing */
#define FX_VA_FREE	0x100000400000ULL
/* by_hand: a leaf of 2 MiB, a table that may not be written through, a table
 * that lies in no region, 16 leaves of 4 KiB
 */
#define FX_VA_LARGE	0x200000ULL
#define FX_VA_READONLY	0x8000000000ULL
#define FX_VA_OUTSIDE	0x10000000000ULL
#define FX_VA_SMALL	0x600000ULL

/* It changes tables, and answers what a change answers. */
bool call_changes(enum call call);
void fixture_init(struct fixture *fx);
void args_init(struct fixture *fx, enum call call, struct args *args);
/* Make a call by @fd. What it opened or mapped is closed again. */
int call_by(int fd, enum call call, struct args *args);
struct picture fixture_picture(struct fixture *fx);

#endif
