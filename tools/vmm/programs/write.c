// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * System calls that can't be, and one of two pages that lie apart in memory with
 * --cow: the second is written to first, and so is copied first. For ring 3.
 */
#include "runtime.h"

#define PAGE		4096UL
#define EBADF		9
#define EFAULT		14
#define ENOSYS		38
#define RFLAGS_DF	(1UL << 10)
#define HOLE		0x123456789000UL
#define NOT_CANONICAL	0x100000000000000UL

/* All of the segment: nothing is mapped behind it. */
static char pages[2][PAGE] __attribute__((aligned(4096))) = { "a", "b" };
static const char across[] = "across two pages\n", last[] = "to the end\n";

static void copy(char *to, const char *text, unsigned long len)
{
	while (len--)
		((volatile char *)to)[len] = text[len];
}

static long at(unsigned long va, unsigned long len)
{
	return write(1, (const void *)va, len);
}

static bool faults(const struct program_info *info)
{
	return at(HOLE, 1) == -EFAULT && at(0, 1) == -EFAULT &&
	       at(HOLE, ~0UL) == -EFAULT && at(NOT_CANONICAL, 8) == -EFAULT &&
	       at(~0UL, 2) == -EFAULT && at(info->system_va, 8) == -EFAULT;
}

/* It takes rcx and r11, and nothing else. */
static bool registers_stay(void)
{
	unsigned long di = 1, si = 2, dx = 3, flags;
	long answer;

	__asm__ volatile("std\n"
			 "	syscall\n"
			 "	pushf\n"
			 "	pop	%4\n"
			 "	cld"
			 : "=a"(answer), "+D"(di), "+S"(si), "+d"(dx), "=&r"(flags)
			 : "0"(-1L)
			 : "rcx", "r11", "memory", "cc");
	return answer == -ENOSYS && di == 1 && si == 2 && dx == 3 &&
	       flags & RFLAGS_DF;
}

int program(const struct program_info *info)
{
	const unsigned long nr = sizeof(across) - 1, nr_last = sizeof(last) - 1;

	if (!faults(info))
		return 1;
	if (write(0, across, 1) != -EBADF || write(-1, across, 1) != -EBADF ||
	    at(HOLE, 0) != 0)
		return 2;
	if (!registers_stay())
		return 3;
	copy(pages[1] - 7, across, nr);
	if (write(1, pages[1] - 7, nr) != (long)nr)
		return 4;
	copy(pages[1] + PAGE - nr_last, last, nr_last);
	if (write(2, pages[1] + PAGE - nr_last, 2 * PAGE) != (long)nr_last)
		return 5;
	return 77;
}
