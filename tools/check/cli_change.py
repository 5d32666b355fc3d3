# SPDX-License-Identifier: GPL-2.0-only
"""The commands of vmem(1) that change: what they tell before they write, and that
what they write is just that."""

import json
import os
import random
import resource
import struct
import subprocess

from cases import NX, SIZE, image, path

SEED = 20261130
ROOT = "0x1000"
POOL = ("--pool", "0xc000+16K")
MIB = 1 << 20
TREE = image(*path(*[0x8067 + 0x1000 * n for n in range(4)]))
# two pages of 2 MiB below 0x3000, the first of them writable
LARGE = image((0x1000, 0x2067), (0x2000, 0x3067), (0x3000, 0x2000e7, 0x4000a5),
              size=8 * MIB)
LETTERS = "rwxugadct"


class Change:
    """A file with a guest's memory, and changes of it."""

    def __init__(self, tests, data=TREE, name="guest"):
        self.tests = tests
        self.place = tests.tmp / name
        self.place.write_bytes(data)
        self.source = ("-m", str(self.place), "-r", ROOT)

    def data(self):
        return self.place.read_bytes()

    def run(self, command, *arguments, source=None, **options):
        done = self.tests.run(command, *(source or self.source), *arguments,
                              **options)
        return (done.returncode, done.stdout.decode().splitlines(),
                done.stderr.decode())

    def json(self, command, *arguments, source=None):
        """Status, what differs, entries, and the last line."""
        status, out, err = self.run(command, *arguments, "--json", "--entries",
                                    source=source)
        lines = [json.loads(line) for line in out]
        return (status, [r for r in lines if "change" in r],
                [r for r in lines if "old" in r], lines[-1] if lines else {},
                err)

    def walk(self, *arguments, root=ROOT):
        return self.tests.lines("walk", "-m", self.place, "-r", root,
                                *arguments)[0][1:-1]

    def text(self, what, want, command, *arguments):
        """Just these lines begin with - or +."""
        status, out, err = self.run(command, *arguments)
        got = [line for line in out if line[0] in "-+"]
        self.tests.case(what, status == 0 and got == want, status, out, err)

    def refused(self, what, words, command, *arguments, status=1, source=None):
        before = self.data()
        got, out, err = self.run(command, *arguments, "--write", source=source)
        self.tests.case(what, got == status and not out and
                        all(word in err for word in words) and
                        self.data() == before, got, out, err)


def patched(data, entries):
    """What the file is to be, and whether it was what was said."""
    data, good = bytearray(data), True
    for entry in entries:
        at = int(entry["gpa"], 16)
        good &= struct.unpack_from("<Q", data, at)[0] == int(entry["old"], 16)
        struct.pack_into("<Q", data, at, int(entry["new"], 16))
    return bytes(data), good


def pages(records):
    """What each page of 4 KiB is, and each reference and other record."""
    found = {}
    for rec in records:
        rec = {key: value for key, value in rec.items()
               if key not in ("change", "space")}
        if "gpa" not in rec:
            rec.pop("our_va", None)
            at = rec.get("va") or rec["ref"]["our_va"]
            for n in range(0, rec.get("len", 4096), 4096):
                found[int(at, 16) + n] = {**rec, "va": 0, "len": 0}
            continue
        va, gpa = int(rec.pop("va"), 16), int(rec.pop("gpa"), 16)
        for n in range(0, rec.pop("len"), 4096):
            found[va + n] = {**rec, "gpa": gpa + n}
    return found


def told(change, command, *arguments):
    """One change: told, and nothing is written; then written, and it is what was
    told, in the entries and in the mappings. Return: what the last line says."""
    before, walked = change.data(), pages(change.walk("--nonpresent"))
    status, differs, entries, end, err = change.json(command, *arguments)
    if status:
        same = change.data() == before
        return ("error", same, end.get("error", {}).get("errno"), err)
    same = change.data() == before
    want, good = patched(before, entries)
    again = change.json(command, *arguments, "--write")
    root = end["done"]["root"]
    for rec in differs:
        if rec["change"] == "-":
            for va in pages([rec]):
                walked.pop(va, None)
    for rec in differs:
        if rec["change"] == "+":
            walked.update(pages([rec]))
    after = pages(change.walk("--nonpresent", root=root))
    return ("done", same and good and change.data() == want and
            again[1:3] == (differs, entries) and after == walked and
            again[3]["done"] == {**end["done"], "written": True} and
            end["done"]["entries"] == len(entries),
            end["done"], err)


