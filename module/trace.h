/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. For people; no promise is made about them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmem

#if !defined(_VMEM_MODULE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VMEM_MODULE_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#include "../include/uapi/linux/vmem.h"

DECLARE_EVENT_CLASS(vmem_change,
		    TP_PROTO(u64 guest, u32 space,
			     const struct vmem_ioc_change *change, int ret),
		    TP_ARGS(guest, space, change, ret),
		    TP_STRUCT__entry(__field(u64, guest)
				     __field(u32, space)
				     __field(u32, done)
				     __field(u64, pages)
				     __field(u64, generation)
				     __field(int, ret)),
		    TP_fast_assign(__entry->guest = guest;
				   __entry->space = space;
				   __entry->done = change->out_done;
				   __entry->pages = change->out_pages;
				   __entry->generation = change->out_generation;
				   __entry->ret = ret;),
		    TP_printk("guest=%llu space=%u done=%u pages=%llu generation=%llu ret=%d",
			      __entry->guest, __entry->space, __entry->done,
			      __entry->pages, __entry->generation,
			      __entry->ret)
);

#define VMEM_CHANGE_EVENT(name)						\
	DEFINE_EVENT(vmem_change, name,					\
		     TP_PROTO(u64 guest, u32 space,			\
			      const struct vmem_ioc_change *change,	\
			      int ret),					\
		     TP_ARGS(guest, space, change, ret))
VMEM_CHANGE_EVENT(vmem_map);
VMEM_CHANGE_EVENT(vmem_unmap);
VMEM_CHANGE_EVENT(vmem_protect);
VMEM_CHANGE_EVENT(vmem_promote);
VMEM_CHANGE_EVENT(vmem_link);

TRACE_EVENT(vmem_walk,
	    TP_PROTO(u64 guest, u32 index, u64 va, u32 records),
	    TP_ARGS(guest, index, va, records),
	    TP_STRUCT__entry(__field(u64, guest)
			     __field(u32, index)
			     __field(u64, va)
			     __field(u32, records)),
	    TP_fast_assign(__entry->guest = guest;
			   __entry->index = index;
			   __entry->va = va;
			   __entry->records = records;),
	    TP_printk("guest=%llu at index=%u va=0x%llx records=%u",
		      __entry->guest, __entry->index, __entry->va,
		      __entry->records)
);

TRACE_EVENT(vmem_malformed,
	    TP_PROTO(u64 guest, u32 space, u64 va, u32 level, u32 why,
		     u64 word),
	    TP_ARGS(guest, space, va, level, why, word),
	    TP_STRUCT__entry(__field(u64, guest)
			     __field(u32, space)
			     __field(u64, va)
			     __field(u32, level)
			     __field(u32, why)
			     __field(u64, word)),
	    TP_fast_assign(__entry->guest = guest;
			   __entry->space = space;
			   __entry->va = va;
			   __entry->level = level;
			   __entry->why = why;
			   __entry->word = word;),
	    TP_printk("guest=%llu space=%u va=0x%llx level=%u %s entry=0x%llx",
		      __entry->guest, __entry->space, __entry->va,
		      __entry->level,
		      __print_symbolic(__entry->why, { 1, "reserved" },
				       { 2, "outside" }, { 3, "large" }),
		      __entry->word)
);

#endif /* _VMEM_MODULE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
