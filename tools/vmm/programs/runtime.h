/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * All that a program of vmem-run has below it: it runs in supervisor mode, on a
 * machine that is nothing but memory, tables and four ports.
 */
#ifndef _VMM_RUNTIME_H
#define _VMM_RUNTIME_H

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

static inline void print(const char *text)
{
	while (*text)
		out8(PORT_PRINT, *text++);
}

/* Wait for the VMM to do a thing that it and the program know. */
static inline void vmm_call(unsigned int value)
{
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
