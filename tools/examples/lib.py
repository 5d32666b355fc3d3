# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A guest's first page tables from Python: map, translate, walk, by libvmem's own calls
(lib.c does the same). To look at what is there takes less: see dump.py.

    python3 lib.py          in the module
    python3 lib.py local    in this process
"""

import mmap
import os
import sys

from vmem import ffi, lib

MIB = 1 << 20


def must(ret):
    if ret < 0:
        raise OSError(-ret, os.strerror(-ret))
    return ret


def pointer(data):
    return int(ffi.cast("uintptr_t", data))


def arg(name, **fields):
    kind = f"struct vmem_ioc_{name}"
    return ffi.new(f"{kind} *", {"size": ffi.sizeof(kind), **fields})


def main(local):
    memory = ffi.from_buffer(mmap.mmap(-1, 16 * MIB))
    out = ffi.new("struct vmem_guest **")
    must(lib.vmem_open_local(out) if local else lib.vmem_open(ffi.NULL, out))
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
    change = ffi.new("struct vmem_ioc_change *")
    must(lib.vmem_space_map_one(
        guest, space.out_id, 0x400000, 2 * MIB, 64 << 10,
        lib.IOC_ATTR_R | lib.IOC_ATTR_X | lib.IOC_ATTR_U, change))
    print(f"CR3 = {space.out_root:#x}, flush: {change.out_flush}")

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


main(sys.argv[1:] == ["local"])
