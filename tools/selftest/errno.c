// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each errno of each call: valid data but for one thing, and nothing changed.
 *
 * The matrix below is the whole table. Each cell is met by at least one case
 * (x), met by another program (f: failnth; v: the suites of the core), or can't be
 * met, for the reason that its letter stands for.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "errno-cells.h"
#include "ktap.h"

/*
 * n	only a number that is no call answers it: ENOTTY in the row of INFO
 * a	takes no argument of which this could be said
 * c	carries no struct: mmap and read are plain system calls
 * l	has no list and no budget
 * g	takes no guest-physical address that is followed, or makes nothing
 *	resident
 * h	takes no id
 * s	answers it an address, as a status, or in a record, and goes on
 * w	writes no guest memory
 * m	makes nothing that could be in the way, and looks at no leaf
 * p	takes nothing from a pool
 * d	makes no descriptor
 * y	allocates nothing
 * r	needs no right that a descriptor could lack
 * u	nothing can be using what it works on, or it doesn't matter
 * k	only a fatal signal ends it, so that nobody sees the answer
 * t	does nothing that could wait
 * o	leaves what it can't change as it is, and answers why
 */
struct row {
	enum call call;
	const char *cells;
};

static const int errnos[] = {
	ENOTTY, EINVAL, EOPNOTSUPP, E2BIG, EOVERFLOW, EFAULT, EACCES, ENXIO,
	EROFS, ENOENT, EEXIST, ERANGE, EMLINK, ENOSPC, EAGAIN, ENOMEM, EMFILE,
	ENFILE, EIO, EBUSY, EINTR,
};

static const struct row matrix[] = {
/*			 NOTTY          ACCES   EXIST    AGAIN   IO     */
/*			   INVAL          NXIO    RANGE    NOMEM   BUSY */
/*			     OPNOTSUPP      ROFS    MLINK    MFILE   INTR */
/*			       2BIG OVERFLOW   NOENT  NOSPC    NFILE    */
/*                             |  |  FAULT                              */
	{ INFO,		"x x x x a x r g w h m m m p p y d d g u t" },
	{ REGION_CREATE, "n x x x x x x g w h x m m p p x d d g u x" },
	{ REGION_SET,	"n x x x a x x g w x m m m p p y d d g x k" },
	{ REGION_DIRTY,	"n x x x x x x x w x m m m p p f d d g u k" },
	{ POOL_CREATE,	"n x x x x x x x x h x m m p p f d d g x k" },
	{ POOL_GROW,	"n x x x x x x x x x x m m p p f d d g x k" },
	{ POOL_STAT,	"n x x x a x x g w x m m m p p y d d g u k" },
	{ SPACE_CREATE,	"n x x x x x x x x x m m x x x f d d x x k" },
	{ SPACE_GET,	"n x x x a x x g w x m m m p p y d d g u k" },
	{ MAP,		"n x x x x x x x x x x x x x x f d d x x k" },
	{ UNMAP,	"n x x x x x x x x x x x x x x f d d x x k" },
	{ PROTECT,	"n x x x x x x x x x x x x x x f d d x x k" },
	{ PROMOTE,	"n x x x x x x x x x o o x x x f d d x x k" },
	{ LINK,		"n x x x x x x x x x x x x x x f d d x x k" },
	{ TRANSLATE,	"n x x x a x x s x x m m m p p f d d s v k" },
	{ WALK_CREATE,	"n x x x a x x s w x m m m p p f x x s u k" },
	{ FLUSHED,	"n x x x a x x g w h m m m p p y d d g u k" },
	{ VIEW,		"n x x x a x x g w h m m m p p f x x g u t" },
	{ LIST,		"n x x x a x x g w h m m m p p f d d g u k" },
	{ DESTROY,	"n x x x a x x g w x m m m p p y d d g x k" },
	{ MMAP,		"c x c c a c x g w h m m m p p f d d g u k" },
	{ READ,		"n x c l a x r s w x m m m p p f d d s u k" },
};

static char matrix_cell(enum call call, int err)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(matrix); i++) {
		for (j = 0; j < ARRAY_SIZE(errnos); j++) {
			if (matrix[i].call == call && errnos[j] == err)
				return matrix[i].cells[2 * j];
		}
	}
	return 0;
}

static const struct cell *cell_nth(size_t n)
{
	if (n < nr_cells)
		return &cells[n];
	n -= nr_cells;
	if (n < nr_change_cells)
		return &change_cells[n];
	n -= nr_change_cells;
	if (n < nr_size_cells)
		return &size_cells[n];
	n -= nr_size_cells;
	if (n < nr_odd_cells)
		return &odd_cells[n];
	n -= nr_odd_cells;
	return n < nr_busy_cells ? &busy_cells[n] : NULL;
}

static bool has_case(enum call call, int err)
{
	const struct cell *cell;
	size_t i;

	for (i = 0; (cell = cell_nth(i)); i++) {
		if (cell->call == call && cell->err == err)
			return true;
	}
	/* What holds for the struct of every call is tried for every call. */
	if (call >= NR_IOCTLS)
		return false;
	return err == EINVAL || err == EOPNOTSUPP || err == E2BIG ||
	       err == EFAULT || (err == EACCES && call_info[call].right);
}

static void matrix_complete(void *unused)
{
	size_t i, j;
	char letter;
	int call;

	ASSERT_EQ(ARRAY_SIZE(matrix), NR_CALLS);
	for (i = 0; i < ARRAY_SIZE(matrix); i++)
		ASSERT_EQ(strlen(matrix[i].cells), 2 * ARRAY_SIZE(errnos) - 1);
	for (call = 0; call < NR_CALLS; call++) {
		for (j = 0; j < ARRAY_SIZE(errnos); j++) {
			letter = matrix_cell(call, errnos[j]);
			ASSERT(letter);
			if ((letter == 'x') != has_case(call, errnos[j]))
				ktap_fail(__FILE__, __LINE__, "%s x %s is '%c'",
					  call_info[call].name,
					  strerrorname_np(errnos[j]), letter);
		}
	}
}

