// SPDX-License-Identifier: GPL-2.0-only
/*
 * KTAP for the tests of vmem, see ktap.h.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

#define SKIPPED_LEN	256

static bool failed;
static size_t number, nr_failed, nr_skipped, planned;
static char *skipped;		/* why: told by the child that has the case */

void ktap_msg(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* One write, so that threads and children don't mix their lines. */
	dprintf(STDOUT_FILENO, "# %s\n", text);
}

void ktap_fail(const char *file, int line, const char *fmt, ...)
{
	char text[448];
	va_list ap;

	__atomic_store_n(&failed, true, __ATOMIC_RELAXED);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (strrchr(file, '/'))
		file = strrchr(file, '/') + 1;
	ktap_msg("%s:%d: %s", file, line, text);
}

void ktap_give_up(void)
{
	_exit(1);
}

void ktap_skip(const char *reason)
{
	if (!ktap_failed())
		snprintf(skipped, SKIPPED_LEN, "%s", reason);
	_exit(ktap_failed());
}

bool ktap_failed(void)
{
	return __atomic_load_n(&failed, __ATOMIC_RELAXED);
}

void ktap_forget_failure(void)
{
	__atomic_store_n(&failed, false, __ATOMIC_RELAXED);
}

static bool wait_for(pid_t pid)
{
	struct timespec nap = { .tv_nsec = 1000000 };
	time_t end = time(NULL) + KTAP_TIMEOUT;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (time(NULL) > end) {
			ktap_msg("timed out");
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			/* One that can't be killed must not hang the others. */
			sleep(1);
			waitpid(pid, &status, WNOHANG);
			return false;
		}
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 50000000)
			nap.tv_nsec += nap.tv_nsec / 4;
	}
	/* Whatever the case left running. */
	kill(-pid, SIGKILL);
	if (WIFSIGNALED(status)) {
		ktap_msg("killed by signal %d", WTERMSIG(status));
		return false;
	}
	return WEXITSTATUS(status) == 0;
}

static bool run_case(const struct ktap_case *c)
{
	pid_t pid = fork();

	if (pid < 0) {
		ktap_msg("fork: %m");
		return false;
	}
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		c->run();
		_exit(ktap_failed());
	}
	setpgid(pid, pid);
	return wait_for(pid);
}

bool ktap_in_child(void (*fn)(void *), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(arg);
		_exit(ktap_failed());
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void ktap_begin(size_t nr)
{
	planned = nr;
	dprintf(STDOUT_FILENO, "KTAP version 1\n1..%zu\n", nr);
}

void ktap_result(bool ok, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	number++;
	if (!ok)
		nr_failed++;
	dprintf(STDOUT_FILENO, "%s %zu %s\n", ok ? "ok" : "not ok", number,
		text);
}

int ktap_end(void)
{
	dprintf(STDOUT_FILENO, "# Totals: pass:%zu fail:%zu skip:%zu\n",
		number - nr_failed - nr_skipped, nr_failed, nr_skipped);
	return nr_failed || number != planned;
}

static bool chosen(const struct ktap_case *c, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], c->name))
			return true;
	}
	return argc < 2;
}

static void tell(const struct ktap_case *c, bool ok)
{
	if (ok && *skipped) {
		nr_skipped++;
		ktap_result(ok, "%s # SKIP %s", c->name, skipped);
	} else {
		ktap_result(ok, "%s", c->name);
	}
	*skipped = 0;
}

static bool is_case(const char *name, const struct ktap_case *cases, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!strcmp(name, cases[i].name))
			return true;
	}
	return false;
}

int ktap_main(const struct ktap_case *cases, size_t nr, int argc, char **argv)
{
	size_t i, plan = 0;
	int arg;

	for (arg = 1; arg < argc; arg++) {
		if (!is_case(argv[arg], cases, nr)) {
			fprintf(stderr, "no case %s\n", argv[arg]);
			return 2;
		}
	}

	signal(SIGPIPE, SIG_IGN);
	skipped = mmap(NULL, SKIPPED_LEN, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (skipped == MAP_FAILED)
		return 1;
	for (i = 0; i < nr; i++)
		plan += chosen(&cases[i], argc, argv);
	ktap_begin(plan);
	for (i = 0; i < nr; i++) {
		if (!chosen(&cases[i], argc, argv))
			continue;
		if (cases[i].here && !cases[i].here()) {
			snprintf(skipped, SKIPPED_LEN, "needs %s", cases[i].needs);
			tell(&cases[i], true);
		} else {
			tell(&cases[i], run_case(&cases[i]));
		}
	}
	return ktap_end();
}
