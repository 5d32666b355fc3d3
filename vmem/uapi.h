/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What of the UAPI is the core's: limits, numbers and places that are the same on
 * both sides, and the table of calls, by the shape of their structs. The one header
 * of the core that includes the UAPI; call.h has the calls themselves.
 */
#include "vmem.h"

#ifndef _VMEM_UAPI_H
#define _VMEM_UAPI_H

#include <linux/ioctl.h>

#include "../include/uapi/linux/vmem.h"

/* Limits, which INFO tells. */
#define VMEM_REGION_LEN_MAX	BIT_ULL(46)
#define VMEM_GPA_BITS		52	/* regions lie below */
#define VMEM_REGIONS_MAX	1024
#define VMEM_POOL_RANGES_MAX	64
#define VMEM_POOLS_MAX		64
#define VMEM_SPACES_MAX		4096
#define VMEM_MAP_MAX		4096
#define VMEM_TRANSLATE_MAX	65536
#define VMEM_LIST_MAX		4096
#define VMEM_WALK_SPACES_MAX	1024
#define VMEM_READ_MAX		65536
#define VMEM_SEEN_MAX		BIT_ULL(20)
#define VMEM_CHANGE_BUDGET	BIT_ULL(22)

#define VMEM_DIRTY_PAGE_LG2	12	/* bytes a bit of REGION_DIRTY */

static_assert(VMEM_IOC_DIRTY_PAGE == BIT(VMEM_DIRTY_PAGE_LG2));

static_assert(VMEM_WALK_SPACES_MAX <= BIT(VMEM_SEEN_SPACES_LG2) &&
	      VMEM_SPACES_MAX <= BIT(VMEM_SEEN_SPACES_LG2));

#define VMEM_RIGHTS_ALL							\
	(VMEM_IOC_RIGHT_READ | VMEM_IOC_RIGHT_CHANGE | VMEM_IOC_RIGHT_MANAGE)

/* Kinds of objects, by VMEM_IOC_LIST_*. */
#define VMEM_OBJECT_KINDS	(VMEM_IOC_LIST_SPACES + 1)

/* Numbers of the UAPI are those of the core. */
#define VMEM_SAME(theirs, ours)	((int)VMEM_IOC_##theirs == (int)VMEM_##ours)
#define VMEM_SAME_ATTR(name)	VMEM_SAME(ATTR_##name, name)
#define VMEM_SAME_FACT(name)	VMEM_SAME(SPACE_##name, VCPU_##name)
#define VMEM_SAME_NAME(name)	VMEM_SAME(name, name)

static_assert(VMEM_SAME_ATTR(R) && VMEM_SAME_ATTR(W) && VMEM_SAME_ATTR(X) &&
	      VMEM_SAME_ATTR(U) && VMEM_SAME_ATTR(G) && VMEM_SAME_ATTR(A) &&
	      VMEM_SAME_ATTR(D) && VMEM_SAME_ATTR(PCD) && VMEM_SAME_ATTR(PWT) &&
	      VMEM_SAME_ATTR(PAT) && VMEM_SAME_ATTR(COW) && VMEM_SAME_ATTR(ENC) &&
	      VMEM_SAME(ATTR_KEY_MASK, KEY) &&
	      VMEM_IOC_ATTR_SOFT_MASK == VMEM_SOFT && VMEM_SAME(EFFECTIVE_SHADOW, SHADOW));
static_assert(VMEM_SAME_FACT(NXE_OFF) && VMEM_SAME_FACT(COW_NONE) &&
	      VMEM_SAME_FACT(AMD) && VMEM_SAME_FACT(NO_1G) &&
	      VMEM_SAME_FACT(CET) && VMEM_SAME_FACT(LAM48) &&
	      VMEM_SAME_FACT(LAM57) && VMEM_SAME_FACT(LAM_SUP) &&
	      VMEM_SAME_FACT(UAI) && VMEM_SAME_FACT(ENC_SHARED));
