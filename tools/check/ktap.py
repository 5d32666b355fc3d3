# SPDX-License-Identifier: GPL-2.0-only
"""A reader of KTAP, for tools/check/run. It is fed lines as they come, and says
at any time how far the lists are, in the end what is wrong with them."""

import collections
import re

TEST = re.compile(r"( *)(not )?ok (\d+)(?: -)? ?([^#]*)(?:# *(.*))?$")
PLAN = re.compile(r"( *)1\.\.(\d+)\s*(?:# *(.*))?$")
START = re.compile(r"( *)K?TAP version \d+$")
KERNEL = re.compile(r" *# kernel: +(.+)$")
SKIP = re.compile(r"SKIP\b[: ]*(.*)", re.IGNORECASE)
ODD = re.compile(r" *(?:not )?ok\b(?! *\d+\b)")
NOTES = 8       # of the lines before a failed test


class Count:
    """How many cases passed, failed and were skipped."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, other):
        """Adds those of another count."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def total(self):
        """How many there are."""
        return self.passed + self.failed + self.skipped

    def __str__(self):
        return (f"{self.passed} passed, {self.failed} failed, "
                f"{self.skipped} skipped")


class List:
    """The lines of one list of tests, which may be the cases of a test."""

    def __init__(self, indent, headed):
        self.indent = indent
        self.headed = headed
        self.tests = 0
        self.plan = None
        self.count = Count()


class Ktap:
    """Counts cases: tests without tests below them.

    count     all of them, whole after end()
    seen      those read so far
    failed    the names of the failed ones read so far
    last      the newest case or `# ` line, what tells how far it is
    skips     [name, reason] of what was skipped
    kernels   what `# kernel: ` lines said, each once
    problems  lines that say why this is no success
    """

    def __init__(self, name):
        self.name = name
        self.lists = []
        self.heading = None
        self.count = Count()
        self.seen = Count()
        self.failed = []
        self.last = ""
        self.skips = []
        self.kernels = {}
        self.suites = collections.Counter()
        self.problems = []
        self.notes = collections.deque(maxlen=NOTES)

    def line(self, line):
        """Reads one, without its end."""
        for pattern, action in ((START, self.start), (PLAN, self.planned),
                                (TEST, self.test)):
            if match := pattern.match(line):
                action(match)
                return
        if match := KERNEL.match(line):
            self.kernels[match[1]] = True
        elif ODD.match(line):
            self.problem(f"no number: {line.strip()}")
        if line.lstrip().startswith("# "):
            self.last = line.strip()
        self.notes.append(line.strip())

    def end(self):
        """There are no more lines."""
        while self.lists:
            self.close()
        if not self.count.total():
            self.problems.append("no case at all")

    def problem(self, text):
        """Something is wrong that no case told: it counts as a failed one."""
        self.problems.append(text)
        self.count.failed += 1

    def close(self):
        """Ends the innermost list and returns the count of its cases."""
        ended = self.lists.pop()
        if ended.plan is None:
            # KUnit prints none, but a heading, for the parameters of a case.
            if ended.indent == 0 or not ended.headed:
                self.problem("a list without a plan")
        elif ended.indent and ended.plan == 0 and not ended.count.skipped:
            self.problem(f"an empty list at depth {ended.indent}")
        elif ended.plan != ended.tests:
            self.problem(f"{ended.tests} of {ended.plan} tests at depth "
                         f"{ended.indent}")
        if ended.indent == 0:
            self.count.add(ended.count)
        return ended.count

    def at(self, indent):
        """The list of this indent, and the cases just ended below it."""
        below = Count()
        while self.lists and self.lists[-1].indent > indent:
            below.add(self.close())
        if not self.lists and indent:
            self.lists.append(List(0, False))
        if not self.lists or self.lists[-1].indent < indent:
            self.lists.append(List(indent, self.heading == indent))
            self.heading = None
        return self.lists[-1], below

    def start(self, match):
        """A list begins."""
        self.heading = len(match[1])
        # Only the outermost list can follow another at its indent.
        if not match[1]:
            while self.lists:
                self.close()

    def planned(self, match):
        """A list says how many tests it has."""
        tests, _ = self.at(len(match[1]))
        if tests.plan is not None:
            self.problem(f"a second plan at depth {tests.indent}")
        tests.plan = int(match[2])
        if skip := tests.plan == 0 and SKIP.match(match[3] or ""):
            tests.count.skipped += 1
            self.seen.skipped += 1
            # The line of the test that has this list tells its name.
            self.skips.append(["", skip[1]])

    def test(self, match):
        """A test has ended."""
        tests, below = self.at(len(match[1]))
        name = match[4].strip()
        tests.tests += 1
        self.last = name
        if int(match[3]) != tests.tests:
            self.problem(f"{name} has number {match[3]}, not {tests.tests}")
        if below.total():
            suite = name
            if match[2] and not below.failed:
                below.failed = 1
                self.fail(name)
            if below.skipped and not self.skips[-1][0]:
                self.skips[-1][0] = name
        else:
            suite = self.name
            below = self.case(name, match)
        tests.count.add(below)
        if tests.indent == 0:
            self.suites[suite] += below.total()
        if match[2]:
            self.problems.append(f"failed: {name}")
            self.problems += self.notes
        self.notes.clear()

    def case(self, name, match):
        """A test that has none below it; returns a count of this one."""
        one = Count()
        if match[2]:
            one.failed = 1
            self.fail(name)
        elif skip := SKIP.match(match[5] or ""):
            one.skipped = 1
            self.seen.skipped += 1
            self.skips.append([name, skip[1]])
        else:
            one.passed = 1
            self.seen.passed += 1
        return one

    def fail(self, name):
        """A test has failed, and none below it."""
        self.seen.failed += 1
        self.failed.append(name)
