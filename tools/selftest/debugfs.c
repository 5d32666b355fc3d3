// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dumps in debugfs, parsed back: they are equal to the records of a walk.
 * And whoever reads them holds up nobody.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"
#include "uffd.h"

#define ROOT	"/sys/kernel/debug/vmem"
#define LEN	(8 * MIB)

/* The directory of this process's guest; there is only one. */
static bool find_dir(char *dir, size_t len)
{
	char prefix[32];
	struct dirent *entry;
	bool found = false;
	DIR *d = opendir(ROOT);

	ASSERT(d);
	snprintf(prefix, sizeof(prefix), "%d-", getpid());
	while ((entry = readdir(d))) {
		if (!strncmp(entry->d_name, prefix, strlen(prefix))) {
			snprintf(dir, len, ROOT "/%s", entry->d_name);
			found = true;
		}
	}
	closedir(d);
	return found;
}

static int dump_open(const char *name)
{
	char dir[512], path[600];
	int fd;

	ASSERT(find_dir(dir, sizeof(dir)));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	ASSERT(fd >= 0);
	return fd;
}

static char *dump_read(const char *name)
{
	int fd = dump_open(name);
	size_t len = 0, room = MIB;
	char *text = malloc(room + 1);
	ssize_t got;

	ASSERT(text);
	while ((got = read(fd, text + len, room - len)) > 0) {
		len += got;
		if (room - len < MIB / 2) {
			room *= 2;
			text = realloc(text, room + 1);
			ASSERT(text);
		}
	}
	ASSERT_EQ(got, 0);
	text[len] = '\0';
	close(fd);
	return text;
}

/* What a dump says: records, their space being an id. */
struct dump {
	struct records rs;
	u32 ids[64];
	u64 roots[64];
	u32 nr_ids;
};

static u64 value(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	if (!at) {
		ktap_fail(__FILE__, __LINE__, "no %s in: %s", key, line);
		ktap_give_up();
	}
	return strtoull(at + strlen(key), NULL, 0);
}

static u64 size_of(const char *word)
{
	char *unit;
	u64 n = strtoull(word, &unit, 10);

	switch (*unit) {
	case 'P':
		n <<= 10;
		/* fallthrough */
	case 'T':
		n <<= 10;
		/* fallthrough */
	case 'G':
		n <<= 10;
		/* fallthrough */
	case 'M':
		n <<= 10;
		/* fallthrough */
	case 'K':
		n <<= 10;
		break;
	default:
		EXPECT_EQ(*unit, '\0');
	}
	return n;
}

/* Letters in the order of the bits; PCD, PWT and PAT come as c, t, p. */
static u32 attrs_of(const char *word)
{
	static const char letters[] = "rwxugadctpC";
	size_t i;
	u32 attrs = 0;

	for (i = 0; letters[i]; i++) {
		if (word[i] != '-')
			EXPECT_EQ(word[i], letters[i]);
		if (word[i] == letters[i])
			attrs |= 1U << i;
	}
	return attrs | strtoul(word + i, NULL, 0) << VMEM_IOC_ATTR_KEY_SHIFT;
}

static u32 perms_of(const char *word)
{
	return (word[0] == 'r' ? R : 0) | (word[1] == 'w' ? W : 0) |
	       (word[2] == 'x' ? X : 0) | (word[3] == 'u' ? U : 0);
}

static u32 index_of_id(struct dump *d, u32 id)
{
	u32 i;

	for (i = 0; i < d->nr_ids; i++) {
		if (d->ids[i] == id)
			return i;
	}
	d->ids[d->nr_ids] = id;
	return d->nr_ids++;
}

static void parse_mapping(struct vmem_ioc_record *r, const char *rest)
{
	char size[32], page[32], perms[8], kind[16], leaf[32];
	unsigned long long gpa;
	u64 bytes;

	ASSERT_EQ(sscanf(rest, "%llx %31s %31s %7s %15s leaf=%31s", &gpa, size,
			 page, perms, kind, leaf), 6);
	r->type = VMEM_IOC_REC_MAPPING;
	r->gpa = gpa;
	EXPECT_EQ(size_of(size), r->len);
	for (bytes = size_of(page); bytes > 1; bytes /= 2)
		r->detail++;
	r->level = (r->detail - 12) / 9;
	r->leaf = attrs_of(leaf);
	r->effective = perms_of(perms);
	EXPECT_EQ(!strcmp(kind, "cow"), !!(r->leaf & VMEM_IOC_ATTR_COW));
	if (strstr(rest, " part"))
		r->flags |= VMEM_IOC_REC_PART;
	if (strstr(rest, " outside"))
		r->flags |= VMEM_IOC_REC_OUTSIDE;
}

