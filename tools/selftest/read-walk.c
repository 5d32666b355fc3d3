// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks as descriptors: reads of any size, limits, several spaces, what comes
 * between two reads.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "read.h"

#define LEN	(8 * MIB)
#define RECORD	sizeof(struct vmem_ioc_record)

static u32 some_guest(struct guest *g)
{
	guest_init(g, FMT4, LEN);
	guest_tree(g, true);
	return ASSERT_OK(space_adopt(g->fd, FMT4, 0, g->root));
}

void walk_small_reads(void)
{
	static const size_t batches[] = { 1, 2, 3, 7, 85, 86 };
	struct records whole, parts;
	struct guest g;
	u32 space = some_guest(&g);
	size_t i;
	int walk;

	whole = walk_all(g.fd, space, 0, ~0ULL, VMEM_IOC_WALK_HOLES);
	for (i = 0; i < ARRAY_SIZE(batches); i++) {
		walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL,
					     VMEM_IOC_WALK_HOLES, 0, 0));
		parts = walk_read(walk, batches[i]);
		EXPECT_EQ(parts.err, 0);
		EXPECT(records_equal(&whole, &parts));
		records_free(&parts);
		close(walk);
	}
}

/* A buffer that ends in the middle: what wasn't given comes with the next. */
void walk_partial_copy(void)
{
	struct vmem_ioc_record *buf;
	struct records whole, got = {};
	size_t before, i;
	struct guest g;
	u32 space = some_guest(&g);
	ssize_t ret;
	int walk;
	u8 *mem;

	whole = walk_all(g.fd, space, 0, ~0ULL, VMEM_IOC_WALK_LEAVES);
	mem = map_anon(2 * PAGE);
	munmap(mem + PAGE, PAGE);
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL,
				     VMEM_IOC_WALK_LEAVES, 0, 0));
	for (before = 0;; before = (before + 1) % 5) {
		/* Room for so many records, and a few bytes more. */
		buf = (void *)(mem + PAGE - before * RECORD - 5 * before);
		ret = read(walk, buf, 64 * RECORD);
		if (!ret)
			break;
		if (ret < 0) {
			ASSERT_EQ(errno, EFAULT);
			/* Only where not one whole record had room. */
			EXPECT_EQ(before, 0);
			continue;
		}
		ASSERT_EQ(ret % RECORD, 0);
		ASSERT(ret / RECORD <= before);
		for (i = 0; i < ret / RECORD; i++)
			records_add(&got, &buf[i]);
		if (got.r[got.nr - 1].type == VMEM_IOC_REC_END)
			before = 3;
		ASSERT(got.nr <= whole.nr);
	}
	EXPECT(records_equal(&whole, &got));
}

void walk_descriptor(void)
{
	struct vmem_ioc_record record;
	struct guest g;
	u32 space = some_guest(&g);
	int walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, 0, 0));

	EXPECT_EQ(fcntl(walk, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(walk, F_GETFL) & O_ACCMODE, O_RDONLY);
	EXPECT_EQ(lseek(walk, 0, SEEK_SET), -1);
	EXPECT_EQ(errno, ESPIPE);
	EXPECT_EQ(pread(walk, &record, RECORD, 0), -1);
	EXPECT_EQ(errno, ESPIPE);
	EXPECT_EQ(write(walk, &record, RECORD), -1);
	EXPECT_EQ(errno, EBADF);
	EXPECT_EQ(read(walk, &record, RECORD - 1), -1);
	EXPECT_EQ(errno, EINVAL);
	/* A bit more than one record is one record. */
	EXPECT_EQ(read(walk, (u8[2 * RECORD]){}, 2 * RECORD - 1), RECORD);
	records_free((struct records[]){ walk_read(walk, 0) });
	EXPECT_EQ(read(walk, &record, RECORD), 0);
	EXPECT_EQ(read(walk, &record, RECORD), 0);
	walk = ASSERT_OK(view_create(g.fd, VMEM_IOC_RIGHT_READ));
	EXPECT_EQ(fcntl(walk, F_GETFD), FD_CLOEXEC);
}

