// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each call, mmap, fault of an mmap and read of a walk, with its n-th chance to
 * fail taken, n from 1 until it succeeds: allocations of slab objects, of
 * pages, and copies from and to the caller. The errno is a documented one,
 * nothing was changed, and in the end each kind of failure was met.
 *
 * For a kernel with CONFIG_FAULT_INJECTION_DEBUG_FS, FAILSLAB, FAIL_PAGE_ALLOC
 * and FAULT_INJECTION_USERCOPY.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failnth.h"

#define DEBUG	"/sys/kernel/debug/"
#define TIMES	1000000
#define MOST	2000		/* chances to fail, in one call */

static const char * const kinds[] = { "failslab", "fail_page_alloc",
				      "fail_usercopy" };
#define NR_KINDS	ARRAY_SIZE(kinds)

static u64 *met;		/* of each kind, by all cases */

static void kind_write(const char *kind, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUG "%s/%s", kind, file);
	if (!write_file(path, text)) {
		ktap_msg("%s: %m", path);
		ktap_give_up();
	}
}

/* How often this kind has failed something. */
static long kind_count(const char *kind)
{
	char path[128], buf[32];

	snprintf(path, sizeof(path), DEBUG "%s/times", kind);
	ASSERT(read_file(path, buf, sizeof(buf)));
	return TIMES - strtol(buf, NULL, 10);
}

/* A filter that isn't turned off keeps all failures from GFP_KERNEL. */
static void kinds_setup(void *unused)
{
	char times[32];
	size_t i;

	snprintf(times, sizeof(times), "%d", TIMES);
	for (i = 0; i < NR_KINDS; i++) {
		kind_write(kinds[i], "probability", "0");
		kind_write(kinds[i], "times", times);
		kind_write(kinds[i], "verbose", "0");
	}
	kind_write("failslab", "ignore-gfp-wait", "0");
	kind_write("failslab", "cache-filter", "0");
	kind_write("fail_page_alloc", "ignore-gfp-wait", "0");
	kind_write("fail_page_alloc", "ignore-gfp-highmem", "0");
	kind_write("fail_page_alloc", "min-order", "0");
}

static int nth_fd = -1;

static void nth_open(void)
{
	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT(nth_fd >= 0);
}

static void nth_set(unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	/* It may itself be what fails. */
	while (pwrite(nth_fd, text, strlen(text), 0) < 0)
		ASSERT_EQ(errno, EFAULT);
}

/* Was the failure used up by what was tried? */
static bool nth_used(void)
{
	char text[16] = "";
	ssize_t got = pread(nth_fd, text, sizeof(text) - 1, 0);
	bool used = got > 0 && strtoul(text, NULL, 10) == 0;

	nth_set(0);
	return used;
}

static bool in_part(const struct trial *t);

static int run_call(const struct trial *t, struct fixture *fx,
		    struct args *args)
{
	return t->run ? t->run(fx, args) : call_by(fx->g.fd, t->call, args);
}

static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/*
 * A change is refused as a whole, or done as a whole where only the answer could
 * not be given: this number tells the two apart. It is made of what is mapped
 * where, and of no table's address.
 */
static u64 mapped(struct fixture *fx)
{
	u32 spaces[] = { fx->space, fx->space5, fx->owner, fx->by_hand,
			 fx->twin[0], fx->movable };
	u64 sum = 0;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(spaces); i++) {
		struct vmem_ioc_space_get get;
		struct records rs;

		if (space_get(fx->g.fd, spaces[i], &get))
			continue;
		rs = walk_all(fx->g.fd, spaces[i], 0, ~0ULL, 0);
		for (j = 0; j + 1 < rs.nr; j++) {
			const struct vmem_ioc_record *r = &rs.r[j];
			u64 words[] = { sum, i, r->type, r->va, r->path, r->gpa,
					r->len, r->leaf };

			sum = checksum(words, sizeof(words));
		}
		sum = checksum((u64[]){ sum, i }, 2 * sizeof(u64));
		records_free(&rs);
	}
	return sum;
}

static void expect_unchanged(const struct trial *t, struct fixture *fx,
			     const struct picture *before, unsigned int n,
			     int ret)
{
	struct picture after = fixture_picture(fx);

	if (!EXPECT(picture_same(before, &after)))
		ktap_msg("%s: the %uth failure: %s", t->name, n,
			 strerrorname_np(-ret));
	picture_free(&after);
}