static void parse_bad(struct vmem_ioc_record *r, const char *rest)
{
	r->type = VMEM_IOC_REC_BAD;
	r->gpa = value(rest, "table=");
	r->level = value(rest, "level=");
	if (!strncmp(rest, "bad reserved", 12))
		r->detail = VMEM_IOC_BAD_RESERVED;
	else if (!strncmp(rest, "bad outside", 11))
		r->detail = VMEM_IOC_BAD_OUTSIDE;
	else if (!strncmp(rest, "bad large", 9))
		r->detail = VMEM_IOC_BAD_LARGE;
}

static void parse_line(struct dump *d, const char *line, unsigned int levels)
{
	static u32 space;
	struct vmem_ioc_record r = {};
	unsigned long long va, last;
	int used = 0;
	const char *rest;

	if (!strncmp(line, "space ", 6)) {
		space = index_of_id(d, strtoul(line + 6, NULL, 10));
		d->roots[space] = value(line, "root=");
		return;
	}
	if (!strncmp(line, "end ", 4)) {
		r.type = VMEM_IOC_REC_END;
		r.detail = !strncmp(line, "end complete", 12) ?
			VMEM_IOC_END_COMPLETE : VMEM_IOC_END_CAP;
		r.leaves = value(line, "leaves=");
		r.refs = value(line, "refs=");
		r.bad = value(line, "bad=");
		records_add(&d->rs, &r);
		return;
	}
	if (sscanf(line, "%llx-%llx %n", &va, &last, &used) < 2 || !used) {
		ktap_fail(__FILE__, __LINE__, "what is this? %s", line);
		ktap_give_up();
	}
	rest = line + used;
	r.space = space;
	r.va = va;
	r.len = last - va + 1;
	r.path = value(rest, "path=");
	r.entry = value(rest, "entry=");
	if (!strncmp(rest, "->", 2)) {
		r.type = VMEM_IOC_REC_REFERENCE;
		r.owner = index_of_id(d, value(rest, "space "));
		r.their_va = value(rest, "va=");
		r.detail = value(rest, "depth=");
		r.level = levels - r.detail;
	} else if (!strncmp(rest, "absent", 6)) {
		r.type = VMEM_IOC_REC_ABSENT;
		r.gpa = value(rest, "table=");
		r.level = value(rest, "level=");
	} else if (!strncmp(rest, "bad", 3)) {
		parse_bad(&r, rest);
	} else {
		parse_mapping(&r, rest);
	}
	records_add(&d->rs, &r);
}

static struct dump parse(const char *name, unsigned int levels)
{
	char *text = dump_read(name), *line, *save;
	struct dump d = {};

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		parse_line(&d, line, levels);
	free(text);
	return d;
}

static struct records walk_of(int fd, const u32 *ids, u32 nr, u32 flags)
{
	int walk = ASSERT_OK(walk_create(fd, ids, nr, 0, ~0ULL, flags, 0, 0));
	struct records rs = walk_read(walk, 0);

	close(walk);
	return rs;
}

/* The dump @name is what a walk of these spaces tells. */
static void check_dump(struct guest *g, const char *name, const u32 *ids,
		       u32 nr)
{
	struct records rs = walk_of(g->fd, ids, nr,
				    VMEM_IOC_WALK_RESIDENT_ONLY);
	struct dump d = parse(name, levels_of(g->format));
	u32 i;

	ASSERT_EQ(d.nr_ids, nr);
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(d.ids[i], ids[i]);
		EXPECT_EQ(d.roots[i], space_root(g->fd, ids[i]));
	}
	EXPECT(records_equal(&rs, &d.rs));
	records_free(&rs);
	records_free(&d.rs);
}

static void make_resident(struct guest *g, const u32 *ids, u32 nr)
{
	struct records rs = walk_of(g->fd, ids, nr, 0);

	EXPECT_EQ(rs.err, 0);
	records_free(&rs);
}

