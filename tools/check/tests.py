# SPDX-License-Identifier: GPL-2.0-only
"""What the stages written in Python share: a list of tests in KTAP, and how they
build what they run."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys

BUILD = os.environ.get("BUILD", "build")
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
         "-D__SANE_USERSPACE_TYPES__", "-Iinclude/uapi", "-Itools/lib"]


def run(*command):
    """A command that has to end well; what it prints goes to the log."""
    subprocess.run(command, check=True, stdout=sys.stderr)


def make(*targets):
    """What `make` builds, in build/."""
    run("tools/check/make", *targets)


def make_sanitized(out, target, compiler="clang"):
    """The same with sanitizers, in a directory of its own."""
    run("make", "-s", f"BUILD={out}", f"CC={compiler}",
        "CFLAGS=" + " ".join(SANITIZE), f"{out}/{target}")
    return f"{out}/{target}"


def met(output):
    """What random calls have met, of what their program prints."""
    return set(re.findall(r"\b(E[A-Z0-9]+|[a-z]+) [1-9]", output))


class Tests:
    """KTAP."""

    def __init__(self):
        self.number = self.failed = 0
        self.indent = ""
        print("KTAP version 1", flush=True)

    def case(self, name, good, *why):
        self.number += 1
        if not good:
            self.failed += 1
            for text in why:
                print(f"{self.indent}# {str(text)[:2000]}")
        print(f"{self.indent}{'ok' if good else 'not ok'} {self.number} {name}",
              flush=True)

    @contextlib.contextmanager
    def group(self, name):
        """Cases that the summary counts by themselves."""
        before = self.number, self.failed, self.indent
        self.number, self.failed, self.indent = 0, 0, "    "
        print("    KTAP version 1")
        yield
        print(f"    1..{self.number}")
        failed = self.failed
        self.number, self.failed, self.indent = before
        self.case(name, not failed)

    def end(self):
        """Its answer is what the stage ends with."""
        print(f"1..{self.number}")
        return 1 if self.failed else 0


class Command(Tests):
    """KTAP, and vmem(1) as the program under test."""

    def __init__(self, tmp):
        super().__init__()
        self.tmp = pathlib.Path(tmp).resolve()
        self.vmem = f"{BUILD}/vmem"

    def run(self, *arguments, **options):
        return subprocess.run([self.vmem, *map(str, arguments)], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=300, **options)

    def refused(self, name, status, words, *arguments):
        """It ends with a status, all of the words on stderr, and no more."""
        done = self.run(*arguments)
        error = done.stderr.decode()
        self.case(name, done.returncode == status and not done.stdout and
                  all(word in error for word in words),
                  done.returncode, error, done.stdout[:200])

    def lines(self, *arguments):
        """The JSON lines of a run that must succeed, and what it noted."""
        done = self.run(*arguments, "--json")
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.returncode} {done.stderr}")
        return ([json.loads(line) for line in done.stdout.splitlines()],
                done.stderr.decode())

    def expect(self, name, got, want):
        self.case(name, got == want, f"got  {got}", f"want {want}")