def expect_told(change, what, check, command, *arguments):
    kind, good, end, err = told(change, command, *arguments)
    change.tests.case(what, kind == "done" and good and check(end), kind, good,
                      end, err)


def commands(tests):
    """Each, by what it shows."""
    change = Change(tests)
    head = "0000000000604000-0000000000605fff     8K  000000008000   4K  "
    change.text("map", [f"+ {head}rw-u-ad--  rw-u"], "map", *POOL,
                "0x604000+8K", "0x8000", "rw-u")
    out = change.run("map", *POOL, "-e", "0x604000+8K", "0x8000", "rw-u")[1]
    tests.expect("map: all that is told", out[2:], [
        "entry 000000003018: 0000000000000000 -> 000000000000c027",
        "entry 00000000c020: 0000000000000000 -> 8000000000008067",
        "entry 00000000c028: 0000000000000000 -> 8000000000009067",
        "2 pages of 4K mapped", "tables from the pool: 0xc000",
        "to be flushed: nothing",
        "3 entries to be written: --write does that, nothing was written"])
    old = "0000000000401000-0000000000402fff     8K  000000009000   4K  "
    change.text("map --replace", [f"- {old}rwxu-ad--  rwxu  W+X",
                                  f"+ {old}r--u--d-t  r--u  pat  key=3  soft=9,58"],
                "map", "--replace", "0x401000-0x402fff", "0x9000",
                "r--u--d-t,pat,key=3,soft=9,58")
    change.text("protect", [f"- {old}rwxu-ad--  rwxu  W+X",
                            f"+ {old}r--u-ad--  r--u"],
                "protect", "0x401000+8K", "-wx")
    change.text("unmap", [f"- {old}rwxu-ad--  rwxu  W+X"], "unmap",
                "0x401000+8K")
    change.text("an entry that is not present",
                ["+ 0000000000404000-0000000000405fff     8K  -- entry "
                 "00000000deadbe00 of level 0: not present, 2 times"],
                "map", "0x404000+8K", "entry=0xdeadbe00")
    change.text("Cow", [f"- {old}rwxu-ad--  rwxu  W+X",
                        f"+ {old}r-xu-ad--  r-xu  cow  soft=10"],
                "protect", "--cow=2", "0x401000+8K", "+cow")
    out = change.run("map", *POOL, "--new-root", "0x1000+4K", "0", "r-x",
                     source=("-m", change.place))[1]
    tests.case("a new root", "the new root: 0xc000" in out and
               "tables from the pool: 0xc000, 0xd000, 0xe000, 0xf000" in out and
               [line[0] for line in out if line[0] in "+-"] == ["+"], out)
    out = change.run("unmap", "--alone", "0x401000+8K")[1]
    tests.case("--alone", any(line.startswith(
        "to be flushed: 0000000000401000-0000000000402fff") for line in out), out)
    out = change.run("protect", "--movable", *POOL, "0x401000+8K", "-w")[1]
    tests.case("--movable: the root moves", "the root moved: CR3 must be 0xc000" in
               out, out)
    tests.expect("what text says, JSON says", [
        (r["change"], r["va"], r["len"], r["leaf"])
        for r in change.json("protect", "0x401000+8K", "+t,-w")[1]],
        [("-", "0x401000", 8192, "rwxu-ad--"), ("+", "0x401000", 8192, "r-xu-ad-t")])
    for words in ("rwxu", "rwx-", "r--u-ad--", "r--------", "rw-u-a---", "r-ga",
                  "rw-u,key=15", "rw-u,pat", "r-x,soft=9,10,52",
                  "rw-u----t,pat,key=1,soft=11"):
        change = Change(tests)
        expect_told(change, f"attributes: {words}",
                    lambda end: end["pages"] == 1, "map", "0x404000+4K",
                    "0x8000", words)
        got = change.run("walk", "-a", "0x404000+4K")[1][1].split()[4:]
        if len(words.split(",", maxsplit=1)[0]) == len(LETTERS):
            tests.expect(f"what a walk prints is what was typed: {words}",
                         [got[0], *(w for w in got[2:] if w != "W+X")],
                         words.replace(",soft", " soft").replace(",pat", " pat")
                         .replace(",key", " key").split())


