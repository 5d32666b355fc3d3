/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR MIT) */
/*
 * /dev/vmem: build, translate and walk the address spaces of a guest.
 *
 * One open file is one guest: its memory (regions), the pages that new tables
 * come from (pools) and its address spaces. Documentation/uapi.rst says what
 * each call does and which errno means what; this header is the layout.
 *
 * Rules for every call:
 *  - The struct starts with its size. A shorter struct than today's counts as
 *    zero-filled, a longer one must have a zero tail.
 *  - Unknown flags and values, and reserved fields that are not zero, are
 *    refused with EOPNOTSUPP.
 *  - Fields named out_* are written whatever the result, and ignored on input.
 *  - Virtual ranges are [start, last], both included. Physical ranges and
 *    mappings are a start and a length in bytes, which is not 0.
 *  - An id is never 0, names one object of this guest, and is not used again.
 */
#ifndef _UAPI_LINUX_VMEM_H
#define _UAPI_LINUX_VMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VMEM_IOC_TYPE		0xBD
#define VMEM_IOC_VERSION	1

#define VMEM_IOC_INFO		_IO(VMEM_IOC_TYPE, 0x00)
#define VMEM_IOC_REGION_CREATE	_IO(VMEM_IOC_TYPE, 0x01)
#define VMEM_IOC_REGION_SET	_IO(VMEM_IOC_TYPE, 0x02)
#define VMEM_IOC_POOL_CREATE	_IO(VMEM_IOC_TYPE, 0x03)
#define VMEM_IOC_POOL_STAT	_IO(VMEM_IOC_TYPE, 0x04)
#define VMEM_IOC_SPACE_CREATE	_IO(VMEM_IOC_TYPE, 0x05)
#define VMEM_IOC_SPACE_GET	_IO(VMEM_IOC_TYPE, 0x06)
#define VMEM_IOC_MAP		_IO(VMEM_IOC_TYPE, 0x07)
#define VMEM_IOC_UNMAP		_IO(VMEM_IOC_TYPE, 0x08)
#define VMEM_IOC_PROTECT	_IO(VMEM_IOC_TYPE, 0x09)
#define VMEM_IOC_PROMOTE	_IO(VMEM_IOC_TYPE, 0x0a)
#define VMEM_IOC_LINK		_IO(VMEM_IOC_TYPE, 0x0b)
#define VMEM_IOC_TRANSLATE	_IO(VMEM_IOC_TYPE, 0x0c)
#define VMEM_IOC_WALK_CREATE	_IO(VMEM_IOC_TYPE, 0x0d)
#define VMEM_IOC_FLUSHED	_IO(VMEM_IOC_TYPE, 0x0e)
#define VMEM_IOC_VIEW		_IO(VMEM_IOC_TYPE, 0x0f)
#define VMEM_IOC_LIST		_IO(VMEM_IOC_TYPE, 0x10)
#define VMEM_IOC_DESTROY	_IO(VMEM_IOC_TYPE, 0x11)
#define VMEM_IOC_POOL_GROW	_IO(VMEM_IOC_TYPE, 0x12)
#define VMEM_IOC_REGION_DIRTY	_IO(VMEM_IOC_TYPE, 0x13)

/* The most levels of tables that a format has. Level 0 is the table of leaves. */
#define VMEM_IOC_LEVELS_MAX	5

/* Formats of tables. */
#define VMEM_IOC_FORMAT_X86_64_4LEVEL	1
#define VMEM_IOC_FORMAT_X86_64_5LEVEL	2

/*
 * Attributes of a leaf, and of a path to it. Permissions are positive: W means
 * that it may be written, X that it may be executed, U that user mode may.
 */
