// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the suites in userspace: KTAP on stdout, and 1 when a case failed.
 *
 * main [NAME=VALUE]... [SUITE[.CASE]]...: parameters of the tests, and what to
 * run; all without one. What the kernel runs a part of is run whole here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kunit/test.h>

#define SUITES_MAX	64
#define PARAMS_MAX	16

enum status {
	PASSED,
	FAILED,
	SKIPPED,
};

/* A case that runs. The tests see the first member only. */
struct run {
	struct kunit test;
	enum status status;
	char why[256];
	struct block *blocks;
	jmp_buf stop;
};

struct block {
	struct block *next;
	max_align_t bytes[];
};

static struct kunit_suite *suites[SUITES_MAX];
static size_t nr_suites;
static struct {
	const char *name;
	unsigned int *value;
} params[PARAMS_MAX];
static size_t nr_params;

static const char *const whole[] = {
	"cells_stride=5",
	"toy_stride=1",
	"attrs_stride=1",
	"sequences=100000",
};

static void __attribute__((__noreturn__)) die(const char *what, const char *name)
{
	fprintf(stderr, "%s: %s\n", what, name);
	exit(2);
}

void kunit_user_add_suites(struct kunit_suite *const *add, size_t nr)
{
	for (; nr--; add++) {
		if (nr_suites == SUITES_MAX)
			die("too many suites", (*add)->name);
		suites[nr_suites++] = *add;
	}
}

void kunit_user_add_param(const char *name, unsigned int *value)
{
	if (nr_params == PARAMS_MAX)
		die("too many parameters", name);
	params[nr_params].name = name;
	params[nr_params++].value = value;
}

static void set_param(const char *arg)
{
	size_t len = strcspn(arg, "="), i;

	for (i = 0; i < nr_params; i++) {
		char *end;

		if (strlen(params[i].name) != len ||
		    strncmp(params[i].name, arg, len))
			continue;
		errno = 0;
		*params[i].value = strtoul(arg + len + 1, &end, 0);
		if (!arg[len + 1] || *end || errno)
			die("not a number", arg);
		return;
	}
	die("no such parameter", arg);
}

void *kunit_kmalloc(struct kunit *test, size_t size, gfp_t gfp)
{
	struct run *run = (struct run *)test;
	struct block *block = malloc(sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = run->blocks;
	run->blocks = block;
	return block->bytes;
}

void *kunit_kzalloc(struct kunit *test, size_t size, gfp_t gfp)
{
	void *bytes = kunit_kmalloc(test, size, gfp);

	return bytes ? memset(bytes, 0, size) : NULL;
}

static void say(const char *fmt, va_list args)
{
	printf("        # ");
	vprintf(fmt, args);
	putchar('\n');
}

void kunit_info(struct kunit *test, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void kunit_user_fail(struct kunit *test, bool abort, const char *fmt, ...)
{
	struct run *run = (struct run *)test;
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	run->status = FAILED;
	if (abort)
		longjmp(run->stop, 1);
}

void kunit_skip(struct kunit *test, const char *fmt, ...)
{
	struct run *run = (struct run *)test;
	va_list args;

	va_start(args, fmt);
	vsnprintf(run->why, sizeof(run->why), fmt, args);
	va_end(args);
	run->status = SKIPPED;
	longjmp(run->stop, 1);
}

static void run_case(struct kunit_suite *suite, struct kunit_case *kase,
		     const void *param, struct run *run)
{
	struct block *block;

	memset(run, 0, sizeof(*run));
	run->test.param_value = param;
	if (!setjmp(run->stop)) {
		if (suite->init && suite->init(&run->test))
			kunit_user_fail(&run->test, true, "init failed");
		kase->run_case(&run->test);
	}
	if (suite->exit)
		suite->exit(&run->test);
	while ((block = run->blocks)) {
		run->blocks = block->next;
		free(block);
	}
}

static void print_result(const char *indent, enum status status, unsigned int nr,
			 const char *name, const char *why)
{
	printf("%s%s %u %s%s%s\n", indent, status == FAILED ? "not ok" : "ok", nr,
	       name, status == SKIPPED ? " # SKIP " : "",
	       status == SKIPPED ? why : "");
	fflush(stdout);
}

static enum status run_params(struct kunit_suite *suite, struct kunit_case *kase,
			      struct run *run)
{
	char desc[KUNIT_PARAM_DESC_SIZE] = "";
	enum status status = SKIPPED;
	unsigned int nr = 0;
	const void *param;

	printf("        KTAP version 1\n        # Subtest: %s\n", kase->name);
	for (param = kase->generate_params(NULL, desc); param;
	     param = kase->generate_params(param, desc)) {
		run_case(suite, kase, param, run);
		print_result("        ", run->status, ++nr, desc, run->why);
		if (run->status == FAILED || status == SKIPPED)
			status = run->status == SKIPPED ? status : run->status;
		desc[0] = '\0';
	}
	printf("        1..%u\n", nr);
	return status;
}

/* Is the case asked for? @what is SUITE or SUITE.CASE. */
static bool asked_for(const char *what, const struct kunit_suite *suite,
		      const struct kunit_case *kase)
{
	size_t len = strlen(suite->name);

	if (strncmp(what, suite->name, len))
		return false;
	return !what[len] || (what[len] == '.' && !strcmp(what + len + 1, kase->name));
}

static bool chosen(char **whats, const struct kunit_suite *suite,
		   const struct kunit_case *kase)
{
	bool any = false;

	for (; *whats; whats++) {
		if (strchr(*whats, '='))
			continue;
		if (asked_for(*whats, suite, kase))
			return true;
		any = true;
	}
	return !any;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static bool run_suite(struct kunit_suite *suite, char **whats, unsigned int nr)
{
	enum status all = PASSED, status;
	struct kunit_case *kase;
	unsigned int n = 0;
	struct run run;
	double begin;

	printf("    KTAP version 1\n    # Subtest: %s\n", suite->name);
	for (kase = suite->test_cases; kase->run_case; kase++) {
		if (!chosen(whats, suite, kase))
			continue;
		begin = seconds();
		if (kase->generate_params) {
			status = run_params(suite, kase, &run);
		} else {
			run_case(suite, kase, NULL, &run);
			status = run.status;
		}
		if (seconds() - begin > 1)
			printf("    # %s: %.1f s\n", kase->name, seconds() - begin);
		print_result("    ", status, ++n, kase->name, run.why);
		if (status == FAILED)
			all = FAILED;
	}
	printf("    1..%u\n", n);
	print_result("", all, nr, suite->name, "");
	return all != FAILED;
}

int main(int argc, char **argv)
{
	unsigned int nr = 0;
	bool ok = true;
	size_t i;
	int arg;

	for (i = 0; i < ARRAY_SIZE(whole); i++)
		set_param(whole[i]);
	for (arg = 1; arg < argc; arg++)
		if (strchr(argv[arg], '='))
			set_param(argv[arg]);

	puts("KTAP version 1");
	for (i = 0; i < nr_suites; i++) {
		struct kunit_case *kase = suites[i]->test_cases;

		while (kase->run_case && !chosen(argv + 1, suites[i], kase))
			kase++;
		if (kase->run_case)
			ok &= run_suite(suites[i], argv + 1, ++nr);
	}
	printf("1..%u\n", nr);
	return !ok;
}
