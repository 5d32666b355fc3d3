// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * bench: what the core costs, and what a plain loop over the same memory costs
 * in the same run. Both are measured alternately, and the least of many rounds
 * counts: machines change their speed, ratios don't.
 *
 * A loop that a compiler made a bad job of would make the core look good. So each
 * round also times a chain of additions, of which each needs the one before. What
 * the loop costs is told in such additions, beside what it cost where it was
 * compiled well: by gcc 12 for a Zen 4, where an addition takes 0.27 ns. Other
 * processors may differ by half, and other memory by more. Others who use the
 * processor or its memory slow the loops down, and what they hold up isn't the same:
 * a row whose loop costs more than it should is measured for longer.
 *
 * Where the loop is the core itself, over other tables, none of this is told.
 */
#include <argp.h>
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define EXIT_USAGE	2	/* it can't be asked for like this */
#define ROUNDS		41
#define ROUNDS_MAX	10000
#define LONGER		6	/* times as many rounds, at most */
#define BUSY		1.1	/* times what a loop should cost: others are there */
#define ADDS		65536
#define JSON_VERSION	1

static struct options {
	const char *word;	/* measure what has this in its name */
	const char *guest;
	const char *save;
	unsigned long rounds;
	bool json;
} options = { .guest = "build/guest", .rounds = ROUNDS };

static unsigned int nr_rows;
static double least_add = 1e18;

volatile u64 sink;

void *allocate(u64 nr, size_t size)
{
	void *bytes = calloc(nr, size);

	if (!bytes)
		abort();
	return bytes;
}

/* Xorshift64 */
u64 random_next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double once(void (*run)(struct work *work), struct work *work)
{
	double start = now();

	run(work);
	return now() - start;
}

static double add(void)
{
	double start = now();

	sink = loop_adds(ADDS);
	return (now() - start) / ADDS;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

static void json_text(const char *name, const char *text)
{
	printf("\"%s\":\"", name);
	for (; *text; text++) {
		if ((unsigned char)*text < ' ')
			continue;
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

/* The processor, as Linux names it. */
static const char *processor(void)
{
	static char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");
	const char *name = NULL;

	while (!name && file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "model name", strlen("model name")))
			name = strchr(line, ':');
	if (file)
		fclose(file);
	return name ? name + strspn(name, ": ") : "";
}

/* What stands before a row. */
static void row_begin(void)
{
	if (nr_rows++) {
		fputs(options.json ? ",\n" : "", stdout);
	} else if (options.json) {
		printf("{\"bench\":%d,", JSON_VERSION);
		json_text("compiler", BENCH_COMPILER);
		putchar(',');
		json_text("processor", processor());
		printf(",\"rounds\":%lu,\"rows\":[\n", options.rounds);
	} else {
		printf("least of %lu rounds: core, loop and a chain of additions in turn\n",
		       options.rounds);
		printf("%-48s %9s %9s %7s %9s %9s\n", "", "ns", "loop ns", "ratio",
		       "loop adds", "should be");
	}
}

static void row(const struct subject *subject, double core, double loop, double adds)
{
	row_begin();
	if (options.json) {
		putchar('{');
		json_text("name", subject->name);
		printf(",\"core_ns\":%.3f,\"loop_ns\":%.3f,\"ratio\":%.3f", core, loop,
		       core / loop);
		if (subject->adds > 0)
			printf(",\"loop_adds\":%.2f,\"should_be\":%.2f}", loop / adds,
			       subject->adds);
		else
			printf(",\"loop_adds\":null,\"should_be\":null}");
	} else {
		printf("%-48s %9.3f %9.3f %7.2f", subject->name, core, loop,
		       core / loop);
		if (subject->adds > 0)
			printf(" %9.2f %9.2f", loop / adds, subject->adds);
		puts("");
	}
	fflush(stdout);
}

/* A row that can't be measured, and what would help. */
void lacking(const char *name, const char *why)
{
	if (!wanted(name))
		return;
	row_begin();
	if (options.json) {
		putchar('{');
		json_text("name", name);
		fputs(",\"core_ns\":null,\"loop_ns\":null,\"ratio\":null,"
		      "\"loop_adds\":null,\"should_be\":null,", stdout);
		json_text("lacking", why);
		putchar('}');
	} else {
		printf("%-48s %s\n", name, why);
	}
}

bool wanted(const char *name)
{
	return !options.word || strstr(name, options.word);
}

void measure(const struct subject *subject, struct work *work)
{
	double core = 1e18, loop = 1e18, adds = 1e18;
	double should = subject->adds * BUSY * (double)subject->per;
	unsigned long i;

	if (!wanted(subject->name))
		return;
	for (i = 0; i < options.rounds ||
		    (should > 0 && loop > should * adds && i < options.rounds * LONGER);
	     i++) {
		if (subject->prepare)
			subject->prepare(work);
		core = least(core, once(subject->core, work));
		loop = least(loop, once(subject->loop, work));
		adds = least(adds, add());
	}
	least_add = least(least_add, adds);
	row(subject, core / (double)subject->per, loop / (double)subject->per, adds);
}

enum { KEY_JSON = 256, KEY_ROUNDS, KEY_GUEST, KEY_SAVE };

static const struct argp_option argp_options[] = {
	{ "json", KEY_JSON, NULL, 0, "One JSON object", 0 },
	{ "rounds", KEY_ROUNDS, "N", 0, "At least so many rounds, of which the least counts (41)", 0 },
	{ "guest", KEY_GUEST, "DIR", 0,
	  "Where a Linux guest's memory and CR3 are (build/guest)", 0 },
	{ "save", KEY_SAVE, "DIR", 0,
	  "Measure nothing: save the tables of that guest in DIR", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case KEY_JSON:
		options.json = true;
		return 0;
	case KEY_ROUNDS:
		options.rounds = strtoul(arg, &end, 10);
		if (*end || *arg < '0' || *arg > '9' || !options.rounds ||
		    options.rounds > ROUNDS_MAX)
			argp_error(state, "--rounds %s: a number from 1 to %d", arg,
				   ROUNDS_MAX);
		return 0;
	case KEY_GUEST:
		options.guest = arg;
		return 0;
	case KEY_SAVE:
		options.save = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (options.word)
			argp_error(state, "%s is one argument too many", arg);
		options.word = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse, "[WORD]",
		"Tell what the core costs beside plain loops over the same memory: all rows, or those with WORD in their names.",
		NULL, NULL, NULL
	};
	cpu_set_t cpus;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (options.save) {
		linux_save(options.guest, options.save);
		return 0;
	}
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);

	bench_rows();
	bench_hostile();
	bench_linux(options.guest);
	if (!nr_rows)
		errx(EXIT_USAGE, "no row has %s in its name", options.word);
	if (options.json)
		printf("\n],\"add_ns\":%.4f}\n", least_add);
	if (fflush(stdout) || ferror(stdout))
		err(EXIT_FAILURE, "the output");
	return 0;
}
