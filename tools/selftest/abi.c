// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shape of the calls: sizes that grow and shrink, what is reserved, what
 * isn't a call, outputs, 32-bit callers, and the limits that INFO tells.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "ktap.h"

static void number_unknown(void)
{
	static const unsigned long numbers[] = {
		_IO(VMEM_IOC_TYPE, NR_IOCTLS), _IO(VMEM_IOC_TYPE, 0x7f),
		_IO(VMEM_IOC_TYPE, 0xff), _IO('k', 0x00), 0, ~0U,
		_IOWR(VMEM_IOC_TYPE, 0x00, struct vmem_ioc_info),
		_IOR(VMEM_IOC_TYPE, 0x10, struct vmem_ioc_list),
	};
	struct vmem_ioc_info arg = { .size = sizeof(arg) };
	int fd = dev_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		EXPECT_ERR(vcall(fd, numbers[i], &arg), ENOTTY);
	/* A walk takes none of them. */
	EXPECT_ERR(vcall(fd, VMEM_IOC_INFO, &arg), 0);
}

static void number_of_walk(void)
{
	struct fixture fx;
	struct args args;
	int call;

	fixture_init(&fx);
	for (call = 0; call < NR_IOCTLS; call++) {
		args_init(&fx, call, &args);
		EXPECT_ERR(vcall(fx.walk, call_info[call].cmd, &args), ENOTTY);
	}
}

static void fixture_end(struct fixture *fx)
{
	close(fx->walk);
	close(fx->g.fd);
	munmap(fx->g.mem, fx->g.len);
	munmap(fx->frozen_mem, FX_SIDE_LEN);
	munmap(fx->unwritable_mem, FX_SIDE_LEN);
}

/* Each call in a guest of its own, as most change it. */
static void each_call(void (*fn)(struct fixture *, enum call))
{
	struct fixture fx;
	int call;

	for (call = 0; call < NR_IOCTLS; call++) {
		fixture_init(&fx);
		fn(&fx, call);
		fixture_end(&fx);
		if (ktap_failed())
			ktap_msg("call %s", call_info[call].name);
	}
}

static void valid(struct fixture *fx, enum call call)
{
	struct args args;

	args_init(fx, call, &args);
	EXPECT_ERR(call_by(fx->g.fd, call, &args), 0);
}

static void struct_exact(void)
{
	each_call(valid);
}

static void too_short(struct fixture *fx, enum call call)
{
	u32 sizes[] = { 0, 1, 4, 7, 8, call_info[call].first - 8,
			call_info[call].first - 1 };
	struct picture before = fixture_picture(fx), after;
	struct args args;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		args_init(fx, call, &args);
		args.size = sizes[i];
		EXPECT_ERR(call_by(fx->g.fd, call, &args), EINVAL);
	}
	after = fixture_picture(fx);
	EXPECT(picture_same(&before, &after));
}

static void struct_short(void)
{
	each_call(too_short);
}

/* One of the first version works, and nothing is written behind it. */
static void first_version(struct fixture *fx, enum call call)
{
	u32 first = call_info[call].first;
	struct args args;
	size_t i;

	args_init(fx, call, &args);
	args.size = first;
	memset(args.bytes + first, 0xa5, sizeof(args.bytes) - first);
	EXPECT_ERR(call_by(fx->g.fd, call, &args), 0);
	for (i = first; i < sizeof(args.bytes); i++)
		EXPECT_EQ(args.bytes[i], 0xa5);
}

static void struct_first_version(void)
{
	each_call(first_version);
}

/* Nor is it for one of any size between that and today's, also within a field. */
static void struct_between(void)
{
	struct fixture fx;
	struct args args;
	int call, tried = 0;
	size_t i;
	u32 size;

	for (call = 0; call < NR_IOCTLS; call++) {
		for (size = call_info[call].first; size < call_info[call].size; size += 4) {
			fixture_init(&fx);
			args_init(&fx, call, &args);
			args.size = size;
			memset(args.bytes + size, 0xa5, sizeof(args.bytes) - size);
			EXPECT_ERR(call_by(fx.g.fd, call, &args), 0);
			for (i = size; i < sizeof(args.bytes); i++)
				EXPECT_EQ(args.bytes[i], 0xa5);
			fixture_end(&fx);
			if (ktap_failed()) {
				ktap_msg("call %s, %u bytes", call_info[call].name, size);
				return;
			}
			tried++;
		}
	}
	/* five whose answer grew by 40 bytes, SPACE_GET by 16, TRANSLATE by 8 */
	EXPECT_EQ(tried, 5 * 10 + 4 + 2);
}

