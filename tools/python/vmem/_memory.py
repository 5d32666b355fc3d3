# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A guest of libvmem, and files whose parts are its memory."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import sys
import threading
import warnings
from typing import Any

from ._library import LAST, PAGE, Error, call, ffi, file_name, lib, must, number


def _warn(text: str) -> None:
    """Of the line that isn't here."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__package__") == __package__:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


class Part:
    """A part of a file that is memory of a guest."""

    def __init__(self, gpa: int, path: str, offset: int = 0, length: int | None = None):
        self.gpa = number("gpa", gpa)
        path = file_name("path", path)
        offset = number("offset", offset, LAST >> 1)
        if length is not None:
            length = number("length", length)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise Error(error.errno, error.strerror, path) from None
        try:
            self.length = self._whole(fd, path, offset, length)
            self.map = self._map(fd, offset)
        except Error:
            raise
        except OSError as error:
            raise Error(error.errno, f"{path}: cannot be mapped: {error.strerror}"
                        ) from None
        finally:
            os.close(fd)
        self.view = ffi.from_buffer(self.map)

    @staticmethod
    def _whole(fd: int, path: str, offset: int, length: int | None) -> int:
        """How much of what was asked for the file has, in whole pages."""
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise Error(errno.EISDIR, f"{path}: is a directory")
        size = os.lseek(fd, 0, os.SEEK_END)
        if offset >= size:
            raise Error(errno.EINVAL, f"{path}: has {size} bytes, and so none from "
                        f"{offset:#x} on")
        has = size - offset
        if length is not None and length > has:
            _warn(f"{path}: ends {length - has:#x} bytes before the given length does: "
                  "they are outside")
        elif length is not None:
            has = length
        if has < PAGE:
            raise Error(errno.EINVAL, f"{path}: holds no whole page")
        if has % PAGE:
            _warn(f"{path}: the last {has % PAGE} bytes are no whole page: they are "
                  "outside")
        return has - has % PAGE

    def _map(self, fd: int, offset: int) -> mmap.mmap:
        if not offset % mmap.PAGESIZE:
            return mmap.mmap(fd, self.length, access=mmap.ACCESS_READ, offset=offset)
        # a page of the file isn't one of the guest's
        copy = mmap.mmap(-1, self.length, flags=mmap.MAP_PRIVATE)
        with os.fdopen(os.dup(fd), "rb") as file:
            file.seek(offset)
            if file.readinto(copy) != self.length:
                raise OSError(errno.EIO, "became shorter while it was read")
        return copy

    @property
    def end(self) -> int:
        """What comes behind it."""
        return self.gpa + self.length

    def close(self) -> None:
        """No more of it is used."""
        ffi.release(self.view)
        self.map.close()


class Handle:
    """A guest of libvmem: alive, or closed."""

    def __init__(self, guest: Any) -> None:
        self.guest = guest
        self.parts: list[Part] = []
        self.lock = threading.RLock()

    def close(self) -> None:
        """Once."""
        with self.lock:
            if self.guest is None:
                return
            lib.vmem_close(self.guest)
            self.guest = None
            for part in self.parts:
                part.close()

    def open(self) -> Any:
        """The guest, with the lock held."""
        if self.guest is None:
            raise ValueError("the guest is closed")
        return self.guest

    def destroy(self, number_of_space: int) -> None:
        """A space that nobody uses."""
        with self.lock:
            if self.guest is not None:
                lib.vmem_guest_destroy(self.guest, call("destroy", id=number_of_space))


def opened(function: str, what: str, *arguments: Any, **words: str) -> Handle:
    """A guest that a call of the library opens."""
    out = ffi.new("struct vmem_guest **")
    must(getattr(lib, function)(*arguments, out), what, **words)
    return Handle(out[0])
