// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each change of a guest that is watched, when it is refused: what it left, see
 * kunit/refused.h and guest.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"
#include "../../kunit/refused.h"

#define GUESTS_MAX	4

/* The first changes of a guest are looked at, then one of so many. */
#define CALLS_ALL	100
#define CALLS_SOME	16

/* Where a change has what it is about. */
struct layout {
	const char *name;
	unsigned long cmd;
	size_t size, change;
};

#define LAYOUT(call, type)						\
	{ #call, VMEM_IOC_##call, sizeof(struct type),			\
	  offsetof(struct type, change) }

static const struct layout layouts[] = {
	LAYOUT(MAP, vmem_ioc_map),
	LAYOUT(UNMAP, vmem_ioc_unmap),
	LAYOUT(PROTECT, vmem_ioc_protect),
	LAYOUT(PROMOTE, vmem_ioc_promote),
	LAYOUT(LINK, vmem_ioc_link),
};

/* All of them begin with these. */
union change_args {
	struct {
		u32 size, flags, space, nr;
	};
	struct vmem_ioc_map map;
	struct vmem_ioc_unmap unmap;
	struct vmem_ioc_protect protect;
	struct vmem_ioc_promote promote;
	struct vmem_ioc_link link;
};

/* A copy of memory: pages that nothing was ever in read as zeros. */
struct copy {
	u8 *bytes;
	bool *filled;
};

struct memory {
	const u8 *bytes;
	u64 len;
	struct copy before, behind;
};

struct watched {
	int fd;
	struct memory memory[REFUSED_PARTS];
	u32 nr;
	u32 calls;
};

/* Each thread looks at its own calls, by guests that it watches. */
static __thread struct watch {
	struct watched guests[GUESTS_MAX];
	u32 nr, next;
	bool quiet;
	int mem_fd;		/* of this process; 0: not open yet */
	u64 seen;
	struct refused_state before, behind;
} watch;

static struct copy copy_new(u64 len)
{
	struct copy c = {
		.bytes = map_anon(len),
		.filled = calloc(len / PAGE, sizeof(bool)),
	};

	ASSERT(c.filled);
	return c;
}

/*
 * What was forked has memory of its own, and watches nothing yet. Nothing is
 * asked of the kernel here: the process may be one that hardly may ask.
 */
static void forked(void)
{
	memset(&watch, 0, sizeof(watch));
}

static void at_fork(void)
{
	ASSERT(!pthread_atfork(NULL, NULL, forked));
}

static void watch_open(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (watch.mem_fd)
		return;
	ASSERT(!pthread_once(&once, at_fork));
	watch.mem_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ASSERT(watch.mem_fd > 0);
}

static struct watched *watched_guest(int fd)
{
	u32 i;

	for (i = 0; i < watch.nr; i++)
		if (watch.guests[i].fd == fd)
			return &watch.guests[i];
	return NULL;
}

void refused_watch_memory(int fd, const void *mem, u64 len)
{
	struct watched *w = watched_guest(fd);
	struct memory *memory;

	ASSERT(w && w->nr < REFUSED_PARTS);
	memory = &w->memory[w->nr++];
	memory->bytes = mem;
	memory->len = len;
	memory->before = copy_new(len);
	memory->behind = copy_new(len);
}

static void forget(struct watched *w)
{
	for (; w->nr; w->nr--) {
		struct memory *memory = &w->memory[w->nr - 1];

		ASSERT(!munmap(memory->before.bytes, memory->len));
		ASSERT(!munmap(memory->behind.bytes, memory->len));
		free(memory->before.filled);
		free(memory->behind.filled);
	}
}

void refused_watch(const struct guest *g)
{
	struct watched *w = watched_guest(g->fd);

	watch_open();
	if (!w) {
		/* the oldest is over */
		w = &watch.guests[watch.next];
		watch.next = (watch.next + 1) % GUESTS_MAX;
		if (watch.nr < GUESTS_MAX)
			watch.nr++;
	}
	forget(w);
	w->fd = g->fd;
	w->calls = 0;
	refused_watch_memory(g->fd, g->mem, g->len);
}

void refused_quiet(bool be_quiet)
{
	watch.quiet = be_quiet;
}

u64 refused_seen(void)
{
	return watch.seen;
}

static bool read_memory(void *to, const void *from, size_t len)
{
	return pread(watch.mem_fd, to, len, (off_t)(uintptr_t)from) == (ssize_t)len;
}

/*
 * Only what is there: to read the rest would fill it in, and a test may be
 * about its absence. Return: the bytes up to the end of what is.
 */
static u64 copy_take(struct copy *c, const u8 *bytes, u64 len)
{
	u64 nr = len / PAGE, i, end, most = 0;
	u8 *there = calloc(nr, 1);

	ASSERT(there);
	/* there are holes in it */
	if (mincore((void *)bytes, len, there)) {
		for (i = 0; i < nr; i++)
			if (mincore((void *)(bytes + i * PAGE), PAGE, there + i))
				there[i] = 0;
	}
	for (i = 0; i < nr; i = end) {
		bool is = there[i] & 1, all;

		for (end = i + 1; end < nr && (there[end] & 1) == is; end++)
			;
		all = is && read_memory(c->bytes + i * PAGE, bytes + i * PAGE,
					(end - i) * PAGE);
		for (; i < end; i++) {
			u8 *to = c->bytes + i * PAGE;

			if (all || (is && read_memory(to, bytes + i * PAGE, PAGE))) {
				c->filled[i] = true;
				most = (i + 1) * PAGE;
				continue;
			}
			if (c->filled[i] || is)
				memset(to, 0, PAGE);
			c->filled[i] = false;
		}
	}
	free(there);
	return most;
}

