# SPDX-License-Identifier: GPL-2.0-only
"""A Linux of 2 MiB, made by hand: tables, VMCOREINFO, a table of symbols, a
description of types, and tasks. Nothing of it runs; vmem reads of it what it reads
of a real one. It is made of fields, so that a case changes one and builds anew."""

import struct

SIZE = 2 << 20
KERNEL = 0xffffffff80000000     # __START_KERNEL_map
BASE = 0x1000000                # the image lies so far behind it: phys_base is below 0
DIRECT = {4: 0xffff888000000000, 5: 0xff11000000000000}
P, PS, NX = 0x63, 0xe3, 1 << 63

# Where things are in memory.
PML4, PML5, UTS, INFO, NUMBERS = 0x1000, 0x8000, 0x9000, 0xa000, 0xb000
INIT, TASKS, MMS, SIGNALS, ROOTS = 0x10000, 0x11000, 0x18000, 0x1c000, 0x20000
TOKENS, INDEX, OFFSETS, NAMES, TYPES = 0x40000, 0x41000, 0x42000, 0x44000, 0x60000

# Members: of task_struct, in bytes.
FLAGS, LINK, PID, MM, SIGNAL, NODE, COMM = 8, 16, 32, 40, 48, 56, 72
HEAD, PGD = 16, 24              # of signal_struct, of mm_struct
KTHREAD = 0x200000


def image_va(phys):
    return KERNEL + BASE + phys


class Btf:
    """A description of types."""

    def __init__(self, layout=False):
        self.strings = b"\0"
        self.types = b""
        self.nr = 0
        self.layout = layout

    def string(self, text):
        self.strings += text.encode() + b"\0"
        return len(self.strings) - len(text) - 1 if text else 0

    def type(self, name, kind, nr, number, behind=b""):
        self.types += struct.pack("<III", self.string(name), kind << 24 | nr,
                                  number) + behind
        self.nr += 1
        return self.nr

    def struct(self, name, *members, kind=4, bits=False):
        """(name, type, offset in bytes)"""
        behind = b"".join(struct.pack("<III", self.string(m), t, 8 * at)
                          for m, t, at in members)
        return self.type(name, kind | (bits and 0x80), len(members), 128, behind)

    def data(self):
        head = [0, len(self.types), len(self.types), len(self.strings)]
        layout = b""
        if self.layout:
            # bytes behind a type of each kind, once and a member: 30 is new
            layout = bytes(4 * 30) + bytes((8, 4, 0, 0))
            head += [len(self.types) + len(self.strings), len(layout)]
        return struct.pack(f"<HBB{len(head) + 1}I", 0xeb9f, 1, 0,
                           8 + 4 * len(head), *head) + \
            self.types + self.strings + layout


class Task:
    """One that has or had memory; or a thread of the kernel."""

    def __init__(self, pid, comm, flags=0, root=None, threads=()):
        self.pid, self.comm, self.flags, self.root = pid, comm, flags, root
        self.threads = threads      # roots of the others


