# SPDX-License-Identifier: GPL-2.0-only
"""Dumps that are written by hand, as those of tools that can't be run here, or can't be
made to write what others have of them."""

import gzip
import json
import os
import pathlib
import struct
import time

import dumps
from dump_cases import CANON, hand_pages, runs, small, timed
from dumps import LA57, MIB, PAE, PAGE, Tables

# What lies behind the text that Linux tells of itself, and is none of it
BEHIND = b"NUMBER(pgtable_l5_enabled)=7\nSYMBOL(init_top_pgt)=1000\n"


def hand_elf(cases):
    """Points 1, 2, 4, 6 and 7, by hand."""
    made = small()
    pages = hand_pages(made)
    noted = dumps.qemu_note(made.root)
    loads = [(gpa, data, None, None) for gpa, data in runs(pages)]
    for name, options in (
            ("headers at 64", {}), ("headers at 192, e_ehsize 8",
                                    {"phoff": 192, "ehsize": 8}),
            ("headers at an odd place", {"phoff": 4099, "ehsize": 0}),
            ("headers behind 1 MiB", {"phoff": 1 << 20})):
        cases.same(f"a core by hand: {name}", cases.file("core", dumps.elf(
            loads, noted, **options)), made)
    beyond = small()
    beyond.map(0x602000, 0x5000000)
    path = cases.file("core", dumps.elf([
        (gpa, data, None, None) for gpa, data in runs(hand_pages(beyond))
        if gpa != 0x5000000] + [(0x6000000, bytes(PAGE), None, None)], noted))
    cases.same("a core by hand, p_vaddr 0: what is in no LOAD is no memory", path, beyond,
               outside={0x602000})
    for pad in (1, 3, 4, 7, 8, 4095):
        cases.same(f"a core by hand: {pad} bytes before each LOAD", cases.file(
            "core", dumps.elf([(*load[:3], pad) for load in loads], noted)), made)
    cases.same("a core by hand: LOADs from the last one to the first", cases.file(
        "core", dumps.elf(loads[::-1], noted)), made)
    # the same bytes again and again, in parts of any length
    parts = [(gpa + at, data[at:at + length], None, None)
             for gpa, data in runs(pages) for at, length in
             ((0, 1000), (500, 4000), (0, len(data)), (4000, 200), (13, 5000))]
    cases.same("a core by hand: LOADs that overlap", cases.file(
        "core", dumps.elf(parts, noted)), made)
    # the same bytes at several addresses: any amount of memory, in a small file
    core = bytearray(dumps.elf(loads + [(MIB, bytes(MIB), None, None)] * 2, noted))
    headers = 64 + 56 * (1 + len(loads))
    struct.pack_into("<Q", core, headers + 56 + 24, 4 * MIB)
    core[headers + 56 + 8:headers + 56 + 16] = core[headers + 8:headers + 16]
    cases.refused("a core by hand: LOADs of the same bytes", ["bytes of memory", "has 0x"],
                  cases.file("core", bytes(core[:-MIB])))
    cut = [(gpa + at, data[at:at + 777], None, None)
           for gpa, data in runs(pages) for at in range(0, len(data), 777)]
    cases.same("a core by hand: LOADs of 777 bytes", cases.file(
        "core", dumps.elf(cut, noted)), made)
    many = [(0x100000 + 2 * PAGE * n, b"", PAGE, None) for n in range(70000)]
    start = time.monotonic()
    cases.same("a core by hand: 70,000 LOADs, most of them without a byte", cases.file(
        "core", dumps.elf(many[:35000] + loads + many[35000:], noted)), made)
    cases.case("the same, in time", time.monotonic() - start < 10)

    # VirtualBox: what isn't in the file isn't zero
    last = max(pages)
    lost = {gpa: data for gpa, data in pages.items() if gpa < last and gpa >= 0x5000}
    whole = b"".join(pages.get(gpa, bytes(PAGE)) for gpa in range(0, last, PAGE))
    table = made.words[made.root][256] & ~0xfff
    for name, loads in (
            ("memory longer than the file", [(0, whole[:table], 1 << 20, None)]),
            ("no byte in the file", [(0, whole[:table], None, None),
                                     (table, b"", 1 << 20, None)]),
            ("the rest of a table isn't there",
             [(0, whole[:table + 8], 1 << 20, None)])):
        got = cases.walk(cases.file("core", dumps.elf(loads, noted)))
        cases.case(f"p_filesz < p_memsz: {name}", not got.status and
                   got.bad == {CANON[4]: "not-in-dump"} and
                   got.pages() == {va: leaf for va, leaf in made.leaves.items()
                                   if va < CANON[4]}, got)
    path = cases.file("core", dumps.elf(
        [(0, whole[:0x4000], 0x10000, None), (0x10000, whole[0x10000:], 1 << 20, None),
         (last, pages[last], None, None)], noted))
    cases.same("p_filesz < p_memsz: leaves", path, made, left_out={
        0x401000, 0x600000, CANON[4]}, outside=())
    answer = cases.tests.lines("translate", "-m", path, "0x400000", "0x401000")[0][1:]
    cases.tests.expect("the same, translated", [
        (r["status"], r.get("not_in_dump")) for r in answer],
        [("ok", None), ("ok", True)])
    path = cases.file("core", dumps.elf(
        [(0, b"", 1 << 20, None), *[(gpa, data, None, None)
                                    for gpa, data in runs(lost)],
         *[(gpa, data, None, None) for gpa, data in runs(pages)]], noted))
    cases.same("p_filesz < p_memsz: another LOAD has it", path, made, outside=())

    # what a file is cut by
    whole = dumps.elf([(gpa, data, None, None) for gpa, data in runs(pages)], noted)
    path = cases.file("core", whole[:-PAGE])
    got = cases.walk(path)
    cases.case("a core that is cut", not got.status and got.bad and
               set(got.bad.values()) <= {"not-in-dump"}, got)
    for machine, name in ((3, "i386"), (183, "arm64"), (21, "another machine")):
        cases.refused(f"a core of {name}", [name, "x86-64"], cases.file(
            "core", dumps.elf(loads, noted, machine=machine)))


