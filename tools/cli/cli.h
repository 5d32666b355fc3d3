/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * vmem(1): what its files share.
 *
 *   vmem.c (commands) -> info.c, demo.c, walk.c, translate.c
 *   -> source.c (which memory, which spaces), parse.c, show.c -> libvmem
 */
#ifndef _VMEM_CLI_H
#define _VMEM_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "libvmem.h"

/* Exit status. */
#define EXIT_FAILED	1	/* what was asked for could not be done */
#define EXIT_USAGE	2	/* it can't be asked for like this */

/* A range of memory in a file. */
struct memory {
	const char *path;
	__u64 gpa;
	__u64 offset;
	__u64 len;		/* 0: to the end of the file */
};

/**
 * struct source - what is looked at, and by whom
 * @memories:	of the guest
 * @nr_memories: how many
 * @roots:	of its spaces, as given: perhaps a CR3
 * @nr_roots:	how many
 * @format:	name of the format of the tables
 * @phys_bits:	width of guest-physical addresses, 0: what the format allows
 * @nxe_off:	the vCPU runs with EFER.NXE = 0
 * @kernel:	the module does it, not this process
 * @device:	of the module
 * @guest:	out
 * @spaces:	out: ids, one a root
 * @levels:	out: of the format
 * @info:	out: what the back end is
 */
struct source {
	struct memory *memories;
	size_t nr_memories;
	__u64 *roots;
	size_t nr_roots;
	const char *format;
	__u32 phys_bits;
	bool nxe_off;
	bool kernel;
	const char *device;

	struct vmem_guest *guest;
	__u32 *spaces;
	unsigned int levels;
	struct vmem_ioc_info info;
};

/* vmem.c */
void fail(const char *format, ...)
	__attribute__((__noreturn__, __format__(__printf__, 1, 2)));
void note(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));
void *allocate(void *old, size_t nr, size_t size);
void end_output(void);

/* parse.c */
bool parse_u64(const char *text, __u64 *value);
bool parse_range(const char *text, __u64 *start, __u64 *last,
		 const char **why);
bool parse_roots(const char *text, struct source *source);
bool parse_memory(const char *text, struct memory *memory, const char **why);

/* source.c */
extern const struct argp source_argp;
void source_init(struct source *source);
void source_check(const struct source *source, struct argp_state *state);
void source_open(struct source *source);
void no_module(const char *device, int ret) __attribute__((__noreturn__));
void source_formats(struct vmem_guest *guest, struct vmem_ioc_info *info,
		    struct vmem_ioc_format **formats);

/**
 * struct view - how records are shown
 * @roots:	of the list of spaces
 * @nr_roots:	how many
 * @headed:	text: the spaces that have their heading
 * @entries:	each record is one leaf
 */
struct view {
	const __u64 *roots;
	size_t nr_roots;
	size_t headed;
	bool entries;
};

/* show.c */
void show_json_head(const char *format, const struct view *view);
void show_json(const struct vmem_ioc_record *rec, const struct view *view);
void show_text_head(void);
void show_text(const struct vmem_ioc_record *rec, struct view *view);
const char *show_attrs(__u32 attrs, unsigned int nr, char *buf);
const char *show_size(__u64 bytes, char *buf);
const char *show_count(__u64 count, char *buf);

#define ATTRS_LEAF	9	/* rwxugadct */
#define ATTRS_PATH	4	/* rwxu */

/* walk.c: print a walk of all spaces of a source. Return: the exit status. */
int walk_show(struct source *source, struct vmem_ioc_walk_create *walk,
	      bool json);

/* Commands: each is given its own arguments, and returns the exit status. */
int command_info(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_walk(int argc, char **argv);
int command_translate(int argc, char **argv);

#endif /* _VMEM_CLI_H */