def changes(tests):
    """Each: told, written, and just that."""
    change = Change(tests)
    expect_told(change, "map, told and written",
                lambda end: end["tables"] == ["0xc000"] and end["flush"] == "none",
                "map", *POOL, "0x604000+8K", "0x8000", "rw-u")
    expect_told(change, "the same pool again: its table stays",
                lambda end: end["tables"] == ["0xd000"], "map", *POOL,
                "0x804000+8K", "0x8000", "rw-u")
    expect_told(change, "a list", lambda end: end["pages"] == 4, "map", *POOL,
                "0x605000+4K", "0x9000", "r-x", "0x806000+8K", "0x9000", "r-x",
                "0x400000+4K", "entry=0x1234560", "--replace")
    expect_told(change, "protect, told and written",
                lambda end: end["flush"] == "all" and end["pages"] == 2, "protect",
                "0x604000+8K", "-w,+g,key=4")
    expect_told(change, "unmap, told and written",
                lambda end: end["pages"] == 1, "unmap", "0x605000+4K")
    expect_told(change, "unmap all", lambda end: end["pages"] == 8, "unmap",
                "0-ffffffffffffffff")
    expect_told(change, "nothing to unmap",
                lambda end: not end["pages"] and not end["entries"], "unmap",
                "0-ffffffffffffffff")

    change = Change(tests)
    before = change.data()
    expect_told(change, "--movable, told and written",
                lambda end: end["moved"] and end["root"] == "0xc000", "protect",
                "--movable", *POOL, "0x401000+8K", "-w")
    tests.case("--movable: tables that were there stay as they are",
               change.data()[:0xc000] == before[:0xc000])

    change = Change(tests, LARGE)
    pool = ("--pool", "0x10000+64K")
    expect_told(change, "2 MiB split, told and written",
                lambda end: end["tables"] == ["0x10000"] and end["pages"] == 1,
                "protect", *pool, "--split", "0x1000+4K", "-w")
    expect_told(change, "none can be promoted: attributes differ",
                lambda end: end["skipped"] == 1 and
                end["skip_reason"] == "attributes" and not end["entries"],
                "promote", "0-0x3fffff")
    expect_told(change, "made equal", lambda end: end["pages"] == 1, "protect",
                "0x1000+4K", "+wd")
    expect_told(change, "promoted, told and written",
                lambda end: end["pages"] == 512 and end["entries"] == 1 and
                "skipped" not in end, "promote", "0-0x3fffff")
    accessed = 0x60
    tests.expect("split and promoted is what it was, but accessed and dirty",
                 struct.unpack_from("<Q", change.data(), 0x3000)[0] | accessed,
                 0x2000e7 | accessed)
    expect_told(change, "2 MiB mapped, told and written",
                lambda end: end["pages"] == 1024 and end["entries"] == 2,
                "map", "--sizes", "2M", "0x400000+4M", "0x200000", "rwxu")
    expect_told(change, "4 KiB and 2 MiB, told and written",
                lambda end: end["pages"] == 514 and len(end["tables"]) == 2,
                "map", *pool, "--sizes", "4k,2m", "0x9ff000-0xc00fff", "0x3ff000",
                "r-xu")

    change = Change(tests)
    expect_told(change, "an empty table at two places, told and written",
                lambda end: end["tables"] == ["0xc000"], "link", *POOL, "--make",
                "0x40000000+1G", "0x1000", "0x80000000", "rwxu")
    expect_told(change, "it holds nothing, and is no free page all the same",
                lambda end: end["tables"] == ["0xd000"], "map", *POOL,
                "0x604000+4K", "0x8000", "rw-u")
    expect_told(change, "a table of its own, told and written",
                lambda end: end["tables"] == ["0xe000"] and end["flush"] == "all",
                "link", *POOL, "--unshare", "0x40000000+1G")
    change = Change(tests, image(*path(0x8067), (0x5000, 0)))
    before = change.data()
    status, differs, _, end, err = change.json(
        "link", *POOL, "--make", "0x40000000+1G", "0x5000", "0x80000000", "--write")
    tests.case("a table of another space", status == 0 and
               [(r["space"], r["ref"]["space"]) for r in differs if "ref" in r] ==
               [(ROOT, "0x5000")] and len(end["done"]["tables"]) == 2, status,
               differs, end, err)


