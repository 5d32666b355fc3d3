// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the calls cost inside, beside what the core costs over one piece of memory in
 * the same kernel; and that both answer the same. No time is asserted.
 *
 * A handler is called as the dispatcher does, with user memory. User Mode Linux, where
 * this is run, walks page tables for each copy from and to that: so the same copies are
 * measured by themselves, and by memcpy() between two buffers of the kernel, and what
 * they cost more is taken off. Both sides are measured alternately, and the least of
 * vmem.bench_rounds counts; without that there are two, so that it is seen to work.
 *
 * A kernel for one processor locks no instruction, and takes no spinlock: nor do
 * the handlers here, nor the core.
 */
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mman.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../calls.h"
#include "../object.h"
#include "../region.h"
#include "../space.h"
#include "flat.h"

#define BENCH_BASE	0x7f0000000000ULL	/* what is mapped, by pages */
#define BENCH_LEN	SZ_1G
#define BENCH_TABLES	(BENCH_LEN / SZ_2M)
#define BENCH_SPARE	16			/* tables above those, and one more */
#define BENCH_VAS	1024
#define BENCH_SMALL	511			/* calls of one page or address */
#define BENCH_ONE	(BENCH_BASE + SZ_8G)	/* where they are */

static unsigned int vmem_bench_rounds = 2;
module_param_named(bench_rounds, vmem_bench_rounds, uint, 0444);
MODULE_PARM_DESC(bench_rounds, "rounds of the benchmark, of which the least counts");

/**
 * struct bench - a guest, and the core beside it
 * @test:	the case
 * @view:	of the guest
 * @space:	its space
 * @root:	the root of that
 * @user:	memory of the caller, for lists, addresses and results
 * @out:	the part of it that is written
 * @in:		the same bytes in the kernel as those at @user
 * @answers:	and as many as at @out
 * @flat:	the core over one piece of memory, with the same mappings
 * @tables:	of leaves, of the guest
 * @vas:	addresses, which lie at @user too
 * @nr_vas:	how many
 * @ask:	a TRANSLATE, and
 * @map:	a MAP, to be filled in; the dispatcher would zero their outputs
 * @walk:	the descriptor of a walk
 * @got:	what read() returned
 */
struct bench {
	struct kunit *test;
	struct vmem_view view;
	u32 space;
	u64 root;
	char __user *user;
	char __user *out;
	char *in;
	char *answers;
	struct flat *flat;
	vmem_pte_t *tables[BENCH_TABLES];
	vmem_virt_t *vas;
	u32 nr_vas;
	struct vmem_ioc_translate ask;
	struct vmem_ioc_map map;
	struct file *walk;
	ssize_t got;
};

#define BENCH_BYTES	SZ_64K		/* of each of the buffers */

/**
 * struct bench_subject - what is measured
 * @name:	of a row
 * @prepare:	before each side of a round, not measured; NULL: nothing
 * @handler:	the module does it
 * @core:	the core does it, or a loop
 * @done:	after the handler, not measured; NULL: nothing
 * @per:	of what a round does, one costs
 * @in:		bytes that the handler copies from the caller,
 * @back:	and to it,
 * @copies:	in so many times
 */
struct bench_subject {
	const char *name;
	void (*prepare)(struct bench *b);
	void (*handler)(struct bench *b);
	void (*core)(struct bench *b);
	void (*done)(struct bench *b);
	u64 per;
	u32 in;
	u32 back;
	u32 copies;
};

static u64 bench_sink;

static int bench_call(struct bench *b, int (*run)(struct vmem_call *call, void *arg),
		      void *arg)
{
	struct vmem_call call = { .view = &b->view, .guest = b->view.guest };
	int ret = run(&call, arg);

	if (call.made)
		vmem_object_publish(call.made);
	return ret;
}

/* The copies alone: with user memory, or with the kernel's. */
static void bench_copy(struct bench *b, const struct bench_subject *s, bool user)
{
	u32 in_max = DIV_ROUND_UP(s->in, s->copies), in, in_at = 0;
	u32 back_max = DIV_ROUND_UP(s->back, s->copies), back, back_at = 0;

	for (; in_at < s->in || back_at < s->back; in_at += in, back_at += back) {
		in = min(in_max, s->in - in_at);
		back = min(back_max, s->back - back_at);
		if (!user) {
			memcpy(b->answers, b->in + in_at, in);
			memcpy(b->answers + back_at, b->in, back);
		} else if ((in && copy_from_user(b->answers, b->user + in_at, in)) ||
			   (back && copy_to_user(b->out + back_at, b->in, back))) {
			KUNIT_FAIL_AND_ABORT(b->test, "copies");
		}
		barrier();
	}
}

