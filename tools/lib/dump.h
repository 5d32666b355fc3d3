/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Dumps: files that hold a guest's memory, with what they know of its vCPUs. What is
 * where is told by a reader of the container (dump-elf.c, dump-kdump.c, dump-lime.c);
 * here it is kept, looked up, and given page by page.
 *
 * Nothing of a file is believed: what doesn't fit is an error with a text, and no
 * reader reads beyond the file, or makes more than the file's size allows.
 */
#ifndef _LIBVMEM_DUMP_H
#define _LIBVMEM_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "codec.h"
#include "libvmem.h"

#define DUMP_PAGE		4096ULL
#define DUMP_ADDR_MAX		(1ULL << 52)	/* no guest has memory from there on */

/**
 * struct dump_extent - memory that lies in one piece of the file
 * @gpa:	where the guest has it
 * @len:	bytes, not 0
 * @offset:	of the first one in the file
 * @before:	bytes of all extents before it
 */
struct dump_extent {
	__u64 gpa;
	__u64 len;
	__u64 offset;
	__u64 before;
};

/**
 * struct dump_range - memory of the guest, whether the file has it or not
 * @gpa:	where it begins
 * @len:	bytes, not 0
 * @before:	bytes of all memory before it
 */
struct dump_range {
	__u64 gpa;
	__u64 len;
	__u64 before;
};

/**
 * struct dump_cpu - registers of a vCPU
 * @number:	as the file counts them
 * @cr0:	of it, as are the others
 * @cr3:
 * @cr4:
 */
struct dump_cpu {
	__u32 number;
	__u64 cr0;
	__u64 cr3;
	__u64 cr4;
};

struct dump;

/**
 * struct dump_ops - what a container does by itself, if its bytes aren't just there
 * @bytes:	those of an extent, whose offset is one that the reader made up: 0; -ENODATA:
 *		the file was cut; -EIO: they are damaged, or packed by what isn't there
 * @page:	the same for a page, of which @index is from @has
 * @has:	whether the file has a page: its number among those that it has. NULL:
 *		extents say it
 * @count:	how many bytes of a range it has
 * @run:	for how many pages from @gpa on @has says the same, @nr at most
 * @free:	free @own
 */
struct dump_ops {
	int (*bytes)(struct dump *dump, __u64 offset, void *to, size_t len);
	int (*page)(struct dump *dump, __u64 index, void *to);
	bool (*has)(const struct dump *dump, __u64 gpa, __u64 *index);
	__u64 (*count)(const struct dump *dump, __u64 gpa, __u64 len);
	__u64 (*run)(const struct dump *dump, __u64 gpa, __u64 nr);
	void (*free)(struct dump *dump);
};

/* Pages that were put together or unpacked; those of one piece of work all stay. */
#define DUMP_CACHE_PAGES	8192U
#define DUMP_CACHE_SLOTS	16384U	/* to find them by: a power of 2 */
#define DUMP_PIECE_PAGES	2048U

/* Of what a file can make as large as it likes. */
#define DUMP_EXTENTS_MAX	(1U << 20)
#define DUMP_CPUS_MAX		8192U		/* more than any guest has */
#define DUMP_NOTES_MAX		(64ULL << 20)	/* bytes, of all together */

