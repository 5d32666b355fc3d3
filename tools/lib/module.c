// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The back end that is the module: every call is an ioctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvmem.h"
#include "backend.h"

struct module_guest {
	struct vmem_guest guest;
	int fd;
};

static struct module_guest *to_module(const struct vmem_guest *guest)
{
	return container_of(guest, struct module_guest, guest);
}

static int module_call(struct vmem_guest *guest, unsigned int request,
		       void *arg)
{
	return ioctl(to_module(guest)->fd, request, arg) < 0 ? -errno : 0;
}

static int module_walk(struct vmem_guest *guest,
		       struct vmem_ioc_walk_create *arg,
		       struct vmem_walker **out)
{
	struct vmem_walker *walker;
	int ret;

	walker = malloc(sizeof(*walker));
	if (!walker)
		return -ENOMEM;
	ret = module_call(guest, VMEM_IOC_WALK_CREATE, arg);
	if (ret) {
		free(walker);
		return ret;
	}
	walker->backend = guest->backend;
	walker->fd = arg->out_fd;
	*out = walker;
	return 0;
}

static int module_read(struct vmem_walker *walker,
		       struct vmem_ioc_record *records, size_t nr)
{
	ssize_t got;

	if (nr > INT_MAX / sizeof(*records))
		nr = INT_MAX / sizeof(*records);
	got = read(walker->fd, records, nr * sizeof(*records));
	return got < 0 ? -errno : (int)(got / (ssize_t)sizeof(*records));
}

static int module_mmap(struct vmem_guest *guest, __u64 offset, size_t len,
		       int prot, void **addr)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, to_module(guest)->fd,
		       (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	*addr = p;
	return 0;
}

static int module_fd(const struct vmem_guest *guest)
{
	return to_module(guest)->fd;
}

static void module_end_walk(struct vmem_walker *walker)
{
	close(walker->fd);
	free(walker);
}

static void module_close(struct vmem_guest *guest)
{
	struct module_guest *mg = to_module(guest);

	close(mg->fd);
	free(mg);
}

static const struct backend module_backend = {
	.call		= module_call,
	.walk		= module_walk,
	.read		= module_read,
	.mmap		= module_mmap,
	.fd		= module_fd,
	.end_walk	= module_end_walk,
	.close		= module_close,
};

int vmem_open_fd(int fd, struct vmem_guest **guest)
{
	struct vmem_ioc_info info = VMEM_INIT(info);
	struct module_guest *mg;

	*guest = NULL;
	if (ioctl(fd, VMEM_IOC_INFO, &info) < 0)
		return -errno;
	mg = malloc(sizeof(*mg));
	if (!mg)
		return -ENOMEM;
	guest_init(&mg->guest, &module_backend);
	mg->fd = fd;
	*guest = &mg->guest;
	return 0;
}

int vmem_open(const char *path, struct vmem_guest **guest)
{
	int fd, ret;

	*guest = NULL;
	fd = open(path ? path : "/dev/vmem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = vmem_open_fd(fd, guest);
	if (ret)
		close(fd);
	return ret;
}