def registers(cases):
    """Point 10: notes."""
    made = small()
    five = small(5)
    loads = [(gpa, data, None, None) for gpa, data in runs(hand_pages(made))]
    fives = [(gpa, data, None, None) for gpa, data in runs(hand_pages(five))]
    good = dumps.qemu_note(made.root)
    reset = dumps.qemu_note(0, 0x60000010, 0)
    core = dumps.note(b"CORE", 1, bytes(336))
    info = dumps.note(b"VMCOREINFO", 0, b"OSRELEASE=6.12\n")
    for name, notes in (
            ("of QEMU alone", good), ("behind others", core + core + info + good),
            ("before others", good + info + core),
            ("that has grown", dumps.qemu_note(made.root, size=512)),
            ("that ends with CR4", dumps.qemu_note(made.root, size=432)),
            ("behind a vCPU that was never started", reset + good),
            ("behind an empty one of QEMU", dumps.note(b"QEMU", 0, b"") + good),
            ("behind one of a name that begins alike",
             dumps.note(b"QEMU2", 0, bytes(440)) + good),
            ("with PCID and the bit that says not to flush",
             dumps.qemu_note(made.root | 0x5 | 1 << 63))):
        cases.same(f"a note {name}", cases.file("core", dumps.elf(loads, notes)), made)
        cases.same(f"kdump: a note {name}", cases.file("kdump", dumps.kdump(
            hand_pages(made), 64, notes)), made)
    cases.same("five levels by CR4", cases.file("core", dumps.elf(
        fives, dumps.qemu_note(five.root, cr4=PAE | LA57))), five)
    both = cases.file("core", dumps.elf(loads, reset + core + good))
    got = cases.walk(both)
    cases.case("it is told which vCPU it is", "vCPU 1" in got.notes, got)
    cases.same("a vCPU by its number", both, made, "--vcpu", 1)
    cases.refused("a vCPU without paging", ["vCPU 0", "no paging"], both, "--vcpu", 0)
    for name, notes in (("no notes", b""), ("no vCPU with paging", reset),
                        ("a note that is too short", dumps.qemu_note(
                            made.root, size=392))):
        path = cases.file("core", dumps.elf(loads, notes))
        cases.refused(f"{name}: it is said", ["--root"], path)
        cases.same(f"{name}, a root told", path, made, "-r", hex(made.root))
    cases.same("what is told goes before registers", cases.file("core", dumps.elf(
        loads, dumps.qemu_note(0x3000, cr4=PAE | LA57))), made, "-r", hex(made.root),
        "-f", "x86_64-4level")


