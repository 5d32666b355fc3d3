/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of vmem share: calls that answer as the kernel does (0 or
 * more, or -errno), a guest with memory to build tables in, walks read whole,
 * and a picture of all that a refused call must leave as it was.
 */
#ifndef SELFTEST_GUEST_H
#define SELFTEST_GUEST_H

#include <linux/vmem.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define PAGE		4096ULL
#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define BIT(n)		(1ULL << (n))

#define VMEM_DEV	"/dev/vmem"

/* Bits of x86-64 entries, as the manual names them. */
#define X86_P		BIT(0)
#define X86_RW		BIT(1)
#define X86_US		BIT(2)
#define X86_PWT		BIT(3)
#define X86_PCD		BIT(4)
#define X86_A		BIT(5)
#define X86_D		BIT(6)
#define X86_PS		BIT(7)
#define X86_PAT		BIT(7)		/* of a 4 KiB leaf */
#define X86_G		BIT(8)
#define X86_COW		BIT(9)		/* software bits 001 */
#define X86_PAT_LARGE	BIT(12)
#define X86_NX		BIT(63)
#define X86_ADDR	0x000ffffffffff000ULL
#define X86_TABLE	(X86_P | X86_RW | X86_A)
#define X86_LEAF	(X86_P | X86_A | X86_D)	/* as vmem makes them */

#define R	VMEM_IOC_ATTR_R
#define W	VMEM_IOC_ATTR_W
#define X	VMEM_IOC_ATTR_X
#define U	VMEM_IOC_ATTR_U

#define FMT4	VMEM_IOC_FORMAT_X86_64_4LEVEL
#define FMT5	VMEM_IOC_FORMAT_X86_64_5LEVEL

static inline unsigned int levels_of(u32 format)
{
	return format == FMT5 ? 5 : 4;
}

/* Spans: of an entry, of a table. */
static inline u64 entry_span(unsigned int level)
{
	return BIT(12 + 9 * level);
}

static inline u64 canonical(unsigned int levels, u64 va)
{
	unsigned int shift = 64 - (12 + 9 * levels);

	return (u64)((int64_t)(va << shift) >> shift);
}

/* Calls. Each answers 0, an id or a descriptor, or -errno. */

int vcall(int fd, unsigned long cmd, void *arg);
int dev_open(void);			/* gives up when it can't */
int region_user(int fd, u64 gpa, void *addr, u64 len, u32 flags);
int region_owned(int fd, u64 gpa, u64 len, u64 *offset);
int region_freeze(int fd, u32 id, bool frozen);
int region_dirty(int fd, u32 id, u64 gpa, u64 len, u32 flags, void *bitmap);
int pool_create(int fd, u64 gpa, u64 len);
int pool_grow(int fd, u32 id, u64 gpa, u64 len);
int pool_stat(int fd, u32 id, struct vmem_ioc_pool_stat *stat);
int space_new(int fd, u32 format, u32 pool);
int space_adopt(int fd, u32 format, u32 pool, u64 root);
int space_movable(int fd, u32 format, u32 pool, u64 root);
int space_create(int fd, struct vmem_ioc_space_create *create);
int space_get(int fd, u32 id, struct vmem_ioc_space_get *get);
u64 space_root(int fd, u32 id);		/* gives up when it can't */
int map_list(int fd, u32 space, struct vmem_ioc_mapping *list, u32 nr,
	     u32 flags, struct vmem_ioc_change *change);
int map_one(int fd, u32 space, u64 va, u64 gpa, u64 len, u32 attrs, u32 flags,
	    struct vmem_ioc_change *change);
int unmap(int fd, u32 space, u64 start, u64 last,
	  struct vmem_ioc_change *change);
int unmap_flags(int fd, u32 space, u64 start, u64 last, u32 flags,
		struct vmem_ioc_change *change);
int protect(int fd, u32 space, u64 start, u64 last, u32 set, u32 clear,
	    u32 flags, struct vmem_ioc_change *change);
/* The table at @their_va in @owner, also at @our_va in @space. */
int link_table(int fd, u32 space, u64 our_va, u32 owner, u64 their_va,
	       u32 depth, u32 flags, struct vmem_ioc_change *change);
int flushed(int fd, u64 generation);
int translate(int fd, u32 space, u64 va, struct vmem_ioc_result *result);
int translate_list(int fd, u32 space, const u64 *vas, u32 nr,
		   struct vmem_ioc_result *results, u64 *entries);
int walk_create(int fd, const u32 *spaces, u32 nr, u64 start, u64 last,
		u32 flags, u64 budget, u64 seen_max);
int view_create(int fd, u32 rights);
int list_items(int fd, u32 kind, u32 cursor, struct vmem_ioc_item *items,
	       u32 nr, u32 *next);
int destroy(int fd, u32 id);
void info(int fd, struct vmem_ioc_info *info);

/* Walks */

struct records {
	struct vmem_ioc_record *r;
	size_t nr;
	int err;		/* of the read that ended it, 0 */
};