/**
 * struct dump - a file
 * @format:	its name, for people
 * @how:	how it is opened
 * @told:	when it was last said how far it is, in nanoseconds
 * @scanned:	how far a reader has come
 * @passed:	bytes of the file that were read since some were forgotten
 * @fd:		the file
 * @data:	all of it
 * @lent:	which is somebody else's
 * @size:	bytes
 * @extents:	what it has, in the order of addresses, none of which overlap
 * @nr_extents:	how many
 * @hint:	the one that was asked for last
 * @beyond:	bytes behind extents that were passed over when a hole was asked for
 * @memory:	what the guest has, likewise, in whole pages
 * @nr_memory:	how many
 * @cpus:	in the order of the file
 * @nr_cpus:	how many
 * @pids:	of what ran on each CPU, as Linux saved it
 * @nr_pids:	how many
 * @notes_len:	bytes of notes that were read
 * @vmcoreinfo:	text of Linux, not terminated; NULL: there is none
 * @vmcoreinfo_len: bytes
 * @process:	it is the core of a process, by its notes
 * @vague:	the guest may have more memory than the file tells: tables must be in some
 * @gaps:	what lies between pieces of memory may be memory too, that was left out
 * @cut:	the file ends before what its headers promise
 * @odd:	bytes at the end of raw memory that are no whole page
 * @broken:	what it is packed in as a whole is damaged: it is cut there
 * @damaged:	pages that were asked for can't be unpacked
 * @lacks:	what some of them are packed with, and this library hasn't; NULL: none is
 * @trouble:	all that, for people
 * @ops:	NULL: extents say all
 * @own:	of @ops
 * @pages:	the cache, NULL: nothing was put there yet
 * @gpas:	which page each is
 * @slots:	where a page is in the cache, by a hash of its address; 0: nowhere
 * @next:	page of the cache that is given out next
 * @piece:	how many were given out in this piece of work
 * @error:	what is wrong, when a reader has failed
 */
struct dump {
	char format[64];
	struct vmem_dump_how how;
	__u64 told;
	__u64 scanned;
	__u64 passed;
	int fd;
	const unsigned char *data;
	bool lent;
	__u64 size;
	struct dump_extent *extents;
	size_t nr_extents;
	size_t hint;
	__u64 beyond;
	struct dump_range *memory;
	size_t nr_memory;
	struct dump_cpu *cpus;
	size_t nr_cpus;
	__u32 *pids;
	size_t nr_pids;
	__u64 notes_len;
	const char *vmcoreinfo;
	size_t vmcoreinfo_len;
	bool process;
	bool vague;
	bool gaps;
	bool cut;
	unsigned int odd;
	bool broken;
	bool damaged;
	const char *lacks;
	char trouble[VMEM_DUMP_WHY_LEN];
	const struct dump_ops *ops;
	void *own;
	unsigned char *pages;
	__u64 *gpas;
	__u32 *slots;
	__u32 next;
	__u32 piece;
	char error[VMEM_DUMP_WHY_LEN];
};

/* Fields of a file, at most at its end: which is seen to before. */
static inline __u16 dump_16(const unsigned char *p)
{
	return (__u16)(p[0] | p[1] << 8);
}

static inline __u32 dump_32(const unsigned char *p)
{
	return dump_16(p) | (__u32)dump_16(p + 2) << 16;
}

static inline __u64 dump_64(const unsigned char *p)
{
	return dump_32(p) | (__u64)dump_32(p + 4) << 32;
}

/* Does the file have so many bytes there? */
static inline bool dump_holds(const struct dump *dump, __u64 offset, __u64 len)
{
	return offset <= dump->size && len <= dump->size - offset;
}