/* Spaces that share tables: the model tells each reference. */
static void check_spaces(struct guest *g, const u32 *spaces, struct model *m,
			 u32 flags)
{
	int walk = ASSERT_OK(walk_create(g->fd, spaces, m->nr_roots, 0, ~0ULL,
					 flags, 0, 0));
	struct records rs = walk_read(walk, 0);

	model_walk(m, 0, ~0ULL, flags);
	EXPECT(records_equal(&rs, &m->out));
}

void walk_spaces(void)
{
	struct model m;
	struct guest g;
	u32 spaces[3], i;
	u64 entry;

	spaces[0] = some_guest(&g);
	model_init(&m, &g);
	for (i = 1; i < 3; i++) {
		m.roots[i] = guest_page(&g);
		/* The upper half is shared; one table more a level deeper. */
		memcpy((u8 *)guest_host(&g, m.roots[i]) + 2048,
		       (u8 *)guest_host(&g, g.root) + 2048, 2048);
		entry = entry_get(&g, g.root, 0) & X86_ADDR;
		entry_set(&g, m.roots[i], i, (guest_page(&g)) | X86_TABLE);
		entry_set(&g, entry_get(&g, m.roots[i], i) & X86_ADDR, 7,
			  entry_get(&g, entry, 0));
		spaces[i] = ASSERT_OK(space_adopt(g.fd, FMT4, 0, m.roots[i]));
	}
	m.nr_roots = 3;
	check_spaces(&g, spaces, &m, 0);
	EXPECT(m.refs > 10);
	model_init(&m, &g);
	m.roots[1] = space_root(g.fd, spaces[1]);
	m.roots[2] = space_root(g.fd, spaces[2]);
	m.nr_roots = 3;
	check_spaces(&g, spaces, &m, VMEM_IOC_WALK_FOLLOW);
	EXPECT_EQ(m.refs, 0);
}

/* The same root twice, by one space and by two, is a reference of depth 0. */
void walk_same_root(void)
{
	struct model m;
	struct guest g;
	u32 spaces[3];

	spaces[0] = spaces[1] = some_guest(&g);
	spaces[2] = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	model_init(&m, &g);
	m.roots[1] = m.roots[2] = g.root;
	m.nr_roots = 3;
	check_spaces(&g, spaces, &m, 0);
	EXPECT_EQ(m.out.r[m.out.nr - 2].type, VMEM_IOC_REC_REFERENCE);
	EXPECT_EQ(m.out.r[m.out.nr - 2].detail, 0);
	EXPECT_EQ(m.out.r[m.out.nr - 2].space, 2);
}

/* A table is remembered only where the range covers all that it spans. */
void walk_shared_edges(void)
{
	const u64 at = 128 * GIB;	/* where guest_tree() shares */
	struct guest g;
	u32 space = some_guest(&g);

	check_walk(&g, space, at, at + 8 * MIB - 1, 0);
	check_walk(&g, space, at + PAGE, at + 8 * MIB - 1, 0);
	check_walk(&g, space, at, at + 6 * MIB, 0);
	check_walk(&g, space, at + 4 * MIB, at + 8 * MIB - 1, 0);
	check_walk(&g, space, PAGE, ~0ULL, 0);
	check_walk(&g, space, 0, ~0ULL - PAGE, 0);
}

void walk_budget(void)
{
	const struct vmem_ioc_record *end;
	struct records rs;
	struct model m;
	struct guest g;
	u32 space = some_guest(&g);
	int walk;

	model_init(&m, &g);
	model_walk(&m, 0, ~0ULL, 0);
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, m.visits, 0));
	rs = walk_read(walk, 0);
	end = records_end(&rs);
	EXPECT_EQ(end->detail, VMEM_IOC_END_COMPLETE);
	EXPECT(records_equal(&rs, &m.out));
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0,
				     m.visits - 1, 0));
	rs = walk_read(walk, 0);
	end = records_end(&rs);
	EXPECT_EQ(end->detail, VMEM_IOC_END_BUDGET);
	EXPECT(end->leaves < m.leaves);
}

