# SPDX-License-Identifier: GPL-2.0-only
"""What vmem says of dumps, a group for each thing that readers of them get wrong. QEMU
writes them of guests that are stopped before their first instruction, with tables
written by hand; where no tool writes what others have, the file is written by hand."""

import contextlib
import json
import shutil
import struct
import subprocess
import tempfile
import time

import dumps
from dumps import GIB, MIB, NX, PAGE, Elf, Machine, Tables

CANON = {4: 0xffff800000000000, 5: 0xff00000000000000}


class Answer:
    """What a walk of a dump gave."""

    def __init__(self, tests, *arguments):
        done = tests.run("walk", *arguments, "--leaves", "--json")
        self.status = done.returncode
        self.notes = done.stderr.decode()
        self.records = [json.loads(line) for line in done.stdout.splitlines()]
        self.leaves = {int(r["va"], 16): r for r in self.records if "page" in r}
        self.bad = {int(r["va"], 16): r["bad"] for r in self.records if "bad" in r}
        self.format = self.records[0]["format"] if self.records else None

    def pages(self):
        """The leaves, also where memory begins or ends within one: it comes in parts
        then. None: a leaf doesn't come whole."""
        got, lens = {}, {}
        for va, record in self.leaves.items():
            page = record["page"]
            leaf = int(record["gpa"], 16) & -page, page
            if got.setdefault(va & -page, leaf) != leaf:
                return None
            lens[va & -page] = lens.get(va & -page, 0) + record["len"]
        return got if all(lens[va] == page for va, (_, page) in got.items()) else None

    def marked(self, word):
        """Those that aren't parts."""
        return {va for va, r in self.leaves.items()
                if r.get(word) and r["len"] == r["page"]}

    def parts(self, va, word):
        """(begin, length) of what a leaf has that is marked so, joined."""
        got = []
        for at, record in sorted(self.leaves.items()):
            if at & -record["page"] == va and record.get(word):
                gpa = int(record["gpa"], 16)
                if got and sum(got[-1]) == gpa:
                    gpa, before = got.pop()
                    got.append((gpa, before + record["len"]))
                else:
                    got.append((gpa, record["len"]))
        return got

    def __str__(self):
        return f"{self.status} {self.notes} {self.format} bad: " + str(
            {hex(va): why for va, why in self.bad.items()})


class Cases:
    """vmem, over files in a directory."""

    def __init__(self, tests, full):
        self.tests = tests
        self.full = full
        self.versions = (False, True)

    def case(self, name, good, *why):
        self.tests.case(name, good, *why)

    def walk(self, path, *arguments):
        return Answer(self.tests, "-m", path, *arguments)

    # pylint: disable-next=too-many-arguments
    def same(self, name, path, want, *arguments, bad=None, left_out=(),
             outside=None):
        """Its leaves with no other option, and what isn't there."""
        got = self.walk(path, *arguments)
        leaves = {va: leaf for va, leaf in want.leaves.items()
                  if not any(lost <= va < end for lost, end in bad or ())}
        good = (got.status == 0 and got.pages() == leaves and
                got.format == f"x86_64-{want.levels}level" and
                set(got.bad.items()) == {(va, "not-in-dump") for va, _ in bad or ()}
                and got.marked("not_in_dump") == set(left_out) and
                (outside is None or got.marked("outside") == set(outside)))
        pages = got.pages() or {}
        self.case(name, good, got,
                  "lacking: " + str([(hex(va), leaf) for va, leaf in leaves.items()
                                     if pages.get(va) != leaf][:5]),
                  "too much: " + str([hex(va) for va in pages if va not in leaves][:5]),
                  *(f"{word}: " + str(list(map(hex, got.marked(word)))[:9])
                    for word in ("outside", "not_in_dump")))
        return got

    def refused(self, name, words, path, *arguments, status=1):
        self.tests.refused(name, status, words, "walk", "-m", path, *arguments)

    def file(self, name, data):
        path = self.tests.tmp / name
        path.write_bytes(data)
        return path

    @contextlib.contextmanager
    def machine(self, *arguments, **options):
        with tempfile.TemporaryDirectory(dir=self.tests.tmp) as tmp:
            yield Machine(tmp, *arguments, **options)


