// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The draft: the guest's memory as it would be. It is a private mapping of the
 * same files, in which a change is carried out, so that the files stay as they
 * are. What then differs from them is what changed, and may be written.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define PAGE		4096ULL	/* of a table, and what is compared at once */
#define PHYS_BITS_MAX	52

#define REGIONS_MAX	4096	/* that are listed at once: more than there can be */

/* Bytes that stand twice would be changed once. */
static void check_overlap(const struct memory *a, const struct memory *b)
{
	struct stat x, y;

	if (fstat(a->fd, &x) || fstat(b->fd, &y))
		fail("%s: %s", a->path, strerror(errno));
	if (S_ISBLK(x.st_mode) && S_ISBLK(y.st_mode) ?
	    x.st_rdev != y.st_rdev :
	    x.st_dev != y.st_dev || x.st_ino != y.st_ino)
		return;
	if (a->offset < b->offset + b->host_len &&
	    b->offset < a->offset + a->host_len)
		fail("%s: the same bytes are memory twice, and so can't be changed",
		     b->path);
}

static char *draft_map(const struct memory *memory)
{
	bool whole = memory->offset % (__u64)sysconf(_SC_PAGESIZE) == 0;
	int flags = MAP_PRIVATE | MAP_NORESERVE | (whole ? 0 : MAP_ANONYMOUS);
	char *host;

	host = mmap(NULL, memory->host_len, PROT_READ | PROT_WRITE, flags,
		    whole ? memory->fd : -1, whole ? (off_t)memory->offset : 0);
	if (host == MAP_FAILED)
		fail("%s: cannot be mapped to be changed: %s", memory->path,
		     strerror(errno));
	if (!whole)
		memcpy(host, memory->host, memory->host_len);
	return host;
}

static int draft_region(const struct draft *draft, __u64 gpa, __u64 len,
			const char *host, bool frozen)
{
	struct vmem_ioc_region_create region = {
		.size		= sizeof(region),
		.flags		= frozen ? VMEM_IOC_REGION_FROZEN : 0,
		.kind		= VMEM_IOC_REGION_USER,
		.gpa		= gpa,
		.len		= len,
		.user_addr	= (uintptr_t)host,
	};

	return vmem_region_create(draft->guest, &region);
}

/* The first address from @gpa on that is a border of the pool, @end at most. */
static __u64 pool_border(const struct draft *draft, __u64 gpa, __u64 end)
{
	size_t i;

	for (i = 0; i < draft->nr_ranges; i++) {
		__u64 start = draft->ranges[i].gpa;
		__u64 stop = start + draft->ranges[i].len;

		if (start > gpa && start < end)
			end = start;
		if (stop > gpa && stop < end)
			end = stop;
	}
	return end;
}

/*
 * With --movable all is frozen but the pool, and so is copied before it is changed.
 */
static void draft_memory(const struct change *change, const struct memory *memory,
			 const char *host)
{
	__u64 gpa = memory->gpa, end = gpa + memory->host_len, next;
	const struct draft *draft = &change->draft;
	int ret = 0;

	for (; gpa < end && !ret; gpa = next) {
		next = change->movable ? pool_border(draft, gpa, end) : end;
		ret = draft_region(draft, gpa, next - gpa,
				   host + (gpa - memory->gpa), change->movable &&
				   !pool_has(draft, gpa));
	}
	if (ret == -E2BIG)
		fail("--movable: --pool and --memory cut the memory into too many parts");
	if (ret)
		fail("%s: cannot be made memory that is changed: %s",
		     memory->path, strerror(-ret));
}

static int draft_pool(struct draft *draft, struct vmem_ioc_range *ranges, size_t nr)
{
	struct vmem_ioc_pool_create pool = {
		.size		= sizeof(pool),
		.ranges		= (uintptr_t)ranges,
		.nr_ranges	= nr,
	};
	int ret = vmem_pool_create(draft->guest, &pool);

	draft->pool = pool.out_id;
	return ret;
}

/* @new: @root is not given, but answered. */
static int draft_space(const struct change *change, bool new, __u64 *root,
		       __u32 *id)
{
	const struct cpu *cpu = &change->source.cpu;
	struct vmem_ioc_space_create space = {
		.size		= sizeof(space),
		.flags		= cpu->flags,
		.format		= change->source.format_id,
		.pool		= change->draft.pool,
		.root		= new ? 0 : *root,
		.phys_bits	= cpu->phys_bits,
		.cow		= cpu->cow,
		.enc_bit	= cpu->enc_bit,
	};
	int ret;

	if (new)
		space.flags |= VMEM_IOC_SPACE_NEW;
	if (change->movable)
		space.flags |= VMEM_IOC_SPACE_MOVABLE;
	ret = vmem_space_create(change->draft.guest, &space);
	*id = space.out_id;
	if (new)
		*root = space.out_root;
	return ret;
}

