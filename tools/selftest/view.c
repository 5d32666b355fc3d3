// SPDX-License-Identifier: GPL-2.0-only
/*
 * A view that may only read, passed to a process that may do nothing else: no
 * privileges, an empty root directory, a filter that lets through only what
 * the test itself needs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "ktap.h"

#define ALLOW(nr)							\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),		\
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void confine(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_ioctl),
		ALLOW(SYS_recvmsg), ALLOW(SYS_close), ALLOW(SYS_exit_group),
		ALLOW(SYS_mmap), ALLOW(SYS_munmap), ALLOW(SYS_brk),
		ALLOW(SYS_mremap),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = { ARRAY_SIZE(filter), filter };

	mkdir("/tmp/vmem-empty", 0755);
	ASSERT(!chroot("/tmp/vmem-empty") && !chdir("/"));
	become_nobody();
	EXPECT(open(VMEM_DEV, O_RDWR) < 0);
	ASSERT(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ASSERT(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

struct reader {
	int sock;
	struct fixture *fx;
	struct records *want;
};

/* All that the right to read gives. */
static void may_read(struct reader *r, int view)
{
	struct vmem_ioc_info limits;
	struct vmem_ioc_result result;
	struct args args;
	struct records rs;

	rs = walk_all(view, r->fx->space, 0, ~0ULL, 0);
	EXPECT(records_equal(&rs, r->want));
	ASSERT_OK(translate(view, r->fx->space, FX_VA + 3 * PAGE, &result));
	EXPECT_EQ(result.gpa, FX_DATA + 3 * PAGE);
	info(view, &limits);
	EXPECT_EQ(limits.out_rights, VMEM_IOC_RIGHT_READ);
	args_init(r->fx, LIST, &args);
	EXPECT_ERR(call_by(view, LIST, &args), 0);
	args_init(r->fx, POOL_STAT, &args);
	EXPECT_ERR(call_by(view, POOL_STAT, &args), 0);
	args_init(r->fx, SPACE_GET, &args);
	EXPECT_ERR(call_by(view, SPACE_GET, &args), 0);
	args_init(r->fx, MMAP, &args);
	args.prot = PROT_READ;
	EXPECT_ERR(call_by(view, MMAP, &args), 0);
}

/* And nothing else, by it or by what is made from it. */
static void may_not_change(struct reader *r, int view)
{
	u32 more[] = { VMEM_IOC_RIGHT_CHANGE, VMEM_IOC_RIGHT_MANAGE,
		       VMEM_IOC_RIGHT_READ | VMEM_IOC_RIGHT_MANAGE };
	struct args args;
	size_t i;
	int call;

	for (call = 0; call < NR_IOCTLS; call++) {
		if (!(call_info[call].right & ~VMEM_IOC_RIGHT_READ))
			continue;
		args_init(r->fx, call, &args);
		EXPECT_ERR(call_by(view, call, &args), EACCES);
	}
	args_init(r->fx, MMAP, &args);
	EXPECT_ERR(call_by(view, MMAP, &args), EACCES);
	for (i = 0; i < ARRAY_SIZE(more); i++)
		EXPECT_ERR(view_create(view, more[i]), EACCES);
}

static void confined(void *arg)
{
	struct reader *r = arg;
	int view, same;

	confine();
	view = ASSERT_OK(recv_fd(r->sock));
	may_read(r, view);
	may_not_change(r, view);
	same = ASSERT_OK(view_create(view, VMEM_IOC_RIGHT_READ));
	may_read(r, same);
	may_not_change(r, same);
	same = ASSERT_OK(view_create(view, 0));
	EXPECT_ERR(translate(same, r->fx->space, FX_VA,
			     &(struct vmem_ioc_result){}), EACCES);
}

static void read_only_confined(void)
{
	struct picture before, after;
	struct fixture fx;
	struct records want;
	struct reader r = { .fx = &fx, .want = &want };
	int sock[2], status, view;
	pid_t pid;

	fixture_init(&fx);
	want = walk_all(fx.g.fd, fx.space, 0, ~0ULL, 0);
	before = fixture_picture(&fx);
	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	r.sock = sock[1];
	view = ASSERT_OK(view_create(fx.g.fd, VMEM_IOC_RIGHT_READ));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		confined(&r);
		_exit(ktap_failed());
	}
	ASSERT_OK(send_fd(sock[0], view));
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	after = fixture_picture(&fx);
	EXPECT(picture_same(&before, &after));
}

/* A walk by itself may be passed too, and is read without any right. */
static void passed_walk(void *arg)
{
	struct reader *r = arg;
	struct records rs;
	int walk;

	confine();
	walk = ASSERT_OK(recv_fd(r->sock));
	rs = walk_read(walk, 1);
	EXPECT_EQ(rs.err, 0);
	EXPECT(records_equal(&rs, r->want));
}

static void walk_passed(void)
{
	struct fixture fx;
	struct records want;
	struct reader r = { .fx = &fx, .want = &want };
	int sock[2];

	fixture_init(&fx);
	want = walk_all(fx.g.fd, fx.space, 0, ~0ULL, 0);
	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	ASSERT_OK(send_fd(sock[0], fx.walk));
	r.sock = sock[1];
	EXPECT(ktap_in_child(passed_walk, &r));
}

/* Each right by itself opens its calls, and no other. */
static void each_right(void)
{
	struct fixture fx;
	struct args args;
	u32 right;
	int call, view, want;

	fixture_init(&fx);
	for (right = 0; right < 8; right++) {
		for (call = 0; call < NR_IOCTLS; call++) {
			view = ASSERT_OK(view_create(fx.g.fd, right));
			args_init(&fx, call, &args);
			if (call == VIEW)
				args.view.rights = right;
			want = call_info[call].right & ~right ? EACCES : 0;
			EXPECT_ERR(call_by(view, call, &args), want);
			close(view);
			if (want)
				continue;
			/* It has changed what the others start from. */
			close(fx.walk);
			close(fx.g.fd);
			munmap(fx.g.mem, fx.g.len);
			fixture_init(&fx);
		}
	}
}

/* What a view makes belongs to the guest. */
static void made_by_view(void)
{
	struct vmem_ioc_item items[16];
	struct fixture fx;
	int view, id;

	fixture_init(&fx);
	view = ASSERT_OK(view_create(fx.g.fd, VMEM_IOC_RIGHT_MANAGE));
	id = ASSERT_OK(region_owned(view, FX_FREE, PAGE, NULL));
	close(view);
	ASSERT_EQ(list_items(fx.g.fd, VMEM_IOC_LIST_REGIONS, id - 1, items, 16,
			     NULL), 1);
	EXPECT_EQ(items[0].id, id);
	ASSERT_OK(destroy(fx.g.fd, id));
}

static void view_outlives_file(void)
{
	struct vmem_ioc_result result;
	struct fixture fx;
	int view, again;

	fixture_init(&fx);
	view = ASSERT_OK(view_create(fx.g.fd, VMEM_IOC_RIGHT_READ));
	close(fx.g.fd);
	close(fx.walk);
	again = ASSERT_OK(view_create(view, VMEM_IOC_RIGHT_READ));
	close(view);
	ASSERT_OK(translate(again, fx.space, FX_VA, &result));
	EXPECT_EQ(result.gpa, FX_DATA);
}

static const struct ktap_case cases[] = {
	CASE(read_only_confined),
	CASE(walk_passed),
	CASE(each_right),
	CASE(made_by_view),
	CASE(view_outlives_file),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
