// SPDX-License-Identifier: GPL-2.0-only
/*
 * live [--local] [CASE...]: stories of a running guest. A vCPU of KVM runs on
 * tables that vmem, the module or libvmem in this process, builds, shares,
 * moves, changes and frees meanwhile.
 */
#include "live.h"

static const struct ktap_case cases[] = {
	BOTH(shared_tables_two),
	BOTH(shared_tables_eight),
	BOTH(frozen_tree_moves),
	BOTH(change_around_a_running_vcpu),
	BOTH(sizes_under_a_running_vcpu),
	BOTH(quarantine_holds_under_a_vcpu),
	BOTH(hostile_vcpu_writes_its_tables),
};

int main(int argc, char **argv)
{
	return judge_main(cases, ARRAY_SIZE(cases), argc, argv);
}