#define VMEM_IOC_ATTR_R		(1 << 0)
#define VMEM_IOC_ATTR_W		(1 << 1)
#define VMEM_IOC_ATTR_X		(1 << 2)
#define VMEM_IOC_ATTR_U		(1 << 3)
#define VMEM_IOC_ATTR_G		(1 << 4)	/* global */
#define VMEM_IOC_ATTR_A		(1 << 5)	/* accessed */
#define VMEM_IOC_ATTR_D		(1 << 6)	/* dirty */
#define VMEM_IOC_ATTR_PCD	(1 << 7)	/* x86: cache disable */
#define VMEM_IOC_ATTR_PWT	(1 << 8)	/* x86: write through */
#define VMEM_IOC_ATTR_PAT	(1 << 9)	/* x86: PAT, wherever it lies */
#define VMEM_IOC_ATTR_COW	(1 << 10)	/* the software bits say Cow */
#define VMEM_IOC_ATTR_ENC	(1 << 11)	/* the space's enc_bit is set */
#define VMEM_IOC_ATTR_KEY_SHIFT	12		/* protection key, 4 bits */
#define VMEM_IOC_ATTR_KEY_MASK	(0xf << 12)
#define VMEM_IOC_ATTR_SOFT_SHIFT 16		/* software bits, of MAP and PROTECT: */
#define VMEM_IOC_ATTR_SOFT_MASK	(0xffffU << 16)	/* x86: 9 to 11, then 52 to 58 */

/* `effective', beside R, W, X, U: the leaf is a page of a shadow stack. */
#define VMEM_IOC_EFFECTIVE_SHADOW	(1 << 4)

/*
 * Permissions of the table entries above a leaf: a nibble of R, W, X, U for
 * each level, that of level n at bits 4n to 4n+3, 0 for levels not passed.
 */
#define VMEM_IOC_PATH_SHIFT(level)	(4 * (level))

/* Rights of a descriptor. */
#define VMEM_IOC_RIGHT_READ	(1 << 0)	/* translate, walk, list, stat */
#define VMEM_IOC_RIGHT_CHANGE	(1 << 1)	/* map and its kin, flushed; SET_AD */
#define VMEM_IOC_RIGHT_MANAGE	(1 << 2)	/* create, set, grow, destroy */

/* INFO */

#define VMEM_IOC_FEATURE_MAP	 (1 << 0)	/* MAP (basic, unmapped), UNMAP */
#define VMEM_IOC_FEATURE_COW	 (1 << 1)	/* MAP (cow) */
#define VMEM_IOC_FEATURE_PATH	 (1 << 2)	/* permissions of table entries */
#define VMEM_IOC_FEATURE_PROTECT (1 << 3)
#define VMEM_IOC_FEATURE_LINK	 (1 << 4)	/* LINK, SHARED_OK */
#define VMEM_IOC_FEATURE_MOVABLE (1 << 5)	/* spaces whose tables move */
#define VMEM_IOC_FEATURE_ALONE	 (1 << 6)	/* ALONE in changing calls */
#define VMEM_IOC_FEATURE_FACTS	 (1 << 7)	/* of a vCPU: flags of a space, ENC */
#define VMEM_IOC_FEATURE_NONPRESENT (1 << 8)	/* walks list such entries */
#define VMEM_IOC_FEATURE_MISSING (1 << 9)	/* out_missing and its neighbours */
#define VMEM_IOC_FEATURE_GROW	 (1 << 10)	/* POOL_GROW */
#define VMEM_IOC_FEATURE_DIRTY	 (1 << 11)	/* REGION_DIRTY */
#define VMEM_IOC_FEATURE_SIZES	 (1 << 12)	/* page_sizes, SPLIT */
#define VMEM_IOC_FEATURE_PROMOTE (1 << 13)
#define VMEM_IOC_FEATURE_ATTRS	 (1 << 14)	/* all attributes; WIDEN, KEEP, raw */
#define VMEM_IOC_FEATURE_MAKE	 (1 << 15)	/* MAKE and UNSHARE of LINK */
#define VMEM_IOC_FEATURE_ACCESS	 (1 << 16)	/* access, mode, keys of TRANSLATE */

struct vmem_ioc_format {
	__u32 id;
	__u32 levels;
	__u64 page_sizes;	/* bit n: leaves of 2^n bytes are read */
	__u64 map_page_sizes;	/* bit n: leaves of 2^n bytes can be mapped */
	__u32 virt_bits;
	__u32 phys_bits;
	char name[32];		/* ends with a NUL */
};

