# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What walks and translations give. An object holds the numbers of its struct, and
makes the rest when it is asked for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from ._library import lib

if TYPE_CHECKING:
    from . import Space

LETTERS = "rwxugadct"
RWXU = 0xf
# Software bits, which mean nothing to a processor: 58:52 and 11:9
SOFT = 0x7f << 52 | 0x7 << 9

# struct vmem_ioc_record and vmem_ioc_result
RECORD = struct.Struct("=BBBBIQQQQHHI")
RESULT = struct.Struct("=QQBBBBIHHI")
(TYPE, LEVEL, DETAIL, FLAGS, SPACE, VA, GPA, LEN, ENTRY, LEAF, EFFECTIVE,
 PATH) = range(12)
OWNER = struct.Struct("=HH"), struct.Struct("=I")

STATUS = {
    lib.IOC_OK: "ok",
    lib.IOC_NOT_PRESENT: "not-present",
    lib.IOC_NON_CANONICAL: "non-canonical",
    lib.IOC_RESERVED: "reserved",
    lib.IOC_OUTSIDE: "outside",
    lib.IOC_WRITE: "write",
    lib.IOC_USER: "user",
    lib.IOC_EXEC: "exec",
    lib.IOC_SMEP: "smep",
    lib.IOC_SMAP: "smap",
    lib.IOC_KEY: "key",
    lib.IOC_SHADOW: "shadow",
    lib.IOC_ABSENT_IN_DUMP: "not-in-dump",
}
WHY_BAD = {
    lib.IOC_BAD_RESERVED: "reserved",
    lib.IOC_BAD_OUTSIDE: "outside",
    lib.IOC_BAD_LARGE: "ps",
    lib.IOC_BAD_LEFT_OUT: "not-in-dump",
}
WHY_END = {
    lib.IOC_END_COMPLETE: "complete",
    lib.IOC_END_BUDGET: "budget",
    lib.IOC_END_CAP: "cap",
}
# What is asked of each leaf
R, W, X, U = lib.IOC_ATTR_R, lib.IOC_ATTR_W, lib.IOC_ATTR_X, lib.IOC_ATTR_U
REC_OUTSIDE, REC_LEFT_OUT = lib.IOC_REC_OUTSIDE, lib.IOC_REC_LEFT_OUT


def _letters(attrs: int, nr: int) -> str:
    return "".join(letter if attrs >> bit & 1 else "-"
                   for bit, letter in enumerate(LETTERS[:nr]))


def _nibbles(path: int) -> list[int]:
    """What each entry above grants, from the root on; 0: no level of the path."""
    nibbles = (path >> 4 * level & RWXU
               for level in reversed(range(lib.IOC_LEVELS_MAX)))
    return [nibble for nibble in nibbles if nibble]


def _pairs(said: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in said.items())


