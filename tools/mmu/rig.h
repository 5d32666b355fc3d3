/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rig's guest and its host agree on: where memory is, and the words of
 * a list of cases. The guest is the firmware of a machine: a ROM that ends at
 * 4 GiB, with struct rig_list at its begin and the code in its last 64 KiB. The
 * list is in memory where the machine lets its host put it there, else in the ROM.
 *
 * Every case is struct rig_case and its writes, (gpa, value) each. A case without an
 * access is only its writes, which stay. Those of others are undone, so that each
 * begins with the same memory, but where RIG_STAYS says that the next ones write
 * the same words.
 *
 * A struct rig_result for each case with an access goes to memory, likewise, else to
 * the first serial port, a line each: the number of the case and the members, in
 * hexadecimal without 0x. Before them comes a line of facts, after them "end" and the
 * number of cases.
 */
#ifndef RIG_H
#define RIG_H

#define RIG_ROM_LEN		0x100000
#define RIG_ROM			(0x100000000 - RIG_ROM_LEN)
#define RIG_CODE_LEN		0x10000

/*
 * Memory: the guest itself is in the first MiBs; the image of 16 MiB is what
 * vmem sees too. Tables of cases are in its lower half. Each word of it begins
 * as a stamp that tells where it is, and is no present entry; its lowest byte is no
 * instruction of 64-bit mode, so that a fetch ends in #UD.
 */
#define RIG_MEMORY_LEN		0x8000000	/* of the machine */
#define RIG_IMAGE		0x1000000
#define RIG_IMAGE_LEN		0x1000000
#define RIG_DATA		0x1800000	/* the half without tables */
#define RIG_STAMP(gpa)		(((gpa) >> 3 << 8) | 0x06)

/* The list and the results, where they are in memory. */
#define RIG_LIST		0x2000000
#define RIG_LIST_LEN		0x5000000
#define RIG_RESULTS		0x7000000
#define RIG_RESULTS_LEN		0xe00000
/* What the last 2 MiB below 4 GiB are where no firmware is: the ROM's half of them. */
#define RIG_ROM_INSTEAD		0x7f00000

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
#define RIG_LONG_MODE		0xffd0		/* of it: where a vCPU begins in long mode */
#define RIG_STACK		0x180000	/* its top */
#define RIG_USER		0x400000

#define RIG_MAGIC		0x6d656d766d6d7531

/* facts, in the head of a list */
#define RIG_LEVELS_5		(1 << 0)
#define RIG_CET			(1 << 1)	/* CR4.CET = 1 */
#define RIG_LIST_IN_MEMORY	(1 << 2)
#define RIG_RESULTS_TO_MEMORY	(1 << 3)
#define RIG_STAMPED		(1 << 4)	/* the image is as it begins */

/* access of a case: what, by whom, and what the processor is set to */
#define RIG_READ		1
#define RIG_WRITE		2
#define RIG_FETCH		3
#define RIG_SHADOW		4	/* WRUSS, or in user mode WRSS */
#define RIG_IMPLICIT		5	/* a descriptor is read, of the LDT */
#define RIG_KIND		0xf
#define RIG_USER_MODE		(1 << 4)
#define RIG_BYTE		(1 << 5)	/* of one byte, not of 8 */
#define RIG_NXE_OFF		(1 << 6)
#define RIG_SMEP		(1 << 7)
#define RIG_SMAP		(1 << 8)
#define RIG_WP_OFF		(1 << 9)
#define RIG_AC			(1 << 10)
#define RIG_PKE			(1 << 11)
#define RIG_PKS			(1 << 12)
#define RIG_STAYS		(1 << 13)

#define RIG_NO_WATCH		0

/* vector of a result: no fault */
#define RIG_NONE		0xff

/* In ad of a result, 2 bits a write: A, D. And: another bit of one has changed. */
#define RIG_AD(nr, entry)	(((entry) >> 5 & 3) << 2 * (nr))
#define RIG_CHANGED		(1U << 31)
/* a write that wasn't found where it must be */
#define RIG_LOST		(1 << 30)
/* some of a write that faulted was done */
#define RIG_TORN		(1 << 29)

#ifndef __ASSEMBLER__
struct rig_list {
	unsigned long long magic;
	unsigned long long facts;
	unsigned long long nr;		/* cases, those that are kept too */
};

struct rig_case {
	unsigned int access;
	unsigned int nr_writes;
	unsigned long long root;
	unsigned long long va;
	unsigned int pkru;
	unsigned int pkrs;
	/* of a write: the words in which its bytes lie, the second one of another page */
	unsigned long long watch[2];
};

struct rig_result {
	unsigned long long value;	/* what was there, 0 for a fetch; of a fault CR2 */
	unsigned short vector;
	unsigned short error;
	unsigned int ad;
};
#endif

#endif /* RIG_H */
