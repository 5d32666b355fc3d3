/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * vmem(1): what its files share.
 *
 *   vmem.c (commands) -> info.c, demo.c, dump.c, walk.c, translate.c
 *   -> map.c, alter.c, link.c (commands that change) -> change.c -> why.c (why a
 *      change was refused), diff.c (two walks), draft.c (memory as it would be),
 *      pool.c (pages for its tables), attrs.c
 *   -> hint.c (does an answer look like a wrong question?)
 *   -> source.c (which spaces) -> roots.c (all of them) -> scan.c, root.c (which
 *      one) -> linux.c (what the guest's Linux tells) -> memory.c (which memory),
 *      cpu.c (which vCPU), parse.c
 *   -> text.c, json.c -> out.c (lines), show.c -> libvmem
 */
#ifndef _VMEM_CLI_H
#define _VMEM_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "libvmem.h"

/* Exit status. */
#define EXIT_FAILED	1	/* what was asked for could not be done */
#define EXIT_USAGE	2	/* it can't be asked for like this */

/**
 * struct memory - a range of memory in a file
 * @path:	of the file
 * @gpa:	where the guest has it
 * @offset:	of its first byte in the file
 * @len:	bytes, 0: to the end of the file
 * @placed:	the offset was given: the file is taken for bytes, whatever it is
 * @keep:	keep the file open
 * @write:	for writing, too
 * @fd:		out: the file, if it is kept
 * @sparse:	out: it has holes, and is kept
 * @copied:	out: @host is a copy, not the file
 * @host:	out: where this process has it
 * @host_len:	out: bytes of it, whole pages
 */
struct memory {
	const char *path;
	__u64 gpa;
	__u64 offset;
	__u64 len;
	bool placed;
	bool keep;
	bool write;

	int fd;
	bool sparse;
	bool copied;
	const char *host;
	__u64 host_len;
};

/**
 * struct cpu - the facts of a vCPU that matter
 * @flags:	VMEM_IOC_SPACE_*, of a space that is read
 * @phys_bits:	width of guest-physical addresses, 0: what the format allows
 * @enc_bit:	number of the encryption or shared bit, 0: none
 * @cow:	software bits that say Cow, 0: none do
 * @vendor:	as it was told, NULL: it was not
 */
struct cpu {
	__u32 flags;
	__u32 phys_bits;
	__u32 enc_bit;
	__u32 cow;
	const char *vendor;
};

/**
 * struct source - what is looked at, and by whom
 * @memories:	of the guest
 * @nr_memories: how many
 * @roots:	of its spaces, as given: perhaps a CR3
 * @nr_roots:	how many
 * @format:	name of the format of the tables
 * @cpu:	what the vCPU is
 * @kernel:	the module does it, not this process
 * @device:	of the module
 * @vcpu:	of a dump, whose registers are taken
 * @pid:	of a process, whose root is taken
 * @kpti:	which half of a pair of roots is meant, NULL: it wasn't said
 * @rooted:	a root is needed
 * @linux_too:	Linux is asked even where registers tell
 * @all:	all roots that are known are taken
 * @dump:	out: the memory is a dump's
 * @trouble:	out: what was said to be wrong with it
 * @knows:	out: what the guest's Linux tells
 * @labels:	out: of the roots, for people, NULL: there are none
 * @guest:	out
 * @spaces:	out: ids, one a root
 * @levels:	out: of the format
 * @format_id:	out: number of the format
 * @page_sizes:	out: of the pages that it maps
 * @info:	out: what the back end is
 */
struct source {
	struct memory *memories;
	size_t nr_memories;
	__u64 *roots;
	size_t nr_roots;
	const char *format;
	struct cpu cpu;
	bool kernel;
	const char *device;
	__u32 vcpu;
	__u32 pid;
	const char *kpti;
	bool rooted;
	bool linux_too;
	bool all;

	bool dump;
	char trouble[VMEM_DUMP_WHY_LEN];
	struct knows *knows;
	char **labels;
	struct vmem_guest *guest;
	__u32 *spaces;
	unsigned int levels;
	__u32 format_id;
	__u64 page_sizes;
	struct vmem_ioc_info info;
};

/* vmem.c */
void refuse(const char *format, ...)
	__attribute__((__noreturn__, __format__(__printf__, 1, 2)));
void fail(const char *format, ...)
	__attribute__((__noreturn__, __format__(__printf__, 1, 2)));
void note(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));
void more(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));
void *allocate(void *old, size_t nr, size_t size);
void end_output(void);

