# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The address spaces of a guest (x86-64), in its memory or in a dump of it.

    import vmem

    with vmem.open("dump.elf") as dump:
        print(dump.format, dump.vcpus)
        space = dump.space()                # of the first vCPU with paging
        for m in space.mappings():
            if m.writable and m.executable:
                print(f"{m.va:#x} + {m.size:#x} -> {m.gpa:#x}")
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
        print(process.pid, process.name, dump.space(process.root))

Nothing of the memory is believed: a walk reports entries that are malformed, tables
that are no memory or not in the dump, and tables that name themselves, and goes on
behind them. Nothing is written. vmem(1), the command, says the same in JSON; as_dict()
of what a walk or a translation gives has its names.

What fails raises Error, an OSError. What is asked for wrongly raises ValueError, as
does anything on a guest that is closed. A guest may be used by several threads, which
wait for each other. The files must not become shorter while they are used: that ends
the process by SIGBUS.

`lib` and `ffi` are libvmem itself, for the calls that aren't here (<libvmem.h>, with
VMEM_IOC_* as lib.IOC_*); `handle` of a Guest is its struct vmem_guest *.
"""

from __future__ import annotations

import array
import errno
import mmap
import os
import stat
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

from . import _linux
from ._library import Error, call, ffi, lib, must, pointer, version
from ._linux import Linux, Process
from ._records import (CLASSES, RECORD, RESULT, Bad, End, Mapping, Nonpresent, Record,
                       Reference, Translation)

__all__ = ["open", "Guest", "Dump", "Vcpu", "Space", "Walk", "Record", "Mapping",
           "Reference", "Bad", "Nonpresent", "End", "Translation", "Linux", "Process",
           "Error", "version", "ffi", "lib"]

for _public in (Record, Mapping, Reference, Bad, Nonpresent, End, Translation, Linux,
                Process, Error):
    _public.__module__ = __name__

PAGE = 4096
LAST = 2**64 - 1
ADDR = 0x000ffffffffff000
BLOCK = 4096            # records, or pages, at a time
Progress = Callable[[str, int, int], object]


class Vcpu(NamedTuple):
    """Registers of a vCPU, as a dump has them."""

    #: as the dump counts its vCPUs
    number: int
    cr0: int
    cr3: int
    cr4: int

    @property
    def paging(self) -> bool:
        """CR0.PG is set: CR3 holds a root."""
        return bool(self.cr0 & 1 << 31)

    @property
    def levels(self) -> int:
        """Of its tables."""
        return 5 if self.cr4 & 1 << 12 else 4

    def __repr__(self) -> str:
        return (f"Vcpu(number={self.number}, cr0={self.cr0:#x}, cr3={self.cr3:#x}, "
                f"cr4={self.cr4:#x})")


def _warn(text: str) -> None:
    """Of the line that isn't here."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals is globals():
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


class _Range:
    """A part of a file that is memory of a guest."""

    def __init__(self, gpa: int, path: str, offset: int = 0, length: int | None = None):
        self.gpa = gpa
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

    def close(self) -> None:
        """No more of it is used."""
        ffi.release(self.view)
        self.map.close()


class _Handle:
    """A guest of libvmem: alive, or closed."""

    def __init__(self, pointer_to_guest) -> None:
        self.guest = pointer_to_guest
        self.ranges: list[_Range] = []
        self.lock = threading.RLock()

    def close(self) -> None:
        """Once."""
        with self.lock:
            if self.guest is None:
                return
            lib.vmem_close(self.guest)
            self.guest = None
            for part in self.ranges:
                part.close()

    def open(self):
        """The guest, with the lock held."""
        if self.guest is None:
            raise ValueError("the guest is closed")
        return self.guest

    def destroy(self, number: int) -> None:
        """A space that nobody uses."""
        with self.lock:
            if self.guest is not None:
                lib.vmem_guest_destroy(self.guest, call("destroy", id=number))


def _opened(function: str, what: str, *arguments, **words: str) -> _Handle:
    out = ffi.new("struct vmem_guest **")
    must(getattr(lib, function)(*arguments, out), what, **words)
    return _Handle(out[0])


