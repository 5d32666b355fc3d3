# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A guest's first page tables from Python: map, translate, walk, in this process
(lib.c does the same). cffi reads the headers as the C preprocessor gives them.

    python3 lib.py LIBVMEM.SO [-IDIRECTORY...]
"""

import mmap
import os
import re
import subprocess
import sys

import cffi

MIB = 1 << 20


def preprocessed(text, *flags):
    """C, without what cffi does not know. It needs no alignment said: on x86-64
    each field has its natural one."""
    command = ["cc", "-E", "-P", "-D__attribute__(x)=", "-D__extension__=",
               "-D__signed__=signed", "-D_LINUX_POSIX_TYPES_H",
               "-U__SIZEOF_INT128__", *flags, "-"]
    return subprocess.run(command, input=f"#include <libvmem.h>\n{text}",
                          check=True, stdout=subprocess.PIPE, text=True).stdout


def load(path, *flags):
    """The library, with VMEM_IOC_* as IOC_*, and cffi."""
    names = re.findall(r"#define VMEM_(IOC_\w+) ",
                       preprocessed("", "-dM", *flags))
    text = preprocessed("enum {" + ", ".join(
        f"{name} = VMEM_{name}" for name in sorted(names)) + "};", *flags)
    sizes = r"typedef char vmem_ioc_assert_(\w+)\[sizeof.*?\((\d+)\).*?;"
    ffi = cffi.FFI()
    ffi.cdef(re.sub(rf"{sizes}|#pragma.*", "", text))
    for name, size in re.findall(sizes, text):
        if ffi.sizeof(f"struct {name}") != int(size):
            raise TypeError(f"struct {name}")
    return ffi.dlopen(path), ffi


def main(path, *flags):
    lib, ffi = load(path, *flags)

    def must(ret):
        if ret < 0:
            raise OSError(-ret, os.strerror(-ret))
        return ret

    def pointer(data):
        return int(ffi.cast("unsigned long", data))

    def arg(name, **fields):
        kind = f"struct vmem_ioc_{name}"
        return ffi.new(f"{kind} *", {"size": ffi.sizeof(kind), **fields})

    memory = ffi.from_buffer(mmap.mmap(-1, 16 * MIB))
    out = ffi.new("struct vmem_guest **")
    must(lib.vmem_open_local(out))
    guest = out[0]

    must(lib.vmem_region_create(guest, arg(
        "region_create", kind=lib.IOC_REGION_USER, len=16 * MIB,
        user_addr=pointer(memory))))
    tables = ffi.new("struct vmem_ioc_range *", {"gpa": MIB, "len": MIB})
    pool = arg("pool_create", ranges=pointer(tables), nr_ranges=1)
    must(lib.vmem_pool_create(guest, pool))
    space = arg("space_create", flags=lib.IOC_SPACE_NEW, pool=pool.out_id,
                format=lib.IOC_FORMAT_X86_64_4LEVEL)
    must(lib.vmem_space_create(guest, space))
    text = ffi.new("struct vmem_ioc_mapping *", {
        "va": 0x400000, "gpa": 2 * MIB, "len": 64 << 10,
        "kind": lib.IOC_KIND_BASIC,
        "attrs": lib.IOC_ATTR_R | lib.IOC_ATTR_X | lib.IOC_ATTR_U})
    change = arg("map", space=space.out_id, mappings=pointer(text), nr=1)
    must(lib.vmem_space_map(guest, change))
    print(f"CR3 = {space.out_root:#x}, flush: {change.change.out_flush}")

    va = ffi.new("__u64 *", 0x401234)
    result = ffi.new("struct vmem_ioc_result *")
    must(lib.vmem_space_translate(guest, arg(
        "translate", space=space.out_id, nr=1, vas=pointer(va),
        results=pointer(result))))
    if result.status == lib.IOC_OK:
        print(f"{va[0]:#x} -> {result.gpa:#x}")

    spaces = ffi.new("__u32[]", [space.out_id])
    walker = ffi.new("struct vmem_walker **")
    must(lib.vmem_walk_create(guest, arg(
        "walk_create", spaces=pointer(spaces), nr=1, last=2**64 - 1), walker))
    records = ffi.new("struct vmem_ioc_record[16]")
    while nr := must(lib.vmem_walk_read(walker[0], records, 16)):
        for record in records[0:nr]:
            if record.type == lib.IOC_REC_MAPPING:
                print(f"{record.va:#x} + {record.len:#x} -> {record.gpa:#x}")
    lib.vmem_walk_close(walker[0])
    lib.vmem_close(guest)


main(*sys.argv[1:])