def files(tests):
    """What is written is the files, in their places, and all of it or nothing."""
    change = Change(tests, TREE[:0x8000], "low")
    high = tests.tmp / "high"
    high.write_bytes(b"\xff" * 100 + TREE[0x8000:])
    both = ("-m", str(change.place), "-m", f"{high}@0x8000:0x64", "-r", ROOT)
    arguments = ("map", *POOL, "0x604000+8K", "0x8000", "rw-u")
    before = high.read_bytes(), change.data()
    status, differs, entries, _, err = change.json(*arguments, source=both)
    tests.case("two files: told", status == 0 and len(differs) == 1 and
               (high.read_bytes(), change.data()) == before, differs, err)
    change.json(*arguments, "--write", source=both)
    want = patched(TREE, entries)[0]
    tests.case("two files, one from the middle of a page: written",
               change.data() == want[:0x8000] and
               high.read_bytes() == b"\xff" * 100 + want[0x8000:])

    change = Change(tests)
    tests.refused("the same bytes twice", 1, ["twice"], "unmap", *change.source,
                  "-m", f"{change.place}@0x100000", "0x400000+4K")
    change.refused("a size that is no whole table's", ["whole pages"], "unmap",
                   "0x400000+100K", "--pool", "0xc000+0x10", status=2)
    (tests.tmp / "gz").write_bytes(b"\x1f\x8b\x08" + bytes(100000))
    tests.refused("what is compressed", 1, ["not raw memory", "gzip"], "unmap",
                  "-m", tests.tmp / "gz", "-r", ROOT, "0x400000+4K", "--write")

    # a name under which nobody may write
    shell = tests.tmp / "running"
    shell.write_bytes(open("/bin/sleep", "rb").read() + bytes(SIZE))
    shell.chmod(0o755)
    with subprocess.Popen([shell, "100"]) as running:
        tests.refused("a file that can't be written", 1, ["cannot be written"],
                      "unmap", "-m", f"{shell}@0:0", "-r", ROOT,
                      "0x400000+4K", "--write")
        running.kill()
    fd = os.memfd_create("guest", os.MFD_ALLOW_SEALING)
    os.write(fd, TREE)
    fcntl_add_seals(fd)
    source = ("-m", f"/proc/{os.getpid()}/fd/{fd}", "-r", ROOT)
    status, out, err = change.run("unmap", "0x401000+8K", source=source)
    tests.case("a file that is sealed can be looked at", status == 0 and
               "2 pages of 4K unmapped" in out, status, out, err)
    status, _, err = change.run("unmap", "0x401000+8K", "--write", source=source)
    tests.case("and isn't written", status == 1 and "cannot be written" in err and
               "all is as it was" in err, status, err)
    os.close(fd)

    # the table from the pool lies behind what may be written
    change = Change(tests)
    before = change.data()
    for limit, name in ((0xc000, "the first"), (0xc028, "a part of it"),
                        (0x3000, "a later one")):
        pool = ("--pool", "0x0+4K") if name == "a later one" else POOL
        status, _, err = change.run(
            "map", *pool, "0x604000+8K", "0x8000", "rw-u", "--write",
            restore_signals=False, preexec_fn=lambda limit=limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        tests.case(f"a page that can't be written: {name}", status == 1 and
                   "all is as it was" in err and change.data() == before, status,
                   err)


def fcntl_add_seals(fd):
    """Nothing can be written to it any more."""
    import fcntl  # pylint: disable=import-outside-toplevel
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)