/* Nothing of it is resident any more, though no page has changed. */
static void forget(struct fixture *fx)
{
	ASSERT(!mprotect(fx->g.mem, FX_LEN, PROT_NONE));
	ASSERT(!mprotect(fx->g.mem, FX_LEN, PROT_READ | PROT_WRITE));
	ASSERT(!mprotect(fx->frozen_mem, FX_SIDE_LEN, PROT_NONE));
	ASSERT(!mprotect(fx->frozen_mem, FX_SIDE_LEN, PROT_READ | PROT_WRITE));
}

/* One n. Returns false when nothing was left to fail. */
static bool try_nth(const struct trial *t, struct fixture *fx, unsigned int n,
		    u64 done)
{
	long counts[NR_KINDS];
	struct picture before;
	bool used, watched;
	struct args args;
	int ret, fd;
	u64 frozen;
	size_t i;

	args_init(fx, t->call, &args);
	if (t->set)
		t->set(fx, &args);
	before = fixture_picture(fx);
	frozen = checksum(fx->frozen_mem, FX_SIDE_LEN);
	fd = lowest_fd();
	for (i = 0; i < NR_KINDS; i++)
		counts[i] = kind_count(kinds[i]);
	watched = !t->run && !in_part(t) &&
		  refused_before(fx->g.fd, call_info[t->call].cmd, &args);
	forget(fx);
	/* The failure is the call's, not that of one more to look at it. */
	refused_quiet(true);
	nth_set(n);
	ret = run_call(t, fx, &args);
	used = nth_used();
	refused_quiet(false);
	if (watched)
		refused_behind(fx->g.fd, call_info[t->call].cmd, &args, ret);
	if (used) {
		for (i = 0; i < NR_KINDS; i++)
			met[i] += kind_count(kinds[i]) - counts[i];
		if (ret)
			EXPECT(ret == -ENOMEM || ret == -EFAULT);
	} else {
		EXPECT_ERR(ret, 0);
	}
	EXPECT_EQ(lowest_fd(), fd);
	EXPECT_EQ(checksum(fx->frozen_mem, FX_SIDE_LEN), frozen);
	if (t->check)
		t->check(fx, &args, ret);
	if (t->changes && (!ret || ret == -EFAULT) &&
	    mapped(fx) == done)
		ret = 0;
	else if (t->changes)
		EXPECT(ret);
	if (ret && !in_part(t))
		expect_unchanged(t, fx, &before, n, ret);
	if (ktap_failed())
		ktap_msg("%s: the %uth failure, %s", t->name, n,
			 ret ? strerrorname_np(-ret) : "success");
	picture_free(&before);
	return used;
}

static void fixture_end(struct fixture *fx)
{
	close(fx->walk);
	close(fx->g.fd);
	munmap(fx->g.mem, fx->g.len);
	munmap(fx->frozen_mem, FX_SIDE_LEN);
	munmap(fx->unwritable_mem, FX_SIDE_LEN);
}

/* Each n begins in a guest of its own, as the one before may have changed it. */
static void sweep(void *arg)
{
	const struct trial *t = arg;
	u64 done = 0;
	struct fixture fx;
	struct args args;
	unsigned int n;
	bool more;

	nth_open();
	if (t->changes) {
		fixture_init(&fx);
		args_init(&fx, t->call, &args);
		if (t->set)
			t->set(&fx, &args);
		ASSERT_OK(run_call(t, &fx, &args));
		done = mapped(&fx);
		fixture_end(&fx);
	}
	for (n = 1; n < MOST && !ktap_failed(); n++) {
		fixture_init(&fx);
		more = try_nth(t, &fx, n, done);
		fixture_end(&fx);
		if (!more)
			break;
	}
	EXPECT(n < MOST);
	ktap_msg("%s: %u failures", t->name, n - 1);
	if (!call_changes(t->call) || in_part(t))
		return;
	ktap_msg("%llu refusals looked at", (unsigned long long)refused_seen());
	EXPECT(refused_seen() > 0);
}

/* A guest without a region yet: this one's notifier must be made. */
static void first_region(struct fixture *fx, struct args *args)
{
	close(fx->walk);
	fx->walk = -1;
	close(fx->g.fd);
	fx->g.fd = dev_open();
}

