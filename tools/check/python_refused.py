# SPDX-License-Identifier: GPL-2.0-only
"""`import vmem`, given what is wrong: it says so in words, by ValueError, TypeError or
its own Error, and nothing else."""

import errno
import itertools
import os
import pathlib
import threading

PAGE = 4096


class Path:
    """A name of a file, as pathlib has it."""

    def __init__(self, name):
        self.name = name

    def __fspath__(self):
        return self.name


class Index:
    """A whole number, as numpy has them."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def names(cases, vmem, raw, path):
    """What may be the name of a file."""
    odd = cases.save("odd\udc80\n", pathlib.Path(path).read_bytes())
    for name in (path, os.fsencode(path), Path(path), Path(os.fsencode(path)),
                 pathlib.Path(path), odd, os.fsencode(odd)):
        with vmem.open(name, tmpdir=cases.tmp) as dump:
            cases.case(f"names: {type(name).__name__}", dump.path in (path, odd) and
                       dump.space().translate(0).ok, dump.path)
        with vmem.Guest([(0, name, 0, PAGE)]) as guest:
            cases.expect(f"names: {type(name).__name__}, of a part",
                         guest.read(0, 4), b"\x7fELF")
    for what, function in (
            ("path", vmem.open), ("tmpdir", lambda name: vmem.open(path, None, name)),
            ("device", lambda name: vmem.Guest((), name)),
            ("path", lambda name: vmem.Guest([(0, name)]))):
        for name, words in (("a\0b", "NUL"), (b"a\0b", "NUL"), (Path(raw + "\0"), "NUL"),
                            ("\ud800", "can't be encoded")):
            cases.raises(f"names: {what}={name!r:.12}", ValueError, None, words,
                         function, name)
        for name in (3, 1.5, Path(3), [path], bytearray(b"a"), 10**5000):
            cases.raises(f"names: {what}= is {type(name).__name__}", TypeError, None,
                         f"{what}= is no name of a file", function, name)
    cases.raises("names: none", TypeError, None, "path= is no name", vmem.open, None)
    cases.raises("names: progress=", TypeError, None, "progress= is no function",
                 vmem.open, path, 1)


def numbers(cases, vmem, raw, path):
    """Each argument that is a number, given what is none and what is too large."""
    dump, guest = vmem.open(path), vmem.open(raw)
    space = dump.space()

    def part(*where):
        return lambda value: vmem.Guest([
            tuple(value if at is ... else at for at in where)]).close()

    def named(function, name, **others):
        return lambda value: function(**{name: value}, **others)

    most = 2**64 - 1
    for function, name, low, high, *arguments in (
            (dump.read, "gpa", 0, most, 0), (guest.read, "gpa", 0, most, 0),
            (guest.missing, "gpa", 0, most, 0), (dump.ranges, "gpa", 0, most),
            (dump.space, "root", 0, most), (dump.space, "format", 0, most),
            (dump.space, "vcpu", 0, most), (dump.space, "pid", 0, 2**32 - 1),
            (dump.space, "phys_bits", 32, 52), (dump.space, "c_bit", 32, 51),
            (dump.space, "shared_bit", 32, 51), (dump.space, "cow", 1, 7),
            (space.walk, "start", 0, most), (space.walk, "last", 0, most),
            (space.mappings, "last", 0, most), (space.walk, "budget", 0, most),
            (space.walk, "cap", 0, most), (space.read, "va", 0, most, 0),
            (space.translate, "va", 0, most), (space.translate, "length", 1, 64),
            (space.translate, "pkru", 0, 2**32 - 1),
            (space.translate, "pkrs", 0, 2**32 - 1),
            (dump.read, "length", 0, most + 1), (dump.missing, "length", 0, most + 1),
            (dump.ranges, "length", 0, most + 1), (space.read, "length", 0, most + 1),
            (part(..., raw), "gpa", 0, most), (part(0, raw, ...), "offset", 0, 2**63 - 1),
            (part(0, raw, 0, ...), "length", 0, most)):
        is_part = not hasattr(function, "__self__")
        given = {}
        if function in (space.translate, space.read) and name != "va":
            given = {"va": 0}
        elif name == "length":
            given = {"gpa": 0}
        if arguments:
            given["length"] = arguments[0]
        call = function if is_part else named(function, name, **given)
        what = f"{name}= of {'a part' if is_part else function.__qualname__}"
        for value in (low - 1, high + 1, 2**128, -(2**128), Index(high + 1), 1 << 20000):
            cases.raises(f"numbers: {what} is out of range", ValueError, None,
                         f"{name}=", call, value)
        for value in (1.0, "1", object(), [[]], float("nan"), complex(1)):
            if name == "format" and value == "1":
                continue
            cases.raises(f"numbers: {what} is {type(value).__name__}", TypeError, None,
                         f"{name}=", call, value)
    cases.expect("numbers: what has an index is one", (
        dump.space(root=Index(0x1000)).root, space.translate(Index(0x1008)).gpa,
        dump.read(Index(0x5000), Index(2)), [r.gpa for r in space.translate(
            [Index(0), Index(0x1008)])]),
        (0x1000, 0x6008, cases.guest[0x5000:0x5002], [0x5000, 0x6008]))
    for value in ("0", b"12345678", bytearray(8), None, 1.5, ["0"], [None], [0, 1.5],
                  [[0]]):
        cases.raises(f"numbers: addresses are {value!r}", TypeError, None, "va=",
                     space.translate, value)
    for value in ([0, -1], (0, 2**64), iter([2**128])):
        cases.raises(f"numbers: one of some addresses, {value!r:.12}", ValueError, None,
                     "va=", space.translate, value)

    def broken():
        yield 0
        raise OverflowError("the caller's")
    cases.raises("numbers: what the caller's iterator raises, it raises", OverflowError,
                 None, "the caller's", space.translate, broken())
    # a length that memory never has takes none
    for function, number in ((dump.read, errno.ENODATA), (guest.read, errno.ENXIO)):
        cases.raises("numbers: more than there is", vmem.Error, number, "", function, 0,
                     1 << 60)
    cases.raises("numbers: a virtual range of all", vmem.Error, errno.ENODATA, "",
                 space.read, 0, 1 << 60)


def kinds(cases, vmem, raw, path):
    """Arguments of another kind."""
    dump, guest = vmem.open(path), vmem.open(raw)
    space, other = dump.space(), guest.space(0x1000)
    for name, kind, words, function, *arguments in (
            ("memory", TypeError, "memory=", vmem.Guest, None),
            ("memory, a name", TypeError, "memory=", vmem.Guest, raw),
            ("a part, a name", TypeError, "memory=", vmem.Guest, [raw]),
            ("a part, a number", TypeError, "memory=", vmem.Guest, [1]),
            ("a part of one", ValueError, "a part is", vmem.Guest, [(0,)]),
            ("a part of five", ValueError, "a part is", vmem.Guest, [(0, raw, 0, 0, 0)]),
            ("spaces", TypeError, "spaces=", dump.walk, None),
            ("a space alone", TypeError, "spaces=", dump.walk, space),
            ("no spaces", TypeError, "spaces=", dump.walk, [space, None]),
            ("ids of spaces", TypeError, "spaces=", dump.walk, [space.id]),
            ("another guest's space", ValueError, "another guest's", dump.walk,
             [space, other]),
            ("an access", TypeError, "access=", space.translate, 0, []),
            ("an access, bytes", TypeError, "access=", space.translate, 0, b"r"),
            ("no access", ValueError, "''", space.translate, 0, ""),
            ("a range over the end", ValueError, "range", dump.read, 2**64 - 1, 2),
            ("a range over the end, missing", ValueError, "range", dump.missing, 1,
             2**64),
            ("a range over the end, ranges", ValueError, "range", dump.ranges, 1, 2**64)):
        cases.raises(f"kinds: {name}", kind, None, words, function, *arguments)
    for name, kind, words, named in (
            ("kpti", ValueError, "kpti=", {"kpti": "both"}),
            ("kpti, a number", TypeError, "kpti=", {"kpti": 1}),
            ("a format, bytes", TypeError, "format=", {"format": b"x86_64-4level"}),
            ("a process and a root", ValueError, "pid=", {"pid": 1, "root": 0x1000}),
            ("a process and a vCPU", ValueError, "pid=", {"pid": 1, "vcpu": 0})):
        cases.raises(f"kinds: {name}", kind, None, words, dump.space, **named)
    cases.raises("kinds: facts that no vCPU has", vmem.Error, errno.EINVAL, "no vCPU",
                 dump.space, uai=True, lam48=True)


def closing(cases, vmem, path):
    """Objects that are closed while others use them, and what was kept of them."""
    dump = vmem.open(path)
    space = dump.space()
    kept = list(space.walk(leaves=True))
    ranges = dump.ranges()
    mappings = space.mappings(leaves=True)
    cases.expect("closing: before", (next(ranges).gpa, next(mappings).va), (0, 0))
    half = space.mappings(leaves=True)
    next(half)
    half.close()
    walk = space.walk(leaves=True)
    generator = iter(walk)
    next(generator)
    generator.close()
    cases.expect("closing: a generator half way", (list(half), list(walk), walk.end),
                 ([], [], None))
    with dump:
        pass
    lost = next(record for record in kept if record.type == "mapping" and record.missing)
    cases.expect("closing: records are kept", [
        (record.va, record.type, bool(repr(record)), record.space is space)
        for record in kept], [(record.va, record.type, True, True) for record in kept])
    for name, function, *arguments in (
            ("again", dump.__enter__), ("ranges", dump.ranges),
            ("ranges, half way", next, ranges), ("missing", dump.missing, 0, 0),
            ("trouble", lambda: dump.trouble), ("handle", lambda: dump.handle),
            ("linux", dump.linux), ("space of a process", lambda: dump.space(pid=1)),
            ("read nothing", dump.read, 0, 0), ("translate nothing", space.translate, []),
            ("a walk of several", dump.walk, [space]), ("mappings", space.mappings),
            ("what a record lacks", lambda: lost.not_in_dump),
            ("all of such a record", lost.as_dict)):
        cases.raises(f"closing: {name}", ValueError, None, "the guest is closed",
                     function, *arguments)
    # what was read, is there
    cases.expect("closing: records that were read already",
                 [type(m) for m in itertools.islice(mappings, 5)], [vmem.Mapping] * 5)

    said = []

    def work(dump, space, walk):
        try:
            while True:
                sum(1 for _ in space.walk(leaves=True))
                space.translate(range(0, 1 << 20, PAGE))
                dump.read(0, 0x3000)
                list(dump.ranges())
                space.read(0, 8)
                next(walk, None)
        except Exception as error:  # pylint: disable=broad-exception-caught
            said.append((type(error), str(error)))
    for _ in range(20):
        dump = vmem.open(path)
        space = dump.space()
        walk = space.walk(leaves=True)
        threads = [threading.Thread(target=work, args=(
            dump, space, space.walk(leaves=True))) for _ in range(4)]
        for thread in threads:
            thread.start()
        (dump if _ % 2 else space).close()
        walk.close()
        dump.close()
        for thread in threads:
            thread.join()
    cases.case("closing: under threads that use it", len(said) == 80 and all(
        kind is ValueError and "is closed" in text for kind, text in said), set(said))

    dump = vmem.open(path)
    walk = dump.space().walk(leaves=True)
    counts, said = [], []

    def share():
        try:
            counts.append(sum(1 for _ in walk))
        except ValueError as error:
            said.append(str(error))
    threads = [threading.Thread(target=share) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cases.case("closing: threads that share a walk get all of it once",
               sum(counts) <= len(kept) and
               all("already executing" in text for text in said), counts, said)


def run(cases, vmem, raw, path):
    """raw: a file of cases.guest; path: a core of the same."""
    names(cases, vmem, raw, path)
    numbers(cases, vmem, raw, path)
    kinds(cases, vmem, raw, path)
    closing(cases, vmem, path)
