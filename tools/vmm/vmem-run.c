// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * vmem-run PROGRAM.elf: a VMM that is no longer than it must be. It loads a
 * freestanding program, maps each segment with its own permissions by vmem, and
 * runs it in user mode on a vCPU of KVM with these tables.
 *
 *   vmem-run.c (the program's life) -> program.c (what it is), calls.c (its system
 *   calls) -> guest.c (memory and tables, by libvmem) -> vcpu.c (KVM)
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "program.h"
#include "guest.h"
#include "show.h"

/* Exit status, besides the program's own. */
#define EXIT_FAILED	125	/* of vmem-run itself */
#define EXIT_FAULT	126	/* the program met a fault, or its vCPU stopped */

#define LIST_MAX	16

struct range {
	__u64 start;
	__u64 last;
	__u32 attrs;
};

struct options {
	struct guest_options guest;
	const char *path;
	bool cow;
	bool dump;
	bool verbose;
	size_t nr_protect;
	struct range protect[LIST_MAX];
	size_t nr_translate;
	__u64 translate[LIST_MAX];
};

enum {
	KEY_LOCAL = 256, KEY_OWNED, KEY_GUEST_MEMFD, KEY_LEVELS, KEY_PAGES,
	KEY_MEMORY, KEY_RING, KEY_SPACES, KEY_WINDOW, KEY_COW, KEY_PROTECT,
	KEY_TRANSLATE, KEY_DUMP,
};

static const struct argp_option argp_options[] = {
	{ "local", KEY_LOCAL, NULL, 0, "Tables by libvmem in this process: no module is needed", 1 },
	{ "owned", KEY_OWNED, NULL, 0, "Memory of vmem's own; else a memfd's", 1 },
	{ "guest-memfd", KEY_GUEST_MEMFD, NULL, 0, "Memory of a guest_memfd of KVM's (Linux 6.18)", 1 },
	{ "memory", KEY_MEMORY, "SIZE", 0, "Guest memory, at least 4M (16M)", 1 },
	{ "levels", KEY_LEVELS, "4|5", 0, "Levels of tables (4)", 1 },
	{ "pages", KEY_PAGES, "4k|2m|1g", 0, "Map by pages up to this size (1g)", 1 },
	{ "ring", KEY_RING, "0|3", 0, "Run the program in supervisor or user mode (3)", 1 },
	{ "spaces", KEY_SPACES, "N", 0, "Address spaces that the program can switch between (1)", 1 },
	{ "window", KEY_WINDOW, NULL, 0, "Show a program in ring 0 all of its memory, tables included", 1 },
	{ "cow", KEY_COW, NULL, 0, "Map writable segments Cow, from memory that is frozen", 2 },
	{ "protect", KEY_PROTECT, "START-LAST=PERMS", 0,
	  "Change permissions to PERMS, of the letters rwx, when the program calls for it", 2 },
	{ "translate", KEY_TRANSLATE, "VA", 0, "At the end, tell what VA translates to, by vmem and by KVM", 3 },
	{ "dump", KEY_DUMP, NULL, 0, "At the end, print the space's walk", 3 },
	{ "verbose", 'v', NULL, 0, "Tell on stderr what is done", 3 },
	{ 0 }
};

static const char doc[] =
	"Run a freestanding program on a vCPU, with tables that vmem builds."
	"\v"
	"The exit status is the program's; 125 if vmem-run itself failed, 126 if the program met a fault that nobody serves.";

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "vmem-run %s\n", vmem_version());
}

void (*argp_program_version_hook)(FILE *stream,
				  struct argp_state *state) = print_version;

/* A count: decimal, or hexadecimal with 0x. */
static bool parse_number(const char *text, char **end, __u64 *value)
{
	int base = text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10;

	errno = 0;
	*value = strtoull(text, end, base);
	return *end != text && !errno && isdigit((unsigned char)*text);
}

/*
 * An address, hexadecimal as vmem(1) takes it: with 0x, a letter, a leading 0 or
 * 16 digits. Other digits could be either, and aren't taken.
 */
static bool parse_address(const char *text, char **end, __u64 *value)
{
	bool prefixed = text[0] == '0' && (text[1] | 0x20) == 'x';
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	errno = 0;
	*value = strtoull(text, end, 16);
	return *end != text && !errno && isxdigit((unsigned char)*text) &&
	       (prefixed || *text == '0' || digits == 16 ||
		strspn(text, "0123456789") < digits);
}

static __u64 parse_va(struct argp_state *state, const char *text)
{
	__u64 value;
	char *end;

	if (!parse_address(text, &end, &value) || *end)
		argp_error(state, "%s is no address, or could be decimal: write 0x before it",
			   text);
	return value;
}

