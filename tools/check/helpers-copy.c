// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases of helpers: one mapping, memory by physical and by virtual address.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "helpers.h"

static struct vmem_ioc_result translated(struct world *w, __u32 space, __u64 va)
{
	struct vmem_ioc_result result = { 0 };
	struct vmem_ioc_translate ask = VMEM_INIT(ask, .space = space, .nr = 1,
		.vas = VMEM_PTR(&va), .results = VMEM_PTR(&result));

	MUST(vmem_space_translate(w->guest, &ask));
	return result;
}

static void fill(char *bytes, size_t len, unsigned int seed)
{
	while (len--)
		*bytes++ = (char)((seed = seed * 1103515245 + 12345) >> 16);
}

static void put(struct world *w, __u32 space, __u64 va, __u64 gpa, __u64 len, __u32 attrs)
{
	MUST(vmem_space_map_one(w->guest, space, va, gpa, len, attrs, NULL));
}

/* The largest pages that fit, and what vCPUs have to know. */
void map_one(void)
{
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct world w;
	__u32 space, five;

	world_open(&w);
	space = world_space(&w, X86_4);
	five = world_space(&w, X86_5);
	memset(&change, 0xff, sizeof(change));
	ANSWERS(0, vmem_space_map_one(w.guest, space, (1 << 30) - 2 * MIB - PAGE,
				      (3ULL << 30) - 2 * MIB - PAGE,
				      (1 << 30) + 4 * MIB + 2 * PAGE,
				      R | W | U | VMEM_IOC_ATTR_PWT, &change));
	EXPECT(change.out_done == 1 && change.out_flush == VMEM_IOC_FLUSH_NONE);
	EXPECT(change.out_pages == (1 << 18) + 1024 + 2);
	result = translated(&w, space, (1 << 30) - 2 * MIB - 1);
	EXPECT(result.page_lg2 == 12 && result.gpa == (3ULL << 30) - 2 * MIB - 1);
	result = translated(&w, space, (1 << 30) - 1);
	EXPECT(result.page_lg2 == 21 && result.gpa == (3ULL << 30) - 1);
	result = translated(&w, space, 1 << 30);
	EXPECT(result.page_lg2 == 30 && result.gpa == 3ULL << 30);
	EXPECT(result.effective == (R | W | U));
	EXPECT(result.leaf & VMEM_IOC_ATTR_PWT);
	result = translated(&w, space, 2ULL << 30);
	EXPECT(result.page_lg2 == 21);
	result = translated(&w, space, (2ULL << 30) + 2 * MIB);
	EXPECT(result.page_lg2 == 12);
	result = translated(&w, space, (2ULL << 30) + 2 * MIB + PAGE);
	EXPECT(result.status == VMEM_IOC_NOT_PRESENT);

	/* aligned differently: small ones; kind cow; another space's sizes */
	ANSWERS(0, vmem_space_map_one(w.guest, five, 1ULL << 52, PAGE, 4 * MIB,
				      R | X | VMEM_IOC_ATTR_COW, NULL));
	result = translated(&w, five, (1ULL << 52) + 2 * MIB);
	EXPECT(result.page_lg2 == 12 && result.gpa == 2 * MIB + PAGE);
	EXPECT(result.leaf & VMEM_IOC_ATTR_COW && !(result.leaf & W));
	ANSWERS(0, vmem_space_map_one(w.guest, space, UPPER, 0, 2 * MIB, R, NULL));
	EXPECT(translated(&w, space, UPPER).page_lg2 == 21);
	world_close(&w);
}