static void owned_region(struct fixture *fx, struct args *args)
{
	args->region_create.kind = VMEM_IOC_REGION_OWNED;
	args->region_create.user_addr = 0;
}

static void space_new_root(struct fixture *fx, struct args *args)
{
	args->flags = VMEM_IOC_SPACE_NEW;
	args->space_create.root = 0;
	args->space_create.pool = fx->pool;
}

/* The memory of the pool's next tables was never touched. */
void fresh_pool(struct fixture *fx)
{
	ASSERT(!madvise(guest_host(&fx->g, FX_POOL + 16 * PAGE),
			FX_POOL_LEN - 16 * PAGE, MADV_DONTNEED));
}

static void space_movable_root(struct fixture *fx, struct args *args)
{
	args->flags = VMEM_IOC_SPACE_MOVABLE;
}

static void map_fresh(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->mappings[0].len = 3 * MIB;
}

static void map_list_of_three(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->map.nr = 3;
	args->mappings[1] = args->mappings[2] = args->mappings[0];
	args->mappings[1].va += GIB;
	args->mappings[2].va += 600 * GIB;
}

static void map_atomic(struct fixture *fx, struct args *args)
{
	map_list_of_three(fx, args);
	args->flags = VMEM_IOC_MAP_ATOMIC;
}

/* Not atomic: the ones that are done are whole, and of the next is nothing. */
static void list_in_part(struct fixture *fx, struct args *args, int ret)
{
	struct records rs = walk_all(fx->g.fd, fx->space, FX_VA_FREE, ~0ULL, 0);
	u64 leaves = records_end(&rs)->leaves;

	EXPECT_EQ(leaves % 8, 0);
	if (ret != -EFAULT)
		EXPECT_EQ(leaves, args->map.change.out_done * 8);
	if (!ret)
		EXPECT_EQ(leaves, 24);
	records_free(&rs);
}

static void unmap_all(struct fixture *fx, struct args *args)
{
	args->unmap.start = 0;
	args->unmap.last = ~0ULL;
}

static void map_cow(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->mappings[0].kind = VMEM_IOC_KIND_COW;
	args->mappings[0].attrs = R;
	args->mappings[0].len = 3 * MIB;
}

/* All of the frozen tables move, and one is made. */
static void map_move(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->map.space = fx->movable;
	args->mappings[0].va = FX_VA + FX_VA_LEN;
	args->mappings[0].len = 2 * MIB;
}

static void map_move_atomic(struct fixture *fx, struct args *args)
{
	map_move(fx, args);
	args->map.nr = 2;
	args->mappings[1] = args->mappings[0];
	args->mappings[1].va += 600 * GIB;
	args->flags = VMEM_IOC_MAP_ATOMIC;
}

/* Onto leaves; below a shared table; by permissions that are given. */
static void map_replace(struct fixture *fx, struct args *args)
{
	args->mappings[0].va = FX_VA;
	args->mappings[0].len = 3 * MIB;
	args->flags = VMEM_IOC_MAP_REPLACE;
}

static void map_path(struct fixture *fx, struct args *args)
{
	map_fresh(fx, args);
	args->mappings[0].flags = VMEM_IOC_MAPPING_PATH;
	args->mappings[0].path = VMEM_IOC_ATTR_R << VMEM_IOC_PATH_SHIFT(1) |
				 VMEM_IOC_ATTR_R << VMEM_IOC_PATH_SHIFT(2) |
				 VMEM_IOC_ATTR_R << VMEM_IOC_PATH_SHIFT(3);
}

static void unmap_move(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->unmap.space = fx->movable;
}

static void protect_move(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->protect.space = fx->movable;
}

/* The table of leaves of owner, at FX_VA_FREE in space. */
void share(struct fixture *fx)
{
	ASSERT_OK(link_table(fx->g.fd, fx->space, FX_VA_FREE, fx->owner, FX_VA,
			     3, 0, NULL));
}

static void map_shared(struct fixture *fx, struct args *args)
{
	share(fx);
	args->mappings[0].va = FX_VA_FREE + MIB;
	args->mappings[0].len = PAGE;
	args->flags = VMEM_IOC_MAP_SHARED_OK;
}

static void unmap_shared(struct fixture *fx, struct args *args)
{
	share(fx);
	args->unmap.start = FX_VA_FREE;
	args->unmap.last = FX_VA_FREE + 2 * MIB - 1;
}

