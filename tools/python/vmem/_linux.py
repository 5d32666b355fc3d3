# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The Linux of a guest, as it tells of itself in memory."""

from __future__ import annotations

import errno
import os
from typing import Any, NamedTuple

import cffi  # type: ignore[import]

from ._library import Error, ffi, lib

_free: Any = cffi.FFI()
_free.cdef("void free(void *);")
_libc = _free.dlopen(None)


class Process(NamedTuple):
    """A process that has a space of its own."""

    #: as the whole guest counts them
    pid: int
    #: what it calls itself, which may be anything, control characters too: print its
    #: repr(). Bytes that aren't UTF-8 stand as \xNN
    name: str
    #: of its space, as the kernel uses it
    root: int
    #: as user mode does, where that is another (page-table isolation)
    user_root: int | None
    #: its name as it is, up to 15 bytes
    comm: bytes


class Linux(NamedTuple):
    """What a guest's Linux says of itself, and may have made up."""

    #: of the kernel, as uname(1) tells it
    release: str
    #: of the kernel's own space (swapper_pg_dir)
    root: int
    #: of the tables of all spaces
    levels: int
    #: the bit of an entry that says encrypted (SME)
    c_bit: int | None
    #: in the order of the kernel's list
    processes: list[Process]
    #: why these aren't all, or none; None: they are all
    why: str | None

    def process(self, pid: int) -> Process:
        """That of a pid. Error: ENOENT: there is none with a space of its own, or it
        isn't known."""
        for process in self.processes:
            if process.pid == pid:
                return process
        why = f": {self.why}" if self.why else ""
        raise Error(errno.ENOENT, f"process {pid}: there is none with a space of its "
                    f"own{why}")


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def _string(data: Any) -> str:
    return _text(ffi.string(data))


def _process(one: Any) -> Process:
    comm = ffi.string(one.comm)
    return Process(one.pid, _text(comm), one.root, one.user_root or None, comm)


def find(guest: Any, processes: bool = True) -> Linux:
    """Of a guest of libvmem, with its lock held."""
    about = ffi.new("struct vmem_linux *")
    why = ffi.new(f"char[{lib.DUMP_WHY_LEN}]")
    ret = lib.vmem_linux_find(guest, about, 0, why)
    if ret:
        raise Error(-ret, _string(why) if ret == -errno.ENOENT else os.strerror(-ret))
    found: list[Process] = []
    text = ""
    if processes:
        known = ffi.new("struct vmem_linux_list *")
        ret = lib.vmem_linux_processes(guest, about, known)
        text = _string(known.why) or (os.strerror(-ret) if ret else "")
        try:
            found = [_process(one) for one in known.processes[0:known.nr]] \
                if known.nr else []
        finally:
            _libc.free(known.processes)
    return Linux(_string(about.release), about.root, about.levels,
                 about.enc_bit or None, found, text or None)