void map_one_refused(void)
{
	struct vmem_ioc_change change;
	struct world w;
	__u32 space;

	world_open(&w);
	space = world_space(&w, X86_4);
	put(&w, space, 0x400000, DATA, PAGE, R);
#define REFUSED(want, ...)						\
	ANSWERS(want, vmem_space_map_one(w.guest, __VA_ARGS__, NULL))
	REFUSED(-ENOENT, 0, 0x800000, DATA, PAGE, R);
	REFUSED(-ENOENT, space + 1, 0x800000, DATA, PAGE, R);
	REFUSED(-ENOENT, ~0U, 0x800000, DATA, PAGE, R);
	REFUSED(-EINVAL, w.pool, 0x800000, DATA, PAGE, R);
	REFUSED(-EINVAL, space, 0x800001, DATA, PAGE, R);
	REFUSED(-EINVAL, space, 0x800000, DATA + 8, PAGE, R);
	REFUSED(-EINVAL, space, 0x800000, DATA, 0, R);
	REFUSED(-EINVAL, space, 1ULL << 47, DATA, PAGE, R);
	REFUSED(-EOVERFLOW, space, -PAGE, DATA, 2 * PAGE, R);
	REFUSED(-EOVERFLOW, space, 0x800000, 1ULL << 52, PAGE, R);
	REFUSED(-EOPNOTSUPP, space, 0x800000, DATA, PAGE, W);
	REFUSED(-EOPNOTSUPP, space, 0x800000, DATA, PAGE, R | W | VMEM_IOC_ATTR_COW);
	REFUSED(-EOPNOTSUPP, space, 0x800000, DATA, PAGE, R | VMEM_IOC_ATTR_D);
	ANSWERS(-EEXIST, vmem_space_map_one(w.guest, space, 0x3ff000, DATA, 2 * PAGE,
					    R, &change));
	EXPECT(change.out_at_va == 0x400000 && !change.out_done);
	EXPECT(translated(&w, space, 0x3ff000).status == VMEM_IOC_NOT_PRESENT);
	world_close(&w);
}

void host(void)
{
	struct world w;
	void *addr;

	world_open(&w);
	ANSWERS(0, vmem_gpa_to_host(w.guest, 0, LOW_LEN, &addr));
	EXPECT(addr == w.memory);
	ANSWERS(0, vmem_gpa_to_host(w.guest, DATA + 5, 1, &addr));
	EXPECT(addr == w.memory + DATA + 5);
	ANSWERS(0, vmem_gpa_to_host(w.guest, HIGH - 1, 1, &addr));
	EXPECT(addr == w.memory + HIGH - 1);
	ANSWERS(0, vmem_gpa_to_host(w.guest, HIGH, HIGH_LEN, &addr));
	EXPECT(addr == w.high);
	ANSWERS(-ERANGE, vmem_gpa_to_host(w.guest, HIGH - 1, 2, &addr));
	EXPECT(!addr);
	ANSWERS(-ERANGE, vmem_gpa_to_host(w.guest, 1, ~0UL, &addr));
	ANSWERS(-EINVAL, vmem_gpa_to_host(w.guest, 0, 0, &addr));
	addr = &w;
	ANSWERS(-ENXIO, vmem_gpa_to_host(w.guest, OWNED + OWNED_LEN, 1, &addr));
	EXPECT(!addr);
	ANSWERS(-ENXIO, vmem_gpa_to_host(w.guest, ~0ULL, 1, &addr));
	ANSWERS(-ENXIO, vmem_gpa_to_host(w.guest, ~0ULL, ~0UL, &addr));
	world_close(&w);
}