def refusals(tests):
    """Each errno, in words, and where."""
    change = Change(tests)
    at = "at 0000000000401000, level 0"
    change.refused("EEXIST: a page", [at, "mapped already", "--replace"], "map",
                   "0x401000+4K", "0x8000", "rw-u")
    change.refused("ENOSPC without a pool", ["1 page for a table", "--pool"],
                   "map", "0x600000+4K", "0x8000", "rw-u")
    change.refused("ENOSPC", ["2 more free pages are needed than the 4 of --pool"],
                   "map", *POOL, "0xffff800000000000+2M", "0x8000", "rw-u",
                   "0x604000+2M", "0x200000", "rw-u", "0x1000000+2M", "0x200000",
                   "rw-u")
    change.refused("EOVERFLOW", ["wider"], "map", "--cpu", "phys=36",
                   "0x404000+4K", "0x1000000000", "rw-u")
    change.refused("EINVAL: an overlap", ["overlap"], "map", "0x404000+4K",
                   "0x8000", "rw-u", "0x404000+8K", "0x8000", "rw-u")
    change.refused("EINVAL: a link to the guest's own table",
                   ["guest's own making"], "link", "0x40000000+1G", ROOT, "0")
    change.refused("ENOENT: no table to link", ["no such table", "--make"],
                   "link", "0x40000000+1G", ROOT, "0x80000000")
    change.refused("ENOENT: none to unshare", ["no such table"], "link",
                   "--unshare", "0x40000000+1G")
    change.refused("a key of software bits that Cow has", ["can't express"],
                   "protect", "--cow=1", "0x401000+4K", "+cow,+soft=10")
    change = Change(tests, LARGE)
    change.refused("ERANGE: unmap", ["level 1", "a page of 2M", "--split"],
                   "unmap", "0x1000+4K")
    change.refused("ERANGE: map", ["a page of 2M", "--split"], "map", "--replace",
                   "0x1000+4K", "0x8000", "rw-u")
    change.refused("EEXIST: a page of 2M", ["level 1", "a page of 2M"], "map",
                   "0x1000+4K", "0x8000", "rw-u")
    change = Change(tests, image(*path(0x8025, 0x9020, flags=0x21)))
    change.refused("EEXIST: denied above", ["level 3", "grants r-x- only",
                                            "--widen"],
                   "protect", "0x400000+4K", "+w")
    expect_told(change, "--widen", lambda end: end["entries"] == 4, "protect",
                "--widen", "0x400000+4K", "+w")
    change = Change(tests, image(*path(0x8021, 0x9021, flags=0x21)))
    expect_told(change, "--widen, of neighbours too", lambda end:
                end["entries"] == 4, "protect", "--widen", "0x400000+4K", "+w")
    change = Change(tests, image(*path(0x8021, 0x9021, flags=0x21)))
    out = change.run("protect", "--widen", "0x400000+4K", "+w")[1]
    tests.expect("whose paths are all that differs, and are shown", [
        line.split("path=")[1] for line in out if "0000000000401000-" in line],
        ["r-x-/r-x-/r-x-", "rwx-/rwx-/rwx-"])
    change = Change(tests, image(*path(0x8025, 0x9020, flags=0x21)))
    change.refused("EEXIST: --keep", ["holds something", "--keep"], "map",
                   "--keep", "0x401000+4K", "0x8000", "r-x")
    expect_told(change, "overwritten", lambda end: end["overwritten"] == 1, "map",
                "0x401000+4K", "0x8000", "r-x")
    change = Change(tests, image((0x1000, 0x20e7)))
    change.refused("ERANGE: malformed", ["level 3", "is malformed", "512G"],
                   "unmap", "0x1000+4K")
    change.refused("EEXIST: malformed", ["level 3", "malformed", "--replace"],
                   "map", "0x1000+4K", "0x8000", "rw-u")
    change = Change(tests, image((0x1000, 0x2067), (0x2000, 0x10000067)))
    change.refused("ENXIO", ["entry 0000000010000067", "no memory given"], "map",
                   "0x1000+4K", "0x8000", "rw-u")
    change = Change(tests, image(*path(0x8067)))
    status, _, _, end, _ = change.json("map", "0x600000+4K", "0x8000", "rw-u")
    tests.expect("an error, in JSON", (status, end["error"]), (1, {
        "errno": "ENOSPC", "va": "0x600000", "level": 0, "missing": 1,
        "written": False}))
    change.refused("a pool in no memory", ["0x10000", "no memory"], "map",
                   "--pool", "0xc000+64K", "0x600000+4K", "0x8000", "rw-u")
    change.refused("a pool that is full", ["no page of it is free", "--force"],
                   "map", "--pool", "0x4000+4K", "0x600000+4K", "0x8000", "rw-u")
    change.refused("tables are none of a pool", ["all are tables"], "map",
                   "--force", "--pool", "0x4000+4K", "0x600000+4K", "0x8000",
                   "rw-u")
    data = bytearray(change.data())
    data[0xc000:0xd000] = b"x" * 4096
    change = Change(tests, bytes(data))
    status, _, _, end, err = change.json("map", *POOL, "0x600000+4K", "0x8000",
                                         "rw-u")
    tests.case("a page of the pool that holds something is left out",
               status == 0 and end["done"]["tables"] == ["0xd000"] and
               "1 of 4 pages" in err, end, err)
    expect_told(change, "--force takes it", lambda end: end["tables"] == ["0xc000"],
                "map", "--force", *POOL, "0x600000+4K", "0x8000", "rw-u")