class Guest:
    """A guest: its memory, and spaces to look at in it. It is a context manager.

    memory: parts of files, each (gpa, path[, offset[, length]]): what lies in the file
    from offset on (0), length bytes (to its end), is the guest's memory from gpa on.
    They are taken for bytes, whatever the files are.

    device: the module does the work, through this device (/dev/vmem), and not this
    process.
    """

    #: what the memory is, for people
    format = "memory"

    def __init__(self, memory: Iterable[Sequence[Any]] = (),
                 device: str | os.PathLike[str] | None = None):
        if device is None:
            handle = _opened("vmem_open_local", "a guest in this process")
        else:
            path = os.fsdecode(device)
            handle = _opened("vmem_open", path, os.fsencode(path), ENOENT="there is no "
                             "such device: is the module inserted?",
                             ENOTTY="is not vmem's device")
        self._begin(handle)
        try:
            for part in memory:
                gpa, path, *rest = part
                self._add(gpa, os.fsdecode(path), *rest)
        except BaseException:
            self.close()
            raise

    def _begin(self, handle: _Handle) -> None:
        self._handle = handle
        self._finalizer = weakref.finalize(self, handle.close)
        #: registers, where the memory is a dump that has them
        self.vcpus: list[Vcpu] = []
        formats = ffi.new("struct vmem_ioc_format[64]")
        info = call("info", formats=pointer(formats), nr_formats=len(formats))
        with handle.lock:
            must(lib.vmem_guest_info(handle.open(), info), "what the back end is")
        self._formats = {ffi.string(entry.name).decode(): (entry.id, entry.levels)
                         for entry in formats[0:info.out_nr_formats]}
        self._batch = info.out_translate_max

    def _add(self, gpa: int, path: str, *rest: int) -> None:
        part = _Range(gpa, path, *rest)
        region = call("region_create", flags=lib.IOC_REGION_FROZEN,
                      kind=lib.IOC_REGION_USER, gpa=gpa, len=part.length,
                      user_addr=pointer(part.view))
        try:
            with self._handle.lock:
                must(lib.vmem_region_create(self._handle.open(), region), path,
                     EEXIST=f"its memory at {gpa:#x} overlaps other memory given",
                     EOVERFLOW=f"at {gpa:#x} it lies beyond what any guest can have",
                     EINVAL=f"{gpa:#x} is no multiple of a page")
        except BaseException:
            part.close()
            raise
        self._handle.ranges.append(part)

    @property
    def handle(self):
        """The struct vmem_guest *, for calls of `lib`."""
        return self._handle.open()

    @property
    def closed(self) -> bool:
        """close() was called."""
        return self._handle.guest is None

    def close(self) -> None:
        """Let go of the files. Spaces and walks can't be used any more."""
        self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def read(self, gpa: int, length: int) -> bytes:
        """Memory of the guest, by its guest-physical address. Error: ENXIO: some of it
        is no memory; ENODATA: it isn't in the dump; EIO: the dump is damaged there."""
        if length < 0 or not 0 <= gpa <= LAST:
            raise ValueError(f"no range: {length} bytes at {gpa:#x}")
        with self._handle.lock:
            self._handle.open()
            return self._read(gpa, length)

    def _read(self, gpa: int, length: int) -> bytes:
        got = []
        while length:
            for part in self._handle.ranges:
                at = gpa - part.gpa
                if 0 <= at < part.length:
                    break
            else:
                raise Error(errno.ENXIO, f"at {gpa:#x} there is no memory")
            got.append(part.map[at:min(at + length, part.length)])
            gpa += len(got[-1])
            length -= len(got[-1])
        return b"".join(got)

    def missing(self, gpa: int, length: int) -> int:
        """How many bytes of a range are memory of the guest, and not in the dump. What
        is no dump has all of its memory."""
        with self._handle.lock:
            return lib.vmem_dump_missing(self._handle.open(), gpa, length)

    def linux(self, processes: bool = True) -> Linux:
        """The Linux that runs in the guest: its release, the kernel's root, and its
        processes with theirs. All memory may be searched for it. Error: ENOENT: there
        is none that tells of itself."""
        with self._handle.lock:
            return _linux.find(self._handle.open(), processes)

    def space(self, root: int | None = None,
              format: str | int | None = None,  # pylint: disable=redefined-builtin
              vcpu: int | None = None, *, kpti: str = "kernel", nx: bool = True,
              amd: bool = False, pages_1g: bool = True, phys_bits: int | None = None,
              c_bit: int | None = None, shared_bit: int | None = None,
              cet: bool = False, lam48: bool = False, lam57: bool = False,
              lam_sup: bool = False, uai: bool = False,
              cow: int | None = None) -> Space:
        """An address space, to be looked at.

        root: of the root table, or the CR3 that holds it. Of a dump with registers it
        is by default that of the vCPU `vcpu`, or of the first one with paging; else the
        kernel's own, if Linux tells where that is (see linux(), also for processes').
        Linux has two roots for a process side by side, where page-table isolation is
        on: of these, `kpti` says which is taken, "kernel" or "user".

        format: "x86_64-4level" or "x86_64-5level", or the number of levels. By default
        it is as CR4 of that vCPU says, else 4 levels.

        The others are facts of the vCPU, as --cpu and --cow of vmem(1). nx=False:
        EFER.NXE = 0; amd: bit 8 of a PML4E and PML5E is reserved; pages_1g=False: it
        has no pages of 1 GiB; phys_bits: width of guest-physical addresses; c_bit,
        shared_bit: the bit of an entry that says encrypted (SEV), or shared (TDX);
        cet: CR4.CET; lam48, lam57, lam_sup, uai: addresses may have tags; cow: value
        of software bits 11:9 that says copy on write.
        """
        if c_bit is not None and shared_bit is not None:
            raise ValueError("c_bit and shared_bit are of two makers")
        if kpti not in ("kernel", "user"):
            raise ValueError(f"kpti={kpti!r} is neither 'kernel' nor 'user'")
        registers = self._registers(vcpu)
        if root is None:
            if registers is None:
                linux = self._rooted()
                registers = Vcpu(0, 1 << 31, linux.root, (linux.levels == 5) << 12)
                c_bit = c_bit if shared_bit is not None else c_bit or linux.c_bit
            if not registers.paging:
                raise Error(errno.ENOENT, f"vCPU {vcpu} has no paging, and so no root")
            root = self._half(registers.cr3, kpti)
        if format is None:
            format = registers.levels if registers else 4
        for name, (number, levels) in self._formats.items():
            if format in (name, levels):
                break
        else:
            raise ValueError(f"format={format!r} is none of "
                             f"{', '.join(self._formats)}, nor its levels")
        enc_bit = c_bit if c_bit is not None else shared_bit
        root &= ADDR & (1 << (phys_bits or 52)) - 1 & ~(1 << enc_bit if enc_bit else 0)
        facts = {lib.IOC_SPACE_NXE_OFF: not nx, lib.IOC_SPACE_AMD: amd,
                 lib.IOC_SPACE_NO_1G: not pages_1g, lib.IOC_SPACE_CET: cet,
                 lib.IOC_SPACE_LAM48: lam48, lib.IOC_SPACE_LAM57: lam57,
                 lib.IOC_SPACE_LAM_SUP: lam_sup, lib.IOC_SPACE_UAI: uai,
                 lib.IOC_SPACE_ENC_SHARED: shared_bit is not None,
                 lib.IOC_SPACE_COW_NONE: not cow}
        arg = call("space_create", format=number, root=root, cow=cow or 0,
                   phys_bits=phys_bits or 0, enc_bit=enc_bit or 0,
                   flags=sum(flag for flag, is_so in facts.items() if is_so))
        with self._handle.lock:
            must(lib.vmem_space_create(self._handle.open(), arg),
                 f"the root {root:#x}", ENXIO="lies in no memory",
                 EINVAL="no vCPU has all that was said of it")
        return Space(self, arg.out_id, root, name, levels, cow, c_bit, shared_bit)

    def _registers(self, vcpu: int | None) -> Vcpu | None:
        """Those that say what isn't said: of a vCPU, or the first one with paging."""
        if vcpu is None:
            return next((known for known in self.vcpus if known.paging), None)
        if not 0 <= vcpu < len(self.vcpus):
            raise ValueError(f"vcpu={vcpu}: there are {len(self.vcpus)} whose "
                             "registers are known")
        return self.vcpus[vcpu]

    def _rooted(self) -> Linux:
        """The Linux that says where a root is, as no registers do."""
        try:
            return self.linux(processes=False)
        except Error as error:
            raise Error(error.errno, f"{self.format}: tells of no vCPU with paging, and "
                        f"{error.strerror}: say root=") from None

    def _half(self, cr3: int, kpti: str) -> int:
        """The root that is meant, where a CR3 is one of a pair."""
        kernel = cr3 & ADDR & ~PAGE
        if self._is_pair(kernel):
            return kernel + (PAGE if kpti == "user" else 0)
        if kpti == "user":
            raise Error(errno.ENOENT, f"the root at {cr3 & ADDR:#x} is none of a pair")
        return cr3

    def _is_pair(self, kernel: int) -> bool:
        """Linux's: the lower halves are equal but for A, D and NX, and the upper one of
        user mode, which comes behind the kernel's, has less."""
        try:
            pair = array.array("Q", self.read(kernel, 2 * PAGE))
        except Error:
            return False
        ours, theirs = pair[:512], pair[512:]
        ignored = 1 << 63 | 1 << 6 | 1 << 5
        if any((k ^ u) & ~ignored & LAST for k, u in zip(ours[:256], theirs)):
            return False
        upper = [(k & 1, u & 1) for k, u in zip(ours[256:], theirs[256:])]
        return ((0, 1) not in upper and (1, 0) in upper and
                any(k & 1 for k in ours[:256]))

    def walk(self, spaces: Iterable[Space], start: int = 0, last: int = LAST,
             **options: Any) -> Walk:
        """A walk of several spaces: what they share is told once, and is a Reference
        from then on. Options as of Space.walk()."""
        return Walk(self, tuple(spaces), start, last, **options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.format}{', closed' * self.closed}>"