/* A walk that ended early tells where a further one begins. */
void walk_budget_resumed(void)
{
	const u32 flags = VMEM_IOC_WALK_FOLLOW | VMEM_IOC_WALK_LEAVES;
	struct records got = {}, rs;
	unsigned int i, rounds;
	u64 start = 0, leaves = 0;
	struct model m;
	struct guest g;
	u32 space = some_guest(&g);
	int walk;

	model_init(&m, &g);
	model_walk(&m, 0, ~0ULL, flags);
	for (rounds = 0; rounds < 10000; rounds++) {
		walk = ASSERT_OK(walk_create(g.fd, &space, 1, start, ~0ULL,
					     flags, 6, 0));
		rs = walk_read(walk, 0);
		close(walk);
		for (i = 0; i < rs.nr - 1; i++)
			records_add(&got, &rs.r[i]);
		leaves += records_end(&rs)->leaves;
		if (records_end(&rs)->detail == VMEM_IOC_END_COMPLETE)
			break;
		ASSERT_EQ(records_end(&rs)->detail, VMEM_IOC_END_BUDGET);
		ASSERT_EQ(records_end(&rs)->space, 0);
		ASSERT(records_end(&rs)->va > start);
		start = records_end(&rs)->va;
	}
	EXPECT(rounds > 3);
	EXPECT_EQ(leaves, m.leaves);
	records_add(&got, &m.out.r[m.out.nr - 1]);
	EXPECT(records_equal(&got, &m.out));
}

void walk_cap(void)
{
	struct records rs;
	struct model m;
	struct guest g;
	u32 space = some_guest(&g), i;
	int walk;

	/* Many more tables than any first allocation has room for. */
	for (i = 0; i < 1200; i++)
		guest_map(&g, g.root, 256 * GIB + i * 2 * MIB, 0,
			  GUEST_GPA | X86_P, X86_TABLE);
	model_init(&m, &g);
	model_walk(&m, 0, ~0ULL, 0);
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, 0,
				     m.nr_seen));
	rs = walk_read(walk, 0);
	EXPECT_EQ(records_end(&rs)->detail, VMEM_IOC_END_COMPLETE);
	EXPECT(records_equal(&rs, &m.out));
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, 0,
				     m.nr_seen - 1));
	rs = walk_read(walk, 0);
	EXPECT_EQ(records_end(&rs)->detail, VMEM_IOC_END_CAP);
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, 0, 1));
	rs = walk_read(walk, 0);
	EXPECT_EQ(records_end(&rs)->detail, VMEM_IOC_END_CAP);
	/* What follows remembers nothing. */
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL,
				     VMEM_IOC_WALK_FOLLOW, 0, 1));
	rs = walk_read(walk, 0);
	EXPECT_EQ(records_end(&rs)->detail, VMEM_IOC_END_COMPLETE);
}