struct vmem_ioc_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 formats;		/* struct vmem_ioc_format[] or 0 */
	__u32 nr_formats;
	__u32 out_nr_formats;		/* that there are */
	__u32 out_version;		/* VMEM_IOC_VERSION */
	__u32 out_rights;		/* of this descriptor */
	char out_release[16];		/* of the module */
	__u64 out_features;
	__u64 out_region_len_max;	/* bytes */
	__u32 out_regions_max;		/* a guest */
	__u32 out_pool_ranges_max;	/* a pool */
	__u32 out_pools_max;		/* a guest */
	__u32 out_spaces_max;		/* a guest */
	__u32 out_map_max;		/* mappings a MAP */
	__u32 out_translate_max;	/* addresses a TRANSLATE */
	__u32 out_list_max;		/* items a LIST */
	__u32 out_walk_spaces_max;	/* spaces a walk */
	__u32 out_read_max;		/* records a read of a walk */
	__u32 __reserved;
	__u64 out_seen_max;		/* tables remembered a walk */
	__u64 out_change_budget;	/* tables a changing call, when it says 0 */
};

/* REGION_CREATE, REGION_SET, mmap */

#define VMEM_IOC_REGION_USER	1	/* a range of the caller's addresses */
#define VMEM_IOC_REGION_OWNED	2	/* pages of the module's own */

#define VMEM_IOC_REGION_FROZEN	(1 << 0)

struct vmem_ioc_region_create {
	__u32 size;
	__u32 flags;			/* VMEM_IOC_REGION_FROZEN */
	__u32 kind;
	__u32 out_id;
	__u64 gpa;
	__u64 len;
	__aligned_u64 user_addr;	/* kind user, else 0 */
	__u64 out_mmap_offset;		/* kind owned */
};

struct vmem_ioc_region_set {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 mask;			/* which of VMEM_IOC_REGION_FROZEN */
	__u32 value;
	__u32 __reserved;
};

/* REGION_DIRTY */

#define VMEM_IOC_DIRTY_CLEAR	(1 << 0)	/* the pages told of aren't any more */

#define VMEM_IOC_DIRTY_PAGE	4096		/* bytes a bit */
#define VMEM_IOC_DIRTY_LEN_MAX	(1 << 30)	/* bytes a call */

struct vmem_ioc_region_dirty {
	__u32 size;
	__u32 flags;			/* VMEM_IOC_DIRTY_CLEAR */
	__u32 id;
	__u32 __reserved;
	__u64 gpa;
	__u64 len;
	__aligned_u64 bitmap;		/* __u64[], bit n: page n from gpa on */
};

/* POOL_CREATE, POOL_GROW, POOL_STAT */

struct vmem_ioc_range {
	__u64 gpa;
	__u64 len;
};

struct vmem_ioc_pool_create {
	__u32 size;
	__u32 flags;
	__aligned_u64 ranges;		/* struct vmem_ioc_range[] */
	__u32 nr_ranges;
	__u32 out_id;
	__u64 out_capacity;		/* tables */
};

struct vmem_ioc_pool_grow {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 nr_ranges;
	__aligned_u64 ranges;		/* struct vmem_ioc_range[], that are added */
	__u64 out_capacity;		/* tables, in all */
};

struct vmem_ioc_pool_stat {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 __reserved;
	__u64 out_capacity;
	__u64 out_free;
	__u64 out_used;
	__u64 out_reserved;		/* held by calls under way */
	__u64 out_quarantined;
	__u64 out_shared;		/* tables with more than one link */
	__u64 out_oldest_generation;	/* in quarantine, 0: none */
};

/* SPACE_CREATE, SPACE_GET */

#define VMEM_IOC_SPACE_NEW	(1 << 0)	/* make a root; needs a pool */
#define VMEM_IOC_SPACE_NXE_OFF	(1 << 1)	/* the vCPU runs with EFER.NXE = 0 */
#define VMEM_IOC_SPACE_MOVABLE	(1 << 2)	/* frozen tables move when changed */
#define VMEM_IOC_SPACE_COW_NONE	(1 << 3)	/* no software bits say Cow */
/* facts of the vCPU, as NXE_OFF */
#define VMEM_IOC_SPACE_AMD	(1 << 4)	/* bit 8 of a PML4E, PML5E is reserved */
#define VMEM_IOC_SPACE_NO_1G	(1 << 5)	/* no pages of 1 GiB */
#define VMEM_IOC_SPACE_CET	(1 << 6)	/* CR4.CET: pages of shadow stacks */
#define VMEM_IOC_SPACE_LAM48	(1 << 7)	/* CR3.LAM_U48 */
#define VMEM_IOC_SPACE_LAM57	(1 << 8)	/* CR3.LAM_U57, which wins over U48 */
#define VMEM_IOC_SPACE_LAM_SUP	(1 << 9)	/* CR4.LAM_SUP */
#define VMEM_IOC_SPACE_UAI	(1 << 10)	/* AMD: EFER.UAIE */
#define VMEM_IOC_SPACE_ENC_SHARED (1 << 11)	/* enc_bit says shared, not encrypted */

