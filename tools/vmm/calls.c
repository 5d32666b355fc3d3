// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The system calls of a program in user mode, see calls.h.
 */
#include <errno.h>
#include <stdio.h>

#include "calls.h"

/* As Linux has it. */
#define WRITE_MAX	0x7ffff000ULL

/* Is it by what the program says that memory can't be read? */
static bool of_program(int ret)
{
	return ret == -EFAULT || ret == -ENXIO || ret == -EOVERFLOW;
}

/* Up to what the program may not read, and of that is told only if it is the first. */
static int write_from(struct guest *g, __u32 space, __u64 va, __u64 len, FILE *to,
		      __s64 *answer)
{
	struct vmem_stop stop;
	char buf[4096];
	__u64 done = 0;
	int ret = 0;

	while (!ret && done < len) {
		ret = vmem_space_read(g->vmem, space, va + done, buf,
				      len - done < sizeof(buf) ? len - done : sizeof(buf),
				      VMEM_IOC_ATTR_R | VMEM_IOC_ATTR_U, &stop);
		if (fwrite(buf, 1, stop.done, to) != stop.done) {
			*answer = -EIO;
			return 0;
		}
		done += stop.done;
	}
	if (ret && !of_program(ret)) {
		g->call = "memory of a write";
		return ret;
	}
	*answer = ret && !done ? -EFAULT : (__s64)done;
	return 0;
}

int call_write(struct guest *g, struct vcpu *vcpu, const struct vcpu_call *call,
	       __s64 *answer)
{
	FILE *to = call->args[0] == 1 ? stdout : call->args[0] == 2 ? stderr : NULL;
	__u64 len = call->args[2] < WRITE_MAX ? call->args[2] : WRITE_MAX;
	__u32 space;
	int ret;

	*answer = -EBADF;
	if (!to)
		return 0;
	ret = guest_current_space(g, vcpu, &space);
	if (ret)
		return ret;
	/* both may be one terminal */
	if (to == stderr)
		fflush(stdout);
	return write_from(g, g->spaces[space], call->args[1], len, to, answer);
}
