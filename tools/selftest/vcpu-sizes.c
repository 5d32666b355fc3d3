// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of all sizes under a vCPU, in ring 0 and in ring 3: what it reads, writes
 * and executes through leaves that are mapped, split, protected, unmapped in part
 * and promoted, what it faults on, and the accessed and dirty bits that it sets.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "ktap.h"
#include "vcpu-probe.h"

/*
 * A GiB of addresses that begins at frame 0, and of it what the test looks at:
 * two leaves of 2 MiB. The same addresses can have the frames behind, too.
 */
#define GIB		(1ULL << 30)
#define LARGE		(1ULL << 21)
#define NR_PAGES	1024
#define LOOK_LEN	(NR_PAGES * PAGE)
#define FRAMES		0x400000ULL
#define NR_FRAMES	(2 * NR_PAGES)

#define ROUNDS		400
#define ACCESSES	12

#define A		VMEM_IOC_ATTR_A
#define D		VMEM_IOC_ATTR_D
#define CACHING		(VMEM_IOC_ATTR_G | VMEM_IOC_ATTR_PCD | \
			 VMEM_IOC_ATTR_PWT | VMEM_IOC_ATTR_PAT)
#define SIZES_ALL	(PAGE | LARGE | GIB)

#define PF_P		1
#define PF_W		2
#define PF_U		4
#define PF_I		16
#define PF_PK		32

#define CR4_PKE		(1ULL << 22)

/**
 * struct page - what a page is expected to be
 * @gpa:	its frame
 * @attrs:	of the leaf, 0: not mapped
 * @accessed:	by the vCPU, since A was taken away
 * @written:	likewise, D
 */
struct page {
	__u64 gpa;
	__u32 attrs;
	bool accessed;
	bool written;
};

struct sizes {
	struct guest g;
	struct probe probe;
	__u64 base;			/* of the GiB */
	__u64 va;			/* of the pages */
	__u64 seed;
	unsigned int ring;
	bool gib;			/* it has leaves of 1 GiB */
	struct page pages[NR_PAGES];
	__u64 values[NR_FRAMES];	/* of the word that is read and written */
	/* what was met */
	__u64 nr_faults[4];		/* by ring */
	__u64 nr_good[4];
	__u64 nr_leaves[3];		/* by level, that accesses went through */
	__u64 nr_split;
	__u64 nr_promoted;
	__u64 nr_flushes;
};

static __u64 some(struct sizes *s, __u64 below)
{
	return (chance(&s->seed) >> 20) % below;
}

static __u64 page_va(const struct sizes *s, size_t n)
{
	return s->va + n * PAGE;
}

static struct vmem_ioc_result look(struct sizes *s, size_t n)
{
	struct vmem_ioc_result result;

	ASSERT_OK(guest_translate(&s->g, 0, page_va(s, n), &result));
	return result;
}

/*
 * What follows a call, and is it to be made again? As out_flush says, and with
 * EAGAIN a flush that vmem asks for.
 */
static bool again(struct sizes *s, int ret, struct vmem_ioc_change *change)
{
	s->nr_flushes += change->out_flush != VMEM_IOC_FLUSH_NONE;
	if (ret == -EAGAIN)
		change->out_flush = VMEM_IOC_FLUSH_ALL;
	ASSERT_OK(guest_changed(&s->g, 0, change));
	if (ret == -EAGAIN)
		return true;
	ASSERT_OK(ret);
	return false;
}

static void protect(struct sizes *s, __u64 start, __u64 len, __u32 set, __u32 clear)
{
	struct vmem_ioc_protect arg = {
		.size = sizeof(arg), .space = s->g.spaces[0], .start = start,
		.last = start + len - 1, .set = set, .clear = clear,
		.flags = VMEM_IOC_RANGE_SPLIT | VMEM_IOC_RANGE_WIDEN,
	};
	int ret;

	do
		ret = vmem_space_protect(s->g.vmem, &arg);
	while (again(s, ret, &arg.change));
}

static void take_away(struct sizes *s, __u64 start, __u64 len)
{
	struct vmem_ioc_unmap arg = {
		.size = sizeof(arg), .space = s->g.spaces[0], .start = start,
		.last = start + len - 1, .flags = VMEM_IOC_RANGE_SPLIT,
	};
	int ret;

	do
		ret = vmem_space_unmap(s->g.vmem, &arg);
	while (again(s, ret, &arg.change));
}

