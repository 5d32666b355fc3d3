# SPDX-License-Identifier: GPL-2.0-only
"""dump_hostile.py DIR VMEM SANITIZED [full]: dumps that are cut at each byte of what describes them, in which each such byte is
another one, and that promise what can't be: vmem ends soon, with little memory, and
says what is wrong where it gives no answer. The most memory that a child had counts from
before it was another program: so this is a process of its own, that needs little."""

import concurrent.futures
import gzip
import itertools
import os
import pathlib
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import time

import dump_cases
import dumps
import tests as common
from dumps import GIB, MIB, PAGE

RSS = 256 * 1024    # KiB
SECONDS = 10
SEED = 20261123
TIB = 1 << 40


class Hostile:
    """vmem over files that are written again and again."""

    def __init__(self, tests, sanitized):
        self.tests = tests
        self.sanitized = sanitized
        self.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.worst = {}

    def ended(self, command, path):
        """How a run was bad, or nothing."""
        errors = pathlib.Path(f"{path}.err")
        start = time.monotonic()
        with errors.open("wb") as err, subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=err) as process:
            # a sanitizer's program may take longer, but ends
            plain = command[0] != self.sanitized
            seconds = SECONDS + 2 if plain else 3 * SECONDS
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (seconds, seconds))
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - start
        self.worst["s"] = max(took, self.worst.get("s", 0))
        if plain:
            self.worst["MiB"] = max(usage.ru_maxrss >> 10, self.worst.get("MiB", 0))
        said = errors.read_text(errors="replace")
        if process.returncode == -signal.SIGKILL:
            return f"more than {seconds} s of CPU"
        # what is taken for raw memory has no root
        if process.returncode not in (0, 1) and not (
                process.returncode == 2 and "no --root" in said):
            return f"status {process.returncode}: {said[-1500:]}"
        # most of the time is that of a machine that others use, too
        if plain and usage.ru_utime + usage.ru_stime > SECONDS:
            return f"{took:.1f} s"
        if plain and usage.ru_maxrss > RSS:
            return f"{usage.ru_maxrss} KiB"
        if process.returncode == 1 and not re.search(r"^vmem: .*(" + re.escape(
                path.name) + "|--root)", said, re.M):
            return f"no clear error: {said[-500:]}"
        return None

    def one(self, number, data, commands, sanitized):
        """One file, and what is asked of it."""
        path = self.tests.tmp / f"hostile{number}"
        path.write_bytes(data)
        vmem = self.sanitized if sanitized else self.tests.vmem
        bad = None
        for command in commands:
            bad = bad or self.ended(
                [vmem, command[0], "-m", str(path), *command[1:]], path)
        if bad:
            keep = self.tests.tmp / "kept"
            path.rename(keep)
        else:
            path.unlink()
        pathlib.Path(f"{path}.err").unlink()
        return bad

    def all(self, name, files, stride):
        """(what, bytes, what is asked) of each file: by the plain program, and each
        stride-th one by the other, too."""
        bad, nr, files = [], 0, enumerate(files)
        # few at a time: what this process has in memory, a child begins with
        while some := list(itertools.islice(files, 32)):
            jobs = []
            for number, (what, data, commands) in some:
                jobs.append((what, self.pool.submit(self.one, f"{number}", data,
                                                    commands, False)))
                if number % stride == 0:
                    jobs.append((f"{what}, sanitized", self.pool.submit(
                        self.one, f"{number}s", data, commands, True)))
            nr += len(jobs)
            bad += [(what, why) for what, job in jobs if (why := job.result())]
        self.tests.case(f"{name}: {nr} files", nr > 0 and not bad, f"{len(bad)} are bad",
                        *(f"{what}: {why[:1000]}" for what, why in bad[:9]))


def regions(*spans):
    return [at for first, last in spans for at in range(first, last)]


def mutations(data, places, commands):
    """Cut at each, and each flipped."""
    for at in places:
        yield f"cut at {at:#x}", data[:at], commands
        for bits in (0xff, 0x80, 0x01):
            yield (f"byte {at:#x} ^ {bits:#x}",
                   data[:at] + bytes([data[at] ^ bits]) + data[at + 1:], commands)