struct vmem_ioc_space_create {
	__u32 size;
	__u32 flags;
	__u32 format;
	__u32 pool;			/* 0: for reading */
	__u64 root;			/* gpa, 0 with NEW */
	__u32 phys_bits;		/* 0: what the format allows */
	__u32 cow;			/* software bits that say Cow, 0: the usual */
	__u32 out_id;
	__u32 enc_bit;			/* number of the encryption bit, 0: none */
	__u64 out_root;
};

struct vmem_ioc_space_get {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 out_links;		/* of the root, held by others */
	__u64 out_root;
	__u64 out_generation;
	__u64 out_tables;		/* made by calls on this space and linked */
	__u32 out_flags;		/* VMEM_IOC_SPACE_* */
	__u32 out_phys_bits;		/* what is so, where 0 was said */
	__u32 out_cow;			/* likewise; 0: none */
	__u32 out_enc_bit;
};

/* What each changing call answers. */

#define VMEM_IOC_FLUSH_NONE	0
#define VMEM_IOC_FLUSH_RANGE	1
#define VMEM_IOC_FLUSH_ALL	2

#define VMEM_IOC_CHANGE_MOVED		(1 << 0)	/* a table moved */
#define VMEM_IOC_CHANGE_FREED		(1 << 1)	/* a table was freed */
#define VMEM_IOC_CHANGE_UNSHARED	(1 << 2)	/* a shared one is others' now */

struct vmem_ioc_change {
	__u64 out_root;
	__u64 out_generation;
	__u64 out_flush_start;
	__u64 out_flush_last;
	__u32 out_flush;
	__u32 out_changes;
	__u32 out_done;			/* whole mappings of the list */
	__u32 out_at_level;		/* where it stopped */
	__u64 out_done_len;		/* bytes of the next mapping, or of the range */
	__u64 out_at_va;
	__u64 out_pages;		/* smallest pages that were (un)mapped or changed */
	__u64 out_overwritten;		/* entries not present that held bits */
	__u64 out_missing;		/* tables, with ENOSPC, EAGAIN, EBUSY */
	__u64 out_dirty;		/* with CET: leaves that lost W and had D */
	__u64 out_skipped;		/* PROMOTE: tables that stay */
	__u64 out_skip_reason;		/* that was met most, VMEM_IOC_SKIP_* */
};

/* MAP */

#define VMEM_IOC_KIND_UNMAPPED	0
#define VMEM_IOC_KIND_BASIC	1
#define VMEM_IOC_KIND_COW	2
#define VMEM_IOC_KIND_RAW	3	/* gpa is the entry, one that isn't present */

#define VMEM_IOC_MAPPING_PATH	(1 << 0)	/* path is given */
#define VMEM_IOC_MAPPING_AD	(1 << 1)	/* attrs say A and D, too */

struct vmem_ioc_mapping {
	__u64 va;
	__u64 gpa;			/* 0 for kind unmapped */
	__u64 len;
	__u32 kind;
	__u32 attrs;			/* VMEM_IOC_ATTR_*, 0 for kind unmapped */
	__u64 page_sizes;		/* bit n: 2^n bytes; 0: the smallest */
	__u32 path;			/* entries that the call makes */
	__u32 flags;
};

#define VMEM_IOC_MAP_REPLACE	(1 << 0)
#define VMEM_IOC_MAP_SPLIT	(1 << 1)
#define VMEM_IOC_MAP_ATOMIC	(1 << 2)
#define VMEM_IOC_MAP_SHARED_OK	(1 << 3)
#define VMEM_IOC_MAP_KEEP	(1 << 4)
#define VMEM_IOC_MAP_WIDEN	(1 << 5)
#define VMEM_IOC_MAP_ALONE	(1 << 6)

