# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# libvmem: build/libvmem.a and build/libvmem.so. Included by the Makefile at the
# top.

VERSION := $(shell sed -n 's/^.define VMEM_RELEASE.*"\(.*\)"/\1/p' module/main.c)
LIBVMEM_SOVERSION := 0
# What unpacks dumps: codec-NAME.c, where the header of its library is there.
codecs := $(shell for codec in zlib lzo snappy zstd; do \
	$(CC) $(CFLAGS) -w -fsyntax-only tools/lib/codec-$$codec.c 2> /dev/null && echo $$codec; \
	done)
codec_libs := $(patsubst %,-l%,$(subst lzo,lzo2,$(subst zlib,z,$(codecs))))
# Weak names alone need no library in the linker's eyes.
LIBVMEM_LIBS := -Wl,--push-state,--no-as-needed $(codec_libs) -Wl,--pop-state

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

lib_sources := $(filter-out tools/lib/codec-%.c,$(wildcard tools/lib/*.c)) \
	$(codecs:%=tools/lib/codec-%.c)
lib_objects := $(lib_sources:tools/lib/%.c=$(BUILD)/lib/%.o)
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
		-Wl,--version-script=tools/lib/libvmem.map -o $@ $(lib_objects) \
		$(LIBVMEM_LIBS)

$(BUILD)/libvmem.so: $(libvmem_so)
	ln -sf $(<F) $@
