# SPDX-License-Identifier: GPL-2.0-only
"""vmem(1) over dumps: what it prints, and what it does with names that guests and
users make up."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

import dumps
import linux_hand
from cases import TREE, elf, lime
from dumps import PAGE
from linux_hand import SIZE, Linux, qemu_note

TIB = 1 << 40


class Cli:
    """Files in a directory, and vmem over them."""

    def __init__(self, tests, directory):
        self.tests, self.case = tests, tests.case
        self.dir = pathlib.Path(directory)

    def file(self, name, data):
        path = self.dir / name
        path.write_bytes(data)
        return path

    def run(self, *arguments):
        """What is printed and noted, and the status."""
        done = self.tests.run(*arguments)
        return (done.stdout.decode("latin1"), done.stderr.decode("latin1"),
                done.returncode)


def names(cli):
    """A process calls itself what it will: no name looks like more than one."""
    made = Linux()
    every = [bytes(range(i, i + 15)) for i in range(1, 242, 15)]
    spoof = [b"x, pid 1 init", b'x", pid 1 "init', b"x\nspace 0x1000"]
    made.tasks = [linux_hand.Task(100 + i, comm, root=0)
                  for i, comm in enumerate([*every, *spoof])]
    made.build()
    path = cli.file("names", made.data)
    quoted = ['"' + "".join(chr(c) if 32 <= c < 127 and chr(c) not in '"\\' else f"\\x{c:02x}"
                            for c in comm) + '"' for comm in (*every, *spoof)]
    label = ", ".join(f"pid {100 + i} {name}" for i, name in enumerate(quoted))
    text, _, _ = cli.run("roots", "-m", path)
    cli.case("names of any bytes", f"  {label}: " in text, text)
    text, _, _ = cli.run("roots", "-m", path, "--json")
    processes = [p for line in text.splitlines()
                 for p in json.loads(line).get("processes", ())]
    cli.case("names of any bytes: JSON has each byte", text.isascii() and
             [p["name"].encode("latin1") for p in processes] == [*every, *spoof], text)
    text, _, _ = cli.run("walk", "-m", path, "--all")
    cli.case("names of any bytes: headings",
             label in re.findall(r"^space 0x[0-9a-f]+  (.*)$", text, re.M), text)
    text, _, _ = cli.run("walk", "-m", path, "--all", "--json")
    cli.case("names of any bytes: labels", text.isascii() and
             label in json.loads(text.splitlines()[0])["labels"], text)
    for i, name in enumerate(quoted):
        _, noted, _ = cli.run("walk", "-m", path, "--pid", 100 + i)
        cli.case(f"--pid of {name}", f"process {100 + i}, {name}; NXE" in noted, noted)


def files(cli):
    """A file is called what it will: its name does nothing to a terminal."""
    odd = "a\n    b\x1b[1m\x7f\u009b\u00e9"
    shown = "a\\x0a    b\\x1b[1m\\x7f\\xc2"
    for data, status in ((None, 1), (b"", 1), (bytes(0x2000), 2), (b"\x7fELF\2\1\1", 1)):
        path = cli.dir / odd
        if data is not None:
            path.write_bytes(data)
        _, noted, got = cli.run("walk", "-m", path)
        bad = re.search(r"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", noted)
        cli.case(f"a file with an odd name: {data and data[:8]}", got == status and not bad and
                 (shown in noted or status == 2), noted)
    path.unlink()


def wx(cli):
    """Only what may be written and executed."""
    path = cli.file("wx", linux_hand.Linux(kpti=True).data)
    for more in ((), ("--leaves",), ("--follow",), ("--range", "0xffff800000000000+128T")):
        what = " ".join(("--wx", *more))
        for which in (("--all",), ("-r", "0x2000"), ("-r", "0x1000")):
            text, _, _ = cli.run("walk", "-m", path, *which, *more, "--no-fold", "--json")
            every = [json.loads(line) for line in text.splitlines()]
            text, _, status = cli.run("walk", "-m", path, *which, *more, "--wx", "--json")
            got = [json.loads(line) for line in text.splitlines()]
            want = [r for r in every if "w" in r.get("effective", "") and "x" in r["effective"]]
            cli.case(f"{what} {which[-1]}", not status and got[1:-1] == want and
                     all(r["wx"] for r in want) and
                     not any("wx" in r for r in every if r not in want) and
                     got[-1]["end"].pop("wx") == len(want) and
                     got[-1]["end"].pop("wx_bytes") == sum(r["len"] for r in want) and
                     got[0] == every[0] and got[-1] == every[-1], want, got)
            if which == ("--all",):
                cli.case(f"{what}: whose it is", want and
                         all(got[0]["roots"][r["index"]] == r["space"] for r in want), got)
            text, _, _ = cli.run("walk", "-m", path, *which, *more, "--wx", "--no-fold")
            spaces = re.findall("^space (0x[0-9a-f]+)", text, re.M)
            cli.case(f"{what} {which[-1]}: text", text.count("-  W+X") == len(want) and
                     f"\n{len(want)} W+X mapping" in text and
                     len(text.splitlines()) == 2 + len(want) + len(spaces) and
                     spaces == (list(dict.fromkeys(r["space"] for r in want))
                                if which == ("--all",) else []), text)
    _, noted, status = cli.run("walk", "-m", path, "--wx", "--nonpresent")
    cli.case("--wx and --nonpresent", status == 2 and "--nonpresent" in noted, noted)


def contents(cli):
    """What a dump is, and which memory isn't in it."""
    made = Linux()
    note = qemu_note(0x1000)
    pages = {gpa: bytes([gpa >> 12]) * PAGE for gpa in (0, 0x1000, 0x4000)}
    here, gone = True, False
    for name, data, form, ranges, more in (
            ("raw", TREE, "raw memory", [(0, len(TREE), here)], {}),
            ("core", elf([(0x1000, 0, 0, 0x3000, 0x5000)], note, size=0x5000), "ELF core",
             [(0, 0x3000, here), (0x3000, 0x2000, gone)], {}),
            ("core of Linux", elf([(0x1000, 0, 0, 0x2000, 0x2000)], made.note(), size=0x3000),
             "ELF core", [(0, 0x2000, here)], {"vmcoreinfo": True}),
            ("cut", elf([(0x1000, 0, 0, 0x3000, 0x3000)], size=0x3800), "ELF core",
             [(0, 0x2800, here), (0x2800, 0x800, gone)], {"trouble": "ends too early"}),
            ("lime", lime((0x1000, bytes(0x1000)), (0x10000, bytes(0x2000))), "LiME",
             [(0x1000, 0x1000, here), (0x10000, 0x2000, here)], {}),
            ("kdump", dumps.kdump(pages, 8, exist=[*pages, 0x2000, 0x5000, 0x6000]), "kdump",
             [(0, 0x2000, here), (0x2000, 0x1000, gone), (0x4000, 0x1000, here),
              (0x5000, 0x2000, gone)], {})):
        path = cli.file(name, data)
        text, noted, status = cli.run("dump", "-m", path, "--json")
        got = [json.loads(line) for line in text.splitlines()]
        vcpus = [r for r in got if "vcpu" in r]
        found = [(int(r["gpa"], 16), r["len"], r["in_dump"]) for r in got if "gpa" in r]
        total = {"ranges": len(ranges), "memory": sum(r[1] for r in ranges),
                 "in_dump": sum(r[1] for r in ranges if r[2]),
                 "not_in_dump": sum(r[1] for r in ranges if not r[2])}
        cli.case(f"{name}: its memory", not status and found == ranges and
                 got[-1] == {"end": total}, got, noted)
        cli.case(f"{name}: what it is", form in got[0]["dump"] and
                 more.get("trouble", "") in got[0].get("trouble", "") and
                 ("trouble" in got[0]) == ("trouble" in more) and
                 got[0]["vmcoreinfo"] == more.get("vmcoreinfo", False), got[0])
        want = [{"vcpu": 0, "cr3": "0x1000", "paging": True, "levels": 4}] * (name == "core")
        cli.case(f"{name}: its vCPUs", len(vcpus) == len(want) and all(
            got | want == got for got, want in zip(vcpus, want)), vcpus)
        text, _, _ = cli.run("dump", "-m", path)
        lines = [f"{gpa:012x}-{gpa + size - 1:012x}" for gpa, size, _ in ranges]
        states = ["in the dump" if r[2] else "not in the dump" for r in ranges]
        cli.case(f"{name}: text", re.findall(r"^([0-9a-f]{12}-[0-9a-f]{12}) +\S+  (.*)$", text,
                                             re.M) == list(zip(lines, states)), text)
        text, _, _ = cli.run("dump", "-m", path, "--missing")
        cli.case(f"{name}: --missing", re.findall("^([0-9a-f]{12}-[0-9a-f]{12}) ", text,
                                                  re.M) ==
                 [at for at, r in zip(lines, ranges) if not r[2]], text)
    raw = cli.dir / "raw"
    for words, status, *arguments in (
            (["no --memory"], 2), (["without GPA and OFFSET"], 2, "-m", f"{raw}@0x1000"),
            (["without GPA and OFFSET"], 2, "-m", f"{raw}@0:0"),
            (["is one file"], 2, "-m", raw, "-m", raw),
            (["one argument too many"], 2, "-m", raw, "x"),
            (["No such file"], 1, "-m", cli.dir / "none"),
            (["saved by QEMU"], 1, "-m", cli.file("savevm", b"QEVM\0\0\0\3".ljust(PAGE)))):
        cli.tests.refused(f"vmem dump {' '.join(map(str, arguments[1:]))}", status, words,
                          "dump", *arguments)


