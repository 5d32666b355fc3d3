// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions over strange memory: a mapping of the device itself, and a range
 * whose faults nobody serves.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "follow.h"
#include "uffd.h"

/* Guests of this process that are alive, by their directories in debugfs. */
static unsigned int guests_alive(void)
{
	char prefix[32];
	struct dirent *entry;
	unsigned int nr = 0;
	DIR *d = opendir("/sys/kernel/debug/vmem");

	ASSERT(d);
	snprintf(prefix, sizeof(prefix), "%d-", getpid());
	while ((entry = readdir(d)))
		nr += !strncmp(entry->d_name, prefix, strlen(prefix));
	closedir(d);
	return nr;
}

static void device_mapping(bool same)
{
	struct guest g = { .format = FMT4, .gpa = GUEST_GPA, .len = MIB };
	int fd = dev_open(), other = same ? fd : dev_open();
	struct vmem_ioc_result result;
	u64 offset;
	int id;

	ASSERT_OK(region_owned(fd, GUEST_GPA, MIB, &offset));
	g.mem = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     (off_t)offset);
	ASSERT(g.mem != MAP_FAILED);
	/* Tables whose addresses count from 1G on, as the second region has. */
	g.gpa = g.next = GIB;
	g.root = guest_page(&g);
	guest_map(&g, g.root, 0, 0, GIB | X86_LEAF, X86_TABLE);
	id = region_user(other, GIB, g.mem, MIB, 0);
	if (id > 0) {
		/* Not refused: then it works, or is outside. */
		u32 space = ASSERT_OK(space_adopt(other, FMT4, 0, g.root));

		ASSERT_OK(translate(other, space, 0, &result));
		EXPECT(result.status == VMEM_IOC_OK ||
		       result.status == VMEM_IOC_OUTSIDE);
		if (result.status == VMEM_IOC_OK) {
			EXPECT_EQ(result.gpa, GIB);
			ASSERT(!munmap(g.mem, MIB));
			ASSERT_OK(translate(other, space, 0, &result));
			EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
			g.mem = NULL;
		}
	}
	close(fd);
	if (!same)
		close(other);
	if (g.mem)
		munmap(g.mem, MIB);
	/* Nothing kept itself alive. */
	EXPECT_EQ(guests_alive(), 0);
}

void device_mapping_same_guest(void)
{
	device_mapping(true);
}

void device_mapping_other_guest(void)
{
	device_mapping(false);
}

/* The mapping stays when all descriptors are closed, and goes with exit. */
static void map_and_exit(void *arg)
{
	int fd = dev_open();
	u64 offset;
	u8 *mem;

	ASSERT_OK(region_owned(fd, GUEST_GPA, MIB, &offset));
	mem = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)offset);
	ASSERT(mem != MAP_FAILED);
	ASSERT_OK(region_user(fd, GIB, mem, MIB, 0));
	ASSERT_OK(region_user(fd, 2 * GIB, mem, MIB, 0));
	memset(mem, 1, MIB);
	if (arg)
		close(fd);
	_exit(0);
}

void device_mapping_alone(void)
{
	char module[64] = "";
	int i;

	for (i = 0; i < 10; i++) {
		EXPECT(ktap_in_child(map_and_exit, NULL));
		EXPECT(ktap_in_child(map_and_exit, module));
	}
	/* Nobody has the device open, so that nothing uses the module. */
	if (read_file("/sys/module/vmem/refcnt", module, sizeof(module)))
		EXPECT_EQ(atoi(module), 0);
}

/*
 * A guest whose tables of leaves lie where no fault is ever served, below one
 * of two spaces.
 */
struct stuck {
	struct guest g;
	u32 hangs, works;
	u8 *range;
	int uffd;
};

static void stuck_init(struct stuck *u)
{
	u64 root;

	guest_init(&u->g, FMT4, MIB);
	u->range = map_anon(16 * PAGE);
	u->uffd = uffd_register(u->range, 16 * PAGE);
	ASSERT_OK(region_user(u->g.fd, GIB, u->range, 16 * PAGE, 0));
	ASSERT_OK(pool_create(u->g.fd, GUEST_GPA + MIB / 2, 16 * PAGE));
	root = guest_root(&u->g);
	guest_map(&u->g, root, 0, 1, GIB | X86_TABLE, X86_TABLE);
	u->hangs = ASSERT_OK(space_adopt(u->g.fd, FMT4, 3, root));
	root = guest_root(&u->g);
	guest_map(&u->g, root, 0, 0, GUEST_GPA | X86_LEAF, X86_TABLE);
	u->works = ASSERT_OK(space_adopt(u->g.fd, FMT4, 3, root));
}

