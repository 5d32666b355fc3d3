// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions outlive the address space that they lie in: its process ends in the
 * middle of another one's call, or executes another program.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "follow.h"

#define GONE_ROUNDS	6
#define GONE_LEN	(4 * MIB)

/*
 * A process has its memory in a guest, and another one translates there. While
 * the latter sleeps in its call, for the former invalidates the page, a third
 * one takes the processor away from it; then the region goes, and the process
 * with all of its address space. Shared between all of them.
 */
struct gone {
	int fd;
	volatile u32 region, space;
	volatile pid_t caller;
	volatile bool held;	/* it sleeps in the call, and won't wake up */
	volatile bool over;	/* the address space is no more */
	volatile bool ended;	/* the call */
};

static void gone_owner(struct gone *s)
{
	u8 *mem = map_anon(GONE_LEN);
	u64 i;

	pin(0);
	s->region = ASSERT_OK(region_user(s->fd, GUEST_GPA, mem, GONE_LEN, 0));
	for (;;) {
		for (i = 0; i < GONE_LEN; i += PAGE)
			mem[i] = 0;
		/* A sleeper waits for the end of this. */
		madvise(mem, GONE_LEN, MADV_DONTNEED);
	}
}

static void gone_caller(struct gone *s)
{
	struct vmem_ioc_result result;

	pin(1);
	while (!translate(s->fd, s->space, 0, &result))
		;
	s->ended = true;
}

static bool sleeps_in_call(pid_t pid)
{
	char path[64], buf[512], *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	ASSERT(read_file(path, buf, sizeof(buf)));
	state = strrchr(buf, ')');
	return state && state[2] == 'D';
}

/* Whoever else is to run on this processor doesn't, from now on. */
static void gone_holder(struct gone *s)
{
	struct sched_param param = { .sched_priority = 1 };
	unsigned int i;

	pin(1);
	ASSERT(!sched_setscheduler(0, SCHED_FIFO, &param));
	for (i = 0; i < 60000 && !sleeps_in_call(s->caller); i++)
		usleep(300 + i % 7 * 100);
	s->held = true;
	while (!s->over)
		;
}

static pid_t gone_fork(struct gone *s, void (*fn)(struct gone *))
{
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(s);
		_exit(ktap_failed());
	}
	return pid;
}

static void gone_end(struct gone *s, pid_t owner)
{
	kill(owner, SIGKILL);
	ASSERT_EQ(waitpid(owner, NULL, 0), owner);
}

/* Return: whether the call was under way from before to after. */
static bool gone_round(struct gone *s, bool exit_first)
{
	pid_t owner, holder;
	int status;
	bool met;

	s->region = 0;
	s->held = s->over = s->ended = false;
	owner = gone_fork(s, gone_owner);
	while (!s->region)
		nap_ms(1);
	s->space = ASSERT_OK(space_adopt(s->fd, FMT4, 0, GUEST_GPA));
	s->caller = gone_fork(s, gone_caller);
	holder = gone_fork(s, gone_holder);
	while (!s->held)
		nap_ms(1);
	if (exit_first)
		gone_end(s, owner);
	ASSERT_OK(destroy(s->fd, s->space));
	ASSERT_OK(destroy(s->fd, s->region));
	if (!exit_first)
		gone_end(s, owner);
	met = !s->ended;
	s->over = true;
	ASSERT_EQ(waitpid(holder, &status, 0), holder);
	EXPECT_EQ(status, 0);
	ASSERT_EQ(waitpid(s->caller, &status, 0), s->caller);
	EXPECT_EQ(status, 0);
	return met;
}

/* What the kernel has said since @kmsg was at its end, where KASAN watches. */
static void kernel_is_quiet(int kmsg)
{
	char record[2048];
	ssize_t got;

	for (;;) {
		got = read(kmsg, record, sizeof(record) - 1);
		if (got < 0 && errno == EPIPE)
			continue;
		if (got <= 0)
			break;
		record[got] = '\0';
		if (!EXPECT(!strstr(record, "BUG: ")))
			ktap_msg("%s", record);
	}
}

void gone_in_call(void)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	unsigned int i, met = 0;
	struct gone *s;

	ASSERT(kmsg >= 0);
	lseek(kmsg, 0, SEEK_END);
	s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		 -1, 0);
	ASSERT(s != MAP_FAILED);
	pin(0);
	s->fd = dev_open();
	for (i = 0; i < GONE_ROUNDS; i++)
		met += gone_round(s, i & 1);
	ktap_msg("%u of %u calls were under way", met, GONE_ROUNDS);
	EXPECT(met > 0);
	kernel_is_quiet(kmsg);
}

/*
 * The process lives on, but not what it has registered: another program is in
 * its place. The descriptor is elsewhere.
 */
static void execute(const int *sock)
{
	struct scene s;
	char byte;

	scene_init(&s, ANONYMOUS);
	scene_prime(&s);
	ASSERT_OK(send_fd(sock[1], s.g.fd));
	ASSERT_EQ(write(sock[1], &s.space, 4), 4);
	ASSERT_EQ(read(sock[1], &byte, 1), 1);
	/* It says that it is there, and waits. */
	dup2(sock[1], STDIN_FILENO);
	execl("/bin/sh", "sh", "-c", "echo x >&0; read line", NULL);
	_exit(1);
}

void registrant_executes(void)
{
	struct vmem_ioc_result result;
	struct records rs;
	int sock[2], fd, status, walk;
	char byte = 0, text[2];
	pid_t pid;
	u32 id;

	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid)
		execute(sock);
	fd = ASSERT_OK(recv_fd(sock[0]));
	ASSERT_EQ(read(sock[0], &id, 4), 4);
	ASSERT_OK(translate(fd, id, PAGE, &result));
	EXPECT_EQ(result.gpa, GUEST_GPA + PAGE);
	walk = ASSERT_OK(walk_create(fd, &id, 1, 0, ~0ULL, 0, 0, 0));
	ASSERT_EQ(write(sock[0], &byte, 1), 1);
	ASSERT_EQ(read(sock[0], text, 2), 2);
	ASSERT_EQ(text[0], 'x');

	ASSERT_OK(translate(fd, id, PAGE, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OUTSIDE);
	EXPECT_EQ(result.level, 4);
	rs = walk_read(walk, 0);
	EXPECT_EQ(rs.err, 0);
	EXPECT_EQ(rs.nr, 2);
	EXPECT_EQ(rs.r[0].detail, VMEM_IOC_BAD_OUTSIDE);
	records_free(&rs);
	EXPECT_ERR(map_one(fd, id, 16 * PAGE, GUEST_GPA, PAGE, R, 0, NULL),
		   ENXIO);
	EXPECT_ERR(unmap(fd, id, 0, PAGE - 1, NULL), ENXIO);
	/* Others have a place in the guest still. */
	ASSERT_OK(region_user(fd, 2 * GIB, map_anon(PAGE), PAGE, 0));

	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	ASSERT_EQ(write(sock[0], "\n", 1), 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	ASSERT_OK(destroy(fd, id));
}
