// SPDX-License-Identifier: GPL-2.0-only
/*
 * REGION_DIRTY: what vmem wrote, told once, whoever asks and whatever fails.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"

#define CLEAR		VMEM_IOC_DIRTY_CLEAR
#define OWNED_GPA	(512 * MIB)
#define LEN		(4 * MIB)		/* of each region */
#define PAGES		(LEN / PAGE)
#define POOL_AT		MIB			/* in its region */
#define POOL_PAGES	96
#define WORDS		(PAGES / 64)

/* A region and a pool in it; its tables are all in the pool. */
struct world {
	int fd;
	u8 *mem;
	u64 gpa;
	u32 region;
	u32 pool;
};

static struct world user_world(void)
{
	struct world w = { .fd = dev_open(), .mem = map_anon(LEN), .gpa = GUEST_GPA };

	w.region = ASSERT_OK(region_user(w.fd, w.gpa, w.mem, LEN, 0));
	w.pool = ASSERT_OK(pool_create(w.fd, w.gpa + POOL_AT, POOL_PAGES * PAGE));
	return w;
}

static struct world owned_world(void)
{
	struct world w = { .fd = dev_open(), .gpa = OWNED_GPA };
	u64 offset;

	w.region = ASSERT_OK(region_owned(w.fd, w.gpa, LEN, &offset));
	w.mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, w.fd,
		     (off_t)offset);
	ASSERT(w.mem != MAP_FAILED);
	w.pool = ASSERT_OK(pool_create(w.fd, w.gpa + POOL_AT, POOL_PAGES * PAGE));
	return w;
}

static void ask(const struct world *w, u32 flags, u64 *bits)
{
	memset(bits, 0xff, WORDS * sizeof(*bits));
	ASSERT_OK(region_dirty(w->fd, w->region, w->gpa, LEN, flags, bits));
}

static bool has(const u64 *bits, u64 page)
{
	return bits[page / 64] >> page % 64 & 1;
}

static u64 count(const u64 *bits)
{
	u64 i, nr = 0;

	for (i = 0; i < PAGES; i++)
		nr += has(bits, i);
	return nr;
}

static u64 page_of(const struct world *w, u64 gpa)
{
	return (gpa - w->gpa) / PAGE;
}

/* The table of @level that translates @va, by its page. */
static u64 table_page(const struct world *w, u64 root, u64 va, unsigned int level)
{
	unsigned int at = 3;

	for (; at > level; at--)
		root = *(u64 *)(w->mem + (root - w->gpa) + 8 * index_of(va, at)) &
		       X86_ADDR;
	return page_of(w, root);
}

/* What each call writes, and that CLEAR alone forgets it */

static void told_of(struct world w)
{
	u64 bits[WORDS], again[WORDS], root, other;
	struct vmem_ioc_change change;
	unsigned int level;
	u32 space, second;

	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 0);
	space = ASSERT_OK(space_new(w.fd, FMT4, w.pool));
	root = space_root(w.fd, space);
	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 1);
	EXPECT(has(bits, page_of(&w, root)));

	ASSERT_OK(map_one(w.fd, space, 0, w.gpa, PAGE, R | W, 0, &change));
	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 4);
	for (level = 0; level < 4; level++)
		EXPECT(has(bits, table_page(&w, root, 0, level)));
	ask(&w, CLEAR, again);
	EXPECT(!memcmp(bits, again, sizeof(bits)));
	ask(&w, CLEAR, again);
	EXPECT_EQ(count(again), 0);

	ASSERT_OK(protect(w.fd, space, 0, PAGE - 1, 0, W, 0, &change));
	ask(&w, CLEAR, bits);
	EXPECT_EQ(count(bits), 1);
	EXPECT(has(bits, table_page(&w, root, 0, 0)));

	/* what is refused writes nothing */
	EXPECT_ERR(map_one(w.fd, space, 0, w.gpa, PAGE, R, 0, &change), EEXIST);
	ask(&w, CLEAR, bits);
	EXPECT_EQ(count(bits), 0);

	second = ASSERT_OK(space_new(w.fd, FMT4, w.pool));
	other = space_root(w.fd, second);
	ask(&w, CLEAR, bits);
	ASSERT_OK(link_table(w.fd, second, 0, space, 0, 3, 0, &change));
	ask(&w, CLEAR, bits);
	EXPECT_EQ(count(bits), 3);
	for (level = 1; level < 4; level++)
		EXPECT(has(bits, table_page(&w, other, 0, level)));

	ASSERT_OK(unmap(w.fd, second, 0, entry_span(3) - 1, &change));
	ask(&w, CLEAR, bits);
	EXPECT(has(bits, page_of(&w, other)));
	ASSERT_OK(unmap(w.fd, space, 0, entry_span(3) - 1, &change));
	ask(&w, CLEAR, bits);
	EXPECT(has(bits, page_of(&w, root)));
}

