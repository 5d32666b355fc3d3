// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Dumps, whatever container they are: what is kept of them, and pages, see dump.h.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dump.h"

/* Say what is wrong. Return: -EINVAL. */
int dump_fail(struct dump *dump, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(dump->error, sizeof(dump->error), format, ap);
	va_end(ap);
	return -EINVAL;
}

/* Room for one element more of an array that doubles. */
static void *room(void *array, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	return realloc(array, (nr ? 2 * nr : 1) * size);
}

static int bad_range(struct dump *dump, __u64 gpa, __u64 len)
{
	if (gpa < DUMP_ADDR_MAX && len <= DUMP_ADDR_MAX - gpa)
		return 0;
	return dump_fail(dump, "memory at 0x%llx, 0x%llx bytes, lies beyond what any guest can have",
			 gpa, len);
}

int dump_add_extent(struct dump *dump, __u64 gpa, __u64 len, __u64 offset)
{
	struct dump_extent *extents;
	int ret = bad_range(dump, gpa, len);

	if (ret || !len)
		return ret;
	if (dump->nr_extents == DUMP_EXTENTS_MAX)
		return dump_fail(dump, "has its memory in more than %u pieces", DUMP_EXTENTS_MAX);
	extents = room(dump->extents, dump->nr_extents, sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	extents[dump->nr_extents++] = (struct dump_extent){ gpa, len, offset, 0 };
	dump->extents = extents;
	return 0;
}

int dump_add_memory(struct dump *dump, __u64 gpa, __u64 len)
{
	struct dump_range *memory;
	int ret = bad_range(dump, gpa, len);

	if (ret || !len)
		return ret;
	if (dump->nr_memory == DUMP_EXTENTS_MAX)
		return dump_fail(dump, "is of a guest whose memory lies in more than %u pieces",
				 DUMP_EXTENTS_MAX);
	memory = room(dump->memory, dump->nr_memory, sizeof(*memory));
	if (!memory)
		return -ENOMEM;
	memory[dump->nr_memory++] = (struct dump_range){ gpa, len, 0 };
	dump->memory = memory;
	return 0;
}

int dump_add_cpu(struct dump *dump, const struct dump_cpu *cpu)
{
	struct dump_cpu *cpus;

	if (dump->nr_cpus == DUMP_CPUS_MAX)
		return dump_fail(dump, "tells of more than %u vCPUs", DUMP_CPUS_MAX);
	cpus = room(dump->cpus, dump->nr_cpus, sizeof(*cpus));
	if (!cpus)
		return -ENOMEM;
	cpus[dump->nr_cpus++] = *cpu;
	dump->cpus = cpus;
	return 0;
}

/* QEMU's, of a vCPU: its version, its size, and where CR0 is in it. */
#define QEMU_VERSION	1
#define QEMU_CR		392
#define QEMU_LEN	(QEMU_CR + 5 * 8)

static int qemu_note(struct dump *dump, const unsigned char *desc, __u32 len)
{
	struct dump_cpu cpu = { .number = dump->nr_cpus };
	__u32 size = len >= 8 ? dump_32(desc + 4) : 0;

	if (size < QEMU_LEN || size > len || dump_32(desc) != QEMU_VERSION)
		return 0;
	cpu.cr0 = dump_64(desc + QEMU_CR);
	cpu.cr3 = dump_64(desc + QEMU_CR + 3 * 8);
	cpu.cr4 = dump_64(desc + QEMU_CR + 4 * 8);
	return dump_add_cpu(dump, &cpu);
}

/* Linux's, of a CPU: struct elf_prstatus. QEMU's is one of its own making. */
#define PRSTATUS_PID	32
#define PRSTATUS_LEN	336

static int prstatus_note(struct dump *dump, const unsigned char *desc, __u32 len)
{
	__u32 *pids;

	if (len != PRSTATUS_LEN)
		return 0;
	if (dump->nr_pids == DUMP_CPUS_MAX)
		return dump_fail(dump, "tells of more than %u CPUs", DUMP_CPUS_MAX);
	pids = room(dump->pids, dump->nr_pids, sizeof(*pids));
	if (!pids)
		return -ENOMEM;
	pids[dump->nr_pids++] = dump_32(desc + PRSTATUS_PID);
	dump->pids = pids;
	return 0;
}

static bool is_named(const unsigned char *name, __u32 len, const char *wanted)
{
	return len == strlen(wanted) + 1 && !memcmp(name, wanted, len);
}

/* A note that doesn't fit ends them: what came before is as good as it was. */
int dump_notes(struct dump *dump, const unsigned char *notes, __u64 len)
{
	__u64 at = 0, name, desc;
	__u32 name_len, desc_len, type;
	int ret = 0;

	if (len > DUMP_NOTES_MAX - dump->notes_len)
		return dump_fail(dump, "has notes of more than %llu MiB", DUMP_NOTES_MAX >> 20);
	dump->notes_len += len;

	while (!ret && len - at >= 12) {
		name_len = dump_32(notes + at);
		desc_len = dump_32(notes + at + 4);
		name = at + 12;
		desc = name + (((__u64)name_len + 3) & ~3ULL);
		if (desc > len || desc_len > len - desc)
			break;
		if (is_named(notes + name, name_len, "QEMU"))
			ret = qemu_note(dump, notes + desc, desc_len);
		if (is_named(notes + name, name_len, "CORE")) {
			type = dump_32(notes + at + 8);
			dump->process |= type == NT_AUXV;
			if (type == NT_PRSTATUS)
				ret = prstatus_note(dump, notes + desc, desc_len);
		}
		if (is_named(notes + name, name_len, "VMCOREINFO") && !dump->vmcoreinfo) {
			dump->vmcoreinfo = (const char *)notes + desc;
			dump->vmcoreinfo_len = desc_len;
		}
		at = desc + (((__u64)desc_len + 3) & ~3ULL);
		if (at > len)
			break;
	}
	return ret;
}

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * 1000000000 + (__u64)ts.tv_nsec;
}