static void unmap_below_shared(struct fixture *fx, struct args *args)
{
	share(fx);
	args->flags = VMEM_IOC_RANGE_SHARED_OK;
	args->unmap.start = FX_VA_FREE;
	args->unmap.last = FX_VA_FREE + 2 * PAGE - 1;
}

static void protect_shared(struct fixture *fx, struct args *args)
{
	share(fx);
	args->flags = VMEM_IOC_RANGE_SHARED_OK;
	args->protect.start = FX_VA_FREE;
	args->protect.last = FX_VA_FREE + 2 * MIB - 1;
}

static void link_fresh(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
}

static void link_by_path(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->link.path_given = 1;
	args->link.path = VMEM_IOC_ATTR_R << VMEM_IOC_PATH_SHIFT(1) |
			  VMEM_IOC_ATTR_R << VMEM_IOC_PATH_SHIFT(2) |
			  VMEM_IOC_ATTR_R << VMEM_IOC_PATH_SHIFT(3);
}

/* In place of leaves; in place of another link. */
static void link_replace(struct fixture *fx, struct args *args)
{
	args->link.our_va = FX_VA;
	args->flags = VMEM_IOC_LINK_REPLACE;
}

static void link_replace_shared(struct fixture *fx, struct args *args)
{
	share(fx);
	ASSERT_OK(map_one(fx->g.fd, fx->owner, FX_VA + GIB, FX_DATA + PAGE,
			  PAGE, R, 0, NULL));
	args->link.their_va = FX_VA + GIB;
	args->flags = VMEM_IOC_LINK_REPLACE;
}

static void link_move(struct fixture *fx, struct args *args)
{
	fresh_pool(fx);
	args->link.space = fx->movable;
	args->link.our_va = FX_VA + 2 * MIB;
}

static void destroy_linked(struct fixture *fx, struct args *args)
{
	share(fx);
	args->destroy.id = fx->owner;
}

static void destroy_space(struct fixture *fx, struct args *args)
{
	args->destroy.id = fx->space5;
}

/* Nothing is resident yet. */
static void translate_absent(struct fixture *fx, struct args *args)
{
	ASSERT(!madvise(fx->g.mem + 6 * MIB, MIB, MADV_DONTNEED));
	args->translate.space = fx->by_hand;
	args->vas[0] = FX_VA_SMALL;
	args->vas[1] = FX_VA_OUTSIDE;
}

static void translated(struct fixture *fx, struct args *args, int ret)
{
	if (ret)
		return;
	EXPECT_EQ(args->results[0].gpa, FX_DATA);
	EXPECT_EQ(args->results[1].gpa, FX_DATA + PAGE);
}

static void translated_absent(struct fixture *fx, struct args *args, int ret)
{
	if (ret)
		return;
	EXPECT_EQ(args->results[0].gpa, FX_DATA);
	EXPECT_EQ(args->results[1].status, VMEM_IOC_OUTSIDE);
}

/* No entry on the way has A, and nothing of them was written yet. */
static void translate_set(struct fixture *fx, struct args *args)
{
	u64 table = fx->g.root, entry;
	unsigned int level = 4, index;

	while (level--) {
		index = index_of(FX_VA_SMALL, level);
		entry = entry_get(&fx->g, table, index) & ~(X86_A | X86_D);
		entry_set(&fx->g, table, index, entry);
		table = entry & X86_ADDR;
	}
	args->translate.space = fx->by_hand;
	args->translate.nr = 1;
	args->translate.access = VMEM_IOC_ACCESS_WRITE | VMEM_IOC_ACCESS_SET_AD;
	args->vas[0] = FX_VA_SMALL;
}

/* A read that failed, and the ones after it, give each record once. */

static struct records got;

static void walk_fresh(struct fixture *fx, struct args *args)
{
	close(fx->walk);
	fx->walk = ASSERT_OK(walk_create(fx->g.fd, &fx->by_hand, 1, 0, ~0ULL,
					 VMEM_IOC_WALK_LEAVES, 0, 0));
	args->walk = fx->walk;
	args->to = args->records;
	args->count = sizeof(args->records);
}