def which(is_newest):
    return "the newest QEMU" if is_newest else "this QEMU"


def forms(is_newest):
    return ["elf", "kdump-zlib", *(["kdump-raw-zlib"] if is_newest else [])]


def tables(levels, begin=MIB):
    """A guest's, whose tables lie in the MiB from begin on."""
    made = Tables(levels, range(begin, begin + MIB, 3 * PAGE))
    made.map(0x1000, 0x3000)
    # where a table lies, as a virtual address
    made.map(made.root, 0x5000)
    made.map(0x7000, 0x7000, flags=0x67)
    made.map(0x400000, 2 * MIB, 1)
    made.map(0x40000000, 0, 1)
    kernel = CANON[levels]
    made.map(kernel + 0x8000000, 0x9000, flags=0x63 | NX)
    made.map(dumps.high(0x7fff << 33 | 0x5000, levels) if levels == 4 else
             kernel + (77 << 48), 0xb000)
    made.map(0xfffffffffffff000, 0xd000)
    return made


def qemu_cores(cases, is_newest):
    """Points 1, 3, 4, 9, 10 and 12: each form of each machine."""
    tests = cases.tests
    for board, levels, vga in (("pc", 4, "none"), ("q35", 5, "std")):
        name = f"{which(is_newest)}, {board}, {levels} levels, VGA {vga}"
        made = tables(levels)
        made.map(0x200000, 0xa0000)
        made.map(0x201000, 0xbf000)
        made.map(0x202000, 0x9f000)
        made.map(0x203000, 0xc0000)
        made.map(0x204000, 0xfffff000)
        made.map(0x205000, 0xfffc0000)
        made.map(0x206000, 0xfee00000)
        hole = {0x200000, 0x201000} if vga == "std" else set()
        with cases.machine(board, 64 * MIB, "-vga", vga, levels=levels,
                           is_newest=is_newest) as machine:
            made.write(machine.put)
            with machine:
                machine.paging(made.root)
                core = machine.dump()
                elf = Elf(core)
                cases.case(f"{name}: a core as QEMU writes them",
                           elf.phoff == 192 and elf.ehsize == 8 and
                           all(not load.align and not load.flags and
                               load.offset % PAGE and load.vaddr == load.paddr
                               for load in elf.loads), vars(elf))
                cases.case(f"{name}: the hole of a VGA", bool(hole) != any(
                    load.paddr <= 0xa0000 < load.paddr + load.memsz
                    for load in elf.loads))
                cases.case(f"{name}: RAM in several LOADs",
                           len([load for load in elf.loads if load.paddr < 2 * MIB]) > 1)
                for form in forms(is_newest):
                    path = machine.dump(form)
                    got = cases.same(f"{name}, {form}: its leaves", path, made,
                                     outside=hole | {0x206000})
                    cases.tests.expect(
                        f"{name}, {form}: a page of 2 MiB over all of them",
                        (got.parts(0x40000000, "outside"),
                         got.parts(0x40000000, "not_in_dump")),
                        ([(0xa0000, 0x20000)] if hole else [], []))
                    cases.case(f"{name}, {form}: it is told whose they are",
                               all(word in got.notes for word in (
                                   hex(made.root), f"{levels}level", "vCPU 0", "NXE")),
                               got.notes)
                    cases.refused(f"{name}, {form}: a vCPU that was never started",
                                  ["vCPU 1", "no paging"], path, "--vcpu", 1)
                    cases.refused(f"{name}, {form}: a vCPU that isn't", ["vCPU"], path,
                                  "--vcpu", 2)
                tests.expect(f"{name}: low addresses are not physical ones", [
                    r["gpa"] for r in tests.lines(
                        "translate", "-m", core, hex(made.root), "0x1008",
                        "0x400123")[0][1:]],
                    ["0x5000", "0x3008", hex(2 * MIB + 0x123)])