/* One that is mapped by the library is destroyed all the same. */
void host_owned(void)
{
	struct vmem_ioc_destroy destroy;
	__u64 free_gpa = NOWHERE;
	struct world w;
	void *addr, *mine;

	world_open(&w);
	ANSWERS(0, vmem_gpa_to_host(w.guest, OWNED + PAGE, 2 * PAGE, &addr));
	MUST(vmem_region_mmap(w.guest, OWNED, OWNED_LEN, PROT_READ | PROT_WRITE, &mine));
	fill(addr, 2 * PAGE, 1);
	EXPECT(!memcmp(addr, (char *)mine + PAGE, 2 * PAGE));
	munmap(mine, OWNED_LEN);
	ANSWERS(0, vmem_gpa_to_host(w.guest, OWNED, 1, &mine));
	EXPECT((char *)mine == (char *)addr - PAGE);
	ANSWERS(-ERANGE, vmem_gpa_to_host(w.guest, OWNED, OWNED_LEN + 1, &mine));

	destroy = (struct vmem_ioc_destroy)VMEM_INIT(destroy, .id = w.owned_id);
	ANSWERS(0, vmem_guest_destroy(w.guest, &destroy));
	ANSWERS(-ENXIO, vmem_gpa_to_host(w.guest, OWNED, 1, &addr));
	/* what is in use stays, and is mapped anew */
	w.owned_id = world_region(&w, VMEM_IOC_REGION_OWNED, free_gpa, OWNED_LEN, NULL);
	ANSWERS(0, vmem_gpa_to_host(w.guest, free_gpa, 1, &addr));
	*(char *)addr = 7;
	world_pool(&w, free_gpa + PAGE, PAGE);
	destroy.id = w.owned_id;
	ANSWERS(-EBUSY, vmem_guest_destroy(w.guest, &destroy));
	ANSWERS(0, vmem_gpa_to_host(w.guest, free_gpa, 1, &addr));
	EXPECT(addr && *(char *)addr == 7);
	/* others of the user's go, and can come again elsewhere */
	destroy.id = w.high_id;
	ANSWERS(0, vmem_guest_destroy(w.guest, &destroy));
	ANSWERS(-ENXIO, vmem_gpa_to_host(w.guest, HIGH, 1, &addr));
	world_region(&w, VMEM_IOC_REGION_USER, HIGH, PAGE, w.high + PAGE);
	ANSWERS(0, vmem_gpa_to_host(w.guest, HIGH, 1, &addr));
	EXPECT(addr == w.high + PAGE);
	world_close(&w);
}

/* Made in any order, more than one LIST tells. */
void host_many(void)
{
	struct world w;
	unsigned int i, at;
	void *addr;

	world_open(&w);
	for (i = 0; i < 200; i++) {
		at = i * 77 % 200;
		world_region(&w, i % 3 ? VMEM_IOC_REGION_USER : VMEM_IOC_REGION_OWNED,
			     NOWHERE + 2 * PAGE * at, PAGE,
			     i % 3 ? w.high + PAGE * at : NULL);
	}
	for (i = 0; i < 200; i++) {
		at = i * 77 % 200;
		ANSWERS(0, vmem_gpa_to_host(w.guest, NOWHERE + 2 * PAGE * at + 3, 1,
					    &addr));
		if (i % 3)
			EXPECT(addr == w.high + PAGE * at + 3);
		else
			memcpy(addr, &at, sizeof(at));
		ANSWERS(-ENXIO, vmem_gpa_to_host(w.guest, NOWHERE + 2 * PAGE * at +
						 PAGE, 1, &addr));
	}
	for (i = 0; i < 200; i += 3) {
		at = i * 77 % 200;
		MUST(vmem_gpa_to_host(w.guest, NOWHERE + 2 * PAGE * at + 3, 4, &addr));
		EXPECT(!memcmp(addr, &at, sizeof(at)));
	}
	world_close(&w);
}

