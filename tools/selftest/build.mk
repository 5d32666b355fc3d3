# SPDX-License-Identifier: GPL-2.0-only
#
# The tests of /dev/vmem: static programs in build/selftest/, one a subject.
# Included by the Makefile at the top, which reads SELFTESTS (programs for any
# kernel) and SELFTESTS_DEBUG (those that need fault injection).

SELFTESTS += abi errno read access map sizes attrs change follow hostile owned view debugfs life why rounds dirty large
SELFTESTS_DEBUG += failnth

selftest_cflags := -std=gnu11 -O2 -g -Wall -Wextra -Wstrict-prototypes \
	-Wmissing-prototypes -Wno-unused-parameter -static -pthread \
	-Iinclude/uapi -Itools/selftest
selftest_common := tools/selftest/ktap.c tools/selftest/guest.c \
	tools/selftest/model.c tools/selftest/cgroup.c tools/selftest/calls.c \
	tools/selftest/tree.c tools/selftest/pool.c tools/selftest/refused.c
selftest_headers := include/uapi/linux/vmem.h kunit/refused.h \
	$(wildcard tools/selftest/*.h)

# A program is its own source, and those whose names go on from its name.
selftest_sources = tools/selftest/$(1).c $(wildcard tools/selftest/$(1)-*.c)

define selftest_rule
build/selftest/$(1): $(call selftest_sources,$(1)) $(selftest_common) $(selftest_headers)
	@mkdir -p $$(@D)
	$$(CC) $$(selftest_cflags) $$(CFLAGS) -o $$@ $$(filter %.c %.a,$$^)
endef
$(foreach t,$(SELFTESTS) $(SELFTESTS_DEBUG),$(eval $(call selftest_rule,$(t))))

# By either back end of the library.
build/selftest/access: $(BUILD)/libvmem.a
build/selftest/access: selftest_cflags += -D__SANE_USERSPACE_TYPES__ -Itools/lib

.PHONY: selftests
selftests: $(addprefix build/selftest/,$(SELFTESTS) $(SELFTESTS_DEBUG))