static int descriptor(struct fixture *fx, unsigned int cell_flags)
{
	if (cell_flags & CELL_READ_VIEW)
		return ASSERT_OK(view_create(fx->g.fd, VMEM_IOC_RIGHT_READ));
	if (cell_flags & CELL_BLIND_VIEW)
		return ASSERT_OK(view_create(fx->g.fd, 0));
	return fx->g.fd;
}

/* Were a change's refusals looked at? Not where there is no answer to look at. */
static void expect_seen(struct fixture *fx, enum call call, int fd, int err,
			u64 seen)
{
	EXPECT_EQ(refused_seen() - seen,
		  call_changes(call) && fd == fx->g.fd && err != EFAULT);
}

static void run_cell(void *arg)
{
	const struct cell *cell = arg;
	struct picture before, after;
	struct fixture fx;
	struct args args;
	u64 seen;
	int fd;

	fixture_init(&fx);
	args_init(&fx, cell->call, &args);
	if (cell->flags & CELL_RUNS) {
		cell->set(&fx, &args);
		return;
	}
	fd = descriptor(&fx, cell->flags);
	if (cell->set)
		cell->set(&fx, &args);
	before = fixture_picture(&fx);
	seen = refused_seen();
	EXPECT_ERR(call_by(fd, cell->call, &args), cell->err);
	expect_seen(&fx, cell->call, fd, cell->err, seen);
	after = fixture_picture(&fx);
	EXPECT(picture_same(&before, &after));
}

/* Every call does what it does when nothing is wrong. */
static void run_valid(void *arg)
{
	enum call call = *(enum call *)arg;
	struct fixture fx;
	struct args args;

	fixture_init(&fx);
	args_init(&fx, call, &args);
	EXPECT_ERR(call_by(fx.g.fd, call, &args), 0);
}

/* What is the same for the struct of every call. */
static void common_refused(struct fixture *fx, enum call call, int fd,
			   void *arg, int err)
{
	struct picture before = fixture_picture(fx), after;
	u64 seen = refused_seen();

	EXPECT_ERR(vcall(fd, call_info[call].cmd, arg), err);
	expect_seen(fx, call, fd, err, seen);
	after = fixture_picture(fx);
	EXPECT(picture_same(&before, &after));
	picture_free(&before);
	picture_free(&after);
}

static void run_common(void *arg)
{
	enum call call = *(enum call *)arg;
	u32 size = call_info[call].size, rights;
	struct fixture fx;
	struct args args;
	u8 *pages, *at;
	int view;

	fixture_init(&fx);
	args_init(&fx, call, &args);
	args.size = call_info[call].first - 8;
	common_refused(&fx, call, fx.g.fd, &args, EINVAL);
	args.size = size + 8;
	args.bytes[size] = 1;
	common_refused(&fx, call, fx.g.fd, &args, E2BIG);
	args_init(&fx, call, &args);
	args.flags |= 1U << 31;
	common_refused(&fx, call, fx.g.fd, &args, EOPNOTSUPP);

	/* A struct that can't be read, at all or to its end. */
	pages = map_anon(2 * PAGE);
	munmap(pages + PAGE, PAGE);
	args_init(&fx, call, &args);
	common_refused(&fx, call, fx.g.fd, NULL, EFAULT);
	common_refused(&fx, call, fx.g.fd, pages + PAGE, EFAULT);
	at = pages + PAGE - 8;
	memcpy(at, &args, 8);
	common_refused(&fx, call, fx.g.fd, at, EFAULT);

	/* All rights but those that are needed. */
	rights = VMEM_IOC_RIGHT_READ | VMEM_IOC_RIGHT_CHANGE |
		 VMEM_IOC_RIGHT_MANAGE;
	if (call_info[call].right) {
		view = ASSERT_OK(view_create(fx.g.fd,
					     rights & ~call_info[call].right));
		args_init(&fx, call, &args);
		common_refused(&fx, call, view, &args, EACCES);
	}
	view = ASSERT_OK(view_create(fx.g.fd, call_info[call].right));
	args_init(&fx, call, &args);
	if (call != VIEW)
		EXPECT_ERR(call_by(view, call, &args), 0);
}

int main(int argc, char **argv)
{
	size_t nr = 1 + NR_CALLS + NR_IOCTLS, i;
	const struct cell *cell;
	char name[128];
	int call;

	if (argc > 1)
		nr = 0;
	for (i = 0; (cell = cell_nth(i)); i++)
		nr += argc < 2 || !strcmp(cell->name, argv[1]);
	ktap_begin(nr);
	if (argc < 2) {
		ktap_result(ktap_in_child(matrix_complete, NULL),
			    "matrix_complete");
		for (call = 0; call < NR_CALLS; call++)
			ktap_result(ktap_in_child(run_valid, &call), "%s_valid",
				    call_info[call].name);
		for (call = 0; call < NR_IOCTLS; call++)
			ktap_result(ktap_in_child(run_common, &call),
				    "%s_struct", call_info[call].name);
	}
	for (i = 0; (cell = cell_nth(i)); i++) {
		if (argc > 1 && strcmp(cell->name, argv[1]))
			continue;
		snprintf(name, sizeof(name), "%s_%s_%s",
			 call_info[cell->call].name,
			 strerrorname_np(cell->err), cell->name);
		ktap_result(ktap_in_child(run_cell, (void *)cell), "%s", name);
	}
	return ktap_end();
}