static void dump_tree(u32 format)
{
	struct guest g;
	char name[32];
	u32 id;

	guest_init(&g, format, LEN);
	guest_tree(&g, true);
	id = ASSERT_OK(space_adopt(g.fd, format, 0, g.root));
	snprintf(name, sizeof(name), "space-%u", id);
	/* Nobody has looked at anything: all is absent, and stays so. */
	check_dump(&g, "spaces", &id, 1);
	check_dump(&g, name, &id, 1);
	make_resident(&g, &id, 1);
	check_dump(&g, "spaces", &id, 1);
	check_dump(&g, name, &id, 1);
	ASSERT(!madvise(guest_host(&g, g.root + PAGE), 40 * PAGE,
			MADV_DONTNEED));
	check_dump(&g, "spaces", &id, 1);
}

static void dump_4level(void)
{
	dump_tree(FMT4);
}

static void dump_5level(void)
{
	dump_tree(FMT5);
}

static void dump_shared(u32 format)
{
	struct guest g;
	u32 ids[4], i;
	u64 root;

	guest_init(&g, format, LEN);
	guest_tree(&g, true);
	ids[0] = ASSERT_OK(space_adopt(g.fd, format, 0, g.root));
	for (i = 1; i < 3; i++) {
		root = guest_page(&g);
		memcpy(guest_host(&g, root), guest_host(&g, g.root), 300 * i);
		entry_set(&g, root, 200, entry_get(&g, g.root, 0));
		ids[i] = ASSERT_OK(space_adopt(g.fd, format, 0, root));
	}
	ids[3] = ASSERT_OK(space_adopt(g.fd, format, 0, g.root));
	make_resident(&g, ids, 4);
	check_dump(&g, "spaces", ids, 4);
}

static void dump_shared_4level(void)
{
	dump_shared(FMT4);
}

static void dump_shared_5level(void)
{
	dump_shared(FMT5);
}

static void dump_hostile(u32 format)
{
	u64 seed = seed_pick(), at, entry;
	struct guest g;
	u32 id;

	guest_init(&g, format, 16 * PAGE);
	for (at = 0; at < g.len; at += 8) {
		entry = rnd(&seed);
		if (entry % 3)
			entry = (entry & ~X86_ADDR) |
				(g.gpa + rnd(&seed) % 17 * PAGE);
		*(u64 *)(g.mem + at) = entry;
	}
	g.root = g.gpa;
	id = ASSERT_OK(space_adopt(g.fd, format, 0, g.root));
	make_resident(&g, &id, 1);
	check_dump(&g, "spaces", &id, 1);
}

static void dump_hostile_4level(void)
{
	dump_hostile(FMT4);
}

static void dump_hostile_5level(void)
{
	dump_hostile(FMT5);
}

/* The summary counts what the walk tells. */
static u64 summary_of(const char *text, const char *key)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "%s: ", key);
	at = strstr(text, line);
	if (!at) {
		ktap_fail(__FILE__, __LINE__, "no %s in the summary: %s", key,
			  text);
		return ~0ULL;
	}
	return strtoull(at + strlen(line), NULL, 0);
}

static void summary(void)
{
	u64 sizes[3] = {}, i, bad = 0;
	struct records rs;
	struct model m;
	struct guest g;
	char key[32], *text;
	u32 id;

	guest_init(&g, FMT4, LEN);
	guest_tree(&g, true);
	ASSERT_OK(region_owned(g.fd, GIB, MIB, NULL));
	id = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	make_resident(&g, &id, 1);
	model_init(&m, &g);
	model_walk(&m, 0, ~0ULL, VMEM_IOC_WALK_LEAVES);
	rs = m.out;
	for (i = 0; i < rs.nr; i++) {
		/* one in parts is counted once */
		if (rs.r[i].type == VMEM_IOC_REC_MAPPING &&
		    (!(rs.r[i].flags & VMEM_IOC_REC_PART) ||
		     !(rs.r[i].gpa & (entry_span(rs.r[i].level) - 1))))
			sizes[rs.r[i].level]++;
		bad += rs.r[i].type == VMEM_IOC_REC_BAD;
	}
	text = dump_read("summary");
	EXPECT_EQ(summary_of(text, "regions"), 2);
	EXPECT_EQ(summary_of(text, "spaces"), 1);
	EXPECT_EQ(summary_of(text, "tables_level_3"), 1);
	for (i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "leaves_%llu",
			 (unsigned long long)entry_span(i));
		EXPECT_EQ(summary_of(text, key), sizes[i]);
	}
	/* Every line is a key and a value. */
	for (text = strtok(text, "\n"); text; text = strtok(NULL, "\n"))
		EXPECT(strstr(text, ": "));
}