/* Return: it can be told. */
static bool state_take(struct watched *w, u32 space, bool is_behind,
		       struct refused_state *state)
{
	struct vmem_ioc_item items[REFUSED_POOLS] = {};
	struct vmem_ioc_space_get get = {};
	struct vmem_ioc_pool_stat stat;
	int nr, i;

	memset(state, 0, sizeof(*state));
	nr = list_items(w->fd, VMEM_IOC_LIST_POOLS, 0, items, REFUSED_POOLS,
			NULL);
	if (nr < 0)
		return false;
	for (i = 0; i < nr; i++) {
		if (pool_stat(w->fd, items[i].id, &stat))
			return false;
		state->pools[i] = (struct refused_pool){
			.nr_free	= stat.out_free,
			.used		= stat.out_used,
			.reserved	= stat.out_reserved,
			.quarantined	= stat.out_quarantined,
			.shared		= stat.out_shared,
			.oldest		= stat.out_oldest_generation,
		};
	}
	state->nr_pools = nr;
	/* there may be no such space */
	if (!space_get(w->fd, space, &get)) {
		state->root = get.out_root;
		state->generation = get.out_generation;
	}
	for (i = 0; i < (int)w->nr; i++) {
		struct memory *m = &w->memory[i];
		struct copy *c = is_behind ? &m->behind : &m->before;

		state->parts[i].bytes = c->bytes;
		state->parts[i].len = copy_take(c, m->bytes, m->len);
	}
	state->nr_parts = w->nr;
	return true;
}

/* Parts that can be compared: as far as either has anything. */
static void parts_even(struct refused_state *a, struct refused_state *b)
{
	u32 i;

	for (i = 0; i < a->nr_parts && i < b->nr_parts; i++) {
		u64 *x = &a->parts[i].len, *y = &b->parts[i].len;

		*x = *y = *x > *y ? *x : *y;
	}
}

static struct refused_answer answer_of(const struct vmem_ioc_change *change)
{
	return (struct refused_answer){
		.root		= change->out_root,
		.generation	= change->out_generation,
		.flush		= change->out_flush,
		.flush_first	= change->out_flush_start,
		.flush_last	= change->out_flush_last,
		.changes	= change->out_changes,
		.done		= change->out_done,
		.done_len	= change->out_done_len,
		.pages		= change->out_pages,
	};
}

static void tell(const struct refused_difference *d, const char *call, int ret)
{
	if (d->what)
		ktap_fail(__FILE__, __LINE__,
			  "%s refused with %s: %s (%llu) is %#llx, not %#llx",
			  call, strerrorname_np(-ret), d->what,
			  (unsigned long long)d->where, (unsigned long long)d->is,
			  (unsigned long long)d->wanted);
}

static const struct layout *layout_of(unsigned long cmd)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++)
		if (layouts[i].cmd == cmd)
			return &layouts[i];
	return NULL;
}

/* NULL: not a change, or not one to be looked at. */
static struct watched *watched_by(int fd, unsigned long cmd)
{
	return watch.quiet || !layout_of(cmd) ? NULL : watched_guest(fd);
}

bool refused_before(int fd, unsigned long cmd, const void *arg)
{
	struct watched *w = watched_by(fd, cmd);
	union change_args args = {};

	/* random calls go on for long */
	if (w && w->calls++ >= CALLS_ALL && w->calls % CALLS_SOME)
		return false;
	/* where it can't be read, there is no answer either */
	if (!w || !read_memory(&args, arg, layout_of(cmd)->size))
		return false;
	return state_take(w, args.space, false, &watch.before);
}

/*
 * The rest of a list of which a part was done: it is refused once more, and
 * leaves what the first call left.
 */
static void refused_again(int fd, const union change_args *args, int ret)
{
	struct vmem_ioc_map map = args->map;
	u32 done = map.change.out_done;

	if (!EXPECT(done < map.nr))
		return;
	memset(&map.change, 0, sizeof(map.change));
	map.size = sizeof(map);
	map.mappings += done * sizeof(struct vmem_ioc_mapping);
	map.nr -= done;
	EXPECT_ERR(vcall(fd, VMEM_IOC_MAP, &map), -ret);
	EXPECT_EQ(map.change.out_done, 0);
}

void refused_behind(int fd, unsigned long cmd, const void *arg, int ret)
{
	const struct layout *layout = layout_of(cmd);
	struct watched *w = watched_by(fd, cmd);
	struct vmem_ioc_change change;
	struct refused_difference d;
	struct refused_answer answer;
	union change_args args = {};

	/*
	 * When the answer can't be written, the call was not refused; nor was it
	 * when a signal came.
	 */
	if (!w || ret >= 0 || ret == -EFAULT || ret == -EINTR)
		return;
	memcpy(&args, arg, layout->size);
	memcpy(&change, (u8 *)&args + layout->change, sizeof(change));
	if (cmd == VMEM_IOC_MAP && change.out_done &&
	    !(args.flags & VMEM_IOC_MAP_ATOMIC)) {
		refused_again(fd, &args, ret);
		return;
	}
	ASSERT(state_take(w, args.space, true, &watch.behind));
	parts_even(&watch.before, &watch.behind);
	answer = answer_of(&change);
	refused_whole(&d, &watch.before, &watch.behind, &answer);
	tell(&d, layout->name, ret);
	watch.seen++;
}
