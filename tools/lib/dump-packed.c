// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Files that are packed as a whole: what is in them goes to a temporary file, which has
 * no name and ends with the dump.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "dump.h"

#define BLOCK	(1U << 20)

/**
 * struct packed - a file on its way
 * @dump:	that it is of
 * @fd:		the temporary file
 * @dir:	where that is
 * @done:	bytes that came out
 * @max:	that may
 */
struct packed {
	struct dump *dump;
	int fd;
	const char *dir;
	__u64 done;
	__u64 max;
};

static int temporary(struct packed *p)
{
	const char *dir = p->dump->how.tmpdir ?: getenv("TMPDIR");
	struct statvfs fs;
	struct rlimit limit;

	p->dir = dir && *dir ? dir : "/tmp";
	p->fd = open(p->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return dump_fail(p->dump, "is compressed, and there can be no temporary file in %s: %s",
				 p->dir, strerror(errno));
	p->max = p->dump->how.tmp_max;
	if (!p->max && !fstatvfs(p->fd, &fs))
		p->max = (__u64)fs.f_bavail * fs.f_frsize / 2;
	/* beyond it a write is a signal that ends the process */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur < p->max)
		p->max = limit.rlim_cur;
	return 0;
}

/* Zeros are left out: they take no room, and are there all the same. */
static int put(struct packed *p, const unsigned char *block, size_t len)
{
	static const unsigned char zeros[BLOCK];
	size_t done = 0;
	ssize_t nr;

	if (len > p->max - p->done)
		return dump_fail(p->dump, "is compressed, and unpacked larger than the %llu bytes that it may have in %s",
				 p->max, p->dir);
	while (done < len && memcmp(block, zeros, len)) {
		nr = pwrite(p->fd, block + done, len - done, (off_t)(p->done + done));
		if (nr < 0 && errno != EINTR)
			return dump_fail(p->dump, "is compressed, and can't be unpacked to %s: %s",
					 p->dir, strerror(errno));
		done += nr > 0 ? (size_t)nr : 0;
	}
	p->done += len;
	return dump_progress(p->dump, "unpacking", p->done, 0);
}

/* Return: 0, at the end of the file, or as dump_unpack(). */
static int unpack(struct packed *p, const struct codec *codec, unsigned char *block)
{
	struct codec_stream s = { .in = p->dump->data, .in_len = p->dump->size };
	const unsigned char *end = s.in + s.in_len;
	bool full = false;
	int ret = codec->open(&s);

	if (ret)
		return ret;
	/* a block that is full may not be all that came of it */
	while (!ret && (s.in < end || full)) {
		s.in_len = end - s.in < BLOCK ? (size_t)(end - s.in) : BLOCK;
		s.out = block;
		s.out_len = BLOCK;
		ret = codec->step(&s);
		full = !s.out_len;
		if (ret == -E2BIG)
			ret = dump_fail(p->dump, "is compressed by %s with a window of more than 128 MiB: unpack it first, by `zstd -d --long=31'",
					codec->name);
		if (ret == -EIO && !p->done && s.out_len == BLOCK)
			ret = dump_fail(p->dump, "begins as what %s packs, and is damaged",
					codec->name);
		else if (ret == -EIO)
			break;
		if (!ret)
			ret = put(p, block, BLOCK - s.out_len);
	}
	codec->close(&s);
	if (!p->done && (!ret || ret == -EIO))
		return dump_fail(p->dump, "is compressed by %s, and nothing comes of it",
				 codec->name);
	/* or what it was packed in was */
	p->dump->broken |= ret == -EIO;
	p->dump->cut |= ret == -EIO || !s.ended;
	return ret == -EIO ? 0 : ret;
}

int dump_unpack(struct dump *dump, const struct codec *codec)
{
	struct packed p = { .dump = dump };
	unsigned char *block;
	int ret;

	if (!codec_there(codec))
		return dump_fail(dump, "is compressed, and libvmem was built without what unpacks it");
	ret = temporary(&p);
	if (ret)
		return ret;
	block = malloc(BLOCK);
	ret = block ? unpack(&p, codec, block) : -ENOMEM;
	free(block);
	if (!ret && ftruncate(p.fd, (off_t)p.done))
		ret = -errno;
	if (!ret && dump->how.progress &&
	    dump->how.progress(dump->how.ctx, "unpacked to a temporary file", p.done, 0))
		ret = -ECANCELED;
	if (!ret)
		return dump_map(dump, p.fd);
	close(p.fd);
	return ret;
}