static void told_of_user(void)
{
	told_of(user_world());
}

static void told_of_owned(void)
{
	told_of(owned_world());
}

/* A table of a frozen region is copied: that isn't written, the copy is. */
static void told_of_move(void)
{
	struct world w = user_world();
	u64 bits[WORDS], frozen_gpa = 256 * MIB, *table;
	struct vmem_ioc_change change;
	u32 frozen, space;

	table = map_anon(4 * PAGE);
	table[0] = (frozen_gpa + PAGE) | X86_TABLE;
	table[512] = (frozen_gpa + 2 * PAGE) | X86_TABLE;
	table[1024] = (frozen_gpa + 3 * PAGE) | X86_TABLE;
	frozen = ASSERT_OK(region_user(w.fd, frozen_gpa, table, 4 * PAGE,
				       VMEM_IOC_REGION_FROZEN));
	space = ASSERT_OK(space_movable(w.fd, FMT4, w.pool, frozen_gpa));
	ASSERT_OK(map_one(w.fd, space, 0, w.gpa, PAGE, R | W, 0, &change));
	EXPECT_EQ(change.out_changes, VMEM_IOC_CHANGE_MOVED);
	ask(&w, CLEAR, bits);
	EXPECT_EQ(count(bits), 4);
	memset(bits, 0xff, sizeof(bits));
	ASSERT_OK(region_dirty(w.fd, frozen, frozen_gpa, 4 * PAGE, 0, bits));
	EXPECT_EQ(bits[0], 0);
}

/* Any range: bit n is page n from its begin, and nothing else is written. */
static void ranges(void)
{
	struct world w = user_world();
	u64 bits[WORDS], some[WORDS + 1], first, nr, i, seed = seed_pick();
	struct vmem_ioc_change change;
	u32 space = ASSERT_OK(space_new(w.fd, FMT4, w.pool)), tries;

	for (i = 0; i < 12; i++)
		ASSERT_OK(map_one(w.fd, space, i * 2 * MIB, w.gpa, PAGE, R | W, 0,
				  &change));
	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 15);
	for (tries = 0; tries < 200; tries++) {
		first = POOL_AT / PAGE - 100 + rnd(&seed) % 120;
		nr = 1 + rnd(&seed) % (tries % 2 ? 130 : PAGES - first);
		memset(some, 0x5a, sizeof(some));
		ASSERT_OK(region_dirty(w.fd, w.region, w.gpa + first * PAGE,
				       nr * PAGE, 0, some));
		for (i = 0; i < nr; i++)
			ASSERT_EQ(has(some, i), has(bits, first + i));
		for (; i % 64; i++)
			ASSERT_EQ(has(some, i), 0);
		ASSERT_EQ(some[i / 64], 0x5a5a5a5a5a5a5a5aULL);
	}
	/* CLEAR, too, is of the range alone */
	first = POOL_AT / PAGE + 3;
	ASSERT_OK(region_dirty(w.fd, w.region, w.gpa + first * PAGE, 5 * PAGE,
			       CLEAR, some));
	EXPECT_EQ(some[0], 0x1f);
	ask(&w, CLEAR, some);
	EXPECT_EQ(count(some), 10);
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(has(some, i), has(bits, i) &&
			  (i < first || i >= first + 5));
}