class _Leaf:
    """What an entry that maps says, whoever tells of it."""

    __slots__ = ()

    # of the subclasses
    _attrs: int
    _effective: int
    _path: int
    entry: int
    space: Space

    @property
    def readable(self) -> bool:
        """It may be read: what is left over the tables of all levels."""
        return bool(self._effective & R)

    @property
    def writable(self) -> bool:
        """It may be written, over all levels, at CR0.WP = 1."""
        return bool(self._effective & W)

    @property
    def executable(self) -> bool:
        """It may be executed, over all levels."""
        return bool(self._effective & X)

    @property
    def wx(self) -> bool:
        """It may be written and executed, over all levels: W+X."""
        return bool(self._effective & (W | X) == W | X)

    @property
    def user(self) -> bool:
        """User mode may, over all levels."""
        return bool(self._effective & U)

    @property
    def shadow_stack(self) -> bool:
        """A page of a shadow stack (of a space with cet=True)."""
        return bool(self._effective & lib.IOC_EFFECTIVE_SHADOW)

    @property
    def effective(self) -> str:
        """What is left over all levels: rwxu, with - for what is not there."""
        return _letters(self._effective, 4)

    @property
    def leaf(self) -> str:
        """What the entry itself says: rwxugadct, with - for what is not there."""
        return _letters(self._attrs, 9)

    @property
    def path(self) -> str:
        """What each entry above grants, from the root on: rwxu/rwx-/rwx-."""
        return "/".join(_letters(nibble, 4) for nibble in _nibbles(self._path))

    @property
    def is_global(self) -> bool:
        """G is set."""
        return bool(self._attrs & lib.IOC_ATTR_G)

    @property
    def accessed(self) -> bool:
        """A is set."""
        return bool(self._attrs & lib.IOC_ATTR_A)

    @property
    def dirty(self) -> bool:
        """D is set."""
        return bool(self._attrs & lib.IOC_ATTR_D)

    @property
    def pat(self) -> bool:
        """PAT is set, wherever it lies."""
        return bool(self._attrs & lib.IOC_ATTR_PAT)

    @property
    def key(self) -> int:
        """The protection key."""
        return int((self._attrs & lib.IOC_ATTR_KEY_MASK) >> lib.IOC_ATTR_KEY_SHIFT)

    @property
    def cow(self) -> bool:
        """The software bits say copy on write (of a space with cow=N)."""
        return bool(self.space.cow and self._attrs & lib.IOC_ATTR_COW)

    @property
    def encrypted(self) -> bool:
        """The bit that c_bit= names is set."""
        return self.space.c_bit is not None and bool(self._attrs & lib.IOC_ATTR_ENC)

    @property
    def shared(self) -> bool:
        """The bit that shared_bit= names is set."""
        return (self.space.shared_bit is not None and
                bool(self._attrs & lib.IOC_ATTR_ENC))

    @property
    def soft(self) -> tuple[int, ...]:
        """The numbers of the software bits that are set."""
        bits = self.entry & SOFT
        for bit in (self.space.c_bit, self.space.shared_bit):
            if bit is not None:
                bits &= ~(1 << bit)
        return tuple(n for n in range(64) if bits >> n & 1)

    def _leaf_dict(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "leaf": self.leaf, "effective": self.effective, "path": self.path,
            "kind": "cow" if self.cow else "basic"}
        for name in ("pat", "key", "encrypted", "shared", "shadow_stack"):
            if value := getattr(self, name):
                said[name] = value
        if self.soft:
            said["soft"] = list(self.soft)
        return said


class Record:
    """What a walk tells of some addresses. Each has `va`, `size`, `space`, `entry`,
    `level`, `missing`, `as_dict()`."""

    __slots__ = ("_raw", "_spaces")

    #: "mapping", "reference", "bad" or "nonpresent"
    type = ""

    def __init__(self, raw: tuple[int, ...], spaces: tuple[Space, ...]):
        self._raw = raw
        self._spaces = spaces

    @property
    def space(self) -> Space:
        """The space that it is of."""
        return self._spaces[self._raw[SPACE]]

    @property
    def va(self) -> int:
        """The first virtual address."""
        return self._raw[VA]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._raw[LEN]

    @property
    def entry(self) -> int:
        """The entry; of several, the first one."""
        return self._raw[ENTRY]

    @property
    def level(self) -> int:
        """Of the table that holds the entry: 0 is a table of leaves."""
        return self._raw[LEVEL]

    @property
    def missing(self) -> bool:
        """Not all that is meant is in the dump."""
        return False

    def _where(self, index: int) -> dict[str, Any]:
        where: dict[str, Any] = {"space": hex(self._spaces[index].root)}
        if len(self._spaces) > 1:
            where["index"] = index
        return where

    def as_dict(self) -> dict[str, Any]:
        """As a line of `vmem walk --json` (of a mapping with its entry, which is
        printed with --leaves)."""
        return {**self._where(self._raw[SPACE]), **self._what()}

    def _what(self) -> dict[str, Any]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_pairs(self._what())}>"