def kdump_heads(cases, is_newest):
    """Point 12: the name of the machine, as each writes it."""
    made = tables(4)
    with cases.machine("pc", 16 * MIB, is_newest=is_newest) as machine:
        made.write(machine.put)
        with machine:
            machine.paging(made.root)
            flat = machine.dump("kdump-zlib")
            records, whole = dumps.flat_records(flat)
            data = flat.read_bytes()
            back = sum(b[0] < a[0] for a, b in zip(records, records[1:]))
            cases.case(f"{which(is_newest)}: flattened, records go backwards",
                       back >= 2 and whole, back)
            head = data[PAGE + 16:]
            machine_name = head[12 + 4 * 65:12 + 5 * 65].rstrip(b"\0")
            cases.case(f"{which(is_newest)}: a machine's name: {machine_name}",
                       machine_name == (b"Unknown" if is_newest else b"x86_64"))
            cases.same(f"{which(is_newest)}: 16 MiB, flattened", flat, made)
            if is_newest:
                raw = bytearray(machine.dump("kdump-raw-zlib").read_bytes())
                for value in (0, 1 << 63, 0xffffffff81000000):
                    struct.pack_into("<Q", raw, PAGE, value)
                    cases.same(f"phys_base {value:#x} in the sub-header",
                               cases.file("phys", raw), made)
    # makedumpfile without VMCOREINFO leaves it empty
    pages = hand_pages(made)
    for name in (b"", b"Unknown", b"x86_64"):
        cases.same(f"a kdump file of machine {name}", cases.file(
            "named", dumps.kdump(pages, 4096, dumps.qemu_note(made.root),
                                 machine=name)), made)
    for name in (b"i686", b"aarch64"):
        cases.refused(f"a kdump file of machine {name}", [name.decode(), "x86-64"],
                      cases.file("other", dumps.kdump(pages, 4096, machine=name)))