/* Each table is counted at its level, however the vCPU reads it. */
static void summary_of_facts(void)
{
	static const u32 facts[] = {
		0, VMEM_IOC_SPACE_NXE_OFF, VMEM_IOC_SPACE_AMD, VMEM_IOC_SPACE_NO_1G,
		VMEM_IOC_SPACE_CET, VMEM_IOC_SPACE_NXE_OFF | VMEM_IOC_SPACE_AMD |
		VMEM_IOC_SPACE_NO_1G | VMEM_IOC_SPACE_CET,
	};
	struct vmem_ioc_space_create create;
	unsigned int i, level;
	struct guest g;
	char key[32], *text;
	u32 id;

	guest_init(&g, FMT4, LEN);
	for (level = 0; level < 4; level++)
		*(u64 *)guest_host(&g, GUEST_GPA + level * PAGE) =
			(GUEST_GPA + (level + 1) * PAGE) | 3;
	for (i = 0; i < ARRAY_SIZE(facts); i++) {
		create = (struct vmem_ioc_space_create){
			.size = sizeof(create), .flags = facts[i], .format = FMT4,
			.root = GUEST_GPA, .phys_bits = 40, .enc_bit = i % 2 ? 47 : 0,
		};
		id = ASSERT_OK(space_create(g.fd, &create));
		make_resident(&g, &id, 1);
		text = dump_read("summary");
		for (level = 0; level < 4; level++) {
			snprintf(key, sizeof(key), "tables_level_%u", level);
			EXPECT_EQ(summary_of(text, key), 1);
		}
		free(text);
		EXPECT_EQ(destroy(g.fd, id), 0);
	}
}

static void modes(void)
{
	static const char * const names[] = { "summary", "spaces" };
	char dir[512], path[600];
	struct stat st;
	struct guest g;
	size_t i;

	guest_init(&g, FMT4, MIB);
	ASSERT(find_dir(dir, sizeof(dir)));
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		ASSERT(!stat(path, &st));
		EXPECT_EQ(st.st_mode & 07777, 0400);
	}
}

/* Files come with a space, and go with it; the directory with the guest. */
static void files_come_and_go(void)
{
	char dir[512], path[600];
	struct stat st;
	struct guest g;
	u32 id;

	guest_init(&g, FMT4, MIB);
	id = ASSERT_OK(space_adopt(g.fd, FMT4, 0, guest_root(&g)));
	ASSERT(find_dir(dir, sizeof(dir)));
	snprintf(path, sizeof(path), "%s/space-%u", dir, id);
	ASSERT(!stat(path, &st));
	EXPECT_EQ(st.st_mode & 07777, 0400);
	ASSERT_OK(destroy(g.fd, id));
	EXPECT(stat(path, &st) < 0);
	ASSERT(!stat(dir, &st));
	close(g.fd);
	EXPECT(stat(dir, &st) < 0);
}

/* A reader who began while the guest lived, and goes on after its end. */
static void reader_outlives_guest(void)
{
	char buf[64];
	struct guest g;
	u32 id;
	int fd;

	guest_init(&g, FMT4, LEN);
	guest_tree(&g, false);
	id = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	make_resident(&g, &id, 1);
	fd = dump_open("spaces");
	ASSERT(read(fd, buf, sizeof(buf)) > 0);
	close(g.fd);
	/* What it answers is its own business, as long as it ends. */
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
}

static void read_forever(void *arg)
{
	char buf[4096];
	int fd = *(int *)arg;

	for (;;) {
		if (read(fd, buf, sizeof(buf)) <= 0)
			lseek(fd, 0, SEEK_SET);
	}
}

static void reader_killed(void)
{
	struct guest g;
	int fd, status, i;
	u64 seed = 5, at;
	pid_t pid;
	u32 id;

	/* Many references: a long dump. */
	guest_init(&g, FMT5, 64 * PAGE);
	for (at = 0; at < g.len; at += 8)
		*(u64 *)(g.mem + at) = (g.gpa + rnd(&seed) % 64 * PAGE) |
			X86_TABLE;
	id = ASSERT_OK(space_adopt(g.fd, FMT5, 0, g.gpa));
	make_resident(&g, &id, 1);
	fd = dump_open("spaces");
	for (i = 0; i < 10; i++) {
		pid = fork();
		ASSERT(pid >= 0);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			read_forever(&fd);
		}
		nap_ms(10 + 10 * i);
		kill(pid, SIGKILL);
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT(WIFSIGNALED(status));
	}
	check_dump(&g, "spaces", &id, 1);
}

