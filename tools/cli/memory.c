// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The guest's memory: ranges of files, mapped, or copied where they begin
 * anywhere in a page; and single entries of it, for hints.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "magic.h"

#define ENTRIES_LEN	4096
#define STAT_BLOCK	512	/* that st_blocks counts */

/* What isn't the memory itself is refused, but where its bytes are meant. */
static void memory_recognize(const struct memory *memory, int fd)
{
	unsigned char head[VMEM_MAGIC_LEN];
	const struct vmem_magic *magic;
	ssize_t nr;

	if (memory->placed)
		return;
	nr = pread(fd, head, sizeof(head), 0);
	/* what can't be read at a place can't be mapped, which is told there */
	if (nr < 0 && errno == ESPIPE)
		return;
	if (nr < 0)
		fail("%s: cannot be read: %s", memory->path, strerror(errno));
	magic = vmem_magic_find(head, (size_t)nr);
	if (!magic)
		return;
	note("%s: is not raw memory but %s.", memory->path, magic->name);
	more("What to do: %s.", magic->advice);
	more("If these bytes are the guest's all the same: --memory %s@%#llx:0", memory->path,
	     memory->gpa);
	exit(EXIT_FAILED);
}

static int memory_open(const struct memory *memory)
{
	int flags = memory->write ? O_RDWR : O_RDONLY;
	/* a pipe must not be waited for */
	int fd = open(memory->path, flags | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && memory->write && errno != ENOENT)
		fail("%s: cannot be written: %s", memory->path, strerror(errno));
	if (fd < 0)
		fail("%s: %s%s", memory->path, strerror(errno),
		     errno == ENOENT && strchr(memory->path, '@') ?
		     " (behind @ comes GPA[:OFFSET[+LEN]], in hexadecimal)" :
		     "");
	return fd;
}

/* How much of what was asked for the file has, in whole pages. */
static __u64 memory_len(const struct memory *memory, int fd)
{
	__u64 page = (__u64)sysconf(_SC_PAGESIZE), len;
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		fail("%s: %s: it must be a file that can be mapped",
		     memory->path, strerror(errno));
	if (memory->offset >= (__u64)size)
		fail("%s: has %lld bytes, and so none from 0x%llx on",
		     memory->path, (long long)size, memory->offset);

	len = (__u64)size - memory->offset;
	if (memory->len && memory->len <= len)
		len = memory->len;
	else if (memory->len)
		note("%s: ends 0x%llx bytes before the given length does: they are outside",
		     memory->path, memory->len - len);
	if (len % page)
		note("%s: the last %llu bytes are no whole page: they are outside",
		     memory->path, len % page);
	len -= len % page;
	if (!len)
		fail("%s: holds no whole page", memory->path);
	return len;
}

static bool memory_is_sparse(int fd)
{
	struct stat stat;

	return !fstat(fd, &stat) && S_ISREG(stat.st_mode) &&
	       stat.st_blocks < stat.st_size / STAT_BLOCK;
}

