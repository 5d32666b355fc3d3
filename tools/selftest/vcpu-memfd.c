// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a guest_memfd: holes are punched in it, beside a vCPU that runs in the
 * rest; and one whose pages are private, which this process can't touch.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "vcpu-probe.h"

/* of holes; the latter with FULL=1 in the environment */
#define ROUNDS		300
#define ROUNDS_FULL	2000
#define NR_DATA		8
#define NR_SPARE	16ULL		/* tables of the spare space's pool */
#define LEVELS_MAX	5

#define DATA_VA		0x700000000000ULL
#define BUSY_VA		0x710000000000ULL
#define BUSY_VALUE	0x62757379ULL
/* Of the spare space: no table of them is the same but the root. */
#define HOLED_VA	0x123456789000ULL
#define WHOLE_VA	0xffffff8040201000ULL

#define ELSEWHERE_GPA	0x100000000ULL
#define ENTRY_GPA	0x000ffffffffff000ULL

/**
 * struct holes - a guest, and what is punched
 * @g:		the guest
 * @probes:	one that runs all the time, one that looks at data, and one for KVM's
 *		translations in the second space, which never runs there
 * @data:	NR_DATA pages, which the second probe has at DATA_VA
 * @space:	a second space of the guest
 * @root:	its root
 * @tables:	its tables that translate HOLED_VA, by level
 * @content:	what they hold
 * @gpa:	what HOLED_VA translates to
 * @whole:	what WHOLE_VA translates to
 * @nr:		holes punched
 * @seed:	of chance()
 */
struct holes {
	struct guest g;
	struct probe probes[3];
	__u64 data;
	__u32 space;
	__u64 root;
	__u64 tables[LEVELS_MAX];
	__u64 content[LEVELS_MAX][PAGE / 8];
	__u64 gpa;
	__u64 whole;
	__u64 nr;
	__u64 seed;
};

static __u64 *words(struct holes *h, __u64 gpa)
{
	__u64 *page = guest_host(&h->g, gpa, PAGE);

	ASSERT(page);
	return page;
}

static void punch(struct holes *h, __u64 gpa)
{
	ASSERT(!fallocate(h->g.memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  gpa, PAGE));
	h->nr++;
}

static unsigned int index_at(__u64 va, unsigned int level)
{
	return va >> (12 + 9 * level) & 511;
}

static int map_spare(struct holes *h, __u64 va, __u64 gpa, __u32 flags)
{
	const struct vmem_ioc_mapping mapping = {
		.va = va, .gpa = gpa, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC,
		.attrs = R,
	};
	struct vmem_ioc_map map = {
		.size = sizeof(map), .space = h->space, .nr = 1, .flags = flags,
		.mappings = (unsigned long)&mapping,
	};

	return vmem_space_map(h->g.vmem, &map);
}

/* A space that no vCPU runs in, with tables of a pool of its own. */
static void spare_open(struct holes *h)
{
	struct vmem_ioc_range range = { .len = NR_SPARE * PAGE };
	struct vmem_ioc_pool_create pool = {
		.size = sizeof(pool), .ranges = (unsigned long)&range, .nr_ranges = 1,
	};
	struct vmem_ioc_space_create space = {
		.size = sizeof(space), .flags = VMEM_IOC_SPACE_NEW,
		.format = h->g.options.levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
						     VMEM_IOC_FORMAT_X86_64_4LEVEL,
	};
	unsigned int level = h->g.options.levels;
	__u64 table;

	ASSERT_OK(guest_take(&h->g, range.len, &range.gpa));
	ASSERT_OK(vmem_pool_create(h->g.vmem, &pool));
	space.pool = pool.out_id;
	ASSERT_OK(vmem_space_create(h->g.vmem, &space));
	h->space = space.out_id;
	h->root = table = space.out_root;
	h->gpa = h->data;
	h->whole = h->data + PAGE;
	ASSERT_OK(map_spare(h, HOLED_VA, h->gpa, 0));
	ASSERT_OK(map_spare(h, WHOLE_VA, h->whole, 0));
	while (level--) {
		h->tables[level] = table;
		memcpy(h->content[level], words(h, table), PAGE);
		table = words(h, table)[index_at(HOLED_VA, level)] & ENTRY_GPA;
	}
	ASSERT_EQ(table, h->gpa);
	ASSERT_OK(vcpu_replace_cr3(h->probes[2].vcpu, h->g.roots[0], h->root));
}

/* Memory is of one, and a slot has all of it: no other slot can. */
static void expect_guest_memfd(struct guest *g)
{
	char path[32], name[64] = {};
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->memory.fd);
	ASSERT(readlink(path, name, sizeof(name) - 1) > 0);
	ASSERT(strstr(name, "[kvm-gmem]"));
	ret = machine_memory_of(&g->machine, ELSEWHERE_GPA, g->memory.host,
				g->memory.len, g->memory.fd);
	/* Linux 6.18 has only the first of these */
	ASSERT(ret == -EINVAL || ret == -EEXIST);
}

