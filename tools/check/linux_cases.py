# SPDX-License-Identifier: GPL-2.0-only
"""What vmem(1) makes of the Linux in a memory: its kernel, its processes and their
roots. Of real guests, booted by who calls run(); and of some made by hand, which need
no boot: hand()."""

import json
import pathlib
import re
import struct
import subprocess
import tempfile
import time

import linux_hand
from cases import elf, lime
from linux_hand import (COMM, INFO, LINK, MM, NX, PGD, SIZE, TASKS, Linux, qemu_note,
                        running_note)
from tests import BUILD

VMEM = f"{BUILD}/vmem"
HOSTILE_SECONDS = 10

# For /bin/busybox sh, as a part of a guest's init, with /proc mounted: processes with
# names of their own, and what the guest itself says of them. Two spin, so that vCPUs
# are in user mode.
GUEST = r"""
for name in alpha beta gamma-long-name-cut; do
	ln -s busybox "/bin/$name"
	(exec -a sleep "/bin/$name" 3600) &
done
ln -s busybox /bin/spin
for i in 1 2; do
	(exec -a sh /bin/spin -c 'while :; do :; done') &
done
sleep 2
{
	echo LINUX-BEGIN
	for p in /proc/[0-9]*; do
		pid=${p#/proc/}
		read -r comm < "$p/comm" || continue
		grep -q '^Kthread:.*1' "$p/status" && kind=kernel || kind=user
		grep -q VmSize "$p/status" || kind=kernel
		echo "LINUX $pid $kind $comm"
		sed "s/^/MAP $pid /" "$p/maps"
	done
	echo LINUX-END
} > /dev/ttyS0 2> /dev/null
"""


def said(console):
    """What a guest printed of itself: {pid: (name, [(first, last)])}, of processes
    with memory; and how many have none."""
    text = console.replace("\r", "").split("LINUX-BEGIN\n")[-1].split("LINUX-END")[0]
    processes, kernel = {}, 0
    for pid, kind, name in re.findall(r"^LINUX (\d+) (\w+) (.*)$", text, re.M):
        if kind == "user":
            processes[int(pid)] = name, []
        else:
            kernel += 1
    for pid, start, end in re.findall(r"^MAP (\d+) ([0-9a-f]+)-([0-9a-f]+) ", text,
                                      re.M):
        if int(pid) in processes:
            processes[int(pid)][1].append((int(start, 16), int(end, 16) - 1))
    return processes, kernel


def vmem(*arguments):
    start = time.monotonic()
    done = subprocess.run([VMEM, *map(str, arguments)], capture_output=True, text=True,
                          errors="replace", check=False, timeout=600)
    done.seconds = time.monotonic() - start
    return done


def roots_of(dump, *options):
    done = vmem("roots", "-m", dump, "--json", *options)
    return [json.loads(line) for line in done.stdout.splitlines()], done


def named(roots, half="kernel"):
    """{pid: (root, name)}, by the kernel's half where there is a pair."""
    return {p["pid"]: (r["root"], p["name"]) for r in roots
            for p in r.get("processes", ()) if r.get("half", half) == half}


def walked(dump, *options):
    done = vmem("walk", "-m", dump, "--json", *options)
    return [json.loads(line) for line in done.stdout.splitlines()], done


def run(tests, dump, expected, name="", kpti=False):
    """A dump of a guest that ran GUEST; `expected` is said() of its console. Threads of
    the kernel come and go, so that theirs is near the number that the guest told."""
    processes, kernel = expected
    roots, done = roots_of(dump)
    ours = named(roots)
    # what printed this is gone since
    tests.case(f"{name}: processes and names are the guest's",
               len(processes) > 5 and set(ours) <= set(processes) and
               all(ours[pid][1] == processes[pid][0] for pid in ours) and
               {"init", "alpha", "beta", "gamma-long-name", "spin"} <=
               {comm for _, comm in ours.values()}, ours, processes, done.stderr)
    threads = re.search(r"(\d+) threads of the kernel", done.stderr)
    threads = int(threads[1]) if threads else 0
    tests.case(f"{name}: threads of the kernel", abs(threads - kernel) <= 8, threads, kernel)
    tests.case(f"{name}: one root is the kernel's",
               sum(r.get("kernel", False) for r in roots) == 1, roots[:3])
    vcpus = [r for r in roots if "vcpu" in r]
    if vcpus:
        tests.case(f"{name}: what vCPUs run is named",
                   all(r.get("processes") or r.get("kernel") for r in vcpus) and
                   any(p["name"] == "spin" for r in vcpus for p in r.get("processes", ())),
                   vcpus)
    halves = {r.get("half") for r in roots if "processes" in r}
    tests.case(f"{name}: pairs of roots, if there are",
               halves == ({"kernel", "user"} if kpti else {None}), halves)
    belongs(tests, dump, name, ours, processes)
    together(tests, dump, name, roots)
    if kpti:
        pairs(tests, dump, name, roots, vcpus)


