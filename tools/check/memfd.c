// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * memfd FILE COMMAND...: run a command that has a memfd with the content of
 * FILE as descriptor 9. Pages of zeroes become holes.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK	65536

int main(int argc, char **argv)
{
	static const char zeroes[BLOCK];
	static char block[BLOCK];
	off_t at = 0;
	int from, to;
	ssize_t n;

	if (argc < 3)
		errx(2, "usage: memfd FILE COMMAND...");
	from = open(argv[1], O_RDONLY);
	if (from < 0)
		err(1, "%s", argv[1]);
	to = memfd_create("guest", 0);
	if (to < 0)
		err(1, "memfd_create");
	while ((n = read(from, block, sizeof(block))) > 0) {
		if (memcmp(block, zeroes, (size_t)n) &&
		    pwrite(to, block, (size_t)n, at) != n)
			err(1, "memfd");
		at += n;
	}
	if (n < 0 || ftruncate(to, at))
		err(1, "%s", argv[1]);
	if (dup2(to, 9) < 0)
		err(1, "dup2");
	execvp(argv[2], &argv[2]);
	err(1, "%s", argv[2]);
}
