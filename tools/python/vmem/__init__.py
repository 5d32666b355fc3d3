# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The address spaces of a guest (x86-64), in its memory or in a dump of it.

    import vmem

    with vmem.open("dump.elf") as dump:
        print(dump.format, dump.vcpus)
        space = dump.space()                # of the first vCPU with paging
        for m in space.mappings():
            print(f"{m.va:#x} + {m.size:#x} -> {m.gpa:#x}  {m.effective}")
        print(space.translate(0xffffffff81000000))
        print(space.read(0xffffffff81000000, 16))

open() takes ELF cores (QEMU's dump-guest-memory, /proc/vmcore), kdump files, LiME and
AVML captures, raw memory, and each of these in gzip, zlib or zstd. Memory in several
files, or at several places of one, is a Guest:

    guest = vmem.Guest(memory=[(0, "low.raw"),
                               (0x100000000, "high.raw", 0x1000, 0x40000000)])
    space = guest.space(root=0x1c0a000)

The processes of a Linux, and their roots:

    for process in dump.linux().processes:
        half = "user" if process.user_root else "kernel"
        space = dump.space(pid=process.pid, kpti=half)
        for m in space.mappings(last=0x7fffffffffff, follow=True):
            if m.wx:
                print(f"{process.pid} {process.name!r}: {m.va:#x} + {m.size:#x}")

What the dump has of the guest's memory, and what not:

    for gpa, size, here in dump.ranges():
        print(f"{gpa:#x} + {size:#x}{'' if here else ': not in the dump'}")

Nothing of the memory is believed: a walk reports entries that are malformed, tables
that are no memory or not in the dump, and tables that name themselves, and goes on
behind them. Nothing is written. vmem(1), the command, says the same in JSON; as_dict()
of what a walk or a translation gives has its names.

What fails raises Error, an OSError. What is asked for wrongly raises ValueError or
TypeError, and anything on a guest or a space that is closed ValueError. A guest may be
used by several threads, which wait for each other; one walk is for one thread at a time.
The files must not become shorter while they are used: that ends the process by SIGBUS.

`lib` and `ffi` are libvmem itself, for the calls that aren't here (<libvmem.h>, with
VMEM_IOC_* as lib.IOC_*); `handle` of a Guest is its struct vmem_guest *.
"""

from __future__ import annotations

from ._guest import Dump, Guest, Path, Progress, Range, Vcpu
from ._library import Error, ffi, lib, version
from ._linux import Linux, Process
from ._records import Bad, End, Mapping, Nonpresent, Record, Reference, Translation
from ._space import Space, Walk

__all__ = ["open", "Guest", "Dump", "Vcpu", "Range", "Space", "Walk", "Record",
           "Mapping", "Reference", "Bad", "Nonpresent", "End", "Translation", "Linux",
           "Process", "Error", "version", "ffi", "lib"]

for _public in (Guest, Dump, Vcpu, Range, Space, Walk, Record, Mapping, Reference, Bad,
                Nonpresent, End, Translation, Linux, Process, Error, version):
    _public.__module__ = __name__


def open(path: Path,  # pylint: disable=redefined-builtin
         progress: Progress | None = None, tmpdir: Path | None = None) -> Dump:
    """A dump, or a file with raw memory from guest-physical address 0 on. What it is,
    is told by how it begins.

    progress: called once a second while a large file is looked through or unpacked, as
    progress(what, done, total), with what is done, and bytes (total is 0 where it isn't
    known). If it returns what is true, that ends it.

    tmpdir: what is compressed as a whole is unpacked into a file there, which has no
    name and goes with the guest (TMPDIR, or /tmp).
    """
    return Dump(path, progress, tmpdir)
