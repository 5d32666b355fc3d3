// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Writes to pages that it had written to before it was linked. With --cow each
 * first write is a fault that the VMM serves; the program can't tell.
 */
#include "runtime.h"

#define PAGES	4
#define WORDS	512

static unsigned long pages[PAGES][WORDS] __attribute__((aligned(4096))) = {
	{ [0] = 10, [WORDS - 1] = 11 },
	{ [0] = 20, [WORDS - 1] = 21 },
	{ [0] = 30, [WORDS - 1] = 31 },
	{ [0] = 40, [WORDS - 1] = 41 },
};

int program(const struct program_info *info)
{
	unsigned long i, tens;

	for (i = 0; i < PAGES; i++) {
		tens = 10 * (i + 1);
		if (peek((unsigned long)&pages[i][0]) != tens)
			return 1;
		poke((unsigned long)&pages[i][0], tens + 5);
		/* what was read before the copy, and what was not */
		if (peek((unsigned long)&pages[i][0]) != tens + 5 ||
		    peek((unsigned long)&pages[i][1]) != 0 ||
		    peek((unsigned long)&pages[i][WORDS - 1]) != tens + 1)
			return 2;
	}
	print("written and read back\n");
	return 0;
}
