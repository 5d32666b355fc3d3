// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of vmem share, see guest.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"

int vcall(int fd, unsigned long cmd, void *arg)
{
	bool watched = refused_before(fd, cmd, arg);
	int ret = ioctl(fd, cmd, arg);

	ret = ret < 0 ? -errno : ret;
	if (watched)
		refused_behind(fd, cmd, arg, ret);
	return ret;
}

int dev_open(void)
{
	int fd = open(VMEM_DEV, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		ktap_fail(__FILE__, __LINE__, "open " VMEM_DEV ": %m");
		ktap_give_up();
	}
	return fd;
}

int region_user(int fd, u64 gpa, void *addr, u64 len, u32 flags)
{
	struct vmem_ioc_region_create create = {
		.size = sizeof(create),
		.flags = flags,
		.kind = VMEM_IOC_REGION_USER,
		.gpa = gpa,
		.len = len,
		.user_addr = (uintptr_t)addr,
	};
	int ret = vcall(fd, VMEM_IOC_REGION_CREATE, &create);

	return ret ?: (int)create.out_id;
}

int region_owned(int fd, u64 gpa, u64 len, u64 *offset)
{
	struct vmem_ioc_region_create create = {
		.size = sizeof(create),
		.kind = VMEM_IOC_REGION_OWNED,
		.gpa = gpa,
		.len = len,
	};
	int ret = vcall(fd, VMEM_IOC_REGION_CREATE, &create);

	if (offset)
		*offset = create.out_mmap_offset;
	return ret ?: (int)create.out_id;
}

int region_freeze(int fd, u32 id, bool frozen)
{
	struct vmem_ioc_region_set set = {
		.size = sizeof(set),
		.id = id,
		.mask = VMEM_IOC_REGION_FROZEN,
		.value = frozen ? VMEM_IOC_REGION_FROZEN : 0,
	};

	return vcall(fd, VMEM_IOC_REGION_SET, &set);
}

int region_dirty(int fd, u32 id, u64 gpa, u64 len, u32 flags, void *bitmap)
{
	struct vmem_ioc_region_dirty dirty = {
		.size = sizeof(dirty), .flags = flags, .id = id,
		.gpa = gpa, .len = len,
		.bitmap = (uintptr_t)bitmap,
	};

	return vcall(fd, VMEM_IOC_REGION_DIRTY, &dirty);
}

int pool_create(int fd, u64 gpa, u64 len)
{
	struct vmem_ioc_range range = { .gpa = gpa, .len = len };
	struct vmem_ioc_pool_create create = {
		.size = sizeof(create),
		.ranges = (uintptr_t)&range,
		.nr_ranges = 1,
	};
	int ret = vcall(fd, VMEM_IOC_POOL_CREATE, &create);

	return ret ?: (int)create.out_id;
}

int pool_grow(int fd, u32 id, u64 gpa, u64 len)
{
	struct vmem_ioc_range range = { .gpa = gpa, .len = len };
	struct vmem_ioc_pool_grow grow = {
		.size = sizeof(grow),
		.id = id,
		.nr_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return vcall(fd, VMEM_IOC_POOL_GROW, &grow);
}

int pool_stat(int fd, u32 id, struct vmem_ioc_pool_stat *stat)
{
	memset(stat, 0, sizeof(*stat));
	stat->size = sizeof(*stat);
	stat->id = id;
	return vcall(fd, VMEM_IOC_POOL_STAT, stat);
}

int space_create(int fd, struct vmem_ioc_space_create *create)
{
	int ret;

	create->size = sizeof(*create);
	ret = vcall(fd, VMEM_IOC_SPACE_CREATE, create);
	return ret ?: (int)create->out_id;
}

int space_new(int fd, u32 format, u32 pool)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_NEW,
		.format = format,
		.pool = pool,
	};

	return space_create(fd, &create);
}

int space_adopt(int fd, u32 format, u32 pool, u64 root)
{
	struct vmem_ioc_space_create create = {
		.format = format,
		.pool = pool,
		.root = root,
	};

	return space_create(fd, &create);
}