static __u64 parse_u64(struct argp_state *state, const char *text)
{
	__u64 value;
	char *end;

	if (!parse_number(text, &end, &value) || *end)
		argp_error(state, "%s is no number", text);
	return value;
}

static __u64 parse_size(struct argp_state *state, const char *text)
{
	unsigned int shift = 0;
	__u64 value;
	char *end;

	if (!parse_number(text, &end, &value))
		argp_error(state, "%s is no size", text);
	if (*end == 'K' || *end == 'M' || *end == 'G')
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
	if (shift)
		end++;
	if (*end || value > GUEST_MEMORY_MAX >> shift)
		argp_error(state, "%s is no size, or over 2G", text);
	value <<= shift;
	if (value < GUEST_MEMORY_MIN || value % 4096)
		argp_error(state, "%s is less than 4M, or not whole pages", text);
	return value;
}

static __u64 parse_pages(struct argp_state *state, const char *text)
{
	static const char *const names[] = { "4k", "2m", "1g" };
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!strcasecmp(text, names[i]))
			return GUEST_PAGE_SIZES & ((2ULL << (12 + 9 * i)) - 1);
	argp_error(state, "%s is none of the sizes 4k, 2m, 1g", text);
	return 0;
}

static struct range parse_protect(struct argp_state *state, const char *text)
{
	static const char letters[] = "rwx";
	struct range range = { 0 };
	char *end;

	if (!parse_address(text, &end, &range.start) || *end != '-' ||
	    !parse_address(end + 1, &end, &range.last) || *end != '=')
		argp_error(state, "%s is not START-LAST=PERMS; or its addresses could be decimal: write 0x before them",
			   text);
	for (end++; *end; end++) {
		const char *letter = strchr(letters, *end);

		if (!letter)
			argp_error(state, "%c is none of the letters rwx", *end);
		range.attrs |= VMEM_IOC_ATTR_R << (letter - letters);
	}
	return range;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct guest_options *guest = &options->guest;
	__u64 value;

