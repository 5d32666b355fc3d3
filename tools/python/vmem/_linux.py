# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The Linux of a guest, as it tells of itself in memory."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

import cffi

from ._library import Error, ffi, lib

_free = cffi.FFI()
_free.cdef("void free(void *);")
_libc = _free.dlopen(None)


class Process(NamedTuple):
    """A process that has a space of its own."""

    #: as the whole guest counts them
    pid: int
    #: any text: a process may call itself what it will
    name: str
    #: of its space, as the kernel uses it
    root: int
    #: as user mode does, where that is another (page-table isolation)
    user_root: int | None


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


def _text(data) -> str:
    return ffi.string(data).decode(errors="backslashreplace")


def find(guest, processes: bool = True) -> Linux:
    """Of a guest of libvmem, with its lock held."""
    about = ffi.new("struct vmem_linux *")
    why = ffi.new(f"char[{lib.DUMP_WHY_LEN}]")
    ret = lib.vmem_linux_find(guest, about, 0, why)
    if ret:
        raise Error(-ret, _text(why) if ret == -errno.ENOENT else os.strerror(-ret))
    found: list[Process] = []
    text = ""
    if processes:
        known = ffi.new("struct vmem_linux_list *")
        ret = lib.vmem_linux_processes(guest, about, known)
        text = _text(known.why) or (os.strerror(-ret) if ret else "")
        found = [Process(one.pid, _text(one.comm), one.root, one.user_root or None)
                 for one in known.processes[0:known.nr]] if known.nr else []
        _libc.free(known.processes)
    return Linux(_text(about.release), about.root, about.levels, about.enc_bit or None,
                 found, text or None)
