# SPDX-License-Identifier: GPL-2.0-only
#
# The tests of the core as a program of userspace. Included by the Makefile at
# the top; tools/check builds it with each compiler and the sanitizers.

USERTESTS += $(BUILD)/kunit/vmem_kunit

kunit_cflags := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	-Wno-sign-compare -Wno-missing-field-initializers -Wmissing-prototypes \
	-Wdeclaration-after-statement -fno-strict-aliasing -fno-strict-overflow \
	-DKBUILD_MODNAME='"vmem_kunit"' -DCONFIG_VMEM_KUNIT_TEST=1 -Itools/include -Iinclude/uapi
kunit_objects := $(patsubst kunit/%.c,$(BUILD)/kunit/%.o,$(wildcard kunit/*.c)) \
	$(BUILD)/kunit/user/main.o

$(BUILD)/kunit/%.o: kunit/%.c $(wildcard kunit/*.h vmem/*.h tools/include/*/*.h) \
		kunit/build.mk
	@mkdir -p $(@D)
	$(CC) $(kunit_cflags) $(CFLAGS) -c -o $@ $<

$(BUILD)/kunit/vmem_kunit: $(kunit_objects)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^