class Dump(Guest):
    """A file that holds all of a guest's memory: what open() gives."""

    def __init__(self, path: str | os.PathLike[str], progress: Progress | None = None,
                 tmpdir: str | os.PathLike[str] | None = None):
        # pylint: disable=super-init-not-called
        #: of the file
        self.path = os.fsdecode(path)
        raised: list[BaseException] = []

        @ffi.callback("int(void *, const char *, __u64, __u64)")
        def tell(_, what, done, total):
            try:
                # what Python does now and then, a KeyboardInterrupt say, is done here
                return bool(progress and progress(ffi.string(what).decode(), done, total))
            except BaseException as error:  # pylint: disable=broad-exception-caught
                raised.append(error)
                return 1

        where = ffi.NULL if tmpdir is None else ffi.new("char[]", os.fsencode(tmpdir))
        how = ffi.new("struct vmem_dump_how *", {
            "size": ffi.sizeof("struct vmem_dump_how"), "progress": tell,
            "tmpdir": where})
        why = ffi.new(f"char[{lib.DUMP_WHY_LEN}]")
        out = ffi.new("struct vmem_guest **")
        ret = lib.vmem_open_dump(os.fsencode(path), how, out, why)
        if raised:
            lib.vmem_close(out[0])
            raise raised[0]
        self._is_device = ret == -errno.ESPIPE
        if self._is_device:
            super().__init__([(0, self.path)])
            self.format = "raw memory"
            return
        must(ret, self.path, EINVAL=ffi.string(why).decode(errors="replace"),
             ECANCELED="progress() ended it")
        self._begin(_Handle(out[0]))
        #: what the file is, for people
        self.format = ffi.string(lib.vmem_dump_format(out[0])).decode()
        registers = ffi.new("struct vmem_dump_vcpu *")
        while not lib.vmem_dump_vcpu(out[0], len(self.vcpus), registers):
            self.vcpus.append(Vcpu(registers.number, registers.cr0, registers.cr3,
                                   registers.cr4))

    @property
    def trouble(self) -> str | None:
        """What is wrong with the file, though it can be read, as far as it was met: it
        was cut; pages are damaged. What is lost so is told as not in the dump."""
        with self._handle.lock:
            text = lib.vmem_dump_trouble(self._handle.open())
            return ffi.string(text).decode(errors="replace") if text else None

    def _read(self, gpa: int, length: int) -> bytes:
        if self._is_device:
            return super()._read(gpa, length)
        got = ffi.new("char[]", length)
        must(lib.vmem_dump_read(self._handle.open(), gpa, got, length),
             f"{length} bytes at {gpa:#x}", ENXIO="not all of it is memory",
             ENODATA="not all of it is in the dump", EIO="the dump is damaged there")
        return ffi.buffer(got)[:]

    def __repr__(self) -> str:
        return f"<Dump {self.path!r}: {self.format}{', closed' * self.closed}>"