def vmcoreinfo(cases):
    """Point 11: what Linux says, where no register is."""
    for levels in (4, 5):
        for base in (0, 0x1000, -0x11000000):
            made = small(levels)
            pages = hand_pages(made)
            symbol = made.root - base + 0xffffffff80000000
            text = (f"OSRELEASE=6.12\nPAGESIZE=4096\nNUMBER(phys_base)={base}\n"
                    f"SYMBOL(init_top_pgt)={symbol:x}\n"
                    f"NUMBER(pgtable_l5_enabled)={levels - 4}\n"
                    f"KERNELOFFSET=1f000000\n").encode()
            notes = dumps.note(b"CORE", 1, bytes(336)) + dumps.note(
                b"VMCOREINFO", 0, text)
            # not a byte behind it is its own
            for how, data in (
                    ("core", dumps.elf([(gpa, data, None, None)
                                        for gpa, data in runs(pages)],
                                       notes + BEHIND)),
                    ("kdump", dumps.kdump(pages, 64, notes + BEHIND))):
                cases.same(f"VMCOREINFO alone, {how}, {levels} levels, phys_base {base}",
                           cases.file("core", data), made)
        # registers know better
        made = small(levels)
        cases.same(f"VMCOREINFO and registers, {levels} levels", cases.file(
            "core", dumps.elf([(gpa, data, None, None)
                               for gpa, data in runs(hand_pages(made))],
                              dumps.note(b"VMCOREINFO", 0, b"NUMBER(phys_base)=0\n"
                                         b"SYMBOL(init_top_pgt)=ffffffff80003000\n"
                                         b"NUMBER(pgtable_l5_enabled)=1") +
                              dumps.qemu_note(made.root, cr4=PAE | (
                                  LA57 if levels == 5 else 0)))), made)


