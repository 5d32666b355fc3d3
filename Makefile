# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of this tree. The module itself is described by Kbuild; programs
# by a build.mk beside their sources, which adds to
#
#   TOOLS       what `make tools` builds
#   USERTESTS   tests of the core that run in userspace
#   SELFTESTS, SELFTESTS_DEBUG
#               tests that run in a VM, the latter only on the debug kernel
#
# What is built goes to $(BUILD); tools/install/build.mk says what is installed.

# Scripts read what make prints.
MAKEFLAGS += --no-print-directory

BUILD := build
KDIR ?= /lib/modules/$(shell uname -r)/build
# What vmem and vmem-run are linked with.
LIBVMEM := $(BUILD)/libvmem.a

TOOLS :=
USERTESTS :=
SELFTESTS :=
SELFTESTS_DEBUG :=

help:
	@sed -n 's/^#: //p' Makefile

include $(sort $(wildcard tools/*/build.mk kunit/build.mk))

#: Look
#:   make demo         a small guest's tables, walked and explained: no root, no VM
#:   make run          the main job, in a VM: Debian's kernel, the module, a real guest
#:   make shell        a shell in that VM, the module inserted
demo:
	@$(MAKE) -s $(BUILD)/vmem
	@$(BUILD)/vmem demo

run:
	@tools/deps run
	@$(MAKE) -s tools
	@guest=$$(tools/vm/guest 4level) && \
	$(BUILD)/bench --guest="$$guest" --save=$(BUILD)/guest && \
	tools/vm/run stock-6.12 --emulate --memory 2G \
		--module irqbypass --module kvm-amd \
		--disk "$$guest/memory" --file "$$guest/cr3" \
		--file $(BUILD)/story:bin/story \
		--file $(BUILD)/vmem-run:bin/vmem-run \
		--file $(BUILD)/programs tools/vm/story.sh

shell:
	@tools/deps run
	@$(MAKE) -s tools selftests
	@tools/vm/run stock-6.12 --memory 2G --timeout 86400 --shell tools/vm/insert

#: Check
#:   make deps         install what `make run` and `make check` need (Debian, root)
#:   make check        what each change has to pass; one stage: tools/check/run NAME
#:   make check-full   that, more kernels, and what takes long
#:   make check-fresh  make run and make check in a new, minimal Debian 12 and 13
#:   make matrix       accesses in all modes, some 15 million, predicted and made: by
#:                     emulators and by vCPUs; writes Documentation/matrix.rst
#:   make bench        ratios to plain loops over the same memory, and to friendly
#:                     tables; a Linux guest's, too, once `make run` has saved some;
#:                     JSON=1 in JSON; ROWS= those with this in their names
#:   make bench-dumps  walks over a dump beside debuggers', and beside a loop;
#:                     DUMP= an ELF core of a Linux guest, else one is made
#:   make bench-calls  the module's calls: inside, as ratios to the core in the same
#:                     kernel; whole, beside calls of Linux that do alike
deps:
	@tools/deps

check: deps
	@tools/check/run

check-full:
	@tools/deps full
	@tools/check/run --full

check-fresh:
	@tools/check/fresh

matrix: deps
	@tools/mmu/matrix

bench:
	@$(MAKE) -s $(BUILD)/bench
	@$(BUILD)/bench $(if $(JSON),--json) --guest=$(BUILD)/guest $(if $(ROWS),'$(ROWS)')

bench-dumps: deps
	@$(MAKE) -s $(BUILD)/bench-dumps $(BUILD)/vmem
	@tools/bench/dumps/run $(if $(DUMP),'$(DUMP)')

bench-calls: deps
	@tools/vm/bench

#: Build
#:   make tools        the library and the programs, into build/
#:   make modules      the module, for the running kernel or KDIR=
#:   make load, make unload, make clean
#:   make kernel-tree  drivers/vmem in the kernel source at KDIR=, to build and
#:                     test it there; REMOVE=1 takes it out again
tools: $(TOOLS)
usertests: $(USERTESTS)

modules:
	@case '$(CURDIR)' in *[[:space:],:%]*) \
		echo '$(CURDIR): kbuild takes no path with a space, comma, colon or %' \
			>&2; exit 2 ;; esac
	@[ -e '$(KDIR)/Makefile' ] || { \
		echo 'no kernel headers in $(KDIR): install them, or give KDIR=' >&2; \
		exit 2; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) $@

load: modules
	insmod vmem.ko

unload:
	rmmod vmem

# KDIR's default is no source.
kernel-tree:
	@tools/kernel-tree $(if $(REMOVE),--remove) \
		'$(if $(filter-out file,$(origin KDIR)),$(KDIR))'

clean:
	rm -rf $(BUILD)
	@[ ! -d $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) $@

#: Install
#:   make install      the library, the programs, their manual pages, the Python
#:                     package, the udev rule: into PREFIX= (/usr/local), below
#:                     DESTDIR= if given
#:   make modules_install
#:                     the module, for the running kernel or KDIR=
#:   make uninstall    takes out what make install put there
#:   make deb          packages for Debian 12 and 13, into build/deb/: vmem-dkms,
#:                     vmem-tools, libvmem0, libvmem-dev, python3-vmem
deb:
	@tools/deb

print-%:
	@echo $($*)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run shell deps check check-full check-fresh matrix bench bench-dumps bench-calls \
	tools usertests selftests modules modules_install kernel-tree load unload \
	install uninstall deb clean
