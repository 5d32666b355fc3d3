// SPDX-License-Identifier: GPL-2.0-only
/*
 * A region follows its memory: whatever the VMM does to it, once the call
 * has returned vmem sees what the VMM sees, or answers as documented.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "follow.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

bool hugepages_get(void)
{
	return write_file("/proc/sys/vm/nr_hugepages", "8");
}

bool zram_here(void)
{
	return !access("/sys/block/zram0/disksize", W_OK);
}

static void zram_size(void)
{
	char size[32];

	if (!read_file("/sys/block/zram0/disksize", size, sizeof(size)) ||
	    !strtoull(size, NULL, 10))
		ASSERT(write_file("/sys/block/zram0/disksize", "67108864"));
}

void scene_init(struct scene *s, enum backing backing)
{
	u8 *room, *mem = NULL;

	s->memfd = -1;
	switch (backing) {
	case ANONYMOUS:
		/* Aligned, so that it may become one huge page. */
		room = map_anon(2 * FOLLOW_LEN);
		mem = (u8 *)(((uintptr_t)room + FOLLOW_LEN - 1) &
			     ~(FOLLOW_LEN - 1));
		break;
	case HUGETLB:
	case MEMFD:
		s->memfd = memfd_create("memory", MFD_CLOEXEC |
					(backing == HUGETLB ? MFD_HUGETLB : 0));
		ASSERT(s->memfd >= 0 && !ftruncate(s->memfd, FOLLOW_LEN));
		mem = mmap(NULL, FOLLOW_LEN, PROT_READ | PROT_WRITE,
			   MAP_SHARED, s->memfd, 0);
		ASSERT(mem != MAP_FAILED);
		break;
	case HUGETLB_PRIVATE:
		mem = mmap(NULL, FOLLOW_LEN, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		ASSERT(mem != MAP_FAILED);
		break;
	case BLOCK:
		zram_size();
		s->memfd = open("/dev/zram0", O_RDWR | O_CLOEXEC);
		ASSERT(s->memfd >= 0);
		mem = mmap(NULL, FOLLOW_LEN, PROT_READ | PROT_WRITE,
			   MAP_SHARED, s->memfd, 0);
		ASSERT(mem != MAP_FAILED);
		break;
	}
	guest_init_on(&s->g, FMT4, mem, FOLLOW_LEN);
	s->g.root = s->g.gpa;
	s->leaves = s->g.gpa + 3 * PAGE;
	s->pool = ASSERT_OK(pool_create(s->g.fd, s->g.gpa + POOL_AT, POOL_LEN));
	s->space = ASSERT_OK(space_adopt(s->g.fd, FMT4, s->pool, s->g.root));
	scene_fill(s, 0);
}

u8 *scene_leaves(struct scene *s)
{
	return guest_host(&s->g, s->leaves);
}

void scene_fill_leaves(struct scene *s, u64 stamp)
{
	u32 i;

	for (i = 0; i < NR_VAS; i++)
		entry_set(&s->g, s->leaves, i,
			  (GUEST_GPA + (stamp * NR_VAS + i) % 512 * PAGE) |
			  X86_LEAF);
}

void scene_fill(struct scene *s, u64 stamp)
{
	u32 i;

	for (i = 0; i < 3; i++)
		entry_set(&s->g, s->g.root + i * PAGE, 0,
			  (s->g.root + (i + 1) * PAGE) | X86_TABLE);
	scene_fill_leaves(s, stamp);
}

void scene_agrees(struct scene *s)
{
	struct vmem_ioc_result want, have[NR_VAS];
	u64 vas[NR_VAS], entries[NR_VAS][5], want_entries[5];
	struct records rs;
	struct model m;
	u32 i;

	model_init(&m, &s->g);
	for (i = 0; i < NR_VAS; i++)
		vas[i] = i * PAGE;
	ASSERT_OK(translate_list(s->g.fd, s->space, vas, NR_VAS, have,
				 entries[0]));
	for (i = 0; i < NR_VAS; i++) {
		model_translate(&m, s->g.root, vas[i], &want, want_entries);
		EXPECT_EQ(have[i].status, want.status);
		EXPECT_EQ(have[i].level, want.level);
		EXPECT_EQ(have[i].gpa, want.gpa);
		EXPECT(!memcmp(entries[i], want_entries, sizeof(want_entries)));
	}
	rs = walk_all(s->g.fd, s->space, 0, 2 * MIB - 1, 0);
	model_walk(&m, 0, 2 * MIB - 1, 0);
	EXPECT(records_equal(&rs, &m.out));
	records_free(&rs);
	records_free(&m.out);
	free(m.seen);
}

