# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# The benchmark, build/bench: the core compiled as in a kernel, beside plain
# loops compiled alike. Included by the Makefile at the top.

TOOLS += $(BUILD)/bench

$(BUILD)/bench: $(wildcard tools/bench/*.c tools/bench/*.h vmem/*.h) \
		module/kunit/flat.h tools/bench/build.mk tools/lib/build.mk
	@mkdir -p $(@D)
	$(CC) $(filter-out -mgeneral-regs-only,$(core_cflags)) -D_GNU_SOURCE \
		-DBENCH_COMPILER="\"$$($(CC) --version | sed 1q)\"" \
		-c -o $(BUILD)/bench.o tools/bench/bench.c
	$(CC) $(core_cflags) -D_GNU_SOURCE -o $@ $(filter-out %/bench.c, \
		$(wildcard tools/bench/*.c)) $(BUILD)/bench.o

# What walks over dumps cost the library, beside one of the loops.
$(BUILD)/bench-dumps: tools/bench/dumps/time.c tools/bench/loops.c tools/bench/bench.h \
		$(BUILD)/libvmem.a tools/bench/build.mk
	$(CC) $(core_cflags) -c -o $(BUILD)/bench-loops.o tools/bench/loops.c
	$(CC) $(filter-out -mgeneral-regs-only,$(core_cflags)) -D_GNU_SOURCE -Itools/lib \
		-o $@ tools/bench/dumps/time.c $(BUILD)/bench-loops.o $(BUILD)/libvmem.a \
		$(LIBVMEM_LIBS)