int space_movable(int fd, u32 format, u32 pool, u64 root)
{
	struct vmem_ioc_space_create create = {
		.flags = VMEM_IOC_SPACE_MOVABLE,
		.format = format,
		.pool = pool,
		.root = root,
	};

	return space_create(fd, &create);
}

int space_get(int fd, u32 id, struct vmem_ioc_space_get *get)
{
	memset(get, 0, sizeof(*get));
	get->size = sizeof(*get);
	get->id = id;
	return vcall(fd, VMEM_IOC_SPACE_GET, get);
}

u64 space_root(int fd, u32 id)
{
	struct vmem_ioc_space_get get;

	ASSERT_OK(space_get(fd, id, &get));
	return get.out_root;
}

int map_list(int fd, u32 space, struct vmem_ioc_mapping *list, u32 nr,
	     u32 flags, struct vmem_ioc_change *change)
{
	struct vmem_ioc_map map = {
		.size = sizeof(map),
		.flags = flags,
		.space = space,
		.nr = nr,
		.mappings = (uintptr_t)list,
	};
	int ret = vcall(fd, VMEM_IOC_MAP, &map);

	if (change)
		*change = map.change;
	return ret;
}

int map_one(int fd, u32 space, u64 va, u64 gpa, u64 len, u32 attrs, u32 flags,
	    struct vmem_ioc_change *change)
{
	struct vmem_ioc_mapping mapping = {
		.va = va,
		.gpa = gpa,
		.len = len,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = attrs,
	};

	return map_list(fd, space, &mapping, 1, flags, change);
}

int unmap_flags(int fd, u32 space, u64 start, u64 last, u32 flags,
		struct vmem_ioc_change *change)
{
	struct vmem_ioc_unmap arg = {
		.size = sizeof(arg),
		.flags = flags,
		.space = space,
		.start = start,
		.last = last,
	};
	int ret = vcall(fd, VMEM_IOC_UNMAP, &arg);

	if (change)
		*change = arg.change;
	return ret;
}

int unmap(int fd, u32 space, u64 start, u64 last,
	  struct vmem_ioc_change *change)
{
	return unmap_flags(fd, space, start, last, 0, change);
}

int protect(int fd, u32 space, u64 start, u64 last, u32 set, u32 clear,
	    u32 flags, struct vmem_ioc_change *change)
{
	struct vmem_ioc_protect arg = {
		.size = sizeof(arg),
		.flags = flags,
		.space = space,
		.start = start,
		.last = last,
		.set = set,
		.clear = clear,
	};
	int ret = vcall(fd, VMEM_IOC_PROTECT, &arg);

	if (change)
		*change = arg.change;
	return ret;
}

int link_table(int fd, u32 space, u64 our_va, u32 owner, u64 their_va,
	       u32 depth, u32 flags, struct vmem_ioc_change *change)
{
	struct vmem_ioc_link arg = {
		.size = sizeof(arg),
		.flags = flags,
		.space = space,
		.owner = owner,
		.our_va = our_va,
		.their_va = their_va,
		.depth = depth,
	};
	int ret;

	ret = vcall(fd, VMEM_IOC_LINK, &arg);
	if (change)
		*change = arg.change;
	return ret;
}

int flushed(int fd, u64 generation)
{
	struct vmem_ioc_flushed arg = {
		.size = sizeof(arg),
		.generation = generation,
	};

	return vcall(fd, VMEM_IOC_FLUSHED, &arg);
}

int translate_list(int fd, u32 space, const u64 *vas, u32 nr,
		   struct vmem_ioc_result *results, u64 *entries)
{
	struct vmem_ioc_translate arg = {
		.size = sizeof(arg),
		.space = space,
		.nr = nr,
		.vas = (uintptr_t)vas,
		.results = (uintptr_t)results,
		.entries = (uintptr_t)entries,
	};
	int ret = vcall(fd, VMEM_IOC_TRANSLATE, &arg);

	if (!ret)
		EXPECT_EQ(arg.out_done, nr);
	return ret;
}

