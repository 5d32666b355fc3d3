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
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "change.h"
#include "debugfs.h"
#include "guest.h"
#include "pages.h"
#include "pool.h"
#include "space.h"
#include "walk.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define VMEM_RELEASE	"0.2.0"

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

#define VMEM_IOCTL(name, function, type, min, need, ...)		\
	[_IOC_NR(VMEM_IOC_##name)] = {					\
		.run		= function,				\
		.size		= sizeof(struct type),			\
		.min_size	= min,					\
		.right		= need,					\
		.out		= { __VA_ARGS__ },			\
	}
#define VMEM_OUT(type, first, last)					\
	{ offsetof(struct type, first), offsetofend(struct type, last) }

static const struct vmem_ioctl vmem_ioctls[] = {
	VMEM_IOCTL(INFO, vmem_ioctl_info, vmem_ioc_info, 120, 0,
		   VMEM_OUT(vmem_ioc_info, out_nr_formats, out_read_max),
		   VMEM_OUT(vmem_ioc_info, out_seen_max, out_change_budget)),
	VMEM_IOCTL(REGION_CREATE, vmem_ioctl_region_create,
		   vmem_ioc_region_create, 48, VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(vmem_ioc_region_create, out_id, out_id),
		   VMEM_OUT(vmem_ioc_region_create, out_mmap_offset,
			    out_mmap_offset)),
	VMEM_IOCTL(REGION_SET, vmem_ioctl_region_set, vmem_ioc_region_set, 24,
		   VMEM_IOC_RIGHT_MANAGE),
	VMEM_IOCTL(POOL_CREATE, vmem_ioctl_pool_create, vmem_ioc_pool_create,
		   32, VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(vmem_ioc_pool_create, out_id, out_capacity)),
	VMEM_IOCTL(POOL_STAT, vmem_ioctl_pool_stat, vmem_ioc_pool_stat, 72,
		   VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(vmem_ioc_pool_stat, out_capacity,
			    out_oldest_generation)),
	VMEM_IOCTL(SPACE_CREATE, vmem_ioctl_space_create,
		   vmem_ioc_space_create, 48, VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(vmem_ioc_space_create, out_id, out_id),
		   VMEM_OUT(vmem_ioc_space_create, out_root, out_root)),
	VMEM_IOCTL(SPACE_GET, vmem_ioctl_space_get, vmem_ioc_space_get, 40,
		   VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(vmem_ioc_space_get, out_links, out_enc_bit)),
	VMEM_IOCTL(MAP, vmem_ioctl_map, vmem_ioc_map, 104,
		   VMEM_IOC_RIGHT_CHANGE, VMEM_OUT(vmem_ioc_map, change, change)),
	VMEM_IOCTL(UNMAP, vmem_ioctl_unmap, vmem_ioc_unmap, 112,
		   VMEM_IOC_RIGHT_CHANGE,
		   VMEM_OUT(vmem_ioc_unmap, change, change)),
	VMEM_IOCTL(PROTECT, vmem_ioctl_protect, vmem_ioc_protect, 120,
		   VMEM_IOC_RIGHT_CHANGE,
		   VMEM_OUT(vmem_ioc_protect, change, change)),
	VMEM_IOCTL(PROMOTE, vmem_ioctl_promote, vmem_ioc_promote, 112,
		   VMEM_IOC_RIGHT_CHANGE,
		   VMEM_OUT(vmem_ioc_promote, change, change)),
	VMEM_IOCTL(LINK, vmem_ioctl_link, vmem_ioc_link, 128,
		   VMEM_IOC_RIGHT_CHANGE,
		   VMEM_OUT(vmem_ioc_link, change, change)),
	VMEM_IOCTL(TRANSLATE, vmem_ioctl_translate, vmem_ioc_translate, 56,
		   VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(vmem_ioc_translate, out_done, out_done)),
	VMEM_IOCTL(WALK_CREATE, vmem_ioctl_walk_create, vmem_ioc_walk_create,
		   56, VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(vmem_ioc_walk_create, out_fd, out_fd)),
	VMEM_IOCTL(FLUSHED, vmem_ioctl_flushed, vmem_ioc_flushed, 16,
		   VMEM_IOC_RIGHT_CHANGE),
	VMEM_IOCTL(VIEW, vmem_ioctl_view, vmem_ioc_view, 16, 0,
		   VMEM_OUT(vmem_ioc_view, out_fd, out_fd)),
	VMEM_IOCTL(LIST, vmem_ioctl_list, vmem_ioc_list, 40,
		   VMEM_IOC_RIGHT_READ,
		   VMEM_OUT(vmem_ioc_list, out_nr, out_cursor)),
	VMEM_IOCTL(DESTROY, vmem_ioctl_destroy, vmem_ioc_destroy, 24,
		   VMEM_IOC_RIGHT_MANAGE,
		   VMEM_OUT(vmem_ioc_destroy, out_flush, out_generation)),
};

union vmem_ioctl_arg {
	struct {
		u32 size;
		u32 flags;
	};
	struct vmem_ioc_info info;
	struct vmem_ioc_region_create region_create;
	struct vmem_ioc_region_set region_set;
	struct vmem_ioc_pool_create pool_create;
	struct vmem_ioc_pool_stat pool_stat;
	struct vmem_ioc_space_create space_create;
	struct vmem_ioc_space_get space_get;
	struct vmem_ioc_map map;
	struct vmem_ioc_unmap unmap;
	struct vmem_ioc_protect protect;
	struct vmem_ioc_promote promote;
	struct vmem_ioc_link link;
	struct vmem_ioc_translate translate;
	struct vmem_ioc_walk_create walk_create;
	struct vmem_ioc_flushed flushed;
	struct vmem_ioc_view view;
	struct vmem_ioc_list list;
	struct vmem_ioc_destroy destroy;
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
		if (call->made->kind == VMEM_OBJECT_SPACE)
			vmem_debugfs_add_space(vmem_to_space(call->made));
		vmem_object_publish(call->guest, call->made);
	} else if (call->made) {
		vmem_object_abort(call->guest, call->made);
	}
	if (call->file) {
		if (publish) {
			fd_install(call->fd, call->file);
		} else {
			put_unused_fd(call->fd);
			fput(call->file);
		}
	}
}

static long vmem_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *user = (void __user *)uarg;
	struct vmem_call call = { .view = file->private_data };
	const struct vmem_ioctl_out *out;
	const struct vmem_ioctl *ioctl;
	union vmem_ioctl_arg arg;
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
	ret = copy_struct_from_user(&arg, ioctl->size, user, size);
	if (ret)
		return ret;

	for (out = ioctl->out; out < ioctl->out + ARRAY_SIZE(ioctl->out); out++)
		memset((void *)&arg + out->start, 0, out->end - out->start);
	call.guest = call.view->guest;
	if (ioctl->right & ~call.view->rights)
		ret = -EACCES;
	else
		ret = ioctl->run(&call, &arg);

	err = vmem_ioctl_answer(ioctl, &arg, user, size);
	vmem_call_end(&call, !ret && !err);
	return err ?: ret;
}

static int vmem_open(struct inode *inode, struct file *file)
{
	struct vmem_view *view = vmem_guest_open();

	if (IS_ERR(view))
		return PTR_ERR(view);
	vmem_debugfs_add_guest(view->guest);
	file->private_data = view;
	return nonseekable_open(inode, file);
}

static int vmem_release(struct inode *inode, struct file *file)
{
	vmem_view_close(file->private_data);
	return 0;
}

const struct file_operations vmem_fops = {
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
