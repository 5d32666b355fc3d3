// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool: ranges that are added while tables are in use; without an engine.
 */
#include "pool_test.h"

/* The lowest free page comes first, wherever it was added, and whatever is held. */
static void add_anywhere(struct kunit *test)
{
	/* below all ranges, between each two of them, right behind one, above all */
	static const u64 more[] = { 0x200000000ULL, 0x18000, 0x8000, 0x21000, 0x9000 };
	struct pool_bench *f = pool_begin(test);
	u64 table, gpa, last = 0;
	u32 links = 0, i;

	/* a table in use, one that waits, and what another call has set aside */
	table = pool_take(test, f, 2, 0x5000, 9);
	pool_take(test, f, 0, table, 511);
	pool_take(test, f, 0, 0x5000, 8);
	f->pool.generation = 4;
	pool_put(f, 8);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->other, 100, 0));
	gpa = vmem_table_gpa(pool_reserved(&f->other, 99));
	KUNIT_EXPECT_EQ(test, gpa, pool_gpa(102));
	for (i = 0; i < ARRAY_SIZE(more); i++)
		pool_add(test, &f->pool, more[i], 1 + i % 2);
	KUNIT_EXPECT_EQ(test, f->pool.capacity, NR_PAGES + 7);
	KUNIT_EXPECT_EQ(test, f->pool.nr_ranges, NR_RANGES + ARRAY_SIZE(more));
	KUNIT_EXPECT_EQ(test, f->pool.ranges[0].gpa, 0x8000);
	pool_expect(test, f, NR_PAGES + 7 - 103, 100, 2, 1);
	KUNIT_EXPECT_EQ(test, gpa, vmem_table_gpa(pool_reserved(&f->other, 99)));
	KUNIT_EXPECT_EQ(test, VMEM_MINE, pool_owner(f, table, 2, 9, &links));
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
				pool_owner(f, more[i], 0, 9, &links));
		KUNIT_EXPECT_EQ(test, VMEM_FOREIGN,
				pool_owner(f, more[i] + 0x2000, 0, 9, &links));
	}
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res,
						   f->pool.nr_free, 0));
	for (i = 0; i < f->pages.res.nr; i++) {
		gpa = vmem_table_gpa(pool_reserved(&f->pages.res, i));
		KUNIT_EXPECT_GT(test, gpa, last);
		last = gpa;
	}
	KUNIT_EXPECT_EQ(test, gpa, 0x200000000ULL);
	/* what was held and what waited comes back between them */
	vmem_pool_unreserve(&f->pool, &f->other);
	vmem_pool_unreserve(&f->pool, &f->pages.res);
	vmem_pool_flushed(&f->pool, 4);
	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->pages.res,
						   NR_PAGES + 7 - 2, 0));
	last = 0;
	for (i = 0; i < f->pages.res.nr; i++) {
		gpa = vmem_table_gpa(pool_reserved(&f->pages.res, i));
		KUNIT_EXPECT_GT(test, gpa, last);
		last = gpa;
	}
	pool_expect(test, f, 0, NR_PAGES + 7 - 2, 2, 0);
}

/* A pool that is used up has pages again, and those below come first. */
static void add_when_used_up(struct kunit *test)
{
	struct pool_bench *f = pool_begin(test);
	u64 above = 0x200000000ULL, below = 0x8000;

	KUNIT_EXPECT_EQ(test, 0, vmem_pool_reserve(&f->pool, &f->other, NR_PAGES, 0));
	KUNIT_EXPECT_EQ(test, 2, vmem_pool_lacking(&f->pool, &f->pages.res, 2));
	KUNIT_EXPECT_EQ(test, -EBUSY, vmem_pool_reserve(&f->pool, &f->pages.res, 2, 0));
	pool_add(test, &f->pool, above, 1);
	KUNIT_EXPECT_EQ(test, above, pool_take(test, f, 0, 0x5000, 0));
	pool_add(test, &f->pool, below, 2);
	pool_expect(test, f, 2, NR_PAGES, 1, 0);
	KUNIT_EXPECT_EQ(test, below, pool_take(test, f, 0, 0x5000, 1));
	KUNIT_EXPECT_EQ(test, below + 0x1000, pool_take(test, f, 0, 0x5000, 2));
	KUNIT_EXPECT_EQ(test, -EBUSY, vmem_pool_reserve(&f->pool, &f->pages.res, 1, 0));
}

/* What was a table of the guest's own, with a link below it, is a page from now on. */
static void add_a_foreign_parent(struct kunit *test)
{
	const struct vmem_pool_range range = { .gpa = 0x5000, .len = 0x1000 };
	struct pool_bench *f = pool_begin(test);
	u64 a = pool_take(test, f, 1, 0x5000, 0), b;
	u32 links = 0;

	pool_drop_foreign(f, &range, 1);
	pool_expect(test, f, NR_PAGES - 1, 0, 0, 1);
	/* the parent asked for last */
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(a), 1,
					vmem_table(0x5000), 0, &links));
	pool_add(test, &f->pool, 0x5000, 1);
	pool_make_root(test, f, 0, 1);
	KUNIT_EXPECT_EQ(test, 0x5000, vmem_table_gpa(f->roots[0]->table));
	b = pool_take(test, f, 0, 0x5000, 0);
	KUNIT_EXPECT_TRUE(test, !f->pool.foreign);
	KUNIT_EXPECT_TRUE(test, pool_leave_root(f, 0));
	KUNIT_EXPECT_EQ(test, VMEM_MISUSED,
			vmem_pool_owner(&f->pool, vmem_table(b), 0,
					vmem_table(0x5000), 0, &links));
	pool_expect(test, f, NR_PAGES + 1 - 3, 0, 0, 3);
}

