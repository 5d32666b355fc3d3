// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory cgroups, for the tests that say that nothing is kept.
 */
#define _GNU_SOURCE
#include <limits.h>
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

#define PATIENCE	250	/* rounds, against hanging */

/*
 * Lowering memory.high takes back what each CPU has charged in advance, and
 * reclaims what can be reclaimed. The group must not be the caller's. Where there
 * are more than @most, what the kernel's workers are still to free is waited for.
 */
long cgroup_pages(const char *name, long most)
{
	unsigned int same = 0, rounds;
	long now, least = -1;

	for (rounds = 0; same < 3 || (least > most && rounds < PATIENCE); rounds++) {
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

/* From the process that is measured, and to it. */
static int up[2], down[2];

void cgroup_measured(void)
{
	char byte = 0;

	ASSERT_EQ(write(up[1], &byte, 1), 1);
	ASSERT_EQ(read(down[0], &byte, 1), 1);
}

void cgroup_measure(const char *name, void (*fn)(void *), void *arg, long *pages,
		    u32 nr)
{
	char byte = 0;
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
	ASSERT_EQ(read(up[0], &byte, 1), 1);
	ASSERT(cgroup_enter(name, pid));
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(write(down[1], &byte, 1), 1);
		ASSERT_EQ(read(up[0], &byte, 1), 1);
		pages[i] = cgroup_pages(name, i ? pages[0] + cgroup_slack() :
						  LONG_MAX);
	}
	ASSERT_EQ(write(down[1], &byte, 1), 1);
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	cgroup_remove(name);
}
