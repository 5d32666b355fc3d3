// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The core over each format and memory of this process.
 */
#include "../../vmem/formats.h"
#include "local-ops.h"

DEFINE_VMEM_FORMATS(local_ops, local_ops.read);