def belongs(tests, dump, name, ours, processes):
    """User memory of a root is where the guest says that this process has it; as
    places are random, of no other."""
    wrong, near, own = [], 0, 0
    for pid in ours:
        records, _ = walked(dump, "--pid", pid)
        pages = [(int(r["va"], 16), r["len"]) for r in records
                 if "page" in r and int(r["va"], 16) < 1 << 56]
        for va, length in pages:
            if not any(a <= va and va + length - 1 <= b for a, b in merged(processes[pid][1])):
                wrong.append((pid, hex(va), length))
        own += bool(pages)
        for other in set(ours) - {pid}:
            near += all(any(a <= va and va + length - 1 <= b for a, b in
                            merged(processes[other][1])) for va, length in pages)
    tests.case(f"{name}: each root maps what its process has", not wrong and
               own == len(ours), wrong[:5], own)
    tests.case(f"{name}: and none what another has", not near, near)


def merged(ranges):
    out = []
    for start, last in sorted(ranges):
        if out and start <= out[-1][1] + 1:
            out[-1] = out[-1][0], max(last, out[-1][1])
        else:
            out.append((start, last))
    return out


def together(tests, dump, name, roots):
    known = [r for r in roots if r["by"] != "guess"]
    records, done = walked(dump, "--all")
    tests.case(f"{name}: --all has the roots that are known",
               records and records[0]["roots"] == [r["root"] for r in known],
               records[:1], done.stderr)
    end = records[-1]["end"] if records else {}
    tests.case(f"{name}: what they share is told once",
               end.get("complete") and end["refs"] > len(known), end)
    text = vmem("walk", "-m", dump, "--all").stdout
    tests.case(f"{name}: a space is headed by its process",
               re.search(r"^space 0x[0-9a-f]+  pid \d+ \"alpha\"", text, re.M),
               text[:300])


def pairs(tests, dump, name, roots, vcpus):
    """KPTI: which half is looked at is chosen, and said."""
    pid = next(p["pid"] for r in roots for p in r.get("processes", ())
               if p["name"] == "alpha")
    kernel = {r["root"] for r in roots if r.get("half") == "kernel"}
    for half, there in (("kernel", True), ("user", False)):
        records, done = walked(dump, "--pid", pid, "--kpti", half)
        tests.case(f"{name}: --kpti {half}: of a process", records and
                   (records[0]["roots"][0] in kernel) == there and
                   f"{'the kernel' if there else 'user mode'}'s half" in done.stderr,
                   done.stderr)
        if vcpus:
            records, done = walked(dump, "--kpti", half)
            tests.case(f"{name}: --kpti {half}: of a vCPU", records and
                       (records[0]["roots"][0] in kernel) == there and
                       f"{'the kernel' if there else 'user mode'}'s half" in done.stderr,
                       done.stderr)
    if vcpus:
        records, done = walked(dump)
        tests.case(f"{name}: a vCPU in user mode: the kernel's half, which is said",
                   vcpus[0].get("half") != "user" or
                   (records[0]["roots"][0] == vcpus[0]["pair"] and
                    "CR3 has user mode's" in done.stderr), vcpus[0], done.stderr)


class Hand:
    """Files of hand-made memory."""

    def __init__(self, tests, directory):
        self.tests, self.dir = tests, pathlib.Path(directory)

    def raw(self, made):
        path = self.dir / "raw"
        path.write_bytes(made.data)
        return path

    def core(self, made, notes=None):
        path = self.dir / "core"
        note = made.note() if notes is None else notes
        at = 0x1000
        path.write_bytes(elf([(at, 0, 0, SIZE, SIZE)], note).ljust(at, b"\0") + made.data)
        return path

    def capture(self, made):
        path = self.dir / "lime"
        path.write_bytes(lime((0, bytes(made.data))))
        return path

    def processes(self, name, path, want, words=(), absent=(), status=0):
        """The processes of a file, and what is said of it."""
        roots, done = roots_of(path)
        got = {pid: (int(root, 16), comm) for pid, (root, comm) in named(roots).items()}
        self.tests.case(name, got == want and done.returncode == status and
                        all(w in done.stderr for w in words) and
                        not any(w in done.stderr for w in absent) and
                        done.seconds < HOSTILE_SECONDS, got, done.stderr, done.seconds)
        return roots

    def refused(self, name, words, *arguments, status=1):
        done = vmem(*arguments)
        self.tests.case(name, done.returncode == status and not done.stdout and
                        all(w in done.stderr for w in words), done)


