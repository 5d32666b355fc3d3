// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine over the toy format.
 */
#include "engine.h"

#include "toy.h"

DEFINE_ENGINE(toy, toy_format, toy_rules);