/* A bitmap that can't be written, at all or to its end: nothing is lost. */
static void fault_loses_nothing(void)
{
	struct world w = user_world();
	u64 bits[WORDS], before[WORDS], *half;
	struct vmem_ioc_change change;
	u32 space = ASSERT_OK(space_new(w.fd, FMT4, w.pool));
	u8 *pages = map_anon(2 * PAGE);

	ASSERT_OK(map_one(w.fd, space, 0, w.gpa, LEN, R | W, 0, &change));
	ask(&w, 0, before);
	EXPECT(count(before) > 4);
	munmap(pages + PAGE, PAGE);
	half = (u64 *)(pages + PAGE) - WORDS / 2;
	EXPECT_ERR(region_dirty(w.fd, w.region, w.gpa, LEN, CLEAR, half), EFAULT);
	EXPECT_ERR(region_dirty(w.fd, w.region, w.gpa, LEN, CLEAR, NULL), EFAULT);
	ASSERT(!mprotect(pages, PAGE, PROT_READ));
	EXPECT_ERR(region_dirty(w.fd, w.region, w.gpa, LEN, CLEAR, pages), EFAULT);
	ask(&w, CLEAR, bits);
	EXPECT(!memcmp(bits, before, sizeof(bits)));
	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 0);
	/* and nothing is dirty that wasn't */
	EXPECT_ERR(region_dirty(w.fd, w.region, w.gpa, LEN, CLEAR, NULL), EFAULT);
	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 0);
}

/* What becomes of the host's pages doesn't matter, nor that they are unmapped. */
static void stays_when_pages_go(void)
{
	struct world w = user_world();
	u64 bits[WORDS], before[WORDS];
	struct vmem_ioc_change change;
	u32 space = ASSERT_OK(space_new(w.fd, FMT4, w.pool));

	ASSERT_OK(map_one(w.fd, space, 0, w.gpa, PAGE, R | W, 0, &change));
	ask(&w, 0, before);
	ASSERT(!madvise(w.mem, LEN, MADV_DONTNEED));
	ask(&w, 0, bits);
	EXPECT(!memcmp(bits, before, sizeof(bits)));
	munmap(w.mem, LEN);
	ask(&w, 0, bits);
	EXPECT(!memcmp(bits, before, sizeof(bits)));
	ASSERT_OK(destroy(w.fd, space));
	EXPECT_EQ(count(before), 4);
}

/* It is the region's, whatever is asked of another, and begins anew with it. */
static void of_a_new_region(void)
{
	struct world w = user_world();
	struct vmem_ioc_pool_stat stat;
	u64 bits[WORDS];
	u32 space = ASSERT_OK(space_new(w.fd, FMT4, w.pool));

	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 1);
	ASSERT_OK(destroy(w.fd, space));
	ASSERT_OK(pool_stat(w.fd, w.pool, &stat));
	ASSERT_OK(flushed(w.fd, stat.out_oldest_generation));
	ASSERT_OK(destroy(w.fd, w.pool));
	ASSERT_OK(destroy(w.fd, w.region));
	EXPECT_ERR(region_dirty(w.fd, w.region, w.gpa, LEN, 0, bits), ENOENT);
	w.region = ASSERT_OK(region_user(w.fd, w.gpa, w.mem, LEN, 0));
	ask(&w, 0, bits);
	EXPECT_EQ(count(bits), 0);
}

