// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A guest: memory, tables, a vCPU. See guest.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define PAGE_SIZE	4096ULL

/* Memory below the pool: one page of nothing, then these. */
#define SYSTEM_GPA	0x1000ULL
#define INFO_GPA	0x4000ULL
#define STACK_GPA	0x10000ULL

/*
 * A vCPU or another call that is in the way goes. So often is a call made again
 * all the same, and no more.
 */
#define TRIES_MAX	100
#define CALL_AGAIN	1

/* What spaces share: tables of this level, which span 512 GiB. */
#define LINK_LEVEL	2
#define LINK_SPAN	(1ULL << 39)

#define VECTOR_PF	14
#define PF_PRESENT	(1U << 0)
#define PF_WRITE	(1U << 1)
#define PF_USER		(1U << 2)

/* A write, in supervisor or user mode, to a page that is there. */
#define PF_WRITE_REFUSED (PF_PRESENT | PF_WRITE)

static int failed(struct guest *g, const char *call, int ret)
{
	if (ret < 0)
		g->call = call;
	return ret;
}

static bool size_good(__u64 len, __u64 min)
{
	return len >= min && len <= GUEST_MEMORY_MAX && !(len % PAGE_SIZE);
}

/* Pages of a memfd, so that others can be given them too. */
static int memfd(struct guest *g, struct guest_region *region, __u64 len)
{
	region->fd = memfd_create("guest", MFD_CLOEXEC);
	if (region->fd < 0)
		return failed(g, "memfd_create", -errno);
	return failed(g, "memory of a memfd", ftruncate(region->fd, len) ? -errno : 0);
}

static int guest_memfd(struct guest *g, struct guest_region *region, __u64 len)
{
	region->fd = machine_guest_memfd(&g->machine, len);
	return failed(g, "a guest_memfd that can be mapped (Linux 6.18)",
		      region->fd < 0 ? region->fd : 0);
}

/* Memory of ours, of a file that is mapped. */
static int memory_of_file(struct guest *g, struct guest_region *region, __u64 len,
			  bool of_kvm)
{
	int ret = of_kvm ? guest_memfd(g, region, len) : memfd(g, region, len);
	void *host;

	if (ret)
		return ret;
	host = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
	if (host == MAP_FAILED)
		return failed(g, "mmap of memory", -errno);
	region->host = host;
	region->len = len;
	return 0;
}

static int add_slot(struct guest *g, const struct guest_region *region, __u32 flags,
		    bool of_kvm)
{
	if (of_kvm)
		return failed(g, "KVM_SET_USER_MEMORY_REGION2",
			      machine_memory_of(&g->machine, region->gpa, region->host,
						region->len, region->fd));
	return failed(g, "KVM_SET_USER_MEMORY_REGION",
		      machine_memory(&g->machine, region->gpa, region->host, region->len,
				     flags & VMEM_IOC_REGION_FROZEN));
}

static int add_region(struct guest *g, struct guest_region *region, __u64 gpa,
		      __u64 len, __u32 flags)
{
	struct vmem_ioc_region_create create = {
		.size	= sizeof(create),
		.flags	= flags,
		.kind	= g->options.owned ? VMEM_IOC_REGION_OWNED :
					     VMEM_IOC_REGION_USER,
		.gpa	= gpa,
		.len	= len,
	};
	bool of_kvm = g->options.guest_memfd && !(flags & VMEM_IOC_REGION_FROZEN);
	void *host;
	int ret;

	if (!g->options.owned) {
		ret = memory_of_file(g, region, len, of_kvm);
		if (ret)
			return ret;
		create.user_addr = (unsigned long)region->host;
	}
	ret = vmem_region_create(g->vmem, &create);
	if (ret)
		return failed(g, "REGION_CREATE", ret);
	region->id = create.out_id;
	region->gpa = gpa;
	if (g->options.owned) {
		ret = vmem_region_mmap(g->vmem, create.out_mmap_offset, len,
				       PROT_READ | PROT_WRITE, &host);
		if (ret)
			return failed(g, "mmap of a region", ret);
		region->host = host;
		region->len = len;
	}
	return add_slot(g, region, flags, of_kvm);
}

static int add_space(struct guest *g, __u32 index)
{
	struct vmem_ioc_space_create create = {
		.size	= sizeof(create),
		.flags	= VMEM_IOC_SPACE_NEW,
		.format	= g->options.levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
						   VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.pool	= g->pool,
	};
	int ret = vmem_space_create(g->vmem, &create);

	if (ret)
		return failed(g, "SPACE_CREATE", ret);
	g->spaces[index] = create.out_id;
	g->roots[index] = create.out_root;
	return 0;
}