int translate(int fd, u32 space, u64 va, struct vmem_ioc_result *result)
{
	memset(result, 0xff, sizeof(*result));
	return translate_list(fd, space, &va, 1, result, NULL);
}

int walk_create(int fd, const u32 *spaces, u32 nr, u64 start, u64 last,
		u32 flags, u64 budget, u64 seen_max)
{
	struct vmem_ioc_walk_create arg = {
		.size = sizeof(arg),
		.flags = flags,
		.spaces = (uintptr_t)spaces,
		.nr = nr,
		.start = start,
		.last = last,
		.budget = budget,
		.seen_max = seen_max,
	};
	int ret = vcall(fd, VMEM_IOC_WALK_CREATE, &arg);

	return ret ?: arg.out_fd;
}

int view_create(int fd, u32 rights)
{
	struct vmem_ioc_view view = { .size = sizeof(view), .rights = rights };
	int ret = vcall(fd, VMEM_IOC_VIEW, &view);

	return ret ?: view.out_fd;
}

int list_items(int fd, u32 kind, u32 cursor, struct vmem_ioc_item *items,
	       u32 nr, u32 *next)
{
	struct vmem_ioc_list list = {
		.size = sizeof(list),
		.kind = kind,
		.cursor = cursor,
		.items = (uintptr_t)items,
		.nr = nr,
	};
	int ret = vcall(fd, VMEM_IOC_LIST, &list);

	if (next)
		*next = list.out_cursor;
	return ret ?: (int)list.out_nr;
}

int destroy(int fd, u32 id)
{
	struct vmem_ioc_destroy arg = { .size = sizeof(arg), .id = id };

	return vcall(fd, VMEM_IOC_DESTROY, &arg);
}

void info(int fd, struct vmem_ioc_info *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	ASSERT_OK(vcall(fd, VMEM_IOC_INFO, arg));
}

/* Walks */

void records_add(struct records *rs, const struct vmem_ioc_record *r)
{
	/* Room grows by powers of two. */
	if ((rs->nr & (rs->nr - 1)) == 0) {
		rs->r = realloc(rs->r, (rs->nr ? 2 * rs->nr : 1) * sizeof(*r));
		ASSERT(rs->r);
	}
	rs->r[rs->nr++] = *r;
}

void records_free(struct records *rs)
{
	free(rs->r);
	memset(rs, 0, sizeof(*rs));
}

struct records walk_read(int walk, size_t batch)
{
	static struct vmem_ioc_record many[512];
	struct records rs = {};
	ssize_t got, i;

	if (!batch || batch > ARRAY_SIZE(many))
		batch = ARRAY_SIZE(many);
	for (;;) {
		got = read(walk, many, batch * sizeof(many[0]));
		if (got < 0)
			rs.err = errno;
		if (got <= 0)
			return rs;
		ASSERT_EQ(got % sizeof(many[0]), 0);
		for (i = 0; i < got / (ssize_t)sizeof(many[0]); i++)
			records_add(&rs, &many[i]);
	}
}

struct records walk_all(int fd, u32 space, u64 start, u64 last, u32 flags)
{
	int walk = ASSERT_OK(walk_create(fd, &space, 1, start, last, flags, 0, 0));
	struct records rs = walk_read(walk, 0);

	EXPECT_EQ(rs.err, 0);
	ASSERT(rs.nr > 0);
	EXPECT_EQ(rs.r[rs.nr - 1].type, VMEM_IOC_REC_END);
	close(walk);
	return rs;
}

const struct vmem_ioc_record *records_end(const struct records *rs)
{
	ASSERT(rs->nr > 0);
	ASSERT_EQ(rs->r[rs->nr - 1].type, VMEM_IOC_REC_END);
	return &rs->r[rs->nr - 1];
}

const char *record_text(const struct vmem_ioc_record *r)
{
	static char text[4][256];
	static unsigned int turn;
	char *out = text[turn++ % 4];

	snprintf(out, sizeof(text[0]),
		 "type %u level %u detail %u flags %#x space %u va %#llx gpa %#llx len %#llx entry %#llx leaf %#x eff %#x path %#x",
		 r->type, r->level, r->detail, r->flags, r->space,
		 (unsigned long long)r->va, (unsigned long long)r->gpa,
		 (unsigned long long)r->len, (unsigned long long)r->entry,
		 r->leaf, r->effective, r->path);
	return out;
}

