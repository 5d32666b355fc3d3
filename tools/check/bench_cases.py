# SPDX-License-Identifier: GPL-2.0-only
"""What the benchmark prints: that each row is there and what a row has, in text and
in JSON; what it refuses. Never a time."""

import json
import pathlib
import re

from tests import BUILD

CHANGES = ["protect 1 GiB, a page", "map 1 GiB, a page",
           "map 1 GiB by pages of 2 MiB, a page", "unmap 1 GiB, a page",
           "map one page a call", "unmap one page a call"]
WALKS = ["walk to extents, all merge, a page", "walk to leaves, a page",
         "walk to extents, none merges, a page",
         "walk cold tables, 510 MiB, in order, a page",
         "walk cold tables, 510 MiB, shuffled, a page"]
ROOTS = ["walk 64 roots, one table shared (loop: one root)",
         "walk 1,024 roots, 8 slots shared, a table"]
TRANSLATIONS = [f"translate, {where}, {how}"
                for where in ("hot", "2 MiB of tables", "32 MiB of tables",
                              "256 MiB of tables")
                for how in ("one a call", "one after the other", "32 a call",
                            "32 accesses a call")]
# beside what is friendly, which is the core's, too
HOSTILE = [f"hostile: {what}, a record"
           for what in ("a table named 512 times", "the same, followed",
                        "self-maps", "self-maps, followed",
                        "random bytes for leaves", "random bytes above leaves",
                        "frames and tables anywhere")]
LINUX = [f"Linux guest: {what}"
         for what in ("walk to extents, a leaf", "walk to leaves, a leaf",
                      "translate, one a call", "translate, 32 a call")]
ROWS = CHANGES + WALKS + ROOTS + TRANSLATIONS + HOSTILE + LINUX
BY_CORE = [CHANGES[2], ROOTS[0]] + HOSTILE + [
    name for name in TRANSLATIONS if "accesses" in name]

MEASURED = ["name", "core_ns", "loop_ns", "ratio", "loop_adds", "should_be"]
LACKING = "no tables of a guest's: `make run` saves them"


def linux(tests, memory, name="linux", cr3="0x1000\n"):
    """A guest's memory and CR3, as tools/vm/guest leaves them."""
    directory = tests.tmp / name
    directory.mkdir()
    if memory:
        memory.save(directory / "memory")
    if cr3 is not None:
        (directory / "cr3").write_text(cr3)
    return directory


def positive(number):
    return isinstance(number, float) and number > 0


def rows(tests, directory):
    """All of them, measured once each."""
    output = tests.run("--rounds=1", "--json", f"--guest={directory}")
    told = json.loads(output.stdout)
    tests.case("JSON: one object, and nothing said beside it",
               not output.returncode and not output.stderr and
               sorted(told) == ["add_ns", "bench", "compiler", "processor",
                                "rounds", "rows"], output)
    tests.case("JSON: of this machine",
               told["bench"] == 1 and told["rounds"] == 1 and
               re.search(r"\d", told["compiler"]) and
               isinstance(told["processor"], str) and
               positive(told["add_ns"]), told)
    tests.expect("JSON: each row", [row["name"] for row in told["rows"]], ROWS)
    for row in told["rows"]:
        loop = [row["loop_adds"], row["should_be"]]
        tests.case(f"JSON: {row['name']}",
                   list(row) == MEASURED and
                   all(map(positive, (row[key] for key in MEASURED[1:4]))) and
                   (loop == [None, None] if row["name"] in BY_CORE
                    else all(map(positive, loop))), row)

    lines = tests.run("--rounds=1", f"--guest={directory}").stdout.decode()
    lines = lines.splitlines()[2:]
    tests.case("text: each row, and its numbers", len(lines) == len(ROWS) and all(
        line.startswith(f"{name} ") and
        len(line[len(name):].split()) == (3 if name in BY_CORE else 5)
        for line, name in zip(lines, ROWS)), lines)


