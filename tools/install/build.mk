# SPDX-License-Identifier: GPL-2.0-only
#
# What `make install` puts where, and `make uninstall` takes out again; the manual
# pages. Included by the Makefile at the top.
#
# A program with a manual page is for users, and installed. Nothing is built that
# `make tools` has built already, and nothing else is written to $(BUILD), so that
# another user can install.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
UDEVDIR ?= $(PREFIX)/lib/udev
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
# Where the Python that is here looks below PREFIX, or would if it were of there.
PYTHONDIR ?= $(or $(shell python3 -c 'import site, sys; print("".join([d for d in \
	site.getsitepackages() if d.startswith(sys.argv[1] + "/lib/")][:1]))' \
	'$(PREFIX)' 2> /dev/null),$(PREFIX)/lib/python3/dist-packages)
SCDOC ?= scdoc

PROGRAMS := $(patsubst Documentation/man/%.1.scd,%,$(wildcard Documentation/man/*.1.scd))
MANPAGES := $(PROGRAMS:%=%.1)
TOOLS += $(if $(shell command -v $(SCDOC)),$(MANPAGES:%=$(BUILD)/%))

$(BUILD)/%.1: Documentation/man/%.1.scd
	@mkdir -p $(@D)
	@command -v $(SCDOC) > /dev/null || { \
		echo 'no scdoc, which makes manual pages: install it, or give' \
			'MANPAGES= to install none' >&2; exit 2; }
	$(SCDOC) < $< > $@

# Paths below PREFIX are said by it in libvmem.pc, as pkg-config expects.
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
libvmem_so_file = libvmem.so.$(VERSION)

# What make and sed can't be given, and a libvmem.pc can't say.
paths = $(BINDIR) $(LIBDIR) $(INCLUDEDIR) $(MANDIR) $(PKGCONFIGDIR) $(UDEVDIR) \
	$(SYSUSERSDIR) $(PYTHONDIR)
odd = $(strip $(foreach char,' " & ` \ ; | < > * ?,$(findstring \
	$(char),$(DESTDIR) $(paths))))
check_paths = $(if $(odd),$(error $(odd) in PREFIX, DESTDIR or another \
	directory))$(if $(word 2,$(DESTDIR)),$(error a space in DESTDIR))$(if \
	$(filter-out 8,$(words $(paths)))$(filter-out /%,$(paths)),$(error \
	PREFIX and directories have to be absolute, and without spaces))

# With DESTDIR there is nobody yet who could link to the library, be in a group, or
# have a /dev/vmem that was there before.
if_here = [ -n '$(DESTDIR)' ] || [ "$$(id -u)" != 0 ] ||

.PHONY: install-files
install-files: $(BUILD)/libvmem.a $(BUILD)/libvmem.so \
	$(addprefix $(BUILD)/,$(PROGRAMS) $(MANPAGES))

install: install-files
	$(check_paths)
	rm -f $(DESTDIR)$(LIBDIR)/$(notdir $(libvmem_so)).*
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR) $(INCLUDEDIR)/linux \
		$(PKGCONFIGDIR) $(UDEVDIR)/rules.d $(SYSUSERSDIR) $(PYTHONDIR)/vmem)
	install -m 755 $(PROGRAMS:%=$(BUILD)/%) $(DESTDIR)$(BINDIR)
	install -m 644 $(BUILD)/libvmem.a $(DESTDIR)$(LIBDIR)
	install -m 755 $(libvmem_so) $(DESTDIR)$(LIBDIR)/$(libvmem_so_file)
	ln -sf $(libvmem_so_file) $(DESTDIR)$(LIBDIR)/$(notdir $(libvmem_so))
	ln -sf $(notdir $(libvmem_so)) $(DESTDIR)$(LIBDIR)/libvmem.so
	install -m 644 tools/lib/libvmem.h tools/lib/libvmem-dump.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 include/uapi/linux/vmem.h $(DESTDIR)$(INCLUDEDIR)/linux
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(codec_libs)|; s|@LIBDIR@|$(call below_prefix,$(LIBDIR))|; s|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' \
		tools/lib/libvmem.pc.in > $(DESTDIR)$(PKGCONFIGDIR)/libvmem.pc
	chmod 644 $(DESTDIR)$(PKGCONFIGDIR)/libvmem.pc
	install -m 644 tools/install/60-vmem.rules $(DESTDIR)$(UDEVDIR)/rules.d
	install -m 644 tools/install/vmem.conf $(DESTDIR)$(SYSUSERSDIR)
	install -m 644 $(PYTHON_FILES:%=$(BUILD)/python/%) $(DESTDIR)$(PYTHONDIR)/vmem
ifneq ($(MANPAGES),)
	install -d $(DESTDIR)$(MANDIR)/man1
	install -m 644 $(MANPAGES:%=$(BUILD)/%) $(DESTDIR)$(MANDIR)/man1
endif
	@$(if_here) PATH=$$PATH:/usr/sbin:/sbin ldconfig
	@$(if_here) ! command -v udevadm > /dev/null || { udevadm control --reload && \
		udevadm trigger --action=change --sysname-match=vmem || :; }
	@$(if_here) getent group vmem > /dev/null || \
		echo 'There is no group vmem yet, which may use /dev/vmem. To make it:' \
			'systemd-sysusers $(SYSUSERSDIR)/vmem.conf &&' \
			udevadm trigger --action=change --sysname-match=vmem
	@$(if_here) [ -n '$(filter /etc/% /usr/lib/% /usr/local/lib/%,$(UDEVDIR))' ] || \
		echo 'udev reads no rules there. To make it:' \
			cp $(UDEVDIR)/rules.d/60-vmem.rules /etc/udev/rules.d

uninstall:
	$(check_paths)
	rm -f $(addprefix $(DESTDIR), \
		$(PROGRAMS:%=$(BINDIR)/%) $(MANPAGES:%=$(MANDIR)/man1/%) \
		$(addprefix $(LIBDIR)/,libvmem.a libvmem.so \
			$(notdir $(libvmem_so)) $(notdir $(libvmem_so)).*) \
		$(INCLUDEDIR)/libvmem.h $(INCLUDEDIR)/libvmem-dump.h $(INCLUDEDIR)/linux/vmem.h \
		$(PKGCONFIGDIR)/libvmem.pc $(UDEVDIR)/rules.d/60-vmem.rules \
		$(SYSUSERSDIR)/vmem.conf $(PYTHON_FILES:%=$(PYTHONDIR)/%))
	rm -rf $(DESTDIR)$(PYTHONDIR)/vmem/__pycache__
	rmdir $(DESTDIR)$(PYTHONDIR)/vmem 2> /dev/null || :
	@$(if_here) PATH=$$PATH:/usr/sbin:/sbin ldconfig

# A kernel's headers have no System.map, without which its own rule runs no depmod.
modules_install: modules
	$(MAKE) -C $(KDIR) M=$(CURDIR) \
		INSTALL_MOD_PATH='$(abspath $(or $(DESTDIR),$(INSTALL_MOD_PATH)))' $@
	$(if $(DESTDIR)$(INSTALL_MOD_PATH),,PATH=$$PATH:/usr/sbin:/sbin; \
		depmod "$$(modinfo -F vermagic ./vmem.ko | cut -d' ' -f1)")