/* Another descriptor knows of no user memory, and maps as far as it may. */
void host_of_others(void)
{
	struct vmem_ioc_view view = VMEM_INIT(view, .rights = VMEM_IOC_RIGHT_READ);
	struct vmem_guest *reader;
	struct vmem_stop stop;
	struct world w;
	char byte = 0;
	void *addr;
	__u32 space;

	world_open(&w);
	if (helpers_local()) {
		ANSWERS(-EOPNOTSUPP, vmem_guest_view(w.guest, &view));
		world_close(&w);
		return;
	}
	space = world_space(&w, X86_4);
	put(&w, space, 0, OWNED, 2 * PAGE, R | W);
	put(&w, space, 2 * PAGE, DATA, PAGE, R | W);
	ANSWERS(0, vmem_space_write(w.guest, space, 5, "x", 1, 0, NULL));
	MUST(vmem_guest_view(w.guest, &view));
	MUST(vmem_open_fd(view.out_fd, &reader));
	ANSWERS(-EREMOTE, vmem_gpa_to_host(reader, DATA, 1, &addr));
	ANSWERS(-ENXIO, vmem_gpa_to_host(reader, NOWHERE, 1, &addr));
	ANSWERS(0, vmem_space_read(reader, space, 5, &byte, 1, 0, NULL));
	EXPECT(byte == 'x');
	ANSWERS(-EACCES, vmem_space_write(reader, space, 5, "y", 1, 0, &stop));
	EXPECT(!stop.done && stop.va == 5 && stop.result.gpa == OWNED + 5);
	ANSWERS(-EREMOTE, vmem_space_read(reader, space, 2 * PAGE, &byte, 1, 0, &stop));
	EXPECT(!stop.done && stop.va == 2 * PAGE && stop.result.gpa == DATA);
	EXPECT(!(stop.result.flags & VMEM_IOC_RESULT_OUTSIDE));
	vmem_close(reader);
	world_close(&w);
}

struct reader {
	struct world *w;
	__u32 space;
	void *host;
	int ret;
};

static void *read_first(void *data)
{
	struct reader *reader = data;
	char bytes[64];

	reader->ret = vmem_space_read(reader->w->guest, reader->space, 0, bytes,
				      sizeof(bytes), 0, NULL) ?:
		      vmem_gpa_to_host(reader->w->guest, OWNED, PAGE, &reader->host);
	return NULL;
}

/* Whoever of several comes first maps it, for all. (A local guest has one thread.) */
void host_threads(void)
{
	struct reader readers[8];
	pthread_t threads[8];
	unsigned int i, round;
	struct world w;
	__u32 space;

	for (round = 0; round < (helpers_local() ? 0 : 50); round++) {
		world_open(&w);
		space = world_space(&w, X86_4);
		put(&w, space, 0, OWNED, PAGE, R);
		for (i = 0; i < 8; i++) {
			readers[i] = (struct reader){ .w = &w, .space = space };
			MUST(pthread_create(&threads[i], NULL, read_first, &readers[i]));
		}
		for (i = 0; i < 8; i++) {
			pthread_join(threads[i], NULL);
			ANSWERS(0, readers[i].ret);
			EXPECT(readers[i].host == readers[0].host);
		}
		MUST(vmem_guest_destroy(w.guest, &(struct vmem_ioc_destroy)
					VMEM_INIT(struct vmem_ioc_destroy, .id = space)));
		/* none is left that nobody knows of */
		MUST(vmem_guest_destroy(w.guest, &(struct vmem_ioc_destroy)
					VMEM_INIT(struct vmem_ioc_destroy,
						  .id = w.owned_id)));
		world_close(&w);
	}
}

/* Pages that lie in another order, from any byte to any other. */
static void pages_at(struct world *w, __u32 space, __u64 base, unsigned int nr,
		     __u64 first, int step)
{
	static char want[200 * PAGE], got[200 * PAGE];
	const size_t lens[] = { 0, 1, 7, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 9,
				(size_t)nr * PAGE - 4100 };
	const size_t starts[] = { 0, 1, PAGE - 1, PAGE, 4000 };
	struct vmem_stop stop;
	unsigned int i, j;
	__u64 gpa;

	for (i = 0; i < nr; i++)
		put(w, space, base + i * PAGE, first + (__s64)i * step * (__s64)PAGE,
		    PAGE, R | W);
	fill(want, nr * PAGE, nr);
	ANSWERS(0, vmem_space_write(w->guest, space, base, want, nr * PAGE, W, &stop));
	EXPECT(stop.done == nr * PAGE && !stop.va);
	for (i = 0; i < nr; i++) {
		gpa = first + (__s64)i * step * (__s64)PAGE;
		EXPECT(!memcmp(w->memory + gpa, want + i * PAGE, PAGE));
	}
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		for (j = 0; j < sizeof(starts) / sizeof(starts[0]); j++) {
			memset(got, 0x55, sizeof(got));
			ANSWERS(0, vmem_space_read(w->guest, space, base + starts[j],
						   got, lens[i], R, &stop));
			EXPECT(stop.done == lens[i]);
			EXPECT(!memcmp(got, want + starts[j], lens[i]));
			EXPECT(got[lens[i]] == 0x55);
			fill(got, lens[i], i + j);
			memcpy(want + starts[j], got, lens[i]);
			ANSWERS(0, vmem_space_write(w->guest, space, base + starts[j],
						    got, lens[i], 0, NULL));
		}
	}
	ANSWERS(0, vmem_space_read(w->guest, space, base, got, nr * PAGE, 0, NULL));
	EXPECT(!memcmp(got, want, nr * PAGE));
}

