// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The core of vmem on the other side: the program maps a page into its own live
 * tables, with the code that the host uses, and uses it at once. Wants --ring=0
 * --window.
 */
#include "vmem/vmem.h"
#include "vmem/records.h"
#include "vmem/fmt_x86_64.h"
#include "tables.h"

#define TABLES	VMEM_LEVELS_MAX
#define WORD	0x766d656dUL

struct self {
	const struct program_info *info;
	struct vmem_pages pages;
};

/* A pool of pages of ours, each by itself. */
static struct vmem_pool pool;
static struct vmem_link_store store;
static struct vmem_pool_range ranges[TABLES];
static u8 storage[TABLES][sizeof(struct vmem_pool_page) + sizeof(u64)] __aligned(8);
static struct vmem_link *buckets[8];
static u8 spare[TABLES][4096] __aligned(4096);
static u64 page[512] __aligned(4096);

/* What the core and the compiler take from a C library. */

void *memset(void *to, int value, size_t len)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(value) : "memory");
	return start;
}

void *memcpy(void *to, const void *from, size_t len)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	return start;
}

/* Table ops: all of memory is in the window, and stays where it is. */

static inline int from_phys(void *ctx, vmem_table_t table,
			    enum vmem_intent intent, vmem_pte_t **host)
{
	const struct self *self = ctx;
	vmem_phys_t gpa = vmem_table_gpa(table);

	if (gpa >= self->info->memory_len)
		return VMEM_OUTSIDE;
	*host = (vmem_pte_t *)(self->info->window_va + gpa);
	return 0;
}

static inline bool in_memory(void *ctx, vmem_phys_t gpa, u64 *same)
{
	const struct self *self = ctx;
	u64 end = self->info->memory_len;

	*same = gpa < end ? end - gpa : U64_MAX - gpa;
	return gpa < end;
}

static inline bool no_pause(void *ctx, unsigned int nr)
{
	return false;
}

/* The host made all tables that are there already. */
static inline enum vmem_owner owner(void *ctx, vmem_table_t table,
				    unsigned int level, vmem_table_t parent,
				    unsigned int slot, u32 *links)
{
	return vmem_pool_owner(&pool, table, level, parent, slot, links);
}

static inline struct vmem_pages *pages(void *ctx)
{
	struct self *self = ctx;

	return &self->pages;
}

static const struct vmem_table_ops ops = {
	.read = {
		.from_phys	= from_phys,
		.in_memory	= in_memory,
		.pause		= no_pause,
	},
	.movability	= VMEM_MAY_NOT_MOVE_TABLE,
	.owner		= owner,
	.pages		= pages,
};

/* Where is a page of ours? U64_MAX: nowhere. */
static __always_inline u64 self_phys(const struct vmem_format *fmt,
				     struct self *self,
				     const struct vmem_space *space, const void *at)
{
	struct vmem_translation result;
	vmem_virt_t va = (vmem_virt_t)at;
	u32 done = 0;

	if (vmem_translate(fmt, &ops.read, self, space, &va, 1, false, &result, NULL, &done) ||
	    result.status != VMEM_OK)
		return U64_MAX;
	return result.gpa;
}

/* Return: whether all pages for tables are somewhere. */
static __always_inline bool self_pool(const struct vmem_format *fmt,
				      struct self *self,
				      const struct vmem_space *space)
{
	unsigned int i;
	u64 gpa;

	if (vmem_pool_bytes(1) > sizeof(storage[0]) ||
	    vmem_pool_buckets(TABLES) != sizeof(buckets) / sizeof(buckets[0]))
		return false;
	vmem_pool_init(&pool, ranges, 12, &store, buckets, vmem_pool_buckets(TABLES), 1);
	for (i = 0; i < TABLES; i++) {
		gpa = self_phys(fmt, self, space, spare[i]);
		if (gpa == U64_MAX)
			return false;
		vmem_pool_add(&pool, gpa, sizeof(spare[i]), storage[i]);
	}
	self->pages.pool = &pool;
	self->pages.res = (struct vmem_reservation){};
	return true;
}

static __always_inline int self_map(const struct vmem_format *fmt,
				    struct self *self, struct vmem_space *space)
{
	struct vmem_mapping mapping = {
		.virt_base	= PROGRAM_SELF_VA,
		.len		= sizeof(page),
		.kind		= VMEM_KIND_BASIC,
		.basic.attrs	= VMEM_R | VMEM_W,
	};
	struct vmem_change change = {
		.asked = { .list = &mapping, .nr = 1, .budget = 64 },
	};

	if (fmt->facts(fmt, &space->facts, &(struct vmem_vcpu){ 0 }) ||
	    !self_pool(fmt, self, space))
		return 2;
	mapping.phys_base = self_phys(fmt, self, space, page);
	return vmem_map(fmt, &ops, self, space, &change) ? 3 : 0;
}

int program(const struct program_info *info)
{
	struct self self = { .info = info };
	struct vmem_space space = { .root = vmem_table(info->cr3[0]) };
	int ret;

	if (!info->window_va)
		return 1;
	ret = info->levels == 5 ? self_map(&vmem_fmt_x86_64_5level, &self, &space) :
				  self_map(&vmem_fmt_x86_64_4level, &self, &space);
	if (ret)
		return ret;
	poke(PROGRAM_SELF_VA, WORD);
	if (peek((unsigned long)page) != WORD)
		return 4;
	print("a page mapped by myself\n");
	return 0;
}