/* As TRANSLATE is given it; @what is 0: none. */
struct access {
	__u32 what;
	__u32 mode;
	__u32 pkru;
	__u32 pkrs;
};

/* parse.c */
bool parse_address(const char *text, __u64 *value, const char **why);
bool parse_bits(const char *text, __u32 *bits, const char **why);
bool parse_count(const char *text, __u64 *value);
bool parse_range(const char *text, __u64 *start, __u64 *last,
		 const char **why);
bool parse_sizes(const char *text, __u64 *sizes, const char **why);
bool parse_roots(const char *text, struct source *source, const char **why);
bool parse_memory(const char *text, struct memory *memory, const char **why);

/* cpu.c */
bool cpu_parse(struct cpu *cpu, const char *facts, const char **why);
bool cpu_parse_phys_bits(struct cpu *cpu, const char *text, const char **why);
bool cpu_parse_cow(struct cpu *cpu, const char *text);
__u64 cpu_root(const struct cpu *cpu, __u64 cr3);

/* Of registers. */
#define CR0_PG		(1ULL << 31)
#define CR4_PAE		(1ULL << 5)
#define CR4_LA57	(1ULL << 12)

#define VCPUS_MAX	8192U	/* that are looked at: more than any guest has */

/* Of an entry, in both formats. */
#define ENTRY_P		1ULL
#define ENTRY_W		(1ULL << 1)
#define ENTRY_U		(1ULL << 2)
#define ENTRY_A		(1ULL << 5)
#define ENTRY_D		(1ULL << 6)
#define ENTRY_PS	(1ULL << 7)
#define ENTRY_ADDR	0x000ffffffffff000ULL
#define ENTRY_NX	(1ULL << 63)

/* memory.c */
void memory_add(struct vmem_guest *guest, struct memory *memory);
const char *memory_at(const struct source *source, __u64 gpa);
bool memory_data(const struct source *source, __u64 gpa, __u64 *data, __u64 *len);
void memory_forget(const struct source *source);
const char *memory_dump(const struct source *source);
bool memory_page(const struct source *source, __u64 gpa, __u64 *entries);
bool memory_entry(const struct source *source, __u64 gpa, __u64 *entry);
__u64 memory_top(const struct source *source);
__u64 entry_addr(const struct source *source, __u64 entry);

/* source.c */
extern const struct argp source_argp;
void source_init(struct source *source);
void source_check_memory(const struct source *source, struct argp_state *state);
void source_check(struct source *source, struct argp_state *state);
void source_check_all(struct source *source, struct argp_state *state, const char *what);
void source_open_dump(struct source *source);
void source_open(struct source *source);
void source_close(struct source *source);
int source_space(const struct source *source, __u32 format, __u64 root,
		 __u32 *id);
void no_module(const char *device, int ret) __attribute__((__noreturn__));
void source_formats(struct vmem_guest *guest, struct vmem_ioc_info *info,
		    struct vmem_ioc_format **formats);

/* linux.c */
#define COMM_LEN	(VMEM_LINUX_COMM_LEN * 4 + 2)	/* of a name that is shown */

const struct vmem_linux *linux_about(struct source *source);
const struct vmem_linux_list *linux_list(struct source *source);
const char *linux_why(struct source *source);
const char *show_comm(const char *comm, char buf[COMM_LEN]);

/* root.c */
bool kpti_pair(const struct source *source, __u64 root, __u64 *kernel);
void root_default(struct source *source);