static void holes_open(struct holes *h, unsigned int levels)
{
	__u64 busy;

	memset(h, 0, sizeof(*h));
	h->seed = levels;
	probes_open(&h->g, levels, h->probes, ARRAY_SIZE(h->probes));
	expect_guest_memfd(&h->g);
	ASSERT_OK(guest_take(&h->g, NR_DATA * PAGE, &h->data));
	map(&h->g, DATA_VA, h->data, NR_DATA * PAGE, VMEM_IOC_KIND_BASIC, R | W);
	ASSERT_OK(guest_take(&h->g, PAGE, &busy));
	map(&h->g, BUSY_VA, busy, PAGE, VMEM_IOC_KIND_BASIC, R);
	*words(h, busy) = BUSY_VALUE;
	spare_open(h);
}

/* Mappings that a walk of the spare space meets. */
static unsigned int nr_walked(struct holes *h)
{
	struct vmem_ioc_walk_create create = {
		.size = sizeof(create), .spaces = (unsigned long)&h->space, .nr = 1,
		.last = ~0ULL,
	};
	struct vmem_ioc_record records[8];
	struct vmem_walker *walker;
	unsigned int found = 0;
	int i, nr;

	ASSERT_OK(vmem_walk_create(h->g.vmem, &create, &walker));
	while ((nr = ASSERT_OK(vmem_walk_read(walker, records, ARRAY_SIZE(records))))) {
		for (i = 0; i < nr; i++) {
			if (records[i].type == VMEM_IOC_REC_END)
				continue;
			ASSERT_EQ(records[i].type, VMEM_IOC_REC_MAPPING);
			ASSERT_EQ(records[i].len, PAGE);
			ASSERT_EQ(records[i].gpa, records[i].va == HOLED_VA ? h->gpa :
						  h->whole);
			ASSERT(records[i].va == HOLED_VA || records[i].va == WHOLE_VA);
			found++;
		}
	}
	vmem_walk_close(walker);
	return found;
}

/* What KVM and vmem say: @gpa, or that an entry of @level isn't present. */
static void expect_spare(struct holes *h, __u64 va, bool present, unsigned int level,
			 __u64 gpa)
{
	struct vmem_ioc_result result = {};
	struct vmem_ioc_translate translate = {
		.size = sizeof(translate), .space = h->space, .nr = 1,
		.vas = (unsigned long)&va, .results = (unsigned long)&result,
	};
	__u64 kvm = 0;

	ASSERT_OK(vmem_space_translate(h->g.vmem, &translate));
	ASSERT_EQ(result.status, present ? VMEM_IOC_OK : VMEM_IOC_NOT_PRESENT);
	if (present) {
		ASSERT_EQ(result.gpa, gpa);
	} else {
		ASSERT_EQ(result.level, level);
		ASSERT_EQ(result.entry, 0);
	}
	ASSERT_EQ(vcpu_translate(h->probes[2].vcpu, va, &kvm), present ? 0 : -ENOENT);
	ASSERT_EQ(kvm, present ? gpa : 0);
}

/* The spare space where all of @mask but the tables above @level is holes. */
static void expect_holed(struct holes *h, unsigned int mask)
{
	unsigned int top = h->g.options.levels - 1;
	bool root_holed = mask >> top & 1;

	while (mask && !(mask >> top & 1))
		top--;
	expect_spare(h, HOLED_VA, !mask, top, h->gpa);
	expect_spare(h, WHOLE_VA, !root_holed, top, h->whole);
	ASSERT_EQ(nr_walked(h), !mask + !root_holed);
}

/* Holes in some tables of the spare space, which then are written anew. */
static void holes_in_tables(struct holes *h)
{
	unsigned int levels = h->g.options.levels, level;
	unsigned int mask = 1 + chance(&h->seed) % ((1U << levels) - 1);
	__u64 gpa = h->data + chance(&h->seed) % NR_DATA * PAGE;
	__u64 *leaf = &h->content[0][index_at(HOLED_VA, 0)];

	for (level = 0; level < levels; level++)
		if (mask >> level & 1)
			punch(h, h->tables[level]);
	expect_holed(h, mask);
	h->gpa = mask & 1 ? gpa : h->gpa;
	*leaf = (*leaf & ~ENTRY_GPA) | h->gpa;
	/* from the top on: what is below is still a hole */
	for (level = levels; level--;) {
		if (!(mask >> level & 1))
			continue;
		if (level || chance(&h->seed) % 2)
			memcpy(words(h, h->tables[level]), h->content[level], PAGE);
		else
			ASSERT_OK(map_spare(h, HOLED_VA, h->gpa, 0));
		mask &= ~(1U << level);
		expect_holed(h, mask);
	}
}