static int read_some(struct fixture *fx, struct args *args)
{
	ssize_t ret = read(args->walk, args->to, args->count);

	args->len = ret > 0 ? ret / sizeof(args->records[0]) : 0;
	return ret < 0 ? -errno : 0;
}

static void read_the_rest(struct fixture *fx, struct args *args, int ret)
{
	struct records whole = walk_all(fx->g.fd, fx->by_hand, 0, ~0ULL,
					VMEM_IOC_WALK_LEAVES);
	struct records rest = walk_read(args->walk, 0);
	size_t i;

	for (i = 0; i < args->len; i++)
		records_add(&got, &args->records[i]);
	for (i = 0; i < rest.nr; i++)
		records_add(&got, &rest.r[i]);
	EXPECT_EQ(rest.err, 0);
	EXPECT(records_equal(&whole, &got));
	records_free(&got);
	records_free(&rest);
	records_free(&whole);
}

/* The fault of an mmap: the memory is there, or the signal says that not. */

static sigjmp_buf bus;
static u8 *mapping;

static void on_bus(int sig)
{
	siglongjmp(bus, 1);
}

static void map_owned(struct fixture *fx, struct args *args)
{
	signal(SIGBUS, on_bus);
	mapping = mmap(NULL, FX_OWNED_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fx->g.fd, (off_t)fx->owned_offset);
	ASSERT(mapping != MAP_FAILED);
}

static int touch_owned(struct fixture *fx, struct args *args)
{
	if (sigsetjmp(bus, 1))
		return -ENOMEM;
	*(volatile u8 *)(mapping + 5 * PAGE) = 1;
	return 0;
}

static void touched(struct fixture *fx, struct args *args, int ret)
{
	/* Once more, and it is there; and what wasn't written is zero. */
	mapping[5 * PAGE] = 1;
	EXPECT_EQ(mapping[5 * PAGE + 1], 0);
	EXPECT_EQ(mapping[6 * PAGE], 0);
	munmap(mapping, FX_OWNED_LEN);
	EXPECT_ERR(destroy(fx->g.fd, fx->owned), 0);
	fx->owned = 0;
}

