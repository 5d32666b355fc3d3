# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Address spaces of a guest, and walks of them."""

from __future__ import annotations

import array
import errno
import weakref
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, overload

from ._library import (LAST, PAGE, Error, call, ffi, lib, must, number, pointer,
                       several, span, wrong)
from ._memory import Handle
from ._records import CLASSES, RECORD, RESULT, End, Mapping, Record, Translation

if TYPE_CHECKING:
    from ._guest import Guest

BLOCK = 4096            # records, or pages, at a time


def _addresses(va: Any) -> tuple[array.array[int], bool]:
    """Those to be translated, and whether it is one alone."""
    # an array of numpy has __index__, too
    if isinstance(va, int) or hasattr(va, "__index__") and not hasattr(va, "__len__"):
        return array.array("Q", (number("va", va),)), True
    given = several("va", va, "address, nor several of them")
    try:
        return array.array("Q", given), False
    except (TypeError, OverflowError):
        return array.array("Q", [number("va", one) for one in given]), False


class Space:
    """An address space of a guest, made by Guest.space(). It keeps its guest."""

    def __init__(self, guest: Guest, number_of_it: int, root: int, format_name: str,
                 levels: int, cow: int | None, c_bit: int | None,
                 shared_bit: int | None):
        #: the guest that it is of
        self.guest = guest
        #: its id, for calls of `lib`
        self.id = number_of_it
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
        self._finalizer = weakref.finalize(self, handle.destroy, number_of_it)

    def close(self) -> None:
        """Forget it, though it is still named somewhere. (The guest may have 4096.)"""
        self._finalizer()

    @property
    def closed(self) -> bool:
        """close() was called."""
        return not self._finalizer.alive

    def _open(self) -> Any:
        """Its guest, with the lock held."""
        guest = self.guest._handle.open()
        if self.closed:
            raise ValueError("the space is closed")
        return guest

    def walk(self, start: int = 0, last: int = LAST, *,
             leaves: bool = False, follow: bool = False, ignore_ad: bool = False,
             nonpresent: bool = False, budget: int = 0, cap: int = 0) -> Walk:
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
        return Walk(self.guest, (self,), start, last, leaves=leaves, follow=follow,
                    ignore_ad=ignore_ad, nonpresent=nonpresent, budget=budget, cap=cap)

    def mappings(self, start: int = 0, last: int = LAST, *,
                 leaves: bool = False, follow: bool = False, ignore_ad: bool = False,
                 nonpresent: bool = False, budget: int = 0,
                 cap: int = 0) -> Iterator[Mapping]:
        """Of walk(), with the same options, the Mappings alone. What is shared is told
        at its first place only, unless follow=True; what is malformed or can't be read
        is in walk()."""
        walk = self.walk(start, last, leaves=leaves, follow=follow, ignore_ad=ignore_ad,
                         nonpresent=nonpresent, budget=budget, cap=cap)
        return (record for record in walk
                if type(record) is Mapping)  # pylint: disable=unidiomatic-typecheck

    @overload
    def translate(self, va: int, access: str | None = None, *, user: bool = False,
                  length: int = 1, implicit: bool = False, shadow: bool = False,
                  wp: bool = True, smep: bool = True, smap: bool = True,
                  ac: bool = False, pkru: int | None = None, pkrs: int | None = None,
                  chain: bool = False) -> Translation: ...

    @overload
    def translate(self, va: Iterable[int], access: str | None = None, *,
                  user: bool = False,
                  length: int = 1, implicit: bool = False, shadow: bool = False,
                  wp: bool = True, smep: bool = True, smap: bool = True,
                  ac: bool = False, pkru: int | None = None, pkrs: int | None = None,
                  chain: bool = False) -> list[Translation]: ...

    def translate(self, va: Any, access: str | None = None, *, user: bool = False,
                  length: int = 1, implicit: bool = False, shadow: bool = False,
                  wp: bool = True, smep: bool = True, smap: bool = True,
                  ac: bool = False, pkru: int | None = None, pkrs: int | None = None,
                  chain: bool = False) -> Translation | list[Translation]:
        """What an address translates to; of several, which is much faster than one by
        one, a list.

        access: "r", "w" or "x": would an MMU let this access through? By the
        supervisor, or the user; of length bytes from va on; implicit: to a descriptor
        table, say; shadow: to a shadow stack (of a space with cet=True). wp, smep,
        smap, ac: these bits of CR0, CR4 and EFLAGS; pkru, pkrs: protection keys are in
        force, with these rights.

        chain=True: also the entry of each level.
        """
        # pylint: disable=too-many-arguments
        kinds = {None: 0, "r": lib.IOC_ACCESS_READ, "w": lib.IOC_ACCESS_WRITE,
                 "x": lib.IOC_ACCESS_FETCH}
        if access is not None and not isinstance(access, str):
            raise wrong("access", access, "name of a kind")
        if access not in kinds:
            raise ValueError(f"access={access!r} is none of 'r', 'w', 'x'")
        words = ((user, lib.IOC_ACCESS_USER), (implicit, lib.IOC_ACCESS_IMPLICIT),
                 (shadow, lib.IOC_ACCESS_SHADOW))
        bits = ((wp, lib.IOC_MODE_WP), (smep, lib.IOC_MODE_SMEP),
                (smap, lib.IOC_MODE_SMAP), (ac, lib.IOC_MODE_AC),
                (pkru is not None, lib.IOC_MODE_PKE),
                (pkrs is not None, lib.IOC_MODE_PKS))
        length = number("length", length, 64, 1)
        rights = {name: number(name, 0 if value is None else value, 2**32 - 1)
                  for name, value in (("pkru", pkru), ("pkrs", pkrs))}
        if not access and (any(is_so for is_so, _ in words) or length != 1):
            raise ValueError("of which access? access= says it")
        fields: dict[str, int] = {}
        if access:
            fields = {"access": sum(bit for is_so, bit in words if is_so) |
                      kinds[access] | (length - 1) << lib.IOC_ACCESS_LEN_SHIFT,
                      "mode": sum(bit for is_so, bit in bits if is_so),
                      **rights}
        vas, is_one = _addresses(va)
        got = self._translate(vas, fields, bool(chain))
        return got[0] if is_one else got

    def _translate(self, vas: array.array[int], fields: dict[str, int],
                   chain: bool) -> list[Translation]:
        got: list[Translation] = []
        batch = min(self.guest._batch, max(len(vas), 1))
        levels = lib.IOC_LEVELS_MAX
        results = ffi.new("struct vmem_ioc_result[]", batch)
        entries = ffi.new(f"__u64[][{levels}]", batch) if chain else None
        lock = self.guest._handle.lock
        if not vas:
            with lock:
                self._open()
        for first in range(0, len(vas), batch):
            some = vas[first:first + batch]
            given = ffi.from_buffer(some)
            arg = call("translate", space=self.id, nr=len(some), vas=pointer(given),
                       results=pointer(results),
                       entries=pointer(entries) if chain else 0, **fields)
            with lock:
                must(lib.vmem_space_translate(self._open(), arg), "translate",
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
        va, end = span("va", va, length)
        got = []
        with self.guest._handle.lock:
            self._open()
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

    def __init__(self, guest: Guest, spaces: tuple[Space, ...], start: int, last: int,
                 *, leaves: bool = False, follow: bool = False, ignore_ad: bool = False,
                 nonpresent: bool = False, budget: int = 0, cap: int = 0):
        # pylint: disable=too-many-arguments
        start, last = number("start", start), number("last", last)
        if start > last:
            raise ValueError(f"no range: {start:#x} to {last:#x}")
        for space in spaces:
            if not isinstance(space, Space):
                raise wrong("spaces", space, "list of spaces")
            if space.guest is not guest:
                raise ValueError("a space is another guest's")
        #: the spaces, in the order of the walk
        self.spaces = spaces
        ids = ffi.new("__u32[]", [space.id for space in spaces])
        flags = ((leaves, lib.IOC_WALK_LEAVES), (follow, lib.IOC_WALK_FOLLOW),
                 (ignore_ad, lib.IOC_WALK_IGNORE_AD),
                 (nonpresent, lib.IOC_WALK_NONPRESENT))
        arg = call("walk_create", spaces=pointer(ids), nr=len(spaces), start=start,
                   last=last, budget=number("budget", budget),
                   seen_max=number("cap", cap),
                   flags=sum(flag for is_so, flag in flags if is_so))
        self._walker = _Walker(guest._handle, spaces, arg)
        self._records = _records(self._walker, spaces)

    @property
    def end(self) -> End | None:
        """How it ended; None: not all was asked for yet."""
        return self._walker.end

    def close(self) -> None:
        """Give no more records."""
        self._walker.close()
        try:
            self._records.close()
        except ValueError:
            # another thread is in it: it ends with what it has
            pass

    def __iter__(self) -> Iterator[Record]:
        # the generator itself, as it is called for each record
        return self._records

    def __next__(self) -> Record:
        return next(self._records)


class _Walker:
    """A walk of libvmem. It ends with the last who has it: a Walk, or a generator that
    is left of it."""

    def __init__(self, handle: Handle, spaces: tuple[Space, ...], arg: Any):
        self.handle = handle
        self.spaces = spaces
        self.end: End | None = None
        out = ffi.new("struct vmem_walker **")
        with handle.lock:
            self._open()
            must(lib.vmem_walk_create(handle.open(), arg, out), "a walk",
                 EINVAL="of no space, or of spaces of several formats",
                 E2BIG="of too many spaces, or cap= is too large")
        self.walker = out[0]
        self.close = weakref.finalize(self, _close_walker, handle, out[0])

    def _open(self) -> None:
        """Nothing of it was closed. With the lock held."""
        self.handle.open()
        for space in self.spaces:
            space._open()

    def read(self, records: Any) -> bytes:
        """The next ones."""
        with self.handle.lock:
            self._open()
            if not self.close.alive:
                return b""
            nr = must(lib.vmem_walk_read(self.walker, records, BLOCK),
                      "the walk broke off")
            return bytes(ffi.buffer(records, nr * RECORD.size)[:])


def _close_walker(handle: Handle, walker: Any) -> None:
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
