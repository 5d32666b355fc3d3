# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# vmem(1): build/vmem, which needs libc only. Included by the Makefile at the
# top.

TOOLS += $(BUILD)/vmem

# libvmem has no use yet for the table of how files begin.
cli_sources := $(wildcard tools/cli/*.c) tools/lib/magic.c

$(BUILD)/vmem: $(cli_sources) tools/cli/cli.h tools/lib/libvmem.h \
		tools/lib/magic.h \
		include/uapi/linux/vmem.h tools/cli/build.mk $(LIBVMEM)
	$(CC) $(tools_cflags) -D_GNU_SOURCE -D__SANE_USERSPACE_TYPES__ \
		-Iinclude/uapi -Itools/lib $(CFLAGS) $(LDFLAGS) -o $@ \
		$(cli_sources) $(LIBVMEM) $(LIBVMEM_LIBS)