void scene_outside(struct scene *s)
{
	struct vmem_ioc_result result;
	struct records rs;

	ASSERT_OK(translate(s->g.fd, s->space, PAGE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
	EXPECT_EQ(result.level, 1);
	rs = walk_all(s->g.fd, s->space, 0, 2 * MIB - 1, 0);
	EXPECT_EQ(rs.nr, 2);
	EXPECT_EQ(rs.r[0].type, VMEM_IOC_REC_BAD);
	EXPECT_EQ(rs.r[0].detail, VMEM_IOC_BAD_OUTSIDE);
	EXPECT_EQ(rs.r[0].gpa, s->leaves);
	records_free(&rs);
	EXPECT_ERR(map_one(s->g.fd, s->space, 16 * PAGE, GUEST_GPA, PAGE, R, 0,
			   NULL), ENXIO);
}

void scene_prime(struct scene *s)
{
	scene_agrees(s);
	/* For writing too. */
	ASSERT_OK(map_one(s->g.fd, s->space, 16 * PAGE, GUEST_GPA, PAGE, R, 0,
			  NULL));
	ASSERT_OK(unmap(s->g.fd, s->space, 16 * PAGE, 17 * PAGE - 1, NULL));
}

static void dontneed(void)
{
	struct scene s;
	u64 i;

	scene_init(&s, ANONYMOUS);
	scene_prime(&s);
	for (i = 1; i < 20; i++) {
		ASSERT(!madvise(scene_leaves(&s), PAGE, MADV_DONTNEED));
		scene_agrees(&s);
		scene_fill_leaves(&s, i);
		scene_agrees(&s);
	}
	ASSERT(!madvise(s.g.mem, s.g.len, MADV_DONTNEED));
	scene_agrees(&s);
	scene_fill(&s, 99);
	scene_agrees(&s);
}

/* A page got for reading, the zero page, isn't one for writing. */
static void written_after_read(void)
{
	struct scene s;

	scene_init(&s, ANONYMOUS);
	ASSERT(!madvise(scene_leaves(&s), PAGE, MADV_DONTNEED));
	scene_agrees(&s);
	ASSERT_OK(map_one(s.g.fd, s.space, 0, GUEST_GPA, PAGE, R, 0, NULL));
	EXPECT_EQ(entry_get(&s.g, s.leaves, 0), GUEST_GPA | X86_LEAF | X86_NX);
	scene_agrees(&s);
}

static void punch(void)
{
	struct scene s;
	u64 i;

	scene_init(&s, MEMFD);
	scene_prime(&s);
	for (i = 1; i < 20; i++) {
		ASSERT(!fallocate(s.memfd, FALLOC_FL_PUNCH_HOLE |
				  FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE));
		scene_agrees(&s);
		scene_fill_leaves(&s, i);
		scene_agrees(&s);
	}
}

/* Filled by way of the file, which no fault of the VMM comes before. */
static void written_by_file(void)
{
	u64 entry = (GUEST_GPA + 77 * PAGE) | X86_LEAF;
	struct vmem_ioc_result result;
	struct scene s;

	scene_init(&s, MEMFD);
	scene_prime(&s);
	ASSERT(!fallocate(s.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  3 * PAGE, PAGE));
	ASSERT_EQ(pwrite(s.memfd, &entry, 8, 3 * PAGE), 8);
	ASSERT_OK(translate(s.g.fd, s.space, 0, &result));
	EXPECT_EQ(result.gpa, GUEST_GPA + 77 * PAGE);
	scene_agrees(&s);
}

static void truncated(void)
{
	struct scene s;

	scene_init(&s, MEMFD);
	scene_prime(&s);
	refused_watch(&s.g);
	ASSERT(!ftruncate(s.memfd, 3 * PAGE));
	scene_outside(&s);
	ASSERT(!ftruncate(s.memfd, FOLLOW_LEN));
	scene_agrees(&s);
	scene_fill_leaves(&s, 5);
	scene_agrees(&s);
}

static void unmapped(void)
{
	struct scene s;
	u64 i;

	scene_init(&s, ANONYMOUS);
	scene_prime(&s);
	refused_watch(&s.g);
	for (i = 1; i < 10; i++) {
		ASSERT(!munmap(scene_leaves(&s), PAGE));
		scene_outside(&s);
		ASSERT(mmap(scene_leaves(&s), PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		       MAP_FAILED);
		scene_agrees(&s);
		scene_fill_leaves(&s, i);
		scene_agrees(&s);
	}
}

/* Other memory in its place, by one call. */
static void mapped_over(void)
{
	int fd = memfd_create("other", MFD_CLOEXEC);
	u64 entry = (GUEST_GPA + 33 * PAGE) | X86_LEAF;
	struct scene s;

	scene_init(&s, ANONYMOUS);
	scene_prime(&s);
	refused_watch(&s.g);
	ASSERT_EQ(pwrite(fd, &entry, 8, 0), 8);
	ASSERT(!ftruncate(fd, PAGE));
	ASSERT(mmap(scene_leaves(&s), PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	EXPECT_EQ(entry_get(&s.g, s.leaves, 0), entry);
	scene_agrees(&s);
	/* A mapping that may only be read: no change any more. */
	ASSERT(mmap(scene_leaves(&s), PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
		    fd, 0) != MAP_FAILED);
	scene_agrees(&s);
	EXPECT_ERR(map_one(s.g.fd, s.space, 16 * PAGE, GUEST_GPA, PAGE, R, 0,
			   NULL), EROFS);
}

static void remapped(void)
{
	u8 *other = map_anon(PAGE), *aside = map_anon(PAGE);
	struct scene s;

	scene_init(&s, ANONYMOUS);
	scene_prime(&s);
	refused_watch(&s.g);
	*(u64 *)other = (GUEST_GPA + 44 * PAGE) | X86_LEAF;
	ASSERT(mremap(scene_leaves(&s), PAGE, PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, aside) == aside);
	scene_outside(&s);
	ASSERT(mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      scene_leaves(&s)) == scene_leaves(&s));
	scene_agrees(&s);
	EXPECT_EQ(entry_get(&s.g, s.leaves, 0) & X86_ADDR,
		  GUEST_GPA + 44 * PAGE);
	ASSERT(mremap(aside, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      scene_leaves(&s)) == scene_leaves(&s));
	scene_agrees(&s);
}

/* After a fork each writes its own; vmem sees the one that registered. */
static void forked_on(enum backing backing)
{
	struct vmem_ioc_result result;
	int up[2], down[2], status;
	struct scene s;
	char byte = 0;
	pid_t pid;

	scene_init(&s, backing);
	scene_prime(&s);
	ASSERT(!pipe(up) && !pipe(down));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		scene_fill_leaves(&s, 11);
		ASSERT_EQ(write(up[1], &byte, 1), 1);
		ASSERT_EQ(read(down[0], &byte, 1), 1);
		/* The parent has written 12 meanwhile. */
		ASSERT_OK(translate(s.g.fd, s.space, 0, &result));
		EXPECT_EQ(result.gpa, GUEST_GPA + 12 * NR_VAS * PAGE);
		EXPECT_EQ(entry_get(&s.g, s.leaves, 0) & X86_ADDR,
			  GUEST_GPA + 11 * NR_VAS * PAGE);
		/* A change by the child is one of the parent's memory. */
		ASSERT_OK(map_one(s.g.fd, s.space, 20 * PAGE, GUEST_GPA, PAGE,
				  R, 0, NULL));
		EXPECT_EQ(entry_get(&s.g, s.leaves, 20), 0);
		_exit(ktap_failed());
	}
	ASSERT_EQ(read(up[0], &byte, 1), 1);
	scene_agrees(&s);
	scene_fill_leaves(&s, 12);
	scene_agrees(&s);
	ASSERT_EQ(write(down[1], &byte, 1), 1);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	scene_agrees(&s);
	EXPECT_EQ(entry_get(&s.g, s.leaves, 20), GUEST_GPA | X86_LEAF | X86_NX);
	scene_fill_leaves(&s, 13);
	scene_agrees(&s);
}

static void forked(void)
{
	forked_on(ANONYMOUS);
}

/* The VMM writes first after the fork, to what is its own page from then on. */
static void forked_write_on(enum backing backing)
{
	int down[2], status;
	struct scene s;
	char byte = 0;
	pid_t pid;

	scene_init(&s, backing);
	scene_prime(&s);
	ASSERT(!pipe(down));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		ASSERT_EQ(read(down[0], &byte, 1), 1);
		EXPECT_EQ(entry_get(&s.g, s.leaves, 0) & X86_ADDR, GUEST_GPA);
		scene_fill_leaves(&s, 11);
		_exit(ktap_failed());
	}
	scene_agrees(&s);
	scene_fill_leaves(&s, 12);
	scene_agrees(&s);
	ASSERT_EQ(write(down[1], &byte, 1), 1);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	scene_prime(&s);
}

static void forked_write(void)
{
	forked_write_on(ANONYMOUS);
}

/* vmem writes first after the fork: the child's copy stays what it was. */
static void forked_change_on(enum backing backing)
{
	int up[2], down[2], status;
	struct scene s;
	char byte = 0;
	pid_t pid;

	scene_init(&s, backing);
	scene_prime(&s);
	ASSERT(!pipe(up) && !pipe(down));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		ASSERT_EQ(read(down[0], &byte, 1), 1);
		EXPECT_EQ(entry_get(&s.g, s.leaves, 20), 0);
		_exit(ktap_failed());
	}
	ASSERT_OK(map_one(s.g.fd, s.space, 20 * PAGE, GUEST_GPA, PAGE, R, 0,
			  NULL));
	EXPECT_EQ(entry_get(&s.g, s.leaves, 20), GUEST_GPA | X86_LEAF | X86_NX);
	ASSERT_EQ(write(down[1], &byte, 1), 1);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
}

static void forked_change(void)
{
	forked_change_on(ANONYMOUS);
}

static void protected(void)
{
	struct scene s;

	scene_init(&s, ANONYMOUS);
	scene_prime(&s);
	refused_watch(&s.g);
	ASSERT(!mprotect(scene_leaves(&s), PAGE, PROT_NONE));
	scene_outside(&s);
	ASSERT(!mprotect(scene_leaves(&s), PAGE, PROT_READ));
	scene_agrees(&s);
	EXPECT_ERR(map_one(s.g.fd, s.space, 16 * PAGE, GUEST_GPA, PAGE, R, 0,
			   NULL), EROFS);
	EXPECT_ERR(unmap(s.g.fd, s.space, 0, PAGE - 1, NULL), EROFS);
	scene_agrees(&s);
	ASSERT(!mprotect(scene_leaves(&s), PAGE, PROT_READ | PROT_WRITE));
	scene_prime(&s);
	/* A root that nobody may read is outside too. */
	ASSERT(!mprotect(s.g.mem, PAGE, PROT_NONE));
	{
		struct vmem_ioc_result result;

		ASSERT_OK(translate(s.g.fd, s.space, 0, &result));
		EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
		EXPECT_EQ(result.level, 4);
		EXPECT_EQ(result.gpa, 0);
	}
}

/* The process that registered it is gone; the descriptor isn't. */
static void registrant_exits(void)
{
	struct vmem_ioc_result result;
	struct records rs;
	int sock[2], fd, status, walk;
	struct scene s;
	char byte = 0;
	u64 offset;
	u32 id;
	pid_t pid;

	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		scene_init(&s, ANONYMOUS);
		scene_prime(&s);
		ASSERT_OK(send_fd(sock[1], s.g.fd));
		ASSERT_EQ(write(sock[1], &s.space, 4), 4);
		ASSERT_EQ(read(sock[1], &byte, 1), 1);
		_exit(0);
	}
	fd = ASSERT_OK(recv_fd(sock[0]));
	ASSERT_EQ(read(sock[0], &id, 4), 4);
	ASSERT_OK(translate(fd, id, PAGE, &result));
	EXPECT_EQ(result.gpa, GUEST_GPA + PAGE);
	walk = ASSERT_OK(walk_create(fd, &id, 1, 0, ~0ULL, 0, 0, 0));
	ASSERT_EQ(write(sock[0], &byte, 1), 1);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);

	ASSERT_OK(translate(fd, id, PAGE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
	EXPECT_EQ(result.level, 4);
	rs = walk_read(walk, 0);
	EXPECT_EQ(rs.err, 0);
	EXPECT_EQ(rs.nr, 2);
	EXPECT_EQ(rs.r[0].detail, VMEM_IOC_BAD_OUTSIDE);
	EXPECT_ERR(map_one(fd, id, 16 * PAGE, GUEST_GPA, PAGE, R, 0, NULL),
		   ENXIO);
	EXPECT_ERR(unmap(fd, id, 0, PAGE - 1, NULL), ENXIO);
	/* What is owned lives on, and so does the guest. */
	ASSERT_OK(region_owned(fd, GIB, PAGE, &offset));
	EXPECT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)offset) !=
	       MAP_FAILED);
	ASSERT_OK(region_user(fd, 2 * GIB, map_anon(PAGE), PAGE, 0));
	ASSERT_OK(destroy(fd, id));
}

