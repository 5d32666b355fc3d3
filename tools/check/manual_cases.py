# SPDX-License-Identifier: GPL-2.0-only
"""The commands that vmem(1) shows, by its own words: each does what is asked for, on
small files with the names that it uses."""

import os
import pathlib
import re
import subprocess

from python_cases import GUEST, PG, THERE, core

MANUAL = pathlib.Path("Documentation/man/vmem.1.scd")


def run(tests):
    """Those in blocks, in their order. What they print isn't looked at, but each does."""
    vmem = pathlib.Path(tests.vmem).resolve()
    tmp = tests.tmp / "manual"
    tmp.mkdir()
    (tmp / "dump.elf").write_bytes(core(GUEST, THERE, (PG, 0x1000, 0x20)))
    (tmp / "guest.memory").write_bytes(GUEST)
    with open(tmp / "guest.mem", "wb") as large:
        large.write(GUEST)
        large.truncate(6 << 30)
    environment = {**os.environ, "PATH": f"{vmem.parent}:{os.environ['PATH']}"}
    blocks = re.findall(r"^```\n(.*?)^```", MANUAL.read_text(), re.M | re.S)
    commands = [line for block in blocks for line in block.splitlines()
                if line.startswith("vmem ")]
    tests.case("the manual shows commands", len(commands) > 20, commands)
    for command in commands:
        done = subprocess.run(command, shell=True, check=False, cwd=tmp,
                              capture_output=True, text=True, env=environment)
        silent = command.startswith(("vmem roots -m guest.memory", "vmem demo"))
        tests.case(f"the manual's {command}", not done.returncode and
                   (done.stdout or silent), done)
