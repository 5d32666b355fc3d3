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

/* What spaces share: tables of this level, which span 512 GiB. */
#define LINK_LEVEL	2
#define LINK_SPAN	(1ULL << 39)

#define VECTOR_PF	14
#define PF_PRESENT	(1U << 0)
#define PF_WRITE	(1U << 1)

/* A write, in supervisor or user mode, to a page that is there. */
#define PF_WRITE_REFUSED (PF_PRESENT | PF_WRITE)

static int failed(struct guest *g, const char *call, int ret)
{
	if (ret < 0)
		g->call = call;
	return ret;
}

/* Memory of ours: pages of a memfd, so that others can be given it too. */
static int memory_of_memfd(struct guest *g, struct guest_region *region, __u64 len)
{
	void *host;
	int fd, ret;

	fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0)
		return failed(g, "memfd_create", -errno);
	ret = ftruncate(fd, len) ? -errno : 0;
	if (!ret) {
		host = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		ret = host == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (ret)
		return failed(g, "memory of a memfd", ret);
	region->host = host;
	region->len = len;
	return 0;
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
	void *host;
	int ret;

	if (!g->options.owned) {
		ret = memory_of_memfd(g, region, len);
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
	return failed(g, "KVM_SET_USER_MEMORY_REGION",
		      machine_memory(&g->machine, gpa, region->host, len,
				     flags & VMEM_IOC_REGION_FROZEN));
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

/* What the vCPU needs: its own pages, the stack, the page of facts. */
static int map_common(struct guest *g)
{
	const struct vmem_ioc_mapping mappings[] = {
		{ .va = GUEST_SYSTEM_VA, .gpa = SYSTEM_GPA, .len = VCPU_CODE_LEN,
		  .attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_X },
		{ .va = GUEST_SYSTEM_VA + VCPU_CODE_LEN,
		  .gpa = SYSTEM_GPA + VCPU_CODE_LEN,
		  .len = VCPU_SYSTEM_LEN - VCPU_CODE_LEN,
		  .attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W },
		{ .va = GUEST_INFO_VA, .gpa = INFO_GPA, .len = PAGE_SIZE,
		  .attrs = VMEM_IOC_ATTR_R },
		{ .va = GUEST_STACK_VA, .gpa = STACK_GPA, .len = GUEST_STACK_LEN,
		  .attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W },
		{ .va = GUEST_WINDOW_VA, .gpa = 0, .len = g->memory.len,
		  .attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W },
	};
	size_t i, nr = sizeof(mappings) / sizeof(mappings[0]);
	int ret = 0;

	nr -= !g->options.window;
	for (i = 0; !ret && i < nr; i++) {
		struct vmem_ioc_mapping mapping = mappings[i];

		mapping.kind = VMEM_IOC_KIND_BASIC;
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
		.attrs	= VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W,
	};
	__u64 index = space;
	int ret;

	ret = guest_take(g, PAGE_SIZE, &mapping.gpa);
	if (ret)
		return ret;
	memcpy(guest_host(g, mapping.gpa, PAGE_SIZE), &index, sizeof(index));
	return guest_map(g, space, &mapping, 0);
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
	ret = machine_open(&g->machine);
	if (ret)
		return failed(g, "/dev/kvm", ret);
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

void guest_close(struct guest *g)
{
	/* the vCPU first: its memory is still there while it can run */
	machine_close(&g->machine);
	vmem_close(g->vmem);
	if (g->memory.len)
		munmap(g->memory.host, g->memory.len);
	if (g->frozen.len)
		munmap(g->frozen.host, g->frozen.len);
}

int guest_freeze(struct guest *g, __u64 len)
{
	return add_region(g, &g->frozen, g->memory.len, len, VMEM_IOC_REGION_FROZEN);
}

int guest_take(struct guest *g, __u64 len, __u64 *gpa)
{
	if (len > g->memory.len - g->next)
		return failed(g, "guest memory", -ENOMEM);
	*gpa = g->next;
	g->next += len;
	/* a program with a window may have written there */
	memset(guest_host(g, *gpa, len), 0, len);
	return 0;
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

/* The page of facts tells the roots. */
static void set_info(struct guest *g)
{
	struct program_info info = {
		.levels		= g->options.levels,
		.nr_spaces	= g->options.nr_spaces,
		.private_va	= GUEST_PRIVATE_VA,
		.window_va	= g->options.window ? GUEST_WINDOW_VA : 0,
		.memory_len	= g->memory.len,
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

int guest_changed(struct guest *g, __u32 space, const struct vmem_ioc_change *change)
{
	int ret = 0;

	if (change->out_changes & VMEM_IOC_CHANGE_MOVED &&
	    change->out_root != g->roots[space])
		ret = change_root(g, space, change->out_root);
	if (ret || change->out_flush == VMEM_IOC_FLUSH_NONE)
		return ret;
	return flush(g, change->out_generation);
}

/*
 * What follows a changing call, whatever its answer: what was done before it
 * stopped is to be flushed too.
 */
static int after(struct guest *g, __u32 space, const char *call, int answer,
		 const struct vmem_ioc_change *change)
{
	int ret = guest_changed(g, space, change);

	return answer ? failed(g, call, answer) : ret;
}

/*
 * Has a call changed nothing since the tables that it wants were freed after the
 * last flush, and is there one now? Then it is to be called again.
 */
static bool flushed_now(struct guest *g, int answer,
			const struct vmem_ioc_change *change)
{
	return answer == -EAGAIN && !flush(g, change->out_generation);
}

int guest_map(struct guest *g, __u32 space,
	      const struct vmem_ioc_mapping *mapping, __u32 flags)
{
	struct vmem_ioc_map map = {
		.size		= sizeof(map),
		.flags		= flags,
		.space		= g->spaces[space],
		.nr		= 1,
		.mappings	= (unsigned long)mapping,
	};
	int ret = vmem_space_map(g->vmem, &map);

	if (flushed_now(g, ret, &map.change))
		ret = vmem_space_map(g->vmem, &map);
	return after(g, space, "MAP", ret, &map.change);
}

int guest_protect(struct guest *g, __u64 start, __u64 last, __u32 attrs)
{
	const __u32 all = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X;
	struct vmem_ioc_protect protect = {
		.size	= sizeof(protect),
		.flags	= VMEM_IOC_RANGE_SHARED_OK,
		.space	= g->spaces[0],
		.start	= start,
		.last	= last,
		.set	= attrs,
		.clear	= all & ~attrs,
	};
	int ret = vmem_space_protect(g->vmem, &protect);

	if (flushed_now(g, ret, &protect.change))
		ret = vmem_space_protect(g->vmem, &protect);
	return after(g, 0, "PROTECT", ret, &protect.change);
}

/* The table at @base of the first space, for all others too. */
static int link_table(struct guest *g, __u64 base)
{
	int ret = 0;
	__u32 i;

	for (i = 1; !ret && i < g->options.nr_spaces; i++) {
		struct vmem_ioc_link link = {
			.size		= sizeof(link),
			.space		= g->spaces[i],
			.owner		= g->spaces[0],
			.our_va		= base,
			.their_va	= base,
			.depth		= g->options.levels - 1 - LINK_LEVEL,
		};

		ret = vmem_space_link(g->vmem, &link);
		if (flushed_now(g, ret, &link.change))
			ret = vmem_space_link(g->vmem, &link);
		ret = after(g, i, "LINK", ret, &link.change);
	}
	return ret;
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
	__u64 base, linked = GUEST_PRIVATE_VA;
	struct vmem_ioc_record record;
	struct vmem_walker *walker;
	int nr, ret;

	ret = vmem_walk_create(g->vmem, &create, &walker);
	if (ret)
		return failed(g, "WALK_CREATE", ret);
	/* mappings come in ascending order: one table after the other */
	while (!ret && (nr = vmem_walk_read(walker, &record, 1)) != 0) {
		if (nr < 0) {
			ret = failed(g, "the walk", nr);
			break;
		}
		base = record.va & ~(LINK_SPAN - 1);
		if (record.type != VMEM_IOC_REC_MAPPING || base == linked ||
		    base == GUEST_PRIVATE_VA)
			continue;
		ret = link_table(g, base);
		linked = base;
	}
	vmem_walk_close(walker);
	return ret;
}

int guest_start(struct guest *g, __u64 entry)
{
	struct vcpu_start start = {
		.levels		= g->options.levels,
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
	return failed(g, g->options.levels == 5 ? "a vCPU with 5 levels" : "a vCPU",
		      machine_vcpu(&g->machine, &start, &g->vcpu));
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
		     (result.leaf & VMEM_IOC_ATTR_X);
	/* the tables are those of all spaces, and so is the copy */
	ret = guest_map(g, space, &copy,
			VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SHARED_OK);
	if (!ret)
		g->copied++;
	return ret;
}