def whole(made):
    """What is to be found of one that nothing was done to."""
    return {10: (made.process_root(0), "alpha"),
            11: (made.process_root(1), "a name\x1b\"\\of16"),
            13: (made.process_root(2), "leader"),
            14: (made.process_root(1), "shares")}


def hand(tests):
    """All cases that need no guest."""
    with tempfile.TemporaryDirectory() as directory:
        cases = Hand(tests, directory)
        with tests.group("a Linux made by hand"):
            forms(cases)
        with tests.group("VMCOREINFO"):
            texts(cases)
        with tests.group("symbols and types"):
            tables(cases)
        with tests.group("the list of processes"):
            lists(cases)
        with tests.group("which root"):
            choices(cases)


def forms(cases):
    for levels in (4, 5):
        for encoding in ("place", "base", "percpu"):
            made = Linux(levels, encoding)
            what = f"{levels} levels, addresses by {encoding}"
            roots = cases.processes(f"{what}: raw", cases.raw(made), whole(made),
                                    ["found in memory", ": 4 processes; ", ": 1 threads of the kernel, 1 processes that ended"])
            cases.tests.case(f"{what}: the kernel's root comes first",
                             roots and roots[0].get("kernel") and
                             roots[0]["root"] == hex(made.root) and
                             roots[0]["format"] == f"x86_64-{levels}level", roots[:1])
            cases.processes(f"{what}: LiME", cases.capture(made), whole(made))
            path = cases.core(made)
            cases.processes(f"{what}: ELF", path, whole(made), ["of the dump"])
            made.place(0x1a0000 - 700)
            cases.processes(f"{what}: in two pages", cases.raw(made), whole(made))
    made = Linux(layout=True)
    cases.processes("a kind of types that only a layout tells", cases.raw(made), whole(made))
    made = Linux(kpti=True)
    roots = cases.processes("KPTI", cases.raw(made), whole(made))
    users = {r["root"]: r for r in roots if r.get("half") == "user"}
    cases.tests.case("KPTI: roots of user mode", {
        hex(made.process_root(n) + 0x1000) for n in range(3)} == set(users) and
        all(r["pair"] == hex(int(r["root"], 16) - 0x1000) for r in users.values()), roots)
    text = vmem("roots", "-m", cases.raw(Linux())).stdout
    cases.tests.case("a name is shown plain",
                     'pid 11 "a name\\x1b\\x22\\x5cof16", pid 14 "shares"' in text, text)