def open(path: str | os.PathLike[str],  # pylint: disable=redefined-builtin
         progress: Progress | None = None,
         tmpdir: str | os.PathLike[str] | None = None) -> Dump:
    """A dump, or a file with raw memory from guest-physical address 0 on. What it is,
    is told by how it begins.

    progress: called once a second while a large file is looked through or unpacked, as
    progress(what, done, total), with what is done, and bytes (total is 0 where it isn't
    known). If it returns what is true, that ends it.

    tmpdir: what is compressed as a whole is unpacked into a file there, which has no
    name and goes with the guest (TMPDIR, or /tmp).
    """
    return Dump(path, progress, tmpdir)


class Space:
    """An address space of a guest, made by Guest.space(). It keeps its guest."""

    def __init__(self, guest: Guest, number: int, root: int, format_name: str,
                 levels: int, cow: int | None, c_bit: int | None,
                 shared_bit: int | None):
        #: the guest that it is of
        self.guest = guest
        #: its id, for calls of `lib`
        self.id = number
        #: address of its root
        self.root = root
        #: name of its format
        self.format = format_name
        #: of its tables
        self.levels = levels
        #: as it was said of the vCPU, like the following
        self.cow = cow
        self.c_bit = c_bit
        self.shared_bit = shared_bit
        handle = guest._handle
        self._finalizer = weakref.finalize(self, handle.destroy, number)

    def close(self) -> None:
        """Forget it, though it is still named somewhere. (The guest may have 4096.)"""
        self._finalizer()

    def walk(self, start: int = 0, last: int = LAST, **options: Any) -> Walk:
        """All that the tables say of the addresses from start to last, both included:
        Mapping, Reference, Bad and Nonpresent, in the order of addresses.

        leaves=True: a Mapping for each leaf, not for each run of them.
        follow=True: into tables that were met before, too, and no Reference. Hostile
        tables can make this very long: see budget.
        ignore_ad=True: accessed and dirty bits that differ don't end a run.
        nonpresent=True: also entries that are not present and hold bits.
        budget=N: end when N tables were visited.
        cap=N: end when N tables are remembered.
        """
        return Walk(self.guest, (self,), start, last, **options)

    def mappings(self, start: int = 0, last: int = LAST,
                 **options: Any) -> Iterator[Mapping]:
        """Of walk(), with the same options, the Mappings alone. What is shared is told
        at its first place only, unless follow=True; what is malformed or can't be read
        is in walk()."""
        return (record for record in self.walk(start, last, **options)
                if type(record) is Mapping)  # pylint: disable=unidiomatic-typecheck

    @overload
    def translate(self, va: int, access: str | None = None, *, user: bool = False,
                  **mode: Any) -> Translation: ...

    @overload
    def translate(self, va: Iterable[int], access: str | None = None, *,
                  user: bool = False, **mode: Any) -> list[Translation]: ...

    def translate(self, va, access=None, *, user=False, length=1, implicit=False,
                  shadow=False, wp=True, smep=True, smap=True, ac=False, pkru=None,
                  pkrs=None, chain=False):
        """What an address translates to; of several, which is much faster than one by
        one, a list.

        access: "r", "w" or "x": would an MMU let this access through? By the
        supervisor, or the user; of length bytes from va on; implicit: to a descriptor
        table, say; shadow: to a shadow stack (of a space with cet=True). wp, smep,
        smap, ac: these bits of CR0, CR4 and EFLAGS; pkru, pkrs: protection keys are in
        force, with these rights.

        chain=True: also the entry of each level.
        """
        kinds = {None: 0, "r": lib.IOC_ACCESS_READ, "w": lib.IOC_ACCESS_WRITE,
                 "x": lib.IOC_ACCESS_FETCH}
        if access not in kinds:
            raise ValueError(f"access={access!r} is none of 'r', 'w', 'x'")
        words = ((user, lib.IOC_ACCESS_USER), (implicit, lib.IOC_ACCESS_IMPLICIT),
                 (shadow, lib.IOC_ACCESS_SHADOW))
        bits = ((wp, lib.IOC_MODE_WP), (smep, lib.IOC_MODE_SMEP),
                (smap, lib.IOC_MODE_SMAP), (ac, lib.IOC_MODE_AC),
                (pkru is not None, lib.IOC_MODE_PKE),
                (pkrs is not None, lib.IOC_MODE_PKS))
        if not access and (any(is_so for is_so, _ in words) or length != 1):
            raise ValueError("of which access? access= says it")
        if not 1 <= length <= 64:
            raise ValueError(f"length={length} is no number from 1 to 64")
        fields = {}
        if access:
            fields = {"access": sum(bit for is_so, bit in words if is_so) |
                      kinds[access] | (length - 1) << lib.IOC_ACCESS_LEN_SHIFT,
                      "mode": sum(bit for is_so, bit in bits if is_so),
                      "pkru": pkru or 0, "pkrs": pkrs or 0}
        if hasattr(va, "__index__"):
            return self._translate(array.array("Q", (va,)), fields, chain)[0]
        return self._translate(array.array("Q", va), fields, chain)

    def _translate(self, vas: array.array, fields: dict[str, int],
                   chain: bool) -> list[Translation]:
        got: list[Translation] = []
        batch = min(self.guest._batch, max(len(vas), 1))
        levels = lib.IOC_LEVELS_MAX
        results = ffi.new("struct vmem_ioc_result[]", batch)
        entries = ffi.new(f"__u64[][{levels}]", batch) if chain else None
        handle = self.guest._handle
        for first in range(0, len(vas), batch):
            some = vas[first:first + batch]
            given = ffi.from_buffer(some)
            arg = call("translate", space=self.id, nr=len(some), vas=pointer(given),
                       results=pointer(results),
                       entries=pointer(entries) if chain else 0, **fields)
            with handle.lock:
                must(lib.vmem_space_translate(handle.open(), arg), "translate",
                     EINVAL="no vCPU makes such an access")
                raws = RESULT.iter_unpack(
                    ffi.buffer(results, len(some) * RESULT.size)[:])
                chains = (array.array("Q", ffi.buffer(entries)[:]) if chain else None)
            for n, (va, raw) in enumerate(zip(some, raws)):
                of_va = tuple(chains[n * levels:(n + 1) * levels]) if chains else None
                got.append(Translation(va, raw, self, of_va, bool(fields)))
        return got

    def read(self, va: int, length: int) -> bytes:
        """Memory by its virtual address, whatever the tables grant. Error: EFAULT: an
        address does not translate; ENODATA: a table, or what it translates to, isn't
        in the dump; ENXIO: it is no memory."""
        if length < 0 or not 0 <= va <= LAST or va + length > LAST + 1:
            raise ValueError(f"no range: {length} bytes at {va:#x}")
        got = []
        end = va + length
        while va < end:
            stop = min(end, (va | PAGE - 1) + 1 + (BLOCK - 1) * PAGE)
            pages = [va, *range((va | PAGE - 1) + 1, stop, PAGE)]
            for result in self._translate(array.array("Q", pages), {}, False):
                if result.gpa is None:
                    raise Error(errno.ENODATA if result.missing else errno.EFAULT,
                                f"{result.va:#x}: {result.status}")
                part = min(end, (result.va | PAGE - 1) + 1) - result.va
                got.append(self.guest.read(result.gpa, part))
            va = stop
        return b"".join(got)

    def __repr__(self) -> str:
        return f"<Space {self.format}, root {self.root:#x}>"


