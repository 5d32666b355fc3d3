# SPDX-License-Identifier: GPL-2.0-only
"""vmem(1) over dumps: what it prints, and what it does with names that guests and
users make up."""

import json
import pathlib
import re
import tempfile

import linux_hand
from linux_hand import Linux


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


def run(tests):
    """All of it."""
    with tempfile.TemporaryDirectory() as directory:
        cli = Cli(tests, directory)
        with tests.group("names"):
            names(cli)
            files(cli)