static u64 bench_once(void (*run)(struct bench *b), struct bench *b)
{
	u64 start = ktime_get_ns();

	run(b);
	return ktime_get_ns() - start;
}

static u64 bench_once_copy(struct bench *b, const struct bench_subject *s, bool user)
{
	u64 start = ktime_get_ns();

	bench_copy(b, s, user);
	return ktime_get_ns() - start;
}

static void bench_measure(struct bench *b, const struct bench_subject *s)
{
	u64 handler = U64_MAX, core = U64_MAX, user = U64_MAX, kernel = U64_MAX;
	unsigned int i;

	for (i = 0; i < max(vmem_bench_rounds, 1U); i++) {
		if (s->prepare)
			s->prepare(b);
		handler = min(handler, bench_once(s->handler, b));
		if (s->done)
			s->done(b);
		core = min(core, bench_once(s->core, b));
		user = min(user, bench_once_copy(b, s, true));
		kernel = min(kernel, bench_once_copy(b, s, false));
		cond_resched();
	}
	/* what two rounds take says nothing */
	if (vmem_bench_rounds < 3)
		return;
	handler -= min(handler, user - min(user, kernel));
	handler = handler * 1000 / s->per;
	core = max(core * 1000 / s->per, 1ULL);
	user = user * 1000 / s->per;
	kunit_info(b->test, "%-40s %7llu.%03llu %7llu.%03llu %4llu.%02llu %7llu.%03llu\n",
		   s->name, handler / 1000, handler % 1000, core / 1000, core % 1000,
		   handler / core, handler * 100 / core % 100,
		   user / 1000, user % 1000);
}

/* TRANSLATE */

static void bench_translate(struct bench *b, u32 at, u32 nr)
{
	struct vmem_ioc_translate *ask = &b->ask;

	ask->space = b->space;
	ask->nr = nr;
	ask->vas = (unsigned long)b->user + at * sizeof(u64);
	ask->results = (unsigned long)b->out + at * sizeof(struct vmem_ioc_result);
	ask->out_done = 0;
	if (bench_call(b, vmem_ioctl_translate, ask) || ask->out_done != nr)
		KUNIT_FAIL_AND_ABORT(b->test, "TRANSLATE");
}

static void bench_flat_translate(struct bench *b, u32 at, u32 nr)
{
	struct vmem_translation *out = (void *)b->answers;

	if (flat_translate(b->flat, b->vas + at, nr, out + at, NULL))
		KUNIT_FAIL_AND_ABORT(b->test, "the core's translation");
}

static void bench_many(struct bench *b)
{
	bench_translate(b, 0, b->nr_vas);
}

static void bench_many_core(struct bench *b)
{
	bench_flat_translate(b, 0, b->nr_vas);
}

static void bench_each(struct bench *b)
{
	u32 i;

	for (i = 0; i < b->nr_vas; i++)
		bench_translate(b, i, 1);
}

static void bench_each_core(struct bench *b)
{
	u32 i;

	for (i = 0; i < b->nr_vas; i++)
		bench_flat_translate(b, i, 1);
}

static void bench_set_vas(struct bench *b, u32 nr, bool hot)
{
	u64 random = 88172645463325252ULL;
	u32 i;

	b->nr_vas = nr;
	for (i = 0; i < nr; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		b->vas[i] = BENCH_BASE + (hot ? (i % 8) * 8 * PAGE_SIZE : random % BENCH_LEN);
	}
	if (copy_to_user(b->user, b->vas, nr * sizeof(*b->vas)))
		KUNIT_FAIL_AND_ABORT(b->test, "addresses");
}