/*
 * A space that is changed has a pool. Where none was given, it is one page that
 * is no memory of the guest's, and is a root already: nothing can be taken.
 */
static void draft_no_pool(struct change *change)
{
	const struct cpu *cpu = &change->source.cpu;
	unsigned int bits = cpu->phys_bits ? cpu->phys_bits : PHYS_BITS_MAX;
	__u64 page = (__u64)sysconf(_SC_PAGESIZE), root;
	struct draft *draft = &change->draft;
	struct vmem_ioc_range range = { .len = page };
	__u32 id;
	char *host;
	int ret;

	host = mmap(NULL, page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (host == MAP_FAILED)
		fail("%s", strerror(errno));
	range.gpa = 1ULL << bits;
	do {
		range.gpa -= page;
		if (cpu->enc_bit)
			range.gpa &= ~(1ULL << cpu->enc_bit);
		ret = draft_region(draft, range.gpa, page, host, false);
	} while (ret == -EEXIST && range.gpa);
	range.len = PAGE;
	if (!ret)
		ret = draft_pool(draft, &range, 1);
	if (!ret)
		ret = draft_space(change, true, &root, &id);
	if (ret)
		fail("cannot do without --pool: %s", strerror(-ret));
}

/* Spaces of the same roots, and the new one. */
static void draft_spaces(struct change *change)
{
	const struct source *source = &change->source;
	struct draft *draft = &change->draft;
	size_t i, nr = source->nr_roots + change->new_root;
	int ret;

	draft->spaces = allocate(NULL, nr, sizeof(*draft->spaces));
	draft->roots = allocate(NULL, nr, sizeof(*draft->roots));
	for (i = 0; i < nr; i++) {
		bool new = i == source->nr_roots;

		if (!new)
			draft->roots[i] = source->roots[i];
		ret = draft_space(change, new, &draft->roots[i],
				  &draft->spaces[i]);
		if (ret && new)
			fail("--new-root: %s", strerror(-ret));
		if (ret)
			fail("--root 0x%llx: cannot be changed: %s",
			     source->roots[i], strerror(-ret));
	}
	draft->nr_spaces = nr;
}

/**
 * draft_open() - the memory once more, to be changed
 * @change:	its source is open; out: the draft
 *
 * Failure ends the program.
 */
void draft_open(struct change *change)
{
	const struct source *source = &change->source;
	struct draft *draft = &change->draft;
	size_t i, n;
	int ret;

	for (i = 0; i < source->nr_memories; i++)
		for (n = 0; n < i; n++)
			check_overlap(&source->memories[n],
				      &source->memories[i]);
	ret = vmem_open_local(&draft->guest);
	if (ret)
		fail("%s", strerror(-ret));
	pool_choose(change);
	draft->hosts = allocate(NULL, source->nr_memories,
				sizeof(*draft->hosts));
	for (i = 0; i < source->nr_memories; i++) {
		draft->hosts[i] = draft_map(&source->memories[i]);
		draft_memory(change, &source->memories[i], draft->hosts[i]);
	}
	if (draft->nr_ranges) {
		ret = draft_pool(draft, draft->ranges, draft->nr_ranges);
		if (ret == -EEXIST)
			fail("--pool: ranges overlap");
		if (ret)
			fail("--pool: %s", strerror(-ret));
	} else {
		draft_no_pool(change);
	}
	draft_spaces(change);
}

static void draft_compare_page(struct change *change, size_t memory, __u64 at)
{
	struct draft *draft = &change->draft;

	if (!memcmp(change->source.memories[memory].host + at,
		    draft->hosts[memory] + at, PAGE))
		return;
	if (!(draft->nr_blocks & (draft->nr_blocks - 1)))
		draft->blocks = allocate(draft->blocks, draft->nr_blocks * 2 + 1,
					 sizeof(*draft->blocks));
	draft->blocks[draft->nr_blocks++] = (struct block){ memory, at };
}

/* What was written in a region, all of which is of one memory, or of none. */
static void draft_compare_region(struct change *change,
				 const struct vmem_ioc_item *region)
{
	static __u64 map[VMEM_IOC_DIRTY_LEN_MAX / VMEM_IOC_DIRTY_PAGE / 64];
	const struct source *source = &change->source;
	size_t memory = 0;
	__u64 at, i;
	int ret;

	while (memory < source->nr_memories &&
	       region->gpa - source->memories[memory].gpa >=
	       source->memories[memory].host_len)
		memory++;
	if (memory == source->nr_memories)
		return;
	for (at = 0; at < region->len; at += VMEM_IOC_DIRTY_LEN_MAX) {
		struct vmem_ioc_region_dirty dirty = {
			.size	= sizeof(dirty),
			.id	= region->id,
			.gpa	= region->gpa + at,
			.len	= region->len - at,
			.bitmap	= (uintptr_t)map,
		};

		if (dirty.len > VMEM_IOC_DIRTY_LEN_MAX)
			dirty.len = VMEM_IOC_DIRTY_LEN_MAX;
		ret = vmem_region_dirty(change->draft.guest, &dirty);
		if (ret)
			fail("cannot tell what changed: %s", strerror(-ret));
		for (i = 0; i < dirty.len / PAGE; i++)
			if (le64toh(map[i / 64]) >> i % 64 & 1)
				draft_compare_page(change, memory,
						   dirty.gpa + i * PAGE -
						   source->memories[memory].gpa);
	}
}

/* Which pages differ from the files. */
void draft_compare(struct change *change)
{
	struct vmem_ioc_item *items = allocate(NULL, REGIONS_MAX, sizeof(*items));
	struct vmem_ioc_list list = {
		.size	= sizeof(list),
		.kind	= VMEM_IOC_LIST_REGIONS,
		.items	= (uintptr_t)items,
		.nr	= REGIONS_MAX,
	};
	int ret = vmem_guest_list(change->draft.guest, &list);
	__u32 i;

	if (ret)
		fail("cannot tell what changed: %s", strerror(-ret));
	for (i = 0; i < list.out_nr; i++)
		draft_compare_region(change, &items[i]);
	free(items);
}

/* An entry of a block, in the file or in the draft. */
__u64 draft_entry(const struct change *change, const struct block *block,
		  unsigned int slot, bool draft)
{
	const char *host = draft ? change->draft.hosts[block->memory] :
				   change->source.memories[block->memory].host;

	return le64toh(((const __u64 *)(host + block->at))[slot]);
}

__u64 draft_gpa(const struct change *change, const struct block *block)
{
	return change->source.memories[block->memory].gpa + block->at;
}

/* Return: 0, or an errno. */
static int write_page(int fd, const char *page, __u64 offset)
{
	size_t done = 0;

	while (done < PAGE) {
		ssize_t nr = pwrite(fd, page + done, PAGE - done,
				    (off_t)(offset + done));

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			return nr ? errno : ENOSPC;
		done += (size_t)nr;
	}
	return 0;
}

static int write_block(const struct change *change, const struct block *block,
		       const char *page)
{
	const struct memory *memory = &change->source.memories[block->memory];

	return write_page(memory->fd, page, memory->offset + block->at);
}

/* Return: whether a page is as it was, which it may be without being written. */
static bool write_back(const struct change *change, const struct block *block,
		       const char *page)
{
	const struct memory *memory = &change->source.memories[block->memory];
	char now[PAGE];

	write_block(change, block, page);
	return pread(memory->fd, now, PAGE,
		     (off_t)(memory->offset + block->at)) == PAGE &&
	       !memcmp(now, page, PAGE);
}

/* Tables that are new first: nothing names them until the others are written. */
static size_t *write_order(const struct change *change)
{
	const struct draft *draft = &change->draft;
	size_t *order = allocate(NULL, draft->nr_blocks, sizeof(*order));
	size_t i, nr = 0;
	int pool;

	for (pool = 1; pool >= 0; pool--)
		for (i = 0; i < draft->nr_blocks; i++)
			if (pool_has(draft,
					    draft_gpa(change, &draft->blocks[i])) ==
			    pool)
				order[nr++] = i;
	return order;
}

/**
 * draft_write() - make the files what the draft is
 * @change:	it was compared
 *
 * Where a page can't be written, those before it are written back as they were, and
 * the program ends.
 */
void draft_write(struct change *change)
{
	const struct draft *draft = &change->draft;
	char *before = allocate(NULL, draft->nr_blocks, PAGE);
	size_t *order = write_order(change), i;
	const struct block *block;
	int error = 0;

	/* what is mapped is the file itself, and changes with it */
	for (i = 0; i < draft->nr_blocks; i++) {
		block = &draft->blocks[order[i]];
		memcpy(before + i * PAGE, change->source.memories[block->memory].host +
		       block->at, PAGE);
	}
	for (i = 0; i < draft->nr_blocks && !error; i++) {
		block = &draft->blocks[order[i]];
		error = write_block(change, block,
				    draft->hosts[block->memory] + block->at);
	}
	if (!error)
		goto out;

	note("%s: cannot be written: %s", change->source.memories[block->memory].path,
	     strerror(error));
	while (i--) {
		block = &draft->blocks[order[i]];
		if (!write_back(change, block, before + i * PAGE))
			fail("what lies at 0x%llx stays changed",
			     draft_gpa(change, block));
	}
	fail("all is as it was");
out:
	free(order);
	free(before);
}