/* Some change of a space, whatever comes of it. */
static void some_change(const struct world *w, const u32 spaces[2], u64 *seed)
{
	u64 va = rnd(seed) % 6 * entry_span(rnd(seed) % 4) + rnd(seed) % 4 * PAGE;
	u64 len = (1 + rnd(seed) % (rnd(seed) % 4 ? 8 : 700)) * PAGE;
	u32 space = spaces[rnd(seed) % 2], shared = VMEM_IOC_MAP_SHARED_OK;
	struct vmem_ioc_change change;

	switch (rnd(seed) % 8) {
	case 0:
		unmap_flags(w->fd, space, va, va + len - 1, shared, &change);
		break;
	case 1:
		unmap(w->fd, space, 0, entry_span(3) * 4 - 1, &change);
		break;
	case 2:
		protect(w->fd, space, va, va + len - 1, rnd(seed) % 2 ? W : 0, X,
			shared, &change);
		break;
	case 3:
		link_table(w->fd, space, entry_span(2) * (1 + rnd(seed) % 4),
			   spaces[rnd(seed) % 2], 0, 2,
			   VMEM_IOC_LINK_REPLACE, &change);
		break;
	case 4:
		flushed(w->fd, 0);
		translate(w->fd, space, va, &(struct vmem_ioc_result){});
		break;
	default:
		if (map_one(w->fd, space, va, w->gpa, len, R | W,
			    shared | (rnd(seed) % 2 ? VMEM_IOC_MAP_REPLACE : 0),
			    &change) == -EAGAIN)
			flushed(w->fd, change.out_generation);
	}
}

/* Each page that isn't as it was is told of. */
static void all_is_told(struct world w)
{
	u64 bits[WORDS], seed = seed_pick(), page, told = 0, changed = 0;
	u8 *before = map_anon(LEN);
	u32 spaces[2], i;

	for (i = 0; i < 2; i++)
		spaces[i] = ASSERT_OK(space_new(w.fd, FMT4, w.pool));
	ask(&w, CLEAR, bits);
	for (i = 0; i < 1500; i++) {
		memcpy(before, w.mem, LEN);
		some_change(&w, spaces, &seed);
		if (i % 16 == 0) {
			u32 at = rnd(&seed) % 2;

			ASSERT_OK(destroy(w.fd, spaces[at]));
			spaces[at] = space_new(w.fd, FMT4, w.pool);
			if ((int)spaces[at] == -EAGAIN) {
				struct vmem_ioc_space_get get;

				ASSERT_OK(space_get(w.fd, spaces[!at], &get));
				ASSERT_OK(flushed(w.fd, get.out_generation));
				spaces[at] = space_new(w.fd, FMT4, w.pool);
			}
			ASSERT_OK((int)spaces[at]);
		}
		ask(&w, CLEAR, bits);
		told += count(bits);
		for (page = 0; page < PAGES; page++) {
			if (!memcmp(w.mem + page * PAGE, before + page * PAGE, PAGE))
				continue;
			changed++;
			if (!has(bits, page))
				ktap_fail(__FILE__, __LINE__,
					  "change %u: page %llu was written untold",
					  i, (unsigned long long)page);
		}
	}
	ktap_msg("%llu pages written, %llu told", (unsigned long long)changed,
		 (unsigned long long)told);
	EXPECT(changed > 1000);
	/* more is told than was written, but not much more */
	EXPECT(told < 2 * changed);
}

static void all_is_told_user(void)
{
	all_is_told(user_world());
}

static void all_is_told_owned(void)
{
	all_is_told(owned_world());
}

/*
 * A copy is kept by what is told, as a migration does, while others change tables,
 * throw the host's pages' addresses away, and ask with a bitmap that can't be
 * written. When they have ended, one more round makes the copy the same.
 */
static struct race {
	struct world w;
	u32 spaces[2];
	atomic_bool over;
	atomic_ulong faults;
} race;

static void *changes(void *arg)
{
	u64 seed = (uintptr_t)arg;

	refused_quiet(true);
	while (!race.over)
		some_change(&race.w, race.spaces, &seed);
	return NULL;
}

