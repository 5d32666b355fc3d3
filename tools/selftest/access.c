// SPDX-License-Identifier: GPL-2.0-only
/*
 * access [--local] [CASE...]: accesses that TRANSLATE judges, each status with its error
 * code; and the A and D bits that they set, in tables of the guest's own. By the module,
 * or by libvmem in this process.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"
#include "libvmem.h"

#define READ		VMEM_IOC_ACCESS_READ
#define WRITE		VMEM_IOC_ACCESS_WRITE
#define FETCH		VMEM_IOC_ACCESS_FETCH
#define USER		VMEM_IOC_ACCESS_USER
#define IMPLICIT	VMEM_IOC_ACCESS_IMPLICIT
#define SHADOW		VMEM_IOC_ACCESS_SHADOW
#define SET		VMEM_IOC_ACCESS_SET_AD
#define BYTES(n)	((u32)((n) - 1) << VMEM_IOC_ACCESS_LEN_SHIFT)
#define WP		VMEM_IOC_MODE_WP
#define SMEP		VMEM_IOC_MODE_SMEP
#define SMAP		VMEM_IOC_MODE_SMAP
#define AC		VMEM_IOC_MODE_AC
#define PKE		VMEM_IOC_MODE_PKE
#define PKS		VMEM_IOC_MODE_PKS

#define LEN		(64 * PAGE)
#define DATA		(GUEST_GPA + 48 * PAGE)
#define SIDE		(256 * MIB)	/* a region beside it, for tables of leaves */
#define SIDE_LEN	(4 * PAGE)
#define VA		0x400000ULL
#define KEY(n)		((u64)(n) << 59)
#define ALL		(X86_P | X86_RW | X86_US)	/* without A and D */
#define MANY		300

static bool local;

static bool module(void)
{
	return !local;
}

/* A guest without a pool, whose tables are made by hand. */
struct world {
	struct guest g;
	struct vmem_guest *guest;
	u32 side;		/* region */
	u64 *side_mem;
	u32 space, shadowed;	/* the second with shadow stacks */
};

static u32 world_region(struct world *w, u64 gpa, void *mem, u64 len)
{
	struct vmem_ioc_region_create arg = {
		.size = sizeof(arg), .kind = VMEM_IOC_REGION_USER, .gpa = gpa,
		.len = len, .user_addr = (uintptr_t)mem,
	};

	ASSERT_OK(vmem_region_create(w->guest, &arg));
	return arg.out_id;
}

static u32 world_space(struct world *w, u32 flags)
{
	struct vmem_ioc_space_create arg = {
		.size = sizeof(arg), .format = FMT4, .root = w->g.root, .phys_bits = 48,
		.flags = flags,
	};

	ASSERT_OK(vmem_space_create(w->guest, &arg));
	return arg.out_id;
}

static void world_on(struct world *w, void *mem)
{
	*w = (struct world){ .g = { .mem = mem, .gpa = GUEST_GPA, .next = GUEST_GPA,
				    .len = LEN, .format = FMT4, .fd = -1 } };
	ASSERT_OK(local ? vmem_open_local(&w->guest) : vmem_open(NULL, &w->guest));
	w->g.region = world_region(w, w->g.gpa, mem, LEN);
	w->side_mem = map_anon(SIDE_LEN);
	w->side = world_region(w, SIDE, w->side_mem, SIDE_LEN);
	guest_root(&w->g);
	w->space = world_space(w, 0);
	w->shadowed = world_space(w, VMEM_IOC_SPACE_CET);
}

static void world(struct world *w)
{
	world_on(w, map_anon(LEN));
}

/* A page for @va, by @leaf, below entries @above. */
static void page_at(struct world *w, u64 va, u64 leaf, u64 above)
{
	guest_map(&w->g, w->g.root, va, 0, leaf, above);
}