/* Nothing is made resident: what is absent is told, and stays so. */
void walk_resident_only(void)
{
	const u32 flags = VMEM_IOC_WALK_RESIDENT_ONLY;
	unsigned char in_core[LEN / PAGE];
	struct records rs;
	struct guest g;
	u32 space = some_guest(&g), i;
	u64 table;

	/* where there is khugepaged, it would fill a page that went */
	madvise(g.mem, LEN, MADV_NOHUGEPAGE);
	rs = walk_all(g.fd, space, 0, ~0ULL, flags);
	ASSERT_EQ(rs.nr, 2);
	EXPECT_EQ(rs.r[0].type, VMEM_IOC_REC_ABSENT);
	EXPECT_EQ(rs.r[0].gpa, g.root);
	EXPECT_EQ(rs.r[1].detail, VMEM_IOC_END_COMPLETE);
	/* A translation of one address makes its path resident, no more. */
	ASSERT_OK(translate(g.fd, space, 0, &(struct vmem_ioc_result){}));
	rs = walk_all(g.fd, space, 0, PAGE - 1, flags);
	EXPECT_EQ(rs.r[0].type, VMEM_IOC_REC_MAPPING);
	/* All of it, and then one table goes. */
	records_free((struct records[]){ walk_all(g.fd, space, 0, ~0ULL, 0) });
	check_walk(&g, space, 0, ~0ULL, flags);
	table = entry_get(&g, g.root, 0) & X86_ADDR;
	ASSERT(!madvise(guest_host(&g, table), PAGE, MADV_DONTNEED));
	rs = walk_all(g.fd, space, 0, 512 * GIB - 1, flags);
	ASSERT_EQ(rs.nr, 2);
	EXPECT_EQ(rs.r[0].type, VMEM_IOC_REC_ABSENT);
	/* Others that lie near it may have gone with it, the root too. */
	EXPECT_EQ(rs.r[0].va, 0);
	EXPECT_EQ(rs.r[0].gpa, rs.r[0].level == 4 ? g.root : table);
	ASSERT(!mincore(g.mem, LEN, in_core));
	i = (table - g.gpa) / PAGE;
	EXPECT_EQ(in_core[i] & 1, 0);
}

void walk_destroyed(void)
{
	struct vmem_ioc_record record;
	struct guest g;
	u32 spaces[2];
	int walk;

	spaces[0] = some_guest(&g);
	spaces[1] = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	walk = ASSERT_OK(walk_create(g.fd, spaces, 2, 0, ~0ULL, 0, 0, 0));
	ASSERT_EQ(read(walk, &record, RECORD), RECORD);
	/* The other space is enough. */
	ASSERT_OK(destroy(g.fd, spaces[1]));
	EXPECT_EQ(walk_read(walk, 1).err, ENOENT);
	EXPECT_EQ(read(walk, &record, RECORD), -1);
	EXPECT_EQ(errno, ENOENT);
}

/* The end says that vmem changed tables meanwhile, and only then. */
void walk_changed(void)
{
	struct vmem_ioc_record record;
	struct records rs;
	u32 pool, space, i;
	struct guest g;
	int walk;

	guest_init(&g, FMT4, LEN);
	pool = ASSERT_OK(pool_create(g.fd, GUEST_GPA, MIB));
	space = ASSERT_OK(space_new(g.fd, FMT4, pool));
	for (i = 0; i < 100; i++)
		ASSERT_OK(map_one(g.fd, space, i * 2 * PAGE, GUEST_GPA, PAGE,
				  R, 0, NULL));
	rs = walk_all(g.fd, space, 0, ~0ULL, 0);
	EXPECT_EQ(records_end(&rs)->flags & VMEM_IOC_REC_CHANGED, 0);
	EXPECT_EQ(rs.nr, 101);

	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, 0, 0));
	ASSERT_EQ(read(walk, &record, RECORD), RECORD);
	ASSERT_OK(map_one(g.fd, space, GIB, GUEST_GPA, PAGE, R, 0, NULL));
	rs = walk_read(walk, 1);
	EXPECT_EQ(records_end(&rs)->flags & VMEM_IOC_REC_CHANGED,
		  VMEM_IOC_REC_CHANGED);
	/* A refused change is none. */
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, 0, 0));
	ASSERT_EQ(read(walk, &record, RECORD), RECORD);
	EXPECT_ERR(map_one(g.fd, space, GIB, GUEST_GPA, PAGE, R, 0, NULL),
		   EEXIST);
	rs = walk_read(walk, 1);
	EXPECT_EQ(records_end(&rs)->flags & VMEM_IOC_REC_CHANGED, 0);
}