def usage(tests):
    """What is asked for wrongly: nothing is done."""
    change = Change(tests)
    good = ("0x404000+4K", "0x8000")
    for what, words, command, *arguments in (
            ("no arguments", ["nothing to map"], "map"),
            ("a range alone", ["GPA ATTRS"], "map", "0x404000+4K"),
            ("no attributes", ["GPA ATTRS"], "map", *good),
            ("a rest", ["GPA ATTRS"], "map", *good, "rw", "0x405000+4K"),
            ("half a page", ["whole pages"], "map", "0x404000+0x1", "0", "rw"),
            ("a range that isn't canonical", ["non-canonical"], "map",
             "0x800000000000+4K", "0x8000", "rw"),
            ("one that ends so", ["non-canonical"], "unmap", "0x0-0x800000000fff"),
            ("an odd GPA", ["whole pages"], "map", "0x404000+4K", "0x8010", "rw"),
            ("a GPA with two readings", ["decimal"], "map", "0x404000+4K", "8000",
             "rw"),
            ("no r", ["lacks r"], "map", *good, "w"),
            ("an unknown letter", ["`rq'"], "map", *good, "rq"),
            ("an empty item", ["empty"], "map", *good, "rw,"),
            ("a long item", ["too long"], "map", *good, "r" * 70),
            ("a key of 16", ["0 to 15"], "map", *good, "rw,key=16"),
            ("no software bit", ["9 to 11"], "map", *good, "rw,soft=12"),
            ("a number of nothing", ["`9'"], "map", *good, "rw,9"),
            ("Cow, untold", ["--cow"], "map", *good, "r,cow"),
            ("Cow and w", ["cow and w"], "map", "--cow=1", *good, "rw,cow"),
            ("encrypted, untold", ["c-bit"], "map", *good, "r,encrypted"),
            ("shared, encrypted told", ["shared-bit"], "map", "--cpu=c-bit=51",
             *good, "r,shared"),
            ("no-nx and no x", ["no-nx"], "map", "--cpu=no-nx", *good, "rw"),
            ("a path of nothing", ["is no path"], "map", *good, "r,path="),
            ("a path too long", ["at most 3"], "map", *good,
             "r,path=r/r/r/r"),
            ("a path of six", ["is no path"], "map", *good, "r,path=r/r/r/r/r/r"),
            ("an entry that is present", ["is present"], "map", "0x404000+4K",
             "entry=0x8001"),
            ("an entry of nothing", ["holds nothing"], "map", "0x404000+4K",
             "entry=0"),
            ("sizes that there are not", ["no pages of 8K"], "map", "--sizes",
             "8K", *good, "rw"),
            ("sizes that are none", ["no list of sizes"], "map", "--sizes",
             "2M,", *good, "rw"),
            ("larger than the range", ["smallest of --sizes"], "map", "--sizes",
             "2M", *good, "rw"),
            ("both roots", ["--new-root"], "map", "--new-root", *POOL, *good, "rw"),
            ("two roots", ["one space"], "map", "-r", "0x2000", *good, "rw"),
            ("the module", ["--kernel"], "map", "--kernel", *good, "rw"),
            ("an odd pool", ["whole pages"], "map", "--pool", "0xc000+0x800", *good,
             "rw"),
            ("unmap: no range", ["RANGE"], "unmap"),
            ("unmap: two", ["RANGE"], "unmap", "0x400000+4K", "0x401000+4K"),
            ("protect: no change", ["RANGE CHANGE"], "protect", "0x400000+4K"),
            ("protect: an empty one", ["changes nothing"], "protect",
             "0x400000+4K", ","),
            ("protect: both", ["sets and clears"], "protect", "0x400000+4K",
             "+w-w"),
            ("protect: -r", ["clears r"], "protect", "0x400000+4K", "+x,-rw"),
            ("protect: no sign", ["no list"], "protect", "0x400000+4K", "w"),
            ("protect: an unknown one", ["`q'"], "protect", "0x400000+4K", "+q"),
            ("protect: two keys", ["sets and clears"], "protect", "0x400000+4K",
             "key=3,key=4"),
            ("promote to the smallest", ["4K"], "promote", "--sizes", "4K",
             "0+2M"),
            ("link: no table's span", ["2M, 1G, 512G"], "link", "0x400000+4K",
             ROOT, "0"),
            ("link: not its begin", ["2M, 1G, 512G"], "link", "0x401000+2M", ROOT,
             "0"),
            ("link: one argument", ["RANGE ROOT VA"], "link", "0x400000+2M"),
            ("link: grants of nothing", ["can grant"], "link", "0x400000+2M",
             ROOT, "0", "wx"),
            ("link: --unshare of another", ["--unshare"], "link", "--unshare",
             "0x400000+2M", ROOT, "0")):
        change.refused(f"usage: {what}", words, command, *arguments, status=2)
    tests.refused("usage: a new root without a pool", 2, ["--pool"], "map",
                  "-m", change.place, "--new-root", *good, "rw")
    tests.refused("usage: no root", 2, ["no --root"], "unmap", "-m",
                  change.place, "0x400000+4K")


