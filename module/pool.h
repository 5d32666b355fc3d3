/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pools as objects: their life, and the calls on them.
 */
#ifndef _VMEM_MODULE_POOL_H
#define _VMEM_MODULE_POOL_H

#include "object.h"

extern const struct vmem_object_ops vmem_pool_ops;

#endif /* _VMEM_MODULE_POOL_H */
