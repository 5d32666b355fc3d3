// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core over each format and the memory of a guest.
 */
#include "../vmem/formats.h"
#include "ops.h"

DEFINE_VMEM_FORMATS(vmem_table_ops, vmem_quick_ops);
