// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a module: what the README says of quotas, of processes that share a guest,
 * and of tables that outlive their maker, one case each. (The reader who is handed
 * a descriptor is the subject of view.c.)
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool.h"

#define POOL		GUEST_GPA
#define POOL_PAGES	16
#define DATA		(GUEST_GPA + MIB)
#define LEN		(8 * MIB)
#define VA		0x400000ULL
#define SPAN		(2 * MIB)	/* of a table of leaves */

#define MAY_MAP		(VMEM_IOC_RIGHT_READ | VMEM_IOC_RIGHT_CHANGE)

static int map_page(int fd, u32 space, u64 va, u64 gpa)
{
	return map_one(fd, space, va, gpa, PAGE, R, 0, NULL);
}

static void expect_gpa(int fd, u32 space, u64 va, u64 gpa)
{
	struct vmem_ioc_result result;

	ASSERT_OK(translate(fd, space, va, &result));
	EXPECT_EQ(result.status, VMEM_IOC_OK);
	EXPECT_EQ(result.gpa, gpa);
}

static void expect_status(int fd, u32 space, u64 va, u32 status)
{
	struct vmem_ioc_result result;

	ASSERT_OK(translate(fd, space, va, &result));
	EXPECT_EQ(result.status, status);
}

/*
 * Whoever is handed a view that may only map makes as many tables as the pool
 * has, and not one more: that is refused, and nothing has changed.
 */
static void pool_capacity_is_kept(void)
{
	struct vmem_ioc_pool_stat stat;
	struct picture before, after;
	u32 pool, space, i;
	struct guest g;
	int view;

	guest_init(&g, FMT4, LEN);
	pool = ASSERT_OK(pool_create(g.fd, POOL, POOL_PAGES * PAGE));
	space = ASSERT_OK(space_new(g.fd, FMT4, pool));
	view = ASSERT_OK(view_create(g.fd, MAY_MAP));

	/* three above all of the tables of leaves, of which each gets one page */
	for (i = 0; i < POOL_PAGES - 3; i++)
		ASSERT_OK(map_page(view, space, i * SPAN, DATA));
	ASSERT_OK(pool_stat(view, pool, &stat));
	EXPECT_EQ(stat.out_used, POOL_PAGES);
	EXPECT_EQ(stat.out_free, 0);

	before = picture_take(g.fd, g.mem, g.len);
	EXPECT_ERR(map_page(view, space, i * SPAN, DATA), ENOSPC);
	/* Nor is the pool another space's, or another pool to be had. */
	EXPECT_ERR(space_new(g.fd, FMT4, pool), ENOSPC);
	EXPECT_ERR(pool_create(view, DATA, PAGE), EACCES);
	EXPECT_ERR(region_user(view, GIB, g.mem, PAGE, 0), EACCES);
	after = picture_take(g.fd, g.mem, g.len);
	EXPECT(picture_same(&before, &after));
	picture_free(&before);
	picture_free(&after);

	/* What needs no table can be done. */
	ASSERT_OK(map_page(view, space, PAGE, DATA));
}

/*
 * Nor does it get more by cutting large leaves, or by tables that are made for others
 * or copied. What gives tables back can be done.
 */
static void pool_capacity_is_kept_by_all_calls(void)
{
	struct vmem_ioc_mapping large = {
		.va = 14 * SPAN,
		.gpa = GIB,
		.len = SPAN,
		.kind = VMEM_IOC_KIND_BASIC,
		.attrs = R,
		.page_sizes = SPAN,
	};
	struct vmem_ioc_change change;
	struct picture before, after;
	u32 pool, space, i;
	struct guest g;
	int view;

	guest_init(&g, FMT4, LEN);
	pool = ASSERT_OK(pool_create(g.fd, POOL, POOL_PAGES * PAGE));
	space = ASSERT_OK(space_new(g.fd, FMT4, pool));
	view = ASSERT_OK(view_create(g.fd, MAY_MAP));
	ASSERT_OK(map_one(view, space, 0, GIB, SPAN, R, 0, NULL));
	for (i = 1; i < POOL_PAGES - 3; i++)
		ASSERT_OK(map_page(view, space, i * SPAN, DATA));
	/* a large leaf takes no table */
	ASSERT_OK(map_list(view, space, &large, 1, 0, NULL));
	ASSERT_OK(link_table(view, space, 20 * SPAN, space, SPAN, 3, 0, NULL));

	before = picture_take(g.fd, g.mem, g.len);
	EXPECT_ERR(unmap_flags(view, space, large.va, large.va + PAGE - 1,
			       VMEM_IOC_RANGE_SPLIT, NULL), ENOSPC);
	EXPECT_ERR(protect(view, space, large.va, large.va + PAGE - 1, X, 0,
			   VMEM_IOC_RANGE_SPLIT, NULL), ENOSPC);
	EXPECT_ERR(map_one(view, space, large.va, DATA, PAGE, R, VMEM_IOC_MAP_REPLACE |
			   VMEM_IOC_MAP_SPLIT, NULL), ENOSPC);
	EXPECT_ERR(link_table(view, space, 30 * SPAN, space, 31 * SPAN, 3,
			      VMEM_IOC_LINK_MAKE, NULL), ENOSPC);
	EXPECT_ERR(link_table(view, space, SPAN, 0, 0, 3, VMEM_IOC_LINK_UNSHARE, NULL),
		   ENOSPC);
	after = picture_take(g.fd, g.mem, g.len);
	EXPECT(picture_same(&before, &after));
	picture_free(&before);
	picture_free(&after);

	ASSERT_OK(promote(view, space, 0, SPAN - 1, 0, 0, &change));
	ASSERT_OK(flushed(view, change.out_generation));
	EXPECT_ERR(link_table(view, space, SPAN, 0, 0, 3, VMEM_IOC_LINK_UNSHARE, NULL), 0);
}