class Mapping(_Leaf, Record):
    """A run of leaves: contiguous in both addresses, of one size, and equal in all
    else."""

    __slots__ = ()
    type = "mapping"

    _attrs = property(lambda self: self._raw[LEAF])  # type: ignore[assignment]
    _path = property(lambda self: self._raw[PATH])  # type: ignore[assignment]
    # the one that is asked for of most
    _effective = property(lambda self: self._raw[EFFECTIVE])  # type: ignore[assignment]

    @property
    def gpa(self) -> int:
        """The guest-physical address of the first byte."""
        return self._raw[GPA]

    @property
    def page_size(self) -> int:
        """Of each leaf."""
        return 1 << self._raw[DETAIL]

    @property
    def missing(self) -> bool:
        """Not all of it is in the dump, though it is memory."""
        return bool(self._raw[FLAGS] & REC_LEFT_OUT)

    @property
    def not_in_dump(self) -> int:
        """How many bytes of it aren't in the dump. (Of a guest that is open.)"""
        return self.space.guest.missing(self.gpa, self.size) if self.missing else 0

    @property
    def outside(self) -> bool:
        """It is no memory: a device, say."""
        return bool(self._raw[FLAGS] & REC_OUTSIDE)

    @property
    def part(self) -> bool:
        """Part of a leaf, to where memory begins or ends."""
        return bool(self._raw[FLAGS] & lib.IOC_REC_PART)

    def _what(self) -> dict[str, Any]:
        said = {"va": hex(self.va), "gpa": hex(self.gpa), "len": self.size,
                "page": self.page_size, **self._leaf_dict(), "entry": hex(self.entry)}
        for name in ("wx", "part", "outside", "missing"):
            if getattr(self, name):
                said[name] = True
        return said

    def as_dict(self) -> dict[str, Any]:
        said = super().as_dict()
        if said.pop("missing", False):
            said["not_in_dump"] = self.not_in_dump
        return said


class Reference(Record):
    """A table that was met before: what is at `va` here is what `owner` has at
    `their_va`, and is not told again."""

    __slots__ = ()
    type = "reference"

    @property
    def owner(self) -> Space:
        """The space in which it was met."""
        return self._spaces[self._owner()]

    def _owner(self) -> int:
        # the place of two fields of a mapping
        return int(OWNER[1].unpack(OWNER[0].pack(self._raw[LEAF],
                                                  self._raw[EFFECTIVE]))[0])

    @property
    def their_va(self) -> int:
        """Its address there."""
        return self._raw[GPA]

    @property
    def depth(self) -> int:
        """Of the table, counted from the root."""
        return self._raw[DETAIL]

    @property
    def path(self) -> str:
        """What the entries above leave of rwxu."""
        effective = RWXU
        for nibble in _nibbles(self._raw[PATH]):
            effective &= nibble
        return _letters(effective, 4)

    def as_dict(self) -> dict[str, Any]:
        return {**self._where(self._raw[SPACE]), "ref": self._what()}

    def _what(self) -> dict[str, Any]:
        return {"depth": self.depth, **self._where(self._owner()),
                "our_va": hex(self.va), "their_va": hex(self.their_va),
                "path": self.path}


class Bad(Record):
    """An entry that is malformed, or whose table can't be read."""

    __slots__ = ()
    type = "bad"

    @property
    def why(self) -> str:
        """reserved (a bit that must be clear), outside (the table is in no memory),
        ps (a large page where none can be), not-in-dump (the table is memory that
        isn't in the dump)."""
        return WHY_BAD[self._raw[DETAIL]]

    @property
    def gpa(self) -> int:
        """Of the table that can't be read."""
        return self._raw[GPA]

    @property
    def missing(self) -> bool:
        """The table isn't in the dump."""
        return bool(self._raw[DETAIL] == lib.IOC_BAD_LEFT_OUT)

    def _what(self) -> dict[str, Any]:
        return {"va": hex(self.va), "level": self.level, "bad": self.why,
                "entry": hex(self.entry)}


class Nonpresent(Record):
    """A run of equal entries that are not present and not zero."""

    __slots__ = ()
    type = "nonpresent"

    def _what(self) -> dict[str, Any]:
        return {"va": hex(self.va), "len": self.size, "level": self.level,
                "nonpresent": True, "entry": hex(self.entry)}


class End(NamedTuple):
    """How a walk ended."""

    #: leaf entries met, merged or not
    leaves: int
    #: references
    refs: int
    #: malformed or unreachable entries
    bad: int
    #: "complete", "budget" or "cap"
    reason: str
    #: where it would go on
    next: int

    @property
    def complete(self) -> bool:
        """Nothing was left."""
        return self.reason == "complete"

    @classmethod
    def of(cls, raw: tuple[int, ...]) -> End:
        """Of a record."""
        return cls(raw[GPA], raw[LEN], raw[ENTRY], WHY_END[raw[DETAIL]], raw[VA])


