// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem(1): looks at the address spaces of a guest, in a file with its memory, and
 * changes them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "info", command_info },
	{ "demo", command_demo },
	{ "dump", command_dump },
	{ "walk", command_walk },
	{ "translate", command_translate },
	{ "roots", command_roots },
	{ "map", command_map },
	{ "unmap", command_unmap },
	{ "protect", command_protect },
	{ "promote", command_promote },
	{ "link", command_link },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char doc[] =
	"Look at the address spaces of a guest, and change them: its page tables, in a file with its memory."
	"\v"
	"Commands:\n"
	"  info        what does the work: versions, formats, limits\n"
	"  demo        a small guest, made on the spot, walked and explained\n"
	"  dump        what a dump is, and what of the guest's memory it lacks\n"
	"  walk        all mappings of one or more spaces\n"
	"  translate   what addresses of a space translate to\n"
	"  roots       what may be the roots of address spaces\n"
	"  map         new mappings; as all below, told and not done without --write\n"
	"  unmap       a range is not mapped any more\n"
	"  protect     other attributes for what a range maps\n"
	"  promote     larger pages, where small ones lie together\n"
	"  link        one table at two places, or a table of its own for one\n"
	"\n"
	"`vmem COMMAND --help' tells a command's options, vmem(1) all of it.\n"
	"Try `vmem demo' first.";

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "vmem %s\n", vmem_version());
}

void (*argp_program_version_hook)(FILE *stream,
				  struct argp_state *state) = print_version;

/* It was said why. */
static bool failed;

/*
 * Would a terminal obey it? A file may be called anything. U+0080 to U+009f are what ESC
 * and a letter are, in two bytes.
 */
static bool is_control(const char *text)
{
	unsigned char c = (unsigned char)*text;

	return c < ' ' || c == 0x7f || (c == 0xc2 && (text[1] & 0xe0) == 0x80);
}

/* Say a line on stderr, after what was printed so far. */
static void say(const char *begin, const char *format, va_list args)
{
	char *text, *shown, *to;
	const char *at;

	fflush(stdout);
	if (vasprintf(&text, format, args) < 0)
		return;
	/* each may become \x1b */
	to = shown = malloc(4 * strlen(text) + 1);
	for (at = text; shown && *at; at++)
		to += sprintf(to, is_control(at) ? "\\x%02x" : "%c", (unsigned char)*at);
	if (shown)
		*to = '\0';
	fprintf(stderr, "%s%s\n", begin, shown ? shown : "out of memory");
	free(shown);
	free(text);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("vmem: ", format, args);
	va_end(args);
}

/* A line that goes on from the one before. */
void more(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("    ", format, args);
	va_end(args);
}

void fail(const char *format, ...)
{
	va_list args;

	failed = true;
	va_start(args, format);
	say("vmem: ", format, args);
	va_end(args);
	exit(EXIT_FAILED);
}

/* As for what argp refuses. */
void refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("vmem: ", format, args);
	va_end(args);
	exit(EXIT_USAGE);
}

/* Room for @nr things of @size, with what was in @old. */
void *allocate(void *old, size_t nr, size_t size)
{
	void *p = reallocarray(old, nr ? nr : 1, size);

	if (!p)
		fail("%s", strerror(ENOMEM));
	return p;
}

/* Nothing more is printed: did all of it get out? */
void end_output(void)
{
	int error = ferror(stdout);

	if (fflush(stdout) || error)
		fail("cannot write the output: %s", strerror(errno));
}

/* What argp printed got out, or it isn't a success. */
static void end_help(void)
{
	int error = ferror(stdout);

	if ((!fflush(stdout) && !error) || failed)
		return;
	note("cannot write the output: %s", strerror(errno));
	_exit(EXIT_FAILED);
}

/* The command, and where in argv its name is. */
struct choice {
	const struct command *command;
	int index;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;
	size_t i;

	switch (key) {
	case ARGP_KEY_ARG:
		for (i = 0; i < NR_COMMANDS; i++) {
			if (strcmp(commands[i].name, arg))
				continue;
			choice->command = &commands[i];
			choice->index = state->next - 1;
			/* the rest is the command's */
			state->next = state->argc;
			return 0;
		}
		argp_error(state, "%s is no command", arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no command; `vmem demo' shows what there is to see");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = { NULL, parse, "COMMAND [OPTION...]",
					  doc, NULL, NULL, NULL };
	struct choice choice = { NULL, 0 };
	static char name[32];

	out_init();
	argp_err_exit_status = EXIT_USAGE;
	if (atexit(end_help))
		fail("%s", strerror(ENOMEM));
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
	if (!choice.command)
		return EXIT_USAGE;

	/* what help and errors call it */
	snprintf(name, sizeof(name), "vmem %s", choice.command->name);
	argv[choice.index] = name;
	return choice.command->run(argc - choice.index, argv + choice.index);
}