void copy_pages(void)
{
	struct world w;
	__u32 space;

	world_open(&w);
	space = world_space(&w, X86_4);
	pages_at(&w, space, 0x400000 - 5 * PAGE, 200, DATA + 199 * PAGE, -1);
	pages_at(&w, space, UPPER + 0x200000 - PAGE, 150, DATA + 200 * PAGE, 2);
	world_close(&w);
}

/* What is refused is told to the byte, and nothing is written then. */
void copy_holes(void)
{
	static char want[200 * PAGE], got[200 * PAGE];
	struct vmem_stop stop;
	struct world w;
	__u32 space;

	world_open(&w);
	space = world_space(&w, X86_4);
	put(&w, space, 0x400000, DATA, 100 * PAGE, R | W);
	put(&w, space, 0x400000 + 101 * PAGE, DATA + 101 * PAGE, 99 * PAGE, R | W);
	fill(w.memory + DATA, 200 * PAGE, 3);
	memcpy(want, w.memory + DATA, 200 * PAGE);
	memset(got, 0x55, sizeof(got));
	ANSWERS(-EFAULT, vmem_space_read(w.guest, space, 0x400010, got,
					 199 * PAGE, 0, &stop));
	EXPECT(stop.done == 100 * PAGE - 16 && stop.va == 0x400000 + 100 * PAGE);
	EXPECT(stop.result.status == VMEM_IOC_NOT_PRESENT && !stop.result.level);
	EXPECT(!memcmp(got, want + 16, stop.done) && got[stop.done] == 0x55);
	ANSWERS(-EFAULT, vmem_space_write(w.guest, space, 0x400010, got,
					  199 * PAGE, 0, &stop));
	EXPECT(!stop.done && stop.va == 0x400000 + 100 * PAGE);
	EXPECT(stop.result.status == VMEM_IOC_NOT_PRESENT);
	EXPECT(!memcmp(w.memory + DATA, want, 200 * PAGE));
	ANSWERS(-EFAULT, vmem_space_read(w.guest, space, 0x400000 + 100 * PAGE, got, 1,
					 0, &stop));
	EXPECT(!stop.done && stop.va == 0x400000 + 100 * PAGE);
	ANSWERS(-EFAULT, vmem_space_read(w.guest, space, 0, got, 1, 0, NULL));
	ANSWERS(-EFAULT, vmem_space_write(w.guest, space, 0, got, 1, 0, NULL));
	/* tables that a guest made by itself name what isn't there */
	memset(w.memory, 0, PAGE);
	memcpy(w.memory, &(__u64){ NOWHERE | 7 }, 8);
	space = world_space(&w, X86_4);
	{
		struct vmem_ioc_space_create adopted = VMEM_INIT(adopted,
			.format = X86_4);

		MUST(vmem_space_create(w.guest, &adopted));
		ANSWERS(-EFAULT, vmem_space_read(w.guest, adopted.out_id, 8, got, 1,
						 0, &stop));
		EXPECT(stop.result.status == VMEM_IOC_OUTSIDE && stop.va == 8);
	}
	world_close(&w);
}

