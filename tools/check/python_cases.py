# SPDX-License-Identifier: GPL-2.0-only
"""`import vmem` in Debian's Python: what it was told of the structs is what a compiler
says of them, and what it answers is what vmem(1) does."""

import errno
import gzip
import inspect
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading
import warnings

import dumps
import python_refused
from cases import NX, image
from linux_hand import Linux

PAGE = 4096
PYTHON = "/usr/bin/python3"
PG = 0x80050033

# A guest with one of each: W+X, read-only, not in the dump, not present, a key,
# software bits, PAT, a page of 2 MiB of which memory has a part, one of 1 GiB outside,
# a shared table, entries that are bad, a table that isn't in the dump. The second
# root, at 0x7000, shares all but names itself.
GUEST = image(
    (0x1000, 0x2067), (0x1000 + 8 * 300, 0x70a3, 0x10000003, 0x9003),
    (0x1ff8, 0x2063),
    (0x2000, 0x3067, 0x400000e7), (0x3000, 0x4067, NX | 0xe3),
    (0x4000, 0x5067, NX | 0x6025, 0x8067, 0x1234100, 3 << 59 | 0x5065,
     1 << 52 | 0x6265, 0x50e7, 0x5067, 0x5067),
    (0x5000, 0x1111, 0x2222), (0x5ff8, 0x3333), (0x6000, 0x4444),
    (0x7000, 0x2065), (0x7008, 0x7067))
THERE = 0x8000          # what the dump has of it


def note(name, kind, data):
    pad = -len(name) % 4
    return struct.pack("<III", len(name), len(data), kind) + name + bytes(pad) + data


def registers(cr0, cr3, cr4):
    """As QEMU has them."""
    return note(b"QEMU\0", 0, struct.pack("<II384x5Q8x", 1, 440, cr0, 0, 0, cr3, cr4))


def ran(pid):
    """On a CPU, as Linux has it when it dumps itself."""
    return note(b"CORE\0", 1, struct.pack("<32xI300x", pid))


def core(memory, there, *vcpus, notes=b""):
    """An ELF core of a guest's memory, all of which but the begin was left out."""
    notes += b"".join(registers(*vcpu) for vcpu in vcpus)
    at = 64 + 3 * 56
    data = at + len(notes)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 64, 0, 0,
                       64, 56, 3, 0, 0, 0)
    for kind, offset, gpa, filesz, memsz in (
            (4, at, 0, len(notes), len(notes)), (1, data, 0, there, there),
            (1, data, there, 0, len(memory) - there)):
        head += struct.pack("<IIQQQQQQ", kind, 0, offset, 0, gpa, filesz, memsz, 0)
    return head + notes + memory[:there]


