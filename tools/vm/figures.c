// SPDX-License-Identifier: GPL-2.0-only
/*
 * figures: what whole calls of the module cost in this kernel, system call and copies
 * included, beside what the kernel has of its own: KVM_TRANSLATE, one address a call,
 * and PAGEMAP_SCAN over as much memory of this process. They must agree. The least of
 * many rounds counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/vmem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	21
#define PAGE	4096ULL
#define LEN	(256ULL << 20)		/* what is mapped, by pages */
#define TABLES	(4ULL << 20)		/* for tables, behind it */
#define BASE	0x7f0000000000ULL
#define NR	1024
#define CPUIDS	256

/* Linux 6.7's, which older headers lack */
#ifndef PAGEMAP_SCAN
#define PAGEMAP_SCAN	_IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_PRESENT	(1 << 3)
struct page_region {
	__u64 start;
	__u64 end;
	__u64 categories;
};
struct pm_scan_arg {
	__u64 size;
	__u64 flags;
	__u64 start;
	__u64 end;
	__u64 walk_end;
	__u64 vec;
	__u64 vec_len;
	__u64 max_pages;
	__u64 category_inverted;
	__u64 category_mask;
	__u64 category_anyof_mask;
	__u64 return_mask;
};
#endif

static int vmem, vcpu, pagemap;
static uint32_t space;
static uint64_t root;
static char *memory;
static uint64_t vas[NR];
static struct vmem_ioc_result results[NR];
static uint64_t theirs[NR];
static struct vmem_ioc_record records[16];
static struct page_region region;
static ssize_t nr_records, nr_regions;