int dump_fail(struct dump *dump, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For readers: 0, -ENOMEM, -EINVAL with a text. */
int dump_add_extent(struct dump *dump, __u64 gpa, __u64 len, __u64 offset);
int dump_add_memory(struct dump *dump, __u64 gpa, __u64 len);
int dump_add_cpu(struct dump *dump, const struct dump_cpu *cpu);
/* Notes as ELF has them: registers, VMCOREINFO. */
int dump_notes(struct dump *dump, const unsigned char *notes, __u64 len);

/* Say how far it is, now and then. Return: 0; -ECANCELED: it is to end. */
int dump_progress(struct dump *dump, const char *what, __u64 done, __u64 all);
/* The same of a reader that looks for what lies where, and has come to @at in the file. */
int dump_scanned(struct dump *dump, __u64 at);
/* So many bytes were read of what isn't needed again soon: they don't fill this process. */
void dump_forget(struct dump *dump, __u64 bytes);

/* The readers. */
int dump_read_elf(struct dump *dump);
int dump_read_kdump(struct dump *dump);
int dump_read_lime(struct dump *dump);
int dump_read_avml(struct dump *dump);

/* A flattened file (dump-flat.c): its records, and bytes of the file that is meant. */
struct dump_flat;
int dump_flat_read(struct dump *dump, struct dump_flat **flat);
bool dump_flat_copy(const struct dump *dump, const struct dump_flat *flat, __u64 at, void *to,
		    __u64 len);
bool dump_flat_holds(const struct dump_flat *flat, __u64 at, __u64 len);
/* The first byte from @at on that there is; ~0: there is none. */
__u64 dump_flat_next(const struct dump_flat *flat, __u64 at);
void dump_flat_free(struct dump_flat *flat);

/* What a file is that is packed as a whole comes into a temporary one, which is then read. */
int dump_unpack(struct dump *dump, const struct codec *codec);
/* Read @fd, which is @dump's then, in place of what was read until now. */
int dump_map(struct dump *dump, int fd);

/* Unpack a page or the like, all of it. Return: 0; -EIO, which is told as trouble. */
int dump_codec(struct dump *dump, const struct codec *codec, const char *name,
	       const unsigned char *packed, size_t len, void *to, size_t room);

/**
 * dump_open() - a dump, by what it begins with
 * @path:	of the file
 * @how:	see vmem_open_dump()
 * @out:	the dump; with -EINVAL one that has only a text, to be closed too
 *
 * Return: 0; -EINVAL: not a dump that can be read, @out->error says why; what open(2)
 * or mmap(2) answers; -ECANCELED; -ENOMEM.
 */
int dump_open(const char *path, const struct vmem_dump_how *how, struct dump **out);
/* The second half of it: @data is there. */
int dump_read(struct dump *dump);
void dump_close(struct dump *dump);
/* The guest of it (dump-guest.c), which has the dump from here on. With an error that ends. */
int guest_of_dump(struct dump *dump, struct vmem_guest **guest);

/* From here on no page of before is used. */
void dump_piece_begin(struct dump *dump);

/* Is it time for the next piece? */
static inline bool dump_piece_full(const struct dump *dump)
{
	return dump->piece >= DUMP_PIECE_PAGES;
}

/**
 * dump_page() - a page of memory
 * @dump:	the dump
 * @gpa:	a multiple of DUMP_PAGE
 * @page:	out: its bytes, aligned as tables are, for this piece of work
 *
 * Return: 0; -ENXIO: the guest has no such memory; -ENODATA: it has, and the dump has
 * not all of it; -EIO: it is damaged; -ENOMEM.
 */
int dump_page(struct dump *dump, __u64 gpa, const void **page);

/* Of a page of which the dump hasn't all: what extents have. As dump_page(). */
int dump_join(struct dump *dump, __u64 gpa, __u64 len, unsigned char *to);

/* Does the guest have memory at @gpa? The answer holds for @same bytes, or more. */
bool dump_in_memory(const struct dump *dump, __u64 gpa, __u64 *same);

/* Where the guest's memory ends. */
static inline __u64 dump_end(const struct dump *dump)
{
	const struct dump_range *last = &dump->memory[dump->nr_memory - 1];

	return last->gpa + last->len;
}

/**
 * dump_missing() - how much of a range the dump has not
 * @dump:	the dump
 * @gpa:	where it begins
 * @len:	bytes
 *
 * Return: how many bytes of it are the guest's memory and not in the dump.
 */
__u64 dump_missing(const struct dump *dump, __u64 gpa, __u64 len);

/* The first memory from @gpa on. Return: 0; -ENOENT. */
int dump_range(const struct dump *dump, __u64 gpa, struct vmem_dump_range *range);
/* The first that the dump has something of, without holes, as far as the file tells them. */
int dump_next(struct dump *dump, __u64 gpa, struct vmem_dump_range *range);

#endif /* _LIBVMEM_DUMP_H */