struct vmem_ioc_map {
	__u32 size;
	__u32 flags;
	__u32 space;
	__u32 nr;
	__aligned_u64 mappings;		/* struct vmem_ioc_mapping[] */
	__u64 budget;			/* tables visited, 0: INFO's */
	struct vmem_ioc_change change;
};

/* UNMAP, PROTECT, PROMOTE */

#define VMEM_IOC_RANGE_SPLIT		(1 << 1)
#define VMEM_IOC_RANGE_SHARED_OK	(1 << 3)
#define VMEM_IOC_RANGE_WIDEN		(1 << 5)	/* PROTECT */
#define VMEM_IOC_RANGE_ALONE		(1 << 6)

/* Why PROMOTE leaves a table. */
#define VMEM_IOC_SKIP_HOLES		1	/* an entry is no leaf */
#define VMEM_IOC_SKIP_APART		2	/* not contiguous */
#define VMEM_IOC_SKIP_ATTRS		3	/* attributes differ */
#define VMEM_IOC_SKIP_UNALIGNED		4
#define VMEM_IOC_SKIP_TABLES		5	/* tables below it stay */
#define VMEM_IOC_SKIP_SHARED		6	/* others have the table above it */

struct vmem_ioc_unmap {
	__u32 size;
	__u32 flags;
	__u32 space;
	__u32 __reserved;
	__u64 start;
	__u64 last;
	__u64 budget;
	struct vmem_ioc_change change;
};

struct vmem_ioc_protect {
	__u32 size;
	__u32 flags;
	__u32 space;
	__u32 __reserved;
	__u64 start;
	__u64 last;
	__u64 budget;
	__u32 set;			/* VMEM_IOC_ATTR_* */
	__u32 clear;
	struct vmem_ioc_change change;
};

struct vmem_ioc_promote {
	__u32 size;
	__u32 flags;
	__u32 space;
	__u32 leaf_levels;		/* bit n: leaves of level n may be made; 0: any */
	__u64 start;
	__u64 last;
	__u64 budget;
	struct vmem_ioc_change change;
};

/* LINK */

#define VMEM_IOC_LINK_REPLACE		(1 << 0)
#define VMEM_IOC_LINK_ALONE		(1 << 6)
#define VMEM_IOC_LINK_MAKE		(1 << 7)	/* where the owner has no table */
#define VMEM_IOC_LINK_UNSHARE		(1 << 8)	/* owner and their_va are 0 */

struct vmem_ioc_link {
	__u32 size;
	__u32 flags;
	__u32 space;
	__u32 owner;
	__u64 our_va;
	__u64 their_va;
	__u32 depth;			/* of the table, counted from the root */
	__u32 path;			/* entries that the call makes */
	__u32 path_given;		/* 0 or 1 */
	__u32 __reserved;
	__u64 budget;
	struct vmem_ioc_change change;
};

/* TRANSLATE */

#define VMEM_IOC_OK		0
#define VMEM_IOC_NOT_PRESENT	1
#define VMEM_IOC_NON_CANONICAL	2
#define VMEM_IOC_RESERVED	3	/* malformed: a reserved or misplaced bit */
#define VMEM_IOC_OUTSIDE	4	/* a table in no region */
#define VMEM_IOC_WRITE		5
#define VMEM_IOC_USER		6
#define VMEM_IOC_EXEC		7
#define VMEM_IOC_SMEP		8
#define VMEM_IOC_SMAP		9
#define VMEM_IOC_KEY		10
#define VMEM_IOC_SHADOW		11	/* not what an access to a shadow stack needs */
#define VMEM_IOC_ABSENT_IN_DUMP	12	/* of dumps: a table isn't in the file */

#define VMEM_IOC_RESULT_OUTSIDE	(1 << 0)	/* this byte is in no region */
#define VMEM_IOC_RESULT_PARTIAL	(1 << 1)	/* the page isn't wholly in regions */
#define VMEM_IOC_RESULT_MAY	(1 << 2)	/* a fault may set A, see uapi.rst */
#define VMEM_IOC_RESULT_ABSENT	(1 << 3)	/* of dumps: not all of its 4 KiB is there */
#define VMEM_IOC_RESULT_SECOND	(1 << 4)	/* it is the second page that refuses */

