// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints themselves, below all who pass by one.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
