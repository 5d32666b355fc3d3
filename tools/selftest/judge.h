/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests share that have a vCPU of KVM for their judge.
 */
#ifndef SELFTEST_JUDGE_H
#define SELFTEST_JUDGE_H

#include "ktap.h"

#define BOTH(fn)							\
	CASE(fn##_4level),						\
	CASE_IF(fn##_5level, five_levels, "vCPUs with 5 levels")

extern bool local;		/* libvmem in this process, not the module */
extern bool of_guest_memfd;	/* memory of guests, not of a memfd */

/*
 * In a case: memory of guests is of a guest_memfd from here on. Where KVM has none
 * that can be mapped, the case is skipped; it fails where KVM has to have it.
 */
void want_guest_memfd(void);
bool guest_memfd_here(void);	/* can one be had? */

bool since_linux(unsigned int major, unsigned int minor);
bool five_levels(void);		/* has KVM vCPUs with 5 levels? */
bool nested(void);		/* is it kvm-amd, on a CPU that QEMU emulates? */

/* [--local] [CASE...]: say who judges, and run the cases. */
int judge_main(const struct ktap_case *cases, size_t nr, int argc, char **argv);

#endif