static_assert(VMEM_SAME_NAME(FLUSH_NONE) && VMEM_SAME_NAME(FLUSH_RANGE) &&
	      VMEM_SAME_NAME(FLUSH_ALL) && VMEM_SAME(CHANGE_MOVED, CHANGED_MOVED) &&
	      VMEM_SAME(CHANGE_FREED, CHANGED_FREED) &&
	      VMEM_SAME(CHANGE_UNSHARED, CHANGED_UNSHARED));
static_assert(VMEM_SAME(MAP_REPLACE, CHANGE_REPLACE) &&
	      VMEM_SAME(MAP_SPLIT, CHANGE_SPLIT) &&
	      VMEM_SAME(MAP_KEEP, CHANGE_KEEP) &&
	      VMEM_SAME(MAP_WIDEN, CHANGE_WIDEN) &&
	      VMEM_SAME(MAP_ATOMIC, CHANGE_ATOMIC) &&
	      VMEM_SAME(MAP_SHARED_OK, CHANGE_SHARED_OK) &&
	      VMEM_SAME(MAP_ALONE, CHANGE_ALONE) &&
	      VMEM_SAME(RANGE_SPLIT, CHANGE_SPLIT) &&
	      VMEM_SAME(RANGE_SHARED_OK, CHANGE_SHARED_OK) &&
	      VMEM_SAME(RANGE_WIDEN, CHANGE_WIDEN) &&
	      VMEM_SAME(RANGE_ALONE, CHANGE_ALONE) &&
	      VMEM_SAME(LINK_REPLACE, CHANGE_REPLACE) &&
	      VMEM_SAME(LINK_ALONE, CHANGE_ALONE) &&
	      VMEM_SAME(LINK_MAKE, CHANGE_MAKE) &&
	      VMEM_SAME(LINK_UNSHARE, CHANGE_UNSHARE));
static_assert(VMEM_SAME_NAME(KIND_UNMAPPED) && VMEM_SAME_NAME(KIND_BASIC) &&
	      VMEM_SAME_NAME(KIND_COW) && VMEM_SAME_NAME(KIND_RAW));
static_assert(VMEM_SAME_NAME(SKIP_HOLES) && VMEM_SAME_NAME(SKIP_APART) &&
	      VMEM_SAME_NAME(SKIP_ATTRS) && VMEM_SAME_NAME(SKIP_UNALIGNED) &&
	      VMEM_SAME_NAME(SKIP_TABLES) && VMEM_SAME_NAME(SKIP_SHARED));
static_assert(VMEM_SAME_NAME(OK) && VMEM_SAME_NAME(NOT_PRESENT) &&
	      VMEM_SAME_NAME(NON_CANONICAL) && VMEM_SAME(RESERVED, STATUS_RESERVED) &&
	      VMEM_SAME(OUTSIDE, STATUS_OUTSIDE) &&
	      VMEM_SAME(RESULT_OUTSIDE, FRAME_OUTSIDE) &&
	      VMEM_SAME(RESULT_PARTIAL, FRAME_PARTIAL) && VMEM_SAME_NAME(LEVELS_MAX));
static_assert(VMEM_SAME_NAME(REC_MAPPING) && VMEM_SAME_NAME(REC_REFERENCE) &&
	      VMEM_SAME_NAME(REC_HOLE) && VMEM_SAME_NAME(REC_BAD) &&
	      VMEM_SAME_NAME(REC_ABSENT) && VMEM_SAME_NAME(REC_END) &&
	      VMEM_SAME_NAME(REC_NONPRESENT) &&
	      VMEM_SAME(REC_OUTSIDE, FRAME_OUTSIDE) &&
	      VMEM_SAME(REC_PART, FRAME_PART));
static_assert(VMEM_SAME_NAME(BAD_RESERVED) && VMEM_SAME_NAME(BAD_OUTSIDE) &&
	      VMEM_SAME_NAME(BAD_LARGE) && VMEM_SAME_NAME(END_COMPLETE) &&
	      VMEM_SAME_NAME(END_BUDGET) && VMEM_SAME_NAME(END_CAP));
