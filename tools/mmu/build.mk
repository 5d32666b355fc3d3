# SPDX-License-Identifier: GPL-2.0-only
#
# The rig in which emulators' MMUs judge what vmem reads: the guest, a ROM's last
# 64 KiB, and the program that makes the cases and looks at the results. Included
# by the Makefile at the top.

mmu_guest_cflags := -std=gnu11 -O2 -Wall -Wextra -ffreestanding -fno-pic \
	-mcmodel=kernel -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -mgeneral-regs-only -mno-red-zone

$(BUILD)/mmu/guest.elf: tools/mmu/guest/start.S tools/mmu/guest/guest.c \
		tools/mmu/guest/guest.ld tools/mmu/rig.h tools/mmu/build.mk
	@mkdir -p $(@D)
	$(CC) $(mmu_guest_cflags) -nostdlib -static -Wl,-z,noexecstack \
		-Wl,--build-id=none -Wl,-z,norelro -Wl,--no-warn-rwx-segments \
		-T tools/mmu/guest/guest.ld -o $@ \
		$(filter %.S %.c,$^)

$(BUILD)/mmu/guest.bin: $(BUILD)/mmu/guest.elf
	objcopy -O binary -R .bss $< $@

$(BUILD)/mmu/mmu: tools/mmu/mmu.c tools/mmu/cases.c tools/mmu/written.c tools/mmu/judge.c \
		tools/mmu/matrix.c tools/mmu/machine.c tools/vmm/vcpu.c \
		tools/vmm/vectors.S tools/vmm/vcpu.h tools/vmm/kvm-compat.h \
		$(BUILD)/libvmem.a tools/mmu/mmu.h tools/mmu/rig.h \
		tools/lib/libvmem.h include/uapi/linux/vmem.h tools/mmu/build.mk
	@mkdir -p $(@D)
	$(CC) $(tools_cflags) -D__SANE_USERSPACE_TYPES__ -Iinclude/uapi \
		-Itools/lib $(CFLAGS) $(LDFLAGS) $(STATIC) -o $@ $(filter %.c %.S %.a,$^)
