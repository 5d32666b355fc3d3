# SPDX-License-Identifier: GPL-2.0-only
"""A stage of the check, for tools/check/run: a program of its own session, and
what it printed."""

import collections
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

from ktap import Ktap
from progress import Tail, clean, clock

TOP = pathlib.Path(__file__).resolve().parents[2]
LINES = 20      # of a stage's failures and of its stderr that are shown


def session(leader):
    """The living processes of a session."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in "ZX":
            yield int(stat.parent.name)


def sentence(path):
    """The first one of a program's head comment."""
    try:
        text = path.read_text(errors="replace")[:4096]
    except OSError:
        return ""
    comment = re.match(r"(?:#.*\n)*", text)[0].splitlines()
    words = " ".join(line.strip("# ") for line in comment
                     if not re.match("#!|# SPDX-", line))
    if not words.strip() and (doc := re.search(r'^"""(.+?)"""', text,
                                               re.DOTALL | re.MULTILINE)):
        words = doc[1]
    return clean(re.split(r"(?<=\.) ", " ".join(words.split()))[0])


class Stage:
    """A stage, from its file to what came out."""

    def __init__(self, path):
        self.path = path
        self.name = path.name
        self.number = path.name.partition("-")[0]
        self.alone = path.name.startswith("0")
        self.full = path.parent.name == "full"
        self.ktap = Ktap(path.name)
        self.process = self.log = None
        self.tails = ()
        self.sign = ""
        self.told = 0
        self.judged = False
        self.begin = self.wall = self.cpu = 0

    def named(self, name):
        """Is this a name of it?"""
        return name in (self.name, *self.name.split("-", 1))

    def start(self, logs, environment):
        """Starts it, in a session of its own."""
        self.begin = time.monotonic()
        self.log = logs / f"{self.name}.log"
        ktap = logs / f"{self.name}.ktap"
        with open(ktap, "wb") as out, open(self.log, "wb") as err:
            self.tails = [Tail(ktap), Tail(self.log)]
            try:
                self.process = subprocess.Popen(
                    [self.path], cwd=TOP, env=environment, stdout=out,
                    stderr=err, stdin=subprocess.DEVNULL, start_new_session=True)
            except OSError as error:
                self.ktap.problem(f"can't be run: {error.strerror}")

    def read(self):
        """Reads what it printed since; the newest sign of life is kept."""
        for line in self.tails[1].lines():
            if line.startswith("# "):
                self.sign = line[2:]
        before = self.ktap.last
        for line in self.tails[0].lines():
            self.ktap.line(line)
        if self.ktap.last is not before:
            self.sign = self.ktap.last.removeprefix("# ")

    def behind(self):
        """Did it print more than was read?"""
        return any(tail.behind() for tail in self.tails)

    def ended(self):
        """Has it?"""
        return not self.process or os.waitid(
            os.P_PID, self.process.pid,
            os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def lives(self):
        """Does anything of its session?"""
        return self.process and any(session(self.process.pid))

    def kill(self, number):
        """A signal to all its processes: true if there were some."""
        told = False
        for process in session(self.process.pid) if self.process else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, number)
                told = True
        return told

    def reap(self):
        """It has ended, or has to: what it left behind is killed."""
        if self.process:
            # Its number isn't another's before it is waited for.
            for _ in range(200):
                if not self.kill(signal.SIGKILL):
                    break
                time.sleep(0.01)
            _, status, used = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu = used.ru_utime + used.ru_stime
        self.wall = time.monotonic() - self.begin
        self.read()
        for line in self.tails[0].end():
            self.ktap.line(line)

    def judge(self):
        """It has ended by itself: has it passed?"""
        self.judged = True
        self.ktap.end()
        code = self.process and self.process.returncode
        if code:
            self.ktap.problems.append(
                f"ended with {code}" if code > 0 else
                f"killed by signal {-code}, {signal.strsignal(-code)}")
        # A stage that failed without a failed case counts as one.
        if self.ktap.problems and not self.ktap.count.failed:
            self.ktap.count.failed = 1
        return not self.ktap.problems

    def count(self):
        """Of its cases: those so far if it was stopped."""
        return self.ktap.count if self.judged else self.ktap.seen

    def progress(self, cases):
        """How far it is, in short and in full; it had as many cases last."""
        since = clock(time.monotonic() - self.begin)
        seen = self.ktap.seen.total()
        of_cases = f" of {cases} cases" if cases else " case" + "s"[seen == 1:]
        sign = f", {self.sign}" if self.sign else ""
        return (f"{self.number} {since}",
                f"{self.name} {since}, {seen}{of_cases}{sign}")

    def report(self):
        """What there is to say of it."""
        for suite, cases in self.ktap.suites.items():
            if suite != self.name:
                yield f"    {clean(suite):<24} {cases}"
        yield from self.problems()

    def problems(self):
        """The end of its stderr, and why it failed: last, as a log may be cut."""
        problems = self.ktap.problems
        if problems:
            with open(self.log, "rb") as lines:
                for line in collections.deque(lines, LINES):
                    yield f"    | {clean(Tail.text(line))}"
        yield from (f"    {clean(text)}" for text in problems[:LINES])
        if len(problems) > LINES:
            yield f"    and {len(problems) - LINES} lines more"