static void promote(struct sizes *s, __u64 start, __u64 len, __u32 levels)
{
	struct vmem_ioc_promote arg = {
		.size = sizeof(arg), .space = s->g.spaces[0], .start = start,
		.last = start + len - 1, .leaf_levels = levels,
	};
	int ret;

	do
		ret = vmem_space_promote(s->g.vmem, &arg);
	while (again(s, ret, &arg.change));
	s->nr_promoted += arg.change.out_pages != 0;
}

static void put(struct sizes *s, __u64 va, __u64 gpa, __u64 len, __u32 attrs,
		__u64 page_sizes)
{
	const struct vmem_ioc_mapping mapping = {
		.va = va, .gpa = gpa, .len = len, .attrs = attrs,
		.kind = VMEM_IOC_KIND_BASIC, .page_sizes = page_sizes,
		.flags = VMEM_IOC_MAPPING_AD,
	};

	ASSERT_OK(guest_map(&s->g, 0, &mapping,
			    VMEM_IOC_MAP_REPLACE | VMEM_IOC_MAP_SPLIT |
			    VMEM_IOC_MAP_WIDEN));
}

/* The vCPU's segments, as user mode has them, and the stack may be its. */
static void enter_ring(struct sizes *s, unsigned int ring)
{
	/* code and data of a user, where the GDT has room behind the TSS */
	static const __u64 gdt[] = { 0x0020fb0000000000ULL, 0x00cff3000000ffffULL };
	int fd = s->probe.vcpu->fd;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	char *system = (char *)(s->probe.frame + 1) - VCPU_SYSTEM_LEN;

	ASSERT(!ioctl(fd, KVM_GET_SREGS, &sregs));
	ASSERT(!ioctl(fd, KVM_GET_REGS, &regs));
	memcpy(system + (sregs.gdt.base & (PAGE - 1)) + 0x28, gdt, sizeof(gdt));
	sregs.cs.selector = ring ? 0x28 | ring : 0x08;
	sregs.ss.selector = ring ? 0x30 | ring : 0x10;
	sregs.cs.dpl = sregs.ss.dpl = ring;
	/* it makes output to ports */
	regs.rflags |= 3 << 12;
	ASSERT(!ioctl(fd, KVM_SET_SREGS, &sregs));
	ASSERT(!ioctl(fd, KVM_SET_REGS, &regs));
	s->ring = ring;
}

/* Of an access in supervisor or user mode, no SMEP and no SMAP. */
static __u64 fault_of(const struct sizes *s, __u32 attrs, enum access access)
{
	static const __u64 bits[] = { 0, PF_W, PF_I };
	static const __u32 needs[] = { R, W, X };

	if (attrs & needs[access] && (!s->ring || attrs & VMEM_IOC_ATTR_U))
		return NO_FAULT;
	return bits[access] | (attrs ? PF_P : 0) | (s->ring ? PF_U : 0);
}

/* KVM's walker, and vmem's, of this page. */
static void expect_translated(struct sizes *s, size_t n)
{
	const struct page *page = &s->pages[n];
	struct vmem_ioc_result result = look(s, n);
	__u64 gpa = 0, va = page_va(s, n) + 0x123;
	int ret = vcpu_translate(s->probe.vcpu, va, &gpa);

	if (!page->attrs) {
		EXPECT_EQ(ret, -ENOENT);
		EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
		return;
	}
	EXPECT_EQ(ret, 0);
	EXPECT_EQ(gpa, page->gpa + 0x123);
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, page->gpa);
	EXPECT_EQ(result.leaf & (R | W | X | VMEM_IOC_ATTR_U | CACHING), page->attrs);
	EXPECT_EQ(result.effective,
		  page->attrs & (R | W | X | VMEM_IOC_ATTR_U));
}