int dump_progress(struct dump *dump, const char *what, __u64 done, __u64 all)
{
	__u64 time;

	if (!dump->how.progress)
		return 0;
	time = now();
	if (!dump->told)
		dump->told = time;
	if (time - dump->told < 1000000000)
		return 0;
	dump->told = time;
	return dump->how.progress(dump->how.ctx, what, done, all) ? -ECANCELED : 0;
}

#define FORGET	(64ULL << 20)

void dump_forget(struct dump *dump, __u64 bytes)
{
	dump->passed += bytes;
	if (dump->passed < FORGET)
		return;
	dump->passed = 0;
	if (dump->lent)
		return;
	madvise((void *)dump->data, dump->size, MADV_DONTNEED);
}

int dump_scanned(struct dump *dump, __u64 at)
{
	dump_forget(dump, at - dump->scanned);
	dump->scanned = at;
	return dump_progress(dump, "reading where memory lies", at, dump->size);
}

static void file_unmap(struct dump *dump)
{
	if (dump->data && !dump->lent)
		munmap((void *)dump->data, dump->size);
	if (dump->fd >= 0)
		close(dump->fd);
	dump->fd = -1;
	dump->data = NULL;
	dump->size = 0;
	dump->lent = false;
}

int dump_map(struct dump *dump, int fd)
{
	struct stat st;
	void *data = NULL;
	int ret = 0;

	file_unmap(dump);
	dump->fd = fd;
	if (fstat(fd, &st) < 0)
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -ESPIPE;
	else if (st.st_size)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (data == MAP_FAILED) {
		ret = -errno;
	} else if (data) {
		dump->data = data;
		dump->size = (__u64)st.st_size;
	}
	return ret;
}

void dump_close(struct dump *dump)
{
	if (!dump)
		return;
	if (dump->ops)
		dump->ops->free(dump);
	if (dump->pages)
		munmap(dump->pages, DUMP_CACHE_PAGES * DUMP_PAGE);
	file_unmap(dump);
	free(dump->extents);
	free(dump->memory);
	free(dump->cpus);
	free(dump->pids);
	free(dump->gpas);
	free(dump->slots);
	free(dump);
}

int dump_codec(struct dump *dump, const struct codec *codec, const char *name,
	       const unsigned char *packed, size_t len, void *to, size_t room)
{
	if (!codec_there(codec))
		dump->lacks = name;
	else if (codec->page(packed, len, to, room) == (ssize_t)room)
		return 0;
	dump->damaged = true;
	return -EIO;
}
