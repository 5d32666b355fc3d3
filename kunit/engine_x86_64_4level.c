// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine over x86-64 with 4 levels.
 */
#include "engine.h"

#include "../vmem/fmt_x86_64.h"

DEFINE_ENGINE(x86_64_4level, vmem_fmt_x86_64_4level, x86_64_4level_rules);
