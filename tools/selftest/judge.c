// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which KVM it is that judges, and what it can do.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../vmm/vcpu.h"
#include "judge.h"

/*
 * A machine that does nothing but be there. Without any, KVM changes the
 * kernel's code each time that one comes or goes, for the sake of its preempt
 * notifiers, and QEMU's emulation now and then runs into an int3 of that when
 * another CPU has already put back what it hides.
 */
static struct machine idle;
static bool five;

bool local, of_guest_memfd;

bool five_levels(void)
{
	return five;
}

bool nested(void)
{
	unsigned int eax, name[3];

	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	return !memcmp(name, "TCGTCGTCGTCG", sizeof(name)) &&
	       !access("/sys/module/kvm_amd", F_OK);
}

bool since_linux(unsigned int major, unsigned int minor)
{
	unsigned int is_major, is_minor;
	struct utsname name;

	ASSERT(!uname(&name));
	ASSERT_EQ(sscanf(name.release, "%u.%u", &is_major, &is_minor), 2);
	return is_major > major || (is_major == major && is_minor >= minor);
}

bool guest_memfd_here(void)
{
	struct machine m;
	int fd;

	/* a machine answers only the process that made it */
	ASSERT_OK(machine_open(&m));
	fd = machine_guest_memfd(&m, 4096);
	machine_close(&m);
	if (fd == -EOPNOTSUPP)
		return false;
	ASSERT_OK(fd);
	close(fd);
	return true;
}

void want_guest_memfd(void)
{
	of_guest_memfd = guest_memfd_here();
	if (of_guest_memfd)
		return;
	/* so that no case vanishes unseen */
	ASSERT(!(nested() && since_linux(6, 18)));
	ktap_skip("no guest_memfd that can be mapped (Linux 6.18)");
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
	ktap_msg("judge: %s%s", nested() ? "nested KVM (kvm-amd in QEMU's emulation)" :
		 "the host's /dev/kvm",
		 idle.shadowed ? ", which shadows the guest's tables" : "");
	ktap_msg("tables by %s", local ? "libvmem in this process" : "/dev/vmem");
	if (!five)
		ktap_msg("it has no vCPUs with 5 levels");
}

int judge_main(const struct ktap_case *cases, size_t nr, int argc, char **argv)
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
	/* the CPU that QEMU emulates has them: no case is to vanish unseen */
	if (nested() && !five) {
		ktap_msg("nested KVM must have vCPUs with 5 levels");
		machine_close(&idle);
		return 1;
	}
	ret = ktap_main(cases, nr, argc, argv);
	machine_close(&idle);
	return ret;
}