/**
 * struct root - what is or may be the root of a space
 * @gpa:	where it is
 * @kernel:	of its upper half, without A and D; roots of one kernel have the same
 * @lower:	entries of the lower half
 * @upper:	and of the upper one
 * @followed:	that were tried and led to leaves, 0: it wasn't tried
 * @shared:	roots with this upper half, this one too
 * @vcpu:	the first one that uses it, -1: none is known to
 * @swapper:	it is the kernel's own
 * @process:	the first process that has it, NULL: none is known to
 * @owners:	all that have it
 * @nr_owners:	how many
 * @pair:	the other half of its pair, 0: it is of none
 * @absent:	it isn't in the dump, or is no memory
 */
struct root {
	__u64 gpa;
	__u64 kernel;
	unsigned int lower;
	unsigned int upper;
	unsigned int followed;
	size_t shared;
	int vcpu;
	bool swapper;
	const struct vmem_linux_process *process;
	const struct vmem_linux_process **owners;
	size_t nr_owners;
	__u64 pair;
	bool absent;
};

/* scan.c: roots by their looks. */
void root_read(const struct source *source, __u64 gpa, struct root *root);
struct root *scan_roots(const struct source *source, size_t *nr);

/* roots.c */
void roots_all(struct source *source);

#define ATTRS_LEAF	9	/* rwxugadct */
#define ATTRS_PATH	4	/* rwxu */

/**
 * struct marks - what is there of a leaf besides its columns
 * @pat:	PAT is set
 * @cow:	the software bits say Cow
 * @shadow:	it is a page of a shadow stack
 * @enc:	"encrypted" or "shared", NULL: the bit isn't set, or is none
 * @key:	the protection key
 * @soft:	the software bits, at their places in the entry
 */
struct marks {
	bool pat;
	bool cow;
	bool shadow;
	const char *enc;
	unsigned int key;
	__u64 soft;
};

#define PATH_LEN	(VMEM_IOC_LEVELS_MAX * (ATTRS_PATH + 1))

/* out.c: a line, piece by piece. */
void out_init(void);
void out_char(char c);
char *out_room(size_t len);
void out_bytes(const char *text, size_t len);
void out_hex(__u64 value, unsigned int width);
void out_count(__u64 value);
void out_string(const char *text);
void out_right(const char *text, size_t width);
void out_format(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));
void out_attrs(__u32 attrs, unsigned int nr);
void out_end(const char *text);

/* Inline, as the length of most texts is known then, and copying them takes no call. */
static inline void out_text(const char *text)
{
	size_t len = strlen(text);

	if (__builtin_constant_p(len))
		memcpy(out_room(len), text, len);
	else
		out_bytes(text, len);
}

/* show.c */
bool is_plain(char c);
__u32 attr_of(char letter);
const char *show_attrs(__u32 attrs, unsigned int nr, char *buf);
const char *show_path(__u32 path, char *buf);
char *show_number(__u64 number, char *buf);
const char *show_size(__u64 bytes, char *buf);
const char *show_count(__u64 count, char *buf);
bool is_wx(__u32 effective);
__u32 path_effective(__u32 path);
__u64 record_span(const struct vmem_ioc_record *rec);
unsigned int key_of(__u32 leaf);
struct marks marks_of(const struct cpu *cpu, __u32 leaf, __u32 effective,
		      __u64 entry);

/**
 * struct view - how records are shown
 * @roots:	of the list of spaces
 * @nr_roots:	how many
 * @labels:	of @roots, NULL: there are none
 * @cpu:	what the vCPU is
 * @format:	of the tables, by its name
 * @dump:	the guest, if it is of a dump
 * @last:	of the addresses that are walked
 * @entries:	each record is one leaf
 * @wx:		only mappings that may be written and executed are shown
 * @nr_wx:	how many were, with @wx
 * @wx_bytes:	of them
 * @wx_refs:	references that grant both, and weren't followed
 * @fold:	text: the same again and again is one line
 * @headed:	text: the spaces that have their heading
 * @nr_held:	text: how often @held came, 0: it was printed
 * @held:	text: the last record, which waits for what comes behind it
 * @held_path:	text: its path is to be shown
 * @mark:	of a change: '-' for what went, '+' for what came; else 0
 */