__u32 guest_attrs(const struct guest *g, __u32 attrs)
{
	return attrs | (g->options.user ? VMEM_IOC_ATTR_U : 0);
}

/* What the vCPU and the program need: its own pages, the stack, the page of facts. */
static int map_common(struct guest *g)
{
	const __u32 read = guest_attrs(g, VMEM_IOC_ATTR_R);
	const struct vmem_ioc_mapping mappings[] = {
		{ .va = GUEST_SYSTEM_VA, .gpa = SYSTEM_GPA, .len = VCPU_CODE_LEN,
		  .attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_X },
		{ .va = GUEST_SYSTEM_VA + VCPU_CODE_LEN,
		  .gpa = SYSTEM_GPA + VCPU_CODE_LEN,
		  .len = VCPU_SYSTEM_LEN - VCPU_CODE_LEN,
		  .attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W },
		{ .va = GUEST_INFO_VA, .gpa = INFO_GPA, .len = PAGE_SIZE,
		  .attrs = read },
		{ .va = GUEST_STACK_VA, .gpa = STACK_GPA, .len = GUEST_STACK_LEN,
		  .attrs = read | VMEM_IOC_ATTR_W },
		{ .va = GUEST_WINDOW_VA, .gpa = 0, .len = g->memory.len,
		  .attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W },
	};
	size_t i, nr = sizeof(mappings) / sizeof(mappings[0]);
	int ret = 0;

	nr -= !g->options.window;
	for (i = 0; !ret && i < nr; i++) {
		struct vmem_ioc_mapping mapping = mappings[i];

		mapping.kind = VMEM_IOC_KIND_BASIC;
		mapping.page_sizes = g->options.page_sizes;
		ret = guest_map(g, 0, &mapping, 0);
	}
	return ret;
}

/* A page of its own for each space, at the same address. */
static int map_private(struct guest *g, __u32 space)
{
	struct vmem_ioc_mapping mapping = {
		.va	= GUEST_PRIVATE_VA,
		.len	= PAGE_SIZE,
		.kind	= VMEM_IOC_KIND_BASIC,
		.attrs	= guest_attrs(g, VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W),
	};
	__u64 index = space;
	int ret;

	ret = guest_take(g, PAGE_SIZE, &mapping.gpa);
	if (ret)
		return ret;
	memcpy(guest_host(g, mapping.gpa, PAGE_SIZE), &index, sizeof(index));
	return guest_map(g, space, &mapping, 0);
}

static int check_options(struct guest *g)
{
	const struct guest_options *options = &g->options;

	if (!size_good(options->memory_len, GUEST_MEMORY_MIN))
		return failed(g, "memory of whole pages, 4M to 2G", -EINVAL);
	if (!options->nr_spaces || options->nr_spaces > PROGRAM_SPACES_MAX)
		return failed(g, "the number of spaces", -EINVAL);
	if (options->levels != 4 && options->levels != 5)
		return failed(g, "tables of 4 or 5 levels", -EINVAL);
	if (options->owned && options->guest_memfd)
		return failed(g, "memory of vmem's own and of a guest_memfd", -EINVAL);
	if (options->user && options->window)
		return failed(g, "a window for user mode", -EINVAL);
	if (options->page_sizes & ~GUEST_PAGE_SIZES ||
	    (options->page_sizes && !(options->page_sizes & PAGE_SIZE)))
		return failed(g, "sizes of pages", -EINVAL);
	if (options->levels == 5 && !g->machine.has_la57)
		return failed(g, "5 levels of tables: CPU or KVM has no LA57", -EOPNOTSUPP);
	return 0;
}

int guest_open(struct guest *g, const struct guest_options *options)
{
	struct vmem_ioc_range range = {
		.gpa = GUEST_POOL_GPA, .len = GUEST_POOL_LEN,
	};
	struct vmem_ioc_pool_create pool = {
		.size		= sizeof(pool),
		.ranges		= (unsigned long)&range,
		.nr_ranges	= 1,
	};
	__u32 i;
	int ret;

	memset(g, 0, sizeof(*g));
	g->options = *options;
	g->next = GUEST_FREE_GPA;
	g->memory.fd = g->frozen.fd = -1;
	ret = machine_open(&g->machine);
	if (ret)
		return failed(g, "/dev/kvm", ret);
	ret = check_options(g);
	if (ret)
		return ret;
	if (!g->machine.has_1g)
		g->options.page_sizes &= ~(1ULL << 30);
	ret = options->local ? vmem_open_local(&g->vmem) : vmem_open(NULL, &g->vmem);
	if (ret)
		return failed(g, options->local ? "libvmem" : "/dev/vmem", ret);
	ret = add_region(g, &g->memory, 0, options->memory_len, 0);
	if (ret)
		return ret;
	ret = vmem_pool_create(g->vmem, &pool);
	if (ret)
		return failed(g, "POOL_CREATE", ret);
	g->pool = pool.out_id;
	for (i = 0; !ret && i < options->nr_spaces; i++)
		ret = add_space(g, i);
	if (ret)
		return ret;
	ret = map_common(g);
	for (i = 0; !ret && i < options->nr_spaces; i++)
		ret = map_private(g, i);
	return ret;
}