def guests(tests, memory, directory):
    """Where a guest's tables are, or aren't."""
    def names(*arguments):
        done = tests.run("--rounds=1", "--json", *arguments)
        return [row["name"] for row in json.loads(done.stdout)["rows"]]

    tests.expect("a word: the rows that have it", names("hot"),
                 [name for name in ROWS if "hot" in name])
    nowhere = f"--guest={tests.tmp}/nowhere"
    told = json.loads(tests.run("--json", nowhere, "Linux").stdout)["rows"]
    tests.expect("no tables: in JSON", told,
                 [{**dict.fromkeys(MEASURED), "name": name, "lacking": LACKING}
                  for name in LINUX])
    lines = tests.run(nowhere, "Linux").stdout.decode().splitlines()
    tests.expect("no tables: a line each that says what to do", lines[2:],
                 [f"{name:<48} {LACKING}" for name in LINUX])

    saved = tests.tmp / "saved"
    memory.data += b"\xff" * 4096  # a page that is no table
    other = linux(tests, memory, "other")
    done = tests.run(f"--guest={other}", f"--save={saved}")
    tests.case("saved: nothing is measured", not done.returncode and
               not done.stdout and not done.stderr, done)
    tests.expect("saved: the tables, and no more", (
        (saved / "memory").read_bytes(), (saved / "cr3").read_text()), (
        pathlib.Path(directory / "memory").read_bytes() + bytes(4096),
        "0x1000\n"))
    tests.expect("saved: rows", names(f"--guest={saved}", "Linux"), LINUX)


def refused(tests, memory):
    """Each for its own reason."""
    nowhere = f"--guest={tests.tmp}/nowhere"
    for name, words, arguments in (
            ("an unknown option", ["--frob"], ["--frob"]),
            ("two words", ["walk", "too many"], ["map", "walk"]),
            ("a word of no row", ["no row", "frob"], ["--rounds=1", "frob"]),
            ("the same, in JSON", ["no row", "frob"],
             ["--rounds=1", "--json", "frob"]),
            ("no rounds", ["--rounds 0"], ["--rounds=0"]),
            ("rounds that are no number", ["--rounds many"], ["--rounds=many"]),
            ("rounds with a rest", ["--rounds 1x"], ["--rounds=1x"]),
            ("negative rounds", ["--rounds -1"], ["--rounds=-1"]),
            ("too many rounds", ["10000"], ["--rounds=10001"])):
        tests.refused(name, 2, words, *arguments)
    for name, words, directory in (
            ("no CR3 in its file", ["cr3", "no CR3"],
             linux(tests, memory, "a", "what\n")),
            ("no memory", ["memory", "No such file"], linux(tests, None, "b")),
            ("a CR3 outside", ["memory", "outside"],
             linux(tests, memory, "c", "0x10000000\n")),
            ("a CR3 of no tables", ["no tables"],
             linux(tests, memory, "d", "0x3000\n"))):
        tests.refused(name, 1, words, f"--guest={directory}", "Linux")
    tests.refused("nothing to be saved", 1, ["no guest"], nowhere,
                  f"--save={tests.tmp}/saved-nothing")
    tests.refused("nowhere to be saved", 1, ["/nonexistent/guest"],
                  f"--guest={tests.tmp}/linux", "--save=/nonexistent/guest")


def run(tests, memory):
    """@memory: eight pages, empty."""
    memory.set(0x1000, 0, 0x2067)
    memory.set(0x1000, 256, 0x2067, *[0] * 254, 0x2067)    # and twice again
    memory.set(0x2000, 0, 0x3067, 0x40000083)
    memory.set(0x3000, 0, 0x4067, 0x200083)
    memory.set(0x4000, 0, 0x8001, 0x9003)
    tests.vmem = f"{BUILD}/bench"
    directory = linux(tests, memory)
    rows(tests, directory)
    guests(tests, memory, directory)
    refused(tests, memory)