/* What can't fail. */
static int must(int ret, const char *what)
{
	if (ret < 0) {
		fprintf(stderr, "figures: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return ret;
}

static void agree(int yes, const char *what)
{
	if (!yes) {
		fprintf(stderr, "figures: %s\n", what);
		exit(1);
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void make_guest(void)
{
	struct vmem_ioc_range range = { .gpa = LEN, .len = TABLES };
	struct vmem_ioc_mapping mapping = {
		.va = BASE, .len = LEN, .kind = VMEM_IOC_KIND_BASIC,
		.attrs = VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W,
	};
	struct vmem_ioc_region_create create = {
		.size = sizeof(create), .kind = VMEM_IOC_REGION_USER,
		.len = LEN + TABLES,
	};
	struct vmem_ioc_pool_create pool = {
		.size = sizeof(pool), .ranges = (uintptr_t)&range, .nr_ranges = 1,
	};
	struct vmem_ioc_space_create made = {
		.size = sizeof(made), .flags = VMEM_IOC_SPACE_NEW,
		.format = VMEM_IOC_FORMAT_X86_64_4LEVEL,
	};
	struct vmem_ioc_map map = {
		.size = sizeof(map), .nr = 1, .mappings = (uintptr_t)&mapping,
	};

	memory = mmap(NULL, LEN + TABLES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(memory == MAP_FAILED ? -1 : 0, "memory");
	madvise(memory, LEN + TABLES, MADV_NOHUGEPAGE);
	memset(memory, 1, LEN + TABLES);
	create.user_addr = (uintptr_t)memory;

	vmem = must(open("/dev/vmem", O_RDWR), "/dev/vmem");
	must(ioctl(vmem, VMEM_IOC_REGION_CREATE, &create), "REGION_CREATE");
	must(ioctl(vmem, VMEM_IOC_POOL_CREATE, &pool), "POOL_CREATE");
	made.pool = pool.out_id;
	must(ioctl(vmem, VMEM_IOC_SPACE_CREATE, &made), "SPACE_CREATE");
	space = made.out_id;
	root = made.out_root;
	map.space = space;
	must(ioctl(vmem, VMEM_IOC_MAP, &map), "MAP");
}

/* A vCPU on the same tables. */
static void make_vcpu(void)
{
	struct kvm_userspace_memory_region slot = {
		.memory_size = LEN + TABLES, .userspace_addr = (uintptr_t)memory,
	};
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					     CPUIDS * sizeof(cpuid->entries[0]));
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	struct kvm_sregs sregs;

	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "a memory slot");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	must(cpuid ? 0 : -1, "memory");
	cpuid->nent = CPUIDS;
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	must(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cr0 = 0x80000031;		/* PG, NE, ET, PE */
	sregs.cr3 = root;
	sregs.cr4 = 0x20;		/* PAE */
	sregs.efer = 0xd00;		/* NXE, LMA, LME */
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}

static void ours_translate(void)
{
	struct vmem_ioc_translate ask = {
		.size = sizeof(ask), .space = space, .nr = NR,
		.vas = (uintptr_t)vas, .results = (uintptr_t)results,
	};

	must(ioctl(vmem, VMEM_IOC_TRANSLATE, &ask), "TRANSLATE");
}

static void kvm_translate(void)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		struct kvm_translation ask = { .linear_address = vas[i] };

		must(ioctl(vcpu, KVM_TRANSLATE, &ask), "KVM_TRANSLATE");
		theirs[i] = ask.valid ? ask.physical_address : UINT64_MAX;
	}
}

static int walk(void)
{
	struct vmem_ioc_walk_create create = {
		.size = sizeof(create), .flags = VMEM_IOC_WALK_FOLLOW,
		.spaces = (uintptr_t)&space, .nr = 1,
		.start = BASE, .last = BASE + LEN - 1,
	};

	must(ioctl(vmem, VMEM_IOC_WALK_CREATE, &create), "WALK_CREATE");
	return create.out_fd;
}

static int next_walk;

static void ours_walk(void)
{
	nr_records = read(next_walk, records, sizeof(records)) /
		     (ssize_t)sizeof(records[0]);
}

static void pagemap_scan(void)
{
	struct pm_scan_arg scan = {
		.size = sizeof(scan), .start = (uintptr_t)memory,
		.end = (uintptr_t)memory + LEN, .vec = (uintptr_t)&region,
		.vec_len = 1, .category_mask = PAGE_IS_PRESENT,
		.return_mask = PAGE_IS_PRESENT,
	};

	nr_regions = ioctl(pagemap, PAGEMAP_SCAN, &scan);
	/* before Linux 6.7 there is none */
	if (nr_regions < 0 && errno != ENOTTY)
		must(-1, "PAGEMAP_SCAN");
}

static double round_of(double least, void (*run)(void))
{
	double start = now(), took;

	run();
	took = now() - start;
	return took < least ? took : least;
}

static void row(const char *name, double ours, const char *other, double other_ns)
{
	printf("%-28s %10.1f us   %-28s %10.1f us   %6.3f\n", name, ours / 1e3, other,
	       other_ns / 1e3, ours / other_ns);
}

int main(void)
{
	double translate = 1e18, kvm = 1e18, extents = 1e18, scan = 1e18;
	uint64_t random = 88172645463325252ULL;
	unsigned int i;

	make_guest();
	make_vcpu();
	pagemap = must(open("/proc/self/pagemap", O_RDONLY), "pagemap");
	for (i = 0; i < NR; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		vas[i] = BASE + random % LEN;
	}
	for (i = 0; i < ROUNDS; i++) {
		translate = round_of(translate, ours_translate);
		kvm = round_of(kvm, kvm_translate);
		next_walk = walk();
		extents = round_of(extents, ours_walk);
		close(next_walk);
		scan = round_of(scan, pagemap_scan);
	}
	for (i = 0; i < NR; i++)
		agree(results[i].status == 0 && results[i].gpa == vas[i] - BASE &&
		      theirs[i] == results[i].gpa, "TRANSLATE and KVM_TRANSLATE differ");
	agree(nr_records == 2 && records[0].type == VMEM_IOC_REC_MAPPING &&
	      records[0].va == BASE && records[0].len == LEN &&
	      records[1].type == VMEM_IOC_REC_END, "the walk isn't one extent");
	agree(nr_regions < 0 || (nr_regions == 1 && region.start == (uintptr_t)memory &&
	      region.end == (uintptr_t)memory + LEN), "PAGEMAP_SCAN isn't one region");

	printf("least of %d rounds; they agree\n", ROUNDS);
	row("TRANSLATE of 1,024", translate, "KVM_TRANSLATE, 1,024 times", kvm);
	row("read(2) of extents, 256 MiB", extents,
	    nr_regions < 0 ? "no PAGEMAP_SCAN here" : "PAGEMAP_SCAN of 256 MiB", scan);
	return 0;
}