/* The entry of @level that translates @va, by the host. */
static u64 *entry_at(struct world *w, u64 va, unsigned int level)
{
	u64 table = w->g.root;
	unsigned int at;

	for (at = 3; at > level; at--)
		table = entry_get(&w->g, table, index_of(va, at)) & X86_ADDR;
	return (u64 *)guest_host(&w->g, table) + index_of(va, level);
}

struct ask {
	u32 what;
	u32 mode;
	u32 pkru;
	u32 pkrs;
};

static int ask_by(struct vmem_guest *guest, u32 space, const struct ask *ask, const u64 *vas,
		  u32 nr, struct vmem_ioc_result *results, u64 *entries, u32 *done)
{
	struct vmem_ioc_translate arg = {
		.size = sizeof(arg), .space = space, .nr = nr, .vas = (uintptr_t)vas,
		.results = (uintptr_t)results, .entries = (uintptr_t)entries,
		.access = ask->what, .mode = ask->mode, .pkru = ask->pkru, .pkrs = ask->pkrs,
	};
	int ret = vmem_space_translate(guest, &arg);

	EXPECT_EQ(!ret, arg.out_done == nr);
	if (done)
		*done = arg.out_done;
	return ret;
}

static struct vmem_ioc_result ask_one(struct world *w, u32 space, const struct ask *ask, u64 va)
{
	struct vmem_ioc_result result = { .status = 99 };

	ASSERT_OK(ask_by(w->guest, space, ask, &va, 1, &result, NULL, NULL));
	return result;
}

/* Each status, and the error code of the page fault */

#define KEYED(_name, _leaf, _above, _what, _mode, _pkru, _pkrs, _status, _code) \
	{ .name = (_name), .leaf = (_leaf), .above = (_above),		\
	  .ask = { .what = (_what), .mode = (_mode), .pkru = (_pkru), .pkrs = (_pkrs) }, \
	  .status = (_status), .code = (_code) }
#define ASK(_name, _leaf, _above, _what, _mode, _status, _code)		\
	KEYED(_name, _leaf, _above, _what, _mode, 0, 0, _status, _code)
#define SHADOWED(_name, _leaf, _above, _what, _mode, _status, _code)		\
	{ .name = (_name), .leaf = (_leaf), .above = (_above), .shadowed = true, \
	  .ask = { .what = (_what), .mode = (_mode) },			\
	  .status = (_status), .code = (_code) }

