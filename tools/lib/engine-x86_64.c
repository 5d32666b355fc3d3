// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The core for x86-64, with 4 and with 5 levels.
 */
#include "../../vmem/fmt_x86_64.h"
#include "engine.h"

DEFINE_ENGINE(engine_x86_64_4level, vmem_fmt_x86_64_4level);
DEFINE_ENGINE(engine_x86_64_5level, vmem_fmt_x86_64_5level);