def hand_kdump(cases):
    """Points 13 to 15, by hand."""
    made = small()
    pages = hand_pages(made)
    registers_ = dumps.qemu_note(made.root)
    ways = {"plain": 0, "zlib": dumps.ZLIB, "lzo": dumps.LZO, "snappy": dumps.SNAPPY,
            "zstd": dumps.ZSTD}
    for name, flag in ways.items():
        cases.same(f"kdump by hand: {name}", cases.file("kdump", dumps.kdump(
            pages, 64, registers_, lambda _, flag=flag: flag)), made)
    mixed = list(ways.values())
    for status in (0, *mixed[1:]):
        cases.same(f"kdump by hand: each page by its flags, status {status:#x}",
                   cases.file("kdump", dumps.kdump(
                       pages, 64, registers_, lambda gpa: mixed[gpa // PAGE % 5],
                       status=status)), made)
    for sub_blocks in (2, 3, 7):
        cases.same(f"kdump by hand: bitmaps behind {sub_blocks} blocks", cases.file(
            "kdump", dumps.kdump(pages, 64, registers_, sub_blocks=sub_blocks)), made)
    for nr_pfns in (33, 63, 64, 65, 32768, 32769, 1 << 20):
        cases.same(f"kdump by hand: {nr_pfns} pages", cases.file(
            "kdump", dumps.kdump(pages, nr_pfns, registers_)), made)
    zeros = hand_pages(made, *range(0x40000, 0x60000, PAGE))
    for gpa in range(0x40000, 0x60000, PAGE):
        zeros[gpa] = bytes(PAGE)
    cases.same("kdump by hand: pages that share their bytes", cases.file(
        "kdump", dumps.kdump(zeros, 256, registers_)), made)

    # what is in bitmap 1 alone was left out
    table = made.words[made.root][256] & ~0xfff
    for lost in (table, 0x5000):
        rest = {gpa: data for gpa, data in pages.items() if gpa != lost}
        path = cases.file("kdump", dumps.kdump(rest, 64, registers_, exist=pages))
        cases.same(f"kdump by hand: {lost:#x} is in bitmap 1 alone", path, made,
                   bad=[(CANON[4], 1 << 64)] if lost == table else None,
                   left_out={va for va, (gpa, _) in made.leaves.items() if gpa == lost},
                   outside=())
        path = cases.file("kdump", dumps.kdump(rest, 64, registers_))
        got = cases.walk(path)
        cases.case(f"kdump by hand: {lost:#x} is in neither",
                   got.status == 0 and (CANON[4] in got.bad if lost == table else
                                        got.leaves[0x401000].get("outside") or
                                        got.leaves[0x401000].get("not_in_dump")), got)

    # of a large page a part was left out
    large = Tables(4, range(0x10000, 0x14000, PAGE))
    large.map(0x200000, 0x200000, level=1)
    exist = {*large.words, *range(0x200000, 0x400000, PAGE)}
    some = hand_pages(large, *(exist - {0x201000, 0x3ff000}))
    path = cases.file("kdump", dumps.kdump(some, 0x400, dumps.qemu_note(large.root),
                                           exist=exist))
    record = cases.walk(path).leaves[0x200000]
    cases.case("kdump by hand: a part of a large page", record["not_in_dump"] == 2 * PAGE and
               record["len"] == 2 * MIB, record)
    done = cases.tests.run("translate", "-m", str(path), "--json", "0x200fff", "0x201000",
                           "0x201fff", "0x202000", "0x3ff008")
    answers = [json.loads(line) for line in done.stdout.splitlines()[1:]]
    cases.case("kdump by hand: addresses of a large page", [
        answer.get("not_in_dump", False) for answer in answers] ==
        [False, True, True, False, True], done)

    # a page that is damaged
    data = bytearray(dumps.kdump(pages, 64, registers_, lambda _: dumps.ZLIB))
    at = len(data) - 4
    data[at:] = b"\xff" * 4
    got = cases.walk(cases.file("kdump", data))
    cases.case("kdump by hand: a page that is damaged is no empty one",
               got.status == 1 or got.bad or got.leaves.keys() == made.leaves.keys(), got)
    split = bytearray(dumps.kdump(pages, 64, registers_))
    struct.pack_into("<I", split, PAGE + 12, 1)
    cases.refused("kdump: a part of one", ["split", "makedumpfile"],
                  cases.file("kdump", split))


def flattened(cases):
    """Point 16: records in any order."""
    made = small()
    data = dumps.kdump(hand_pages(made), 64, dumps.qemu_note(made.root),
                       lambda gpa: dumps.ZLIB if gpa & PAGE else 0)
    size = len(data)

    def cuts(step):
        return [(at, min(at + step, size)) for at in range(0, size, step)]

    for name, records in (
            ("one record", [(0, size)]), ("in order", cuts(PAGE)),
            ("from the last one to the first", cuts(1000)[::-1]),
            ("of 16 KiB, every second one first", cuts(16384)[::2] + cuts(16384)[1::2]),
            ("a byte each at its begin", [(at, at + 1) for at in range(600)] +
             [(600, size)]),
            ("some of no byte", [(5, 5), *cuts(5000), (1 << 40, b"")])):
        cases.same(f"flattened: {name}", cases.file("flat", dumps.flat(data, records)),
                   made)
    # Later ones win.
    noise = os.urandom(size)
    for name, records in (
            ("all of it twice", [(0, noise), (0, size)]),
            ("parts of it twice", [(0, noise[:3000]), (100, noise[:5000]),
                                   (5100, size), (0, 5100)]),
            ("an early record within a later one", [(2000, noise[:10]), (0, size)]),
            ("a later record within an early one", [
                (0, data[:2000] + noise[:900] + data[2900:]), (2000, 2900)]),
            ("overlaps in a row", [(0, data[:800] + noise[:200]),
                                   (800, data[800:1600] + noise[:200]), (1600, size)])):
        cases.same(f"flattened, later ones win: {name}", cases.file(
            "flat", dumps.flat(data, records)), made)
    cut = cases.walk(cases.file("flat", dumps.flat(data, cuts(PAGE), end=False)))
    cases.case("flattened: no last record: all that came is there, and it is said",
               not cut.status and cut.pages() == made.leaves and (
                   "end" in cut.notes or "cut" in cut.notes), cut)
    whole = dumps.flat(data, cuts(PAGE))
    got = cases.walk(cases.file("flat", whole[:-16 - 2 * PAGE]))
    cases.case("flattened: cut within a record", not got.status and
               set(got.bad.values()) <= {"not-in-dump"} and
               ("end" in got.notes or "cut" in got.notes), got)


def captures(cases):
    """Point 18, and AVML, and files that are compressed as a whole."""
    made = Tables(4, [0x100000, *range(0x9000, 0xf000, PAGE), 0x9f000])
    made.map(0x400000, 0x3000)
    made.map(0x401000, 0x9f000)
    made.map(0x402000, 0x9e000)
    made.map(0x403000, 0xa0000)
    made.map(0x404000, 0x1ff000)
    memory = bytearray(2 * MIB)
    for gpa, words in made.words.items():
        struct.pack_into("<512Q", memory, gpa, *words)
    low, top = bytes(memory[0x1000:0x9fc00]), bytes(memory[0x100000:])
    root = ("-r", hex(made.root))
    ranges = (0x1000, low), (0x100000, top)
    path = cases.file("lime", dumps.lime(*ranges))
    got = cases.same("LiME: a range that isn't of whole pages", path, made, *root,
                     left_out={0x401000}, outside={0x403000})
    cases.case("LiME: no registers", "NXE" not in got.notes, got)
    cases.refused("LiME: no root told", ["--root"], path)
    cases.same("LiME: ranges from the last one to the first", cases.file(
        "lime", dumps.lime(*ranges[::-1])), made, *root, left_out={0x401000})
    # a table of which a part is there
    odd = small()
    whole = bytearray(0x20000)
    for gpa, data in hand_pages(odd).items():
        whole[gpa:gpa + PAGE] = data
    table = odd.words[odd.root][256] & ~0xfff
    got = cases.walk(cases.file("lime", dumps.lime(
        (0x1000, bytes(whole[0x1000:table + 0xc00])),
        (table + PAGE, bytes(whole[table + PAGE:])))), "-r", hex(odd.root))
    cases.case("LiME: a table that is three quarters there",
               got.bad == {CANON[4]: "not-in-dump"}, got)
    cases.same("LiME padded, which is raw", cases.file("padded", bytes(memory)), made,
               *root)
    made_small = small()
    for name, data in (("lime", dumps.lime((0, bytes(whole)))),
                       ("raw", bytes(whole))):
        squeezed = {
            "gzip": gzip.compress(data, 1),
            "gzip, several": b"".join(gzip.compress(data[at:at + 40000])
                                      for at in range(0, len(data), 40000)),
            "zstd": dumps.packed_zstd(data),
        }
        if name == "lime":
            squeezed["zlib, as LiME writes it"] = dumps.lime_compressed(data)
        for how, packed in squeezed.items():
            got = cases.same(f"{name}, {how}", cases.file("packed", packed), made_small,
                             "-r", hex(made_small.root), outside=())
            cases.case(f"{name}, {how}: it is told", "packed" in got.notes or
                       "compressed" in got.notes, got.notes)
            left = list(pathlib.Path(os.environ["TMPDIR"]).iterdir())
            cases.case(f"{name}, {how}: nothing stays behind", not left, left)
        got = cases.walk(cases.file("packed", squeezed["gzip"][:-40]), "-r",
                         hex(made_small.root))
        cases.case(f"{name}, gzip that is cut: it is said",
                   "ends" in got.notes, got)
    for plain in (False, True):
        how = "AVML, chunks that are plain" if plain else "AVML"
        cases.same(how, cases.file("avml", dumps.avml((0, bytes(whole)), plain=plain)),
                   odd, "-r", hex(odd.root), outside=())
        # avml leaves out blocks of zeros and doesn't say so: in a gap may be memory
        cases.same(f"{how}: ranges", cases.file("avml", dumps.avml(
            (0x1000, low[:0x9e000]), (0x100000, top), plain=plain)), made, *root,
            left_out={0x401000, 0x403000}, outside=())


def cut_short(cases):
    """Files that end too early: what they lost is not in the dump, and it is said."""
    made = Tables(4, range(0x10000, 0x18000, PAGE))
    lost_from = [0x20000 + n * PAGE for n in range(8)]
    for n, gpa in enumerate(lost_from):
        made.map(0x400000 + n * PAGE, gpa)
    pages = hand_pages(made)
    pages.update({gpa: os.urandom(PAGE) for gpa in lost_from})
    registers_ = dumps.qemu_note(made.root)

    def same(name, data, kept):
        got = cases.same(name, cases.file("cut", data), made, left_out={
            va for va, (gpa, _) in made.leaves.items() if gpa >= 0x20000 + kept * PAGE},
            outside=())
        cases.case(f"{name}: it is said", "ends too early" in got.notes, got.notes)
        first = cases.tests.run("translate", "-m", str(cases.tests.tmp / "cut"),
                                hex(0x400000 + kept * PAGE))
        cases.case(f"{name}: what a lost page translates to",
                   b"not in the dump" in first.stdout, first)

    for how in (0, dumps.ZLIB):
        data = dumps.kdump(pages, 64, registers_, lambda _, how=how: how)
        descs = 4 * PAGE
        for kept in (0, 1, 5, 7):
            at, = struct.unpack_from("<Q", data, descs + 24 * (len(pages) - 8 + kept))
            for more in (0, 1, 2000):
                same(f"kdump, packed by {how}: {kept} pages and {more} bytes",
                     data[:at + more], kept)
        at, = struct.unpack_from("<Q", data, descs + 24 * (len(pages) - 5))
        cuts = [(first, min(first + 1000, len(data)))
                for first in range(0, len(data), 1000)]
        flat = dumps.flat(data[:at], [(first, min(last, at)) for first, last in cuts
                                      if first < at], end=False)
        same(f"flattened, packed by {how}: cut between records", flat, 3)
        same(f"flattened, packed by {how}: cut within one", flat + struct.pack(
            ">qq", at, PAGE) + data[at:at + 30], 3)
        same(f"flattened, packed by {how}: records that aren't there", dumps.flat(
            data, [(0, at)]), 3)
    # what had no more room on its disk has no bytes for the rest
    data = bytearray(dumps.kdump(pages, 64, registers_, status=9))
    for n in range(4, 8):
        struct.pack_into("<QIIQ", data, descs + 24 * (len(pages) - 8 + n), 0, 0, 0, 0)
    same("kdump that is incomplete by its header", bytes(data), 4)
    core = dumps.elf([(gpa, data, None, None) for gpa, data in runs(pages)], registers_)
    same("ELF core", core[:-3 * PAGE], 5)
    whole = b"".join(pages.get(gpa, bytes(PAGE)) for gpa in range(0, 0x28000, PAGE))
    got = cases.same("LiME capture", cases.file("cut", dumps.lime((0, whole))[:-PAGE]),
                     made, "-r", hex(made.root), left_out={0x407000}, outside=())
    cases.case("LiME capture: it is said", "ends too early" in got.notes, got.notes)


def roots_lost(cases):
    """The root of a vCPU that isn't in the dump is a root all the same."""
    made = small()
    rest = {gpa: data for gpa, data in hand_pages(made).items() if gpa != made.root}
    loads = [(gpa, data, None, None) for gpa, data in runs(rest)]
    for name, lost, root in (("not in the dump", [(made.root, b"", PAGE, None)], made.root),
                             ("in no memory", [], 1 << 40)):
        path = cases.file("lost", dumps.elf(loads + lost, dumps.qemu_note(root)))
        done = cases.tests.run("roots", "-m", str(path), "--json")
        records = [json.loads(line) for line in done.stdout.splitlines()]
        cases.case(f"a vCPU's root that is {name}", not done.returncode and
                   [(r["root"], r["vcpus"], r.get("not_in_dump")) for r in records] ==
                   [(hex(root), [0], True)], done)
        done = cases.tests.run("roots", "-m", str(path))
        cases.case(f"a vCPU's root that is {name}, as text",
                   b"CR3 of vCPU 0: not in the dump" in done.stdout, done)
        done = cases.tests.run("walk", "--all", "-m", str(path))
        cases.case(f"a vCPU's root that is {name}: walk --all",
                   (b"is not in the dump" in done.stdout) if lost else
                   (done.returncode == 1 and b"lies in no memory" in done.stderr), done)


def windows(cases):
    """zstd: what pzstd writes, and windows of any size."""
    made = small()
    whole = b"".join(hand_pages(made).get(gpa, bytes(PAGE))
                     for gpa in range(0, 0x20000, PAGE))
    root = ("-r", hex(made.root))
    parts = [dumps.packed_zstd(whole[at:at + 40000]) for at in range(0, len(whole), 40000)]
    cases.same("as pzstd writes it", cases.file("packed", b"".join(
        struct.pack("<III", 0x184d2a50, 4, len(part)) + part for part in parts)), made,
        *root, outside=())

    def frame(log):
        blocks = [whole[at:at + 65536] for at in range(0, len(whole), 65536)]
        return b"\x28\xb5\x2f\xfd\0" + bytes([log - 10 << 3]) + b"".join(
            (len(block) << 3 | (n == len(blocks) - 1)).to_bytes(3, "little") + block
            for n, block in enumerate(blocks))

    cases.same("a window of 128 MiB", cases.file("packed", frame(27)), made, *root,
               outside=())
    for log in (28, 31):
        cases.refused(f"a window of {1 << log - 20} MiB",
                      ["window", "128 MiB", "zstd -d --long=31"],
                      cases.file("packed", frame(log)), *root)


def run(cases):
    """All of it."""
    for part in (hand_elf, registers, vmcoreinfo, hand_kdump, flattened, captures,
                 cut_short, roots_lost, windows):
        timed(cases, part)
