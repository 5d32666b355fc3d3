# SPDX-License-Identifier: GPL-2.0-only
#
# Fuzz targets, by clang and its libFuzzer: the library compiled with its sanitizers.
# Included by the Makefile at the top; `make fuzz` builds them.

FUZZED := elf kdump flat lime avml gzip zstd
FUZZERS := $(FUZZED:%=$(BUILD)/fuzz/dump-%)

.PHONY: fuzz
fuzz: $(FUZZERS)

# what tools/lib/build.mk sets isn't known here yet
$(firstword $(FUZZERS)): tools/fuzz/dump.c $(wildcard tools/lib/*.[ch] vmem/*.h \
		tools/include/*/*.h) include/uapi/linux/vmem.h tools/fuzz/build.mk
	@mkdir -p $(@D)
	clang $(filter-out -Wno-maybe-uninitialized,$(lib_cflags)) -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ tools/fuzz/dump.c $(lib_sources) \
		$(LIBVMEM_LIBS)

# One program, which goes by its name.
$(wordlist 2,$(words $(FUZZERS)),$(FUZZERS)): $(firstword $(FUZZERS))
	ln -f $< $@
