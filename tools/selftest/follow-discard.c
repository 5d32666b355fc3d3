// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions that come, are filled and go while threads of the process discard
 * memory all the time: so many, on few CPUs, that there is hardly an instant
 * without one that has begun and not ended. Nothing here may wait for such an
 * instant, and no address that was got before a discard may be used after it.
 *
 * A case ends when it has done all its rounds and the threads theirs; nothing
 * is timed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "follow.h"

#define THREADS_MAX	48
#define SHARE		(64 * MIB)	/* what a thread discards at once */
#define STEP		(2 * MIB)	/* of a table of the host's last level */
#define ROUNDS		150

struct discarders {
	pthread_t threads[THREADS_MAX];
	u32 nr;
	u8 *mem;		/* a share each, or one for all */
	u64 len;		/* of a share */
	u64 room;		/* behind half of the shares */
	bool one;
	bool stop;
	u64 done;
	u32 started;
};

/*
 * Touching makes the tables of the host. They stay, so that nearly all the time
 * goes by in discarding what they map, though it is nothing any more. What is
 * written is no entry that is present.
 */
static void *discard(void *arg)
{
	struct discarders *d = arg;
	u32 i = __atomic_fetch_add(&d->started, 1, __ATOMIC_RELAXED);
	u8 *mem = d->mem;
	u64 at;

	if (!d->one)
		mem += i * d->len + (i < d->nr / 2 ? 0 : d->room);

	for (at = 0; at < d->len; at += STEP)
		*(volatile u8 *)(mem + at) = 0;
	while (!__atomic_load_n(&d->stop, __ATOMIC_RELAXED)) {
		EXPECT(!madvise(mem, d->len, MADV_DONTNEED));
		__atomic_fetch_add(&d->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static u64 discarded(struct discarders *d)
{
	return __atomic_load_n(&d->done, __ATOMIC_RELAXED);
}

static void discard_begin(struct discarders *d, u32 nr)
{
	d->nr = nr;
	while (nr--)
		ASSERT(!pthread_create(&d->threads[nr], NULL, discard, d));
	while (discarded(d) < d->nr && !ktap_failed())
		nap_ms(1);
	ASSERT(!ktap_failed());
}

static void discard_end(struct discarders *d)
{
	u32 i;

	__atomic_store_n(&d->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < d->nr; i++)
		ASSERT(!pthread_join(d->threads[i], NULL));
}

/* Memory of small pages, however much: little of it is touched. */
static u8 *map_sparse(u64 len)
{
	u8 *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT(mem != MAP_FAILED);
	madvise(mem, len, MADV_NOHUGEPAGE);
	return mem;
}

/* Shares for @nr threads, with @room in the middle, which is returned. */
static u8 *shares(struct discarders *d, u32 nr, u64 room)
{
	d->len = SHARE;
	d->room = room;
	d->mem = map_sparse(nr * SHARE + room);
	return d->mem + nr / 2 * SHARE;
}

/*
 * @nr threads discard elsewhere. Regions are made and go, in a guest that has
 * one already, and in a new guest each time.
 */
static void create(u32 nr, bool fresh)
{
	struct discarders d = { 0 };
	u8 *mem = map_anon(FOLLOW_LEN);
	u64 before;
	int fd, i;

	shares(&d, nr, 0);
	fd = dev_open();
	ASSERT_OK(region_user(fd, 0, mem, FOLLOW_LEN, 0));
	discard_begin(&d, nr);
	before = discarded(&d);
	for (i = 0; (i < ROUNDS || discarded(&d) < before + 10 * nr) &&
		    !ktap_failed(); i++) {
		int guest = fresh ? dev_open() : fd;
		u32 id = ASSERT_OK(region_user(guest, GUEST_GPA, mem,
					       FOLLOW_LEN, 0));

		if (fresh)
			close(guest);
		else
			ASSERT_OK(destroy(guest, id));
	}
	before = discarded(&d) - before;
	discard_end(&d);
	ktap_msg("%d regions made beside %llu discards of %u threads", i,
		 (unsigned long long)before, nr);
	EXPECT(i >= ROUNDS);
}

void discard_create(void)
{
	create(16, false);
}

void discard_create_first(void)
{
	create(16, true);
}

/*
 * More threads than the module has room for at first, on both sides of the
 * region: together they span it. Its own pages come all the same.
 */
void discard_fill(void)
{
	struct discarders d = { 0 };
	struct scene s = { .memfd = -1 };
	u64 before;
	u32 i;

	guest_init_on(&s.g, FMT4, shares(&d, THREADS_MAX, FOLLOW_LEN),
		      FOLLOW_LEN);
	s.g.root = s.g.gpa;
	s.leaves = s.g.gpa + 3 * PAGE;
	s.space = ASSERT_OK(space_adopt(s.g.fd, FMT4, 0, s.g.root));
	discard_begin(&d, THREADS_MAX);
	before = discarded(&d);
	for (i = 0; (i < ROUNDS || discarded(&d) < before + 10 * d.nr) &&
		    !ktap_failed(); i++) {
		ASSERT(!madvise(s.g.mem, 8 * PAGE, MADV_DONTNEED));
		scene_fill(&s, i);
		scene_agrees(&s);
	}
	before = discarded(&d) - before;
	discard_end(&d);
	ktap_msg("filled %u times beside %llu discards of %u threads", i,
		 (unsigned long long)before, THREADS_MAX);
	EXPECT(i >= ROUNDS);
}

/*
 * Regions over the very memory that is being discarded, by discards that began
 * before them as well: they are looked at meanwhile, and when all have ended
 * what they show is what is there.
 */
void discard_same(void)
{
	struct discarders d = { .one = true, .len = FOLLOW_LEN };
	struct scene s = { .memfd = -1 };
	struct vmem_ioc_result result;
	u64 beside = 0;
	u32 i, k;

	guest_init(&s.g, FMT4, FOLLOW_LEN);
	s.g.root = s.g.gpa;
	s.leaves = s.g.gpa + 3 * PAGE;
	d.mem = s.g.mem;
	for (i = 0; i < ROUNDS / 3 && !ktap_failed(); i++) {
		ASSERT_OK(destroy(s.g.fd, s.g.region));
		d.started = 0;
		d.stop = false;
		d.done = 0;
		discard_begin(&d, 4);
		s.g.region = ASSERT_OK(region_user(s.g.fd, s.g.gpa, s.g.mem,
						   FOLLOW_LEN, 0));
		s.space = ASSERT_OK(space_adopt(s.g.fd, FMT4, 0, s.g.root));
		for (k = 0; k < 8; k++) {
			scene_fill(&s, i + k);
			ASSERT_OK(translate(s.g.fd, s.space, 0, &result));
			if (result.status != VMEM_IOC_OK)
				EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
		}
		discard_end(&d);
		beside += d.done;
		scene_fill(&s, i + 100);
		scene_agrees(&s);
		ASSERT_OK(destroy(s.g.fd, s.space));
	}
	ktap_msg("%u regions, %llu discards of their memory", i,
		 (unsigned long long)beside);
	EXPECT_EQ(i, ROUNDS / 3);
}

/*
 * A region goes while discards drop its addresses, of which there are so many
 * that none does it in one go.
 */
#define SPARSE_LEN	(400 * MIB)
#define DROPPERS	4

struct droppers {
	u8 *mem;
	pthread_barrier_t barrier;
};

static void *drop(void *arg)
{
	struct droppers *d = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&d->barrier);
		EXPECT(!madvise(d->mem, SPARSE_LEN, MADV_DONTNEED));
		pthread_barrier_wait(&d->barrier);
	}
	return NULL;
}

void discard_destroy(void)
{
	struct vmem_ioc_result results[SPARSE_LEN / STEP];
	u64 vas[SPARSE_LEN / STEP], dir;
	pthread_t threads[DROPPERS];
	struct droppers d;
	struct guest g;
	u32 i, k, id, space;

	guest_init(&g, FMT4, MIB);
	guest_root(&g);
	/* What is read of the region: a table of leaves in each STEP. */
	dir = guest_map(&g, g.root, 0, 1, GIB | X86_TABLE, X86_TABLE);
	for (i = 0; i < SPARSE_LEN / STEP; i++) {
		entry_set(&g, dir, i, (GIB + i * STEP) | X86_TABLE);
		vas[i] = i * STEP;
	}
	space = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	d.mem = map_sparse(SPARSE_LEN);
	ASSERT(!pthread_barrier_init(&d.barrier, NULL, DROPPERS + 1));
	for (i = 0; i < DROPPERS; i++)
		ASSERT(!pthread_create(&threads[i], NULL, drop, &d));
	for (i = 0; i < ROUNDS; i++) {
		id = ASSERT_OK(region_user(g.fd, GIB, d.mem, SPARSE_LEN, 0));
		ASSERT_OK(translate_list(g.fd, space, vas, SPARSE_LEN / STEP,
					 results, NULL));
		for (k = 0; k < SPARSE_LEN / STEP; k++)
			EXPECT_EQ(results[k].status, VMEM_IOC_NOT_PRESENT);
		pthread_barrier_wait(&d.barrier);
		/* Sooner or later in what the others do. */
		for (k = 0; k < i % 8; k++)
			sched_yield();
		ASSERT_OK(destroy(g.fd, id));
		ASSERT_OK(translate(g.fd, space, 0, &results[0]));
		EXPECT_EQ(results[0].status, VMEM_IOC_OUTSIDE);
		pthread_barrier_wait(&d.barrier);
	}
	for (i = 0; i < DROPPERS; i++)
		ASSERT(!pthread_join(threads[i], NULL));
}