class Cases:
    """A JSON line each, for run()."""

    guest = GUEST

    def __init__(self, program, tmp):
        self.program = program
        self.tmp = pathlib.Path(tmp)

    @staticmethod
    def case(name, good, *why):
        print(json.dumps([name, bool(good), *map(repr, why)]), flush=True)

    def expect(self, name, got, want):
        self.case(name, got == want, got, want)

    def save(self, name, data):
        (self.tmp / name).write_bytes(data)
        return str(self.tmp / name)

    def raises(self, name, kind, number, words, function, *arguments, **named):
        """Of that kind, with that errno and those words."""
        try:
            got = function(*arguments, **named)
        except Exception as error:  # pylint: disable=broad-exception-caught
            got = error
        self.case(name, type(got) is kind and  # pylint: disable=unidiomatic-typecheck
                  getattr(got, "errno", None) == number and words in str(got), got)

    def json(self, *arguments):
        """What vmem(1) prints, between its first line and the end of a walk."""
        done = subprocess.run([self.program, *map(str, arguments), "--json"],
                              check=True, capture_output=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[0], [line for line in lines[1:] if "end" not in line], lines[-1]


def layout(cases, vmem):
    """Each struct, field and number, as a compiler has it from the headers."""
    lines = []
    for name in (name for name in vmem.ffi.list_types()[1]
                 if name.startswith("vmem_")):
        kind = vmem.ffi.typeof(f"struct {name}")
        if kind.fields is None:
            continue
        lines.append(f"sizeof(struct {name}) == {vmem.ffi.sizeof(kind)}")
        for field, what in kind.fields:
            if not field:
                continue
            at = f"((struct {name} *)0)->{field}"
            lines.append(f"offsetof(struct {name}, {field}) == {what.offset}")
            lines.append(f"sizeof({at}) == {vmem.ffi.sizeof(what.type)}")
    structs = len(lines)
    lines += [f"(long long)VMEM_{name} == {getattr(vmem.lib, name)}"
              for name in dir(vmem.lib) if name.startswith(("IOC_", "DUMP_"))]
    text = "#include <stddef.h>\n#include <libvmem.h>\n" + "".join(
        f'_Static_assert({line}, "{n}");\n' for n, line in enumerate(lines))
    done = subprocess.run(["cc", "-std=gnu11", "-fsyntax-only", "-Iinclude/uapi",
                           "-Itools/lib", "-xc", "-"], check=False,
                          input=text, capture_output=True, text=True)
    cases.case("what cffi was told is what the compiler says", not done.returncode and
               structs > 200 and len(lines) - structs > 150,
               structs, len(lines), done.stderr)


def mapping_lines(walk, leaves):
    """As they are printed."""
    for record in walk:
        said = record.as_dict()
        if record.type == "mapping" and not leaves:
            del said["entry"]
        yield said


def walks(cases, vmem, files):
    for name, path, roots in files:
        with vmem.open(path) as dump:
            spaces = [dump.space(root) for root in roots]
            for words in ((), ("leaves",), ("follow",), ("nonpresent",),
                          ("leaves", "follow", "ignore_ad", "nonpresent")):
                options = [f"--{word.replace('_', '-')}" for word in words]
                walk = dump.walk(spaces, budget=1000, **dict.fromkeys(words, True))
                got = list(mapping_lines(walk, "leaves" in words))
                _, want, end = cases.json(
                    "walk", "-m", path, "-r", ",".join(map(hex, roots)),
                    "--budget", 1000, *options)
                cases.expect(f"walk: {name}, {' '.join(words) or 'as it is'}", got, want)
                end = end["end"]
                cases.expect(f"walk: the end of {name}, {' '.join(words) or 'as it is'}",
                             (walk.end.leaves, walk.end.refs, walk.end.bad,
                              walk.end.reason, walk.end.complete),
                             tuple(end[key] for key in ("leaves", "refs", "bad",
                                                        "reason", "complete")))


def attributes(cases, vmem, path):
    """What a program asks of a record, not what is printed."""
    with vmem.open(path) as dump:
        space = dump.space()
        found = {record.va: record for record in space.walk(leaves=True)}
        for va, names, is_so in (
                (0, "readable writable executable user accessed dirty", True),
                (0, "missing outside part pat is_global cow encrypted shared_stack", False),
                (0x1000, "readable user accessed", True),
                (0x1000, "writable executable dirty missing", False),
                (0x2000, "missing", True), (0x6000, "pat", True),
                (0x40000000, "outside writable", True)):
            got = {name: getattr(found[va], name, False) for name in names.split()}
            cases.case(f"attributes of {va:#x}: {names}",
                       all(value is is_so for value in got.values()), got)
        cases.expect("attributes: key and soft", (found[0x4000].key, found[0x5000].soft),
                     (3, (9, 52)))
        large = [record for record in found.values() if record.size and
                 record.type == "mapping" and record.page_size == 2 << 20]
        cases.case("attributes: a part of a page of 2 MiB", large and
                   any(record.part for record in large), large)
        bad = [(record.va >> 39 & 511, record.why, record.missing, record.gpa)
               for record in found.values() if isinstance(record, vmem.Bad)]
        cases.expect("attributes: bad entries", bad, [
            (300, "ps", False, bad[0][3]), (301, "not-in-dump", True, 0x10000000),
            (302, "not-in-dump", True, 0x9000)])
        refs = [record for record in found.values() if isinstance(record, vmem.Reference)]
        cases.expect("attributes: a reference", [
            (record.va, record.their_va, record.depth, record.owner is space, record.path,
             record.size) for record in refs],
            [(0xffffff8000000000, 0, 1, True, "rwx-", 1 << 39)])
        cases.expect("mappings() are those of walk()",
                     [m.va for m in space.mappings(leaves=True)],
                     [va for va, record in found.items() if record.type == "mapping"])
        cases.expect("mappings(): a range", [
            (m.va, m.size) for m in space.mappings(0x1000, 0x1fff)], [(0x1000, PAGE)])


def translations(cases, vmem, files):
    vas = [0, 0x1008, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x200123, 0x40000123,
           0x123400000000000, 2**64 - 1, *(0xffff000000000000 | n << 39
                                           for n in (300, 301, 302)), 0xffffff8000001000]
    for name, path, roots in files:
        with vmem.open(path) as dump:
            space = dump.space(roots[0])
            for words, access, named in (
                    ("", None, {}), ("r,user", "r", {"user": True}),
                    ("w", "w", {}), ("w,wp=0,smap=0", "w", {"wp": False, "smap": False}),
                    ("x,user", "x", {"user": True}), ("x,smep=0", "x", {"smep": False}),
                    ("r,user,pkru=0xc0", "r", {"user": True, "pkru": 0xc0}),
                    ("r,implicit,ac", "r", {"implicit": True, "ac": True}),
                    ("r,len=8", "r", {"length": 8})):
                given = [f"--access={words}"] if words else []
                _, want, _ = cases.json("translate", "-m", path, "-r", hex(roots[0]),
                                        "--chain", *given, *map(hex, vas))
                for line in want:
                    # what is there for people
                    for key in ("fault", "fault_va", "refused", "why",
                                "may_set_accessed"):
                        line.pop(key, None)
                    if line["status"] == "key":
                        line.pop("key")
                    if line["status"] == "non-canonical":
                        line.pop("chain", None)
                got = space.translate(vas, access, chain=True, **named)
                cases.expect(f"translate: {name}, {words or 'no access'}",
                             [result.as_dict() for result in got], want)
            one = space.translate(0x1008)
            cases.case(f"translate: {name}, one", one.ok and one.gpa == 0x6008 and
                       one.page_size == PAGE and not one.writable and one.chain is None,
                       one)
            gone = space.translate([0x2000, 0xffff970000000000])
            is_dump = name == "a core"
            cases.expect(f"translate: {name}, what isn't in the dump",
                         [(r.ok, r.status, r.missing, r.gpa) for r in gone],
                         [(True, "ok", is_dump, 0x8000),
                          (False, "not-in-dump", True, None) if is_dump else
                          (False, "not-present", False, None)])
            many = space.translate(n * 8 % 0x2000 for n in range(150_000))
            cases.case(f"translate: {name}, more than fit in a call",
                       len(many) == 150_000 and
                       all(r.gpa == (0x5000, 0x6000)[r.va >> 12] + r.va % PAGE
                           for r in many))


def packed(cases, vmem, path):
    """What is compressed as a whole; and that a caller can end what takes long."""
    data = pathlib.Path(path).read_bytes()
    name = cases.save("core.gz", gzip.compress(data))
    with vmem.open(path) as dump, vmem.open(name, tmpdir=cases.tmp) as same:
        cases.expect("packed: as it is without", [
            r.as_dict() for r in same.space().walk(leaves=True)], [
                r.as_dict() for r in dump.space().walk(leaves=True)])
        cases.expect("packed: nothing is wrong with it", (dump.trouble, same.trouble),
                     (None, None))
    with vmem.open(cases.save("cut.gz", gzip.compress(bytes(1 << 20))[:-8])) as cut:
        cases.case("packed: a stream that is cut, is told", "ends" in (cut.trouble or ""),
                   cut.trouble)
    cases.raises("packed: no such directory", vmem.Error, errno.EINVAL,
                 "no temporary file", vmem.open, name, tmpdir=cases.tmp / "absent")

    # 6 GiB of zeros
    large = cases.save("large.gz", gzip.compress(bytes(64 << 20)) * 96)
    told = []

    def progress(*how_far):
        told.append(how_far)
        raise InterruptedError("that will do")
    cases.raises("packed: progress() may raise", InterruptedError, None, "that will do",
                 vmem.open, large, progress)
    cases.raises("packed: or answer", vmem.Error, errno.ECANCELED, "progress() ended it",
                 vmem.open, large, lambda *_: True)
    cases.case("packed: what is told", len(told) == 1 and isinstance(told[0][0], str) and
               told[0][1] > 0, told)


def memory(cases, vmem, raw, path):
    with vmem.open(path) as dump, vmem.open(raw) as whole:
        space = dump.space()
        for name, guest in (("a core", dump), ("raw", whole)):
            cases.expect(f"read: {name}", [
                guest.read(0, 0), guest.read(0x5001, 3), guest.read(0x4ff0, 0x1020)],
                [b"", GUEST[0x5001:0x5004], GUEST[0x4ff0:0x6010]])
            cases.raises(f"read: {name}, no memory", vmem.Error, errno.ENXIO, "memory",
                         guest.read, len(GUEST), 8)
            cases.raises(f"read: {name}, a negative length", ValueError, None, "range",
                         guest.read, 0, -1)
        cases.expect("read: how much isn't in the dump", [
            guest.missing(THERE - 8, 1 << 20) for guest in (dump, whole)],
            [len(GUEST) - THERE, 0])
        cases.raises("read: not in the dump", vmem.Error, errno.ENODATA, "in the dump",
                     dump.read, THERE - 8, 16)
        cases.expect("read: by virtual address, over pages",
                     space.read(0xff0, 0x20), GUEST[0x5ff0:0x6000] + GUEST[0x6000:0x6010])
        # the library's own, which copies through the dump's cache
        lib, ffi = vmem.lib, vmem.ffi
        buf = ffi.new("char[32]")
        handle = space.guest._handle.open()  # pylint: disable=protected-access
        cases.expect("vmem_space_read() of a dump", (
            lib.vmem_space_read(handle, space.id, 0xff0, buf, 32, 0, ffi.NULL),
            bytes(ffi.buffer(buf))), (0, space.read(0xff0, 0x20)))
        cases.expect("vmem_space_write() of a dump", lib.vmem_space_write(
            handle, space.id, 0xff0, buf, 32, 0, ffi.NULL), -errno.EROFS)
        cases.expect("read: nothing", space.read(0x123400000000000, 0), b"")
        for name, number, va in (
                ("not in the dump", errno.ENODATA, 0x1ff0),
                ("its table isn't in the dump", errno.ENODATA, 0xffff970000000000),
                ("not present", errno.EFAULT, 0x3000),
                ("non-canonical", errno.EFAULT, 0x123400000000000),
                ("no memory", errno.ENXIO, 0x40000000)):
            cases.raises(f"read: by virtual address, {name}", vmem.Error, number, "",
                         space.read, va, 0x20)
        cases.raises("read: over the end", ValueError, None, "range",
                     space.read, 2**64 - 1, 2)


def parts(cases, vmem, raw):
    """Memory in several parts, some of which begin anywhere in a page of the file."""
    odd = cases.save("odd", bytes(100) + GUEST)
    given = [(0x0, raw, 0, 0x4000), (0x4000, odd, 100 + 0x4000, 0x2000),
             (0x6000, raw, 0x6000)]
    with vmem.Guest(memory=given) as guest:
        got = list(mapping_lines(guest.space(0x1000).walk(), False))
        _, want, _ = cases.json("walk", "-m", f"{raw}@0:0+0x4000", "-m",
                                f"{odd}@0x4000:0x4064+0x2000", "-m",
                                f"{raw}@0x6000:0x6000", "-r", "0x1000")
        cases.expect("parts: a walk", got, want)
        cases.expect("parts: what is read", guest.read(0x3ff0, 0x2020),
                     GUEST[0x3ff0:0x6010])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        vmem.Guest(memory=[(0, raw, 0, 1 << 30)]).close()
        vmem.Guest(memory=[(0, odd)]).close()
        cases.case("parts: what is cut is said, of this line",
                   [word in str(w.message) for word, w in zip(
                       ("before the given length", "no whole page"), said)] ==
                   [True] * 2 and all(w.filename == __file__ for w in said), said)


def defaults(cases, vmem, path):
    """Registers of the dump say what isn't said; of a pair of roots, as --kpti."""
    pair = image((0x2000, 0x4067), (0x2800, 0x5063, 0x6063), (0x3000, NX | 0x4067),
                 (0x3800, 0x5063), (0x4000, 0x5067))
    pairs = cases.save("pair", core(pair, len(pair), (PG, 0x3000, 0x1020)))
    with vmem.open(path) as dump:
        cases.expect("registers", dump.vcpus, [(0, 0x11, 0, 0), (1, PG, 0x1018, 0x20)])
        cases.expect("registers: nothing else is asked what ran", dump.running, [])
    none = cases.save("none", core(pair, len(pair), notes=ran(0) + ran(77)))
    with vmem.open(none) as dump:
        cases.expect("no registers: what ran", (dump.vcpus, dump.running), ([], [0, 77]))
        cases.raises("no registers, nor Linux", vmem.Error, errno.ENOENT, "VMCOREINFO", dump.space,
                     vcpu=1)
    made = Linux()
    none = cases.save("none", core(bytes(made.data), len(made.data), notes=ran(0) + ran(13) +
                                   ran(2) + made.note()))
    with vmem.open(none) as dump:
        cases.expect("no registers: roots of what ran",
                     [dump.space(vcpu=n).root for n in range(3)],
                     [made.root, made.process_root(2), made.root])
    with vmem.open(path) as dump:
        cases.expect("registers: the first vCPU with paging",
                     (dump.space().root, dump.space().format),
                     (0x1000, "x86_64-4level"))
        cases.raises("registers: a vCPU without paging", vmem.Error, errno.ENOENT,
                     "no paging", dump.space, vcpu=0)
        cases.raises("registers: no such vCPU", ValueError, None, "there are 2",
                     dump.space, vcpu=2)
        cases.raises("registers: no pair", vmem.Error, errno.ENOENT, "none of a pair",
                     dump.space, kpti="user")
    with vmem.open(pairs) as dump:
        for half, root in (("kernel", 0x2000), ("user", 0x3000)):
            head, _, _ = cases.json("walk", "-m", pairs, "--kpti", half)
            space = dump.space(kpti=half)
            cases.expect(f"registers: of a pair that of {half}",
                         ([hex(space.root)], space.format), (head["roots"], head["format"]))
            cases.expect(f"registers: its root, {half}", (space.root, space.levels),
                         (root, 5))
        cases.raises("registers: no Linux tells of itself", vmem.Error, errno.ENOENT, "",
                     dump.linux)
        cases.expect("registers: the CR3 that is given is that which is meant",
                     dump.space(0x3018, 4).root, 0x3000)


def facts(cases, vmem, raw):
    """Those of the vCPU reach the library: what they change is seen."""
    enc = 1 << 51
    name = cases.save("facts", image(
        (0x1000, 0x2067 | enc, 0x20e7 | 1 << 8), (0x2000, 0x3067, 0xe7),
        (0x3000, 0x4067), (0x4000, NX | 0x8067, 0x8265, NX | 0x8041)))
    with vmem.open(name) as guest:
        for options, words in (
                ({"c_bit": 51}, "c-bit=51"), ({"shared_bit": 51}, "shared-bit=51"),
                ({"nx": False, "c_bit": 51}, "no-nx,c-bit=51"),
                ({"amd": True}, "amd"), ({"phys_bits": 40}, "phys=40"),
                ({"pages_1g": False, "c_bit": 51}, "no-1g,c-bit=51"),
                ({"cet": True, "c_bit": 51}, "cet,c-bit=51")):
            got = list(mapping_lines(guest.space(0x1000, **options).walk(), False))
            _, want, _ = cases.json("walk", "-m", name, "-r", "0x1000", "--cpu", words)
            cases.expect(f"facts: {words}", got, want)
        got = list(mapping_lines(guest.space(0x1000, c_bit=51, cow=1).walk(), False))
        _, want, _ = cases.json("walk", "-m", name, "-r", "0x1000", "--cpu", "c-bit=51",
                                "--cow", 1)
        cases.case("facts: cow", got == want and
                   any(line.get("kind") == "cow" for line in got), got, want)
        for bit in ("lam48", "lam57", "lam_sup"):
            result = guest.space(0x1000, c_bit=51, **{bit: True}).translate(
                [1 << 62, 0xbfffffffffffffff])
            cases.expect(f"facts: {bit}", [r.status == "non-canonical" for r in result],
                         [bit == "lam_sup", bit != "lam_sup"])
    cases.raises("facts: two makers", ValueError, None, "two makers",
                 vmem.open(raw).space, 0x1000, c_bit=51, shared_bit=51)


def refused(cases, vmem, raw, path):
    opened = vmem.open(raw)
    closed = vmem.open(path)
    space = closed.space()
    walk = space.walk()
    left = iter(space.walk())
    next(left)
    closed.close()
    closed.close()
    cut = cases.save("cut", core(GUEST, THERE, (PG, 0x1000, 0))[:70])
    for name, kind, number, words, function, *arguments in (
            ("no such file", vmem.Error, errno.ENOENT, "absent", vmem.open,
             cases.tmp / "absent"),
            ("a directory", vmem.Error, errno.EISDIR, "directory", vmem.open, cases.tmp),
            ("nothing in it", vmem.Error, errno.EINVAL, "holds no memory", vmem.open,
             cases.save("empty", b"")),
            ("a part with nothing in it", vmem.Error, errno.EINVAL, "none from",
             vmem.Guest, [(0, str(cases.tmp / "empty"))]),
            ("a part of no page", vmem.Error, errno.EINVAL, "no whole page", vmem.Guest,
             [(0, raw, len(GUEST) - 100)]),
            ("a core that is cut", vmem.Error, errno.EINVAL, "cut: ", vmem.open, cut),
            ("a state of QEMU's", vmem.Error, errno.EINVAL, "savevm", vmem.open,
             cases.save("state", b"QEVM\0\0\0\3".ljust(8192, b"\0"))),
            ("no module", vmem.Error, errno.ENOTTY, "not vmem's", vmem.Guest, (),
             "/dev/null"),
            ("memory twice", vmem.Error, errno.EEXIST, "overlaps", vmem.Guest,
             [(0, raw), (0x1000, raw)]),
            ("memory inside a page", vmem.Error, errno.EINVAL, "no multiple", vmem.Guest,
             [(0x10, raw)]),
            ("memory beyond all", vmem.Error, errno.EOVERFLOW, "beyond", vmem.Guest,
             [(1 << 52, raw)]),
            ("no root", vmem.Error, errno.ENOENT, "say root=", opened.space),
            ("a root outside", vmem.Error, errno.ENXIO, "no memory", opened.space,
             1 << 40),
            ("a format", ValueError, None, "x86_64-5level", opened.space, 0x1000, "arm64"),
            ("a number of levels", ValueError, None, "none of", opened.space, 0x1000, 3),
            ("a walk of no space", vmem.Error, errno.EINVAL, "no space", opened.walk, []),
            ("a walk of another guest's", ValueError, None, "another guest's",
             opened.walk, [space]),
            ("a walk backwards", ValueError, None, "no range",
             opened.space(0x1000).walk, 1, 0),
            ("an access", ValueError, None, "'rw'", opened.space(0x1000).translate, 0,
             "rw"),
            ("closed: a space", ValueError, None, "closed", closed.space, 0x1000),
            ("closed: a walk begins", ValueError, None, "closed", space.walk),
            ("closed: a walk", ValueError, None, "closed", next, walk),
            ("closed: translate", ValueError, None, "closed", space.translate, 0),
            ("closed: read", ValueError, None, "closed", closed.read, 0, 1)):
        cases.raises(f"refused: {name}", kind, number, words, function, *arguments)
    cases.raises("refused: an option of a walk", TypeError, None, "'leafs'",
                 opened.space(0x1000).walk, leafs=True)
    cases.raises("refused: of no access", ValueError, None, "which access",
                 opened.space(0x1000).translate, 0, user=True)
    space = opened.space(0x1000)
    walk = space.walk()
    space.close()
    for name, function, *arguments in (
            ("a walk", next, walk), ("a walk begins", space.walk),
            ("translate", space.translate, 0), ("translate nothing", space.translate, []),
            ("read", space.read, 0, 0),
            ("a walk with others", opened.walk, [opened.space(0x1000), space])):
        cases.raises(f"refused: of a space that was closed: {name}", ValueError, None,
                     "the space is closed", function, *arguments)
    cases.expect("a space that was closed is closed once", (space.close(), space.closed),
                 (None, True))


def lacking(cases, vmem, raw, path):
    """What the dump has, range by range, and what not."""
    with vmem.open(cases.save("lime", dumps.lime((0x1000, GUEST[0x1000:0x2c00])))) as lime:
        cases.expect("a part of a page is read", lime.read(0x1ff0, 0xc10),
                     GUEST[0x1ff0:0x2c00])
        cases.raises("behind it is none", vmem.Error, errno.ENODATA, "not all of it",
                     lime.read, 0x1ff0, 0xc11)
    with vmem.open(cases.save("odd", GUEST[:0x3005])) as odd:
        cases.expect("raw: what is no whole page is outside", list(odd.ranges()),
                     [(0, 0x3000, True)])
        cases.case("raw: that is told", "last 5 bytes" in (odd.trouble or ""), odd.trouble)
    pages = {gpa: GUEST[gpa:gpa + 0x1000] for gpa in range(0, THERE, 0x1000)}
    filtered = cases.save("filtered", dumps.kdump(pages, len(GUEST) // 0x1000,
                                                  exist=range(0, len(GUEST), 0x1000)))
    with vmem.open(path) as dump, vmem.open(raw) as whole, vmem.open(
            filtered) as kdump, vmem.Guest(memory=[
            (0x8000, raw, 0x4000, 0x2000), (0x100000, raw, 0, 0x1000), (0, raw, 0, 0x4000),
            (0x4000, raw, 0x4000, 0x4000)]) as guest:
        end = len(GUEST)
        for name, given, want in (
                ("a core", dump, [(0, THERE, True), (THERE, end - THERE, False)]),
                ("a kdump file", kdump, [(0, THERE, True), (THERE, end - THERE, False)]),
                ("raw", whole, [(0, end, True)]),
                ("parts", guest, [(0, 0xa000, True), (0x100000, 0x1000, True)])):
            cases.expect(f"ranges: {name}", list(given.ranges()), want)
            for first, length in ((0, 0), (1, 2), (THERE - 1, 2), (THERE, 1 << 60),
                                  (0x9fff, 1), (0x9fff, 0xf7001), (2**64 - 1, 1)):
                cut = [(max(gpa, first), min(gpa + size, first + length) -
                        max(gpa, first), here) for gpa, size, here in want]
                cases.expect(f"ranges: {name}, {length:#x} from {first:#x}",
                             list(given.ranges(first, length)),
                             [part for part in cut if part[1] > 0])
                cases.expect(f"missing(): {name}, {length:#x} from {first:#x}",
                             given.missing(first, length), sum(
                                 size for _, size, here in cut if size > 0 and not here))
        cases.expect("ranges: in words", repr(next(dump.ranges(THERE))),
                     f"Range(gpa={THERE:#x}, size={end - THERE:#x}, here=False)")
        space = dump.space()
        got = {record.va: record.wx for record in space.walk(leaves=True)
               if record.type == "mapping"}
        cases.expect("wx: what may be written and executed", got, {
            m.va: m.writable and m.executable for m in space.mappings(leaves=True)})
        cases.expect("wx: some may, some may not", (got[0], got[0x1000],
                                                    space.translate(0).wx),
                     (True, False, True))


def processes(cases, vmem):
    """Of a Linux: as vmem(1) has them, and names that are none."""
    comm = b"\xff\xc3\xa4\\x\x1b\n\"\xe2\x82"
    for levels, kpti in ((4, True), (5, False)):
        made = Linux(levels, kpti=kpti)
        made.tasks[2].comm = comm
        made.build()
        path = cases.save("linux", made.data)
        with vmem.open(path) as dump:
            what = f"{levels} levels{', KPTI' * kpti}"
            linux = dump.linux()
            cases.expect(f"processes: {what}", [
                (p.pid, p.root, p.user_root) for p in linux.processes],
                [(pid, made.process_root(n), made.process_root(n) + PAGE if kpti else
                  None) for pid, n in ((10, 0), (11, 1), (13, 2), (14, 1))])
            odd = linux.process(11)
            cases.expect(f"processes: {what}: a name", (odd.comm, odd.name), (
                comm, "\\xff\u00e4\\x\x1b\n\"\\xe2\\x82"))
            for pid in (10, 11, 13):
                for half in ("kernel", "user") if kpti else ("kernel",):
                    head, want, _ = cases.json("walk", "-m", path, "--pid", pid,
                                               "--kpti", half)
                    space = dump.space(pid=pid, kpti=half)
                    cases.expect(f"processes: {what}: {half}'s space of {pid}",
                                 ([hex(space.root)], space.format,
                                  list(mapping_lines(space.walk(), False))),
                                 (head["roots"], head["format"], want))
            cases.expect(f"processes: {what}: the root that is given is that",
                         dump.space(linux.process(10).root, levels).root,
                         made.process_root(0))
            for pid in (2, 12, 99):
                cases.raises(f"processes: {what}: {pid} has no space", vmem.Error,
                             errno.ENOENT, f"process {pid}: there is none", dump.space,
                             pid=pid)
            if kpti:
                pair = dump.space(linux.process(10).root, kpti="user")
                cases.expect("processes: the other half of a root that is given",
                             pair.root, linux.process(10).user_root)
                continue
            cases.raises("processes: none of a pair", vmem.Error, errno.ENOENT,
                         "none of a pair", dump.space, pid=10, kpti="user")


def example(cases, path):
    """What the example says of one."""
    done = subprocess.run([PYTHON, "tools/examples/dump.py", path], check=False,
                          capture_output=True, text=True)
    lines = done.stdout.splitlines()
    cases.case("example: dump.py", not done.returncode and not done.stderr and all(
        line in lines for line in (
            f"{path}: ELF core", f"not in the dump: {THERE:#x} + 0x8000",
            "vCPU 1: 0x1000", "  0x0 + 0x1000 -> 0x5000: W+X",
            "  0x2000 + 0x1000: not all of it is in the dump",
            "  0xffff960000000000: entry 0x70a3 is bad: ps")) and
        any(line.endswith(" leaves") for line in lines), done)
    done = subprocess.run([PYTHON, "tools/examples/dump.py", cases.save(
        "linux", Linux().data)], check=False, capture_output=True, text=True)
    cases.case("example: dump.py, of a Linux", not done.returncode and not done.stderr and
               "pid 10 'alpha': 0x" in done.stdout and
               "pid 11 'a name\\x1b" in done.stdout, done)


def hints(cases, vmem):
    """Each public thing says what it takes and gives."""
    without = []
    for kind in (getattr(vmem, name) for name in vmem.__all__):
        members = vars(kind) if inspect.isclass(kind) else {"it": kind}
        for name, member in members.items():
            member = member.fget if isinstance(member, property) else member
            if name.startswith("_") or not inspect.isfunction(member):
                continue
            said = member.__annotations__
            without += [f"{member.__qualname__}: {parameter}" for parameter in (
                *inspect.signature(member).parameters, "return")
                if parameter not in ("self", "cls", *said)]
    cases.expect("hints: of all", without, [])


def large(cases, vmem):
    """More records than a block; more spaces, and walks left off, than there may be."""
    tables = 64
    path = cases.save("large", image(
        (0x1000, 0x2067), (0x2000, 0x3067),
        (0x3000, *(0x10000 + n * PAGE | 0x67 for n in range(tables))),
        *((0x10000 + n * PAGE, *(slot % 7 * PAGE | 1 for slot in range(512)))
          for n in range(tables)), size=0x10000 + tables * PAGE))
    _, want, end = cases.json("walk", "-m", path, "-r", "0x1000")
    with vmem.open(path) as guest:
        space = guest.space(0x1000)
        walk = space.walk()
        got = list(mapping_lines(walk, False))
        cases.case("large: as vmem(1)", got == want and len(got) > 4600 and
                   walk.end.leaves == end["end"]["leaves"], len(got), len(want))
        walk = space.walk()
        some = [next(walk).va for _ in range(4500)]
        cases.case("large: a walk that isn't asked for all", walk.end is None and
                   some == [int(line["va"], 16) for line in want[:4500]])
        walk.close()
        cases.expect("large: a walk that was closed", list(walk), [])
        for _ in range(5000):
            next(iter(guest.space(0x1000).walk()))
        cases.case("large: 5,000 spaces, one after the other", True)

        counts = []

        def work():
            counts.extend(sum(1 for _ in space.walk()) +
                          sum(r.ok for r in space.translate(range(0, 1 << 22, PAGE)))
                          for _ in range(4))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cases.expect("large: four threads", counts, [len(want) + 1024] * 16)


def main(program, tmp):
    import vmem  # pylint: disable=import-outside-toplevel

    cases = Cases(program, tmp)
    raw = cases.save("raw", GUEST)
    path = cases.save("core", core(GUEST, THERE, (0x11, 0, 0), (PG, 0x1018, 0x20)))
    files = (("raw", raw, (0x1000, 0x7000)), ("a core", path, (0x1000, 0x7000)),
             ("a core, one root", path, (0x1000,)))
    with vmem.open(raw) as guest, vmem.open(path) as dump:
        cases.expect("what files are", (guest.format, guest.vcpus, dump.format),
                     ("raw memory", [], "ELF core"))
    version = subprocess.run([program, "--version"], check=True, capture_output=True,
                             text=True).stdout.split()[1]
    cases.expect("the version is the program's", vmem.version(), version)
    layout(cases, vmem)
    walks(cases, vmem, files)
    attributes(cases, vmem, path)
    translations(cases, vmem, files[:2])
    packed(cases, vmem, path)
    memory(cases, vmem, raw, path)
    parts(cases, vmem, raw)
    defaults(cases, vmem, path)
    facts(cases, vmem, raw)
    refused(cases, vmem, raw, path)
    python_refused.run(cases, vmem, raw, path)
    lacking(cases, vmem, raw, path)
    processes(cases, vmem)
    hints(cases, vmem)
    example(cases, path)
    large(cases, vmem)


def environment(build):
    """In which Debian's Python finds what was built."""
    return {**os.environ, "PYTHONPATH": f"{build}/python", "LD_LIBRARY_PATH": build,
            "PYTHONDONTWRITEBYTECODE": "1"}


def run(tests, build):
    """The cases, each as Python said it."""
    tmp = tests.tmp / "python"
    tmp.mkdir()
    done = subprocess.run([PYTHON, __file__, tests.vmem, tmp], check=False,
                          env=environment(build), capture_output=True, text=True)
    for line in done.stdout.splitlines():
        tests.case(*json.loads(line))
    tests.case("Python has come to the end", not done.returncode and not done.stderr,
               done.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