static __u64 looked(struct holes *h, enum access access, unsigned int page, __u64 value)
{
	struct outcome outcome = probe_access(&h->g, &h->probes[1], access,
					      DATA_VA + page * PAGE, value, false);

	ASSERT_EQ(outcome.vector, NO_FAULT);
	return outcome.value;
}

/*
 * A hole in a page of data, which the vCPU has read before: zero for whoever comes
 * first, the vCPU or we.
 */
static void hole_in_data(struct holes *h, __u64 value)
{
	unsigned int page = chance(&h->seed) % NR_DATA;
	volatile __u64 *word = words(h, h->data + page * PAGE);
	unsigned int who = chance(&h->seed) % 4;

	punch(h, h->data + page * PAGE);
	if (who & 1)
		ASSERT_EQ(*word, 0);
	ASSERT_EQ(looked(h, ACCESS_READ, page, 0), 0);
	if (who & 2) {
		*word = value;
		ASSERT_EQ(looked(h, ACCESS_READ, page, 0), value);
	} else {
		looked(h, ACCESS_WRITE, page, value);
		ASSERT_EQ(*word, value);
	}
}

static void *run_busy(void *arg)
{
	struct holes *h = arg;
	struct outcome outcome;

	stay_on(1);
	outcome = probe_access(&h->g, &h->probes[0], ACCESS_AWAIT, BUSY_VA, 0, false);
	EXPECT_EQ(outcome.vector, NO_FAULT);
	EXPECT_EQ(outcome.value, BUSY_VALUE);
	return NULL;
}

static void await_busy(struct holes *h, __u64 *rounds)
{
	volatile struct probe_box *box = h->probes[0].box;

	while (box->rounds < *rounds + 100)
		usleep(100);
	*rounds = box->rounds;
}

static void holes_levels(unsigned int levels)
{
	const char *full = getenv("FULL");
	__u64 round, busy = 0, rounds = full && *full ? ROUNDS_FULL : ROUNDS;
	static struct holes h;
	pthread_t thread;

	want_guest_memfd();
	holes_open(&h, levels);
	expect_agreement(&h.g, 4000, levels);
	stay_on(0);
	ASSERT(!pthread_create(&thread, NULL, run_busy, &h));
	await_busy(&h, &busy);
	for (round = 0; round < rounds; round++) {
		if (chance(&h.seed) % 2)
			hole_in_data(&h, round + 1);
		else
			holes_in_tables(&h);
		if (round % 50 == 0)
			await_busy(&h, &busy);
	}
	await_busy(&h, &busy);
	h.probes[0].box->go = 1;
	ASSERT(!pthread_join(thread, NULL));
	expect_agreement(&h.g, 4000, levels);
	ktap_msg("%llu rounds, %llu holes, beside a vCPU that read %llu times", round,
		 h.nr, busy);
	guest_close(&h.g);
}

void guest_memfd_holes_4level(void)
{
	holes_levels(4);
}

void guest_memfd_holes_5level(void)
{
	holes_levels(5);
}

/**
 * struct private - a guest with memory that is private
 * @machine:	that has the guest_memfd
 * @host:	where it is mapped
 * @ours:	memory of this process
 * @vmem:	the guest
 * @pool:	in @ours
 * @space:	with tables of it
 */
struct private {
	struct machine machine;
	char *host;
	char *ours;
	struct vmem_guest *vmem;
	__u32 pool;
	__u32 space;
};

#define PRIVATE_GPA	0x100000ULL	/* and @ours at 0 */
#define PRIVATE_LEN	(16 * PAGE)

static void *mapping_of(int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *host = mmap(NULL, PRIVATE_LEN, PROT_READ | PROT_WRITE, flags, fd, 0);

	ASSERT(host != MAP_FAILED);
	return host;
}

/* Nothing is looked at so far. */
static void private_region(struct private *p, __u64 gpa, void *host)
{
	struct vmem_ioc_region_create create = {
		.size = sizeof(create), .kind = VMEM_IOC_REGION_USER, .gpa = gpa,
		.len = PRIVATE_LEN, .user_addr = (unsigned long)host,
	};

	ASSERT_OK(vmem_region_create(p->vmem, &create));
}

static __u32 private_pool(struct private *p, __u64 gpa, __u64 len)
{
	struct vmem_ioc_range range = { .gpa = gpa, .len = len };
	struct vmem_ioc_pool_create pool = {
		.size = sizeof(pool), .ranges = (unsigned long)&range, .nr_ranges = 1,
	};

	ASSERT_OK(vmem_pool_create(p->vmem, &pool));
	return pool.out_id;
}