static void stuck_translate(struct stuck *u)
{
	translate(u->g.fd, u->hangs, 0, &(struct vmem_ioc_result){});
}

static void stuck_walk(struct stuck *u)
{
	records_free((struct records[]){ walk_all(u->g.fd, u->hangs, 0, ~0ULL,
						  0) });
}

static void stuck_map(struct stuck *u)
{
	map_one(u->g.fd, u->hangs, 0, GUEST_GPA, PAGE, R, 0, NULL);
}

static pid_t stuck_child(struct stuck *u, void (*fn)(struct stuck *))
{
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(u);
		_exit(3);
	}
	ASSERT(wait_until(task_sleeps_at, &pid));
	return pid;
}

static void stuck_end(pid_t pid)
{
	int status;

	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* What everybody else does meanwhile. */
static void go_on(struct stuck *u)
{
	struct vmem_ioc_change change;
	struct vmem_ioc_result result;
	struct records rs;
	u64 i;
	int id;

	for (i = 0; i < 20; i++) {
		ASSERT_OK(translate(u->g.fd, u->works, 0, &result));
		EXPECT_EQ(result.gpa, GUEST_GPA);
		rs = walk_all(u->g.fd, u->works, 0, ~0ULL, 0);
		EXPECT_EQ(rs.nr, 2);
		records_free(&rs);
		ASSERT_OK(map_one(u->g.fd, u->works, GIB, GUEST_GPA, PAGE, R, 0,
				  NULL));
		ASSERT_OK(unmap(u->g.fd, u->works, GIB, GIB + PAGE - 1,
				&change));
		ASSERT_OK(flushed(u->g.fd, change.out_generation));
		id = ASSERT_OK(region_user(u->g.fd, 4 * GIB, map_anon(PAGE),
					   PAGE, 0));
		ASSERT_OK(destroy(u->g.fd, id));
		ASSERT(!madvise(u->g.mem + MIB / 4, PAGE, MADV_DONTNEED));
	}
}

static void stuck_killed(void (*fn)(struct stuck *))
{
	struct stuck u;
	int i;

	stuck_init(&u);
	for (i = 0; i < 3; i++)
		stuck_end(stuck_child(&u, fn));
	go_on(&u);
}

void uffd_translate_killed(void)
{
	stuck_killed(stuck_translate);
}

void uffd_walk_killed(void)
{
	stuck_killed(stuck_walk);
}

void uffd_map_killed(void)
{
	stuck_killed(stuck_map);
}

void uffd_others_go_on(void)
{
	pid_t pids[3];
	struct stuck u;
	int i;

	stuck_init(&u);
	pids[0] = stuck_child(&u, stuck_translate);
	pids[1] = stuck_child(&u, stuck_walk);
	pids[2] = stuck_child(&u, stuck_map);
	go_on(&u);
	/* The owner may do what it likes with the range. */
	ASSERT(!madvise(u.range + 4 * PAGE, PAGE, MADV_DONTNEED));
	ASSERT(!mprotect(u.range + 8 * PAGE, PAGE, PROT_READ));
	for (i = 0; i < 3; i++)
		stuck_end(pids[i]);
}

/* Destroying what someone hangs in, and closing, doesn't wait for him. */
void uffd_destroy(void)
{
	struct stuck u;
	pid_t pids[2];

	stuck_init(&u);
	pids[0] = stuck_child(&u, stuck_translate);
	pids[1] = stuck_child(&u, stuck_map);
	ASSERT_OK(destroy(u.g.fd, u.hangs));
	ASSERT_OK(destroy(u.g.fd, u.works));
	close(u.g.fd);
	stuck_end(pids[0]);
	stuck_end(pids[1]);
	EXPECT_EQ(guests_alive(), 0);
}