/* The ends of both halves. */
void copy_edges(void)
{
	static char got[4 * PAGE];
	struct vmem_stop stop;
	struct world w;
	__u32 space;

	world_open(&w);
	space = world_space(&w, X86_4);
	put(&w, space, (1ULL << 47) - PAGE, DATA, PAGE, R);
	put(&w, space, UPPER, DATA + PAGE, PAGE, R);
	put(&w, space, -2 * PAGE, DATA + 2 * PAGE, 2 * PAGE, R);
	fill(w.memory + DATA, 4 * PAGE, 9);
	ANSWERS(-EFAULT, vmem_space_read(w.guest, space, (1ULL << 47) - 3, got, 8, 0,
					 &stop));
	EXPECT(stop.done == 3 && stop.va == 1ULL << 47);
	EXPECT(stop.result.status == VMEM_IOC_NON_CANONICAL);
	EXPECT(!memcmp(got, w.memory + DATA + PAGE - 3, 3));
	ANSWERS(-EFAULT, vmem_space_read(w.guest, space, UPPER - 1, got, 2, 0, &stop));
	EXPECT(!stop.done && stop.va == UPPER - 1);
	EXPECT(stop.result.status == VMEM_IOC_NON_CANONICAL);
	ANSWERS(0, vmem_space_read(w.guest, space, UPPER, got, 1, 0, &stop));
	ANSWERS(0, vmem_space_read(w.guest, space, -PAGE - 1, got, PAGE + 1, 0, &stop));
	EXPECT(stop.done == PAGE + 1);
	EXPECT(!memcmp(got, w.memory + DATA + 3 * PAGE - 1, PAGE + 1));
	ANSWERS(0, vmem_space_read(w.guest, space, ~0ULL, got, 1, 0, &stop));
	EXPECT(got[0] == w.memory[DATA + 4 * PAGE - 1]);
	stop.done = 1;
	ANSWERS(-EOVERFLOW, vmem_space_read(w.guest, space, ~0ULL, got, 2, 0, &stop));
	EXPECT(!stop.done);
	ANSWERS(-EOVERFLOW, vmem_space_write(w.guest, space, 2, got, ~0UL, 0, NULL));
	ANSWERS(0, vmem_space_read(w.guest, space, ~0ULL, NULL, 0, 0, &stop));
	ANSWERS(-ENOENT, vmem_space_read(w.guest, 0, 0, got, 1, 0, NULL));
	ANSWERS(-ENOENT, vmem_space_write(w.guest, space + 1, 0, got, 1, 0, NULL));
	ANSWERS(-EINVAL, vmem_space_read(w.guest, w.pool, 0, got, 1, 0, NULL));
	world_close(&w);
}

void copy_rights(void)
{
	const struct {
		__u32 attrs, need;
		int status;
	} rights[] = {
		{ R, 0, VMEM_IOC_OK }, { R, R, VMEM_IOC_OK },
		{ R, W, VMEM_IOC_WRITE }, { R, U, VMEM_IOC_USER },
		{ R, X, VMEM_IOC_EXEC }, { R | X, X, VMEM_IOC_OK },
		{ R | W, R | W, VMEM_IOC_OK }, { R | U, R | U, VMEM_IOC_OK },
		{ R | U, W | U, VMEM_IOC_WRITE }, { R | W, W | U, VMEM_IOC_USER },
		{ R | VMEM_IOC_ATTR_COW, W, VMEM_IOC_WRITE },
		{ R | VMEM_IOC_ATTR_COW, 0, VMEM_IOC_OK },
	};
	struct vmem_stop stop;
	unsigned int i;
	struct world w;
	__u32 space;
	char byte;
	int want;

	world_open(&w);
	space = world_space(&w, X86_4);
	for (i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		__u64 va = (i + 1ULL) << 39;

		put(&w, space, va, DATA + i * PAGE, PAGE, rights[i].attrs);
		want = rights[i].status == VMEM_IOC_OK ? 0 : -EFAULT;
		w.memory[DATA + i * PAGE] = 'a';
		ANSWERS(want, vmem_space_read(w.guest, space, va, &byte, 1,
					      rights[i].need, &stop));
		EXPECT(stop.result.status == rights[i].status);
		ANSWERS(want, vmem_space_write(w.guest, space, va, "b", 1,
					       rights[i].need, &stop));
		EXPECT(stop.result.status == rights[i].status);
		EXPECT(w.memory[DATA + i * PAGE] == (want ? 'a' : 'b'));
	}
	for (i = 4; i < 32; i++)
		ANSWERS(-EOPNOTSUPP, vmem_space_read(w.guest, space, 1ULL << 39, &byte, 1,
						     1U << i, NULL));
	world_close(&w);
}