static_assert(VMEM_SAME_NAME(WALK_FOLLOW) && VMEM_SAME_NAME(WALK_LEAVES) &&
	      VMEM_SAME_NAME(WALK_HOLES) && VMEM_SAME_NAME(WALK_IGNORE_AD) &&
	      VMEM_SAME_NAME(WALK_RESIDENT_ONLY) && VMEM_SAME_NAME(WALK_NONPRESENT));

/* not by a macro of their own, as WRITE is one of the kernel's */
static_assert(VMEM_SAME(WRITE, STATUS_WRITE) && VMEM_SAME(USER, STATUS_USER) &&
	      VMEM_SAME(EXEC, STATUS_EXEC) && VMEM_SAME(SMEP, STATUS_SMEP) &&
	      VMEM_SAME(SMAP, STATUS_SMAP) && VMEM_SAME(KEY, STATUS_KEY) &&
	      VMEM_SAME(SHADOW, STATUS_SHADOW) && VMEM_SAME_NAME(RESULT_MAY) &&
	      VMEM_SAME_NAME(RESULT_SECOND));
static_assert(VMEM_SAME_NAME(ACCESS_READ) && VMEM_SAME_NAME(ACCESS_WRITE) &&
	      VMEM_SAME_NAME(ACCESS_FETCH) && VMEM_SAME_NAME(ACCESS_USER) &&
	      VMEM_SAME_NAME(ACCESS_IMPLICIT) && VMEM_SAME_NAME(ACCESS_SHADOW) &&
	      VMEM_SAME_NAME(ACCESS_SET_AD) &&
	      VMEM_ACCESS_LEN == 0xff << VMEM_IOC_ACCESS_LEN_SHIFT);
static_assert(VMEM_SAME_NAME(MODE_WP) && VMEM_SAME_NAME(MODE_SMEP) &&
	      VMEM_SAME_NAME(MODE_SMAP) && VMEM_SAME_NAME(MODE_AC) &&
	      VMEM_SAME_NAME(MODE_PKE) && VMEM_SAME_NAME(MODE_PKS));

/* Results and records are given to the caller as the core made them. */
#define VMEM_SAME_PLACE(their_type, theirs, our_type, ours)		\
	(offsetof(struct their_type, theirs) == offsetof(struct our_type, ours) && \
	 sizeof(((struct their_type *)0)->theirs) ==			\
	 sizeof(((struct our_type *)0)->ours))
#define VMEM_SAME_RESULT(name)						\
	VMEM_SAME_PLACE(vmem_ioc_result, name, vmem_translation, name)
#define VMEM_SAME_RECORD(theirs, ours)					\
	VMEM_SAME_PLACE(vmem_ioc_record, theirs, vmem_space_aware_mapping, ours)

static_assert(sizeof(struct vmem_ioc_result) == sizeof(struct vmem_translation));
static_assert(VMEM_SAME_RESULT(gpa) && VMEM_SAME_RESULT(entry) &&
	      VMEM_SAME_RESULT(status) && VMEM_SAME_RESULT(level) &&
	      VMEM_SAME_RESULT(page_lg2) && VMEM_SAME_RESULT(flags) &&
	      VMEM_SAME_RESULT(error_code) && VMEM_SAME_RESULT(leaf) &&
	      VMEM_SAME_RESULT(effective) && VMEM_SAME_RESULT(path));
static_assert(sizeof(struct vmem_ioc_record) ==
	      sizeof(struct vmem_space_aware_mapping));
static_assert(VMEM_SAME_RECORD(type, type) && VMEM_SAME_RECORD(level, level) &&
	      VMEM_SAME_RECORD(detail, detail) && VMEM_SAME_RECORD(flags, flags) &&
	      VMEM_SAME_RECORD(space, space) && VMEM_SAME_RECORD(va, va) &&
	      VMEM_SAME_RECORD(gpa, gpa) && VMEM_SAME_RECORD(leaves, gpa) &&
	      VMEM_SAME_RECORD(their_va, ref.their_va) &&
	      VMEM_SAME_RECORD(len, len) && VMEM_SAME_RECORD(refs, len) &&
	      VMEM_SAME_RECORD(len, ref.span) && VMEM_SAME_RECORD(bad, entry) &&
	      VMEM_SAME_RECORD(entry, entry) && VMEM_SAME_RECORD(entry, ref.entry) &&
	      VMEM_SAME_RECORD(leaf, leaf) && VMEM_SAME_RECORD(owner, ref.owner) &&
	      VMEM_SAME_RECORD(effective, effective) && VMEM_SAME_RECORD(path, path));