static void access_page(struct sizes *s, size_t n, enum access access)
{
	struct page *page = &s->pages[n];
	__u64 at = page_va(s, n) + (access == ACCESS_EXEC ? 0 : 8);
	__u64 error = fault_of(s, page->attrs, access), want, value;
	size_t frame = page->attrs ? (page->gpa - FRAMES) / PAGE : 0;
	struct outcome outcome;
	bool same;

	value = access == ACCESS_WRITE ? chance(&s->seed) : 0;
	want = access == ACCESS_EXEC ? frame + 1 :
	       access == ACCESS_WRITE ? value : s->values[frame];
	outcome = probe_access(&s->g, &s->probe, access, at, value, false);
	if (error != NO_FAULT) {
		same = outcome.vector == VECTOR_PF && outcome.error == error &&
		       outcome.cr2 == at;
		s->nr_faults[s->ring]++;
	} else {
		same = outcome.vector == NO_FAULT && outcome.value == want;
		s->nr_good[s->ring]++;
		s->nr_leaves[(look(s, n).page_lg2 - 12) / 9]++;
		page->accessed = true;
		if (access == ACCESS_WRITE) {
			page->written = true;
			s->values[frame] = value;
		}
	}
	if (same)
		return;
	ktap_fail(__FILE__, __LINE__,
		  "ring %u, access %d at 0x%llx, attributes 0x%x, frame 0x%llx: vector %lld, error 0x%llx, CR2 0x%llx, value 0x%llx; not error 0x%llx, value 0x%llx",
		  s->ring, access, at, page->attrs, page->gpa, outcome.vector,
		  outcome.error, outcome.cr2, outcome.value, error, want);
	ktap_give_up();
}

/* None was lost that the vCPU has set. Return: pages of larger leaves. */
static unsigned int expect_bits(struct sizes *s)
{
	unsigned int lost = 0, larger = 0;
	struct vmem_ioc_result result;
	size_t n;

	for (n = 0; n < NR_PAGES; n++) {
		const struct page *page = &s->pages[n];

		if (!page->attrs)
			continue;
		result = look(s, n);
		larger += result.page_lg2 > 12;
		lost += (page->accessed && !(result.leaf & A)) ||
			(page->written && !(result.leaf & D));
	}
	EXPECT_EQ(lost, 0);
	return larger;
}

/* Memory is what was written, and nothing else. */
static void expect_memory(struct sizes *s)
{
	__u64 word, wrong = 0;
	size_t n;

	for (n = 0; n < NR_FRAMES; n++) {
		memcpy(&word, guest_host(&s->g, FRAMES + n * PAGE + 8, 8), 8);
		wrong += word != s->values[n];
	}
	EXPECT_EQ(wrong, 0);
}

static __u32 some_attrs(struct sizes *s)
{
	__u32 attrs = R;

	attrs |= some(s, 3) ? W : 0;
	attrs |= some(s, 3) ? X : 0;
	attrs |= some(s, 4) ? VMEM_IOC_ATTR_U : 0;
	return some(s, 4) ? attrs : attrs | (chance(&s->seed) & CACHING);
}

/* Pages, whole larger ones, all. */
static void some_pages(struct sizes *s, size_t *first, size_t *nr)
{
	size_t at = some(s, NR_PAGES);

	switch (some(s, 6)) {
	case 0:
		*first = 0;
		*nr = NR_PAGES;
		return;
	case 1:
		*first = at & ~511UL;
		*nr = 512;
		return;
	default:
		*first = at;
		*nr = 1 + some(s, some(s, 2) ? 8 : 600);
		if (*nr > NR_PAGES - at)
			*nr = NR_PAGES - at;
	}
}

static void put_all(struct sizes *s, __u32 attrs, __u64 sizes)
{
	size_t n;

	put(s, s->base, 0, GIB, attrs, sizes);
	for (n = 0; n < NR_PAGES; n++)
		s->pages[n] = (struct page){ .attrs = attrs, .gpa = FRAMES + n * PAGE };
}

