/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a program and its VMM say to each other: system calls in user mode, ports in
 * supervisor mode, and the page of facts that the program finds in rdi when it
 * starts.
 */
#ifndef _VMM_PORTS_H
#define _VMM_PORTS_H

#define PORT_PRINT	0xe9	/* a byte, for stdout */
#define PORT_EXIT	0xf4	/* the program ends with this status */
#define PORT_FAULT	0xf5	/* a vector's frame is on its stack */
#define PORT_CALL	0xf6	/* the program waits for its VMM to do a thing */
#define PORT_SYSCALL	0xf7	/* a system call; its registers are the vCPU's */

/*
 * System calls, by SYSCALL: the numbers and registers are those of Linux. rax is the
 * number, rdi, rsi and rdx are the arguments; rax is the answer, or -errno; rcx and
 * r11 are lost.
 */
#define CALL_WRITE	1	/* fd 1 or 2, address, bytes: how many were written */
#define CALL_EXIT	60	/* status */
#define CALL_VMM	0x1000	/* as PORT_CALL */

#ifndef __ASSEMBLER__

#include <linux/types.h>

#define PROGRAM_SPACES_MAX	4

/* Where programs/self.c maps a page. */
#define PROGRAM_SELF_VA		0x500000000000ULL

/**
 * struct program_info - what a program is told
 * @levels:	of the tables
 * @nr_spaces:	roots there are, the one that it starts with first
 * @cr3:	the roots
 * @private_va:	a page that each space has for itself; its first word is the
 *		index of the space
 * @window_va:	guest memory, writable: GPA 0 is here
 * @memory_len:	bytes of it
 * @system_va:	what is the machine's own: no user's
 */
struct program_info {
	__u64 levels;
	__u64 nr_spaces;
	__u64 cr3[PROGRAM_SPACES_MAX];
	__u64 private_va;
	__u64 window_va;
	__u64 memory_len;
	__u64 system_va;
};

#endif
#endif /* _VMM_PORTS_H */
