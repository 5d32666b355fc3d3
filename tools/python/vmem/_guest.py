# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Guests: memory in files, or in a dump."""

from __future__ import annotations

import array
import errno
import operator
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from . import _linux
from ._library import (LAST, PAGE, Error, call, ffi, file_name, lib, must, number,
                       optional, pointer, several, span, wrong)
from ._linux import Linux
from ._memory import Handle, Part, opened
from ._space import Space, Walk

ADDR = 0x000ffffffffff000
PIECE = 1 << 20         # of memory that is read
PART = "(gpa, path[, offset[, length]])"
Progress = Callable[[str, int, int], object]
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Self = TypeVar("Self", bound="Guest")


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


class Range(NamedTuple):
    """Memory of a guest that is all in the dump, or all isn't."""

    gpa: int
    #: bytes
    size: int
    #: the dump has it
    here: bool

    def __repr__(self) -> str:
        return f"Range(gpa={self.gpa:#x}, size={self.size:#x}, here={self.here})"


def _half(name: str | None) -> bool:
    """Of a pair of roots: whether user mode's is asked for."""
    if name is not None and not isinstance(name, str):
        raise wrong("kpti", name, "name of a half")
    if name not in (None, "kernel", "user"):
        raise ValueError(f"kpti={name!r} is neither 'kernel' nor 'user'")
    return name == "user"


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
                 device: Path | None = None):
        if device is None:
            handle = opened("vmem_open_local", "a guest in this process")
        else:
            path = file_name("device", device)
            handle = opened("vmem_open", path, os.fsencode(path), ENOENT="there is no "
                            "such device: is the module inserted?",
                            ENOTTY="is not vmem's device")
        self._begin(handle)
        try:
            for given in several("memory", memory, "list of parts"):
                part = several("memory", given, f"list of {PART}")
                if not 2 <= len(part) <= 4:
                    raise ValueError(f"memory=: a part is {PART}")
                self._add(Part(*part), file_name("path", part[1]))
        except BaseException:
            self.close()
            raise

    def _begin(self, handle: Handle) -> None:
        self._handle = handle
        self._finalizer = weakref.finalize(self, handle.close)
        #: registers, where the memory is a dump that has them
        self.vcpus: list[Vcpu] = []
        #: where it has none, as when Linux dumped itself: process or thread that ran on
        #: each CPU, 0: it was idle
        self.running: list[int] = []
        formats = ffi.new("struct vmem_ioc_format[64]")
        info = call("info", formats=pointer(formats), nr_formats=len(formats))
        with handle.lock:
            must(lib.vmem_guest_info(handle.open(), info), "what the back end is")
        self._formats = {ffi.string(entry.name).decode(): (entry.id, entry.levels)
                         for entry in formats[0:info.out_nr_formats]}
        self._batch = int(info.out_translate_max)

    def _add(self, part: Part, path: str) -> None:
        region = call("region_create", flags=lib.IOC_REGION_FROZEN,
                      kind=lib.IOC_REGION_USER, gpa=part.gpa, len=part.length,
                      user_addr=pointer(part.view))
        try:
            with self._handle.lock:
                must(lib.vmem_region_create(self._handle.open(), region), path,
                     EEXIST=f"its memory at {part.gpa:#x} overlaps other memory given",
                     EOVERFLOW=f"at {part.gpa:#x} it lies beyond what any guest can "
                     "have",
                     EINVAL=f"{part.gpa:#x} is no multiple of a page")
        except BaseException:
            part.close()
            raise
        self._handle.parts.append(part)
        self._handle.parts.sort(key=operator.attrgetter("gpa"))

    @property
    def handle(self) -> Any:
        """The struct vmem_guest *, for calls of `lib`."""
        return self._handle.open()

    @property
    def closed(self) -> bool:
        """close() was called."""
        return self._handle.guest is None

    def close(self) -> None:
        """Let go of the files. Spaces and walks can't be used any more."""
        self._finalizer()

    def __enter__(self: Self) -> Self:
        self._handle.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, gpa: int, length: int) -> bytes:
        """Memory of the guest, by its guest-physical address. Error: ENXIO: some of it
        is no memory; ENODATA: it isn't in the dump; EIO: the dump is damaged there."""
        gpa, end = span("gpa", gpa, length)
        got = []
        with self._handle.lock:
            self._handle.open()
            while gpa < end:
                got.append(self._read(gpa, min(end - gpa, PIECE)))
                gpa += len(got[-1])
        return b"".join(got)

    def _read(self, gpa: int, length: int) -> bytes:
        """Some of it, as much as lies together."""
        for part in self._handle.parts:
            if part.gpa <= gpa < part.end:
                at = gpa - part.gpa
                return part.map[at:min(at + length, part.length)]
        raise Error(errno.ENXIO, f"at {gpa:#x} there is no memory")

    def ranges(self, gpa: int = 0, length: int | None = None) -> Iterator[Range]:
        """Memory of the guest in the order of addresses, and whether the dump has it:
        all, or what lies in a range. What is in none is no memory. What is no dump has
        all of its memory; damaged pages are here."""
        gpa, end = span("gpa", gpa, LAST + 1 - number("gpa", gpa)
                        if length is None else length)
        with self._handle.lock:
            self._handle.open()
        return self._ranges(gpa, end)

    def _ranges(self, gpa: int, end: int) -> Iterator[Range]:
        while gpa < end:
            with self._handle.lock:
                self._handle.open()
                found = self._range(gpa)
            if found is None or found.gpa >= end:
                return
            gpa = found.gpa + found.size
            yield found._replace(size=min(gpa, end) - found.gpa)

    def _range(self, gpa: int) -> Range | None:
        """The first one from there on."""
        end = gpa
        for part in self._handle.parts:
            if part.end > gpa == end:
                gpa = max(gpa, part.gpa)
                end = part.end
            elif part.gpa == end:
                end = part.end
        return Range(gpa, end - gpa, True) if end > gpa else None

    def missing(self, gpa: int, length: int) -> int:
        """How many bytes of a range are memory of the guest, and not in the dump. What
        is no dump has all of its memory; damaged pages aren't counted."""
        gpa, end = span("gpa", gpa, length)
        with self._handle.lock:
            return int(lib.vmem_dump_missing(self._handle.open(), gpa,
                                             min(end - gpa, LAST)))

    def linux(self, processes: bool = True) -> Linux:
        """The Linux that runs in the guest: its release, the kernel's root, and its
        processes with theirs. All memory may be searched for it. Error: ENOENT: there
        is none that tells of itself."""
        with self._handle.lock:
            return _linux.find(self._handle.open(), processes)

    def space(self, root: int | None = None,
              format: str | int | None = None,  # pylint: disable=redefined-builtin
              vcpu: int | None = None, *, pid: int | None = None,
              kpti: str | None = None, nx: bool = True, amd: bool = False,
              pages_1g: bool = True, phys_bits: int | None = None,
              c_bit: int | None = None, shared_bit: int | None = None,
              cet: bool = False, lam48: bool = False, lam57: bool = False,
              lam_sup: bool = False, uai: bool = False,
              cow: int | None = None) -> Space:
        """An address space, to be looked at.

        root: of the root table, or the CR3 that holds it. By default it is that of the
        vCPU `vcpu` (an index of `vcpus`, or of `running`: that of what ran, or the
        kernel's), or of the Linux process `pid`; else of the
        first vCPU with paging; else the kernel's own, if Linux tells where that is.
        Linux has two roots for a process side by side, where page-table isolation is
        on: of these, `kpti` says which is taken, "kernel" or "user"; by default the
        kernel's, but the one that `root` is.

        format: "x86_64-4level" or "x86_64-5level", or the number of levels. By default
        it is as CR4 of that vCPU, or that Linux, says, else 4 levels.

        The others are facts of the vCPU, as --cpu and --cow of vmem(1). nx=False:
        EFER.NXE = 0; amd: bit 8 of a PML4E and PML5E is reserved; pages_1g=False: it
        has no pages of 1 GiB; phys_bits: width of guest-physical addresses; c_bit,
        shared_bit: the bit of an entry that says encrypted (SEV), or shared (TDX);
        cet: CR4.CET; lam48, lam57, lam_sup, uai: addresses may have tags; cow: value
        of software bits 11:9 that says copy on write.
        """
        # pylint: disable=too-many-arguments
        root = optional("root", root)
        phys_bits = optional("phys_bits", phys_bits, 52, 32)
        c_bit = optional("c_bit", c_bit, 51, 32)
        shared_bit = optional("shared_bit", shared_bit, 51, 32)
        cow = optional("cow", cow, 7, 1)
        if c_bit is not None and shared_bit is not None:
            raise ValueError("c_bit and shared_bit are of two makers")
        if pid is not None and not root is vcpu is None:
            raise ValueError("pid= says the root: no root= and vcpu= with it")
        root, known, linux = self._rooted(root, vcpu, pid, kpti)
        if linux and shared_bit is None and c_bit is None:
            c_bit = linux.c_bit
        name, number_of_format, levels = self._format_of(
            known if format is None else format)
        enc_bit = c_bit if c_bit is not None else shared_bit
        root &= ADDR & (1 << (phys_bits or 52)) - 1 & ~(1 << enc_bit if enc_bit else 0)
        facts = {lib.IOC_SPACE_NXE_OFF: not nx, lib.IOC_SPACE_AMD: amd,
                 lib.IOC_SPACE_NO_1G: not pages_1g, lib.IOC_SPACE_CET: cet,
                 lib.IOC_SPACE_LAM48: lam48, lib.IOC_SPACE_LAM57: lam57,
                 lib.IOC_SPACE_LAM_SUP: lam_sup, lib.IOC_SPACE_UAI: uai,
                 lib.IOC_SPACE_ENC_SHARED: shared_bit is not None,
                 lib.IOC_SPACE_COW_NONE: not cow}
        arg = call("space_create", format=number_of_format, root=root, cow=cow or 0,
                   phys_bits=phys_bits or 0, enc_bit=enc_bit or 0,
                   flags=sum(flag for flag, is_so in facts.items() if is_so))
        with self._handle.lock:
            must(lib.vmem_space_create(self._handle.open(), arg),
                 f"the root {root:#x}", ENXIO="lies in no memory",
                 EINVAL="no vCPU has all that was said of it")
        return Space(self, arg.out_id, root, name, levels, cow, c_bit, shared_bit)

    def _rooted(self, root: int | None, vcpu: int | None, pid: int | None,
                kpti: str | None) -> tuple[int, int, Linux | None]:
        """The root that is meant, the levels of its tables, and the Linux that told."""
        is_user = _half(kpti)
        if vcpu is not None and not self.vcpus and number("vcpu", vcpu) < len(self.running):
            ran = self.running[vcpu]
            # else it was idle, or what ran has no space of its own
            if any(process.pid == ran for process in self.linux().processes):
                pid = ran
            vcpu = None
        registers = self._registers(vcpu)
        if pid is not None:
            pid = number("pid", pid, 2**32 - 1)
            linux = self.linux()
            process = linux.process(pid)
            if is_user and process.user_root is None:
                raise Error(errno.ENOENT, f"the root at {process.root:#x}, of process "
                            f"{pid}, is none of a pair")
            return (process.user_root or 0 if is_user else process.root, linux.levels,
                    linux)
        if root is not None:
            return (self._half_of(root, is_user) if kpti else root,
                    registers.levels if registers else 4, None)
        if registers is None:
            linux = self._root_of_kernel()
            return self._half_of(linux.root, is_user), linux.levels, linux
        if not registers.paging:
            raise Error(errno.ENOENT, f"vCPU {vcpu} has no paging, and so no root")
        return self._half_of(registers.cr3, is_user), registers.levels, None

    def _format_of(self, said: str | int) -> tuple[str, int, int]:
        """Its name, its number, its levels."""
        if not isinstance(said, str):
            said = number("format", said)
        for name, (id_of_it, levels) in self._formats.items():
            if said in (name, levels):
                return name, id_of_it, levels
        raise ValueError(f"format={said!r} is none of {', '.join(self._formats)}, nor "
                         "its levels")

    def _registers(self, vcpu: int | None) -> Vcpu | None:
        """Those that say what isn't said: of a vCPU, or the first one with paging."""
        if vcpu is None:
            return next((known for known in self.vcpus if known.paging), None)
        vcpu = number("vcpu", vcpu)
        if vcpu >= len(self.vcpus):
            raise ValueError(f"vcpu={vcpu}: there are {len(self.vcpus)} whose "
                             "registers are known")
        return self.vcpus[vcpu]

    def _root_of_kernel(self) -> Linux:
        """The Linux that says where a root is, as no registers do."""
        try:
            return self.linux(processes=False)
        except Error as error:
            raise Error(error.errno, f"{self.format}: tells of no vCPU with paging, "
                        f"and {error.strerror}: say root=") from None

    def _half_of(self, cr3: int, is_user: bool) -> int:
        """The root that is meant, where a CR3 is one of a pair."""
        kernel = cr3 & ADDR & ~PAGE
        if self._is_pair(kernel):
            return kernel + (PAGE if is_user else 0)
        if is_user:
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

    def walk(self, spaces: Iterable[Space], start: int = 0, last: int = LAST, *,
             leaves: bool = False, follow: bool = False, ignore_ad: bool = False,
             nonpresent: bool = False, budget: int = 0, cap: int = 0) -> Walk:
        """A walk of several spaces: what they share is told once, and is a Reference
        from then on. Options as of Space.walk()."""
        some = tuple(several("spaces", spaces, "list of spaces"))
        return Walk(self, some, start, last, leaves=leaves, follow=follow,
                    ignore_ad=ignore_ad, nonpresent=nonpresent, budget=budget, cap=cap)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.format}{', closed' * self.closed}>"


