/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rig's guest and its host agree on: where memory is, and the words of
 * a list of cases. The guest is the firmware of an emulated machine: a ROM that
 * ends at 4 GiB, the list at its begin and the code in its last 64 KiB.
 *
 * The list: struct rig_list, then its words; every case is RIG_CASE_WORDS words
 * and its writes, (gpa, value) each. A case without an access is kept: its
 * writes stay. All others are undone, so that each begins with the same memory.
 *
 * A line of results on the first serial port for each case with an access:
 *
 *   NUMBER ok VALUE		what was there; 0 for a fetch
 *   NUMBER fault VECTOR ERROR CR2
 *
 * before them a line of facts, after them "end" and the number of cases. All
 * numbers are hexadecimal without 0x.
 */
#ifndef RIG_H
#define RIG_H

#define RIG_ROM_LEN		0x100000
#define RIG_ROM			(0x100000000 - RIG_ROM_LEN)
#define RIG_CODE_LEN		0x10000

/*
 * Memory: the guest itself is in the first MiBs; the image of 16 MiB is what
 * vmem sees too. Tables of cases are in its lower half. Each word of it begins
 * as a stamp that tells where it is, and is no present entry; in its lowest
 * byte, what fetches from it, is int3.
 */
#define RIG_MEMORY_LEN		0x4000000	/* of the machine */
#define RIG_IMAGE		0x1000000
#define RIG_IMAGE_LEN		0x1000000
#define RIG_DATA		0x1800000	/* the half without tables */
#define RIG_STAMP(gpa)		(((gpa) >> 3 << 8) | 0xcc)

/* The slot of each root below which the guest itself is, always. */
#define RIG_HOME_SLOT		511
#define RIG_HOME		0xffffffff80000000
#define RIG_HOME_ROOT		0x200000
#define RIG_HOME_4		0x201000	/* below a root of 5 levels */
#define RIG_HOME_3		0x202000
#define RIG_HOME_2		0x203000
#define RIG_HOME_ENTRY(gpa)	((gpa) | 0x67)	/* all rights, A, D */

/* The code, on a page of supervisors, and what user mode runs. */
#define RIG_CODE		0x100000
#define RIG_STACK		0x180000	/* its top */
#define RIG_USER		0x400000

#define RIG_MAGIC		0x6d656d766d6d7531

/* facts, in the head of a list */
#define RIG_LEVELS_5		(1 << 0)
#define RIG_CET			(1 << 1)	/* CR4.CET = 1 */

/* access of a case: what, by whom, and what the processor is set to */
#define RIG_READ		1
#define RIG_WRITE		2
#define RIG_FETCH		3
#define RIG_SHADOW		4	/* WRUSS: user mode's, by a supervisor */
#define RIG_KIND		0xf
#define RIG_USER_MODE		(1 << 4)
#define RIG_BYTE		(1 << 5)	/* of one byte, not of 8 */
#define RIG_NXE_OFF		(1 << 6)
#define RIG_SMEP		(1 << 7)
#define RIG_SMAP		(1 << 8)
#define RIG_WP_OFF		(1 << 9)

/* word 0 of a case */
#define RIG_CASE_WORDS		3	/* writes << 32 | access, root, va */

#ifndef __ASSEMBLER__
struct rig_list {
	unsigned long long magic;
	unsigned long long facts;
	unsigned long long nr;		/* cases, those that are kept too */
};
#endif

#endif /* RIG_H */