static bool record_equal(const struct vmem_ioc_record *a,
			 const struct vmem_ioc_record *b)
{
	if (a->type != b->type)
		return false;
	/* Where a further walk would begin means nothing after the last. */
	if (a->type == VMEM_IOC_REC_END &&
	    a->detail == VMEM_IOC_END_COMPLETE)
		return a->detail == b->detail && a->leaves == b->leaves &&
		       a->refs == b->refs && a->bad == b->bad;
	/* Only one that is outside names a table, and its length says nothing. */
	if (a->type == VMEM_IOC_REC_BAD)
		return a->level == b->level && a->detail == b->detail &&
		       a->space == b->space && a->va == b->va &&
		       a->entry == b->entry && a->path == b->path &&
		       (a->detail != VMEM_IOC_BAD_OUTSIDE || a->gpa == b->gpa);
	return !memcmp(a, b, sizeof(*a));
}

bool records_equal(const struct records *a, const struct records *b)
{
	size_t i;

	for (i = 0; i < a->nr && i < b->nr; i++) {
		if (record_equal(&a->r[i], &b->r[i]))
			continue;
		ktap_msg("record %zu of %zu and %zu", i, a->nr, b->nr);
		ktap_msg("one:   %s", record_text(&a->r[i]));
		ktap_msg("other: %s", record_text(&b->r[i]));
		return false;
	}
	if (a->nr == b->nr)
		return true;
	ktap_msg("%zu and %zu records; the first more is %s", a->nr, b->nr,
		 record_text(a->nr > i ? &a->r[i] : &b->r[i]));
	return false;
}

/* A guest */

void guest_init_on(struct guest *g, u32 format, void *mem, u64 len)
{
	memset(g, 0, sizeof(*g));
	g->format = format;
	g->gpa = GUEST_GPA;
	g->len = len;
	g->next = g->gpa;
	g->mem = mem;
	g->fd = dev_open();
	g->region = ASSERT_OK(region_user(g->fd, g->gpa, g->mem, len, 0));
}

void guest_init(struct guest *g, u32 format, u64 len)
{
	guest_init_on(g, format, map_anon(len), len);
}

void *guest_host(struct guest *g, u64 gpa)
{
	if (gpa < g->gpa || gpa - g->gpa >= g->len)
		return NULL;
	return g->mem + (gpa - g->gpa);
}

u64 guest_page(struct guest *g)
{
	u64 gpa = g->next;

	ASSERT(guest_host(g, gpa));
	g->next += PAGE;
	memset(guest_host(g, gpa), 0, PAGE);
	return gpa;
}

u64 guest_root(struct guest *g)
{
	g->root = guest_page(g);
	return g->root;
}

void entry_set(struct guest *g, u64 table, unsigned int index, u64 entry)
{
	u64 *host = guest_host(g, table);

	ASSERT(host);
	__atomic_store_n(&host[index], entry, __ATOMIC_RELEASE);
}

u64 entry_get(struct guest *g, u64 table, unsigned int index)
{
	u64 *host = guest_host(g, table);

	ASSERT(host);
	return __atomic_load_n(&host[index], __ATOMIC_ACQUIRE);
}

unsigned int index_of(u64 va, unsigned int level)
{
	return (va >> (12 + 9 * level)) & 511;
}

u64 guest_map(struct guest *g, u64 root, u64 va, unsigned int level, u64 entry,
	      u64 above)
{
	unsigned int at = levels_of(g->format) - 1;
	u64 table = root, next;

	for (; at > level; at--) {
		next = entry_get(g, table, index_of(va, at));
		if (!(next & X86_P)) {
			next = guest_page(g) | above;
			entry_set(g, table, index_of(va, at), next);
		}
		table = next & X86_ADDR;
	}
	entry_set(g, table, index_of(va, level), entry);
	return table;
}

