# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# The example VMM, build/vmem-run, and programs for it in build/programs/. Included
# by the Makefile at the top.

vmm_programs := $(patsubst tools/vmm/programs/%.c,$(BUILD)/programs/%.elf,\
	$(wildcard tools/vmm/programs/*.c))
TOOLS += $(BUILD)/vmem-run $(vmm_programs)

vmm_cflags := $(tools_cflags) -D__SANE_USERSPACE_TYPES__ -Iinclude/uapi \
	-Itools/lib
# What the tests use too.
vmm_sources := tools/vmm/vcpu.c tools/vmm/vectors.S tools/vmm/guest.c \
	tools/vmm/program.c
vmm_headers := $(wildcard tools/vmm/*.h tools/vmm/programs/*.h) tools/lib/libvmem.h \
	include/uapi/linux/vmem.h tools/vmm/build.mk

# Static, to run where there are no libraries: in a VM's initramfs.
STATIC := -static
$(BUILD)/vmem-run: tools/vmm/vmem-run.c tools/vmm/calls.c tools/vmm/show.c \
		$(vmm_sources) \
		$(LIBVMEM) $(vmm_headers)
	$(CC) $(vmm_cflags) $(CFLAGS) $(LDFLAGS) $(STATIC) -o $@ \
		$(filter-out %.h %.mk,$^)

# Nothing of the C library, and no registers but the general ones. Each segment
# begins on a page of its own, so that it can have its own permissions.
program_cflags := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	-ffreestanding -fno-pic \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-mgeneral-regs-only -mno-red-zone -fno-strict-aliasing \
	-fno-strict-overflow -I. -Itools/include
program_ldflags := -nostdlib -static -Wl,-z,separate-code \
	-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,-z,norelro \
	-Wl,--build-id=none

$(BUILD)/programs/huge.elf: program_ldflags += -Wl,-Tbss=0x40000000
$(BUILD)/programs/%.elf: tools/vmm/programs/%.c tools/vmm/programs/start.S \
		$(wildcard vmem/*.h) $(vmm_headers)
	@mkdir -p $(@D)
	$(CC) $(program_cflags) $(program_ldflags) -o $@ \
		$< tools/vmm/programs/start.S

# A vCPU judges: tests for a VM with KVM inside, and for any machine with KVM.
# It is the VMM's own code that they run.
define judge_rule
build/selftest/$(1): $(call selftest_sources,$(1)) tools/selftest/ktap.c \
		tools/selftest/judge.c $(vmm_sources) $(BUILD)/libvmem.a $(selftest_headers) $(vmm_headers)
	@mkdir -p $$(@D)
	$$(CC) $(selftest_cflags) -D__SANE_USERSPACE_TYPES__ -Itools/lib $$(CFLAGS) \
		-o $$@ $$(filter %.c %.S %.a,$$^)
endef
$(foreach t,vcpu live,$(eval $(call judge_rule,$(t))))

selftests: build/selftest/vcpu build/selftest/live $(vmm_programs)
