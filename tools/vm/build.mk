# SPDX-License-Identifier: GPL-2.0-only
#
# What runs in the VM of `make run`. Included by the Makefile at the top.

TOOLS += $(BUILD)/story

$(BUILD)/story: tools/vm/story.c $(BUILD)/libvmem.a
	$(CC) $(tools_cflags) -D_GNU_SOURCE -Iinclude/uapi -Itools/lib $(CFLAGS) -static -o $@ $^