static void change(struct sizes *s)
{
	static const __u32 levels[] = { 1 << 1, 1 << 2, 1 << 1 | 1 << 2, 0 };
	size_t first, nr, n;
	struct page to = {};
	unsigned int what = some(s, 16);
	__u64 sizes = PAGE | (some(s, 3) ? LARGE : 0);
	unsigned int before = expect_bits(s);
	bool all = !some(s, 8);
	__u32 set, clear;

	some_pages(s, &first, &nr);
	switch (what) {
	case 0 ... 4:
		/* what is set for some, and again for all, can be promoted */
		set = some_attrs(s) & ~(R | (some(s, 2) ? CACHING : 0));
		clear = some_attrs(s) & ~(R | set);
		protect(s, page_va(s, first), nr * PAGE, set, clear);
		for (n = first; n < first + nr; n++)
			if (s->pages[n].attrs)
				s->pages[n].attrs = (s->pages[n].attrs & ~clear) | set;
		break;
	case 5:
	case 6:
		protect(s, page_va(s, first), nr * PAGE, 0, A | D);
		for (n = first; n < first + nr; n++)
			s->pages[n].accessed = s->pages[n].written = false;
		break;
	case 7:
		if (all)
			take_away(s, s->base, GIB);
		else
			take_away(s, page_va(s, first), nr * PAGE);
		for (n = all ? 0 : first; n < (all ? NR_PAGES : first + nr); n++)
			s->pages[n] = (struct page){};
		break;
	case 8:
	case 9:
		to.attrs = some_attrs(s);
		to.gpa = FRAMES + first * PAGE + (some(s, 3) ? 0 : LOOK_LEN);
		if (!all) {
			put(s, page_va(s, first), to.gpa, nr * PAGE, to.attrs, sizes);
		} else {
			put_all(s, to.attrs, LARGE | (s->gib && some(s, 3) ? GIB : 0));
			nr = 0;
		}
		for (n = first; n < first + nr; n++, to.gpa += PAGE)
			s->pages[n] = to;
		break;
	default:
		if (what > 12) {
			/* so that there is something to be promoted */
			set = some_attrs(s) & ~(R | CACHING);
			clear = (W | X | VMEM_IOC_ATTR_U | CACHING) & ~set;
			protect(s, s->base, GIB, set, clear);
			for (n = 0; n < NR_PAGES; n++)
				if (s->pages[n].attrs)
					s->pages[n].attrs = R | set;
		}
		if (all || what > 12)
			promote(s, s->base, GIB, levels[some(s, s->gib ? 4 : 1)]);
		else
			promote(s, page_va(s, first), nr * PAGE, 1 << 1);
	}
	s->nr_split += expect_bits(s) < before && what < 10;
}

static void access_some(struct sizes *s)
{
	unsigned int i;
	size_t n;

	for (i = 0; i < ACCESSES; i++) {
		n = some(s, 4) ? some(s, NR_PAGES) : 511 + some(s, 2);
		expect_translated(s, n);
		access_page(s, n, some(s, 3));
		/* those beside, which a larger leaf may have with it */
		access_page(s, n ^ 1, some(s, 2));
		if (ktap_failed())
			ktap_give_up();
	}
}

