# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""libvmem, as cffi loads it, its errors, and what it may be given."""

from __future__ import annotations

import errno
import operator
import os
from typing import Any

import cffi  # type: ignore[import]

from ._cdef import CDEF

SONAME = "libvmem.so.0"
PAGE = 4096
LAST = 2**64 - 1


class Error(OSError):
    """What libvmem, or a file, answers: `errno` says which, `strerror` says it in
    words."""


ffi: Any = cffi.FFI()
ffi.cdef(CDEF)
try:
    lib: Any = ffi.dlopen(SONAME)
except OSError as error:
    raise ImportError(
        f"{error}: install libvmem, or name its directory in LD_LIBRARY_PATH") from None


def version() -> str:
    """The version of libvmem."""
    return str(ffi.string(lib.vmem_version()).decode())


def pointer(data: Any) -> int:
    """A pointer, as the structs have it."""
    return int(ffi.cast("uintptr_t", data))


def call(name: str, **fields: int) -> Any:
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


def wrong(name: str, value: object, what: str) -> TypeError:
    """What an argument isn't. Not all can be printed."""
    return TypeError(f"{name}= is no {what}: it is of the type {type(value).__name__}")


def number(name: str, value: Any, high: int = LAST, low: int = 0) -> int:
    """An argument that is a whole number, from low to high."""
    try:
        got = operator.index(value)
    except TypeError:
        raise wrong(name, value, "whole number") from None
    if low <= got <= high:
        return got
    form = "#x" if abs(got) >= PAGE or high >= PAGE else "d"
    shown = f"={got:{form}}" if got.bit_length() <= 256 else "="
    raise ValueError(f"{name}{shown} is out of range: it is {low:{form}} to "
                     f"{high:{form}}")


def optional(name: str, value: Any, high: int = LAST, low: int = 0) -> int | None:
    """An argument that is such a number, or None."""
    return None if value is None else number(name, value, high, low)


def several(name: str, value: Any, what: str) -> list[Any]:
    """An argument that has some of them."""
    try:
        values = None if isinstance(value, (str, bytes, bytearray)) else iter(value)
    except TypeError:
        values = None
    if values is None:
        raise wrong(name, value, what)
    return list(values)


def span(first: str, start: Any, length: Any) -> tuple[int, int]:
    """Two arguments, the address of the first byte, and bytes: the addresses of the
    first byte, and of what comes behind the last one."""
    start = number(first, start)
    end = start + number("length", length, LAST + 1)
    if end > LAST + 1:
        raise ValueError(f"no range: {end - start:#x} bytes at {start:#x}")
    return start, end


def file_name(name: str, path: Any) -> str:
    """An argument that is the name of a file."""
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise wrong(name, path, "name of a file") from None
    try:
        has_nul = b"\0" in os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError(f"{name}={path!r} can't be the name of a file: it has what "
                         "can't be encoded") from None
    if has_nul:
        raise ValueError(f"{name}={path!r} can't be the name of a file: it has a NUL")
    return text