struct view {
	const __u64 *roots;
	size_t nr_roots;
	char **labels;
	const struct cpu *cpu;
	const char *format;
	const struct vmem_guest *dump;
	__u64 last;
	bool entries;
	bool wx;
	__u64 nr_wx;
	__u64 wx_bytes;
	__u64 wx_refs;
	bool fold;
	const struct access *access;	/* that results are of, NULL: of none */
	bool chain;
	unsigned int levels;
	size_t headed;
	__u64 nr_held;
	struct vmem_ioc_record held;
	bool held_path;
	char mark;
};

/* access.c */
bool parse_access(const char *list, struct access *access, const char **why);
const char *access_clash(const struct access *access, const struct cpu *cpu);
__u64 fault_va(__u64 va, const struct vmem_ioc_result *result);
bool is_refused(const struct vmem_ioc_result *result);
unsigned int refused_at(const struct vmem_ioc_result *result, unsigned int levels);
const char *refused_why(const struct vmem_ioc_result *result, const struct view *view);

/* json.c */
#define JSON_VERSION	2

void json_head(const struct view *view);
void json_record(const struct vmem_ioc_record *rec, const struct view *view);
void json_result(__u64 va, const struct vmem_ioc_result *result,
		 const __u64 *entries, const struct view *view);

/* text.c */
void text_head(void);
void text_record(const struct vmem_ioc_record *rec, struct view *view);
void text_flush(struct view *view);
void text_result(__u64 va, const struct vmem_ioc_result *result,
		 const __u64 *entries, const struct view *view);
void text_chain(__u64 va, const struct vmem_ioc_result *result, const __u64 *entries,
		const struct view *view);

/**
 * struct hints - what was seen that hints may come of
 * @walked:	a walk over all addresses was completed
 * @leaves:	leaf entries met
 * @refs:	references
 * @bad:	entries malformed or unreachable
 * @frames:	some leaves of the smallest size
 * @nr_frames:	how many
 * @wide:	an entry whose address is far above all memory, 0: none
 * @wide_gpa:	the address
 * @high_gpa:	a table outside, above 4 GiB, 0: none
 * @tagged:	a non-canonical address that may have a tag
 * @cut:	a non-canonical address that may have lost its high bits
 */
struct hints {
	bool walked;
	__u64 leaves;
	__u64 refs;
	__u64 bad;
	__u64 frames[64];
	size_t nr_frames;
	__u64 wide;
	__u64 wide_gpa;
	__u64 high_gpa;
	__u64 tagged;
	__u64 cut;
};

/* hint.c */
void hint_record(struct hints *hints, const struct source *source,
		 const struct vmem_ioc_record *rec);
void hint_result(struct hints *hints, const struct source *source, __u64 va,
		 const struct vmem_ioc_result *result, bool tags);
void hint_address(struct hints *hints, const struct source *source, __u64 va, bool tags);
void hint_outside(const struct source *source, __u64 gpa);
void hint_say(const struct hints *hints, const struct source *source);

/* walk.c: print a walk of all spaces of a source. Return: the exit status. */
struct walk_how {
	struct vmem_ioc_walk_create call;
	bool json;
	bool no_fold;
	bool wx;
};

int walk_show(struct source *source, struct walk_how *how);

/**
 * struct attrs - what leaves are to be, as it was told
 * @attrs:	VMEM_IOC_ATTR_*, without COW
 * @cow:	they are Cow
 * @ad:		accessed and dirty are said, too
 * @path:	nibbles of the entries above, that of the root first
 * @nr_path:	how many, 0: it isn't told
 */
struct attrs {
	__u32 attrs;
	bool cow;
	bool ad;
	__u32 path[VMEM_IOC_LEVELS_MAX];
	unsigned int nr_path;
};

/* attrs.c */
bool parse_attrs(const char *text, const struct cpu *cpu, struct attrs *attrs,
		 const char **why);
