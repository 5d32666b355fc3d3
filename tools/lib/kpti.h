/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The two roots that Linux gives a process where it keeps the kernel out of user mode
 * (KPTI): the kernel's at an even page, that of user mode at the page behind it.
 */
#ifndef _LIBVMEM_KPTI_H
#define _LIBVMEM_KPTI_H

#include <stdbool.h>
#include <linux/types.h>

#define KPTI_ENTRIES	512
#define KPTI_USER	4096ULL	/* from the kernel's root to that of user mode */

/**
 * kpti_is_pair() - are these the roots of one process?
 * @kernel:	entries of a page
 * @user:	of the page behind it
 *
 * What is of user mode, the lower half, is in both, in the kernel's with NX; and of the
 * kernel only a part is in that of user mode.
 */
static inline bool kpti_is_pair(const __u64 *kernel, const __u64 *user)
{
	const __u64 ignored = 1ULL << 63 | 1ULL << 6 | 1ULL << 5;	/* NX, D, A */
	unsigned int i, lower = 0, more = 0;

	for (i = 0; i < KPTI_ENTRIES / 2; i++) {
		if ((kernel[i] ^ user[i]) & ~ignored)
			return false;
		lower += kernel[i] & 1;
	}
	for (; i < KPTI_ENTRIES; i++) {
		if (user[i] & 1 && !(kernel[i] & 1))
			return false;
		more += (kernel[i] & 1) && !(user[i] & 1);
	}
	return lower && more;
}

#endif /* _LIBVMEM_KPTI_H */