def many_headers(cases, is_newest):
    """Points 2 and 6: a paging dump of pages that aren't neighbours, and of one page
    that is mapped again and again."""
    nr = 66000 if cases.full or not is_newest else 1000
    made = Tables(4, range(2 * MIB, 4 * MIB, PAGE))
    top = 4 * MIB + 2 * PAGE * nr
    # which QEMU would join with a page of 2 MiB below it
    made.map(0x400000, 2 * MIB, 1)
    for n in range(nr):
        made.map(0x10000000 + n * PAGE, top - 2 * PAGE * n)
    # page 0x3000 again and again, as Linux has its espfix stacks
    again = 16384 if cases.full else 512
    for n in range(again):
        made.map(CANON[4] + n * PAGE, 0x3000)
    name = f"{which(is_newest)}, paging"
    with cases.machine("pc", -(-(top + MIB) // MIB) * MIB, is_newest=is_newest) as machine:
        made.write(machine.put)
        with machine:
            machine.paging(made.root)
            path = machine.dump("paging")
            elf = Elf(path)
            copies = sum(load.paddr <= 0x3000 < load.paddr + load.memsz
                         for load in elf.loads)
            cases.case(f"{name}: {len(elf.loads)} LOADs, {copies} of one page",
                       len(elf.loads) >= nr and copies > again / 2 and
                       (elf.phnum == 0xffff) == (nr > 65535), elf.phnum)
            start = time.monotonic()
            cases.same(f"{name}: leaves of {len(elf.loads)} LOADs", path, made)
            took = time.monotonic() - start
            cases.case(f"{name}: in time", took < 10, took)


def paging(cases, is_newest):
    """Points 3, 7 and 8: a paging dump has by which addresses pages are mapped, and
    lacks tables that aren't."""
    for levels in (4, 5):
        name = f"{which(is_newest)}, paging, {levels} levels"
        # 0x400000 maps 2 to 4 MiB, and with them these tables
        made = tables(levels, 2 * MIB)
        # 0x40000000 maps these, but the file has of that page what lies in one block
        behind = tables(levels)
        with cases.machine("q35" if is_newest else "pc", 16 * MIB, is_newest=is_newest,
                           levels=levels) as machine:
            made.write(machine.put)
            behind.write(machine.put)
            with machine:
                machine.paging(made.root, behind.root)
                path = machine.dump("paging")
                elf = Elf(path)
                cases.case(f"{name}: addresses are others",
                           any(load.vaddr != load.paddr for load in elf.loads))
                cases.case(f"{name}: p_filesz is less than p_memsz",
                           any(load.filesz < load.memsz for load in elf.loads))
                cases.same(f"{name}: its leaves", path, made, left_out={0x40000000})
                got = cases.walk(path, "--vcpu", 1)
                cases.case(f"{name}: a root behind what the file has",
                           not got.leaves and (set(got.bad.values()) == {"not-in-dump"} or
                           got.status == 1 and "not in the dump" in got.notes), got)
    for levels in (4, 5):
        name = f"{which(is_newest)}, paging, {levels} levels"
        lost = Tables(levels, range(0x500000, 0x510000, PAGE))
        lost.map(0x1000, 0x3000)
        part = Tables(levels, range(0x600000, 0x610000, PAGE))
        part.map(0x1000, 0x9000)
        part.map(0x40000000, 0x600000, 0)
        va = CANON[levels]
        way = part.map(va, 0xb000)
        # of the tables these are mapped: the root, and what leads to them
        for table in [*part.words][:levels] + way[:2]:
            part.map(0x1000 * (16 + table // PAGE % 16), table)
        with cases.machine("pc", 16 * MIB, is_newest=is_newest, levels=levels) as machine:
            lost.write(machine.put)
            part.write(machine.put)
            with machine:
                machine.paging(lost.root, part.root)
                path = machine.dump("paging")
                got = cases.walk(path)
                cases.case(f"{name}: CR3's page isn't in the dump", not got.leaves and
                           set(got.bad.values()) == {"not-in-dump"} or
                           got.status == 1 and "not in the dump" in got.notes, got)
                got = cases.tests.run("translate", "-m", path, "0x1000", "--json")
                cases.case(f"{name}: and so nothing can be said of an address",
                           b'"status":"not-in-dump"' in got.stdout or
                           got.returncode == 1 and b"not in the dump" in got.stderr, got)
                got = cases.same(f"{name}: tables in no LOAD", path, part, "--vcpu", 1,
                                 bad=[(0x40000000, 0x80000000), (va, va + (1 << 30))])
                answers = cases.tests.lines("translate", "-m", path, "--vcpu", 1,
                                            hex(va), "0x40000000", "0x1000", "0x2000")[0]
                cases.tests.expect(f"{name}: the same, translated", [
                    r["status"] for r in answers[1:]],
                    ["not-in-dump", "not-in-dump", "ok", "not-present"])


def filters(cases, is_newest):
    """Point 5: a dump of a part, that begins and ends within tables."""
    for levels in (4, 5):
        made = Tables(levels, [0x10000, 0x11000, 0x12000, 0x13000, 0x14000, 0xf000,
                               0x20000, 0x15000, 0x1f000, 0x16000, 0x17000])
        rows = {}
        for n, gpa in enumerate((0x18000, 0x19000, 0xf000, 0x1f000, 0x1e000, 0x8000)):
            rows[gpa] = 0x1000 * (1 + n)
            made.map(rows[gpa], gpa)
        bad = []
        for n in range(1, 40):
            va = n << 21
            way = made.map(va, 0x1a000 + n)
            made.leaves[va] = 0x1a000, PAGE
            made.words[way[-1]][0] &= ~0xfff
            made.words[way[-1]][0] |= 0x63
            if way[-1] in (0xf000, 0x1f000, 0x20000):
                bad.append((va, va + (1 << 21)))
            if len(bad) == 3:
                break
        with cases.machine("pc", 16 * MIB, is_newest=is_newest, levels=levels) as machine:
            made.write(machine.put)
            with machine:
                machine.paging(made.root)
                for form in ["elf"]:
                    path = machine.dump(form, begin=0xf800, length=0x10000)
                    name = f"{which(is_newest)}, {levels} levels, 0xf800 and 64 KiB on"
                    elf = Elf(path)
                    cases.case(f"{name}: no whole pages", [
                        (load.paddr, load.memsz) for load in elf.loads] ==
                        [(0xf800, 0x10000)], [vars(load) for load in elf.loads])
                    # of 0x8000 nobody knows whether it is memory
                    got = cases.same(f"{name}: tables and pages that are cut", path,
                                     made, bad=bad,
                                     left_out={rows[0xf000], rows[0x1f000]},
                                     outside={rows[0x8000]})
                    cases.case(f"{name}: three such tables", len(bad) == 3, got)


def high_memory(cases, is_newest):
    """Point 9: where memory goes on above the hole."""
    # the boards put it elsewhere from another size on
    for board, size, low in (("pc", 3584, 3 * GIB), ("pc", 3583, None),
                             ("q35", 2816, 2 * GIB), ("q35", 2815, None)):
        if not cases.full and (board == "pc") == is_newest:
            continue
        name = f"{which(is_newest)}, {board}, {size} MiB"
        with cases.machine(board, size * MIB, is_newest=is_newest) as machine:
            cases.case(f"{name}: above the hole" if low else f"{name}: all below it",
                       machine.low == (low or size * MIB))
            end = 4 * GIB + size * MIB - low if low else size * MIB
            # CR3 can be set to 32 bits only
            made = Tables(4, [MIB, *([4 * GIB] if low else []),
                              *range(end - PAGE, end - MIB, -9 * PAGE)])
            made.map(0x1000, end - 2 * PAGE)
            made.map(0x2000, end)
            made.map(0x3000, machine.low - PAGE)
            made.map(0x4000, machine.low)
            made.map(0x200000, 4 * GIB)
            made.write(machine.put)
            outside = {0x2000, 0x4000} | (set() if low else {0x200000})
            with machine:
                machine.paging(made.root)
                kinds = ["kdump-zlib"] + (["elf"] if cases.full and low else [])
                for form in kinds:
                    path = machine.dump(form)
                    cases.same(f"{name}, {form}", path, made, outside=outside)
                    path.unlink()


def hand_pages(made, *others):
    pages = {}
    made.write(lambda gpa, data: pages.update({gpa: data}))
    for gpa, _ in made.leaves.values():
        pages.setdefault(gpa, bytes(PAGE))
    for gpa in others:
        pages.setdefault(gpa, bytes([gpa >> 12 & 255]) * PAGE)
    return pages


def small(levels=4):
    """A guest of few pages."""
    made = Tables(levels, range(0x10000, 0x20000, PAGE))
    made.map(0x400000, 0x3000)
    made.map(0x401000, 0x5000, flags=0x67)
    made.map(0x600000, 0x8000)
    made.map(CANON[levels], 0x9000)
    return made


def runs(pages):
    """(first address, bytes) of pages that are neighbours."""
    out = []
    for gpa in sorted(pages):
        if out and out[-1][0] + len(out[-1][1]) == gpa:
            out[-1] = out[-1][0], out[-1][1] + pages[gpa]
        else:
            out.append((gpa, pages[gpa]))
    return out


def other_machines(cases, is_newest):
    """A vCPU in real mode makes it a core of 32 bits."""
    with cases.machine("pc", 4 * MIB, is_newest=is_newest) as machine:
        with machine:
            path = machine.dump()
            with open(path, "rb") as file:
                head = file.read(20)
            cases.case(f"{which(is_newest)}: a guest in real mode is an i386",
                       struct.unpack("<H", head[18:])[0] == 3)
            cases.refused(f"{which(is_newest)}: it is refused", ["i386", "x86-64"], path)


def pairs(cases, is_newest):
    """Point 10: two vCPUs in the halves of one pair of Linux'."""
    for levels in (4, 5):
        name = f"{which(is_newest)}, {levels} levels"
        kernel = Tables(levels, [0x110000, *range(0x120000, 0x140000, PAGE)])
        user = Tables(levels, [0x111000, *range(0x140000, 0x160000, PAGE)])
        for n in range(4):
            kernel.map(0x400000 + n * PAGE, 0x30000 + n * PAGE, flags=0x67)
        user.words[user.root][:256] = [
            word and word & ~NX for word in kernel.words[kernel.root][:256]]
        kernel.words[kernel.root][0] |= NX
        user.leaves.update(kernel.leaves)
        entry = 0xffffffff81000000
        for half in (kernel, user):
            half.map(entry, 0x40000)
        kernel.map(CANON[levels] + (1 << 39), 0, 1)
        alone = Tables(levels, [0x170000, *range(0x180000, 0x190000, PAGE)])
        alone.map(0x400000, 0x30000)
        alone.map(entry, 0x40000)
        for vcpu, cr3 in enumerate((user.root, kernel.root)):
            with cases.machine("pc", 16 * MIB, levels=levels, is_newest=is_newest
                               ) as machine:
                for half in (kernel, user):
                    half.write(machine.put)
                with machine:
                    machine.paging(cr3, user.root if cr3 == kernel.root else kernel.root)
                    path = machine.dump()
                    half = f"{name}, vCPU 0 in {('user', 'kernel')[vcpu]} mode"
                    got = cases.same(f"{half}: the kernel's root", path, kernel)
                    cases.case(f"{half}: it is told if that is another one",
                               ("--kpti" in got.notes) == (cr3 == user.root), got.notes)
                    cases.same(f"{half}: --kpti kernel", path, kernel, "--kpti", "kernel")
                    got = cases.same(f"{half}: --kpti user", path, user, "--kpti", "user")
                    cases.case(f"{half}: the root's name", got.records[0]["roots"] ==
                               [hex(user.root)], got)
                    cases.same(f"{half}: the other vCPU", path, user, "--vcpu", 1,
                               "--kpti", "user")
        with cases.machine("pc", 16 * MIB, levels=levels, is_newest=is_newest) as machine:
            alone.write(machine.put)
            with machine:
                machine.paging(alone.root)
                path = machine.dump()
                cases.same(f"{name}, no pair", path, alone)
                cases.refused(f"{name}, no pair: no half for user mode", [
                    "--kpti", hex(alone.root), "pair"], path, "--kpti", "user")


def others(cases, is_newest):
    """Point 19: what isn't read is refused by name; what is raw is raw."""
    name = which(is_newest)
    made = tables(4)
    made.map(0x202000, 0x9f000)
    with cases.machine("pc", 8 * MIB, is_newest=is_newest) as machine:
        made.write(machine.put)
        with machine:
            machine.paging(made.root)
            saved = machine.dir / "saved"
            machine.ask("migrate", uri=f"exec:cat > {saved}")
            end = time.monotonic() + 60
            while machine.ask("query-migrate").get("status") != "completed":
                if time.monotonic() > end:
                    raise TimeoutError("migrate")
                time.sleep(0.05)
            cases.refused(f"{name}: a state saved", ["QEMU", "savevm", "What to do"],
                          saved, "-r", hex(made.root))
            raw = machine.dir / "raw"
            machine.ask("pmemsave", val=0, size=8 * MIB, filename=str(raw))
            got = cases.same(f"{name}: pmemsave", raw, made, "-r", hex(made.root))
            cases.case(f"{name}: pmemsave is raw", raw.stat().st_size == 8 * MIB and
                       "dump" not in got.notes, got.notes)


def timed(cases, part, *arguments):
    start = time.monotonic()
    what = f"{part.__name__} {'newest' if True in arguments else ''}".strip()
    with cases.tests.group(f"{part.__doc__.split(':')[0]}: {what}"):
        try:
            part(cases, *arguments)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            cases.case(f"{what} ends", False, repr(error))
    for path in cases.tests.tmp.iterdir():
        if path.is_file():
            path.unlink()
        elif path.name != "tmp":
            shutil.rmtree(path)
    print(f"# {what}: {time.monotonic() - start:.1f} s", flush=True)


def run(cases):
    """All of it, on both QEMUs."""
    for part in (qemu_cores, kdump_heads, many_headers, paging, filters, high_memory,
                 pairs, other_machines, others):
        for is_newest in (False, True):
            timed(cases, part, is_newest)
