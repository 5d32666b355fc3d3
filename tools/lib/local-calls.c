// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The back end that is this process: the table of its calls, which takes their
 * structs as the module does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libvmem.h"
#include "local.h"

int local_info(struct local_guest *lg, void *p)
{
	struct vmem_ioc_info *arg = p;
	struct vmem_ioc_format *out;
	u32 i;
	int ret;

	ret = vmem_ioc_info_fill(arg, VMEM_RIGHTS_ALL, VMEM_VERSION);
	if (ret)
		return ret;
	out = (struct vmem_ioc_format *)(uintptr_t)arg->formats;
	for (i = 0; out && i < arg->nr_formats && i < VMEM_NR_FORMATS; i++)
		vmem_ioc_format_fill(&out[i], &vmem_formats[i]);
	return 0;
}

/* Descriptors there are none. */
int local_view(struct local_guest *lg, void *p)
{
	return -EOPNOTSUPP;
}

/**
 * struct call - a call
 * @run:	carries it out
 * @shape:	of its struct
 */
struct call {
	int (*run)(struct local_guest *lg, void *arg);
	struct vmem_call_shape shape;
};

#define CALL(_upper, _lower, ...)					\
	[_IOC_NR(VMEM_IOC_##_upper)] = {				\
		.run	= local_##_lower,				\
		.shape	= VMEM_CALL_SHAPE(_lower, __VA_ARGS__),		\
	},

static const struct call calls[] = { VMEM_CALLS(CALL) };

/*
 * A struct may be longer than the one known here when its tail is zero, but not
 * shorter than it was in the first version; what it lacks is zero.
 */
static int local_call(struct vmem_guest *guest, unsigned int request, void *arg)
{
	struct local_guest *lg = container_of(guest, struct local_guest, guest);
	const struct call *call = &calls[_IOC_NR(request)];
	const struct vmem_call_shape *shape = &call->shape;
	const struct vmem_call_out *out;
	union vmem_call_arg whole;
	u32 size = *(u32 *)arg, i;
	char *bytes = arg;
	int ret;

	if (size < shape->min_size)
		return -EINVAL;
	if (size > VMEM_CALL_SIZE_MAX)
		return -E2BIG;
	for (i = shape->size; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(&whole, arg, min(size, shape->size));
	if (size < shape->size)
		memset((char *)&whole + size, 0, shape->size - size);
	ret = vmem_call_begin(shape, &whole, VMEM_RIGHTS_ALL) ?: call->run(lg, &whole);
	for (out = shape->out; out < &shape->out[VMEM_CALL_OUTS]; out++)
		if (out->start < size)
			memcpy(bytes + out->start, (char *)&whole + out->start,
			       min(size - out->start, out->len));
	return ret;
}

static int local_walk(struct vmem_guest *guest,
		      struct vmem_ioc_walk_create *arg,
		      struct vmem_walker **walker)
{
	struct local_guest *lg = container_of(guest, struct local_guest, guest);
	int ret;

	lg->made = NULL;
	ret = local_call(guest, VMEM_IOC_WALK_CREATE, arg);
	*walker = lg->made;
	return ret;
}

static int local_fd(const struct vmem_guest *guest)
{
	return -EBADF;
}

/* The caller and its walkers hold the guest. */
static void local_put(struct local_guest *lg)
{
	if (--lg->refs)
		return;
	objects_end(lg);
	pools_end(lg);
	free(lg->regions);
	free(lg->spare);
	dump_close(lg->dump);
	free(lg);
}

static void local_end_walk(struct vmem_walker *walker)
{
	local_put(walk_end(walker));
}

static void local_close(struct vmem_guest *guest)
{
	local_put(container_of(guest, struct local_guest, guest));
}

const struct backend local_backend = {
	.call		= local_call,
	.walk		= local_walk,
	.read		= walk_read,
	.mmap		= region_mmap,
	.fd		= local_fd,
	.end_walk	= local_end_walk,
	.close		= local_close,
};

int vmem_open_local(struct vmem_guest **guest)
{
	struct local_guest *lg = calloc(1, sizeof(*lg));

	*guest = NULL;
	if (!lg)
		return -ENOMEM;
	guest_init(&lg->guest, &local_backend);
	lg->refs = 1;
	lg->hint = &region_none;
	/* Without a seed a hostile guest can make a walk slower, no more. */
	if (getrandom(&lg->seed, sizeof(lg->seed), GRND_NONBLOCK) !=
	    sizeof(lg->seed))
		lg->seed = (uintptr_t)lg;
	*guest = &lg->guest;
	return 0;
}