/* Has a vCPU pages of 1 GiB, by CPUID? */
static bool gib_here(struct guest *g)
{
	const __u32 nr = 256;
	struct kvm_cpuid2 *cpuid;
	bool has = false;
	__u32 i;

	cpuid = calloc(1, sizeof(*cpuid) + nr * sizeof(cpuid->entries[0]));
	ASSERT(cpuid);
	cpuid->nent = nr;
	ASSERT(!ioctl(g->machine.kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000001)
			has = cpuid->entries[i].edx >> 26 & 1;
	free(cpuid);
	return has;
}

static void sizes_open(struct sizes *s, unsigned int levels, __u64 base)
{
	__u64 gpa;
	size_t n;

	memset(s, 0, sizeof(*s));
	probes_open(&s->g, levels, &s->probe, 1);
	s->base = base;
	s->va = base + FRAMES;
	s->gib = gib_here(&s->g);
	if (!s->gib)
		ktap_msg("this KVM has no pages of 1 GiB");
	/* frames of their own, and what the probe has stays below */
	ASSERT(s->g.next <= FRAMES);
	ASSERT_OK(guest_take(&s->g, FRAMES - s->g.next, &gpa));
	ASSERT_OK(guest_take(&s->g, NR_FRAMES * PAGE, &gpa));
	ASSERT_EQ(gpa, FRAMES);
	for (n = 0; n < NR_FRAMES; n++) {
		/* mov $n + 1, %eax; ret */
		unsigned char code[6] = { 0xb8, [5] = 0xc3 };
		__u32 value = n + 1;

		memcpy(code + 1, &value, sizeof(value));
		memcpy(guest_host(&s->g, gpa + n * PAGE, PAGE), code, sizeof(code));
		s->values[n] = 0xabcd000000000000ULL + n;
		memcpy(guest_host(&s->g, gpa + n * PAGE + 8, 8), &s->values[n], 8);
	}
	/* the probe's own pages, for user mode, by tables that are there */
	protect(s, PROBE_VA, PAGE, VMEM_IOC_ATTR_U, 0);
	protect(s, BOX_VA, PAGE, VMEM_IOC_ATTR_U, 0);
}

static void sizes_levels(unsigned int levels)
{
	const __u64 bases[] = { 0x7f00000000, levels == 5 ? 0xff00000000000000 :
				0xffffff8000000000 };
	struct sizes *s = malloc(sizeof(*s));
	unsigned int round, i;
	const char *given = getenv("SEED");
	__u64 seed = time(NULL) * 2654435761U | 1;

	ASSERT(s);
	if (given)
		seed = strtoull(given, NULL, 0) | 1;
	ktap_msg("SEED=0x%llx", seed);
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		sizes_open(s, levels, bases[i] & ~(GIB - 1));
		s->seed = seed + 2 * i;
		/* by chance there may be none */
		enter_ring(s, 0);
		if (s->gib)
			put_all(s, R | W | X, GIB);
		access_some(s);
		for (round = 0; round < ROUNDS && !ktap_failed(); round++) {
			change(s);
			enter_ring(s, some(s, 2) ? 3 : 0);
			access_some(s);
		}
		expect_memory(s);
		expect_bits(s);
		enter_ring(s, 0);
		expect_agreement(&s->g, 1000, seed);
		ktap_msg("ring 0: %llu accesses, %llu faults; ring 3: %llu, %llu; by leaves of 4 KiB %llu, 2 MiB %llu, 1 GiB %llu; %llu splits, %llu promotes, %llu flushes",
			 s->nr_good[0], s->nr_faults[0], s->nr_good[3],
			 s->nr_faults[3], s->nr_leaves[0], s->nr_leaves[1],
			 s->nr_leaves[2], s->nr_split, s->nr_promoted, s->nr_flushes);
		EXPECT(s->nr_good[0] && s->nr_faults[0] && s->nr_good[3] &&
		       s->nr_faults[3]);
		EXPECT(s->nr_leaves[0] && s->nr_leaves[1]);
		EXPECT(s->gib ? s->nr_leaves[2] : !nested());
		EXPECT(s->nr_split && s->nr_promoted);
		guest_close(&s->g);
	}
	free(s);
}

void sizes_4level(void)
{
	sizes_levels(4);
}

void sizes_5level(void)
{
	sizes_levels(5);
}

/* Keys */

static bool set_pke(struct sizes *s)
{
	struct kvm_sregs sregs;

	ASSERT(!ioctl(s->probe.vcpu->fd, KVM_GET_SREGS, &sregs));
	sregs.cr4 |= CR4_PKE;
	return !ioctl(s->probe.vcpu->fd, KVM_SET_SREGS, &sregs);
}

/* The vCPU executes what sets it, in ring 0. False: it can't. */
static bool set_pkru(struct sizes *s, __u64 va, __u64 gpa, __u32 pkru)
{
	/* xor %ecx, %ecx; xor %edx, %edx; mov $pkru, %eax; wrpkru; mov $1, %eax; ret */
	unsigned char code[] = {
		0x31, 0xc9, 0x31, 0xd2, 0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xef,
		0xb8, 1, 0, 0, 0, 0xc3,
	};
	struct vcpu_exit exit;

	memcpy(code + 5, &pkru, sizeof(pkru));
	memcpy(guest_host(&s->g, gpa, PAGE), code, sizeof(code));
	enter_ring(s, 0);
	*s->probe.box = (struct probe_box){ .access = ACCESS_EXEC, .va = va };
	ASSERT_OK(vcpu_run(s->probe.vcpu, &exit));
	return exit.event == VCPU_OUT && s->probe.box->value == 1;
}

/*
 * Each page of a larger leaf whose key is changed, and then the others, in both
 * rings: the key counts for users' pages, and not when code is fetched.
 */