static void in_step(int sock)
{
	char byte = 0;

	ASSERT_EQ(write(sock, &byte, 1), 1);
	ASSERT_EQ(read(sock, &byte, 1), 1);
}

/* The other process: it has nothing of the guest but what it is sent. */
static void share(int sock, u32 space)
{
	int view = ASSERT_OK(recv_fd(sock));

	in_step(sock);
	expect_gpa(view, space, VA, DATA);
	expect_status(view, space, VA + PAGE, VMEM_IOC_NOT_PRESENT);
	ASSERT_OK(map_page(view, space, VA + PAGE, DATA + PAGE));
	in_step(sock);
	in_step(sock);
	expect_status(view, space, VA + PAGE, VMEM_IOC_NOT_PRESENT);
	ASSERT_OK(unmap(view, space, VA, VA + PAGE - 1, NULL));
	in_step(sock);
}

/* Two processes share one guest's spaces by descriptor: both change, both see. */
static void processes_share_spaces(void)
{
	int sock[2], status;
	u32 pool, space;
	struct guest g;
	pid_t pid;

	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	guest_init(&g, FMT4, LEN);
	pool = ASSERT_OK(pool_create(g.fd, POOL, POOL_PAGES * PAGE));
	space = ASSERT_OK(space_new(g.fd, FMT4, pool));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		close(g.fd);
		close(sock[0]);
		share(sock[1], space);
		_exit(ktap_failed());
	}
	close(sock[1]);
	ASSERT_OK(send_fd(sock[0], ASSERT_OK(view_create(g.fd, MAY_MAP))));

	ASSERT_OK(map_page(g.fd, space, VA, DATA));
	in_step(sock[0]);
	in_step(sock[0]);
	expect_gpa(g.fd, space, VA + PAGE, DATA + PAGE);
	ASSERT_OK(unmap(g.fd, space, VA + PAGE, VA + 2 * PAGE - 1, NULL));
	in_step(sock[0]);
	in_step(sock[0]);
	expect_status(g.fd, space, VA, VMEM_IOC_NOT_PRESENT);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* A guest with tables in owned memory, and others in its maker's. */
struct made {
	u32 owned;		/* spaces */
	u32 user;
};

#define OWNED		GIB

static void make(int sock)
{
	struct made made;
	struct guest g;
	u32 pool;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	guest_init(&g, FMT4, LEN);
	ASSERT_OK(region_owned(g.fd, OWNED, MIB, NULL));
	pool = ASSERT_OK(pool_create(g.fd, OWNED, POOL_PAGES * PAGE));
	made.owned = ASSERT_OK(space_new(g.fd, FMT4, pool));
	pool = ASSERT_OK(pool_create(g.fd, POOL, POOL_PAGES * PAGE));
	made.user = ASSERT_OK(space_new(g.fd, FMT4, pool));
	ASSERT_OK(map_one(g.fd, made.owned, VA, OWNED + MIB / 2, MIB / 2, R | W,
			  0, NULL));
	ASSERT_OK(map_page(g.fd, made.user, VA, DATA));
	ASSERT_OK(send_fd(sock, ASSERT_OK(view_create(g.fd, MAY_MAP))));
	ASSERT_EQ(write(sock, &made, sizeof(made)), sizeof(made));
	for (;;)
		pause();
}

/*
 * The maker is killed. Whoever holds a view goes on with the tables in owned
 * memory; those in memory of the maker's are outside, as all of it is.
 */
static void tables_outlive_process(void)
{
	struct records before, after;
	struct made made;
	int sock[2], view;
	pid_t pid;

	ASSERT(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid)
		make(sock[1]);
	close(sock[1]);
	view = ASSERT_OK(recv_fd(sock[0]));
	ASSERT_EQ(read(sock[0], &made, sizeof(made)), sizeof(made));
	expect_gpa(view, made.owned, VA, OWNED + MIB / 2);
	expect_gpa(view, made.user, VA, DATA);
	before = walk_all(view, made.owned, 0, ~0ULL, 0);
	EXPECT_EQ(records_end(&before)->leaves, MIB / 2 / PAGE);

	ASSERT(!kill(pid, SIGKILL));
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);

	expect_gpa(view, made.owned, VA + 5 * PAGE, OWNED + MIB / 2 + 5 * PAGE);
	after = walk_all(view, made.owned, 0, ~0ULL, 0);
	EXPECT(records_equal(&before, &after));
	ASSERT_OK(map_page(view, made.owned, GIB, OWNED + MIB / 2));
	expect_gpa(view, made.owned, GIB, OWNED + MIB / 2);

	expect_status(view, made.user, VA, VMEM_IOC_OUTSIDE);
	after = walk_all(view, made.user, 0, ~0ULL, 0);
	EXPECT_EQ(records_end(&after)->leaves, 0);
	EXPECT_EQ(records_end(&after)->bad, 1);
	EXPECT_EQ(after.r[0].detail, VMEM_IOC_BAD_OUTSIDE);
	EXPECT_ERR(map_page(view, made.user, VA + PAGE, DATA), ENXIO);
}

static const struct ktap_case cases[] = {
	CASE(pool_capacity_is_kept),
	CASE(pool_capacity_is_kept_by_all_calls),
	CASE(processes_share_spaces),
	CASE(tables_outlive_process),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