static void close_region(struct guest_region *region)
{
	if (region->len)
		munmap(region->host, region->len);
	if (region->fd >= 0)
		close(region->fd);
}

void guest_close(struct guest *g)
{
	/* the vCPU first: its memory is still there while it can run */
	machine_close(&g->machine);
	vmem_close(g->vmem);
	close_region(&g->memory);
	close_region(&g->frozen);
}

int guest_freeze(struct guest *g, __u64 len)
{
	if (g->frozen.len)
		return failed(g, "frozen memory, once more", -EEXIST);
	if (!size_good(len, PAGE_SIZE))
		return failed(g, "frozen memory of whole pages, up to 2G", -EINVAL);
	return add_region(g, &g->frozen, g->memory.len, len, VMEM_IOC_REGION_FROZEN);
}

int guest_take(struct guest *g, __u64 len, __u64 *gpa)
{
	if (!len || len % PAGE_SIZE)
		return failed(g, "memory of whole pages", -EINVAL);
	if (len > g->memory.len - g->next)
		return failed(g, "guest memory", -ENOMEM);
	*gpa = g->next;
	g->next += len;
	/* a program may have written there, by its window only */
	if (g->options.window)
		memset(guest_host(g, *gpa, len), 0, len);
	return 0;
}

__u64 guest_fit(const struct guest *g, __u64 va, __u64 len, __u64 next, __u64 end)
{
	__u64 size, first, start;

	for (size = 1ULL << 30; size > PAGE_SIZE; size >>= 9) {
		first = (va + (size - 1)) & ~(size - 1);
		start = next + ((va - next) & (size - 1));
		if (g->options.page_sizes & size && first - va <= len &&
		    len - (first - va) >= size && start <= end && len <= end - start)
			return start;
	}
	return next;
}

void *guest_host(const struct guest *g, __u64 gpa, __u64 len)
{
	const struct guest_region *region = &g->memory;

	if (gpa >= g->memory.len)
		region = &g->frozen;
	gpa -= region->gpa;
	return len <= region->len && gpa <= region->len - len ? region->host + gpa :
								NULL;
}

int guest_take_for(struct guest *g, __u64 va, __u64 len, __u64 *gpa)
{
	g->next = guest_fit(g, va, len, g->next, g->memory.len);
	return guest_take(g, len, gpa);
}

/* The page of facts tells the roots. */
static void set_info(struct guest *g)
{
	struct program_info info = {
		.levels		= g->options.levels,
		.nr_spaces	= g->options.nr_spaces,
		.private_va	= GUEST_PRIVATE_VA,
		.window_va	= g->options.window ? GUEST_WINDOW_VA : 0,
		.memory_len	= g->memory.len,
		.system_va	= GUEST_SYSTEM_VA,
	};

	memcpy(info.cr3, g->roots, sizeof(info.cr3));
	memcpy(guest_host(g, INFO_GPA, sizeof(info)), &info, sizeof(info));
}

/* For every vCPU that runs on the old one. */
static int change_root(struct guest *g, __u32 space, __u64 root)
{
	__u64 old = g->roots[space];
	int ret = 0;
	__u32 i;

	g->roots[space] = root;
	set_info(g);
	for (i = 0; !ret && i < g->machine.nr_vcpus; i++)
		ret = vcpu_replace_cr3(&g->machine.vcpus[i], old, root);
	return failed(g, "KVM_SET_SREGS", ret);
}

/* vmem is told of a flush only when all vCPUs have had it. */
static int flush(struct guest *g, __u64 generation)
{
	struct vmem_ioc_flushed flushed = {
		.size		= sizeof(flushed),
		.generation	= generation,
	};
	int ret = machine_flush(&g->machine);

	if (ret)
		return failed(g, "the flush", ret);
	g->flushes++;
	return failed(g, "FLUSHED", vmem_guest_flushed(g->vmem, &flushed));
}