/* A reader that hangs in a fault of its own buffer. */
static void reader_hangs(void)
{
	struct vmem_ioc_result result;
	char dir[512];
	struct stat st;
	struct guest g;
	int fd, status;
	pid_t pid;
	u32 id;
	u8 *buf;

	guest_init(&g, FMT4, LEN);
	guest_tree(&g, false);
	id = ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	make_resident(&g, &id, 1);
	ASSERT(find_dir(dir, sizeof(dir)));
	fd = dump_open("spaces");
	pid = fork();
	ASSERT(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(g.fd);
		buf = uffd_nobody(PAGE);
		if (read(fd, buf, PAGE))
			_exit(1);
		_exit(2);
	}
	close(fd);
	ASSERT(wait_until(task_sleeps_at, &pid));
	/* Everybody else goes on, up to the end of the guest. */
	ASSERT_OK(translate(g.fd, id, 0, &result));
	ASSERT_OK(space_adopt(g.fd, FMT4, 0, g.root));
	check_dump(&g, "spaces", (u32[]){ id, id + 1 }, 2);
	ASSERT_OK(destroy(g.fd, id));
	close(g.fd);
	EXPECT(stat(dir, &st) < 0);
	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status));
}

/*
 * A guest ends while its summary is read, at any point of that: the reader does
 * so again and again, until another thread takes his processor away. What he
 * has in the end is whole, or it is told to him that the guest is gone.
 */

#define END_ROUNDS	75
#define END_REGIONS	40

struct end {
	int dump;
	u32 nap_us;
	volatile bool held, over;
	pthread_t reader, holder;
};

static void *end_reader(void *arg)
{
	struct end *e = arg;
	char text[2048];
	ssize_t got;

	pin(1);
	for (;;) {
		got = pread(e->dump, text, sizeof(text) - 1, 0);
		if (got < 0)
			break;
		text[got] = '\0';
		EXPECT_EQ(summary_of(text, "regions"), END_REGIONS);
		EXPECT_EQ(summary_of(text, "spaces"), 1);
	}
	EXPECT_EQ(errno, ENODEV);
	return NULL;
}

static void *end_holder(void *arg)
{
	struct sched_param param = { .sched_priority = 1 };
	struct end *e = arg;
	volatile u32 i;

	pin(1);
	ASSERT(!sched_setscheduler(0, SCHED_FIFO, &param));
	usleep(e->nap_us);
	e->held = true;
	/* The reader may have a lock that the guest's end waits for. */
	for (i = 0; i < 20000000 && !e->over; i++)
		;
	return NULL;
}

static void summary_at_end(void)
{
	u8 *mem = map_anon(PAGE);
	struct end e;
	u32 round, i;
	int fd;

	pin(0);
	for (round = 0; round < END_ROUNDS && !ktap_failed(); round++) {
		fd = dev_open();
		for (i = 0; i < END_REGIONS; i++)
			ASSERT_OK(region_user(fd, i * PAGE, mem, PAGE, 0));
		ASSERT_OK(space_adopt(fd, FMT5, 0, 0));
		e = (struct end){
			.dump = dump_open("summary"),
			.nap_us = 1000 + round * 331 % 1000,
		};
		ASSERT(!pthread_create(&e.reader, NULL, end_reader, &e));
		ASSERT(!pthread_create(&e.holder, NULL, end_holder, &e));
		while (!e.held)
			sched_yield();
		close(fd);
		e.over = true;
		pthread_join(e.holder, NULL);
		pthread_join(e.reader, NULL);
		close(e.dump);
	}
}

static const struct ktap_case cases[] = {
	CASE(dump_4level),
	CASE(dump_5level),
	CASE(dump_shared_4level),
	CASE(dump_shared_5level),
	CASE(dump_hostile_4level),
	CASE(dump_hostile_5level),
	CASE(summary),
	CASE(summary_of_facts),
	CASE(modes),
	CASE(files_come_and_go),
	CASE(reader_outlives_guest),
	CASE_IF(summary_at_end, two_cpus, "a second CPU"),
	CASE(reader_killed),
	CASE(reader_hangs),
};

int main(int argc, char **argv)
{
	return ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
}