/* Both sides translate @vas alike. */
static void bench_same(struct bench *b, bool each)
{
	size_t bytes = b->nr_vas * sizeof(struct vmem_translation);
	const struct vmem_translation *theirs = (void *)b->answers;
	struct vmem_translation *ours = kunit_kzalloc(b->test, bytes, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(b->test, ours);
	KUNIT_ASSERT_EQ(b->test, clear_user(b->out, bytes), 0UL);
	if (each)
		bench_each(b);
	else
		bench_many(b);
	KUNIT_ASSERT_EQ(b->test, copy_from_user(ours, b->out, bytes), 0UL);
	bench_many_core(b);
	KUNIT_EXPECT_MEMEQ(b->test, ours, theirs, bytes);
	KUNIT_EXPECT_EQ(b->test, ours[b->nr_vas - 1].status, VMEM_OK);
	KUNIT_EXPECT_EQ(b->test, ours[b->nr_vas - 1].gpa & ~PAGE_MASK,
			b->vas[b->nr_vas - 1] & ~PAGE_MASK);
}

/* MAP */

static void bench_set_mappings(struct bench *b)
{
	struct vmem_ioc_mapping *list = (void *)b->in;
	u32 i;

	b->nr_vas = BENCH_SMALL;
	for (i = 0; i < BENCH_SMALL; i++) {
		b->vas[i] = BENCH_ONE + i * PAGE_SIZE;
		list[i] = (struct vmem_ioc_mapping){
			.va	= b->vas[i],
			.gpa	= i * 3 * PAGE_SIZE,
			.len	= PAGE_SIZE,
			.kind	= VMEM_IOC_KIND_BASIC,
			.attrs	= VMEM_R | VMEM_W,
		};
	}
	if (copy_to_user(b->user, list, BENCH_SMALL * sizeof(*list)))
		KUNIT_FAIL_AND_ABORT(b->test, "mappings");
}

static void bench_unmap_one(struct bench *b)
{
	struct vmem_ioc_unmap unmap = {
		.space	= b->space,
		.start	= BENCH_ONE,
		.last	= BENCH_ONE + BENCH_SMALL * PAGE_SIZE - 1,
	};

	if (bench_call(b, vmem_ioctl_unmap, &unmap) ||
	    flat_unmap(b->flat, BENCH_ONE, BENCH_SMALL * PAGE_SIZE))
		KUNIT_FAIL_AND_ABORT(b->test, "UNMAP");
}

static void bench_map(struct bench *b, u64 user)
{
	struct vmem_ioc_map *map = &b->map;

	map->space = b->space;
	map->nr = 1;
	map->mappings = user;
	map->change.out_done = 0;
	if (bench_call(b, vmem_ioctl_map, map) || map->change.out_done != 1)
		KUNIT_FAIL_AND_ABORT(b->test, "MAP");
}

static void bench_map_one(struct bench *b)
{
	u32 i;

	for (i = 0; i < BENCH_SMALL; i++)
		bench_map(b, (unsigned long)b->user + i * sizeof(struct vmem_ioc_mapping));
}

static void bench_map_one_core(struct bench *b)
{
	u32 i;

	for (i = 0; i < BENCH_SMALL; i++)
		if (flat_map(b->flat, BENCH_ONE + i * PAGE_SIZE, i * 3 * PAGE_SIZE, PAGE_SIZE))
			KUNIT_FAIL_AND_ABORT(b->test, "the core's mapping");
}

/* Walks */

static void bench_walk_begin(struct bench *b)
{
	struct vmem_ioc_walk_create create = {
		.flags	= VMEM_IOC_WALK_FOLLOW,
		.spaces	= (unsigned long)b->user,
		.nr	= 1,
		.start	= BENCH_BASE,
		.last	= BENCH_BASE + BENCH_LEN - 1,
	};
	struct vmem_call call = { .view = &b->view, .guest = b->view.guest };

	if (put_user(b->space, (u32 __user *)b->user) ||
	    vmem_ioctl_walk_create(&call, &create))
		KUNIT_FAIL_AND_ABORT(b->test, "WALK_CREATE");
	b->walk = call.file;
	put_unused_fd(call.fd);
}

static void bench_walk_end(struct bench *b)
{
	__fput_sync(b->walk);
}

static void bench_walk_read(struct bench *b)
{
	b->got = b->walk->f_op->read(b->walk, b->out, BENCH_BYTES, NULL);
}

static void bench_merge(struct bench *b)
{
	bench_sink += flat_runs(b->tables, BENCH_TABLES, (void *)b->answers);
}

static void bench_walk_same(struct bench *b)
{
	const struct vmem_space_aware_mapping *theirs = (void *)b->answers;
	struct vmem_ioc_record got[2];
	u64 runs = bench_sink;

	bench_walk_begin(b);
	bench_walk_read(b);
	bench_walk_end(b);
	bench_merge(b);
	KUNIT_EXPECT_EQ(b->test, bench_sink - runs, 1ULL);
	KUNIT_ASSERT_EQ(b->test, b->got, (ssize_t)sizeof(got));
	KUNIT_ASSERT_EQ(b->test, copy_from_user(got, b->out, sizeof(got)), 0UL);
	KUNIT_EXPECT_EQ(b->test, got[0].type, VMEM_IOC_REC_MAPPING);
	KUNIT_EXPECT_EQ(b->test, got[0].va, BENCH_BASE + theirs->va);
	KUNIT_EXPECT_EQ(b->test, got[0].gpa, theirs->gpa);
	KUNIT_EXPECT_EQ(b->test, got[0].len, theirs->len);
	KUNIT_EXPECT_EQ(b->test, got[0].entry, theirs->entry);
	KUNIT_EXPECT_EQ(b->test, got[1].type, VMEM_IOC_REC_END);
}

/* The guest */

/* Memory of what is mapped and of the tables behind it. Return: 0, -errno. */
static int bench_region(struct bench *b, bool owned)
{
	struct vmem_ioc_region_create create = {
		.kind	= owned ? VMEM_IOC_REGION_OWNED : VMEM_IOC_REGION_USER,
		.len	= BENCH_LEN + 2 * BENCH_TABLES * PAGE_SIZE,
	};

	if (!owned) {
		create.user_addr = kunit_vm_mmap(b->test, NULL, 0, create.len,
						 PROT_READ | PROT_WRITE,
						 MAP_ANONYMOUS | MAP_PRIVATE | MAP_NORESERVE, 0);
		if (!create.user_addr || IS_ERR_VALUE((unsigned long)create.user_addr))
			return -ENOMEM;
	}
	return bench_call(b, vmem_ioctl_region_create, &create);
}

static int bench_space(struct bench *b)
{
	const struct vmem_ioc_range range = {
		.gpa = BENCH_LEN, .len = 2 * BENCH_TABLES * PAGE_SIZE,
	};
	struct vmem_ioc_pool_create pool = {
		.ranges = (unsigned long)b->user, .nr_ranges = 1,
	};
	struct vmem_ioc_space_create space = {
		.flags = VMEM_IOC_SPACE_NEW, .format = VMEM_IOC_FORMAT_X86_64_4LEVEL,
	};
	int ret;

	if (copy_to_user(b->user, &range, sizeof(range)))
		return -EFAULT;
	ret = bench_call(b, vmem_ioctl_pool_create, &pool);
	if (ret)
		return ret;
	space.pool = pool.out_id;
	ret = bench_call(b, vmem_ioctl_space_create, &space);
	b->space = space.out_id;
	b->root = space.out_root;
	return ret;
}

static int bench_map_both(struct bench *b, u64 va, u64 gpa, u64 len)
{
	const struct vmem_ioc_mapping mapping = {
		.va = va, .gpa = gpa, .len = len,
		.kind = VMEM_IOC_KIND_BASIC, .attrs = VMEM_R | VMEM_W,
	};

	if (copy_to_user(b->user, &mapping, sizeof(mapping)))
		return -EFAULT;
	bench_map(b, (unsigned long)b->user);
	return flat_map(b->flat, va, gpa, len);
}

/* The host address of a table of the guest's. */
static vmem_pte_t *bench_host(struct bench *b, u64 gpa)
{
	struct vmem_guest *guest = b->view.guest;
	struct vmem_piece *piece = kunit_kzalloc(b->test, sizeof(*piece), GFP_KERNEL);
	vmem_pte_t *host = NULL;

	KUNIT_ASSERT_NOT_NULL(b->test, piece);
	vmem_piece_init(piece, guest);
	down_read(&guest->lock);
	vmem_piece_begin(piece);
	if (vmem_piece_lookup(piece, gpa & GENMASK_ULL(51, 12), VMEM_READ, &host))
		host = NULL;
	vmem_piece_end(piece);
	up_read(&guest->lock);
	kunit_kfree(b->test, piece);
	KUNIT_ASSERT_NOT_NULL(b->test, host);
	return host;
}

static void bench_tables(struct bench *b)
{
	const vmem_pte_t *table = bench_host(b, b->root);
	unsigned int shift;
	u64 i;

	for (shift = 39; shift > 21; shift -= 9)
		table = bench_host(b, le64_to_cpu(table[(BENCH_BASE >> shift) % 512]));
	for (i = 0; i < BENCH_TABLES; i++)
		b->tables[i] = bench_host(b, le64_to_cpu(table[i]));
}

static void bench_init(struct bench *b, bool owned)
{
	struct kunit *test = b->test;

	b->view.rights = VMEM_RIGHTS_ALL;
	b->view.guest = vmem_guest_make();
	b->flat = flat_make(BENCH_TABLES + BENCH_SPARE);
	b->in = kunit_kzalloc(test, BENCH_BYTES, GFP_KERNEL);
	b->answers = kunit_kzalloc(test, BENCH_BYTES, GFP_KERNEL);
	b->vas = kunit_kzalloc(test, BENCH_VAS * sizeof(*b->vas), GFP_KERNEL);
	b->user = (char __user *)kunit_vm_mmap(test, NULL, 0, 2 * BENCH_BYTES,
					       PROT_READ | PROT_WRITE,
					       MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!b->view.guest || !b->flat || !b->in || !b->answers || !b->vas || !b->user ||
	    IS_ERR_VALUE((unsigned long)b->user))
		KUNIT_FAIL_AND_ABORT(test, "no memory");
	b->out = b->user + BENCH_BYTES;
	KUNIT_ASSERT_EQ(test, clear_user(b->user, 2 * BENCH_BYTES), 0UL);
	KUNIT_ASSERT_EQ(test, bench_region(b, owned), 0);
	KUNIT_ASSERT_EQ(test, bench_space(b), 0);
	KUNIT_ASSERT_EQ(test, bench_map_both(b, BENCH_BASE, 0, BENCH_LEN), 0);
	KUNIT_ASSERT_EQ(test, bench_map_both(b, BENCH_ONE + BENCH_SMALL * PAGE_SIZE, 0,
					     PAGE_SIZE), 0);
	bench_tables(b);
}

static void bench_all(struct kunit *test, bool owned)
{
	static const struct bench_subject many = {
		.name		= "TRANSLATE 1,024 in 1 GiB, an address",
		.handler	= bench_many,
		.core		= bench_many_core,
		.per		= BENCH_VAS,
		.in		= BENCH_VAS * sizeof(u64),
		.back		= BENCH_VAS * sizeof(struct vmem_ioc_result),
		.copies		= DIV_ROUND_UP(BENCH_VAS, VMEM_TRANSLATE_BATCH),
	}, each = {
		.name		= "TRANSLATE one address, hot",
		.handler	= bench_each,
		.core		= bench_each_core,
		.per		= BENCH_VAS,
		.in		= BENCH_VAS * sizeof(u64),
		.back		= BENCH_VAS * sizeof(struct vmem_ioc_result),
		.copies		= BENCH_VAS,
	}, map = {
		.name		= "MAP one page, hot",
		.prepare	= bench_unmap_one,
		.handler	= bench_map_one,
		.core		= bench_map_one_core,
		.per		= BENCH_SMALL,
		.in		= BENCH_SMALL * sizeof(struct vmem_ioc_mapping),
		.copies		= BENCH_SMALL,
	}, walk = {
		.name		= "read() of extents, 1 GiB, a page",
		.prepare	= bench_walk_begin,
		.handler	= bench_walk_read,
		.core		= bench_merge,
		.done		= bench_walk_end,
		.per		= BENCH_LEN / PAGE_SIZE,
		.back		= 2 * sizeof(struct vmem_ioc_record),
		.copies		= 1,
	};
	struct bench *b = test->priv;

	bench_init(b, owned);

	bench_set_vas(b, BENCH_VAS, false);
	bench_measure(b, &many);
	bench_same(b, false);

	bench_set_vas(b, BENCH_VAS, true);
	bench_measure(b, &each);
	bench_same(b, true);

	bench_set_mappings(b);
	bench_measure(b, &map);
	if (copy_to_user(b->user, b->vas, BENCH_SMALL * sizeof(*b->vas)))
		KUNIT_FAIL_AND_ABORT(test, "addresses");
	bench_same(b, false);

	bench_measure(b, &walk);
	bench_walk_same(b);
}

static void vmem_bench_owned(struct kunit *test)
{
	bench_all(test, true);
}

static void vmem_bench_user(struct kunit *test)
{
	bench_all(test, false);
}

static int vmem_bench_init(struct kunit *test)
{
	struct bench *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	if (!b)
		return -ENOMEM;
	b->test = test;
	test->priv = b;
	return 0;
}

static void vmem_bench_exit(struct kunit *test)
{
	struct bench *b = test->priv;

	if (!b)
		return;
	if (b->view.guest)
		vmem_guest_put(b->view.guest);
	flat_free(b->flat);
}

static struct kunit_case vmem_bench_cases[] = {
	KUNIT_CASE(vmem_bench_owned),
	KUNIT_CASE(vmem_bench_user),
	{}
};

static struct kunit_suite vmem_bench_suite = {
	.name		= "vmem_bench",
	.init		= vmem_bench_init,
	.exit		= vmem_bench_exit,
	.test_cases	= vmem_bench_cases,
};

kunit_test_suite(vmem_bench_suite);
