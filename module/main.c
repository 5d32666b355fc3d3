// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vmem: the device, the table of its calls, and the one place that copies
 * their arguments in and their answers out.
 *
 * ioctl -> this table -> the object's file -> the core.
 */
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "calls.h"
#include "debugfs.h"
#include "object.h"
#include "region.h"
#include "space.h"

#define VMEM_RELEASE	"0.2.0"

static const struct file_operations vmem_fops;

static void vmem_info_format(const struct vmem_format_ops *ops,
			     struct vmem_ioc_format *format)
{
	const struct vmem_format *fmt = ops->fmt;
	unsigned int level;

	memset(format, 0, sizeof(*format));
	format->id = ops->id;
	format->levels = fmt->nr_levels;
	for (level = 0; level < fmt->nr_levels; level++)
		if (fmt->leaf_levels & BIT(level))
			format->page_sizes |=
				BIT_ULL(ops->engine->entry_lg2(fmt, level));
	format->map_page_sizes = BIT_ULL(fmt->page_lg2);
	format->virt_bits = ops->engine->table_lg2(fmt, fmt->nr_levels - 1);
	format->phys_bits = fmt->phys_bits;
	strscpy(format->name, fmt->name, sizeof(format->name));
}

static int vmem_ioctl_info(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_info *info = arg;
	struct vmem_ioc_format format;
	struct vmem_ioc_format __user *formats = u64_to_user_ptr(info->formats);
	u32 i;

	if (info->flags || info->__reserved)
		return -EOPNOTSUPP;

	info->out_version = VMEM_IOC_VERSION;
	info->out_rights = call->view->rights;
	strscpy(info->out_release, VMEM_RELEASE, sizeof(info->out_release));
	info->out_features = VMEM_IOC_FEATURE_MAP | VMEM_IOC_FEATURE_COW |
			     VMEM_IOC_FEATURE_PATH | VMEM_IOC_FEATURE_PROTECT |
			     VMEM_IOC_FEATURE_LINK | VMEM_IOC_FEATURE_MOVABLE |
			     VMEM_IOC_FEATURE_ALONE |
			     VMEM_IOC_FEATURE_FACTS |
			     VMEM_IOC_FEATURE_NONPRESENT |
			     VMEM_IOC_FEATURE_MISSING;
	info->out_region_len_max = VMEM_REGION_LEN_MAX;
	info->out_regions_max = VMEM_REGIONS_MAX;
	info->out_pool_ranges_max = VMEM_POOL_RANGES_MAX;
	info->out_pools_max = VMEM_POOLS_MAX;
	info->out_spaces_max = VMEM_SPACES_MAX;
	info->out_map_max = VMEM_MAP_MAX;
	info->out_translate_max = VMEM_TRANSLATE_MAX;
	info->out_list_max = VMEM_LIST_MAX;
	info->out_walk_spaces_max = VMEM_WALK_SPACES_MAX;
	info->out_read_max = VMEM_READ_MAX;
	info->out_seen_max = VMEM_SEEN_MAX;
	info->out_change_budget = VMEM_CHANGE_BUDGET;

	info->out_nr_formats = VMEM_NR_FORMATS;
	for (i = 0; formats && i < min_t(u32, info->nr_formats, VMEM_NR_FORMATS); i++) {
		vmem_info_format(&vmem_formats[i], &format);
		if (copy_to_user(&formats[i], &format, sizeof(format)))
			return -EFAULT;
	}
	return 0;
}

/**
 * vmem_ioctl_view() - VIEW
 * @call:	the call
 * @arg:	struct vmem_ioc_view
 *
 * Context: sleeps.
 * Return: 0, -EOPNOTSUPP, -EACCES, -EMFILE, -ENFILE, -ENOMEM.
 */
