// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Writes here and there to 6 MiB that begin on no border of 2 MiB, calls the VMM, and
 * reads that back: two large pages, with small ones around them.
 */
#include "runtime.h"

#define LEN	0x600000UL
#define STEP	0x30000UL

static unsigned char room[LEN] __attribute__((aligned(4096)));

int program(const struct program_info *info)
{
	unsigned long at, first = (unsigned long)room, end = first + LEN;

	for (at = first; at < end; at += STEP) {
		if (peek(at))
			return 1;
		poke(at, at);
	}
	vmm_call(0);
	for (at = first; at < end; at += STEP)
		if (peek(at) != at || peek(at + 8))
			return 2;
	print("large pages, and small ones\n");
	return 0;
}
