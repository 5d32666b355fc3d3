// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory cgroups, for the tests that say that nothing is kept.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"

#define CGROUP_DIR	"/tmp/vmem-cgroup"

static bool cgroup_write(const char *name, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), CGROUP_DIR "/%s/%s", name, file);
	return write_file(path, text);
}

bool cgroup_make(const char *name)
{
	char path[256];

	mkdir("/tmp", 0777);
	mkdir(CGROUP_DIR, 0755);
	snprintf(path, sizeof(path), CGROUP_DIR "/cgroup.subtree_control");
	if (access(path, F_OK) &&
	    mount("cgroup2", CGROUP_DIR, "cgroup2", 0, NULL)) {
		ktap_msg("mount cgroup2: %m");
		return false;
	}
	if (!write_file(path, "+memory")) {
		ktap_msg("no memory controller: %m");
		return false;
	}
	snprintf(path, sizeof(path), CGROUP_DIR "/%s", name);
	if (mkdir(path, 0755) && errno != EEXIST) {
		ktap_msg("%s: %m", path);
		return false;
	}
	return true;
}

bool cgroup_enter(const char *name, pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return cgroup_write(name, "cgroup.procs", text);
}

void cgroup_remove(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), CGROUP_DIR "/%s", name);
	rmdir(path);
}

static long cgroup_current(const char *name)
{
	char path[256], buf[64];

	snprintf(path, sizeof(path), CGROUP_DIR "/%s/memory.current", name);
	if (!read_file(path, buf, sizeof(buf)))
		return -1;
	return strtol(buf, NULL, 10) / (long)PAGE;
}

/* What a process that is measured is told by the other, and its answer. */
enum order { STIR, GO_ON };

static int up[2], down[2];
static bool measuring;

static void order(enum order order)
{
	char byte = (char)order;

	ASSERT_EQ(write(down[1], &byte, 1), 1);
}

static void answered(void)
{
	char byte;

	ASSERT_EQ(read(up[0], &byte, 1), 1);
}

/*
 * Lowering memory.high takes back what each CPU has charged in advance, and
 * reclaims what can be reclaimed. The group must not be the caller's.
 *
 * What each CPU has charged for parts of pages can't be had where a task was
 * preempted while it used that, as it may be with PREEMPT_RT. A whole page is charged
 * then, and the group notes the rest of it, which may become many pages: they are
 * uncharged when a process of the group allocates the next time
 * (refill_obj_stock() in mm/memcontrol.c, Linux 7.3).
 */
long cgroup_pages(const char *name)
{
	long now, least = -1;
	unsigned int same = 0;

	while (same < 3) {
		if (measuring) {
			order(STIR);
			answered();
		}
		/*
		 * A CPU holds up to 15 pages on their way to a list of the
		 * LRU, freed or not. Compaction has all of them let go; on
		 * Linux 6.1 drop_caches doesn't.
		 */
		write_file("/proc/sys/vm/compact_memory", "1");
		write_file("/proc/sys/vm/drop_caches", "1");
		cgroup_write(name, "memory.high", "0");
		cgroup_write(name, "memory.high", "max");
		nap_ms(20);
		now = cgroup_current(name);
		if (now < 0)
			return -1;
		same++;
		if (least < 0 || now < least) {
			least = now;
			same = 0;
		}
	}
	return least;
}

long cgroup_slack(void)
{
	return get_nprocs();
}

/* By the process that is measured, now. */
void cgroup_measured(void)
{
	char byte = STIR;
	int fds[2];

	while (byte == STIR) {
		ASSERT_EQ(write(up[1], &byte, 1), 1);
		ASSERT_EQ(read(down[0], &byte, 1), 1);
		ASSERT(!pipe(fds));
		close(fds[0]);
		close(fds[1]);
	}
}

void cgroup_measure(const char *name, void (*fn)(void *), void *arg, long *pages,
		    u32 nr)
{
	int status;
	pid_t pid;
	u32 i;

	ASSERT(cgroup_make(name));
	ASSERT(!pipe(up) && !pipe(down));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(up[0]);
		close(down[1]);
		cgroup_measured();	/* now in the group */
		fn(arg);
		_exit(ktap_failed());
	}
	close(up[1]);
	close(down[0]);
	answered();
	ASSERT(cgroup_enter(name, pid));
	for (i = 0; i < nr; i++) {
		order(GO_ON);
		answered();
		measuring = true;
		pages[i] = cgroup_pages(name);
		measuring = false;
	}
	order(GO_ON);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	cgroup_remove(name);
}
