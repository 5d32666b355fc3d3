// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine over x86-64 with 5 levels.
 */
#include "engine.h"

#include "../vmem/fmt_x86_64.h"

DEFINE_ENGINE(x86_64_5level, vmem_fmt_x86_64_5level, x86_64_5level_rules);