static void expect_keys(struct sizes *s, size_t with_key, bool denied, bool writes)
{
	static const enum access accesses[] = { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };
	unsigned int ring, i, k;

	for (ring = 0; ring <= 3; ring += 3) {
		enter_ring(s, ring);
		for (i = 0; i < ARRAY_SIZE(accesses); i++) {
			for (k = 0; k < 3; k++) {
				size_t n = with_key + k - 1;
				enum access access = accesses[i];
				bool fault = k == 1 && access != ACCESS_EXEC &&
					     (denied || (writes && access == ACCESS_WRITE));
				__u64 error = PF_P | PF_PK | (ring ? PF_U : 0) |
					      (access == ACCESS_WRITE ? PF_W : 0);
				struct outcome outcome;

				outcome = probe_access(&s->g, &s->probe, access,
						       page_va(s, n) +
						       (access == ACCESS_EXEC ? 0 : 8),
						       7, false);
				EXPECT_EQ(outcome.vector, fault ? VECTOR_PF : NO_FAULT);
				if (fault)
					EXPECT_EQ(outcome.error, error);
			}
		}
	}
}

static void keys_levels(unsigned int levels)
{
	const __u32 key_5 = 5 << VMEM_IOC_ATTR_KEY_SHIFT;
	const __u32 attrs = R | W | X | VMEM_IOC_ATTR_U;
	const __u64 code_va = 0x10000000;
	unsigned int most;
	__u32 to;
	struct sizes *s = malloc(sizeof(*s));
	__u64 gpa;

	ASSERT(s);
	sizes_open(s, levels, 0x7f00000000 & ~(GIB - 1));
	ASSERT_OK(guest_take(&s->g, PAGE, &gpa));
	map(&s->g, code_va, gpa, PAGE, VMEM_IOC_KIND_BASIC, R | X);
	if (!set_pke(s) || !set_pkru(s, code_va, gpa, 0)) {
		/* KVM has none of them where it shadows tables */
		EXPECT(!nested() || s->g.machine.shadowed);
		guest_close(&s->g);
		free(s);
		ktap_skip("this KVM has no protection keys");
	}
	put(s, s->base, 0, GIB, attrs, s->gib ? SIZES_ALL : PAGE | LARGE);
	most = s->gib ? 30 : 21;
	to = s->gib ? 0 : 1 << 1;
	EXPECT_EQ(look(s, 0).page_lg2, most);
	ASSERT(set_pkru(s, code_va, gpa, 1 << 10));		/* of key 5: no access */
	expect_keys(s, 700, false, false);
	protect(s, page_va(s, 700), PAGE, key_5, 0);
	EXPECT_EQ(look(s, 700).page_lg2, 12);
	EXPECT_EQ(look(s, 0).page_lg2, 21);
	expect_keys(s, 700, true, false);
	ASSERT(set_pkru(s, code_va, gpa, 2 << 10));		/* no writes */
	expect_keys(s, 700, false, true);
	ASSERT(set_pkru(s, code_va, gpa, 0));
	expect_keys(s, 700, false, false);
	/* a promoted leaf has the key of all */
	promote(s, s->base, GIB, to);
	EXPECT_EQ(look(s, 700).page_lg2, 12);
	protect(s, s->base, GIB, key_5, 10 << VMEM_IOC_ATTR_KEY_SHIFT);
	promote(s, s->base, GIB, to);
	EXPECT_EQ(look(s, 700).page_lg2, most);
	EXPECT_EQ(look(s, 700).leaf & VMEM_IOC_ATTR_KEY_MASK, key_5);
	protect(s, page_va(s, 699), PAGE, 0, key_5);
	protect(s, page_va(s, 701), PAGE, 0, key_5);
	ASSERT(set_pkru(s, code_va, gpa, 1 << 10));
	expect_keys(s, 700, true, false);
	protect(s, s->base, GIB, 0, VMEM_IOC_ATTR_KEY_MASK);
	promote(s, s->base, GIB, to);
	EXPECT_EQ(look(s, 700).page_lg2, most);
	expect_keys(s, 700, false, false);
	guest_close(&s->g);
	free(s);
}

void keys_4level(void)
{
	keys_levels(4);
}

void keys_5level(void)
{
	keys_levels(5);
}
