// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * LZO: pages of kdump files.
 */
#include <lzo/lzo1x.h>

#include "codec.h"

#pragma weak lzo1x_decompress_safe

static bool lzo_there(void)
{
	return lzo1x_decompress_safe;
}

static ssize_t lzo_page(const unsigned char *packed, size_t len, void *to, size_t room)
{
	lzo_uint nr = room;

	return lzo1x_decompress_safe(packed, len, to, &nr, NULL) == LZO_E_OK ? (ssize_t)nr : -1;
}

const struct codec codec_lzo = {
	.name	= "LZO",
	.there	= lzo_there,
	.page	= lzo_page,
};
