// SPDX-License-Identifier: GPL-2.0-only
/*
 * helpers [--local]: what libvmem makes of its calls for people, with the module or
 * in this process: one mapping, memory by virtual and by physical address, spaces
 * that are rebuilt. Each case has guests of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helpers.h"

static bool local;
static const char *doing;
static unsigned int failures;

bool helpers_local(void)
{
	return local;
}

void failed(const char *file, int line, const char *what, long long got)
{
	printf("# %s: %s:%d: %s (%lld)\n", doing, file, line, what, got);
	failures++;
}

/* Guests */

__u32 world_region(struct world *w, __u32 kind, __u64 gpa, __u64 len, void *memory)
{
	struct vmem_ioc_region_create region = VMEM_INIT(region, .kind = kind,
		.gpa = gpa, .len = len, .user_addr = VMEM_PTR(memory));

	MUST(vmem_region_create(w->guest, &region));
	return region.out_id;
}

__u32 world_pool(struct world *w, __u64 gpa, __u64 len)
{
	struct vmem_ioc_range range = { .gpa = gpa, .len = len };
	struct vmem_ioc_pool_create pool = VMEM_INIT(pool,
		.ranges = VMEM_PTR(&range), .nr_ranges = 1);

	MUST(vmem_pool_create(w->guest, &pool));
	return pool.out_id;
}

struct vmem_ioc_space_create world_new(struct world *w, __u32 format)
{
	struct vmem_ioc_space_create space = VMEM_INIT(space,
		.flags = VMEM_IOC_SPACE_NEW, .format = format, .pool = w->pool);

	return space;
}

__u32 world_space(struct world *w, __u32 format)
{
	struct vmem_ioc_space_create space = world_new(w, format);

	MUST(vmem_space_create(w->guest, &space));
	return space.out_id;
}

struct vmem_ioc_pool_stat world_stat(struct world *w)
{
	struct vmem_ioc_pool_stat stat = VMEM_INIT(stat, .id = w->pool);

	MUST(vmem_pool_stat(w->guest, &stat));
	return stat;
}

void world_open(struct world *w)
{
	memset(w, 0, sizeof(*w));
	MUST(local ? vmem_open_local(&w->guest) : vmem_open(NULL, &w->guest));
	/* a page between the two that is nobody's */
	w->memory = mmap(NULL, LOW_LEN + PAGE + HIGH_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->memory == MAP_FAILED)
		exit(1);
	w->high = w->memory + LOW_LEN + PAGE;
	mprotect(w->memory + LOW_LEN, PAGE, PROT_NONE);
	w->low_id = world_region(w, VMEM_IOC_REGION_USER, 0, LOW_LEN, w->memory);
	w->high_id = world_region(w, VMEM_IOC_REGION_USER, HIGH, HIGH_LEN, w->high);
	w->owned_id = world_region(w, VMEM_IOC_REGION_OWNED, OWNED, OWNED_LEN, NULL);
	w->pool = world_pool(w, POOL, POOL_LEN);
}

void world_close(struct world *w)
{
	vmem_close(w->guest);
	munmap(w->memory, LOW_LEN + PAGE + HIGH_LEN);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define CASE(_name) { #_name, _name }
	CASE(map_one), CASE(map_one_refused),
	CASE(host), CASE(host_owned), CASE(host_many), CASE(host_of_others),
	CASE(host_threads),
	CASE(copy_pages), CASE(copy_holes), CASE(copy_edges), CASE(copy_rights),
	CASE(copy_regions), CASE(copy_frozen), CASE(copy_levels), CASE(copy_large),
	CASE(rebuild_random), CASE(rebuild_hostile), CASE(rebuild_parts), CASE(rebuild_cut),
	CASE(rebuild_placed), CASE(rebuild_left_out), CASE(rebuild_same_guest),
	CASE(rebuild_undone), CASE(rebuild_refused), CASE(rebuild_nothing),
};

int main(int argc, char **argv)
{
	unsigned int i, bad = 0, before;

	local = argc > 1 && !strcmp(argv[1], "--local");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		before = failures;
		doing = cases[i].name;
		cases[i].run();
		if (failures != before)
			bad++;
	}
	printf("# %u of %u cases of the helpers failed\n", bad, i);
	return !!bad;
}
