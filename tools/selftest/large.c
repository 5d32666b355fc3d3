// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions of 16 GiB cost what those of 2 MiB do: pages that are charged for them, and
 * functions of the module that are entered for them, are counted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"

#define GROUP	"large"
#define SMALL	(2 * MIB)
#define LARGE	(16 * GIB)
#define TRACING	"/sys/kernel/debug/tracing/"
#define TRIES	3

/* What is done with a region, in turn. */
enum { REGISTER, TOUCH, FORGET, UNREGISTER, NR_STEPS };

static const char *const step_names[NR_STEPS] = {
	"registered", "walked from its last page on", "its pages gone", "destroyed",
};

/* More for LARGE: the nodes under which its last block of addresses is found. */
static const long more_pages[NR_STEPS] = { 0, 1, 1, 0 };

struct large {
	u8 *end;		/* the region lies before it */
	u64 len;
	u32 region;
	int fd;
};

/* The process has the same memory, whatever of it is registered. */
static void large_init(struct large *l, u64 len)
{
	u8 *mem = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ASSERT(mem != MAP_FAILED);
	ASSERT(!madvise(mem, LARGE, MADV_NOHUGEPAGE));
	*l = (struct large){ .end = mem + LARGE, .len = len, .fd = dev_open() };
}

static void large_step(struct large *l, int step)
{
	struct vmem_ioc_result result;
	u32 space;

	switch (step) {
	case REGISTER:
		l->region = ASSERT_OK(region_user(l->fd, 0, l->end - l->len, l->len, 0));
		break;
	case TOUCH:
		space = ASSERT_OK(space_adopt(l->fd, FMT4, 0, l->len - PAGE));
		ASSERT_OK(translate(l->fd, space, 0, &result));
		EXPECT_EQ(result.status, VMEM_IOC_NOT_PRESENT);
		ASSERT_OK(destroy(l->fd, space));
		break;
	case FORGET:
		ASSERT(!madvise(l->end - l->len, l->len, MADV_DONTNEED));
		break;
	case UNREGISTER:
		ASSERT_OK(destroy(l->fd, l->region));
		break;
	}
}

/* Pages */

static void large_charged(void *arg)
{
	struct large l;
	int step;

	large_init(&l, *(u64 *)arg);
	cgroup_measured();
	for (step = 0; step < NR_STEPS; step++) {
		large_step(&l, step);
		cgroup_measured();
	}
}

static void pages_as_small(void)
{
	long small[1 + NR_STEPS], large[1 + NR_STEPS];
	u64 len = SMALL;
	int step;

	cgroup_measure(GROUP, large_charged, &len, small, 1 + NR_STEPS);
	len = LARGE;
	cgroup_measure(GROUP, large_charged, &len, large, 1 + NR_STEPS);
	EXPECT(small[0] > 0 && large[0] > 0);
	for (step = 0; step < NR_STEPS; step++) {
		long less = small[1 + step] - small[0], more = large[1 + step] - large[0];

		ktap_msg("%s: %ld pages, and of 16 GiB %ld", step_names[step], less,
			 more);
		EXPECT(more <= less + more_pages[step] + cgroup_slack());
	}
}

/*
 * Steps of loops: functions of the module that are entered. More can't be traced
 * where QEMU's emulation is the machine: it doesn't bear that what other CPUs run is
 * patched.
 */

static bool tracing_write(const char *name, const char *text)
{
	char path[128];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static bool tracer_here(void)
{
	char text[256];

	return read_file(TRACING "available_tracers", text, sizeof(text)) &&
	       strstr(text, " function ");
}

static long calls_entered(void)
{
	char text[512];
	const char *at;

	ASSERT(read_file(TRACING "per_cpu/cpu0/stats", text, sizeof(text)));
	at = strstr(text, "entries: ");
	ASSERT(at && strstr(text, "overrun: 0\n"));
	return strtol(at + strlen("entries: "), NULL, 10);
}

static void large_counted(u64 len, long *calls)
{
	struct large l;
	int step, try;

	for (try = 0; try < TRIES; try++) {
		large_init(&l, len);
		for (step = 0; step < NR_STEPS; step++) {
			long entered;

			ASSERT(tracing_write("trace", ""));
			ASSERT(tracing_write("tracing_on", "1"));
			large_step(&l, step);
			ASSERT(tracing_write("tracing_on", "0"));
			entered = calls_entered();
			if (!try || entered < calls[step])
				calls[step] = entered;
		}
		close(l.fd);
		ASSERT(!munmap(l.end - LARGE, LARGE));
	}
}

static void steps_as_small(void)
{
	long small[NR_STEPS], large[NR_STEPS];
	char pid[16];
	int step;

	pin(0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	ASSERT(tracing_write("tracing_on", "0"));
	ASSERT(tracing_write("set_ftrace_pid", pid));
	ASSERT(tracing_write("set_ftrace_filter", ":mod:vmem"));
	ASSERT(tracing_write("current_tracer", "function"));
	large_counted(SMALL, small);
	large_counted(LARGE, large);
	ASSERT(tracing_write("current_tracer", "nop"));
	ASSERT(tracing_write("set_ftrace_filter", ""));
	ASSERT(tracing_write("set_ftrace_pid", ""));
	ASSERT(tracing_write("tracing_on", "1"));
	for (step = 0; step < NR_STEPS; step++) {
		ktap_msg("%s: %ld functions entered, and of 16 GiB %ld",
			 step_names[step], small[step], large[step]);
		EXPECT(small[step] > 0);
		EXPECT_EQ(large[step], small[step]);
	}
}

static const struct ktap_case cases[] = {
	CASE(pages_as_small),
	CASE_IF(steps_as_small, tracer_here, "the function tracer"),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