/* A page in two regions, one behind which there is nothing, owned memory. */
void copy_regions(void)
{
	static char want[4 * MIB], got[4 * MIB];
	struct vmem_stop stop;
	struct world w;
	void *owned;
	__u32 space;

	world_open(&w);
	space = world_space(&w, X86_4);
	/* 4 to 8 MiB in pages of 2 MiB, the first of which lies in both */
	put(&w, space, 0x400000, 4 * MIB, 4 * MIB, R | W);
	fill(want, sizeof(want), 5);
	ANSWERS(0, vmem_space_write(w.guest, space, 0x400000, want, sizeof(want), 0,
				    &stop));
	EXPECT(stop.done == sizeof(want));
	EXPECT(!memcmp(w.memory + 4 * MIB, want, MIB));
	EXPECT(!memcmp(w.high, want + MIB, 3 * MIB));
	ANSWERS(0, vmem_space_read(w.guest, space, 0x400000 + MIB - 3, got, 6, 0, NULL));
	EXPECT(!memcmp(got, want + MIB - 3, 6));
	/* the page at 8 MiB ends in owned memory, and then in none */
	put(&w, space, 0x800000, 8 * MIB, 2 * MIB, R | W);
	MUST(vmem_gpa_to_host(w.guest, OWNED, OWNED_LEN, &owned));
	fill(owned, OWNED_LEN, 6);
	ANSWERS(0, vmem_space_read(w.guest, space, 0x800000 - 1, got,
				   1 + PAGE + OWNED_LEN, 0, NULL));
	EXPECT(!memcmp(got + 1 + PAGE, owned, OWNED_LEN));
	EXPECT(!memcmp(got, w.high + 3 * MIB - 1, PAGE + 1));
	ANSWERS(-ENXIO, vmem_space_read(w.guest, space, 0x800000, got, 2 * MIB, 0,
					&stop));
	EXPECT(stop.done == PAGE + OWNED_LEN);
	EXPECT(stop.va == 0x800000 + PAGE + OWNED_LEN);
	EXPECT(stop.result.gpa == OWNED + OWNED_LEN);
	EXPECT(stop.result.flags & VMEM_IOC_RESULT_OUTSIDE);
	memcpy(want, owned, OWNED_LEN);
	ANSWERS(-ENXIO, vmem_space_write(w.guest, space, 0x800000, got + 1, 2 * MIB, 0,
					 &stop));
	EXPECT(!stop.done && !memcmp(want, owned, OWNED_LEN));
	ANSWERS(0, vmem_space_write(w.guest, space, 0x800000 + PAGE + 9, "owned", 5, 0,
				    NULL));
	EXPECT(!memcmp((char *)owned + 9, "owned", 5));
	world_close(&w);
}