/* Readers take turns: together they have each record once. */

struct turn {
	pthread_t thread;
	int walk;
	struct records got;
};

static void *take_turns(void *arg)
{
	struct vmem_ioc_record records[3];
	struct turn *turn = arg;
	ssize_t got, i;

	while ((got = read(turn->walk, records, sizeof(records))) > 0) {
		for (i = 0; i < got / (ssize_t)RECORD; i++)
			records_add(&turn->got, &records[i]);
	}
	EXPECT_EQ(got, 0);
	return NULL;
}

static int by_va(const void *a, const void *b)
{
	return memcmp(a, b, RECORD);
}

void walk_turns(void)
{
	struct turn turns[4] = {};
	struct records whole, all = {};
	struct guest g;
	u32 space = some_guest(&g), i, j;
	int walk;

	whole = walk_all(g.fd, space, 0, ~0ULL, VMEM_IOC_WALK_LEAVES);
	walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL,
				     VMEM_IOC_WALK_LEAVES, 0, 0));
	for (i = 0; i < 4; i++) {
		turns[i].walk = walk;
		ASSERT(!pthread_create(&turns[i].thread, NULL, take_turns,
				       &turns[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(turns[i].thread, NULL);
		for (j = 0; j < turns[i].got.nr; j++)
			records_add(&all, &turns[i].got.r[j]);
	}
	qsort(whole.r, whole.nr, RECORD, by_va);
	qsort(all.r, all.nr, RECORD, by_va);
	EXPECT(records_equal(&whole, &all));
}

/* A guest that edits its tables all the time: well-formed and in order. */

static void *scribble(void *arg)
{
	struct guest *g = arg;
	u64 seed = 7;

	for (;;) {
		u64 *word = (u64 *)g->mem + rnd(&seed) % (g->len / 8);
		u64 entry = rnd(&seed) & ~X86_ADDR;

		*(volatile u64 *)word = entry |
			(g->gpa + rnd(&seed) % (g->len / PAGE) * PAGE);
	}
	return NULL;
}

void walk_tables_change(void)
{
	struct vmem_ioc_record *r;
	struct records rs;
	pthread_t thread;
	struct guest g;
	u32 space, i, j;
	u64 at;
	int walk;

	guest_init(&g, FMT4, 16 * PAGE);
	guest_root(&g);
	space = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	ASSERT(!pthread_create(&thread, NULL, scribble, &g));
	for (i = 0; i < 40 && !ktap_failed(); i++) {
		walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL,
					     i & 1 ? VMEM_IOC_WALK_HOLES : 0,
					     10000, 0));
		rs = walk_read(walk, 100);
		close(walk);
		EXPECT_EQ(rs.err, 0);
		(void)records_end(&rs);
		at = 0;
		for (j = 0; j < rs.nr - 1; j++) {
			r = &rs.r[j];
			EXPECT(r->type >= VMEM_IOC_REC_MAPPING &&
			       r->type <= VMEM_IOC_REC_BAD);
			if (!EXPECT(j == 0 || r->va >= at)) {
				ktap_msg("%s", record_text(r - 1));
				ktap_msg("%s", record_text(r));
			}
			at = r->type == VMEM_IOC_REC_BAD ? r->va :
				r->va + r->len - 1;
		}
		records_free(&rs);
	}
}

void walk_outlives_file(void)
{
	struct records rs;
	struct model m;
	struct guest g;
	u32 space = some_guest(&g);
	int walk = ASSERT_OK(walk_create(g.fd, &space, 1, 0, ~0ULL, 0, 0, 0));

	close(g.fd);
	rs = walk_read(walk, 0);
	EXPECT_EQ(rs.err, 0);
	model_init(&m, &g);
	model_walk(&m, 0, ~0ULL, 0);
	EXPECT(records_equal(&rs, &m.out));
}