/* @want_flush: also where the call asks for none. */
static int changed(struct guest *g, __u32 space,
		   const struct vmem_ioc_change *change, bool want_flush)
{
	int ret = 0;

	if (change->out_changes & VMEM_IOC_CHANGE_MOVED &&
	    change->out_root != g->roots[space])
		ret = change_root(g, space, change->out_root);
	if (ret || (change->out_flush == VMEM_IOC_FLUSH_NONE && !want_flush))
		return ret;
	return flush(g, change->out_generation);
}

int guest_changed(struct guest *g, __u32 space, const struct vmem_ioc_change *change)
{
	return changed(g, space, change, false);
}

/*
 * What follows a changing call, whatever its answer: a root may have moved, and
 * what was done before it stopped is to be flushed too. If that fails, it is what
 * is told: the vCPUs can't go on. With EAGAIN, the tables that the call wants were
 * freed after the last flush; with EBUSY, somebody was in the way.
 *
 * Return: CALL_AGAIN: for what it left; 0; -errno.
 */
static int after(struct guest *g, __u32 space, const char *call, int answer,
		 const struct vmem_ioc_change *change, unsigned int *tries)
{
	int ret = changed(g, space, change, answer == -EAGAIN);

	if (ret)
		return ret;
	if ((answer == -EAGAIN || answer == -EBUSY) && ++*tries < TRIES_MAX)
		return CALL_AGAIN;
	return failed(g, call, answer);
}

int guest_map(struct guest *g, __u32 space,
	      const struct vmem_ioc_mapping *mapping, __u32 flags)
{
	struct vmem_ioc_mapping left = *mapping;
	struct vmem_ioc_map map = {
		.size		= sizeof(map),
		.flags		= flags,
		.space		= g->spaces[space],
		.nr		= 1,
		.mappings	= (unsigned long)&left,
	};
	unsigned int tries = 0;
	int ret;

	do {
		ret = vmem_space_map(g->vmem, &map);
		ret = after(g, space, "MAP", ret, &map.change, &tries);
		left.va += map.change.out_done_len;
		left.gpa += map.change.out_done_len;
		left.len -= map.change.out_done_len;
	} while (ret == CALL_AGAIN);
	return ret;
}

int guest_protect(struct guest *g, __u64 start, __u64 last, __u32 attrs)
{
	const __u32 all = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X;
	struct vmem_ioc_protect protect = {
		.size	= sizeof(protect),
		.flags	= VMEM_IOC_RANGE_SHARED_OK | VMEM_IOC_RANGE_SPLIT,
		.space	= g->spaces[0],
		.start	= start,
		.last	= last,
		.set	= attrs,
		.clear	= all & ~attrs,
	};
	unsigned int tries = 0;
	int ret;

	do {
		ret = vmem_space_protect(g->vmem, &protect);
		ret = after(g, 0, "PROTECT", ret, &protect.change, &tries);
		protect.start += protect.change.out_done_len;
	} while (ret == CALL_AGAIN);
	return ret;
}

/*
 * The table at @base of the first space, for all others too, by entries that grant
 * what those of the first do: users' pages lie in the lower half alone.
 */
static int link_table(struct guest *g, __u64 base)
{
	__u32 grants = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X, path = 0;
	unsigned int tries = 0;
	int ret = 0;
	__u32 i;

	if (base < GUEST_WINDOW_VA)
		grants = guest_attrs(g, grants);
	for (i = LINK_LEVEL + 1; i < g->options.levels; i++)
		path |= grants << VMEM_IOC_PATH_SHIFT(i);
	for (i = 1; ret >= 0 && i < g->options.nr_spaces; i += !ret) {
		struct vmem_ioc_link link = {
			.size		= sizeof(link),
			.space		= g->spaces[i],
			.owner		= g->spaces[0],
			.our_va		= base,
			.their_va	= base,
			.depth		= g->options.levels - 1 - LINK_LEVEL,
			.path		= path,
			.path_given	= 1,
		};

		ret = vmem_space_link(g->vmem, &link);
		ret = after(g, i, "LINK", ret, &link.change, &tries);
	}
	return ret;
}

/*
 * All tables that a record lies in. Records come in ascending order: only the
 * first of them can be @linked, the last table of the record before.
 */
static int link_record(struct guest *g, const struct vmem_ioc_record *record,
		       __u64 *linked)
{
	__u64 last = (record->va + (record->len - 1)) & ~(LINK_SPAN - 1);
	__u64 base = record->va & ~(LINK_SPAN - 1);
	int ret = 0;

	for (;; base += LINK_SPAN) {
		if (base != *linked && base != GUEST_PRIVATE_VA) {
			ret = link_table(g, base);
			*linked = base;
		}
		if (ret || base == last)
			return ret;
	}
}

