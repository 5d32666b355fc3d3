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

#include "../vmem/call.h"
#include "calls.h"
#include "debugfs.h"
#include "object.h"
#include "region.h"
#include "space.h"

#define VMEM_RELEASE	"0.2.0"

static const struct file_operations vmem_fops;

/**
 * vmem_ioctl_info() - INFO
 * @call:	the call
 * @arg:	struct vmem_ioc_info
 *
 * Context: sleeps.
 * Return: 0, -EOPNOTSUPP, -EFAULT.
 */
int vmem_ioctl_info(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_info *info = arg;
	struct vmem_ioc_format format;
	struct vmem_ioc_format __user *formats = u64_to_user_ptr(info->formats);
	u32 i;
	int ret = vmem_ioc_info_fill(info, call->view->rights, VMEM_RELEASE);

	if (ret)
		return ret;
	for (i = 0; formats && i < min_t(u32, info->nr_formats, VMEM_NR_FORMATS); i++) {
		vmem_ioc_format_fill(&format, &vmem_formats[i]);
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
int vmem_ioctl_view(struct vmem_call *call, void *arg)
{
	struct vmem_ioc_view *ask = arg;
	struct vmem_view *view;
	int ret;

	if (ask->rights & ~VMEM_RIGHTS_ALL)
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

/**
 * struct vmem_ioctl - a call
 * @run:	carries it out
 * @shape:	of its struct
 */
struct vmem_ioctl {
	int (*run)(struct vmem_call *call, void *arg);
	struct vmem_call_shape shape;
};

#define VMEM_IOCTL(_upper, _lower, ...)					\
	[_IOC_NR(VMEM_IOC_##_upper)] = {				\
		.run	= vmem_ioctl_##_lower,				\
		.shape	= VMEM_CALL_SHAPE(_lower, __VA_ARGS__),		\
	},

static const struct vmem_ioctl vmem_ioctls[] = {
	VMEM_CALLS(VMEM_IOCTL)
};

/* The answer, as far as the caller's struct has room for it. */
static int vmem_ioctl_answer(const struct vmem_call_shape *shape, const void *arg,
			     void __user *user, u32 size)
{
	const struct vmem_call_out *out = shape->out;
	unsigned int i;

	for (i = 0; i < VMEM_CALL_OUTS; i++, out++)
		if (out->start < size &&
		    copy_to_user(user + out->start, arg + out->start,
				 min_t(u32, out->len, size - out->start)))
			return -EFAULT;
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
	const struct vmem_ioctl *ioctl;
	union vmem_call_arg arg;
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
	if (size < ioctl->shape.min_size)
		return -EINVAL;
	if (size > VMEM_CALL_SIZE_MAX)
		return -E2BIG;
	ret = copy_struct_from_user(&arg, ioctl->shape.size, user, size);
	if (ret)
		return ret;

	call.guest = call.view->guest;
	ret = vmem_call_begin(&ioctl->shape, &arg, call.view->rights) ?:
	      ioctl->run(&call, &arg);

	err = vmem_ioctl_answer(&ioctl->shape, &arg, user, size);
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