/* A pool of pages that are not neighbours, one a bit: which are free, and whose. */
#define NR_MODEL	256

struct grown {
	u8 state[NR_MODEL];	/* enum vmem_pool_state, or ABSENT */
	u64 generation[NR_MODEL];
	u32 held[NR_MODEL];	/* in the order of the reservation */
	u32 nr_held;
};

#define ABSENT		255
#define MODEL_GPA(n)	(0x100000 + ((u64)(n) << TABLE_LG2))

static u32 model_lowest(const struct grown *m)
{
	u32 n = 0;

	while (n < NR_MODEL && m->state[n] != VMEM_POOL_FREE)
		n++;
	return n;
}

static u32 model_nr(const struct grown *m, u8 state)
{
	u32 n, nr = 0;

	for (n = 0; n < NR_MODEL; n++)
		nr += m->state[n] == state;
	return nr;
}

/* A run of pages that are not there, if that is one, is added. */
static void grow_somewhere(struct kunit *test, struct pool_bench *f, struct grown *m,
			   struct vt_random *random)
{
	u32 first = vt_random_below(random, NR_MODEL), nr, n;

	for (nr = 0; nr < 70 && first + nr < NR_MODEL; nr++)
		if (m->state[first + nr] != ABSENT)
			break;
	if (!nr || f->pool.nr_ranges == NR_GROWN)
		return;
	nr = 1 + vt_random_below(random, nr);
	pool_add(test, &f->pool, MODEL_GPA(first), nr);
	for (n = 0; n < nr; n++)
		m->state[first + n] = VMEM_POOL_FREE;
}

/* Any order of calls and growth, against a state a page that is kept beside. */
static void random_growth(struct kunit *test)
{
	struct grown *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct vt_random random = { .state = 11 };
	struct pool_bench *f = NULL;
	u32 round, n, i, links, grown = 0;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (round = 0; round < 20000; round++) {
		if (round % 1000 == 0) {
			f = pool_bench(test, NR_MODEL);
			*m = (struct grown){};
			memset(m->state, ABSENT, sizeof(m->state));
			pool_add(test, &f->pool, MODEL_GPA(100), 3);
			memset(&m->state[100], VMEM_POOL_FREE, 3);
		}
		n = vt_random_below(&random, NR_MODEL);
		f->pool.generation = round;
		switch (vt_random_below(&random, 6)) {
		case 0:
			if (vt_random_below(&random, 8))
				break;
			grow_somewhere(test, f, m, &random);
			grown += f->pool.nr_ranges > 1;
			break;
		case 1:
			i = m->nr_held + vt_random_below(&random, 6);
			ret = vmem_pool_reserve(&f->pool, &f->pages.res, i, 0);
			KUNIT_ASSERT_EQ(test, !ret, i - m->nr_held <=
					model_nr(m, VMEM_POOL_FREE));
			while (!ret && m->nr_held < i) {
				n = model_lowest(m);
				m->state[n] = VMEM_POOL_RESERVED;
				m->held[m->nr_held++] = n;
			}
			break;
		case 2:
			if (!m->nr_held)
				break;
			/* linked by the slot of its number */
			n = m->held[0];
			vmem_pool_take(&f->pool, &f->pages.res, 0,
				       vmem_table(0x5000), n, 1);
			m->state[n] = VMEM_POOL_USED;
			memmove(m->held, m->held + 1, --m->nr_held * sizeof(m->held[0]));
			break;
		case 3:
			if (m->state[n] != VMEM_POOL_USED)
				break;
			KUNIT_ASSERT_TRUE(test, pool_put(f, n));
			m->state[n] = VMEM_POOL_QUARANTINED;
			m->generation[n] = round;
			break;
		case 4:
			i = round - vt_random_below(&random, 100);
			vmem_pool_flushed(&f->pool, i);
			for (n = 0; n < NR_MODEL; n++)
				if (m->state[n] == VMEM_POOL_QUARANTINED &&
				    m->generation[n] <= i)
					m->state[n] = VMEM_POOL_FREE;
			break;
		case 5:
			if (vt_random_below(&random, 10))
				break;
			vmem_pool_unreserve(&f->pool, &f->pages.res);
			while (m->nr_held)
				m->state[m->held[--m->nr_held]] = VMEM_POOL_FREE;
			break;
		}
		pool_expect(test, f, model_nr(m, VMEM_POOL_FREE), m->nr_held,
			    model_nr(m, VMEM_POOL_USED),
			    model_nr(m, VMEM_POOL_QUARANTINED));
		KUNIT_ASSERT_EQ(test, f->pool.capacity, NR_MODEL - model_nr(m, ABSENT));
		for (i = 0; i < m->nr_held; i++)
			KUNIT_ASSERT_EQ(test, MODEL_GPA(m->held[i]),
					vmem_table_gpa(pool_reserved(&f->pages.res, i)));
		n = vt_random_below(&random, NR_MODEL);
		KUNIT_ASSERT_EQ(test, pool_owner(f, MODEL_GPA(n), 0, n, &links),
				m->state[n] == ABSENT ? VMEM_FOREIGN :
				m->state[n] == VMEM_POOL_USED ? VMEM_MINE : VMEM_MISUSED);
	}
	KUNIT_EXPECT_GE(test, grown, 100);
}

static struct kunit_case pool_grow_cases[] = {
	KUNIT_CASE(add_anywhere),
	KUNIT_CASE(add_when_used_up),
	KUNIT_CASE(add_a_foreign_parent),
	KUNIT_CASE(random_growth),
	{}
};

static struct kunit_suite pool_grow_suite = {
	.name = "vmem_pool_grow",
	.test_cases = pool_grow_cases,
};

kunit_test_suite(pool_grow_suite);