/* Huge pages come and go beneath it. */

static bool thp_here(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK);
}

static void collapsed(void)
{
	struct scene s;
	u64 i;

	scene_init(&s, ANONYMOUS);
	for (i = 0; i < FOLLOW_LEN; i += PAGE)
		s.g.mem[i + 4088] = 0;
	scene_prime(&s);
	for (i = 1; i < 8; i++) {
		/* No page is held, so that nothing is in the way of this. */
		if (!EXPECT(!madvise(s.g.mem, FOLLOW_LEN, MADV_COLLAPSE)))
			ktap_msg("MADV_COLLAPSE: %m");
		scene_agrees(&s);
		scene_fill_leaves(&s, i);
		scene_agrees(&s);
		ASSERT(!madvise(scene_leaves(&s), PAGE, MADV_DONTNEED));
		scene_agrees(&s);
		scene_fill_leaves(&s, i + 100);
		scene_prime(&s);
	}
}

static void hugetlb(void)
{
	struct scene s;

	ASSERT(hugepages_get());
	scene_init(&s, HUGETLB);
	scene_prime(&s);
	ASSERT(!fallocate(s.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  0, FOLLOW_LEN));
	scene_agrees(&s);
	scene_fill(&s, 3);
	scene_prime(&s);
}

static void forked_hugetlb(void)
{
	ASSERT(hugepages_get());
	forked_on(HUGETLB_PRIVATE);
}

