// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86-64 with 5 levels of tables.
 */
#include "../vmem/fmt_x86_64.h"

#define VMEM_FMT	vmem_fmt_x86_64_5level
#define VMEM_FMT_NUMBERS	VMEM_X86_64_NUMBERS(5)
#define VMEM_FMT_ID	VMEM_IOC_FORMAT_X86_64_5LEVEL
#define VMEM_FMT_FACTS	vmem_x86_64_space_facts
#define VMEM_FMT_MAP	vmem_x86_64_map
#define VMEM_FMT_WALK_SPACE	vmem_x86_64_walk_space
#define VMEM_FMT_WALK_END	vmem_x86_64_walk_end
#define VMEM_FMT_OPS	vmem_format_x86_64_5level
#include "space_fmt.h"