static int private_space(struct private *p, __u32 flags, __u32 pool, __u64 root,
			 __u32 *id)
{
	struct vmem_ioc_space_create space = {
		.size = sizeof(space), .format = VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.flags = flags, .pool = pool, .root = root,
	};
	int ret = vmem_space_create(p->vmem, &space);

	*id = space.out_id;
	return ret;
}

static void private_open(struct private *p)
{
	struct kvm_create_guest_memfd create = {
		.size = PRIVATE_LEN, .flags = GUEST_MEMFD_FLAG_MMAP,
	};
	int fd;

	ASSERT_OK(machine_open(&p->machine));
	fd = ioctl(p->machine.vm, KVM_CREATE_GUEST_MEMFD, &create);
	ASSERT(fd >= 0);
	p->host = mapping_of(fd);
	p->ours = mapping_of(-1);
	close(fd);
	ASSERT_OK(local ? vmem_open_local(&p->vmem) : vmem_open(NULL, &p->vmem));
	private_region(p, 0, p->ours);
	private_region(p, PRIVATE_GPA, p->host);
	p->pool = private_pool(p, 0, PRIVATE_LEN);
	ASSERT_OK(private_space(p, VMEM_IOC_SPACE_NEW, p->pool, 0, &p->space));
}

static struct vmem_ioc_result private_translate(struct private *p, __u32 space,
						__u64 va)
{
	struct vmem_ioc_result result = {};
	struct vmem_ioc_translate translate = {
		.size = sizeof(translate), .space = space, .nr = 1,
		.vas = (unsigned long)&va, .results = (unsigned long)&result,
	};

	ASSERT_OK(vmem_space_translate(p->vmem, &translate));
	return result;
}

static int private_map(struct private *p, __u64 va)
{
	const struct vmem_ioc_mapping mapping = {
		.va = va, .gpa = PRIVATE_GPA, .len = PAGE,
		.kind = VMEM_IOC_KIND_BASIC, .attrs = R | W,
	};
	struct vmem_ioc_map map = {
		.size = sizeof(map), .space = p->space, .nr = 1,
		.mappings = (unsigned long)&mapping,
	};

	return vmem_space_map(p->vmem, &map);
}

/* A private page is mapped as any: it isn't looked at. */
static void private_data(struct private *p)
{
	struct vmem_ioc_result result;

	ASSERT_OK(private_map(p, HOLED_VA));
	result = private_translate(p, p->space, HOLED_VA);
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, PRIVATE_GPA);
	EXPECT_EQ(result.flags, 0);
}

/* A private page that is a root, or below one of ours. */
static void private_tables(struct private *p)
{
	struct vmem_ioc_pool_stat stat = { .size = sizeof(stat) };
	__u64 *root = (__u64 *)p->ours;
	__u32 space;

	ASSERT_OK(private_space(p, 0, 0, PRIVATE_GPA, &space));
	EXPECT_EQ(private_translate(p, space, HOLED_VA).status, VMEM_IOC_OUTSIDE);

	/* the first page of the pool is the root */
	root[index_at(WHOLE_VA, 3)] = PRIVATE_GPA | 3;
	EXPECT_EQ(private_translate(p, p->space, WHOLE_VA).status, VMEM_IOC_OUTSIDE);
	EXPECT_ERR(private_map(p, WHOLE_VA), ENXIO);
	EXPECT_EQ(private_translate(p, p->space, HOLED_VA).status, VMEM_IOC_OK);

	/* a pool has no page that is a root */
	stat.id = private_pool(p, PRIVATE_GPA + PAGE, PRIVATE_LEN - PAGE);
	EXPECT_ERR(private_space(p, VMEM_IOC_SPACE_NEW, stat.id, 0, &space), ENXIO);
	ASSERT_OK(vmem_pool_stat(p->vmem, &stat));
	EXPECT_EQ(stat.out_free, PRIVATE_LEN / PAGE - 1);
}

static void touch(struct private *p)
{
	(void)*(volatile char *)p->host;
}

static bool dies_of_sigbus(void (*fn)(struct private *), struct private *p)
{
	pid_t pid = fork();
	int status;

	ASSERT(pid >= 0);
	if (!pid) {
		fn(p);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

/*
 * Pages that aren't shared can be mapped, and not touched. The module finds no
 * tables there; libvmem reads as this process does.
 */
void guest_memfd_private(void)
{
	struct private p;

	want_guest_memfd();
	private_open(&p);
	EXPECT(dies_of_sigbus(touch, &p));
	private_data(&p);
	if (local)
		EXPECT(dies_of_sigbus(private_tables, &p));
	else
		private_tables(&p);
	vmem_close(p.vmem);
	machine_close(&p.machine);
}
