/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the program `hostile` share.
 */
#ifndef SELFTEST_HOSTILE_H
#define SELFTEST_HOSTILE_H

#include "guest.h"
#include "ktap.h"

void changes_4level(void);
void changes_5level(void);
void changes_beside_4level(void);
void changes_beside_5level(void);
void garbage(void);

#endif
