// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * zlib: pages of kdump files; gzip and zlib around a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec.h"

#pragma weak uncompress
#pragma weak inflateInit2_
#pragma weak inflate
#pragma weak inflateReset
#pragma weak inflateEnd

#define WINDOW_ANY	(15 + 32)	/* the largest; gzip or zlib, as it begins */

static bool zlib_there(void)
{
	return uncompress && inflateInit2_ && inflate && inflateReset && inflateEnd;
}

static ssize_t zlib_page(const unsigned char *packed, size_t len, void *to, size_t room)
{
	uLongf nr = room;

	return uncompress(to, &nr, packed, len) == Z_OK ? (ssize_t)nr : -1;
}

static int zlib_open(struct codec_stream *stream)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	if (inflateInit2(z, WINDOW_ANY) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	stream->state = z;
	return 0;
}

/* Behind the end of one there may be another one, as gzip allows. */
static int zlib_step(struct codec_stream *stream)
{
	z_stream *z = stream->state;
	int ret;

	if (stream->ended && stream->in_len) {
		if (inflateReset(z) != Z_OK)
			return -EIO;
		stream->ended = false;
	}
	z->next_in = (unsigned char *)stream->in;
	z->avail_in = (unsigned int)stream->in_len;
	z->next_out = stream->out;
	z->avail_out = (unsigned int)stream->out_len;
	ret = inflate(z, Z_NO_FLUSH);
	if (ret == Z_MEM_ERROR)
		return -ENOMEM;
	if (ret != Z_OK && ret != Z_STREAM_END && ret != Z_BUF_ERROR)
		return -EIO;
	stream->ended = ret == Z_STREAM_END;
	stream->in = z->next_in;
	stream->in_len = z->avail_in;
	stream->out = z->next_out;
	stream->out_len = z->avail_out;
	return 0;
}

static void zlib_close(struct codec_stream *stream)
{
	inflateEnd(stream->state);
	free(stream->state);
}

const struct codec codec_zlib = {
	.name	= "zlib",
	.there	= zlib_there,
	.page	= zlib_page,
	.open	= zlib_open,
	.step	= zlib_step,
	.close	= zlib_close,
};
