// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * zstd: pages of kdump files, and files as a whole.
 */
#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "codec.h"

#pragma weak ZSTD_isError
#pragma weak ZSTD_getErrorCode
#pragma weak ZSTD_decompress
#pragma weak ZSTD_createDStream
#pragma weak ZSTD_decompressStream
#pragma weak ZSTD_freeDStream

static bool zstd_there(void)
{
	return ZSTD_isError && ZSTD_getErrorCode && ZSTD_decompress && ZSTD_createDStream &&
	       ZSTD_decompressStream && ZSTD_freeDStream;
}

static ssize_t zstd_page(const unsigned char *packed, size_t len, void *to, size_t room)
{
	size_t nr = ZSTD_decompress(to, room, packed, len);

	return ZSTD_isError(nr) ? -1 : (ssize_t)nr;
}

static int zstd_open(struct codec_stream *stream)
{
	stream->state = ZSTD_createDStream();
	return stream->state ? 0 : -ENOMEM;
}

static int zstd_step(struct codec_stream *stream)
{
	ZSTD_inBuffer in = { stream->in, stream->in_len, 0 };
	ZSTD_outBuffer out = { stream->out, stream->out_len, 0 };
	size_t left = ZSTD_decompressStream(stream->state, &out, &in);

	/* by default its window may have 128 MiB */
	if (ZSTD_isError(left))
		return ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge ?
		       -E2BIG : -EIO;
	stream->ended = !left;
	stream->in += in.pos;
	stream->in_len -= in.pos;
	stream->out += out.pos;
	stream->out_len -= out.pos;
	return 0;
}

static void zstd_close(struct codec_stream *stream)
{
	ZSTD_freeDStream(stream->state);
}

const struct codec codec_zstd = {
	.name	= "zstd",
	.there	= zstd_there,
	.page	= zstd_page,
	.open	= zstd_open,
	.step	= zstd_step,
	.close	= zstd_close,
};