/* All that the first space maps but its private page, for all others too. */
static int link_spaces(struct guest *g)
{
	struct vmem_ioc_walk_create create = {
		.size	= sizeof(create),
		.spaces	= (unsigned long)g->spaces,
		.nr	= 1,
		.last	= ~0ULL,
	};
	__u64 linked = GUEST_PRIVATE_VA;
	struct vmem_ioc_record record;
	struct vmem_walker *walker;
	int nr, ret;

	ret = vmem_walk_create(g->vmem, &create, &walker);
	if (ret)
		return failed(g, "WALK_CREATE", ret);
	while (!ret && (nr = vmem_walk_read(walker, &record, 1)) != 0) {
		if (nr < 0)
			ret = failed(g, "the walk", nr);
		else if (record.type == VMEM_IOC_REC_MAPPING ||
			 record.type == VMEM_IOC_REC_REFERENCE)
			ret = link_record(g, &record, &linked);
	}
	vmem_walk_close(walker);
	return ret;
}

int guest_start(struct guest *g, __u64 entry)
{
	struct vcpu_start start = {
		.levels		= g->options.levels,
		.user		= g->options.user,
		.cr3		= g->roots[0],
		.rip		= entry,
		.rsp		= GUEST_STACK_VA + GUEST_STACK_LEN,
		.rdi		= GUEST_INFO_VA,
		.system		= guest_host(g, SYSTEM_GPA, VCPU_SYSTEM_LEN),
		.system_va	= GUEST_SYSTEM_VA,
	};
	int ret = 0;

	if (g->options.nr_spaces > 1)
		ret = link_spaces(g);
	if (ret)
		return ret;
	set_info(g);
	return failed(g, "a vCPU", machine_vcpu(&g->machine, &start, &g->vcpu));
}

int guest_translate(struct guest *g, __u32 space, __u64 va,
		    struct vmem_ioc_result *result)
{
	struct vmem_ioc_translate translate = {
		.size		= sizeof(translate),
		.space		= g->spaces[space],
		.nr		= 1,
		.vas		= (unsigned long)&va,
		.results	= (unsigned long)result,
	};

	return failed(g, "TRANSLATE", vmem_space_translate(g->vmem, &translate));
}

int guest_current_space(struct guest *g, struct vcpu *vcpu, __u32 *space)
{
	__u64 cr3;
	int ret = vcpu_cr3(vcpu, &cr3);

	if (ret)
		return failed(g, "KVM_GET_SREGS", ret);
	for (*space = 0; *space < g->options.nr_spaces; ++*space)
		if (g->roots[*space] == cr3)
			return 0;
	return failed(g, "the vCPU's root", -EFAULT);
}

int guest_serve(struct guest *g, struct vcpu *vcpu)
{
	const struct vcpu_frame *frame = vcpu->frame;
	struct vmem_ioc_mapping copy = {
		.va	= frame->cr2 & ~(PAGE_SIZE - 1),
		.len	= PAGE_SIZE,
		.kind	= VMEM_IOC_KIND_BASIC,
	};
	struct vmem_ioc_result result;
	const void *from;
	__u32 space;
	int ret;

	if (frame->vector != VECTOR_PF ||
	    (frame->error & PF_WRITE_REFUSED) != PF_WRITE_REFUSED)
		return -EFAULT;
	ret = guest_current_space(g, vcpu, &space);
	if (ret)
		return ret;
	ret = guest_translate(g, space, copy.va, &result);
	if (ret)
		return ret;
	if (result.status != VMEM_IOC_OK)
		return -EFAULT;
	if (frame->error & PF_USER && !(result.effective & VMEM_IOC_ATTR_U))
		return -EFAULT;
	/* copied for another vCPU since this one's fault */
	if (result.effective & VMEM_IOC_ATTR_W)
		return 0;
	if (!(result.leaf & VMEM_IOC_ATTR_COW))
		return -EFAULT;
	from = guest_host(g, result.gpa, PAGE_SIZE);
	if (!from)
		return -EFAULT;
	ret = guest_take(g, PAGE_SIZE, &copy.gpa);
	if (ret)
		return ret;
	memcpy(guest_host(g, copy.gpa, PAGE_SIZE), from, PAGE_SIZE);
	copy.attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W |
		     (result.leaf & (VMEM_IOC_ATTR_X | VMEM_IOC_ATTR_U));
	/* the tables are those of all spaces, and so is the copy */
	ret = guest_map(g, space, &copy, VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SPLIT |
					 VMEM_IOC_MAP_SHARED_OK);
	if (!ret)
		g->copied++;
	return ret;
}