/* For a part of a file that can't be mapped: a page of it isn't one of ours. */
static void *memory_copy(const struct memory *memory, int fd)
{
	__u64 done = 0;
	char *host;

	host = mmap(NULL, memory->host_len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (host == MAP_FAILED)
		fail("%s: no memory for a copy of 0x%llx bytes, which begin at no whole page of the file: %s",
		     memory->path, memory->host_len, strerror(errno));
	while (done < memory->host_len) {
		ssize_t nr = pread(fd, host + done, memory->host_len - done,
				   (off_t)(memory->offset + done));

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			fail("%s: cannot be read at 0x%llx: %s", memory->path,
			     memory->offset + done, strerror(errno));
		if (!nr)
			fail("%s: became shorter while it was read",
			     memory->path);
		done += (__u64)nr;
	}
	return host;
}

/**
 * memory_add() - make a range of a file memory of a guest
 * @guest:	the guest
 * @memory:	the range; out: where this process has it
 *
 * What lies beyond the end of the file is outside. Failure ends the program.
 */
void memory_add(struct vmem_guest *guest, struct memory *memory)
{
	struct vmem_ioc_region_create region = {
		.size	= sizeof(region),
		.flags	= VMEM_IOC_REGION_FROZEN,
		.kind	= VMEM_IOC_REGION_USER,
		.gpa	= memory->gpa,
	};
	__u64 page = (__u64)sysconf(_SC_PAGESIZE);
	int fd = memory_open(memory), ret;
	void *host;

	memory_recognize(memory, fd);
	memory->host_len = memory_len(memory, fd);
	memory->copied = memory->offset % page;
	memory->sparse = !memory->copied && memory_is_sparse(fd);
	if (memory->copied)
		host = memory_copy(memory, fd);
	else
		host = mmap(NULL, memory->host_len, PROT_READ,
			    MAP_SHARED | MAP_NORESERVE, fd,
			    (off_t)memory->offset);
	if (host == MAP_FAILED)
		fail("%s: cannot be mapped: %s", memory->path, strerror(errno));
	if (memory->keep || memory->sparse)
		memory->fd = fd;
	else
		close(fd);

	memory->host = host;
	region.user_addr = (uintptr_t)host;
	region.len = memory->host_len;
	ret = vmem_region_create(guest, &region);
	if (ret == -EEXIST)
		fail("%s: its memory at 0x%llx overlaps other memory given",
		     memory->path, region.gpa);
	if (ret == -EOVERFLOW)
		fail("%s: at 0x%llx it lies beyond what any guest can have",
		     memory->path, region.gpa);
	if (ret)
		fail("%s: cannot be made memory of the guest: %s",
		     memory->path, strerror(-ret));
}

/* Of one file that is a guest of its own, a dump that is read as a whole: what it is. */
const char *memory_dump(const struct source *source)
{
	const struct memory *memory = source->memories;
	unsigned char head[VMEM_MAGIC_LEN];
	const struct vmem_magic *magic;
	ssize_t nr;
	int fd;

	if (source->nr_memories != 1 || memory->placed || memory->gpa)
		return NULL;
	fd = open(memory->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	nr = pread(fd, head, sizeof(head), 0);
	close(fd);
	magic = nr > 0 ? vmem_magic_find(head, (size_t)nr) : NULL;
	return magic && magic->reader ? magic->name : NULL;
}

/* Where this process has what is at @gpa. Return: NULL: there is no memory. */
const char *memory_at(const struct source *source, __u64 gpa)
{
	size_t i;

	for (i = 0; i < source->nr_memories; i++) {
		const struct memory *memory = &source->memories[i];
		__u64 at = gpa - memory->gpa;

		if (gpa >= memory->gpa && at < memory->host_len)
			return memory->host + at;
	}
	return NULL;
}

/* From @at on, where the file has data again, and how much of it. Return: whether it has. */
static bool memory_next(const struct memory *memory, __u64 at, __u64 *data, __u64 *len)
{
	__u64 page = (__u64)sysconf(_SC_PAGESIZE), end = memory->offset + memory->host_len;
	off_t from, to;

	*data = at;
	*len = memory->host_len - at;
	if (!memory->sparse)
		return true;
	from = lseek(memory->fd, (off_t)(memory->offset + at), SEEK_DATA);
	/* where holes can't be asked for, there are none */
	if (from < 0)
		return errno != ENXIO;
	if ((__u64)from >= end)
		return false;
	to = lseek(memory->fd, from, SEEK_HOLE);
	/* a hole that came meanwhile is data as it was */
	if (to <= from || (__u64)to > end)
		to = (off_t)end;
	*data = ((__u64)from - memory->offset) & ~(page - 1);
	*len = (((__u64)to - memory->offset + page - 1) & ~(page - 1)) - *data;
	return true;
}

/**
 * memory_data() - the next memory that may be other than zeros
 * @source:	not of a dump
 * @gpa:	from where on
 * @data:	out: guest-physical address
 * @len:	out: bytes, whole pages
 *
 * Return: whether there is some.
 */
bool memory_data(const struct source *source, __u64 gpa, __u64 *data, __u64 *len)
{
	bool found = false;
	__u64 from, nr;
	size_t i;

	for (i = 0; i < source->nr_memories; i++) {
		const struct memory *memory = &source->memories[i];
		__u64 at = gpa > memory->gpa ? gpa - memory->gpa : 0;

		if (at >= memory->host_len || !memory_next(memory, at, &from, &nr))
			continue;
		from += memory->gpa;
		if (found && from >= *data)
			continue;
		*data = from;
		*len = nr;
		found = true;
	}
	return found;
}

/* What was read of files needs no room in this process any more. */
void memory_forget(const struct source *source)
{
	size_t i;

	for (i = 0; i < source->nr_memories; i++) {
		const struct memory *memory = &source->memories[i];

		if (memory->host && !memory->copied)
			madvise((void *)(uintptr_t)memory->host, memory->host_len, MADV_DONTNEED);
	}
}

/* A page of entries. Return: whether there is one. */
bool memory_page(const struct source *source, __u64 gpa, __u64 *entries)
{
	const char *at;
	size_t i;

	if (source->dump) {
		if (vmem_dump_read(source->guest, gpa, entries, ENTRIES_LEN))
			return false;
	} else {
		at = memory_at(source, gpa);
		if (!at)
			return false;
		memcpy(entries, at, ENTRIES_LEN);
	}
	for (i = 0; i < ENTRIES_LEN / sizeof(*entries); i++)
		entries[i] = le64toh(entries[i]);
	return true;
}

/* The entry at @gpa, a multiple of 8. Return: whether there is memory. */
bool memory_entry(const struct source *source, __u64 gpa, __u64 *entry)
{
	const char *at;

	if (source->dump) {
		if (vmem_dump_read(source->guest, gpa, entry, sizeof(*entry)))
			return false;
		*entry = le64toh(*entry);
		return true;
	}
	at = memory_at(source, gpa);
	if (at)
		*entry = le64toh(*(const __u64 *)at);
	return at;
}

/* Where the guest's memory ends. */
__u64 memory_top(const struct source *source)
{
	struct vmem_ioc_item item = { 0 };
	struct vmem_ioc_list list = {
		.size = sizeof(list), .kind = VMEM_IOC_LIST_REGIONS, .nr = 1,
		.items = (uintptr_t)&item,
	};
	__u64 top = 0, end;
	size_t i;

	/* all memory of a dump is one region from 0 on */
	if (source->dump && !vmem_guest_list(source->guest, &list))
		return item.len;
	for (i = 0; i < source->nr_memories; i++) {
		end = source->memories[i].gpa + source->memories[i].host_len;
		if (end > top)
			top = end;
	}
	return top;
}

/* The address in an entry, as the vCPU has it. */
__u64 entry_addr(const struct source *source, __u64 entry)
{
	__u64 addr = entry & ENTRY_ADDR;

	if (source->cpu.enc_bit)
		addr &= ~(1ULL << source->cpu.enc_bit);
	return addr;
}
