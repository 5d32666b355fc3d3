// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The main job, seen: the memory of a stopped Linux guest is registered with
 * the module, its CR3 adopted, its space walked, addresses translated, a range
 * mapped into it and found again, and the dump in debugfs shown.
 *
 * story MEMORY CR3
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

#include "libvmem.h"

#define POOL_LEN	(2UL << 20)
#define OUR_VA		0x7e0000000000ULL
#define OUR_LEN		(64UL << 10)
#define CR3_ADDR	0x000ffffffffff000ULL

struct story {
	struct vmem_guest *guest;
	const char *memory;	/* the guest's, mapped here */
	__u64 len;
	__u64 cr3;
	__u32 space;
	__u64 owned_gpa;
	char *owned;
};

static void must(int ret, const char *what)
{
	errno = -ret;
	if (ret < 0)
		err(1, "%s", what);
}

static void story_register(struct story *story, const char *path)
{
	struct vmem_ioc_region_create user = {
		.size	= sizeof(user),
		.kind	= VMEM_IOC_REGION_USER,
	};
	struct vmem_ioc_region_create owned = {
		.size	= sizeof(owned),
		.kind	= VMEM_IOC_REGION_OWNED,
		.len	= POOL_LEN,
	};
	struct stat st;
	void *addr;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	story->len = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &story->len))
		err(1, "%s", path);
	/* private: what is mapped into the guest's tables stays out of the file */
	addr = mmap(NULL, story->len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (addr == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	story->memory = addr;

	user.len = story->len;
	user.user_addr = (unsigned long)addr;
	must(vmem_region_create(story->guest, &user), "REGION_CREATE");
	story->owned_gpa = story->len;
	owned.gpa = story->owned_gpa;
	must(vmem_region_create(story->guest, &owned), "REGION_CREATE, owned");
	must(vmem_region_mmap(story->guest, owned.out_mmap_offset, POOL_LEN,
			      PROT_READ | PROT_WRITE, &addr), "mmap");
	story->owned = addr;
	printf("registered: %llu MiB of guest memory, and %lu MiB of the module's own at 0x%llx\n",
	       story->len >> 20, POOL_LEN >> 20, story->owned_gpa);
}

static void story_adopt(struct story *story)
{
	struct vmem_ioc_range half = {
		.gpa	= story->owned_gpa,
		.len	= POOL_LEN / 2,
	};
	struct vmem_ioc_pool_create pool = {
		.size		= sizeof(pool),
		.ranges		= (unsigned long)&half,
		.nr_ranges	= 1,
	};
	struct vmem_ioc_space_create space = {
		.size	= sizeof(space),
		.format	= VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.root	= story->cr3 & CR3_ADDR,
	};

	must(vmem_pool_create(story->guest, &pool), "POOL_CREATE");
	space.pool = pool.out_id;
	must(vmem_space_create(story->guest, &space), "SPACE_CREATE");
	story->space = space.out_id;
	printf("adopted: CR3 0x%llx, its root at 0x%llx; %llu pages for new tables\n\n",
	       story->cr3, space.out_root, pool.out_capacity);
}

static struct vmem_ioc_result story_translate(struct story *story, __u64 va)
{
	struct vmem_ioc_result result = {};
	struct vmem_ioc_translate arg = {
		.size		= sizeof(arg),
		.space		= story->space,
		.nr		= 1,
		.vas		= (unsigned long)&va,
		.results	= (unsigned long)&result,
	};

	must(vmem_space_translate(story->guest, &arg), "TRANSLATE");
	if (result.status == VMEM_IOC_OK)
		printf("  0x%016llx -> 0x%09llx  %u KiB page, level %u\n", va,
		       result.gpa, 1U << (result.page_lg2 - 10), result.level);
	else
		printf("  0x%016llx -> not mapped, level %u\n", va, result.level);
	return result;
}

/* The guest's kernel says what it is in its read-only data. Return: here? */
static int story_banner(struct story *story, const struct vmem_ioc_record *rec)
{
	static const char banner[] = "Linux version ";
	const char *at;

	if (rec->flags & VMEM_IOC_REC_OUTSIDE || rec->gpa + rec->len > story->len ||
	    rec->effective & (VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_U))
		return 0;
	at = memmem(story->memory + rec->gpa, rec->len, banner, strlen(banner));
	if (!at || at[strlen(banner)] < '0' || at[strlen(banner)] > '9')
		return 0;
	printf("the guest's kernel, read through its own tables:\n");
	story_translate(story, rec->va + (at - (story->memory + rec->gpa)));
	printf("  \"%.60s...\"\n\n", at);
	return 1;
}

/* Walk the whole space. Return: the leaves of ours that were found. */
static __u64 story_walk(struct story *story, int quiet)
{
	struct vmem_ioc_walk_create arg = {
		.size	= sizeof(arg),
		.spaces	= (unsigned long)&story->space,
		.nr	= 1,
		.last	= ~0ULL,
	};
	__u64 extents = 0, refs = 0, bytes = 0, wx = 0, ours = 0, user = 0;
	struct vmem_ioc_record records[256];
	struct vmem_walker *walker;
	int i, nr, told = quiet;

	must(vmem_walk_create(story->guest, &arg, &walker), "WALK_CREATE");
	while ((nr = vmem_walk_read(walker, records, 256)) > 0) {
		for (i = 0; i < nr; i++) {
			struct vmem_ioc_record *rec = &records[i];

			if (rec->type == VMEM_IOC_REC_REFERENCE)
				refs++;
			if (rec->type == VMEM_IOC_REC_END && !quiet)
				printf("walked: %llu leaves in %llu extents, %llu MiB mapped (%llu MiB for user mode), %llu references to tables met before, %llu malformed entries\n",
				       (__u64)rec->leaves, extents, bytes >> 20,
				       user >> 20, refs, (__u64)rec->bad);
			if (rec->type != VMEM_IOC_REC_MAPPING)
				continue;
			extents++;
			bytes += rec->len;
			user += rec->effective & VMEM_IOC_ATTR_U ? rec->len : 0;
			wx += (rec->effective & (VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X)) ==
			      (VMEM_IOC_ATTR_W | VMEM_IOC_ATTR_X);
			if (rec->va == OUR_VA)
				ours = rec->len >> 12;
			if (!told)
				told = story_banner(story, rec);
		}
	}
	must(nr, "read of the walk");
	vmem_walk_close(walker);
	if (!quiet)
		printf("        %llu extents that are writable and executable\n\n", wx);
	return ours;
}

static void story_map(struct story *story)
{
	struct vmem_ioc_mapping mapping = {
		.va	= OUR_VA,
		.gpa	= story->owned_gpa + POOL_LEN / 2,
		.len	= OUR_LEN,
		.kind	= VMEM_IOC_KIND_BASIC,
		.attrs	= VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_W,
	};
	struct vmem_ioc_map map = {
		.size		= sizeof(map),
		.space		= story->space,
		.nr		= 1,
		.mappings	= (unsigned long)&mapping,
	};
	struct vmem_ioc_unmap unmap = {
		.size	= sizeof(unmap),
		.space	= story->space,
		.start	= OUR_VA,
		.last	= OUR_VA + OUR_LEN - 1,
	};
	struct vmem_ioc_result result;
	const char *page;

	printf("a range mapped into the guest's space, and found again:\n");
	result = story_translate(story, OUR_VA);
	if (result.status != VMEM_IOC_NOT_PRESENT)
		errx(1, "0x%llx is in use", OUR_VA);
	strcpy(story->owned + POOL_LEN / 2, "written by the VMM");
	must(vmem_space_map(story->guest, &map), "MAP");
	result = story_translate(story, OUR_VA);
	if (result.status != VMEM_IOC_OK || result.gpa != mapping.gpa)
		errx(1, "MAP and TRANSLATE disagree");
	page = story->owned + (result.gpa - story->owned_gpa);
	printf("  there: \"%s\"; the walk finds %llu pages of it\n", page,
	       story_walk(story, 1));
	if (story_walk(story, 1) != OUR_LEN >> 12)
		errx(1, "MAP and the walk disagree");

	must(vmem_space_unmap(story->guest, &unmap), "UNMAP");
	printf("  unmapped: %llu pages; vCPUs are to flush %s before generation %llu is told as flushed\n\n",
	       (__u64)unmap.change.out_pages,
	       unmap.change.out_flush == VMEM_IOC_FLUSH_ALL ? "everything" : "the range",
	       (__u64)unmap.change.out_generation);
	result = story_translate(story, OUR_VA);
	if (result.status != VMEM_IOC_NOT_PRESENT)
		errx(1, "UNMAP and TRANSLATE disagree");
}

static void story_dump(void)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "cd /sys/kernel/debug/vmem/%d-* && echo \"# $PWD/summary\" && cat summary && echo \"# $PWD/spaces, its first lines\" && head -n 24 spaces",
		 getpid());
	fflush(stdout);
	if (system(command))
		errx(1, "no dump in debugfs");
}

int main(int argc, char **argv)
{
	struct story story = {};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3)
		errx(2, "usage: story MEMORY CR3");
	story.cr3 = strtoull(argv[2], NULL, 0);
	must(vmem_open(NULL, &story.guest), "/dev/vmem");
	story_register(&story, argv[1]);
	story_adopt(&story);
	story_walk(&story, 0);
	story_map(&story);
	story_dump();
	vmem_close(story.guest);
	return 0;
}