def encrypted(tests):
    """An encryption bit is in what is made, unless all is said."""
    enc = 1 << 51
    change = Change(tests, image(*path(enc | 0x8067, flags=enc | 0x67)))
    cpu = ("--cpu", "c-bit=51")
    for words, want in (("rw-u", True), ("rw-u-ad--", False),
                        ("rw-u-ad--,encrypted", True)):
        _, differs, entries, _, err = change.json(
            "map", *cpu, *POOL, "0x604000+4K", "0x8000", words)
        tests.case(f"c-bit: {words}", [r.get("encrypted", False) for r in differs] ==
                   [want] and int(entries[0]["new"], 16) & enc, differs, entries,
                   err)
    _, differs, _, _, err = change.json("protect", *cpu, "0x400000+4K",
                                        "-encrypted")
    tests.expect("c-bit: taken away", [r.get("encrypted", False) for r in differs],
                 [True, False])
    change = Change(tests, image(*path(0x8067)))
    _, differs, entries, _, _ = change.json(
        "map", "--cpu", "shared-bit=47", *POOL, "0x604000+4K", "0x8000",
        "rw-u,shared")
    tests.case("shared-bit: only in leaves", differs[0]["shared"] and
               [int(r["new"], 16) >> 47 & 1 for r in entries] == [0, 1], entries)


def attempts(chance):
    """A change by chance, in the first 8 MiB."""
    sizes = ((), ("--sizes", "4K,2M"))[chance.randrange(2)]
    start = chance.randrange(0, 8 * MIB, 4096)
    if chance.randrange(2):
        start &= -2 * MIB
    length = chance.choice((4096, 8192, 256 << 10, 2 * MIB, 4 * MIB))
    where = f"{start:#x}+{length:#x}"
    split = chance.choice(((), ("--split",)))
    flags = [flag for flag in ("--replace", "--widen", "--movable", "--keep")
             if not chance.randrange(3)]
    kind = chance.randrange(6)
    if kind <= 1:
        gpa = chance.randrange(0, 8 * MIB, 4096)
        if sizes:
            gpa = gpa & -2 * MIB | start % (2 * MIB)
        return ("map", *sizes, *split, *flags, where, hex(gpa), "".join(
            letter for letter in LETTERS
            if letter == "r" or chance.randrange(2)))
    if kind == 2:
        return ("unmap", *split, *(f for f in flags if f == "--movable"), where)
    if kind == 3:
        return ("protect", *split, where, chance.choice(
            ("-w", "+w", "+wu-x", "key=5", "-a-d", "+soft=9,52", "+t-u,-g")))
    if kind == 4:
        return ("promote", "0x0-0x1ffffff")
    return ("map", *split, *flags, where, f"entry={chance.randrange(2, 1 << 30, 2):#x}")


def sequences(tests, rounds):
    """Changes by chance, one upon the other: each is told as it is then done."""
    chance = random.Random(SEED)
    met, bad = set(), []
    change = Change(tests, LARGE)
    for n in range(rounds):
        if n % 20 == 0:
            change = Change(tests, LARGE)
        command, *arguments = attempts(chance)
        arguments = ["--pool", "0x100000+256K", *arguments]
        if "--movable" in arguments:
            arguments.remove("--movable")
        kind, good, end, err = told(change, command, *arguments)
        met.add((command, kind))
        if kind == "error":
            met.add(end)
            good = good and end
        if not good:
            bad.append((command, arguments, kind, end, err))
            change = Change(tests, LARGE)
    tests.case(f"{rounds} changes by chance (seed {SEED})", not bad, *bad[:3])
    wanted = {("map", "done"), ("unmap", "done"), ("protect", "done"),
              ("promote", "done"), "EEXIST", "ERANGE"}
    tests.case("and they met what can be met", wanted <= met, met)


