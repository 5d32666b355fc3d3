# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# The examples, build/examples/, which are static so that they run in the VM too.
# Included by the Makefile at the top.

TOOLS += $(addprefix $(BUILD)/examples/,raw lib processes)

$(BUILD)/examples/%: tools/examples/%.c tools/examples/build.mk $(BUILD)/libvmem.a
	@mkdir -p $(@D)
	$(CC) $(tools_cflags) -Iinclude/uapi -Itools/lib $(CFLAGS) $(LDFLAGS) \
		-static -o $@ $< $(BUILD)/libvmem.a