def ends(cli):
    """A root that isn't there, of all addresses and of fewer."""
    path = cli.file("lacks", elf([(0x1000, 0, 0, 0x2000, 0x4000)], size=0x3000))
    for what, begin, end, size in (
            (None, 0, (1 << 64) - 1, "16E"), ("0-0xffffffffffffffff", 0, (1 << 64) - 1, "16E"),
            ("0-0xffffffffffffefff", 0, (1 << 64) - 4097, "18014398509481980K"),
            ("0x1000-0xffffffffffffffff", 0x1000, (1 << 64) - 1, "18014398509481980K"),
            ("0x1000-0x2fff", 0x1000, 0x2fff, "8K")):
        for levels in (4, 5):
            text, noted, status = cli.run("walk", "-m", path, "-r", "0x3000", "-f",
                                          f"x86_64-{levels}level",
                                          *(("--range", what) if what else ()))
            cli.case(f"{levels} levels, a root that isn't in the dump: {what}", not status and
                     re.search(f"^{begin:016x}-{end:016x} +{size}  !! ", text, re.M), text,
                     noted)


def sparse(cli):
    """Holes of raw memory aren't read, and what was read isn't held."""
    made = Linux()
    dense, path = cli.file("dense", made.data), cli.file("sparse", made.data)
    os.truncate(path, TIB)
    want = cli.run("roots", "-m", dense, "--json")[0]

    def quick(name, good, *arguments, seconds=10, kib=256 << 10):
        # the largest that a child had counts, which none before may have exceeded
        start = time.monotonic()
        with subprocess.Popen([cli.tests.vmem, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            text, noted = (pipe.read().decode() for pipe in (process.stdout, process.stderr))
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        took = time.monotonic() - start
        cli.case(name, good(text, noted) and took < seconds and usage.ru_maxrss < kib, text,
                 noted, took, usage.ru_maxrss)

    quick("1 TiB, most of it a hole", lambda text, noted: text == want and "4 processes" in noted,
          "roots", "-m", path, "--json")
    quick("1 TiB, most of it a hole: walk", lambda text, noted: "swapper_pg_dir" in noted,
          "walk", "-m", path, "--json")
    blank = cli.dir / "blank"
    blank.touch()
    os.truncate(blank, TIB)
    quick("1 TiB, all of it a hole", lambda text, noted: not text and "guesses" in noted,
          "roots", "-m", blank)
    quick("1 TiB, all of it a hole: walk", lambda text, noted: "no --root" in noted, "walk",
          "-m", blank)
    # behind holes, and of several memories
    with open(blank, "r+b") as file:
        file.truncate(64 << 20)
        file.seek(48 << 20)
        file.write(bytes(0x1000) + made.data)
    roots = {r["root"] for r in map(json.loads, want.splitlines())}
    for name, parts in (("in parts", (f"{blank}@0:{(48 << 20) + 0x1000:#x}+{SIZE:#x}",
                                      f"{blank}@{1 << 32:#x}:0+{48 << 20:#x}")),
                        ("the other way", (f"{blank}@{1 << 32:#x}:0+{48 << 20:#x}",
                                           f"{dense}@0:0")),
                        ("not by pages", (cli.file("odd", b"x" + made.data).as_posix() + "@0:0x1",
                                          f"{blank}@{1 << 32:#x}:0+{48 << 20:#x}"))):
        text, noted, status = cli.run("roots", "--json", *(w for part in parts
                                                           for w in ("-m", part)))
        found = {r["root"] for r in map(json.loads, text.splitlines())}
        cli.case(f"holes, {name}", not status and found == roots, noted, found ^ roots)


def run(tests):
    """All of it."""
    with tempfile.TemporaryDirectory() as directory:
        cli = Cli(tests, directory)
        with tests.group("names"):
            names(cli)
            files(cli)
        with tests.group("W+X"):
            wx(cli)
        with tests.group("what a dump is"):
            contents(cli)
            ends(cli)
        with tests.group("holes"):
            sparse(cli)