class Dump(Guest):
    """A file that holds all of a guest's memory: what open() gives."""

    def __init__(self, path: Path, progress: Progress | None = None,
                 tmpdir: Path | None = None):
        # pylint: disable=super-init-not-called
        #: of the file
        self.path = file_name("path", path)
        if progress is not None and not callable(progress):
            raise wrong("progress", progress, "function")
        where = ffi.NULL
        if tmpdir is not None:
            where = ffi.new("char[]", os.fsencode(file_name("tmpdir", tmpdir)))
        raised: list[BaseException] = []

        def tell(_: Any, what: Any, done: int, total: int) -> int:
            try:
                # what Python does now and then, a KeyboardInterrupt say, is done here
                return bool(progress and
                            progress(ffi.string(what).decode(), done, total))
            except BaseException as error:  # pylint: disable=broad-exception-caught
                raised.append(error)
                return 1

        called = ffi.callback("int(void *, const char *, __u64, __u64)", tell)
        how = ffi.new("struct vmem_dump_how *", {
            "size": ffi.sizeof("struct vmem_dump_how"), "progress": called,
            "tmpdir": where})
        why = ffi.new(f"char[{lib.DUMP_WHY_LEN}]")
        out = ffi.new("struct vmem_guest **")
        ret = lib.vmem_open_dump(os.fsencode(self.path), how, out, why)
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
        self._begin(Handle(out[0]))
        #: what the file is, for people
        self.format = ffi.string(lib.vmem_dump_format(out[0])).decode()
        registers = ffi.new("struct vmem_dump_vcpu *")
        while not lib.vmem_dump_vcpu(out[0], len(self.vcpus), registers):
            self.vcpus.append(Vcpu(registers.number, registers.cr0, registers.cr3,
                                   registers.cr4))
        pid = ffi.new("__u32 *")
        while not lib.vmem_dump_running(out[0], len(self.running), pid):
            self.running.append(pid[0])

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
        return bytes(ffi.buffer(got)[:])

    def _range(self, gpa: int) -> Range | None:
        if self._is_device:
            return super()._range(gpa)
        found = ffi.new("struct vmem_dump_range *")
        ret = lib.vmem_dump_range(self._handle.open(), gpa, found)
        if ret == -errno.ENOENT:
            return None
        must(ret, f"memory from {gpa:#x} on")
        return Range(found.gpa, found.len, bool(found.flags & lib.DUMP_HERE))

    def __repr__(self) -> str:
        return f"<Dump {self.path!r}: {self.format}{', closed' * self.closed}>"