static const struct judged {
	const char *name;
	u64 leaf;		/* DATA, and these bits */
	u64 above;
	struct ask ask;
	bool shadowed;		/* in the space of a vCPU with shadow stacks */
	u32 status;
	u32 code;
} judged[] = {
	ASK("read", ALL, ALL, READ | USER, WP, VMEM_IOC_OK, 0),
	ASK("none, read", 0, ALL, READ, 0, VMEM_IOC_NOT_PRESENT, 0),
	ASK("none, written by a user", 0, ALL, WRITE | USER, 0, VMEM_IOC_NOT_PRESENT, 6),
	ASK("none, fetched", 0, ALL, FETCH, 0, VMEM_IOC_NOT_PRESENT, 0x10),
	ASK("malformed", ALL | BIT(50), ALL, READ | USER, 0, VMEM_IOC_RESERVED, 0xd),
	ASK("not writable", X86_P | X86_US, ALL, WRITE | USER, 0, VMEM_IOC_WRITE, 7),
	ASK("not writable above", ALL, X86_P | X86_US, WRITE | USER, 0, VMEM_IOC_WRITE, 7),
	ASK("not writable, WP", X86_P, ALL, WRITE, WP, VMEM_IOC_WRITE, 3),
	ASK("not writable, no WP", X86_P, ALL, WRITE, 0, VMEM_IOC_OK, 0),
	ASK("no user's", X86_P | X86_RW, ALL, READ | USER, 0, VMEM_IOC_USER, 5),
	ASK("no user's above", ALL, X86_P | X86_RW, FETCH | USER, 0, VMEM_IOC_USER, 0x15),
	ASK("not executable", ALL | X86_NX, ALL, FETCH | USER, 0, VMEM_IOC_EXEC, 0x15),
	ASK("not executable, read", ALL | X86_NX, ALL, READ | USER, 0, VMEM_IOC_OK, 0),
	ASK("SMEP", ALL, ALL, FETCH, SMEP, VMEM_IOC_SMEP, 0x11),
	ASK("no SMEP", ALL, ALL, FETCH, SMAP, VMEM_IOC_OK, 0),
	ASK("SMAP", ALL, ALL, READ, SMAP, VMEM_IOC_SMAP, 1),
	ASK("SMAP, written", ALL, ALL, WRITE, SMAP | WP, VMEM_IOC_SMAP, 3),
	ASK("SMAP with AC", ALL, ALL, READ, SMAP | AC, VMEM_IOC_OK, 0),
	ASK("SMAP with AC, implicit", ALL, ALL, READ | IMPLICIT, SMAP | AC, VMEM_IOC_SMAP, 1),
	KEYED("key", ALL | KEY(5), ALL, READ | USER, PKE, 1U << 10, 0, VMEM_IOC_KEY, 0x25),
	KEYED("another key", ALL | KEY(6), ALL, READ | USER, PKE, 1U << 10, 0, VMEM_IOC_OK, 0),
	KEYED("key, written", ALL | KEY(5), ALL, WRITE | USER, PKE, 2U << 10, 0,
	      VMEM_IOC_KEY, 0x27),
	KEYED("key for writing, read", ALL | KEY(5), ALL, READ | USER, PKE, 2U << 10, 0,
	      VMEM_IOC_OK, 0),
	KEYED("key without PKE", ALL | KEY(5), ALL, READ | USER, PKS, 1U << 10, ~0U,
	      VMEM_IOC_OK, 0),
	KEYED("supervisor's key", X86_P | KEY(15), ALL, READ, PKS, 0, 1U << 30,
	      VMEM_IOC_KEY, 0x21),
	SHADOWED("no shadow stack", ALL, ALL, READ | USER | SHADOW, WP, VMEM_IOC_SHADOW, 0x45),
	SHADOWED("shadow stack", X86_P | X86_US | X86_D, ALL, WRITE | USER | SHADOW, WP,
		 VMEM_IOC_OK, 0),
	SHADOWED("shadow stack, by others", X86_P | X86_US | X86_D, ALL, WRITE | USER, WP,
		 VMEM_IOC_WRITE, 7),
	SHADOWED("shadow stack of a user", X86_P | X86_US | X86_D, ALL, READ | SHADOW, WP,
		 VMEM_IOC_SHADOW, 0x41),
};

static void statuses(void)
{
	struct vmem_ioc_result result;
	const struct judged *j;
	struct world w;
	u32 seen = 0;

	for (j = judged; j < &judged[ARRAY_SIZE(judged)]; j++) {
		world(&w);
		page_at(&w, VA, j->leaf ? DATA | j->leaf : 0, j->above);
		result = ask_one(&w, j->shadowed ? w.shadowed : w.space, &j->ask, VA + 8);
		if (!EXPECT_EQ(result.status, j->status) ||
		    !EXPECT_EQ(result.error_code, j->code) ||
		    !EXPECT_EQ(result.gpa, j->status == VMEM_IOC_OK ? DATA + 8 : 0))
			ktap_msg("%s", j->name);
		seen |= 1U << result.status;
		vmem_close(w.guest);
	}
	/* all but NON_CANONICAL and OUTSIDE, which are no page faults */
	EXPECT_EQ(seen, 0xfff & ~(1U << VMEM_IOC_NON_CANONICAL | 1U << VMEM_IOC_OUTSIDE));
}

/* What is set */