class Linux:
    """What there is to change is in attributes."""

    def __init__(self, levels=4, encoding="place", kpti=False, layout=False):
        self.levels, self.encoding, self.kpti = levels, encoding, kpti
        self.release = b"7.3.4-hand"
        self.data = bytearray(SIZE)
        self.layout = layout
        self.tasks = [
            Task(2, b"kthreadd", flags=KTHREAD),
            Task(10, b"alpha", root=0),
            Task(11, b"a name\x1b\"\\of16", root=1),
            Task(12, b"ended"),
            Task(13, b"leader", threads=(None, 2)),
            Task(14, b"shares", root=1),
        ]
        self.symbols = [("T", "_stext", 0x100), ("A", "fixed_percpu_data", None),
                        ("T", "long_" + "x" * 200, 0x200), ("D", "init_task", INIT),
                        ("r", "__start_BTF", TYPES), ("r", "__stop_BTF", None),
                        ("T", "_etext", 0x300)]
        self.info = {
            "OSRELEASE": self.release.decode(), "PAGESIZE": "4096",
            "SYMBOL(init_uts_ns)": f"{image_va(UTS):x}",
            "OFFSET(uts_namespace.name)": "8",
            "SYMBOL(swapper_pg_dir)": f"{image_va(self.root):x}",
            "SYMBOL(_stext)": f"{image_va(0x100):x}",
            "SYMBOL(kallsyms_names)": f"{image_va(NAMES):x}",
            "SYMBOL(kallsyms_num_syms)": f"{image_va(NUMBERS):x}",
            "SYMBOL(kallsyms_token_table)": f"{image_va(TOKENS):x}",
            "SYMBOL(kallsyms_token_index)": f"{image_va(INDEX):x}",
            "SYMBOL(kallsyms_offsets)": f"{image_va(OFFSETS):x}",
            "NUMBER(phys_base)": f"{-BASE}",
            "NUMBER(pgtable_l5_enabled)": "1" if levels == 5 else "0",
            "KERNELOFFSET": "0", "NUMBER(sme_mask)": "0",
        }
        if encoding != "place":
            self.info["SYMBOL(kallsyms_relative_base)"] = f"{image_va(NUMBERS + 8):x}"
        self.build()

    @property
    def root(self):
        return PML5 if self.levels == 5 else PML4

    def put(self, at, form, *words):
        struct.pack_into("<" + form, self.data, at, *words)

    def direct(self, phys):
        return DIRECT[self.levels] + phys

    def process_root(self, number):
        return ROOTS + 0x2000 * number

    def tables(self):
        direct4 = DIRECT[4] >> 39 & 511
        self.put(PML4 + 8 * 511, "Q", 0x2000 | P)
        self.put(0x2000 + 8 * 510, "Q", 0x3000 | P)
        self.put(0x3000 + 8 * (BASE >> 21), "Q", PS)
        self.put(0x4000, "Q", 0x5000 | P)
        self.put(0x5000, "Q", PS | NX)
        if self.levels == 5:
            self.put(PML5 + 8 * 511, "Q", PML4 | P)
            self.put(PML5 + 8 * (DIRECT[5] >> 48 & 511), "Q", 0x6000 | P)
            self.put(0x6000, "Q", 0x4000 | P)
        else:
            self.put(PML4 + 8 * direct4, "Q", 0x4000 | P)

    def roots(self):
        for number in range(3):
            root = self.process_root(number)
            self.data[root + 0x800:root + 0x1000] = \
                self.data[self.root + 0x800:self.root + 0x1000]
            # user memory: its own tables, down to the page at 0
            tables = 0x30000 + 0x4000 * number
            path = [root] + [tables + 0x1000 * i for i in range(self.levels - 1)]
            for above, below in zip(path, path[1:]):
                self.put(above, "Q", below | 0x67)
            self.put(path[-1], "Q", 0x67 | NX)
            if self.kpti:
                self.put(root, "Q", path[1] | 0x67 | NX)
                self.put(root + 0x1000, "Q", path[1] | 0x67)
                self.put(root + 0x1ff8, "Q", struct.unpack_from(
                    "<Q", self.data, root + 0xff8)[0])

    def task_at(self, number):
        """Where a task is: it is a structure of the direct map."""
        return self.direct(TASKS + 0x400 * number)

    def list_of_tasks(self):
        ring = [image_va(INIT)] + [self.task_at(i) for i in range(len(self.tasks))]
        for at, following, before in zip(ring, ring[1:] + ring[:1], ring[-1:] + ring):
            phys = at - (KERNEL + BASE if at == ring[0] else self.direct(0))
            self.put(phys + LINK, "QQ", following + LINK, before + LINK)
        for number, task in enumerate(self.tasks):
            at = TASKS + 0x400 * number
            self.put(at + FLAGS, "I", task.flags)
            self.put(at + PID, "I", task.pid)
            self.data[at + COMM:at + COMM + 16] = task.comm.ljust(16, b"\0")
            signal = SIGNALS + 0x100 * number
            self.put(at + SIGNAL, "Q", self.direct(signal))
            threads = [at] + [at + 0x100 * (1 + i) for i in range(len(task.threads))]
            for thread, root in zip(threads, (task.root, *task.threads)):
                if root is not None:
                    mm = MMS + 0x100 * root
                    self.put(thread + MM, "Q", self.direct(mm))
                    self.put(mm + PGD, "Q", self.direct(self.process_root(root)))
            nodes = [signal + HEAD] + [t + NODE for t in threads]
            for node, following in zip(nodes, nodes[1:] + nodes[:1]):
                self.put(node, "Q", self.direct(following))

    def types(self):
        btf = Btf(self.layout)
        word = btf.type("int", 1, 0, 4, bytes(4))
        btf.type("task_struct", 7, 0, 0)
        if self.layout:
            btf.type("new", 30, 2, 0, bytes(8 + 2 * 4))
        inner = btf.struct("", ("unused", word, 0), ("pgd", word, 8))
        outer = btf.struct("", ("other", word, 0), ("", inner, 8), kind=5)
        const = btf.type("", 10, 0, outer)
        btf.struct("mm_struct", ("", const, 8))
        btf.struct("signal_struct", ("thread_head", word, HEAD))
        btf.struct("task_struct", ("flags", word, FLAGS), ("tasks", word, LINK),
                   ("pid", word, PID), ("mm", word, MM), ("signal", word, SIGNAL),
                   ("thread_node", word, NODE), ("comm", word, COMM), bits=True)
        return btf.data()

    def kallsyms(self, end):
        tokens = [bytes((i,)) if i > 32 else b"" for i in range(256)]
        tokens[1], tokens[2] = b"Tlong_", b"xxxxxxxx"
        table = b""
        for i, token in enumerate(tokens):
            self.put(INDEX + 2 * i, "H", len(table))
            table += token + b"\0"
        self.data[TOKENS:TOKENS + len(table)] = table
        names = b""
        for number, (kind, name, phys) in enumerate(self.symbols):
            text = (kind + name).encode()
            if len(text) > 127:     # its begin is a token
                text = b"\1" + text[6:]
            length = len(text)
            names += bytes((length,) if length < 128 else
                           (0x80 | length & 0x7f, length >> 7)) + text
            address = image_va(end if name == "__stop_BTF" else phys or 0)
            place = OFFSETS + 4 * number
            base = image_va(0)
            if self.encoding == "place":
                word = address - image_va(place)
            elif self.encoding == "base":
                word = address - base
            else:
                word = 0x1000 if phys is None and kind == "A" else base - 1 - address
            self.put(place, "i", word)
        self.data[NAMES:NAMES + len(names)] = names
        self.put(NUMBERS, "I", len(self.symbols))
        self.put(NUMBERS + 8, "Q", image_va(0))

    def text(self):
        return "".join(f"{k}={v}\n" for k, v in self.info.items()).encode()

    def build(self):
        self.tables()
        self.roots()
        self.list_of_tasks()
        types = self.types()
        self.data[TYPES:TYPES + len(types)] = types
        self.kallsyms(TYPES + len(types))
        at = UTS + 8 + 2 * 65
        self.data[at:at + 65] = self.release.ljust(65, b"\0")
        self.place(INFO)

    def place(self, at):
        """VMCOREINFO, from there on, and nowhere else; no terminator behind it."""
        self.data[INFO:INFO + 0x1000] = bytes(0x1000)
        text = self.text()
        self.data[at:at + len(text) + 1] = text + b"\xff"

    def note(self):
        text = self.text()
        return struct.pack("<III", 11, len(text), 0) + b"VMCOREINFO\0\0" + \
            text.ljust(-(-len(text) // 4) * 4, b"\0")


def qemu_note(cr3, cr4=0x20, cr0=0x80000011):
    """The registers of a vCPU, as QEMU's note has them."""
    state = struct.pack("<II", 1, 440).ljust(392, b"\0") + \
        struct.pack("<5Q", cr0, 0, 0, cr3, cr4)
    return struct.pack("<III", 5, 440, 0) + b"QEMU\0\0\0\0" + state.ljust(440, b"\0")


def running_note(pid):
    """What ran on a CPU, as Linux' note has it when it dumps itself."""
    state = bytearray(336)
    struct.pack_into("<I", state, 32, pid)
    return struct.pack("<III", 5, 336, 1) + b"CORE\0\0\0\0" + bytes(state)
