// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The core of vmem on the other side: the program maps a page into its own live
 * tables, with the code that the host uses, and uses it at once. Wants --window.
 */
#include "vmem/vmem.h"
#include "vmem/fmt_x86_64.h"
#include "tables.h"

#define TABLES	VMEM_LEVELS_MAX
#define WORD	0x766d656dUL

struct self {
	const struct program_info *info;
	vmem_table_t tables[TABLES];	/* pages of ours for new tables */
	u64 used;
};

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

static inline bool in_memory(void *ctx, vmem_phys_t gpa, u64 len, u64 *same)
{
	const struct self *self = ctx;
	u64 end = self->info->memory_len;

	*same = gpa < end && len > end - gpa ? end - gpa : len;
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
	return VMEM_FOREIGN;
}

static inline int reserve(void *ctx, u64 nr, u64 links, u64 *lacking)
{
	const struct self *self = ctx;
	u64 left = TABLES - self->used;

	*lacking = nr > left ? nr - left : 0;
	return *lacking ? -ENOSPC : 0;
}

static inline vmem_table_t reserved(void *ctx, u64 n)
{
	const struct self *self = ctx;

	return n < TABLES - self->used ? self->tables[self->used + n] : VMEM_NO_TABLE;
}

static inline void take(void *ctx, unsigned int level, vmem_table_t parent,
			unsigned int slot)
{
	struct self *self = ctx;

	self->used++;
}

static inline void put(void *ctx, vmem_table_t table, vmem_table_t parent,
		       unsigned int slot)
{
}

static const struct vmem_table_ops ops = {
	.read = {
		.from_phys	= from_phys,
		.in_memory	= in_memory,
		.pause		= no_pause,
	},
	.movability	= VMEM_MAY_NOT_MOVE_TABLE,
	.owner		= owner,
	.reserve	= reserve,
	.reserved	= reserved,
	.take		= take,
	.put		= put,
};

/* Where is a page of ours? U64_MAX: nowhere. */
static __always_inline u64 self_phys(const struct vmem_format *fmt,
				     struct self *self,
				     const struct vmem_space *space, const void *at)
{
	struct vmem_translation result;
	vmem_virt_t va = (vmem_virt_t)at;
	u32 done = 0;

	if (vmem_translate(fmt, &ops.read, self, space, &va, 1, &result, NULL, &done) ||
	    result.status != VMEM_OK)
		return U64_MAX;
	return result.gpa;
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
	struct vmem_change change = { .list = &mapping, .nr = 1, .budget = 64 };
	size_t i;

	if (fmt->facts(fmt, &space->facts, &(struct vmem_vcpu){ 0 }))
		return 2;
	for (i = 0; i < TABLES; i++)
		self->tables[i] = vmem_table(self_phys(fmt, self, space, spare[i]));
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
