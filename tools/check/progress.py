# SPDX-License-Identifier: GPL-2.0-only
"""What tools/check/run shows: times, those of earlier runs too, texts that others
wrote, and the line that says what runs."""

import contextlib
import heapq
import json
import math
import os
import re
import sys
import time

LINE = 4000     # bytes of a line that are read
PIECE = 1 << 18 # bytes of a file that are read in one go
TEXT = 300      # characters of one that are shown
TURN = 3        # seconds that a stage is shown in full where not all can be


def clock(seconds):
    """Minutes and seconds, and hours where there are any."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def clean(text, length=TEXT):
    """What a terminal can be given of a text."""
    text = "".join(c if c.isprintable() else "?" for c in text[:length + 1])
    return text if len(text) <= length else text[:length - 3] + "..."


def estimate(running, alone, others, jobs):
    """How long it takes until all is done: what is left of those that run and
    of those that run alone, then the others, JOBS at a time."""
    free = running + [0] * (jobs - len(running))
    if alone:
        free = [max(free) + sum(alone)] * jobs
    heapq.heapify(free)
    for seconds in others:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


class Durations:
    """How long stages took when they passed last, and their cases."""

    def __init__(self, path):
        self.path = path
        self.known = self.load()

    def load(self):
        """What is in the file, if that is what it should be."""
        try:
            with open(self.path, encoding="utf-8") as file:
                return {name: (float(wall), int(cases)) for name, (wall, cases)
                        in json.load(file).items() if math.isfinite(wall)}
        except (OSError, ValueError, TypeError, AttributeError,
                OverflowError, RecursionError):
            return {}

    def wall(self, stage):
        """Seconds, or None."""
        return self.known.get(stage.name, (None, None))[0]

    def cases(self, stage):
        """A number, or None."""
        return self.known.get(stage.name, (None, None))[1]

    def keep(self, stage):
        """Of this stage. Others may keep theirs at the same time."""
        self.known |= self.load()
        self.known[stage.name] = (round(stage.wall, 1), stage.ktap.count.total())
        new = self.path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            new.write_text(json.dumps(self.known, indent=1) + "\n")
            new.replace(self.path)


class Tail:
    """The lines that somebody else appends to a file."""

    def __init__(self, path):
        self.file = open(path, "rb")  # pylint: disable=consider-using-with
        self.rest = b""

    def behind(self):
        """Is there more?"""
        return os.fstat(self.file.fileno()).st_size > self.file.tell()

    def lines(self):
        """Those that are there and weren't yet, or some of them."""
        *whole, self.rest = (self.rest + self.file.read(PIECE)).split(b"\n")
        self.rest = self.rest[:LINE]
        yield from map(self.text, whole)

    def end(self):
        """No more is written: those, and a last line that has no end."""
        yield from self.lines()
        if self.rest:
            yield self.text(self.rest)
        self.file.close()

    @staticmethod
    def text(line):
        """As much of a line as counts."""
        return line[:LINE].decode("utf-8", "replace").rstrip()


class Screen:
    """stdout: lines that stay, and a status. On a terminal that is one line,
    rewritten below the others; in a log it is a line every so many seconds."""

    def __init__(self, every):
        self.terminal = (sys.stdout.isatty() and
                         os.environ.get("TERM", "dumb") != "dumb")
        self.every = every
        self.begin = self.told = time.monotonic()
        self.shown = False
        sys.stdout.reconfigure(errors="backslashreplace")

    @staticmethod
    def width():
        """Of the terminal, which may have changed, or of a log."""
        try:
            return os.get_terminal_size(sys.stdout.fileno()).columns or 80
        except OSError:
            return 100

    def elapsed(self):
        """Seconds since the start."""
        return time.monotonic() - self.begin

    def say(self, *lines):
        """Lines that stay."""
        self.erase()
        for line in lines:
            print(line)
        sys.stdout.flush()

    def erase(self):
        """Takes the status away."""
        if self.shown:
            sys.stdout.write("\r\033[K")
            self.shown = False

    def status(self, head, stages):
        """What runs: a head, and a short and a long text of each stage."""
        if self.terminal:
            self.erase()
            sys.stdout.write(self.fit(head, stages))
            self.shown = True
        elif time.monotonic() - self.told >= self.every:
            self.told = time.monotonic()
            print("; ".join([head] + [clean(text) for _, text in stages]))
        sys.stdout.flush()

    def fit(self, head, stages):
        """As much of the status as the terminal's width allows: all of it, or
        one stage in full and the others in short, by turns."""
        width = self.width()
        texts = [text for _, text in stages]
        # A character of the last column would be followed by a new line.
        room = width - 1 - len("; ".join([head] + texts))
        if room < 0 and stages:
            turn = int(self.elapsed() / TURN) % len(stages)
            texts = [short for short, _ in stages]
            texts[turn] = ""
            room = width - 1 - len("; ".join([head] + texts))
            texts[turn] = clean(stages[turn][1], max(room, 3))
        # Others may be wider than one column.
        return re.sub("[^ -~]", "?", "; ".join([head] + texts))[:width - 1]