struct vmem_ioc_result {
	__u64 gpa;			/* only when status is ok */
	__u64 entry;			/* the last one read, raw */
	__u8 status;
	__u8 level;			/* of the table that holds the entry */
	__u8 page_lg2;			/* of the leaf, 0: none */
	__u8 flags;
	__u32 error_code;		/* of the #PF, when an access is given */
	__u16 leaf;			/* VMEM_IOC_ATTR_*, of the leaf alone */
	__u16 effective;		/* R, W, X, U over all levels */
	__u32 path;
};

/* The access: one of the first three, and what it is beside that. */
#define VMEM_IOC_ACCESS_READ	 (1 << 0)
#define VMEM_IOC_ACCESS_WRITE	 (1 << 1)
#define VMEM_IOC_ACCESS_FETCH	 (1 << 2)
#define VMEM_IOC_ACCESS_USER	 (1 << 3)	/* else a supervisor's */
#define VMEM_IOC_ACCESS_IMPLICIT (1 << 4)	/* by the supervisor, in any mode */
#define VMEM_IOC_ACCESS_SHADOW	 (1 << 5)	/* to a shadow stack */
#define VMEM_IOC_ACCESS_SET_AD	 (1 << 6)	/* set A and D, as it would */
#define VMEM_IOC_ACCESS_LEN_SHIFT 8		/* bytes less one, 0 to 63 */

/* And the mode of the vCPU. */
#define VMEM_IOC_MODE_WP	(1 << 0)	/* CR0.WP */
#define VMEM_IOC_MODE_SMEP	(1 << 1)	/* CR4.SMEP */
#define VMEM_IOC_MODE_SMAP	(1 << 2)	/* CR4.SMAP */
#define VMEM_IOC_MODE_AC	(1 << 3)	/* EFLAGS.AC */
#define VMEM_IOC_MODE_PKE	(1 << 4)	/* CR4.PKE */
#define VMEM_IOC_MODE_PKS	(1 << 5)	/* CR4.PKS */

struct vmem_ioc_translate {
	__u32 size;
	__u32 flags;
	__u32 space;
	__u32 nr;
	__aligned_u64 vas;		/* __u64[nr] */
	__aligned_u64 results;		/* struct vmem_ioc_result[nr] */
	__aligned_u64 entries;		/* __u64[nr][VMEM_IOC_LEVELS_MAX] or 0 */
	__u32 access;			/* 0: none */
	__u32 mode;
	__u32 pkru;
	__u32 out_done;
	__u32 pkrs;
	__u32 __reserved;
};

/* WALK_CREATE and the records that a walk's descriptor gives */

#define VMEM_IOC_WALK_FOLLOW		(1 << 0)
#define VMEM_IOC_WALK_LEAVES		(1 << 1)
#define VMEM_IOC_WALK_HOLES		(1 << 2)
#define VMEM_IOC_WALK_IGNORE_AD		(1 << 3)
#define VMEM_IOC_WALK_RESIDENT_ONLY	(1 << 4)
#define VMEM_IOC_WALK_NONPRESENT	(1 << 5)

struct vmem_ioc_walk_create {
	__u32 size;
	__u32 flags;
	__aligned_u64 spaces;		/* __u32[nr], ids */
	__u32 nr;
	__s32 out_fd;
	__u64 start;
	__u64 last;
	__u64 budget;			/* tables visited, 0: no limit */
	__u64 seen_max;			/* tables remembered, 0: INFO's */
};

#define VMEM_IOC_REC_MAPPING	1
#define VMEM_IOC_REC_REFERENCE	2
#define VMEM_IOC_REC_HOLE	3
#define VMEM_IOC_REC_BAD	4
#define VMEM_IOC_REC_ABSENT	5
#define VMEM_IOC_REC_END	6
#define VMEM_IOC_REC_NONPRESENT	7	/* entries not present that hold bits */

/* flags of a mapping */
#define VMEM_IOC_REC_OUTSIDE	(1 << 0)	/* in no region */
#define VMEM_IOC_REC_PART	(1 << 1)	/* part of a leaf, to a border of memory */
#define VMEM_IOC_REC_LEFT_OUT	(1 << 3)	/* of dumps: not all of it is in the file */
/* flags of the end */
#define VMEM_IOC_REC_CHANGED	(1 << 0)	/* tables were changed meanwhile */