class Walk(Iterator[Record]):
    """The records of a walk, which are made as they are asked for. It is an iterator,
    made by Space.walk() and Guest.walk()."""

    _FLAGS = {"follow": lib.IOC_WALK_FOLLOW, "leaves": lib.IOC_WALK_LEAVES,
              "ignore_ad": lib.IOC_WALK_IGNORE_AD,
              "nonpresent": lib.IOC_WALK_NONPRESENT}

    def __init__(self, guest: Guest, spaces: tuple[Space, ...], start: int, last: int,
                 *, budget: int = 0, cap: int = 0, **flags: bool):
        # pylint: disable=too-many-arguments
        for name in flags:
            if name not in self._FLAGS:
                raise TypeError(f"a walk has no option {name!r}")
        if not 0 <= start <= last <= LAST:
            raise ValueError(f"no range: {start:#x} to {last:#x}")
        if any(space.guest is not guest for space in spaces):
            raise ValueError("a space is another guest's")
        #: the spaces, in the order of the walk
        self.spaces = spaces
        ids = ffi.new("__u32[]", [space.id for space in spaces])
        arg = call("walk_create", spaces=pointer(ids), nr=len(spaces), start=start,
                   last=last, budget=budget, seen_max=cap,
                   flags=sum(self._FLAGS[name] for name, is_so in flags.items()
                             if is_so))
        self._walker = _Walker(guest._handle, arg)
        self._records = _records(self._walker, spaces)

    @property
    def end(self) -> End | None:
        """How it ended; None: not all was asked for yet."""
        return self._walker.end

    def close(self) -> None:
        """Give no more records."""
        self._records.close()
        self._walker.close()

    def __iter__(self) -> Iterator[Record]:
        # the generator itself, as it is called for each record
        return self._records

    def __next__(self) -> Record:
        return next(self._records)