/* Opening makes a guest. */
static int open_device(struct fixture *fx, struct args *args)
{
	int fd = open(VMEM_DEV, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* With buckets, besides. */
static void grow_a_lot(struct fixture *fx, struct args *args)
{
	args->ranges[1].len = 80 * PAGE;
}

/* All of it, or none; if the answer is lost, too. */
static void grown(struct fixture *fx, struct args *args, int ret)
{
	u64 was = FX_POOL_LEN / PAGE, is;
	struct vmem_ioc_pool_stat stat;

	ASSERT_OK(pool_stat(fx->g.fd, fx->pool, &stat));
	is = was + (args->ranges[0].len + args->ranges[1].len) / PAGE;
	if (ret)
		EXPECT(stat.out_capacity == was ||
		       (ret == -EFAULT && stat.out_capacity == is));
	else
		EXPECT_EQ(args->pool_grow.out_capacity, is);
	if (!ret)
		EXPECT_EQ(stat.out_capacity, is);
}

static const struct trial trials[] = {
	{ "open", INFO, NULL, open_device, NULL, false },
	{ "INFO", INFO, NULL, NULL, NULL, false },
	{ "REGION_CREATE", REGION_CREATE, NULL, NULL, NULL, false },
	{ "REGION_CREATE_first", REGION_CREATE, first_region, NULL, NULL,
	  false },
	{ "REGION_CREATE_owned", REGION_CREATE, owned_region, NULL, NULL,
	  false },
	{ "REGION_SET", REGION_SET, NULL, NULL, NULL, false },
	{ "REGION_DIRTY", REGION_DIRTY, NULL, NULL, NULL, false },
	{ "POOL_CREATE", POOL_CREATE, NULL, NULL, NULL, false },
	{ "POOL_GROW", POOL_GROW, NULL, NULL, grown, true },
	{ "POOL_GROW_buckets", POOL_GROW, grow_a_lot, NULL, grown, true },
	{ "POOL_STAT", POOL_STAT, NULL, NULL, NULL, false },
	{ "SPACE_CREATE", SPACE_CREATE, NULL, NULL, NULL, false },
	{ "SPACE_CREATE_new", SPACE_CREATE, space_new_root, NULL, NULL, false },
	{ "SPACE_CREATE_movable", SPACE_CREATE, space_movable_root, NULL, NULL,
	  false },
	{ "SPACE_GET", SPACE_GET, NULL, NULL, NULL, false },
	{ "MAP", MAP, map_fresh, NULL, NULL, true },
	{ "MAP_list", MAP, map_list_of_three, NULL, list_in_part, false },
	{ "MAP_atomic", MAP, map_atomic, NULL, NULL, true },
	{ "UNMAP", UNMAP, NULL, NULL, NULL, true },
	{ "UNMAP_all", UNMAP, unmap_all, NULL, NULL, true },
	{ "MAP_cow", MAP, map_cow, NULL, NULL, true },
	{ "MAP_move", MAP, map_move, NULL, NULL, true },
	{ "MAP_move_atomic", MAP, map_move_atomic, NULL, NULL, true },
	{ "MAP_replace", MAP, map_replace, NULL, NULL, true },
	{ "MAP_path", MAP, map_path, NULL, NULL, true },
	{ "MAP_shared", MAP, map_shared, NULL, NULL, true },
	{ "UNMAP_move", UNMAP, unmap_move, NULL, NULL, true },
	{ "UNMAP_shared", UNMAP, unmap_shared, NULL, NULL, true },
	{ "UNMAP_below_shared", UNMAP, unmap_below_shared, NULL, NULL, true },
	{ "PROTECT", PROTECT, NULL, NULL, NULL, true },
	{ "PROTECT_move", PROTECT, protect_move, NULL, NULL, true },
	{ "PROTECT_shared", PROTECT, protect_shared, NULL, NULL, true },
	{ "LINK", LINK, link_fresh, NULL, NULL, true },
	{ "LINK_path", LINK, link_by_path, NULL, NULL, true },
	{ "LINK_replace", LINK, link_replace, NULL, NULL, true },
	{ "LINK_replace_shared", LINK, link_replace_shared, NULL, NULL, true },
	{ "LINK_move", LINK, link_move, NULL, NULL, true },
	{ "TRANSLATE", TRANSLATE, NULL, NULL, translated, false },
	{ "TRANSLATE_absent", TRANSLATE, translate_absent, NULL,
	  translated_absent, false },
	{ "TRANSLATE_set", TRANSLATE, translate_set, NULL, NULL, true },
	{ "WALK_CREATE", WALK_CREATE, NULL, NULL, NULL, false },
	{ "FLUSHED", FLUSHED, NULL, NULL, NULL, false },
	{ "VIEW", VIEW, NULL, NULL, NULL, false },
	{ "LIST", LIST, NULL, NULL, NULL, false },
	{ "DESTROY_space", DESTROY, destroy_space, NULL, NULL, true },
	{ "DESTROY_linked", DESTROY, destroy_linked, NULL, NULL, true },
	{ "mmap", MMAP, NULL, NULL, NULL, false },
	{ "mmap_fault", MMAP, map_owned, touch_owned, touched, false },
	{ "read", READ, walk_fresh, read_some, read_the_rest, false },
};

/* Those that are carried out in part leave something behind. */
static bool in_part(const struct trial *t)
{
	return t->check == list_in_part || t->check == touched;
}

static const struct trial *trial_nth(size_t n)
{
	if (n < ARRAY_SIZE(trials))
		return &trials[n];
	n -= ARRAY_SIZE(trials);
	return n < nr_size_trials ? &size_trials[n] : NULL;
}

static bool chosen(const struct trial *t, int argc, char **argv)
{
	return argc < 2 || !strcmp(argv[1], t->name);
}

int main(int argc, char **argv)
{
	const struct trial *t;
	size_t i, nr = 0;

	met = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = 0; (t = trial_nth(i)); i++)
		nr += chosen(t, argc, argv);
	ktap_begin(1 + nr + (argc < 2 ? NR_KINDS : 0));
	ktap_result(ktap_in_child(kinds_setup, NULL), "setup");
	for (i = 0; (t = trial_nth(i)); i++) {
		if (chosen(t, argc, argv))
			ktap_result(ktap_in_child(sweep, (void *)t), "%s", t->name);
	}
	for (i = 0; argc < 2 && i < NR_KINDS; i++) {
		ktap_msg("%s: %llu", kinds[i], (unsigned long long)met[i]);
		ktap_result(met[i] > 0, "met_%s", kinds[i]);
	}
	return ktap_end();
}
