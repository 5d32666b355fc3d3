/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory whose faults wait for somebody who never comes.
 */
#ifndef SELFTEST_UFFD_H
#define SELFTEST_UFFD_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"
#include "ktap.h"

/* Missing pages of [mem, mem + len) are reported to the descriptor. */
static inline int uffd_register(void *mem, u64 len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	ASSERT(fd >= 0);
	ASSERT(!ioctl(fd, UFFDIO_API, &api));
	ASSERT(!ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

static inline void *uffd_nobody(u64 len)
{
	void *mem = map_anon(len);

	uffd_register(mem, len);
	return mem;
}

static inline bool task_sleeps_at(void *tid)
{
	return task_sleeps(*(pid_t *)tid);
}

#endif
