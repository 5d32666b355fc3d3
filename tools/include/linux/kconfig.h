/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Options of the build for the core in userspace: the kernel includes this always. */
#ifndef _VMEM_SHIM_LINUX_KCONFIG_H
#define _VMEM_SHIM_LINUX_KCONFIG_H

/* Is an option defined to 1? Then what is pasted makes 1 the second argument. */
#define __VMEM_OPTION_1			0,
#define __vmem_second(ignored, value, ...)	value
#define __vmem_option3(one_or_junk)	__vmem_second(one_or_junk 1, 0)
#define __vmem_option2(value)		__vmem_option3(__VMEM_OPTION_##value)
#define __vmem_option(value)		__vmem_option2(value)

#define IS_ENABLED(option)	__vmem_option(option)

#endif /* _VMEM_SHIM_LINUX_KCONFIG_H */