def texts(cases):
    """What VMCOREINFO says, where it is found in memory, is believed if it holds."""
    none, hold = ["guesses"], ["doesn't hold"]

    def changed(name, words, **fields):
        made = Linux()
        for key, value in fields.pop("info").items():
            if value is None:
                del made.info[key]
            else:
                made.info[key] = value
        made.place(INFO)
        cases.processes(f"{name}: found", cases.raw(made), {}, [*none, *words])
        if words is not hold:
            cases.processes(f"{name}: told", cases.core(made), {}, [*none, *words])
            return
        # what the dump itself says is believed
        done = vmem("walk", "-m", cases.core(made))
        cases.tests.case(f"{name}: told", not done.returncode and
                         "VMCOREINFO" in done.stderr, done)

    changed("another release", hold, info={"OSRELEASE": "7.3.4-other"})
    changed("the begin of a release", hold, info={"OSRELEASE": "7.3.4"})
    changed("no release", ["no release"], info={"OSRELEASE": ""})
    changed("a long release", ["no release"], info={"OSRELEASE": "7" * 65})
    changed("a root that maps itself elsewhere", hold,
            info={"SYMBOL(swapper_pg_dir)": f"{linux_hand.image_va(0x9000):x}"})
    changed("a root in no memory", ["where no memory is"],
            info={"SYMBOL(swapper_pg_dir)": f"{linux_hand.image_va(SIZE):x}"})
    for value in ("", "-", "x", "0x1000", "1000g", "+0", "-0x1000000", " -16777216",
                  "99999999999999999999", "-9223372036854775809", "1", None):
        changed(f"phys_base={value}", ["tells no root"], info={"NUMBER(phys_base)": value})
    for value in ("", "g", "0x1000", "-1", "FFFFFFFF81001000", "1ffffffff81001000",
                  "ffffffff81001001", "ffff888000001000", None):
        changed(f"swapper_pg_dir={value}", ["tells no root"],
                info={"SYMBOL(swapper_pg_dir)": value})
    changed("levels", hold, info={"NUMBER(pgtable_l5_enabled)": "1"})
    changed("no name of a kernel", hold, info={"SYMBOL(init_uts_ns)": None})
    changed("an offset that isn't decimal", hold, info={"OFFSET(uts_namespace.name)": "0x8"})

    made = Linux()
    made.place(0x1000 * 0x190 - 5)
    cases.processes("a begin that two pages have isn't looked for", cases.raw(made), {}, none)
    made = Linux()
    other = Linux()
    other.info["OSRELEASE"] = "6.0.0-older"
    text = other.text()
    made.data[0x7000:0x7000 + len(text)] = text
    cases.processes("one that doesn't hold comes before", cases.raw(made), whole(made))
    text = (b"OSRELEASE=x\n" * 0x20000)[:0x100000]
    made = Linux()
    made.data[-len(text):] = text
    cases.processes("many that don't hold come behind", cases.raw(made), whole(made))
    made.data[0xc0000:0xc0000 + len(text)] = text
    made.place(SIZE - 0x2000)
    cases.processes("many that don't hold come before", cases.raw(made), {},
                    ["too much in memory looks like"])
    made = Linux()
    path = cases.core(made, made.note()[:-len(made.text()) // 2])
    cases.processes("a note that is cut: memory is searched", path, whole(made),
                    ["found in memory"])
    made.info["NUMBER(sme_mask)"] = "140737488355328"
    made.place(INFO)
    done = vmem("walk", "-m", cases.raw(made))
    cases.tests.case("an encryption bit is told", "--cpu c-bit=47 is from" in done.stderr,
                     done.stderr)


def tables(cases):
    """The kernel's own tables of itself."""
    unknown = ["processes aren't known"]

    def broken(name, words, change, encoding="place"):
        made = Linux(encoding=encoding)
        change(made)
        made.place(INFO)
        roots = cases.processes(name, cases.raw(made), {}, [*unknown, *words])
        cases.tests.case(f"{name}: the kernel's root stays",
                         roots and roots[0].get("kernel"), roots[:1])

    symbols, types = ["table of symbols"], ["types (BTF)"]
    for key in ("names", "num_syms", "token_table", "token_index", "offsets"):
        for value in (None, "0", "ffffffffffffffff", f"{linux_hand.image_va(SIZE):x}"):
            def change(made, key=f"SYMBOL(kallsyms_{key})", value=value):
                made.info.pop(key)
                if value:
                    made.info[key] = value
            broken(f"kallsyms_{key}={value}", symbols, change)
    broken("no relative base, where it is needed", symbols,
           lambda made: made.info.pop("SYMBOL(kallsyms_relative_base)"), "base")
    broken("another _stext", symbols,
           lambda made: made.info.update({"SYMBOL(_stext)": "ffffffff81000101"}))
    broken("no _stext", symbols, lambda made: made.info.pop("SYMBOL(_stext)"))
    for nr in (0, 1, 3, 5, 0xffffffff):
        broken(f"{nr} symbols", symbols,
               lambda made, nr=nr: made.put(linux_hand.NUMBERS, "I", nr))
    broken("tokens without an end", symbols, lambda made: made.data.__setitem__(
        slice(linux_hand.TOKENS, linux_hand.TOKENS + 0x1000), b"x" * 0x1000))
    broken("long names", symbols, lambda made: made.data.__setitem__(
        slice(linux_hand.NAMES, linux_hand.NAMES + 0x10000), b"\xff" * 0x10000))

    at = linux_hand.TYPES
    for name, form, where, value in (
            ("magic", "H", 0, 0xeb9e), ("version", "B", 2, 2),
            ("header's length", "I", 4, 0xffffffff), ("header's length", "I", 4, 0),
            ("types' begin", "I", 8, 0xfffffffc), ("types' length", "I", 12, 0xfffffffc),
            ("types' length", "I", 12, 13), ("strings' begin", "I", 16, 0xffffff00),
            ("strings' length", "I", 20, 0), ("strings' length", "I", 20, 0xffffffff),
            ("a kind that isn't known", "I", 24 + 4, 99 << 24),
            ("no kind", "I", 24 + 4, 0),
            ("more members than there are", "I", 24 + 4, 4 << 24 | 0xffffff)):
        broken(f"types: {name}: {value:#x}", types,
               lambda made, f=form, w=where, v=value: made.put(at + w, f, v))
    for end in (TASKS, linux_hand.TYPES, linux_hand.TYPES + 20, SIZE + 1, SIZE + (1 << 26)):
        made = Linux()
        made.kallsyms(end)
        cases.processes(f"types end at {end:#x}", cases.raw(made), {}, [*unknown, *types])
    made = Linux()
    made.data[made.data.index(b"thread_node\0")] ^= 1
    cases.processes("a member isn't there", cases.raw(made), {}, [*unknown, *types])

    class Deep(Linux):
        """Structures in each other, without an end."""
        def types(self):
            btf = linux_hand.Btf()
            for i in range(20):
                btf.struct("", *[("", j + 1, 0) for j in range(20)])
            btf.struct("task_struct", *[("", j + 1, 0) for j in range(20)])
            return btf.data()

    cases.processes("types: structures that are in themselves", cases.raw(Deep()), {},
                    [*unknown, *types])


def lists(cases):
    """Lists that are damaged: what can be found is."""
    def link(made, number, value, back=False):
        made.put(TASKS + 0x400 * number + LINK + 8 * back, "Q", value)

    made = Linux()
    want = whole(made)
    for value in (0, 0xffff888000000000 + SIZE, 1 << 62, made.task_at(1) + LINK + 1):
        made = Linux()
        link(made, 1, value)
        cases.processes(f"a link to {value:#x}: from both ends", cases.raw(made), want,
                        ["damaged", "may be missing"])
    made = Linux()
    link(made, 5, made.task_at(1) + LINK)
    cases.processes("a loop", cases.raw(made), want, ["comes again"])
    made = Linux()
    link(made, 2, made.task_at(2) + LINK)
    cases.processes("a task behind itself", cases.raw(made), want, ["comes again"])
    made = Linux()
    link(made, 2, made.task_at(1) + LINK)
    link(made, 3, made.task_at(4) + LINK, back=True)
    cases.processes("two loops", cases.raw(made),
                    {p: want[p] for p in (10, 11, 13, 14)}, ["comes again"])
    made = Linux()
    made.put(linux_hand.INIT + LINK, "QQ", linux_hand.image_va(linux_hand.INIT) + LINK,
             linux_hand.image_va(linux_hand.INIT) + LINK)
    cases.processes("no process", cases.raw(made), {}, [": 0 processes"], ["damaged"])
    for name, at, value in (("memory that isn't there", TASKS + 0x400 + MM, 8),
                            ("a root that isn't there", linux_hand.MMS + PGD, 1 << 60),
                            ("a root amid a page", linux_hand.MMS + PGD,
                             Linux().direct(0x20800))):
        made = Linux()
        made.put(at, "Q", value)
        cases.processes(name, cases.raw(made), {p: want[p] for p in (11, 13, 14)},
                        ["doesn't hold together"])
    made = Linux()
    for pointer in (0, 8, made.direct(linux_hand.SIGNALS + 0x4ff)):
        made = Linux()
        made.put(TASKS + 4 * 0x400 + linux_hand.SIGNAL, "Q", pointer)
        cases.processes(f"signals at {pointer:#x}", cases.raw(made),
                        {p: want[p] for p in (10, 11, 14)})
    made = Linux()
    node = TASKS + 4 * 0x400 + 0x100 + linux_hand.NODE
    made.put(node, "Q", made.direct(node))
    cases.processes("threads in a loop", cases.raw(made),
                    {p: want[p] for p in (10, 11)}, ["one too many"])
    made = Linux()
    made.data[TASKS + 0x400 + COMM:TASKS + 0x400 + COMM + 16] = b"x" * 16
    want = {**want, 10: (want[10][0], "x" * 15)}
    cases.processes("a name without an end", cases.raw(made), want)
    large(cases)


def large(cases):
    """A list without an end: each link leads to a task that wasn't met. All memory is
    mapped again and again, so that there are more addresses than there is memory."""
    made = Linux()
    for slot in range(512):
        made.put(0x5000 + 8 * slot, "Q", linux_hand.PS | NX)
    for at in range(0x100000, 0x1f0000, 8):
        here = (at - 0x100000) // 8
        made.put(at, "Q", made.direct(0x100000 + 8 * ((here * 5 + 3) % 0x1e000)) + (here % 512 << 21))
    made.put(TASKS + LINK, "Q", made.direct(0x100000 + LINK))
    path = cases.raw(made)
    _, done = roots_of(path)
    cases.tests.case("a list without an end", done.returncode == 0 and
                     "damaged" in done.stderr and done.seconds < HOSTILE_SECONDS,
                     done.stderr, done.seconds)


def choices(cases):
    """Which root is taken, where none is given."""
    made = Linux()
    raw = cases.raw(made)

    def taken(name, path, root, words, *options, levels=4):
        records, done = walked(path, *options)
        cases.tests.case(name, records and records[0]["roots"] == [hex(root)] and
                         records[0]["format"] == f"x86_64-{levels}level" and
                         all(w in done.stderr for w in words), records[:1], done.stderr)

    taken("the kernel's", raw, made.root, ["swapper_pg_dir", "7.3.4-hand"])
    taken("a process's", raw, made.process_root(1), ['process 11, "a name\\x1b\\x22\\x5cof16"'],
          "--pid", 11)
    five = Linux(5)
    path = cases.dir / "five"
    path.write_bytes(five.data)
    taken("the kernel's, 5 levels", path, five.root, ["swapper_pg_dir"], levels=5)
    taken("a process's, 5 levels", path, five.process_root(2), ["leader"], "--pid", 13,
          levels=5)
    note = qemu_note(made.process_root(0))
    core = cases.core(made, note + made.note())
    taken("a vCPU's", core, made.process_root(0), ["from vCPU 0"])
    taken("a process's, not a vCPU's", core, made.process_root(2), ["process 13"],
          "--pid", "13")
    roots, _ = roots_of(core)
    cases.tests.case("a vCPU and its process are one root",
                     roots[0].get("vcpus") == [0] and roots[0]["root"] ==
                     hex(made.process_root(0)) and roots[0]["processes"] ==
                     [{"pid": 10, "name": "alpha"}], roots[:1])
    core = cases.core(made, qemu_note(made.process_root(0)))
    roots, done = roots_of(core)
    cases.tests.case("registers without VMCOREINFO: memory is searched",
                     named(roots).keys() == whole(made).keys() and
                     "found in memory" in done.stderr, done.stderr)

    # Linux dumps itself without CR3, but tells what ran
    core = cases.core(made, b"".join(map(running_note, (0, 13, 2, 10))) + made.note())
    taken("of no CPU: the kernel's", core, made.root, ["swapper_pg_dir"])
    for cpu, root, words in ((0, made.root, ["CPU 0 was idle", "swapper_pg_dir"]),
                             (1, made.process_root(2), ["process 13 ran on CPU 1", "leader"]),
                             (2, made.root, ["thread 2 ran on CPU 2", "isn't known"]),
                             (3, made.process_root(0), ["process 10 ran on CPU 3"])):
        taken(f"what ran on CPU {cpu}", core, root, words, "--vcpu", cpu)
    cases.refused("what ran on a CPU that isn't told", ["no such vCPU"], "walk", "-m", core,
                  "--vcpu", 4)
    roots, _ = roots_of(core)
    cases.tests.case("CPUs of processes", {p["pid"]: p.get("cpus") for r in roots
                                           for p in r.get("processes", ())} ==
                     {10: [3], 11: None, 13: [1], 14: None}, roots)
    text = vmem("roots", "-m", core).stdout
    cases.tests.case("CPUs of processes, as text", 'pid 10 "alpha" on CPU 3' in text, text)
    lines = vmem("dump", "-m", core).stdout.splitlines()
    cases.tests.case("CPUs of a dump", [line.split(maxsplit=2)[1:] for line in lines
                                        if line.startswith("CPU ")] == [
        ["0", "was idle"], ["1", "ran thread 13"], ["2", "ran thread 2"],
        ["3", "ran thread 10"]], lines)
    records = [json.loads(line) for line in
               vmem("dump", "-m", core, "--json").stdout.splitlines()]
    cases.tests.case("CPUs of a dump, as JSON", [r["pid"] for r in records if "cpu" in r] ==
                     [0, 13, 2, 10], records)
    blank = cases.dir / "blank"
    blank.write_bytes(elf([(0x1000, 0, 0, 0x1000, 0x1000)], running_note(0) + running_note(13)
                          ).ljust(0x2000, b"\0"))
    cases.refused("what ran, and no Linux", ["of CPU 1 only what ran on it, 13", "VMCOREINFO"],
                  "walk", "-m", blank, "--vcpu", 1)
    core = cases.core(made, qemu_note(made.process_root(1)) + running_note(10) + made.note())
    taken("QEMU's notes of what ran say nothing", core, made.process_root(1),
          ["from vCPU 0"], "--vcpu", 0)

    for name, words, status, *arguments in (
            ("a kernel's thread", ["no such process"], 1, "--pid", 2),
            ("one that ended", ["no such process"], 1, "--pid", 12),
            ("no such process", ["no such process"], 1, "--pid", 99),
            ("no number", ["no number of a process"], 2, "--pid", "x"),
            ("a negative number", ["no number of a process"], 2, "--pid=-1"),
            ("both", ["--pid and --root"], 2, "--pid", 10, "-r", "0x1000"),
            ("a vCPU and a process", ["--pid and --vcpu"], 2, "--pid", 10, "--vcpu", 0),
            ("a vCPU and a root", ["--vcpu and --root"], 2, "-r", "0x1000", "--vcpu", 0),
            ("no such vCPU", ["no such vCPU"], 1, "--vcpu", 0),
            ("no pair", ["none of a pair"], 1, "--pid", 10, "--kpti", "user"),
            ("the kernel's is of no pair", ["none of a pair"], 1, "--kpti", "user")):
        cases.refused(name, words, "translate", "-m", raw, *arguments, "0", status=status)
    for option, value in (("-r", "0x1000"), ("--pid", "10"), ("--vcpu", "0"),
                          ("--kpti", "user")):
        cases.refused(f"--all and {option}", ["--all: without"], "walk", "-m", raw,
                      "--all", option, value, status=2)
        cases.refused(f"roots and {option}", ["it finds all roots: without"], "roots", "-m",
                      raw, option, value, status=2)
    blank = cases.dir / "blank"
    blank.write_bytes(bytes(SIZE))
    cases.refused("memory without Linux", ["no --root", "CR3", "no VMCOREINFO"], "walk",
                  "-m", blank, status=2)
    cases.refused("memory without Linux: --pid", ["aren't known", "no VMCOREINFO"], "walk",
                  "-m", blank, "--pid", 1)
    cases.refused("memory without Linux: --all", ["no root is known"], "walk", "-m", blank,
                  "--all")
    halves(cases)
    alls(cases)


def halves(cases):
    """KPTI, by vCPUs in user mode and in the kernel, by a process, and by hand."""
    made = Linux(kpti=True)
    kernel = made.process_root(0)
    for mode, cr3 in (("user mode", kernel + 0x1000), ("the kernel", kernel)):
        core = cases.core(made, qemu_note(cr3) + made.note())
        for half, root in (("kernel", kernel), ("user", kernel + 0x1000)):
            records, done = walked(core, "--kpti", half)
            cases.tests.case(f"a vCPU in {mode}: --kpti {half}", records and
                             records[0]["roots"] == [hex(root)] and
                             f"{'user mode' if root != kernel else 'the kernel'}'s half"
                             in done.stderr, done.stderr)
        records, done = walked(core)
        cases.tests.case(f"a vCPU in {mode}: the kernel's half", records and
                         records[0]["roots"] == [hex(kernel)] and
                         ("CR3 has user mode's" in done.stderr) == (cr3 != kernel),
                         done.stderr)
        roots, _ = roots_of(core)
        cases.tests.case(f"a vCPU in {mode}: its root is told as what it is",
                         roots[0]["root"] == hex(cr3) and
                         roots[0]["half"] == ("user" if cr3 != kernel else "kernel"),
                         roots[:1])
    raw = cases.raw(made)
    for arguments, root in ((("-r", hex(kernel)), kernel),
                            (("-r", hex(kernel + 0x1000)), kernel + 0x1000),
                            (("-r", hex(kernel), "--kpti=user"), kernel + 0x1000),
                            (("-r", hex(kernel + 0x1000), "--kpti=kernel"), kernel),
                            (("--pid=10",), kernel),
                            (("--pid=10", "--kpti=user"), kernel + 0x1000)):
        records, done = walked(raw, *arguments)
        cases.tests.case(f"KPTI: {' '.join(arguments)}", records and
                         records[0]["roots"] == [hex(root)], done.stderr)


def alls(cases):
    """All spaces in one walk."""
    made = Linux()
    raw = cases.raw(made)
    records, done = walked(raw, "--all")
    roots = [made.root, *(made.process_root(n) for n in range(3))]
    cases.tests.case("--all", records and records[0]["roots"] == list(map(hex, roots)) and
                     records[0]["labels"] ==
                     ["kernel (swapper_pg_dir)", 'pid 10 "alpha"',
                      'pid 11 "a name\\x1b\\x22\\x5cof16", pid 14 "shares"',
                      'pid 13 "leader"'] and
                     records[-1]["end"]["refs"] == 6, records[:1], records[-1:], done.stderr)
    text = vmem("walk", "-m", raw, "--all").stdout
    cases.tests.case("--all: headings", re.findall("^space 0x[0-9a-f]+  (.*)$", text, re.M) ==
                     (records[0]["labels"] if records else None), text)
    made.data[linux_hand.NAMES:linux_hand.NAMES + 8] = bytes(8)
    made.put(linux_hand.NUMBERS, "I", 0)
    raw = cases.raw(made)
    records, done = walked(raw, "--all")
    cases.tests.case("--all without processes: what shares its upper half", records and
                     set(records[0]["roots"]) == set(map(hex, roots)) and
                     records[0]["labels"].count("guess") == 3 and
                     "aren't known" in done.stderr, records[:1], done.stderr)

    many = Linux()
    many.tasks = [linux_hand.Task(100 + i, b"many", root=0) for i in range(7)]
    many.build()
    records, done = walked(cases.raw(many), "--all")
    cases.tests.case("--all: processes that share a root are one", records and
                     len(records[0]["roots"]) == 2 and
                     records[0]["labels"][1].count("many") == 7, records[:1], done.stderr)
    crowd(cases)


def crowd(cases):
    """More processes than a walk goes over: the roots that come first are walked."""
    made = Linux()
    made.data += bytes(10 << 20)
    for slot in range(1, 6):
        made.put(0x5000 + 8 * slot, "Q", slot << 21 | linux_hand.PS | NX)
    nr, room = 1100, SIZE
    ring = [linux_hand.image_va(linux_hand.INIT)] + \
        [made.direct(room + 0x400 * i) for i in range(nr)]
    for number, (at, following) in enumerate(zip(ring, ring[1:] + ring[:1])):
        made.put(room + 0x400 * (number - 1) + LINK if number else linux_hand.INIT + LINK,
                 "Q", following + LINK)
    for i in range(nr):
        at, mm, root = room + 0x400 * i, room + (2 << 20) + 0x40 * i, (6 << 20) + 0x1000 * i
        made.put(at + linux_hand.PID, "I", 1000 + i)
        made.put(at + MM, "Q", made.direct(mm))
        made.put(mm + PGD, "Q", made.direct(root))
        made.data[root + 0x800:root + 0x1000] = \
            made.data[made.root + 0x800:made.root + 0x1000]
    raw = cases.raw(made)
    records, done = walked(raw, "--all")
    cases.tests.case("--all: more than a walk goes over", records and
                     len(records[0]["roots"]) == 1024 and
                     f"of {nr + 1} roots the first 1024" in done.stderr and
                     records[-1]["end"]["complete"], records[:1], done.stderr)
    records, done = walked(raw, "--pid", 1000 + nr - 1)
    cases.tests.case("the last of many processes", records and records[0]["roots"] ==
                     [hex((6 << 20) + 0x1000 * (nr - 1))], done.stderr)


def flipped(tests, dump, places, seed, times, command=VMEM):
    """Bytes of a dump at `places`, [(offset, length)], changed: in time, and no crash."""
    import random  # pylint: disable=import-outside-toplevel
    chance = random.Random(seed)
    bad, worst = [], 0
    with open(dump, "r+b") as file:
        for _ in range(times):
            old = []
            for _ in range(chance.randint(1, 8)):
                offset, length = chance.choice(places)
                at = offset + chance.randrange(length)
                file.seek(at)
                old.append((at, file.read(1)))
                file.seek(at)
                file.write(bytes((chance.randrange(256),)))
            file.flush()
            start = time.monotonic()
            try:
                done = subprocess.run([command, "walk", "-m", dump, "--pid", "1", "--json"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      check=False, timeout=60)
                if done.returncode not in (0, 1):
                    bad.append((old, done.returncode, done.stderr[-500:]))
            except subprocess.TimeoutExpired:
                bad.append((old, "too long"))
            worst = max(worst, time.monotonic() - start)
            for at, byte in reversed(old):
                file.seek(at)
                file.write(byte)
    tests.case(f"{times} dumps with flipped bytes (seed {seed})",
               not bad and worst < HOSTILE_SECONDS, bad[:3], worst)