	switch (key) {
	case KEY_LOCAL:
		guest->local = true;
		return 0;
	case KEY_OWNED:
		guest->owned = true;
		return 0;
	case KEY_GUEST_MEMFD:
		guest->guest_memfd = true;
		return 0;
	case KEY_WINDOW:
		guest->window = true;
		return 0;
	case KEY_COW:
		options->cow = true;
		return 0;
	case KEY_DUMP:
		options->dump = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case KEY_LEVELS:
		guest->levels = value = parse_u64(state, arg);
		if (value != 4 && value != 5)
			argp_error(state, "there are 4 or 5 levels");
		return 0;
	case KEY_PAGES:
		guest->page_sizes = parse_pages(state, arg);
		return 0;
	case KEY_RING:
		if (strcmp(arg, "0") && strcmp(arg, "3"))
			argp_error(state, "programs run in ring 0 or 3");
		guest->user = *arg == '3';
		return 0;
	case KEY_SPACES:
		guest->nr_spaces = value = parse_u64(state, arg);
		if (!value || value > PROGRAM_SPACES_MAX)
			argp_error(state, "there can be 1 to %d spaces", PROGRAM_SPACES_MAX);
		return 0;
	case KEY_MEMORY:
		guest->memory_len = parse_size(state, arg);
		return 0;
	case KEY_PROTECT:
		if (options->nr_protect == LIST_MAX)
			argp_error(state, "too many ranges");
		options->protect[options->nr_protect++] = parse_protect(state, arg);
		return 0;
	case KEY_TRANSLATE:
		if (options->nr_translate == LIST_MAX)
			argp_error(state, "too many addresses");
		options->translate[options->nr_translate++] = parse_va(state, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (options->path)
			argp_error(state, "%s is one argument too many", arg);
		options->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->path)
			argp_error(state, "no program");
		if (guest->owned && guest->guest_memfd)
			argp_error(state, "memory is either vmem's own or a guest_memfd");
		if (guest->window && guest->user)
			argp_error(state, "a window is for programs of supervisor mode: --ring=0");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void say(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

/* On stderr, after what the program printed so far. */
static void say(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("vmem-run: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void tell_segments(const struct options *options, const struct guest *g,
			  const struct program *program)
{
	size_t i;

	for (i = 0; i < program->nr; i++) {
		const struct segment *segment = &program->segments[i];
		__u32 attrs = guest_attrs(g, segment->attrs);
		bool write = attrs & VMEM_IOC_ATTR_W;

		say("0x%llx: 0x%llx bytes r%c%c%c%s", segment->va, segment->len,
		    write ? 'w' : '-', attrs & VMEM_IOC_ATTR_X ? 'x' : '-',
		    attrs & VMEM_IOC_ATTR_U ? 'u' : '-',
		    write && options->cow ? ", Cow" : "");
	}
}

static int protect(struct guest *g, const struct options *options)
{
	__u64 flushes = g->flushes;
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < options->nr_protect; i++)
		ret = guest_protect(g, options->protect[i].start,
				    options->protect[i].last,
				    options->protect[i].attrs);
	if (!ret && options->verbose)
		say("%zu ranges changed, %llu flushes", options->nr_protect,
		    g->flushes - flushes);
	return ret;
}

static int serve(struct guest *g, const struct options *options, int *status)
{
	const struct vcpu_frame *frame = g->vcpu->frame;
	int ret = guest_serve(g, g->vcpu);

	if (ret == -EFAULT) {
		show_fault(frame);
		*status = EXIT_FAULT;
		return 0;
	}
	if (!ret && options->verbose)
		say("0x%llx: written for the first time, its page was copied", frame->cr2);
	return ret;
}

static int serve_call(struct guest *g, const struct options *options, int *status)
{
	struct vcpu_call call;
	__s64 answer = 0;
	int ret = vcpu_call(g->vcpu, &call);

	if (ret) {
		g->call = "KVM_GET_REGS";
		return ret;
	}
	switch (call.nr) {
	case CALL_EXIT:
		*status = call.args[0] & 0xff;
		return 0;
	case CALL_WRITE:
		ret = call_write(g, g->vcpu, &call, &answer);
		break;
	case CALL_VMM:
		ret = protect(g, options);
		break;
	default:
		answer = -ENOSYS;
	}
	if (ret)
		return ret;
	ret = vcpu_answer(g->vcpu, answer);
	if (ret)
		g->call = "KVM_SET_REGS";
	return ret;
}

/* Run the program to its end. Return: 0, and its exit status; -errno. */
static int run(struct guest *g, const struct options *options, int *status)
{
	struct vcpu_exit exit;
	int ret = 0;

	*status = -1;
	while (!ret && *status < 0) {
		ret = vcpu_run(g->vcpu, &exit);
		if (ret) {
			g->call = "KVM_RUN";
			break;
		}
		if (exit.event == VCPU_FAULT) {
			ret = serve(g, options, status);
		} else if (exit.event == VCPU_CALL) {
			ret = serve_call(g, options, status);
		} else if (exit.event == VCPU_STOPPED) {
			say("the vCPU stopped: %s", exit.why);
			*status = EXIT_FAULT;
		} else if (exit.port == PORT_PRINT) {
			putchar(exit.value & 0xff);
		} else if (exit.port == PORT_EXIT) {
			*status = exit.value & 0xff;
		} else if (exit.port == PORT_CALL) {
			ret = protect(g, options);
		} else {
			say("nothing is at port 0x%x", exit.port);
			*status = EXIT_FAULT;
		}
	}
	return ret;
}

static int show(struct guest *g, const struct options *options)
{
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < options->nr_translate; i++)
		ret = show_translation(g, options->translate[i]);
	if (!ret && options->dump)
		ret = show_walk(g);
	if (!ret && options->verbose)
		say("%llu pages copied, %llu flushes", g->copied, g->flushes);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { argp_options, parse, "PROGRAM.elf", doc,
					  NULL, NULL, NULL };
	struct options options = {
		.guest = {
			.user = true, .levels = 4, .nr_spaces = 1,
			.page_sizes = GUEST_PAGE_SIZES, .memory_len = 16 << 20,
		},
	};
	struct program program;
	int ret, status = 0;
	struct guest guest;
	const char *why;

	argp_err_exit_status = EXIT_FAILED;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	why = program_open(&program, options.path);
	if (why) {
		say("%s: %s", options.path, why);
		return EXIT_FAILED;
	}
	ret = guest_open(&guest, &options.guest);
	if (!ret)
		ret = program_load(&program, &guest, options.cow);
	if (!ret && options.verbose)
		tell_segments(&options, &guest, &program);
	if (!ret)
		ret = guest_start(&guest, program.entry);
	if (!ret)
		ret = run(&guest, &options, &status);
	if (!ret)
		ret = show(&guest, &options);
	if (ret)
		say("%s: %s", guest.call, strerror(-ret));
	guest_close(&guest);
	program_close(&program);
	if (fflush(stdout) || ferror(stdout)) {
		say("cannot write the output: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return ret ? EXIT_FAILED : status;
}