static void forked_write_hugetlb(void)
{
	ASSERT(hugepages_get());
	forked_write_on(HUGETLB_PRIVATE);
}

static void forked_change_hugetlb(void)
{
	ASSERT(hugepages_get());
	forked_change_on(HUGETLB_PRIVATE);
}

static bool hugetlb_here(void)
{
	return !access("/proc/sys/vm/nr_hugepages", W_OK);
}

/* Swapped out and in again. */

static void swap_on(void)
{
	static u8 header[4096];
	int fd;

	zram_size();
	/* Version 1, the last page, and the signature at the end of the page. */
	*(u32 *)(header + 1024) = 1;
	*(u32 *)(header + 1028) = 64 * MIB / PAGE - 1;
	memcpy(header + 4086, "SWAPSPACE2", 10);
	fd = open("/dev/zram0", O_WRONLY);
	if (fd >= 0) {
		EXPECT_EQ(write(fd, header, sizeof(header)), sizeof(header));
		close(fd);
	}
	ASSERT(!swapon("/dev/zram0", 0) || errno == EBUSY);
}

static void swapped(void)
{
	struct scene s;
	u64 i;

	swap_on();
	scene_init(&s, ANONYMOUS);
	scene_prime(&s);
	for (i = 1; i < 20; i++) {
		ASSERT(!madvise(s.g.mem, s.g.len, MADV_PAGEOUT));
		/* vmem looks first, and next time the VMM does. */
		if (i & 1)
			scene_prime(&s);
		scene_fill_leaves(&s, i);
		scene_prime(&s);
	}
	swapoff("/dev/zram0");
}

