// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reads and writes a page, calls the VMM, and writes again. Without --protect
 * nothing happens; where the VMM made the page read-only meanwhile, the second
 * write is a #PF, error 0x7 (in ring 0 0x3), only if what the vCPU remembers of it was flushed.
 */
#include "runtime.h"

static unsigned long page[512] __attribute__((aligned(4096), section(".data"))) = { 1 };

int program(const struct program_info *info)
{
	poke((unsigned long)page, 2);
	vmm_call(0);
	if (peek((unsigned long)page) != 2)
		return 1;
	poke((unsigned long)page, 3);
	print("written twice\n");
	return 0;
}
