# SPDX-License-Identifier: GPL-2.0-only
"""The commands that vmem(1) shows, by its own words: each does what is asked for, on
small files with the names that it uses, and prints what the manual says."""

import json
import os
import pathlib
import re
import subprocess

from linux_hand import Linux
from python_cases import GUEST, PG, THERE, core

MANUAL = pathlib.Path("Documentation/man/vmem.1.scd")
USER = 0x1f0000         # of the memory of a Linux made by hand, which uses less

# What some of them print, by their words.
PRINTED = (
    ("dump -m dump.elf --missing", r"^0+8000-0+ffff    32K  not in the dump$"),
    ("dump -m", r"^2 ranges, 64K of memory: 32K in the dump, 32K not in the dump$"),
    ("grep 'not in the dump'", r"!! .* the table at 0x9000 is not in the dump$"),
    ("--all --wx --follow --json", r'^{"space":"0x20000","index":\d+,"va":"0x400000",.*"wx":true'),
    ("--all --wx", r'^space 0x20000  pid 1 "init", CR3 of vCPU 0\n0+400000-.*  W\+X$'),
    ("dump.elf --wx", r"^f+8000000000-.*  W\+X$"),
    ("--pid 1 -a 0-", r"^0+400000-.* rwxu  W\+X\n0+401000-.* r--u\n2 leaves"),
)
# The lines of `vmem dump`.
DUMP = tuple(map(re.compile, (
    "format      ELF core", "trouble     none", "VMCOREINFO  (none in the dump|of Linux .*)",
    r"vCPU \d      CR0 [0-9a-f]{8}  CR3 [0-9a-f]{12}  CR4 [0-9a-f]{8}  4 levels",
    r"[0-9a-f]{12}-[0-9a-f]{12} +\d+[KMGT]  in the dump",
    r"\d+ ranges?, \d+[KMGT] of memory: \d+[KMGT] in the dump, 0B not in the dump")))


def linux(kpti=False):
    """A core of a Linux whose first process has two pages."""
    made = Linux(kpti=kpti)
    made.tasks[1].pid, made.tasks[1].comm = 1, b"init"
    made.build()
    assert not any(made.data[USER:])
    root = made.process_root(0)
    for at, entry in ((root, kpti << 63 | USER | 0x67), (USER, USER + 0x1067),
                      (USER + 0x1010, USER + 0x2067), (USER + 0x2000, USER + 0x3067),
                      (USER + 0x2008, 1 << 63 | USER + 0x3025)):
        made.put(at, "Q", entry)
    if kpti:
        made.put(root + 0x1000, "Q", USER | 0x67)
    return core(made.data, len(made.data), (PG, root, 0x20))


def samples(tests, manual, environment, directory):
    """What the manual shows of `vmem dump` is what that prints."""
    command = ["vmem", "dump", "-m", "dump.elf"]
    blocks = re.findall(r"^```\n(.*?)^```", manual, re.M | re.S)
    shown = next(block for block in blocks if block.startswith("format "))
    said = subprocess.run(command, check=True, cwd=directory, capture_output=True,
                          text=True, env=environment).stdout

    def lines_of(text):
        return [line for line in text.splitlines() if line != "..."]
    tests.case("the manual's lines of a dump are like real ones", all(
        any(form.fullmatch(line) for form in DUMP)
        for text in (shown, said) for line in lines_of(text)) and all(
            any(form.fullmatch(line) for line in lines_of(text))
            for text in (shown, said) for form in DUMP), shown, said)
    shown = next(block for block in blocks if block.startswith('{"vmem":2,"dump"'))
    said = subprocess.run([*command, "--json"], check=True, cwd=directory,
                          capture_output=True, text=True, env=environment).stdout
    lines = [list(json.loads(line)) for line in said.splitlines()]
    tests.case("the manual's JSON of a dump has its names", all(
        any(all(f'"{key}":' in line for key in keys) for line in shown.splitlines())
        for keys in lines) and len(lines) > 3, shown, said)


def run(tests):
    """Those in blocks, in their order."""
    vmem = pathlib.Path(tests.vmem).resolve()
    tmp = tests.tmp / "manual"
    (tmp / "linux").mkdir(parents=True)
    (tmp / "dump.elf").write_bytes(core(GUEST, THERE, (PG, 0x1000, 0x20)))
    (tmp / "linux" / "dump.elf").write_bytes(linux())
    (tmp / "guest.memory").write_bytes(GUEST)
    with open(tmp / "guest.mem", "wb") as large:
        large.write(GUEST)
        large.truncate(6 << 30)
    environment = {**os.environ, "PATH": f"{vmem.parent}:{os.environ['PATH']}"}
    manual = MANUAL.read_text()
    blocks = re.findall(r"^```\n(.*?)^```", manual, re.M | re.S)
    commands = [line for block in blocks for line in block.splitlines()
                if line.startswith("vmem ")]
    tests.case("the manual shows commands", len(commands) > 25 and all(
        any(words in command for command in commands) for words, _ in PRINTED), commands)
    for command in commands:
        # those that ask for processes, of a guest that has some
        of_linux = "--pid" in command or "--all" in command
        done = subprocess.run(command, shell=True, check=False,
                              cwd=tmp / "linux" if of_linux else tmp,
                              capture_output=True, text=True, env=environment)
        silent = command.startswith(("vmem roots -m guest.memory", "vmem demo"))
        wanted = next((want for words, want in PRINTED if words in command), "")
        tests.case(f"the manual's {command}", not done.returncode and
                   (done.stdout or silent) and re.search(wanted, done.stdout, re.M), done)
    samples(tests, manual, environment, tmp / "linux")
    (tmp / "linux" / "dump.elf").write_bytes(linux(kpti=True))
    command = next(command for command in commands if "--all --wx" in command)
    done = subprocess.run(command, shell=True, check=False, cwd=tmp / "linux",
                          capture_output=True, text=True, env=environment)
    tests.case(f"the manual's {command}: with page-table isolation", re.search(
        r'^space 0x21000  pid 1 "init", user half of 0x20000\n0+400000-.*  W\+X$',
        done.stdout, re.M), done)