/* All tables, and room to say what they should hold. */
static u64 *remember(struct world *w)
{
	u64 *copy = map_anon(LEN);

	memcpy(copy, w->g.mem, LEN);
	return copy;
}

/* In the copy, as an access of @what to @va would. */
static void expect_set(struct world *w, u64 *copy, u64 va, u32 what)
{
	unsigned int level;
	u64 *at;

	for (level = 0; level < 4; level++) {
		at = copy + (entry_at(w, va, level) - (u64 *)w->g.mem);
		*at |= X86_A | (!level && what & WRITE ? X86_D : 0);
	}
}

/* An access to VA + 8, where tables lack bits. */
static void sets_by(struct world *w, u32 what)
{
	const struct ask ask = { .what = what | USER | SET, .mode = WP };
	struct vmem_ioc_result result;
	u64 entries[VMEM_IOC_LEVELS_MAX], va = VA + 8, *copy, before[4];
	unsigned int level;

	copy = remember(w);
	for (level = 0; level < 4; level++)
		before[level] = *entry_at(w, VA, level);
	expect_set(w, copy, VA, what);
	ASSERT_OK(ask_by(w->guest, w->space, &ask, &va, 1, &result, entries, NULL));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, DATA + 8);
	EXPECT_EQ(result.entry, before[0]);
	EXPECT_EQ(result.leaf & (VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D), 0);
	for (level = 0; level < 4; level++)
		EXPECT_EQ(entries[level], before[level]);
	EXPECT(!memcmp(copy, w->g.mem, LEN));
	/* once more: nothing is left to be set */
	ASSERT_OK(ask_by(w->guest, w->space, &ask, &va, 1, &result, NULL, NULL));
	EXPECT_EQ(result.entry, before[0] | X86_A | (what & WRITE ? X86_D : 0));
	EXPECT(!memcmp(copy, w->g.mem, LEN));
	munmap(copy, LEN);
	vmem_close(w->guest);
}

static void sets(void)
{
	struct world w;
	u32 what;

	for (what = READ; what <= FETCH; what <<= 1) {
		world(&w);
		page_at(&w, VA, DATA | ALL, ALL);
		page_at(&w, VA + PAGE, (DATA + PAGE) | ALL, ALL);
		*entry_at(&w, VA, 2) |= X86_A;
		sets_by(&w, what);
	}
}