def hostile(tests, rounds):
    """Tables of random bits: an answer, and the file stays."""
    chance = random.Random(SEED)
    bad, done = [], 0
    for _ in range(rounds):
        words = []
        for _ in range(12 * 512):
            kind = chance.randrange(8)
            words.append(chance.getrandbits(64) if kind == 0 else
                         chance.randrange(12) << 12 | chance.getrandbits(12)
                         if kind == 1 else 0 if kind == 2 else
                         chance.randrange(12) << 12 | 0x67)
        change = Change(tests, image((0, *words)))
        before = change.data()
        for _ in range(4):
            command, *arguments = attempts(chance)
            if command == "map":
                arguments.append("--replace")
            status, out, err = change.run(command, "--pool", "0xc000+16K",
                                          *arguments)
            done += not status
            if status not in (0, 1) or change.data() != before or \
                    (status and not err) or (not status and not out):
                bad.append((command, arguments, status, err))
    tests.case(f"{rounds} guests of random bits (seed {SEED})", not bad, *bad[:3])
    tests.case("some of them can be changed", done > rounds // 4, done)
    change = Change(tests, image((0x1000, *[0x1067] * 512)))
    for command, *arguments in (
            ("unmap", "0x400000+4K"), ("protect", "0x400000+4K", "-w"),
            ("unmap", "0-ffffffffffffffff"), ("promote", "0-ffffffffffffffff"),
            ("map", "0x400000+4K", "0x8000", "rw-u", "--replace"),
            ("link", "--unshare", "0x400000+2M"),
            ("protect", "0x400000+4K", "-w", "--movable")):
        status, _, err = change.run(command, *POOL, *arguments)
        tests.case(f"a table that names itself: {command} {arguments[0]}",
                   status in (0, 1) and bool(err) == bool(status), status, err)


def accesses(tests):
    """What an access sets: told, and nothing is written; then written."""
    # the root's entry and the leaves lack A; the second page isn't writable
    data = image((0x1000, 0x2007), (0x2000, 0x3027), (0x3000, 0x200087, 0x400085),
                 size=8 * MIB)
    change = Change(tests, data)
    words = ("--access=w,user,ad", "0x1234", "0x200000")
    status, out, err = change.run("translate", *words)
    tests.case("ad: told", status == 0 and len(out) == 3 and
               out[2] == "2 entries to be written: --write does that, "
               "nothing was written" and change.data() == data, status, out, err)
    _, _, entries, end, err = change.json("translate", *words)
    tests.expect("ad: which entries", [
        {"gpa": "0x1000", "old": "0x2007", "new": "0x2027"},
        {"gpa": "0x3000", "old": "0x200087", "new": "0x2000e7"}], entries)
    tests.expect("ad: how many", {"entries": 2, "written": False},
                 end.get("done"))
    status, out, err = change.run("translate", *words, "--write")
    tests.case("ad: written", status == 0 and out[2:] == ["2 entries written"] and
               change.data() == patched(data, entries)[0], status, out, err)
    status, out, err = change.run("translate", *words, "--write")
    tests.case("ad: nothing is left to be set",
               status == 0 and out[2:] == ["0 entries written"], out, err)
    status, out, err = change.run("translate", "--access=r,ad,smap=0", "0x200000")
    tests.case("ad: of a read, A alone", status == 0 and
               out[1:] == ["1 entry to be written: --write does that, "
                           "nothing was written"], out, err)
    change.refused("--write without ad", ["--write", "ad"], "translate",
                   "--access=w", "0x1234", status=2)
    change.refused("ad by the module", ["--kernel"], "translate", "--kernel",
                   "--access=w,ad", "0x1234", status=2)


def run(tests, sanitized):
    """All of it, on the program under test."""
    for part in (commands, changes, accesses, files, refusals, usage, encrypted):
        part(tests)
    sequences(tests, 80 if sanitized else 160)
    hostile(tests, 12 if sanitized else 24)