def containers():
    """name: (bytes, places of what describes it, whether it has registers)"""
    made = dump_cases.small()
    pages = dump_cases.hand_pages(made)
    runs = dump_cases.runs(pages)
    registers = dumps.note(b"VMCOREINFO", 0, b"OSRELEASE=6.12\n") + dumps.qemu_note(
        made.root)
    loads = [(gpa, data, None, None) for gpa, data in runs]
    core = dumps.elf(loads, registers)
    head = 64 + 56 * (len(loads) + 1)
    cr = head + len(registers) - 48
    yield "ELF", core, regions((0, head + 60), (cr, cr + 48)), True
    kdump = dumps.kdump(pages, 64, registers,
                        lambda gpa: (0, 1, 2, 4, 0x20)[gpa // PAGE % 5])
    descs = 4 * PAGE
    yield "kdump", kdump, regions(
        (0, 16), (12 + 4 * 65, 12 + 4 * 65 + 8), (420, 470), (PAGE, PAGE + 160),
        (2 * PAGE, 2 * PAGE + 16), (3 * PAGE, 3 * PAGE + 16),
        (descs, descs + 24 * len(pages) + 40)), True
    size = len(kdump)
    cuts = [(8192, size), (0, 5000), (4096, 8192), (100, 200)]
    flat = dumps.flat(kdump, cuts)
    places, at = regions((0, 40)), PAGE
    for first, last in cuts:
        places += regions((at, at + 16))
        at += 16 + last - first
    yield "flattened", flat, places + regions((at, len(flat))), True
    whole = bytearray(0x20000)
    for gpa, data in pages.items():
        whole[gpa:gpa + PAGE] = data
    low, high = bytes(whole[0x1000:0x9c00]), bytes(whole[0x10000:])
    lime = dumps.lime((0x1000, low), (0x10000, high))
    second = 32 + len(low)
    yield "LiME", lime, regions((0, 40), (second - 4, second + 40),
                                (len(lime) - 4, len(lime))), False
    avml = dumps.avml((0x1000, low[:0x8000]), (0x10000, high))
    second = avml.index(b"AVML", 4)
    yield "AVML", avml, regions((0, 60), (second - 24, second + 60),
                                (len(avml) - 24, len(avml))), False
    zipped = gzip.compress(bytes(whole), 1)
    yield "gzip", zipped, regions((0, 60), (len(zipped) - 20, len(zipped))), False
    squeezed = dumps.packed_zstd(bytes(whole))
    yield "zstd", squeezed, regions((0, 60), (len(squeezed) - 20, len(squeezed))), False
    squeezed = dumps.lime_compressed(lime)
    yield "LiME, compressed", squeezed, regions((0, 40)), False


def words(name, data, places, values=(0, 1, 0x7fffffff, 0xffffffff)):
    """Numbers in it that are as large as can be."""
    for at in places:
        for value in values:
            yield f"{name} {at:#x} = {value:#x}", data[:at] + struct.pack(
                "<I", value) + data[at + 4:]
        for value in (1 << 40, (1 << 52) - PAGE, (1 << 63) - 1, (1 << 64) - 1,
                      (1 << 64) - PAGE):
            yield f"{name} {at:#x} = {value:#x}", data[:at] + struct.pack(
                "<Q", value) + data[at + 8:]


def core_of_notes(loads, size, nr, content=b""):
    """Notes of some size, named so often."""
    core = bytearray(dumps.elf(loads, content))
    at, = struct.unpack_from("<Q", core, 64 + 8)
    size = size or len(content)
    core += struct.pack(dumps.PHDR, dumps.PT_NOTE, 0, at, 0, 0, size, size, 0) * nr
    nr_loads = len(loads) + 1
    head = len(core) - 56 * nr
    core += core[64:64 + 56 * nr_loads]
    struct.pack_into("<Q", core, 32, head)
    struct.pack_into("<H", core, 56, nr + nr_loads)
    return bytes(core)


def sizes():
    """Files that promise terabytes, and those made to take long: (what, bytes)."""
    made = dump_cases.small()
    pages = dump_cases.hand_pages(made)
    loads = [(gpa, data, None, None) for gpa, data in dump_cases.runs(pages)]
    registers = dumps.qemu_note(made.root)
    core = dumps.elf(loads, registers)
    yield from words("e_phoff", core, [32, 40])
    yield from words("p_offset", core, [64 + 56 + 8, 64 + 56 + 24, 64 + 56 + 32,
                                        64 + 56 + 40, 64 + 8, 64 + 32])
    note = 64 + 56 * (len(loads) + 1)
    yield from words("a note's", core, [note, note + 4])
    many = bytearray(core)
    struct.pack_into("<H", many, 56, 0xffff)
    struct.pack_into("<Q", many, 40, 0)
    yield from words("sh_info", bytes(many), [44])
    yield "memory of 1 TiB without a byte", dumps.elf(
        loads + [(1 << 32, b"", TIB, None)], registers)
    yield "memory of 4 PiB without a byte", dumps.elf(
        loads + [(1 << 32, b"", (1 << 52) - (1 << 32), None)], registers)
    body = bytes(64 * PAGE)
    yield "50,000 LOADs of the same", dumps.elf(
        [(PAGE * (n % 40), body[:PAGE * (n % 60)], None, None) if n < 100 else
         (n, b"", 5 * PAGE, None) for n in range(50000)], registers)
    yield "notes of 1 GiB of nothing", dumps.packed_zstd(
        core_of_notes(loads, GIB, 1)) + dumps.packed_zstd(bytes(4 * MIB)) * 256
    yield "60,000 times the same notes", core_of_notes(
        loads, 0, 60000, dumps.note(b"X", 1, b"") * 4096)
    yield "20,000 times the same 100 vCPUs", core_of_notes(
        loads, 0, 20000, registers * 100)
    yield "8,000 vCPUs with a root each", dumps.elf(loads, b"".join(
        dumps.qemu_note(n % 0x20 * PAGE) for n in range(8000)))
    kdump = dumps.kdump(pages, 64, registers)
    yield from words("kdump", kdump, [428, 432, 436, 440, PAGE + 12, PAGE + 32, PAGE + 40,
                                      PAGE + 48, PAGE + 56, PAGE + 96, 4 * PAGE,
                                      4 * PAGE + 8, 4 * PAGE + 12])
    both = bytearray(kdump)
    struct.pack_into("<I", both, 436, 0xfffffffe)
    struct.pack_into("<Q", both, PAGE + 96, 1 << 45)
    yield "bitmaps of 16 TiB", bytes(both)
    bits = dumps.kdump(pages, 8 * PAGE * 4, registers, exist=range(
        0, 8 * PAGE * 4 * PAGE, 2 * PAGE))
    yield "every second page exists", bits
    size = len(kdump)
    whole = [(0, size)]
    yield "a record within itself", dumps.flat(kdump, whole + [(PAGE, bytes(64))] * 9)
    nested = [(n, bytes(10000 - 2 * n)) for n in range(0, 5000, 3)]
    yield "records in one another", dumps.flat(kdump, nested + whole)
    yield "200,000 records of a byte", dumps.flat(kdump, [
        (size + n * 3 % 65536, b"x") for n in range(200000)] + whole)
    yield "records without a byte", dumps.flat(kdump, [(5, b"")] * 300000 + whole)
    flat = dumps.flat(kdump, whole)
    for first in (0, 1 << 62, -1, -2, 1 << 60, (1 << 63) - 1):
        for length in (0, 1 << 62, -1, -2, 1 << 40, (1 << 63) - 1):
            yield (f"a record of {length:#x} at {first:#x}", flat[:PAGE] +
                   struct.pack(">qq", first, length) + flat[PAGE:])
    lime = dumps.lime((0, bytes(0x20000)))
    yield from words("LiME", lime, [4, 8, 16])
    yield "300,000 ranges of a byte", dumps.lime(*[(n * 3, b"x") for n in range(300000)])
    yield "a range of all addresses", lime[:8] + struct.pack("<QQ", 0, (1 << 64) - 1)
    yield "ranges that are alike", dumps.lime(*[(0x1000, b"x" * 4096)] * 2000)
    avml = dumps.avml((0, bytes(0x20000)))
    yield from words("AVML", avml, [4, 8, 16, 32, 42, 46, len(avml) - 8])
    yield "100,000 ranges of a byte", dumps.avml((0, b"x")) * 100000
    yield "gzip: 3 GiB of nothing", gzip.compress(bytes(4 * MIB)) * 768
    yield "zstd: 3 GiB of nothing", dumps.packed_zstd(bytes(4 * MIB)) * 768
    yield "gzip in gzip", gzip.compress(gzip.compress(gzip.compress(lime)))
    yield "gzip: a core in it", gzip.compress(core)


def sparse(hostile):
    """Files that are as large as they say."""
    tests = hostile.tests
    made = dump_cases.small()
    pages = dump_cases.hand_pages(made)
    registers = dumps.qemu_note(made.root)
    head = dumps.elf([(gpa, data, None, None) for gpa, data in dump_cases.runs(pages)],
                     registers)
    path = tests.tmp / "sparse"
    for name, data, options in (
            ("a core of 8 TiB", dumps.elf(
                [(gpa, data, None, None) for gpa, data in dump_cases.runs(pages)] +
                [(1 << 32, b"", None, None)], registers), []),
            ("a LiME capture of 8 TiB", dumps.lime((0, b"x"))[:32], ["-r", "0x10000"])):
        data = bytearray(data)
        if name.startswith("a core"):
            last = 64 + 56 * (len(dump_cases.runs(pages)) + 1)
            struct.pack_into("<QQ", data, last + 32, 8 * TIB, 8 * TIB)
        else:
            struct.pack_into("<Q", data, 16, 8 * TIB - 1)
            data += b"".join(pages.get(gpa, bytes(PAGE)) for gpa in
                             range(0, max(pages) + PAGE, PAGE))
        with open(path, "wb") as file:
            file.write(data)
            try:
                file.truncate(9 * TIB)
            except OSError:
                file.truncate(GIB)
        for command in (["walk"], ["translate", "0x400000"]):
            bad = hostile.ended([tests.vmem, command[0], "-m", str(path), *options,
                                 *command[1:]], path)
            tests.case(f"{name}: {command[0]}", not bad, bad)
    path.write_bytes(head)
    path.unlink()


def asked(root):
    """What is asked of a file whose root is told."""
    return [["walk", "-r", root], ["translate", "-r", root, "0x400000"]]


def changed(data, places, commands, nr):
    """Some bytes are others, at random."""
    chance = random.Random(SEED)
    for _ in range(nr):
        other = bytearray(data)
        for _ in range(chance.randrange(1, 5)):
            at = chance.choice(places)
            width = chance.choice((1, 2, 4, 8))
            value = chance.choice((0, 1, 0xff, chance.getrandbits(64),
                                   1 << chance.randrange(64)))
            other[at:at + width] = (value & (1 << 8 * width) - 1).to_bytes(
                width, chance.choice(("little", "big")))
        yield f"seed {SEED}", bytes(other), commands


def main(tmp, vmem, sanitized, full=None):
    tests = common.Command(tmp)
    tests.vmem = vmem
    hostile = Hostile(tests, sanitized)
    root = hex(dump_cases.small().root)
    for name, data, places, registered in containers():
        start = time.monotonic()
        walk = ["walk", *([] if registered else ["-r", root])]
        hostile.all(f"{name}, each byte", mutations(data, places, [walk]),
                    5 if full else 29)
        hostile.all(f"{name}, some at random", changed(
            data, places, [walk, ["roots"]], 2000 if full else 150), 9)
        print(f"# {name}: {time.monotonic() - start:.1f} s", flush=True)
    start = time.monotonic()
    hostile.all("promises and loops", (
        (what, data, asked(root) + ([["roots"]] if "TiB" in what or n % 7 == 0 else []))
        for n, (what, data) in enumerate(sizes())), 5)
    sparse(hostile)
    print(f"# promises and loops: {time.monotonic() - start:.1f} s", flush=True)
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"# at most {hostile.worst}, {ours >> 10} MiB are this process's")
    tests.case("memory can be measured", ours < RSS * 3 // 4, ours)
    return tests.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