static int vmem_ioctl_view(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_view *ask = arg;
	struct vmem_view *view;
	int ret;

	if (ask->flags || ask->rights & ~VMEM_RIGHTS_ALL)
		return -EOPNOTSUPP;
	if (ask->rights & ~call->view->rights)
		return -EACCES;

	view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	if (!view)
		return -ENOMEM;
	view->guest = call->guest;
	view->rights = ask->rights;
	ret = vmem_call_file(call, "[vmem]", &vmem_fops, view,
			     O_RDWR | O_CLOEXEC);
	if (ret)
		kfree(view);
	else
		ask->out_fd = call->fd;
	return ret;
}

/* Bytes of a struct that are outputs. */
struct vmem_ioctl_out {
	u16 start;
	u16 end;
};

/**
 * struct vmem_ioctl - a call
 * @run:	carries it out
 * @size:	of its struct, today
 * @min_size:	of its struct in the first version
 * @right:	that the descriptor must have, or 0
 * @out:	where its outputs lie
 */
struct vmem_ioctl {
	int (*run)(struct vmem_call *call, void *arg);
	u16 size;
	u16 min_size;
	u32 right;
	struct vmem_ioctl_out out[2];
};

/* Room for the struct of any call. */
#define VMEM_ARG_MAX		256

#define VMEM_IOCTL(upper, lower, min, need, ...)			\
	[_IOC_NR(VMEM_IOC_##upper)] = {					\
		.run		= vmem_ioctl_##lower,			\
		.size		= sizeof(struct vmem_ioc_##lower) +	\
			BUILD_BUG_ON_ZERO(sizeof(struct vmem_ioc_##lower) > \
					  VMEM_ARG_MAX),		\
		.min_size	= min,					\
		.right		= need,					\
		.out		= { __VA_ARGS__ },			\
	}
#define VMEM_OUT(name, first, last)					\
	{ offsetof(struct vmem_ioc_##name, first),			\
	  offsetofend(struct vmem_ioc_##name, last) }

#define VMEM_IOCTL_CHANGE(upper, lower, min)				\
	VMEM_IOCTL(upper, lower, min, VMEM_IOC_RIGHT_CHANGE,		\
		   VMEM_OUT(lower, change, change))

static const struct vmem_ioctl vmem_ioctls[] = {
	VMEM_IOCTL(INFO, info, 120, 0,
		   VMEM_OUT(info, out_nr_formats, out_read_max),
		   VMEM_OUT(info, out_seen_max, out_change_budget)),
	VMEM_IOCTL(REGION_CREATE, region_create, 48, VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(region_create, out_id, out_id),
		   VMEM_OUT(region_create, out_mmap_offset, out_mmap_offset)),
	VMEM_IOCTL(REGION_SET, region_set, 24, VMEM_IOC_RIGHT_MANAGE),
	VMEM_IOCTL(POOL_CREATE, pool_create, 32, VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(pool_create, out_id, out_capacity)),
	VMEM_IOCTL(POOL_STAT, pool_stat, 72, VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(pool_stat, out_capacity, out_oldest_generation)),
	VMEM_IOCTL(SPACE_CREATE, space_create, 48, VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(space_create, out_id, out_id),
		   VMEM_OUT(space_create, out_root, out_root)),
	VMEM_IOCTL(SPACE_GET, space_get, 40, VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(space_get, out_links, out_enc_bit)),
	VMEM_IOCTL_CHANGE(MAP, map, 104),
	VMEM_IOCTL_CHANGE(UNMAP, unmap, 112),
	VMEM_IOCTL_CHANGE(PROTECT, protect, 120),
	VMEM_IOCTL_CHANGE(PROMOTE, promote, 112),
	VMEM_IOCTL_CHANGE(LINK, link, 128),
	VMEM_IOCTL(TRANSLATE, translate, 56, VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(translate, out_done, out_done)),
	VMEM_IOCTL(WALK_CREATE, walk_create, 56, VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(walk_create, out_fd, out_fd)),
	VMEM_IOCTL(FLUSHED, flushed, 16, VMEM_IOC_RIGHT_CHANGE),
	VMEM_IOCTL(VIEW, view, 16, 0, VMEM_OUT(view, out_fd, out_fd)),
	VMEM_IOCTL(LIST, list, 40, VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(list, out_nr, out_cursor)),
	VMEM_IOCTL(DESTROY, destroy, 24, VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(destroy, out_flush, out_generation)),
};

/* The answer, as far as the caller's struct has room for it. */
static int vmem_ioctl_answer(const struct vmem_ioctl *ioctl, const void *arg,
			     void __user *user, u32 size)
{
	const struct vmem_ioctl_out *out;

	for (out = ioctl->out; out < ioctl->out + ARRAY_SIZE(ioctl->out); out++) {
		u32 end = min_t(u32, out->end, size);

		if (out->start < end &&
		    copy_to_user(user + out->start, arg + out->start,
				 end - out->start))
			return -EFAULT;
	}
	return 0;
}

/* What was made is there for others once its maker knows of it. */
static void vmem_call_end(struct vmem_call *call, bool publish)
{
	if (call->made && publish) {
		if (call->made->ops == &vmem_space_ops)
			vmem_debugfs_add_space(vmem_to_space(call->made));
		vmem_object_publish(call->made);
	} else if (call->made) {
		vmem_object_abort(call->made);
	}
	if (call->file && publish) {
		fd_install(call->fd, call->file);
	} else if (call->file) {
		put_unused_fd(call->fd);
		fput(call->file);
	}
}

static long vmem_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *user = (void __user *)uarg;
	struct vmem_call call = { .view = file->private_data };
	const struct vmem_ioctl_out *out;
	const struct vmem_ioctl *ioctl;
	u64 arg[VMEM_ARG_MAX / sizeof(u64)];
	u32 size;
	int ret, err;

	if (cmd != _IO(VMEM_IOC_TYPE, _IOC_NR(cmd)) ||
	    _IOC_NR(cmd) >= ARRAY_SIZE(vmem_ioctls))
		return -ENOTTY;
	ioctl = &vmem_ioctls[_IOC_NR(cmd)];
	if (!ioctl->run)
		return -ENOTTY;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < ioctl->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(arg, ioctl->size, user, size);
	if (ret)
		return ret;

	for (out = ioctl->out; out < ioctl->out + ARRAY_SIZE(ioctl->out); out++)
		memset((void *)arg + out->start, 0, out->end - out->start);
	call.guest = call.view->guest;
	if (ioctl->right & ~call.view->rights)
		ret = -EACCES;
	else
		ret = ioctl->run(&call, arg);

	err = vmem_ioctl_answer(ioctl, arg, user, size);
	vmem_call_end(&call, !ret && !err);
	return err ?: ret;
}

static int vmem_open(struct inode *inode, struct file *file)
{
	struct vmem_view *view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);

	if (!view)
		return -ENOMEM;
	view->guest = vmem_guest_make();
	if (!view->guest) {
		kfree(view);
		return -ENOMEM;
	}
	view->rights = VMEM_RIGHTS_ALL;
	vmem_debugfs_add_guest(view->guest);
	file->private_data = view;
	return nonseekable_open(inode, file);
}

static int vmem_release(struct inode *inode, struct file *file)
{
	struct vmem_view *view = file->private_data;

	vmem_guest_put(view->guest);
	kfree(view);
	return 0;
}

static const struct file_operations vmem_fops = {
	.owner		= THIS_MODULE,
	.open		= vmem_open,
	.release	= vmem_release,
	.unlocked_ioctl	= vmem_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= vmem_region_mmap,
};

static struct miscdevice vmem_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "vmem",
	.fops	= &vmem_fops,
	.mode	= 0600,
};

static int __init vmem_init(void)
{
	int ret;

	vmem_debugfs_init();
	ret = misc_register(&vmem_device);
	if (ret)
		vmem_debugfs_exit();
	return ret;
}
module_init(vmem_init);

static void __exit vmem_exit(void)
{
	misc_deregister(&vmem_device);
	vmem_debugfs_exit();
}
module_exit(vmem_exit);

MODULE_DESCRIPTION("Build, translate and walk the address spaces of a guest");
MODULE_VERSION(VMEM_RELEASE);
MODULE_LICENSE("GPL");
