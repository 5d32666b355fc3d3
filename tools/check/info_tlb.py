# SPDX-License-Identifier: GPL-2.0-only
"""The leaves of a vCPU as QEMU prints them (`info tlb`), and as a walk gives them. QEMU
loses bit 51 of addresses, and says of rights what the leaf alone says."""

import collections
import re

# NX, G, PS (or, in a leaf of 4 KiB, PAT), D, A, PCD, PWT, U, W.
TLB = re.compile(r"([0-9a-f]{16}): ([0-9a-f]{16}) "
                 r"([X-][G-][P-][D-][A-][C-][T-][U-][W-])$")
PAT_SMALL = 1 << 7


def leaves(text):
    """(virtual address, physical address, flags) of each."""
    got = []
    for line in text.splitlines():
        match = TLB.match(line)
        if not match:
            raise ValueError(f"info tlb: {line}")
        got.append((int(match[1], 16), int(match[2], 16), match[3]))
    return got


def of_record(record):
    """A record of a walk, likewise."""
    leaf = record["leaf"]
    large = record["page"] > 4096
    pat = int(record["entry"], 16) & PAT_SMALL
    flags = "".join((
        "-" if "x" in leaf else "X",
        "G" if "g" in leaf else "-",
        "P" if large or pat else "-",
        "D" if "d" in leaf else "-",
        "A" if "a" in leaf else "-",
        "C" if "c" in leaf else "-",
        "T" if "t" in leaf else "-",
        "U" if "u" in leaf else "-",
        "W" if "w" in leaf else "-"))
    return int(record["va"], 16), int(record["gpa"], 16), flags


def compare(records, theirs):
    """Are these leaves the same? And some of those that only one has."""
    ours = collections.Counter(map(of_record, records))
    theirs = collections.Counter(theirs)
    return ours == theirs, (list((ours - theirs).items())[:3],
                            list((theirs - ours).items())[:3])
