# SPDX-License-Identifier: GPL-2.0-only
#
# What runs in the VMs of `make run` and `make bench-calls`. Included by the Makefile
# at the top.

TOOLS += $(BUILD)/story $(BUILD)/figures

$(BUILD)/story: tools/vm/story.c $(BUILD)/libvmem.a
	$(CC) $(tools_cflags) -D_GNU_SOURCE -Iinclude/uapi -Itools/lib $(CFLAGS) -static -o $@ $^

$(BUILD)/figures: tools/vm/figures.c include/uapi/linux/vmem.h
	$(CC) $(tools_cflags) -D_GNU_SOURCE -Iinclude/uapi $(CFLAGS) -static -o $@ $<