class _Walker:
    """A walk of libvmem. It ends with the last who has it: a Walk, or a generator that
    is left of it."""

    def __init__(self, handle: _Handle, arg):
        self.handle = handle
        self.end: End | None = None
        out = ffi.new("struct vmem_walker **")
        with handle.lock:
            must(lib.vmem_walk_create(handle.open(), arg, out), "a walk",
                 ENOENT="its space was closed",
                 EINVAL="of no space, or of spaces of several formats",
                 E2BIG="of too many spaces, or cap= is too large")
        self.walker = out[0]
        self.close = weakref.finalize(self, _close_walker, handle, out[0])

    def read(self, records) -> bytes:
        """The next ones."""
        with self.handle.lock:
            self.handle.open()
            nr = must(lib.vmem_walk_read(self.walker, records, BLOCK),
                      "the walk broke off", ENOENT="its space was closed")
            return ffi.buffer(records, nr * RECORD.size)[:]


def _close_walker(handle: _Handle, walker) -> None:
    with handle.lock:
        lib.vmem_walk_close(walker)


def _records(walker: _Walker, spaces: tuple[Space, ...]
             ) -> Generator[Record, None, None]:
    records = ffi.new("struct vmem_ioc_record[]", BLOCK)
    mapping = lib.IOC_REC_MAPPING
    while data := walker.read(records):
        for raw in RECORD.iter_unpack(data):
            if raw[0] == mapping:
                yield Mapping(raw, spaces)
            elif raw[0] in CLASSES:
                yield CLASSES[raw[0]](raw, spaces)
            elif raw[0] == lib.IOC_REC_END:
                walker.end = End.of(raw)
