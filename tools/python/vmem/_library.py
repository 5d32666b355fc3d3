# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""libvmem, as cffi loads it, and its errors."""

from __future__ import annotations

import errno
import os

import cffi

from ._cdef import CDEF

SONAME = "libvmem.so.0"


class Error(OSError):
    """What libvmem, or a file, answers: `errno` says which, `strerror` says it in
    words."""


ffi = cffi.FFI()
ffi.cdef(CDEF)
try:
    lib = ffi.dlopen(SONAME)
except OSError as error:
    raise ImportError(
        f"{error}: install libvmem, or name its directory in LD_LIBRARY_PATH") from None


def version() -> str:
    """The version of libvmem."""
    return ffi.string(lib.vmem_version()).decode()


def pointer(data) -> int:
    """A pointer, as the structs have it."""
    return int(ffi.cast("uintptr_t", data))


def call(name: str, **fields):
    """The struct of a call, with its size."""
    kind = f"struct vmem_ioc_{name}"
    return ffi.new(f"{kind} *", {"size": ffi.sizeof(kind), **fields})


def must(ret: int, what: str, **words: str) -> int:
    """What a call returned, if it went well. `words` are better ones than the C
    library's for some errors, by their names."""
    if ret >= 0:
        return ret
    text = words.get(errno.errorcode.get(-ret, ""), os.strerror(-ret))
    raise Error(-ret, f"{what}: {text}")