static void long_zero(struct fixture *fx, enum call call)
{
	struct args args;

	args_init(fx, call, &args);
	args.size = sizeof(args.bytes);
	EXPECT_ERR(call_by(fx->g.fd, call, &args), 0);
}

static void struct_long_zero_tail(void)
{
	each_call(long_zero);
}

static void long_not_zero(struct fixture *fx, enum call call)
{
	struct picture before = fixture_picture(fx), after;
	struct args args;

	args_init(fx, call, &args);
	args.size = sizeof(args.bytes);
	args.bytes[sizeof(args.bytes) - 1] = 1;
	EXPECT_ERR(call_by(fx->g.fd, call, &args), E2BIG);
	args_init(fx, call, &args);
	args.size = call_info[call].size + 1;
	args.bytes[call_info[call].size] = 0x80;
	EXPECT_ERR(call_by(fx->g.fd, call, &args), E2BIG);
	after = fixture_picture(fx);
	EXPECT(picture_same(&before, &after));
}

/* The longest that is taken, and what is over that. */
static void struct_longest(void)
{
	static union {
		struct vmem_ioc_info info;
		char bytes[8192];
	} arg;
	int fd = dev_open();

	arg.info.size = 4096;
	EXPECT_EQ(vcall(fd, VMEM_IOC_INFO, &arg), 0);
	EXPECT(arg.info.out_map_max);
	memset(&arg, 0, sizeof(arg));
	arg.info.size = 4097;
	EXPECT_EQ(vcall(fd, VMEM_IOC_INFO, &arg), -E2BIG);
	EXPECT_EQ(arg.info.out_map_max, 0);
	close(fd);
}

static void struct_long_other_tail(void)
{
	each_call(long_not_zero);
}

/* What comes behind the caller's struct is not touched. */
static void beyond(struct fixture *fx, enum call call)
{
	struct args args;
	size_t i;

	args_init(fx, call, &args);
	memset(args.bytes + args.size, 0x5a, sizeof(args.bytes) - args.size);
	EXPECT_ERR(call_by(fx->g.fd, call, &args), 0);
	for (i = args.size; i < sizeof(args.bytes); i++)
		EXPECT_EQ(args.bytes[i], 0x5a);
}

static void struct_nothing_behind(void)
{
	each_call(beyond);
}

static void flags(struct fixture *fx, enum call call)
{
	struct picture before = fixture_picture(fx), after;
	struct args args;

	args_init(fx, call, &args);
	args.flags |= 1U << 31;
	EXPECT_ERR(call_by(fx->g.fd, call, &args), EOPNOTSUPP);
	args_init(fx, call, &args);
	args.flags |= 1U << 16;
	EXPECT_ERR(call_by(fx->g.fd, call, &args), EOPNOTSUPP);
	if (call_info[call].reserved) {
		args_init(fx, call, &args);
		args.bytes[call_info[call].reserved + 3] = 1;
		EXPECT_ERR(call_by(fx->g.fd, call, &args), EOPNOTSUPP);
	}
	after = fixture_picture(fx);
	EXPECT(picture_same(&before, &after));
}

static void flags_and_reserved(void)
{
	each_call(flags);
}

/* Outputs: ignored on input, zero where a refused call has nothing to say. */
static void outputs_ignored_on_input(void)
{
	struct fixture fx;
	struct args args;

	fixture_init(&fx);
	args_init(&fx, POOL_STAT, &args);
	memset(&args.pool_stat.out_capacity, 0xff,
	       sizeof(args.pool_stat) -
	       offsetof(struct vmem_ioc_pool_stat, out_capacity));
	EXPECT_ERR(call_by(fx.g.fd, POOL_STAT, &args), 0);
	EXPECT_EQ(args.pool_stat.out_capacity, FX_POOL_LEN / PAGE);

	args_init(&fx, REGION_CREATE, &args);
	args.region_create.out_id = ~0U;
	args.region_create.out_mmap_offset = ~0ULL;
	EXPECT_ERR(call_by(fx.g.fd, REGION_CREATE, &args), 0);
	EXPECT(args.region_create.out_id != ~0U);
	EXPECT_EQ(args.region_create.out_mmap_offset, 0);
}

