// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases whose entries vmem writes: leaves of each level with each attribute, that
 * are mapped, or come of a larger one that is split, or of small ones that are
 * promoted. They are kept with what was asked for, which an MMU has to give.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libvmem.h"
#include "mmu.h"

#define POOL_LEN	0x100000
#define R		VMEM_IOC_ATTR_R
#define W		VMEM_IOC_ATTR_W
#define X		VMEM_IOC_ATTR_X
#define U		VMEM_IOC_ATTR_U
#define AD		(VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D)
#define SOFT		(0x3feU << VMEM_IOC_ATTR_SOFT_SHIFT)	/* none that says Cow */

enum made { MADE_MAP, MADE_SPLIT, MADE_PROMOTE, NR_MADE };

static char *tables;			/* from RIG_IMAGE on */

static void must(int ret, const char *call)
{
	if (ret)
		errx(1, "%s of a case: %s", call, strerror(-ret));
}

static __u32 space_new(struct vmem_guest *guest, const struct mmu_cpu *cpu)
{
	struct vmem_ioc_region_create region = {
		.size = sizeof(region), .kind = VMEM_IOC_REGION_USER,
		.gpa = RIG_IMAGE, .len = POOL_LEN, .user_addr = (unsigned long)tables,
	};
	struct vmem_ioc_range range = { .gpa = RIG_IMAGE, .len = POOL_LEN };
	struct vmem_ioc_pool_create pool = {
		.size = sizeof(pool), .ranges = (unsigned long)&range, .nr_ranges = 1,
	};
	struct vmem_ioc_space_create space = {
		.size = sizeof(space), .phys_bits = cpu->width,
		.format = cpu->levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
					     VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.flags = VMEM_IOC_SPACE_NEW | (cpu->amd ? VMEM_IOC_SPACE_AMD : 0) |
			 (cpu->pages_1g ? 0 : VMEM_IOC_SPACE_NO_1G) |
			 (cpu->cet ? VMEM_IOC_SPACE_CET : 0),
	};

	must(vmem_region_create(guest, &region), "REGION_CREATE");
	must(vmem_pool_create(guest, &pool), "POOL_CREATE");
	space.pool = pool.out_id;
	must(vmem_space_create(guest, &space), "SPACE_CREATE");
	if (space.out_root != RIG_IMAGE)
		errx(1, "the root of a case is at 0x%llx", space.out_root);
	return space.out_id;
}

/* A leaf that the address lies in, of the level and the attributes. */
static void make(struct vmem_guest *guest, __u32 id, __u64 va, unsigned int leaf,
		 __u64 frame, __u32 attrs, enum made made)
{
	unsigned int level = made == MADE_SPLIT ? leaf + 1 :
			     made == MADE_PROMOTE ? leaf - 1 : leaf;
	__u64 span = 1ULL << (12 + 9 * leaf), size = 1ULL << (12 + 9 * level);
	__u64 mask = (span > size ? span : size) - 1;
	struct vmem_ioc_mapping mapping = {
		.va = va & ~mask, .gpa = frame & ~mask, .len = mask + 1,
		.kind = VMEM_IOC_KIND_BASIC, .attrs = attrs, .page_sizes = size,
		.flags = VMEM_IOC_MAPPING_AD,
	};
	struct vmem_ioc_map map = {
		.size = sizeof(map), .space = id, .nr = 1,
		.mappings = (unsigned long)&mapping,
	};
	/* another bit and back */
	struct vmem_ioc_protect protect = {
		.size = sizeof(protect), .space = id, .flags = VMEM_IOC_RANGE_SPLIT,
		.start = va & ~(span - 1), .last = va | (span - 1),
		.set = VMEM_IOC_ATTR_PCD & ~attrs, .clear = VMEM_IOC_ATTR_PCD & attrs,
	};
	struct vmem_ioc_promote promote = {
		.size = sizeof(promote), .space = id, .leaf_levels = 1 << leaf,
		.start = va & ~(span - 1), .last = va | (span - 1),
	};

	must(vmem_space_map(guest, &map), "MAP");
	if (made == MADE_SPLIT) {
		must(vmem_space_protect(guest, &protect), "PROTECT");
		protect.set = VMEM_IOC_ATTR_PCD & attrs;
		protect.clear = VMEM_IOC_ATTR_PCD & ~attrs;
		must(vmem_space_protect(guest, &protect), "PROTECT");
	}
	if (made == MADE_PROMOTE) {
		must(vmem_space_promote(guest, &promote), "PROMOTE");
		if (promote.change.out_pages != span >> 12)
			errx(1, "nothing is promoted at 0x%llx", va);
	}
}