/* Pages that are there for reading, as they are those of a file, until one is written. */
static void sets_in_private_file(void)
{
	int fd = memfd_create("tables", 0);
	struct world w;
	void *mem;

	ASSERT(!ftruncate(fd, LEN));
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(mem != MAP_FAILED);
	world_on(&w, mem);
	page_at(&w, VA, DATA | ALL, ALL);
	EXPECT_EQ(ask_one(&w, w.space, &(struct ask){ .what = READ }, VA).status, VMEM_IOC_OK);
	ASSERT(mmap(mem, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == mem);
	EXPECT_EQ(ask_one(&w, w.space, &(struct ask){ .what = READ }, VA).status, VMEM_IOC_OK);
	sets_by(&w, WRITE);
	/* the file's own are as they were */
	mem = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT(mem != MAP_FAILED);
	EXPECT_EQ(((u64 *)mem)[index_of(VA, 3)] & X86_A, 0);
}

static void refused_sets_nothing(void)
{
	const struct judged *j;
	struct world w;
	u64 *copy;

	for (j = judged; j < &judged[ARRAY_SIZE(judged)]; j++) {
		struct ask ask = j->ask;

		world(&w);
		page_at(&w, VA, j->leaf ? DATA | j->leaf : 0, j->above);
		copy = remember(&w);
		if (j->status == VMEM_IOC_OK)
			expect_set(&w, copy, VA, ask.what);
		ask.what |= SET;
		EXPECT_EQ(ask_one(&w, j->shadowed ? w.shadowed : w.space, &ask, VA).status,
			  j->status);
		if (!EXPECT(!memcmp(copy, w.g.mem, LEN)))
			ktap_msg("%s", j->name);
		munmap(copy, LEN);
		vmem_close(w.guest);
	}
}

/* Two pages: the second decides, too, and has its bits set. */
static void crossing(void)
{
	const struct ask two = { .what = WRITE | USER | SET | BYTES(16), .mode = WP };
	const struct ask one = { .what = WRITE | USER | SET | BYTES(8), .mode = WP };
	u64 *copy, va = VA + 2 * MIB - 8;
	struct vmem_ioc_result result;
	struct world w;

	world(&w);
	page_at(&w, va, DATA | ALL, ALL);
	page_at(&w, VA + 2 * MIB, (DATA + PAGE) | X86_P | X86_US, ALL);
	copy = remember(&w);
	result = ask_one(&w, w.space, &two, va);
	EXPECT_EQ(result.status, VMEM_IOC_WRITE);
	EXPECT_EQ(result.error_code, 7);
	EXPECT_EQ(result.entry, (DATA + PAGE) | X86_P | X86_US);
	EXPECT(!memcmp(copy, w.g.mem, LEN));
	/* it has no byte of the second */
	result = ask_one(&w, w.space, &one, va);
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	expect_set(&w, copy, va, WRITE);
	EXPECT(!memcmp(copy, w.g.mem, LEN));
	*entry_at(&w, VA + 2 * MIB, 0) |= X86_RW;
	copy[entry_at(&w, VA + 2 * MIB, 0) - (u64 *)w.g.mem] |= X86_RW;
	result = ask_one(&w, w.space, &two, va);
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, DATA + PAGE - 8);
	expect_set(&w, copy, VA + 2 * MIB, WRITE);
	EXPECT(!memcmp(copy, w.g.mem, LEN));
}

/* More than a piece, and more than a batch, has room for. */
static void sets_many(void)
{
	const struct ask ask = { .what = WRITE | USER | SET, .mode = WP };
	struct vmem_ioc_result results[MANY];
	u64 vas[MANY], *copy;
	struct world w;
	u32 i;

	world(&w);
	for (i = 0; i < MANY; i++) {
		vas[i] = VA + i * PAGE;
		/* each so many-th isn't writable */
		page_at(&w, vas[i], DATA | (i % 7 ? ALL : X86_P | X86_US), ALL);
	}
	copy = remember(&w);
	ASSERT_OK(ask_by(w.guest, w.space, &ask, vas, MANY, results, NULL, NULL));
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(results[i].status, i % 7 ? VMEM_IOC_OK : VMEM_IOC_WRITE);
		if (i % 7)
			expect_set(&w, copy, vas[i], WRITE);
	}
	EXPECT(!memcmp(copy, w.g.mem, LEN));
}

/* What may not be written */

static void side_frozen(struct world *w, bool frozen)
{
	struct vmem_ioc_region_set arg = {
		.size = sizeof(arg), .id = w->side, .mask = VMEM_IOC_REGION_FROZEN,
		.value = frozen ? VMEM_IOC_REGION_FROZEN : 0,
	};

	ASSERT_OK(vmem_region_set(w->guest, &arg));
}

