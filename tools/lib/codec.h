/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What unpacks: a page of a dump, or a file as a whole. Each library has a file of its own,
 * codec-NAME.c, which is built where the library is installed. Its functions are weak: a
 * program that is linked to libvmem.a without the library lacks that codec, and no more.
 */
#ifndef _LIBVMEM_CODEC_H
#define _LIBVMEM_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct codec_stream - a file on its way
 * @in:		what is to be unpacked
 * @in_len:	bytes of it
 * @out:	room for what comes of it
 * @out_len:	bytes of it that are free
 * @ended:	what came so far is whole: of several parts behind each other, too
 * @state:	the codec's
 */
struct codec_stream {
	const unsigned char *in;
	size_t in_len;
	unsigned char *out;
	size_t out_len;
	bool ended;
	void *state;
};

/**
 * struct codec - a way to pack
 * @name:	for people
 * @there:	whether the program was linked to the library
 * @page:	unpack @len bytes to at most @room. Return: how many came; -1: damaged
 * @open:	begin with a file. Return: 0; -ENOMEM
 * @step:	go on: some of @in, some of @out is used. Return: 0; -EIO: damaged; -E2BIG: it
 *		takes more memory than may be had; -ENOMEM
 * @close:	be done with it
 */
struct codec {
	const char *name;
	bool (*there)(void);
	ssize_t (*page)(const unsigned char *packed, size_t len, void *to, size_t room);
	int (*open)(struct codec_stream *stream);
	int (*step)(struct codec_stream *stream);
	void (*close)(struct codec_stream *stream);
};

extern const struct codec codec_zlib __attribute__((weak));
extern const struct codec codec_lzo __attribute__((weak));
extern const struct codec codec_snappy __attribute__((weak));
extern const struct codec codec_zstd __attribute__((weak));

/* Does this library have it? */
static inline bool codec_there(const struct codec *codec)
{
	return codec && codec->there();
}

#endif /* _LIBVMEM_CODEC_H */
