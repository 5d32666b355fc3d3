// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Has a GiB, at 1 GiB (build.mk), and writes to both its ends. Wants --memory=2G. */
#include "runtime.h"

#define LEN	(1UL << 30)

static unsigned char room[LEN] __attribute__((aligned(4096)));

int program(const struct program_info *info)
{
	unsigned long first = (unsigned long)room, last = first + LEN - 8;

	poke(first, 1);
	poke(last, 2);
	if (peek(first) != 1 || peek(last) != 2)
		return 1;
	print("a GiB\n");
	return 0;
}
