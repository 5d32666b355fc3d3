/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The system calls of a program in user mode, see ports.h. Addresses are the
 * program's, and are never trusted.
 */
#ifndef _VMM_CALLS_H
#define _VMM_CALLS_H

#include "guest.h"

/**
 * call_write() - serve a write
 * @g:		the guest
 * @vcpu:	that calls
 * @call:	fd 1 is stdout, 2 is stderr; address, bytes
 * @answer:	out: for the program: how many bytes were written, up to the first that
 *		it may not read as a user; -EFAULT: that was the first of all; -EBADF:
 *		another fd; -EIO: the output fails
 *
 * Return: 0; -errno, and guest.call names the call that failed.
 */
int call_write(struct guest *g, struct vcpu *vcpu, const struct vcpu_call *call,
	       __s64 *answer);

#endif /* _VMM_CALLS_H */