/* why an entry is bad */
#define VMEM_IOC_BAD_RESERVED	1
#define VMEM_IOC_BAD_OUTSIDE	2
#define VMEM_IOC_BAD_LARGE	3	/* large-page bit where it can't be */
#define VMEM_IOC_BAD_LEFT_OUT	4	/* of dumps: the table isn't in the file */

/* why a walk ended */
#define VMEM_IOC_END_COMPLETE	0
#define VMEM_IOC_END_BUDGET	1
#define VMEM_IOC_END_CAP	2

struct vmem_ioc_record {
	__u8 type;
	__u8 level;		/* of the table that holds the entry */
	__u8 detail;		/* mapping: lg2 of the page; reference: depth;
				 * bad: why; end: why
				 */
	__u8 flags;
	__u32 space;		/* index in the caller's list; end: the next */
	__u64 va;		/* reference: our_va; end: the next */

	__extension__ union {
		__u64 gpa;	/* mapping, bad (of the table), absent */
		__u64 their_va;	/* reference */
		__u64 leaves;	/* end: leaf entries met */
	};
	__extension__ union {
		__u64 len;	/* bytes; reference: the span of the table */
		__u64 refs;	/* end */
	};
	__extension__ union {
		__u64 entry;	/* mapping: that of its first leaf; reference;
				 * bad; nonpresent
				 */
		__u64 bad;	/* end */
	};
	__extension__ union {
		__extension__ struct {
			__u16 leaf;	 /* mapping: VMEM_IOC_ATTR_* */
			__u16 effective; /* R, W, X, U over all levels */
		};
		__u32 owner;	/* reference: index of the space */
	};
	__u32 path;
};

/* FLUSHED */

struct vmem_ioc_flushed {
	__u32 size;
	__u32 flags;
	__u64 generation;
};

/* VIEW */

struct vmem_ioc_view {
	__u32 size;
	__u32 flags;
	__u32 rights;
	__s32 out_fd;
};

/* LIST */

#define VMEM_IOC_LIST_REGIONS	1
#define VMEM_IOC_LIST_POOLS	2
#define VMEM_IOC_LIST_SPACES	3

struct vmem_ioc_item {
	__u32 id;
	__u32 kind;		/* region: kind; space: format */
	__u32 flags;		/* as given when it was created or set */
	__u32 pool;		/* space */
	__u64 gpa;		/* region: start; pool: of its lowest range; space: root */
	__u64 len;		/* region: bytes; pool: capacity; space: tables made */
	__u64 offset;		/* owned region: mmap offset */
	__u64 uses;		/* region: mappings and ranges of pools;
				 * pool: tables in use or quarantined
				 */
};

struct vmem_ioc_list {
	__u32 size;
	__u32 flags;
	__u32 kind;
	__u32 cursor;		/* ids above this one */
	__aligned_u64 items;	/* struct vmem_ioc_item[] */
	__u32 nr;
	__u32 out_nr;
	__u32 out_cursor;	/* for the next call; 0: that was all */
	__u32 __reserved;
};

/* DESTROY */

struct vmem_ioc_destroy {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 out_flush;	/* space, region */
	__u64 out_generation;	/* space */
};

/* The layout is a promise. */
#define VMEM_IOC_ASSERT_SIZE(name, bytes) \
	typedef char vmem_ioc_assert_##name[sizeof(struct name) == (bytes) ? 1 : -1]

VMEM_IOC_ASSERT_SIZE(vmem_ioc_format, 64);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_info, 120);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_region_create, 48);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_region_set, 24);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_region_dirty, 40);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_range, 16);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_pool_create, 32);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_pool_grow, 32);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_pool_stat, 72);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_space_create, 48);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_space_get, 56);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_change, 112);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_mapping, 48);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_map, 144);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_unmap, 152);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_protect, 160);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_promote, 152);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_link, 168);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_result, 32);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_translate, 64);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_walk_create, 56);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_record, 48);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_flushed, 16);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_view, 16);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_item, 48);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_list, 40);
VMEM_IOC_ASSERT_SIZE(vmem_ioc_destroy, 24);

#undef VMEM_IOC_ASSERT_SIZE

#endif /* _UAPI_LINUX_VMEM_H */