CLASSES = {lib.IOC_REC_REFERENCE: Reference, lib.IOC_REC_BAD: Bad,
           lib.IOC_REC_NONPRESENT: Nonpresent}


class Translation(_Leaf):
    """What an address translates to; why not, where it does not."""

    __slots__ = ("va", "space", "_raw", "chain", "_access")

    def __init__(self, va: int, raw: tuple[int, ...], space: Space,
                 chain: tuple[int, ...] | None, access: bool):
        #: the address that was asked for
        self.va = va
        #: the space that was asked
        self.space = space
        #: the entry of each level that was read, by its level; None: not asked for
        self.chain: dict[int, int] | None = None
        self._raw = raw
        self._access = access
        if chain is not None:
            first = 0 if self.status == "non-canonical" else space.levels
            self.chain = {n: chain[n] for n in range(first - 1, self.level - 1, -1)}

    _attrs = property(lambda self: self._raw[7])  # type: ignore[assignment]
    _effective = property(lambda self: self._raw[8])  # type: ignore[assignment]
    _path = property(lambda self: self._raw[9])  # type: ignore[assignment]

    @property
    def ok(self) -> bool:
        """It translates, and the access goes through, if one was given."""
        return not self._raw[2]

    @property
    def status(self) -> str:
        """ok, not-present, non-canonical, reserved (malformed), outside (a table is in
        no memory), not-in-dump (a table isn't in the dump); with an access also
        write, user, exec, smep, smap, key, shadow: what refuses it."""
        return STATUS[self._raw[2]]

    @property
    def gpa(self) -> int | None:
        """The guest-physical address; None where the status isn't ok."""
        return self._raw[0] if self.ok else None

    @property
    def page_size(self) -> int | None:
        """Of the leaf; None where the status isn't ok."""
        return 1 << self._raw[4] if self.ok else None

    @property
    def entry(self) -> int:  # type: ignore[override]
        """The last one that was read."""
        return self._raw[1]

    @property
    def level(self) -> int:
        """Of the table that holds the entry; the number of levels: none was read."""
        return self._raw[3]

    @property
    def outside(self) -> bool:
        """This byte is in no memory."""
        return bool(self._raw[5] & lib.IOC_RESULT_OUTSIDE)

    @property
    def partial(self) -> bool:
        """It is in memory, but not all of its page."""
        return not self.outside and bool(self._raw[5] & lib.IOC_RESULT_PARTIAL)

    @property
    def missing(self) -> bool:
        """A table isn't in the dump, or not all of the 4 KiB that this byte is in."""
        return (self._raw[2] == lib.IOC_ABSENT_IN_DUMP or
                bool(self._raw[5] & lib.IOC_RESULT_ABSENT))

    @property
    def second(self) -> bool:
        """All is of the second page of an access to two."""
        return bool(self._raw[5] & lib.IOC_RESULT_SECOND)

    @property
    def error_code(self) -> int | None:
        """Of the page fault that the access gets; None: it gets none."""
        none = ("ok", "outside", "not-in-dump", "non-canonical")
        return None if not self._access or self.status in none else self._raw[6]

    def as_dict(self) -> dict[str, Any]:
        """As a line of `vmem translate --json`, without what is there for people."""
        said: dict[str, Any] = {"va": hex(self.va), "status": self.status,
                                "level": self.level}
        if self.ok:
            said.update(gpa=hex(self._raw[0]), page=self.page_size,
                        **self._leaf_dict())
        if self.status != "non-canonical":
            said["entry"] = hex(self.entry)
        if self.outside or self.partial:
            said["outside" if self.outside else "partial"] = True
        if self._raw[5] & lib.IOC_RESULT_ABSENT:
            said["not_in_dump"] = True
        if self.second:
            said["second"] = True
        if self.error_code is not None:
            said["error"] = hex(self.error_code)
        if self.chain:
            said["chain"] = {str(n): hex(entry) for n, entry in self.chain.items()}
        return said

    def __repr__(self) -> str:
        return f"<Translation {_pairs(self.as_dict())}>"
