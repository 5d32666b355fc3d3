// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world for a vCPU, see live.h.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../vmm/program.h"
#include "live.h"

/* Where things are: the first page holds nothing. */
#define SYSTEM_GPA	0x1000ULL
#define BOX_GPA		0x10000ULL
#define STACK_GPA	0x20000ULL
#define CODE_GPA	0x30000ULL
#define FREE_GPA	0x40000ULL


__u64 chance(__u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

__u64 seed_of_run(void)
{
	const char *given = getenv("SEED");
	__u64 seed = time(NULL) * 2654435761U | 1;

	if (given)
		seed = strtoull(given, NULL, 0) | 1;
	ktap_msg("SEED=0x%llx", seed);
	return seed;
}

void world_open(struct world *w, unsigned int levels)
{
	char *all;

	memset(w, 0, sizeof(*w));
	w->levels = levels;
	w->next = FREE_GPA;
	all = mmap(NULL, WORLD_LEN + 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(all != MAP_FAILED);
	memset(all, 0x5a, PAGE);
	memset(all + PAGE + WORLD_LEN, 0x5a, PAGE);
	w->memory = all + PAGE;
	w->box = (struct live_box *)(w->memory + BOX_GPA);
	w->box->levels = levels;
	ASSERT_OK(machine_open(&w->machine));
	ASSERT_OK(machine_memory(&w->machine, 0, w->memory, WORLD_LEN, false));
}

void world_close(struct world *w)
{
	char *all = w->memory - PAGE;
	size_t i;

	machine_close(&w->machine);
	for (i = 0; i < PAGE; i++)
		if (all[i] != 0x5a || all[PAGE + WORLD_LEN + i] != 0x5a)
			break;
	EXPECT_EQ(i, PAGE);
	munmap(all, WORLD_LEN + 2 * PAGE);
}

__u64 world_take(struct world *w, __u64 len)
{
	__u64 gpa = w->next;

	w->next += len;
	ASSERT(w->next <= WORLD_POOL_GPA);
	return gpa;
}

__u64 world_word(const struct world *w, __u64 gpa)
{
	__u64 word;

	memcpy(&word, w->memory + gpa, sizeof(word));
	return word;
}

__u64 table_span(unsigned int level)
{
	return 1ULL << (12 + 9 * (level + 1));
}

__u64 world_va(const struct world *w, unsigned int slot, unsigned int table,
	       unsigned int page)
{
	return slot * table_span(w->levels - 2) + table * table_span(0) + page * PAGE;
}

__u64 world_page(struct world *w, __u32 value)
{
	unsigned char code[6] = { 0xb8, [5] = 0xc3 };	/* mov $value, %eax; ret */
	__u64 gpa = world_take(w, PAGE), word = value;

	memcpy(code + 1, &value, sizeof(value));
	memcpy(w->memory + gpa, code, sizeof(code));
	memcpy(w->memory + gpa + LIVE_READ_AT, &word, sizeof(word));
	return gpa;
}

struct vmem_guest *guest_new(void)
{
	struct vmem_guest *vmem;

	ASSERT_OK(local ? vmem_open_local(&vmem) : vmem_open(NULL, &vmem));
	return vmem;
}

__u32 guest_region(struct vmem_guest *vmem, struct world *w, __u64 gpa, __u64 len,
		   __u32 flags)
{
	struct vmem_ioc_region_create create = {
		.size = sizeof(create), .flags = flags, .gpa = gpa, .len = len,
		.kind = VMEM_IOC_REGION_USER,
		.user_addr = (unsigned long)(w->memory + gpa),
	};

	ASSERT_OK(vmem_region_create(vmem, &create));
	return create.out_id;
}

__u32 guest_pool(struct vmem_guest *vmem, __u64 gpa, __u64 len)
{
	struct vmem_ioc_range range = { .gpa = gpa, .len = len };
	struct vmem_ioc_pool_create create = {
		.size = sizeof(create), .ranges = (unsigned long)&range, .nr_ranges = 1,
	};

	ASSERT_OK(vmem_pool_create(vmem, &create));
	return create.out_id;
}

__u32 guest_space(struct vmem_guest *vmem, unsigned int levels, __u32 flags,
		  __u32 pool, __u64 *root)
{
	struct vmem_ioc_space_create create = {
		.size = sizeof(create), .flags = flags, .pool = pool,
		.format = levels == 5 ? VMEM_IOC_FORMAT_X86_64_5LEVEL :
					VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.root = flags & VMEM_IOC_SPACE_NEW ? 0 : *root,
	};

	ASSERT_OK(vmem_space_create(vmem, &create));
	*root = create.out_root;
	return create.out_id;
}

int space_map(struct vmem_guest *vmem, __u32 space,
	      const struct vmem_ioc_mapping *mappings, __u32 nr, __u32 flags,
	      struct vmem_ioc_change *change)
{
	struct vmem_ioc_map map = {
		.size = sizeof(map), .flags = flags, .space = space, .nr = nr,
		.mappings = (unsigned long)mappings,
	};
	int ret = vmem_space_map(vmem, &map);

	*change = map.change;
	return ret;
}

int space_page(struct vmem_guest *vmem, __u32 space, __u64 va, __u64 gpa,
	       __u32 attrs, struct vmem_ioc_change *change)
{
	const struct vmem_ioc_mapping mapping = {
		.va = va, .gpa = gpa, .len = PAGE, .kind = VMEM_IOC_KIND_BASIC,
		.attrs = attrs,
	};

	return space_map(vmem, space, &mapping, 1, 0, change);
}

int space_unmap(struct vmem_guest *vmem, __u32 space, __u64 va, __u64 len,
		struct vmem_ioc_change *change)
{
	struct vmem_ioc_unmap unmap = {
		.size = sizeof(unmap), .space = space, .start = va,
		.last = va + (len - 1),
	};
	int ret = vmem_space_unmap(vmem, &unmap);

	*change = unmap.change;
	return ret;
}

int space_protect(struct vmem_guest *vmem, __u32 space, __u64 va, __u64 len,
		  __u32 set, __u32 clear, struct vmem_ioc_change *change)
{
	struct vmem_ioc_protect protect = {
		.size = sizeof(protect), .space = space, .start = va,
		.last = va + (len - 1), .set = set, .clear = clear,
	};
	int ret = vmem_space_protect(vmem, &protect);

	*change = protect.change;
	return ret;
}

static const char *program_path(char *path, size_t len)
{
	const char *programs = getenv("PROGRAMS");

	snprintf(path, len, "%s/live.elf", programs ? programs : "/programs");
	return path;
}

/* Its segments follow each other in memory as they do in the space. */
static void map_code(struct world *w, struct vmem_guest *vmem, __u32 space)
{
	struct vmem_ioc_mapping mapping = { .kind = VMEM_IOC_KIND_BASIC };
	struct vmem_ioc_change change;
	struct program program;
	char path[256];
	const char *why = program_open(&program, program_path(path, sizeof(path)));
	const struct segment *s = program.segments;

	if (why) {
		ktap_fail(__FILE__, __LINE__, "%s: %s", path, why);
		ktap_give_up();
	}
	mapping.gpa = CODE_GPA;
	for (; s < program.segments + program.nr; s++) {
		ASSERT(mapping.gpa + s->len <= FREE_GPA);
		memcpy(w->memory + mapping.gpa + s->offset, s->data, s->data_len);
		mapping.va = s->va;
		mapping.len = s->len;
		mapping.attrs = s->attrs;
		ASSERT_OK(space_map(vmem, space, &mapping, 1, 0, &change));
		mapping.gpa += s->len;
	}
	w->entry = program.entry;
	program_close(&program);
}

void map_program(struct world *w, struct vmem_guest *vmem, __u32 space, bool window)
{
	const struct vmem_ioc_mapping mappings[] = {
		{ .va = LIVE_SYSTEM_VA, .gpa = SYSTEM_GPA, .len = VCPU_CODE_LEN,
		  .attrs = R | X },
		{ .va = LIVE_SYSTEM_VA + VCPU_CODE_LEN,
		  .gpa = SYSTEM_GPA + VCPU_CODE_LEN,
		  .len = VCPU_SYSTEM_LEN - VCPU_CODE_LEN, .attrs = R | W },
		{ .va = LIVE_BOX_VA, .gpa = BOX_GPA, .len = LIVE_BOX_LEN,
		  .attrs = R | W },
		{ .va = LIVE_STACK_VA, .gpa = STACK_GPA, .len = LIVE_STACK_LEN,
		  .attrs = R | W },
		{ .va = LIVE_WINDOW_VA, .gpa = 0, .len = WORLD_LEN, .attrs = R | W },
	};
	struct vmem_ioc_change change;
	size_t i;

	map_code(w, vmem, space);
	for (i = 0; i < ARRAY_SIZE(mappings) - !window; i++) {
		struct vmem_ioc_mapping mapping = mappings[i];

		mapping.kind = VMEM_IOC_KIND_BASIC;
		ASSERT_OK(space_map(vmem, space, &mapping, 1, 0, &change));
	}
}

void world_start(struct world *w, __u64 root)
{
	struct vcpu_start start = {
		.levels		= w->levels,
		.cr3		= root,
		.rip		= w->entry,
		.rsp		= LIVE_STACK_VA + LIVE_STACK_LEN,
		.rdi		= LIVE_BOX_VA,
		.system		= w->memory + SYSTEM_GPA,
		.system_va	= LIVE_SYSTEM_VA,
	};
	struct vcpu_exit exit;

	ASSERT_OK(machine_vcpu(&w->machine, &start, &w->vcpu));
	w->frame = (struct vcpu_frame *)((char *)start.system + VCPU_SYSTEM_LEN) - 1;
	ASSERT_OK(vcpu_run(w->vcpu, &exit));
	if (exit.event != VCPU_OUT || exit.port != PORT_CALL) {
		ktap_fail(__FILE__, __LINE__, "the program doesn't start: event %d, %s",
			  exit.event, exit.why);
		ktap_give_up();
	}
}

void world_flushed(struct world *w, struct vmem_guest *vmem, __u64 generation)
{
	struct vmem_ioc_flushed flushed = {
		.size = sizeof(flushed), .generation = generation,
	};

	ASSERT_OK(machine_flush(&w->machine));
	ASSERT_OK(vmem_guest_flushed(vmem, &flushed));
}

void world_changed(struct world *w, struct vmem_guest *vmem,
		   const struct vmem_ioc_change *change)
{
	if (change->out_flush != VMEM_IOC_FLUSH_NONE)
		world_flushed(w, vmem, change->out_generation);
}

bool probe_faulted(struct world *w)
{
	struct live_probe *p;

	if (!w->box->probing)
		return false;
	p = (struct live_probe *)(w->memory + BOX_GPA +
				  (w->box->probing - LIVE_BOX_VA));
	p->vector = w->frame->vector;
	p->error = w->frame->error;
	p->cr2 = w->frame->cr2;
	/* a call that faults has faulted where it went to */
	w->frame->rip = w->frame->rip == p->va ? w->box->resume_exec :
						 w->box->resume;
	return true;
}

void world_run(struct world *w, enum live_op op)
{
	struct vcpu_exit exit;

	w->box->op = op;
	for (;;) {
		ASSERT_OK(vcpu_run(w->vcpu, &exit));
		if (exit.event == VCPU_OUT && exit.port == PORT_CALL)
			break;
		if (exit.event == VCPU_FAULT && probe_faulted(w))
			continue;
		ktap_fail(__FILE__, __LINE__,
			  "event %d: vector %llu, error 0x%llx, CR2 0x%llx, rip 0x%llx; %s",
			  exit.event, w->frame->vector, w->frame->error,
			  w->frame->cr2, w->frame->rip, exit.why);
		ktap_give_up();
	}
}

void probe_add(struct world *w, __u64 cr3, __u64 va, enum live_access access,
	       __u64 value)
{
	ASSERT(w->box->nr < LIVE_PROBES_MAX);
	w->box->probes[w->box->nr++] = (struct live_probe){
		.cr3 = cr3, .va = va, .access = access, .value = value,
		.vector = LIVE_NO_FAULT,
	};
}

__u64 fault_of(__u32 attrs, enum live_access access)
{
	static const __u64 bits[] = { 0, PF_W, PF_I };
	static const __u32 needs[] = { R, W, X };

	if (attrs & needs[access])
		return LIVE_NO_FAULT;
	return bits[access] | (attrs ? PF_P : 0);
}

bool probe_was(const volatile struct live_probe *p, __u32 attrs, __u64 value)
{
	static const unsigned int at[] = { LIVE_READ_AT, LIVE_WRITE_AT, 0 };
	__u64 error = fault_of(attrs, p->access);
	bool good;

	if (error == LIVE_NO_FAULT)
		good = p->vector == LIVE_NO_FAULT && p->value == value;
	else
		good = p->vector == VECTOR_PF && p->error == error &&
		       p->cr2 == p->va + at[p->access];
	if (!good)
		ktap_fail(__FILE__, __LINE__,
			  "access %llu at 0x%llx in space 0x%llx, permissions 0x%x: vector %lld, error 0x%llx, CR2 0x%llx, value 0x%llx; not error 0x%llx, value 0x%llx",
			  p->access, p->va, p->cr3, attrs, p->vector, p->error,
			  p->cr2, p->value, error, value);
	return good;
}

__u32 effective(__u32 leaf, __u32 path, unsigned int levels)
{
	__u32 attrs = leaf & (R | W | X | U);
	unsigned int level;

	for (level = 1; level < levels; level++)
		attrs &= path >> VMEM_IOC_PATH_SHIFT(level);
	return attrs;
}

struct vmem_ioc_record *walk(struct vmem_guest *vmem, const __u32 *spaces,
			     __u32 nr_spaces, __u32 flags, size_t *nr)
{
	struct vmem_ioc_walk_create create = {
		.size = sizeof(create), .flags = flags | VMEM_IOC_WALK_IGNORE_AD,
		.spaces = (unsigned long)spaces, .nr = nr_spaces, .last = ~0ULL,
	};
	struct vmem_ioc_record *records = NULL, *more;
	struct vmem_walker *walker;
	size_t room = 0, i;
	int n;

	ASSERT_OK(vmem_walk_create(vmem, &create, &walker));
	*nr = 0;
	do {
		room += 256;
		more = realloc(records, room * sizeof(*records));
		ASSERT(more);
		records = more;
		n = ASSERT_OK(vmem_walk_read(walker, records + *nr, room - *nr));
		*nr += n;
	} while (n);
	vmem_walk_close(walker);
	ASSERT(*nr);
	ASSERT_EQ(records[*nr - 1].type, VMEM_IOC_REC_END);
	ASSERT_EQ(records[*nr - 1].detail, VMEM_IOC_END_COMPLETE);
	for (i = 0; i < *nr; i++) {
		if (records[i].type != VMEM_IOC_REC_MAPPING)
			continue;
		records[i].entry &= ~ENTRY_AD;
		records[i].leaf &= ~(VMEM_IOC_ATTR_A | VMEM_IOC_ATTR_D);
	}
	return records;
}

struct vmem_ioc_result translate(struct vmem_guest *vmem, __u32 space, __u64 va)
{
	struct vmem_ioc_result result = {};
	struct vmem_ioc_translate translate = {
		.size = sizeof(translate), .space = space, .nr = 1,
		.vas = (unsigned long)&va, .results = (unsigned long)&result,
	};

	ASSERT_OK(vmem_space_translate(vmem, &translate));
	return result;
}

struct vmem_ioc_pool_stat pool_stat(struct vmem_guest *vmem, __u32 pool)
{
	struct vmem_ioc_pool_stat stat = { .size = sizeof(stat), .id = pool };

	ASSERT_OK(vmem_pool_stat(vmem, &stat));
	return stat;
}

static void compare(struct world *w, struct vmem_guest *vmem, __u32 space,
		    __u64 va, __u64 *mapped)
{
	struct vmem_ioc_result result = translate(vmem, space, va);
	__u64 gpa = 0;
	int ret = vcpu_translate(w->vcpu, va, &gpa);

	ASSERT(!ret || ret == -ENOENT);
	*mapped += !ret;
	if (ret ? result.status == VMEM_IOC_OK :
		  result.status != VMEM_IOC_OK || result.gpa != gpa)
		ktap_fail(__FILE__, __LINE__,
			  "0x%llx: KVM %d, 0x%llx; vmem %u, 0x%llx", va, ret, gpa,
			  result.status, result.gpa);
}

void expect_agreement(struct world *w, struct vmem_guest *vmem, __u32 space,
		      __u64 root)
{
	__u64 cr3, beside = 0, mapped = 0;
	struct vmem_ioc_record *records;
	size_t i, n = 0, nr;

	ASSERT_OK(vcpu_cr3(w->vcpu, &cr3));
	ASSERT_OK(vcpu_replace_cr3(w->vcpu, cr3, root));
	records = walk(vmem, &space, 1, VMEM_IOC_WALK_LEAVES | VMEM_IOC_WALK_FOLLOW,
		       &nr);
	for (i = 0; i < nr; i++) {
		if (records[i].type != VMEM_IOC_REC_MAPPING)
			continue;
		compare(w, vmem, space, records[i].va + 0x123, &mapped);
		compare(w, vmem, space, records[i].va - PAGE, &beside);
		n++;
	}
	EXPECT_EQ(mapped, n);
	free(records);
	ASSERT_OK(vcpu_replace_cr3(w->vcpu, root, cr3));
}
