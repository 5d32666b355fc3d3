// SPDX-License-Identifier: GPL-2.0-only
/*
 * live [--local] [CASE...]: stories of a running guest. A vCPU of KVM runs on
 * tables that vmem, the module or libvmem in this process, builds, shares,
 * moves, changes and frees meanwhile.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live.h"

/*
 * A machine that does nothing but be there: without any, KVM patches the
 * kernel's code each time that one comes or goes, and QEMU's emulation now and
 * then runs into what is there for a moment.
 */
static struct machine idle;
static bool five;

bool five_levels(void)
{
	return five;
}

static int idle_open(void)
{
	struct vcpu_start start = { .levels = 5, .system = calloc(1, VCPU_SYSTEM_LEN) };
	struct vcpu *vcpu;
	int ret = machine_open(&idle);

	if (!ret && start.system)
		five = !machine_vcpu(&idle, &start, &vcpu);
	free(start.system);
	return ret;
}

static void tell_judge(void)
{
	unsigned int eax, name[3];
	bool nested;

	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	nested = !memcmp(name, "TCGTCGTCGTCG", sizeof(name)) &&
		 !access("/sys/module/kvm_amd", F_OK);
	ktap_msg("judge: %s%s", nested ? "nested KVM (kvm-amd in QEMU's emulation)" :
		 access("/sys/module/kvm_pvm", F_OK) ? "the host's /dev/kvm" :
		 "the host's /dev/kvm (kvm-pvm)",
		 idle.shadowed ? ", which shadows the guest's tables" : "");
	ktap_msg("tables by %s", local ? "libvmem in this process" : "/dev/vmem");
	if (!five)
		ktap_msg("it has no vCPUs with 5 levels");
}

#define BOTH(fn)	CASE(fn##_4level), CASE_IF(fn##_5level, five_levels)

static const struct ktap_case cases[] = {
	BOTH(shared_tables_two),
	BOTH(shared_tables_eight),
	BOTH(frozen_tree_moves),
	BOTH(change_around_a_running_vcpu),
	BOTH(quarantine_holds_under_a_vcpu),
	BOTH(hostile_vcpu_writes_its_tables),
};

int main(int argc, char **argv)
{
	int ret;

	if (argc > 1 && !strcmp(argv[1], "--local")) {
		local = true;
		argc--;
		argv++;
	}
	ret = idle_open();
	if (ret) {
		ktap_msg("/dev/kvm: %s", strerror(-ret));
		return 1;
	}
	tell_judge();
	ret = ktap_main(cases, ARRAY_SIZE(cases), argc, argv);
	machine_close(&idle);
	return ret;
}
