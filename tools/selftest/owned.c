// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owned regions: how they are mapped, what they cost, when they go.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"

#define LEN	(64 * PAGE)
#define GPA	(512 * MIB)

struct owned {
	int fd;
	u32 id;
	u64 offset;
};

static struct owned owned(u64 len)
{
	struct owned o = { .fd = dev_open() };

	o.id = ASSERT_OK(region_owned(o.fd, GPA, len, &o.offset));
	return o;
}

static u8 *map_at(struct owned *o, u64 from, u64 len, int prot)
{
	return mmap(NULL, len, prot, MAP_SHARED, o->fd,
		    (off_t)(o->offset + from));
}

static u8 *map_whole(struct owned *o)
{
	u8 *mem = map_at(o, 0, LEN, PROT_READ | PROT_WRITE);

	ASSERT(mem != MAP_FAILED);
	return mem;
}

/* Of this process, in kB: what the kernel says of a mapping. */
static bool smaps_has(const void *mem, const char *word)
{
	char line[512], start[32];
	bool here = false, found = false;
	FILE *f = fopen("/proc/self/smaps", "r");

	ASSERT(f);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)mem);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, start, strlen(start)))
			here = true;
		if (here && !strncmp(line, "VmFlags:", 8)) {
			found = strstr(line, word);
			break;
		}
	}
	fclose(f);
	return found;
}

static void map_basic(void)
{
	struct owned o = owned(LEN);
	u8 *a = map_whole(&o), *b = map_whole(&o);
	u64 i;

	/* Zeroed, and the same memory in each mapping. */
	for (i = 0; i < LEN; i++)
		ASSERT_EQ(a[i], 0);
	memset(a, 0x5a, LEN);
	EXPECT(!memcmp(a, b, LEN));
	EXPECT(smaps_has(a, " de"));	/* VM_DONTEXPAND */
	EXPECT(smaps_has(a, " dd"));	/* VM_DONTDUMP */
	/* Unmapped and mapped again, nothing is lost. */
	munmap(a, LEN);
	munmap(b, LEN);
	a = map_whole(&o);
	for (i = 0; i < LEN; i++)
		ASSERT_EQ(a[i], 0x5a);
}

static void map_part(void)
{
	struct owned o = owned(LEN);
	u8 *whole = map_whole(&o), *part;

	part = map_at(&o, 10 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE);
	ASSERT(part != MAP_FAILED);
	part[0] = 1;
	part[4 * PAGE - 1] = 2;
	EXPECT_EQ(whole[10 * PAGE], 1);
	EXPECT_EQ(whole[14 * PAGE - 1], 2);
	part = map_at(&o, LEN - PAGE, PAGE, PROT_READ);
	ASSERT(part != MAP_FAILED);
	EXPECT_EQ(part[5], 0);
}

