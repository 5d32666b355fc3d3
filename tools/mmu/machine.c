// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine of KVM for the guest: it begins in long mode, on tables that are made here
 * as its firmware makes them.
 */
#include <errno.h>
#include <string.h>

#include "../vmm/vcpu.h"
#include "mmu.h"

#define SERIAL		0x3f8
#define SERIAL_STATUS	(SERIAL + 5)
#define EXIT_PORT	0xf4
#define SYSTEM		0x1f0000	/* what a vCPU of the VMM begins with */

static void set(char *memory, __u64 table, unsigned int slot, __u64 entry)
{
	memcpy(memory + table + 8 * slot, &entry, 8);
}

static void home_tables(char *memory, bool levels_5)
{
	__u64 gpa, root = RIG_HOME_ROOT;

	memset(memory + RIG_HOME_ROOT, 0, 4 * MMU_PAGE);
	if (levels_5) {
		set(memory, root, RIG_HOME_SLOT, RIG_HOME_ENTRY(RIG_HOME_4));
		root = RIG_HOME_4;
	}
	set(memory, root, RIG_HOME_SLOT, RIG_HOME_ENTRY(RIG_HOME_3));
	set(memory, RIG_HOME_3, 510, RIG_HOME_ENTRY(RIG_HOME_2));
	for (gpa = 0; gpa < RIG_MEMORY_LEN; gpa += 1 << 21)
		set(memory, RIG_HOME_2, gpa >> 21,
		    gpa | ENTRY_P | ENTRY_W | ENTRY_A | ENTRY_D | ENTRY_PS |
		    (gpa == RIG_USER ? ENTRY_U : 0));
	set(memory, RIG_HOME_2, 511,
	    (RIG_ROM_INSTEAD & ~0x1fffffULL) | ENTRY_P | ENTRY_A | ENTRY_D | ENTRY_PS);
}

/* Up to the guest's stop. */
static int run(struct vcpu *vcpu, FILE *text)
{
	struct kvm_run *state = vcpu->run;
	struct vcpu_exit exit;
	int ret;

	while (!(ret = vcpu_run(vcpu, &exit))) {
		if (exit.event == VCPU_OUT && exit.port == SERIAL) {
			/* the clock's divisor goes there, too */
			if (exit.value >= ' ' || exit.value == '\n')
				fputc(exit.value, text);
		} else if (exit.event == VCPU_OUT && exit.port == EXIT_PORT) {
			return 0;
		} else if (exit.event == VCPU_STOPPED && state->exit_reason == KVM_EXIT_IO &&
			   state->io.port == SERIAL_STATUS) {
			/* all that was written has gone out */
			*((char *)state + state->io.data_offset) = 0x60;
		} else if (exit.event == VCPU_STOPPED && state->exit_reason == KVM_EXIT_MMIO) {
			/* no memory: as of a bus where nothing answers */
			if (!state->mmio.is_write)
				memset(state->mmio.data, 0xff, sizeof(state->mmio.data));
		} else if (exit.event != VCPU_OUT) {
			fprintf(stderr, "the vCPU stopped: %s\n", exit.why);
			return -EIO;
		}
	}
	return ret;
}

int mmu_machine_run(char *memory, const char *code, const struct rig_list *list,
		    FILE *text)
{
	bool levels_5 = list->facts & RIG_LEVELS_5;
	const struct vcpu_start start = {
		.levels = levels_5 ? 5 : 4,
		.cr3 = RIG_HOME_ROOT,
		.rip = RIG_HOME + RIG_CODE + RIG_LONG_MODE,
		.rsp = RIG_HOME + RIG_STACK,
		.system = memory + SYSTEM,
		.system_va = RIG_HOME + SYSTEM,
	};
	struct machine machine;
	struct vcpu *vcpu;
	int ret;

	memset(memory + RIG_CODE, 0, RIG_STACK - RIG_CODE);
	memcpy(memory + RIG_CODE, code, RIG_CODE_LEN);
	memcpy(memory + RIG_ROM_INSTEAD, list, sizeof(*list));
	mmu_stamp(memory + RIG_IMAGE);
	home_tables(memory, levels_5);
	ret = machine_open(&machine);
	if (!ret)
		ret = machine_memory(&machine, 0, memory, RIG_MEMORY_LEN, false);
	if (!ret)
		ret = machine_vcpu(&machine, &start, &vcpu);
	if (!ret)
		ret = run(vcpu, text);
	machine_close(&machine);
	return ret;
}