/* Pictures */

static void picture_add(struct picture *p, const void *bytes, size_t len)
{
	if (p->len + len > p->room) {
		p->room = 2 * (p->len + len);
		p->bytes = realloc(p->bytes, p->room);
		ASSERT(p->bytes);
	}
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

static void picture_space(struct picture *p, int fd, u32 id)
{
	struct vmem_ioc_space_get get;
	struct records rs;
	size_t i;

	ASSERT_OK(space_get(fd, id, &get));
	picture_add(p, &get, sizeof(get));
	rs = walk_all(fd, id, 0, ~0ULL, 0);
	for (i = 0; i < rs.nr; i++)
		picture_add(p, &rs.r[i], sizeof(rs.r[i]));
	records_free(&rs);
}

void picture_add_memory(struct picture *p, const void *mem, u64 len)
{
	u64 sum = checksum(mem, len);

	picture_add(p, &sum, sizeof(sum));
}

struct picture picture_take(int fd, const void *mem, u64 len)
{
	struct vmem_ioc_item items[64] = {};
	struct vmem_ioc_pool_stat stat;
	struct picture p = {};
	int kind, nr, i;

	for (kind = VMEM_IOC_LIST_REGIONS; kind <= VMEM_IOC_LIST_SPACES; kind++) {
		nr = ASSERT_OK(list_items(fd, kind, 0, items,
					  ARRAY_SIZE(items), NULL));
		picture_add(&p, items, nr * sizeof(items[0]));
		for (i = 0; i < nr; i++) {
			if (kind == VMEM_IOC_LIST_POOLS) {
				ASSERT_OK(pool_stat(fd, items[i].id, &stat));
				picture_add(&p, &stat, sizeof(stat));
			}
			if (kind == VMEM_IOC_LIST_SPACES)
				picture_space(&p, fd, items[i].id);
		}
	}
	if (mem)
		picture_add_memory(&p, mem, len);
	return p;
}

bool picture_same(const struct picture *a, const struct picture *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

void picture_free(struct picture *p)
{
	free(p->bytes);
	memset(p, 0, sizeof(*p));
}

u64 checksum(const void *mem, u64 len)
{
	const u64 *word = mem;
	u64 sum = 0xcbf29ce484222325ULL;

	for (len /= sizeof(*word); len; len--)
		sum = (sum ^ *word++) * 0x100000001b3ULL;
	return sum;
}

/* Small things */

u64 rnd(u64 *seed)
{
	/* splitmix64 */
	u64 z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

u64 seed_pick(void)
{
	const char *given = getenv("SEED");
	struct timespec now;
	u64 seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = given ? strtoull(given, NULL, 0) :
		(u64)now.tv_nsec ^ (u64)now.tv_sec << 20;
	ktap_msg("SEED=%llu", (unsigned long long)seed);
	return seed;
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

bool read_file(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, buf, len - 1);
	close(fd);
	if (got < 0)
		return false;
	buf[got] = '\0';
	return true;
}

void *map_anon(u64 len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT(mem != MAP_FAILED);
	return mem;
}

int send_fd(int sock, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

int recv_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

void nap_ms(unsigned int ms)
{
	struct timespec nap = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	nanosleep(&nap, NULL);
}

bool wait_until(bool (*done)(void *), void *arg)
{
	unsigned int i;

	for (i = 0; i < 12000; i++) {
		if (done(arg))
			return true;
		nap_ms(10);
	}
	return false;
}

bool task_sleeps(pid_t tid)
{
	char path[64], buf[512], *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	if (!read_file(path, buf, sizeof(buf)))
		return false;
	state = strrchr(buf, ')');
	return state && (state[2] == 'S' || state[2] == 'D');
}

bool two_cpus(void)
{
	return get_nprocs() > 1;
}

void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT(!sched_setaffinity(0, sizeof(set), &set));
}

void become_nobody(void)
{
	ASSERT(!setgroups(0, NULL));
	ASSERT(!setresgid(65534, 65534, 65534));
	ASSERT(!setresuid(65534, 65534, 65534));
}