bool parse_attr_change(const char *text, const struct cpu *cpu, __u32 *set,
		       __u32 *clear, const char **why);
bool parse_grants(const char *text, __u32 *grants);

/**
 * struct draft - a guest's memory as it would be: of this process, and no file's
 * @guest:	whose memory it is
 * @hosts:	where this process has it, one a memory of the source
 * @ranges:	of the pool: those that new tables come from
 * @nr_ranges:	how many, 0: no pool was given
 * @pool:	id
 * @free:	pages that the pool had in the beginning
 * @spaces:	ids, in the order of the source's roots, and the new one behind
 * @roots:	theirs
 * @nr_spaces:	how many
 * @blocks:	what differs from the files, in the order of the memories
 * @nr_blocks:	how many
 */
struct draft {
	struct vmem_guest *guest;
	char **hosts;
	struct vmem_ioc_range *ranges;
	size_t nr_ranges;
	__u32 pool;
	__u64 free;
	__u32 *spaces;
	__u64 *roots;
	size_t nr_spaces;
	struct block {
		size_t memory;
		__u64 at;
	} *blocks;
	size_t nr_blocks;
};

/**
 * struct change - what the commands that change have in common
 * @source:	what is to be changed, as it is in the files
 * @args:	of the command, as typed
 * @nr_args:	how many
 * @pools:	where new tables may come from
 * @nr_pools:	how many
 * @new_root:	a space is made
 * @movable:	tables of the guest's own are copied before they are changed
 * @alone:	no other root or address reaches the tables that are changed
 * @write:	write it to the files
 * @force:	take pages for tables that hold something
 * @entries:	show each entry that changes
 * @json:	JSON Lines
 * @verb:	what happened to pages
 * @replace:	it was asked for, and the following, which an error may advise
 * @split:	see @replace
 * @keep:	see @replace
 * @widen:	see @replace
 * @path:	what entries grant is given
 * @linked:	tables are shown at other places
 * @needs:	permissions that the entries above must grant
 * @invalid:	what EINVAL means
 * @draft:	out: where it is changed
 * @space:	out: index of the space that is changed
 */
struct change {
	struct source source;
	char **args;
	size_t nr_args;
	struct vmem_ioc_range *pools;
	size_t nr_pools;
	bool new_root;
	bool movable;
	bool alone;
	bool write;
	bool force;
	bool entries;
	bool json;
	const char *verb;
	bool replace;
	bool split;
	bool keep;
	bool widen;
	bool path;
	bool linked;
	__u32 needs;
	const char *invalid;

	struct draft draft;
	size_t space;
};

/* pool.c */
void pool_choose(struct change *change);
bool pool_has(const struct draft *draft, __u64 gpa);
__u64 pool_taken(const struct draft *draft);

/* draft.c */
void draft_open(struct change *change);
void draft_compare(struct change *change);
__u64 draft_entry(const struct change *change, const struct block *block,
		  unsigned int slot, bool draft);
__u64 draft_gpa(const struct change *change, const struct block *block);
void draft_write(struct change *change);

/* diff.c */
bool diff_show(const struct change *change);

/* why.c */
void why_show(const struct change *change, int ret,
	      const struct vmem_ioc_change *answer);

/* change.c */
extern const struct argp change_argp;
void change_init(struct change *change, const char *verb);
void change_range(const struct change *change, const char *text, __u64 *start,
		  __u64 *last);
void change_sizes(const struct change *change, __u64 sizes);
void change_open(struct change *change);
void change_keep(struct change *change, struct argp_state *state);
void change_end_set(struct change *change);
int change_end(struct change *change, int ret,
	       const struct vmem_ioc_change *answer);

/* Commands: each is given its own arguments, and returns the exit status. */
int command_info(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_walk(int argc, char **argv);
int command_roots(int argc, char **argv);
int command_translate(int argc, char **argv);
int command_map(int argc, char **argv);
int command_unmap(int argc, char **argv);
int command_protect(int argc, char **argv);
int command_promote(int argc, char **argv);
int command_link(int argc, char **argv);

#endif /* _VMEM_CLI_H */