void copy_frozen(void)
{
	struct vmem_ioc_region_set set = VMEM_INIT(set,
		.mask = VMEM_IOC_REGION_FROZEN, .value = VMEM_IOC_REGION_FROZEN);
	static char got[4 * PAGE];
	struct vmem_stop stop;
	struct world w;
	__u32 space;

	world_open(&w);
	space = world_space(&w, X86_4);
	put(&w, space, 0x400000, HIGH - PAGE, 2 * PAGE, R | W);
	put(&w, space, 0x800000, OWNED, PAGE, R | W);
	set.id = w.high_id;
	MUST(vmem_region_set(w.guest, &set));
	set.id = w.owned_id;
	MUST(vmem_region_set(w.guest, &set));
	w.high[0] = w.memory[HIGH - 1] = 'a';
	ANSWERS(0, vmem_space_read(w.guest, space, 0x400000, got, 2 * PAGE, 0, NULL));
	ANSWERS(-EROFS, vmem_space_write(w.guest, space, 0x400fff, "bc", 2, 0, &stop));
	EXPECT(!stop.done && stop.va == 0x401000 && stop.result.gpa == HIGH);
	EXPECT(w.high[0] == 'a' && w.memory[HIGH - 1] == 'a');
	ANSWERS(-EROFS, vmem_space_write(w.guest, space, 0x800000, "b", 1, 0, &stop));
	ANSWERS(0, vmem_space_write(w.guest, space, 0x400fff, "b", 1, 0, &stop));
	EXPECT(w.memory[HIGH - 1] == 'b');
	set.value = 0;
	MUST(vmem_region_set(w.guest, &set));
	set.id = w.high_id;
	MUST(vmem_region_set(w.guest, &set));
	ANSWERS(0, vmem_space_write(w.guest, space, 0x400fff, "bc", 2, 0, &stop));
	EXPECT(w.high[0] == 'c' && w.memory[HIGH - 1] == 'b');
	ANSWERS(0, vmem_space_write(w.guest, space, 0x800000, "b", 1, 0, &stop));
	world_close(&w);
}

void copy_levels(void)
{
	struct world w;
	struct vmem_stop stop;
	__u32 space;
	char byte;

	world_open(&w);
	space = world_space(&w, X86_5);
	pages_at(&w, space, (1ULL << 55) - 5 * PAGE, 100, DATA + 99 * PAGE, -1);
	pages_at(&w, space, 0xff00000000200000ULL, 20, DATA + 200 * PAGE, 2);
	ANSWERS(-EFAULT, vmem_space_read(w.guest, space, 1ULL << 56, &byte, 1, 0, &stop));
	EXPECT(stop.result.status == VMEM_IOC_NON_CANONICAL);
	world_close(&w);
}

/* Pages of each size, side by side. */
void copy_large(void)
{
	static char want[2 * MIB + 2 * PAGE], got[2 * MIB + 2 * PAGE];
	struct vmem_stop stop;
	struct world w;
	__u32 space;

	world_open(&w);
	space = world_space(&w, X86_4);
	put(&w, space, 0x400000 - PAGE, LOW_LEN - PAGE, PAGE, R);
	put(&w, space, 0x400000, DATA, 2 * MIB, R);
	put(&w, space, 0x600000, DATA - PAGE, PAGE, R);
	fill(want, sizeof(want), 11);
	memcpy(w.memory + LOW_LEN - PAGE, want, PAGE);
	memcpy(w.memory + DATA, want + PAGE, 2 * MIB);
	memcpy(w.memory + DATA - PAGE, want + PAGE + 2 * MIB, PAGE);
	ANSWERS(0, vmem_space_read(w.guest, space, 0x400000 - PAGE, got, sizeof(got), 0,
				   NULL));
	EXPECT(!memcmp(got, want, sizeof(got)));
	/* a page of 1 GiB of which memory has 8 MiB */
	put(&w, space, 1ULL << 39, 0, 1ULL << 30, R | W);
	ANSWERS(0, vmem_space_write(w.guest, space, (1ULL << 39) + DATA + 5, "large", 5,
				    W, NULL));
	EXPECT(!memcmp(w.memory + DATA + 5, "large", 5));
	ANSWERS(-ENXIO, vmem_space_read(w.guest, space, (1ULL << 39) + NOWHERE - 1, got,
					2, 0, &stop));
	EXPECT(!stop.done && stop.va == (1ULL << 39) + NOWHERE - 1);
	world_close(&w);
}