static void outputs_of_refusal(void)
{
	struct fixture fx;
	struct args args;

	fixture_init(&fx);
	args_init(&fx, REGION_CREATE, &args);
	args.region_create.gpa = GUEST_GPA;
	args.region_create.out_id = 77;
	EXPECT_ERR(call_by(fx.g.fd, REGION_CREATE, &args), EEXIST);
	EXPECT_EQ(args.region_create.out_id, 0);

	args_init(&fx, SPACE_GET, &args);
	args.space_get.id = 0xffffff;
	args.space_get.out_root = 77;
	args.space_get.out_generation = 77;
	EXPECT_ERR(call_by(fx.g.fd, SPACE_GET, &args), ENOENT);
	EXPECT_EQ(args.space_get.out_root, 0);
	EXPECT_EQ(args.space_get.out_generation, 0);

	args_init(&fx, MAP, &args);
	args.mappings[0].va = FX_VA;
	memset(&args.map.change, 0xff, sizeof(args.map.change));
	EXPECT_ERR(call_by(fx.g.fd, MAP, &args), EEXIST);
	EXPECT_EQ(args.map.change.out_done, 0);
	EXPECT_EQ(args.map.change.out_done_len, 0);
	EXPECT_EQ(args.map.change.out_pages, 0);
	EXPECT_EQ(args.map.change.out_changes, 0);
	EXPECT_EQ(args.map.change.out_flush, VMEM_IOC_FLUSH_NONE);
	EXPECT_EQ(args.map.change.out_at_va, FX_VA);
	EXPECT_EQ(args.map.change.out_at_level, 0);
}

/* An id is never 0, and not used again. */
static void ids_unique(void)
{
	struct guest g;
	u32 last, id;
	int i;

	guest_init(&g, FMT4, MIB);
	last = g.region;
	EXPECT(last != 0);
	for (i = 0; i < 200; i++) {
		id = ASSERT_OK(region_owned(g.fd, 2 * GIB, PAGE, NULL));
		EXPECT(id > last);
		EXPECT_ERR(destroy(g.fd, id), 0);
		EXPECT_ERR(destroy(g.fd, id), ENOENT);
		last = id;
	}
	/* Another guest knows nothing of them. */
	EXPECT_ERR(destroy(dev_open(), g.region), ENOENT);
}