unsigned int mmu_written(const struct mmu_cpu *cpu, __u64 va, unsigned int leaf,
			 __u64 frame, __u32 attrs, unsigned int made,
			 struct mmu_case *c)
{
	__u64 at = RIG_IMAGE, entry;
	struct vmem_guest *guest;
	unsigned int level;

	if (made >= NR_MADE || (made == MADE_SPLIT && leaf > (cpu->pages_1g ? 1 : 0)) ||
	    (made == MADE_PROMOTE && !leaf))
		return 0;
	if (!tables) {
		tables = mmap(NULL, POOL_LEN, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (tables == MAP_FAILED)
			err(1, "tables of cases");
	}
	must(vmem_open_local(&guest), "open");
	make(guest, space_new(guest, cpu), va, leaf, frame, attrs, made);
	c->attrs = attrs;
	c->frame = frame;
	for (level = cpu->levels; level-- > leaf;) {
		at += 8 * (va >> (12 + 9 * level) & 511);
		memcpy(&entry, tables + (at - RIG_IMAGE), 8);
		c->writes[c->nr_writes].gpa = at;
		c->writes[c->nr_writes++].value = entry;
		at = entry & ENTRY_ADDR;
		if (level > leaf && (at < RIG_IMAGE || at >= RIG_IMAGE + POOL_LEN))
			errx(1, "0x%llx names no table", entry);
	}
	vmem_close(guest);
	return 1;
}

/* The n-th, 0: there are no more. R is of each. */
__u32 mmu_attrs(const struct mmu_cpu *cpu, unsigned int n)
{
	static const __u32 single[] = {
		VMEM_IOC_ATTR_G, VMEM_IOC_ATTR_PCD, VMEM_IOC_ATTR_PWT,
		VMEM_IOC_ATTR_PAT, VMEM_IOC_ATTR_KEY_MASK, SOFT, 0,
	};
	const __u32 all = SOFT | VMEM_IOC_ATTR_G | VMEM_IOC_ATTR_PCD |
			  VMEM_IOC_ATTR_PWT | VMEM_IOC_ATTR_PAT |
			  9 << VMEM_IOC_ATTR_KEY_SHIFT;
	__u32 attrs;

	if (n < 16) {
		attrs = R | (n & 1 ? W : 0) | (n & 2 ? X : 0) | (n & 4 ? U : 0) |
			(n & 8 ? all : 0) | AD;
		/* else it is a page of a shadow stack */
		return cpu->cet && !(attrs & W) ? attrs & ~(__u32)VMEM_IOC_ATTR_D : attrs;
	}
	n -= 16;
	return n < ARRAY_SIZE(single) ? R | W | X | U | AD | single[n] : 0;
}

/* Is the leaf as it was asked for? Software bits are told by the entry alone. */
bool mmu_as_asked(const struct mmu_case *c, const struct vmem_ioc_result *r)
{
	const __u32 rights = R | W | X | U;
	__u32 soft = (r->entry >> 9 & 7) | (r->entry >> 52 & 0x7f) << 3;

	return r->status == VMEM_IOC_OK && r->gpa == c->frame &&
	       r->leaf == (c->attrs & 0xffff) &&
	       soft == c->attrs >> VMEM_IOC_ATTR_SOFT_SHIFT &&
	       r->effective == (c->attrs & rights);
}