void records_add(struct records *rs, const struct vmem_ioc_record *r);
void records_free(struct records *rs);
/* Read a walk to its end, at most @batch records a read (0: many). */
struct records walk_read(int walk, size_t batch);
/* One walk, whole; gives up when it can't be made. */
struct records walk_all(int fd, u32 space, u64 start, u64 last, u32 flags);
const char *record_text(const struct vmem_ioc_record *r);
/* Are they the same, the end's counts included? Says where they differ. */
bool records_equal(const struct records *a, const struct records *b);
const struct vmem_ioc_record *records_end(const struct records *rs);

/* A guest with one region of anonymous memory, and tables built by hand. */

struct guest {
	int fd;
	u8 *mem;
	u64 gpa;		/* of the region */
	u64 len;
	u32 region;
	u64 next;		/* the next page for guest_page() */
	u32 format;
	u64 root;		/* set by guest_root() */
};

#define GUEST_GPA	(16 * MIB)

void guest_init(struct guest *g, u32 format, u64 len);
/* The same on memory that the caller has mapped. */
void guest_init_on(struct guest *g, u32 format, void *mem, u64 len);
void *guest_host(struct guest *g, u64 gpa);
u64 guest_page(struct guest *g);	/* zeroed */
u64 guest_root(struct guest *g);
void entry_set(struct guest *g, u64 table, unsigned int index, u64 entry);
u64 entry_get(struct guest *g, u64 table, unsigned int index);
/*
 * Put @entry where the table of @level translates @va, and make what is missing
 * above with @above. Returns the table that holds it.
 */
u64 guest_map(struct guest *g, u64 root, u64 va, unsigned int level, u64 entry,
	      u64 above);
unsigned int index_of(u64 va, unsigned int level);

/*
 * A tree with all that there is: leaves of each size and with each bit, runs,
 * holes, shared tables, both halves; with @bad, malformed entries and tables
 * that lie in no region.
 */
void guest_tree(struct guest *g, bool bad);

/* The model: what a walk by hand sees. Slow and obvious. */

struct model {
	struct guest *g;
	unsigned int levels;
	u64 reserved;		/* bits malformed in any present entry */
	u64 visits;		/* tables entered */
	u64 start, last;
	u32 flags;
	u64 roots[8];
	u32 nr_roots;
	struct records out;
	struct model_seen *seen;
	size_t nr_seen;
	u64 leaves, refs, bad;
};

void model_init(struct model *m, struct guest *g);
void model_translate(struct model *m, u64 root, u64 va,
		     struct vmem_ioc_result *result, u64 *entries);
/* All records but the end, which is made as if complete. */
void model_walk(struct model *m, u64 start, u64 last, u32 flags);

/* All that a refused call must leave as it was. */

struct picture {
	u8 *bytes;
	size_t len, room;
};

struct picture picture_take(int fd, const void *mem, u64 len);
void picture_add_memory(struct picture *p, const void *mem, u64 len);
bool picture_same(const struct picture *a, const struct picture *b);
void picture_free(struct picture *p);
u64 checksum(const void *mem, u64 len);

/*
 * What a refused change leaves, see kunit/refused.h. From refused_watch() on it
 * is looked at after each change by the guest's descriptor, by the thread that
 * said so, that is refused; where there are many, after the first of them and
 * some of the others. Of a list of which a part was done, the rest is given once
 * more, and refused with nothing done.
 */
void refused_watch(const struct guest *g);
/* Memory with tables in it beside the guest's. */
void refused_watch_memory(int fd, const void *mem, u64 len);
/* Somebody else is at work, or calls are counted: don't look. */
void refused_quiet(bool be_quiet);
u64 refused_seen(void);		/* refusals that this thread looked at */
/* Around a call. Return: its end is to be looked at. */
bool refused_before(int fd, unsigned long cmd, const void *arg);
void refused_behind(int fd, unsigned long cmd, const void *arg, int ret);

/* Memory cgroups: a group of our own, and what is charged to it. */

bool cgroup_make(const char *name);
bool cgroup_enter(const char *name, pid_t pid);
long cgroup_pages(const char *name);	/* once all that can go has gone */
long cgroup_slack(void);		/* a page a CPU */
void cgroup_remove(const char *name);

/*
 * cgroup_measure() runs fn in a process of its own in a group, and each time that
 * calls cgroup_measured(), @nr times in all, what is charged goes to @pages.
 */
void cgroup_measure(const char *name, void (*fn)(void *), void *arg, long *pages,
		    u32 nr);
void cgroup_measured(void);

/* Small things. */

u64 rnd(u64 *seed);
u64 seed_pick(void);			/* from the environment or the clock; printed */
bool write_file(const char *path, const char *text);
bool read_file(const char *path, char *buf, size_t len);
void *map_anon(u64 len);
int send_fd(int sock, int fd);
int recv_fd(int sock);
void nap_ms(unsigned int ms);
/* Poll @done for a long time; false if it never came true. */
bool wait_until(bool (*done)(void *), void *arg);
bool task_sleeps(pid_t tid);
bool two_cpus(void);
void pin(unsigned int cpu);
void become_nobody(void);

#endif