static void *faults(void *arg)
{
	u64 *half = arg;

	while (!race.over) {
		race.faults += region_dirty(race.w.fd, race.w.region, race.w.gpa,
					    LEN, CLEAR, half) == -EFAULT;
		/* they are somewhere else from now on, for a user region */
		mprotect(race.w.mem, POOL_AT, PROT_READ);
		mprotect(race.w.mem, POOL_AT, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

static void copy_told(u8 *copy, u64 *told)
{
	u64 bits[WORDS], page;

	ask(&race.w, CLEAR, bits);
	for (page = 0; page < PAGES; page++) {
		if (!has(bits, page))
			continue;
		memcpy(copy + page * PAGE, race.w.mem + page * PAGE, PAGE);
		++*told;
	}
}

static void copied_meanwhile(struct world w)
{
	u8 *pages = map_anon(2 * PAGE), *copy = map_anon(LEN);
	pthread_t threads[4];
	u64 told = 0;
	u32 i;

	race.w = w;
	for (i = 0; i < 2; i++)
		race.spaces[i] = ASSERT_OK(space_new(w.fd, FMT4, w.pool));
	munmap(pages + PAGE, PAGE);
	for (i = 0; i < 3; i++)
		ASSERT(!pthread_create(&threads[i], NULL, changes,
				       (void *)(uintptr_t)(i + 1)));
	ASSERT(!pthread_create(&threads[3], NULL, faults,
			       pages + PAGE - 8 * WORDS / 2));
	/* a busy machine needs more of them */
	for (i = 0; i < 3000 || (i < 100 * 3000 && (told <= 100 || race.faults <= 10)); i++)
		copy_told(copy, &told);
	race.over = true;
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	copy_told(copy, &told);
	ktap_msg("%llu pages copied, %lu faults", (unsigned long long)told,
		 race.faults);
	EXPECT(told > 100 && race.faults > 10);
	EXPECT(!memcmp(copy, w.mem, LEN));
}

static void copied_meanwhile_user(void)
{
	copied_meanwhile(user_world());
}

static void copied_meanwhile_owned(void)
{
	copied_meanwhile(owned_world());
}

/* Of the largest region there may be, only what is written takes memory. */
static void of_the_largest_region(void)
{
	struct vmem_ioc_change change;
	struct vmem_ioc_info limits;
	u64 *bits = map_anon(VMEM_IOC_DIRTY_LEN_MAX / PAGE / 8), len, at, i, nr = 0;
	int fd = dev_open(), region;
	u32 pool, space;
	void *mem;

	info(fd, &limits);
	len = limits.out_region_len_max;
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		ktap_skip("no room for the largest region");
	region = ASSERT_OK(region_user(fd, 0, mem, len, 0));
	pool = ASSERT_OK(pool_create(fd, len - 16 * PAGE, 16 * PAGE));
	space = ASSERT_OK(space_new(fd, FMT4, pool));
	ASSERT_OK(map_one(fd, space, 0, 0, PAGE, R | W, 0, &change));
	for (at = 0; at < len; at += at ? at : VMEM_IOC_DIRTY_LEN_MAX) {
		ASSERT_OK(region_dirty(fd, region, at, VMEM_IOC_DIRTY_LEN_MAX, 0, bits));
		EXPECT_EQ(bits[0], 0);
	}
	ASSERT_OK(region_dirty(fd, region, len - VMEM_IOC_DIRTY_LEN_MAX,
			       VMEM_IOC_DIRTY_LEN_MAX, CLEAR, bits));
	for (i = 0; i < VMEM_IOC_DIRTY_LEN_MAX / PAGE / 64; i++)
		nr += (u64)__builtin_popcountll(bits[i]);
	EXPECT_EQ(nr, 4);
}

static const struct ktap_case cases[] = {
	CASE(told_of_user),
	CASE(told_of_owned),
	CASE(told_of_move),
	CASE(ranges),
	CASE(fault_loses_nothing),
	CASE(stays_when_pages_go),
	CASE(of_a_new_region),
	CASE(all_is_told_user),
	CASE(all_is_told_owned),
	CASE(copied_meanwhile_user),
	CASE(copied_meanwhile_owned),
	CASE(of_the_largest_region),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
