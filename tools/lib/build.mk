# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# libvmem: build/libvmem.a and build/libvmem.so. Included by the Makefile at the
# top.

VERSION := $(shell sed -n 's/^.define VMEM_RELEASE.*"\(.*\)"/\1/p' module/main.c)
LIBVMEM_SOVERSION := 0

libvmem_so := $(BUILD)/libvmem.so.$(LIBVMEM_SOVERSION)
TOOLS += $(BUILD)/libvmem.a $(libvmem_so) $(BUILD)/libvmem.so

cc_option = $(shell $(CC) -Werror $(1) -c -xc -o /dev/null /dev/null 2> /dev/null && echo $(1))
tools_cflags := -std=gnu11 -O2 -g -Wall -Wextra -Wstrict-prototypes \
	-Wmissing-prototypes -Wdeclaration-after-statement -Wvla
# The core is written for the kernel's dialect of C, and for its warnings.
core_cflags := $(tools_cflags) -fno-strict-aliasing -fno-strict-overflow \
	-mgeneral-regs-only -Wno-unused-parameter \
	$(call cc_option,-Wno-maybe-uninitialized) -Itools/include -Iinclude/uapi
lib_cflags := $(core_cflags) -fPIC -fvisibility=hidden \
	-DVMEM_VERSION='"$(VERSION)"' -Itools/lib

# magic.c is the command's alone as long as the library opens no files
lib_objects := $(patsubst tools/lib/%.c,$(BUILD)/lib/%.o, \
	$(filter-out tools/lib/magic.c,$(wildcard tools/lib/*.c)))
lib_headers := $(wildcard tools/lib/*.h vmem/*.h tools/include/*/*.h) \
	include/uapi/linux/vmem.h

$(BUILD)/lib/%.o: tools/lib/%.c $(lib_headers) tools/lib/build.mk
	@mkdir -p $(@D)
	$(CC) $(lib_cflags) $(CFLAGS) -c -o $@ $<

# One object, of which only the public names are left.
$(BUILD)/lib/libvmem.o: $(lib_objects)
	$(LD) -r -o $@ $^
	objcopy --localize-hidden $@

$(BUILD)/libvmem.a: $(BUILD)/lib/libvmem.o
	@rm -f $@
	$(AR) rcs $@ $^

$(libvmem_so): $(lib_objects) tools/lib/libvmem.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,defs \
		-Wl,--version-script=tools/lib/libvmem.map -o $@ $(lib_objects)

$(BUILD)/libvmem.so: $(libvmem_so)
	ln -sf $(<F) $@