static void map_beyond(void)
{
	struct owned o = owned(LEN);

	ASSERT_OK(region_owned(o.fd, GPA + LEN, LEN, NULL));
	EXPECT(map_at(&o, 0, LEN + PAGE, PROT_READ) == MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT(map_at(&o, LEN - PAGE, 2 * PAGE, PROT_READ) == MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT(map_at(&o, -PAGE, PAGE, PROT_READ) == MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT(map_at(&o, 2 * LEN, PAGE, PROT_READ) == MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

static void map_private(void)
{
	struct owned o = owned(LEN);

	EXPECT(mmap(NULL, LEN, PROT_READ, MAP_PRIVATE, o.fd,
		    (off_t)o.offset) == MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT(mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, o.fd,
		    (off_t)o.offset) == MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

static void map_by_rights(void)
{
	struct owned o = owned(LEN), view = o;
	u8 *mem = map_whole(&o), *ro;

	view.fd = ASSERT_OK(view_create(o.fd, VMEM_IOC_RIGHT_READ));
	EXPECT(map_at(&view, 0, LEN, PROT_READ | PROT_WRITE) == MAP_FAILED);
	EXPECT_EQ(errno, EACCES);
	EXPECT(map_at(&view, 0, LEN, PROT_WRITE) == MAP_FAILED);
	EXPECT_EQ(errno, EACCES);
	ro = map_at(&view, 0, LEN, PROT_READ);
	ASSERT(ro != MAP_FAILED);
	mem[7] = 9;
	EXPECT_EQ(ro[7], 9);
	/* Nor afterwards, nor by way of another call. */
	EXPECT_EQ(mprotect(ro, LEN, PROT_READ | PROT_WRITE), -1);
	EXPECT_EQ(errno, EACCES);
	view.fd = ASSERT_OK(view_create(o.fd, VMEM_IOC_RIGHT_CHANGE |
					VMEM_IOC_RIGHT_MANAGE));
	EXPECT(map_at(&view, 0, LEN, PROT_READ) == MAP_FAILED);
	EXPECT_EQ(errno, EACCES);
	view.fd = ASSERT_OK(view_create(o.fd, VMEM_IOC_RIGHT_READ |
					VMEM_IOC_RIGHT_CHANGE));
	EXPECT(map_at(&view, 0, LEN, PROT_READ | PROT_WRITE) != MAP_FAILED);
}

static void map_grown(void)
{
	struct owned o = owned(LEN);
	u8 *mem = map_at(&o, 0, LEN / 2, PROT_READ | PROT_WRITE), *moved;

	ASSERT(mem != MAP_FAILED);
	mem[3] = 3;
	EXPECT(mremap(mem, LEN / 2, LEN, MREMAP_MAYMOVE) == MAP_FAILED);
	EXPECT_EQ(errno, EFAULT);
	/* Moved it may be, and made smaller. */
	moved = mremap(mem, LEN / 2, LEN / 4, MREMAP_MAYMOVE | MREMAP_FIXED,
		       (u8 *)map_anon(LEN));
	ASSERT(moved != MAP_FAILED);
	EXPECT_EQ(moved[3], 3);
}

/* What throws pages of others away doesn't touch these. */
static void map_advice(void)
{
	struct owned o = owned(LEN);
	u8 *mem = map_whole(&o);

	memset(mem, 0x77, LEN);
	EXPECT(!madvise(mem, LEN, MADV_DONTNEED));
	EXPECT_EQ(mem[0], 0x77);
	EXPECT_EQ(mem[LEN - 1], 0x77);
	EXPECT(madvise(mem, LEN, MADV_REMOVE));
	EXPECT(madvise(mem, LEN, MADV_FREE));
	EXPECT(ftruncate(o.fd, 0));
	EXPECT_EQ(mem[PAGE], 0x77);
	EXPECT(!mlock(mem, LEN));
	EXPECT(!munlock(mem, LEN));
	EXPECT_EQ(mem[LEN - 1], 0x77);
}

/* A child has the mapping too, and counts. */
static void map_forked(void)
{
	struct owned o = owned(LEN);
	int up[2], down[2], status;
	u8 *mem = map_whole(&o);
	char byte;
	pid_t pid;

	mem[0] = 1;
	ASSERT(!pipe(up) && !pipe(down));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		byte = mem[0];
		mem[1] = byte + 1;
		ASSERT_EQ(write(up[1], &byte, 1), 1);
		ASSERT_EQ(read(down[0], &byte, 1), 1);
		_exit(0);
	}
	ASSERT_EQ(read(up[0], &byte, 1), 1);
	EXPECT_EQ(mem[1], 2);
	munmap(mem, LEN);
	EXPECT_ERR(destroy(o.fd, o.id), EBUSY);
	ASSERT_EQ(write(down[1], &byte, 1), 1);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	EXPECT_ERR(destroy(o.fd, o.id), 0);
}

/* Each piece of a mapping counts, until the last of them goes. */
static void destroy_while_mapped(void)
{
	struct owned o = owned(LEN);
	struct vmem_ioc_item item;
	u8 *mem = map_whole(&o);

	EXPECT_ERR(destroy(o.fd, o.id), EBUSY);
	ASSERT(!munmap(mem + 10 * PAGE, PAGE));
	ASSERT_EQ(list_items(o.fd, VMEM_IOC_LIST_REGIONS, 0, &item, 1, NULL), 1);
	EXPECT_EQ(item.uses, 2);
	EXPECT_ERR(destroy(o.fd, o.id), EBUSY);
	ASSERT(!munmap(mem, 10 * PAGE));
	EXPECT_ERR(destroy(o.fd, o.id), EBUSY);
	ASSERT(!mprotect(mem + 20 * PAGE, 4 * PAGE, PROT_READ));
	ASSERT(!munmap(mem + 11 * PAGE, LEN - 12 * PAGE));
	EXPECT_ERR(destroy(o.fd, o.id), EBUSY);
	ASSERT(!munmap(mem + LEN - PAGE, PAGE));
	EXPECT_ERR(destroy(o.fd, o.id), 0);
	EXPECT(map_at(&o, 0, PAGE, PROT_READ) == MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

/* A refused mmap, and one that is undone, count nothing. */
static void destroy_after_refused(void)
{
	struct owned o = owned(LEN);

	EXPECT(map_at(&o, 0, LEN + PAGE, PROT_READ) == MAP_FAILED);
	EXPECT(mmap(NULL, LEN, PROT_READ, MAP_PRIVATE, o.fd,
		    (off_t)o.offset) == MAP_FAILED);
	EXPECT_ERR(destroy(o.fd, o.id), 0);
}

static void mapping_outlives_file(void)
{
	struct owned o = owned(LEN);
	u8 *mem = map_whole(&o);
	u64 i;

	mem[0] = 1;
	close(o.fd);
	/* Pages that were there, and pages that weren't. */
	EXPECT_EQ(mem[0], 1);
	for (i = 0; i < LEN; i += PAGE)
		mem[i] = 2;
	EXPECT_EQ(mem[LEN - PAGE], 2);
}

/* RLIMIT_MEMLOCK, by the user who creates, for the region's whole size. */

static void nobody_with(u64 limit)
{
	struct rlimit rlim = { limit, limit };

	ASSERT(!setrlimit(RLIMIT_MEMLOCK, &rlim));
	become_nobody();
}

static void memlock(void)
{
	struct owned o = { .fd = dev_open() };
	int first, other = dev_open();
	u8 *mem;

	nobody_with(8 * PAGE);
	EXPECT_ERR(region_owned(o.fd, GPA, 9 * PAGE, NULL), ENOMEM);
	first = ASSERT_OK(region_owned(o.fd, GPA, 6 * PAGE, &o.offset));
	/* The user's, not the guest's. */
	EXPECT_ERR(region_owned(other, GPA, 3 * PAGE, NULL), ENOMEM);
	ASSERT_OK(region_owned(other, GPA, 2 * PAGE, NULL));
	EXPECT_ERR(region_owned(o.fd, 2 * GPA, PAGE, NULL), ENOMEM);
	/* What has gone counts no more. */
	close(other);
	ASSERT_OK(region_owned(o.fd, 2 * GPA, 2 * PAGE, NULL));
	ASSERT_OK(destroy(o.fd, first));
	ASSERT_OK(region_owned(o.fd, GPA, 6 * PAGE, NULL));
	/* Even while it is mapped. */
	mem = map_at(&o, 0, PAGE, PROT_READ | PROT_WRITE);
	ASSERT(mem != MAP_FAILED);
	close(o.fd);
	other = open("/dev/null", O_RDONLY);
	mem[0] = 1;
}

static void memlock_given_back(void)
{
	int fds[3], i;

	for (i = 0; i < 3; i++)
		fds[i] = dev_open();
	nobody_with(8 * PAGE);
	for (i = 0; i < 3; i++) {
		ASSERT_OK(region_owned(fds[i], GPA, 8 * PAGE, NULL));
		/* A refused one costs nothing. */
		EXPECT_ERR(region_owned(fds[i], GPA, PAGE, NULL), ENOMEM);
		close(fds[i]);
	}
}

static void memlock_refusal_free(void)
{
	int fd = dev_open(), i;

	nobody_with(8 * PAGE);
	ASSERT_OK(region_owned(fd, GPA, 4 * PAGE, NULL));
	for (i = 0; i < 50; i++)
		EXPECT_ERR(region_owned(fd, GPA, 4 * PAGE, NULL), EEXIST);
	ASSERT_OK(region_owned(fd, 2 * GPA, 4 * PAGE, NULL));
}

/* With CAP_IPC_LOCK neither checked nor charged, to nobody's credit later. */
static void memlock_privileged(void)
{
	struct rlimit rlim = { 0, 0 };
	int fd = dev_open(), small = dev_open(), id;

	ASSERT(!setrlimit(RLIMIT_MEMLOCK, &rlim));
	id = ASSERT_OK(region_owned(fd, GPA, LEN, NULL));
	rlim.rlim_cur = rlim.rlim_max = 2 * PAGE;
	ASSERT(!setrlimit(RLIMIT_MEMLOCK, &rlim));
	become_nobody();
	ASSERT_OK(destroy(fd, id));
	ASSERT_OK(region_owned(small, GPA, 2 * PAGE, NULL));
	EXPECT_ERR(region_owned(small, 2 * GPA, PAGE, NULL), ENOMEM);
}

/* Charged to the group of the creator, page by page, whoever touches it. */

#define GROUP	"owned"

struct creator {
	int sock[2];
	int go[2];
	u64 len;
};

static void create_in_group(void *arg)
{
	struct creator *c = arg;
	struct owned o;
	char byte;

	ASSERT_EQ(read(c->go[0], &byte, 1), 1);
	o = owned(c->len);
	ASSERT_OK(send_fd(c->sock[1], o.fd));
	_exit(0);
}

static struct owned owned_by_group(struct creator *c)
{
	struct owned o = { .offset = GPA };
	int status;
	pid_t pid;

	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, c->sock) && !pipe(c->go));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid)
		create_in_group(c);
	ASSERT(cgroup_enter(GROUP, pid));
	ASSERT_EQ(write(c->go[1], "", 1), 1);
	o.fd = ASSERT_OK(recv_fd(c->sock[0]));
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	return o;
}

static void charged_and_returned(void)
{
	struct creator c = { .len = 4096 * PAGE };
	long before, empty, full, half;
	struct owned o;
	u8 *mem;
	u64 i;

	ASSERT(cgroup_make(GROUP));
	before = cgroup_pages(GROUP);
	ASSERT(before >= 0);
	o = owned_by_group(&c);
	empty = cgroup_pages(GROUP);
	/* Nothing was touched: far less than the region. */
	EXPECT(empty - before < 512);

	/* Reading a page never touched allocates nothing: by the module. */
	{
		u32 space = ASSERT_OK(space_adopt(o.fd, FMT4, 0, GPA));
		struct vmem_ioc_result result;
		struct records rs;

		ASSERT_OK(translate(o.fd, space, 0, &result));
		EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
		rs = walk_all(o.fd, space, 0, ~0ULL, 0);
		EXPECT_EQ(rs.nr, 1);
		for (i = 1; i < 600; i++) {
			u32 id = ASSERT_OK(space_adopt(o.fd, FMT4, 0,
						       GPA + i * PAGE));

			ASSERT_OK(translate(o.fd, id, 0, &result));
			EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
			ASSERT_OK(destroy(o.fd, id));
		}
		ASSERT_OK(destroy(o.fd, space));
		half = cgroup_pages(GROUP);
		EXPECT(half - empty < 256);
	}

	mem = mmap(NULL, c.len, PROT_READ | PROT_WRITE, MAP_SHARED, o.fd,
		   (off_t)o.offset);
	ASSERT(mem != MAP_FAILED);
	for (i = 0; i < c.len; i += PAGE)
		mem[i] = 1;
	full = cgroup_pages(GROUP);
	EXPECT(full - empty >= 4096);
	EXPECT(full - empty < 4096 + 512);
	munmap(mem, c.len);
	close(o.fd);
	half = cgroup_pages(GROUP);
	EXPECT(half - before <= cgroup_slack() + 64);
	cgroup_remove(GROUP);
}

/* Round after round, the group holds what it held after the first. */
static void nothing_kept(void)
{
	struct creator c = { .len = 256 * PAGE };
	long first = 0, now = 0;
	struct owned o;
	u8 *mem;
	u64 i;
	int n;

	ASSERT(cgroup_make(GROUP));
	for (n = 0; n < 30; n++) {
		o = owned_by_group(&c);
		mem = mmap(NULL, c.len, PROT_READ | PROT_WRITE, MAP_SHARED,
			   o.fd, (off_t)o.offset);
		ASSERT(mem != MAP_FAILED);
		for (i = 0; i < c.len; i += PAGE)
			mem[i] = 1;
		close(o.fd);
		munmap(mem, c.len);
		close(c.sock[0]);
		close(c.sock[1]);
		close(c.go[0]);
		close(c.go[1]);
		if (n == 0)
			first = cgroup_pages(GROUP);
	}
	now = cgroup_pages(GROUP);
	if (!EXPECT(now <= first + cgroup_slack()))
		ktap_msg("%ld pages after the first round, %ld after the last",
			 first, now);
	cgroup_remove(GROUP);
}

/* The faults of many at once give each page once. */
static void fault_race(void)
{
	struct owned o = owned(LEN);
	pid_t pids[4];
	int i, round, status;
	u8 *mem;
	u64 at;

	for (round = 0; round < 20; round++) {
		u64 offset;
		int id = ASSERT_OK(region_owned(o.fd, 2 * GPA, LEN, &offset));

		mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, o.fd,
			   (off_t)offset);
		ASSERT(mem != MAP_FAILED);
		for (i = 0; i < 4; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				for (at = 0; at < LEN; at += PAGE)
					mem[at + i] = 1 + i;
				_exit(0);
			}
		}
		for (i = 0; i < 4; i++)
			waitpid(pids[i], &status, 0);
		for (at = 0; at < LEN; at += PAGE) {
			for (i = 0; i < 4; i++)
				EXPECT_EQ(mem[at + i], 1 + i);
		}
		munmap(mem, LEN);
		ASSERT_OK(destroy(o.fd, id));
	}
}

static const struct ktap_case cases[] = {
	CASE(map_basic),
	CASE(map_part),
	CASE(map_beyond),
	CASE(map_private),
	CASE(map_by_rights),
	CASE(map_grown),
	CASE(map_advice),
	CASE(map_forked),
	CASE(destroy_while_mapped),
	CASE(destroy_after_refused),
	CASE(mapping_outlives_file),
	CASE(memlock),
	CASE(memlock_given_back),
	CASE(memlock_refusal_free),
	CASE(memlock_privileged),
	CASE(charged_and_returned),
	CASE(nothing_kept),
	CASE(fault_race),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
