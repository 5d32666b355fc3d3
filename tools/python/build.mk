# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# The Python package, build/python/vmem: what is here, and what cffi is told of the
# library, made of its headers. Included by the Makefile at the top.

PYTHON_FILES := $(patsubst tools/python/%,%,$(wildcard tools/python/vmem/*.py)) \
	vmem/_cdef.py vmem/py.typed
TOOLS += $(PYTHON_FILES:%=$(BUILD)/python/%)
install-files: $(PYTHON_FILES:%=$(BUILD)/python/%)

$(BUILD)/python/%.py: tools/python/%.py
	@mkdir -p $(@D)
	cp $< $@

$(BUILD)/python/vmem/_cdef.py: tools/python/cdef tools/lib/libvmem.h tools/lib/libvmem-dump.h \
		include/uapi/linux/vmem.h
	@mkdir -p $(@D)
	tools/python/cdef $(CC) -Iinclude/uapi -Itools/lib > $@

# it has type hints
$(BUILD)/python/vmem/py.typed:
	@mkdir -p $(@D)
	touch $@