/* The table of calls */

#define VMEM_CALL_OUTS		2
#define VMEM_CALL_SIZE_MAX	4096	/* of a struct, with a tail that isn't known */

/* Bytes of a struct that are outputs. */
struct vmem_call_out {
	u16 start;
	u16 len;
};

/**
 * struct vmem_call_shape - the struct of a call
 * @size:	today
 * @min_size:	in the first version
 * @right:	that the descriptor must have, or 0
 * @flags:	that are known; all, where the call itself looks at them
 * @out:	where its outputs lie
 */
struct vmem_call_shape {
	u16 size;
	u16 min_size;
	u32 right;
	u32 flags;
	struct vmem_call_out out[VMEM_CALL_OUTS];
};

#define VMEM_CALL_SHAPE(_lower, _min, _right, _flags, ...)		\
	{								\
		.size		= sizeof(struct vmem_ioc_##_lower),	\
		.min_size	= _min,					\
		.right		= _right,				\
		.flags		= _flags,				\
		.out		= { __VA_ARGS__ },			\
	}
#define VMEM_CALL_OUT(_lower, _first, _last)				\
	{								\
		offsetof(struct vmem_ioc_##_lower, _first),		\
		offsetof(struct vmem_ioc_##_lower, _last) +		\
			sizeof(((struct vmem_ioc_##_lower *)0)->_last) - \
			offsetof(struct vmem_ioc_##_lower, _first),	\
	}

#define VMEM_CALL_SPACE_FLAGS						\
	(VMEM_IOC_SPACE_NEW | VMEM_IOC_SPACE_MOVABLE | VMEM_VCPU_FLAGS)
#define VMEM_CALL_MAP_FLAGS						\
	(VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SPLIT | VMEM_IOC_MAP_ATOMIC | \
	 VMEM_IOC_MAP_SHARED_OK | VMEM_IOC_MAP_KEEP |			\
	 VMEM_IOC_MAP_WIDEN | VMEM_IOC_MAP_ALONE)
#define VMEM_CALL_PROMOTE_FLAGS						\
	(VMEM_IOC_RANGE_SHARED_OK | VMEM_IOC_RANGE_ALONE)
#define VMEM_CALL_UNMAP_FLAGS						\
	(VMEM_CALL_PROMOTE_FLAGS | VMEM_IOC_RANGE_SPLIT)
#define VMEM_CALL_PROTECT_FLAGS						\
	(VMEM_CALL_UNMAP_FLAGS | VMEM_IOC_RANGE_WIDEN)
#define VMEM_CALL_LINK_FLAGS						\
	(VMEM_IOC_LINK_REPLACE | VMEM_IOC_LINK_ALONE |			\
	 VMEM_IOC_LINK_MAKE | VMEM_IOC_LINK_UNSHARE)
#define VMEM_CALL_WALK_FLAGS						\
	(VMEM_IOC_WALK_FOLLOW | VMEM_IOC_WALK_LEAVES |			\
	 VMEM_IOC_WALK_HOLES | VMEM_IOC_WALK_IGNORE_AD |		\
	 VMEM_IOC_WALK_RESIDENT_ONLY | VMEM_IOC_WALK_NONPRESENT)

/*
 * Calls: C(UPPER, LOWER, ...), where VMEM_IOC_UPPER is asked for, its struct is
 * vmem_ioc_LOWER, and what follows is for VMEM_CALL_SHAPE().
 */
#define VMEM_CALLS(C)							\
	C(INFO, info, 120, 0, 0,					\
	  VMEM_CALL_OUT(info, out_nr_formats, out_read_max),		\
	  VMEM_CALL_OUT(info, out_seen_max, out_change_budget))		\
	C(REGION_CREATE, region_create, 48, VMEM_IOC_RIGHT_MANAGE,	\
	  VMEM_IOC_REGION_FROZEN,					\
	  VMEM_CALL_OUT(region_create, out_id, out_id),			\
	  VMEM_CALL_OUT(region_create, out_mmap_offset, out_mmap_offset)) \
	C(REGION_SET, region_set, 24, VMEM_IOC_RIGHT_MANAGE, 0)		\
	C(REGION_DIRTY, region_dirty, 40, VMEM_IOC_RIGHT_MANAGE,	\
	  VMEM_IOC_DIRTY_CLEAR)						\
	C(POOL_CREATE, pool_create, 32, VMEM_IOC_RIGHT_MANAGE, 0,	\
	  VMEM_CALL_OUT(pool_create, out_id, out_capacity))		\
	C(POOL_STAT, pool_stat, 72, VMEM_IOC_RIGHT_READ, 0,		\
	  VMEM_CALL_OUT(pool_stat, out_capacity, out_oldest_generation)) \
	C(SPACE_CREATE, space_create, 48, VMEM_IOC_RIGHT_MANAGE,	\
	  VMEM_CALL_SPACE_FLAGS,					\
	  VMEM_CALL_OUT(space_create, out_id, out_id),			\
	  VMEM_CALL_OUT(space_create, out_root, out_root))		\
	C(SPACE_GET, space_get, 40, VMEM_IOC_RIGHT_READ, 0,		\
	  VMEM_CALL_OUT(space_get, out_links, out_enc_bit))		\
	C(MAP, map, 104, VMEM_IOC_RIGHT_CHANGE, VMEM_CALL_MAP_FLAGS,	\
	  VMEM_CALL_OUT(map, change, change))				\
	C(UNMAP, unmap, 112, VMEM_IOC_RIGHT_CHANGE, U32_MAX,		\
	  VMEM_CALL_OUT(unmap, change, change))				\
	C(PROTECT, protect, 120, VMEM_IOC_RIGHT_CHANGE, U32_MAX,	\
	  VMEM_CALL_OUT(protect, change, change))			\
	C(PROMOTE, promote, 112, VMEM_IOC_RIGHT_CHANGE, U32_MAX,	\
	  VMEM_CALL_OUT(promote, change, change))			\
	C(LINK, link, 128, VMEM_IOC_RIGHT_CHANGE, VMEM_CALL_LINK_FLAGS,	\
	  VMEM_CALL_OUT(link, change, change))				\
	C(TRANSLATE, translate, 56, VMEM_IOC_RIGHT_READ, 0,		\
	  VMEM_CALL_OUT(translate, out_done, out_done))			\
	C(WALK_CREATE, walk_create, 56, VMEM_IOC_RIGHT_READ,		\
	  VMEM_CALL_WALK_FLAGS,						\
	  VMEM_CALL_OUT(walk_create, out_fd, out_fd))			\
	C(FLUSHED, flushed, 16, VMEM_IOC_RIGHT_CHANGE, 0)		\
	C(VIEW, view, 16, 0, 0,						\
	  VMEM_CALL_OUT(view, out_fd, out_fd))				\
	C(LIST, list, 40, VMEM_IOC_RIGHT_READ, 0,			\
	  VMEM_CALL_OUT(list, out_nr, out_cursor))			\
	C(DESTROY, destroy, 24, VMEM_IOC_RIGHT_MANAGE, 0,		\
	  VMEM_CALL_OUT(destroy, out_flush, out_generation))		\
	C(POOL_GROW, pool_grow, 32, VMEM_IOC_RIGHT_MANAGE, 0,		\
	  VMEM_CALL_OUT(pool_grow, out_capacity, out_capacity))

#define VMEM_CALL_MEMBER(_upper, _lower, ...)	struct vmem_ioc_##_lower _lower;

/* How the struct of any call begins. */
struct vmem_call_head {
	u32 size;
	u32 flags;
};

/* The struct of any call. */
union vmem_call_arg {
	VMEM_CALLS(VMEM_CALL_MEMBER)
	struct vmem_call_head head;
};

#endif /* _VMEM_UAPI_H */