static bool secretmem_here(void)
{
	int fd = (int)syscall(447, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void secret_outside(void)
{
	struct vmem_ioc_result result;
	int fd = (int)syscall(447, 0);
	struct guest g;
	u32 id;

	ASSERT(!ftruncate(fd, FOLLOW_LEN));
	guest_init_on(&g, FMT4, mmap(NULL, FOLLOW_LEN, PROT_READ | PROT_WRITE,
				     MAP_SHARED, fd, 0), FOLLOW_LEN);
	g.mem[0] = 0;
	id = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.gpa));
	ASSERT_OK(translate(g.fd, id, 0, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
}

static const struct ktap_case cases[] = {
	CASE(dontneed),
	CASE(written_after_read),
	CASE(punch),
	CASE(written_by_file),
	CASE(truncated),
	CASE(unmapped),
	CASE(mapped_over),
	CASE(remapped),
	CASE(forked),
	CASE(forked_write),
	CASE(forked_change),
	CASE(protected),
	CASE(registrant_exits),
	CASE_IF(collapsed, thp_here, "transparent huge pages"),
	CASE_IF(hugetlb, hugetlb_here, "huge pages (hugetlb)"),
	CASE_IF(forked_hugetlb, hugetlb_here, "huge pages (hugetlb)"),
	CASE_IF(forked_write_hugetlb, hugetlb_here, "huge pages (hugetlb)"),
	CASE_IF(forked_change_hugetlb, hugetlb_here, "huge pages (hugetlb)"),
	CASE_IF(swapped, zram_here, "zram"),
	CASE_IF(secret_outside, secretmem_here, "memfd_secret()"),
	FOLLOW_PROCESS_CASES,
	FOLLOW_KERNEL_CASES,
	FOLLOW_ODD_CASES,
	FOLLOW_DISCARD_CASES,
	FOLLOW_STRESS_CASES,
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