static void info_limits(void)
{
	struct vmem_ioc_format formats[4] = {};
	struct vmem_ioc_info arg = {
		.size = sizeof(arg),
		.formats = (uintptr_t)formats,
		.nr_formats = 4,
	};
	int fd = dev_open();

	ASSERT_OK(vcall(fd, VMEM_IOC_INFO, &arg));
	EXPECT_EQ(arg.out_version, VMEM_IOC_VERSION);
	EXPECT_EQ(arg.out_rights, VMEM_IOC_RIGHT_READ |
		  VMEM_IOC_RIGHT_CHANGE | VMEM_IOC_RIGHT_MANAGE);
	EXPECT_EQ(arg.out_features,
		  VMEM_IOC_FEATURE_MAP | VMEM_IOC_FEATURE_COW |
		  VMEM_IOC_FEATURE_PATH | VMEM_IOC_FEATURE_PROTECT |
		  VMEM_IOC_FEATURE_LINK | VMEM_IOC_FEATURE_MOVABLE |
		  VMEM_IOC_FEATURE_ALONE | VMEM_IOC_FEATURE_FACTS |
		  VMEM_IOC_FEATURE_NONPRESENT | VMEM_IOC_FEATURE_MISSING |
		  VMEM_IOC_FEATURE_GROW | VMEM_IOC_FEATURE_DIRTY |
		  VMEM_IOC_FEATURE_SIZES | VMEM_IOC_FEATURE_PROMOTE |
		  VMEM_IOC_FEATURE_ATTRS | VMEM_IOC_FEATURE_MAKE |
		  VMEM_IOC_FEATURE_ACCESS);
	EXPECT(strnlen(arg.out_release, sizeof(arg.out_release)) > 0);
	EXPECT(strnlen(arg.out_release, sizeof(arg.out_release)) <
	       sizeof(arg.out_release));
	EXPECT(arg.out_region_len_max >= GIB);
	EXPECT(arg.out_regions_max >= 32);
	EXPECT(arg.out_pool_ranges_max >= 1);
	EXPECT(arg.out_pools_max >= 1);
	EXPECT(arg.out_spaces_max >= 64);
	EXPECT(arg.out_map_max >= 64);
	EXPECT(arg.out_translate_max >= 512);
	EXPECT(arg.out_list_max >= 64);
	EXPECT(arg.out_walk_spaces_max >= 64);
	EXPECT(arg.out_read_max >= 1);
	EXPECT(arg.out_seen_max >= 4096);
	EXPECT(arg.out_change_budget >= 4096);

	ASSERT_EQ(arg.out_nr_formats, 2);
	EXPECT_EQ(formats[0].id, FMT4);
	EXPECT_EQ(formats[0].levels, 4);
	EXPECT_EQ(formats[0].virt_bits, 48);
	EXPECT_EQ(formats[1].id, FMT5);
	EXPECT_EQ(formats[1].levels, 5);
	EXPECT_EQ(formats[1].virt_bits, 57);
	EXPECT_EQ(formats[0].phys_bits, 52);
	EXPECT_EQ(formats[0].page_sizes, BIT(12) | BIT(21) | BIT(30));
	EXPECT_EQ(formats[1].page_sizes, BIT(12) | BIT(21) | BIT(30));
	EXPECT_EQ(formats[0].map_page_sizes, formats[0].page_sizes);
	EXPECT(!strcmp(formats[0].name, "x86_64-4level"));
	EXPECT(!strcmp(formats[1].name, "x86_64-5level"));
}

static void info_formats_in_part(void)
{
	struct vmem_ioc_format formats[2];
	struct vmem_ioc_info arg = {
		.size = sizeof(arg),
		.formats = (uintptr_t)formats,
		.nr_formats = 1,
	};
	int fd = dev_open();

	memset(formats, 0x5a, sizeof(formats));
	ASSERT_OK(vcall(fd, VMEM_IOC_INFO, &arg));
	EXPECT_EQ(arg.out_nr_formats, 2);
	EXPECT_EQ(formats[0].id, FMT4);
	EXPECT_EQ(formats[1].id, 0x5a5a5a5a);
	arg.formats = 0;
	arg.nr_formats = 0;
	ASSERT_OK(vcall(fd, VMEM_IOC_INFO, &arg));
	EXPECT_EQ(arg.out_nr_formats, 2);
}

static void device_mode(void)
{
	struct stat st;

	ASSERT(!stat(VMEM_DEV, &st));
	EXPECT(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_mode & 0777, 0600);
	EXPECT_EQ(lseek(dev_open(), 1, SEEK_SET), -1);
	EXPECT_EQ(errno, ESPIPE);
}

