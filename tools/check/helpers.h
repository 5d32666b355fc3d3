/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest for each case of helpers, and its cases.
 */
#ifndef CHECK_HELPERS_H
#define CHECK_HELPERS_H

#include <libvmem.h>
#include <stdbool.h>

#define PAGE		4096ULL
#define MIB		(1ULL << 20)
#define X86_4		VMEM_IOC_FORMAT_X86_64_4LEVEL
#define X86_5		VMEM_IOC_FORMAT_X86_64_5LEVEL
#define R		VMEM_IOC_ATTR_R
#define W		VMEM_IOC_ATTR_W
#define X		VMEM_IOC_ATTR_X
#define U		VMEM_IOC_ATTR_U

/* Two user regions side by side, but not in the process; an owned one behind them. */
#define LOW_LEN		(5 * MIB)
#define POOL		(1 * MIB)
#define POOL_LEN	(1 * MIB)
#define DATA		(2 * MIB)
#define HIGH		LOW_LEN
#define HIGH_LEN	(3 * MIB + PAGE)
#define OWNED		(HIGH + HIGH_LEN)
#define OWNED_LEN	(64 * PAGE)
#define NOWHERE		(64 * MIB)

#define UPPER		0xffff800000000000ULL

struct world {
	struct vmem_guest *guest;
	char *memory;		/* low region */
	char *high;
	__u32 low_id, high_id, owned_id;
	__u32 pool;
};

void failed(const char *file, int line, const char *what, long long got);
#define EXPECT(cond)	do {						\
	if (!(cond))							\
		failed(__FILE__, __LINE__, #cond, 0);			\
} while (0)
#define ANSWERS(want, call)	do {					\
	int _got = (call);						\
	if (_got != (want))						\
		failed(__FILE__, __LINE__, #call " isn't " #want, _got); \
} while (0)
/* without which nothing else makes sense */
#define MUST(call)	do {						\
	int _ret = (call);						\
	if (_ret) {							\
		failed(__FILE__, __LINE__, #call, _ret);		\
		exit(1);						\
	}								\
} while (0)

bool helpers_local(void);
void world_open(struct world *w);
void world_close(struct world *w);
__u32 world_region(struct world *w, __u32 kind, __u64 gpa, __u64 len, void *memory);
__u32 world_pool(struct world *w, __u64 gpa, __u64 len);
struct vmem_ioc_space_create world_new(struct world *w, __u32 format);
__u32 world_space(struct world *w, __u32 format);
struct vmem_ioc_pool_stat world_stat(struct world *w);

/* helpers-copy.c */
void map_one(void);
void map_one_refused(void);
void host(void);
void host_owned(void);
void host_many(void);
void host_of_others(void);
void host_threads(void);
void copy_pages(void);
void copy_holes(void);
void copy_edges(void);
void copy_rights(void);
void copy_regions(void);
void copy_frozen(void);
void copy_levels(void);
void copy_large(void);

/* helpers-rebuild.c */
void rebuild_random(void);
void rebuild_hostile(void);
void rebuild_parts(void);
void rebuild_cut(void);
void rebuild_placed(void);
void rebuild_left_out(void);
void rebuild_same_guest(void);
void rebuild_undone(void);
void rebuild_refused(void);
void rebuild_nothing(void);

#endif /* CHECK_HELPERS_H */