static void frozen(void)
{
	const struct ask write = { .what = WRITE | USER | SET, .mode = WP }, read = { .what = READ | USER | SET, .mode = WP };
	struct vmem_ioc_result results[2];
	struct world w;
	u64 *copy, vas[2] = { VA, VA + 2 * MIB };
	u32 done;

	world(&w);
	page_at(&w, VA, DATA | ALL, ALL);
	guest_map(&w.g, w.g.root, VA + 2 * MIB, 1, SIDE | ALL, ALL);
	w.side_mem[0] = DATA | ALL;
	side_frozen(&w, true);
	copy = remember(&w);
	/* the first is done, and nothing of the second */
	EXPECT_ERR(ask_by(w.guest, w.space, &write, vas, 2, results, NULL, &done), EROFS);
	EXPECT_EQ(done, 1);
	EXPECT_EQ(results[0].status, VMEM_IOC_OK);
	expect_set(&w, copy, VA, WRITE);
	EXPECT(!memcmp(copy, w.g.mem, LEN));
	EXPECT_EQ(w.side_mem[0], DATA | ALL);
	/* what has its bits need not be written */
	w.side_mem[0] |= X86_A;
	EXPECT_ERR(ask_by(w.guest, w.space, &write, &vas[1], 1, results, NULL, NULL), EROFS);
	EXPECT_EQ(ask_one(&w, w.space, &read, vas[1]).status, VMEM_IOC_OK);
	EXPECT(*entry_at(&w, vas[1], 1) & X86_A);
	EXPECT_EQ(w.side_mem[0], DATA | ALL | X86_A);
	side_frozen(&w, false);
	EXPECT_EQ(ask_one(&w, w.space, &write, vas[1]).status, VMEM_IOC_OK);
	EXPECT_EQ(w.side_mem[0], DATA | ALL | X86_A | X86_D);
}

/* Who may only read asks what would be, and no more. */
static void right_to_change(void)
{
	static const u32 rights[] = {
		VMEM_IOC_RIGHT_READ, VMEM_IOC_RIGHT_CHANGE,
		VMEM_IOC_RIGHT_READ | VMEM_IOC_RIGHT_MANAGE,
		VMEM_IOC_RIGHT_READ | VMEM_IOC_RIGHT_CHANGE,
	};
	const struct ask set = { .what = READ | SET }, plain = { .what = READ };
	struct vmem_ioc_result result;
	struct vmem_guest *view;
	struct world w;
	u64 va = VA;
	size_t i;

	world(&w);
	page_at(&w, VA, DATA | ALL, ALL);
	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		struct vmem_ioc_view arg = { .size = sizeof(arg), .rights = rights[i] };
		bool may = i == ARRAY_SIZE(rights) - 1;

		ASSERT_OK(vmem_guest_view(w.guest, &arg));
		ASSERT_OK(vmem_open_fd(arg.out_fd, &view));
		EXPECT_ERR(ask_by(view, w.space, &set, &va, 1, &result, NULL, NULL),
			   may ? 0 : EACCES);
		EXPECT_EQ(!!(*entry_at(&w, VA, 0) & X86_A), may);
		EXPECT_ERR(ask_by(view, w.space, &plain, &va, 1, &result, NULL, NULL),
			   rights[i] & VMEM_IOC_RIGHT_READ ? 0 : EACCES);
		vmem_close(view);
	}
}

/* REGION_DIRTY */

static u64 dirty(struct world *w)
{
	u64 bits = 0;
	struct vmem_ioc_region_dirty arg = {
		.size = sizeof(arg), .flags = VMEM_IOC_DIRTY_CLEAR, .id = w->g.region,
		.gpa = GUEST_GPA, .len = LEN, .bitmap = (uintptr_t)&bits,
	};

	ASSERT_OK(vmem_region_dirty(w->guest, &arg));
	return bits;
}

static u64 page_bit(struct world *w, u64 *entry)
{
	return BIT(((u8 *)entry - w->g.mem) / PAGE);
}

