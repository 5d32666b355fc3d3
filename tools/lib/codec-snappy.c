// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Snappy: pages of kdump files, and pieces of AVML captures.
 */
#include <snappy-c.h>

#include "codec.h"

#pragma weak snappy_uncompress

static bool snappy_there(void)
{
	return snappy_uncompress;
}

static ssize_t snappy_page(const unsigned char *packed, size_t len, void *to, size_t room)
{
	size_t nr = room;

	return snappy_uncompress((const char *)packed, len, to, &nr) == SNAPPY_OK ? (ssize_t)nr : -1;
}

const struct codec codec_snappy = {
	.name	= "snappy",
	.there	= snappy_there,
	.page	= snappy_page,
};
