// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does to memory unasked: pages of like content become one,
 * those of a file are written back and must be found dirty again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "follow.h"

#define KSM	"/sys/kernel/mm/ksm/"

bool ksm_here(void)
{
	return !access(KSM "run", W_OK) && !access("/proc/self/pagemap", R_OK);
}

/* The number of the host's page at an address of this process. */
static u64 host_page(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 word;

	ASSERT(fd >= 0);
	ASSERT_EQ(pread(fd, &word, 8, (off_t)((uintptr_t)addr / PAGE * 8)), 8);
	close(fd);
	return word >> 63 ? word & (BIT(55) - 1) : 0;
}

static bool are_one(void *arg)
{
	u8 **pages = arg;
	u64 page = host_page(pages[0]);

	return page && page == host_page(pages[1]);
}

/* The table of leaves and a page of like content become one, and two again. */
void merged(void)
{
	u8 *twin = map_anon(PAGE);
	struct scene s;
	u8 *pages[2];
	u64 i;

	ASSERT(write_file(KSM "pages_to_scan", "4096"));
	ASSERT(write_file(KSM "sleep_millisecs", "1"));
	/* New kernels pass over pages that were alone before. */
	write_file(KSM "smart_scan", "0");
	ASSERT(write_file(KSM "run", "1"));
	scene_init(&s, ANONYMOUS);
	pages[0] = scene_leaves(&s);
	pages[1] = twin;
	ASSERT(!madvise(s.g.mem, s.g.len, MADV_MERGEABLE));
	ASSERT(!madvise(twin, PAGE, MADV_MERGEABLE));
	for (i = 1; i < 7; i++) {
		scene_fill_leaves(&s, i);
		/* From here on vmem has its address, for writing. */
		scene_prime(&s);
		memcpy(twin, scene_leaves(&s), PAGE);
		ASSERT(wait_until(are_one, pages));
		scene_agrees(&s);
		EXPECT(are_one(pages));
		if (i & 1) {
			ASSERT_OK(map_one(s.g.fd, s.space, 20 * PAGE, GUEST_GPA,
					  PAGE, R, 0, NULL));
			EXPECT_EQ(entry_get(&s.g, s.leaves, 20),
				  GUEST_GPA | X86_LEAF | X86_NX);
			EXPECT_EQ(((u64 *)twin)[20], 0);
		} else {
			scene_fill_leaves(&s, i + 100);
			EXPECT_EQ(((u64 *)twin)[0] & X86_ADDR,
				  GUEST_GPA + i * NR_VAS * PAGE);
		}
		EXPECT(!are_one(pages));
		scene_agrees(&s);
		entry_set(&s.g, s.leaves, 20, 0);
	}
	ASSERT(write_file(KSM "run", "0"));
}

/* What vmem changes after the page was written back gets there too. */
void written_back(void)
{
	int direct = open("/dev/zram0", O_RDONLY | O_DIRECT | O_CLOEXEC);
	u8 *there = map_anon(PAGE);
	struct scene s;
	u64 i;

	scene_init(&s, BLOCK);
	scene_prime(&s);
	ASSERT(direct >= 0);
	for (i = 1; i < 30; i++) {
		if (i % 3 == 0)
			scene_fill_leaves(&s, i);
		ASSERT_OK(map_one(s.g.fd, s.space, (20 + i) * PAGE,
				  GUEST_GPA + i * PAGE, PAGE, R, 0, NULL));
		ASSERT(!(i & 1 ? fsync(s.memfd) :
			 msync(s.g.mem, s.g.len, MS_SYNC)));
		ASSERT_EQ(pread(direct, there, PAGE, 3 * PAGE), PAGE);
		EXPECT(!memcmp(there, scene_leaves(&s), PAGE));
		EXPECT_EQ(((u64 *)there)[20 + i],
			  (GUEST_GPA + i * PAGE) | X86_LEAF | X86_NX);
		scene_agrees(&s);
	}
	close(direct);
}