static void written_pages_are_told(void)
{
	struct ask ask = { .what = READ | USER, .mode = WP };
	struct world w;

	world(&w);
	page_at(&w, VA, DATA | ALL, ALL);
	*entry_at(&w, VA, 3) |= X86_A;
	*entry_at(&w, VA, 1) |= X86_A;
	EXPECT_EQ(ask_one(&w, w.space, &ask, VA).status, VMEM_IOC_OK);
	EXPECT_EQ(dirty(&w), 0);
	ask.what |= SET;
	EXPECT_EQ(ask_one(&w, w.space, &ask, VA).status, VMEM_IOC_OK);
	EXPECT_EQ(dirty(&w), page_bit(&w, entry_at(&w, VA, 2)) |
		  page_bit(&w, entry_at(&w, VA, 0)));
	EXPECT_EQ(ask_one(&w, w.space, &ask, VA).status, VMEM_IOC_OK);
	EXPECT_EQ(dirty(&w), 0);
	ask.what ^= READ | WRITE;
	EXPECT_EQ(ask_one(&w, w.space, &ask, VA).status, VMEM_IOC_OK);
	EXPECT_EQ(dirty(&w), page_bit(&w, entry_at(&w, VA, 0)));
	/* refused */
	*entry_at(&w, VA, 0) = DATA | X86_P | X86_US;
	EXPECT_EQ(ask_one(&w, w.space, &ask, VA).status, VMEM_IOC_WRITE);
	EXPECT_EQ(dirty(&w), 0);
}

/* Others at work */

#define COUNT_AT	52		/* bits that say nothing */
#define COUNT		127ULL

static struct {
	_Atomic u64 *entry;
	atomic_bool stop;
	atomic_ulong done;
} flipper;

/* As a vCPU does it that counts in bits of its own. */
static void *flip(void *unused)
{
	u64 entry, next;

	while (!atomic_load(&flipper.stop)) {
		entry = atomic_load(flipper.entry);
		do {
			next = (entry & ~(COUNT << COUNT_AT)) |
			       (((entry >> COUNT_AT) + 1) & COUNT) << COUNT_AT;
		} while (!atomic_compare_exchange_weak(flipper.entry, &entry, next));
		atomic_fetch_add(&flipper.done, 1);
	}
	return NULL;
}

static void loses_nothing(void)
{
	const struct ask ask = { .what = WRITE | USER | SET, .mode = WP };
	u32 i, set = 0, busy = 0, done, level;
	struct vmem_ioc_result result;
	pthread_t thread;
	struct world w;
	u64 va = VA;
	int ret;

	for (level = 0; level < 4; level += 3) {
		world(&w);
		page_at(&w, VA, DATA | ALL, ALL);
		flipper.entry = (_Atomic u64 *)entry_at(&w, VA, level);
		atomic_store(&flipper.done, 0);
		atomic_store(&flipper.stop, false);
		ASSERT(!pthread_create(&thread, NULL, flip, NULL));
		while (!atomic_load(&flipper.done))
			sched_yield();
		for (i = 0; i < 20000; i++) {
			atomic_fetch_and(flipper.entry, ~(X86_A | X86_D));
			ret = ask_by(w.guest, w.space, &ask, &va, 1, &result, NULL, &done);
			if (ret) {
				ASSERT_EQ(ret, -EBUSY);
				ASSERT_EQ(done, 0);
				busy++;
				continue;
			}
			ASSERT_EQ(result.status, VMEM_IOC_OK);
			ASSERT_EQ(atomic_load(flipper.entry) & (X86_A | X86_D),
				  X86_A | (level ? 0 : X86_D));
			set++;
		}
		atomic_store(&flipper.stop, true);
		ASSERT(!pthread_join(thread, NULL));
		EXPECT_EQ(atomic_load(flipper.entry) >> COUNT_AT & COUNT, atomic_load(&flipper.done) & COUNT);
		vmem_close(w.guest);
	}
	EXPECT(set);
	ktap_msg("%u were set, of %u an entry changed too often", set, busy);
}

static const struct ktap_case cases[] = {
	CASE(statuses),
	CASE(sets),
	CASE(sets_in_private_file),
	CASE(refused_sets_nothing),
	CASE(crossing),
	CASE(sets_many),
	CASE(frozen),
	CASE_IF(right_to_change, module, "descriptors, which the module has"),
	CASE(written_pages_are_told),
	CASE(loses_nothing),
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--local")) {
		local = true;
		argc--;
		argv++;
	}
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
