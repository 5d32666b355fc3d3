/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * All that a program of vmem-run has below it: in user mode three system calls, in
 * supervisor mode as many ports, on a machine that is nothing else but memory and
 * tables.
 */
#ifndef _VMM_RUNTIME_H
#define _VMM_RUNTIME_H

#include <stdbool.h>

#include "../ports.h"

/* A program is this function; what it returns is the exit status. */
int program(const struct program_info *info);

static inline void out8(unsigned short port, unsigned char value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out32(unsigned short port, unsigned int value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline long system_call(long nr, unsigned long a, unsigned long b,
			       unsigned long c)
{
	long answer;

	__asm__ volatile("syscall"
			 : "=a"(answer)
			 : "0"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return answer;
}

/* Is this ring 3? */
static inline bool user_mode(void)
{
	unsigned int cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return cs & 3;
}

static inline long write(int fd, const void *text, unsigned long len)
{
	return system_call(CALL_WRITE, fd, (unsigned long)text, len);
}

static inline void print(const char *text)
{
	unsigned long len = 0;

	while (text[len])
		len++;
	if (user_mode())
		write(1, text, len);
	else
		while (*text)
			out8(PORT_PRINT, *text++);
}

/* Wait for the VMM to do a thing that it and the program know. */
static inline void vmm_call(unsigned int value)
{
	if (user_mode())
		system_call(CALL_VMM, value, 0, 0);
	else
		out32(PORT_CALL, value);
}

/* One access that the compiler neither drops nor moves. */
static inline unsigned long peek(unsigned long va)
{
	return *(volatile unsigned long *)va;
}

static inline void poke(unsigned long va, unsigned long value)
{
	*(volatile unsigned long *)va = value;
}

#endif /* _VMM_RUNTIME_H */