static void list_resumed(void)
{
	struct vmem_ioc_item item, all[16];
	u32 cursor = 0, nr = 0;
	struct fixture fx;
	int got, whole;

	fixture_init(&fx);
	whole = ASSERT_OK(list_items(fx.g.fd, VMEM_IOC_LIST_REGIONS, 0, all, 16,
				     &cursor));
	EXPECT_EQ(cursor, 0);
	EXPECT_EQ(whole, 6);
	do {
		got = ASSERT_OK(list_items(fx.g.fd, VMEM_IOC_LIST_REGIONS,
					   cursor, &item, 1, &cursor));
		ASSERT_EQ(got, 1);
		ASSERT(nr < 16);
		EXPECT(!memcmp(&item, &all[nr], sizeof(item)));
		nr++;
	} while (cursor);
	EXPECT_EQ(nr, whole);
	/* objects of other kinds, which come behind them, are no more of these */
	EXPECT_EQ(list_items(fx.g.fd, VMEM_IOC_LIST_REGIONS, 0, all, (u32)whole, &cursor),
		  whole);
	EXPECT_EQ(cursor, 0);
	EXPECT_EQ(all[0].id, fx.g.region);
	EXPECT_EQ(all[0].kind, VMEM_IOC_REGION_USER);
	EXPECT_EQ(all[0].gpa, GUEST_GPA);
	EXPECT_EQ(all[0].len, FX_LEN);
	EXPECT_EQ(all[0].uses, 1);	/* a range of a pool */
	EXPECT_EQ(all[5].kind, VMEM_IOC_REGION_OWNED);
	EXPECT_EQ(all[5].offset, fx.owned_offset);
	ASSERT_EQ(list_items(fx.g.fd, VMEM_IOC_LIST_POOLS, 0, all, 16, NULL), 1);
	EXPECT_EQ(all[0].id, fx.pool);
	EXPECT_EQ(all[0].gpa, FX_POOL);
	EXPECT_EQ(all[0].len, FX_POOL_LEN / PAGE);
	ASSERT_EQ(list_items(fx.g.fd, VMEM_IOC_LIST_SPACES, 0, all, 16, NULL), 10);
	EXPECT_EQ(all[0].id, fx.space);
	EXPECT_EQ(all[0].kind, FMT4);
	EXPECT_EQ(all[0].pool, fx.pool);
	EXPECT_EQ(all[0].gpa, FX_POOL);
	EXPECT_EQ(all[1].kind, FMT5);
	EXPECT_EQ(all[2].id, fx.owner);
	EXPECT_EQ(all[3].gpa, fx.g.root);
	EXPECT_EQ(all[9].flags, VMEM_IOC_SPACE_MOVABLE);
}

/*
 * The 32-bit way in, as a 32-bit process calls it. All pointers are below
 * 4 GiB.
 */
static int compat_ioctl(int fd, unsigned int cmd, void *arg)
{
	int ret;

	asm volatile("int $0x80" : "=a" (ret)
		     : "a" (54), "b" (fd), "c" (cmd), "d" ((unsigned int)(uintptr_t)arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static bool compat_here(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		compat_ioctl(-1, 0, NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status);
}

static void compat_calls(void)
{
	struct args *args = mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct vmem_ioc_record record;
	struct fixture fx;
	int call;

	ASSERT(args != MAP_FAILED);
	for (call = 0; call < NR_IOCTLS; call++) {
		fixture_init(&fx);
		args_init(&fx, call, args);
		EXPECT_ERR(compat_ioctl(fx.g.fd, call_info[call].cmd, args),
			   0);
		switch (call) {
		case INFO:
			EXPECT_EQ(args->formats[1].id, FMT5);
			break;
		case SPACE_GET:
			EXPECT_EQ(args->space_get.out_root, FX_POOL);
			break;
		case MAP:
			EXPECT_EQ(args->map.change.out_pages, 8);
			break;
		case PROTECT:
			EXPECT_EQ(args->protect.change.out_pages, 4);
			break;
		case LINK:
			EXPECT_EQ(args->link.change.out_done, 1);
			break;
		case TRANSLATE:
			EXPECT_EQ(args->results[1].gpa, FX_DATA + PAGE);
			break;
		case WALK_CREATE:
			EXPECT_EQ(read(args->walk_create.out_fd, &record,
				       sizeof(record)), sizeof(record));
			break;
		case LIST:
			EXPECT_EQ(args->list.out_nr, 6);
			break;
		}
		close(fx.g.fd);
	}
	EXPECT_ERR(compat_ioctl(dev_open(), _IO(VMEM_IOC_TYPE, NR_IOCTLS), args),
		   ENOTTY);
}

static const struct ktap_case cases[] = {
	CASE(number_unknown),
	CASE(number_of_walk),
	CASE(struct_exact),
	CASE(struct_short),
	CASE(struct_first_version),
	CASE(struct_between),
	CASE(struct_long_zero_tail),
	CASE(struct_long_other_tail),
	CASE(struct_longest),
	CASE(struct_nothing_behind),
	CASE(flags_and_reserved),
	CASE(outputs_ignored_on_input),
	CASE(outputs_of_refusal),
	CASE(ids_unique),
	CASE(info_limits),
	CASE(info_formats_in_part),
	CASE(device_mode),
	CASE(list_resumed),
	CASE_IF(compat_calls, compat_here, "32-bit system calls"),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
